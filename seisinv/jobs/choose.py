"""What a job leaves open is chosen from its data and its starting model, once, and said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seisinv.core import Argument, ConfigError, Grid, Message, Model, Survey
from seisinv.core.memory import available_memory
from seisinv.jobs.build import bounds_of
from seisinv.jobs.data import Data
from seisinv.jobs.models import mudrock, read_model_file, speed_of, starting_model
from seisinv.jobs.settings import UPDATES, WIDE, Settings
from seisinv.physics import wave_equation
from seisinv.signal.processing import bands_of
from seisinv.synthetic import water_layer

# Spacings a person would choose, m; the automatic choice is the largest that is fine enough.
_NICE = np.array([m * 10.0**e for e in range(-2, 3) for m in (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5, 8)])
POINTS_PER_WAVELENGTH = 3.5  # of the shortest at the highest corner, with stencils of order 8
DEEP = 12  # nodes of water from which it is kept; the few next to a shallow seafloor have to give way
PLENTY = 5.0  # points that are enough: a starting model's grid that has twice as many is made coarser
BROADEST = 3.5  # peaks up to which bands go: a Ricker wavelet ends at 2.7, and what is beyond costs its cube
RATIO = 2.2  # of the corners of two bands
THINNEST = 10  # nodes along depth
BYTES_PER_NODE = 80  # model, gradient and the fields of one shot in single precision, at least
SLOWER, FASTER = 0.75, 1.8  # of the extremes of a starting model, in which thin and small bodies are smoothed away
NEAR = 2.5  # cells: a source on a grid is about as wide
WATCHED, MOST_WATCHED = 20, 4  # one shot in so many is watched, up to a number
SLOW = 0.1  # share that ten updates gain at least, or the band ends
GRADIENTS = {"quick": 100, "standard": 300, "best": 900}  # per shot

Bands = Sequence[float | tuple[float, float]]


@dataclass(frozen=True)
class Chosen:
    """What was chosen where the settings leave it open, or what they say.

    Parameters
    ----------
    bands : sequence of float or (low, high), Hz
    grid : Grid
    inversion, window : mapping
        Keys of these tables of settings that were chosen.
    notes : tuple of str
        What was chosen by the program and why, a line each.
    """

    bands: Bands
    grid: Grid
    inversion: dict[str, Any]
    window: dict[str, Any]
    notes: tuple[str, ...] = ()

    def tables(self, directory: Path) -> dict[str, Any]:
        """Return what was chosen, and where the run is kept, as tables of settings."""
        bands = [list(b) if isinstance(b, tuple) else b for b in self.bands]
        return {
            "inversion": {"bands": bands, **self.inversion},
            "window": self.window,
            "grid": {
                "spacing": list(self.grid.spacing), "origin": list(self.grid.origin), "shape": list(self.grid.shape)
            },
            "run": {"directory": str(directory if directory.is_absolute() else directory.resolve())},
        }  # fmt: skip

    @property
    def highest(self) -> float:
        """Highest corner of the bands, Hz."""
        return highest_of(self.bands)


def highest_of(bands: Bands) -> float:
    """Return the highest corner of bands, Hz."""
    return max(max(b) if isinstance(b, tuple) else b for b in bands)


def choose(settings: Settings, data: Data) -> Chosen:
    """Choose what the settings leave open, as far as it does not take a simulation.

    Raises
    ------
    ConfigError
        If bands are beyond what the data are sampled for, or the grid cannot hold the survey.
    """
    notes: list[str] = list(data.notes)
    start = _start_file(settings)
    slowest = _slowest(settings, start)
    bands = _bands(settings, data, start, slowest, notes)
    bands_of(bands, data.observed.survey.time.nyquist)  # refuses what the sampling cannot hold
    grid = _grid(settings, data.observed.survey, start, slowest, highest_of(bands), notes)
    is_fwi = settings.inversion.method == "fwi"
    window = _window(settings, data.observed.survey, grid, notes) if is_fwi else {}
    inversion = _bounds(settings, start, notes) | _water(settings, start, notes)
    if is_fwi:
        inversion |= _watched(settings, data, notes)
        inversion |= {} if settings.inversion.slow is not None else {"slow": SLOW}
    return Chosen(bands, grid, inversion | _budget(settings, data, len(bands), notes), window, tuple(notes))


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
        raise ConfigError("grid.spacing and grid.shape are missing; give both unless the starting model is a file")
    return Grid(g.shape, g.spacing * len(g.shape) if len(g.spacing) == 1 else g.spacing, g.origin or 0.0)


def _start_file(settings: Settings) -> Model | None:
    """Return the model in the file of the starting model's speed, on its own grid; None without one."""
    s, name = settings.start, speed_of(wave_equation(settings.propagator.physics))
    path = getattr(s, name)
    return read_model_file(s, name, path) if s.kind == "model" and isinstance(path, str) else None


