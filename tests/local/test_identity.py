"""Jobs call as their own roles, and what their policies lack is recorded and let through."""

from __future__ import annotations

import io
import json
import time
import zipfile

import pytest
from botocore.exceptions import ClientError

from local.layout import BUCKET_LOCATION, REGION
from local.services import clients

pytestmark = pytest.mark.gateway

HANDLER = """
import os, sys, boto3

def handler(event, context):
    identity = boto3.client("sts").get_caller_identity()
    boto3.client("s3").list_objects_v2(Bucket="refstack-identity")
    return {"arn": identity["Arn"], "path": sys.path, "environment": sorted(os.environ)}
"""


def trust(service):
    condition = {"StringEquals": {"aws:SourceAccount": "000000000000"}}
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def role(gateway):
    """A role that Glue and Lambda may take, and that may only list one bucket."""
    gateway.client("s3").create_bucket(Bucket="refstack-identity", CreateBucketConfiguration=BUCKET_LOCATION)
    iam = gateway.client("iam")
    made = iam.create_role(
        RoleName="job", AssumeRolePolicyDocument=trust(["glue.amazonaws.com", "lambda.amazonaws.com"])
    )
    statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::refstack-identity"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="job", PolicyName="list", PolicyDocument=policy)
    return made["Role"]["Arn"]


def test_a_job_calls_with_a_session_of_its_role(gateway, role):
    s3 = clients.client("s3", role_arn=role, session_name="run-1")
    s3.list_objects_v2(Bucket="refstack-identity")
    call = [line for line in lines(gateway.home / "callers.jsonl") if line["operation"] == "ListBucket"][-1]
    assert call["caller"] == "arn:aws:sts::000000000000:assumed-role/job/run-1"
    assert call["service"] == "s3"
    assert call["request_id"]


def test_the_environment_of_a_job_carries_its_session_and_nobody_elses(gateway, role):
    environment = clients.role_environment(role, "run-2")
    sts = gateway.client(
        "sts",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment["AWS_SESSION_TOKEN"],
    )
    assert sts.get_caller_identity()["Arn"] == "arn:aws:sts::000000000000:assumed-role/job/run-2"
    assert environment["AWS_ENDPOINT_URL"] == gateway.url


def test_a_call_that_the_policies_lack_is_recorded_and_let_through(gateway, role):
    clients.client("s3", role_arn=role, session_name="run-3").put_object(
        Bucket="refstack-identity", Key="k", Body=b"x"
    )
    [denied] = [
        line for line in lines(gateway.home / "would_deny.jsonl") if line["caller"].endswith("/job/run-3")
    ]
    assert denied["action"] == "s3:PutObject"
    assert denied["resource"] == "arn:aws:s3:::refstack-identity/k"
    assert denied["request_id"]
    assert denied["time"] <= time.time()


def test_a_call_that_the_policies_allow_is_not_recorded(gateway, role):
    clients.client("s3", role_arn=role, session_name="run-4").list_objects_v2(Bucket="refstack-identity")
    assert not [
        line for line in lines(gateway.home / "would_deny.jsonl") if line["caller"].endswith("/run-4")
    ]


def test_a_session_with_a_wrong_secret_is_refused(gateway, role):
    session = clients.assume(role, "run-5")
    forged = {
        "aws_access_key_id": session.access_key,
        "aws_secret_access_key": "x",
        "aws_session_token": session.token,
    }
    with pytest.raises(ClientError) as refused:
        gateway.client("iam", **forged).list_roles()
    assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


def test_a_role_that_trusts_nobody_cannot_be_taken(gateway):
    nobody = {"Version": "2012-10-17", "Statement": []}
    gateway.client("iam").create_role(RoleName="nobody", AssumeRolePolicyDocument=json.dumps(nobody))
    with pytest.raises(ClientError) as refused:
        clients.client("s3", role_arn="arn:aws:iam::000000000000:role/nobody")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_a_function_runs_as_its_execution_role_and_sees_its_bundle_only(gateway, role):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("handler.py", HANDLER)
    functions = gateway.client("lambda")
    functions.create_function(
        FunctionName="whoami",
        Runtime="python3.13",
        Handler="handler.handler",
        Role=role,
        Timeout=60,
        Code={"ZipFile": archive.getvalue()},
    )
    answer = functions.invoke(FunctionName="whoami", Payload=b"{}")
    result = json.load(answer["Payload"])
    assert "FunctionError" not in answer, result
    assert result["arn"] == "arn:aws:sts::000000000000:assumed-role/job/whoami"
    assert not [name for name in result["environment"] if name.startswith("REFSTACK_")]
    calls = [line for line in lines(gateway.home / "callers.jsonl") if line["caller"].endswith("/job/whoami")]
    assert {call["operation"] for call in calls} == {"GetCallerIdentity", "ListBucket"}


