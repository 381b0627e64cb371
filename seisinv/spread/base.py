"""The seam between what is computed and where: tasks in, results in their order or their sum out."""

from __future__ import annotations

import dataclasses
import itertools
import operator
import os
import socket
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from seisinv.core import RunError
from seisinv.core.memory import shared_by

if TYPE_CHECKING:
    from distributed import Client

Done = Callable[[int], Any]  # called with the number of tasks that are done
#: What users pass: a pool, a Dask client, a function like `map` that keeps the order, or a `TaskRunner`.
Executor: TypeAlias = "futures.Executor | Client | TaskRunner | Callable[..., Iterable[Any]] | None"

FULL = "most likely the memory was full: use fewer workers, or propagator.memory = 'checkpoints', and resume"
AHEAD = 4  # tasks per worker that are handed out before their results are taken


class TaskRunner(ABC):
    """An engine that does tasks.

    A task is any object that can be pickled. One with a field `shared` holds there what all tasks of a call have in
    common: it travels once.

    Attributes
    ----------
    workers : int
        How many tasks are done at a time.

    Examples
    --------
    >>> class Backwards(TaskRunner):
    ...     def map(self, function, tasks, done=None):
    ...         results = {task: function(task) for task in reversed(tasks)}
    ...         return (results[task] for task in tasks)
    >>> Backwards().sum(abs, [-1, -2])
    3
    """

    workers: int = 1

    @abstractmethod
    def map(self, function: Callable[[Any], Any], tasks: Iterable[Any], done: Done | None = None) -> Iterator[Any]:
        """Yield the results of tasks in their order.

        Parameters
        ----------
        function : callable
            Of a task; one that can be pickled.
        tasks : iterable
        done : callable, optional
            Called with the number of tasks done, from time to time.

        Yields
        ------
        The result of each task.

        Raises
        ------
        RunError
            If workers are lost again and again.
        """

    def sum(self, function: Callable[[Any], Any], tasks: Iterable[Any], done: Done | None = None) -> Any:
        """Return the sum of the results of tasks, in an order that only their number decides; see `pairwise`.

        Parameters
        ----------
        function, tasks, done
            As for `map`.
        """
        return pairwise(self.map(function, tasks, done))

    def said(self) -> str:
        """Return in a few words what there is: workers, threads, memory; empty where there is nothing to say."""
        return ""


def pairwise(values: Iterable[Any], add: Callable[[Any, Any], Any] = operator.add) -> Any:
    """Return the sum of values as a binary tree of neighbours, ((a + b) + (c + d)) + e; None of none.

    The tree depends on the number of values only, so that its branches can be added anywhere and by anyone; its
    rounding errors grow with the logarithm of that number (Higham 1993, doi:10.1137/0914050).

    Parameters
    ----------
    values : iterable
    add : callable
        Of two values.

    Returns
    -------
    What `add` returns.

    Examples
    --------
    >>> pairwise("abcde", lambda a, b: f"({a}{b})")
    '(((ab)(cd))e)'
    """
    branches: list[tuple[int, Any]] = []  # (height, sum) from left to right; heights fall
    for value in values:
        height, sum_ = 0, value
        while branches and branches[-1][0] == height:
            height, sum_ = height + 1, add(branches.pop()[1], sum_)
        branches.append((height, sum_))
    if not branches:
        return None
    _, whole = branches.pop()
    while branches:
        whole = add(branches.pop()[1], whole)
    return whole


class Here(TaskRunner):
    """One task after the other in this process.

    Parameters
    ----------
    mapper : callable
        `map`, or another function that keeps the order.

    Examples
    --------
    >>> list(Here().map(abs, [-1, -2])), Here().sum(abs, [-1, -2])
    ([1, 2], 3)
    """

    def __init__(self, mapper: Callable[..., Iterable[Any]] = map) -> None:
        self.mapper = mapper

    def map(self, function: Callable[[Any], Any], tasks: Iterable[Any], done: Done | None = None) -> Iterator[Any]:
        """Yield the results of tasks in their order."""
        asked, count = 0, 0

        def counted() -> Iterator[Any]:
            nonlocal asked
            for task in tasks:
                asked += 1
                yield task

        for count, result in enumerate(self.mapper(function, counted()), 1):
            if done is not None:
                done(count)
            yield result
        if count < asked:
            raise RunError(f"the executor has returned {count} results of {asked} tasks; it must return all, in order")


class PoolRunner(TaskRunner):
    """A pool of processes or threads with Python's own interface: `ProcessPoolExecutor`, `MPIPoolExecutor`, loky, …

    Parameters
    ----------
    executor : concurrent.futures.Executor

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as threads:
    ...     PoolRunner(threads).sum(abs, [-1, -2, 3])
    6
    """

    def __init__(self, executor: futures.Executor) -> None:
        self.executor = executor
        # The interface says nothing of the number; those of Python and of mpi4py have it under these names.
        found = [getattr(executor, name, None) for name in ("_max_workers", "num_workers")]
        self.workers = next((n for n in found if isinstance(n, int) and n > 0), 1)

    def map(self, function: Callable[[Any], Any], tasks: Iterable[Any], done: Done | None = None) -> Iterator[Any]:
        """Yield the results of tasks in their order; a few tasks are handed out ahead."""
        do, waiting = Sharing(function, self.workers), deque[futures.Future[Any]]()
        queue = iter(tasks)
        try:
            for count in itertools.count(1):
                more = AHEAD * self.workers - len(waiting)
                waiting.extend(self.executor.submit(do, task) for task in itertools.islice(queue, more))
                if not waiting:
                    return
                yield waiting.popleft().result()
                if done is not None:
                    done(count)
        except futures.BrokenExecutor as error:
            raise RunError(
                f"a worker process was lost: {str(error).splitlines()[0] if str(error) else 'it ended by itself'}",
                remedy=FULL,
            ) from None
        finally:
            for future in waiting:
                future.cancel()

    def said(self) -> str:
        """Return how many workers there are."""
        return f"{self.workers} worker{'s' * (self.workers > 1)} of {type(self.executor).__name__}"


@dataclass(frozen=True)
class Sharing:
    """A function that is called by several processes beside each other, which share the memory."""

    function: Callable[[Any], Any]
    processes: int

    def __call__(self, task: Any) -> Any:
        """Call it."""
        with shared_by(self.processes):
            return self.function(task)


def host() -> tuple[str, int]:
    """Return what tells this process from any other.

    Returns
    -------
    (str, int)
        Its machine and its number there.

    Examples
    --------
    >>> host() == host()
    True
    """
    return socket.gethostname(), os.getpid()


def split(task: Any) -> tuple[Any, Any]:
    """Return a task without what it shares with others, and that; None where it shares nothing."""
    shared = getattr(task, "shared", None)
    return (task, None) if shared is None else (dataclasses.replace(task, shared=None), shared)


def join(task: Any, shared: Any) -> Any:
    """Return a task together with what it shares with others."""
    return task if shared is None else dataclasses.replace(task, shared=shared)


def lost(name: str, times: int) -> RunError:
    """Return the error of a task whose workers are lost again and again."""
    return RunError(f"a worker was lost {times} times while it did {name}", remedy=FULL)
