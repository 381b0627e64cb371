"""Pictures of first breaks: where they were picked, how well a model explains them, and where its rays run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seisinv.core import PARAMETERS, Gathers, Model, Survey
from seisinv.plot.figure import BLUE, INK, ORANGE, RED, colour_bar, new_figure, styled
from seisinv.plot.gathers import amplitude, draw_gather
from seisinv.plot.models import SEQUENTIAL, draw_positions, draw_section, label, section, stretch, value_range

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLIP = 80.0  # percentile of the amplitudes, after every trace is divided by its RMS


@styled
def first_breaks(
    gathers: Gathers, *, picked: np.ndarray, predicted: np.ndarray | None = None, lag: float = 0.0
) -> Figure:
    """Draw gathers with the observed and the predicted first breaks on top.

    Parameters
    ----------
    gathers : Gathers
        Up to a handful of shots, drawn side by side.
    picked, predicted : (shot, receiver) arrays, s
        NaN where there is none.
    lag : float, s
        What was subtracted from the picks for the wavelet; they are drawn where they were seen.
    """
    figure, axes = new_figure(max(6.4, min(12.0, 3.8 * len(gathers))), 4.6, columns=len(gathers))
    for k, panel in enumerate(axes[0]):
        live = gathers.live[k].numpy()
        data = gathers.data[k].detach().cpu().numpy()[live]
        rms = np.sqrt((data**2).mean(1, keepdims=True))
        data = data / np.where(rms > 0, rms, 1)
        offsets = gathers.survey.offsets[k, : len(live)][live]
        draw_gather(panel, data, offsets, gathers.survey.time, scale=amplitude(data, CLIP))
        for times, colour, size, name in ((picked, RED, 9, "picked"), (predicted, BLUE, 3, "predicted")):
            if times is not None:
                t = times[k, : len(live)][live] + lag
                panel.scatter(offsets, t, s=size, color=colour, linewidths=0, label=name)
        last = np.nanmax(picked[k]) if np.isfinite(picked[k]).any() else gathers.survey.time.end
        panel.set_ylim(
            min(gathers.survey.time.end, 1.4 * (last + lag) + 0.02), max(gathers.survey.time.start, -0.1 * last)
        )
        panel.set_title(f"shot {gathers.survey.shots[k].number}")
        if k:
            panel.set_ylabel("")
    axes[0, 0].legend(loc="lower left", fontsize=8, markerscale=2, frameon=True, framealpha=0.85)
    return figure


@styled
def traveltime_fit(
    survey: Survey, *, picked: np.ndarray, before: np.ndarray | None = None, after: np.ndarray
) -> Figure:
    """Draw predicted − picked times against offset, and how they are distributed.

    Parameters
    ----------
    survey : Survey
    picked, after : (shot, receiver) arrays, s
    before : (shot, receiver) array, s, optional
        Times in the model that it began from.
    """
    figure, axes = new_figure(10.0, 3.4, columns=2)
    distance = np.abs(survey.offsets)
    sets = [(before, ORANGE, "gradient medium")] if before is not None else []
    residuals = []
    for times, colour, name in [*sets, (after, BLUE, "tomography")]:
        rest = 1e3 * (times - picked)
        good = np.isfinite(rest)
        residuals.append(rest[good])
        rms = float(np.sqrt(np.mean(rest[good] ** 2)))
        axes[0, 0].scatter(distance[good], rest[good], s=4, color=colour, linewidths=0, alpha=0.6, rasterized=True)
        limit = 1.2 * float(np.percentile(np.abs(residuals[0]), 99)) + 1e-3
        axes[0, 1].hist(rest[good], bins=np.linspace(-limit, limit, 41).tolist(), color=colour, alpha=0.6,
                        label=f"{name}: RMS {rms:.3g} ms")  # fmt: skip
    axes[0, 0].axhline(0, color=INK, linewidth=0.6)
    axes[0, 0].set_ylim(-limit, limit)
    axes[0, 0].set_xlabel("offset (m)")
    axes[0, 0].set_ylabel("predicted − picked (ms)")
    axes[0, 0].set_title("residuals against offset")
    axes[0, 1].set_xlabel("predicted − picked (ms)")
    axes[0, 1].set_ylabel("picks")
    axes[0, 1].set_title("residuals")
    axes[0, 1].legend(fontsize=8, loc="upper left")
    return figure


@styled
def tomogram(model: Model, gradient: Model, *, coverage: np.ndarray, survey: Survey | None = None) -> Figure:
    """Draw the gradient medium, the tomography's model faded where no ray runs, and the length of ray in each cell.

    Parameters
    ----------
    model, gradient : Model
    coverage : (nz, nx) array
    survey : Survey, optional
        Its positions are drawn on the model.
    """
    grid = model.grid
    (top, bottom), (left, right) = grid.extent
    height = max(1.1, min(3.5, 7.0 * stretch(grid) * (bottom - top) / (right - left)))
    figure, axes = new_figure(8.6, 3 * (height + 0.6), rows=3, share=True)
    values, start = section(model, "vp"), section(gradient, "vp")
    limits = value_range([values, start])
    note = "" if stretch(grid) == 1 else f"  (depth × {stretch(grid):g})"
    first = draw_section(axes[0, 0], start, grid, limits=limits, cmap=SEQUENTIAL)
    second = draw_section(axes[1, 0], values, grid, limits=limits, cmap=SEQUENTIAL)
    second.set_alpha(np.where(coverage > 0.02 * coverage.max(), 1.0, 0.45))  # type: ignore[arg-type]
    third = draw_section(axes[2, 0], np.sqrt(np.maximum(coverage, 0)), grid, limits=(0, float(np.sqrt(np.percentile(coverage, 99)))), cmap="magma")  # fmt: skip  # noqa: E501
    for panel, title in zip(
        axes[:, 0], ("gradient medium fitted to the picks", "tomography, pale where no ray runs", "rays"), strict=True
    ):
        panel.set_title(title + note)
    if survey is not None:
        draw_positions(axes[1, 0], survey, grid)
    for panel in axes[:2, 0]:
        panel.set_xlabel("")
    for panel, image, text in ((axes[0, 0], first, label("vp")), (axes[1, 0], second, label("vp")), (axes[2, 0], third, "√(length of ray / cell)")):  # fmt: skip  # noqa: E501
        colour_bar(figure, image, axes=panel, label=text if text[0] == "√" else f"vp ({PARAMETERS['vp'].unit})")
    return figure
