"""A small stand-in for a propagator: straight rays, one arrival per trace, linear in the wavelet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Gathers, Grid, Model, Survey, line, ricker


@dataclass(frozen=True, eq=False)
class Rays:
    """Delays the wavelet by ∫ ds / vp along the straight ray and divides by √distance."""

    grid: Grid
    survey: Survey
    points: int = 40

    def subset(self, shots: Sequence[int]) -> Rays:
        return Rays(self.grid, self.survey.subset(shots), self.points)

    def __call__(self, model: Model, wavelet: Tensor | None = None) -> Gathers:
        w = self.survey.wavelet if wavelet is None else wavelet
        slowness = 1 / model.vp
        w = w.to(slowness.dtype)
        n, n_out = self.survey.source_time.samples, self.survey.time.samples
        omega = torch.from_numpy(2 * np.pi * np.fft.rfftfreq(2 * n, self.survey.time.step)).to(slowness.dtype)
        data = slowness.new_zeros(len(self.survey), self.survey.max_receivers, n_out)
        rows = []
        for k, shot in enumerate(self.survey.shots):
            source = w if w.ndim == 1 else w[k, 0]
            a, b = shot.sources[0], shot.receivers
            share = (np.arange(self.points) + 0.5) / self.points
            ray = a + share[None, :, None] * (b - a)[:, None]
            distance = torch.from_numpy(np.linalg.norm(b - a, axis=1)).to(slowness.dtype)
            delay = self._sampled(slowness, ray).mean(1) * distance
            spectrum = torch.fft.rfft(source, n=2 * n) * torch.exp(-1j * omega * delay[:, None])
            traces = torch.fft.irfft(spectrum, n=2 * n)[:, :n_out] / distance[:, None].sqrt()
            rows.append(torch.nn.functional.pad(traces, (0, 0, 0, data.shape[1] - len(traces))))
        return Gathers(torch.stack(rows), self.survey)

    def _sampled(self, slowness: Tensor, positions: np.ndarray) -> Tensor:
        low, high = np.array(self.grid.extent).T
        u = torch.from_numpy((2 * (positions - low) / (high - low) - 1)[..., ::-1].copy()).to(slowness.dtype)
        return torch.nn.functional.grid_sample(slowness[None, None], u[None], align_corners=True)[0, 0]


def crosshole(dtype: torch.dtype = torch.float64) -> tuple[Rays, Model, Model]:
    """Return a simulator, a true model with a fast disc, and a constant start."""
    grid = Grid((21, 21), 10.0)
    survey = Survey.surface(
        sources=np.array([[z, 0.0] for z in range(0, 201, 40)]),
        receivers=np.vstack([[[z, 200.0] for z in range(0, 201, 20)], line(20, 180, every=40, depth=200)]),
        wavelet=ricker(20.0),
        duration=0.3,
        dt=4e-3,
    )
    z, x = np.meshgrid(grid.coordinates("z"), grid.coordinates("x"), indexing="ij")
    truth = Model(grid, vp=2000 + 150 * np.exp(-((z - 110) ** 2 + (x - 90) ** 2) / 50**2))
    start = Model(grid, vp=2000.0)
    return Rays(grid, survey), truth.to(dtype), start.to(dtype)
