/* Preparing matrix products: sizes, packed operands and what integer results are corrected and scaled by. */
#include "ops/gemm_plan.h"

#include <string.h>

#include "kernels/quant.h"
#include "ops/gemm_i16.h"

enum { FEW_COLUMNS = 2, FEW_DEPTH = 24 }; /* products that f32_few is faster for */

static int32_t round_up(int32_t value, int32_t granule) { return (value + granule - 1) / granule * granule; }

/* The members that follow from the extents and the kernel's numbers. */
static bool set_extents(ln_gemm_plan *plan, int32_t groups, int32_t n, int32_t segments, int32_t segment_length,
                        int32_t b_bytes) {
  const int64_t k = (int64_t)segments * segment_length;
  const int64_t padded = ((int64_t)segment_length + plan->k_group - 1) / plan->k_group * plan->k_group * segments;
  if (groups < 1 || n < 1 || segments < 1 || segment_length < 1) return false;
  if (k > INT32_MAX / 8 || padded > INT32_MAX / 8 || n > INT32_MAX - 64) return false;
  plan->groups = groups;
  plan->n = n;
  plan->segments = segments;
  plan->segment_length = segment_length;
  plan->panels = (n + plan->nr - 1) / plan->nr;
  size_t total;
  if (!ln_size_mul((size_t)padded, (size_t)plan->nr * (size_t)b_bytes, &plan->panel_bytes)) return false;
  if (!ln_size_mul(plan->panel_bytes, (size_t)plan->panels, &plan->group_bytes)) return false;
  return ln_size_mul(plan->group_bytes, (size_t)groups, &total) && total <= PTRDIFF_MAX / 2;
}

bool ln_gemm_plan_f32(ln_gemm_plan *plan, int32_t groups, int32_t n, int32_t segments, int32_t segment_length,
                      float low, float high) {
  const bool few = n <= FEW_COLUMNS && (int64_t)segments * segment_length >= FEW_DEPTH;
  const ln_gemm_f32_kernel *kernel = few ? LN_KERNEL_OF(gemm, f32_few) : LN_KERNEL_OF(gemm, f32);
  *plan = (ln_gemm_plan){.kind = LN_GEMM_F32,
                         .f32 = kernel,
                         .mr = kernel->mr,
                         .nr = kernel->nr,
                         .k_group = 1,
                         .a_bytes = 4,
                         .c_bytes = 4,
                         .low = low,
                         .high = high};
  return set_extents(plan, groups, n, segments, segment_length, 4);
}

/* The kernel for `weights` in 16 bits; NULL where they stay in float32. */
static const ln_gemm_half_kernel *half_kernel(const ln_prep *prep, const ln_tensor *weights, int32_t segment_length,
                                              bool *is_bfloat) {
  if (!LN_IS_WHOLE || !ln_tensor_const_data(weights)) return NULL;
  *is_bfloat = prep->precision == LN_PRECISION_BFLOAT16;
  if (*is_bfloat) {
    const ln_gemm_half_kernel *kernel = LN_KERNEL_OF(gemm, bf16);
    return segment_length % kernel->k_group == 0 ? kernel : NULL;
  }
  const ln_gemm_half_kernel *kernel = LN_KERNEL_OF(gemm, f16);
  const bool stored = weights->type == LN_FLOAT16 && weights->quant->kind != LN_QUANT_BLOCKWISE;
  return prep->precision == LN_PRECISION_FLOAT16 || (stored && kernel->is_free) ? kernel : NULL;
}

bool ln_gemm_plan_weights(ln_gemm_plan *plan, const ln_prep *prep, const ln_tensor *weights, int32_t groups, int32_t n,
                          int32_t segments, int32_t segment_length, float low, float high) {
  bool is_bfloat;
  const ln_gemm_half_kernel *half = n <= FEW_COLUMNS ? NULL : half_kernel(prep, weights, segment_length, &is_bfloat);
  if (half == NULL) return ln_gemm_plan_f32(plan, groups, n, segments, segment_length, low, high);
  *plan = (ln_gemm_plan){.kind = LN_GEMM_F32,
                         .half = half,
                         .is_bfloat = is_bfloat,
                         .mr = half->mr,
                         .nr = half->nr,
                         .k_group = half->k_group,
                         .a_bytes = half->k_group == 1 ? 4 : 2,
                         .c_bytes = 4,
                         .low = low,
                         .high = high};
  return set_extents(plan, groups, n, segments, segment_length, 2);
}

