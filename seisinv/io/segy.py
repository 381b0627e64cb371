"""SEG-Y and SU files through segyio: headers without samples, samples of chosen traces.

SEG-Y revision 0 to 2.1 with fixed trace length; SU, which is SEG-Y's traces without the file headers.
Barry, Cavers & Kneale 1975; SEG Technical Standards Committee 2002, 2023.
"""

from __future__ import annotations

import contextlib
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seisinv.core.errors import DataError
from seisinv.core.files import reason
from seisinv.io.files import first_bytes
from seisinv.io.headers import HEADERS, WIDTHS
from seisinv.io.recording import Recording

#: Sample formats that are read: code, name, bytes per sample.
FORMATS = {
    1: ("4-byte IBM float", 4),
    2: ("4-byte signed integer", 4),
    3: ("2-byte signed integer", 2),
    5: ("4-byte IEEE float", 4),
    6: ("8-byte IEEE float", 8),
    8: ("1-byte signed integer", 1),
    9: ("8-byte signed integer", 8),
    10: ("4-byte unsigned integer", 4),
    11: ("2-byte unsigned integer", 2),
    12: ("8-byte unsigned integer", 8),
    16: ("1-byte unsigned integer", 1),
}
_REFUSED = {4: "4-byte fixed point with gain", 7: "3-byte signed integer", 15: "3-byte unsigned integer"}
_FILE_HEADER = 3600
_TRACE_HEADER = 240
_UNSIGNED = {"sample_count", "sample_interval"}
_ENDIAN = {"big": ">", "little": "<"}


@dataclass(frozen=True)
class BinaryHeader:
    """What seisinv needs of the 400-byte binary file header."""

    endian: str
    format: int
    samples: int
    interval: int  # µs
    measurement: int
    revision: tuple[int, int]
    first_trace: int  # byte offset


def is_segy(path: Path) -> bool:
    """Whether the file has SEG-Y file headers and a whole number of traces after them."""
    try:
        header = binary_header(path)
        return _trace_count(path, header) > 0
    except DataError:
        return False


def binary_header(path: Path) -> BinaryHeader:
    """Read and check the binary header; the byte order is the one in which the sample format code is known."""
    head = first_bytes(path, _FILE_HEADER)
    if len(head) < _FILE_HEADER:
        text = f"not a SEG-Y file: it has {len(head)} bytes and the file headers alone need 3600"
        raise DataError(text, file=path)
    codes = {endian: struct.unpack_from(f"{order}h", head, 3224)[0] for endian, order in _ENDIAN.items()}
    endian = next((e for e, code in codes.items() if code in FORMATS or code in _REFUSED), "")
    code = codes.get(endian, codes["big"])
    order = _ENDIAN.get(endian, ">")
    if not endian:
        raise DataError(
            f"not a SEG-Y file that seisinv reads: the sample format code (bytes 3225-3226) is {code}",
            limit=f"known are {', '.join(map(str, FORMATS))}",
            file=path,
        )
    if code in _REFUSED:
        text = f"samples are {_REFUSED[code]} (format {code}), which is not read"
        raise DataError(text, remedy="convert the file to format 5", file=path)
    interval, samples = struct.unpack_from(f"{order}H2xH", head, 3216)
    (measurement,) = struct.unpack_from(f"{order}h", head, 3254)
    revision = _revision(head)
    (extended,) = struct.unpack_from(f"{order}h", head, 3504)
    if revision[0] >= 2:
        samples = _second_revision(path, head, order, samples, extended)
    if samples == 0:
        text = "the number of samples per trace (bytes 3221-3222 of the binary header) is 0"
        raise DataError(text, remedy="set it to the sample count of the traces", file=path)
    if extended < 0:
        text = "a variable number of extended textual headers is not read"
        raise DataError(text, remedy="remove them", file=path)
    return BinaryHeader(endian, code, samples, interval, measurement, revision, _FILE_HEADER + 3200 * extended)


def _revision(head: bytes) -> tuple[int, int]:
    major, minor = head[3500], head[3501]
    return (major, minor) if major in (0, 1, 2) else (0, 0)


