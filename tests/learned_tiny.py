"""A denoiser of a few thousand weights, and stand-ins for one, for tests of the learned prior."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seisinv.priors.learned import DenoiserRecipe
from seisinv.priors.learned.network import Denoiser, Shape
from seisinv.priors.learned.weights import Weights

SHAPE = Shape(widths=(8, 16), blocks=1, embedding=8)
RECIPE = DenoiserRecipe(steps=6, batch=4, warmup=2, shape=SHAPE)


def network(*, seed: int = 0, size: float = 0.0, shape: Shape = SHAPE) -> Denoiser:
    """Return an untrained denoiser, which smooths a little, with random numbers of `size` added to its weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        out = Denoiser(shape)
        with torch.no_grad():
            for p in out.parameters():
                p += size * torch.randn_like(p)
    return out.eval().requires_grad_(False)


def weights(net: Denoiser | None = None) -> Weights:
    """Return the weights of a network, with a card."""
    import dataclasses

    net = net or network()
    noise, inversion = ({n: p.detach().clone() for n, p in net.named_parameters()} for _ in range(2))
    return Weights(
        noise,
        inversion,
        recipe=dataclasses.asdict(dataclasses.replace(RECIPE, shape=net.shape)),
        history=[{"step": 6, "loss": 1.0, "seconds": 0.1, "psnr_0.2": 20.0}],
        trained_on={"device": "cpu", "torch": torch.__version__, "seconds": 1},
    )


def saved(path: Path, net: Denoiser | None = None) -> Path:
    """Write the weights of a network and return the path."""
    weights(net).save(path)
    return path


class Fake:
    """A network made of one function of (x, background, depth), that notes what it was given."""

    def __init__(self, function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        self.function = function
        self.seen: list[dict[str, Any]] = []

    def __call__(self, x: Tensor, sigma: Tensor, *, background: Tensor, depth: Tensor) -> Tensor:
        self.seen.append({"shape": tuple(x.shape), "sigma": float(sigma[0]), "depth": depth})
        return self.function(x, background, depth)


def identity() -> Fake:
    """Return a network that changes nothing."""
    return Fake(lambda x, background, depth: x)