def test_condition_keys_of_a_service_are_evaluated(gateway):
    iam = gateway.client("iam")
    statement = {
        "Effect": "Allow",
        "Action": "cloudwatch:PutMetricData",
        "Resource": "*",
        "Condition": {"StringEquals": {"cloudwatch:namespace": "Glue"}},
    }
    role = iam.create_role(RoleName="metrics", AssumeRolePolicyDocument=trust("glue.amazonaws.com"))["Role"][
        "Arn"
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="metrics", PolicyName="put", PolicyDocument=policy)
    cloudwatch = clients.client("cloudwatch", role_arn=role, session_name="metrics")
    for namespace in ("Glue", "Other"):
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "m", "Value": 1.0}])
    denied = [
        line
        for line in lines(gateway.home / "would_deny.jsonl")
        if line["caller"].endswith("/metrics/metrics")
    ]
    assert len(denied) == 1


def test_a_policy_on_a_log_groups_arn_covers_its_streams(gateway):
    iam, logs = gateway.client("iam"), gateway.client("logs")
    logs.create_log_group(logGroupName="/refstack/test")
    arn = f"arn:aws:logs:{REGION}:000000000000:log-group:/refstack/test:*"
    statement = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": arn}
    role = iam.create_role(RoleName="writer", AssumeRolePolicyDocument=trust("glue.amazonaws.com"))["Role"][
        "Arn"
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="writer", PolicyName="write", PolicyDocument=policy)
    writer = clients.client("logs", role_arn=role, session_name="writer")
    for group in ("/refstack/test", "/refstack/other"):
        if group.endswith("other"):
            logs.create_log_group(logGroupName=group)
        writer.create_log_stream(logGroupName=group, logStreamName="s")
    denied = [
        line for line in lines(gateway.home / "would_deny.jsonl") if line["caller"].endswith("/writer/writer")
    ]
    assert [line["resource"].partition("log-group:")[2] for line in denied] == [
        "/refstack/other:log-stream:s"
    ]


def test_a_policy_on_a_workgroup_covers_its_queries(gateway):
    iam, athena = gateway.client("iam"), gateway.client("athena")
    for name in ("asked", "other"):
        athena.create_work_group(Name=name)
    actions = ["athena:StartQueryExecution", "athena:GetQueryExecution"]
    arn = f"arn:aws:athena:{REGION}:000000000000:workgroup/asked"
    statement = {"Effect": "Allow", "Action": actions, "Resource": arn}
    role = iam.create_role(RoleName="asker", AssumeRolePolicyDocument=trust("glue.amazonaws.com"))["Role"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="asker", PolicyName="ask", PolicyDocument=policy)
    asker = clients.client("athena", role_arn=role["Arn"], session_name="asker")
    output = {"OutputLocation": "s3://refstack-identity/answers/"}
    for name in ("asked", "other"):
        query = asker.start_query_execution(
            QueryString="SELECT 1", WorkGroup=name, ResultConfiguration=output
        )
        asker.get_query_execution(QueryExecutionId=query["QueryExecutionId"])
    denied = [
        line for line in lines(gateway.home / "would_deny.jsonl") if line["caller"].endswith("/asker/asker")
    ]
    assert [(line["action"], line["resource"].rpartition("/")[2]) for line in denied] == [
        ("athena:StartQueryExecution", "other"),
        ("athena:GetQueryExecution", "other"),
    ]