static bool is_i16(const ln_gemm_plan *plan) { return LN_HAS(LN_INT16) && plan->kind == LN_GEMM_I16; }

static bool plan_integers(ln_gemm_plan *plan, ln_gemm_kind kind, int32_t groups, int32_t n, int32_t segments,
                          int32_t segment_length, const ln_gemm_quant *quant) {
  const bool i16 = LN_HAS(LN_INT16) && kind == LN_GEMM_I16;
  const ln_gemm_q8_kernel *kernel = i16 ? LN_KERNEL_OF(gemm, i16) : LN_KERNEL_OF(gemm, q8);
  *plan = (ln_gemm_plan){.kind = kind,
                         .q8 = kernel,
                         .mr = kernel->mr,
                         .nr = kernel->nr,
                         .k_group = kernel->k_group,
                         .a_bytes = ln_gemm_a_bytes(kernel),
                         .c_bytes = kind == LN_GEMM_I32 ? 4
                                    : i16               ? 2
                                                        : 1,
                         .quant = *quant};
  if (kernel->a_form != LN_GEMM_A_I16) plan->row_factor = -(quant->b_unsigned ? quant->b_zero - 128 : quant->b_zero);
  return set_extents(plan, groups, n, segments, segment_length, kernel->b_bytes);
}

/* Columns of all groups, each group's padded to whole panels. */
static size_t padded_columns(const ln_gemm_plan *plan) {
  return (size_t)plan->groups * (size_t)plan->panels * (size_t)plan->nr;
}

/* The multipliers of every column. */
static ln_status plan_scales(ln_gemm_plan *plan, ln_arena *arena, const ln_gemm_quant *quant) {
  const int32_t groups = plan->groups, n = plan->n;
  int32_t *multiplier = ln_arena_array(arena, padded_columns(plan), sizeof *multiplier);
  int32_t *shift = ln_arena_array(arena, padded_columns(plan), sizeof *shift);
  double *reals = quant->scale_real ? ln_arena_array(arena, padded_columns(plan), sizeof *reals) : NULL;
  if (multiplier == NULL || shift == NULL || (quant->scale_real && reals == NULL)) return LN_ERR_MEMORY;
  const int32_t stride = plan->panels * plan->nr;
  for (int32_t g = 0; g < groups; ++g) {
    for (int32_t j = 0; j < n; ++j) {
      const double scale = quant->scales[quant->scale_count == 1 ? 0 : g * n + j];
      const ln_multiplier fixed = ln_quantize_multiplier(scale);
      if (reals != NULL) reals[(ptrdiff_t)g * stride + j] = scale;
      multiplier[(ptrdiff_t)g * stride + j] = fixed.multiplier;
      shift[(ptrdiff_t)g * stride + j] = fixed.shift;
    }
  }
  plan->multiplier = multiplier;
  plan->shift = shift;
  plan->reals = reals;
  plan->quant.scales = NULL; /* the caller's array ends with its prepare */
  return LN_OK;
}

ln_status ln_gemm_plan_q8(ln_gemm_plan *plan, ln_arena *arena, int32_t groups, int32_t n, int32_t segments,
                          int32_t segment_length, const ln_gemm_quant *quant) {
  if (!plan_integers(plan, LN_GEMM_Q8, groups, n, segments, segment_length, quant)) return LN_ERR_MEMORY;
  return plan_scales(plan, arena, quant);
}

ln_status ln_gemm_plan_i16(ln_gemm_plan *plan, ln_arena *arena, int32_t groups, int32_t n, int32_t segments,
                           int32_t segment_length, const ln_gemm_quant *quant) {
  if (!plan_integers(plan, LN_GEMM_I16, groups, n, segments, segment_length, quant)) return LN_ERR_MEMORY;
  return plan_scales(plan, arena, quant);
}

ln_status ln_gemm_plan_i32(ln_gemm_plan *plan, int32_t groups, int32_t n, int32_t segments, int32_t segment_length,
                           const ln_gemm_quant *quant) {
  return plan_integers(plan, LN_GEMM_I32, groups, n, segments, segment_length, quant) ? LN_OK : LN_ERR_MEMORY;
}

/* ---- packing ---- */

enum {
  PACKED_IN_NS = 4,       /* bytes of panels in a nanosecond, about */
  PACKED_ALONE = 96 << 10 /* less is packed before a thread that sleeps has woken */
};

static size_t plain_bytes(const ln_gemm_plan *plan) { return ln_gemm_is_float(plan) ? sizeof(float) : 1; }

