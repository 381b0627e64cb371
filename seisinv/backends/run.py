"""One shot's fields in memory, and the compiled programs run over them."""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from seisinv.backends.base import ShotPoints
from seisinv.backends.buffers import POOL
from seisinv.backends.compile import load
from seisinv.backends.frame import Frame, I, PointsArrays, PointsStruct, TeamStruct
from seisinv.backends.printer import print_library
from seisinv.backends.work import note
from seisinv.core.errors import StabilityError
from seisinv.symbolic import Derived, Program

FAMILIES = {"first": ("forward", "taped", "adjoint"), "second": ("born", "born_taped", "second")}


class Library:
    """The compiled programs of one family."""

    def __init__(self, programs: Mapping[str, Program], pitch: int, dtype: torch.dtype) -> None:
        source, self.arrays, self.symbols = print_library(dict(programs))
        self.programs = dict(programs)
        self.number = {n: k for k, n in enumerate(programs)}
        ndim = next(iter(programs.values())).ndim
        real = "float" if dtype == torch.float32 else "double"
        self.code = load(source, (f"R={real}", f"S{ndim - 2}={pitch}"))
        self.code.run.restype = I
        self.code.state.restype = I


LOADING = threading.Lock()


def library(derived: Derived, family: str, pitch: int, dtype: torch.dtype) -> Library:
    """Return the compiled programs of a family, from memory, from the disk, or from the compiler."""
    with LOADING:
        return _library(derived, family, pitch, dtype)


@lru_cache(maxsize=64)
def _library(derived: Derived, family: str, pitch: int, dtype: torch.dtype) -> Library:
    return Library({n: getattr(derived, n) for n in FAMILIES[family]}, pitch, dtype)


@dataclass(frozen=True)
class Kept:
    """What the forward run of one shot leaves for its gradient: checkpoints by segment, or the whole tape."""

    segment: int
    checkpoints: list[np.ndarray]
    tape: np.ndarray | None

    def __del__(self) -> None:
        for array in [*self.checkpoints, *([] if self.tape is None else [self.tape])]:
            POOL.give(array)


