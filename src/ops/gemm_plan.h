/*
 * A prepared product C[m, n] = A[m, k] * B[k, n] + bias: what convolutions, fully-connected layers, batch products and
 * recurrent cells share. In a row's prepare:
 *
 *   ln_gemm_plan_f32(&plan, groups, n, segments, segment_length, low, high)      or ln_gemm_plan_q8 / ln_gemm_plan_i32
 *   (ln_gemm_plan_weights in place of the first where B are weights: they may then be kept in 16 bits)
 *   ln_gemm_plan_constant_b(&plan, prep, source, bias)      when B (and the bias) are constant: packs, fills plan.b
 *   else: take ln_gemm_pack_bytes(&plan) of node scratch, and in run ln_gemm_pack(&plan, ..., scratch, &b)
 *   node->thread_scratch_bytes = ln_gemm_thread_bytes(&plan, m)
 * and in its run: ln_gemm_run(&plan, &b, exec, m, a, a_row_stride, c, c_stride).
 *
 * A product of `groups` groups is that many independent products whose B are packed one after the other.
 */
#ifndef LN_OPS_GEMM_PLAN_H
#define LN_OPS_GEMM_PLAN_H

#include "ops/ops.h"
#include "ops/weights.h"

typedef enum ln_gemm_kind {
  LN_GEMM_F32, /* f32 x f32 -> f32 */
  LN_GEMM_Q8,  /* i8 or u8 -> i8 or u8, requantized */
  LN_GEMM_I32, /* i8 or u8 -> the int32 sums, zero points taken off */
  LN_GEMM_I16  /* i16 x i8 -> i16, requantized; A's and C's zero points are 0 */
} ln_gemm_kind;

/*
 * Where B lies before packing: element (group, p, j) is number group * group_stride + p * k_stride + j * n_stride of
 * `weights`, in any form that those come in. With `n_block`, columns come in blocks of that many, block_stride apart.
 */
typedef struct ln_gemm_source {
  const ln_weights *weights;
  size_t first; /* element that the strides count from */
  ptrdiff_t group_stride, k_stride, n_stride;
  int32_t n_block; /* 0: none; else k_stride is 1 */
  ptrdiff_t block_stride;
} ln_gemm_source;

/* B as kernels take it, all groups. */
typedef struct ln_gemm_b {
  const void *panels;
  const int32_t *column_sums; /* quantized: [groups * n] */
  const void *bias; /* f32: NULL or [groups * n]; quantized: [groups * panels * nr] with the corrections, or of
                       LN_GEMM_I16 an ln_gemm_i16_bias */
  bool narrow;      /* quantized: what ln_gemm_q8_params says of sums with the bias that B was packed with */
} ln_gemm_b;

/* What integers stand for: all in values of the stored types. */
typedef struct ln_gemm_quant {
  bool a_unsigned, b_unsigned, c_unsigned;
  int32_t a_zero, b_zero, c_zero;
  int32_t low, high;    /* of C */
  const double *scales; /* [1 or groups * n] real multipliers; NULL for LN_GEMM_I32 */
  int32_t scale_count;
  bool scale_real; /* results are scaled by ln_multiply_real */
  bool wide_bias;  /* LN_GEMM_I16: the bias is int64; without scale_real an int32 one makes results be rounded twice */
} ln_gemm_quant;

/* What the kernel sums in 32 bits of LN_GEMM_I16, and what takes 64. */
typedef struct ln_gemm_i16_bias {
  const int64_t *wide;   /* [groups * panels * nr] */
  const int32_t *narrow; /* the same, of panels that fit */
  const bool *fits;      /* [groups * panels]: no sum of the panel's columns passes what its scaling in vectors takes */
} ln_gemm_i16_bias;

typedef struct ln_gemm_plan {
  ln_gemm_kind kind;
  const ln_gemm_f32_kernel *f32;
  const ln_gemm_half_kernel *half; /* floats with B in 16 bits; else NULL */
  bool is_bfloat;                  /* which are bfloat16, else float16 */
  const ln_gemm_q8_kernel *q8;
  int32_t groups, n, segments, segment_length; /* k = segments * segment_length */
  int32_t mr, nr, panels;                      /* panels of one group */
  int32_t k_group;          /* a segment's rows may be read up to k_group - 1 elements past their end */
  int32_t a_bytes, c_bytes; /* of an element of A in the kernel's form, and of C */
  size_t panel_bytes, group_bytes;
  float low, high;
  ln_gemm_quant quant;
  int32_t row_factor;                /* times a row's sum: what the zero point of B adds; 0 for none */
  const int32_t *multiplier, *shift; /* [groups * panels * nr] */
  const double *reals;               /* the same, or NULL */
  bool in_floats;                    /* as ln_gemm_q8_params has it */
  const void *scales;                /* [groups * panels] of the kernel's fold_scales, with b.bias; or NULL */
  bool staged; /* what is packed in run goes through a buffer of one panel: set before its bytes are asked for */
  ln_gemm_b b; /* of a constant B; panels NULL when it is packed in run */
} ln_gemm_plan;

/* False when sizes overflow. Every extent is at least 1. */
bool ln_gemm_plan_f32(ln_gemm_plan *plan, int32_t groups, int32_t n, int32_t segments, int32_t segment_length,
                      float low, float high);
