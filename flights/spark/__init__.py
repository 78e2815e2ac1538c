"""The transforms, in plain Spark: the same on Glue, on EMR and on one machine."""
