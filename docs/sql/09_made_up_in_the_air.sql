-- Do long flights make up more of their delay in the air than short ones?
-- Shows: ten groups of equal size, NTILE; ties are broken, so that every engine cuts at the same row.
-- Runs on: PostgreSQL, Redshift, Athena
WITH cut AS (
    SELECT distance_miles, dep_delay_minutes, arr_delay_minutes,
           NTILE(10) OVER (ORDER BY distance_miles, flight_date, carrier, flight_number, origin) AS tenth
    FROM flights
    WHERE dep_delay_minutes IS NOT NULL AND arr_delay_minutes IS NOT NULL
)
SELECT tenth,
       MIN(distance_miles) AS from_miles,
       MAX(distance_miles) AS to_miles,
       CAST(AVG(CAST(dep_delay_minutes - arr_delay_minutes AS DOUBLE PRECISION)) AS DECIMAL(6, 1)) AS made_up_minutes
FROM cut
GROUP BY tenth
ORDER BY tenth;
