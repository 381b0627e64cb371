"""Training of the denoiser: one recipe, one command, the same weights from the same seed on the same machine.

    minimise  E ‖D(x + n; σ) − x‖² / c_out(σ)²          (Karras et al. 2022, eq. 8 with their λ(σ) = 1/c_out²)

by Adam with a warm-up and a cosine schedule, on noise first, then on errors of inversions too; the weights kept are an
exponential moving average.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seisinv.core import Argument, ConfigError, DataError, Message, RunError
from seisinv.core.checks import check_least
from seisinv.core.files import parsed
from seisinv.core.stopping import interruptions
from seisinv.core.tensors import atomically, read_tensors, write_tensors
from seisinv.priors.learned.network import Denoiser, Shape
from seisinv.priors.learned.patches import Examples, Patches
from seisinv.priors.learned.weights import Weights

CHECKPOINT, HISTORY, WEIGHTS = "checkpoint.safetensors", "history.jsonl", "weights.safetensors"
_RECORD = {"recipe": dict, "step": int, "seconds": int | float, "rows": list}  # of a checkpoint
PEAK = 2.0  # of a patch: 1500 to 4500 m/s
LEVELS = (0.1, 0.2, 0.4)  # σ at which the held-out patches are denoised


@dataclass(frozen=True)
class DenoiserRecipe:
    """What the weights depend on.

    Parameters
    ----------
    steps : int
    noise : int
        Of these the first, whose errors are noise; in the others most are those of inversions.
    batch : int
        Patches of 64 × 64 cells per step.
    rate : float
        Adam's highest step length.
    warmup : int
        Steps over which the rate rises.
    average : float
        Decay of the moving average of the weights.
    seed : int
        Of the geology, the noise and the first weights.
    shape : Shape
        Size of the network.

    Raises
    ------
    ConfigError
        If a number is out of range.

    Examples
    --------
    >>> recipe = DenoiserRecipe(steps=1000, warmup=100)
    >>> recipe.rate_at(0) < recipe.rate_at(100)
    True
    """

    steps: int = 11000
    noise: int = 9000
    batch: int = 16
    rate: float = 4e-4
    warmup: int = 200
    average: float = 0.999
    seed: int = 0
    shape: Shape = field(default_factory=Shape)

    def __post_init__(self) -> None:
        check_least(self, 1, "steps", "noise", "batch", "warmup")
        if self.batch % 4:
            raise ConfigError(f"batch is {self.batch}; it must be a multiple of 4, the patches cut from one model")
        check_least(self, 0, "seed")
        if not 0 < self.rate < 0.1:
            raise ConfigError(f"rate is {self.rate:g}; Adam's step length is between 0 and 0.1, such as 4e-4")
        if not 0 <= self.average < 1:
            raise ConfigError(f"average is {self.average:g}; the decay of the moving average is at least 0 and below 1")

    def rate_at(self, step: int) -> float:
        """Return the step length at a step: both parts rise and fall."""
        end = min(self.noise, self.steps)
        if step >= end:
            step, end = step - end, max(1, self.steps - end)
        rise = min(1.0, (step + 1) / self.warmup)
        return self.rate * rise * 0.5 * (1 + math.cos(math.pi * min(1.0, step / end)))


@dataclass(frozen=True)
class Step:
    """What a training reports after an update.

    Parameters
    ----------
    step, steps : int
        Number of updates done, and of all.
    loss : float
    psnr : dict or None, dB
        Peak signal-to-noise ratio on held-out patches by σ, where it was just measured.
    seconds, eta : float, s
        Time spent, and estimated time left.

    Examples
    --------
    >>> Step(step=10, steps=100, loss=0.5, psnr=None, seconds=2.0, eta=18.0).eta
    18.0
    """

    step: int
    steps: int
    loss: float
    psnr: Mapping[float, float] | None
    seconds: float
    eta: float


def train(
    recipe: DenoiserRecipe,
    directory: Path | str,
    *,
    resume: bool = False,
    device: str = "auto",
    every: int = 500,
    progress: Callable[[Step], None] | None = None,
) -> Path:
    """Train a denoiser.

    Parameters
    ----------
    recipe : DenoiserRecipe
    directory : path
        Where checkpoints, history.jsonl and the weights are kept.
    resume : bool
        Continue from the last checkpoint, if there is one; on one machine, with the same number of threads, the numbers
        are those of a training never stopped.
    device : "auto", "cpu" or "cuda"
        On a GPU the network runs in bfloat16 with float32 weights.
    every : int
        Steps between checkpoints.
    progress : callable, optional
        Called with a `Step` after every step.

    Returns
    -------
    Path
        Weights for `Learned(weights=…)`.

    Raises
    ------
    RunError
        If the directory holds another training, or one and `resume` is False, or cannot be written.
    KeyboardInterrupt
        After Ctrl-C: the current step is finished and kept first (a second Ctrl-C does not wait).

    Examples
    --------
    >>> from seisinv.priors.learned.network import Shape
    >>> small = DenoiserRecipe(steps=2, noise=1, batch=4, warmup=1, shape=Shape(widths=(8, 16), blocks=1, embedding=8))
    >>> train(small, "prior", device="cpu").name
    'weights.safetensors'
    """
    if every < 1:
        raise ConfigError(f"every is {every}; checkpoints are 1 or more steps apart")
    run = _Training(recipe, Path(directory), _device(device), every)
    run.open(resume)
    return run.run(progress)


def recipe_of(directory: Path | str) -> DenoiserRecipe:
    """Return the recipe of the training in a directory, for going on with it.

    Raises
    ------
    RunError
        If there is no checkpoint, or one that cannot be read.
    """
    file = Path(directory) / CHECKPOINT
    if not file.exists():
        raise RunError(f"{directory} holds no training to resume (no {CHECKPOINT}); name the directory of a training")
    saved = read_checkpoint(file)[1]["recipe"]
    try:
        shape = {**saved["shape"], "widths": tuple(saved["shape"]["widths"])}
        return DenoiserRecipe(**{**saved, "shape": Shape(**shape)})
    except (KeyError, TypeError):
        raise other_version(file) from None


class _Training:
    """State of a training."""

    def __init__(self, recipe: DenoiserRecipe, directory: Path, device: torch.device, every: int) -> None:
        self.recipe, self.directory, self.device, self.every = recipe, directory, device, every
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.network = Denoiser(recipe.shape)
        self.network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {n: p.detach().clone() for n, p in self.network.named_parameters()}
        self.first: dict[str, Tensor] = {}  # the average when noise alone has been seen
        self.adam = torch.optim.Adam(self.network.parameters(), lr=recipe.rate, betas=(0.9, 0.99))
        self.patches = Patches(recipe.seed, recipe.batch)
        self.step, self.seconds = 0, 0.0
        self.rows: list[dict[str, Any]] = []
        self.losses: list[float] = []  # since the last row

    def open(self, resume: bool) -> None:
        """Start a directory, or take up the training in it."""
        checkpoint = self.directory / CHECKPOINT
        if checkpoint.exists():
            if not resume:
                raise RunError(f"{self.directory} already holds a training; resume it (--resume), or choose another")
            self._load(checkpoint)
            self._write_history()
            return
        for name in (WEIGHTS, HISTORY):
            if (self.directory / name).exists():
                raise RunError(f"{self.directory} holds {name} but no checkpoint; choose another directory")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot create {self.directory}: {error.strerror}; choose another directory") from None
        self._write_history()  # a directory that cannot be written is found out before the work, not after it

    def run(self, progress: Callable[[Step], None] | None) -> Path:
        """Train to the end, with the next batch made while the network works on the last."""
        held_out = Patches(self.recipe.seed + 1_000_003, 32)
        with ThreadPoolExecutor(1) as pool, interruptions() as is_stopped:
            batch = pool.submit(self._examples, self.step)
            while self.step < self.recipe.steps:
                if self.step == self.recipe.noise:
                    self._begin_second()
                began, examples = time.perf_counter(), batch.result()
                batch = pool.submit(self._examples, self.step + 1)
                self.losses.append(self._update(examples.to(self.device)))
                self.step += 1
                psnr = None
                if self.step % self.every == 0 or self.step == self.recipe.steps:
                    psnr = {s: self._psnr(held_out.examples(0, s)) for s in LEVELS}
                self.seconds += time.perf_counter() - began
                loss = self.losses[-1] if psnr is None else self._note(psnr)
                try:
                    if progress is not None:
                        left = self.seconds / self.step * (self.recipe.steps - self.step)
                        progress(Step(self.step, self.recipe.steps, loss, psnr, self.seconds, left))
                    if is_stopped():
                        raise KeyboardInterrupt
                except KeyboardInterrupt:
                    self._keep()
                    raise
        return self._finish()

    def _begin_second(self) -> None:
        """Keep the average of the first part, and train on from it with an optimiser that remembers nothing."""
        self.first = {n: a.clone() for n, a in self.average.items()}
        with torch.no_grad():
            for name, p in self.network.named_parameters():
                p.copy_(self.first[name])
        self.adam.state.clear()

    def _examples(self, step: int) -> Examples:
        return self.patches.examples(step, inverted=step >= self.recipe.noise)

    def _update(self, e: Examples) -> float:
        self.adam.param_groups[0]["lr"] = self.recipe.rate_at(self.step)
        value = update(self.network, self.adam, e, error=e.sigma, mixed=self._mixed())
        if not math.isfinite(value):
            raise RunError(f"the loss is {value} at step {self.step}; train again with a smaller rate")
        follow(self.average.values(), self.network, step=self.step, decay=self.recipe.average)
        return value

    def _mixed(self) -> contextlib.AbstractContextManager[Any]:
        if self.device.type == "cuda":
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return contextlib.nullcontext()

    @torch.no_grad()
    def _psnr(self, e: Examples) -> float:
        e = e.to(self.device)
        arguments = (e.noisy, e.sigma)
        out = torch.func.functional_call(
            self.network, self.average, arguments, {"background": e.background, "depth": e.depth}
        )
        return psnr(out, e.clean)

    def _note(self, found: Mapping[float, float]) -> float:
        """Add a row to the history, keep everything, and return the mean loss since the last row."""
        loss = sum(self.losses) / len(self.losses)
        row = {"step": self.step, "loss": loss, "seconds": round(self.seconds, 1)}
        self.rows.append(row | {f"psnr_{s:g}": round(v, 3) for s, v in found.items()})
        self.losses = []
        self._keep()
        return loss

    def _keep(self) -> None:
        """Write all that the rest of the training depends on."""
        tensors = {f"weight.{n}": p.detach() for n, p in self.network.named_parameters()}
        tensors |= {f"average.{n}": p for n, p in self.average.items()}
        tensors |= {f"first.{n}": p for n, p in self.first.items()}
        names = {id(p): n for n, p in self.network.named_parameters()}
        for p, state in self.adam.state.items():
            tensors |= {f"adam.{k}.{names[id(p)]}": torch.as_tensor(v) for k, v in state.items()}
        record = {"recipe": asdict(self.recipe), "step": self.step, "seconds": self.seconds, "rows": self.rows}
        record["losses"] = self.losses
        write_tensors(self.directory / CHECKPOINT, tensors, {"training": json.dumps(record)})
        self._write_history()

    def _write_history(self) -> None:
        lines = "".join(json.dumps(r) + "\n" for r in self.rows)
        atomically(self.directory / HISTORY, lines.encode())

    def _load(self, file: Path) -> None:
        tensors, record = read_checkpoint(file)
        mine = json.loads(json.dumps(asdict(self.recipe)))
        other = [k for k in mine if mine[k] != record["recipe"].get(k)]
        if other:
            raise RunError(
                f"{self.directory} holds a training with another recipe ({', '.join(other)}); resume with the same "
                "settings, or choose another directory"
            )
        self.step, self.seconds, self.rows = record["step"], record["seconds"], record["rows"]
        self.losses = record.get("losses", [])

        def saved(name: str, like: Tensor) -> Tensor:
            if name not in tensors or tensors[name].shape != like.shape:
                raise other_version(file)
            return torch.empty_like(like).copy_(tensors[name])  # in the memory order that it had

        with torch.no_grad():
            for name, p in self.network.named_parameters():
                p.copy_(saved(f"weight.{name}", p))
                self.average[name].copy_(saved(f"average.{name}", p))
                if self.step > self.recipe.noise:
                    self.first[name] = saved(f"first.{name}", p)
                moments = {k: saved(f"adam.{k}.{name}", p) for k in ("exp_avg", "exp_avg_sq")}
                self.adam.state[p] = {"step": saved(f"adam.step.{name}", torch.zeros(())), **moments}

    def _finish(self) -> Path:
        path = self.directory / WEIGHTS
        noise, inversion = (
            {n: p.detach().cpu().contiguous().clone() for n, p in average.items()}
            for average in (self.first or self.average, self.average)
        )
        weights = Weights(
            noise,
            inversion,
            recipe=json.loads(json.dumps(asdict(self.recipe))),
            history=self.rows,
            trained_on={"device": self.device.type, "torch": torch.__version__, "seconds": round(self.seconds)},
        )
        weights.save(path)
        return path


def update(
    network: Denoiser,
    adam: torch.optim.Adam,
    e: Examples,
    *,
    error: Tensor,
    mixed: contextlib.AbstractContextManager[Any] | None = None,
) -> float:
    """Take one step on a batch, whose images count by the sizes of their errors [image]; return the loss."""
    with mixed or contextlib.nullcontext():
        out = network(e.noisy, e.sigma, background=e.background, depth=e.depth)
    s = network.shape.data
    weight = (error.square() + s**2) / (error * s).square()
    loss = ((out.float() - e.clean).square().mean(dim=(1, 2)) * weight).mean()
    adam.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    adam.step()
    return loss.item()


@torch.no_grad()
def follow(average: Iterable[Tensor], network: Denoiser, *, step: int, decay: float) -> None:
    """Move the average of the weights towards those after a step, faster at the start."""
    decay = min(decay, (1 + step) / (10 + step))
    for mean, p in zip(average, network.parameters(), strict=True):
        mean.lerp_(p, 1 - decay)


def psnr(image: Tensor, truth: Tensor) -> float:
    """Return the peak signal-to-noise ratio in dB, mean over images [image, z, x]."""
    error = (image - truth).double().square().mean(dim=(-2, -1))
    return float((10 * torch.log10(PEAK**2 / error)).mean())


def _device(name: str) -> torch.device:
    if name not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device is {name!r}; it must be auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        remedy = Message("use ", Argument("device", "cpu"))
        raise ConfigError("device is 'cuda', but torch finds no GPU here", remedy=remedy)
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def read_checkpoint(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint: tensors by name, and the record of the training.

    Raises
    ------
    RunError
        If it is damaged, or was written by another version.
    """
    try:
        tensors, metadata = read_tensors(file)
    except DataError:
        raise RunError(f"{file} is damaged; delete it to train from the start, or choose another directory") from None
    try:
        record = parsed(json.loads, metadata["training"], "JSON")
        if not all(isinstance(record[name], kind) for name, kind in _RECORD.items()):
            raise TypeError
    except (KeyError, TypeError, ValueError):
        raise other_version(file) from None
    return tensors, record


def other_version(file: Path) -> RunError:
    """Return the error of a checkpoint that does not fit."""
    return RunError(f"{file} is not a checkpoint of this version of seisinv; choose another directory")
