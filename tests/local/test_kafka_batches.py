"""What becomes of a batch of Kafka records whose function fails, by the mapping's settings."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.engines import kafka_batches
from local.engines.kafka_batches import Delivery, KafkaRecord, Outcome, Policy, event, failure, fitting

SOURCE = "arn:aws:kafka:eu-central-1:000000000000:cluster/stream/1"


def record(offset, partition=0, value=b"v"):
    return KafkaRecord("events", partition, offset, 1, 1_700_000_000_000 + offset, b"k", value)


class Function:
    """Fails on the offsets that it is told to, and remembers what it was handed."""

    def __init__(self, poison=(), *, says_which=False, times=None):
        self.poison, self.says_which, self.times = set(poison), says_which, times
        self.calls, self.succeeded, self.discarded, self.pauses = [], [], [], []

    def __call__(self, records):
        self.calls.append([each.offset for each in records])
        broken = self.poison if self.times is None or len(self.calls) <= self.times else set()
        bad = [each for each in records if each.offset in broken]
        if bad and not self.says_which:
            return Outcome(error=True)
        self.succeeded += [each.offset for each in records if each not in bad]
        named = [{"itemIdentifier": {"partition": each.place, "offset": each.offset}} for each in bad]
        return Outcome(body={"batchItemFailures": named})

    def deliver(self, records, policy):
        def discard(given_up, attempts):
            self.discarded += [(each.offset, attempts) for each in given_up]

        return Delivery(self, discard, policy, pause=self.pauses.append).deliver(records)


def test_a_failed_batch_is_retried_whole_until_it_succeeds():
    function = Function({1}, times=3)
    assert function.deliver([record(0), record(1)], Policy())
    assert function.calls == [[0, 1]] * 4
    assert function.pauses == [0.5, 1.0, 2.0]


def test_after_its_retries_a_batch_is_given_up_and_the_next_goes_on():
    function = Function({1})
    assert function.deliver([record(0), record(1)], Policy(retries=2))
    assert (len(function.calls), function.discarded) == (3, [(0, 3), (1, 3)])


def test_halving_isolates_the_poison():
    function = Function({5})
    assert function.deliver([record(offset) for offset in range(8)], Policy(retries=1, bisect=True))
    assert sorted(function.succeeded) == [0, 1, 2, 3, 4, 6, 7]
    assert function.discarded == [(5, 2)]


def test_only_the_records_that_the_function_names_are_tried_again():
    function = Function({2}, says_which=True)
    assert function.deliver([record(1), record(2), record(3)], Policy(retries=1, partial=True))
    assert (function.calls, function.discarded) == ([[1, 2, 3], [2]], [(2, 2)])


@pytest.mark.parametrize(
    "body",
    [
        {"batchItemFailures": [{"itemIdentifier": {"partition": "events-0", "offset": 99}}]},
        {"batchItemFailures": [{}]},
        "text",
    ],
)
def test_an_answer_that_makes_no_sense_is_a_failure_of_the_whole_batch(body):
    answers = iter([Outcome(body=body), Outcome(body={})])
    handed = []

    def invoke(records):
        handed.append(len(records))
        return next(answers)

    assert Delivery(invoke, lambda *_: None, Policy(partial=True), pause=lambda _: None).deliver(
        [record(0), record(1)]
    )
    assert handed == [2, 2]


def test_a_throttled_invocation_is_no_attempt():
    answers = iter([Outcome(throttled=True)] * 5 + [Outcome()])
    given_up = []
    delivery = Delivery(
        lambda _: next(answers), lambda *each: given_up.append(each), Policy(retries=0), pause=lambda _: None
    )
    assert delivery.deliver([record(0)])
    assert given_up == []


def test_a_stop_leaves_the_rest_of_the_batch_undone():
    assert not Delivery(lambda _: Outcome(), lambda *_: None, Policy(), stopped=lambda: True).deliver(
        [record(0)]
    )


@given(
    st.sets(st.integers(0, 15)),
    st.integers(1, 16),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
)
def test_each_record_succeeds_or_is_given_up_and_with_halving_or_naming_none_that_is_good(
    poison, count, bisect, partial, retries
):
    function = Function(poison, says_which=partial)
    records = [record(offset, offset % 3) for offset in range(count)]
    assert function.deliver(records, Policy(retries, bisect, partial))
    given_up = {offset for offset, _ in function.discarded}
    assert given_up | set(function.succeeded) == set(range(count))
    if bisect or partial:
        assert given_up == poison & set(range(count))


@pytest.mark.parametrize(
    ("mapping", "retries"),
    [
        ({}, None),
        ({"MaximumRetryAttempts": 3}, 3),
        ({"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:r:a:q"}}}, 10),
    ],
)
def test_retries_have_no_end_unless_a_destination_takes_what_is_given_up(mapping, retries):
    assert Policy.of(mapping).retries == retries


def test_the_event_has_the_documented_shape():
    first = KafkaRecord("events", 1, 7, 1, 1_700_000_000_000, b"key", b"value", [("h", b"a\xff")])
    assert event(SOURCE, "b-1:9098", [first]) == {
        "eventSource": "aws:kafka",
        "eventSourceArn": SOURCE,
        "bootstrapServers": "b-1:9098",
        "records": {
            "events-1": [
                {
                    "topic": "events",
                    "partition": 1,
                    "offset": 7,
                    "timestamp": 1_700_000_000_000,
                    "timestampType": "CREATE_TIME",
                    "key": "a2V5",
                    "value": "dmFsdWU=",
                    "headers": [{"h": [97, -1]}],
                }
            ]
        },
    }


def test_no_invocation_gets_more_than_its_payload(monkeypatch):
    monkeypatch.setattr(kafka_batches, "LARGEST_PAYLOAD", 5_000)
    records = [record(offset, value=b"x" * 1_000) for offset in range(9)]
    parts = fitting(records)
    assert [each for part in parts for each in part] == records
    assert all(len(json.dumps(event(SOURCE, "b", part))) <= 5_000 for part in parts)
    assert len(parts) < 9


def test_a_discarded_batch_tells_where_its_records_are():
    told = failure(
        {"EventSourceArn": SOURCE, "FunctionArn": "arn:f"},
        "b-1:9098",
        [record(3), record(4), record(9, 1)],
        11,
        "r",
    )
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told["requestContext"]["approximateInvokeCount"] == 11
    places = told["KafkaBatchInfo"]["recordsInfo"]
    assert (places["events-0"]["firstRecordOffset"], places["events-0"]["lastRecordOffset"]) == ("3", "4")
    assert places["events-1"]["firstRecordTimestamp"] == "2023-11-14T22:13:20.009Z"
