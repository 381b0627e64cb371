"""Wavefield-reconstruction inversion: its spectra, its fields, its model step, and the whole."""

import dataclasses

import numpy as np
import pytest
import torch

import seisinv as si
from seisinv.metrics import rmse
from seisinv.reconstruction import WavefieldReconstruction, reconstruct, slowness
from seisinv.reconstruction.fields import ReconstructedFields
from seisinv.signal.spectra import of_gathers, of_sources
from seisinv.surrogate import Helmholtz

GRID = si.Grid((13, 13), 40.0)
FREQUENCY = 5.0


def truth() -> si.Model:
    z, x = np.meshgrid(GRID.coordinates("z"), GRID.coordinates("x"), indexing="ij")
    return si.Model(GRID, vp=2000.0 * (1 + 0.08 * np.exp(-((z - 250) ** 2 + (x - 230) ** 2) / (2 * 100**2)))).to(
        torch.float64
    )


def survey() -> si.Survey:
    sides = [si.line(60, 420, every=180, depth=20), si.line(60, 420, every=180, depth=460)]
    receivers = [si.line(40, 440, every=80, depth=d) for d in (30, 450)]
    wells = np.array([[z, x] for z in range(80, 440, 80) for x in (30, 450)], float)
    return si.Survey.surface(
        sources=np.concatenate(sides), receivers=np.concatenate([*receivers, wells]), wavelet=si.ricker(5.0),
        duration=1.3, dt=4e-3,
    )  # fmt: skip


@pytest.fixture(scope="module")
def problem() -> WavefieldReconstruction:
    fine = si.Grid((49, 49), 10.0)
    vp = torch.nn.functional.interpolate(truth().vp[None, None], size=(49, 49), mode="bicubic", align_corners=True)
    observed = si.Propagator(si.Acoustic(), fine, survey())(si.Model(fine, vp=vp[0, 0]))
    start = si.Model(GRID, vp=2000.0).to(torch.float64)
    return WavefieldReconstruction(
        propagator=si.Propagator(si.Acoustic(), GRID, survey()),
        observed=observed,
        unknown=si.unknowns.Bounded(start, vp=(1900, 2300)),
        penalty=si.priors.Tikhonov(0.1),
    )


@pytest.fixture(scope="module")
def fields(problem) -> ReconstructedFields:
    shots = problem.observed.survey.shots
    sources = np.concatenate([s.sources for s in shots])
    return ReconstructedFields(si.Acoustic(), truth(), FREQUENCY, (1900.0, 2300.0), sources, shots[0].receivers)


def slowness_squared(model: si.Model) -> np.ndarray:
    return 1 / model.vp.numpy() ** 2


def test_spectra_of_simulated_data_are_the_surrogate_field(problem):
    """Two methods, two domains, one equation: signs, source strength and layers agree."""
    shots = problem.observed.survey.shots
    field = Helmholtz(si.Acoustic(), truth(), FREQUENCY)(tuple(shots[0].sources[0]))
    found = of_gathers(problem.observed, FREQUENCY)[0] / of_sources(problem.observed.survey, FREQUENCY)[0]
    expected = field(shots[0].receivers)[0]
    assert np.linalg.norm(found - expected) < 0.03 * np.linalg.norm(expected)


def test_without_trust_the_equation_is_solved(fields):
    u = fields.solve(slowness_squared(truth()), None, data_weight=1.0)
    expected = Helmholtz(si.Acoustic(), truth(), FREQUENCY)(tuple(fields.sources[0]))(fields.receivers)[0]
    assert np.linalg.norm(u.received[:, 0] - expected) < 0.03 * np.linalg.norm(expected)


def test_trust_moves_the_fields_from_the_equation_to_the_data(fields):
    m = slowness_squared(truth())
    exact = fields.solve(m, None, data_weight=1.0)
    data = exact.received * np.exp(0.3j)
    size = np.linalg.norm(data)
    left, broken = [], []
    for trust in (1e-6, 1.0, 1e6):
        u = fields.solve(m, data, data_weight=trust)
        left.append(np.linalg.norm(u.received - data) / size)
        broken.append(np.linalg.norm((fields.spread @ m.ravel())[:, None] * u.value - u.space))
    assert left[0] > 0.29
    assert left[0] > left[1] > left[2]
    assert left[2] < 1e-2
    assert broken[0] < broken[1] < broken[2]


def test_dead_traces_do_not_matter(fields):
    m = slowness_squared(truth())
    data = fields.solve(m, None, data_weight=1.0).received
    data[3] = np.nan
    again = fields.solve(m, data, data_weight=10.0)
    np.testing.assert_allclose(again.received[:3], data[:3], atol=1e-7 * np.abs(data[:3]).max())


