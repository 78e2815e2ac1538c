"""Fixtures of the tests that need Spark."""

from tests.flights.spark.lake import spark

__all__ = ["spark"]
