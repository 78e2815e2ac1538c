-- What dbt's snapshot holds as the present state of the registry is what Spark's dimension says, aircraft by aircraft.
-- EXCEPT takes two nulls as equal.
{% set columns %}
tail_number, year_built, aircraft_type, manufacturer, model, engines, seats, cruise_speed_mph, engine, is_registered
{% endset %}

(
    select {{ columns }} from {{ ref('int_aircraft_latest') }}
    except
    select {{ columns }} from {{ ref('aircraft_snapshot') }} where dbt_valid_to is null
)
union all
(
    select {{ columns }} from {{ ref('aircraft_snapshot') }} where dbt_valid_to is null
    except
    select {{ columns }} from {{ ref('int_aircraft_latest') }}
)
