"""Redshift's aggregates and window functions in PostgreSQL's words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from local.engines.redshift_functions import code, rewrite
from local.engines.redshift_lexer import Token, UnsupportedError, closing, following, significant, words

Tokens = list[Token]
WHOLE = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"


def _window(tokens: Sequence[Token], end: int) -> tuple[Tokens, int] | None:
    """What stands in the OVER (…) after the token `end`, and the index of its last parenthesis."""
    over = following(tokens, end)
    opening = following(tokens, over) if over < len(tokens) else over
    if opening >= len(tokens) or tokens[over].word != "over" or tokens[opening].word != "(":
        return None
    last = closing(tokens, opening)
    return rewrite(tokens[opening + 1 : last]), last


def _within_group(tokens: Sequence[Token], end: int) -> tuple[Tokens, int] | None:
    """The ORDER BY of a WITHIN GROUP (…) after the token `end`, and the index of its last parenthesis."""
    after = following(tokens, end)
    if words(tokens[after:])[:3] != ["within", "group", "("]:
        return None
    opening = following(tokens, following(tokens, after))
    last = closing(tokens, opening)
    return rewrite(tokens[opening + 1 : last]), last


def _median(arguments: list[Tokens], tokens: Sequence[Token], end: int) -> tuple[Tokens, int]:
    value = rewrite(arguments[0])
    if _window(tokens, end):
        return code("redshift.percentile(0.5, {})", value), end + 1
    return code("percentile_cont(0.5) WITHIN GROUP (ORDER BY {})", value), end + 1


def _percentile(name: str) -> Callable[[list[Tokens], Sequence[Token], int], tuple[Tokens, int]]:
    """PERCENTILE_CONT and _DISC(fraction) WITHIN GROUP (ORDER BY x) [OVER (PARTITION BY …)]."""

    def call(arguments: list[Tokens], tokens: Sequence[Token], end: int) -> tuple[Tokens, int]:
        fraction = rewrite(arguments[0])
        group = _within_group(tokens, end)
        if group is None:
            raise UnsupportedError(
                f"{name.upper()} requires WITHIN GROUP", "Add WITHIN GROUP (ORDER BY …).", "42601"
            )
        order, last = group
        if _window(tokens, last) is None:
            return code(f"{name}({{}}) WITHIN GROUP ({{}})", fraction, order), last + 1
        by = significant(order)
        if words(by)[-1:] == ["desc"] or name != "percentile_cont":
            raise UnsupportedError(
                f"{name.upper()} as a window function is emulated for PERCENTILE_CONT, ascending, only",
                "Aggregate in a subquery and join.",
            )
        value = order[order.index(by[1]) + 1 : order.index(by[-1]) + (words(by)[-1:] != ["asc"])]
        return code("redshift.percentile({}, {})", fraction, value), last + 1

    return call


def _ratio_to_report(arguments: list[Tokens], tokens: Sequence[Token], end: int) -> tuple[Tokens, int]:
    found = _window(tokens, end)
    if found is None:
        raise UnsupportedError(
            "RATIO_TO_REPORT requires an OVER clause", "Add OVER (PARTITION BY …).", "42601"
        )
    value, (window, last) = rewrite(arguments[0]), found
    return code("(({})::float8 / NULLIF(SUM({}) OVER ({}), 0))", value, value, window), last + 1


def _listagg(arguments: list[Tokens], tokens: Sequence[Token], end: int) -> tuple[Tokens, int]:
    """LISTAGG([DISTINCT] x [, delimiter]) [WITHIN GROUP (ORDER BY …)] [OVER (PARTITION BY …)]."""
    value = rewrite(arguments[0])
    delimiter = rewrite(arguments[1]) if len(arguments) > 1 else [Token("string", "''")]
    distinct = words(value)[:1] == ["distinct"]
    if distinct:
        at = next(index for index, token in enumerate(value) if token.word == "distinct")
        value = value[at + 1 :]
    order, end = _within_group(tokens, end) or ([], end)
    window = _window(tokens, end)
    if window and distinct:
        raise UnsupportedError("LISTAGG DISTINCT as a window function is not emulated", "Aggregate and join.")
    if window:
        # PostgreSQL orders a window's rows, not an aggregate's within it.
        frame = code("{} {} " + WHOLE, window[0], order) if order else window[0]
        return code("string_agg(({})::text, ({})::text) OVER ({})", value, delimiter, frame), window[1] + 1
    if distinct and order:
        order = _distinct_order(order, value)
    head = "string_agg(DISTINCT " if distinct else "string_agg("
    return code(head + "({})::text, ({})::text {})", value, delimiter, order), end + 1


def _distinct_order(order: Tokens, value: Tokens) -> Tokens:
    """PostgreSQL orders a DISTINCT aggregate by its argument only: order by the text."""
    by = words(order)
    if "".join(by[2:]).removesuffix("desc").removesuffix("asc") != "".join(words(value)):
        raise UnsupportedError(
            "LISTAGG DISTINCT ordered by another expression is not emulated",
            "Order by the aggregated expression.",
        )
    return code("ORDER BY ({})::text" + (" DESC" if by[-1] == "desc" else ""), value)


def _nulls(name: str) -> Callable[[list[Tokens], Sequence[Token], int], tuple[Tokens, int]]:
    """FIRST_VALUE, LAST_VALUE, NTH_VALUE, LAG and LEAD with IGNORE NULLS or RESPECT NULLS."""

    def call(arguments: list[Tokens], tokens: Sequence[Token], end: int) -> tuple[Tokens, int]:
        values = [rewrite(argument) for argument in arguments]
        said = words(values[-1])[-2:]
        if said[1:] == ["nulls"]:
            place = values[-1].index(significant(values[-1])[-2])
            values[-1] = values[-1][:place]
        elif words(tokens[following(tokens, end) :])[1:2] == ["nulls"]:
            said = words(tokens[following(tokens, end) :])[:2]
            end = following(tokens, following(tokens, end))
        plain = code(f"{name}({{}}" + ", {}" * (len(values) - 1) + ")", *values)
        if said != ["ignore", "nulls"]:
            return plain, end + 1
        window = _window(tokens, end)
        if window is None or name == "nth_value" or (len(values) > 1 and "".join(_texts(values[1])) != "1"):
            raise UnsupportedError(
                f"{name.upper()} with IGNORE NULLS is not emulated in this form", "Filter the NULLs first."
            )
        if name in {"first_value", "last_value"}:
            return code(f"redshift.{name}({{}})", values[0]), end + 1
        found, bounds = {
            "lag": ("last_value", "UNBOUNDED PRECEDING AND 1 PRECEDING"),
            "lead": ("first_value", "1 FOLLOWING AND UNBOUNDED FOLLOWING"),
        }[name]
        frame = code(f"redshift.{found}({{}}) OVER ({{}} ROWS BETWEEN {bounds})", values[0], window[0])
        return frame, window[1] + 1

    return call


def _texts(tokens: Sequence[Token]) -> list[str]:
    return [token.text for token in significant(tokens)]


WINDOWS = {
    "median": _median,
    "percentile_cont": _percentile("percentile_cont"),
    "percentile_disc": _percentile("percentile_disc"),
    "ratio_to_report": _ratio_to_report,
    "listagg": _listagg,
    **{name: _nulls(name) for name in ("first_value", "last_value", "nth_value", "lag", "lead")},
}
