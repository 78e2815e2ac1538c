"""Every table of the flights domain, from the raw zone to the star schema.

Units are in the column names; hhmm times are local to the airport they belong to (the departure's to the
origin, the arrival's to the destination), as BTS publishes them. Column order is part of the contract:
Redshift's COPY from Parquet maps columns by position.
"""

from __future__ import annotations

from datetime import date

from flights.tables import Column, Table

UNKNOWN_KEY = -1
"""Surrogate key of the member that stands for "not in the dimension"; every dimension has it."""

DAY_PARTITIONS = (
    Column("year", "string", "Year of the day, four digits.", 4, required=True),
    Column("month", "string", "Month of the day, two digits.", 2, required=True),
    Column("day", "string", "Day of the month, two digits.", 2, required=True),
)
"""Hive partitions of every table kept by day: `year=2013/month=01/day=01`."""


BEGINNING, END_OF_TIME = date(1900, 1, 1), date(9999, 12, 31)
"""From when the first version of a member of a type 2 dimension is valid, and until when a current one is."""

VALIDITY = (
    Column("valid_from", "date", "First day of the version; 1900-01-01 of a member's first.", required=True),
    Column("valid_to", "date", "Day after the version's last; 9999-12-31 if it has none yet.", required=True),
    Column("is_current", "boolean", "The version has no end yet.", required=True),
)
"""Last columns of every dimension of type 2: the version is valid on `valid_from` ≤ day < `valid_to`."""


def _raw(name: str, doc: str) -> Column:
    return Column(name, "string", doc, 256)


RAW_FLIGHTS = Table(
    "flights",
    "one scheduled flight as published by BTS, all values as text, empty = null",
    ("FlightDate", "Reporting_Airline", "Flight_Number_Reporting_Airline", "Origin"),
    (
        _raw("FlightDate", "Scheduled day of departure, yyyy-mm-dd, local to the origin."),
        _raw("Reporting_Airline", "Carrier code."),
        _raw("Tail_Number", "Aircraft's registration."),
        _raw("Flight_Number_Reporting_Airline", "Flight number."),
        _raw("Origin", "Origin's airport code."),
        _raw("Dest", "Destination's airport code."),
        _raw("CRSDepTime", "Scheduled departure, hhmm local."),
        _raw("DepTime", "Departure from the gate, hhmm local; 2400 is midnight at the end of the day."),
        _raw("DepDelay", "Minutes after schedule at departure, negative if early, as `2.00`."),
        _raw("CRSArrTime", "Scheduled arrival, hhmm local."),
        _raw("ArrTime", "Arrival at the gate, hhmm local."),
        _raw("ArrDelay", "Minutes after schedule at arrival, negative if early, as `11.00`."),
        _raw("Cancelled", "`1.00` if the flight was cancelled, else `0.00`."),
        _raw("CancellationCode", "A carrier, B weather, C national air system, D security."),
        _raw("Diverted", "`1.00` if the flight was diverted, else `0.00`."),
        _raw("AirTime", "Minutes in the air, as `227.00`."),
        _raw("Distance", "Miles between the airports, as `1400.00`."),
    ),
    DAY_PARTITIONS,
)

RAW_WEATHER = Table(
    "weather",
    "the weather at one airport in one hour, a JSON line",
    ("origin", "time_hour"),
    (
        Column("origin", "string", "Airport code.", 3, required=True),
        Column("time_hour", "string", "Start of the hour, ISO 8601 in UTC.", 20, required=True),
        Column("temperature_c", "double", "Air temperature, °C."),
        Column("humidity_pct", "double", "Relative humidity, percent."),
        Column("dew_point_c", "double", "Dew point, °C."),
        Column("wind_direction_deg", "double", "Where the wind comes from, degrees from north."),
        Column("wind_speed_kmh", "double", "Wind speed, km/h."),
        Column("wind_gust_kmh", "double", "Wind gusts, km/h."),
        Column("precipitation_mm", "double", "Precipitation of the hour, mm."),
        Column("pressure_hpa", "double", "Air pressure at sea level, hPa."),
        Column("visibility_m", "double", "Visibility, m."),
    ),
    DAY_PARTITIONS,
)

