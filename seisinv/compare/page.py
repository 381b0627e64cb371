"""The page of a comparison: one HTML file that opens from disk, and the same numbers as JSON and CSV beside it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from seisinv import plot
from seisinv.compare import payload
from seisinv.compare.columns import Column, as_csv, as_json, columns
from seisinv.compare.comparison import Comparison, Judged, score, score_name
from seisinv.compare.robust import FEW, PairedRuns
from seisinv.core import RunError
from seisinv.core.files import write_whole
from seisinv.metrics.wavenumber import by_depth
from seisinv.report import certainty
from seisinv.report.page import Picture
from seisinv.signal.processing import Band

PAGE, JSON, CSV = "comparison.html", "comparison.json", "comparison.csv"


@dataclass(frozen=True)
class Cell:
    """A number of the table: text, value to sort by, and how it is shown."""

    text: str
    value: str
    classes: str


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    name: str
    cells: tuple[Any, ...]
    reference: bool = False


def write_comparison(
    comparison: Comparison, directory: str | os.PathLike[str], *, name: str | None = None, command: str = ""
) -> Path:
    """Write comparison.html, comparison.json and comparison.csv.

    Parameters
    ----------
    comparison : Comparison
    directory : path
    name : str, optional
        Title of the page; default: the directory's name.
    command : str
        What makes it again.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    RunError
        If it cannot be written.
    """
    folder = Path(directory)
    page = render(comparison, name=name or folder.resolve().name, command=command)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in ((JSON, as_json(comparison)), (CSV, as_csv(comparison)), (PAGE, page)):
            write_whole(folder / file, text.encode("utf-8"))
    except OSError as error:
        raise RunError(f"the comparison cannot be written to {folder}: {error.strerror}") from None
    return folder / PAGE


def render(comparison: Comparison, *, name: str, command: str = "") -> str:
    """Return the page as text."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    loader = ChoiceLoader([PackageLoader("seisinv", "compare"), PackageLoader("seisinv", "report")])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    c, shown = comparison, columns(comparison)
    models, gathers = payload.models(c), payload.gathers(c)
    packed = json.dumps({"models": models, "gathers": gathers}, separators=(",", ":"), allow_nan=False)
    first = c.runs[0].run
    assert first is not None  # only references have none
    scores = c.runs[0].card.rock or c.runs[0].card.model
    coherent = [r for r in (*payload.shown_runs(c), *c.references) if r.label.method != "truth"]
    return environment.get_template("page.html").render(
        c=c,
        name=name,
        command=command,
        grid=first.start.grid,
        spacing=" × ".join(dict.fromkeys(f"{h:g}" for h in first.start.grid.spacing)),
        budget=_budget(c),
        has_held=any(r.card.data is not None and r.card.data.held_shots is not None for r in c.runs),
        columns=shown,
        groups=[(group, list(members)) for group, members in groupby(shown, key=lambda k: k.group)],
        rows=list(_rows(c, shown)),
        legend=_legend(c),
        several=len(c.runs) > len({r.label.method for r in c.runs}),
        score_name=score_name(c),
        verdict=verdict,
        shown=payload.shown_runs(c),
        models=models,
        gathers=gathers,
        band_name="" if c.band is None else _hertz(c.band),
        pictures={p.name: p for p in _pictures(c, coherent)},
        depths=[depth[:2] for depth in scores.half_by_depth] if scores is not None else [],
        resolved=[Row(r.label.name, _wavelengths(r)) for r in coherent],
        certain=_certain(c),
        versions=first.settings.get("versions", {}),
        # The only character that could end the element early.
        payload=Markup(packed.replace("<", "\\u003c")),
    )


def verdict(pair: PairedRuns) -> str:
    """Return what an interval of a paired difference says."""
    if pair.low is None or pair.high is None:
        return "no interval"
    if pair.low <= 0 <= pair.high:
        return "not told apart"
    better = pair.first if pair.high < 0 else pair.second
    return f"{better} is better" + (f" ({pair.pairs} pairs are few)" if pair.pairs < FEW else "")


def _budget(c: Comparison) -> int | None:
    found = {r.run.settings.get("job", {}).get("budget", "none") for r in c.runs if r.run is not None}
    only = found.pop() if len(found) == 1 else "none"
    return None if only == "none" else int(only)


def _rows(c: Comparison, shown: Sequence[Column]) -> list[Row]:
    values = [[k.value(r.card) for k in shown] for r in c.runs]
    best = [_best([row[i] for row in values], k.best) for i, k in enumerate(shown)]
    groups = [k.group for k in shown]

    def cells(entry: Judged) -> tuple[Cell, ...]:
        out = []
        for i, k in enumerate(shown):
            value = k.value(entry.card)
            known = value is not None and not math.isnan(value)
            classes = ["first"] if i == 0 or groups[i - 1] != groups[i] else []
            classes += [] if k.main else ["more"]
            classes += ["best"] if entry.run is not None and known and value == best[i] and len(c.runs) > 1 else []
            sort = "" if not known else f"{value:.9g}".replace("inf", "1e300")
            out.append(Cell(k.text(entry.card), sort, " ".join(classes)))
        return tuple(out)

    return [Row(r.label.name, cells(r), r.run is None) for r in c.everything]


