"""From settings to what a job works with: data, what was chosen, the starting model, propagator and method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seisinv.core import ConfigError, Model, Observed
from seisinv.jobs import build, config
from seisinv.jobs.choose import Chosen, choose, run_directory
from seisinv.jobs.data import Data, open_data
from seisinv.jobs.models import starting_model
from seisinv.jobs.settings import ReconstructionSection, Settings
from seisinv.jobs.tomography import fitted_start
from seisinv.physics import wave_equation

if TYPE_CHECKING:
    from seisinv.inversion import Inversion
    from seisinv.inversion.method import Method
    from seisinv.propagate import Propagator

DISPERSION = 0.01  # error of the phase velocity from which a job says so


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything that a job works with; the settings stay as the user gave them.

    Parameters
    ----------
    settings : Settings
    data : Data
    chosen : Chosen
        Bands and grid.
    start : Model
        The starting model.
    propagator : Propagator
    directory : Path
        Where the run is kept.
    tables : mapping
        All settings with what was chosen in place, as run.toml records them.
    notes : tuple of str
        What was chosen by the program and why, a line each.
    """

    settings: Settings
    data: Data
    chosen: Chosen
    start: Model
    propagator: Propagator
    directory: Path
    tables: Mapping[str, Any]
    notes: tuple[str, ...]

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
    physics, file = wave_equation(settings.propagator.physics), None
    if settings.start.kind == "tomography":
        notes.append("starting model: made from first breaks in the data (start.kind = tomography)")
        if fit_start:
            file = fitted_start(settings, data, chosen, directory or place)
    start = starting_model(settings, physics, grid, notes, made=file)
    build.unknown_of(settings, start)  # refuses a starting model outside the bounds
    penalty = build.penalty_record(settings, start, notes)
    bound = settings.inversion.bounds.get("vp")
    propagator = build.propagator_of(settings, grid, data.observed.survey, vp_max=bound[1] if bound else None)
    propagator.clock(start)  # refuses an unstable step before anything is written
    error = propagator.dispersion(start, chosen.highest)
    if abs(error) > DISPERSION:
        notes.append(
            f"the grid is coarse: at {chosen.highest:g} Hz the slowest waves are off by {error:+.1%} of their "
            "velocity; use a smaller grid spacing or a higher propagator.order"
        )
    tables = config.merged(config.dump(settings), {**chosen.tables(place), "penalty": penalty})
    if file is not None:
        tables["start"] |= {"kind": "model", "vp": str(file)}
    return Prepared(settings, data, chosen, start, propagator, place, tables, tuple(notes))


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
    return Alternating(_reconstruction_of(prepared), frequencies, s.inversion.iterations, s.inversion.budget)


def problem_of(prepared: Prepared) -> Inversion:
    """Return the waveform inversion of a job, whatever its method: it also evaluates models."""
    from seisinv import misfit
    from seisinv.inversion import Inversion

    s = prepared.settings
    return Inversion(
        propagator=build.with_known_wavelet(s, prepared.propagator, prepared.observed.survey),
        observed=prepared.observed,
        unknown=build.unknown_of(s, prepared.start),
        misfit=misfit.misfit_named(s.inversion.misfit)(),
        penalty=build.penalty_of(s),
        water=s.inversion.water,
        smooth=s.inversion.smooth or None,
        wavelet=build.wavelet_of(s),
        window=build.window_of(s),
        continuation=build.continuation_of(s),
    )


# Settings that only waveform inversion uses.
FWI_ONLY = (
    "inversion.misfit", "inversion.optimizer", "inversion.rate", "inversion.tolerance", "inversion.smooth",
    "continuation.kind", "unknown.kind", "wavelet.per_shot", "wavelet.length", "wavelet.damping", "window.offsets",
    "window.time", "window.before", "window.after", "window.taper", "ensemble.members",
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
