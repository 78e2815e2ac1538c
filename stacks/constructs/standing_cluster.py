"""An EMR cluster that stands from deploy on: the RunJobFlow request as a resource."""

from __future__ import annotations

from typing import Any

from aws_cdk import Tags
from aws_cdk import aws_emr as emr
from constructs import Construct

from stacks.constructs.emr_security import MANAGED_POLICY_TAG
from stacks.nag import acknowledge


class StandingCluster(Construct):
    """The cluster that `request` (a RunJobFlow body) would start, without an end: it bills until deleted.

    Everything is as in the request but the idle time after which a transient cluster ends itself.
    """

    def __init__(self, scope: Construct, construct_id: str, *, request: dict[str, Any]) -> None:
        super().__init__(scope, construct_id)
        limits = request["ManagedScalingPolicy"]["ComputeLimits"]
        cluster = emr.CfnCluster(
            self,
            "Resource",
            name=request["Name"],
            release_label=request["ReleaseLabel"],
            log_uri=request["LogUri"],
            applications=[
                emr.CfnCluster.ApplicationProperty(name=each["Name"]) for each in request["Applications"]
            ],
            instances=_instances(request["Instances"]),
            job_flow_role=request["JobFlowRole"],
            service_role=request["ServiceRole"],
            security_configuration=request["SecurityConfiguration"],
            managed_scaling_policy=emr.CfnCluster.ManagedScalingPolicyProperty(
                compute_limits=emr.CfnCluster.ComputeLimitsProperty(
                    unit_type=limits["UnitType"],
                    minimum_capacity_units=limits["MinimumCapacityUnits"],
                    maximum_capacity_units=limits["MaximumCapacityUnits"],
                )
            ),
            scale_down_behavior=request["ScaleDownBehavior"],
            step_concurrency_level=request["StepConcurrencyLevel"],
            ebs_root_volume_size=request["EbsRootVolumeSize"],
            visible_to_all_users=request["VisibleToAllUsers"],
            bootstrap_actions=[
                emr.CfnCluster.BootstrapActionConfigProperty(
                    name=action["Name"],
                    script_bootstrap_action=emr.CfnCluster.ScriptBootstrapActionConfigProperty(
                        path=action["ScriptBootstrapAction"]["Path"],
                        args=action["ScriptBootstrapAction"]["Args"],
                    ),
                )
                for action in request["BootstrapActions"]
            ],
            configurations=[
                emr.CfnCluster.ConfigurationProperty(
                    classification=each["Classification"], configuration_properties=each["Properties"]
                )
                for each in request["Configurations"]
            ],
        )
        Tags.of(cluster).add(MANAGED_POLICY_TAG, "true")
        acknowledge(
            cluster,
            "EMR4",
            reason="Its security configuration encrypts local disks; the rule does not look where EMR wants "
            "that to be said, inside EncryptionConfiguration.",
        )
        acknowledge(
            cluster,
            "EMR5",
            reason="TLS between nodes needs a PEM bundle whose private key somebody has to keep and renew; "
            "the traffic stays in one private subnet, between groups that admit this cluster only.",
        )
        acknowledge(
            cluster,
            "EMR6",
            reason="Nobody logs in to the nodes: no key pair, no open port; steps arrive by EMR's API.",
        )


def _instances(instances: dict[str, Any]) -> emr.CfnCluster.JobFlowInstancesConfigProperty:
    groups = {
        group["InstanceRole"]: emr.CfnCluster.InstanceGroupConfigProperty(
            name=group["Name"],
            instance_type=group["InstanceType"],
            instance_count=group["InstanceCount"],
            market=group["Market"],
        )
        for group in instances["InstanceGroups"]
    }
    return emr.CfnCluster.JobFlowInstancesConfigProperty(
        master_instance_group=groups["MASTER"],
        core_instance_group=groups["CORE"],
        ec2_subnet_id=instances["Ec2SubnetId"],
        emr_managed_master_security_group=instances["EmrManagedMasterSecurityGroup"],
        emr_managed_slave_security_group=instances["EmrManagedSlaveSecurityGroup"],
        service_access_security_group=instances["ServiceAccessSecurityGroup"],
        keep_job_flow_alive_when_no_steps=instances["KeepJobFlowAliveWhenNoSteps"],
        termination_protected=instances["TerminationProtected"],
    )
