"""CREATE TABLE and ALTER TABLE: Redshift's types and attributes in PostgreSQL's terms.

Distribution, sort keys, encodings and keys that Redshift does not enforce have no place in PostgreSQL: they
go to pg_catalog.redshift_tables, from which the system views answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from local.engines.redshift_columns import Table, column_type, definition, length_check, quoted
from local.engines.redshift_functions import rewrite
from local.engines.redshift_lexer import (
    Token,
    UnsupportedError,
    closing,
    name_of,
    quote,
    render,
    significant,
    split,
    words,
)
from local.engines.redshift_refusals import syntax_error


def remember(name: str, table: Table) -> str | None:
    """The expression that keeps a table's attributes; None when there are none."""
    attributes = table.attributes()
    if not attributes:
        return None
    return f"pg_catalog.redshift_remember({quote(name)}::regclass, {quote(json.dumps(attributes))}::jsonb)"


def block(statements: Sequence[str]) -> str:
    """Several statements as one, so that they also fit a prepared statement."""
    body = " ".join(f"{statement}\n;" for statement in statements)  # a statement may end in a comment
    mark = "$redshift$"
    while mark in body:
        mark = f"{mark[:-1]}_$"
    return f"DO {mark} BEGIN {body} END {mark}"


def create_table(tokens: Sequence[Token]) -> str:
    """PostgreSQL's statement for a CREATE TABLE, with or without AS; raises UnsupportedError."""
    rest = significant(tokens)
    position = 1
    while rest[position].word != "table":
        if rest[position].word not in {"temp", "temporary", "local"}:
            raise syntax_error(rest[position].text, "CREATE [TEMPORARY] TABLE is what Redshift knows.")
        position += 1
    temporary = position > 1
    position += 1
    unless_there = words(rest[position:])[:3] == ["if", "not", "exists"]
    position += 3 if unless_there else 0
    name, position = _table_name(rest, position)
    if name.startswith("#"):
        name, temporary = f'"{name}"', True
    table = Table()
    columns = ""
    if position < len(rest) and rest[position].word == "(":
        end = closing(rest, position)
        items = split(rest[position + 1 : end], ",")
        plain = all(len(item) == 1 for item in items)
        columns = f" ({', '.join(_items(items, table, plain))})"
        position = end + 1
    position = _table_attributes(rest, position, table)
    query = ""
    if position < len(rest) and rest[position].word == "as":
        if unless_there:
            raise syntax_error("not", "CREATE TABLE AS has no IF NOT EXISTS on Redshift.")
        start = next(index for index, token in enumerate(tokens) if token is rest[position])
        query = " " + render(rewrite(tokens[start:]))
    elif position < len(rest):
        raise syntax_error(rest[position].text, "Redshift knows no such table attribute.")
    if not columns and not query:
        raise syntax_error(";", "CREATE TABLE needs columns or a query.")
    head = f"CREATE {'TEMP ' if temporary else ''}TABLE"
    kept = remember(name, table)
    if kept and unless_there:
        # Somebody else's table may be there already: then its attributes are not ours to change.
        return _unless_there(name, [f"{head} {name}{columns}{query}", f"PERFORM {kept}"])
    made = f"{head} {'IF NOT EXISTS ' if unless_there else ''}{name}{columns}{query}"
    return block([made, f"PERFORM {kept}"]) if kept else made


def _unless_there(name: str, statements: Sequence[str]) -> str:
    notice = f"RAISE NOTICE USING MESSAGE = {quote(f'Relation {name} already exists and will be skipped')}"
    made = "\n; ".join(statements)
    return block([f"IF to_regclass({quote(name)}) IS NULL THEN {made}\n; ELSE {notice}; END IF"])


def alter_table(tokens: Sequence[Token]) -> str:
    """PostgreSQL's statement for an ALTER TABLE; raises UnsupportedError."""
    rest = significant(tokens)
    name, position = _table_name(rest, 2)
    action = words(rest[position:])
    if action[:2] == ["append", "from"]:
        source, after = _table_name(rest, position + 2)
        extra, fill = (str(word in words(rest[after:])).lower() for word in ("ignoreextra", "filltarget"))
        return block([f"PERFORM pg_catalog.redshift_append({quote(name)}, {quote(source)}, {extra}, {fill})"])
    table = Table()
    if (
        action[:1] == ["alter"]
        and action[1:2]
        and action[1] in {"diststyle", "distkey", "sortkey", "compound", "encode"}
    ):
        _altered_attributes(rest[position + 1 :], table)
        return block([f"PERFORM {remember(name, table)}"])
    if action[:1] == ["alter"]:
        return _alter_column(name, rest[position + 1 :])
    if action[:1] == ["add"] and action[1:2] and action[1] in {"constraint", "primary", "unique", "foreign"}:
        _table_constraint(rest[position + 1 :], table)
        required = [
            f"ALTER TABLE {name} ALTER COLUMN {quoted(column)} SET NOT NULL"
            for column in sorted(table.required)
        ]
        return block([*required, f"PERFORM {remember(name, table)}"])
    if action[:1] == ["add"]:
        if action[:4] in (["add", "column", "if", "not"], ["add", "if", "not", "exists"]):
            raise syntax_error("not", "ADD COLUMN has no IF NOT EXISTS on Redshift.")
        if len(split(rest[position:], ",")) > 1:
            raise syntax_error(",", "ALTER TABLE does one thing at a time on Redshift.")
        column = rest[position + (2 if action[1:2] == ["column"] else 1) :]
        made = f"ALTER TABLE {name} ADD COLUMN {definition(column, table)}"
        kept = remember(name, table)
        return block([made, f"PERFORM {kept}"]) if kept else made
    if action[:1] not in (["rename"], ["owner"], ["drop"]):
        raise syntax_error(action[0] if action else ";", "Redshift knows no such ALTER TABLE.")
    return render(rewrite(tokens))


