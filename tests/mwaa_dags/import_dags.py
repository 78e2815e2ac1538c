"""Run by an Airflow's own Python: import a DAG folder, print what Airflow makes of it as JSON.

import_dags.py <DAG folder>
"""

from __future__ import annotations

import importlib
import json
import sys

import airflow

try:
    dagbag = importlib.import_module("airflow.dag_processing.dagbag")
except ModuleNotFoundError:
    # Where Airflow had it before 3.2.
    dagbag = importlib.import_module("airflow.models.dagbag")

bag = dagbag.DagBag(sys.argv[1])
print(json.dumps({"version": airflow.__version__, "dags": sorted(bag.dags), "errors": bag.import_errors}))
