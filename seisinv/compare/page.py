"""The page of a comparison: one self-contained HTML file, and the same numbers as JSON and CSV beside it."""

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
from seisinv.compare.comparison import Comparison, Evaluated, has_hold_out, score, score_name
from seisinv.compare.robust import FEW, PairedRuns
from seisinv.metrics.wavenumber import by_depth
from seisinv.report import certainty
from seisinv.report.measure import headlines
from seisinv.report.render import Picture, picture, write_files
from seisinv.report.render import render as rendered
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
        Repeats the comparison; shown on the page.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    RunError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, seisinv as si
    >>> from pathlib import Path
    >>> from seisinv.compare import Label, evaluate, write_comparison
    >>> from seisinv.runs import RunDirectory, read_run
    >>> start = si.Model(si.Grid((12, 16), 20.0), vp=2000.0)
    >>> truth = start.replace(vp=2000 + 10 * np.arange(16) * np.ones((12, 1)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = RunDirectory.open(Path(folder, "TV"), fingerprint={}, settings={}, resume=False)
    ...     run.write_model("start.npz", start)
    ...     comparison = evaluate({Label("TV", "TV"): read_run(Path(folder, "TV"))}, truth=truth)
    ...     write_comparison(comparison, folder, name="Two models").name
    'comparison.html'
    """
    folder = Path(directory)
    page = render(comparison, name=name or folder.resolve().name, command=command)
    texts = {JSON: as_json(comparison), CSV: as_csv(comparison), PAGE: page}
    write_files(folder, {file: text.encode() for file, text in texts.items()})
    return folder / PAGE


def render(comparison: Comparison, *, name: str, command: str = "") -> str:
    """Return the page as text."""
    from markupsafe import Markup

    c, shown = comparison, columns(comparison)
    models, gathers = payload.models(c), payload.gathers(c)
    packed = json.dumps({"models": models, "gathers": gathers}, separators=(",", ":"), allow_nan=False)
    first = c.runs[0].run
    assert first is not None  # only references have none
    scores = c.runs[0].scores.rock or c.runs[0].scores.model
    coherent = [r for r in (*payload.shown_runs(c), *c.references) if r.label.method != "truth"]
    return rendered(
        "compare/page.html",
        c=c,
        name=name,
        command=command,
        grid=first.start.grid,
        spacing=" × ".join(dict.fromkeys(f"{h:g}" for h in first.start.grid.spacing)),
        budget=_budget(c),
        has_held=has_hold_out(c),
        columns=shown,
        groups=[(group, list(members)) for group, members in groupby(shown, key=lambda k: k.group)],
        rows=list(_rows(c, shown)),
        legend=_legend(c),
        measured=[(r.label.name, headlines(r.run)) for r in c.runs if r.run is not None],
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
    """Return the conclusion from the interval of a paired difference."""
    if pair.low is None or pair.high is None:
        return "no interval"
    if pair.low <= 0 <= pair.high:
        return "no significant difference"
    better = pair.first if pair.high < 0 else pair.second
    return f"{better} is better" + (f" (only {pair.pairs} pairs)" if pair.pairs < FEW else "")


def _budget(c: Comparison) -> int | None:
    found = {r.run.settings.get("job", {}).get("budget", "none") for r in c.runs if r.run is not None}
    only = found.pop() if len(found) == 1 else "none"
    return None if only == "none" else int(only)


def _rows(c: Comparison, shown: Sequence[Column]) -> list[Row]:
    values = [[k.value(r.scores) for k in shown] for r in c.runs]
    best = [_best([row[i] for row in values], k.best) for i, k in enumerate(shown)]
    groups = [k.group for k in shown]

    def cells(entry: Evaluated) -> tuple[Cell, ...]:
        out = []
        for i, k in enumerate(shown):
            value = k.value(entry.scores)
            known = value is not None and not math.isnan(value)
            classes = ["first"] if i == 0 or groups[i - 1] != groups[i] else []
            classes += [] if k.main else ["more"]
            classes += ["best"] if entry.run is not None and known and value == best[i] and len(c.runs) > 1 else []
            sort = "" if not known else f"{value:.9g}".replace("inf", "1e300")
            out.append(Cell(k.text(entry.scores), sort, " ".join(classes)))
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
            f"Data range of SSIM and PSNR: {c.data_range:,.0f} m/s. Long wavelengths are those above {c.split:,.0f} m."
        )
    if c.water is not None and c.truth is not None:
        out.append(f"{int(c.water.sum())} nodes are water, which is not inverted.")
    if c.band is not None and c.time is not None:
        out.append(f"Misfits are shares of the observed energy left unexplained, {_hertz(c.band)}.")
    if c.held_band is not None:
        out.append(
            f"The hold-out band passes {_hertz(c.held_band)}; its lower flank overlaps the upper one of the last band."
        )
    out.append("The cost is that of the inversion alone.")
    return " ".join(out)


def _hertz(band: Band) -> str:
    return f"up to {band.high:g} Hz" if band.low is None else f"{band.low:g} to {band.high:g} Hz"


def _pictures(c: Comparison, coherent: Sequence[Evaluated]) -> list[Picture]:
    runs, out = payload.shown_runs(c), []
    histories = {r.label.name: r.run.history for r in runs if r.run is not None and r.run.history}
    if histories:
        note = "Runs may have different misfits; the scores evaluate all models and data alike."
        out.append(picture("convergence", "Convergence", note, plot.compare_convergence(histories)))
    spectra = {r.label.name: r.prediction.spectrum for r in runs if r.prediction is not None}
    if spectra:
        some = next(iter(spectra.values()))
        power = {"observed": some.observed, **{n: s.predicted for n, s in spectra.items()}}
        left = {n: s.left for n, s in spectra.items()}
        note = "Of all inverted shots, not filtered; dB below the observed maximum."
        out.append(picture("spectra", "Spectra", note, plot.compare_spectra(power, left, some.frequency)))
    if c.truth is not None:
        out.append(_coherence(c, coherent))
    points = {r.label.method: [] for r in c.runs} if c.robustness else {}  # type: dict[str, list[float]]
    start = {r.label.start: r for r in c.references if r.label.method == "start"}
    for run in c.runs if points else ():
        value = score(run, start[run.label.start])
        points[run.label.method] += [] if value is None else [value]
    if points:
        drawn = plot.compare_scores(points, label=score_name(c), success=c.success)
        out.append(picture("scores", "Scores of all runs", "One dot for each seed and start.", drawn))
    return out


def _coherence(c: Comparison, coherent: Sequence[Evaluated]) -> Picture:
    assert c.truth is not None  # asked for only where it is known
    mask = None if c.water is None else ~c.water
    found = {r.label.name: by_depth(r.model, c.truth, mask=mask) for r in coherent}
    panels = []
    for k, part in enumerate(next(iter(found.values()))):
        title = f"depth {part.depth[0]:,.0f} to {part.depth[1]:,.0f} m"
        panels.append((title, {n: (rows[k].wavenumber, rows[k].value) for n, rows in found.items()}))
    note = "Correlation of the models' and the truth's cosines in rings of wavenumbers; dotted: one half."
    return picture("coherence", "Coherence with the truth", note, plot.compare_coherence(panels))


def _wavelengths(entry: Evaluated) -> tuple[str, ...]:
    scores = entry.scores.rock or entry.scores.model
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
            out.append(picture(f"certain-{k}-{found.name}", title, note, certainty.figure(record, found.name)))
    return out
