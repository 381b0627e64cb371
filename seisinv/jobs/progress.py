"""Progress of long work: a bar on a terminal, lines in the log elsewhere."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seisinv.inversion import Event
    from seisinv.priors.learned import Step
    from seisinv.surrogate import TrainingStep

log = logging.getLogger("seisinv")

LOG_EVERY = 10.0  # seconds between lines where there is no terminal
LOG_SHOTS_EVERY = 60.0  # the same for an inversion, between its iterations
LOG_TRAINING_EVERY = 60.0  # the same for trainings, which take hours


@dataclass(frozen=True)
class Progress:
    """How far work is.

    Parameters
    ----------
    done, total : int
        Steps.
    text, detail : str
        Where the work is, and how it goes.
    eta : float, s, optional
        Time left.
    is_milestone : bool
        Whether it gets a line in the log, however short ago the last one was.
    """

    done: int
    total: int
    text: str
    detail: str = ""
    eta: float | None = None
    is_milestone: bool = False

    def __str__(self) -> str:
        left = "" if self.eta is None else f"{clock(self.eta)} left"
        return ": ".join(filter(None, (self.text, ", ".join(filter(None, (self.detail, left))))))


@contextmanager
def shown(every: float) -> Iterator[Callable[[Progress], None]]:
    """Show progress; without a terminal by its first line, its milestones, and a line `every` number of seconds."""
    if sys.stderr.isatty() and log.level < logging.ERROR:  # not --quiet
        with _bar() as show:
            yield show
        return
    last = -math.inf

    def write(progress: Progress) -> None:
        nonlocal last
        if progress.is_milestone or time.monotonic() - last >= every:
            last = time.monotonic()
            log.info("%s", progress)

    yield write


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from rich import progress as rich
    from rich.console import Console

    columns = rich.SpinnerColumn(), rich.BarColumn(bar_width=28), rich.TaskProgressColumn(), rich.TimeElapsedColumn()
    text = rich.TextColumn("{task.description}", markup=False)
    with rich.Progress(*columns, text, console=Console(stderr=True, highlight=False)) as bar:
        task = bar.add_task("", total=None)
        yield lambda p: bar.update(task, description=str(p), total=p.total, completed=p.done)


@contextmanager
def steps(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress of work in `total` equal steps; the function yielded is called with how many more are done."""
    done = 0
    with shown(LOG_EVERY) as show:

        def advance(more: int) -> None:
            nonlocal done
            done += more
            show(Progress(done, total, f"{title}: {done} of {total}", is_milestone=done >= total))

        advance(0)
        yield advance


@contextmanager
def inversion_progress() -> Iterator[Callable[[Event], None]]:
    """Show an inversion's progress with misfit and remaining time; yields what `invert` calls."""
    last: tuple[int, bool, int, int] | None = None
    with shown(LOG_SHOTS_EVERY) as show:

        def tell(event: Event) -> None:
            nonlocal last
            if event.model is not None:  # an update, whose evaluation has been reported
                return
            here = (event.member, event.searches, event.band_number, event.iteration)
            is_evaluation = event.relative is not None
            member = f"member {event.member} of {event.members}, " if event.members > 1 else ""
            band = "all frequencies" if event.band is None else f"up to {event.band:g} Hz"
            what = "wavelet, " if event.searches else ""
            text = f"{member}{what}band {band} ({event.band_number} of {event.bands})"
            detail = event.message if event.shots is None else "{} of {} shots".format(*event.shots)
            if event.relative is not None:
                text += f", iteration {event.iteration}"
                text += f" of {event.iterations}" if event.budget is None else ""
                detail = f"misfit {100 * event.relative:.1f} %" + " (replayed)" * event.replayed
            done, total = (event.band_number - 1) * event.iterations + event.iteration, event.bands * event.iterations
            if event.budget is not None:
                done, total = event.solves, event.budget
            is_news = here != last if is_evaluation else bool(event.message) and event.misfit is None
            show(Progress(done, total, text, detail, event.eta, is_news))
            last = here if is_evaluation else last

        yield tell


@contextmanager
def training_progress() -> Iterator[Callable[[Step], None]]:
    """Show a training's progress with loss, PSNR and remaining time; yields what `learned.train` calls."""
    with shown(LOG_TRAINING_EVERY) as show:

        def tell(step: Step) -> None:
            found = f"loss {step.loss:.3f}"
            if step.psnr:
                found += f", PSNR {', '.join(f'{v:.1f}' for v in step.psnr.values())} dB"
            text = f"step {step.step} of {step.steps}"
            show(Progress(step.step, step.steps, text, found, step.eta, is_milestone=bool(step.psnr)))

        yield tell


@contextmanager
def surrogate_progress() -> Iterator[Callable[[TrainingStep], None]]:
    """Show the training of a surrogate with its residual and remaining time; yields what `TrainedPINN` calls."""
    with shown(LOG_EVERY) as show:

        def tell(step: TrainingStep) -> None:
            text = f"{step.method}, update {step.update} of {step.updates}"
            is_last = step.update >= step.updates
            show(Progress(step.update, step.updates, text, f"residual {step.residual:.3f}", step.eta, is_last))

        yield tell


def clock(seconds: float) -> str:
    """Return a duration as 1:02:03 or 2:03.

    Examples
    --------
    >>> clock(123), clock(3723)
    ('2:03', '1:02:03')
    """
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
