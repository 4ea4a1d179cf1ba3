/*
 * Products of int16 tensors with int8 weights, whose reference sums in 64 bits. Kernels sum in 32: the weights of most
 * panels are too small for any input to overflow that, which is found out when they are packed. The others are summed
 * in parts of k that cannot.
 */
#include "ops/gemm_i16.h"

enum {
  ROWS = 16, /* of a kernel's tile, at most */
  COLUMNS = LN_SCALE_I16_COLUMNS,
  SEGMENTS = 32,      /* that a kernel is called with */
  LONGEST = 510,      /* products of -2^15 and -2^7 that 2^31 holds, in pairs; */
  LONGEST_MOVED = 256 /* those with weights less a zero point, 2^8 at most */
};

/* The largest sum of magnitudes of a column in a packed panel. */
static int64_t most_weight(const ln_gemm_plan *plan, const int16_t *panel) {
  int64_t sums[COLUMNS] = {0};
  const size_t row = (size_t)plan->nr * (size_t)plan->k_group;
  const size_t count = plan->panel_bytes / sizeof *panel;
  for (size_t at = 0; at < count; at += row) {
    for (size_t i = 0; i < row; ++i)
      sums[i / (size_t)plan->k_group] += panel[at + i] < 0 ? -panel[at + i] : panel[at + i];
  }
  int64_t most = 0;
  for (int32_t j = 0; j < COLUMNS; ++j) most = sums[j] > most ? sums[j] : most;
  return most;
}

static bool column_fits(const ln_gemm_plan *plan, ptrdiff_t column, int64_t products, int64_t bias) {
  if (bias > INT32_MAX || bias < -INT32_MAX) return false;
  const int64_t most = products + (bias < 0 ? -bias : bias);
  if (plan->quant.wide_bias || plan->reals != NULL) return most <= INT32_MAX;
  const int32_t shift = plan->shift[column];
  return most < (INT64_C(1) << 30) >> (shift > 0 ? shift : 0);
}

ln_status ln_gemm_i16_fold(ln_gemm_plan *plan, ln_arena *arena, const void *bias) {
  const size_t panels = (size_t)plan->groups * (size_t)plan->panels, columns = panels * (size_t)plan->nr;
  ln_gemm_i16_bias *folded = ln_arena_alloc(arena, sizeof *folded);
  int64_t *wide = ln_arena_array(arena, columns, sizeof *wide);
  int32_t *narrow = ln_arena_array(arena, columns, sizeof *narrow);
  bool *fits = ln_arena_array(arena, panels, sizeof *fits);
  if (folded == NULL || wide == NULL || narrow == NULL || fits == NULL) return LN_ERR_MEMORY;
  for (size_t p = 0; p < panels; ++p) {
    const int32_t group = (int32_t)(p / (size_t)plan->panels);
    const int32_t first = (int32_t)(p % (size_t)plan->panels) * plan->nr;
    const char *panel = (const char *)plan->b.panels + p * plan->panel_bytes;
    const int64_t products = most_weight(plan, (const int16_t *)(const void *)panel) << 15;
    fits[p] = true;
    for (int32_t j = 0; j < plan->nr; ++j) {
      const size_t to = p * (size_t)plan->nr + (size_t)j;
      const ptrdiff_t from = (ptrdiff_t)group * plan->n + first + j;
      wide[to] = 0;
      if (bias != NULL && first + j < plan->n)
        wide[to] = plan->quant.wide_bias ? ((const int64_t *)bias)[from] : ((const int32_t *)bias)[from];
      fits[p] = fits[p] && column_fits(plan, (ptrdiff_t)to, products, wide[to]);
      narrow[to] = (int32_t)(uint32_t)(uint64_t)wide[to];
    }
  }
  *folded = (ln_gemm_i16_bias){wide, narrow, fits};
  plan->b.bias = folded;
  return LN_OK;
}

/* A tile: rows [row, row + rows) times one panel. */
typedef struct tile {
  const ln_gemm_plan *plan;
  const ln_gemm_a *a;
  const char *panel;
  int32_t row, rows, n;
} tile;

