"""A download that one invocation cannot end: kept in S3, and ended by later ones, to the byte."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from flights.sources import faa
from flights.sources.download import Downloader
from ingestion.continuation import RESERVE_SECONDS
from tests.flights.sources.conftest import File, file

__all__ = ["file"]

BUCKET, PREFIX = "raw-bucket", "downloads/snapshots/"
EVENT = {"start": "2013-01-01", "end": "2013-01-01"}
MIB = 1 << 20


def registry(number: str) -> bytes:
    """FAA's registry with one aircraft, as large as two parts of an upload and a bit."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("ardata.pdf", random.Random(number).randbytes(11 * MIB))
        archive.writestr(faa.MODELS, ",".join(faa.MODEL_COLUMNS) + ",\n1,BOEING,737,2,150,400,\n")
        archive.writestr(faa.MASTER, ",".join(faa.MASTER_COLUMNS) + f",\n{number},1,1999,5,5,\n")
    return packed.getvalue()


class Clock:
    """The context of invocations in which time goes by with each question for it: so many questions each."""

    aws_request_id = function_name = invoked_function_arn = "invocation"
    memory_limit_in_mb = 1024

    def __init__(self, questions: int) -> None:
        self._questions = questions

    def get_remaining_time_in_millis(self) -> int:
        self._questions -= 1
        return int((RESERVE_SECONDS + self._questions) * 1000)


@pytest.fixture
def ingest(
    load: Callable[..., Any], source_parameters: None, file: File, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    boto3.client("ssm").put_parameter(
        Name="/refstack/dev/sources/aircraft", Value=f"{file.url}/aircraft.zip", Overwrite=True
    )
    file.body = registry("1AA")
    file.headers = {"ETag": '"one"', "Last-Modified": "Tue, 01 Jan 2013 00:00:00 GMT"}
    handler = load(
        "ingest_snapshots",
        RAW_BUCKET=BUCKET,
        DOWNLOADS_PREFIX=PREFIX,
        AIRCRAFT_SOURCE_PARAMETER="/refstack/dev/sources/aircraft",
        AIRLINES_SOURCE_PARAMETER="/refstack/dev/sources/airlines",
        CLIENT_PARAMETER="/refstack/dev/ingestion/client",
    ).handler

    def invoke(questions: int = 1_000_000) -> dict[str, Any]:
        answer: dict[str, Any] = handler(EVENT, Clock(questions))
        return answer

    return invoke


def stored(prefix: str) -> dict[str, bytes]:
    s3 = boto3.client("s3")
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {each["Key"]: s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read() for each in listed}


def left_over() -> list[Any]:
    """What there still is of a download in progress."""
    uploads = boto3.client("s3").list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    return [*stored(PREFIX), *uploads]


def test_several_invocations_end_one_download_and_the_list_is_the_same(
    ingest: Callable[..., dict[str, Any]], file: File
) -> None:
    ingest()
    at_once = stored("aircraft/")
    boto3.client("s3").delete_object(Bucket=BUCKET, Key=next(iter(at_once)))
    file.sent.clear()

    # The clock is asked for each request, twice, and for each piece of at most a MiB.
    answers = [ingest(10)]
    while not answers[-1].get("complete", True):
        answers.append(ingest(10))
        assert len(answers) < 300, answers[-1]

    done = [answer["bytes"] for answer in answers[:-1]]
    assert len(done) > 2, "the first invocations did not end it"
    assert done == sorted(set(done)), "each has brought new bytes"
    assert {answer["of"] for answer in answers[:-1]} == {len(file.body)}
    assert all(answer["unfinished"] == ["aircraft"] for answer in answers[:-1])
    assert all(answer["airlines"] for answer in answers), "the other list does not wait"
    assert stored("aircraft/") == at_once
    assert left_over() == []


def test_a_document_that_changed_meanwhile_is_fetched_anew(
    ingest: Callable[..., dict[str, Any]], file: File
) -> None:
    first = ingest(10)
    assert first["complete"] is False
    assert first["bytes"] > 0
    file.body, file.headers = registry("2BB"), {**file.headers, "ETag": '"two"'}

    last = ingest()

    assert last["missing"] == {}
    [body] = stored("aircraft/").values()
    assert "N2BB" in gzip.decompress(body).decode()
    assert left_over() == []


def test_a_source_that_fails_leaves_what_it_gave_to_the_next_invocation(
    ingest: Callable[..., dict[str, Any]], file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Downloader.__init__.__kwdefaults__, "sleep", lambda _: None)
    # Less than a piece at each connection: that is no progress, and there are five attempts.
    file.cuts = [6 * MIB, 10, 10, 10, 10, 10, 10]

    failed = ingest(5_000)
    asked = len(file.asked)
    done = ingest()

    assert "broke off" in failed["missing"]["aircraft"]
    assert done["missing"] == {}
    assert file.asked[asked] is not None, "it went on behind the last byte"
    assert left_over() == []
