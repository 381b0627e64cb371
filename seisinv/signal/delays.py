"""Cycle skipping before it happens: which share of traces is off by more than half a period, band by band.

A least-squares inversion pulls a predicted arrival towards the nearest observed cycle; beyond half a period that is the
wrong one. The delay of a trace is the lag at which predicted and observed traces, both filtered to the band, correlate
best.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seisinv.core import Gathers
from seisinv.signal.processing import Band, Window, bands_of, fast_length, processed


@dataclass(frozen=True)
class SkipShare:
    """Cycle skipping in one band.

    Parameters
    ----------
    band : float, Hz, or None
    period : float, s
        Period of the mean frequency of the observed traces in the band.
    share : float
        Share of the traces compared whose delay exceeds half a period; NaN if there is none.
    median_delay : float, s
        Median of their absolute delays.
    traces : int
        Live traces with a signal on both sides.
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
    bands : as for `Inversion.run`
    window : Window, optional
        The mutes of the inversion.
    first : float, s, optional
        Compare only this long after the first arrival (and one period before it): where the envelope of either trace
        first exceeds a tenth of its maximum, whichever is earlier to whichever is later. Default: whole traces.
    """
    out = []
    for band in bands_of(bands, observed.survey.time.nyquist):
        live = predicted.live & observed.live
        p, d = (processed(g.replace(live=live), band, window) for g in (predicted, observed))
        traces = p.live.numpy()
        out.append(_share(p.data.numpy()[traces], d.data.numpy()[traces], observed.survey.time.step, band, first))
    return out


def _share(p: np.ndarray, d: np.ndarray, dt: float, band: Band | None, first: float | None) -> SkipShare:
    heard = (np.abs(p).max(-1, initial=0) > 0) & (np.abs(d).max(-1, initial=0) > 0)
    p, d = p[heard], d[heard]
    high = None if band is None else band.high
    if not len(d):
        return SkipShare(high, np.nan, np.nan, np.nan, 0)
    n = fast_length(2 * d.shape[-1])
    power = (np.abs(np.fft.rfft(d, n)) ** 2).sum(0)
    period = float(power.sum() / (power * np.fft.rfftfreq(n, dt)).sum())
    if first is not None:
        keep = _first_arrivals(p, d, dt, before=period, after=first)
        p, d = p * keep, d * keep
    delay = np.abs(delays(p, d, dt))
    return SkipShare(high, period, float(np.mean(delay > 0.5 * period)), float(np.median(delay)), len(d))


def moments(predicted: np.ndarray, observed: np.ndarray, dt: float) -> dict[str, np.ndarray]:
    """Return the delays of the traces [trace, time] heard on both sides, s, and Σ power and Σ power × f of these.

    What is found of groups of shots adds up to what is found of all: see `residual_time`.
    """
    heard = (np.abs(predicted).max(-1, initial=0) > 0) & (np.abs(observed).max(-1, initial=0) > 0)
    p, d = predicted[heard], observed[heard]
    n = fast_length(2 * d.shape[-1])
    power = (np.abs(np.fft.rfft(d, n)) ** 2).sum(0)
    moment = power @ np.fft.rfftfreq(n, dt)
    return {"delays": delays(p, d, dt) if len(d) else np.zeros(0), "power": power.sum(), "moment": moment}


def residual_time(groups: Iterable[Mapping[str, np.ndarray]], percentile: float) -> tuple[float, float]:
    """Return the percentile of the absolute delays of all groups, and the period of their mean frequency, both in s.

    Both are NaN where no trace is heard.
    """
    found = list(groups)
    late = np.abs(np.concatenate([g["delays"] for g in found]))
    if not len(late):
        return np.nan, np.nan
    period = sum(float(g["power"]) for g in found) / sum(float(g["moment"]) for g in found)
    return float(np.percentile(late, percentile)), period


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
