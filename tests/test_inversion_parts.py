"""Filters, windows, starting models, metrics, preconditioner, cycle-skip check."""

import numpy as np
import pytest
import torch
from inversion_toy import crosshole

from seisinv.core import ConfigError, Gathers, Grid, Model, Shot, Survey, TimeAxis
from seisinv.inversion import LBFGS, Adam
from seisinv.inversion.illumination import smooth, weights_from
from seisinv.inversion.optimizers import Space
from seisinv.metrics import metrics
from seisinv.signal import Band, Window, cycle_skip_share
from seisinv.signal.delays import delays
from seisinv.signal.processing import bands_of, processed


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("band", [Band(10.0), Band(20.0, 5.0)])
def test_filter_is_zero_phase_and_stops_what_it_says(band):
    spike = torch.zeros(401, dtype=torch.float64)
    spike[200] = 1
    out = band(spike, 4e-3)
    torch.testing.assert_close(out, out.flip(0), rtol=0, atol=1e-15)
    t = np.arange(2001) * 4e-3
    centre = slice(900, 1100)  # away from the ends, where a sine is cut off
    for f, gain in ((8.0, 1.0), (31.0, 0.0), (3.0, 1.0 if band.low is None else 0.0)):
        wave = torch.from_numpy(np.cos(2 * np.pi * f * t))
        torch.testing.assert_close(band(wave, 4e-3)[centre], gain * wave[centre], rtol=0, atol=2e-3)


def test_filter_does_not_wrap_round():
    spike = torch.zeros(200, dtype=torch.float64)
    spike[-1] = 1
    assert float(Band(20.0)(spike, 4e-3)[:50].abs().max()) < 1e-4


def test_bands_must_rise_and_fit_the_sampling():
    assert [b.high for b in bands_of([3, (2, 6), Band(9.0)], 125)] == [3, 6, 9]
    assert bands_of([(2, 6)], 125)[0] == Band(6.0, 2.0)
    for wrong, word in (
        ([5, 3], "rise"),
        ([200], "above 125 Hz"),
        ([], "empty"),
        ([-1], "positive"),
        ([(6, 2)], "low < high"),
    ):
        with pytest.raises(ConfigError, match=word):
            bands_of(wrong, 125)


def test_window_keeps_what_it_says():
    shot = Shot(np.array([[0.0, 0.0]]), np.array([[0.0, -100.0], [0, 500], [0, 1000]]))
    survey = Survey((shot,), TimeAxis(0.01, 101))
    window = Window(offsets=(200, 800), before=(1000, 0.1), after=(1000, 0.4), taper=0.05)
    assert window.traces(survey).tolist() == [[False, True, False]]
    w = window.weights(survey)[0, 1]
    t = survey.time.times
    assert (w[(t < 0.6 - 1e-9) | (t > 0.9 + 1e-9)] == 0).all()
    assert (w[(t > 0.65 + 1e-9) & (t < 0.85 - 1e-9)] == 1).all()
    out = processed(Gathers(torch.ones(1, 3, 101), survey), None, window)
    assert torch.equal(out.data[0, 1], w)
    assert out.live.tolist() == [[False, True, False]]


def test_metrics_of_the_truth_are_perfect_and_of_the_start_are_not():
    grid = Grid((30, 40), 10.0)
    z = np.arange(30)[:, None] * np.ones(40)
    truth = Model(grid, vp=2000 + 20 * z + 100 * (z > 15))
    start = Model(grid, vp=2000 + 20 * z)
    best, worst = metrics(truth, truth, start=start), metrics(start, truth, start=start)
    assert (best.rmse, best.mae) == (0, 0)
    assert best.ssim == pytest.approx(1)
    assert best.update_correlation == pytest.approx(1)
    assert worst.rmse == pytest.approx(100 * np.sqrt(14 / 30), rel=1e-5)
    assert worst.ssim < 0.99
    assert worst.update_correlation == 0
    assert metrics(start, truth, mask=z < 10).rmse == 0


