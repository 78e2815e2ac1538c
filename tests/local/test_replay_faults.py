"""The replay's bad habits, and what the sources' one downloader makes of each."""

import urllib.error
import urllib.request
from datetime import date

import pytest
import requests

from flights.sources import download
from flights.sources.bts import MonthNotPublishedError, flights_of_month
from flights.sources.carriers import AIRLINES
from flights.sources.client import Client
from flights.sources.download import CertificateError, Downloader, RetryPolicy, SourceError
from flights.sources.faa import AIRCRAFT
from flights.sources.partial import DownloadUnfinishedError, FilePartial
from flights.sources.settings import USER_AGENT, ClientSettings
from flights.sources.snapshots import snapshots
from local.replay.__main__ import AIRCRAFT_PATH, AIRLINES_PATH, FLIGHTS_PATH
from local.replay.incomplete_chain import IncompleteChain
from tests.local.replay_server import serve

DAY = date(2013, 1, 1)
MONTH = f"{FLIGHTS_PATH}/On_Time_Reporting_Carrier_On_Time_Performance_1987_present_2013_1.zip"
BROWSER = {"User-Agent": USER_AGENT}


@pytest.fixture(scope="module")
def server():
    yield from serve()


@pytest.fixture
def replay(server):
    """URL of the replay; each test begins and ends without faults."""
    switch(server.url)
    yield server.url
    switch(server.url)


def switch(url, **faults):
    requests.put(f"{url}/faults", json=faults, timeout=30).raise_for_status()


@pytest.fixture
def downloader():
    return Downloader(policy=RetryPolicy(attempts=3), sleep=lambda _: None)


def content(answer):
    return answer.body.read()


def test_an_agent_that_is_no_browser_is_refused_the_registry(replay):
    path = AIRCRAFT_PATH.replace("{date}", "2013-01-01")
    refused = requests.get(replay + path, timeout=30)

    assert (refused.status_code, "Access Denied" in refused.text) == (403, True)
    assert requests.head(replay + path, headers=BROWSER, timeout=30).status_code == 403
    assert requests.get(replay + path, headers=BROWSER, timeout=30).status_code == 200


def test_the_downloader_gets_the_registry_and_one_with_a_name_of_its_own_a_sentence(replay):
    [found] = snapshots(AIRCRAFT, replay + AIRCRAFT_PATH, [DAY])
    assert found.content.rows == 3322

    own = Downloader(Client(ClientSettings(user_agent="refstack-flights/0.1")))
    with pytest.raises(SourceError, match=r"ReleasableAircraft\.zip answered 403 .*ingestion\.user_agent"):
        list(snapshots(AIRCRAFT, replay + AIRCRAFT_PATH, [DAY], downloader=own))


def test_ranges_are_answered_as_a_web_server_does(replay):
    whole = requests.get(replay + MONTH, timeout=30)
    tag, size = whole.headers["ETag"], len(whole.content)

    def ask(wanted, condition=None):
        headers = {"Range": wanted, **({"If-Range": condition} if condition else {})}
        return requests.get(replay + MONTH, headers=headers, timeout=30)

    part = ask("bytes=10-19")
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{size}"
    assert ask(f"bytes={size - 5}-", tag).content == whole.content[-5:]
    assert ask("bytes=10-", whole.headers["Last-Modified"]).status_code == 206
    assert ask("bytes=10-", '"another"').status_code == 200
    beyond = ask(f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")


def test_connections_that_break_off_lose_nothing(monkeypatch, replay, downloader):
    monkeypatch.setattr(download, "CHUNK_BYTES", 64 * 1024)
    whole = requests.get(replay + MONTH, timeout=30).content
    switch(replay, cut_after_bytes=100_000)

    assert len(whole) > 5 * 100_000
    assert downloader.read(replay + MONTH, content) == whole


def test_without_ranges_such_connections_are_given_up(replay, downloader):
    switch(replay, cut_after_bytes=100_000, no_ranges=True)

    with pytest.raises(SourceError, match=r"broke off after 100000 of \d+ bytes.*gave up after 3 attempts"):
        downloader.read(replay + MONTH, content)


def test_a_slow_source_is_continued_by_later_processes(tmp_path, replay):
    whole = requests.get(replay + MONTH, timeout=30).content
    switch(replay, bytes_per_second=len(whole))
    processes = 0

    def process():
        ticks = iter([1.0] * 4)
        using = Downloader(
            partial=lambda _: FilePartial(tmp_path / "body"), seconds_left=lambda: next(ticks, 0.0)
        )
        return using.read(replay + MONTH, content)

    while True:
        processes += 1
        try:
            found = process()
        except DownloadUnfinishedError:
            continue
        break

    assert found == whole
    assert processes > 1


@pytest.mark.parametrize("asked", ["7", None])
def test_a_busy_source_is_asked_again(replay, asked):
    switch(replay, busy=2, retry_after=asked)
    waits = []
    using = Downloader(policy=RetryPolicy(first_wait=1), sleep=waits.append)

    [found] = snapshots(AIRLINES, replay + AIRLINES_PATH, [DAY], downloader=using)

    assert found.content.rows == 16
    assert len(waits) == 2
    assert (set(waits) == {7.0}) == (asked is not None)


def test_a_month_can_be_missing(replay):
    switch(replay, missing_months=[1])

    with pytest.raises(MonthNotPublishedError, match="has not published 2013-01"):
        flights_of_month(replay + FLIGHTS_PATH, [DAY], ["EWR"])


def test_a_fault_that_it_does_not_have_is_refused(replay):
    refused = requests.put(f"{replay}/faults", json={"earthquake": True}, timeout=30)

    assert refused.status_code == 400
    assert "cut_after_bytes" in refused.json()["error"]


@pytest.fixture(scope="module")
def incomplete(tmp_path_factory):
    chain = IncompleteChain(tmp_path_factory.mktemp("chain"))
    for server in serve(chain):
        yield server.url, chain


def test_a_chain_without_its_intermediate_is_completed_if_the_root_is_trusted(monkeypatch, incomplete):
    url, chain = incomplete
    monkeypatch.setenv("SSL_CERT_FILE", str(chain.root))
    client = Client()

    [found] = snapshots(AIRLINES, url + AIRLINES_PATH, [DAY], downloader=Downloader(client))

    assert found.content.rows == 16
    assert client.completed == ["Common Name: Replay's intermediate"]


def test_that_chain_is_refused_without_the_root(incomplete):
    url, _ = incomplete

    with pytest.raises(CertificateError, match="cannot be trusted"):
        list(snapshots(AIRLINES, url + AIRLINES_PATH, [DAY], downloader=Downloader(Client())))


def test_urllib_refuses_that_chain_even_with_the_root(monkeypatch, incomplete):
    """What the downloader is for: Python does not fetch what a server leaves out."""
    url, chain = incomplete
    monkeypatch.setenv("SSL_CERT_FILE", str(chain.root))

    with pytest.raises(urllib.error.URLError, match="unable to get local issuer certificate"):
        urllib.request.urlopen(url, timeout=30)
