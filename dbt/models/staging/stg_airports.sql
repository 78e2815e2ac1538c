with source as (

    select * from {{ source('core', 'dim_airport') }}

),

renamed as (

    select
        airport_key, airport, name as airport_name, latitude_deg, longitude_deg, altitude_feet,
        utc_offset_hours, dst, time_zone, loaded_at
    from source

)

select * from renamed
