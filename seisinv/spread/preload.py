"""What worker processes of this machine do first: leave Ctrl-C to the process that started them, and stops them."""

from __future__ import annotations

import signal
from typing import Any


def dask_setup(worker: Any) -> None:
    """Ignore interruptions; Dask calls it in every worker, in its main thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
