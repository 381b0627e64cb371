"""A seismic line on disk: its survey from the headers, its samples only when shots are asked for."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from seisinv.core.arrays import check_memory
from seisinv.core.errors import Argument, DataError, Message
from seisinv.core.gathers import Gathers, refuse_nan
from seisinv.core.survey import Shot, Survey, TimeAxis
from seisinv.io.components import joined, what_is_heard
from seisinv.io.geometry import Positions, at, positions
from seisinv.io.headers import scaled
from seisinv.io.plausible import odd_traces, refuse_unsaid_feet, without_far_traces
from seisinv.io.polarity import backward, upside
from seisinv.io.projection import Projection, best_line, onto_section, to_metres
from seisinv.io.reading import Reading
from seisinv.io.recording import Recording, TraceReader
from seisinv.io.shots import SeismicTraces, components_of, kinds_of, sort_into_shots
from seisinv.io.tables import Edits, layout_of, read_tables, with_geometry

log = logging.getLogger("seisinv.io")

_STEPS = (2e-5, 0.02)  # s; sample intervals that need no remark


@dataclass(frozen=True, eq=False)
class Line:
    """Recorded shots on disk; satisfies `seisinv.core.Observed`.

    Parameters
    ----------
    paths : tuple of Path
    survey : Survey
        Positions (z, x) in metres along the line; no wavelet.
    notes : tuple of str
        What was assumed and what looked odd, one sentence each.
    projection : Projection
        The line in the file's coordinates, and the distance lost on it.
    vertical : str
        `elevation` or `depth`: how the elevation fields were understood.
    unit : float
        Metres per length unit of the file.
    text : tuple of str
        Lines of the first file's textual header.
    rows : tuple of arrays
        The traces of each shot, as they are counted in `dead`, `shift` and `sign`.
    dead, shift : arrays (trace,)
        Whether a trace is dead, and by how many samples it starts later than the time axis.
    readers : tuple of (int, TraceReader)
        The number of the first trace of each file, and what loads its samples.
    sign : array (trace,), optional
        What samples are multiplied by: 1, or -1 for reversed polarity.
    index : array (trace,), optional
        The traces' numbers through all files; default: all of them.

    Examples
    --------
    >>> line = open_line("line12.sgy")  # doctest: +SKIP
    >>> line[0:2].data.shape  # doctest: +SKIP
    torch.Size([2, 120, 1500])
    """

    paths: tuple[Path, ...]
    survey: Survey
    notes: tuple[str, ...]
    projection: Projection
    vertical: str
    unit: float
    rows: tuple[np.ndarray, ...] = dataclasses.field(repr=False)
    dead: np.ndarray = dataclasses.field(repr=False)
    shift: np.ndarray = dataclasses.field(repr=False)
    readers: tuple[tuple[int, TraceReader], ...] = dataclasses.field(repr=False)
    text: tuple[str, ...] = dataclasses.field(repr=False, default=())
    sign: np.ndarray | None = dataclasses.field(repr=False, default=None)
    index: np.ndarray | None = dataclasses.field(repr=False, default=None)

    def __len__(self) -> int:
        return len(self.survey)

    def __getitem__(self, shots: Sequence[int] | slice) -> Gathers:
        """Load some of the shots, in the order given, as float32.

        Raises
        ------
        DataError
            If a live trace holds NaN or infinite samples, or the shots do not fit into the memory.
        """
        index = list(range(len(self))[shots]) if isinstance(shots, slice) else [int(i) for i in shots]
        survey = self.survey.subset(index)
        shape = len(index), survey.max_receivers, survey.time.samples
        check_memory(2 * math.prod(shape), self.paths[0])  # of four bytes per sample: all that is free may be taken
        data = np.zeros(shape, np.float32)
        live = np.zeros(data.shape[:2], bool)
        for k, shot in enumerate(index):
            rows = self.rows[shot]
            traces = self._load(rows if self.index is None else self.index[rows])
            if self.sign is not None and (upside := self.sign[rows] < 0).any():
                traces[upside] = -traces[upside]
            dead = self.dead[rows]
            traces[dead] = np.nan_to_num(traces[dead], nan=0, posinf=0, neginf=0)
            live[k, : len(rows)] = (traces != 0).any(axis=1) & ~dead
            for trace, row, out in zip(traces, rows, data[k], strict=False):
                start = self.shift[row]
                out[start : start + len(trace)] = trace
        found = Gathers(torch.from_numpy(data), survey, torch.from_numpy(live))
        refuse_nan(found.data, found.live, survey, file=self.paths[0])
        return found

    def part(self, shots: Sequence[int]) -> Line:
        """Return the line of some shots, with no more than their headers.

        Parameters
        ----------
        shots : sequence of int

        Returns
        -------
        Line
        """
        kept = [self.rows[k] for k in shots]
        rows = np.concatenate(kept)
        ends = np.cumsum([len(part) for part in kept])
        return dataclasses.replace(
            self,
            survey=self.survey.subset(list(shots)),
            rows=tuple(np.split(np.arange(len(rows)), ends[:-1])),
            dead=self.dead[rows],
            shift=self.shift[rows],
            sign=None if self.sign is None else self.sign[rows],
            index=rows if self.index is None else self.index[rows],
        )

    @property
    def components(self) -> tuple[str, ...]:
        """Names of what the receivers measure; empty where the files do not say."""
        heard = {id(shot.components): shot.components or () for shot in self.survey.shots}  # mostly one tuple for all
        return tuple(dict.fromkeys(name for names in heard.values() for name in names))

    def component(self, *names: str) -> Line:
        """Return the line with the traces of some components.

        Parameters
        ----------
        *names : str
            For example "vz".

        Returns
        -------
        Line
            Shots that have none of them are left out.

        Raises
        ------
        DataError
            If no trace measures them.
        """
        kept = [np.flatnonzero(np.isin(shot.components or (), names)) for shot in self.survey.shots]
        shots = [k for k, rows in enumerate(kept) if len(rows)]
        if not shots:
            known = ", ".join(self.components) or "the traces do not say what they measure"
            raise DataError(f"there is no component {' or '.join(names)}", remedy=f"use one of these: {known}")
        survey = self.survey.subset(shots)
        heard = tuple(shot.listening(kept[k]) for k, shot in zip(shots, survey.shots, strict=True))
        rows = tuple(self.rows[k][kept[k]] for k in shots)
        return dataclasses.replace(self, survey=survey.replace(shots=heard), rows=rows)

    def _load(self, rows: np.ndarray) -> np.ndarray:
        firsts = np.array([first for first, _ in self.readers])
        owner = np.searchsorted(firsts, rows, side="right") - 1
        parts = [(owner == k, first, reader) for k, (first, reader) in enumerate(self.readers) if (owner == k).any()]
        loaded = [(chosen, reader.load(rows[chosen] - first)) for chosen, first, reader in parts]
        out = np.empty((len(rows), loaded[0][1].shape[1]), np.float32)
        for chosen, traces in loaded:
            out[chosen] = traces
        return out


def build_line(recordings: Sequence[Recording], reading: Reading) -> Line:
    """Make one line of the traces of one or several files.

    Raises
    ------
    GeometryError
        If positions are missing, are angles, or all shots are at one place.
    DataError
        If files or traces differ in sampling.
    """
    tables, layout = read_tables(reading.geometry or ()), layout_of(reading.layout)
    placed = [with_geometry(recording, tables, layout) for recording in recordings]
    recordings = [recording for recording, _ in placed]
    named = what_is_heard(recordings, reading)
    delays = [reading.delay(k, len(recordings)) for k in range(len(recordings))]
    files = [k for k, h in enumerate(named) if h.used.any()]  # those that hold what is chosen
    recordings, edits, delays = (
        [recordings[k] for k in files],
        [placed[k][1] for k in files],
        [delays[k] for k in files],
    )
    found = [positions(named[k], reading) for k in files]
    step, samples = _one_sampling(recordings)
    firsts = np.cumsum([0] + [recording.traces for recording in recordings])
    merged, names = _merge(recordings, found, firsts, delays)
    sign = _edited(merged, found, edits, step, upside(merged, names, reading.polarities, recordings[0].path))
    used = _used(found, edits, int(firsts[-1]), firsts)
    sign = None if sign is None else _spread(merged.index, sign, int(firsts[-1]))
    if reading.coordinate_units == "angle":
        plan = to_metres(np.stack([merged.source[:, :2], merged.receiver[:, :2]]))
        merged.source[:, :2], merged.receiver[:, :2] = plan
    notes: list[str] = list(dict.fromkeys(note for f in found for note in f.notes))
    end = float(merged.fields["delay"].max()) + step * (samples - 1)
    merged = without_far_traces(recordings, merged, end, notes)
    shots = sort_into_shots(recordings, merged, reading, notes)
    projection = best_line(merged.source[:, :2], merged.receiver[:, :2])
    x = onto_section(merged.source[:, :2], merged.receiver[:, :2], projection, reading.projection, notes)
    first = np.array([rows[0] for rows in shots])
    source_zx = np.column_stack([merged.source[first, 2], x[0][first]])
    receiver_zx = np.column_stack([merged.receiver[:, 2], x[1]])
    notes += odd_traces(recordings, merged, shots, x, end)
    if (turned := backward(merged, x[1] - x[0], notes)) is not None:
        sign = np.ones(int(firsts[-1]), np.int8) if sign is None else sign
        sign[merged.index[turned]] *= -1
    refuse_unsaid_feet(recordings[0], reading, shots, x[1])
    if found[0].vertical == "elevation" and reading.datum is None and not recordings[0].is_ours:
        above = _above_datum(merged, notes)
        source_zx[:, 0] += above
        receiver_zx[:, 0] += above
    time, shift = _time(recordings[0].path, merged.fields["delay"], step, samples, notes)
    numbers = merged.fields["field_record"]
    places = ((source_zx[k : k + 1], _rows_of(receiver_zx, rows)) for k, rows in enumerate(shots))
    shot_of = [(*place, int(numbers[rows[0]])) for place, rows in zip(places, shots, strict=True)]
    rows_in_files = tuple(_rows_of(merged.index, rows) for rows in shots)
    muted = [None if used is None else used[rows] for rows in rows_in_files]
    kinds, components = kinds_of(recordings, merged, shots, notes), components_of(merged, names, shots)
    parts = zip(shot_of, muted, kinds, components, strict=True)
    survey = Survey(tuple(Shot(*place, times, kind, heard) for place, times, kind, heard in parts), time)
    total = int(firsts[-1])
    for note in notes:
        log.info("%s: %s", recordings[0].path, note)
    return Line(
        paths=tuple(recording.path for recording in recordings),
        survey=survey,
        notes=tuple(notes),
        projection=projection,
        vertical=found[0].vertical,
        unit=found[0].unit,
        rows=rows_in_files,
        dead=_spread(merged.index, merged.dead, total),
        shift=_spread(merged.index, shift, total),
        readers=tuple((int(first), r.reader) for first, r in zip(firsts[:-1], recordings, strict=True)),
        text=recordings[0].text,
        sign=sign,
    )


def _edited(
    traces: SeismicTraces,
    found: Sequence[Positions],
    edits: Sequence[Edits | None],
    step: float,
    upside: np.ndarray | None,
) -> np.ndarray | None:
    """Shift and kill traces as tables say; return the sign of each, None where all are upright."""
    if upside is None and not any(edits):
        return None
    sign, delay = np.ones(len(traces.index), np.int8), np.array(traces.fields["delay"])
    if upside is not None:
        sign[upside] = -1
    at = 0
    for place, edit in zip(found, edits, strict=True):
        here = slice(at, at := at + len(place.index))
        if edit is not None:
            delay[here] += np.round(edit.shift[place.index] / step) * step
            traces.dead[here] |= edit.kill[place.index]
            sign[here] *= np.where(edit.reverse[place.index], -1, 1).astype(np.int8)
    traces.fields["delay"] = delay
    return sign


def _used(
    found: Sequence[Positions], edits: Sequence[Edits | None], total: int, firsts: np.ndarray
) -> np.ndarray | None:
    """Return the first and last time that counts of every trace [trace, 2], None where tables mute none."""
    if not any(edit is not None and np.isfinite(edit.used).any() for edit in edits):
        return None
    out = np.tile([-np.inf, np.inf], (total, 1))
    for first, place, edit in zip(firsts, found, edits, strict=False):
        if edit is not None:
            out[first + place.index] = edit.used[place.index]
    return out


def _merge(
    recordings: Sequence[Recording], found: Sequence[Positions], firsts: np.ndarray, delays: Sequence[float]
) -> tuple[SeismicTraces, tuple[str, ...]]:
    names = ("field_record", "trace_number", "offset", "trace_kind", "source_type", "source_unit")
    fields = {n: _joined([at(r.fields[n], f.index) for r, f in zip(recordings, found, strict=True)]) for n in names}
    delay = _joined([_later(at(_delay(r), f.index), d) for r, f, d in zip(recordings, found, delays, strict=True)])
    units = {f.unit for f in found}
    metres = units.pop() if len(units) == 1 else np.concatenate([np.full(len(f.index), f.unit) for f in found])
    component, called = joined([(f.component, f.names) for f in found])
    traces = SeismicTraces(
        _joined([first + f.index if first else f.index for first, f in zip(firsts, found, strict=False)]),
        _joined([np.full(len(f.index), k, np.int32) for k, f in enumerate(found)]),
        _joined([f.source for f in found]),
        _joined([f.receiver for f in found]),
        _joined([f.dead for f in found]),
        {**fields, "offset": fields["offset"] * metres, "delay": delay},
        firsts,
        _joined(component),
    )
    return traces, called


def _later(delay: np.ndarray, by: float) -> np.ndarray:
    return delay + by if by else delay


def _rows_of(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return some rows; without a copy where they follow each other."""
    first, last = int(rows[0]), int(rows[-1])
    is_run = last - first == len(rows) - 1 and bool((np.diff(rows) == 1).all())
    return values[first : last + 1] if is_run else values[rows]


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return arrays one after another; one alone without a copy."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _spread(index: np.ndarray, values: np.ndarray, total: int) -> np.ndarray:
    if len(index) == total and (np.diff(index) == 1).all():
        return values
    out = np.zeros(total, values.dtype)
    out[index] = values
    return out


