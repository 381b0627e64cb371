"""Traces of several components at one place: one component is used, never a mixture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seisinv.core.errors import Argument, DataError, Message
from seisinv.io.headers import where
from seisinv.io.reading import Reading
from seisinv.io.recording import Recording

#: Trace identification codes of receivers (SEG-Y revision 1, 2002, bytes 29-30), in the order of preference.
COMPONENTS: Mapping[int, str] = {
    11: "pressure",
    12: "vertical",
    15: "rotated vertical",
    14: "in-line",
    13: "cross-line",
    17: "rotated radial",
    16: "rotated transverse",
}


_LOOKED_AT = 20_000  # traces, whether places have one each
_MOST = 6  # traces of one position that can be components
_MOSTLY = 0.95  # share of the positions that have as many; where coordinates are rounded, numbers differ


def of_code(recording: Recording, seismic: np.ndarray, reading: Reading, notes: list[str]) -> np.ndarray:
    """Return which of the seismic traces [mask] belong to the component that is chosen, or that is taken, and said.

    Raises
    ------
    DataError
        If no trace has the code that is chosen.
    """
    kind, place = recording.fields["trace_kind"], where("trace_kind", recording.places)
    there = {int(code): int(n) for code, n in zip(*np.unique(kind[seismic], return_counts=True), strict=True)}
    code, several = reading.chosen_component if reading.component is not None else (0, 0)
    if code and not several:
        if code not in there:
            raise DataError(
                f"no trace has identification code {code} ({place})",
                limit=f"there are {', '.join(f'{n:,} of code {c}' for c, n in there.items())}",
                remedy=Message("choose one of these with ", Argument("data.component", ...)),
                file=recording.path,
            )
        return seismic & (kind == code)
    found = [c for c in COMPONENTS if c in there]
    if len(found) < 2 or several:
        return seismic
    said = ", ".join(f"{there[c]:,} {COMPONENTS[c]} ({c})" for c in found)
    notes.append(
        Message(
            f"several components ({place}): {said}; {COMPONENTS[found[0]]} is used (",
            Argument("data.component", found[1]), " for another)",
        )
    )  # fmt: skip
    return seismic & ~np.isin(kind, found[1:])


def of_place(
    recording: Recording, index: np.ndarray, positions: tuple[np.ndarray, np.ndarray], reading: Reading
) -> np.ndarray | None:
    """Return which traces are at the place among those of equal keys that is chosen; None for all.

    Parameters
    ----------
    recording : Recording
    index : array [trace]
        Their numbers in the recording.
    positions : arrays [trace, axis]
        Of their sources and receivers.
    reading : Reading

    Raises
    ------
    DataError
        If most positions have several traces and no component is chosen.
    """
    # Where the first thousands of traces each have a place of their own, so have the others.
    is_chosen = reading.component is not None and bool(reading.chosen_component[1])
    if not is_chosen and len(index) > 2 * _LOOKED_AT:
        some = tuple(side[:_LOOKED_AT] for side in positions)
        if np.unique(np.column_stack([recording.fields["field_record"][index[:_LOOKED_AT]], *some]), axis=0).shape[
            0
        ] > 0.9 * len(some[0]):
            return None
    keys = np.column_stack([recording.fields["field_record"][index], *positions])
    order = np.lexsort(keys.T[::-1])
    starts = np.concatenate([[True], np.any(np.diff(keys[order], axis=0) != 0, axis=1)])
    firsts = np.flatnonzero(starts)
    sizes = np.diff(np.append(firsts, len(keys)))
    among = np.empty(len(keys), int)
    among[order] = np.arange(len(keys)) - np.repeat(firsts, sizes)
    if is_chosen:
        chosen = reading.chosen_component
        if chosen[1] != np.median(sizes):
            raise DataError(
                Message("component is ", Argument("data.component", reading.component)),
                limit=f"but positions have {np.median(sizes):g} traces each",
                file=recording.path,
            )
        return among == chosen[0] - 1
    usual = int(np.median(sizes))
    if 1 < usual <= _MOST and np.mean(sizes == usual) > _MOSTLY and len(sizes) > 1:
        first, second = order[firsts[0]] + 1, order[firsts[0] + 1] + 1
        kind = int(recording.fields["trace_kind"][order[firsts[0]]])
        raise DataError(
            f"{len(sizes):,} of its positions have {usual} traces each, such as {first:,} and {second:,}, all of "
            f"{where('trace_kind', recording.places)} = {kind}: components of one receiver?",
            remedy=Message("choose one: ", Argument("data.component", f"1/{usual}"), f" is the first of every {usual}"),
            file=recording.path,
        )
    return None
