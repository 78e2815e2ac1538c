"""The questions of docs/sql as files, and their answers as the page shows them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from local.layout import ROOT

FOLDER = ROOT / "docs" / "sql"
PAGE = ROOT / "docs" / "sql.md"
SHOWN = 10
"""Rows of an answer on the page."""


def questions(engine: str) -> list[str]:
    """Names of the questions that run on an engine, as their own comments say."""
    runs_on = re.compile(r"^-- Runs on: (.+)$", re.MULTILINE)
    found = []
    for path in sorted(FOLDER.glob("[0-9]*.sql")):
        match = runs_on.search(path.read_text())
        assert match is not None, f"{path.name} does not say where it runs"
        if engine in match[1].split(", "):
            found.append(path.stem)
    return found


def text(name: str) -> str:
    """A question's SQL, without the semicolon that ends it."""
    return (FOLDER / f"{name}.sql").read_text().rstrip().rstrip(";")


def plain(value: Any) -> str:
    """A value as every engine has it: `12.50`, `12.5` and `12.500` are one number."""
    if value is None:
        return ""
    if isinstance(value, (Decimal, float)) or re.fullmatch(r"-?\d+\.\d+", str(value)):
        return f"{float(value):.2f}".rstrip("0").rstrip(".")
    return str(value)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """The first rows of an answer in Markdown."""
    lines = [columns, ["---"] * len(columns), *([plain(value) for value in row] for row in rows[:SHOWN])]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shown(page: str, name: str) -> str:
    """The table that a page has for a question."""
    return _answer(name).search(page)[1].rstrip()  # type: ignore[index]


def put(page: str, name: str, answer: str) -> str:
    """The page with this answer in place of the one that it has."""
    return _answer(name).sub(lambda match: match[0].replace(match[1], answer + "\n"), page)


def _answer(name: str) -> re.Pattern[str]:
    return re.compile(rf"<!-- {name} -->\n((?:\|.*\n)*)")
