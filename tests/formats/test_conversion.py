"""CSV and JSON to Parquet and ORC and back: the same values, whichever engine writes and reads them."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats import with_pandas
from formats.__main__ import main
from formats.conversion import Conversion, ConversionError, parse_columns

COLUMNS = parse_columns(
    "name string, small int, great bigint, ratio double, flag boolean, day date, moment timestamp"
)
ROWS: list[tuple[Any, ...]] = [
    (
        *('Zürich, "HB"', 1, 2**62, 0.1, True, date(2013, 1, 1)),
        datetime(2013, 1, 1, 10, 15, 0, 123456, UTC),
    ),
    ("two\nlines", -(2**31), -(2**62), -1e-300, False, date(1969, 12, 31), datetime(1960, 1, 1, tzinfo=UTC)),
    ("  blanks  ", None, None, 1e15, None, None, None),
    (None, 0, 0, None, None, date(2100, 2, 28), datetime(2100, 1, 1, 0, 0, 1, tzinfo=UTC)),
]

Convert = Callable[[Conversion], int]


@pytest.fixture(params=["pandas", "spark"])
def convert(request: pytest.FixtureRequest) -> Convert:
    return engine(request.param, request)


def engine(name: str, request: pytest.FixtureRequest) -> Convert:
    if name == "pandas":
        return with_pandas.convert
    from formats import with_spark

    spark = request.getfixturevalue("spark")
    return lambda conversion: with_spark.convert(conversion, spark)


def text(value: Any) -> str:
    """A value as the text formats have it."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case _:
            return str(value)


def write_text(path: Path, rows: list[tuple[Any, ...]]) -> Path:
    """Rows as a CSV or JSON file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        if path.suffix == ".csv":
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows([text(value) for value in row] for row in rows)
        else:
            for row in rows:
                record = {
                    name: value if isinstance(value, bool | int | float | None) else text(value)
                    for name, value in zip(COLUMNS, row, strict=True)
                }
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return path


def files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [each for each in sorted(path.rglob("*")) if each.is_file() and each.name[0] not in "._"]


def read(path: Path) -> list[tuple[Any, ...]]:
    """Rows of a file or folder of any format, by readers of another hand than the tool's."""
    rows = []
    for file in files(path):
        if ".parquet" in file.name:
            rows += [tuple(row.values()) for row in pyarrow.parquet.ParquetFile(file).read().to_pylist()]
        elif ".orc" in file.name:
            rows += [tuple(row.values()) for row in pyarrow.orc.read_table(file).to_pylist()]
        elif ".csv" in file.name:
            with file.open(newline="", encoding="utf-8") as lines:
                rows += [tuple(row) for row in list(csv.reader(lines))[1:]]
        else:
            rows += [
                tuple(json.loads(line).values()) for line in file.read_text(encoding="utf-8").splitlines()
            ]
    return sorted((tuple(utc(value) for value in row) for row in rows), key=repr)


def utc(value: Any) -> Any:
    """ORC's timestamps come without their zone, which is UTC."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def as_read(rows: list[tuple[Any, ...]], kind: str) -> list[tuple[Any, ...]]:
    """The rows as `read` gives them from a file of this format."""
    if kind == "csv":
        rows = [
            tuple(str(value) if isinstance(value, float) else text(value) for value in row) for row in rows
        ]
    if kind == "json":
        rows = [
            tuple(value if isinstance(value, bool | int | float | None) else text(value) for value in row)
            for row in rows
        ]
    return sorted(rows, key=repr)


def numbers(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """CSV's doubles as numbers: engines write 1E15 or 1e+15."""
    return sorted(
        (
            tuple(float(value) if place == 3 and value else value for place, value in enumerate(row))
            for row in rows
        ),
        key=repr,
    )


@pytest.mark.parametrize("columnar", ["parquet", "orc"])
@pytest.mark.parametrize("textual", ["csv", "json"])
def test_text_gets_types_and_comes_back_as_it_was(
    convert: Convert, tmp_path: Path, textual: str, columnar: str
) -> None:
    source = write_text(tmp_path / f"source.{textual}", ROWS)
    typed, back = tmp_path / f"typed.{columnar}", tmp_path / f"back.{textual}"

    assert convert(Conversion(source, typed, COLUMNS)) == len(ROWS)
    assert read(typed) == as_read(ROWS, columnar)

    assert convert(Conversion(typed, back)) == len(ROWS)
    assert numbers(read(back)) == numbers(as_read(ROWS, textual))


@pytest.mark.parametrize("columnar", ["parquet", "orc"])
@pytest.mark.parametrize(("writer", "reader"), [("pandas", "spark"), ("spark", "pandas")])
def test_one_engine_reads_what_the_other_wrote(
    tmp_path: Path, columnar: str, writer: str, reader: str, request: pytest.FixtureRequest
) -> None:
    source = write_text(tmp_path / "source.csv", ROWS)
    typed, back = tmp_path / f"typed.{columnar}", tmp_path / "back.json"

    engine(writer, request)(Conversion(source, typed, COLUMNS))
    engine(reader, request)(Conversion(typed, back))

    assert numbers(read(back)) == numbers(as_read(ROWS, "json"))


@pytest.mark.parametrize("target", ["copy.parquet", "copy.json"])
def test_without_columns_every_value_is_the_text_it_was(
    convert: Convert, tmp_path: Path, target: str
) -> None:
    source = tmp_path / "flights.csv"
    source.write_text("hour,minutes,note\n0515,2.00,true\n0533,,\n")

    convert(Conversion(source, tmp_path / target))

    assert read(tmp_path / target) == [("0515", "2.00", "true"), ("0533", None, None)]


