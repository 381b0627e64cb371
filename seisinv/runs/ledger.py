"""History and cost of a run of any kind of inversion so far, kept so that the run can be resumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seisinv.core import Model, RunError
from seisinv.propagate import counted
from seisinv.runs.cost import Cost, Spent, forget_peak, peak_memory, write_cost
from seisinv.runs.directory import COSTS, OTHER, RunDirectory, iterate_name

Arrays = dict[str, np.ndarray]


@dataclass
class Ledger:
    """Rows of the history and the cost of a run; everything computed passes through `kept`.

    Parameters
    ----------
    directory : RunDirectory
    seed : int
    truth : Model, optional
        The true model; only errors are measured with it.
    budget : int, optional
        Largest number of wave-equation solves.
    """

    directory: RunDirectory
    seed: int = 0
    truth: Model | None = None
    budget: int | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    solves: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    recomputed: float = 0.0
    replayed: bool = False  # whether the latest result came from the directory
    shots: dict[int, int] = field(default_factory=dict)  # hashes of the shots that results were computed from
    reading: dict[int, int] = field(default_factory=dict)  # those of the result that is being computed
    elsewhere: Spent = field(default_factory=Spent)  # by other processes, for the result that is being computed
    peak: int = 0  # largest memory of one of them, bytes

    def begin(self, start: Model) -> None:
        """Count memory from now on; write the models that the run begins with."""
        forget_peak()
        self.directory.write_model("start.npz", start)
        if self.truth is not None:
            self.directory.write_model("truth.npz", self.truth)

    def kept(self, name: str, key: str, compute: Callable[[], Arrays], *, solves: int) -> Arrays:
        """Return a result, computed now or by an earlier process, and add its cost."""
        before = self.directory.replayed

        def with_shots() -> Arrays:
            self.reading, self.elsewhere = {}, Spent()
            arrays = timed(compute)
            for name in ("cpu_seconds", "recomputed"):
                arrays[name] = np.array(arrays[name] + getattr(self.elsewhere, name))
            self.peak = max(self.peak, self.elsewhere.peak_memory)
            return arrays | {"shots": np.array(list(self.reading.items()), np.uint64).reshape(-1, 2)}

        arrays = self.directory.kept(name, key, with_shots)
        self.shots |= dict(arrays.pop("shots").tolist())
        self.replayed = self.directory.replayed > before
        self.solves += solves
        self.seconds += float(arrays["seconds"])
        self.cpu_seconds += float(arrays.get("cpu_seconds", 0.0))
        self.recomputed += float(arrays.get("recomputed", 0.0))
        return arrays

    def read(self, shots: Mapping[int, int], numbers: Sequence[int]) -> None:
        """Note what shots hold, as hashes by index.

        Raises
        ------
        RunError
            If a result of the run was computed from something else.
        """
        self.reading |= shots
        changed = [k for k, held in shots.items() if self.shots.setdefault(k, held) != held]
        if changed:
            which = ", ".join(f"{k + 1} (number {numbers[k]})" for k in changed[:3]) + (", …" if changed[3:] else "")
            raise RunError(
                f"the data of {len(changed)} of {len(numbers)} shots have changed since the run began: shot {which}",
                remedy=["put the former data back and resume the run", OTHER],
            )

    def record(self, row: Mapping[str, Any], model: Model) -> None:
        """Add a row to the history. The model is written first, so that every row has its model."""
        self.rows.append(dict(row))
        name = f"models/{iterate_name(len(self.rows) - 1)}"
        # A replay that has not caught up leaves the newer files alone.
        if not self.directory.holds(name):
            self.directory.write_model(name, model)
        if len(self.rows) > self.directory.accepted_before():
            self.directory.write_model("model.npz", model)
            self.directory.write_history(self.rows)

    def end(self, note: str = "") -> None:
        """Write the cost, which marks the run as finished."""
        peak = max(self.peak, peak_memory())
        cost = Cost(self.solves, self.recomputed, self.seconds, self.cpu_seconds, peak, note)
        write_cost(self.directory, cost)


def timed(compute: Callable[[], Arrays]) -> Arrays:
    """Return a result with its cost; a result that already has one keeps it."""
    began, cpu = time.perf_counter(), time.process_time()
    with counted() as work:
        arrays = compute()
    spent = (time.perf_counter() - began, time.process_time() - cpu, work.recomputed)
    return dict(zip(COSTS, map(np.array, spent), strict=True)) | arrays
