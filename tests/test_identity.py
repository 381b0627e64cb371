"""Whatever can change results tells one object from another: in one process, and between a run and its resumption."""

from __future__ import annotations

import copy
import functools
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inversion_toy import crosshole
from torch import nn

import seisinv as si
from seisinv.core import ConfigError, Gathers, RunError
from seisinv.core.identity import digest
from seisinv.inversion import Inversion
from seisinv.misfit import L2
from seisinv.symbolic import Coefficient, D, Dtt, Equation, Field, Poly, Source
from seisinv.unknowns import Bounded

EXPONENT = 2


class Mine(si.Physics):
    """Sound whose source acts with a factor, in the equations or in the coefficients."""

    parameters = ("vp",)
    record = "p"

    def __init__(self, factor: int = 1, scale: float = 1.0) -> None:
        self.factor, self.scale = factor, scale

    def equations(self, axes: Any) -> list[Equation]:
        p = Field("p")
        laplacian = sum((D(D(p, a), a) for a in axes), Poly())
        return [Equation(Dtt(p), Coefficient("K") * (laplacian + self.factor * Source("s")))]

    def coefficients(self, model: Any, axes: Any) -> dict[str, torch.Tensor]:
        return {"K": self.scale * model["vp"] ** EXPONENT}

    def speeds(self, model: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return (model["vp"],) * 2


class Power:
    """A misfit of a user: |p − d| to a power, as a plain class."""

    def __init__(self, power: float) -> None:
        self.power = power

    def __call__(self, predicted: Gathers, recorded: Gathers) -> torch.Tensor:
        return ((predicted.data - recorded.data).abs() ** self.power).sum()


def sound(physics: si.Physics) -> torch.Tensor:
    grid = si.Grid((21, 21), 10.0)
    survey = si.Survey.surface(
        sources=si.line(100, 100, every=10, depth=50), receivers=si.line(50, 150, every=50, depth=50),
        wavelet=si.ricker(20), duration=0.1, dt=1e-3,
    )  # fmt: skip
    return si.Propagator(physics, grid, survey, vp_max=3000)(si.Model(grid, vp=2000.0)).data


def test_a_physics_with_other_attributes_gives_other_data() -> None:
    one = sound(Mine(factor=1))
    torch.testing.assert_close(sound(Mine(factor=2)), 2 * one)
    assert Mine(factor=1) == Mine(factor=1) != Mine(factor=2)
    assert Mine(scale=1.0) != Mine(scale=1.5)
    assert len({Mine(1), Mine(1), Mine(2), si.Acoustic(), si.Acoustic()}) == 3
    physics = Mine(1)
    with pytest.raises(AttributeError, match="make another"):
        physics.factor = 2


def test_names_of_wave_equations_need_no_instance() -> None:
    """A physics that cannot be made without arguments does not stop others from being found."""

    class Asks(Mine):
        def __init__(self, needed: int) -> None:
            super().__init__(needed)

    assert si.physics.wave_equation("acoustic") == si.Acoustic()
    assert repr(Asks(3)) == "Asks(factor=3, scale=1.0)"


def test_a_class_that_inherits_a_name_does_not_take_its_place() -> None:
    assert type(si.misfit.misfit_named("l2")()) is L2
    assert type(si.misfit.misfit_named("l2")()) is not WithMore
    Other = type("Other", (L2,), {"name": "l2"})
    with pytest.raises(ConfigError, match=r"'l2' is the name of .*L2 and of .*Other; rename one"):
        si.misfit.misfit_named("l2")
    Other.name = ""


def test_two_wave_equations_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Twin = type("Twin", (Mine,), {})
    monkeypatch.setattr(Twin, "__module__", "somewhere.acoustic")
    with pytest.raises(ConfigError, match=r"'acoustic' is the name of .*Acoustic and of .*Twin"):
        si.physics.wave_equation("acoustic")


def network(p: float = 0.1) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 2), nn.Dropout(p), nn.BatchNorm1d(2))