def test_json_without_columns_is_text_in_the_order_of_the_alphabet(convert: Convert, tmp_path: Path) -> None:
    source = tmp_path / "weather.json"
    source.write_text('{"wind":1.5,"calm":true}\n{"wind":12345678901234567890,"hour":"05"}\n')

    convert(Conversion(source, tmp_path / "weather.csv"))

    assert read(tmp_path / "weather.csv") == [("", "05", "12345678901234567890"), ("true", "", "1.5")]


def test_partition_columns_become_folders_and_come_back_as_text(convert: Convert, tmp_path: Path) -> None:
    source = tmp_path / "flights.csv"
    source.write_text("month,origin,flight\n01,EWR,1\n01,,2\n02,EWR,3\n")
    folder, back = tmp_path / "flights.parquet", tmp_path / "back.csv"

    convert(Conversion(source, folder, partition_by=("month", "origin")))
    convert(Conversion(folder, back))

    assert {str(file.parent.relative_to(folder)) for file in files(folder)} == {
        "month=01/origin=EWR",
        "month=01/origin=__HIVE_DEFAULT_PARTITION__",
        "month=02/origin=EWR",
    }
    assert read(back) == [("1", "01", "EWR"), ("2", "01", ""), ("3", "02", "EWR")]


def test_packed_text_is_read_and_written(convert: Convert, tmp_path: Path) -> None:
    source = tmp_path / "flights.csv.gz"
    source.write_bytes(gzip.compress(b"a,b\n1,2\n"))

    convert(Conversion(source, tmp_path / "flights.json.gz"))

    [file] = files(tmp_path / "flights.json.gz")
    assert json.loads(gzip.decompress(file.read_bytes())) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("name", "content", "columns"),
    [
        ("typed.csv", "a,b\nx,1\n", "a int, b int"),
        ("fraction.csv", "a,b\n2.00,1\n", "a int, b int"),
        ("short.csv", "a,b\n1,2\n3\n", None),
        ("long.csv", "a,b\n1,2\n3,4,5\n", None),
        ("names.csv", "a,c\n1,2\n", "a int, b int"),
        ("day.csv", "a\n2013-02-30\n", "a date"),
        ("typed.json", '{"a":"x"}\n', "a int"),
        ("cut.json", '{"a":1}\n{"a":\n', None),
        ("list.json", '{"a":[1,2]}\n', None),
        ("object.json", '{"a":{"b":1}}\n', None),
        ("empty.json", "", None),
        ("none.parquet", "no Parquet", None),
    ],
)
def test_what_cannot_be_read_whole_is_one_sentence_and_leaves_nothing(
    convert: Convert, tmp_path: Path, name: str, content: str, columns: str | None
) -> None:
    source, target = tmp_path / name, tmp_path / "target.orc"
    source.write_text(content)

    with pytest.raises(ConversionError) as refused:
        convert(Conversion(source, target, None if columns is None else parse_columns(columns)))

    assert name in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not target.exists()


def test_a_column_to_partition_by_must_be_there(convert: Convert, tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("a,b\n1,2\n")

    with pytest.raises(ConversionError, match="no column month to partition by"):
        convert(Conversion(source, tmp_path / "b.parquet", partition_by=("month",)))


VALUES = st.tuples(
    st.text(st.characters(codec="utf-8", exclude_characters="\r", exclude_categories=["Cc"]), min_size=1)
    | st.none(),
    st.integers(-(2**31), 2**31 - 1) | st.none(),
    st.integers(-(2**63), 2**63 - 1) | st.none(),
    st.floats(allow_nan=False, allow_infinity=False) | st.none(),
    st.booleans() | st.none(),
    st.dates(date(1900, 1, 1)) | st.none(),
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)) | st.none(),
)


@settings(max_examples=60)
@given(rows=st.lists(VALUES, min_size=1, max_size=8), way=st.sampled_from(["csv parquet", "json orc"]))
def test_no_value_is_lost_on_the_way(
    rows: list[tuple[Any, ...]], way: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, (textual, columnar) = tmp_path_factory.mktemp("way"), way.split()
    source = write_text(folder / f"source.{textual}", rows)
    typed, back = folder / f"typed.{columnar}", folder / f"back.{textual}"

    with_pandas.convert(Conversion(source, typed, COLUMNS))
    with_pandas.convert(Conversion(typed, back))

    assert read(typed) == as_read(rows, columnar)
    assert numbers(read(back)) == numbers(as_read(rows, textual))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.csv", "b.parquet"], "There is no none.csv."),
        (
            ["a.txt", "b.parquet"],
            "a.txt does not end in .csv, .json, .parquet, .orc: its format is not known.",
        ),
        (["a.csv", "a.csv"], "a.csv is there already: remove it, or name another target."),
        (
            ["a.csv", "b.orc", "--columns", "a number"],
            "'a number' is no column: write `name type`, with one of",
        ),
        (["a.csv", "b.orc", "--columns", "a int, a int"], "The column a is named twice."),
    ],
)
def test_the_command_says_what_is_wrong(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "a.txt"):
        Path(name).write_text("a\n1\n")

    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith(said)


def test_the_command_converts(tmp_path: Path, capsys: Any) -> None:
    source, target = tmp_path / "a.csv", tmp_path / "b.parquet"
    source.write_text("a,b\n1,x\n2,y\n")

    assert main([str(source), str(target), "--columns", "a int, b string"]) == 0

    assert capsys.readouterr().out.startswith("2 rows: ")
    assert pa.parquet.read_schema(target).names == ["a", "b"]