def _best(values: Sequence[float | None], wanted: str) -> float | None:
    known = [v for v in values if v is not None and not math.isnan(v)]
    if not wanted or len(set(known)) < 2:
        return None
    return min(known) if wanted == "low" else max(known)


def _legend(c: Comparison) -> str:
    out = []
    if c.truth is not None:
        out.append(
            f"Data range of SSIM and PSNR: {c.data_range:,.0f} m/s. Wavelengths are long from {c.split:,.0f} m on."
        )
    if c.water is not None and c.truth is not None:
        out.append(f"{int(c.water.sum())} nodes are water, which no run changes.")
    if c.band is not None and c.time is not None:
        out.append(f"Misfits are shares of the observed energy left unexplained, {_hertz(c.band)}.")
    if c.held_band is not None:
        out.append(
            f"The held-out band passes {_hertz(c.held_band)}; its lower flank overlaps the last band's upper one."
        )
    out.append("The cost is that of the inversion alone.")
    return " ".join(out)


def _hertz(band: Band) -> str:
    return f"up to {band.high:g} Hz" if band.low is None else f"{band.low:g} to {band.high:g} Hz"


def _pictures(c: Comparison, coherent: Sequence[Judged]) -> list[Picture]:
    runs, out = payload.shown_runs(c), []
    histories = {r.label.name: r.run.history for r in runs if r.run is not None and r.run.history}
    if histories:
        note = "Every run's misfit is of its own kind; for models and data judged alike, see the report card."
        out.append(_picture("convergence", "Convergence", note, plot.compare_convergence(histories)))
    seen = {r.label.name: r.seen for r in runs if r.seen is not None}
    if seen:
        some = next(iter(seen.values())).spectrum
        power = {"observed": some.observed, **{n: s.spectrum.predicted for n, s in seen.items()}}
        left = {n: s.spectrum.left for n, s in seen.items()}
        note = "Of all inverted shots, not filtered; dB below the observed maximum."
        out.append(_picture("spectra", "Spectra", note, plot.compare_spectra(power, left, some.frequency)))
    if c.truth is not None:
        out.append(_coherence(c, coherent))
    points = {r.label.method: [] for r in c.runs} if c.robustness else {}  # type: dict[str, list[float]]
    start = {r.label.start: r for r in c.references if r.label.method == "start"}
    for run in c.runs if points else ():
        value = score(run, start[run.label.start])
        points[run.label.method] += [] if value is None else [value]
    if points:
        drawn = plot.compare_scores(points, label=score_name(c), success=c.success)
        out.append(_picture("scores", "Scores of all runs", "One dot for each seed and start.", drawn))
    return out


def _coherence(c: Comparison, coherent: Sequence[Judged]) -> Picture:
    assert c.truth is not None  # asked for only where it is known
    mask = None if c.water is None else ~c.water
    found = {r.label.name: by_depth(r.model, c.truth, mask=mask) for r in coherent}
    panels = []
    for k, part in enumerate(next(iter(found.values()))):
        title = f"depth {part.depth[0]:,.0f} to {part.depth[1]:,.0f} m"
        panels.append((title, {n: (rows[k].wavenumber, rows[k].value) for n, rows in found.items()}))
    note = "Correlation of the models' and the truth's cosines in rings of wavenumbers; dotted: one half."
    return _picture("coherence", "Coherence with the truth", note, plot.compare_coherence(panels))


def _wavelengths(entry: Judged) -> tuple[str, ...]:
    scores = entry.card.rock or entry.card.model
    if scores is None:
        return ()
    return tuple("–" if half is None else f"{1 / half:,.0f}" for _, _, half in scores.half_by_depth)


def _certain(c: Comparison) -> list[Picture]:
    out = []
    for k, entry in enumerate(payload.shown_runs(c)):
        record = entry.run
        for found in certainty.certainties(record) if record is not None else ():
            assert record is not None  # certain of something only where there is a run
            title = f"{entry.label.name}: {found.title}"
            note = "Mean and standard deviation of the run's ensemble, with the error where the truth is known."
            out.append(_picture(f"certain-{k}-{found.name}", title, note, certainty.figure(record, found.name)))
    return out


def _picture(name: str, title: str, caption: str, figure: Any) -> Picture:
    return Picture(name, title, caption, plot.png(figure))
