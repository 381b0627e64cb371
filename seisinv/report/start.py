"""The page that `seisinv start` writes: picks, fit, model."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seisinv.traveltime.picking import Picks
    from seisinv.traveltime.tomography import Tomogram

CAPTIONS = {
    "model": "Below the rays the model is an extrapolation; inversion begins there with little more than the gradient.",
    "picks": "Every trace is divided by its RMS. Red: picked; blue: predicted by the model.",
    "fit": "A fit far below the error of the picks means that noise was fitted; a slope with offset, a wrong model.",
}


def render(
    directory: Path, *, figures: Mapping[str, bytes], picks: Picks, found: Tomogram, settings: Mapping[str, Any]
) -> str:
    """Return the page as HTML with all pictures inside.

    Parameters
    ----------
    directory : Path
        Named in the title and in the command that goes on.
    figures : PNG files by name
    picks : Picks
    found : Tomogram
    settings : mapping
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("seisinv", "report"), autoescape=True, undefined=StrictUndefined)
    v0, k = found.line
    first = next(f for f in reversed(found.history) if f.medium == "gradient")
    cards = [
        (
            "first breaks",
            f"{picks.count}",
            f"of {int(picks.survey.occupied.sum())} traces, in {len(picks.survey)} shots",
        ),
        ("residual", f"{1e3 * found.history[-1].rms:.1f} ms", f"{1e3 * first.rms:.1f} ms in the gradient medium"),
        ("gradient medium", f"{v0:.0f} m/s", f"growing by {k:.2f} m/s per metre"),
        (
            "delay",
            f"{1e3 * found.delay:.1f} ms",
            "common to all picks" if picks.lag is None else "beyond the wavelet's lag",
        ),
    ]
    pictures = [
        (name, "data:image/png;base64," + base64.b64encode(figures[name]).decode(), text)
        for name, text in CAPTIONS.items()
    ]
    data = settings.get("data", {}).get("path") or ["line.sgy"]
    return environment.get_template("start.html").render(
        name=directory.name, cards=cards, pictures=pictures, place=str(directory), data=data[0],
        history=found.history, by_offset=found.by_offset(picks),
        vp=(float(found.model.vp.min()), float(found.model.vp.max())),
    )  # fmt: skip
