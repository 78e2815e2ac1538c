"""Orchestration: an environment that MWAA takes, and a role with exactly what the DAGs call."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from local.conditions import RUN_JOB_FLOW_IMPLIES
from local.demo import LOCAL_SETTINGS
from stacks.configuration import SettingsError
from stacks.constructs.bundle import ROOT
from tests.stacks.assembly import Assembly, synthesise
from tests.stacks.permissions import as_list, flat, known_to_dags, permissions, secrets
from tests.stacks.test_spark import request

CONNECTIONS = ("flights_source", "operational_db", "redshift_copy")


def environment(assembly: Assembly | None = None) -> dict[str, Any]:
    return (assembly or synthesise()).only("AWS::MWAA::Environment", stack="Orchestration")


def copies(prefix: str) -> dict[str, Any]:
    """Properties of the bucket deployment to `prefix`."""
    found = synthesise().resources("Custom::CDKBucketDeployment", stack="Orchestration").values()
    (properties,) = [
        each["Properties"] for each in found if each["Properties"]["DestinationBucketKeyPrefix"] == prefix
    ]
    return properties


def test_dev_runs_airflow_3_on_the_smallest_class_with_its_one_worker() -> None:
    properties = environment()

    assert properties["AirflowVersion"] == "3.0.6"
    assert properties["EnvironmentClass"] == "mw1.micro"
    assert (properties["MinWorkers"], properties["MaxWorkers"]) == (1, 1)


def test_prod_scales_its_workers_and_runs_by_schedule() -> None:
    properties = environment(synthesise("prod"))

    assert (properties["EnvironmentClass"], properties["MaxWorkers"]) == ("mw1.medium", 10)
    assert properties["AirflowConfigurationOptions"]["refstack.schedule"] == "0 6 * * *"
    assert properties["AirflowConfigurationOptions"]["refstack.maintenance_schedule"] == "0 12 * * *"
    assert not [name for name in environment()["AirflowConfigurationOptions"] if "schedule" in name]


def test_prod_s_web_server_is_private_and_the_trigger_calls_it_from_the_vpc() -> None:
    # https://docs.aws.amazon.com/mwaa/latest/userguide/access-mwaa-apache-airflow-rest-api.html
    prod = synthesise("prod")
    [trigger] = [
        each["Properties"]
        for each in prod.resources("AWS::Lambda::Function", stack="Orchestration").values()
        if "AIRFLOW_ENVIRONMENT" in str(each["Properties"].get("Environment"))
    ]
    endpoints = prod.resources("AWS::EC2::VPCEndpoint", stack="Network").values()
    [endpoint] = [
        each["Properties"]
        for each in endpoints
        if flat(each["Properties"]["ServiceName"]).endswith(".airflow.env")
    ]

    assert environment(prod)["WebserverAccessMode"] == "PRIVATE_ONLY"
    assert "PluginsS3Path" not in environment(prod), "nothing is required beside the image's packages"
    assert len(trigger["VpcConfig"]["SubnetIds"]) == 3
    assert endpoint["PrivateDnsEnabled"] is True
    assert environment()["WebserverAccessMode"] == "PUBLIC_ONLY"
    public = synthesise().resources("AWS::Lambda::Function", stack="Orchestration").values()
    assert not [each for each in public if "VpcConfig" in each["Properties"]]


def test_it_stands_in_two_private_subnets_in_a_group_that_admits_itself() -> None:
    assembly = synthesise()
    network = environment()["NetworkConfiguration"]
    (group,) = [flat(each) for each in network["SecurityGroupIds"]]
    rules = assembly.resources("AWS::EC2::SecurityGroupIngress", stack="Orchestration").values()
    (rule,) = [each["Properties"] for each in rules if each["Properties"]["IpProtocol"] == "-1"]

    assert len({flat(subnet) for subnet in network["SubnetIds"]}) == 2
    assert all("privateSubnet" in flat(subnet) for subnet in network["SubnetIds"])
    assert (flat(rule["GroupId"]), flat(rule["SourceSecurityGroupId"])) == (group, group)


def test_the_bucket_is_versioned_private_and_under_the_environment_s_key() -> None:
    bucket = synthesise().only("AWS::S3::Bucket", stack="Orchestration")
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert encryption["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == environment()["KmsKey"]


def test_the_dag_folder_is_copied_without_what_airflow_must_not_parse() -> None:
    assembly = synthesise()
    (key,) = copies("dags")["SourceObjectKeys"]
    shipped = {
        path.relative_to(assembly.path / f"asset.{key.removesuffix('.zip')}").as_posix()
        for path in (assembly.path / f"asset.{key.removesuffix('.zip')}").rglob("*")
        if path.is_file()
    }

    assert environment()["DagS3Path"] == "dags"
    assert {"flights_batch.py", "mwaa_image/3.0.6/packages.txt", ".airflowignore"} <= shipped
    assert "requirements.txt" not in shipped
    assert not any("__pycache__" in name for name in shipped)


def test_changed_requirements_reach_the_environment_by_name_and_version() -> None:
    assembly = synthesise()
    copied = copies("requirements")
    (key,) = copied["SourceObjectKeys"]
    version = environment()["RequirementsS3ObjectVersion"]

    assert (copied["Extract"], copied["Prune"], copied["OutputObjectVersionIds"]) == (False, False, True)
    assert environment()["RequirementsS3Path"] == f"requirements/{key}"
    assert version["Fn::Select"][0] == 0
    assert version["Fn::Select"][1]["Fn::GetAtt"][1] == "SourceObjectVersionIds"
    shipped = (assembly.path / f"asset.{key}").read_text()
    assert shipped == (ROOT / "mwaa_dags" / "requirements.txt").read_text()


def test_airflow_finds_its_variable_where_the_secret_is() -> None:
    options = environment()["AirflowConfigurationOptions"]
    backend = json.loads(options["secrets.backend_kwargs"])
    there = synthesise().resources("AWS::SecretsManager::Secret", stack="Orchestration").values()

    assert options["secrets.backend"].endswith(".SecretsManagerBackend")
    assert options["core.default_task_retries"] == "2"
    assert options["core.default_task_retry_delay"] == "20"
    assert {each["Properties"]["Name"] for each in there} == {
        f"{backend['variables_prefix']}{backend['sep']}refstack",
        *(f"{backend['connections_prefix']}{backend['sep']}{name}" for name in CONNECTIONS),
    }
    assert all("DataKey" in flat(each["Properties"]["KmsKeyId"]) for each in there)


def test_a_connection_tells_where_something_is_and_holds_no_password() -> None:
    found = {
        name: json.loads(flat(secret["SecretString"]))
        for name, secret in secrets(synthesise()).items()
        if name.startswith("connections/")
    }

    assert found["connections/flights_source"] == {
        "conn_type": "http",
        "host": "https://transtats.bts.gov/PREZIP",
    }
    database = found["connections/operational_db"]
    assert (database["conn_type"], database["schema"]) == ("postgres", "flights")
    assert "EndpointAddress" in database["host"]
    assert "EndpointPort" in database["port"]
    assert "CopyRole" in found["connections/redshift_copy"]["extra"]["role_arn"]
    assert not [name for name, fields in found.items() if {"login", "password"} & set(fields)]


def test_tasks_read_the_connections_the_variable_and_the_database_s_own_secret() -> None:
    allowed = permissions(synthesise(), "Orchestration", "Role")
    read = sorted(allowed.resources["secretsmanager:GetSecretValue"])

    assert len(read) == 3
    assert any(each.endswith(":secret:refstack/dev/connections/*") for each in read)
    assert any("SecretsVariable" in each for each in read)
    assert any("RolesAirflow" in each for each in read)
    assert not any("MasterUserSecret" in each for each in read)


def test_tasks_reach_the_database_s_port() -> None:
    rules = synthesise().resources("AWS::EC2::SecurityGroupIngress", stack="Orchestration").values()
    (rule,) = [each["Properties"] for each in rules if each["Properties"]["IpProtocol"] == "tcp"]

    assert (rule["FromPort"], rule["ToPort"]) == (5433, 5433)


def test_the_variable_names_everything_that_the_dags_use() -> None:
    value = known_to_dags(synthesise())

    assert set(value) == {
        "buckets",
        "catalog",
        "functions",
        "glue",
        "database",
        "airflow_environment",
        "quality",
        "emr",
        "stream",
        "warehouse",
        "containers",
        "alerts_topic_arn",
        "publication_lag_days",
        "poll_seconds",
        "timeouts",
    }
    assert set(value["buckets"]) == {"raw", "curated", "warehouse", "artifacts", "logs"}
    assert set(value["catalog"]) == {"raw_database", "curated_database", "workgroup"}
    assert set(value["functions"]) == {
        "ingest_flights",
        "ingest_weather",
        "ingest_snapshots",
        "prepare_warehouse",
        "prepare_database",
    }
    assert set(value["emr"]["steps"]) == {"build_dimensions", "build_facts"}
    assert set(value["emr"]["reference"]) == {"airports"}
    assert value["emr"]["py_files"].endswith(".zip")
    assert value["containers"]["tasks"] == {"dbt": "refstack-dev-dbt", "etl": "refstack-dev-etl"}
    assert len(value["containers"]["subnets"]) == 3
    assert value["timeouts"] == {
        "lambda": 900,
        "invocation": 320,
        "download": 3600,
        "glue": 3600,
        "emr": 7200,
        "statement": 1800,
        "container": 3600,
        "arrival": 21600,
    }


def test_the_demo_s_templates_differ_in_how_often_tasks_ask_and_in_nothing_else() -> None:
    overrides = {name.removeprefix("REFSTACK_").lower(): value for name, value in LOCAL_SETTINGS.items()}
    aws, here = synthesise(), synthesise(**overrides)

    assert (known_to_dags(aws)["poll_seconds"], known_to_dags(here)["poll_seconds"]) == (20, 1)
    for stack in aws.stacks:
        texts = [json.dumps(assembly.template(stack)) for assembly in (aws, here)]
        same = {re.sub(r"(poll_seconds\W+)\d+", r"\1", text) for text in texts}
        assert len(same) == 1, stack


@pytest.mark.parametrize("name", ["dev", "stage", "prod"])
def test_no_task_waits_for_an_answer_on_a_connection_that_is_gone(name: str) -> None:
    # NAT gateways and interface endpoints drop what is idle for 350 s.
    assembly = synthesise(name)
    invoked = {
        reference.removeprefix("<").removesuffix(".Arn>")
        for reference in permissions(assembly, "Orchestration", "Role").resources["lambda:InvokeFunction"]
    }
    timeouts = {
        key: each["Properties"]["Timeout"]
        for key, each in assembly.resources("AWS::Lambda::Function").items()
        if any(key.split("/")[1] in reference for reference in invoked)
    }
    waits = known_to_dags(assembly)["timeouts"]

    assert len(timeouts) == len(invoked) == 5
    assert max(timeouts.values()) < waits["invocation"] < 350
    # A download has room for more than one.
    assert waits["download"] > 2 * waits["invocation"]


def test_logs_go_to_groups_that_exist_before_with_a_retention() -> None:
    assembly = synthesise()
    groups = {
        each["Properties"].get("LogGroupName"): each["Properties"]
        for each in assembly.resources("AWS::Logs::LogGroup", stack="Orchestration").values()
    }
    expected = {
        f"airflow-refstack-dev-airflow-{name}"
        for name in ("DAGProcessing", "Scheduler", "Task", "WebServer", "Worker")
    }

    assert expected == {name for name in groups if name}
    assert {group["RetentionInDays"] for group in groups.values()} == {7}
    assert {groups[name]["KmsKeyId"]["Fn::ImportValue"] for name in expected} == {
        environment()["KmsKey"]["Fn::ImportValue"]
    }


def test_the_role_has_the_name_that_prepare_warehouse_makes_a_loader() -> None:
    roles = synthesise().resources("AWS::IAM::Role", stack="Orchestration").values()
    (name,) = [each["Properties"]["RoleName"] for each in roles if "RoleName" in each["Properties"]]
    functions = synthesise().resources("AWS::Lambda::Function", stack="Ingestion").values()
    (grants,) = [
        each["Properties"]["Environment"]["Variables"]["GRANTS"]
        for each in functions
        if "GRANTS" in each["Properties"]["Environment"]["Variables"]
    ]

    assert json.loads(grants)[name] == "loader"


def test_tasks_invoke_three_functions_and_start_one_glue_job() -> None:
    allowed = permissions(synthesise(), "Orchestration", "Role")
    invoked = allowed.resources["lambda:InvokeFunction"]

    assert {
        name
        for name in ("IngestFlights", "IngestWeather", "PrepareWarehouse", "RegisterObject")
        if name in str(invoked)
    } == {
        "IngestFlights",
        "IngestWeather",
        "PrepareWarehouse",
    }
    assert not any("*" in each for each in invoked)
    (job,) = allowed.resources["glue:StartJobRun"]
    assert job.endswith(":job/refstack-dev-curate-flights")
    (crawler,) = allowed.resources["glue:StartCrawler"]
    assert crawler.endswith(":crawler/refstack-dev-raw")
    repaired = [each for each in allowed.resources["glue:BatchCreatePartition"] if "table/" in each]
    assert {each.rsplit("/", 1)[1] for each in repaired} == {"flights", "flights_rejects"}


def test_tasks_evaluate_one_ruleset_with_the_role_that_is_made_for_it() -> None:
    allowed = permissions(synthesise(), "Orchestration", "Role")
    gate = known_to_dags(synthesise())["quality"]

    (ruleset,) = allowed.resources["glue:StartDataQualityRulesetEvaluationRun"]
    assert ruleset.endswith(f":dataQualityRuleset/{gate['ruleset']['curated_flights']}")
    assert {name for name in allowed.of_service("glue") if "DataQuality" in name} == {
        "GetDataQualityResult",
        "GetDataQualityRuleset",
        "GetDataQualityRulesetEvaluationRun",
        "StartDataQualityRulesetEvaluationRun",
    }
    assert gate["role_arn"] in allowed.resources["iam:PassRole"]
    assert gate["workers"] == 2


def test_tasks_start_the_streaming_job_with_its_role_and_stop_nothing() -> None:
    allowed = permissions(synthesise(), "Orchestration", "Role")

    assert allowed.of_service("emr-serverless") == {
        *("GetApplication", "GetJobRun", "ListJobRuns", "StartApplication", "StartJobRun"),
    }
    assert known_to_dags(synthesise())["stream"] == {
        "request_parameter": "/refstack/dev/stream/start_job_run"
    }


def test_the_stream_is_guarded_by_schedule_where_there_is_a_stream() -> None:
    options = environment(synthesise(orchestration__stream_guard_schedule="*/10 * * * *"))

    assert options["AirflowConfigurationOptions"]["refstack.stream_guard_schedule"] == "*/10 * * * *"
    with pytest.raises(SettingsError, match=r"stream_guard_schedule .* the streaming stack is off"):
        synthesise(orchestration__stream_guard_schedule="*/10 * * * *", stacks__streaming="false")


def length(document: Any) -> int:
    """Characters of a policy as IAM counts them, with names of the length that CloudFormation makes up."""

    def text(node: Any) -> Any:
        if isinstance(node, dict) and len(node) == 1 and next(iter(node)).startswith(("Ref", "Fn::")):
            return re.sub(r"<AWS::\w+>", "x" * 12, re.sub(r"<(?!AWS::)[^>]*>", "x" * 90, flat(node)))
        if isinstance(node, dict):
            return {key: text(value) for key, value in node.items()}
        return [text(each) for each in node] if isinstance(node, list) else node

    return len(json.dumps(text(document), separators=(",", ":")))


def test_no_policy_of_the_role_is_longer_than_iam_takes() -> None:
    template = synthesise().template("Orchestration")["Resources"].items()
    managed = {
        name: length(each["Properties"]["PolicyDocument"])
        for name, each in template
        if each["Type"] == "AWS::IAM::ManagedPolicy"
    }
    inline = [
        length(each["Properties"]["PolicyDocument"])
        for name, each in template
        if each["Type"] == "AWS::IAM::Policy" and name.startswith("Role")
    ]

    assert len(managed) >= 3
    assert {name: found for name, found in managed.items() if found > 6144} == {}
    assert 0 < sum(inline) <= 10_240


def test_tasks_alert_one_topic() -> None:
    allowed = permissions(synthesise(), "Orchestration", "Role")

    assert allowed.resources["sns:Publish"] == {known_to_dags(synthesise())["alerts_topic_arn"]}


def test_tasks_start_clusters_with_this_environment_s_tags_and_pass_single_roles() -> None:
    allowed = permissions(synthesise(), "Orchestration", "Role")
    prefix = "elasticmapreduce:"

    assert allowed.condition(f"{prefix}RunJobFlow") == {
        "StringEquals": {f"{prefix}RequestTag/project": "refstack", f"{prefix}RequestTag/environment": "dev"}
    }
    assert allowed.condition(f"{prefix}TerminateJobFlows") == {
        "StringEquals": {
            f"{prefix}ResourceTag/project": "refstack",
            f"{prefix}ResourceTag/environment": "dev",
        }
    }
    # Asked for at a time when the cluster has no tags.
    implied = {f"{prefix}{action}" for member, action in RUN_JOB_FLOW_IMPLIES.items() if member in request()}
    assert implied == {
        f"{prefix}{action}" for action in ("AddTags", "PutAutoTerminationPolicy", "PutManagedScalingPolicy")
    }
    for action in implied:
        assert all(each.endswith(":cluster/*") for each in allowed.resources[action])
        assert "ResourceTag" not in str(allowed.condition(action))
    # EMR's two, two a container, the one that evaluates quality rules, and that of the stream.
    assert len(allowed.resources["iam:PassRole"]) == 8
    assert all("ole" in each and "*" not in each for each in allowed.resources["iam:PassRole"])


def test_tasks_run_sql_in_one_workgroup_and_see_their_own_statements() -> None:
    allowed = permissions(synthesise(), "Orchestration", "Role")

    (workgroup,) = allowed.resources["redshift-data:BatchExecuteStatement"]
    assert "Workgroup" in workgroup
    assert allowed.resources["redshift-serverless:GetCredentials"] == {workgroup}
    assert allowed.condition("redshift-data:DescribeStatement") == {
        "StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}
    }


def test_tasks_read_raw_objects_and_row_accounts_and_write_the_gate_s_results() -> None:
    allowed = permissions(synthesise(), "Orchestration", "Role")
    read = {each for each in allowed.resources["s3:GetObject"] if "SourceBucket" not in each}

    assert sorted(each.split("/", 1)[1] for each in read) == [
        "accounting/*",
        "accounting/*",
        "athena/*",
        "flights/*",
        "stream/events/*",
        "weather/*",
    ]
    written = {each.split("/", 1)[1] for each in allowed.resources["s3:PutObject"]}
    assert written == {"athena/*", "quality/*"}
    assert not any(action.startswith("s3:Delete") for action in allowed.actions)


def test_the_actions_on_everything_are_those_that_know_no_resource() -> None:
    allowed = permissions(synthesise(), "Orchestration", "Role")

    assert {action for action, where in allowed.resources.items() if "*" in where} == {
        "cloudwatch:PutMetricData",
        "ecs:ListTasks",
        "elasticmapreduce:RunJobFlow",
        "glue:GetCrawlerMetrics",
        "logs:DescribeLogGroups",
        "redshift-data:CancelStatement",
        "redshift-data:DescribeStatement",
        "redshift-data:GetStatementResult",
        "s3:GetAccountPublicAccessBlock",
    }


def test_the_copying_function_reads_two_objects_and_writes_one_bucket() -> None:
    allowed = permissions(synthesise(), "Orchestration", "SourceDeploymentRole")
    sources = {each for each in allowed.resources["s3:GetObject"] if "cdk-hnb659fds" in each}

    assert len(sources) == 2
    assert not any("*" in each for each in sources)
    assert {each.split("/", 1)[1] for each in allowed.resources["s3:PutObject"]} == {
        "dags/*",
        "requirements/*",
    }


def test_an_object_that_announces_a_day_invokes_the_trigger_and_no_job_writes_such_objects() -> None:
    rule = synthesise().only("AWS::Events::Rule", stack="Orchestration")
    (target,) = rule["Targets"]
    written = [
        flat(resource)
        for policy in synthesise().resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "s3:PutObject" in statement["Action"]
        for resource in as_list(statement["Resource"])
        if "LakeRaw" in flat(resource) or "OutputFnGetAttRaw" in flat(resource)
    ]

    assert rule["EventPattern"]["detail"]["object"]["key"] == [{"prefix": "arrivals/"}]
    assert "Raw" in flat(rule["EventPattern"]["detail"]["bucket"]["name"][0])
    assert flat(target["Arn"]).startswith("<ArrivalsTriggerBatchFunction")
    assert written
    assert not [each for each in written if "arrivals/".startswith(each.split("/", 1)[1].rstrip("*"))]


def test_the_trigger_starts_runs_as_an_airflow_user_and_may_do_nothing_else() -> None:
    allowed = permissions(synthesise(), "Orchestration", "ArrivalsTriggerBatchRole")

    (role,) = allowed.resources["airflow:InvokeRestApi"]
    assert role.endswith(":role/refstack-dev-airflow/User")
    assert allowed.actions == {
        "airflow:InvokeRestApi",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sqs:SendMessage",
    }
    assert not any("*" in each for where in allowed.resources.values() for each in where)


def test_an_arrival_that_starts_nothing_waits_in_an_encrypted_queue() -> None:
    assembly = synthesise()
    (queue_id,) = [key.split("/")[1] for key in assembly.resources("AWS::SQS::Queue", stack="Orchestration")]
    queue = assembly.only("AWS::SQS::Queue", stack="Orchestration")
    (target,) = assembly.only("AWS::Events::Rule", stack="Orchestration")["Targets"]
    functions = assembly.resources("AWS::Lambda::Function", stack="Orchestration")
    (trigger,) = [each["Properties"] for key, each in functions.items() if "TriggerBatch" in key]

    assert flat(target["DeadLetterConfig"]["Arn"]) == f"<{queue_id}.Arn>"
    assert flat(trigger["DeadLetterConfig"]["TargetArn"]) == f"<{queue_id}.Arn>"
    assert trigger["Environment"]["Variables"]["AIRFLOW_ENVIRONMENT"] == "refstack-dev-airflow"
    assert (queue["SqsManagedSseEnabled"], queue["MessageRetentionPeriod"]) == (True, 14 * 24 * 3600)


def late_run_alarms(assembly: Assembly) -> list[dict[str, Any]]:
    found = assembly.resources("AWS::CloudWatch::Alarm", stack="Orchestration").values()
    return [each["Properties"] for each in found if each["Properties"]["MetricName"] == "RunCompleted"]


def test_a_daily_run_that_does_not_come_alerts_where_there_is_a_schedule() -> None:
    (alarm,) = late_run_alarms(synthesise("prod"))
    source = (ROOT / "mwaa_dags" / "refstack_dags" / "run_reports.py").read_text()

    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 27 * 3600
    assert alarm["TreatMissingData"] == "breaching"
    assert "Alerts" in flat(alarm["AlarmActions"][0])
    assert {each["Name"]: each["Value"] for each in alarm["Dimensions"]} == {
        "Dag": "flights_batch",
        "Environment": "refstack-prod-airflow",
    }
    # What the task counts under is what the alarm looks at.
    assert f'NAMESPACE = "{alarm["Namespace"]}"' in source
    assert f'METRIC = "{alarm["MetricName"]}"' in source
    assert not late_run_alarms(synthesise())


def test_a_killed_task_alerts_by_what_its_log_ends_with() -> None:
    assembly = synthesise()
    (alarm,) = [
        each["Properties"]
        for each in assembly.resources("AWS::CloudWatch::Alarm", stack="Orchestration").values()
        if each["Properties"].get("MetricName") == "KilledTasks"
    ]
    found = assembly.only("AWS::Logs::MetricFilter", stack="Orchestration")
    (counted,) = found["MetricTransformations"]

    assert "TaskLog" in flat(found["LogGroupName"])
    assert found["FilterPattern"] == '"Process terminated by signal" "SIGKILL"'
    assert (counted["MetricNamespace"], counted["MetricName"]) == (alarm["Namespace"], "KilledTasks")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert alarm["TreatMissingData"] == "notBreaching"
    assert "Alerts" in flat(alarm["AlarmActions"][0])


@pytest.mark.parametrize(
    ("setting", "sentence"), [({"orchestration__max_workers": "3"}, "max_workers must be 1 with mw1.micro")]
)
def test_a_size_that_mwaa_refuses_is_a_sentence(setting: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        synthesise(**setting)
