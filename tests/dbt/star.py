"""A small star schema: a few flights of three days, and a registry of aircraft that changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from flights.history import Change, merge, versions
from flights.keys import date_key, surrogate_key
from flights.schema import BEGINNING, END_OF_TIME, UNKNOWN_KEY

DAYS = (date(2013, 7, 1), date(2013, 7, 2), date(2013, 7, 3))
ALWAYS = {"valid_from": BEGINNING, "valid_to": END_OF_TIME, "is_current": True}
AIRPORTS = {"JFK": "Kennedy", "LGA": "La Guardia", "BOS": "Logan"}
AIRLINES = {"AA": "American", "UA": "United"}
SEATS = 100
AIRCRAFT = ("N1", "N2", "N3")

Row = Mapping[str, Any]
Registry = Mapping[str, int | None]
"""Tail number → seats, of the aircraft in one of the registry's snapshots."""


@dataclass(frozen=True)
class Flight:
    """What a test wants to say of a flight; the rest is filled in."""

    day: date
    number: int
    origin: str = "JFK"
    dest: str = "BOS"
    carrier: str = "AA"
    tail: str | None = "N1"
    dep_delay: int | None = 0
    arr_delay: int | None = 0
    cancelled: bool = False
    diverted: bool = False
    hour: int = 9
    miles: int = 200

    @property
    def key(self) -> int:
        return surrogate_key(self.day, self.carrier, self.number, self.origin)

    @property
    def departs(self) -> datetime:
        return datetime(self.day.year, self.day.month, self.day.day, self.hour)


FLIGHTS = (
    Flight(DAYS[0], 1, dep_delay=14, arr_delay=14),
    Flight(DAYS[0], 2, dep_delay=15, arr_delay=15, tail="N2"),
    Flight(DAYS[0], 3, tail=None, cancelled=True, dep_delay=240, arr_delay=None),
    Flight(DAYS[0], 4, diverted=True, arr_delay=None, tail="N404"),
    Flight(DAYS[0], 5, origin="LGA", dest="BQN", carrier="UA", hour=23),
    Flight(DAYS[1], 1, dep_delay=-5, arr_delay=-20),
    Flight(DAYS[1], 2, tail="N2", dep_delay=60, arr_delay=45, hour=10),
    Flight(DAYS[1], 5, origin="LGA", carrier="UA", tail="N3"),
    Flight(DAYS[2], 1),
    Flight(DAYS[2], 5, origin="LGA", carrier="UA", tail="N3", dep_delay=5, arr_delay=16),
)
SNAPSHOTS: dict[date, Registry] = {
    date(2013, 1, 1): {"N1": SEATS, "N2": SEATS, "N3": None},
    date(2013, 4, 1): {"N1": SEATS, "N2": 120, "N3": SEATS},
    date(2013, 7, 1): {"N1": SEATS, "N2": 120, "N4": SEATS},
    date(2013, 10, 1): {"N1": None, "N2": 120, "N3": SEATS, "N4": SEATS},
}
"""N1 loses its seats' number, N2 gets more, N3's becomes known, then it goes and comes back, N4 is new."""


def registry_versions(snapshots: Mapping[date, Registry]) -> list[Row]:
    """dim_aircraft after these snapshots, by the rule that Spark's dimension follows too."""
    rows: list[Row] = []
    for tail in sorted({tail for registry in snapshots.values() for tail in registry}):
        observed = {
            day: (registry[tail],) if tail in registry else None for day, registry in snapshots.items()
        }
        changes: list[Change] = merge([], set(), observed)
        for version in versions(changes):
            (seats,) = version.state  # type: ignore[misc]
            rows.append(
                {
                    "aircraft_key": surrogate_key(tail, version.valid_from),
                    "tail_number": tail,
                    "manufacturer": "BOEING",
                    "model": "737",
                    "year_built": 1999,
                    "seats": seats,
                    "valid_from": version.valid_from,
                    "valid_to": version.valid_to,
                    "is_current": version.is_current,
                }
            )
    return rows


