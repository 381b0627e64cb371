"""Curves of one inversion or of several: convergence, spectra, coherence with the truth, scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from seisinv.plot.figure import BLUE, GRID, INK, ORANGE, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito (2008), then the same again in other dashes.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b6770")
_DASHES = ("-", "--", ":", "-.")
TITLE = "misfit, relative to the start of its band"


@styled
def convergence(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the misfit, relative to the start of each band, and the model error where a truth is known.

    Parameters
    ----------
    history : records with "band", "misfit", "solves" and "model_rmse", and "rung" and "stage" of traveltime stages
        As in the run directory's history.jsonl; "solves" counts wave-equation solves.

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
    for number, part in enumerate(_stages(history, "band", "rung")):
        misfit = np.array([record["misfit"] for record in part], dtype=float)
        solves = [record["solves"] for record in part]
        axes[0, 0].semilogy(solves, misfit / (misfit[0] or 1.0), "o-", color=BLUE, markersize=3, linewidth=1.2)
        band, times = part[0]["band"], ", traveltimes" if part[0].get("stage") == "kinematic" else ""
        words = ("all frequencies" if band is None else f"≤ {band:g} Hz") + times
        place: Any = {"xytext": (2, 5), "textcoords": "offset points", "annotation_clip": False}
        axes[0, 0].annotate(words, (solves[0], 1.0), fontsize=8, **place)
        if number:
            for panel in axes[0]:
                panel.axvline(solves[0], color="#b3bcc4", linewidth=0.7, linestyle="--")
    axes[0, 0].margins(y=0.12)
    axes[0, 0].set(title=TITLE, ylabel="misfit / start of band")
    if with_error:
        known = [(record["solves"], e) for record, e in zip(history, errors, strict=True) if e is not None]
        axes[0, 1].plot(*zip(*known, strict=True), "o-", color=ORANGE, markersize=3, linewidth=1.2)
        axes[0, 1].set(title="model error", ylabel="RMS error", ylim=(0, None))
    for panel in axes[0]:
        panel.set_xlabel("work (wave-equation solves)")
        panel.grid(**GRID)
    return figure


@styled
def compare_convergence(histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Draw misfit and, where a truth is known, model error of several runs against their work and their time.

    Parameters
    ----------
    histories : records with "band", "misfit", "solves", "seconds" and "model_rmse", by name of the run
        The misfit is drawn relative to the start of each band.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> history = [{"band": 5.0, "misfit": m, "relative": m / 4, "solves": s, "seconds": s, "model_rmse": None}
    ...            for m, s in ((4.0, 8), (2.0, 16), (1.0, 24))]
    >>> len(compare_convergence({"L2": history}).axes)
    2
    """
    known = any(r.get("model_rmse") is not None for rows in histories.values() for r in rows)
    figure, axes = new_figure(11.0, 3.2 * (2 if known else 1), rows=2 if known else 1, columns=2)
    for column, (key, words) in enumerate((("solves", "wave-equation solves"), ("seconds", "time by the clock (s)"))):
        for k, (name, rows) in enumerate(histories.items()):
            style: Any = {**_style(k), "linewidth": 1.3}
            for number, part in enumerate(_stages(rows, "band")):
                first = part[0]["misfit"] or 1.0
                label = name if number == 0 else None
                axes[0, column].semilogy(
                    [r[key] for r in part], [r["misfit"] / first for r in part], label=label, **style
                )
            errors = [(r[key], r["model_rmse"]) for r in rows if r.get("model_rmse") is not None]
            if known and errors:
                axes[1, column].plot(*zip(*errors, strict=True), label=name, **style)
        axes[0, column].set(title=TITLE, ylabel="misfit / start of band")
        if known:
            axes[1, column].set(title="model error", ylabel="RMSE (m/s)")
        axes[-1, column].set_xlabel(words)
    for panel in axes.flat:
        panel.grid(**GRID)
        panel.set_xlim(0, None)
    _legend(figure, axes[0, 0])
    return figure


