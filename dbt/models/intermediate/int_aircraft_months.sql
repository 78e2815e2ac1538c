with flights as (

    select *, {{ month_start('flight_date') }} as month_start
    from {{ ref('stg_flights') }}
    where has_departed and tail_number is not null

),

lifecycle as (

    select flight_key, gate_to_gate_minutes from {{ ref('stg_flight_lifecycle') }}

)

select
    flights.month_start,
    flights.tail_number,
    flights.aircraft_key,
    count(*) as flights,
    min(flights.flight_date) as first_flight_date,
    sum(flights.distance_miles) as miles_flown,
    sum(flights.air_time_minutes) as air_minutes,
    sum(lifecycle.gate_to_gate_minutes) as gate_to_gate_minutes
from flights
left join lifecycle on flights.flight_key = lifecycle.flight_key
group by flights.month_start, flights.tail_number, flights.aircraft_key
