"""Synthetic surveys: a model and an acquisition in, a SEG-Y file with full geometry headers out."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np

from seisinv.core import Argument, ConfigError, Gathers, GeometryError, Grid, Message, Model, Survey, ricker
from seisinv.jobs import build
from seisinv.jobs.acquisition import check_survey
from seisinv.jobs.choose import given_grid
from seisinv.jobs.models import read_model_file, speed_of, starting_model
from seisinv.jobs.progress import steps
from seisinv.jobs.settings import ForwardSection, Settings
from seisinv.physics import wave_equation
from seisinv.spread import Executor, simulated, spread_over
from seisinv.synthetic import ModellingRecipe, with_noise

log = logging.getLogger("seisinv.jobs.forward")

HIGHEST = 2.5  # highest frequency of a Ricker wavelet, in peak frequencies
TOGETHER = 4  # shots that are simulated together, on every machine: the last bits depend on it
POINTS = 4.0  # per shortest wavelength, below which waves disperse visibly


def model_survey(settings: Settings, *, overwrite: bool = False, executor: Executor = None) -> tuple[Path, list[str]]:
    """Model the survey of the [forward] settings in the model of [start], and write it.

    Parameters
    ----------
    settings : Settings
        [start] names the model; its own grid is used unless [grid] gives another. [survey] says what sources are and
        what is measured.
    overwrite : bool
        Replace an existing file.

    Returns
    -------
    Path, list of str
        The SEG-Y file, and what is wrong with its waves.
    """
    from seisinv import io

    f = settings.forward
    if f.output is None:
        raise ConfigError(
            "forward.output is missing",
            remedy=Message("name the SEG-Y file to write: ", Argument("forward.output", ...)),
        )
    path = Path(f.output)
    if path.exists() and not overwrite:
        raise ConfigError(
            f"{path} exists", remedy=("choose another name", Message("replace it: ", Argument("overwrite", True)))
        )
    if not path.parent.is_dir():
        raise ConfigError(f"{path.parent} is not a directory; make it first")
    _check_sampling_in_time(f)
    check_survey(settings)
    notes: list[str] = []
    model = _model(settings, notes)
    slowest, fastest = wave_equation(settings.propagator.physics).speeds(model.parameters)
    _check_sampling_in_space(f, model.grid, float(slowest.min()))
    survey = synthetic_survey(settings, model.grid)
    _check_inside(survey, model.grid)
    simulate = build.propagator_of(settings, model.grid, survey, vp_max=float(fastest.max()))
    for note in notes:  # only now, so that whatever cannot work is refused in a single line
        log.info("%s", note)
    with build.cluster_of(settings) as there:
        gathers = simulate_in_parts(simulate, model, executor=there)
    if f.noise > 0:
        band, random = (0.3 * f.peak, 3 * f.peak), np.random.default_rng(settings.run.seed)
        noisy = with_noise(gathers.data, f.noise, dt=survey.time.step, band=band, random=random)
        gathers = Gathers(noisy, survey)
    io.write_segy(path, gathers, text=(ModellingRecipe.of(simulate, model).text(),), overwrite=overwrite)
    holds_waves = bool(gathers.data.any() and gathers.data.isfinite().all())
    return path, [] if holds_waves else ["the data hold no waves, or numbers that are not finite"]


def simulate_in_parts(simulate: Any, model: Model, *, title: str = "modelling", executor: Executor = None) -> Gathers:
    """Simulate all shots, a few at a time, with a progress bar."""
    shots, told = len(simulate.survey), 0
    with steps(title, shots) as advance:

        def done(parts: int) -> None:
            nonlocal told
            now = min(parts * TOGETHER, shots)
            advance(now - told)
            told = now

        gathers = simulated(simulate, model, size=TOGETHER, spread=spread_over(executor), done=done)
        done(shots)
    return gathers


def _check_sampling_in_time(f: ForwardSection) -> None:
    highest, nyquist = HIGHEST * f.peak, 0.5 / f.dt
    if highest > nyquist:
        raise ConfigError(
            f"forward.dt is {f.dt * 1e3:g} ms, which holds frequencies up to {nyquist:g} Hz; a Ricker wavelet of "
            f"{f.peak:g} Hz reaches {highest:g} Hz",
            remedy=(
                Message("use ", Argument("forward.dt", _rounded_down(0.5 / highest)), " or less"),
                Message(Argument("forward.peak", _rounded_down(nyquist / HIGHEST)), " or less"),
            ),
        )


def _check_sampling_in_space(f: ForwardSection, grid: Grid, slowest: float) -> None:
    spacing, highest = max(grid.spacing), HIGHEST * f.peak
    points = slowest / (highest * spacing)
    if points >= POINTS:
        return
    text = (
        f"the grid of {spacing:g} m has {points:.2g} points per shortest wavelength ({slowest:g} m/s at {highest:g} Hz)"
    )
    peak = Argument("forward.peak", _rounded_down(slowest / (POINTS * spacing * HIGHEST)))
    remedy = Message("use ", peak, " or less, or a finer model")
    if points < 2:
        raise ConfigError(f"{text}, which cannot carry it", remedy=remedy)
    log.warning("%s: waves will disperse; %s", text, remedy)


def _check_inside(survey: Survey, grid: Grid) -> None:
    try:
        survey.check_inside(grid)
    except GeometryError as error:
        move = Message(
            "move it with ",
            Argument("forward.sources"),
            " or ",
            Argument("forward.receivers"),
            " (start, stop, depth), for example ",
            Argument("forward.receivers.depth", 20),
        )
        raise error.replace(remedy=(move,)) from None


def _rounded_down(value: float) -> float:
    """Round to two digits, never up."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.floor(value / unit * (1 + 1e-9)) * unit:.3g}")


def _model(settings: Settings, notes: list[str]) -> Model:
    """Return the model on its own grid, or on the one that the settings ask for; note what they do not say."""
    s, physics = settings.start, wave_equation(settings.propagator.physics)
    speed = speed_of(physics)
    path = getattr(s, speed)
    if settings.grid.spacing is None and isinstance(path, str):
        own = read_model_file(s, speed, path)
        if tuple(physics.parameters) == (speed,):  # others are those of the settings, or follow from it
            return own
        grid = own.grid
    else:
        grid = given_grid(settings)
    return starting_model(settings, physics, grid, notes)


def synthetic_survey(settings: Settings, grid: Grid) -> Survey:
    """Return the survey that the [forward] settings describe, over a grid."""
    from seisinv.core import line

    f = settings.forward
    left, right = grid.extent[-1]

    def positions(s: Any) -> np.ndarray:
        start, stop = left if s.start is None else s.start, right if s.stop is None else s.stop
        return line(start, stop, every=s.every, depth=s.depth)

    return Survey.surface(
        sources=positions(f.sources),
        receivers=positions(f.receivers),
        wavelet=ricker(f.peak),
        duration=f.duration,
        dt=f.dt,
        kind=settings.survey.kind,
        components=settings.survey.components,
    )
