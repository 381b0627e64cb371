"""What every unknown promises, found by its class; then what sets each apart."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inversion_toy import crosshole

from seisinv.core import ConfigError, Grid, Model
from seisinv.core.identity import digest
from seisinv.inversion import LBFGS, Adam, Inversion, invert
from seisinv.jobs import build, config
from seisinv.jobs.settings import UnknownSection
from seisinv.unknowns import Bounded, CubicSpline, Decoder, Siren, Unknown
from seisinv.unknowns.update import Update

GRID = Grid((13, 18), (10.0, 20.0))
BOUNDS = {"vp": (1500.0, 3000.0), "rho": (1200.0, 2600.0)}
LAST_BIT = {torch.float32: 1.2e-7, torch.float64: 2.3e-16}

# For each unknown: settings that suit small grids, and another value of every setting.
SETTINGS: dict[type, tuple[dict[str, Any], dict[str, Any]]] = {
    Bounded: ({}, {}),
    CubicSpline: ({"knots": 60.0}, {"knots": (60.0, 80.0)}),
    Siren: ({"width": 24}, {"size": 200.0, "width": 25, "depth": 3, "omega": 10.0, "seed": 1}),
    Decoder: ({"channels": 12, "levels": 2}, {"size": 200.0, "channels": 13, "levels": 1, "seed": 1}),
}


def concrete(base: type = Unknown) -> Iterator[type]:
    for kind in base.__subclasses__():
        if kind.__module__.startswith("seisinv.") and not inspect.isabstract(kind):
            yield kind
        yield from concrete(kind)


KINDS = sorted(set(concrete()), key=lambda k: k.__name__)
every_unknown = pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
every_update = pytest.mark.parametrize("kind", [k for k in KINDS if issubclass(k, Update)], ids=lambda k: k.__name__)


def rough(grid: Grid = GRID, dtype: torch.dtype = torch.float64) -> Model:
    random = np.random.default_rng(0)
    vp, rho = 2000 + 100 * random.standard_normal(grid.shape), 1900 + 80 * random.standard_normal(grid.shape)
    return Model(grid, vp=torch.from_numpy(vp).to(dtype), rho=torch.from_numpy(rho).to(dtype))


def make(kind: type, start: Model | None = None, **changes: Any) -> Unknown:
    start = rough() if start is None else start
    common = {"water": 25.0, **{n: BOUNDS[n] for n in start}}
    return kind(start, **{**common, **SETTINGS[kind][0], **changes})


def moved(unknown: Unknown, size: float, seed: int = 0) -> torch.Tensor:
    """A random vector within the box, away from the start by about `size`."""
    x = unknown.vector() + size * np.random.default_rng(seed).standard_normal(unknown.vector().shape)
    return torch.from_numpy(np.clip(x, *unknown.bounds()))


def test_every_unknown_is_tested() -> None:
    assert set(KINDS) == set(SETTINGS)


@every_unknown
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_vector_stands_for_the_start_model(kind: type, dtype: torch.dtype) -> None:
    unknown = make(kind, rough(dtype=dtype))
    vector = unknown.vector()
    assert vector.dtype == np.float64
    assert vector.ndim == 1
    again = unknown.model(torch.from_numpy(vector))
    for name in unknown.start:
        assert again[name].dtype == dtype
        if issubclass(kind, Update):
            assert torch.equal(again[name], unknown.start[name])
        else:  # values are divided by their mean and multiplied again
            torch.testing.assert_close(again[name], unknown.start[name], rtol=LAST_BIT[dtype], atol=0)


@every_unknown
@pytest.mark.parametrize("size", [0.0, 0.03, 0.3])
def test_gradient_matches_finite_differences(kind: type, size: float) -> None:
    """`size` 0.3 leads to where updates are bent to the bounds; the grid's values would be clipped there."""
    unknown = make(kind)
    size = min(size, 0.03) if kind is Bounded else size
    random = np.random.default_rng(1)
    outer = {n: torch.from_numpy(random.standard_normal(GRID.shape)) for n in unknown.start}
    x = moved(unknown, size)
    direction = torch.from_numpy(random.standard_normal(x.shape))

    def value(v: torch.Tensor) -> torch.Tensor:
        model = unknown.model(v)
        return sum((outer[n] * model[n]).sum() for n in model)

    x.requires_grad_()
    (gradient,) = torch.autograd.grad(value(x), x)
    with torch.no_grad():
        # Fourth order; h where rounding (1e-16 × 1e5 / h) and truncation (h⁴) both stay below the tolerance.
        h = 1e-4
        f = [float(value(x + k * h * direction)) for k in (-2, -1, 1, 2)]
    wanted = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h)
    assert float(gradient @ direction) == pytest.approx(wanted, rel=1e-6)
    assert float(gradient.norm()) > 0


