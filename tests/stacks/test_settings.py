"""Settings: one table a section, environment variables over it, a plain sentence for each mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stacks.configuration import CONFIG, SettingsError, load
from stacks.requirements import ENDPOINTS_WITHOUT_NAT, NEEDS, not_run_here
from stacks.settings import Settings, Stacks

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = sorted(path.stem for path in CONFIG.glob("*.toml"))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_file_is_valid(environment: str) -> None:
    assert load(environment, {}).name == environment


def test_dev_has_every_stack_on_at_its_smallest_size() -> None:
    settings = load("dev", {})

    assert settings.stacks.enabled() == list(Stacks.model_fields)
    assert settings.warehouse.base_rpu == 4
    assert settings.database.instance_type == "t4g.micro"
    assert settings.streaming.broker_instance_type == "kafka.t3.small"
    assert settings.orchestration.environment_class == "mw1.micro"
    assert settings.network.nat == "instance"


def test_a_variable_overrides_the_file() -> None:
    variables = {"REFSTACK_NETWORK__NAT": "gateway", "REFSTACK_DATABASE__STORAGE_GB": "30"}

    settings = load("dev", variables)

    assert settings.network.nat == "gateway"
    assert settings.database.storage_gb == 30
    assert load("dev", {}).network.nat == "instance"


def test_a_list_is_overridden_with_commas() -> None:
    settings = load(
        "dev", {"REFSTACK_INGESTION__AIRPORTS": "EWR, BOS", "REFSTACK_NETWORK__INTERFACE_ENDPOINTS": ""}
    )

    assert settings.ingestion.airports == ("EWR", "BOS")
    assert settings.network.interface_endpoints == ()


def test_variables_of_the_local_runtime_are_not_settings() -> None:
    assert load("dev", {"REFSTACK_HOME": "/tmp/x", "REFSTACK_PORT": "4567"}) == load("dev", {})


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("REFSTACK_NETWORK__NAT", "gatway", "network.nat = 'gatway' (from REFSTACK_NETWORK__NAT) is wrong"),
        ("REFSTACK_NETWORK__CIDR", "10.0.0.0/24", "must be a private IPv4 range between /16 and /20"),
        ("REFSTACK_NETWORK__CIDR", "8.8.0.0/16", "must be a private IPv4 range between /16 and /20"),
        ("REFSTACK_NETWORK__ZONES", "a,b", "zones must be three different ones"),
        ("REFSTACK_NETWORK__ZONES", "a,b,b", "zones must be three different ones"),
        ("REFSTACK_NETWORK__ZONES", "a,b,us-east-1c", "zones must be all letters or all names"),
        ("REFSTACK_NETWORK__ZONES", "us-west-2-lax-1a,b,c", "network.zones"),
        ("REFSTACK_NETWORK__NAT_GATEWAYS", "4", "less than or equal to 3"),
        ("REFSTACK_NETWORK__NATS", "1", "network.nats (from REFSTACK_NETWORK__NATS) is not a setting"),
        ("REFSTACK_NETWROK__NAT", "none", "netwrok (from REFSTACK_NETWROK__NAT) is not a setting"),
        ("REFSTACK_ENVIRONMENT__LOG_RETENTION_DAYS", "8", "log_retention_days"),
        ("REFSTACK_LAKE__ARCHIVE_AFTER_DAYS", "61", "at least 30 more than infrequent_access_after_days"),
        ("REFSTACK_DATABASE__STORAGE_GB", "40", "max_storage_gb must be at least 10 % more"),
        ("REFSTACK_DATABASE__ENGINE_VERSION", "latest", "database.engine_version = 'latest'"),
        ("REFSTACK_WAREHOUSE__MAX_RPU", "9", "max_rpu must be 4, or a multiple of 8"),
        ("REFSTACK_WAREHOUSE__BASE_RPU", "16", "max_rpu must not be below base_rpu"),
        ("REFSTACK_SPARK__MIN_INSTANCES", "5", "max_instances must not be below min_instances"),
        (
            "REFSTACK_SPARK__IDLE_MINUTES",
            "59",
            "set spark.idle_minutes to at least catalog.job_timeout_minutes",
        ),
        ("REFSTACK_STREAMING__AVAILABILITY_ZONES", "1", "greater than or equal to 2"),
        ("REFSTACK_SPARK__STREAM_VCPU", "3", "kafka.t3.small takes 4 new connections a second"),
        ("REFSTACK_ORCHESTRATION__MAX_WORKERS", "2", "max_workers must be 1 with mw1.micro"),
        ("REFSTACK_ORCHESTRATION__MIN_WORKERS", "2", "max_workers must not be below min_workers"),
    ],
)
def test_a_wrong_value_is_one_sentence(variable: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load("dev", {variable: value})

    assert sentence in str(caught.value)
    assert str(caught.value).startswith("Wrong settings: ")
    assert "\n" not in str(caught.value)


def test_larger_brokers_take_executors_side_by_side() -> None:
    variables = {
        "REFSTACK_SPARK__STREAM_VCPU": "8",
        "REFSTACK_STREAMING__BROKER_INSTANCE_TYPE": "kafka.m7g.large",
    }

    assert load("dev", variables).spark.stream_vcpu == 8


def test_the_environment_name_is_not_overridden() -> None:
    with pytest.raises(SettingsError, match="REFSTACK_NAME__X is not a setting"):
        load("dev", {"REFSTACK_NAME__X": "prod"})


def test_all_mistakes_are_told_at_once() -> None:
    variables = {"REFSTACK_NETWORK__NAT": "x", "REFSTACK_SPARK__RELEASE": "y"}

    with pytest.raises(SettingsError, match=r"network\.nat .*; spark\.release "):
        load("dev", variables)


def test_an_unknown_environment_names_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="choose one of dev, localstack, prod, stage"):
        load("qa", {})


def test_a_broken_file_says_where(tmp_path: Path) -> None:
    (tmp_path / "dev.toml").write_text("[network\nnat = 1\n")

    with pytest.raises(SettingsError, match=r"dev\.toml is not valid TOML: .*line 1"):
        load("dev", {}, tmp_path)


@pytest.mark.parametrize(("stack", "needed"), [(stack, needed) for stack in NEEDS for needed in NEEDS[stack]])
def test_a_stack_without_one_it_needs_is_a_sentence(stack: str, needed: str) -> None:
    off = {f"REFSTACK_STACKS__{name.upper()}": "false" for name in Stacks.model_fields}
    on = {f"REFSTACK_STACKS__{name.upper()}": "true" for name in (stack, *NEEDS[stack]) if name != needed}

    with pytest.raises(SettingsError, match=f"the {stack} stack needs the {needed} stack, which is off"):
        load("dev", off | on)


@pytest.mark.parametrize("stack", list(Stacks.model_fields))
def test_every_stack_can_be_switched_off_with_those_that_need_it(stack: str) -> None:
    off = {stack}
    for name in Stacks.model_fields:
        if off.intersection(NEEDS.get(name, ())):
            off.add(name)

    settings = load("dev", {f"REFSTACK_STACKS__{name.upper()}": "false" for name in off})

    assert set(settings.stacks.enabled()) == set(Stacks.model_fields) - off


def test_what_a_stack_needs_is_deployed_before_it() -> None:
    order = list(Stacks.model_fields)

    for stack, needed in NEEDS.items():
        assert all(order.index(each) < order.index(stack) for each in needed)


@pytest.mark.parametrize("stack", list(ENDPOINTS_WITHOUT_NAT))
def test_without_nat_a_stack_names_the_endpoints_that_it_lacks(stack: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load("dev", {"REFSTACK_NETWORK__NAT": "none", "REFSTACK_NETWORK__INTERFACE_ENDPOINTS": "kms"})

    assert f'the {stack} stack cannot work with network.nat = "none" unless' in str(caught.value)
    missing = [endpoint for endpoint in ENDPOINTS_WITHOUT_NAT[stack] if endpoint != "kms"]
    assert ", ".join(missing) in str(caught.value)


def test_the_stacks_that_need_no_way_out_work_without_nat() -> None:
    """What the README's chapter on costs says of it."""
    off = {f"REFSTACK_STACKS__{stack.upper()}": "false" for stack in ENDPOINTS_WITHOUT_NAT}
    without_nat = {"REFSTACK_NETWORK__NAT": "none"}

    assert load("dev", {**off, **without_nat}).network.nat == "none"
    with_database = {**off, **without_nat, "REFSTACK_STACKS__DATABASE": "true"}
    with pytest.raises(SettingsError, match=r"unless network\.interface_endpoints has secretsmanager\.$"):
        load("dev", with_database)
    assert load("dev", {**with_database, "REFSTACK_NETWORK__INTERFACE_ENDPOINTS": "secretsmanager"})


