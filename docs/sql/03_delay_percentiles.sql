-- What delay at arrival do half, nine tenths and 95 % of an airline's flights stay below?
-- Shows: percentiles as ordered-set aggregates. The mean hides what a few very late flights do.
-- Runs on: PostgreSQL, Redshift
SELECT carrier,
       COUNT(*) AS arrivals,
       CAST(AVG(CAST(arr_delay_minutes AS DOUBLE PRECISION)) AS DECIMAL(6, 1)) AS mean,
       CAST(PERCENTILE_CONT(0.50) WITHIN GROUP (ORDER BY arr_delay_minutes) AS DECIMAL(6, 1)) AS median,
       CAST(PERCENTILE_CONT(0.90) WITHIN GROUP (ORDER BY arr_delay_minutes) AS DECIMAL(6, 1)) AS p90,
       CAST(PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY arr_delay_minutes) AS DECIMAL(6, 1)) AS p95
FROM flights
WHERE arr_delay_minutes IS NOT NULL
GROUP BY carrier
ORDER BY p95 DESC, carrier;
