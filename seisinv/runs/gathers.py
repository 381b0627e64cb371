"""Some shots that a run keeps for display, in gathers.npz."""

from __future__ import annotations

import numpy as np

from seisinv.core import Gathers
from seisinv.runs.directory import RunDirectory
from seisinv.signal.processing import Band, Window, processed

SHOWN_SHOTS = 3


def shown_shots(count: int) -> list[int]:
    """Return the indices of the shots that are kept, of `count` shots."""
    return np.unique(np.linspace(0, count - 1, SHOWN_SHOTS + 2).round().astype(int)[1:-1]).tolist()


def write_gathers(
    directory: RunDirectory, observed: Gathers, predictions: tuple[Gathers, Gathers], *,
    shots: list[int], band: Band | None, window: Window | None = None,
) -> None:  # fmt: skip
    """Write shots as observed, and as predicted in the starting model and in the result, filtered and muted alike."""
    recorded = processed(observed, band, window)
    before, after = (
        processed(g.replace(live=g.live & recorded.live), band, window).data.detach().numpy() for g in predictions
    )
    time, names = observed.survey.time, observed.components
    components = {}
    if len(names) > 1:
        width = observed.survey.max_receivers
        said = [[*(shot.components or ()), *[""] * width][:width] for shot in observed.survey.shots]
        components = {"components": np.array(said)}
    directory.write_npz(
        "gathers.npz", observed=recorded.data.numpy(), before=before, after=after, offsets=observed.survey.offsets,
        live=recorded.live.numpy(), shots=np.array(shots), dt=np.array(time.step), start=np.array(time.start),
        **components,
    )  # fmt: skip
