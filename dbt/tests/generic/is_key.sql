{# `columns` together identify a row: none of them is null, and no two rows agree in all. #}
{% test is_key(model, columns) %}

select {{ columns | join(', ') }}, count(*) as rows_found
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1 or {% for column in columns %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %}

{% endtest %}