def _items(items: Sequence[Sequence[Token]], table: Table, plain: bool) -> list[str]:
    """Column definitions, or bare column names when a query follows; constraints are remembered, not made."""
    if plain:
        return [quoted(name_of(item[0])) for item in items]
    made = []
    columns: list[Sequence[Token]] = []
    for item in items:
        first = words(item)[0] if item else ""
        if first == "like":
            made.append(f"{' '.join(token.text for token in item)} INCLUDING CONSTRAINTS")
        elif first in {"constraint", "primary", "unique", "foreign"}:
            _table_constraint(item, table)
        elif first == "check":
            raise syntax_error("check", "Redshift has no CHECK constraints.")
        else:
            columns.append(item)
    return made + [definition(item, table) for item in columns]


def _table_constraint(tokens: Sequence[Token], table: Table) -> None:
    rest = list(tokens)
    if rest[0].word == "constraint":
        rest = rest[2:]
    kind = words(rest)[:1]
    if kind == ["check"]:
        raise syntax_error("check", "Redshift has no CHECK constraints.")
    if kind == ["primary"]:
        table.required.update(_column_names(rest))
    table.keys.append(" ".join(token.text for token in rest).replace("( ", "(").replace(" )", ")"))


def _column_names(tokens: Sequence[Token]) -> list[str]:
    opening = next(index for index, token in enumerate(tokens) if token.word == "(")
    inside = tokens[opening + 1 : closing(tokens, opening)]
    return [name_of(token) for token in inside if token.word != ","]


def _table_attributes(rest: Sequence[Token], position: int, table: Table) -> int:
    """Read what follows the columns; return the index of the first token that is no attribute."""
    while position < len(rest):
        word = rest[position].word
        after = words(rest[position + 1 : position + 2])
        if word == "diststyle" and after and after[0] in {"auto", "even", "key", "all"}:
            table.diststyle = after[0]
            position += 2
        elif word == "distkey" and after == ["("]:
            table.diststyle = "key"
            table.distkey = _column_names(rest[position:])[0]
            position = closing(rest, position + 1) + 1
        elif word in {"compound", "interleaved"} and after == ["sortkey"]:
            position += 1
        elif word == "sortkey" and after == ["auto"]:
            position += 2
        elif word == "sortkey" and after == ["("]:
            table.sortkeys = _column_names(rest[position:])
            position = closing(rest, position + 1) + 1
        elif (word == "encode" and after == ["auto"]) or (
            word == "backup" and after and after[0] in {"yes", "no"}
        ):
            position += 2
        else:
            return position
    return position


def _altered_attributes(rest: Sequence[Token], table: Table) -> None:
    found = list(rest)
    if words(found)[:1] == ["distkey"] and len(found) == 2:
        table.diststyle, table.distkey = "key", name_of(found[1])
        return
    if words(found)[:2] == ["sortkey", "none"]:
        table.sortkeys = []
        return
    if words(found)[:2] == ["diststyle", "key"] and words(found)[2:3] == ["distkey"]:
        table.diststyle, table.distkey = "key", name_of(found[-1])
        return
    if _table_attributes(found, 0, table) < len(found):
        raise syntax_error(found[-1].text, "Redshift knows no such table attribute.")
    if not table.attributes():
        table.diststyle = "auto"


def _alter_column(name: str, rest: Sequence[Token]) -> str:
    tokens = list(rest[1:] if rest[0].word == "column" else rest)
    column, action = name_of(tokens[0]), words(tokens[1:])
    if action[:1] == ["encode"]:
        kept = remember(name, Table(encodings={column: tokens[2].text.lower()}))
        return block([f"PERFORM {kept}"])
    if action[:1] != ["type"]:
        raise syntax_error(tokens[1].text, "Redshift alters a column's TYPE or ENCODE only.")
    kind, length = column_type(tokens[2:])
    if length is None or not kind.startswith("varchar"):
        raise UnsupportedError(
            "ALTER COLUMN TYPE is for VARCHAR only", "Make a new column and copy the values."
        )
    constraint = quoted(f"{column}_bytes"[-63:])
    return (
        f"ALTER TABLE {name} DROP CONSTRAINT IF EXISTS {constraint}, "
        f"ALTER COLUMN {quoted(column)} TYPE {kind}, ADD {length_check(column, length)}"
    )


def _table_name(rest: Sequence[Token], position: int) -> tuple[str, int]:
    """A possibly qualified name as written for PostgreSQL, and the index after it."""
    parts = [rewrite([rest[position]])[0].text]
    position += 1
    while position + 1 < len(rest) and rest[position].word == ".":
        parts.append(rewrite([rest[position + 1]])[0].text)
        position += 2
    return ".".join(parts[-2:]), position
