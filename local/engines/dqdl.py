"""The Data Quality Definition Language: a ruleset's text to its rules.

The grammar is AWS' own (https://github.com/awslabs/dqdl), less what is not emulated: analyzers, variables,
labels, metadata, data sources and expressions over earlier runs are refused with a sentence each.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TypeVar

LARGEST_RULESET_BYTES = 65_536
MOST_RULES = 2_000

T = TypeVar("T")


class DqdlError(Exception):
    """A ruleset that Glue refuses, or that is beyond the emulation; the text says what and where."""


class Keyword(Enum):
    """A word that stands for values no literal has."""

    NULL = "NULL"
    EMPTY = "EMPTY"
    WHITESPACES_ONLY = "WHITESPACES_ONLY"


@dataclass(frozen=True)
class Ago:
    """The moment of the evaluation, less an offset; Glue leaves out the seconds."""

    offset: timedelta

    def moment(self) -> datetime:
        """The point in time, in UTC, as of now."""
        return datetime.now(UTC).replace(second=0, microsecond=0) - self.offset


Operand = float | str | datetime | timedelta | Ago | Keyword
"""A number, a string, a moment (fixed or relative), a duration, or a keyword."""


@dataclass(frozen=True)
class Condition:
    """A comparison: one of =, !=, >, >=, <, <=, between, in, matches and, but for the signs, `not` before.

    `between` excludes both of its ends. `kind` is number, string, date or duration; keyword when all
    operands are keywords, which suit numbers, strings and dates.
    """

    kind: str
    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True)
class Rule:
    """One rule as it stands in the ruleset; `text` is it with single spaces between its tokens."""

    type: str
    parameters: tuple[str, ...]
    condition: Condition | None
    where: str | None
    threshold: Condition | None
    text: str


@dataclass(frozen=True)
class Composite:
    """Rules that all (`and`), or of which at least one (`or`), must hold."""

    operator: str
    rules: tuple[AnyRule, ...]
    text: str


AnyRule = Rule | Composite


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    line: int
    column: int


_TOKENS = re.compile(
    r"""
      (?P<silent>[ \t\r\n]+|\#[^\n]*)
    | (?P<string>"(?:\\.|[^"\\])*")
    | (?P<now>now\(\))
    | (?P<word>[A-Za-z0-9_.]+)
    | (?P<symbol>>=|<=|[=<>!(),\[\]{}:$+*/-])
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"\d+(\.\d+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_UNITS = {"days": "days", "hours": "hours", "minutes": "minutes"}
_RESERVED = frozenset({"between", "in", "not", "matches", "where", "with", "labels", "or", "OR"})
_SECTIONS = frozenset({"Metadata", "DataSources", "DefaultLabels", "Analyzers"})


def parse(text: str) -> list[AnyRule]:
    """The rules of a ruleset. Raises DqdlError."""
    if len(text.encode()) > LARGEST_RULESET_BYTES:
        raise DqdlError(f"A ruleset has at most {LARGEST_RULESET_BYTES} bytes.")
    rules = _Parser(text).document()
    if len(rules) > MOST_RULES:
        raise DqdlError(f"A ruleset has at most {MOST_RULES} rules, not {len(rules)}.")
    return rules


def _tokens(text: str) -> list[_Token]:
    found = []
    for match in _TOKENS.finditer(text):
        kind = str(match.lastgroup)
        line = text.count("\n", 0, match.start()) + 1
        column = match.start() - text.rfind("\n", 0, match.start()) - 1
        if kind == "other":
            raise DqdlError(f"Parsing Error: line {line}:{column} token recognition error at: '{match[0]}'")
        if kind != "silent":
            found.append(_Token(kind, match[0], line, column))
    return found


