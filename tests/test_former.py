"""What the version before knew still works: names in Python, keys of jobs, fingerprints of runs."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from inversion_toy import crosshole

import seisinv
from seisinv.core import ConfigError
from seisinv.core.identity import digest
from seisinv.inversion import LBFGS, Adam, Continuation, EstimateWavelet, Inversion, invert, run_ensemble
from seisinv.jobs import config
from seisinv.jobs.settings import Settings
from seisinv.priors import Tikhonov, TotalVariation
from seisinv.propagate import Propagator
from seisinv.reconstruction import WavefieldReconstruction
from seisinv.signal import Window
from seisinv.unknowns import Bounded, Decoder, Siren


def moved() -> Iterator[tuple[str, str, str]]:
    """Former names: package, name and the full name now, as the packages' `moved` tables say."""
    root = Path(seisinv.__file__).parent
    for path in sorted(root.rglob("__init__.py")):
        package = ".".join(("seisinv", *path.parent.relative_to(root).parts))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "moved":
                yield from ((package, name, now) for name, now in ast.literal_eval(node.args[1]).items())


@pytest.mark.parametrize(("package", "name", "now"), list(moved()))
def test_former_names_work_and_say_what_they_are_now(package: str, name: str, now: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"is now {now}"):
        found = getattr(importlib.import_module(package), name)
    module, _, attribute = now.rpartition(".")
    assert found is getattr(importlib.import_module(module), attribute)


def test_unknown_names_are_still_errors() -> None:
    with pytest.raises(AttributeError, match=r"module 'seisinv\.inversion' has no attribute 'Bouned'"):
        importlib.import_module("seisinv.inversion").Bouned  # noqa: B018


def test_the_former_method_gives_the_same_bits() -> None:
    simulator, truth, start = crosshole()
    problem = Inversion(propagator=simulator, observed=simulator(truth), unknown=Bounded(start, vp=(1500, 2800)))
    with pytest.warns(DeprecationWarning, match="seisinv.invert"):
        former = problem.run(LBFGS(2))  # type: ignore[attr-defined]
    assert (former.model.vp == invert(problem, LBFGS(2)).model.vp).all()


def test_former_keywords_of_the_reconstruction_are_taken() -> None:
    with pytest.warns(DeprecationWarning, match="PINNInversion"):
        former = importlib.import_module("seisinv.inversion").PINNInversion
    with pytest.warns(DeprecationWarning, match="PINNInversion"), pytest.raises(TypeError, match="missing 3"):
        former(trust=1.0, spare=3.0, bound=0.2)


def test_former_keyword_of_the_accuracy_is_taken() -> None:
    simulator, truth, _ = crosshole()
    data = simulator(truth)
    with pytest.warns(DeprecationWarning, match="max_error="):
        accuracy = seisinv.surrogate.SurrogateAccuracy.between(data, data, bound=0.1)  # type: ignore[call-arg]
    with pytest.warns(DeprecationWarning, match="SurrogateAccuracy.max_error"):
        assert accuracy.bound == accuracy.max_error == 0.1  # type: ignore[attr-defined]


def test_former_tables_and_keys_of_a_job_are_read(tmp_path: Path) -> None:
    text = "[inversion]\nmethod = 'pinn'\n[pinn]\ntrust = 10.0\nspare = 3.0\nbound = 0.2\n[ladder]\nkind = 'envelope'\n"
    (tmp_path / "job.toml").write_text(text)
    settings = config.load(tmp_path / "job.toml", {"ladder.attempts": 2})
    assert settings == config.settings_from(
        {
            "inversion": {"method": "reconstruction"},
            "reconstruction": {"data_weight": 10.0, "oversampling": 3.0, "max_error": 0.2},
            "continuation": {"kind": "envelope", "attempts": 2},
        }
    )
    (tmp_path / "job.toml").write_text("[ladder]\nkind = 'none'\n[continuation]\nkind = 'none'\n")
    with pytest.raises(ConfigError, match="are the same table"):
        config.load(tmp_path / "job.toml")


def test_fingerprints_are_those_of_the_version_before() -> None:
    """Written down with version 0.1.0 before its modules moved: its runs must resume."""
    assert digest(Continuation(attempts=2)) == "43a2e3757f762286919a"
    assert digest(TotalVariation(0.3)) == "ca18aa7fe7b3f6d340da"
    unknown = seisinv.Bounded(seisinv.Model(seisinv.Grid((13, 21), 20.0), vp=2000.0), vp=(1500, 2600))
    assert digest(unknown, unknown.vector()) == "c5ff45a7085a96c0dd65"
    assert digest(LBFGS(4)) == "1d61d4521b77704c2b6c"


STANDS_FOR = {
    "inversion": (LBFGS, Adam),
    "propagator": (Propagator,),
    "reconstruction": (WavefieldReconstruction,),
    "continuation": (Continuation,),
    "unknown": (Siren, Decoder),
    "wavelet": (EstimateWavelet,),
    "window": (Window,),
    "penalty": (Tikhonov, TotalVariation),
    "ensemble": (run_ensemble,),
}


def test_defaults_have_one_home() -> None:
    """Where a key of a job is a parameter of a class, an unset key means what the class means."""
    settings, compared = Settings(), 0
    for section, owners in STANDS_FOR.items():
        table = getattr(settings, section)
        for owner in owners:
            for name, parameter in inspect.signature(owner).parameters.items():
                ours = getattr(table, name, None)  # None leaves it to the class
                if parameter.default is inspect.Parameter.empty or ours is None or isinstance(ours, str):
                    continue
                if (section, name) != ("ensemble", "members"):  # a job without an ensemble has one
                    assert ours == parameter.default, f"{section}.{name}"
                    compared += 1
    assert compared > 20


def test_the_former_keyword_of_a_continuation_is_taken() -> None:
    simulator, truth, start = crosshole()
    parts = {"propagator": simulator, "observed": simulator(truth), "unknown": Bounded(start, vp=(1500, 2800))}
    with pytest.warns(DeprecationWarning, match=r"Inversion\(ladder=…\) is now continuation="):
        problem = Inversion(**parts, ladder=Continuation(attempts=2))
    assert problem.continuation == Continuation(attempts=2)
