"""Small lines as bytes, independent of seisinv's writer, and third-party files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hostile_files import segy_bytes, trace_headers

__all__ = ["DATA", "noise", "segy_bytes", "spread", "third_party", "trace_headers", "written"]

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def third_party(name: str) -> Path:
    """Path of a third-party file; the test is skipped where it is absent."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"third-party file {name} is not beside the repository")
    return path


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
