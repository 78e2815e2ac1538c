"""Where the local runtime keeps its tools and its state, and on which port it answers."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""

ACCOUNT = "000000000000"
REGION = "eu-central-1"
"""Region of the embedded AWS: one for which version 1 of the AWS CLI brings no address of its own for RDS or
EMR, which it would prefer to AWS_ENDPOINT_URL."""
BUCKET_LOCATION = {"LocationConstraint": REGION}
"""CreateBucketConfiguration, which S3 demands outside us-east-1."""
HOST = "127.0.0.1"
UNUSABLE = frozenset(':,?#"$`\\\n')
"""Characters that no path to the checkout, the tools or the state may have. Blanks and letters do no harm."""


def tools_dir() -> Path:
    """Folder of the installed tools; REFSTACK_TOOLS lets several checkouts share one."""
    return Path(os.environ.get("REFSTACK_TOOLS", ROOT / ".tools")).resolve()


def home() -> Path:
    """Folder of one embedded AWS' state: logs, process ids, databases, endpoints.json."""
    return Path(os.environ.get("REFSTACK_HOME", ROOT / "build" / "local")).resolve()


def unusable() -> str | None:
    """Why refstack cannot run where it is, in a sentence for a person; None where it can."""
    for folder in (ROOT, tools_dir(), home()):
        if found := UNUSABLE.intersection(str(folder)):
            return (
                f"{folder} has a {min(found)!r} in its path, at which class paths, lists of files or URLs "
                "end: move the checkout, REFSTACK_TOOLS or REFSTACK_HOME to another folder"
            )
    return None


def log_file(name: str) -> Path:
    """Log of the process called `name`; its folder exists afterwards."""
    path = home() / "log" / f"{name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def gateway_port() -> int:
    """Port of the embedded AWS."""
    return int(os.environ.get("REFSTACK_PORT", "4566"))


def engines_deferred() -> bool:
    """Whether RDS, Redshift and MWAA start an engine with its first connection: REFSTACK_ENGINES=deferred.

    For deployments of which nobody may ever use the data plane. MSK starts its brokers all the same: its
    topics are made in them.
    """
    return os.environ.get("REFSTACK_ENGINES") == "deferred"


def gateway_url() -> str:
    """Endpoint of every AWS service of the embedded AWS."""
    return f"http://{HOST}:{gateway_port()}"
