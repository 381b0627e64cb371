"""A wave equation of one's own, with names of its own, in a file outside the package."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import seisinv as si
from seisinv.core import ConfigError
from seisinv.symbolic import Coefficient, D, Dt, Dtt, Field, Source, derive
from seisinv.symbolic.equations import Equation
from seisinv.testing import CHECKS, backend_test, check_physics, dot_test, hessian_test, random_problem
from seisinv.testing.checks import Check

FIRST = '''
"""Sound by other names: the pressure "seen" and the flow "press", whatever it may be called.

    ∂pressz/∂t = −d_z ∂seen/∂z
    ∂pressx/∂t = −d_x ∂seen/∂x
    ∂seen/∂t = a1 (−∂pressz/∂z − ∂pressx/∂x + q)
"""

from seisinv.physics import Physics, halfway
from seisinv.symbolic import Coefficient, D, Dt, Equation, Field, Poly, Source


class Sound(Physics):
    parameters = ("c", "stiffness")
    record = "seen"

    def equations(self, axes):
        seen, a1, q = Field("seen"), Coefficient("a1"), Source("q")
        press = {a: Field(f"press{a}", a, parity=+1 if a == axes[0] else -1) for a in axes}
        flow = [Equation(Dt(press[a]), -Coefficient(f"d_{a}", a) * D(seen, a)) for a in axes]
        return [*flow, Equation(Dt(seen), a1 * (sum((-D(press[a], a) for a in axes), Poly()) + q))]

    def coefficients(self, model, axes):
        density = model["stiffness"] / model["c"] ** 2
        return {"a1": model["stiffness"]} | {f"d_{a}": 1 / halfway(density, k) for k, a in enumerate(axes)}

    def speeds(self, model):
        return model["c"], model["c"]
'''

SECOND = '''
"""Sound of a slowness: ∂²press/∂t² = b_K (∂²press/∂z² + ∂²press/∂x² + data_q)."""

from seisinv.physics import Physics
from seisinv.symbolic import Coefficient, D, Dtt, Equation, Field, Poly, Source


class Slow(Physics):
    parameters = ("slowness",)
    record = "press"

    def equations(self, axes):
        press = Field("press")
        laplacian = sum((D(D(press, a), a) for a in axes), Poly())
        return [Equation(Dtt(press), Coefficient("b_K") * (laplacian + Source("data_q")))]

    def coefficients(self, model, axes):
        return {"b_K": model["slowness"] ** -2}

    def speeds(self, model):
        return 1 / model["slowness"], 1 / model["slowness"]
'''

THIRD = '''
"""Sound that relaxes: the memory m is a factor of two coefficients, before a step and after it.

    ∂m/∂t = −w m + U p
    ∂p/∂t = K (q − ∇·v) − Y m
