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

# What each part of the package may import of ours, besides itself. A part is a folder, or a module at the top level.
ENGINE = {"core", "symbolic", "physics", "backends", "propagate"}
MAY_IMPORT = {
    "_deprecated": set(),
    "core": set(),
    "symbolic": set(),
    "physics": {"core", "symbolic"},
    "backends": {"core", "symbolic"},
    "propagate": {"core", "physics", "backends", "symbolic"},
    "testing": {"core", "physics", "propagate", "symbolic"},
    "io": {"core"},
    "plot": {"core"},
    "signal": {"core"},
    "misfit": {"core"},
    "metrics": {"core"},
    "geology": {"core"},
    "unknowns": {"core"},
    "traveltime": {"core", "signal"},
    "priors": {"core", "geology"},
    "synthetic": {"core", "physics", "propagate", "signal"},
    "spread": {"core"},
    "runs": {"core", "backends", "propagate", "signal", "spread"},
    "surrogate": ENGINE | {"signal", "traveltime"},
    "inversion": {"core", "propagate", "misfit", "metrics", "priors", "runs", "signal", "spread", "unknowns"},
    "reconstruction": {
        "core",
        "physics",
        "propagate",
        "metrics",
        "priors",
        "runs",
        "signal",
        "unknowns",
        "spread",
        "surrogate",
        "inversion",
    },
    "report": {"core", "plot", "runs", "metrics", "traveltime"},
    "compare": {"core", "propagate", "plot", "signal", "misfit", "metrics", "runs", "spread", "synthetic", "report"}
    | {"inversion", "reconstruction"},
    "jobs": ENGINE
    | {"io", "plot", "signal", "misfit", "metrics", "geology", "unknowns", "traveltime", "priors", "synthetic", "runs"}
    | {"spread", "surrogate", "inversion", "reconstruction", "report", "compare"},
    "cli": {"core", "backends", "physics", "priors", "io", "plot", "runs", "spread", "report", "compare", "jobs"}
    | {"__version__"},
}
FACES = {"__init__"}  # modules at the top level that show the package and may import all of it


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if part_of(path) not in FACES:
            yield part_of(path), path


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


def test_every_module_has_a_place_in_the_layers() -> None:
    assert {layer for layer, _ in modules()} == set(MAY_IMPORT)


def test_few_modules_lie_beside_the_folders() -> None:
    assert len([p for p in PACKAGE.glob("*.py") if part_of(p) not in FACES]) <= 2


def test_scripts_import_nothing_from_the_tests() -> None:
    helpers = {path.stem for path in Path(__file__).parent.glob("*.py")}
    for path in (PACKAGE.parent / "scripts").iterdir():
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if path.suffix == ".py" or text.startswith("#!/usr/bin/env python"):
            assert "sys.path" not in text, path
            assert not helpers & {name.split(".")[0] for _, name in imports(path)}, path


def test_layers_have_no_circles() -> None:
    assert not circles({layer: sorted(below) for layer, below in MAY_IMPORT.items()})


def test_files_have_no_import_circles() -> None:
    """Imports anywhere in a file count, those for type checkers and those inside functions too."""
    assert not circles(import_graph())


def import_graph() -> dict[str, list[str]]:
    """Files by module name, and the files each imports; `from package import name` is followed to the name's file."""
    files = {".".join(("seisinv", *p.relative_to(PACKAGE).with_suffix("").parts)): p for p in PACKAGE.rglob("*.py")}
    graph: dict[str, list[str]] = {}
    for name, path in files.items():
        found = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    found.add(whole if whole in files or f"{whole}.__init__" in files else str(node.module))
        named = {f if f in files else f"{f}.__init__" for f in found}
        # A package's face imports its files, which are nobody's circle: files of a package never import its face.
        graph[name] = sorted(n for n in named if n in files and n != name)
    return graph


def circles(graph: dict[str, list[str]]) -> list[tuple[str, ...]]:
    """Groups of nodes that lead back to themselves."""
    reach: dict[str, set[str]] = {}
    for start in graph:
        todo, seen = list(graph[start]), set()
        while todo:
            at = todo.pop()
            if at not in seen:
                seen.add(at)
                todo += graph.get(at, [])
        reach[start] = seen
    return sorted({tuple(sorted(b for b in reach[a] if a in reach.get(b, ()))) for a in graph if a in reach[a]})


@pytest.mark.parametrize("layer", sorted(MAY_IMPORT))
def test_imports_go_downwards(layer: str) -> None:
    allowed = MAY_IMPORT[layer] | {layer, "_deprecated"}
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
    heavy = (
        "segyio",
        "obspy",
        "matplotlib",
        "jinja2",
        "scipy.ndimage",
        "scipy.optimize",
        "scipy.signal",
        "pydantic",
        "typer",
        "rich",
    )
    code = f"import sys, seisinv; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