/* Sums over `length` elements, from `at` on, of `count` segments; those of a row stand nr apart. */
static void part_sums(const tile *t, int32_t first, int32_t count, int32_t at, int32_t length, const int32_t *bias,
                      int32_t *sums) {
  const ln_gemm_plan *plan = t->plan;
  const void *segments[SEGMENTS];
  const ptrdiff_t offset = t->row * t->a->row_stride + at * (ptrdiff_t)sizeof(int16_t);
  for (int32_t i = 0; i < count; ++i) segments[i] = (const char *)t->a->segments[first + i] + offset;
  const size_t before = (size_t)first * (plan->panel_bytes / (size_t)plan->segments);
  const char *panel = t->panel + before + (size_t)at * (size_t)plan->nr * sizeof(int16_t);
  const ln_gemm_a a = {segments, count, length, t->a->row_stride};
  const int32_t columns = t->n > plan->nr - 16 ? plan->nr : 16; /* whole vectors */
  plan->q8->run_i32(t->rows, columns, &a, panel, bias, NULL, sums, plan->nr);
}

static void add_part(const tile *t, int32_t first, int32_t count, int32_t at, int32_t length, int64_t *wide) {
  const int32_t nr = t->plan->nr;
  int32_t sums[ROWS * COLUMNS];
  part_sums(t, first, count, at, length, NULL, sums);
  for (int32_t i = 0; i < t->rows; ++i) {
    for (int32_t j = 0; j < t->n; ++j) wide[i * nr + j] += sums[i * nr + j];
  }
}

/* In parts: the sums in 64 bits. */
static void wide_sums(const tile *t, const int64_t *bias, int64_t *wide) {
  const int32_t segments = t->a->segment_count, length = t->a->segment_length;
  const int32_t most = t->plan->quant.b_zero == 0 ? LONGEST : LONGEST_MOVED;
  for (int32_t i = 0; i < t->rows; ++i) {
    for (int32_t j = 0; j < t->n; ++j) wide[i * t->plan->nr + j] = bias[j];
  }
  const int32_t whole = length > most ? 1 : most / length < SEGMENTS ? most / length : SEGMENTS;
  for (int32_t s = 0; s < segments; s += whole) {
    const int32_t count = segments - s < whole ? segments - s : whole;
    for (int32_t at = 0; at < length; at += most)
      add_part(t, s, count, at, length - at < most ? length - at : most, wide);
  }
}

static void run_tile(const tile *t, const ln_gemm_i16_bias *bias, int32_t panel, const ln_scale_i16 *by, int16_t *c,
                     ptrdiff_t c_stride) {
  const int32_t nr = t->plan->nr;
  const ptrdiff_t column = (ptrdiff_t)panel * nr;
  if (bias->fits[panel] && t->a->segment_count <= SEGMENTS) {
    int32_t sums[ROWS * COLUMNS];
    part_sums(t, 0, t->a->segment_count, 0, t->a->segment_length, bias->narrow + column, sums);
    LN_KERNEL_OF(gemm, scale_i16)(t->rows, t->n, sums, nr, by, c, c_stride);
    return;
  }
  int64_t wide[ROWS * COLUMNS];
  wide_sums(t, bias->wide + column, wide);
  for (int32_t i = 0; i < t->rows; ++i) ln_k_scale_i64_to_i16(t->n, wide + i * nr, by, c + i * c_stride);
}

void ln_gemm_i16_rows(const ln_gemm_plan *plan, const ln_gemm_i16_bias *bias, const char *panels, int32_t panel,
                      int32_t m, int32_t n, const ln_gemm_a *a, int16_t *c, ptrdiff_t c_stride) {
  const int32_t rows = plan->mr;
  for (int32_t j = 0; j < n; j += plan->nr, ++panel, panels += plan->panel_bytes) {
    const ptrdiff_t column = (ptrdiff_t)panel * plan->nr;
    const ln_scale_i16 by = {.multiplier = plan->multiplier + column,
                             .shift = plan->shift + column,
                             .reals = plan->reals == NULL ? NULL : plan->reals + column,
                             .twice = plan->reals == NULL && !plan->quant.wide_bias,
                             .low = plan->quant.low,
                             .high = plan->quant.high};
    for (int32_t row = 0; row < m; row += rows) {
      const tile t = {plan, a, panels, row, m - row < rows ? m - row : rows, n - j < plan->nr ? n - j : plan->nr};
      run_tile(&t, bias, panel, &by, c + row * c_stride + j, c_stride);
    }
  }
}
