"""Simulation of the shots of a survey as tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from seisinv.core import Gathers, Model, Simulator
from seisinv.spread.base import Done, Here, TaskRunner


@dataclass(frozen=True, eq=False)
class SimulationTask:
    """Some shots to be simulated in a model, which other tasks share.

    Parameters
    ----------
    simulator : Simulator
        Restricted to the shots.
    first : int
        Number of the first of them.
    shared : Model
    source : tensor [time] or [shot, source, time], optional
        In place of the simulator's own wavelet.
    """

    simulator: Simulator
    first: int
    shared: Model
    source: Tensor | None = None

    @property
    def name(self) -> str:
        """What it is called where it is lost."""
        return f"shots {self.first + 1} to {self.first + len(self.simulator.survey)}"


def simulated(
    simulator: Simulator,
    model: Model,
    *,
    size: int,
    source: Tensor | None = None,
    spread: TaskRunner | None = None,
    done: Done | None = None,
) -> Gathers:
    """Simulate all shots of a survey, without gradients.

    Parameters
    ----------
    simulator : Simulator
    model : Model
    size : int
        Shots of a task. The last bits depend on it (products of matrices are rounded by their size): choose it by the
        survey, never by the machine.
    source : tensor [time] or [shot, source, time], optional
        In place of the simulator's own wavelet.
    spread : TaskRunner, optional
        Where it is done; default: here.
    done : callable, optional
        Called with the number of tasks done.

    Returns
    -------
    Gathers

    Examples
    --------
    >>> import seisinv as si
    >>> grid = si.Grid((13, 21), 20.0)
    >>> survey = si.Survey.surface(sources=si.line(100, 300, every=100, depth=20), wavelet=si.ricker(6),
    ...                            receivers=si.line(0, 400, every=40), duration=0.3, dt=4e-3)
    >>> simulate, model = si.Propagator(si.Acoustic(), grid, survey, vp_max=2600), si.Model(grid, vp=2000.0)
    >>> found = simulated(simulate, model, size=2)
    >>> found.data.shape, bool((found.data - simulate(model).data).abs().max() < 1e-6 * found.data.abs().max())
    (torch.Size([3, 11, 76]), True)
    """
    survey = simulator.survey
    plain = Model(model.grid, **{n: model[n].detach() for n in model})

    def tasks() -> Iterator[SimulationTask]:
        for first in range(0, len(survey), size):
            shots = list(range(first, min(first + size, len(survey))))
            own = source[shots] if source is not None and source.ndim == 3 else source
            yield SimulationTask(simulator.subset(shots), first, plain, own)

    parts = (spread or Here()).map(_data, tasks(), done)
    wide = [torch.nn.functional.pad(data, (0, 0, 0, survey.max_receivers - data.shape[1])) for data in parts]
    return Gathers(torch.cat(wide), survey)


def _data(task: SimulationTask) -> Tensor:
    with torch.no_grad():
        return task.simulator(task.shared, task.source).data
