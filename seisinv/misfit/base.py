"""What every misfit shares: live traces only, additive over shots, plain torch.

A misfit is J = Σ_shots Σ_live traces j(p, d), where j depends on one shot only; the misfit of a set of shots is
therefore the sum of the misfits of its shots, however they are grouped. Time integrals carry the sample interval dt, so
that a finer sampling of the same traces gives the same value.
"""

from __future__ import annotations

import abc
from typing import ClassVar

import torch
from torch import Tensor

from seisinv.core import DataError, Gathers, registry
from seisinv.core.gathers import refuse_nan


class Misfit(abc.ABC):
    """A distance between predicted and observed traces, summed over the live ones.

    A subclass states the distance of each trace in `of_traces`; masking, types and the sum are done here. A `name` on
    the subclass makes it available to settings, see `misfit_named`.

    Examples
    --------
    >>> class L1(Misfit):
    ...     def of_traces(self, predicted, observed, live, dt):
    ...         return dt * (predicted - observed).abs().sum(-1)
    >>> float(L1()(torch.ones(1, 2, 4), torch.zeros(1, 2, 4), dt=0.5))
    4.0
    """

    name: ClassVar[str] = ""

    @abc.abstractmethod
    def of_traces(self, predicted: Tensor, observed: Tensor, live: Tensor, dt: float) -> Tensor:
        """Return the distance of each trace.

        Parameters
        ----------
        predicted, observed : [shot, receiver, time] tensors
            Traces that are not live are zeros.
        live : [shot, receiver] bool tensor
            Traces that count.
        dt : float, s
            Sample interval.

        Returns
        -------
        [shot, receiver] tensor
            Differentiable with respect to `predicted`; the values of traces that are not live are ignored.
        """

    def __call__(
        self,
        predicted: Gathers | Tensor,
        observed: Gathers | Tensor,
        live: Tensor | None = None,
        *,
        dt: float | None = None,
        weights: Tensor | None = None,
    ) -> Tensor:
        """Return the misfit of the live traces.

        Parameters
        ----------
        predicted, observed : Gathers, or [shot, receiver, time] tensors
        live : [shot, receiver] bool tensor, optional
            Traces that count (default: all); of gathers, only those that are live in both.
        dt : float, s, optional
            Sample interval of tensors (default: 1); that of gathers is known.
        weights : [shot, receiver] tensor, optional
            How much each trace counts (default: 1).

        Returns
        -------
        scalar tensor
            In the unit stated by the subclass.

        Raises
        ------
        DataError
            If the two differ in shape, or a live observed trace holds NaN or infinite samples. Predicted ones that do
            make the misfit NaN.
        """
        survey = observed.survey if isinstance(observed, Gathers) else None
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
        refuse_nan(observed, live, survey)
        # where(), not a product: a NaN in a dead trace must not reach the sum or the gradient.
        zero = predicted.new_zeros(())
        p = torch.where(live[..., None], predicted, zero)
        d = torch.where(live[..., None], observed, zero)
        each = self.of_traces(p, d, live, 1.0 if dt is None else dt)
        # Comparisons with NaN are false: without this line it could pass for a silent trace.
        each = torch.where(p.detach().isfinite().all(-1), each, torch.nan)
        each = each if weights is None else each * weights.to(each)
        return torch.where(live, each, zero).sum()


def misfit_named(name: str) -> type[Misfit]:
    """Return the misfit that settings call `name`.

    Parameters
    ----------
    name : str
        "l2", "huber", "correlation", "envelope", "traveltime", or the `name` of a subclass of your own.

    Returns
    -------
    type
        The class; call it for an instance.

    Raises
    ------
    ConfigError
        If no misfit has that name.

    Examples
    --------
    >>> misfit_named("envelope")()
    Envelope(power=1)
    """
    return registry.by_name(name, "misfit", Misfit)  # type: ignore[type-abstract]


def mean_square_of_shot(data: Tensor, live: Tensor) -> Tensor:
    """Mean square of the live samples of each shot [shot, 1, 1]; dead traces are zeros in `data`."""
    samples = (live.sum(1).clamp(min=1) * data.shape[-1]).to(data.dtype)
    return (data.square().sum((1, 2)) / samples)[:, None, None]


def scaled(data: Tensor) -> tuple[Tensor, Tensor]:
    """Return traces over their largest amplitude, which is held constant, and whether each has a signal.

    Where scale cancels in the end, this keeps the squares of small amplitudes from underflowing.
    """
    size = data.detach().abs().amax(-1, keepdim=True)
    has_signal = size > tiny(data)
    return data / torch.where(has_signal, size, torch.ones_like(size)), has_signal[..., 0]


def tiny(data: Tensor) -> float:
    """Smallest normal number of the tensor's type, to keep 0/0 out of silent shots."""
    return float(torch.finfo(data.dtype).tiny)
