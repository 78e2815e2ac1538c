import json

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.lambdas.kafka_batches import batch

ALERT = {
    "alert_id": "6d0a",
    "airport": "EWR",
    "window_start": "2013-02-08T15:00:00Z",
    "window_end": "2013-02-08T16:00:00Z",
    "departures": 21,
    "mean_delay_minutes": 61.4,
    "max_delay_minutes": 180,
}


def encoded(**changes):
    return json.dumps({**ALERT, **changes}).encode()


def received(queue):
    messages = boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


@pytest.fixture
def subscriber(aws):
    """URL of a queue that gets what the alerts topic publishes."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="people")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = boto3.client("sns").create_topic(Name="alerts")["TopicArn"]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


@pytest.fixture
def dead_letters(aws):
    return boto3.client("sqs").create_queue(QueueName="unreadable")["QueueUrl"]


@pytest.fixture
def notify(load, subscriber, dead_letters):
    boto3.client("dynamodb").create_table(
        TableName="alerts",
        KeySchema=[{"AttributeName": "alert_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "alert_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return load(
        "notify_alerts",
        ALERTS_TOPIC_ARN="arn:aws:sns:us-east-1:123456789012:alerts",
        TABLE="alerts",
        DEAD_LETTER_QUEUE_URL=dead_letters,
    )


def test_an_alert_is_told_once_however_often_it_comes(notify, context, subscriber):
    first = notify.handler(batch("alerts", [encoded(), encoded()]), context())
    again = notify.handler(batch("alerts", [encoded()]), context())
    assert (first["told"], first["known"], again["told"], again["known"]) == (1, 1, 0, 1)
    [told] = received(subscriber)
    assert told["Subject"] == "EWR: departures 61 min late on average since 2013-02-08T15:00:00Z"
    assert json.loads(told["Message"]) == ALERT


def test_an_alert_that_could_not_be_told_is_told_when_it_comes_again(
    notify, context, subscriber, monkeypatch
):
    def refused(**_):
        raise ClientError({"Error": {"Code": "Throttling", "Message": "slow down"}}, "Publish")

    with monkeypatch.context() as outage:
        outage.setattr(notify.SNS, "publish", refused)
        with pytest.raises(ClientError):
            notify.handler(batch("alerts", [encoded()]), context())
    assert notify.handler(batch("alerts", [encoded()]), context())["told"] == 1
    assert len(received(subscriber)) == 1


@pytest.mark.parametrize(
    "value",
    [
        *(None, b"", b"{", b"[]", b"null", b"[" * 100_000),
        *(encoded(alert_id=""), encoded(alert_id="x" * 65), encoded(airport=1), encoded(airport="Æ\n")),
        *(encoded(departures="x"), encoded(mean_delay_minutes=float("nan")), encoded(departures=10**400)),
    ],
)
def test_what_is_no_alert_is_put_aside_and_the_others_are_told(notify, context, dead_letters, value):
    result = notify.handler(batch("alerts", [value, encoded(alert_id="other")], first=41), context())
    assert result == {"told": 1, "known": 0, "dead_letters": 1}
    [letter] = received(dead_letters)
    assert (letter["reason"], letter["topic"], letter["offset"]) == ("malformed", "alerts", 41)


def test_what_is_remembered_expires(notify, context):
    notify.handler(batch("alerts", [encoded()]), context())
    [item] = boto3.client("dynamodb").scan(TableName="alerts")["Items"]
    assert item["alert_id"] == {"S": "6d0a"}
    assert int(item["expires"]["N"]) > 1_700_000_000


def test_a_subject_is_one_short_line_of_ascii(notify):
    alert = notify.parsed(encoded(airport="X" * 64, mean_delay_minutes=1e300))
    assert len(notify.subject(alert)) == 100