def test_ssim_matches_its_definition_at_a_cell():
    grid = Grid((11, 11), 10.0)
    rng = np.random.default_rng(0)
    a, b = 2000 + 100 * rng.random((2, 11, 11))
    g = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    w = np.outer(g, g) / np.outer(g, g).sum()
    ma, mb = (w * a).sum(), (w * b).sum()
    va, vb, cov = (w * (a - ma) ** 2).sum(), (w * (b - mb) ** 2).sum(), (w * (a - ma) * (b - mb)).sum()
    c1, c2 = 1.0**2, 3.0**2
    wanted = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    mask = np.zeros((11, 11), bool)
    mask[5, 5] = True
    models = [Model(grid, vp=torch.from_numpy(v)) for v in (a, b)]
    assert metrics(*models, mask=mask, data_range=100.0).ssim == pytest.approx(wanted, rel=1e-9)


def test_smoothing_is_symmetric():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 2, 12, 9))
    sigma = (0.0, 2.0, 3.5)
    assert np.vdot(smooth(a, sigma), b) == pytest.approx(np.vdot(a, smooth(b, sigma)), rel=1e-12)


def test_weights_are_largest_where_the_data_see_least_and_water_does_not_count():
    h = np.exp(-np.arange(40) / 8.0)[None, :, None] * np.ones((1, 40, 20))
    free = np.ones_like(h, bool)
    free[:, :5] = False
    h[:, :5] = 1e6
    w = weights_from(h, free, (2.0, 2.0))
    assert w.max() == 1
    assert (w[:, :5] == 1).all()
    assert (np.diff(w[0, 5:, 10]) >= 0).all()
    assert w[0, 5, 10] < 0.3


def test_illumination_estimate_is_the_diagonal_of_jtj():
    from seisinv.inversion import Inversion
    from seisinv.inversion.tasks import random_projection
    from seisinv.unknowns import Bounded

    simulate, _, start = crosshole()
    few = simulate.subset([2])
    problem = Inversion(propagator=few, observed=few(start), unknown=Bounded(start, vp=(1500, 2600)))
    jacobian = torch.autograd.functional.jacobian(lambda vp: few(Model(start.grid, vp=vp)).data, start.vp)
    wanted = jacobian.square().sum((0, 1, 2)).numpy()
    (task,) = problem.tasks(start, wanted=["vp"])
    found = np.mean([random_projection(task, seed)["vp"] ** 2 for seed in range(400)], 0)
    # 400 squares of nearly Gaussian numbers: 7 % scatter each.
    assert np.corrcoef(wanted.ravel(), found.ravel())[0, 1] > 0.98
    assert found.sum() == pytest.approx(wanted.sum(), rel=0.1)


def test_delays_are_found_to_a_fraction_of_a_sample():
    t = np.arange(300) * 4e-3
    shifts = np.array([0.0, 0.0101, -0.0333])
    waves = [np.exp(-(((t - 0.6 - s) / 0.03) ** 2)) for s in (np.zeros(3)[:, None], shifts[:, None])]
    np.testing.assert_allclose(delays(waves[1], waves[0], 4e-3), shifts, atol=2e-4)


@pytest.mark.parametrize("first", [None, 0.1])
def test_cycle_skip_share_rises_with_frequency(first):
    simulate, _, start = crosshole()
    slow = start.replace(vp=start.vp * 0.8)  # delays up to 35 ms
    shares = cycle_skip_share(simulate(slow), simulate(start), [5, 30], first=first)
    assert shares[0].share == 0
    assert shares[1].share > 0.5
    assert shares[0].period > shares[1].period
    same = cycle_skip_share(simulate(start), simulate(start), [30], first=first)[0]
    assert (same.share, same.median_delay) == (0, pytest.approx(0, abs=1e-9))
    assert same.traces == int(simulate.survey.occupied.sum())