/* Of the buffer that a panel's columns are read into. */
static size_t stage_bytes(const ln_gemm_plan *plan) {
  const size_t k = (size_t)plan->segments * (size_t)plan->segment_length;
  return k * (size_t)(plan->n < plan->nr ? plan->n : plan->nr) * plain_bytes(plan);
}

/* Columns in 16 bits, a panel at a time through one of float32 behind what else is staged. */
static void pack_halves(const ln_gemm_plan *plan, int32_t count, const float *from, ptrdiff_t k_stride,
                        ptrdiff_t n_stride, char *stage, char *to) {
  float *panel = (float *)(void *)(stage + stage_bytes(plan));
  const int32_t k = plan->segments * plan->segment_length;
  for (int32_t j = 0; j < count; j += plan->nr, to += plan->panel_bytes) {
    ln_k_gemm_pack_f32(plan->nr, k, count - j < plan->nr ? count - j : plan->nr, from + j * n_stride, k_stride,
                       n_stride, panel);
    ln_k_gemm_pack_half(plan->half, plan->is_bfloat, k, panel, (uint16_t *)(void *)to);
  }
}

/* `count` columns of group `group`, beginning at a panel's first one, whose elements lie at `from`. */
static void pack_columns(const ln_gemm_plan *plan, int32_t group, int32_t column, int32_t count, const void *from,
                         ptrdiff_t k_stride, ptrdiff_t n_stride, char *stage, void *panels, int32_t *column_sums) {
  char *to = (char *)panels + (size_t)group * plan->group_bytes + (size_t)(column / plan->nr) * plan->panel_bytes;
  if (LN_IS_WHOLE && plan->half != NULL) {
    pack_halves(plan, count, from, k_stride, n_stride, stage, to);
  } else if (ln_gemm_is_float(plan)) {
    ln_k_gemm_pack_f32(plan->nr, plan->segments * plan->segment_length, count, from, k_stride, n_stride,
                       (float *)(void *)to);
  } else {
    plan->q8->pack_b(count, plan->segments, plan->segment_length, from, plan->quant.b_unsigned, plan->quant.b_zero,
                     k_stride * plan->segment_length, k_stride, n_stride, to,
                     column_sums + (ptrdiff_t)group * plan->n + column);
  }
}

static bool needs_stage(const ln_gemm_source *source) {
  return source->n_block != 0 || !ln_weights_is_plain(source->weights);
}

/* A panel's columns read into `stage` and packed from there. */
static void stage_columns(const ln_gemm_plan *plan, const ln_gemm_source *source, int32_t group, int32_t column,
                          char *stage, void *panels, int32_t *column_sums) {
  const int32_t count = plan->n - column < plan->nr ? plan->n - column : plan->nr;
  const int32_t k = plan->segments * plan->segment_length;
  const size_t first = source->first + (size_t)(group * source->group_stride);
  const size_t item = plain_bytes(plan);
  if (source->k_stride == 1) {
    for (int32_t j = 0; j < count; ++j) {
      const int32_t block = source->n_block == 0 ? 0 : (column + j) / source->n_block;
      const ptrdiff_t at = block * source->block_stride +
                           ((ptrdiff_t)column + j - (ptrdiff_t)block * source->n_block) * source->n_stride;
      ln_weights_read(source->weights, first + (size_t)at, (size_t)k, stage + (size_t)j * (size_t)k * item);
    }
    pack_columns(plan, group, column, count, stage, 1, k, stage, panels, column_sums);
    return;
  }
  for (int32_t p = 0; p < k; ++p) { /* n_stride is 1 */
    ln_weights_read(source->weights, first + (size_t)(p * source->k_stride + column), (size_t)count,
                    stage + (size_t)p * (size_t)count * item);
  }
  pack_columns(plan, group, column, count, stage, count, 1, stage, panels, column_sums);
}

typedef struct pack_run {
  const ln_gemm_plan *plan;
  const ln_gemm_source *source;
  char *stages; /* one for each thread where the source needs it, `stage_bytes` apart */
  size_t stage_bytes;
  void *panels;
  int32_t *column_sums;
  int32_t share; /* panels of a task */
} pack_run;

