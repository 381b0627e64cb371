"""Signs of samples: seisinv's are of pressure that increases and of motion down and to larger x.

By the SEG standard (1975; Thigpen, Dalby & Landrum 1975, Special report on polarity standards) upward motion of a
geophone is a negative number, as in seisinv; an increase of pressure at a hydrophone is a negative one too, in seisinv
and in bytes 3257-3258 = 2 it is positive.  What a file says of that is said, and samples are turned on request only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from seisinv.core.errors import Argument, ConfigError, Message
from seisinv.io.sensors import SENSORS, TURNED
from seisinv.io.shots import SeismicTraces


def polarity_word(components: Sequence[str]) -> int:
    """Return what bytes 3257-3258 of a file of such components say: 1 of motion, 2 of pressure, 0 of both."""
    kinds = {2 if name == "p" else 1 for name in components}
    return kinds.pop() if len(kinds) == 1 else 0


def upside(
    traces: SeismicTraces, names: Sequence[str], polarities: Mapping[str, bool], path: Path
) -> np.ndarray | None:
    """Return which traces are reversed by request; None where none is.

    Raises
    ------
    ConfigError
        If no trace measures a component that is named.
    """
    for name in (n for n in polarities if n and n not in names):
        raise ConfigError(
            Message(Argument("data.polarity"), f" names {name!r}"),
            limit=f"the traces measure {', '.join(names)}" if names else "the traces do not say what they measure",
            remedy=Message("name those that are there, or turn all: ", Argument("data.polarity", "reversed")),
            file=path,
        )
    if not any(polarities.values()):
        return None
    turned = [k for k, name in enumerate(names) if polarities.get(name, polarities.get("", False))]
    out = np.isin(traces.component, turned)
    return out | ((traces.component < 0) & polarities.get("", False))


def backward(traces: SeismicTraces, along: np.ndarray, notes: list[str]) -> np.ndarray | None:
    """Return which traces measure motion away from a source that lies at larger x, or to the right of that, and say so.

    `along` is how far receivers lie from sources along the line, m.
    """
    kind = traces.fields["trace_kind"]
    turned = np.isin(kind, TURNED) & (traces.component >= 0) & (along < 0)
    if not turned.any():
        return None
    codes = " and ".join(f"{SENSORS[int(c)]} ({int(c)})" for c in np.unique(kind[turned]))
    notes.append(
        f"{codes} motion is taken as positive away from the source, and to the right of that; on the side of smaller "
        "x it is turned"
    )
    return turned
