{{ config(dist='all', sort=['origin', 'measure', 'band_number']) }}

with hours as (

    select
        hours.*,
        measures.measure,
        measured.value
    from {{ ref('int_flight_hours') }} as hours
    cross join (select distinct measure from {{ ref('weather_bands') }}) as measures
    left join {{ ref('int_weather_measures') }} as measured
        on hours.weather_key = measured.weather_key and measures.measure = measured.measure

),

banded as (

    select
        hours.origin,
        hours.measure,
        coalesce(bands.band_number, 0) as band_number,
        coalesce(bands.band, 'not measured') as band,
        count(*) as hours,
        sum(hours.flights)::bigint as flights,
        sum(hours.flights_cancelled)::bigint as flights_cancelled,
        sum(hours.departures)::bigint as departures,
        sum(hours.departures_late)::bigint as departures_late,
        sum(hours.dep_delay_minutes) as dep_delay_minutes,
        sum(hours.delays_known) as delays_known
    from hours
    left join {{ ref('weather_bands') }} as bands
        on hours.measure = bands.measure
        and hours.value >= bands.lower_bound
        and hours.value < bands.upper_bound
    group by 1, 2, 3, 4

),

origins as (

    select origin, {{ share('sum(dep_delay_minutes)', 'sum(delays_known)') }} as mean_dep_delay_minutes
    from {{ ref('int_flight_hours') }}
    group by origin

)

select
    banded.origin,
    banded.measure,
    banded.band_number,
    banded.band,
    banded.hours,
    banded.flights,
    banded.flights_cancelled,
    banded.departures,
    banded.departures_late,
    {{ share('banded.flights_cancelled', 'banded.flights') }} as cancelled_share,
    {{ share('banded.departures_late', 'banded.departures') }} as late_departure_share,
    {{ share('banded.dep_delay_minutes', 'banded.delays_known') }} as mean_dep_delay_minutes,
    {{ share('banded.dep_delay_minutes', 'banded.delays_known') }} - origins.mean_dep_delay_minutes
        as extra_dep_delay_minutes
from banded
inner join origins on banded.origin = origins.origin
