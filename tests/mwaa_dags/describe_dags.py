"""Run by Airflow's own Python: parse a DAG folder, write what Airflow sees as JSON.

describe_dags.py <DAG folder> <output file>, with the variable `refstack` on standard input.

While it parses, connections and variables are out of reach: a DAG file that does work then fails here.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2

SETTINGS = json.loads(sys.stdin.read())
FOLDER, OUTPUT = sys.argv[1:]
FLIGHTS_BATCH: dict[str, Any] = {
    "plan": {
        "start": "2013-01-30",
        "end": "2013-02-02",
        "run_key": "manual__1",
        "last_raw_keys": ["flights/last", "weather/last"],
        "partitions": "year = '2013'",
        "history": "year >= '2012'",
    },
    "quality.evaluate": "dqrun-1",
    "transform.create_cluster": "j-CLUSTER",
    "transform.submit_dimensions": ["s-DIMENSIONS"],
    "transform.submit_facts": ["s-FACTS"],
    "transform.read_cluster_request": {"Name": "batch-manual__1"},
    "ingest.flights": ['{"rows": 3}', '{"rows": 4}'],
    "warehouse.count_rows": [],
}
RANGE = {"start": "2013-01-30", "end": "2013-02-02", "run_key": "manual__1"}
XCOMS: dict[str, dict[str, Any]] = {
    "flights_batch": FLIGHTS_BATCH,
    "emr_transient": {
        "plan": RANGE,
        "create_cluster": "j-CLUSTER",
        "submit_step": ["s-DIMENSIONS"],
        "read_cluster_request": {"Name": "batch-manual__1"},
    },
    "container_etl": {},
    "warehouse_maintenance": {},
    "glue_catalog": {
        "plan": {**RANGE, "partitions": "day = '30'", "history": "day >= '23'"},
        "find_missing": {"flights": [["2013", "01", "30"]]},
    },
    "stream_guard": {
        "request": {
            "applicationId": "00app",
            "executionRoleArn": "arn:aws:iam::000000000000:role/stream",
            "name": "stream_flight_events",
            "mode": "STREAMING",
            "retryPolicy": {"maxFailedAttemptsPerHour": 5},
            "jobDriver": {"sparkSubmit": {"entryPoint": "s3://a/stream.py"}},
        },
        "is_down": "00last is FAILED: no broker",
        "start": "00run",
    },
    "stream_reconciliation": {"streamed_facts": "query-1", "batch_facts": []},
    "backfill": {"last_file": "file_2013_2.zip"},
    "file_arrival": {"day": "2013-01-30"},
    "arrival_log": {},
}
"""What the tasks of a DAG before the rendered one left, by DAG."""


class TaskInstance:
    """As much of a task instance as rendering needs: the XComs of the tasks before it, and who was asked."""

    def __init__(self, task: Any) -> None:
        self.task = task
        self.pulled: set[str] = set()

    def xcom_pull(self, task_ids: Any, key: str = "return_value", **_: Any) -> Any:
        [task_id] = [task_ids] if isinstance(task_ids, str) else task_ids
        self.pulled.add(task_id)
        value = XCOMS[self.task.dag.dag_id][task_id]
        return value if key == "return_value" else value[key]


def refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("work at parse time: a connection or a variable was asked for")


def rendered(dag: Any, task: Any) -> dict[str, Any]:
    """The task's template fields as a run of the range above would see them."""
    task = task.prepare_for_execution()
    try:
        task.render_template_fields(context_of(dag, TaskInstance(task)), dag.get_template_env())
    except (jinja2.TemplateError, ValueError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {name: getattr(task, name, None) for name in task.template_fields}


def context_of(dag: Any, ti: TaskInstance) -> dict[str, Any]:
    """What Airflow gives the templates of a task."""
    run = SimpleNamespace(logical_date=datetime(2013, 3, 17, tzinfo=UTC), run_after=None)
    return {"ti": ti, "task": ti.task, "run_id": "manual__1", "params": dag.params.dump(), "dag_run": run}


def tasks_read(dag: Any, task: Any) -> set[str]:
    """Tasks of whose XComs a task asks: in its templates, its arguments, what it is mapped over."""
    from airflow.sdk.definitions.mappedoperator import MappedOperator
    from airflow.sdk.definitions.xcom_arg import XComArg

    given = {name: value for name, value in vars(task).items() if not name.startswith("_")}
    if isinstance(task, MappedOperator):
        given |= {**task.partial_kwargs, "mapped": task._get_specified_expand_input().value}
    ti = TaskInstance(task)
    ti.pulled |= {source.task_id for source, _ in XComArg.iter_xcom_references(list(given.values()))}
    if isinstance(task, MappedOperator) or task.operator_name.startswith("@"):
        for text in texts([given.get(name) for name in task.template_fields]):
            dag.get_template_env().from_string(text).render(context_of(dag, ti))
    else:
        ti.task = task.prepare_for_execution()
        with contextlib.suppress(jinja2.TemplateError, ValueError):
            # What cannot be rendered is another test's.
            ti.task.render_template_fields(context_of(dag, ti), dag.get_template_env())
    return ti.pulled


def texts(value: Any) -> Iterator[str]:
    """Every text in nested lists and dictionaries."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts(each)


def limits(task: Any) -> dict[str, Any]:
    """What a task's pre-execute hook makes of its poll interval and timeouts."""
    task = task.prepare_for_execution()
    hook = task._pre_execute_hook
    if hook is None:
        return {}
    hook({"ti": TaskInstance(task)})
    found = {
        name: getattr(task, name, None)
        for name in (
            *("poke_interval", "job_poll_interval", "poll_interval", "waiter_delay"),
            *("sleep_time", "waiter_max_attempts", "number_of_workers"),
        )
    }
    return {**found, "execution_timeout": task.execution_timeout, "timeout": getattr(task, "timeout", None)}


def callbacks(found: Any) -> list[str]:
    """Names of one callback, several or none."""
    return [each.__name__ for each in (found if isinstance(found, list) else [found]) if each is not None]


def described(dag: Any, task: Any) -> dict[str, Any]:
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    mapped = isinstance(task, MappedOperator)
    arguments = task.partial_kwargs if mapped else vars(task)
    return {
        "operator": task.operator_class.__name__ if mapped else type(task).__name__,
        "bases": [base.__name__ for base in (task.operator_class if mapped else type(task)).__mro__],
        "mapped": mapped,
        "upstream": sorted(task.upstream_task_ids),
        "reads": sorted(tasks_read(dag, task)),
        "teardown": task.is_teardown,
        "setup": task.is_setup,
        "fails_the_run": bool(getattr(task, "on_failure_fail_dagrun", False)),
        "title": task.task_display_name,
        "retries": task.retries,
        "retry_delay": task.retry_delay,
        "backoff": task.retry_exponential_backoff,
        "execution_timeout": task.execution_timeout,
        "mode": getattr(task, "mode", None),
        "deferrable": bool(getattr(task, "deferrable", False)),
        "pool": task.pool,
        "trigger_rule": str(task.trigger_rule),
        "on_failure": [function.__name__ for function in arguments.get("on_failure_callback") or []],
        "on_retry": [function.__name__ for function in arguments.get("on_retry_callback") or []],
        "connection": arguments.get("aws_conn_id"),
        "rendered": {} if mapped or task.operator_name.startswith("@") else rendered(dag, task),
        "limits": {} if mapped else limits(task),
    }


def alerts() -> dict[str, list[str]]:
    """Subject and text of the alert for some failures."""
    from refstack_dags.alerts import message, subject, will_be_tried_again

    ti = SimpleNamespace(
        dag_id="flights_batch", task_id="quality.gate", run_id="manual__1", try_number=1, max_tries=2,
        log_url="https://airflow/log",
    )  # fmt: skip
    killed = SimpleNamespace(**{**vars(ti), "task_id": "ä" * 200, "log_url": None, "try_number": 3})
    limited = SimpleNamespace(**{**vars(ti), "task": SimpleNamespace(execution_timeout=timedelta(hours=1))})
    waiting = SimpleNamespace(**{**vars(ti), "task": SimpleNamespace(timeout=21600.0)})
    contexts = {
        "refused": {"ti": ti, "logical_date": datetime(2013, 3, 17, tzinfo=UTC), "exception": "2 rules"},
        "raised": {"ti": ti, "logical_date": None, "exception": ValueError("no such day")},
        "lost": {"ti": ti},
        "killed": {"ti": killed},
        "timed_out": {"ti": ti, "exception": TimeoutError()},
        "limited": {"ti": limited, "exception": type("AirflowTaskTimeout", (BaseException,), {})("Timeout")},
        "waited": {
            "ti": waiting,
            "exception": type("AirflowSensorTimeout", (Exception,), {})("Trigger timeout"),
        },
        "long": {"ti": ti, "exception": "x" * 300_000},
    }
    # One that will be tried again is no alert.
    return {
        name: [] if will_be_tried_again(context) else [subject(context), message(context)]
        for name, context in contexts.items()
    }


EMPTY = {"start": "2013-01-02", "end": "2013-01-01"}
NO_SUCH_DAY = "2013-02-30"
REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("flights_batch", "plan", EMPTY),
    ("flights_batch", "plan", {"start": NO_SUCH_DAY, "end": None}),
    ("backfill", "plan", EMPTY),
    ("backfill", "plan", {"start": "2093-01-01", "end": "2093-01-01"}),
    ("container_etl", "load", EMPTY),
    ("emr_transient", "plan", EMPTY),
    ("glue_catalog", "plan", EMPTY),
    ("file_arrival", "day", {"day": NO_SUCH_DAY}),
]
"""DAG, the task that reads its parameters, and parameters of which no try makes days."""


