"""Reading a job: one TOML file describes it, and command-line flags override it.

Keys that are unknown, of the wrong type or out of range are errors of one line that name the key and the remedy.
Settings are never changed once they are read; what is chosen where they leave a value open is kept beside them
(`choose`), and both together, defaults included, are what run.toml records.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from seisinv.core import ConfigError, DataError
from seisinv.core.files import parsed, read_toml, tomllib
from seisinv.io.tables import ROLES
from seisinv.jobs.settings import Settings

# Tables that run.toml carries for the reader; a job that is read back does without them.
NOTES = ("versions", "fingerprint", "job", "chosen")


def load(path: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read a job.

    Parameters
    ----------
    path : path, optional
        A TOML file; relative paths in it start from its folder.
    overrides : values by dotted key, optional
        `{"inversion.iterations": 5}`; None means not given.

    Raises
    ------
    ConfigError
        For anything unknown, of the wrong type or out of range.
    """
    tables: dict[str, Any] = {}
    if path is not None:
        tables = _anchored(_tables(Path(path)), Path(path).resolve().parent)
    for note in NOTES:
        tables.pop(note, None)
    tables = current(tables)
    for key, value in (overrides or {}).items():
        if value is not None:
            _put(tables, *_current_key(key.split("."), value))
    return _validated(tables, where="" if path is None else f"{path}: ")


def settings_from(*tables: Mapping[str, Any]) -> Settings:
    """Return the settings of nested tables, in which later ones replace the keys of earlier ones.

    Raises
    ------
    ConfigError
        For anything unknown, of the wrong type or out of range.
    """
    whole: dict[str, Any] = {}
    for table in tables:
        whole = merged(whole, current(table))
    return _validated(whole)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested tables in which the keys of `above` replace those of `below`."""
    out = dict(below)
    for key, value in above.items():
        there = out.get(key)
        if isinstance(value, Mapping) and there is not None:
            if not isinstance(there, Mapping):
                raise ConfigError(f"{key} is {_short(repr(there))}; it must be a table of settings")
            out[key] = merged(there, value)
        else:
            out[key] = value
    return out


def _validated(tables: Mapping[str, Any], where: str = "") -> Settings:
    try:
        return Settings.model_validate(tables)
    except ValidationError as error:
        raise ConfigError(where + _described(error)) from None


# Names that earlier versions gave to tables, keys and values.
_FORMER_TABLES = {"ladder": "continuation", "pinn": "reconstruction"}
_FORMER_KEYS = {"trust": "data_weight", "spare": "oversampling", "bound": "max_error"}  # of [reconstruction]
_FORMER_METHODS = {"pinn": "reconstruction"}  # of inversion.method


def current(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return tables under the names that this version uses."""
    for former, name in _FORMER_TABLES.items():
        if former in tables and name in tables:
            raise ConfigError(f"[{former}] and [{name}] are the same table; keep [{name}]")
    out = {_FORMER_TABLES.get(name, name): value for name, value in tables.items()}
    own = out.get("reconstruction")
    if isinstance(own, Mapping):
        out["reconstruction"] = {_FORMER_KEYS.get(key, key): value for key, value in own.items()}
    inversion = out.get("inversion")
    if isinstance(inversion, Mapping) and isinstance(method := inversion.get("method"), str):
        out["inversion"] = {**inversion, "method": _FORMER_METHODS.get(method, method)}
    return out


def _current_key(path: list[str], value: Any) -> tuple[list[str], Any]:
    """Return a key, as its parts, and its value under the names that this version uses."""
    rest, names = value, []
    for name in reversed(path):
        rest = {name: rest}
    rest = current(rest)
    for _ in path:
        ((name, rest),) = rest.items()
        names.append(name)
    return names, rest


def parse_setting(text: str) -> tuple[str, Any]:
    """Split `section.key=value`; the value is TOML, or text where it is not."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text!r} is not KEY=VALUE; for example --set inversion.iterations=5")
    try:
        return key.strip(), parsed(tomllib.loads, f"value = {value}", "TOML")["value"]
    except DataError:
        return key.strip(), value.strip()


def anchored(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return values by dotted key with the paths among them absolute, from `folder`."""
    out = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        tables = _anchored({section: {name: value} if name else value}, folder)
        out[key] = tables[section][name] if name else tables[section]
    return out


def dump(settings: Settings) -> dict[str, Any]:
    """Return every setting, defaults included, as tables for TOML; options that are not set are left out."""
    return settings.model_dump(exclude_none=True)


def changed(settings: Settings) -> dict[str, Any]:
    """Return the settings that differ from their defaults, as tables for TOML."""
    tables = settings.model_dump(exclude_none=True, exclude_defaults=True)
    return {name: table for name, table in tables.items() if table}


def not_set(tables: Mapping[str, Any]) -> list[str]:
    """Return the keys of options that tables leave open: what the program then does is in their description."""
    every: dict[str, Any] = Settings().model_dump()
    return [f"{section}.{key}" for section, table in every.items() for key in table if key not in tables[section]]


