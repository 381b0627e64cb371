"""A surrogate for one model and the waves of an initial field or of point sources: solve, write and plot."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import numpy as np

from seisinv.core import ConfigError, Grid, Model, StabilityError, Survey, ricker
from seisinv.core.resampling import grid_over
from seisinv.io import files
from seisinv.physics import Acoustic
from seisinv.surrogate import (
    PINN,
    PLAIN,
    Initial,
    Network,
    SurrogateAccuracy,
    TrainedPINN,
    TrainedWavefield,
    TrainingSchedule,
    TrainingStep,
    Wavefield,
)

log = logging.getLogger("seisinv.jobs.wavefield")

# Methods that train: size of the network, and schedule.
TRAINED = {"fbpinn": (Network(), TrainingSchedule()), "adam": (PLAIN, TrainingSchedule(rate=2e-3))}
METHODS = ("least-squares", *TRAINED)
BAND = 3.6  # largest wavenumber of a Gaussian times its standard deviation: its spectrum has fallen to 1.5e-3
RECEIVERS = 9  # receivers along z and x
SAMPLES = 16  # of a record per period of its peak
TIMES = 6  # snapshots
NODES = 201  # of a snapshot along an axis, at most


@dataclass(frozen=True)
class Gaussian:
    """Pressure exp(−r²/2σ²) at t = 0, at rest.

    Parameters
    ----------
    at : (z, x), m
    width : float, m
        σ, its standard deviation.
    """

    at: tuple[float, float]
    width: float

    def __post_init__(self) -> None:
        if not self.width > 0:
            raise ConfigError(f"width is {self.width:g} m; the standard deviation of the Gaussian must be positive")

    @property
    def initial(self) -> Initial:
        """The field."""
        z0, x0 = self.at
        return Initial(lambda z, x: np.exp(-((z - z0) ** 2 + (x - x0) ** 2) / (2 * self.width**2)))

    @property
    def wavenumber(self) -> float:
        """Largest wavenumber, rad/m."""
        return BAND / self.width


@dataclass(frozen=True)
class PointSources:
    """Shots of one source each, which emit a Ricker wavelet; the model is at rest before.

    Parameters
    ----------
    at : (z, x) of each, m
    peak : float, Hz
    """

    at: Sequence[tuple[float, float]]
    peak: float

    def __post_init__(self) -> None:
        if not self.peak > 0:
            raise ConfigError(f"peak is {self.peak:g} Hz; the peak frequency of the Ricker wavelet must be positive")

    def survey(self, grid: Grid, duration: float) -> Survey:
        """Return their survey; its receivers are spread over the model, so that the error is measured everywhere."""
        wavelet = ricker(self.peak)
        if duration < 2 * wavelet.delay:
            raise ConfigError(
                f"duration is {duration:g} s; a Ricker wavelet of {self.peak:g} Hz takes {2 * wavelet.delay:.3g} s: "
                "raise it"
            )
        axes = [np.linspace(low, high, RECEIVERS + 2)[1:-1] for low, high in grid.extent]
        receivers = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        apart = np.linalg.norm(receivers[:, None] - np.array(self.at), axis=-1).min(1) > min(grid.spacing)
        return Survey.surface(
            sources=np.array(self.at, float), receivers=receivers[apart], wavelet=wavelet, duration=duration,
            dt=1 / (SAMPLES * self.peak),
        )  # fmt: skip


def fit_shots(
    model: Model,
    sources: PointSources,
    duration: float,
    *,
    slabs: int | None = None,
    windows: tuple[int, int, int] = (1, 1, 1),
    bound: float = 0.2,
    seed: int = 0,
) -> tuple[Wavefield, SurrogateAccuracy, list[str]]:
    """Return the waves of point sources by one least-squares solve, their error, and what exceeds the bound.

    The error is that against `Propagator`.

    Parameters
    ----------
    model : Model
    sources : PointSources
        They share the factorisation.
    duration : float, s
    slabs : int, optional
        Number of time windows, as for `PINN`; by default each is half a period of the peak frequency long.
    windows, seed : as for `PINN`
    bound : float
        Largest relative error, of all data and of any range of offset or of frequency.

    Raises
    ------
    ConfigError, GeometryError, ModelError
        As `PINN`.
    """
    if not bound > 0:
        raise ConfigError(f"bound is {bound:g}; it must be positive (0.1 is 10 % of the data)")
    survey = sources.survey(model.grid, duration)
    slabs = slabs or max(1, ceil(2 * duration * sources.peak))
    pinn = PINN(Acoustic(), model, survey, slabs=slabs, windows=windows, seed=seed)
    log.info("solving for %d features, %d %s", pinn.basis.count, len(survey), "shots" if len(survey) > 1 else "shot")
    wave, accuracy = pinn(), SurrogateAccuracy.of(pinn, max_error=bound)
    try:
        accuracy.check()
    except StabilityError as error:
        return wave, accuracy, [error.message]
    return wave, accuracy, []


def fit(
    model: Model,
    gaussian: Gaussian,
    duration: float,
    *,
    method: str = "least-squares",
    edges: str = "open",
    changes: Mapping[str, int] | None = None,
    seed: int = 0,
    directory: Path | None = None,
    resume: bool = False,
    progress: Callable[[TrainingStep], None] | None = None,
) -> Wavefield | TrainedWavefield:
    """Return the wave from a Gaussian, by a surrogate.

    Parameters
    ----------
    model : Model
    gaussian : Gaussian
    duration : float, s
    method : {"least-squares", "fbpinn", "adam"}
        A least-squares solve for the coefficients; training of a finite-basis network; training of a plain network.
    edges : {"open", "wall", "absorbing"}
    changes : mapping, optional
        Of the method's `TrainingSchedule`, by name: {"steps": 500}. Like what follows only for the methods that train.
    directory, resume, progress
        As for `TrainedPINN`.
    seed : int

    Raises
    ------
    ConfigError
        If the method is unknown, or the Gaussian lies outside the model.
    """
    if method not in METHODS:
        raise ConfigError(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
    if not model.grid.contains(np.array(gaussian.at)):
        (top, bottom), (left, right) = model.grid.extent
        raise ConfigError(
            f"the Gaussian at z = {gaussian.at[0]:g} m, x = {gaussian.at[1]:g} m is outside the model "
            f"({top:g} to {bottom:g} m, {left:g} to {right:g} m); move it"
        )
    k = gaussian.wavenumber
    if method == "least-squares":
        if changes or resume:
            raise ConfigError("the least-squares method has no steps to set or to resume; choose fbpinn or adam")
        pinn = PINN(Acoustic(), model, duration=duration, wavenumber=k, edges=edges, seed=seed)
        log.info("solving for %d features", pinn.basis.count)
        return pinn(gaussian.initial)
    network, schedule = TRAINED[method]
    schedule = replace(schedule, **(changes or {}))
    trained = TrainedPINN(Acoustic(), model, duration, k, network, schedule, edges=edges, seed=seed)
    return trained(gaussian.initial, directory=directory, resume=resume, progress=progress)


def write(wave: Wavefield | TrainedWavefield, grid: Grid, file: Path, *, overwrite: bool = False) -> Path:
    """Write a wavefield, and a picture of it beside the file; return the path of the picture.

    Raises
    ------
    RunError
        If a file is there and `overwrite` is False.
    """
    from seisinv import plot

    picture = file.with_suffix(".png")
    refuse_existing(file, overwrite=overwrite)
    file.parent.mkdir(parents=True, exist_ok=True)
    wave.save(file)
    end = (wave.features.partitions if isinstance(wave, Wavefield) else wave.fields[0].ansatz.partitions)[2].high
    shown, times = _shown(grid), np.linspace(0, end, TIMES)
    figure = plot.snapshots(snapshots(wave, shown, times), shown, [f"{t:.3g} s" for t in times])
    return plot.save(figure, picture)


def refuse_existing(file: Path, *, overwrite: bool) -> None:
    """Refuse to replace a wavefield or its picture."""
    for path in (file, file.with_suffix(".png")):
        files.refuse_existing(path, overwrite=overwrite)


def snapshots(wave: Wavefield | TrainedWavefield, grid: Grid, times: np.ndarray) -> np.ndarray:
    """Return the first field on the nodes of a grid at several times [time, z, x], Pa."""
    t, z, x = np.meshgrid(times, grid.coordinates("z"), grid.coordinates("x"), indexing="ij")
    points = np.column_stack([z.ravel(), x.ravel(), t.ravel()])
    return wave(points)[0].reshape(t.shape)


def _shown(grid: Grid) -> Grid:
    """Return a grid of the same extent that is coarse enough to draw."""
    return grid_over(grid.extent, [min(n, NODES) for n in grid.shape])
