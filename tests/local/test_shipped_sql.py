"""Every statement that the repository ships for the warehouse: Redshift's grammar, and off the deny list.

What dbt compiles is held against the grammar where it is compiled, in tests/dbt; the deny list stands in the
endpoint that runs it.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import jinja2
import pytest
import sqlglot
from sqlglot import exp

from local.engines.redshift_lexer import tokenize, words
from local.engines.redshift_sql import translate
from local.layout import ROOT

SQL = ROOT / "mwaa_dags" / "sql"
QUESTIONS = ROOT / "docs" / "sql"
CONTEXT = {
    "cfg": {
        "buckets": {"warehouse": "refstack-warehouse"},
        "warehouse": {
            "copy_role_arn": "arn:aws:iam::000000000000:role/copy",
            "unload_role_arn": "arn:aws:iam::000000000000:role/unload",
        },
    },
    "start": "2013-01-01",
    "end": "2013-01-31",
    "run_key": "manual_1",
    "params": {"day": "2013-01-02"},
}
OPAQUE = ("ALTER DEFAULT PRIVILEGES", "ANALYZE", "CREATE ROLE", "CREATE USER", "GRANT", "UNLOAD", "VACUUM")
"""What sqlglot takes without reading it; here it is read by the emulation's own parsers."""


def held_against_redshift(script: str) -> int:
    """Fail on a statement that is not Redshift's; the number of statements."""
    statements = translate(script)
    for statement in statements:
        [tree] = sqlglot.parse(statement.text, read="redshift")
        if isinstance(tree, exp.Command):
            read = " ".join(words(tokenize(statement.text))).upper()
            assert read.startswith(OPAQUE), statement.text
        if statement.unload is not None:
            assert sqlglot.parse_one(statement.unload.query, read="redshift")
    return len(statements)


@pytest.mark.parametrize("path", sorted(SQL.rglob("*.sql")), ids=lambda path: path.stem)
def test_the_pipelines_scripts(path: Path) -> None:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    assert held_against_redshift(environment.from_string(path.read_text()).render(CONTEXT))


@pytest.mark.parametrize("path", sorted(QUESTIONS.glob("*.sql")), ids=lambda path: path.stem)
def test_the_questions_that_say_they_run_on_redshift(path: Path) -> None:
    text = path.read_text()
    engines = re.search(r"^-- Runs on: (.+)$", text, re.MULTILINE)
    if engines is None or "Redshift" in engines.group(1):
        assert held_against_redshift(text)


def test_the_statements_that_prepare_the_warehouse(monkeypatch: pytest.MonkeyPatch) -> None:
    grants = '{"refstack-dev-airflow": "loader", "refstack-dev-dbt": "transformer", "analyst": "reader"}'
    names = {"WORKGROUP": "w", "NAMESPACE": "n", "DATABASE": "refstack", "GRANTS": grants}
    for name, value in {**names, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    path = ROOT / "lambdas" / "prepare_warehouse" / "handler.py"
    spec = importlib.util.spec_from_file_location("prepare_warehouse_handler", path)
    assert spec is not None
    assert spec.loader is not None
    handler = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(handler)

    statements = list(handler.statements(handler.GRANTS, set(), set()))

    assert len(statements) > 15
    for statement in statements:
        assert held_against_redshift(statement) == 1


def test_a_statement_of_postgresqls_would_be_found() -> None:
    for text in ("CREATE INDEX i ON t (a)", "LISTEN x", "SELECT a FROM t WHERE a ->> 'b' = 'c'"):
        with pytest.raises(Exception, match=r"not supported|does not exist"):
            held_against_redshift(text)
