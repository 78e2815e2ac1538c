{# Whether a delay makes a flight late; a flight without a delay is not. #}
{% macro is_late(delay_minutes) -%}
    coalesce({{ delay_minutes }} >= {{ var('on_time_limit_minutes') }}, false)
{%- endmacro %}


{# Number of rows for which a condition is true; Redshift has no FILTER clause. #}
{% macro count_if(condition) -%}
    sum(case when {{ condition }} then 1 else 0 end)
{%- endmacro %}


{# `part` of `whole` as a number from 0 to 1; null when there is no whole. #}
{% macro share(part, whole) -%}
    ({{ part }})::double precision / nullif({{ whole }}, 0)
{%- endmacro %}


{# First day of the month of a date. #}
{% macro month_start(day) -%}
    date_trunc('month', {{ day }})::date
{%- endmacro %}


{# The latest version of each member of a type 2 dimension, closed ones included. #}
{% macro latest_version(dimension, business_key) -%}
    select *
    from (
        select
            *,
            row_number() over (partition by {{ business_key }} order by valid_from desc) as version_rank
        from {{ dimension }}
        where {{ business_key }} is not null
    ) as ranked
    where version_rank = 1
{%- endmacro %}
