"""The engine's properties, for every physics that the package exports."""

from __future__ import annotations

import inspect
import math
import pickle
import sys

import numpy as np
import pytest
import torch

import seisinv as si
from seisinv.backends import BACKENDS
from seisinv.testing import CHECKS, backend_test, dot_test, hessian_test, random_problem
from seisinv.testing.accuracy import EXACT, convergence_order, green_error, reciprocity_error, reflection
from seisinv.testing.checks import Check
from seisinv.testing.configurations import Choices, described, draw, is_helpful, missed
from seisinv.testing.problem import normal, typical_values

PHYSICS = tuple(cls() for cls in si.Physics.__subclasses__())
each_physics = pytest.mark.parametrize("physics", PHYSICS, ids=lambda p: p.name)
MIRRORED = tuple(p for p in PHYSICS if all(e.rate.field.parity for e in p.equations("zx")))
each_mirrored = pytest.mark.parametrize("physics", MIRRORED, ids=lambda p: p.name)
ONE_SIDED = tuple(p for p in PHYSICS if p not in MIRRORED)
each_one_sided = pytest.mark.parametrize("physics", ONE_SIDED, ids=lambda p: p.name)
each_exact = pytest.mark.parametrize("physics", EXACT, ids=lambda p: p.name)


@each_physics
@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.title)
def test_what_holds_for_any_physics(physics: si.Physics, check: Check) -> None:
    check(physics)


@each_physics
def test_the_solver_has_a_step_of_its_own(physics: si.Physics) -> None:
    p = random_problem(physics)
    assert p.simulate.clock(p.model).step != p.simulate.survey.time.step


def test_a_third_backend_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(BACKENDS["reference"]):
        pass

    p = random_problem(si.Acoustic(), shape=(8, 9), steps=4, order=2)
    with pytest.raises(si.ConfigError, match="backend is 'other'; it must be 'c' or 'reference'"):
        p.replace(backend="other")
    monkeypatch.setitem(BACKENDS, "other", Other)
    other = p.replace(backend="other")
    backend_test(other.simulate, other.model, other.wavelet, against="c")


def test_the_memory_of_a_gradient_follows_its_strategy() -> None:
    p = random_problem(si.Acoustic(), shape=(30, 40))
    steps = p.simulate.clock(p.model).steps
    whole = p.simulate.replace(memory=si.StoreAll()).gradient_memory(p.model, shots=2)
    parts = p.simulate.replace(memory=si.Checkpointed(7), threads=1).gradient_memory(p.model, shots=2)
    assert (whole.steps, whole.every) == (steps, None)
    assert (parts.steps, parts.every) == (steps, 7)
    tape = 8 * math.prod(p.simulate.layout.shape) * steps  # one coefficient, float64, without the halo
    assert 2 * tape < whole.bytes < 4 * tape
    assert parts.bytes < whole.bytes


@each_physics
def test_the_reference_backend_differentiates_in_every_mode(physics: si.Physics) -> None:
    p = random_problem(physics, shape=(8, 9), steps=4, dt=2e-3, shots=1, order=2).replace(backend="reference")
    dot_test(p.simulate, p.model, p.wavelet)
    hessian_test(p.simulate, p.model, p.wavelet)
    backend_test(p.simulate, p.model, p.wavelet, against="c")


def test_hessian_by_forward_over_reverse_equals_reverse_over_reverse() -> None:
    p = random_problem(si.Acoustic())
    y, v = normal(p.data(), 1), normal(p.vectors[0], 2)

    def slope(m: torch.Tensor) -> torch.Tensor:
        return torch.func.grad(lambda u: (p.data(u) * y).sum())(m)

    forward = torch.func.jvp(slope, p.vectors, (v,))[1]
    leaf = p.vectors[0].clone().requires_grad_()
    (first,) = torch.autograd.grad((p.data(leaf) * y).sum(), leaf, create_graph=True)
    (reverse,) = torch.autograd.grad(first, leaf, v)
    assert torch.allclose(forward, reverse, rtol=1e-12, atol=0)


