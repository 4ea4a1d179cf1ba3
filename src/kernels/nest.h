/*
 * Broadcasting element-wise loops: a nest of loops around blocks of contiguous rows. The nest is built once from shapes
 * (ops/elementwise.c); kernels see blocks only.
 */
#ifndef LN_KERNELS_NEST_H
#define LN_KERNELS_NEST_H

#include <stddef.h>
#include <stdint.h>

enum { LN_NEST_RANK = 8, LN_NEST_INPUTS = 3 };

/* The output of a block is dense: row r begins r * columns elements after the first. */
typedef struct ln_block {
  size_t rows, columns;
  size_t row_step[LN_NEST_INPUTS];    /* elements from a row of an input to its next; 0: the same row again */
  size_t column_step[LN_NEST_INPUTS]; /* 1, or 0 where one element serves the whole row */
} ln_block;

/* Loops in which no iteration reads what another writes, though an output may stand where its input stood. */
#if defined(__clang__)
#define LN_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define LN_INDEPENDENT _Pragma("GCC ivdep")
#else
#define LN_INDEPENDENT
#endif

#endif
