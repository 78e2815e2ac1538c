"""The Data API's answers about databases, schemas, tables and columns, from the caller's session."""

from __future__ import annotations

from typing import Any

import psycopg

DEFAULT_PAGE = 1000
TABLES = """
SELECT table_name, table_schema, CASE table_type WHEN 'BASE TABLE' THEN 'TABLE' ELSE table_type END
FROM information_schema.tables WHERE table_schema LIKE %s AND table_name LIKE %s ORDER BY 2, 1
"""
COLUMNS = """
SELECT column_name, udt_name, coalesce(character_maximum_length, numeric_precision, 0)::int,
       coalesce(numeric_scale, 0)::int, (is_nullable = 'YES')::int, column_default, table_schema, table_name
FROM information_schema.columns WHERE table_name = %s AND table_schema LIKE %s ORDER BY ordinal_position
"""
Connection = psycopg.Connection[Any]


def list_databases(connection: Connection, given: dict[str, Any]) -> dict[str, Any]:
    """Names of the databases that a user may connect to."""
    rows = connection.execute(
        "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1"
    ).fetchall()
    return _page("Databases", [row[0] for row in rows], given)


def list_schemas(connection: Connection, given: dict[str, Any]) -> dict[str, Any]:
    """Names of the schemas that match SchemaPattern."""
    rows = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE %s AND nspname !~ '^pg_t' ORDER BY 1",
        [given.get("SchemaPattern", "%")],
    ).fetchall()
    return _page("Schemas", [row[0] for row in rows], given)


def list_tables(connection: Connection, given: dict[str, Any]) -> dict[str, Any]:
    """Tables and views that match SchemaPattern and TablePattern."""
    rows = connection.execute(
        TABLES, [given.get("SchemaPattern", "%"), given.get("TablePattern", "%")]
    ).fetchall()
    return _page(
        "Tables", [{"name": name, "schema": schema, "type": kind} for name, schema, kind in rows], given
    )


def describe_table(connection: Connection, given: dict[str, Any]) -> dict[str, Any]:
    """Columns of a table."""
    rows = connection.execute(COLUMNS, [given.get("Table", ""), given.get("Schema", "%")]).fetchall()
    names = ("name", "typeName", "precision", "scale", "nullable", "columnDefault", "schemaName", "tableName")
    columns = [
        {key: value for key, value in zip(names, row, strict=True) if value is not None}
        | {"label": row[0], "length": row[2]}
        for row in rows
    ]
    return {"TableName": given.get("Table", ""), **_page("ColumnList", columns, given)}


def _page(key: str, items: list[Any], given: dict[str, Any]) -> dict[str, Any]:
    start, size = int(given.get("NextToken") or 0), int(given.get("MaxResults") or DEFAULT_PAGE)
    answer: dict[str, Any] = {key: items[start : start + size]}
    if len(items) > start + size:
        answer["NextToken"] = str(start + size)
    return answer
