"""Invoke a Lambda function, again and again where its work takes longer than one invocation."""

from __future__ import annotations

import json
import time
from typing import Any

from airflow.exceptions import AirflowException, AirflowFailException
from airflow.providers.amazon.aws.operators.lambda_function import LambdaInvokeFunctionOperator
from airflow.sdk import Context

from refstack_dags.settings import cfg

FRUITLESS = 3
"""Invocations without a new byte, one after the other, after which there are no more."""
LASTING = frozenset({"MonthNeverPublishedError", "MonthNotPublishedError", "SettingsError", "ValueError"})
"""Classes of errors that the next try meets again: a request, or a setting, that cannot be met."""


class FunctionOperator(LambdaInvokeFunctionOperator):
    """A LambdaInvokeFunctionOperator for functions that may not be done when they answer.

    Such an answer is `{"complete": false, "url": …, "bytes": …, "of": …}`. The function is invoked again with
    the same payload, and goes on where it was, as long as bytes arrive, within the deployment's limit
    `download`. Each invocation is short: NAT gateways and interface endpoints drop a connection that is idle
    for 350 s, and a synchronous invocation's is idle until it answers
    (https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html).

    A download that does not end is an error; with `optional`, a sentence in the answer's `missing`.
    """

    def __init__(self, *, optional: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.optional = optional

    def execute(self, context: Context) -> str:  # noqa: ARG002 - Airflow's signature
        """Invoke until it is complete; the last answer, a JSON text.

        Raises AirflowFailException where another try meets the same, AirflowException for any other error.
        """
        timeouts = cfg["timeouts"]
        # One attempt: boto3 would invoke beside an invocation that still runs.
        self.botocore_config = {
            "read_timeout": timeouts["invocation"],
            "retries": {"total_max_attempts": 1},
        }
        last_start = time.monotonic() + timeouts["download"] - timeouts["invocation"]
        most, fruitless = 0, 0
        while True:
            text = self._invoke()
            answer = json.loads(text)
            if answer.get("complete", True):
                return text
            of = "an unknown number" if answer["of"] is None else f"{answer['of']:,}"
            progress = f"{answer['url']}: {answer['bytes']:,} of {of} bytes"
            self.log.info("Not complete yet, %s", progress)
            fruitless = 0 if answer["bytes"] > most else fruitless + 1
            most = answer["bytes"]
            if fruitless == FRUITLESS:
                return self._give_up(answer, f"{progress}, and no more in {FRUITLESS} invocations")
            if time.monotonic() > last_start:
                return self._give_up(answer, f"{progress} within {timeouts['download']} s; they are kept")

    def _invoke(self) -> str:
        self.log.info("Invoking %s with %s", self.function_name, self.payload)
        answer = self.hook.invoke_lambda(function_name=self.function_name, payload=self.payload)
        # The function's log group has the lines of this request.
        self.log.info("Lambda response metadata: %r", answer.get("ResponseMetadata"))
        text: str = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            error = json.loads(text)
            # What an invocation that ran out of time or memory answers has other members.
            kind, said = error.get("errorType", "Error"), error.get("errorMessage", text)
            message = f"{self.function_name}: {kind}: {said}"
            raise AirflowFailException(message) if kind in LASTING else AirflowException(message)
        return text

    def _give_up(self, answer: dict[str, Any], reason: str) -> str:
        if not self.optional:
            raise AirflowException(f"The download did not end: {reason}.")
        missing = {
            **answer.get("missing", {}),
            **dict.fromkeys(answer.get("unfinished", ["download"]), reason),
        }
        return json.dumps({**answer, "missing": missing})