def dimensions(aircraft: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of every dimension, with the unknown members."""
    hours = {(flight.origin, flight.departs) for flight in FLIGHTS if flight.hour != 23}
    return {
        "dim_date": [
            {"date_key": UNKNOWN_KEY},
            *({"date_key": date_key(day), "full_date": day, "is_weekend": day.weekday() > 4} for day in DAYS),
        ],
        "dim_airline": [
            {"airline_key": UNKNOWN_KEY, **ALWAYS},
            *(
                {"airline_key": surrogate_key(carrier, BEGINNING), "carrier": carrier, "name": name, **ALWAYS}
                for carrier, name in AIRLINES.items()
            ),
        ],
        "dim_airport": [
            {"airport_key": UNKNOWN_KEY, "name": "Unknown"},
            *(
                {"airport_key": surrogate_key(airport), "airport": airport, "name": name}
                for airport, name in AIRPORTS.items()
            ),
        ],
        "dim_aircraft": [{"aircraft_key": UNKNOWN_KEY, **ALWAYS}, *aircraft],
        "dim_weather": [
            {"weather_key": UNKNOWN_KEY},
            *(
                {
                    "weather_key": surrogate_key(origin, hour.isoformat()),
                    "origin": origin,
                    "time_hour": hour,
                    "temperature_c": 25.0,
                    "wind_speed_kmh": 19.0 if hour.hour < 10 else 40.0,
                    "precipitation_mm": 0.0,
                    "visibility_m": None,
                    "humidity_pct": 50.0,
                }
                for origin, hour in sorted(hours)
            ),
        ],
    }


def facts(flights: Sequence[Flight], aircraft: Sequence[Row]) -> dict[str, list[Row]]:
    """fact_flight and fact_flight_lifecycle of these flights; the third is summed up in the warehouse."""

    def keys(flight: Flight) -> dict[str, Any]:
        return {
            "flight_key": flight.key,
            "date_key": date_key(flight.day),
            "airline_key": surrogate_key(flight.carrier, BEGINNING),
            "origin_airport_key": _airport_key(flight.origin),
            "dest_airport_key": _airport_key(flight.dest),
            "aircraft_key": next(
                (
                    row["aircraft_key"]
                    for row in aircraft
                    if row["tail_number"] == flight.tail and row["valid_from"] <= flight.day < row["valid_to"]
                ),
                UNKNOWN_KEY,
            ),
            "flight_date": flight.day,
        }

    flown = [
        {
            **keys(flight),
            "weather_key": surrogate_key(flight.origin, flight.departs.isoformat())
            if flight.hour != 23
            else UNKNOWN_KEY,
            "carrier": flight.carrier,
            "flight_number": flight.number,
            "tail_number": flight.tail,
            "origin": flight.origin,
            "dest": flight.dest,
            "sched_dep_time": flight.hour * 100,
            "sched_dep_hour_utc": flight.departs,
            "dep_time": None if flight.dep_delay is None else flight.hour * 100,
            "dep_delay_minutes": flight.dep_delay,
            "sched_arr_time": 1200,
            "arr_delay_minutes": flight.arr_delay,
            "cancelled": flight.cancelled,
            "cancellation_code": "B" if flight.cancelled else None,
            "diverted": flight.diverted,
            "air_time_minutes": None if flight.cancelled or flight.diverted else 60,
            "distance_miles": flight.miles,
        }
        for flight in flights
    ]
    lifecycle = [
        {
            **keys(flight),
            "status": "cancelled" if flight.cancelled else "diverted" if flight.diverted else "arrived",
            "scheduled_departure_utc": flight.departs,
            "scheduled_arrival_utc": flight.departs + timedelta(hours=2),
            "gate_to_gate_minutes": None if flight.cancelled or flight.diverted else 90,
        }
        for flight in flights
    ]
    return {"fact_flight": flown, "fact_flight_lifecycle": lifecycle}


SUM_UP_AIRPORTS = """
insert into {table} (
    date_key, airport_key, flight_date, airport, departures_scheduled, departures, departures_cancelled,
    departures_delayed, arrivals_scheduled, arrivals, arrivals_cancelled, arrivals_diverted,
    arrivals_delayed{more}
)
select
    date_key, airport_key, flight_date, airport, sum(dep), sum(dep * flew), sum(dep * (1 - flew)),
    sum(dep * flew * case when dep_delay_minutes >= 15 then 1 else 0 end), sum(arr), sum(arr * came),
    sum(arr * (1 - flew)), sum(arr * (flew - came)),
    sum(arr * case when arr_delay_minutes >= 15 then 1 else 0 end){values}
from (
    select *, origin_airport_key as airport_key, origin as airport, 1 as dep, 0 as arr,
        case when cancelled then 0 else 1 end as flew,
        case when cancelled or diverted then 0 else 1 end as came
    from core.fact_flight
    union all
    select *, dest_airport_key, dest, 0, 1,
        case when cancelled then 0 else 1 end, case when cancelled or diverted then 0 else 1 end
    from core.fact_flight
) as ends
where flight_date in ({days})
group by date_key, airport_key, flight_date, airport
"""


def load(connection: psycopg.Connection[Any], flights: Sequence[Flight], aircraft: Sequence[Row]) -> None:
    """Load these flights as the DAG does: delivered to staging, and their days replaced in core."""
    days = ", ".join(sorted({f"'{flight.day}'" for flight in flights}))
    for table, rows in facts(flights, aircraft).items():
        insert(connection, f"staging.{table}", rows, replace=True)
        connection.execute(f"delete from core.{table} where flight_date in ({days})".encode())
        insert(connection, f"core.{table}", [{**row, "loaded_at": _now()} for row in rows])
    connection.execute(b"delete from staging.fact_airport_daily")
    connection.execute(f"delete from core.fact_airport_daily where flight_date in ({days})".encode())
    for table, more, values in (
        ("staging.fact_airport_daily", "", ""),
        ("core.fact_airport_daily", ", loaded_at", f", '{_now()}'::timestamp"),
    ):
        connection.execute(SUM_UP_AIRPORTS.format(table=table, more=more, values=values, days=days).encode())


def load_dimensions(connection: psycopg.Connection[Any], aircraft: Sequence[Row]) -> None:
    """Replace the dimensions."""
    for table, rows in dimensions(aircraft).items():
        insert(connection, f"core.{table}", [{**row, "loaded_at": _now()} for row in rows], replace=True)


def insert(
    connection: psycopg.Connection[Any], table: str, rows: Sequence[Row], *, replace: bool = False
) -> None:
    """Insert rows, each with the columns that it has; with `replace` the others go first."""
    name = sql.Identifier(*table.split("."))
    if replace:
        connection.execute(sql.SQL("delete from {}").format(name))
    statements = [
        sql.SQL("insert into {} ({}) values ({})").format(
            name,
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(map(sql.Literal, row.values())),
        )
        for row in rows
    ]
    connection.execute(sql.SQL(";").join(statements))


def _airport_key(airport: str) -> int:
    return surrogate_key(airport) if airport in AIRPORTS else UNKNOWN_KEY


def _now() -> datetime:
    """The time of loading as GETDATE() tells it: UTC, whole seconds."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
