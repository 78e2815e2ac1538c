"""Redshift's expressions in PostgreSQL's words: functions, casts, operators and keywords.

Functions that differ in name or arguments only are defined in the database (redshift_catalog.sql); here are
those whose syntax differs.
"""

from __future__ import annotations

from collections.abc import Sequence

from local.engines.redshift_calls import Call, Tokens
from local.engines.redshift_lexer import Token, closing, fold, following, preceding, split
from local.engines.redshift_scalars import SCALARS
from local.engines.redshift_windows import WINDOWS

CALLS = {**SCALARS, **WINDOWS}
RENAMED = {
    "nvl": "coalesce",
    "date_diff": "datediff",
    "replicate": "repeat",
    "textlen": "len",
    **{
        # PostgreSQL's own of the same name do something else: Redshift's are in a schema of their own.
        name: f"redshift.{name}"
        for name in (
            *("avg", "concat", "json_array_length", "json_parse", "json_serialize", "json_typeof"),
            *("regexp_replace", "regexp_substr", "round", "version"),
        )
    },
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
            call = Call(token.word, split(tokens[after + 1 : end], ","), tokens, end, rewrite)
            replacement, index = CALLS[token.word](call)
            result.extend(replacement)
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
