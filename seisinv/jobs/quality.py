"""Data without what instruments left in them: looked for in some shots, removed from all as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from seisinv.core import Argument, Gathers, Message, Observed, SeisinvError, Survey
from seisinv.io import Line
from seisinv.signal.quality import Quality, examined

SAMPLES = 20_000_000  # that are looked at, at most
MOSTLY = 0.6  # share of the shots looked at in which a channel is bad, so that it is in the others


@dataclass(frozen=True, eq=False)
class Cleaned:
    """Observed data that are cleaned as they are read.

    Parameters
    ----------
    observed : Line
    quality : Quality
        Of all traces or of some shots.
    bad : bool array [shot, receiver]
        Traces that are left out.
    """

    observed: Line
    quality: Quality
    bad: np.ndarray

    @property
    def survey(self) -> Survey:
        """The acquisition."""
        return self.observed.survey

    def __len__(self) -> int:
        return len(self.observed)

    def part(self, shots: Sequence[int]) -> Cleaned:
        """Return data that hold some of the shots."""
        observed = self.observed.part(shots)
        return Cleaned(observed, self.quality, self.bad[list(shots), : observed.survey.max_receivers])

    def __getitem__(self, shots: Sequence[int] | slice) -> Gathers:
        """Load some of the shots."""
        index = list(range(len(self))[shots]) if isinstance(shots, slice) else [int(k) for k in shots]
        found = self.observed[index]
        live = found.live & ~torch.from_numpy(self.bad[index, : found.live.shape[1]])
        return self.quality.cleaned(found.replace(live=live))


def looked_at(observed: Observed) -> tuple[Quality, np.ndarray]:
    """Examine data, some shots of large ones; return what was found and which traces [shot, receiver] are bad."""
    survey = observed.survey
    each = survey.max_receivers * survey.time.samples
    count = int(np.clip(SAMPLES // max(each, 1), 1, len(observed)))
    shots = np.unique(np.linspace(0, len(observed) - 1, count).round().astype(int))
    found = examined(observed[shots.tolist()])
    bad = np.zeros((len(observed), survey.max_receivers), bool)
    some = found.bad
    bad[:, : some.shape[1]] = some.mean(axis=0) > MOSTLY
    bad[shots, : some.shape[1]] = some
    return found, bad


def cleaned(observed: Line) -> tuple[Observed, tuple[str, ...]]:
    """Return data as they should be used, the same where nothing was found, and what was found, in words."""
    found, bad = looked_at(observed)
    if not (found.zero or found.spikes or found.hum or bad.any()):
        return observed, found.notes
    notes: list[str] = list(found.notes)
    if bad.any():
        notes.append(
            Message(
                f"{bad.sum():,} noisy or reversed traces are left out (", Argument("data.clean", False), " uses them)"
            )
        )
    return Cleaned(observed, found, bad), tuple(notes)


def remarks(observed: Line) -> list[str]:
    """Return what is odd in the samples, in words: traces, recorder, and shots that are late against the others."""
    found, bad = looked_at(observed)
    return [*found.notes, *late_shots(Cleaned(observed, found, bad))]


def late_shots(observed: Observed) -> list[str]:
    """Name the shots whose first breaks come late or early against those of the others; none where they do not tell."""
    from seisinv.traveltime import pick_first_breaks, shot_delays

    survey = observed.survey
    if survey.max_receivers * survey.time.samples * len(observed) > SAMPLES:
        return []
    try:
        picks = pick_first_breaks(observed[list(range(len(observed)))])
    except SeisinvError:
        return []
    late = shot_delays(picks)
    remedy = Argument("data.geometry", ["shifts.csv"])
    return [
        Message(
            f"shot {picks.survey.shots[k].number} is {abs(1e3 * late[k]):.0f} ms {'late' if late[k] > 0 else 'early'} "
            "against the others: shift it by a table of shot and shift_ms (",
            remedy,
            ")",
        )
        for k in np.flatnonzero(late)
    ]
