"""What instruments and cables leave in records, found in the samples: offset from zero, spikes, hum, bad traces.

Constant parts and spikes at one time in all traces come from the recorder; mains hum does not decay and keeps its
phase; a noisy trace agrees with none of its neighbours, a reversed one agrees with them upside down. All of it is found
by comparison, trace with trace and one half of a trace with the other, so that no level has to be set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from seisinv.core import Gathers

MAINS = (50.0, 60.0)  # Hz
HARMONICS = 5
SHIFTED = 0.1  # median over RMS, from which traces are off zero
EVERYWHERE = 0.8  # share of the traces in which a spike or hum must be
HIGH, STICKS = 8.0, 4.0  # times what samples usually do, and what those beside do, from which one is a spike
HUMS = 0.02  # share of the energy, from which hum is removed
STEADY = 0.35  # relative difference of its amplitude and phase in both halves of the record
AGREES, LONELY = 0.6, 0.35  # correlation with neighbours: of a good shot, of a noisy trace
LOUD = 10.0  # times the RMS of neighbours
UPSIDE = 0.15  # by how much the correlation upside down must be larger, in most shots
FLAT = 4  # samples at the largest value, from which a trace is clipped
BESIDE = 3  # traces on either side that one is compared with


@dataclass(frozen=True, eq=False)
class Quality:
    """What was found in gathers.

    Parameters
    ----------
    zero : bool
        Whether traces lie off zero.
    spikes : tuple of int
        Samples at which all traces have a spike.
    hum : tuple of float, Hz
    noisy, reversed, silent : bool arrays [shot, receiver]
        Traces that agree with none of their neighbours, with all upside down, or hold nothing.
    notes : tuple of str
        The same in words.

    Examples
    --------
    >>> import torch
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(0, 100, every=50), receivers=si.line(0, 200, every=10),
    ...                            wavelet=None, duration=0.2, dt=2e-3)
    >>> good = torch.from_numpy(si.ricker(30)(survey.time.times)).expand(3, 21, -1)
    >>> examined(si.Gathers(good + 5.0, survey)).notes[0]
    'traces lie off zero, by 5 on average; it is removed'
    """

    zero: bool = False
    spikes: tuple[int, ...] = ()
    hum: tuple[float, ...] = ()
    noisy: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), bool))
    reversed: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), bool))
    silent: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), bool))
    notes: tuple[str, ...] = ()

    @property
    def bad(self) -> np.ndarray:
        """Traces that should not be used [shot, receiver]."""
        return np.asarray(self.noisy | self.reversed)

    def cleaned(self, gathers: Gathers) -> Gathers:
        """Return gathers of the same recorder without offset, spikes and hum."""
        data = gathers.data.detach().double().numpy().copy()
        if self.zero:
            data -= np.median(data, axis=-1, keepdims=True)
        for k in self.spikes:
            data[..., k] = _without(data, k)
        for f in self.hum:
            data -= _sinusoid(data, f, gathers.survey.time.step)
        data[~gathers.live.numpy()] = 0.0
        return gathers.replace(data=torch.from_numpy(data).to(gathers.data.dtype))


def examined(gathers: Gathers) -> Quality:
    """Look for what should not be in gathers, in each component by itself.

    Parameters
    ----------
    gathers : Gathers
        With at least a few shots and traces; what would need more to be told from a signal is not looked for.
    """
    names = gathers.components
    if len(names) < 2:
        return _examined(gathers)
    found = {name: _examined(gathers.component(name)) for name in names}
    masks = {
        of: _in_place(gathers, {n: getattr(q, of) for n, q in found.items()}) for of in ("noisy", "reversed", "silent")
    }
    return Quality(
        any(q.zero for q in found.values()),
        tuple(sorted({k for q in found.values() for k in q.spikes})),
        tuple(sorted({f for q in found.values() for f in q.hum})),
        **masks,
        notes=tuple(f"{name}: {note}" for name, q in found.items() for note in q.notes),
    )


def _in_place(gathers: Gathers, of_components: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what is said of the traces [shot, receiver] of every component, where they are in the gathers."""
    shots, out = gathers.survey.shots, np.zeros(tuple(gathers.live.shape), bool)
    for name, said in of_components.items():
        rows = [np.flatnonzero([c == name for c in shot.components or ()]) for shot in shots]
        for values, k in zip(said, (k for k, r in enumerate(rows) if len(r)), strict=True):
            out[k, rows[k]] = values[: len(rows[k])]
    return out


