"""The door for arrays from outside: files and arguments become native arrays of real numbers, or one clear error.

A header is checked against the bytes there are and against the memory before anything is allocated; nothing that a
file holds is executed.
"""

from __future__ import annotations

import math
import os
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import torch
from numpy.lib import format as npy
from torch import Tensor

from seisinv.core.errors import DataError, SeisinvError
from seisinv.core.files import largest_unpacked, reason, size_of
from seisinv.core.memory import available_memory

# What Python and numpy raise for headers and archives that are damaged or hostile.
_DAMAGE = (
    OSError, ValueError, TypeError, SyntaxError, EOFError, MemoryError, OverflowError, RuntimeError, struct.error,
    tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_WRITE_AGAIN = "write or copy it again"


def read_npy(path: str | Path) -> np.ndarray:
    """Read the array of an .npy file, in the byte order of the machine.

    Raises
    ------
    DataError
        If it is damaged, holds anything but plain numbers or text, or is larger than the memory.
    """
    size = size_of(Path(path))
    check_memory(size, path)
    try:
        with open(path, "rb") as stream:
            return _array(stream, size)
    except _DAMAGE as error:
        raise _unreadable(path, error) from None


def read_npz(path: str | Path, *, names: Collection[str] = ()) -> dict[str, np.ndarray]:
    """Read the arrays of an .npz file by name, in the byte order of the machine.

    Parameters
    ----------
    path : path
    names : collection of str
        Arrays that must be there.

    Raises
    ------
    DataError
        If it is damaged, lacks an array, holds anything but arrays of plain numbers or text, or does not fit into the
        memory.
    """
    size = size_of(Path(path))
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            unpacked = sum(m.file_size for m in members)
            if unpacked > largest_unpacked(size):
                raise ValueError(f"its {size:,} bytes unpack to {unpacked:,}; write large arrays uncompressed")
            check_memory(unpacked, path)
            arrays: dict[str, np.ndarray] = {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                if name == member.filename or name in arrays:
                    raise ValueError(f"it holds {member.filename!r}, which is not an array or is there twice")
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError(f"{member.filename!r} is compressed in an unusual way")
                with archive.open(member) as stream:
                    arrays[name] = _array(stream, member.file_size)
    except DataError:
        raise
    except _DAMAGE as error:
        raise _unreadable(path, error) from None
    missing = [name for name in names if name not in arrays]
    if missing:
        text = f"the file holds {', '.join(arrays) or 'nothing'}, but not {', '.join(missing)}"
        raise DataError(text, remedy=_WRITE_AGAIN, file=path)
    return arrays


def read_table(path: str | Path, *, axes: Literal[1, 2] = 2) -> np.ndarray:
    """Read numbers in text: a table, with commas in a .csv file; or with `axes` 1 a column or a row.

    Raises
    ------
    DataError
        If it is not a table of numbers, or too large.
    """
    check_memory(20 * size_of(Path(path)), path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a file without numbers is an empty table
            comma = "," if Path(path).suffix == ".csv" else None
            return np.loadtxt(path, ndmin=axes, delimiter=comma, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataError(f"not a table of numbers: {reason(error)}", file=path) from None


def check_memory(needed: int, file: str | Path) -> None:
    """Raise DataError where a file needs more bytes than half of the memory that is free."""
    free = available_memory()
    if needed > free // 2:
        raise DataError(
            f"it needs {needed / 1e9:,.1f} GB of memory, more than half of the {free / 1e9:,.1f} GB that are free",
            file=file,
        )


def numbers(
    value: Any,
    name: str,
    *,
    shape: Sequence[int | None] | None = None,
    error: type[SeisinvError] = DataError,
    file: str | os.PathLike[str] | None = None,
) -> np.ndarray:
    """Return a value as an array of finite real numbers in the byte order of the machine, of at most 8 bytes each.

    Parameters
    ----------
    value : array, tensor, number or nested sequence of numbers
    name : str
        What the array is, for errors: "spacing".
    shape : sequence of int or None, optional
        What its shape must be; None stands for any length.
    error : type
        Of the error.
    file : path, optional
        Where it comes from.
    """
    found = real(value, name, error=error, file=file)
    if shape is not None and (
        found.ndim != len(shape) or any(n not in (None, m) for n, m in zip(shape, found.shape, strict=True))
    ):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise error(f"{name} has shape {found.shape}", limit=f"it must be ({wanted})", file=file)
    if not np.isfinite(found).all():
        bad = int((~np.isfinite(found)).sum())
        raise error(f"{name} holds {bad} NaN or infinite values of {found.size}", file=file)
    return found


def real(
    value: Any, name: str, *, error: type[SeisinvError] = DataError, file: str | os.PathLike[str] | None = None
) -> np.ndarray:
    """Return a value as an array of real numbers, as `numbers` does, of any shape and finite or not."""
    if isinstance(value, np.ma.MaskedArray) and value.mask.any():
        raise error(f"{name} is a masked array; fill what is masked", file=file)
    try:
        found = np.asarray(value)
    except (ValueError, TypeError, RuntimeError, OverflowError) as wrong:  # of nested lists, tensors on other devices
        raise error(f"{name} is not an array of numbers: {reason(wrong)}", file=file) from None
    if found.dtype.kind not in "biuf":
        kind = "complex" if found.dtype.kind == "c" else str(found.dtype)
        raise error(f"{name} holds {kind} values", limit="it must hold real numbers", file=file)
    plain = np.float64 if found.dtype.kind == "f" and found.itemsize not in (4, 8) else found.dtype.newbyteorder("=")
    return found.astype(plain, copy=False)


def real_tensor(value: Any, name: str, *, error: type[SeisinvError] = DataError) -> Tensor:
    """Return a tensor of real numbers as it is, whole numbers in torch's default type, and an array as a tensor.

    Half precision is refused: nothing here computes in it, and a conversion would hide what was lost.
    """
    if not isinstance(value, Tensor) or value.layout is not torch.strided:
        return torch.from_numpy(np.array(real(value, name, error=error)))
    if value.dtype in (torch.float32, torch.float64):
        return value
    if value.is_floating_point() or value.is_complex() or value.is_quantized:
        kind = str(value.dtype).removeprefix("torch.")
        raise error(f"{name} holds {kind} values", limit="it must be float32 or float64", remedy=f"pass {name}.float()")
    return value.to(torch.get_default_dtype())


def _array(stream: IO[bytes], size: int) -> np.ndarray:
    """Read an array of the .npy format that fills a stream of `size` bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy remarks on files of Python 2
        version = npy.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"its format is version {version}")
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, is_fortran, dtype = read_header(stream)
    if dtype.kind not in "biufcU":
        raise ValueError(f"it holds {dtype} values, not plain numbers")
    declared, there = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if min(shape, default=0) < 0 or declared != there:
        raise ValueError(f"its header declares {shape} of {dtype}, {declared:,} bytes, and {there:,} are there")
    content = bytearray(declared)
    if stream.readinto(content) != declared:  # type: ignore[attr-defined]
        raise EOFError("it ends early")
    found: np.ndarray = np.ndarray(shape, dtype, content, order="F" if is_fortran else "C")
    return found.astype(dtype.newbyteorder("="), copy=False)


def _unreadable(path: str | Path, error: BaseException) -> DataError:
    return DataError(f"the array file cannot be read: {reason(error)}", remedy=_WRITE_AGAIN, file=path)
