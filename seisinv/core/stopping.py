"""Stopping long work only where what it keeps is complete."""

from __future__ import annotations

import contextlib
import os
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


class LifetimeOver(KeyboardInterrupt):
    """The time that a run was given is over; it can be resumed."""


@contextlib.contextmanager
def stopping_after(minutes: float | None) -> Iterator[None]:
    """End what runs inside after some minutes as Ctrl-C does, by a `LifetimeOver`; None: never.

    Wherever a run stops, it has kept all but the evaluation that it was at.
    """
    if minutes is None:
        yield
        return
    if not hasattr(signal, "setitimer"):  # Windows
        timer = threading.Timer(60 * minutes, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        return

    def end(_number: int, _frame: object) -> None:
        raise LifetimeOver

    # An alarm of its own: Ctrl-C is ignored by what a shell has put into the background.
    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 60 * minutes)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


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
