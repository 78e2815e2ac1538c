"""EMR step: the star schema's dimensions, as Parquet for COPY.

Arguments: --raw-bucket --curated-bucket --warehouse-bucket --start-date --end-date --run-key --airports;
dates are inclusive, the last is the URI of the airports (CSV). Airlines and aircraft are the raw zone's
snapshots.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from flights.errors import JobError
from flights.spark.arguments import parse_arguments, period_of, run_key_of, zone_uri
from flights.spark.jobs import build_dimensions
from flights.spark.session import job_session

ARGUMENTS = (
    *("raw_bucket", "curated_bucket", "warehouse_bucket", "start_date", "end_date", "run_key"),
    "airports",
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the step."""
    arguments = parse_arguments(ARGUMENTS, argv)
    try:
        accounting = build_dimensions(
            job_session("build_dimensions"),
            zone_uri(arguments.raw_bucket),
            zone_uri(arguments.curated_bucket),
            zone_uri(arguments.warehouse_bucket),
            arguments.airports,
            period_of(arguments),
            run_key_of(arguments),
        )
    except JobError as error:
        sys.exit(f"build_dimensions failed: {error}")
    print(accounting.to_json())


if __name__ == "__main__":
    main()
