"""The loop over bands: every number it needs more than once is kept, so that a killed run replays to the same bits."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Model
from seisinv.inversion.band_run import BandRun, label
from seisinv.inversion.cost import FILE, Cost, forget_peak, peak_memory, read_cost
from seisinv.inversion.optimizers import Optimizer
from seisinv.inversion.processing import Band, processed
from seisinv.inversion.result import BandEnd, Progress, Result, of_shots
from seisinv.inversion.run_directory import RunDirectory

if TYPE_CHECKING:
    from seisinv.inversion.problem import Inversion, Map

log = logging.getLogger("seisinv.inversion")

SHOWN_SHOTS = 3  # in gathers.npz


@dataclass
class Loop:
    """State of a run: where it is, what it has cost, what it has found."""

    problem: Inversion
    optimizer: Optimizer
    bands: Sequence[Band | None]
    directory: RunDirectory
    progress: Progress | None
    seed: int
    truth: Model | None
    mapper: Map
    budget: int | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    wavelets: dict[str, Tensor] = field(default_factory=dict)
    solves: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    recomputed: float = 0.0

    def run(self) -> Result:
        """Invert band by band and write what the report needs."""
        forget_peak()
        x = self.problem.unknown.vector()
        self.directory.write_model("start.npz", self.model(x))
        if self.truth is not None:
            self.directory.write_model("truth.npz", self.truth)
        ends: list[BandEnd] = []
        for index in range(len(self.bands)):
            run = BandRun(self, index, x)
            ends.append(run.run())
            x = run.accepted
            log.info("band %s: %s", label(self.bands[index]), ends[-1].reason)
        # Each model is shown with the wavelet that fits best in it.
        first = None
        if self.directory.path is not None:
            first = run.estimated_wavelet(self.problem.unknown.vector(), "start-wavelet")
        model = run.finished()
        self.directory.write_model("model.npz", model)
        result = Result(
            model, self.model(self.problem.unknown.vector()), self.rows, ends, self.wavelets,
            self.directory.path, self.problem.propagator, self.solves,
        )  # fmt: skip
        self._write_gathers(result, first)
        self._write_cost()
        return result

    def spent(self, arrays: Mapping[str, np.ndarray], solves: int) -> None:
        """Count what an answer cost, whether it was computed now or in an earlier process."""
        self.solves += solves
        self.seconds += float(arrays["seconds"])
        self.cpu_seconds += float(arrays.get("cpu_seconds", 0.0))
        self.recomputed += float(arrays.get("recomputed", 0.0))

    def model(self, x: np.ndarray) -> Model:
        """Return the model of a vector."""
        with torch.no_grad():
            return self.problem.model(torch.from_numpy(x))

    def _write_cost(self) -> None:
        path = self.directory.path
        if path is None or read_cost(path) is not None:  # a finished run that is only replayed
            return
        cost = Cost(self.solves, self.recomputed, round(self.seconds, 3), round(self.cpu_seconds, 3), peak_memory())
        self.directory.write(FILE, cost.as_bytes())

    def _write_gathers(self, result: Result, first: Tensor | None) -> None:
        if self.directory.path is None:
            return
        survey, band = self.problem.observed.survey, self.bands[-1]
        shots = np.unique(np.linspace(0, len(survey) - 1, SHOWN_SHOTS + 2).round().astype(int)[1:-1]).tolist()
        simulator = self.problem.propagator.subset(shots)
        observed = processed(self.problem.observed[shots], band, self.problem.window)
        last = list(self.wavelets.values())[-1] if self.wavelets else None
        shown = []
        for model, wavelet in ((result.start, first), (result.model, last)):
            with torch.no_grad():
                gathers = simulator(model, of_shots(wavelet, shots))
            live = gathers.live & observed.live
            shown.append(processed(gathers.replace(live=live), band, self.problem.window).data.numpy())
        self.directory.write_npz(
            "gathers.npz", observed=observed.data.numpy(), before=shown[0], after=shown[1],
            offsets=observed.survey.offsets, live=observed.live.numpy(), shots=np.array(shots),
            dt=np.array(survey.time.step), start=np.array(survey.time.start),
        )  # fmt: skip
