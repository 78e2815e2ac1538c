"""Database roles of the jobs, so that none of them is the master user; making them again changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from pg8000.native import Connection, identifier, literal

from operational_store.connection import transaction

ETL, FLIGHT_BOARD, AIRFLOW = "etl", "flight_board", "airflow"
OWNED = {ETL: "operations", AIRFLOW: "orchestration"}
"""Role → the schema that it owns, and makes its tables in."""

FOREIGN_TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relkind IN ('r', 'v', 'm', 'p') AND c.relowner <> CAST(:role AS regrole)
"""
BOARD_RIGHTS = (
    f"GRANT USAGE ON SCHEMA board TO {FLIGHT_BOARD}",
    f"GRANT SELECT, INSERT, UPDATE ON board.flights TO {FLIGHT_BOARD}",
)


def prepare(connection: Connection, passwords: Mapping[str, str]) -> list[str]:
    """Make the roles of `passwords`, the schemas, the board's table and the grants; what was done.

    `connection` is the master user's. Raises pg8000's errors: then nothing of it is done.
    """
    with transaction(connection):
        for role, password in passwords.items():
            _role(connection, role, password)
            if role in OWNED:
                _own_schema(connection, OWNED[role], role)
        if FLIGHT_BOARD in passwords:
            for statement in files(__package__).joinpath("board.sql").read_text().split(";\n"):
                if statement.strip():
                    connection.run(statement)
            for grant in BOARD_RIGHTS:
                connection.run(grant)
    return sorted(passwords)


def _role(connection: Connection, role: str, password: str) -> None:
    name = identifier(role)
    if not connection.run("SELECT FROM pg_roles WHERE rolname = :role", role=role):
        connection.run(f"CREATE ROLE {name}")
    connection.run(f"ALTER ROLE {name} LOGIN PASSWORD {literal(password)}")


def _own_schema(connection: Connection, schema: str, role: str) -> None:
    """Make `role` the owner of a schema and of all that is in it, also of what another role made."""
    name, owner = identifier(schema), identifier(role)
    # Who makes a role may grant it; only who is a member of it may give it something.
    connection.run(f"GRANT {owner} TO CURRENT_USER")
    connection.run(f"CREATE SCHEMA IF NOT EXISTS {name} AUTHORIZATION {owner}")
    connection.run(f"ALTER SCHEMA {name} OWNER TO {owner}")
    for (table,) in connection.run(FOREIGN_TABLES, schema=schema, role=role) or []:
        connection.run(f"ALTER TABLE {name}.{identifier(table)} OWNER TO {owner}")
