with source as (

    select * from {{ source('core', 'dim_airline') }}

),

renamed as (

    select
        airline_key, carrier, name as airline_name, valid_from, valid_to, is_current, loaded_at
    from source

)

select * from renamed
