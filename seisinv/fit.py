"""A surrogate for one model and one initial field: fitted, written, drawn."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seisinv.core import ConfigError, Grid, Model, RunError
from seisinv.physics import Acoustic
from seisinv.surrogate import (
    PINN,
    PLAIN,
    Initial,
    Network,
    Recipe,
    TrainedPINN,
    TrainedWavefield,
    TrainingStep,
    Wavefield,
)

log = logging.getLogger("seisinv.fit")

METHODS = ("least-squares", "fbpinn", "adam")
BAND = 3.6  # largest wave number of a Gaussian times its standard deviation: its spectrum has fallen to 1.5e-3
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
        """Largest wave number, rad/m."""
        return BAND / self.width


def fit(
    model: Model,
    gaussian: Gaussian,
    duration: float,
    *,
    method: str = "least-squares",
    edges: str = "open",
    recipe: Recipe | None = None,
    network: Network | None = None,
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
        The last layer solved for; a finite-basis network trained; a plain network trained.
    edges : {"open", "wall", "absorbing"}
    recipe, network, directory, resume, progress : as for `TrainedPINN`
        Only for the methods that train.
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
        if recipe is not None or network is not None or resume:
            raise ConfigError("the least-squares method has no steps to set or to resume; choose fbpinn or adam")
        pinn = PINN(Acoustic(), model, duration=duration, wavenumber=k, edges=edges, seed=seed)
        log.info("solving for %d features", pinn.basis.count)
        return pinn(gaussian.initial)
    trained = TrainedPINN(
        Acoustic(),
        model,
        duration=duration,
        wavenumber=k,
        edges=edges,
        seed=seed,
        network=network or (Network() if method == "fbpinn" else PLAIN),
        recipe=recipe or recipe_of(method),
    )
    return trained(gaussian.initial, directory=directory, resume=resume, progress=progress)


def recipe_of(method: str) -> Recipe:
    """Return the recipe of a method that trains, unless told otherwise."""
    return Recipe() if method == "fbpinn" else Recipe(rate=2e-3)


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
        if path.exists() and not overwrite:
            raise RunError(f"{path} is there already; choose another name, or pass overwrite=True")


def snapshots(wave: Wavefield | TrainedWavefield, grid: Grid, times: np.ndarray) -> np.ndarray:
    """Return the first field on the nodes of a grid at several times [time, z, x], Pa."""
    t, z, x = np.meshgrid(times, grid.coordinates("z"), grid.coordinates("x"), indexing="ij")
    points = np.column_stack([z.ravel(), x.ravel(), t.ravel()])
    return wave(points)[0].reshape(t.shape)


def _shown(grid: Grid) -> Grid:
    """Return a grid of the same extent that is coarse enough to draw."""
    shape = [min(n, NODES) for n in grid.shape]
    spacing = [(high - low) / (n - 1) for (low, high), n in zip(grid.extent, shape, strict=True)]
    return Grid(shape, spacing, grid.origin)
