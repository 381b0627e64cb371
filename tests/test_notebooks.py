"""Notebooks run from top to bottom."""

from __future__ import annotations

import json
import runpy
import warnings
from collections.abc import Iterable
from pathlib import Path

import pytest

from seisinv import plot
from seisinv.core import Grid, Model

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def run(sources: Iterable[str], name: str) -> None:
    """Run code as printed; it uses no former name."""
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*the old name goes", DeprecationWarning)
        for source in sources:
            exec(compile(source, name, "exec"), names)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_runs(path: Path) -> None:
    cells = json.loads(path.read_text())["cells"]
    assert not any(cell.get("outputs") for cell in cells), "clear the outputs before committing"
    run(("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"), path.name)


def test_readme_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's Python runs as printed, on the file that its first line needs."""
    monkeypatch.chdir(tmp_path)
    blocks = (ROOT / "README.md").read_text().split("```python\n")[1:]
    assert blocks
    run((block.split("```")[0] for block in blocks), "README.md")


def test_settings_page_is_current() -> None:
    """Print it again with `python scripts/settings > docs/settings.md`."""
    made = runpy.run_path(str(ROOT / "scripts" / "settings"))["page"]()
    assert (ROOT / "docs" / "settings.md").read_text() == made


def test_notebooks_show_figures_without_pyplot() -> None:
    figure = plot.gallery([Model(Grid((8, 20), 10.0), vp=2000.0)] * 3, columns=2)
    assert figure._repr_png_().startswith(b"\x89PNG")
