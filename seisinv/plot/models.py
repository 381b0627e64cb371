"""Figures of sections: models, what changed between two of them, how certain they are, and snapshots of waves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seisinv.core import PARAMETERS, ConfigError, Grid, Model, Survey
from seisinv.plot.figure import INK, colour_bar, length_unit, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

SEQUENTIAL, DIVERGING = "viridis", "RdBu_r"
# Wider than this, a section at true scale is a ribbon: depth is then stretched, and the title says so.
WIDEST = 4.5
SPREAD = "cividis"  # another map than the models', so that a spread is never read as a velocity
FEW, FAR = 0.5, 0.25  # percent of the nodes at either end that may not set a scale, if they are a share of it away
WORST = 2.0  # half-widths of the interval at which the colours of misses end


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
    values, title = section(model, name), title or PARAMETERS[name].title
    figure = _draw_one(Panel(title, values, limits or value_range([values]), SEQUENTIAL, label(name)), model.grid)
    if survey is not None:
        draw_positions(figure.axes[0], survey, model.grid)
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
    limit, title = limit or _symmetric([values]), title or f"{PARAMETERS[name].title}, difference"
    return _draw_one(Panel(title, values, (-limit, limit), DIVERGING, label(name)), model.grid)


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


@styled
def uncertainty(
    mean: Model, std: np.ndarray, name: str = "vp", *, truth: Model | None = None, half_width: np.ndarray | None = None
) -> Figure:
    """Draw mean and standard deviation; with a truth also the error, and where the interval misses.

    Parameters
    ----------
    mean : Model
    std : array [z, x]
        Standard deviation, in the parameter's unit.
    name : str
        Which parameter.
    truth : Model, optional
        On the grid of the mean.
    half_width : array [z, x], optional
        Half the width of the interval that is to hold the truth, in the parameter's unit.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> import seisinv as si
    >>> model = si.Model.layered(si.Grid((11, 21), 10.0), tops=[0, 50], vp=[1500, 2500])
    >>> len(uncertainty(model, np.full((11, 21), 50.0)).axes)
    4
    """
    average, spread, unit = section(mean, name), _slice(std), PARAMETERS[name].unit
    sections = [average] if truth is None else [average, section(truth, name)]
    panels = [
        Panel("mean of the members", average, value_range(sections), SEQUENTIAL, label(name)),
        Panel("standard deviation", spread, (0.0, _top(spread)), SPREAD, f"standard deviation ({unit})"),
    ]
    if truth is None:
        return draw_panels(panels, mean.grid)
    missed = sections[1].astype(float) - average
    if half_width is not None:
        # Where all members agree, any error is outside.
        share = missed / np.maximum(_slice(half_width), 1e-6 * np.abs(average))
        title = "(truth − mean) / half-width: outside beyond ±1"
        panels.append(Panel(title, share, (-WORST, WORST), DIVERGING, "half-widths"))
    error = np.abs(missed)
    panels.append(Panel("error of the mean, |mean − truth|", error, (0.0, _top(error)), SPREAD, f"error ({unit})"))
    return draw_panels(panels, mean.grid)


@styled
def snapshots(
    values: np.ndarray,
    grid: Grid,
    titles: Sequence[str],
    *,
    columns: int = 3,
    limit: float | None = None,
    label: str = "pressure (Pa)",
) -> Figure:
    """Draw sections of one quantity side by side on one scale that is symmetric about zero.

    Parameters
    ----------
    values : (n, nz, nx) array
        On the nodes of the grid.
    grid : Grid
    titles : n texts
    columns : int
    limit : float, optional
        End of the colour scale; by default the largest value.
    label : str
        What is drawn, with its unit.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        If values, grid and titles do not fit one another.

    Examples
    --------
    >>> from seisinv.core import Grid
    >>> waves = np.random.default_rng(0).standard_normal((2, 11, 21))
    >>> len(snapshots(waves, Grid((11, 21), 10.0), ["0.1 s", "0.2 s"]).axes)
    3
    """
    values = np.asarray(values)
    if values.shape != (len(titles), *grid.shape):
        raise ConfigError(f"values have shape {values.shape}; give {len(titles)} sections of the grid {grid.shape}")
    limit = limit or float(np.abs(values).max()) or 1.0
    columns = min(columns, len(titles))
    figure, places = new_places(
        len(titles), columns, width=10.0, height=8.0 / columns * proportion(grid) + 0.45, above=0.3
    )
    for place, shown, title in zip(places, values, titles, strict=True):
        image = draw_section(place, shown, grid, limits=(-limit, limit), cmap=DIVERGING)
        place.set_title(title, fontsize=9)
    label_outer(places, columns)
    colour_bar(figure, image, axes=figure.axes, label=label)
    return figure


class Panel(NamedTuple):
    """One section of a figure: title, values [z, x], ends of the colour scale, colour map and label of its bar."""

    title: str
    values: np.ndarray
    limits: tuple[float, float]
    cmap: str
    label: str

    def draw(self, figure: Figure, place: Axes, grid: Grid) -> AxesImage:
        """Draw the section and its colour bar."""
        image = draw_section(place, self.values, grid, limits=self.limits, cmap=self.cmap)
        place.set_title(self.title + stretch_note(grid))
        colour_bar(figure, image, axes=place, label=self.label)
        return image


def _draw_one(panel: Panel, grid: Grid) -> Figure:
    figure, axes = new_figure(8.0, _panel_height(grid, 7.0) + 0.8)
    panel.draw(figure, axes[0, 0], grid)
    return figure


def draw_panels(panels: Sequence[Panel], grid: Grid) -> Figure:
    """Draw sections of one grid in two columns."""
    columns = min(2, len(panels))
    figure, places = new_places(len(panels), columns, width=11.0, height=_panel_height(grid, 8.8 / columns) + 0.6)
    for place, panel in zip(places, panels, strict=True):
        panel.draw(figure, place, grid)
    label_outer(places, columns)
    return figure


def new_places(
    count: int, columns: int, *, width: float, height: float, above: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """Return a figure of `count` places for sections of one grid, each `height` inches high."""
    rows = math.ceil(count / columns)
    figure, axes = new_figure(width, rows * height + above, rows=rows, columns=columns, share=True)
    for place in axes.flat[count:]:
        place.set_visible(False)
    return figure, list(axes.flat[:count])


def label_outer(places: list[Axes], columns: int) -> None:
    """Label the lowest place of each column and the left-most of each row."""
    for k, place in enumerate(places):
        lowest, left = k + columns >= len(places), k % columns == 0
        place.tick_params(labelbottom=lowest, labelleft=left)
        place.set(xlabel=place.get_xlabel() if lowest else "", ylabel=place.get_ylabel() if left else "")


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
    depth, width = _size(models[0].grid)
    height = rows * (10.0 / columns * depth / width + 0.3) + 0.2
    figure, axes = new_figure(11.0, height, rows=rows, columns=columns)
    for panel in axes.flat:
        panel.set_axis_off()
    for panel, m, values in zip(axes.flat, models, sections, strict=False):
        image = draw_section(panel, values, m.grid, limits=limits, cmap=SEQUENTIAL)
        depth, width = _size(m.grid)
        panel.set_title(f"{width / 1e3:.1f} × {depth / 1e3:.1f} km{stretch_note(m.grid)}", fontsize=8)
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
    axes.set(xlabel=f"x ({unit})", ylabel=f"depth ({unit})")
    return image


def draw_positions(axes: Axes, survey: Survey, grid: Grid) -> None:
    """Mark every source and, thinned to about a hundred, the receivers."""
    factor, _ = length_unit(max(high - low for low, high in grid.extent))
    receivers = np.unique(np.concatenate([shot.receivers for shot in survey.shots]).round(1), axis=0)
    receivers = receivers[:: max(1, len(receivers) // 100)]
    sources = np.concatenate([shot.sources for shot in survey.shots])
    for at, marker, size, colour, edge in ((receivers, "v", 7, "white", 0.4), (sources, "*", 42, "#f0e442", 0.5)):
        x, z = factor * at[:, -1], factor * at[:, 0]
        axes.scatter(x, z, marker=marker, s=size, color=colour, linewidths=edge, edgecolors=INK, clip_on=False)


def stretch(grid: Grid) -> float:
    """Vertical exaggeration at which a section of `grid` is drawn: 1 unless it is long and thin."""
    depth, width = _size(grid)
    ratio = width / depth
    return 1.0 if ratio <= WIDEST else float(math.ceil(2 * ratio / WIDEST) / 2)


def stretch_note(grid: Grid) -> str:
    """Return what a title says of the exaggeration."""
    return "" if stretch(grid) == 1 else f"  (depth × {stretch(grid):g})"


def _panel_height(grid: Grid, width: float) -> float:
    return max(1.2, min(1.6 * width, width * proportion(grid)))


def proportion(grid: Grid) -> float:
    """Return height over width of a section as it is drawn."""
    depth, width = _size(grid)
    return stretch(grid) * depth / width


def _size(grid: Grid) -> tuple[float, float]:
    """Return depth and width of a section, m."""
    (top, bottom), *_, (left, right) = grid.extent
    return bottom - top, right - left


def section(model: Model, name: str) -> np.ndarray:
    """Return a parameter as [z, x]; of a volume, the section in its middle."""
    return _slice(model[name].detach().cpu().numpy())


def _slice(values: np.ndarray) -> np.ndarray:
    return values[:, values.shape[1] // 2] if values.ndim == 3 else values


def value_range(sections: list[np.ndarray]) -> tuple[float, float]:
    """Return the ends of a colour scale: all values, but for a few far beyond the others."""
    values = np.concatenate([s.ravel() for s in sections])
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return low - 1, high + 1
    first, last = np.percentile(values, [FEW, 100 - FEW])
    beyond = FAR * (last - first)
    return (low if first - low <= beyond else float(first), high if high - last <= beyond else float(last))


def _symmetric(sections: list[np.ndarray]) -> float:
    if not sections:
        return 1.0
    return float(np.percentile(np.abs(np.concatenate([s.ravel() for s in sections])), 99.5)) or 1.0


def label(name: str) -> str:
    """Return a parameter's name and unit for a colour bar."""
    return f"{PARAMETERS[name].title} ({PARAMETERS[name].unit})"


def _top(values: np.ndarray) -> float:
    """Return the end of a colour scale from 0: a few cells at an edge must not use up all the colours."""
    return float(np.percentile(values, 99.5)) or float(values.max()) or 1.0
