"""Tangent → adjoint, in gather form, and the simplifications that give it the shape of a forward program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias, cast

from seisinv.symbolic.linearise import tangent_name
from seisinv.symbolic.poly import Poly, Read
from seisinv.symbolic.program import Program, Set

Stencil: TypeAlias = tuple[tuple[tuple[int, ...], Fraction], ...]  # offsets and weights, the first of which is 1


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
    """Join `f ← u; …; f ← f + t` into `…; f ← u + t` where nothing in between reads f or changes what u reads.

    A statement `f ← c f` is joined only to a u that no stencil has a part in: c would be multiplied into every term.
    """
    body, i = list(adjoint.body), 0
    while i < len(body):
        s = body[i]
        for k in range(i + 1, len(body)):
            t = body[k]
            reads = t.right.reads({s.left})
            plain = t.right.diff(Read(s.left, adjoint.centre)) == Poly.number(1) or all(
                r.is_centre for r in s.right.reads()
            )
            if t.left == s.left and t.where == s.where and all(r.is_centre for r in reads) and plain:
                joined = _replaced(t.right, Read(s.left, adjoint.centre), s.right)
                body[k] = Set(t.left, joined, t.where)
                del body[i]
                i -= 1
                break
            if s.left in t.touches or s.right.reads({t.left}):
                break
        i += 1
    return adjoint.replace(body=tuple(body))


def materialise(adjoint: Program, vanishing: Sequence[str]) -> Program:
    """Give Σ coefficient × field a name where a stencil reads it and `rescale` does not do away with it.

    That is where a field is read off-centre with several coefficients (elastic waves: λ and λ + 2 μ), or with one that
    may be zero (μ in a fluid), by which `rescale` would divide.  Terms that one stencil reads share one sum.
    """
    alone = _scales(adjoint, vanishing)
    sums: dict[Poly, str] = {}
    place, parity = dict(adjoint.place), dict(adjoint.parity)
    body: list[Set] = []
    for s in adjoint.body:
        right = s.right
        for stencil, product in _stencils(adjoint, s, alone):
            lead = next(iter(product.terms.values()))
            unit = product * (1 / lead)
            if unit not in sums:
                sums[unit] = f"sum{len(sums)}"
                inside = [r.name for r in unit.reads({*adjoint.fields} - {*adjoint.memory})]
                field = (inside or [r.name for r in unit.reads(set(adjoint.fields))])[0]
                place[sums[unit]], parity[sums[unit]] = place[field], parity[field]
                body.append(Set(sums[unit], unit))
            for offset, weight in stencil:
                whole, name = (product * weight).shifted(offset), Read(sums[unit], offset)
                right = right - whole + Poly.of(name) * (weight * lead)
        body.append(Set(s.left, right, s.where))
    return adjoint.replace(body=tuple(body), fields=(*adjoint.fields, *sums.values()), place=place, parity=parity)


def _stencils(adjoint: Program, s: Set, alone: Mapping[str, str]) -> list[tuple[Stencil, Poly]]:
    """Return what a statement reads off-centre as sums of coefficient × field, and the stencil that reads each."""
    if s.where or s.left in adjoint.sums:
        return []
    at: dict[Poly, dict[tuple[int, ...], Fraction]] = {}  # product → weights by offset
    for m, c in s.right:
        reads = [cast(Read, a) for a, _ in m]
        live = [r for r in reads if r.name in adjoint.fields and r.name not in alone]
        if len(reads) > 1 and len(live) == 1 and len({r.offset for r in reads}) == 1:
            back = tuple(-o for o in live[0].offset)
            at.setdefault(Poly({m: 1}).shifted(back), {})[live[0].offset] = c
    groups: dict[Stencil, Poly] = {}
    for product, weights in at.items():
        if any(any(offset) for offset in weights):
            first = weights[min(weights)]
            stencil = tuple(sorted((offset, w / first) for offset, w in weights.items()))
            groups[stencil] = groups.get(stencil, Poly()) + product * first
    return list(groups.items())


def rescale(adjoint: Program, vanishing: Sequence[str]) -> Program:
    """Change adjoint variables to stored = c × true, so that a stencil reads one array instead of coefficient × array.

    Possible for a field that is read off-centre with one coefficient only, which is zero nowhere, where the change
    leaves no division behind; other fields keep their products.  An accumulator fed by scaled fields is scaled too, and
    divided by c once at the end.
    """
    body, scale, _ = _rescaled(adjoint, _scales(adjoint, vanishing))
    return adjoint.replace(body=body, scale=scale)


def _scales(adjoint: Program, vanishing: Sequence[str]) -> dict[str, str]:
    """Return the fields that can be scaled, and by which coefficient."""
    scale = {f: c for f, c in _candidates(adjoint).items() if c not in vanishing}
    while divided := _rescaled(adjoint, scale)[2]:
        partners = dict(adjoint.swaps) | {b: a for a, b in adjoint.swaps}
        gone = divided | {partners[f] for f in divided if f in partners}
        scale = {f: c for f, c in scale.items() if f not in gone}
    return scale


def _rescaled(adjoint: Program, fields: Mapping[str, str]) -> tuple[tuple[Set, ...], dict[str, str], set[str]]:
    """Return the body in scaled variables, all scales, and the fields whose change leaves a division behind."""
    scale = dict(fields)
    body: list[Set] = []
    divided: set[str] = set()
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
        for m, _ in e:
            below = {cast(Read, a).name for a, power in m if power < 0}
            if below:
                guilty = {cast(Read, a).name for a, _ in m if fields.get(cast(Read, a).name) in below}
                divided |= guilty or {f for f, c in fields.items() if c in below}
        body.append(Set(s.left, e, s.where))
    return tuple(body), scale, divided


def _candidates(adjoint: Program) -> dict[str, str]:
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
