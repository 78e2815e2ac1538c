"""UNLOAD's rules: what Redshift refuses, which objects it writes, what is in them."""

from __future__ import annotations

import bz2
import gzip
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from local.engines.redshift_lexer import UnsupportedError
from local.engines.redshift_s3 import Namespace, TransferError
from local.engines.redshift_sql import translate
from local.engines.redshift_unload import unload
from local.engines.redshift_unload_files import ResultColumn

ROLE = "arn:aws:iam::000000000000:role/unload"
BUCKET = "warehouse"
OIDS = {
    "bool": 16, "int8": 20, "int2": 21, "int4": 23, "float8": 701, "varchar": 1043, "date": 1082,
    "time": 1083, "timestamp": 1114, "timestamptz": 1184, "numeric": 1700, "super": 3802,
}  # fmt: skip


@pytest.fixture(scope="module")
def storage() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


@pytest.fixture
def s3(storage: Any) -> Iterator[Any]:
    storage.create_bucket(Bucket=BUCKET)
    yield storage
    for key in keys(storage):
        storage.delete_object(Bucket=BUCKET, Key=key)


def keys(s3: Any) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def content(s3: Any, key: str) -> bytes:
    return bytes(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def table(s3: Any, key: str) -> pa.Table:
    return pq.read_table(io.BytesIO(content(s3, key)))


def column(name: str, kind: str, modifier: int = -1) -> ResultColumn:
    return ResultColumn(name, OIDS[kind], modifier)


def command(options: str, target: str = "m/") -> Any:
    [statement] = translate(f"unload ('select 1') to 's3://{BUCKET}/{target}' iam_role '{ROLE}' {options}")
    return statement.unload


AB = [column("a", "int4"), column("b", "varchar", 4 + 9)]
ROWS = b'"1","x"\n"2","y"\n"3",\n'


def run(
    s3: Any,
    options: str = "format as parquet",
    columns: list[ResultColumn] = AB,
    rows: bytes = ROWS,
    *,
    target: str = "m/",
    associated: tuple[str, ...] = (ROLE,),
) -> int:
    """Unload rows that PostgreSQL hands over as CSV."""
    namespace = Namespace(roles=lambda: (list(associated), ROLE), s3=lambda _: s3)
    return unload(command(options, target), columns, io.BytesIO(rows), namespace)


# --- the statement ---


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("parquet header", "its own types"),
        ("parquet gzip", "its own types"),
        ("parquet delimiter ','", "its own types"),
        ("parquet null as 'x'", "its own types"),
        ("parquet escape", "its own types"),
        ("parquet addquotes", "its own types"),
        ("csv addquotes", "CSV quotes by itself"),
        ("csv escape", "CSV quotes by itself"),
        ("cleanpath allowoverwrite", "Choose one"),
        ("maxfilesize 4 mb", "another size"),
        ("maxfilesize 7 gb", "another size"),
        ("rowgroupsize 64 mb", "clusters only"),
        ("encrypted", "S3's own key"),
        ("kms_key_id 'k'", "S3's own key"),
        ("delimiter '||'", "Choose one"),
        ("partition by ('a')", "no literals"),
        ("format json", "Parquet or CSV"),
        ("json", "Parquet or CSV"),
        ("fixedwidth '0:3'", "Parquet or CSV"),
        ("overwrite", "no such option"),
    ],
)
def test_options_that_redshift_refuses_are_refused_with_a_sentence(options, reason):
    with pytest.raises(UnsupportedError) as refused:
        command(options)
    assert reason in refused.value.sentence


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("unload ('select 1') to 's3://b/p' parquet", "Name the role"),
        ("unload ('select 1') to '/tmp/p' iam_role default", "writes to S3"),
        ("unload (select 1) to 's3://b/p' iam_role default", "as a string"),
        ("unload ('select a from t limit 1') to 's3://b/p' iam_role default", "into a subquery"),
        ("unload ('select top 1 a from t') to 's3://b/p' iam_role default", "into a subquery"),
        ("unload ('delete from t') to 's3://b/p' iam_role default", "takes a SELECT"),
        ("unload ('select 1; select 2') to 's3://b/p' iam_role default", "one query"),
        ("unload ('select count(*) filter (where a) from t') to 's3://b/p' iam_role default", "no FILTER"),
        ("unload ('select 1') to 's3://b/p' credentials 'x'", "as a role"),
        ("unload ('select 1') from 's3://b/p'", "TO 's3://bucket/prefix'"),
    ],
)
def test_statements_that_redshift_refuses_are_refused_with_a_sentence(sql, reason):
    with pytest.raises(UnsupportedError) as refused:
        translate(sql)
    assert reason in refused.value.sentence


