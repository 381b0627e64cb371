"""Figures of shot gathers, as an image or as wiggles, and of two gathers against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seisinv.core import Gathers, TimeAxis
from seisinv.plot.figure import INK, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def gather(
    gathers: Gathers, shot: int = 0, *, kind: str = "image", clip: float = 98.0, title: str | None = None
) -> Figure:
    """Draw one shot gather, time down, against offset.

    Parameters
    ----------
    gathers : Gathers
    shot : int
        Position of the shot in the gathers.
    kind : "image" or "wiggle"
    clip : float, percent
        Amplitudes beyond this percentile are drawn in the darkest shade.
    title : str, optional

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
    >>> len(gather(gathers, 1, kind="wiggle").axes)
    1
    """
    data, offsets = live_traces(gathers, shot)
    figure, axes = new_figure(6.4, 5.6)
    draw_gather(axes[0, 0], data, offsets, gathers.survey.time, kind=kind, scale=amplitude(data, clip))
    axes[0, 0].set_title(title or f"shot {gathers.survey.shots[shot].number}")
    return figure


@styled
def compare_gathers(
    observed: np.ndarray,
    predicted: np.ndarray,
    *,
    offsets: np.ndarray,
    time: TimeAxis,
    clip: float = 95.0,
    title: str = "",
) -> Figure:
    """Draw observed, predicted and residual traces on one scale.

    Every trace is divided by the RMS of the observed trace, so that far offsets are as visible as near ones.

    Parameters
    ----------
    observed, predicted : (receiver, time) arrays
    offsets : (receiver,) array, m
    time : TimeAxis
    clip : float, percent
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
    >>> a, b = gathers.data[0].numpy(), gathers.data[1].numpy()
    >>> figure = compare_gathers(a, b, offsets=survey.offsets[0], time=survey.time)
    >>> [axes.get_title("left") for axes in figure.axes][:3]
    ['observed', 'predicted', 'observed − predicted']
    """
    weight = rms_of(observed)
    observed, predicted = observed / weight, predicted / weight
    scale = amplitude(observed, clip)
    figure, axes = new_figure(11.0, 4.2, columns=3, share=True)
    panels = (("observed", observed), ("predicted", predicted), ("observed − predicted", observed - predicted))
    for panel, (name, data) in zip(axes[0], panels, strict=True):
        draw_gather(panel, data, offsets, time, scale=scale)
        panel.set_title(f"{title}{name}")
        panel.label_outer()
    return figure


def live_traces(gathers: Gathers, shot: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the live traces [receiver, time] of a shot, and their offsets, m."""
    live = gathers.live[shot].numpy()
    return gathers.data[shot].detach().cpu().numpy()[live], gathers.survey.offsets[shot, : len(live)][live]


def rms_of(traces: np.ndarray) -> np.ndarray:
    """Return the root mean square of each trace [receiver, 1], 1 where it is 0."""
    rms = np.sqrt((traces**2).mean(axis=1, keepdims=True))
    return np.where(rms == 0, 1.0, rms)


def draw_gather(
    axes: Axes, data: np.ndarray, offsets: np.ndarray, time: TimeAxis, *, kind: str = "image", scale: float
) -> None:
    """Draw traces [receiver, time] into `axes` against offset where it is known and distinct, else trace number."""
    order, position, name = trace_axis(offsets)
    data, gaps = data[order], np.diff(position) if len(position) > 1 else np.ones(1)
    axes.set(xlabel=name, ylabel="time (s)")
    if kind == "wiggle":
        _draw_wiggles(axes, data, position, time, scale=scale, gap=float(np.median(gaps)))
    else:
        _draw_image(axes, data, position, time, scale=scale)
    axes.set_ylim(time.end, time.start)


def trace_axis(offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the order in which traces are drawn, where each is on the axis in that order, and the axis' name."""
    order = np.argsort(offsets, kind="stable") if np.isfinite(offsets).all() else np.arange(len(offsets))
    position = offsets[order]
    if len(position) > 1 and bool(np.all(np.diff(position) > 0)):
        return order, position, "offset (m)"
    return order, np.arange(len(offsets), dtype=float), "trace"


def _draw_image(axes: Axes, data: np.ndarray, position: np.ndarray, time: TimeAxis, *, scale: float) -> None:
    gaps = np.diff(position) if len(position) > 1 else np.ones(1)
    low, high = position[0] - gaps[0] / 2, position[-1] + gaps[-1] / 2
    first, last = time.start - time.step / 2, time.end + time.step / 2
    if np.ptp(gaps) < 0.02 * gaps[0]:
        # An image draws several times faster than a mesh, and is the same where traces are evenly spaced.
        axes.imshow(data.T, extent=(low, high, last, first), aspect="auto", cmap="gray", vmin=-scale, vmax=scale)
    else:
        edges = np.concatenate([[low], position[:-1] + gaps / 2, [high]])
        samples = time.start + time.step * (np.arange(time.samples + 1) - 0.5)
        axes.pcolormesh(edges, samples, data.T, cmap="gray", vmin=-scale, vmax=scale, rasterized=True)
    axes.set_xlim(low, high)


def amplitude(data: np.ndarray, percentile: float) -> float:
    """Return the percentile of |data|, or 1 where all is zero."""
    value = float(np.percentile(np.abs(data), percentile)) if data.size else 0.0
    return value or float(np.abs(data).max(initial=0.0)) or 1.0


def _draw_wiggles(
    axes: Axes, data: np.ndarray, position: np.ndarray, time: TimeAxis, *, scale: float, gap: float
) -> None:
    step = max(1, len(data) // 120)
    for trace, x in zip(data[::step], position[::step], strict=True):
        curve = x + 0.9 * gap * step * np.clip(trace / scale, -1.5, 1.5)
        axes.plot(curve, time.times, color=INK, linewidth=0.4)
        axes.fill_betweenx(time.times, x, curve, where=curve > x, color=INK, linewidth=0)
    axes.set_xlim(position[0] - 1.5 * gap * step, position[-1] + 1.5 * gap * step)
