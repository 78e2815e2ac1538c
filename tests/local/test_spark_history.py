"""Spark's history server; the end-to-end tests start it on real event logs."""

from __future__ import annotations

import json
import time
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from local import processes, spark_history
from local.errors import UserFacingError


def test_without_an_embedded_aws_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFSTACK_HOME", str(tmp_path))

    with pytest.raises(UserFacingError, match="Run `make up`"):
        spark_history.start()


def answer(address: str) -> Any:
    """What the server says in JSON; None while it does not."""
    try:
        with urllib.request.urlopen(address, timeout=10) as opened:
            return json.load(opened)
    except (OSError, HTTPException, ValueError):
        return None


def test_it_starts_below_a_folder_with_a_blank_and_another_letter_in_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mü home" / "history"
    (folder / "events").mkdir(parents=True)
    (folder / "tmp").mkdir()
    monkeypatch.setenv("REFSTACK_HOME", str(tmp_path / "mü home"))
    try:
        address = f"{spark_history.serve(folder)}/api/v1/applications"
        deadline = time.monotonic() + 60
        while (found := answer(address)) is None:
            assert processes.find(spark_history.SERVER) is not None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert found == []
    finally:
        processes.stop_all()
