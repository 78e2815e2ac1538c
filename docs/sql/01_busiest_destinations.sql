-- To which three destinations does each airport send the most flights?
-- Shows: common table expression, rank within a group.
-- Runs on: PostgreSQL, Redshift, Athena
WITH routes AS (
    SELECT origin, dest, COUNT(*) AS flights
    FROM flights
    GROUP BY origin, dest
),
ranked AS (
    SELECT origin, dest, flights,
           RANK() OVER (PARTITION BY origin ORDER BY flights DESC) AS place
    FROM routes
)
SELECT origin, place, dest, flights
FROM ranked
WHERE place <= 3
ORDER BY origin, place, dest;
