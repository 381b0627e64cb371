"""A summary of a data file: traces, geometry, spectrum, and what looks wrong."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seisinv.core.errors import SeisinvError
from seisinv.core.survey import Shot
from seisinv.io.files import magic, uncompressed
from seisinv.io.headers import scaled
from seisinv.io.line import Line, build_line
from seisinv.io.reader import paths_of, recording
from seisinv.io.reading import Reading
from seisinv.io.recording import Recording
from seisinv.io.sensors import unit_of, words

#: Samples are read for the spectrum and the search for dead traces: all traces of a small file, else this many.
_EXAMINED = 400
_SMALL = 20_000_000  # samples
#: The band is where the mean amplitude spectrum is above −20 dB of its maximum.
_BAND_LEVEL = 0.1

Range = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Info:
    """What one file, or several that make a line, hold. Lengths in m, times in s, frequencies in Hz.

    `problem` names what keeps the file from being used as a survey; the geometry is then None. `suspicious` are
    sentences about headers that look wrong and about what was assumed.

    Parameters
    ----------
    paths : tuple of Path
    format, sample_format, endian : str
    size : int
        Bytes.
    traces, samples : int
        Number of traces, and of samples in each.
    step : float, s
        Sample interval.
    units : str
        Unit of lengths, or that the file does not say it.
    scalars : mapping
        Values of the coordinate and elevation scalars.
    examined, flagged_dead, zero, not_finite : int
        Numbers of traces: read for the spectrum, flagged dead, all zero, with NaN or infinite samples.
    amplitude : float
        Largest.
    frequencies, spectrum : arrays (n,)
        Hz, and the mean amplitude spectrum of traces scaled to a maximum of 1.
    band : (low, high), Hz, or None
        Where the spectrum is above −20 dB of its maximum.
    peak : float, Hz, or None
    problem : str or None
    suspicious, text : tuples of str
        What was assumed or looks wrong; the textual header.
    start : float, s
        Time of the first sample.
    shots : int
    receivers_per_shot, offsets, source_x, source_z, receiver_x, receiver_z, water_depth : (low, high), m
    source_spacing, receiver_spacing : float, m
    vertical : str
        How the elevation fields were understood.
    components : mapping of str to (int, str)
        Number of traces and unit of each component; "" for traces that do not say what they measure.
    kinds : tuple of str
        What the sources are, "" for those of which the headers do not tell.
    line : Line or None

    Examples
    --------
    >>> Info.duration.__doc__
    'Record length, s.'
    """

    paths: tuple[Path, ...]
    format: str
    sample_format: str
    endian: str
    size: int
    traces: int
    samples: int
    step: float
    units: str
    scalars: Mapping[str, tuple[int, ...]]
    examined: int
    flagged_dead: int
    zero: int
    not_finite: int
    amplitude: float
    frequencies: np.ndarray
    spectrum: np.ndarray
    band: Range | None
    peak: float | None
    problem: str | None
    suspicious: tuple[str, ...]
    text: tuple[str, ...]
    start: float | None = None
    shots: int | None = None
    receivers_per_shot: tuple[int, int] | None = None
    offsets: Range | None = None
    source_spacing: float | None = None
    receiver_spacing: float | None = None
    source_x: Range | None = None
    source_z: Range | None = None
    receiver_x: Range | None = None
    receiver_z: Range | None = None
    water_depth: Range | None = None
    vertical: str | None = None
    components: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    line: Line | None = None

    @property
    def duration(self) -> float:
        """Record length, s."""
        return self.step * max(self.samples - 1, 0)


def describe(path: str | Path | Sequence[str | Path], reading: Reading | None = None, **options: Any) -> Info:
    """Describe a SEG-Y, SU or SEG-2 file.

    Parameters
    ----------
    path, reading, **options
        As for `open_line`.

    Returns
    -------
    Info
        Also where the geometry is missing: `problem` then names it.

    Raises
    ------
    DataError
        If the file cannot be read as seismic data at all.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(0, 100, every=50), receivers=si.line(0, 100, every=10),
    ...                            wavelet=None, duration=0.1, dt=4e-3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     si.io.write_segy(f"{folder}/line.sgy", si.Gathers(torch.ones(3, 11, 26), survey))
    ...     info = describe(f"{folder}/line.sgy")
    >>> info.shots, info.receiver_spacing
    (3, 10.0)
    """
    reading, paths = reading or Reading(**options), paths_of(path)
    with contextlib.ExitStack() as stack:
        plain = [recording(stack.enter_context(uncompressed(p)), reading) for p in paths]
        recordings = [dataclasses.replace(r, path=p) for r, p in zip(plain, paths, strict=True)]
        info = _samples_and_format(paths, recordings, reading)
        try:
            line = build_line(recordings, reading)
        except SeisinvError as error:
            notes = dict.fromkeys(note for r in recordings for note in r.notes)
            return dataclasses.replace(info, problem=error.message, suspicious=tuple(notes))
        info = _with_geometry(info, line, recordings)
    # The plain copy of a compressed file is gone by now.
    return dataclasses.replace(info, line=None) if any(magic(p) == "gzip" for p in paths) else info


def _samples_and_format(paths: Sequence[Path], recordings: Sequence[Recording], reading: Reading) -> Info:
    first = recordings[0]
    traces = sum(r.traces for r in recordings)
    samples = [_examine(r, max(_EXAMINED // len(recordings), 1)) for r in recordings]
    finite = [np.where(np.isfinite(s), s, 0) for s in samples]
    broken = [~np.isfinite(s).all(axis=1) for s in samples]
    frequencies, spectrum = _spectrum(
        [f for f, r in zip(finite, recordings, strict=True) if r.samples == first.samples], first.step
    )
    band, peak = _band(frequencies, spectrum)
    scalars = {
        name: tuple(int(v) for v in np.unique(np.concatenate([r.fields[f"{name}_scalar"] for r in recordings])))
        for name in ("coordinate", "elevation")
    }
    unit = reading.units or first.units
    return Info(
        paths=tuple(paths),
        format=first.format,
        sample_format=first.sample_format,
        endian=first.endian,
        size=sum(r.path.stat().st_size for r in recordings),
        traces=traces,
        samples=first.samples,
        step=first.step,
        units=unit or "not said; metres assumed",
        scalars=scalars if first.places else {},
        examined=sum(len(s) for s in samples),
        flagged_dead=sum(int(np.isin(r.fields["trace_kind"], (2, 3)).sum()) for r in recordings),
        zero=sum(int((~f.any(axis=1) & ~b).sum()) for f, b in zip(finite, broken, strict=True)),
        not_finite=sum(int(b.sum()) for b in broken),
        amplitude=max(float(np.abs(f).max(initial=0)) for f in finite),
        frequencies=frequencies,
        spectrum=spectrum,
        band=band,
        peak=peak,
        problem=None,
        suspicious=(),
        text=first.text,
    )


def _examine(source: Recording, count: int) -> np.ndarray:
    if source.traces * source.samples <= _SMALL:
        return source.reader.load(np.arange(source.traces))
    chosen = np.unique(np.linspace(0, source.traces - 1, count).astype(int))
    return source.reader.load(chosen)


def _spectrum(samples: Sequence[np.ndarray], step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies, Hz, and the mean amplitude spectrum of traces scaled to one maximum, without their means."""
    traces = np.concatenate(samples).astype(float)
    if step <= 0 or traces.shape[1] < 8:
        return np.zeros(0), np.zeros(0)
    traces = traces - traces.mean(axis=1, keepdims=True)
    largest = np.abs(traces).max(axis=1, keepdims=True)
    traces = traces[largest[:, 0] > 0][:_EXAMINED] / largest[largest[:, 0] > 0][:_EXAMINED]
    taper = np.hanning(traces.shape[1] + 2)[1:-1] ** 0.25
    frequencies = np.fft.rfftfreq(traces.shape[1], step)
    if not len(traces):
        return frequencies, np.zeros(len(frequencies))
    return frequencies, np.abs(np.fft.rfft(traces * taper)).mean(axis=0)


