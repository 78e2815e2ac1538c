"""Glue's schema registry: registries, Avro schemas, and versions held to the schema's compatibility."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import avro.compatibility
import avro.errors
import avro.schema

from local.services.glue import service
from local.services.service import Request, ServiceError

DEFAULT_REGISTRY = "default-registry"
MODES = (
    "NONE",
    "DISABLED",
    *(f"{way}{all_}" for way in ("BACKWARD", "FORWARD", "FULL") for all_ in ("", "_ALL")),
)

_registries: dict[str, dict[str, Any]] = service.state("schema_registries")
_schemas: dict[str, dict[str, Any]] = service.state("schemas")
"""By ARN: what GetSchema tells, and the versions in order."""


@service.operation("CreateRegistry")
def create_registry(request: Request) -> dict[str, Any]:
    """Make a registry."""
    given = request.params
    arn = f"{_prefix(request)}:registry/{given['RegistryName']}"
    if arn in _registries:
        raise ServiceError("AlreadyExistsException", f"Registry already exists: {given['RegistryName']}")
    _registries[arn] = {
        "RegistryName": given["RegistryName"],
        "RegistryArn": arn,
        "Description": given.get("Description", ""),
        "Tags": dict(given.get("Tags", {})),
        "Status": "AVAILABLE",
        **_times(),
    }
    return _registries[arn]


@service.operation("GetRegistry")
def get_registry(request: Request) -> dict[str, Any]:
    """One registry."""
    return _registry(request)


@service.operation("UpdateRegistry")
def update_registry(request: Request) -> dict[str, Any]:
    """Change a registry's description."""
    found = _registry(request)
    found.update(Description=request.params["Description"], UpdatedTime=_now())
    return found


@service.operation("ListRegistries")
def list_registries(request: Request) -> dict[str, Any]:
    """All registries."""
    return {"Registries": list(_registries.values())}


@service.operation("DeleteRegistry")
def delete_registry(request: Request) -> dict[str, Any]:
    """Delete a registry and its schemas."""
    found = _registry(request)
    del _registries[found["RegistryArn"]]
    for arn in [arn for arn, each in _schemas.items() if each["RegistryArn"] == found["RegistryArn"]]:
        del _schemas[arn]
    return {**found, "Status": "DELETING"}


@service.operation("CreateSchema")
def create_schema(request: Request) -> dict[str, Any]:
    """Make a schema, with its first version if a definition is given."""
    given = request.params
    if given["DataFormat"] != "AVRO":
        raise _invalid(f"Schemas in {given['DataFormat']} are not emulated, those in AVRO are")
    registry = _registry(request)
    arn = f"{_prefix(request)}:schema/{registry['RegistryName']}/{given['SchemaName']}"
    if arn in _schemas:
        raise ServiceError("AlreadyExistsException", f"Schema already exists: {given['SchemaName']}")
    if "SchemaDefinition" in given:
        _parsed(given["SchemaDefinition"])
    record: dict[str, Any] = {
        "RegistryName": registry["RegistryName"],
        "RegistryArn": registry["RegistryArn"],
        "SchemaName": given["SchemaName"],
        "SchemaArn": arn,
        "Description": given.get("Description", ""),
        "DataFormat": "AVRO",
        "Compatibility": given.get("Compatibility", "BACKWARD"),
        "SchemaCheckpoint": 1,
        "SchemaStatus": "AVAILABLE",
        "Tags": dict(given.get("Tags", {})),
        "versions": [],
        **_times(),
    }
    _schemas[arn] = record
    first = _add_version(record, given["SchemaDefinition"]) if "SchemaDefinition" in given else {}
    named = {"SchemaVersionId": first["id"], "SchemaVersionStatus": first["status"]} if first else {}
    return {**_shown(record), **named}


@service.operation("GetSchema")
def get_schema(request: Request) -> dict[str, Any]:
    """One schema."""
    return _shown(_schema(request))


@service.operation("UpdateSchema")
def update_schema(request: Request) -> dict[str, Any]:
    """Change a schema's description, compatibility, or the version from which that counts."""
    record, given = _schema(request), request.params
    record.update({key: given[key] for key in ("Description", "Compatibility") if key in given})
    if "SchemaVersionNumber" in given:
        record["SchemaCheckpoint"] = _numbered(record, given["SchemaVersionNumber"])["number"]
    record["UpdatedTime"] = _now()
    return record


