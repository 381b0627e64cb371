"""Point sources in the least-squares surrogate: backgrounds, windows, slabs, gradients, and its own error."""

import dataclasses

import numpy as np
import pytest
import torch
from surrogate_waves import free, gaussian, scored, square

import seisinv as si
from seisinv.surrogate import SurrogateSimulator, Wavefield
from seisinv.surrogate.features import Partition
from seisinv.surrogate.time.background import Background
from seisinv.surrogate.time.march import check_growth
from seisinv.surrogate.time.rows import matrix, places
from seisinv.surrogate.time.solve import factorise
from seisinv.surrogate.time.windowed import factorise_windows

HALF, STEP = 100.0, 5e-3
BOUND = 0.15  # 0.106 and 0.043 for the two shots: edges are a fraction of a wavelength away and absorb to second order


def medium(strength: float = 0.1, nodes: int = 21) -> si.Model:
    grid = si.Grid((nodes, nodes), 2 * HALF / (nodes - 1), (-HALF, -HALF))
    z, x = np.meshgrid(grid.coordinates("z"), grid.coordinates("x"), indexing="ij")
    return si.Model(grid, vp=torch.tensor(1000 * (1 + strength * np.exp(-((z - 20) ** 2 + x**2) / (2 * 40.0**2)))))


def line(*shots: tuple[float, float], duration: float = 0.4, peak: float = 8.0) -> si.Survey:
    return si.Survey.surface(
        sources=np.array(shots),
        receivers=np.column_stack([np.full(7, 60.0), np.linspace(-75, 75, 7)]),
        wavelet=si.ricker(peak),
        duration=duration,
        dt=STEP,
    )


@pytest.fixture(scope="module")
def pinn() -> si.PINN:
    return si.PINN(si.Acoustic(), medium(), line((-60.0, -40.0), (-50.0, 30.0)), slabs=5)


@pytest.fixture(scope="module")
def gathers(pinn: si.PINN) -> si.Gathers:
    return pinn.gathers()


@pytest.fixture(scope="module")
def simulated(pinn: si.PINN) -> si.Gathers:
    return si.Propagator(si.Acoustic(), pinn.model.grid, pinn.survey)(pinn.model)


def background() -> Background:
    times = STEP * np.arange(100)
    return Background(np.array([3.0, -4.0]), 1000.0, 1000.0**2, STEP, si.ricker(8)(times))


@pytest.mark.parametrize("order", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 0, 0), (1, 1, 0), (1, 0, 1), (0, 0, 2)])
def test_derivatives_of_the_background_equal_finite_differences(order):
    """Central differences of the derivative one lower, over 1e-4 of a wavelength: errors of 1e-7 of the values."""
    axis = int(np.argmax(order))
    lower = tuple(n - (k == axis) for k, n in enumerate(order))
    points = np.array([[50.0, 20.0, 0.28], [-30.0, 60.0, 0.33], [8.0, -10.0, 0.2]])
    step = np.diag([0.01, 0.01, 1e-5])[axis]
    b = background()
    expected = (b(points + step, lower) - b(points - step, lower)) / (2 * step.sum())
    found = b(points, order)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(found).max())


def test_background_solves_its_equation_off_the_source():
    b, points = background(), scored(50, 0.4) * (0.05, 0.05, 1.0)
    laplacian = b(points, (2, 0, 0)) + b(points, (0, 2, 0))
    np.testing.assert_allclose(b(points, (0, 0, 2)), b.speed**2 * laplacian, rtol=1e-10, atol=1e-8)


def test_background_has_the_amplitude_of_the_simulator():
    model, survey = medium(0.0), line((-60.0, -40.0))
    simulated = si.Propagator(si.Acoustic(), model.grid, survey)(model).data[0].numpy()
    b = si.PINN(si.Acoustic(), model, survey, slabs=5)._backgrounds[0][0]
    times = survey.time.times
    receivers = survey.shots[0].receivers
    exact = b(np.column_stack([np.repeat(receivers, len(times), 0), np.tile(times, len(receivers))]))
    exact = exact.reshape(simulated.shape)
    assert np.linalg.norm(simulated - exact) < 5e-3 * np.linalg.norm(exact)  # the simulator's dispersion


def test_gathers_equal_the_simulators(gathers, simulated):
    error = (gathers.data - simulated.data).norm(dim=(1, 2)) / simulated.data.norm(dim=(1, 2))
    assert error.max() < BOUND


def test_wavefield_at_the_receivers_is_the_gather(pinn, gathers, tmp_path):
    wave = pinn()
    times, receivers = pinn.survey.time.times, pinn.survey.shots[1].receivers
    points = np.column_stack([np.tile(receivers[2], (len(times), 1)), times])
    np.testing.assert_allclose(wave(points)[1], gathers.data[1, 2], atol=1e-9 * float(gathers.data.abs().max()))
    wave.save(tmp_path / "p")
    assert np.array_equal(Wavefield.load(tmp_path / "p")(points), wave(points))


def test_one_shot_of_the_survey_is_the_same(pinn, gathers):
    alone = si.PINN(si.Acoustic(), pinn.model, pinn.survey[0], slabs=5).gathers().data[0]
    assert (alone - gathers.data[0]).norm() < 2 * BOUND * alone.norm()  # features differ: other background velocities


def test_slabs_join():
    pinn = si.PINN(si.Acoustic(), square(900, 9), duration=0.3, wavenumber=0.018, slabs=3, edges="absorbing")
    points = scored(300, 0.3) * (0.6, 0.6, 1.0)
    exact = free(points)
    error = np.linalg.norm(pinn(gaussian())(points)[0] - exact) / np.linalg.norm(exact)
    assert error < 2e-3


