"""Redshift's SQL in PostgreSQL's words: what is rewritten, what never is, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.engines.redshift_lexer import UnsupportedError, literal, quote, render, tokenize
from local.engines.redshift_sql import translate

REWRITTEN_WORDS = [
    *(
        "select top 3 x",
        "qualify",
        "avg(x)",
        "extract(year from x)",
        "concat(a, b)",
        "values (1)",
        "over (order by x)",
    ),
    *("nvl(a, b)", "dateadd(day, 1, d)", "listagg(x)", "sysdate", "a minus b", "x::super", "decode(a, b, c)"),
    *("distkey", "sortkey(a)", "encode lzo", "approximate count", "create index"),
    *("on conflict do nothing", "returning *"),
]


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


@given(
    st.lists(st.sampled_from([*REWRITTEN_WORDS, "'", '""', ";", " ", "--", "/*"]), min_size=1).map("".join)
)
def test_nothing_inside_a_quoted_identifier_is_rewritten(content):
    sql = f'select "{content}" from "{content}" as x'
    assert translate(sql)[0].postgres == sql


REWRITTEN_STATEMENTS = [
    "select top 3 nvl({0}, {1}) from t order by 1",
    "select {0} as a, b from t where c = {1} qualify row_number() over (partition by {0} order by b) = 1",
    "select listagg(a, {0}) within group (order by {1}) over (partition by b) from t",
    "select decode(a, {0}, {1}, 'x'), dateadd(day, 1, {0}), extract(day from {1}), convert(varchar, {0})",
    "select median(a) over (partition by {0}), lag({1}) ignore nulls over (order by b) from t",
    "create table t sortkey (a) as select {0} as a, {1} as b",
    "merge into t using s on t.a = s.a and s.b = {0} when matched then update set b = {1} "
    "when not matched then insert values ({0}, {1})",
    "delete t where a = {0} or b = {1}",
]


@given(
    st.sampled_from(REWRITTEN_STATEMENTS),
    st.lists(st.sampled_from([*REWRITTEN_WORDS, "'", '"', "\\", ";", "$$", "{", "}"]), min_size=1).map(
        "".join
    ),
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
)
def test_literals_pass_unchanged_through_every_rewriting(statement, words, text):
    literals = [quote(words), quote(text)]
    [made] = translate(statement.format(*literals))
    assert all(each in made.postgres for each in literals)


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


def test_a_block_s_mark_is_none_that_its_literals_hold():
    made = postgres("create table t distkey (a) as select '$redshift$ $redshift_$' as a")
    assert made.startswith("DO $redshift__$ BEGIN")
    assert "'$redshift$ $redshift_$'" in made


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
