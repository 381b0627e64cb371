"""A few shots that a run keeps for the eye, in gathers.npz."""

from __future__ import annotations

import numpy as np

from seisinv.core import Gathers
from seisinv.runs.directory import RunDirectory
from seisinv.signal.processing import Band, Window, processed

SHOWN_SHOTS = 3


def shown_shots(count: int) -> list[int]:
    """Return the indices of the shots that are kept, of as many."""
    return np.unique(np.linspace(0, count - 1, SHOWN_SHOTS + 2).round().astype(int)[1:-1]).tolist()


def write_gathers(
    directory: RunDirectory, observed: Gathers, predictions: tuple[Gathers, Gathers], *,
    shots: list[int], band: Band | None, window: Window | None = None,
) -> None:  # fmt: skip
    """Write shots as observed, and as predicted in the start model and in the result, all filtered and muted alike."""
    seen = processed(observed, band, window)
    before, after = (
        processed(g.replace(live=g.live & seen.live), band, window).data.detach().numpy() for g in predictions
    )
    time = observed.survey.time
    directory.write_npz(
        "gathers.npz", observed=seen.data.numpy(), before=before, after=after, offsets=observed.survey.offsets,
        live=seen.live.numpy(), shots=np.array(shots), dt=np.array(time.step), start=np.array(time.start),
    )  # fmt: skip
