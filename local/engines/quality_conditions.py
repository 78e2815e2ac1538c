"""DQDL conditions: held against a number, or as SQL against a column's single values."""

from __future__ import annotations

from datetime import datetime

from local.engines.dqdl import Ago, Condition, Keyword, Operand


def holds(condition: Condition, value: float) -> bool:
    """Whether a number meets the condition; `between` excludes its ends."""
    numbers = [each for each in condition.operands if isinstance(each, float)]
    operator = condition.operator.removeprefix("not ")
    if operator == "between":
        found = numbers[0] < value < numbers[1]
    elif operator in {"=", "in"}:
        found = value in numbers
    elif operator == "!=":
        found = value not in numbers
    elif operator in {">", ">="}:
        found = value > numbers[0] or (operator == ">=" and value == numbers[0])
    else:
        found = value < numbers[0] or (operator == "<=" and value == numbers[0])
    return found != condition.operator.startswith("not ")


def moment(operand: Operand) -> datetime:
    """The point in time that an operand means. Raises ValueError when it means none."""
    if isinstance(operand, Ago):
        return operand.moment()
    if isinstance(operand, datetime):
        return operand
    raise ValueError(f"{operand} is no date.")


def number(column: str) -> str:
    """A column's values as numbers; null where they are none."""
    return f"TRY_CAST({column} AS DOUBLE)"


def predicate(condition: Condition, column: str) -> tuple[str, list[object]]:
    """A condition over a column's single values as SQL, with its parameters; null only where it says so."""
    literals = [each for each in condition.operands if not isinstance(each, Keyword)]
    value = {"number": number(column), "date": f"TRY_CAST({column} AS DATE)"}.get(
        condition.kind, f"CAST({column} AS VARCHAR)"
    )
    values: list[object] = [moment(each).date() if condition.kind == "date" else each for each in literals]
    places = ", ".join("?" for _ in values)
    operator = condition.operator
    if operator.endswith("matches"):
        sign = "NOT " if operator.startswith("not") else ""
        return f"coalesce({sign}regexp_full_match({value}, ?), FALSE)", values
    if operator in {"in", "not in", "=", "!="}:
        alternatives = [f"coalesce({value} IN ({places}), FALSE)"] if values else []
        alternatives += [_keyword(each, column) for each in condition.operands if isinstance(each, Keyword)]
        found = f"({' OR '.join(alternatives)})"
        return (found if operator in {"in", "="} else f"NOT {found}"), values
    if operator.endswith("between"):
        inside = f"({value} > ? AND {value} < ?)"
        return f"coalesce({'NOT ' if operator.startswith('not') else ''}{inside}, FALSE)", values
    return f"coalesce({value} {operator} ?, FALSE)", values


def _keyword(keyword: Keyword, column: str) -> str:
    text = f"CAST({column} AS VARCHAR)"
    return {
        Keyword.NULL: f"{column} IS NULL",
        Keyword.EMPTY: f"coalesce({text} = '', FALSE)",
        Keyword.WHITESPACES_ONLY: f"coalesce(trim({text}) = '' AND {text} <> '', FALSE)",
    }[keyword]