def _band(frequencies: np.ndarray, spectrum: np.ndarray) -> tuple[Range | None, float | None]:
    if not spectrum.any():
        return None, None
    inside = frequencies[spectrum >= _BAND_LEVEL * spectrum.max()]
    return (float(inside[0]), float(inside[-1])), float(frequencies[np.argmax(spectrum)])


def _with_geometry(info: Info, line: Line, recordings: Sequence[Recording]) -> Info:
    survey = line.survey
    sources = np.concatenate([shot.sources for shot in survey.shots])
    receivers = np.concatenate([shot.receivers for shot in survey.shots])
    counts = [len(shot.receivers) for shot in survey.shots]
    offsets = np.abs(survey.offsets[np.isfinite(survey.offsets)])
    return dataclasses.replace(
        info,
        suspicious=(*line.notes, *_suspicious(info, line, recordings)),
        start=survey.time.start,
        samples=survey.time.samples,
        shots=len(survey),
        receivers_per_shot=(min(counts), max(counts)),
        offsets=_extent(offsets),
        source_spacing=_spacing(sources[:, 1]),
        receiver_spacing=_receiver_spacing(line),
        source_x=_extent(sources[:, 1]),
        source_z=_extent(sources[:, 0]),
        receiver_x=_extent(receivers[:, 1]),
        receiver_z=_extent(receivers[:, 0]),
        water_depth=_water(recordings, line),
        vertical=line.vertical,
        components=_components(line),
        kinds=tuple(dict.fromkeys("" if s.kinds is None else words(s.kinds[0]) for s in survey.shots)),
        line=line,
    )


