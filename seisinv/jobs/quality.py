"""Data without what instruments left in them: looked for in some shots, removed from all as they are read."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from seisinv.core import Argument, Gathers, Message, Observed, SeisinvError, Survey
from seisinv.io import Line
from seisinv.signal.quality import Quality, examined

SAMPLES = 5_000_000  # that are looked at, at most
PICKED, FEWEST = 20_000, 8  # traces whose first breaks are picked, at most, and of a shot, at least
PICKED_ON = ("p", "vz", "az", "uz")  # in this order
NAMED = 8  # shots in a sentence
MOSTLY = 0.6  # share of the shots looked at in which a channel is bad, so that it is in the others
log = logging.getLogger("seisinv.run")


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
    late = late_shots(Cleaned(observed, found, bad))
    return [*found.notes, *([late_words(observed.survey, late)] if late else [])]


def late_shots(observed: Observed) -> dict[int, float]:
    """Return which shots come late or early against the others by their first breaks, and by how much, s.

    None where first breaks do not tell. Large data are looked at in pieces of neighbouring shots, very large ones not.
    """
    from seisinv.traveltime import pick_first_breaks, shot_delays

    survey = observed.survey
    late: dict[int, float] = {}
    if len(observed) * FEWEST > PICKED:
        log.info("the line is long: first breaks of its shots are not compared with each other")
        return late
    every = math.ceil(survey.max_receivers / max(FEWEST, PICKED // max(1, len(observed))))
    pieces = math.ceil(len(observed) * survey.max_receivers * survey.time.samples / SAMPLES)
    for shots in np.array_split(np.arange(len(observed)), min(pieces, len(observed))):
        try:
            gathers, kept = on_one_component(observed[shots.tolist()])
            delays = shot_delays(pick_first_breaks(_thinned(gathers, every)))
        except SeisinvError:
            continue
        late |= {int(shots[kept[k]]): float(delays[k]) for k in np.flatnonzero(delays)}
    return late


def on_one_component(gathers: Gathers) -> tuple[Gathers, list[int]]:
    """Return the traces on which first breaks are picked, of one component, and which shots have some.

    First breaks are those of P waves: pressure and the vertical components show them best.
    """
    names = gathers.components
    if len(names) < 2:
        return gathers, list(range(len(gathers)))
    name = next((n for n in PICKED_ON if n in names), names[0])
    kept = [k for k, shot in enumerate(gathers.survey.shots) if name in (shot.components or ())]
    return gathers.component(name), kept


def _thinned(gathers: Gathers, every: int) -> Gathers:
    """Return one of so many traces of every shot."""
    if every == 1:
        return gathers
    shots = tuple(s.listening(slice(None, None, every)) for s in gathers.survey.shots)
    survey = Survey(shots, gathers.survey.time)
    width = survey.max_receivers
    return Gathers(gathers.data[:, ::every][:, :width], survey, gathers.live[:, ::every][:, :width])


def late_words(survey: Survey, late: dict[int, float], what_then: str = "") -> str:
    """Return which shots are late or early and how to shift them, in one sentence."""
    words = [
        f"shot {survey.shots[k].number} is {abs(1e3 * by):.0f} ms {'late' if by > 0 else 'early'}"
        for k, by in late.items()
    ]
    named = ", ".join(words[:NAMED]) + (f" and {len(words) - NAMED} more" if len(words) > NAMED else "")
    remedy = Argument("data.geometry", ["shifts.csv"])
    return Message(
        f"{named} against the others{what_then}; shift by a table of shot and shift_ms (",
        remedy, ")",
    )  # fmt: skip
