"""DQDL rules evaluated over tables in DuckDB, with the metrics and messages that Glue gives.

What a rule says of nulls and of no rows is what AWS' own evaluation does
(https://github.com/awslabs/deequ, com.amazon.deequ.dqdl).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import duckdb
import sqlglot
from sqlglot import expressions

from local.engines.catalog_tables import StoredObject, TableError, duckdb_condition
from local.engines.dqdl import AnyRule, Composite, Condition, Rule
from local.engines.quality_conditions import holds, moment, number, predicate

PRIMARY = "primary"
DATA_TYPES = {
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP",
    "INTEGER": "INTEGER",
    "DOUBLE": "DOUBLE",
    "FLOAT": "FLOAT",
    "LONG": "BIGINT",
}
"""Types that ColumnDataType knows, and DuckDB's names of them."""


@dataclass(frozen=True)
class Outcome:
    """What came of a rule: PASS, FAIL or ERROR, why not PASS, and what was measured."""

    result: str
    message: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """The tables of an evaluation, by alias, in one DuckDB connection; `files` are the primary one's."""

    connection: duckdb.DuckDBPyConnection
    aliases: frozenset[str]
    files: list[StoredObject]

    def numbers(self, sql: str, parameters: list[object] | None = None) -> tuple[float | None, ...]:
        """The one row that a query gives, as numbers."""
        row = self.connection.execute(sql, parameters or []).fetchone()
        return tuple(None if value is None else float(value) for value in row or ())

    def columns(self, alias: str) -> list[str]:
        """Names of a table's columns."""
        return [str(row[0]) for row in self.connection.execute(f'DESCRIBE "{alias}"').fetchall()]


class _FailedError(Exception):
    """A rule that fails before anything is measured; the text is its message."""


def evaluate(rule: AnyRule, data: Dataset) -> Outcome:
    """The outcome of a rule. Raises duckdb.InterruptException when the connection is interrupted."""
    if isinstance(rule, Composite):
        return _composed(rule, [evaluate(each, data) for each in rule.rules])
    try:
        return _EVALUATIONS[rule.type](rule, data)
    except _FailedError as problem:
        return Outcome("FAIL", str(problem))
    except duckdb.InterruptException:
        raise
    except (duckdb.Error, TableError, ValueError) as problem:
        return Outcome("ERROR", f"Exception thrown while evaluating rule: {problem}")


def _composed(rule: Composite, outcomes: list[Outcome]) -> Outcome:
    results = [outcome.result for outcome in outcomes]
    metrics = {name: value for outcome in outcomes for name, value in outcome.metrics.items()}
    message = "\n".join(outcome.message for outcome in outcomes if outcome.message) or None
    if rule.operator == "and":
        result = next((each for each in ("ERROR", "FAIL") if each in results), "PASS")
    else:
        result = next((each for each in ("PASS", "ERROR") if each in results), "FAIL")
    return Outcome(result, None if result == "PASS" else message, metrics)


def _judged(condition: Condition | None, value: float | None, metric: str, *, empty: str = "") -> Outcome:
    """A number held against the rule's condition; without one it must be 1."""
    if value is None:
        raise _FailedError(empty or f"Empty state for {metric}, all input values were NULL.")
    met = value == 1.0 if condition is None else holds(condition, value)
    message = None if met else f"Value: {value} does not meet the constraint requirement!"
    return Outcome("PASS" if met else "FAIL", message, {metric: value})


def _known(data: Dataset, *columns: str, alias: str = PRIMARY) -> list[str]:
    """The columns' names, quoted. Fails the rule for one that the table lacks."""
    present = {column.lower() for column in data.columns(alias)}
    for column in columns:
        if column.lower() not in present:
            raise _FailedError(f"Input data does not include column {column}!")
    return ['"' + column.replace('"', '""') + '"' for column in columns]


def _rows(rule: Rule) -> str:
    """The primary table, or of it what the rule's where clause leaves."""
    return f'"{PRIMARY}"' + (f" WHERE {duckdb_condition(rule.where)}" if rule.where else "")


def _share(part: float | None, whole: float | None) -> float | None:
    return (part or 0.0) / whole if whole else None


def _row_count(rule: Rule, data: Dataset) -> Outcome:
    (rows,) = data.numbers(f"SELECT count(*) FROM {_rows(rule)}")
    return _judged(rule.condition, rows, "Dataset.*.RowCount")


def _column_count(rule: Rule, data: Dataset) -> Outcome:
    return _judged(rule.condition, float(len(data.columns(PRIMARY))), "Dataset.*.ColumnCount")


def _column_exists(rule: Rule, data: Dataset) -> Outcome:
    _known(data, rule.parameters[0])
    return Outcome("PASS")


