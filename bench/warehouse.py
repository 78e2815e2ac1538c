"""A Redshift Serverless workgroup on the embedded AWS, loaded by the DAG's own SQL through the Data API."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import jinja2

from flights.schema import STAR
from flights.sources.period import Period
from flights.tables import Table
from local import runtime
from local.errors import UserFacingError
from local.layout import ROOT

SQL = ROOT / "mwaa_dags" / "sql"
DATABASE = "refstack"
POLL_SECONDS = 0.02
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "redshift.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
READ = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


def script(name: str, **values: Any) -> list[str]:
    """The statements of mwaa_dags/sql/<name>.sql, its templates filled as Airflow fills them.

    In our files a line that ends with a semicolon ends a statement. A missing value raises UndefinedError.
    """
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - SQL
    text = environment.from_string((SQL / f"{name}.sql").read_text()).render(values)
    return [part.strip() for part in re.split(r";$", text, flags=re.MULTILINE) if part.strip()]


class Warehouse:
    """A namespace with a workgroup of the same name, and the empty tables of the star schema in it."""

    def __init__(self, name: str) -> None:
        self._name = name
        iam, redshift = runtime.client("iam"), runtime.client("redshift-serverless")
        role = iam.create_role(RoleName=f"{name}-copy", AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.put_role_policy(RoleName=f"{name}-copy", PolicyName="read", PolicyDocument=json.dumps(READ))
        self._role = role["Role"]["Arn"]
        namespace = redshift.create_namespace(
            namespaceName=name, dbName=DATABASE, manageAdminPassword=True, iamRoles=[self._role]
        )["namespace"]
        self._secret = namespace["adminPasswordSecretArn"]
        redshift.create_workgroup(workgroupName=name, namespaceName=name)
        self.run(["CREATE SCHEMA IF NOT EXISTS staging", "CREATE SCHEMA IF NOT EXISTS core"])
        self.run(script("create_tables"))

    def run(self, batch: list[str]) -> None:
        """Run statements as one transaction; UserFacingError with the warehouse's message if one fails."""
        data = runtime.client("redshift-data")
        target = {"WorkgroupName": self._name, "Database": DATABASE, "SecretArn": self._secret}
        if len(batch) == 1:
            statement = data.execute_statement(**target, Sql=batch[0])["Id"]
        else:
            statement = data.batch_execute_statement(**target, Sqls=batch)["Id"]
        while (described := data.describe_statement(Id=statement))["Status"] not in {"FINISHED", "FAILED"}:
            time.sleep(POLL_SECONDS)
        if described["Status"] == "FAILED":
            raise UserFacingError(f"The warehouse refused a statement: {described.get('Error')}")

    def load(self, bucket: str, period: Period, run_key: str) -> None:
        """Load what a run delivered, table by table in the DAG's order, and count."""
        values = {
            "cfg": {"buckets": {"warehouse": bucket}, "warehouse": {"copy_role_arn": self._role}},
            "run_key": run_key,
            "start": period.start.isoformat(),
            "end": period.end.isoformat(),
        }
        for name in (*(f"load_{table.name}" for table in STAR), "count_rows"):
            self.run(script(name, **values))

    def repeat(self, table: Table, years: int) -> None:
        """Give a fact the rows that it has again, for as many years before."""
        columns = (*table.names, "loaded_at")
        for back in range(1, years + 1):
            shifted = [
                f"DATEADD(year, -{back}, flight_date)::DATE" if name == "flight_date" else name
                for name in columns
            ]
            source = f"SELECT {', '.join(shifted)} FROM core.{table.name} WHERE flight_date >= '2013-01-01'"  # noqa: S608
            self.run([f"INSERT INTO core.{table.name} ({', '.join(columns)}) {source}"])

    def settle(self) -> None:
        """Vacuum and analyse, so that nothing of it happens while the day is measured."""
        for table in STAR:
            self.run([f"VACUUM core.{table.name}"])
            self.run([f"ANALYZE core.{table.name}"])
