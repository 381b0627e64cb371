"""Files on disk: what kind one is, and writing so that nothing half-written is left under a final name."""

from __future__ import annotations

import contextlib
import gzip
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from seisinv.core.errors import Argument, DataError, Message, RunError, SeisinvError
from seisinv.core.files import largest_unpacked, reason, size_of

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x89HDF": "HDF5",
    b"PK\x03\x04": "zip or npz",
    b"\x93NUMPY": "npy",
    b"CDF": "netCDF",
    b"MATLAB": "Matlab",
    b"%PDF": "PDF",
}


def first_bytes(path: Path, count: int) -> bytes:
    """Read the beginning of a file."""
    size_of(path)  # a pipe would be waited for
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise DataError(reason(error), file=path, remedy="check the path and its permissions") from error


def magic(path: Path) -> str | None:
    """Name the kind of file that the first bytes announce, or None."""
    head = first_bytes(path, 8)
    if head[:2] in (b"\x55\x3a", b"\x3a\x55"):
        return "SEG-2"
    return next((kind for mark, kind in _MAGIC.items() if head.startswith(mark)), None)


@contextlib.contextmanager
def uncompressed(path: Path) -> Iterator[Path]:
    """Yield `path`, or for a gzip file the path of a temporary plain copy, which no error names."""
    if magic(path) != "gzip":
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="seisinv-") as folder:
        plain = Path(folder) / path.name.removesuffix(".gz")
        try:
            with gzip.open(path, "rb") as source, plain.open("wb") as target:
                while chunk := source.read(1 << 20):
                    if target.tell() > largest_unpacked(size_of(path)):
                        unusual = "it unpacks to more than 200 times its size"
                        raise DataError(unusual, file=path, remedy="if that is right, decompress it first")
                    target.write(chunk)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"cannot be decompressed: {reason(error)}", file=path, remedy="copy it again") from error
        try:
            yield plain
        except SeisinvError as error:
            if error.file != plain:
                raise
            raise error.replace(file=path) from error


@contextlib.contextmanager
def replacing(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary name in the folder of `path`; on success it becomes `path`, else it is removed.

    Raises
    ------
    RunError
        If `path` exists and `overwrite` is false, the folder cannot be written, or the disk is full.
    """
    refuse_existing(path, overwrite=overwrite)
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise RunError(
            f"cannot write {path}: {reason(error)}", remedy=("free space", "choose another folder")
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise RunError where writing `path` would replace a file unasked."""
    if path.is_dir():
        raise RunError(f"cannot write {path}: it is a folder", remedy="give a file name")
    if path.exists() and not overwrite:
        replace = Message("pass ", Argument("overwrite", True), " to replace it")
        raise RunError(f"{path} exists", argument=Argument("overwrite"), remedy=(replace, "choose another name"))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
