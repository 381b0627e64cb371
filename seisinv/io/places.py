"""Several traces at one place: those of one component are refused, unless one is chosen or the reader names them."""

from __future__ import annotations

import numpy as np

from seisinv.core.errors import Argument, DataError, Message
from seisinv.io.components import Heard
from seisinv.io.headers import where
from seisinv.io.reading import Reading

_LOOKED_AT = 20_000  # traces, whether places have one each
_MOST = 6  # traces of one position that can be components
_MOSTLY = 0.95  # share of the positions that have as many; where coordinates are rounded, numbers differ


def of_place(
    named: Heard, index: np.ndarray, positions: tuple[np.ndarray, np.ndarray], reading: Reading
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return which traces are at the place among those of equal keys that is chosen, None for all, and that place.

    Parameters
    ----------
    named : Heard
    index : array [trace]
        Their numbers in the recording.
    positions : arrays [trace, axis]
        Of their sources and receivers.
    reading : Reading

    Returns
    -------
    mask [trace] or None, and int array [trace] or None
        What the traces measure where the reader says it in turn.

    Raises
    ------
    DataError
        If most positions have several traces of one component, and none is chosen.
    """
    recording, place = named.recording, reading.choice.place
    component = np.zeros(len(index), np.int16) if named.in_turn else named.component[index]
    # Where the first thousands of traces each have a place of their own, so have the others.
    if place is None and not named.in_turn and len(index) > 2 * _LOOKED_AT:
        some = tuple(side[:_LOOKED_AT] for side in positions)
        keys = [recording.fields["field_record"][index[:_LOOKED_AT]], component[:_LOOKED_AT], *some]
        if np.unique(np.column_stack(keys), axis=0).shape[0] > 0.9 * len(some[0]):
            return None, None
    keys = [recording.fields["field_record"][index], *positions]
    if place is not None or named.in_turn:
        among, sizes, _ = _grouped(np.column_stack(keys))
        count = len(named.names) if place is None else place[1]
        usual = int(np.median(sizes))
        if (place is None and (sizes != count).any()) or usual != count:
            one = Message("choose one: ", Argument("data.component", f"1/{usual}"), f" is the first of every {usual}")
            raise DataError(
                Message("component is ", Argument("data.component", reading.component)),
                limit=f"but positions have {_span(sizes) if place is None else usual} traces each",
                remedy=one if usual > 1 else "give one name",
                file=recording.path,
            )
        return (None, among) if place is None else (among == place[0] - 1, None)
    _, sizes, order = _grouped(np.column_stack([component, *keys]))
    usual = int(np.median(sizes))
    if 1 < usual <= _MOST and np.mean(sizes == usual) > _MOSTLY and len(sizes) > 1:
        start = int(sizes[: np.argmax(sizes == usual)].sum())
        first, second = index[order[start : start + 2]]
        kind, each = int(recording.fields["trace_kind"][first]), int(np.median(_grouped(np.column_stack(keys))[1]))
        choice = Message(Argument("data.component", f"1/{each}"), f" is the first of every {each}")
        if named.others:
            choice = Message(Argument("data.component", named.others[0]))
        raise DataError(
            f"{len(sizes):,} of its positions have {usual} traces each, such as {first + 1:,} and {second + 1:,}, all "
            f"of {where('trace_kind', recording.places)} = {kind}: components of one receiver?",
            remedy=Message("choose one: ", choice),
            file=recording.path,
        )
    return None, None


def _span(sizes: np.ndarray) -> str:
    return f"{sizes.min()}" if sizes.min() == sizes.max() else f"{sizes.min()} to {sizes.max()}"


def _grouped(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the place of each row of keys among those equal to it, how many are equal, and an order of the rows."""
    order = np.lexsort(keys.T[::-1])
    starts = np.concatenate([[True], np.any(np.diff(keys[order], axis=0) != 0, axis=1)])
    firsts = np.flatnonzero(starts)
    sizes = np.diff(np.append(firsts, len(keys)))
    among = np.empty(len(keys), int)
    among[order] = np.arange(len(keys)) - np.repeat(firsts, sizes)
    return among, sizes, order
