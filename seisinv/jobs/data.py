"""The recorded data of a job: which shots are inverted, which are held out, and which frequencies they contain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from seisinv.core import Argument, ConfigError, DataError, Gathers, Message, Observed, Survey, registry
from seisinv.core.gathers import part_of
from seisinv.core.grid import AXES
from seisinv.jobs.build import window_of
from seisinv.jobs.models import read_model_file
from seisinv.jobs.quality import cleaned, late_shots, late_words
from seisinv.jobs.settings import Settings
from seisinv.physics import Physics, wave_equation
from seisinv.signal import Window
from seisinv.signal.processing import processed
from seisinv.signal.spectra import signal_band

if TYPE_CHECKING:
    from seisinv.io import Line, Reading

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
    physics = wave_equation(settings.propagator.physics)
    opened, said = in_terms_of(physics, io.open_line(data.path, reading_of(settings)))
    line, notes = cleaned(opened) if data.clean else (opened, ())
    notes = (*said, *notes)
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


VERTICAL = "vz"  # of several components, what a wave equation that has none of them takes for its own


def in_terms_of(physics: Physics, line: Line) -> tuple[Line, tuple[str, ...]]:
    """Return a line of components and kinds of source that a wave equation has, and what was left out or taken as such.

    A line of one component that it lacks is taken as what it records, and sources of a kind that it lacks as its own.

    Raises
    ------
    DataError
        If the line has several components, none of them vertical, and the wave equation none of them.
    """
    from seisinv.io.sensors import words

    axes, names, notes = AXES[line.survey.ndim], line.components, list[str]()
    known, kinds = physics.components(axes), physics.sources(axes)
    usual, first = physics.record or next(iter(known)), physics.kind or next(iter(kinds))
    has, lacks = [n for n in names if n in known], [n for n in names if n not in known]
    if len(lacks) > 1 and not has:
        if VERTICAL not in names:
            raise _lacking(physics, line)
        line, lacks = line.component(VERTICAL), [VERTICAL]
        notes.append(
            Message(
                f"components: {VERTICAL} of {', '.join(names)} is used (", Argument("data.component", ...), " chooses)"
            )
        )
    if lacks and has:
        line = line.component(*has)
        notes.append(
            Message(
                f"components: {' and '.join(has)} of {', '.join(names)} {'is' if len(has) == 1 else 'are'} used, "
                f"{physics.name} has no {' and no '.join(lacks)} (", Argument("data.component", ...), " chooses)",
            )
        )  # fmt: skip
    elif lacks:
        notes.append(f"components: {physics.name} has no {lacks[0]}, which the traces measure: it is taken as {usual}")
    sorts = [sort for shot in line.survey.shots for sort in shot.kinds or ()]
    if strange := [s for s in sorts if not (s in kinds if isinstance(s, str) else set(s) <= set(kinds))]:
        what = words(strange[0])
        notes.append(f"sources: {physics.name} has no {what}, which the file says: they are taken as {first}")
    # What is left out here is what the wave equation takes by itself.
    is_usual, is_own = set(has) <= {usual}, bool(strange) or all(sort == first for sort in sorts)
    shots = tuple(
        replace(shot, components=None if is_usual else shot.components, kinds=None if is_own else shot.kinds)
        for shot in line.survey.shots
    )
    return replace(line, survey=line.survey.replace(shots=shots)), tuple(notes)


def _lacking(physics: Physics, line: Line) -> DataError:
    names, axes = line.components, AXES[line.survey.ndim]
    others = [cls() for cls in registry.concrete(Physics)]  # type: ignore[type-abstract]
    better = ", ".join(sorted(p.name for p in others if set(names) <= set(p.components(axes))))
    has = ", ".join(physics.components(axes))
    remedies = [Message("choose one, which is taken as what it records: ", Argument("data.component", names[0]))]
    if better:
        remedies.append(Message("a wave equation that has them (", Argument("propagator.physics"), f"): {better}"))
    return DataError(
        f"the traces measure {', '.join(names)}; {physics.name} has none of them, only {has}",
        remedy=remedies,
        file=line.paths[0],
    )


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
