-- The operational store's names over the warehouse's tables, so that the questions run on Redshift as they are.
CREATE SCHEMA IF NOT EXISTS operations;

CREATE OR REPLACE VIEW operations.flights AS
SELECT flight_date, carrier, flight_number, origin, dest, tail_number, sched_dep_time,
       sched_dep_hour_utc AS scheduled_departure,
       dep_delay_minutes, arr_delay_minutes, cancelled, cancellation_code, diverted, air_time_minutes, distance_miles
FROM core.fact_flight
WITH NO SCHEMA BINDING;

CREATE OR REPLACE VIEW operations.airlines AS
SELECT carrier, name
FROM core.dim_airline
WHERE is_current AND carrier IS NOT NULL
WITH NO SCHEMA BINDING;

CREATE OR REPLACE VIEW operations.weather AS
SELECT origin, time_hour, temperature_c, humidity_pct, dew_point_c, wind_direction_deg, wind_speed_kmh,
       wind_gust_kmh, precipitation_mm, pressure_hpa, visibility_m
FROM core.dim_weather
WHERE origin IS NOT NULL
WITH NO SCHEMA BINDING;
