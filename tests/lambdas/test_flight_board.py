"""The function that keeps the live board, in a real PostgreSQL whose roles prepare_database made."""

import base64
import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from pg8000.exceptions import DatabaseError, InterfaceError

from flights.sources.settings import SettingsError
from local.engines import postgres
from local.services.rds_master_user import prepare as make_master
from operational_store.connection import connect
from streaming.events import FlightEvent, frame, milliseconds, to_json
from streaming.producer import avro_encoder
from streaming.reading import Reader
from tests.containers.engines import postgres_server
from tests.lambdas.kafka_batches import batch
from tests.streaming.registry import IDS, Registry

NOON = datetime(2013, 2, 8, 12, tzinfo=UTC)


def event(kind="departed", number=1, minutes=7):
    flight = f"2013-02-08/UA/{number}/EWR"
    at = NOON + timedelta(minutes=minutes)
    return FlightEvent(
        *(f"{flight}/{kind}", kind, flight, "2013-02-08", "UA", number, "EWR", "IAH", at, NOON), minutes
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with postgres_server("board", tmp_path_factory.mktemp("board")) as server:
        make_master(server, "master", "master's", "refstack")
        yield server


def secret(user, password):
    text = json.dumps({"username": user, "password": password})
    return boto3.client("secretsmanager").create_secret(Name=user, SecretString=text)["ARN"]


@pytest.fixture
def store(aws, server, load, context):
    """Environment of a function that signs in as the board's role; the board is empty."""
    address = {"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": str(server.port), "DATABASE_NAME": "refstack"}
    own = secret("flight_board", "the board's")
    prepare = load(
        "prepare_database",
        **address,
        ADMIN_SECRET_ARN=secret("master", "master's"),
        ROLE_SECRET_ARNS=json.dumps([own, secret("etl", "the etl's")]),
    )
    assert prepare.handler({}, context()) == {"roles": ["etl", "flight_board"]}
    master = connect("127.0.0.1", server.port, "refstack", "master", "master's", application="tests")
    master.run("TRUNCATE board.flights")
    master.close()
    return {**address, "DATABASE_SECRET_ARN": own}


@pytest.fixture
def queue(aws):
    return boto3.client("sqs").create_queue(QueueName="unreadable")["QueueUrl"]


@pytest.fixture
def function(load, store, queue):
    module = load(
        "flight_board",
        **store,
        SCHEMA_REGISTRY="stream",
        SCHEMA_NAME="flight-events",
        DEAD_LETTER_QUEUE_URL=queue,
    )
    module.READER = Reader(Registry(1, 2), "stream", "flight-events")
    yield module
    for connection in module.connections:
        with suppress(Exception):
            connection.close()


def handle(function, context, *values, **more):
    return function.handler(
        batch("events", list(values), published=milliseconds(NOON + timedelta(hours=1)), **more), context()
    )


def letters(queue):
    found = boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in found]


def flights(function):
    connection = function.signed_in()
    found = connection.run("SELECT flight_number, status FROM board.flights ORDER BY flight_number")
    connection.close()
    return found


def test_poison_in_the_middle_is_put_aside_with_its_reason_and_the_rest_lands(function, context, queue):
    encode = avro_encoder(IDS[2], 2)
    unknown = frame("00000000-0000-0000-0000-00000000000f", b"x" * 20_000)
    result = handle(function, context, encode(event()), unknown, None, to_json(event(number=2)), first=90)
    assert result == {"events": 2, "dead_letters": 2, "flights_changed": 2}
    assert flights(function) == [[1, "departed"], [2, "departed"]]
    first, second = letters(queue)
    assert [first["reason"], first["offset"], first["bytes"]] == ["unknown_schema", 91, len(unknown)]
    assert base64.b64decode(first["value"]) == unknown[: 8 * 1024]
    assert [second["reason"], second["offset"], second["value"]] == ["empty", 92, None]


def test_letters_with_keys_and_values_of_any_size_fit_one_call(function, context, queue):
    poison = [b"\x00" * 900_000] * 10
    assert handle(function, context, *poison, key=b"k" * 900_000)["dead_letters"] == 10
    found = letters(queue)
    assert {len(base64.b64decode(letter["key"])) for letter in found} == {8 * 1024}


def test_what_no_column_takes_is_put_aside_and_does_not_block_the_topic(function, context, queue):
    wrong = [
        replace(event(), flight_id="f" * 257),
        replace(event(), flight_date="2013-W06-5"),
        replace(event(), carrier="U\0A"),
    ]
    result = handle(function, context, *map(to_json, wrong), to_json(event()))
    assert result == {"events": 1, "dead_letters": 3, "flights_changed": 1}
    assert {letter["reason"] for letter in letters(queue)} == {"invalid"}


def test_more_poison_than_one_call_takes_is_put_aside_whole(function, context, queue):
    assert handle(function, context, *[b"\x00"] * 25)["dead_letters"] == 25
    found = []
    while more := letters(queue):
        found += more
    assert sorted(letter["offset"] for letter in found) == list(range(25))


def test_a_batch_that_comes_again_changes_nothing(function, context):
    values = [to_json(event()), to_json(event("scheduled", minutes=0))]
    assert handle(function, context, *values)["flights_changed"] == 1
    assert handle(function, context, *reversed(values))["flights_changed"] == 0


def test_a_batch_of_ticks_needs_no_row(function, context):
    assert handle(function, context, to_json(event("tick", minutes=0)))["flights_changed"] == 0


def test_while_the_store_is_down_the_batch_is_refused_whole_and_no_letter_is_sent(
    function, context, queue, server
):
    postgres.stop(server.name)
    with pytest.raises((DatabaseError, InterfaceError, OSError)):
        handle(function, context, to_json(event()), b"\x00")
    assert letters(queue) == []
    postgres.start(server)
    assert handle(function, context, to_json(event()), b"\x00") == {
        "events": 1,
        "dead_letters": 1,
        "flights_changed": 1,
    }


def test_a_changed_password_is_taken_over_once_the_old_connection_is_gone(function, context, server, store):
    handle(function, context, to_json(event()))
    with server.connect() as admin:
        admin.execute("ALTER ROLE flight_board PASSWORD 'changed'")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'flight_board'")
    text = json.dumps({"username": "flight_board", "password": "changed"})
    boto3.client("secretsmanager").put_secret_value(SecretId=store["DATABASE_SECRET_ARN"], SecretString=text)
    assert handle(function, context, to_json(event(number=2)))["flights_changed"] == 1


def test_the_master_user_s_own_role_is_refused_as_a_job_s(load, store, context):
    admin = boto3.client("secretsmanager").describe_secret(SecretId="master")["ARN"]
    prepare = load("prepare_database", ADMIN_SECRET_ARN=admin, ROLE_SECRET_ARNS=json.dumps([admin]))
    with pytest.raises(SettingsError, match="master user"):
        prepare.handler({}, context())
