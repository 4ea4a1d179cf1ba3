/* Products with a sparse B: what they cost, packing and running them. */
#include "ops/sparse_plan.h"

#include <string.h>

enum {
  MOST_DEPTH = 8192, /* a thread's scratch holds 64 pixels of all channels */
  LEAST_ZEROS = 50,  /* percent: below it no product was faster */
  MARGIN = 110,      /* percent: so much of the sparse product's time must be less than the dense one's */
  NEAR_BYTES = 24 << 10,
  SAMPLED_ROWS = 8,    /* of dense weights, before all are read */
  TASK_WORK = 1 << 18, /* elements of B times pixels that are worth a task of their own */
  MOST_COLUMN_BLOCKS = 8
};

/*
 * Picoseconds of one thread: least squares over the rows of `test_kernels_sparse --bench` on a Zen 4. Only their ratios
 * count, which vary less between processors than they do.
 *   dense:  m * n * (k * mac + store)
 *   sparse: pixels * (entries * entry + n * result + k * bring), pixels in whole vectors
 */
typedef struct costs {
  int32_t lanes;
  float mac, store;
  float entry[2]; /* of one column: where A's pixels lie in the first-level cache, and where they do not */
  float entry_4;  /* of four columns */
  float result, bring;
} costs;

static const costs *costs_of(ln_isa isa) {
  static const costs generic = {1, 200, 0, {900, 900}, 3600, 300, 0};
  static const costs avx2 = {8, 18, 40, {28, 36}, 83, 111, 85};
  static const costs avx512 = {16, 18, 37, {28, 32}, 70, 105, 80};
  return isa >= LN_ISA_AVX512 ? &avx512 : isa >= LN_ISA_AVX2 ? &avx2 : &generic;
}

/* How many entries B has by columns, and by groups of four that share theirs. */
typedef struct counts {
  int64_t by_1, by_4;
} counts;

static bool is_cheaper(const counts *entries, int32_t m, int32_t n, int32_t k, int32_t *rows) {
  const costs *c = costs_of(ln_cpu_isa());
  const double pixels = (double)((m + c->lanes - 1) / c->lanes * c->lanes);
  const bool far = (size_t)k * LN_SPARSE_PIXELS * sizeof(float) > NEAR_BYTES;
  const double by_1 = (double)entries->by_1 * c->entry[far ? 1 : 0];
  const double by_4 = n % 4 == 0 ? (double)entries->by_4 * c->entry_4 : by_1;
  *rows = by_4 < by_1 ? 4 : 1;
  const double sparse = pixels * ((by_4 < by_1 ? by_4 : by_1) + (double)n * c->result + (double)k * c->bring);
  const double dense = (double)m * n * ((double)k * c->mac + c->store);
  return sparse * MARGIN < dense * 100;
}

/* ---- packing ---- */

/* Whether a few rows of dense weights have as many zeros as it takes: most weights have none. */
static bool may_be_sparse(const ln_weights *weights, int32_t n, int32_t k, float *row) {
  if (weights->tensor->sparsity != NULL) return true;
  int64_t zeros = 0, seen = 0;
  const int32_t step = n > SAMPLED_ROWS ? n / SAMPLED_ROWS : 1;
  for (int32_t j = 0; j < n; j += step, seen += k) {
    ln_weights_read(weights, (size_t)j * (size_t)k, (size_t)k, row);
    for (int32_t p = 0; p < k; ++p) zeros += row[p] == 0.0f ? 1 : 0;
  }
  return zeros * 100 >= seen * LEAST_ZEROS;
}

/* Columns [j, j + 4) as far as there are any, [4][k]. */
static void read_group(const ln_weights *weights, int32_t j, int32_t n, int32_t k, float *group) {
  const int32_t columns = n - j < 4 ? n - j : 4;
  ln_weights_read(weights, (size_t)j * (size_t)k, (size_t)columns * (size_t)k, group);
  memset(group + (ptrdiff_t)columns * k, 0, (size_t)(4 - columns) * (size_t)k * sizeof(float));
}

static counts count_entries(const ln_weights *weights, int32_t n, int32_t k, float *group) {
  counts out = {0, 0};
  for (int32_t j = 0; j < n; j += 4) {
    read_group(weights, j, n, k, group);
    for (int32_t p = 0; p < k; ++p) {
      int32_t count = 0;
      for (int32_t r = 0; r < 4; ++r) count += group[(ptrdiff_t)r * k + p] != 0.0f ? 1 : 0;
      out.by_1 += count;
      out.by_4 += count > 0 ? 1 : 0;
    }
  }
  return out;
}

/* Parts of a packed block: values first, which are the widest. */
typedef struct parts {
  float *values;
  int32_t *starts;
  uint16_t *index;
} parts;

