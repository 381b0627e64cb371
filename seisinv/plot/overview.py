"""One figure of a survey: geometry, a gather and the spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seisinv.core import Observed
from seisinv.plot.figure import new_figure, styled
from seisinv.plot.gathers import amplitude, draw_gather
from seisinv.plot.spectra import draw_spectrum
from seisinv.plot.survey import draw_geometry

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def overview(observed: Observed, *, title: str = "") -> Figure:
    """Draw the geometry, the middle shot and its spectrum.

    Parameters
    ----------
    observed : Gathers, or a file opened by `io.read_segy`
        Only the middle shot is loaded.
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
    >>> len(overview(gathers, title="line").axes)
    3
    """
    shot = len(observed) // 2
    gathers = observed[[shot]]
    live = gathers.live[0].numpy()
    data = gathers.data[0].detach().cpu().numpy()[live]
    figure, axes = new_figure(12.0, 4.0, columns=3)
    draw_geometry(axes[0, 0], observed.survey)
    axes[0, 0].set_title("geometry")
    if title:
        figure.suptitle(title)
    if len(data):
        weight = np.sqrt((data**2).mean(axis=1, keepdims=True))
        data = data / np.where(weight > 0, weight, 1.0)
        draw_gather(axes[0, 1], data, gathers.survey.offsets[0][live], gathers.survey.time, scale=amplitude(data, 98))
        draw_spectrum(axes[0, 2], gathers)
    axes[0, 1].set_title(f"shot {gathers.survey.shots[0].number}, each trace scaled")
    axes[0, 2].set_title("its amplitude spectrum")
    return figure
