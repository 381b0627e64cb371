"""Figures of models and of what changed between two of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seisinv.core import PARAMETERS, Grid, Model, Survey
from seisinv.plot.figure import INK, colour_bar, length_unit, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

SEQUENTIAL, DIVERGING = "viridis", "RdBu_r"
# Wider than this, a section at true scale is a ribbon: depth is then stretched, and the title says so.
WIDEST = 4.5


@styled
def model(
    model: Model,
    name: str = "vp",
    *,
    survey: Survey | None = None,
    limits: tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw one parameter of a model, depth down.

    Parameters
    ----------
    model : Model
    name : str
        Which parameter.
    survey : Survey, optional
        Its sources (stars) and receivers (triangles) are drawn on top.
    limits : (low, high), optional
        Ends of the colour scale, in the parameter's unit; by default the model's own range.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import seisinv as si
    >>> model = si.Model.layered(si.Grid((11, 21), 10.0), tops=[0, 50], vp=[1500, 2500])
    >>> from seisinv import plot
    >>> plot.model(model, title="two layers").axes[0].get_title("left")
    'two layers'
    """
    values = section(model, name)
    figure, axes = new_figure(8.0, _panel_height(model.grid, 7.0) + 0.8)
    image = draw_section(axes[0, 0], values, model.grid, limits=limits or value_range([values]), cmap=SEQUENTIAL)
    axes[0, 0].set_title((title or PARAMETERS[name].title) + _stretch_note(model.grid))
    if survey is not None:
        draw_positions(axes[0, 0], survey, model.grid)
    colour_bar(figure, image, axes=axes[0, 0], label=label(name))
    return figure


@styled
def difference(
    model: Model, reference: Model, name: str = "vp", *, limit: float | None = None, title: str | None = None
) -> Figure:
    """Draw `model` − `reference` on a diverging scale that is symmetric about zero.

    Parameters
    ----------
    model, reference : Model
        On one grid.
    name : str
        Which parameter.
    limit : float, optional
        End of the colour scale, in the parameter's unit; by default the 99.5th percentile of the difference.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import seisinv as si
    >>> model = si.Model.layered(si.Grid((11, 21), 10.0), tops=[0, 50], vp=[1500, 2500])
    >>> len(difference(model, model.replace(vp=model.vp + 100.0)).axes)
    2
    """
    values = section(model, name) - section(reference, name)
    limit = limit or _symmetric([values])
    figure, axes = new_figure(8.0, _panel_height(model.grid, 7.0) + 0.8)
    image = draw_section(axes[0, 0], values, model.grid, limits=(-limit, limit), cmap=DIVERGING)
    axes[0, 0].set_title((title or f"{PARAMETERS[name].title}, difference") + _stretch_note(model.grid))
    colour_bar(figure, image, axes=axes[0, 0], label=label(name))
    return figure


@styled
def compare_models(
    models: Mapping[str, Model], name: str = "vp", *, differences: Mapping[str, tuple[str, str]] | None = None
) -> Figure:
    """Draw models side by side on one colour scale, and differences between them on another.

    Parameters
    ----------
    models : Models by title
        All on one grid.
    name : str
        Which parameter.
    differences : pairs of titles of `models`, by title, optional
        `{"result − truth": ("result", "truth")}`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import seisinv as si
    >>> model = si.Model.layered(si.Grid((11, 21), 10.0), tops=[0, 50], vp=[1500, 2500])
    >>> other = model.replace(vp=model.vp + 100.0)
    >>> pair = {"start": model, "result": other}
    >>> len(compare_models(pair, differences={"update": ("result", "start")}).axes)
    7
    """
    grid = next(iter(models.values())).grid
    sections = {title: section(m, name) for title, m in models.items()}
    changes = {t: sections[a] - sections[b] for t, (a, b) in (differences or {}).items()}
    limits, change = value_range(list(sections.values())), _symmetric(list(changes.values()))
    panels = [Panel(t, v, limits, SEQUENTIAL, label(name)) for t, v in sections.items()]
    unit = f"difference ({PARAMETERS[name].unit})"
    return draw_panels(panels + [Panel(t, v, (-change, change), DIVERGING, unit) for t, v in changes.items()], grid)


class Panel(NamedTuple):
    """One section of a figure: title, values [z, x], ends of the colour scale, colour map and label of its bar."""

    title: str
    values: np.ndarray
    limits: tuple[float, float]
    cmap: str
    label: str


def draw_panels(panels: Sequence[Panel], grid: Grid) -> Figure:
    """Draw sections of one grid in two columns."""
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    height = rows * (_panel_height(grid, 8.8 / columns) + 0.6)
    figure, axes = new_figure(11.0, height, rows=rows, columns=columns, share=True)
    for place in axes.flat[len(panels) :]:
        place.set_visible(False)
    for k, (place, panel) in enumerate(zip(axes.flat, panels, strict=False)):
        image = draw_section(place, panel.values, grid, limits=panel.limits, cmap=panel.cmap)
        place.set_title(panel.title + _stretch_note(grid))
        colour_bar(figure, image, axes=place, label=panel.label)
        place.tick_params(labelbottom=k + columns >= len(panels), labelleft=k % columns == 0)
        place.set_xlabel(place.get_xlabel() if k + columns >= len(panels) else "")
        place.set_ylabel(place.get_ylabel() if k % columns == 0 else "")
    return figure


