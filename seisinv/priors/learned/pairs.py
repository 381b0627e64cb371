"""Examples from inversions that were run: models with what they should have been, beside synthetic examples.

The size of the error is not an input of the network, σ is drawn at random: in an inversion nobody knows it, and where
the data do not determine the model the best answer stays near the starting model (the mean of possible models).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from seisinv.core import DataError
from seisinv.core.tensors import read_arrays, write_arrays
from seisinv.priors.learned.network import CENTRE, LARGEST, SCALE, SMALLEST
from seisinv.priors.learned.patches import DEPTH, SIDE, Examples, Patches

FORMAT = "seisinv pair 1"
SHARE = 0.6  # of the patches of a batch, about; the others are synthetic
LAST = 0.4  # share of the patches whose model is the last of its inversion
SIGMAS = (0.02, 0.3)  # 30 to 450 m/s, σ given to the network


@dataclass(frozen=True, eq=False)
class TrainingPair:
    """A model and what an inversion made of its data.

    Parameters
    ----------
    truth, start : [z, x] arrays, m/s
    found : [model, z, x] array, m/s
        On the way, the last at the end.
    spacing : float, m
    """

    truth: np.ndarray
    start: np.ndarray
    found: np.ndarray
    spacing: float

    def save(self, file: Path) -> None:
        """Write the pair, whole or not at all."""
        arrays = {"truth": self.truth, "start": self.start, "found": self.found}
        write_arrays(file, arrays, {"spacing": repr(float(self.spacing))}, version=FORMAT)

    @classmethod
    def load(cls, file: Path) -> TrainingPair:
        """Read a pair.

        Raises
        ------
        DataError
            If the file is damaged or of another version.
        """
        arrays, card = read_arrays(file, version=FORMAT)
        try:
            return cls(arrays["truth"], arrays["start"], arrays["found"], float(card["spacing"]))
        except (KeyError, ValueError):
            raise DataError(f"{file} holds no whole pair; delete it, and it is made again") from None


@dataclass(frozen=True)
class TrainingPairs:
    """Batches of which most patches are cut from pairs.

    Parameters
    ----------
    pairs : sequence of TrainingPair
    patches : Patches
        Source of the others, and of the seed.
    """

    pairs: Sequence[TrainingPair]
    patches: Patches

    @cached_property
    def normalised(self) -> list[TrainingPair]:
        """The pairs as the network sees them."""
        return [TrainingPair(_ready(p.truth), _ready(p.start), _ready(p.found), p.spacing) for p in self.pairs]

    def examples(self, step: int) -> tuple[Examples, torch.Tensor]:
        """Return batch `step`, and the sizes of its errors [image]; the σ given to the network are others."""
        random = np.random.default_rng([self.patches.seed, step, 4])
        synthetic = self.patches.examples(step, inverted=True)
        count = round(SHARE * self.patches.batch)
        cuts = [self._cut(random) for _ in range(count)]
        noisy, clean, start, depth = (np.stack(part) for part in zip(*cuts, strict=True))
        error = np.clip((noisy - clean).std(axis=(1, 2)), SMALLEST, LARGEST)
        low, high = np.log(SIGMAS).tolist()
        sigma = np.exp(random.uniform(low, high, count))

        def joined(real: np.ndarray, rest: torch.Tensor) -> torch.Tensor:
            first = torch.from_numpy(np.ascontiguousarray(real, dtype=np.float32))
            return torch.cat((first, rest[: self.patches.batch - count]))

        examples = Examples(
            joined(noisy, synthetic.noisy),
            joined(clean, synthetic.clean),
            joined(sigma, synthetic.sigma),
            joined(start, synthetic.background),
            joined(depth, synthetic.depth),
        )
        return examples, joined(error, synthetic.sigma)

    def _cut(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return a patch of a model that was found, of the truth, of the start, and its depth."""
        pair = self.normalised[int(random.integers(len(self.normalised)))]
        last = len(pair.found) - 1
        found = pair.found[last if random.random() < LAST else int(random.integers(last + 1))]
        z, x = (int(random.integers(0, n - SIDE + 1)) for n in found.shape)
        turned = slice(None, None, -1 if random.random() < 0.5 else 1)
        cuts = [a[z : z + SIDE, x : x + SIDE][:, turned] for a in (found, pair.truth, pair.start)]
        depth = np.broadcast_to((pair.spacing * np.arange(z, z + SIDE) / DEPTH)[:, None], (SIDE, SIDE))
        return cuts[0], cuts[1], cuts[2], depth


def _ready(vp: np.ndarray) -> np.ndarray:
    """Return normalised velocities [..., z, x], continued downwards and to the right where a patch needs it."""
    short = [(0, max(0, SIDE - n)) for n in vp.shape[-2:]]
    return np.pad((vp - CENTRE) / SCALE, [(0, 0)] * (vp.ndim - 2) + short, mode="edge")
