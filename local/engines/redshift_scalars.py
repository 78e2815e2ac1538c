"""Redshift's functions of single values whose syntax differs from PostgreSQL's."""

from __future__ import annotations

from local.engines.redshift_calls import Call, Rewriting, Tokens, code
from local.engines.redshift_lexer import Token, UnsupportedError, quote, significant

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


def _date_part_first(name: str, count: int) -> Rewriting:
    """A function whose first argument may be the bare name of a date part."""

    def rewriting(call: Call) -> tuple[Tokens, int]:
        call.takes(count, count, f"{name.upper()} takes {count} arguments.")
        first, (value, *rest) = significant(call.arguments[0]), call.values
        part: Tokens = [Token("string", quote(first[0].word))] if _is_part(first) else value
        return code(f"{name}({{}}" + ",{}" * len(rest) + ")", part, *map(_typed, rest)), call.end

    return rewriting


def _date_part_year(call: Call) -> tuple[Tokens, int]:
    return code("redshift_date_part('year',{})", call.values[0]), call.end


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


def _extract(call: Call) -> tuple[Tokens, int]:
    """EXTRACT(part FROM x), which is a whole number on Redshift."""
    inside = call.arguments[0]
    at = next((index for index, token in enumerate(inside) if token.word == "from"), None)
    part = significant(inside[:at])
    if at is None or len(call.arguments) != 1 or len(part) != 1:
        raise UnsupportedError("syntax error in EXTRACT", "Write EXTRACT(part FROM value).", "42601")
    name = part[0].word if _is_part(part) else part[0].text.strip("'")
    value = _typed(call.rewrite(inside[at + 1 :]))
    return code("redshift.extract({},{})", [Token("string", quote(name))], value), call.end


def _decode(call: Call) -> tuple[Tokens, int]:
    """DECODE(x, a, b, …[, default]), where NULL equals NULL."""
    if len(call.arguments) < 3:
        raise UnsupportedError(
            "function decode does not exist", "DECODE takes at least three arguments.", "42883"
        )
    value, *rest = call.values
    result = code("CASE")
    while len(rest) > 1:
        result += code(" WHEN ({}) IS NOT DISTINCT FROM ({}) THEN {}", value, rest.pop(0), rest.pop(0))
    return result + (code(" ELSE {} END", rest[0]) if rest else code(" END")), call.end


def _convert(call: Call) -> tuple[Tokens, int]:
    """CONVERT(type, expression)."""
    call.takes(2, 2, "CONVERT takes a type and an expression.")
    kind, value = call.arguments
    return call.rewrite(code("CAST({} AS {})", value, kind)), call.end


def _nvl2(call: Call) -> tuple[Tokens, int]:
    call.takes(3, 3, "NVL2 takes three arguments.")
    return code("CASE WHEN ({}) IS NOT NULL THEN {} ELSE {} END", *call.values), call.end


SCALARS: dict[str, Rewriting] = {
    "dateadd": _date_part_first("dateadd", 3),
    "date_add": _date_part_first("dateadd", 3),
    "datediff": _date_part_first("datediff", 3),
    "date_diff": _date_part_first("datediff", 3),
    "date_part": _date_part_first("redshift_date_part", 2),
    "date_part_year": _date_part_year,
    "extract": _extract,
    "decode": _decode,
    "convert": _convert,
    "nvl2": _nvl2,
}
