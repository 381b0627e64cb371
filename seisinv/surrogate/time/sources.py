"""Point sources in the scattered-field form: their background waves and the right-hand sides that follow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from seisinv.core import DataError, Survey
from seisinv.surrogate.features import later
from seisinv.surrogate.jets import Order
from seisinv.surrogate.parts import Parts
from seisinv.surrogate.residual import Residual
from seisinv.surrogate.time.background import Background
from seisinv.surrogate.time.rows import Rows, outgoing

FLOOR = 1e-2  # of the spectrum's maximum: the band ends where it falls below, at −40 dB


def highest_frequency(survey: Survey) -> float:
    """Return the frequency above which the wavelet is below −40 dB, Hz."""
    from scipy.fft import rfft

    assert survey.wavelet is not None
    w = survey.wavelet.detach().double().numpy()
    padded = 4 * w.shape[-1]
    spectrum = np.abs(np.asarray(rfft(w.reshape(-1, w.shape[-1]), padded))).max(0)
    if not spectrum.max() > 0:
        raise DataError("the wavelet is zero everywhere; pass one that is not")
    return float(np.flatnonzero(spectrum > FLOOR * spectrum.max())[-1] / (padded * survey.time.step))


def backgrounds(survey: Survey, residual: Residual, parts: Parts | None) -> tuple[tuple[Background, ...], ...]:
    """Return the waves of every shot's sources in media of the velocity at each, as far as its part reaches."""
    assert survey.wavelet is not None
    w = survey.wavelet.detach().double()
    if w.ndim == 1:
        w = w.expand(len(survey), survey.max_sources, -1)
    out = []
    for i, shot in enumerate(survey.shots):
        at = np.column_stack([shot.sources, np.zeros(len(shot.sources))])
        stiffness = -dict(residual.terms(at))[(2, 0, 0)].detach().numpy()
        strength = residual.source(shot.sources)
        out.append(
            tuple(
                Background(s, float(np.sqrt(k)), float(q), survey.time.step, w[i, j].numpy(), parts)
                for j, (s, k, q) in enumerate(zip(shot.sources, stiffness, strength, strict=True))
            )
        )
    return tuple(out)


def forcing(
    rows: Sequence[Rows], shots: Sequence[Sequence[Background]], start: float, edges: str | None
) -> dict[str, Tensor]:
    """Return the right-hand sides with which features and background together satisfy the rows [row, shot].

    The equation's are minus its residual on the background, which off the source is all there is of it: the two
    deltas, of the source and of the background's Laplacian, are the same.  Absorbing edges let the background out with
    its own velocity; across interfaces, where it ends, the features make up for its jumps.
    """
    out = {}
    for r in rows:
        if r.kind not in ("equation", "edge", "jump", "slope"):
            continue
        points = later(r.points, start)
        columns = []
        for sources in shots:
            total = torch.zeros(len(r), dtype=torch.float64)
            for b in sources:
                own: dict[Order, Tensor] = {}
                if r.kind == "edge" and edges == "absorbing":
                    own = dict(outgoing(torch.full((len(r),), b.speed, dtype=torch.float64), r.normals, r.decay))
                waves = b.derivatives(points, [order for order, _ in r.terms], r.between)
                for (order, factor), wave in zip(r.terms, waves, strict=True):
                    total = total - (factor - own.get(order, 0.0)) * torch.from_numpy(wave)
            columns.append(total)
        out[r.kind] = torch.stack(columns, 1)
    return out
