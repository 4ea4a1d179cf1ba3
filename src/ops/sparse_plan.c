/* Products with a sparse B: what they cost, packing and running them. */
#include "ops/sparse_plan.h"

#include <string.h>

enum {
  MOST_DEPTH = 8192, /* a thread's scratch holds 64 pixels of all channels */
  LEAST_ZEROS = 50,  /* percent: below it no product was faster */
  SAMPLES = 8,       /* of dense weights, before all are read */
  MARGIN = 110,      /* percent: so much of the sparse product's time must be less than the dense one's */
  NEAR_BYTES = 24 << 10,
  TASK_WORK = 1 << 18 /* elements of B times pixels that are worth a task of their own */
};

/* ---- costs ---- */

/*
 * Picoseconds of one thread: least squares over the rows of `test_kernels_sparse --bench` on a Zen 4. Only their ratios
 * count, which vary less between processors than they do.
 *   dense:  m * n * (k * mac + store)
 *   sparse: pixels * (entries * entry + n * result + k * bring), pixels in whole vectors
 */
typedef struct costs {
  int32_t lanes;
  float mac, store;
  float entry[2];   /* of one column: where A's pixels lie in the first-level cache, and where they do not */
  float entry_4[2]; /* of four columns */
  float result, bring;
} costs;

static const costs *costs_of(ln_isa isa, bool floats) {
  static const costs generic = {1, 200, 0, {900, 900}, {3600, 3600}, 300, 0};
  static const costs f32_avx2 = {8, 17.7f, 25, {28, 36}, {75, 86}, 107, 80};
  static const costs f32_avx512 = {16, 17.3f, 36, {25, 30}, {66, 70}, 105, 81};
  static const costs q8_avx2 = {16, 19.4f, 320, {17.6f, 21.2f}, {52, 59}, 350, 81};
  static const costs q8_avx512 = {16, 9.9f, 163, {17.6f, 21.2f}, {52, 59}, 350, 81}; /* AVX2's sparse kernel */
  static const costs q8_vnni = {32, 4.35f, 128, {8.6f, 8.7f}, {17.2f, 18}, 221, 62};
  /* Estimated from the instructions of NEON's loops: there was no processor to time them on. No sparse bytes there. */
  static const costs f32_neon = {4, 31, 40, {70, 80}, {190, 210}, 110, 60};
  static const costs q8_neon = {1, 10, 0, {900, 900}, {3600, 3600}, 300, 0};
  if (isa < LN_ISA_AVX2) return &generic;
  if (isa >= LN_ISA_NEON) return floats ? &f32_neon : &q8_neon;
  if (floats) return ln_isa_includes(isa, LN_ISA_AVX512) ? &f32_avx512 : &f32_avx2;
  if (ln_isa_includes(isa, LN_ISA_AVX512VNNI)) return &q8_vnni;
  return isa == LN_ISA_AVX2 ? &q8_avx2 : &q8_avx512; /* AVX-VNNI multiplies as many bytes in a step as AVX-512 */
}

/* How many entries B has by columns, and by groups of four that share theirs; in whole steps. */
typedef struct counts {
  int64_t by_1, by_4;
} counts;

static bool is_cheaper(const ln_gemm_plan *dense, const counts *entries, int32_t m, int32_t k, int32_t *rows) {
  const costs *c = costs_of(ln_cpu_isa(), ln_gemm_is_float(dense));
  const int32_t n = dense->n;
  const double pixels = (double)((m + c->lanes - 1) / c->lanes * c->lanes);
  const int far = (size_t)k * LN_SPARSE_PIXELS * (size_t)dense->a_bytes > NEAR_BYTES ? 1 : 0;
  const double by_1 = (double)entries->by_1 * c->entry[far];
  const double by_4 = n % 4 == 0 ? (double)entries->by_4 * c->entry_4[far] : by_1;
  *rows = by_4 < by_1 ? 4 : 1;
  const double sparse = pixels * ((by_4 < by_1 ? by_4 : by_1) + (double)n * c->result + (double)k * c->bring);
  /* Instructions for bfloat16 take two terms at a time. */
  const bool pairs = ln_gemm_is_float(dense) && dense->half != NULL && dense->is_bfloat &&
                     ln_isa_includes(ln_cpu_isa(), LN_ISA_AVX512BF16);
  const double whole = (double)m * n * ((double)k * (pairs ? c->mac / 2 : c->mac) + c->store);
  return sparse * MARGIN < whole * 100;
}

