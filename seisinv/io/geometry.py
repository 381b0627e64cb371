"""From header numbers to positions in metres: scalars, units, elevations and depths.

Depth is z = datum − elevation + depth, down: the receiver's elevation (bytes 41-44), the elevation of the surface at
the source (45-48) and the source's depth below it (49-52), all times the elevation scalar.
SEG Technical Standards Committee 2002, SEG-Y revision 1, table 2.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from seisinv.core.errors import Argument, GeometryError, Message
from seisinv.io.components import Heard
from seisinv.io.headers import scaled, where
from seisinv.io.places import of_place
from seisinv.io.plausible import FOOT, refuse_tiny
from seisinv.io.reading import Reading
from seisinv.io.recording import Recording
from seisinv.io.sensors import DEAD, SEISMIC, SENSORS

log = logging.getLogger("seisinv.io")

_ANGLES = {
    2: ("seconds of arc", 180 * 3600.0),
    3: ("degrees", 360.0),
    4: ("degrees, minutes and seconds", 360e4),
}
_COORDINATES = ("source_x", "source_y", "receiver_x", "receiver_y")
_HUGE = 2**28  # coordinates as integers are smaller, floats taken for integers are not


def _sexagesimal(values: np.ndarray) -> np.ndarray:
    """Degrees of numbers ±DDDMMSS.ss."""
    size = np.abs(values)
    return np.sign(values) * (size // 10_000 + size // 100 % 100 / 60 + size % 100 / 3600)


_TO_DEGREES: Mapping[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda values: values / 3600,
    3: lambda values: values,
    4: _sexagesimal,
}


@dataclass(frozen=True, eq=False)
class Positions:
    """Positions [trace, (x, y, z)] in metres, z down, of the seismic traces of a recording.

    `index` numbers the traces in the recording; auxiliary traces are left out.  `component` [trace] numbers `names`, -1
    where the file does not say what a trace measures.
    """

    index: np.ndarray
    source: np.ndarray
    receiver: np.ndarray
    dead: np.ndarray
    vertical: str
    unit: float  # metres per unit of the file
    notes: tuple[str, ...]
    component: np.ndarray
    names: tuple[str, ...]

    def some(self, keep: np.ndarray, *notes: str) -> Positions:
        """Return the traces of a mask, with more notes."""
        kept = {name: getattr(self, name)[keep] for name in ("index", "source", "receiver", "dead", "component")}
        return replace(self, **kept, notes=(*self.notes, *notes))


def positions(named: Heard, reading: Reading) -> Positions:
    """Return where the sources and receivers of a recording are, and what its traces measure.

    Raises
    ------
    GeometryError
        If coordinates are angles, or are missing.
    """
    recording, seismic = named.recording, named.used
    notes: list[str] = [*recording.notes, *named.notes]
    kind = recording.fields["trace_kind"]
    codes = [int(code) for code in np.unique(kind[seismic]) if code not in (SEISMIC, *DEAD, *SENSORS)]
    if codes:
        place, code = where("trace_kind", recording.places), " and ".join(map(str, codes[:3]))
        count = np.count_nonzero(np.isin(kind, codes))
        notes.append(f"taken as seismic: traces of identification code {code} ({place}), {count:,} of {len(kind):,}")
    index = np.flatnonzero(seismic)
    fields = recording.fields if seismic.all() else {n: values[index] for n, values in recording.fields.items()}
    _refuse_floats(recording, fields)
    degrees = _degrees(recording, fields, reading, notes)
    _odd_scalars(fields, notes)
    metres = _unit(recording, reading, notes)

    def level(name: str) -> np.ndarray:
        return metres * scaled(fields[name], fields["elevation_scalar"])

    def plan(name: str) -> np.ndarray:
        values = scaled(fields[name], fields["coordinate_scalar"])
        return metres * values if degrees is None else degrees(values)

    # Of millions of traces, one axis is looked at after the other: so they lie in memory.
    source, receiver = (np.empty((3, len(index))) for _ in range(2))
    for row, axis in enumerate("xy"):
        source[row], receiver[row] = plan(f"source_{axis}"), plan(f"receiver_{axis}")
    elevations = level("source_elevation"), level("receiver_elevation")
    vertical = _vertical(recording, reading, (source[:2].T, receiver[:2].T), elevations, level("source_depth"), notes)
    sign, datum = (-1.0, reading.datum or 0.0) if vertical == "elevation" else (1.0, 0.0)
    source[2] = datum + sign * elevations[0] + level("source_depth")
    receiver[2] = datum + sign * elevations[1]
    source += 0.0  # turns −0 into 0
    receiver += 0.0
    found = Positions(
        index,
        source.T,
        receiver.T,
        np.isin(kind[index], DEAD),
        vertical,
        metres,
        tuple(notes),
        at(named.component, index),
        named.names,
    )
    _refuse_missing(recording, found)
    if reading.coordinate_units != "angle":
        refuse_tiny(recording, found.source, found.receiver, found.dead)
    found = _without_lost_dead_traces(found)
    chosen, in_turn = of_place(named, found.index, (found.source, found.receiver), reading)
    if in_turn is not None:
        return replace(found, component=in_turn)
    return found if chosen is None else found.some(chosen)


def at(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return the values of some traces; of all, or where they are the same in all, without a copy."""
    if len(index) == len(values):
        return values
    return np.broadcast_to(values[0], len(index)) if values.strides == (0,) else values[index]


