-- The bands of a measure follow each other without gap or overlap.
with bands as (

    select
        *,
        lead(lower_bound) over (partition by measure order by band_number) as next_lower_bound
    from {{ ref('weather_bands') }}

)

select *
from bands
where lower_bound >= upper_bound or next_lower_bound <> upper_bound
