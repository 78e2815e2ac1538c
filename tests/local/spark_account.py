"""What tests of EMR and Glue need in an account: buckets, roles, programs; and how they wait."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

from local.layout import BUCKET_LOCATION

CODE, DATA, LOGS = "spark-code", "spark-data", "spark-logs"
PROGRAMS = {
    "count.py": """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.appName("count").getOrCreate()
print("arguments", sys.argv[1:])
print("partitions", spark.conf.get("spark.sql.shuffle.partitions"))
print("option", spark._jvm.java.lang.System.getProperty("test.two"))
spark.range(100).write.mode("overwrite").parquet("s3://spark-data/count/")
print("rows", spark.read.parquet("s3://spark-data/count/").count())
spark.stop()
""",
    "module.py": """
import greeting
import os
print(greeting.TEXT, os.environ["AWS_SECRET_ACCESS_KEY"])
""",
    "fail.py": 'raise ValueError("the object s3://raw/flights.csv.gz is damaged")\n',
    "exit.py": 'import sys\nprint("first")\nsys.exit("no object for 2013-01-05")\n',
    "sleep.py": 'import time\nprint("asleep", flush=True)\ntime.sleep(300)\n',
}


def trust(service: str) -> str:
    """A trust policy for an AWS service."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allow(*actions: str) -> str:
    """A policy that allows actions on everything."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def prepare(client: Callable[[str], Any]) -> None:
    """Make buckets, roles and programs; the same again changes nothing."""
    s3, iam = client("s3"), client("iam")
    for bucket in (CODE, DATA, LOGS):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=BUCKET_LOCATION)
    for name, text in PROGRAMS.items():
        s3.put_object(Bucket=CODE, Key=name, Body=text.encode())
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("greeting.py", "TEXT = 'hello from the zip'\n")
    s3.put_object(Bucket=CODE, Key="package.zip", Body=package.getvalue())
    known = {role["RoleName"] for role in iam.list_roles()["Roles"]}
    for name, service, policy in (
        ("test-emr-service", "elasticmapreduce.amazonaws.com", allow("ec2:*")),
        ("test-emr-nodes", "ec2.amazonaws.com", allow("s3:*")),
        ("test-glue", "glue.amazonaws.com", allow("s3:*", "logs:*", "glue:*")),
    ):
        if name not in known:
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(service))
            iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy)
    profiles = {
        profile["InstanceProfileName"] for profile in iam.list_instance_profiles()["InstanceProfiles"]
    }
    if "test-emr-nodes" not in {profile["InstanceProfileName"] for profile in profiles}:
        iam.create_instance_profile(InstanceProfileName="test-emr-nodes")
        iam.add_role_to_instance_profile(InstanceProfileName="test-emr-nodes", RoleName="test-emr-nodes")


def wait(state: Callable[[], str], wanted: set[str], seconds: float = 180) -> list[str]:
    """The different states seen, in order, up to a wanted one. Raises TimeoutError."""
    seen: list[str] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        current = state()
        if not seen or seen[-1] != current:
            seen.append(current)
        if current in wanted:
            return seen
        time.sleep(0.05)
    raise TimeoutError(f"none of {wanted} in {seconds} s, but {seen}")
