"""The tables: consistent with the raw zone's writer, and within what Redshift takes."""

from __future__ import annotations

import pytest

from flights.schema import CURATED_FLIGHTS, DIMENSIONS, RAW_FLIGHTS, RAW_WEATHER, REJECTED_FLIGHTS, STAR
from flights.sources.bts import RAW_COLUMNS
from flights.tables import Column, Table
from flights.weather import PLAUSIBLE


def test_raw_flights_have_the_columns_that_ingestion_writes() -> None:
    assert RAW_FLIGHTS.names == RAW_COLUMNS


def test_rejects_keep_every_raw_column() -> None:
    assert REJECTED_FLIGHTS.names == (*RAW_COLUMNS, "reason", "source_key", "line")


def test_every_measurement_has_a_plausible_range() -> None:
    assert tuple(PLAUSIBLE) == RAW_WEATHER.names[2:]


@pytest.mark.parametrize("table", [*STAR, CURATED_FLIGHTS, REJECTED_FLIGHTS], ids=lambda table: table.name)
def test_every_column_is_explained(table: Table) -> None:
    assert table.row
    assert all(column.doc for column in table.columns)


@pytest.mark.parametrize("table", DIMENSIONS, ids=lambda table: table.name)
def test_a_dimension_begins_with_its_surrogate_key(table: Table) -> None:
    assert (table.names[0],) == table.key
    assert table.columns[0].required


def test_refuses_what_redshift_could_not_hold() -> None:
    with pytest.raises(ValueError, match="have a length"):
        Column("name", "string", "no length")
    with pytest.raises(ValueError, match="twice"):
        Table("t", "row", (), (Column("a", "int", "a"), Column("a", "int", "a")))
    with pytest.raises(ValueError, match="key columns"):
        Table("t", "row", ("b",), (Column("a", "int", "a"),))


def test_writes_types_as_spark_and_redshift_call_them() -> None:
    table = Table("t", "row", ("a",), (Column("a", "bigint", "a"), Column("b", "string", "b", 8)))

    assert table.ddl == "a BIGINT, b STRING"
    assert [column.redshift_type for column in table.columns] == ["BIGINT", "VARCHAR(8)"]
