"""What is wrong with recorded data: noise of a limited band, and traces that are missing.

The noise n of data d is scaled by the root mean square of the median trace, ‖n‖ = ratio · median over traces of ‖d‖:
few strong traces near a source then do not set the level for all others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Gathers
from seisinv.signal.processing import Band


def median_rms(data: Tensor) -> float:
    """Return the root mean square of the median trace.

    Parameters
    ----------
    data : (shot, receiver, time) tensor

    Returns
    -------
    float
        In the unit of the data.

    Examples
    --------
    >>> median_rms(torch.tensor([[[1.0, -1.0], [2.0, -2.0], [9.0, -9.0]]]))
    2.0
    """
    return float(data.double().square().mean(dim=-1).sqrt().median())


def band_noise(
    shape: Sequence[int], *, dt: float, band: Band | tuple[float, float], random: np.random.Generator
) -> Tensor:
    """Draw Gaussian noise within a band of frequencies.

    Parameters
    ----------
    shape : (shot, receiver, time)
    dt : float, s
    band : Band or (low, high), Hz
        A `Band` has its flanks; two frequencies cut sharply.
    random : numpy Generator

    Returns
    -------
    tensor
        Of the given shape, float64; what passes the filter of white noise with a standard deviation of 1.

    Examples
    --------
    >>> band_noise((1, 4, 200), dt=4e-3, band=(5.0, 20.0), random=np.random.default_rng(0)).shape
    torch.Size([1, 4, 200])
    """
    white = random.standard_normal(tuple(shape))
    if isinstance(band, Band):
        return band(torch.from_numpy(white), dt)
    spectrum, frequency = np.fft.rfft(white, axis=-1), np.fft.rfftfreq(shape[-1], dt)
    spectrum[..., (frequency < band[0]) | (frequency > band[1])] = 0
    return torch.from_numpy(np.fft.irfft(spectrum, shape[-1], axis=-1))


def with_noise(
    data: Tensor,
    ratio: float,
    *,
    dt: float,
    band: Band | tuple[float, float],
    random: np.random.Generator,
    level: float | None = None,
) -> Tensor:
    """Add Gaussian noise within a band of frequencies.

    Parameters
    ----------
    data : (shot, receiver, time) tensor
    ratio : float
        Root mean square of the noise relative to `level`; 10^(−s/20) for a signal-to-noise ratio of s dB.
    dt : float, s
    band : Band or (low, high), Hz
        As for `band_noise`.
    random : numpy Generator
    level : float, optional
        In the unit of the data; default: `median_rms(data)`. For the ratio within a band, give that of filtered data.

    Returns
    -------
    tensor
        Noisy data of the same shape and dtype.

    Examples
    --------
    >>> data = torch.ones(1, 8, 500)
    >>> noisy = with_noise(data, 0.1, dt=4e-3, band=(5.0, 60.0), random=np.random.default_rng(0))
    >>> round(float((noisy - data).std()), 3)
    0.1
    """
    if ratio == 0:
        return data
    noise = band_noise(data.shape, dt=dt, band=band, random=random)
    size = ratio * (median_rms(data) if level is None else level)
    # The two orders of operations (and of deviations, by N − 1 and N) keep data of a seed the same to the last bit.
    scaled = size / noise.std() * noise if isinstance(band, Band) else size * noise / noise.numpy().std()
    return data + scaled.to(data.dtype)


def without_traces(gathers: Gathers, share: float, random: np.random.Generator) -> Gathers:
    """Declare a random share of the traces missing.

    Parameters
    ----------
    gathers : Gathers
    share : float
        Between 0 and 1.
    random : numpy Generator

    Returns
    -------
    Gathers
        The same data with fewer live traces.

    Examples
    --------
    >>> from seisinv.core import Grid
    >>> from seisinv.synthetic import surface_survey
    >>> survey = surface_survey(Grid((5, 10), 10.0), shots=1, peak=8.0, duration=0.1, dt=0.01)
    >>> gathers = Gathers(torch.zeros(1, 10, survey.time.samples), survey)
    >>> int(without_traces(gathers, 0.5, np.random.default_rng(1)).live.sum())
    5
    """
    kept = torch.from_numpy(random.random(tuple(gathers.data.shape[:2])) >= share)
    return gathers.replace(live=gathers.live & kept)