def _completeness(rule: Rule, data: Dataset) -> Outcome:
    (column,) = _known(data, rule.parameters[0])
    filled, rows = data.numbers(f"SELECT count({column}), count(*) FROM {_rows(rule)}")
    return _judged(rule.condition, _share(filled, rows), f"Column.{rule.parameters[0]}.Completeness")


def _uniqueness(rule: Rule, data: Dataset) -> Outcome:
    """The share of rows whose values no other row has."""
    columns = ", ".join(_known(data, *rule.parameters))
    once, rows = data.numbers(
        f"SELECT count(*) FILTER (n = 1), sum(n) FROM "
        f"(SELECT count(*) AS n FROM {_rows(rule)} GROUP BY {columns})"
    )
    level = "Column" if len(rule.parameters) == 1 else "Multicolumn"
    return _judged(rule.condition, _share(once, rows), f"{level}.{','.join(rule.parameters)}.Uniqueness")


def _primary_key(rule: Rule, data: Dataset) -> Outcome:
    columns = _known(data, *rule.parameters)
    complete = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    filled, rows = data.numbers(f"SELECT count(*) FILTER ({complete}), count(*) FROM {_rows(rule)}")
    unique = _uniqueness(rule, data)
    name = ",".join(rule.parameters)
    whole = _judged(None, _share(filled, rows), f"Column.{name}.Completeness")
    return _composed(Composite("and", (), ""), [whole, unique])


def _distinct(rule: Rule, data: Dataset) -> Outcome:
    (column,) = _known(data, rule.parameters[0])
    (distinct,) = data.numbers(f"SELECT count(DISTINCT {column}) FROM {_rows(rule)}")
    return _judged(rule.condition, distinct, f"Column.{rule.parameters[0]}.DistinctValuesCount")


def _column_length(rule: Rule, data: Dataset) -> Outcome:
    """All lengths, of the texts that are there, must meet the condition."""
    (column,) = _known(data, rule.parameters[0])
    least, most = data.numbers(f"SELECT min(length({column})), max(length({column})) FROM {_rows(rule)}")
    name = f"Column.{rule.parameters[0]}"
    metrics = {f"{name}.MinimumLength": least or 0.0, f"{name}.MaximumLength": most or 0.0}
    outcomes = [_judged(rule.condition, value, metric) for metric, value in metrics.items()]
    return _composed(Composite("and", (), ""), outcomes)


def _column_values(rule: Rule, data: Dataset) -> Outcome:
    assert rule.condition is not None
    (column,) = _known(data, rule.parameters[0])
    condition, parameters = predicate(rule.condition, column)
    meeting, rows = data.numbers(
        f"SELECT count(*) FILTER ({condition}), count(*) FROM {_rows(rule)}", parameters
    )
    metric = f"Column.{rule.parameters[0]}.ColumnValues.Compliance"
    if not rows and rule.condition.kind != "number":
        return Outcome("PASS", "No rows matched the filter")
    outcome = _judged(rule.threshold, _share(meeting, rows), metric)
    if rule.condition.kind != "number":
        return outcome
    least, most = data.numbers(f"SELECT min({number(column)}), max({number(column)}) FROM {_rows(rule)}")
    extremes = {"Minimum": least, "Maximum": most}
    measured = {
        f"Column.{rule.parameters[0]}.{name}": value for name, value in extremes.items() if value is not None
    }
    return Outcome(outcome.result, outcome.message, {**outcome.metrics, **measured})


def _data_type(rule: Rule, data: Dataset) -> Outcome:
    assert rule.condition is not None
    name = str(rule.condition.operands[0]).upper()
    if rule.condition.operator not in {"=", "!="}:
        raise _FailedError("ColumnDataType rule only supports EQUALS (=) or NOT_EQUALS (!=) operators")
    if name not in DATA_TYPES:
        raise _FailedError(f"Unrecognized data type: {rule.condition.operands[0]}")
    (column,) = _known(data, rule.parameters[0])
    null = "IS NOT NULL" if rule.condition.operator == "=" else "IS NULL"
    cast, rows = data.numbers(
        f"SELECT count(*) FILTER (TRY_CAST({column} AS {DATA_TYPES[name]}) {null}), count(*) "
        f"FROM {_rows(rule)}"
    )
    if not rows:
        return Outcome("PASS", "No rows matched the filter")
    metric = f"Column.{rule.parameters[0]}.ColumnDataType.Compliance"
    return _judged(rule.threshold, _share(cast, rows), metric)