@each_physics
def test_gradients_do_not_depend_on_which_backward_made_them(physics: si.Physics) -> None:
    """A second backward through the same graph, and a gradient without a kept forward run, give the same."""
    p = random_problem(physics)
    leaves = tuple(v.clone().requires_grad_() for v in p.vectors)
    data = p.data(*leaves)
    y = normal(data, 1)
    first = torch.autograd.grad((data * y).sum(), leaves, retain_graph=True)
    second = torch.autograd.grad((data * y).sum(), leaves)
    pull = torch.func.vjp(p.data, *p.vectors)[1](y)
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(first, second, pull, strict=True))


def test_a_record_may_start_before_or_after_the_source() -> None:
    """A delayed record is the tail of the whole one; one that starts early is silent before the source."""
    grid = si.Grid((40, 50), 10.0)
    shot = si.Shot([[100.0, 100.0]], [[50.0, 300.0]])
    whole = si.Survey((shot,), si.TimeAxis(2e-3, 201)).with_wavelet(si.ricker(15.0))
    late = si.Survey((shot,), si.TimeAxis(2e-3, 101, 0.2)).with_wavelet(si.ricker(15.0))
    early = si.Survey((shot,), si.TimeAxis(2e-3, 221, -0.04)).with_wavelet(si.ricker(15.0))
    model = si.Model(grid, vp=torch.full(grid.shape, 2000.0, dtype=torch.float64))
    a, b, c = (si.Propagator(si.Acoustic(), grid, s)(model).data[0, 0] for s in (whole, late, early))
    # The last sample of a record carries the error of cutting it off, up to 1e-3 of the maximum.
    assert torch.allclose(a[100:], b, atol=1e-3 * float(a.abs().max()))
    assert torch.allclose(a, c[20:], atol=1e-3 * float(a.abs().max()))


@each_exact
def test_greens_function(physics: si.Physics) -> None:
    assert green_error(physics, wavelengths=8) < 0.01


@each_exact
@pytest.mark.parametrize("order", [2, 4])
def test_order_of_convergence(physics: si.Physics, order: int) -> None:
    assert convergence_order(physics, order, (40, 20)) > order - 0.1


def test_order_of_convergence_8() -> None:
    assert convergence_order(si.Acoustic(), 8, (20, 16)) > 7.9


@each_physics
def test_reciprocity(physics: si.Physics) -> None:
    assert reciprocity_error(physics) < 1e-10


@each_one_sided
@pytest.mark.parametrize("order", [4, 8])
def test_reciprocity_with_a_place_on_the_surface(physics: si.Physics, order: int) -> None:
    assert reciprocity_error(physics, free_surface=True, order=order) < 1e-10


@each_one_sided
def test_a_surface_without_room_below_is_refused(physics: si.Physics) -> None:
    with pytest.raises(si.ConfigError, match=r"the grid has 6 rows; .* order 8 at a free surface .* need \d+; make"):
        random_problem(physics, shape=(6, 12), order=8, free_surface=True)


@each_exact
def test_absorbing_layers_absorb(physics: si.Physics) -> None:
    assert reflection(physics, 0) < 5e-4
    assert reflection(physics, 60) < 5e-3


def test_a_free_surface_is_a_mirror() -> None:
    """A source and its mirror image of opposite sign without a surface give the same data."""
    grid, deep = si.Grid((60, 60), 10.0), si.Grid((119, 60), 10.0, origin=(-590.0, 0.0))
    shot = si.Shot([[73.0, 201.0]], [[41.0, 333.3], [200.0, 401.0]])
    image = si.Shot([[73.0, 201.0], [-73.0, 201.0]], shot.receivers)
    time = si.TimeAxis(2e-3, 251)
    wavelet = torch.from_numpy(si.ricker(12.0)(time.times))
    one = si.Survey((shot,), time, wavelet)
    two = si.Survey((image,), time, torch.stack([wavelet, -wavelet])[None])
    for physics in MIRRORED:
        flat = {n: torch.full(grid.shape, 2000.0, dtype=torch.float64) for n in physics.parameters}
        whole = {n: torch.full(deep.shape, 2000.0, dtype=torch.float64) for n in physics.parameters}
        a = si.Propagator(physics, grid, one, boundary=si.Boundary(free_surface=True))(si.Model(grid, **flat)).data
        b = si.Propagator(physics, deep, two)(si.Model(deep, **whole)).data
        assert float((a - b).norm() / b.norm()) < 1e-10


