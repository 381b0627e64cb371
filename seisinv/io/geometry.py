"""From header numbers to positions in metres: scalars, units, elevations and depths.

Depth is z = datum − elevation + depth, down: the receiver's elevation (bytes 41-44), the elevation of the surface at
the source (45-48) and the source's depth below it (49-52), all times the elevation scalar.
SEG Technical Standards Committee 2002, SEG-Y revision 1, table 2.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from seisinv.core.errors import Argument, ConfigError, DataError, GeometryError, Message
from seisinv.io.headers import resolve, where
from seisinv.io.recording import Recording

log = logging.getLogger("seisinv.io")

FOOT = 0.3048
_ANGLES = {
    2: ("seconds of arc", 180 * 3600.0),
    3: ("degrees", 360.0),
    4: ("degrees, minutes and seconds", 360e4),
}
_DEAD = (2, 3)
_AUXILIARY = (4, 5, 6, 7, 8)


@dataclass(frozen=True)
class Reading:
    """How headers are to be understood; the options of `open_segy`.

    Parameters
    ----------
    headers, units, coordinate_units, vertical, datum, shots_by
        As for `open_line`.

    Raises
    ------
    ConfigError
        If an option is unknown.

    Examples
    --------
    >>> Reading(units="feet").datum
    0.0
    """

    headers: Mapping[str, int] | None = None
    units: str | None = None
    coordinate_units: str | None = None
    vertical: str | None = None
    datum: float = 0.0
    shots_by: str | None = None

    def __post_init__(self) -> None:
        resolve(self.headers)
        for name, known in (
            ("units", ("metres", "feet")),
            ("coordinate_units", ("length",)),
            ("vertical", ("elevation", "depth")),
            ("shots_by", ("record", "position")),
        ):
            value = getattr(self, name)
            if value is not None and value not in known:
                remedy = f"use {' or '.join(map(repr, known))}, or leave it out"
                raise ConfigError(argument=Argument(f"data.{name}"), value=value, remedy=remedy)
        if not np.isfinite(self.datum):
            raise ConfigError(
                argument=Argument("data.datum"), value=self.datum, unit="m", remedy="give a finite elevation"
            )


@dataclass(frozen=True, eq=False)
class Positions:
    """Positions [trace, (x, y, z)] in metres, z down, of the seismic traces of a recording.

    `index` numbers the traces in the recording; auxiliary traces are left out.
    """

    index: np.ndarray
    source: np.ndarray
    receiver: np.ndarray
    dead: np.ndarray
    vertical: str
    unit: float  # metres per unit of the file
    notes: tuple[str, ...]


def scaled(values: np.ndarray, scalar: np.ndarray) -> np.ndarray:
    """Apply a SEG-Y scalar: n multiplies, −n divides, 0 stands for 1."""
    scalar = np.asarray(scalar, float)
    return np.where(scalar < 0, values / np.where(scalar < 0, -scalar, 1), values * np.where(scalar > 0, scalar, 1))


def positions(recording: Recording, reading: Reading) -> Positions:
    """Return where the sources and receivers of a recording are.

    Raises
    ------
    GeometryError
        If coordinates are angles, or are missing.
    """
    notes: list[str] = list(recording.notes)
    kind = recording.fields["trace_kind"]
    seismic = ~np.isin(kind, _AUXILIARY)
    if not seismic.any():
        place = where("trace_kind", recording.bytes_by_name)
        raise DataError(f"all {len(kind)} traces are auxiliary ({place})", file=recording.path)
    if not seismic.all():
        notes.append(f"{(~seismic).sum()} auxiliary traces (identification code 4 to 8) are left out")
    codes = [int(code) for code in np.unique(kind[seismic]) if code not in (1, *_DEAD)]
    if codes:
        place, code = where("trace_kind", recording.bytes_by_name), " and ".join(map(str, codes[:3]))
        count = np.count_nonzero(np.isin(kind, codes))
        notes.append(f"taken as seismic: traces of identification code {code} ({place}), {count:,} of {len(kind):,}")
    index = np.flatnonzero(seismic)
    fields = recording.fields if seismic.all() else {n: values[index] for n, values in recording.fields.items()}
    _refuse_angles(recording, fields, reading, notes)
    _odd_scalars(fields, notes)
    metres = _unit(recording, reading, notes)

    def level(name: str) -> np.ndarray:
        return metres * scaled(fields[name], fields["elevation_scalar"])

    def plan(name: str) -> np.ndarray:
        return metres * scaled(fields[name], fields["coordinate_scalar"])

    source_xy = np.stack([plan("source_x"), plan("source_y")], 1)
    receiver_xy = np.stack([plan("receiver_x"), plan("receiver_y")], 1)
    elevations = level("source_elevation"), level("receiver_elevation")
    vertical = _vertical(recording, reading, (source_xy, receiver_xy), elevations, level("source_depth"), notes)
    sign, datum = (-1.0, reading.datum) if vertical == "elevation" else (1.0, 0.0)
    source_z = datum + sign * elevations[0] + level("source_depth")
    receiver_z = datum + sign * elevations[1]
    found = Positions(
        index,
        # Adding zero turns −0 into 0.
        np.column_stack([source_xy, source_z]) + 0.0,
        np.column_stack([receiver_xy, receiver_z]) + 0.0,
        np.isin(kind[index], _DEAD),
        vertical,
        metres,
        tuple(notes),
    )
    _refuse_missing(recording, found)
    return _without_lost_dead_traces(found)


def _refuse_angles(recording: Recording, fields: Mapping[str, np.ndarray], reading: Reading, notes: list[str]) -> None:
    codes = [int(code) for code in np.unique(fields["coordinate_units"]) if code in _ANGLES]
    if not codes or reading.coordinate_units == "length":
        return
    name, limit = _ANGLES[codes[0]]
    coordinates = ("source_x", "source_y", "receiver_x", "receiver_y")
    largest = max(float(np.abs(scaled(fields[c], fields["coordinate_scalar"])).max()) for c in coordinates)
    place = where("coordinate_units", recording.bytes_by_name)
    if largest == 0:
        return
    if largest <= limit:
        raise GeometryError(
            f"coordinates are in {name} ({place} = {codes[0]})",
            remedy=(
                "project them to metres (e.g. UTM)",
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
    source, receiver = found.source[~found.dead], found.receiver[~found.dead]
    if recording.is_ours or not len(source):
        return
    records = np.unique(recording.fields["field_record"][found.index[~found.dead]])
    source_moves, receiver_moves = np.ptp(source, axis=0).any(), np.ptp(receiver, axis=0).any()
    no_source = not source[:, :2].any() and not source_moves
    no_receiver = not receiver[:, :2].any() and not receiver_moves
    missing = []
    if no_source and (len(records) > 1 or no_receiver):
        missing += ["source_x", "source_y"]
    if no_receiver and (no_source or len(source) > len(records)):
        missing += ["receiver_x", "receiver_y"]
    if missing:
        names = ", ".join(where(name, recording.bytes_by_name) for name in missing)
        raise GeometryError(
            f"{names} are zero in every trace ({len(found.index)})",
            remedy=_remedy(recording, missing[0]),
            file=recording.path,
        )


def _remedy(recording: Recording, name: str) -> str:
    if not recording.bytes_by_name:
        return "write the locations into the file's headers"
    varying = recording.reader.varying()
    there = f" (bytes that vary: {', '.join(varying[:12])})" if varying else " (no other field varies)"
    return Message("map the bytes that hold them, e.g. ", Argument("data.headers", {name: 181}), there)


def _without_lost_dead_traces(found: Positions) -> Positions:
    """Drop dead traces whose receiver was never positioned: at (0, 0) would be far from the line."""
    live = ~found.dead
    lost = found.dead & ~found.receiver[:, :2].any(axis=1) & bool(found.receiver[live, :2].any())
    if not lost.any() or not live.any():
        return found
    keep = ~lost
    note = f"{lost.sum()} dead traces without a receiver position are left out"
    return Positions(
        found.index[keep],
        found.source[keep],
        found.receiver[keep],
        found.dead[keep],
        found.vertical,
        found.unit,
        (*found.notes, note),
    )
