"""COPY's rules, each with files in S3: what Redshift refuses, what it loads, and what reaches the table."""

from __future__ import annotations

import bz2
import gzip
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from local.engines import redshift_copy
from local.engines.redshift_copy_rows import Column, Reject
from local.engines.redshift_lexer import UnsupportedError
from local.engines.redshift_s3 import Namespace, TransferError
from local.engines.redshift_sql import translate
from local.layout import BUCKET_LOCATION, REGION

ROLE = "arn:aws:iam::000000000000:role/copy"
BUCKET = "warehouse"
Put = Callable[[str, bytes], None]


@pytest.fixture(scope="module")
def storage() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=BUCKET_LOCATION)
        yield client


@pytest.fixture
def s3(storage: Any) -> Iterator[Any]:
    yield storage
    for item in storage.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        storage.delete_object(Bucket=BUCKET, Key=item["Key"])


@pytest.fixture
def put(s3: Any) -> Put:
    def write(key: str, body: bytes) -> None:
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    return write


def column(kind: str, *, size: int | None = None, required: bool = False, name: str = "c") -> Column:
    precision = (5, 2) if kind == "numeric" else None
    return Column(name, kind, size, precision, required=required)


def parquet(**columns: pa.Array) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def load(
    s3: Any,
    columns: list[Column],
    options: str = "format as parquet",
    *,
    prefix: str = "t/",
    role: str = f"'{ROLE}'",
    associated: tuple[str, ...] = (ROLE,),
    default: str | None = ROLE,
    rejects: list[Reject] | None = None,
) -> list[str]:
    """Lines of CSV that PostgreSQL would get."""
    [statement] = translate(f"copy s.t from 's3://{BUCKET}/{prefix}' iam_role {role} {options}")
    assert statement.copy is not None
    target = redshift_copy.Target(1, "s.t", columns)
    namespace = Namespace(roles=lambda: (list(associated), default), s3=lambda _: s3)
    reject = (rejects if rejects is not None else []).append
    return b"".join(redshift_copy.rows(statement.copy, target, namespace, reject)).decode().splitlines()


# --- who and where ---


def test_a_role_that_is_not_associated_with_the_namespace_is_refused(s3, put):
    put("t/a.parquet", parquet(a=pa.array([1])))
    with pytest.raises(TransferError, match="not authorized to assume IAM Role"):
        load(s3, [column("int8")], associated=())


def test_the_default_role_is_the_namespaces(s3, put):
    put("t/a.parquet", parquet(a=pa.array([1])))
    assert load(s3, [column("int8")], role="default") == ["1"]
    with pytest.raises(TransferError, match="No default IAM role"):
        load(s3, [column("int8")], role="default", default=None)


def test_credentials_may_name_the_role_and_no_keys():
    [statement] = translate(f"copy t from 's3://b/p' credentials 'aws_iam_role={ROLE}' csv")
    assert statement.copy.role_arn == ROLE
    with pytest.raises(UnsupportedError, match="CREDENTIALS is not emulated"):
        translate("copy t from 's3://b/p' credentials 'aws_access_key_id=a;aws_secret_access_key=b' csv")


def test_a_copy_without_a_role_is_refused():
    with pytest.raises(UnsupportedError, match="Must specify IAM_ROLE"):
        translate("copy t from 's3://b/p' format as parquet")


def test_an_empty_prefix_is_refused(s3):
    with pytest.raises(TransferError, match="The specified S3 prefix 't/' does not exist"):
        load(s3, [column("int8")])


def test_a_missing_bucket_is_told(s3):
    [statement] = translate(f"copy t from 's3://nowhere/x' iam_role '{ROLE}' parquet")
    namespace = Namespace(roles=lambda: ([ROLE], None), s3=lambda _: s3)
    with pytest.raises(TransferError, match="bucket does not exist"):
        list(redshift_copy.rows(statement.copy, redshift_copy.Target(1, "t", []), namespace, print))


def test_every_object_under_the_prefix_is_loaded_but_hidden_ones(s3, put):
    put("t/run=1/a.parquet", parquet(a=pa.array([1])))
    put("t/run=1/b.parquet", parquet(a=pa.array([2])))
    put("t/run=1/_SUCCESS", b"")
    put("t2/c.parquet", parquet(a=pa.array([3])))
    assert load(s3, [column("int8")]) == ["1", "2"]
    assert load(s3, [column("int8")], prefix="t") == ["1", "2", "3"]


# --- Parquet ---


