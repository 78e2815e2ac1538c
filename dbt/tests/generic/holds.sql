{# An expression is true for every row; null fails. #}
{% test holds(model, expression) %}

select *
from {{ model }}
where ({{ expression }}) is not true

{% endtest %}
