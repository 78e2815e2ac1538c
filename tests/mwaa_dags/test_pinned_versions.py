"""Installed versions are held against the constraints by package, however its name is written."""

from __future__ import annotations

from mwaa_dags.refstack_dags import pinned_versions

CONSTRAINTS = """\
# made by hand
apache-airflow==3.0.6
Flask_AppBuilder==4.6.3
colorama==0.4.6 ; sys_platform == 'win32'
"""


def test_pins_are_read_by_normal_name() -> None:
    assert pinned_versions.read(CONSTRAINTS) == {
        "apache-airflow": "3.0.6",
        "flask-appbuilder": "4.6.3",
        "colorama": "0.4.6",
    }


def test_only_what_is_installed_in_another_version_differs() -> None:
    pinned = pinned_versions.read(CONSTRAINTS)

    assert pinned_versions.differences(pinned, {"apache-airflow": "3.0.6", "boto3": "1"}) == []
    assert pinned_versions.differences(pinned, {"flask-appbuilder": "5.0"}) == [
        "flask-appbuilder is 5.0, not 4.6.3"
    ]
