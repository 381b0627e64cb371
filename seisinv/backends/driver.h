/* Flush denormals: a decaying wavefield would be 3-4 times slower. The caller's mode is restored. */
#if defined(__x86_64__)
#define ENTER const unsigned int mode = _mm_getcsr(); _mm_setcsr(mode | 0x8040);
#define LEAVE _mm_setcsr(mode);
#else
#define ENTER
#define LEAVE
#endif
static int is_finite(const R *v, const Grid *g, I lo, I hi) {
  const I rows = NDIM == 3 ? g->n[1] : 1, pitch = NDIM == 3 ? S1 : 0;
  V sum = ZERO;
  for (I i = lo; i < hi; i++) for (I j = 0; j < rows; j++) {
    const R *p = v + i*g->s0 + j*pitch;
    for (I x = 0; x < g->n[X]; x += VL) sum += LD(p + x) * 0; /* NaN and infinity times 0 are NaN */
  }
  for (int k = 0; k < VL; k++) if (sum[k] != 0) return 0;
  return 1;
}
/* Run steps t0 … t1-1 (from the last for a reverse program). Returns -1, or the step at which the field was found not to be finite. */
I run(int number, R *const *arrays, const Grid *g, const Points *points, R *const *io, R *tape, I t0, I t1, Team *team, int id) {
  ENTER
  const Program *p = &PROGRAMS[number];
  R *f[ARRAYS];
  memcpy(f, arrays, sizeof f);
  Worker w = { team, id, g->n[0] * id / team->count, g->n[0] * (id + 1) / team->count };
  I bad = -1;
  for (I n = 0; n < t1 - t0; n++) {
    const I t = p->reverse ? t1 - 1 - n : t0 + n;
    for (int k = 0; k < p->tapes; k++) f[p->tape[k]] = tape + ((t - t0) * p->tapes + k) * g->size + g->origin;
    p->step(f, g, points, io, t, &w);
    if (t % 64 == 63 || n == t1 - t0 - 1) {
      if (!is_finite(f[p->watch], g, w.lo, w.hi)) atomic_store(&team->bad, t);
      barrier(&w);
      bad = atomic_load(&team->bad);
      barrier(&w);
      if (bad >= 0) break;
    }
  }
  if (id == 0) memcpy((R **)arrays, f, sizeof f);
  LEAVE
  return bad;
}
/* Copy the state into a buffer or back: whole fields, and of each memory field the layers of its axis. Returns the number of values. */
I state(R *const *arrays, const Grid *g, const I *index, const I *axis, I count, R *buffer, int restore) {
  R *at = buffer;
  const I rows = NDIM == 3 ? g->n[1] : 1, pitch = NDIM == 3 ? S1 : 0;
  for (I k = 0; k < count; k++) for (I i = 0; i < g->n[0]; i++) for (I j = 0; j < rows; j++) {
    const I outer = axis[k] == 0 ? i : j, last = axis[k] == X;
    if (axis[k] >= 0 && !last && outer >= g->a[axis[k]] && outer < g->b[axis[k]]) continue;
    for (int side = 0; side < (last ? 2 : 1); side++) {
      const I x0 = side ? g->b[X] : 0, x1 = last && !side ? g->a[X] : g->n[X], bytes = (x1 - x0) * sizeof(R);
      if (buffer) { R *v = arrays[index[k]] + i*g->s0 + j*pitch + x0; if (restore) memcpy(v, at, bytes); else memcpy(at, v, bytes); }
      at += x1 - x0;
    }
  }
  return at - buffer;
}
