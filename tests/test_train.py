"""Training of the learned prior and `seisinv train prior`: the same weights however often it was stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import seisinv
from learned_tiny import RECIPE, network, saved

import seisinv as si
from seisinv import io
from seisinv.core import ConfigError, RunError
from seisinv.jobs import build, config
from seisinv.priors.learned import DenoiserRecipe, Step, load, train
from seisinv.priors.learned.network import Shape
from seisinv.priors.learned.patches import Patches
from seisinv.priors.learned.training import CHECKPOINT, psnr, recipe_of
from seisinv.priors.learned.weights import read_tensors, write_tensors

EVERY = 3


def run(
    directory: Path, *, resume: bool = False, stop: int | None = None, recipe: DenoiserRecipe = RECIPE
) -> dict[str, Any]:
    """Train on the CPU and return the card; stop after a step as Ctrl-C does."""

    def progress(step: Step) -> None:
        if step.step == stop:
            raise KeyboardInterrupt

    path = train(recipe, directory, resume=resume, device="cpu", every=EVERY, progress=progress)
    return load(path)[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The card of a training that was never stopped."""
    return run(tmp_path_factory.mktemp("whole"))


def untimed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"seconds": 0} for row in rows]


# Stopping and going on


@pytest.mark.parametrize("stops", [[1], [2], [3], [4], [5], [6], [1, 2, 4, 5]], ids=str)
def test_stopped_training_ends_with_the_same_weights(tmp_path, whole, stops):
    for k, stop in enumerate(stops):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, resume=k > 0, stop=stop)
        assert not (tmp_path / "weights.safetensors").exists()
    card = run(tmp_path, resume=True)
    assert card["sha256"] == whole["sha256"]
    assert untimed(card["history"]) == untimed(whole["history"])
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert rows == card["history"]
    assert [row["step"] for row in rows] == [3, 6]


def test_killed_training_goes_on_from_its_last_checkpoint(tmp_path, whole):
    class Killed(Exception):
        pass

    def die(step: Step) -> None:
        if step.step == 5:
            raise Killed

    with pytest.raises(Killed):
        train(RECIPE, tmp_path, device="cpu", every=EVERY, progress=die)
    assert run(tmp_path, resume=True)["sha256"] == whole["sha256"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_signal_waits_for_the_step_under_way(tmp_path, whole, monkeypatch):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    steps, original = [], torch.optim.Adam.step

    def interrupted(self: Any, *args: Any, **kwargs: Any) -> Any:
        steps.append(1)
        if len(steps) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, *args, **kwargs)

    try:
        monkeypatch.setattr(torch.optim.Adam, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert read_checkpoint(tmp_path)["step"] == 4
    assert run(tmp_path, resume=True)["sha256"] == whole["sha256"]


def read_checkpoint(directory: Path) -> dict[str, Any]:
    return json.loads(read_tensors(directory / CHECKPOINT)[1]["training"])


def test_finished_training_can_be_resumed_without_effect(tmp_path, whole):
    run(tmp_path)
    assert run(tmp_path, resume=True)["sha256"] == whole["sha256"]


def test_seed_and_recipe_decide(tmp_path, whole):
    assert run(tmp_path / "again")["sha256"] == whole["sha256"]
    other = dataclasses.replace(RECIPE, seed=1)
    assert run(tmp_path / "other", recipe=other)["sha256"] != whole["sha256"]
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run(tmp_path / "third")
    assert torch.equal(torch.get_rng_state(), before), "a user's random numbers are left alone"


def test_progress_tells_step_loss_and_time_left(tmp_path):
    told: list[Step] = []
    train(RECIPE, tmp_path, device="cpu", every=EVERY, progress=told.append)
    assert [(s.step, s.steps) for s in told] == [(k, 6) for k in range(1, 7)]
    assert all(np.isfinite(s.loss) and s.seconds > 0 for s in told)
    assert [s.step for s in told if s.psnr is not None] == [3, 6]
    assert set(told[2].psnr or {}) == {0.1, 0.2, 0.4}
    assert told[-1].eta == 0


def test_training_learns_what_it_sees(tmp_path, monkeypatch):
    same = Patches(0, 4).examples(0, 0.2)
    monkeypatch.setattr(Patches, "examples", lambda self, step, sigma=None, inverted=False: same)
    recipe = DenoiserRecipe(steps=60, batch=4, warmup=5, rate=1e-2, average=0.9, shape=RECIPE.shape)
    losses: list[float] = []
    path = train(recipe, tmp_path, device="cpu", every=100, progress=lambda s: losses.append(s.loss))
    assert losses[-2] < 0.7 * losses[0]  # the last is the mean of all
    out, untrained = (
        net(same.noisy, same.sigma, background=same.background, depth=same.depth)
        for net in (load(path)[0].noise, network())
    )
    assert psnr(out, same.clean) > psnr(untrained, same.clean) + 1


def test_psnr_is_that_of_the_definition():
    truth = torch.zeros(2, 4, 4)
    image = torch.stack([torch.full((4, 4), 0.2), torch.full((4, 4), 0.02)])
    assert psnr(image, truth) == pytest.approx((20 + 40) / 2)  # 10 log10(2² / 0.2²) and so on


# What is refused


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"batch": 0}, "batch is 0"),
        ({"batch": 6}, "multiple of 4"),
        ({"warmup": 0}, "warmup is 0"),
        ({"rate": 0.0}, "rate is 0"),
        ({"rate": 0.5}, "rate is 0.5"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"average": 1.0}, "average is 1"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_wrong_recipes_are_refused(change, word):
    with pytest.raises(ConfigError, match=word):
        DenoiserRecipe(**change)