def _slowest(settings: Settings, start: Model | None) -> float:
    """Return the slowest velocity that the grid must hold, m/s."""
    physics = wave_equation(settings.propagator.physics)
    if start is not None:
        return float(physics.speeds(starting_model(settings, physics, start.grid, []).parameters)[0].min())
    name = speed_of(physics)
    given, low = getattr(settings.start, name), bounds_of(settings).get(name, WIDE[name])[0]
    if name != "vp":  # other speeds are too wide a range to hold all of it
        return float(given) if isinstance(given, float) else max(low, float(mudrock(settings.start.v0)))
    slowest = float(given) if isinstance(given, float) and given < low else low
    vs = _slowest_solid(settings) if "vs" in physics.parameters else 0.0
    return min(slowest, vs) if vs > 0 else slowest


def _slowest_solid(settings: Settings) -> float:
    """Return the slowest S wave where no file says vp, m/s; 0 where all is fluid."""
    s, bounds = settings.start, settings.inversion.bounds or {}
    if "vs" in bounds:
        return bounds["vs"][0]
    if isinstance(s.vs, str):
        values = read_model_file(s, "vs", s.vs).vs
        return float(values[values > 0].min()) if bool((values > 0).any()) else 0.0
    vp = s.vp if isinstance(s.vp, float) else max(s.v0, bounds.get("vp", [0.0])[0])
    return float(mudrock(vp)) if s.vs is None else float(s.vs)


def _bands(settings: Settings, data: Data, start: Model | None, slowest: float, notes: list[str]) -> Bands:
    if settings.inversion.bands is not None:
        return [(b[0], b[1]) if isinstance(b, list) else b for b in settings.inversion.bands]
    low, peak, high = data.band
    why = f"the data hold {low:.2g} to {high:.2g} Hz, most at {peak:.3g} Hz"
    first = max(1.35 * low, peak / 3)
    if settings.inversion.method == "fwi":
        if high > BROADEST * peak:
            high = BROADEST * peak
            why += f", of which up to {BROADEST:g} × that are inverted"
        top = max(high, 1.2 * first)
        carried = math.inf
        if settings.grid.spacing is not None:
            carried = slowest / (POINTS_PER_WAVELENGTH * max(settings.grid.spacing))
        elif start is not None and _refinement(start.grid, slowest, top) == 1:
            carried = slowest / (POINTS_PER_WAVELENGTH * max(start.grid.spacing))
        if carried < top:
            why += f"; the grid carries {carried:.2g} Hz"
            top = max(carried, 1.2 * first)
        count = 1 + max(1, round(math.log(top / first) / math.log(RATIO)))
    else:
        top = max(1.25 * peak, 1.2 * first)
        count = int(np.clip(np.ceil(np.log(max(top / first, 1.0)) / np.log(1.5)), 1, 5)) + 1
    bands = [float(f"{f:.2g}") for f in np.geomspace(first, top, count)]
    notes.append(f"bands: {', '.join(f'{b:g}' for b in bands)} Hz; {why}")
    return bands


def _refinement(grid: Grid, slowest: float, highest: float) -> int:
    """Return by what number a model's spacing is divided so that it carries most of the data: half the highest."""
    needed = slowest / (POINTS_PER_WAVELENGTH * 0.55 * highest)
    h = max(grid.spacing)
    return 1 if h <= needed else math.ceil(h / (slowest / (POINTS_PER_WAVELENGTH * highest)) - 1e-6)


def _grid(
    settings: Settings, survey: Survey, start: Model | None, slowest: float, highest: float, notes: list[str]
) -> Grid:
    g = settings.grid
    spacing, origin, shape = g.spacing, g.origin, g.shape
    positions = np.concatenate([np.concatenate([s.sources, s.receivers]) for s in survey.shots])
    low, high = positions.min(axis=0), positions.max(axis=0)
    if start is not None and len(low) == start.grid.ndim and bool(start.grid.contains(positions).all()):
        spacing, origin, shape = _like_start(settings, start.grid, slowest, highest, notes)
    if spacing is None:
        # Half-way down the flank of the highest filter the grid must still hold the wave.
        needed = slowest / (POINTS_PER_WAVELENGTH * highest)
        spacing = [float(_NICE[needed >= _NICE].max(initial=_NICE[0]))]
        notes.append(f"grid spacing: {spacing[0]:g} m, {POINTS_PER_WAVELENGTH:g} points per shortest wavelength")
    h = np.broadcast_to(np.array(spacing), 2)
    if origin is None:
        top = 0.0 if low[0] >= 0 else float(np.floor(low[0] / h[0] - 1) * h[0])
        origin = [top, float(np.floor(low[1] / h[1] + 1e-6) - 5) * float(h[1])]
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


