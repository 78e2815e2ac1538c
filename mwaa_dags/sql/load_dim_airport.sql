{# Loads dim_airport as the run delivered it: members that are there are updated, new ones added, none deleted. #}
DELETE FROM staging.dim_airport;

COPY staging.dim_airport
FROM 's3://{{ cfg.buckets.warehouse }}/dim_airport/run={{ run_key }}/'
IAM_ROLE '{{ cfg.warehouse.copy_role_arn }}'
FORMAT AS PARQUET;

MERGE INTO core.dim_airport
USING staging.dim_airport AS delivered
ON core.dim_airport.airport_key = delivered.airport_key
WHEN MATCHED THEN UPDATE SET
    airport = delivered.airport,
    name = delivered.name,
    latitude_deg = delivered.latitude_deg,
    longitude_deg = delivered.longitude_deg,
    altitude_feet = delivered.altitude_feet,
    utc_offset_hours = delivered.utc_offset_hours,
    dst = delivered.dst,
    time_zone = delivered.time_zone,
    loaded_at = GETDATE()
WHEN NOT MATCHED THEN INSERT (
    airport_key, airport, name, latitude_deg, longitude_deg, altitude_feet, utc_offset_hours, dst,
    time_zone, loaded_at
) VALUES (
    delivered.airport_key, delivered.airport, delivered.name, delivered.latitude_deg,
    delivered.longitude_deg, delivered.altitude_feet, delivered.utc_offset_hours, delivered.dst,
    delivered.time_zone, GETDATE()
);