def _examined(gathers: Gathers) -> Quality:
    live, dt = gathers.live.numpy(), gathers.survey.time.step
    data = np.where(live[..., None], gathers.data.detach().double().numpy(), 0.0)
    silent = gathers.survey.occupied.numpy() & ~data.any(axis=-1)
    live = live & ~silent
    notes: list[str] = []
    middle = np.median(data, axis=-1)
    rms = np.sqrt(np.mean((data - middle[..., None]) ** 2, axis=-1))
    zero = bool(live.any() and np.median((_constant(data) / np.maximum(rms, 1e-300))[live]) > SHIFTED)
    if zero:
        notes.append(f"traces lie off zero, by {np.mean(np.abs(middle[live])):.3g} on average; it is removed")
        data = data - np.where(live, middle, 0.0)[..., None]
    spikes = _spikes(data, live)
    for k in spikes:
        time = 1e3 * (gathers.survey.time.start + k * dt)
        notes.append(f"a spike at {time:g} ms in all traces, whatever their offset: from the trigger; it is removed")
        data[..., k] = _without(data, k)
    hum = _hum(data, live, dt)
    if hum:
        before = float((data[live] ** 2).sum())
        for f in hum:
            data = data - _sinusoid(data, f, dt)
        part = 1 - float((data[live] ** 2).sum()) / before
        notes.append(f"hum of {', '.join(f'{f:g}' for f in hum)} Hz holds {part:.0%} of the energy; it is removed")
    clipped = _clipped(data, live)
    if clipped:
        notes.append(f"clipped: {clipped:,} of {live.sum():,} traces stay at their largest value for several samples")
    noisy, upside = _strange(data, live)
    found = {"noisy": noisy, "reversed": upside, "silent": silent}
    notes += [_named(gathers, which, word) for word, which in found.items() if which.any()]
    return Quality(zero, tuple(spikes), tuple(hum), noisy, upside, silent, tuple(notes))


def _constant(data: np.ndarray) -> np.ndarray:
    """Return by how much each trace lies off zero throughout: the least of three thirds, 0 where they disagree."""
    parts = np.stack([np.median(part, axis=-1) for part in np.array_split(data, 3, axis=-1)])
    least = np.abs(parts).min(axis=0)
    return np.where(
        (np.ptp(np.sign(parts), axis=0) == 0) & (least > (1 - STEADY) * np.abs(parts).max(axis=0)), least, 0
    )


def _without(data: np.ndarray, k: int) -> np.ndarray:
    """Return the values at a sample between those beside it."""
    n = data.shape[-1]
    return np.asarray(0.5 * (data[..., abs(k - 1)] + data[..., k + 1 if k + 1 < n else k - 1]))


def _spikes(data: np.ndarray, live: np.ndarray) -> list[int]:
    """Return the samples that stick out in nearly all traces: of the trace, and of what the four beside them do.

    A wave, even one that reaches all receivers at once, changes as much between the samples beside its peak.
    """
    traces = data[live]
    if len(traces) < 8 or traces.shape[1] < 16:
        return []
    k, n, x = np.arange(traces.shape[1]), traces.shape[1], traces
    places = [k + step for step in (-2, -1, 1, 2)]
    # Where a record ends, the other side stands for the missing one.
    a, b, c, d = (traces[:, np.where((at < 0) | (at >= n), 2 * k - at, at)] for at in places)
    out = np.abs(x - 0.5 * (b + c))
    beside = np.max(np.abs([b - a, d - c, c - b]), axis=0)
    typical = np.percentile(out, 90, axis=1, keepdims=True) + 1e-300
    share = ((out > HIGH * typical) & (out > STICKS * beside)).mean(axis=0)
    return [int(k) for k in np.flatnonzero(share > EVERYWHERE)]


def _sinusoid(data: np.ndarray, frequency: float, step: float) -> np.ndarray:
    """Return the sinusoid of one frequency that fits each trace best."""
    t = 2 * np.pi * frequency * step * np.arange(data.shape[-1])
    basis = np.linalg.qr(np.stack([np.cos(t), np.sin(t)], 1))[0]
    return np.asarray(data @ basis @ basis.T)