@every_unknown
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [0.1, 10.0, 1e6])
def test_no_vector_leads_out_of_the_bounds_or_into_the_water(kind: type, size: float, dtype: torch.dtype) -> None:
    unknown = make(kind, rough(dtype=dtype))
    model = unknown.model(moved(unknown, size))
    for name, (low, high) in BOUNDS.items():
        rock = model[name][3:]
        assert rock.min() >= low * (1 - LAST_BIT[dtype])
        assert rock.max() <= high * (1 + LAST_BIT[dtype])
        assert not torch.equal(rock, unknown.start[name][3:])
        assert torch.equal(model[name][:3], unknown.start[name][:3])


@every_unknown
def test_same_settings_give_the_same_bits_and_survive_pickling(kind: type) -> None:
    start, state = rough(dtype=torch.float32), torch.get_rng_state()
    one, other = make(kind, start), make(kind, start)
    assert torch.equal(torch.get_rng_state(), state)
    x = moved(one, 0.05)
    model = one.model(x)
    for again in (other, pickle.loads(pickle.dumps(one))):
        assert np.array_equal(again.vector(), one.vector())
        assert all(torch.equal(again.model(x)[n], model[n]) for n in model)


@every_unknown
def test_models_in_three_dimensions(kind: type) -> None:
    unknown = make(kind, rough(Grid((9, 8, 10), 20.0), torch.float32))
    model = unknown.model(moved(unknown, 0.05))
    assert model.vp.shape == (9, 8, 10)
    assert torch.isfinite(model.vp).all()


@every_unknown
def test_one_parameter_may_stay_as_it_is(kind: type) -> None:
    settings, start = SETTINGS[kind][0], rough()
    unknown = kind(start, rho=BOUNDS["rho"], **settings)
    model = unknown.model(moved(unknown, 0.05))
    assert torch.equal(model.vp, start.vp)
    assert not torch.equal(model.rho, start.rho)


def toy(kind: type, **changes: Any) -> tuple[Inversion, Model]:
    simulate, truth, start = crosshole(torch.float32)
    needed = {"knots": 60.0} if kind is CubicSpline else {}
    unknown = kind(start, vp=(1500, 2600), **needed, **changes)
    return Inversion(propagator=simulate, observed=simulate(truth), unknown=unknown, batch_shots=2), truth


@every_unknown
@pytest.mark.parametrize("optimizer", [LBFGS(6), Adam(8, rate=20.0)], ids=["LBFGS", "Adam"])
def test_misfit_and_model_error_fall(kind: type, optimizer: LBFGS | Adam) -> None:
    inversion, truth = toy(kind)
    history = invert(inversion, optimizer, bands=[10.0], truth=truth).history
    assert history[-1]["misfit"] < 0.3 * history[0]["misfit"]
    # Its lowest, since Adam with a constant rate circles. Measured: 0.39 to 0.76 × the start's.
    assert min(row["model_rmse"] for row in history) < 0.8 * history[0]["model_rmse"]