@styled
def gallery(models: Sequence[Model], name: str = "vp", *, columns: int = 4) -> Figure:
    """Draw many small sections of equal proportions, each with its own size in its title, on one colour scale.

    Parameters
    ----------
    models : sequence of Model
    name : str
        Which parameter.
    columns : int

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import seisinv as si
    >>> model = si.Model.layered(si.Grid((11, 21), 10.0), tops=[0, 50], vp=[1500, 2500])
    >>> len(gallery([model, model], columns=2).axes)
    3
    """
    sections = [section(m, name) for m in models]
    limits, rows = value_range(sections), math.ceil(len(models) / columns)
    (top, bottom), (left, right) = models[0].grid.extent[0], models[0].grid.extent[-1]
    height = rows * (10.0 / columns * (bottom - top) / (right - left) + 0.3) + 0.2
    figure, axes = new_figure(11.0, height, rows=rows, columns=columns)
    for panel in axes.flat:
        panel.set_axis_off()
    for panel, m, values in zip(axes.flat, models, sections, strict=False):
        image = draw_section(panel, values, m.grid, limits=limits, cmap=SEQUENTIAL)
        depth, width = ((high - low) / 1e3 for low, high in (m.grid.extent[0], m.grid.extent[-1]))
        panel.set_title(f"{width:.1f} × {depth:.1f} km{_stretch_note(m.grid)}", fontsize=8)
    colour_bar(figure, image, axes=list(axes.flat), label=label(name))
    return figure


def draw_section(axes: Axes, values: np.ndarray, grid: Grid, *, limits: tuple[float, float], cmap: str) -> AxesImage:
    """Draw a [z, x] section into `axes`, depth down, at true scale or stretched as `stretch` says."""
    (top, bottom), (left, right) = grid.extent[0], grid.extent[-1]
    dz, dx = grid.spacing[0] / 2, grid.spacing[-1] / 2
    factor, unit = length_unit(max(right - left, bottom - top))
    corners = (factor * (left - dx), factor * (right + dx), factor * (bottom + dz), factor * (top - dz))
    image = axes.imshow(
        values, extent=corners, aspect=stretch(grid), cmap=cmap, vmin=limits[0], vmax=limits[1], origin="upper"
    )
    axes.set_xlabel(f"x ({unit})")
    axes.set_ylabel(f"depth ({unit})")
    return image


def draw_positions(axes: Axes, survey: Survey, grid: Grid) -> None:
    """Mark every source and, thinned to about a hundred, the receivers."""
    factor, _ = length_unit(max(high - low for low, high in grid.extent))
    receivers = np.unique(np.concatenate([shot.receivers for shot in survey.shots]).round(1), axis=0)
    receivers = receivers[:: max(1, len(receivers) // 100)]
    sources = np.concatenate([shot.sources for shot in survey.shots])
    edged: dict[str, Any] = {"edgecolors": INK, "clip_on": False}
    x, z = factor * receivers[:, -1], factor * receivers[:, 0]
    axes.scatter(x, z, marker="v", s=7, color="white", linewidths=0.4, **edged)
    x, z = factor * sources[:, -1], factor * sources[:, 0]
    axes.scatter(x, z, marker="*", s=42, color="#f0e442", linewidths=0.5, **edged)


def stretch(grid: Grid) -> float:
    """Vertical exaggeration at which a section of `grid` is drawn: 1 unless it is long and thin."""
    (top, bottom), (left, right) = grid.extent[0], grid.extent[-1]
    ratio = (right - left) / (bottom - top)
    return 1.0 if ratio <= WIDEST else float(math.ceil(2 * ratio / WIDEST) / 2)


def _stretch_note(grid: Grid) -> str:
    return "" if stretch(grid) == 1 else f"  (depth × {stretch(grid):g})"


def _panel_height(grid: Grid, width: float) -> float:
    (top, bottom), (left, right) = grid.extent[0], grid.extent[-1]
    return max(1.2, min(1.6 * width, width * stretch(grid) * (bottom - top) / (right - left)))


def section(model: Model, name: str) -> np.ndarray:
    """Return a parameter as [z, x]; of a volume, the section in its middle."""
    values = model[name].detach().cpu().numpy()
    return values[:, values.shape[1] // 2] if values.ndim == 3 else values


def value_range(sections: list[np.ndarray]) -> tuple[float, float]:
    """Return the ends of a colour scale that holds all values."""
    low, high = min(s.min() for s in sections), max(s.max() for s in sections)
    return (float(low), float(high)) if high > low else (float(low) - 1, float(high) + 1)


def _symmetric(sections: list[np.ndarray]) -> float:
    if not sections:
        return 1.0
    return float(np.percentile(np.abs(np.concatenate([s.ravel() for s in sections])), 99.5)) or 1.0


def label(name: str) -> str:
    """Return a parameter's name and unit for a colour bar."""
    return f"{PARAMETERS[name].title} ({PARAMETERS[name].unit})"
