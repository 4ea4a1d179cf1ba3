/*
 * Matrix products: C[m, n] = A[m, k] * B[k, n] + bias[n], clamped; in floats and in 8-bit integers.
 *
 * A is read where it lies: k is cut into segments that are contiguous in memory each, and a segment's rows stand at a
 * constant distance. A plain matrix is one segment; the window of a convolution over image lines is one segment for
 * each kernel row (or each kernel element, when dilated). B is packed into panels of `nr` columns beforehand.
 * The order in which an output is summed depends on k and n alone, so results do not depend on tiles or threads.
 */
#ifndef LN_KERNELS_GEMM_H
#define LN_KERNELS_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/scale_i16.h"

typedef struct ln_gemm_a {
  const void *const *segments; /* [segment_count]: row 0 of each */
  int32_t segment_count;
  int32_t segment_length; /* elements of k in a segment */
  ptrdiff_t row_stride;   /* bytes from a row to the next, the same in all segments */
} ln_gemm_a;

/* ---- floats ---- */

/*
 * m >= 1 rows against n >= 1 columns of B in consecutive panels. `bias` is NULL or holds n values.
 * c[i * c_stride + j] = min(max(sum, low), high); NaN stays NaN.
 * A panel: [k][nr], columns past n hold zeros. No element outside A's rows, bias[n] and C's n columns is touched.
 */
typedef void (*ln_gemm_f32_fn)(int32_t m, int32_t n, const ln_gemm_a *a, const float *panels, const float *bias,
                               float *c, ptrdiff_t c_stride, float low, float high);

typedef struct ln_gemm_f32_kernel {
  const char *name;
  int32_t mr; /* rows that are computed together: the granule for blocking */
  int32_t nr; /* columns of a panel */
  ln_gemm_f32_fn run;
} ln_gemm_f32_kernel;

/* Packs columns [0, n) of b[p * k_stride + j * n_stride] (strides in elements) into consecutive panels. */
void ln_k_gemm_pack_f32(int32_t nr, int32_t k, int32_t n, const float *b, ptrdiff_t k_stride, ptrdiff_t n_stride,
                        float *packed);

/*
 * B in 16 bits, which take half the memory. With `k_group` 1, A is float32 and a panel [k][nr] is expanded as it is
 * read: the same sums as from its numbers in float32. With 2, A is bfloat16, segments have an even length and a panel
 * is [k / 2][nr][2]; factors below the normal range count as 0.
 */
typedef void (*ln_gemm_half_fn)(int32_t m, int32_t n, const ln_gemm_a *a, const uint16_t *panels, const float *bias,
                                float *c, ptrdiff_t c_stride, float low, float high);

enum { LN_GEMM_HALF_COLUMNS = 64 }; /* of a panel at most */

typedef struct ln_gemm_half_kernel {
  const char *name;
  int32_t mr, nr;
  int32_t k_group;
  bool is_free; /* expanding B takes no time: as fast as the product of float32 */
  ln_gemm_half_fn run;
} ln_gemm_half_kernel;

/* One panel in such a kernel's order from one in ln_k_gemm_pack_f32's, rounded to bfloat16 or float16. */
void ln_k_gemm_pack_half(const ln_gemm_half_kernel *kernel, bool is_bfloat, int32_t k, const float *panel,
                         uint16_t *packed);
/* ---- 8-bit integers ---- */

/*
 * A kernel chooses the form in which it takes A:
 *   LN_GEMM_A_U8   unsigned bytes a' = a + 128 of int8 tensors, a' = a of uint8 ones; zero points are left in and
 *                  corrected for in the bias and by the sums of rows;
 *   LN_GEMM_A_S8   signed bytes a' = a of int8 tensors, a' = a - 128 of uint8 ones; else as U8;
 *   LN_GEMM_A_I16  int16 a' = a - zero point.
 * B is packed by the kernel's pack_b: as b' = b (int8) or b - 128 (uint8) for U8 and S8, as b - zero point for I16.
 * A segment's rows may be read up to k_group - 1 elements past their end (what lies there does not matter).
 */
typedef enum ln_gemm_a_form { LN_GEMM_A_U8, LN_GEMM_A_S8, LN_GEMM_A_I16 } ln_gemm_a_form;

/* What turns 32-bit sums into 8-bit results. Arrays hold a value for each column, padded to whole panels. */
typedef struct ln_gemm_q8_params {
  const int32_t *bias;       /* with the corrections for zero points */
  const int32_t *multiplier; /* ln_multiplier of each column */
  const int32_t *shift;
  const double *reals;           /* when not NULL: columns are scaled by ln_multiply_real instead */
  int32_t zero_point, low, high; /* of the output, in the stored type's values */
  bool is_unsigned;              /* the output is uint8, else int8 */
  bool narrow;                   /* every sum, shifted left as `shift` says, is known to stay below 2^30 in magnitude */
  const int32_t *row_terms;      /* [m] added to every sum of a row; NULL for none */
  const void *scales;            /* of the panels, made by fold_scales from these numbers; NULL for none */
  bool in_floats;                /* scaled by one product of floats, by kernels that have that; reals is NULL then */
} ln_gemm_q8_params;

