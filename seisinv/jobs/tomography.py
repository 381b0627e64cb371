"""Starting models from first breaks: picks, tomography, and the files and the page that show both."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w
import torch

from seisinv.core import DataError, Gathers, Grid, Model, ricker
from seisinv.core.files import write_whole
from seisinv.core.identity import digest
from seisinv.core.resampling import regrid
from seisinv.jobs import config
from seisinv.jobs.build import bounds_of
from seisinv.jobs.choose import Chosen
from seisinv.jobs.data import Data
from seisinv.jobs.quality import on_one_component
from seisinv.jobs.settings import WIDE, Settings
from seisinv.runs.fingerprint import whole_digest

if TYPE_CHECKING:
    from seisinv.traveltime.picking import Picks
    from seisinv.traveltime.tomography import Fit, Tomogram

log = logging.getLogger("seisinv.run")

NODES = 12_000  # of the tomography's grid; finer ones cost time and show no more
SHOWN = 3  # gathers in the picture
SAMPLED = 50  # traces read to tell waves from a model


@dataclass(frozen=True)
class Made:
    """What came of first breaks: the files in a directory, and what is wrong with the fit, in words.

    A model that the data reject is not kept: its files are there only if `kept`.
    """

    directory: Path
    faults: list[str]
    kept: bool

    @property
    def model(self) -> Path:
        """The model, for `seisinv invert --start`."""
        return self.directory / "start.sgy"

    @property
    def job(self) -> Path:
        """A job that inverts the same data, read in the same way, from the model."""
        return self.directory / "job.toml"

    @property
    def page(self) -> Path:
        """Picks, fit and model in pictures."""
        return self.directory / "start.html"


def fit_first_breaks(settings: Settings, data: Data, chosen: Chosen, directory: Path, *, force: bool = False) -> Made:
    """Pick first breaks, fit a model to them, and write start.sgy, job.toml, picks.csv, figures and start.html.

    A model that the data reject is only shown on the page, unless it is forced.

    Raises
    ------
    DataError
        If the file holds a model, or too few first breaks.
    """
    from seisinv.io import write_model
    from seisinv.report.start import faults
    from seisinv.traveltime import Tomography, check_reciprocity, pick_first_breaks

    if settings.run.threads is not None:
        torch.set_num_threads(settings.run.threads)
    gathers, _ = on_one_component(data.observed[list(range(len(data.observed)))])
    if settings.wavelet.kind == "ricker" and settings.wavelet.peak is not None:
        gathers = gathers.replace(survey=gathers.survey.with_wavelet(ricker(settings.wavelet.peak)))
    picks = without_delays(pick_first_breaks(gathers))
    log.info(
        "first breaks: %d of %d live traces, period %.3g s, %s",
        picks.count, int(gathers.live.sum()), picks.period,
        "delay of the wavelet left to the fit" if picks.lag is None else f"lag of the wavelet {picks.lag:.3g} s",
    )  # fmt: skip
    checked = check_reciprocity(picks)
    if checked.pairs:
        log.info(
            "reciprocity: %d pairs with source and receiver swapped differ by %.1f ms RMS; %d beyond half a period, %s",
            checked.pairs, 1e3 * checked.rms, checked.broken, "dropped" if checked.broken else "none dropped",
        )  # fmt: skip
    picks = checked.picks
    low, high = _bounds(settings, picks)
    water = None if isinstance(settings.inversion.water, str) else settings.inversion.water or None
    tomography = Tomography(coarse(chosen.grid), water=water, bounds=(low, high))
    found = tomography.run(picks, callback=_said)
    log.info("predicted − picked by offset, mean ± standard deviation: %s", "; ".join(found.by_offset(picks)))
    made = Made(directory, wrong := faults(picks, found), kept=force or not wrong)
    directory.mkdir(parents=True, exist_ok=True)
    for path in (made.model, made.job, directory / "start.npz", directory / "gradient.npz"):
        path.unlink(missing_ok=True)
    if made.kept:
        model, gradient = (
            Model(chosen.grid, vp=regrid(m, chosen.grid, extrapolate=True).astype(np.float32))
            for m in (found.model, found.gradient)
        )
        write_model(made.model, model)
        write_model(directory / "start.npz", model)
        write_model(directory / "gradient.npz", gradient)
        start = {"start": {"kind": "model", "vp": str(made.model.resolve())}}
        tables = {n: t for n, t in config.changed(settings).items() if n not in ("run", "start")}
        write_whole(made.job, tomli_w.dumps({**tables, **start}).encode())
    write_whole(directory / "picks.csv", picks.table())
    write_page(made, gathers, picks, found)
    return made


def _bounds(settings: Settings, picks: Picks) -> tuple[float, float]:
    """Return the limits of the velocity, m/s: those of the settings, else wide ones around the speeds of the picks."""
    if settings.inversion.bounds is not None:
        low, high = bounds_of(settings).get("vp", WIDE["vp"])
        return low, high
    distance, times = np.abs(picks.survey.reaches), picks.times
    good = np.isfinite(times) & (times > picks.period) & (distance > 0)
    if good.sum() < 10:
        return WIDE["vp"]
    # The speed to a receiver is a mean of what its wave crosses.
    slow, fast = np.percentile(distance[good] / times[good], [5, 95])
    low, high = WIDE["vp"]
    return float(min(low, 0.5 * slow)), float(max(high, 1.5 * fast))


def without_delays(picks: Picks) -> Picks:
    """Return picks without the delays of shots that are late against the others, which are said."""
    from seisinv.traveltime import shot_delays

    late = shot_delays(picks)
    for k in np.flatnonzero(late):
        number, by = picks.survey.shots[k].number, "late" if late[k] > 0 else "early"
        log.warning("shot %d is %.0f ms %s: its first breaks are shifted back", number, abs(1e3 * late[k]), by)
    return picks.replace(times=picks.times - late[:, None])


def fitted_start(settings: Settings, data: Data, chosen: Chosen, directory: Path) -> Path:
    """Return the starting model of `start.kind = "tomography"`, made in `directory`/start-… unless it is there.

    One that is there already for the same data and settings is used again; `start.vp` is not read.
    """
    if settings.start.vp is not None:  # of the job, where a run of a comparison changes the kind alone
        log.info("start.vp is not read: start.kind is 'tomography'")
    inversion, wavelet = settings.inversion, settings.wavelet
    made_of = digest(
        whole_digest(data.observed), chosen.grid, inversion.water, sorted(bounds_of(settings).items()),
        wavelet.kind, wavelet.peak,
    )  # fmt: skip
    place = (directory / f"start-{made_of[:8]}").resolve()
    note = place / "made-of.txt"  # comes last: without it the folder is that of a call that was stopped
    if not note.exists():
        refuse_models(settings.data.path or [])
        made = fit_first_breaks(settings, data, chosen, place)
        if not made.kept:
            raise DataError(
                f"no starting model: the data reject the fit of their first breaks: {'; '.join(made.faults)}",
                remedy=f"look at {made.page}, or give a starting model (start.vp)",
            )
        write_whole(note, f"{made_of}\n".encode())
    log.info("starting model: %s", place / "start.sgy")
    return place / "start.sgy"


def refuse_models(paths: Sequence[str]) -> None:
    """Say in one line that a file holds a model, where samples that never change sign say so.

    Raises
    ------
    DataError
    """
    from seisinv.io.files import uncompressed
    from seisinv.io.reader import recording

    for path in map(Path, paths[:1]):
        positive = path.suffix.lower() in (".npz", ".npy")
        if not positive:
            with uncompressed(path) as plain:
                source = recording(plain)
                some = source.reader.load(np.unique(np.linspace(0, source.traces - 1, SAMPLED).astype(int)))
                positive = bool(some.size and np.min(some) > 0)
        if positive:
            raise DataError(
                f"{path} looks like a model, not data: it holds no waves; name recorded shots here "
                f"(SEG-Y, SU or SEG-2), and give a model to an inversion: seisinv invert line.sgy --start {path.name}"
            )


def coarse(grid: Grid) -> Grid:
    """Return a grid over the same section with at most about NODES nodes."""
    every = max(1, math.ceil(math.sqrt(math.prod(grid.shape) / NODES)))
    shape = [max(4, math.ceil((n - 1) / every) + 1) for n in grid.shape]
    return Grid(shape, [h * every for h in grid.spacing], grid.origin)


def write_page(made: Made, gathers: Gathers, picks: Picks, found: Tomogram) -> None:
    """Write figures and start.html."""
    from seisinv import plot
    from seisinv.report.start import render

    shots = np.unique(np.linspace(0, len(gathers) - 1, min(SHOWN, len(gathers))).round().astype(int)).tolist()
    some, lag = gathers[shots], picks.lag or 0.0
    folder = made.directory / "figures"
    folder.mkdir(exist_ok=True)
    width = some.survey.max_receivers
    figures: dict[str, Any] = {
        "picks": plot.first_breaks(
            some, picked=picks.times[shots, :width], predicted=found.predicted[shots, :width], lag=lag
        ),
        "fit": plot.traveltime_fit(
            gathers.survey, picked=picks.times, before=found.predicted_gradient, after=found.predicted
        ),
        "model": plot.tomogram(found.model, found.gradient, coverage=found.coverage, survey=gathers.survey),
    }
    for name, figure in figures.items():
        plot.save(figure, folder / f"{name}.png")
    page = render(made.directory, figures={n: plot.png(f) for n, f in figures.items()}, picks=picks, found=found,
                  job=str(made.job) if made.kept else "")  # fmt: skip
    write_whole(made.page, page.encode())


def _said(fit: Fit) -> None:
    log.info("step %d, %s medium: residual %.2f ms", fit.step, fit.medium, 1e3 * fit.rms)
