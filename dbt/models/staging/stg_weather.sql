with source as (

    select * from {{ source('core', 'dim_weather') }}

),

renamed as (

    select
        weather_key, origin, time_hour, temperature_c, humidity_pct, dew_point_c, wind_direction_deg,
        wind_speed_kmh, wind_gust_kmh, precipitation_mm, pressure_hpa, visibility_m, loaded_at
    from source

)

select * from renamed
