"""What the services of the embedded AWS tell EventBridge's default bus of themselves."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ministack.services import eventbridge

from local.layout import ACCOUNT, REGION

log = logging.getLogger("refstack.events")


def publish(source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = ()) -> None:
    """Send an event as the service `source`, such as "aws.codebuild", to the rules that ask for it.

    What a rule's target makes of it is no concern of the service: problems are logged.
    """
    event = {
        "EventId": str(uuid.uuid4()),
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps(detail, default=str),
        "EventBusName": "default",
        "Time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "Resources": list(resources),
        "Account": ACCOUNT,
        "Region": REGION,
    }
    try:
        eventbridge._dispatch_event(event)
    except Exception:
        log.exception("the event %s of %s was not delivered", detail_type, source)
