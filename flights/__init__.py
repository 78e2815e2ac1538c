"""The domain: US flights. Tables, cleaning rules, keys and transforms; no cloud, no orchestration.

Standard library only, except `flights.spark`, which may import pyspark: the package is shipped as one zip to
Lambda, Glue and EMR.
"""
