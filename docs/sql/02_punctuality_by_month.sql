-- How did each airline's share of punctual departures change from one month to the next?
-- Shows: a value of the row before, LAG. Punctual: less than 15 minutes late, as the US DOT counts.
-- Runs on: PostgreSQL, Redshift, Athena
WITH months AS (
    SELECT carrier,
           EXTRACT(MONTH FROM flight_date) AS month,
           COUNT(dep_delay_minutes) AS departures,
           100.0 * SUM(CASE WHEN dep_delay_minutes < 15 THEN 1 ELSE 0 END) / COUNT(dep_delay_minutes) AS punctual
    FROM flights
    WHERE dep_delay_minutes IS NOT NULL
    GROUP BY carrier, EXTRACT(MONTH FROM flight_date)
),
compared AS (
    SELECT carrier, month, departures, punctual,
           punctual - LAG(punctual) OVER (PARTITION BY carrier ORDER BY month) AS change
    FROM months
)
SELECT carrier,
       CAST(month AS INTEGER) AS month,
       departures,
       CAST(punctual AS DECIMAL(6, 1)) AS punctual_pct,
       CAST(change AS DECIMAL(6, 1)) AS change_points
FROM compared
ORDER BY carrier, month;
