"""Opening data files of any kind that seisinv reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seisinv.core.errors import DataError
from seisinv.core.gathers import Gathers
from seisinv.io.files import first_bytes, magic
from seisinv.io.line import Line, build_line
from seisinv.io.reading import Reading
from seisinv.io.recording import Recording
from seisinv.io.seg2 import seg2_recording
from seisinv.io.segy import is_segy, segy_recording
from seisinv.io.su import su_recording, su_table


def open_line(path: str | Path | Sequence[str | Path], reading: Reading | None = None, **options: Any) -> Line:
    """Open a SEG-Y, SU or SEG-2 file, or several that make one line, without reading samples.

    Parameters
    ----------
    path : path or sequence of paths
    reading : Reading, optional
        How headers and samples are to be understood; default: as they say.
    **options
        Those of `Reading`, instead of one: `headers={"source_x": 181}`, `units="feet"`.

    Returns
    -------
    Line
        `line.survey`; `line[shots]` loads shots; `line.notes` says what was assumed.

    Raises
    ------
    DataError, GeometryError
        In one line with the remedy, for a file that cannot be used.
    ConfigError
        If an option is unknown.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(0, 100, every=50), receivers=si.line(0, 100, every=10),
    ...                            wavelet=None, duration=0.1, dt=4e-3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     si.io.write_segy(f"{folder}/line.sgy", si.Gathers(torch.ones(3, 11, 26), survey))
    ...     line = open_line(f"{folder}/line.sgy", units="feet")
    ...     line[[0]].data.shape, round(float(line.survey.shots[2].sources[0, 1]), 2)
    (torch.Size([1, 11, 26]), 30.48)
    """
    reading = reading or Reading(**options)
    return build_line([recording(p, reading) for p in paths_of(path)], reading)


def read_line(path: str | Path | Sequence[str | Path], reading: Reading | None = None, **options: Any) -> Gathers:
    """Read all shots of a file into memory.

    Parameters
    ----------
    path, reading, **options
        As for `open_line`.

    Returns
    -------
    Gathers
        float32 [shot, receiver, time].

    Raises
    ------
    DataError, GeometryError, ConfigError
        As for `open_line`, and for samples that are not finite.

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
    return open_line(path, reading, **options)[:]


#: The same function: a SEG-Y file is one kind of line.
open_segy = open_line
read_segy = read_line


def paths_of(path: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return one path or several as a list."""
    return [Path(path)] if isinstance(path, str | Path) else [Path(p) for p in path]


def recording(path: Path, reading: Reading | None = None) -> Recording:
    """Read the headers of one file of any kind."""
    kind, reading = magic(path), reading or Reading()
    if kind == "gzip":
        raise DataError(
            "the file is compressed; samples are read on demand from plain files only: gunzip it first", file=path
        )
    if kind == "SEG-2":
        return seg2_recording(path, reading)
    if path.suffix.lower() == ".su" and su_table(path, reading):
        return su_recording(path, reading)
    if is_segy(path, reading):
        return segy_recording(path, reading)
    if su_table(path, reading) or path.suffix.lower() == ".su":
        return su_recording(path, reading)
    if kind is not None:
        raise DataError(f"this is a {kind} file", remedy="convert it to SEG-Y, SU or SEG-2", file=path)
    if is_text(path):
        raise DataError("this is a text file", remedy="convert it to SEG-Y, SU or SEG-2", file=path)
    if is_segd(path):
        raise DataError("this is a SEG-D file, which is not read", remedy="convert it to SEG-Y", file=path)
    return segy_recording(path, reading)


def is_text(path: Path) -> bool:
    """Whether the file begins with printable characters only."""
    # Beyond SEG-Y's textual header, which may be plain text, comes a binary one.
    head = first_bytes(path, 4096)
    return bool(head) and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head)


def is_segd(path: Path) -> bool:
    """Whether the first general header is one of SEG-D: a known format code and a date in packed decimal digits.

    SEG Technical Standards Committee 1994, SEG-D revision 1, general header block 1; 2012, revision 3, a storage label
    of 128 bytes before it.
    """
    head = first_bytes(path, 256)
    if head[4:7] == b"SD" or head[4:8] in (b"SD1.", b"SD2.", b"SD3."):
        return True
    start = 128 if head[:4].strip().isdigit() and b"RECORD" in head[:60] else 0
    code, date = head[start + 2 : start + 4].hex(), head[start + 10 : start + 16].hex()
    known = ("0015", "0022", "0024", "0036", "0038", "0042", "0044", "0048", "0058", "8015", "8022", "8024", "8036",
             "8038", "8042", "8044", "8048", "8058", "0200")  # fmt: skip
    return code in known and date[:2].isdigit() and (date[3:].isdigit() or not date.strip("f"))
