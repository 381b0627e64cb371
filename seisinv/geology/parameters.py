"""What procedural models are drawn from: shares, sizes and numbers of structures."""

from __future__ import annotations

from dataclasses import dataclass

from seisinv.core import ConfigError
from seisinv.core.checks import check_least


@dataclass(frozen=True)
class Distributions:
    """Parameters of the distributions from which `Geology` draws; see there.

    Raises
    ------
    ConfigError
        If a share, a number or a range is out of its limits.
    """

    marine: float = 0.5
    layers: tuple[float, float] = (7.0, 50.0)
    thickness: tuple[float, float] = (20.0, 400.0)
    spread: float = 0.5
    jump: float = 0.08
    dip: float = 0.4
    faults: int = 4
    channels: float = 0.8
    lenses: float = 0.5
    salt: float = 0.12
    basalt: float = 0.1
    basement: float = 0.12
    texture: float = 0.006

    def __post_init__(self) -> None:
        for name in ("marine", "salt", "basalt", "basement"):
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise ConfigError(f"{name} is {share:g}; it is a share of the models, between 0 and 1")
        check_least(self, 0, "spread", "jump", "dip", "channels", "lenses", "texture", "faults")
        if self.faults != int(self.faults):
            raise ConfigError(f"faults is {self.faults:g}; it is a number of faults, such as 4")
        for name in ("layers", "thickness"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ConfigError(f"{name} is ({low:g}, {high:g}); it needs two positive values, the smaller first")
