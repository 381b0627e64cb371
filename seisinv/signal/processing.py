"""What is done to observed and to predicted traces alike: a zero-phase band filter, then mutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, DataError, Gathers, Shot, Survey
from seisinv.core.identity import ADDED_LATER

ROLL_OFF = 1.5  # ratio of stop to pass frequency


@dataclass(frozen=True)
class Band:
    """Zero-phase low-pass or band-pass filter with cosine flanks.

    Passes `low` to `high` unchanged; falls to zero as half a cosine at high × 1.5 and at low / 1.5. Applied in the
    frequency domain on traces padded with zeros to twice their length, so that nothing wraps round.

    Parameters
    ----------
    high : float, Hz
        Upper corner.
    low : float, Hz, optional
        Lower corner; None: a low-pass.

    Raises
    ------
    ConfigError
        Unless 0 < low < high.

    Examples
    --------
    >>> Band(8.0, low=2.0).response(np.array([0.0, 2.0, 8.0, 12.0])).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """

    high: float
    low: float | None = None

    def __post_init__(self) -> None:
        if not self.high > 0:
            raise ConfigError(f"a band ends at {self.high:g} Hz; it must be positive")
        if self.low is not None and not 0 < self.low < self.high:
            raise ConfigError(f"a band runs from {self.low:g} to {self.high:g} Hz; give 0 < low < high")

    @property
    def label(self) -> str:
        """The band's name in a run directory, such as '003.00Hz'."""
        return f"{self.high:06.2f}Hz"

    def response(self, frequencies: np.ndarray) -> np.ndarray:
        """Return the amplitude response.

        Parameters
        ----------
        frequencies : array, Hz

        Returns
        -------
        array
            From 0 to 1, in the shape of `frequencies`.
        """
        f = np.abs(frequencies)
        out = _cosine_fall(f, self.high, self.high * ROLL_OFF)
        return out if self.low is None else out * (1 - _cosine_fall(f, self.low / ROLL_OFF, self.low))

    def __call__(self, data: Tensor, dt: float) -> Tensor:
        """Filter traces.

        Parameters
        ----------
        data : [..., time] tensor
        dt : float, s
            Sample interval.

        Returns
        -------
        [..., time] tensor
            In the unit of `data`; differentiable.
        """
        n = data.shape[-1]
        padded = fast_length(2 * n)
        response = torch.from_numpy(self.response(np.fft.rfftfreq(padded, dt))).to(data)
        return torch.fft.irfft(torch.fft.rfft(data, n=padded) * response, n=padded)[..., :n]


def bands_of(values: Sequence[float | tuple[float, float] | Band] | None, nyquist: float) -> tuple[Band | None, ...]:
    """Return the bands that a list describes: a number is a low-pass, a pair a band-pass, None the data as they are."""
    if values is None:
        return (None,)
    if not values:
        raise ConfigError("bands is empty; give frequencies in Hz, low to high, or None for the data as they are")
    bands = tuple(v if isinstance(v, Band) else Band(*reversed(np.atleast_1d(v).tolist())) for v in values)
    highs = [b.high for b in bands]
    if any(b <= a for a, b in pairwise(highs)):
        raise ConfigError(f"bands are {', '.join(f'{h:g}' for h in highs)} Hz; they must rise from low to high")
    if highs[-1] > nyquist:
        raise ConfigError(
            f"bands reach {highs[-1]:g} Hz; the data hold nothing above {nyquist:g} Hz, their Nyquist frequency"
        )
    return bands


