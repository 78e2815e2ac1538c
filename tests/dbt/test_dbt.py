"""The dbt project, run as the container runs it, against an embedded warehouse with a small star schema."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import jinja2
import psycopg
import pytest
import sqlglot

from flights.schema import END_OF_TIME
from local.engines import certificates, redshift
from local.layout import BUCKET_LOCATION, REGION, ROOT
from local.toolchain import image_environment
from tests.dbt import star
from tests.local.conftest import Gateway, gateway, start_gateway  # noqa: F401 - fixtures
from tests.local.spark_account import allow

pytestmark = pytest.mark.gateway

NAME, DATABASE = "dbt-test", "refstack"
ROLES = {"dbt-test-loader": "loader", "dbt-test-dbt": "transformer", "dbt-test-analyst": "reader"}
IMAGE = ROOT / "containers" / "dbt"
PROJECT = ROOT / "dbt"
MARTS = {"mart_on_time_performance", "mart_airport_daily", "mart_aircraft_utilisation", "mart_weather_impact"}
RUN_KEY = "manual_1"
DAY = star.DAYS[0]


@dataclass(frozen=True)
class Warehouse:
    """A workgroup, the star schema in it, and the roles of those who use it."""

    gateway: Gateway
    port: int
    bucket: str

    def keys(self, role: str) -> dict[str, str]:
        """Credentials of a role."""
        arn = self.gateway.client("iam").get_role(RoleName=role)["Role"]["Arn"]
        given = self.gateway.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def connect(self, role: str) -> psycopg.Connection[Any]:
        """A connection as the database user of an IAM role."""
        serverless = self.gateway.client("redshift-serverless", **self.keys(role))
        user = serverless.get_credentials(workgroupName=NAME, dbName=DATABASE)
        return redshift.connect(self.port, DATABASE, user["dbUser"], user["dbPassword"])

    def environment(self, **more: str) -> dict[str, str]:
        """What the task definition and ECS give a container of dbt."""
        return {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": self.gateway.url,
            "AWS_DEFAULT_REGION": REGION,
            **{name.upper(): value for name, value in self.keys("dbt-test-dbt").items()},
            "SSL_CERT_FILE": str(certificates.bundle()),
            "WORKGROUP": NAME,
            "DATABASE": DATABASE,
            "RESULTS_URI": f"s3://{self.bucket}/dbt/",
            "QUALITY_URI": f"s3://{self.bucket}/quality/",
            **more,
        }

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the container's entry point."""
        return subprocess.run(
            [_python(), IMAGE / "run.py", *arguments],
            env=self.environment(**more),
            capture_output=True,
            text=True,
            check=False,
        )

    def rows(self, query: str, role: str = "dbt-test-dbt") -> list[Any]:
        """Rows of a query."""
        with self.connect(role) as connection:
            return connection.execute(query.encode()).fetchall()

    def object(self, key: str) -> str:
        """Text of an object."""
        body = self.gateway.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"]
        text: str = body.read().decode()
        return text


def _python() -> Path:
    return image_environment(IMAGE / "requirements.txt") / "bin" / "python"


@pytest.fixture(scope="module")
def warehouse(gateway: Gateway) -> Iterator[Warehouse]:  # noqa: F811
    serverless, iam = gateway.client("redshift-serverless"), gateway.client("iam")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    for role in ROLES:
        iam.create_role(
            RoleName=role,
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )
        iam.put_role_policy(
            RoleName=role, PolicyName="all", PolicyDocument=allow("redshift-serverless:*", "s3:PutObject")
        )
    gateway.client("s3").create_bucket(Bucket=NAME, CreateBucketConfiguration=BUCKET_LOCATION)
    serverless.create_namespace(
        namespaceName=NAME, dbName=DATABASE, adminUsername="boss", adminUserPassword="Secret-1234"
    )
    workgroup = serverless.create_workgroup(workgroupName=NAME, namespaceName=NAME, baseCapacity=4)
    made = Warehouse(gateway, workgroup["workgroup"]["endpoint"]["port"], NAME)
    with redshift.connect(made.port, DATABASE, "boss", "Secret-1234") as admin:
        for statement in _preparing_statements():
            admin.execute(statement.encode())
    with made.connect("dbt-test-loader") as loader:
        tables = (ROOT / "mwaa_dags" / "sql" / "create_tables.sql").read_text()
        loader.execute(jinja2.Template(tables).render().encode())
        load(loader, star.FLIGHTS)
    yield made
    serverless.delete_workgroup(workgroupName=NAME)
    serverless.delete_namespace(namespaceName=NAME)


