"""The cost of a run: wave equations, time, memory; written to cost.json when the run ends."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from seisinv.core import RunError
from seisinv.core.files import read_json
from seisinv.propagate import counted
from seisinv.runs.directory import RunDirectory, undamaged
from seisinv.spread import host

FILE = "cost.json"  # in a run directory
T = TypeVar("T")
log = logging.getLogger("seisinv.run")


@dataclass(frozen=True)
class Cost:
    """The cost of a run, interrupted processes included.

    Parameters
    ----------
    solves : int
        Wave equations solved, one per shot and simulation, two per shot and gradient.
    recomputed : float
        Forward runs repeated in gradients because not every step was kept.
    seconds, cpu_seconds : float, s
        Spent on wave equations and priors: by the clock, and by all threads of the process and of its workers.
    peak_memory : int, bytes
        Largest resident memory of the process during the run, or of one of its workers, everything that was loaded
        before included; of the last process of a run that was interrupted.
    note : str
        What the run itself doubts of its result, as words that follow "it"; empty where nothing.

    Examples
    --------
    >>> from seisinv.runs import Cost
    >>> Cost(solves=120, recomputed=0.0, seconds=8.2, cpu_seconds=15.1, peak_memory=400_000_000).solves
    120
    """

    solves: int
    recomputed: float
    seconds: float
    cpu_seconds: float
    peak_memory: int
    note: str = ""

    def as_bytes(self) -> bytes:
        """Return the content of cost.json."""
        rounded = {name: round(v, 3) if isinstance(v, float) else v for name, v in asdict(self).items()}
        return (json.dumps(rounded) + "\n").encode()


def read_cost(directory: Path) -> Cost | None:
    """Read the cost of a run.

    Parameters
    ----------
    directory : Path
        A run directory.

    Returns
    -------
    Cost or None
        None where the run has not ended.

    Raises
    ------
    RunError
        If the file is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from seisinv.runs import Cost, read_cost
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     before = read_cost(Path(folder))
    ...     _ = Path(folder, "cost.json").write_bytes(Cost(120, 0.0, 8.2, 15.1, 400_000_000).as_bytes())
    ...     before, read_cost(Path(folder)).seconds
    (None, 8.2)
    """
    return read_fields(directory / FILE, Cost)


def read_fields(file: Path, kind: type[T]) -> T | None:
    """Read an object from a JSON file of a run directory, None where it is not there.

    Raises
    ------
    RunError
        If the file is damaged.
    """
    if not file.is_file():
        return None
    from pydantic import TypeAdapter, ValidationError

    with undamaged(file):
        found = read_json(file)
        try:
            return TypeAdapter(kind).validate_python(found)
        except ValidationError:
            raise ValueError("its entries are not as a run has written them") from None


def write_cost(directory: RunDirectory, cost: Cost) -> None:
    """Write cost.json, unless the run had finished before and was only replayed."""
    try:
        if directory.path is None or read_cost(directory.path) is not None:
            return
    except RunError as error:
        log.warning("%s; it is written again", error.what)
    directory.write(FILE, cost.as_bytes())


@dataclass(frozen=True)
class Spent:
    """What was spent by processes other than the one that counts: work of kernels, CPU time in s, peak memory in bytes.

    Examples
    --------
    >>> Spent(0.0, 2.0, 10) + Spent(1.0, 3.0, 7)
    Spent(recomputed=1.0, cpu_seconds=5.0, peak_memory=10)
    """

    recomputed: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0

    def __add__(self, other: Spent) -> Spent:
        """Return what both have spent."""
        return Spent(
            self.recomputed + other.recomputed,
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_memory, other.peak_memory),
        )


@dataclass
class Spending:
    """What a block has spent: `now` is there when it has ended."""

    now: Spent = Spent()


@contextmanager
def spent(home: tuple[str, int]) -> Iterator[Spending]:
    """Count what a block spends; nothing where this is the process `home`, which counts for itself."""
    found, cpu = Spending(), time.process_time()
    if host() == home:
        yield found
        return
    with counted() as work:
        yield found
    found.now = Spent(work.recomputed, time.process_time() - cpu, peak_memory())


def forget_peak() -> None:
    """Let the peak memory of this process count from now on, where the system can do that (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_bytes(b"5")
    except OSError:
        return


def peak_memory() -> int:
    """Return the largest resident memory of this process since `forget_peak`, else since it started, bytes."""
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
