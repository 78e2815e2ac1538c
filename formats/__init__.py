"""CSV and JSON to Parquet and ORC, and back: `python -m formats`, with pandas or with Spark."""