/* ---- packing ---- */

/* Weights read four columns at a time, and the form that they are packed in. */
typedef struct reader {
  const ln_weights *weights;
  int32_t n, k;
  bool floats;
  int32_t step, value_bytes; /* of the kernel: entries of a step, bytes of a value */
  void *columns;             /* [4][k] floats or int8 */
  uint8_t *held;             /* [k], behind them: ln_k_sparse_find_* */
} reader;

static size_t item_bytes(const reader *r) { return r->floats ? sizeof(float) : 1; }

/* Columns [j, j + 4), as far as there are any: the others are zeros. */
static void read_columns(const reader *r, int32_t j) {
  const size_t count = (size_t)(r->n - j < 4 ? r->n - j : 4) * (size_t)r->k, all = 4 * (size_t)r->k;
  ln_weights_read(r->weights, (size_t)j * (size_t)r->k, count, r->columns);
  memset((char *)r->columns + count * item_bytes(r), 0, (all - count) * item_bytes(r));
  if (r->floats) ln_k_sparse_find_f32(r->k, r->columns, r->held);
  else ln_k_sparse_find_i8(r->k, r->columns, r->held);
}

static int64_t whole_steps(const reader *r, int64_t entries) { return (entries + r->step - 1) / r->step * r->step; }

/* Columns that a block of the sparse encoding holds. */
static int32_t columns_of_block(const ln_tensor *tensor) {
  const ln_sparsity_parameters *sparsity = tensor->sparsity;
  for (uint32_t level = 0; level < sparsity->traversal_order.count; ++level) {
    const int32_t block = sparsity->traversal_order.data[level] - tensor->shape.rank;
    if (block >= 0 && sparsity->block_map.data[block] == 0)
      return ((const ln_dimension_metadata *)sparsity->dim_metadata.data[level])->dense_size;
  }
  return 1;
}

/* The most that there can be, from the number of stored values: weights in the sparse encoding are not read for it. */
static counts count_stored(const reader *r) {
  const ln_tensor *tensor = r->weights->tensor;
  const int64_t stored = (int64_t)tensor->bytes * 8 / ln_type_bits(tensor->type);
  const int64_t padding = (int64_t)(r->step - 1) * r->n;
  const bool by_4 = columns_of_block(tensor) % 4 == 0;
  return (counts){stored + padding, by_4 ? (stored + padding) / 4 : 4 * stored};
}

/* Whether a few columns of dense weights have as many zeros as it takes: most weights have none. */
static bool may_be_sparse(const reader *r) {
  int64_t entries[5] = {0}, seen = 0;
  const int32_t step = r->n > 4 * SAMPLES ? r->n / SAMPLES : 4;
  for (int32_t j = 0; j < r->n; j += step) {
    read_columns(r, j);
    ln_k_sparse_count(r->k, r->held, entries);
    seen += (int64_t)(r->n - j < 4 ? r->n - j : 4) * r->k;
  }
  return (entries[0] + entries[1] + entries[2] + entries[3]) * 100 <= seen * (100 - LEAST_ZEROS);
}

static counts count_entries(const reader *r) {
  counts out = {0, 0};
  for (int32_t j = 0; j < r->n; j += 4) {
    int64_t entries[5] = {0};
    read_columns(r, j);
    ln_k_sparse_count(r->k, r->held, entries);
    for (int32_t i = 0; i < 4; ++i) out.by_1 += whole_steps(r, entries[i]);
    out.by_4 += whole_steps(r, entries[4]);
  }
  return out;
}

/* Where the parts of a packed block lie. */
typedef struct parts {
  char *values;
  int32_t *starts;
  int32_t *sums, *sizes; /* int8: of each column, of its values and of their magnitudes */
  uint16_t *index;
} parts;

