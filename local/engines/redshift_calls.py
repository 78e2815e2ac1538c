"""A function's call among the tokens of a query, as the rewriting of Redshift's functions sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local.engines.redshift_lexer import Token, UnsupportedError, closing, following, tokenize, words

Tokens = list[Token]


@dataclass(frozen=True)
class Call:
    """One call: its arguments as written, and the query around it, in which it ends at the token `end`."""

    name: str
    arguments: list[Tokens]
    query: Sequence[Token]
    end: int
    rewrite: Callable[[Sequence[Token]], Tokens]
    """What says an expression in PostgreSQL's words."""

    @property
    def values(self) -> list[Tokens]:
        """The arguments in PostgreSQL's words."""
        return [self.rewrite(argument) for argument in self.arguments]

    def takes(self, least: int, most: int, sentence: str) -> None:
        """Raise UnsupportedError unless there are so many arguments."""
        if not least <= len(self.arguments) <= most or not any(self.arguments):
            raise UnsupportedError(f"function {self.name} does not exist", sentence, "42883")

    def within_group(self) -> tuple[Tokens, int] | None:
        """The ORDER BY of the WITHIN GROUP (…) that follows, and the index of its last parenthesis."""
        after = following(self.query, self.end)
        if words(self.query[after:])[:3] != ["within", "group", "("]:
            return None
        return self._inside(following(self.query, following(self.query, after)))

    def window(self, end: int | None = None) -> tuple[Tokens, int] | None:
        """What stands in the OVER (…) that follows the call, or the token `end`, and its last index."""
        over = following(self.query, self.end if end is None else end)
        opening = following(self.query, over) if over < len(self.query) else over
        if opening >= len(self.query) or self.query[over].word != "over" or self.query[opening].word != "(":
            return None
        return self._inside(opening)

    def _inside(self, opening: int) -> tuple[Tokens, int]:
        last = closing(self.query, opening)
        return self.rewrite(self.query[opening + 1 : last]), last


Rewriting = Callable[[Call], tuple[Tokens, int]]
"""A call → what stands in its place, and the index of the last token that it replaces."""


def code(template: str, *parts: Tokens) -> Tokens:
    """`template` with each {} replaced by tokens."""
    pieces = template.split("{}")
    result = tokenize(pieces[0])
    for part, piece in zip(parts, pieces[1:], strict=True):
        result.extend(part)
        result.extend(tokenize(piece))
    return result
