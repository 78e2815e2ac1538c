"""What Redshift refuses although PostgreSQL would take it, found among tokens: not in strings or comments."""

from __future__ import annotations

from collections.abc import Sequence

from local.engines.redshift_lexer import Token, UnsupportedError, words

STATEMENTS: dict[tuple[str, ...], str] = {
    ("create", "index"): "Redshift has no indexes; choose a SORTKEY instead",
    ("create", "unique", "index"): "Redshift has no indexes; choose a SORTKEY instead",
    ("drop", "index"): "Redshift has no indexes",
    ("reindex",): "Redshift has no indexes; use VACUUM REINDEX for interleaved sort keys",
    ("create", "sequence"): "Redshift has no sequences; use an IDENTITY column",
    ("create", "trigger"): "Redshift has no triggers",
    ("create", "extension"): "Redshift has no extensions",
    ("create", "type"): "Redshift has no user-defined types",
    ("create", "domain"): "Redshift has no domains",
    ("create", "rule"): "Redshift has no rules",
    ("create", "tablespace"): "Redshift has no tablespaces",
    ("create", "unlogged"): "Redshift has no unlogged tables",
    ("create", "foreign"): "Redshift has external schemas instead of foreign tables",
    ("create", "server"): "Redshift has external schemas instead of foreign servers",
    ("create", "policy"): "Redshift's CREATE RLS POLICY is not emulated",
    ("do",): "Redshift has no anonymous blocks; use a stored procedure",
    ("listen",): "Redshift has no notifications",
    ("notify",): "Redshift has no notifications",
    ("savepoint",): "Redshift has no savepoints",
    ("cluster",): "Redshift sorts by SORTKEY and VACUUM",
    ("create", "external"): "external schemas and tables (Spectrum) are not emulated",
    ("create", "model"): "Redshift ML is not emulated",
    ("create", "datashare"): "data sharing is not emulated",
    ("create", "library"): "Redshift has had no Python functions since June 2026",
    ("analyze", "compression"): "ANALYZE COMPRESSION is not emulated",
    ("cancel",): "CANCEL is not emulated; use pg_terminate_backend or the Data API's CancelStatement",
}

UNSUPPORTED_TYPES = frozenset(
    [
        "json",
        "jsonb",
        "bytea",
        "uuid",
        "xml",
        "money",
        "inet",
        "cidr",
        "macaddr",
        "bit",
        "hstore",
        "tsvector",
        "tsquery",
        "point",
        "line",
        "lseg",
        "box",
        "path",
        "polygon",
        "circle",
        "int4range",
        "int8range",
        "numrange",
        "tsrange",
        "tstzrange",
        "daterange",
        "oid",
        "name",
    ]
)
CATALOG_TYPES = frozenset({"oid", "name"})
"""Types that queries of the catalog may cast to."""
SERIAL_TYPES = frozenset(["serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"])
NOT_EMULATED_TYPES = frozenset(["geometry", "geography", "hllsketch", "varbyte", "varbinary"])

FUNCTIONS = {
    "array_agg": "Redshift has no ARRAY_AGG; use LISTAGG",
    "string_agg": "Redshift has no STRING_AGG; use LISTAGG",
    "unnest": "Redshift has no arrays to unnest; iterate over a SUPER column",
    "json_agg": "Redshift has no JSON_AGG",
    "jsonb_agg": "Redshift has no JSONB_AGG",
    "to_json": "Redshift has no TO_JSON",
    "to_jsonb": "Redshift has no TO_JSONB",
    "row_to_json": "Redshift has no ROW_TO_JSON",
    "json_build_object": "Redshift has no JSON_BUILD_OBJECT; use OBJECT",
    "jsonb_build_object": "Redshift has no JSONB_BUILD_OBJECT; use OBJECT",
    "make_date": "Redshift has no MAKE_DATE; cast a string",
    "make_interval": "Redshift has no MAKE_INTERVAL; use DATEADD",
    "gen_random_uuid": "Redshift has no GEN_RANDOM_UUID",
    "format": "Redshift has no FORMAT; concatenate with ||",
    "age": "Redshift has no AGE; use DATEDIFF",
    "nextval": "Redshift has no sequences; use an IDENTITY column",
    "currval": "Redshift has no sequences; use an IDENTITY column",
}

