"""Rules over tables: what passes, what fails, what is measured; and the real year under the real ruleset."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest

from local.engines import dqdl, dqdl_types
from local.engines.catalog_tables import StoredObject
from local.engines.quality_rules import Dataset, Outcome, evaluate
from tests.local.quality_data import rules, run_of, year

NOW = datetime.now(UTC)
ROWS = """
CREATE TABLE "primary" AS SELECT * FROM (VALUES
    (1, 'a', 1.5, DATE '2013-01-01', TRUE, '7', current_timestamp),
    (2, 'b', 2.5, DATE '2013-01-02', TRUE, '8', current_timestamp - INTERVAL 3 DAY),
    (2, 'b', NULL, DATE '2013-01-03', FALSE, 'x', current_timestamp),
    (4, ' ', 9.5, DATE '2013-01-04', NULL, NULL, NULL)
) AS t (id, code, amount, day, flag, text, loaded_at)
"""


def stored(hours_ago: float) -> StoredObject:
    """An object that was written some time ago."""
    return StoredObject("bucket", f"key-{hours_ago}", "etag", NOW - timedelta(hours=hours_ago), ())


@pytest.fixture(scope="module")
def data() -> Iterator[Dataset]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(ROWS)
        connection.execute(
            "CREATE TABLE reference AS SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t (id, code)"
        )
        yield Dataset(connection, frozenset({"reference"}), [stored(1), stored(30)])


def outcome(rule: str, data: Dataset) -> Outcome:
    found = dqdl.parse(f"Rules = [ {rule} ]")
    dqdl_types.check(found)
    return evaluate(found[0], data)


@pytest.mark.parametrize(
    ("rule", "metric", "value"),
    [
        ("RowCount = 4", "Dataset.*.RowCount", 4),
        ('RowCount = 2 where "id = 2"', "Dataset.*.RowCount", 2),
        ("ColumnCount = 7", "Dataset.*.ColumnCount", 7),
        ('IsComplete "id"', "Column.id.Completeness", 1),
        ('Completeness "amount" = 0.75', "Column.amount.Completeness", 0.75),
        ('IsUnique "day"', "Column.day.Uniqueness", 1),
        ('Uniqueness "id" between 0.4 and 0.6', "Column.id.Uniqueness", 0.5),
        ('IsPrimaryKey "id" "day"', "Multicolumn.id,day.Uniqueness", 1),
        ('DistinctValuesCount "id" = 3', "Column.id.DistinctValuesCount", 3),
        ('ColumnLength "code" = 1', "Column.code.MaximumLength", 1),
        ('ColumnValues "id" between 0 and 5', "Column.id.Maximum", 4),
        ('ColumnValues "amount" > 1 where "amount is not null"', "Column.amount.ColumnValues.Compliance", 1),
        ('ColumnValues "amount" in [1.5, 2.5, 9.5, NULL]', "Column.amount.ColumnValues.Compliance", 1),
        ('ColumnValues "code" in ["a", "b", WHITESPACES_ONLY]', "Column.code.ColumnValues.Compliance", 1),
        (
            'ColumnValues "code" matches "[ab]" with threshold >= 0.7',
            "Column.code.ColumnValues.Compliance",
            0.75,
        ),
        ('ColumnValues "day" <= "2013-01-04"', "Column.day.ColumnValues.Compliance", 1),
        ('ColumnDataType "id" = "INTEGER"', "Column.id.ColumnDataType.Compliance", 1),
        (
            'ColumnDataType "text" = "Integer" with threshold > 0.4',
            "Column.text.ColumnDataType.Compliance",
            0.5,
        ),
        ('ColumnDataType "text" = "LONG" where "id = 1"', "Column.text.ColumnDataType.Compliance", 1),
        (
            'DataFreshness "loaded_at" <= 24 hours where "id = 1"',
            "Column.loaded_at.DataFreshness.Compliance",
            1,
        ),
        ("FileFreshness > (now() - 2 days)", "Dataset.*.FileCount", 2),
        (
            "FileFreshness > (now() - 2 hours) with threshold >= 0.5",
            "Dataset.*.FileFreshness.Compliance",
            0.5,
        ),
        ("CustomSql \"select count(*) from primary where code = 'b'\" = 2", "Dataset.*.CustomSQL", 2),
        (
            'CustomSql "select count(distinct r.id) from primary p join reference r on r.id = p.id" = 2',
            "Dataset.*.CustomSQL",
            2,
        ),
        (
            'ReferentialIntegrity "id,code" "reference.{id,code}" = 0.75',
            "Column.reference.ReferentialIntegrity",
            0.75,
        ),
        ('RowCountMatch "reference" = 2', "Dataset.reference.RowCountMatch", 2),
    ],
)
def test_a_rule_that_holds_passes_and_tells_what_it_measured(
    data: Dataset, rule: str, metric: str, value: float
) -> None:
    found = outcome(rule, data)
    assert (found.result, found.message) == ("PASS", None)
    assert found.metrics[metric] == value


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("RowCount > 4", "Value: 4.0 does not meet the constraint requirement!"),
        ('IsComplete "amount"', "Value: 0.75 does not meet"),
        ('IsUnique "id"', "Value: 0.5 does not meet"),
        ('IsPrimaryKey "id" "code"', "Value: 0.5 does not meet"),
        ('ColumnExists "missing"', "Input data does not include column missing!"),
        ('IsComplete "missing"', "Input data does not include column missing!"),
        ('ColumnValues "id" between 1 and 5', "Value: 0.75 does not meet"),
        ('ColumnValues "amount" > 1', "Value: 0.75 does not meet"),
        ('ColumnValues "id" > 0 where "id > 99"', "all input values were NULL"),
        ('ColumnValues "code" not in ["b"]', "Value: 0.5 does not meet"),
        ('ColumnDataType "text" = "INTEGER"', "Value: 0.5 does not meet"),
        ('ColumnDataType "text" = "MONEY"', "Unrecognized data type: MONEY"),
        ('DataFreshness "loaded_at" <= 24 hours', "Value: 0.5 does not meet"),
        ("FileFreshness > (now() - 24 hours)", "Value: 0.5 does not meet"),
        ('CustomSql "select avg(amount) from primary where id > 99" > 0', "did not return any results"),
        ('ReferentialIntegrity "id" "other.id" = 1', "other not found in additional sources"),
        ('(RowCount = 4) and (IsUnique "id")', "Value: 0.5 does not meet"),
    ],
)
def test_a_rule_that_does_not_hold_fails_and_says_why(data: Dataset, rule: str, message: str) -> None:
    found = outcome(rule, data)
    assert found.result == "FAIL"
    assert message in str(found.message)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ('CustomSql "select count(*) from elsewhere" = 0', "elsewhere"),
        ('CustomSql "select id, code from primary" = 0', "did not return exactly one number"),
        ('CustomSql "delete from primary" = 0', "one SELECT"),
        ('RowCount > 0 where "id >"', "Not a condition in Spark SQL"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_is_an_error(data: Dataset, rule: str, message: str) -> None:
    found = outcome(rule, data)
    assert found.result == "ERROR"
    assert message in str(found.message)


def test_one_of_two_is_enough_for_or(data: Dataset) -> None:
    assert outcome('(RowCount = 5) or (IsUnique "day")', data).result == "PASS"


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = year(tmp_path_factory.mktemp("year"))
    yield connection
    connection.close()


def failures(connection: duckdb.DuckDBPyConnection, start: date, end: date, only: str = "") -> dict[str, str]:
    """Messages of the rules that a run of these days does not pass."""
    data = run_of(connection, start, end, stored(1))
    outcomes = {rule.text: evaluate(rule, data) for rule in rules() if only in rule.text}
    assert outcomes
    return {text: str(found.message) for text, found in outcomes.items() if found.result != "PASS"}


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (date(2013, 1, 1), date(2013, 12, 31)),
        (date(2013, 1, 1), date(2013, 1, 1)),
        (date(2013, 1, 1), date(2013, 1, 3)),
        (date(2013, 2, 9), date(2013, 2, 9)),
        (date(2013, 11, 28), date(2013, 11, 29)),
    ],
)
def test_the_real_flights_pass_every_rule(flights: duckdb.DuckDBPyConnection, start: date, end: date) -> None:
    assert failures(flights, start, end) == {}


def test_each_of_the_365_real_days_passes_the_rules_of_volume_alone(
    flights: duckdb.DuckDBPyConnection,
) -> None:
    days = [date(2013, 1, 1) + timedelta(days=number) for number in range(365)]
    failed = {day: failures(flights, day, day, only="n / case") for day in days}
    assert {day: found for day, found in failed.items() if found} == {}


@pytest.mark.parametrize("share", [0.45, 1.6])
def test_a_day_of_half_or_twice_its_flights_fails_whatever_the_run(
    flights: duckdb.DuckDBPyConnection, share: float
) -> None:
    day = date(2013, 3, 15)
    flights.execute("CREATE OR REPLACE TEMP TABLE kept AS FROM year")
    try:
        flights.execute(f"DELETE FROM year WHERE flight_date = '{day}'")
        for copy in range(1 + int(share)):
            flights.execute(
                "INSERT INTO year SELECT * REPLACE (flight_number + ? AS flight_number) FROM kept "
                f"WHERE flight_date = '{day}' AND hash(flight_number, carrier) % 100 < ?",
                [5000 * copy, min(share - copy, 1) * 100],
            )
        for start, end in ((day, day), (date(2013, 3, 1), date(2013, 3, 31))):
            assert len(failures(flights, start, end, only="n / case")) == 1
    finally:
        flights.execute("CREATE OR REPLACE TABLE year AS FROM kept")
