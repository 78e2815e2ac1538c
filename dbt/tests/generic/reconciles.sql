{#
  Aggregates of the model and of another relation agree, group by group.

  by:        expression over the model's rows → the same over the other's
  measures:  aggregate over the model's rows → the same over the other's, to a millionth
  groups_of: "both" (a group missing on one side fails, unless its measures are 0) or "model" (only the model's groups)
  where_other: condition on the other's rows
  other:     a relation, or a query in parentheses, which Redshift wants to have an alias
#}
{% test reconciles(model, other, by, measures, groups_of='both', where_other='true') %}

with ours as (

    select
        {% for ours, _ in by.items() %}{{ ours }} as group_{{ loop.index }}, {% endfor %}
        {% for ours, _ in measures.items() -%}
        ({{ ours }})::double precision as measure_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ model }}
    {% if by %}group by {% for _ in by %}{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %}{% endif %}

),

theirs as (

    select
        {% for _, theirs in by.items() %}{{ theirs }} as group_{{ loop.index }}, {% endfor %}
        {% for _, theirs in measures.items() -%}
        ({{ theirs }})::double precision as measure_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ other }} as others
    where {{ where_other }}
    {% if by %}group by {% for _ in by %}{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %}{% endif %}

)

select
    {% for _ in by -%}
    coalesce(ours.group_{{ loop.index }}, theirs.group_{{ loop.index }}) as group_{{ loop.index }},
    {% endfor %}
    {% for _ in measures -%}
    ours.measure_{{ loop.index }} as measure_{{ loop.index }},
    theirs.measure_{{ loop.index }} as expected_{{ loop.index }}{{ ',' if not loop.last }}
    {% endfor %}
from ours
{{ 'left' if groups_of == 'model' else 'full' }} join theirs
    on {% for _ in by %}ours.group_{{ loop.index }} = theirs.group_{{ loop.index }}{{ ' and ' if not loop.last }}{% else %}true{% endfor %}

where
    {% for _ in measures -%}
    abs(coalesce(ours.measure_{{ loop.index }}, 0) - coalesce(theirs.measure_{{ loop.index }}, 0)) > 0.000001{{ ' or' if not loop.last }}
    {% endfor %}

{% endtest %}
