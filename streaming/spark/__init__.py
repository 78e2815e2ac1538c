"""Flight events in Spark Structured Streaming."""

JAVA_OPTIONS = "-Dorg.apache.avro.limits.string.maxLength=1048576"
"""For the driver and the executors: no text is longer than a record. Else Avro takes the heap that a broken
value asks for, and the job dies of it at each attempt.
"""
