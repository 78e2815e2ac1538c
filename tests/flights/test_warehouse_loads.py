"""Loading a dimension of type 2 on the emulated Redshift: exactly the flights of what moved are re-keyed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest

from flights.schema import (
    BEGINNING,
    DIM_AIRCRAFT,
    DIM_AIRLINE,
    END_OF_TIME,
    FACT_FLIGHT,
    FACT_FLIGHT_LIFECYCLE,
)
from flights.tables import Table
from tests.flights.warehouse import Warehouse, warehouse, warehouse_server

__all__ = ["warehouse", "warehouse_server"]

JANUARY, APRIL, JULY = date(2013, 1, 15), date(2013, 4, 1), date(2013, 7, 1)
LONG_AGO = "2000-01-01 00:00:00"
START, END = "2013-12-31", "2013-12-31"


def version(
    key: int, tail_number: str | None, valid_from: date, valid_to: date, seats: int | None = 55
) -> tuple[Any, ...]:
    values = {
        "aircraft_key": key,
        "tail_number": tail_number,
        "seats": seats,
        "valid_from": valid_from,
        "valid_to": valid_to,
        "is_current": valid_to == END_OF_TIME,
    }
    return tuple(values.get(name) for name in DIM_AIRCRAFT.names)


DEFAULTS = {
    "date_key": 0,
    "airline_key": 7,
    "origin_airport_key": -1,
    "dest_airport_key": -1,
    "weather_key": -1,
    "carrier": "UA",
    "flight_number": 1,
    "origin": "EWR",
    "dest": "IAH",
    "sched_dep_time": 1,
    "sched_arr_time": 2,
    "cancelled": False,
    "diverted": False,
    "distance_miles": 1,
    "status": "scheduled",
    "loaded_at": LONG_AGO,
}
OWN = ("flight_key", "flight_date", "tail_number", "aircraft_key")
Flight = tuple[int, date, str | None, int]


def fact(columns: Iterable[str], flight: Flight) -> tuple[Any, ...]:
    """A row of a fact for a flight of (flight_key, flight_date, tail_number, aircraft_key)."""
    values = {**DEFAULTS, **dict(zip(OWN, flight, strict=True))}
    return tuple(values.get(name) for name in columns)


def flights(warehouse: Warehouse, *planted: Flight) -> None:
    for table in (FACT_FLIGHT, FACT_FLIGHT_LIFECYCLE):
        columns = (*table.names, "loaded_at")
        warehouse.put(f"core.{table.name}", columns, [fact(columns, flight) for flight in planted])


def keys(warehouse: Warehouse) -> dict[int, int]:
    """flight_key → aircraft_key; both facts agree, and those that kept theirs were not written."""
    found = []
    for table in ("fact_flight", "fact_flight_lifecycle"):
        found.append(dict(warehouse.rows(f"SELECT flight_key, aircraft_key FROM core.{table}")))
    assert found[0] == found[1]
    return found[0]


def written(warehouse: Warehouse, table: str, key: str) -> set[int]:
    """Keys of the rows that were written after they were planted."""
    return {
        row[0] for row in warehouse.rows(f"SELECT {key} FROM core.{table} WHERE loaded_at > '2001-01-01'")
    }


@pytest.fixture
def loaded(warehouse: Warehouse) -> Warehouse:
    """Two aircraft, one of which changed in July, an unknown member, and flights of before and after."""
    columns = (*DIM_AIRCRAFT.names, "loaded_at")
    warehouse.put("core.dim_aircraft", columns, [(*row, LONG_AGO) for row in (*N1, *N2, UNKNOWN)])
    flights(
        warehouse,
        *((11, JANUARY, "N1", 1), (12, APRIL, "N1", 1), (13, JULY, "N1", 2)),
        *((21, JANUARY, "N2", 3), (22, JULY, "N2", 3)),
        *((31, JULY, "N3", -1), (32, JULY, None, -1)),
    )
    return warehouse


UNKNOWN = version(-1, None, BEGINNING, END_OF_TIME, seats=None)
N1 = [version(1, "N1", BEGINNING, JULY), version(2, "N1", JULY, END_OF_TIME, seats=60)]
N2 = [version(3, "N2", BEGINNING, END_OF_TIME, seats=None)]


def test_the_same_versions_again_write_nothing(loaded: Warehouse) -> None:
    loaded.load(DIM_AIRCRAFT, [*N1, *N2, UNKNOWN], START, END)

    for table, key in (("dim_aircraft", "aircraft_key"), ("fact_flight", "flight_key")):
        assert written(loaded, table, key) == set()
    assert loaded.rows("SELECT COUNT(*) FROM core.dim_aircraft") == [(4,)]


def test_a_late_version_takes_exactly_the_flights_of_its_days(loaded: Warehouse) -> None:
    late = [
        version(1, "N1", BEGINNING, APRIL),
        version(4, "N1", APRIL, JULY, seats=58),
        version(2, "N1", JULY, END_OF_TIME, seats=60),
    ]

    loaded.load(DIM_AIRCRAFT, [*late, *N2, UNKNOWN], START, END)

    assert keys(loaded) == {11: 1, 12: 4, 13: 2, 21: 3, 22: 3, 31: -1, 32: -1}
    assert written(loaded, "fact_flight", "flight_key") == {12}
    assert written(loaded, "fact_flight_lifecycle", "flight_key") == {12}
    assert written(loaded, "dim_aircraft", "aircraft_key") == {1, 4}, "the changed and the new version"
    assert loaded.rows("SELECT valid_to FROM core.dim_aircraft WHERE aircraft_key = 1") == [(APRIL,)]


def test_flights_of_days_without_a_version_become_unknown_and_those_of_a_new_aircraft_known(
    loaded: Warehouse,
) -> None:
    gone = [version(1, "N1", BEGINNING, APRIL), version(2, "N1", JULY, END_OF_TIME, seats=60)]
    new = version(5, "N3", BEGINNING, END_OF_TIME)

    loaded.load(DIM_AIRCRAFT, [*gone, new, UNKNOWN], START, END)

    assert keys(loaded) == {11: 1, 12: -1, 13: 2, 21: -1, 22: -1, 31: 5, 32: -1}
    assert written(loaded, "fact_flight", "flight_key") == {12, 21, 22, 31}
    assert loaded.rows("SELECT aircraft_key FROM core.dim_aircraft ORDER BY 1") == [(-1,), (1,), (2,), (5,)]


def test_a_corrected_attribute_moves_no_flight_even_to_and_from_null(loaded: Warehouse) -> None:
    corrected = [
        version(1, "N1", BEGINNING, JULY, seats=None),
        N1[1],
        version(3, "N2", BEGINNING, END_OF_TIME, 70),
    ]

    loaded.load(DIM_AIRCRAFT, [*corrected, UNKNOWN], START, END)

    assert written(loaded, "dim_aircraft", "aircraft_key") == {1, 3}
    assert written(loaded, "fact_flight", "flight_key") == set()
    assert loaded.rows("SELECT aircraft_key, seats FROM core.dim_aircraft ORDER BY 1") == [
        *((-1, None), (1, None), (2, 60), (3, 70)),
    ]


def test_airlines_are_re_keyed_by_carrier(loaded: Warehouse) -> None:
    always = (BEGINNING, END_OF_TIME, True)
    renamed = [
        (7, "UA", "United Air Lines Inc.", BEGINNING, APRIL, False),
        (8, "UA", "United", APRIL, *always[1:]),
    ]

    loaded.load(
        DIM_AIRLINE, [(7, "UA", "United Air Lines Inc.", *always), (-1, None, "?", *always)], START, END
    )
    loaded.load(DIM_AIRLINE, [*renamed, (-1, None, "?", *always)], START, END)

    for table in ("fact_flight", "fact_flight_lifecycle"):
        found = loaded.rows(f"SELECT flight_key, airline_key FROM core.{table} ORDER BY 1")
        assert found == [(11, 7), (12, 8), (13, 8), (21, 7), (22, 8), (31, 8), (32, 8)]


@pytest.mark.parametrize("table", [FACT_FLIGHT, FACT_FLIGHT_LIFECYCLE], ids=lambda table: table.name)
def test_a_late_correction_restates_exactly_its_day(loaded: Warehouse, table: Table) -> None:
    corrected = [fact(table.names, (key, APRIL, "N2", 3)) for key in (41, 42)]

    loaded.load(table, corrected, f"{APRIL}", f"{APRIL}")

    assert written(loaded, table.name, "flight_key") == {41, 42}
    kept = {11, 13, 21, 22, 31, 32}
    assert {row[0] for row in loaded.rows(f"SELECT flight_key FROM core.{table.name}")} == {41, 42} | kept
