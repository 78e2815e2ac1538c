"""`make sources`, asked of the replay, which answers like the live sources: what it says, and how it ends."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.live_sources import ask
from local.pipeline import SOURCE_PATHS
from local.replay.answers import Faults
from local.replay.incomplete_chain import IncompleteChain
from stacks.settings import Ingestion
from tests.local.replay_server import serve

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server():
    yield from serve()


@pytest.fixture
def replay(server):
    server.faults = Faults()
    yield server
    server.faults = Faults()


def settings(url, **given):
    return Ingestion(**{f"{name}_source": url + path for name, path in SOURCE_PATHS.items()}, **given)


def findings(url, **given):
    return {each.request.source: each for each in ask(settings(url, **given))}


def test_each_source_says_what_it_is(replay):
    found = findings(replay.url)

    assert all(each.good for each in found.values())
    assert re.fullmatch(
        r"206, [\d,]+ bytes, last modified Thu, 20 Feb 2014 00:00:00 GMT, ranges", found["flights"].sentence
    )
    assert re.fullmatch(r"200, [\d,]+ bytes, no date, no ranges", found["weather"].sentence)
    assert "last modified Tue, 01 Jan 2013 00:00:00 GMT" in found["aircraft"].sentence
    assert found["airlines"].good


def test_only_a_little_is_asked_for(replay, monkeypatch):
    sent = []
    send = replay.RequestHandlerClass._send

    def note(handler, answer):
        sent.append((handler.path.split("?")[0], len(answer.body)))
        send(handler, answer)

    monkeypatch.setattr(replay.RequestHandlerClass, "_send", note)
    findings(replay.url)

    assert len(sent) == 4
    assert max(size for _, size in sent) <= 8192


def test_a_refused_agent_is_a_sentence_and_the_others_are_asked(replay):
    found = findings(replay.url, user_agent="refstack-flights/0.1")

    assert [name for name, each in found.items() if not each.good] == ["aircraft"]
    assert "answered 403" in found["aircraft"].sentence
    assert "ingestion.user_agent" in found["aircraft"].sentence


def test_a_page_in_place_of_a_file_is_no_good_answer(replay):
    replay.flights.get, kept = lambda _: b"<html>The site is being serviced</html>", replay.flights.get
    try:
        found = findings(replay.url)["flights"]
    finally:
        replay.flights.get = kept

    assert not found.good
    assert "but it begins with b'<html>The site" in found.sentence


def test_a_chain_that_had_to_be_completed_is_said(tmp_path, monkeypatch):
    chain = IncompleteChain(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain.root))
    for server in serve(chain):
        found = findings(server.url)

    assert all(each.good for each in found.values())
    assert "certificate chain completed with Common Name: Replay's intermediate" in found["flights"].sentence


def command(url, **variables):
    sources = {
        f"REFSTACK_INGESTION__{name.upper()}_SOURCE": url + path for name, path in SOURCE_PATHS.items()
    }
    return subprocess.run(
        [sys.executable, "-m", "local.cli", "sources"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "300", **sources, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_ends_well_when_all_answer(replay):
    done = command(replay.url)

    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [*SOURCE_PATHS, "All"]


def test_the_command_ends_with_a_sentence_when_one_does_not(replay):
    replay.faults = Faults(missing_months=[1])

    done = command(replay.url)

    assert done.returncode == 1
    assert re.search(r"^flights +FAILED: http.*_2013_1\.zip answered 404", done.stdout, re.MULTILINE)
    assert "1 of 4 sources did not answer as the pipeline needs it: flights." in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
