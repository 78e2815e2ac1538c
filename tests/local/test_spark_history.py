"""Spark's history server; the end-to-end tests start it on real event logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import spark_history
from local.errors import UserFacingError


def test_without_an_embedded_aws_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFSTACK_HOME", str(tmp_path))

    with pytest.raises(UserFacingError, match="Run `make up`"):
        spark_history.start()
