"""EMR step: the star schema's facts, as Parquet for COPY, keyed by the dimensions of the same run.

Arguments: --raw-bucket --curated-bucket --warehouse-bucket --start-date --end-date --run-key; dates are
inclusive.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from flights.errors import JobError
from flights.spark.arguments import parse_arguments, period_of, run_key_of, zone_uri
from flights.spark.jobs import build_facts
from flights.spark.session import job_session

ARGUMENTS = ("raw_bucket", "curated_bucket", "warehouse_bucket", "start_date", "end_date", "run_key")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the step."""
    arguments = parse_arguments(ARGUMENTS, argv)
    try:
        accounting = build_facts(
            job_session("build_facts"),
            zone_uri(arguments.curated_bucket),
            zone_uri(arguments.warehouse_bucket),
            period_of(arguments),
            run_key_of(arguments),
        )
    except JobError as error:
        sys.exit(f"build_facts failed: {error}")
    print(accounting.to_json())


if __name__ == "__main__":
    main()
