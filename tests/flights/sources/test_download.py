import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flights.sources.download import (
    NotFoundError,
    PassingError,
    RetryPolicy,
    SourceError,
    download,
    with_retries,
)


def test_the_body_arrives_whole(source, answer):
    source.answers = [answer(body=b"x" * 3_000_000)]

    with download(source.url + "/file") as body:
        assert body.read() == b"x" * 3_000_000
    assert source.asked == ["/file"]


@pytest.mark.parametrize("status", [404, 410])
def test_what_does_not_exist_has_an_error_of_its_own(source, answer, status):
    source.answers = [answer(status=status)]

    with pytest.raises(NotFoundError, match=f"{source.url}/file answered {status}"):
        download(source.url + "/file")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_overloaded_server_is_a_passing_fault(source, answer, status):
    source.answers = [answer(status=status, body=b"busy")]

    with pytest.raises(PassingError, match=f"answered {status} .*: busy"):
        download(source.url)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_is_final_and_quotes_the_reason(source, answer, status):
    source.answers = [answer(status=status, body=b'{"reason": "no"}')]

    with pytest.raises(SourceError, match='"reason": "no"') as error:
        download(source.url)
    assert not isinstance(error.value, PassingError)


def test_a_download_that_breaks_off_is_a_passing_fault(source, answer):
    source.answers = [answer(body=b"x" * 1000, announced=5000)]

    with pytest.raises(PassingError, match="broke off after 1000 of 5000 bytes"):
        download(source.url)


def test_nobody_listening_is_a_passing_fault():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"

        with pytest.raises(PassingError, match=r"did not answer .*refused"):
            download(url)


def test_a_server_that_hangs_is_a_passing_fault():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()

        with pytest.raises(PassingError, match=r"did not answer .*timed out"):
            download(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.05)


def test_only_web_addresses_are_fetched():
    with pytest.raises(SourceError, match="not an http or https URL"):
        download("file:///etc/passwd")


def test_passing_faults_are_tried_again_until_it_works():
    outcomes = [PassingError("one"), PassingError("two"), "done"]
    waits = []

    def operation():
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    policy = RetryPolicy(attempts=3, first_wait=10, longest_wait=15)

    assert with_retries(operation, policy, sleep=waits.append) == "done"
    assert len(waits) == 2
    assert 5 <= waits[0] <= 10
    assert 7.5 <= waits[1] <= 15


def test_the_last_failure_is_reported_with_the_number_of_attempts():
    def operation():
        raise PassingError("the source is down")

    with pytest.raises(SourceError, match="the source is down; gave up after 4 attempts"):
        with_retries(operation, RetryPolicy(attempts=4), sleep=lambda _: None)


def test_other_errors_are_not_tried_again():
    calls = []

    def operation():
        calls.append(1)
        raise NotFoundError("gone")

    with pytest.raises(NotFoundError):
        with_retries(operation, RetryPolicy(), sleep=lambda _: None)
    assert len(calls) == 1


@given(st.integers(1, 60), st.floats(0.01, 10), st.floats(0.01, 100))
def test_waits_double_up_to_the_longest_and_never_vanish(failed, first, longest):
    wait = RetryPolicy(first_wait=first, longest_wait=longest).wait(failed)

    upper = min(first * 2 ** (failed - 1), longest)
    assert upper / 2 <= wait <= upper
