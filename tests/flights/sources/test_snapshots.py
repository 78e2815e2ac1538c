"""Lists: which days are asked for, as of which day an answer is, what is refused."""

import gzip
import io
import json
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flights.sources.carriers import AIRLINES
from flights.sources.download import SourceError
from flights.sources.faa import AIRCRAFT
from flights.sources.period import Period
from flights.sources.snapshots import days_asked, snapshots

ROOT = Path(__file__).parents[3]
DAY = date(2013, 1, 1)
ARCHIVE = "https://example.org/{date}/list.zip"

MASTER_HEADER = (
    "\ufeffN-NUMBER,SERIAL NUMBER,MFR MDL CODE,ENG MFR MDL,YEAR MFR,TYPE REGISTRANT,NAME,STREET,STREET2,CITY,"
    "STATE,ZIP CODE,REGION,COUNTY,COUNTRY,LAST ACTION DATE,CERT ISSUE DATE,CERTIFICATION,TYPE AIRCRAFT,"
    "TYPE ENGINE,STATUS CODE,MODE S CODE,FRACT OWNER,AIR WORTH DATE,OTHER NAMES(1),OTHER NAMES(2),"
    "OTHER NAMES(3),OTHER NAMES(4),OTHER NAMES(5),EXPIRATION DATE,UNIQUE ID,KIT MFR, KIT MODEL,"
    "MODE S CODE HEX,"
)
MODEL_HEADER = (
    "\ufeffCODE,MFR,MODEL,TYPE-ACFT,TYPE-ENG,AC-CAT,BUILD-CERT-IND,NO-ENG,NO-SEATS,AC-WEIGHT,SPEED,"
    "TC-DATA-SHEET,TC-DATA-HOLDER,"
)
MODEL = "13844FZ,BOEING                        ,737-8               ,5,5 ,1,0,02,175,CLASS 3,0000,,,"


def aircraft(number="1801U", code="13844FZ", year="2022", kind="5", engine="5 "):
    """A line of MASTER.txt, padded as FAA pads it."""
    blanks = ",".join(" " * width for width in (50,) * 5)
    return (
        f"{number:<5},60223                         ,{code:<7},13124,{year:<4},3,AN AIRLINE{' ' * 40},"
        f"1 STREET{' ' * 25},{' ' * 33},DALLAS{' ' * 12},TX,75235     ,2,113,US,20230818,20220712,1T        ,"
        f"{kind},{engine},V ,50241472, ,20220405,{blanks},20300731,01423890,{' ' * 30},{' ' * 20},A1A2A3    ,"
    )


@pytest.fixture
def registry(source, answer):
    """Serve a registry of these lines; its URL."""

    def serve(master=(), models=(MODEL,), *, headers=(MASTER_HEADER, MODEL_HEADER), cut=0):
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, lines in (
                ("MASTER.txt", [headers[0], *master]),
                ("ACFTREF.txt", [headers[1], *models]),
                ("DEREG.txt", ["N-NUMBER,"]),
            ):
                packed.writestr(name, "".join(f"{line}\r\n" for line in lines))
        content = body.getvalue()
        source.answers = [answer(body=content[: len(content) - cut])]
        return source.url

    return serve


def rows(snapshot):
    return [line.split(",") for line in gzip.decompress(snapshot.content.body).decode().splitlines()[1:]]


def taken(source_list, url, policy, day=DAY):
    [snapshot] = snapshots(source_list, url, [day], policy)
    return snapshot


def test_an_archive_is_asked_for_both_ends_and_each_first_of_a_month():
    asked = days_asked(ARCHIVE, Period(date(2013, 1, 15), date(2013, 3, 10)))

    assert asked == [date(2013, 1, 15), date(2013, 2, 1), date(2013, 3, 1), date(2013, 3, 10)]


def test_a_day_is_asked_for_once():
    assert days_asked(ARCHIVE, Period(date(2013, 2, 1), date(2013, 2, 1))) == [date(2013, 2, 1)]


@given(st.dates(date(1990, 1, 1), date(2040, 1, 1)), st.integers(0, 800))
def test_days_asked_lie_in_the_period_in_order(first, length):
    period = Period(first, first + timedelta(days=length))

    asked = days_asked(ARCHIVE, period)

    assert asked == sorted(set(asked))
    assert (asked[0], asked[-1]) == (period.start, period.end)


def test_any_other_source_has_the_list_of_today():
    before = datetime.now(UTC).date()
    [asked] = days_asked("https://example.org/list.zip", Period(DAY, DAY))

    assert before <= asked <= datetime.now(UTC).date()


