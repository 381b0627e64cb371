"""Weights on disk: safetensors, which execute nothing when read, with a card of their origin in the metadata."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seisinv.core import DataError
from seisinv.core.files import parsed
from seisinv.core.tensors import read_tensors, write_tensors
from seisinv.geology import SPACING
from seisinv.priors.learned.network import CENTRE, LARGEST, SCALE, SMALLEST, Denoiser, Denoisers, Shape

FORMAT = "seisinv denoisers 2"  # changes with the network or with the meaning of its inputs
SHIPPED = Path(__file__).parent / "geology.safetensors"
LICENCE = "MIT"
DATA = "procedural geology (seisinv.geology), made from the seed; no third-party models"
_TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
VELOCITIES = (1400.0, 5600.0)  # m/s, what the geology spans


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of the denoisers and where they come from.

    Parameters
    ----------
    noise, inversion : by parameter name
        Of the network trained on noise, and of the one trained on errors of inversions.
    recipe : mapping
        The training's recipe.
    history : sequence of mapping
        Mean loss, and PSNR (dB) on held-out patches, by step.
    trained_on : mapping
        Device, torch version, seconds.
    last : by parameter name, optional
        Of the network for the last target, in half precision.
    """

    noise: Mapping[str, Tensor]
    inversion: Mapping[str, Tensor]
    recipe: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    trained_on: Mapping[str, Any]
    last: Mapping[str, Tensor] | None = None

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All weights, by name in the file."""
        parts = zip(Denoisers._fields, (self.noise, self.inversion, self.last or {}), strict=True)
        return {f"{kind}.{name}": value for kind, weights in parts for name, value in weights.items()}

    def card(self) -> dict[str, Any]:
        """Return what a user should know of the weights."""
        return {
            "format": FORMAT,
            "licence": LICENCE,
            "data": DATA,
            "velocities": list(VELOCITIES),
            "spacings": list(SPACING),
            "sigmas": [SMALLEST, LARGEST],
            "normalisation": [CENTRE, SCALE],
            "recipe": dict(self.recipe),
            "history": [dict(row) for row in self.history],
            "trained_on": dict(self.trained_on),
            "sha256": digest(self.tensors),
            "sha256_without_last": digest({n: t for n, t in self.tensors.items() if not n.startswith("last.")}),
        }

    def save(self, path: Path) -> None:
        """Write the weights; a file that is there is replaced whole or not at all."""
        write_tensors(path, self.tensors, {"card": json.dumps(self.card())})


def load(path: Path | str | None = None) -> tuple[Denoisers, dict[str, Any]]:
    """Return the denoisers, ready to use, and its card; without a path, the weights that come with the package.

    Parameters
    ----------
    path : path, optional
        A file of `seisinv train prior`.

    Returns
    -------
    Denoisers, dict
        The networks, and the card: data, recipe, losses, licence, hash.

    Raises
    ------
    DataError
        If the file is not a safetensors file, is damaged, or was made by another version.

    Examples
    --------
    >>> denoisers, card = load()
    >>> sorted(card)[:3]
    ['data', 'format', 'history']
    """
    file = SHIPPED if path is None else Path(path)
    try:
        stamp = file.stat()
    except OSError as error:
        remedy = "install the package again" if path is None else "check the name, or leave it out"
        raise DataError(f"cannot read the weights {file}: {error.strerror}; {remedy}") from None
    return _loaded(file, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=4)
def _loaded(file: Path, _changed: int, _size: int) -> tuple[Denoisers, dict[str, Any]]:
    tensors, metadata = read_tensors(file)
    try:
        card = parsed(json.loads, metadata.get("card", "{}"), "JSON")
    except DataError:
        card = {}
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        found = repr(card["format"]) if isinstance(card, dict) and "format" in card else "no card"
        raise DataError(
            f"{file} holds weights of another version ({found}; this seisinv reads {FORMAT!r}); train them again with "
            "`seisinv train prior`, or leave out the path to use those that come with the package"
        )
    for name, value in tensors.items():
        if value.dtype not in _TYPES or not value.isfinite().all():
            raise DataError(f"{name} holds NaN, infinite or {value.dtype} values", remedy="train it again", file=file)
    if card.get("sha256") != digest(tensors):
        raise DataError(f"{file} does not match the hash on its card; it is damaged: get it again")
    try:
        size = card["recipe"]["shape"]
        shape = Shape(**{**size, "widths": tuple(size["widths"])})
        if shape.blocks * len(shape.widths) > len(tensors):
            raise ValueError(f"{shape.blocks} blocks per level")
        parts: dict[str, dict[str, Tensor]] = {kind: {} for kind in Denoisers._fields}
        for name, value in tensors.items():
            kind, _, inner = name.partition(".")
            parts[kind][inner] = value
        networks = Denoisers(
            *(_network(shape, parts[kind]) for kind in Denoisers._fields if parts[kind] or kind != "last")
        )
    except (KeyError, TypeError, ValueError, OverflowError, RuntimeError) as error:
        what = " ".join(str(error).split())[:150]
        raise DataError(f"{file} does not fit the network on its card ({what}); train it again") from None
    return networks, card


def _network(shape: Shape, tensors: Mapping[str, Tensor]) -> Denoiser:
    with torch.device("meta"):  # without memory or random numbers, whatever size the card claims
        network = Denoiser(shape)
    network.load_state_dict(tensors, assign=True)
    return network.float().eval().requires_grad_(False)


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of tensors: names, shapes and values."""
    out = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        out.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        out.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())  # numpy has no bfloat16
    return out.hexdigest()
