"""Geometry from tables beside the data: CSV with names of columns, numbered positions, SPS, or a regular layout.

A table says what it holds by its columns: positions of traces (shot and channel), of sources (shot) or of receivers
(channel or station), which station a channel was on, and what to do with traces: shift in time, kill, reverse.
SPS: Shell Processing Support format for land 3-D surveys, SEG 1995 and revision 2.1, 2006, columns counted from 1.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seisinv.core.errors import Argument, ConfigError, DataError, GeometryError, Message
from seisinv.io.files import first_bytes
from seisinv.io.headers import scaled
from seisinv.io.plausible import FOOT
from seisinv.io.recording import Recording

#: Names of columns, in lower case, by what they hold.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "shot": ("shot", "ffid", "fldr", "record", "field_record", "file", "ep", "shot_number"),
    "channel": ("channel", "chan", "trace", "tracf", "trace_number"),
    "station": ("station", "receiver", "geophone", "rp", "receiver_number"),
    "source_x": ("sx", "source_x", "shot_x", "xs"),
    "source_y": ("sy", "source_y", "shot_y", "ys"),
    "source_elevation": ("sz", "source_elevation", "source_z", "selev", "shot_z", "zs"),
    "source_depth": ("sdepth", "source_depth"),
    "receiver_x": ("gx", "rx", "receiver_x", "xr", "xg"),
    "receiver_y": ("gy", "ry", "receiver_y", "yr", "yg"),
    "receiver_elevation": ("gz", "rz", "receiver_elevation", "receiver_z", "gelev", "zr", "zg"),
    "x": ("x", "easting"),
    "y": ("y", "northing"),
    "elevation": ("z", "elevation", "elev", "height"),
    "depth": ("depth",),
    "shift_ms": ("shift_ms", "delay_ms", "static_ms", "correction_ms"),
    "shift_s": ("shift_s", "delay_s", "static_s", "correction_s"),
    "mute_before_ms": ("mute_before_ms", "mute_ms", "top_mute_ms"),
    "mute_before_s": ("mute_before_s", "mute_s", "top_mute_s"),
    "mute_after_ms": ("mute_after_ms", "bottom_mute_ms"),
    "mute_after_s": ("mute_after_s", "bottom_mute_s"),
    "kill": ("kill", "dead", "mute"),
    "reverse": ("reverse", "reversed"),
    "polarity": ("polarity", "sign"),
    "from_channel": ("from_channel", "first_channel"),
    "to_channel": ("to_channel", "last_channel"),
    "from_station": ("from_station", "first_station"),
    "to_station": ("to_station", "last_station"),
}
ROLES = ("traces", "sources", "receivers", "relations")
# What columns without a side are in a table of sources or of receivers; a depth is below the surface at the source.
_PLACES = {
    "sources": {"x": "source_x", "y": "source_y", "elevation": "source_elevation", "depth": "source_depth"},
    "receivers": {"x": "receiver_x", "y": "receiver_y", "elevation": "receiver_elevation"},
}
_SCALED_BY = {
    "coordinate": ("source_x", "source_y", "receiver_x", "receiver_y"),
    "elevation": ("source_elevation", "receiver_elevation", "source_depth"),
}
_OF_TRACES = tuple(c for c in COLUMNS if c.startswith(("source_", "receiver_")))


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of numbers [row] by what they hold, the role that they play, and the file."""

    path: Path
    role: str
    columns: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


@dataclass(frozen=True)
class RegularSpread:
    """A regular spread.

    Parameters
    ----------
    spacing : float, m
        Between channels, or of station numbers.
    first : float, m, optional
        From the source to channel 1, negative to the left; without it, receivers lie at channel number × spacing.
    move : float, m
        From one shot to the next, where no table says where sources are.
    """

    spacing: float
    first: float | None = None
    move: float = 0.0


def read_tables(names: Sequence[str]) -> list[Table]:
    """Read tables named FILE or ROLE=FILE.

    Raises
    ------
    DataError, ConfigError
        If a table cannot be understood.
    """
    out: list[Table] = []
    for name in names:
        role, _, file = name.partition("=") if name.partition("=")[0] in ROLES else ("", "", name)
        out += _read(Path(file), role)
    return out


