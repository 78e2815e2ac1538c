"""Redshift's functions, aggregates, windows and QUALIFY, answered by an endpoint."""

from __future__ import annotations

import pytest

from tests.local.redshift_endpoint import rows


def test_dates_count_as_redshift_counts_them(session):
    assert rows(
        session,
        "select datediff(year, '2012-12-31', '2013-01-01'), datediff(month, '2013-01-31', '2013-02-01'),"
        " datediff(hour, '2013-01-01 00:59', '2013-01-01 01:00'), datediff(week, '2013-01-05', '2013-01-06'),"
        " dateadd(month, 1, '2013-01-31')::date::varchar, dateadd(d, -1, date '2013-01-01')::varchar,"
        " last_day('2013-02-03')::varchar, date_part(dow, date '2013-01-06')",
    ) == [(1, 1, 1, 1, "2013-02-28", "2012-12-31 00:00:00", "2013-02-28", 0)]


def test_functions_and_super_values_answer(session):
    assert rows(
        session,
        r"select nvl(null, 2), decode(null, null, 'n', 'x'), len('abc'), charindex('b', 'abc'), 'it\'s', "
        "regexp_replace('a1b2', '[0-9]', ''), json_extract_path_text('{\"a\": {\"b\": 3}}', 'a', 'b'), "
        "json_serialize(json_parse('[1]')), is_valid_json('{')",
    ) == [(2, "n", 3, 2, "it's", "ab", "3", "[1]", False)]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("concat('a', null)", None),
        ("concat('a', 'b')", "ab"),
        ("round(2.345::float8, 2)", 2.35),
        ("round(2.5)", 3),
        ("extract(dow from date '2013-01-06')", 0),
        ("extract(epoch from timestamp '1970-01-01 00:01:00.9')", 60),
        ("extract('year' from timestamp '2013-05-06')", 2013),
        ("date_trunc('month', date '2013-05-06')::varchar", "2013-05-01 00:00:00"),
        ("next_day('2013-05-06', 'Monday')::varchar", "2013-05-13"),
        ("next_day('2013-05-06', 'tue')::varchar", "2013-05-07"),
        ("convert_timezone('EST', '2013-01-01 05:00:00'::timestamp)::varchar", "2013-01-01 00:00:00"),
        ("regexp_substr('a1b22', '[0-9]+', 1, 2)", "22"),
        ("regexp_substr('abc', '[0-9]+')", ""),
        ("json_extract_array_element_text('[1, 2]', 1)", "2"),
        ("json_array_length('[1, 2]')", 2),
        ("json_typeof(json_parse('{}'))", "object"),
        ("is_valid_json_array('{}')", False),
        ("replicate('ab', 2)", "abab"),
        ("dexp(0)", 1.0),
        ("add_months('2013-01-31', 1)::varchar", "2013-02-28 00:00:00"),
    ],
)  # fmt: skip
def test_a_function_answers_as_redshifts_does(session, expression, value):
    assert rows(session, f"select {expression}") == [(value,)]


