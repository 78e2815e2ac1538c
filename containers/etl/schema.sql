-- The operational store. Moments are timestamps with time zone; codes are the field's own (IATA, DOT).
-- The schema itself is there: prepare_database gives it to the role that runs this.

CREATE TABLE IF NOT EXISTS operations.airports (
    airport       VARCHAR(4) PRIMARY KEY,
    name          TEXT NOT NULL,
    latitude_deg  DOUBLE PRECISION NOT NULL,
    longitude_deg DOUBLE PRECISION NOT NULL,
    altitude_feet INTEGER,
    time_zone     TEXT
);

CREATE TABLE IF NOT EXISTS operations.airlines (
    carrier VARCHAR(7) PRIMARY KEY,
    name    TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS operations.weather (
    weather_date       DATE NOT NULL,              -- the airport's own date
    origin             VARCHAR(4) NOT NULL REFERENCES operations.airports,
    time_hour          TIMESTAMPTZ NOT NULL,
    temperature_c      DOUBLE PRECISION,
    humidity_pct       DOUBLE PRECISION,
    dew_point_c        DOUBLE PRECISION,
    wind_direction_deg DOUBLE PRECISION,
    wind_speed_kmh     DOUBLE PRECISION,
    wind_gust_kmh      DOUBLE PRECISION,
    precipitation_mm   DOUBLE PRECISION,
    pressure_hpa       DOUBLE PRECISION,
    visibility_m       DOUBLE PRECISION,
    PRIMARY KEY (origin, time_hour)
);

CREATE INDEX IF NOT EXISTS weather_by_date ON operations.weather (weather_date);

CREATE TABLE IF NOT EXISTS operations.flights (
    flight_date         DATE NOT NULL,             -- the origin's own date
    carrier             VARCHAR(7) NOT NULL REFERENCES operations.airlines,
    flight_number       INTEGER NOT NULL,
    origin              VARCHAR(4) NOT NULL REFERENCES operations.airports,
    dest                VARCHAR(4) NOT NULL,       -- no reference: the list of airports lacks some
    tail_number         VARCHAR(10),
    sched_dep_time      INTEGER NOT NULL,          -- hhmm by the origin's clock
    scheduled_departure TIMESTAMPTZ NOT NULL,
    departed_at         TIMESTAMPTZ,               -- null: it never left
    dep_delay_minutes   INTEGER,
    arr_delay_minutes   INTEGER,
    cancelled           BOOLEAN NOT NULL,
    cancellation_code   VARCHAR(1),
    diverted            BOOLEAN NOT NULL,
    air_time_minutes    INTEGER,
    distance_miles      INTEGER NOT NULL,
    PRIMARY KEY (flight_date, carrier, flight_number, origin)
);

-- What departs from here next; what comes from there on that day; where this aircraft has been.
CREATE INDEX IF NOT EXISTS flights_by_departure ON operations.flights (origin, scheduled_departure);
CREATE INDEX IF NOT EXISTS flights_by_destination ON operations.flights (dest, flight_date);
CREATE INDEX IF NOT EXISTS flights_by_aircraft ON operations.flights (tail_number, scheduled_departure)
    WHERE tail_number IS NOT NULL;
