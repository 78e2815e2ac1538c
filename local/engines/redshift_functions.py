"""Redshift's expressions in PostgreSQL's words: functions, casts, operators and keywords.

Functions that differ in name or arguments only are defined in the database (redshift_catalog.sql); here are
those whose syntax differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from local.engines.redshift_lexer import (
    Token,
    UnsupportedError,
    closing,
    fold,
    following,
    preceding,
    quote,
    significant,
    split,
    tokenize,
)

Tokens = list[Token]
Rewrite = Callable[[list[Tokens], Sequence[Token], int], tuple[Tokens, int]]
"""(arguments, all tokens, index of the closing parenthesis) → replacement, index of the token after it."""

DATE_PARTS = frozenset(
    [
        *("millennium", "century", "decade", "year", "y", "yr", "yrs", "years"),
        *("quarter", "q", "qtr", "qtrs", "quarters", "month", "mon", "mons", "months"),
        *("week", "w", "weeks", "day", "d", "days", "dayofmonth", "hour", "h", "hr", "hrs", "hours"),
        *("minute", "m", "min", "mins", "minutes", "second", "s", "sec", "secs", "seconds"),
        *("millisecond", "ms", "msec", "msecs", "milliseconds"),
        *("microsecond", "us", "usec", "usecs", "microseconds"),
        *("dow", "isodow", "dayofweek", "dw", "weekday", "doy", "dayofyear", "dy", "epoch", "timezone"),
    ]
)

RENAMED = {
    "nvl": "coalesce",
    "date_diff": "datediff",
    "replicate": "repeat",
    "textlen": "len",
    **{
        # PostgreSQL's own of the same name do something else: Redshift's are in a schema of their own.
        name: f"redshift.{name}"
        for name in (
            *("avg", "concat", "json_array_length", "json_parse", "json_serialize", "json_typeof"),
            *("regexp_replace", "regexp_substr", "round", "version"),
        )
    },
}
KEYWORDS = {
    "sysdate": "redshift_sysdate()",
    "minus": "EXCEPT",
    "super": "jsonb",
    "nvarchar": "varchar",
    "nchar": "char",
    "bpchar": "char",
}


def rewrite(tokens: Sequence[Token]) -> Tokens:
    """The tokens of a query or an expression as PostgreSQL reads them."""
    result: Tokens = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        after = following(tokens, index)
        qualified = preceding(tokens, index) >= 0 and tokens[preceding(tokens, index)].word == "."
        called = after < len(tokens) and tokens[after].word == "("
        if token.kind == "quoted":
            result.append(fold(token))
        elif (
            token.word == "approximate"
            and not qualified
            and after < len(tokens)
            and tokens[after].kind == "word"
        ):
            index = after
            continue
        elif called and not qualified and (call := CALLS.get(token.word) or WINDOWS.get(token.word)):
            end = closing(tokens, after)
            arguments = split(tokens[after + 1 : end], ",")
            replacement, index = call(arguments, tokens, end)
            result.extend(replacement)
            continue
        elif called and not qualified and token.word in RENAMED:
            result.append(Token("word", RENAMED[token.word]))
        elif not qualified and token.word in KEYWORDS and _is_keyword(tokens, index, after):
            result.append(Token("word", KEYWORDS[token.word]))
        elif token.word == "max" and _is_length(tokens, index, after):
            result.append(Token("number", "65535"))
        else:
            result.append(token)
        index += 1
    return result


def _is_keyword(tokens: Sequence[Token], index: int, after: int) -> bool:
    """Whether a word that may also be a name is Redshift's keyword here."""
    word, before = tokens[index].word, preceding(tokens, index)
    previous = tokens[before].word if before >= 0 else ""
    if word in {"super", "nvarchar", "nchar", "bpchar"}:
        return previous in {"::", "as"}
    if previous == "as" or (after < len(tokens) and tokens[after].word == "."):
        return False
    if word == "minus":
        return after < len(tokens) and tokens[after].word in {"select", "(", "with"}
    return True


def _is_length(tokens: Sequence[Token], index: int, after: int) -> bool:
    before = preceding(tokens, index)
    if before < 1 or tokens[before].word != "(" or after >= len(tokens) or tokens[after].word != ")":
        return False
    return tokens[preceding(tokens, before)].word in {"varchar", "nvarchar", "varying"}


