"""Files and objects by URI, through Hadoop: `s3://` on the platform, `file://` in tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession


@dataclass(frozen=True)
class StoredFile:
    """A file's URI, its size in bytes, and when it was last written, in milliseconds since 1970."""

    uri: str
    size: int
    modified: int


class Storage:
    """The file systems that a session's Spark reads and writes."""

    def __init__(self, spark: SparkSession) -> None:
        self._jvm: Any = spark._jvm
        self._configuration: Any = spark._jsparkSession.sessionState().newHadoopConf()

    def files(self, folder: str) -> list[StoredFile]:
        """All files under `folder`, at any depth, by URI; none if it does not exist."""
        path, system = self._open(folder)
        try:
            found = system.listFiles(path, True)
        except Py4JJavaError as error:
            if _is(error, "java.io.FileNotFoundException"):
                return []
            raise
        files = []
        while found.hasNext():
            status = found.next()
            files.append(
                StoredFile(status.getPath().toString(), status.getLen(), status.getModificationTime())
            )
        return sorted(files, key=lambda file: file.uri)

    def delete(self, uri: str) -> None:
        """Delete a file or a folder with all in it, if it exists."""
        path, system = self._open(uri)
        system.delete(path, True)

    def write_text(self, uri: str, text: str) -> None:
        """Write a file, over one that is there."""
        path, system = self._open(uri)
        stream = system.create(path, True)
        try:
            stream.write(bytearray(text.encode()))
        finally:
            stream.close()

    def read_text(self, uri: str) -> str | None:
        """Content of a text file; None if it does not exist."""
        path, system = self._open(uri)
        try:
            stream = system.open(path)
        except Py4JJavaError as error:
            if _is(error, "java.io.FileNotFoundException"):
                return None
            raise
        try:
            return str(self._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
        finally:
            stream.close()

    def damage(self, uri: str) -> str | None:
        """What is wrong with a gzip object, read to its end; None if it is whole."""
        path, system = self._open(uri)
        codec = self._jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(self._configuration)
        nowhere = self._jvm.org.apache.commons.io.output.NullOutputStream.NULL_OUTPUT_STREAM
        try:
            stream = codec.getCodec(path).createInputStream(system.open(path))
            try:
                self._jvm.org.apache.commons.io.IOUtils.copyLarge(stream, nowhere)
            finally:
                stream.close()
        except Py4JJavaError as error:
            cause = error.java_exception
            return str(cause.getMessage() or cause.getClass().getSimpleName())
        return None

    def _open(self, uri: str) -> tuple[Any, Any]:
        path = self._jvm.org.apache.hadoop.fs.Path(uri)
        return path, path.getFileSystem(self._configuration)


def _is(error: Py4JJavaError, java_class: str) -> bool:
    return bool(error.java_exception.getClass().getName() == java_class)
