import gzip
import json
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flights.schema import RAW_WEATHER
from flights.sources.airports import airports
from flights.sources.download import SourceError
from flights.sources.open_meteo import VARIABLES, weather_of_period
from flights.sources.period import Period
from flights.sources.raw_objects import weather_key

EWR = airports(["EWR"])
NEW_YEAR = Period(date(2013, 1, 1), date(2013, 1, 1))


def reply(hours, changed_units=None, **values):
    """An answer of Open-Meteo: these hours; variables that are not given are null throughout."""
    units = dict(VARIABLES.values())
    columns = {variable: values.get(variable, [None] * len(hours)) for variable in units}
    return json.dumps(
        {
            "hourly_units": {"time": "iso8601", **units, **(changed_units or {})},
            "hourly": {"time": [f"{hour:%Y-%m-%dT%H:%M}" for hour in hours], **columns},
        }
    ).encode()


def hours_from(start, count):
    return [start + timedelta(hours=n) for n in range(count)]


def lines(raw):
    return [json.loads(line) for line in gzip.decompress(raw.body).decode().splitlines()]


def test_fields_are_those_of_the_raw_table():
    assert ("origin", "time_hour", *VARIABLES) == tuple(column.name for column in RAW_WEATHER.columns)


def test_a_request_names_the_place_the_variables_and_utc(source, answer):
    source.answers = [answer(body=reply([]))]

    weather_of_period(source.url + "/v1/archive", NEW_YEAR, EWR)

    (asked,) = source.asked
    query = parse_qs(urlsplit(asked).query)
    assert urlsplit(asked).path == "/v1/archive"
    assert (query["latitude"], query["longitude"]) == (["40.6925"], ["-74.168667"])
    assert query["hourly"][0].split(",") == [variable for variable, _ in VARIABLES.values()]
    assert query["timezone"] == ["UTC"]
    # New York's new year begins at 05:00 UTC and ends in the UTC day after.
    assert (query["start_date"], query["end_date"]) == (["2013-01-01"], ["2013-01-02"])


def test_an_hour_has_every_field_and_null_for_what_is_not_known(source, answer):
    hour = datetime(2013, 1, 1, 6, tzinfo=UTC)
    source.answers = [answer(body=reply([hour], temperature_2m=[3.9], pressure_msl=[1012]))]

    (raw,) = weather_of_period(source.url, NEW_YEAR, EWR)

    assert raw.key == weather_key(date(2013, 1, 1))
    assert lines(raw) == [
        {
            "origin": "EWR",
            "time_hour": "2013-01-01T06:00:00Z",
            "temperature_c": 3.9,
            "humidity_pct": None,
            "dew_point_c": None,
            "wind_direction_deg": None,
            "wind_speed_kmh": None,
            "wind_gust_kmh": None,
            "precipitation_mm": None,
            "pressure_hpa": 1012,
            "visibility_m": None,
        }
    ]


def test_a_day_is_the_airports_own(source, answer):
    hours = hours_from(datetime(2013, 1, 1, tzinfo=UTC), 48)
    source.answers = [answer(body=reply(hours, temperature_2m=[1.0] * 48))]

    (raw,) = weather_of_period(source.url, NEW_YEAR, EWR)

    assert raw.rows == 24
    assert lines(raw)[0]["time_hour"] == "2013-01-01T05:00:00Z"
    assert lines(raw)[-1]["time_hour"] == "2013-01-02T04:00:00Z"


@pytest.mark.parametrize(("day", "hours"), [(date(2013, 3, 10), 23), (date(2013, 11, 3), 25)])
def test_days_of_the_clock_change_are_an_hour_shorter_or_longer(source, answer, day, hours):
    around = hours_from(datetime(day.year, day.month, day.day, tzinfo=UTC), 72)
    source.answers = [answer(body=reply(around, temperature_2m=[1.0] * 72))]

    (raw,) = weather_of_period(source.url, Period(day, day), EWR)

    assert raw.rows == hours
    assert len({line["time_hour"] for line in lines(raw)}) == hours


