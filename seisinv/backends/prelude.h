#include <math.h>
#include <stdatomic.h>
#include <string.h>
#if defined(__unix__) || defined(__APPLE__)
#include <sched.h>
#else
#define sched_yield()
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#ifndef R
#define R float
#endif
#ifndef S1
#define S1 0 /* the stride of the axis before the last is known to the compiler: S0 in 2-D, S1 in 3-D */
#endif
typedef long long I;
enum { VL = 32 / sizeof(R) };
typedef R V __attribute__((vector_size(32)));
typedef R U __attribute__((vector_size(32), aligned(sizeof(R)), may_alias));
#define INLINE static inline __attribute__((always_inline))
INLINE V LD(const R *p) { return *(const U *)p; }
INLINE void ST(R *p, V v) { *(V *)p = v; }
#define B(x) ((V){0} + (R)(x))
#define ZERO ((V){0})
#if defined(__FMA__) && defined(__AVX__)
INLINE V FMA(V a, V b, V c) { return sizeof(R) == 4 ? (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c) : (V)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c); }
#else
INLINE V FMA(V a, V b, V c) { return a * b + c; }
#endif
