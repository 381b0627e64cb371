"""Whether a geometry can be true: each trace against the length of its record, the other traces and its other headers.

A position that would make nonsense of the whole line is refused with its trace; what is merely odd is said in notes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seisinv.core.errors import Argument, GeometryError, Message
from seisinv.io.headers import where
from seisinv.io.reading import Reading
from seisinv.io.recording import Recording
from seisinv.io.shots import SeismicTraces

FOOT = 0.3048
SLOWEST = 300.0  # m/s; few first arrivals are slower
FASTEST = 8000.0  # m/s; first arrivals of exploration are slower
_ABSURD = 10.0  # times what such a wave crosses during the record (or two seconds, if that is longer)
_JUMP = 10.0  # times the usual spacing
_CELLS = 100_000  # of half the plausible distance, along a line
_SHOTS = 500  # in which the spacing of receivers is looked at
_SIDES = ("source", "receiver")


def refuse_tiny(recording: Recording, source: np.ndarray, receiver: np.ndarray, dead: np.ndarray) -> None:
    """Refuse positions [trace, axis] that all lie so near each other that no sample tells them apart.

    Raises
    ------
    GeometryError
    """
    live = slice(None) if not dead.any() else ~dead
    sides = [side[live] for side in (source, receiver)]
    if not len(sides[0]) or recording.is_ours:
        return
    lowest, highest = (f([f(side, axis=0) for side in sides], axis=0) for f in (np.min, np.max))
    extent = float((highest - lowest).max())
    limit = SLOWEST * recording.step
    if not 0 < extent < limit:
        return
    x, y = (float(v) for v in sides[0][0, :2])
    place = where("coordinate_scalar", recording.places)
    remedies = [Message("correct the scalar: ", Argument("data.values", {"coordinate_scalar": 1}))]
    if abs(x) <= 180 and abs(y) <= 90:
        remedies.insert(0, Message("if they are degrees: ", Argument("data.coordinate_units", "angle")))
    raise GeometryError(
        f"all sources and receivers lie within {extent:.2g} m of each other, from source_x = {x:g}, source_y = {y:g} "
        f"on ({place} = {recording.fields['coordinate_scalar'][0]:g})",
        limit=f"a slow wave (300 m/s) crosses {limit:.2g} m in a sample",
        remedy=remedies,
        file=recording.path,
    )


def refuse_unsaid_feet(
    recording: Recording, reading: Reading, shots: Sequence[np.ndarray], receiver_x: np.ndarray
) -> None:
    """Refuse lengths without a unit where receivers are a customary number of feet apart, and no such one of metres.

    Raises
    ------
    GeometryError
    """
    if reading.units or recording.units or reading.coordinate_units == "angle":
        return
    rows = max(shots, key=len)
    steps = np.diff(np.unique(np.round(receiver_x[rows], 3)))
    spacing = float(np.median(steps)) if len(steps) else 0.0
    if spacing < 10 or not is_of_feet(spacing):
        return
    raise GeometryError(
        f"the file does not say metres or feet, and its receivers lie {spacing:g} apart "
        f"({where('receiver_x', recording.places)}), {spacing * FOOT:.4g} m if that is feet",
        remedy=(
            Message("say it: ", Argument("data.units", "feet")),
            Message(Argument("data.units", "metres")),
        ),
        file=recording.path,
    )


def is_of_feet(spacing: float) -> bool:
    """Return whether a spacing is customary in feet, or round in metres only after conversion, to 2 cm."""

    def is_multiple(value: float, of: float) -> bool:
        return value > 2 and abs(value - of * round(value / of)) < 0.02

    if is_multiple(spacing * FOOT, 2.5) and not is_multiple(spacing, 2.5):
        return True
    return is_multiple(spacing, 55) and not is_multiple(spacing, 20) and not is_multiple(spacing, 25)


def without_far_traces(
    recordings: Sequence[Recording], traces: SeismicTraces, end: float, notes: list[str]
) -> SeismicTraces:
    """Refuse live traces that are too far away to belong to the line, and leave dead ones out."""
    duration = max(end, 2.0)
    limit = _ABSURD * FASTEST * duration
    lowest, highest = (f([f(p, axis=0) for p in (traces.source, traces.receiver)], axis=0) for f in (np.min, np.max))
    if (highest - lowest <= limit).all() or not _has_gaps(traces, lowest, highest, limit):
        return traces
    places = np.stack([traces.source, traces.receiver])  # [side, trace, axis]
    away = np.abs(places - np.median(places.reshape(-1, 3), axis=0))
    farthest = away.max(axis=(0, 2))
    ranked = np.sort(farthest)
    gaps = np.flatnonzero(np.diff(ranked) > limit)
    far = (np.abs(places[0] - places[1]) > limit).any(axis=1) | (farthest > (ranked[gaps[0]] if len(gaps) else np.inf))
    if not far.any():
        return traces
    if not (far & ~traces.dead).any() and not far.all():
        notes.append(f"left out because they lie too far away to belong to the line: {_traces(far)}, dead")
        return traces.some(~far)
    away[:, ~far | (traces.dead & ~far.all())] = 0
    side, trace, axis = (int(k) for k in np.unravel_index(np.argmax(away), away.shape))
    recording, value = recordings[traces.file[trace]], float(places[side, trace, axis])
    field = _field(recording, traces, trace, _SIDES[side], axis)
    more = f", as are {far.sum() - 1:,} more" if far.sum() > 1 else ""
    raise GeometryError(
        f"trace {traces.number(trace):,}: {field} puts its {_SIDES[side]} at {'XYz'[axis]} = {value:,.0f} m, far from "
        f"the rest{more}",
        value=value,
        unit="m",
        limit=f"plausible are {limit:,.0f} m, {_ABSURD:g} times what a wave of 8 km/s crosses in {duration:g} s",
        remedy=(
            "correct the header, or its scalar and unit",
            f"mark the trace dead ({where('trace_kind', recording.places)} = 2)",
        ),
        file=recording.path,
    )


def _has_gaps(traces: SeismicTraces, lowest: np.ndarray, highest: np.ndarray, limit: float) -> bool:
    """Whether a trace is longer than a limit, or positions leave a gap as wide as that."""
    for axis in range(3):
        source, receiver = traces.source[:, axis], traces.receiver[:, axis]
        if float(np.abs(source - receiver).max()) > limit or (highest - lowest)[axis] > limit * _CELLS:
            return True
        cells = np.zeros(int((highest - lowest)[axis] / (0.5 * limit)) + 1, bool)
        for side in (source, receiver):
            cells[((side - lowest[axis]) / (0.5 * limit)).astype(np.int32)] = True
        if not cells.all():
            return True
    return False


def _field(recording: Recording, traces: SeismicTraces, trace: int, side: str, axis: int) -> str:
    names = [f"{side}_{'xy'[axis]}"] if axis < 2 else [f"{side}_elevation"]
    if axis == 2 and side == "source":
        names.append("source_depth")
    row = traces.number(trace) - 1
    return where(max(names, key=lambda name: abs(float(recording.fields[name][row]))), recording.places)


def odd_traces(
    recordings: Sequence[Recording],
    traces: SeismicTraces,
    shots: Sequence[np.ndarray],
    x: tuple[np.ndarray, np.ndarray],
    end: float,
) -> list[str]:
    """Return what looks wrong; `x` of sources and receivers along the line, `end` of the records in s."""
    plan = np.hypot(traces.source[:, 0] - traces.receiver[:, 0], traces.source[:, 1] - traces.receiver[:, 1])
    notes = [
        _too_far(traces, plan, end),
        _contradicted(recordings[0], traces, plan),
        _small_shots(recordings[0], traces, shots),
        *(_level(traces, side) for side in _SIDES),
    ]
    first = np.array([rows[0] for rows in shots])
    looked = [shots[k] for k in np.unique(np.linspace(0, len(shots) - 1, min(len(shots), _SHOTS)).astype(int))]
    group = np.repeat(np.arange(len(looked)), [len(rows) for rows in looked])
    notes += [
        _jump(traces, "sources", x[0], first, np.zeros_like(first)),
        _jump(traces, "receivers of a shot", x[1], np.concatenate(looked), group),
    ]
    return [note for note in notes if note]


def _too_far(traces: SeismicTraces, plan: np.ndarray, end: float) -> str:
    distance = np.hypot(plan, traces.source[:, 2] - traces.receiver[:, 2])
    beyond = distance > FASTEST * end
    if not beyond.any():
        return ""
    k = int(np.argmax(distance))
    return (
        f"farther from the source than a wave of 8 km/s gets within the record ({FASTEST * end:,.0f} m in {end:g} s): "
        f"{_traces(beyond)}, the farthest trace {traces.number(k):,}, {distance[k]:,.0f} m"
    )


def _contradicted(recording: Recording, traces: SeismicTraces, distance: np.ndarray) -> str:
    """Compare the offset of each header with the coordinates, where most headers have one."""
    said = np.abs(traces.fields["offset"])
    filled = said > 0
    if 2 * np.count_nonzero(filled) <= len(said):
        return ""
    gap = np.abs(said - distance)
    usual, place = float(np.median(gap)), where("offset", recording.places)
    if usual > 0.05 * max(float(said.max()), 1.0):
        return f"{place} differs from the coordinates by {usual:,.0f} m (median): is the coordinate scalar right?"
    wrong = filled & (gap > max(2.0, 10 * usual))
    if not wrong.any():
        return ""
    k = int(np.argmax(np.where(wrong, gap, 0)))
    return (
        f"{place} contradicts the coordinates of {_traces(wrong)}: trace {traces.number(k):,} is "
        f"said to be {said[k]:,.0f} m from its source, by its coordinates {distance[k]:,.0f} m"
    )


def _small_shots(recording: Recording, traces: SeismicTraces, shots: Sequence[np.ndarray]) -> str:
    counts = np.array([len(rows) for rows in shots])
    usual = float(np.median(counts))
    small = np.flatnonzero((counts < usual / 5) | ((counts == 1) & (usual > 2)))
    if not len(small):
        return ""
    first = shots[small[0]][0]
    place = where("field_record", recording.places)
    return Message(
        f"{len(small):,} of {len(shots):,} shots have far fewer traces than the usual {usual:g}: shot "
        f"{traces.fields['field_record'][first]:g} has {counts[small[0]]}, from trace {traces.number(first):,} on; "
        f"are its {place} and source coordinates right? (",
        Argument("data.shots_by", "position"),
        " ignores the record)",
    )


def _level(traces: SeismicTraces, side: str) -> str:
    z = getattr(traces, side)[:, 2]
    usual = float(np.median(z))
    away = np.abs(z - usual)
    odd = away > 100 + 20 * float(np.median(away))
    if not odd.any():
        return ""
    k = int(np.argmax(away))
    return (
        f"the {side} of {_traces(odd)} is at a level far from the usual z = {usual:,.0f} m: that of trace "
        f"{traces.number(k):,} at {z[k]:,.0f} m"
    )


def _jump(traces: SeismicTraces, what: str, along: np.ndarray, rows: np.ndarray, group: np.ndarray) -> str:
    """Look for neighbours within a group of rows that are much farther apart than most."""
    x = along[rows]
    order = np.lexsort((x, group))
    steps = np.diff(x[order])
    steps[(np.diff(group[order]) != 0) | (steps < 1e-3)] = np.nan
    if np.isfinite(steps).sum() < 2:
        return ""
    usual, k = float(np.nanpercentile(steps, 50, method="lower")), int(np.nanargmax(steps))
    if steps[k] <= _JUMP * usual:
        return ""
    middle = np.median(x)
    there = max(order[k], order[k + 1], key=lambda trace: abs(x[trace] - middle))
    return (
        f"spacing jumps: {what} lie {steps[k]:,.0f} m apart beside x = {x[there]:,.0f} m (trace "
        f"{traces.number(rows[there]):,}), usually {usual:,.3g} m"
    )


def _traces(chosen: np.ndarray) -> str:
    count = np.count_nonzero(chosen)
    return f"{count:,} traces" if count > 1 else "1 trace"
