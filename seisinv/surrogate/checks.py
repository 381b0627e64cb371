"""Arguments that several surrogates take, and what is allowed for them."""

from __future__ import annotations

from collections.abc import Sequence

from seisinv.core import ConfigError

EDGES = ("open", "wall", "absorbing")
CHECKED = 600  # points at which errors are measured
UNITS = {"duration": "s", "wavenumber": "rad/m", "frequency": "Hz"}


def check_positive(**values: float | None) -> None:
    """Refuse arguments that are not positive; those that are None are not given."""
    for name, value in values.items():
        if value is not None and not value > 0:
            raise ConfigError(f"{name} is {value:g} {UNITS[name]}; it must be positive")


def check_choice(name: str, value: str | None, choices: Sequence[str]) -> None:
    """Refuse a value that is not among the choices."""
    if value not in choices:
        raise ConfigError(f"{name} is {value!r}; it must be one of {', '.join(choices)}")
