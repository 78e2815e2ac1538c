"""Redshift's SQL in PostgreSQL's words: what is rewritten, what never is, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.engines.redshift_lexer import UnsupportedError, literal, quote, render, tokenize
from local.engines.redshift_sql import translate

REWRITTEN_WORDS = [
    *("nvl(a, b)", "dateadd(day, 1, d)", "listagg(x)", "sysdate", "a minus b", "x::super", "decode(a, b, c)"),
    *("distkey", "sortkey(a)", "encode lzo", "approximate count", "create index"),
    *("on conflict do nothing", "returning *"),
]

MERGE, INSERT = "merge into t using s on t.a = s.a", "when not matched then insert values (1)"


def postgres(sql: str) -> str:
    [statement] = translate(sql)
    return " ".join(statement.postgres.split())


def refusal(sql: str) -> str | None:
    """The sentence with which a script is refused; None when it is translated."""
    try:
        translate(sql)
    except UnsupportedError as refused:
        return refused.sentence
    return None


@given(st.text())
def test_tokens_spell_the_statement_again(text):
    try:
        tokens = tokenize(text)
    except UnsupportedError:
        return
    assert render(tokens) == text


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_quoted_literal_stands_for_its_text(text):
    [token] = tokenize(quote(text))
    assert literal(token) == text


@given(
    st.lists(st.sampled_from([*REWRITTEN_WORDS, " ", "\n", "''", "\\'", "--", "/*", '"', ";"])).map("".join)
)
def test_nothing_inside_a_string_is_rewritten(content):
    sql = f"select '{content}' as x"
    assert postgres(sql).startswith("select '")
    assert translate(sql)[0].postgres == sql


@given(st.lists(st.sampled_from([*REWRITTEN_WORDS, "'", '"', ";", " "])).map("".join))
def test_nothing_inside_a_comment_is_rewritten(content):
    for sql in (f"select 1 /* {content} */ + 1", f"select 1 -- {content}\n + 1"):
        assert translate(sql)[0].postgres == sql


@given(st.sampled_from(REWRITTEN_WORDS), st.sampled_from(["$$", "$body$"]))
def test_nothing_inside_a_dollar_quoted_body_is_rewritten(content, mark):
    sql = f"create procedure p() as {mark} begin {content}; end {mark} language plpgsql"
    assert translate(sql)[0].postgres == sql


WORDS = st.sampled_from(
    [
        "create",
        "table",
        "temp",
        "if",
        "not",
        "exists",
        "alter",
        "add",
        "column",
        "like",
        "primary",
        "key",
        "unique",
        "references",
        "default",
        "identity",
        "encode",
        "distkey",
        "sortkey",
        "diststyle",
        "copy",
        "from",
        "iam_role",
        "format",
        "as",
        "csv",
        "delimiter",
        "null",
        "ignoreheader",
        "manifest",
        "grant",
        "role",
        "to",
        "merge",
        "into",
        "using",
        "on",
        "when",
        "matched",
        "then",
        "insert",
        "user",
        "password",
        "valid",
        "until",
        "set",
        "vacuum",
        "analyze",
        "select",
        "with",
        "delete",
        "listagg",
        "decode",
        "dateadd",
        "convert",
        "median",
        "over",
        "within",
        "group",
        "(",
        ")",
        ",",
        ".",
        ";",
        "=",
        "*",
        "::",
        "t",
        "a",
        "1",
        "'s3://b/p'",
        "'x'",
        '"Q"',
        "qualify",
    ]
)


@given(st.lists(WORDS, max_size=14).map(" ".join))
def test_any_words_are_translated_or_refused_with_a_sentence(sql):
    assert refusal(sql) != ""


@given(st.integers(1, 200))
def test_a_statement_that_ends_early_is_translated_or_refused(length):
    whole = """create temp table if not exists s.t (
        a int identity(1, 1) encode az64, b varchar(9) default 'x' not null, primary key (a))
        diststyle key distkey (a) compound sortkey (a, b) as select listagg(a, ',') from t"""
    assert refusal(whole[:length]) != ""


def test_quoted_names_are_folded_but_those_of_iam_identities():
    assert postgres('select "Nvl"(1) as "Total"') == 'select "nvl"(1) as "total"'
    assert postgres('grant role loader to "IAMR:Job-Role"') == 'grant loader to "IAMR:Job-Role"'


@pytest.mark.parametrize(
    ("redshift", "expected"),
    [
        ("select nvl(a, 0) from t", "select coalesce(a, 0) from t"),
        ("select nvl2(a, 1, 2)", "select CASE WHEN (a) IS NOT NULL THEN 1 ELSE 2 END"),
        ("select dateadd(mon, 1, d)", "select dateadd('mon', 1, d)"),
        ("select datediff('day', a, b)", "select datediff('day', a, b)"),
        ("select date_part(dow, d)", "select redshift_date_part('dow', d)"),
        ("select median(x) from t", "select percentile_cont(0.5) WITHIN GROUP (ORDER BY x) from t"),
        ("select approximate count(distinct x) from t", "select count(distinct x) from t"),
        ("select convert(integer, x)", "select CAST( x AS integer)"),
        ("select x::super", "select x::jsonb"),
        ("select cast(x as varchar(max))", "select cast(x as varchar(65535))"),
        ("select sysdate", "select redshift_sysdate()"),
        ("select 1 minus select 2", "select 1 EXCEPT select 2"),
        ("delete t where a = 1", "delete FROM t where a = 1"),
        ("vacuum delete only t to 75 percent", "VACUUM t"),
        ("analyze t predicate columns", "ANALYZE t"),
        ("set query_group to 'etl'", "set redshift.query_group to 'etl'"),
        ('create user "IAMR:x" password disable', 'CREATE ROLE "IAMR:x" LOGIN PASSWORD NULL'),
        ("create role loader", "CREATE ROLE loader NOLOGIN"),
        ("grant usage on schema s to role r", "grant usage on schema s to r"),
        ("create view v as select 1 with no schema binding", "create view v as select 1"),
        ("create schema s quota 10 gb", "create schema s"),
    ],
)
def test_is_said_in_postgresqls_words(redshift, expected):
    assert postgres(redshift) == expected


def test_listagg_keeps_its_order_and_its_distinct():
    ordered = postgres("select listagg(x,', ') within group (order by y) from t")
    assert ordered == "select string_agg((x)::text, (', ')::text order by y) from t"
    distinct = postgres("select listagg(distinct x,',') within group (order by x desc) from t")
    assert distinct == "select string_agg(DISTINCT ( x)::text, (',')::text ORDER BY ( x)::text DESC) from t"


def test_a_script_is_split_outside_strings_and_parentheses_only():
    assert [item.text for item in translate("select ';'; select (1); -- ;\n ;")] == [
        "select ';'",
        "select (1)",
    ]


def test_a_tables_keys_are_remembered_and_not_made():
    made = postgres(
        "create table t (a int primary key distkey, b varchar(9) encode zstd references u (c)) sortkey (b)"
    )
    assert 'CREATE TABLE t ("a" int NOT NULL, "b" varchar(9)' in made
    assert '"distkey": "a"' in made
    assert '"sortkeys": ["b"]' in made
    assert "PRIMARY KEY (a)" in made
    assert "FOREIGN KEY (b) references u ( c )" in made


def test_columns_without_a_size_have_redshifts():
    made = postgres("create table t (a varchar, b text, c char, d decimal, e varchar(max))")
    for column in (
        '"a" varchar(256)',
        '"b" varchar(256)',
        '"c" char(1)',
        '"d" numeric(18,0)',
        '"e" varchar(65535)',
    ):
        assert column in made


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("insert into t values (1) on conflict do nothing", "no ON CONFLICT"),
        ("insert into t values (1) on conflict (a) do update set b = 1", "no ON CONFLICT"),
        ("insert into t values (1) returning a", "no RETURNING"),
        ("with x as (select 1) delete from t returning a", "no RETURNING"),
        ("select count(*) filter (where a > 1) from t", "no FILTER"),
        ("create table t (a serial)", "use IDENTITY"),
        ("create table t (a bigserial)", "use IDENTITY"),
        ("create table t (a jsonb)", "VARCHAR or SUPER"),
        ("create table t (a uuid)", "VARCHAR or SUPER"),
        ("create table t (a int[])", "no arrays"),
        ("select array[1, 2]", "no arrays"),
        ("select '{}'::jsonb", "SUPER may do"),
        ("select cast(a as jsonb) from t", "SUPER may do"),
        ("select a ->> 'b' from t", "no JSON operators"),
        ("create index i on t (a)", "no indexes"),
        ("create unique index i on t (a)", "no indexes"),
        ("create table t (a int check (a > 1))", "no CHECK"),
        ("create function f() returns int as $$ return 1 $$ language plpythonu", "none since June 2026"),
        ("do $$ begin end $$", "no anonymous blocks"),
        ("select distinct on (a) b from t", "ROW_NUMBER"),
        ("select string_agg(a, ',') from t", "use LISTAGG"),
        ("select * from t, lateral (select 1) x", "no LATERAL"),
        ("select * from t for update", "locks whole tables"),
        ("savepoint s", "no savepoints"),
        ("create sequence s", "IDENTITY"),
        ("create trigger x after insert on t execute function f()", "no triggers"),
        ("create extension x", "no extensions"),
        ("create external schema s from data catalog", "Spectrum"),
        ("copy t from stdin", "STDIN"),
        (f"{MERGE} {INSERT}", "exactly one WHEN MATCHED"),
        (f"{MERGE} when matched and s.b then delete {INSERT}", "no condition"),
        (f"{MERGE} when matched then do nothing {INSERT}", "no DO NOTHING"),
        ("create table t (a int) partition by (a)", "no such table attribute"),
        ("select 'open", "Close it"),
        ("select 1 /* open", "Close it"),
        ("set enable_case_sensitive_identifier to true", "lower case"),
    ],
)  # fmt: skip
def test_is_refused_with_a_sentence(sql, reason):
    with pytest.raises(UnsupportedError) as refused:
        translate(sql)
    assert reason in refused.value.sentence
    assert len(refused.value.sqlstate) == 5


@pytest.mark.parametrize(
    "sql",
    [
        "select returning from conflict",
        "select a as filter, b as lateral_view from t join conflict on conflict.a = t.a",
        "select 'on conflict do nothing', \"returning\" from t",
    ],
)
def test_names_that_look_like_refused_words_are_let_through(sql):
    assert postgres(sql) == sql
