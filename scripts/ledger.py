"""Runs that were done, one JSON line each, so that a script can be stopped and repeated."""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class Ledger:
    """Rows in one file, or in a folder with a file for each case.

    Parameters
    ----------
    path : Path
        A file `….jsonl`, or a folder.
    work : callable
        Makes the row of a task; the row repeats the task's keys.
    ignored : names of files
        Keys of a task that its row does not repeat.
    """

    def __init__(self, path: Path, work: Callable[[Row], Row], ignored: Iterable[str] = ()) -> None:
        self.path, self.work, self.ignored = path, work, set(ignored)
        one = path.suffix == ".jsonl"
        (path.parent if one else path).mkdir(parents=True, exist_ok=True)
        files = [path] * path.exists() if one else sorted(path.glob("*.jsonl"))
        self.rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]

    def find(self, task: Row) -> Row | None:
        """Return the row of a task."""
        keys = task.keys() - self.ignored
        return next((r for r in self.rows if all(r.get(k) == task[k] for k in keys)), None)

    def do(self, tasks: list[Row], jobs: int = 1) -> list[Row]:
        """Run what is missing, `jobs` at a time; return the rows of all tasks."""
        todo = [t for t in tasks if self.find(t) is None]
        if jobs == 1:
            for task in todo:
                self._keep(self.work(task))
        elif todo:
            with multiprocessing.get_context("spawn").Pool(jobs) as pool:
                for row in pool.imap_unordered(self.work, todo):
                    self._keep(row)
        return [r for t in tasks if (r := self.find(t)) is not None]

    def _keep(self, row: Row) -> None:
        self.rows.append(row)
        file = self.path if self.path.suffix == ".jsonl" else self.path / f"{row['case']}.jsonl"
        with file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        shown = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items() if k != "scores"}
        print(*(f"{k} {v}" for k, v in shown.items()), file=sys.stderr, flush=True)
