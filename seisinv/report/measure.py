"""What a run has come to: the one place whose numbers and words the terminal, the report and a comparison share.

Start means the starting model, end the result. The misfit is the one that was inverted, of all inverted shots, filtered
to the last band. The error is the root mean square over all cells. The cost is what the run itself spent, with every
trial and every estimate of a wavelet; evaluating its models for a page or a comparison is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seisinv.core import PARAMETERS
from seisinv.metrics.errors import rmse
from seisinv.report import certainty
from seisinv.report.render import Headline
from seisinv.runs.record import RunRecord


@dataclass(frozen=True)
class Change:
    """A quantity that should fall, at the start and at the end."""

    start: float
    end: float

    @property
    def is_worse(self) -> bool:
        """Whether it ended above its start, or is not a number."""
        return not self.end <= self.start

    @property
    def left(self) -> str:
        """The end as a share of the start."""
        return share(self.end / self.start) if self.start else "∞" if self.end else "0%"


@dataclass(frozen=True)
class BandRow:
    """Outcome of one frequency band."""

    band: str
    iterations: int
    change: Change  # of the misfit, from where the band began
    solves: float
    rmse: float | None


@dataclass(frozen=True)
class Measured:
    """Numbers of a run; those that are not known are None or empty."""

    misfit: Change | None
    since: str  # where the misfit's start is
    unexplained: Change | None
    held_out: Change | None
    errors: dict[str, Change]  # by parameter, SI units
    iterations: int
    solves: float
    seconds: float
    doubts: str  # of the run itself, as words that follow "it"

    @property
    def faults(self) -> list[str]:
        """What is wrong with the result; empty where it holds against the run's own checks."""
        falling = {"misfit": self.misfit, "hold-out misfit": self.held_out}
        found = [
            f"its {name} ended at {c.left} of that of {self.since}"
            for name, c in falling.items()
            if c is not None and c.is_worse
        ]
        for name, c in self.errors.items():
            if c.is_worse:
                p = PARAMETERS[name]
                found.append(
                    f"its {p.title} error ended at {c.end:,.1f} {p.unit}, was {c.start:,.1f} {p.unit} at the start"
                )
        return found + [f"it {self.doubts}"] * bool(self.doubts)


def measure(run: RunRecord) -> Measured:
    """Measure a run, finished or not."""
    rows, fit, last = band_rows(run), run.fit, run.history[-1] if run.history else {}
    misfit, since = (rows[-1].change, f"the model in which the band {rows[-1].band} began") if rows else (None, "")
    if fit is not None:
        misfit, since = Change(*fit.misfit), f"the starting model, {fit.band}"
    errors = {}
    if run.truth is not None and run.has_truth:
        known = [n for n in run.result if n in run.truth]
        errors = {n: Change(*(rmse(m, run.truth, name=n) for m in (run.start, run.result))) for n in known}
    cost = run.cost
    return Measured(
        misfit,
        since,
        unexplained=None if fit is None else Change(*fit.unexplained),
        held_out=None if fit is None or fit.held_out is None else Change(*fit.held_out),
        errors=errors,
        iterations=sum(row["iteration"] > 0 for row in run.history),
        solves=last.get("solves", 0) if cost is None else cost.solves,
        seconds=last.get("seconds", 0.0) if cost is None else cost.seconds,
        doubts="" if cost is None else cost.note,
    )


def headlines(run: RunRecord) -> list[Headline]:
    """Return the headline numbers of a run."""
    m = measure(run)
    cards = []
    for name, c in m.errors.items():
        p = PARAMETERS[name]
        change = f"{(c.end - c.start) / c.start:+.0%}" if c.start else "no error"
        note = f"over all cells; was {c.start:,.1f} {p.unit} at the start ({change})"
        cards.append(Headline(f"{p.title} error (RMSE)", f"{c.end:,.1f} {p.unit}", note))
    cards += certainty.headlines(run)
    if m.misfit is not None:
        cards.append(Headline("Misfit left", m.misfit.left, f"of that of {m.since}"))
    if m.unexplained is not None:
        note = f"of the inverted shots; was {share(m.unexplained.start)} at the start"
        cards.append(Headline("Energy not explained", share(m.unexplained.end), note))
    if m.held_out is not None:
        cards.append(Headline("Hold-out misfit left", m.held_out.left, f"of that of {m.since}; not inverted"))
    if run.history:
        first = "" if run.ensemble is None else f" of the first of {run.ensemble.size} members"
        far = " so far" if run.cost is None else ""
        note = f"wave-equation solves in {_duration(m.seconds)}, {m.iterations} iterations{far}{first}"
        cards.append(Headline("Work", f"{m.solves:g}", note))
    return cards


def lines(run: RunRecord) -> Iterator[str]:
    """Yield the headline numbers as lines of text; a bad end comes first."""
    if faults := measure(run).faults:
        yield bad_end(faults)
    yield from map(str, headlines(run))


def bad_end(faults: list[str], name: str = "The run") -> str:
    """Return the sentence that says what is wrong with a run's result."""
    return f"{name} ended badly: {'; '.join(faults)}"


def band_rows(run: RunRecord) -> list[BandRow]:
    """Summarise the history band by band."""
    rows, first, history = [], 0, run.history
    for k in range(1, len(history) + 1):
        if k < len(history) and all(history[k].get(key) == history[first].get(key) for key in ("band", "rung")):
            continue
        a, b = history[first], history[k - 1]
        band = "all frequencies" if a["band"] is None else f"up to {a['band']:g} Hz"
        band += ", traveltimes" if a.get("stage") == "kinematic" else ""
        change = Change(a["misfit"], b["misfit"])
        rows.append(BandRow(band, int(b["iteration"]), change, b["solves"], b.get("model_rmse")))
        first = k
    return rows


def share(value: float) -> str:
    """Return a share in per cent, with the digits that a comparison's table has."""
    return f"{value:.2%}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"
