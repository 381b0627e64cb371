"""Tasks on a Dask cluster, whose workers may come and go.

Everything is a task of the scheduler, nothing is scattered and nothing is bound to a worker: what a lost worker held is
made again by another one. Sums are trees of tasks, so that gradients do not pass through the driver one by one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from seisinv.core import RunError
from seisinv.spread.base import Done, Sharing, Spread, join, lost, pairwise, split

if TYPE_CHECKING:
    from distributed import Client, Future

log = logging.getLogger("seisinv.cluster")

BLOCK = 16  # results that one task adds up; a power of two
FETCHED = 64  # results that are fetched together, at most
FAILURES = 10  # deaths of workers that one task may see: each death counts for all tasks that the worker had
BEAT = 1.0  # seconds between looks at what is done
LOOK = 5.0  # seconds between looks at the workers
PATIENCE = 600.0  # seconds without any worker after which a run gives up


class OnDask(Spread):
    """A Dask cluster.

    Parameters
    ----------
    client : dask.distributed.Client
    patience : float, s
        How long to wait while there is no worker at all; inf: for ever, as for a queue.
    keep_up : callable, optional
        Called where workers have been lost; starts new ones, if it can.
    """

    def __init__(self, client: Client, *, patience: float = PATIENCE, keep_up: Callable[[], Any] | None = None) -> None:
        self.client, self.patience, self.keep_up = client, patience, keep_up
        self.resident: dict[int, Future] = {}  # data in memory, by the identity of the object that they belong to
        self.seen: int | None = None
        self.most = 0  # workers that there have been
        self.looked = self.alone = time.monotonic()

    @property
    def workers(self) -> int:  # type: ignore[override]
        """Number of workers now, at least 1."""
        return max(1, len(self._threads()))

    def map(self, function: Callable[[Any], Any], tasks: Iterable[Any], done: Done | None = None) -> Iterator[Any]:
        """Yield the results of tasks in their order."""
        waiting = self._submitted(function, tasks)
        at = 0
        try:
            while at < len(waiting):
                self._wait(waiting[at], waiting, done)
                ready = list(takewhile(_has_result, waiting[at : at + FETCHED])) or [waiting[at]]
                yield from self._results(ready)
                for future in ready:
                    future.release()
                at += len(ready)
        finally:
            self._cancel(waiting)

    def sum(self, function: Callable[[Any], Any], tasks: Iterable[Any], done: Done | None = None) -> Any:
        """Return the sum of the results of tasks, added up on the workers in the order of `pairwise`."""
        leaves = self._submitted(function, tasks)
        if not leaves:
            return None
        every, level = list(leaves), leaves
        try:
            # Blocks of a power of two are branches of the same tree.
            while len(level) > 1:
                blocks = [level[k : k + BLOCK] for k in range(0, len(level), BLOCK)]
                names = [f"sum-{uuid.uuid4().hex}" for _ in blocks]
                level = self.client.map(pairwise, blocks, key=names, pure=False)
                every += level
            self._wait(level[0], leaves, done)
            return self._results(level)[0]
        finally:
            self._cancel(every)

    def said(self) -> str:
        """Return workers, threads and memory, and the dashboard's address."""
        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        memory = sum(w["memory_limit"] or 0 for w in workers) / 1e9
        threads = {w["nthreads"] for w in workers}
        each = f" × {threads.pop()}" if len(threads) == 1 else ""
        return (
            f"{len(workers)}{each} Dask workers on {len({w['host'] for w in workers})} machines, {memory:.0f} GB; "
            f"dashboard {self.client.dashboard_link}"
        )

    def _submitted(self, function: Callable[[Any], Any], tasks: Iterable[Any]) -> list[Future]:
        """Hand all tasks out; a task that shares something with others travels without it."""
        bare, shared, resident = [], None, []
        for task in tasks:
            rest, common = split(task)
            shared = common if shared is None else shared
            rest, held = self._without_data(rest)
            bare.append(rest)
            resident.append(held)
        if not bare:
            return []
        call = uuid.uuid4().hex[:12]
        names = [f"{getattr(task, 'name', 'task')}-{call}-{k}" for k, task in enumerate(bare)]
        travels = None if shared is None else self.client.submit(_itself, shared, key=f"shared-{call}", pure=False)
        do = Sharing(function, self._neighbours())
        return self.client.map(_done, bare, resident, key=names, pure=False, function=do, shared=travels)

    def _without_data(self, task: Any) -> tuple[Any, Future | None]:
        """Return a task without data that are in memory here, and the future that holds them for all calls."""
        if not getattr(task, "holds_data", False):
            return task, None
        key = id(task.simulator)
        if key not in self.resident:
            held = self.client.submit(_itself, task.observed, key=f"data-{uuid.uuid4().hex}", pure=False)
            self.resident[key] = held
            weakref.finalize(task.simulator, self.resident.pop, key, None)
        return dataclasses.replace(task, observed=None), self.resident[key]

    def _neighbours(self) -> int:
        """Return how many tasks are done at a time on the machine that does most."""
        count: dict[str, int] = {}
        for address, threads in self._threads().items():
            machine = address.rpartition("//")[2].rpartition(":")[0]
            count[machine] = count.get(machine, 0) + threads
        return max(count.values(), default=1)

    def _threads(self) -> dict[str, int]:
        return dict(self.client.nthreads())

    def _wait(self, wanted: Future, all_: Sequence[Future], done: Done | None) -> None:
        """Wait for a future, and say meanwhile how many there are already, and how many workers."""
        from distributed import wait

        while not wanted.done():
            with contextlib.suppress(TimeoutError):
                wait([wanted], timeout=BEAT)
            if time.monotonic() - self.looked > LOOK:
                self._look()
            if done is not None and not wanted.done():
                done(sum(future.done() for future in all_))

    def _results(self, futures: Sequence[Future]) -> list[Any]:
        """Return the results of futures that are done."""
        from distributed import KilledWorker

        try:
            return list(self.client.gather(list(futures)))
        except KilledWorker as error:
            raise lost([str(error.task).rsplit("-", 2)[0]], FAILURES + 1) from None

    def _look(self) -> None:
        """Say how many workers there are where that has changed; give up where there has been none for long."""
        self.looked = now = time.monotonic()
        count = len(self._threads())
        if self.seen is not None and count != self.seen:
            log.log(logging.WARNING if count < self.seen else logging.INFO, "%d workers, %d before", count, self.seen)
        self.seen, self.most = count, max(self.most, count)
        if count < self.most and self.keep_up is not None:
            self.keep_up()
        if count:
            self.alone = now
        elif now - self.alone > self.patience:
            raise RunError(
                f"there has been no worker for {self.patience:.0f} s",
                remedy="start workers or wait for the queue, and resume",
            )

    def _cancel(self, futures: Sequence[Future]) -> None:
        left = [future for future in futures if not future.done()]
        if left and self.client.status == "running":
            self.client.cancel(left)


def _has_result(future: Future) -> bool:
    return bool(future.status == "finished")


def _itself(value: Any) -> Any:
    return value


def _done(task: Any, resident: Any, *, function: Callable[[Any], Any], shared: Any) -> Any:
    if resident is not None:
        task = dataclasses.replace(task, observed=resident)
    return function(join(task, shared))