def test_columns_go_by_position_and_never_by_name(s3, put):
    put("t/a.parquet", parquet(b=pa.array(["x"]), a=pa.array([1])))
    assert load(s3, [column("varchar", size=9, name="a"), column("int8", name="b")]) == ['"x",1']


def test_columns_are_never_taken_from_the_path(s3, put):
    put("t/year=2013/a.parquet", parquet(a=pa.array([1])))
    with pytest.raises(TransferError, match="Table columns: 2, Data columns: 1"):
        load(s3, [column("int8"), column("int4", name="year")])


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_columns_is_refused(s3, put, count):
    put("t/a.parquet", parquet(a=pa.array([1]), b=pa.array([2])))
    with pytest.raises(TransferError, match="Unmatched number of columns between table and file"):
        load(s3, [column("int8")] * count)


INT, TEXT = pa.array([1], pa.int32()), pa.array(["1"])


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("int8", INT),
        ("int4", pa.array([1], pa.int64())),
        ("int4", TEXT),
        ("float8", pa.array([1.0], pa.float32())),
        ("float8", INT),
        ("varchar", INT),
        ("date", TEXT),
        ("timestamp", TEXT),
        ("timestamp", pa.array([date(2013, 1, 1)])),
        ("bool", INT),
        ("numeric", pa.array([1.0])),
        ("numeric", pa.array([Decimal("1.000")], pa.decimal128(5, 3))),
        ("varchar", pa.array([[1]])),
    ],
)
def test_another_type_is_refused(s3, put, kind, values):
    put("t/a.parquet", parquet(a=values))
    with pytest.raises(TransferError, match="incompatible Parquet schema for column 'c'"):
        load(s3, [column(kind, size=9 if kind == "varchar" else None)])


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("int2", pa.array([1], pa.int16()), "1"),
        ("int4", INT, "1"),
        ("int8", pa.array([-(2**63)]), str(-(2**63))),
        ("float8", pa.array([0.1]), "0.1"),
        ("bool", pa.array([True]), "true"),
        ("varchar", pa.array(['a "quoted", é']), '"a ""quoted"", é"'),
        ("varchar", pa.array([""]), '""'),
        ("varchar", pa.array([None], pa.string()), ""),
        ("varchar", pa.array(["x"]).dictionary_encode(), '"x"'),
        ("date", pa.array([date(2013, 1, 1)]), "2013-01-01"),
        ("timestamp", pa.array([datetime(2013, 1, 1, 5)], pa.timestamp("ns")), "2013-01-01 05:00:00.000000"),
        ("timestamp", pa.array([datetime(2013, 1, 1, 5, tzinfo=UTC)]), "2013-01-01 05:00:00.000000"),
        ("timestamptz", pa.array([datetime(2013, 1, 1, 5, tzinfo=UTC)]), "2013-01-01 05:00:00.000000Z"),
        ("numeric", pa.array([Decimal("1.20")], pa.decimal128(5, 2)), '"1.20"'),
    ],
)
def test_the_same_type_is_loaded(s3, put, kind, values, expected):
    put("t/a.parquet", parquet(a=values))
    assert load(s3, [column(kind, size=99 if kind == "varchar" else None)]) == (
        [expected] if expected else [""]
    )


def test_varchar_counts_bytes(s3, put):
    put("t/a.parquet", parquet(a=pa.array(["éé"])))
    assert load(s3, [column("varchar", size=4)]) == ['"éé"']
    with pytest.raises(TransferError, match=r"defined in the table\. Table: 3, Data: 4"):
        load(s3, [column("varchar", size=3)])


def test_null_in_a_required_column_is_refused(s3, put):
    put("t/a.parquet", parquet(a=pa.array([1, None])))
    with pytest.raises(TransferError, match="not-null"):
        load(s3, [column("int8", required=True)])


def test_a_value_beyond_smallint_is_refused(s3, put):
    put("t/a.parquet", parquet(a=pa.array([40_000], pa.int32())))
    with pytest.raises(TransferError, match="out of range"):
        load(s3, [column("int2")])


def test_a_file_that_is_no_parquet_is_refused_by_name(s3, put):
    put("t/a.parquet", b"a,b\n")
    with pytest.raises(TransferError, match=r"s3://warehouse/t/a\.parquet' has an invalid version number"):
        load(s3, [column("int8")])


def test_a_file_without_rows_loads_nothing(s3, put):
    put("t/a.parquet", parquet(a=pa.array([], pa.int64())))
    assert load(s3, [column("int8")]) == []


