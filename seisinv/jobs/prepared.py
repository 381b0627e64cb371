"""A job with everything that it works with: data, choices, starting model and propagator; and what it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seisinv.core import ConfigError, Grid, Model, Observed
from seisinv.inversion import Inversion
from seisinv.jobs import build, config
from seisinv.jobs.choose import Chosen
from seisinv.jobs.data import Data, some_of
from seisinv.jobs.models import speed_of
from seisinv.jobs.settings import UPDATES, ReconstructionSection, Settings
from seisinv.physics import wave_equation

if TYPE_CHECKING:
    from seisinv.inversion.method import Method
    from seisinv.propagate import Propagator


# Misfits of which a share of the data's energy says something; a run of a comparison may inherit one, and have another.
OF_ENERGY = ("l2", "huber")


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


def completed(settings: Settings, chosen: Mapping[str, Any]) -> Settings:
    """Return settings with what was chosen in place."""
    return config.settings_from(config.merged(config.dump(settings), chosen))


def engine_of(settings: Settings, grid: Grid, data: Data) -> Propagator:
    """Return the propagator of a job, whose step is that of the upper bound."""
    bound = build.bounds_of(settings).get(speed_of(wave_equation(settings.propagator.physics)))
    return build.propagator_of(settings, grid, data.observed.survey, vp_max=bound[1] if bound else None)


def some_shots(prepared: Prepared, most: int) -> Prepared:
    """Return the job with a few of its shots, spread over the line."""
    count = len(prepared.observed)
    if count <= most:
        return prepared
    shots = [int(k) for k in np.unique(np.linspace(0, count - 1, most).round())]
    few = Data(prepared.data.line, some_of(prepared.observed, shots))
    settings = completed(prepared.settings, {"inversion": {"watched": 0}})
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
        batch_shots=s.inversion.batch_shots,
        watched=build.watched_of(s, len(prepared.observed)),
        unmodelled=[(f, share) for f, share in s.inversion.unmodelled or () if s.inversion.misfit in OF_ENERGY],
        weights=s.survey.weights,
    )


# Settings that only waveform inversion uses.
FWI_ONLY = (
    "inversion.misfit", "inversion.optimizer", "inversion.rate", "inversion.tolerance", "inversion.slow",
    "inversion.smooth", "inversion.batch_shots", "inversion.watched", "inversion.unmodelled",
    "continuation.kind", "unknown.kind", "wavelet.per_shot", "wavelet.length", "wavelet.damping",
    "wavelet.search", "window.offsets", "window.time", "window.before", "window.after", "window.taper", "window.apart",
    "ensemble.members", "survey.weights",
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
