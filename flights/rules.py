"""The cleaning rules of the flights: each says why a raw line may not enter the curated zone.

A rule sees one line of a raw object, with the object's day and header. Rules are asked in the order of
`RULES`, and the first that is violated names the line's reject. `flights.spark.rules` states the same rules
for Spark; a test holds the two against each other.

Not a rule of one line: `duplicate`, see `DUPLICATE`. Not a reason to reject: a cancelled or diverted flight,
an unknown tail number, airport or carrier.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from flights.schema import RAW_FLIGHTS

EARLIEST_MINUTES = -1_440
LATEST_MINUTES = 10_080
LONGEST_AIR_TIME_MINUTES = 1_440
LONGEST_DISTANCE_MILES = 12_451
"""Half the Earth's circumference, 24,902 miles (WGS 84)."""

HEADER = RAW_FLIGHTS.names

DATE = r"(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}"
CARRIER = r"[0-9A-Z]{2}( ?\([0-9]\))?"
FLIGHT_NUMBER = r"0*[1-9][0-9]{0,3}"
AIRPORT = r"[0-9A-Z]{3}"
TAIL_NUMBER = r"[!-~]{1,10}"
TIME = r"([01]?[0-9]|2[0-3])[0-5][0-9]|[0-5]?[0-9]|2400"
NUMBER = r"-?[0-9]{1,9}(\.[0-9]+)?"
WHOLE_NUMBER = r"-?[0-9]{1,9}(\.0+)?"
FLAG = r"[01](\.0+)?"
CANCELLATION_CODE = r"[A-D]"
"""What a whole value must match, in the syntax that Python and Java share."""

DUPLICATE = "duplicate"
"""Reason of all but one of several valid lines with the same date, carrier, flight number and origin.

Kept is the line that tells most about the flight: not cancelled before cancelled, then the one with more
filled columns, then the last in the order of the lines' text. So the choice does not depend on the order in
which lines are read.
"""


@dataclass(frozen=True)
class RawLine:
    """One line of a raw object, split; blanks around values are dropped, and an empty value is None."""

    day: date
    header: tuple[str, ...]
    fields: tuple[str | None, ...]
    text: str = ""

    def value(self, column: str) -> str | None:
        """The value of a column of the raw header; the line must have as many fields as that header."""
        return ((self.fields[HEADER.index(column)] or "").strip(" ")) or None


@dataclass(frozen=True)
class Rule:
    """A rule: the reason it gives, where it comes from, and whether a line violates it."""

    reason: str
    source: str
    violated: Callable[[RawLine], bool]


RULES: list[Rule] = []


def _rule(reason: str, source: str) -> Callable[[Callable[[RawLine], bool]], Callable[[RawLine], bool]]:
    def register(violated: Callable[[RawLine], bool]) -> Callable[[RawLine], bool]:
        RULES.append(Rule(reason, source, violated))
        return violated

    return register


def preference(line: RawLine) -> tuple[bool, int, str]:
    """Of several valid lines about one flight, the one with the greatest preference is kept: DUPLICATE."""
    filled = sum(line.value(column) is not None for column in HEADER)
    return (not (line.value("Cancelled") or "").startswith("1"), filled, line.text)


def reject_reason(line: RawLine) -> str | None:
    """Reason of the first rule that `line` violates; None if it is valid."""
    return next((rule.reason for rule in RULES if rule.violated(line)), None)


@_rule("wrong_header", "our raw zone: the columns of RAW_FLIGHTS, in order")
def wrong_header(line: RawLine) -> bool:
    """The object's first line is not the header, so no value can be trusted to be in its column."""
    return line.header != HEADER


@_rule("wrong_column_count", "our raw zone: 17 values a line")
def wrong_column_count(line: RawLine) -> bool:
    """The line has more or fewer values than the header."""
    return len(line.fields) != len(HEADER)


@_rule("invalid_flight_date", "BTS, FlightDate: Flight Date (yyyymmdd), published as yyyy-mm-dd")
def invalid_flight_date(line: RawLine) -> bool:
    """The date is missing, in another format, or not in the calendar."""
    return _date(line.value("FlightDate")) is None


@_rule("wrong_partition_day", "our raw zone: one object a day")
def wrong_partition_day(line: RawLine) -> bool:
    """The flight is of another day than the object it is in."""
    return _date(line.value("FlightDate")) != line.day


