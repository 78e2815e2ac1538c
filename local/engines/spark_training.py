"""A Spark program of the platform's kind, run once for the classes that it loads (see spark_classes).

Usage: spark_training.py ROOT, a URI below which raw/ holds gzipped CSV files.
"""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as sf

root = sys.argv[1]
spark = SparkSession.builder.appName("training").getOrCreate()
spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
raw = spark.read.option("header", True).csv(f"{root}/raw/", schema="day string, carrier string, delay string")
typed = raw.select(
    sf.to_date("day").alias("day"),
    "carrier",
    sf.col("delay").cast("double").alias("delay"),
    sf.xxhash64("day", "carrier").alias("key"),
    sf.input_file_name().alias("source"),
)
numbered = typed.withColumn("n", sf.row_number().over(Window.partitionBy("key").orderBy("delay")))
valid = numbered.filter("n = 1 AND delay IS NOT NULL").repartition("day").sortWithinPartitions("carrier")
valid.write.mode("overwrite").partitionBy("day").parquet(f"{root}/curated")
curated = spark.read.parquet(f"{root}/curated")
names = spark.createDataFrame([("UA", "United"), ("B6", "JetBlue")], "carrier string, name string")
joined = (
    curated.join(sf.broadcast(names), "carrier", "left").join(curated.select("key"), "key", "left").cache()
)
daily = joined.groupBy("day", "name").agg(sf.count("*").alias("rows"), sf.avg("delay").alias("mean"))
daily.coalesce(1).write.mode("overwrite").parquet(f"{root}/daily")
daily.unionByName(daily).dropDuplicates().orderBy("day").write.mode("overwrite").json(f"{root}/json")
print(spark.read.json(f"{root}/json").count(), joined.count(), joined.collect()[:1])
spark.stop()
