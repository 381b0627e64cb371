"""Acquisition: where sources and receivers are, when samples are taken, and what the sources emit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from seisinv.core.arrays import numbers, real, real_tensor
from seisinv.core.errors import Argument, Code, DataError, GeometryError, Message
from seisinv.core.grid import AXES, Grid
from seisinv.core.identity import ADDED_LATER

_MOST = 1e8  # positions of a line


@dataclass(frozen=True)
class TimeAxis:
    """Sample times start + k · step, in seconds.

    Parameters
    ----------
    step : float, s
        Sample interval.
    samples : int
    start : float, s
        Time of the first sample after the shot.

    Raises
    ------
    DataError
        If the interval is not positive, or there are fewer than 2 samples.

    Examples
    --------
    >>> axis = TimeAxis(4e-3, 251)
    >>> axis.end, axis.nyquist
    (1.0, 125.0)
    """

    step: float
    samples: int
    start: float = 0.0

    def __post_init__(self) -> None:
        real([self.step, self.samples, self.start], "the time axis")
        if not 0 < self.step < np.inf:
            raise DataError(f"the sample interval is {self.step:g} s; it must be positive")
        if not np.isfinite(self.start):
            raise DataError(f"the first sample is at {self.start:g} s; it must be finite")
        if self.samples < 2 or self.samples % 1:
            raise DataError(f"the record has {self.samples} samples; at least 2 are needed")

    @property
    def times(self) -> np.ndarray:
        """Sample times, s."""
        return self.start + self.step * np.arange(self.samples)

    @property
    def end(self) -> float:
        """Time of the last sample, s."""
        return self.start + self.step * (self.samples - 1)

    @property
    def nyquist(self) -> float:
        """Highest frequency that the samples can hold, Hz."""
        return 0.5 / self.step


@dataclass(frozen=True, eq=False)
class Shot:
    """One experiment: sources that fire together and the receivers that listen.

    Parameters
    ----------
    sources : (n_sources, ndim) array, m
        Positions in the grid's axis order (z, x), z down; any float.
    receivers : (n_receivers, ndim) array, m
    number : int
        Field record number, kept for input and output.
    used : (n_receivers, 2) array, s, optional
        First and last record time that counts of each trace; what is outside is muted. Default: all.
    kinds : (n_sources,) sequence of str or mapping, optional
        What each source is: the name of a kind of the wave equation ("explosion", "fz"), or a sum of them such as
        ``{"mzz": 1.0, "mxx": -1.0}``.  Default: the wave equation's own.
    components : (n_receivers,) sequence of str, optional
        What each receiver measures ("p", "vz").  A geophone with three components is three receivers at one place.
        Default: the wave equation's own.

    Raises
    ------
    GeometryError
        If there is no source or receiver, a coordinate is not finite, or times, kinds or components are not as many as
        receivers and sources.

    Examples
    --------
    >>> Shot([[10.0, 500.0]], [[10.0, 0.0], [10.0, 25.0]]).receivers.shape
    (2, 2)
    """

    sources: np.ndarray
    receivers: np.ndarray
    number: int = 0
    used: np.ndarray | None = field(default=None, metadata=ADDED_LATER)
    kinds: tuple[str | Mapping[str, float], ...] | None = field(default=None, metadata=ADDED_LATER)
    components: tuple[str, ...] | None = field(default=None, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        if self.used is not None and np.shape(self.used) != (len(self.receivers), 2):
            raise GeometryError(
                f"shot {self.number}: used has shape {np.shape(self.used)}; give two times for each of "
                f"{len(self.receivers)} receivers"
            )
        for name in ("sources", "receivers"):
            given = real(getattr(self, name), f"shot {self.number}: {name}", error=GeometryError)
            value = np.array(given, dtype=float, ndmin=2)  # a copy: it is made read-only
            if value.ndim != 2 or value.shape[0] == 0 or value.shape[1] not in AXES:
                raise GeometryError(f"shot {self.number} has no {name}; give positions [n, axis] in metres")
            if not np.isfinite(value).all():
                raise GeometryError(f"shot {self.number}: {name} hold a NaN or infinite coordinate")
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        if self.sources.shape[1] != self.receivers.shape[1]:
            raise GeometryError(f"shot {self.number}: sources and receivers have different numbers of axes")
        for what, of in (("kinds", "sources"), ("components", "receivers")):
            names = getattr(self, what)
            if names is None:
                continue
            if isinstance(names, (str, Mapping)) or len(names) != len(getattr(self, of)):
                stated = repr(names) if isinstance(names, (str, Mapping)) else f"{len(names)} names"
                raise GeometryError(
                    f"shot {self.number}: {what} is {stated}; give one for each of its {len(getattr(self, of))} {of}"
                )
            object.__setattr__(self, what, tuple(names))

    def listening(self, receivers: np.ndarray | slice) -> Shot:
        """Return the shot with some of its receivers.

        Parameters
        ----------
        receivers : array of bool or int, or slice

        Returns
        -------
        Shot
        """
        index = np.arange(len(self.receivers))[receivers]
        return dataclasses.replace(
            self,
            receivers=self.receivers[index],
            used=None if self.used is None else self.used[index],
            components=None if self.components is None else tuple(self.components[k] for k in index),
        )


def reaches(source: np.ndarray, receivers: np.ndarray) -> np.ndarray:
    """Return the distances of receivers from a source, m, negative on one side of it along the receivers' line."""
    away, spread = receivers - source, receivers - receivers.mean(axis=0)
    direction = np.linalg.svd(spread, full_matrices=False)[2][0] if spread.any() else away[0]
    along = away @ (direction * np.sign(direction[np.argmax(np.abs(direction))]))
    return np.asarray(np.linalg.norm(away, axis=1) * np.where(along < 0, -1.0, 1.0))


