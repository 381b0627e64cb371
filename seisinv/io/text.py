"""Information on a data file as lines of plain text."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seisinv.core.errors import Message, printable
from seisinv.io.info import Info, Range
from seisinv.io.line import Line


def info_text(info: Info) -> Message:
    """Return the information on a file as lines of plain text.

    Parameters
    ----------
    info : Info

    Returns
    -------
    Message

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(0, 100, every=50), receivers=si.line(0, 100, every=10),
    ...                            wavelet=None, duration=0.1, dt=4e-3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     si.io.write_segy(f"{folder}/line.sgy", si.Gathers(torch.ones(3, 11, 26), survey))
    ...     info = si.io.describe(f"{folder}/line.sgy")
    >>> print(info_text(info).splitlines()[2])
    traces            33 of 26 samples
    """
    rows = [("file", printable(", ".join(map(str, info.paths)))), *facts(info)]
    lines = [f"{name:<18}{value}" for name, value in rows]
    if info.problem:
        lines += ["", Message("Not usable as a survey: ", info.problem)]
    if info.suspicious:
        lines += ["", "Assumed or suspicious:", *(Message("  - ", sentence) for sentence in info.suspicious)]
    return Message(*[part for line in lines for part in ("\n", line)][1:])


def facts(info: Info) -> list[tuple[str, str]]:
    """Return name and value, in words and units, of all that is known.

    Parameters
    ----------
    info : Info

    Returns
    -------
    list of (name, value)

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(0, 100, every=50), receivers=si.line(0, 100, every=10),
    ...                            wavelet=None, duration=0.1, dt=4e-3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     si.io.write_segy(f"{folder}/line.sgy", si.Gathers(torch.ones(3, 11, 26), survey))
    ...     info = si.io.describe(f"{folder}/line.sgy")
    >>> facts(info)[1]
    ('traces', '33 of 26 samples')
    """
    rows = [
        ("format", f"{info.format}, {info.sample_format}, {info.endian} endian, {_bytes(info.size)}"),
        ("traces", f"{info.traces:,} of {info.samples:,} samples"),
        ("sampling", f"{info.step * 1e3:g} ms, record {info.duration:g} s" if info.step > 0 else "unknown"),
    ]
    if info.start is not None:
        rows[-1] = ("sampling", f"{rows[-1][1]}, first sample at {info.start * 1e3:g} ms")
    if info.band and info.peak is not None:
        rows.append(("band (-20 dB)", f"{info.band[0]:.3g} to {info.band[1]:.3g} Hz, peak {info.peak:.3g} Hz"))
    rows.append(("amplitude", f"up to {info.amplitude:.4g}"))
    if info.shots is not None:
        rows.append(("shots", f"{info.shots:,}{_every(info.source_spacing)}"))
    if info.receivers_per_shot:
        low, high = info.receivers_per_shot
        count = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        rows.append(("receivers", f"{count} per shot{_every(info.receiver_spacing)}"))
    if any(info.components):
        said = ((name or "not said", f" ({unit})" * bool(unit), n) for name, (n, unit) in info.components.items())
        rows.append(("components", ", ".join(f"{name}{unit}: {count:,} traces" for name, unit, count in said)))
    if any(info.kinds):
        rows.append(("sources", "; ".join(kind or "not said" for kind in info.kinds)))
    for name, values in (
        ("offsets", info.offsets),
        ("source x", info.source_x),
        ("source depth", info.source_z),
        ("receiver x", info.receiver_x),
        ("receiver depth", info.receiver_z),
        ("water depth", info.water_depth),
    ):
        if values is not None:
            rows.append((name, f"{_span(values)} m"))
    rows.append(("units", info.units))
    if info.scalars:
        rows.append(("scalars", "; ".join(f"{k} {', '.join(map(str, v))}" for k, v in info.scalars.items())))
    of = "" if info.examined == info.traces else f" (of {info.examined:,} examined)"
    rows.append(("dead traces", f"{info.flagged_dead:,} flagged, {info.zero:,} all zero{of}"))
    if info.not_finite:
        rows.append(("NaN or infinite", f"in {info.not_finite:,} traces{of}"))
    return rows


def _every(spacing: float | None) -> str:
    return "" if spacing is None else f", every {spacing:g} m"


def _bytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size > 5e5 else f"{size / 1e3:,.1f} kB"


def _span(values: Range) -> str:
    low, high = (f"{value:,.1f}".removesuffix(".0") for value in values)
    return low if low == high else f"{low} to {high}"


def geometry_lines(line: Line) -> Iterator[str]:
    """Yield the geometry of a line as text: remarks, then a shot each.

    Parameters
    ----------
    line : Line

    Yields
    ------
    str

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(0, 100, every=50), receivers=si.line(0, 100, every=10),
    ...                            wavelet=None, duration=0.1, dt=4e-3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     si.io.write_segy(f"{folder}/line.sgy", si.Gathers(torch.ones(3, 11, 26), survey))
    ...     texts = list(geometry_lines(si.io.open_line(f"{folder}/line.sgy")))
    >>> texts[-1].split()[:5]
    ['3', '100.00', '0.00', '11', '0.00']
    """
    for note in line.notes:
        yield Message("- ", note)
    columns = {"shot": 6, "source x": 11, "z, m": 9, "traces": 8, "receiver x, m": 24, "z, m ": 20, "distance, m": 20}
    yield "".join(f"{name:>{width}}" for name, width in columns.items()) + f"{'dead':>6}"
    survey = line.survey
    for shot, reach, rows in zip(survey.shots, np.abs(survey.reaches), line.rows, strict=True):
        (z, x), low, high = shot.sources[0], shot.receivers.min(axis=0), shot.receivers.max(axis=0)
        near, far = reach[: len(rows)].min(), reach[: len(rows)].max()
        words = (
            f"{shot.number}", f"{x:.2f}", f"{z:.2f}", f"{len(rows)}", f"{low[1]:.2f} to {high[1]:.2f}",
            f"{low[0]:.2f} to {high[0]:.2f}", f"{near:.1f} to {far:.1f}",
        )  # fmt: skip
        row = "".join(f"{word:>{width}}" for word, width in zip(words, columns.values(), strict=True))
        yield f"{row}{line.dead[rows].sum():>6}"
