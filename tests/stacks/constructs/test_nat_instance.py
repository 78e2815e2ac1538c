"""The NAT instance's script, run by Bash with programs that only note how they are called."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.stacks.assembly import synthesise_core

STUB = """#!/bin/bash
echo "{name} $*" >> "{calls}"
left=$(cat "{failures}/{name}" 2>/dev/null || echo 0)
if [ "$left" -gt 0 ]; then echo $((left - 1)) > "{failures}/{name}"; exit 1; fi
{answer}
"""
ANSWERS = {
    "ip": 'echo "default via 10.20.0.1 dev ens5 proto dhcp src 10.20.0.7 metric 512"',
    "sysctl": "[ $1 = -n ] && echo 1 || true",
}
PROGRAMS = ("cfn-signal", "curl", "dnf", "ip", "iptables", "iptables-save", "sleep", "sysctl", "systemctl")
FOREVER = 1000


def instance() -> dict[str, Any]:
    return dict(synthesise_core(network__nat="instance").only("AWS::EC2::Instance", stack="Network"))


def script() -> str:
    """The user data, as the instance gets it."""
    [_, parts] = instance()["UserData"]["Fn::Base64"]["Fn::Join"]
    values = {"AWS::Region": "eu-central-1", "AWS::URLSuffix": "amazonaws.com"}
    return "".join(part if isinstance(part, str) else values[part["Ref"]] for part in parts)


def boot(folder: Path, **failures: int) -> list[str]:
    """How the programs are called at the first boot, of which some fail so many times before they work."""
    programs, etc, calls = folder / "bin", folder / "etc", folder / "calls"
    for each in (programs, folder / "failures", etc / "sysctl.d", etc / "sysconfig"):
        each.mkdir(parents=True)
    for name in PROGRAMS:
        text = STUB.format(name=name, calls=calls, failures=folder / "failures", answer=ANSWERS.get(name, ""))
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    for name, times in failures.items():
        (folder / "failures" / name.replace("_", "-")).write_text(str(times))
    here = script().replace("/opt/aws/bin/", f"{programs}/").replace("/etc/", f"{etc}/")
    subprocess.run(
        ["bash"],
        input=here,
        text=True,
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        check=False,
    )
    return calls.read_text().splitlines()


def signals(calls: list[str]) -> list[str]:
    return [call for call in calls if call.startswith("cfn-signal ")]


def test_it_forwards_checks_that_and_signals_for_itself(tmp_path: Path) -> None:
    calls = boot(tmp_path)
    masquerade = "POSTROUTING -o ens5 -j MASQUERADE"
    [signal] = signals(calls)

    assert calls.index(f"iptables -t nat -A {masquerade}") < calls.index(f"iptables -t nat -C {masquerade}")
    assert "net.ipv4.ip_forward=1" in (tmp_path / "etc" / "sysctl.d" / "90-nat.conf").read_text()
    assert any(
        call.startswith("curl ") and "https://sts.eu-central-1.amazonaws.com/" in call for call in calls
    )
    assert calls[-1] == signal
    resource = re.search(r"--resource (\S+)", signal)
    assert resource is not None
    assert f"Network/{resource[1]}" in synthesise_core(network__nat="instance").resources(
        "AWS::EC2::Instance"
    )
    assert "--stack refstack-dev-network --resource" in signal
    assert signal.endswith("--region eu-central-1 -e 0")


def test_what_it_needs_is_installed_again_when_that_fails(tmp_path: Path) -> None:
    """https://github.com/aws/aws-cdk/issues/36717: cloud-init may empty dnf's cache meanwhile."""
    calls = boot(tmp_path, dnf=3)

    assert len([call for call in calls if call.startswith("dnf install -y iptables-services")]) == 4
    assert signals(calls)[0].endswith("-e 0")


@pytest.mark.parametrize("broken", ["curl", "dnf", "iptables", "iptables_save", "sysctl", "systemctl", "ip"])
def test_one_that_does_not_forward_signals_a_failure(tmp_path: Path, broken: str) -> None:
    # Without its package a program is not there.
    failures = {"dnf": FOREVER, "iptables": FOREVER} if broken == "dnf" else {broken: FOREVER}
    calls = boot(tmp_path, **failures)

    assert [re.sub(r".* -e ", "", signal) for signal in signals(calls)] == ["1"]


def test_its_stack_waits_for_the_signal_longer_than_it_tries_to_install() -> None:
    [found] = synthesise_core(network__nat="instance").resources("AWS::EC2::Instance").values()
    tries = re.search(r"seq (\d+)\).*sleep (\d+)", script())
    assert tries is not None

    assert found["CreationPolicy"]["ResourceSignal"] == {"Count": 1, "Timeout": "PT15M"}
    assert int(tries[1]) * int(tries[2]) < 10 * 60
    # The way out is there before the machine boots.
    assert any("DefaultRoute" in needed for needed in found["DependsOn"])


def test_its_image_is_looked_up_at_its_launch() -> None:
    assembly = synthesise_core(network__nat="instance")

    assert instance()["ImageId"].startswith("resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-")
    assert set(assembly.template("Network")["Parameters"]) == {"BootstrapVersion"}