@service.operation("ListSchemas")
def list_schemas(request: Request) -> dict[str, Any]:
    """Schemas of a registry, or of all."""
    only = _registry(request)["RegistryArn"] if "RegistryId" in request.params else None
    return {"Schemas": [each for each in _schemas.values() if only in (None, each["RegistryArn"])]}


@service.operation("DeleteSchema")
def delete_schema(request: Request) -> dict[str, Any]:
    """Delete a schema with its versions."""
    record = _schema(request)
    del _schemas[record["SchemaArn"]]
    return {**record, "Status": "DELETING"}


@service.operation("RegisterSchemaVersion")
def register_schema_version(request: Request) -> dict[str, Any]:
    """Add a version; the known one if the definition is known, a FAILURE if it is not compatible."""
    record, definition = _schema(request), request.params["SchemaDefinition"]
    _parsed(definition)
    if record["Compatibility"] == "DISABLED" and record["versions"]:
        raise _invalid("The compatibility mode DISABLED allows no further version")
    version = _by_definition(record, definition) or _add_version(record, definition)
    return {
        "SchemaVersionId": version["id"],
        "VersionNumber": version["number"],
        "Status": version["status"],
    }


@service.operation("GetSchemaVersion")
def get_schema_version(request: Request) -> dict[str, Any]:
    """A version by its id, or by its schema and number."""
    given = request.params
    if "SchemaVersionId" in given:
        for record in _schemas.values():
            for version in record["versions"]:
                if version["id"] == given["SchemaVersionId"]:
                    return _shown_version(record, version)
        raise _missing(f"Schema version {given['SchemaVersionId']} is not found.")
    record = _schema(request)
    return _shown_version(
        record, _numbered(record, given.get("SchemaVersionNumber", {"LatestVersion": True}))
    )


@service.operation("GetSchemaByDefinition")
def get_schema_by_definition(request: Request) -> dict[str, Any]:
    """The version of a schema that has a definition, however that is spaced."""
    record = _schema(request)
    version = _by_definition(record, request.params["SchemaDefinition"])
    if version is None:
        raise _missing("Schema version with this definition is not found.")
    return _shown_version(record, version)


@service.operation("ListSchemaVersions")
def list_schema_versions(request: Request) -> dict[str, Any]:
    """All versions of a schema."""
    record = _schema(request)
    return {"Schemas": [_shown_version(record, version) for version in record["versions"]]}


@service.operation("CheckSchemaVersionValidity")
def check_schema_version_validity(request: Request) -> dict[str, Any]:
    """Whether a definition is Avro."""
    if request.params["DataFormat"] != "AVRO":
        raise _invalid(f"Schemas in {request.params['DataFormat']} are not emulated, those in AVRO are")
    try:
        avro.schema.parse(request.params["SchemaDefinition"])
    except (avro.errors.AvroException, ValueError) as problem:
        return {"Valid": False, "Error": str(problem)}
    return {"Valid": True}


@service.resource(
    *("CreateRegistry", "GetRegistry", "DeleteRegistry", "CreateSchema", "ListSchemas", "GetSchema"),
    *("DeleteSchema", "RegisterSchemaVersion", "GetSchemaByDefinition", "ListSchemaVersions"),
)
def schema_arn(request: Request) -> str:
    """The schema, or else the registry, that policies are checked against."""
    given = request.params
    identity = given.get("SchemaId", {})
    if "SchemaName" in identity or "SchemaArn" in identity:
        return _schema_arn(request)
    registry = given.get("RegistryId", {})
    name = given.get("RegistryName") or registry.get("RegistryName")
    return registry.get("RegistryArn") or (f"{_prefix(request)}:registry/{name}" if name else "*")


@service.resource("GetSchemaVersion")
def schema_version_arn(request: Request) -> str:
    """Every resource: the only form in which Glue documents a policy for GetSchemaVersion.

    https://docs.aws.amazon.com/glue/latest/dg/schema-registry-gs.html, "IAM examples for deserializers"
    """
    return "*"


