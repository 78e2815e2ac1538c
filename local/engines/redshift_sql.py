"""Redshift's SQL as PostgreSQL statements, used by the wire protocol and through it by the Data API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local.engines.redshift_copy_options import CopyCommand, parse_copy
from local.engines.redshift_ddl import alter_table, create_table
from local.engines.redshift_functions import rewrite
from local.engines.redshift_lexer import (
    Token,
    UnsupportedError,
    render,
    significant,
    split,
    tokenize,
    words,
)
from local.engines.redshift_merge import merge
from local.engines.redshift_refusals import refuse, syntax_error
from local.engines.redshift_select import reshape
from local.engines.redshift_unload_options import UnloadCommand, parse_unload
from local.engines.redshift_users import create_role, create_user, drop_user, grant

__all__ = ["Statement", "UnsupportedError", "translate"]


@dataclass(frozen=True)
class Statement:
    """One statement: as it was written, as PostgreSQL runs it, and what the session has to do besides.

    `copy` is set for a COPY from S3, whose `postgres` is empty; `unload` for an UNLOAD to S3, whose
    `postgres` is its query; `commits` for TRUNCATE, after which Redshift commits; `alone` for what may not
    run in a transaction block; `tag` replaces PostgreSQL's command tag.
    """

    text: str
    postgres: str
    copy: CopyCommand | None = None
    unload: UnloadCommand | None = None
    commits: bool = False
    alone: bool = False
    tag: str | None = None


def translate(sql: str) -> list[Statement]:
    """The statements of a script, in order; empty ones are left out. Raises UnsupportedError."""
    pieces = split(tokenize(sql))
    return [statement(piece) for piece in pieces if words(piece) or any(not token.silent for token in piece)]


def statement(tokens: Sequence[Token]) -> Statement:
    """One statement, without its semicolon; raises UnsupportedError."""
    try:
        return _statement(tokens)
    except (IndexError, ValueError, StopIteration, AttributeError) as error:
        # The readers below rely on the grammar: this statement ends early, or holds a wrong number.
        end = render(significant(tokens)[-1:]) or ";"
        raise syntax_error(end, "The statement is not complete.") from error


def _statement(tokens: Sequence[Token]) -> Statement:
    text = render(tokens).strip()
    found = words(tokens)
    refuse(tokens)
    tokens = reshape(tokens)
    head = [word for word in found[:5] if word not in {"or", "replace", "local"}]
    if head[:1] == ["copy"]:
        return Statement(text, "", copy=parse_copy(significant(tokens)), tag="COPY")
    if head[:1] == ["unload"]:
        unload = parse_unload(significant(tokens))
        return Statement(text, _query(unload.query), unload=unload, tag="UNLOAD")
    if head[:1] == ["create"] and "table" in found[1:4] and found[1] != "materialized":
        made = create_table(tokens)
        return Statement(
            text, made, tag="SELECT" if " AS " in made and made.startswith("CREATE") else "CREATE TABLE"
        )
    if head[:2] == ["alter", "table"]:
        alone = found[3:] != [] and "append" in found and "from" in found
        return Statement(text, alter_table(tokens), alone=alone, tag="ALTER TABLE")
    if head[:1] == ["truncate"]:
        return Statement(text, _truncate(tokens), commits=True)
    if head[:1] == ["merge"]:
        return Statement(text, merge(tokens), tag="MERGE")
    if head[:1] == ["vacuum"]:
        return Statement(text, _vacuum(tokens), alone=True, tag="VACUUM")
    for start, handler in _STATEMENTS:
        if tuple(head[: len(start)]) == start:
            return Statement(text, handler(tokens))
    return Statement(text, render(rewrite(tokens)))


def _query(text: str) -> str:
    """The one query that an UNLOAD's text is."""
    queries = translate(text)
    if len(queries) != 1:
        raise syntax_error(";", "UNLOAD takes one query.")
    return queries[0].postgres


def _truncate(tokens: Sequence[Token]) -> str:
    return render(rewrite(tokens))


def _vacuum(tokens: Sequence[Token]) -> str:
    """VACUUM [FULL | SORT ONLY | DELETE ONLY | REINDEX | RECLUSTER] [table] [TO n PERCENT] [BOOST]."""
    rest = rewrite(significant(tokens)[1:])
    if words(rest)[:2] in (["sort", "only"], ["delete", "only"]):
        rest = rest[2:]
    elif words(rest)[:1] and words(rest)[0] in {"full", "reindex", "recluster"}:
        rest = rest[1:]
    end = next((index for index, word in enumerate(words(rest)) if word in {"to", "boost"}), len(rest))
    return f"VACUUM {render(rest[:end])}".strip()


