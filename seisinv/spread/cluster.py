"""Opening what a user names as a cluster: processes of this machine, a Dask scheduler, or a site's queue."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import ipaddress
import json
import logging
import math
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seisinv.core import Argument, ConfigError, Message, RunError
from seisinv.spread.base import Here, TaskRunner
from seisinv.spread.dask import FAILURES, OnDask

log = logging.getLogger("seisinv.cluster")

#: Queues by the word that names them, and the classes of dask-jobqueue that submit to them.
QUEUES = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "lsf": "LSFCluster",
    "sge": "SGECluster",
    "oar": "OARCluster",
    "htcondor": "HTCondorCluster",
}
KINDS = f"local, local:N, tcp://HOST:PORT, tls://HOST:PORT, a scheduler's file (.json), or {', '.join(QUEUES)}"
MARGIN = 5.0  # minutes before the end of its walltime at which a worker of a queue leaves
LOCAL_PATIENCE = 120.0  # seconds without any worker, on this machine


@contextlib.contextmanager
def opened(
    where: str | None, *, jobs: int | None = None, insecure: bool = False, threads: int | None = None
) -> Iterator[TaskRunner]:
    """Open a cluster for as long as the block lasts.

    Parameters
    ----------
    where : str, optional
        `local:N` (processes of this machine; `local`: one for each NUMA domain), the address of a Dask scheduler, its
        file, or `slurm`, `pbs`, `lsf`, `sge`, `oar`, `htcondor`; None: this process.
    jobs : int, optional
        Number of jobs of a queue.
    insecure : bool
        Whether a network without TLS is used: whoever reaches its ports can run programs as you.
    threads : int, optional
        Of each worker of this machine; default: the cores, shared evenly.

    Yields
    ------
    TaskRunner

    Raises
    ------
    ConfigError
        If the cluster cannot be opened, or is not protected.
    RunError
        If it does not answer, or its packages are of other versions.

    Examples
    --------
    >>> with opened(None) as here:
    ...     here.sum(abs, [-1, -2])
    3
    """
    check_cluster(where, jobs=jobs, insecure=insecure)
    if where is None:
        yield Here()
    elif where.partition(":")[0] == "local":
        with _local(_workers(where), threads) as there:
            yield there
    elif where in QUEUES:
        with _queue(where, jobs or 1, insecure=insecure) as there:
            yield there
    else:
        with _running(_address(where)) as there:
            yield there


def check_cluster(where: str | None, *, jobs: int | None = None, insecure: bool = False) -> None:
    """Refuse what names no cluster, before any work.

    Parameters
    ----------
    where : str, optional
    jobs : int, optional
    insecure : bool
        As for `opened`.

    Raises
    ------
    ConfigError
        If the name is none, a queue has no number of jobs, or a network is not protected.

    Examples
    --------
    >>> check_cluster("local:4")
    >>> check_cluster("cluster")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    seisinv.core.errors.ConfigError: run.cluster is 'cluster'; it must be local, local:N, tcp://HOST:PORT, ...
    """
    if where in QUEUES:
        if jobs is None:
            raise ConfigError(
                f"run.cluster is {where}: say how many jobs", remedy=Message("add ", Argument("run.jobs", 4))
            )
        return
    if jobs is not None:
        raise ConfigError(
            argument=Argument("run.jobs"), value=jobs, limit=f"only a queue has jobs: {', '.join(QUEUES)}"
        )
    if where is None:
        return
    if where.partition(":")[0] == "local":
        _workers(where)
        return
    address = _address(where)
    if not insecure and not _is_protected(address):
        raise ConfigError(
            f"{address} is not protected: whoever reaches it can run programs as you",
            remedy=("use TLS (tls://, docs/clusters.md)", Message("accept it: ", Argument("run.insecure", True))),
        )


def job_script(where: str, *, insecure: bool = False) -> str:
    """Return the batch script that one job of a queue would be.

    Parameters
    ----------
    where : str
        `slurm`, `pbs`, …
    insecure : bool
        As for `opened`.

    Returns
    -------
    str

    Raises
    ------
    ConfigError
        If it is no queue, or Dask's settings say too little of it.

    Examples
    --------
    >>> job_script("local:2")
    Traceback (most recent call last):
    ...
    seisinv.core.errors.ConfigError: 'local:2' submits no jobs; name one of slurm, pbs, lsf, sge, oar, htcondor
    """
    if where not in QUEUES:
        raise ConfigError(f"{where!r} submits no jobs; name one of {', '.join(QUEUES)}")
    with _queue_cluster(where, insecure=insecure) as cluster:
        return str(cluster.job_script())


def _workers(where: str) -> int:
    """Return the number of local:N; of local, that of the NUMA domains."""
    _, colon, count = where.partition(":")
    if not colon:
        return max(1, len(list(Path("/sys/devices/system/node").glob("node[0-9]*"))))
    if not count.isdigit() or int(count) < 1:
        raise ConfigError(f"{where} names no number of workers; for example local:2")
    return int(count)


def _address(where: str) -> str:
    """Return the address of a scheduler that runs, from its file or as it was given."""
    address = where
    if where.endswith(".json"):
        try:
            address = str(json.loads(Path(where).read_text(encoding="utf-8"))["address"])
        except (OSError, ValueError, KeyError, TypeError):
            raise ConfigError(
                f"{where} is no file of a Dask scheduler",
                remedy="start one with dask scheduler --scheduler-file, on a disk that all machines share",
            ) from None
    if "://" not in address or not address.rpartition(":")[2].isdigit():
        raise ConfigError(f"run.cluster is {where!r}; it must be {KINDS}")
    return address


def _dask() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise ConfigError("a cluster needs Dask", remedy="pip install 'seisinv[cluster]'") from None


@contextlib.contextmanager
def _local(workers: int, threads: int | None) -> Iterator[TaskRunner]:
    distributed = _dask()
    each = threads or int(os.environ.get("OMP_NUM_THREADS") or max(1, cores() // workers))
    environment = {name: str(each) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    import dask

    # The nanny's own variables come first; a task may see several deaths.
    settings = {
        "distributed.scheduler.allowed-failures": FAILURES,
        "distributed.nanny.pre-spawn-environ": environment,
        "distributed.worker.preload": ["seisinv.spread.preload"],
    }
    # Encrypted: others on this machine can reach its ports too.
    tls = {"security": distributed.Security.temporary(), "protocol": "tls://"} if _can_encrypt() else {}
    with dask.config.set(settings), contextlib.ExitStack() as stack:
        try:
            with _deaf():
                cluster = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1",
                        dashboard_address="127.0.0.1:0", silence_logs=logging.ERROR, **tls,
                    )
                )  # fmt: skip
        except RuntimeError as error:
            raise RunError(f"the workers do not start: {error}") from None
        client = stack.enter_context(distributed.Client(cluster))
        client.wait_for_workers(1, timeout=LOCAL_PATIENCE)
        there = OnDask(client, patience=LOCAL_PATIENCE, keep_up=lambda: _replace(cluster, workers), wanted=workers)
        log.info("cluster: %s", there.said())
        yield there


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that ignore Ctrl-C: it is for this one, which stops them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _can_encrypt() -> bool:
    return importlib.util.find_spec("cryptography") is not None


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _replace(cluster: Any, workers: int) -> None:
    """Start workers in place of those that have not come back."""
    lost = [
        name for name, worker in cluster.workers.items() if str(worker.status) in ("Status.failed", "Status.closed")
    ]
    if lost:
        cluster.scale(workers - len(lost))
    cluster.scale(workers)


@contextlib.contextmanager
def _queue(kind: str, jobs: int, *, insecure: bool) -> Iterator[TaskRunner]:
    distributed = _dask()
    with _queue_cluster(kind, insecure=insecure) as cluster, distributed.Client(cluster) as client:
        cluster.scale(jobs=jobs)
        log.info("cluster: %d jobs submitted to %s; dashboard %s", jobs, kind, client.dashboard_link)
        # A queue may take hours: only its owner knows how long.
        processes = max(1, int(dask_settings(f"jobqueue.{kind}").get("processes") or 1))
        there = OnDask(client, patience=math.inf, keep_up=lambda: cluster.scale(jobs=jobs), wanted=jobs * processes)
        there.seen = 0  # so that the first ones are said
        yield there


@contextlib.contextmanager
def _queue_cluster(kind: str, *, insecure: bool) -> Iterator[Any]:
    _dask()
    try:
        jobqueue = importlib.import_module("dask_jobqueue")
    except ImportError:
        raise ConfigError("a queue needs dask-jobqueue", remedy="pip install 'seisinv[cluster]'") from None
    import dask

    table = f"jobqueue.{kind}"
    own = dask_settings(table)
    named = [("cores", "cores of a job"), ("memory", "its memory"), ("walltime", "its longest time")]
    missing = [f"{key} ({words})" for key, words in named if not own.get(key)]
    if missing:
        place = "~/.config/dask/jobqueue.yaml"
        raise ConfigError(f"{place} says nothing of {table}: {', '.join(missing)}", remedy="see docs/clusters.md")
    each = max(1, int(own["cores"]) // max(1, int(own.get("processes") or 1)))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    prologue = [f"export {name}={each}" for name in names]
    if not os.environ.get("SEISINV_CACHE"):
        prologue.append('export SEISINV_CACHE="${TMPDIR:-/tmp}/seisinv-$(id -u)"')  # a disk of the node's own
    arguments = list(own.get("worker-extra-args") or [])
    minutes = _minutes(str(own["walltime"]))
    if not any(str(a).startswith("--lifetime") for a in arguments) and minutes is not None and minutes > 3 * MARGIN:
        arguments += ["--lifetime", f"{minutes - MARGIN:g}m", "--lifetime-stagger", "2m"]
    # One task at a time, with threads inside; of options that are given twice the last one holds.
    arguments += ["--nthreads", "1"]
    more: dict[str, Any] = {"job_script_prologue": [*(own.get("job-script-prologue") or []), *prologue],
                            "worker_extra_args": arguments,
                            "scheduler_options": {"dashboard_address": "127.0.0.1:0"}}  # fmt: skip
    if not insecure:
        if not _can_encrypt():
            raise ConfigError("TLS needs the package cryptography", remedy="pip install 'seisinv[cluster]'")
        folder = Path(own.get("shared-temp-directory") or Path.home() / ".cache" / "seisinv-tls")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        more |= {"security": True, "protocol": "tls://", "shared_temp_directory": str(folder)}
    with dask.config.set({"distributed.scheduler.allowed-failures": FAILURES}):
        try:
            cluster = getattr(jobqueue, QUEUES[kind])(**more)
        except (ValueError, OSError, RuntimeError) as error:
            raise ConfigError(f"dask-jobqueue cannot use {kind}: {error}", remedy="see docs/clusters.md") from None
        with cluster:
            yield cluster


def dask_settings(table: str) -> dict[str, Any]:
    """Return a table of Dask's settings."""
    import dask

    return dict(dask.config.get(table, {}) or {})


