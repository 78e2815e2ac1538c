"""Flight events in Spark Structured Streaming."""