def changed(module: nn.Module) -> nn.Module:
    module = copy.deepcopy(module)
    with torch.no_grad():
        next(module.parameters())[0, 0] += 1
    return module


def power(x: float) -> float:
    return x**EXPONENT


def scaled(by: float) -> Any:
    return lambda x: by * x


@dataclass(frozen=True)
class Memory:
    """A field that happens to be called like one of the package that has no effect."""

    memory: int
    threads: int = 1


class Kept:
    """An object that keeps what it has computed."""

    def __init__(self, base: float) -> None:
        self.base = base

    @functools.cached_property
    def square(self) -> float:
        return self.base**2


class Hidden(nn.Module):
    """A network with a number and a buffer that torch does not save, and a part called identity."""

    def __init__(self, number: float, buffer: float, weight: float = 0.0) -> None:
        super().__init__()
        self._number = number
        self.register_buffer("scale", torch.tensor(buffer), persistent=False)
        self.identity = nn.Linear(1, 1)
        with torch.no_grad():
            self.identity.weight.fill_(weight)
            self.identity.bias.zero_()


@dataclass
class Derived:
    """A dataclass that sets more than its fields."""

    base: int = 0

    def __post_init__(self) -> None:
        self.more = EXPONENT


@functools.lru_cache
def cached_power(x: float) -> float:
    return x**EXPONENT


def nested(x: list[float]) -> float:
    return sum(y**EXPONENT for y in x)


def through_a_cache(x: float) -> float:
    return cached_power(x)


def derived(more: int) -> Derived:
    out = Derived()
    out.more = more
    return out


class WithMore(L2):
    """Inherits the fields of a dataclass, and has an attribute of its own."""

    def __init__(self, p: float) -> None:
        object.__setattr__(self, "p", p)


class Labelled(dict):
    label = ""


def labelled(label: str) -> Labelled:
    out = Labelled(a=1)
    out.label = label
    return out


class Short(float):
    def __repr__(self) -> str:
        return "short"


