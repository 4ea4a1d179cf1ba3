/* Products of a few rows with a sparse B: cutting B into steps, and running them. */
#include "ops/sparse_few.h"

#include <string.h>

enum { MOST_COLUMNS = 16 }; /* of a kernel's block */

bool ln_sparse_few_applies(const ln_gemm_plan *dense, int32_t m) {
  const ln_sparse_few_kernel *kernel = LN_KERNEL_OF(sparse, few);
  return m <= LN_SPARSE_FEW_ROWS && ln_gemm_is_float(dense) && dense->half == NULL &&
         dense->segments * dense->segment_length >= kernel->window;
}

int32_t ln_sparse_few_columns(void) { return LN_KERNEL_OF(sparse, few)->lanes; }

/*
 * Picoseconds of one thread of a Sapphire Rapids, of a layer of 1600 by 128 with 50 to 95 % of zeros: what an element
 * of dense weights takes, whose bytes are waited for (from the second-level cache: farther away sparse ones gain more)
 * whatever the rows, and what a row takes for a step and a block.
 */
bool ln_sparse_few_is_cheaper(const ln_gemm_plan *dense, int64_t steps, int32_t m) {
  const ln_sparse_few_kernel *kernel = LN_KERNEL_OF(sparse, few);
  const double element = 32, step = kernel->lanes == 16 ? 4500 : 2200, block = 10000;
  const double whole = (double)dense->n * dense->segments * dense->segment_length * element;
  const double blocks = (double)(dense->n / kernel->lanes + 1);
  return kernel->is_fast && m * ((double)steps * step + blocks * block) * 1.1 < whole;
}

/* ---- steps ---- */

static int32_t next_of(const float *column, int32_t k, int32_t p) {
  while (p < k && column[p] == 0.0f) ++p;
  return p;
}

/*
 * A block's columns [lanes][k], each of which gives a step its next elements where they lie in the step's window, which
 * begins at the least of them. Returns the steps; written from step `at` on where `to` is not NULL, whose arrays lie in
 * zeros.
 */
static int64_t cut_steps(const ln_sparse_few_kernel *kernel, const float *columns, int32_t k, int64_t at,
                         const ln_sparse_few_parts *to) {
  int32_t next[MOST_COLUMNS];
  int64_t steps = 0;
  for (int32_t i = 0; i < kernel->lanes; ++i) next[i] = next_of(columns + (ptrdiff_t)i * k, k, 0);
  for (;; ++steps, ++at) {
    int32_t base = k;
    for (int32_t i = 0; i < kernel->lanes; ++i) base = next[i] < base ? next[i] : base;
    if (base == k) break;
    if (base > k - kernel->window) base = k - kernel->window;
    if (to != NULL) to->base[at] = (uint16_t)base;
    for (int32_t i = 0; i < kernel->lanes; ++i) {
      const float *column = columns + (ptrdiff_t)i * k;
      if (next[i] == k) continue;
      for (int32_t e = 0; e < LN_SPARSE_FEW && next[i] < base + kernel->window; ++e) {
        if (to != NULL) to->index[(at * kernel->lanes + i) * LN_SPARSE_FEW + e] = (uint8_t)(next[i] - base);
        if (to != NULL) to->values[(at * LN_SPARSE_FEW + e) * kernel->lanes + i] = column[next[i]];
        next[i] = next_of(column, k, next[i] + 1);
        if (next[i] == k) break;
      }
    }
  }
  return steps;
}

/* Columns [j, j + lanes), as far as there are any: the others are zeros. */
static void read_columns(const ln_weights *weights, int32_t n, int32_t k, int32_t j, int32_t lanes, float *columns) {
  const size_t count = (size_t)(n - j < lanes ? n - j : lanes) * (size_t)k, all = (size_t)lanes * (size_t)k;
  ln_weights_read(weights, (size_t)j * (size_t)k, count, columns);
  memset(columns + count, 0, (all - count) * sizeof *columns);
}

int64_t ln_sparse_few_count(const ln_gemm_plan *dense, const ln_weights *weights, float *columns) {
  const ln_sparse_few_kernel *kernel = LN_KERNEL_OF(sparse, few);
  const int32_t n = dense->n, k = dense->segments * dense->segment_length;
  int64_t steps = 0;
  for (int32_t j = 0; j < n; j += kernel->lanes) {
    read_columns(weights, n, k, j, kernel->lanes, columns);
    steps += cut_steps(kernel, columns, k, 0, NULL);
  }
  return steps;
}

ln_status ln_sparse_few_pack(ln_sparse_few_b *b, ln_prep *prep, const ln_weights *weights, int64_t steps,
                             float *columns) {
  const ln_sparse_few_kernel *kernel = LN_KERNEL_OF(sparse, few);
  const int32_t lanes = kernel->lanes, blocks = (b->n + lanes - 1) / lanes;
  /* Steps are at most the rows of B for each block: the plan bounds the elements. */
  const size_t indices = (size_t)steps * (size_t)lanes * LN_SPARSE_FEW, values = indices * sizeof(float);
  const size_t starts = (size_t)(blocks + 1) * sizeof(int32_t);
  const size_t bases = (size_t)steps * sizeof(uint16_t), bytes = values + indices + starts + bases;
  const int64_t key[4] = {b->n, b->k, lanes, ln_weights_form(weights)};
  bool fresh = false;
  char *block = ln_pack_cache_get(prep->cache, weights->tensor->data, "sparse_few", key, bytes, &fresh);
  if (block == NULL) return LN_ERR_MEMORY;
  const ln_sparse_few_parts parts = {(float *)(void *)block, (int32_t *)(void *)(block + values + indices),
                                     (uint16_t *)(void *)(block + values + indices + starts),
                                     (uint8_t *)(block + values)};
  if (fresh) {
    int64_t at = 0;
    memset(block, 0, bytes);
    for (int32_t g = 0; g < blocks; ++g) {
      read_columns(weights, b->n, b->k, g * lanes, lanes, columns);
      parts.starts[g] = (int32_t)at;
      at += cut_steps(kernel, columns, b->k, at, &parts);
    }
    parts.starts[blocks] = (int32_t)at;
  }
  b->values = parts.values;
  b->starts = parts.starts;
  b->base = parts.base;
  b->index = parts.index;
  return LN_OK;
}

/* ---- running ---- */

typedef struct product {
  const ln_gemm_plan *dense;
  const ln_sparse_few_b *b;
  int32_t m, blocks, part; /* blocks of a task */
  const float *a, *bias;
  float *c;
} product;

static void product_task(void *context, int32_t task, int32_t worker) {
  (void)worker;
  const product *p = context;
  const int32_t from = task * p->part, to = p->blocks - from < p->part ? p->blocks : from + p->part;
  LN_KERNEL_OF(sparse, few)->run(p->m, p->b, from, to, p->a, p->bias, p->c, p->dense->low, p->dense->high);
}

void ln_sparse_few_run(const ln_gemm_plan *dense, const ln_sparse_few_b *b, const ln_exec *exec, int32_t m,
                       const float *a, const float *bias, float *c) {
  const int32_t lanes = LN_KERNEL_OF(sparse, few)->lanes, blocks = (b->n + lanes - 1) / lanes;
  product p = {dense, b, m, blocks, blocks, a, bias, c};
  p.part = ln_pool_share(exec->pool, blocks, blocks, (int64_t)m * b->starts[blocks] * 2);
  ln_pool_run(exec->pool, (blocks - 1) / p.part + 1, product_task, &p);
}
