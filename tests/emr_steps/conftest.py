"""Fixtures of the Spark tests."""

from tests.flights.spark.lake import lake, spark

__all__ = ["lake", "spark"]
