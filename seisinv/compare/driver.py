"""Running the inversions of a comparison, each in a run directory of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seisinv.compare.comparison import Label
from seisinv.runs.directory import RECORD
from seisinv.runs.record import RunRecord, read_run
from seisinv.spread import Executor, spread_over

log = logging.getLogger("seisinv.compare")


def _never() -> bool:
    """Return that something is left to do."""
    return False


@dataclass(frozen=True, eq=False)
class PlannedRun:
    """A run that is to be done, or continued.

    Parameters
    ----------
    label : Label
    directory : Path
        Its run directory.
    run : callable
        Does the run in `directory`; called with whether the directory holds a run to be resumed, and with the engine
        for its shots (see `seisinv.spread`), None where the run is one task of many. Where runs are spread, it must be
        possible to pickle it.
    is_finished : callable
        Returns whether nothing is left to do.

    Examples
    --------
    >>> from pathlib import Path
    >>> from seisinv.compare import Label, PlannedRun
    >>> planned = PlannedRun(Label("TV", "TV"), Path("runs/TV"), run=lambda resume, executor: print("resumed:", resume))
    >>> planned.run(False, None), planned.is_finished()
    resumed: False
    (None, False)
    """

    label: Label
    directory: Path
    run: Callable[[bool, Executor], Any]
    is_finished: Callable[[], bool] = _never


def run_all(planned: Sequence[PlannedRun], executor: Executor = None) -> dict[Label, RunRecord]:
    """Do all runs that are not finished, and read what all have left.

    Parameters
    ----------
    planned : sequence of PlannedRun
    executor : optional
        Where they are done; see `seisinv.spread`. Where there are at least as many runs as workers, each worker does
        whole runs, else the shots of one run after the other are spread.

    Returns
    -------
    dict
        The run directories in memory, by label, for `evaluate`.

    Examples
    --------
    >>> import tempfile
    >>> import seisinv as si
    >>> from pathlib import Path
    >>> from seisinv.compare import Label, PlannedRun, run_all
    >>> from seisinv.runs import RunDirectory
    >>> def write_start(resume, executor):
    ...     run = RunDirectory.open(Path(folder, "TV"), fingerprint={}, settings={}, resume=resume)
    ...     run.write_model("start.npz", si.Model(si.Grid((3, 4), 10.0), vp=2000.0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     records = run_all([PlannedRun(Label("TV", "TV"), Path(folder, "TV"), write_start)])
    >>> [label.name for label in records]
    ['TV']
    """
    spread, todo = spread_over(executor), []
    for p in planned:
        if p.is_finished():
            log.info("%s is there already", p.label.name)
        else:
            todo.append(p)
    if len(todo) >= spread.workers > 1:
        log.info("%d runs, %d at a time: %s", len(todo), spread.workers, ", ".join(p.label.name for p in todo))
        tasks = [_Whole(p.label.name, p.directory, p.run) for p in todo]
        for name in spread.map(_done, tasks):
            log.info("%s is done", name)
    else:
        for p in todo:
            log.info("run %d of %d: %s", planned.index(p) + 1, len(planned), p.label.name)
            p.run((p.directory / RECORD).exists(), spread)
    return {p.label: read_run(p.directory) for p in planned}


@dataclass(frozen=True, eq=False)
class _Whole:
    """A whole run as one task."""

    name: str
    directory: Path
    run: Callable[[bool, Executor], Any]
    is_long: bool = True


def _done(task: _Whole) -> str:
    # Looked at where and when it is done: another worker may have begun it, and been lost.
    task.run((task.directory / RECORD).exists(), None)
    return task.name