"""

from seisinv.physics import Physics, halfway
from seisinv.symbolic import Coefficient, D, Dt, Equation, Field, Poly, Source


class Relaxing(Physics):
    parameters = ("c", "rate", "share")
    record = "p"

    def equations(self, axes):
        p, m, K, w, U, Y = Field("p"), Field("m"), *map(Coefficient, ("K", "w", "U", "Y"))
        v = {a: Field(f"v{a}", a, parity=+1 if a == axes[0] else -1) for a in axes}
        spread = sum((D(v[a], a) for a in axes), Poly())
        flow = [Equation(Dt(v[a]), -Coefficient(f"b{a}", a) * D(p, a)) for a in axes]
        return [*flow, Equation(Dt(m), -w * m + U * p), Equation(Dt(p), K * (Source("q") - spread) - Y * m)]

    def coefficients(self, model, axes):
        lightness = {f"b{a}": 1 / halfway(1000 + 0 * model["c"], k) for k, a in enumerate(axes)}
        w = model["rate"]
        return {"K": 1000 * model["c"] ** 2, "w": w, "U": 3 * w, "Y": model["share"]} | lightness

    def speeds(self, model):
        return model["c"], model["c"]
'''

CASES = {
    "sound": (FIRST, {"c": 2000.0, "stiffness": 8e9}),
    "slow": (SECOND, {"slowness": 5e-4}),
    "relaxing": (THIRD, {"c": 2000.0, "rate": 30.0, "share": 5.0}),
}


each_own = pytest.mark.parametrize("own", CASES, indirect=True)


@pytest.fixture(scope="module")
def own(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple]:
    name, (text, typical) = request.param, CASES[request.param]
    file = tmp_path_factory.mktemp("own") / f"{name}.py"
    Path(file).write_text(text)
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield next(cls for cls in vars(module).values() if isinstance(cls, type) and cls.__module__ == name)(), typical
    del sys.modules[name]


@pytest.mark.parametrize("own", ["sound"], indirect=True)
@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.title)
def test_own_physics_passes_every_check(own: tuple, check: Check) -> None:
    check(*own)


@each_own
def test_own_physics_has_exact_derivatives(own: tuple) -> None:
    p = random_problem(own[0], typical=own[1])
    dot_test(p.simulate, p.model, p.wavelet)
    dot_test(p.simulate, p.model, p.wavelet, of="wavelet")
    hessian_test(p.simulate, p.model, p.wavelet)
    backend_test(p.simulate, p.model, p.wavelet)


@each_own
def test_own_physics_is_found_by_name(own: tuple) -> None:
    assert si.physics.wave_equation(own[0].name) == own[0]


@pytest.mark.parametrize("own", ["sound", "slow"], indirect=True)
def test_other_names_do_not_change_the_waves(own: tuple) -> None:
    """The same medium in the package's parameters gives the same data, but for the order of sums.

    Layers that copy the edge: the mean of a slowness is not that of a velocity.
    """
    physics, _ = own
    p = random_problem(si.AcousticDensity() if "c" in physics.parameters else si.Acoustic())
    copied = replace(p.simulate.boundary, averaged=1)
    p = replace(p, simulate=p.simulate.replace(boundary=copied, survey=unsaid(p.simulate.survey)))
    vp = p.vectors[0]
    values = (vp, p.vectors[1] * vp**2) if "c" in physics.parameters else (1 / vp,)
    model = si.Model(p.simulate.grid, **dict(zip(physics.parameters, values, strict=True)))
    other = p.simulate.replace(physics=physics)(model, p.wavelet).data
    assert float((other - p.data()).norm() / p.data().norm()) < 1e-12


@pytest.mark.parametrize("own", ["sound", "slow"], indirect=True)
def test_a_model_without_its_parameters_is_refused(own: tuple) -> None:
    physics, _ = own
    p = random_problem(si.AcousticDensity())
    with pytest.raises(si.ModelError, match=rf"the model lacks {physics.parameters[0]}.*; it has vp, rho: pass "):
        p.simulate.replace(physics=physics, survey=unsaid(p.simulate.survey))(p.model, p.wavelet)


def unsaid(survey: si.Survey) -> si.Survey:
    """The survey without what its sources and receivers are: what the wave equation takes them for."""
    return survey.replace(shots=tuple(replace(s, kinds=None, components=None) for s in survey.shots))


@each_own
def test_what_a_physics_lacks_is_refused_by_name(own: tuple) -> None:
    survey = random_problem(si.AcousticDensity()).simulate.survey
    grid = random_problem(si.AcousticDensity()).simulate.grid
    shots = tuple(replace(s, kinds=None, components=("vy",) * len(s.receivers)) for s in survey.shots)
    known = ", ".join(own[0].components("zx"))
    with pytest.raises(ConfigError, match=rf"{own[0].name} has no component 'vy'; .*{known}; or .* has it: elastic_sh"):
        si.Propagator(own[0], grid, survey.replace(shots=shots))
    shots = tuple(replace(s, kinds=("fz",) * len(s.sources), components=None) for s in survey.shots)
    with pytest.raises(ConfigError, match=rf"{own[0].name} has no kind of source 'fz'; .*; or .* has it: elastic"):
        si.Propagator(own[0], grid, survey.replace(shots=shots))


@each_own
def test_typical_values_must_be_given(own: tuple) -> None:
    physics, _ = own
    with pytest.raises(ConfigError, match=f"typical has no {physics.parameters[0]}"):
        check_physics(physics)


def test_a_wrong_speed_fails_a_check() -> None:
    class Wrong(type(si.Acoustic())):
        def speeds(self, model):
            return 1.01 * model["vp"], 1.01 * model["vp"]

    with pytest.raises(AssertionError, match=r"speed against the equations: 0\.0099, above 0\.001"):
        check_physics(Wrong(), only="speed")


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_parameters_of_any_name_are_positive_numbers(value: float) -> None:
    with pytest.raises(si.ModelError, match="stiffness"):
        si.Model(si.Grid((4, 5), 10.0), stiffness=value)


p, K, s = Field("p"), Coefficient("K"), Source("s")
u, w, b = Field("u", "z", +1), Field("w", "z", +1), Coefficient("b", "z")


@pytest.mark.parametrize(
    ("equations", "words"),
    [
        ([Equation(Dtt(p), Coefficient("p") * D(D(p, "z"), "z") + K * s)], "'p' stands for two quantities"),
        ([Equation(Dtt(p), K * (D(D(p, "z"), "z") + Source("K")))], "'K' stands for two quantities"),
        ([Equation(Dtt(p), Coefficient("d_p") * (D(D(p, "z"), "z") + s))], "'d_p' is the name of two arrays"),
        ([Equation(Dtt(p), Coefficient("a_z") * (D(D(p, "z"), "z") + s))], "'a_z' is the name of two arrays"),
        ([Equation(Dtt(p), Coefficient("psi_p_z") * (D(D(p, "z"), "z") + s))], "'psi_p_z' is the name of two arrays"),
        ([Equation(Dtt(p), Coefficient("tape0") * (D(D(p, "z"), "z") + s))], "'tape0' is the name of two arrays"),
        ([Equation(Dtt(p), K * (D(D(p, "z"), "z") + Source("data_p")))], "'data_p' is the name of two arrays"),
        ([Equation(Dtt(p), Coefficient("λ") * (D(D(p, "z"), "z") + s))], "'λ' is not a valid name in C"),
        ([Equation(Dtt(p), K * (D(D(p, "z"), "z")))], "the equations have no source"),
        (
            [Equation(Dt(p), K * (D(u, "z") + s)), Equation(Dt(u), b * (D(p, "z") + s))],
            "the source s acts on p and on u",
        ),
        (
            [Equation(Dt(u), b * D(p, "z")), Equation(Dt(p), K * (D(u, "z") + s)), Equation(Dt(w), b * D(p, "z"))],
            "p would be both half a step early and not",
        ),
        (
            [Equation(Dt(p), K * (D(u, "z") + s)), Equation(Dt(Field("u", "zt", +1)), b * D(p, "z"))],
            "'u' stands for two quantities",
        ),
        (
            [Equation(Dt(Field("u", "zt", 0)), b * D(Field("p", "", 0), "z") + Source("q"))],
            "no equation gives the time derivative of p",
        ),
        (
            [Equation(Dt(Field("u", "z", 0)), b * D(p, "z")), Equation(Dt(p), K * D(Field("u", "z", 0), "z") + s)],
            "even|one-sided",
        ),
        ([Equation(Dtt(Field("u")), K * (D(D(Field("u"), "z"), "z") + s))], "the record is 'p'; it must be a field: u"),
        (
            [Equation(Dt(p), K * (D(p, "z") + s))],
            r"terms of one equation are at \(z, x\).* and \(z\+½, x\), even",
        ),
        ([Equation(Dt(Field("u", "z")), K * s)], "∂u/∂t is at .* but its right-hand side at"),
        ([Equation(Dt(p), K * (D(Field("u", "z"), "z") + s))], "no equation gives the time derivative of u"),
    ],
)
def test_equations_that_cannot_be_meant_are_refused(equations: list[Equation], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        derive(equations, "zx", order=2, records={"p": Field("u" if "∂u" in words else "p")}, ratios=(1, 1))


@each_own
def test_data_have_the_models_type(own: tuple) -> None:
    p = random_problem(own[0], typical=own[1])
    assert p.simulate(p.model.to(torch.float32), p.wavelet).data.dtype == torch.float32
