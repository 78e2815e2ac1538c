"""Bootstrap actions: scripts that EMR runs on each node before the cluster is ready; here, on the only one.

A script runs with the credentials of the instance profile, the AWS CLI on its PATH, a home of its own, and a
`sudo` that refuses: this machine is not a node to be changed.
"""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local.layout import home
from local.services.clients import client, role_environment
from local.services.emr_logs import deliver
from local.toolchain import tools

TIMEOUT_SECONDS = 300
SUDO = "#!/bin/sh\necho 'sudo: this machine is not a cluster node; nothing is changed on it' >&2\nexit 1\n"


def run(record: dict[str, Any]) -> str | None:
    """Run the cluster's bootstrap actions in order; why the cluster cannot start, or None."""
    for number, action in enumerate(record["bootstrap_actions"], start=1):
        folder = home() / "emr" / record["cluster"]["Id"] / "bootstrap-actions" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        script = action["ScriptBootstrapAction"]
        code = _run_script(record, script["Path"], script.get("Args", []), folder)
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        (folder / "controller").write_text(f"{moment} INFO {script['Path']} ended with return code {code}\n")
        log = deliver(record, f"node/{record['node']}/bootstrap-actions/{number}", folder)
        if code != 0:
            return (
                f"On the master instance ({record['node']}), bootstrap action {number} returned a non-zero "
                f"return code{f' (log: {log})' if log else ''}"
            )
    return None


def _run_script(record: dict[str, Any], uri: str, arguments: list[str], folder: Path) -> int:
    """Fetch and run one script; its exit code, 1 when it cannot be fetched, 124 when it takes too long."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "sudo").write_text(SUDO)
    aws = f'#!/bin/sh\nexec "{tools().main_python}" -m awscli "$@"\n'
    (programs / "aws").write_text(aws)
    for program in programs.iterdir():
        program.chmod(0o755)
    path = folder / "script"
    parts = urlsplit(uri)
    with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
        try:
            client("s3", role_arn=record["role_arn"], session_name=record["node"]).download_file(
                parts.netloc, parts.path.lstrip("/"), str(path)
            )
            return subprocess.run(
                ["/bin/bash", str(path), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=folder,
                timeout=TIMEOUT_SECONDS,
                check=False,
                env={
                    "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
                    "HOME": str(folder),
                    "LANG": "C.UTF-8",
                    **role_environment(record["role_arn"], record["node"]),
                },
            ).returncode
        except (ClientError, BotoCoreError) as problem:
            stderr.write(f"{uri}: {problem}\n".encode())
            return 1
        except subprocess.TimeoutExpired:
            return 124
