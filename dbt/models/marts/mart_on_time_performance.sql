{{ config(dist='all', sort=['month_start', 'carrier', 'origin']) }}

with flights as (

    select *, {{ month_start('flight_date') }} as month_start
    from {{ ref('stg_flights') }}

),

counted as (

    select
        month_start,
        carrier,
        origin,
        count(*) as flights_scheduled,
        {{ count_if('is_cancelled') }} as flights_cancelled,
        {{ count_if('is_diverted') }} as flights_diverted,
        {{ count_if('has_departed') }} as departures,
        {{ count_if('is_departure_late') }} as departures_late,
        {{ count_if('has_arrived') }} as arrivals,
        {{ count_if('has_arrived and is_arrival_late') }} as arrivals_late,
        {{ count_if('has_arrived and not is_arrival_late') }} as arrivals_on_time,
        avg(departure_delay_minutes::double precision) as mean_dep_delay_minutes,
        avg(arr_delay_minutes::double precision) as mean_arr_delay_minutes,
        percentile_cont(0.95) within group (order by arr_delay_minutes::double precision) as p95_arr_delay_minutes
    from flights
    group by month_start, carrier, origin

)

select
    counted.month_start,
    counted.carrier,
    airlines.airline_name,
    counted.origin,
    counted.flights_scheduled,
    counted.flights_cancelled,
    counted.flights_diverted,
    counted.departures,
    counted.departures_late,
    counted.arrivals,
    counted.arrivals_late,
    counted.arrivals_on_time,
    {{ share('counted.arrivals_on_time', 'counted.flights_scheduled') }} as on_time_share,
    {{ share('counted.flights_cancelled', 'counted.flights_scheduled') }} as cancelled_share,
    counted.mean_dep_delay_minutes,
    counted.mean_arr_delay_minutes,
    counted.p95_arr_delay_minutes
from counted
left join {{ ref('int_airlines_latest') }} as airlines on counted.carrier = airlines.carrier
