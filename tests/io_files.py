"""Builds SEG-Y bytes field by field, independently of seisinv's writer, and finds third-party files."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

FOUR_BYTE_FIELDS = {*range(1, 29, 4), *range(37, 69, 4), *range(73, 89, 4), *range(181, 201, 4)}


def third_party(name: str) -> Path:
    """Path of a third-party file; the test is skipped where it is absent."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"third-party file {name} is not beside the repository")
    return path


def trace_headers(fields: Mapping[int, object], count: int, order: str = ">") -> np.ndarray:
    """Return 240 bytes per trace with `fields` (first byte: value or one value per trace) in place."""
    raw = np.zeros((count, 240), np.uint8)
    for byte, values in fields.items():
        kind = f"{order}i{4 if byte in FOUR_BYTE_FIELDS else 2}"
        column = np.broadcast_to(np.asarray(values), count).astype(kind)
        raw[:, byte - 1 : byte - 1 + column.itemsize] = column.view(np.uint8).reshape(count, -1)
    return raw


def segy_bytes(
    fields: Mapping[int, object],
    samples: np.ndarray,
    *,
    order: str = ">",
    code: int = 5,
    interval: int = 4000,
    measurement: int = 1,
    count: int | None = None,
) -> bytes:
    """Return a SEG-Y file of `samples` [trace, time], already of the dtype that `code` means."""
    binary = bytearray(400)
    for offset, value in (
        (16, interval),
        (20, samples.shape[1] if count is None else count),
        (24, code),
        (54, measurement),
    ):
        struct.pack_into(f"{order}H", binary, offset, value)
    body = samples.astype(samples.dtype.newbyteorder(order)).view(np.uint8).reshape(len(samples), -1)
    headers = trace_headers(fields, len(samples), order)
    return b"C" * 3200 + bytes(binary) + np.concatenate([headers, body], axis=1).tobytes()


def spread(shots: int = 2, receivers: int = 3) -> dict[int, object]:
    """Return the fields of a small line: shots every 50 m, receivers every 10 m, source 5 m deep."""
    shot, channel = np.divmod(np.arange(shots * receivers), receivers)
    return {9: shot + 1, 13: channel + 1, 49: 5, 73: 50 * shot, 81: 10 * channel + 5}


def noise(traces: int = 6, samples: int = 12) -> np.ndarray:
    """Return seeded random samples, float32."""
    return np.random.default_rng(1).standard_normal((traces, samples)).astype(np.float32)


def written(folder: Path, content: bytes, name: str = "line.sgy") -> Path:
    """Write bytes and return the path."""
    path = folder / name
    path.write_bytes(content)
    return path
