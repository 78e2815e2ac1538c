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
    words,
)

Tokens = list[Token]
Rewrite = Callable[[list[Tokens], Sequence[Token], int], tuple[Tokens, int]]
"""(arguments, all tokens, index of the closing parenthesis) → replacement, index of the token after it."""

DATE_PARTS = frozenset(
    [
        "millennium",
        "century",
        "decade",
        "year",
        "quarter",
        "month",
        "week",
        "day",
        "hour",
        "minute",
        "second",
        "millisecond",
        "microsecond",
        "dow",
        "isodow",
        "doy",
        "dayofyear",
        "dayofweek",
        "weekday",
        "epoch",
        "timezone",
        "y",
        "yr",
        "yrs",
        "years",
        "q",
        "qtr",
        "qtrs",
        "quarters",
        "mon",
        "mons",
        "months",
        "w",
        "weeks",
        "d",
        "days",
        "h",
        "hr",
        "hrs",
        "hours",
        "m",
        "min",
        "mins",
        "minutes",
        "s",
        "sec",
        "secs",
        "seconds",
        "ms",
        "msec",
        "msecs",
        "milliseconds",
        "us",
        "usec",
        "usecs",
        "microseconds",
        "dy",
        "dw",
        "dayofmonth",
    ]
)

RENAMED = {
    "nvl": "coalesce",
    "date_diff": "datediff",
    "version": "redshift_version",
    "regexp_replace": "redshift_regexp_replace",
    "json_parse": "redshift_json_parse",
    "json_serialize": "redshift_json_serialize",
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
        elif called and not qualified and token.word in CALLS:
            end = closing(tokens, after)
            arguments = split(tokens[after + 1 : end], ",")
            replacement, index = CALLS[token.word](arguments, tokens, end)
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


def _code(template: str, *parts: Tokens) -> Tokens:
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
        return _code(f"{name}({{}}" + ",{}" * len(rest) + ")", part, *rest), end + 1

    return call


def _typed(argument: Tokens) -> Tokens:
    """A bare string in a date function is a TIMESTAMP; PostgreSQL alone would prefer one with a time zone."""
    found = significant(argument)
    return _code("{}::timestamp", argument) if len(found) == 1 and found[0].kind == "string" else argument


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
    result = _code("CASE")
    while len(rest) > 1:
        result += _code(" WHEN ({}) IS NOT DISTINCT FROM ({}) THEN {}", value, rest.pop(0), rest.pop(0))
    return result + (_code(" ELSE {} END", rest[0]) if rest else _code(" END")), end + 1


def _convert(arguments: list[Tokens], _: Sequence[Token], end: int) -> tuple[Tokens, int]:
    """CONVERT(type, expression)."""
    if len(arguments) != 2:
        raise UnsupportedError(
            "function convert does not exist", "CONVERT takes a type and an expression.", "42883"
        )
    return rewrite(_code("CAST({} AS {})", arguments[1], arguments[0])), end + 1


def _median(arguments: list[Tokens], tokens: Sequence[Token], end: int) -> tuple[Tokens, int]:
    after = following(tokens, end)
    if after < len(tokens) and tokens[after].word == "over":
        raise UnsupportedError(
            "MEDIAN as a window function is not emulated", "Aggregate in a subquery and join."
        )
    return _code("percentile_cont(0.5) WITHIN GROUP (ORDER BY {})", rewrite(arguments[0])), end + 1


def _nvl2(arguments: list[Tokens], _: Sequence[Token], end: int) -> tuple[Tokens, int]:
    if len(arguments) != 3:
        raise UnsupportedError("function nvl2 does not exist", "NVL2 takes three arguments.", "42883")
    parts = [rewrite(argument) for argument in arguments]
    return _code("CASE WHEN ({}) IS NOT NULL THEN {} ELSE {} END", *parts), end + 1


def _ratio_to_report(arguments: list[Tokens], tokens: Sequence[Token], end: int) -> tuple[Tokens, int]:
    opening = following(tokens, following(tokens, end))
    if opening >= len(tokens) or tokens[following(tokens, end)].word != "over" or tokens[opening].word != "(":
        raise UnsupportedError(
            "RATIO_TO_REPORT requires an OVER clause", "Add OVER (PARTITION BY …).", "42601"
        )
    last = closing(tokens, opening)
    value, window = rewrite(arguments[0]), rewrite(tokens[opening + 1 : last])
    return _code("(({})::float8 / NULLIF(SUM({}) OVER ({}), 0))", value, value, window), last + 1


def _listagg(arguments: list[Tokens], tokens: Sequence[Token], end: int) -> tuple[Tokens, int]:
    """LISTAGG([DISTINCT] x [, delimiter]) [WITHIN GROUP (ORDER BY …)]."""
    value = rewrite(arguments[0])
    delimiter = rewrite(arguments[1]) if len(arguments) > 1 else [Token("string", "''")]
    distinct = words(value)[:1] == ["distinct"]
    if distinct:
        at = next(index for index, token in enumerate(value) if token.word == "distinct")
        value = value[at + 1 :]
    order: Tokens = []
    after = following(tokens, end)
    if words(tokens[after:])[:3] == ["within", "group", "("]:
        opening = following(tokens, following(tokens, after))
        end = closing(tokens, opening)
        order = rewrite(tokens[opening + 1 : end])
        after = following(tokens, end)
        if distinct:
            # PostgreSQL orders a DISTINCT aggregate by its argument only: order by the text.
            order = _distinct_order(order, value)
    if after < len(tokens) and tokens[after].word == "over":
        raise UnsupportedError(
            "LISTAGG as a window function is not emulated", "Aggregate in a subquery and join."
        )
    head = "string_agg(DISTINCT " if distinct else "string_agg("
    return _code(head + "({})::text, ({})::text {})", value, delimiter, order), end + 1


def _distinct_order(order: Tokens, value: Tokens) -> Tokens:
    by = words(order)
    if "".join(by[2:]).removesuffix("desc").removesuffix("asc") != "".join(words(value)):
        raise UnsupportedError(
            "LISTAGG DISTINCT ordered by another expression is not emulated",
            "Order by the aggregated expression.",
        )
    return _code("ORDER BY ({})::text" + (" DESC" if by[-1] == "desc" else ""), value)


CALLS: dict[str, Rewrite] = {
    "dateadd": _date_part_first("dateadd", 3),
    "date_add": _date_part_first("dateadd", 3),
    "datediff": _date_part_first("datediff", 3),
    "date_diff": _date_part_first("datediff", 3),
    "date_part": _date_part_first("redshift_date_part", 2),
    "date_part_year": lambda arguments, _, end: (
        _code("redshift_date_part('year',{})", rewrite(arguments[0])),
        end + 1,
    ),
    "decode": _decode,
    "convert": _convert,
    "median": _median,
    "nvl2": _nvl2,
    "ratio_to_report": _ratio_to_report,
    "listagg": _listagg,
}