@pytest.fixture
def scores(session):
    """A table of three groups: a has 1, 2, 4 and NULL, b has 5, c has NULL only."""
    session.execute("create table scores (id int, g varchar(1), n int, f float8)")
    session.execute(
        "insert into scores values (1, 'a', 1, 1), (2, 'a', 2, 2), (3, 'a', null, null), (4, 'a', 4, 4), "
        "(5, 'b', 5, 5), (6, 'c', null, null)"
    )
    return session


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("select g, avg(n) from scores group by 1 order by 1", [("a", 2), ("b", 5), ("c", None)]),
        ("select avg(n::bigint), avg(distinct n), avg(f) from scores", [(3, 3, 3.0)]),
        ("select avg(n * 1.0)::numeric(4, 2)::varchar from scores", [("3.00",)]),
        ("select id, avg(n) over (partition by g) from scores where id < 3", [(1, 1), (2, 1)]),
        ("select g, median(n) from scores group by 1 order by 1", [("a", 2.0), ("b", 5.0), ("c", None)]),
        (
            "select distinct g, median(n) over (partition by g) from scores order by 1",
            [("a", 2.0), ("b", 5.0), ("c", None)],
        ),
        (
            "select distinct g, percentile_cont(0.75) within group (order by n) over (partition by g) as p "
            "from scores order by g",
            [("a", 3.0), ("b", 5.0), ("c", None)],
        ),
        ("select percentile_cont(0.5) within group (order by n desc) from scores", [(3.0,)]),
        (
            "select id, listagg(n, ',') within group (order by n desc) over (partition by g) from scores "
            "where g = 'a' order by id",
            [(1, "4,2,1"), (2, "4,2,1"), (3, "4,2,1"), (4, "4,2,1")],
        ),
        ("select listagg(distinct g, '') within group (order by g) from scores", [("abc",)]),
        (
            "select id, last_value(n ignore nulls) over (partition by g order by id rows unbounded preceding)"
            " from scores where g = 'a' order by id",
            [(1, 1), (2, 2), (3, 2), (4, 4)],
        ),
        (
            "select id, first_value(n) ignore nulls over (order by id desc rows unbounded preceding) as v "
            "from scores order by id",
            [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5), (6, None)],
        ),
        (
            "select id, lag(n) ignore nulls over (partition by g order by id), lead(n, 1) ignore nulls over "
            "(partition by g order by id), lag(n) respect nulls over (partition by g order by id) "
            "from scores where g = 'a' order by id",
            [(1, None, 2, None), (2, 1, 4, 1), (3, 2, 4, 2), (4, 2, None, None)],
        ),
        (
            "select id, ratio_to_report(n) over () from scores where n > 3 order by id",
            [(4, 4 / 9), (5, 5 / 9)],
        ),
        ("select top 2 id from scores order by id desc", [(6,), (5,)]),
        ("select count(*) from (select top 3 id from scores) x", [(3,)]),
        ("select approximate count(distinct g) from scores", [(3,)]),
    ],
)
def test_aggregates_and_windows_answer_as_redshifts_do(scores, query, found):
    assert rows(scores, query) == found


def test_columns_without_a_name_are_called_as_on_redshift(scores):
    cursor = scores.execute("select avg(n), concat(g, g), round(f), median(n) from scores group by g, f")
    assert [column.name for column in cursor.description] == ["avg", "concat", "round", "percentile_cont"]


FIRST = "row_number() over (partition by g order by n desc nulls last)"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"select g, n from scores s qualify {FIRST} = 1 order by g", [("a", 4), ("b", 5), ("c", None)]),
        (
            f"select * from scores s where n > 0 qualify {FIRST} = 1 order by id",
            [(4, "a", 4, 4.0), (5, "b", 5, 5.0)],
        ),
        (f"select s.*, {FIRST} as place from scores s qualify place = 2", [(2, "a", 2, 2.0, 2)]),
        (f"select distinct g as x from scores as s qualify {FIRST} < 3 order by x", [("a",), ("b",), ("c",)]),
        (
            "select g, sum(n) as total from scores where id > 0 group by g having count(n) > 0 "
            "qualify rank() over (order by sum(n) desc) = 1",
            [("a", 7)],
        ),
        (
            "select s.id, t.id as other, t.* from scores s join scores t on s.n = t.n where s.g = 'a' "
            "qualify row_number() over (order by s.id) = 1",
            [(1, 1, 1, "a", 1, 1.0)],
        ),
        (
            f"with x as (select g, n from scores s qualify {FIRST} = 1) select count(*) from x where g in "
            f"(select g from scores s qualify {FIRST} = 2)",
            [(1,)],
        ),
        (f"select g from scores s qualify {FIRST} = 3 union all select 'z' order by 1", [("a",), ("z",)]),
        (f"select top 1 s.g from scores s qualify {FIRST} = 1 order by s.g desc", [("c",)]),
        (f"select 'top it\\'s' as x from scores s qualify {FIRST} = 3 /* qualify */", [("top it's",)]),
        ("select s.id from scores s qualify max(n) over (partition by g) > 4 and n is not null", [(5,)]),
    ],
)  # fmt: skip
def test_qualify_filters_windows(scores, query, found):
    assert rows(scores, query) == found


def test_qualify_makes_tables_too(scores):
    scores.execute(f"create table best distkey (g) sortkey (g) as select * from scores s qualify {FIRST} = 1")
    scores.execute(f"insert into best select * from scores s where g = 'a' qualify {FIRST} = 2")
    assert rows(scores, "select count(*), count(n) from best") == [(4, 3)]
