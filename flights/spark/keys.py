"""Surrogate keys in Spark, equal to those of `flights.keys`."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812  # Spark's own custom

from flights.keys import MASK, NULL, SEPARATOR, TIMESTAMP_FORMAT


def surrogate_key(*parts: Column) -> Column:
    """BIGINT key of a business key of strings, integers and dates; timestamps go through `timestamp_part`."""
    texts = [F.coalesce(part.cast("string"), F.lit(NULL)) for part in parts]
    digest = F.sha2(F.concat_ws(SEPARATOR, *texts), 256)
    # conv to base -10 reads 64 bits as a signed integer; the mask then clears the sign bit.
    return F.conv(F.substring(digest, 1, 16), 16, -10).cast("bigint").bitwiseAND(F.lit(MASK))


def timestamp_part(timestamp: Column) -> Column:
    """A timestamp as a part of a key; the session's time zone must be UTC."""
    return F.date_format(timestamp, TIMESTAMP_FORMAT)


def date_key(day: Column) -> Column:
    """Key of a calendar day, yyyymmdd, as an INT."""
    return F.year(day) * 10_000 + F.month(day) * 100 + F.dayofmonth(day)
