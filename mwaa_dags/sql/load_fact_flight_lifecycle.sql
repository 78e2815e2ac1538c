{# Loads fact_flight_lifecycle: the run's days are replaced as a whole, so repeating a run, or a day of it, changes nothing. #}
DELETE FROM staging.fact_flight_lifecycle;

COPY staging.fact_flight_lifecycle
FROM 's3://{{ cfg.buckets.warehouse }}/fact_flight_lifecycle/run={{ run_key }}/'
IAM_ROLE '{{ cfg.warehouse.copy_role_arn }}'
FORMAT AS PARQUET;

DELETE FROM core.fact_flight_lifecycle
WHERE flight_date BETWEEN '{{ start }}' AND '{{ end }}';

INSERT INTO core.fact_flight_lifecycle (
    flight_key, date_key, airline_key, origin_airport_key, dest_airport_key, aircraft_key,
    flight_date, status, scheduled_departure_utc, departed_at_utc, scheduled_arrival_utc,
    arrived_at_utc, departure_lag_minutes, arrival_lag_minutes, gate_to_gate_minutes, loaded_at
)
SELECT
    flight_key, date_key, airline_key, origin_airport_key, dest_airport_key, aircraft_key,
    flight_date, status, scheduled_departure_utc, departed_at_utc, scheduled_arrival_utc,
    arrived_at_utc, departure_lag_minutes, arrival_lag_minutes, gate_to_gate_minutes, GETDATE()
FROM staging.fact_flight_lifecycle;
