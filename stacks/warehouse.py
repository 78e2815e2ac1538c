"""The warehouse: Redshift Serverless."""

from __future__ import annotations

from aws_cdk import Aws, Fn
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_redshiftserverless as redshift
from constructs import Construct

from stacks.constructs.arrival_trigger import ARRIVALS
from stacks.constructs.data_bucket import grant_read_objects, grant_write_objects
from stacks.constructs.logs import PlatformLogGroup
from stacks.constructs.stack import PlatformStack
from stacks.lake import LakeStack
from stacks.network import ZONES, NetworkStack
from stacks.security import SecurityStack
from stacks.settings import PROJECT, Settings

AUDIT_LOGS = ("connectionlog", "useractivitylog", "userlog")
PORT = 5439
EXPORTS = "exports/"
"""Where in the warehouse bucket UNLOAD may write."""


class WarehouseStack(PlatformStack):
    """Namespace, workgroup, and the roles that COPY reads and UNLOAD writes the lake with.

    CloudFormation has no usage limits for Redshift Serverless: `prepare_warehouse` sets the settings' one.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        security: SecurityStack,
        network: NetworkStack,
        lake: LakeStack,
    ) -> None:
        super().__init__(scope, construct_id, settings=settings, description="Redshift Serverless")
        self.namespace_name = settings.physical_name("warehouse")
        self.workgroup_name = settings.physical_name("warehouse")
        self.database_name = settings.warehouse.database
        self.admin_user_name = f"{PROJECT}_admin"
        self.copy_role = self._role("CopyRole", "Redshift reads what is to be loaded")
        grant_read_objects(
            lake.warehouse,
            self.copy_role,
            reason="COPY loads any table of any run from the warehouse bucket.",
        )
        grant_read_objects(
            lake.raw,
            self.copy_role,
            ARRIVALS,
            reason="The notices of a day are loaded, however many there are.",
        )
        self.unload_role = self._role("UnloadRole", "Redshift writes what others read as files")
        grant_write_objects(
            lake.warehouse, self.unload_role, EXPORTS, reason="UNLOAD names its files by slice and part."
        )
        # ENCRYPTED AUTO asks which key the bucket has.
        self.unload_role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:GetEncryptionConfiguration"], resources=[lake.warehouse.bucket_arn]
            )
        )
        self.namespace = self._namespace(security)
        self.namespace_arn = self.namespace.attr_namespace_namespace_arn
        self.security_group = ec2.SecurityGroup(
            self,
            "Group",
            vpc=network.vpc,
            description="Redshift: clients open their own way in",
            allow_all_outbound=False,
        )
        # COPY and UNLOAD reach S3 through the VPC's gateway endpoint, whose public addresses no narrower rule
        # can name without a prefix list of one region.
        self.security_group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "S3 for COPY and UNLOAD")
        self.workgroup = self._workgroup(network)
        self.workgroup_arn = self.workgroup.attr_workgroup_workgroup_arn
        self.port = ec2.Port.tcp(PORT)

    def _role(self, construct_id: str, description: str) -> iam.Role:
        """A role that Redshift takes on for a statement that names it."""
        return iam.Role(
            self,
            construct_id,
            description=description,
            assumed_by=iam.CompositePrincipal(
                iam.ServicePrincipal("redshift.amazonaws.com"),
                iam.ServicePrincipal("redshift-serverless.amazonaws.com"),
            ),
        )

    def _namespace(self, security: SecurityStack) -> redshift.CfnNamespace:
        settings = self.settings
        # Redshift would make the groups without a retention; it takes those that are there.
        groups = [
            PlatformLogGroup(
                self,
                f"{log.title()}Group",
                settings=settings,
                key=security.logs_key,
                name=f"/aws/redshift/{self.namespace_name}/{log}",
            )
            for log in AUDIT_LOGS
        ]
        removable = settings.environment.remove_data_on_destroy
        namespace = redshift.CfnNamespace(
            self,
            "Namespace",
            namespace_name=self.namespace_name,
            db_name=self.database_name,
            admin_username=self.admin_user_name,
            manage_admin_password=True,
            admin_password_secret_kms_key_id=security.data_key.key_id,
            kms_key_id=security.data_key.key_arn,
            iam_roles=[self.copy_role.role_arn, self.unload_role.role_arn],
            default_iam_role_arn=self.copy_role.role_arn,
            log_exports=list(AUDIT_LOGS),
            # The second key of a deletion: without it the data stays, as a snapshot.
            final_snapshot_name=None if removable else self._final_snapshot_name(),
        )
        for group in groups:
            namespace.node.add_dependency(group)
        return namespace

    def _final_snapshot_name(self) -> str:
        """A name of this incarnation of the stack: a fixed one would be taken at the second deletion.

        The first eight hexadecimal digits of the stack's id; the whole of it would pass the 64 characters of
        `[a-z0-9-]` that a snapshot's name has (aws-resource-redshiftserverless-snapshot.html).
        """
        unique = Fn.select(0, Fn.split("-", Fn.select(2, Fn.split("/", Aws.STACK_ID))))
        return f"{self.namespace_name}-final-{unique}"

    def _workgroup(self, network: NetworkStack) -> redshift.CfnWorkgroup:
        warehouse = self.settings.warehouse
        subnets = network.vpc.select_subnets(subnet_group_name=network.isolated_subnets.subnet_group_name)
        assert len(subnets.subnet_ids) == ZONES
        workgroup = redshift.CfnWorkgroup(
            self,
            "Workgroup",
            workgroup_name=self.workgroup_name,
            namespace_name=self.namespace_name,
            base_capacity=warehouse.base_rpu,
            max_capacity=warehouse.max_rpu,
            port=PORT,
            publicly_accessible=False,
            enhanced_vpc_routing=True,
            subnet_ids=subnets.subnet_ids,
            security_group_ids=[self.security_group.security_group_id],
            config_parameters=[
                redshift.CfnWorkgroup.ConfigParameterProperty(parameter_key=key, parameter_value=value)
                for key, value in (("enable_user_activity_logging", "true"), ("require_ssl", "true"))
            ],
        )
        workgroup.add_resource_dependency(self.namespace)
        return workgroup
