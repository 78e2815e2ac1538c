"""The ETL: curated flights and the source's weather into a real PostgreSQL, every row accounted for."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from containers.etl.__main__ import main
from containers.etl.transform import UNKNOWN_ORIGIN, operational_flights, plausible_weather
from flights.schema import CURATED_FLIGHTS
from local.engines import postgres
from local.replay.__main__ import WEATHER_PATH, ReplayServer
from operational_store.connection import connect
from operational_store.roles import prepare
from tests.containers.engines import postgres_server, replay_server

ZONES = pd.DataFrame({"airport": ["EWR", "JFK"], "time_zone": ["America/New_York"] * 2})
ARROW = {"string": pa.string(), "int": pa.int32(), "boolean": pa.bool_(), "date": pa.date32()}
SCHEMA = pa.schema([(column.name, ARROW[column.type]) for column in CURATED_FLIGHTS.columns])


def flight(day: date, number: int, **values: Any) -> dict[str, Any]:
    """A curated flight that left 5 minutes late."""
    return {
        "flight_date": day,
        "carrier": "UA",
        "flight_number": number,
        "tail_number": "N12345",
        "origin": "EWR",
        "dest": "BQN",
        "sched_dep_time": 615,
        "dep_time": 620,
        "dep_delay_minutes": 5,
        "sched_arr_time": 830,
        "arr_time": 850,
        "arr_delay_minutes": 20,
        "cancelled": False,
        "cancellation_code": None,
        "diverted": False,
        "air_time_minutes": 227,
        "distance_miles": 1400,
        **values,
    }


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Server]:
    with postgres_server("etl", tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture(scope="module")
def replay() -> Iterator[ReplayServer]:
    with replay_server() as running:
        yield running


@pytest.fixture
def database(server: postgres.Server) -> Iterator[psycopg.Connection[Any]]:
    """An empty database."""
    with server.connect() as connection:
        connection.execute("DROP DATABASE IF EXISTS flights WITH (FORCE)")
        connection.execute("CREATE DATABASE flights")
    master = connect("127.0.0.1", server.port, "flights", server.owner, server.password, application="tests")
    prepare(master, {"etl": "the etl's own"})
    master.close()
    with server.connect("flights") as connection:
        yield connection


@pytest.fixture
def lake(
    server: postgres.Server,
    database: psycopg.Connection[Any],
    replay: ReplayServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., None]]:
    """An account whose lake has one list of airlines; puts curated flights of a day."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        s3 = boto3.client("s3")
        for bucket in ("raw", "curated"):
            s3.create_bucket(Bucket=bucket)
        airlines = gzip.compress(b"carrier,name\nUA,United Air Lines Inc.\n")
        s3.put_object(
            Bucket="raw", Key="airlines/snapshot=2013-01-01/airlines-2013-01-01.csv.gz", Body=airlines
        )
        secret = json.dumps({"username": "etl", "password": "the etl's own"})
        arn = boto3.client("secretsmanager").create_secret(Name="database", SecretString=secret)["ARN"]
        boto3.client("ssm").put_parameter(Name="/weather", Type="String", Value=replay.url + WEATHER_PATH)
        for name, value in {
            "RAW_BUCKET": "raw",
            "CURATED_BUCKET": "curated",
            "AIRPORTS": "EWR,JFK,LGA",
            "WEATHER_SOURCE_PARAMETER": "/weather",
            "DATABASE_HOST": "127.0.0.1",
            "DATABASE_PORT": str(server.port),
            "DATABASE_NAME": "flights",
            "DATABASE_SECRET_ARN": arn,
        }.items():
            monkeypatch.setenv(name, value)

        def put(day: date, *rows: dict[str, Any]) -> None:
            body = io.BytesIO()
            pq.write_table(table(*rows), body)
            key = f"flights/year={day:%Y}/month={day:%m}/day={day:%d}/part-0.snappy.parquet"
            s3.put_object(Bucket="curated", Key=key, Body=body.getvalue())

        yield put


FIRST, SECOND = date(2013, 1, 1), date(2013, 1, 2)