static void pack_task(void *context, int32_t task, int32_t worker) {
  const pack_run *run = context;
  const ln_gemm_plan *plan = run->plan;
  const ln_gemm_source *source = run->source;
  char *stage = run->stages == NULL ? NULL : run->stages + (size_t)worker * run->stage_bytes;
  const int32_t all = plan->groups * plan->panels, first = task * run->share;
  for (int32_t i = first; i < all && i < first + run->share; ++i) {
    const int32_t group = i / plan->panels, column = i % plan->panels * plan->nr;
    if (needs_stage(source)) {
      stage_columns(plan, source, group, column, stage, run->panels, run->column_sums);
      continue;
    }
    const size_t at = source->first + (size_t)(group * source->group_stride + column * source->n_stride);
    pack_columns(plan, group, column, plan->n - column < plan->nr ? plan->n - column : plan->nr,
                 (const char *)source->weights->data + at * plain_bytes(plan), source->k_stride, source->n_stride,
                 stage, run->panels, run->column_sums);
  }
}

static char *alloc_stages(const ln_pool *pool, size_t bytes) {
  size_t all;
  return ln_size_mul((size_t)ln_pool_threads(pool), bytes, &all) ? ln_alloc(all) : NULL;
}

static void pack_all(pack_run *run, ln_pool *pool) {
  const ln_gemm_plan *plan = run->plan;
  const int32_t all = plan->groups * plan->panels;
  const size_t bytes = plan->group_bytes * (size_t)plan->groups;
  run->share = bytes < PACKED_ALONE ? all : ln_pool_share(pool, all, all, (int64_t)(bytes / PACKED_IN_NS));
  ln_pool_run(pool, (all - 1) / run->share + 1, pack_task, run);
}

/* Panels and, for integers, the sums of columns behind them. */
static size_t block_bytes(const ln_gemm_plan *plan) {
  const size_t panels = plan->group_bytes * (size_t)plan->groups;
  return ln_gemm_is_float(plan) ? panels : panels + (size_t)plan->groups * (size_t)plan->n * sizeof(int32_t);
}

void ln_gemm_fold_bias(const ln_gemm_plan *plan, int32_t a_zero, const int32_t *bias, const int32_t *column_sums,
                       int32_t *folded) {
  const bool bytes = plan->q8->a_form != LN_GEMM_A_I16;
  const uint32_t a_term = bytes ? (uint32_t)(a_zero + ln_gemm_a_offset(plan->q8, plan->quant.a_unsigned)) : 0;
  const uint32_t constant = a_term * (uint32_t)-plan->row_factor * (uint32_t)(plan->segments * plan->segment_length);
  const int32_t stride = plan->panels * plan->nr;
  for (int32_t g = 0; g < plan->groups; ++g) {
    int32_t *to = folded + (ptrdiff_t)g * stride;
    for (int32_t j = 0; j < stride; ++j) {
      if (j >= plan->n) {
        to[j] = 0;
        continue;
      }
      const ptrdiff_t from = (ptrdiff_t)g * plan->n + j;
      to[j] = (int32_t)((bias != NULL ? (uint32_t)bias[from] : 0) - a_term * (uint32_t)column_sums[from] + constant);
    }
  }
}

/* Whether no sum can reach 2^30 once shifted left: the largest product is 255 * 255. */
static bool sums_are_narrow(const ln_gemm_plan *plan, const int32_t *bias) {
  const int64_t products = (int64_t)plan->segments * plan->segment_length * 255 * 255;
  const int32_t stride = plan->panels * plan->nr;
  for (int32_t g = 0; g < plan->groups; ++g) {
    for (int32_t j = 0; j < plan->n; ++j) {
      const int32_t shift = plan->shift[(ptrdiff_t)g * stride + j];
      const int64_t base = bias == NULL ? 0 : bias[(ptrdiff_t)g * plan->n + j];
      const int64_t most = products + (base < 0 ? -base : base);
      if (most >= INT64_C(1) << 30 || (shift > 0 && most >= (INT64_C(1) << 30) >> shift)) return false;
    }
  }
  return true;
}

/* What the kernel precomputes of multipliers and a constant bias. */
static ln_status fold_scales(ln_gemm_plan *plan, ln_arena *arena, const int32_t *bias) {
  const ln_gemm_quant *quant = &plan->quant;
  const size_t bytes = plan->q8->scale_bytes;
  if (bytes == 0 || plan->kind != LN_GEMM_Q8 || plan->reals != NULL) return LN_OK;
  char *scales = ln_arena_array(arena, (size_t)plan->groups * (size_t)plan->panels, bytes);
  if (scales == NULL) return LN_ERR_MEMORY;
  const int32_t least = quant->b_unsigned ? 0 : INT8_MIN, most = quant->b_unsigned ? UINT8_MAX : INT8_MAX;
  const int64_t b_most = most - quant->b_zero > quant->b_zero - least ? most - quant->b_zero : quant->b_zero - least;
  for (int32_t g = 0; g < plan->groups; ++g) {
    const ptrdiff_t first = (ptrdiff_t)g * plan->panels * plan->nr;
    const ln_gemm_q8_columns columns = {.multiplier = plan->multiplier + first,
                                        .shift = plan->shift + first,
                                        .folded = (const int32_t *)plan->b.bias + first,
                                        .bias = bias == NULL ? NULL : bias + (ptrdiff_t)g * plan->n,
                                        .reach = (int64_t)plan->segments * plan->segment_length * 255 * b_most,
                                        .zero_point = quant->c_zero,
                                        .is_unsigned = quant->c_unsigned};
    plan->q8->fold_scales(plan->n, &columns, scales + (size_t)g * (size_t)plan->panels * bytes);
  }
  plan->scales = scales;
  return LN_OK;
}