def test_the_day_takes_its_place_in_the_url(registry, source, impatient):
    url = registry([aircraft()]) + "/{date}/list.zip"

    [first, *more] = snapshots(AIRCRAFT, url, [DAY, date(2013, 2, 1)], impatient)

    assert source.asked == ["/2013-01-01/list.zip", "/2013-02-01/list.zip"]
    assert (first.day, [each.day for each in more]) == (DAY, [date(2013, 2, 1)])


def test_a_list_is_as_of_the_day_of_its_last_change(registry, source, answer, impatient):
    url = registry([aircraft()])
    source.answers[0].modified = "Tue, 19 Nov 2013 23:30:00 GMT"

    found = list(snapshots(AIRCRAFT, url, [date(2013, 11, 20), date(2013, 11, 21)], impatient))

    assert [each.day for each in found] == [date(2013, 11, 19)]
    assert found[0].content.key == "aircraft/snapshot=2013-11-19/aircraft-2013-11-19.csv.gz"


def test_an_aircraft_is_joined_with_its_model_and_padding_is_taken_off(registry, impatient):
    url = registry([aircraft()])

    assert rows(taken(AIRCRAFT, url, impatient)) == [
        ["N1801U", "2022", "Fixed wing multi engine", "BOEING", "737-8", "2", "175", "NA", "Turbo-fan"]
    ]


@pytest.mark.parametrize(
    ("kind", "engine", "names"),
    [
        ("4", "1 ", ("Fixed wing single engine", "Reciprocating")),
        ("6", "3 ", ("Rotorcraft", "Turbo-shaft")),
        ("H", "10", ("Hybrid Lift", "Electric")),
        ("1", "0 ", ("Glider", "None")),
        ("4", "  ", ("Fixed wing single engine", "NA")),
        ("X", "99", ("X", "99")),  # a code that FAA does not document
    ],
)
def test_codes_become_names(registry, impatient, kind, engine, names):
    url = registry([aircraft(kind=kind, engine=engine)])

    [row] = rows(taken(AIRCRAFT, url, impatient))
    assert (row[2], row[8]) == names


def test_blank_and_zero_are_null(registry, impatient):
    model = "13844FZ,BOEING                        ,                    ,5,5 ,1,0,00,000,CLASS 3,0000,,,"
    url = registry([aircraft(year="    ")], [model])

    [row] = rows(taken(AIRCRAFT, url, impatient))
    assert row[1:] == ["NA", "Fixed wing multi engine", "BOEING", "NA", "NA", "NA", "NA", "Turbo-fan"]


def test_an_aircraft_of_an_unknown_model_is_kept(registry, impatient):
    url = registry([aircraft(code="0000000")])

    [row] = rows(taken(AIRCRAFT, url, impatient))
    assert row == ["N1801U", "2022", "Fixed wing multi engine", *["NA"] * 5, "Turbo-fan"]


def test_a_quote_in_a_value_is_not_csv_s(registry, impatient):
    model = '13844FZ,"BOEING                       ,RV-6 "X"            ,5,5 ,1,0,02,175,CLASS 3,0000,,,'
    url = registry([aircraft()], [model])

    content = gzip.decompress(taken(AIRCRAFT, url, impatient).content.body).decode()
    assert '"""BOEING","RV-6 ""X""",2,175' in content


def test_records_that_cannot_be_read_are_rejects_with_reasons(registry, impatient):
    nameless, short = aircraft(number="     "), "1234A,too short,"
    url = registry([aircraft(), nameless, short, ""], [MODEL, "7654321,BOEING,"])

    snapshot = taken(AIRCRAFT, url, impatient)

    assert snapshot.content.rows == 1
    assert snapshot.reasons == {"wrong_column_count": 2, "missing_key": 1}
    assert snapshot.rejects.key == "rejects/aircraft/snapshot=2013-01-01/aircraft-2013-01-01.json.gz"
    lines = gzip.decompress(snapshot.rejects.body).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"reason": "wrong_column_count", "file": "ACFTREF.txt", "line": "7654321,BOEING,"},
        {"reason": "missing_key", "file": "MASTER.txt", "line": nameless},
        {"reason": "wrong_column_count", "file": "MASTER.txt", "line": short},
    ]


def test_a_list_without_rejects_has_none(registry, impatient):
    assert taken(AIRCRAFT, registry([aircraft()]), impatient).rejects is None


