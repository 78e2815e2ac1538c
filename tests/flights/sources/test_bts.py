import csv
import gzip
import io
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flights.sources.bts import RAW_COLUMNS, MonthNotPublishedError, flights_of_month, month_url
from flights.sources.download import SourceError
from flights.sources.raw_objects import flights_key
from tests.flights.raw_lines import VALID

ORIGINS = ["EWR", "JFK", "LGA"]
JANUARY = [date(2013, 1, 1) + timedelta(days=n) for n in range(31)]

HEADER = ["Year", "OriginCityName", *RAW_COLUMNS, "Flights"]
FLIGHT = {"Year": "2013", "OriginCityName": "Newark, NJ", **VALID, "Flights": "1.00"}


def table(*flights, header=HEADER):
    """A month's CSV as BTS writes it: everything that is text quoted, a comma at the end of each line."""
    lines = [",".join(f'"{name}"' for name in header) + ","]
    for flight in flights:
        row = {**FLIGHT, **flight}
        lines.append(",".join('"' + row[name].replace('"', '""') + '"' for name in header) + ",")
    return "\n".join(lines) + "\n"


def rows(raw):
    return list(csv.DictReader(io.StringIO(gzip.decompress(raw.body).decode())))


@pytest.fixture
def month(source, answer, zipped):
    """Serve a month with these flights."""

    def serve(*flights, header=HEADER):
        source.answers = [answer(body=zipped(flights_csv=table(*flights, header=header), readme="read me"))]

    return serve


def test_the_month_is_not_padded_in_the_url():
    url = month_url("https://transtats.bts.gov/PREZIP/", date(2013, 1, 15))

    assert url == (
        "https://transtats.bts.gov/PREZIP/"
        "On_Time_Reporting_Carrier_On_Time_Performance_1987_present_2013_1.zip"
    )


def test_a_flight_keeps_its_values_as_they_are(source, month):
    month({})

    (raw,) = flights_of_month(source.url, JANUARY[:1], ORIGINS)

    assert raw.key == flights_key(date(2013, 1, 1))
    assert raw.rows == 1
    assert gzip.decompress(raw.body).decode() == (
        "FlightDate,Reporting_Airline,Tail_Number,Flight_Number_Reporting_Airline,Origin,Dest,CRSDepTime,"
        "DepTime,DepDelay,CRSArrTime,ArrTime,ArrDelay,Cancelled,CancellationCode,Diverted,AirTime,Distance\n"
        "2013-01-01,UA,N14228,1545,EWR,IAH,0515,0517,2.00,0819,0830,11.00,0.00,,0.00,227.00,1400.00\n"
    )


def test_values_that_make_no_sense_are_passed_on_for_the_curated_zone_to_judge(source, month):
    month({"DepDelay": "late", "ArrTime": "9999", "Tail_Number": 'N"1,2'})

    (raw,) = flights_of_month(source.url, JANUARY[:1], ORIGINS)

    (row,) = rows(raw)
    assert (row["DepDelay"], row["ArrTime"], row["Tail_Number"]) == ("late", "9999", 'N"1,2')


def test_a_month_is_fetched_once_and_gives_an_object_for_each_day_asked(source, month):
    month({"FlightDate": "2013-01-31"}, {"FlightDate": "2013-01-02"}, {"FlightDate": "2013-01-31"})

    objects = flights_of_month(source.url, JANUARY[1:], ORIGINS)

    assert len(source.asked) == 1
    assert [raw.key for raw in objects] == [flights_key(day) for day in JANUARY[1:]]
    assert [raw.rows for raw in objects] == [1] + [0] * 28 + [2]


def test_a_day_without_a_flight_gives_the_header_only(source, month):
    month({"FlightDate": "2013-01-02"})

    first, _ = flights_of_month(source.url, JANUARY[:2], ORIGINS)

    assert gzip.decompress(first.body).decode() == ",".join(RAW_COLUMNS) + "\n"


def test_columns_are_found_by_name_wherever_they_stand(source, month):
    month({}, header=HEADER[::-1])

    (raw,) = flights_of_month(source.url, JANUARY[:1], ORIGINS)

    assert rows(raw) == [{name: FLIGHT[name] for name in RAW_COLUMNS}]


def test_the_same_month_gives_the_same_bytes(source, month):
    month({}, {"Origin": "JFK"})

    assert flights_of_month(source.url, JANUARY, ORIGINS) == flights_of_month(source.url, JANUARY, ORIGINS)


