"""A Redshift endpoint, spoken to by redshift_connector, psql and psycopg."""

from __future__ import annotations

import os
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import redshift_connector

from local.engines import certificates, redshift
from local.toolchain import tools
from tests.local.redshift_endpoint import ADMIN, DATABASE, PASSWORD, Endpoint, rows


def test_redshift_connector_runs_statements_with_parameters_and_transactions(endpoint):
    with redshift_connector.connect(
        host="127.0.0.1", port=endpoint.port, database=DATABASE, user=ADMIN, password=PASSWORD, ssl=False
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("create table public.c (a bigint distkey, b super) sortkey (a)")
        cursor.execute("insert into public.c (a) values (%s), (%s)", (1, 2))
        cursor.execute("select nvl(sum(a), 0), '-- nvl(' from public.c where a >= %s", (1,))
        assert list(cursor.fetchall()) == [[3, "-- nvl("]]
        with pytest.raises(redshift_connector.ProgrammingError, match="syntax error at or near"):
            cursor.execute("insert into public.c (a) values (1) on conflict do nothing")
        connection.rollback()
        with pytest.raises(redshift_connector.ProgrammingError, match="does not exist"):
            cursor.execute("select * from public.c")


def test_a_driver_that_verifies_the_server_gets_tls(endpoint, monkeypatch):
    options = {"host": "127.0.0.1", "port": endpoint.port, "database": DATABASE, "user": ADMIN}
    with pytest.raises(Exception, match="certificate verify failed"):
        redshift_connector.connect(**options, password=PASSWORD, sslmode="verify-full")

    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.bundle()))
    with redshift_connector.connect(**options, password=PASSWORD, sslmode="verify-full") as connection:
        cursor = connection.cursor()
        cursor.execute("select repeat('x', 60000)")
        assert cursor.fetchone() == ["x" * 60000]


