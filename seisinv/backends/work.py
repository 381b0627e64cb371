"""How many wave equations the compiled kernels have solved, counted where they run.

The unit is one forward run of one shot. An adjoint run counts 1, a run that carries a perturbation along counts 2
(`born`, `second`). Steps that are repeated from a checkpoint, because not every step was kept, are counted apart.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

EACH = {"forward": 1, "taped": 1, "adjoint": 1, "born": 2, "born_taped": 2, "second": 2}

_LOCK = threading.Lock()
_OPEN: list[Work] = []


@dataclass(eq=False)
class Work:
    """Steps done by the compiled kernels, in units of one forward run of one shot.

    Parameters
    ----------
    steps : Counter
        Number of steps by program, length of the run, and whether they were a repetition.

    Examples
    --------
    >>> Work(Counter({("forward", 100, False): 100, ("adjoint", 100, False): 50})).solves
    1.5
    """

    steps: Counter[tuple[str, int, bool]] = field(default_factory=Counter)

    @property
    def solves(self) -> float:
        """Wave equations solved, in forward runs of one shot, without repeated steps."""
        return self._sum(again=False)

    @property
    def recomputed(self) -> float:
        """Repeated steps, in forward runs of one shot."""
        return self._sum(again=True)

    def _sum(self, *, again: bool) -> float:
        return float(sum(EACH[p] * n / whole for (p, whole, a), n in self.steps.items() if a is again))


@contextmanager
def counted() -> Iterator[Work]:
    """Count the work of this process while the context is open, in whichever thread it is done.

    Yields
    ------
    Work
        What has been done so far.

    Examples
    --------
    >>> with counted() as work:
    ...     pass
    >>> work.solves
    0.0
    """
    work = Work()
    with _LOCK:
        _OPEN.append(work)
    try:
        yield work
    finally:
        with _LOCK:
            _OPEN.remove(work)


def note(program: str, steps: int, *, of: int, again: bool) -> None:
    """Add `steps` of a run of `of` steps to whatever is counting."""
    with _LOCK:
        for work in _OPEN:
            work.steps[program, of, again] += steps
