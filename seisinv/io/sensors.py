"""What receivers measure and what sources are: seisinv's names and the numbers that SEG-Y has for them.

    component   trace identification (bytes 29-30)   unit (bytes 203-204)
    p           11 pressure sensor                   1 Pa
    vz vy vx    12 vertical, 13 cross-line, 14       6 m/s
    uz uy ux    in-line; 15, 16, 17 where they       5 m
    az ay ax    were rotated                         7 m/s²

The standard has no code for velocity, displacement or acceleration: the unit tells them apart.  A source is a force
where it is a vibrator (bytes 217-218: 1 to 3), an impulse across or along the line (5, 6), or a vertical one that is
measured in newtons (4, and 5 in bytes 231-232); a vertical impulse of another kind may be a hammer or dynamite.
SEG Technical Standards Committee 2002, SEG-Y revision 1, table 2; 2017, revision 2.0, table 3: codes 23 to 41 are of
pairs, fields and rotations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from seisinv.core.errors import DataError
from seisinv.core.survey import Shot

Sort = str | Mapping[str, float]  # of a source

#: Trace identification codes of receivers (bytes 29-30), in the order of preference.
SENSORS: Mapping[int, str] = {
    11: "pressure",
    12: "vertical",
    15: "rotated vertical",
    14: "in-line",
    13: "cross-line",
    17: "rotated radial",
    16: "rotated transverse",
}
TURNED = (16, 17)  # away from the source and to the right of that: signs depend on the side
SEISMIC, DEAD, AUXILIARY = 1, (2, 3), (4, 5, 6, 7, 8)
#: Units of samples (bytes 203-204).
UNITS: Mapping[int, str] = {
    -1: "another unit", 1: "Pa", 2: "V", 3: "mV", 4: "A", 5: "m", 6: "m/s", 7: "m/s²", 8: "N", 9: "W",
}  # fmt: skip
_AXES = {12: "z", 13: "y", 14: "x", 15: "z", 16: "y", 17: "x"}
_MOTION = {5: "u", 6: "v", 7: "a"}
#: The code and the unit of a component.
COMPONENTS: Mapping[str, tuple[int, int]] = {"p": (11, 1)} | {
    letter + _AXES[code]: (code, unit) for unit, letter in _MOTION.items() for code in (12, 13, 14)
}
_NEWTON = 5  # of bytes 231-232
_FORCES = {1: "fz", 2: "fy", 3: "fx", 5: "fy", 6: "fx"}
KINDS: Mapping[str, tuple[int, int]] = {"fz": (4, _NEWTON), "fy": (5, _NEWTON), "fx": (6, _NEWTON)}

_SENSOR = "SENSOR {} (BYTES 213-214) = {}: {}, TRACE IDENTIFICATION {}"
_SOURCE = "SOURCE TYPE {} (BYTES 217-218) = {}"
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_LONGEST = 76  # characters of a line of the textual header
_LINES = 24  # of sensors and sources: others are there too


def component_of(code: int, unit: int) -> str:
    """Return the component that a trace identification code and a unit stand for, "" for none.

    Motion without a unit, or in volts, is taken as velocity, which is what geophones feel.

    Examples
    --------
    >>> component_of(12, 7), component_of(13, 0), component_of(1, 6)
    ('az', 'vy', '')
    """
    if code == 11:
        return "p"
    return _MOTION.get(unit, "v") + _AXES[code] if code in _AXES else ""


def unit_of(component: str) -> str:
    """Return the unit of a component, "" where seisinv does not know it."""
    return UNITS[COMPONENTS[component][1]] if component in COMPONENTS else ""


def kind_of(source: int, unit: int) -> str | None:
    """Return the kind that a source type and the unit of its measurement stand for, None where they do not tell."""
    return _FORCES.get(source) or ("fz" if (source, unit) == KINDS["fz"] else None)


def sensor_lines(components: Sequence[str]) -> list[str]:
    """Return the lines of the textual header that say what the sensors 1, 2, … measure."""
    for name in components:
        _refuse_unprintable("component", name)
    stored = [(name, COMPONENTS.get(name, (SEISMIC, -1))) for name in components]
    lines = (_SENSOR.format(n, name, UNITS[unit].upper(), code) for n, (name, (code, unit)) in enumerate(stored, 1))
    return [line.replace("²", "2") for line in lines]


def source_types(shots: Sequence[Shot]) -> tuple[list[tuple[int, int]], list[str]]:
    """Return source type and unit of every shot, and lines of the textual header for those that SEG-Y has none for."""
    others: list[Sort] = []
    out = []
    for shot in shots:
        sort = None if shot.kinds is None else shot.kinds[0]
        if isinstance(sort, str) and sort in KINDS:
            out.append(KINDS[sort])
        elif sort is None:
            out.append((0, 0))
        else:
            others += [] if sort in others else [sort]
            out.append((-1 - others.index(sort), 0))
    return out, [_SOURCE.format(-1 - k, words(sort)) for k, sort in enumerate(others)]


def refuse_long(lines: Sequence[str]) -> None:
    """Refuse lines that the textual header cannot hold.

    Raises
    ------
    DataError
    """
    long = next((line for line in lines if len(line) > _LONGEST), None)
    if long is not None:
        raise DataError(
            f"the textual header holds {_LONGEST} characters to a line, {long!r} has {len(long)}",
            remedy="give the source fewer terms, or rounder numbers",
        )
    if len(lines) > _LINES:
        raise DataError(
            f"the survey has {len(lines)} components and kinds of source; the textual header holds {_LINES}",
            remedy="write shots of different kinds to several files",
        )


def words(sort: Sort) -> str:
    """Return a kind of source as the textual header has it."""
    if not sort:
        raise DataError("a source is an empty sum of kinds", remedy="name what it is, or leave kinds out")
    for name in (sort,) if isinstance(sort, str) else sort:
        _refuse_unprintable("kind of source", name)
    return sort if isinstance(sort, str) else ", ".join(f"{name} {float(share)!r}" for name, share in sort.items())


def _refuse_unprintable(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise DataError(
            f"the {what} is named {name!r}, which the textual header cannot hold",
            remedy="name it with letters and digits",
        )


def sensors_said(text: Sequence[str]) -> dict[int, str]:
    """Return the components of the sensors by their number, from a textual header that seisinv wrote."""
    pattern = re.compile(re.escape(_SENSOR.partition(":")[0]).replace(r"\{\}", "(\\w+)") + ":")
    found = (pattern.search(line) for line in text)
    return {int(m[1]): m[2] for m in found if m and m[1].isdigit()}


def sources_said(text: Sequence[str]) -> dict[int, Sort]:
    """Return the kinds of sources by their type, from a textual header that seisinv wrote."""
    pattern = re.compile(re.escape(_SOURCE).replace(r"\{\}", "(.+)"))
    out: dict[int, Sort] = {}
    for m in filter(None, (pattern.search(line) for line in text)):
        terms = [term.split() for term in m[2].split(",")]
        try:
            out[int(m[1])] = terms[0][0] if len(terms[0]) == 1 else {name: float(share) for name, share in terms}
        except (ValueError, IndexError):  # a line that someone else changed
            continue
    return out
