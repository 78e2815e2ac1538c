with latest as (

    {{ latest_version(ref('stg_aircraft'), 'tail_number') }}

)

select
    tail_number,
    year_built,
    aircraft_type,
    manufacturer,
    model,
    engines,
    seats,
    cruise_speed_mph,
    engine,
    is_current as is_registered,
    (case when is_current then valid_from else valid_to end)::timestamp as changed_at
from latest
