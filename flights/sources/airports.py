"""Where the airports are: position and time zone, from the reference table."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Airport:
    """An airport: IATA code, latitude and longitude in degrees (WGS 84), time zone."""

    code: str
    latitude: float
    longitude: float
    time_zone: str
    """IANA name, such as America/New_York."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone; needs the system's time zone database or the package tzdata."""
        return ZoneInfo(self.time_zone)


def airports(codes: Iterable[str]) -> list[Airport]:
    """The airports of these IATA codes, in their order; ValueError names those that the table lacks."""
    wanted = list(codes)
    known = {row["faa"]: row for row in _rows() if row["faa"] in wanted}
    missing = [code for code in wanted if code not in known]
    if missing:
        raise ValueError(f"flights/reference/airports.csv has no airport {', '.join(missing)}")
    return [
        Airport(code, float(row["lat"]), float(row["lon"]), row["tzone"])
        for code, row in ((code, known[code]) for code in wanted)
    ]


def time_zones() -> dict[str, str]:
    """IANA time zone by IATA code, of the airports that have one."""
    return {row["faa"]: row["tzone"] for row in _rows() if row["tzone"] not in ("", "NA", r"\N")}


def _rows() -> Iterable[dict[str, str]]:
    table = files("flights").joinpath("reference", "airports.csv").read_text(encoding="utf-8")
    return csv.DictReader(table.splitlines())
