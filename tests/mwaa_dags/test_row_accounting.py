"""Rows that get lost or appear between two stages fail the run."""

from __future__ import annotations

import pytest

from mwaa_dags.refstack_dags.row_accounting import RowAccountingError, StageAccount, check, table_counts

CURATED = StageAccount(read=10, written=8, rejected={"duplicate": 1, "non_numeric_delay": 1})
FACTS = StageAccount(read=8, written=8, rejected={})
ROWS = {"fact_flight": 8, "fact_airport_daily": 3}


def test_counts_that_add_up_pass() -> None:
    assert check(10, CURATED, FACTS, ROWS, {**ROWS, "dim_date": 366}) is None


@pytest.mark.parametrize(
    ("raw", "curated", "facts", "loaded", "sentence"),
    [
        (11, CURATED, FACTS, 8, "the raw zone holds 11 rows, the curate job read 10"),
        (
            10,
            StageAccount(10, 8, {"duplicate": 1}),
            FACTS,
            8,
            "the curate job read 10 rows, it wrote or rejected 9",
        ),
        (10, CURATED, StageAccount(7, 7, {}), 7, "the curated zone holds 8 rows, the fact job read 7"),
        (10, CURATED, StageAccount(8, 7, {}), 7, "the fact job read 8 rows, it wrote or rejected 7"),
        (10, CURATED, FACTS, 9, "of fact_flight the fact job wrote 8 rows, the warehouse holds 9"),
    ],
)
def test_a_difference_is_named_with_both_stages(
    raw: int, curated: StageAccount, facts: StageAccount, loaded: int, sentence: str
) -> None:
    with pytest.raises(RowAccountingError, match=sentence):
        check(raw, curated, facts, ROWS, {**ROWS, "fact_flight": loaded})


def test_every_difference_is_named() -> None:
    with pytest.raises(RowAccountingError) as failure:
        check(11, CURATED, FACTS, ROWS, {"fact_flight": 9, "fact_airport_daily": 2})
    assert str(failure.value).count(";") == 2


def test_an_account_is_read_from_the_job_s_document() -> None:
    document = {"stage": "curate_flights", "read": 3, "written": {"flights": 2}, "rejected": {"duplicate": 1}}
    account = StageAccount.of(document, "flights")
    assert (account.read, account.written, account.rejects) == (3, 2, 1)


def test_an_account_that_lacks_its_table_is_refused() -> None:
    with pytest.raises(KeyError, match="fact_flight"):
        StageAccount.of({"read": 0, "written": {}, "rejected": {}}, "fact_flight")


def test_rows_by_table_come_from_a_statement_s_result_whatever_its_column_order() -> None:
    result = {
        "ColumnMetadata": [{"name": "rows"}, {"name": "table_name"}],
        "Records": [
            [{"longValue": 365}, {"stringValue": "dim_date"}],
            [{"longValue": 8}, {"stringValue": "fact_flight"}],
        ],
    }
    assert table_counts(result) == {"dim_date": 365, "fact_flight": 8}
