"""What Redshift refuses although PostgreSQL would take it, found among tokens: not in strings or comments."""

from __future__ import annotations

from collections.abc import Sequence

from local.engines.redshift_deny_list import (
    CATALOG_TYPES,
    FUNCTIONS,
    NOT_EMULATED_FUNCTIONS,
    OPERATORS,
    STATEMENTS,
    UNSUPPORTED_TYPES,
)
from local.engines.redshift_lexer import Token, UnsupportedError, words

_FRAMED = frozenset(
    [
        *("sum", "avg", "count", "min", "max", "stddev", "stddev_pop", "stddev_samp", "variance", "var_pop"),
        *("var_samp", "bool_and", "bool_or", "bit_and", "bit_or", "first_value", "last_value", "nth_value"),
    ]
)
"""Aggregates, for which a window with ORDER BY needs a frame."""
_CHANGES = frozenset({"insert", "update", "delete", "merge", "with"})


def syntax_error(near: str, sentence: str) -> UnsupportedError:
    """Redshift's error for what its parser cannot read at `near`."""
    return UnsupportedError(f'syntax error at or near "{near}"', sentence, "42601")


def refuse(tokens: Sequence[Token]) -> None:
    """Raise UnsupportedError when a statement holds what Redshift does not know."""
    found = words(tokens)
    replaces = found[:3] == ["create", "or", "replace"]
    plain = [found[0], *found[3:]] if replaces else found
    for start, sentence in STATEMENTS.items():
        if tuple(plain[: len(start)]) == start:
            text = " ".join(start).upper()
            raise UnsupportedError(f'SQL command "{text}" not supported on Redshift', f"{sentence}.")
    _refuse_language(plain)
    _refuse_truncate(plain)
    depth = 0
    for index, word in enumerate(found):
        depth += (word == "(") - (word == ")")
        if not word or (index and found[index - 1] == "."):
            continue
        _refuse_clause(found, index, depth)
        _refuse_query(found, index)
        _refuse_window(found, index)
        _refuse_expression(found, index)


def _refuse_language(found: list[str]) -> None:
    language = found[found.index("language") + 1 :][:1] if "language" in found else []
    if language and language[0].startswith("plpython"):
        raise UnsupportedError(
            "Python user-defined functions are not supported",
            "Redshift has had none since June 2026; use SQL or a Lambda.",
        )
    if found[:2] == ["create", "function"] and language == ["plpgsql"]:
        raise UnsupportedError('language "plpgsql" is not supported in functions', "Create a procedure.")


def _refuse_truncate(found: list[str]) -> None:
    extra = {",", "cascade", "restart", "continue", "only", "restrict"} & set(found)
    if found[:1] == ["truncate"] and extra:
        raise syntax_error(sorted(extra)[0], "TRUNCATE takes one table and no option.")


def _refuse_clause(found: list[str], index: int, depth: int) -> None:
    """Clauses of INSERT, UPDATE, DELETE, MERGE and DDL."""
    word, after = found[index], found[index + 1 : index + 3]
    changes = found[0] in _CHANGES
    if word == "on" and after[:1] == ["conflict"] and after[1:] and after[1] in {"(", "do", "on"} and changes:
        raise syntax_error("on", "Redshift has no ON CONFLICT; use MERGE or delete before inserting.")
    if word == "returning" and depth == 0 and changes:
        raise syntax_error("returning", "Redshift has no RETURNING; read the rows with a SELECT.")
    if word == "set" and after[:1] == ["("] and found[0] == "update":
        raise syntax_error("(", "Redshift's UPDATE sets columns one by one.")
    if word == "generate_series" and after[:1] == ["("] and found[0] in {"insert", "create"}:
        raise UnsupportedError(
            "Specified types or functions (one per INFO message) not supported on Redshift tables",
            "GENERATE_SERIES runs on the leader node only; use a recursive query or a table of numbers.",
        )


