"""The deny list: what PostgreSQL would take and Redshift does not is refused, each entry with a sentence."""

from __future__ import annotations

import pytest

from local.engines.redshift_deny_list import (
    FUNCTIONS,
    NOT_EMULATED_FUNCTIONS,
    NOT_EMULATED_TYPES,
    OPERATORS,
    SERIAL_TYPES,
    STATEMENTS,
    UNSUPPORTED_TYPES,
)
from local.engines.redshift_lexer import UnsupportedError, quote
from local.engines.redshift_sql import translate

MERGE, INSERT = "merge into t using s on t.a = s.a", "when not matched then insert values (1)"

CLAUSES = {
    # --- INSERT, UPDATE, DELETE, TRUNCATE ---
    "insert into t values (1) on conflict do nothing": "no ON CONFLICT",
    "insert into t values (1) on conflict (a) do update set b = 1": "no ON CONFLICT",
    "insert into t select 1 on conflict on constraint k do nothing": "no ON CONFLICT",
    "insert into t values (1) returning a": "no RETURNING",
    "update t set a = 1 returning *": "no RETURNING",
    "with x as (select 1) delete from t returning a": "no RETURNING",
    "update t set (a, b) = (1, 2)": "one by one",
    "insert into t select * from generate_series(1, 3)": "leader node",
    "create table t as select * from generate_series(1, 3)": "leader node",
    "truncate t, u": "takes one table",
    "truncate t cascade": "takes one table",
    "truncate t restart identity": "takes one table",
    # --- MERGE ---
    f"{MERGE} {INSERT}": "exactly one WHEN MATCHED",
    f"{MERGE} when matched then delete": "exactly one WHEN MATCHED",
    f"{MERGE} {INSERT} when matched then delete": "exactly one WHEN MATCHED",
    f"{MERGE} when matched then delete {INSERT} when matched then delete": "exactly one WHEN MATCHED",
    f"{MERGE} when matched and s.b then delete {INSERT}": "no condition",
    f"{MERGE} when matched then delete when not matched and s.b then insert values (1)": "no condition",
    f"{MERGE} when matched then do nothing {INSERT}": "no DO NOTHING",
    f"{MERGE} when matched then delete when not matched then do nothing": "no DO NOTHING",
    f"{MERGE} when matched then delete when not matched by source then delete": "no condition",
    "merge into t as x using s on x.a = s.a remove duplicates": "has no alias",
    "merge into t using (select 1 as a) s on t.a = s.a remove duplicates": "is a table",
    "merge into t using t on t.a = t.a remove duplicates": "temporary table",
    "merge t using s on t.a = s.a remove duplicates": "MERGE INTO target",
    f"{MERGE} when matched then update set a = s.a {INSERT} returning *": "no RETURNING",
    # --- SELECT ---
    "select count(*) filter (where a > 1) from t": "no FILTER",
    "select distinct on (a) b from t": "ROW_NUMBER",
    "select * from t, lateral (select 1) x": "no LATERAL",
    "select * from t cross join lateral (select 1) x": "no LATERAL",
    "select * from t tablesample system (1)": "no TABLESAMPLE",
    "select * from f() with ordinality": "no WITH ORDINALITY",
    "select * from t for update": "locks whole tables",
    "select * from t for no key update": "locks whole tables",
    "select * from (values (1), (2)) as x(a)": "in an INSERT only",
    "with x(a) as (values (1)) select * from x": "in an INSERT only",
    "select 1 intersect all select 1": "without ALL",
    "select 1 except all select 1": "without ALL",
    "select a from t fetch first 3 rows only": "use LIMIT",
    "select a from t as x pivot (count(*) for b in ('c'))": "CASE expressions",
    "select a from t start with a = 1 connect by prior a = b": "WITH RECURSIVE",
    "select * exclude (a) from t": "Name the columns",
    "select top 3 a from t union select 1": "Write LIMIT once",
    "select top 3 a from t limit 2": "Write LIMIT once",
    "select a from t qualify row_number() over (order by a) = 1": "wants an alias",
    "select a + 1 from t where a > 1 qualify row_number() over (order by a) = 1": "Name it",
    # --- windows ---
    "select sum(a) over w from t window w as (partition by b)": "no WINDOW clause",
    "select a from t window w as (partition by b)": "no WINDOW clause",
    "select sum(a) over (partition by b order by c) from t": "Add ROWS UNBOUNDED PRECEDING",
    "select first_value(a) over (order by c) from t": "Add ROWS UNBOUNDED PRECEDING",
    "select sum(a) over (order by c range between unbounded preceding and current row) from t": "count ROWS",
    "select sum(a) over (order by c groups 1 preceding) from t": "Add ROWS",
    "select sum(a) over (order by c rows 1 preceding exclude current row) from t": "no EXCLUDE",
    "select nth_value(a, 2) ignore nulls over (order by c rows 1 preceding) from t": "Filter the NULLs",
    # --- types and tables ---
    "create table t (a int[])": "no arrays",
    "create table t (a int array)": "no arrays",
    "select array[1, 2]": "no arrays",
    "select '{1}'::int[]": "no arrays",
    "select cast(a as jsonb) from t": "SUPER may do",
    "create table t (a int check (a > 1))": "no CHECK",
    "create table t (a int, check (a > 1))": "no CHECK",
    "create table t (a int generated always as (b + 1) stored)": "no such column attribute",
    "create table t (a int) partition by range (a)": "no such table attribute",
    "create table t (a int) inherits (u)": "no such table attribute",
    "create table t (a int) with (fillfactor = 70)": "no such table attribute",
    "create table t (a int) tablespace x": "no such table attribute",
    "create temp table t (a int) on commit drop": "no such table attribute",
    "create table if not exists t as select 1 as a": "no IF NOT EXISTS",
    "create or replace table t (a int)": "CREATE [TEMPORARY] TABLE",
    "create table t (a varchar(70000))": "Shorten it",
    "create table t (a numeric(39, 1))": "Lower it",
    "alter table t add column if not exists a int": "no IF NOT EXISTS",
    "alter table t add column a int, add column b int": "one thing at a time",
    "alter table t alter column a set not null": "TYPE or ENCODE only",
    "alter table t alter column a type bigint": "copy the values",
    "alter table t set schema s": "no such ALTER TABLE",
    "alter table t attach partition u default": "no such ALTER TABLE",
    "alter table t enable row level security": "no such ALTER TABLE",
    "create table t (a int, constraint k check (a > 1))": "no CHECK",
    "create table t (a char(5000))": "Use VARCHAR",
    "create table t (a int identity)": "a seed and a step",
    "create table t (a varchar(3) collate case_insensitive)": "Compare LOWER",
    "alter table t alter diststyle even tablespace": "no such table attribute",
    "create database d collate case_insensitive": "Leave COLLATE out",
    # --- users ---
    "create user u password 'short'": "Lengthen it",
    "create user u password disable inherit": "no such option",
    # --- calls ---
    "select datediff(aeon, a, b) from t": "no date part",
    "select extract(year) from t": "EXTRACT(part FROM value)",
    "select decode(a, 1) from t": "at least three arguments",
    "select ratio_to_report(a) from t": "Add OVER",
    "select percentile_cont(0.5) from t": "Add WITHIN GROUP",
    "select percentile_disc(0.5) within group (order by a) over () from t": "Aggregate in a subquery",
    "select listagg(distinct a, ',') over (partition by b) from t": "Aggregate and join",
    "select listagg(distinct a, ',') within group (order by b) from t": "Order by the aggregated",
    # --- functions of one's own ---
    "create function f() returns int as $$ return 1 $$ language plpythonu": "none since June 2026",
    "create function f() returns int as $$ begin return 1; end $$ language plpgsql": "Create a procedure",
    # --- COPY ---
    "copy t from stdin": "STDIN",
    "copy t to 's3://b/p'": "COPY table FROM",
    "copy (select 1) to stdout": "COPY",
    "copy t from '/tmp/t.csv' iam_role default": "Only s3://",
    "copy t from 's3://b/p' iam_role default maxerror 100001": "Lower it",
    "copy t from 's3://b/p' iam_role default delimiter 'ab'": "Choose one",
    "copy t from 's3://b/p' iam_role default csv acceptanydate": "Clean the files",
    # --- text that does not end ---
    "select 'open": "Close it",
    'select "open': "Close it",
    "select $$open": "Close it",
    "select 1 /* open": "Close it",
    "set enable_case_sensitive_identifier to true": "lower case",
}
"""Statement → part of the sentence that refuses it."""


