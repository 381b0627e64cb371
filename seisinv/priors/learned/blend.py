"""A denoiser of 64 × 64 cells on models of any size and spacing: overlapping patches, coarse scales first.

At each scale patches every 32 cells are blended with Hann windows, whose sum is constant, so that no seam shows. The
coarse scales see the large structures; what they return, smoothed, is the background that the next finer one refines.
A mean over 2 × 2 cells halves the standard deviation of white noise, hence σ/2 at half the resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from seisinv.priors.learned.network import SMALLEST
from seisinv.priors.learned.patches import DEPTH, SIDE, blurred

STRIDE = SIDE // 2
BACKGROUND = 8.0  # cells, standard deviation of the smoothing that makes a background


class DenoisingNetwork(Protocol):
    """What `network.Denoiser` is: (images, σ, background, depth) → images."""

    def __call__(self, x: Tensor, sigma: Tensor, *, background: Tensor, depth: Tensor) -> Tensor:
        """Denoise [image, z, x]."""


@dataclass(frozen=True)
class Blend:
    """How an image is cut and put together.

    Parameters
    ----------
    scales : tuple of int
        Cells averaged along each axis, coarse first; ends with 1.
    whole : bool
        Give the network the whole image at once instead of patches; for tests of the blending.
    """

    scales: tuple[int, ...] = (4, 2, 1)
    whole: bool = False

    @torch.no_grad()
    def denoise(
        self,
        network: DenoisingNetwork,
        u: Tensor,
        sigma: float,
        *,
        spacing: float,
        top: float = 0.0,
        start: Tensor | None = None,
    ) -> Tensor:
        """Denoise an image of normalised velocities.

        Parameters
        ----------
        network : DenoisingNetwork
        u : (nz, nx) tensor
        sigma : float
            Standard deviation of the noise, in the unit of `u`.
        spacing : float, m
        top : float, m
            Depth of the first row.
        start : (nz, nx) tensor, optional
            Smooth model that an inversion has made `u` of: the first background. The error of `u` is then taken to be
            as large on coarse cells as on fine ones.
        """
        nz, nx = u.shape
        background = smoothed(u, BACKGROUND * self.scales[0]) if start is None else start
        out = u
        for scale in self.scales:
            noisy, coarse = _averaged(u, scale), _averaged(background, scale)
            first = top + spacing * (scale - 1) / 2
            size = sigma / scale if start is None else sigma
            out = self._one_scale(network, torch.stack((noisy, coarse)), size, first, spacing * scale)
            if scale > 1:
                fine = functional.interpolate(out[None, None], scale_factor=scale, mode="bilinear")[0, 0, :nz, :nx]
                background = smoothed(fine, BACKGROUND * scale / 2)
        return out

    def _one_scale(self, network: DenoisingNetwork, images: Tensor, sigma: float, top: float, spacing: float) -> Tensor:
        nz, nx = images.shape[1:]
        sides = (nz + -nz % 8, nx + -nx % 8) if self.whole else (max(nz, SIDE), max(nx, SIDE))
        depth = (top + spacing * torch.arange(sides[0], dtype=images.dtype)) / DEPTH
        channels = torch.cat((_extended(images, *sides), depth[None, :, None].expand(1, *sides)))
        sigma = max(sigma, SMALLEST)
        if self.whole:
            label = torch.full((1,), sigma, dtype=images.dtype)
            return network(channels[:1], label, background=channels[1:2], depth=channels[2:])[0, :nz, :nx]
        corners = [(i, j) for i in _starts(sides[0]) for j in _starts(sides[1])]
        patches = torch.stack([channels[:, i : i + SIDE, j : j + SIDE] for i, j in corners])
        labels = torch.full((len(patches),), sigma, dtype=images.dtype)
        clean = network(patches[:, 0], labels, background=patches[:, 1], depth=patches[:, 2])
        window = torch.hann_window(SIDE + 1, dtype=images.dtype)[:-1] + 1e-3
        window = window[:, None] * window
        total, weight = images.new_zeros(sides), images.new_zeros(sides)
        for (i, j), patch in zip(corners, clean, strict=True):
            total[i : i + SIDE, j : j + SIDE] += window * patch
            weight[i : i + SIDE, j : j + SIDE] += window
        return (total / weight)[:nz, :nx]


def scales_for(spacing: float, shape: Sequence[int], coarsest: float) -> tuple[int, ...]:
    """Return the scales of a grid: doubled while cells stay below `coarsest` m and the image is larger than a patch."""
    scales = [1]
    while scales[-1] < 4 and 2 * scales[-1] * spacing <= coarsest and max(shape) / scales[-1] > SIDE:
        scales.append(2 * scales[-1])
    return tuple(reversed(scales))


def smoothed(u: Tensor, sigma: float) -> Tensor:
    """Return an image [z, x] smoothed by a Gaussian of `sigma` cells, mirrored at its edges."""
    return torch.from_numpy(blurred(u.numpy(), sigma))


def _starts(n: int) -> list[int]:
    """First cells of the patches along an axis of n ≥ 64 cells; the last patch ends with the axis."""
    return [*range(0, n - SIDE, STRIDE), n - SIDE]


def _averaged(u: Tensor, scale: int) -> Tensor:
    if scale == 1:
        return u
    whole = _extended(u[None], u.shape[0] + -u.shape[0] % scale, u.shape[1] + -u.shape[1] % scale)
    return functional.avg_pool2d(whole, scale)[0]


def _extended(channels: Tensor, nz: int, nx: int) -> Tensor:
    """Continue images [channel, z, x] downwards and to the right by their edge values."""
    return functional.pad(channels, (0, nx - channels.shape[2], 0, nz - channels.shape[1]), mode="replicate")
