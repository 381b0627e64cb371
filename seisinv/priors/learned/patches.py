"""Training examples: patches of procedural geology, with noise of known size and a smooth background.

Two thirds of the patches carry white noise of standard deviation σ, what a denoiser in the sense of Karras et al.
(2022) is trained for. The others are blurred and carry coloured noise as well, and their σ is that of the whole error:
an inversion's errors are band-limited, and a denoiser that has only seen white noise takes them for geology.

Everything is a function of (seed, step): a stopped training goes on with the same examples.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Grid
from seisinv.priors.geology import SPACING, Geology
from seisinv.priors.learned.network import CENTRE, LARGEST, SCALE, SMALLEST

SIDE = 64  # cells
SECTION = (96, 160)  # cells of the model that patches are cut from
DEPTH = 2000.0  # m, unit of the depth channel


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

    def examples(self, step: int, sigma: float | None = None) -> Examples:
        """Return batch `step`, with noise of standard deviation `sigma`, or with the sizes used in training."""
        images, depths = self.clean(step)
        random = np.random.default_rng([self.seed, step, 2])
        n = len(images)
        size = np.exp(np.clip(random.normal(np.log(0.15), 0.9, n), np.log(SMALLEST), np.log(LARGEST)))
        degraded = random.random(n) < self.degraded
        if sigma is not None:
            size, degraded = np.full(n, sigma), np.zeros(n, bool)
        noisy = np.empty_like(images)
        background = np.empty_like(images)
        white = np.where(degraded, random.uniform(0.2, 1.0, n), 1.0) * size
        for k, image in enumerate(images):
            noisy[k] = _spoiled(image, size[k], random) if degraded[k] else image
            size[k] = np.hypot(white[k], (noisy[k] - image).std())
            background[k] = blurred(image, np.exp(random.uniform(np.log(4.0), np.log(24.0))))
            background[k] += random.uniform(0.0, 0.1) * _smooth_field(random)
        noisy += white[:, None, None] * random.standard_normal(images.shape)
        tensors = (torch.from_numpy(np.ascontiguousarray(a, dtype=np.float32)) for a in
                   (noisy, images, size, background, depths))  # fmt: skip
        return Examples(*tensors)


def blurred(image: np.ndarray, sigma: float | tuple[float, float]) -> np.ndarray:
    """Return an image smoothed by a Gaussian of `sigma` cells, mirrored at its edges."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(image, sigma, mode="reflect", truncate=3.0))


def _spoiled(image: np.ndarray, sigma: float, random: np.random.Generator) -> np.ndarray:
    out = blurred(image, tuple(random.uniform(0.3, 3.0, 2)))
    noise = blurred(random.standard_normal(image.shape), tuple(random.uniform(0.7, 4.0, 2)))
    return out + random.uniform(0, 1) * sigma * noise / noise.std()


def _smooth_field(random: np.random.Generator) -> np.ndarray:
    """Return a smooth random field of about unit size: the error of a background."""
    from scipy.ndimage import zoom

    return np.asarray(zoom(random.standard_normal((5, 5)), SIDE / 5, order=3, mode="reflect", grid_mode=True))
