"""Cycle skipping before it happens: the share of traces that is off by more than half a period, band by band.

A least-squares inversion pulls a predicted arrival towards the nearest observed cycle; beyond half a period that is the
wrong one. The delay of a trace is the lag at which predicted and observed traces, both filtered to the band, correlate
best; the period is that of the mean frequency of the observed traces, Σ power / Σ power·f.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seisinv.core import Gathers
from seisinv.core.gathers import refuse_nan
from seisinv.signal.processing import Band, Window, bands_of, fast_length, hertz, processed


@dataclass(frozen=True)
class SkipShare:
    """Cycle skipping in one band.

    Parameters
    ----------
    band : float, Hz, or None
        Upper corner of the band; None: the data as they are.
    period : float, s
        Period of the mean frequency of the observed traces in the band.
    share : float
        Share of the traces compared whose delay exceeds half a period; NaN if there is none.
    median_delay : float, s
        Median of their absolute delays.
    traces : int
        Number of live traces with a signal on both sides.

    Examples
    --------
    >>> SkipShare(band=3.0, period=0.4, share=0.25, median_delay=0.12, traces=480).share
    0.25
    """

    band: float | None
    period: float
    share: float
    median_delay: float
    traces: int


def cycle_skip_share(
    predicted: Gathers,
    observed: Gathers,
    bands: Sequence[float | tuple[float, float] | Band] | None = None,
    *,
    window: Window | None = None,
    first: float | None = None,
) -> list[SkipShare]:
    """Return, band by band, the share of traces that is off by more than half a period.

    Parameters
    ----------
    predicted, observed : Gathers
        Unfiltered, of one survey.
    bands : sequence, optional
        Low-pass corners in Hz, (low, high) pairs in Hz, or `Band` objects, from low to high; None: the data as they
        are.
    window : Window, optional
        The mutes of the inversion.
    first : float, s, optional
        Compare only this long after the first arrival (and one period before it): where the envelope of either trace
        first exceeds a tenth of its maximum, whichever is earlier to whichever is later. Default: whole traces.

    Returns
    -------
    list of SkipShare
        One for each band.

    Raises
    ------
    ConfigError
        If the bands do not rise, or exceed the Nyquist frequency.
    DataError
        If a live trace holds NaN or infinite samples.

    Examples
    --------
    >>> import torch
    >>> from seisinv.core import Survey, line, ricker
    >>> survey = Survey.surface(sources=line(0, 0, every=10), receivers=line(0, 40, every=10), wavelet=ricker(5),
    ...                         duration=1.0, dt=0.01)
    >>> def arriving(time):
    ...     return Gathers(torch.from_numpy(ricker(5, delay=time)(survey.time.times)).expand(1, 5, -1), survey)
    >>> [round(cycle_skip_share(arriving(0.4 + late), arriving(0.4))[0].share, 2) for late in (0.05, 0.15)]
    [0.0, 1.0]
    """
    live = predicted.live & observed.live
    for gathers in (predicted, observed):
        refuse_nan(gathers.data, live, gathers.survey)
    out = []
    for band in bands_of(bands, observed.survey.time.nyquist):
        p, d = (processed(g.replace(live=live), band, window) for g in (predicted, observed))
        traces = p.live.numpy()
        out.append(_share(p.data.numpy()[traces], d.data.numpy()[traces], observed.survey.time.step, band, first))
    return out


def _share(p: np.ndarray, d: np.ndarray, dt: float, band: Band | None, first: float | None) -> SkipShare:
    p, d = with_signal(p, d)
    if not len(d):
        return SkipShare(hertz(band), np.nan, np.nan, np.nan, 0)
    power, f = power_spectrum(d, dt)
    period = float(power.sum() / (power * f).sum())
    if first is not None:
        keep = _first_arrivals(p, d, dt, before=period, after=first)
        p, d = p * keep, d * keep
    delay = np.abs(delays(p, d, dt))
    return SkipShare(hertz(band), period, float(np.mean(delay > 0.5 * period)), float(np.median(delay)), len(d))


def with_signal(predicted: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the traces [trace, time] that are not zero in either of the two sets."""
    both = (np.abs(predicted).max(-1, initial=0) > 0) & (np.abs(observed).max(-1, initial=0) > 0)
    return predicted[both], observed[both]


def power_spectrum(traces: np.ndarray, dt: float, samples: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the power spectrum Σ |D(f)|² of traces [trace, time] and its frequencies, Hz.

    Traces are padded with zeros to `samples`, by default to twice their length or a little more, as `delays` does.
    """
    n = samples or fast_length(2 * traces.shape[-1])
    return (np.abs(np.fft.rfft(traces, n)) ** 2).sum(0), np.fft.rfftfreq(n, dt)


def moments(predicted: np.ndarray, observed: np.ndarray, dt: float) -> dict[str, np.ndarray]:
    """Return the delays of the traces [trace, time] with a signal on both sides, s, and Σ power and Σ power·f of these.

    The sums over groups of shots add up to those over all shots: see `residual_time`.
    """
    p, d = with_signal(predicted, observed)
    power, f = power_spectrum(d, dt)
    return {"delays": delays(p, d, dt) if len(d) else np.zeros(0), "power": power.sum(), "moment": power @ f}


def residual_time(groups: Iterable[Mapping[str, np.ndarray]], percentile: float) -> tuple[float, float]:
    """Return the percentile of the absolute delays of all groups, and the period of their mean frequency, both in s.

    Both are NaN where no trace has a signal on both sides.
    """
    found = list(groups)
    size = np.abs(np.concatenate([g["delays"] for g in found]))
    if not len(size):
        return np.nan, np.nan
    period = sum(float(g["power"]) for g in found) / sum(float(g["moment"]) for g in found)
    return float(np.percentile(size, percentile)), period


def delays(predicted: np.ndarray, observed: np.ndarray, dt: float) -> np.ndarray:
    """Return the lag of each trace [trace, time] at which they correlate best, s; positive: predicted arrives late."""
    n = fast_length(2 * observed.shape[-1])
    correlation = np.fft.irfft(np.fft.rfft(predicted, n) * np.conj(np.fft.rfft(observed, n)), n)
    k = np.argmax(correlation, -1)
    left, mid, right = (np.take_along_axis(correlation, ((k + s) % n)[:, None], -1)[:, 0] for s in (-1, 0, 1))
    curvature = left - 2 * mid + right
    # A parabola through the best lag and its neighbours: delays finer than a sample.
    shift = np.where(curvature < 0, 0.5 * (left - right) / np.where(curvature < 0, curvature, 1), 0.0)
    return (np.where(k > n // 2, k - n, k) + shift) * dt


def _first_arrivals(p: np.ndarray, d: np.ndarray, dt: float, *, before: float, after: float) -> np.ndarray:
    picks = np.stack([_first_break(p), _first_break(d)]) * dt
    t = np.arange(d.shape[-1]) * dt
    start, end = picks.min(0)[:, None] - before, picks.max(0)[:, None] + after
    flank = max(before, dt)
    return np.clip((t - start) / flank, 0, 1) * np.clip((end - t) / flank, 0, 1)


def _first_break(traces: np.ndarray) -> np.ndarray:
    from scipy.signal import hilbert

    envelope = np.abs(hilbert(traces, axis=-1))
    return np.argmax(envelope > 0.1 * envelope.max(-1, keepdims=True), -1)
