"""COPY's own syntax: COPY table [(columns)] FROM 's3://…' IAM_ROLE '…' [options]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from local.engines.redshift_functions import rewrite
from local.engines.redshift_lexer import Token, UnsupportedError, closing, literal, name_of
from local.engines.redshift_refusals import syntax_error

Format = Literal["text", "csv", "parquet"]
MOST_ERRORS = 100_000


@dataclass
class CopyCommand:
    """One COPY: target, source, credentials and options, as written.

    `table` is the target as PostgreSQL reads it; `columns` is None when the statement has no list; `role_arn`
    is None for IAM_ROLE DEFAULT. Date and time formats are Redshift's, None for its own default.
    """

    table: str
    source: str
    columns: list[str] | None = None
    role_arn: str | None = None
    authorised: bool = False
    format: Format = "text"
    delimiter: str | None = None
    quote: str = '"'
    null: str | None = None
    compression: Literal["gzip", "bzip2", "zstd"] | None = None
    ignore_header: int = 0
    max_error: int = 0
    date_format: str | None = None
    time_format: str | None = None
    manifest: bool = False
    empty_as_null: bool = False
    blanks_as_null: bool = False
    explicit_ids: bool = False
    fill_record: bool = False
    truncate_columns: bool = False
    escape: bool = False
    remove_quotes: bool = False
    accept_invalid: str | None = None
    no_load: bool = False
    text_options: list[str] = field(default_factory=list)
    """Names of the options given that only text files know."""


_ROLE_CREDENTIALS = "aws_iam_role="
"""How CREDENTIALS, the older form of authorisation, names a role."""
_NOT_EMULATED = frozenset(
    [
        "avro",
        "orc",
        "json",
        "shapefile",
        "fixedwidth",
        "lzop",
        "encrypted",
        "ssh",
        "credentials",
        "access_key_id",
    ]
)
_TEXT_FLAGS = {
    "emptyasnull": "empty_as_null",
    "blanksasnull": "blanks_as_null",
    "explicit_ids": "explicit_ids",
    "fillrecord": "fill_record",
    "truncatecolumns": "truncate_columns",
    "escape": "escape",
    "removequotes": "remove_quotes",
    "noload": "no_load",
}


def parse_copy(tokens: Sequence[Token]) -> CopyCommand:
    """The command that significant tokens of a COPY spell; raises UnsupportedError."""
    rest = list(tokens[1:])
    name, rest = _target(rest)
    columns = None
    if rest and rest[0].word == "(":
        end = closing(rest, 0)
        columns = [name_of(token) for token in rest[1:end] if token.word != ","]
        rest = rest[end + 1 :]
    if len(rest) < 2 or rest[0].word != "from":
        raise syntax_error(
            rest[0].text if rest else ";", "COPY table FROM 's3://bucket/prefix' is what Redshift loads."
        )
    if rest[1].kind != "string":
        raise syntax_error(
            rest[1].text, "COPY reads 's3://bucket/prefix' only; STDIN and files do not exist on Redshift."
        )
    command = CopyCommand(name, literal(rest[1]), columns)
    if not command.source.startswith("s3://"):
        raise UnsupportedError(
            f"The source {command.source} of the load is not supported", "Only s3:// sources are emulated."
        )
    _options(command, rest[2:])
    if not command.authorised:
        raise UnsupportedError(
            "Must specify IAM_ROLE or credentials for COPY",
            "Name the role: IAM_ROLE 'arn:…' or IAM_ROLE DEFAULT.",
            "42601",
        )
    if command.format == "parquet" and command.text_options:
        raise UnsupportedError(
            f"{command.text_options[0].upper()} argument is not supported for PARQUET based COPY",
            "Parquet carries its own types and compression.",
        )
    return command


def _target(rest: list[Token]) -> tuple[str, list[Token]]:
    parts: list[str] = []
    while rest:
        parts.append(rewrite([rest[0]])[0].text)
        rest = rest[1:]
        if not rest or rest[0].word != ".":
            break
        rest = rest[1:]
    name = ".".join(parts[-2:])
    return (f'"{name}"' if name.startswith("#") else name), rest


def _options(command: CopyCommand, rest: list[Token]) -> None:
    while rest:
        word = rest[0].word
        values = [token for token in rest[1:4] if token.word not in {"as", "format"}]
        skipped = next((index for index, token in enumerate(rest[1:3]) if token.word not in {"as"}), 0)
        value = rest[1 + skipped] if len(rest) > 1 + skipped else None
        text = literal(value) if value is not None and value.kind == "string" else None
        used = 2 + skipped
        if word == "iam_role" and (text or (value and value.word == "default")):
            command.role_arn, command.authorised = text, True
        elif word == "credentials" and text and text.startswith(_ROLE_CREDENTIALS):
            command.role_arn, command.authorised = text.removeprefix(_ROLE_CREDENTIALS), True
        elif word == "format" and values and _is_format(values[0]):
            _set_format(command, values[0].word)
            used = rest.index(values[0]) + 1
        elif _is_format(rest[0]):
            _set_format(command, word)
            used = 1
        elif word in {"gzip", "bzip2", "zstd"}:
            command.compression = word  # type: ignore[assignment]
            used = _text_option(command, word, 1)
        elif word == "delimiter" and text:
            command.delimiter = _character(text)
            _text_option(command, word, used)
        elif word == "quote" and text:
            command.quote = text
            _text_option(command, word, used)
        elif word == "null" and text is not None and value is not None:
            command.null = "\\N" if value.text in {r"'\N'", r"'\\N'"} else text
            _text_option(command, word, used)
        elif word in {"dateformat", "timeformat"} and text:
            setattr(
                command,
                "date_format" if word == "dateformat" else "time_format",
                None if text == "default" else text,
            )
            _text_option(command, word, used)
        elif word in {"ignoreheader", "maxerror"} and value is not None and value.kind == "number":
            setattr(command, "ignore_header" if word == "ignoreheader" else "max_error", int(value.text))
            _text_option(command, word, used)
        elif word in _TEXT_FLAGS:
            setattr(command, _TEXT_FLAGS[word], True)
            used = _text_option(command, word, 1)
        elif word == "acceptinvchars":
            command.accept_invalid = text or "?"
            used = _text_option(command, word, used if text else 1)
        elif word == "trimblanks" or word == "ignoreblanklines":
            raise UnsupportedError(
                f"COPY option {word.upper()} is not emulated", "Clean the files before loading."
            )
        elif word == "encoding" and value is not None and value.word in {"utf8", ""}:
            _text_option(command, word, used)
        elif word == "manifest":
            command.manifest, used = True, 1
        elif word == "region" and text:
            pass
        elif word in {"compupdate", "statupdate"}:
            used = used if value is not None and value.word in {"on", "off", "true", "false", "preset"} else 1
        elif word in {"comprows", "readratio"} and value is not None:
            pass
        elif word == "acceptanydate" or word == "roundec":
            raise UnsupportedError(
                f"COPY option {word.upper()} is not emulated", "Clean the files before loading."
            )
        elif word in _NOT_EMULATED:
            raise UnsupportedError(
                f"COPY with {word.upper()} is not emulated", "Load Parquet or CSV with an IAM role."
            )
        else:
            raise syntax_error(rest[0].text, "COPY knows no such option.")
        rest = rest[used:]
    if not 0 <= command.max_error <= MOST_ERRORS:
        raise UnsupportedError(f"MAXERROR must be between 0 and {MOST_ERRORS}", "Lower it.", "22023")


def _is_format(token: Token) -> bool:
    return token.word in {"csv", "parquet", "avro", "orc", "json", "text"}


def _set_format(command: CopyCommand, word: str) -> None:
    if word in {"avro", "orc", "json"}:
        raise UnsupportedError(f"COPY FORMAT {word.upper()} is not emulated", "Load Parquet or CSV.")
    command.format = word  # type: ignore[assignment]


def _text_option(command: CopyCommand, name: str, used: int) -> int:
    command.text_options.append(name)
    return used


def _character(text: str) -> str:
    """A delimiter: one character, or its octal code as in '\\011'."""
    if text.isdigit() and len(text) == 3:
        return chr(int(text, 8))
    if len(text) != 1:
        raise UnsupportedError("COPY delimiter must be a single character", "Choose one.", "22023")
    return text
