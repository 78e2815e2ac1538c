{{ config(dist='tail_number', sort=['month_start', 'tail_number']) }}

with versions as (

    select
        months.*,
        months.flights * aircraft.seats as seats_offered,
        months.miles_flown * aircraft.seats::bigint as seat_miles,
        aircraft.manufacturer,
        aircraft.model,
        aircraft.year_built,
        aircraft.seats,
        row_number() over (
            partition by months.month_start, months.tail_number
            order by months.first_flight_date desc
        ) as version_rank
    from {{ ref('int_aircraft_months') }} as months
    inner join {{ ref('stg_aircraft') }} as aircraft on months.aircraft_key = aircraft.aircraft_key

),

days as (

    select
        {{ month_start('flight_date') }} as month_start,
        tail_number,
        count(distinct flight_date) as days_flown
    from {{ ref('stg_flights') }}
    where has_departed and tail_number is not null
    group by 1, 2

),

months as (

    select
        month_start,
        tail_number,
        max(case when version_rank = 1 then manufacturer end) as manufacturer,
        max(case when version_rank = 1 then model end) as model,
        max(case when version_rank = 1 then year_built end) as year_built,
        max(case when version_rank = 1 then seats end) as seats,
        sum(flights)::bigint as flights,
        sum(miles_flown)::bigint as miles_flown,
        sum(air_minutes)::double precision / 60 as air_hours,
        sum(gate_to_gate_minutes)::double precision / 60 as gate_to_gate_hours,
        sum(seats_offered)::bigint as seats_offered,
        sum(seat_miles)::bigint as seat_miles
    from versions
    group by month_start, tail_number

)

select
    months.month_start,
    months.tail_number,
    months.manufacturer,
    months.model,
    months.year_built,
    months.seats,
    days.days_flown,
    months.flights,
    {{ share('months.flights', 'days.days_flown') }} as flights_per_day_flown,
    months.miles_flown,
    months.air_hours,
    months.gate_to_gate_hours,
    months.seats_offered,
    months.seat_miles
from months
inner join days on months.month_start = days.month_start and months.tail_number = days.tail_number