ln_status ln_gemm_plan_constant_b(ln_gemm_plan *plan, ln_prep *prep, const ln_gemm_source *source, const void *bias) {
  const char *form = plan->half != NULL ? plan->half->name : ln_gemm_is_float(plan) ? plan->f32->name : plan->q8->name;
  const int64_t numbers[4] = {plan->n, ((int64_t)plan->segments << 32) | plan->segment_length,
                              plan->groups * INT64_C(1024) + (plan->quant.b_unsigned ? 512 : 0) + plan->quant.b_zero,
                              (int64_t)((uint64_t)ln_weights_form(source->weights) * 31 +
                                        (uint64_t)source->k_stride * 16777213 + (uint64_t)source->n_stride)};
  ln_pool *pool = source->weights->band == NULL ? prep->pool : NULL; /* bands are read in order */
  pack_run run = {.plan = plan, .source = source, .stage_bytes = stage_bytes(plan)};
  if (plan->half != NULL) run.stage_bytes += plan->panel_bytes * (sizeof(float) / sizeof(uint16_t));
  if (needs_stage(source) || plan->half != NULL) {
    run.stages = alloc_stages(pool, run.stage_bytes);
    if (run.stages == NULL) return LN_ERR_MEMORY;
  }
  bool fresh = false;
  char *block =
      ln_pack_cache_get_numbers(prep->cache, source->weights->tensor->data, form, numbers, block_bytes(plan), &fresh);
  int32_t *column_sums = NULL;
  if (block != NULL) column_sums = (int32_t *)(void *)(block + plan->group_bytes * (size_t)plan->groups);
  run.panels = block;
  run.column_sums = column_sums;
  if (fresh) pack_all(&run, pool);
  ln_free(run.stages);
  if (block == NULL) return LN_ERR_MEMORY;
  plan->b.panels = block;
  if (ln_gemm_is_float(plan)) {
    plan->b.bias = bias;
    return LN_OK;
  }
  if (is_i16(plan)) return ln_gemm_i16_fold(plan, prep->arena, bias);
  int32_t *folded = ln_arena_array(prep->arena, padded_columns(plan), sizeof *folded);
  if (folded == NULL) return LN_ERR_MEMORY;
  plan->b.column_sums = column_sums;
  plan->b.bias = folded;
  ln_gemm_fold_bias(plan, plan->quant.a_zero, bias, column_sums, folded);
  plan->b.narrow = plan->kind == LN_GEMM_Q8 && sums_are_narrow(plan, bias);
  plan->in_floats =
      LN_IS_WHOLE && prep->requantize == LN_REQUANTIZE_FLOAT && plan->q8->has_floats && plan->reals == NULL;
  return plan->in_floats ? LN_OK : fold_scales(plan, prep->arena, bias);
}

size_t ln_gemm_bias_bytes(const ln_gemm_plan *plan) {
  return ln_gemm_is_float(plan) ? 0 : padded_columns(plan) * sizeof(int32_t);
}

bool ln_gemm_pack_bytes(const ln_gemm_plan *plan, size_t *bytes) {
  size_t total;
  if (!ln_size_align(block_bytes(plan), LN_ALIGNMENT, &total)) return false;
  if (!ln_size_add(total, ln_gemm_bias_bytes(plan), &total)) return false;
  if (!plan->staged) {
    *bytes = total;
    return true;
  }
  return ln_size_align(total, LN_ALIGNMENT, &total) && ln_size_add(total, stage_bytes(plan), bytes);
}

