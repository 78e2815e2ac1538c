"""The live board and the roles of the operational store, in a real PostgreSQL with RDS' kind of master."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from pg8000.exceptions import DatabaseError

from local.services.rds_master_user import prepare as make_master
from operational_store.connection import connect
from operational_store.live_board import add
from operational_store.roles import prepare
from streaming.events import FlightEvent
from streaming.replay import flight_events
from tests.containers.engines import postgres_server

PASSWORDS = {"etl": "an etl's 'password'", "flight_board": "the board's", "airflow": "Airflow's"}
ZONES = {"EWR": "America/New_York", "IAH": "America/Chicago"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with postgres_server("store", tmp_path_factory.mktemp("store")) as server:
        make_master(server, "master", "master's", "refstack")
        yield server


def signed_in(server, user, password):
    return connect("127.0.0.1", server.port, "refstack", user, password, application="tests")


@pytest.fixture(scope="module")
def master(server):
    connection = signed_in(server, "master", "master's")
    yield connection
    connection.close()


@pytest.fixture
def board(server, master):
    """A connection as the board's role to an empty board."""
    prepare(master, PASSWORDS)
    master.run("TRUNCATE board.flights")
    connection = signed_in(server, "flight_board", PASSWORDS["flight_board"])
    yield connection
    connection.close()


def a_day(flights=40):
    """Events of flights; every eighth is cancelled."""
    return [
        event
        for number in range(flights)
        for event in flight_events(
            {
                "flight_date": date(2013, 2, 8),
                "carrier": "UA",
                "flight_number": number,
                "origin": "EWR",
                "dest": "IAH",
                "tail_number": None,
                "sched_dep_time": 600 + number % 60,
                "sched_arr_time": 900,
                "cancelled": number % 8 == 0,
                "diverted": False,
                "dep_delay_minutes": number - 5,
                "arr_delay_minutes": number - 10,
            },
            ZONES,
        )
    ]


def rows(connection):
    return connection.run(
        "SELECT flight_id, status, scheduled_departure, departed_at, departure_delay_minutes, arrived_at, "
        "arrival_delay_minutes, last_event_time, last_event_id FROM board.flights ORDER BY flight_id"
    )


def test_a_day_in_order_and_the_same_day_shuffled_twice_over_leave_the_same_board(board, master):
    events = a_day()
    assert add(board, events) == 40
    expected = rows(board)
    master.run("TRUNCATE board.flights")
    twice = events + events
    random.Random(8).shuffle(twice)
    for start in range(0, len(twice), 17):
        add(board, twice[start : start + 17])
    assert rows(board) == expected
    assert {status for _, status, *_ in expected} == {"arrived", "cancelled"}


def test_what_is_known_already_changes_nothing(board):
    events = a_day(5)
    assert (add(board, events), add(board, events[:3])) == (5, 0)
    assert add(board, []) == 0


def test_two_writers_at_once_lose_nothing_of_each_other(board, server):
    events = a_day(20)
    other = signed_in(server, "flight_board", PASSWORDS["flight_board"])
    halves = [(board, events[::2]), (other, events[1::2])]
    threads = [
        threading.Thread(target=lambda c=c, half=half: [add(c, [each]) for each in half])
        for c, half in halves
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    found = rows(board)
    other.close()
    assert add(board, events) == 0
    assert len(found) == 20


def test_a_batch_that_fails_leaves_nothing_of_itself(board):
    good = a_day(1)
    with pytest.raises(DatabaseError):
        add(board, [*good, replace(good[0], flight_id="f2", flight_number=2**40)])
    assert rows(board) == []
    assert add(board, good) == 1


def test_the_rows_hold_moments_with_their_zone(board):
    moment = datetime(2013, 2, 8, 12, 30, tzinfo=UTC)
    departed = FlightEvent(
        *("e", "departed", "f", "2013-02-08", "UA", 1, "EWR", "IAH", moment, moment - timedelta(minutes=5)), 5
    )
    add(board, [departed])
    [[_, _, scheduled, at, delay, *_]] = rows(board)
    assert (scheduled, at, delay) == (moment - timedelta(minutes=5), moment, 5)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM board.flights",
        "CREATE TABLE board.other (a INT)",
        "CREATE SCHEMA mine",
        "CREATE ROLE other",
        "SELECT * FROM operations.notes",
    ],
)
def test_the_board_s_role_can_write_the_board_and_nothing_else(board, master, statement):
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"):
        board.run(statement)


def test_the_etl_s_role_owns_its_schema_and_what_the_master_made_in_it_before(server, master):
    master.run("CREATE SCHEMA IF NOT EXISTS operations")
    master.run("CREATE TABLE IF NOT EXISTS operations.notes (a INT)")
    prepare(master, PASSWORDS)
    etl = signed_in(server, "etl", PASSWORDS["etl"])
    etl.run("INSERT INTO operations.notes VALUES (1)")
    etl.run("ALTER TABLE operations.notes ADD COLUMN IF NOT EXISTS b INT")
    with pytest.raises(DatabaseError, match="permission denied"):
        etl.run("SELECT * FROM board.flights")
    etl.close()


def test_airflow_s_role_notes_arrivals_in_its_own_schema_and_reads_no_other(server, master):
    prepare(master, PASSWORDS)
    airflow = signed_in(server, "airflow", PASSWORDS["airflow"])
    airflow.run("CREATE TABLE IF NOT EXISTS orchestration.arrivals (day date PRIMARY KEY)")
    airflow.run("INSERT INTO orchestration.arrivals VALUES ('2013-01-01') ON CONFLICT DO NOTHING")
    with pytest.raises(DatabaseError, match="permission denied"):
        airflow.run("CREATE TABLE operations.mine (a INT)")
    airflow.close()


def test_preparing_again_changes_nothing_but_a_password_that_the_secret_changed(server, master):
    prepare(master, PASSWORDS)
    prepare(master, {**PASSWORDS, "flight_board": "another"})
    with pytest.raises(DatabaseError, match="password authentication failed"):
        signed_in(server, "flight_board", PASSWORDS["flight_board"])
    signed_in(server, "flight_board", "another").close()
