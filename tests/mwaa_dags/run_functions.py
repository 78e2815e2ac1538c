"""Run by Airflow's own Python: the operator that invokes functions, against a scripted Lambda.

run_functions.py <output file>
"""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

LIMITS = {"invocation": 41, "download": 1000}
URL = "https://source/aircraft.zip"


def so_far(done: int, **more: Any) -> dict[str, Any]:
    """The answer of an invocation that could not end its download."""
    return {"complete": False, "url": URL, "bytes": done, "of": 100, **more}


STUCK = [so_far(10, unfinished=["aircraft"], missing={"airlines": "answered 403"}) for _ in range(9)]
CASES: dict[str, dict[str, Any]] = {
    "goes on": {"answers": [so_far(10), so_far(20), so_far(20), so_far(90), {"rows": 3}]},
    "starts anew": {"answers": [so_far(90), so_far(10), so_far(20), {"rows": 3}]},
    "stuck": {"answers": STUCK},
    "stuck, optional": {"answers": STUCK, "optional": True},
    "too slow": {"answers": STUCK, "limits": {"invocation": 41, "download": 40}},
    "too slow, optional": {
        "answers": STUCK,
        "optional": True,
        "limits": {"invocation": 41, "download": 40},
    },
    "not published": {"error": "MonthNotPublishedError"},
    "out of order": {"error": "SourceError"},
    "bad request": {"error": "ValueError"},
}


class Lambda(ThreadingHTTPServer):
    """Answers invocations with what is in `answers`, one after the other, and notes their payloads."""

    answers: list[tuple[dict[str, Any], bool]]
    payloads: list[Any]


class Handler(BaseHTTPRequestHandler):
    server: Lambda

    def do_POST(self) -> None:
        self.server.payloads.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answer, failed = self.server.answers.pop(0)
        body = json.dumps(answer).encode()
        self.send_response(200)
        if failed:
            self.send_header("X-Amz-Function-Error", "Unhandled")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def run(server: Lambda, case: dict[str, Any]) -> dict[str, Any]:
    """What became of an operator, and how often it invoked."""
    from airflow.sdk import Variable
    from refstack_dags import functions

    Variable.get = lambda *_, **__: {"timeouts": case.get("limits", LIMITS)}
    functions.cfg.__dict__.pop("_values", None)
    error = {"errorMessage": "no", "errorType": case.get("error")}
    server.answers = [(error, True)] if "error" in case else [(each, False) for each in case["answers"]]
    server.payloads = []
    operator = functions.FunctionOperator(
        task_id="invoke",
        function_name="function",
        payload='{"start": "2013-01-01"}',
        aws_conn_id=None,
        region_name="us-east-1",
        optional=case.get("optional", False),
    )
    found: dict[str, Any] = {}
    try:
        found["returned"] = json.loads(operator.execute({}))
    except Exception as raised:
        found |= {"raised": type(raised).__name__, "message": str(raised)}
    config = operator.hook.conn.meta.config
    found |= {"read_timeout": config.read_timeout, "attempts": config.retries["total_max_attempts"]}
    return {**found, "payloads": server.payloads}


def notices() -> list[dict[str, Any]]:
    """What is published of lists that are missing, and of none."""
    from refstack_dags import run_reports

    published: list[dict[str, Any]] = []
    run_reports.cfg.__dict__["_values"] = {"alerts_topic_arn": "arn:topic"}
    run_reports.SnsHook = lambda **_: SimpleNamespace(publish_to_target=lambda **sent: published.append(sent))
    context = {"ti": SimpleNamespace(dag_id="flights_batch", task_id="ingest.snapshots", run_id="manual__1")}
    run_reports.lists_missing(context, json.dumps({"missing": {}}))
    run_reports.lists_missing(context, json.dumps({"missing": {"aircraft": f"{URL} answered 403"}}))
    return published


def main() -> None:
    server = Lambda(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ.update(
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.server_port}",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )
    document = {"runs": {name: run(server, case) for name, case in CASES.items()}, "notices": notices()}
    server.shutdown()
    Path(sys.argv[1]).write_text(json.dumps(document))


if __name__ == "__main__":
    main()
