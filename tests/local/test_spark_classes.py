"""The archive of Spark's classes, wherever the tools are."""

from __future__ import annotations

from pathlib import Path

from local.engines import spark_classes
from local.engines.spark_properties import command


def test_the_archive_is_written_below_a_folder_with_a_blank_in_its_name(tmp_path: Path) -> None:
    archive = tmp_path / "mü tools" / "classes.jsa"

    argv = command({"spark.driver.extraJavaOptions": spark_classes.writing(archive)}, tmp_path)

    assert f"-XX:ArchiveClassesAtExit={archive}" in argv
    assert "-Xlog:cds=off" in argv
