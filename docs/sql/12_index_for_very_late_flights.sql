-- Which departures were ten hours late or more? And what does an index save?
-- Shows: the plan before and after a partial index. Both end with the transaction; the schema stays as it was.
-- Runs on: PostgreSQL
BEGIN;

EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
SELECT flight_date, carrier, flight_number, origin, dest, dep_delay_minutes
FROM flights
WHERE dep_delay_minutes >= 600
ORDER BY dep_delay_minutes DESC;

CREATE INDEX flights_very_late ON flights (dep_delay_minutes) WHERE dep_delay_minutes >= 300;

EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
SELECT flight_date, carrier, flight_number, origin, dest, dep_delay_minutes
FROM flights
WHERE dep_delay_minutes >= 600
ORDER BY dep_delay_minutes DESC;

ROLLBACK;
