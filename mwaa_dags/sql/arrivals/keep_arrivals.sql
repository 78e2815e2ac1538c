-- The days that were copied are replaced as a whole, so copying a day again changes nothing.
DELETE FROM staging.arrivals WHERE day IN (SELECT day FROM staging.copied_arrivals);

INSERT INTO staging.arrivals (day, data_set, announced_at)
SELECT DISTINCT day, data_set, announced_at FROM staging.copied_arrivals;
