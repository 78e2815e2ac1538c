"""A column's definition: Redshift's types and attributes in PostgreSQL's terms, and what is kept of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from local.engines.redshift_deny_list import NOT_EMULATED_TYPES, SERIAL_TYPES, UNSUPPORTED_TYPES
from local.engines.redshift_functions import rewrite
from local.engines.redshift_lexer import Token, UnsupportedError, closing, name_of, render, split, words
from local.engines.redshift_refusals import syntax_error

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


def column_type(tokens: Sequence[Token]) -> tuple[str, int | None]:
    """PostgreSQL's name of a type in DDL, and the greatest number of bytes when it is a character type."""
    found = words(tokens)
    base = " ".join(word for word in found[: found.index("(")] if word) if "(" in found else " ".join(found)
    size = render(tokens[found.index("(") + 1 : found.index(")")]).lower() if "(" in found else ""
    if "[" in found or "array" in found:
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


def definition(tokens: Sequence[Token], table: Table) -> str:
    """A column in PostgreSQL's words; what PostgreSQL has no place for goes to `table`."""
    if len(tokens) < 2:
        raise syntax_error(")", "A column needs a name and a type.")
    name = name_of(tokens[0])
    end = _type_end(tokens)
    kind, length = column_type(tokens[1:end])
    rest = list(tokens[end:])
    parts = [quoted(name), kind]
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
        parts.append(length_check(name, length))
    return " ".join(parts)


def length_check(name: str, length: int) -> str:
    """The constraint that counts a character column's bytes."""
    constraint = quoted(f"{name}_bytes"[-63:])
    too_long = (
        f"CASE WHEN octet_length({quoted(name)}) > {length} THEN redshift_too_long({length}) ELSE true END"
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


def quoted(name: str) -> str:
    """A name as PostgreSQL reads it whatever its characters."""
    return '"' + name.replace('"', '""') + '"'