static void put_value(const reader *r, const parts *to, int64_t place, ptrdiff_t from) {
  if (r->floats) ((float *)(void *)to->values)[place] = ((const float *)r->columns)[from];
  else if (r->value_bytes == 1) ((int8_t *)to->values)[place] = ((const int8_t *)r->columns)[from];
  else ((int16_t *)(void *)to->values)[place] = ((const int8_t *)r->columns)[from];
}

/* One of the columns that were read; returns the entries so far. Without a branch, for where zeros lie cannot be
 * foreseen. */
#define DEFINE_PACK(name, FROM, TO)                                              \
  static int64_t name(const reader *r, const parts *to, int32_t i, int64_t at) { \
    const FROM *column = (const FROM *)r->columns + (ptrdiff_t)i * r->k;         \
    TO *values = (TO *)(void *)to->values;                                       \
    for (int32_t p = 0; p < r->k; ++p) {                                         \
      values[at] = column[p];                                                    \
      to->index[at] = (uint16_t)p;                                               \
      at += r->held[p] >> i & 1;                                                 \
    }                                                                            \
    return whole_steps(r, at);                                                   \
  }
DEFINE_PACK(pack_f32, float, float)
DEFINE_PACK(pack_i8, int8_t, int8_t)
DEFINE_PACK(pack_i16, int8_t, int16_t)

static int64_t pack_column(const reader *r, const parts *to, int32_t i, int64_t at) {
  if (r->floats) return pack_f32(r, to, i, at);
  return r->value_bytes == 1 ? pack_i8(r, to, i, at) : pack_i16(r, to, i, at);
}

/* The four columns that were read, as one group. */
static int64_t pack_four(const reader *r, const parts *to, int64_t at) {
  for (int32_t p = 0; p < r->k; ++p) {
    if (r->held[p] == 0) continue;
    for (int32_t i = 0; i < 4; ++i)
      put_value(r, to, (at / r->step * 4 + i) * r->step + at % r->step, (ptrdiff_t)i * r->k + p);
    to->index[at++] = (uint16_t)p;
  }
  return whole_steps(r, at);
}

/* `to` lies in zeros. */
static void pack(const reader *r, int32_t rows, const parts *to) {
  int64_t at = 0;
  for (int32_t j = 0; j < r->n; j += 4) {
    read_columns(r, j);
    for (int32_t i = 0; i < 4 && j + i < r->n; ++i) {
      if (!r->floats)
        ln_k_sparse_sum_i8(r->k, (const int8_t *)r->columns + (ptrdiff_t)i * r->k, &to->sums[j + i], &to->sizes[j + i]);
      if (rows == 1) to->starts[j + i] = (int32_t)at;
      if (rows == 1) at = pack_column(r, to, i, at);
    }
    if (rows == 4) to->starts[j / 4] = (int32_t)at;
    if (rows == 4) at = pack_four(r, to, at);
  }
  to->starts[r->n / rows] = (int32_t)at;
}

static ln_status pack_through_cache(ln_sparse_plan *plan, ln_prep *prep, const reader *r, int64_t entries, parts *to) {
  ln_sparse_b *b = &plan->b;
  /* Entries are at most the elements of B and a step for each column, which plan_b bounds. */
  const size_t room = (size_t)entries + 1; /* a zero is put behind the last one */
  const size_t values = room * (size_t)b->rows * (size_t)r->value_bytes;
  const size_t numbers_at = (values + 3) / 4 * 4, starts = (size_t)(b->n / b->rows + 1) * sizeof(int32_t);
  const size_t sums = r->floats ? 0 : (size_t)b->n * sizeof(int32_t);
  const size_t bytes = numbers_at + starts + 2 * sums + room * sizeof(uint16_t);
  const int64_t key[4] = {b->n, b->k, b->rows, ln_weights_form(r->weights)};
  const char *form = r->floats ? "sparse_f32" : r->value_bytes == 1 ? "sparse_q8" : "sparse_q8_pairs";
  bool fresh = false;
  char *block = ln_pack_cache_get(prep->cache, r->weights->tensor->data, form, key, bytes, &fresh);
  if (block == NULL) return LN_ERR_MEMORY;
  char *numbers = block + numbers_at;
  *to = (parts){block, (int32_t *)(void *)numbers, (int32_t *)(void *)(numbers + starts),
                (int32_t *)(void *)(numbers + starts + sums), (uint16_t *)(void *)(numbers + starts + 2 * sums)};
  if (fresh) {
    memset(block, 0, bytes);
    pack(r, b->rows, to);
  }
  b->values = to->values;
  b->starts = to->starts;
  b->index = to->index;
  return LN_OK;
}

