"""Apache Airflow behind MWAA: an environment is an API server, a scheduler, a DAG processor and a triggerer.

They run what was deployed: the version, DAGs, plugins and requirements of the environment's bucket, its
configuration options, and its execution role for every call to AWS. Tasks are forks of the scheduler; a
component that dies is started again, as MWAA's containers are.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from local import processes
from local.engines import airflow_environment, airflow_files, airflow_logs, airflow_options
from local.engines.airflow_api import AirflowApi
from local.engines.airflow_files import ObjectVersion
from local.engines.role_credentials import RoleCredentials
from local.layout import HOST, home
from local.services.clients import client

log = logging.getLogger("refstack.airflow")

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
SERVING_LOGS = ("scheduler", "triggerer")
"""Components that would answer requests for log files, which the API server reads itself here."""
PREFERRED_PORT = 8080
PORT_ATTEMPTS = 3
ADMIN = "admin"
START_SECONDS = 180.0
PARSE_SECONDS = 60.0
SYNC_SECONDS = 15.0
REVIVE_SECONDS = 2.0
STOP_SECONDS = 10.0


class AirflowError(Exception):
    """Airflow cannot run as the environment is defined; the message says why and where the log is."""


class PortTakenError(Exception):
    """Another program listens where the API server was to; the message names the port."""


@dataclass(frozen=True)
class Configuration:
    """What an MWAA environment is made of, as far as Airflow is concerned."""

    name: str
    version: str
    role_arn: str
    bucket: str
    dags_prefix: str
    options: Mapping[str, str]
    requirements: ObjectVersion | None = None
    plugins: ObjectVersion | None = None
    requirements_log_groups: tuple[str, ...] = ()
    """Log groups that are told how the installation of the requirements went."""

    @property
    def session_name(self) -> str:
        """Session under which the environment assumes its role."""
        return f"AmazonMWAA-{self.name}"[:64]


class Airflow:
    """The running Airflow of one environment."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.folder = home() / "airflow" / configuration.name
        self._credentials: RoleCredentials | None = None
        self._api: AirflowApi | None = None
        self._stopping = threading.Event()
        self._changing = threading.Lock()

    @property
    def api(self) -> AirflowApi:
        """The REST API. Raises AirflowError before the first start."""
        if self._api is None:
            raise AirflowError(f"the Airflow of {self.configuration.name} has not been started")
        return self._api

    def start(self) -> None:
        """Fetch what is deployed, start every component, and return once they are well and DAGs are parsed.

        Runs, users and logs of an earlier start of the environment are kept. Raises AirflowError.
        """
        self._stopping.clear()
        try:
            self.sync()
            python = self._prepare()
        except (airflow_environment.RequirementsError, airflow_files.AirflowFilesError) as error:
            raise AirflowError(str(error)) from None
        self._credentials = RoleCredentials(self.configuration.role_arn, self.configuration.session_name)
        for attempt in range(1, PORT_ATTEMPTS + 1):
            self._write_admin()
            self._spawn(python)
            try:
                self._await_health()
                break
            except PortTakenError as error:
                self._end_processes()
                if attempt == PORT_ATTEMPTS:
                    raise AirflowError(str(error)) from None
        self._await_dags()
        for keep, what in ((self._keep_synced, "DAGs"), (partial(self._keep_alive, python), "components")):
            threading.Thread(target=keep, name=f"{what} of {self.configuration.name}", daemon=True).start()

    def stop(self) -> None:
        """End every process of the environment; what it stored stays on disk."""
        self._stopping.set()
        with self._changing:
            self._end_processes()
        if self._credentials is not None:
            self._credentials.close()
            self._credentials = None

    def remove(self) -> None:
        """Stop, and delete what the environment stored."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._published.unlink(missing_ok=True)

    def sync(self) -> list[str]:
        """Take over the DAGs from the bucket as the execution role; return the paths that changed."""
        wanted = self.configuration
        return airflow_files.sync_dags(
            self._client("s3"), wanted.bucket, wanted.dags_prefix, self.folder / "dags"
        )

    def _spawn(self, python: Path) -> None:
        environment = self._environment(python)
        for component in COMPONENTS:
            self._spawn_component(component, python, environment)

    def _spawn_component(self, component: str, python: Path, environment: Mapping[str, str]) -> None:
        extra = {"PYTHONPATH": str(self.folder / "preload")} if component == "scheduler" else {}
        arguments = ["--skip-serve-logs"] if component in SERVING_LOGS else []
        processes.spawn(
            self._process(component),
            [python, "-m", "airflow", component, *arguments],
            env={**environment, **extra},
            cwd=self.folder,
        )

    def _end_processes(self) -> None:
        with ThreadPoolExecutor(len(COMPONENTS)) as pool:
            for component in COMPONENTS:
                pool.submit(processes.stop, self._process(component), timeout=STOP_SECONDS)

    def _client(self, service: str) -> Any:
        wanted = self.configuration
        return client(service, role_arn=wanted.role_arn, session_name=wanted.session_name)

    def _prepare(self) -> Path:
        wanted, s3 = self.configuration, self._client("s3")
        airflow_files.unpack_plugins(s3, wanted.bucket, wanted.plugins, self.folder / "plugins")
        installation = airflow_environment.install(
            wanted.version,
            airflow_files.requirements_text(s3, wanted.bucket, wanted.requirements),
            self.folder,
        )
        if installation.failed:
            log.warning("%s: %s", wanted.name, "\n".join(installation.log))
        airflow_logs.publish(
            self._client("logs"), wanted.requirements_log_groups, "requirements_install", installation.log
        )
        python = installation.python
        if not (self.folder / "airflow.db").exists():
            shutil.copyfile(
                airflow_environment.migrated_database(python, wanted.version), self.folder / "airflow.db"
            )
        preload = self.folder / "preload"
        preload.mkdir(exist_ok=True)
        (preload / "airflow_local_settings.py").write_text(airflow_options.PRELOAD)
        return python

    def _write_admin(self) -> None:
        known = json.loads(self._admin_file.read_text()) if self._admin_file.exists() else {}
        port = processes.free_port(int(known.get("port", PREFERRED_PORT)))
        admin: dict[str, Any] = {
            "url": f"http://{HOST}:{port}",
            "user": ADMIN,
            "password": known.get("password") or secrets.token_urlsafe(16),
            "port": port,
            "secret": known.get("secret") or secrets.token_urlsafe(48),
        }
        self._api = AirflowApi(admin["url"], ADMIN, admin["password"])
        _write_private(self._admin_file, admin)
        _write_private(self.folder / "passwords.json", {ADMIN: admin["password"]})
        _write_private(self._published, {name: admin[name] for name in ("url", "user", "password")})

    @property
    def _admin_file(self) -> Path:
        return self.folder / "admin.json"

    @property
    def _published(self) -> Path:
        return home() / "airflow" / "admin.json"

    def _process(self, component: str) -> str:
        return f"airflow-{self.configuration.name}-{component}"

    def _environment(self, python: Path) -> dict[str, str]:
        assert self._credentials is not None
        admin = json.loads(self._admin_file.read_text())
        options = airflow_options.merged(
            self.configuration.options,
            folder=self.folder,
            url=admin["url"],
            port=admin["port"],
            admin=ADMIN,
            secret=admin["secret"],
        )
        return {
            "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "AIRFLOW_HOME": str(self.folder),
            "PYTHONUNBUFFERED": "1",
            **airflow_options.variables(options),
            **self._credentials.environment(),
        }

    def _await_health(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._well():
            for component in COMPONENTS:
                if processes.find(self._process(component)) is not None:
                    continue
                port = json.loads(self._admin_file.read_text())["port"]
                if component == "api-server" and processes.listening(port):
                    raise PortTakenError(f"another program took port {port} while Airflow was starting")
                log_path = home() / "log" / f"{self._process(component)}.log"
                self.stop()
                raise AirflowError(f"Airflow's {component} ended while starting; its log is {log_path}")
            if time.monotonic() > deadline:
                self.stop()
                raise AirflowError(
                    f"Airflow was not well after {START_SECONDS:.0f} s; see the logs in {home() / 'log'}"
                )
            time.sleep(0.1)

    def _well(self) -> bool:
        """Whether every component is up, and what answers is this Airflow: it knows the administrator."""
        if not self.api.healthy():
            return False
        try:
            self.api.token()
        except OSError:
            return False
        return True

    def _await_dags(self) -> None:
        """Wait for the first parse, so that a run can be asked for; a broken DAG shows as an import error."""
        if not any((self.folder / "dags").rglob("*.py")):
            return
        deadline = time.monotonic() + PARSE_SECONDS
        while time.monotonic() < deadline:
            for path in ("/dags", "/importErrors"):
                status, answer = self.api.call("GET", path, {"limit": 1})
                if status == 200 and answer["total_entries"]:
                    return
            time.sleep(0.2)
        log.warning("%s: no DAG was found in %.0f s", self.configuration.name, PARSE_SECONDS)

    def _keep_synced(self) -> None:
        while not self._stopping.wait(SYNC_SECONDS):
            try:
                changed = self.sync()
            except Exception:
                log.exception("%s: the DAGs could not be taken over", self.configuration.name)
            else:
                if changed:
                    log.info("%s: took over %s", self.configuration.name, ", ".join(changed))

    def _keep_alive(self, python: Path) -> None:
        while not self._stopping.wait(REVIVE_SECONDS):
            with self._changing:
                for component in () if self._stopping.is_set() else COMPONENTS:
                    name = self._process(component)
                    if processes.find(name) is None:
                        log.warning("%s: starting the %s again", self.configuration.name, component)
                        # Its tasks end with it, as with a container.
                        processes.end_group(name)
                        self._spawn_component(component, python, self._environment(python))


def _write_private(path: Path, document: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(document) + "\n")
