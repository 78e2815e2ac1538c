"""Requests and refusals: what a source is asked with, and what each of its answers means."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flights.sources.client import Client
from flights.sources.download import Downloader, PassingError, RetryPolicy, SourceError, with_retries
from flights.sources.retries import retry_after
from flights.sources.settings import USER_AGENT, ClientSettings

ROOT = Path(__file__).parents[3]


def sent(source, answer, client):
    """The headers of a request, as the server got them."""
    source.answers = [answer(body=b"x")]
    client.get(source.url).close()
    return source.headers[-1]


def test_a_request_has_the_headers_of_a_browser(source, answer):
    headers = sent(source, answer, Client())

    assert headers["User-Agent"] == USER_AGENT
    assert headers["User-Agent"].startswith("Mozilla/5.0 (")
    assert headers["Accept"] == "*/*"
    assert headers["Accept-Encoding"] == "identity"


def test_user_agent_and_accept_are_settings(source, answer):
    headers = sent(source, answer, Client(ClientSettings(user_agent="mine/1.0", accept="application/zip")))

    assert (headers["User-Agent"], headers["Accept"]) == ("mine/1.0", "application/zip")


def test_a_site_that_refuses_the_agent_is_a_sentence_about_the_setting(source, answer):
    source.answers = [answer(status=403, body=b"<H1>Access Denied</H1>")]

    with pytest.raises(SourceError, match=r"answered 403 .*Access Denied.*ingestion\.user_agent") as refused:
        Client().get(source.url)
    assert not isinstance(refused.value, PassingError)


def test_redirects_are_followed_also_to_a_different_host(source, answer, file):
    file.body = b"there"
    source.answers = [answer(status=302, headers={"Location": to}) for to in ("/next", file.url)]

    with Client().get(source.url + "/first") as answered:
        assert answered.content == b"there"
    assert source.asked == ["/first", "/next"]


def test_a_circle_of_redirects_ends(source, answer):
    source.answers = [answer(status=302, headers={"Location": "/"})]

    with pytest.raises(SourceError, match="is redirected more than 5 times"):
        Client().get(source.url)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/", "gopher://x"])
def test_a_redirect_out_of_the_web_is_refused(source, answer, target):
    source.answers = [answer(status=302, headers={"Location": target})]

    with pytest.raises(SourceError, match="not an http or https URL"):
        Client().get(source.url)


@pytest.mark.parametrize("url", ["http://", "http://[::1", "https://a b/", "http://:80:80/"])
def test_an_address_that_is_none_is_a_sentence(url):
    with pytest.raises(SourceError, match=r"not an http or https URL|did not answer"):
        Client().get(url)


def test_an_answer_in_an_encoding_that_was_not_asked_for_is_refused(source, answer):
    source.answers = [answer(body=b"x", headers={"Content-Encoding": "gzip"})]

    with pytest.raises(SourceError, match="answered in the encoding 'gzip'"):
        Downloader().read(source.url, lambda document: document)


def test_a_busy_server_gets_the_wait_that_it_asks_for(source, answer):
    source.answers = [answer(status=429, headers={"Retry-After": "7"}), answer(body=b"there")]
    waits = []

    Downloader(sleep=waits.append).read(source.url, lambda document: document)

    assert waits == [7.0]


def test_a_wait_is_never_longer_than_the_policy_has_it(source, answer):
    source.answers = [answer(status=503, headers={"Retry-After": "86400"}), answer(body=b"there")]
    waits, policy = [], RetryPolicy(longest_retry_after=90)

    Downloader(policy=policy, sleep=waits.append).read(source.url, lambda document: document)

    assert waits == [90.0]


def test_a_wait_that_is_asked_for_does_not_shorten_the_policys():
    waits, outcomes = [], [PassingError("busy", retry_after=0.0), None]

    def operation():
        if error := outcomes.pop(0):
            raise error

    with_retries(operation, RetryPolicy(first_wait=10), waits.append)

    assert 5 <= waits[0] <= 10


def test_a_wait_can_be_a_date():
    moment = datetime.now(UTC) + timedelta(seconds=60)

    assert 55 <= retry_after(format_datetime(moment, usegmt=True)) <= 60
    assert retry_after("Tue, 01 Jan 2013 00:00:00 GMT") == 0


@pytest.mark.parametrize("header", [None, "", "soon", "-5", "1.5"])
def test_a_wait_of_another_form_is_as_if_it_was_not_there(header):
    assert retry_after(header) is None


@given(st.text())
def test_no_retry_after_header_ends_a_download(header):
    assert (retry_after(header) or 0) >= 0


def test_a_policy_without_attempts_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="at least 1 attempt"):
        with_retries(lambda: None, RetryPolicy(attempts=0))


def test_spark_reads_the_raw_zone_without_the_packages_of_the_downloader():
    """EMR and Glue have the package, and neither requests nor tenacity."""
    code = "import sys, flights.spark.reference; print({'requests', 'tenacity', 'certifi'} & {*sys.modules})"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"