@settings(max_examples=40)
@given(
    flights=st.lists(
        st.fixed_dictionaries(
            {
                "FlightDate": st.sampled_from([day.isoformat() for day in JANUARY]),
                "Origin": st.sampled_from([*ORIGINS, "LAX", "ORD"]),
                "Dest": st.sampled_from([*ORIGINS, "LAX", "ORD"]),
                "OriginCityName": st.sampled_from(["New York, NY", 'Say "EWR"', "JFK, on purpose", ""]),
                "DepDelay": st.sampled_from(["", "2.00", "-3.00", "late", 'a"b', "a,b"]),
            }
        )
    ),
    asked=st.lists(st.sampled_from(JANUARY), min_size=1, unique=True),
)
def test_exactly_the_flights_of_the_days_and_origins_arrive(source, month, flights, asked):
    month(*flights)

    objects = flights_of_month(source.url, asked, ORIGINS)

    arrived = [{name: row[name] for name in RAW_COLUMNS} for raw in objects for row in rows(raw)]
    expected = [
        {name: {**FLIGHT, **flight}[name] for name in RAW_COLUMNS}
        for day in sorted(asked)
        for flight in flights
        if flight["Origin"] in ORIGINS and flight["FlightDate"] == day.isoformat()
    ]
    assert arrived == expected
    assert sum(raw.rows for raw in objects) == len(expected)


def test_a_month_that_is_not_published_is_named_with_its_url(source, answer):
    source.answers = [answer(status=404)]

    with pytest.raises(MonthNotPublishedError, match=r"has not published 2013-01: .*_2013_1\.zip; ask for"):
        flights_of_month(source.url, JANUARY, ORIGINS)
    assert len(source.asked) == 1


def test_a_server_that_is_busy_once_is_asked_again(source, answer, zipped, impatient):
    good = zipped(flights_csv=table({}))
    source.answers = [answer(status=503), answer(body=good)]

    (raw,) = flights_of_month(source.url, JANUARY[:1], ORIGINS, impatient)

    assert raw.rows == 1
    assert len(source.asked) == 2


def test_a_truncated_zip_is_fetched_again(source, answer, zipped, impatient):
    good = zipped(flights_csv=table(*[{}] * 2000))
    cut = good[: len(good) // 2]
    source.answers = [answer(body=cut), answer(body=cut, announced=len(good)), answer(body=good)]

    (raw,) = flights_of_month(source.url, JANUARY[:1], ORIGINS, impatient)

    assert raw.rows == 2000
    assert len(source.asked) == 3


def test_a_zip_that_stays_damaged_is_a_clear_error(source, answer, zipped, impatient):
    packed = bytearray(zipped(flights_csv=table(*[{"Tail_Number": f"N{n}"} for n in range(5000)])))
    packed[len(packed) // 2] ^= 0xFF
    source.answers = [answer(body=bytes(packed))]

    with pytest.raises(SourceError, match=r"_2013_1\.zip arrived damaged .*; gave up after 3 attempts"):
        flights_of_month(source.url, JANUARY, ORIGINS, impatient)


def test_a_changed_layout_names_the_missing_columns(source, month):
    month({}, header=[name for name in HEADER if name not in ("DepDelay", "Origin")])

    with pytest.raises(SourceError, match="lacks the columns Origin, DepDelay: its layout has changed"):
        flights_of_month(source.url, JANUARY, ORIGINS)


def test_an_empty_file_is_a_changed_layout(source, answer, zipped):
    source.answers = [answer(body=zipped(flights_csv=""))]

    with pytest.raises(SourceError, match="lacks the columns FlightDate"):
        flights_of_month(source.url, JANUARY, ORIGINS)


def test_a_zip_without_its_table_is_an_error(source, answer, zipped):
    source.answers = [answer(body=zipped(readme="no table"))]

    with pytest.raises(SourceError, match="holds 0 CSV files, not one"):
        flights_of_month(source.url, JANUARY, ORIGINS)


def test_a_record_of_another_length_is_an_error(source, answer, zipped):
    source.answers = [answer(body=zipped(flights_csv=table({}) + '"2013","EWR",\n'))]

    with pytest.raises(SourceError, match="has a record of 3 fields under a header of 21"):
        flights_of_month(source.url, JANUARY, ORIGINS)


def test_a_flight_of_another_month_is_an_error(source, month):
    month({"FlightDate": "2013-02-01"})

    with pytest.raises(SourceError, match="has a flight dated '2013-02-01', outside its month"):
        flights_of_month(source.url, JANUARY, ORIGINS)


def test_days_of_two_months_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="exactly one month"):
        flights_of_month("http://127.0.0.1:9", [date(2013, 1, 31), date(2013, 2, 1)], ORIGINS)