def _analyze(tokens: Sequence[Token]) -> str:
    rest = rewrite(significant(tokens)[1:])
    end = next((index for index, word in enumerate(words(rest)) if word in {"predicate", "all"}), len(rest))
    return f"ANALYZE {render(rest[:end])}".strip()


def _create_schema(tokens: Sequence[Token]) -> str:
    rest = list(tokens)
    at = next((index for index, token in enumerate(rest) if token.word == "quota"), len(rest))
    return render(rewrite(rest[:at]))


def _create_database(tokens: Sequence[Token]) -> str:
    rest = significant(tokens)
    if any(token.word == "collate" for token in rest):
        raise UnsupportedError("a database's collation is not emulated", "Leave COLLATE out.")
    return render(rewrite(tokens))


def _create_view(tokens: Sequence[Token]) -> str:
    """CREATE [MATERIALIZED] VIEW … [WITH NO SCHEMA BINDING]; a late-binding view binds at once here."""
    rest = rewrite(tokens)
    found = [(index, token.word) for index, token in enumerate(rest) if not token.silent]
    tail = [word for _, word in found[-4:]]
    if tail == ["with", "no", "schema", "binding"]:
        rest = rest[: found[-4][0]]
    if words(rest)[1:2] == ["materialized"]:
        body = next(index for index, token in enumerate(rest) if token.word == "as")
        name = significant(rest[:body])[3:]
        end = next(
            (
                i
                for i, token in enumerate(name)
                if token.word
                in {"backup", "diststyle", "distkey", "sortkey", "compound", "interleaved", "auto"}
            ),
            len(name),
        )
        return f"CREATE MATERIALIZED VIEW {render(name[:end])} {render(rest[body:])}"
    return render(rest)


_REDSHIFT_SETTINGS = frozenset(
    [
        "query_group",
        "wlm_query_slot_count",
        "enable_result_cache_for_session",
        "enable_case_sensitive_identifier",
        "describe_field_name_in_uppercase",
        "analyze_threshold_percent",
        "max_cursor_result_set_size",
        "downcase_delimited_identifier",
        "json_serialization_enable",
        "enable_numeric_rounding",
        "mv_enable_aqmv_for_session",
    ]
)


def _set(tokens: Sequence[Token]) -> str:
    """SET of a parameter that only Redshift has is kept under the prefix `redshift.`."""
    rest = significant(tokens)
    at = 2 if len(rest) > 1 and rest[1].word in {"session", "local"} else 1
    if rest[at].word == "enable_case_sensitive_identifier" and rest[-1].text.lower() not in {
        "off",
        "false",
        "'off'",
    }:
        raise UnsupportedError("case-sensitive identifiers are not emulated", "Write names in lower case.")
    if rest[at].word in _REDSHIFT_SETTINGS:
        head = " ".join(token.text for token in rest[:at])
        return f"{head} redshift.{' '.join(token.text for token in rest[at:])}"
    return render(rewrite(tokens))


def _delete(tokens: Sequence[Token]) -> str:
    """DELETE [FROM] table: FROM may be left out."""
    rest = rewrite(tokens)
    if words(rest)[1:2] == ["from"]:
        return render(rest)
    at = next(index for index, token in enumerate(rest) if token.word == "delete")
    return render([*rest[: at + 1], Token("word", " FROM"), *rest[at + 1 :]])


Handler = Callable[[Sequence[Token]], str]
_STATEMENTS: list[tuple[tuple[str, ...], Handler]] = [
    (("analyze",), _analyze),
    (("create", "user"), create_user),
    (("alter", "user"), create_user),
    (("drop", "user"), drop_user),
    (("create", "role"), create_role),
    (("drop", "role"), drop_user),
    (("grant",), grant),
    (("revoke",), grant),
    (("alter", "default", "privileges"), grant),
    (("create", "schema"), _create_schema),
    (("create", "database"), _create_database),
    (("create", "view"), _create_view),
    (("create", "materialized", "view"), _create_view),
    (("set",), _set),
    (("delete",), _delete),
]
