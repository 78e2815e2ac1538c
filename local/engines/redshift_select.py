"""SELECT TOP and QUALIFY in PostgreSQL's words: a LIMIT, and a subquery whose condition is a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from local.engines.redshift_lexer import (
    Token,
    UnsupportedError,
    closing,
    following,
    name_of,
    preceding,
    render,
    significant,
    split,
    tokenize,
    words,
)

_SET_OPERATORS = frozenset({"union", "intersect", "except", "minus"})
_CLAUSES = ("from", "where", "group", "having", "qualify", "order", "limit", "offset")
_JOINS = frozenset(
    {"join", "inner", "left", "right", "full", "outer", "cross", "natural", "on", "using", ","}
)
ROWS, KEPT = "redshift_rows", "redshift_kept"


def reshape(tokens: Sequence[Token]) -> list[Token]:
    """The tokens of a statement without TOP and QUALIFY; raises UnsupportedError."""
    if not {"top", "qualify"} & {token.word for token in tokens}:
        return list(tokens)
    made: list[Token] = []
    index = 0
    while index < len(tokens):
        made.append(tokens[index])
        if tokens[index].word == "(":
            end = closing(tokens, index)
            made += [*reshape(tokens[index + 1 : end]), tokens[end]]
            index = end
        index += 1
    return _level(made)


def _level(tokens: list[Token]) -> list[Token]:
    """One level of parentheses: its queries, last first, so that earlier places stay right."""
    outside = [index for index, depth in enumerate(_depths(tokens)) if depth == 0]
    selects = [index for index in outside if tokens[index].word == "select"]
    ends = [index for index in outside if tokens[index].word in _SET_OPERATORS]
    for start in reversed(selects):
        end = min((place for place in ends if place > start), default=len(tokens))
        query = _Query.of(tokens[start:end])
        if query.top is None and "qualify" not in query.clauses:
            continue
        if query.top is not None and ((len(selects) > 1 and ends) or "limit" in query.clauses):
            raise UnsupportedError("TOP is not supported here", "Write LIMIT once, at the end of the query.")
        tokens = [*tokens[:start], *query.translated(), *tokens[end:]]
    return tokens


def _depths(tokens: Sequence[Token]) -> list[int]:
    """Of each token, how many parentheses are open around it; a parenthesis itself counts as inside."""
    depths, depth = [], 0
    for token in tokens:
        depth += token.word == "("
        depths.append(depth)
        depth -= token.word == ")"
    return depths


@dataclass
class _Item:
    """An entry of a select list: its expression, its name, or the relation whose columns it stands for."""

    expression: list[Token]
    name: Token | None
    relation: str | None = None


@dataclass
class _Query:
    """One SELECT: how many rows TOP asks for, whether it is DISTINCT, and its clauses by their first word."""

    top: Token | None
    distinct: bool
    clauses: dict[str, list[Token]]

    @classmethod
    def of(cls, tokens: list[Token]) -> _Query:
        depths = _depths(tokens)
        starts = {"select": 0}
        for index, token in enumerate(tokens):
            if depths[index] == 0 and token.word in _CLAUSES and token.word not in starts:
                before, after = preceding(tokens, index), following(tokens, index)
                if tokens[before].word not in {".", "as"} and words(tokens[after : after + 1]) != ["."]:
                    starts[token.word] = index
        places = sorted(starts.items(), key=lambda item: item[1])
        limits = [*(place for _, place in places[1:]), len(tokens)]
        clauses = {name: tokens[place:end] for (name, place), end in zip(places, limits, strict=True)}
        listed = clauses["select"][1:]
        first = following([Token("space", ""), *listed], 0) - 1
        top = None
        if words(listed)[:1] == ["top"]:
            value = following(listed, first)
            if value < len(listed) and listed[value].kind == "number":
                top, listed = listed[value], [*listed[:first], *listed[value + 1 :]]
        distinct = words(listed)[:1] == ["distinct"]
        if "qualify" in clauses and words(listed)[:1] in (["distinct"], ["all"]):
            listed = listed[first + 1 :]
        clauses["select"] = listed
        return cls(top, distinct, clauses)

    def translated(self) -> list[Token]:
        plain = [Token("word", "select"), *self._from("select")]
        made = self._qualified() if "qualify" in self.clauses else plain
        return [*made, *tokenize(f" LIMIT {self.top.text}")] if self.top else made

    def _from(self, first: str, *without: str) -> list[Token]:
        """The clauses from `first` on, in their order."""
        names = list(self.clauses)
        kept = [name for name in names[names.index(first) :] if name not in without]
        return [token for name in kept for token in self.clauses[name]]

    def _qualified(self) -> list[Token]:
        relations = _relations(self.clauses.get("from", []))
        if not {"where", "group", "having"} & set(self.clauses) and not all(alias for _, alias in relations):
            raise UnsupportedError(
                'syntax error at or near "qualify"',
                "Directly after FROM, QUALIFY wants an alias of the relation: FROM t AS x QUALIFY ….",
                "42601",
            )
        names = [alias or name for name, alias in relations]
        items = [item for entry in split(self.clauses["select"], ",") for item in _items(entry, names)]
        condition = _with_aliases(self.clauses["qualify"][1:], items)
        inner, outer = [], []
        for number, item in enumerate(items):
            place = f"redshift_row_{number}"
            name = item.name.text if item.name else place
            inner.append(f"{render(item.expression)} AS {name}")
            outer.append(f"({ROWS}.{name}).*" if item.relation else f"{ROWS}.{name}")
        later = [name for name in ("order", "limit", "offset") if name in self.clauses]
        source = render(self._from("from", "qualify", *later)) if "from" in self.clauses else ""
        listed = f"{'distinct ' if self.distinct else ''}{', '.join(outer)}"
        rows = f"select {', '.join(inner)}, ({render(condition)}\n) AS {KEPT} {source}\n"
        query = f"select {listed} from ({rows}) AS {ROWS} where {ROWS}.{KEPT} "  # noqa: S608 - the client's own
        rest = [token for name in later for token in self.clauses[name]]
        return [*tokenize(query), *_unqualified(rest, names)]


def _items(entry: list[Token], relations: list[str]) -> list[_Item]:
    """What an entry of a select list stands for: one expression, or the rows of relations."""
    rest = significant(entry)
    if words(rest) == ["*"]:
        return [_Item(tokenize(name), None, name) for name in relations]
    if words(rest)[-2:] == [".", "*"]:
        name = render(rest[:-2])
        return [_Item(rest[:-2], None, name)]
    last = entry.index(rest[-1])
    if len(rest) > 2 and rest[-2].word == "as":
        return [_Item(entry[: entry.index(rest[-2])], rest[-1])]
    if len(rest) in {1, 3, 5} and all(token.word == "." for token in rest[1::2]):
        return [_Item(entry, rest[-1])]
    if rest[-1].kind in {"word", "quoted"} and rest[-1].word != "end" and _ends_expression(rest[-2]):
        return [_Item(entry[:last], rest[-1])]
    if len(rest) > 2 and rest[0].kind == "word" and rest[1].word == "(":
        end = closing(rest, 1)
        if end == len(rest) - 1 or words(rest[end + 1 : end + 3]) == ["over", "("]:
            return [_Item(entry, Token("word", rest[0].word))]
    raise UnsupportedError(
        "a column without a name beside QUALIFY is not emulated", f"Name it: {render(entry).strip()} AS name."
    )


def _ends_expression(token: Token) -> bool:
    return token.kind in {"string", "number", "quoted"} or token.word == ")" or token.kind == "word"


def _relations(clause: list[Token]) -> list[tuple[str, str | None]]:
    """Name and alias of each relation of a FROM clause; a subquery's name is ''."""
    found: list[tuple[str, str | None]] = []
    rest = significant(clause)[1:]
    index, expected = 0, True
    while index < len(rest):
        word = rest[index].word
        if word in {"natural", "using"}:
            raise UnsupportedError(f"{word.upper()} beside QUALIFY is not emulated", "Join with ON.")
        if not expected:
            expected = word in {",", "join"}
            index = closing(rest, index) + 1 if word == "(" else index + 1
            continue
        name = ""
        if word == "(":
            index = closing(rest, index) + 1
        else:
            name, index = rest[index].text, index + 1
            while index + 1 < len(rest) and rest[index].word == ".":
                name, index = rest[index + 1].text, index + 2
        if index < len(rest) and rest[index].word == "as":
            index += 1
        alias = None
        if index < len(rest) and rest[index].kind in {"word", "quoted"} and rest[index].word not in _JOINS:
            alias, index = rest[index].text, index + 1
        found.append((name, alias))
        expected = False
    return found


def _with_aliases(condition: list[Token], items: Sequence[_Item]) -> list[Token]:
    """The condition with the select list's own names replaced by what they stand for."""
    known = {name_of(item.name): item.expression for item in items if item.name}
    made: list[Token] = []
    for index, token in enumerate(condition):
        before, after = preceding(condition, index), following(condition, index)
        qualified = before >= 0 and condition[before].word == "."
        called = after < len(condition) and condition[after].word in {"(", "."}
        expression = known.get(name_of(token)) if token.kind in {"word", "quoted"} else None
        if expression is None or qualified or called or words(expression) == [token.word]:
            made.append(token)
        else:
            made += [Token("symbol", "("), *expression, Token("symbol", ")")]
    return made


def _unqualified(tokens: list[Token], relations: list[str]) -> list[Token]:
    """ORDER BY outside the subquery, where its relations have no names any more."""
    folded = {name.lower() for name in relations}
    made: list[Token] = []
    index = 0
    while index < len(tokens):
        after = following(tokens, index)
        if tokens[index].text.lower() in folded and after < len(tokens) and tokens[after].word == ".":
            index = after + 1
            continue
        made.append(tokens[index])
        index += 1
    return made
