"""Faults of the sources that the adapters did not foresee once: each is a sentence, and no wrong row."""

import csv
import gzip
import io
import json
import zipfile
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flights.sources import bts, carriers, faa, snapshots
from flights.sources.download import RetryPolicy, SourceError
from flights.sources.raw_objects import csv_line
from flights.sources.snapshots import _collected
from tests.flights.sources.test_archives import packed, patched

DAY = date(2013, 1, 1)
ONCE = RetryPolicy(1)
LINE_ENDS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


def registry(model):
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as packed:
        packed.writestr(
            "MASTER.txt",
            "N-NUMBER,MFR MDL CODE,YEAR MFR,TYPE AIRCRAFT,TYPE ENGINE,\n1AB  ,7654321,1999,5,5,\n",
        )
        packed.writestr(
            "ACFTREF.txt",
            f"CODE,MFR,MODEL,NO-ENG,NO-SEATS,SPEED,\n7654321,BOEING ,{model} ,02,149,0400,\n",
        )
    body.seek(0)
    return body


def test_a_tab_in_the_name_of_a_model_shifts_no_column():
    [row] = faa.records("http://x", registry("737\t800"))

    assert row == [
        *("N1AB", "1999", "Fixed wing multi engine"),
        *("BOEING", "737\t800", "2", "149", "400", "Turbo-fan"),
    ]


@given(st.text(st.characters(blacklist_characters=",\n\r", codec="utf-8"), max_size=20))
def test_a_model_of_any_name_has_nine_columns(name):
    [row] = faa.records("http://x", registry(name))

    assert len(row) == 9
    assert row[4] == name.strip()


def lines_of(answer):
    content = _collected(carriers.AIRLINES, DAY, carriers.records("http://x", io.BytesIO(answer)), "http://x")
    return gzip.decompress(content.content.body).decode(), content.content.rows


def test_a_name_with_a_line_end_is_one_line():
    text, rows = lines_of(b'Code,Description\r\n"UA","United\r\nAir Lines"\r\n"DL","Delta"\r\n')

    assert (len(text.splitlines()), rows) == (3, 2)
    assert text == "carrier,name\nUA,United Air Lines\nDL,Delta\n"


@given(
    st.lists(st.lists(st.text() | st.sampled_from(LINE_ENDS), min_size=2, max_size=4).map(tuple), max_size=5)
)
def test_any_record_is_one_line_that_reads_as_it_was(records):
    for record in records:
        line = csv_line(record)

        assert line.splitlines() == [line[:-1]]
        [read] = csv.reader([line])
        assert len(read) == len(record)
        assert [value.split() for value in read] == [value.split() for value in record]


@pytest.mark.parametrize("end", LINE_ENDS)
def test_a_flight_with_a_line_end_in_a_value_is_one_line(source, answer, zipped, end):
    names = [*bts.RAW_COLUMNS, ""]
    flight = {"FlightDate": "2013-01-01", "Origin": "EWR", "Tail_Number": f"N1{end}EWR"}
    table = io.StringIO()
    csv.writer(table).writerows([names, [flight.get(name, "") for name in names]])
    source.answers = [answer(body=zipped(flights_csv=table.getvalue()))]

    [raw] = bts.flights_of_month(source.url, [DAY], ["EWR"], ONCE)

    _, line = gzip.decompress(raw.body).decode().splitlines()
    assert line.startswith("2013-01-01,,N1 EWR,")


def flights(source, day=DAY):
    with pytest.raises(SourceError) as refused:
        bts.flights_of_month(source.url, [day], ["EWR"], ONCE)
    assert f"_{day.year}_{day.month}.zip" in str(refused.value)
    return refused.value


@pytest.mark.parametrize("fault", [{"method": 9}, {"flags": 1}], ids=["deflate64", "encrypted"])
def test_a_month_that_cannot_be_unpacked_is_a_sentence(source, answer, fault):
    source.answers = [answer(body=patched(packed(b"FlightDate\n"), **fault))]

    assert type(flights(source)) is SourceError


@pytest.mark.parametrize(("month", "never"), [((1995, 5), True), ((1987, 9), True), ((2000, 1), False)])
def test_a_month_that_bts_will_never_have_is_no_month_to_wait_for(source, answer, month, never):
    source.answers = [answer(status=404)]

    refused = flights(source, date(*month, 1))

    assert isinstance(refused, bts.MonthNeverPublishedError) == never
    assert isinstance(refused, bts.MonthNotPublishedError) == (not never)
    assert ("earlier month" in str(refused)) == (not never)


def test_a_month_of_the_nineties_that_a_mirror_has_is_read(source, answer, zipped):
    names = ",".join([*bts.RAW_COLUMNS, ""])
    source.answers = [answer(body=zipped(flights_csv=f"{names}\n"))]

    [raw] = bts.flights_of_month(source.url, [date(1995, 5, 1)], ["EWR"], ONCE)

    assert raw.rows == 0


def airlines(source):
    [found] = snapshots.snapshots(carriers.AIRLINES, source.url, [DAY], ONCE)
    return found


def test_a_name_in_latin_1_is_kept_with_a_mark(source, answer):
    source.answers = [answer(body=b'Code,Description\n"AM","Aerov\xedas"\n')]

    text = gzip.decompress(airlines(source).content.body).decode()

    assert text == "carrier,name\nAM,Aerov\ufffdas\n"


UNITED = b'Code,Description\n"UA","United"\n'


def test_a_date_beyond_the_calendar_is_a_sentence(source, answer):
    source.answers = [answer(body=UNITED, modified="Fri, 31 Dec 9999 23:59:59 -0500")]

    with pytest.raises(SourceError, match=r"http://.* was last modified on 'Fri, 31 Dec 9999") as refused:
        airlines(source)
    assert type(refused.value) is SourceError


@pytest.mark.parametrize(
    "modified",
    [
        "Fri, 31 Dec 2099 23:59:59 GMT",
        "Mon, 01 Jan 0001 00:00:00 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Tue, 01 Jan 1980 00:00:00 GMT",
        "yesterday",
    ],
)
def test_a_list_is_of_no_day_that_cannot_be(source, answer, modified):
    source.answers = [answer(body=UNITED, modified=modified)]

    assert airlines(source).day == DAY


def test_a_list_of_this_moment_is_of_today(source, answer):
    now = datetime.now(UTC)
    source.answers = [answer(body=UNITED, modified=f"{now:%a, %d %b %Y} 00:00:00 GMT")]

    assert airlines(source).day == now.date()


@pytest.mark.parametrize("text", ['"2013-01-01,EWR\n', '"' + "EWR\n" * 20_000 + '",\n'])
def test_a_quote_that_is_not_closed_is_a_sentence(source, answer, zipped, text):
    names = ",".join([*bts.RAW_COLUMNS, ""])
    source.answers = [answer(body=zipped(flights_csv=f"{names}\n{text}"))]

    assert "quoted value" in str(flights(source))


def test_a_reject_with_any_line_end_is_one_line():
    line = "A" + "".join(LINE_ENDS) + "B"
    refused = snapshots.Reject("wrong_column_count", "x.txt", line)

    found = _collected(carriers.AIRLINES, DAY, [("UA", "United"), refused], "http://x").rejects

    [read] = gzip.decompress(found.body).decode().splitlines()
    assert json.loads(read)["line"] == line
