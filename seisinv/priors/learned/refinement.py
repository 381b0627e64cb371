"""The network for the last target: the inversion denoiser, trained further on what inversions made of models.

    minimise  E ‖D(m, b; σ) − x‖² / c_out(e)²           m found by an inversion of the data of x, e its error

with σ drawn at random whatever the error is, so that D is the mean of what x may be, given the model and its start: the
estimate of least squared error. It is evaluated once, at the end; in the course of an inversion, where small steps are
wanted that the data can object to, the network that was not refined serves better.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from seisinv.core import ConfigError
from seisinv.priors.learned.pairs import TrainingPair, TrainingPairs
from seisinv.priors.learned.patches import Patches
from seisinv.priors.learned.training import follow, update
from seisinv.priors.learned.weights import Weights, load

RATE, AVERAGE = 3e-4, 0.99  # Adam's highest step length, decay of the moving average of the weights


def refine(
    weights: Path | str | None,
    pairs: Sequence[TrainingPair],
    *,
    steps: int = 400,
    batch: int = 16,
    progress: Callable[[int, float], None] | None = None,
) -> Weights:
    """Return the weights of a file with a network for the last target.

    Parameters
    ----------
    weights : path, or None
        File whose inversion denoiser it starts from; None: the weights that come with the package.
    pairs : sequence of TrainingPair
    steps, batch : int
        Updates, and patches in each.
    progress : callable, optional
        Called with the number of the step and its loss.

    Raises
    ------
    ConfigError
        If there is no pair, or a number is out of range.
    """
    if not pairs:
        raise ConfigError("there are no pairs to learn from; give 1 or more")
    if steps < 1 or batch < 4 or batch % 4:
        raise ConfigError(f"steps is {steps} and batch {batch}; take 1 step or more, and a multiple of 4 patches")
    networks, card = load(weights)
    seed = int(card["recipe"]["seed"])
    source = TrainingPairs(pairs, Patches(seed, batch))
    network, average = (copy.deepcopy(networks.inversion).to(memory_format=torch.channels_last) for _ in range(2))  # type: ignore[call-overload]
    network.requires_grad_(True)
    adam = torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.9, 0.99))
    for step in range(steps):
        rise = min(1.0, (step + 1) / max(1, steps // 8))
        adam.param_groups[0]["lr"] = RATE * rise * 0.5 * (1 + math.cos(math.pi * step / steps))
        examples, error = source.examples(int(card["recipe"]["steps"]) + step)
        loss = update(network, adam, examples, error=error)
        follow(average.parameters(), network, step=step, decay=AVERAGE)
        if progress is not None:
            progress(step + 1, loss)
    noise, inversion = (
        {n: p.detach().clone() for n, p in net.named_parameters()} for net in (networks.noise, networks.inversion)
    )
    recipe = {**card["recipe"], "pairs": len(pairs), "refinement": {"steps": steps, "batch": batch}}
    last = {n: p.detach().contiguous().half() for n, p in average.named_parameters()}
    return Weights(noise, inversion, recipe, card["history"], card["trained_on"], last)
