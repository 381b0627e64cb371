"""The learned prior: a denoiser trained on procedural geology, as half of a half-quadratic splitting.

    z ← D(m, b; σ)                                         b the starting model
    m ← some updates that lower J(m)/J(m₀) + ½ w j ⟨(m − z)²⟩/σ²,   j = J(m)/J(m₀) where they begin

with σ falling geometrically as the bands rise (plug-and-play: Venkatakrishnan et al. 2013; with diffusion denoisers:
Zhu et al. 2023, arXiv:2305.08995). D has learned from errors like those of inversions, which know neither the long
waves nor the sharp edges. With `draws` the target is ⟨D(m + σ n; σ)⟩ instead: n is white noise, which the physics
never sees, D knows only such noise, and a single draw makes the targets of an ensemble's members differ.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, Model
from seisinv.core.checks import check_least
from seisinv.priors.learned.blend import Blend, scales_for, smoothed
from seisinv.priors.learned.network import CENTRE, LARGEST, SCALE, SMALLEST, Denoiser
from seisinv.priors.learned.weights import load
from seisinv.priors.penalty import Attraction, Penalty, PlugAndPlay

log = logging.getLogger("seisinv.priors")

NAME = "vp"  # the parameter that the denoiser knows
LAST = 100.0  # m/s, σ given to the network for the last target, which depends little on it
WAVELENGTH = 20.0  # cells; models that are smoother than inversions of such waves are not what it has learned from
LOWEST = 300.0  # m/s, of models with noise


@dataclass(frozen=True)
class Learned(PlugAndPlay):
    """A prior learned from procedural geology; pass it as `Inversion(penalty=…)`.

    Parameters
    ----------
    weight : float
        w, relative to the data misfit at the start of a band.
    sigmas : (first, last), m/s
        Error that the model is taken to have in the first and in the last band.
    every : int
        Updates between targets.
    targets : int
        Targets in a band at most, of which the last stays: asked again and again in a long band, the network goes on
        sharpening where the data have nothing to say.
    draws : int
        Draws of noise that a target is the mean of; 0: none is added, and the errors are taken to be an inversion's.
    finish : bool
        Whether the result is a last target: nearer to the truth where geology is as the prior thinks, at the price of
        a higher data misfit. False: the model that was fitted to the data.
    weights : path, optional
        A file of `seisinv train prior`; default: the weights that come with the package.

    Raises
    ------
    ConfigError
        If a value is out of range.

    Examples
    --------
    >>> from seisinv.core import Grid
    >>> prior = Learned()
    >>> noisy = Model(Grid((64, 64), 10.0), vp=2500 + 300 * torch.randn(64, 64))
    >>> float(prior.denoise(noisy, 300.0).vp.std()) < 100
    True
    """

    name: ClassVar[str] = "learned"
    weight: float = 0.03
    sigmas: tuple[float, float] = (100.0, 40.0)
    every: int = 10
    targets: int = 2
    draws: int = 0
    finish: bool = True
    weights: Path | str | None = None

    def __post_init__(self) -> None:
        low, high = SMALLEST * SCALE, LARGEST * SCALE
        if not 0 <= self.weight < math.inf:
            raise ConfigError(f"weight is {self.weight:g}; a prior needs a weight of 0 or more, such as 0.03")
        pair = tuple(self.sigmas) if isinstance(self.sigmas, Sequence) else (self.sigmas,)
        if len(pair) != 2:
            raise ConfigError(f"sigmas is {self.sigmas} m/s; give two, of the first and the last band: (100, 40)")
        if not all(low <= s <= high for s in pair):
            raise ConfigError(f"sigmas is {pair} m/s; both must lie between {low:g} and {high:g} m/s")
        if pair[0] < pair[1]:
            raise ConfigError(f"sigmas is {pair} m/s; the error falls from the first band to the last: swap them")
        object.__setattr__(self, "sigmas", pair)
        check_least(self, 1, "every", "targets")
        check_least(self, 0, "draws")
        self.card()  # refuses weights that cannot be used before any work

    def card(self) -> dict[str, Any]:
        """Return where the weights come from: data, recipe, losses, licence, hash."""
        return copy.deepcopy(load(self.weights)[1])

    @property
    def identity(self) -> tuple[Any, ...]:
        """Numbers, and the hash of the networks that are asked: the same file counts as the same under any name."""
        plain = (self.weight, self.sigmas, self.every, self.targets, self.draws, self.finish)
        card = load(self.weights)[1]
        asks_last = self.finish and not self.draws
        return (*plain, card["sha256"] if asks_last else card.get("sha256_without_last", card["sha256"]))

    def check(self, model: Model) -> None:
        """Refuse a model that is not 2-D or too coarse; warn where its vp is outside the training's."""
        _check(model, 0.0, load(self.weights)[1])

    def sigma(self, progress: float) -> float:
        """Return σ in m/s at a share of the way from the first to the last band.

        Parameters
        ----------
        progress : float
            0 in the first band, 1 in the last.
        """
        first, last = self.sigmas
        return first * (last / first) ** progress

    def denoise(self, model: Model, sigma: float, *, start: Model | None = None, whole: bool = False) -> Model:
        """Return the model without errors of standard deviation `sigma` in its vp.

        Parameters
        ----------
        model : Model
            2-D, of any size; cells of 5 to 40 m or finer, of which what is finer than 5 m stays as it is.
        sigma : float, m/s
            Up to 1500; smaller values count as 15.
        start : Model, optional
            Smooth model that an inversion has made `model` of; then the errors are those of an inversion, and the
            network is the one that was trained on them.
        whole : bool
            Show the network the whole model at once, instead of blended patches of 64 × 64 cells.

        Raises
        ------
        ConfigError
            If the model is not 2-D, its cells are larger than those of the training, or `sigma` is out of range.
        """
        if not 0 <= sigma <= LARGEST * SCALE:
            raise ConfigError(f"sigma is {sigma:g} m/s; the denoiser removes noise of 0 to {LARGEST * SCALE:g} m/s")
        return self._cleaned(model, sigma, start=start, whole=whole)

    def target(
        self, model: Model, *, start: Model, progress: float, wavelength: float | None, seed: Sequence[int]
    ) -> Model:
        """Return D(m, m₀; σ), or the mean of D(m + σ n; σ) over some draws of the noise n."""
        noise, sigma = np.random.default_rng(list(seed)), self.sigma(progress)
        if self.draws == 0:
            return self._cleaned(model, sigma, start=start, finest=(wavelength or 0.0) / WAVELENGTH)
        found = [self._cleaned(model, sigma, noise=noise)[NAME] for _ in range(self.draws)]
        return model.replace(**{NAME: torch.stack(found).mean(dim=0)})

    def last(self, model: Model, *, start: Model, wavelength: float | None, seed: Sequence[int]) -> Model:
        """Return the mean of the last band's target and of what the network for the last target says, if there is one.

        The second has learned from few models (`pairs.py`), and the mean did better than either.

        Parameters
        ----------
        model, start : Model
            The current and the starting model.
        wavelength : float, m, or None
            Shortest wavelength of the band.
        seed : sequence of int
        """
        usual = super().last(model, start=start, wavelength=wavelength, seed=seed)
        network = load(self.weights)[0].last
        if self.draws or network is None:
            return usual
        own = self._cleaned(model, LAST, start=start, finest=(wavelength or 0.0) / WAVELENGTH, network=network)
        return usual.replace(**{NAME: 0.5 * (usual[NAME] + own[NAME])})

    def penalty(self, target: Model, *, progress: float, misfit: float) -> Penalty:
        """Return ½ w j ⟨(vp − z)²⟩/σ², j the data misfit over that at the start of the band."""
        only = Model(target.grid, **{NAME: target[NAME]})
        return Attraction(misfit * self.weight, only, self.sigma(progress))

    def _cleaned(
        self,
        model: Model,
        sigma: float,
        *,
        start: Model | None = None,
        finest: float = 0.0,
        noise: np.random.Generator | None = None,
        whole: bool = False,
        network: Denoiser | None = None,
    ) -> Model:
        networks, card = load(self.weights)
        _check(model, sigma, card)
        network = network or (networks.noise if start is None else networks.inversion)
        vp = model[NAME].detach()
        smallest = max(card["spacings"][0], min(finest, card["spacings"][1]))
        at, spacing = _resampled(_normalised(model), model.grid.spacing, smallest)
        before = None if start is None else _resampled(_normalised(start), model.grid.spacing, smallest)[0]
        seen = at
        if noise is not None:  # on the cells of the denoiser: finer noise would stay in the model
            n = torch.from_numpy(noise.standard_normal(at.shape)).to(at.dtype)
            seen = (at + sigma / SCALE * n).clamp_min((LOWEST - CENTRE) / SCALE)
        blend = Blend(scales_for(spacing, seen.shape, card["spacings"][1]), whole=whole)
        clean = blend.denoise(network, seen, sigma / SCALE, spacing=spacing, top=model.grid.origin[0], start=before)
        change = _onto(clean - at, vp.shape)
        return model.replace(**{NAME: vp + SCALE * change.to(vp.device, vp.dtype)})