/* What gemm's kernel precomputes of the columns; sums less their bias are of no larger magnitude than `reach`. */
static ln_status fold_scales(ln_sparse_plan *plan, ln_arena *arena, const int32_t *bias, int64_t reach) {
  const ln_gemm_plan *dense = plan->dense;
  if (dense->q8->scale_bytes == 0 || dense->reals != NULL) return LN_OK;
  void *scales = ln_arena_array(arena, (size_t)dense->panels, dense->q8->scale_bytes);
  if (scales == NULL) return LN_ERR_MEMORY;
  const ln_gemm_q8_columns columns = {.multiplier = dense->multiplier,
                                      .shift = dense->shift,
                                      .folded = plan->bias,
                                      .bias = bias,
                                      .reach = reach,
                                      .zero_point = dense->quant.c_zero};
  dense->q8->fold_scales(dense->n, &columns, scales);
  plan->scales = scales;
  return LN_OK;
}

/* The bias with what zero points add, and whether sums stay narrow: the largest magnitude of A less its zero is 255. */
static ln_status fold_bias(ln_sparse_plan *plan, ln_arena *arena, const parts *packed, const int32_t *bias) {
  const ln_gemm_plan *dense = plan->dense;
  const int32_t padded = dense->panels * dense->nr;
  int32_t *folded = ln_arena_array(arena, (size_t)padded, sizeof *folded);
  if (folded == NULL) return LN_ERR_MEMORY;
  const uint32_t a_term = (uint32_t)(dense->quant.a_zero + LN_KERNEL_OF(sparse, q8)->a_offset);
  int64_t reach = 0;
  plan->bias = folded;
  plan->narrow = true;
  for (int32_t j = 0; j < padded; ++j) {
    folded[j] = 0;
    if (j >= dense->n) continue;
    const int64_t base = bias == NULL ? 0 : bias[j], products = 255 * (int64_t)packed->sizes[j];
    const int32_t shift = dense->shift[j] > 0 ? dense->shift[j] : 0;
    if (products + (base < 0 ? -base : base) >= (INT64_C(1) << 30) >> shift) plan->narrow = false;
    if (products > reach) reach = products;
    folded[j] = (int32_t)((uint32_t)base - a_term * (uint32_t)packed->sums[j]);
  }
  return fold_scales(plan, arena, bias, reach);
}

/* ---- the plan ---- */

enum { DENSE = 1, SPARSE = 2 }; /* ways of a tuned node */

static bool is_taken(const ln_gemm_plan *dense) {
  const int64_t k = (int64_t)dense->segments * dense->segment_length;
  if (!LN_HAS_SPARSE || dense->groups != 1 || k > MOST_DEPTH || k * dense->n > INT32_MAX / 32) return false;
  if (ln_gemm_is_float(dense)) return true;
  const ln_gemm_quant *quant = &dense->quant;
  return LN_HAS(LN_INT8) && dense->kind == LN_GEMM_Q8 && !quant->a_unsigned && !quant->b_unsigned &&
         !quant->c_unsigned && quant->b_zero == 0;
}