def _add_version(record: dict[str, Any], definition: str) -> dict[str, Any]:
    version = {
        "id": str(uuid.uuid4()),
        "number": len(record["versions"]) + 1,
        "definition": definition,
        "status": "AVAILABLE" if _compatible(record, definition) else "FAILURE",
        "created": _now(),
    }
    record["versions"].append(version)
    return version


def _compatible(record: dict[str, Any], definition: str) -> bool:
    """Whether readers and writers of the earlier versions get on with a new one, as the mode asks."""
    mode = record["Compatibility"]
    earlier = [
        each["definition"]
        for each in record["versions"]
        if each["status"] == "AVAILABLE" and each["number"] >= record["SchemaCheckpoint"]
    ]
    if mode in ("NONE", "DISABLED"):
        return True
    compared = earlier if mode.endswith("_ALL") else earlier[-1:]
    way = mode.removesuffix("_ALL")
    return all(
        (way == "FORWARD" or _reads(definition, old)) and (way == "BACKWARD" or _reads(old, definition))
        for old in compared
    )


def _reads(reader: str, writer: str) -> bool:
    checker: Any = avro.compatibility.ReaderWriterCompatibilityChecker  # it has no types
    found = checker().get_compatibility(reader=_parsed(reader), writer=_parsed(writer))
    return bool(found.compatibility == avro.compatibility.SchemaCompatibilityType.compatible)


def _parsed(definition: str) -> Any:
    try:
        return avro.schema.parse(definition)
    except (avro.errors.AvroException, ValueError) as problem:
        raise _invalid(f"Schema definition is not valid Avro: {problem}") from problem


def _by_definition(record: dict[str, Any], definition: str) -> dict[str, Any] | None:
    try:
        wanted = json.loads(definition)
    except ValueError as problem:
        raise _invalid(f"Schema definition is not JSON: {problem}") from problem
    return next((each for each in record["versions"] if json.loads(each["definition"]) == wanted), None)


def _numbered(record: dict[str, Any], number: dict[str, Any]) -> dict[str, Any]:
    usable = [each for each in record["versions"] if each["status"] == "AVAILABLE"]
    if number.get("LatestVersion") and usable:
        return dict(usable[-1])
    for version in record["versions"]:
        if version["number"] == number.get("VersionNumber"):
            return dict(version)
    raise _missing("Schema version is not found.")


def _registry(request: Request) -> dict[str, Any]:
    named = request.params.get("RegistryId", {})
    name = named.get("RegistryName", DEFAULT_REGISTRY)
    arn = named.get("RegistryArn", f"{_prefix(request)}:registry/{name}")
    if arn not in _registries:
        raise _missing(f"Registry is not found. RegistryName: {arn.rpartition('/')[2]}")
    return _registries[arn]


def _schema(request: Request) -> dict[str, Any]:
    arn = _schema_arn(request)
    if arn not in _schemas:
        raise _missing(f"Schema is not found. SchemaArn: {arn}")
    return _schemas[arn]


def _schema_arn(request: Request) -> str:
    identity = request.params.get("SchemaId", {})
    if "SchemaArn" in identity:
        return str(identity["SchemaArn"])
    registry = identity.get("RegistryName", DEFAULT_REGISTRY)
    return f"{_prefix(request)}:schema/{registry}/{identity.get('SchemaName', '')}"


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    latest = len(record["versions"])
    counted = {"LatestSchemaVersion": latest, "NextSchemaVersion": latest + 1}
    return {**{key: value for key, value in record.items() if key != "versions"}, **counted}


def _shown_version(record: dict[str, Any], version: dict[str, Any]) -> dict[str, Any]:
    return {
        "SchemaVersionId": version["id"],
        "SchemaDefinition": version["definition"],
        "DataFormat": record["DataFormat"],
        "SchemaArn": record["SchemaArn"],
        "VersionNumber": version["number"],
        "Status": version["status"],
        "CreatedTime": version["created"],
    }


def _prefix(request: Request) -> str:
    return f"arn:aws:glue:{request.region}:{request.account}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _times() -> dict[str, str]:
    return {"CreatedTime": _now(), "UpdatedTime": _now()}


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidInputException", message)


def _missing(message: str) -> ServiceError:
    return ServiceError("EntityNotFoundException", message)
