"""From settings to the objects that do the work; what the settings leave open is chosen from the data, and said."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seisinv.core import ConfigError, Grid, Model, Observed, Survey
from seisinv.jobs import config, unknowns
from seisinv.jobs.data import open_data, usable_band
from seisinv.jobs.settings import Settings, StartSection
from seisinv.signal.processing import bands_of as checked_bands

if TYPE_CHECKING:
    from seisinv.propagate import Propagator

log = logging.getLogger("seisinv.jobs.prepare")

# Spacings a person would choose, m; the automatic choice is the largest that is fine enough.
_NICE = np.array([m * 10.0**e for e in range(-2, 3) for m in (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5, 8)])
POINTS_PER_WAVELENGTH = 5.0
DISPERSION = 0.01  # error of the phase velocity from which a job says so
THINNEST = 10  # nodes along depth


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything an inversion needs; `settings` hold every choice that was made."""

    settings: Settings
    observed: Observed
    start: Model
    propagator: Propagator
    notes: tuple[str, ...]


def prepare(settings: Settings) -> Prepared:
    """Open the data, choose what the settings leave open, and build the start model and the propagator.

    Raises
    ------
    SeisinvError
        In one line, for anything that cannot work.
    """
    notes: list[str] = []
    observed = open_data(settings)
    settings = _with_bands(settings, observed, notes)
    checked_bands(bands_of(settings), observed.survey.time.nyquist)
    settings = _with_grid(settings, observed.survey, notes)
    settings = _with_directory(settings)
    grid = grid_of(settings)
    start = start_model(settings, grid, notes)
    unknowns.unknown_of(settings, start)  # refuses a start outside the bounds
    settings = unknowns.with_penalty(settings, start, notes)
    propagator = propagator_of(settings, grid, observed.survey)
    propagator.clock(start)  # refuses an unstable step before anything is written
    error = propagator.dispersion(start, highest_band(settings))
    if abs(error) > DISPERSION:
        notes.append(
            f"the grid is coarse: at {highest_band(settings):g} Hz the slowest waves are off by {error:+.1%} of their "
            "velocity; use a smaller grid spacing or a higher propagator.order"
        )
    return Prepared(settings, observed, start, propagator, tuple(notes))


def _with_bands(settings: Settings, observed: Observed, notes: list[str]) -> Settings:
    if settings.inversion.bands is not None:
        return settings
    low, peak, _ = usable_band(observed)
    first = max(low, peak / 3)
    count = int(np.clip(np.ceil(np.log(max(1.25 * peak / first, 1.0)) / np.log(1.5)), 1, 5)) + 1
    bands = [float(f"{f:.2g}") for f in np.geomspace(first, max(1.25 * peak, 1.2 * first), count)]
    notes.append(f"bands: {', '.join(f'{b:g}' for b in bands)} Hz, from the data's spectrum (peak {peak:.3g} Hz)")
    return config.replaced(settings, inversion__bands=bands)


def bands_of(settings: Settings) -> list[float | tuple[float, float]] | None:
    """Return the bands as `Inversion.run` takes them."""
    if settings.inversion.bands is None:
        return None
    return [(b[0], b[1]) if isinstance(b, list) else b for b in settings.inversion.bands]


def highest_band(settings: Settings) -> float:
    """Return the highest corner of the bands, Hz."""
    return max(max(b) if isinstance(b, list) else b for b in settings.inversion.bands or [1.0])


def _slowest(settings: Settings) -> float:
    low = settings.inversion.bounds.get("vp", [1400.0])[0]
    return float(settings.start.vp) if isinstance(settings.start.vp, float) and settings.start.vp < low else low


