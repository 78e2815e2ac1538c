"""Why a Spark program failed, in one sentence, from what it printed."""

from __future__ import annotations

import re

from local.engines.spark import Outcome

MESSAGE_CHARACTERS = 2000
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Failure)?(?:: .*)?")


def failure_message(outcome: Outcome) -> str:
    """The exception that ended the program: of Python's last traceback, else of the JVM's main thread.

    In client mode spark-submit prints the driver's own errors with its output; so both files are looked at.
    """
    texts = [path.read_text(errors="replace") for path in (outcome.stdout, outcome.stderr)]
    for text in texts:
        found = _python_exception(text)
        if found is not None:
            return found[:MESSAGE_CHARACTERS]
    for text in texts:
        for line in text.splitlines():
            if line.startswith("Exception in thread"):
                return line[:MESSAGE_CHARACTERS]
    # sys.exit("sentence") prints the sentence and no traceback: it is the last line of all.
    for text in texts:
        lines = [line.strip() for line in text.splitlines() if line.strip() and " INFO " not in line]
        if lines:
            return lines[-1][:MESSAGE_CHARACTERS]
    return f"The program ended with exit code {outcome.exit_code}."


def _python_exception(text: str) -> str | None:
    """First line of the exception in the last traceback: what follows the indented frames."""
    lines = text.splitlines()
    starts = [
        index for index, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")
    ]
    if not starts:
        # sys.exit("sentence") prints the sentence and no traceback; so it is the last line of all.
        return None
    for index, line in enumerate(lines[starts[-1] + 1 :], start=starts[-1] + 1):
        if line and not line[0].isspace() and _EXCEPTION.fullmatch(line):
            # Py4J tells the JVM's exception on a line of its own, which begins with a colon.
            cause = lines[index + 1] if index + 1 < len(lines) else ""
            return line + cause if cause.startswith(": ") else line
    return None