def _components(line: Line) -> dict[str, tuple[int, str]]:
    counts: dict[str, int] = {}
    for shot in line.survey.shots:
        names = shot.components or ("",) * len(shot.receivers)
        for name in dict.fromkeys(names):
            counts[name] = counts.get(name, 0) + names.count(name)
    return {name: (count, unit_of(name)) for name, count in counts.items()}


def _extent(values: np.ndarray) -> Range:
    return float(values.min()), float(values.max())


def _spacing(x: np.ndarray) -> float | None:
    distinct = np.unique(np.round(x, 3))
    return float(np.round(np.median(np.diff(distinct)), 3)) if len(distinct) > 1 else None


def _receiver_spacing(line: Line) -> float | None:
    """Median over shots: stations of all shots together may interleave."""
    spacings = [s for shot in line.survey.shots if (s := _spacing(shot.receivers[:, 1])) is not None]
    return float(np.median(spacings)) if spacings else None


def _water(recordings: Sequence[Recording], line: Line) -> Range | None:
    names = ("source_water_depth", "receiver_water_depth")
    depths = np.concatenate([scaled(r.fields[n], r.fields["elevation_scalar"]) for r in recordings for n in names])
    depths = depths[depths != 0] * line.unit
    return _extent(depths) if len(depths) else None


def _suspicious(info: Info, line: Line, recordings: Sequence[Recording]) -> list[str]:
    found: list[str] = []
    survey = line.survey
    doubled = sum(len(s.receivers) - len(np.unique(_places(s), axis=0)) for s in survey.shots)
    if not np.nanmax(np.abs(survey.offsets)):
        found.append("source and receiver coincide in every trace: this looks like a section or a model, not shots")
    if doubled:
        found.append(f"{doubled:,} traces share shot and receiver position with another (several components?)")
    if info.flagged_dead:
        found.append(f"{info.flagged_dead:,} traces are flagged dead and are ignored")
    if info.not_finite:
        found.append(f"{info.not_finite:,} traces hold NaN or infinite samples")
    return found


def _places(shot: Shot) -> np.ndarray:
    """Return where receivers are, to the millimetre, and the number of what they measure."""
    names = shot.components or ("",) * len(shot.receivers)
    numbers = {name: k for k, name in enumerate(dict.fromkeys(names))}
    return np.column_stack([np.round(shot.receivers, 3), [numbers[name] for name in names]])
