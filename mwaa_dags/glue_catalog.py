"""The data catalog of a range of days: crawled, curated again, and its partitions repaired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.glue_crawler import GlueCrawlerOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import BranchPythonOperator
from airflow.sdk import DAG, Param, task
from refstack_dags import glue, partitions
from refstack_dags.plan import checked_range
from refstack_dags.run_reports import too_late
from refstack_dags.settings import Limits, cfg
from refstack_dags.task_defaults import DEFAULT_ARGS

TABLES = {"flights": "flights/", "flights_rejects": "rejects/flights/"}
"""Tables of the curated zone that are partitioned by day → where their days lie in the bucket."""

DOC = """
### Glue: crawl, curate again, repair the catalog

1. **Crawl** the raw zone: what the crawler infers lies in a database of its own, to compare with the declared
   tables when a source may have changed its columns.
2. **Curate** the range's flights again from their raw objects.
3. **Evaluate** the rules of data quality on the range: a rule that does not pass fails the run.
4. **Repair**: days that lie in the curated zone but not in the catalog, because somebody copied them there or
   a registration failed, become partitions; with none missing, the repair is skipped.

| parameter | meaning |
|---|---|
| `start`, `end` | first and last day to curate again, both included |
"""


def missing_days() -> dict[str, list[list[str]]]:
    """By table, the partition values of the days that lie in S3 without being in the catalog."""
    s3 = S3Hook(aws_conn_id=None)
    catalog = AwsBaseHook(aws_conn_id=None, client_type="glue").get_conn()
    found = {}
    for table, prefix in TABLES.items():
        there = partitions.days_of(s3.list_keys(cfg["buckets"]["curated"], prefix=prefix) or (), prefix)
        known = partitions.registered(catalog, cfg["catalog"]["curated_database"], table)
        found[table] = [list(day) for day in sorted(there - known)]
    return found


def choose(missing: dict[str, list[list[str]]]) -> str:
    """The task to go on with: whether any day is missing."""
    return "repair_partitions" if any(missing.values()) else "nothing_to_repair"


with DAG(
    dag_id="glue_catalog",
    dag_display_name="Glue: crawl, curate again, repair the catalog",
    description="Crawler, curation job and partition repair for a range of days",
    doc_md=DOC,
    schedule=None,
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=4),
    on_failure_callback=too_late,
    default_args=DEFAULT_ARGS,
    user_defined_macros={"cfg": cfg},
    params={
        "start": Param("2013-01-01", type="string", format="date", title="First day"),
        "end": Param("2013-01-01", type="string", format="date", title="Last day, included"),
    },
    tags=["catalog", "glue"],
) as dag:

    @task(task_id="find_missing", task_display_name="Look for days that the catalog lacks")
    def find_missing() -> dict[str, list[list[str]]]:
        """By table, the days to register."""
        return missing_days()

    @task(task_id="repair_partitions", task_display_name="Register the missing days")
    def repair_partitions(missing: dict[str, list[list[str]]]) -> dict[str, int]:
        """Register them; how many by table."""
        catalog = AwsBaseHook(aws_conn_id=None, client_type="glue").get_conn()
        database = cfg["catalog"]["curated_database"]
        return {
            table: partitions.register(catalog, database, table, (tuple(day) for day in days))
            for table, days in missing.items()
        }

    @task(
        task_id="catalog_is_complete",
        task_display_name="The catalog knows every day",
        # Repaired or skipped, but never after a failure.
        trigger_rule="none_failed_min_one_success",
        retries=0,
    )
    def check_catalog() -> None:
        """Fail with the tables that still lack days."""
        lacking = {table: len(days) for table, days in missing_days().items() if days}
        if lacking:
            raise ValueError(f"The catalog still lacks days: {lacking}.")

    plan = checked_range()
    crawl = GlueCrawlerOperator(
        task_id="crawl",
        task_display_name="Crawl the raw zone",
        config={"Name": "{{ cfg.glue.raw_crawler }}"},
        # As quick as a function; the limit of jobs is another.
        pre_execute=Limits("lambda"),
    )
    # Started by hand: who did it wants to know at once.
    curate = glue.curate_flights(plan, "Curate flights again", retries=0)
    # The same data do not meet the rules at the next try either.
    evaluate = glue.evaluate_rules(plan, verify_result_status=True, retries=0)
    missing = find_missing()
    branch = BranchPythonOperator(
        task_id="anything_missing",
        task_display_name="Is any day missing?",
        python_callable=choose,
        op_kwargs={"missing": missing},
    )
    repair = repair_partitions(missing)
    nothing = EmptyOperator(task_id="nothing_to_repair", task_display_name="Nothing to repair")
    curate >> evaluate
    [crawl, evaluate] >> missing
    branch >> [repair, nothing] >> check_catalog()
