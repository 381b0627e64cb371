"""Programs → C: one function per kernel, explicit vectors along the last axis, one loop body per kind of region.

A region is "in" an axis' interior or in its absorbing layer.  The body for the layers is right everywhere, since
profiles and memory fields are zero outside them; the body for the interior leaves out what vanishes there.  Every value
is computed by the same operations in the same order whatever the threads, the tape or the memory strategy, so results
agree to the last bit.  Arrays have a halo of zeros (above a free surface: the mirror image) as wide as the stencil;
loops run on to a whole number of vectors, into the halo, where coefficients are zero.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import reduce
from importlib import resources
from typing import cast

from seisinv.symbolic import Poly, Program, Read, Set, schedule
from seisinv.symbolic.onesided import differences

Term = tuple[Fraction, tuple[Read, ...]]
OUTER = ("i", "j")


class Body:
    """Statements for one block of cells as C, common sums named once; `rows` neighbouring rows share their loads.

    At the `edge`, differences along the first axis are those of a one-sided free surface.
    """

    def __init__(self, program: Program, statements: Sequence[Set], rows: int, *, edge: bool = False) -> None:
        self.program, self.lines, self.named = program, list[str](), dict[str, str]()
        self.written: dict[tuple[str, int], str] = {}
        self.hoisted: dict[str, str] = {}
        if edge:
            for s in statements:
                self._edge(s)
            return
        split = [(s, _grouped(program, s)) for s in statements]
        # What is taped does not count: a value must not depend on whether a tape is written beside it.
        counted = [groups for s, groups in split if s.left not in program.tape]
        wholes = {frozenset(stencils) for groups in counted for stencils in groups.values()}
        uses = Counter(key for stencils in wholes for key in stencils)
        for row in range(rows):
            for s, groups in split:
                self._statement(s, groups, uses, row)

    def _name(self, expression: str, *, variable: bool = False) -> str:
        if expression not in self.named:
            self.named[expression] = f"t{len(self.named)}"
            self.lines.append(f"{'' if variable else 'const '}V {self.named[expression]} = {expression};")
        return self.named[expression]

    def _hoist(self, expression: str) -> str:
        return self.hoisted.setdefault(expression, f"c{len(self.hoisted)}")

    def _read(self, r: Read, row: int) -> str:
        last = self.program.ndim - 1
        if (r.name, row) in self.written and r.is_centre:
            return self.written[r.name, row]
        profile = self.program.profiles.get(r.name)
        if profile is not None:
            if profile.axis == last:
                return self._name(f"LD({var(r.name)} + x{_signed(r.offset[last])})")
            shift = r.offset[profile.axis] + (row if profile.axis == 0 else 0)
            return self._hoist(f"B({var(r.name)}[{OUTER[profile.axis]}{_signed(shift)}])")
        return self._name(f"LD({var(r.name)} + q{_displacement(r.offset, row)})")

    def _product(self, reads: Iterable[Read], row: int) -> str:
        return reduce(lambda a, b: self._name(f"{a} * {b}"), [self._read(r, row) for r in reads])

    def _sum(self, terms: Sequence[Term], row: int) -> str:
        """Σ weight · value: equal weights are added up first, then multiplied once."""
        by: dict[Fraction, list[tuple[int, str]]] = {}
        for w, reads in terms:
            by.setdefault(abs(w), []).append((1 if w > 0 else -1, self._product(reads, row)))
        total = ""
        for w, values in sorted(by.items(), key=lambda t: (t[0] == 1, t[0])):
            sign, inner = self._added(values)
            if w == 1:
                total = (
                    self._name(f"{total or 'ZERO'} {'+' if sign > 0 else '-'} {inner}") if total or sign < 0 else inner
                )
            else:
                c = self._hoist(f"B((R){float(sign * w)!r})")
                total = self._name(f"FMA({c}, {inner}, {total})" if total else f"{c} * {inner}")
        return total

    def _added(self, values: list[tuple[int, str]]) -> tuple[int, str]:
        """Add values with signs as a balanced tree; return an overall sign and a name."""
        sign = values[0][0]
        level = [(s * sign, v) for s, v in values]
        while len(level) > 1:
            pairs = [level[k : k + 2] for k in range(0, len(level), 2)]
            level = [p[0] if len(p) == 1 else self._pair(p[0], p[1]) for p in pairs]
        return sign * level[0][0], level[0][1]

    def _pair(self, a: tuple[int, str], b: tuple[int, str]) -> tuple[int, str]:
        return a[0], self._name(f"{a[1]} {'+' if a[0] == b[0] else '-'} {b[1]}")

    def _edge(self, s: Set) -> None:
        """A statement in one of the first rows."""
        rest, found = differences(self.program, s)
        total = self._terms(_grouped(self.program, Set(s.left, rest)), Counter(), 0)
        for d in found:
            row = "m*g->s0 + j*S1 + x" if self.program.ndim == 3 else "m*S0 + x"
            loads = " * ".join(f"LD({var(r.name)} + {row})" for r in d.product)
            inner = self._name(f"ZERO /* {len(self.named)} */", variable=True)
            table = "UP" if d.up else "DOWN"
            self.lines.append(f"for (I m = 0; m < EDGE_READS; m++) {inner} = FMA(B({table}[i][m]), {loads}, {inner});")
            factors = [self._read(cast(Read, a), 0) for a, power in d.factors for _ in range(power)]
            if d.scale != 1:
                factors.append(self._hoist(f"B({_number(d.scale)})"))
            factor = reduce(lambda a, b: self._name(f"{a} * {b}"), factors) if factors else "B(1)"
            total = self._name(f"FMA({factor}, {inner}, {total})" if total else f"{factor} * {inner}")
        self._store(s, total, 0)

    def _statement(
        self, s: Set, groups: dict[tuple[Read, ...], dict[object, list[Term]]], uses: Counter, row: int
    ) -> None:
        self._store(s, self._terms(groups, uses, row), row)

    def _store(self, s: Set, total: str, row: int) -> None:
        self.lines.append(f"ST({var(s.left)} + q{_displacement((0,) * self.program.ndim, row)}, {total or 'ZERO'});")
        self.written[s.left, row] = total or "ZERO"

    def _terms(self, groups: dict[tuple[Read, ...], dict[object, list[Term]]], uses: Counter, row: int) -> str:
        """Name the sum of all groups."""
        total = ""
        for factors, stencils in sorted(groups.items(), key=lambda g: (len(g[0]), repr(g[0]))):
            shared = [self._sum(terms, row) for key, terms in stencils.items() if uses[key] > 1 and len(terms) > 2]
            own = [t for key, terms in stencils.items() if not (uses[key] > 1 and len(terms) > 2) for t in terms]
            inner = self._sum(own, row) if own else ""
            for name in shared:
                inner = self._name(f"{inner} + {name}") if inner else name
            if factors:
                factor = self._product(factors, row)
                total = self._name(f"FMA({factor}, {inner}, {total})" if total else f"{factor} * {inner}")
            else:
                total = self._name(f"{total} + {inner}") if total else inner
        return total


def _grouped(program: Program, s: Set) -> dict[tuple[Read, ...], dict[object, list[Term]]]:
    """Terms of a statement by common centre factors, then by stencil (array and axis)."""
    live = {*program.fields, *program.sums, *program.points}
    groups: dict[tuple[Read, ...], dict[object, list[Term]]] = {}
    for m, c in s.right:
        reads = [cast(Read, a) for a, power in m for _ in range(power)]
        away = [r for r in reads if not r.is_centre]
        if not away:
            away = [next((r for r in reads if r.name in live), reads[0])]
        factors = list(reads)
        for r in away:
            factors.remove(r)
        offset = away[0].offset
        key: object = (tuple(r.name for r in away), tuple(bool(o) for o in offset)) if any(offset) else "centre"
        groups.setdefault(tuple(factors), {}).setdefault(key, []).append((c, tuple(away)))
    return {
        common: {(key, tuple(terms)): sorted(terms, key=lambda t: t[1][0].offset) for key, terms in stencils.items()}
        for common, stencils in groups.items()
    }


def specialised(kernel: Sequence[Set], program: Program, inside: Sequence[bool]) -> list[Set]:
    """Leave out what vanishes in a region or is 1 there: memory fields and drag of axes along which it is interior."""
    constant = {m: 0 for m, axis in program.memory.items() if inside[axis]}
    gone = set(constant)
    constant |= {n: 1 for n, p in program.profiles.items() if p.kind == "g" and inside[p.axis]}

    def without(a: object) -> Poly | None:
        name = cast(Read, a).name
        return Poly.number(constant[name]) if name in constant else None

    left = [Set(s.left, s.right.substitute(without), s.where) for s in kernel if s.left not in gone]
    return [s for s in left if s.right != program.at(s.left)]


def print_kernel(name: str, kernel: Sequence[Set], program: Program, jam: int) -> str:
    """Return the C function of one kernel over rows [lo, hi) of the first axis.

    Each row is cut into layer, interior and layer along the last axis; rows are either interior along the axes before,
    or not.  That makes four bodies, and a fifth for `jam` interior rows at once.
    """
    if kernel[0].where:
        return _print_points(name, kernel, program)
    ndim = program.ndim
    whole = any(s.left not in program.memory for s in kernel)
    jam = jam if whole and ndim == 2 else 1
    used = sorted({n for s in kernel for n in s.touches if n not in program.points})
    head = [f"static void {name}(R *const *f, const Grid *g, I lo, I hi) {{"]
    head += [f"  R *restrict const {var(n)} = f[i_{n}];" for n in used]
    head += [
        f"  mirror({var(n)}, g, {0 if 0 in program.place[n] else 1}, {program.parity[n]}, lo);"
        for n in _across_top(kernel, program)
        if program.parity[n]
    ]
    edge = program.closure is not None and any(r.offset[0] for s in kernel for r in s.right.reads())
    inside = " && ".join(f"{v} >= g->a[{k}] && {v} < g->b[{k}]" for k, v in enumerate(OUTER[: ndim - 1]))

    def block(outer: bool, last: bool, rows: int = 1) -> list[str]:
        return _block(specialised(kernel, program, [outer] * (ndim - 1) + [last]), program, rows)

    sides = [
        "for (int side = 0; side < 2; side++) {",
        "const I x0 = side ? g->b[X] : 0, x1 = side ? g->n[X] : g->a[X];",
    ]
    edges = [*sides, "if (inside) {", *block(True, False), "} else {", *block(False, False), "} }"]
    bounds = "const I x0 = g->a[X], x1 = g->b[X];"
    middle = [bounds, "if (inside) {", *block(True, True), "} else {", *block(False, True), "}"]
    row = "const I row = i*g->s0 + j*S1;" if ndim == 3 else "const I row = i*S0;"
    across = " for (I j = 0; j < g->n[1]; j++)" if ndim == 3 else ""
    start = "lo"
    if edge:
        start = "start"
        inner, outer = (
            _block(specialised(kernel, program, [True] + [False] * (ndim - 2) + [last]), program, 1, edge=True)
            for last in (True, False)
        )
        head += ["  const I start = edge(g, lo, hi);", f"  for (I i = lo; i < start; i++){across} {{", f"  {row}"]
        head += [*sides, *outer, "}", "  const I x0 = g->a[X], x1 = g->b[X];", *inner, "  }"]
    if jam == 1:
        head_of_row = [f"for (I i = {start}; i < hi; i++){across} {{", row, f"const int inside = {inside};"]
        return "\n".join([*head, *("  " + line for line in [*head_of_row, *edges, *middle, "}"]), "}"])
    middle[1] = "if (rows > 1) {"
    middle[2:2] = [*block(True, True, jam), "} else if (inside) {"]
    loop = [
        f"for (I i = {start}, rows; i < hi; i += rows) {{",
        f"const int inside = {inside};",
        f"rows = inside && i + {jam} <= g->b[0] && i + {jam} <= hi ? {jam} : 1;",
        "for (I k = i; k < i + rows; k++) { const I i = k, row = i*S0;",
        *edges,
        "}",
        row,
        *middle,
        "}",
    ]
    return "\n".join([*head, *("  " + line for line in loop), "}"])


def _block(statements: Sequence[Set], program: Program, rows: int, *, edge: bool = False) -> list[str]:
    """Return the loop over the vectors x0 … x1 of a row; nothing where nothing is left to do."""
    if not statements:
        return []
    body = Body(program, statements, rows, edge=edge)
    hoisted = [f"const V {n} = {e};" for e, n in body.hoisted.items()]
    loop = ["for (I x = x0; x < x1; x += VL) { const I q = row + x;", *("  " + line for line in body.lines), "}"]
    return ["  " + line for line in hoisted + loop]


def _across_top(kernel: Sequence[Set], program: Program) -> list[str]:
    """Arrays that are read towards the first row: their halo must hold the mirror image under a free surface."""
    names = {r.name for s in kernel for r in s.right.reads() if r.offset[0] < 0}
    return sorted(names - set(program.profiles))


def _print_points(name: str, kernel: Sequence[Set], program: Program) -> str:
    """A kernel over a set of points, one cell at a time: spread from the points to the cells, or sum from the cells."""
    lines = [f"static void {name}(R *const *f, const Points *p, R *const *io, I t, const Worker *w) {{"]
    for s in kernel:
        symbols = sorted(n for n in s.touches if n in program.points)
        lines += ["  {", *(f"    R *const {var(n)} = f[i_{n}];" for n in sorted(s.touches - set(symbols)))]
        expression = " + ".join(
            " * ".join([_number(c)] * (c != 1) + [_at_cell(cast(Read, a), program) for a, _ in m]) for m, c in s.right
        )
        if s.left in program.points:
            lines += [
                f"    if (io[o_{s.left}]) for (I n = part(p->points, w, 0); n < part(p->points, w, 1); n++) {{",
                "      R sum = 0;",
                "      for (I k = p->row[n]; k < p->row[n + 1]; k++) {",
                f"        const I q = p->cell[p->column[k]]; sum += p->weight[k] * ({expression});",
                "      }",
                f"      io[o_{s.left}][t * p->stride + n] = sum;",
                "    }",
            ]
        else:
            lines += [
                "    for (I c = part(p->cells, w, 0); c < part(p->cells, w, 1); c++) {",
                "      const I q = p->cell[c];",
            ]
            for n in symbols:
                value = f"p->share[k] * io[o_{n}][t * p->stride + p->from[k]]"
                total = f"for (I k = p->first[c]; k < p->first[c + 1]; k++) {var(n)} += {value};"
                lines.append(f"      R {var(n)} = 0; {total}")
            lines += [f"      {var(s.left)}[q] = {expression};", "    }"]
        lines.append("  }")
    return "\n".join([*lines, "}"])


def _at_cell(r: Read, program: Program) -> str:
    return var(r.name) if r.name in program.points else f"{var(r.name)}[q]"


def var(name: str) -> str:
    """Return the C name of an array."""
    return f"v_{name}"


def _number(c: Fraction) -> str:
    return f"(R){float(c)!r}"


def _signed(k: int) -> str:
    return f" {'+' if k > 0 else '-'} {abs(k)}" if k else ""


def _displacement(offset: Sequence[int], row: int) -> str:
    strides = ("S0",) if len(offset) == 2 else ("g->s0", "S1")
    steps = [offset[0] + row, *offset[1:-1]]
    out = "".join(f" {'+' if k > 0 else '-'} {abs(k)}*{s}" for k, s in zip(steps, strides, strict=True) if k)
    return out + _signed(offset[-1])


def print_program(name: str, program: Program, jam: int) -> str:
    """Return the C of one program: its kernels and the step that calls them in order."""
    kernels = schedule(program)
    text = [f"/* {name} */"]
    for k, kernel in enumerate(kernels):
        text += [f"/*   {s.left}{' at ' + s.where if s.where else ''} */" for s in kernel]
        text.append(print_kernel(f"{name}_{k}", kernel, program, jam))
    swaps = [f"{{ R *t = f[i_{a}]; f[i_{a}] = f[i_{b}]; f[i_{b}] = t; }}" for a, b in program.swaps]
    calls = []
    for k, kernel in enumerate(kernels):
        if kernel[0].where:
            calls.append(f"{name}_{k}(f, &points[{kernel[0].where}], io, t, w); barrier(w);")
        else:
            calls.append(f"{name}_{k}(f, g, w->lo, w->hi); barrier(w);")
    order = swaps + calls if program.reverse else calls + swaps
    head = f"static void {name}(R **f, const Grid *g, const Points *points, R *const *io, I t, Worker *w) {{"
    return "\n".join([*text, head, *("  " + c for c in order), "}"])


def print_library(programs: dict[str, Program], jam: int = 4) -> tuple[str, list[str], list[str]]:
    """Return the C source of a set of programs, the order of its arrays, and that of its point symbols."""
    arrays = list(dict.fromkeys(
        n for p in programs.values() for n in itertools.chain(p.arrays, p.profiles) if n not in p.points
    ))  # fmt: skip
    symbols = list(dict.fromkeys(n for p in programs.values() for n in p.points))
    first = next(iter(programs.values()))
    sets = sorted({w for p in programs.values() for w in p.points.values()})
    tapes = {n: ", ".join(f"i_{t}" for t in p.tape) or 0 for n, p in programs.items()}
    lines = [
        f"enum {{ NDIM = {first.ndim}, X = {first.ndim - 1}, REACH = {first.reach} }};",
        f"enum {{ {', '.join('i_' + n for n in arrays)}, ARRAYS }};",
        f"enum {{ {', '.join('o_' + n for n in symbols)} }};",
        f"enum {{ {', '.join(sets)}, TAPES = {max(1, *(len(p.tape) for p in programs.values()))} }};",
        *_edge_tables(first),
        _template("support.h"),
        *(print_program(n, p, jam) for n, p in programs.items()),
        f"enum {{ {', '.join('p_' + n for n in programs)} }};",
        "static const Program PROGRAMS[] = {",
        *(
            f"  [p_{n}] = {{ {n}, {int(p.reverse)}, {len(p.tape)}, {{ {tapes[n]} }}, i_{p.fields[0]} }},"
            for n, p in programs.items()
        ),
        "};",
        _template("driver.h"),
    ]
    return "\n".join([_template("prelude.h"), *lines]), arrays, symbols


def _edge_tables(program: Program) -> list[str]:
    """The weights of differences in the first rows of a one-sided free surface."""
    closure = program.closure
    if closure is None:
        return ["enum { EDGE_ROWS = 0 };"]
    rows, reads = closure.up.shape
    lines = [f"enum {{ EDGE_ROWS = {rows}, EDGE_READS = {reads} }};"]
    for name, table in (("UP", closure.up), ("DOWN", closure.down)):
        values = ", ".join("{" + ", ".join(f"(R){v!r}" for v in row) + "}" for row in table.tolist())
        lines.append(f"static const R {name}[EDGE_ROWS][EDGE_READS] = {{ {values} }};")
    return lines


def _template(name: str) -> str:
    """Return the C that does not depend on the equations."""
    return resources.files("seisinv.backends").joinpath(name).read_text(encoding="utf-8")
