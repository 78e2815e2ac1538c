"""The doctor on an embedded account: what is planted is named, and what is fine is not complained about."""

from __future__ import annotations

import io
import json
import os
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rich.console import Console

from local import account, deploy, layout, runtime
from local.doctor.run import run
from stacks.configuration import load

pytestmark = pytest.mark.gateway
Examined = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def embedded(gateway: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A bootstrapped gateway that this process' AWS clients call."""
    saved = dict(os.environ)
    os.environ.update(runtime.environment())
    os.environ["CDK_HOME"] = str(tmp_path_factory.mktemp("cdk-home"))
    deploy.bootstrap(dict(os.environ), log=tmp_path_factory.mktemp("log") / "bootstrap.log")
    yield gateway
    os.environ.clear()
    os.environ.update(saved)


@pytest.fixture(autouse=True)
def ordinary(embedded: Any) -> Iterator[None]:
    """Every test begins and ends with the account as it is."""
    yield
    plant(embedded)


def plant(gateway: Any, **members: Any) -> None:
    request = urllib.request.Request(gateway.url + account.PATH, json.dumps(members).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Examined:
    """Exit code and output of the doctor for dev's stacks, with settings overridden."""
    folder = tmp_path_factory.mktemp("stacks")
    stacks = deploy.synth("dev", output=folder / "cdk.out", log=folder / "synth.log")

    def examine(**overrides: str) -> tuple[int, str]:
        said = io.StringIO()
        code = run(load("dev", overrides), Console(file=said, width=1000), output=stacks)
        return code, said.getvalue()

    return examine


def test_nothing_is_missing_in_an_ordinary_account(embedded, examined):
    code, said = examined()

    assert code == 0, said
    assert "Nothing is missing for `make deploy ENV=dev`." in said
    assert "unknown" not in said


def test_a_quota_below_the_need_is_named_with_how_to_raise_it(embedded, examined):
    plant(embedded, quotas={"ec2/L-1216C47A": 5})

    code, said = examined()

    assert code == 1
    assert "Running On-Demand Standard" in said
    assert "is 5;" in said
    assert "--service-code ec2 --quota-code L-1216C47A" in said


def test_a_second_analyzer_is_named_where_the_environment_would_make_one(embedded, examined):
    analyzers = embedded.client("accessanalyzer")
    analyzers.create_analyzer(analyzerName="baseline", type="ACCOUNT")
    try:
        code, said = examined(REFSTACK_ENVIRONMENT__ACCOUNT_SINGLETONS="true")
        assert code == 1
        assert "the account has the access analyzer baseline" in said
        assert "REFSTACK_ENVIRONMENT__ACCOUNT_SINGLETONS=false" in said

        code, said = examined(REFSTACK_ENVIRONMENT__ACCOUNT_SINGLETONS="false")
        assert code == 0, said
        assert "analyzer is baseline" in said
    finally:
        analyzers.delete_analyzer(analyzerName="baseline")


def test_a_name_that_is_taken_is_named_with_its_stack(embedded, examined):
    logs, group = embedded.client("logs"), "/aws/rds/instance/refstack-dev-database/postgresql"
    logs.create_log_group(logGroupName=group)
    try:
        code, said = examined()
    finally:
        logs.delete_log_group(logGroupName=group)

    assert code == 1
    assert f"AWS::Logs::LogGroup {group} exists and is not part of refstack-dev-database" in said


def test_a_zone_without_an_instance_type_is_named(embedded, examined):
    plant(embedded, not_offered={"m6g.xlarge": [f"{layout.REGION}b"]})

    code, said = examined()

    assert code == 1
    assert f"{layout.REGION}b does not offer m6g.xlarge" in said


def test_a_missing_bootstrap_is_named_with_its_command(embedded, examined):
    ssm, name = embedded.client("ssm"), "/cdk-bootstrap/hnb659fds/version"
    version = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.delete_parameter(Name=name)
    try:
        code, said = examined()
    finally:
        ssm.put_parameter(Name=name, Value=version, Type="String")

    assert code == 1
    assert f"aws://{layout.ACCOUNT}/{layout.REGION}" in said


def test_without_credentials_it_says_so_and_asks_nothing_else(embedded, examined, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")

    code, said = examined()

    assert code == 1
    assert "No credentials" in said
    assert "quota" not in said


def test_a_version_of_postgresql_that_rds_makes_no_more_is_named(embedded, examined):
    code, said = examined(REFSTACK_DATABASE__ENGINE_VERSION="17.1")

    assert code == 1
    assert "RDS does not offer PostgreSQL 17.1 on db.t4g.micro" in said


def test_a_chosen_zone_that_the_region_lacks_is_named(embedded, examined):
    code, said = examined(REFSTACK_NETWORK__ZONES="a,b,z")

    assert code == 1
    assert f"{layout.REGION}z is not a zone of {layout.REGION}" in said