@each_mirrored
def test_a_free_surface_is_a_mirror_of_layers_within_the_stencil(physics: si.Physics) -> None:
    """Stencils that reach through the surface into the bottom layer see what they would see in the layer above."""
    grid, deep = si.Grid((3, 30), 10.0), si.Grid((5, 30), 10.0, origin=(-20.0, 0.0))
    shot = si.Shot([[7.4, 101.0]], [[16.0, 133.3], [20.0, 201.0]])
    image = si.Shot([[7.4, 101.0], [-7.4, 101.0]], shot.receivers)
    time = si.TimeAxis(2e-3, 101)
    wavelet = torch.from_numpy(si.ricker(12.0)(time.times))

    def run(on: si.Grid, survey: si.Survey, *, surface: bool) -> torch.Tensor:
        model = {n: torch.full(on.shape, 2000.0, dtype=torch.float64) for n in physics.parameters}
        boundary = si.Boundary(9, free_surface=surface)
        return si.Propagator(physics, on, survey, order=8, boundary=boundary)(si.Model(on, **model)).data

    a = run(grid, si.Survey((shot,), time, wavelet), surface=True)
    b = run(deep, si.Survey((image,), time, torch.stack([wavelet, -wavelet])[None]), surface=False)
    # The last half node behind the bottom layer has no image before the top layer, where 1e-8 of the wave arrives.
    assert float((a - b).norm() / b.norm()) < 1e-7


@each_mirrored
def test_adjoints_are_exact_where_stencils_reach_through_the_surface_into_a_layer(physics: si.Physics) -> None:
    assert not missed(random_problem(physics, shape=(2, 8), steps=10, free_surface=True))


FEW = Choices(
    PHYSICS, orders=(4,), ratios=(1.0,), dtypes=(torch.float64,), layers=(0, 1, 2, 3, 5, 8), sizes=(2, 3, 4, 6, 9)
)


@pytest.mark.parametrize("seed", range(48))
def test_random_configurations_hold_or_are_refused_with_a_remedy(seed: int) -> None:
    try:
        p = draw(seed, FEW)
        above = missed(p, hessian=seed % 4 == 0)
    except si.SeisinvError as refusal:
        if not is_helpful(refusal):
            raise
    else:
        assert not above, described(p)


def test_cells_may_be_oblong() -> None:
    """With half the spacing along z, downgoing waves are as good as on fine cells, horizontal ones are not."""
    shot = si.Shot([[200.0, 200.0]], [[500.0, 200.0], [200.0, 500.0]])  # below, beside
    survey = si.Survey((shot,), si.TimeAxis(2e-3, 201)).with_wavelet(si.ricker(12.0))

    def run(dz: float, dx: float) -> torch.Tensor:
        grid = si.Grid((round(700 / dz) + 1, round(700 / dx) + 1), (dz, dx))
        vp = torch.full(grid.shape, 2000.0, dtype=torch.float64)
        return si.Propagator(si.Acoustic(), grid, survey, order=4)(si.Model(grid, vp=vp)).data[0]

    truth = run(5, 5)
    oblong = (run(10, 20) - truth).norm(dim=1) / truth.norm(dim=1)
    coarse = (run(20, 20) - truth).norm(dim=1) / truth.norm(dim=1)
    assert oblong[0] < 0.25 * coarse[0]
    assert 0.5 * coarse[1] < oblong[1] < 2 * coarse[1]


