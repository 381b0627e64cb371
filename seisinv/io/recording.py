"""A recording: the traces of one file as stored, header fields in the file's own integers and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np


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
    bytes_by_name : mapping
        Where the fields were read; empty for formats without binary trace headers.
    text : tuple of str
        Lines of the textual header.
    notes : tuple of str
        What was odd.
    reader : TraceReader
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
    bytes_by_name: Mapping[str, int]
    text: tuple[str, ...]
    notes: tuple[str, ...]
    reader: TraceReader

    @property
    def is_ours(self) -> bool:
        """Whether seisinv wrote the file, so that signs and zeros in its headers mean what they say."""
        return any("WRITTEN BY SEISINV" in line.upper() for line in self.text)