def test_truncate_commits_over_the_extended_protocol_too(endpoint, session):
    session.execute("create table t (a int); create table u (a int)")
    with redshift_connector.connect(
        host="127.0.0.1", port=endpoint.port, database=DATABASE, user=ADMIN, password=PASSWORD, ssl=False
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("insert into s.u values (1)")
        cursor.execute("truncate s.t")
        connection.rollback()
        cursor.execute("select count(*) from s.u")
        assert list(cursor.fetchone()) == [1]


def test_psql_runs_a_script(endpoint):
    psql = tools().postgres_bin / "psql"
    script = "create temp table x (a int); insert into x values (1), (2);\nselect listagg(a, ',') from x;"
    done = subprocess.run(
        [
            psql,
            "-h",
            "127.0.0.1",
            "-p",
            str(endpoint.port),
            "-U",
            ADMIN,
            "-d",
            DATABASE,
            "-qAt",
            "-c",
            script,
        ],
        env={"PGPASSWORD": PASSWORD, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1,2\n"


def test_a_wrong_password_is_refused(endpoint):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        endpoint.connect(password="Wrong-12345")


def test_keys_are_remembered_and_not_enforced(session):
    session.execute(
        "create table t (a int, b int, primary key (a), unique (b)) diststyle key distkey (a) sortkey (b)"
    )
    session.execute("insert into t values (1, 1), (1, 1)")
    assert rows(session, "select count(*) from t") == [(2,)]
    assert rows(session, 'select "column", distkey, sortkey, "notnull" from pg_table_def') == [
        ("a", True, 0, True),
        ("b", False, 1, False),
    ]
    assert rows(session, "select diststyle, sortkey1 from svv_table_info where \"table\" = 't'") == [
        ("KEY(a)", "b")
    ]


def deleted_pages(session: psycopg.Connection[Any], endpoint: Endpoint, years: int) -> int:
    """Pages that the delete of one day touches in a table with so many years of history."""
    session.execute(
        f"create table history_{years} (id bigint, day date, text varchar(99)) sortkey (day, id)".encode()
    )
    with endpoint.server.connect(DATABASE) as owner:
        for year in range(years):
            owner.execute(
                f"insert into s.history_{years} select day * 200 + n, date '2000-01-01' + {year} * 365 + day,"
                " repeat('x', 90) from generate_series(0, 364) as a(day), generate_series(1, 200) as b(n)"
                " order by 2".encode()
            )
        session.execute(f"analyze history_{years}".encode())
        plan = owner.execute(
            f"explain (analyze, buffers, format json) delete from s.history_{years} where day between "
            "'2000-06-01' and '2000-06-01'".encode()
        ).fetchone()
    assert plan is not None
    [scan] = plan[0][0]["Plan"]["Plans"]
    assert scan["Node Type"] == "Bitmap Heap Scan"
    assert scan["Actual Rows"] == 200
    return int(scan["Shared Hit Blocks"] + scan["Shared Read Blocks"])


def test_a_range_of_the_leading_sort_column_reads_no_history(endpoint, session):
    assert deleted_pages(session, endpoint, 5) <= 1.2 * deleted_pages(session, endpoint, 1)


def test_zones_follow_the_sort_key(endpoint, session):
    session.execute("create table t (a int, b boolean, c super) compound sortkey (a, b)")
    count = (
        "select count(*) from pg_class where relname like 'redshift_zones_%' "
        "and relnamespace = 's'::regnamespace"
    )
    assert rows(session, count) == [(1,)]
    session.execute("alter table t alter sortkey (b)")
    assert rows(session, count) == [(0,)]
    session.execute("alter table t alter sortkey (a)")
    session.execute("create temp table u (a varchar(9)) sortkey (a); insert into u values ('x')")
    session.execute("alter table t alter sortkey none")
    assert rows(session, count) == [(0,)]


def test_a_table_that_is_there_is_skipped_with_its_attributes(endpoint, session):
    create = "create table if not exists t (a int, primary key (a)) diststyle all sortkey (a)"
    session.execute(create)
    session.execute(create)
    assert rows(session, "select redshift_keys from svv_table_info where \"table\" = 't'") == [
        (["primary key (a)"],)
    ]
    session.execute("grant usage, create on schema s to public")
    user = redshift.iam_user("arn:aws:sts::000000000000:assumed-role/Another/run-1")
    with endpoint.connect(user, redshift.temporary_password(endpoint.server, user)) as another:
        another.execute("set search_path to s")
        assert another.execute(create.encode()).statusmessage == "CREATE TABLE"


def test_not_null_is_enforced(session):
    session.execute("create table t (a int not null)")
    with pytest.raises(psycopg.errors.NotNullViolation):
        session.execute("insert into t values (null)")


def test_varchar_counts_bytes_and_takes_null(session):
    session.execute("create table t (a varchar(3))")
    session.execute("insert into t values ('abc'), ('é'), (null)")
    with pytest.raises(psycopg.errors.StringDataRightTruncation, match="Value too long for character type"):
        session.execute("insert into t values ('éé')")
    session.execute("alter table t alter column a type varchar(4)")
    session.execute("insert into t values ('éé')")
    assert rows(session, "select count(*) from t") == [(4,)]


def test_identity_columns_count_by_themselves(session):
    session.execute("create table t (a int identity(0, 5), b int)")
    session.execute("insert into t (b) values (1), (2)")
    assert rows(session, "select a from t order by a") == [(0,), (5,)]


def test_truncate_commits_its_transaction(session):
    session.execute("create table t (a int); create table u (a int)")
    session.execute("insert into t values (1)")
    session.execute("begin")
    session.execute("insert into u values (1)")
    session.execute("truncate t")
    session.execute("rollback")
    assert rows(session, "select (select count(*) from t), (select count(*) from u)") == [(0, 1)]


def test_a_script_is_one_transaction(session):
    session.execute("create table t (a int)")
    with pytest.raises(psycopg.errors.DivisionByZero):
        session.execute("insert into t values (1); select 1 / 0")
    assert rows(session, "select count(*) from t") == [(0,)]


def test_a_refused_statement_fails_its_transaction(session):
    session.execute("begin")
    with pytest.raises(psycopg.errors.SyntaxError) as refused:
        session.execute("insert into t values (1) returning a")
    assert refused.value.diag.message_detail == "Redshift has no RETURNING; read the rows with a SELECT."
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        session.execute("select 1")
    session.execute("rollback")


def test_merge_updates_and_inserts(session):
    session.execute("create table t (a int, b varchar(9)); create table u (a int, b varchar(9))")
    session.execute("insert into t values (1, 'old'); insert into u values (1, 'new'), (2, 'new')")
    session.execute(
        "merge into s.t using s.u as x on s.t.a = x.a when matched then update set b = x.b "
        "when not matched then insert (a, b) values (x.a, x.b)"
    )
    assert rows(session, "select * from t order by a") == [(1, "new"), (2, "new")]


def test_merge_may_delete_instead(session):
    session.execute("create table t (a int); create table u (a int)")
    session.execute("insert into t values (1), (3); insert into u values (1), (2)")
    session.execute(
        "merge into t using u on t.a = u.a when matched then delete when not matched then insert values (u.a)"
    )
    assert rows(session, "select * from t order by a") == [(2,), (3,)]


def test_merge_removes_duplicates(session):
    session.execute("create table t (id int, name varchar(9)); create table u (id int, name varchar(9))")
    session.execute(
        "insert into t values (30, 'Tony'), (30, 'Daisy'), (11, 'Alice'), (23, 'Bill'), (23, 'Nikki')"
    )
    session.execute("insert into u values (23, 'David'), (22, 'Clarence')")
    done = session.execute("merge into t using u as s on t.id = s.id remove duplicates")
    assert done.statusmessage == "MERGE"
    assert rows(session, "select id, name from t order by id, name") == [
        (11, "Alice"), (22, "Clarence"), (23, "David"), (30, "Daisy"), (30, "Tony"),
    ]  # fmt: skip


def test_append_moves_the_rows(session):
    session.execute("create table t (a int, b int); create table u (a int)")
    session.execute("insert into u values (1)")
    with pytest.raises(psycopg.errors.DatatypeMismatch, match="columns that source table lacks: b"):
        session.execute("alter table t append from u")
    session.execute("alter table t append from u filltarget")
    assert rows(session, "select (select count(*) from t), (select count(*) from u)") == [(1, 0)]


def test_append_and_vacuum_stand_outside_transactions(session):
    session.execute("create table t (a int); create table u (a int)")
    for sql in ("alter table t append from u", "vacuum t"):
        session.execute("begin")
        with pytest.raises(
            psycopg.errors.ActiveSqlTransaction, match="cannot run inside a transaction block"
        ):
            session.execute(sql)
        session.execute("rollback")


def test_an_unload_that_cannot_be_tells_why_and_fails_its_transaction(session):
    session.execute("create table t (a int)")
    nowhere = "to 's3://b/p' iam_role default parquet"
    for query, error in (
        ("select nothing from s.t", psycopg.errors.UndefinedColumn),
        ("select 1 / 0 as a", psycopg.errors.DivisionByZero),
    ):
        session.execute("begin")
        session.execute("insert into t values (1)")
        with pytest.raises(error):
            session.execute(f"unload ('{query}') {nowhere}".encode())
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            session.execute("select 1")
        session.execute("rollback")
    assert rows(session, "select count(*) from t") == [(0,)]


def test_an_iam_user_has_only_what_his_database_role_grants(endpoint, session):
    user = redshift.iam_user("arn:aws:sts::000000000000:assumed-role/Loader-Role/run-1")
    assert user == "IAMR:Loader-Role"
    password = redshift.temporary_password(endpoint.server, user)
    session.execute("create table t (a int)")
    with endpoint.connect(user, password) as caller:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            caller.execute("select * from s.t")
        session.execute('create role wire_reader; grant role wire_reader to "IAMR:Loader-Role"')
        session.execute(
            "grant usage on schema s to role wire_reader; grant select on s.t to role wire_reader"
        )
        assert caller.execute("select * from s.t").fetchall() == []
        assert rows(
            session, "select role_name from svv_user_grants where user_name = 'IAMR:Loader-Role'"
        ) == [("wire_reader",)]


def test_a_temporary_password_ends_with_its_time_and_never_works_again(endpoint):
    user = "IAMR:Short-Lived"
    first = redshift.temporary_password(endpoint.server, user, 600)
    assert redshift.temporary_password(endpoint.server, user, 1) == first
    endpoint.connect(user, first).close()
    with endpoint.server.connect() as superuser:
        [left] = superuser.execute(
            "select rolvaliduntil - now() from pg_roles where rolname = %s", [user]
        ).fetchone()
        assert timedelta(0) < left <= timedelta(seconds=600)
        superuser.execute(f"alter role \"{user}\" valid until '{datetime.now(UTC).isoformat()}'")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        endpoint.connect(user, first)
    second = redshift.temporary_password(endpoint.server, user)
    assert second != first
    endpoint.connect(user, second).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        endpoint.connect(user, first)


def test_a_user_without_a_password_cannot_log_in(endpoint, session):
    session.execute("create user locked_out password disable")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        endpoint.connect("locked_out", "Anything-123")


def test_a_running_statement_can_be_cancelled(session):
    with pytest.raises(psycopg.errors.QueryCanceled):
        session.execute("set statement_timeout to 100; select count(*) from generate_series(1, 1000000000)")
    timer = threading.Timer(0.3, session.cancel)
    timer.start()
    with pytest.raises(psycopg.errors.QueryCanceled, match="user request"):
        session.execute("set statement_timeout to 0; select count(*) from generate_series(1, 1000000000)")


def test_a_version_that_drivers_take_for_redshift(session):
    assert session.info.parameter_status("server_version") == "8.0.2"
    assert "Redshift" in rows(session, "select version()")[0][0]