class Run:
    """One shot in flight: fields zeroed at the start, buffers given back at the end."""

    def __init__(
        self,
        code: Library,
        frame: Frame,
        *,
        shot: ShotPoints,
        courant: float,
        planes: Mapping[str, np.ndarray],
        profiles: Mapping[str, np.ndarray],
        io: Mapping[str, Tensor],
        team: int,
    ) -> None:
        self.code, self.frame, self.shot, self.team, self.courant = code, frame, shot, team, courant
        self.steps = len(next(iter(io.values())))
        self.own: dict[str, np.ndarray] = {}
        self.pointers = (ctypes.c_void_p * len(code.arrays))()
        tapes = {t for p in code.programs.values() for t in p.tape}
        memory = {f: axis for p in code.programs.values() for f, axis in p.memory.items()}
        for k, name in enumerate(code.arrays):
            if name in profiles:
                self.pointers[k] = profiles[name].ctypes.data + frame.lead * frame.real.itemsize
            elif name in planes:
                self.pointers[k] = self._first_cell(planes[name])
            elif name not in tapes:
                self.own[name] = frame.cleared(POOL.take(frame.size, frame.real), memory.get(name))
                self.pointers[k] = self._first_cell(self.own[name])
        self.io = (ctypes.c_void_p * len(code.symbols))(*(io[s].data_ptr() if s in io else 0 for s in code.symbols))
        widths = {w: io[s].shape[1] for p in code.programs.values() for s, w in p.points.items() if s in io}
        self.sets = [PointsArrays(shot[w], frame, widths[w]) for w in sorted(widths)]
        self.points = (PointsStruct * len(self.sets))(*(s.struct for s in self.sets))

    def _first_cell(self, plane: np.ndarray) -> int:
        return plane.ctypes.data + self.frame.origin * self.frame.real.itemsize

    def advance(self, program: str, t0: int, t1: int, tape: np.ndarray | None = None, *, again: bool = False) -> None:
        """Run the steps t0 … t1 − 1 of a program; `again` if they have been run before.

        Raises
        ------
        StabilityError
            If the wavefield is no longer finite.
        """
        team = TeamStruct(count=self.team, bad=-1)
        arguments = (
            self.code.number[program], self.pointers, ctypes.byref(self.frame.struct), self.points, self.io,
            ctypes.c_void_p(0 if tape is None else tape.ctypes.data), I(t0), I(t1), ctypes.byref(team),
        )  # fmt: skip
        if self.team == 1:
            bad = self.code.code.run(*arguments, 0)
        else:
            with ThreadPoolExecutor(self.team - 1) as pool:
                others = [pool.submit(self.code.code.run, *arguments, k) for k in range(1, self.team)]
                bad = self.code.code.run(*arguments, 0)
                for other in others:
                    other.result()
        note(program, t1 - t0, of=self.steps, again=again)
        if bad >= 0:
            raise StabilityError(
                f"shot {self.shot.number}: the wavefield is not finite at solver step {bad} (Courant number "
                f"{self.courant:.3f}, {program} run); check the model and the wavelet for extreme values, or force a "
                "smaller step"
            )

    def record(
        self, plain: str, taped: str, steps: int, segment: int, *, last: bool = False, again: bool = False
    ) -> Kept:
        """Run forward and keep what the adjoint needs; with `last` also the tape of the last of several segments."""
        program = self.code.programs[taped]
        starts = range(0, steps, segment)
        checkpoints = []
        tape = None
        if len(starts) == 1 or last:
            tape = self.tape(program, min(segment, steps))
        for t0 in starts:
            t1 = min(t0 + segment, steps)
            if len(starts) > 1:
                checkpoints.append(self._state(program))
            if t1 == steps and tape is not None:
                self.advance(taped, t0, t1, tape, again=again)
            else:
                self.advance(plain, t0, t1, again=again)
        return Kept(segment, checkpoints, tape)

    def reverse(self, taped: str, adjoint: str, steps: int, kept: Kept) -> None:
        """Run the adjoint from the last step to the first, repeating segments from their checkpoints."""
        program = self.code.programs[taped]
        tape = kept.tape
        scratch = tape if tape is not None else self.tape(program, kept.segment)
        for k in reversed(range(math.ceil(steps / kept.segment))):
            t0, t1 = k * kept.segment, min((k + 1) * kept.segment, steps)
            if t1 < steps or tape is None:
                self._state(program, kept.checkpoints[k])
                self.advance(taped, t0, t1, scratch, again=True)
            self.advance(adjoint, t0, t1, scratch)
        if tape is None:
            POOL.give(scratch)

    def tape(self, program: Program, steps: int) -> np.ndarray:
        """Return room for the tape of some steps."""
        return POOL.take(self.frame.size * len(program.tape) * steps, self.frame.real)

    def _state(self, program: Program, saved: np.ndarray | None = None) -> np.ndarray:
        """Save the state into a new buffer, or restore it from one."""
        index = np.array([self.code.arrays.index(f) for f in program.fields], np.int64)
        axis = np.array([program.memory.get(f, -1) for f in program.fields], np.int64)
        fixed = (
            self.pointers, ctypes.byref(self.frame.struct), ctypes.c_void_p(index.ctypes.data),
            ctypes.c_void_p(axis.ctypes.data), I(len(index)),
        )  # fmt: skip
        buffer = saved
        if buffer is None:
            buffer = POOL.take(self.code.code.state(*fixed, None, 0), self.frame.real)
        self.code.code.state(*fixed, ctypes.c_void_p(buffer.ctypes.data), int(saved is not None))
        return buffer

    def keep(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Hand over accumulators; the caller gives them back to the pool."""
        return {n: self.own.pop(n) for n in names}

    def close(self) -> None:
        """Give every buffer back."""
        for array in self.own.values():
            POOL.give(array)
        self.own.clear()