/* Few rows: by steps, or dense. */
static ln_status plan_few(ln_sparse_plan *plan, const ln_node *node, ln_prep *prep, const ln_weights *weights,
                          int32_t m) {
  const int32_t k = plan->b.k;
  size_t bytes;
  float *columns = NULL;
  if (!ln_size_mul((size_t)ln_sparse_few_columns() * sizeof *columns, (size_t)k, &bytes) ||
      (columns = ln_alloc(bytes)) == NULL)
    return LN_ERR_MEMORY;
  const int64_t steps = ln_sparse_few_count(plan->dense, weights, columns);
  const bool cheaper = ln_sparse_few_is_cheaper(plan->dense, steps, m);
  const int32_t way = ln_tune_way(node, prep, "dense, sparse", steps, 2);
  plan->few = (ln_sparse_few_b){.n = plan->b.n, .k = k};
  const bool taken = way == LN_WAY_BY_RULE ? cheaper : way == SPARSE;
  const ln_status status = taken ? ln_sparse_few_pack(&plan->few, prep, weights, steps, columns) : LN_OK;
  ln_free(columns);
  return status;
}

static ln_status plan_b(ln_sparse_plan *plan, const ln_node *node, ln_prep *prep, const reader *r, const int32_t *bias,
                        int32_t m) {
  /* In blocks with zero points what is not stored is no zero. */
  const bool stored =
      r->weights->tensor->sparsity != NULL && r->weights->scales == NULL && r->weights->tensor->codebook == NULL;
  if (!stored && !may_be_sparse(r)) return LN_OK;
  if (ln_sparse_few_applies(plan->dense, m)) return plan_few(plan, node, prep, r->weights, m);
  const counts entries = stored ? count_stored(r) : count_entries(r);
  parts packed;
  const bool cheaper = is_cheaper(plan->dense, &entries, m, r->k, &plan->b.rows);
  const int32_t way = ln_tune_way(node, prep, "dense, sparse", entries.by_1, 2);
  if (way == LN_WAY_BY_RULE ? !cheaper : way != SPARSE) return LN_OK;
  LN_TRY(pack_through_cache(plan, prep, r, plan->b.rows == 4 ? entries.by_4 : entries.by_1, &packed));
  return r->floats ? LN_OK : fold_bias(plan, prep->arena, &packed, bias);
}

/* Where blocks of pixels are too few for the threads, columns are cut, too; each cut brings the pixels anew. */
static int32_t column_blocks(int32_t threads, int32_t m, int32_t n, int32_t k) {
  const int32_t pixel_blocks = (m + LN_SPARSE_PIXELS - 1) / LN_SPARSE_PIXELS;
  const int64_t work = (int64_t)n * k * (m < LN_SPARSE_PIXELS ? m : LN_SPARSE_PIXELS) / TASK_WORK;
  if (threads < 2 || pixel_blocks >= 4 * threads || work < 2) return 1;
  const int32_t wanted = pixel_blocks >= threads ? 2 : threads;
  return work < wanted ? (int32_t)work : wanted;
}

ln_status ln_sparse_plan_b(ln_sparse_plan *plan, ln_node *node, ln_prep *prep, const ln_gemm_plan *dense,
                           const ln_weights *weights, const int32_t *bias, int32_t m) {
  const int32_t n = dense->n, k = dense->segments * dense->segment_length;
  *plan = (ln_sparse_plan){.dense = dense, .b = {.n = n, .k = k, .rows = 1}, .column_blocks = 1};
  if (!is_taken(dense)) return LN_OK;
  reader r = {weights, n, k, ln_gemm_is_float(dense), 1, sizeof(float), NULL, NULL};
  if (LN_HAS(LN_INT8) && !r.floats) {
    r.step = LN_KERNEL_OF(sparse, q8)->group;
    r.value_bytes = LN_KERNEL_OF(sparse, q8)->value_bytes;
  }
  size_t bytes;
  if (!ln_size_mul(4 * item_bytes(&r) + 1, (size_t)k, &bytes) || (r.columns = ln_alloc(bytes)) == NULL)
    return LN_ERR_MEMORY;
  r.held = (uint8_t *)r.columns + 4 * item_bytes(&r) * (size_t)k;
  const ln_status status = plan_b(plan, node, prep, &r, bias, m);
  ln_free(r.columns);
  if (status != LN_OK || !ln_sparse_is_chosen(plan)) return status;
  if (plan->few.values != NULL) {
    node->kernel = "sparse_few";
    return LN_OK;
  }
  plan->column_blocks = column_blocks(prep->threads, m, n, k);
  node->kernel = r.floats ? "sparse_f32" : "sparse_q8";
  node->thread_scratch_bytes = ln_sparse_scratch_bytes(k);
  node->finish_grain = plan->column_blocks == 1 ? (size_t)n : 0;
  return status;
}

