{#
  Loads dim_airline (type 2) as the run delivered it, with all versions of all airlines: versions that have not
  changed stay as they are, others are replaced. Before that, flights of members whose versions have moved, because
  a snapshot came late or was corrected, get the key of the version that is valid on their date, or -1. EXCEPT and
  INTERSECT take two nulls as equal. Dimensions of type 2 are loaded one after the other: both write to the facts.
#}
DELETE FROM staging.dim_airline;

COPY staging.dim_airline
FROM 's3://{{ cfg.buckets.warehouse }}/dim_airline/run={{ run_key }}/'
IAM_ROLE '{{ cfg.warehouse.copy_role_arn }}'
FORMAT AS PARQUET;

CREATE TEMPORARY TABLE airlines_to_rekey AS
SELECT carrier FROM (
    SELECT carrier, valid_from, valid_to FROM staging.dim_airline
    EXCEPT
    SELECT carrier, valid_from, valid_to FROM core.dim_airline
) AS added
UNION
SELECT carrier FROM (
    SELECT carrier, valid_from, valid_to FROM core.dim_airline
    EXCEPT
    SELECT carrier, valid_from, valid_to FROM staging.dim_airline
) AS removed;

CREATE TEMPORARY TABLE flights_to_rekey AS
SELECT flight.flight_key, COALESCE(version.airline_key, -1) AS airline_key
FROM core.fact_flight AS flight
INNER JOIN airlines_to_rekey AS moved ON flight.carrier = moved.carrier
LEFT JOIN staging.dim_airline AS version
    ON flight.carrier = version.carrier
    AND flight.flight_date >= version.valid_from
    AND flight.flight_date < version.valid_to
WHERE flight.airline_key <> COALESCE(version.airline_key, -1);

UPDATE core.fact_flight
SET airline_key = rekeyed.airline_key, loaded_at = GETDATE()
FROM flights_to_rekey AS rekeyed
WHERE core.fact_flight.flight_key = rekeyed.flight_key;

UPDATE core.fact_flight_lifecycle
SET airline_key = rekeyed.airline_key, loaded_at = GETDATE()
FROM flights_to_rekey AS rekeyed
WHERE core.fact_flight_lifecycle.flight_key = rekeyed.flight_key;

DELETE FROM core.dim_airline
WHERE airline_key NOT IN (
    SELECT airline_key FROM (
        SELECT
            airline_key, carrier, name, valid_from, valid_to, is_current
        FROM core.dim_airline
        INTERSECT
        SELECT
            airline_key, carrier, name, valid_from, valid_to, is_current
        FROM staging.dim_airline
    ) AS unchanged
);

INSERT INTO core.dim_airline (
    airline_key, carrier, name, valid_from, valid_to, is_current, loaded_at
)
SELECT
    airline_key, carrier, name, valid_from, valid_to, is_current, GETDATE()
FROM staging.dim_airline
WHERE airline_key NOT IN (SELECT airline_key FROM core.dim_airline);
