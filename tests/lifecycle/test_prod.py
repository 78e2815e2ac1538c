"""The life of prod: protected, and what it retains is listed by name."""

from __future__ import annotations

import shlex

import pytest

from local import runtime
from local.errors import UserFacingError
from local.lifecycle import in_the_way
from local.lifecycle.account import Account
from local.lifecycle.sweep import sweep
from tests.lifecycle.environment import Environment, bootstrap, templates
from tests.lifecycle.walks import way_up
from tests.local.conftest import Gateway
from tests.stacks.assembly import synthesise

pytestmark = [pytest.mark.slow, pytest.mark.gateway]

REPOSITORIES = {"refstack-prod-dbt", "refstack-prod-etl", "refstack-prod-event_producer"}
LOG_GROUPS = {
    "/aws/rds/instance/refstack-prod-database/postgresql",
    "/aws/redshift/refstack-prod-warehouse/connectionlog",
    "/aws/redshift/refstack-prod-warehouse/useractivitylog",
    "/aws/redshift/refstack-prod-warehouse/userlog",
    "/aws/vendedlogs/msk/refstack-prod-streaming",
    "/refstack/prod/containers/dbt",
    "/refstack/prod/containers/etl",
    "/refstack/prod/containers/event_producer",
    "/refstack/prod/glue/refstack-prod-glue-role/refstack-prod-curate-flights/error",
    "/refstack/prod/glue/refstack-prod-glue-role/refstack-prod-curate-flights/output",
    "airflow-refstack-prod-airflow-DAGProcessing",
    "airflow-refstack-prod-airflow-Scheduler",
    "airflow-refstack-prod-airflow-Task",
    "airflow-refstack-prod-airflow-WebServer",
    "airflow-refstack-prod-airflow-Worker",
}
SECRETS = {
    "refstack/prod/connections/flights_source",
    "refstack/prod/connections/operational_db",
    "refstack/prod/connections/redshift_copy",
    "refstack/prod/variables/refstack",
}
NAMES = ("GroupName", "RepositoryName", "ClusterName", "TableName", "BucketName", "TopicName")
CLUSTER = "refstack-prod-streaming"
"""Retained resources whose names a new deployment needs."""


@pytest.fixture(scope="module")
def env(gateway: Gateway) -> Environment:
    """One environment for the whole walk: the tests are its stretches, in this order."""
    account = Account(runtime.environment())
    prod = synthesise("prod")
    bootstrap(account, prod)
    return Environment(account, "prod", templates(prod), protected=True)


def test_each_stack_fails_in_its_last_resource_rolls_back_and_is_deployed_before_the_next(
    env: Environment, gateway: Gateway
) -> None:
    way_up(env, gateway)


def test_every_retained_resource_with_a_name_of_its_own_is_looked_for(env: Environment) -> None:
    """But topics, whose names are their cluster's."""
    named = {
        resource["Type"]
        for template in env.templates.values()
        for resource in template["Resources"].values()
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate"
        and any(key == "Name" or key.endswith(NAMES) for key in resource["Properties"])
    }

    assert {"AWS::Logs::LogGroup", "AWS::SecretsManager::Secret"} <= named
    assert named - {"AWS::MSK::Topic"} <= set(in_the_way.NAMED)


def test_it_is_not_destroyed_while_it_is_protected(env: Environment) -> None:
    with pytest.raises(UserFacingError, match=r"^Nothing was deleted: .* protected from termination"):
        env.down()

    assert env.states() == dict.fromkeys(env.templates, "CREATE_COMPLETE")


def test_destroyed_it_leaves_its_data_and_what_that_is_in(env: Environment) -> None:
    env.protected = False
    env.up()
    env.said.clear()

    problem = env.down()

    assert set(env.states()) == {"refstack-prod-network", "refstack-prod-security"}
    assert problem is not None
    assert "aws kafka delete-cluster --cluster-arn" in problem
    retained = " ".join(line for line in env.said if line.startswith("Retained: "))
    assert "AWS::S3::Bucket refstack-prod-lake-raw" in retained
    assert all(name in retained for name in (*REPOSITORIES, *LOG_GROUPS, *SECRETS, CLUSTER))
    [arn] = [word for word in shlex.split(problem) if word.startswith("arn:")]
    env.account.client("kafka").delete_cluster(ClusterArn=arn)
    assert env.down() is None
    assert env.states() == {}


def test_the_sweep_lists_what_is_retained_and_deletes_none_of_it(env: Environment) -> None:
    said: list[str] = []

    left = sweep(env.account, "prod", said.append, delete=True, remove_data=False)

    kinds = {each.kind for each in left if each.retained}
    assert kinds >= {
        *("bucket", "database snapshot", "image repository", "key", "log group", "secret", "table"),
        "warehouse snapshot",
    }
    assert not [line for line in said if line.startswith(("Deleted", "Not looked at"))]


def test_deployed_again_it_first_lists_which_names_are_taken(env: Environment) -> None:
    with pytest.raises(UserFacingError, match=r"^Nothing was deployed: names") as caught:
        env.up()

    assert env.states() == {}
    sentence = str(caught.value)
    assert sentence.count(": aws ") == len(REPOSITORIES | LOG_GROUPS | SECRETS)
    for name in LOG_GROUPS:
        assert f"{name}: aws logs delete-log-group --log-group-name {name}" in sentence
        env.account.client("logs").delete_log_group(logGroupName=name)
    for name in SECRETS:
        assert f"{name}: aws secretsmanager delete-secret --force" in sentence
        env.account.client("secretsmanager").delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    for name in REPOSITORIES:
        assert f"{name}: aws ecr delete-repository --force --repository-name {name}" in sentence
        env.account.client("ecr").delete_repository(repositoryName=name, force=True)
    env.up()
    assert env.states() == dict.fromkeys(env.templates, "CREATE_COMPLETE")


def test_destroyed_a_second_time_it_leaves_a_second_snapshot(env: Environment) -> None:
    before = snapshots(env)

    env.down()

    assert before
    assert len(snapshots(env) - before) == 1


def snapshots(env: Environment) -> set[str]:
    """Names of the warehouse's final snapshots; the creation that failed left one, too."""
    found = env.account.pages("redshift-serverless", "list_snapshots", "snapshots")
    return {each["snapshotName"] for each in found if each["namespaceName"] == "refstack-prod-warehouse"}
