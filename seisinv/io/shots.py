"""Which traces make a shot: those that share a field record and a source position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seisinv.core.errors import Argument, GeometryError, Message
from seisinv.io.headers import where
from seisinv.io.reading import Reading
from seisinv.io.recording import Recording
from seisinv.io.sensors import Sort, kind_of, sources_said


@dataclass(frozen=True, eq=False)
class SeismicTraces:
    """Seismic traces of all files; `index` counts through them one after another, each file from its `firsts` on.

    `component` numbers what traces measure, -1 where files do not say.
    """

    index: np.ndarray
    file: np.ndarray
    source: np.ndarray
    receiver: np.ndarray
    dead: np.ndarray
    fields: dict[str, np.ndarray]
    firsts: np.ndarray
    component: np.ndarray

    def number(self, trace: int) -> int:
        """Return the number of a trace in its file, from 1."""
        return int(self.index[trace] - self.firsts[self.file[trace]]) + 1

    def some(self, keep: np.ndarray) -> SeismicTraces:
        """Return the traces of a mask."""
        fields = {name: values[keep] for name, values in self.fields.items()}
        index, file, source, receiver, dead, component = (
            v[keep] for v in (self.index, self.file, self.source, self.receiver, self.dead, self.component)
        )
        return SeismicTraces(index, file, source, receiver, dead, fields, self.firsts, component)

    def tapes(self, files: int) -> np.ndarray | None:
        """Return which files [file] hold the same shots, where each has components of its own; None where none do.

        The first file of each set of components goes with the first of the others, the second with the second.
        """
        if files < 2 or (self.component < 0).any():
            return None
        held = [frozenset(np.unique(self.component[self.file == k]).tolist()) for k in range(files)]
        if len(set(held)) < 2 or sum(map(len, set(held))) > len(frozenset().union(*held)):
            return None
        return np.array([held[:k].count(held[k]) for k in range(files)])


def sort_into_shots(
    recordings: Sequence[Recording], traces: SeismicTraces, reading: Reading, notes: list[str]
) -> list[np.ndarray]:
    """Sort traces into shots: those of one field record and one source position (to the millimetre)."""
    place = _numbered(traces.source.T, digits=3)
    tapes = traces.tapes(len(recordings))
    record = _numbered([traces.file if tapes is None else tapes[traces.file], traces.fields["field_record"]])
    both = _numbered([record, place])
    by_position = reading.shots_by == "position"
    if reading.shots_by is None and len(both) == both.max() + 1 > 2 * (place.max() + 1):
        by_position = True
        notes.append("every trace has a field record of its own; shots are distinguished by source position")
    shot = place if by_position else both
    count = int(shot.max()) + 1
    if count > 1 and place.max() == 0:
        x, y, _ = traces.source[0]
        names = " and ".join(where(name, recordings[0].places) for name in ("source_x", "source_y"))
        raise GeometryError(
            f"all {count} shots are at one place, x = {x:,.1f} m, y = {y:,.1f} m, read from {names}",
            remedy=(
                Message("map the bytes that hold them, e.g. ", Argument("data.headers", {"source_x": 181})),
                Message("pass ", Argument("data.shots_by", "position")),
            ),
            file=recordings[0].path,
        )
    if len(np.unique(record)) < count and not by_position and len(np.unique(record)) > 1:
        notes.append("source positions change within a field record; each position is a shot")
    order = np.arange(len(shot)) if (np.diff(shot) >= 0).all() else np.argsort(shot, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(shot[order])) + 1)
    if np.count_nonzero(np.diff(shot)) == count - 1:
        groups.sort(key=lambda rows: int(rows[0]))
    else:
        notes.append("traces are not sorted by shot")
    return [_in_channel_order(rows, traces) for rows in groups]


def _numbered(columns: Sequence[np.ndarray] | np.ndarray, *, digits: int | None = None) -> np.ndarray:
    """Number the distinct rows of columns, rounded to some digits, in sorted order."""
    # Equal rows mostly follow each other: the first of each run stands for all of it.
    count = len(columns[0])
    begins = np.zeros(count, bool)
    begins[0] = True
    for column in columns:
        begins[1:] |= column[1:] != column[:-1]
    firsts = np.flatnonzero(begins)
    some = np.column_stack([column[firsts] for column in columns])
    some = some if digits is None else np.round(some, digits)
    order = np.lexsort(some.T[::-1])
    new = np.any(np.diff(some[order], axis=0) != 0, axis=1)
    number = np.empty(len(some), int)
    number[order] = np.concatenate([[0], np.cumsum(new)])
    return np.repeat(number, np.diff(np.append(firsts, count)))


def _in_channel_order(rows: np.ndarray, traces: SeismicTraces) -> np.ndarray:
    channel = traces.fields["trace_number"][rows]
    if (np.diff(channel) > 0).all():
        return rows
    if len(np.unique(channel)) < len(rows):
        return rows
    return rows[np.argsort(channel, kind="stable")]


def components_of(
    traces: SeismicTraces, names: Sequence[str], shots: Sequence[np.ndarray]
) -> list[tuple[str, ...] | None]:
    """Return what the receivers of every shot measure; None for shots of which a trace does not say it."""
    if not names:
        return [None] * len(shots)
    kept: dict[bytes, tuple[str, ...]] = {}  # shots mostly have the same
    out: list[tuple[str, ...] | None] = []
    for rows in shots:
        numbers = traces.component[rows]
        key = numbers.tobytes()
        if key not in kept and (numbers >= 0).all():
            kept[key] = tuple(names[k] for k in numbers)
        out.append(kept.get(key))
    return out


def kinds_of(
    recordings: Sequence[Recording], traces: SeismicTraces, shots: Sequence[np.ndarray], notes: list[str]
) -> list[tuple[Sort] | None]:
    """Return what the source of every shot is; None where the headers do not tell, or contradict each other."""
    types, units = traces.fields["source_type"], traces.fields["source_unit"]
    if not types.any():
        return [None] * len(shots)
    said = [sources_said(r.text) if r.is_ours else {} for r in recordings]
    out: list[tuple[Sort] | None] = []
    unclear = []
    for rows in shots:
        triples = np.unique(np.column_stack([traces.file[rows], types[rows], units[rows]]).astype(int), axis=0)
        sorts = [said[f].get(t) or kind_of(t, u) for f, t, u in triples.tolist()]
        is_clear = all(sort == sorts[0] for sort in sorts)
        out.append((sorts[0],) if is_clear and sorts[0] is not None else None)
        if not is_clear or (out[-1] is None and recordings[triples[0, 0]].is_ours):
            unclear.append(rows[0])
    if unclear:
        notes.append(
            f"{len(unclear):,} shots do not tell what their source is, or differently from trace to trace "
            f"({where('source_type', recordings[0].places)}), from trace {traces.number(unclear[0]):,} on"
        )
    return out
