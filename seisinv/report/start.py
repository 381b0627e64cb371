"""The page that `seisinv start` writes: picks, fit, model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seisinv.report.render import Headline, Picture
from seisinv.report.render import render as rendered

if TYPE_CHECKING:
    from seisinv.traveltime.picking import Picks
    from seisinv.traveltime.tomography import Fit, Tomogram

CAPTIONS = {
    "model": "Below the rays the model is extrapolated; there it is little more than the linear gradient.",
    "picks": "Every trace is divided by its RMS. Red: picked; blue: predicted by the model.",
    "fit": "A residual far below the error of the picks: noise is fitted; a trend with offset: a wrong model.",
}


def faults(picks: Picks, found: Tomogram) -> list[str]:
    """Return what is wrong with the fit of a model to first breaks."""
    before, after, half = (1e3 * t for t in (_gradient(found).rms, found.history[-1].rms, picks.period / 2))
    out = []
    if not after <= before:
        out.append(f"the residual ended at {after:.1f} ms, was {before:.1f} ms in the gradient model")
    if not after <= half:
        out.append(f"the residual of {after:.1f} ms is more than half a period ({half:.1f} ms): waves will skip cycles")
    return out


def _gradient(found: Tomogram) -> Fit:
    """Return the last step of the fit of the gradient model."""
    return next(f for f in reversed(found.history) if f.medium == "gradient")


def render(directory: Path, *, figures: Mapping[str, bytes], picks: Picks, found: Tomogram, job: str) -> str:
    """Return the page as HTML with all pictures inside.

    Parameters
    ----------
    directory : Path
        Named in the title.
    figures : mapping of str to bytes
        PNG files by name.
    picks : Picks
    found : Tomogram
    job : str
        That inverts the data from the model; empty where the model is not kept.

    Returns
    -------
    str
    """
    v0, k = found.line
    traces, shots = int(picks.survey.occupied.sum()), len(picks.survey)
    delay = "common to all picks" if picks.lag is None else "beyond the wavelet's lag"
    cards = [
        Headline("first breaks", f"{picks.count}", f"of {traces} traces, in {shots} shots"),
        Headline(
            "residual",
            f"{1e3 * found.history[-1].rms:.1f} ms",
            f"{1e3 * _gradient(found).rms:.1f} ms in the gradient model",
        ),
        Headline("gradient model", f"{v0:.0f} m/s", f"growing by {k:.2f} m/s per metre"),
        Headline("delay", f"{1e3 * found.delay:.1f} ms", delay),
    ]
    return rendered(
        "report/start.html",
        name=directory.name,
        bad_fit="; ".join(faults(picks, found)),
        cards=cards,
        pictures=[Picture(name, name.capitalize(), text, figures[name]) for name, text in CAPTIONS.items()],
        job=job,
        history=found.history,
        by_offset=found.by_offset(picks),
        vp=(float(found.model.vp.min()), float(found.model.vp.max())),
    )
