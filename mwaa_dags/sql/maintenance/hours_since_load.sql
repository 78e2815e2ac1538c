-- Freshness by time of load, not by date of event: sources publish weeks late.
SELECT 'fact_flight' AS table_name, DATEDIFF(hour, MAX(loaded_at), GETDATE()) AS hours FROM core.fact_flight
UNION ALL
SELECT 'fact_flight_lifecycle', DATEDIFF(hour, MAX(loaded_at), GETDATE()) FROM core.fact_flight_lifecycle
UNION ALL
SELECT 'fact_airport_daily', DATEDIFF(hour, MAX(loaded_at), GETDATE()) FROM core.fact_airport_daily;
