-- The days that the run was asked for (variables start and end) have airports in the daily mart.
{% if var('start') and var('end') %}
select dates.full_date
from {{ ref('stg_dates') }} as dates
left join {{ ref('mart_airport_daily') }} as days on dates.full_date = days.flight_date
where dates.full_date between '{{ var("start") }}' and '{{ var("end") }}'
    and days.flight_date is null
{% else %}
select full_date from {{ ref('stg_dates') }} where false  -- not part of a run: no day was asked for
{% endif %}
