"""What a job leaves open is chosen from its data, once: bands and grid, and where the run is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seisinv.core import Argument, ConfigError, Grid, Message, Survey
from seisinv.core.files import available_memory
from seisinv.jobs.data import Data
from seisinv.jobs.settings import Settings
from seisinv.signal.processing import bands_of

# Spacings a person would choose, m; the automatic choice is the largest that is fine enough.
_NICE = np.array([m * 10.0**e for e in range(-2, 3) for m in (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5, 8)])
POINTS_PER_WAVELENGTH = 5.0
THINNEST = 10  # nodes along depth
BYTES_PER_NODE = 80  # model, gradient and the fields of one shot in single precision, at least

Bands = Sequence[float | tuple[float, float]]


@dataclass(frozen=True)
class Chosen:
    """What was chosen where the settings leave it open, or what they say.

    Parameters
    ----------
    bands : sequence of float or (low, high), Hz
    grid : Grid
    notes : tuple of str
        What was chosen by the program and why, a line each.
    """

    bands: Bands
    grid: Grid
    notes: tuple[str, ...] = ()

    def tables(self, directory: Path) -> dict[str, Any]:
        """Return what was chosen, and where the run is kept, as tables of settings."""
        return {
            "inversion": {"bands": [list(b) if isinstance(b, tuple) else b for b in self.bands]},
            "grid": {
                "spacing": list(self.grid.spacing), "origin": list(self.grid.origin), "shape": list(self.grid.shape)
            },
            "run": {"directory": str(directory if directory.is_absolute() else directory.resolve())},
        }  # fmt: skip

    @property
    def highest(self) -> float:
        """Highest corner of the bands, Hz."""
        return max(max(b) if isinstance(b, tuple) else b for b in self.bands)


def choose(settings: Settings, data: Data) -> Chosen:
    """Choose what the settings leave open.

    Raises
    ------
    ConfigError
        If bands are beyond what the data are sampled for, or the grid cannot hold the survey.
    """
    notes: list[str] = []
    bands = _bands(settings, data, notes)
    bands_of(bands, data.observed.survey.time.nyquist)  # refuses what the sampling cannot hold
    highest = Chosen(bands, Grid((2, 2), 1.0)).highest
    return Chosen(bands, _grid(settings, data.observed.survey, highest, notes), tuple(notes))


def run_directory(settings: Settings, kind: str = "") -> Path:
    """Return the directory of a run: the one named, or runs/NAME after the data, with what kind of run it is."""
    if settings.run.directory is not None:
        return Path(settings.run.directory)
    name = Path((settings.data.path or ["run"])[0]).stem
    return Path("runs") / (f"{name}-{kind}" if kind else name)


def given_grid(settings: Settings) -> Grid:
    """Return the grid of settings that say all of it.

    Raises
    ------
    ConfigError
        If they do not.
    """
    g = settings.grid
    if g.shape is None or g.spacing is None:
        raise ConfigError("grid.spacing and grid.shape are missing; give both unless start.vp is a model file")
    return Grid(g.shape, g.spacing * len(g.shape) if len(g.spacing) == 1 else g.spacing, g.origin or 0.0)


def _bands(settings: Settings, data: Data, notes: list[str]) -> Bands:
    if settings.inversion.bands is not None:
        return [(b[0], b[1]) if isinstance(b, list) else b for b in settings.inversion.bands]
    low, peak, _ = data.band
    first = max(low, peak / 3)
    count = int(np.clip(np.ceil(np.log(max(1.25 * peak / first, 1.0)) / np.log(1.5)), 1, 5)) + 1
    bands = [float(f"{f:.2g}") for f in np.geomspace(first, max(1.25 * peak, 1.2 * first), count)]
    notes.append(f"bands: {', '.join(f'{b:g}' for b in bands)} Hz, from the data's spectrum (peak {peak:.3g} Hz)")
    return bands


def _slowest(settings: Settings) -> float:
    low = settings.inversion.bounds.get("vp", [1400.0])[0]
    return float(settings.start.vp) if isinstance(settings.start.vp, float) and settings.start.vp < low else low


def _grid(settings: Settings, survey: Survey, highest: float, notes: list[str]) -> Grid:
    g = settings.grid
    spacing = g.spacing
    if spacing is None:
        # The filters end at 1.5 times the corner; half-way down their flank the grid must still hold the wave.
        needed = _slowest(settings) / (POINTS_PER_WAVELENGTH * 1.25 * highest)
        spacing = [float(_NICE[needed >= _NICE].max(initial=_NICE[0]))]
        notes.append(f"grid spacing: {spacing[0]:g} m, {POINTS_PER_WAVELENGTH:g} points per shortest wavelength")
    h = np.broadcast_to(np.array(spacing), 2)
    positions = np.concatenate([np.concatenate([s.sources, s.receivers]) for s in survey.shots])
    low, high = positions.min(axis=0), positions.max(axis=0)
    origin = g.origin
    if origin is None:
        top = 0.0 if low[0] >= 0 else float(np.floor(low[0] / h[0] - 1) * h[0])
        origin = [top, float(np.floor(low[1] / h[1] + 1e-6) - 5) * float(h[1])]
    shape = g.shape
    if shape is None:
        depth = g.depth
        if depth is not None:
            _check_depth(depth, float(h[0]), origin[0], float(high[0]))
        else:
            half = 0.5 * float(np.nanmax(np.abs(survey.offsets)))
            deepest = float(high[0] - origin[0]) + 10 * float(h[0])
            depth = max(half, deepest)
            why = "half the longest offset" if half >= deepest else "ten nodes below the deepest position"
            notes.append(f"model depth: {depth:.0f} m, {why}")
        shape = [int(np.ceil((depth - 1e-6) / h[0])) + 1, int(np.ceil((high[1] - origin[1]) / h[1] - 1e-6)) + 6]
    if BYTES_PER_NODE * math.prod(shape) > available_memory():
        raise ConfigError(
            f"a grid of {' × '.join(f'{n:,}' for n in shape)} nodes of {h[0]:g} m does not fit into the memory; "
            f"sources and receivers lie between x = {low[1]:,.0f} and {high[1]:,.0f} m, "
            f"z = {low[0]:,.0f} and {high[0]:,.0f} m",
            remedy=(Message("use a larger ", Argument("grid.spacing")), "check those positions with seisinv info"),
        )
    return Grid(shape, list(map(float, h)), origin)


def _check_depth(depth: float, spacing: float, top: float, deepest: float) -> None:
    """Refuse a model that is too thin to invert, or that ends above a source or receiver."""
    needed = max((THINNEST - 1) * spacing, deepest - top)
    if np.ceil((depth - 1e-6) / spacing) * spacing < needed - 1e-3:
        raise ConfigError(
            argument=Argument("grid.depth"), value=depth, unit="m",
            limit=f"the model needs {THINNEST} nodes of {spacing:g} m and must reach the deepest source or receiver at "
            f"z = {deepest:,.1f} m",
            remedy=Message("use ", Argument("grid.depth", int(np.ceil(needed))), " or more"),
        )  # fmt: skip
