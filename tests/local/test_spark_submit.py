"""spark-submit's command line, the properties of a run, and the sentence that tells why one failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.engines.spark import Outcome
from local.engines.spark_failure import failure_message
from local.engines.spark_properties import DRIVER_MEMORY_MIB, driver_memory, properties
from local.engines.spark_properties import master as spark_master
from local.engines.spark_submit import SubmitError, parse, read_properties
from local.services.glue_script import JobError, configured


def test_options_end_where_the_program_begins() -> None:
    given = parse(
        ["--deploy-mode", "cluster", "--py-files", "s3://b/a.zip,s3://b/c.zip", "s3://b/p.py", "--conf"]
    )
    assert given.application == "s3://b/p.py"
    assert given.arguments == ["--conf"]
    assert given.py_files == ["s3://b/a.zip", "s3://b/c.zip"]
    assert given.deploy_mode == "cluster"


def test_sizes_and_conf_become_properties() -> None:
    given = parse(["-c", "a=b=c", "--conf=d=e", "--driver-memory", "2g", "--num-executors", "4", "p.py"])
    assert given.properties == {
        "a": "b=c",
        "d": "e",
        "spark.driver.memory": "2g",
        "spark.executor.instances": "4",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nonsense", "p.py"], "Unrecognized option: --nonsense"),
        (["--class"], "Missing argument for option '--class'"),
        (["--conf", "a", "p.py"], "without '='"),
        (["--deploy-mode", "moon", "p.py"], "--deploy-mode must be"),
        (["--verbose"], "Missing application resource"),
        (["--status", "1", "p.py"], "does not submit"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(SubmitError, match=message):
        parse(arguments)


def test_a_properties_file_has_a_key_and_a_value_a_line() -> None:
    text = "# comment\nspark.a  b c\nspark.d=e\n\nspark.f: g\n"
    assert read_properties(text) == {"spark.a": "b c", "spark.d": "e", "spark.f": "g"}


@pytest.mark.parametrize(
    ("asked", "mebibytes"), [("600m", 600), ("100m", 512), ("8g", DRIVER_MEMORY_MIB), ("", 1200)]
)
def test_a_driver_gets_at_most_what_the_machine_allows(asked: str, mebibytes: int) -> None:
    assert driver_memory({"spark.driver.memory": asked}) == mebibytes


def test_the_jobs_properties_hold_but_for_what_the_machine_imposes(tmp_path: Path) -> None:
    asked = {"spark.master": "yarn", "spark.yarn.queue": "q", "spark.sql.shuffle.partitions": "9"}
    given = properties(asked, tmp_path)
    assert given["spark.master"] == "local[2]"
    assert given["spark.sql.shuffle.partitions"] == "9"
    assert "spark.yarn.queue" not in given
    assert given["spark.eventLog.enabled"] == "true"


@pytest.mark.parametrize(
    ("asked", "master"),
    [
        ({}, "local[2]"),
        ({"spark.dynamicAllocation.enabled": "false", "spark.executor.instances": "1"}, "local[1]"),
        ({"spark.dynamicAllocation.enabled": "false", "spark.executor.instances": "8"}, "local[2]"),
        ({"spark.executor.instances": "1"}, "local[2]"),
        ({"spark.task.maxFailures": "16"}, "local[2,16]"),
    ],
)
def test_a_job_has_the_cores_and_the_patience_that_it_asks_for(asked: dict[str, str], master: str) -> None:
    assert spark_master(asked) == master


@pytest.mark.parametrize(
    ("stdout", "stderr", "message"),
    [
        ("Traceback (most recent call last):\n  File x\nKeyError: 'a'\n", "26 INFO x\n", "KeyError: 'a'"),
        (
            "Traceback (most recent call last):\n  x\nKeyError: 1\n\nDuring handling ...\n\n"
            "Traceback (most recent call last):\n  y\na.b.DayMissing: no object for 2013-01-05\n",
            "",
            "a.b.DayMissing: no object for 2013-01-05",
        ),
        (
            "Traceback (most recent call last):\n  x\nE: None.x.\n: java.io.IOException: y\n\tat z\n",
            "",
            "E: None.x.: java.io.IOException: y",
        ),
        ("first\nno object\n", "26 INFO x\n", "no object"),
        (
            "",
            'Exception in thread "main" java.io.IOException: x\n\tat y\n',
            'Exception in thread "main" java.io.IOException: x',
        ),
        ("", "26 INFO x\n", "The program ended with exit code 1."),
    ],
)
def test_the_sentence_of_a_failure(tmp_path: Path, stdout: str, stderr: str, message: str) -> None:
    (tmp_path / "stdout").write_text(stdout)
    (tmp_path / "stderr").write_text(stderr)
    assert failure_message(Outcome(1, tmp_path / "stdout", tmp_path / "stderr")) == message


def test_glues_conf_argument_chains_properties() -> None:
    assert configured("a=b --conf c=d=e") == {"a": "b", "c": "d=e"}
    with pytest.raises(JobError):
        configured("a=b --conf c")
