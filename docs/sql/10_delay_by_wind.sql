-- How late do flights leave, by the wind at the hour of their scheduled departure?
-- Shows: a join on the hour, an outer join so that flights without a measurement are not lost.
-- Runs on: PostgreSQL, Redshift
WITH winds AS (
    SELECT flights.dep_delay_minutes,
           CASE WHEN weather.wind_speed_kmh IS NULL THEN 'not measured'
                WHEN weather.wind_speed_kmh < 20 THEN '1: below 20 km/h'
                WHEN weather.wind_speed_kmh < 40 THEN '2: 20 to 39 km/h'
                ELSE '3: 40 km/h and more' END AS wind
    FROM flights
    LEFT JOIN weather
           ON weather.origin = flights.origin
          AND weather.time_hour = DATE_TRUNC('hour', flights.scheduled_departure)
)
SELECT wind,
       COUNT(*) AS flights,
       CAST(AVG(CAST(dep_delay_minutes AS DOUBLE PRECISION)) AS DECIMAL(6, 1)) AS mean_delay,
       CAST(100.0 * SUM(CASE WHEN dep_delay_minutes IS NULL THEN 1 ELSE 0 END) / COUNT(*) AS DECIMAL(6, 1)) AS never_left_pct
FROM winds
GROUP BY wind
ORDER BY wind;