def test_an_empty_list_is_refused(registry, impatient):
    url = registry([aircraft(number="     ")])

    with pytest.raises(SourceError, match=r"lists no aircraft \(1 records were rejected\)"):
        taken(AIRCRAFT, url, impatient)


def test_a_truncated_zip_is_fetched_again_and_then_named(registry, source, impatient):
    url = registry([aircraft()], cut=40)

    with pytest.raises(SourceError, match=r"arrived damaged \(.*\); gave up after 3 attempts"):
        taken(AIRCRAFT, url, impatient)
    assert len(source.asked) == 3


def test_damage_inside_the_zip_is_noticed(registry, source, impatient):
    url = registry([aircraft()])
    body = bytearray(source.answers[0].body)
    body[60:64] = b"\xff\xff\xff\xff"
    source.answers[0].body = bytes(body)

    with pytest.raises(SourceError, match="arrived damaged"):
        taken(AIRCRAFT, url, impatient)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (
            ("N-NUMBER,NAME,", MODEL_HEADER),
            r"MASTER\.txt in .* lacks the columns MFR MDL CODE, YEAR MFR, TYPE",
        ),
        ((MASTER_HEADER, "CODE,MFR,MODEL,"), r"ACFTREF\.txt in .* lacks the columns NO-ENG, NO-SEATS, SPEED"),
    ],
)
def test_another_header_is_a_sentence(registry, impatient, headers, message):
    with pytest.raises(SourceError, match=message):
        taken(AIRCRAFT, registry([aircraft()], headers=headers), impatient)


def test_another_zip_is_a_sentence(source, answer, zipped, impatient):
    source.answers = [answer(body=zipped(flights_csv="a,b"))]

    with pytest.raises(SourceError, match=r"holds no ACFTREF\.txt: it is not FAA's aircraft registry"):
        taken(AIRCRAFT, source.url, impatient)


def carriers(source, answer, text):
    source.answers = [answer(body=text.encode())]
    return source.url


def test_the_carriers_are_code_and_name(source, answer, impatient):
    url = carriers(
        source, answer, 'Code,Description\r\n"9E","Endeavor Air Inc."\r\n"AA","American, Inc."\r\n'
    )

    snapshot = taken(AIRLINES, url, impatient)

    assert gzip.decompress(snapshot.content.body).decode() == (
        'carrier,name\n9E,Endeavor Air Inc.\nAA,"American, Inc."\n'
    )


def test_a_carrier_without_code_is_a_reject(source, answer, impatient):
    url = carriers(source, answer, 'Code,Description\r\n"","Nobody"\r\n"AA"\r\n"UA","United"\r\n\r\n')

    snapshot = taken(AIRLINES, url, impatient)

    assert (snapshot.content.rows, snapshot.reasons) == (1, {"missing_key": 1, "wrong_column_count": 1})


@pytest.mark.parametrize("text", ["", "<html>busy</html>", "Code,Name\nAA,American\n"])
def test_another_table_of_carriers_is_a_sentence(source, answer, impatient, text):
    with pytest.raises(SourceError, match="its layout has changed"):
        taken(AIRLINES, carriers(source, answer, text), impatient)


REAL_SIZE = """
import sys
from datetime import date
from pathlib import Path
from flights.sources.faa import AIRCRAFT
from flights.sources.snapshots import _collected

def peak():
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024

before = peak()
with open(sys.argv[1], "rb") as body:
    snapshot = _collected(AIRCRAFT, date(2013, 1, 1), AIRCRAFT.records("url", body), "url")
print(snapshot.content.rows, peak() - before)
"""
"""Peak memory in MB that reading a registry adds. Not by getrusage: its maximum includes the parent's."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_a_registry_of_real_size_needs_little_memory(tmp_path):
    path = tmp_path / "ReleasableAircraft.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        with packed.open("MASTER.txt", "w") as member:
            member.write(f"{MASTER_HEADER}\r\n".encode())
            for number in range(300_000):
                line = aircraft(number=f"{number % 100_000}", code=f"{number % 90_000:07}")
                member.write(f"{line}\r\n".encode())
        with packed.open("ACFTREF.txt", "w") as member:
            member.write(f"{MODEL_HEADER}\r\n".encode())
            for code in range(90_000):
                member.write(f"{code:07}{MODEL[7:30]}{code:<8}{MODEL[38:]}\r\n".encode())

    done = subprocess.run(
        [sys.executable, "-c", REAL_SIZE, path], cwd=ROOT, capture_output=True, text=True, check=True
    )

    count, megabytes = map(int, done.stdout.split())
    assert count == 300_000
    assert 10 < megabytes < 64
