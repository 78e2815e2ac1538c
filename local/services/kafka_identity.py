"""IAM access control of MSK: who a Kafka client is, and what the deployed policies let it do.

The brokers ask (local/engines/kafka_broker): a client's token is a signed request for kafka-cluster:Connect,
checked as any signed request is; each new thing that a client does is held against its policies, recorded in
the journals, and let through, as everywhere here.
"""

from __future__ import annotations

import base64
import binascii
import threading
import time
from urllib.parse import parse_qs, urlsplit

from ministack.core import iam_evaluator
from ministack.services import sts

from local.identity import Journal
from local.layout import ACCOUNT, REGION, home

PATH = "/_refstack/kafka"
"""POST a form → 200 and a line of text for yes, 403 for no."""
SERVICE = "kafka-cluster"

ACTIONS = {
    ("TOPIC", "DESCRIBE"): "DescribeTopic",
    ("TOPIC", "READ"): "ReadData",
    ("TOPIC", "WRITE"): "WriteData",
    ("TOPIC", "CREATE"): "CreateTopic",
    ("TOPIC", "DELETE"): "DeleteTopic",
    ("TOPIC", "ALTER"): "AlterTopic",
    ("TOPIC", "DESCRIBE_CONFIGS"): "DescribeTopicDynamicConfiguration",
    ("TOPIC", "ALTER_CONFIGS"): "AlterTopicDynamicConfiguration",
    ("GROUP", "READ"): "AlterGroup",
    ("GROUP", "DESCRIBE"): "DescribeGroup",
    ("GROUP", "DELETE"): "DeleteGroup",
    ("TRANSACTIONAL_ID", "WRITE"): "AlterTransactionalId",
    ("TRANSACTIONAL_ID", "DESCRIBE"): "DescribeTransactionalId",
    ("CLUSTER", "IDEMPOTENT_WRITE"): "WriteDataIdempotently",
    ("CLUSTER", "DESCRIBE"): "DescribeCluster",
    ("CLUSTER", "ALTER"): "AlterCluster",
    ("CLUSTER", "DESCRIBE_CONFIGS"): "DescribeClusterDynamicConfiguration",
    ("CLUSTER", "ALTER_CONFIGS"): "AlterClusterDynamicConfiguration",
}
"""What Kafka calls an operation → the action of IAM; docs.aws.amazon.com/msk, "IAM access control"."""
KINDS = {"TOPIC": "topic", "GROUP": "group", "TRANSACTIONAL_ID": "transactional-id"}
UNSIGNED = frozenset({"User-Agent"})
"""What signers add to the request after signing it."""

_keys: dict[str, str] = {}
"""Principal → its access key, of the clients that have connected."""
_lock = threading.Lock()
_journal: list[Journal] = []


def answer(body: bytes) -> tuple[int, bytes]:
    """Status and text for a broker's question."""
    asked = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    if "token" in asked:
        principal = authenticate(asked["token"])
        if principal is None:
            return 403, b"the token is not valid\n"
        _evaluate(principal, "Connect", asked["cluster"])
        return 200, f"{principal}\n".encode()
    action = ACTIONS.get((asked["type"], asked["operation"]))
    if action is not None:
        _evaluate(asked["principal"], action, _resource(asked["cluster"], asked["type"], asked["name"]))
    return 200, b"allowed\n"


def authenticate(token: str) -> str | None:
    """ARN of the principal that signed the token; None when it is malformed, expired or signed wrongly."""
    try:
        url = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    parts = urlsplit(url)
    query = {
        name: values
        for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        if name not in UNSIGNED
    }
    if query.get("Action") != [f"{SERVICE}:Connect"] or "X-Amz-Credential" not in query:
        return None
    key = query["X-Amz-Credential"][0].partition("/")[0]
    if iam_evaluator.is_root_access_key(key):
        principal = f"arn:aws:iam::{ACCOUNT}:root"
    else:
        iam_evaluator.pin_signed_request("GET", "/", query, [(b"host", parts.netloc.encode())])
        checked = iam_evaluator.authenticate(key, ACCOUNT)
        if checked is None or isinstance(checked, iam_evaluator.AuthError):
            return None
        session = sts._sessions.get(key)
        known = iam_evaluator.resolve_principal(key, ACCOUNT, checked)
        principal = session["Arn"] if session else known.arn
    with _lock:
        _keys[principal] = key
    return principal


def _evaluate(principal: str, action: str, resource: str) -> None:
    """Hold one action against the principal's policies; a denial is recorded as any other call's is."""
    with _lock:
        key = _keys.get(principal)
        if not _journal:
            _journal.append(Journal(home() / "callers.jsonl"))
    if key is None:
        return
    iam_evaluator.enforce(key, f"{SERVICE}:{action}", SERVICE, REGION, resource_arn=resource)
    _journal[0].append(
        {
            "time": time.time(),
            "service": SERVICE,
            "operation": action,
            "caller": principal,
            "resource": resource,
            "status": 200,
        }
    )


def _resource(cluster: str, kind: str, name: str) -> str:
    """ARN of a topic, group or transactional id of the cluster; the cluster's own for anything else."""
    if kind not in KINDS:
        return cluster
    return f"{cluster.replace(':cluster/', f':{KINDS[kind]}/')}/{name}"