def _hum(data: np.ndarray, live: np.ndarray, step: float) -> list[float]:
    """Return the frequencies of the mains, and of its harmonics, at which most traces hum steadily."""
    traces, n = data[live], data.shape[-1]
    found: list[float] = []
    if not len(traces):
        return found
    energy = (traces**2).sum(axis=1)
    for base in MAINS:
        if n * step * base < 4:  # periods in the record
            continue
        for k in range(1, HARMONICS + 1):
            if k * base > 0.45 / step:
                break
            part = _sinusoid(traces, k * base, step)
            turn = np.exp(-2j * np.pi * k * base * step * np.arange(n))
            one, two = (
                2 / (n // 2) * (traces[:, half] @ turn[half]) for half in (slice(0, n // 2), slice(n - n // 2, n))
            )
            steady = np.abs(one - two) < STEADY * np.maximum(np.abs(one), np.abs(two))
            share = (part**2).sum(axis=1) / np.maximum(energy, 1e-300)
            if np.mean(steady & (share > HUMS)) > EVERYWHERE:
                found.append(k * base)
    return found


def _clipped(data: np.ndarray, live: np.ndarray) -> int:
    """Return how many traces stay at their largest absolute value for at least FLAT samples."""
    size = np.abs(data[live])
    top = size >= (1 - 1e-6) * size.max(axis=1, keepdims=True)
    length = size.shape[1] - FLAT + 1
    return int(np.all([top[:, k : k + max(length, 0)] for k in range(FLAT)], axis=0).any(axis=1).sum())


def _strange(data: np.ndarray, live: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which traces are noisy and which are reversed [shot, receiver], by comparison with their neighbours."""
    shots, _, n = data.shape
    noisy, votes = np.zeros(live.shape, bool), np.full(live.shape, np.nan)
    length = 2 * n
    for i in range(shots):
        rows = np.flatnonzero(live[i])
        if len(rows) < 2 * BESIDE + 1:
            continue
        x = data[i, rows]
        rms = np.sqrt((x**2).mean(axis=1))
        spectra = np.fft.rfft(x / (np.sqrt(n) * rms[:, None]), length, axis=1)
        same, turned = np.zeros((len(rows), 2 * BESIDE)), np.zeros((len(rows), 2 * BESIDE))
        for c, k in enumerate((*range(-BESIDE, 0), *range(1, BESIDE + 1))):
            a, b = np.arange(max(0, -k), len(rows) - max(0, k)), np.arange(max(0, k), len(rows) - max(0, -k))
            lags = np.fft.irfft(spectra[a].conj() * spectra[b], length, axis=1)
            same[a, c], turned[a, c] = lags.max(axis=1), -lags.min(axis=1)
        best = np.sort(np.maximum(same, turned), axis=1)[:, -2]  # one neighbour may be as bad
        typical = float(np.median(best))
        around = np.array([np.median(np.delete(rms, j)[max(0, j - BESIDE) : j + BESIDE]) for j in range(len(rows))])
        if typical > AGREES:
            noisy[i, rows] = (best < LONELY) | ((rms > LOUD * around) & (best < AGREES))
        votes[i, rows] = np.median(turned - same, axis=1)
    counted = np.isfinite(votes) & ~noisy
    enough = counted.sum(axis=0)
    upside = np.where(counted, votes > UPSIDE, False).sum(axis=0) > 0.6 * np.maximum(enough, 1)
    # Most must be upright, or the wavelet is so narrow in band that the sign does not show.
    if upside.mean() > 0.2:
        upside[:] = False
    return noisy, live & upside[None] & (enough > 0)[None]


def _named(gathers: Gathers, which: np.ndarray, word: str) -> str:
    """Say which traces are meant: channels that are in every shot, else shots and channels."""
    shots = gathers.survey.shots
    every = [int(k) for k in np.flatnonzero(which.sum(axis=0) > 0.6 * len(shots))]
    parts = []
    if every:
        x = [
            f"{k + 1} (x = {shots[0].receivers[k, -1]:g} m)" if k < len(shots[0].receivers) else f"{k + 1}"
            for k in every
        ]
        parts.append(f"channel{'s' * (len(every) > 1)} {', '.join(x)} of every shot")
    rest = which.copy()
    rest[:, every] = False
    single = [f"shot {shots[i].number} channel {k + 1}" for i, k in zip(*np.nonzero(rest), strict=True)]
    if single:
        parts.append(", ".join(single[:8]) + (f" and {len(single) - 8} more" if len(single) > 8 else ""))
    return f"{word}: {'; '.join(parts)}"