def _like_start(
    settings: Settings, grid: Grid, slowest: float, highest: float, notes: list[str]
) -> tuple[list[float], list[float], list[int] | None]:
    """Return spacing, origin and shape of the grid that a starting model's file suggests."""
    g = settings.grid
    old = np.array(grid.spacing)
    finer = _refinement(grid, slowest, highest)
    coarser = max(1, math.floor(slowest / (PLENTY * highest) / float(old.max()) + 1e-6))
    new = np.broadcast_to(np.array(g.spacing), 2) if g.spacing is not None else old * coarser / finer
    origin = list(g.origin) if g.origin is not None else [float(o) for o in grid.origin]
    ends = np.array([end for _, end in grid.extent])
    shape = g.shape
    if shape is None:
        shape = [int(n) + 1 for n in np.ceil((ends - np.array(origin)) / new - 1e-6)]
        if g.depth is not None:
            shape[0] = int(np.ceil((g.depth - 1e-6) / new[0])) + 1
    how = "the starting model's"
    if g.spacing is None and finer * coarser > 1:
        times = f"{finer} × finer" if finer > 1 else f"{coarser} × coarser"
        points = slowest / (highest * float(new.max()))
        how = f"{times} than the starting model's, {points:.2g} points per shortest wavelength"
    notes.append(f"grid: {' × '.join(map(str, shape))} nodes of {new[0]:g} m, {how}")
    return [float(h) for h in new], origin, list(shape)


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


def _window(settings: Settings, survey: Survey, grid: Grid, notes: list[str]) -> dict[str, Any]:
    """Return the distance within which receivers do not count: none where that would leave less than half of them."""
    if settings.window.apart is not None:
        return {}
    apart = NEAR * max(grid.spacing)
    distances = survey.distances[survey.occupied.numpy()]
    near = float((distances < apart).mean())
    if near > 0.5:
        notes.append(f"near traces: all count, since {near:.0%} of them are within {apart:g} m of their source")
        return {"apart": 0.0}
    if near:
        notes.append(f"near traces: {near:.1%} within {apart:g} m ({NEAR:g} cells) of their source do not count")
    return {"apart": apart}


def _bounds(settings: Settings, start: Model | None, notes: list[str]) -> dict[str, Any]:
    if settings.inversion.bounds is not None:
        return {}
    physics = wave_equation(settings.propagator.physics)
    name = speed_of(physics)
    given, (low, high) = getattr(settings.start, name), WIDE[name]
    why = "no file of a starting model says more"
    if start is not None:
        least, most = float(start[name].min()), float(start[name].max())
        low, high = round(least * SLOWER, -1), round(most * FASTER, -1)
        why = f"{SLOWER:g} × the slowest to {FASTER:g} × the fastest of the starting model"
    elif isinstance(given, float) and name == "vp":
        low, high = min(low, SLOWER * given), max(high, FASTER * given)
    elif isinstance(given, float):
        low, high, why = SLOWER * given, FASTER * given, f"{SLOWER:g} to {FASTER:g} × that of the start"
    notes.append(f"bounds: {name} {low:g} to {high:g} m/s, {why}")
    if fixed := [n for n in physics.parameters if n != name]:
        kept = f"{' and '.join(fixed)} keep{'s' if len(fixed) == 1 else ''} the starting model"
        notes.append(f"inverted: {name}; {kept} (inversion.bounds frees what it names)")
    return {"bounds": {name: [low, high]}}


def _water(settings: Settings, start: Model | None, notes: list[str]) -> dict[str, Any]:
    """Return that the starting model's layer of water is kept, where it has one."""
    if settings.inversion.water is not None or start is None or "vp" not in start:
        return {}
    wet = water_layer(start.vp.numpy())
    rows = wet.sum(axis=0)
    # A layer of water is deep under all of the surface, and has one velocity.
    if rows.min() < DEEP or float(start.vp.numpy()[wet].std()) > 10.0 or float(start.vp.numpy()[wet].min()) < 1400.0:
        return {}
    depths = rows * start.grid.spacing[0]
    notes.append(f"water: the starting model's layer, {depths.min():.0f} to {depths.max():.0f} m deep, is kept")
    return {"water": "layer"}


def _watched(settings: Settings, data: Data, notes: list[str]) -> dict[str, Any]:
    """Return how many shots are watched, where there are enough to do without them."""
    if settings.inversion.watched is not None:
        return {}
    count = min(MOST_WATCHED, len(data.observed) // WATCHED)
    if count:
        notes.append(f"watched: {count} of {len(data.observed)} shots; a band ends where their misfit rises")
    return {"watched": count}


def _budget(settings: Settings, data: Data, bands: int, notes: list[str]) -> dict[str, Any]:
    i = settings.inversion
    if i.budget is not None or i.minutes is not None or (i.iterations is not None and i.effort is None):
        return {} if i.iterations is not None else {"iterations": _updates(i.budget, data)}
    effort = i.effort or "standard"
    budget = 2 * GRADIENTS[effort] * len(data.observed)
    notes.append(f"effort: {effort}, {GRADIENTS[effort]} gradients ({budget:,} wave-equation solves)")
    return {"budget": budget} | ({} if i.iterations is not None else {"iterations": _updates(budget, data)})


def _updates(budget: int | None, data: Data) -> int:
    """Return how many updates a band can have at most, for a budget in wave-equation solves."""
    return UPDATES if budget is None else max(1, budget // (2 * len(data.observed)))
