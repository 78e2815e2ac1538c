"""The platform as a CDK app: read the settings, add the stacks, synthesise."""

from __future__ import annotations

import os
import sys

from stacks import nag
from stacks.configuration import SettingsError, load
from stacks.constructs.bundle import BundleError
from stacks.platform import add_stacks, new_app


def main() -> int:
    """Synthesise the environment that `-c env=…` or the variable ENV names; dev when neither does."""
    app = new_app(os.environ.get("CDK_OUTDIR", "cdk.out"))
    environment = app.node.try_get_context("env") or os.environ.get("ENV") or "dev"
    try:
        add_stacks(app, load(str(environment), os.environ))
    except (SettingsError, BundleError) as error:
        print(error, file=sys.stderr)
        return 1
    return nag.synthesise(app)


if __name__ == "__main__":
    sys.exit(main())
