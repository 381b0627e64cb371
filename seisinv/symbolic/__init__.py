"""Wave equations as data, and the program transformations that derive everything else from them.

    equations ── discretise ──► program ── linearise ──► tangent
                                   └────── transpose ──► adjoint ── rotate, merge, rescale ──► schedule ──► a printer

Nothing here knows arrays, devices or torch.  Prior art: Hückelheim et al. (2019, PerforAD, doi
10.1145/3337821.3337906) for adjoint stencils in gather form, Louboutin et al. (2019, Devito, doi
10.5194/gmd-12-1165-2019) for finite differences from symbolic equations, Griewank & Walther (2008) for the
transformations themselves.
"""

from seisinv.symbolic.derive import Derived, derive
from seisinv.symbolic.equations import Coefficient, D, Dt, Dtt, Equation, Field, Source
from seisinv.symbolic.poly import Poly, Read
from seisinv.symbolic.program import Program, Set
from seisinv.symbolic.schedule import schedule
from seisinv.symbolic.stability import dispersion, stable_step

__all__ = [
    "Coefficient",
    "D",
    "Derived",
    "Dt",
    "Dtt",
    "Equation",
    "Field",
    "Poly",
    "Program",
    "Read",
    "Set",
    "Source",
    "derive",
    "dispersion",
    "schedule",
    "stable_step",
]
