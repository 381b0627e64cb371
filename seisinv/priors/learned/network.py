"""The denoiser D(x; σ): what a velocity model looks like, given a noisy one, its depth and a smooth background.

    D(x; σ) = c_skip(σ) x + c_out(σ) F(c_in(σ) x, z, b; c_noise(σ))        (Karras et al. 2022, eq. 7 and table 1)
    c_skip = s²/(σ² + s²),  c_out = σ s/√(σ² + s²),  c_in = 1/√(σ² + s²),  c_noise = ln(σ)/4

with s the spread of the data about the background: the network is applied to x − b, the detail, so that it only adds
what the trend allows (arXiv:2206.00364). F is a residual U-Net (Ronneberger et al. 2015) that works on 2 × 2 cells at a
time, which makes it four times cheaper; σ enters every block as a scale and a shift (Perez et al. 2018).

Velocities are normalised, u = (vp − 3000 m/s)/1500 m/s; σ is in the same unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seisinv.core import ConfigError

CENTRE, SCALE = 3000.0, 1500.0  # m/s; u = −1 … 1 is 1500 … 4500 m/s
SMALLEST, LARGEST = 0.01, 1.0  # σ that the network is trained for: 15 to 1500 m/s


@dataclass(frozen=True)
class Shape:
    """Size of the network.

    Parameters
    ----------
    widths : tuple of int
        Channels per level, finest first; multiples of 8, the groups that are normalised together.
    blocks : int
        Residual blocks per level.
    embedding : int
        Length of the vector that σ becomes.
    data : float
        s, the spread of normalised velocities about the background.
    """

    widths: tuple[int, ...] = (32, 64, 128)
    blocks: int = 2
    embedding: int = 64
    data: float = 0.2

    def __post_init__(self) -> None:
        if not self.widths or any(w < 8 or w % 8 for w in self.widths):
            raise ConfigError(f"widths is {self.widths}; a level needs a multiple of 8 channels, such as (32, 64, 128)")
        if self.blocks < 1 or self.embedding < 1:
            raise ConfigError(f"blocks is {self.blocks} and embedding {self.embedding}; both must be 1 or more")
        if not self.data > 0:
            raise ConfigError(f"data is {self.data:g}; the spread of the data must be positive, such as 0.2")


class Denoiser(nn.Module):
    """The denoiser on images whose sides are multiples of 2ⁿ cells, n the number of levels.

    Parameters
    ----------
    shape : Shape
    """

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape or Shape()
        widths, e = self.shape.widths, self.shape.embedding
        self.embed = nn.Sequential(nn.Linear(16, e), nn.SiLU(), nn.Linear(e, e), nn.SiLU())
        self.stem = nn.Conv2d(4 * 3, widths[0], 3, padding=1)
        ins = (widths[0], *widths[:-1])
        self.down = nn.ModuleList(
            nn.ModuleList(_Block(a if k == 0 else b, b, e) for k in range(self.shape.blocks))
            for a, b in zip(ins, widths, strict=True)
        )
        self.up = nn.ModuleList(
            nn.ModuleList(_Block(a + b if k == 0 else b, b, e) for k in range(self.shape.blocks))
            for a, b in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Sequential(nn.GroupNorm(8, widths[0]), nn.SiLU(), nn.Conv2d(widths[0], 4, 3, padding=1))
        last = self.head[-1]
        assert isinstance(last, nn.Conv2d)  # for the type checker
        nn.init.zeros_(last.weight)

    def forward(self, x: Tensor, sigma: Tensor, *, background: Tensor, depth: Tensor) -> Tensor:
        """Denoise.

        Parameters
        ----------
        x : [image, z, x] tensor
            Normalised velocities plus noise.
        sigma : [image] tensor
            Standard deviation of the noise.
        background : [image, z, x] tensor
            Normalised smooth velocities.
        depth : [image, z, x] tensor
            Depth in units of 2 km, from the top of the model.

        Returns
        -------
        [image, z, x] tensor
            Normalised velocities.
        """
        s2, sigma = self.shape.data**2, sigma.reshape(-1, 1, 1)
        total = (sigma.square() + s2).sqrt()
        detail = x - background
        channels = torch.stack((detail / total, background, depth), dim=1)
        out = self._network(channels, sigma.reshape(-1))
        return background + detail * (s2 / total.square()) + out * (sigma * self.shape.data / total)

    def _network(self, channels: Tensor, sigma: Tensor) -> Tensor:
        e = self.embed(_waves(sigma.log() / 4))
        h = self.stem(functional.pixel_unshuffle(channels, 2))
        kept = []
        for level, blocks in enumerate(self.down):
            if level:
                h = functional.avg_pool2d(h, 2)
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, e)
            kept.append(h)
        for blocks, skip in zip(self.up, kept[-2::-1], strict=True):
            h = torch.cat((functional.interpolate(h, scale_factor=2, mode="nearest"), skip), dim=1)
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, e)
        return functional.pixel_shuffle(self.head(h), 2)[:, 0]


class Denoisers(NamedTuple):
    """Networks of one shape.

    Attributes
    ----------
    noise : Denoiser
        Trained on noise alone.
    inversion : Denoiser
        Trained further on the errors of inversions, with their starting models as background.
    last : Denoiser, optional
        Trained further on what inversions made of models: for the last target.
    """

    noise: Denoiser
    inversion: Denoiser
    last: Denoiser | None = None


class _Block(nn.Module):
    """Two convolutions with σ as scale and shift between them, added to the input."""

    def __init__(self, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.GroupNorm(8, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.modulation = nn.Linear(embedding, 2 * outputs)
        self.norm = nn.GroupNorm(8, outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.second.weight)

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        """Return the block's output, in the input's size."""
        scale, shift = self.modulation(e)[..., None, None].chunk(2, dim=1)
        out = self.norm(self.first(h)) * (1 + scale) + shift
        return self.skip(h) + self.second(functional.silu(out))


def _waves(c: Tensor) -> Tensor:
    """Return sines and cosines [image, 16] of the noise label at 8 frequencies."""
    phases = c[:, None] * (2.0 ** torch.arange(8, dtype=c.dtype, device=c.device)) * (math.pi / 2)
    return torch.cat((phases.sin(), phases.cos()), dim=1)
