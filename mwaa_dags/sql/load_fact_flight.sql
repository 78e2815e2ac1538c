{# Loads fact_flight: the run's days are replaced as a whole, so repeating a run, or a day of it, changes nothing. #}
DELETE FROM staging.fact_flight;

COPY staging.fact_flight
FROM 's3://{{ cfg.buckets.warehouse }}/fact_flight/run={{ run_key }}/'
IAM_ROLE '{{ cfg.warehouse.copy_role_arn }}'
FORMAT AS PARQUET;

DELETE FROM core.fact_flight
WHERE flight_date BETWEEN '{{ start }}' AND '{{ end }}';

INSERT INTO core.fact_flight (
    flight_key, date_key, airline_key, origin_airport_key, dest_airport_key, aircraft_key,
    weather_key, flight_date, carrier, flight_number, tail_number, origin, dest, sched_dep_time,
    sched_dep_hour_utc, dep_time, dep_delay_minutes, sched_arr_time, arr_time, arr_delay_minutes,
    cancelled, cancellation_code, diverted, air_time_minutes, distance_miles, loaded_at
)
SELECT
    flight_key, date_key, airline_key, origin_airport_key, dest_airport_key, aircraft_key,
    weather_key, flight_date, carrier, flight_number, tail_number, origin, dest, sched_dep_time,
    sched_dep_hour_utc, dep_time, dep_delay_minutes, sched_arr_time, arr_time, arr_delay_minutes,
    cancelled, cancellation_code, diverted, air_time_minutes, distance_miles, GETDATE()
FROM staging.fact_flight;
