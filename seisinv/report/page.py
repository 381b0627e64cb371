"""The report page: figures, headline numbers and configuration in one HTML file that needs no network."""

from __future__ import annotations

import base64
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seisinv import plot
from seisinv.core import PARAMETERS, RunError
from seisinv.metrics import Metrics, metrics
from seisinv.report import certainty
from seisinv.runs.record import RunRecord, read_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Headline:
    """A headline number: what it is, its value, and a word on it."""

    title: str
    value: str
    note: str


@dataclass(frozen=True)
class BandRow:
    """How one frequency band went."""

    band: str
    iterations: int
    start: float
    end: float
    solves: float
    rmse: float | None

    @property
    def ratio(self) -> float:
        """Misfit left at the end of the band, of that at its start."""
        return self.end / self.start if self.start else 1.0


@dataclass(frozen=True)
class Picture:
    """A figure, embedded in the page and saved beside it."""

    name: str
    title: str
    caption: str
    png: bytes

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


def summary(run: RunRecord) -> list[str]:
    """Return the headline numbers as lines of text."""
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
        If the directory is no run directory or cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    run = read_run(directory)
    pictures = draw_pictures(run)
    environment = Environment(loader=PackageLoader("seisinv", "report"), autoescape=True, undefined=StrictUndefined)
    environment.filters["quoted"] = shlex.quote
    page = environment.get_template("page.html").render(
        run=run,
        name=run.directory.resolve().name,
        place=run.directory.resolve().as_posix(),
        cards=headline(run),
        bands=band_rows(run),
        errors=error_rows(run),
        ensemble=run.ensemble,
        certainties=certainty.certainties(run),
        words=certainty.words(run.ensemble) if run.ensemble else [],
        level=certainty.percent(run.ensemble.level) if run.ensemble else "",
        pictures={picture.name: picture for picture in pictures},
        settings_text=run.settings_text,
        notes=[*run.settings.get("chosen", {}).get("notes", []), *_ended(run)],
        versions=run.settings.get("versions", {}),
    )
    try:
        (run.directory / "figures").mkdir(exist_ok=True)
        for picture in pictures:
            _write(run.directory / "figures" / f"{picture.name}.png", picture.png)
        _write(run.directory / "report.html", page.encode("utf-8"))
    except OSError as error:
        raise RunError(f"the report cannot be written to {run.directory}: {error.strerror}") from None
    return run.directory / "report.html"


def headline(run: RunRecord) -> list[Headline]:
    """Return the numbers a reader looks for first."""
    cards = []
    if run.truth is not None and run.has_truth:
        for name in run.result:
            before, after = metrics(run.start, run.truth, name=name), metrics(run.result, run.truth, name=name)
            unit = PARAMETERS[name].unit
            note = f"was {before.rmse:.0f} {unit} at the start ({_percent(after.rmse, before.rmse)})"
            cards.append(Headline(f"{PARAMETERS[name].title} error (RMSE)", f"{after.rmse:.0f} {unit}", note))
    cards += [Headline(*texts) for texts in certainty.cards(run)]
    if run.gathers is not None:
        before_, after_ = (_unexplained(run.gathers.observed, p) for p in (run.gathers.before, run.gathers.after))
        cards.append(
            Headline(
                "Energy not explained",
                f"{after_:.1%}",
                f"of the shots shown, in the last band; was {before_:.1%} at the start",
            )
        )
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


def _ended(run: RunRecord) -> list[str]:
    return [f"the run {run.cost.note}"] if run.cost is not None and run.cost.note else []


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
        _picture(f"models-{name}", _models_figure(run, name), PARAMETERS[name].title, _MODELS) for name in run.result
    ]
    caption = _CERTAIN_OR_NOT if run.has_truth else _CERTAIN
    pictures += [
        _picture(f"uncertainty-{c.name}", certainty.figure(run, c.name), f"{c.title}, how certain", caption)
        for c in certainty.certainties(run)
    ]
    if run.history:
        pictures.append(_picture("convergence", plot.convergence(run.history), "Convergence", _CONVERGENCE))
    g = run.gathers
    if g is not None:
        for k in range(len(g.observed)):
            live = g.live[k]
            for when, data in (("before", g.before), ("after", g.after)):
                figure = plot.compare_gathers(
                    g.observed[k][live], data[k][live], offsets=g.offsets[k][live], time=g.time
                )
                title = f"Shot {g.shots[k] + 1}, {when} the inversion"
                pictures.append(_picture(f"gather-{g.shots[k] + 1}-{when}", figure, title, ""))
    if run.wavelets and run.wavelet_time is not None:
        pictures.append(_picture("wavelet", plot.wavelets(run.wavelets, run.wavelet_time), "Source wavelet", _WAVELET))
    return pictures


_MODELS = "One colour scale for all models, one symmetric scale for all differences."
_CERTAIN = "The colours of the standard deviation end at its 99.5th percentile."
_CERTAIN_OR_NOT = (
    "The colours of standard deviation and error end at their own 99.5th percentiles; a half-width is half of the "
    "interval that is to hold the truth."
)
_CONVERGENCE = "A dashed line starts a new frequency band; its data are filtered alike on both sides."
_WAVELET = "Estimated from the data by least squares, frequency by frequency, as it stood in each band."


def _models_figure(run: RunRecord, name: str) -> Figure:
    models = {"start": run.start, "result": run.result}
    differences = {"result − start": ("result", "start")}
    if run.truth is not None and run.has_truth:
        models["truth"] = run.truth
        differences = {"result − truth": ("result", "truth"), **differences, "truth − start": ("truth", "start")}
    return plot.compare_models(models, name, differences=differences)


def _picture(name: str, figure: Figure, title: str, caption: str) -> Picture:
    return Picture(name, title, caption, plot.png(figure))


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


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
