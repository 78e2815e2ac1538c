import pytest
from hypothesis import given
from hypothesis import strategies as st

from flights.sources.partial import DownloadUnfinishedError, FilePartial, Partial


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "a.zip"


def test_a_new_place_is_empty(path):
    partial: Partial = FilePartial(path)

    assert (partial.size, partial.validator) == (0, None)
    partial.discard()


def test_another_process_finds_the_bytes_and_their_validator(path):
    first = FilePartial(path)
    first.begin('"v1"')
    first.append(b"one ")
    first.append(b"two ")
    first.keep()

    second = FilePartial(path)
    assert (second.size, second.validator) == (8, '"v1"')
    second.append(b"three")
    with second.complete() as body:
        assert body.seekable()
        assert body.read() == b"one two three"


def test_a_complete_download_leaves_nothing(path):
    partial = FilePartial(path)
    partial.begin("v1")
    partial.append(b"x")

    partial.complete().close()

    assert list(path.parent.iterdir()) == []
    assert partial.size == 0


def test_a_new_document_takes_the_place_of_the_old_one(path):
    partial = FilePartial(path)
    partial.begin("v1")
    partial.append(b"old")

    partial.begin("v2")

    assert (partial.size, partial.validator) == (0, "v2")


def test_a_document_without_a_validator_has_none(path):
    partial = FilePartial(path)
    partial.begin(None)
    partial.append(b"x")

    assert FilePartial(path).validator is None


def test_bytes_whose_validator_was_not_written_do_not_count(path):
    path.parent.mkdir()
    path.write_bytes(b"left by a process that was killed")

    assert FilePartial(path).size == 0


@given(chunks=st.lists(st.binary(min_size=1, max_size=50), max_size=8))
def test_the_body_is_the_chunks_in_their_order(tmp_path, chunks):
    partial = FilePartial(tmp_path / "body")
    partial.begin("v")
    for chunk in chunks:
        partial.append(chunk)

    assert partial.size == sum(map(len, chunks))
    with partial.complete() as body:
        assert body.read() == b"".join(chunks)


@pytest.mark.parametrize(
    ("total", "words"), [(2_000, "1,000 of 2,000 bytes"), (None, "of an unknown number")]
)
def test_an_unfinished_download_reports_how_far_it_is(total, words):
    error = DownloadUnfinishedError("http://x/a.zip", 1_000, total)

    assert str(error).startswith("http://x/a.zip: ")
    assert words in str(error)
    assert (error.url, error.done, error.total) == ("http://x/a.zip", 1_000, total)
