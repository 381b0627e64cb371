"""SU files: SEG-Y's traces without the file headers, IEEE floats in either byte order (Seismic Unix, segy.h)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from seisinv.core.errors import DataError
from seisinv.io.files import first_bytes
from seisinv.io.headers import HEADERS, without_later
from seisinv.io.reading import Reading
from seisinv.io.recording import Recording, given, step_of
from seisinv.io.samples import IEEE, ORDERS, Stored
from seisinv.io.traces import HEADER, TraceTable


def su_table(path: Path, reading: Reading) -> tuple[TraceTable, int] | None:
    """Return the traces of an SU file and the bytes left over after them, or None if the file is none."""
    head, size = first_bytes(path, HEADER), path.stat().st_size
    if len(head) < HEADER:
        return None
    for whole in (True, False):
        for order in ORDERS.values():
            samples, interval = struct.unpack_from(f"{order}HH", head, 114)
            samples = int(reading.field("sample_count") or samples)
            interval = reading.field("sample_interval") or interval
            count, rest = divmod(size, HEADER + 4 * samples)
            if samples <= 1 or interval <= 0 or (rest > 0) == whole or count < (1 if whole else 2):
                continue
            table = TraceTable(path, 0, count, samples, order, Stored(IEEE, order))
            if table.agrees(strictly=not whole):
                return table, rest
    return None


def su_recording(path: Path, reading: Reading) -> Recording:
    """Read the trace headers of an SU file."""
    found = su_table(path, reading)
    if found is None:
        raise DataError(
            "not an SU file, or truncated: its length is not a whole number of traces of the sample count in bytes "
            "115-116 of its first header, in either byte order",
            remedy="copy it again",
            file=path,
        )
    table, rest = found
    notes = [f"the file ends within a trace: its last {rest:,} bytes are left out"] if rest else []
    fields, places = table.fields(reading.places), reading.places
    if reading.field("sample_count") is None and np.any(fields["sample_count"] != table.samples):
        text = "traces have different lengths (bytes 115-116)"
        raise DataError(text, remedy="write it with one length", file=path)
    if places["time_scalar"].byte == HEADERS["time_scalar"].byte:
        fields["time_scalar"] = np.zeros_like(fields["time_scalar"])  # SU keeps its own numbers from byte 181 on
    fields = given(without_later(fields, places), reading, table.traces)
    return Recording(
        path=path,
        format="SU",
        sample_format=table.stored.title,
        endian=table.stored.endian,
        traces=table.traces,
        samples=table.samples,
        step=step_of(0, fields, reading, notes),
        units=None,
        fields=fields,
        places=places,
        text=(),
        notes=tuple(notes),
        reader=table,
    )
