-- A mart for readers outside the warehouse: Parquet in Hive's partitions, encrypted with the bucket's own key.
-- Running it again replaces each month's files: CLEANPATH empties the months' folders. There is no MANIFEST:
-- it would be beside the months, where CLEANPATH leaves it and the next UNLOAD refuses to overwrite it.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
UNLOAD ('SELECT * FROM marts.mart_on_time_performance')
TO 's3://{{ cfg.buckets.warehouse }}/exports/mart_on_time_performance/'
IAM_ROLE '{{ cfg.warehouse.unload_role_arn }}'
FORMAT AS PARQUET
PARTITION BY (month_start)
ENCRYPTED AUTO
CLEANPATH;
