"""Run one of the deployment's containers on Fargate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.amazon.aws.operators.ecs import EcsRunTaskOperator
from airflow.sdk import Context

from refstack_dags.settings import Limits, cfg

LOG_INTERVAL = timedelta(seconds=2)


class ContainerOperator(EcsRunTaskOperator):
    """An EcsRunTaskOperator that takes a container's name in the settings, and the arguments of its program.

    The container's log is copied into the task's; a failure ends with its last lines, a success returns the
    very last one. A container that a lost try left running is waited for, not started beside itself.
    """

    template_fields: Sequence[str] = ("arguments",)

    def __init__(self, *, container: str, arguments: Any, **kwargs: Any) -> None:
        super().__init__(
            task_definition=container,
            cluster="",
            overrides={},
            launch_type="FARGATE",
            container_name=container,
            awslogs_stream_prefix=container,
            awslogs_fetch_interval=LOG_INTERVAL,
            reattach=True,
            pre_execute=Limits("container"),
            **kwargs,
        )
        self.container = container
        self.arguments = arguments

    def execute(self, context: Context) -> Any:
        """Fill in what only the deployment knows, then run the task to its end."""
        deployed = cfg["containers"]
        self.cluster = deployed["cluster"]
        self.task_definition = deployed["tasks"][self.container]
        self.awslogs_group = deployed["logs"][self.container]
        self.network_configuration = {
            "awsvpcConfiguration": {
                "subnets": deployed["subnets"],
                "securityGroups": deployed["security_groups"],
                "assignPublicIp": "DISABLED",
            }
        }
        self.overrides = {
            "containerOverrides": [
                {"name": self.container, "command": [str(each) for each in self.arguments]}
            ]
        }
        return super().execute(context)
