"""Engines: the same bits on one process, pools and a Dask cluster, with workers that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import seisinv
from inversion_toy import crosshole

import seisinv as si
from seisinv import io
from seisinv.backends.buffers import HUGE, _fresh
from seisinv.compare import Entry
from seisinv.compare import run as compare
from seisinv.core import ConfigError, RunError, memory
from seisinv.core.identity import digest
from seisinv.inversion import EstimateWavelet, Inversion, invert, run_ensemble
from seisinv.runs import read_cost
from seisinv.spread import Here, TaskRunner, opened, pairwise, spread_over
from seisinv.spread.cluster import _is_protected, _minutes
from seisinv.spread.versions import packages, refuse_others
from seisinv.unknowns import Bounded

distributed = pytest.importorskip("distributed")

BANDS = (10.0, 20.0)


def problem(place: Path | None = None, **options: Any) -> Inversion:
    """Return an inversion of six shots in three groups, its data in memory or in a file."""
    simulate, truth, start = crosshole()
    observed: Any = simulate(truth)
    if place is not None:
        if not (place / "line.sgy").exists():
            io.write_segy(place / "line.sgy", observed)
        observed = io.open_line(place / "line.sgy")
        simulate = replace(simulate, survey=observed.survey.with_wavelet(simulate.survey.wavelet))
    return Inversion(propagator=simulate, observed=observed, unknown=Bounded(start, vp=(1500, 2600)), batch_shots=2,
                     wavelet=EstimateWavelet(search=0), **options)  # fmt: skip


def bits(executor: Any = None, place: Path | None = None, **how: Any) -> str:
    """Return a hash of the model and the history of a run."""
    result = invert(problem(place), si.LBFGS(2), bands=BANDS, executor=executor, **how)
    history = [{k: v for k, v in row.items() if k != "seconds"} for row in result.history]
    return digest(result.model.vp, history)


@pytest.fixture(scope="module")
def alone() -> str:
    return bits()


@pytest.fixture(scope="module")
def cluster() -> Iterator[TaskRunner]:
    with opened("local:2", threads=1) as there:
        yield there


def pool(kind: str) -> Executor:
    return ThreadPoolExecutor(2) if kind == "threads" else ProcessPoolExecutor(2, get_context("spawn"))


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_a_pool_gives_the_same_bits(kind: str, alone: str, tmp_path: Path) -> None:
    with pool(kind) as executor:
        assert bits(executor, run_directory=tmp_path / "run") == alone


@pytest.mark.parametrize("data", ["memory", "file"])
def test_a_cluster_gives_the_same_bits(cluster: TaskRunner, alone: str, data: str, tmp_path: Path) -> None:
    place = tmp_path if data == "file" else None
    here = alone if data == "memory" else bits(place=place)  # positions of a file are rounded
    assert bits(cluster, place, run_directory=tmp_path / "run") == here
    cost = read_cost(tmp_path / "run")
    assert cost is not None
    assert cost.cpu_seconds > 0


def test_a_function_like_map_is_an_engine(alone: str) -> None:
    called = []

    def mapped(function: Any, tasks: Any) -> Iterator[Any]:
        for task in tasks:
            called.append(task.shots)
            yield function(task)

    assert bits(mapped) == alone
    assert (4, 5) in called


def test_what_is_no_engine_is_refused() -> None:
    with pytest.raises(ConfigError, match="executor is 3"):
        spread_over(3)  # type: ignore[arg-type]


def killer(client: Any, after: float) -> threading.Thread:
    """Return a thread that kills one of the workers after some seconds."""

    def kill() -> None:
        time.sleep(after)
        pids = list(client.run(os.getpid).values())
        os.kill(pids[0], signal.SIGKILL)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_is_killed_changes_no_bit(workers: int, alone: str) -> None:
    with opened(f"local:{workers}", threads=1) as there:
        thread = killer(there.client, 0.3)  # type: ignore[attr-defined]
        assert bits(there) == alone
        thread.join()


def test_a_run_begun_on_a_cluster_goes_on_without(cluster: TaskRunner, alone: str, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    seen: list[Any] = []

    def stop(event: Any) -> None:
        seen.append(event)
        if sum(e.misfit is not None for e in seen) == 3:
            raise Stop

    with pytest.raises(Stop):
        bits(cluster, run_directory=tmp_path / "run", progress=stop)
    assert bits(run_directory=tmp_path / "run", resume=True) == alone


def test_an_error_of_a_task_is_that_of_the_task(cluster: TaskRunner) -> None:
    with pytest.raises(ConfigError, match="apart is -1 m"):
        list(cluster.map(_refused, [1.0, -1.0]))
    with pytest.raises(ConfigError, match="apart is -1 m"):
        cluster.sum(_refused, [1.0, -1.0])


def _refused(apart: float) -> int:
    return len(repr(si.signal.Window(apart=apart)))


def test_a_task_that_kills_its_workers_ends_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("cluster", "dask"):
        monkeypatch.setattr(f"seisinv.spread.{module}.FAILURES", 1)
    with opened("local:1", threads=1) as there, pytest.raises(RunError, match="a worker was lost 2 times while it"):
        list(there.map(_fatal, [1]))


def _fatal(_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_pool_whose_process_dies_ends_in_one_line() -> None:
    with (
        ProcessPoolExecutor(1, get_context("spawn")) as executor,
        pytest.raises(RunError, match="worker process was lost"),
    ):
        list(spread_over(executor).map(_fatal, [1]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_large_buffers_are_not_those_of_a_forked_process() -> None:
    held = _fresh(HUGE)
    held[:] = 1
    if (child := os.fork()) == 0:
        held[:] = 2
        os._exit(0)
    os.waitpid(child, 0)
    assert held.max() == 1


def test_workers_with_other_packages_are_refused() -> None:
    refuse_others(packages())
    with pytest.raises(RunError, match=r"the worker on .* has other packages: torch .* there, 0\.1 here"):
        refuse_others({**packages(), "torch": "0.1"})


def test_a_map_that_loses_results_is_refused() -> None:
    with pytest.raises(RunError, match="returned 1 results of 3 tasks"):
        spread_over(lambda function, tasks: [function(t) for t in tasks][:1]).sum(abs, [1, 2, 3])


def test_progress_is_said_where_it_changes(cluster: TaskRunner) -> None:
    told: list[int] = []
    assert list(cluster.map(_slowly, [0.6, 0.0, 1.8], told.append)) == [0.6, 0.0, 1.8]
    assert told == sorted(set(told))
    assert told[-1] == 3


def _slowly(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_sums_are_trees_of_neighbours(cluster: TaskRunner) -> None:
    for count in (1, 2, 5, 17, 40):
        values = np.random.default_rng(count).standard_normal(count) * 10.0 ** np.arange(count)
        assert cluster.sum(float, values.tolist()) == Here().sum(float, values.tolist()) == pairwise(values.tolist())


def test_members_and_runs_of_a_comparison_are_spread_whole(cluster: TaskRunner, tmp_path: Path) -> None:
    here = run_ensemble(problem(), si.LBFGS(1), members=3, bands=BANDS)
    there = run_ensemble(problem(), si.LBFGS(1), members=3, bands=BANDS, executor=cluster,
                         run_directory=tmp_path / "run")  # fmt: skip
    assert all(torch.equal(a.vp, b.vp) for a, b in zip(here.members, there.members, strict=True))
    assert (tmp_path / "run/members/02/cost.json").exists()
    entries = {"plain": Entry(problem(), si.LBFGS(1), BANDS), "smooth": Entry(problem(smooth=5.0), si.LBFGS(1), BANDS)}
    found = [compare(entries, tmp_path / name, executor=executor) for name, executor in (("a", None), ("b", cluster))]
    assert found[0].runs[1].scores == found[1].runs[1].scores or _alike(*(f.runs[1].scores for f in found))


def _alike(one: Any, other: Any) -> bool:
    """Whether scores are the same but for the time that they took."""
    return repr(one.data) == repr(other.data) and one.cost.solves == other.cost.solves


def test_tasks_carry_only_what_is_theirs(tmp_path: Path) -> None:
    import pickle

    inversion = problem(tmp_path)
    tasks = list(inversion.tasks(inversion.unknown.start, wanted=["vp"]))
    sizes = [len(pickle.dumps(partial(id, task).args[0])) for task in tasks]
    assert max(sizes) < 200_000
    assert [len(task.observed) for task in tasks] == [2, 2, 2]


def test_networks_without_tls_are_refused(tmp_path: Path) -> None:
    for address in ("tcp://10.0.0.7:8786", "tcp://scheduler:8786"):
        with pytest.raises(ConfigError, match="not protected"), opened(address):
            pass
    file = tmp_path / "scheduler.json"
    file.write_text('{"address": "tcp://10.0.0.7:8786"}')
    with pytest.raises(ConfigError, match="not protected"), opened(str(file)):
        pass
    assert _is_protected("tls://10.0.0.7:8786")
    assert _is_protected("tcp://127.0.0.1:8786")
    assert _is_protected("tcp://[::1]:8786")


@pytest.mark.parametrize(
    ("where", "why"),
    [("local:none", "names no number"), ("local:", "names no number"), ("host", "must be local"),
     ("tcp://127.0.0.1", "must be local"), ("slurm", "how many jobs"), ("no.json", "is no file of a Dask scheduler")],
)  # fmt: skip
def test_what_names_no_cluster_is_refused(where: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why), opened(where):
        pass


def test_a_running_scheduler_is_used(alone: str) -> None:
    there = distributed.LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None)
    with there, opened(there.scheduler_address) as runner:
        assert bits(runner) == alone
        assert spread_over(there).sum(abs, [-1, -2]) == 3
        with there.get_client() as client:
            assert spread_over(client.get_executor()).sum(abs, [-1, -2]) == 3


def test_the_script_of_a_queue() -> None:
    dask = pytest.importorskip("dask")
    pytest.importorskip("dask_jobqueue")  # brings the table's defaults
    own = {"cores": 32, "processes": 2, "memory": "120GB", "walltime": "08:00:00", "queue": "wide", "account": "geo"}
    with dask.config.set({"jobqueue.slurm": {**dask.config.get("jobqueue.slurm"), **own}}):
        code, text, said = seisinv("invert", "line.sgy", "--cluster", "slurm", "--jobs", "20", "--dry-run")
    assert code == 0, said
    for part in ("submitted 20 times", "#SBATCH -p wide", "#SBATCH -A geo", "#SBATCH --cpus-per-task=32", "-t 08:00:00",
                 "OMP_NUM_THREADS=16", "SEISINV_CACHE", "--lifetime 475m", "tls://", "--nthreads 1 "):  # fmt: skip
        assert part in text, (part, text)
    code, _, said = seisinv("invert", "line.sgy", "--cluster", "slurm", "--jobs", "2", "--dry-run")
    assert code == 2
    assert "jobqueue.yaml" in said


def test_walltimes() -> None:
    assert [_minutes(t) for t in ("480", "08:00:00", "1-02:00:00", "90:00", "soon")] == [480, 480, 1560, 5400, None]


def test_memory_is_that_of_the_control_group_and_is_shared(tmp_path: Path) -> None:
    own = tmp_path / "fs/slurm/job"
    own.mkdir(parents=True)
    (tmp_path / "membership").write_text("0::/slurm/job\n")
    for name, text in (
        ("memory.max", "8000000000"),
        ("memory.current", "3000000000"),
        ("memory.stat", "inactive_file 500000000"),
    ):
        (own / name).write_text(text)
    assert memory._left_in_groups(tmp_path / "fs", tmp_path / "membership") == [5_500_000_000]
    whole = memory.available_memory()
    with memory.shared_by(4):
        assert memory.available_memory() < 0.3 * whole


def test_a_lifetime_ends_a_run_that_can_be_resumed(tmp_path: Path) -> None:
    problem(tmp_path)
    how = ("--start", "2000", "--spacing", "10", "--effort", "best", "-d", str(tmp_path / "run"), "--bands", "10,20")
    command = [sys.executable, "-m", "seisinv.cli", "invert", str(tmp_path / "line.sgy"), *how]
    found = subprocess.run([*command, "--lifetime", "0.05"], capture_output=True, encoding="utf-8", check=False)
    assert found.returncode == 75, found.stderr
    assert "go on with: seisinv invert --resume" in found.stderr or "run the same command again" in found.stderr
