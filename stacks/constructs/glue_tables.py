"""Glue tables made of the domain's own table descriptions, so that catalog and jobs cannot disagree."""

from __future__ import annotations

from typing import Literal

from aws_cdk import Aws
from aws_cdk import aws_glue as glue
from constructs import Construct

from flights.tables import Column, Table

Form = Literal["csv", "json", "parquet"]

_TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
_TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
_HIVE_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"

_FORMATS: dict[Form, tuple[str, str, str, dict[str, str]]] = {
    "csv": (
        _TEXT_INPUT,
        _TEXT_OUTPUT,
        "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        {"separatorChar": ",", "quoteChar": '"', "escapeChar": "\\"},
    ),
    "json": (_TEXT_INPUT, _TEXT_OUTPUT, "org.openx.data.jsonserde.JsonSerDe", {}),
    "parquet": (
        f"{_HIVE_PARQUET}.MapredParquetInputFormat",
        f"{_HIVE_PARQUET}.MapredParquetOutputFormat",
        f"{_HIVE_PARQUET}.serde.ParquetHiveSerDe",
        {"serialization.format": "1"},
    ),
}
"""Input format, output format, serialisation library and its parameters, as Athena documents them."""


def add_table(
    scope: Construct,
    construct_id: str,
    table: Table,
    form: Form,
    database: str,
    location: str,
    *,
    gzipped: bool = True,
) -> glue.CfnTable:
    """Declare `table` in the Glue `database`, over the files of `form` below `location` (`s3://…/`).

    Its partitions are registered by whoever writes them. `gzipped` says whether files of text are.
    """
    input_format, output_format, library, library_parameters = _FORMATS[form]
    parameters = {"EXTERNAL": "TRUE", "classification": form}
    if form == "csv":
        parameters["skip.header.line.count"] = "1"
    compressed = gzipped and form != "parquet"
    if compressed:
        parameters["compressionType"] = "gzip"
    return glue.CfnTable(
        scope,
        construct_id,
        catalog_id=Aws.ACCOUNT_ID,
        database_name=database,
        table_input=glue.CfnTable.TableInputProperty(
            name=table.name,
            description=f"One row is {table.row}.",
            table_type="EXTERNAL_TABLE",
            parameters=parameters,
            partition_keys=[_column(column) for column in table.partitions],
            storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                columns=[_column(column) for column in table.columns],
                location=location,
                input_format=input_format,
                output_format=output_format,
                compressed=compressed,
                serde_info=glue.CfnTable.SerdeInfoProperty(
                    serialization_library=library, parameters=library_parameters or None
                ),
            ),
        ),
    )


def _column(column: Column) -> glue.CfnTable.ColumnProperty:
    # Glue knows lower-case names only, and comments up to 255 bytes.
    return glue.CfnTable.ColumnProperty(name=column.name.lower(), type=column.type, comment=column.doc[:255])
