"""Spectra of gathers and wavelets: at single frequencies, d(ω) = Σ d(t) e^{−iωt} Δt, and the band of the signal."""

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


def signal_band(gathers: Gathers) -> tuple[float, float, float]:
    """Return the lowest frequency, the peak and the highest frequency of the signal in gathers, Hz.

    The lowest is where neighbouring traces begin to agree (half of their power), at 3 % of the peak's amplitude at
    least; the highest is where the spectrum falls to 1.5 % of it, or to twice what it holds below the Nyquist
    frequency, which is noise unless the signal reaches up to there. Every trace counts as its own largest amplitude
    says, so that near ones do not decide alone.

    Parameters
    ----------
    gathers : Gathers
        With a live trace at least that is not zero.
    """
    live = gathers.live.numpy()
    spectra = np.fft.rfft(np.where(live[..., None], gathers.data.double().numpy(), 0.0), axis=-1)
    frequency = np.fft.rfftfreq(gathers.data.shape[-1], gathers.survey.time.step)
    width = max(1, round(0.5 / frequency[1]))

    def smooth(values: np.ndarray) -> np.ndarray:
        return np.convolve(np.pad(values, width, mode="edge"), np.ones(width) / width, mode="same")[width:-width]

    largest = np.abs(spectra).max(axis=-1, keepdims=True)
    spectra = spectra / np.where(largest > 0, largest, 1.0)
    mean = smooth(np.abs(spectra)[live].mean(axis=0))
    mean[0] = 0.0
    peak = int(np.argmax(mean))
    pair = (live[:, 1:] & live[:, :-1])[..., None]
    left, right = (np.where(pair, part, 0.0) for part in (spectra[:, :-1], spectra[:, 1:]))
    # Of each shot on its own: the phase between neighbours depends on where they are.
    cross = np.abs((left.conj() * right).sum(axis=1)).sum(axis=0)
    power = np.sqrt((np.abs(left) ** 2).sum(axis=(0, 1)) * (np.abs(right) ** 2).sum(axis=(0, 1)))
    agree = smooth(cross) >= 0.5 * smooth(power)
    signal = (mean >= 0.03 * mean[peak]) & (agree | (power == 0))
    low = int(np.argmax(signal)) if signal[: peak + 1].any() else peak
    floor = float(np.median(mean[int(0.9 * len(mean)) :]))
    high = np.flatnonzero(mean > max(0.015 * mean[peak], 2 * floor))
    return (
        float(frequency[max(min(low, peak), 1)]),
        float(frequency[peak]),
        float(frequency[max(int(high[-1]) if len(high) else 0, peak)]),
    )
