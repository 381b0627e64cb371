"""Training examples: patches of procedural geology, with noise of known size and a smooth background.

Two thirds of the patches carry white noise of standard deviation σ, what a denoiser in the sense of Karras et al.
(2022) is trained for. The others are blurred and carry coloured noise as well, and their σ is that of the whole error:
an inversion's errors are band-limited, and a denoiser that has only seen white noise takes them for geology.

After that most patches are what an inversion makes of its starting model b,

    b + g (B (u − b) − a L (u − b)) + noise,

B a blur (what the highest frequency resolves), L a wider one (what the lowest misses), g a gain that falls with depth,
and coloured noise and long errors whose strength varies over the model. Their background is b.

Everything is a function of (seed, step): a stopped training goes on with the same examples.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Grid
from seisinv.geology import SPACING, Geology
from seisinv.geology.curves import log_uniform
from seisinv.priors.learned.network import CENTRE, LARGEST, SCALE, SMALLEST

SIDE = 64  # cells
SECTION = (96, 160)  # cells of the model that patches are cut from
DEPTH = 2000.0  # m, unit of the depth channel
INVERTED = 0.7  # share of patches with errors of inversions, where there are any

Triple: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]  # noisy, σ, background


@dataclass(frozen=True)
class Examples:
    """A batch: noisy and clean normalised velocities [image, z, x], σ [image], background and depth [image, z, x]."""

    noisy: Tensor
    clean: Tensor
    sigma: Tensor
    background: Tensor
    depth: Tensor

    def to(self, device: torch.device) -> Examples:
        """Return the batch on a device."""
        return Examples(*(getattr(self, n).to(device) for n in self.__dataclass_fields__))


@dataclass(frozen=True)
class Patches:
    """An endless source of batches.

    Parameters
    ----------
    seed : int
    batch : int
        Patches per batch, a multiple of `crops`.
    crops : int
        Patches cut from one model.
    degraded : float
        Share of the patches that are blurred and carry coloured noise too.
    geology : Geology
    """

    seed: int
    batch: int = 16
    crops: int = 4
    degraded: float = 1 / 3
    geology: Geology = field(default_factory=Geology)

    def clean(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Return normalised velocities and depths [image, z, x] of batch `step`."""
        random = np.random.default_rng([self.seed, step, 1])
        images, depths = [], []
        for k in range(self.batch // self.crops):
            h = float(np.exp(random.uniform(*np.log(SPACING))))
            grid = Grid(SECTION, h)
            vp = self.geology.vp(grid, seed=self.seed, index=step * (self.batch // self.crops) + k)
            for _ in range(self.crops):
                z, x = (int(random.integers(0, n - SIDE + 1)) for n in SECTION)
                patch = vp[z : z + SIDE, x : x + SIDE]
                images.append(patch[:, ::-1] if random.random() < 0.5 else patch)
                depths.append(np.broadcast_to((h * np.arange(z, z + SIDE) / DEPTH)[:, None], (SIDE, SIDE)))
        return (np.stack(images) - CENTRE) / SCALE, np.stack(depths)

    def examples(self, step: int, sigma: float | None = None, *, inverted: bool = False) -> Examples:
        """Return batch `step`.

        Parameters
        ----------
        step : int
        sigma : float, optional
            Standard deviation of white noise on every patch; by default the sizes and kinds used in training.
        inverted : bool
            Whether most of them carry errors of inversions.
        """
        images, depths = self.clean(step)
        random = np.random.default_rng([self.seed, step, 3 if inverted else 2])
        noisy, size, background = (_inversions if inverted else self._noises)(images, random, sigma)
        tensors = (torch.from_numpy(np.ascontiguousarray(a, dtype=np.float32)) for a in
                   (noisy, images, size, background, depths))  # fmt: skip
        return Examples(*tensors)

    def _noises(self, images: np.ndarray, random: np.random.Generator, sigma: float | None) -> Triple:
        n = len(images)
        size = _sizes(n, random)
        degraded = random.random(n) < self.degraded
        if sigma is not None:
            size, degraded = np.full(n, sigma), np.zeros(n, bool)
        noisy = np.empty_like(images)
        background = np.empty_like(images)
        white = np.where(degraded, random.uniform(0.2, 1.0, n), 1.0) * size
        for k, image in enumerate(images):
            noisy[k] = _spoiled(image, size[k], random) if degraded[k] else image
            size[k] = np.hypot(white[k], (noisy[k] - image).std())
            background[k] = blurred(image, log_uniform(random, 4.0, 24.0))
            background[k] += random.uniform(0.0, 0.1) * _field(random, 5)
        noisy += white[:, None, None] * random.standard_normal(images.shape)
        return noisy, size, background


def blurred(image: np.ndarray, sigma: float | tuple[float, float]) -> np.ndarray:
    """Return an image smoothed by a Gaussian of `sigma` cells, mirrored at its edges."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(image, sigma, mode="reflect", truncate=3.0))


def _spoiled(image: np.ndarray, sigma: float, random: np.random.Generator) -> np.ndarray:
    out = blurred(image, tuple(random.uniform(0.3, 3.0, 2)))
    noise = blurred(random.standard_normal(image.shape), tuple(random.uniform(0.7, 4.0, 2)))
    return out + random.uniform(0, 1) * sigma * noise / noise.std()


def _inversions(images: np.ndarray, random: np.random.Generator, sigma: float | None) -> Triple:
    size = _sizes(len(images), random)
    noisy, background = np.empty_like(images), np.empty_like(images)
    for k, u in enumerate(images):
        background[k] = _start(u, random)
        if random.random() < INVERTED:
            noisy[k] = _inverted(u, background[k], random)
            if random.random() < 1 / 3:
                noisy[k] += random.uniform(0.0, 0.15) * random.standard_normal(u.shape)
            size[k] = np.clip((noisy[k] - u).std(), SMALLEST, LARGEST)
        else:
            noisy[k] = u + size[k] * random.standard_normal(u.shape)
    return noisy, size, background


def _start(u: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a smooth model, with an error of long wavelength that is small in half of the cases."""
    error = random.uniform(0.0, 0.1) * random.choice([0.1, 1.0]) * _field(random, 5)
    return blurred(u, log_uniform(random, 4.0, 24.0)) + error


def _inverted(u: np.ndarray, start: np.ndarray, random: np.random.Generator) -> np.ndarray:
    finest = log_uniform(random, 0.5, 3.0)  # cells
    change = blurred(u - start, (finest, finest * log_uniform(random, 1.0, 2.5)))
    change = change - random.uniform(0, 1) * blurred(change, log_uniform(random, 2.0, 12.0))
    gain = random.uniform(0.4, 1.0) + random.uniform(0.0, 0.4) * _field(random, int(random.integers(2, 6)))
    gain = np.clip(gain, 0.0, 1.3) * (1 - random.uniform(0.0, 0.7) * np.linspace(0, 1, SIDE)[:, None])
    widths = log_uniform(random, 0.6, 4.0), log_uniform(random, 0.6, 4.0)  # cells
    noise = blurred(random.standard_normal(u.shape), widths)
    noise = noise - random.uniform(0, 1) * blurred(noise, log_uniform(random, 3.0, 10.0))
    noise *= log_uniform(random, 0.01, 0.15) / noise.std()
    noise *= np.exp(random.uniform(0.0, 0.8) * _field(random, int(random.integers(3, 8))))
    long = log_uniform(random, 0.003, 0.08) * _field(random, int(random.integers(4, 12)))
    return np.asarray(start + gain * change + noise + long)


def _sizes(n: int, random: np.random.Generator) -> np.ndarray:
    return np.exp(np.clip(random.normal(np.log(0.15), 0.9, n), np.log(SMALLEST), np.log(LARGEST)))


def _field(random: np.random.Generator, knots: int) -> np.ndarray:
    """Return a smooth random field of about unit size, with `knots` values along each axis."""
    from scipy.ndimage import zoom

    return np.asarray(
        zoom(random.standard_normal((knots, knots)), SIDE / knots, order=3, mode="reflect", grid_mode=True)
    )
