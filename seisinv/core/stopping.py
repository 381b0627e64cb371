"""Stopping long work only where what it keeps is complete."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

STOPPING = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let a scheduler's SIGTERM and the SIGHUP of a closed terminal end what runs inside as Ctrl-C does."""
    with _handled(signal.SIG_DFL, signal.default_int_handler):  # nohup ignores SIGHUP, and goes on doing so
        yield


@contextlib.contextmanager
def interruptions() -> Iterator[Callable[[], bool]]:
    """Delay the first Ctrl-C, which may come half-way through a step; yield a function that returns whether it came."""
    came = threading.Event()

    def hold(number: int, _frame: object) -> None:
        came.set()
        signal.signal(number, signal.default_int_handler)

    with _handled(signal.default_int_handler, hold):  # any other handler: somebody else looks after it
        yield came.is_set


@contextlib.contextmanager
def _handled(former: Any, handler: Any) -> Iterator[None]:
    """Replace the handlers of the signals that end a process, where they are `former`, and put them back."""
    is_main = threading.current_thread() is threading.main_thread()  # others cannot set handlers
    changed = [n for n in STOPPING if is_main and signal.getsignal(n) is former]
    for number in changed:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, former)
