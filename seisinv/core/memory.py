"""How much memory there is for one process: of the machine, of its group of processes, shared with its neighbours."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

SHARERS: ContextVar[int] = ContextVar("sharers", default=1)  # processes that take from the same memory


@contextlib.contextmanager
def shared_by(processes: int) -> Iterator[None]:
    """Divide the available memory by a number of processes that do the same work beside each other."""
    before = SHARERS.set(max(1, processes))
    try:
        yield
    finally:
        SHARERS.reset(before)


def available_memory() -> int:
    """Return the memory that this process may take without swapping or being killed, bytes.

    That of the machine, or what is left of the limit of its control group (SLURM, Kubernetes, containers), over the
    number of processes that share it.
    """
    return min([_of_machine(), *_left_in_groups()]) // SHARERS.get()


def _of_machine() -> int:
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            fields = dict(line.split(":", 1) for line in lines)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pages = os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**19
        size = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
        return pages * size // 2


def _left_in_groups(root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> list[int]:
    """Return what is left of every limit that holds for this process, of control groups of either version."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    left: list[int] = []
    for line in lines:
        _, controllers, name = (*line.split(":", 2), "", "")[:3]
        if controllers == "":
            base, files = root, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base, files = root / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        parts = Path(name.lstrip("/")).parts
        # A limit of a group holds for those inside it. In a container the names are those outside, and the root counts.
        groups = [base.joinpath(*parts[:k]) for k in range(len(parts) + 1)]
        left += [found for group in groups if (found := _left(group, *files)) is not None]
    return left


def _left(group: Path, limit: str, used: str, idle: str) -> int | None:
    """Return the limit of a group less what it uses, files that can be dropped aside; None where it has none."""
    try:
        most, now = int((group / limit).read_text()), int((group / used).read_text())
        fields = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return max(0, most - now + int(fields.get(idle, 0)))
    except (OSError, ValueError):
        return None
