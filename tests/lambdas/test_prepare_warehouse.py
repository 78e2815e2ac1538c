from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:redshift!warehouse-admin-abc"
ENVIRONMENT = {
    "WORKGROUP": "refstack-dev",
    "NAMESPACE": "refstack-dev",
    "DATABASE": "refstack",
    "GRANTS": '{"mwaa-role": "loader", "dbt-role": "transformer", "analyst": "reader"}',
}
WRITE = "SELECT, INSERT, UPDATE, DELETE, TRUNCATE"
FRESH = [
    "CREATE SCHEMA IF NOT EXISTS staging",
    "CREATE SCHEMA IF NOT EXISTS core",
    "CREATE SCHEMA IF NOT EXISTS dbt_staging",
    "CREATE SCHEMA IF NOT EXISTS marts",
    "CREATE SCHEMA IF NOT EXISTS snapshots",
    "CREATE SCHEMA IF NOT EXISTS seeds",
    "CREATE ROLE loader",
    "CREATE ROLE transformer",
    "CREATE ROLE reader",
    "GRANT USAGE, CREATE ON SCHEMA staging, core TO ROLE loader",
    f"GRANT {WRITE} ON ALL TABLES IN SCHEMA staging, core TO ROLE loader",
    "GRANT USAGE, CREATE ON SCHEMA dbt_staging, marts, snapshots, seeds TO ROLE transformer",
    "GRANT USAGE ON SCHEMA marts TO ROLE loader",
    "GRANT SELECT ON ALL TABLES IN SCHEMA marts TO ROLE loader",
    "GRANT USAGE ON SCHEMA staging, core TO ROLE transformer",
    "GRANT SELECT ON ALL TABLES IN SCHEMA staging, core TO ROLE transformer",
    "GRANT USAGE ON SCHEMA core, marts TO ROLE reader",
    "GRANT SELECT ON ALL TABLES IN SCHEMA core, marts TO ROLE reader",
    "GRANT SELECT ON svv_table_info TO ROLE transformer",
    'CREATE USER "IAMR:mwaa-role" PASSWORD DISABLE',
    'GRANT ROLE loader TO "IAMR:mwaa-role"',
    'ALTER DEFAULT PRIVILEGES FOR USER "IAMR:mwaa-role" IN SCHEMA staging, core '
    f"GRANT {WRITE} ON TABLES TO ROLE loader",
    'ALTER DEFAULT PRIVILEGES FOR USER "IAMR:mwaa-role" IN SCHEMA staging, core '
    "GRANT SELECT ON TABLES TO ROLE transformer",
    'ALTER DEFAULT PRIVILEGES FOR USER "IAMR:mwaa-role" IN SCHEMA core GRANT SELECT ON TABLES TO ROLE reader',
    'CREATE USER "IAMR:dbt-role" PASSWORD DISABLE',
    'GRANT ROLE transformer TO "IAMR:dbt-role"',
    'ALTER DEFAULT PRIVILEGES FOR USER "IAMR:dbt-role" IN SCHEMA marts GRANT SELECT ON TABLES TO ROLE loader',
    'ALTER DEFAULT PRIVILEGES FOR USER "IAMR:dbt-role" IN SCHEMA marts GRANT SELECT ON TABLES TO ROLE reader',
    'CREATE USER "IAMR:analyst" PASSWORD DISABLE',
    'GRANT ROLE reader TO "IAMR:analyst"',
]


@pytest.fixture
def function(load):
    module = load("prepare_warehouse", **ENVIRONMENT)
    module.FIRST_WAIT_SECONDS = 0.001
    return module


class Conversation:
    """What the Data API is expected to be asked, and what it answers."""

    def __init__(self, stub):
        self._stub = stub
        self._count = 0

    def statement(self, sql, *states, error=None):
        self._count += 1
        identity = f"00000000-0000-0000-0000-{self._count:012d}"
        self._stub.add_response(
            "execute_statement",
            {"Id": identity, "CreatedAt": datetime(2026, 11, 22, tzinfo=UTC)},
            {"WorkgroupName": "refstack-dev", "Database": "refstack", "SecretArn": SECRET, "Sql": sql},
        )
        for state in states or ("FINISHED",):
            answer = {"Id": identity, "Status": state} | ({"Error": error} if error else {})
            self._stub.add_response("describe_statement", answer, {"Id": identity})
        return identity

    def query(self, sql, *values):
        identity = self.statement(sql)
        records = [[{"stringValue": value}] for value in values]
        self._stub.add_response("get_statement_result", {"Records": records}, {"Id": identity})

    def look(self, roles=(), users=("admin",)):
        self.query("SELECT role_name FROM svv_roles", *roles)
        self.query("SELECT usename FROM pg_user", *users)


@contextmanager
def warehouse(function, namespace=None):
    described = {"namespaceName": "refstack-dev", "adminPasswordSecretArn": SECRET}
    with Stubber(function.SERVERLESS) as serverless, Stubber(function.DATA) as data:
        serverless.add_response(
            "get_namespace", {"namespace": namespace or described}, {"namespaceName": "refstack-dev"}
        )
        yield Conversation(data)
        serverless.assert_no_pending_responses()
        data.assert_no_pending_responses()