OPERATORS = {"->", "->>", "#>", "#>>", "@>", "<@"}


def syntax_error(near: str, sentence: str) -> UnsupportedError:
    """Redshift's error for what its parser cannot read at `near`."""
    return UnsupportedError(f'syntax error at or near "{near}"', sentence, "42601")


def refuse(tokens: Sequence[Token]) -> None:
    """Raise UnsupportedError when a statement holds what Redshift does not know."""
    found = words(tokens)
    plain = (
        [word for word in found if word not in {"or", "replace"}] if found[:2] == ["create", "or"] else found
    )
    for start, sentence in STATEMENTS.items():
        if tuple(plain[: len(start)]) == start:
            text = " ".join(start).upper()
            raise UnsupportedError(f'SQL command "{text}" not supported on Redshift', f"{sentence}.")
    if "language" in found:
        language = found[found.index("language") + 1 :][:1]
        if language and language[0].startswith("plpython"):
            raise UnsupportedError(
                "Python user-defined functions are not supported",
                "Redshift has had none since June 2026; use SQL or a Lambda.",
            )
    depth = 0
    for index, word in enumerate(found):
        depth += (word == "(") - (word == ")")
        _refuse_at(found, index, word, depth)


def _refuse_at(found: list[str], index: int, word: str, depth: int) -> None:
    after = found[index + 1 : index + 3]
    before = found[index - 1] if index else ""
    changes = found[0] in {"insert", "update", "delete", "merge", "with"}
    if word == "on" and after[:1] == ["conflict"] and after[1:] and after[1] in {"(", "do", "on"} and changes:
        raise syntax_error("on", "Redshift has no ON CONFLICT; use MERGE or delete before inserting.")
    if word == "returning" and depth == 0 and changes:
        raise syntax_error("returning", "Redshift has no RETURNING; read the rows with a SELECT.")
    if word == "filter" and after == ["(", "where"]:
        raise syntax_error("(", "Redshift has no FILTER clause; aggregate a CASE expression.")
    if word == "distinct" and after[:1] == ["on"] and after[1:] == ["("]:
        raise UnsupportedError("SELECT DISTINCT ON is not supported", "Use ROW_NUMBER and QUALIFY.")
    if word == "lateral" and before in {",", "join", "from", "cross"}:
        raise syntax_error("lateral", "Redshift has no LATERAL joins.")
    if word == "tablesample":
        raise syntax_error("tablesample", "Redshift has no TABLESAMPLE; use WHERE RANDOM() < x.")
    if word == "for" and after[:1] and after[0] in {"update", "share"} and found[0] in {"select", "with"}:
        raise UnsupportedError("SELECT FOR UPDATE is not supported", "Redshift locks whole tables; use LOCK.")
    if word == "array" and after[:1] == ["["]:
        raise syntax_error("[", "Redshift has no arrays; use a SUPER value.")
    if word in OPERATORS:
        raise UnsupportedError(
            f"operator does not exist: {word}",
            "Redshift has no JSON operators; use JSON_EXTRACT_PATH_TEXT.",
            "42883",
        )
    if after[:1] == ["("] and before != "." and word in FUNCTIONS:
        raise UnsupportedError(f"function {word} does not exist", f"{FUNCTIONS[word]}.", "42883")
    cast = before == "::" or (before == "as" and _inside_cast(found, index))
    if cast and word in UNSUPPORTED_TYPES - CATALOG_TYPES:
        raise UnsupportedError(
            f'type "{word}" is not supported', "Redshift has no such type; VARCHAR or SUPER may do."
        )
    if cast and after == ["[", "]"]:
        raise syntax_error("[", "Redshift has no arrays; use a SUPER value.")


def _inside_cast(found: list[str], index: int) -> bool:
    depth = 0
    for position in range(index - 1, 0, -1):
        depth += (found[position] == ")") - (found[position] == "(")
        if depth < 0:
            return found[position - 1] == "cast"
    return False
