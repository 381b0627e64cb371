"""Properties every misfit must have; new misfits are discovered, not listed."""

import inspect

import numpy as np
import pytest
import torch

from seisinv import misfit as misfits
from seisinv.core import DataError, Gathers, Shot, Survey, TimeAxis

ALL = [c for c in vars(misfits).values() if inspect.isclass(c) and not inspect.isabstract(c)]
CASES = [pytest.param(c(), id=c.__name__) for c in ALL] + [
    pytest.param(misfits.L2(balance=True), id="L2-balanced"),
    pytest.param(misfits.Huber(0.5, balance=True), id="Huber-balanced"),
    pytest.param(misfits.Envelope(power=2), id="Envelope-2"),
]
every_misfit = pytest.mark.parametrize("misfit", CASES)


def traces(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def survey(counts: list[int], samples: int) -> Survey:
    shots = [Shot(np.zeros((1, 2)), np.stack([np.zeros(n), np.arange(n)], 1), k) for k, n in enumerate(counts)]
    return Survey(tuple(shots), TimeAxis(0.004, samples))


@every_misfit
def test_gradient_and_second_derivative_match_finite_differences(misfit):
    p, d = traces(2, 2, 9).requires_grad_(), traces(2, 2, 9, seed=1)
    live = torch.tensor([[True, True], [True, False]])

    def value(predicted):
        return misfit(predicted, d, live, dt=0.1)

    assert torch.autograd.gradcheck(value, (p,), atol=1e-7)
    assert torch.autograd.gradgradcheck(value, (p,), atol=1e-6)


@every_misfit
def test_equal_traces_cost_nothing_and_different_ones_something(misfit):
    d = traces(2, 3, 40)
    assert float(misfit(d, d)) == pytest.approx(0, abs=1e-12)  # rounding
    assert float(misfit(traces(2, 3, 40, seed=1), d)) > 1e-3


@every_misfit
def test_a_set_of_shots_costs_the_sum_of_its_shots(misfit):
    where = survey([3, 1, 2], 20)
    observed = Gathers(traces(3, 3, 20), where)
    predicted = Gathers(traces(3, 3, 20, seed=1), where)
    whole = float(misfit(predicted, observed))
    parts = sum(float(misfit(predicted[[k]], observed[[k]])) for k in range(3))
    assert whole == pytest.approx(parts, rel=1e-14)


@every_misfit
def test_dead_and_padded_traces_never_count(misfit):
    d, p = traces(2, 3, 20), traces(2, 3, 20, seed=1)
    live = torch.tensor([[True, True, False], [True, False, False]])
    wanted = float(misfit(p, d, live))
    p2, d2 = p.clone(), d.clone()
    p2[~live], d2[~live] = float("nan"), float("inf")
    p2.requires_grad_()
    value = misfit(p2, d2, live)
    value.backward()
    assert value.item() == wanted
    assert torch.isfinite(p2.grad).all()
    assert (p2.grad[~live] == 0).all()


@every_misfit
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_silent_traces_give_finite_values_and_gradients(misfit, dtype):
    loud, silent = traces(1, 2, 16).to(dtype), torch.zeros(1, 2, 16, dtype=dtype)
    half = loud.clone()
    half[:, 0] = 0
    for predicted, observed in [(silent, loud), (loud, silent), (silent, silent), (half, loud), (loud, half)]:
        p = predicted.clone().requires_grad_()
        value = misfit(p, observed)
        (gradient,) = torch.autograd.grad(value, p, create_graph=True)
        (curvature,) = torch.autograd.grad(gradient.square().sum(), p)
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()
        assert torch.isfinite(curvature).all()


@every_misfit
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_observed_traces_that_are_not_finite_are_named(misfit, bad):
    observed, predicted = traces(2, 3, 20), traces(2, 3, 20, seed=1)
    observed[1, 2, 5] = bad
    with pytest.raises(DataError, match=r"shot \[1\] trace 3 holds 1 NaN or infinite"):
        misfit(predicted, observed)
    where = survey([3, 3], 20)
    with pytest.raises(DataError, match="shot 1 trace 3 holds 1 NaN or infinite"):
        misfit(Gathers(predicted, where), Gathers(observed, where))
    live = torch.ones(2, 3, dtype=torch.bool)
    live[1, 2] = False
    assert torch.isfinite(misfit(Gathers(predicted, where, live), Gathers(observed, where)))


@every_misfit
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_predicted_traces_that_are_not_finite_make_the_misfit_nan(misfit, bad):
    """Also where a comparison with NaN would let the trace pass for a silent one."""
    predicted, observed = traces(2, 3, 20, seed=1), traces(2, 3, 20)
    predicted[1, 2, 5] = bad
    assert torch.isnan(misfit(predicted, observed))
    assert torch.isnan(torch.func.vmap(lambda p: misfit(p, observed))(predicted[None])).all()


@every_misfit
def test_dtype_is_kept(misfit):
    p = traces(1, 2, 8).float()
    assert misfit(p, traces(1, 2, 8, seed=1)).dtype == torch.float32


@every_misfit
def test_shapes_that_differ_are_refused(misfit):
    with pytest.raises(DataError, match="shape"):
        misfit(traces(1, 2, 8), traces(1, 3, 8))


def test_sampling_twice_as_finely_keeps_the_value():
    t = torch.arange(200, dtype=torch.float64)
    p, d = (torch.exp(-(((t - c) / 15) ** 2))[None, None] for c in (90, 110))
    for misfit in (misfits.L2(), misfits.Huber(), misfits.Envelope(), misfits.NormalisedCorrelation()):
        assert float(misfit(p[..., ::2], d[..., ::2], dt=2.0)) == pytest.approx(float(misfit(p, d, dt=1.0)), rel=2e-3)


def test_normalised_correlation_ignores_amplitude():
    p, d = traces(1, 3, 30), traces(1, 3, 30, seed=1)
    m = misfits.NormalisedCorrelation()
    assert float(m(7e-20 * p, 3e5 * d)) == pytest.approx(float(m(p, d)), rel=1e-6)


def test_envelope_ignores_a_constant_phase_turn():
    t = torch.arange(400, dtype=torch.float64) - 200
    bell = torch.exp(-((t / 40) ** 2))
    wave, turned = ((bell * torch.cos(0.5 * t + phase))[None, None] for phase in (0.0, 1.5))
    assert float(misfits.Envelope()(turned, wave)) < 1e-3 * float(misfits.L2()(turned, wave))


def test_huber_bounds_the_pull_of_an_outlier():
    d, p = traces(1, 1, 50), traces(1, 1, 50)
    p[..., 10] += 1e4
    p.requires_grad_()
    misfits.Huber(1.0)(p, d).backward()
    assert float(p.grad.abs().max()) == pytest.approx(float(d.square().mean().sqrt()), rel=1e-12)