class _Parser:
    """One pass over the tokens, one method a rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    def document(self) -> list[AnyRule]:
        if self._word() in _SECTIONS:
            raise DqdlError(f"{self._word()} is not emulated here; a ruleset of Rules = [...] is.")
        if self._word() != "Rules" and self._peek(1) == "=":
            raise DqdlError(f"Variables such as {self._word()} are not emulated here; write the value out.")
        self._expect("Rules")
        self._expect("=")
        rules = self._listed(self._any_of) if self._peek(1) != "]" else self._no_rules()
        if self._word() == "Analyzers":
            raise DqdlError("Analyzers is not emulated here; a ruleset of Rules = [...] is.")
        if self._at < len(self._tokens):
            raise self._unexpected()
        return rules

    def _no_rules(self) -> list[AnyRule]:
        self._expect("[")
        self._expect("]")
        return []

    def _any_of(self) -> AnyRule:
        return self._chain(("or", "OR"), lambda: self._chain(("and", "AND"), self._operand))

    def _chain(self, words: tuple[str, str], operand: Callable[[], AnyRule]) -> AnyRule:
        start = self._at
        rules = [operand()]
        while self._word() in words:
            self._at += 1
            rules.append(operand())
        return rules[0] if len(rules) == 1 else Composite(words[0], tuple(rules), self._text(start))

    def _operand(self) -> AnyRule:
        if not self._take("("):
            return self._rule()
        found = self._any_of()
        self._expect(")")
        self._no_labels()
        return found

    def _rule(self) -> Rule:
        start = self._at
        name = self._kind("word")
        parameters = []
        while (parameter := self._parameter()) is not None:
            parameters.append(parameter)
        condition = self._condition() if self._begins_condition() else None
        where = self._string() if self._take("where") else None
        self._no_labels()
        threshold = None
        while self._take("with"):
            tag = self._kind("word")
            if tag.lower() != "threshold" or threshold is not None:
                raise DqdlError(f"{name}: `with {tag}` is not emulated here; one `with threshold` is.")
            threshold = self._condition()
            if threshold.kind != "number":
                raise DqdlError(f"Unable to parse threshold condition provided for rule type: {name}")
        return Rule(name, tuple(parameters), condition, where, threshold, self._text(start))

    def _parameter(self) -> str | None:
        if self._word() in {"of", "OF", "and", "AND"} and self._kind_at(1) in {"string", "word"}:
            self._at += 1
        if self._word() == "$":
            raise DqdlError("Variables are not emulated here; write the value out.")
        if self._kind_at(0) == "string":
            return self._string()
        if self._kind_at(0) == "word" and self._word() not in _RESERVED and not self._is_number(0):
            return self._kind("word")
        return None

    def _no_labels(self) -> None:
        if self._word() == "labels":
            raise DqdlError("Labels are not emulated here.")

    def _begins_condition(self) -> bool:
        return self._word() in {"between", "in", "not", "matches", "=", "!", ">", ">=", "<", "<="}

    def _condition(self) -> Condition:
        negated = "not " if self._take("not") else ""
        if self._take("between"):
            low = self._value()
            self._expect("and", "AND")
            return self._made(negated + "between", low, self._value())
        if self._take("in"):
            return self._made(negated + "in", *self._listed(self._value))
        if self._take("matches"):
            return Condition("string", negated + "matches", (self._string(),))
        if negated:
            raise self._unexpected()
        if self._take("!"):
            self._expect("=")
            return self._made("!=", self._value())
        operator = self._kind("symbol")
        if operator not in {"=", ">", ">=", "<", "<="}:
            self._at -= 1
            raise self._unexpected()
        return self._made(operator, self._value())

    def _made(self, operator: str, *operands: Operand) -> Condition:
        kinds = {
            "date" if isinstance(each, (datetime, Ago)) else _KINDS[type(each)]
            for each in operands
            if not isinstance(each, Keyword)
        }
        # Dates in quotes are strings, too: a list may have both.
        if kinds == {"date", "string"}:
            kinds = {"string"}
            operands = tuple(f"{each:%Y-%m-%d}" if isinstance(each, datetime) else each for each in operands)
        if len(kinds) > 1:
            raise DqdlError(f"Parsing Error: operands of different kinds: {' and '.join(sorted(kinds))}")
        return Condition(kinds.pop() if kinds else "keyword", operator, operands)

    def _value(self) -> Operand:
        if self._word().upper() in Keyword.__members__:
            return Keyword[self._kind("word").upper()]
        if self._kind_at(0) == "string":
            text = self._string()
            return datetime.fromisoformat(text).replace(tzinfo=UTC) if _DATE.fullmatch(text) else text
        if self._kind_at(0) == "now":
            self._at += 1
            return Ago(timedelta())
        if self._word() == "(" and self._kind_at(1) == "now":
            self._at += 2
            sign = 1 if self._take("-") else -1
            if sign < 0:
                self._expect("+")
            offset = self._duration(self._number())
            self._expect(")")
            return Ago(sign * offset)
        number = self._number()
        return self._duration(number) if self._word() in _UNITS else number

    def _number(self) -> float:
        sign = -1.0 if self._take("-") else 1.0
        if not self._is_number(0):
            if self._peek(1) == "(":
                raise DqdlError(
                    f"{self._word()}(...) compares with earlier runs: dynamic rules are for Glue ETL only, "
                    "not for runs over the Data Catalog."
                )
            raise self._unexpected()
        number = sign * float(self._kind("word"))
        if self._word() in {"+", "-", "*", "/"}:
            raise DqdlError("Arithmetic in conditions is not emulated here; write the number out.")
        return number

    def _duration(self, amount: float) -> timedelta:
        unit = self._kind("word")
        if unit not in _UNITS:
            self._at -= 1
            raise self._unexpected()
        return timedelta(**{_UNITS[unit]: amount})

    def _listed(self, item: Callable[[], T]) -> list[T]:
        self._expect("[")
        found = [item()]
        while self._take(","):
            found.append(item())
        self._expect("]")
        return found

    def _string(self) -> str:
        return re.sub(r'\\(["\\])', r"\1", self._kind("string")[1:-1])

    def _word(self) -> str:
        return self._peek(0)

    def _peek(self, ahead: int) -> str:
        """Text of a coming word or symbol; nothing for strings and behind the end."""
        position = self._at + ahead
        token = self._tokens[position] if position < len(self._tokens) else None
        return "" if token is None or token.kind == "string" else token.text

    def _kind_at(self, ahead: int) -> str:
        position = self._at + ahead
        return self._tokens[position].kind if position < len(self._tokens) else "end"

    def _is_number(self, ahead: int) -> bool:
        return _NUMBER.fullmatch(self._peek(ahead)) is not None

    def _take(self, word: str) -> bool:
        if self._word() != word:
            return False
        self._at += 1
        return True

    def _expect(self, *words: str) -> None:
        if self._word() not in words:
            raise self._unexpected(f"expecting '{words[0]}'")
        self._at += 1

    def _kind(self, kind: str) -> str:
        if self._kind_at(0) != kind:
            raise self._unexpected()
        self._at += 1
        return self._tokens[self._at - 1].text

    def _unexpected(self, more: str = "") -> DqdlError:
        if self._at >= len(self._tokens):
            return DqdlError(f"Parsing Error: mismatched input '<EOF>' {more}".rstrip())
        token = self._tokens[self._at]
        where = f"line {token.line}:{token.column}"
        return DqdlError(f"Parsing Error: {where} mismatched input '{token.text}' {more}".rstrip())

    def _text(self, start: int) -> str:
        text = " ".join(token.text for token in self._tokens[start : self._at])
        return re.sub(r"(?<=[\[(]) | (?=[\]),])", "", re.sub(r"! =", "!=", text))


_KINDS: dict[type, str] = {float: "number", str: "string", timedelta: "duration"}
