"""Source time functions from the data, in closed form: least squares per frequency.

w(f) = Σ Ḡ d / (Σ |G|² + ε)     (Pratt 1999, doi:10.1190/1.1444597)

G is the response of the current model to an impulse, d the recorded spectrum; the sums run over the live traces of one
shot, or of a group of shots. G comes from a simulation with a Ricker pulse that covers the band, divided by the pulse's
spectrum; w is tapered towards the highest frequency the grid carries and cut to the times a source may emit. The
predicted traces are then G w: the estimate costs no wave equation of its own and is renewed with every evaluation.

The estimate is plain torch and gradients pass through it: an inversion minimises over the model what is left after the
best wavelet (variable projection, Golub & Pereyra 1973, doi:10.1137/0710036). Left so through all bands, the trade-off
between the wavelet and the rock around the sources spoils the long wavelengths of the model, which the lowest bands are
to find; a wavelet that is estimated in the starting model and kept carries that model's errors. By default the two are
parted: a short search of model and wavelet together in the bands where the data are loud, after which the wavelet is
known to a few per cent; the model of the search is dropped, and all bands are inverted with the wavelet held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, Gathers, Grid, Survey, TimeAxis, ricker
from seisinv.signal.processing import Band, fast_length

DOUBTFUL = 0.2  # standard error of a wavelet, relative to its amplitude, from which it is doubtful
LATE = 0.1  # share of its energy in the second half of its length, from which it is doubtful


@dataclass(frozen=True)
class EstimateWavelet:
    """How the source wavelet is estimated.

    Parameters
    ----------
    per_shot : bool
        One wavelet for each shot instead of one for each group of `batch_shots` neighbouring shots.
    length : float, s, optional
        Time after which the wavelet is tapered to zero. Default: 8 periods of the data's strongest frequency, at most
        the record; a longer wavelet begins to explain the data's reflections as source.
    damping : float
        ε as a share of the mean of Σ|G|² over the band.
    search : int
        Gradients spent on the search before the first band, at most; 0: the wavelet is not held, but renewed with every
        evaluation.

    Raises
    ------
    ConfigError
        If `length` or `damping` is not positive, or `search` is negative.

    Examples
    --------
    >>> from seisinv.inversion import EstimateWavelet
    >>> EstimateWavelet(per_shot=True, length=0.5)  # for Inversion(wavelet=…)
    EstimateWavelet(per_shot=True, length=0.5, damping=0.001, search=30)
    """

    per_shot: bool = False
    length: float | None = None
    damping: float = 1e-3
    search: int = 30

    def __post_init__(self) -> None:
        if self.search < 0:
            raise ConfigError(f"search is {self.search}; a number of gradients is 0 or more")
        if not self.damping > 0:
            raise ConfigError(f"damping is {self.damping:g}; wavelet estimation needs a positive share, such as 0.001")
        if self.length is not None and not self.length > 0:
            raise ConfigError(f"length of the wavelet is {self.length:g} s; it must be positive")


def highest_frequency(grid: Grid, slowest: float, time: TimeAxis, band: Band | None) -> float:
    """Return the frequency up to which a wavelet is estimated, Hz.

    The lowest of: 3 grid points per shortest wavelength, 0.8 of the Nyquist frequency, and 3 times the band.
    """
    carried = slowest / (3 * max(grid.spacing))
    return min(carried, 0.8 * time.nyquist, np.inf if band is None else 3 * band.high)


def pulse(time: TimeAxis, highest: float) -> np.ndarray:
    """Return the impulse stand-in on a source time axis: a Ricker wavelet whose spectrum ends at `highest` Hz."""
    return ricker(highest / 2.5)(time.times - time.start)


def with_best_wavelet(
    simulated: Gathers, observed: Gathers, how: EstimateWavelet, *, highest: float, factors: Tensor | None = None
) -> tuple[Gathers, Tensor]:
    """Replace the pulse in simulated gathers by the wavelet that fits the observed ones best.

    Parameters
    ----------
    simulated : Gathers
        Response to `pulse(survey.source_time, highest)`.
    observed : Gathers
        Unfiltered; only traces live on both sides are used.
    highest : float, Hz
    factors : tensor [shot, receiver], optional
        By which the traces are multiplied where they are compared.

    Returns
    -------
    predicted : Gathers
    wavelet : tensor [1 or shot, time]
        On the survey's source time axis.
    """
    survey, live = simulated.survey, (simulated.live & observed.live)[..., None]
    axis, samples = survey.source_time, survey.time.samples
    source = pulse(axis, highest)
    n = fast_length(2 * samples + axis.samples)
    p, d = (torch.fft.rfft(torch.where(live, g.data.double(), 0.0), n=n) for g in (simulated, observed))
    # Both spectra are counted from the record's first sample; a later start of the record cancels in the quotient.
    g = p * torch.from_numpy(_inverse(source, n))
    f = np.fft.rfftfreq(n, axis.step)
    groups = (1,) if how.per_shot else (0, 1)
    seen, d = (g, d) if factors is None else (g * factors[..., None], d * factors[..., None])
    cross = (seen.conj() * d).sum(groups, keepdim=True)[:, 0]
    power = seen.abs().square().sum(groups, keepdim=True)[:, 0]
    inside = torch.from_numpy((f > 0.2 * highest) & (f < 0.8 * highest))
    floor = how.damping * power[:, inside].mean(1, keepdim=True)
    flank = torch.from_numpy(np.cos(0.5 * np.pi * np.clip((f / highest - 0.75) / 0.25, 0, 1)) ** 2)
    w = torch.fft.irfft(cross / (power + floor + torch.finfo(torch.float64).tiny) * flank, n=n)[:, : axis.samples]
    w = w * torch.from_numpy(_time_taper(axis, _length(d, f, axis, how), 0.5 / highest))
    predicted = torch.fft.irfft(torch.fft.rfft(w, n=n)[:, None] * g, n=n)[..., :samples]
    return Gathers(predicted, survey, simulated.live), w


def for_survey(wavelets: Tensor, survey: Survey) -> Tensor:
    """Return the wavelets of shots [shot, time] as a survey takes them: [time] if all are equal, else with sources."""
    if bool((wavelets == wavelets[0]).all()):
        return wavelets[0].clone()
    return wavelets[:, None].expand(-1, survey.max_sources, -1).contiguous()


def collected(groups: Sequence[np.ndarray], survey: Survey) -> dict[str, np.ndarray]:
    """Return the wavelet of all groups of shots, and its standard error from shot to shot, as "wavelet" and "spread".

    Parameters
    ----------
    groups : sequence of (2, shot, time) arrays
        The wavelet of each group, and those of its shots alone.
    survey : Survey
    """
    shared, own = (np.concatenate([pair[k] for pair in groups]) for k in (0, 1))
    spread = own.std(axis=0, ddof=1) / np.sqrt(len(own)) if len(own) > 1 else np.full(own.shape[1], np.nan)
    return {"wavelet": for_survey(torch.from_numpy(shared), survey).numpy(), "spread": spread}


def described(found: Mapping[str, np.ndarray], axis: TimeAxis) -> tuple[str, bool]:
    """Say what an estimated wavelet is like; return also whether it is doubtful.

    Parameters
    ----------
    found : mapping
        "wavelet" [time] or [shot, source, time], and its standard error "spread" [time].
    axis : TimeAxis
    """
    wavelet = found["wavelet"].reshape(-1, axis.samples).mean(axis=0)
    total = float((wavelet**2).sum())
    if total == 0:
        return "wavelet: zero, since no trace holds a signal at frequencies that the grid carries", True
    amplitude = np.abs(np.fft.rfft(wavelet, 8 * axis.samples))
    peak = np.fft.rfftfreq(8 * axis.samples, axis.step)[int(np.argmax(amplitude))]
    energy = np.cumsum(wavelet**2) / total
    first, last = (float(axis.times[int(np.searchsorted(energy, share))]) for share in (0.01, 0.99))
    late = 1 - float(energy[int(np.flatnonzero(wavelet)[-1]) // 2])
    error = float(np.linalg.norm(found["spread"])) / total**0.5
    told = f"wavelet: peak {peak:.3g} Hz, 98 % of its energy from {first:.3g} to {last:.3g} s"
    if np.isfinite(error):
        told += f", known to {error:.0%} (standard error, from shot to shot)"
    if error > DOUBTFUL:
        told += "; shots disagree: try a better starting model, or wavelet.per_shot if the sources differ"
    if late > LATE:
        told += (
            f"; {late:.0%} of its energy comes in the second half of its length, where reflections may be taken for "
            "the source: set wavelet.length (s) to what the source can emit"
        )
    return told, error > DOUBTFUL or late > LATE


def of_shots(wavelet: Tensor | None, shots: Sequence[int]) -> Tensor | None:
    """Return the wavelets of some shots from one for all [time] or one per shot [shot, source, time]."""
    return wavelet if wavelet is None or wavelet.ndim == 1 else wavelet[list(shots)]


def _inverse(source: np.ndarray, n: int) -> np.ndarray:
    """Spectrum that turns the pulse into an impulse, stabilised where the pulse has none."""
    b = np.fft.rfft(source, n)
    return np.conj(b) / (np.abs(b) ** 2 + 1e-6 * np.abs(b).max() ** 2)


def _length(d: Tensor, f: np.ndarray, time: TimeAxis, how: EstimateWavelet) -> float:
    record = time.step * time.samples
    if how.length is not None:
        return min(how.length, record)
    loudness = d.abs().square().sum((0, 1)).numpy()
    strongest = f[1 + int(np.argmax(loudness[1:]))]
    return min(max(0.0, -time.start) + 8.0 / strongest, record)


def _time_taper(time: TimeAxis, length: float, rise: float) -> np.ndarray:
    """Short rise from the first sample, fall over the last fifth of `length`, zero after it."""
    t = time.times - time.start
    up = np.clip((t + time.step) / (rise + time.step), 0, 1)
    down = np.clip((length - t) / (0.2 * length), 0, 1)
    return 0.25 * (1 - np.cos(np.pi * up)) * (1 - np.cos(np.pi * down))