def test_wrong_devices_and_intervals_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="device is 'gpu'"):
        train(RECIPE, tmp_path / "x", device="gpu")
    with pytest.raises(ConfigError, match="every is 0"):
        train(RECIPE, tmp_path / "x", every=0)
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="finds no GPU"):
            train(RECIPE, tmp_path / "x", device="cuda")
    assert not (tmp_path / "x").exists()


def test_directories_that_cannot_be_used_are_one_line(tmp_path, monkeypatch):
    stopped = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        run(stopped, stop=1)
    whole_bytes = (stopped / CHECKPOINT).read_bytes()

    def refused(words: str, directory: Path, **options: Any) -> None:
        with pytest.raises(RunError, match=words) as caught:
            run(directory, **options)
        assert "\n" not in str(caught.value)

    refused("already holds a training", stopped)
    refused(
        r"another recipe \(steps, seed\)", stopped, resume=True, recipe=dataclasses.replace(RECIPE, steps=7, seed=1)
    )
    wide = dataclasses.replace(RECIPE, shape=Shape(widths=(16, 16), blocks=1, embedding=8))
    refused(r"another recipe \(shape\)", stopped, resume=True, recipe=wide)
    assert (stopped / CHECKPOINT).read_bytes() == whole_bytes
    (stopped / CHECKPOINT).write_bytes(whole_bytes[:-50])
    refused("is damaged", stopped, resume=True)
    write_tensors(stopped / CHECKPOINT, {"a": torch.zeros(2)}, {})
    refused("not a checkpoint of this version", stopped, resume=True)
    with pytest.raises(RunError, match="not a checkpoint of this version"):
        recipe_of(stopped)
    record = {"recipe": json.loads(json.dumps(dataclasses.asdict(RECIPE))), "step": 1, "seconds": 1.0, "rows": []}
    write_tensors(stopped / CHECKPOINT, {"a": torch.zeros(2)}, {"training": json.dumps(record)})
    refused("not a checkpoint of this version", stopped, resume=True)
    (tmp_path / "bare").mkdir()
    saved(tmp_path / "bare" / "weights.safetensors")
    refused("holds weights.safetensors but no checkpoint", tmp_path / "bare")
    (tmp_path / "file").write_text("")
    refused("cannot create", tmp_path / "file")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    refused("No space left", tmp_path / "new")


