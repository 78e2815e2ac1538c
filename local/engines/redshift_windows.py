"""Redshift's aggregates and window functions in PostgreSQL's words."""

from __future__ import annotations

from local.engines.redshift_calls import Call, Rewriting, Tokens, code
from local.engines.redshift_lexer import Token, UnsupportedError, following, significant, words

WHOLE = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"


def _median(call: Call) -> tuple[Tokens, int]:
    call.takes(1, 1, "MEDIAN takes one argument.")
    whole = (
        "redshift.percentile(0.5, {})" if call.window() else "percentile_cont(0.5) WITHIN GROUP (ORDER BY {})"
    )
    return code(whole, call.values[0]), call.end


def _percentile(call: Call) -> tuple[Tokens, int]:
    """PERCENTILE_CONT and _DISC(fraction) WITHIN GROUP (ORDER BY x) [OVER (PARTITION BY …)]."""
    call.takes(1, 1, f"{call.name.upper()} takes a fraction.")
    group = call.within_group()
    if group is None:
        raise UnsupportedError(
            f"{call.name.upper()} requires WITHIN GROUP", "Add WITHIN GROUP (ORDER BY …).", "42601"
        )
    order, last = group
    if call.window(last) is None:
        return code(f"{call.name}({{}}) WITHIN GROUP ({{}})", call.values[0], order), last
    by = significant(order)
    if words(by)[-1:] == ["desc"] or call.name != "percentile_cont":
        raise UnsupportedError(
            f"{call.name.upper()} as a window function is emulated for PERCENTILE_CONT, ascending, only",
            "Aggregate in a subquery and join.",
        )
    value = order[order.index(by[1]) + 1 : order.index(by[-1]) + (words(by)[-1:] != ["asc"])]
    return code("redshift.percentile({}, {})", call.values[0], value), last


def _ratio_to_report(call: Call) -> tuple[Tokens, int]:
    found = call.window()
    if found is None:
        raise UnsupportedError(
            "RATIO_TO_REPORT requires an OVER clause", "Add OVER (PARTITION BY …).", "42601"
        )
    value, (window, last) = call.values[0], found
    return code("(({})::float8 / NULLIF(SUM({}) OVER ({}), 0))", value, value, window), last


def _listagg(call: Call) -> tuple[Tokens, int]:
    """LISTAGG([DISTINCT] x [, delimiter]) [WITHIN GROUP (ORDER BY …)] [OVER (PARTITION BY …)]."""
    call.takes(1, 2, "LISTAGG takes an expression and a delimiter.")
    value, *rest = call.values
    delimiter = rest[0] if rest else [Token("string", "''")]
    distinct = words(value)[:1] == ["distinct"]
    if distinct:
        at = next(index for index, token in enumerate(value) if token.word == "distinct")
        value = value[at + 1 :]
    order, end = call.within_group() or ([], call.end)
    window = call.window(end)
    if window and distinct:
        raise UnsupportedError("LISTAGG DISTINCT as a window function is not emulated", "Aggregate and join.")
    if window:
        # PostgreSQL orders a window's rows, not an aggregate's within it.
        frame = code("{} {} " + WHOLE, window[0], order) if order else window[0]
        return code("string_agg(({})::text, ({})::text) OVER ({})", value, delimiter, frame), window[1]
    if distinct and order:
        order = _distinct_order(order, value)
    head = "string_agg(DISTINCT " if distinct else "string_agg("
    return code(head + "({})::text, ({})::text {})", value, delimiter, order), end


def _distinct_order(order: Tokens, value: Tokens) -> Tokens:
    """PostgreSQL orders a DISTINCT aggregate by its argument only: order by the text."""
    by = words(order)
    if "".join(by[2:]).removesuffix("desc").removesuffix("asc") != "".join(words(value)):
        raise UnsupportedError(
            "LISTAGG DISTINCT ordered by another expression is not emulated",
            "Order by the aggregated expression.",
        )
    return code("ORDER BY ({})::text" + (" DESC" if by[-1] == "desc" else ""), value)


def _nulls(call: Call) -> tuple[Tokens, int]:
    """FIRST_VALUE, LAST_VALUE, NTH_VALUE, LAG and LEAD with IGNORE NULLS or RESPECT NULLS."""
    values, end = call.values, call.end
    said = words(values[-1])[-2:]
    if said[1:] == ["nulls"]:
        values[-1] = values[-1][: values[-1].index(significant(values[-1])[-2])]
    elif words(call.query[following(call.query, end) :])[1:2] == ["nulls"]:
        said = words(call.query[following(call.query, end) :])[:2]
        end = following(call.query, following(call.query, end))
    if said != ["ignore", "nulls"]:
        return code(f"{call.name}({{}}" + ", {}" * (len(values) - 1) + ")", *values), end
    window = call.window(end)
    steps = [token.text for token in significant(values[1])] if len(values) > 1 else ["1"]
    if window is None or call.name == "nth_value" or steps != ["1"]:
        raise UnsupportedError(
            f"{call.name.upper()} with IGNORE NULLS is not emulated in this form", "Filter the NULLs first."
        )
    if call.name in {"first_value", "last_value"}:
        return code(f"redshift.{call.name}({{}})", values[0]), end
    found, bounds = {
        "lag": ("last_value", "UNBOUNDED PRECEDING AND 1 PRECEDING"),
        "lead": ("first_value", "1 FOLLOWING AND UNBOUNDED FOLLOWING"),
    }[call.name]
    framed = f"redshift.{found}({{}}) OVER ({{}} ROWS BETWEEN {bounds})"
    return code(framed, values[0], window[0]), window[1]


WINDOWS: dict[str, Rewriting] = {
    "median": _median,
    "percentile_cont": _percentile,
    "percentile_disc": _percentile,
    "ratio_to_report": _ratio_to_report,
    "listagg": _listagg,
    **dict.fromkeys(("first_value", "last_value", "nth_value", "lag", "lead"), _nulls),
}
