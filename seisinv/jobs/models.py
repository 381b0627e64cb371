"""The models that settings name: starting models from files, values or a gradient, and true models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from seisinv.core import Argument, ConfigError, Grid, Message, Model, SeisinvError
from seisinv.core.resampling import regrid
from seisinv.jobs.settings import Settings, StartSection
from seisinv.physics import Physics, wave_equation
from seisinv.runs.directory import undamaged

# The mudrock line vp = 1360 m/s + 1.16 vs (Castagna, Batzle & Eastwood 1985, doi:10.1190/1.1441933, eq. 1).
INTERCEPT, SLOPE = 1360.0, 1.16
KNOWN = ("vp", "vs", "rho")  # parameters that a job can state
WATER = 1520.0  # largest vp of what is taken as water, m/s


def speed_of(physics: Physics) -> str:
    """Return the parameter from which a job finds all others: vp, or the first of a wave equation without it.

    Raises
    ------
    ConfigError
        If the wave equation has parameters that a job cannot state.
    """
    for name in physics.parameters:
        if name not in KNOWN:
            raise ConfigError(
                f"{physics.name} needs {name}, which a job cannot state; it states {', '.join(KNOWN)}",
                remedy="run it from Python, with a Model that has it",
            )
    return "vp" if "vp" in physics.parameters else physics.parameters[0]


def starting_model(
    settings: Settings, physics: Physics, grid: Grid, notes: list[str], *, made: Path | None = None
) -> Model:
    """Return the starting model on a grid: from files, values, or a velocity gradient; `notes` state what was not said.

    With `start.kind = "tomography"` vp is that of the file `made`, or a gradient as long as there is none.

    Raises
    ------
    ConfigError
        If the wave equation has no vp and nothing else says its speed, or a parameter that a job cannot say.
    """
    s, found = settings.start, dict[str, np.ndarray]()
    _check_parameters(s, physics, notes)
    for name in sorted(physics.parameters, key=KNOWN.index):
        said = _said(s, name, grid, made)
        if said is None and name != speed_of(physics):
            said = _with_speed(s, name, physics, grid, notes)
        found[name] = said if said is not None else _derived(settings, name, found, grid, notes)
    model = Model(grid, **{n: np.asarray(found[n], dtype=np.float32) for n in physics.parameters})
    notes += _doubts(model)
    return model


def _check_parameters(s: StartSection, physics: Physics, notes: list[str]) -> None:
    """Refuse a start that does not tell the speed of the waves; note what the wave equation has no use for."""
    speed, has = speed_of(physics), " and ".join(physics.parameters)
    give = Message("give a starting model: ", Argument(f"start.{speed}", ...))
    if s.kind == "tomography" and speed != "vp":
        found = f"start.kind is 'tomography', which finds vp from first breaks; {physics.name} has only {has}"
        raise ConfigError(found, remedy=give)
    unused = [n for n in KNOWN if n not in physics.parameters and getattr(s, n) is not None]
    if "vp" in unused and getattr(s, speed) is None:
        raise ConfigError(f"start.vp is set, but {physics.name} has only {has}", remedy=give)
    notes += [f"start.{name} is not used: {physics.name} has only {has}" for name in unused]


def _is_made(s: StartSection, name: str) -> bool:
    return name == "vp" and s.kind == "tomography"


def _said(s: StartSection, name: str, grid: Grid, made: Path | None) -> np.ndarray | None:
    """Return a parameter as the settings state it, None where they do not."""
    from seisinv import io

    if made is not None and name == "vp":
        return regrid(io.read_model(made), grid, "vp", source=str(made))
    value = None if _is_made(s, name) else getattr(s, name)
    if value is None:
        return None
    if not isinstance(value, str):
        return np.full(grid.shape, float(value))
    return regrid(read_model_file(s, name, value), grid, name, source=value)


def _with_speed(s: StartSection, name: str, physics: Physics, grid: Grid, notes: list[str]) -> np.ndarray | None:
    """Return a parameter that is not named but lies in the file of the speed, None where it does not."""
    of = speed_of(physics)
    path = getattr(s, of)
    # In runs without vs a density that is not named follows from vp, whatever else the file holds.
    if "vs" not in physics.parameters or _is_made(s, of) or not isinstance(path, str):
        return None
    model = read_model_file(s, of, path)
    if name not in model:
        return None
    notes.append(f"{name}: that of {path}, which holds it beside {of}")
    return regrid(model, grid, name, source=path)


def _derived(
    settings: Settings, name: str, found: Mapping[str, np.ndarray], grid: Grid, notes: list[str]
) -> np.ndarray:
    """Return a parameter that nothing states: vp with depth, or what usually goes with the others; say so."""
    if name == "rho":
        vp, of = (found["vp"], "") if "vp" in found else (INTERCEPT + SLOPE * found["vs"], ", vp = 1360 + 1.16 vs")
        notes.append(f"density: none given, so rho = 310 vp^0.25 (Gardner 1974){of}")
        return np.asarray(310 * np.asarray(vp) ** 0.25)
    vp = found["vp"] if "vp" in found else _with_depth(settings, grid, notes)
    if name == "vp":
        return vp
    fluid = f", and 0 where vp is {WATER:g} m/s or less" if "vp" in found else ""
    notes.append(f"vs: none given, so vs = (vp − 1360 m/s) / 1.16 (Castagna et al. 1985), at most vp / √2{fluid}")
    if "vp" not in found:  # waves that water does not carry
        vp = np.maximum(vp, WATER + 1)
    vs, (low, high) = mudrock(vp), (settings.inversion.bounds or {}).get("vs", [0.0, np.inf])
    return np.where(vs > 0, np.clip(vs, low, high), 0.0)


def mudrock(vp: np.ndarray | float) -> np.ndarray:
    """Return the speed of S waves in wet clastic rocks from that of P waves, m/s; 0 in water.

    Examples
    --------
    >>> mudrock(np.array([1500.0, 2520.0])).round(6).tolist()
    [0.0, 1000.0]
    """
    vp = np.asarray(vp, dtype=float)
    return np.where(vp > WATER, np.minimum((vp - INTERCEPT) / SLOPE, vp / np.sqrt(2)), 0.0)


def _with_depth(settings: Settings, grid: Grid, notes: list[str]) -> np.ndarray:
    """Return vp of a velocity gradient, m/s."""
    s = settings.start
    wet = settings.inversion.water
    floor = float(grid.origin[0]) if isinstance(wet, str) or not wet else wet
    vp = gradient_model(grid, s.v0, s.gradient, water=floor)
    low, high = (settings.inversion.bounds or {}).get("vp", [0.0, np.inf])
    if s.kind != "tomography":
        notes.append(f"starting model: none given, so vp = {s.v0:g} m/s + {s.gradient:g}/s × depth below {floor:g} m")
    return np.where(np.isclose(vp, 1500.0) & (floor > grid.origin[0]), vp, np.clip(vp, low, high))


def _doubts(model: Model) -> list[str]:
    """Return what is unusual in the ratio of the velocities."""
    if "vp" not in model.parameters or "vs" not in model.parameters:
        return []
    ratio = model.vs / model.vp
    count = int((ratio > 1 / np.sqrt(2) + 1e-4).sum())
    if not count:
        return []
    return [
        f"vs is above vp / √2 at {count:,} of {ratio.numel():,} nodes, up to {float(ratio.max()):.2f} vp: rocks whose "
        "Poisson's ratio is negative are rare; check the models of vp and vs"
    ]


def gradient_model(grid: Grid, v0: float, gradient: float, *, water: float = 0.0) -> np.ndarray:
    """Return v0 + gradient × depth below `water` (m) on the grid, 1500 m/s above it, m/s."""
    z = grid.coordinates("z").reshape(-1, *(1,) * (grid.ndim - 1))
    vp = np.where(z < water, 1500.0, v0 + gradient * np.maximum(z - water, 0.0))
    return np.broadcast_to(vp, grid.shape).copy()


def read_model_file(s: StartSection, name: str, path: str, *, every: int | None = None) -> Model:
    """Read the model file of one parameter, on its own grid; what it does not say itself, the settings say."""
    from seisinv import io

    return io.read_model(
        path,
        parameter=name,
        spacing=None if s.spacing is None else s.spacing * (2 // len(s.spacing)),
        origin=s.origin or 0.0,
        every=s.every if every is None else every,
        units=s.units if name in ("vp", "vs") else None,
        shape=None if s.shape is None else (s.shape[0], s.shape[1]),
        dtype=s.dtype,
        layout=s.layout,
    )


def read_truth(settings: Settings) -> Model:
    """Read the true model; where its file does not speak for itself, the settings of the starting model's file hold."""
    from seisinv import io

    s, path = settings.start, str(settings.run.truth)
    name = speed_of(wave_equation(settings.propagator.physics))
    start = getattr(s, name)
    if _is_segy(path) and isinstance(start, str) and not _is_segy(start):
        return io.read_model(path, parameter=name)
    return read_model_file(s, name, path, every=1)


def true_model(settings: Settings, directory: Path, grid: Grid) -> Model | None:
    """Return the true model that the settings name, or that the run in the directory had, on the grid; None if none.

    It has those of the wave equation's parameters that its file holds.
    """
    from seisinv.io import read_model

    kept = directory / "truth.npz"
    if kept.exists():
        with undamaged(kept):
            return read_model(kept)
    path = settings.run.truth
    if path is None:
        return None
    try:
        found = read_truth(settings)
    except SeisinvError as error:
        raise error.within("run.truth") from None
    names = [n for n in found if n in wave_equation(settings.propagator.physics).parameters] or list(found)
    return Model(grid, **{n: regrid(found, grid, n, source=path).astype(np.float32) for n in names})


def _is_segy(path: str) -> bool:
    return path.lower().removesuffix(".gz").endswith((".sgy", ".segy"))
