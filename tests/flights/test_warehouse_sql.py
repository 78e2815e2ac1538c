"""The warehouse's SQL, held against the schema: COPY maps columns by position, so order is everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pytest
import sqlglot
from sqlglot import exp

from flights.schema import DIMENSIONS, FACTS, STAR, TYPE_2
from flights.tables import Table

FOLDER = Path(__file__).parents[2] / "mwaa_dags" / "sql"
CONTEXT = {
    "cfg": {
        "buckets": {"warehouse": "refstack-warehouse"},
        "warehouse": {"copy_role_arn": "arn:aws:iam::000000000000:role/copy"},
    },
    "start": "2013-01-01",
    "end": "2013-01-31",
    "run_key": "manual_1",
}
NAMES = ["create_tables", "count_rows", *(f"load_{table.name}" for table in STAR)]
TYPES = {"INT": "INTEGER", "DOUBLE": "DOUBLE PRECISION"}


def rendered(name: str) -> str:
    """The file as Airflow renders it: with a name that is not in the context it fails."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    return environment.from_string((FOLDER / f"{name}.sql").read_text()).render(CONTEXT)


def statements(name: str) -> list[Any]:
    return [tree for tree in sqlglot.parse(rendered(name), read="redshift") if tree is not None]


def created(schema: str) -> dict[str, list[tuple[str, str, bool]]]:
    """Table → its columns' names, types, and whether they are NOT NULL."""
    tables = {}
    for statement in statements("create_tables"):
        table = statement.find(exp.Table)
        if table.db == schema:
            tables[table.name] = [
                (column.name, _type(column), column.find(exp.NotNullColumnConstraint) is not None)
                for column in statement.find_all(exp.ColumnDef)
            ]
    return tables


def _type(column: exp.ColumnDef) -> str:
    written = column.args["kind"].sql(dialect="redshift")
    return TYPES.get(written, written)


def described(table: Table) -> list[tuple[str, str, bool]]:
    return [(column.name, column.redshift_type, column.required) for column in table.columns]


def test_there_is_a_file_for_each_table_and_no_other() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.sql")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_statement_parses_as_redshift_and_fits_one_transaction(name: str) -> None:
    trees = statements(name)

    assert 0 < len(trees) <= 40, "BatchExecuteStatement takes 40"
    # COMMIT and TRUNCATE would end the transaction that a file is.
    assert not any(word in rendered(name).upper() for word in ("TRUNCATE", "COMMIT", "BEGIN", "VACUUM"))


def test_staging_tables_have_the_columns_of_the_files_in_their_order() -> None:
    assert created("staging") == {table.name: described(table) for table in STAR}


def test_core_tables_add_only_the_load_time() -> None:
    load_time = ("loaded_at", "TIMESTAMP", True)
    assert created("core") == {table.name: [*described(table), load_time] for table in STAR}


def test_primary_keys_are_those_of_the_schema() -> None:
    keys = {}
    for statement in statements("create_tables"):
        if key := statement.find(exp.PrimaryKey):
            keys[statement.find(exp.Table).name] = tuple(column.name for column in key.expressions)
    assert keys == {table.name: table.key for table in STAR}


@pytest.mark.parametrize("table", STAR, ids=lambda table: table.name)
def test_a_load_copies_exactly_what_the_run_delivered(table: Table) -> None:
    text = " ".join(rendered(f"load_{table.name}").split())

    assert (
        f"DELETE FROM staging.{table.name}; COPY staging.{table.name} FROM "
        f"'s3://refstack-warehouse/{table.name}/run=manual_1/' "
        "IAM_ROLE 'arn:aws:iam::000000000000:role/copy' FORMAT AS PARQUET;"
    ) in text


TYPE_1 = [table for table in DIMENSIONS if table not in TYPE_2]


@pytest.mark.parametrize("table", TYPE_1, ids=lambda table: table.name)
def test_a_dimension_of_type_1_is_merged_by_key_in_every_column(table: Table) -> None:
    merge = statements(f"load_{table.name}")[-1]

    assert isinstance(merge, exp.Merge)
    assert merge.args["on"].sql() == f"core.{table.name}.{table.key[0]} = delivered.{table.key[0]}"
    updates, inserts = (when.args["then"] for when in merge.args["whens"].expressions)
    assert [one.this.name for one in updates.expressions] == [*table.names[1:], "loaded_at"]
    assert [one.expression.sql() for one in updates.expressions[:-1]] == [
        f"delivered.{name}" for name in table.names[1:]
    ]
    assert [one.name for one in inserts.this.expressions] == [*table.names, "loaded_at"]
    assert [one.sql() for one in inserts.expression.expressions[:-1]] == [
        f"delivered.{n}" for n in table.names
    ]


@pytest.mark.parametrize("table", TYPE_2, ids=lambda table: table.name)
def test_a_dimension_of_type_2_is_compared_and_inserted_in_every_column(table: Table) -> None:
    *_, delete, insert = statements(f"load_{table.name}")

    assert delete.find(exp.Table).sql() == f"core.{table.name}"
    compared = [select.named_selects for select in delete.find(exp.Intersect).find_all(exp.Select)]
    assert compared == [list(table.names)] * 2
    assert [one.name for one in insert.this.expressions] == [*table.names, "loaded_at"]
    assert [one.name for one in insert.expression.expressions[:-1]] == list(table.names)


@pytest.mark.parametrize("table", FACTS, ids=lambda table: table.name)
def test_a_fact_replaces_the_run_s_days_in_every_column(table: Table) -> None:
    _, _, delete, insert = statements(f"load_{table.name}")

    assert delete.find(exp.Table).sql() == f"core.{table.name}"
    assert delete.args["where"].this.sql() == "flight_date BETWEEN '2013-01-01' AND '2013-01-31'"
    assert [one.name for one in insert.this.expressions] == [*table.names, "loaded_at"]
    assert [one.name for one in insert.expression.expressions[:-1]] == list(table.names)


def test_counts_every_table_by_name() -> None:
    (query,) = statements("count_rows")
    tables = [select.find(exp.Table).name for select in query.find_all(exp.Select)]
    assert sorted(tables) == sorted(table.name for table in STAR)
    assert query.named_selects == ["table_name", "rows"]
