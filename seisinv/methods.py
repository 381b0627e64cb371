"""From a prepared job to the inversion that it asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seisinv import job
from seisinv.core import ConfigError, Survey
from seisinv.settings import Settings

if TYPE_CHECKING:
    from seisinv.inversion import EstimateWavelet, Inversion, Ladder, Optimizer


def problem_of(prepared: job.Job) -> Inversion:
    """Return the inversion problem of a job."""
    from seisinv.inversion import Inversion

    s = prepared.settings
    survey = prepared.observed.survey
    propagator = prepared.propagator
    wavelet: str | EstimateWavelet = "known"
    if s.wavelet.kind == "estimate":
        wavelet = _estimate(s)
    else:
        propagator = propagator.replace(survey=survey.with_wavelet(_known_wavelet(s, survey)))
    return Inversion(
        propagator=propagator,
        observed=prepared.observed,
        unknown=job.unknown_of(s, prepared.start),
        misfit=misfit_of(s),
        penalty=job.penalty_of(s),
        water=s.inversion.water,
        smooth=s.inversion.smooth or None,
        wavelet=wavelet,
        window=window_of(s),
        ladder=ladder_of(s),
    )


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


def ladder_of(s: Settings) -> Ladder | None:
    """Return the ladder that the settings describe, or None where every band fits wave forms alone."""
    from seisinv.inversion import LBFGS, Ladder
    from seisinv.misfit import Envelope, TravelTime

    kinds = {
        "traveltime": TravelTime(),
        "envelope_traveltime": TravelTime(envelope=True),
        "envelope": Envelope(),
    }
    if s.ladder.kind == "none":
        return None
    return Ladder(
        misfit=kinds[s.ladder.kind],
        optimizer=LBFGS(iterations=s.ladder.iterations, tolerance=s.inversion.tolerance),
        attempts=s.ladder.attempts,
        periods=s.ladder.periods,
        aim=s.ladder.aim,
        percentile=s.ladder.percentile,
    )


def window_of(s: Settings) -> Any:
    """Return the data window of the settings, or None where nothing is muted."""
    from seisinv.inversion import Window

    w = s.window
    parts = {n: tuple(v) for n in ("offsets", "time", "before", "after") if (v := getattr(w, n)) is not None}
    return Window(**parts, taper=w.taper) if parts else None
