"""A NAT instance: one small machine that forwards, and proves it before anything builds on it."""

from __future__ import annotations

from aws_cdk import Aws, CfnCreationPolicy, CfnResourceSignal
from aws_cdk import aws_ec2 as ec2

from stacks.nag import acknowledge

TYPE = "t4g.micro"
"""1 GB: with the 512 MB of a nano, dnf and the SSM agent run out of memory at the first boot.

https://github.com/amazonlinux/amazon-linux-2023/issues/404
"""
IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-arm64"
"""Public parameter with the newest Amazon Linux 2023, which EC2 reads when it launches the instance.

As a template's parameter it would be read at each deploy, and a new image would replace the instance.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-systems-manager-parameter-to-find-AMI.html
"""
PACKAGES = "iptables-services aws-cfn-bootstrap"
"""The image has neither a packet filter nor, for sure, cfn-signal.

https://github.com/amazonlinux/amazon-linux-2023/issues/768
"""
SIGNAL_WITHIN = "PT15M"
"""How long the stack waits for the instance: more than all attempts to install take together."""

_FORWARD = (
    "set -euxo pipefail",
    # cloud-init may empty dnf's cache while dnf installs: https://github.com/aws/aws-cdk/issues/36717
    f"for attempt in $(seq 20); do dnf install -y {PACKAGES} && break; sleep 15; done",
    "echo net.ipv4.ip_forward=1 > /etc/sysctl.d/90-nat.conf",
    "sysctl -p /etc/sysctl.d/90-nat.conf",
    "systemctl enable --now iptables",
    "interface=$(ip -4 route show default | awk 'NR == 1 { print $5 }')",
    'iptables -t nat -A POSTROUTING -o "$interface" -j MASQUERADE',
    # The service's own rules refuse to forward.
    "iptables -F FORWARD",
    # What the service restores at the next boot.
    "iptables-save > /etc/sysconfig/iptables",
)
_CHECK = (
    "systemctl is-enabled iptables",
    "sysctl -n net.ipv4.ip_forward | grep -qx 1",
    'iptables -t nat -C POSTROUTING -o "$interface" -j MASQUERADE',
    # Any answer will do: the instance reaches AWS' endpoints over the internet.
    "curl -sS --max-time 10 --retry 10 --retry-all-errors -o /dev/null "
    f"https://sts.{Aws.REGION}.{Aws.URL_SUFFIX}/",
)


class ForwardingNatProvider(ec2.NatInstanceProviderV2):
    """NAT over one instance whose stack fails when it does not forward.

    The instance runs its user data at its first boot only: whoever changes that must replace the instance.
    """

    def __init__(self) -> None:
        self._user_data = ec2.UserData.for_linux()
        super().__init__(
            instance_type=ec2.InstanceType(TYPE),
            machine_image=ec2.MachineImage.resolve_ssm_parameter_at_launch(IMAGE),
            user_data=self._user_data,
            associate_public_ip_address=True,
            default_allowed_traffic=ec2.NatTrafficDirection.OUTBOUND_ONLY,
        )

    def complete(self, cidr: str) -> None:
        """Finish the instance, once the VPC has made it: let `cidr` in, harden it, wait for its signal."""
        self.connections.allow_from(ec2.Peer.ipv4(cidr), ec2.Port.all_traffic(), "From the VPC")
        [instance] = self.gateway_instances
        _harden(instance)
        self._user_data.add_commands(*_FORWARD, *_CHECK)
        # The exit code of the whole script, whichever line ends it.
        self._user_data.add_signal_on_exit_command(instance)
        instance.instance.cfn_options.creation_policy = CfnCreationPolicy(
            resource_signal=CfnResourceSignal(count=1, timeout=SIGNAL_WITHIN)
        )
        # cfn-lint expects ami-… here, but the value is RunInstances' own, which takes a parameter too: the
        # CDK deploys such an instance in its integration test of ResolveSsmParameterAtLaunchImage.
        instance.instance.add_metadata("cfn-lint", {"config": {"ignore_checks": ["E1152"]}})
        subnet = instance.node.scope
        assert isinstance(subnet, ec2.PublicSubnet)
        instance.node.add_dependency(subnet.internet_connectivity_established)


def _harden(instance: ec2.Instance) -> None:
    """Encrypt the instance's disk, and refuse the metadata service's first version."""
    resource = instance.instance
    resource.block_device_mappings = [
        ec2.CfnInstance.BlockDeviceMappingProperty(
            device_name="/dev/xvda",
            ebs=ec2.CfnInstance.EbsProperty(volume_size=8, volume_type="gp3", encrypted=True),
        )
    ]
    resource.metadata_options = ec2.CfnInstance.MetadataOptionsProperty(
        http_tokens="required", http_put_response_hop_limit=1
    )
    # cfn-lint takes `resolve:ssm:` in launch templates only. EC2 takes it for an instance, too, as the CDK's
    # own test on AWS shows (framework-integ/test/aws-ec2/test/integ.machine-image.ts).
    resource.add_metadata("cfn-lint", {"config": {"ignore_checks": ["E1152"]}})
    acknowledge(
        instance,
        "EC28",
        reason="Detailed monitoring costs as much as the instance, and nothing scales on its metrics.",
    )
    acknowledge(
        instance,
        "EC29",
        reason="The instance keeps no data, and the protection would keep the stack from being deleted.",
    )