# The command


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command train a tiny network."""
    monkeypatch.setattr("seisinv.priors.learned.DenoiserRecipe", lambda: RECIPE)


def stopping(at: int) -> Callable[[], Any]:
    """What the command shows its progress with, and a Ctrl-C."""

    @contextlib.contextmanager
    def progress() -> Iterator[Callable[[Step], None]]:
        def show(step: Step) -> None:
            if step.step == at:
                raise KeyboardInterrupt

        yield show

    return progress


def test_command_stops_goes_on_and_says_how_to_use_the_weights(tmp_path, tiny, monkeypatch):
    directory = tmp_path / "prior"
    with monkeypatch.context() as patch:
        patch.setattr("seisinv.jobs.progress.training_progress", stopping(2))
        code, _, err = seisinv("train", "prior", "-d", directory, "--seed", 3, "--steps", 4)
    assert code == 130
    assert f"seisinv train prior --resume --directory {directory}" in err
    code, _, err = seisinv("train", "prior", "-d", directory, "--seed", 3, "--steps", 4)
    assert code == 2
    assert "--resume" in err
    code, _, err = seisinv("train", "prior", "-d", directory, "--resume", "--steps", 9)
    assert code == 2
    assert "another recipe (steps)" in err
    code, out, err = seisinv("train", "prior", "-d", directory, "--resume", "--device", "cpu")
    assert code == 0, err
    assert "step 4 of 4: loss" in err
    card = load(directory / "weights.safetensors")[1]
    assert (card["recipe"]["seed"], card["recipe"]["steps"]) == (3, 4)
    for word in (card["sha256"], "dB at σ = 0.2", "4 steps in", "penalty.kind=learned", "penalty.weights="):
        assert word in out
    told = next(line for line in out.splitlines() if "penalty.weights=" in line)
    settings = config.load(None, dict(config.parse_setting(t) for t in told.split("--set ")[1:]))
    assert isinstance(build.penalty_of(settings), si.priors.Learned)


def test_interruption_before_the_first_step_leaves_nothing_to_resume(tmp_path, tiny, monkeypatch):
    def now(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("seisinv.priors.learned.train", now)
    code, _, err = seisinv("train", "prior", "-d", tmp_path / "prior")
    assert code == 130
    assert "run the same command again" in err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--steps", 0), ("steps is 0",)),
        (("--batch", 7), ("batch is 7", "multiple of 4")),
        (("--rate", 3), ("rate is 3",)),
        (("--seed", -2), ("seed is -2",)),
        (("--device", "tpu"), ("device is 'tpu'", "auto, cpu or cuda")),
        (("--resume",), ("no training to resume",)),
    ],
)
def test_mistakes_of_the_command_are_one_line(tmp_path, flags, words):
    code, _, err = seisinv("train", "prior", "-d", tmp_path / "prior", *flags)
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    for word in words:
        assert word in err
    assert not (tmp_path / "prior").exists()


# Jobs with the prior


GRID = si.Grid((25, 41), 25.0)
JOB = ("--start", 1700, "--bands", 6, "--iterations", 2, "--depth", 600, "--threads", 1, "--peak", 6)
LEARNED = ("--set", "penalty.kind=learned")


@pytest.fixture
def line(tmp_path: Path) -> Path:
    survey = si.Survey.surface(
        sources=si.line(200, 800, every=300, depth=20),
        receivers=si.line(0, 1000, every=50, depth=20),
        wavelet=si.ricker(6),
        duration=0.8,
        dt=4e-3,
    )
    path = tmp_path / "line.sgy"
    simulate = si.Propagator(si.Acoustic(), si.Grid((33, 55), 20.0, (0.0, -40.0)), survey)
    io.write_segy(path, simulate(si.Model(simulate.grid, vp=1800.0)))
    return path


def test_job_with_the_prior_runs_resumes_and_is_written_down(tmp_path, line, monkeypatch):
    path, run = saved(tmp_path / "w.safetensors"), tmp_path / "run"
    monkeypatch.setattr("seisinv.report.write_report", lambda directory: Path(directory) / "report.html")
    monkeypatch.chdir(tmp_path)
    chosen = (*LEARNED, "--set", "penalty.weights=w.safetensors", "--set", "penalty.sigmas=[300, 100]")
    code, _, err = seisinv("invert", line, *JOB, "--spacing", 20, *chosen, "-d", run)
    assert code == 0, err
    assert "penalty: weight 0.03, the default of learned" in err
    settings = config.load(run / "run.toml")
    assert settings.penalty.model_dump(exclude={"order", "length"}) == {
        "kind": "learned",
        "weight": si.priors.Learned.weight,
        "sigmas": [300.0, 100.0],
        "every": si.priors.Learned.every,
        "targets": si.priors.Learned.targets,
        "draws": si.priors.Learned.draws,
        "finish": si.priors.Learned.finish,
        "weights": str(path),
    }
    before = (run / "model.npz").read_bytes()
    code, _, err = seisinv("invert", "--resume", run, "--quiet")
    assert code == 0, err
    assert (run / "model.npz").read_bytes() == before
    saved(path, network(size=0.1))
    code, _, err = seisinv("invert", "--resume", run)
    assert code == 2
    assert "penalty differs" in err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--spacing", 50, *LEARNED), ("grid spacing is 50 m", "5 to 40 m")),
        (
            ("--spacing", 20, *LEARNED, "--set", "penalty.weights=none.safetensors"),
            ("none.safetensors", "No such file"),
        ),
        (("--spacing", 20, *LEARNED, "--set", "penalty.weights=old.pt"), ("old.pt", "pickled weights")),
        (("--spacing", 20, *LEARNED, "--set", "penalty.sigmas=[5000, 100]"), ("15 and 1500 m/s",)),
        (("--spacing", 20, *LEARNED, "--set", "penalty.every=0"), ("penalty.every is 0", "1 or more")),
        (
            ("--spacing", 20, "--set", "penalty.kind=tikhonov", "--set", "penalty.every=2"),
            ("penalty.every", "'tikhonov'", "learned"),
        ),
        (
            (
                "--spacing",
                20,
                *LEARNED,
                "--set",
                "propagator.physics=acoustic_density",
                "--set",
                "start.rho=2000.0",
                "--set",
                "inversion.bounds={rho=[1000.0, 3000.0]}",
                "--set",
                "propagator.vp_max=3000.0",
            ),
            ("prior for vp", "leaves vp out"),
        ),
    ],
    ids=["spacing", "missing", "pickle", "sigmas", "every", "other kind", "no vp"],
)
def test_jobs_that_the_prior_cannot_serve_are_refused(tmp_path, line, monkeypatch, flags, words):
    monkeypatch.chdir(tmp_path)
    torch.save({}, tmp_path / "old.pt")
    if "penalty.weights" not in str(flags) and "tikhonov" not in str(flags):
        flags = (*flags, "--set", f"penalty.weights={saved(tmp_path / 'w.safetensors')}")

    def solve(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a wave equation was solved")

    monkeypatch.setattr("seisinv.inversion.tasks._simulated", solve)
    for command in (("invert", line, *JOB, "-d", tmp_path / "run"), ("check", line, *JOB)):
        code, _, err = seisinv(*command, *flags)
        assert code == 2, err
        assert len(err.strip().splitlines()) == 1, err
        for word in words:
            assert word in err, err
        assert not (tmp_path / "run").exists()


def test_default_weight_is_that_of_the_kind(tmp_path):
    path = str(saved(tmp_path / "w"))
    for kind, cls in (
        ("tikhonov", si.priors.Tikhonov),
        ("total_variation", si.priors.TotalVariation),
        ("learned", si.priors.Learned),
    ):
        given = {"penalty.kind": kind} | ({"penalty.weights": path} if kind == "learned" else {})
        penalty = build.penalty_of(config.load(None, given))
        assert isinstance(penalty, cls)
        assert penalty.weight == cls.weight
        assert build.penalty_of(config.load(None, given | {"penalty.weight": 0.7})).weight == 0.7
