"""SQL on RDS for PostgreSQL, as Airflow's own database role."""

from __future__ import annotations

import json
from typing import Any

from airflow.providers.amazon.aws.hooks.secrets_manager import SecretsManagerHook
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

from refstack_dags.settings import cfg

CONNECTION = "operational_db"


class OperationalDatabaseOperator(SQLExecuteQueryOperator):
    """A SQLExecuteQueryOperator on the connection `operational_db`.

    The connection tells where the database is. Name and password come from the role's secret, read when the
    task runs: a copy of it in the connection would be wrong after the next change.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(conn_id=CONNECTION, **kwargs)

    def get_db_hook(self) -> Any:
        hook = super().get_db_hook()
        secrets = SecretsManagerHook(aws_conn_id=None)
        user = json.loads(secrets.get_secret(cfg["database"]["secret_arn"]))
        hook.connection.login, hook.connection.password = user["username"], user["password"]
        return hook
