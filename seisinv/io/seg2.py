"""SEG-2 files through obspy: one file is one shot; its strings become the same fields as SEG-Y's bytes.

Pullan 1990, Recommended standard for seismic (/radar) data files in the personal computer environment,
doi:10.1190/1.1442942.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seisinv.core.errors import DataError
from seisinv.core.files import reason
from seisinv.io.files import first_bytes
from seisinv.io.headers import HEADERS
from seisinv.io.reading import Reading
from seisinv.io.recording import Recording, given

_METRES = {"METERS": 1.0, "CENTIMETERS": 0.01, "FEET": 0.3048, "INCHES": 0.0254, "NONE": 1.0}


@dataclass(frozen=True)
class Seg2Traces:
    """Samples of a SEG-2 file."""

    path: Path

    def load(self, traces: np.ndarray) -> np.ndarray:
        """Return samples [trace, time], float32, times the file's descaling factor (usually millivolts)."""
        stream = _read(self.path)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused by the caller
            return np.stack([stream[int(k)].data * stream[int(k)].stats.calib for k in traces]).astype(np.float32)

    def varying(self) -> list[str]:
        """SEG-2 has no bytes to map."""
        return []


def _read(path: Path) -> Any:
    from obspy.io.seg2.seg2 import _read_seg2

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stream = _read_seg2(_with_terminators(path))  # given a name, obspy would leave a damaged file open
    except Exception as error:  # obspy raises many types on damaged files; each means that it cannot read it
        raise DataError(f"not a readable SEG-2 file: {reason(error)}", remedy="copy it again", file=path) from error
    if not len(stream):
        raise DataError("the file has no traces", remedy="write or copy it again", file=path)
    if len({(trace.stats.npts, trace.stats.delta) for trace in stream}) > 1:
        raise DataError("traces differ in length or sample interval", remedy="write it with one sampling", file=path)
    return stream


def _with_terminators(path: Path) -> io.BytesIO:
    """Return a file with terminators of strings and lines of one or two bytes, the standard's where it has others.

    What follows the first byte of a longer terminator is part of the string's length, and stripped.
    """
    content = bytearray(path.read_bytes())
    if len(content) > 14:
        for size, usual in ((8, b"\x01\x00\x00"), (11, b"\x01\n\x00")):
            if content[size] not in (1, 2):
                content[size : size + 3] = usual
    return io.BytesIO(content)


def seg2_recording(path: Path, reading: Reading) -> Recording:
    """Read the headers of a SEG-2 file."""
    stream = _read(path)
    headers = [{str(k).upper(): v for k, v in dict(trace.stats.seg2).items()} for trace in stream]
    fields = {name: np.zeros(len(stream)) for name in HEADERS}
    notes = ["SEG-2: samples are times the descaling factor, in the recorder's unit"]
    for side, key in (("source", "SOURCE_LOCATION"), ("receiver", "RECEIVER_LOCATION")):
        place = np.array([_numbers(path, header, key, 3) for header in headers])
        fields[f"{side}_x"], fields[f"{side}_y"], fields[f"{side}_elevation"] = place.T
    fields["field_record"] = np.array([int(_numbers(path, h, "SHOT_SEQUENCE_NUMBER", 1)[0]) for h in headers])
    fields["trace_number"] = np.array([int(_numbers(path, h, "CHANNEL_NUMBER", 1)[0]) for h in headers])
    fields["trace_kind"] = np.array([_kind(h) for h in headers])
    fields["delay"] = np.array([1e3 * _numbers(path, h, "DELAY", 1)[0] for h in headers])
    unit = str(headers[0].get("UNITS", "")).strip().upper()
    if unit in _METRES:
        for name in ("source_x", "source_y", "source_elevation", "receiver_x", "receiver_y", "receiver_elevation"):
            fields[name] = fields[name] * _METRES[unit]
    stats = stream[0].stats
    return Recording(
        path=path,
        format="SEG-2",
        sample_format=f"{stream[0].data.dtype}",
        endian="little" if first_bytes(path, 1) == b"\x55" else "big",
        traces=len(stream),
        samples=int(stats.npts),
        step=1e-6 * (reading.field("sample_interval") or 1e6 * float(stats.delta)),
        units="metres" if unit in _METRES else None,
        fields=given(fields, reading, len(stream)),
        places={},
        text=tuple(f"{k}: {v}" for k, v in headers[0].items()),
        notes=tuple(notes),
        reader=Seg2Traces(path),
    )


def _kind(header: Mapping[str, Any]) -> int:
    words = str(header.get("TRACE_TYPE", "")).upper()
    if "DEAD" in words:
        return 2
    return 1 if not words or "SEISMIC" in words else 4


def _numbers(path: Path, header: Mapping[str, Any], key: str, count: int) -> list[float]:
    """Return the first `count` numbers of a header string, zeros where there are fewer."""
    words = str(header.get(key, "")).split()[:count]
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = [np.inf]
    if not np.all(np.abs(values) < 1e9):
        text = f"{key} is {' '.join(words)!r}; it must be {count} numbers below 1e9"
        raise DataError(text, remedy="correct the header", file=path)
    return values + [0.0] * (count - len(values))