def _refuse_floats(recording: Recording, fields: Mapping[str, np.ndarray]) -> None:
    """Refuse coordinates that are huge as integers, and sensible as the floats that their bits may be."""
    found: dict[str, str] = {}
    for name in _COORDINATES:
        values, place = fields[name], recording.places.get(name)
        if place is None or place.kind != "i4" or not (filled := values[values != 0]).size:
            continue
        floats = np.abs(filled.astype(np.int32).view(np.float32))
        if np.abs(filled.astype(float)).min() > _HUGE and ((floats > 0.1) & (floats < 1e8)).all():
            found[name] = f"{place.byte}:float32"
    if found:
        name = next(iter(found))
        row = int(np.flatnonzero(fields[name])[0])
        value = fields[name][row : row + 1].astype(np.int32)
        raise GeometryError(
            f"{where(name, recording.places)} of trace {row + 1:,} is {value[0]:,} as an integer, "
            f"{value.view('f4')[0]:g} as a float: the coordinates are floats",
            remedy=Message("read them so: ", Argument("data.headers", found)),
            file=recording.path,
        )


def _degrees(
    recording: Recording, fields: Mapping[str, np.ndarray], reading: Reading, notes: list[str]
) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return what turns coordinates into degrees; None where they are lengths."""
    codes = [int(code) for code in np.unique(fields["coordinate_units"]) if code in _ANGLES]
    if reading.coordinate_units == "angle":
        return _TO_DEGREES[codes[0] if codes else 3]
    if not codes or reading.coordinate_units == "length":
        return None
    name, limit = _ANGLES[codes[0]]
    largest = max(float(np.abs(scaled(fields[c], fields["coordinate_scalar"])).max()) for c in _COORDINATES)
    place = where("coordinate_units", recording.places)
    if largest == 0:
        return None
    if largest <= limit:
        x = float(scaled(fields["source_x"], fields["coordinate_scalar"])[0])
        raise GeometryError(
            f"coordinates are in {name} ({place} = {codes[0]}): source_x of trace 1 is {x:g}",
            remedy=(
                Message("project them to metres: ", Argument("data.coordinate_units", "angle")),
                Message("pass ", Argument("data.coordinate_units", "length"), " if they are in fact lengths"),
            ),
            file=recording.path,
        )
    text = (
        f"{place} = {codes[0]} says {name}, but coordinates reach {largest:g}, more than any angle: "
        "they are taken as lengths"
    )
    log.warning("%s: %s", recording.path, text)
    notes.append(text)
    return None


def _odd_scalars(fields: Mapping[str, np.ndarray], notes: list[str]) -> None:
    for name in ("coordinate_scalar", "elevation_scalar"):
        low, high = int(fields[name].min()), int(fields[name].max())
        if low != high:
            notes.append(f"{name} differs between traces: {low} to {high}")
        odd = [int(v) for v in np.unique(fields[name]) if v != 0 and 10 ** round(np.log10(abs(v))) != abs(v)]
        if odd:
            notes.append(f"{name} is {odd[0]}, which is not a power of ten: check it")


def _unit(recording: Recording, reading: Reading, notes: list[str]) -> float:
    unit = reading.units or recording.units
    if unit is None:
        feet = Argument("data.units", "feet")
        notes.append(Message("the file does not say metres or feet; metres are assumed (", feet, " for feet)"))
    elif reading.units and recording.units and reading.units != recording.units:
        notes.append(f"the file says {recording.units}; {reading.units} are used as requested")
    return FOOT if unit == "feet" else 1.0


def _vertical(
    recording: Recording,
    reading: Reading,
    plan: tuple[np.ndarray, np.ndarray],
    elevations: tuple[np.ndarray, np.ndarray],
    source_depth: np.ndarray,
    notes: list[str],
) -> str:
    source, receiver = elevations
    if reading.vertical:
        return reading.vertical
    if not (source.any() or receiver.any()):
        if not source_depth.any():
            notes.append("elevations and depths are all zero: sources and receivers are taken at the datum")
        return "elevation"
    if recording.is_ours or source_depth.any() or min(source.min(), receiver.min()) < 0:
        return "elevation"
    # One ground surface is neither flat at two levels nor, 20 m of survey error aside, steeper than 45°.
    two_levels = np.ptp(source) == 0 and np.ptp(receiver) == 0 and 0 != source[0] != receiver[0] != 0
    steep = np.abs(source - receiver) > np.linalg.norm(plan[0] - plan[1], axis=1) + 20
    if not two_levels and not steep.any():
        return "elevation"
    text = Message(
        f"elevation fields hold {_range(source)} m (source) and {_range(receiver)} m (receiver), which is not a single "
        "ground surface: they are taken as depths, down (",
        Argument("data.vertical", "elevation"),
        " if they are heights)",
    )
    log.warning("%s: %s", recording.path, text)
    notes.append(text)
    return "depth"


def _range(values: np.ndarray) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _refuse_missing(recording: Recording, found: Positions) -> None:
    """Tell fields that were never filled (all zero) from a source or receiver that is at zero."""
    live = slice(None) if not found.dead.any() else ~found.dead
    source, receiver = found.source[live], found.receiver[live]
    if recording.is_ours or not len(source):
        return
    numbers = recording.fields["field_record"]
    records = np.unique(numbers[:1] if numbers.strides == (0,) else numbers[found.index[live]])
    source_moves, receiver_moves = np.ptp(source, axis=0).any(), np.ptp(receiver, axis=0).any()
    no_source = not source[:, :2].any() and not source_moves
    no_receiver = not receiver[:, :2].any() and not receiver_moves
    missing = []
    if no_source and (len(records) > 1 or no_receiver):
        missing += ["source_x", "source_y"]
    if no_receiver and (no_source or len(source) > len(records)):
        missing += ["receiver_x", "receiver_y"]
    if missing:
        names = ", ".join(where(name, recording.places) for name in missing)
        raise GeometryError(
            f"{names} are zero in every trace ({len(found.index)})",
            remedy=_remedy(recording, missing[0]),
            file=recording.path,
        )


def _remedy(recording: Recording, name: str) -> tuple[str, ...]:
    table = Message("give a table of positions: ", Argument("data.geometry", ["geometry.csv"]))
    if not recording.places:
        return (table,)
    varying = recording.reader.varying()
    there = f" (bytes that vary: {', '.join(varying[:12])})" if varying else " (no other field varies)"
    return (Message("map the bytes that hold them, e.g. ", Argument("data.headers", {name: 181}), there), table)


def _without_lost_dead_traces(found: Positions) -> Positions:
    """Drop dead traces whose receiver was never positioned: at (0, 0) would be far from the line."""
    if not found.dead.any():
        return found
    live = ~found.dead
    lost = found.dead & ~found.receiver[:, :2].any(axis=1) & bool(found.receiver[live, :2].any())
    if not lost.any() or not live.any():
        return found
    return found.some(~lost, f"{lost.sum()} dead traces without a receiver position are left out")
