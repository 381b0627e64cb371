"""The demonstration: a made-up piece of seafloor, a SEG-Y survey of it, and the inversion of that file.

The earth is drawn from a seed: water over a rolling seafloor, velocities that grow with burial, folded layers cut by
faults with throw, a fast lens, a slow buried channel, and a little texture. The survey is modelled on a finer grid and
with another stencil order than the inversion uses, with noise; the inversion knows the file, a smooth start and bounds.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seisinv.core import Gathers, Grid, Model, RunError, Survey, line, ricker
from seisinv.jobs import config, forward
from seisinv.jobs.choose import given_grid
from seisinv.jobs.forward import simulate_in_parts
from seisinv.jobs.invert import invert
from seisinv.synthetic import ModellingRecipe

log = logging.getLogger("seisinv.jobs.demo")

WATER = 1500.0

# What is recorded, and with which grid and stencil: finer and of another order than the inversion's.
PEAK, DURATION, DT, NOISE = 6.0, 3.2, 8e-3, 0.05
FINE, FINE_ORDER = 12.5, 10
SPACING = 25.0

JOB = """\
# The job of `seisinv demo`; run it yourself in another directory with
#   seisinv invert job.toml --directory somewhere
[data]
path = "line.sgy"

[start]
vp = "start.sgy"

[grid]
spacing = {spacing}
shape = [{nz}, {nx}]
origin = [0.0, 0.0]

[inversion]
bands = [3.0, 4.5, 6.5, 9.0]
iterations = 8
bounds = {{ vp = [1450.0, 4300.0] }}
water = {water}

[wavelet]
kind = "estimate"

[propagator]
memory = "checkpoints"

