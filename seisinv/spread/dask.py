"""Tasks on a Dask cluster, whose workers may come and go.

Everything is a task of the scheduler, nothing is scattered and nothing is bound to a worker: what a lost worker held is
made again by another one. Sums are trees of tasks, so that gradients do not pass through the driver one by one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from seisinv.core import RunError
from seisinv.spread.base import Done, Sharing, TaskRunner, join, lost, pairwise, split
from seisinv.spread.versions import packages, processor, refuse_others

if TYPE_CHECKING:
    from distributed import Client, Future

log = logging.getLogger("seisinv.cluster")

BLOCK = 16  # results that one task adds up; a power of two
PARTS = 16  # of what a worker has to do, at least, so that no worker waits long for the others
FETCHED = 64  # results that are fetched together, at most
FAILURES = 10  # deaths of workers that one task may see: each death counts for all tasks that the worker had
BEAT = 1.0  # seconds between looks at what is done
LOOK = 5.0  # seconds between looks at the workers
AGAIN = 60.0  # seconds between words that there is no worker
PATIENCE = 600.0  # seconds without any worker after which a run gives up


class OnDask(TaskRunner):
    """A Dask cluster.

    Parameters
    ----------
    client : dask.distributed.Client
    patience : float, s
        How long to wait while there is no worker at all; inf: for ever, as for a queue.
    keep_up : callable, optional
        Called where workers have been lost; starts new ones, if it can.
    wanted : int
        Number of workers that are asked for, where they are yet to come.
    """

    def __init__(
        self,
        client: Client,
        *,
        patience: float = PATIENCE,
        keep_up: Callable[[], Any] | None = None,
        wanted: int = 1,
    ) -> None:
        self.client, self.patience, self.keep_up, self.wanted = client, patience, keep_up, wanted
        self.looked_at: set[str] = set()
        self.resident: dict[int, Future] = {}  # data in memory, by the identity of the object that they belong to
        self.seen: int | None = None
        self.most = 0  # workers that there have been
        self.looked = self.alone = self.told = time.monotonic()

    @property
    def workers(self) -> int:  # type: ignore[override]
        """Number of workers now, or that are asked for."""
        return max(self.wanted, len(self._threads()))

    def map(self, function: Callable[[Any], Any], tasks: Iterable[Any], done: Done | None = None) -> Iterator[Any]:
        """Yield the results of tasks in their order."""
        given = list(tasks)
        waiting, size = self._submitted(function, given, list)
        told, at = _Told(done, waiting, size), 0
        try:
            while at < len(waiting):
                self._wait(waiting[at], told)
                ready = list(takewhile(_has_result, waiting[at : at + FETCHED])) or [waiting[at]]
                for results in self._results(ready):
                    yield from results
                for future in ready:
                    future.release()
                at += len(ready)
                told.past, told.futures = at, waiting[at:]
            told()
        finally:
            # A whole run would go on after its driver has gone, and keep its directory.
            self._cancel(waiting, is_long=any(getattr(task, "is_long", False) for task in given))

    def sum(self, function: Callable[[Any], Any], tasks: Iterable[Any], done: Done | None = None) -> Any:
        """Return the sum of the results of tasks, added up on the workers in the order of `pairwise`."""
        leaves, size = self._submitted(function, tasks, pairwise)
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
            self._wait(level[0], _Told(done, leaves, size))
            return self._results(level)[0]
        finally:
            self._cancel(every)

    def said(self) -> str:
        """Return workers, threads and memory, and the dashboard's address."""
        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        memory = sum(w["memory_limit"] or 0 for w in workers) / 1e9
        threads = {w["nthreads"] for w in workers}
        each = f" × {threads.pop()}" if len(threads) == 1 else ""
        hosts = len({w["host"] for w in workers})
        crew = f"{len(workers)}{each} Dask worker{'s' * (len(workers) != 1)}"
        place = f"{hosts} machine{'s' * (hosts != 1)}"
        return f"{crew} on {place}, {memory:.0f} GB; dashboard {self.client.dashboard_link}"

    def _submitted(
        self, function: Callable[[Any], Any], tasks: Iterable[Any], together: Callable[[Iterable[Any]], Any]
    ) -> tuple[list[Future], int]:
        """Hand all tasks out, several at a time where there are many, and return how many.

        What a task shares with the others travels once. The number is a power of two, and `together` is what becomes of
        their results: a branch of the sum, or a list.
        """
        bare, resident, shared = [], [], None
        for task in tasks:
            rest, common = split(task)
            shared = common if shared is None else shared
            rest, held = self._without_data(rest)
            bare.append(rest)
            resident.append(held)
        if not bare:
            return [], 1
        threads = self._threads()
        size = 2 ** max(0, int(math.log2(max(1.0, len(bare) / (PARTS * max(1, sum(threads.values())))))))
        call, blocks = uuid.uuid4().hex[:12], range(0, len(bare), size)
        travels = None if shared is None else self._held(shared, f"shared-{call}")
        what = _packed((Sharing(function, _neighbours(threads)), together))
        waiting = self.client.map(
            _done, [_packed(bare[k : k + size]) for k in blocks], [resident[k : k + size] for k in blocks],
            key=[f"{_name(bare[k : k + size])}-{call}-{k}" for k in blocks], pure=False,
            what=what, shared=travels, versions=dict(packages()),
        )  # fmt: skip
        return waiting, size

    def _held(self, value: Any, key: str) -> Future:
        """Return a value as the result of a task. It travels packed: a scheduler need not be able to make it."""
        return self.client.submit(_unpacked, _packed(value), key=key, pure=False)

    def _without_data(self, task: Any) -> tuple[Any, Future | None]:
        """Return a task without data that are in memory here, and the future that holds them for all calls."""
        if not getattr(task, "holds_data", False):
            return task, None
        key = id(task.simulator)
        if key not in self.resident:
            self.resident[key] = self._held(task.observed, f"data-{uuid.uuid4().hex}")
            weakref.finalize(task.simulator, self.resident.pop, key, None)
        return dataclasses.replace(task, observed=None), self.resident[key]

    def _threads(self) -> dict[str, int]:
        return dict(self.client.nthreads())

    def _wait(self, wanted: Future, told: _Told) -> None:
        """Wait for a future, and say meanwhile how much is done, and how many workers there are."""
        from distributed import wait

        self.alone = time.monotonic()  # before, nobody looked
        while not wanted.done():
            with contextlib.suppress(TimeoutError):
                wait([wanted], timeout=BEAT)
            if time.monotonic() - self.looked > LOOK:
                self._look()
            told()

    def _results(self, futures: Sequence[Future]) -> list[Any]:
        """Return the results of futures that are done."""
        from distributed import KilledWorker

        try:
            return list(self.client.gather(list(futures)))
        except KilledWorker as error:
            raise lost(str(error.task).rsplit("-", 2)[0], int(error.allowed_failures) + 1) from None

    def _look(self) -> None:
        """Say how many workers there are where that has changed; give up where there has been none for long."""
        self.looked = now = time.monotonic()
        there = self._threads()
        count = len(there)
        if self.seen is not None and count != self.seen:
            log.log(logging.WARNING if count < self.seen else logging.INFO, "%d workers, %d before", count, self.seen)
        self.seen, self.most = count, max(self.most, count)
        self.look_at(sorted(there.keys() - self.looked_at))
        if count < self.most and self.keep_up is not None:
            self.keep_up()
        if count:
            self.alone = now
        elif now - self.alone > self.patience:
            raise RunError(
                f"there has been no worker for {self.patience:.0f} s",
                remedy="start workers or wait for the queue, and resume",
            )
        elif now - self.told > AGAIN:
            self.told = now
            log.warning(
                "no worker for %.0f s: jobs wait in the queue, or end before they reach this machine (see their logs)",
                now - self.alone,
            )

    def look_at(self, workers: list[str]) -> None:
        """Say what is odd about workers: tasks beside each other in one process, other processors."""
        self.looked_at |= set(workers)
        threads = self._threads() if workers else {}
        if several := [address for address in workers if threads.get(address, 1) > 1]:
            log.warning(
                "%d workers do several tasks at a time, each with all threads: start them with --nthreads 1",
                len(several),
            )
        with contextlib.suppress(OSError):  # one that has gone again
            found = self.client.run(processor, workers=workers, on_error="ignore") if workers else {}
            other = sorted({name for name in found.values() if name != processor()})
            if other:
                log.warning(
                    "processors differ (%s, here %s): the last bits of a result depend on which of them does what",
                    ", ".join(other), processor(),
                )  # fmt: skip

    def _cancel(self, futures: Sequence[Future], *, is_long: bool = False) -> None:
        left = {future.key for future in futures if not future.done()}
        if not left or self.client.status != "running":
            return
        busy = [w for w, keys in self.client.processing().items() if left & set(keys)] if is_long else []
        self.client.cancel([future for future in futures if future.key in left])
        if busy:  # a task that runs cannot be stopped, its process can
            with contextlib.suppress(Exception):
                self.client.restart_workers(busy, raise_for_error=False)


