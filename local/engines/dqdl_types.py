"""DQDL's rule types: what each takes, which are evaluated here, and which only AWS knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from local.engines.dqdl import AnyRule, Composite, DqdlError, Rule


@dataclass(frozen=True)
class RuleType:
    """How many parameters a type takes (`most` None: any number), and the kinds of condition that it takes.

    No kind means that it takes no condition.
    """

    least: int
    most: int | None
    kinds: tuple[str, ...] = ()
    where: bool = True
    threshold: bool = False


EVALUATED: dict[str, RuleType] = {
    "ColumnCount": RuleType(0, 0, ("number",), where=False),
    "ColumnDataType": RuleType(1, 1, ("string",), threshold=True),
    "ColumnExists": RuleType(1, 1, where=False),
    "ColumnLength": RuleType(1, 1, ("number",)),
    "ColumnValues": RuleType(1, 1, ("number", "string", "date"), threshold=True),
    "Completeness": RuleType(1, 1, ("number",)),
    "CustomSql": RuleType(1, 1, ("number",), where=False),
    "DataFreshness": RuleType(1, 1, ("duration",)),
    "DistinctValuesCount": RuleType(1, 1, ("number",)),
    "FileFreshness": RuleType(0, 0, ("date",), where=False, threshold=True),
    "IsComplete": RuleType(1, 1),
    "IsPrimaryKey": RuleType(1, None),
    "IsUnique": RuleType(1, None),
    "ReferentialIntegrity": RuleType(2, 2, ("number",), where=False),
    "RowCount": RuleType(0, 0, ("number",)),
    "RowCountMatch": RuleType(1, 1, ("number",), where=False),
    "Uniqueness": RuleType(1, None, ("number",)),
}
"""Rule types that are evaluated: https://docs.aws.amazon.com/glue/latest/dg/dqdl-rule-types.html"""

NOT_EMULATED = frozenset(
    {
        *("AggregateMatch", "AllStatistics", "ColumnCorrelation", "ColumnNamesMatchPattern", "DatasetMatch"),
        *("DetectAnomalies", "Entropy", "FileMatch", "FileSize", "FileUniqueness", "Mean", "SchemaMatch"),
        *("StandardDeviation", "Sum", "UniqueValueRatio", "Variance"),
    }
)
"""Rule types that AWS has and this emulation refuses."""


def check(rules: list[AnyRule]) -> None:
    """Hold rules against their types. Raises DqdlError, with AWS' own sentences where it has one."""
    for rule in simple(rules):
        _check(rule)


def simple(rules: list[AnyRule] | tuple[AnyRule, ...]) -> Iterator[Rule]:
    """The rules themselves, out of all compositions."""
    for rule in rules:
        if isinstance(rule, Composite):
            yield from simple(rule.rules)
        else:
            yield rule


def _check(rule: Rule) -> None:
    if rule.type in NOT_EMULATED:
        raise DqdlError(
            f"Rule type {rule.type} is not emulated here. These are: {', '.join(sorted(EVALUATED))}."
        )
    kind = EVALUATED.get(rule.type)
    given = len(rule.parameters)
    if rule.type == "FileFreshness" and given == 1:
        raise DqdlError(
            "FileFreshness of a path is not emulated here; without one, of the table's files, is."
        )
    if kind is None or given < kind.least or (kind.most is not None and given > kind.most):
        raise DqdlError(f"Parsing Error: Rule Type: {rule.type} is not valid")
    if rule.where is not None and not kind.where:
        raise DqdlError(f"Parsing Error: Where clause is not supported for rule type: {rule.type}")
    if rule.where == "":
        raise DqdlError(f"Parsing Error: Empty where condition provided for rule type: {rule.type}")
    if rule.threshold is not None and not kind.threshold:
        raise DqdlError(f"Parsing Error: Threshold condition not supported for rule type: {rule.type}")
    if rule.type == "CustomSql" and rule.condition is None:
        raise DqdlError("CustomSql without a condition, for results by row, is not emulated here.")
    found = None if rule.condition is None else rule.condition.kind
    suits = found == "keyword" and kind.kinds and kind.kinds[0] == "number" and rule.type == "ColumnValues"
    if (found is None) != (not kind.kinds) or (found is not None and found not in kind.kinds and not suits):
        expected = " or ".join(kind.kinds) or "boolean"
        raise DqdlError(
            f"Parsing Error: Unexpected condition for rule of type {rule.type} with {expected} return type"
        )