def run(
    capsys: pytest.CaptureFixture[str], start: date = FIRST, end: date = SECOND
) -> tuple[int, dict[str, Any]]:
    """Exit code and the one line that the container logs."""
    code = main(["--start", start.isoformat(), "--end", end.isoformat()])
    [line] = capsys.readouterr().out.splitlines()
    return code, json.loads(line)


def content(database: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    return {
        name: database.execute(f"SELECT * FROM operations.{name} ORDER BY {name}::text").fetchall()
        for name in ("airports", "airlines", "flights", "weather")
    }


def test_days_are_loaded_and_every_row_is_accounted_for(
    lake: Callable[..., None], database: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    lake(FIRST, flight(FIRST, 1), flight(FIRST, 2, carrier="ZZ"), flight(FIRST, 3, origin="QQQ"))
    lake(SECOND, flight(SECOND, 1, cancelled=True, dep_delay_minutes=None, tail_number=None))
    code, told = run(capsys)
    rows = content(database)

    assert (code, told["message"], told["stage"]) == (0, "loaded", "container_etl")
    assert told["rows"]["flights"] == {"read": 4, "written": 3, "rejected": {UNKNOWN_ORIGIN: 1}}
    assert told["rows"]["weather"] == {"read": 139, "written": 139, "rejected": {}}
    assert [row[:2] for row in rows["airlines"]] == [("UA", "United Air Lines Inc."), ("ZZ", "ZZ")]
    assert len(rows["airports"]) == told["rows"]["airports"]["written"] == 1458
    assert len(rows["weather"]) == 139
    cancelled = next(row for row in rows["flights"] if row[0] == SECOND)
    assert (cancelled[5], cancelled[8], cancelled[11]) == (None, None, True)


def test_running_days_again_leaves_the_same_rows_and_a_correction_replaces_its_day(
    lake: Callable[..., None], database: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    lake(FIRST, flight(FIRST, 1), flight(FIRST, 2))
    lake(SECOND, flight(SECOND, 1))
    run(capsys)
    once = content(database)
    run(capsys)
    twice = content(database)
    lake(FIRST, flight(FIRST, 1, dep_delay_minutes=60))
    run(capsys, FIRST, FIRST)
    corrected = content(database)

    assert once == twice
    assert [(row[0], row[2], row[9]) for row in corrected["flights"]] == [(FIRST, 1, 60), (SECOND, 1, 5)]
    assert corrected["weather"] == once["weather"]


def test_the_last_of_many_lists_of_airlines_counts_each_carrier_once(
    lake: Callable[..., None], database: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    lake(FIRST, flight(FIRST, 1))
    # A list a day, for longer than a page of S3's listing is.
    for number in range(1001):
        day = FIRST - timedelta(days=number)
        names = "UA,of the day before\n" if number else "UA,Unité\nUA,NA\nUA,Air\nXX,NA\n"
        boto3.client("s3").put_object(
            Bucket="raw",
            Key=f"airlines/snapshot={day}/airlines-{day}.csv.gz",
            Body=gzip.compress(f"carrier,name\n{names}".encode()),
        )
    _, told = run(capsys, FIRST, FIRST)

    assert told["rows"]["airlines"] == {"read": 4, "written": 2, "rejected": {"duplicate": 2}}
    assert content(database)["airlines"] == [("UA", "Unité"), ("XX", "XX")]


def test_without_a_list_of_airlines_carriers_have_their_codes_until_one_comes(
    lake: Callable[..., None], database: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    lake(FIRST, flight(FIRST, 1))
    s3, there = boto3.client("s3"), {"Bucket": "raw", "Key": "airlines/snapshot=2013-01-01/airlines.csv.gz"}
    listed = s3.list_objects_v2(Bucket="raw")["Contents"]
    content_of_list = s3.get_object(Bucket="raw", Key=listed[0]["Key"])["Body"].read()
    s3.delete_object(Bucket="raw", Key=listed[0]["Key"])

    code = main(["--start", FIRST.isoformat(), "--end", FIRST.isoformat()])
    warning, told = map(json.loads, capsys.readouterr().out.splitlines())
    without = content(database)
    s3.put_object(**there, Body=content_of_list)
    run(capsys, FIRST, FIRST)

    assert (code, warning["level"], told["rows"]["flights"]["written"]) == (0, "WARNING", 1)
    assert "no list of airlines" in warning["message"]
    assert without["airlines"] == [("UA", "UA")]
    assert content(database)["airlines"] == [("UA", "United Air Lines Inc.")]


def test_a_range_of_many_months_is_loaded_month_by_month(
    lake: Callable[..., None], database: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    days = [FIRST + timedelta(days=number) for number in range(31 + 28 + 31 + 1)]
    for day in days:
        lake(day, flight(day, 1))
    code, told = run(capsys, days[0], days[-1])

    assert (code, told["rows"]["flights"]["written"]) == (0, len(days))
    assert database.execute("SELECT COUNT(DISTINCT flight_date) FROM operations.flights").fetchone() == (
        len(days),
    )


def test_days_without_any_weather_have_their_flights(
    lake: Callable[..., None], database: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    long_ago = date(2012, 2, 29)
    lake(long_ago, flight(long_ago, 1))
    code, told = run(capsys, long_ago, long_ago)

    assert code == 0, told
    assert told["rows"]["weather"] == {"read": 0, "written": 0, "rejected": {}}
    assert told["rows"]["flights"]["written"] == 1


def test_a_day_that_was_not_curated_ends_the_load_with_a_sentence(
    lake: Callable[..., None], database: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    lake(FIRST, flight(FIRST, 1))
    code, told = run(capsys)

    assert code == 1
    assert told["level"] == "ERROR"
    assert told["message"].startswith("The lake has no curated flights of 2013-01-02")
    assert database.execute("SELECT COUNT(*) FROM operations.flights").fetchone() == (0,)


def test_a_missing_setting_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_HOST", raising=False)
    monkeypatch.delenv("RAW_BUCKET", raising=False)
    code, told = run(capsys)

    assert code == 1
    assert "RAW_BUCKET" in told["message"]
    assert "DATABASE_HOST" in told["message"]


@pytest.mark.parametrize(
    ("day", "clock", "expected"),
    [
        (date(2013, 1, 1), 615, datetime(2013, 1, 1, 11, 15, tzinfo=UTC)),
        (date(2013, 7, 1), 615, datetime(2013, 7, 1, 10, 15, tzinfo=UTC)),
        # Skipped by the clock change, and repeated by it.
        (date(2013, 3, 10), 230, datetime(2013, 3, 10, 7, 30, tzinfo=UTC)),
        (date(2013, 11, 3), 130, datetime(2013, 11, 3, 5, 30, tzinfo=UTC)),
        (date(2013, 1, 1), 2359, datetime(2013, 1, 2, 4, 59, tzinfo=UTC)),
    ],
)
def test_departures_are_moments(day: date, clock: int, expected: datetime) -> None:
    rows = table(flight(day, 1, sched_dep_time=clock, dep_delay_minutes=None)).to_pandas()
    [row], rejected = (
        operational_flights(rows, ZONES)[0].to_dict("records"),
        operational_flights(rows, ZONES)[1],
    )

    assert row["scheduled_departure"].to_pydatetime() == expected
    assert pd.isna(row["departed_at"])
    assert not rejected


def test_impossible_measurements_are_dropped_and_their_hours_stay() -> None:
    names = ["temperature_c", "humidity_pct", "dew_point_c", "wind_direction_deg", "wind_speed_kmh"]
    names += ["wind_gust_kmh", "precipitation_mm", "pressure_hpa", "visibility_m"]
    weather = pd.DataFrame([{**dict.fromkeys(names, 10.0), "pressure_hpa": 1000.0, "wind_speed_kmh": 1686.0}])
    cleaned = plausible_weather(weather)

    assert pd.isna(cleaned["wind_speed_kmh"][0])
    assert cleaned["temperature_c"][0] == 10.0
