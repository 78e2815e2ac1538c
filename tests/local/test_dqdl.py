"""DQDL: what a ruleset's text means, and which texts are refused with which sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from local.engines.dqdl import Ago, Composite, Condition, DqdlError, Keyword, Rule, parse
from local.engines.dqdl_types import check


def only(rule: str) -> Rule:
    """The one rule of a ruleset."""
    [found] = parse(f"Rules = [ {rule} ]")
    check([found])
    assert isinstance(found, Rule)
    return found


@pytest.mark.parametrize(
    ("rule", "condition"),
    [
        ("RowCount > 0", Condition("number", ">", (0.0,))),
        ("RowCount between 1 and 2.5", Condition("number", "between", (1.0, 2.5))),
        ("ColumnCount not in [1, -2]", Condition("number", "not in", (1.0, -2.0))),
        ('ColumnValues "a" != "b"', Condition("string", "!=", ("b",))),
        ('ColumnValues "a" not matches "x.y"', Condition("string", "not matches", ("x.y",))),
        ('ColumnValues "a" in ["b", NULL]', Condition("string", "in", ("b", Keyword.NULL))),
        ('ColumnValues "a" in ["2013-01-01", "no"]', Condition("string", "in", ("2013-01-01", "no"))),
        ('ColumnValues "a" = null', Condition("keyword", "=", (Keyword.NULL,))),
        (
            'ColumnValues "a" >= "2013-01-02"',
            Condition("date", ">=", (datetime(2013, 1, 2, tzinfo=UTC),)),
        ),
        ("FileFreshness > (now() - 24 hours)", Condition("date", ">", (Ago(timedelta(days=1)),))),
        ("FileFreshness <= (now() + 2 minutes)", Condition("date", "<=", (Ago(timedelta(minutes=-2)),))),
        ('DataFreshness "a" <= 3 days', Condition("duration", "<=", (timedelta(days=3),))),
    ],
)
def test_conditions_are_typed(rule: str, condition: Condition) -> None:
    assert only(rule).condition == condition


def test_parameters_where_and_threshold_are_kept() -> None:
    rule = only('ColumnValues "a b" matches "[A-Z]\\\\d" where "c > 1" with threshold >= 0.9')
    assert rule.parameters == ("a b",)
    assert rule.condition == Condition("string", "matches", ("[A-Z]\\d",))
    assert (rule.where, rule.threshold) == ("c > 1", Condition("number", ">=", (0.9,)))


def test_several_columns_may_be_joined_by_words() -> None:
    assert only('IsPrimaryKey "a" and "b" of "c"').parameters == ("a", "b", "c")


def test_comments_and_lines_do_not_matter() -> None:
    assert parse("# first, [\nRules = [ # second\n  RowCount > 1 # third\n]\n") == parse(
        "Rules=[RowCount > 1]"
    )


def test_and_binds_closer_than_or() -> None:
    [rule] = parse('Rules = [ (RowCount > 1) or (IsComplete "a") and (IsUnique "b") ]')
    assert isinstance(rule, Composite)
    assert rule.operator == "or"
    assert [type(each) for each in rule.rules] == [Rule, Composite]
    assert rule.text == '(RowCount > 1) or (IsComplete "a") and (IsUnique "b")'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Rules = [ RowCount > 1", "mismatched input '<EOF>' expecting ']'"),
        ("Rules = [ RowCount ~ 1 ]", "line 1:19 token recognition error at: '~'"),
        ("Rules = [\n  RowCount 1 ]", "line 2:11 mismatched input '1'"),
        ('Rules = [ IsWhole "a" ]', "Rule Type: IsWhole is not valid"),
        ('Rules = [ IsComplete "a" "b" ]', "Rule Type: IsComplete is not valid"),
        ("Rules = [ RowCount ]", "Unexpected condition for rule of type RowCount with number return type"),
        ('Rules = [ IsComplete "a" > 1 ]', "IsComplete with boolean return type"),
        ('Rules = [ RowCount > "a" ]', "RowCount with number return type"),
        (
            'Rules = [ ColumnExists "a" where "b" ]',
            "Where clause is not supported for rule type: ColumnExists",
        ),
        ('Rules = [ RowCount > 1 where "" ]', "Empty where condition provided for rule type: RowCount"),
        ("Rules = [ RowCount > 1 with threshold > 0 ]", "Threshold condition not supported"),
        ('Rules = [ Entropy "a" > 1 ]', "Rule type Entropy is not emulated here. These are: ColumnCount"),
        ("Rules = [ RowCount > avg(last(3)) ]", "dynamic rules are for Glue ETL only"),
        ("Rules = [ RowCount > 1 + 1 ]", "Arithmetic in conditions is not emulated"),
        ('Rules = [ CustomSql "select a from primary" ]', "for results by row, is not emulated"),
        ('Rules = [ FileFreshness "s3://a/" > now() ]', "FileFreshness of a path is not emulated"),
        ('Rules = [ IsComplete "a" labels=["x"="y"] ]', "Labels are not emulated"),
        ('a = "b" Rules = [ IsComplete $a ]', "Variables such as a are not emulated"),
        ("Analyzers = [ RowCount ]", "Analyzers is not emulated"),
        ("Rules = [ RowCount > 1 ] Analyzers = [ RowCount ]", "Analyzers is not emulated"),
        ("Rules = [" + ", ".join(["RowCount > 1"] * 2001) + "]", "at most 2000 rules"),
        ("Rules = [ RowCount > 1 ]" + " " * 65_536, "at most 65536 bytes"),
    ],
)
def test_what_glue_or_the_emulation_refuses_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(DqdlError) as refusal:
        check(parse(text))
    assert sentence in str(refusal.value)
