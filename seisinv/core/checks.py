"""Checks of settings that several classes share."""

from __future__ import annotations

from seisinv.core.errors import ConfigError


def check_least(settings: object, least: int, *names: str) -> None:
    """Refuse settings of which a named number is less than `least`, or NaN."""
    for name in names:
        value = getattr(settings, name)
        if not value >= least:
            raise ConfigError(f"{name} is {value:g}; it must be {least} or more")
