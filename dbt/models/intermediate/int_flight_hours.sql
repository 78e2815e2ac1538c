select
    origin,
    weather_key,
    count(*) as flights,
    {{ count_if('is_cancelled') }} as flights_cancelled,
    {{ count_if('has_departed') }} as departures,
    {{ count_if('is_departure_late') }} as departures_late,
    sum(departure_delay_minutes) as dep_delay_minutes,
    count(departure_delay_minutes) as delays_known
from {{ ref('stg_flights') }}
group by origin, weather_key
