{#
  A type 2 dimension is well-formed: the versions of each member start before they end, no two hold on the same day, and
  current are those that have no end yet. Gaps are days on which the registry did not have the member.
#}
{% test versions_do_not_overlap(model, business_key) %}

with versions as (

    select
        {{ business_key }} as business_key,
        valid_from,
        valid_to,
        is_current,
        lead(valid_from) over (partition by {{ business_key }} order by valid_from) as next_from
    from {{ model }}

)

select *
from versions
where valid_from >= valid_to
    or next_from < valid_to
    or (is_current and valid_to <> date '9999-12-31')
    or (not is_current and valid_to = date '9999-12-31')

{% endtest %}