def _custom_sql(rule: Rule, data: Dataset) -> Outcome:
    try:
        statements = sqlglot.parse(rule.parameters[0], read="spark")
    except sqlglot.errors.SqlglotError as problem:
        raise TableError(f"Not Spark SQL: {str(problem).splitlines()[0]}") from None
    if len(statements) != 1 or not isinstance(statements[0], expressions.Query):
        raise TableError("A CustomSql statement is one SELECT.")
    cursor = data.connection.execute(statements[0].sql(dialect="duckdb", identify=True))
    rows = cursor.fetchmany(2)
    if len(rows) != 1 or len(rows[0]) != 1 or isinstance(rows[0][0], str):
        raise TableError("Custom SQL did not return exactly one number.")
    value = None if rows[0][0] is None else float(rows[0][0])
    return _judged(
        rule.condition, value, "Dataset.*.CustomSQL", empty="Custom SQL did not return any results"
    )


def _referential_integrity(rule: Rule, data: Dataset) -> Outcome:
    """The share of primary rows whose values are among the reference's: `"a,b" "alias.{x,y}"`."""
    alias, _, named = rule.parameters[1].partition(".")
    if alias not in data.aliases:
        raise _FailedError(f"{alias} not found in additional sources")
    own = _known(data, *_listed(rule.parameters[0]))
    theirs = _known(data, *_listed(named.strip("{}")), alias=alias)
    same = " AND ".join(f"r.{b} = p.{a}" for a, b in zip(own, theirs, strict=True))
    found, rows = data.numbers(
        f'SELECT count(*) FILTER (EXISTS (SELECT 1 FROM "{alias}" r WHERE {same})), count(*) '
        f'FROM "{PRIMARY}" p'
    )
    return _judged(rule.condition, _share(found, rows), f"Column.{alias}.ReferentialIntegrity")


def _row_count_match(rule: Rule, data: Dataset) -> Outcome:
    alias = rule.parameters[0]
    if alias not in data.aliases:
        raise _FailedError(f"{alias} not found in additional sources")
    own, theirs = data.numbers(f'SELECT (SELECT count(*) FROM "{PRIMARY}"), (SELECT count(*) FROM "{alias}")')
    return _judged(rule.condition, _share(own, theirs), f"Dataset.{alias}.RowCountMatch")


def _data_freshness(rule: Rule, data: Dataset) -> Outcome:
    """How long ago each of the column's moments was, in UTC; all must meet the condition."""
    assert rule.condition is not None
    (column,) = _known(data, rule.parameters[0])
    age = f"epoch(CAST(? AS TIMESTAMP) - CAST({column} AS TIMESTAMP))"
    seconds = Condition(
        "number",
        rule.condition.operator,
        tuple(each.total_seconds() for each in rule.condition.operands if isinstance(each, timedelta)),
    )
    condition, parameters = predicate(seconds, age)
    now = datetime.now(UTC).replace(tzinfo=None)
    meeting, rows = data.numbers(
        f"SELECT count(*) FILTER ({condition}), count(*) FROM {_rows(rule)}",
        [now] * condition.count("CAST(? AS TIMESTAMP)") + parameters,
    )
    if not rows:
        return Outcome("PASS", "No rows matched the filter")
    return _judged(None, _share(meeting, rows), f"Column.{rule.parameters[0]}.DataFreshness.Compliance")


def _file_freshness(rule: Rule, data: Dataset) -> Outcome:
    """When each of the primary table's files was last written; all must meet the condition."""
    assert rule.condition is not None
    moments = tuple(moment(each).timestamp() for each in rule.condition.operands)
    condition = Condition("number", rule.condition.operator, moments)
    fresh = sum(holds(condition, one.modified.timestamp()) for one in data.files)
    share = _share(float(fresh), float(len(data.files)))
    outcome = _judged(rule.threshold, share, "Dataset.*.FileFreshness.Compliance", empty="No files found")
    counted = {**outcome.metrics, "Dataset.*.FileCount": float(len(data.files))}
    return Outcome(outcome.result, outcome.message, counted)


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",")]


_EVALUATIONS: dict[str, Callable[[Rule, Dataset], Outcome]] = {
    "ColumnCount": _column_count,
    "ColumnDataType": _data_type,
    "ColumnExists": _column_exists,
    "ColumnLength": _column_length,
    "ColumnValues": _column_values,
    "Completeness": _completeness,
    "CustomSql": _custom_sql,
    "DataFreshness": _data_freshness,
    "DistinctValuesCount": _distinct,
    "FileFreshness": _file_freshness,
    "IsComplete": _completeness,
    "IsPrimaryKey": _primary_key,
    "IsUnique": _uniqueness,
    "ReferentialIntegrity": _referential_integrity,
    "RowCount": _row_count,
    "RowCountMatch": _row_count_match,
    "Uniqueness": _uniqueness,
}