void ln_gemm_pack(const ln_gemm_plan *plan, const ln_gemm_source *source, const void *bias, void *block, ln_gemm_b *b) {
  int32_t *column_sums = (int32_t *)(void *)((char *)block + plan->group_bytes * (size_t)plan->groups);
  size_t folded_at = 0, stage_at = 0;
  ln_size_align(block_bytes(plan), LN_ALIGNMENT, &folded_at);
  ln_size_align(folded_at + ln_gemm_bias_bytes(plan), LN_ALIGNMENT, &stage_at);
  pack_run run = {plan, source, (char *)block + stage_at, 0, block, column_sums, 0};
  pack_all(&run, NULL);
  b->panels = block;
  b->column_sums = column_sums;
  b->bias = bias;
  if (ln_gemm_is_float(plan)) return;
  int32_t *folded = (int32_t *)(void *)((char *)block + folded_at);
  ln_gemm_fold_bias(plan, plan->quant.a_zero, bias, column_sums, folded);
  b->bias = folded;
  b->narrow = plan->kind == LN_GEMM_Q8 && sums_are_narrow(plan, bias);
}

/* ---- rows ---- */

bool ln_gemm_a_is_direct(const ln_gemm_plan *plan) {
  if (ln_gemm_is_float(plan)) return plan->a_bytes == sizeof(float);
  if (is_i16(plan)) return plan->segment_length % plan->k_group == 0;
  return plan->q8->a_form != LN_GEMM_A_I16 && ln_gemm_a_offset(plan->q8, plan->quant.a_unsigned) == 0 &&
         plan->segment_length % plan->k_group == 0;
}

void ln_gemm_convert_a(const ln_gemm_plan *plan, const void *source, size_t count, void *a) {
  if (LN_IS_WHOLE && !ln_gemm_a_is_direct(plan) && ln_gemm_is_float(plan))
    LN_KERNEL_OF(convert, f32_to_bf16)(source, a, count);
  else if (ln_gemm_is_float(plan) || is_i16(plan)) memcpy(a, source, count * ln_gemm_a_item(plan));
  else plan->q8->convert_a(source, plan->quant.a_unsigned, plan->quant.a_zero, count, a);
}

void ln_gemm_row_terms(const ln_gemm_plan *plan, int32_t m, const ln_gemm_a *a, int32_t *terms) {
  plan->q8->row_sums(m, a, terms);
  for (int32_t i = 0; i < m; ++i) terms[i] = (int32_t)((uint32_t)terms[i] * (uint32_t)plan->row_factor);
}

static void integer_rows(const ln_gemm_plan *plan, const ln_gemm_b *b, const char *panels, ptrdiff_t column, int32_t m,
                         int32_t n, const ln_gemm_a *a, const int32_t *row_terms, void *c, ptrdiff_t c_stride) {
  const int32_t *bias = (const int32_t *)b->bias + column;
  if (plan->kind == LN_GEMM_I32) {
    plan->q8->run_i32(m, n, a, panels, bias, row_terms, c, c_stride);
    return;
  }
  const ln_gemm_quant *quant = &plan->quant;
  /* What was said of a constant bias holds of no other. */
  const bool packed = b->panels != plan->b.panels, constant = !packed && b->bias == plan->b.bias;
  const char *scales = constant ? plan->scales : NULL;
  const ln_gemm_q8_params params = {
      .bias = bias,
      .multiplier = plan->multiplier + column,
      .shift = plan->shift + column,
      .reals = plan->reals == NULL ? NULL : plan->reals + column,
      .zero_point = quant->c_zero,
      .low = quant->low,
      .high = quant->high,
      .is_unsigned = quant->c_unsigned,
      .narrow = b->narrow && (packed || constant),
      .row_terms = row_terms,
      .scales = scales == NULL ? NULL : scales + column / plan->nr * plan->q8->scale_bytes,
      .in_floats = LN_IS_WHOLE && plan->in_floats};
  plan->q8->run(m, n, a, panels, &params, c, c_stride);
}

