{#
  Tables of the warehouse, for Amazon Redshift; every statement can be repeated.

  staging.<table> holds what one run delivered, in the column order of its Parquet files: COPY maps by position.
  core.<table> is the star schema; loaded_at is when a row was last written. Columns are explained in
  flights/schema.py, and a test holds these statements against it.

  Keys: dimensions are small and joined to everything, so every node has a copy (DISTSTYLE ALL), sorted by the
  key that facts join on. fact_flight is spread by its own key, evenly, and so that fact_flight_lifecycle, of the
  same grain, joins without moving rows; sorted by date, since loads and most questions are about ranges of days.
  Redshift does not enforce primary keys: they inform the planner, and the loads keep them.
#}

CREATE TABLE IF NOT EXISTS staging.dim_date (
    date_key     INTEGER NOT NULL,
    full_date    DATE,
    year         INTEGER,
    quarter      INTEGER,
    month        INTEGER,
    month_name   VARCHAR(9),
    day_of_month INTEGER,
    day_of_week  INTEGER,
    day_name     VARCHAR(9),
    iso_week     INTEGER,
    is_weekend   BOOLEAN
);

CREATE TABLE IF NOT EXISTS core.dim_date (
    date_key     INTEGER NOT NULL,
    full_date    DATE,
    year         INTEGER,
    quarter      INTEGER,
    month        INTEGER,
    month_name   VARCHAR(9),
    day_of_month INTEGER,
    day_of_week  INTEGER,
    day_name     VARCHAR(9),
    iso_week     INTEGER,
    is_weekend   BOOLEAN,
    loaded_at    TIMESTAMP NOT NULL,
    PRIMARY KEY (date_key)
)
DISTSTYLE ALL
SORTKEY (date_key);

CREATE TABLE IF NOT EXISTS staging.dim_airline (
    airline_key BIGINT NOT NULL,
    carrier     VARCHAR(7),
    name        VARCHAR(100),
    valid_from  DATE NOT NULL,
    valid_to    DATE NOT NULL,
    is_current  BOOLEAN NOT NULL
);

CREATE TABLE IF NOT EXISTS core.dim_airline (
    airline_key BIGINT NOT NULL,
    carrier     VARCHAR(7),
    name        VARCHAR(100),
    valid_from  DATE NOT NULL,
    valid_to    DATE NOT NULL,
    is_current  BOOLEAN NOT NULL,
    loaded_at   TIMESTAMP NOT NULL,
    PRIMARY KEY (airline_key)
)
DISTSTYLE ALL
SORTKEY (airline_key);

CREATE TABLE IF NOT EXISTS staging.dim_airport (
    airport_key      BIGINT NOT NULL,
    airport          VARCHAR(3),
    name             VARCHAR(100) NOT NULL,
    latitude_deg     DOUBLE PRECISION,
    longitude_deg    DOUBLE PRECISION,
    altitude_feet    INTEGER,
    utc_offset_hours DOUBLE PRECISION,
    dst              VARCHAR(1),
    time_zone        VARCHAR(64)
);

CREATE TABLE IF NOT EXISTS core.dim_airport (
    airport_key      BIGINT NOT NULL,
    airport          VARCHAR(3),
    name             VARCHAR(100) NOT NULL,
    latitude_deg     DOUBLE PRECISION,
    longitude_deg    DOUBLE PRECISION,
    altitude_feet    INTEGER,
    utc_offset_hours DOUBLE PRECISION,
    dst              VARCHAR(1),
    time_zone        VARCHAR(64),
    loaded_at        TIMESTAMP NOT NULL,
    PRIMARY KEY (airport_key)
)
DISTSTYLE ALL
SORTKEY (airport_key);

CREATE TABLE IF NOT EXISTS staging.dim_aircraft (
    aircraft_key     BIGINT NOT NULL,
    tail_number      VARCHAR(10),
    year_built       INTEGER,
    type             VARCHAR(50),
    manufacturer     VARCHAR(50),
    model            VARCHAR(50),
    engines          INTEGER,
    seats            INTEGER,
    cruise_speed_mph INTEGER,
    engine           VARCHAR(50),
    valid_from       DATE NOT NULL,
    valid_to         DATE NOT NULL,
    is_current       BOOLEAN NOT NULL
);

CREATE TABLE IF NOT EXISTS core.dim_aircraft (
    aircraft_key     BIGINT NOT NULL,
    tail_number      VARCHAR(10),
    year_built       INTEGER,
    type             VARCHAR(50),
    manufacturer     VARCHAR(50),
    model            VARCHAR(50),
    engines          INTEGER,
    seats            INTEGER,
    cruise_speed_mph INTEGER,
    engine           VARCHAR(50),
    valid_from       DATE NOT NULL,
    valid_to         DATE NOT NULL,
    is_current       BOOLEAN NOT NULL,
    loaded_at        TIMESTAMP NOT NULL,
    PRIMARY KEY (aircraft_key)
)
DISTSTYLE ALL
SORTKEY (aircraft_key);

CREATE TABLE IF NOT EXISTS staging.dim_weather (
    weather_key        BIGINT NOT NULL,
    origin             VARCHAR(3),
    time_hour          TIMESTAMP,
    temperature_c      DOUBLE PRECISION,
    humidity_pct       DOUBLE PRECISION,
    dew_point_c        DOUBLE PRECISION,
    wind_direction_deg DOUBLE PRECISION,
    wind_speed_kmh     DOUBLE PRECISION,
    wind_gust_kmh      DOUBLE PRECISION,
    precipitation_mm   DOUBLE PRECISION,
    pressure_hpa       DOUBLE PRECISION,
    visibility_m       DOUBLE PRECISION
);

CREATE TABLE IF NOT EXISTS core.dim_weather (
    weather_key        BIGINT NOT NULL,
    origin             VARCHAR(3),
    time_hour          TIMESTAMP,
    temperature_c      DOUBLE PRECISION,
    humidity_pct       DOUBLE PRECISION,
    dew_point_c        DOUBLE PRECISION,
    wind_direction_deg DOUBLE PRECISION,
    wind_speed_kmh     DOUBLE PRECISION,
    wind_gust_kmh      DOUBLE PRECISION,
    precipitation_mm   DOUBLE PRECISION,
    pressure_hpa       DOUBLE PRECISION,
    visibility_m       DOUBLE PRECISION,
    loaded_at          TIMESTAMP NOT NULL,
    PRIMARY KEY (weather_key)
)
DISTSTYLE ALL
SORTKEY (weather_key);

CREATE TABLE IF NOT EXISTS staging.fact_flight (
    flight_key         BIGINT NOT NULL,
    date_key           INTEGER NOT NULL,
    airline_key        BIGINT NOT NULL,
    origin_airport_key BIGINT NOT NULL,
    dest_airport_key   BIGINT NOT NULL,
    aircraft_key       BIGINT NOT NULL,
    weather_key        BIGINT NOT NULL,
    flight_date        DATE NOT NULL,
    carrier            VARCHAR(7) NOT NULL,
    flight_number      INTEGER NOT NULL,
    tail_number        VARCHAR(10),
    origin             VARCHAR(3) NOT NULL,
    dest               VARCHAR(3) NOT NULL,
    sched_dep_time     INTEGER NOT NULL,
    sched_dep_hour_utc TIMESTAMP,
    dep_time           INTEGER,
    dep_delay_minutes  INTEGER,
    sched_arr_time     INTEGER NOT NULL,
    arr_time           INTEGER,
    arr_delay_minutes  INTEGER,
    cancelled          BOOLEAN NOT NULL,
    cancellation_code  VARCHAR(1),
    diverted           BOOLEAN NOT NULL,
    air_time_minutes   INTEGER,
    distance_miles     INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS core.fact_flight (
    flight_key         BIGINT NOT NULL,
    date_key           INTEGER NOT NULL,
    airline_key        BIGINT NOT NULL,
    origin_airport_key BIGINT NOT NULL,
    dest_airport_key   BIGINT NOT NULL,
    aircraft_key       BIGINT NOT NULL,
    weather_key        BIGINT NOT NULL,
    flight_date        DATE NOT NULL,
    carrier            VARCHAR(7) NOT NULL,
    flight_number      INTEGER NOT NULL,
    tail_number        VARCHAR(10),
    origin             VARCHAR(3) NOT NULL,
    dest               VARCHAR(3) NOT NULL,
    sched_dep_time     INTEGER NOT NULL,
    sched_dep_hour_utc TIMESTAMP,
    dep_time           INTEGER,
    dep_delay_minutes  INTEGER,
    sched_arr_time     INTEGER NOT NULL,
    arr_time           INTEGER,
    arr_delay_minutes  INTEGER,
    cancelled          BOOLEAN NOT NULL,
    cancellation_code  VARCHAR(1),
    diverted           BOOLEAN NOT NULL,
    air_time_minutes   INTEGER,
    distance_miles     INTEGER NOT NULL,
    loaded_at          TIMESTAMP NOT NULL,
    PRIMARY KEY (flight_key)
)
DISTKEY (flight_key)
COMPOUND SORTKEY (flight_date, origin);

CREATE TABLE IF NOT EXISTS staging.fact_flight_lifecycle (
    flight_key              BIGINT NOT NULL,
    date_key                INTEGER NOT NULL,
    airline_key             BIGINT NOT NULL,
    origin_airport_key      BIGINT NOT NULL,
    dest_airport_key        BIGINT NOT NULL,
    aircraft_key            BIGINT NOT NULL,
    flight_date             DATE NOT NULL,
    status                  VARCHAR(9) NOT NULL,
    scheduled_departure_utc TIMESTAMP,
    departed_at_utc         TIMESTAMP,
    scheduled_arrival_utc   TIMESTAMP,
    arrived_at_utc          TIMESTAMP,
    departure_lag_minutes   INTEGER,
    arrival_lag_minutes     INTEGER,
    gate_to_gate_minutes    INTEGER
);

CREATE TABLE IF NOT EXISTS core.fact_flight_lifecycle (
    flight_key              BIGINT NOT NULL,
    date_key                INTEGER NOT NULL,
    airline_key             BIGINT NOT NULL,
    origin_airport_key      BIGINT NOT NULL,
    dest_airport_key        BIGINT NOT NULL,
    aircraft_key            BIGINT NOT NULL,
    flight_date             DATE NOT NULL,
    status                  VARCHAR(9) NOT NULL,
    scheduled_departure_utc TIMESTAMP,
    departed_at_utc         TIMESTAMP,
    scheduled_arrival_utc   TIMESTAMP,
    arrived_at_utc          TIMESTAMP,
    departure_lag_minutes   INTEGER,
    arrival_lag_minutes     INTEGER,
    gate_to_gate_minutes    INTEGER,
    loaded_at               TIMESTAMP NOT NULL,
    PRIMARY KEY (flight_key)
)
DISTKEY (flight_key)
COMPOUND SORTKEY (flight_date);

CREATE TABLE IF NOT EXISTS staging.fact_airport_daily (
    date_key               INTEGER NOT NULL,
    airport_key            BIGINT NOT NULL,
    flight_date            DATE NOT NULL,
    airport                VARCHAR(3) NOT NULL,
    departures_scheduled   INTEGER NOT NULL,
    departures             INTEGER NOT NULL,
    departures_cancelled   INTEGER NOT NULL,
    departures_delayed     INTEGER NOT NULL,
    mean_dep_delay_minutes DOUBLE PRECISION,
    max_dep_delay_minutes  INTEGER,
    p95_dep_delay_minutes  DOUBLE PRECISION,
    arrivals_scheduled     INTEGER NOT NULL,
    arrivals               INTEGER NOT NULL,
    arrivals_cancelled     INTEGER NOT NULL,
    arrivals_diverted      INTEGER NOT NULL,
    arrivals_delayed       INTEGER NOT NULL,
    mean_arr_delay_minutes DOUBLE PRECISION,
    max_arr_delay_minutes  INTEGER,
    p95_arr_delay_minutes  DOUBLE PRECISION
);

CREATE TABLE IF NOT EXISTS core.fact_airport_daily (
    date_key               INTEGER NOT NULL,
    airport_key            BIGINT NOT NULL,
    flight_date            DATE NOT NULL,
    airport                VARCHAR(3) NOT NULL,
    departures_scheduled   INTEGER NOT NULL,
    departures             INTEGER NOT NULL,
    departures_cancelled   INTEGER NOT NULL,
    departures_delayed     INTEGER NOT NULL,
    mean_dep_delay_minutes DOUBLE PRECISION,
    max_dep_delay_minutes  INTEGER,
    p95_dep_delay_minutes  DOUBLE PRECISION,
    arrivals_scheduled     INTEGER NOT NULL,
    arrivals               INTEGER NOT NULL,
    arrivals_cancelled     INTEGER NOT NULL,
    arrivals_diverted      INTEGER NOT NULL,
    arrivals_delayed       INTEGER NOT NULL,
    mean_arr_delay_minutes DOUBLE PRECISION,
    max_arr_delay_minutes  INTEGER,
    p95_arr_delay_minutes  DOUBLE PRECISION,
    loaded_at              TIMESTAMP NOT NULL,
    PRIMARY KEY (flight_date, airport)
)
DISTSTYLE EVEN
COMPOUND SORTKEY (flight_date, airport);
