"""The report page: figures, headline numbers and configuration in one HTML file that needs no network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from seisinv import plot
from seisinv.core import PARAMETERS
from seisinv.metrics.errors import Metrics, metrics
from seisinv.report import certainty
from seisinv.report.measure import bad_end, band_rows, headlines, lines, measure
from seisinv.report.render import Picture, picture, render, write_files
from seisinv.runs.record import RunRecord, read_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def summary(run: RunRecord) -> list[str]:
    """Return the headline numbers as lines of text; where a run ended badly, the first line says so.

    Parameters
    ----------
    run : RunRecord

    Returns
    -------
    list of str

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> from pathlib import Path
    >>> from seisinv.report import summary
    >>> from seisinv.runs import RunRecord
    >>> start = si.Model(si.Grid((12, 16), 20.0), vp=2000.0)
    >>> truth = start.replace(vp=2000 + 10 * np.arange(16) * np.ones((12, 1)))
    >>> summary(RunRecord(Path("run"), {}, (), start, truth.replace(vp=truth.vp + 44), truth=truth))
    ['P velocity error (RMSE): 44.0 m/s, over all cells; was 88.0 m/s at the start (-50%)']
    """
    return list(lines(run))


def write_report(directory: str | os.PathLike[str]) -> Path:
    """Write report.html and figures/*.png of a run, from what the run directory holds.

    Parameters
    ----------
    directory : path
        A run directory, finished or not.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    RunError
        If the directory is not a run directory or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import seisinv as si
    >>> from seisinv.report import write_report
    >>> from seisinv.runs import RunDirectory
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = RunDirectory.open(folder, fingerprint={}, settings={}, resume=False)
    ...     run.write_model("start.npz", si.Model(si.Grid((12, 16), 20.0), vp=2000.0))
    ...     write_report(folder).name
    'report.html'
    """
    run = read_run(directory)
    pictures = draw_pictures(run)
    e, faults = run.ensemble, measure(run).faults
    page = render(
        "report/page.html",
        run=run,
        name=run.directory.resolve().name,
        place=run.directory.resolve().as_posix(),
        bad_end=bad_end(faults) if faults else "",
        cards=headlines(run),
        bands=band_rows(run),
        errors=error_rows(run),
        certainties=certainty.certainties(run),
        words=certainty.words(e) if e else [],
        level=certainty.percent(e.level) if e else "",
        pictures={p.name: p for p in pictures},
        settings_text=run.settings_text,
        notes=run.settings.get("chosen", {}).get("notes", []),
        versions=run.settings.get("versions", {}),
        more_models=sorted(path.name for path in run.directory.glob("model_*.sgy")),
    )
    files = {f"figures/{p.name}.png": p.png for p in pictures}
    write_files(run.directory, {**files, "report.html": page.encode()})
    return run.directory / "report.html"


def error_rows(run: RunRecord) -> list[tuple[str, str, Metrics]]:
    """Return (model, parameter, errors) for start and result, where a truth is known on the same grid."""
    if run.truth is None or not run.has_truth:
        return []
    return [
        (title, name, metrics(model, run.truth, start=run.start if title == "result" else None, name=name))
        for name in run.result
        if name in run.truth
        for title, model in (("start", run.start), ("result", run.result))
    ]


def draw_pictures(run: RunRecord) -> list[Picture]:
    """Draw everything the run directory has data for."""
    pictures = [
        picture(f"models-{name}", PARAMETERS[name].title, _MODELS, _models_figure(run, name)) for name in run.result
    ]
    caption = _CERTAIN_OR_NOT if run.has_truth else _CERTAIN
    pictures += [
        picture(f"uncertainty-{c.name}", f"{c.title}, uncertainty", caption, certainty.figure(run, c.name))
        for c in certainty.certainties(run)
    ]
    if run.history:
        pictures.append(picture("convergence", "Convergence", _CONVERGENCE, plot.convergence(run.history)))
    g = run.gathers
    if g is not None:
        parts = [(k, name, live) for k in range(len(g.observed)) for name, live in g.parts(k)]
        for k, name, live in parts:
            for when, data in (("before", g.before), ("after", g.after)):
                figure = plot.compare_gathers(
                    g.observed[k][live], data[k][live], offsets=g.offsets[k][live], time=g.time
                )
                title = f"Shot {g.shots[k] + 1}, {f'{name}, ' if name else ''}{when} the inversion"
                file = f"gather-{g.shots[k] + 1}{f'-{name}' if name else ''}-{when}"
                pictures.append(picture(file, title, "", figure))
    if run.wavelets and run.wavelet_time is not None:
        figure = plot.wavelets(run.wavelets, run.wavelet_time, spread=run.wavelet_spread)
        how = _RENEWED if run.wavelet_spread is None else _HELD
        pictures.append(picture("wavelet", "Source wavelet", f"{_WAVELET}{how}", figure))
    return pictures


_MODELS = "One colour scale for all models, one symmetric scale for all differences."
_CERTAIN = "The colours of the standard deviation end at its 99.5th percentile."
_CERTAIN_OR_NOT = (
    "The colours of standard deviation and error end at their own 99.5th percentiles; the half-width is half the width "
    "of the credible interval."
)
_CONVERGENCE = "A dashed line starts a new frequency band; its data are filtered alike on both sides."
_WAVELET = "Estimated from the data by least squares at each frequency"
_RENEWED = ", at the end of each band."
_HELD = ", before the first band, and held. The shade is its standard error from shot to shot."


def _models_figure(run: RunRecord, name: str) -> Figure:
    models = {"start": run.start, "result": run.result}
    differences = {"result − start": ("result", "start")}
    if run.truth is not None and run.has_truth and name in run.truth:
        models["truth"] = run.truth
        differences = {"result − truth": ("result", "truth"), **differences, "truth − start": ("truth", "start")}
    return plot.compare_models(models, name, differences=differences)
