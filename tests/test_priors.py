"""Bounds, scaling and penalties."""

import numpy as np
import pytest
import torch

from seisinv.core import ConfigError, Grid, Model, ModelError
from seisinv.priors import Tikhonov, TotalVariation
from seisinv.unknowns import Bounded

GRID = Grid((5, 6), 10.0)
PENALTIES = [
    Tikhonov(2.0),
    Tikhonov(2.0, order=2, axes=(1.0, 4.0)),
    Tikhonov(2.0, reference=Model(GRID, vp=1900.0)),
    TotalVariation(2.0),
    TotalVariation(2.0, axes=(0.0, 2.0)),
]
every_penalty = pytest.mark.parametrize("penalty", PENALTIES, ids=lambda p: type(p).__name__)


def rough(dtype=torch.float64) -> torch.Tensor:
    return 2000 + 100 * torch.randn(5, 6, generator=torch.Generator().manual_seed(0), dtype=dtype)


def test_vector_and_model_are_inverse():
    start = Model(GRID, vp=rough(), rho=1000 + rough() / 4)
    unknown = Bounded(start, rho=(500, 4000), vp=(1500, 4000))
    again = unknown.model(torch.from_numpy(unknown.vector()))
    for name in start:
        torch.testing.assert_close(again[name], start[name], rtol=1e-15, atol=0)


def test_equal_steps_change_every_parameter_by_the_same_share():
    unknown = Bounded(
        Model(GRID, vp=torch.full((5, 6), 2000.0), rho=torch.full((5, 6), 1000.0)), vp=(1500, 4000), rho=(500, 4000)
    )
    moved = unknown.model(torch.from_numpy(unknown.vector() + 0.01))
    assert moved.vp[0, 0].item() == pytest.approx(2020)
    assert moved.rho[0, 0].item() == pytest.approx(1010)


@pytest.mark.parametrize("water", [25.0, np.arange(5)[:, None].repeat(6, 1) < 3])
def test_water_never_moves(water):
    start = Model(GRID, vp=rough(torch.float32))
    unknown = Bounded(start, water=water, vp=(1500, 4000))
    x = torch.from_numpy(unknown.vector() * 1.1).requires_grad_()
    moved = unknown.model(x)
    assert torch.equal(moved.vp[:3], start.vp[:3])
    moved.vp.sum().backward()
    assert (x.grad.reshape(5, 6)[:3] == 0).all()
    low, high = unknown.bounds()
    assert (low.reshape(5, 6)[:3] == high.reshape(5, 6)[:3]).all()


def test_bounds_are_those_of_the_model():
    unknown = Bounded(Model(GRID, vp=rough()), vp=(1500, 4000))
    low, high = (unknown.model(torch.from_numpy(v)).vp for v in unknown.bounds())
    torch.testing.assert_close(low, torch.full_like(low, 1500))
    torch.testing.assert_close(high, torch.full_like(high, 4000))


def test_start_outside_the_bounds_is_refused():
    with pytest.raises(ModelError, match="outside its bounds"):
        Bounded(Model(GRID, vp=1480.0), vp=(1500, 4000))
    Bounded(
        Model(GRID, vp=torch.where(torch.arange(5)[:, None] < 2, 1480.0, 2000.0).expand(5, 6)),
        water=20.0,
        vp=(1500, 4000),
    )


def test_wrong_bounds_are_refused():
    with pytest.raises(ConfigError, match="low < high"):
        Bounded(Model(GRID, vp=2000.0), vp=(4000, 1500))
    with pytest.raises(ModelError, match="no rho"):
        Bounded(Model(GRID, vp=2000.0), rho=(1000, 1500))
    with pytest.raises(ConfigError, match="there are no bounds"):
        Bounded(Model(GRID, vp=2000.0))


@every_penalty
def test_penalty_gradient_matches_finite_differences(penalty):
    x = rough().requires_grad_()
    assert torch.autograd.gradcheck(lambda v: penalty(Model(GRID, vp=v)), (x,), eps=1e-3, atol=1e-9, rtol=1e-5)
    assert torch.autograd.gradgradcheck(lambda v: penalty(Model(GRID, vp=v)), (x,), eps=1e-3, atol=1e-10, rtol=1e-4)


@every_penalty
def test_constant_model_costs_nothing_and_gradient_is_finite(penalty):
    x = torch.full((5, 6), 1900.0, dtype=torch.float64, requires_grad=True)
    value = penalty(Model(GRID, vp=x))
    value.backward()
    assert value.item() == 0
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("kind", [Tikhonov, TotalVariation])
def test_penalty_of_a_slope_is_the_same_on_every_grid(kind):
    values = []
    for n, h in ((41, 20.0), (161, 5.0)):
        z = torch.arange(n, dtype=torch.float64)[:, None] * h
        values.append(kind(1.0)(Model(Grid((n, 9), h), vp=(1500 + 0.5 * z).expand(n, 9))).item())
    assert values[0] == pytest.approx(values[1], rel=0.03)  # the last row of total variation has no neighbour


def test_total_variation_prefers_an_edge_to_an_oscillation():
    edge, saw = np.repeat([[2000.0], [2500.0]], [2, 3], 0), np.array([[2000.0], [2500], [2000], [2500], [2000]])
    tv = TotalVariation(1.0)
    one, many = (tv(Model(GRID, vp=np.broadcast_to(v, (5, 6)))).item() for v in (edge, saw))
    assert one < 0.3 * many