/* What fold_scales reads: arrays by column, padded to whole panels but for the bias. */
typedef struct ln_gemm_q8_columns {
  const int32_t *multiplier, *shift;
  const int32_t *folded; /* the bias as in ln_gemm_q8_params */
  const int32_t *bias;   /* [n] or NULL: less the corrections, so that sums of products without zero points join it; */
  int64_t reach;         /* these, row terms included, are of no larger magnitude */
  int32_t zero_point;    /* of the output */
  bool is_unsigned;
} ln_gemm_q8_columns;

/*
 * As ln_gemm_f32_fn, with c one byte an element:
 * c = clamp(scaled + zero_point, low, high), where scaled is ln_multiply_quantized(bias + sum of a' * b', multiplier,
 * shift) or, with `reals`, ln_multiply_real(bias + sum of a' * b', reals) or, with `in_floats` and a kernel that has
 * it, the float nearest to (float)(bias + sum of a' * b') * (multiplier * 2^(shift - 31)) rounded to even, the sum and
 * the scale rounded to floats before.
 */
typedef void (*ln_gemm_q8_fn)(int32_t m, int32_t n, const ln_gemm_a *a, const void *panels,
                              const ln_gemm_q8_params *params, void *c, ptrdiff_t c_stride);
/* The sums themselves: c = bias (NULL: 0; else [n]) + row_terms (NULL: 0; else [m]) + sum of a' * b'. */
typedef void (*ln_gemm_i32_fn)(int32_t m, int32_t n, const ln_gemm_a *a, const void *panels, const int32_t *bias,
                               const int32_t *row_terms, int32_t *c, ptrdiff_t c_stride);

typedef struct ln_gemm_q8_kernel {
  const char *name;
  int32_t mr, nr;
  int32_t k_group; /* segments are padded to a multiple of it in B */
  ln_gemm_a_form a_form;
  ln_gemm_q8_fn run;
  ln_gemm_i32_fn run_i32;
  /* Brings `count` elements of a tensor (uint8 or int8) into the kernel's form of A. */
  void (*convert_a)(const void *source, bool is_unsigned, int32_t zero_point, size_t count, void *a);
  /*
   * Packs n columns into panels. Element (segment s, p, column j) is b[s * s_stride + p * p_stride + j * n_stride],
   * bytes. column_sums[n]: sums of b' over k. A panel takes nr * segments * (segment_length rounded up to k_group)
   * elements.
   */
  void (*pack_b)(int32_t n, int32_t segments, int32_t segment_length, const void *b, bool is_unsigned,
                 int32_t zero_point, ptrdiff_t s_stride, ptrdiff_t p_stride, ptrdiff_t n_stride, void *packed,
                 int32_t *column_sums);
  int32_t b_bytes; /* of an element of packed B */
  /* sums[i] = sum of a' over row i, padding excluded; NULL for LN_GEMM_A_I16. */
  void (*row_sums)(int32_t m, const ln_gemm_a *a, int32_t *sums);
  /* Precomputes what makes scaling faster for n columns of consecutive panels, scale_bytes each; NULL and 0 where a
   * kernel has no such form. Results are the same with it and without. */
  size_t scale_bytes;
  void (*fold_scales)(int32_t n, const ln_gemm_q8_columns *columns, void *scales);
  bool has_floats; /* in_floats of the parameters makes a difference */
} ln_gemm_q8_kernel;

static inline int32_t ln_gemm_a_bytes(const ln_gemm_q8_kernel *kernel) {
  return kernel->a_form == LN_GEMM_A_I16 ? 2 : 1;
}

/* What a' has on top of a where zero points are left in. */
static inline int32_t ln_gemm_a_offset(const ln_gemm_q8_kernel *kernel, bool is_unsigned) {
  if (kernel->a_form == LN_GEMM_A_U8) return is_unsigned ? 0 : 128;
  return is_unsigned ? -128 : 0;
}

/* Bytes of a panel of B. */
static inline size_t ln_gemm_panel_bytes(const ln_gemm_a *a, int32_t nr, int32_t k_group, int32_t b_bytes) {
  const size_t steps = (size_t)a->segment_count * (size_t)((a->segment_length + k_group - 1) / k_group);
  return steps * (size_t)k_group * (size_t)nr * (size_t)b_bytes;
}

typedef struct ln_gemm_kernels {
  const ln_gemm_f32_kernel *f32;
  const ln_gemm_f32_kernel *f32_few;     /* for products of one or two columns: panels of one, sums in parts */
  const ln_gemm_half_kernel *f16, *bf16; /* B of float16, of bfloat16 */
  const ln_gemm_q8_kernel *q8;
  /* For int16 tensors as they are: of form LN_GEMM_A_I16, only run_i32 and pack_b of int8. Panels of more than 16
   * columns are whole ones or cut after 16, C and the bias with them; there are no row terms. */
  const ln_gemm_q8_kernel *i16;
  ln_scale_i16_fn *scale_i16;
} ln_gemm_kernels;

#endif
