"""What every misfit shares: live traces only, additive over shots, plain torch.

A misfit is J = Σ_shots Σ_live traces j(p, d), where j depends on one shot only; the misfit of a set of shots is
therefore the sum of the misfits of its shots, however they are grouped. Time integrals carry the sample interval dt, so
that a finer sampling of the same traces gives the same value.
"""

from __future__ import annotations

import abc

import torch
from torch import Tensor

from seisinv.core import DataError, Gathers


class Misfit(abc.ABC):
    """A distance between predicted and observed traces; subclasses state it for each trace.

    Call it with two `Gathers`, or with tensors [shot, receiver, time] plus `live` and `dt`.
    """

    @abc.abstractmethod
    def of_traces(self, predicted: Tensor, observed: Tensor, live: Tensor, dt: float) -> Tensor:
        """Return the distance of each trace [shot, receiver]; traces that are not live arrive as zeros."""

    def __call__(
        self,
        predicted: Gathers | Tensor,
        observed: Gathers | Tensor,
        live: Tensor | None = None,
        *,
        dt: float | None = None,
    ) -> Tensor:
        """Return the misfit of the live traces as a scalar tensor.

        Parameters
        ----------
        predicted, observed : Gathers, or tensors [shot, receiver, time]
        live : bool tensor [shot, receiver], optional
            Only with tensors: the traces that count (default: all). With gathers, those live on both sides count.
        dt : float, s, optional
            Only with tensors: the sample interval (default 1).

        Raises
        ------
        DataError
            If the two differ in shape.
        """
        if isinstance(predicted, Gathers):
            dt = predicted.survey.time.step
            live = predicted.live if live is None else predicted.live & live
            predicted = predicted.data
        if isinstance(observed, Gathers):
            live = observed.live if live is None else observed.live & live
            observed = observed.data
        if predicted.shape != observed.shape or predicted.ndim != 3:
            raise DataError(
                f"predicted data has shape {tuple(predicted.shape)} and observed data {tuple(observed.shape)}; "
                "both must be the same [shot, receiver, time]"
            )
        observed = observed.to(predicted.dtype)
        if live is None:
            live = torch.ones(predicted.shape[:2], dtype=torch.bool, device=predicted.device)
        # where(), not a product: a NaN in a dead trace must not reach the sum or the gradient.
        zero = predicted.new_zeros(())
        p = torch.where(live[..., None], predicted, zero)
        d = torch.where(live[..., None], observed, zero)
        each = self.of_traces(p, d, live, 1.0 if dt is None else dt)
        return torch.where(live, each, zero).sum()


def mean_square_of_shot(data: Tensor, live: Tensor) -> Tensor:
    """Mean square of the live samples of each shot [shot, 1, 1]; dead traces are zeros in `data`."""
    samples = (live.sum(1).clamp(min=1) * data.shape[-1]).to(data.dtype)
    return (data.square().sum((1, 2)) / samples)[:, None, None]


def tiny(data: Tensor) -> float:
    """Smallest normal number of the tensor's type, to keep 0/0 out of silent shots."""
    return float(torch.finfo(data.dtype).tiny)
