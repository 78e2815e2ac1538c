"""Airlines from the lookup table of carrier codes of the US Bureau of Transportation Statistics.

https://www.transtats.bts.gov/Download_Lookup.asp?Y11x72=Y_haVdhR_PNeeVRef is L_UNIQUE_CARRIERS.csv: columns
`Code` and `Description`, quoted; some 1,700 carriers past and present.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from typing import IO

from flights.schema import RAW_AIRLINES
from flights.sources.archives import lines
from flights.sources.errors import SourceError
from flights.sources.snapshots import MISSING_KEY, WRONG_COLUMN_COUNT, ListSource, Record, Reject

FILE = "L_UNIQUE_CARRIERS.csv"
COLUMNS = ["Code", "Description"]


def records(url: str, body: IO[bytes]) -> Iterator[Record]:
    """Code and name of each carrier, in the table's order; "" for what is not known.

    Bytes that are not UTF-8 become U+FFFD, as in the other list.
    """
    rows = csv.reader(codecs.iterdecode(lines(url, FILE, body), "utf-8-sig", "replace"))
    try:
        header = next(rows, [])
        if header != COLUMNS:
            raise SourceError(f"{url} begins with {header}, not with {COLUMNS}: its layout has changed")
        for row in rows:
            values = [value.strip() for value in row]
            if len(values) != len(COLUMNS):
                if any(values):
                    yield Reject(WRONG_COLUMN_COUNT, FILE, ",".join(row))
            elif not values[0]:
                yield Reject(MISSING_KEY, FILE, ",".join(row))
            else:
                yield values
    except csv.Error as error:
        raise SourceError(f"{url} is not the CSV it should be ({error})") from error


AIRLINES = ListSource(RAW_AIRLINES.name, RAW_AIRLINES.names, records)
"""The lookup table of carriers."""
