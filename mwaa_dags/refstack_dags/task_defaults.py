"""What every task of the platform starts from."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from refstack_dags.alerts import alert

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "data-platform",
    # No Airflow connection: tasks call AWS as the environment's execution role.
    "aws_conn_id": None,
    # How often, and after which first pause, is the environment's: core.default_task_retries and
    # core.default_task_retry_delay.
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    # The last resort. The deployment's own, shorter limits are set when a task starts, see Limits.
    "execution_timeout": timedelta(hours=3),
    # When no try is left.
    "on_failure_callback": alert,
}
