"""Raw lines to plant defects in."""

from __future__ import annotations

from datetime import date

from flights.rules import HEADER, RawLine

DAY = date(2013, 1, 1)
VALID = {
    "FlightDate": "2013-01-01",
    "Reporting_Airline": "UA",
    "Tail_Number": "N14228",
    "Flight_Number_Reporting_Airline": "1545",
    "Origin": "EWR",
    "Dest": "IAH",
    "CRSDepTime": "0515",
    "DepTime": "0517",
    "DepDelay": "2.00",
    "CRSArrTime": "0819",
    "ArrTime": "0830",
    "ArrDelay": "11.00",
    "Cancelled": "0.00",
    "CancellationCode": "",
    "Diverted": "0.00",
    "AirTime": "227.00",
    "Distance": "1400.00",
}
CANCELLED = {
    **dict.fromkeys(("DepTime", "DepDelay", "ArrTime", "ArrDelay", "AirTime"), ""),
    "Cancelled": "1.00",
    "CancellationCode": "B",
}
TURNED_BACK = {"DepTime": "0915", "DepDelay": "240.00"}
"""What BTS adds to a cancelled flight that had left its gate and came back."""
DIVERTED = {**dict.fromkeys(("ArrTime", "ArrDelay", "AirTime"), ""), "Diverted": "1.00"}


def raw_line(text: str = "", /, **changes: str) -> RawLine:
    """A valid line: UA 1545 from EWR to IAH at 05:15 on 2013-01-01, with `changes` of its columns."""
    return RawLine(DAY, HEADER, tuple((VALID | changes).values()), text)
