{#
  Loads dim_aircraft (type 2) as the run delivered it, with all versions of all aircraft: versions that have not
  changed stay as they are, others are replaced. Before that, flights of members whose versions have moved, because
  a snapshot came late or was corrected, get the key of the version that is valid on their date, or -1. EXCEPT and
  INTERSECT take two nulls as equal. Dimensions of type 2 are loaded one after the other: both write to the facts.
#}
DELETE FROM staging.dim_aircraft;

COPY staging.dim_aircraft
FROM 's3://{{ cfg.buckets.warehouse }}/dim_aircraft/run={{ run_key }}/'
IAM_ROLE '{{ cfg.warehouse.copy_role_arn }}'
FORMAT AS PARQUET;

CREATE TEMPORARY TABLE aircraft_to_rekey AS
SELECT tail_number FROM (
    SELECT tail_number, valid_from, valid_to FROM staging.dim_aircraft
    EXCEPT
    SELECT tail_number, valid_from, valid_to FROM core.dim_aircraft
) AS added
UNION
SELECT tail_number FROM (
    SELECT tail_number, valid_from, valid_to FROM core.dim_aircraft
    EXCEPT
    SELECT tail_number, valid_from, valid_to FROM staging.dim_aircraft
) AS removed;

CREATE TEMPORARY TABLE flights_to_rekey AS
SELECT flight.flight_key, COALESCE(version.aircraft_key, -1) AS aircraft_key
FROM core.fact_flight AS flight
INNER JOIN aircraft_to_rekey AS moved ON flight.tail_number = moved.tail_number
LEFT JOIN staging.dim_aircraft AS version
    ON flight.tail_number = version.tail_number
    AND flight.flight_date >= version.valid_from
    AND flight.flight_date < version.valid_to
WHERE flight.aircraft_key <> COALESCE(version.aircraft_key, -1);

UPDATE core.fact_flight
SET aircraft_key = rekeyed.aircraft_key, loaded_at = GETDATE()
FROM flights_to_rekey AS rekeyed
WHERE core.fact_flight.flight_key = rekeyed.flight_key;

UPDATE core.fact_flight_lifecycle
SET aircraft_key = rekeyed.aircraft_key, loaded_at = GETDATE()
FROM flights_to_rekey AS rekeyed
WHERE core.fact_flight_lifecycle.flight_key = rekeyed.flight_key;

DELETE FROM core.dim_aircraft
WHERE aircraft_key NOT IN (
    SELECT aircraft_key FROM (
        SELECT
            aircraft_key, tail_number, year_built, type, manufacturer, model, engines, seats,
            cruise_speed_mph, engine, valid_from, valid_to, is_current
        FROM core.dim_aircraft
        INTERSECT
        SELECT
            aircraft_key, tail_number, year_built, type, manufacturer, model, engines, seats,
            cruise_speed_mph, engine, valid_from, valid_to, is_current
        FROM staging.dim_aircraft
    ) AS unchanged
);

INSERT INTO core.dim_aircraft (
    aircraft_key, tail_number, year_built, type, manufacturer, model, engines, seats,
    cruise_speed_mph, engine, valid_from, valid_to, is_current, loaded_at
)
SELECT
    aircraft_key, tail_number, year_built, type, manufacturer, model, engines, seats,
    cruise_speed_mph, engine, valid_from, valid_to, is_current, GETDATE()
FROM staging.dim_aircraft
WHERE aircraft_key NOT IN (SELECT aircraft_key FROM core.dim_aircraft);