def test_fields_that_grow_are_refused():
    with pytest.raises(si.StabilityError, match=r"grew from 1 to 30 within 2 of 3 solves; marching is unstable"):
        check_growth([1.0, 30.0, 900.0])
    with pytest.raises(si.StabilityError, match="unstable"):
        check_growth([1.0, float("nan")])
    check_growth([1.0, 1.2, 0.1])


def test_windows_solve_what_the_dense_factor_solves():
    pinn = si.PINN(
        si.Acoustic(), square(500), duration=0.2, wavenumber=0.018, windows=(3, 2, 1), overlap=2.0, edges="absorbing"
    )
    rows, basis = pinn.system.rows, pinn.basis
    a = matrix(rows, basis)
    right = np.random.default_rng(0).normal(size=(len(a), 2))
    sparse, dense = factorise_windows(rows, basis), factorise(a.copy())
    x, left = sparse.solve(right)
    y, least = dense.solve(right)
    np.testing.assert_allclose(left, np.linalg.norm(right - a @ x, axis=0), rtol=1e-6)
    np.testing.assert_allclose(left, least, rtol=1e-3)
    g = a.T @ right
    np.testing.assert_allclose(a @ sparse.normal(g), a @ dense.normal(g), atol=0.05 * np.abs(a @ y).max())


def test_points_follow_the_features():
    """Slow windows need more features; with evenly spread points they had fewer rows than unknowns."""
    z, x, t = Partition(0.0, 2.0, 2), Partition(0.0, 1.0, 2), Partition(0.0, 1.0)
    points = places((z, x, t), 100, 0, shares=np.array([10, 20, 30, 40]))
    found, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=([0, 1, 2], [0, 0.5, 1]))
    np.testing.assert_array_equal(found, [[10, 20], [30, 40]])


def test_gradient_equals_finite_differences():
    survey = line((-20.0, 10.0), duration=0.06, peak=30.0)
    survey = survey.replace(shots=(dataclasses.replace(survey.shots[0], receivers=np.array([[25.0, -10.0]])),))
    grid = si.Grid((4, 4), 20.0, (-30.0, -30.0))
    vp = 1000 + 50 * torch.rand(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    pinn = si.PINN(si.Acoustic(), si.Model(grid, vp=vp), survey, frequency=30.0)

    def data(v: torch.Tensor) -> torch.Tensor:
        return pinn.gathers(si.Model(grid, vp=v)).data

    assert torch.autograd.gradcheck(data, vp.clone().requires_grad_(), eps=1e-3, atol=1e-9, rtol=1e-3)


def test_trust_refuses_beyond_its_bound(pinn, simulated):
    trust = si.surrogate.SurrogateAccuracy.of(pinn, max_error=0.2, bins=3, simulated=simulated)
    assert 0 < trust.error < BOUND
    trust.check()
    assert "Hz" in str(trust)
    strict = dataclasses.replace(trust, max_error=1e-9)
    with pytest.raises(si.StabilityError, match=r"off by .*% at offsets of .* m \(limit 0.0%\); leave those out"):
        strict.check()
    far = dataclasses.replace(trust, by_offset=np.array([0.01, 0.5, 0.01]))
    live = far.usable(simulated).live
    away = np.abs(simulated.survey.offsets)
    assert torch.equal(~live, torch.from_numpy((away >= trust.offsets[1]) & (away < trust.offsets[2])))
    with pytest.raises(si.StabilityError, match="off by"):
        strict.usable(simulated)


def test_an_inversion_follows_the_surrogates_gradient(pinn):
    """Data of the lens from a constant start: the surrogate stands in for the propagator, and is held against it."""
    start, shot = medium(0.0), line((-60.0, -40.0))
    propagator = si.Propagator(si.Acoustic(), pinn.model.grid, shot)
    surrogate = si.PINN(si.Acoustic(), start, shot, slabs=8, velocities=(960, 1120))
    simulate, problem = SurrogateSimulator(surrogate, bound=0.1), {}
    for name, simulator in (("pinn", simulate), ("simulator", propagator)):
        inversion = si.Inversion(
            propagator=simulator, observed=propagator(pinn.model), illumination=False,
            unknown=si.unknowns.CubicSpline(start, knots=100.0, vp=(900, 1200)),
        )  # fmt: skip
        problem[name] = si.invert(inversion, si.LBFGS(2))
    found, expected = ([r["misfit"] for r in p.history] for p in problem.values())
    assert found[-1] < 0.1 * found[0]
    np.testing.assert_allclose(found[:2], expected[:2], rtol=0.1)  # of the data's misfit, errors of 4 % of the data
    with pytest.raises(si.StabilityError, match="the surrogate is off by"):
        dataclasses.replace(simulate, bound=2e-3)(pinn.model)


def test_refusals_of_surveys_say_what_is_needed(pinn):
    survey = pinn.survey
    with pytest.raises(si.GeometryError, match="source 0 at z = -900"):
        si.PINN(si.Acoustic(), pinn.model, line((-900.0, 0.0)))
    with pytest.raises(si.DataError, match="no wavelet"):
        si.PINN(si.Acoustic(), pinn.model, survey.replace(wavelet=None))
    with pytest.raises(si.ConfigError, match=r"frequency 400 Hz .* needs \d+ features"):
        si.PINN(si.Acoustic(), pinn.model, survey, frequency=400.0)
    with pytest.raises(si.ConfigError, match="either initial fields or a survey"):
        pinn(gaussian())
    with pytest.raises(si.ConfigError, match="no survey"):
        si.PINN(si.Acoustic(), pinn.model, duration=0.1, wavenumber=0.01).gathers()
