-- How many flights were cancelled, by quarter and airport, with the sums of both?
-- Shows: totals of several groupings in one pass, ROLLUP; GROUPING tells a total from a group.
-- Runs on: PostgreSQL, Redshift, Athena
WITH quarters AS (
    SELECT CAST(EXTRACT(QUARTER FROM flight_date) AS INTEGER) AS quarter, origin, cancelled
    FROM flights
)
SELECT quarter,
       CASE WHEN GROUPING(origin) = 1 THEN 'all' ELSE origin END AS airport,
       COUNT(*) AS scheduled,
       SUM(CASE WHEN cancelled THEN 1 ELSE 0 END) AS cancelled,
       CAST(100.0 * SUM(CASE WHEN cancelled THEN 1 ELSE 0 END) / COUNT(*) AS DECIMAL(6, 2)) AS cancelled_pct
FROM quarters
GROUP BY ROLLUP (quarter, origin)
ORDER BY quarter NULLS LAST, airport;