@_rule("invalid_carrier", "BTS, Reporting_Airline: two characters, earlier users of a code as `PA (1)`")
def invalid_carrier(line: RawLine) -> bool:
    """The carrier is missing or no carrier code."""
    return not _matches(CARRIER, line.value("Reporting_Airline"))


@_rule("invalid_flight_number", "IATA: flight numbers have one to four digits")
def invalid_flight_number(line: RawLine) -> bool:
    """The flight number is missing, not numeric, or 0."""
    return not _matches(FLIGHT_NUMBER, line.value("Flight_Number_Reporting_Airline"))


@_rule("invalid_airport", "BTS, Origin and Dest: three-character airport codes")
def invalid_airport(line: RawLine) -> bool:
    """Origin or destination is missing or no airport code."""
    return not all(_matches(AIRPORT, line.value(column)) for column in ("Origin", "Dest"))


@_rule("invalid_tail_number", "FAA: a registration is N and up to five characters; BTS has foreign ones too")
def invalid_tail_number(line: RawLine) -> bool:
    """The tail number is longer than any registration."""
    tail_number = line.value("Tail_Number")
    return tail_number is not None and not _matches(TAIL_NUMBER, tail_number)


@_rule("impossible_time", "BTS: local times hhmm, 0001 to 2400")
def impossible_time(line: RawLine) -> bool:
    """A time is no time of the day, such as 2561, or a scheduled one is missing."""
    scheduled = (line.value("CRSDepTime"), line.value("CRSArrTime"))
    actual = (line.value("DepTime"), line.value("ArrTime"))
    return not (all(map(_is_time, scheduled)) and all(time is None or _is_time(time) for time in actual))


@_rule("non_numeric_delay", "BTS, DepDelay and ArrDelay: minutes")
def non_numeric_delay(line: RawLine) -> bool:
    """A delay is no number."""
    delays = (line.value("DepDelay"), line.value("ArrDelay"))
    return not all(delay is None or _matches(NUMBER, delay) for delay in delays)


@_rule("impossible_delay", "BTS: whole minutes; ours: at most a day early or a week late")
def impossible_delay(line: RawLine) -> bool:
    """A delay is not of whole minutes, or longer than any delay that a flight number survives."""
    delays = (line.value("DepDelay"), line.value("ArrDelay"))
    return not all(delay is None or _whole(delay, EARLIEST_MINUTES, LATEST_MINUTES) for delay in delays)


@_rule("invalid_flag", "BTS, Cancelled and Diverted: 1 = yes, 0 = no")
def invalid_flag(line: RawLine) -> bool:
    """Cancelled or diverted is neither 0 nor 1, or the flight is said to be both."""
    flags = (line.value("Cancelled"), line.value("Diverted"))
    if not all(_matches(FLAG, flag) for flag in flags):
        return True
    return all(flag is not None and flag.startswith("1") for flag in flags)


@_rule("invalid_cancellation_code", "BTS, CancellationCode: A carrier, B weather, C air system, D security")
def invalid_cancellation_code(line: RawLine) -> bool:
    """The code is none of BTS's."""
    code = line.value("CancellationCode")
    return code is not None and not _matches(CANCELLATION_CODE, code)


@_rule("impossible_air_time", "BTS, AirTime: minutes; ours: at most a day")
def impossible_air_time(line: RawLine) -> bool:
    """The time in the air is no number of whole minutes, not positive, or longer than a day."""
    air_time = line.value("AirTime")
    return air_time is not None and not _whole(air_time, 1, LONGEST_AIR_TIME_MINUTES)


@_rule("impossible_distance", "BTS, Distance: miles; ours: at most half around the Earth")
def impossible_distance(line: RawLine) -> bool:
    """The distance is missing, no number of whole miles, not positive, or longer than the Earth allows."""
    return not _whole(line.value("Distance"), 1, LONGEST_DISTANCE_MILES)


def _matches(pattern: str, value: str | None) -> bool:
    return value is not None and re.fullmatch(pattern, value) is not None


def _date(value: str | None) -> date | None:
    if value is None or not _matches(DATE, value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _is_time(value: str | None) -> bool:
    return _matches(TIME, value)


def _whole(value: str | None, least: int, greatest: int) -> bool:
    """Whether `value` is a whole number, as `2` or `2.00`, from `least` to `greatest`."""
    return value is not None and _matches(WHOLE_NUMBER, value) and least <= float(value) <= greatest
