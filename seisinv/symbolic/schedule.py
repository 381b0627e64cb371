"""Pack statements into kernels, as early as possible: a kernel must not write an array that it reads off-centre."""

from __future__ import annotations

from seisinv.symbolic.program import Program, Set


def schedule(program: Program) -> list[list[Set]]:
    """Return kernels in order of execution; statements at sets of points have kernels of their own.

    Parameters
    ----------
    program : Program
        Any derived program.

    Returns
    -------
    list of lists of Set
        The statements of each kernel.

    Notes
    -----
    Accumulators, and memory fields that nothing reads off-centre, join the first kernel over the whole grid that they
    can, so that they cost no pass of their own.

    Examples
    --------
    >>> from seisinv.physics import Acoustic
    >>> from seisinv.symbolic import Field, derive
    >>> program = derive(Acoustic().equations("zx"), "zx", order=2, records={"p": Field("p")}, ratios=(1, 1)).forward
    >>> [kernel[0].left for kernel in schedule(program)]
    ['data_p', 'psi_p_z', 'zeta_p_z', 'p_old']
    """
    body = program.body
    away = {r.name for s in body for r in s.right.reads() if not r.is_centre}
    easy = {*program.sums, *(set(program.memory) - away)}
    sums = {i for i, s in enumerate(body) if s.left in easy and not s.where}
    levels: list[int] = []
    for _ in range(2):  # the first round finds where the kernels over the whole grid are
        homes = sorted({k for i, k in enumerate(levels) if i not in sums and _is_whole(program, body[i])})
        levels = []
        for i in range(len(body)):
            level = _lowest(body, levels, i)
            levels.append(min([h for h in homes if h >= level], default=level) if i in sums else level)
    kernels = []
    for n in range(max(levels) + 1):
        here = [s for s, k in zip(body, levels, strict=True) if k == n]
        places = list(dict.fromkeys(s.where for s in here))
        kernels += [[s for s in here if s.where == w] for w in places]
    return kernels


def _is_whole(program: Program, s: Set) -> bool:
    return s.left not in program.memory and not s.where


def _lowest(body: tuple[Set, ...], levels: list[int], i: int) -> int:
    s, low = body[i], int(not body[i].where and bool(body[0].where))  # records first: they do not part the fields
    for d, level in zip(body[:i], levels, strict=False):
        if s.left not in d.touches and d.left not in s.touches:
            continue
        offsets = {r.is_centre for x, y in ((s, d), (d, s)) for r in x.right.reads({y.left})}
        apart = s.where != d.where or False in offsets
        low = max(low, level + apart)
    return low
