/* n: cells along each axis (the last rounded up to whole vectors); a, b: where the interior begins and ends; s0: stride of the
   first axis; origin: of cell 0 in an array; surface: whether the first row is a free surface. */
typedef struct { I n[3], a[3], b[3], s0, origin, size, surface; } Grid;
/* A set of points: row/column/weight per point, first/from/share the same entries per cell. */
typedef struct { I cells, points, stride; const I *cell, *row, *column; const R *weight; const I *first, *from; const R *share; } Points;
typedef struct { atomic_int arrived, phase; int count; atomic_llong bad; } Team;
typedef struct { Team *team; int id; I lo, hi; } Worker;
typedef struct { void (*step)(R **, const Grid *, const Points *, R *const *, I, Worker *); int reverse, tapes, tape[TAPES], watch; } Program;

/* A worker's share of some points begins at part(…, 0) and ends before part(…, 1). */
INLINE I part(I count, const Worker *w, int end) { return count * (w->id + end) / w->team->count; }
static void barrier(Worker *w) {
  Team *m = w->team;
  if (m->count == 1) return;
  const int phase = atomic_load_explicit(&m->phase, memory_order_relaxed);
  if (atomic_fetch_add(&m->arrived, 1) == m->count - 1) { atomic_store(&m->arrived, 0); atomic_store(&m->phase, phase + 1); return; }
  for (int spins = 0; atomic_load_explicit(&m->phase, memory_order_acquire) == phase; spins++) {
#if defined(__x86_64__)
    _mm_pause();
#endif
    if (spins > 2000) sched_yield(); /* somebody else has the core */
  }
}
/* Where the rows of the interior begin: behind those whose differences are one-sided at a free surface. */
INLINE I edge(const Grid *g, I lo, I hi) {
  const I first = g->surface ? EDGE_ROWS : 0;
  return lo >= first ? lo : first < hi ? first : hi;
}
/* Above a free surface a field is continued by its mirror image; whole nodes mirror about the first row, half nodes about its upper edge. */
static void mirror(R *v, const Grid *g, int first, int parity, I lo) {
  if (!g->surface || lo) return;
  for (I k = 1; k <= REACH; k++) {
    R *to = v - k * g->s0; const R *from = v + (k - 1 + first) * g->s0;
    const I rows = NDIM == 3 ? g->n[1] : 1, pitch = NDIM == 3 ? S1 : 0;
    for (I j = 0; j < rows; j++) for (I x = 0; x < g->n[X]; x++) to[j*pitch + x] = parity * from[j*pitch + x];
  }
}