@dataclass(frozen=True, eq=False)
class Survey:
    """Shots, a time axis and the source time functions.

    Parameters
    ----------
    shots : sequence of Shot
    time : TimeAxis
        When data are recorded.
    wavelet : tensor [time] or [shot, source, time], or None
        Source time functions on `source_time`; None where they are not known yet (field data).

    Raises
    ------
    GeometryError
        If there is no shot, or shots are in 2-D and in 3-D.
    DataError
        If the wavelet does not fit the source time or the shots.

    Examples
    --------
    >>> from seisinv.core import ricker
    >>> survey = Survey.surface(sources=line(0, 100, every=50), receivers=line(0, 100, every=10),
    ...                         wavelet=ricker(10), duration=0.5, dt=4e-3)
    >>> len(survey), survey.max_receivers
    (3, 11)
    """

    shots: tuple[Shot, ...]
    time: TimeAxis
    wavelet: Tensor | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shots", tuple(self.shots))
        if not self.shots:
            raise GeometryError("a survey needs at least one shot")
        if len({shot.sources.shape[1] for shot in self.shots}) > 1:
            raise GeometryError("the shots of a survey must all be 2-D or all be 3-D")
        if self.wavelet is None:
            return
        w = real_tensor(self.wavelet, "the wavelet")
        object.__setattr__(self, "wavelet", w)
        if not torch.isfinite(w.detach()).all():
            raise DataError("the wavelet holds NaN or infinite samples")
        n = self.source_time.samples
        if w.ndim not in (1, 3) or w.shape[-1] != n:
            raise DataError(
                f"the wavelet has shape {tuple(w.shape)}; it must be [{n}] or [shot, source, {n}] (time last)"
            )
        if w.ndim == 3 and (w.shape[0] != len(self) or w.shape[1] < self.max_sources):
            raise DataError(
                f"the wavelet has shape {tuple(w.shape)}; the survey has {len(self)} shots "
                f"of up to {self.max_sources} sources"
            )

    def __repr__(self) -> str:
        time = self.time
        known = "no wavelet" if self.wavelet is None else f"wavelet {tuple(self.wavelet.shape)}"
        return (
            f"Survey({len(self)} shots, up to {self.max_receivers} receivers, {time.samples} samples of "
            f"{time.step * 1e3:g} ms, {known})"
        )

    @classmethod
    def surface(
        cls,
        *,
        sources: np.ndarray,
        receivers: np.ndarray,
        wavelet: Callable[[np.ndarray], np.ndarray] | Tensor | np.ndarray | None,
        duration: float,
        dt: float,
        kind: str | Mapping[str, float] | None = None,
        components: Sequence[str] | None = None,
    ) -> Survey:
        """Build a survey in which every source is a shot of its own, recorded by the same receivers.

        Parameters
        ----------
        sources, receivers : (n, ndim) arrays, m
        wavelet : function of time in s, or samples, or None
        duration, dt : float, s
        kind : str or mapping, optional
            What every source is, as for `Shot`.
        components : sequence of str, optional
            What is measured at every place of a receiver: all places for the first component, then for the second, …

        Returns
        -------
        Survey

        Raises
        ------
        GeometryError
            If `components` is not a sequence of names, or positions are not finite.
        """
        step, length = numbers([dt, duration], "dt and duration").tolist()
        time = TimeAxis(step, round(length / step) + 1 if step > 0 else 0)
        places = np.atleast_2d(real(sources, "sources", error=GeometryError))
        heard = None
        if components is not None:
            if isinstance(components, str) or not components:
                raise GeometryError(f"components is {components!r}; give a sequence of names, for example ['vz', 'vx']")
            spots = np.atleast_2d(real(receivers, "receivers", error=GeometryError))
            receivers = np.concatenate([spots] * len(components))
            heard = tuple(c for c in components for _ in spots)
        kinds = None if kind is None else (kind,)
        shots = [
            Shot(source[None], receivers, number, kinds=kinds, components=heard)
            for number, source in enumerate(places, 1)
        ]
        return cls(tuple(shots), time).with_wavelet(wavelet)

    def __len__(self) -> int:
        return len(self.shots)

    def __getitem__(self, shots: int | Sequence[int] | slice) -> Survey:
        """Return the survey of one or some of the shots."""
        return self.subset([shots] if isinstance(shots, int) else shots)

    @property
    def ndim(self) -> int:
        """Number of axes of the positions."""
        return self.shots[0].sources.shape[1]

    @property
    def max_sources(self) -> int:
        """Largest number of sources in a shot."""
        return max(len(shot.sources) for shot in self.shots)

    @property
    def max_receivers(self) -> int:
        """Largest number of receivers in a shot; gathers are padded to it."""
        return max(len(shot.receivers) for shot in self.shots)

    @property
    def source_time(self) -> TimeAxis:
        """Time axis of the source time functions: from 0, or from an earlier record start, to the end of the record."""
        if self.time.start <= 0:
            return self.time
        return TimeAxis(self.time.step, int(np.floor(self.time.end / self.time.step + 1e-6)) + 1, 0.0)

    @cached_property
    def occupied(self) -> Tensor:
        """Which places [shot, receiver] of a gather hold a receiver (the rest is padding)."""
        counts = torch.tensor([len(shot.receivers) for shot in self.shots])
        return torch.arange(self.max_receivers)[None] < counts[:, None]

    @cached_property
    def offsets(self) -> np.ndarray:
        """Horizontal offset from the first source [shot, receiver], m; signed in 2-D, NaN where padded."""
        out = np.full((len(self), self.max_receivers), np.nan)
        for row, shot in zip(out, self.shots, strict=True):
            step = shot.receivers[:, 1:] - shot.sources[0, 1:]
            row[: len(step)] = step[:, 0] if step.shape[1] == 1 else np.linalg.norm(step, axis=1)
        return out

    @cached_property
    def distances(self) -> np.ndarray:
        """Distance from the nearest source [shot, receiver], m; NaN where padded."""
        out = np.full((len(self), self.max_receivers), np.nan)
        for row, shot in zip(out, self.shots, strict=True):
            apart = [np.linalg.norm(shot.receivers - source, axis=1) for source in shot.sources]
            row[: len(shot.receivers)] = np.min(apart, axis=0)
        return out

    @cached_property
    def reaches(self) -> np.ndarray:
        """Distance from the first source [shot, receiver], m, negative on one side of it along the receivers' line.

        In a well, on the sea floor or at the surface alike; NaN where padded.
        """
        out = np.full((len(self), self.max_receivers), np.nan)
        for row, shot in zip(out, self.shots, strict=True):
            row[: len(shot.receivers)] = reaches(shot.sources[0], shot.receivers)
        return out

    def replace(self, **changes: object) -> Survey:
        """Return a copy with some fields changed.

        Parameters
        ----------
        **changes
            `shots`, `time` or `wavelet`, as for the class.

        Returns
        -------
        Survey
        """
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def with_wavelet(self, wavelet: Callable[[np.ndarray], np.ndarray] | Tensor | np.ndarray | None) -> Survey:
        """Return a copy whose sources emit `wavelet`: a function of time, or samples on `source_time`.

        Parameters
        ----------
        wavelet : function of time in s, or samples, or None

        Returns
        -------
        Survey
        """
        if wavelet is None or isinstance(wavelet, Tensor):
            return self.replace(wavelet=wavelet)
        values = wavelet(self.source_time.times) if callable(wavelet) else wavelet
        return self.replace(wavelet=real_tensor(values, "the wavelet").double())

    def subset(self, shots: Sequence[int] | slice) -> Survey:
        """Return the survey of some of the shots, in the order given.

        Parameters
        ----------
        shots : sequence of int, or slice

        Returns
        -------
        Survey
        """
        index = range(len(self))[shots] if isinstance(shots, slice) else [int(i) for i in shots]
        w = self.wavelet
        if w is not None and w.ndim == 3:
            w = w[list(index)]
        return Survey(tuple(self.shots[i] for i in index), self.time, w)

    @cached_property
    def used(self) -> np.ndarray | None:
        """First and last record time that counts of each trace [shot, receiver, 2], s; None where none is muted."""
        if all(shot.used is None for shot in self.shots):
            return None
        out = np.tile([-np.inf, np.inf], (len(self), self.max_receivers, 1))
        for row, shot in zip(out, self.shots, strict=True):
            if shot.used is not None:
                row[: len(shot.used)] = shot.used
        return out

    def inside(self, grid: Grid) -> Survey:
        """Return the survey without receivers outside the grid and shots that lose a source or every receiver.

        Parameters
        ----------
        grid : Grid

        Returns
        -------
        Survey

        Raises
        ------
        GeometryError
            If no shot is left.
        """
        keep, index = [], []
        for i, shot in enumerate(self.shots):
            within = grid.contains(shot.receivers)
            if grid.contains(shot.sources).all() and within.any():
                keep.append(shot.listening(within))
                index.append(i)
        if not keep:
            raise GeometryError("no shot of the survey lies inside the grid; check origin, units and coordinate scalar")
        w = self.wavelet
        return Survey(tuple(keep), self.time, w[index] if w is not None and w.ndim == 3 else w)

    def check_inside(self, grid: Grid) -> None:
        """Raise GeometryError for the first source or receiver outside the grid.

        Parameters
        ----------
        grid : Grid

        Raises
        ------
        GeometryError
        """
        if self.ndim != grid.ndim:
            raise GeometryError(f"the survey has {self.ndim} axes and the grid {grid.ndim}")
        for shot in self.shots:
            for kind, positions in (("source", shot.sources), ("receiver", shot.receivers)):
                outside = ~grid.contains(positions)
                if outside.any():
                    k = int(np.argmax(outside))
                    raise _outside(grid, shot, kind, k, positions[k], int(outside.sum()))


