with source as (

    select * from {{ source('core', 'fact_airport_daily') }}

),

renamed as (

    select
        date_key, airport_key, flight_date, airport, departures_scheduled, departures,
        departures_cancelled, departures_delayed, mean_dep_delay_minutes, max_dep_delay_minutes,
        p95_dep_delay_minutes, arrivals_scheduled, arrivals, arrivals_cancelled, arrivals_diverted,
        arrivals_delayed, mean_arr_delay_minutes, max_arr_delay_minutes, p95_arr_delay_minutes,
        loaded_at
    from source

)

select * from renamed
