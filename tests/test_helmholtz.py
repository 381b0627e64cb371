"""The frequency-domain surrogate: its features, its absorbing layers, and the fields it finds."""

import dataclasses

import numpy as np
import pytest
from helmholtz_waves import differences

import seisinv as si
from seisinv.surrogate.features import Partition
from seisinv.surrogate.frequency.cells import factorise_cells
from seisinv.surrogate.frequency.hankel import HarmonicBackground
from seisinv.surrogate.frequency.harmonic import HarmonicField
from seisinv.surrogate.frequency.helmholtz import Helmholtz
from seisinv.surrogate.frequency.planes import discs
from seisinv.surrogate.frequency.stretch import Layer, LayeredMedium, stretched
from seisinv.surrogate.residual import Residual

SOURCE = (60.0, 200.0)
GRID = si.Grid((16, 21), 20.0)


def lens() -> si.Model:
    z, x = np.meshgrid(GRID.coordinates("z"), GRID.coordinates("x"), indexing="ij")
    bump = np.exp(-((z - 180) ** 2 + (x - 230) ** 2) / (2 * 60**2))
    return si.Model(GRID, vp=2000.0 + 600 * bump - 300 * (z > 250))


@pytest.fixture(scope="module")
def surrogate() -> Helmholtz:
    return Helmholtz(si.Acoustic(), lens(), 8.0)


@pytest.fixture(scope="module")
def field(surrogate: Helmholtz) -> HarmonicField:
    return surrogate(SOURCE, (100.0, 100.0))


def nodes() -> np.ndarray:
    return np.stack(np.meshgrid(GRID.coordinates("z"), GRID.coordinates("x"), indexing="ij"), -1).reshape(-1, 2)


@pytest.mark.parametrize("order", [(1, 0, 0), (0, 1, 0), (2, 0, 0), (0, 2, 0), (1, 1, 0)])
def test_derivatives_equal_finite_differences(order):
    """Central differences of the derivative one lower: error h²/6 × third derivative, about 1e-6 of the values here."""
    planes = discs((Partition(0.0, 3.0, 3), Partition(0.0, 2.0, 2)), np.full(6, 5), np.full(6, 4.0), omega=2.0, seed=0)
    axis = int(np.argmax(order))
    lower, step = tuple(n - (k == axis) for k, n in enumerate(order)), 1e-4 * np.eye(2)[axis]
    points, all_of = np.random.default_rng(0).uniform(0.1, 1.9, (30, 2)), planes.windows(range(6))
    expected = (all_of.matrix(points + step, lower) - all_of.matrix(points - step, lower)) / 2e-4
    exact = all_of.matrix(points, order)
    np.testing.assert_allclose(exact, expected, atol=1e-5 * np.abs(exact).max())
    np.testing.assert_array_equal(all_of.matrix(points, (0, 0, 2)), -4.0 * all_of.matrix(points))


def test_background_solves_the_stretched_equation_in_the_layers_too():
    layers = (Layer(0.0, 300.0, 200.0, 2000.0, 50.0), Layer(0.0, 400.0, 200.0, 2000.0, 50.0))
    (equation,) = si.Acoustic().equations(("z", "x"))
    medium = LayeredMedium(si.Acoustic(), si.Model(GRID, vp=2000.0), layers)
    residual = Residual(stretched(equation, ("z", "x")), ("z", "x"), medium)
    background = HarmonicBackground((100.0, 150.0), 2000.0, layers)
    points = np.random.default_rng(0).uniform(-190, 590, (200, 2)) * (0.8, 1.0)
    size = np.abs(background.matrix(points, (0, 0, 2))).max()
    np.testing.assert_allclose(residual.matrix(background, points), 0, atol=1e-10 * size)


@pytest.mark.parametrize("order", [(1, 0, 0), (0, 1, 0), (2, 0, 0), (0, 2, 0)])
def test_background_has_the_derivatives_of_its_values(order):
    layers = (Layer(0.0, 300.0, 200.0, 2000.0, 50.0), Layer(0.0, 400.0, 200.0, 2000.0, 50.0))
    background = HarmonicBackground((100.0, 150.0), 2000.0, layers)
    points = np.random.default_rng(0).uniform(-150, 550, (50, 2)) * (0.8, 1.0) + 0.1
    axis = int(np.argmax(order))
    lower, step = tuple(n - (k == axis) for k, n in enumerate(order)), 1e-3 * np.eye(2)[axis]
    expected = (background.matrix(points + step, lower) - background.matrix(points - step, lower)) / 2e-3
    np.testing.assert_allclose(background.matrix(points, order), expected, rtol=1e-4, atol=1e-9)


