"""The inversion on the real propagator: small transmission experiments."""

import pickle

import numpy as np
import pytest
import torch

from seisinv.core import Grid, Model, Survey, line, ricker
from seisinv.inversion import LBFGS, Inversion, invert, misfit_and_gradient
from seisinv.metrics import metrics
from seisinv.physics import Acoustic, AcousticDensity
from seisinv.propagate import Boundary, Propagator
from seisinv.unknowns import Bounded

GRID = Grid((31, 31), 20.0)
PHYSICS = {p.name: p for p in (Acoustic(), AcousticDensity())}


def experiment(physics="acoustic"):
    survey = Survey.surface(
        sources=line(60, 540, every=160, depth=560),
        receivers=line(20, 580, every=40, depth=40),
        wavelet=ricker(8.0),
        duration=0.7,
        dt=4e-3,
    )
    z, x = np.meshgrid(GRID.coordinates("z"), GRID.coordinates("x"), indexing="ij")
    disc = np.exp(-((z - 300) ** 2 + (x - 300) ** 2) / 90**2)
    truth, start = {"vp": 2000 + 200 * disc}, {"vp": 2000.0}
    if physics == "acoustic_density":
        truth["rho"], start["rho"] = 2000 - 150 * disc, 2000.0
    simulate = Propagator(PHYSICS[physics], GRID, survey, order=4, boundary=Boundary(10), vp_max=2600, threads=1)
    models = [Model(GRID, **{n: torch.as_tensor(v, dtype=torch.float32) for n, v in m.items()}) for m in (truth, start)]
    return simulate, *models


def test_disc_is_found_with_an_unknown_wavelet():
    simulate, truth, start = experiment()
    observed = simulate(truth)
    blind = simulate.replace(survey=simulate.survey.with_wavelet(None))
    observed = observed.replace(data=1e5 * observed.data, survey=blind.survey)
    problem = Inversion(
        propagator=blind, observed=observed, unknown=Bounded(start, vp=(1950, 2600)), wavelet="estimate"
    )
    result = invert(problem, LBFGS(8), bands=[6, 10], truth=truth)
    found = metrics(result.model, truth, start=start)
    assert found.rmse < 0.75 * metrics(start, truth).rmse
    assert found.update_correlation > 0.7  # measured: 0.79
    wavelet, true = result.wavelets["all"], 1e5 * simulate.survey.wavelet
    assert float((wavelet - true).norm() / true.norm()) < 0.3


def test_velocity_and_density_are_inverted_together():
    simulate, truth, start = experiment("acoustic_density")
    unknown = Bounded(start, vp=(1800, 2600), rho=(1500, 2500))
    problem = Inversion(propagator=simulate, observed=simulate(truth), unknown=unknown)
    result = invert(problem, LBFGS(4), bands=[8])
    assert result.history[-1]["relative"] < 0.3
    assert not torch.equal(result.model.rho, start.rho)


@pytest.mark.parametrize("physics", list(PHYSICS))
def test_real_tasks_travel_by_pickle_and_give_the_same_bits(physics):
    simulate, truth, start = experiment(physics)
    problem = Inversion(propagator=simulate, observed=simulate(truth), unknown=Bounded(start, vp=(1800, 2600)))
    (task,) = problem.tasks(start, wanted=["vp"])
    here, there = misfit_and_gradient(task), misfit_and_gradient(pickle.loads(pickle.dumps(task)))
    assert here.misfit == there.misfit
    assert np.array_equal(here.gradient["vp"], there.gradient["vp"])


class Stop(Exception):
    pass


def test_stopped_and_resumed_run_of_waves_ends_with_the_same_bits(tmp_path):
    simulate, truth, start = experiment()
    unknown = Bounded(start, vp=(1900, 2600))
    problem = Inversion(propagator=simulate, observed=simulate(truth), unknown=unknown, wavelet="estimate")
    whole = invert(problem, LBFGS(3), bands=[6, 9], run_directory=tmp_path / "whole")

    def stop(event):
        if event.evaluations == 3 and event.band == 9:
            raise Stop

    with pytest.raises(Stop):
        invert(problem, LBFGS(3), bands=[6, 9], run_directory=tmp_path / "cut", progress=stop)
    again = invert(problem, LBFGS(3), bands=[6, 9], run_directory=tmp_path / "cut", resume=True)
    assert torch.equal(whole.model.vp, again.model.vp)
    assert [{**r, "seconds": 0} for r in whole.history] == [{**r, "seconds": 0} for r in again.history]
