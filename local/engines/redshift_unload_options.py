"""UNLOAD's own syntax: UNLOAD ('query') TO 's3://…' IAM_ROLE '…' [options]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from local.engines.redshift_lexer import (
    Token,
    UnsupportedError,
    closing,
    literal,
    name_of,
    split,
    tokenize,
    words,
)
from local.engines.redshift_refusals import syntax_error

Format = Literal["text", "csv", "parquet"]
MEGABYTE = 2**20
SMALLEST_FILE, LARGEST_FILE = 5 * MEGABYTE, int(Decimal("6.2") * 1024 * MEGABYTE)
ROW_GROUP_MEGABYTES = 32
"""Size of the row groups that a Parquet file's greatest size is rounded down to."""


@dataclass
class UnloadCommand:
    """One UNLOAD: query, target, role and options, as written.

    `role_arn` is None for IAM_ROLE DEFAULT; `max_size` is in bytes; `kms_key` is None for S3's own keys and
    "auto" for the bucket's.
    """

    query: str
    target: str
    role_arn: str | None = None
    authorised: bool = False
    format: Format = "text"
    delimiter: str | None = None
    null: str | None = None
    compression: Literal["gzip", "bzip2", "zstd"] | None = None
    header: bool = False
    add_quotes: bool = False
    escape: bool = False
    partition_by: list[str] = field(default_factory=list)
    include: bool = False
    manifest: bool = False
    verbose: bool = False
    allow_overwrite: bool = False
    clean_path: bool = False
    parallel: bool = True
    max_size: int = LARGEST_FILE
    kms_key: str | None = None
    encrypted: bool = False
    extension: str | None = None


_FLAGS = {
    "header": "header",
    "addquotes": "add_quotes",
    "escape": "escape",
    "allowoverwrite": "allow_overwrite",
    "cleanpath": "clean_path",
}
_NOT_EMULATED = frozenset(
    [
        "json",
        "fixedwidth",
        "credentials",
        "access_key_id",
        "secret_access_key",
        "session_token",
        "master_symmetric_key",
    ]
)


def parse_unload(tokens: Sequence[Token]) -> UnloadCommand:
    """The command that significant tokens of an UNLOAD spell; raises UnsupportedError."""
    rest = list(tokens[1:])
    if words(rest)[:1] != ["("] or len(rest) < 3 or rest[1].kind != "string" or rest[2].word != ")":
        raise syntax_error(rest[0].text if rest else ";", "UNLOAD takes its query as a string: ('select …').")
    query, rest = literal(rest[1]), rest[3:]
    if len(rest) < 2 or rest[0].word != "to" or rest[1].kind != "string":
        raise syntax_error(rest[0].text if rest else ";", "UNLOAD writes TO 's3://bucket/prefix'.")
    command = UnloadCommand(query, literal(rest[1]))
    if not command.target.startswith("s3://"):
        raise UnsupportedError(f"The target {command.target} is not supported", "UNLOAD writes to S3.")
    _check_query(query)
    position = 2
    while position < len(rest):
        position += _option(command, rest[position:])
    _check(command)
    return command