SNAPSHOT_PARTITIONS = (
    Column("snapshot", "string", "Day as of which the list was complete, yyyy-mm-dd.", 10, required=True),
)
"""Hive partition of the complete lists: `snapshot=2013-01-01`."""

RAW_AIRCRAFT = Table(
    "aircraft",
    "one registered aircraft, all values as text, NA = null but for the key",
    ("tailnum",),
    (
        _raw("tailnum", "Registration, with its N."),
        _raw("year", "Year of manufacture."),
        _raw("type", "Kind of aircraft, such as `Fixed wing multi engine`."),
        _raw("manufacturer", "Manufacturer."),
        _raw("model", "Model."),
        _raw("engines", "Number of engines."),
        _raw("seats", "Number of seats."),
        _raw("speed", "Cruising speed, mph."),
        _raw("engine", "Kind of engine, such as `Turbo-fan`."),
    ),
    SNAPSHOT_PARTITIONS,
)

RAW_AIRLINES = Table(
    "airlines",
    "one carrier, all values as text, NA = null but for the key",
    ("carrier",),
    (_raw("carrier", "Carrier code."), _raw("name", "Name.")),
    SNAPSHOT_PARTITIONS,
)

RAW = (RAW_FLIGHTS, RAW_WEATHER, RAW_AIRCRAFT, RAW_AIRLINES)
"""The tables of the raw zone."""

CURATED_FLIGHTS = Table(
    "flights",
    "one scheduled flight, typed and valid, cancelled and diverted ones included",
    ("flight_date", "carrier", "flight_number", "origin"),
    (
        Column("flight_date", "date", "Scheduled day of departure, local to the origin.", required=True),
        Column("carrier", "string", "Carrier code.", 7, required=True),
        Column("flight_number", "int", "Flight number.", required=True),
        Column("tail_number", "string", "Aircraft's registration; null if not reported.", 10),
        Column("origin", "string", "Origin's airport code.", 3, required=True),
        Column("dest", "string", "Destination's airport code.", 3, required=True),
        Column("sched_dep_time", "int", "Scheduled departure, hhmm local.", required=True),
        Column("dep_time", "int", "Departure, hhmm local, 2400 possible; null if it never left."),
        Column("dep_delay_minutes", "int", "Minutes after schedule at departure, negative if early."),
        Column("sched_arr_time", "int", "Scheduled arrival, hhmm local.", required=True),
        Column("arr_time", "int", "Arrival, hhmm local."),
        Column("arr_delay_minutes", "int", "Minutes after schedule at arrival, negative if early."),
        Column("cancelled", "boolean", "The flight did not take place.", required=True),
        Column("cancellation_code", "string", "A carrier, B weather, C air system, D security.", 1),
        Column("diverted", "boolean", "The flight landed elsewhere first.", required=True),
        Column("air_time_minutes", "int", "Minutes in the air."),
        Column("distance_miles", "int", "Miles between the airports.", required=True),
    ),
    DAY_PARTITIONS,
)

REJECTED_FLIGHTS = Table(
    "flights_rejects",
    "one raw line that is not in the curated flights; partitioned by the day of its object",
    ("source_key", "line", "reason"),
    (
        *RAW_FLIGHTS.columns,
        Column("reason", "string", "Name of the cleaning rule that the line breaks.", 64, required=True),
        Column("source_key", "string", "Key of the raw object.", 1024, required=True),
        Column("line", "string", "The line as it was; the columns may be null if it does not split.", 65535),
    ),
    DAY_PARTITIONS,
)