def _refuse_query(found: list[str], index: int) -> None:
    """Clauses of SELECT."""
    word, after = found[index], found[index + 1 : index + 3]
    before = found[index - 1] if index else ""
    if word == "filter" and after == ["(", "where"]:
        raise syntax_error("(", "Redshift has no FILTER clause; aggregate a CASE expression.")
    if word == "distinct" and after == ["on", "("]:
        raise UnsupportedError("SELECT DISTINCT ON is not supported", "Use ROW_NUMBER and QUALIFY.")
    if word == "lateral" and before in {",", "join", "from", "cross"}:
        raise syntax_error("lateral", "Redshift has no LATERAL joins.")
    if word == "tablesample":
        raise syntax_error("tablesample", "Redshift has no TABLESAMPLE; use WHERE RANDOM() < x.")
    if word == "with" and after[:1] == ["ordinality"]:
        raise syntax_error("ordinality", "Redshift has no WITH ORDINALITY; use ROW_NUMBER.")
    if (
        word == "for"
        and after
        and after[0] in {"update", "share", "no", "key"}
        and found[0] in {"select", "with"}
    ):
        raise UnsupportedError("SELECT FOR UPDATE is not supported", "Redshift locks whole tables; use LOCK.")
    if word == "values" and before == "(":
        raise syntax_error("values", "Redshift takes VALUES in an INSERT only; SELECT … UNION ALL SELECT ….")
    if word in {"intersect", "except", "minus"} and after[:1] == ["all"]:
        raise syntax_error("all", f"Redshift has {word.upper()} without ALL only.")
    if word == "fetch" and after and after[0] in {"first", "next"} and found[0] != "fetch":
        raise syntax_error("fetch", "Redshift has no FETCH FIRST; use LIMIT.")
    if (word in {"pivot", "unpivot"} and after[:1] == ["("]) or (word, after[:1]) == ("connect", ["by"]):
        raise UnsupportedError(
            f"{word.upper()} is not emulated", "Aggregate CASE expressions, or WITH RECURSIVE."
        )
    if word == "exclude" and before == "*":
        raise UnsupportedError("SELECT * EXCLUDE is not emulated", "Name the columns.")


def _refuse_window(found: list[str], index: int) -> None:
    """Windows: each is written out, and has a frame of rows where an aggregate is ordered."""
    word, after = found[index], found[index + 1 : index + 3]
    if word == "window" and after[1:] == ["as"]:
        raise syntax_error("window", "Redshift has no WINDOW clause; write the window after OVER.")
    if word != "over" or not after or found[index - 1] == "as":
        return
    if after[0] != "(":
        if found[index - 1] == ")":
            raise syntax_error(after[0], "Redshift has no WINDOW clause; write the window after OVER.")
        return
    inside = _inside(found, index + 1)
    for mode in ("range", "groups"):
        if mode in inside and inside[inside.index(mode) + 1 :][:1] in (
            ["between"],
            ["unbounded"],
            ["current"],
        ):
            raise syntax_error(mode, "Redshift's window frames count ROWS.")
    if "exclude" in inside:
        raise syntax_error("exclude", "Redshift's window frames have no EXCLUDE.")
    if "order" in inside and "rows" not in inside and _function_before(found, index) in _FRAMED:
        raise UnsupportedError(
            "Aggregate window functions with an ORDER BY clause require a frame clause",
            "Add ROWS UNBOUNDED PRECEDING, or another frame.",
            "42601",
        )


def _refuse_expression(found: list[str], index: int) -> None:
    word, after = found[index], found[index + 1 : index + 3]
    before = found[index - 1] if index else ""
    if word == "array" and after[:1] == ["["]:
        raise syntax_error("[", "Redshift has no arrays; use a SUPER value.")
    if word in OPERATORS:
        raise UnsupportedError(
            f"operator does not exist: {word}",
            "Redshift has no JSON operators; use JSON_EXTRACT_PATH_TEXT.",
            "42883",
        )
    if after[:1] == ["("] and word in FUNCTIONS:
        raise UnsupportedError(
            f"function {word} does not exist", f"Redshift has no {word.upper()}; {FUNCTIONS[word]}.", "42883"
        )
    if after[:1] == ["("] and word in NOT_EMULATED_FUNCTIONS:
        raise UnsupportedError(f"{word.upper()} is not emulated", f"Here {NOT_EMULATED_FUNCTIONS[word]}.")
    cast = before == "::" or (before == "as" and _inside_cast(found, index))
    if cast and word in UNSUPPORTED_TYPES - CATALOG_TYPES:
        raise UnsupportedError(
            f'type "{word}" is not supported', "Redshift has no such type; VARCHAR or SUPER may do."
        )
    if cast and after == ["[", "]"]:
        raise syntax_error("[", "Redshift has no arrays; use a SUPER value.")


def _inside(found: list[str], opening: int) -> list[str]:
    """The words between a parenthesis and the one that closes it, without those of inner parentheses."""
    inside, depth = [], 0
    for word in found[opening:]:
        depth += (word == "(") - (word == ")")
        if depth == 0:
            break
        if depth == 1:
            inside.append(word)
    return inside


def _function_before(found: list[str], over: int) -> str:
    """The name of the function whose OVER stands at `over`."""
    depth = 0
    for index in range(over - 1, 0, -1):
        depth += (found[index] == ")") - (found[index] == "(")
        if depth == 0 and found[index] == "(":
            return found[index - 1]
    return ""


def _inside_cast(found: list[str], index: int) -> bool:
    depth = 0
    for position in range(index - 1, 0, -1):
        depth += (found[position] == ")") - (found[position] == "(")
        if depth < 0:
            return found[position - 1] == "cast"
    return False