void ln_gemm_rows(const ln_gemm_plan *plan, const ln_gemm_b *b, int32_t group, int32_t from, int32_t to, int32_t m,
                  const ln_gemm_a *a, const int32_t *row_terms, void *c, ptrdiff_t c_stride) {
  const int32_t column = from * plan->nr;
  const int32_t end = to < plan->panels ? to * plan->nr : plan->n;
  const char *panels = (const char *)b->panels + (size_t)group * plan->group_bytes + (size_t)from * plan->panel_bytes;
  char *out = (char *)c + (ptrdiff_t)column * plan->c_bytes;
  if (is_i16(plan)) {
    ln_gemm_i16_rows(plan, b->bias, panels, group * plan->panels + from, m, end - column, a, (int16_t *)(void *)out,
                     c_stride);
    return;
  }
  if (!ln_gemm_is_float(plan)) {
    integer_rows(plan, b, panels, (ptrdiff_t)group * plan->panels * plan->nr + column, m, end - column, a, row_terms,
                 out, c_stride);
    return;
  }
  const float *bias = b->bias == NULL ? NULL : (const float *)b->bias + (ptrdiff_t)group * plan->n + column;
  if (LN_IS_WHOLE && plan->half != NULL) {
    plan->half->run(m, end - column, a, (const uint16_t *)(const void *)panels, bias, (float *)(void *)out, c_stride,
                    plan->low, plan->high);
    return;
  }
  plan->f32->run(m, end - column, a, (const float *)(const void *)panels, bias, (float *)(void *)out, c_stride,
                 plan->low, plan->high);
}

/* ---- the whole product ---- */

enum {
  BLOCK_BYTES = 384 << 10, /* of A in a block: it stays in a core's second-level cache beside a panel of B */
  BLOCK_ROWS = 256,
  SHARED_TILES = 3, /* tiles of rows that threads can share */
  SMALL_NS = 3000,  /* a product that one thread does best */
  READ_IN_NS = 128  /* bytes of packed weights from a cache in a nanosecond, about: what few rows wait for */
};

/* How the product is cut into tasks: results do not depend on it. */
typedef struct blocks {
  int32_t rows, row_blocks;
  int32_t panels, panel_blocks;
} blocks;

int64_t ln_gemm_nanoseconds(const ln_gemm_plan *plan, int64_t m) {
  const double macs = (double)m * plan->segments * plan->segment_length * plan->n;
  const double multiply = macs / (ln_gemm_is_float(plan) ? 64 : 128); /* what vectors of 512 bits do in one */
  const double read = (double)plan->group_bytes / READ_IN_NS;
  const double nanoseconds = multiply > read ? multiply : read;
  return nanoseconds < 1e9 ? (int64_t)nanoseconds : 1000000000;
}

static int32_t parts_of(int32_t items, int32_t parts) { return (items - 1) / (items < parts ? items : parts) + 1; }

/*
 * Rows by what a cache holds of them; then rows or panels for `parts` tasks, whichever can be shared more evenly, or
 * rows in any case.
 */
static blocks cut(const ln_gemm_plan *plan, int32_t m, int32_t parts, bool whole_rows) {
  const int64_t k = (int64_t)plan->segments * plan->segment_length;
  int64_t rows = BLOCK_BYTES / (k * plan->a_bytes);
  if (rows > BLOCK_ROWS) rows = BLOCK_ROWS;
  const int64_t least = k * plan->a_bytes > BLOCK_BYTES / 6 ? plan->mr : 4 * plan->mr;
  if (rows < least) rows = least;
  blocks cut = {.panels = plan->panels, .panel_blocks = 1};
  cut.row_blocks = (int32_t)((m + rows - 1) / rows);
  if (cut.row_blocks < parts) {
    const int32_t tiles = (m - 1) / plan->mr + 1;
    const int64_t by_rows = (int64_t)parts_of(tiles, parts) * plan->panels;
    const int64_t by_panels = (int64_t)parts_of(plan->panels, parts) * tiles;
    const bool wide = (size_t)m * (size_t)(k * plan->a_bytes) < plan->group_bytes; /* B is what takes room */
    if (!whole_rows && (by_panels < by_rows || (by_panels == by_rows && wide))) {
      cut.panels = parts_of(plan->panels, (parts - 1) / cut.row_blocks + 1);
      cut.panel_blocks = (plan->panels - 1) / cut.panels + 1;
    } else {
      cut.row_blocks = parts < tiles ? parts : tiles;
    }
  }
  cut.rows = round_up((m + cut.row_blocks - 1) / cut.row_blocks, plan->mr);
  cut.row_blocks = (m + cut.rows - 1) / cut.rows;
  return cut;
}

typedef struct product {
  const ln_gemm_plan *plan;
  const ln_gemm_b *b;
  const ln_exec *exec;
  blocks cut;
  int32_t group, m;
  const char *a;
  ptrdiff_t a_row_bytes;
  char *c;
  ptrdiff_t c_stride;
} product;

/* Elements between rows of A that were brought into the kernel's form. */
static int32_t converted_stride(const ln_gemm_plan *plan) {
  return round_up(plan->segments * plan->segment_length, plan->k_group);
}

