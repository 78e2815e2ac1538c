{# Loads dim_airline as the run delivered it: members that are there are updated, new ones added, none deleted. #}
DELETE FROM staging.dim_airline;

COPY staging.dim_airline
FROM 's3://{{ cfg.buckets.warehouse }}/dim_airline/run={{ run_key }}/'
IAM_ROLE '{{ cfg.warehouse.copy_role_arn }}'
FORMAT AS PARQUET;

MERGE INTO core.dim_airline
USING staging.dim_airline AS delivered
ON core.dim_airline.airline_key = delivered.airline_key
WHEN MATCHED THEN UPDATE SET
    carrier = delivered.carrier,
    name = delivered.name,
    loaded_at = GETDATE()
WHEN NOT MATCHED THEN INSERT (
    airline_key, carrier, name, loaded_at
) VALUES (
    delivered.airline_key, delivered.carrier, delivered.name, GETDATE()
);