@pytest.mark.parametrize(
    "option",
    [
        "gzip",
        "delimiter ','",
        "ignoreheader 1",
        "maxerror 1",
        "null as 'x'",
        "dateformat 'auto'",
        "emptyasnull",
    ],
)
def test_options_of_text_files_are_refused_with_parquet(option):
    with pytest.raises(UnsupportedError, match="is not supported for PARQUET based COPY"):
        translate(f"copy t from 's3://b/p' iam_role default format as parquet {option}")


@pytest.mark.parametrize(
    "option", ["format json 'auto'", "avro", "orc", "fixedwidth 'a:1'", "acceptanydate", "frobnicate"]
)
def test_other_formats_and_unknown_options_are_refused(option):
    with pytest.raises(UnsupportedError):
        translate(f"copy t from 's3://b/p' iam_role default {option}")


# --- manifests ---


def test_a_manifest_names_its_files(s3, put):
    put("x/a.csv", b"1\n")
    put("x/b.csv", b"2\n")
    entries = [{"url": f"s3://{BUCKET}/x/b.csv", "mandatory": True}, {"url": f"s3://{BUCKET}/x/gone.csv"}]
    put("m.json", json.dumps({"entries": entries}).encode())
    assert load(s3, [column("int4")], "csv manifest", prefix="m.json") == ["2"]


def test_a_mandatory_file_of_a_manifest_must_be_there(s3, put):
    put("m.json", json.dumps({"entries": [{"url": f"s3://{BUCKET}/gone", "mandatory": True}]}).encode())
    with pytest.raises(TransferError, match="Mandatory url is not present"):
        load(s3, [column("int4")], "csv manifest", prefix="m.json")


def test_a_manifest_of_parquet_files_tells_their_size(s3, put):
    put("m.json", json.dumps({"entries": [{"url": f"s3://{BUCKET}/a"}]}).encode())
    with pytest.raises(TransferError, match="metadata is required"):
        load(s3, [column("int8")], "format parquet manifest", prefix="m.json")


def test_a_manifest_that_is_no_json_is_refused(s3, put):
    put("m.json", b"a.csv")
    with pytest.raises(TransferError, match="not in correct json format"):
        load(s3, [column("int4")], "csv manifest", prefix="m.json")


# --- text ---


def test_csv_takes_quotes_headers_and_tells_empty_from_null(s3, put):
    put("t/a.csv", b'h1,h2\n1,"a,""b"""\n,\n\\N,\\N\n')
    columns = [column("int4", name="a"), column("varchar", size=9, name="b")]
    assert load(s3, columns, "csv ignoreheader 1") == ['1,"a,""b"""', ',""', ","]
    assert load(s3, columns, "csv ignoreheader 1 emptyasnull") == ['1,"a,""b"""', ",", ","]


@pytest.mark.parametrize(("option", "compress"), [("gzip", gzip.compress), ("bzip2", bz2.compress)])
def test_compressed_files_are_read(s3, put, option, compress):
    put("t/a", compress(b"1\n2\n"))
    assert load(s3, [column("int4")], f"csv {option}") == ["1", "2"]


def test_a_truncated_gzip_file_is_told_by_name(s3, put):
    put("t/a.gz", gzip.compress(b"1\n" * 1000)[:-9])
    with pytest.raises(TransferError, match=r"Cannot decompress s3://warehouse/t/a\.gz"):
        load(s3, [column("int4")], "csv gzip")


@pytest.mark.parametrize(
    ("option", "line"), [("", b"1|x"), ("delimiter '\\t'", b"1\tx"), ("delimiter ';'", b"1;x")]
)
def test_delimited_text_is_split(s3, put, option, line):
    put("t/a", line + b"\n")
    assert load(s3, [column("int4"), column("varchar", size=9)], option) == ["1,x"]


def test_a_null_mark_is_chosen(s3, put):
    put("t/a.csv", b"NA\n")
    assert load(s3, [column("int4")], "csv null as 'NA'") == [""]


