"""A start model from the data themselves: first breaks, tomography, and a page that shows both."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from seisinv.core import DataError, Gathers, Grid, Model, RunError, ricker
from seisinv.core.files import write_whole
from seisinv.jobs import config, prepare
from seisinv.jobs.settings import Settings
from seisinv.runs.fingerprint import data_digest, digest

if TYPE_CHECKING:
    from seisinv.traveltime.picking import Picks
    from seisinv.traveltime.tomography import Fit, Tomogram

log = logging.getLogger("seisinv.run")

NODES = 12_000  # of the tomography's grid; finer ones cost time and show no more
SHOWN = 3  # gathers in the picture
SAMPLED = 50  # traces read to tell waves from a model


def start_directory(settings: Settings) -> Path:
    """Return where the start model goes: the directory named, or runs/NAME-start after the data."""
    if settings.run.directory is not None:
        return Path(settings.run.directory)
    return Path("runs") / f"{Path((settings.data.path or ['line'])[0]).stem}-start"


def make_start(settings: Settings, *, overwrite: bool = False) -> Path:
    """Pick first breaks, fit a model to them, and write start.sgy, picks.csv, figures and start.html.

    Parameters
    ----------
    settings : Settings
        Data, grid, bounds and water as for an inversion.
    overwrite : bool
        Write over what an earlier call left.

    Returns
    -------
    Path
        start.sgy, for `seisinv invert --start`.

    Raises
    ------
    SeisinvError
        In one line, for anything that cannot work.
    """
    from seisinv.io import write_model
    from seisinv.traveltime import Tomography, check_reciprocity, pick_first_breaks

    directory = start_directory(settings)
    if (directory / "start.sgy").exists() and not overwrite:
        raise RunError(f"{directory}/start.sgy exists; use --overwrite, or choose another place with --directory")
    if settings.run.threads is not None:
        torch.set_num_threads(settings.run.threads)
    refuse_models(settings.data.path or [])
    prepared = prepare.prepare(settings)
    s = prepared.settings
    for note in prepared.notes:
        if not note.startswith("start model"):
            log.info("%s", note)
    gathers = prepared.observed[list(range(len(prepared.observed)))]
    if s.wavelet.kind == "ricker" and s.wavelet.peak is not None:
        gathers = gathers.replace(survey=gathers.survey.with_wavelet(ricker(s.wavelet.peak)))
    picks = pick_first_breaks(gathers)
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
    low, high = s.inversion.bounds.get("vp", [1400.0, 5500.0])
    tomography = Tomography(coarse(prepared.start.grid), water=s.inversion.water or None, bounds=(low, high))
    found = tomography.run(picks, callback=_said)
    log.info("predicted − picked by offset, mean ± standard deviation: %s", "; ".join(found.by_offset(picks)))
    directory.mkdir(parents=True, exist_ok=True)
    model = on_grid(found.model, prepared.start.grid)
    write_model(directory / "start.sgy", model, overwrite=True)
    write_model(directory / "start.npz", model, overwrite=True)
    write_model(directory / "gradient.npz", on_grid(found.gradient, prepared.start.grid), overwrite=True)
    write_whole(directory / "picks.csv", picks.table())
    write_page(directory, gathers, picks, found, settings=s)
    return directory / "start.sgy"


def settled(settings: Settings, directory: Path) -> Settings:
    """Return settings whose start model is a file: with `start.kind = "tomography"` it is made in `directory`/start-….

    One that is there already for the same data and settings is used again; `start.vp` is not read.

    Raises
    ------
    SeisinvError
        In one line, for anything that cannot work.
    """
    if settings.start.kind == "model":
        return settings
    if settings.start.vp is not None:  # of the job, where a run of a comparison changes the kind alone
        log.info("start.vp is not read: start.kind is 'tomography'")
        settings = config.replaced(settings, start__vp=None)
    prepared = prepare.prepare(settings)
    s = prepared.settings
    bounds = sorted(s.inversion.bounds.items())
    made_of = digest(
        data_digest(prepared.observed), prepared.start.grid, s.inversion.water, bounds, s.wavelet.kind, s.wavelet.peak
    )
    place = (directory / f"start-{made_of[:8]}").resolve()
    note = place / "made-of.txt"  # comes last: without it the folder is that of a call that was stopped
    if not note.exists():
        plain = config.replaced(settings, start__kind="model", run__directory=str(place))
        make_start(plain, overwrite=True)
        write_whole(note, f"{made_of}\n".encode())
    log.info("start model: %s", place / "start.sgy")
    return config.replaced(settings, start__kind="model", start__vp=str(place / "start.sgy"))


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


def on_grid(model: Model, grid: Grid) -> Model:
    """Interpolate a model linearly to another grid."""
    from scipy.interpolate import RegularGridInterpolator

    known = RegularGridInterpolator(
        [model.grid.coordinates(a) for a in model.grid.axes], model.vp.double().numpy(), bounds_error=False,
        fill_value=None,
    )  # fmt: skip
    nodes = np.stack(np.meshgrid(*(grid.coordinates(a) for a in grid.axes), indexing="ij"), axis=-1)
    return Model(grid, vp=known(nodes).astype(np.float32))


def write_page(directory: Path, gathers: Gathers, picks: Picks, found: Tomogram, *, settings: Settings) -> Path:
    """Write figures and start.html."""
    from seisinv import plot
    from seisinv.report.start import render

    shots = np.unique(np.linspace(0, len(gathers) - 1, min(SHOWN, len(gathers))).round().astype(int)).tolist()
    some, lag = gathers[shots], picks.lag or 0.0
    folder = directory / "figures"
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
    page = render(
        directory, figures={n: plot.png(f) for n, f in figures.items()}, picks=picks, found=found,
        settings=config.dump(settings),
    )  # fmt: skip
    write_whole(directory / "start.html", page.encode())
    return directory / "start.html"


def _said(fit: Fit) -> None:
    log.info("step %d, %s medium: residual %.2f ms", fit.step, fit.medium, 1e3 * fit.rms)
