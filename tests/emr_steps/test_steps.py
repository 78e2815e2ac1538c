"""The EMR steps as EMR starts them, from the flights in a zip."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from emr_steps import build_dimensions, build_facts
from flights.schema import STAR
from flights.sources.period import Period
from flights.spark.jobs import curate_flights
from tests.flights.spark.lake import JANUARY_1, Lake, flight, hour

pytestmark = pytest.mark.spark

ROOT = Path(__file__).parents[2]
ARROW = {
    "string": "string",
    "int": "int32",
    "bigint": "int64",
    "double": "double",
    "boolean": "bool",
    "date": "date32[day]",
    "timestamp": "timestamp[ns]",  # INT96, which Redshift reads as TIMESTAMP
}
DAY = Period(JANUARY_1, JANUARY_1)


def arguments(lake: Lake) -> list[str]:
    return [
        *("--raw-bucket", lake.raw, "--curated-bucket", lake.curated, "--warehouse-bucket", lake.warehouse),
        *("--start-date", "2013-01-01", "--end-date", "2013-01-01", "--run-key", "r"),
    ]


def airports(lake: Lake) -> list[str]:
    return ["--airports", lake.airports]


@pytest.fixture
def one_day(spark: SparkSession, lake: Lake) -> Lake:
    """A lake with one curated day."""
    lake.put_flights(JANUARY_1, [flight(), flight(Origin="JFK")])
    lake.put_weather(JANUARY_1, [hour("2013-01-01T10:00:00Z")])
    curate_flights(spark, lake.raw, lake.curated, DAY, "r")
    return lake


def test_deliver_every_table_of_the_star_schema(one_day: Lake) -> None:
    build_dimensions.main([*arguments(one_day), *airports(one_day)])
    build_facts.main(arguments(one_day))

    warehouse = one_day.root / "warehouse"
    for table in STAR:
        files = list((warehouse / table.name / "run=r").glob("*.parquet"))
        assert files, table.name
        for file in files:
            schema = pq.read_schema(file)
            assert [(field.name, str(field.type)) for field in schema] == [
                (column.name, ARROW[column.type]) for column in table.columns
            ]
    accounting = json.loads((warehouse / "accounting" / "build_facts" / "r.json").read_text())
    assert (accounting["read"], accounting["written"]["fact_flight"]) == (2, 2)


def test_end_with_a_sentence(one_day: Lake) -> None:
    with pytest.raises(SystemExit, match="build_facts failed: There is no dim_airline of run r"):
        build_facts.main(arguments(one_day))
    with pytest.raises(SystemExit, match=r"build_dimensions failed: .*weather-2013-01-02"):
        build_dimensions.main(
            [
                *arguments(one_day),
                *airports(one_day),
                "--start-date",
                "2013-01-01",
                "--end-date",
                "2013-01-02",
            ]
        )


def test_run_from_a_zip(one_day: Lake, tmp_path: Path) -> None:
    archive = tmp_path / "flights.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted((ROOT / "flights").rglob("*.py")):
            packed.write(path, path.relative_to(ROOT))
    submit = Path(sys.executable).with_name("spark-submit")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHONPATH")}

    done = subprocess.run(
        [
            *(str(submit), "--master", "local[1]", "--conf", "spark.ui.enabled=false"),
            *("--py-files", str(archive), str(ROOT / "emr_steps" / "build_facts.py"), *arguments(one_day)),
        ],
        cwd=tmp_path,
        env=environment | {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "build_facts failed: There is no dim_airline of run r" in said
    assert "Traceback" not in said
