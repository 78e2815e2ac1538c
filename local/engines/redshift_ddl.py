"""CREATE TABLE and ALTER TABLE: Redshift's types and attributes in PostgreSQL's terms.

Distribution, sort keys, encodings and keys that Redshift does not enforce have no place in PostgreSQL: they
go to pg_catalog.redshift_tables, from which the system views answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

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
from local.engines.redshift_refusals import (
    NOT_EMULATED_TYPES,
    SERIAL_TYPES,
    UNSUPPORTED_TYPES,
    syntax_error,
)

LONGEST_VARCHAR = 65535
ATTRIBUTES = frozenset(
    [
        "default",
        "identity",
        "generated",
        "encode",
        "distkey",
        "sortkey",
        "collate",
        "not",
        "null",
        "unique",
        "primary",
        "references",
        "check",
    ]
)


@dataclass
class Table:
    """What a CREATE or ALTER TABLE says beyond PostgreSQL's words."""

    diststyle: str | None = None
    distkey: str | None = None
    sortkeys: list[str] | None = None
    encodings: dict[str, str] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    required: set[str] = field(default_factory=set)

    def attributes(self) -> dict[str, Any]:
        """The attributes to remember, without those that are not set."""
        known = {
            "diststyle": self.diststyle,
            "distkey": self.distkey,
            "sortkeys": self.sortkeys,
            "encodings": self.encodings,
            "keys": self.keys,
        }
        return {
            name: value
            for name, value in known.items()
            if value or (name == "sortkeys" and value is not None)
        }


def remember(name: str, table: Table) -> str | None:
    """The expression that keeps a table's attributes; None when there are none."""
    attributes = table.attributes()
    if not attributes:
        return None
    return f"pg_catalog.redshift_remember({quote(name)}::regclass, {quote(json.dumps(attributes))}::jsonb)"


def block(statements: Sequence[str]) -> str:
    """Several statements as one, so that they also fit a prepared statement."""
    body = " ".join(f"{statement}\n;" for statement in statements)  # a statement may end in a comment
    return f"DO $redshift$ BEGIN {body} END $redshift$"


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
    exists = "IF NOT EXISTS " if words(rest[position:])[:3] == ["if", "not", "exists"] else ""
    position += 3 if exists else 0
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
        start = next(index for index, token in enumerate(tokens) if token is rest[position])
        query = " " + render(rewrite(tokens[start:]))
    elif position < len(rest):
        raise syntax_error(rest[position].text, "Redshift knows no such table attribute.")
    if not columns and not query:
        raise syntax_error(";", "CREATE TABLE needs columns or a query.")
    made = f"CREATE {'TEMP ' if temporary else ''}TABLE {exists}{name}{columns}{query}"
    kept = remember(name, table)
    return block([made, f"PERFORM {kept}"]) if kept else made


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
            f"ALTER TABLE {name} ALTER COLUMN {_quoted(column)} SET NOT NULL"
            for column in sorted(table.required)
        ]
        return block([*required, f"PERFORM {remember(name, table)}"])
    if action[:1] == ["add"]:
        column = rest[position + (2 if action[1:2] == ["column"] else 1) :]
        made = f"ALTER TABLE {name} ADD COLUMN {_column(column, table)}"
        kept = remember(name, table)
        return block([made, f"PERFORM {kept}"]) if kept else made
    return render(rewrite(tokens))


def column_type(tokens: Sequence[Token]) -> tuple[str, int | None]:
    """PostgreSQL's name of a type in DDL, and the greatest number of bytes when it is a character type."""
    found = words(tokens)
    base = " ".join(word for word in found[: found.index("(")] if word) if "(" in found else " ".join(found)
    size = render(tokens[found.index("(") + 1 : found.index(")")]).lower() if "(" in found else ""
    if "[" in found:
        raise UnsupportedError(
            f'type "{render(tokens)}" is not supported', "Redshift has no arrays; use SUPER."
        )
    if base in UNSUPPORTED_TYPES or base in SERIAL_TYPES:
        instead = "IDENTITY" if base in SERIAL_TYPES else "VARCHAR or SUPER"
        raise UnsupportedError(
            f'type "{base}" is not supported', f"Redshift has no such column type; use {instead}."
        )
    if base in NOT_EMULATED_TYPES:
        raise UnsupportedError(f'type "{base}" is not emulated', "Real Redshift has it.")
    if base in {"varchar", "nvarchar", "character varying", "text"}:
        length = LONGEST_VARCHAR if size == "max" else int(size or 256)
        if base == "text":
            length = 256
        if length > LONGEST_VARCHAR:
            raise UnsupportedError(
                f"length for type character varying cannot exceed {LONGEST_VARCHAR}", "Shorten it.", "22023"
            )
        return f"varchar({length})", length
    if base in {"char", "nchar", "character", "bpchar"}:
        length = int(size or (256 if base == "bpchar" else 1))
        if length > 4096:
            raise UnsupportedError("length for type character cannot exceed 4096", "Use VARCHAR.", "22023")
        return f"char({length})", length
    if base in {"numeric", "decimal"}:
        precision, _, scale = (size or "18,0").partition(",")
        if int(precision) > 38:
            raise UnsupportedError(
                f"NUMERIC precision {precision} must be between 1 and 38", "Lower it.", "22023"
            )
        return f"numeric({precision},{scale.strip() or 0})", None
    return ("jsonb", None) if base == "super" else (" ".join(token.text for token in tokens), None)


