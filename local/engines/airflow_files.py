"""What an MWAA environment takes from its bucket: DAGs, plugins and the requirements file."""

from __future__ import annotations

import io
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class AirflowFilesError(Exception):
    """An object in the bucket cannot be used; the message names it."""


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object, such as the requirements that an environment is pinned to."""

    key: str
    version: str


def sync_dags(s3: Any, bucket: str, prefix: str, folder: Path) -> list[str]:
    """Make `folder` hold exactly the objects under `prefix`; return the paths written or removed.

    An object is fetched when its ETag is not that of the last time.
    """
    prefix = prefix.strip("/") + "/"
    etags = folder.parent / f"{folder.name}.etags"
    etags.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = _listed(s3, bucket, prefix)
    changed = []
    for name, etag in wanted.items():
        target, seen = _inside(folder, name), _inside(etags, name)
        if target.exists() and seen.exists() and seen.read_text() == etag:
            continue
        body = s3.get_object(Bucket=bucket, Key=prefix + name)["Body"].read()
        target.parent.mkdir(parents=True, exist_ok=True)
        # A parser never sees half a file.
        part = target.with_name(f".{target.name}.part")
        part.write_bytes(body)
        part.replace(target)
        seen.parent.mkdir(parents=True, exist_ok=True)
        seen.write_text(etag)
        changed.append(name)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in wanted and "__pycache__" not in path.parts:
            path.unlink()
            _inside(etags, name).unlink(missing_ok=True)
            changed.append(name)
    return changed


def unpack_plugins(s3: Any, bucket: str, plugins: ObjectVersion | None, folder: Path) -> None:
    """Replace `folder` by the content of the pinned plugins.zip; empty without one.

    Raises AirflowFilesError when it is no zip file, or one with paths that leave the folder.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if plugins is None:
        return
    try:
        with zipfile.ZipFile(io.BytesIO(_fetch(s3, bucket, plugins))) as archive:
            for name in archive.namelist():
                _inside(folder, name)
            archive.extractall(folder)
    except zipfile.BadZipFile:
        raise AirflowFilesError(f"s3://{bucket}/{plugins.key} is not a zip file") from None


def requirements_text(s3: Any, bucket: str, requirements: ObjectVersion | None) -> str:
    """Text of the pinned requirements file; empty without one."""
    return "" if requirements is None else _fetch(s3, bucket, requirements).decode()


def _listed(s3: Any, bucket: str, prefix: str) -> dict[str, str]:
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", ()):
            name = entry["Key"].removeprefix(prefix)
            if name and not name.endswith("/"):
                found[name] = entry["ETag"]
    return found


def _fetch(s3: Any, bucket: str, wanted: ObjectVersion) -> bytes:
    body: bytes = s3.get_object(Bucket=bucket, Key=wanted.key, VersionId=wanted.version)["Body"].read()
    return body


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise AirflowFilesError(f"{name!r} points outside its folder")
    return path
