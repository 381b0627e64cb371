"""A recording: the traces of one file as stored, header fields in the file's own integers and units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from seisinv.core.errors import Argument, Message
from seisinv.io.headers import Place
from seisinv.io.reading import Reading

_PLAUSIBLE = (10, 100_000)  # µs between samples


class TraceReader(Protocol):
    """Loads samples of a file; holds no open handle, so that it can be pickled and used by several processes."""

    def load(self, traces: np.ndarray) -> np.ndarray:
        """Return samples [trace, time], float32, of the traces numbered (from 0) in `traces`."""

    def varying(self) -> list[str]:
        """Name header fields that differ between traces, for messages."""


@dataclass(frozen=True, eq=False)
class Recording:
    """The traces of one file.

    Parameters
    ----------
    path : Path
    format : str
        `SEG-Y revision 1`, `SU`, `SEG-2`.
    sample_format, endian : str
        How samples are stored, in words.
    traces, samples : int
        Number of traces, samples per trace.
    step : float, s
        Sample interval; 0 where the file does not say.
    units : str, optional
        `metres` or `feet` where the file says so.
    fields : arrays [trace] by the names of `HEADERS`
        As stored; scalars not applied.
    places : mapping
        Where the fields were read; empty for formats without binary trace headers.
    text : tuple of str
        Lines of the textual header.
    notes : tuple of str
        What was odd.
    reader : TraceReader
    polarity : int
        What the file says of signs: 1 where pressure and upward motion are negative, 2 where they are positive.
    """

    path: Path
    format: str
    sample_format: str
    endian: str
    traces: int
    samples: int
    step: float
    units: str | None
    fields: Mapping[str, np.ndarray]
    places: Mapping[str, Place]
    text: tuple[str, ...]
    notes: tuple[str, ...]
    reader: TraceReader
    polarity: int = 0

    @property
    def is_ours(self) -> bool:
        """Whether seisinv wrote the file, so that signs and zeros in its headers mean what they say."""
        return is_ours(self.text)


def is_ours(text: Sequence[str]) -> bool:
    """Return whether a textual header says that seisinv wrote the file."""
    return any("WRITTEN BY SEISINV" in line.upper() for line in text)


def given(fields: Mapping[str, np.ndarray], reading: Reading, traces: int) -> dict[str, np.ndarray]:
    """Return header fields with those in place that are given as values."""
    return {**fields, **{name: np.broadcast_to(float(v), traces) for name, v in (reading.values or {}).items()}}


def step_of(binary: int, fields: Mapping[str, np.ndarray], reading: Reading, notes: list[str]) -> float:
    """Return the sample interval, s: that of the traces where they agree, else that of the file."""
    if (told := reading.field("sample_interval")) is not None:
        return float(told) * 1e-6
    trace = np.unique(fields["sample_interval"])
    trace = trace[trace > 0]
    if len(trace) > 1:
        notes.append(f"sample intervals differ between traces: {trace.min()} to {trace.max()} µs")
        return (binary or float(trace[0])) * 1e-6
    if not len(trace):
        return binary * 1e-6
    if binary and not _PLAUSIBLE[0] <= trace[0] <= _PLAUSIBLE[1] and _PLAUSIBLE[0] <= binary <= _PLAUSIBLE[1]:
        notes.append(
            f"all trace headers say {trace[0]} µs per sample, which cannot be; the file's {binary} µs are used"
        )
        return binary * 1e-6
    if binary and binary != trace[0]:
        notes.append(
            Message(
                f"all trace headers say {trace[0]} µs per sample, which is used; the binary header says {binary} µs (",
                Argument("data.values", {"sample_interval": binary}),
                " for that)",
            )
        )
    return float(trace[0]) * 1e-6
