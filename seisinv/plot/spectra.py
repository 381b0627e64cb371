"""Figures of amplitude spectra and of wavelets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from seisinv.core import Gathers, TimeAxis
from seisinv.plot.figure import BLUE, GRID, INK, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def spectrum(gathers: Gathers, *, title: str = "amplitude spectrum") -> Figure:
    """Draw the mean amplitude spectrum of all live traces, in dB below its maximum.

    Parameters
    ----------
    gathers : Gathers
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import torch
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(0, 200, every=100), receivers=si.line(0, 200, every=20),
    ...                            wavelet=si.ricker(10), duration=0.2, dt=4e-3)
    >>> data = torch.randn(len(survey), survey.max_receivers, survey.time.samples)
    >>> gathers = si.Gathers(data, survey)
    >>> len(spectrum(gathers).axes)
    1
    """
    figure, axes = new_figure(6.4, 3.2)
    draw_spectrum(axes[0, 0], gathers)
    axes[0, 0].set_title(title)
    return figure


def draw_spectrum(axes: Axes, gathers: Gathers) -> None:
    """Draw the mean amplitude spectrum of the live traces, each scaled to its maximum, into `axes`."""
    traces = gathers.data[gathers.live].detach().cpu().numpy()
    largest = np.abs(traces).max(axis=-1, keepdims=True)
    traces = traces / np.where(largest > 0, largest, 1.0)
    step = gathers.survey.time.step
    amplitude = np.abs(np.fft.rfft(traces, axis=-1)).mean(axis=0)
    frequency = np.fft.rfftfreq(traces.shape[-1], step)
    peak = amplitude.max(initial=0.0) or 1.0
    level = 20 * np.log10(np.maximum(amplitude / peak, 1e-4))
    axes.plot(frequency, level, color=BLUE, linewidth=1.2)
    axes.fill_between(frequency, level, -80, color=BLUE, alpha=0.15, linewidth=0)
    loud = np.flatnonzero(level > -30)
    end = min(frequency[-1], 1.5 * frequency[loud[-1]]) if len(loud) and loud[-1] else frequency[-1]
    axes.set(xlim=(0, end), ylim=(-62, 3), xlabel="frequency (Hz)", ylabel="amplitude (dB)")
    axes.grid(**GRID)


@styled
def wavelets(samples: Mapping[str, np.ndarray], time: TimeAxis, *, spread: np.ndarray | None = None) -> Figure:
    """Draw source wavelets and their spectra, each scaled to its largest amplitude.

    Parameters
    ----------
    samples : (time,) arrays by label
        For example the wavelet estimated in each band.
    time : TimeAxis
    spread : (time,) array, optional
        Standard error, drawn as a band around every wavelet.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(0, 200, every=100), receivers=si.line(0, 200, every=20),
    ...                            wavelet=si.ricker(10), duration=0.2, dt=4e-3)
    >>> len(wavelets({"8 Hz": survey.wavelet.numpy()}, survey.source_time).axes)
    2
    """
    import matplotlib

    figure, axes = new_figure(11.0, 2.9, columns=2)
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, max(len(samples), 2)))
    end, top = 0.0, 0.0
    for (label, wavelet), colour in zip(samples.items(), colours, strict=False):
        peak = np.abs(wavelet).max() or 1.0
        axes[0, 0].plot(time.times, wavelet / peak, color=colour, linewidth=1.2, label=label)
        if spread is not None:
            low, high = (wavelet - spread) / peak, (wavelet + spread) / peak
            axes[0, 0].fill_between(time.times, low, high, color=colour, alpha=0.25, linewidth=0)
        amplitude = np.abs(np.fft.rfft(wavelet))
        frequency = np.fft.rfftfreq(len(wavelet), time.step)
        axes[0, 1].plot(frequency, amplitude / (amplitude.max() or 1.0), color=colour, linewidth=1.2)
        energy = np.cumsum(wavelet**2) / ((wavelet**2).sum() or 1.0)
        end = max(end, float(time.times[np.searchsorted(energy, 0.995).clip(max=len(energy) - 1)]))
        high = np.flatnonzero(amplitude > 0.02 * amplitude.max())
        top = max(top, float(frequency[high[-1]])) if len(high) else top
    axes[0, 0].axhline(0, color=INK, linewidth=0.4)
    axes[0, 0].set(xlim=(time.start, min(time.end, 1.25 * end + 4 * time.step)))
    axes[0, 0].set(title="source wavelet", xlabel="time (s)")
    axes[0, 1].set(xlim=(0, min(time.nyquist, 1.2 * top) or time.nyquist), ylim=(0, None))
    axes[0, 1].set(title="its spectrum", xlabel="frequency (Hz)")
    if len(samples) > 1:
        axes[0, 0].legend(fontsize=8)
    return figure
