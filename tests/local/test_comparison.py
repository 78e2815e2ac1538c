"""A description holds a property when it says the same, in whatever form the service says it."""

from __future__ import annotations

import pytest

from local.comparison import differences


@pytest.mark.parametrize(
    ("wanted", "described"),
    [
        ({"AllocatedStorage": "20"}, {"AllocatedStorage": 20}),
        ({"Enabled": "true"}, {"enabled": True}),
        ({"Description": ""}, {"Description": None}),
        ({"KmsKeyId": "arn:aws:kms:us-east-1:000000000000:key/abc"}, {"KmsKeyId": "abc"}),
        ({"Tags": {"a": "1"}}, {"Tags": {"a": "1"}}),
        (
            {"Tags": [{"Key": "a", "Value": "1"}]},
            {"tags": [{"key": "a", "value": "1"}, {"key": "aws:x", "value": ""}]},
        ),
        ({"Policy": {"Statement": [{"Action": "s3:*"}]}}, {"Policy": '{"Statement": {"Action": "s3:*"}}'}),
        ({"Subnets": ["b", "a"]}, {"Subnets": ["a", "b"]}),
        ({"Config": {"A": 1}}, {"Config": {"A": 1, "B": 2}}),
    ],
)
def test_the_same_in_another_form_is_no_difference(wanted, described):
    assert differences(wanted, described) == {}


@pytest.mark.parametrize(
    ("wanted", "described"),
    [
        ({"AllocatedStorage": "20"}, {"AllocatedStorage": 21}),
        ({"Enabled": True}, {}),
        ({"Description": "x"}, {"Description": None}),
        ({"KmsKeyId": "arn:aws:kms:us-east-1:000000000000:key/abc"}, {"KmsKeyId": "bc"}),
        ({"Tags": [{"Key": "a", "Value": "1"}]}, {"Tags": [{"Key": "a", "Value": "2"}]}),
        ({"Policy": {"Statement": [{"Action": "s3:*"}]}}, {"Policy": '{"Statement": []}'}),
        ({"Subnets": ["a"]}, {"Subnets": ["a", "b"]}),
        ({"Config": {"A": 1}}, {"Config": {"B": 1}}),
    ],
)
def test_anything_else_is_a_difference(wanted, described):
    assert list(differences(wanted, described)) == list(wanted)


def test_an_exception_is_left_out():
    assert differences({"A": 1, "B": 2}, {"B": 2}, exceptions={"A"}) == {}
