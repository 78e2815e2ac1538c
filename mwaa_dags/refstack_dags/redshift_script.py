"""Run an SQL file in Redshift as one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlparse
from airflow.providers.amazon.aws.operators.redshift_data import RedshiftDataOperator
from airflow.sdk import Context

from refstack_dags.settings import Limits


def statements(script: str) -> list[str]:
    """The statements of a script, without their semicolons; comments alone are none.

    Semicolons in literals, quoted names and comments do not end a statement.
    """
    parts = (part.strip().rstrip(";").rstrip() for part in sqlparse.split(script))
    return [part for part in parts if sqlparse.format(part, strip_comments=True).strip()]


class RedshiftScriptOperator(RedshiftDataOperator):
    """A RedshiftDataOperator that takes one file of several statements.

    They go to the Data API as one batch, which it runs as one transaction. The file's templates see the
    values of `plan` (`start`, `end`, `run_key`), the output of another task, beside Airflow's own names. It
    is a template field, so Airflow makes this task wait for that one.
    """

    template_fields: Sequence[str] = (*RedshiftDataOperator.template_fields, "plan")
    sql: str | list[str]

    def __init__(self, *, plan: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        plan = {} if self.plan is None else self.plan.resolve(context)
        super().render_template_fields({**context, **plan}, jinja_env)
        assert isinstance(self.sql, str), "one file, as it was rendered"
        batch = statements(self.sql)
        if not batch:
            raise ValueError(f"{self.task_id}: its SQL file holds no statement.")
        self.sql = batch[0] if len(batch) == 1 else batch


def redshift_script(
    name: str, title: str, *, folder: str = "sql", plan: Any = None, **kwargs: Any
) -> RedshiftScriptOperator:
    """The task `name` that runs `<folder>/<name>.sql` in the deployment's warehouse."""
    return RedshiftScriptOperator(
        task_id=name,
        task_display_name=title,
        plan=plan,
        sql=f"{folder}/{name}.sql",
        database="{{ cfg.warehouse.database }}",
        workgroup_name="{{ cfg.warehouse.workgroup }}",
        statement_name=name,
        pre_execute=Limits("statement"),
        **kwargs,
    )