static void pack(const ln_weights *weights, const ln_sparse_b *b, float *group, const parts *to) {
  int32_t at = 0;
  for (int32_t j = 0; j < b->n; j += 4) {
    read_group(weights, j, b->n, b->k, group);
    for (int32_t first = 0; first < 4 && j + first < b->n; first += b->rows) {
      to->starts[(j + first) / b->rows] = at;
      const float *column = group + (ptrdiff_t)first * b->k;
      for (int32_t p = 0; p < b->k; ++p) {
        bool any = false;
        for (int32_t r = 0; r < b->rows; ++r) any = any || column[(ptrdiff_t)r * b->k + p] != 0.0f;
        if (!any) continue;
        for (int32_t r = 0; r < b->rows; ++r) to->values[(ptrdiff_t)at * b->rows + r] = column[(ptrdiff_t)r * b->k + p];
        to->index[at++] = (uint16_t)p;
      }
    }
  }
  to->starts[b->n / b->rows] = at;
}

static ln_status pack_through_cache(ln_sparse_plan *plan, ln_prep *prep, const ln_weights *weights, int64_t entries,
                                    float *group) {
  ln_sparse_b *b = &plan->b;
  const size_t count = (size_t)entries, starts = (size_t)(b->n / b->rows + 1) * sizeof(int32_t);
  const size_t values = count * (size_t)b->rows * sizeof(float); /* no more than B has elements, which lie in memory */
  const int64_t numbers[4] = {b->n, b->k, b->rows, ln_weights_form(weights)};
  bool fresh = false;
  char *block = ln_pack_cache_get(prep->cache, weights->tensor->data, "sparse_f32", numbers,
                                  values + starts + count * sizeof(uint16_t) + 1, &fresh);
  if (block == NULL) return LN_ERR_MEMORY;
  const parts to = {(float *)(void *)block, (int32_t *)(void *)(block + values),
                    (uint16_t *)(void *)(block + values + starts)};
  if (fresh) pack(weights, b, group, &to);
  b->values = to.values;
  b->starts = to.starts;
  b->index = to.index;
  return LN_OK;
}

ln_status ln_sparse_plan_f32(ln_sparse_plan *plan, ln_prep *prep, const ln_weights *weights, int32_t m, int32_t n,
                             int32_t k) {
  *plan = (ln_sparse_plan){.b = {.n = n, .k = k, .rows = 1}, .blocks_of_columns = 1};
  if (!LN_HAS_SPARSE || k > MOST_DEPTH || (int64_t)n * k > INT32_MAX / 4) return LN_OK;
  float *group = ln_alloc(4 * (size_t)k * sizeof *group);
  if (group == NULL) return LN_ERR_MEMORY;
  ln_status status = LN_OK;
  if (may_be_sparse(weights, n, k, group)) {
    const counts entries = count_entries(weights, n, k, group);
    if (is_cheaper(&entries, m, n, k, &plan->b.rows))
      status = pack_through_cache(plan, prep, weights, plan->b.rows == 4 ? entries.by_4 : entries.by_1, group);
  }
  ln_free(group);
  plan->thread_bytes = ln_sparse_scratch_bytes(k);
  const int64_t work = (int64_t)n * k * (m < LN_SPARSE_PIXELS ? m : LN_SPARSE_PIXELS) / TASK_WORK;
  if (m <= 4 * LN_SPARSE_PIXELS && work > 1)
    plan->blocks_of_columns = work < MOST_COLUMN_BLOCKS ? (int32_t)work : MOST_COLUMN_BLOCKS;
  return status;
}

/* ---- running ---- */

typedef struct product {
  const ln_sparse_plan *plan;
  const ln_exec *exec;
  int32_t m, rows, columns; /* rows and columns of a task */
  const float *a, *bias;
  float *c;
  float low, high;
} product;

static void product_task(void *context, int32_t task, int32_t worker) {
  const product *p = context;
  const ln_sparse_b *whole = &p->plan->b;
  const int32_t row = task / p->plan->blocks_of_columns * p->rows;
  const int32_t from = task % p->plan->blocks_of_columns * p->columns;
  const int32_t m = p->m - row < p->rows ? p->m - row : p->rows;
  ln_sparse_b b = *whole;
  b.starts += from / b.rows;
  b.n = whole->n - from < p->columns ? whole->n - from : p->columns;
  if (b.n <= 0) return;
  LN_KERNEL_OF(sparse, f32)
  (m, &b, p->a + (ptrdiff_t)row * b.k, b.k, p->bias == NULL ? NULL : p->bias + from,
   p->c + (ptrdiff_t)row * whole->n + from, whole->n, p->low, p->high, ln_exec_thread_scratch(p->exec, worker));
}

void ln_sparse_run_f32(const ln_sparse_plan *plan, const ln_exec *exec, int32_t m, const float *a, const float *bias,
                       float *c, float low, float high) {
  product p = {plan, exec, m, LN_SPARSE_PIXELS, plan->b.n, a, bias, c, low, high};
  p.columns = (plan->b.n + plan->blocks_of_columns - 1) / plan->blocks_of_columns;
  p.columns = (p.columns + plan->b.rows - 1) / plan->b.rows * plan->b.rows;
  ln_pool_run(exec->pool, (m + p.rows - 1) / p.rows * plan->blocks_of_columns, product_task, &p);
}