@every_unknown
@pytest.mark.parametrize("optimizer", [LBFGS(1), Adam(1, rate=20.0)], ids=["LBFGS", "Adam"])
def test_first_update_is_of_the_stated_size(kind: type, optimizer: LBFGS | Adam) -> None:
    """Adam moves the model by about its rate where most; L-BFGS first tries about 1.5 % of the mean, here 30 m/s."""
    points: list[np.ndarray] = []

    class Probe(type(optimizer)):  # type: ignore[misc]
        def minimise(self, objective, space, accept):  # type: ignore[no-untyped-def]
            return super().minimise(lambda x: points.append(x.copy()) or objective(x), space, accept)

    inversion, _ = toy(kind)
    invert(inversion, Probe(**dataclasses.asdict(optimizer)), bands=[10.0])
    first = next(x for x in points if not np.array_equal(x, inversion.unknown.vector()))
    step = inversion.model(torch.from_numpy(first)).vp - inversion.unknown.start.vp
    assert 10 < float(step.abs().max()) < 45  # measured: 15 to 34


@every_unknown
def test_every_setting_makes_another_job(kind: type) -> None:
    """What is not in the fingerprint could change between two halves of a run."""
    _, others = SETTINGS[kind]
    parameters = inspect.signature(kind.__init__).parameters.values()
    assert set(others) == {p.name for p in parameters if p.kind == p.KEYWORD_ONLY} - {"water"}
    simulate, truth, start = crosshole(torch.float32)
    data = simulate(truth)

    def fingerprint(**changes: Any) -> dict[str, str]:
        unknown = make(kind, start, **{"water": None, "vp": (1500, 2600), **changes})
        return Inversion(propagator=simulate, observed=data, unknown=unknown).fingerprint(LBFGS(1), [None], 0)

    first = fingerprint()
    assert fingerprint() == first
    for change in ({n: v} for n, v in {**others, "water": 30.0, "vp": (1500, 2700)}.items()):
        assert fingerprint(**change)["unknown"] != first["unknown"], change


