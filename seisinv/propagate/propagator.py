"""The simulator that users call: a model in, gathers out, differentiable as any torch function."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from seisinv.backends import BACKENDS, Backend, Layout, Points, Setup, ShotPoints
from seisinv.core import (
    Argument,
    ConfigError,
    DataError,
    Gathers,
    Grid,
    Message,
    Model,
    ModelError,
    StabilityError,
    Survey,
)
from seisinv.core.identity import SPEED_ONLY
from seisinv.physics import Physics
from seisinv.propagate.acquisition import Acquisition
from seisinv.propagate.autograd import Simulate, Simulation
from seisinv.propagate.boundary import Boundary, dominant_frequency
from seisinv.propagate.memory import Automatic, GradientMemory, Memory
from seisinv.propagate.resample import Clock, choose_step
from seisinv.propagate.sampling import ONE_SIDED, sample_points
from seisinv.symbolic import Derived, Equation, Poly, derive, dispersion, stable_step
from seisinv.symbolic.closure import closure
from seisinv.symbolic.scales import Scales, early, scaling

VP_MAX = Argument("propagator.vp_max")
SAFETY = 0.9  # of the stable step; absorbing layers and strong contrasts need a little room


@dataclass(frozen=True)
class Propagator:
    """Simulates a survey.

    Parameters
    ----------
    physics : Physics
        The wave equation: ``Acoustic()``, ``AcousticDensity()``, ``Elastic()``, ``ElasticSH()``, or one of your own.
    grid : Grid
        The model's grid; absorbing layers are added outside.
    survey : Survey
        Shots, record times and, unless each call passes its own, the source time functions.
    order : int
        Even order of the differences in space.
    boundary : Boundary
        Width of the absorbing layers; free surface on top or not.
    vp_max : float, m/s, optional
        Fastest velocity for which the solver's step is chosen; set it to the upper bound of an inversion so that the
        step does not depend on the model.  By default the model's maximum.
    step : float, s, optional
        Solver step, if it must be forced; refused above the stability limit.
    memory : Memory
        ``StoreAll()``, ``Checkpointed()`` or ``Automatic(budget)``; how gradients remember the forward run.
    backend : {"c", "reference"}
        Compiled kernels, or torch operations one by one: a key of `seisinv.backends.BACKENDS`.
    threads : int, optional
        By default torch's number of threads.  Shots run side by side where there are at least as many as threads, else
        each grid is shared.

    Raises
    ------
    GeometryError
        If a source or receiver lies outside the grid.
    ConfigError
        If another argument cannot work.

    Examples
    --------
    >>> import seisinv as si
    >>> grid = si.Grid((41, 61), 10.0)
    >>> survey = si.Survey.surface(sources=si.line(300, 300, every=1, depth=20), wavelet=si.ricker(15),
    ...                            receivers=si.line(0, 600, every=20, depth=20), duration=0.4, dt=2e-3)
    >>> si.Propagator(si.Acoustic(), grid, survey)(si.Model(grid, vp=2000.0)).data.shape
    torch.Size([1, 31, 201])
    """

    physics: Physics
    grid: Grid
    survey: Survey
    order: int = 8
    boundary: Boundary = dataclasses.field(default_factory=Boundary)
    vp_max: float | None = None
    step: float | None = None
    memory: Memory = dataclasses.field(default_factory=Automatic, metadata=SPEED_ONLY)
    backend: str = "c"
    threads: int | None = dataclasses.field(default=None, metadata=SPEED_ONLY)

    def __post_init__(self) -> None:
        if not isinstance(self.physics, Physics):
            raise ConfigError(f"physics is {self.physics!r}; pass an instance, for example si.Acoustic()")
        if self.order % 2 or not 2 <= self.order <= 12:
            raise ConfigError(f"order is {self.order}; it must be an even number from 2 to 12")
        if self.backend not in BACKENDS:
            raise ConfigError(f"backend is {self.backend!r}; it must be {' or '.join(map(repr, BACKENDS))}")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads is {self.threads}; at least 1 is needed")
        self.survey.check_inside(self.grid)
        self._check_rows()
        # Once: a propagator of some of the shots has the same layers.
        object.__setattr__(self, "boundary", self.boundary.of_survey(self.grid, self.survey))
        _ = self._points  # here, since what the physics lacks is refused before any work
        _ = self._frequency  # here, since the numbers of a tensor cannot be read inside a torch.func transform

    def __call__(self, model: Model, wavelet: Tensor | None = None) -> Gathers:
        """Simulate all shots.

        Parameters
        ----------
        model : Model
            Its tensors may require gradients; the computation has their dtype.
        wavelet : tensor [time] or [shot, source, time], optional
            Source time functions on ``survey.source_time`` in place of the survey's own.

        Returns
        -------
        Gathers
            data [shot, receiver, time], in the unit of what each receiver measures (pressure: Pa) per unit of the
            source.

        Raises
        ------
        ModelError
            If a parameter is missing or the grid is another one.
        DataError
            If there is no wavelet.
        StabilityError
            If the step is too long, or the wavefield is not finite.
        """
        if not isinstance(model, Model):
            raise ModelError(f"the model is a {type(model).__name__}; pass a Model, for example si.Model(grid, vp=…)")
        survey = self.survey if wavelet is None else self.survey.replace(wavelet=wavelet)
        if survey.wavelet is None:
            raise DataError("the survey has no wavelet; pass one, for example survey.with_wavelet(si.ricker(8))")
        values = self.parameters(model)
        clock = self.clock(model)
        coefficients = self.coefficients(values, clock.step)
        points = self._points
        amplitudes = points.amplitudes(survey, clock, self._dtype(model))
        inputs = (*coefficients.values(), *amplitudes.values())
        keep = torch.is_grad_enabled() and any(t.requires_grad for t in inputs)
        records = self.derived.forward.records
        job = Simulation(
            self._backend(model, clock.step), self._shots, [*coefficients], [*amplitudes], records, keep=keep
        )
        return Gathers(points.gathered(Simulate.apply(job, *inputs), clock), self.survey)

    def _check_rows(self) -> None:
        """Raise ConfigError if the differences at a one-sided free surface do not fit above the layer at the bottom."""
        one_sided = any(e.rate.field.parity == 0 for e in self._equations)
        if self.boundary.free_surface and one_sided:
            rows, reads = closure(self.order).up.shape
            needed = max(rows + self.order // 2, reads, ONE_SIDED)
            if self.grid.shape[0] < needed:
                raise ConfigError(
                    f"the grid has {self.grid.shape[0]} rows",
                    limit=f"differences of order {self.order} at a free surface of {self.physics.name} need {needed}",
                    remedy="make the grid deeper, lower order, or leave the free surface out",
                )

    def subset(self, shots: Sequence[int]) -> Propagator:
        """Return the propagator of some of the shots."""
        return self.replace(survey=self.survey.subset(shots))

    def replace(self, **changes: object) -> Propagator:
        """Return a copy with some settings changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def parameters(self, model: Model) -> dict[str, Tensor]:
        """Return the parameters of a model that the physics needs, continued into the absorbing layers.

        Raises
        ------
        ModelError
            If the model is on another grid or lacks a parameter.
        """
        if model.grid != self.grid:
            raise ModelError(f"the model's grid {model.grid} differs from the propagator's {self.grid}")
        lacking = [n for n in self.physics.parameters if n not in model.parameters]
        if lacking:
            raise ModelError(
                f"the model lacks {' and '.join(lacking)}; it has {', '.join(model)}: pass {lacking[0]}=… to Model"
            )
        return {n: self.boundary.extend(model[n], self.layout, self.grid.axes) for n in self.physics.parameters}

    def coefficients(self, values: Mapping[str, Tensor], step: float) -> dict[str, Tensor]:
        """Return the program's coefficients from values of the parameters, in units of its step and spacing."""
        physical = self.physics.coefficients(values, self.grid.axes)
        if self.boundary.free_surface:
            changed = self.physics.surface({n: c[:1] for n, c in physical.items()})
            physical |= {n: torch.cat([row, physical[n][1:]]) for n, row in changed.items()}
        return self._in_steps(physical, step)

    def _in_steps(self, physical: Mapping[str, Tensor], step: float) -> dict[str, Tensor]:
        spacing = self.grid.spacing[-1]
        return {n: physical[n] * self._scales.factor(n, step, spacing) for n in sorted(physical)}

    def clock(self, model: Model) -> Clock:
        """Return the solver's time steps for a model.

        Raises
        ------
        StabilityError
            If the propagator's own step exceeds the stability limit of the model.
        """
        limit = self.stable_step(model)
        time = self.survey.time
        if self.step is None:
            step = choose_step(time.step, SAFETY * limit)
        elif self.step > limit:
            raise StabilityError(
                f"step is {self.step * 1e3:g} ms; the stability limit at {self._speed(model):g} m/s is "
                f"{limit * 1e3:.3g} ms: leave step out, or use a larger spacing"
            )
        else:
            step = self.step
        return Clock(time, self.survey.source_time, step)

    def stable_step(self, model: Model) -> float:
        """Return the largest stable step for the fastest wave in a model, from the program's own symbol, s."""
        coefficients = self._medium(model, *self._fastest(model))
        guess = min(self.grid.spacing) / self._speed(model)
        return _stable_step(self.derived, tuple(self._scales.time.items()), guess, coefficients)

    def dispersion(self, model: Model, frequency: float) -> float:
        """Return the worst relative error of the phase velocity at `frequency` (Hz) where a model's waves are slowest.

        From the program's own symbol, along the axes and the diagonal; time stepping adds none (see `resample.py`).
        """
        slowest, node = _extreme(self.physics.speeds(model.parameters)[0], torch.argmin)
        coefficients = self._medium(model, slowest, node)
        short = 1e-2  # of the step spacing/speed: only the error of space is left
        at = {n: c * short ** self._scales.time[n] for n, c in coefficients}
        spacing, turn = np.array(self.grid.spacing), 2 * math.pi * frequency / slowest
        ways = [*np.eye(self.grid.ndim), np.ones(self.grid.ndim) / math.sqrt(self.grid.ndim)]
        phase = turn * short * min(self.grid.spacing)
        errors = [dispersion(self.derived.forward, at, turn * way * spacing, phase) for way in ways]
        return max(errors, key=abs)

    def gradient_memory(self, model: Model, *, shots: int = 1) -> GradientMemory:
        """Return how a gradient of some shots remembers their forward runs, and the memory that this takes.

        Parameters
        ----------
        model : Model
            Its wave speeds decide on the number of steps.
        shots : int
            Number of shots whose gradient is computed at once.

        Returns
        -------
        GradientMemory
            Bytes, number of solver steps, and steps between checkpoints.
        """
        clock = self.clock(model)
        cost = self._backend(model, clock.step).cost()
        segment = self.memory.segment(clock.steps, shots, cost)
        keeps_all = segment >= clock.steps
        together = shots if keeps_all else min(shots, self.threads or torch.get_num_threads())
        needed = together * self.memory.bytes_needed(segment, clock.steps, cost)
        return GradientMemory(needed, clock.steps, None if keeps_all else segment)

    @cached_property
    def layout(self) -> Layout:
        """The padded grid."""
        return self.boundary.layout(self.grid)

    @cached_property
    def derived(self) -> Derived:
        """The programs."""
        ratios = tuple(round(self.grid.spacing[-1] / h, 12) for h in self.grid.spacing)
        points = self._points
        records = tuple((name, c.of) for name, c in points.heard.items())
        return _derive(
            self._equations,
            self.grid.axes,
            self.order,
            records,
            ratios,
            points.emitted,
            self.physics.vanishing,
            self.physics.damping[2] > 0,
        )

    @cached_property
    def _equations(self) -> tuple[Equation, ...]:
        return tuple(self.physics.equations(self.grid.axes))

    @cached_property
    def _scales(self) -> Scales:
        return scaling(self._equations)

    @cached_property
    def _points(self) -> Acquisition:
        return Acquisition(self.physics, self.grid, self.survey, self._scales, early(self._equations))

    def _fastest(self, model: Model) -> tuple[float, int]:
        """The speed of the fastest wave, m/s, and the node where it is."""
        return _extreme(self.physics.speeds(model.parameters)[1], torch.argmax)

    def _medium(self, model: Model, speed: float, node: int) -> tuple[tuple[str, float], ...]:
        """The program's coefficients for the rock at a node and the step spacing/speed.

        They depend on ratios of speeds only.  They are rounded, so that rock that is only faster has the same.
        """
        rock = {n: v.detach().reshape(-1)[node].double().expand((2,) * v.ndim) for n, v in model.parameters.items()}
        coefficients = self._in_steps(self.physics.coefficients(rock, self.grid.axes), min(self.grid.spacing) / speed)
        return tuple((n, float(f"{float(c.reshape(-1)[0]):.10g}")) for n, c in coefficients.items())

    def _speed(self, model: Model) -> float:
        """The speed for which the step is chosen, m/s."""
        fastest, _ = self._fastest(model)
        if self.vp_max is None:
            return fastest
        if fastest > self.vp_max * (1 + 1e-6):
            raise StabilityError(
                Message(f"the model reaches {fastest:g} m/s but ", VP_MAX, f" is {self.vp_max:g} m/s"),
                argument=VP_MAX,
                value=self.vp_max,
                unit="m/s",
                remedy=Message("raise ", VP_MAX, " or leave it out"),
            )
        return self.vp_max

    @cached_property
    def _frequency(self) -> float:
        """Dominant frequency of the survey's wavelet, for the absorbing layers, Hz."""
        step = self.survey.time.step
        return dominant_frequency(self.survey.wavelet, step, fallback=0.05 / step)

    def _dtype(self, model: Model) -> torch.dtype:
        return model[self.physics.parameters[0]].dtype

    def _backend(self, model: Model, step: float) -> Backend:
        speed = self._speed(model)
        profiles = self.boundary.profiles(
            self.derived.forward.profiles,
            grid=self.grid, layout=self.layout, speed=speed, frequency=self._frequency, step=step,
            damping=self.physics.damping,
        )  # fmt: skip
        courant = speed * step / min(self.grid.spacing)
        setup = (self.derived, self.layout, profiles, self._dtype(model), self.memory, self.threads, courant)
        return BACKENDS[self.backend](Setup(*setup))

    @cached_property
    def _shots(self) -> list[ShotPoints]:
        program = self.derived.forward
        closure = program.closure if self.boundary.free_surface else None
        cache: dict[tuple[str, bytes], Points] = {}

        def points(name: str, positions: np.ndarray) -> Points:
            key = (name, positions.tobytes())
            if key not in cache:
                cache[key] = sample_points(
                    positions,
                    grid=self.grid, layout=self.layout, place=program.place[name], parity=program.parity[name],
                    closure=closure,
                )  # fmt: skip
            return cache[key]

        return [
            ShotPoints({program.points[n]: points(n, at) for n, at in self._points.places(s).items()}, s.number)
            for s in self.survey.shots
        ]


def _extreme(speeds: Tensor, which: Callable[[Tensor], Tensor]) -> tuple[float, int]:
    """Return a speed, and the node where it is."""
    node = int(which(speeds))
    return float(speeds.detach().reshape(-1)[node]), node


@lru_cache(maxsize=32)
def _derive(
    equations: tuple[Equation, ...],
    axes: tuple[str, ...],
    order: int,
    records: tuple[tuple[str, Poly], ...],
    ratios: tuple[float, ...],
    emits: tuple[str, ...],
    vanishing: tuple[str, ...],
    drag: bool,
) -> Derived:
    return derive(
        equations,
        axes,
        order=order,
        records=dict(records),
        ratios=ratios,
        emits=emits,
        vanishing=vanishing,
        drag=drag,
    )


@lru_cache(maxsize=64)
def _stable_step(
    derived: Derived, time: tuple[tuple[str, int], ...], guess: float, coefficients: tuple[tuple[str, float], ...]
) -> float:
    """Return the limit, s, where the coefficients are those of the step `guess`."""

    def at(step: float) -> dict[str, float]:
        return {n: c * (step / guess) ** dict(time)[n] for n, c in coefficients}

    return stable_step(derived.forward, at, guess)
