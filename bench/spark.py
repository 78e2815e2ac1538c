"""One Spark session for all benchmarks, set up as the embedded AWS' jobs are, and what it did in S3."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from flights.spark.session import SETTINGS
from local import runtime
from local.engines import certificates
from local.engines.spark_properties import properties
from local.layout import HOST
from local.toolchain import tools

STATISTICS = {
    "files opened": "op_open",
    "bytes read": "stream_read_bytes",
    "files written": "files_created",
    "bytes written": "object_put_bytes",
    "files deleted": "files_deleted",
    "lists": "object_list_request",
}
"""What is counted → its name among the statistics of Hadoop's S3 client."""


def session(folder: Path) -> SparkSession:
    """The session; its files are below `folder`."""
    os.environ.update(runtime.environment())
    os.environ.update(
        PYSPARK_PYTHON=str(tools().main_python),
        PYSPARK_DRIVER_PYTHON=str(tools().main_python),
        SPARK_LOCAL_IP=HOST,
        JAVA_HOME=str(tools().java_home),
    )
    builder = SparkSession.builder.appName("bench")
    settings = {
        **properties({}, folder),
        **SETTINGS,
        "spark.jars": ",".join(map(str, [*tools().spark_jars, *tools().spark_package_jars])),
        "spark.eventLog.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": (
            "-Duser.timezone=UTC -XX:+UseSerialGC "
            f"-Djavax.net.ssl.trustStore={certificates.java_trust_store()}"
        ),
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def statistics(spark: SparkSession, buckets: Iterable[str]) -> dict[str, int]:
    """What the session has done so far in these buckets."""
    jvm: Any = spark._jvm
    configuration = spark._jsparkSession.sessionState().newHadoopConf()
    total = dict.fromkeys(STATISTICS, 0)
    for bucket in buckets:
        system = jvm.org.apache.hadoop.fs.FileSystem.get(jvm.java.net.URI(f"s3://{bucket}/"), configuration)
        counters = system.getIOStatistics().counters()
        for name, statistic in STATISTICS.items():
            total[name] += int(counters.get(statistic) or 0)
    return total
