{# Rows of each table of the star schema: dimensions whole, with their unknown members; facts of the run's days. #}
SELECT 'dim_date' AS table_name, COUNT(*) AS rows FROM core.dim_date
UNION ALL
SELECT 'dim_airline' AS table_name, COUNT(*) AS rows FROM core.dim_airline
UNION ALL
SELECT 'dim_airport' AS table_name, COUNT(*) AS rows FROM core.dim_airport
UNION ALL
SELECT 'dim_aircraft' AS table_name, COUNT(*) AS rows FROM core.dim_aircraft
UNION ALL
SELECT 'dim_weather' AS table_name, COUNT(*) AS rows FROM core.dim_weather
UNION ALL
SELECT 'fact_flight' AS table_name, COUNT(*) AS rows FROM core.fact_flight
WHERE flight_date BETWEEN '{{ start }}' AND '{{ end }}'
UNION ALL
SELECT 'fact_flight_lifecycle' AS table_name, COUNT(*) AS rows FROM core.fact_flight_lifecycle
WHERE flight_date BETWEEN '{{ start }}' AND '{{ end }}'
UNION ALL
SELECT 'fact_airport_daily' AS table_name, COUNT(*) AS rows FROM core.fact_airport_daily
WHERE flight_date BETWEEN '{{ start }}' AND '{{ end }}'
ORDER BY table_name;
