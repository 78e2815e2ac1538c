"""A session of dbt for the tests, in dbt's own environment: one parse, then a command a line of stdin.

`python session.py <folder of run.py>`; a command is a JSON list of arguments, its answer a line that begins
with "statuses" and holds the status of each node by name.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from run import Dbt, Settings, connection  # type: ignore[import-not-found]

settings = Settings.of(os.environ)
os.environ.update(connection(settings))
with tempfile.TemporaryDirectory() as target:
    dbt = Dbt(settings.project, Path(target), {"start": "2013-07-01", "end": "2013-07-03"})
    for line in sys.stdin:
        results = dbt.run(*json.loads(line)).result.results
        print("statuses", json.dumps({one.node.name: str(one.status) for one in results}), flush=True)
