"""The airline lists as the lookup table of carriers that BTS publishes."""

from __future__ import annotations

from datetime import date

from local.replay import lists

FILE = "L_UNIQUE_CARRIERS.csv"


class Lookup:
    """The tables of all days that there is a list of."""

    def __init__(self) -> None:
        self._lists = lists.airlines()

    def get(self, day: date) -> bytes:
        """The CSV of the list as of `day`, one of `lists.DAYS`."""
        lines = ["Code,Description", *(f'"{code}","{name}"' for code, name in self._lists[day].items())]
        return "".join(f"{line}\r\n" for line in lines).encode()
