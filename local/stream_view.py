"""A live view of the stream in the terminal: events as a plain consumer sees them, alerts as they come."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from local import stream, stream_account

SHOWN_ALERTS = 8


def watch(day: date, console: Console) -> dict[str, Any]:
    """Replay a day and show what happens meanwhile; what became of every event."""
    topics = {topic: stream.end_offsets(topic) for topic in stream.topics()}
    consumer = Consumer({"bootstrap.servers": stream.bootstrap(), "group.id": "refstack-view"})
    consumer.assign(
        [
            TopicPartition(topic, int(partition), offset)
            for topic, offsets in topics.items()
            for partition, offset in offsets.items()
        ]
    )
    seen: Counter[str] = Counter()
    alerts: list[dict[str, Any]] = []
    state = [""]
    with ThreadPoolExecutor(1) as pool, Live(console=console, refresh_per_second=4) as live:
        replaying: Future[stream.Replayed] = pool.submit(stream.replay, day, lambda text: _keep(state, text))
        while not replaying.done():
            for message in consumer.consume(500, timeout=0.25):
                topic = message.topic()
                if message.error() is not None or topic is None:
                    continue
                if topic.endswith("alerts"):
                    alerts.append(json.loads(message.value() or b""))
                else:
                    seen[topic] += 1
            live.update(_screen(state[0], seen, alerts))
    consumer.close()
    found = stream_account.counted(replaying.result())
    console.print(stream_account.sentence(found))
    return found


def _keep(state: list[str], text: str) -> None:
    state[0] = text


def _screen(state: str, seen: Counter[str], alerts: list[dict[str, Any]]) -> Group:
    counts = Table(title="records", title_justify="left")
    counts.add_column("topic")
    counts.add_column("read", justify="right")
    for topic, count in sorted(seen.items()):
        counts.add_row(topic, f"{count:,}")
    late = Table(title=f"alerts ({len(alerts)})", title_justify="left")
    for name in ("airport", "hour from", "departures", "mean delay, min"):
        late.add_column(name)
    for alert in alerts[-SHOWN_ALERTS:]:
        mean = f"{alert['mean_delay_minutes']:.0f}"
        late.add_row(alert["airport"], alert["window_start"], str(alert["departures"]), mean)
    return Group(Text(state), counts, late)