@every_unknown
def test_stopped_and_resumed_run_ends_with_the_same_bits(kind: type, tmp_path: Path) -> None:
    inversion, _ = toy(kind)
    whole = invert(inversion, LBFGS(3), bands=[10.0, 20.0], run_directory=tmp_path / "whole")
    left = [3]

    class Stop(Exception):
        pass

    def stopping(event: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Stop

    with pytest.raises(Stop):
        invert(inversion, LBFGS(3), bands=[10.0, 20.0], run_directory=tmp_path / "cut", progress=stopping)
    again, _ = toy(kind)
    result = invert(again, LBFGS(3), bands=[10.0, 20.0], run_directory=tmp_path / "cut", resume=True)
    assert torch.equal(result.model.vp, whole.model.vp)
    assert [row["misfit"] for row in result.history] == [row["misfit"] for row in whole.history]


@every_update
def test_smoothing_is_refused_where_it_would_do_nothing(kind: type) -> None:
    inversion, _ = toy(kind)
    with pytest.raises(ConfigError, match="leave smooth out"):
        dataclasses.replace(inversion, smooth=20.0)


class Shift(Update):
    """The update is the vector, m/s over the mean, for tests of the bounds."""

    def __init__(self, box: Bounded) -> None:
        self.box = box

    unit = 1.0

    def vector(self) -> np.ndarray:
        return np.zeros(self.start.vp.numel())

    def update(self, vector: torch.Tensor) -> torch.Tensor:
        return vector.reshape(1, *self.start.grid.shape) / self.box.unit


def test_updates_are_exact_up_to_four_fifths_of_the_room_and_smooth_beyond() -> None:
    vp = torch.tensor([[1500.0, 2000.0], [2000.0, 2000.0]], dtype=torch.float64)
    unknown = Shift(Bounded(Model(Grid((2, 2), 10.0), vp=vp), vp=(1500, 2500)))
    model = unknown.model(torch.tensor([0.0, 399.0, -399.0, 1e9], dtype=torch.float64))
    torch.testing.assert_close(
        model.vp, torch.tensor([[1500.0, 2399], [1601, 2500]], dtype=torch.float64), atol=1e-6, rtol=0
    )
    knees = torch.tensor([5.0, 400.0, -400.0, 450.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: unknown.model(v).vp, (knees,), eps=1e-3, atol=1e-5)
    assert torch.autograd.gradgradcheck(lambda v: unknown.model(v).vp, (knees,), eps=1e-4, atol=1e-5)


def test_start_on_a_bound_can_leave_it_but_not_pass_it() -> None:
    unknown = Shift(Bounded(Model(Grid((2, 2), 10.0), vp=2500.0), vp=(1500, 2500)))
    x = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    model = unknown.model(x)
    assert (model.vp == 2500).all()
    model.vp.sum().backward()
    assert (x.grad == 1).all()
    assert torch.equal(unknown.model(torch.full((4,), -70.0)).vp, torch.full((2, 2), 2430.0))
    assert (unknown.model(torch.full((4,), 70.0)).vp == 2500).all()


def test_splines_are_linear_and_hold_every_cubic() -> None:
    """Beyond linearity: cubic polynomials are in the space of cubic splines (de Boor 1978), to rounding."""
    unknown = make(CubicSpline)
    n = unknown.vector().size // 2  # for each parameter
    matrix = unknown.update(torch.eye(n, dtype=torch.float64).reshape(-1)).reshape(n, -1).T.numpy()
    a, b = (np.random.default_rng(k).standard_normal(unknown.vector().size) for k in (0, 1))
    torch.testing.assert_close(
        unknown.update(torch.from_numpy(a + 2 * b)),
        unknown.update(torch.from_numpy(a)) + 2 * unknown.update(torch.from_numpy(b)),
    )
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-13)
    z, x = np.meshgrid(np.linspace(-1, 1, GRID.shape[0]), np.linspace(-1, 1, GRID.shape[1]), indexing="ij")
    cubic = (1 + z - 2 * z**3) * (2 - x**2 + 0.5 * x**3)
    found = matrix @ np.linalg.lstsq(matrix, cubic.ravel(), rcond=None)[0]
    np.testing.assert_allclose(found, cubic.ravel(), atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        (CubicSpline, {"knots": 15.0}, "15 m apart along x, the grid's nodes 20 m"),
        (CubicSpline, {"knots": (40.0, 40.0, 40.0)}, "knots has 3 values"),
        (Siren, {"omega": 0.0}, "omega is 0"),
        (Siren, {"width": 0}, "width is 0"),
        (Siren, {"size": float("nan")}, "size is nan m/s"),
        (Siren, {"seed": -1}, "seed is -1"),
        (Decoder, {"channels": 2.5}, "channels is 2.5"),
        (Decoder, {"levels": 5}, "can be halved 3 times"),
    ],
)
def test_wrong_settings_are_one_line(kind: type, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        make(kind, **settings)
    assert "\n" not in str(caught.value)


TABLE = {"grid": Bounded, "spline": CubicSpline, "siren": Siren, "decoder": Decoder}


@pytest.mark.parametrize("name", TABLE)
def test_job_names_the_unknown_and_has_the_same_defaults(name: str) -> None:
    start, kind = rough(Grid((25, 30), 20.0)), TABLE[name]
    overrides = {"unknown.kind": name, "inversion.bounds": {"vp": [1500.0, 3000.0]}, "inversion.water": 50.0}
    unknown = build.unknown_of(config.load(None, overrides), start)
    needed = {"knots": 100.0} if kind is CubicSpline else {}
    same = kind(start, water=50.0, vp=(1500, 3000), **needed)
    assert type(unknown) is kind
    x = moved(same, 0.05)
    assert torch.equal(unknown.model(x).vp, same.model(x).vp)


def test_every_setting_of_the_job_reaches_its_unknown() -> None:
    start = rough(Grid((25, 30), 20.0))
    changes = {"knots": 60.0, "size": 200.0, "width": 9, "depth": 3, "omega": 5.0, "channels": 8, "levels": 2}
    assert set(changes) == set(UnknownSection.model_fields) - {"kind"}

    def made(kind: str, **overrides: Any) -> str:
        return digest(build.unknown_of(config.load(None, {"unknown.kind": kind, "run.seed": 1, **overrides}), start))

    first = [made(kind) for kind in TABLE]
    for key, value in {**{f"unknown.{k}": v for k, v in changes.items()}, "run.seed": 2}.items():
        others = [made(kind, **{key: value}) for kind in TABLE]
        assert others[0] == first[0]
        assert others != first, key
    with pytest.raises(ConfigError, match="levels is 5"):
        made("decoder", **{"unknown.levels": 5})