DIFFERENT = {
    "attribute beside inherited fields": (WithMore(1.0), WithMore(4.0)),
    "attribute of a mapping": (labelled("a"), labelled("b")),
    "number with a name": (Short(1.0), Short(2.0)),
    "nested mappings": ({"a": {"b": 1}}, {"a": {}, "b": 1}),
    "sparse": (torch.eye(2).to_sparse(), 2 * torch.eye(2).to_sparse()),
    "private attribute of a network": (Hidden(1, 1), Hidden(2, 1)),
    "buffer that is not saved": (Hidden(1, 1), Hidden(1, 2)),
    "weights of a part called identity": (Hidden(1, 1), Hidden(1, 1, 3.0)),
    "attribute beside the fields": (derived(1), derived(2)),
    "borders of mappings": (({"a": 1}, {"b": 2}), ({"a": 1, "b": 2}, {})),
    "borders of sets": (({1}, {2}), ({1, 2}, set())),
    "type of numbers": (torch.ones(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.bfloat16).view(torch.int16)),
    "pattern": (re.compile("a"), re.compile("b")),
    "attribute": (Power(1), Power(4)),
    "weights": (network(), changed(network())),
    "buffers": (network(), network().train(False) and changed(network())),
    "configuration of a network": (network(0.1), network(0.2)),
    "closure": (scaled(1.0), scaled(2.0)),
    "code": (lambda x: x + 1, lambda x: x + 2),
    "partial": (functools.partial(power, 1), functools.partial(power, 2)),
    "field called memory": (Memory(1), Memory(2)),
    "field called threads": (Memory(1, 1), Memory(1, 2)),
    "pairs of the optimiser": (si.LBFGS(3, memory=5), si.LBFGS(3, memory=6)),
    "array of objects": (np.array([Power(1)], object), np.array([Power(2)], object)),
    "bytes": (b"a", b"b"),
    "set": ({1, 2}, {1, 3}),
    "half precision": (torch.ones(2, dtype=torch.bfloat16), torch.zeros(2, dtype=torch.bfloat16)),
    "class": (Power, Kept),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_content_tells_objects_apart(name: str) -> None:
    one, other = DIFFERENT[name]
    assert digest(one) != digest(other)
    assert digest(one) == digest(one)
    if not callable(one) or isinstance(one, nn.Module):
        assert digest(one) == digest(copy.deepcopy(one))


USERS = {"function": power, "nested": nested, "cached": cached_power, "caller": through_a_cache, "physics": Mine()}


@pytest.mark.parametrize("what", USERS.values(), ids=USERS)
def test_a_global_that_code_uses_counts(what: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(what)
    monkeypatch.setitem(globals(), "EXPONENT", 3)
    assert digest(what) != before


def test_a_module_of_the_user_counts_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_helpers.py").write_text("def half(x):\n    return x / 2\n")
    import my_helpers

    def misfit(x: float) -> float:
        return my_helpers.half(x)

    before = digest(misfit)
    (tmp_path / "my_helpers.py").write_text("def half(x):\n    return x / 3\n")
    assert digest(misfit) != before


def test_functions_that_call_each_other_are_read_once() -> None:
    functions: list[Any] = []
    for _ in range(40):
        functions.append(lambda x, last=tuple(functions[-2:]): sum(f(x) for f in last))
    assert digest(functions[-1]) != digest(functions[-2])


def test_an_unfilled_closure_is_no_fault() -> None:
    def outer() -> Any:
        def inner() -> Any:
            return later

        found = digest(inner)
        later = 1
        return found, later

    assert outer()[0]


def test_what_was_computed_since_does_not_count() -> None:
    kept = Kept(2.0)
    before = digest(kept)
    assert kept.square == 4.0
    assert digest(kept) == before


def test_objects_may_contain_themselves() -> None:
    one, other = Power(1), Power(1)
    one.itself, other.itself = one, other
    assert digest(one) == digest(other)
    other.power = 2
    assert digest(one) != digest(other)


def test_speed_does_not_count_for_a_propagator() -> None:
    grid = si.Grid((21, 21), 10.0)
    survey = si.Survey.surface(
        sources=si.line(100, 100, every=10), receivers=si.line(50, 150, every=50), wavelet=si.ricker(20),
        duration=0.1, dt=1e-3,
    )  # fmt: skip
    p = si.Propagator(si.Acoustic(), grid, survey)
    assert digest(p) == digest(p.replace(threads=2, memory=si.Checkpointed(4)))
    assert digest(p) != digest(p.replace(order=4))
    assert digest(p) != digest(p.replace(physics=Mine()))


def test_what_cannot_be_told_apart_asks_for_an_identity() -> None:
    misfit = Power(1)
    misfit.lock = threading.Lock()
    with pytest.raises(ConfigError, match="identity"):
        digest(misfit)
    Told = type("Told", (Power,), {"identity": property(lambda self: self.power)})
    told = Told(1)
    told.lock = threading.Lock()
    assert digest(told) != digest(Told(2))


@pytest.mark.parametrize("other", [Power(4), L2()])
def test_a_run_does_not_resume_with_another_misfit(tmp_path: Path, other: Any) -> None:
    simulate, truth, start = crosshole()
    unknown, data = Bounded(start, vp=(1500, 2600)), simulate(truth)

    def run(misfit: Any, resume: bool) -> None:
        problem = Inversion(propagator=simulate, observed=data, unknown=unknown, misfit=misfit)
        si.invert(problem, si.LBFGS(1), bands=[10.0], run_directory=tmp_path / "run", resume=resume)

    run(Power(2), False)
    with pytest.raises(RunError, match="misfit differs"):
        run(other, True)
    run(Power(2), True)
