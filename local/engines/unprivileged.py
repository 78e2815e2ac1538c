"""How root runs PostgreSQL's programs, which refuse root: as nobody.

Nobody has to reach the programs and the data, which may be below a folder that only root may enter, as a
container's /root is. So it keeps one of root's capabilities, CAP_DAC_OVERRIDE. PostgreSQL looks for its own
programs by access(2), which counts the capabilities of a user other than root only under the secure bit
no_setuid_fixup (capabilities(7), access(2)); setting that takes CAP_SETPCAP. Containers have both by default.
Where they are missing, nobody still reaches what everybody does.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

ID = 65534
"""nobody"""
IDENTITY = (f"--reuid={ID}", f"--regid={ID}", "--clear-groups")
REACH = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup")
WAYS = ((*IDENTITY, *REACH), IDENTITY)
"""Options of setpriv, those that reach more first."""
PROBE = 'cd "$1" && exec "$2" --show --pgdata .'
"""Exits 0 when the folder can be entered and initdb finds its programs; it changes nothing."""


def command(argv: Sequence[str | Path], initdb: Path, folder: Path) -> list[str | Path]:
    """`argv`, run as nobody when we are root. `folder` is where the data are.

    Raises RuntimeError, in a sentence for a person, when nobody cannot reach `folder` or PostgreSQL.
    """
    return list(argv) if os.geteuid() != 0 else ["setpriv", *_way(initdb, folder), *argv]


def give(path: str | Path) -> None:
    """Make nobody the owner of a file or folder, when we are root."""
    if os.geteuid() == 0:
        os.chown(path, ID, ID)


@functools.cache
def _way(initdb: Path, folder: Path) -> tuple[str, ...]:
    if shutil.which("setpriv") is None:
        raise RuntimeError(
            "PostgreSQL refuses to run as root: run as another user, or install setpriv (util-linux)."
        )
    said = ""
    for options in WAYS:
        probe = ["setpriv", *options, "/bin/sh", "-c", PROBE, "sh", folder, initdb]
        done = subprocess.run(probe, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode == 0:
            return options
        said = said or next(iter(done.stderr.strip().splitlines()), "no message")
    raise RuntimeError(
        f"PostgreSQL refuses to run as root, and as nobody it cannot use {folder} with {initdb.parent} here "
        f"({said}). Run as another user, or put both below folders that everybody may enter."
    )