def _outside(grid: Grid, shot: Shot, kind: str, k: int, position: np.ndarray, count: int) -> GeometryError:
    low, high = np.array(grid.extent).T
    axis = int(np.argmax((position < low - 1e-3) | (position > high + 1e-3)))
    more = f" (and {count - 1} more)" if count > 1 else ""
    return GeometryError(
        f"shot {shot.number}: {kind} {k} at {grid.axes[axis]} = {position[axis]:,.1f} m is outside the model "
        f"({low[axis]:,.1f} to {high[axis]:,.1f} m){more}",
        value=float(position[axis]),
        unit="m",
        remedy=(
            Message("extend the grid (", Argument("grid.shape"), ", ", Argument("grid.origin"), ")"),
            Message("drop it with ", Code("survey.inside(grid)")),
        ),
    )


def line(start: float, stop: float, *, every: float, depth: float = 0.0) -> np.ndarray:
    """Return positions (z, x) along a horizontal 2-D line, both ends included where they fall on a step.

    Parameters
    ----------
    start, stop : float, m
        x of the first position, and the limit of the last.
    every : float, m
        Distance between positions.
    depth : float, m
        z of all positions.

    Returns
    -------
    array (n, 2), m
        Positions (z, x).

    Raises
    ------
    GeometryError
        If the distance is not positive, or the line ends before it starts.

    Examples
    --------
    >>> line(0, 20, every=10, depth=5).tolist()
    [[5.0, 0.0], [5.0, 10.0], [5.0, 20.0]]
    """
    start, stop, every, depth = numbers([start, stop, every, depth], "the line", error=GeometryError).tolist()
    if not every > 0:
        raise GeometryError(f"every is {every:g} m; it must be positive")
    count = np.floor((stop - start) / every + 1e-9) + 1
    if count > _MOST:
        raise GeometryError(f"every is {every:g} m; the line would have {count:,.0f} positions")
    x = start + every * np.arange(int(count))
    if not len(x):
        raise GeometryError(f"stop = {stop:g} m lies before start = {start:g} m")
    return np.stack([np.full(len(x), float(depth)), x], axis=1)
