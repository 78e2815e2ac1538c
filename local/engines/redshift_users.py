"""Users, roles and grants: Redshift's in PostgreSQL's words."""

from __future__ import annotations

from collections.abc import Sequence

from local.engines.redshift_functions import rewrite
from local.engines.redshift_lexer import (
    Token,
    UnsupportedError,
    literal,
    quote,
    render,
    significant,
    words,
)
from local.engines.redshift_refusals import syntax_error


def create_user(tokens: Sequence[Token]) -> str:
    """CREATE or ALTER USER name [WITH] option …"""
    rest = rewrite(significant(tokens))
    verb, name, options = rest[0].text.upper(), rest[2].text, list(rest[3:])
    if verb == "ALTER" and words(options)[:1] in (["rename"], ["set"], ["reset"]):
        return render(rewrite(tokens))
    made = [f"{verb} ROLE {name}", *(["LOGIN"] if verb == "CREATE" else [])]
    flags = {
        "createdb": "CREATEDB",
        "nocreatedb": "NOCREATEDB",
        "createuser": "SUPERUSER",
        "nocreateuser": "NOSUPERUSER",
    }
    while options:
        word = options[0].word
        if word == "password" and len(options) > 1:
            made.append(
                "PASSWORD NULL"
                if options[1].word == "disable"
                else f"PASSWORD {quote(_password(options[1]))}"
            )
            options = options[2:]
        elif word in flags:
            made.append(flags[word])
            options = options[1:]
        elif words(options)[:2] == ["in", "group"]:
            made.append("IN ROLE " + "".join(token.text for token in options[2:]))
            options = []
        elif word == "valid" or words(options)[:2] == ["connection", "limit"]:
            limit = "-1" if options[2].word == "unlimited" else options[2].text
            made.append(f"VALID UNTIL {options[2].text}" if word == "valid" else f"CONNECTION LIMIT {limit}")
            options = options[3:]
        elif words(options)[:2] in (["session", "timeout"], ["syslog", "access"]):
            options = options[3:]
        elif word == "with":
            options = options[1:]
        else:
            raise syntax_error(options[0].text, "Redshift knows no such option of a user.")
    return " ".join(made)


def _password(token: Token) -> str:
    text = literal(token)
    if len(text) < 8 and not text.startswith("md5"):
        raise UnsupportedError("password must be at least 8 characters", "Lengthen it.", "22023")
    return text


def drop_user(tokens: Sequence[Token]) -> str:
    """DROP USER and DROP ROLE, with or without FORCE."""
    rest = [token for token in significant(tokens) if token.word not in {"force", "restrict"}]
    return "DROP ROLE " + " ".join(token.text for token in rewrite(rest[2:]))


def create_role(tokens: Sequence[Token]) -> str:
    """CREATE ROLE name: a role that nobody logs in as."""
    rest = rewrite(significant(tokens))
    if len(rest) != 3:
        raise syntax_error(rest[3].text if len(rest) > 3 else ";", "CREATE ROLE takes a name.")
    return f"CREATE ROLE {rest[2].text} NOLOGIN"


def grant(tokens: Sequence[Token]) -> str:
    """GRANT and REVOKE, where Redshift says ROLE before the name of a database role."""
    found = words(tokens)
    privileges = found[found.index("grant" if "grant" in found else "revoke") + 1 :]
    for word in privileges[: privileges.index("on")] if "on" in privileges else privileges[:1]:
        if word in {"drop", "alter", "assumerole"}:
            raise UnsupportedError(f"GRANT {word.upper()} is not emulated", "The owner of a table may do it.")
    return render(rewrite([token for token in tokens if token.word != "role"]))
