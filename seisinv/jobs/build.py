"""From a prepared job to the inversion that it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seisinv.core import ConfigError, Survey
from seisinv.jobs import config, prepare, unknowns
from seisinv.jobs.settings import PinnSection, Settings

if TYPE_CHECKING:
    from seisinv.inversion import Continuation, EstimateWavelet, Inversion, Optimizer
    from seisinv.inversion.method import Method
    from seisinv.propagate import Propagator
    from seisinv.reconstruction import WavefieldReconstruction


def method_of(prepared: prepare.Prepared) -> Method:
    """Return what a job runs.

    Raises
    ------
    ConfigError
        If a setting does not go with `inversion.method`.
    """
    from seisinv.inversion.invert import Waveform
    from seisinv.reconstruction.invert import Alternating

    s = prepared.settings
    if s.inversion.method == "fwi":
        if s.pinn != PinnSection():
            raise ConfigError("[pinn] is set, but inversion.method is 'fwi'; set it to pinn, or leave [pinn] out")
        return Waveform(problem_of(prepared), optimizer_of(s), prepare.bands_of(s), s.inversion.budget)
    frequencies = s.pinn.frequencies or sorted({max(b) if isinstance(b, list) else b for b in s.inversion.bands or []})
    return Alternating(_pinn_of(prepared), frequencies, s.inversion.iterations, s.inversion.budget)


def without_unused(settings: Settings, own: Mapping[str, Any]) -> Settings:
    """Return settings of a PINN inversion without what it has no use for, unless its `own` tables ask for it.

    A run of a comparison inherits windows and the like from the job, which cannot be unset in TOML.
    """
    if settings.inversion.method != "pinn":
        return settings
    inherited = {}
    for name in _FWI_ONLY:
        section, key = name.split(".")
        table = own.get(section, {})
        if not (isinstance(table, Mapping) and key in table):
            inherited[f"{section}__{key}"] = _default(settings, name)
    return config.replaced(settings, **inherited)


def _default(s: Settings, name: str) -> Any:
    section, key = name.split(".")
    return type(getattr(s, section)).model_fields[key].get_default(call_default_factory=True)


def _pinn_of(prepared: prepare.Prepared) -> WavefieldReconstruction:
    """Return the alternating inversion of a job; refuse what it would ignore."""
    from seisinv.reconstruction import WavefieldReconstruction
    from seisinv.unknowns import Bounded

    s = prepared.settings
    for name in _FWI_ONLY:
        section, key = name.split(".")
        if getattr(getattr(s, section), key) != _default(s, name):
            raise ConfigError(f"{name} is set, but inversion.method is 'pinn', which does not use it; leave it out")
    unknown = unknowns.unknown_of(s, prepared.start)
    assert isinstance(unknown, Bounded)  # unknown.kind is "grid"
    return WavefieldReconstruction(
        propagator=_propagator(prepared),
        observed=prepared.observed,
        unknown=unknown,
        penalty=unknowns.penalty_of(s),
        data_weight=s.pinn.trust,
        refine=s.pinn.refine,
        wavelet="estimate" if s.wavelet.kind == "estimate" else "known",
        oversampling=s.pinn.spare,
        max_error=s.pinn.bound,
    )


_FWI_ONLY = (
    "inversion.misfit", "inversion.optimizer", "inversion.rate", "inversion.tolerance", "inversion.smooth",
    "ladder.kind", "unknown.kind", "wavelet.per_shot", "wavelet.length", "wavelet.damping", "window.offsets",
    "window.time", "window.before", "window.after", "window.taper", "ensemble.members",
)  # fmt: skip


def problem_of(prepared: prepare.Prepared) -> Inversion:
    """Return the waveform inversion of a job, whatever its method: it also judges models."""
    from seisinv.inversion import Inversion

    s = prepared.settings
    return Inversion(
        propagator=_propagator(prepared),
        observed=prepared.observed,
        unknown=unknowns.unknown_of(s, prepared.start),
        misfit=misfit_of(s),
        penalty=unknowns.penalty_of(s),
        water=s.inversion.water,
        smooth=s.inversion.smooth or None,
        wavelet=_estimate(s) if s.wavelet.kind == "estimate" else "known",
        window=window_of(s),
        continuation=ladder_of(s),
    )


def _propagator(prepared: prepare.Prepared) -> Propagator:
    """Return the propagator of a job, with the wavelet if that is known."""
    s, survey = prepared.settings, prepared.observed.survey
    if s.wavelet.kind == "estimate":
        return prepared.propagator
    return prepared.propagator.replace(survey=survey.with_wavelet(_known_wavelet(s, survey)))


def _estimate(s: Settings) -> EstimateWavelet:
    from seisinv.inversion import EstimateWavelet

    return EstimateWavelet(per_shot=s.wavelet.per_shot, length=s.wavelet.length, damping=s.wavelet.damping)


def _known_wavelet(s: Settings, survey: Survey) -> np.ndarray:
    from seisinv.core import ricker

    time = survey.source_time
    if s.wavelet.kind == "ricker":
        if s.wavelet.peak is None:
            raise ConfigError("wavelet.peak is missing; a Ricker wavelet needs its peak frequency in Hz")
        return ricker(s.wavelet.peak)(time.times)
    if s.wavelet.path is None:
        raise ConfigError("wavelet.path is missing; name the text file of the wavelet's samples")
    if not Path(s.wavelet.path).is_file():
        raise ConfigError(f"wavelet.path {s.wavelet.path} is not found; name the text file of the wavelet's samples")
    try:
        samples = np.loadtxt(s.wavelet.path, ndmin=1)
    except (OSError, ValueError) as error:
        raise ConfigError(f"wavelet.path {s.wavelet.path} cannot be read as numbers: {error}") from None
    if samples.ndim != 1 or len(samples) > time.samples:
        raise ConfigError(
            f"wavelet.path holds {samples.shape} numbers; give one column of at most {time.samples} samples, "
            f"{time.step * 1e3:g} ms apart"
        )
    return np.pad(samples, (0, time.samples - len(samples)))


def optimizer_of(s: Settings) -> Optimizer:
    """Return the optimiser that the settings name."""
    from seisinv.inversion import LBFGS, Adam

    if s.inversion.optimizer == "adam":
        return Adam(iterations=s.inversion.iterations, rate=s.inversion.rate)
    return LBFGS(iterations=s.inversion.iterations, tolerance=s.inversion.tolerance)


def misfit_of(s: Settings) -> Any:
    """Return the misfit that the settings name."""
    from seisinv import misfit

    return {
        "l2": misfit.L2,
        "huber": misfit.Huber,
        "correlation": misfit.NormalisedCorrelation,
        "envelope": misfit.Envelope,
        "traveltime": misfit.TravelTime,
    }[s.inversion.misfit]()


def ladder_of(s: Settings) -> Continuation | None:
    """Return the ladder that the settings describe, or None where every band fits wave forms alone."""
    from seisinv.inversion import LBFGS, Continuation
    from seisinv.misfit import Envelope, TravelTime

    kinds = {
        "traveltime": TravelTime(),
        "envelope_traveltime": TravelTime(envelope=True),
        "envelope": Envelope(),
    }
    if s.ladder.kind == "none":
        return None
    return Continuation(
        misfit=kinds[s.ladder.kind],
        optimizer=LBFGS(iterations=s.ladder.iterations, tolerance=s.inversion.tolerance),
        attempts=s.ladder.attempts,
        periods=s.ladder.periods,
        aim=s.ladder.aim,
        percentile=s.ladder.percentile,
    )


def window_of(s: Settings) -> Any:
    """Return the data window of the settings, or None where nothing is muted."""
    from seisinv.signal import Window

    w = s.window
    parts = {n: tuple(v) for n in ("offsets", "time", "before", "after") if (v := getattr(w, n)) is not None}
    return Window(**parts, taper=w.taper) if parts else None
