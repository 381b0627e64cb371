"""The recorded data of a job: which shots are inverted, which are held out, and which frequencies they contain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from seisinv.core import ConfigError, DataError, Gathers, Observed, Survey
from seisinv.core.gathers import part_of
from seisinv.jobs.build import window_of
from seisinv.jobs.models import read_model_file
from seisinv.jobs.quality import cleaned, late_shots, late_words
from seisinv.jobs.settings import Settings
from seisinv.signal import Window
from seisinv.signal.processing import processed
from seisinv.signal.spectra import signal_band

if TYPE_CHECKING:
    from seisinv.io import Reading

LATE = 0.75  # share of the shots that agree, from which the others are left out


@dataclass(frozen=True, eq=False)
class Thinned:
    """Some shots of a line, still on disk."""

    line: Observed
    shots: tuple[int, ...]
    survey: Survey

    def __len__(self) -> int:
        return len(self.shots)

    def part(self, shots: Sequence[int]) -> Observed:
        """Return data that hold some of the shots."""
        index = [self.shots[int(k)] for k in shots]
        line, rows = part_of(self.line, index)
        return Thinned(line, rows, self.survey.subset(list(shots)))

    def __getitem__(self, shots: Any) -> Any:
        index = list(range(len(self))[shots]) if isinstance(shots, slice) else shots
        return self.line[[self.shots[int(i)] for i in index]]


@dataclass(frozen=True, eq=False)
class Cut:
    """Data whose records end early: what is not used is not modelled."""

    line: Observed
    survey: Survey

    @classmethod
    def before(cls, line: Observed, end: float) -> Observed:
        """Return data up to a time, s; as they are where they end before it."""
        time = line.survey.time
        samples = max(2, math.ceil((end - time.start) / time.step - 1e-6) + 1)
        if samples >= time.samples:
            return line
        return cls(line, line.survey.replace(time=replace(time, samples=samples)))

    def __len__(self) -> int:
        return len(self.line)

    def part(self, shots: Sequence[int]) -> Observed:
        """Return data that hold some of the shots."""
        line, rows = part_of(self.line, [int(k) for k in shots])
        cut = Cut(line, line.survey.replace(time=self.survey.time))
        return cut if len(rows) == len(line) else some_of(cut, rows)

    def __getitem__(self, shots: Any) -> Any:
        found = self.line[shots]
        samples = self.survey.time.samples
        return Gathers(found.data[..., :samples], found.survey.replace(time=self.survey.time), found.live)


def some_of(line: Observed, shots: Sequence[int]) -> Thinned:
    """Return some shots of a line."""
    return Thinned(line, tuple(shots), line.survey.subset(shots))


@dataclass(frozen=True, eq=False)
class Data:
    """The opened data of a job; samples stay on disk.

    Parameters
    ----------
    line : Observed
        Everything in the files.
    observed : Observed
        The shots to be inverted.
    held_out : Observed, optional
        The shots that are only predicted.
    notes : tuple of str
        What was found in the samples, and removed.
    window : Window, optional
        Of the samples that are used.
    """

    line: Observed
    observed: Observed
    held_out: Observed | None = None
    notes: tuple[str, ...] = ()

    window: Window | None = None

    @cached_property
    def band(self) -> tuple[float, float, float]:
        """Lowest frequency, peak, and highest frequency of the signal, Hz; from up to five shots.

        The lowest is where neighbouring traces begin to agree, at 3 % of the peak's amplitude at least; the highest is
        where the spectrum falls to 1.5 % of it, or to twice what it holds below the Nyquist frequency.

        Raises
        ------
        DataError
            If no live trace holds a signal.
        """
        step = max(1, len(self.observed) // 5)
        gathers = processed(self.observed[list(range(0, len(self.observed), step))[:5]], None, self.window)
        if not gathers.data[gathers.live].any():
            raise DataError("no live trace holds a signal; check the file with `seisinv info`")
        return signal_band(gathers)


def reading_of(settings: Settings) -> Reading:
    """Return how the settings say that files are to be understood.

    A grid or a starting model that reaches above z = 0 counts from zero elevation, so z = 0 stays there.
    """
    from seisinv import io

    reading = io.Reading(**{field.name: getattr(settings.data, field.name) for field in fields(io.Reading)})
    tops = [0.0 if settings.grid.origin is None else settings.grid.origin[0]]
    if reading.datum is None and settings.start.kind == "model" and isinstance(settings.start.vp, str):
        tops.append(read_model_file(settings.start, "vp", settings.start.vp).grid.origin[0])
    return replace(reading, datum=0.0) if reading.datum is None and min(tops) < 0 else reading


def open_data(settings: Settings) -> Data:
    """Open the observed data, and part the shots to invert from those held out.

    Raises
    ------
    ConfigError
        If no file is named, or no shot is left to hold out.
    DataError
        If a file cannot be read.
    """
    from seisinv import io

    data = settings.data
    if data.path is None:
        raise ConfigError("data.path is missing; name the SEG-Y, SU or SEG-2 file to invert")
    opened = io.open_line(data.path, reading_of(settings))
    line, notes = cleaned(opened) if data.clean else (opened, ())
    if (window := window_of(settings)) is not None:
        line = Cut.before(line, window.end(line.survey))
        if isinstance(line, Cut):
            notes = (*notes, f"records: cut at {line.survey.time.end:g} s, after which the window lets nothing count")
    if data.every == 1 and data.held_out is None:
        return Data(line, line, notes=notes, window=window)
    used, n = range(0, len(line), data.every), data.held_out
    if n is None:
        return Data(line, some_of(line, used), notes=notes, window=window)
    kept = used[n // 2 :: n]  # the middle one of every n
    if not kept:
        raise ConfigError(
            f"data.held_out is {n}, but there are only {len(used)} shots; use {max(2, len(used))} or less"
        )
    return Data(line, some_of(line, [k for k in used if k not in kept]), some_of(line, kept), notes, window)


def without_late_shots(settings: Settings, data: Data) -> Data:
    """Return data without shots that are late or early against the others, with them where they are many; say so.

    All shots of the line are compared with each other, those that are held out and those that are left aside too.
    """
    late, count = late_shots(data.line), len(data.line)
    used = set(_rows(data.observed)) | set(() if data.held_out is None else _rows(data.held_out))
    named = {k: by for k, by in late.items() if k in used}
    if not named:
        return data
    survey = data.line.survey
    if not settings.data.clean or count - len(late) < LATE * count:
        return replace(data, notes=(*data.notes, late_words(survey, named, ", used as they are")))

    def in_time(observed: Observed) -> Observed | None:
        kept = [k for k, row in enumerate(_rows(observed)) if row not in late]
        return some_of(observed, kept) if kept else None

    observed, held_out = in_time(data.observed), None if data.held_out is None else in_time(data.held_out)
    if observed is None:
        return replace(data, notes=(*data.notes, late_words(survey, named, ", used as they are")))
    words = late_words(survey, named, f", left out of {len(used)}")
    return replace(data, observed=observed, held_out=held_out, notes=(*data.notes, words))


def _rows(observed: Observed) -> Sequence[int]:
    """Return which shots of the line some data hold."""
    return observed.shots if isinstance(observed, Thinned) else range(len(observed))