def test_the_query_is_redshifts_too_and_its_quotes_are_read():
    [statement] = translate("unload ('select nvl(a, ''x'') from t') to 's3://b/p' iam_role default")
    assert statement.postgres == "select coalesce(a, 'x') from t"
    [statement] = translate("unload ($$select 'x' from t where a in (select b from u limit 1)$$) to 's3://b/p'"
                            " iam_role default csv parallel off")  # fmt: skip
    assert statement.unload.format == "csv"
    assert statement.unload.parallel is False
    assert statement.unload.role_arn is None


def test_a_parquet_files_greatest_size_is_a_multiple_of_its_row_groups():
    assert command("parquet maxfilesize 200 mb").max_size == 192 * 2**20
    assert command("parquet maxfilesize 5").max_size == 32 * 2**20
    assert command("csv maxfilesize 0.5 gb").max_size == 2**29


# --- who and where ---


def test_a_role_that_is_not_associated_with_the_namespace_is_refused(s3):
    with pytest.raises(TransferError, match="not authorized to assume IAM Role"):
        run(s3, associated=())
    assert keys(s3) == []


def test_a_target_that_is_not_empty_is_refused_unless_it_may_be_overwritten(s3):
    run(s3)
    with pytest.raises(TransferError, match="unload destination on S3 is not empty"):
        run(s3)
    s3.put_object(Bucket=BUCKET, Key="m/other", Body=b"")
    assert run(s3, "parquet allowoverwrite", rows=b'"9","z"\n') == 1
    assert table(s3, "m/0000_part_00.parquet").to_pylist() == [{"a": 9, "b": "z"}]
    assert keys(s3) == ["m/0000_part_00.parquet", "m/0001_part_00.parquet", "m/other"]


def test_cleanpath_removes_what_was_there(s3):
    s3.put_object(Bucket=BUCKET, Key="m/old", Body=b"")
    s3.put_object(Bucket=BUCKET, Key="n/other", Body=b"")
    run(s3, "parquet cleanpath parallel off")
    assert keys(s3) == ["m/000.parquet", "n/other"]


def test_cleanpath_with_partitions_removes_in_the_new_partitions_only(s3):
    for key in ("m/b=x/old", "m/b=q/old"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    run(s3, "parquet partition by (b) cleanpath", rows=b'"1","x"\n')
    assert keys(s3) == ["m/b=q/old", "m/b=x/0000_part_00.parquet"]


def test_cleanpath_leaves_the_manifest_beside_the_partitions_which_is_then_in_the_way(s3):
    options = "parquet partition by (b) manifest cleanpath"
    run(s3, options)
    before = keys(s3)
    with pytest.raises(TransferError, match="unload destination on S3 is not empty"):
        run(s3, options)
    assert keys(s3) == before
    run(s3, options.replace("cleanpath", "allowoverwrite"))
    run(s3, "parquet manifest cleanpath")
    run(s3, "parquet manifest cleanpath")


def test_a_missing_bucket_is_told(s3):
    namespace = Namespace(roles=lambda: ([ROLE], None), s3=lambda _: s3)
    [statement] = translate(f"unload ('select 1') to 's3://nowhere/x' iam_role '{ROLE}' parquet")
    with pytest.raises(TransferError, match="bucket does not exist"):
        unload(statement.unload, AB, io.BytesIO(ROWS), namespace)


def test_files_are_encrypted_by_s3_unless_another_key_is_named(s3):
    run(s3, "csv parallel off", target="a/")
    run(s3, "csv parallel off kms_key_id 'key-1' encrypted", target="b/")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "key-2"}}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    run(s3, "csv parallel off encrypted auto", target="c/")
    found = [s3.head_object(Bucket=BUCKET, Key=key) for key in ("a/000", "b/000", "c/000")]
    assert [head["ServerSideEncryption"] for head in found] == ["AES256", "aws:kms", "aws:kms"]
    assert [head.get("SSEKMSKeyId") for head in found] == [None, "key-1", "key-2"]


