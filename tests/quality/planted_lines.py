"""Raw lines with defects that curation owns."""

from __future__ import annotations

from dataclasses import dataclass

from flights.rules import DUPLICATE
from tests.flights.spark.lake import csv_line


@dataclass(frozen=True)
class PlantedLine:
    """A line planted beside the real ones: the reason why it is to be rejected, and its text."""

    reason: str
    text: str


CLEANING = {
    "invalid_flight_date": {"FlightDate": "08/01/2013"},
    "wrong_partition_day": {"FlightDate": "2013-01-05"},
    "invalid_carrier": {"Reporting_Airline": "United"},
    "invalid_flight_number": {"Flight_Number_Reporting_Airline": "ABC"},
    "invalid_airport": {"Dest": "Houston"},
    "invalid_tail_number": {"Tail_Number": "N1234567890"},
    "impossible_time": {"DepTime": "2561"},
    "non_numeric_delay": {"DepDelay": "two"},
    "impossible_delay": {"ArrDelay": "99999"},
    "invalid_flag": {"Diverted": "yes"},
    "invalid_cancellation_code": {"CancellationCode": "Z"},
    "impossible_air_time": {"AirTime": "-1"},
    "impossible_distance": {"Distance": "-1400.00"},
}
"""Reason of a cleaning rule → values that make a good line break it."""


def planted_lines(flights: list[dict[str, str]]) -> list[PlantedLine]:
    """One line for each kind of defect that curation owns, made of good lines."""
    good = next(flight for flight in flights if flight["ArrDelay"])
    lines = [
        # A flight number of its own, so that the line is a duplicate of none.
        PlantedLine(reason, csv_line({**good, "Flight_Number_Reporting_Airline": "9999", **values}))
        for reason, values in CLEANING.items()
    ]
    lines.append(PlantedLine("wrong_column_count", csv_line(good) + ",surplus"))
    lines.append(PlantedLine(DUPLICATE, csv_line({**good, "Tail_Number": ""})))
    return lines