def _option(command: UnloadCommand, rest: list[Token]) -> int:
    """Read the option that `rest` begins with; how many tokens it takes."""
    word = rest[0].word
    at = 2 if words(rest[1:2]) == ["as"] else 1
    value = rest[at] if len(rest) > at else Token("space", "")
    text = literal(value) if value.kind == "string" else None
    if word in _NOT_EMULATED or value.word == "json":
        name = (value.word if word == "format" else word).upper()
        raise UnsupportedError(f"UNLOAD with {name} is not emulated", "Unload Parquet or CSV as a role.")
    if word in _FLAGS:
        setattr(command, _FLAGS[word], True)
        return 1
    if word == "iam_role" and (text or value.word == "default"):
        command.role_arn, command.authorised = text, True
    elif word == "format" and value.word in {"csv", "parquet", "text"}:
        command.format = value.word  # type: ignore[assignment]
    elif word in {"csv", "parquet"}:
        command.format, at = word, 0  # type: ignore[assignment]
    elif word in {"gzip", "bzip2", "zstd"}:
        command.compression, at = word, 0  # type: ignore[assignment]
    elif word == "delimiter" and text is not None:
        command.delimiter = _character(text)
    elif word == "null" and text is not None:
        command.null = text
    elif word == "extension" and text:
        command.extension = text
    elif word == "region" and text:
        pass  # there is one region here
    elif word == "kms_key_id" and text:
        command.kms_key = text
    elif word == "encrypted":
        command.encrypted = True
        at = 1 if value.word == "auto" else 0
        command.kms_key = "auto" if at else command.kms_key
    elif word == "manifest":
        command.manifest = True
        command.verbose = value.word == "verbose"
        at = int(command.verbose)
    elif word == "parallel":
        known = {"on": True, "true": True, "off": False, "false": False}
        command.parallel = known.get(value.word, True)
        at = at if value.word in known else 0
    elif word == "maxfilesize" and value.kind == "number":
        unit = words(rest[at + 1 : at + 2])
        command.max_size = int(Decimal(value.text) * MEGABYTE * (1024 if unit == ["gb"] else 1))
        at += unit in (["mb"], ["gb"])
    elif word == "rowgroupsize":
        raise UnsupportedError("ROWGROUPSIZE is not supported on this node type", "It is for clusters only.")
    elif word == "partition" and words(rest[1:3]) == ["by", "("]:
        end = closing(rest, 2)
        if any(token.kind == "string" for token in rest[3:end]):
            raise syntax_error(rest[3].text, "PARTITION BY takes names of columns, no literals.")
        command.partition_by = [name_of(part[0]) for part in split(rest[3:end], ",")]
        command.include = words(rest[end + 1 : end + 2]) == ["include"]
        at = end + command.include
    else:
        raise syntax_error(rest[0].text, "UNLOAD knows no such option.")
    return at + 1


def _check(command: UnloadCommand) -> None:
    """Hold the options against each other, as Redshift's manual tells them."""
    if not command.authorised:
        raise UnsupportedError(
            "Must specify IAM_ROLE or credentials for UNLOAD",
            "Name the role: IAM_ROLE 'arn:…' or IAM_ROLE DEFAULT.",
            "42601",
        )
    if command.clean_path and command.allow_overwrite:
        raise UnsupportedError("CLEANPATH and ALLOWOVERWRITE exclude each other", "Choose one.", "42601")
    given = {
        "DELIMITER": command.delimiter,
        "ADDQUOTES": command.add_quotes,
        "ESCAPE": command.escape,
        "NULL AS": command.null is not None,
        "HEADER": command.header,
        (command.compression or "").upper(): command.compression,
    }
    wrong = [name for name, value in given.items() if value]
    if command.format == "parquet" and wrong:
        raise UnsupportedError(
            f"{wrong[0]} is not supported for UNLOAD to PARQUET",
            "Parquet carries its own types and compression.",
        )
    for name in ("ADDQUOTES", "ESCAPE"):
        if command.format == "csv" and given[name]:
            raise UnsupportedError(f"{name} is not supported for UNLOAD to CSV", "CSV quotes by itself.")
    if not SMALLEST_FILE <= command.max_size <= LARGEST_FILE:
        raise UnsupportedError("MAXFILESIZE must be between 5 MB and 6.2 GB", "Choose another size.", "22023")
    if command.encrypted != (command.kms_key is not None):
        raise UnsupportedError(
            "ENCRYPTED needs AUTO or a KMS_KEY_ID, and KMS_KEY_ID needs ENCRYPTED",
            "Without either, files are encrypted with S3's own key.",
            "42601",
        )
    if command.format == "parquet" and command.max_size < LARGEST_FILE:
        group = ROW_GROUP_MEGABYTES * MEGABYTE
        command.max_size = max(command.max_size // group, 1) * group


def _check_query(query: str) -> None:
    found = words(tokenize(query))
    if found[:1] not in (["select"], ["with"], ["("]):
        raise syntax_error(found[0] if found else "'", "UNLOAD takes a SELECT.")
    depth = 0
    for word in found:
        depth += (word == "(") - (word == ")")
        if depth == 0 and word in {"limit", "top"}:
            raise UnsupportedError(
                "Limit clause is not supported", "Put the query with the LIMIT into a subquery.", "0A000"
            )


def _character(text: str) -> str:
    if len(text) != 1 or not text.isascii():
        raise UnsupportedError("UNLOAD delimiter must be a single ASCII character", "Choose one.", "22023")
    return text