/* The same where B are `weights`: in 16 bits, if they are constant and the session's precision or their own type says
 * so. */
bool ln_gemm_plan_weights(ln_gemm_plan *plan, const ln_prep *prep, const ln_tensor *weights, int32_t groups, int32_t n,
                          int32_t segments, int32_t segment_length, float low, float high);
/* LN_ERR_MEMORY; sizes that overflow count as that. The multipliers are kept in the arena. */
ln_status ln_gemm_plan_q8(ln_gemm_plan *plan, ln_arena *arena, int32_t groups, int32_t n, int32_t segments,
                          int32_t segment_length, const ln_gemm_quant *quant);
/* For tensors of int16; what is packed must be constant, the bias int32 or int64 as `quant` says. */
ln_status ln_gemm_plan_i16(ln_gemm_plan *plan, ln_arena *arena, int32_t groups, int32_t n, int32_t segments,
                           int32_t segment_length, const ln_gemm_quant *quant);
ln_status ln_gemm_plan_i32(ln_gemm_plan *plan, int32_t groups, int32_t n, int32_t segments, int32_t segment_length,
                           const ln_gemm_quant *quant);

/* Packs a constant B through the cache and, for integers, a constant bias ([groups * n] i32 or, of int16 with a wide
 * bias, i64; or NULL) into plan->b.
 * In floats the bias is set to plan->b.bias as it is; leave it NULL and pass it in run when it is no constant. */
ln_status ln_gemm_plan_constant_b(ln_gemm_plan *plan, ln_prep *prep, const ln_gemm_source *source, const void *bias);
/* Bytes that ln_gemm_pack takes; false on overflow. */
bool ln_gemm_pack_bytes(const ln_gemm_plan *plan, size_t *bytes);
/* Packs B in run. `block` is LN_ALIGNMENT-aligned and keeps what `b` points to. */
void ln_gemm_pack(const ln_gemm_plan *plan, const ln_gemm_source *source, const void *bias, void *block, ln_gemm_b *b);
/* Integers with a constant B and a bias that is known in run only: `block` takes ln_gemm_bias_bytes. */
size_t ln_gemm_bias_bytes(const ln_gemm_plan *plan);
void ln_gemm_fold_bias(const ln_gemm_plan *plan, int32_t a_zero, const int32_t *bias, const int32_t *column_sums,
                       int32_t *folded);

/* Rows of A in the kernel's form, one group, panels [from, to) of it: the innermost step, on the caller's thread.
 * `c` is element 0 of the group's columns; strides of C in elements. `row_terms` [m] as ln_gemm_row_terms computes
 * them. */
void ln_gemm_rows(const ln_gemm_plan *plan, const ln_gemm_b *b, int32_t group, int32_t from, int32_t to, int32_t m,
                  const ln_gemm_a *a, const int32_t *row_terms, void *c, ptrdiff_t c_stride);
/* True when ln_gemm_rows needs row_terms. */
static inline bool ln_gemm_is_float(const ln_gemm_plan *plan) {
  return LN_HAS(LN_FLOAT32) && plan->kind == LN_GEMM_F32;
}
/* For node->kernel. */
static inline const char *ln_gemm_kernel_name(const ln_gemm_plan *plan) {
  if (!ln_gemm_is_float(plan)) return plan->q8->name;
  return plan->half != NULL ? plan->half->name : plan->f32->name;
}
static inline bool ln_gemm_needs_row_terms(const ln_gemm_plan *plan) { return plan->row_factor != 0; }
void ln_gemm_row_terms(const ln_gemm_plan *plan, int32_t m, const ln_gemm_a *a, int32_t *terms);

/* Bytes of an element of A's tensor. */
static inline size_t ln_gemm_a_item(const ln_gemm_plan *plan) {
  if (ln_gemm_is_float(plan)) return sizeof(float);
  return LN_HAS(LN_INT16) && plan->kind == LN_GEMM_I16 ? sizeof(int16_t) : 1;
}
/* True when tensors are in the kernel's form of A as they are. */
bool ln_gemm_a_is_direct(const ln_gemm_plan *plan);
/* Brings `count` elements of A's tensor into the kernel's form. */
void ln_gemm_convert_a(const ln_gemm_plan *plan, const void *source, size_t count, void *a);

/* About what m rows take on one thread of a fast CPU: what is shared among threads by. */
int64_t ln_gemm_nanoseconds(const ln_gemm_plan *plan, int64_t m);

/*
 * The whole product over the pool, one group of a plan of one segment. A is the tensor's data: rows of k contiguous
 * elements, a_row_stride elements apart.
 */
void ln_gemm_run(const ln_gemm_plan *plan, const ln_gemm_b *b, int32_t group, const ln_exec *exec, int32_t m,
                 const void *a, ptrdiff_t a_row_stride, void *c, ptrdiff_t c_stride);
/* Whether ln_gemm_run hands whole rows of C, which lie dense, to ln_exec_finish. */
bool ln_gemm_finishes(const ln_gemm_plan *plan, int32_t m);
/* Scratch of each thread that ln_gemm_run takes for products of up to m rows; false on overflow. */
bool ln_gemm_thread_bytes(const ln_gemm_plan *plan, int32_t m, size_t *bytes);

#endif