@styled
def compare_spectra(power: Mapping[str, np.ndarray], left: Mapping[str, np.ndarray], frequency: np.ndarray) -> Figure:
    """Draw amplitude spectra of observed and predicted data, and of what is left, in dB below the observed maximum.

    Parameters
    ----------
    power : arrays [frequency] by name
        The first is that of the observed data.
    left : arrays [frequency] by name
        Of observed minus predicted data.
    frequency : array, Hz

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> f = np.linspace(0.0, 50.0, 26)
    >>> power = {"observed": np.exp(-((f - 10) ** 2) / 50) + 1e-6}
    >>> len(compare_spectra(power, {"result": 0.1 * power["observed"]}, f).axes)
    2
    """
    figure, axes = new_figure(11.0, 3.2, columns=2, share=True)
    reference = max(float(next(iter(power.values())).max()), np.finfo(float).tiny)
    loud = np.flatnonzero(next(iter(power.values())) > 1e-4 * reference)
    for panel, curves, title, shift in zip(
        axes[0], (power, left), ("observed and predicted", "observed − predicted"), (1, 0), strict=True
    ):
        for k, (name, values) in enumerate(curves.items()):
            style: Any = {"color": INK, "linestyle": "-"} if shift and k == 0 else _style(k - shift)
            level = 10 * np.log10(np.maximum(values / reference, 1e-8))
            panel.plot(frequency, level, label=name, linewidth=1.3, **style)
        panel.set(title=title, xlabel="frequency (Hz)")
        panel.grid(**GRID)
    _legend(figure, axes[0, 0])
    end = float(frequency[min(len(frequency) - 1, int(1.3 * loud[-1]) + 1)])
    axes[0, 0].set(ylabel="amplitude (dB)", xlim=(0, end), ylim=(-62, 3))
    return figure


@styled
def compare_coherence(curves: Sequence[tuple[str, Mapping[str, tuple[np.ndarray, np.ndarray]]]]) -> Figure:
    """Draw the coherence of models with the truth by wavenumber, a panel for each band of depth.

    Parameters
    ----------
    curves : (title, (wavenumber 1/m, coherence) by name) for each panel

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> k = np.linspace(1e-3, 1e-2, 10)
    >>> len(compare_coherence([("all depths", {"L2": (k, np.linspace(1, 0, 10))})]).axes)
    1
    """
    figure, axes = new_figure(11.0, 3.0, columns=len(curves), share=True)
    for panel, (title, lines) in zip(axes[0], curves, strict=True):
        for k, (name, (wavenumber, value)) in enumerate(lines.items()):
            panel.plot(1e3 * wavenumber, value, label=name, linewidth=1.3, **_style(k))
        panel.axhline(0.5, color=INK, linewidth=0.6, linestyle=":")
        panel.set(title=title, xlabel="wavenumber (1/km)")
        panel.grid(**GRID)
    axes[0, 0].set(ylabel="coherence with the truth", ylim=(-0.3, 1.05), xlim=(0, None))
    _legend(figure, axes[0, 0])
    return figure


@styled
def compare_scores(values: Mapping[str, Sequence[float]], *, label: str, success: float) -> Figure:
    """Draw the scores of methods over seeds and starts, one dot each, and the limit of success.

    Parameters
    ----------
    values : scores by method
    label : str
        What a score is.
    success : float

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(compare_scores({"L2": [0.9, 0.7], "TV": [0.6, 0.5]}, label="RMSE / start", success=0.65).axes)
    1
    """
    figure, axes = new_figure(11.0, 1.2 + 0.35 * len(values))
    panel = axes[0, 0]
    for k, row in enumerate(values.values()):
        panel.scatter(row, [k] * len(row), color=_COLOURS[k % len(_COLOURS)], s=24, alpha=0.7, linewidths=0)
        panel.scatter([np.median(row)], [k], marker="|", color=INK, s=160)
    panel.axvline(success, color=INK, linewidth=0.8, linestyle="--")
    panel.set_yticks(range(len(values)), list(values))
    words = f"{label} (dashed: success; bar: median)"
    panel.set(ylim=(len(values) - 0.5, -0.5), xlim=(0, None), xlabel=words)
    panel.grid(**GRID)
    return figure


def _style(k: int) -> dict[str, Any]:
    return {"color": _COLOURS[k % len(_COLOURS)], "linestyle": _DASHES[k // len(_COLOURS) % len(_DASHES)]}


def _legend(figure: Figure, panel: Axes) -> None:
    """Name a panel's lines above all panels, where they cover none."""
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, ncols=min(len(labels), 7), loc="outside upper center")


def _stages(rows: Sequence[Mapping[str, Any]], *keys: str) -> list[list[Mapping[str, Any]]]:
    """Return the rows with equal entries of these keys, in groups."""
    return [list(group) for _, group in groupby(rows, lambda row: [row.get(key) for key in keys])]