def _described(error: ValidationError) -> str:
    """Say in one line what is wrong with the first bad key."""
    errors = error.errors(include_url=False)
    # An unknown key first: the mistakes that follow from it explain nothing.
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    path = [str(part) for part in first["loc"] if part not in _BRANCHES]
    if first["type"] in _WRONG_BRANCH:
        # Of a union, the branch that the value was meant for explains more than the one whose type it lacks.
        same = (e for e in errors if [str(part) for part in e["loc"] if part not in _BRANCHES] == path)
        first = next((e for e in same if e["type"] not in _WRONG_BRANCH), first)
    key = ".".join(path)
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 and len({e["loc"][:2] for e in errors}) > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"{_short(key)} is unknown{_suggestion(path)}{more}"
    meaning = _description(path)
    rule = _rule(first) + (f" ({meaning})" if meaning else "")
    return f"{_short(key)} is {_short(repr(first['input']))}; {rule}{more}"


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:100]}…"


# Names that pydantic adds to a location for the branches of a union.
_BRANCHES = (
    "str",
    "float",
    "dict[str,constrained-float]",
    "dict[str,float]",
    "constrained-float",
    "list[constrained-float]",
)
_WRONG_BRANCH = ("string_type", "float_type", "list_type")

_RULES = {
    "int_type": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_type": "it must be a number",
    "string_type": "it must be text in quotes",
    "bool_type": "it must be true or false",
    "list_type": "it must be a list [ … ]",
    "dict_type": "it must be a table",
    "model_type": "it must be a table of settings",
    "model_attributes_type": "it must be a table of settings",
    "greater_than": "it must be more than {gt:g}",
    "greater_than_equal": "it must be {ge:g} or more",
    "less_than": "it must be less than {lt:g}",
    "less_than_equal": "it must be {le:g} or less",
    "finite_number": "it must be finite",
    "literal_error": "it must be {expected}",
    "too_short": "it must have at least {min_length} values",
    "too_long": "it must have at most {max_length} values",
}


def _rule(error: Mapping[str, Any]) -> str:
    rule = _RULES.get(error["type"])
    if rule is None:
        return str(error["msg"])[:1].lower() + str(error["msg"])[1:]
    return rule.format(**error.get("ctx", {}))


def _fields(path: list[str]) -> Mapping[str, Any]:
    """Fields of the table at `path`."""
    table: Any = Settings
    for name in path:
        found = table.model_fields.get(name)
        if found is None or not isinstance(found.annotation, type) or not issubclass(found.annotation, BaseModel):
            return {}
        table = found.annotation
    return dict(table.model_fields)


def _description(path: list[str]) -> str | None:
    for end in range(len(path), 0, -1):
        found = _fields(path[: end - 1]).get(path[end - 1])
        if found is not None:
            return found.description
    return None


def _all_keys(prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name in _fields(list(prefix)):
        yield (*prefix, name)
        yield from _all_keys((*prefix, name))


def _suggestion(path: list[str]) -> str:
    siblings = list(_fields(path[:-1]))
    near = difflib.get_close_matches(path[-1], siblings, 1, 0.6)
    if near:
        return f"; did you mean {'.'.join([*path[:-1], near[0]])}?"
    elsewhere = {key[-1]: ".".join(key) for key in reversed(list(_all_keys()))}
    near = difflib.get_close_matches(path[-1], elsewhere, 1, 0.8)
    if near:
        return f"; did you mean {elsewhere[near[0]]}?"
    return f"; known here: {', '.join(siblings)}" if siblings else ""


def _tables(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path)
    except DataError as error:
        raise ConfigError(error.what, remedy="name a job, which is described in TOML", file=path) from None


def _anchored(tables: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make the paths of a TOML file absolute, from its own folder."""

    def absolute(value: Any) -> Any:
        if isinstance(value, list):
            return [absolute(v) for v in value]
        if not isinstance(value, str):
            return value
        role, mark, path = value.rpartition("=") if value.partition("=")[0] in ROLES else ("", "", value)
        return f"{role}{mark}{folder / path}"

    for section, keys in {
        "data": ["path", "geometry"],
        "start": ["vp", "vs", "rho"],
        "forward": ["output"],
        "wavelet": ["path"],
        "penalty": ["weights"],
        "run": ["directory", "truth"],
        "compare": ["starts"],
    }.items():
        table = tables.get(section)
        if isinstance(table, dict):
            table.update({key: absolute(table[key]) for key in keys if key in table})
    compare = tables.get("compare")
    runs = compare.get("run") if isinstance(compare, dict) else None
    for run in runs if isinstance(runs, list) else ():
        if isinstance(run, dict):
            _anchored(run, folder)
    return tables


def _put(tables: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        inner = tables.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{_short('.'.join(path))} cannot be set: {name} is {_short(repr(inner))}, not a table")
        tables = inner
    tables[path[-1]] = value