def refused(sql: str) -> UnsupportedError:
    with pytest.raises(UnsupportedError) as error:
        translate(sql)
    assert len(error.value.sqlstate) == 5
    assert error.value.sentence.endswith(".")
    return error.value


@pytest.mark.parametrize(("sql", "sentence"), CLAUSES.items())
def test_a_clause_is_refused(sql, sentence):
    assert sentence in refused(sql).sentence


@pytest.mark.parametrize("start", STATEMENTS, ids=" ".join)
def test_a_statement_is_refused(start):
    sql = " ".join(start) + " x"
    assert STATEMENTS[start] in refused(sql).sentence
    assert STATEMENTS[start] in refused(f"/* x */ {sql.upper()} -- y").sentence


@pytest.mark.parametrize("name", [*FUNCTIONS, *NOT_EMULATED_FUNCTIONS])
def test_a_function_is_refused(name):
    instead = {**FUNCTIONS, **NOT_EMULATED_FUNCTIONS}[name]
    assert instead in refused(f"select {name}(a, b) from t").sentence
    assert instead in refused(f"create view v as select 1 + {name.upper()} (a) as x from t").sentence
    translate(f"select {name}, t.{name} as b, '{name}(' as c, \"{name}\" from t -- {name}(")


@pytest.mark.parametrize("kind", sorted(UNSUPPORTED_TYPES))
def test_a_type_is_refused(kind):
    assert "VARCHAR or SUPER" in refused(f"create table t (a {kind})").sentence
    assert "VARCHAR or SUPER" in refused(f"alter table t add column a {kind}").sentence
    if kind not in {"oid", "name"}:
        assert "SUPER may do" in refused(f"select a::{kind} from t").sentence


