"""Container images without containers: the files of a build context, laid out as the Dockerfile says.

`build` makes an image of a context, `Image.open` finds it again. Its Python environment is made from the
context's hash-locked requirements by uv, once a lock, and shared by all images that have the same.
"""

from __future__ import annotations

import io
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from local.engines.dockerfile import Copy, DockerfileError, Stage, final_stage
from local.layout import home
from local.toolchain import ToolchainError, image_environment

CONTEXT, ROOT, LOCK, DOCKERFILE = "context", "root", "requirements.txt", "Dockerfile"


class BuildError(Exception):
    """An image cannot be made of a context; the text says why."""


@dataclass(frozen=True)
class Image:
    """An image on disk: its final stage, and the folder that its paths are below."""

    stage: Stage
    root: Path

    @staticmethod
    def open(digest: str) -> Image | None:
        """The image of this digest; None when it was not built here."""
        folder = _folder(digest)
        if not (folder / ROOT).is_dir():
            return None
        return Image(final_stage((folder / CONTEXT / DOCKERFILE).read_text()), folder / ROOT)


def build(context: bytes, digest: str) -> Image:
    """Make the image of a zipped build context, under `digest`. Raises BuildError."""
    folder = _folder(digest)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with zipfile.ZipFile(io.BytesIO(context)) as archive:
            archive.extractall(folder / CONTEXT)
        stage = final_stage((folder / CONTEXT / DOCKERFILE).read_text())
        partial = folder / "partial"
        for copy in stage.copies:
            _copy(copy, folder / CONTEXT, partial)
        (partial / stage.folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
        partial.rename(folder / ROOT)
    except (zipfile.BadZipFile, OSError, DockerfileError, ToolchainError) as problem:
        shutil.rmtree(folder, ignore_errors=True)
        raise BuildError(str(problem)) from problem
    return Image(stage, folder / ROOT)


def _copy(copy: Copy, context: Path, root: Path) -> None:
    """Do what a COPY instruction does; what comes from an earlier stage is the environment of the lock."""
    target = root / copy.target.lstrip("/")
    if copy.stage is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(image_environment(context / LOCK))
        return
    for pattern in copy.sources:
        found = sorted(context.glob(pattern.removeprefix("./").rstrip("/")))
        if not found:
            raise DockerfileError(f"COPY {pattern}: the build context has no such file")
        for source in found:
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                place = target / source.name if copy.target.endswith("/") else target
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, place)


def _folder(digest: str) -> Path:
    return home() / "images" / digest.removeprefix("sha256:")[:32]