def test_cycle_skip_share_without_signal_says_so():
    simulate, _, start = crosshole()
    silent = Gathers(torch.zeros(6, simulate.survey.max_receivers, simulate.survey.time.samples), simulate.survey)
    (share,) = cycle_skip_share(silent, simulate(start), [10])
    assert share.traces == 0
    assert np.isnan(share.share)


def space(n: int = 3, low: float = -1e9, high: float = 1e9) -> Space:
    bounds = [np.full(n, v) for v in (low, high)]
    return Space(np.ones(n), *bounds, weights=np.ones(n), first_step=0.1, unit=1.0)


def bowl(x):
    return float((x**2).sum()) + 1, 2 * x


def test_first_trial_changes_the_model_by_the_first_step():
    tried = []

    def watched(x):
        tried.append(x.copy())
        return bowl(x)

    LBFGS(1).minimise(watched, space(), lambda x: False)
    assert np.abs(tried[1] - 1).max() == pytest.approx(0.1)


def valley(x):
    """Rosenbrock's function, whose minimum is at 1, 1."""
    f = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    return float(f), np.array([-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2)])


@pytest.mark.parametrize("low", [(-2.0, -2.0), (-2.0, 1.5), (1.2, -2.0)], ids=["inside", "on one", "on the other"])
def test_lbfgs_finds_the_minimum_within_bounds_as_scipy_does(low):
    from scipy.optimize import minimize

    start, high = np.maximum([-1.2, 1.0], low), np.full(2, 3.0)
    found = [start]

    def accept(x):
        found.append(x)
        return False

    where = Space(start, np.array(low), high, weights=np.ones(2), first_step=0.1, unit=1.0)
    LBFGS(200, tolerance=1e-15).minimise(valley, where, accept)
    wanted = minimize(valley, start, jac=True, method="L-BFGS-B", bounds=list(zip(low, high, strict=True)))
    assert len(found) < 120
    # SciPy ends when an update gains less than 2e-9; the curvature along the valley is 0.4.
    np.testing.assert_allclose(found[-1], wanted.x, atol=1e-4)
    assert all((x >= low).all() and (x <= high).all() for x in found)


def test_curvature_survives_a_moved_target():
    """On a quadratic that is moved sideways, what was learnt makes the first step to the new minimum a good one."""
    rng = np.random.default_rng(0)
    steep = np.geomspace(1, 300, 12)
    basis = np.linalg.qr(rng.standard_normal((12, 12)))[0]
    hessian, centre = basis * steep @ basis.T, np.zeros(12)
    values, moved = [], []

    def function(x):
        d = x - centre
        return float(0.5 * d @ hessian @ d), hessian @ d

    def accept(x):
        values.append(function(x)[0])
        if len(values) != 30:
            return False
        centre[:] = basis @ np.ones(12)
        moved.append(function(x)[0])
        return True

    where = Space(np.ones(12), np.full(12, -9.0), np.full(12, 9.0), weights=np.ones(12), first_step=0.1, unit=1.0)
    LBFGS(40, memory=20, tolerance=0.0).minimise(function, where, accept)
    assert values[29] < 1e-3 * values[0]
    assert values[32] < 0.05 * moved[0]  # three updates instead of thirty


def test_the_end_of_a_band_is_explained():
    def wrong(x):
        return bowl(x)[0], -bowl(x)[1]

    def ends(function, where, how):
        return how.minimise(function, where, lambda x: False)

    assert "less than 1e-06" in ends(bowl, space(), LBFGS(50))
    assert "all 1 iterations" in ends(bowl, space(), LBFGS(1))
    assert "line search found no lower point" in ends(wrong, space(), LBFGS(5))
    assert "gradient is zero" in ends(bowl, space(low=1.0), LBFGS(5))
    assert "all 5 iterations" in ends(bowl, space(), Adam(5, rate=0.1))


def test_optimisers_refuse_nonsense():
    for wrong in (lambda: LBFGS(0), lambda: LBFGS(3, memory=0), lambda: Adam(3, rate=0.0)):
        with pytest.raises(ConfigError):
            wrong()
