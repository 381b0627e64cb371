"""Elastic waves: exactness with fluids and at surfaces, and accuracy against exact solutions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

import seisinv as si
from seisinv.physics import Elastic
from seisinv.symbolic.closure import closure
from seisinv.symbolic.weights import staggered
from seisinv.testing import ForwardOperator, backend_test, dot_test, random_problem
from seisinv.testing.problem import inner, normal, relative
from seisinv.testing.solids import growth_of_layers, interface_error, lamb_error, rayleigh_error

ORDERS = (2, 4, 6, 8, 10, 12)


def with_fluids(order: int) -> ForwardOperator:
    """Rough rock with a fluid in the rows on top and in a lens, points in both and on the free surface."""
    p = random_problem(Elastic(), shape=(26, 28), order=order, free_surface=True, steps=30)
    wet = torch.zeros(p.simulate.grid.shape, dtype=torch.bool)
    wet[:6], wet[14:19, 8:15] = True, True
    vp, vs, rho = p.vectors
    vectors = (torch.where(wet, 0.75 * vp, vp), torch.where(wet, 0, vs), torch.where(wet, 0.5 * rho, rho))
    first, *rest = p.simulate.survey.shots
    sources, receivers = first.sources.copy(), first.receivers.copy()
    sources[0, 0], receivers[:4, 0] = 0.0, 0.0
    shots = (dataclasses.replace(first, sources=sources, receivers=receivers), *rest)
    return ForwardOperator(p.simulate.replace(survey=p.simulate.survey.replace(shots=shots)), vectors, p.wavelet)


@pytest.mark.parametrize("order", [4])
def test_adjoints_and_second_derivatives_are_exact_with_fluids_under_a_free_surface(order: int) -> None:
    p = with_fluids(order)
    dot_test(p.simulate, p.model, p.wavelet)
    dot_test(p.simulate, p.model, p.wavelet, of="wavelet")
    backend_test(p.simulate, p.model, p.wavelet)
    # Differences of gradients would leave the fluid: only the symmetry is that of the model itself.
    y, u, v = normal(p.data(), 1), p.directions(10), p.directions(20)
    left, right = inner(p.hessian(y, u), v), inner(u, p.hessian(y, v))
    assert abs(left - right) < 1e-10 * abs(left)


def test_three_dimensions_are_exact_under_a_free_surface() -> None:
    p = random_problem(Elastic(), shape=(8, 7, 9), steps=5, order=2, dt=1e-3, free_surface=True)
    dot_test(p.simulate, p.model, p.wavelet)
    dot_test(p.simulate, p.model, p.wavelet, of="wavelet")
    backend_test(p.simulate, p.model, p.wavelet)


def test_a_fluid_has_the_waves_of_the_acoustic_equation() -> None:
    """The rate of a moment is the bulk modulus times that of volume; velocities and pressures are equal to rounding."""
    p = random_problem(si.AcousticDensity(), steps=60)
    shot = si.Shot([[53.0, 101.7]], [[90.3, 150.1]] * 3, kinds=("explosion",), components=("p", "vz", "vx"))
    survey = si.Survey((shot,), p.simulate.survey.time).with_wavelet(p.wavelet[0, 0])
    flat = si.Model(p.simulate.grid, vp=p.vectors[0], rho=p.vectors[1]).replace(
        vp=torch.full_like(p.vectors[0], 2000.0), rho=torch.full_like(p.vectors[0], 1000.0)
    )
    layers = si.Boundary(0)
    sound = si.Propagator(si.AcousticDensity(), p.simulate.grid, survey, order=4, boundary=layers)(flat).data
    fluid = si.Model(p.simulate.grid, **flat.parameters, vs=torch.zeros_like(flat.vp))
    solid = si.Propagator(Elastic(), p.simulate.grid, survey, order=4, boundary=layers)(fluid).data * 1000 * 2000.0**2
    for k in range(3):
        assert relative(solid[0, k], sound[0, k]) < 1e-12


def test_moments_add_up_to_an_explosion() -> None:
    p = random_problem(Elastic(), steps=20)
    shot = si.Shot([[83.0, 101.7]], [[90.3, 150.1], [0.0, 20.0]], components=("p", "vz"))

    def data(kind: str | dict[str, float]) -> torch.Tensor:
        kinds = dataclasses.replace(shot, kinds=(kind,))
        survey = si.Survey((kinds,), p.simulate.survey.time).with_wavelet(p.wavelet[0, 0])
        return p.simulate.replace(survey=survey)(p.model).data

    both = data({"mzz": 1.0, "mxx": 1.0})
    assert relative(both, data("explosion")) < 1e-12
    assert relative(data("mzz") + data("mxx"), both) < 1e-12


def test_displacement_and_acceleration_are_the_integral_and_the_derivative_of_velocity() -> None:
    grid = si.Grid((61, 61), 10.0)
    survey = si.Survey.surface(
        sources=np.array([[303.0, 201.0]]), receivers=np.array([[250.0, 400.0]]), wavelet=si.ricker(10.0),
        duration=0.8, dt=1e-3, kind="fz", components=("uz", "vz", "az", "ux", "vx", "ax"),
    )  # fmt: skip
    gathers = si.Propagator(Elastic(), grid, survey)(si.Model(grid, vp=2000.0, vs=1155.0, rho=2000.0).to(torch.float64))
    for axis in "zx":
        u, v, a = (gathers.component(c + axis).data[0, 0].numpy() for c in "uva")
        slope = lambda f: (8 * (f[3:-1] - f[1:-3]) - (f[4:] - f[:-4])) / 12e-3  # noqa: E731 (fourth order)
        early = slice(0, 700)
        assert np.abs(slope(u) - v[2:-2])[early].max() < 2e-4 * np.abs(v).max()
        assert np.abs(slope(v) - a[2:-2])[early].max() < 2e-4 * np.abs(a).max()


@pytest.mark.parametrize("order", ORDERS)
def test_differences_at_a_surface_conserve_energy_and_are_exact_for_parabolas(order: int) -> None:
    edge, n = closure(order), 40
    matrices = {}
    for up in (True, False):
        inner = sum(float(w) * np.eye(n, k=o) for o, w in staggered(order, up=up).items())
        table = edge.up if up else edge.down
        inner[: len(table)] = 0
        inner[: len(table), : table.shape[1]] = table
        matrices[up] = inner
    rows = np.arange(n)
    whole, half = (edge.mass(rows, half=h) for h in (False, True))
    defect = (whole[:, None] * matrices[False] + matrices[True].T * half)[: n - order, : n - order]
    assert np.abs(defect).max() < 1e-12
    degree = 1 if order == 2 else 2
    for power in range(degree + 1):
        slope = lambda z, k=power: k * z ** max(k - 1, 0)  # noqa: E731
        up = matrices[True] @ (1.0 * rows) ** power - slope(rows + 0.5)
        down = matrices[False] @ (rows + 0.5) ** power - slope(1.0 * rows)
        assert np.abs(up[: n - order]).max() < 1e-10
        assert np.abs(down[1 : n - order]).max() < 1e-10


@pytest.mark.parametrize("order", ORDERS[1:])
@pytest.mark.parametrize("ratio", [3**0.5, 2.5])
def test_rayleigh_waves_have_their_velocity(order: int, ratio: float) -> None:
    assert abs(rayleigh_error(order, 10, ratio=ratio)) < 3e-3
    assert abs(rayleigh_error(order, 25, ratio=ratio)) < 2e-4


def test_lambs_problem() -> None:
    assert lamb_error(4, 10, wavelengths=(4,)) < 0.03


def test_a_fluid_over_a_solid() -> None:
    assert max(interface_error(4, 10).values()) < 0.03


def test_waves_that_run_backwards_in_a_plate_do_not_grow_in_the_layers() -> None:
    rock, water = {"vp": 2200.0, "vs": 1100.0, "rho": 2100.0}, {"vp": 1500.0, "vs": 0.0, "rho": 1000.0}
    hard = {"vp": 3500.0, "vs": 2000.0, "rho": 2500.0}
    assert growth_of_layers(Elastic(), [rock, water, hard], 3000, free_surface=True) < 0.05


def test_a_model_of_no_solid_is_refused() -> None:
    vs = torch.full((3, 4), 1000.0)
    vs[1, 2] = 1900.0
    with pytest.raises(si.ModelError, match=r"vs is 1900 m/s at node \(1, 2\), where vp is 2000 m/s; .* 0\.866 vp"):
        si.Model(si.Grid((3, 4), 10.0), vp=2000.0, vs=vs)


def test_shots_say_what_they_are_of() -> None:
    with pytest.raises(si.GeometryError, match=r"components is 'vz'; give one for each of its 2 receivers"):
        si.Shot([[0.0, 0.0]], [[0.0, 1.0], [0.0, 2.0]], components="vz")
    with pytest.raises(si.GeometryError, match=r"kinds is 2 names; give one for each of its 1 sources"):
        si.Shot([[0.0, 0.0]], [[0.0, 1.0]], kinds=("fz", "fx"))
    survey = si.Survey.surface(
        sources=si.line(0, 20, every=20), receivers=si.line(0, 40, every=20), wavelet=None, duration=0.1, dt=0.1,
        components=("vz", "vx"), kind="fz",
    )  # fmt: skip
    gathers = si.Gathers(torch.arange(24.0).reshape(2, 6, 2), survey)
    assert gathers.components == ("vz", "vx")
    assert gathers.component("vx").data.tolist() == gathers.data[:, 3:].tolist()
    with pytest.raises(si.DataError, match="there is no component 'p'; use one of these: vz, vx"):
        gathers.component("p")
