"""Between the data's time step and the solver's: band-limited resampling that also removes time dispersion.

A scheme that is centred in time turns frequency ω into ω̃ = (2/dt) asin(ω dt / 2), whatever the medium.  Sources are
therefore fed at ω(ω̃) and data read at ω̃(ω), which leaves no dispersion from time stepping at all (Koene, Robertsson,
Broggini & Andersson 2018, doi 10.1093/gji/ggx451; Stork 2013).  Both are fixed matrices, so the gradient stays exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from seisinv.core import TimeAxis

HIGHEST = 1.8  # ω dt up to which the scheme's own frequencies are used; at 2 the group velocity is zero
TAIL = 24  # steps run beyond the record and faded out, so that cutting it off does not ring into its last samples
CHUNK = 256


@dataclass(frozen=True)
class Clock:
    """The solver's time steps beside the data's samples.

    Parameters
    ----------
    data, source : TimeAxis
        When data are recorded; when source time functions are given (the solver starts with the latter).
    step : float, s
    delay : float
        When a source sample acts, in solver steps.
    """

    data: TimeAxis
    source: TimeAxis
    step: float
    delay: float

    @property
    def steps(self) -> int:
        """Number of solver steps."""
        return int(np.ceil((self.data.end - self.source.start) / self.step - 1e-6)) + 1 + TAIL

    def source_matrix(self, dtype: torch.dtype) -> Tensor:
        """Return the matrix [step, sample] that turns source samples into what the solver is fed."""
        return torch.from_numpy(_source_matrix(self)).to(dtype)

    def data_matrix(self, dtype: torch.dtype) -> Tensor:
        """Return the matrix [sample, step] that turns the solver's record into data."""
        return torch.from_numpy(_data_matrix(self, np.dtype(np.float32 if dtype == torch.float32 else np.float64)))


def choose_step(data_step: float, longest: float) -> float:
    """Return the largest step not above `longest` that is a whole multiple or a whole part of the data's step, s."""
    if data_step > longest:
        return data_step / np.ceil(data_step / longest - 1e-9)
    return data_step * np.floor(longest / data_step + 1e-9)


def _taper(omega: np.ndarray, clock: Clock) -> np.ndarray:
    """One up to 90 % of the highest usable frequency, then a cosine to zero."""
    top = min(HIGHEST / clock.step, np.pi / clock.data.step)
    return 0.5 + 0.5 * np.cos(np.pi * np.clip((omega / top - 0.9) / 0.1, 0, 1))


@lru_cache(maxsize=8)
def _source_matrix(clock: Clock) -> np.ndarray:
    """f̃ₙ = Σ_k f_k (dt_d / 2π) ∫ exp(i ω̃ (tₙ + delay) − i ω(ω̃) t_k) dω̃, by FFT over ω̃."""
    dt, steps = clock.step, clock.steps
    n = _fast_length(2 * steps)
    warped = 2 * np.pi * np.arange(n // 2 + 1) / (n * dt)
    omega = 2 / dt * np.sin(np.minimum(warped * dt / 2, np.pi / 2))
    weight = _taper(omega, clock) * np.exp(1j * warped * clock.delay * dt) * (clock.source.step / dt)
    out = np.empty((steps, clock.source.samples))
    for k in range(0, clock.source.samples, CHUNK):
        times = clock.source.step * np.arange(k, min(k + CHUNK, clock.source.samples))
        out[:, k : k + CHUNK] = np.fft.irfft(weight * np.exp(-1j * omega * times[:, None]), n)[:, :steps].T
    return out


@lru_cache(maxsize=8)
def _data_matrix(clock: Clock, real: np.dtype) -> np.ndarray:
    """d_k = Σ_n p̃ₙ (dt / 2π) ∫ exp(i ω t_k − i ω̃(ω) tₙ) dω, by FFT over ω."""
    dt, h, samples = clock.step, clock.data.step, clock.data.samples
    lead = clock.data.start - clock.source.start
    n = _fast_length(int(2 * np.ceil((clock.data.end - clock.source.start) / h)) + 2)
    omega = 2 * np.pi * np.arange(n // 2 + 1) / (n * h)
    warped = 2 / dt * np.arcsin(np.minimum(omega * dt / 2, 1.0))
    weight = _taper(omega, clock) * np.exp(1j * omega * lead) * (dt / h)
    from scipy.special import erfc

    fade = np.ones(clock.steps)
    fade[-TAIL:] = 0.5 * erfc(3.2 * (2 * np.arange(1, TAIL + 1) / (TAIL + 1) - 1))
    out = np.empty((samples, clock.steps), real)
    for k in range(0, clock.steps, CHUNK):
        times = dt * np.arange(k, min(k + CHUNK, clock.steps))
        columns = np.fft.irfft(weight * np.exp(-1j * warped * times[:, None]), n)[:, :samples]
        out[:, k : k + CHUNK] = columns.T * fade[k : k + CHUNK]
    return out


def _fast_length(n: int) -> int:
    from scipy.fft import next_fast_len

    even = next_fast_len(n, real=True)
    while even % 2:
        even = next_fast_len(even + 1, real=True)
    return even
