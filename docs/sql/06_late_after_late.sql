-- Does a late departure make the same aircraft's next departure of the day late as well?
-- Shows: the row before within two keys; a share with and without a condition.
-- Runs on: PostgreSQL, Redshift, Athena
WITH turns AS (
    SELECT dep_delay_minutes,
           LAG(dep_delay_minutes) OVER (
               PARTITION BY tail_number, flight_date
               ORDER BY sched_dep_time, carrier, flight_number
           ) AS delay_before
    FROM flights
    WHERE tail_number IS NOT NULL AND dep_delay_minutes IS NOT NULL
)
SELECT CASE WHEN delay_before >= 60 THEN 'an hour or more'
            WHEN delay_before >= 15 THEN '15 to 59 minutes'
            ELSE 'punctual' END AS departure_before,
       COUNT(*) AS next_departures,
       CAST(100.0 * SUM(CASE WHEN dep_delay_minutes >= 15 THEN 1 ELSE 0 END) / COUNT(*) AS DECIMAL(6, 1)) AS late_pct
FROM turns
WHERE delay_before IS NOT NULL
GROUP BY CASE WHEN delay_before >= 60 THEN 'an hour or more'
              WHEN delay_before >= 15 THEN '15 to 59 minutes'
              ELSE 'punctual' END
ORDER BY late_pct DESC;