[run]
directory = ".."
seed = {seed}
"""


def run_demo(directory: Path, *, seed: int = 2, threads: int | None = None) -> Path:
    """Make the survey, if it is not there, and invert it, from where an earlier call was stopped.

    Parameters
    ----------
    directory : path
        The run directory; the survey, the start model and the job are kept in its folder `input`.
    seed : int
        Which piece of earth.
    threads : int, optional

    Returns
    -------
    Path
        The report.

    Raises
    ------
    RunError
        If the directory holds something else.
    """
    inputs = directory / "input"
    _check_place(directory, inputs / "job.toml")
    earth = DemoEarth(seed=seed)
    if not (inputs / "job.toml").exists():
        make_inputs(inputs, earth, threads=threads)
    settings = config.load(inputs / "job.toml", {"run.directory": str(directory.resolve()), "run.threads": threads})
    if settings.run.seed != seed:
        raise RunError(
            f"{directory} holds the demonstration of seed {settings.run.seed}; go on with --seed {settings.run.seed}, "
            "or choose another --directory"
        )
    resume = (directory / "run.toml").exists()
    if resume:
        log.info("going on with the run in %s", directory)
    log.info("inverting %s, knowing only that file, a smooth start model and bounds", inputs / "line.sgy")
    return invert(settings, resume=resume, truth=earth.model(given_grid(settings)))


def make_inputs(inputs: Path, earth: DemoEarth, *, threads: int | None = None) -> None:
    """Write what the inversion may know: line.sgy, start.sgy and, last, job.toml."""
    from seisinv import io
    from seisinv.physics import Acoustic
    from seisinv.propagate import Propagator

    try:
        inputs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot create {inputs}: {error.strerror}; choose another --directory") from None
    fine = Grid((round(earth.depth / FINE) + 1, round(earth.width / FINE) + 1), FINE)
    survey = earth.survey()
    log.info(
        "modelling %d shots of %d receivers over a %g × %g km earth, %g m cells, order %d",
        len(survey), survey.max_receivers, earth.width / 1e3, earth.depth / 1e3, FINE, FINE_ORDER,
    )  # fmt: skip
    simulate = Propagator(Acoustic(), fine, survey, order=FINE_ORDER, threads=threads)
    gathers = simulate_in_parts(simulate, earth.model(fine))
    noisy = forward.with_noise(gathers.data, NOISE, dt=DT, band=(1.0, 3 * PEAK), seed=earth.seed)
    text = (
        "SYNTHETIC SURVEY OF THE SEISINV DEMONSTRATION",
        f"SEED {earth.seed}, NOISE {NOISE:.0%} OF THE MEDIAN TRACE",
        ModellingRecipe.of(simulate, earth.model(fine)).text(),
    )
    io.write_segy(inputs / "line.sgy", Gathers(noisy, survey), text=text, overwrite=True)
    coarse = Grid((round(earth.depth / SPACING) + 1, round(earth.width / SPACING) + 1), SPACING)
    io.write_model(inputs / "start.sgy", earth.start(coarse), overwrite=True)
    shallowest = float(earth.seafloor(coarse.coordinates("x")).min())
    (nz, nx), water = coarse.shape, np.floor(shallowest / SPACING) * SPACING
    part = inputs / ".job.toml.part"
    part.write_text(JOB.format(spacing=SPACING, nz=nz, nx=nx, water=water, seed=earth.seed), encoding="utf-8")
    part.replace(inputs / "job.toml")


def _check_place(directory: Path, made: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise RunError(f"{directory} is a file, not a directory; choose another one with --directory")
    others = [p.name for p in directory.iterdir() if p.name != "input"] if directory.exists() else []
    if others and not made.exists():
        raise RunError(f"{directory} holds other things ({others[0]}); choose another one with --directory")


@dataclass(frozen=True)
class DemoEarth:
    """A seeded piece of seafloor; sample it on any grid with `model`.

    Parameters
    ----------
    width, depth : float, m
    seed : int
    """

    width: float = 6000.0
    depth: float = 2000.0
    seed: int = 2

    def seafloor(self, x: np.ndarray) -> np.ndarray:
        """Depth of the seafloor below `x`, m."""
        u = np.asarray(x) / self.width
        return 190 + 55 * np.sin(2 * np.pi * (0.75 * u + 0.1)) + 18 * np.sin(2 * np.pi * (2.2 * u + 0.4))

    def model(self, grid: Grid) -> Model:
        """Return the true model on `grid`."""
        random = np.random.default_rng(self.seed)
        z, x = grid.coordinates("z")[:, None], grid.coordinates("x")[None]
        floor = self.seafloor(x)
        burial = np.maximum(z - floor, 0.0)
        level = self._level(z, x, random)
        vp = self.trend(burial) + self._layers(level, random)
        vp = vp + self._bodies(level, x) + self._texture(z, x, random)
        return Model(grid, vp=np.where(z < floor, WATER, np.clip(vp, WATER + 20, 4200)).astype(np.float32))

    def start(self, grid: Grid) -> Model:
        """Return what is known beforehand: the water and a velocity that grows with burial."""
        z, x = grid.coordinates("z")[:, None], grid.coordinates("x")[None]
        floor = self.seafloor(x)
        vp = np.where(z < floor, WATER, self.trend(np.maximum(z - floor, 0.0)))
        return Model(grid, vp=vp.astype(np.float32))

    def survey(self) -> Survey:
        """Return the survey: a source every 370 m, a receiver every 50 m, near the surface of the sea."""
        return Survey.surface(
            sources=line(200, self.width - 150, every=370, depth=12),
            receivers=line(0, self.width, every=50, depth=15),
            wavelet=ricker(PEAK),
            duration=DURATION,
            dt=DT,
        )

    @staticmethod
    def trend(burial: np.ndarray) -> np.ndarray:
        """Velocity of compacting rock at a depth of burial in metres, m/s."""
        return 1650 + 1.15 * burial - 1.0e-4 * burial**2

    def _level(self, z: np.ndarray, x: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Depth at which a point was laid down, m, before folding and faulting."""
        u = x / self.width
        growth = np.clip((z - 150) / 900, 0, 1.4)
        fold = 105 * np.sin(2 * np.pi * (1.1 * u + 0.15)) + 32 * np.sin(2 * np.pi * (2.6 * u + 0.55))
        level = z + growth * fold
        for place, dip, throw in ((0.27, 65, 85), (0.56, -62, 110), (0.8, 58, -70)):
            fault = place * self.width + (z - 900) / np.tan(np.radians(dip))
            width = 10.0 + 0 * z
            slip = throw * np.clip((z - 350) / 450, 0, 1) * random.uniform(0.9, 1.1)
            level = level - slip / (1 + np.exp(-np.clip((x - fault) / width, -60, 60)))
        return level

    def _layers(self, level: np.ndarray, random: np.random.Generator) -> np.ndarray:
        tops = np.cumsum(random.uniform(70, 190, 40)) - 300
        steps = random.uniform(60, 230, 40) * np.where(np.arange(40) % 2, -1, 1) * random.uniform(0.6, 1.2, 40)
        return steps[np.clip(np.searchsorted(tops, level) - 1, 0, 39)]

    def _bodies(self, level: np.ndarray, x: np.ndarray) -> np.ndarray:
        lens = ((x - 0.42 * self.width) / 560) ** 2 + ((level - 960) / 95) ** 2 < 1
        channel = (
            (np.abs(x - 0.68 * self.width) < 330)
            & (level > 430)
            & (level < 530 - 90 * ((x - 0.68 * self.width) / 330) ** 2)
        )
        return 430.0 * lens - 260.0 * channel

    def _texture(self, z: np.ndarray, x: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Random waves of 150 to 600 m, 12 m/s RMS, the same on every grid."""
        out = np.zeros(np.broadcast_shapes(z.shape, x.shape))
        for _ in range(60):
            length, angle, phase = random.uniform(150, 600), random.normal(0, 0.35), random.uniform(0, 2 * np.pi)
            k = 2 * np.pi / length
            out += np.cos(k * (np.cos(angle) * z + 0.3 * np.sin(angle) * x) + phase)
        return 12.0 * out / np.sqrt(30)
