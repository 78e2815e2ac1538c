-- On how many days in a row did an airport have a bad day: more than three in ten departures late?
-- Shows: gaps and islands. Days that follow one another have the same difference between date and row number.
-- Runs on: PostgreSQL, Redshift
WITH days AS (
    SELECT origin, flight_date
    FROM flights
    GROUP BY origin, flight_date
    HAVING SUM(CASE WHEN dep_delay_minutes >= 15 THEN 1 ELSE 0 END) > 0.3 * COUNT(*)
),
islands AS (
    SELECT origin, flight_date,
           flight_date - CAST(ROW_NUMBER() OVER (PARTITION BY origin ORDER BY flight_date) AS INTEGER) AS island
    FROM days
)
SELECT origin,
       MIN(flight_date) AS first_day,
       MAX(flight_date) AS last_day,
       COUNT(*) AS days
FROM islands
GROUP BY origin, island
ORDER BY days DESC, first_day, origin
LIMIT 10;
