{% set measures = ['temperature_c', 'wind_speed_kmh', 'precipitation_mm', 'visibility_m'] %}

{% for measure in measures %}
select weather_key, '{{ measure }}'::varchar(20) as measure, {{ measure }} as value
from {{ ref('stg_weather') }}
{% if not loop.last %}union all{% endif %}
{% endfor %}