def test_each_airport_is_asked_once(source, answer):
    hour = datetime(2013, 1, 1, 6, tzinfo=UTC)
    source.answers = [answer(body=reply([hour], temperature_2m=[1.0]))]

    (raw,) = weather_of_period(source.url, NEW_YEAR, airports(["EWR", "JFK"]))

    assert len(source.asked) == 2
    assert [line["origin"] for line in lines(raw)] == ["EWR", "JFK"]


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.none() | st.floats(-60, 60), st.none() | st.floats(0, 400)), min_size=48, max_size=48
    )
)
def test_hours_without_any_value_are_left_out_and_no_other(source, answer, values):
    start = datetime(2013, 1, 1, 5, tzinfo=UTC)
    hours = hours_from(start, 48)
    temperatures, winds = zip(*values, strict=True)
    source.answers = [answer(body=reply(hours, temperature_2m=temperatures, wind_speed_10m=winds))]

    objects = weather_of_period(source.url, Period(date(2013, 1, 1), date(2013, 1, 2)), EWR)

    arrived = [
        (line["time_hour"], line["temperature_c"], line["wind_speed_kmh"])
        for raw in objects
        for line in lines(raw)
    ]
    assert arrived == [
        (f"{hour:%Y-%m-%dT%H:%M:%SZ}", temperature, wind)
        for hour, (temperature, wind) in zip(hours, values, strict=True)
        if temperature is not None or wind is not None
    ]
    assert sum(raw.rows for raw in objects) == len(arrived)


def test_a_day_without_weather_is_an_empty_object(source, answer):
    source.answers = [answer(body=reply(hours_from(datetime(2013, 1, 1, tzinfo=UTC), 48)))]

    (raw,) = weather_of_period(source.url, NEW_YEAR, EWR)

    assert raw.rows == 0
    assert gzip.decompress(raw.body) == b""


def test_a_variable_that_the_archive_lacks_is_null(source, answer):
    hour = datetime(2013, 1, 1, 6, tzinfo=UTC)
    body = reply([hour], changed_units={"visibility": "undefined"}, temperature_2m=[1.0])
    source.answers = [answer(body=body)]

    (raw,) = weather_of_period(source.url, NEW_YEAR, EWR)

    assert lines(raw)[0]["visibility_m"] is None


def test_another_unit_is_an_error(source, answer):
    hour = datetime(2013, 1, 1, 6, tzinfo=UTC)
    source.answers = [answer(body=reply([hour], changed_units={"temperature_2m": "°F"}, temperature_2m=[39]))]

    with pytest.raises(SourceError, match="gave temperature_2m in '°F', not in °C"):
        weather_of_period(source.url, NEW_YEAR, EWR)


def test_a_column_of_another_length_is_an_error(source, answer):
    hour = datetime(2013, 1, 1, 6, tzinfo=UTC)
    source.answers = [answer(body=reply([hour], temperature_2m=[1.0, 2.0]))]

    with pytest.raises(SourceError, match="gave 2 of 1 hours of temperature_2m"):
        weather_of_period(source.url, NEW_YEAR, EWR)


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"hourly": {"time": []}, "hourly_units": {}}'])
def test_an_answer_of_another_form_is_an_error(source, answer, body):
    source.answers = [answer(body=body)]

    with pytest.raises(SourceError, match="its form has changed"):
        weather_of_period(source.url, NEW_YEAR, EWR)


def test_a_refusal_is_quoted_and_final(source, answer):
    source.answers = [answer(status=400, body=b'{"error":true,"reason":"out of allowed range"}')]

    with pytest.raises(SourceError, match="out of allowed range"):
        weather_of_period(source.url, NEW_YEAR, EWR)
    assert len(source.asked) == 1


def test_a_damaged_answer_is_fetched_again(source, answer, impatient):
    good = reply([datetime(2013, 1, 1, 6, tzinfo=UTC)], temperature_2m=[1.0])
    source.answers = [answer(status=502), answer(body=good[:-20]), answer(body=good)]

    (raw,) = weather_of_period(source.url, NEW_YEAR, EWR, impatient)

    assert raw.rows == 1
    assert len(source.asked) == 3
