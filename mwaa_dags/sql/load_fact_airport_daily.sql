{# Loads fact_airport_daily: the run's days are replaced as a whole, so repeating a run, or a day of it, changes nothing. #}
DELETE FROM staging.fact_airport_daily;

COPY staging.fact_airport_daily
FROM 's3://{{ cfg.buckets.warehouse }}/fact_airport_daily/run={{ run_key }}/'
IAM_ROLE '{{ cfg.warehouse.copy_role_arn }}'
FORMAT AS PARQUET;

DELETE FROM core.fact_airport_daily
WHERE flight_date BETWEEN '{{ start }}' AND '{{ end }}';

INSERT INTO core.fact_airport_daily (
    date_key, airport_key, flight_date, airport, departures_scheduled, departures,
    departures_cancelled, departures_delayed, mean_dep_delay_minutes, max_dep_delay_minutes,
    p95_dep_delay_minutes, arrivals_scheduled, arrivals, arrivals_cancelled, arrivals_diverted,
    arrivals_delayed, mean_arr_delay_minutes, max_arr_delay_minutes, p95_arr_delay_minutes,
    loaded_at
)
SELECT
    date_key, airport_key, flight_date, airport, departures_scheduled, departures,
    departures_cancelled, departures_delayed, mean_dep_delay_minutes, max_dep_delay_minutes,
    p95_dep_delay_minutes, arrivals_scheduled, arrivals, arrivals_cancelled, arrivals_diverted,
    arrivals_delayed, mean_arr_delay_minutes, max_arr_delay_minutes, p95_arr_delay_minutes,
    GETDATE()
FROM staging.fact_airport_daily;