def _read(path: Path, role: str) -> list[Table]:
    text = first_bytes(path, 1 << 30).decode("utf-8-sig", errors="replace")
    lines = [line.rstrip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise DataError("the table is empty", file=path, remedy="give a table with a line for each trace or position")
    if all(re.match(r"[SRX]\s*\S|H\d\d", line) for line in lines) and re.match(r"[SRX]", lines[-1]):
        return _sps(path, lines)
    rows = [_split(line) for line in lines]
    named = [_column(word) for word in rows[0]]
    if any(named):
        if not role:
            role = _role(path, [n for n in named if n])
        body = rows[1:]
    elif role in ("sources", "receivers") and len(rows[0]) in (2, 3, 4):
        key = "shot" if role == "sources" else "station"
        named = [key, "x", "elevation"] if len(rows[0]) == 3 else [key, "x", "y", "elevation"][: len(rows[0])]
        body = rows
    else:
        raise DataError(
            f"the first line of the table, {lines[0][:60]!r}, names no column that is known",
            limit=f"such as {', '.join(names[0] for names in COLUMNS.values())}",
            remedy=Message("or say what it holds: ", Argument("data.geometry", f"sources={path}")),
            file=path,
        )
    columns = {n: _numbers(path, body, k, n) for k, n in enumerate(named) if n}
    return [Table(path, role, columns)]


def _split(line: str) -> list[str]:
    if "," in line or ";" in line or "\t" in line:
        mark = next(m for m in ("\t", ";", ",") if m in line)
        return [word.strip() for word in next(csv.reader(io.StringIO(line), delimiter=mark))]
    return line.split()


def _column(word: str) -> str:
    clean = re.sub(r"[^a-z_]+", "_", re.sub(r"\(.*?\)|\[.*?\]", "", word.lower())).strip("_").removesuffix("_m")
    return next((name for name, words in COLUMNS.items() if clean in words), "")


def _role(path: Path, named: Sequence[str]) -> str:
    has = set(named)
    if {"from_channel", "to_channel"} <= has or ({"shot", "channel", "station"} <= has):
        return "relations"
    if has & {"x"}:
        if "shot" in has and not has & {"channel", "station"}:
            return "sources"
        if has & {"channel", "station"}:
            return "receivers"
    if has & {"shot", "channel", "station"}:
        return "traces"
    raise DataError(
        f"the table has the columns {', '.join(named)}, and none that says which traces its lines are for",
        remedy="add a column shot, channel or station", file=path,
    )  # fmt: skip


def _numbers(path: Path, rows: Sequence[Sequence[str]], column: int, name: str) -> np.ndarray:
    values = np.full(len(rows), np.nan)
    for k, row in enumerate(rows):
        word = row[column] if column < len(row) else ""
        try:
            values[k] = float(word or "nan") if word.lower() not in ("yes", "true") else 1.0
        except ValueError:
            raise DataError(
                f"line {k + 2}: {name} is {word!r}, not a number", remedy="correct the table", file=path
            ) from None
    return values


def _sps(path: Path, lines: Sequence[str]) -> list[Table]:
    """Read point records S and R and relation records X, of either revision."""
    out: list[Table] = []
    is_new = any(line.startswith("H00") and re.search(r"2\.\d|3\.\d", line) for line in lines)
    point = (11, 21) if is_new else (17, 25)
    for letter, role, key in (("S", "sources", "point"), ("R", "receivers", "station")):
        rows = [line.ljust(80) for line in lines if line.startswith(letter)]
        if rows:
            cut = {key: point, "x": (46, 55), "y": (55, 65), "elevation": (65, 71)}
            out.append(Table(path, role, {n: _cut(path, rows, *c) for n, c in cut.items()}))
    rows = [line.ljust(80) for line in lines if line.startswith("X")]
    if rows:
        new = {"shot": (7, 15), "point": (27, 37), "from_channel": (38, 43), "to_channel": (43, 48),
               "from_station": (59, 69), "to_station": (69, 79)}  # fmt: skip
        old = {"shot": (7, 11), "point": (29, 37), "from_channel": (38, 42), "to_channel": (42, 46),
               "from_station": (63, 71), "to_station": (71, 79)}  # fmt: skip
        cut = new if is_new else old
        out.append(Table(path, "relations", {n: _cut(path, rows, *c) for n, c in cut.items()}))
    return out


def _cut(path: Path, rows: Sequence[str], first: int, last: int) -> np.ndarray:
    try:
        return np.array([float(row[first:last].strip() or "0") for row in rows])
    except ValueError:
        raise DataError(f"columns {first + 1} to {last} of an SPS record are no number", file=path) from None


@dataclass(frozen=True, eq=False)
class Edits:
    """What tables do to the traces of a recording.

    Shifts [trace] in s, which are killed or reversed, and the first and last time that counts [trace, 2] in s.
    """

    shift: np.ndarray
    kill: np.ndarray
    reverse: np.ndarray
    used: np.ndarray


def with_geometry(
    recording: Recording, tables: Sequence[Table], layout: RegularSpread | None
) -> tuple[Recording, Edits | None]:
    """Return a recording with the positions of tables and a layout, and what else the tables say.

    Raises
    ------
    GeometryError
        If a table has no line for some traces.
    """
    if not tables and layout is None:
        return recording, None
    fields = {name: np.asarray(values) for name, values in recording.fields.items()}
    count = recording.traces
    edits = Edits(np.zeros(count), np.zeros(count, bool), np.zeros(count, bool), np.tile([-np.inf, np.inf], (count, 1)))
    point = fields["source_number"] if fields["source_number"].any() else fields["field_record"]
    channel = fields["trace_number"]
    keys = {"shot": fields["field_record"], "point": point, "channel": channel, "station": channel}
    touched: set[str] = set()
    for table in (t for t in tables if t.role == "relations"):  # say what stations and points are
        keys |= _related(recording, table, keys)
    for table in (t for t in tables if t.role != "relations"):
        touched |= _place(fields, edits, table, _values(recording, table, keys))
    if layout is not None:
        _lay_out(fields, layout, touched)
        touched |= {"receiver_x"}
    if touched:
        # Of what tables do not hold, the headers' numbers are brought to the tables' unit.
        foot = FOOT if recording.units == "feet" else 1.0
        for kind in ("coordinate", "elevation"):
            scalar = fields[f"{kind}_scalar"]
            for name in _SCALED_BY[kind]:
                fields[name] = fields[name] if name in touched else foot * scaled(fields[name], scalar)
            fields[f"{kind}_scalar"] = np.ones(count)
        fields["coordinate_units"] = np.ones(count)
    return replace(recording, fields=fields, units="metres" if touched else recording.units), edits


def _related(recording: Recording, table: Table, keys: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the stations of traces, and the points of their shots, from a table of relations."""
    c, out = table.columns, {}
    shot, channel = keys["shot"], keys["channel"]
    station = np.full(len(shot), np.nan)
    if "from_channel" in c:
        for row in range(len(table)):
            here = (channel >= c["from_channel"][row]) & (channel <= c["to_channel"][row])
            here &= (shot == c["shot"][row]) if "shot" in c else True
            steps = max(c["to_channel"][row] - c["from_channel"][row], 1)
            slope = (c["to_station"][row] - c["from_station"][row]) / steps
            station[here] = c["from_station"][row] + slope * (channel[here] - c["from_channel"][row])
    else:
        station = _values(recording, table, keys)["station"]
    out["station"] = station
    if "point" in c and "shot" in c:
        points = dict(zip(c["shot"].tolist(), c["point"].tolist(), strict=True))
        out["point"] = np.array([points.get(float(s), np.nan) for s in shot])
    return out


def _values(recording: Recording, table: Table, keys: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the columns of a table at the traces of a recording, NaN where it has no line for one."""
    names = [n for n in ("shot", "point", "channel", "station") if n in table.columns and n in keys]
    if table.role == "sources":
        names = [n for n in names if n in ("shot", "point")]
    rows: dict[tuple[float, ...], int] = {}
    for k, key in enumerate(zip(*(table.columns[n].tolist() for n in names), strict=True)):
        rows[key] = k
    wanted = zip(*(np.asarray(keys[n], float).tolist() for n in names), strict=True)
    index = np.array([rows.get(key, -1) for key in wanted])
    missing = index < 0
    placing = set(table.columns) & {*_OF_TRACES, "x", "y", "elevation", "depth"}
    if placing and missing.any():
        trace = int(np.flatnonzero(missing)[0])
        what = ", ".join(f"{n} {float(keys[n][trace]):g}" for n in names)
        raise GeometryError(
            f"{table.path} has no line for trace {trace + 1:,} of {recording.path} ({what}), nor for "
            f"{int(missing.sum()) - 1:,} others",
            remedy="add it, or mark the trace dead",
            file=recording.path,
        )
    out = {n: np.where(missing, np.nan, v[index]) for n, v in table.columns.items()}
    for name in placing:
        if np.isnan(out[name]).any():
            trace = int(np.flatnonzero(np.isnan(out[name]))[0])
            raise GeometryError(
                f"{table.path} has no {name} in the line for trace {trace + 1:,} of {recording.path}",
                remedy="write the number, or leave the column out",
                file=recording.path,
            )
    return out


def _place(fields: dict[str, np.ndarray], edits: Edits, table: Table, found: Mapping[str, np.ndarray]) -> set[str]:
    """Put what a table holds into the fields and the edits; return the fields."""
    touched = set()
    for name, values in found.items():
        field = _PLACES.get(table.role, {}).get(name, name)
        if table.role == "receivers" and name == "depth" and "elevation" not in found:
            field, values = "receiver_elevation", -values
        if field in _OF_TRACES:
            fields[field] = values
            touched.add(field)
    if (shift := _seconds(found, "shift")) is not None:
        edits.shift[:] += np.nan_to_num(shift)
    for side, name, tighter in ((0, "mute_before", np.fmax), (1, "mute_after", np.fmin)):
        if (limit := _seconds(found, name)) is not None:
            edits.used[:, side] = tighter(edits.used[:, side], limit)
    for name, flag in (("kill", edits.kill), ("reverse", edits.reverse)):
        if name in found:
            flag |= np.nan_to_num(found[name]) != 0
    if "polarity" in found:
        edits.reverse[:] |= np.nan_to_num(found["polarity"]) < 0
    return touched


def _seconds(found: Mapping[str, np.ndarray], name: str) -> np.ndarray | None:
    """Return a column of times in s, None where there is none."""
    return found.get(f"{name}_s", 1e-3 * found[f"{name}_ms"] if f"{name}_ms" in found else None)


def _lay_out(fields: dict[str, np.ndarray], layout: RegularSpread, touched: set[str]) -> None:
    channel = np.asarray(fields["trace_number"], float)
    if layout.first is None:
        fields["receiver_x"] = channel * layout.spacing
        return
    if "source_x" not in touched:
        record = np.asarray(fields["field_record"], float)
        fields["source_x"] = (record - record.min()) * layout.move
        touched.add("source_x")
    side = -1.0 if layout.first < 0 else 1.0
    fields["receiver_x"] = fields["source_x"] + layout.first + side * (channel - 1) * layout.spacing


def layout_of(values: Mapping[str, float] | None) -> RegularSpread | None:
    """Return the layout that settings describe.

    Raises
    ------
    ConfigError
        If they name something else than spacing, first and move, or no spacing.
    """
    if not values:
        return None
    strange = sorted(set(values) - {"spacing", "first", "move"})
    if strange or not values.get("spacing", 0) > 0:
        raise ConfigError(
            Message(Argument("data.layout"), f" is {dict(values)}"),
            limit="it holds spacing, and may hold first and move, all in m",
            remedy=Message("for example ", Argument("data.layout", {"spacing": 2.5, "first": 5.0})),
        )
    return RegularSpread(values["spacing"], values.get("first"), values.get("move", 0.0))
