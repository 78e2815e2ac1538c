-- Which very late departures were on routes that are punctual otherwise?
-- Shows: a correlated subquery: the mean of the very route of the outer row.
-- Runs on: PostgreSQL, Redshift, Athena
SELECT late.flight_date,
       late.carrier,
       late.flight_number,
       late.origin,
       late.dest,
       late.dep_delay_minutes,
       CAST((
           SELECT AVG(CAST(route.dep_delay_minutes AS DOUBLE PRECISION))
           FROM flights route
           WHERE route.origin = late.origin AND route.dest = late.dest
       ) AS DECIMAL(6, 1)) AS mean_of_route
FROM flights late
WHERE late.dep_delay_minutes >= 600
  AND (
      SELECT AVG(CAST(route.dep_delay_minutes AS DOUBLE PRECISION))
      FROM flights route
      WHERE route.origin = late.origin AND route.dest = late.dest
  ) < 12
ORDER BY late.dep_delay_minutes DESC, late.flight_date, late.carrier, late.flight_number;