def test_three_dimensions_need_no_new_code() -> None:
    p = random_problem(si.Acoustic(), shape=(9, 8, 10), steps=6, order=2, dt=1e-3)
    dot_test(p.simulate, p.model, p.wavelet)
    backend_test(p.simulate, p.model, p.wavelet)


@each_physics
def test_propagators_pickle(physics: si.Physics) -> None:
    p = random_problem(physics)
    p.data()
    again = pickle.loads(pickle.dumps(p.simulate))
    assert torch.equal(again(pickle.loads(pickle.dumps(p.model)), p.wavelet).data, p.simulate(p.model, p.wavelet).data)


def test_shots_do_not_talk_to_each_other() -> None:
    p = random_problem(si.Acoustic(), shots=3)
    whole = p.data()
    for k in range(3):
        alone = p.simulate.subset([k])(p.model, p.wavelet[[k]]).data[0]
        # The matrix product that resamples may group its sums by the number of traces: rounding.
        assert torch.allclose(alone, whole[k, : len(alone)], rtol=0, atol=1e-14 * float(whole.abs().max()))


def test_an_infinite_wavefield_stops_with_shot_step_and_courant_number(monkeypatch: pytest.MonkeyPatch) -> None:
    p = random_problem(si.Acoustic(), steps=200)
    monkeypatch.setattr(si.Propagator, "stable_step", lambda self, model: 1.0)
    simulate = p.simulate.replace(step=4e-3)
    with pytest.raises(si.StabilityError, match=r"shot 1: .* step \d+ \(Courant number 1\.040"):
        simulate(p.model.to(torch.float32), p.wavelet)


def test_an_unstable_step_is_refused() -> None:
    p = random_problem(si.Acoustic())
    simulate = p.simulate.replace(step=4e-3)
    with pytest.raises(si.StabilityError, match=r"step is 4 ms; the stability limit at 2600 m/s is [\d.]+ ms: .* or "):
        simulate(p.model, p.wavelet)


@each_physics
def test_the_stability_limit_is_the_limit(physics: si.Physics, monkeypatch: pytest.MonkeyPatch) -> None:
    """Just below the limit amplitudes stay bounded, just above they do not."""
    p = random_problem(physics, steps=200, order=8)
    values = {n: 1.3 * v if n in ("vp", "vs") else v for n, v in typical_values(physics, None).items()}
    model = si.Model(p.simulate.grid, **values).to(torch.float64)
    limit = p.simulate.stable_step(model)

    def loudest(share: float) -> float:
        simulate = p.simulate.replace(step=share * limit, boundary=si.Boundary(0))
        return float(simulate(model, p.wavelet).data.abs().max())

    quiet = loudest(0.98)
    monkeypatch.setattr(si.Propagator, "stable_step", lambda self, model: 1.0)
    assert loudest(1.02) > 1e6 * quiet


@each_physics
def test_dispersion_is_that_of_the_stencil(physics: si.Physics) -> None:
    """Second-order differences are slow by (k h)² / 24 along an axis, but for higher powers; order 8 hardly at all."""
    p = random_problem(physics)
    values = typical_values(physics, None)
    model = si.Model(p.simulate.grid, **values)
    slowest = min(v for n, v in values.items() if n in ("vp", "vs"))
    frequency = slowest / (12 * p.simulate.grid.spacing[0])  # twelve cells a wavelength
    kh = 2 * np.pi / 12
    assert p.simulate.replace(order=2).dispersion(model, frequency) == pytest.approx(-(kh**2) / 24, rel=0.02)
    assert abs(p.simulate.replace(order=8).dispersion(model, frequency)) < 1e-5


@each_physics
def test_a_physics_documents_the_equations_it_solves(physics: si.Physics) -> None:
    module = sys.modules[type(physics).__module__]
    assert module.__doc__
    assert all(equation.text() in module.__doc__ for equation in physics.equations("zx"))
    assert len(inspect.getsource(module).splitlines()) <= 100
