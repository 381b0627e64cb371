"""How an inversion converged: misfit, gradient and model error against the work done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seisinv.plot.figure import BLUE, ORANGE, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def convergence(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the misfit, relative to the start of each band, and the model error where a truth is known.

    Parameters
    ----------
    history : records with "band", "misfit", "solves" and "model_rmse", and "rung" and "stage" of traveltime stages
        As in the run directory's history.jsonl; "solves" counts forward-modelling equivalents.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> history = [{"band": 5.0, "misfit": m, "relative": m / 4, "solves": s, "seconds": s, "model_rmse": None}
    ...            for m, s in ((4.0, 8), (2.0, 16), (1.0, 24))]
    >>> len(convergence(history).axes)
    1
    """
    errors = [record.get("model_rmse") for record in history]
    with_error = any(e is not None for e in errors)
    figure, axes = new_figure(11.0, 3.1, columns=2 if with_error else 1)
    first = 0
    for k in range(1, len(history) + 1):
        if k < len(history) and all(history[k].get(key) == history[first].get(key) for key in ("band", "rung")):
            continue
        part = history[first:k]
        misfit = np.array([record["misfit"] for record in part], dtype=float)
        solves = [record["solves"] for record in part]
        axes[0, 0].semilogy(solves, misfit / (misfit[0] or 1.0), "o-", color=BLUE, markersize=3, linewidth=1.2)
        band, times = part[0]["band"], ", traveltimes" if part[0].get("stage") == "kinematic" else ""
        axes[0, 0].annotate(
            ("all frequencies" if band is None else f"≤ {band:g} Hz") + times,
            (solves[0], 1.0),
            xytext=(2, 5),
            textcoords="offset points",
            fontsize=8,
            annotation_clip=False,
        )
        if first:
            for panel in axes[0]:
                panel.axvline(solves[0], color="#b3bcc4", linewidth=0.7, linestyle="--")
        first = k
    axes[0, 0].margins(y=0.12)
    axes[0, 0].set_title("misfit, relative to the start of its band")
    axes[0, 0].set_xlabel("work (forward-modelling equivalents)")
    axes[0, 0].set_ylabel("misfit / start of band")
    if with_error:
        known = [(record["solves"], e) for record, e in zip(history, errors, strict=True) if e is not None]
        axes[0, 1].plot(*zip(*known, strict=True), "o-", color=ORANGE, markersize=3, linewidth=1.2)
        axes[0, 1].set_title("model error")
        axes[0, 1].set_xlabel("work (forward-modelling equivalents)")
        axes[0, 1].set_ylabel("RMS error")
        axes[0, 1].set_ylim(0, None)
    for panel in axes[0]:
        panel.grid(color="#d7dce0", linewidth=0.5, which="major")
    return figure