def test_right_fields_give_the_right_model(fields):
    true = slowness_squared(truth())
    u = fields.solve(true, None, data_weight=1.0)
    start = si.Model(GRID, vp=2000.0).to(torch.float64)
    equations = slowness.normal(fields.spread, u.value, u.space, slowness_squared(start))
    box = np.full(GRID.shape, 1900.0), np.full(GRID.shape, 2300.0)
    found = slowness.solve(equations, start, [si.priors.Tikhonov(0.01)], box=box)
    assert rmse(found, truth()) < 0.1 * rmse(start, truth())  # what the features leave of the equation


@pytest.mark.parametrize(
    "penalty", [si.priors.Tikhonov(0.7), si.priors.Tikhonov(0.7, order=2, axes=(1, 3)), si.priors.TotalVariation(0.7)]
)
def test_quadratic_forms_have_the_gradient_of_the_penalty(penalty):
    model = si.Model(GRID, vp=truth().vp.clone().requires_grad_())
    (expected,) = torch.autograd.grad(penalty(model), model.vp)
    form, target = slowness.quadratic(penalty, model)
    found = form @ (model.vp.detach().numpy().ravel() / 1000 - target) / 1000
    np.testing.assert_allclose(found.reshape(GRID.shape), expected.numpy(), atol=1e-10)


def test_nodes_whose_bounds_meet_keep_their_value(fields):
    u = fields.solve(slowness_squared(truth()), None, data_weight=1.0)
    start = si.Model(GRID, vp=2000.0).to(torch.float64)
    low, high = np.full(GRID.shape, 1900.0), np.full(GRID.shape, 2100.0)
    low[:3] = high[:3] = 2000.0
    equations = slowness.normal(fields.spread, u.value, u.space, slowness_squared(start))
    found = slowness.solve(equations, start, [si.priors.Tikhonov(0.1)], box=(low, high)).vp.numpy()
    assert (found[:3] == 2000.0).all()
    assert found.min() >= 1900.0
    assert found.max() <= 2100.0


def test_inversion_finds_the_anomaly_and_resumes(problem, tmp_path):
    events = []
    result = reconstruct(
        problem, [FREQUENCY], iterations=4, truth=truth(), progress=events.append, run_directory=tmp_path / "a"
    )
    start = rmse(problem.unknown.start, truth())
    assert rmse(result.model, truth()) < 0.5 * start
    assert len(events) == len(result.history) == 5
    again = reconstruct(problem, [FREQUENCY], iterations=4, truth=truth(), run_directory=tmp_path / "a", resume=True)
    assert torch.equal(again.model.vp, result.model.vp)
    assert again.history == result.history
    with pytest.raises(si.RunError, match="belongs to another job"):
        reconstruct(problem, [FREQUENCY], iterations=5, run_directory=tmp_path / "a", resume=True)


def test_wavelet_is_estimated(problem):
    """Data three times as strong, and late: an amplitude for each frequency takes that away."""
    shifted = problem.observed.data.roll(5, dims=-1) * 3
    other = dataclasses.replace(problem, observed=problem.observed.replace(data=shifted), wavelet="estimate")
    result = reconstruct(other, [FREQUENCY], iterations=3)
    assert rmse(result.model, truth()) < 0.7 * rmse(problem.unknown.start, truth())


def test_features_that_miss_the_simulator_are_refused(problem):
    """At the first frequency with an error, at a later one by ending with what there is."""
    with pytest.raises(si.StabilityError, match=r"at 5 Hz the data of the basis differ from the simulator's by 1\..%"):
        reconstruct(dataclasses.replace(problem, max_error=1e-3), [FREQUENCY], iterations=1)
    first, *_, last = (r["surrogate_error"] for r in reconstruct(problem, [4.0, 6.0], iterations=1).history)
    assert 0 < first < last < 0.1
    result = reconstruct(dataclasses.replace(problem, max_error=0.5 * (first + last)), [4.0, 6.0], iterations=1)
    assert [e.iterations for e in result.ends] == [1, 0]
    assert "at 6 Hz the data of the basis differ" in result.ends[-1].reason


def test_refusals_say_what_is_needed(problem):
    with pytest.raises(si.ConfigError, match="frequencies are"):
        reconstruct(problem, [5.0, 4.0])
    with pytest.raises(si.ConfigError, match="hold nothing above 125 Hz"):
        reconstruct(problem, [200.0])
    with pytest.raises(si.DataError, match="no energy at 60 Hz"):
        reconstruct(problem, [60.0])
    with pytest.raises(si.ConfigError, match="data_weight is 0"):
        dataclasses.replace(problem, data_weight=0.0)
    both = si.Model(GRID, vp=2000.0, rho=2000.0)
    with pytest.raises(si.ConfigError, match="solves for vp only"):
        dataclasses.replace(problem, unknown=si.unknowns.Bounded(both, vp=(1900, 2300), rho=(1900, 2300)))
    free = problem.propagator.replace(boundary=si.Boundary(free_surface=True))
    with pytest.raises(si.ConfigError, match="free surface"):
        dataclasses.replace(problem, propagator=free)
    with pytest.raises(si.ModelError, match=r"node every 40 m; 12 Hz at 1900 m/s needs one every 39.6 m"):
        reconstruct(problem, [12.0])
