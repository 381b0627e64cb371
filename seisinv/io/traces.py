"""Traces of one length on disk, each 240 bytes of header and its samples: what SEG-Y and SU have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seisinv.core.errors import DataError
from seisinv.core.files import reason
from seisinv.io.headers import WIDTHS, Place
from seisinv.io.samples import Stored

HEADER = 240  # bytes
_BLOCK = 1 << 16  # headers read at once
_LOOKED_AT = 16  # headers that must look like some


@dataclass(frozen=True)
class TraceTable:
    """Where the traces of a file lie, and how they are stored.

    Parameters
    ----------
    path : Path
    first : int
        Bytes before the first trace.
    traces, samples : int
    order : ">" or "<"
        Of the bytes of header fields.
    stored : Stored
        Format and byte order of the samples.
    """

    path: Path
    first: int
    traces: int
    samples: int
    order: str
    stored: Stored

    def load(self, traces: np.ndarray) -> np.ndarray:
        """Return samples [trace, time], float32, of the traces numbered (from 0) in `traces`."""
        return self.stored.decoded(self.raw(traces))

    def raw(self, traces: np.ndarray) -> np.ndarray:
        """Return samples [trace, time] as they lie in the file."""
        return np.asarray(self._table()["samples"][traces])

    def fields(self, places: Mapping[str, Place]) -> dict[str, np.ndarray]:
        """Return header fields of every trace; one that is the same in all is one number, broadcast."""
        kinds = {name: np.dtype(self.order + place.kind) for name, place in places.items()}
        layout = np.dtype(
            {
                "names": list(places), "formats": list(kinds.values()),
                "offsets": [place.byte - 1 for place in places.values()], "itemsize": HEADER,
            }
        )  # fmt: skip
        first = np.array(self._table(0, 1)["header"]).view(layout)
        native = {name: kind.newbyteorder("=") for name, kind in kinds.items()}
        out = {name: np.broadcast_to(first[name].astype(native[name]), self.traces) for name in places}
        for start in range(0, self.traces, _BLOCK):
            # A map of its own for each block: pages of a large file do not stay in memory.
            count = min(_BLOCK, self.traces - start)
            block = np.array(self._table(start, count)["header"]).view(layout)
            for name in places:
                values = block[name]
                if not out[name].flags.writeable:
                    if (values == first[name]).all():
                        continue
                    out[name] = np.full(self.traces, first[name][0], native[name])
                out[name][start : start + len(block)] = values
        return out

    def agrees(self, *, strictly: bool = False) -> bool:
        """Return whether what lies where trace headers should looks like some: equal counts and intervals.

        Strictly: in all of them and not zero, so that samples are not taken for headers.
        """
        rows = np.unique(np.linspace(0, self.traces - 1, min(_LOOKED_AT, self.traces)).astype(int))
        heads = self._table()["header"][rows].view(np.uint8).reshape(len(rows), HEADER)
        words = np.unique(heads[:, 114:118], axis=0)
        return (len(words) == 1 and bool(words.any())) if strictly else len(words) <= max(1, len(rows) // 2)

    def varying(self) -> list[str]:
        """Name the bytes of header fields that differ between traces."""
        places = {str(byte): Place(byte) for byte in sorted(WIDTHS) if byte > 8}
        fields = self.fields(places)
        return [places[name].span for name, values in fields.items() if values.min() != values.max()]

    def _table(self, start: int = 0, count: int | None = None) -> np.ndarray:
        kind = np.dtype([("header", f"V{HEADER}"), ("samples", self.stored.dtype, (self.samples,))])
        try:
            first = self.first + start * kind.itemsize
            return np.memmap(self.path, kind, "r", first, (self.traces if count is None else count,))
        except (OSError, ValueError) as error:  # shorter than when it was opened
            raise DataError(f"cannot be read: {reason(error)}", remedy="copy it again", file=self.path) from error
