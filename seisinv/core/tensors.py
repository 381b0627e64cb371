"""Tensors in safetensors files: read without executing anything, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seisinv.core.arrays import check_memory
from seisinv.core.errors import DataError, RunError
from seisinv.core.files import size_of, write_whole


def read_tensors(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file: tensors by name, and its metadata.

    Raises
    ------
    DataError
        If it is another kind of file, a pickle or a pipe for example.
    """
    from safetensors import SafetensorError, safe_open

    check_memory(size_of(file), file)
    try:
        with safe_open(file, framework="pt") as stream:
            return {n: stream.get_tensor(n) for n in stream.keys()}, stream.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"{file} is not a whole safetensors file ({str(error).splitlines()[0]}); pickled weights (.pt, .pth) are "
            "refused because they can run code"
        ) from None


def write_tensors(file: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file atomically."""
    from safetensors.torch import save

    whole = {n: t.detach().cpu().contiguous() for n, t in tensors.items()}
    atomically(file, save(whole, metadata=dict(metadata)))


def read_arrays(file: str | Path, *, version: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read arrays that `write_arrays` wrote, by name, and their card.

    Raises
    ------
    DataError
        If it is another kind of file, one of another version, or holds numbers that numpy lacks.
    """
    tensors, card = read_tensors(Path(file))
    if card.get("format") != version:
        raise DataError(f"{file} holds {card.get('format', 'no format')!r}; this version reads {version!r}")
    try:
        return {n: t.numpy() for n, t in tensors.items()}, card
    except TypeError as error:  # bfloat16 and others
        raise DataError(f"its numbers cannot be used: {error}", remedy="save it again", file=file) from None


def write_arrays(file: str | Path, arrays: Mapping[str, np.ndarray], card: Mapping[str, str], *, version: str) -> None:
    """Write arrays by name, and a card with the version of what they mean; whole or not at all."""
    tensors = {n: torch.from_numpy(np.ascontiguousarray(a)) for n, a in arrays.items()}
    write_tensors(Path(file), tensors, {"format": version, **card})


def atomically(file: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    try:
        write_whole(file, content)
    except OSError as error:
        raise RunError(f"cannot write {file}: {error.strerror}; free some space or choose another place") from None
