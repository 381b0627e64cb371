"""Writing files so that they are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(file: Path, content: bytes) -> None:
    """Write a file under a temporary name in its folder, force it to disk, then rename it.

    Raises
    ------
    OSError
        If it cannot be written; what was there before stays, and nothing else is left behind.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)
