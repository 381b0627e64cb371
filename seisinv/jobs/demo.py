"""The demonstration: a made-up piece of seafloor, a SEG-Y survey of it, and the inversion of that file.

The earth is a seeded piece of seafloor (`seisinv.synthetic.Seafloor`). The survey is modelled on a finer grid and with
another stencil order than the inversion uses, with noise; the inversion knows the file, a smooth starting model and
bounds.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from seisinv.core import Argument, Gathers, Message, RunError, Survey, line, ricker
from seisinv.jobs import config
from seisinv.jobs.choose import given_grid
from seisinv.jobs.forward import simulate_in_parts
from seisinv.jobs.invert import invert
from seisinv.runs.directory import OTHER
from seisinv.synthetic import ModellingRecipe, Seafloor, with_noise

log = logging.getLogger("seisinv.jobs.demo")

SEED = 2  # of the model that is shown

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


def run_demo(directory: Path, *, seed: int = SEED, threads: int | None = None) -> Path:
    """Make the survey, if it is not there, and invert it, from where an earlier call was stopped.

    Parameters
    ----------
    directory : path
        The run directory; the survey, the starting model and the job are kept in its folder `input`.
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
    earth = Seafloor(seed=seed)
    if not (inputs / "job.toml").exists():
        make_inputs(inputs, earth, threads=threads)
    settings = config.load(inputs / "job.toml", {"run.directory": str(directory.resolve()), "run.threads": threads})
    if settings.run.seed != seed:
        raise RunError(
            f"{directory} holds the demonstration of seed {settings.run.seed}",
            remedy=(Message("go on with ", Argument("run.seed", settings.run.seed)), OTHER),
        )
    resume = (directory / "run.toml").exists()
    if resume:
        log.info("going on with the run in %s", directory)
    log.info("inverting %s, knowing only that file, a smooth starting model and bounds", inputs / "line.sgy")
    return invert(settings, resume=resume, truth=earth.model(given_grid(settings)))


def make_inputs(inputs: Path, earth: Seafloor, *, threads: int | None = None) -> None:
    """Write what the inversion may know: line.sgy, start.sgy and, last, job.toml."""
    from seisinv import io
    from seisinv.physics import Acoustic
    from seisinv.propagate import Propagator

    try:
        inputs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot create {inputs}: {error.strerror}", remedy=OTHER) from None
    truth, survey = earth.model(earth.grid(FINE)), survey_over(earth)
    log.info(
        "modelling %d shots of %d receivers over a %g × %g km earth, %g m cells, order %d",
        len(survey), survey.max_receivers, earth.width / 1e3, earth.depth / 1e3, FINE, FINE_ORDER,
    )  # fmt: skip
    simulate = Propagator(Acoustic(), truth.grid, survey, order=FINE_ORDER, threads=threads)
    data, random = simulate_in_parts(simulate, truth).data, np.random.default_rng(earth.seed)
    noisy = with_noise(data, NOISE, dt=DT, band=(1.0, 3 * PEAK), random=random)
    text = (
        "SYNTHETIC SURVEY OF THE SEISINV DEMONSTRATION",
        f"SEED {earth.seed}, NOISE {NOISE:.0%} OF THE MEDIAN TRACE",
        ModellingRecipe.of(simulate, truth).text(),
    )
    io.write_segy(inputs / "line.sgy", Gathers(noisy, survey), text=text, overwrite=True)
    coarse = earth.grid(SPACING)
    io.write_model(inputs / "start.sgy", earth.start(coarse), overwrite=True)
    shallowest = float(earth.floor(coarse.coordinates("x")).min())
    (nz, nx), water = coarse.shape, np.floor(shallowest / SPACING) * SPACING
    part = inputs / ".job.toml.part"
    part.write_text(JOB.format(spacing=SPACING, nz=nz, nx=nx, water=water, seed=earth.seed), encoding="utf-8")
    part.replace(inputs / "job.toml")


def survey_over(earth: Seafloor) -> Survey:
    """Return the survey: a source every 370 m, a receiver every 50 m, near the surface of the sea."""
    return Survey.surface(
        sources=line(200, earth.width - 150, every=370, depth=12),
        receivers=line(0, earth.width, every=50, depth=15),
        wavelet=ricker(PEAK),
        duration=DURATION,
        dt=DT,
    )


def _check_place(directory: Path, made: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise RunError(f"{directory} is a file, not a directory", remedy=OTHER)
    others = [p.name for p in directory.iterdir() if p.name != "input"] if directory.exists() else []
    if others and not made.exists():
        raise RunError(f"{directory} holds other things ({others[0]})", remedy=OTHER)
