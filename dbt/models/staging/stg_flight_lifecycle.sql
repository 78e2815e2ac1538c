with source as (

    select * from {{ source('core', 'fact_flight_lifecycle') }}

),

renamed as (

    select
        flight_key, date_key, airline_key, origin_airport_key, dest_airport_key, aircraft_key,
        flight_date, status, scheduled_departure_utc, departed_at_utc, scheduled_arrival_utc,
        arrived_at_utc, departure_lag_minutes, arrival_lag_minutes, gate_to_gate_minutes, loaded_at
    from source

)

select * from renamed
