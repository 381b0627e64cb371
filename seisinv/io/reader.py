"""Opening data files of any kind that seisinv reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from seisinv.core.errors import DataError
from seisinv.core.gathers import Gathers
from seisinv.io.files import first_bytes, magic
from seisinv.io.geometry import Reading
from seisinv.io.headers import resolve
from seisinv.io.line import Line, build_line
from seisinv.io.recording import Recording
from seisinv.io.seg2 import seg2_recording
from seisinv.io.segy import is_segy, segy_recording, su_endian, su_recording


def open_line(
    path: str | Path | Sequence[str | Path],
    *,
    headers: Mapping[str, int] | None = None,
    units: str | None = None,
    coordinate_units: str | None = None,
    vertical: str | None = None,
    datum: float = 0.0,
    shots_by: str | None = None,
) -> Line:
    """Open a SEG-Y, SU or SEG-2 file, or several that make one line, without reading samples.

    Parameters
    ----------
    path : path or sequence of paths
    headers : mapping of field name to byte, optional
        Where the file keeps fields of `HEADERS` in other bytes than the standard, counted from 1:
        `{"source_x": 181}`.
    units : "metres" or "feet", optional
        Default: what the file says, else metres. Feet are converted.
    coordinate_units : "length", optional
        Take coordinates as lengths though the file calls them angles.
    vertical : "elevation" or "depth", optional
        Whether the elevation fields hold heights (up) or depths (down). Default: heights, unless they cannot be.
    datum : float, m
        Elevation of z = 0; z = datum − elevation + depth.
    shots_by : "record" or "position", optional
        Tell shots apart by field record and source position (default), or by source position alone.

    Returns
    -------
    Line
        `line.survey`; `line[shots]` loads shots; `line.notes` says what was assumed.

    Raises
    ------
    DataError, GeometryError
        In one line with the remedy, for a file that cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(0, 100, every=50), receivers=si.line(0, 100, every=10),
    ...                            wavelet=None, duration=0.1, dt=4e-3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     si.io.write_segy(f"{folder}/line.sgy", si.Gathers(torch.ones(3, 11, 26), survey))
    ...     line = open_line(f"{folder}/line.sgy")
    ...     line[[0]].data.shape
    torch.Size([1, 11, 26])
    """
    reading = Reading(headers, units, coordinate_units, vertical, datum, shots_by)
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(p) for p in path]
    if not paths:
        raise DataError("no file was given; pass one path or several")
    return build_line([recording(p, headers) for p in paths], reading)


def read_line(
    path: str | Path | Sequence[str | Path],
    *,
    headers: Mapping[str, int] | None = None,
    units: str | None = None,
    coordinate_units: str | None = None,
    vertical: str | None = None,
    datum: float = 0.0,
    shots_by: str | None = None,
) -> Gathers:
    """Read all shots of a file into memory.

    Parameters
    ----------
    path, headers, units, coordinate_units, vertical, datum, shots_by
        As for `open_line`.

    Returns
    -------
    Gathers
        float32 [shot, receiver, time].

    Raises
    ------
    DataError, GeometryError
        For a file that cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(0, 100, every=50), receivers=si.line(0, 100, every=10),
    ...                            wavelet=None, duration=0.1, dt=4e-3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     si.io.write_segy(f"{folder}/line.sgy", si.Gathers(torch.ones(3, 11, 26), survey))
    ...     read_line(f"{folder}/line.sgy").data.shape
    torch.Size([3, 11, 26])
    """
    return open_line(
        path,
        headers=headers,
        units=units,
        coordinate_units=coordinate_units,
        vertical=vertical,
        datum=datum,
        shots_by=shots_by,
    )[:]


#: The same function: a SEG-Y file is one kind of line.
open_segy = open_line
read_segy = read_line


def recording(path: Path, headers: Mapping[str, int] | None = None) -> Recording:
    """Read the headers of one file of any kind."""
    kind = magic(path)
    bytes_by_name = resolve(headers)
    if kind == "gzip":
        raise DataError(
            "the file is compressed; samples are read on demand from plain files only: gunzip it first", file=path
        )
    if kind == "SEG-2":
        return seg2_recording(path)
    if path.suffix.lower() == ".su" and su_endian(path):
        return su_recording(path, bytes_by_name)
    if is_segy(path):
        return segy_recording(path, bytes_by_name)
    if su_endian(path) or path.suffix.lower() == ".su":
        return su_recording(path, bytes_by_name)
    if kind is not None:
        raise DataError(f"this is a {kind} file", remedy="convert it to SEG-Y, SU or SEG-2", file=path)
    if is_text(path):
        raise DataError("this is a text file", remedy="convert it to SEG-Y, SU or SEG-2", file=path)
    return segy_recording(path, bytes_by_name)


def is_text(path: Path) -> bool:
    """Whether the file begins with printable characters only."""
    # Beyond SEG-Y's textual header, which may be plain text, comes a binary one.
    head = first_bytes(path, 4096)
    return bool(head) and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head)
