"""The layers of the package: imports go only downwards, and each layer knows no more than it needs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import seisinv

PACKAGE = Path(seisinv.__file__).parent

# What each folder may import of ours, besides itself; modules at the top level may import everything.
MAY_IMPORT = {
    "core": set(),
    "symbolic": set(),
    "physics": {"core", "symbolic"},
    "backends": {"core", "symbolic"},
    "propagate": {"core", "physics", "backends", "symbolic"},
    "misfit": {"core"},
    "priors": {"core"},
    "io": {"core"},
    "plot": {"core"},
    "surrogate": {"core", "physics", "symbolic"},
    "inversion": {"core", "propagate", "misfit", "priors", "surrogate"},
    "report": {"core", "inversion", "plot", "propagate"},
    "compare": {"core", "inversion", "plot", "propagate", "report"},
    "cli": {"core", "backends", "priors", "io", "plot", "report", "compare", "__version__"}
    | {"check", "comparison", "config", "demo", "fit", "forward", "job", "progress", "rehearsal", "runner", "start"},
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).parts
        if len(parts) > 1:
            yield parts[0], path


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """All modules a file imports, anywhere in it, with the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively; write seisinv.…"
            names = [f"{node.module}.{a.name}" for a in node.names] if node.module == "seisinv" else [node.module or ""]
            yield from ((node.lineno, name) for name in names)


def layer_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "seisinv" and len(parts) > 1 else None


def test_every_folder_has_a_place_in_the_layers() -> None:
    assert {layer for layer, _ in modules()} == set(MAY_IMPORT)


@pytest.mark.parametrize("layer", sorted(MAY_IMPORT))
def test_imports_go_downwards(layer: str) -> None:
    allowed = MAY_IMPORT[layer] | {layer}
    wrong = [
        f"{path.relative_to(PACKAGE)}:{number} imports {name}"
        for folder, path in modules()
        if folder == layer
        for number, name in imports(path)
        if name.split(".")[0] == "seisinv" and layer_of(name) not in allowed
    ]
    assert not wrong


def test_symbolic_never_imports_torch() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)}:{number}"
        for folder, path in modules()
        if folder == "symbolic"
        for number, name in imports(path)
        if name.split(".")[0] == "torch"
    ]
    assert not wrong


def test_nothing_is_printed() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not wrong, "use logging, or typer.echo in the command line"


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    """Importing the package must not load what only some commands need."""
    heavy = ("segyio", "obspy", "matplotlib", "jinja2", "scipy.optimize", "scipy.signal", "pydantic", "typer", "rich")
    code = f"import sys, seisinv; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