def _second_revision(path: Path, head: bytes, order: str, samples: int, extended: int) -> int:
    more_headers, first_trace = struct.unpack_from(f"{order}i10xQ", head, 3506)
    if more_headers != 0:
        text = f"{more_headers} additional trace headers per trace (revision 2) are not read"
        raise DataError(text, file=path)
    if first_trace not in (0, _FILE_HEADER + 3200 * extended):
        text = f"the first trace is said to begin at byte {first_trace} (revision 2), which is not read"
        raise DataError(text, file=path)
    (extended_samples,) = struct.unpack_from(f"{order}I", head, 3268)
    return extended_samples or samples


def _trace_count(path: Path, header: BinaryHeader) -> int:
    size = path.stat().st_size - header.first_trace
    length = _TRACE_HEADER + header.samples * FORMATS[header.format][1]
    if size <= 0:
        text = "the file has no traces: it ends after its file headers"
        raise DataError(text, remedy="write or copy it again", file=path)
    count, rest = divmod(size, length)
    if rest:
        raise DataError(
            f"the file is truncated or its sample count is wrong: {size:,} bytes of traces are {count:,} traces of "
            f"{header.samples} samples (bytes 3221-3222) and {rest:,} bytes more",
            remedy=_truncation_remedy(path, header, size),
            file=path,
        )
    return count


def _truncation_remedy(path: Path, header: BinaryHeader, size: int) -> str:
    head = first_bytes(path, header.first_trace + _TRACE_HEADER)[header.first_trace :]
    if len(head) == _TRACE_HEADER:
        (samples,) = struct.unpack_from(f"{_ENDIAN[header.endian]}H", head, 114)
        if samples and size % (_TRACE_HEADER + samples * FORMATS[header.format][1]) == 0:
            return f"the traces' own count, {samples} (bytes 115-116), would fit: write it to bytes 3221-3222"
    return "copy it again, or correct the count"


@dataclass(frozen=True)
class SegyTraces:
    """Samples of a SEG-Y or SU file, loaded through segyio."""

    path: Path
    endian: str
    is_su: bool

    def load(self, traces: np.ndarray) -> np.ndarray:
        """Return samples [trace, time], float32, of the traces numbered (from 0) in `traces`."""
        with _opened(self) as file:
            out = np.empty((len(traces), len(file.samples)), np.float32)
            order = np.argsort(traces, kind="stable")
            for run in np.split(order, np.flatnonzero(np.diff(traces[order]) != 1) + 1):
                if len(run):
                    first = int(traces[run[0]])
                    # Doubles beyond the range of float32 become infinite and are refused by the caller.
                    with np.errstate(over="ignore", invalid="ignore"):
                        out[run] = file.trace.raw[first : first + len(run)]
        return out

    def field(self, byte: int) -> np.ndarray:
        """Return one header field of every trace."""
        with _opened(self) as file:
            return np.array(file.attributes(byte)[:])

    def varying(self) -> list[str]:
        """Name the bytes of header fields that differ between traces."""
        with _opened(self) as file:
            columns = ((byte, np.asarray(file.attributes(byte)[:])) for byte in sorted(WIDTHS) if byte > 8)
            return [f"{b}-{b + WIDTHS[b] - 1}" for b, values in columns if values.min() != values.max()]


@contextlib.contextmanager
def _opened(traces: SegyTraces) -> Iterator[Any]:
    import segyio
    import segyio.su

    opener = segyio.su.open if traces.is_su else segyio.open
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = opener(str(traces.path), ignore_geometry=True, endian=traces.endian)
    except Exception as error:  # segyio raises many types; each means that it cannot read the file
        text = f"segyio cannot open it: {reason(error)}"
        raise DataError(text, remedy="copy it again", file=traces.path) from error
    with file:
        # Without a memory map segyio reads through stdio, slower but equal.
        file.mmap()
        yield file


