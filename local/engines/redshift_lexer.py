"""Redshift SQL as tokens: a string, a comment or a quoted name is one token, which nothing rewrites."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class UnsupportedError(Exception):
    """Redshift itself, or its emulation, refuses a statement.

    `message` reads like Redshift's own error, `sentence` says what is meant and what to do instead,
    `sqlstate` is the error's code.
    """

    def __init__(self, message: str, sentence: str, sqlstate: str = "0A000") -> None:
        super().__init__(f"{message}. {sentence}")
        self.message = message
        self.sentence = sentence
        self.sqlstate = sqlstate


@dataclass(frozen=True)
class Token:
    """A piece of SQL: `kind` is space, comment, string, quoted, word, number or symbol."""

    kind: str
    text: str

    @property
    def word(self) -> str:
        """A bare word or symbol in lower case; of everything else nothing, so that it never matches."""
        return self.text.lower() if self.kind in {"word", "symbol"} else ""

    @property
    def silent(self) -> bool:
        """Whether the token means nothing to the server."""
        return self.kind in {"space", "comment"}


_PATTERN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<comment>--[^\n]*)
    | (?P<block>/\*)
    | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$)
    | (?P<string>'(?:[^'\\]|''|\\.)*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<word>[^\W\d][\w$]*|\#[^\W\d][\w$]*)
    | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
    | (?P<symbol>::|:=|<=|>=|<>|!=|\|\||->>|->|\#>>|\#>|@>|<@|[^\s])
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")


def tokenize(sql: str) -> list[Token]:
    """The tokens of `sql`; joined, their texts give `sql` again.

    Strings have backslash escapes, as Redshift reads them; comments nest; dollar-quoted text is a string.
    Raises UnsupportedError for a string, a quoted name or a comment that does not end.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(sql):
        match = _PATTERN.match(sql, position)
        if match is None:
            raise UnsupportedError("syntax error", f"Character {position} cannot be read.", "42601")
        kind, end = str(match.lastgroup), match.end()
        if kind == "block":
            kind, end = "comment", _comment_end(sql, position)
        elif kind == "dollar":
            closing = sql.find(match.group(), end)
            if closing < 0:
                raise _unterminated("dollar-quoted string", sql[position:])
            kind, end = "string", closing + len(match.group())
        elif kind == "symbol" and match.group() in {"'", '"'}:
            raise _unterminated(
                "quoted string" if match.group() == "'" else "quoted identifier", sql[position:]
            )
        tokens.append(Token(kind, sql[position:end]))
        position = end
    return tokens


def render(tokens: Iterable[Token]) -> str:
    """The SQL that tokens spell."""
    return "".join(token.text for token in tokens)


def split(tokens: Sequence[Token], separator: str = ";") -> list[list[Token]]:
    """Pieces between separators that stand outside parentheses and brackets; empty pieces are kept."""
    pieces: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.word in {"(", "["}) - (token.word in {")", "]"})
        if depth == 0 and token.word == separator:
            pieces.append([])
        else:
            pieces[-1].append(token)
    return pieces


def significant(tokens: Sequence[Token]) -> list[Token]:
    """Tokens without spaces and comments."""
    return [token for token in tokens if not token.silent]


def words(tokens: Sequence[Token]) -> list[str]:
    """The significant tokens' words; a string, a number or a quoted name is ''."""
    return [token.word for token in tokens if not token.silent]


def following(tokens: Sequence[Token], index: int) -> int:
    """Index of the next significant token after `index`, or len(tokens)."""
    index += 1
    while index < len(tokens) and tokens[index].silent:
        index += 1
    return index


def preceding(tokens: Sequence[Token], index: int) -> int:
    """Index of the last significant token before `index`, or -1."""
    index -= 1
    while index >= 0 and tokens[index].silent:
        index -= 1
    return index


def closing(tokens: Sequence[Token], opening: int) -> int:
    """Index of the parenthesis that closes the one at `opening`; UnsupportedError when there is none."""
    depth = 0
    for index in range(opening, len(tokens)):
        depth += (tokens[index].word == "(") - (tokens[index].word == ")")
        if depth == 0:
            return index
    raise UnsupportedError('syntax error at or near "("', "The parenthesis is not closed.", "42601")


def name_of(token: Token) -> str:
    """The identifier that a word or a quoted name stands for, folded as Redshift folds it."""
    if token.kind == "quoted":
        return fold(token).text[1:-1].replace('""', '"')
    return token.text.lower()


def fold(token: Token) -> Token:
    """Redshift folds quoted names to lower case too; only names of IAM identities keep theirs."""
    if token.kind != "quoted" or token.text[1:5].upper() in {"IAMR", "IAM:"}:
        return token
    return Token("quoted", token.text.lower())


def literal(token: Token) -> str:
    """The text that a string token stands for."""
    body = token.text
    if body.startswith("$"):
        mark = body.index("$", 1) + 1
        return body[mark:-mark]
    escapes = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f"}

    def unescape(match: re.Match[str]) -> str:
        return "'" if match.group() == "''" else escapes.get(match.group(1), match.group(1))

    return re.sub(r"''|\\(.)", unescape, body[1:-1], flags=re.DOTALL)


def quote(text: str) -> str:
    """A string literal for a server that reads backslash escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _comment_end(sql: str, start: int) -> int:
    depth = 0
    for match in _BLOCK_EDGE.finditer(sql, start):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    raise _unterminated("/* comment", sql[start:])


def _unterminated(what: str, rest: str) -> UnsupportedError:
    return UnsupportedError(f'unterminated {what} at or near "{rest[:40]}"', "Close it.", "42601")
