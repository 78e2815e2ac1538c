"""What is read from a Dockerfile, and what is refused because it needs a container."""

from __future__ import annotations

import pytest

from local.engines.dockerfile import Copy, DockerfileError, final_stage
from local.layout import ROOT

START = "FROM python:3.12 AS build\nRUN pip install x\nFROM python:3.12\n"


def test_only_the_last_stage_counts() -> None:
    stage = final_stage(START + 'ENTRYPOINT ["python", "run.py"]\nCMD ["--all"]')

    assert (stage.entrypoint, stage.command) == (["python", "run.py"], ["--all"])
    assert stage.copies == []


def test_lines_are_continued_comments_left_out_and_paths_follow_the_working_folder() -> None:
    stage = final_stage(
        START
        + "# a comment\n"
        + 'ENV A=1 \\\n    B="two words"\n'
        + "WORKDIR /app\nCOPY --from=build --chown=1 /opt/venv /opt/venv\nCOPY *.py data/ ./\n"
        + 'WORKDIR inner\nCOPY a b\nVOLUME ["/tmp"]\nENTRYPOINT ["x"]'
    )

    assert stage.environment == {"A": "1", "B": "two words"}
    assert stage.folder == "/app/inner"
    assert stage.volumes == ["/tmp"]
    assert stage.copies == [
        Copy(("/opt/venv",), "/opt/venv", "build"),
        Copy(("*.py", "data/"), "/app/"),
        Copy(("a",), "/app/inner/b"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("RUN apt-get update", "RUN in the final stage needs a container"),
        ("ADD https://example.org/a /a", "ADD in the final stage needs a container"),
        ("CMD python run.py", "CMD must be in its JSON form"),
        ("ENV NAME value", "not in the form NAME=value"),
        ("", "no ENTRYPOINT"),
    ],
)
def test_what_needs_a_container_or_a_shell_is_refused(line: str, reason: str) -> None:
    with pytest.raises(DockerfileError, match=reason):
        final_stage(START + line)


@pytest.mark.parametrize("name", ["dbt", "etl"])
def test_our_own_images_are_understood(name: str) -> None:
    stage = final_stage((ROOT / "containers" / name / "Dockerfile").read_text())

    assert stage.entrypoint[0] == "python"
    assert stage.volumes == ["/tmp"]
    assert Copy(("/opt/venv",), "/opt/venv", "build") in stage.copies
