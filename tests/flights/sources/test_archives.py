"""Zips that are not what they should be: each is a sentence with the URL."""

import contextlib
import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flights.sources import archives
from flights.sources.archives import lines, member, opened
from flights.sources.errors import PassingError, SourceError

URL = "http://example.org/a.zip"


def packed(content=b"a,b\n", method=zipfile.ZIP_DEFLATED, name="x.csv"):
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", method) as archive:
        archive.writestr(name, content)
    return body.getvalue()


def patched(body, *, method=None, flags=0, size=None):
    """The zip with other words about its one file, in both places that have them."""
    changed = bytearray(body)
    for mark, at_flags, at_method, at_size in ((b"PK\3\4", 6, 8, 22), (b"PK\1\2", 8, 10, 24)):
        start = changed.find(mark)
        changed[start + at_flags] |= flags
        if method is not None:
            changed[start + at_method : start + at_method + 2] = struct.pack("<H", method)
        if size is not None:
            changed[start + at_size : start + at_size + 4] = struct.pack("<L", size)
    return bytes(changed)


def read(body, **options):
    with opened(URL, io.BytesIO(body)) as archive, member(URL, archive, "x.csv", **options) as content:
        return content.read()


def test_a_member_is_read():
    assert read(packed(b"a,b\n" * 100_000)) == b"a,b\n" * 100_000


def test_deflate64_is_a_sentence():
    with pytest.raises(SourceError, match=r"a\.zip holds x\.csv packed by method 9, not by deflate"):
        read(patched(packed(), method=9))


def test_an_encrypted_member_is_a_sentence():
    with pytest.raises(SourceError, match=r"a\.zip holds x\.csv, which cannot be read .*encrypted"):
        read(patched(packed(), flags=1))


@pytest.mark.parametrize("cut", [1, 30, 60])
def test_a_truncated_zip_is_damage(cut):
    with pytest.raises(PassingError, match=r"a\.zip arrived damaged"):
        read(packed()[:-cut])


def test_a_page_instead_of_a_zip_is_damage():
    with pytest.raises(PassingError, match=r"a\.zip arrived damaged"):
        read(b"<html>The site is being serviced</html>")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(archives, "HARMLESS_BYTES", 1_000_000)

    with pytest.raises(SourceError, match=r"x\.csv with 3,000,000 bytes, packed into [\d,]+: more than"):
        read(packed(bytes(3_000_000)))


def test_a_member_over_the_limit_is_refused():
    with pytest.raises(SourceError, match="more than the limit of 1,000 bytes"):
        read(packed(b"x" * 1001, zipfile.ZIP_STORED), limit=1000)


def test_a_member_that_says_less_than_it_is_gives_no_more_than_it_says():
    with pytest.raises(PassingError, match="arrived damaged"):
        read(patched(packed(bytes(5_000_000)), size=1000))


@given(st.binary(max_size=200), st.integers(0, 150), st.binary(min_size=1, max_size=4))
def test_no_damage_is_an_error_of_another_kind(content, at, damage):
    body = bytearray(packed(content))
    body[at : at + len(damage)] = damage
    with contextlib.suppress(SourceError, KeyError):  # KeyError: the name itself is damaged
        assert isinstance(read(bytes(body)), bytes)


def test_a_line_without_end_is_refused():
    with pytest.raises(SourceError, match=r"x\.csv in http://.* has a line of more than 65,536"):
        list(lines(URL, "x.csv", io.BytesIO(b"short\n" + b"x" * 70_000)))


@given(st.binary(max_size=300))
def test_lines_within_the_limit_are_the_file(content):
    found = list(lines(URL, "x.csv", io.BytesIO(content)))

    assert b"".join(found) == content
    assert all(line.endswith(b"\n") for line in found[:-1])
