"""The master user of an RDS instance."""

from __future__ import annotations

import secrets
import string

from psycopg import sql

from local.engines import postgres


def prepare(server: postgres.Server, admin: str, password: str, database: str | None) -> None:
    """The master user, with the rights that RDS gives: member of rds_superuser, no superuser."""
    with server.connect() as connection:
        connection.execute("CREATE ROLE rds_superuser NOLOGIN CREATEDB CREATEROLE")
        connection.execute(
            "GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO rds_superuser WITH ADMIN OPTION"
        )
        connection.execute("CREATE ROLE rds_iam NOLOGIN")
        postgres.create_user(connection, admin, password, "CREATEDB", "CREATEROLE")
        connection.execute(
            sql.SQL("GRANT rds_superuser TO {} WITH ADMIN OPTION").format(sql.Identifier(admin))
        )
        connection.execute(
            sql.SQL("GRANT rds_iam TO {} WITH ADMIN OPTION, INHERIT FALSE, SET FALSE").format(
                sql.Identifier(admin)
            )
        )
        if database and database != "postgres":
            postgres.create_database(connection, database, admin)


def new_password() -> str:
    """A random password of characters that RDS allows."""
    letters = string.ascii_letters + string.digits + "!#$%^*-_=+"
    return "".join(secrets.choice(letters) for _ in range(32))
