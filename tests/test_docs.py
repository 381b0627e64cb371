"""The documentation: what is exported is documented, examples run, and every page has a place in the site."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import textwrap
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from numpydoc import docscrape

import seisinv
from seisinv.jobs import config

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def modules() -> list[ModuleType]:
    """All modules of the package but its command line, which documents itself."""
    names = [m.name for m in pkgutil.walk_packages(seisinv.__path__, "seisinv.")]
    return [importlib.import_module(n) for n in ("seisinv", *names) if not n.startswith("seisinv.cli")]


def public() -> Iterator[tuple[ModuleType, str, Any]]:
    """All exported objects that have a docstring of their own: no constants, no modules."""
    for module in modules():
        if module is not seisinv and not hasattr(module, "__all__"):
            continue
        for name in getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")]):
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isroutine(value):
                yield module, name, value


EXPORTED = {f"{value.__module__}.{value.__qualname__}": value for _, _, value in public()}


@pytest.mark.parametrize("name", sorted(EXPORTED))
def test_what_is_exported_is_documented(name: str) -> None:
    value = EXPORTED[name]
    assert not (gaps_of_class(value) if inspect.isclass(value) else gaps(value))


def gaps_of_class(cls: type) -> list[str]:
    """What a class's docstring and those of its public methods lack."""
    found = parsed(cls, docscrape.ClassDoc)
    out = [] if found["Summary"] else ["a summary"]
    if not runs(found["Examples"]):
        out.append("Examples")
    checks = (vars(cls).get(name) for name in ("__post_init__", "__init__", "__new__"))
    if not found["Raises"] and (raised := {e for check in checks if check is not None for e in raises(check)}):
        out.append(f"Raises ({', '.join(sorted(raised))})")
    accepted = signature(cls)
    if accepted and not is_subclassed(cls) and not (found["Parameters"] or found["Attributes"]):
        out.append(f"Parameters ({', '.join(accepted)})")
    for name in vars(cls):
        if name.startswith("_") and name != "__call__":
            continue
        # A method that does what its base class says need not say it again.
        alike = [gaps_of_method(base, name) for base in cls.__mro__ if name in vars(base)]
        out += [f"{name}: {gap}" for gap in min(alike, key=len)]
    return out


def gaps_of_method(cls: type, name: str) -> list[str]:
    """What a method's docstring lacks; a summary such as "Return the model of a vector." may say it all."""
    member = vars(cls)[name]
    function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
    if not inspect.isfunction(function):
        return []
    found, lacking = parsed(function, docscrape.FunctionDoc), [g for g in gaps(function) if g != "Examples"]
    text = " ".join(found["Summary"] + found["Extended Summary"])
    if text.startswith(("Return", "Yield")) and "Returns" in lacking:
        lacking.remove("Returns")
    if not found["Parameters"]:
        unnamed = [n for n in signature(function) if not re.search(rf"\b{n.rstrip('s')}", text)]
        lacking = [g for g in lacking if not g.startswith("Parameters")] + [f"a word on {n}" for n in unnamed]
    return lacking


def gaps(function: Any) -> list[str]:
    """What a function's docstring lacks."""
    found = parsed(function, docscrape.FunctionDoc)
    out = [] if found["Summary"] else ["a summary"]
    accepted = signature(function)
    if accepted and not found["Parameters"]:
        out.append(f"Parameters ({', '.join(accepted)})")
    documented = {n.strip().lstrip("*") for p in found["Parameters"] for n in p.name.split(",")}
    if documented and (missing := [n for n in accepted if n not in documented]):
        out.append(f"Parameters: {', '.join(missing)}")
    if returns(function) and not (found["Returns"] or found["Yields"]):
        out.append("Returns")
    if not found["Raises"] and (raised := raises(function)):
        out.append(f"Raises ({', '.join(sorted(raised))})")
    if not runs(found["Examples"]):
        out.append("Examples")
    return out


def raises(function: Any) -> set[str]:
    """Names of the errors that a function of the package raises itself."""
    function = inspect.unwrap(getattr(function, "__func__", function))
    if not str(getattr(function, "__module__", "")).startswith("seisinv"):
        return set()
    code = inspect.getsource(function) if inspect.isfunction(function) and "<" not in inspect.getfile(function) else ""
    found = (n.exc for n in ast.walk(ast.parse(textwrap.dedent(code))) if isinstance(n, ast.Raise) and n.exc)
    names = (ast.unparse(e.func if isinstance(e, ast.Call) else e) for e in found)
    return {name for name in names if name.endswith("Error")}


def runs(examples: list[str]) -> bool:
    """Whether there is an example that doctest runs."""
    return any(line.lstrip().startswith(">>>") for line in examples)


