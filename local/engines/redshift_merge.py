"""MERGE in Redshift's forms: both WHEN clauses without conditions, or REMOVE DUPLICATES."""

from __future__ import annotations

from collections.abc import Sequence

from local.engines.redshift_ddl import block
from local.engines.redshift_functions import rewrite
from local.engines.redshift_lexer import Token, UnsupportedError, render, significant, words
from local.engines.redshift_refusals import syntax_error


def merge(tokens: Sequence[Token]) -> str:
    """PostgreSQL's statement for a MERGE; raises UnsupportedError.

    https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html
    """
    rest = significant(tokens)
    found = words(rest)
    if found[1:2] != ["into"]:
        raise syntax_error(rest[1].text, "MERGE INTO target USING source ON … is what Redshift knows.")
    using, on = found.index("using"), found.index("on")
    if any(word != "." for word in found[3:using:2]) or using % 2 == 0:
        raise syntax_error(rest[using - 1].text, "The target of a MERGE has no alias: name the table itself.")
    if found[using + 1] == "(":
        raise syntax_error("(", "The source of a MERGE is a table; put the query into a temporary one.")
    target = render(rest[2:using])
    if target.lower() == render(rest[using + 1 : using + 1 + using - 2]).lower():
        raise UnsupportedError("Source and target of a MERGE must differ", "Use a temporary table.", "42P01")
    if found[-2:] == ["remove", "duplicates"]:
        return _without_duplicates(rest, using, on)
    clauses = [index for index, word in enumerate(found) if word == "when"]
    if [found[index + 1] for index in clauses] != ["matched", "not"]:
        raise syntax_error("when", "MERGE has exactly one WHEN MATCHED, then one WHEN NOT MATCHED clause.")
    for index in clauses:
        then = index + (2 if found[index + 1] == "matched" else 3)
        if found[then] != "then":
            raise syntax_error(
                found[then] or "and", "Redshift's WHEN clauses take no condition; filter the source."
            )
        action = found[then + 1]
        if action not in ({"update", "delete"} if found[index + 1] == "matched" else {"insert"}):
            raise syntax_error(
                action, "Redshift's MERGE has no DO NOTHING: it updates or deletes, and it inserts."
            )
    return render(rewrite(tokens))


def _without_duplicates(rest: Sequence[Token], using: int, on: int) -> str:
    """Matched rows of the target are replaced by the source's, the others are inserted."""
    target, source, condition = (
        " ".join(token.text for token in rewrite(part))
        for part in (rest[2:using], rest[using + 1 : on], rest[on + 1 : -2])
    )
    matched = f"DELETE FROM {target} USING {source} WHERE {condition}"  # noqa: S608 - the client's own
    return block([matched, f"INSERT INTO {target} SELECT * FROM {source}"])  # noqa: S608
