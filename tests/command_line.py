"""Commands run in this process, and a small survey for them."""

from __future__ import annotations

import numpy as np
import torch
from typer.testing import CliRunner

import seisinv as si
from seisinv.cli import app


def seisinv(*args: object) -> tuple[int, str, str]:
    """Run a command in this process; return exit code, stdout, stderr."""
    result = CliRunner().invoke(app, [str(a) for a in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def survey(shots: int = 3, **changes: float) -> si.Survey:
    x = np.linspace(100, 900, shots)
    sources = np.stack([np.full(shots, 20.0), x], axis=1)
    if "same" in changes:
        sources[:, 1] = changes["same"]
    receivers = si.line(0, 1000, every=50, depth=20)
    return si.Survey.surface(sources=sources, receivers=receivers, wavelet=si.ricker(6), duration=0.8, dt=4e-3)


def synthetic(acquired: si.Survey) -> si.Gathers:
    """A direct wave and one reflection, without simulation."""
    time_axis = torch.from_numpy(acquired.time.times)
    offset = torch.from_numpy(np.nan_to_num(np.abs(acquired.offsets)))
    data = torch.zeros(len(acquired), acquired.max_receivers, acquired.time.samples)
    for zero_time, speed in ((0.0, 1600.0), (0.35, 1900.0)):
        arrival = torch.sqrt(zero_time**2 + (offset / speed) ** 2)[..., None] + 0.2
        a = (torch.pi * 6 * (time_axis - arrival)) ** 2
        data += ((1 - 2 * a) * torch.exp(-a)).float()
    return si.Gathers(data, acquired)
