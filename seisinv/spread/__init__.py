"""Where the expensive parts of a computation are done: here, in processes of this machine, or on a Dask cluster.

What is computed does not depend on it: tasks are fixed by the job, results are added in one fixed order, and a task
that is lost with its worker is done again. To add an engine, implement `TaskRunner`, or pass any
`concurrent.futures.Executor`.
"""

from seisinv.spread.base import Executor, Here, PoolRunner, TaskRunner, host, pairwise
from seisinv.spread.cluster import check_cluster, job_script, opened
from seisinv.spread.over import spread_over
from seisinv.spread.simulation import simulated

__all__ = [
    "Executor",
    "Here",
    "PoolRunner",
    "TaskRunner",
    "check_cluster",
    "host",
    "job_script",
    "opened",
    "pairwise",
    "simulated",
    "spread_over",
]
