"""Compile C at first use, load it, and keep the library in the user's cache directory.

Compiler: ``$SEISINV_CC``, else the system's ``cc``, else the compiler in the ``ziglang`` wheel.  The cache is
``$SEISINV_CACHE`` or the platform's cache directory; a library's name is the hash of source, flags, compiler and CPU.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from seisinv.core.errors import KernelError

log = logging.getLogger(__name__)

FLAGS = (
    "-std=gnu11",
    "-O3",
    "-march=native",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-shared",
    "-fPIC",
    "-w",
)


@lru_cache(maxsize=1)
def find_compiler() -> tuple[str, ...]:
    """Return the command of a C compiler.

    Raises
    ------
    KernelError
        If there is none.
    """
    chosen = os.environ.get("SEISINV_CC")
    if chosen:
        command = tuple(shlex.split(chosen))
        if shutil.which(command[0]) is None:
            raise KernelError(f"SEISINV_CC is {chosen!r}, which is not an executable; unset it or name a C compiler")
        return command
    for name in ("cc", "gcc", "clang"):
        found = shutil.which(name)
        if found:
            return (found,)
    try:
        version("ziglang")
    except PackageNotFoundError:
        raise KernelError("no C compiler was found; pip install ziglang, or set SEISINV_CC") from None
    return (sys.executable, "-m", "ziglang", "cc")


def cache_directory() -> Path:
    """Return the directory of compiled kernels, made if need be; a temporary one if it cannot be written."""
    from platformdirs import user_cache_path

    path = Path(os.environ.get("SEISINV_CACHE") or user_cache_path("seisinv", appauthor=False))
    try:
        path.mkdir(parents=True, exist_ok=True)
        if os.access(path, os.W_OK):
            return path
    except OSError:
        pass
    log.warning(
        "the cache directory %s cannot be written; every process compiles its kernels (set SEISINV_CACHE)", path
    )
    return Path(tempfile.mkdtemp(prefix="seisinv-"))


@lru_cache(maxsize=128)
def load(source: str, definitions: tuple[str, ...]) -> ctypes.CDLL:
    """Return the library compiled from `source` with ``-D`` definitions.

    Raises
    ------
    KernelError
        If the compiler fails; the message names the file of its output.
    """
    command = find_compiler()
    flags = [*FLAGS, *(f"-D{d}" for d in definitions)]
    key = hashlib.sha256("\0".join([source, *flags, *_identity(command)]).encode()).hexdigest()[:20]
    cache = cache_directory()
    library = cache / f"{key}.so"
    if not library.exists():
        _compile(command, flags, source, library)
    return ctypes.CDLL(str(library))


def _compile(command: tuple[str, ...], flags: list[str], source: str, library: Path) -> None:
    text = library.with_suffix(".c")
    handle, name = tempfile.mkstemp(suffix=".so", dir=library.parent)
    os.close(handle)
    draft = Path(name).with_suffix(".c")
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(library.parent / "zig")}
    try:
        draft.write_text(source)
        done = subprocess.run(
            [*command, *flags, "-o", name, str(draft), "-lm"], capture_output=True, text=True, env=environment
        )
        os.replace(draft, text)
        if done.returncode:
            report = library.with_suffix(".log")
            report.write_text(shlex.join([*command, *flags]) + "\n" + done.stderr)
            raise KernelError(
                f"{command[0]} failed to compile a kernel (exit code {done.returncode}); its output is in {report}"
            )
        os.replace(name, library)
    except OSError as error:
        raise KernelError(f"a kernel could not be compiled into {library.parent}: {error.strerror or error}") from error
    finally:
        for left in (Path(name), draft):
            left.unlink(missing_ok=True)


@lru_cache(maxsize=4)
def _identity(command: tuple[str, ...]) -> tuple[str, ...]:
    """What a library depends on beside its source: the compiler and the CPU."""
    path = Path(shutil.which(command[0]) or command[0]).resolve()
    stat = path.stat()
    compiler = [*command, str(stat.st_size), str(stat.st_mtime_ns)]
    if "ziglang" in command:
        compiler.append(version("ziglang"))
    cpu = [platform.machine(), platform.processor()]
    try:
        with open("/proc/cpuinfo") as lines:
            cpu += [line for line in lines if line.startswith(("model name", "flags", "Features"))][:2]
    except OSError:
        pass
    return (*compiler, *cpu)
