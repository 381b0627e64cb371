"""Sphinx's configuration; `scripts/docs` builds the site into build/docs, without a network."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import Counter
from importlib.metadata import version as installed
from pathlib import Path
from types import ModuleType
from typing import Any

from numpydoc.xref import DEFAULT_LINKS

import seisinv

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

project = "seisinv"
author = "the seisinv authors"
copyright = author  # the name that Sphinx asks for
release = version = installed("seisinv")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
]
templates_path = ["_templates"]
default_role = "code"
suppress_warnings = ["autosummary.import_cycle"]  # a package may show what its parts export

autosummary_ignore_module_all = False
autodoc_typehints = "none"  # the sections Parameters and Returns state types, shapes and units
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
numpydoc_show_class_members = False  # the template of a class lists them
numpydoc_xref_param_type = True  # classes of ours among the types are links; `write_reference` names them
numpydoc_xref_ignore = "all"
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

html_theme = "pydata_sphinx_theme"
html_title = "seisinv"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 7,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
html_sidebars = {"index": [], "readme": [], "changelog": [], "**": ["sidebar-nav-bs"]}

# Pages whose text lies outside docs/, so that it also stands where a visitor of the repository looks for it.
ELSEWHERE = {"readme": "README.md", "contributing": "CONTRIBUTING.md", "changelog": "CHANGELOG.md"}


def page_of(app: Any, docname: str, source: list[str]) -> None:
    """Put the text of a file of the root in the place of its page, with links as seen from docs/."""
    if docname not in ELSEWHERE:
        return
    app.env.note_dependency(str(ROOT / ELSEWHERE[docname]))
    text = (ROOT / ELSEWHERE[docname]).read_text(encoding="utf-8")
    for page, file in ELSEWHERE.items():
        text = text.replace(f"]({file}", f"]({page}.md")
    text = text.replace("](docs/", "](")
    source[0] = re.sub(r"\[([^\]]+)\]\((?:notebooks|scripts|seisinv|tests|LICENSE)[^)]*\)", r"`\1`", text)


def exported(module: Any) -> list[str]:
    """Return the public names of a package; the face of seisinv has objects beside its packages."""
    names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
    return [name for name in names if not isinstance(getattr(module, name), ModuleType)]


def packages() -> dict[str, list[str]]:
    """Return the public names of every package with an `__all__`, by the package's name."""
    found = ["seisinv"]
    found += [m.name for m in pkgutil.walk_packages(seisinv.__path__, "seisinv.") if "._" not in m.name]
    modules = [importlib.import_module(name) for name in found if not name.startswith("seisinv.cli")]
    return {
        m.__name__: sorted(exported(m), key=str.lower)
        for m in modules
        if m.__name__ == "seisinv" or hasattr(m, "__all__")
    }


def homes(public: dict[str, list[str]]) -> dict[int, str]:
    """Return where each object is documented, by its id: the outermost package that exports it, seisinv last."""
    found: dict[int, str] = {}
    for package in sorted(public, key=lambda name: (name == "seisinv", name.count("."), name)):
        for name in public[package]:
            found.setdefault(id(getattr(importlib.import_module(package), name)), f"{package}.{name}")
    return found


def write_reference(app: Any, config: Any) -> None:
    """Write one page for each package: its docstring, and tables of what it exports."""
    folder = HERE / "reference"
    folder.mkdir(exist_ok=True)
    public = packages()
    home = homes(public)
    # Files whose names differ by case only would be one file on some systems.
    lower = Counter(name.lower() for name in set(home.values()))
    config.autosummary_filename_map = {
        name: f"{name}-function"
        for name in home.values()
        if lower[name.lower()] > 1 and name.rpartition(".")[2].islower()
    }
    # Only classes of ours are linked: what numpydoc links by itself lies on pages of others.
    config.numpydoc_xref_aliases = {word: word for word in DEFAULT_LINKS} | {
        name.rpartition(".")[2]: name for name in home.values() if name.rpartition(".")[2][0].isupper()
    }
    pages = {}
    for package, names in public.items():
        module = importlib.import_module(package)
        places = {name: home[id(getattr(module, name))] for name in names}
        own = [name for name, there in places.items() if there == f"{package}.{name}"]
        if own or package == "seisinv":
            pages[f"{package}.rst"] = page(package, own, [p for n, p in places.items() if n not in own])
    pages["index.rst"] = index([name.removesuffix(".rst") for name in pages])
    config.autosummary_generate = [f"reference/{name}" for name in pages]
    for name, text in pages.items():
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text:
            (folder / name).write_text(text, encoding="utf-8")
    names = config.autosummary_filename_map
    kept = set(pages) | {f"{names.get(name, name)}.rst" for name in home.values()}
    for stale in [*folder.glob("*.rst"), *(folder / "api").glob("*.rst")]:
        if stale.name not in kept:
            stale.unlink()


def page(package: str, own: list[str], others: list[str]) -> str:
    """Return the page of one package: its docstring, what it exports, and what it shows of other packages."""
    lines = [package, "=" * len(package), "", f".. automodule:: {package}", "   :no-members:", ""]
    lines += [f".. currentmodule:: {package}", ""]
    if own:
        lines += [".. autosummary::", "   :toctree: api", "", *(f"   {name}" for name in own), ""]
    if others:
        lines += ["From other packages:", "", ".. autosummary::", "", *(f"   ~{there}" for there in others)]
    return "\n".join(lines) + "\n"


def index(public: list[str]) -> str:
    """Return the first page of the reference."""
    lines = ["API reference", "=============", "", "All quantities are in SI units; see :doc:`/units`.", ""]
    for package in public:
        summary = (importlib.import_module(package).__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
        lines += [f":doc:`{package} <{package}>`", f"    {summary}", ""]
    lines += [".. toctree::", "   :hidden:", "   :maxdepth: 1", "", *(f"   {package}" for package in public)]
    return "\n".join(lines) + "\n"


def prepare(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Keep the line breaks of equations and diagrams, and take |r| for a size and not for a substitution."""
    if what == "data":  # the docstring of a constant is that of its type
        lines.clear()
    head = next((n - 1 for n, line in enumerate(lines) if n and re.fullmatch(r"-{3,}", line.strip())), len(lines))
    out: list[str] = []
    set_in = False
    for number, line in enumerate(lines):
        if number < head and line.strip():
            if line.startswith("    ") and not set_in and not "".join(out[-2:]).endswith("::"):
                out += ["::", ""]
            set_in = line.startswith("    ")
        literal = (number < head and set_in) or line.lstrip().startswith((">>>", "..."))
        out.append(line if literal else re.sub(r"(?<![`\w])\|(?=\S)|\*(?=\.)", r"\\\g<0>", line))
    lines[:] = out


def skip(app: Any, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out methods that only former names need."""
    code = getattr(obj, "__code__", None)
    return True if code is not None and code.co_filename.endswith("_deprecated.py") else None


def setup(app: Any) -> None:
    """Connect the functions above."""
    app.connect("autodoc-skip-member", skip)
    app.connect("config-inited", write_reference, priority=100)  # before numpydoc reads its settings
    app.connect("source-read", page_of)
    app.connect("autodoc-process-docstring", prepare, priority=100)
