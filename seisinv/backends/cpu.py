"""The compiled backend: derived programs as C, shots or slabs of one grid across threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from seisinv.backends.base import Backend, Data, Inputs, MemoryCost, Setup, ShotPoints
from seisinv.backends.buffers import POOL
from seisinv.backends.frame import VECTOR, Frame
from seisinv.backends.run import Kept, Run, library
from seisinv.symbolic import Program
from seisinv.symbolic.linearise import tangent_name
from seisinv.symbolic.program import Profile
from seisinv.symbolic.transpose import adjoint_name

Result = TypeVar("Result")
CACHE = 4 << 20  # bytes of one shot's fields up to which each thread does shots of its own


class Cpu(Backend):
    """Compiled programs on one layout."""

    def __init__(self, setup: Setup) -> None:
        self.derived, self.dtype, self.setup = setup.derived, setup.dtype, setup
        forward = setup.derived.forward
        self.closure = forward.closure if setup.layout.free_surface else None
        self.frame = Frame(setup.layout, forward.reach, setup.dtype)
        self.threads = setup.threads or torch.get_num_threads()
        self.profiles = {n: self._profile(v, forward.profiles[n]) for n, v in setup.profiles.items()}

    def forward(self, shots: Sequence[ShotPoints], at: Inputs, *, keep: bool) -> tuple[Data, object]:
        """Run every shot; with `keep`, leave tapes or checkpoints as the memory strategy says."""
        steps = at.steps
        data = self._records(shots, steps)
        segment = self._segment(shots, steps) if keep else 0

        with self._planes(at) as planes:

            def one(k: int) -> Kept | None:
                with self._run("first", shots, k, planes, _of(k, str, at.amplitudes, data)) as run:
                    if keep:
                        return run.record("forward", "taped", steps, segment)
                    run.advance("forward", 0, steps)
                    return None

            kept = list(self._each(len(shots), one))
        return data, kept if keep else None

    def gradient(self, shots: Sequence[ShotPoints], at: Inputs, data_bar: Data, *, kept: object) -> Inputs:
        """Run the adjoint of every shot, after its forward run where nothing was kept."""
        steps = at.steps
        source_bar = _zeros_like(at.amplitudes)

        def one(run: Run, k: int) -> None:
            mine = kept[k] if isinstance(kept, list) else None
            if mine is not None:
                run.reverse("taped", "adjoint", steps, mine)
                return
            segment = self._segment([shots[k]], steps)
            fresh = run.record("forward", "taped", steps, segment, last=True, again=True)
            run.reverse("taped", "adjoint", steps, fresh)

        def io(k: int) -> dict[str, Tensor]:
            return _of(k, str, at.amplitudes) | _of(k, adjoint_name, data_bar, source_bar)

        with self._planes(at) as planes:
            out = self._summed("first", self.derived.adjoint, shots, planes, io, one, str)
        return Inputs(out, source_bar)

    def born(self, shots: Sequence[ShotPoints], at: Inputs, along: Inputs) -> Data:
        """Run every shot together with its perturbation."""
        steps = at.steps
        change = self._records(shots, steps)

        with self._planes(at) as base, self._planes(along, tangent_name) as tangents:

            def one(k: int) -> None:
                with self._run("second", shots, k, base | tangents, _perturbed(k, at, along, change)) as run:
                    run.advance("born", 0, steps)

            list(self._each(len(shots), one))
        return change

    def second(
        self, shots: Sequence[ShotPoints], at: Inputs, along: Inputs, data_bar: Data, data_bar_along: Data
    ) -> tuple[Inputs, Data]:
        """Run the Born program and the linearised adjoint of every shot."""
        steps = at.steps
        change = self._records(shots, steps)
        source_bar, source_bar_along = _zeros_like(at.amplitudes), _zeros_like(at.amplitudes)

        def one(run: Run, k: int) -> None:
            kept = run.record("born", "born_taped", steps, self._segment([shots[k]], steps), last=True)
            run.reverse("born_taped", "second", steps, kept)

        def io(k: int) -> dict[str, Tensor]:
            bars = _of(k, adjoint_name, data_bar, source_bar)
            changes = _of(k, lambda n: tangent_name(adjoint_name(n)), data_bar_along, source_bar_along)
            return _perturbed(k, at, along, change) | bars | changes

        with self._planes(at) as base, self._planes(along, tangent_name) as tangents:
            out = self._summed("second", self.derived.second, shots, base | tangents, io, one, tangent_name)
        return Inputs(out, source_bar_along), change

    def cost(self) -> MemoryCost:
        """Return the bytes of a checkpoint and of one step's tape, for one shot."""
        program, item = self.derived.taped, self.frame.real.itemsize
        g = self.frame.struct
        cells = [g.n[k] for k in range(program.ndim)]
        values = 0
        for f in program.fields:
            axis = program.memory.get(f)
            values += int(np.prod([(g.a[k] + g.n[k] - g.b[k]) if k == axis else n for k, n in enumerate(cells)]))
        return MemoryCost(values * item, len(program.tape) * self.frame.size * item)

    def _records(self, shots: Sequence[ShotPoints], steps: int) -> dict[str, Tensor]:
        """Return zeros [shot, step, receiver] by record, wide enough for the largest shot."""
        forward = self.derived.forward
        widths = {n: max(shot[forward.points[n]].count for shot in shots) for n in forward.records}
        return {n: torch.zeros(len(shots), steps, width, dtype=self.dtype) for n, width in widths.items()}

    def _segment(self, shots: Sequence[ShotPoints], steps: int) -> int:
        return self.setup.memory.segment(steps, len(shots), self.cost())

    def _profile(self, values: np.ndarray, profile: Profile) -> np.ndarray:
        """A profile with room for stencils on both sides; above a free surface its mirror image, as of any array.

        The adjoint's stencils read it together with the field that it multiplies.
        """
        n, lead = values.size, self.frame.lead
        out = np.zeros(n + 2 * lead + VECTOR, self.frame.real)
        out[lead : lead + n] = values.reshape(-1)
        if profile.axis == 0 and self.frame.layout.free_surface:
            first = lead + (0 if profile.half else 1)
            out[:lead] = out[first : first + lead][::-1]
        return out

    @contextmanager
    def _planes(self, at: Inputs, rename: Callable[[str], str] = str) -> Iterator[dict[str, np.ndarray]]:
        """Coefficients as planes with a halo, while they are needed."""
        out = {}
        for n, value in at.coefficients.items():
            plane = POOL.take(self.frame.size, self.frame.real)
            plane[:] = 0
            self.frame.inside(plane)[...] = value.detach().numpy()
            out[rename(n)] = plane
        try:
            yield out
        finally:
            for plane in out.values():
                POOL.give(plane)

    def _summed(
        self,
        family: str,
        program: Program,
        shots: Sequence[ShotPoints],
        planes: Mapping[str, np.ndarray],
        io: Callable[[int], dict[str, Tensor]],
        one: Callable[[Run, int], None],
        rename: Callable[[str], str],
    ) -> dict[str, Tensor]:
        """Do all shots and return the sums of their accumulators as true gradients by coefficient."""
        names = {c: rename(adjoint_name(c)) for c in self.derived.forward.coefficients}

        def sums(k: int) -> dict[str, np.ndarray]:
            with self._run(family, shots, k, planes, io(k)) as run:
                one(run, k)
                return run.keep(list(names.values()))

        total: dict[str, np.ndarray] = {}
        for shot in self._each(len(shots), sums):
            for n, value in shot.items():
                if n in total:
                    total[n] += value
                    POOL.give(value)
                else:
                    total[n] = value
        out = {}
        for c, name in names.items():
            value = self.frame.inside(total[name])
            if name in program.scale:
                value = value / self.frame.inside(planes[program.scale[name]])
            if self.closure is not None:
                rows = self.closure.mass(np.arange(len(value)), half=0 in program.place[name])
                value = value * rows.reshape(-1, *[1] * (value.ndim - 1)).astype(value.dtype)
            out[c] = torch.from_numpy(np.array(value))
            POOL.give(total[name])
        return out

    def _each(self, count: int, one: Callable[[int], Result]) -> Iterator[Result]:
        """Do all shots, side by side if there are enough; results in order, so that sums do not depend on timing."""
        if count == 1 or self.threads == 1 or self._team(count) > 1:
            yield from map(one, range(count))
            return
        with ThreadPoolExecutor(self.threads) as pool:
            yield from pool.map(one, range(count))

    def _team(self, shots: int) -> int:
        """How many threads share a shot's grid: all, where shots are fewer than threads or too large for the caches."""
        program = self.derived.forward
        planes = len(program.fields) - len(program.memory) + len(program.coefficients)
        fits = planes * self.frame.size * self.frame.real.itemsize <= CACHE
        rows = self.frame.layout.shape[0] // (2 * self.frame.reach + 2)
        return 1 if shots >= self.threads and fits else max(1, min(self.threads, rows))

    def _run(
        self, family: str, shots: Sequence[ShotPoints], k: int, planes: Mapping[str, np.ndarray], io: dict[str, Tensor]
    ) -> closing[Run]:
        code = library(self.derived, family, self.frame.pitch, self.dtype)
        run = Run(
            code, self.frame, shot=shots[k], courant=self.setup.courant, planes=planes, profiles=self.profiles, io=io,
            team=self._team(len(shots)),
        )  # fmt: skip
        return closing(run)


def _of(k: int, rename: Callable[[str], str], *tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What shot k reads and writes at points, by the name in its programs."""
    return {rename(n): v[k] for named in tensors for n, v in named.items()}


def _perturbed(k: int, at: Inputs, along: Inputs, change: Data) -> dict[str, Tensor]:
    """What a Born program of shot k reads and writes at points."""
    return _of(k, str, at.amplitudes) | _of(k, tangent_name, along.amplitudes, change)


def _zeros_like(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: torch.zeros_like(v) for n, v in tensors.items()}
