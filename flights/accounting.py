"""Row accounting: what a stage read is what it wrote and what it rejected, or the stage fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from flights.errors import AccountingError


@dataclass(frozen=True)
class Accounting:
    """Rows of one run of one stage.

    `main` are the tables whose rows come one for one from the rows read; the others (`written` has all) are
    derived or generated. `rejected` counts by reason.
    """

    stage: str
    run_key: str
    read: int
    written: Mapping[str, int]
    main: tuple[str, ...]
    rejected: Mapping[str, int] = field(default_factory=dict)

    def check(self) -> None:
        """Raises AccountingError unless read = written + rejected."""
        written = sum(self.written[table] for table in self.main)
        rejected = sum(self.rejected.values())
        if self.read != written + rejected:
            raise AccountingError(
                f"{self.stage} read {self.read} rows but wrote {written} to {', '.join(self.main)} and "
                f"rejected {rejected}: {abs(self.read - written - rejected)} rows are "
                f"{'missing' if self.read > written + rejected else 'too many'}. Nothing of this run may be "
                "loaded; look for a join or filter that drops or multiplies rows, then run it again."
            )

    def to_json(self) -> str:
        """The accounting as one JSON object, keys sorted."""
        return json.dumps(asdict(self), sort_keys=True, indent=2) + "\n"


def accounting_key(stage: str, run_key: str) -> str:
    """Key of a run's accounting in the bucket of the stage's output."""
    return f"accounting/{stage}/{run_key}.json"
