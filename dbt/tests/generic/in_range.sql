{# Every value of `columns` lies between `min` and `max`, both allowed; nulls are not looked at. #}
{% test in_range(model, columns, min=none, max=none) %}

select {{ columns | join(', ') }}
from {{ model }}
where false
    {% for column in columns -%}
    {% if min is not none %}or {{ column }} < {{ min }}{% endif %}
    {% if max is not none %}or {{ column }} > {{ max }}{% endif %}
    {% endfor %}

{% endtest %}
