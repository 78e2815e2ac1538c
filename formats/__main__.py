"""`python -m formats SOURCE TARGET`: convert CSV or JSON lines to Parquet or ORC, or back."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from formats.conversion import Conversion, ConversionError, parse_columns


def main(argv: Sequence[str] | None = None) -> int:
    """Convert; 1 and a sentence if that is not possible."""
    parser = argparse.ArgumentParser(prog="python -m formats", description=__doc__)
    parser.add_argument(
        "source", type=Path, help="file, or folder of files, named .csv, .json, .parquet or .orc"
    )
    parser.add_argument(
        "target", type=Path, help="what to make, named likewise; .gz behind .csv or .json packs it"
    )
    parser.add_argument("--engine", choices=("pandas", "spark"), default="pandas", help="default: pandas")
    parser.add_argument(
        "--columns",
        help='names and types of a text source, such as "tailnum string, year int"; default: all text',
    )
    parser.add_argument("--partition-by", default="", metavar="A,B", help="columns that become folders")
    arguments = parser.parse_args(argv)
    try:
        conversion = Conversion(
            arguments.source,
            arguments.target,
            None if arguments.columns is None else parse_columns(arguments.columns),
            tuple(name for name in arguments.partition_by.split(",") if name),
        )
        rows = _convert(conversion, arguments.engine)
    except ConversionError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{rows} rows: {conversion.source} → {conversion.target}")
    return 0


def _convert(conversion: Conversion, engine: str) -> int:
    # Each engine takes seconds to import: only the one that is asked for.
    if engine == "pandas":
        from formats import with_pandas

        return with_pandas.convert(conversion)
    from formats import with_spark

    return with_spark.convert(conversion, with_spark.session())


if __name__ == "__main__":
    sys.exit(main())
