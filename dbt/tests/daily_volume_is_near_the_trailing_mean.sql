-- A day has between half and twice the flights of the mean of the seven days before it. Looked at are days with all
-- seven before them; in 2013 the real ones lie between 0.67 and 1.16.
with days as (

    select flight_date, count(*) as flights
    from {{ ref('stg_flights') }}
    group by flight_date

),

compared as (

    select
        flight_date,
        flights,
        avg(flights::double precision) over (
            order by flight_date rows between 7 preceding and 1 preceding
        ) as trailing_mean,
        lag(flight_date, 7) over (order by flight_date) as week_before
    from days

)

select *
from compared
where week_before = flight_date - 7
    and (flights < 0.5 * trailing_mean or flights > 2 * trailing_mean)