def test_without_nat_the_streaming_job_gets_no_connector() -> None:
    with pytest.raises(SettingsError, match="Maven Central"):
        load("dev", {"REFSTACK_NETWORK__NAT": "none"})


def test_without_nat_all_endpoints_are_enough_for_all_but_the_streaming_job() -> None:
    endpoints = {endpoint for each in ENDPOINTS_WITHOUT_NAT.values() for endpoint in each}

    settings = load(
        "dev",
        {
            "REFSTACK_NETWORK__NAT": "none",
            "REFSTACK_NETWORK__INTERFACE_ENDPOINTS": ",".join(endpoints),
            "REFSTACK_STACKS__STREAMING": "false",
        },
    )

    assert settings.network.nat == "none"


def test_names_say_project_and_environment() -> None:
    settings = Settings(name="stage")

    assert settings.stack_name("Lake") == "refstack-stage-lake"
    assert settings.physical_name("airflow") == "refstack-stage-airflow"
    assert settings.parameter("sources", "flights") == "/refstack/stage/sources/flights"


def test_a_wrong_setting_ends_the_synth_with_a_sentence_and_no_traceback(tmp_path: Path) -> None:
    variables = {
        **os.environ,
        "ENV": "dev",
        "REFSTACK_NETWORK__NAT": "gatway",
        "CDK_OUTDIR": str(tmp_path / "out"),
    }

    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "network.nat = 'gatway' (from REFSTACK_NETWORK__NAT) is wrong" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_private_web_server_needs_the_endpoint_that_answers_its_api() -> None:
    private = {"REFSTACK_ORCHESTRATION__WEBSERVER_ACCESS": "PRIVATE_ONLY"}
    endpoints = {"REFSTACK_NETWORK__INTERFACE_ENDPOINTS": "kms"}

    with pytest.raises(SettingsError, match=r"add airflow\.env to network\.interface_endpoints"):
        load("dev", {**private, **endpoints})
    load("dev", {**private, "REFSTACK_NETWORK__INTERFACE_ENDPOINTS": "airflow.env"})
    load("dev", {**private, **endpoints, "REFSTACK_STACKS__ORCHESTRATION": "false"})


@pytest.mark.parametrize(
    ("key", "value", "stack"),
    [
        ("CATALOG__GLUE_VERSION", "6.0", "Catalog"),
        ("SPARK__RELEASE", "emr-spark-8.0.0", "Spark"),
        ("ORCHESTRATION__AIRFLOW_VERSION", "3.2.1", "Orchestration"),
        ("ORCHESTRATION__AIRFLOW_VERSION", "3.3.1", "Orchestration"),
    ],
)
def test_a_version_that_nothing_here_ran_is_taken_with_a_warning(key: str, value: str, stack: str) -> None:
    settings = load("dev", {f"REFSTACK_{key}": value})

    [(warned, sentence)] = not_run_here(settings).items()
    assert warned == stack
    assert f"= {value}" in sentence
    assert "was not run here" in sentence


@pytest.mark.parametrize("environment", ["dev", "stage", "prod", "localstack"])
def test_the_versions_of_the_shipped_environments_were_run(environment: str) -> None:
    assert not_run_here(load(environment, {})) == {}