def _minutes(walltime: str) -> float | None:
    """Return a walltime such as 1-02:00:00, 08:00:00 or 480 (minutes) in minutes; None where it is none of these."""
    days, _, clock = walltime.rpartition("-")
    try:
        parts = [float(p) for p in clock.split(":")]
        head = 1440 * float(days or 0)
    except ValueError:
        return None
    if len(parts) == 1:
        return head + parts[0] * (60 if days else 1)
    hours, minutes, seconds = (*parts, 0.0)[:3]
    return head + 60 * hours + minutes + seconds / 60


@contextlib.contextmanager
def _running(address: str) -> Iterator[TaskRunner]:
    """Connect to a scheduler that runs."""
    distributed = _dask()
    try:
        client = distributed.Client(address, timeout="30s")
    except (OSError, ValueError, TimeoutError) as error:
        raise RunError(f"the Dask scheduler at {address} does not answer: {error}") from None
    except TypeError:
        raise ConfigError(
            f"{address} needs certificates", remedy="name them in Dask's settings (docs/clusters.md, SSH)"
        ) from None
    with client:
        there = OnDask(client)
        there.look_at(list(client.nthreads()))
        log.info("cluster: %s", there.said())
        yield there


def _is_protected(address: str) -> bool:
    """Return whether an address is encrypted, or cannot be reached from other machines."""
    scheme, _, rest = address.partition("://")
    name = rest.partition("/")[0].rpartition(":")[0].strip("[]")
    if scheme in ("tls", "wss", "inproc") or name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
