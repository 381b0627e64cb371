"""Tangent → adjoint, in gather form, and the simplifications that give it the shape of a forward program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from seisinv.symbolic.linearise import tangent_name
from seisinv.symbolic.poly import Poly, Read
from seisinv.symbolic.program import Program, Set


def adjoint_name(name: str) -> str:
    """Return the name of the adjoint of an array."""
    return f"bar_{name}"


def transpose(taped: Program, tangent: Sequence[Set]) -> Program:
    """Return the exact transpose of the tangent of one step.

    Statements are reversed; a statement f ← Σ c g[o] + k f gives ḡ ← ḡ + (c f̄)[−o] for each g and then f̄ ← k f̄.
    The coefficient moves together with the read.  Coefficients collect ∂/∂coefficient in an accumulator.
    """
    of = {tangent_name(n): n for n in (*taped.fields, *taped.points, *taped.coefficients)}
    out: list[Set] = []
    for s in reversed(tangent):
        left = of[s.left]
        kept, gathered = Poly(), dict[str, Poly]()
        for r in s.right.reads(set(of)):
            c, name = s.right.diff(r), of[r.name]
            if name == left:
                kept = kept + c
            else:
                back = tuple(-o for o in r.offset)
                term = (c * taped.at(adjoint_name(left))).shifted(back)
                gathered[name] = gathered.get(name, Poly()) + term
        for name, term in gathered.items():
            target = adjoint_name(name)
            start = Poly() if name in taped.points else taped.at(target)
            out.append(Set(target, start + term, s.where))
        if left not in taped.points and kept != Poly.number(1):
            out.append(Set(adjoint_name(left), kept * taped.at(adjoint_name(left)), s.where))
    bar = adjoint_name
    return taped.replace(
        body=tuple(out),
        fields=tuple(bar(f) for f in taped.fields),
        swaps=tuple((bar(a), bar(b)) for a, b in taped.swaps),
        memory={bar(m): a for m, a in taped.memory.items()},
        points={n: w for n, w in taped.points.items() if any(n in t.touches for t in out)}
        | {bar(n): w for n, w in taped.points.items()},
        sums=tuple(bar(c) for c in taped.coefficients),
        place={**taped.place, **{bar(n): p for n, p in taped.place.items()}},
        parity={**taped.parity, **{bar(n): p for n, p in taped.parity.items()}},
        reverse=True,
    )


def rotate(adjoint: Program) -> Program:
    """Move a trailing `f ← c f` to the front of the next step; the adjoint starts from zero, so that is free."""
    other = dict(adjoint.swaps) | {b: a for a, b in adjoint.swaps}
    body, front = list(adjoint.body), []
    for s in adjoint.body:
        rest = body[body.index(s) + 1 :]
        alone = {r.name for r in s.right.reads(set(adjoint.fields))} == {s.left} and not s.where
        if alone and not any(s.left in t.touches for t in rest):
            body.remove(s)
            name = other.get(s.left, s.left)
            front.append(Set(name, _renamed(s.right, {s.left: name})))
    return adjoint.replace(body=tuple(front + body))


def merge(adjoint: Program) -> Program:
    """Join `f ← u; …; f ← f + t` into `…; f ← u + t` where nothing in between reads f or changes what u reads."""
    body, i = list(adjoint.body), 0
    while i < len(body):
        s = body[i]
        for k in range(i + 1, len(body)):
            t = body[k]
            reads = t.right.reads({s.left})
            if t.left == s.left and t.where == s.where and all(r.is_centre for r in reads):
                joined = _replaced(t.right, Read(s.left, adjoint.centre), s.right)
                body[k] = Set(t.left, joined, t.where)
                del body[i]
                i -= 1
                break
            if s.left in t.touches or s.right.reads({t.left}):
                break
        i += 1
    return adjoint.replace(body=tuple(body))


def rescale(adjoint: Program) -> Program:
    """Change adjoint variables to stored = c × true, so that a stencil reads one array instead of coefficient × array.

    Possible for a field that is read off-centre with one coefficient only; other fields keep their products.  An
    accumulator fed by scaled fields is scaled too, and divided by c once at the end.
    """
    scale = _scales(adjoint)
    body = []
    for s in adjoint.body:
        e = s.right.substitute(lambda a: _unscaled(a, scale) if isinstance(a, Read) else None)
        if s.left in adjoint.sums:
            names = {scale[r.name] for r in s.right.reads() if r.name in scale and r.name != s.left}
            if len(names) == 1:
                scale[s.left] = names.pop()
                start = adjoint.at(s.left)
                e = _replaced(e, Read(s.left, adjoint.centre), Poly()) * adjoint.at(scale[s.left]) + start
        elif s.left in scale:
            e = e * adjoint.at(scale[s.left])
        body.append(Set(s.left, e, s.where))
    if any(power < 0 for s in body for m, _ in s.right for _, power in m):
        return adjoint
    return adjoint.replace(body=tuple(body), scale=scale)


def _scales(adjoint: Program) -> dict[str, str]:
    """The one coefficient with which each group of exchanged fields is read off-centre, where there is one."""
    group = {f: frozenset({f}) for f in adjoint.fields}
    for a, b in adjoint.swaps:
        group[a] = group[b] = frozenset({a, b})
    found: dict[frozenset[str], set[tuple[str, ...]]] = {}
    for s in adjoint.body:
        for m, _ in s.right:
            reads = [cast(Read, a) for a, _ in m]
            for r in reads:
                if r.name in adjoint.fields and not r.is_centre:
                    others = tuple(sorted(o.name for o in reads if o.name != r.name))
                    found.setdefault(group[r.name], set()).add(others)
    out: dict[str, str] = {}
    for names, factors in found.items():
        if len(factors) == 1 and len(only := next(iter(factors))) == 1:
            out |= dict.fromkeys(names, only[0])
    return out


def _unscaled(r: Read, scale: dict[str, str]) -> Poly | None:
    if r.name not in scale:
        return None
    return Poly({((r, 1),): 1}) * Poly({((Read(scale[r.name], r.offset), -1),): 1})


def _renamed(e: Poly, names: dict[str, str]) -> Poly:
    return e.substitute(
        lambda a: Poly.of(Read(names[a.name], a.offset)) if isinstance(a, Read) and a.name in names else None
    )


def _replaced(e: Poly, old: Read, new: Poly) -> Poly:
    return e.substitute(lambda a: new if a == old else None)
