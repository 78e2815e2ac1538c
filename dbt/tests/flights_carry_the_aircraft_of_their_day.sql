-- A flight's aircraft key is that of the version valid on its date; -1 only if there is none.
select flights.flight_key, flights.flight_date, flights.tail_number, flights.aircraft_key, versions.aircraft_key
from {{ ref('stg_flights') }} as flights
left join {{ ref('stg_aircraft') }} as versions
    on flights.tail_number = versions.tail_number
    and flights.flight_date >= versions.valid_from
    and flights.flight_date < versions.valid_to
where flights.aircraft_key <> coalesce(versions.aircraft_key, -1)