def _with_grid(settings: Settings, survey: Survey, notes: list[str]) -> Settings:
    g = settings.grid
    spacing = g.spacing
    if spacing is None:
        # The filters end at 1.5 times the corner; half-way down their flank the grid must still hold the wave.
        needed = _slowest(settings) / (POINTS_PER_WAVELENGTH * 1.25 * highest_band(settings))
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
            half, deepest = (
                0.5 * float(np.nanmax(np.abs(survey.offsets))),
                float(high[0] - origin[0]) + 10 * float(h[0]),
            )
            depth = max(half, deepest)
            why = "half the longest offset" if half >= deepest else "ten nodes below the deepest position"
            notes.append(f"model depth: {depth:.0f} m, {why}")
        shape = [int(np.ceil((depth - 1e-6) / h[0])) + 1, int(np.ceil((high[1] - origin[1]) / h[1] - 1e-6)) + 6]
    return config.replaced(settings, grid__spacing=list(map(float, h)), grid__origin=origin, grid__shape=shape)


def _check_depth(depth: float, spacing: float, top: float, deepest: float) -> None:
    """Refuse a model that is too thin to invert, or that ends above a source or receiver."""
    needed = max((THINNEST - 1) * spacing, deepest - top)
    if np.ceil((depth - 1e-6) / spacing) * spacing < needed - 1e-3:
        raise ConfigError(
            f"grid.depth is {depth:g} m; the model needs {THINNEST} nodes of {spacing:g} m and must reach the deepest "
            f"source or receiver at z = {deepest:,.1f} m: use --depth {np.ceil(needed):.0f} or more"
        )


def _with_directory(settings: Settings) -> Settings:
    if settings.run.directory is not None:
        return settings
    name = Path((settings.data.path or ["run"])[0]).stem
    return config.replaced(settings, run__directory=str((Path("runs") / name).resolve()))


def grid_of(settings: Settings) -> Grid:
    """Return the grid of settings whose grid is complete."""
    g = settings.grid
    if g.shape is None or g.spacing is None:
        raise ConfigError("grid.shape and grid.spacing are not known yet; give both")
    spacing = g.spacing * len(g.shape) if len(g.spacing) == 1 else g.spacing
    return Grid(g.shape, spacing, g.origin or 0.0)


def start_model(settings: Settings, grid: Grid, notes: list[str]) -> Model:
    """Return the model an inversion starts from: files, values, or a stated velocity gradient."""
    s = settings.start
    if s.kind == "tomography":
        notes.append("start model: made from first breaks in the data (start.kind = tomography)")
    if s.vp is None:
        floor = settings.inversion.water or 0.0
        vp = gradient_model(grid, s.v0, s.gradient, water=floor)
        low, high = settings.inversion.bounds.get("vp", [0.0, np.inf])
        vp = np.where(np.isclose(vp, 1500.0) & (floor > 0), vp, np.clip(vp, low, high))
        if s.kind == "model":
            notes.append(f"start model: none given, so vp = {s.v0:g} m/s + {s.gradient:g}/s × depth below {floor:g} m")
    else:
        vp = _parameter(s, "vp", grid)
    parameters = {"vp": vp}
    if settings.propagator.physics != "acoustic":
        if s.rho is None:
            notes.append("density: none given, so rho = 310 vp^0.25 (Gardner 1974)")
            parameters["rho"] = 310 * np.asarray(vp) ** 0.25
        else:
            parameters["rho"] = _parameter(s, "rho", grid)
    return Model(grid, **{n: np.asarray(v, dtype=np.float32) for n, v in parameters.items()})


def gradient_model(grid: Grid, v0: float, gradient: float, *, water: float = 0.0) -> np.ndarray:
    """Return v0 + gradient × depth below `water` (m) on the grid, 1500 m/s above it, m/s."""
    z = grid.coordinates("z").reshape(-1, *(1,) * (grid.ndim - 1))
    vp = np.where(z < water, 1500.0, v0 + gradient * np.maximum(z - water, 0.0))
    return np.broadcast_to(vp, grid.shape).copy()


def _parameter(s: StartSection, name: str, grid: Grid) -> np.ndarray:
    value = getattr(s, name)
    if not isinstance(value, str):
        return np.full(grid.shape, float(value))
    return regrid(read_start(s, name), grid, name, source=value)


