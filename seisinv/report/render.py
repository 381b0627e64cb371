"""Pages: one HTML file with style, pictures and numbers in it, which needs no network."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seisinv import plot
from seisinv.core import RunError
from seisinv.core.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure, embedded in the page and saved beside it."""

    name: str
    title: str
    caption: str
    png: bytes

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


def picture(name: str, title: str, caption: str, figure: Figure) -> Picture:
    """Return a figure as a picture."""
    return Picture(name, title, caption, plot.png(figure))


@dataclass(frozen=True)
class Headline:
    """A headline number: what it is, its value, and a note."""

    title: str
    value: str
    note: str

    def __str__(self) -> str:
        return f"{self.title}: {self.value}, {self.note}"


def render(template: str, **values: Any) -> str:
    """Return a page; templates are those of the folders report and compare, and all extend base.html."""
    from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined

    folders = {folder: PackageLoader("seisinv", folder) for folder in ("report", "compare")}
    environment = Environment(loader=PrefixLoader(folders), autoescape=True, undefined=StrictUndefined)
    environment.filters["quoted"] = shlex.quote
    return environment.get_template(template).render(values)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a page, each whole or not at all.

    Raises
    ------
    RunError
        If one cannot be written.
    """
    try:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(folder / name, content)
    except OSError as error:
        raise RunError(f"the page cannot be written to {folder}: {error.strerror}; choose another directory") from None