def refused(dags: dict[str, Any]) -> list[dict[str, Any]]:
    """What each of REFUSED raises."""
    found = []
    for dag_id, task_id, params in REFUSED:
        dag = dags[dag_id]
        task = dag.get_task(task_id)
        context = {**context_of(dag, TaskInstance(task)), "params": params}
        raised: BaseException | None = None
        try:
            if task.operator_name.startswith("@"):
                names = inspect.signature(task.python_callable).parameters
                task.python_callable(**{name: context[name] for name in names})
            else:
                task.prepare_for_execution().render_template_fields(context, dag.get_template_env())
        except Exception as error:
            raised = error
        found.append({"dag": dag_id, "error": type(raised).__name__, "message": str(raised)})
    return found


def main() -> None:
    from airflow.models.dagbag import DagBag
    from airflow.sdk import Variable
    from airflow.serialization.serialized_objects import SerializedDAG

    connect = socket.socket.connect
    socket.socket.connect = refuse
    Variable.get = refuse
    DagBag(FOLDER, include_examples=False)
    # Airflow's own modules are imported now, as they are in a DAG processor. What is left is the files' own.
    bag = DagBag(FOLDER, include_examples=False)
    seconds = {each.file.strip("/"): each.duration for each in bag.dagbag_stats}
    socket.socket.connect = connect
    Variable.get = lambda *_, **__: SETTINGS

    from refstack_dags.redshift_script import statements

    dags = {}
    for dag in bag.dags.values():
        stored = SerializedDAG.from_dict(SerializedDAG.to_dict(dag))
        following = stored.next_dagrun_info(None)
        dags[dag.dag_id] = {
            "title": dag.dag_display_name,
            "doc": dag.doc_md,
            "tags": sorted(dag.tags),
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "paused": bool(dag.is_paused_upon_creation),
            "timeout": dag.dagrun_timeout,
            "on_failure": callbacks(dag.on_failure_callback),
            "params": dag.params.dump(),
            "schedule": stored.timetable.summary,
            "assets": [asset.name for _, asset in stored.timetable.asset_condition.iter_assets()],
            "first_run_after": None if following is None else following.run_after,
            "tasks": {task.task_id: described(dag, task) for task in dag.tasks},
        }
    document = json.dumps(
        {
            "alerts": alerts(),
            "refused": refused(bag.dags),
            "errors": bag.import_errors,
            "parse_seconds": seconds,
            "dags": dags,
            "split": {name: statements(script) for name, script in SCRIPTS.items()},
        },
        default=lambda value: value.total_seconds() if hasattr(value, "total_seconds") else str(value),
    )
    Path(OUTPUT).write_text(document)


SCRIPTS = {
    "two": "delete from a;\ninsert into a select 1;\n",
    "literal": "insert into a values ('x;y', 'it''s');select \"odd;name\" from b;",
    "comments": "-- first; of all\nselect 1;\n/* then; that */\n-- the end\n",
    "nothing": "-- nothing\n;;",
}


if __name__ == "__main__":
    main()
