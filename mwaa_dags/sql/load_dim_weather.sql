{# Loads dim_weather as the run delivered it: members that are there are updated, new ones added, none deleted. #}
DELETE FROM staging.dim_weather;

COPY staging.dim_weather
FROM 's3://{{ cfg.buckets.warehouse }}/dim_weather/run={{ run_key }}/'
IAM_ROLE '{{ cfg.warehouse.copy_role_arn }}'
FORMAT AS PARQUET;

MERGE INTO core.dim_weather
USING staging.dim_weather AS delivered
ON core.dim_weather.weather_key = delivered.weather_key
WHEN MATCHED THEN UPDATE SET
    origin = delivered.origin,
    time_hour = delivered.time_hour,
    temperature_c = delivered.temperature_c,
    humidity_pct = delivered.humidity_pct,
    dew_point_c = delivered.dew_point_c,
    wind_direction_deg = delivered.wind_direction_deg,
    wind_speed_kmh = delivered.wind_speed_kmh,
    wind_gust_kmh = delivered.wind_gust_kmh,
    precipitation_mm = delivered.precipitation_mm,
    pressure_hpa = delivered.pressure_hpa,
    visibility_m = delivered.visibility_m,
    loaded_at = GETDATE()
WHEN NOT MATCHED THEN INSERT (
    weather_key, origin, time_hour, temperature_c, humidity_pct, dew_point_c, wind_direction_deg,
    wind_speed_kmh, wind_gust_kmh, precipitation_mm, pressure_hpa, visibility_m, loaded_at
) VALUES (
    delivered.weather_key, delivered.origin, delivered.time_hour, delivered.temperature_c,
    delivered.humidity_pct, delivered.dew_point_c, delivered.wind_direction_deg,
    delivered.wind_speed_kmh, delivered.wind_gust_kmh, delivered.precipitation_mm,
    delivered.pressure_hpa, delivered.visibility_m, GETDATE()
);
