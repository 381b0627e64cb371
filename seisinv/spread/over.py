"""What an argument `executor` stands for."""

from __future__ import annotations

from concurrent import futures
from typing import TYPE_CHECKING, cast

from seisinv.core import ConfigError
from seisinv.spread.base import Executor, Here, PoolRunner, TaskRunner
from seisinv.spread.dask import OnDask

if TYPE_CHECKING:
    from distributed import Client


def spread_over(executor: Executor) -> TaskRunner:
    """Return the engine that an argument `executor` stands for.

    Parameters
    ----------
    executor : None, concurrent.futures.Executor, dask.distributed.Client, function or TaskRunner
        None: this process. A function is one like `map` that keeps the order.

    Returns
    -------
    TaskRunner

    Raises
    ------
    ConfigError
        If it is none of these.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as pool:
    ...     spread_over(pool).workers, spread_over(pool).sum(abs, [-1, -2, 3])
    (2, 6)
    """
    if executor is None:
        return Here()
    if isinstance(executor, TaskRunner):
        return executor
    if type(executor).__module__.partition(".")[0] == "distributed":
        # A cluster has clients; the pool that a client makes is one of it.
        client = executor.get_client() if hasattr(executor, "get_client") else getattr(executor, "_client", executor)
        return OnDask(cast("Client", client))
    if isinstance(executor, futures.Executor):
        return PoolRunner(executor)
    if callable(executor) and not isinstance(executor, type):
        return Here(executor)
    raise ConfigError(
        f"executor is {executor!r}; pass a concurrent.futures.Executor, a dask.distributed.Client, or a function like "
        "map that keeps the order"
    )
