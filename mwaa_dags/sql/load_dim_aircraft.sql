{# Loads dim_aircraft as the run delivered it: members that are there are updated, new ones added, none deleted. #}
DELETE FROM staging.dim_aircraft;

COPY staging.dim_aircraft
FROM 's3://{{ cfg.buckets.warehouse }}/dim_aircraft/run={{ run_key }}/'
IAM_ROLE '{{ cfg.warehouse.copy_role_arn }}'
FORMAT AS PARQUET;

MERGE INTO core.dim_aircraft
USING staging.dim_aircraft AS delivered
ON core.dim_aircraft.aircraft_key = delivered.aircraft_key
WHEN MATCHED THEN UPDATE SET
    tail_number = delivered.tail_number,
    year_built = delivered.year_built,
    type = delivered.type,
    manufacturer = delivered.manufacturer,
    model = delivered.model,
    engines = delivered.engines,
    seats = delivered.seats,
    cruise_speed_mph = delivered.cruise_speed_mph,
    engine = delivered.engine,
    loaded_at = GETDATE()
WHEN NOT MATCHED THEN INSERT (
    aircraft_key, tail_number, year_built, type, manufacturer, model, engines, seats,
    cruise_speed_mph, engine, loaded_at
) VALUES (
    delivered.aircraft_key, delivered.tail_number, delivered.year_built, delivered.type,
    delivered.manufacturer, delivered.model, delivered.engines, delivered.seats,
    delivered.cruise_speed_mph, delivered.engine, GETDATE()
);
