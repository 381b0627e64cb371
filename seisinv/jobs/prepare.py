"""From settings to what a job works with: data, what was chosen, the starting model and the propagator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seisinv.jobs import build
from seisinv.jobs.acquisition import check_survey, with_components, with_kind
from seisinv.jobs.choose import choose, run_directory
from seisinv.jobs.data import Data, open_data, without_late_shots
from seisinv.jobs.models import starting_model
from seisinv.jobs.prepared import Prepared, completed, engine_of
from seisinv.jobs.reciprocal import in_fewer_shots
from seisinv.jobs.settings import Settings
from seisinv.jobs.tomography import fitted_start
from seisinv.jobs.trials import with_surface, within_minutes
from seisinv.physics import wave_equation

DISPERSION = 0.01  # error of the phase velocity from which a job says so


def prepare(
    settings: Settings, *, data: Data | None = None, directory: Path | None = None, fit_start: bool = True
) -> Prepared:
    """Open the data, choose what the settings leave open, and build the starting model and the propagator.

    Parameters
    ----------
    settings : Settings
    data : Data, optional
        Of these settings, opened before.
    directory : Path, optional
        Where a starting model made from first breaks is kept; default: the run directory.
    fit_start : bool
        Make that model; otherwise a velocity gradient takes its place, enough to check everything else.

    Raises
    ------
    SeisinvError
        In one line, for anything that cannot work.
    """
    check_survey(settings)
    if data is None:
        settings = with_components(settings)
        data = in_fewer_shots(settings, without_late_shots(settings, open_data(settings)))
        data = with_kind(settings, data)
    chosen = choose(settings, data)
    notes, place, grid = list(chosen.notes), run_directory(settings), chosen.grid
    whole = completed(settings, chosen.tables(place))
    physics, file = wave_equation(settings.propagator.physics), None
    if settings.start.kind == "tomography":
        notes.append("starting model: made from first breaks in the data (start.kind = tomography)")
        if fit_start:
            file = fitted_start(whole, data, chosen, directory or place)
    start = starting_model(whole, physics, grid, notes, made=file)
    build.unknown_of(whole, start)  # refuses a starting model outside the bounds
    penalty = build.penalty_record(whole, start, notes)
    propagator = engine_of(whole, grid, data)
    propagator.clock(start)  # refuses an unstable step before anything is written
    error = propagator.dispersion(start, chosen.highest)
    if abs(error) > DISPERSION:
        notes.append(
            f"the grid is coarse: at {chosen.highest:g} Hz the slowest waves are off by {error:+.1%} of their "
            "velocity; use a smaller grid spacing or a higher propagator.order"
        )
    more: dict[str, Any] = {"penalty": penalty}
    if file is not None:
        more["start"] = {"kind": "model", "vp": str(file)}
    prepared = Prepared(completed(whole, more), data, chosen, start, propagator, place, tuple(notes))
    if settings.propagator.free_surface is None:
        prepared = with_surface(prepared)
    is_timed = settings.inversion.minutes is not None and settings.inversion.budget is None
    return within_minutes(prepared) if is_timed else prepared