@pytest.mark.parametrize("kind", sorted(SERIAL_TYPES))
def test_a_serial_type_is_refused(kind):
    assert "use IDENTITY" in refused(f"create table t (a {kind})").sentence


@pytest.mark.parametrize("kind", sorted(NOT_EMULATED_TYPES))
def test_a_type_that_is_not_emulated_is_refused(kind):
    assert "Real Redshift has it" in refused(f"create table t (a {kind})").sentence


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_an_operator_is_refused(operator):
    assert "no JSON operators" in refused(f"select a {operator} 'b' from t").sentence


@pytest.mark.parametrize(
    "sql",
    [*CLAUSES, *(" ".join(start) for start in STATEMENTS), *(f"{name}(a)" for name in FUNCTIONS)],
)
def test_what_is_refused_passes_in_literals_names_and_comments(sql):
    plain = sql.replace("*/", "").replace("/*", "")
    for text in (
        f"select {quote(sql)} as x",
        f"select /* {plain} */ 1 as x",
        f"select $body${sql}$body$ as x",
        'select "' + sql.replace('"', '""').lower() + '" from t',
    ):
        assert translate(text)[0].postgres == text


@pytest.mark.parametrize(
    "sql",
    [
        "select returning from conflict",
        "select a as filter, b as lateral_view from t join conflict on conflict.a = t.a",
        "select sum(a) over (partition by b order by c rows unbounded preceding) from t",
        "select row_number() over (partition by b order by c), rank() over (order by sum(a)) from t",
        "select lag(a) over (order by b) from t",
        "select a as over, b as values from t as pivot",
        "insert into t (a) values (1), (2)",
        "select a from t where b in (select c from u)",
        "select count(*) from generate_series(1, 3)",
        "alter table t rename to u",
        "alter table t drop column a cascade",
        "explain select 1",
        "rollback",
        "end",
    ],
)
def test_what_only_looks_refused_is_let_through(sql):
    assert translate(sql)[0].postgres == sql
