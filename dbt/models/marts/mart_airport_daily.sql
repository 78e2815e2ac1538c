{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='flight_date',
        on_schema_change='fail',
        dist='airport',
        sort=['flight_date', 'airport'],
        post_hook="{{ delete_days_without_source(this, ref('stg_airport_days')) }}"
    )
}}

with days as (

    select * from {{ ref('stg_airport_days') }}
    {% if is_incremental() %}
    where flight_date in ({{ restated_days(this, ref('stg_airport_days'), ref('stg_airports')) }})
    {% endif %}

)

select
    days.flight_date,
    days.airport,
    airports.airport_name,
    dates.is_weekend,
    days.departures_scheduled,
    days.departures,
    days.departures_cancelled,
    days.departures_delayed as departures_late,
    {{ share('days.departures_delayed', 'days.departures') }} as late_departure_share,
    days.mean_dep_delay_minutes,
    days.max_dep_delay_minutes,
    days.p95_dep_delay_minutes,
    days.arrivals_scheduled,
    days.arrivals,
    days.arrivals_cancelled,
    days.arrivals_diverted,
    days.arrivals_delayed as arrivals_late,
    {{ share('days.arrivals_delayed', 'days.arrivals') }} as late_arrival_share,
    days.mean_arr_delay_minutes,
    days.max_arr_delay_minutes,
    days.p95_arr_delay_minutes,
    rank() over (
        partition by days.flight_date
        order by days.departures_scheduled + days.arrivals_scheduled desc
    ) as traffic_rank,
    days.loaded_at
from days
inner join {{ ref('stg_airports') }} as airports on days.airport_key = airports.airport_key
inner join {{ ref('stg_dates') }} as dates on days.date_key = dates.date_key
