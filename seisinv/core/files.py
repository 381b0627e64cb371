"""Files: what may be read at all, text that others wrote, and writing so that a file is there whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seisinv.core.errors import DataError
from seisinv.core.memory import available_memory

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def reason(error: BaseException) -> str:
    """Return what an error says, in one line."""
    said = (getattr(error, "strerror", None) or str(error)).strip()
    return said.splitlines()[0] if said else type(error).__name__


def size_of(path: Path) -> int:
    """Return the bytes of a regular file; others are refused, because reading a pipe or a device may never end.

    Raises
    ------
    DataError
        If it is not there, or not a regular file.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        raise DataError(reason(error), remedy="check the path and its permissions", file=path) from None
    if not stat.S_ISREG(found.st_mode):
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise DataError(f"this is {kind}", remedy="name a file on disk", file=path)
    return found.st_size


def largest_unpacked(size: int) -> int:
    """Return to how many bytes a compressed file may unpack: 200 times its size, or 256 MB; more is an archive bomb."""
    return max(200 * size, 2**28)


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises
    ------
    DataError
        If it cannot be read, is not UTF-8, or is larger than the memory.
    """
    if size_of(path) > available_memory() // 4:
        raise DataError("the file is too large to be text", file=path)
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(reason(error), remedy="check its permissions", file=path) from None
    except UnicodeDecodeError:
        raise DataError("this is not a text file", limit="text must be UTF-8", file=path) from None


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file; DataError where it holds none."""
    return parsed(tomllib.loads, read_text(path), "TOML", path)


def read_json(path: Path) -> Any:
    """Return what a JSON file holds; DataError where it is not JSON."""
    return parsed(json.loads, read_text(path), "JSON", path)


def parsed(parse: Callable[[str], Any], text: str, kind: str, file: Path | None = None) -> Any:
    """Return what a parser makes of text that others wrote, however deep it nests and however long its numbers are.

    Raises
    ------
    DataError
        If the text is not what the parser reads.
    """
    try:
        return parse(text)
    except RecursionError:
        raise DataError(f"not valid {kind}: brackets nest too deeply", file=file) from None
    except ValueError as error:
        said = reason(error).partition("; use sys.")[0]  # advice for programs
        raise DataError(f"not valid {kind}: {said}", file=file) from None


def write_whole(file: Path, content: bytes) -> None:
    """Write a file under a temporary name in its folder, force it to disk, then rename it.

    Raises
    ------
    OSError
        If it cannot be written; what was there before stays, and nothing else is left behind.
    """
    # Processes of other machines may have the same number.
    temporary = file.with_name(f".{file.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with open(temporary, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)