def code(template: str, *parts: Tokens) -> Tokens:
    """`template` with each {} replaced by tokens."""
    pieces = template.split("{}")
    result = tokenize(pieces[0])
    for part, piece in zip(parts, pieces[1:], strict=True):
        result.extend(part)
        result.extend(tokenize(piece))
    return result


def _date_part_first(name: str, count: int) -> Rewrite:
    """A function whose first argument may be the bare name of a date part."""

    def call(arguments: list[Tokens], _: Sequence[Token], end: int) -> tuple[Tokens, int]:
        first = significant(arguments[0])
        if len(arguments) != count or not first:
            raise UnsupportedError(
                f"function {name} does not exist", f"{name.upper()} takes {count} arguments.", "42883"
            )
        part: Tokens = [Token("string", quote(first[0].word))] if _is_part(first) else rewrite(arguments[0])
        rest = [_typed(rewrite(argument)) for argument in arguments[1:]]
        return code(f"{name}({{}}" + ",{}" * len(rest) + ")", part, *rest), end + 1

    return call


def _typed(argument: Tokens) -> Tokens:
    """A bare string in a date function is a TIMESTAMP; PostgreSQL alone would prefer one with a time zone."""
    found = significant(argument)
    return code("{}::timestamp", argument) if len(found) == 1 and found[0].kind == "string" else argument


def _is_part(argument: Tokens) -> bool:
    if len(argument) != 1 or argument[0].kind != "word":
        return False
    if argument[0].word not in DATE_PARTS:
        raise UnsupportedError(
            f'unit "{argument[0].text}" not recognized', "It is no date part of Redshift.", "22023"
        )
    return True


def _decode(arguments: list[Tokens], _: Sequence[Token], end: int) -> tuple[Tokens, int]:
    """DECODE(x, a, b, …[, default]), where NULL equals NULL."""
    if len(arguments) < 3:
        raise UnsupportedError(
            "function decode does not exist", "DECODE takes at least three arguments.", "42883"
        )
    value, *rest = [rewrite(argument) for argument in arguments]
    result = code("CASE")
    while len(rest) > 1:
        result += code(" WHEN ({}) IS NOT DISTINCT FROM ({}) THEN {}", value, rest.pop(0), rest.pop(0))
    return result + (code(" ELSE {} END", rest[0]) if rest else code(" END")), end + 1


def _convert(arguments: list[Tokens], _: Sequence[Token], end: int) -> tuple[Tokens, int]:
    """CONVERT(type, expression)."""
    if len(arguments) != 2:
        raise UnsupportedError(
            "function convert does not exist", "CONVERT takes a type and an expression.", "42883"
        )
    return rewrite(code("CAST({} AS {})", arguments[1], arguments[0])), end + 1


def _nvl2(arguments: list[Tokens], _: Sequence[Token], end: int) -> tuple[Tokens, int]:
    if len(arguments) != 3:
        raise UnsupportedError("function nvl2 does not exist", "NVL2 takes three arguments.", "42883")
    parts = [rewrite(argument) for argument in arguments]
    return code("CASE WHEN ({}) IS NOT NULL THEN {} ELSE {} END", *parts), end + 1


def _extract(arguments: list[Tokens], _: Sequence[Token], end: int) -> tuple[Tokens, int]:
    """EXTRACT(part FROM x), which is a whole number on Redshift."""
    inside = arguments[0]
    at = next((index for index, token in enumerate(inside) if token.word == "from"), None)
    part = significant(inside[:at])
    if at is None or len(arguments) != 1 or len(part) != 1:
        raise UnsupportedError("syntax error in EXTRACT", "Write EXTRACT(part FROM value).", "42601")
    name = part[0].word if _is_part(part) else part[0].text.strip("'")
    return code(
        "redshift.extract({},{})", [Token("string", quote(name))], _typed(rewrite(inside[at + 1 :]))
    ), end + 1


CALLS: dict[str, Rewrite] = {
    "dateadd": _date_part_first("dateadd", 3),
    "date_add": _date_part_first("dateadd", 3),
    "datediff": _date_part_first("datediff", 3),
    "date_diff": _date_part_first("datediff", 3),
    "date_part": _date_part_first("redshift_date_part", 2),
    "date_part_year": lambda arguments, _, end: (
        code("redshift_date_part('year',{})", rewrite(arguments[0])),
        end + 1,
    ),
    "extract": _extract,
    "decode": _decode,
    "convert": _convert,
    "nvl2": _nvl2,
}

# Aggregates and windows are rewritten with what stands above, which therefore comes first.
from local.engines.redshift_windows import WINDOWS  # noqa: E402
