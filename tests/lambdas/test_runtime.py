"""The handlers on the Python that Lambda runs them with, and their pinned requirements."""

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py"))
ENVIRONMENT = {
    "RAW_BUCKET": "raw",
    "AIRPORTS": "EWR,JFK,LGA",
    "FLIGHTS_SOURCE_PARAMETER": "/flights",
    "WEATHER_SOURCE_PARAMETER": "/weather",
    "AIRCRAFT_SOURCE_PARAMETER": "/aircraft",
    "AIRLINES_SOURCE_PARAMETER": "/airlines",
    "CLIENT_PARAMETER": "/client",
    "DOWNLOADS_PREFIX": "downloads/",
    "TABLE": "objects",
    "CATALOG_DATABASE": "raw_db",
    "AIRFLOW_ENVIRONMENT": "airflow",
    "DAG_ID": "flights_batch",
    "WORKGROUP": "w",
    "NAMESPACE": "n",
    "DATABASE": "d",
    "GRANTS": "{}",
    "DATABASE_HOST": "database",
    "DATABASE_PORT": "5432",
    "DATABASE_NAME": "operations",
    "DATABASE_SECRET_ARN": "arn:flight_board",
    "ADMIN_SECRET_ARN": "arn:admin",
    "ROLE_SECRET_ARNS": '["arn:flight_board"]',
    "SCHEMA_REGISTRY": "registry",
    "SCHEMA_NAME": "flight-event",
    "DEAD_LETTER_QUEUE_URL": "https://queue",
    "ALERTS_TOPIC_ARN": "arn:alerts",
    "AWS_DEFAULT_REGION": "us-east-1",
}

PURE = {
    *("aws-lambda-powertools", "jmespath", "typing-extensions", "tzdata"),
    *("pg8000", "asn1crypto", "scramp", "python-dateutil"),
    "avro",
    *("certifi", "charset-normalizer", "idna", "requests", "tenacity", "urllib3"),
}
"""What the functions install: each has a wheel without compiled code, which the bundle takes, so one bundle
serves every machine."""


def lambda_python() -> str | None:
    """Python 3.13, if this machine has one: on the path or under pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [path for path in sorted(pyenv.glob("3.13.*/bin/python3.13")) if path.exists()]
    return str(found[-1]) if found else shutil.which("python3.13")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_handlers_start_on_the_declared_python(function):
    python = lambda_python()
    if python is None:
        pytest.skip("no Python 3.13 on this machine")
    # Every dependency is pure Python, so this environment's packages serve the other interpreter as well.
    path = os.pathsep.join([str(ROOT / "lambdas" / function), str(ROOT), sysconfig.get_paths()["purelib"]])

    done = subprocess.run(
        [python, "-c", "import sys, handler; print(sys.version_info[:2], callable(handler.handler))"],
        env={**ENVIRONMENT, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.strip() == "(3, 13) True", done.stderr


@pytest.mark.parametrize("function", FUNCTIONS)
def test_requirements_are_pinned_with_hashes_and_pure(function):
    text = (ROOT / "lambdas" / function / "requirements.txt").read_text()
    wanted = (ROOT / "lambdas" / function / "requirements.in").read_text().split()

    pins = re.findall(r"^([\w-]+)==\S+", text, re.MULTILINE)
    assert set(wanted) <= set(pins)
    assert set(pins) <= PURE
    assert text.count("--hash=sha256:") >= len(pins)
    assert "://" not in text
