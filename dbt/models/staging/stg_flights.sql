with source as (

    select * from {{ source('core', 'fact_flight') }}

),

renamed as (

    select
        flight_key, date_key, airline_key, origin_airport_key, dest_airport_key, aircraft_key,
        weather_key, flight_date, carrier, flight_number, tail_number, origin, dest, sched_dep_time,
        sched_dep_hour_utc, dep_time, dep_delay_minutes, sched_arr_time, arr_time, arr_delay_minutes,
        cancelled as is_cancelled, cancellation_code, diverted as is_diverted, air_time_minutes,
        distance_miles, loaded_at,
        not cancelled as has_departed,
        not cancelled and not diverted as has_arrived,
        -- A cancelled flight has a delay at departure if it had left its gate and came back.
        case when not cancelled then dep_delay_minutes end as departure_delay_minutes,
        not cancelled and {{ is_late('dep_delay_minutes') }} as is_departure_late,
        {{ is_late('arr_delay_minutes') }} as is_arrival_late
    from source

)

select * from renamed