def _preparing_statements() -> list[str]:
    """What prepare_warehouse runs in a new warehouse."""
    saved = dict(os.environ)
    os.environ.update(WORKGROUP=NAME, NAMESPACE=NAME, DATABASE=DATABASE, GRANTS=json.dumps(ROLES))
    os.environ.update(AWS_DEFAULT_REGION=REGION)
    spec = importlib.util.spec_from_file_location("prepare", ROOT / "lambdas/prepare_warehouse/handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    finally:
        os.environ.clear()
        os.environ.update(saved)
    return list(module.statements(ROLES, set(), set()))


def load(connection: psycopg.Connection[Any], flights: Sequence[star.Flight], until: date = DAY) -> None:
    """Load these flights and the registry as its snapshots up to `until` tell it."""
    snapshots = {day: registry for day, registry in star.SNAPSHOTS.items() if day <= until}
    aircraft = star.registry_versions(snapshots)
    star.load_dimensions(connection, aircraft)
    star.load(connection, flights, aircraft)


@pytest.fixture(scope="module")
def first(warehouse: Warehouse) -> subprocess.CompletedProcess[str]:
    """The first run of the container."""
    return warehouse.run("--run-key", RUN_KEY, "--start", "2013-07-01", "--end", "2013-07-03")


@pytest.fixture(scope="module")
def dbt(warehouse: Warehouse, first: object) -> Iterator[Callable[..., dict[str, str]]]:
    """Run a dbt command after the first run; the status of each node."""
    session = subprocess.Popen(
        [_python(), Path(__file__).with_name("session.py"), IMAGE],
        env=warehouse.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert session.stdin is not None
    assert session.stdout is not None
    said, answered = session.stdin, session.stdout

    def run(*command: str) -> dict[str, str]:
        said.write(json.dumps(command) + "\n")
        said.flush()
        for line in answered:
            if line.startswith("statuses"):
                statuses: dict[str, str] = json.loads(line.removeprefix("statuses"))
                return statuses
        raise AssertionError("the session ended")

    yield run
    said.close()
    assert session.wait(timeout=30) == 0


# --- the run of a container ---


def test_a_run_builds_and_tests_everything(first):
    assert first.returncode == 0, first.stdout[-3000:] + first.stderr[-1000:]
    assert "Completed successfully" in first.stdout
    assert first.stdout.splitlines()[-1].startswith("dbt built everything; ")
    assert "eprecat" not in first.stdout


def test_artifacts_and_documentation_are_kept_without_the_password(first, warehouse):
    names = ("manifest.json", "run_results.json", "sources.json", "catalog.json", "static_index.html")
    kept = {name: warehouse.object(f"dbt/run={RUN_KEY}/{name}") for name in names}
    documented = {
        node["metadata"]["name"]: node for node in json.loads(kept["catalog.json"])["nodes"].values()
    }

    assert set(documented) >= MARTS
    assert documented["mart_airport_daily"]["stats"]["sortkey1"]["value"] == "flight_date"
    assert documented["mart_airport_daily"]["stats"]["diststyle"]["value"] == "KEY(airport)"
    keys = warehouse.keys("dbt-test-dbt")
    password = warehouse.gateway.client("redshift-serverless", **keys).get_credentials(workgroupName=NAME)[
        "dbPassword"
    ]
    assert not [name for name, text in kept.items() if password in text]
    assert password not in first.stdout


def test_every_model_and_every_column_of_a_mart_is_described(first, warehouse):
    manifest = json.loads(warehouse.object(f"dbt/run={RUN_KEY}/manifest.json"))
    catalog = json.loads(warehouse.object(f"dbt/run={RUN_KEY}/catalog.json"))

    models = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    assert not [key for key, node in models.items() if not node["description"]]
    for key, node in models.items():
        if node["schema"] == "marts":
            described = {name for name, column in node["columns"].items() if column["description"]}
            assert described == set(catalog["nodes"][key]["columns"]), key


def test_every_compiled_statement_is_redshift_s(first, warehouse):
    manifest = json.loads(warehouse.object(f"dbt/run={RUN_KEY}/manifest.json"))
    compiled = [node["compiled_code"] for node in manifest["nodes"].values() if node.get("compiled_code")]

    assert len(compiled) > 50
    for text in compiled:
        assert sqlglot.parse_one(text, read="redshift")


def test_the_outcome_of_every_test_is_kept(first, warehouse):
    lines = warehouse.object(f"quality/run={RUN_KEY}/dbt.jsonl").splitlines()
    found = {(row["table"], row["rule"]): row for row in map(json.loads, lines)}

    assert {row["outcome"] for row in found.values()} == {"passed"}
    assert {row["gate"] for row in found.values()} == {"dbt"}
    assert {row["run_key"] for row in found.values()} == {RUN_KEY}
    assert ("core.fact_flight", "freshness") in found
    assert ("delivered.fact_flight", "every_delivered_flight_is_in_core") in found
    rule = "airport_daily_reconciles_with_arrivals_of_the_flights"
    assert found["mart_airport_daily", rule]["observed"] == "0"


def test_the_models_code_does_what_its_unit_tests_say(dbt):
    statuses = dbt("test", "--select", "test_type:unit")

    assert len(statuses) >= 5
    assert set(statuses.values()) == {"pass"}


def test_readers_and_the_loader_read_the_marts_and_nothing_else_of_dbt(first, warehouse):
    for role in ("dbt-test-analyst", "dbt-test-loader"):
        assert warehouse.rows("select count(*) from marts.mart_airport_daily", role) != [(0,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            warehouse.rows("select count(*) from dbt_staging.stg_flights", role)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        warehouse.rows("delete from core.fact_flight")


# --- what the marts say ---


def test_on_time_performance(first, warehouse):
    found = warehouse.rows(
        "select carrier, airline_name, origin, flights_scheduled, flights_cancelled, flights_diverted, "
        "departures_late, arrivals_late, arrivals_on_time from marts.mart_on_time_performance order by 1, 3"
    )
    assert found == [
        ("AA", "American", "JFK", 7, 1, 1, 2, 2, 3),
        ("UA", "United", "LGA", 3, 0, 0, 0, 1, 2),
    ]


def test_an_airport_s_day(first, warehouse):
    found = warehouse.rows(
        "select airport, airport_name, departures_scheduled, arrivals_scheduled, arrivals_diverted, "
        "traffic_rank from marts.mart_airport_daily where flight_date = '2013-07-01' order by 1"
    )
    assert found == [
        ("BOS", "Logan", 0, 4, 1, 1),
        ("BQN", "Unknown", 0, 1, 0, 3),
        ("JFK", "Kennedy", 4, 0, 0, 1),
        ("LGA", "La Guardia", 1, 0, 0, 3),
    ]


def test_aircraft_utilisation_keeps_aircraft_that_the_registry_lacks(first, warehouse):
    found = warehouse.rows(
        "select tail_number, seats, days_flown, flights, seats_offered, gate_to_gate_hours "
        "from marts.mart_aircraft_utilisation order by 1"
    )
    # On 1 July N3 is not in the registry any more.
    assert found == [
        ("N1", 100, 3, 4, 400, 6.0),
        ("N2", 120, 2, 2, 240, 3.0),
        ("N3", None, 2, 2, None, 3.0),
        ("N404", None, 1, 1, None, None),
    ]


def test_weather_impact_compares_with_the_origin_s_mean(first, warehouse):
    found = warehouse.rows(
        "select origin, band, flights, departures_late, round(extra_dep_delay_minutes, 2) "
        "from marts.mart_weather_impact where measure = 'wind_speed_kmh' order by 1, band_number"
    )
    assert found == [
        ("JFK", "calm", 6, 1, -9.2),
        ("JFK", "strong", 1, 1, 46.0),
        ("LGA", "not measured", 1, 0, -1.67),
        ("LGA", "calm", 2, 0, 0.83),
    ]


# --- what changes from run to run ---


def test_a_late_correction_of_an_old_day_restates_exactly_that_day(dbt, warehouse):
    mark = "update marts.mart_airport_daily set traffic_rank = 99"
    days = (
        "select flight_date, max(departures), max(traffic_rank) from marts.mart_airport_daily "
        "group by 1 order by 1"
    )
    with warehouse.connect("dbt-test-dbt") as owner:
        owner.execute(mark.encode())
    old_day = [flight for flight in star.FLIGHTS if flight.day == DAY]

    with warehouse.connect("dbt-test-loader") as loader:
        load(loader, [replace(old_day[0], cancelled=True, dep_delay=None, arr_delay=None), *old_day[1:]])
    assert set(dbt("run", "--select", "mart_airport_daily").values()) == {"success"}

    assert warehouse.rows(days) == [
        (star.DAYS[0], 2, 3),
        (star.DAYS[1], 2, 99),
        (star.DAYS[2], 1, 99),
    ]


def test_a_day_that_is_taken_back_disappears(dbt, warehouse):
    days = "select distinct flight_date from marts.mart_airport_daily order by 1"
    with warehouse.connect("dbt-test-loader") as loader:
        loader.execute("delete from core.fact_airport_daily where flight_date = '2013-07-03'")
    dbt("run", "--select", "mart_airport_daily")
    assert warehouse.rows(days) == [(star.DAYS[0],), (star.DAYS[1],)]

    with warehouse.connect("dbt-test-loader") as loader:
        load(loader, star.FLIGHTS)
    dbt("run", "--select", "mart_airport_daily")
    assert warehouse.rows(days) == [(day,) for day in star.DAYS]


def snapshot(warehouse: Warehouse) -> set[tuple[Any, ...]]:
    """Tail number, seats and interval of what dbt's snapshot has as registered."""
    found = warehouse.rows(
        "select tail_number, seats, dbt_valid_from, dbt_valid_to from snapshots.aircraft_snapshot "
        "where is_registered"
    )
    return {
        (tail, seats, start.date(), end.date() if end else END_OF_TIME) for tail, seats, start, end in found
    }


def dimension(warehouse: Warehouse) -> set[tuple[Any, ...]]:
    """The same of Spark's dimension."""
    return set(
        warehouse.rows(
            "select tail_number, seats, valid_from, valid_to from core.dim_aircraft "
            "where tail_number is not null"
        )
    )


def test_snapshots_in_order_give_the_versions_of_the_dimension(dbt, warehouse):
    with warehouse.connect("dbt-test-loader") as loader:
        loader.execute("delete from core.dim_aircraft")
    with warehouse.connect("dbt-test-dbt") as owner:
        owner.execute("drop table snapshots.aircraft_snapshot")

    for day in star.SNAPSHOTS:
        with warehouse.connect("dbt-test-loader") as loader:
            load(loader, star.FLIGHTS, until=day)
        assert dbt("snapshot") == {"aircraft_snapshot": "success"}
        assert snapshot(warehouse) == dimension(warehouse)

    assert ("N3", star.SEATS, date(2013, 4, 1), date(2013, 7, 1)) in snapshot(warehouse)
    assert ("N3", star.SEATS, date(2013, 10, 1), END_OF_TIME) in snapshot(warehouse)


def test_a_late_snapshot_changes_the_past_only_in_the_dimension(dbt, warehouse):
    before = snapshot(warehouse)
    late = {**star.SNAPSHOTS, date(2013, 5, 1): {"N1": 90, "N2": 120, "N3": star.SEATS}}
    with warehouse.connect("dbt-test-loader") as loader:
        aircraft = star.registry_versions(late)
        star.load_dimensions(loader, aircraft)
        star.load(loader, star.FLIGHTS, aircraft)

    dbt("snapshot")

    assert snapshot(warehouse) == before
    assert ("N1", 90, date(2013, 5, 1), date(2013, 7, 1)) in dimension(warehouse) - before
    # The present is the same in both: a late snapshot does not change it.
    present = "snapshot_agrees_with_the_dimension"
    assert dbt("test", "--select", present) == {present: "pass"}


def test_an_aircraft_that_a_corrected_list_takes_back_is_ended(dbt, warehouse):
    present = "snapshot_agrees_with_the_dimension"
    still = "from snapshots.aircraft_snapshot where tail_number = 'N5' and dbt_valid_to is null"
    wrong = {**star.SNAPSHOTS, date(2013, 11, 1): {**star.SNAPSHOTS[date(2013, 10, 1)], "N5": 7}}
    for snapshots, open_rows in ((wrong, 1), (star.SNAPSHOTS, 0), (wrong, 1), (star.SNAPSHOTS, 0)):
        with warehouse.connect("dbt-test-loader") as loader:
            aircraft = star.registry_versions(snapshots)
            star.load_dimensions(loader, aircraft)
            star.load(loader, star.FLIGHTS, aircraft)

        assert dbt("snapshot") == {"aircraft_snapshot": "success"}

        assert dbt("test", "--select", present) == {present: "pass"}
        assert warehouse.rows(f"select count(*) {still}") == [(open_rows,)]


def test_a_state_that_a_corrected_list_takes_back_stops_no_run(dbt, warehouse):
    october = date(2013, 10, 1)
    corrected = {**star.SNAPSHOTS, october: {**star.SNAPSHOTS[october], "N1": star.SEATS}}
    for snapshots, seats in ((star.SNAPSHOTS, None), (corrected, star.SEATS), (star.SNAPSHOTS, None)):
        with warehouse.connect("dbt-test-loader") as loader:
            aircraft = star.registry_versions(snapshots)
            star.load_dimensions(loader, aircraft)
            star.load(loader, star.FLIGHTS, aircraft)

        assert set(dbt("build", "--select", "aircraft_snapshot").values()) == {"success", "pass"}

        still = "from snapshots.aircraft_snapshot where tail_number = 'N1' and dbt_valid_to is null"
        assert warehouse.rows(f"select seats {still}") == [(seats,)]


# --- what is wrong is found ---

DEFECTS = {
    # test → what makes it fail
    "unique_stg_flights_flight_key": "insert into core.fact_flight select * from core.fact_flight "
    "where flight_date = '2013-07-02' and flight_number = 2",
    "relationships_stg_flights_airline_key__airline_key__ref_stg_airlines_": "update core.fact_flight "
    "set airline_key = 7 where flight_date = '2013-07-02' and flight_number = 1",
    "flights_carry_the_aircraft_of_their_day": "update core.fact_flight "
    "set aircraft_key = -1 where flight_date = '2013-07-01' and flight_number = 2",
    "every_delivered_flight_is_in_core": "delete from core.fact_flight "
    "where flight_date = '2013-07-02' and flight_number = 5",
    "every_flight_has_one_lifecycle": "update core.fact_flight_lifecycle "
    "set status = 'diverted' where flight_key = (select max(flight_key) from core.fact_flight_lifecycle)",
    "accepted_values_stg_flight_lifecycle_status__scheduled__departed__arrived__diverted__cancelled": (
        "update core.fact_flight_lifecycle set status = 'lost' "
        "where flight_key = (select min(flight_key) from core.fact_flight_lifecycle)"
    ),
    "versions_do_not_overlap_stg_aircraft_tail_number": "update core.dim_aircraft "
    "set valid_to = '2013-06-01' where tail_number = 'N2' and not is_current",
    "in_range_stg_flights_distance_miles__12451__1": "update core.fact_flight "
    "set distance_miles = 0 where flight_date = '2013-07-03'",
    "in_range_stg_weather_humidity_pct__100__0": "update core.dim_weather set humidity_pct = 101",
    "a_cancelled_flight_neither_arrives_nor_diverts": "update core.fact_flight "
    "set diverted = true where cancelled",
    "airport_daily_reconciles_with_departures_of_the_flights": "update marts.mart_airport_daily "
    "set departures_late = 0 where flight_date = '2013-07-01'",
    "on_time_performance_accounts_for_every_flight": "update marts.mart_on_time_performance "
    "set arrivals_on_time = arrivals_on_time + 1",
    "aircraft_utilisation_reconciles_with_the_flights": "update marts.mart_aircraft_utilisation "
    "set flights = 5",
    "each_measure_of_weather_impact_has_every_flight": "delete from marts.mart_weather_impact "
    "where band = 'not measured'",
    "is_key_mart_weather_impact_origin__measure__band_number": "update marts.mart_weather_impact "
    "set band_number = 1",
    "every_day_of_the_run_is_in_the_marts": "delete from marts.mart_airport_daily "
    "where flight_date = '2013-07-03'",
    "weather_bands_cover_every_value_once": "update seeds.weather_bands "
    "set upper_bound = 30 where band = 'mild'",
    "snapshot_agrees_with_the_dimension": "update snapshots.aircraft_snapshot set seats = 7",
}


def test_planted_defects_are_found_by_the_tests_that_own_them(dbt, warehouse):
    with warehouse.connect("dbt-test-loader") as loader:
        load(loader, star.FLIGHTS)
    with warehouse.connect("dbt-test-dbt") as owner:
        owner.execute(b"drop table snapshots.aircraft_snapshot")
    dbt("snapshot")
    for defect in DEFECTS.values():
        schema = defect.split(".")[0].split()[-1]
        role = "dbt-test-loader" if schema == "core" else "dbt-test-dbt"
        with warehouse.connect(role) as owner:
            assert owner.execute(defect.encode()).rowcount > 0, defect

    statuses = dbt("test", "--exclude", "test_type:unit")

    assert set(DEFECTS) <= {name for name, status in statuses.items() if status == "fail"}
    with warehouse.connect("dbt-test-loader") as loader:
        load(loader, star.FLIGHTS)


def test_a_source_that_was_not_loaded_in_time_is_stale(dbt, warehouse):
    old = "update core.fact_flight_lifecycle set loaded_at = dateadd(day, -2, loaded_at)"
    with warehouse.connect("dbt-test-loader") as loader:
        loader.execute(old.encode())
    found = dbt("source", "freshness")
    with warehouse.connect("dbt-test-loader") as loader:
        load(loader, star.FLIGHTS)

    assert found["fact_flight_lifecycle"] == "error"
    assert found["fact_flight"] == "pass"


@pytest.mark.slow
def test_before_the_first_lists_everything_is_built_and_every_test_passes(first, warehouse):
    unknown = "update {} set airline_key = -1"
    with warehouse.connect("dbt-test-loader") as loader:
        load(loader, star.FLIGHTS, until=date(2012, 12, 31))
        loader.execute("delete from core.dim_airline where airline_key <> -1")
        for table in ("fact_flight", "fact_flight_lifecycle"):
            loader.execute(unknown.format(f"core.{table}").encode())

    done = warehouse.run("--run-key", "without", "--start", "2013-07-01", "--end", "2013-07-03")

    assert done.returncode == 0, done.stdout[-3000:]
    names = "select distinct carrier, airline_name from marts.mart_on_time_performance order by 1"
    assert warehouse.rows(names) == [("AA", None), ("UA", None)]
    flown = "select tail_number, model, flights from marts.mart_aircraft_utilisation order by 1"
    assert [row[:2] for row in warehouse.rows(flown)] == [
        ("N1", None),
        ("N2", None),
        ("N3", None),
        ("N404", None),
    ]
    with warehouse.connect("dbt-test-loader") as loader:
        load(loader, star.FLIGHTS)


def test_a_broken_model_ends_the_run_naming_it_and_leaves_the_marts(first, warehouse, tmp_path):
    before = warehouse.rows("select * from marts.mart_on_time_performance order by 1, 2, 4")
    project = shutil.copytree(PROJECT, tmp_path / "dbt")
    model = project / "models" / "marts" / "mart_on_time_performance.sql"
    model.write_text(model.read_text().replace("counted.departures,", "counted.no_such_column,"))
    (project / "models" / "marts" / "mart_on_time_performance.yml").unlink()

    done = warehouse.run(
        "--run-key", "broken", "--select", "mart_on_time_performance", DBT_PROJECT_DIR=str(project)
    )

    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert last.startswith("dbt failed: model mart_on_time_performance: Database Error in model")
    assert "counted.no_such_column does not exist" in last
    assert warehouse.rows("select * from marts.mart_on_time_performance order by 1, 2, 4") == before
    assert warehouse.object("dbt/run=broken/run_results.json")


def test_a_model_that_cannot_be_read_is_named_too(first, warehouse, tmp_path):
    project = shutil.copytree(PROJECT, tmp_path / "dbt")
    (project / "models" / "marts" / "odd.sql").write_text("select * from {{ ref('nothing') }}")

    done = warehouse.run("--run-key", "odd", DBT_PROJECT_DIR=str(project))

    assert done.returncode == 1
    assert "model.refstack.odd" in done.stdout.splitlines()[-1]
    assert "nothing" in done.stdout.splitlines()[-1]


def test_a_missing_setting_is_said_in_a_sentence(warehouse):
    done = warehouse.run("--run-key", "none", WORKGROUP="", QUALITY_URI="")

    assert done.returncode == 1
    assert done.stdout.splitlines() == ["the environment lacks WORKGROUP, QUALITY_URI"]
