-- Which airlines, from the greatest on, make up the market?
-- Shows: a running total over a total, both as windows over groups.
-- Runs on: PostgreSQL, Redshift
WITH sizes AS (
    SELECT carrier, COUNT(*) AS flights, AVG(CAST(distance_miles AS DOUBLE PRECISION)) AS miles
    FROM flights
    GROUP BY carrier
)
SELECT sizes.carrier,
       airlines.name,
       sizes.flights,
       CAST(100.0 * sizes.flights / SUM(sizes.flights) OVER () AS DECIMAL(6, 1)) AS share_pct,
       CAST(100.0 * SUM(sizes.flights) OVER (
           ORDER BY sizes.flights DESC, sizes.carrier ROWS UNBOUNDED PRECEDING
       ) / SUM(sizes.flights) OVER () AS DECIMAL(6, 1)) AS running_pct,
       CAST(sizes.miles AS DECIMAL(8, 1)) AS mean_miles
FROM sizes
JOIN airlines ON airlines.carrier = sizes.carrier
ORDER BY sizes.flights DESC, sizes.carrier;
