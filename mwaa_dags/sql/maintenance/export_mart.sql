-- A mart for readers outside the warehouse: Parquet in Hive's partitions, encrypted with the bucket's own key.
-- Running it again replaces each month's files.
UNLOAD ('SELECT * FROM marts.mart_on_time_performance')
TO 's3://{{ cfg.buckets.warehouse }}/exports/mart_on_time_performance/'
IAM_ROLE '{{ cfg.warehouse.unload_role_arn }}'
FORMAT AS PARQUET
PARTITION BY (month_start)
MANIFEST
ENCRYPTED AUTO
CLEANPATH;
