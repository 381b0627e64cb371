"""Spectra of gathers and wavelets at single frequencies: d(ω) = Σ d(t) e^{−iωt} Δt."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from seisinv.core import DataError, Gathers, Survey, TimeAxis
from seisinv.core.gathers import refuse_nan


def spectrum(data: Tensor, time: TimeAxis, frequency: float) -> np.ndarray:
    """Return the spectrum of traces [..., time] at one frequency (Hz), in their unit times s."""
    turn = np.exp(-2j * np.pi * frequency * time.times) * time.step
    return np.asarray(data.detach().double().numpy() @ turn)


def of_gathers(gathers: Gathers, frequency: float) -> np.ndarray:
    """Return the spectra [shot, receiver]; NaN where a trace is dead, DataError where a live one is not finite."""
    refuse_nan(gathers.data, gathers.live, gathers.survey)
    out = spectrum(gathers.data, gathers.survey.time, frequency)
    return np.where(gathers.live.numpy(), out, np.nan)


def of_sources(survey: Survey, frequency: float) -> np.ndarray:
    """Return the spectrum of what each shot emits [shot].

    Raises
    ------
    DataError
        If the survey has no wavelet, or one without energy at this frequency.
    """
    if survey.wavelet is None:
        raise DataError(
            "the survey has no wavelet; pass wavelet='estimate', or give it one with survey.with_wavelet(…)"
        )
    w = survey.wavelet if survey.wavelet.ndim == 1 else survey.wavelet[:, 0]
    out = np.broadcast_to(spectrum(w, survey.source_time, frequency), (len(survey),))
    strongest = float(w.abs().sum(-1).max()) * survey.time.step  # no spectrum exceeds it
    if (np.abs(out) < 1e-4 * strongest).any():
        raise DataError(
            f"the wavelet has no energy at {frequency:g} Hz; choose frequencies that the sources emit, or estimate it"
        )
    return out
