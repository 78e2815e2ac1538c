with latest as (

    {{ latest_version(ref('stg_airlines'), 'carrier') }}

)

select carrier, airline_name from latest