def segy_recording(path: Path, bytes_by_name: dict[str, int]) -> Recording:
    """Read the headers of a SEG-Y file."""
    header = binary_header(path)
    count = _trace_count(path, header)
    reader = SegyTraces(path, header.endian, is_su=False)
    fields = _fields(reader, bytes_by_name)
    if len(fields["trace_kind"]) != count:
        raise DataError(
            f"segyio finds {len(fields['trace_kind'])} traces where the file has room for {count} of {header.samples} "
            "samples",
            remedy="correct the binary header",
            file=path,
        )
    notes: list[str] = []
    step = _step(header.interval, fields, notes)
    wrong = fields["sample_count"][(fields["sample_count"] != header.samples) & (fields["sample_count"] != 0)]
    if len(wrong):
        notes.append(
            f"{len(wrong):,} of {count:,} trace headers say {wrong[0]} samples (bytes 115-116), the file holds "
            f"{header.samples} per trace, which is used"
        )
    major, minor = header.revision
    return Recording(
        path=path,
        format=f"SEG-Y revision {major}" + (f".{minor}" if major == 2 else ""),
        sample_format=FORMATS[header.format][0],
        endian=header.endian,
        traces=count,
        samples=header.samples,
        step=step,
        units={1: "metres", 2: "feet"}.get(header.measurement),
        fields=fields,
        bytes_by_name=bytes_by_name,
        text=_text(path),
        notes=tuple(notes),
        reader=reader,
    )


def _fields(reader: SegyTraces, bytes_by_name: dict[str, int]) -> dict[str, np.ndarray]:
    with _opened(reader) as file:
        fields = {name: np.array(file.attributes(byte)[:]) for name, byte in bytes_by_name.items()}
    # The standard's 16-bit counts are read as signed; nothing has a negative count.
    for name in _UNSIGNED:
        if WIDTHS[bytes_by_name[name]] == 2:
            fields[name] = fields[name] & 0xFFFF
    if reader.is_su and bytes_by_name["time_scalar"] == HEADERS["time_scalar"].byte:
        # SU keeps its own numbers from byte 181 on.
        fields["time_scalar"] = np.zeros_like(fields["time_scalar"])
    return fields


def _step(binary: int, fields: dict[str, np.ndarray], notes: list[str]) -> float:
    trace = np.unique(fields["sample_interval"])
    trace = trace[trace > 0]
    if len(trace) > 1:
        notes.append(f"sample intervals differ between traces: {trace.min()} to {trace.max()} µs")
    if not binary:
        return float(trace[0]) * 1e-6 if len(trace) else 0.0
    if len(trace) and binary not in trace:
        notes.append(f"trace headers say {trace[0]} µs per sample, the binary header {binary} µs, which is used")
    return binary * 1e-6


def _text(path: Path) -> tuple[str, ...]:
    raw = first_bytes(path, 3200)
    # 'C' and space in EBCDIC are 0xC3 and 0x40; in ASCII text those are rare.
    ebcdic = raw.count(b"\x40") + raw.count(b"\xc3") > raw.count(b"\x20") + raw.count(b"\x43")
    text = raw.decode("cp037" if ebcdic else "latin-1")
    clean = "".join(c if c.isprintable() else " " for c in text)
    return tuple(clean[k : k + 80].rstrip() for k in range(0, 3200, 80))


def su_endian(path: Path) -> str | None:
    """Return the byte order in which the file is a whole number of SU traces, or None if it is in neither."""
    head = first_bytes(path, _TRACE_HEADER)
    if len(head) < _TRACE_HEADER:
        return None
    size = path.stat().st_size
    for endian, order in _ENDIAN.items():
        samples, interval = struct.unpack_from(f"{order}HH", head, 114)
        if samples > 1 and interval > 0 and size % (_TRACE_HEADER + 4 * samples) == 0:
            return endian
    return None


def su_recording(path: Path, bytes_by_name: dict[str, int]) -> Recording:
    """Read the trace headers of an SU file."""
    endian = su_endian(path)
    if endian is None:
        raise DataError(
            "not an SU file, or truncated: its length is not a whole number of traces of the sample count in bytes "
            "115-116 of its first header, in either byte order",
            remedy="copy it again",
            file=path,
        )
    reader = SegyTraces(path, endian, is_su=True)
    fields = _fields(reader, bytes_by_name)
    samples = int(fields["sample_count"][0])
    notes: list[str] = []
    if np.any(fields["sample_count"] != samples):
        text = "traces have different lengths (bytes 115-116)"
        raise DataError(text, remedy="write it with one length", file=path)
    return Recording(
        path=path,
        format="SU",
        sample_format="4-byte IEEE float",
        endian=endian,
        traces=len(fields["sample_count"]),
        samples=samples,
        step=_step(0, fields, notes),
        units=None,
        fields=fields,
        bytes_by_name=bytes_by_name,
        text=(),
        notes=tuple(notes),
        reader=reader,
    )
