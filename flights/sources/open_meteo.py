"""Weather from Open-Meteo's historical archive: hourly values at an airport's position, free, without a key.

    GET …/v1/archive?latitude=40.69&longitude=-74.17&start_date=2013-01-01&end_date=2013-01-02
        &hourly=temperature_2m,…&timezone=UTC

answers `{"hourly_units": {"time": "iso8601", "temperature_2m": "°C", …}, "hourly": {"time":
["2013-01-01T00:00", …], "temperature_2m": [3.9, null, …], …}}`, every hour of the days listed, null where
there is no value. A refusal is a 400 with `{"error": true, "reason": "…"}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import urlencode

from flights.sources.airports import Airport
from flights.sources.download import Document, Downloader, PassingError, RetryPolicy, SourceError
from flights.sources.period import Period
from flights.sources.raw_objects import DailyObjects, RawObject

VARIABLES = {
    "temperature_c": ("temperature_2m", "°C"),
    "humidity_pct": ("relative_humidity_2m", "%"),
    "dew_point_c": ("dew_point_2m", "°C"),
    "wind_direction_deg": ("wind_direction_10m", "°"),
    "wind_speed_kmh": ("wind_speed_10m", "km/h"),
    "wind_gust_kmh": ("wind_gusts_10m", "km/h"),
    "precipitation_mm": ("precipitation", "mm"),
    "pressure_hpa": ("pressure_msl", "hPa"),
    "visibility_m": ("visibility", "m"),
}
"""Field of a raw line → Open-Meteo's variable and its unit. The archive has no visibility for most years."""


def weather_of_period(
    base_url: str,
    period: Period,
    airports: Sequence[Airport],
    policy: RetryPolicy | None = None,
    *,
    downloader: Downloader | None = None,
) -> list[RawObject]:
    """Hourly weather at `airports`, one raw object a day, in order; one request an airport.

    A line's `time_hour` is UTC, its day is the airport's own date: then the weather of a flight's scheduled
    hour is always in the object of the flight's date. Hours without any value are left out; a day without
    an hour gives an empty object. Raises SourceError when the source refuses or answers in another form.
    """
    using = downloader or Downloader()
    with DailyObjects("weather", period.days()) as collected:
        for airport in airports:
            zone = airport.zone
            for hour, values in _hours(request_url(base_url, period, airport), using, policy):
                day = hour.astimezone(zone).date()
                if period.start <= day <= period.end:
                    line = {"origin": airport.code, "time_hour": f"{hour:%Y-%m-%dT%H:%M:%SZ}", **values}
                    collected.write(day, json.dumps(line, separators=(",", ":")) + "\n")
        return collected.objects()


def request_url(base_url: str, period: Period, airport: Airport) -> str:
    """The request for every UTC day that the period's local days touch."""
    query = {
        "latitude": airport.latitude,
        "longitude": airport.longitude,
        "start_date": _utc_date(period.start, time(0), airport),
        "end_date": _utc_date(period.end, time(23), airport),
        "hourly": ",".join(variable for variable, _ in VARIABLES.values()),
        "timezone": "UTC",
    }
    return f"{base_url}?{urlencode(query, safe=',')}"


def _utc_date(day: date, clock: time, airport: Airport) -> date:
    return datetime.combine(day, clock, tzinfo=airport.zone).astimezone(UTC).date()


def _hours(
    url: str, downloader: Downloader, policy: RetryPolicy | None
) -> Iterator[tuple[datetime, dict[str, float | None]]]:
    """Each hour with at least one value: its start in UTC, and its values by field name."""
    answer = downloader.read(url, _parsed, policy)
    try:
        hourly, units = answer["hourly"], answer["hourly_units"]
        starts = hourly["time"]
        columns = {field: hourly[variable] for field, (variable, _) in VARIABLES.items()}
    except (KeyError, TypeError) as error:
        raise SourceError(f"{url} answered without {error}: its form has changed") from error
    for field, (variable, unit) in VARIABLES.items():
        if len(columns[field]) != len(starts):
            raise SourceError(f"{url} gave {len(columns[field])} of {len(starts)} hours of {variable}")
        # A variable that the archive lacks comes with nulls only, and with no proper unit.
        if units.get(variable) != unit and any(value is not None for value in columns[field]):
            raise SourceError(f"{url} gave {variable} in {units.get(variable)!r}, not in {unit}")
    for number, start in enumerate(starts):
        values = {field: column[number] for field, column in columns.items()}
        if any(value is not None for value in values.values()):
            yield datetime.fromisoformat(start).replace(tzinfo=UTC), values


def _parsed(answer: Document) -> Any:
    try:
        return json.load(answer.body)
    except ValueError as error:
        raise PassingError(f"{answer.url} arrived damaged ({error})") from error