def _one_sampling(recordings: Sequence[Recording]) -> tuple[float, int]:
    first = recordings[0]
    for other in recordings:
        if not 0 < other.step < np.inf:
            raise DataError(
                "the sample interval is 0 in every header (bytes 3217-3218 of the file, 117-118 of the traces)",
                remedy=(
                    Message("give it in µs, e.g. ", Argument("data.values", {"sample_interval": 500})),
                    Message("map it, e.g. ", Argument("data.headers", {"sample_interval": 181})),
                ),
                file=other.path,
            )
        if abs(other.step - first.step) > 1e-9 or other.samples != first.samples:
            raise DataError(
                f"{other.path} has {other.samples} samples of {other.step * 1e3:g} ms, {first.path} has "
                f"{first.samples} of {first.step * 1e3:g} ms; resample them to one interval or open them separately"
            )
        if other.samples < 2:
            raise DataError(f"{other.samples} sample per trace; at least 2 are needed", file=other.path)
    return first.step, first.samples


def _above_datum(traces: SeismicTraces, notes: list[str]) -> float:
    """Return how far the highest position lies above the datum, m, where z = 0 is put then, and said."""
    z = np.concatenate([traces.source[~traces.dead, 2], traces.receiver[~traces.dead, 2]])
    highest = -float(z.min(initial=0.0))
    if highest <= 0.01:
        return 0.0
    lowest = highest + float(z.max())
    ground = f"; they reach down to z = {lowest:g} m: above the ground, rock is assumed, not air" * (lowest > 0.01)
    notes.append(
        Message(
            f"z = 0 is put at the elevation of the highest position, {highest:g} m (",
            Argument("data.datum", 0.0), " for zero elevation; ",
            Argument("data.vertical", "depth"), " if the elevation fields hold depths)" + ground,
        )
    )  # fmt: skip
    return highest


