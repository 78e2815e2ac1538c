"""Start, find and stop one embedded AWS, and tell where its parts answer."""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local import processes
from local.engines import postgres, spark_classes
from local.errors import UserFacingError
from local.layout import REGION, ROOT, gateway_port, gateway_url, home, log_file
from local.toolchain import tools

GATEWAY = "gateway"
READY_SECONDS = 90
STOP_SECONDS = 40
MINIMUM_FREE_BYTES = 3 * 2**30


def start(*, fresh: bool) -> None:
    """Start the gateway and wait until it answers. With `fresh`, whatever an earlier run left is removed.

    Raises UserFacingError when one is already running, its port is taken, the disk is nearly full, or
    PostgreSQL cannot run here.
    """
    if processes.find(GATEWAY) is not None:
        raise UserFacingError("The embedded AWS is already running here. Stop it with `make down`.")
    port = gateway_port()
    if processes.listening(port):
        raise UserFacingError(
            f"Port {port} is in use by another program. Stop that one, or choose another port: "
            f"REFSTACK_PORT={port + 1} make ..."
        )
    processes.stop_all()
    if fresh:
        shutil.rmtree(home(), ignore_errors=True)
    home().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home()).free
    if free < MINIMUM_FREE_BYTES:
        raise UserFacingError(
            f"Only {free / 2**30:.1f} GB are free on the disk of {home()}; 3 GB are needed. "
            "Make room and run again."
        )
    try:
        postgres.check()
    except (RuntimeError, OSError) as problem:
        raise UserFacingError(str(problem)) from problem
    process = processes.spawn(
        GATEWAY,
        [tools().gateway_python, "-m", "local.gateway"],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "REFSTACK_HOME": str(home()),
            "REFSTACK_PORT": str(port),
        },
        cwd=ROOT,
    )
    deadline = time.monotonic() + READY_SECONDS
    while not _answers():
        if not process.running():
            raise UserFacingError(f"The embedded AWS ended while starting; its log is {process.log}.")
        if time.monotonic() > deadline:
            raise UserFacingError(
                f"The embedded AWS did not answer in {READY_SECONDS} s; its log is {process.log}."
            )
        time.sleep(0.1)
    spark_classes.start()


def stop() -> list[str]:
    """Stop everything that was started; return the names of what ran. The state stays on disk."""
    running = [name for name in processes.names() if processes.find(name) is not None]
    processes.stop(GATEWAY, timeout=STOP_SECONDS)
    processes.stop_all()
    (home() / "endpoints.json").unlink(missing_ok=True)
    return running


def has_state() -> bool:
    """Whether a stopped embedded AWS left the state of a finished run, that a start can go on from."""
    return _finished().exists() and (home() / "state").is_dir()


def mark_finished() -> None:
    """Note that the pipeline has run through, so that its state is worth starting from again."""
    _finished().touch()


def _finished() -> Path:
    return home() / "finished"


def running() -> bool:
    """Whether this checkout's embedded AWS is up."""
    return processes.find(GATEWAY) is not None and _answers()


def environment() -> dict[str, str]:
    """Environment variables with which any AWS client talks to the embedded AWS as the account's root."""
    return {
        "AWS_ENDPOINT_URL": gateway_url(),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }


def client(service: str) -> Any:
    """A boto3 client of the embedded AWS, as the person who runs it (the account's root)."""
    keys = environment()
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=keys["AWS_ENDPOINT_URL"],
        region_name=keys["AWS_REGION"],
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        config=Config(inject_host_prefix=False, retries={"max_attempts": 3}, read_timeout=900),
    )


def write_endpoints() -> dict[str, Any]:
    """Ask the deployed services where they answer; keep that in endpoints.json, for its owner only."""
    endpoints: dict[str, Any] = {"aws": gateway_url()}
    airflow = home() / "airflow" / "admin.json"
    if airflow.exists():
        endpoints["airflow"] = json.loads(airflow.read_text())
    endpoints["database"] = _database()
    endpoints["warehouse"] = _warehouse()
    kafka = home() / "kafka" / "endpoints.json"
    if kafka.exists():
        [endpoints["kafka"]] = json.loads(kafka.read_text())
    endpoints["env"] = environment()
    path = home() / "endpoints.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(endpoints, indent=2) + "\n")
    return endpoints


def _database() -> dict[str, Any]:
    [instance] = client("rds").describe_db_instances()["DBInstances"]
    secret = _secret(instance["MasterUserSecret"]["SecretArn"])
    return {
        "host": instance["Endpoint"]["Address"],
        "port": instance["Endpoint"]["Port"],
        "dbname": instance["DBName"],
        "user": secret["username"],
        "password": secret["password"],
    }


def _warehouse() -> dict[str, Any]:
    serverless = client("redshift-serverless")
    [workgroup] = serverless.list_workgroups()["workgroups"]
    namespace = serverless.get_namespace(namespaceName=workgroup["namespaceName"])["namespace"]
    secret = _secret(namespace["adminPasswordSecretArn"])
    return {
        "host": workgroup["endpoint"]["address"],
        "port": workgroup["endpoint"]["port"],
        "dbname": namespace["dbName"],
        "user": secret["username"],
        "password": secret["password"],
    }


def _secret(arn: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    )
    return found


def _answers() -> bool:
    try:
        with urllib.request.urlopen(f"{gateway_url()}/_refstack/ready", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def describe() -> list[tuple[str, str]]:
    """Name and state of each process, for `make status`."""
    found = []
    for name in sorted(processes.names()):
        process = processes.find(name)
        found.append((name, f"running as process {process.pid}" if process else "stopped"))
    return found


def logs() -> Path:
    """Folder of the processes' logs."""
    return log_file(GATEWAY).parent
