"""Lines that MWAA's containers put into the environment's log groups, in the name of its execution role."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from local.layout import HOST
from local.services.clients import client
from local.services.log_batches import batches

log = logging.getLogger("refstack.airflow")


def publish(logs: Any, groups: Iterable[str], kind: str, lines: Sequence[str]) -> None:
    """Write `lines` to a new stream `<kind>_<host>_<time>.log` of each group, with the client `logs`.

    MWAA makes a group that is not there. What the role may not write is lost, as there; the gateway's own log
    says so.
    """
    stream = f"{kind}_{HOST}_{time.time():.6f}.log"
    for group in groups if lines else ():
        try:
            if not _exists(group):
                client("logs").create_log_group(logGroupName=group)
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
            for batch in batches(lines):
                logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)
        except ClientError as error:
            log.warning("%s: lines were not written: %s", group, error)


def _exists(group: str) -> bool:
    found = client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    return any(each["logGroupName"] == group for each in found)