/* ---- running ---- */

typedef struct product {
  const ln_sparse_plan *plan;
  const ln_exec *exec;
  int32_t m, columns; /* columns of a task, whose rows are LN_SPARSE_PIXELS */
  const void *a, *bias;
  void *c;
} product;

/* m rows from `row` on, columns of `b` from `from` on. */
static void run_floats(const product *p, const ln_sparse_b *b, int32_t m, ptrdiff_t row, int32_t from, void *scratch) {
  const ln_gemm_plan *dense = p->plan->dense;
  LN_KERNEL_OF(sparse, f32)
  (m, b, (const float *)p->a + row * b->k, b->k, p->bias == NULL ? NULL : (const float *)p->bias + from,
   (float *)p->c + row * dense->n + from, dense->n, dense->low, dense->high, scratch);
}

static void run_bytes(const product *p, const ln_sparse_b *b, int32_t m, ptrdiff_t row, int32_t from, void *scratch) {
  const ln_gemm_plan *dense = p->plan->dense;
  const char *scales = p->plan->scales; /* a panel's columns lie in one task: ln_sparse_run */
  if (scales != NULL) scales += (size_t)(from / dense->nr) * dense->q8->scale_bytes;
  const ln_gemm_q8_params params = {.bias = p->plan->bias + from,
                                    .multiplier = dense->multiplier + from,
                                    .shift = dense->shift + from,
                                    .reals = dense->reals == NULL ? NULL : dense->reals + from,
                                    .zero_point = dense->quant.c_zero,
                                    .low = dense->quant.low,
                                    .high = dense->quant.high,
                                    .narrow = p->plan->narrow,
                                    .scales = scales};
  LN_KERNEL_OF(sparse, q8)
      ->run(m, b, (const int8_t *)p->a + row * b->k, b->k, &params, (int8_t *)p->c + row * dense->n + from, dense->n,
            scratch);
}

static void product_task(void *context, int32_t task, int32_t worker) {
  const product *p = context;
  const int32_t row = task / p->plan->column_blocks * LN_SPARSE_PIXELS;
  const int32_t from = task % p->plan->column_blocks * p->columns;
  const int32_t m = p->m - row < LN_SPARSE_PIXELS ? p->m - row : LN_SPARSE_PIXELS;
  ln_sparse_b b = p->plan->b;
  if (from >= b.n) return;
  b.starts += from / b.rows;
  b.n = b.n - from < p->columns ? b.n - from : p->columns;
  void *scratch = ln_exec_thread_scratch(p->exec, worker);
  if (ln_gemm_is_float(p->plan->dense)) run_floats(p, &b, m, row, from, scratch);
  else if (LN_HAS(LN_INT8)) run_bytes(p, &b, m, row, from, scratch);
  const size_t n = (size_t)p->plan->b.n;
  if (p->plan->column_blocks == 1) ln_exec_finish(p->exec, (size_t)row * n, (size_t)m * n);
}

void ln_sparse_run(const ln_sparse_plan *plan, const ln_exec *exec, int32_t m, const void *a, const void *bias,
                   void *c) {
  if (plan->few.values != NULL) {
    ln_sparse_few_run(plan->dense, &plan->few, exec, m, a, bias, c);
    return;
  }
  product p = {plan, exec, m, (plan->b.n + plan->column_blocks - 1) / plan->column_blocks, a, bias, c};
  const int32_t granule = plan->dense->nr % plan->b.rows == 0 ? plan->dense->nr : plan->b.rows;
  p.columns = (p.columns + granule - 1) / granule * granule;
  ln_pool_run(exec->pool, (m + LN_SPARSE_PIXELS - 1) / LN_SPARSE_PIXELS * plan->column_blocks, product_task, &p);
}
