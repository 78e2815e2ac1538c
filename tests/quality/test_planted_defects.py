"""Defects of many kinds, planted in real flights: each is caught by the gate that owns it, and no other.

Three gates: the cleaning rules reject single lines, the quality rules refuse what curation could not see or
did wrong, and row accounting finds rows that got lost or appeared. The good rows go on in any case.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from flights.rules import RULES
from mwaa_dags.refstack_dags import quality
from mwaa_dags.refstack_dags.row_accounting import RowAccountingError, StageAccount, check
from tests.quality.conftest import DAY, CuratedWeek, Gate
from tests.quality.planted_lines import CLEANING, planted_lines

pytestmark = pytest.mark.spark


def test_every_cleaning_rule_of_a_line_has_a_defect_here() -> None:
    # wrong_header is a defect of a whole object; curation's own tests plant it.
    assert {rule.reason for rule in RULES} - {"wrong_header"} == {*CLEANING, "wrong_column_count"}


def test_cleaning_rejects_each_planted_line_with_its_reason_and_keeps_every_good_row(
    week: CuratedWeek,
) -> None:
    planted = planted_lines(week.real[DAY])

    assert week.done.accounting.rejected == {line.reason: 1 for line in planted}
    good = sum(len(flights) for flights in week.real.values())
    assert week.done.accounting.written == {"flights": good}
    assert week.done.days_with_rejects == [DAY]


def test_what_cleaning_left_passes_the_quality_gate_and_may_be_loaded(gate: Gate, week: CuratedWeek) -> None:
    assert gate.refused() == set()
    assert gate.connection.execute('SELECT count(*) FROM "primary"').fetchone() == (len(week.real[DAY]),)


def update(values: str, where: str = "rowid = 0") -> Callable[[Gate], None]:
    """A defect of single rows of the run."""
    return lambda gate: gate.change(f'UPDATE "primary" SET {values} WHERE {where}')


def sql(*statements: str) -> Callable[[Gate], None]:
    """A defect that statements make."""

    def plant(gate: Gate) -> None:
        for statement in statements:
            gate.connection.execute(statement)

    return plant


def missing_day(day: int) -> Callable[[Gate], None]:
    """A run of a week in which no file has a day's flights."""

    def plant(gate: Gate) -> None:
        gate.whole_week()
        gate.change(f"DELETE FROM \"primary\" WHERE flight_date = DATE '2013-01-0{day}'")

    return plant


def stale(gate: Gate) -> None:
    """Files that an earlier run has left."""
    gate.files[:] = [
        type(one)(one.bucket, one.key, one.etag, one.modified - timedelta(days=2), ()) for one in gate.files
    ]


COPIES = 'INSERT INTO "primary" SELECT * REPLACE (flight_number + 5000 AS flight_number) FROM "primary"'
REJECTS = "INSERT INTO rejects SELECT rejects.* FROM rejects, range(5)"
FLYING = "arr_delay_minutes IS NOT NULL AND flight_number = 301"

