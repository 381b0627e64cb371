"""Source time functions from the data, in closed form: least squares per frequency.

w(f) = Σ Ḡ d / (Σ |G|² + ε)     (Pratt 1999, doi:10.1190/1.1444597, eq. 17)

G is the response of the current model to an impulse, d the recorded spectrum, and the sums run over the traces of one
shot or of all. G comes from a simulation with a Ricker pulse that covers the band, divided by the pulse's spectrum. The
result is tapered towards the highest frequency the grid carries and cut to the times a source may emit. It is held
constant while the model is updated; gradients do not pass through the estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, DataError, Gathers, Model, Survey, TimeAxis, ricker
from seisinv.inversion.processing import fast_length
from seisinv.inversion.tasks import ShotTask


@dataclass(frozen=True)
class EstimateWavelet:
    """How the source wavelet is estimated at the start of every band.

    Parameters
    ----------
    per_shot : bool
        One wavelet for each shot instead of one for all.
    length : float, s, optional
        Time after which the wavelet is tapered to zero. Default: 8 periods of the data's strongest frequency, at most
        the record; a longer wavelet begins to explain the data's reflections as source.
    damping : float
        ε as a share of the mean of Σ|G|² over the band.
    """

    per_shot: bool = False
    length: float | None = None
    damping: float = 1e-3

    def __post_init__(self) -> None:
        if not self.damping > 0:
            raise ConfigError(f"damping is {self.damping:g}; wavelet estimation needs a positive share, such as 0.001")
        if self.length is not None and not self.length > 0:
            raise ConfigError(f"length of the wavelet is {self.length:g} s; it must be positive")


@dataclass(frozen=True, eq=False)
class Correlations:
    """Spectra [shot, frequency] from which wavelets follow: Σ Ḡ d, Σ |G|² and Σ |d|² over a shot's live traces."""

    cross: np.ndarray
    power: np.ndarray
    observed: np.ndarray


def highest_frequency(model: Model, time: TimeAxis, band_high: float | None) -> float:
    """Return the frequency up to which a wavelet is estimated, Hz.

    The lowest of: 3 grid points per shortest wavelength, 0.8 of the Nyquist frequency, and 3 times the band.
    """
    v = min(float(model[name].detach().min()) for name in ("vp",) if name in model.parameters)
    carried = v / (3 * max(model.grid.spacing))
    return min(carried, 0.8 * time.nyquist, np.inf if band_high is None else 3 * band_high)


def pulse(time: TimeAxis, highest: float) -> np.ndarray:
    """Return the impulse stand-in on a source time axis: a Ricker wavelet whose spectrum ends at `highest` Hz."""
    return ricker(highest / 2.5)(time.times - time.start)


def correlations(task: ShotTask, highest: float) -> Correlations:
    """Simulate a pulse for a group of shots and correlate with the data; a pure function, like a misfit."""
    observed: Gathers = task.observed[list(task.rows)]
    survey: Survey = task.simulator.survey
    source = pulse(survey.source_time, highest)
    model = Model(task.grid, **task.parameters)
    with torch.no_grad():
        dtype = next(iter(task.parameters.values())).dtype
        predicted = task.simulator(model, torch.from_numpy(source).to(dtype))
    live = predicted.live & observed.live
    if task.window is not None:
        live = live & task.window.traces(survey)
    n = fast_length(2 * survey.time.samples + source.size)
    p, d = (np.fft.rfft(np.where(live[..., None], g.data.double().numpy(), 0), n) for g in (predicted, observed))
    b = np.fft.rfft(source, n)
    shape = np.conj(b) / (np.abs(b) ** 2 + 1e-6 * np.abs(b).max() ** 2)
    # Both spectra are counted from the record's first sample; a later start of the record cancels in the quotient.
    g = p * shape
    return Correlations((np.conj(g) * d).sum(1), (np.abs(g) ** 2).sum(1), (np.abs(d) ** 2).sum(1))


def wavelet_from(parts: Correlations, survey: Survey, highest: float, how: EstimateWavelet) -> Tensor:
    """Return the wavelet [time], or [shot, source, time] if one per shot, on the survey's source time axis."""
    time = survey.source_time
    cross, power = parts.cross, parts.power
    if not how.per_shot:
        cross, power = cross.sum(0, keepdims=True), power.sum(0, keepdims=True)
    if not parts.observed.any():
        raise DataError("no live trace holds a signal; the source wavelet cannot be estimated")
    n = 2 * (cross.shape[1] - 1)
    f = np.fft.rfftfreq(n, time.step)
    inside = (f > 0.2 * highest) & (f < 0.8 * highest)
    floor = how.damping * power[:, inside].mean(1, keepdims=True)
    taper = np.where(f < 0.75 * highest, 1.0, np.cos(0.5 * np.pi * np.clip((f / highest - 0.75) / 0.25, 0, 1)) ** 2)
    w = np.fft.irfft(cross / (power + floor + np.finfo(float).tiny) * taper, n)[:, : time.samples]
    w = w * _time_taper(time, _length(parts, f, time, how), 0.5 / highest)
    if not how.per_shot:
        return torch.from_numpy(w[0].copy())
    return torch.from_numpy(np.repeat(w[:, None], survey.max_sources, 1))


def _length(parts: Correlations, f: np.ndarray, time: TimeAxis, how: EstimateWavelet) -> float:
    record = time.step * time.samples
    if how.length is not None:
        return min(how.length, record)
    strongest = f[1:][np.argmax(parts.observed.sum(0)[1:])]
    return min(max(0.0, -time.start) + 8.0 / strongest, record)


def _time_taper(time: TimeAxis, length: float, rise: float) -> np.ndarray:
    """Short rise from the first sample, fall over the last fifth of `length`, zero after it."""
    t = time.times - time.start
    up = np.clip((t + time.step) / (rise + time.step), 0, 1)
    down = np.clip((length - t) / (0.2 * length), 0, 1)
    return 0.25 * (1 - np.cos(np.pi * up)) * (1 - np.cos(np.pi * down))