bool ln_gemm_thread_bytes(const ln_gemm_plan *plan, int32_t m, size_t *bytes) {
  *bytes = 0;
  if (m < 1 || (ln_gemm_is_float(plan) && ln_gemm_a_is_direct(plan))) return true;
  const blocks sizes = cut(plan, m, 1, true); /* those of several threads are smaller */
  size_t rows = 0;
  if (!ln_gemm_a_is_direct(plan)) {
    if (!ln_size_mul((size_t)sizes.rows, (size_t)converted_stride(plan) * (size_t)plan->a_bytes, &rows)) return false;
  }
  if (!ln_size_align(rows + (size_t)plan->k_group * (size_t)plan->a_bytes, LN_ALIGNMENT, &rows)) return false;
  return ln_size_add(rows, (size_t)sizes.rows * sizeof(int32_t), bytes);
}

static const void *bring_rows(const product *p, const char *from, int32_t m, char *scratch) {
  const ln_gemm_plan *plan = p->plan;
  const int32_t k = plan->segments * plan->segment_length;
  const int32_t stride = converted_stride(plan);
  if (stride == k && p->a_row_bytes == k * (ptrdiff_t)ln_gemm_a_item(plan)) {
    ln_gemm_convert_a(plan, from, (size_t)m * (size_t)k, scratch);
    return scratch;
  }
  for (int32_t i = 0; i < m; ++i) {
    ln_gemm_convert_a(plan, from + i * p->a_row_bytes, (size_t)k,
                      scratch + (size_t)i * (size_t)stride * (size_t)plan->a_bytes);
  }
  return scratch;
}

static void product_task(void *context, int32_t task, int32_t worker) {
  const product *p = context;
  const ln_gemm_plan *plan = p->plan;
  const int32_t row = task / p->cut.panel_blocks * p->cut.rows;
  const int32_t from = task % p->cut.panel_blocks * p->cut.panels;
  const int32_t to = plan->panels - from < p->cut.panels ? plan->panels : from + p->cut.panels;
  const int32_t m = p->m - row < p->cut.rows ? p->m - row : p->cut.rows;
  char *scratch = ln_exec_thread_scratch(p->exec, worker);
  size_t used = 0;
  const void *rows = p->a + row * p->a_row_bytes;
  ptrdiff_t row_stride = p->a_row_bytes;
  if (!ln_gemm_a_is_direct(plan)) {
    rows = bring_rows(p, rows, m, scratch);
    row_stride = (ptrdiff_t)converted_stride(plan) * plan->a_bytes;
    used = (size_t)p->cut.rows * (size_t)row_stride;
  }
  const ln_gemm_a a = {&rows, 1, plan->segments * plan->segment_length, row_stride};
  int32_t *terms = NULL;
  if (ln_gemm_needs_row_terms(plan)) {
    ln_size_align(used + (size_t)plan->k_group * (size_t)plan->a_bytes, LN_ALIGNMENT, &used);
    terms = (int32_t *)(void *)(scratch + used);
    ln_gemm_row_terms(plan, m, &a, terms);
  }
  ln_gemm_rows(plan, p->b, p->group, from, to, m, &a, terms, p->c + (ptrdiff_t)row * p->c_stride * plan->c_bytes,
               p->c_stride);
  if (p->cut.panel_blocks == 1) ln_exec_finish(p->exec, (size_t)row * (size_t)plan->n, (size_t)m * (size_t)plan->n);
}

/* Where threads would rather share panels, rows are not handed on. */
bool ln_gemm_finishes(const ln_gemm_plan *plan, int32_t m) {
  return m >= SHARED_TILES * plan->mr || (m > 0 && ln_gemm_nanoseconds(plan, m) < SMALL_NS);
}

void ln_gemm_run(const ln_gemm_plan *plan, const ln_gemm_b *b, int32_t group, const ln_exec *exec, int32_t m,
                 const void *a, ptrdiff_t a_row_stride, void *c, ptrdiff_t c_stride) {
  if (m < 1) return;
  const int32_t item = (int32_t)ln_gemm_a_item(plan);
  product p = {.plan = plan,
               .b = b,
               .exec = exec,
               .cut = cut(plan, m, ln_pool_parts(exec->pool, ln_gemm_nanoseconds(plan, m)), exec->finish != NULL),
               .group = group,
               .m = m,
               .a = a,
               .a_row_bytes = a_row_stride * item,
               .c = c,
               .c_stride = c_stride};
  ln_pool_run(exec->pool, p.cut.row_blocks * p.cut.panel_blocks, product_task, &p);
}
