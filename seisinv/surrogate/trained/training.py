"""Training of a surrogate: Adam on new points while the duration grows, then L-BFGS on fixed points.

    minimise  mean (r t₁² / P)²  +  mean (e t₁ / P)²

over points of the equation's residual r and, where edges absorb, of theirs, e (t₁ and P: `surrogate.trained.ansatz`;
P here r.m.s.).  In the first half of Adam's steps the points lie in the first 1/n, 2/n, … of the time, so that
subdomains switch on from early to late and waves are learnt in the order in which they travel (Moseley, Markham &
Nissen-Meyer 2023, doi 10.1007/s10444-023-10065-9).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, DataError, RunError
from seisinv.core.checks import check_least
from seisinv.core.files import parsed
from seisinv.core.stopping import interruptions
from seisinv.core.tensors import read_tensors, write_tensors
from seisinv.surrogate.features import on_edges, spread
from seisinv.surrogate.jets import Jet
from seisinv.surrogate.residual import Medium, Residual
from seisinv.surrogate.trained.ansatz import Ansatz, AnsatzRows, Form
from seisinv.symbolic.equations import Symbol

WARMUP = 50  # steps over which Adam's rate rises
TOGETHER = 10  # iterations of L-BFGS between progress reports
HISTORY = 100  # of L-BFGS
EVERY = 100  # updates between checkpoints
SEEDS = 1_000_003  # further apart than steps


@dataclass(frozen=True)
class TrainingSchedule:
    """Settings of the training of a surrogate.

    Parameters
    ----------
    steps : int
        Number of steps of Adam.
    batch : int
        Number of points of a step, new in every step.
    rate : float
        Adam's highest step length; it rises linearly over 50 steps, then falls as a cosine.
    stages : int
        Number of stages in which the duration grows; 1 starts with all of it.
    polish : int
        Number of iterations of L-BFGS after that.
    points : int
        Number of points of L-BFGS, the same in all iterations.

    Raises
    ------
    ConfigError
        If a number is out of range.

    Examples
    --------
    >>> schedule = TrainingSchedule(steps=1000, polish=200)
    >>> schedule.updates  # 1000 steps of Adam, 20 times 10 iterations of L-BFGS
    1020
    """

    steps: int = 2000
    batch: int = 1000
    rate: float = 1e-2
    stages: int = 4
    polish: int = 500
    points: int = 4000

    def __post_init__(self) -> None:
        check_least(self, 1, "batch", "stages", "points")
        check_least(self, 0, "steps", "polish")
        if self.steps + self.polish == 0:
            raise ConfigError("steps and polish are both 0, which leaves nothing to do; raise one of them")
        if not 0 < self.rate < 1:
            raise ConfigError(f"rate is {self.rate:g}; Adam's step length is between 0 and 1, such as 1e-2")

    @property
    def updates(self) -> int:
        """Number of updates: steps of Adam, then every ten iterations of L-BFGS."""
        return self.steps + math.ceil(self.polish / TOGETHER)

    def rate_at(self, step: int) -> float:
        """Return Adam's step length at a step."""
        return self.rate * min(1.0, (step + 1) / WARMUP) * 0.5 * (1 + math.cos(math.pi * step / self.steps))

    def reach_at(self, step: int) -> float:
        """Return the fraction of the duration that Adam's points cover at a step."""
        return min(1.0, (1 + 2 * step * self.stages // self.steps) / self.stages)


@dataclass(frozen=True)
class TrainingStep:
    """Progress of a training after an update.

    Parameters
    ----------
    update, updates : int
        Number of the update, and of all updates.
    residual : float
        Root of the objective: r.m.s. of the dimensionless rows.
    method : str
        "Adam" or "L-BFGS".
    seconds, eta : float, s
        Elapsed and remaining time.

    Examples
    --------
    >>> TrainingStep(10, 100, 0.02, "Adam", seconds=1.0, eta=9.0).residual
    0.02
    """

    update: int
    updates: int
    residual: float
    method: str
    seconds: float
    eta: float


@dataclass(frozen=True, eq=False)
class TrainingEquations:
    """The equations that a trained surrogate satisfies.

    Parameters
    ----------
    residual : Residual
    ansatz : Ansatz
    velocity : Medium, optional
        Coefficient "vp" where edges absorb; None where they do not.
    seed : int
        Of the points.
    """

    residual: Residual
    ansatz: Ansatz
    velocity: Medium | None
    seed: int

    def points(self, count: int, draw: int, reach: float = 1.0) -> np.ndarray:
        """Return points (z, x, t) spread over the domain and the first part of the time."""
        low, high = np.array([(p.low, p.high) for p in self.ansatz.partitions]).T
        places = spread(count, 3, seed=self.seed * SEEDS + draw)
        return np.asarray(low + (high - low) * places * (1.0, 1.0, reach))

    def rows(self, count: int, draw: int, reach: float = 1.0) -> list[AnsatzRows]:
        """Return dimensionless rows of the equation, and of the edges if they absorb."""
        points, t1 = self.points(count, draw, reach), self.ansatz.start.time
        size = self.ansatz.start.rms
        out = [self.ansatz.rows(points, {o: t1**2 / size * f for o, f in self.residual.form(points).items()})]
        if self.velocity is not None:
            edge, form = self.edges(points)
            out.append(self.ansatz.rows(edge, {o: t1 / size * f for o, f in form.items()}))
        return out

    def edges(self, points: np.ndarray) -> tuple[np.ndarray, Form]:
        """Move points to the four edges in turn; return them and ∂p/∂t + vp ∂p/∂n (Engquist & Majda 1977)."""
        assert self.velocity is not None
        edge, normals = on_edges(points, self.ansatz.partitions)
        c = self.velocity(Jet(Symbol("vp", "coefficient"), (0, 0)), edge[:, :2])
        return edge, {(0, 0, 1): 1.0, (1, 0, 0): c * normals[:, 0], (0, 1, 0): c * normals[:, 1]}

    def loss(self, parameters: list[Tensor], rows: list[AnsatzRows]) -> Tensor:
        """Return the sum of the mean squares of the rows."""
        return torch.stack([self.ansatz.apply(parameters, r).square().mean() for r in rows]).sum()


class Training:
    """State of a training.

    Parameters
    ----------
    equations : TrainingEquations
    recipe : TrainingSchedule
    first : tensors
        First parameters.
    file : path, optional
        Where checkpoints are kept; None keeps none.
    identity : mapping
        What the parameters depend on; a checkpoint with another one is refused.
    """

    def __init__(
        self,
        equations: TrainingEquations,
        recipe: TrainingSchedule,
        first: list[Tensor],
        *,
        file: Path | None,
        identity: Mapping[str, Any],
    ) -> None:
        self.equations, self.recipe, self.file = equations, recipe, file
        self.identity = json.loads(json.dumps(identity))
        self.parameters = [p.clone().requires_grad_() for p in first]
        self.adam = torch.optim.Adam(self.parameters, lr=recipe.rate, betas=(0.9, 0.99))
        self.lbfgs = torch.optim.LBFGS(
            self.parameters,
            max_iter=TOGETHER,
            max_eval=4 * TOGETHER,
            tolerance_grad=1e-14,
            tolerance_change=1e-16,
            history_size=HISTORY,
            line_search_fn="strong_wolfe",
        )
        self.update, self.seconds = 0, 0.0
        self.fixed: list[AnsatzRows] | None = None

    def open(self, resume: bool) -> None:
        """Start, or resume from the checkpoint."""
        if self.file is None:
            return
        if self.file.exists():
            if not resume:
                raise RunError(f"{self.file.parent} already holds a training; resume it, or choose another directory")
            self._load(self.file)
            return
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot create {self.file.parent}: {error.strerror}; choose another directory") from None
        self._keep()  # fails before the work, not after it

    def run(self, progress: Callable[[TrainingStep], None] | None) -> list[Tensor]:
        """Train to the end and return the parameters."""
        updates = self.recipe.updates
        with interruptions() as is_stopped:
            while self.update < updates:
                began = time.perf_counter()
                with_adam = self.update < self.recipe.steps
                loss = self._step() if with_adam else self._polish()
                if not math.isfinite(loss):
                    raise RunError(f"the residual is {loss} at update {self.update}; train again with a smaller rate")
                self.update += 1
                self.seconds += time.perf_counter() - began
                try:
                    if progress is not None:
                        left = self.seconds / self.update * (updates - self.update)
                        method = "Adam" if with_adam else "L-BFGS"
                        progress(TrainingStep(self.update, updates, math.sqrt(loss), method, self.seconds, left))
                    if is_stopped():
                        raise KeyboardInterrupt
                except KeyboardInterrupt:
                    self._keep()
                    raise
                if self.update % EVERY == 0 or self.update == updates:
                    self._keep()
        return [p.detach() for p in self.parameters]

    def _step(self) -> float:
        for group in self.adam.param_groups:
            group["lr"] = self.recipe.rate_at(self.update)
        rows = self.equations.rows(self.recipe.batch, 1 + self.update, self.recipe.reach_at(self.update))
        loss = self.equations.loss(self.parameters, rows)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return loss.item()

    def _polish(self) -> float:
        if self.fixed is None:
            self.fixed = self.equations.rows(self.recipe.points, 0)
        rows = self.fixed

        def closure() -> Tensor:
            self.lbfgs.zero_grad()
            loss = self.equations.loss(self.parameters, rows)
            loss.backward()
            return loss

        left = self.recipe.polish - TOGETHER * (self.update - self.recipe.steps)
        self.lbfgs.param_groups[0]["max_iter"] = min(TOGETHER, left)
        loss: Tensor = self.lbfgs.step(closure)  # type: ignore[assignment, arg-type]
        return loss.item()

    def _keep(self) -> None:
        """Write a checkpoint."""
        if self.file is None:
            return
        tensors = {f"parameter.{k}": p.detach() for k, p in enumerate(self.parameters)}
        for k, p in enumerate(self.parameters):
            tensors |= {f"adam.{k}.{n}": torch.as_tensor(v) for n, v in self.adam.state.get(p, {}).items()}
        memory = self.lbfgs.state_dict()["state"].get(0, {})
        numbers, lengths = {}, {}
        for name, value in memory.items():
            if isinstance(value, Tensor):
                tensors[f"lbfgs.{name}"] = value
            elif isinstance(value, list) and name != "al":  # al is computed afresh in each iteration
                lengths[name] = len(value)
                tensors |= {f"lbfgs.{name}.{k}": v for k, v in enumerate(value)}
            elif name != "al":
                numbers[name] = value
        record = {"update": self.update, "seconds": self.seconds, "identity": self.identity}
        card = json.dumps(record | {"numbers": numbers, "lengths": lengths})
        write_tensors(self.file, tensors, {"surrogate": card})

    def _load(self, file: Path) -> None:
        try:
            tensors, metadata = read_tensors(file)
            record = parsed(json.loads, metadata["surrogate"], "JSON")
            identity = dict(record["identity"])
        except (DataError, KeyError, TypeError, ValueError):
            raise _incomplete(file) from None
        other = [k for k in self.identity if self.identity[k] != identity.get(k)]
        if other:
            raise RunError(
                f"{file.parent} holds a training with another {', '.join(other)}; resume with the same, or choose "
                "another directory"
            )
        try:
            self._restore(tensors, record)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError):
            raise _incomplete(file) from None

    def _restore(self, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
        self.update, self.seconds = int(record["update"]), float(record["seconds"])
        with torch.no_grad():
            for k, p in enumerate(self.parameters):
                p.copy_(tensors[f"parameter.{k}"])
                if f"adam.{k}.step" in tensors:
                    self.adam.state[p] = {n: tensors[f"adam.{k}.{n}"] for n in ("step", "exp_avg", "exp_avg_sq")}
        memory = dict(record["numbers"])
        memory |= {n: [tensors[f"lbfgs.{n}.{k}"] for k in range(count)] for n, count in record["lengths"].items()}
        alone = (n for n in tensors if n.startswith("lbfgs.") and n.count(".") == 1)
        memory |= {n.removeprefix("lbfgs."): tensors[n] for n in alone}
        if memory:
            state = self.lbfgs.state_dict()
            self.lbfgs.load_state_dict({**state, "state": {0: memory}})


def _incomplete(file: Path) -> RunError:
    return RunError(f"{file} is not a complete checkpoint of a surrogate; delete it to train from the start")