def _time(path: Path, delay: np.ndarray, step: float, samples: int, notes: list[str]) -> tuple[TimeAxis, np.ndarray]:
    """Return the common time axis and by how many samples each trace starts later than it."""
    start, count = float(delay.min()), len(delay)
    delay = delay[:1] if delay.strides == (0,) else delay
    later = (delay - start) / step
    if later.max() > 4 * samples:
        raise DataError(
            f"recording delays run from {start * 1e3:g} to {delay.max() * 1e3:g} ms, traces last "
            f"{samples * step * 1e3:g} ms",
            remedy="check delay (bytes 109-110) and its scalar (215-216)",
            file=path,
        )
    shift = np.round(later).astype(int)
    longest = int(shift.max())
    # The header counts milliseconds: half of one is its rounding.
    if np.abs(later - shift).max() * step > max(1e-3 * step, 0.5e-3 if step > 1e-3 else 0.0):
        raise DataError(
            f"recording delays ({start * 1e3:g} to {delay.max() * 1e3:g} ms) differ by parts of a sample",
            remedy="shift the traces to one start time",
            file=path,
        )
    duration = step * (samples - 1)
    if abs(start) > max(duration, 1.0):
        notes.append(
            f"records of {duration:g} s begin {start:g} s after the source: is the delay (bytes 109-110) right?"
        )
    if not _STEPS[0] <= step <= _STEPS[1]:
        notes.append(f"the sample interval is {step * 1e3:g} ms, unusual for seismic data: is it right?")
    if longest:
        notes.append(
            f"recording starts between {start * 1e3:g} and {delay.max() * 1e3:g} ms: traces are padded with zeros "
            "to one axis"
        )
    return TimeAxis(step, samples + longest, start), np.broadcast_to(shift, count)


def _delay(recording: Recording) -> np.ndarray:
    scalar, delay = recording.fields["time_scalar"], recording.fields["delay"]
    if scalar.strides == delay.strides == (0,):
        scalar, delay = scalar[:1], delay[:1]
    # Bytes 181 to 240 hold other things in old files; a scalar is a power of ten up to 10 000.
    scalar = np.where(np.isin(np.abs(scalar), (1, 10, 100, 1000, 10000)), scalar, 1)
    return np.broadcast_to(1e-3 * scaled(delay.astype(float), scalar), recording.traces)
