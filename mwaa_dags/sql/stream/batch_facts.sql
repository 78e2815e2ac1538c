{# A day's flights as the batch brought them into the warehouse, counted as events count them. #}
SELECT 'scheduled' AS event_type, COUNT(*) AS flights, 0 AS delay_minutes FROM core.fact_flight
WHERE flight_date = '{{ params.day }}'
UNION ALL
SELECT 'departed' AS event_type, COUNT(*) AS flights, COALESCE(SUM(dep_delay_minutes), 0) AS delay_minutes
FROM core.fact_flight
WHERE flight_date = '{{ params.day }}' AND NOT cancelled AND dep_delay_minutes IS NOT NULL
UNION ALL
SELECT 'cancelled' AS event_type, COUNT(*) AS flights, 0 AS delay_minutes FROM core.fact_flight
WHERE flight_date = '{{ params.day }}' AND cancelled;