def parsed(value: Any, kind: Any) -> Any:
    """A docstring in numpydoc's sections; what numpydoc warns of is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if kind is docscrape.ClassDoc:
            return kind(value, doc=inspect.cleandoc(value.__doc__ or ""), config={"show_class_members": False})
        return kind(value, doc=inspect.cleandoc(value.__doc__ or ""))


def signature(value: Any) -> list[str]:
    """Names of the parameters that a caller gives."""
    try:
        names = inspect.signature(value).parameters
    except (TypeError, ValueError):
        return []
    return [n for n in names if n not in ("self", "cls") and not n.startswith("_")]


def returns(function: Any) -> bool:
    """Whether a function is declared to return something."""
    return str(getattr(function, "__annotations__", {}).get("return", "None")) not in ("None", "<class 'NoneType'>")


def is_subclassed(cls: type) -> bool:
    """Whether a class is made by subclassing it, or is a protocol or an exception, and not by calling it."""
    return inspect.isabstract(cls) or getattr(cls, "_is_protocol", False) or issubclass(cls, BaseException)


def test_a_name_means_one_thing() -> None:
    """Two packages may export one object; never two objects under one name."""
    meanings = defaultdict(dict)
    for module, name, value in public():
        meanings[name][id(value)] = f"{module.__name__}.{name}"
    assert not {name: sorted(found.values()) for name, found in meanings.items() if len(found) > 1}


def test_a_public_class_name_is_defined_once() -> None:
    places = defaultdict(list)
    for module in modules():
        for name, value in vars(module).items():
            if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_"):
                places[name].append(module.__name__)
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_every_page_has_a_place_in_the_site() -> None:
    """Each page of docs/ stands in the table of contents of another, or is the first."""
    docs = ROOT / "docs"
    pages = {p.relative_to(docs).with_suffix("").as_posix() for p in docs.rglob("*.md")}
    listed = {"index"}
    for path in docs.rglob("*.md"):
        for block in re.findall(r"```{toctree}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            entries = [line.split("<")[-1].rstrip(">") for line in block.splitlines() if line and line[0] != ":"]
            listed |= {(path.parent / e).relative_to(docs).as_posix() for e in entries}
    assert pages <= listed


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    """Links to files, and to headings within pages of the documentation."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, heading = target.partition("#")
        if "://" in target or target.startswith("reference/"):
            continue
        there = path.parent / file if file else path
        if not there.exists() or (heading and heading not in headings(there)):
            wrong.append(target)
    assert not wrong


def headings(path: Path) -> set[str]:
    """Anchors of a page's headings."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


# Code in the pages


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """All blocks of code in a language, with where they stand."""
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for found in re.finditer(rf"```{language}\n(.*?)```", text, re.DOTALL):
            yield f"{path.relative_to(ROOT)}:{text[: found.start()].count(chr(10)) + 1}", found[1]


@pytest.mark.parametrize(("place", "code"), list(blocks("python")))
def test_names_in_code_exist(place: str, code: str) -> None:
    """Every `si.….…` and every import from seisinv finds something, under no former name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*the old name goes", DeprecationWarning)
        known: dict[str, Any] = {"si": seisinv}
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("seisinv"):
                for alias in node.names:
                    known[alias.asname or alias.name] = getattr(importlib.import_module(str(node.module)), alias.name)
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Attribute) and re.fullmatch(r"[\w.]+", ast.unparse(node)):
                first, *rest = ast.unparse(node).split(".")
                value: Any = known.get(first)
                while isinstance(value, ModuleType | type) and rest:
                    value = getattr(value, rest.pop(0))


@pytest.mark.parametrize(("place", "code"), list(blocks("toml")))
def test_settings_in_pages_are_read(place: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(code, encoding="utf-8")
    config.load(tmp_path / "job.toml")


@pytest.mark.parametrize(("place", "code"), [(p, c) for p, c in blocks("sh") if "--set" in c])
def test_settings_in_commands_exist(place: str, code: str) -> None:
    for key, value in re.findall(r"--set (\S+?)=(\S+)", code):
        config.load(None, {key: value})


RUN = """
import json, sys
first, *examples = json.load(sys.stdin)
shared = {"__name__": "__main__"}
exec(compile(first, "the problem", "exec", dont_inherit=True), shared)
for place, code in examples:
    print(place, file=sys.stderr)
    exec(compile(code, place, "exec", dont_inherit=True), dict(shared))
"""


def test_examples_of_extensions_run(tmp_path: Path) -> None:
    """Each section of docs/extend.md has an example that runs after the first block; apart, since they add classes."""
    text = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
    head, *sections = re.split(r"^## (?=\w)", text, flags=re.MULTILINE)
    codes = [re.findall(r"```python\n(.*?)```", section, re.DOTALL) for section in (head, *sections)]
    assert all(codes)
    assert max(len(code.splitlines()) for found in codes for code in found) < 60
    examples = [(s.splitlines()[0], code) for s, found in zip(sections, codes[1:], strict=True) for code in found]
    work = json.dumps([codes[0][0], *examples])
    found = subprocess.run([sys.executable, "-c", RUN], input=work, text=True, capture_output=True, cwd=tmp_path)
    assert found.returncode == 0, found.stderr


def test_files_named_in_pages_exist() -> None:
    wrong = [
        f"{path.name}: {name}"
        for path in (ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md", ROOT / "docs" / "extend.md")
        for name in re.findall(r"`([\w./]+/[\w./]*)`", path.read_text(encoding="utf-8"))
        if not ((ROOT / name).exists() or (ROOT / "seisinv" / name).exists() or name.startswith(("build/", "tests/")))
    ]
    assert not wrong


def test_every_folder_is_in_the_architecture() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.split("## Folders")[1].split("\n## ")[0]
    named = set(re.findall(r"^\| `(\w+)/`", table, re.MULTILINE))
    assert named == {p.parent.name for p in (ROOT / "seisinv").glob("*/__init__.py")}