@pytest.mark.parametrize(
    ("kind", "option", "value", "expected"),
    [
        ("date", "", "2013-01-31", "2013-01-31"),
        ("date", "dateformat 'MM/DD/YYYY'", "01/31/2013", "2013-01-31"),
        ("date", "dateformat 'auto'", "20130131", "2013-01-31"),
        ("timestamp", "", "2013-01-31 05:17:00", "2013-01-31 05:17:00"),
        ("timestamp", "timeformat 'auto'", "2013-01-31T05:17:00Z", "2013-01-31 05:17:00+00:00"),
        ("timestamp", "timeformat 'epochsecs'", "0", "1970-01-01 00:00:00"),
        ("timestamp", "timeformat 'DD.MM.YYYY HH24:MI'", "31.01.2013 05:17", "2013-01-31 05:17:00"),
        ("bool", "", "Yes", "t"),
        ("numeric", "", "1.25", "1.25"),
        ("float8", "", "1e3", "1e3"),
    ],
)
def test_values_are_read_in_their_formats(s3, put, kind, option, value, expected):
    put("t/a.csv", f"{value}\n".encode())
    assert load(s3, [column(kind)], f"csv {option}") == [expected]


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("int4", "x", 1207),
        ("int4", "1.5", 1207),
        ("int2", "40000", 1207),
        ("numeric", "1,5", 1202),
        ("numeric", "abc", 1207),
        ("float8", "abc", 1208),
        ("bool", "maybe", 1210),
        ("date", "31.01.2013", 1205),
        ("date", "2013-02-30", 1205),
        ("timestamp", "2013-01-31T05:17:00Z", 1206),
        ("varchar", "éé", 1204),
    ],
)
def test_a_bad_value_is_rejected_with_its_code(s3, put, kind, value, code):
    put("t/a.csv", f"{value}\n".encode())
    rejects: list[Reject] = []
    with pytest.raises(TransferError, match=r"Load into table 't' failed\.  Check 'sys_load_error_detail'"):
        load(s3, [column(kind, size=3 if kind == "varchar" else None)], "csv", rejects=rejects)
    assert [(reject.line, reject.code) for reject in rejects] == [(1, code)]


def test_maxerror_lets_as_many_lines_be_bad(s3, put):
    put("t/a.csv", b"1\nx\n2\ny\n")
    rejects: list[Reject] = []
    assert load(s3, [column("int4")], "csv maxerror 2", rejects=rejects) == ["1", "2"]
    assert [reject.line for reject in rejects] == [2, 4]
    with pytest.raises(TransferError, match="failed"):
        load(s3, [column("int4")], "csv maxerror 1")


def test_a_missing_field_is_rejected_unless_records_are_filled(s3, put):
    put("t/a.csv", b"1\n")
    columns = [column("int4", name="a"), column("varchar", size=3, name="b")]
    with pytest.raises(TransferError, match="Delimiter not found"):
        load(s3, columns, "csv")
    assert load(s3, columns, "csv fillrecord") == ["1,"]


def test_null_for_a_required_column_is_rejected(s3, put):
    put("t/a.csv", b"1,\n")
    with pytest.raises(TransferError, match="Missing data for not-null field"):
        load(s3, [column("int4"), column("int4", required=True)], "csv")


def test_long_values_are_cut_when_asked(s3, put):
    put("t/a.csv", "éé\n".encode())
    assert load(s3, [column("varchar", size=3)], "csv truncatecolumns") == ["é"]


def test_bytes_that_are_no_utf8_are_refused_or_replaced(s3, put):
    put("t/a.csv", b"\xff\n")
    with pytest.raises(TransferError, match="unsupported UTF8"):
        load(s3, [column("varchar", size=3)], "csv")
    assert load(s3, [column("varchar", size=3)], "csv acceptinvchars '^'") == ["^"]


# --- the target ---

DESCRIBED = [
    ["7", "id", "int8", "-1", "true", "true", "s.t"],
    ["7", "name", "varchar", "24", "false", "false", "s.t"],
    ["7", "price", "numeric", str((5 << 16) + 2 + 4), "false", "false", "s.t"],
]


def target(columns: str = "", options: str = "") -> redshift_copy.Target:
    [statement] = translate(f"copy s.t {columns} from 's3://b/p' iam_role default csv {options}")
    return redshift_copy.target(statement.copy, DESCRIBED)


def test_identity_columns_are_left_out_unless_given_explicitly():
    assert [column.name for column in target().columns] == ["name", "price"]
    assert [column.name for column in target(options="explicit_ids").columns] == ["id", "name", "price"]
    with pytest.raises(TransferError, match="cannot set an identity column"):
        target("(id, name)")


def test_a_column_list_sets_the_order():
    made = target("(price, name)")
    assert [(column.name, column.size, column.precision) for column in made.columns] == [
        ("price", None, (5, 2)),
        ("name", 20, None),
    ]


def test_an_unknown_column_and_a_missing_table_are_refused():
    with pytest.raises(TransferError, match='column "nix" of relation'):
        target("(nix)")
    [statement] = translate("copy s.t from 's3://b/p' iam_role default csv")
    with pytest.raises(TransferError, match=r"Cannot COPY into nonexistent table s\.t"):
        redshift_copy.target(statement.copy, [])
