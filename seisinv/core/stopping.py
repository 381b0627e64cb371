"""Stopping long work only where what it keeps is complete."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def interruptions() -> Iterator[Callable[[], bool]]:
    """Delay the first Ctrl-C, which may come half-way through a step; yield a function that returns whether it came."""
    came = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield came.is_set  # somebody else looks after it
        return

    def hold(_number: int, _frame: object) -> None:
        came.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, hold)
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGINT, before)
