"""`seisinv start`: a starting model from the first breaks in the data."""

from __future__ import annotations

import logging

from seisinv.core import Argument, Message, RunError
from seisinv.jobs.acquisition import with_components
from seisinv.jobs.choose import choose, run_directory
from seisinv.jobs.data import open_data
from seisinv.jobs.settings import Settings
from seisinv.jobs.tomography import Made, fit_first_breaks, refuse_models
from seisinv.runs.directory import OTHER

log = logging.getLogger("seisinv.run")


def make_start(settings: Settings, *, overwrite: bool = False, force: bool = False) -> Made:
    """Pick first breaks, fit a model to them, and write start.sgy, job.toml, picks.csv, figures and start.html.

    Parameters
    ----------
    settings : Settings
        Data, grid, bounds and water as for an inversion.
    overwrite : bool
        Write over what an earlier call left.
    force : bool
        Keep a model that the data reject.

    Returns
    -------
    Made
        Files, and what is wrong with the fit.

    Raises
    ------
    SeisinvError
        In one line, for anything that cannot work.
    """
    directory = run_directory(settings, "start")
    if (directory / "start.sgy").exists() and not overwrite:
        raise RunError(
            f"{directory}/start.sgy exists", remedy=(Message("replace it: ", Argument("overwrite", True)), OTHER)
        )
    refuse_models(settings.data.path or [])
    data = open_data(with_components(settings))
    chosen = choose(settings, data)
    for note in chosen.notes:
        log.info("%s", note)
    return fit_first_breaks(settings, data, chosen, directory, force=force)
