-- Which days had far more cancellations than the week up to them?
-- Shows: a moving average over a frame of rows.
-- Runs on: PostgreSQL, Redshift, Athena
WITH days AS (
    SELECT flight_date,
           COUNT(*) AS scheduled,
           SUM(CASE WHEN cancelled THEN 1 ELSE 0 END) AS cancelled
    FROM flights
    GROUP BY flight_date
),
smoothed AS (
    SELECT flight_date, scheduled, cancelled,
           AVG(CAST(cancelled AS DOUBLE PRECISION)) OVER (
               ORDER BY flight_date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW
           ) AS cancelled_week
    FROM days
)
SELECT flight_date, scheduled, cancelled, CAST(cancelled_week AS DECIMAL(8, 1)) AS week_mean
FROM smoothed
ORDER BY cancelled - cancelled_week DESC, flight_date
LIMIT 10;