# --- names of files ---


def test_slices_write_in_parallel_and_lose_no_row(s3):
    assert run(s3) == 3
    assert keys(s3) == ["m/0000_part_00.parquet", "m/0001_part_00.parquet"]
    rows = [row for key in keys(s3) for row in table(s3, key).to_pylist()]
    assert rows == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 3, "b": None}]


def test_parallel_off_writes_one_file_after_another(s3):
    run(s3, "csv parallel off", target="m/part-")
    assert keys(s3) == ["m/part-000"]


def test_no_rows_make_one_empty_file(s3):
    assert run(s3, rows=b"") == 0
    [key] = keys(s3)
    assert table(s3, key).schema.names == ["a", "b"]
    assert table(s3, key).num_rows == 0


def test_files_are_no_larger_than_asked(s3):
    rows = b"".join(b'"%d","%s"\n' % (number, b"x" * 1000) for number in range(12_000))
    run(s3, "csv parallel off maxfilesize 5 mb", rows=rows)
    sizes = [item["Size"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert keys(s3) == [f"m/{number:03d}" for number in range(len(sizes))]
    assert max(sizes) <= 5 * 2**20
    assert b"".join(content(s3, key) for key in keys(s3)).count(b"\n") == 12_000


@pytest.mark.parametrize(
    ("option", "ending", "read"), [("gzip", ".gz", gzip.decompress), ("bzip2", ".bz2", bz2.decompress)]
)
def test_text_is_compressed_under_its_ending(s3, option, ending, read):
    run(s3, f"csv parallel off {option}")
    assert read(content(s3, f"m/000{ending}")) == b"1,x\n2,y\n3,\n"


def test_an_extension_takes_the_place_of_every_other(s3):
    run(s3, "csv parallel off gzip extension 'csv.gz'")
    assert keys(s3) == ["m/000.csv.gz"]


# --- content ---


def test_parquet_has_the_types_of_the_query(s3):
    columns = [
        column("i2", "int2"), column("i4", "int4"), column("i8", "int8"), column("f", "float8"),
        column("n", "numeric", (5 << 16) + 2 + 4), column("t", "varchar", 13), column("b", "bool"),
        column("d", "date"), column("ts", "timestamp"), column("tz", "timestamptz"), column("tm", "time"),
        column("s", "super"),
    ]  # fmt: skip
    row = (
        b'"1","2","3","0.5","1.25","it""s","t","2013-01-01","2013-01-01 05:17:00.25","2013-01-01 05:17:00+00"'
        b',"05:17:00","{""k"": 1}"\n'
    )
    run(s3, "parquet parallel off", columns, row + b",,,,,,,,,,,\n")
    made = table(s3, "m/000.parquet")
    assert [str(kind) for kind in made.schema.types] == [
        *("int16", "int32", "int64", "double", "decimal128(5, 2)", "string", "bool", "date32[day]"),
        *("timestamp[us]", "timestamp[us, tz=UTC]", "time64[us]", "string"),
    ]
    found = made.to_pylist()
    assert list(found[0].values())[:8] == [
        *(1, 2, 3, 0.5, Decimal("1.25"), 'it"s', True, date(2013, 1, 1)),
    ]
    assert found[0]["ts"] == datetime(2013, 1, 1, 5, 17, 0, 250000)
    assert found[0]["tz"] == datetime(2013, 1, 1, 5, 17, tzinfo=UTC)
    assert json.loads(found[0]["s"]) == {"k": 1}
    assert set(found[1].values()) == {None}


def test_a_numeric_without_digits_gets_as_many_as_its_values_have(s3):
    run(s3, "parquet parallel off", [column("n", "numeric")], b'"1.5"\n"-20.125"\n\n')
    made = table(s3, "m/000.parquet")
    assert str(made.schema.types[0]) == "decimal128(38, 3)"
    assert made["n"].to_pylist() == [Decimal("1.500"), Decimal("-20.125"), None]


def test_csv_quotes_what_needs_it_and_heads_each_file(s3):
    run(s3, "csv header parallel off", rows=b'"1","a,b"\n"2","say ""x"""\n"3","two\nlines"\n')
    assert content(s3, "m/000") == b'a,b\n1,"a,b"\n2,"say ""x"""\n3,"two\nlines"\n'


def test_text_is_delimited_by_pipes_and_escaped_when_asked(s3):
    rows = b'"1","a|b\\c"\n"2",\n'
    run(s3, "parallel off", rows=rows, target="a/")
    run(s3, "parallel off escape null as 'NA'", rows=rows, target="b/")
    run(s3, "parallel off addquotes delimiter ','", rows=rows, target="c/")
    assert content(s3, "a/000") == b"1|a|b\\c\n2|\n"
    assert content(s3, "b/000") == b"1|a\\|b\\\\c\n2|NA\n"
    assert content(s3, "c/000") == b'"1","a|b\\c"\n"2",\n'


# --- partitions and manifests ---


def test_partitions_lie_in_hives_folders_without_their_columns(s3):
    run(s3, "parquet partition by (b)", rows=b'"1","x"\n"2","y/z"\n"3",\n"4","x"\n', target="m")
    assert keys(s3) == [
        "m/b=__HIVE_DEFAULT_PARTITION__/0000_part_00.parquet",
        "m/b=x/0000_part_00.parquet",
        "m/b=x/0001_part_00.parquet",
        "m/b=y%2Fz/0000_part_00.parquet",
    ]
    assert content(s3, keys(s3)[1])[:4] == b"PAR1"
    assert table(s3, keys(s3)[1]).to_pylist() == [{"a": 1}]


def test_partition_columns_are_kept_when_included(s3):
    run(s3, "parquet partition by (b) include", rows=b'"1","x"\n')
    assert table(s3, keys(s3)[0]).schema.names == ["a", "b"]


@pytest.mark.parametrize(
    ("columns", "names", "reason"),
    [
        (AB, "c", 'Partition column "c" does not exist'),
        (AB, "a, b", "at least one column that is no partition column"),
        ([*AB, column("s", "super")], "s", "a type that cannot partition"),
    ],
)
def test_partitions_that_cannot_be_are_refused(s3, columns, names, reason):
    with pytest.raises(TransferError, match=reason):
        run(s3, f"parquet partition by ({names})", columns)
    assert keys(s3) == []


def test_a_manifest_lists_the_files_for_copy(s3):
    run(s3, "parquet manifest", target="m/x_")
    found = json.loads(content(s3, "m/x_manifest"))
    assert [entry["url"] for entry in found["entries"]] == [
        f"s3://{BUCKET}/m/x_0000_part_00.parquet",
        f"s3://{BUCKET}/m/x_0001_part_00.parquet",
    ]
    size = s3.head_object(Bucket=BUCKET, Key="m/x_0000_part_00.parquet")["ContentLength"]
    assert found["entries"][0]["meta"] == {"content_length": size}


def test_a_verbose_manifest_tells_columns_rows_and_the_author(s3):
    columns = [column("n", "numeric", (5 << 16) + 2 + 4), column("b", "varchar", 13)]
    run(s3, "csv header manifest verbose parallel off", columns)
    found = json.loads(content(s3, "m/manifest"))
    assert found["schema"]["elements"] == [
        {"name": "n", "type": {"base": "numeric", "precision": 5, "scale": 2}},
        {"name": "b", "type": {"base": "character varying", "length": 9}},
    ]
    assert found["meta"]["record_count"] == 4
    assert found["author"]["name"] == "Amazon Redshift"
