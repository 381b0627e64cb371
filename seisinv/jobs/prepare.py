"""From settings to what a job works with: data, what was chosen, the starting model, propagator and method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seisinv.core import ConfigError, Grid, Model, Observed
from seisinv.inversion import Inversion, misfit_and_gradient
from seisinv.jobs import build, config
from seisinv.jobs.choose import Chosen, choose, run_directory
from seisinv.jobs.data import Data, open_data, some_of
from seisinv.jobs.models import starting_model
from seisinv.jobs.settings import UPDATES, ReconstructionSection, Settings
from seisinv.jobs.tomography import fitted_start
from seisinv.physics import wave_equation
from seisinv.signal.processing import bands_of

if TYPE_CHECKING:
    from seisinv.inversion.method import Method
    from seisinv.propagate import Propagator

DISPERSION = 0.01  # error of the phase velocity from which a job says so
SHOTS = 3  # that tell whether the surface is free
CLEARLY = 1.1  # ratio of two misfits from which the data tell


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything that a job works with.

    Parameters
    ----------
    settings : Settings
        Those of the user, with every choice in place.
    data : Data
    chosen : Chosen
    start : Model
        The starting model.
    propagator : Propagator
    directory : Path
        Where the run is kept.
    notes : tuple of str
        What was chosen by the program and why, a line each.
    """

    settings: Settings
    data: Data
    chosen: Chosen
    start: Model
    propagator: Propagator
    directory: Path
    notes: tuple[str, ...]

    @property
    def tables(self) -> dict[str, Any]:
        """All settings as run.toml records them."""
        return config.dump(self.settings)

    @property
    def observed(self) -> Observed:
        """The shots to be inverted."""
        return self.data.observed


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
    data = data or open_data(settings.data)
    chosen = choose(settings, data)
    notes, place, grid = list(chosen.notes), run_directory(settings), chosen.grid
    whole = _completed(settings, chosen.tables(place))
    physics, file = wave_equation(settings.propagator.physics), None
    if settings.start.kind == "tomography":
        notes.append("starting model: made from first breaks in the data (start.kind = tomography)")
        if fit_start:
            file = fitted_start(whole, data, chosen, directory or place)
    start = starting_model(whole, physics, grid, notes, made=file)
    build.unknown_of(whole, start)  # refuses a starting model outside the bounds
    penalty = build.penalty_record(whole, start, notes)
    propagator = _propagator(whole, grid, data)
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
    prepared = Prepared(_completed(whole, more), data, chosen, start, propagator, place, tuple(notes))
    if settings.propagator.free_surface is None:
        prepared = with_surface(prepared)
    is_timed = settings.inversion.minutes is not None and settings.inversion.budget is None
    return within_minutes(prepared) if is_timed else prepared


def _completed(settings: Settings, chosen: Mapping[str, Any]) -> Settings:
    """Return settings with what was chosen in place."""
    return config.settings_from(config.merged(config.dump(settings), chosen))


def _propagator(settings: Settings, grid: Grid, data: Data) -> Propagator:
    bound = build.bounds_of(settings).get("vp")
    return build.propagator_of(settings, grid, data.observed.survey, vp_max=bound[1] if bound else None)


def with_surface(prepared: Prepared) -> Prepared:
    """Return the job with a free surface or without one, whichever explains a few shots better in the starting model.

    Waves that come back from the surface are either in the data or not, and no wavelet makes up for them at all
    offsets. Where the data do not tell, the surface absorbs.
    """
    s, grid = prepared.settings, prepared.chosen.grid
    shots = prepared.observed.survey.shots
    shallowest = min(float(shot.sources[:, 0].min()) for shot in shots)
    found: dict[bool, float] = {False: 0.0}
    # A source on the free surface emits nothing.
    if s.inversion.method == "fwi" and shallowest > grid.origin[0] + 1e-3 * grid.spacing[0]:
        few = some_shots(prepared, SHOTS)
        for free in (False, True):
            tried = _completed(s, {"propagator": {"free_surface": free}, "wavelet": {"search": 0}})
            problem = problem_of(replace(few, settings=tried, propagator=_propagator(tried, grid, few.data)))
            band = bands_of(prepared.chosen.bands, few.observed.survey.time.nyquist)[-1]
            results = [misfit_and_gradient(task) for task in problem.tasks(few.start, band=band)]
            found[free] = sum(result.misfit for result in results)
    free = CLEARLY * found.get(True, np.inf) < found[False]
    notes = list(prepared.notes)
    if len(found) > 1:
        ratio = found[not free] / max(found[free], 1e-300)
        notes.append(
            f"surface: {'free' if free else 'absorbing'}; otherwise the misfit of {len(few.observed)} shots in the "
            f"starting model is {ratio:.3g} × as large"
            + ("" if ratio > CLEARLY else ", so the data hardly tell: better say it (propagator.free_surface)")
        )
    tried = _completed(s, {"propagator": {"free_surface": free}})
    return replace(prepared, settings=tried, propagator=_propagator(tried, grid, prepared.data), notes=tuple(notes))