def test_an_empty_warehouse_gets_schemas_roles_users_and_grants(function, context):
    with warehouse(function) as expected:
        expected.look()
        for sql in FRESH:
            expected.statement(sql)

        result = function.handler({}, context())

    assert result == {
        "statements": len(FRESH),
        "users": {
            "IAMR:mwaa-role": "loader",
            "IAMR:dbt-role": "transformer",
            "IAMR:analyst": "reader",
        },
        "usage_limit": "none",
    }


def test_what_exists_is_not_created_again(function, context):
    repeated = [sql for sql in FRESH if not sql.startswith(("CREATE ROLE", "CREATE USER"))]
    with warehouse(function) as expected:
        expected.look(
            roles=["loader", "transformer", "reader", "sys:dba"],
            users=["admin", "IAMR:mwaa-role", "iamr:dbt-role", "iamr:analyst"],
        )
        for sql in repeated:
            expected.statement(sql)

        assert function.handler({}, context())["statements"] == len(repeated)


def test_a_statement_is_waited_for(function, context):
    with warehouse(function) as expected:
        expected.look()
        for sql in FRESH:
            expected.statement(sql, "SUBMITTED", "STARTED", "FINISHED")

        assert function.handler({}, context())["statements"] == len(FRESH)


@pytest.mark.parametrize("state", ["FAILED", "ABORTED"])
def test_a_statement_that_fails_is_named_with_the_reason(function, context, state):
    with warehouse(function) as expected:
        expected.look()
        expected.statement(FRESH[0])
        expected.statement(FRESH[1], "STARTED", state, error="ERROR: permission denied")

        with pytest.raises(
            function.StatementError,
            match=f"{state}: `CREATE SCHEMA IF NOT EXISTS core`: ERROR: permission denied",
        ):
            function.handler({}, context())


def test_a_statement_that_takes_too_long_is_named_before_the_function_is_killed(function, context):
    with warehouse(function) as expected:
        expected.statement("SELECT role_name FROM svv_roles", "STARTED")

        with pytest.raises(function.StatementError, match=r"still STARTED when .*: `SELECT role_name"):
            function.handler({}, context(remaining_milliseconds=5_000))


def test_a_namespace_without_a_managed_secret_is_an_error(function, context):
    with (
        warehouse(function, namespace={"namespaceName": "refstack-dev"}),
        pytest.raises(function.StatementError, match="has no managed administrator secret"),
    ):
        function.handler({}, context())


@pytest.mark.parametrize(
    ("grants", "said"),
    [
        ("loader", "not a JSON object"),
        ('{"role": "owner"}', "gives 'role' the role 'owner', not one of loader, transformer, reader"),
        ('{"a\\"; DROP SCHEMA core; --": "loader"}', "DROP SCHEMA"),
    ],
)
def test_grants_that_make_no_sense_stop_the_cold_start(load, grants, said):
    with pytest.raises(Exception, match=said):
        load("prepare_warehouse", **{**ENVIRONMENT, "GRANTS": grants})


WORKGROUP_ARN = "arn:aws:redshift-serverless:us-east-1:123456789012:workgroup/abc"
LIMIT = {"WORKGROUP_ARN": WORKGROUP_ARN, "USAGE_LIMIT_RPU_HOURS": "16", "USAGE_LIMIT_ACTION": "deactivate"}
DAILY = {
    "usageLimitId": "1",
    "resourceArn": WORKGROUP_ARN,
    "usageType": "serverless-compute",
    "period": "daily",
    "amount": 16,
    "breachAction": "deactivate",
}


@pytest.mark.parametrize(
    ("existing", "call", "asked"),
    [
        (
            [{**DAILY, "period": "monthly"}],
            "create_usage_limit",
            {name: DAILY[name] for name in DAILY if name != "usageLimitId"},
        ),
        (
            [{**DAILY, "period": "monthly"}, {**DAILY, "amount": 99}],
            "update_usage_limit",
            {"usageLimitId": "1", "amount": 16, "breachAction": "deactivate"},
        ),
        ([DAILY], None, None),
    ],
)
def test_the_daily_usage_limit_is_what_the_settings_say(load, existing, call, asked):
    function = load("prepare_warehouse", **ENVIRONMENT, **LIMIT)
    with Stubber(function.SERVERLESS) as serverless:
        serverless.add_response(
            "list_usage_limits",
            {"usageLimits": existing},
            {"resourceArn": WORKGROUP_ARN, "usageType": "serverless-compute"},
        )
        if call is not None:
            serverless.add_response(call, {"usageLimit": DAILY}, asked)

        outcome = function.limit_usage(function.USAGE_LIMIT)

        serverless.assert_no_pending_responses()
    assert (
        outcome == {"create_usage_limit": "created", "update_usage_limit": "updated", None: "unchanged"}[call]
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"USAGE_LIMIT_RPU_HOURS": "many"}, "USAGE_LIMIT_RPU_HOURS is 'many', not a whole number"),
        ({"USAGE_LIMIT_ACTION": ""}, "the environment lacks USAGE_LIMIT_ACTION"),
    ],
)
def test_a_usage_limit_that_makes_no_sense_stops_the_cold_start(load, changed, said):
    with pytest.raises(Exception, match=said):
        load("prepare_warehouse", **{**ENVIRONMENT, **LIMIT, **changed})
