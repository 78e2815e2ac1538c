with source as (

    select * from {{ source('core', 'dim_aircraft') }}

),

renamed as (

    select
        aircraft_key, tail_number, year_built, type as aircraft_type, manufacturer, model, engines,
        seats, cruise_speed_mph, engine, valid_from, valid_to, is_current, loaded_at
    from source

)

select * from renamed