def within_minutes(prepared: Prepared) -> Prepared:
    """Return the job with a budget of as many wave-equation solves as fit into its minutes on this machine."""
    each = seconds_per_shot(prepared, problem_of(prepared))
    minutes, shots = prepared.settings.inversion.minutes or 0.0, len(prepared.observed)
    gradients = max(1, int(60 * minutes / (each * shots)))
    note = f"effort: {minutes:g} minutes, about {gradients} gradients of {each * shots:.2g} s here"
    settings = _completed(prepared.settings, {"inversion": {"budget": 2 * gradients * shots}})
    return replace(prepared, settings=settings, notes=(*prepared.notes, note))


def seconds_per_shot(prepared: Prepared, problem: Inversion) -> float:
    """Measure one gradient of a few shots; return its time for one shot, s."""
    task = next(iter(problem.tasks(prepared.start, wanted=list(prepared.start)[:1])))
    misfit_and_gradient(task)  # compiles, warms up
    return misfit_and_gradient(task).seconds / len(task.shots)


def some_shots(prepared: Prepared, most: int) -> Prepared:
    """Return the job with a few of its shots, spread over the line."""
    count = len(prepared.observed)
    if count <= most:
        return prepared
    shots = [int(k) for k in np.unique(np.linspace(0, count - 1, most).round())]
    few = Data(prepared.data.line, some_of(prepared.observed, shots))
    settings = _completed(prepared.settings, {"inversion": {"watched": 0}})
    return replace(prepared, settings=settings, data=few, propagator=prepared.propagator.subset(shots))


def method_of(prepared: Prepared) -> Method:
    """Return what a job runs.

    Raises
    ------
    ConfigError
        If a setting does not go with `inversion.method`.
    """
    from seisinv.inversion.invert import Waveform
    from seisinv.reconstruction.invert import Alternating

    s, bands = prepared.settings, prepared.chosen.bands
    if s.inversion.method == "fwi":
        if s.reconstruction != ReconstructionSection():
            raise ConfigError(
                "[reconstruction] is set, but inversion.method is 'fwi'; set it to reconstruction, or leave "
                "[reconstruction] out"
            )
        return Waveform(problem_of(prepared), build.optimizer_of(s), bands, s.inversion.budget)
    frequencies = s.reconstruction.frequencies or sorted({max(b) if isinstance(b, tuple) else b for b in bands})
    updates = s.inversion.iterations or UPDATES
    return Alternating(_reconstruction_of(prepared), frequencies, updates, s.inversion.budget)


def problem_of(prepared: Prepared) -> Inversion:
    """Return the waveform inversion of a job, whatever its method: it also evaluates models."""
    from seisinv import misfit

    s = prepared.settings
    return Inversion(
        propagator=build.with_known_wavelet(s, prepared.propagator, prepared.observed.survey),
        observed=prepared.observed,
        unknown=build.unknown_of(s, prepared.start),
        misfit=misfit.misfit_named(s.inversion.misfit)(),
        penalty=build.penalty_of(s),
        water=build.water_of(s, prepared.start),
        smooth=s.inversion.smooth or None,
        wavelet=build.wavelet_of(s),
        window=build.window_of(s),
        continuation=build.continuation_of(s),
        watched=build.watched_of(s, len(prepared.observed)),
    )


# Settings that only waveform inversion uses.
FWI_ONLY = (
    "inversion.misfit", "inversion.optimizer", "inversion.rate", "inversion.tolerance", "inversion.slow",
    "inversion.smooth", "inversion.watched",
    "continuation.kind", "unknown.kind", "wavelet.per_shot", "wavelet.length", "wavelet.damping",
    "wavelet.search", "window.offsets", "window.time", "window.before", "window.after", "window.taper", "window.apart",
    "ensemble.members",
)  # fmt: skip


def _reconstruction_of(prepared: Prepared) -> Any:
    """Return the wavefield-reconstruction inversion of a job; refuse what it would ignore."""
    from seisinv.reconstruction import WavefieldReconstruction
    from seisinv.unknowns import Bounded

    s, plain = prepared.settings, Settings()
    for name in FWI_ONLY:
        section, key = name.split(".")
        if getattr(getattr(s, section), key) != getattr(getattr(plain, section), key):
            raise ConfigError(
                f"{name} is set, but inversion.method is 'reconstruction', which does not use it; leave it out"
            )
    unknown = build.unknown_of(s, prepared.start)
    assert isinstance(unknown, Bounded)  # unknown.kind is "grid"
    r = s.reconstruction
    return WavefieldReconstruction(
        propagator=build.with_known_wavelet(s, prepared.propagator, prepared.observed.survey),
        observed=prepared.observed,
        unknown=unknown,
        penalty=build.penalty_of(s),
        data_weight=r.data_weight,
        refine=r.refine,
        wavelet="estimate" if s.wavelet.kind == "estimate" else "known",
        oversampling=r.oversampling,
        max_error=r.max_error,
    )