@dataclass(frozen=True)
class Window:
    """Which part of the records counts; everything else is muted on both sides.

    Parameters
    ----------
    offsets : (nearest, farthest), m, optional
        Range of absolute offsets; other traces are ignored.
    time : (first, last), s, optional
        Range of record time.
    before, after : (velocity m/s, intercept s), optional
        Linear mutes: samples before (after) intercept + |offset| / velocity are muted.
    taper : float, s
        Length of the cosine flank of time windows and mutes, inside the kept part.
    apart : float, m
        Traces whose receiver is nearer to a source than this are ignored: within about two cells, a source on a grid
        is as wide as the distance.

    Raises
    ------
    ConfigError
        If a range is empty, or the velocity of a mute is not positive.

    Examples
    --------
    >>> from seisinv.core import Survey, line, ricker
    >>> survey = Survey.surface(sources=line(0, 0, every=10), receivers=line(0, 200, every=100), wavelet=ricker(10),
    ...                         duration=0.3, dt=0.1)
    >>> window = Window(offsets=(50, 500), after=(1000.0, 0.0), taper=0.0)  # before x / (1 km/s)
    >>> window.traces(survey).tolist()
    [[False, True, True]]
    >>> window.weights(survey)[0, 2].tolist()
    [1.0, 1.0, 0.0, 0.0]
    """

    offsets: tuple[float, float] | None = None
    time: tuple[float, float] | None = None
    before: tuple[float, float] | None = None
    after: tuple[float, float] | None = None
    taper: float = 0.1
    apart: float = field(default=0.0, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        if not self.apart >= 0:
            raise ConfigError(f"apart is {self.apart:g} m; a distance is 0 or more")
        for name in ("offsets", "time"):
            pair = getattr(self, name)
            if pair is not None and not pair[0] < pair[1]:
                raise ConfigError(f"{name} of the window is {pair[0]:g} to {pair[1]:g}; the second must be larger")
        for name in ("before", "after"):
            mute = getattr(self, name)
            if mute is not None and not mute[0] > 0:
                raise ConfigError(f"the mute {name} has velocity {mute[0]:g} m/s; it must be positive")

    def traces(self, survey: Survey) -> Tensor:
        """Return which traces count: those in the offset range that are not too near to a source.

        Parameters
        ----------
        survey : Survey

        Returns
        -------
        [shot, receiver] bool tensor
        """
        used = survey.occupied
        if self.apart > 0:
            used = used & torch.from_numpy(np.nan_to_num(survey.distances) >= self.apart)
        if self.offsets is None:
            return used
        distance = np.nan_to_num(np.abs(survey.offsets), nan=np.inf)
        return used & torch.from_numpy((distance >= self.offsets[0]) & (distance <= self.offsets[1]))

    def end(self, survey: Survey) -> float:
        """Return the time after which no sample of a survey counts, s.

        Parameters
        ----------
        survey : Survey
        """
        ends = [survey.time.end]
        if self.time is not None:
            ends.append(self.time[1])
        if self.after is not None:
            ends.append(self.after[1] + float(np.nanmax(np.abs(survey.offsets))) / self.after[0])
        return min(ends)

    def weights(self, survey: Survey) -> Tensor:
        """Return the weights of the samples.

        Parameters
        ----------
        survey : Survey

        Returns
        -------
        [shot, receiver, time] tensor
            From 0 (muted) to 1 (kept).
        """
        t = survey.time.times[None, None]
        distance = np.nan_to_num(np.abs(survey.offsets))[..., None]
        out = np.ones((*distance.shape[:2], survey.time.samples))
        taper = max(self.taper, 1e-9)
        if self.time is not None:
            out = out * _cosine_rise((t - self.time[0]) / taper) * _cosine_rise((self.time[1] - t) / taper)
        if self.before is not None:
            out = out * _cosine_rise((t - self.before[1] - distance / self.before[0]) / taper)
        if self.after is not None:
            out = out * _cosine_rise((self.after[1] + distance / self.after[0] - t) / taper)
        return torch.from_numpy(out)


def processed(gathers: Gathers, band: Band | None, window: Window | None) -> Gathers:
    """Filter and mute gathers, in double precision, so that misfits of float32 data sum without loss."""
    data = torch.where(gathers.live[..., None], gathers.data.double(), 0.0)
    live = gathers.live
    if band is not None:
        data = band(data, gathers.survey.time.step)
    if gathers.survey.used is not None:
        data = data * _kept(gathers.survey, Window.taper if window is None else window.taper)
    if window is not None:
        data = data * window.weights(gathers.survey)
        live = live & window.traces(gathers.survey)
    return Gathers(data, gathers.survey, live)


def _kept(survey: Survey, taper: float) -> Tensor:
    """Return weights [shot, receiver, time] of the samples between the first and last time that count of each trace."""
    assert survey.used is not None  # asked for only where some are muted
    first, last = survey.used[..., :1], survey.used[..., 1:]
    t, length = survey.time.times, max(taper, 1e-9)
    return torch.from_numpy(_cosine_rise((t - first) / length) * _cosine_rise((last - t) / length))


def check_same_survey(observed: Survey, simulated: Survey) -> None:
    """Raise DataError where observed data and simulation do not describe the same records."""
    if len(observed) != len(simulated):
        raise DataError(
            f"the data hold {len(observed)} shots and the simulation {len(simulated)}; use one survey for both"
        )
    a, b = observed.time, simulated.time
    if a.samples != b.samples or abs(a.step - b.step) > 1e-9 or abs(a.start - b.start) > 1e-9:
        raise DataError(
            f"the data have {a.samples} samples every {a.step:g} s from {a.start:g} s, the simulation {b.samples} "
            f"every {b.step:g} s from {b.start:g} s; build the propagator with the data's survey"
        )
    for left, right in zip(observed.shots, simulated.shots, strict=True):
        if left.receivers.shape != right.receivers.shape or np.abs(left.receivers - right.receivers).max() > 1e-3:
            raise DataError(
                f"shot {left.number}: data and simulation have different receivers; use one survey for both"
            )
        if not _same_components(left, right):
            raise DataError(
                f"shot {left.number}: receivers of data and simulation measure different components; use one survey "
                "for both"
            )


def _same_components(left: Shot, right: Shot) -> bool:
    """Return whether two shots name the same components, or one of them none beside a single one."""
    names = [shot.components for shot in (left, right) if shot.components is not None]
    return names[0] == names[1] if len(names) == 2 else all(len(set(own)) == 1 for own in names)


def fast_length(n: int) -> int:
    """Smallest even number 2 · 2ᵃ3ᵇ5ᶜ ≥ n, a length that Fourier transforms handle well."""
    from scipy.fft import next_fast_len

    return 2 * int(next_fast_len((n + 1) // 2, real=True))


def _cosine_fall(f: np.ndarray, passes: float, stops: float) -> np.ndarray:
    return 0.5 * (1 + np.cos(np.pi * np.clip((f - passes) / (stops - passes), 0, 1)))


def _cosine_rise(u: np.ndarray) -> np.ndarray:
    return 0.5 * (1 - np.cos(np.pi * np.clip(u, 0, 1)))


def label(band: Band | None) -> str:
    """Name of a band in files."""
    return "all" if band is None else band.label


def hertz(band: Band | None) -> float | None:
    """Upper corner of a band, Hz; None for the data as they are."""
    return None if band is None else band.high
