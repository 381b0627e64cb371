"""The report page: figures, headline numbers and configuration in one HTML file that needs no network."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seisinv import plot
from seisinv.core import PARAMETERS
from seisinv.metrics.errors import Metrics, metrics
from seisinv.report import certainty
from seisinv.report.render import Headline, Picture, picture, render, write_files
from seisinv.runs.record import RunRecord, read_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class BandRow:
    """Outcome of one frequency band."""

    band: str
    iterations: int
    start: float
    end: float
    solves: float
    rmse: float | None

    @property
    def ratio(self) -> float:
        """Misfit at the end of the band over that at its start."""
        return self.end / self.start if self.start else 1.0


def summary(run: RunRecord) -> list[str]:
    """Return the headline numbers as lines of text.

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
    ['P velocity error (RMSE): 44 m/s, was 88 m/s at the start (-50%)']
    """
    return [f"{card.title}: {card.value}, {card.note}" for card in headline(run)]


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
    e, ended = run.ensemble, [f"the run {run.cost.note}"] if run.cost is not None and run.cost.note else []
    page = render(
        "report/page.html",
        run=run,
        name=run.directory.resolve().name,
        place=run.directory.resolve().as_posix(),
        cards=headline(run),
        bands=band_rows(run),
        errors=error_rows(run),
        certainties=certainty.certainties(run),
        words=certainty.words(e) if e else [],
        level=certainty.percent(e.level) if e else "",
        pictures={p.name: p for p in pictures},
        settings_text=run.settings_text,
        notes=[*run.settings.get("chosen", {}).get("notes", []), *ended],
        versions=run.settings.get("versions", {}),
    )
    files = {f"figures/{p.name}.png": p.png for p in pictures}
    write_files(run.directory, {**files, "report.html": page.encode()})
    return run.directory / "report.html"


def headline(run: RunRecord) -> list[Headline]:
    """Return the headline numbers of a run."""
    cards = []
    if run.truth is not None and run.has_truth:
        for name in run.result:
            before, after = metrics(run.start, run.truth, name=name), metrics(run.result, run.truth, name=name)
            unit = PARAMETERS[name].unit
            note = f"was {before.rmse:.0f} {unit} at the start ({_percent(after.rmse, before.rmse)})"
            cards.append(Headline(f"{PARAMETERS[name].title} error (RMSE)", f"{after.rmse:.0f} {unit}", note))
    cards += certainty.headlines(run)
    if run.gathers is not None:
        first, final = (_unexplained(run.gathers.observed, p) for p in (run.gathers.before, run.gathers.after))
        note = f"of the shots shown, in the last band; was {first:.1%} at the start"
        cards.append(Headline("Energy not explained", f"{final:.1%}", note))
    elif run.history:
        rows = band_rows(run)
        cards.append(
            Headline("Misfit left", f"{rows[-1].ratio:.1%}", f"of its value when the band {rows[-1].band} began")
        )
    if run.history:
        last = run.history[-1]
        note = f"forward-modelling equivalents in {_duration(last['seconds'])}"
        cards.append(Headline("Work", f"{last['solves']:g}", note))
    return cards


def band_rows(run: RunRecord) -> list[BandRow]:
    """Summarise the history band by band."""
    rows, first, history = [], 0, run.history
    for k in range(1, len(history) + 1):
        if k < len(history) and all(history[k].get(key) == history[first].get(key) for key in ("band", "rung")):
            continue
        a, b = history[first], history[k - 1]
        band = "all frequencies" if a["band"] is None else f"up to {a['band']:g} Hz"
        band += ", traveltimes" if a.get("stage") == "kinematic" else ""
        rows.append(BandRow(band, int(b["iteration"]), a["misfit"], b["misfit"], b["solves"], b.get("model_rmse")))
        first = k
    return rows


def error_rows(run: RunRecord) -> list[tuple[str, str, Metrics]]:
    """Return (model, parameter, errors) for start and result, where a truth is known on the same grid."""
    if run.truth is None or not run.has_truth:
        return []
    return [
        (title, name, metrics(model, run.truth, start=run.start if title == "result" else None, name=name))
        for name in run.result
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
        for k in range(len(g.observed)):
            live = g.live[k]
            for when, data in (("before", g.before), ("after", g.after)):
                figure = plot.compare_gathers(
                    g.observed[k][live], data[k][live], offsets=g.offsets[k][live], time=g.time
                )
                title = f"Shot {g.shots[k] + 1}, {when} the inversion"
                pictures.append(picture(f"gather-{g.shots[k] + 1}-{when}", title, "", figure))
    if run.wavelets and run.wavelet_time is not None:
        pictures.append(picture("wavelet", "Source wavelet", _WAVELET, plot.wavelets(run.wavelets, run.wavelet_time)))
    return pictures


_MODELS = "One colour scale for all models, one symmetric scale for all differences."
_CERTAIN = "The colours of the standard deviation end at its 99.5th percentile."
_CERTAIN_OR_NOT = (
    "The colours of standard deviation and error end at their own 99.5th percentiles; the half-width is half the width "
    "of the credible interval."
)
_CONVERGENCE = "A dashed line starts a new frequency band; its data are filtered alike on both sides."
_WAVELET = "Estimated from the data by least squares at each frequency, at the end of each band."


def _models_figure(run: RunRecord, name: str) -> Figure:
    models = {"start": run.start, "result": run.result}
    differences = {"result − start": ("result", "start")}
    if run.truth is not None and run.has_truth:
        models["truth"] = run.truth
        differences = {"result − truth": ("result", "truth"), **differences, "truth − start": ("truth", "start")}
    return plot.compare_models(models, name, differences=differences)


def _unexplained(observed: np.ndarray, predicted: np.ndarray) -> float:
    energy = float((observed.astype(float) ** 2).sum())
    return float(((observed.astype(float) - predicted) ** 2).sum()) / energy if energy else 0.0


def _percent(after: float, before: float) -> str:
    return f"{(after - before) / before:+.0%}" if before else "no change"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
