"""What results depend on beside the tasks: versions of packages, and the kind of processor."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from seisinv.core import RunError
from seisinv.spread.base import host

PACKAGES = ("seisinv", "torch", "numpy", "scipy", "distributed")


@lru_cache(maxsize=1)
def packages() -> Mapping[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def refuse_others(theirs: Mapping[str, str]) -> None:
    """Refuse to work for a process that has other versions than this one.

    Raises
    ------
    RunError
    """
    ours = packages()
    differ = [f"{n} {ours.get(n, 'none')} there, {v} here" for n, v in theirs.items() if ours.get(n) != v]
    if differ:
        raise RunError(
            f"the worker on {host()[0]} has other packages: {', '.join(differ)}",
            remedy="install the same versions everywhere",
        )


def processor() -> str:
    """Return the name of the processor's model."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