GATE: dict[str, tuple[Callable[[Gate], None], set[str]]] = {
    "a column is lacking": (
        sql('ALTER TABLE "primary" DROP COLUMN tail_number'),
        {"ColumnCount", 'ColumnExists "tail_number"'},
    ),
    "a column too many": (sql('ALTER TABLE "primary" ADD COLUMN gate VARCHAR'), {"ColumnCount"}),
    "a number became text": (
        sql(
            'ALTER TABLE "primary" ALTER distance_miles TYPE VARCHAR',
            "UPDATE \"primary\" SET distance_miles = 'far' WHERE rowid = 0",
        ),
        {'ColumnDataType "distance_miles"', 'ColumnValues "distance_miles"'},
    ),
    "a required value is null": (update("dest = NULL"), {'IsComplete "dest"', 'ColumnValues "dest"'}),
    "a flight is there twice": (
        lambda gate: gate.change('INSERT INTO "primary" FROM "primary" LIMIT 1'),
        {"IsPrimaryKey"},
    ),
    "a carrier of no known form": (update("carrier = 'united'"), {'ColumnValues "carrier"'}),
    "an airport of no known form": (update("origin = 'NYC-1'"), {'ColumnValues "origin"'}),
    "an unknown code": (update("cancellation_code = 'X'"), {'ColumnValues "cancellation_code"'}),
    "a flight number of 0": (update("flight_number = 0"), {'ColumnValues "flight_number"'}),
    "a distance around the Earth": (update("distance_miles = 24902"), {'ColumnValues "distance_miles"'}),
    "a schedule after midnight's end": (
        update("sched_dep_time = 2459"),
        {'ColumnValues "sched_dep_time"'},
    ),
    "a departure after midnight's end": (update("dep_time = 2410", FLYING), {"dep_time not between"}),
    "a time of 75 minutes": (update("arr_time = 1275", FLYING), {"arr_time % 100 > 59"}),
    "a delay of weeks": (update("dep_delay_minutes = 30000", FLYING), {"dep_delay_minutes not between"}),
    "no time in the air": (update("air_time_minutes = 0", FLYING), {"air_time_minutes not between"}),
    "a cancelled flight that arrived": (update("cancelled = TRUE", FLYING), {"where cancelled and"}),
    "a flight that never left": (update("dep_time = NULL", FLYING), {"where not cancelled and"}),
    "a flight to where it began": (update("dest = origin"), {"where origin = dest"}),
    "a flight in another day's folder": (update("day = '09'"), {"cast(flight_date as string)"}),
    "a day is missing inside the run": (
        missing_day(5),
        {"left join (select distinct flight_date", "= 8"},
    ),
    "the last day is missing": (missing_day(8), {"= 8"}),
    "a day is nearly empty": (
        lambda gate: gate.change('DELETE FROM "primary" WHERE rowid >= 50'),
        # The lines that were planted for curation are now a large share.
        {">= 100", ">= 0.5", "<= 0.05"},
    ),
    "a day has half its flights": (
        lambda gate: gate.change('DELETE FROM "primary" WHERE rowid >= 400'),
        {">= 0.5"},
    ),
    "a day has twice its flights": (
        lambda gate: gate.change(COPIES),
        {"<= 1.5", 'ColumnValues "flight_number"'},
    ),
    "the files are of an earlier run": (stale, {quality.FRESHNESS}),
    "one line in ten is rejected": (sql(REJECTS), {"<= 0.05"}),
    "nothing is left": (
        lambda gate: gate.change('DELETE FROM "primary"'),
        {'DistinctValuesCount "flight_date" > 0'},
    ),
}
"""Kind of defect → how it is planted, and parts of the rules that it must break."""


@pytest.mark.parametrize("kind", GATE)
def test_the_quality_gate_refuses_what_curation_could_not_see(gate: Gate, kind: str) -> None:
    plant, owners = GATE[kind]

    plant(gate)

    refused = gate.refused()
    for owner in owners:
        assert any(owner in rule for rule in refused), f"{owner} let it through: {refused}"
    if kind != "nothing is left":
        strangers = {rule for rule in refused if not any(owner in rule for owner in owners)}
        assert strangers == set()


CURATED = StageAccount(read=10, written=8, rejected={"duplicate": 2})
FACTS = StageAccount(read=8, written=8, rejected={})
WRITTEN = {"fact_flight": 8}

ACCOUNTING = {
    "a raw object was overwritten meanwhile": (11, CURATED, FACTS, 8),
    "curation dropped a row": (10, StageAccount(10, 7, {"duplicate": 2}), FACTS, 8),
    "a join multiplied a row": (10, CURATED, StageAccount(8, 9, {}), 9),
    "the fact job missed a file": (10, CURATED, StageAccount(7, 7, {}), 7),
    "a load was cut short": (10, CURATED, FACTS, 7),
    "a load was run twice": (10, CURATED, FACTS, 16),
}
"""Kind of defect → raw rows, curation's account, the fact job's account, rows in the warehouse."""


@pytest.mark.parametrize("kind", ACCOUNTING)
def test_row_accounting_finds_rows_that_got_lost_or_appeared(kind: str) -> None:
    raw, curated, facts, loaded = ACCOUNTING[kind]
    with pytest.raises(RowAccountingError):
        check(raw, curated, facts, {"fact_flight": facts.written}, {"fact_flight": loaded})


def test_there_are_more_than_twenty_kinds() -> None:
    assert len(CLEANING) + 2 + len(GATE) + len(ACCOUNTING) >= 40
