"""The models that settings name: starting models from files, values or a gradient, and true models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seisinv.core import Grid, Model, SeisinvError
from seisinv.core.resampling import regrid
from seisinv.jobs.settings import Settings, StartSection
from seisinv.runs.directory import undamaged

if TYPE_CHECKING:
    from seisinv.physics import Physics


def starting_model(
    settings: Settings, physics: Physics, grid: Grid, notes: list[str], *, made: Path | None = None
) -> Model:
    """Return the starting model on a grid: from files, values, or a velocity gradient, which `notes` then state.

    With `start.kind = "tomography"` vp is that of the file `made`, or a gradient as long as there is none.
    """
    from seisinv import io

    s = settings.start
    is_made = s.kind == "tomography"
    if made is not None:
        vp = regrid(io.read_model(made), grid, "vp", source=str(made))
    elif s.vp is None or is_made:
        wet = settings.inversion.water
        floor = float(grid.origin[0]) if isinstance(wet, str) or not wet else wet
        vp = gradient_model(grid, s.v0, s.gradient, water=floor)
        low, high = (settings.inversion.bounds or {}).get("vp", [0.0, np.inf])
        vp = np.where(np.isclose(vp, 1500.0) & (floor > grid.origin[0]), vp, np.clip(vp, low, high))
        if not is_made:
            notes.append(
                f"starting model: none given, so vp = {s.v0:g} m/s + {s.gradient:g}/s × depth below {floor:g} m"
            )
    else:
        vp = _parameter(s, "vp", grid)
    parameters = {"vp": vp}
    if "rho" in physics.parameters:
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
    return regrid(read_model_file(s, name, value), grid, name, source=value)


def read_model_file(s: StartSection, name: str, path: str, *, every: int | None = None) -> Model:
    """Read the model file of one parameter, on its own grid; what it does not say itself, the settings say."""
    from seisinv import io

    return io.read_model(
        path,
        parameter=name,
        spacing=None if s.spacing is None else s.spacing * (2 // len(s.spacing)),
        origin=s.origin or 0.0,
        every=s.every if every is None else every,
        units=s.units if name == "vp" else None,
        shape=None if s.shape is None else (s.shape[0], s.shape[1]),
        dtype=s.dtype,
        layout=s.layout,
    )


def read_truth(settings: Settings) -> Model:
    """Read the true model; where its file does not speak for itself, the settings of the starting model's file hold."""
    from seisinv import io

    s, path = settings.start, str(settings.run.truth)
    if _is_segy(path) and isinstance(s.vp, str) and not _is_segy(s.vp):
        return io.read_model(path)
    return read_model_file(s, "vp", path, every=1)


def true_model(settings: Settings, directory: Path, grid: Grid) -> Model | None:
    """Return the true model that the settings name, or that the run in the directory had, on the grid; None if none."""
    from seisinv.io import read_model

    kept = directory / "truth.npz"
    if kept.exists():
        with undamaged(kept):
            return read_model(kept)
    if settings.run.truth is None:
        return None
    try:
        found = read_truth(settings)
    except SeisinvError as error:
        raise error.within("run.truth") from None
    return Model(grid, vp=regrid(found, grid, "vp", source=settings.run.truth).astype(np.float32))


def _is_segy(path: str) -> bool:
    return path.lower().removesuffix(".gz").endswith((".sgy", ".segy"))
