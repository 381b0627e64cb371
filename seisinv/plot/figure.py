"""Figures without global state, and how they are written to a file."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from seisinv.core.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

# Okabe & Ito (2008): colours that every kind of colour vision tells apart.
INK = "#1b2733"
BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"

# Any: matplotlib types the keys as one closed list.
GRID: Any = {"color": "#d7dce0", "linewidth": 0.5, "which": "major"}
_STYLE: Any = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "text.color": INK,
    "axes.edgecolor": "#5b6770",
    "xtick.color": "#3c4750",
    "ytick.color": "#3c4750",
    "axes.linewidth": 0.7,
    "legend.frameon": False,
    "image.interpolation": "nearest",
    "svg.fonttype": "none",
}


P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Let `draw` run with this package's fonts and colours; the user's own settings are untouched."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        import matplotlib

        with matplotlib.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return wrapper


def new_figure(
    width: float, height: float, *, rows: int = 1, columns: int = 1, share: bool = False
) -> tuple[Figure, np.ndarray]:
    """Return a figure of `width` × `height` inches and its axes [row, column], on the Agg canvas."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A figure that notebooks show as it is, without pyplot."""

        def _repr_png_(self) -> bytes:
            return png(self)

    figure = Picture(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
    return figure, axes


@styled
def png(figure: Figure, *, dpi: int = 130) -> bytes:
    """Return the figure as the bytes of a PNG file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    dpi : int
        Dots per inch.

    Returns
    -------
    bytes

    Examples
    --------
    >>> from seisinv import plot
    >>> import seisinv as si
    >>> model = si.Model.layered(si.Grid((11, 21), 10.0), tops=[0, 50], vp=[1500, 2500])
    >>> png(plot.model(model), dpi=50)[1:4]
    b'PNG'
    """
    return _drawn(figure, format="png", dpi=dpi, metadata={"Software": "seisinv"})


@styled
def save(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 130) -> Path:
    """Write the figure to `path` (png, svg or pdf, by its suffix); the file appears only when it is whole.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
    dpi : int
        Dots per inch, for png.

    Returns
    -------
    Path
        The file.

    Examples
    --------
    >>> from seisinv import plot
    >>> import seisinv as si
    >>> model = si.Model.layered(si.Grid((11, 21), 10.0), tops=[0, 50], vp=[1500, 2500])
    >>> save(plot.model(model), "model.png", dpi=50).name
    'model.png'
    """
    path = Path(path)
    write_whole(path, _drawn(figure, format=path.suffix.lstrip(".") or "png", dpi=dpi))
    return path


def _drawn(figure: Figure, **how: Any) -> bytes:
    """Return the content of a figure's file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, **how)
    return buffer.getvalue()


def length_unit(extent: float) -> tuple[float, str]:
    """Return the factor and the name of the unit for an axis of `extent` metres."""
    return (1e-3, "km") if extent > 10_000 else (1.0, "m")


def colour_bar(figure: Figure, image: AxesImage, *, axes: Axes | list[Axes], label: str) -> None:
    """Add a slim colour bar beside `axes`, with a point at an end beyond which there are values."""
    (low, high), values = image.get_clim(), np.asarray(image.get_array())
    more = (bool(values.min() < low), bool(values.max() > high))
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[more]
    bar = figure.colorbar(image, ax=axes, label=label, shrink=0.92, aspect=28, pad=0.012, extend=extend)
    bar.outline.set_linewidth(0.5)  # type: ignore[operator]
