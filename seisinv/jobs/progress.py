"""What a person sees while work goes on: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from seisinv.inversion import Event
    from seisinv.priors.learned import Step
    from seisinv.surrogate import TrainingStep

log = logging.getLogger("seisinv")

LOG_EVERY = 10.0  # seconds between lines where there is no terminal
LOG_TRAINING_EVERY = 60.0  # the same for trainings, which take hours


@contextmanager
def steps(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress of work in `total` equal steps; the function yielded says how many more are done."""
    console = _console()
    if console is None:
        yield _logged_steps(title, total)
        return
    with _bar(console) as bar:
        task = bar.add_task(title, total=total, detail="")
        yield lambda more: bar.advance(task, more)


@contextmanager
def inversion_progress() -> Iterator[Callable[[Event], None]]:
    """Show an inversion's progress with misfit and remaining time; yields what `Inversion.run` calls."""
    console = _console()
    if console is None:
        yield _LoggedInversion()
        return
    with _bar(console) as bar:
        task = bar.add_task("inverting", total=None, detail="")

        def show(event: Event) -> None:
            if event.model is not None:  # an update, of which its evaluation has told
                return
            detail = event.message or ""
            if event.relative is not None:
                detail = f"misfit {event.relative:6.1%}"
            bar.update(
                task,
                description=f"{member_name(event)}{band_name(event)}, {event.band_number} of {event.bands}",
                total=event.bands * event.iterations,
                completed=_done(event),
                detail=detail + (f"  {clock(event.eta)} left" if event.eta else "") + ("  (replayed)" * event.replayed),
            )

        yield show


@contextmanager
def training_progress() -> Iterator[Callable[[Step], None]]:
    """Show a training's progress with loss, PSNR and remaining time; yields what `learned.train` calls."""
    console = _console()
    if console is None:
        yield _LoggedTraining()
        return
    with _bar(console) as bar:
        task = bar.add_task("training", total=None, detail="")
        checked = [""]

        def show(step: Step) -> None:
            checked[0] = f"  {_decibels(step)}" if step.psnr else checked[0]
            bar.update(
                task,
                description=f"step {step.step:,} of {step.steps:,}",
                total=step.steps,
                completed=step.step,
                detail=f"loss {step.loss:.3f}{checked[0]}  {clock(step.eta)} left",
            )

        yield show


@contextmanager
def surrogate_progress() -> Iterator[Callable[[TrainingStep], None]]:
    """Show the training of a surrogate with its residual and remaining time; yields what `TrainedPINN` calls."""
    console = _console()
    if console is None:
        yield _LoggedSurrogate()
        return
    with _bar(console) as bar:
        task = bar.add_task("training", total=None, detail="")

        def show(step: TrainingStep) -> None:
            bar.update(
                task,
                description=f"{step.method}, update {step.update:,} of {step.updates:,}",
                total=step.updates,
                completed=step.update,
                detail=f"residual {step.residual:.3f}  {clock(step.eta)} left",
            )

        yield show


def _decibels(step: Step) -> str:
    """Return the PSNR of the last check, at each σ."""
    return "PSNR " + ", ".join(f"{v:.1f}" for v in (step.psnr or {}).values()) + " dB"


def band_name(event: Event) -> str:
    """Return the band in words."""
    return "all frequencies" if event.band is None else f"up to {event.band:g} Hz"


def member_name(event: Event) -> str:
    """Return which inversion of an ensemble it is, in words that others follow; nothing where there is only one."""
    return f"member {event.member} of {event.members}, " if event.members > 1 else ""


def clock(seconds: float) -> str:
    """Return a duration as 1:02:03 or 2:03."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _done(event: Event) -> int:
    return (event.band_number - 1) * event.iterations + event.iteration


def _console() -> Console | None:
    import sys

    if not sys.stderr.isatty() or log.level >= logging.ERROR:  # --quiet
        return None
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def _bar(console: Console) -> Progress:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
        console=console,
    )


def _logged_steps(title: str, total: int) -> Callable[[int], None]:
    state = {"done": 0, "said": time.monotonic()}
    log.info("%s: %d to do", title, total)

    def advance(more: int) -> None:
        state["done"] += more
        if state["done"] >= total or time.monotonic() - state["said"] > LOG_EVERY:
            state["said"] = time.monotonic()
            log.info("%s: %d of %d", title, state["done"], total)

    return advance


class _LoggedInversion:
    """One line for each accepted update and each message."""

    def __init__(self) -> None:
        self.last: tuple[int, int, int] | None = None

    def __call__(self, event: Event) -> None:
        if event.model is not None:  # an update, of which its evaluation has told
            return
        if event.message and event.misfit is None:
            log.info("%sband %s: %s", member_name(event), self._band(event), event.message)
        here = (event.member, event.band_number, event.iteration)
        if event.relative is None or here == self.last:
            return
        self.last = here
        log.info(
            "%sband %s, iteration %d of %d: misfit %.1f %%, %s left%s",
            member_name(event),
            self._band(event),
            event.iteration,
            event.iterations,
            100 * event.relative,
            clock(event.eta or 0.0),
            " (replayed)" if event.replayed else "",
        )

    @staticmethod
    def _band(event: Event) -> str:
        return f"{band_name(event)} ({event.band_number} of {event.bands})"


class _LoggedTraining:
    """One line for each check of the PSNR, and one a minute."""

    def __init__(self) -> None:
        self.said = time.monotonic() - LOG_TRAINING_EVERY  # the first step says how long it will take

    def __call__(self, step: Step) -> None:
        if not step.psnr and time.monotonic() - self.said < LOG_TRAINING_EVERY:
            return
        self.said = time.monotonic()
        checked = f", {_decibels(step)}" if step.psnr else ""
        log.info("step %d of %d: loss %.3f%s, %s left", step.step, step.steps, step.loss, checked, clock(step.eta))


class _LoggedSurrogate:
    """One line every ten seconds, and the last."""

    def __init__(self) -> None:
        self.said = time.monotonic() - LOG_EVERY  # the first update says how long it will take

    def __call__(self, step: TrainingStep) -> None:
        if time.monotonic() - self.said < LOG_EVERY and step.update < step.updates:
            return
        self.said = time.monotonic()
        where = f"{step.method}, update {step.update} of {step.updates}"
        log.info("%s: residual %.3f, %s left", where, step.residual, clock(step.eta))
