"""Dimensions of type 2: snapshots of the raw zone, merged into the history that the curated zone keeps.

A snapshot is a complete list as of a day: `aircraft/snapshot=2013-01-01/aircraft-2013-01-01.csv.gz`.
`dimensions/<table>/state.json` in the curated zone names the folder of the changes and the snapshots in them,
so that a run without a new snapshot reads none. A merge writes a folder of its own, then the state, then
deletes the other folders: a run that fails half-way leaves the state as it was.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from flights.errors import UnreadableObjectError, listing
from flights.spark.history import History
from flights.spark.reference import AIRCRAFT, AIRLINES, Reference, judge, texts, typed
from flights.spark.rows import no_rows
from flights.spark.storage import Storage, StoredFile

DATASETS = {"airlines": AIRLINES, "aircraft": AIRCRAFT}
"""Data set of the raw zone → what its rows are."""

Stamps = Mapping[str, tuple[int, int]]
"""Day of a snapshot → size and time of its object: another object of the same day is another snapshot."""


@dataclass(frozen=True)
class Merged:
    """A dimension's history with every snapshot in it; the new ones' rows by reject reason, None if valid."""

    changes: DataFrame
    counts: Mapping[str | None, int]


def merge_snapshots(spark: SparkSession, dataset: str, raw_zone: str, curated_zone: str) -> Merged:
    """Bring a data set's history up to date with the raw zone, and return it.

    A snapshot that came late or was corrected is merged like any other. If one that had been merged is there
    no longer, the history is made anew from those that are. Before the first snapshot the history is empty:
    every fact then has the unknown member, until one comes. Raises UnreadableObjectError if all snapshots
    that had been merged are gone, or a new one is empty, cut off or of another layout; then nothing is
    written.
    """
    reference = DATASETS[dataset]
    history = History(reference.table, reference.key)
    folder = f"{curated_zone}/dimensions/{reference.table.name}"
    files = _files(spark, dataset, raw_zone)
    stamps = {day.isoformat(): (file.size, file.modified) for day, file in files.items()}
    state = _State.read(spark, folder)
    if state.stamps and not stamps:
        raise UnreadableObjectError(
            f"All {len(state.stamps)} snapshots of the {dataset} that had been merged are gone from "
            f"{raw_zone}/{dataset}: every member would count as unknown, so nothing of this run was written. "
            "Restore or ingest one, then run this step again."
        )
    if not state.stamps.keys() <= stamps.keys():
        state = _State("", {})
    new = {
        day: file
        for day, file in files.items()
        if state.stamps.get(day.isoformat()) != stamps[day.isoformat()]
    }
    counts: Mapping[str | None, int] = {}
    if new:
        judged = judge(_rows(spark, reference, new), reference, "since").persist()
        counts = _counts(spark, judged, new)
        known = [date.fromisoformat(day) for day in state.stamps]
        snapshots = typed(judged, reference, "since")
        merged = history.merge(state.changes(spark, history, folder), known, snapshots, list(new))
        state = _State.of(stamps)
        merged.coalesce(1).write.mode("overwrite").parquet(f"{folder}/{state.changes_folder}")
        judged.unpersist()
        state.write(spark, folder)
    return Merged(state.changes(spark, history, folder), counts)


@dataclass(frozen=True)
class _State:
    """What a folder of the curated zone holds of a history."""

    changes_folder: str
    stamps: Stamps

    @classmethod
    def of(cls, stamps: Stamps) -> _State:
        """The state with these snapshots: its folder's name is theirs, so two states never share one."""
        named = hashlib.sha256(json.dumps(stamps, sort_keys=True).encode()).hexdigest()
        return cls(f"changes={named[:16]}", stamps)

    @classmethod
    def read(cls, spark: SparkSession, folder: str) -> _State:
        kept = Storage(spark).read_text(f"{folder}/state.json")
        if kept is None:
            return cls("", {})
        document: dict[str, Any] = json.loads(kept)
        stamps = {day: (size, modified) for day, (size, modified) in document["snapshots"].items()}
        return cls(document["changes"], stamps)

    def write(self, spark: SparkSession, folder: str) -> None:
        storage = Storage(spark)
        document = {"changes": self.changes_folder, "snapshots": self.stamps}
        storage.write_text(f"{folder}/state.json", json.dumps(document, sort_keys=True, indent=2) + "\n")
        folders = {file.uri.rpartition("/")[0] for file in storage.files(folder)}
        for other in sorted(folders):
            if "/changes=" in other and not other.endswith(f"/{self.changes_folder}"):
                storage.delete(other)

    def changes(self, spark: SparkSession, history: History, folder: str) -> DataFrame:
        if not self.changes_folder:
            return no_rows(spark, history.changes)
        return spark.read.schema(history.changes.ddl).parquet(f"{folder}/{self.changes_folder}")


def _files(spark: SparkSession, dataset: str, raw_zone: str) -> dict[date, StoredFile]:
    """The data set's snapshots by day; objects of other names do not count."""
    name = re.compile(rf"/snapshot=(\d{{4}}-\d\d-\d\d)/{dataset}-\1\.csv\.gz$")
    return {
        date.fromisoformat(match[1]): file
        for file in Storage(spark).files(f"{raw_zone}/{dataset}")
        if (match := name.search(file.uri)) is not None
    }


def _rows(spark: SparkSession, reference: Reference, files: Mapping[date, StoredFile]) -> DataFrame:
    """The snapshots' rows as text columns, and `since`, their snapshot's day."""
    schema = ", ".join(f"{name} STRING" for name in reference.header)
    # Not enforced: Spark then holds each file's header against the schema, in place of trusting it.
    reader = spark.read.schema(schema).options(header=True, enforceSchema=False, escape='"')
    rows = reader.csv([file.uri for file in files.values()])
    day = F.regexp_extract("_metadata.file_path", r"/snapshot=(\d{4}-\d\d-\d\d)/", 1).cast("date")
    return texts(rows, reference, day.alias("since"))


def _counts(
    spark: SparkSession, judged: DataFrame, files: Mapping[date, StoredFile]
) -> Mapping[str | None, int]:
    """Rows of the snapshots by reason; the first action on them, so what is wrong with one shows here."""
    try:
        counted = judged.groupBy("since", "reason").count().collect()
    except (Py4JJavaError, PySparkException) as error:
        if (unreadable := _unreadable(spark, files, str(error))) is not None:
            raise unreadable from error
        raise
    filled = {row["since"] for row in counted if row["reason"] is None}
    if hollow := [file.uri for day, file in files.items() if day not in filled]:
        raise UnreadableObjectError(
            f"These snapshots have no valid row: {listing(hollow)}. Every member would count as gone, so "
            "nothing of this run was written. Ingest or delete them, then run this step again."
        )
    counts: dict[str | None, int] = {}
    for row in counted:
        counts[row["reason"]] = counts.get(row["reason"], 0) + row["count"]
    return counts


def _unreadable(
    spark: SparkSession, files: Mapping[date, StoredFile], message: str
) -> UnreadableObjectError | None:
    """What is wrong with the snapshots, after Spark failed on them; None if the failure is another one."""
    storage = Storage(spark)
    wrong = [
        f"{file.uri} ({damage})"
        for file in files.values()
        if (damage := storage.damage(file.uri)) is not None
    ] or re.findall(r"CSV file: (\S+)", message)
    if not wrong:
        return None
    return UnreadableObjectError(
        f"New snapshots are cut off, or have another header than the contract's: {listing(wrong)}. Nothing "
        "of this run was written. Ingest them again, then run this step again."
    )