class _Told:
    """Says how many tasks are done, where that has changed."""

    def __init__(self, done: Done | None, futures: Sequence[Future], size: int) -> None:
        self.done, self.futures, self.size = done, futures, size
        self.past = self.said = 0  # futures that are done with; tasks that were said

    def __call__(self) -> None:
        if self.done is None:
            return
        now = self.size * (self.past + sum(map(_has_result, self.futures)))
        if now != self.said:
            self.said = now
            self.done(now)


def _has_result(future: Future) -> bool:
    return bool(future.status == "finished")


def _packed(value: Any) -> bytes:
    from distributed.protocol.pickle import dumps

    return bytes(dumps(value))


def _unpacked(packed: bytes) -> Any:
    from distributed.protocol.pickle import loads

    return loads(packed)


def _name(tasks: Sequence[Any]) -> str:
    """Return what some tasks are called where they are lost."""
    first, last = (getattr(task, "name", "a task") for task in (tasks[0], tasks[-1]))
    return first if len(tasks) == 1 else f"{first} … {last}"


def _neighbours(threads: Mapping[str, int]) -> int:
    """Return how many tasks are done at a time on the machine that does most, from the threads of all workers."""
    count: dict[str, int] = {}
    for address, number in threads.items():
        machine = address.rpartition("//")[2].rpartition(":")[0]
        count[machine] = count.get(machine, 0) + number
    return max(count.values(), default=1)


def _done(packed: bytes, resident: Sequence[Any], *, what: bytes, shared: Any, versions: Mapping[str, str]) -> Any:
    """Do some tasks one after the other."""
    refuse_others(versions)
    tasks, (function, together) = _unpacked(packed), _unpacked(what)
    whole = (
        task if data is None else dataclasses.replace(task, observed=data)
        for task, data in zip(tasks, resident, strict=True)
    )
    return together(function(join(task, shared)) for task in whole)