DIM_DATE = Table(
    "dim_date",
    "one calendar day; all days of each year that a run touches",
    ("date_key",),
    (
        Column("date_key", "int", "The day as yyyymmdd; -1 unknown.", required=True),
        Column("full_date", "date", "The day; null for the unknown member."),
        Column("year", "int", "Year."),
        Column("quarter", "int", "Quarter, 1 to 4."),
        Column("month", "int", "Month, 1 to 12."),
        Column("month_name", "string", "English name of the month.", 9),
        Column("day_of_month", "int", "Day of the month."),
        Column("day_of_week", "int", "ISO day of the week, 1 Monday to 7 Sunday."),
        Column("day_name", "string", "English name of the day.", 9),
        Column("iso_week", "int", "ISO week of the year."),
        Column("is_weekend", "boolean", "Saturday or Sunday."),
    ),
)

DIM_AIRLINE = Table(
    "dim_airline",
    "one version of a carrier (type 2)",
    ("airline_key",),
    (
        Column("airline_key", "bigint", "Hash of carrier and valid_from; -1 unknown.", required=True),
        Column("carrier", "string", "Carrier code; null for the unknown member.", 7),
        Column("name", "string", "Name.", 100),
        *VALIDITY,
    ),
)

DIM_AIRPORT = Table(
    "dim_airport",
    "one airport (type 1)",
    ("airport_key",),
    (
        Column("airport_key", "bigint", "Hash of airport; -1 unknown.", required=True),
        Column("airport", "string", "FAA airport code; null for the unknown member.", 3),
        Column("name", "string", "Name.", 100, required=True),
        Column("latitude_deg", "double", "Latitude, degrees north."),
        Column("longitude_deg", "double", "Longitude, degrees east."),
        Column("altitude_feet", "int", "Altitude, feet."),
        Column("utc_offset_hours", "double", "Hours from UTC in winter."),
        Column("dst", "string", "Daylight saving: A as in the US, N none, U unknown.", 1),
        Column("time_zone", "string", "IANA name of the time zone; null if unknown.", 64),
    ),
)

DIM_AIRCRAFT = Table(
    "dim_aircraft",
    "one version of an aircraft (type 2)",
    ("aircraft_key",),
    (
        Column("aircraft_key", "bigint", "Hash of tail_number and valid_from; -1 unknown.", required=True),
        Column("tail_number", "string", "Registration; null for the unknown member.", 10),
        Column("year_built", "int", "Year of manufacture."),
        Column("type", "string", "Kind of aircraft.", 50),
        Column("manufacturer", "string", "Manufacturer.", 50),
        Column("model", "string", "Model.", 50),
        Column("engines", "int", "Number of engines."),
        Column("seats", "int", "Number of seats."),
        Column("cruise_speed_mph", "int", "Cruising speed, mph."),
        Column("engine", "string", "Kind of engine.", 50),
        *VALIDITY,
    ),
)

DIM_WEATHER = Table(
    "dim_weather",
    "the weather at one airport in one hour",
    ("weather_key",),
    (
        Column("weather_key", "bigint", "Hash of origin and time_hour; -1 unknown.", required=True),
        Column("origin", "string", "Airport code; null for the unknown member.", 3),
        Column("time_hour", "timestamp", "Start of the hour, UTC; null for the unknown member."),
        *RAW_WEATHER.columns[2:],
    ),
)

FACT_FLIGHT = Table(
    "fact_flight",
    "one scheduled flight (transaction fact)",
    ("flight_key",),
    (
        Column("flight_key", "bigint", "Hash of date, carrier, flight number, origin.", required=True),
        Column("date_key", "int", "dim_date of flight_date.", required=True),
        Column("airline_key", "bigint", "dim_airline of carrier on flight_date.", required=True),
        Column("origin_airport_key", "bigint", "dim_airport of origin.", required=True),
        Column("dest_airport_key", "bigint", "dim_airport of dest.", required=True),
        Column("aircraft_key", "bigint", "dim_aircraft of tail_number on flight_date.", required=True),
        Column("weather_key", "bigint", "dim_weather at origin, hour of scheduled departure.", required=True),
        *CURATED_FLIGHTS.columns[:7],
        Column(
            "sched_dep_hour_utc", "timestamp", "Hour of scheduled departure, UTC; null without time zone."
        ),
        *CURATED_FLIGHTS.columns[7:],
    ),
)

