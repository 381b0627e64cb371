"""Running the inversions of a comparison one after the other, each in a run directory of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seisinv.compare.comparison import Label
from seisinv.runs.directory import RECORD
from seisinv.runs.record import RunRecord, read_run

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
        Does the run in `directory`; called with True where the directory holds a run to be resumed, else False.
    is_finished : callable
        Returns whether nothing is left to do.

    Examples
    --------
    >>> from pathlib import Path
    >>> from seisinv.compare import Label, PlannedRun
    >>> planned = PlannedRun(Label("TV", "TV"), Path("runs/TV"), run=lambda resume: print("resumed:", resume))
    >>> planned.run(False), planned.is_finished()
    resumed: False
    (None, False)
    """

    label: Label
    directory: Path
    run: Callable[[bool], Any]
    is_finished: Callable[[], bool] = _never


def run_all(planned: Sequence[PlannedRun]) -> dict[Label, RunRecord]:
    """Do all runs that are not finished, and read what all have left.

    Parameters
    ----------
    planned : sequence of PlannedRun

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
    >>> def write_start(resume):
    ...     run = RunDirectory.open(Path(folder, "TV"), fingerprint={}, settings={}, resume=resume)
    ...     run.write_model("start.npz", si.Model(si.Grid((3, 4), 10.0), vp=2000.0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     records = run_all([PlannedRun(Label("TV", "TV"), Path(folder, "TV"), write_start)])
    >>> [label.name for label in records]
    ['TV']
    """
    for number, p in enumerate(planned, 1):
        if p.is_finished():
            log.info("%s is there already", p.label.name)
            continue
        log.info("run %d of %d: %s", number, len(planned), p.label.name)
        p.run((p.directory / RECORD).exists())
    return {p.label: read_run(p.directory) for p in planned}