def _normalised(model: Model) -> Tensor:
    return ((model[NAME].detach().float().cpu() - CENTRE) / SCALE).contiguous()


def _check(model: Model, sigma: float, card: dict[str, Any]) -> None:
    """Refuse what the denoiser cannot do; warn of what it has not seen."""
    if model.grid.ndim != 2:
        raise ConfigError(
            f"the learned prior is for 2-D models; this one has axes {', '.join(model.grid.axes)}: use another penalty"
        )
    fine, coarse = card["spacings"]
    widest = max(model.grid.spacing)
    if widest > coarse * 1.001:
        raise ConfigError(
            f"the grid spacing is {widest:g} m; the learned prior was trained for {fine:g} to {coarse:g} m: use a "
            "finer grid or another penalty"
        )
    low, high = card["velocities"]
    vp = smoothed(model[NAME].detach().cpu(), 1.5)  # a fifth of the noise is left: it does not count as geology
    outside = float(((vp < low - sigma) | (vp > high + sigma)).float().mean())
    if outside > 0:
        log.warning(
            "%.1f %% of vp (%g to %g m/s) is outside the %g to %g m/s that the learned prior was trained for; it may "
            "mislead there: compare with total variation",
            100 * outside, float(vp.min()), float(vp.max()), low, high,
        )  # fmt: skip


def _resampled(u: Tensor, spacing: Sequence[float], finest: float) -> tuple[Tensor, float]:
    """Return the image on square cells no smaller than `finest` m, and their size in m."""
    h = max(math.sqrt(spacing[0] * spacing[1]), finest)
    if all(abs(s - h) < 1e-6 * h for s in spacing):
        return u, h
    shape = [max(2, round(n * s / h)) for n, s in zip(u.shape, spacing, strict=True)]
    return _onto(u, shape), h


def _onto(u: Tensor, shape: Sequence[int]) -> Tensor:
    if tuple(u.shape) == tuple(shape):
        return u
    return torch.nn.functional.interpolate(u[None, None], size=tuple(shape), mode="bilinear", antialias=True)[0, 0]