def _items(items: Sequence[Sequence[Token]], table: Table, plain: bool) -> list[str]:
    """Column definitions, or bare column names when a query follows; constraints are remembered, not made."""
    if plain:
        return [_quoted(name_of(item[0])) for item in items]
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
    return made + [_column(item, table) for item in columns]


def _column(tokens: Sequence[Token], table: Table) -> str:
    if len(tokens) < 2:
        raise syntax_error(")", "A column needs a name and a type.")
    name = name_of(tokens[0])
    end = _type_end(tokens)
    kind, length = column_type(tokens[1:end])
    rest = list(tokens[end:])
    parts = [_quoted(name), kind]
    required = name in table.required
    while rest:
        word, following_words = rest[0].word, words(rest[1:3])
        if word == "identity" or (word == "generated" and "identity" in words(rest)):
            opening = next((index for index, token in enumerate(rest) if token.word == "("), len(rest))
            if opening == len(rest):
                raise syntax_error(word, "IDENTITY takes a seed and a step, e.g. IDENTITY(1, 1).")
            last = closing(rest, opening)
            seed, step = (render(part).strip() for part in split(rest[opening + 1 : last], ","))
            how = "ALWAYS" if word == "identity" else "BY DEFAULT"
            lowest = f"MINVALUE {min(int(seed), 1)}"
            parts.append(f"GENERATED {how} AS IDENTITY (START WITH {seed} INCREMENT BY {step} {lowest})")
            rest = rest[last + 1 :]
        elif word == "encode":
            table.encodings[name] = rest[1].text.lower()
            rest = rest[2:]
        elif word == "distkey":
            table.distkey, table.diststyle, rest = name, "key", rest[1:]
        elif word == "sortkey":
            table.sortkeys, rest = [*(table.sortkeys or []), name], rest[1:]
        elif word == "collate":
            if following_words[:1] != ["case_sensitive"] and following_words[:1] != ["cs"]:
                raise UnsupportedError("COLLATE CASE_INSENSITIVE is not emulated", "Compare LOWER(column).")
            rest = rest[2:]
        elif word == "not" and following_words[:1] == ["null"]:
            required, rest = True, rest[2:]
        elif word == "null":
            rest = rest[1:]
        elif word == "unique":
            table.keys.append(f"UNIQUE ({name})")
            rest = rest[1:]
        elif word == "primary" and following_words[:1] == ["key"]:
            required, rest = True, rest[2:]
            table.keys.append(f"PRIMARY KEY ({name})")
        elif word == "references":
            stop = 1
            while stop < len(rest) and rest[stop].word not in ATTRIBUTES:
                stop += 1
            table.keys.append(f"FOREIGN KEY ({name}) {' '.join(token.text for token in rest[:stop])}")
            rest = rest[stop:]
        elif word == "default":
            stop, depth = 1, 0
            while stop < len(rest) and (depth or stop == 1 or rest[stop].word not in ATTRIBUTES):
                depth += (rest[stop].word == "(") - (rest[stop].word == ")")
                stop += 1
            expression = " ".join(token.text for token in rewrite(rest[1:stop]))
            parts.append(f"DEFAULT {expression}")
            rest = rest[stop:]
        elif word == "check":
            raise syntax_error("check", "Redshift has no CHECK constraints.")
        else:
            raise syntax_error(rest[0].text, "Redshift knows no such column attribute.")
    if required:
        parts.append("NOT NULL")
    if length is not None:
        parts.append(_length_check(name, length))
    return " ".join(parts)


def _length_check(name: str, length: int) -> str:
    constraint = _quoted(f"{name}_bytes"[-63:])
    too_long = (
        f"CASE WHEN octet_length({_quoted(name)}) > {length} THEN redshift_too_long({length}) ELSE true END"
    )
    return f"CONSTRAINT {constraint} CHECK ({too_long})"


def _type_end(tokens: Sequence[Token]) -> int:
    """Index after a column's type."""
    index = 1
    while index < len(tokens):
        if tokens[index].word == "(":
            index = closing(tokens, index)
        elif index > 1 and tokens[index].word in ATTRIBUTES:
            break
        index += 1
    return index


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
    constraint = _quoted(f"{column}_bytes"[-63:])
    return (
        f"ALTER TABLE {name} DROP CONSTRAINT IF EXISTS {constraint}, "
        f"ALTER COLUMN {_quoted(column)} TYPE {kind}, ADD {_length_check(column, length)}"
    )


def _table_name(rest: Sequence[Token], position: int) -> tuple[str, int]:
    """A possibly qualified name as written for PostgreSQL, and the index after it."""
    parts = [rewrite([rest[position]])[0].text]
    position += 1
    while position + 1 < len(rest) and rest[position].word == ".":
        parts.append(rewrite([rest[position + 1]])[0].text)
        position += 2
    return ".".join(parts[-2:]), position


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
