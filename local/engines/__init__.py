"""Engines that do what the emulated services promise: PostgreSQL, Spark, Airflow, each a child process."""
