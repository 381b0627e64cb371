"""Between the data's time step and the solver's: band-limited resampling that also removes time dispersion.

A scheme that is centred in time turns frequency ω into ω̃ = (2/dt) asin(ω dt / 2), whatever the medium.  Sources are
therefore fed at ω(ω̃) and data read at ω̃(ω), which leaves no dispersion from time stepping at all (Koene, Robertsson,
Broggini & Andersson 2018, doi 10.1093/gji/ggx451; Stork 2013).  Both are fixed matrices, so the gradient stays exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from seisinv.core import TimeAxis

# ω dt up to which data are kept: above, there are fewer than 4 nodes a wavelength even in the fastest rock.
HIGHEST = 1.2
TAIL = 10  # steps run beyond the record and faded out, so that cutting it off does not ring into its last samples
ROWS = 256  # samples whose weights are kept in one block
SMALL = {torch.float32: 1e-8, torch.float64: 1e-11}  # weights left out, as a share of the largest


@dataclass(frozen=True)
class Clock:
    """The solver's time steps beside the data's samples.

    Parameters
    ----------
    data, source : TimeAxis
        When data are recorded; when source time functions are given (the solver starts with the latter).
    step : float, s
    """

    data: TimeAxis
    source: TimeAxis
    step: float

    @property
    def steps(self) -> int:
        """Number of solver steps."""
        return int(np.ceil((self.data.end - self.source.start) / self.step - 1e-6)) + 1 + TAIL

    def to_solver(self, wavelets: Tensor, delay: float) -> Tensor:
        """Turn source samples [..., sample] into what the solver is fed [..., step], which acts `delay` steps later."""
        parts = [
            torch.nn.functional.pad(wavelets[..., k : k + ROWS] @ block, (first, self.steps - first - block.shape[1]))
            for k, first, block in _blocks(self, "source", wavelets.dtype, delay)
        ]
        return torch.stack(parts).sum(0)

    def to_data(self, recorded: Tensor, delay: float) -> Tensor:
        """Turn the solver's record [..., step], of times `delay` steps later, into data [..., sample]."""
        blocks = _blocks(self, "data", recorded.dtype, delay)
        return torch.cat([recorded[..., first : first + b.shape[1]] @ b.T for _, first, b in blocks], -1)


def choose_step(data_step: float, longest: float) -> float:
    """Return the largest step not above `longest` that is a whole multiple or a whole part of the data's step, s."""
    if data_step > longest:
        return data_step / np.ceil(data_step / longest - 1e-9)
    return data_step * np.floor(longest / data_step + 1e-9)


def _blocks(clock: Clock, side: str, dtype: torch.dtype, delay: float) -> list[tuple[int, int, Tensor]]:
    """Return (first sample, first step, weights [sample, step]) of blocks of samples."""
    return [(k, first, torch.from_numpy(block)) for k, first, block in _weights(clock, side, dtype, delay)]


@lru_cache(maxsize=8)
def _weights(clock: Clock, side: str, dtype: torch.dtype, delay: float) -> list[tuple[int, int, np.ndarray]]:
    """Weights between samples at t_k and steps at t_n, by FFT over ω̃, without negligible ones.

    source:  f̃ₙ = Σ_k f_k (dt_d / 2π) ∫ exp(i ω̃ (tₙ + delay) − i ω(ω̃) t_k) dω̃
    data:    d_k = Σ_n p̃ₙ (dt / 2π) ∫ exp(i ω t_k − i ω̃ (tₙ + delay)) dω,  with dω = cos(ω̃ dt / 2) dω̃
    """
    dt, steps = clock.step, clock.steps
    n = 1 << (2 * steps - 1).bit_length()
    warped = 2 * np.pi * np.arange(n // 2 + 1) / (n * dt)
    omega = 2 / dt * np.sin(np.minimum(warped * dt / 2, np.pi / 2))
    top = min(HIGHEST / dt, np.pi / clock.data.step)
    window = _fade(4 * omega / top - 3)  # one up to ¾ of the highest frequency
    axis = clock.source if side == "source" else clock.data
    lead = axis.start - clock.source.start
    if side == "source":
        window = window * np.exp(1j * warped * delay * dt) * (axis.step / dt)
        ends = np.ones(steps)
    else:
        window = window * np.exp(1j * warped * delay * dt) * np.cos(np.minimum(warped * dt / 2, np.pi / 2))
        ends = np.ones(steps)
        ends[-TAIL:] = _fade(np.arange(1, TAIL + 1) / (TAIL + 1))
    out = []
    for k in range(0, axis.samples, ROWS):
        times = lead + axis.step * np.arange(k, min(k + ROWS, axis.samples))
        block = np.fft.irfft(window * np.exp(-1j * omega * times[:, None]), n)[:, :steps] * ends
        seen = np.flatnonzero(np.abs(block).max(0) > SMALL[dtype] * np.abs(block).max())
        first, last = (int(seen[0]), int(seen[-1]) + 1) if len(seen) else (0, 1)
        out.append((k, first, block[:, first:last].astype(np.float32 if dtype == torch.float32 else np.float64)))
    return out


def _fade(x: np.ndarray) -> np.ndarray:
    """One up to x = 0, zero from x = 1 on, smooth to 1e-6 between."""
    return 0.5 * np.array([math.erfc(3.2 * (2 * v - 1)) for v in np.clip(x, -1, 2)])
