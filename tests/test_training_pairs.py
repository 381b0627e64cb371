"""Training pairs, and the network for the last target that learns from them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inversion_toy import crosshole
from learned_tiny import RECIPE, Fake, network, saved
from typer.testing import CliRunner

from seisinv.cli import app
from seisinv.core import ConfigError, DataError, Grid, Model
from seisinv.inversion import LBFGS, Inversion, invert
from seisinv.jobs import training_pairs
from seisinv.priors import Learned
from seisinv.priors.learned import load
from seisinv.priors.learned.network import CENTRE, SCALE, Denoisers
from seisinv.priors.learned.pairs import LAST, SHARE, SIGMAS, TrainingPair, TrainingPairs
from seisinv.priors.learned.patches import SIDE, Patches, blurred
from seisinv.priors.learned.refinement import refine
from seisinv.priors.learned.weights import read_tensors, write_tensors
from seisinv.unknowns import Bounded

CARD = {"spacings": [5.0, 40.0], "velocities": [1400.0, 5600.0], "sha256": "0"}


def pair(seed: int = 0, shape: tuple[int, int] = (48, 96), spacing: float = 20.0) -> TrainingPair:
    """Return a smooth truth, a constant start, and models that are the truth with a stripe of noise."""
    random = np.random.default_rng(seed)
    truth = 2500 + 2000 * blurred(random.standard_normal(shape), 4.0)
    found = truth + 150 * blurred(random.standard_normal((2, *shape)), (0.0, 0.5, 0.5))  # type: ignore[arg-type]
    return TrainingPair(truth, np.full(shape, 2500.0), found, spacing)


# Made by inversion


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> training_pairs.Plan:
    """Let every inversion be one of a few seconds of waves through a few cells."""
    plan = training_pairs.Plan(
        shape=(16, 24), spacing=25.0, shots=1, gradients=8, low=4.0, highs=(8.0, 10.0), smooth=5.0, trend=0.02,
        snr=10.0, missing=0.3, kind="none", weight=0.0,
    )  # fmt: skip
    monkeypatch.setattr(training_pairs.Plan, "drawn", classmethod(lambda cls, random: plan))
    return plan


def test_pair_is_a_function_of_seed_and_index(tiny):
    first, other = (training_pairs.training_pair(k, seed=0) for k in (3, 4))
    assert np.array_equal(first.found, training_pairs.training_pair(3, seed=0).found)
    assert not np.array_equal(first.truth, other.truth)
    assert first.found.shape[1:] == first.truth.shape == first.start.shape == tiny.shape
    assert len(first.found) >= len(tiny.highs)
    assert first.spacing == tiny.spacing
    assert 1 < np.abs(first.found[-1] - first.start).max() < 3000


def test_starting_model_has_the_stated_error(tiny, monkeypatch):
    tilted, calm = (
        monkeypatch.setattr(training_pairs.Plan, "drawn", classmethod(lambda cls, random, plan=plan: plan))
        or training_pairs.plan_and_case(3, seed=0)[1]
        for plan in (tiny, dataclasses.replace(tiny, trend=0.0))
    )
    rock = ~calm.water
    assert np.std(tilted.start.vp.numpy()[rock] / calm.start.vp.numpy()[rock]) == pytest.approx(0.02, rel=0.5)


def test_plans_are_within_what_the_geology_and_the_bands_allow():
    plans = [training_pairs.Plan.drawn(np.random.default_rng(k)) for k in range(100)]
    assert {p.kind for p in plans} == {"none", "tikhonov", "learned"}
    for p in plans:
        assert 10 <= p.spacing <= 35
        assert p.low < p.highs[0]
        assert p.highs[-1] * p.spacing == pytest.approx(325 if p.highs[-1] * p.spacing < 350 else 375)
        assert (p.penalty(None) is None) == (p.kind == "none")
    assert len(plans[0].survey()) == plans[0].shots


def test_pairs_are_made_once_and_the_command_refines(tmp_path, monkeypatch):
    asked: list[int] = []

    def fake(index: int, *, seed: int, weights: Path) -> TrainingPair:
        asked.append(index)
        assert load(weights)[1]["recipe"]["seed"] == seed
        return pair(index)

    def short(path: Path, pairs: Any, *, steps: int, progress: Any) -> Any:
        return refine(path, pairs, steps=1, batch=4, progress=progress)

    monkeypatch.setattr(training_pairs, "training_pair", fake)
    monkeypatch.setattr(training_pairs.refinement, "refine", short)
    monkeypatch.setattr("seisinv.priors.learned.DenoiserRecipe", lambda: RECIPE)
    directory = tmp_path / "prior"
    result = CliRunner().invoke(app, ["train", "prior", "-d", str(directory), "--device", "cpu", "--pairs", "2"])
    assert result.exit_code == 0, result.output
    assert "training pair 2 of 2" in result.output
    assert load(directory / "weights.safetensors")[0].last is not None
    training_pairs.refine(directory / "weights.safetensors", 3, steps=1)
    assert asked == [0, 1, 2]


# Pairs


def test_pair_is_read_as_it_was_written(tmp_path):
    one = pair()
    one.save(tmp_path / "p.safetensors")
    again = TrainingPair.load(tmp_path / "p.safetensors")
    assert again.spacing == one.spacing
    assert all(np.array_equal(getattr(again, n), getattr(one, n)) for n in ("truth", "start", "found"))
    write_tensors(tmp_path / "q", {"truth": torch.zeros(2, 2)}, {"format": "seisinv pair 1"})
    with pytest.raises(DataError, match="no whole pair"):
        TrainingPair.load(tmp_path / "q")


def test_batches_hold_patches_of_pairs_and_synthetic_ones():
    pairs = [pair(0), pair(1, (80, 70), 30.0)]
    source = TrainingPairs(pairs, Patches(0, 8))
    e, error = source.examples(5)
    count = round(SHARE * 8)
    assert e.noisy.shape == e.clean.shape == e.background.shape == e.depth.shape == (8, SIDE, SIDE)
    real = (e.noisy - e.clean)[:count].std(dim=(1, 2), correction=0)
    torch.testing.assert_close(error[:count], real, rtol=1e-4, atol=0)
    assert bool((e.sigma[:count] >= SIGMAS[0]).all())
    assert bool((e.sigma[:count] <= SIGMAS[1]).all())
    torch.testing.assert_close(e.sigma[count:], error[count:])
    constant = torch.full((count, SIDE, SIDE), (2500 - CENTRE) / SCALE)
    torch.testing.assert_close(e.background[:count], constant)
    again, _ = source.examples(5)
    assert torch.equal(again.noisy, e.noisy)
    assert not torch.equal(source.examples(6)[0].noisy, e.noisy)
    assert 0 < LAST < 1


# Refinement


def test_refined_network_errs_less_on_its_pairs_and_the_others_stay(tmp_path):
    file = saved(tmp_path / "w")
    pairs = [pair(k) for k in range(3)]
    told: list[int] = []
    refine(file, pairs, steps=20, batch=4, progress=lambda step, loss: told.append(step)).save(tmp_path / "r")
    refine(file, pairs, steps=20, batch=4).save(tmp_path / "again")
    assert told == list(range(1, 21))
    (before, _), (after, card), (_, twin) = (load(f) for f in (file, tmp_path / "r", tmp_path / "again"))
    assert card["sha256"] == twin["sha256"]
    assert card["recipe"]["pairs"] == 3
    for kind in ("noise", "inversion"):
        old, new = (getattr(n, kind).state_dict() for n in (before, after))
        assert all(torch.equal(old[name], new[name]) for name in old)
    stored = read_tensors(tmp_path / "r")[0]
    assert {stored[n].dtype for n in stored if n.startswith("last.")} == {torch.float16}
    one, grid = pairs[0], Grid((48, 96), 20.0)
    start, found, truth = (Model(grid, vp=np.float32(v)) for v in (one.start, one.found[-1], one.truth))
    old, new = (Learned(weights=f).last(found, start=start, wavelength=None, seed=[0]) for f in (file, tmp_path / "r"))
    assert float((new.vp - truth.vp).std()) < float((old.vp - truth.vp).std())


def test_refinement_without_pairs_or_steps_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no pairs"):
        refine(saved(tmp_path / "w"), [])
    with pytest.raises(ConfigError, match="steps is 0"):
        refine(tmp_path / "w", [pair()], steps=0)
    with pytest.raises(ConfigError, match="multiple of 4"):
        refine(tmp_path / "w", [pair()], batch=6)


# The last target


def test_last_target_is_a_mean_with_that_of_the_network_for_it(monkeypatch):
    seen: list[str] = []

    def note(name: str) -> Fake:
        return Fake(lambda x, b, d: seen.append(name) or x + (0.2 if name == "last" else 0.0))

    def asked(nets: Denoisers, **options: Any) -> tuple[list[str], float]:
        monkeypatch.setattr("seisinv.priors.learned.prior.load", lambda path: (nets, CARD))
        seen.clear()
        model = Model(Grid((64, 64), 20.0), vp=2500.0)
        out = Learned(**options).last(model, start=model, wavelength=None, seed=[0])
        return seen, float((out.vp - model.vp).mean()) / SCALE

    two = Denoisers(note("noise"), note("inversion"))  # type: ignore[arg-type]
    three = two._replace(last=note("last"))  # type: ignore[arg-type]
    assert asked(two) == (["inversion"], pytest.approx(0.0, abs=1e-4))
    assert asked(three) == (["inversion", "last"], pytest.approx(0.1, rel=1e-3))
    assert asked(three, draws=1)[0] == ["noise"]


def test_network_that_is_not_asked_does_not_count(tmp_path):
    file = saved(tmp_path / "w")
    refine(file, [pair()], steps=1, batch=4).save(tmp_path / "r")
    for options in ({"finish": False}, {"draws": 2}):
        assert Learned(weights=file, **options).identity == Learned(weights=tmp_path / "r", **options).identity
    assert Learned(weights=file).identity != Learned(weights=tmp_path / "r").identity


def test_inversion_ends_with_the_last_target(tmp_path):
    simulate, truth, start = crosshole()
    weights = refine(saved(tmp_path / "w", network(size=0.05)), [pair()], steps=2, batch=4)
    weights.save(tmp_path / "r")
    prior = Learned(weights=tmp_path / "r", weight=0.1)
    problem = Inversion(
        propagator=simulate, observed=simulate(truth), unknown=Bounded(start, vp=(1500, 3000)), penalty=prior
    )
    found = invert(problem, LBFGS(iterations=2))
    plain = invert(dataclasses.replace(problem, penalty=dataclasses.replace(prior, finish=False)), LBFGS(iterations=2))
    wanted = prior.last(plain.model, start=plain.start, wavelength=None, seed=[0]).vp
    torch.testing.assert_close(found.model.vp, wanted.clamp(1500, 3000), rtol=1e-6, atol=1e-2)
