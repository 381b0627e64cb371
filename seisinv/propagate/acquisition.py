"""What a survey's sources and receivers are in the terms of a wave equation: who emits and who hears what."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, Grid, Shot, Survey, registry
from seisinv.physics import Component, Kind, Physics
from seisinv.propagate.resample import Clock
from seisinv.symbolic.discretise import RECORD
from seisinv.symbolic.scales import Scales, record_delay


@dataclass(frozen=True)
class Acquisition:
    """The sources and receivers of a survey, sorted by the symbols of a wave equation.

    Parameters
    ----------
    physics, grid, survey
        As of `Propagator`.
    scales : Scales
        Of the equations.
    soon : frozenset of str
        Fields that are half a step early.

    Raises
    ------
    ConfigError
        If the wave equation lacks a kind of source or a component that the survey has.
    """

    physics: Physics
    grid: Grid
    survey: Survey
    scales: Scales
    soon: frozenset[str]

    def __post_init__(self) -> None:
        _ = self.heard, self.emitted

    @cached_property
    def heard(self) -> dict[str, Component]:
        """What the receivers measure, by name, in the order of the wave equation."""
        known = self.physics.components(self.grid.axes)
        usual = self.physics.record or next(iter(known))
        found = {c for shot in self.survey.shots for c in (shot.components or (usual,))}
        for name in sorted(found - set(known)):
            raise _lacking(self.physics, "component", name, known, self.grid)
        return {name: c for name, c in known.items() if name in found}

    @cached_property
    def emitted(self) -> tuple[str, ...]:
        """The source symbols that the survey's sources need."""
        needed = {symbol for shot in self.survey.shots for kind in self._emissions(shot) for symbol in kind}
        return tuple(sorted(needed)) or tuple(sorted(self.scales.source))[:1]

    def places(self, shot: Shot) -> dict[str, np.ndarray]:
        """Return positions [n, axis], m, by the name of the source or record in the programs."""
        fed = {n: shot.sources[[k for k, _ in self._emitting(shot, n)]] for n in self.emitted}
        return {RECORD + n: shot.receivers[self._listening(shot, n)] for n in self.heard} | fed

    def amplitudes(self, survey: Survey, clock: Clock, dtype: torch.dtype) -> dict[str, Tensor]:
        """Return [shot, step, source] of each symbol: source time functions at the solver's steps, per cell volume."""
        w = survey.wavelet
        assert w is not None
        if w.ndim == 1:
            w = w.expand(len(survey), survey.max_sources, -1)
        w = w.to(dtype)
        out = {}
        for symbol in self.emitted:
            rows = [self._emitting(shot, symbol) for shot in survey.shots]
            width = max(map(len, rows))
            index = [[k for k, _ in row] + [0] * (width - len(row)) for row in rows]
            share = [[x for _, x in row] + [0.0] * (width - len(row)) for row in rows]
            fed = w
            if any(line != list(range(w.shape[1])) for line in index):
                fed = w.gather(1, torch.tensor(index)[..., None].expand(-1, -1, w.shape[-1]))
            if any(x != 1 for line in share for x in line):
                fed = fed * torch.tensor(share, dtype=dtype)[..., None]
            time, space = self.scales.source[symbol]
            scale = clock.step**time * self.grid.spacing[-1] ** space / math.prod(self.grid.spacing)
            solver = clock.to_solver(fed, self.scales.delay[symbol]) * scale
            out[symbol] = solver.transpose(1, 2).contiguous()
        return out

    def gathered(self, recorded: Sequence[Tensor], clock: Clock) -> Tensor:
        """Return data [shot, receiver, time] from the solver's records [shot, step, receiver], one each of `heard`."""
        parts = [
            _in_time(r.transpose(1, 2), c, clock, record_delay(c.of, self.soon))
            for r, c in zip(recorded, self.heard.values(), strict=True)
        ]
        if len(parts) == 1:
            return parts[0]
        starts = np.cumsum([0, *(p.shape[1] for p in parts)])
        index = torch.zeros(len(self.survey), self.survey.max_receivers, dtype=torch.long)
        for k, shot in enumerate(self.survey.shots):
            for start, name in zip(starts, self.heard, strict=False):
                rows = self._listening(shot, name)
                index[k, rows] = torch.arange(len(rows)) + int(start)
        whole = torch.cat(parts, 1)
        traces = whole.gather(1, index[..., None].expand(-1, -1, whole.shape[-1]))
        return traces * self.survey.occupied[..., None]

    def _listening(self, shot: Shot, component: str) -> list[int]:
        if shot.components is None:
            usual = self.physics.record or next(iter(self.physics.components(self.grid.axes)))
            return list(range(len(shot.receivers))) if component == usual else []
        return [k for k, name in enumerate(shot.components) if name == component]

    def _emissions(self, shot: Shot) -> list[dict[str, float]]:
        """How much of each symbol every source of a shot emits."""
        known = self._kinds
        out = []
        for kind in shot.kinds or (self.physics.kind or next(iter(known)),) * len(shot.sources):
            total: dict[str, float] = {}
            for name, weight in ({kind: 1.0} if isinstance(kind, str) else kind).items():
                if name not in known:
                    raise _lacking(self.physics, "kind of source", name, known, self.grid)
                for symbol, share in known[name].emits.items():
                    total[symbol] = total.get(symbol, 0.0) + weight * share
            out.append({symbol: share for symbol, share in total.items() if share})
        return out

    def _emitting(self, shot: Shot, symbol: str) -> list[tuple[int, float]]:
        """Sources of a shot that emit a symbol, and how much of it."""
        return [(k, kind[symbol]) for k, kind in enumerate(self._emissions(shot)) if symbol in kind]

    @cached_property
    def _kinds(self) -> dict[str, Kind]:
        return self.physics.sources(self.grid.axes)


def _in_time(recorded: Tensor, component: Component, clock: Clock, delay: float) -> Tensor:
    """Return a record [shot, receiver, step] on the samples of the data, integrated or differentiated if asked for.

    Sums and differences over steps are exact, since time dispersion is removed from what they give.
    """
    if component.rate < 0:
        recorded, delay = recorded.cumsum(-1) * clock.step, delay + 0.5
    elif component.rate > 0:
        recorded, delay = torch.diff(recorded, prepend=torch.zeros_like(recorded[..., :1])) / clock.step, delay - 0.5
    return clock.to_data(recorded, delay)


def _lacking(physics: Physics, what: str, name: str, known: Mapping[str, Any], grid: Grid) -> ConfigError:
    """The error of a name that a wave equation does not know: what it has, and who has that name."""
    near = difflib.get_close_matches(name, known, 1)
    others = sorted(other().name for other in _others(physics) if name in _names(other(), what, grid))
    remedy = [f"did you mean {near[0]!r}?"] if near else []
    remedy += [f"use one of these: {', '.join(known)}"]
    remedy += [f"or a wave equation that has it: {', '.join(others)}"] if others else []
    return ConfigError(f"{physics.name} has no {what} {name!r}", remedy="; ".join(remedy))


def _others(physics: Physics) -> Iterable[type[Physics]]:
    return [cls for cls in registry.concrete(Physics) if cls is not type(physics)]  # type: ignore[type-abstract]


def _names(physics: Physics, what: str, grid: Grid) -> Iterable[str]:
    try:
        return physics.components(grid.axes) if what == "component" else physics.sources(grid.axes)
    except ValueError:  # not on these axes
        return ()
