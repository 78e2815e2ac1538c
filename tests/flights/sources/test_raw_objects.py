import gzip
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flights.sources.raw_objects import (
    SUFFIXES,
    DailyObjects,
    flights_key,
    parse_key,
    partition,
    partition_values,
    raw_key,
    weather_key,
)

DAYS = st.dates(date(1987, 1, 1), date(2099, 12, 31))


def test_keys_are_partitioned_by_day():
    day = date(2013, 1, 2)

    assert flights_key(day) == "flights/year=2013/month=01/day=02/flights-2013-01-02.csv.gz"
    assert weather_key(day) == "weather/year=2013/month=01/day=02/weather-2013-01-02.json.gz"
    assert partition(day) == "year=2013/month=01/day=02"


def test_lists_are_partitioned_by_the_day_as_of_which_they_are():
    day = date(2013, 4, 1)

    assert raw_key("aircraft", day) == "aircraft/snapshot=2013-04-01/aircraft-2013-04-01.csv.gz"
    assert raw_key("airlines", day) == "airlines/snapshot=2013-04-01/airlines-2013-04-01.csv.gz"
    assert partition_values("aircraft", day) == ["2013-04-01"]
    assert partition_values("flights", day) == ["2013", "04", "01"]


@given(st.sampled_from(sorted(SUFFIXES)), DAYS)
def test_a_key_tells_its_data_set_and_day(dataset, day):
    assert parse_key(raw_key(dataset, day)) == (dataset, day)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "flights/",
        "planes/year=2013/month=01/day=01/planes-2013-01-01.csv.gz",
        "aircraft/snapshot=2013-04-01/aircraft-2013-04-02.csv.gz",
        "rejects/aircraft/snapshot=2013-04-01/aircraft-2013-04-01.json.gz",
        "flights/snapshot=2013-04-01/flights-2013-04-01.csv.gz",
        "flights/year=2013/month=02/day=30/flights-2013-02-30.csv.gz",
        "flights/year=2013/month=01/day=01/flights-2013-01-02.csv.gz",
        "flights/year=2013/month=01/day=01/weather-2013-01-01.json.gz",
        "tmp/flights/year=2013/month=01/day=01/flights-2013-01-01.csv.gz",
    ],
)
def test_any_other_key_is_none_of_ours(key):
    assert parse_key(key) is None


@given(st.text(max_size=80))
def test_parsing_never_fails(key):
    assert parse_key(key) is None


LINES = st.lists(st.tuples(st.integers(1, 5), st.text(max_size=20).filter(lambda text: "\n" not in text)))


@given(LINES)
def test_each_line_ends_up_in_its_day_in_order(lines):
    days = [date(2013, 1, number) for number in range(1, 6)]

    with DailyObjects("flights", days, header="header\n") as collected:
        for number, line in lines:
            collected.write(date(2013, 1, number), line + "\n")
        objects = collected.objects()

    assert [raw.key for raw in objects] == [flights_key(day) for day in days]
    assert sum(raw.rows for raw in objects) == len(lines)
    for day, raw in zip(days, objects, strict=True):
        expected = "header\n" + "".join(line + "\n" for number, line in lines if number == day.day)
        assert gzip.decompress(raw.body).decode() == expected


def test_the_same_lines_give_the_same_bytes():
    def body():
        with DailyObjects("weather", [date(2013, 1, 1)]) as collected:
            collected.write(date(2013, 1, 1), "{}\n")
            return collected.objects()[0].body

    first = body()

    assert body() == first
    assert first[4:8] == b"\0\0\0\0", "gzip's time stamp is not zero"


def test_a_line_of_a_day_that_was_not_asked_for_is_an_error():
    with DailyObjects("flights", [date(2013, 1, 1)]) as collected, pytest.raises(KeyError):
        collected.write(date(2013, 1, 2), "line\n")
