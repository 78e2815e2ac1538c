"""From the lake's rows to the operational store's: moments in time rather than local clock readings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pandas as pd

from flights.sources.raw_objects import NULL
from flights.weather import PLAUSIBLE

SKIPPED = pd.Timedelta(hours=1)
"""What clocks that go forward skip."""
UNKNOWN_ORIGIN = "unknown_origin"
"""Reason to reject a flight: the list of airports has no time zone for its origin."""
DUPLICATE = "duplicate"
"""Reason to reject all but one of several airlines with the same code."""


@dataclass(frozen=True)
class Counts:
    """Rows of one table: read = written + rejected, or the load is wrong."""

    read: int = 0
    written: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.read + other.read, self.written + other.written, self.rejected + other.rejected)

    def as_dict(self) -> dict[str, object]:
        """As the log tells it."""
        return {"read": self.read, "written": self.written, "rejected": dict(self.rejected)}


def operational_flights(flights: pd.DataFrame, airports: pd.DataFrame) -> tuple[pd.DataFrame, Counter[str]]:
    """Flights with their scheduled and actual departure in UTC; and how many were rejected, by reason.

    As in the warehouse, a local time that the clock change skips counts as an hour later, one that it repeats
    as the earlier of the two.
    """
    zones = airports.set_index("airport")["time_zone"].dropna()
    known = flights["origin"].isin(zones.index)
    kept = flights[known].copy()
    clock = kept["sched_dep_time"].astype("int64")
    minutes = pd.to_timedelta(clock // 100 * 60 + clock % 100, unit="min")
    local = pd.to_datetime(kept["flight_date"]) + minutes
    scheduled = pd.Series(pd.NaT, index=kept.index, dtype="datetime64[ns, UTC]")
    for zone, times in local.groupby(kept["origin"].map(zones)):
        moments = times.dt.tz_localize(zone, ambiguous=[True] * len(times), nonexistent=SKIPPED)
        scheduled.loc[times.index] = moments.dt.tz_convert("UTC").astype(scheduled.dtype)
    kept["scheduled_departure"] = scheduled
    kept["departed_at"] = scheduled + pd.to_timedelta(kept["dep_delay_minutes"].astype("Float64"), unit="min")
    return kept, Counter({UNKNOWN_ORIGIN: int((~known).sum())}) if not known.all() else Counter()


def named_airlines(airlines: pd.DataFrame) -> tuple[pd.DataFrame, Counter[str]]:
    """Each carrier once, one without a name by its code; and how many rows were rejected, by reason.

    Of several names the last in the order of the text is kept, one before none, as in the warehouse.
    """
    named = airlines.assign(name=airlines["name"].where(~airlines["name"].isin(["", NULL])))
    once = named.sort_values(["carrier", "name"], na_position="first").drop_duplicates("carrier", keep="last")
    rejected = Counter({DUPLICATE: repeated} if (repeated := len(named) - len(once)) else {})
    return once.assign(name=once["name"].fillna(once["carrier"])), rejected


def plausible_weather(weather: pd.DataFrame) -> pd.DataFrame:
    """The hours with values outside what is possible on earth left out; the hours themselves stay."""
    cleaned = weather.copy()
    for column, (lowest, highest) in PLAUSIBLE.items():
        values = pd.to_numeric(cleaned[column])
        cleaned[column] = values.where(values.between(lowest, highest))
    return cleaned
