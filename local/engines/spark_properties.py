"""How Spark is set up on one machine: properties, JVM options, environment.

Order of precedence, lowest first: DEFAULTS, the cluster's or job's own properties, what the machine imposes.
Nothing here changes what a job computes; resource sizes are bounded and cluster managers become local[n].
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from local.engines import certificates
from local.layout import HOST, REGION, gateway_url, tools_dir
from local.toolchain import tools

CORES = 2
DRIVER_MEMORY_MIB = 1200
"""Heap of the one JVM. With its metaspace and the Python processes a job stays under 2 GiB."""

DEFAULTS = {
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": str(CORES * 2),
    "spark.sql.shuffle.partitions": str(CORES * 2),
    "spark.sql.adaptive.coalescePartitions.initialPartitionNum": str(CORES * 2),
    "spark.hadoop.fs.s3a.threads.max": "32",
    "spark.hadoop.fs.s3a.connection.maximum": "64",
    "spark.hadoop.fs.s3a.fast.upload.buffer": "bytebuffer",
    "spark.hadoop.fs.s3a.experimental.input.fadvise": "random",
    "spark.hadoop.mapreduce.fileoutputcommitter.cleanup-failures.ignored": "false",
}

DROPPED = ("spark.yarn.", "spark.dynamicAllocation.", "spark.local.dir")
"""Properties (by prefix) of what is not here: a cluster manager, other disks."""

REDACTED = "*********(redacted)"

OPENED_PACKAGES = (
    *("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util"),
    *("java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs"),
    *("sun.security.action", "sun.util.calendar"),
)
"""Packages of java.base that Spark 3.5 reflects on (org.apache.spark.launcher.JavaModuleOptions)."""

LOG4J_FILE = "log4j2.properties"
LOG4J = """\
rootLogger.level = info
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex
logger.statistics.name = org.apache.hadoop.fs.s3a.S3AInstrumentation
logger.statistics.level = error
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
logger.metrics.name = org.apache.hadoop.metrics2
logger.metrics.level = error
"""


def properties(asked: Mapping[str, str], folder: Path) -> dict[str, str]:
    """All properties of one run in `folder`, from those that the cluster and the job ask for."""
    imposed = {
        "spark.master": master(asked),
        "spark.submit.deployMode": "client",
        "spark.driver.host": HOST,
        "spark.driver.bindAddress": HOST,
        "spark.driver.memory": f"{driver_memory(asked)}m",
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": str(folder / "spark-warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.eventLog.enabled": "true",
        "spark.pyspark.python": str(tools().main_python),
        "spark.pyspark.driver.python": str(tools().main_python),
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.hadoop.fs.s3a.endpoint": gateway_url(),
        "spark.hadoop.fs.s3a.endpoint.region": REGION,
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
        "spark.hadoop.fs.s3a.aws.credentials.provider": (
            "com.amazonaws.auth.EnvironmentVariableCredentialsProvider"
        ),
    }
    kept = {key: value for key, value in asked.items() if not key.startswith(DROPPED)}
    events = {"spark.eventLog.dir": (folder / "events").as_uri()}
    if asked.get("spark.eventLog.dir", "").startswith(("s3://", "s3a://")):
        # S3A deletes the marker object of a folder when it writes into it, which needs a right that EMRFS
        # does not ask for; not below this path.
        events["spark.hadoop.fs.s3a.directory.marker.retention"] = "authoritative"
        events["spark.hadoop.fs.s3a.authoritative.path"] = asked["spark.eventLog.dir"]
    return {**DEFAULTS, **events, **kept, **imposed}


def master(asked: Mapping[str, str]) -> str:
    """local[n], or local[n,f]: as many cores as the executors that were asked for have, up to this machine's,
    and as many failures of a task as a cluster would take, where a job asks for a number.
    """
    cores = CORES
    if asked.get("spark.dynamicAllocation.enabled") == "false" and "spark.executor.instances" in asked:
        executors = int(asked["spark.executor.instances"]) * int(asked.get("spark.executor.cores", "1"))
        cores = min(CORES, max(1, executors))
    failures = asked.get("spark.task.maxFailures")
    return f"local[{cores}]" if failures is None else f"local[{cores},{int(failures)}]"


def driver_memory(asked: Mapping[str, str]) -> int:
    """Heap of the driver in MiB: what was asked for, at most what this machine allows."""
    match = re.fullmatch(r"(\d+)([kmgt]?)b?", asked.get("spark.driver.memory", "").strip().lower())
    if match is None:
        return DRIVER_MEMORY_MIB
    mebibytes = int(match[1]) * {"k": 1 / 1024, "": 1, "m": 1, "g": 1024, "t": 1024 * 1024}[match[2]]
    return max(512, min(int(mebibytes), DRIVER_MEMORY_MIB))


def command(asked: Mapping[str, str], folder: Path, *, archive: bool = True) -> list[str]:
    """The `java` command line of spark-submit, up to and with the main class.

    It is what bin/spark-submit starts, less the JVM that only works out this command line. Client-class JIT,
    the serial collector and a class-data-sharing archive cut the start from 8 to 5 s on two cores.
    """
    classes = class_path()
    extra = asked.get("spark.driver.extraClassPath")
    options = [
        f"-Xmx{driver_memory(asked)}m",
        *("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:+IgnoreUnrecognizedVMOptions"),
        *("-Duser.timezone=UTC", "-Djava.net.preferIPv4Stack=true", f"-Djava.io.tmpdir={folder / 'tmp'}"),
        f"-Dlog4j2.configurationFile={(folder / LOG4J_FILE).as_uri()}",
        *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED_PACKAGES),
        "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
        "-Djdk.reflect.useDirectMethodHandle=false",
        f"-Djavax.net.ssl.trustStore={certificates.java_trust_store()}",
    ]
    if archive and class_archive().exists():
        options += [
            f"-XX:SharedArchiveFile={class_archive()}",
            "-Xshare:auto",
            "-Xlog:cds=off",
            "-Xlog:class+path=off",
        ]
    for key in ("spark.driver.defaultJavaOptions", "spark.driver.extraJavaOptions"):
        options += shlex.split(asked.get(key, ""))
    joined = ":".join(str(jar) for jar in classes) + (f":{extra}" if extra else "")
    return [
        str(tools().java_home / "bin" / "java"),
        "-cp",
        joined,
        *options,
        "org.apache.spark.deploy.SparkSubmit",
    ]


def class_path() -> list[Path]:
    """Jars of Spark and of its S3 connector, in an order that never changes."""
    return [*sorted((tools().spark_home / "jars").glob("*.jar")), *tools().spark_jars]


def class_archive() -> Path:
    """Where the class-data-sharing archive for exactly these jars and this Java is, or would be."""
    digest = hashlib.sha256(str(tools().java_home).encode())
    release = tools().java_home / "release"
    digest.update(release.read_bytes() if release.exists() else b"")
    for jar in class_path():
        status = jar.stat()
        digest.update(f"{jar} {status.st_size} {status.st_mtime_ns}".encode())
    return tools_dir() / "spark" / f"classes-{digest.hexdigest()[:16]}.jsa"


def environment(folder: Path) -> dict[str, str]:
    """Environment of a run in `folder`, apart from the credentials: nothing of this process' own."""
    return {
        "PATH": f"{tools().java_home / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "JAVA_HOME": str(tools().java_home),
        "SPARK_HOME": str(tools().spark_home),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_LOCAL_DIRS": str(folder / "tmp"),
        "PYSPARK_PYTHON": str(tools().main_python),
        "PYSPARK_DRIVER_PYTHON": str(tools().main_python),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
