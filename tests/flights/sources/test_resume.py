"""Downloads that do not arrive in one piece: the same bytes, whatever the server does in between."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flights.sources import download
from flights.sources.download import Downloader, RetryPolicy, SourceError
from flights.sources.partial import DownloadUnfinishedError, FilePartial

BODY = bytes(range(256)) * 12
TAGGED = {"ETag": '"v1"', "Last-Modified": "Tue, 01 Jan 2013 00:00:00 GMT"}
DATED = {"Last-Modified": "Tue, 01 Jan 2013 00:00:00 GMT"}


@pytest.fixture
def downloader(impatient):
    def make(**options):
        return Downloader(policy=impatient, sleep=lambda _: None, **options)

    return make


def content(answer):
    return answer.body.read(), answer.last_modified


def fetched(using, file):
    return using.read(file.url, content)


@pytest.mark.parametrize("headers", [TAGGED, DATED], ids=["ETag", "Last-Modified"])
def test_a_download_goes_on_where_it_broke_off(downloader, file, headers):
    file.body, file.headers, file.cuts = BODY, headers, [1000, 500]

    assert fetched(downloader(), file) == (BODY, DATED["Last-Modified"])
    assert file.asked == [None, "bytes=1000-", "bytes=1500-"]
    assert sum(file.sent) == len(BODY)


@given(cuts=st.lists(st.integers(0, len(BODY) - 1), max_size=6), headers=st.sampled_from([TAGGED, DATED, {}]))
def test_any_cuts_give_the_same_bytes(file, cuts, headers):
    file.body, file.headers, file.cuts, file.asked = BODY, headers, list(cuts), []
    using = Downloader(policy=RetryPolicy(attempts=10, first_wait=0), sleep=lambda _: None)

    assert fetched(using, file)[0] == BODY


@given(cuts=st.lists(st.integers(0, len(BODY)), max_size=5))
def test_any_number_of_processes_give_the_same_bytes(tmp_path_factory, file, cuts):
    """Each cut is a process of its own that has no patience, and the last one has all that is missing."""
    path = tmp_path_factory.mktemp("download") / "body"
    file.body, file.headers, file.cuts, file.sent = BODY, TAGGED, list(cuts), []
    for _ in range(len(cuts) + 1):
        using = Downloader(policy=RetryPolicy(attempts=1), partial=lambda _: FilePartial(path))
        try:
            found = fetched(using, file)
        except SourceError:
            continue
        break

    assert found[0] == BODY
    assert sum(file.sent) == len(BODY)


def test_a_changed_document_begins_anew(downloader, file):
    file.body, file.headers, file.cuts = b"old" * 1000, {"ETag": '"v1"'}, [1000]

    def change(_):
        file.body, file.headers = b"new" * 900, {"ETag": '"v2"'}

    using = Downloader(policy=RetryPolicy(attempts=3), sleep=change)

    assert fetched(using, file)[0] == b"new" * 900
    assert file.asked == [None, "bytes=1000-"]


def test_a_range_of_a_different_document_is_thrown_away(file):
    """A server that answers the range without looking at If-Range."""
    file.body, file.headers, file.cuts = b"old" * 1000, {"ETag": '"v1"'}, [1000]

    def change(_):
        file.body, file.headers = b"new" * 1000, {"ETag": '"v2"'}

    original = file.answer
    file.answer = lambda wanted, condition: original(wanted, None)
    using = Downloader(policy=RetryPolicy(attempts=3), sleep=change)

    assert fetched(using, file)[0] == b"new" * 1000
    assert file.asked == [None, "bytes=1000-", None]


def test_a_server_without_ranges_gives_everything_again(downloader, file):
    file.body, file.headers, file.cuts, file.ranges = BODY, TAGGED, [1000], False

    assert fetched(downloader(), file)[0] == BODY
    assert file.sent == [1000, len(BODY)]


@pytest.mark.parametrize(
    "headers",
    [{}, {"ETag": 'W/"v1"'}, {**TAGGED, "Accept-Ranges": "none"}, {"Last-Modified": "yesterday"}],
    ids=["none", "weak", "refused", "unreadable"],
)
def test_without_a_strong_validator_nothing_is_resumed(downloader, file, headers):
    file.body, file.headers, file.cuts = BODY, headers, [1000]

    assert fetched(downloader(), file)[0] == BODY
    assert file.asked == [None, None]


def test_a_document_that_was_whole_already_is_not_sent_again(tmp_path, downloader, file):
    file.body, file.headers = BODY, TAGGED
    left = FilePartial(tmp_path / "body")
    left.begin('{"etag": "\\"v1\\"", "modified": "Tue, 01 Jan 2013 00:00:00 GMT"}')
    left.append(BODY)

    using = downloader(partial=lambda _: FilePartial(tmp_path / "body"))

    assert fetched(using, file) == (BODY, TAGGED["Last-Modified"])
    assert file.sent == [0]


def test_a_document_that_shrank_begins_anew(tmp_path, downloader, file):
    file.body, file.headers = BODY[:100], TAGGED
    left = FilePartial(tmp_path / "body")
    left.begin('{"etag": "\\"v1\\"", "modified": null}')
    left.append(BODY)

    assert fetched(downloader(partial=lambda _: FilePartial(tmp_path / "body")), file)[0] == BODY[:100]


def test_progress_is_no_failure(monkeypatch, downloader, file):
    """73 MB that break off every 7 MB need more connections than there are attempts."""
    monkeypatch.setattr(download, "CHUNK_BYTES", 100)
    file.body, file.headers, file.cuts = BODY, TAGGED, [300] * 9

    assert fetched(downloader(), file)[0] == BODY
    assert len(file.asked) == 10


@pytest.mark.parametrize(
    ("headers", "ranges"),
    [({}, True), ({"ETag": 'W/"v1"'}, True), (TAGGED, False)],
    ids=["none", "weak", "ignored"],
)
def test_what_begins_anew_each_time_is_no_progress(monkeypatch, downloader, file, headers, ranges):
    monkeypatch.setattr(download, "CHUNK_BYTES", 100)
    file.body, file.headers, file.cuts, file.ranges = BODY, headers, [300] * 9, ranges

    with pytest.raises(SourceError, match="gave up after"):
        fetched(downloader(), file)
    assert len(file.asked) <= 4


def test_drops_without_progress_are_given_up(downloader, file):
    file.body, file.headers, file.cuts = BODY, TAGGED, [10] * 9

    with pytest.raises(SourceError, match=r"broke off after 30 of 3072 bytes.*gave up after 3 attempts"):
        fetched(downloader(), file)


@pytest.fixture
def slow(monkeypatch, file, downloader, tmp_path):
    """A file that needs several processes: each has time for some pieces only."""
    monkeypatch.setattr(download, "CHUNK_BYTES", 256)

    def process(pieces):
        clock = itertools.chain([1.0] * (pieces + 2), itertools.repeat(0.0))
        return downloader(partial=lambda _: FilePartial(tmp_path / "body"), seconds_left=lambda: next(clock))

    return process


def test_a_download_that_takes_too_long_is_kept_and_continued(slow, file):
    file.body, file.headers = BODY, TAGGED

    done = []
    while True:
        try:
            found = fetched(slow(4), file)
        except DownloadUnfinishedError as unfinished:
            done.append(unfinished.done)
        else:
            break

    assert found == (BODY, TAGGED["Last-Modified"])
    assert len(done) > 1
    assert done == sorted(set(done))
    assert file.asked == [None, *(f"bytes={size}-" for size in done)]


def test_no_time_at_all_asks_nothing(slow, file):
    file.body = BODY
    using = Downloader(seconds_left=lambda: 0.0)

    with pytest.raises(DownloadUnfinishedError, match="0 of an unknown number of bytes"):
        fetched(using, file)
    assert file.asked == []


def test_a_long_document_that_cannot_be_continued_is_a_sentence(slow, file):
    file.body, file.headers = BODY, {}

    with pytest.raises(SourceError, match="takes longer than there is time, and cannot be continued"):
        fetched(slow(4), file)


def test_a_server_that_ignores_ranges_is_noticed_by_the_second_process(slow, file):
    file.body, file.headers, file.ranges = BODY, TAGGED, False

    with pytest.raises(DownloadUnfinishedError):
        fetched(slow(4), file)
    with pytest.raises(SourceError, match="cannot be continued"):
        fetched(slow(4), file)


def test_a_wait_that_is_longer_than_the_time_left_is_left_to_the_next_process(source, answer):
    source.answers = [answer(status=429, headers={"Retry-After": "100"}), answer(body=b"there")]
    slept = []
    using = Downloader(policy=RetryPolicy(), seconds_left=lambda: 50.0, sleep=slept.append)

    with pytest.raises(DownloadUnfinishedError):
        using.read(source.url, content)
    assert slept == []


def test_a_document_over_the_limit_is_refused_before_it_is_downloaded(downloader, file):
    file.body, file.headers = BODY, TAGGED

    with pytest.raises(SourceError, match=r"http://.* has 3,072 bytes, more than the limit of 3,000"):
        fetched(downloader(limit=3000), file)


def test_an_endless_document_is_refused_at_the_limit(downloader, source, answer):
    source.answers = [answer(body=BODY, headers={"Transfer-Encoding": "identity"}, announced=-1)]

    with pytest.raises(SourceError, match="goes on after the limit of 3,000 bytes"):
        downloader(limit=3000).read(source.url, content)