def test_cells_are_solved_as_dense_least_squares():
    rng = np.random.default_rng(0)
    sizes, near = [4, 5, 3], [[0, 1], [0, 1, 2], [1, 2]]
    rows = [rng.normal(size=(20, sum(sizes[w] for w in n))) + 0j for n in near]
    right = [rng.normal(size=(20, 2)) + 1j for _ in near]
    dense, first = np.zeros((60, 12), complex), np.cumsum([0, *sizes])
    for k, (a, n) in enumerate(zip(rows, near, strict=True)):
        dense[20 * k : 20 * k + 20, first[n[0]] : first[n[-1] + 1]] = a
    expected = np.linalg.lstsq(dense, np.concatenate(right), rcond=None)[0]
    np.testing.assert_allclose(np.concatenate(factorise_cells(rows, near, sizes).solve(right)), expected, atol=1e-8)


def test_lens_against_finite_differences(field):
    expected = differences(lens(), SOURCE, frequency=8.0, refine=3, layer=300.0).field[::3, ::3]
    found = field.scattered(nodes())[0].reshape(expected.shape)
    assert np.linalg.norm(found - expected) < 0.02 * np.linalg.norm(expected)  # 0.8 to 0.9 % for three seeds


def test_several_sources_equal_single_ones(surrogate, field):
    np.testing.assert_allclose(surrogate(SOURCE).scattered(nodes())[0], field.scattered(nodes())[0], atol=1e-8)


def test_reciprocity(surrogate):
    a, b = (60.0, 200.0), (240.0, 310.0)
    field = surrogate(a, b)
    there, back = field(np.array([b]))[0, 0], field(np.array([a]))[1, 0]
    assert abs(there - back) < 0.02 * abs(there)  # twice the error of the field


def test_gradient_is_that_of_the_field(field):
    points, h = np.array([[101.0, 233.0], [222.0, 57.0]]), 1e-2
    expected = np.stack([(field(points + s) - field(points - s)) / (2 * h) for s in h * np.eye(2)], -1)
    np.testing.assert_allclose(field.gradient(points), expected, atol=1e-6 * np.abs(expected).max())


def test_saved_field_is_the_same(field, tmp_path):
    field.save(tmp_path / "u.safetensors")
    again = HarmonicField.load(tmp_path / "u.safetensors")
    points = nodes() + np.array([0.0, 1e-3])
    points = points[points[:, 1] < 400]
    assert np.array_equal(again(points), field(points))
    np.testing.assert_array_equal(again.errors["equation"], field.errors["equation"])


def test_refusals_say_what_is_needed(surrogate, field, tmp_path):
    with pytest.raises(si.ModelError, match=r"node every 20 m; 40 Hz at 1700.05 m/s needs one every 10.6 m"):
        dataclasses.replace(surrogate, frequency=40.0)
    wide = si.Model(si.Grid((500, 900), 20.0), vp=1500.0)
    with pytest.raises(si.ConfigError, match=r"needs \d+ features; one solve is limited to 16000"):
        Helmholtz(si.Acoustic(), wide, 15.0)
    with pytest.raises(si.ModelError, match="acoustic_density carries vz, vx, p"):
        dataclasses.replace(surrogate, physics=si.AcousticDensity())
    with pytest.raises(si.GeometryError, match="source at z = 9000 m"):
        surrogate((9000.0, 0.0))
    with pytest.raises(si.StabilityError, match="solves the equation to"):
        surrogate(SOURCE, accept=1e-6)
    with pytest.raises(si.ConfigError, match="velocities are 1800 to 2500"):
        dataclasses.replace(surrogate, velocities=(1800.0, 2500.0))
    with pytest.raises(si.GeometryError, match="point 0 at x = 900 m is outside the wavefield"):
        field(np.array([[0.0, 900.0]]))
    (tmp_path / "no").write_bytes(b"nothing")
    with pytest.raises(si.DataError, match="not a whole safetensors file"):
        HarmonicField.load(tmp_path / "no")
