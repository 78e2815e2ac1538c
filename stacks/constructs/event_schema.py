"""The schema of the flight events in the Glue Schema Registry, with its versions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.nag import acknowledge_wildcard


class EventSchema(Construct):
    """A registry with one Avro schema; each file of `versions` is a version of it, backward-compatible.

    Producers look their version up by its definition, consumers read all of them: nobody registers any at
    run time, so no job needs the right to.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, registry: str, name: str, versions: Sequence[Path]
    ) -> None:
        super().__init__(scope, construct_id)
        self.registry_name, self.schema_name = registry, name
        first, *later = versions
        self._registry = glue.CfnRegistry(
            self, "Registry", name=registry, description="Schemas of the events on Kafka"
        )
        self._schema = glue.CfnSchema(
            self,
            "Schema",
            name=name,
            registry=glue.CfnSchema.RegistryProperty(arn=self._registry.attr_arn),
            data_format="AVRO",
            compatibility="BACKWARD",
            description="What happens to a flight",
            schema_definition=first.read_text(),
        )
        previous: glue.CfnSchemaVersion | None = None
        for number, path in enumerate(later, start=2):
            version = glue.CfnSchemaVersion(
                self,
                f"Version{number}",
                schema=glue.CfnSchemaVersion.SchemaProperty(schema_arn=self._schema.attr_arn),
                schema_definition=path.read_text(),
            )
            if previous is not None:
                version.add_dependency(previous)
            previous = version

    def grant_read(self, role: iam.Role) -> None:
        """Let `role` look versions up, by definition or number.

        https://docs.aws.amazon.com/glue/latest/dg/schema-registry-gs.html, "IAM examples for deserializers"
        """
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["glue:GetSchemaByDefinition", "glue:ListSchemaVersions"],
                resources=[self._registry.attr_arn, self._schema.attr_arn],
            )
        )
        role.add_to_policy(iam.PolicyStatement(actions=["glue:GetSchemaVersion"], resources=["*"]))
        acknowledge_wildcard(
            role, "*", reason="Glue documents GetSchemaVersion with every resource: a version has no ARN."
        )