FACT_FLIGHT_LIFECYCLE = Table(
    "fact_flight_lifecycle",
    "one scheduled flight with its milestones so far (accumulating snapshot)",
    ("flight_key",),
    (
        *FACT_FLIGHT.columns[:6],
        Column("flight_date", "date", "Scheduled day of departure, local to the origin.", required=True),
        Column("status", "string", "scheduled, departed, arrived, diverted or cancelled.", 9, required=True),
        Column("scheduled_departure_utc", "timestamp", "Scheduled departure; null without time zone."),
        Column("departed_at_utc", "timestamp", "Departure; null if it has not left, or without time zone."),
        Column(
            "scheduled_arrival_utc",
            "timestamp",
            "Scheduled arrival: the first time after the scheduled departure at which clocks at the "
            "destination show sched_arr_time; null without time zone.",
        ),
        Column("arrived_at_utc", "timestamp", "Arrival; null if it has not come, or without time zone."),
        Column("departure_lag_minutes", "int", "Scheduled to actual departure; null if it has not left."),
        Column("arrival_lag_minutes", "int", "Scheduled to actual arrival; null if it has not come."),
        Column("gate_to_gate_minutes", "int", "Departure to arrival; null if one of them is."),
    ),
)

FACT_AIRPORT_DAILY = Table(
    "fact_airport_daily",
    "one airport on one flight date on which a flight was scheduled from or to it (periodic snapshot)",
    ("flight_date", "airport"),
    (
        Column("date_key", "int", "dim_date of flight_date.", required=True),
        Column("airport_key", "bigint", "dim_airport of airport.", required=True),
        Column("flight_date", "date", "Scheduled day of departure, of arrivals too.", required=True),
        Column("airport", "string", "Airport code.", 3, required=True),
        Column("departures_scheduled", "int", "Flights scheduled from here.", required=True),
        Column("departures", "int", "Of these, flights that took place.", required=True),
        Column("departures_cancelled", "int", "Of these, cancelled flights.", required=True),
        Column("departures_delayed", "int", "Of departures, those 15 or more minutes late.", required=True),
        Column("mean_dep_delay_minutes", "double", "Mean delay of departures, early ones negative."),
        Column("max_dep_delay_minutes", "int", "Greatest delay of departures."),
        Column(
            "p95_dep_delay_minutes", "double", "95th percentile of the delay of departures, interpolated."
        ),
        Column("arrivals_scheduled", "int", "Flights scheduled to here.", required=True),
        Column("arrivals", "int", "Of these, flights neither cancelled nor diverted.", required=True),
        Column("arrivals_cancelled", "int", "Of these, cancelled flights.", required=True),
        Column("arrivals_diverted", "int", "Of these, diverted flights.", required=True),
        Column(
            "arrivals_delayed", "int", "Of these, flights that came 15 or more minutes late.", required=True
        ),
        Column("mean_arr_delay_minutes", "double", "Mean delay at arrival, early ones negative."),
        Column("max_arr_delay_minutes", "int", "Greatest delay at arrival."),
        Column("p95_arr_delay_minutes", "double", "95th percentile of the delay at arrival, interpolated."),
    ),
)

DIMENSIONS = (DIM_DATE, DIM_AIRLINE, DIM_AIRPORT, DIM_AIRCRAFT, DIM_WEATHER)
TYPE_2 = (DIM_AIRLINE, DIM_AIRCRAFT)
"""The dimensions that keep a member's earlier versions."""
FACTS = (FACT_FLIGHT, FACT_FLIGHT_LIFECYCLE, FACT_AIRPORT_DAILY)
STAR = (*DIMENSIONS, *FACTS)
"""The tables of the warehouse, in the order in which they are loaded."""

ON_TIME_LIMIT_MINUTES = 15
"""A flight is late from this many minutes on: the US DOT's definition of on-time performance."""
