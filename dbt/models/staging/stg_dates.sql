with source as (

    select * from {{ source('core', 'dim_date') }}

),

renamed as (

    select
        date_key, full_date, year, quarter, month, month_name, day_of_month, day_of_week, day_name,
        iso_week, is_weekend, loaded_at
    from source

)

select * from renamed
