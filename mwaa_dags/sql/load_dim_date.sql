{# Loads dim_date as the run delivered it: members that are there are updated, new ones added, none deleted. #}
DELETE FROM staging.dim_date;

COPY staging.dim_date
FROM 's3://{{ cfg.buckets.warehouse }}/dim_date/run={{ run_key }}/'
IAM_ROLE '{{ cfg.warehouse.copy_role_arn }}'
FORMAT AS PARQUET;

MERGE INTO core.dim_date
USING staging.dim_date AS delivered
ON core.dim_date.date_key = delivered.date_key
WHEN MATCHED THEN UPDATE SET
    full_date = delivered.full_date,
    year = delivered.year,
    quarter = delivered.quarter,
    month = delivered.month,
    month_name = delivered.month_name,
    day_of_month = delivered.day_of_month,
    day_of_week = delivered.day_of_week,
    day_name = delivered.day_name,
    iso_week = delivered.iso_week,
    is_weekend = delivered.is_weekend,
    loaded_at = GETDATE()
WHEN NOT MATCHED THEN INSERT (
    date_key, full_date, year, quarter, month, month_name, day_of_month, day_of_week, day_name,
    iso_week, is_weekend, loaded_at
) VALUES (
    delivered.date_key, delivered.full_date, delivered.year, delivered.quarter, delivered.month,
    delivered.month_name, delivered.day_of_month, delivered.day_of_week, delivered.day_name,
    delivered.iso_week, delivered.is_weekend, GETDATE()
);