def test_a_policy_on_a_crawler_covers_the_calls_that_name_it(gateway):
    iam, glue = gateway.client("iam"), gateway.client("glue")
    role = iam.create_role(RoleName="crawl", AssumeRolePolicyDocument=trust("glue.amazonaws.com"))["Role"][
        "Arn"
    ]
    statement = {
        "Effect": "Allow",
        "Action": ["glue:GetCrawler", "glue:StopCrawler"],
        "Resource": f"arn:aws:glue:{REGION}:000000000000:crawler/mine",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="crawl", PolicyName="crawl", PolicyDocument=policy)
    targets = {"S3Targets": [{"Path": "s3://refstack-identity/"}]}
    crawl = clients.client("glue", role_arn=role, session_name="crawl")
    for name in ("mine", "other"):
        glue.create_crawler(Name=name, Role="crawl", DatabaseName="inferred", Targets=targets)
        crawl.get_crawler(Name=name)
    denied = [
        line for line in lines(gateway.home / "would_deny.jsonl") if line["caller"].endswith("/crawl/crawl")
    ]
    assert [line["resource"].rpartition(":")[2] for line in denied] == ["crawler/other"]


def test_aws_managed_policies_have_their_real_documents(gateway):
    iam = gateway.client("iam")
    arn = "arn:aws:iam::aws:policy/service-role/AmazonEMRServicePolicy_v2"
    role = iam.create_role(RoleName="emr", AssumeRolePolicyDocument=trust("elasticmapreduce.amazonaws.com"))[
        "Role"
    ]
    iam.attach_role_policy(RoleName="emr", PolicyArn=arn)
    ec2 = clients.client("ec2", role_arn=role["Arn"], session_name="emr")
    ec2.describe_subnets()
    ec2.create_vpc(CidrBlock="10.8.0.0/16")
    denied = [
        line for line in lines(gateway.home / "would_deny.jsonl") if line["caller"].endswith("/emr/emr")
    ]
    assert [line["action"] for line in denied] == ["ec2:CreateVpc"]


def test_what_members_of_a_request_do_is_asked_of_the_caller_s_policies_too(gateway):
    iam = gateway.client("iam")
    role = iam.create_role(RoleName="starter", AssumeRolePolicyDocument=trust("glue.amazonaws.com"))["Role"]
    statements = [
        {"Effect": "Allow", "Action": "elasticmapreduce:RunJobFlow", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "elasticmapreduce:AddTags",
            "Resource": f"arn:aws:elasticmapreduce:{REGION}:000000000000:cluster/*",
            "Condition": {"StringEquals": {"elasticmapreduce:RequestTag/project": "refstack"}},
        },
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName="starter", PolicyName="start", PolicyDocument=policy)
    limits = {"UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 2}
    request = {
        "Name": "without a release, so nothing starts",
        "Instances": {"MasterInstanceType": "m5.xlarge"},
        "Tags": [{"Key": "project", "Value": "refstack"}],
        "AutoTerminationPolicy": {"IdleTimeout": 60},
        "ManagedScalingPolicy": {"ComputeLimits": limits},
    }
    emr = clients.client("emr", role_arn=role["Arn"], session_name="starter")
    other = {**request, "Tags": [{"Key": "project", "Value": "other"}]}
    for each in (request, other):
        with pytest.raises(ClientError, match="release label is required"):
            emr.run_job_flow(**each)
    denied = [
        line
        for line in lines(gateway.home / "would_deny.jsonl")
        if line["caller"].endswith("/starter/starter")
    ]
    policies = ["elasticmapreduce:PutAutoTerminationPolicy", "elasticmapreduce:PutManagedScalingPolicy"]
    assert [line["action"] for line in denied] == [*policies, "elasticmapreduce:AddTags", *policies]
    assert {line["resource"].rpartition(":")[2] for line in denied} == {"cluster/*"}


def test_a_policy_variable_stands_for_the_callers_own_value(gateway):
    iam = gateway.client("iam")
    own, other = "${aws:userid}", "nobody"
    for name, value in (("owner", own), ("stranger", other)):
        condition = {"StringEquals": {"aws:userid": value}}
        statement = {
            "Effect": "Allow",
            "Action": "ssm:DescribeParameters",
            "Resource": "*",
            "Condition": condition,
        }
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust("glue.amazonaws.com"))["Role"]
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=name, PolicyName="describe", PolicyDocument=policy)
        clients.client("ssm", role_arn=made["Arn"], session_name=name).describe_parameters()
    denied = [
        line["caller"] for line in lines(gateway.home / "would_deny.jsonl") if "ssm:Desc" in line["action"]
    ]
    assert [caller.rpartition("/")[2] for caller in denied] == ["stranger"]