def read_start(s: StartSection, name: str) -> Model:
    """Read the model file of one parameter, on its own grid."""
    from seisinv import io

    return io.read_model(
        str(getattr(s, name)),
        parameter=name,
        spacing=None if s.spacing is None else s.spacing * (2 // len(s.spacing)),
        origin=s.origin or 0.0,
        every=s.every,
        units=s.units if name == "vp" else None,
        shape=None if s.shape is None else (s.shape[0], s.shape[1]),
        dtype=s.dtype,
        layout=s.layout,
    )


def read_truth(settings: Settings) -> Model:
    """Read the true model; where its file does not speak for itself, the settings of the start model's file hold."""
    from seisinv import io

    s, path = settings.start, str(settings.run.truth)
    if _is_segy(path) and isinstance(s.vp, str) and not _is_segy(s.vp):
        return io.read_model(path)
    return read_start(s.model_copy(update={"vp": path, "every": 1}), "vp")


def _is_segy(path: str) -> bool:
    return path.lower().removesuffix(".gz").endswith((".sgy", ".segy"))


def regrid(model: Model, grid: Grid, name: str, *, source: str = "the model") -> np.ndarray:
    """Return one parameter on another grid, interpolated linearly; edge values continue outside.

    Raises
    ------
    ConfigError
        If less than half of the grid lies inside the model, which means wrong units or origin.
    """
    values = model[name].detach().cpu().numpy()
    if model.grid == grid:
        return values
    from scipy.interpolate import RegularGridInterpolator

    axes = [model.grid.coordinates(a) for a in model.grid.axes]
    points = np.stack(np.meshgrid(*(grid.coordinates(a) for a in grid.axes), indexing="ij"), axis=-1)
    inside = float(model.grid.contains(points).mean())
    if inside < 0.5:
        (z0, z1), (x0, x1) = model.grid.extent[0], model.grid.extent[-1]
        raise ConfigError(
            f"{source} spans z = {z0:,.0f} to {z1:,.0f} m and x = {x0:,.0f} to {x1:,.0f} m, which covers only "
            f"{inside:.0%} of the grid; check start.spacing and start.origin (m)"
        )
    clipped = np.stack([np.clip(points[..., k], a[0], a[-1]) for k, a in enumerate(axes)], axis=-1)
    return np.asarray(RegularGridInterpolator(axes, values.astype(float))(clipped))


def propagator_of(settings: Settings, grid: Grid, survey: Survey) -> Propagator:
    """Return the propagator that the settings describe."""
    from seisinv.propagate import Boundary, Propagator

    p = settings.propagator
    bound = settings.inversion.bounds.get("vp")
    vp_max = p.vp_max or (bound[1] if bound else None)
    return Propagator(
        physics_of(p.physics),
        grid,
        survey,
        order=p.order,
        boundary=Boundary(width=p.boundary_width, free_surface=p.free_surface),
        vp_max=vp_max,
        step=p.step,
        memory=_memory(settings),
        backend=p.backend,
        threads=settings.run.threads,
    )


def physics_of(name: str) -> Any:
    """Return the wave equation of that name.

    Raises
    ------
    ConfigError
        If there is none, with the names there are.
    """
    import difflib

    from seisinv import physics

    known = {p.name: p for p in (getattr(physics, n)() for n in physics.__all__ if _is_physics(getattr(physics, n)))}
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
        raise ConfigError(f"propagator.physics is {name!r}, which is no wave equation here; {hint}")
    return known[name]


def _is_physics(thing: Any) -> bool:
    from seisinv.physics import Physics

    return isinstance(thing, type) and issubclass(thing, Physics) and thing is not Physics


def _memory(settings: Settings) -> Any:
    from seisinv.propagate import Automatic, Checkpointed, StoreAll

    p = settings.propagator
    makers: dict[str, Callable[[], Any]] = {
        "automatic": lambda: Automatic(budget=None if p.memory_budget is None else int(p.memory_budget)),
        "store": StoreAll,
        "checkpoints": Checkpointed,
    }
    return makers[p.memory]()
