"""Procedural lines on which the defaults are tried: three kinds of survey, each in rock that nobody has tuned for.

Every line is drawn from a seed and its number. Data are modelled on a grid twice as fine with stencils of another
order; the starting model is the truth with the slowness of its rock smoothed.

published   5 surface shots, 70 × 70 or 70 × 190 cells of 10 m, Ricker of 15 Hz, 1 s; 70 or 190 receivers
dense       land, or receivers on the seafloor: 12 shots of 7 to 10 Hz, a receiver at every node
marine      a streamer under a free surface: 12 shots of 8 to 11 Hz, towed source and receivers between the nodes
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import seisinv as si
from seisinv import synthetic
from seisinv.geology import Geology

KINDS = ("published", "dense", "marine")


@dataclass(frozen=True)
class Line:
    """One line: what its files are made of, and what an expert is told about it."""

    kind: str
    seed: int
    number: int

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.kind}-{self.seed}-{self.number:02d}"

    @property
    def _random(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, KINDS.index(self.kind), self.number])

    @property
    def peak(self) -> float:
        """Peak frequency of the Ricker wavelet, Hz."""
        if self.kind == "published":
            return 15.0
        low, high = (7.0, 10.0) if self.kind == "dense" else (8.0, 11.0)
        return round(float(self._random.uniform(low, high)), 1)

    @property
    def free_surface(self) -> bool:
        """Whether the data hold reflections from the surface."""
        return self.kind == "marine"

    @property
    def wet(self) -> bool:
        """Whether the line lies under water."""
        return self.kind == "marine" or (self.kind == "dense" and self.number % 2 == 1)

    @property
    def grid(self) -> si.Grid:
        """Grid of the inversion."""
        if self.kind == "published":
            return si.Grid((70, 70 if self.number % 2 else 190), 10.0)
        return si.Grid((45, 110), 15.0)

    def velocity(self, grid: si.Grid) -> np.ndarray:
        """Return the true velocity on a grid, m/s."""
        rock = Geology(marine=0.0).vp(grid, seed=self.seed, index=1000 * KINDS.index(self.kind) + self.number)
        if not self.wet:
            return rock
        random = self._random
        depth, slope, phase = random.uniform(70, 130), random.uniform(0.02, 0.15), random.uniform(0, 6)
        z, x = grid.coordinates("z")[:, None], grid.coordinates("x")[None]
        floor = depth + slope * 100 * np.sin(2 * np.pi * x / grid.extent[1][1] + phase)
        return np.where(z < floor, 1500.0, np.maximum(rock, 1600.0))

    def survey(self) -> si.Survey:
        """Return the survey."""
        width, how = self.grid.extent[1][1], {"wavelet": si.ricker(self.peak)}
        if self.kind == "published":
            return synthetic.surface_survey(self.grid, shots=5, peak=self.peak, duration=1.0, dt=2e-3)
        sources = si.line(width / 24, width, every=width / 12, depth=7.0 if self.wet else 15.0)
        if self.kind == "dense":
            where = si.line(0, width, every=15.0, depth=60.0 if self.wet else 15.0)
            return si.Survey.surface(sources=sources, receivers=where, duration=1.2, dt=4e-3, **how)
        shots = []
        for number, source in enumerate(sources, 1):
            x = source[1] + np.arange(40.0, 1300.0, 20.0)
            x = np.concatenate([x[x <= width], (2 * source[1] - x)[(2 * source[1] - x >= 0)]]) if number < 4 else (
                2 * source[1] - x)[2 * source[1] - x >= 0]  # fmt: skip
            shots.append(si.Shot(source[None], np.stack([np.full(len(x), 10.0), np.sort(x)], 1), number))
        return si.Survey(tuple(shots), si.TimeAxis(4e-3, 301)).with_wavelet(si.ricker(self.peak))

    def case(self) -> synthetic.Case:
        """Model the data and smooth the truth."""
        boundary = si.Boundary(width=30, free_surface=self.free_surface)
        smooth = 10.0 if self.kind == "published" else 8.0
        return synthetic.Case.modelled(
            self.velocity, self.survey(), self.grid, smooth=smooth, water=self.wet, boundary=boundary
        )

    def write(self, folder: Path) -> None:
        """Write line.sgy, start.npz, truth.npz and wavelet.txt into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        case = self.case()
        survey = case.observed.survey
        si.io.write_model(folder / "start.npz", case.start, overwrite=True)
        si.io.write_model(folder / "truth.npz", case.truth, overwrite=True)
        np.savetxt(folder / "wavelet.txt", si.ricker(self.peak)(survey.source_time.times))
        si.io.write_segy(folder / "line.sgy", case.observed, overwrite=True)
