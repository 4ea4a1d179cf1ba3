/*
 * 8-bit depthwise convolution with NEON: inputs widened to int16 with their zero point taken off, eight channels at a
 * time. Of square kernels four neighbouring outputs are computed together, so that an input that is loaded once serves
 * all of them whose window it lies in.
 *
 * Packed weights: blocks of 8 channels: [taps][8] int16. Params likewise, [PARAM_COUNT][8] behind a header.
 */
#include <arm_neon.h>
#include <string.h>

#include "kernels/arm/requantize.h"
#include "kernels/dwconv.h"
#include "kernels/rows.h"

enum { BLOCK = 8, TILE = 4, MAX_DILATION = 1 << 20 /* of tiles: keeps columns within 32 bits */ };
enum { HEADER = 16 /* params: first of it whether ln_requantize_neon_right serves */ };
enum { PARAM_BIAS, PARAM_MULTIPLIER, PARAM_LEFT, PARAM_RIGHT, PARAM_COUNT };

static int32_t block_count(int32_t channels) { return (channels + BLOCK - 1) / BLOCK; }

static size_t weight_bytes(const ln_dwconv_shape *shape, bool is_signed) {
  (void)is_signed;
  return (size_t)block_count(shape->channels) * (size_t)(shape->kernel_h * shape->kernel_w) * BLOCK * sizeof(int16_t);
}

static void pack(const ln_dwconv_shape *shape, const void *filter, bool is_signed, int32_t zero, void *packed) {
  const int32_t taps = shape->kernel_h * shape->kernel_w;
  int16_t *out = packed;
  for (int32_t c = 0; c < shape->channels; c += BLOCK) {
    for (int32_t tap = 0; tap < taps; ++tap) {
      for (int32_t i = 0; i < BLOCK; ++i) {
        const ptrdiff_t at = (ptrdiff_t)tap * shape->channels + c + i;
        const int32_t stored = c + i >= shape->channels ? zero
                               : is_signed              ? ((const int8_t *)filter)[at]
                                                        : ((const uint8_t *)filter)[at];
        *out++ = (int16_t)(stored - zero);
      }
    }
  }
}

static size_t param_bytes(int32_t channels) {
  return (HEADER + (size_t)block_count(channels) * BLOCK * PARAM_COUNT) * sizeof(int32_t);
}

/* Whether each channel is shifted to the right, or multiplied by 0, and no sum is large. */
static int32_t all_right(const ln_dwconv_q8_channels *q) {
  bool right = q->bound < (INT64_C(1) << 30);
  for (int32_t c = 0; c < q->channels && right; ++c) right = q->shifts[c] < 0 || q->multipliers[c] == 0;
  return right ? 1 : 0;
}

static void fold(const ln_dwconv_q8_channels *q, void *params) {
  memset(params, 0, param_bytes(q->channels));
  *(int32_t *)params = all_right(q);
  for (int32_t c = 0; c < q->channels; ++c) {
    int32_t *out = (int32_t *)params + HEADER + (ptrdiff_t)(c / BLOCK) * BLOCK * PARAM_COUNT + c % BLOCK;
    out[PARAM_BIAS * BLOCK] = q->bias == NULL ? 0 : q->bias[c];
    out[PARAM_MULTIPLIER * BLOCK] = q->multipliers[c];
    out[PARAM_LEFT * BLOCK] = q->shifts[c] > 0 ? q->shifts[c] : 0;
    out[PARAM_RIGHT * BLOCK] = q->shifts[c] > 0 ? 0 : q->shifts[c];
  }
}

static size_t scratch_bytes(const ln_dwconv_shape *shape) {
  (void)shape;
  return 0;
}

/* What all outputs of a block of channels share. */
typedef struct block_at {
  int right; /* ln_requantize_neon_right serves, and results are far from where they would wrap */
  const int16_t *weights;
  const int32_t *params;
  int32_t n; /* channels that there are */
  uint8x8_t zero, low, high;
  int32_t out_zero;
} block_at;

LN_INLINE block_at block_of(const ln_dwconv_q8 *args, int32_t c, int32_t last) {
  const int32_t taps = args->shape.kernel_h * args->shape.kernel_w;
  block_at b;
  b.weights = (const int16_t *)args->weights + (ptrdiff_t)c * taps;
  b.params = (const int32_t *)args->params + HEADER + (ptrdiff_t)c * PARAM_COUNT;
  b.n = last - c < BLOCK ? last - c : BLOCK;
  b.zero = vdup_n_u8((uint8_t)args->in_zero);
  b.low = vdup_n_u8((uint8_t)args->low);
  b.high = vdup_n_u8((uint8_t)args->high);
  b.out_zero = args->out_zero;
  b.right = *(const int32_t *)args->params;
  return b;
}

/* Eight channels of an input, less the zero point. */
LN_INLINE int16x8_t load_input(const uint8_t *in, const block_at *b, const int is_signed, const int tail) {
  uint8x8_t bytes;
  if (tail) {
    uint8_t copy[BLOCK] = {0};
    memcpy(copy, in, (size_t)b->n);
    bytes = vld1_u8(copy);
  } else {
    bytes = vld1_u8(in);
  }
  if (is_signed) return vsubl_s8(vreinterpret_s8_u8(bytes), vreinterpret_s8_u8(b->zero));
  return vreinterpretq_s16_u16(vsubl_u8(bytes, b->zero));
}

LN_INLINE int32x4_t param(const block_at *b, int which, int half) {
  return vld1q_s32(b->params + which * BLOCK + 4 * half);
}

LN_INLINE void add_product(int32x4_t *sum, int16x8_t value, int16x8_t weight) {
  sum[0] = vmlal_s16(sum[0], vget_low_s16(value), vget_low_s16(weight));
  sum[1] = vmlal_high_s16(sum[1], value, weight);
}

LN_INLINE void store_output(const block_at *b, const ln_requantize_neon *scale, const int32x4_t *sum, uint8_t *out,
                            const int is_signed, const int right, const int tail) {
  int16x8_t words;
  if (right) {
    const int32x4_t first = ln_requantize_neon_right(&scale[0], sum[0]);
    words = vqmovn_high_s32(vqmovn_s32(first), ln_requantize_neon_right(&scale[1], sum[1]));
    words = vqaddq_s16(words, vdupq_n_s16((int16_t)b->out_zero));
  } else {
    const int32x4_t out_zero = vdupq_n_s32(b->out_zero);
    const int32x4_t first = vaddq_s32(ln_requantize_neon_run(&scale[0], sum[0]), out_zero);
    words = vqmovn_high_s32(vqmovn_s32(first), vaddq_s32(ln_requantize_neon_run(&scale[1], sum[1]), out_zero));
  }
  int8x8_t bytes;
  if (is_signed) {
    const int8x8_t raised = vmax_s8(vqmovn_s16(words), vreinterpret_s8_u8(b->low));
    bytes = vmin_s8(raised, vreinterpret_s8_u8(b->high));
  } else {
    bytes = vreinterpret_s8_u8(vmin_u8(vmax_u8(vqmovun_s16(words), b->low), b->high));
  }
  if (tail) ln_store_bytes_neon(out, bytes, b->n);
  else vst1_s8((int8_t *)out, bytes);
}

LN_INLINE void load_scale(const block_at *b, ln_requantize_neon *scale) {
  for (int half = 0; half < 2; ++half) {
    scale[half].multiplier = param(b, PARAM_MULTIPLIER, half);
    scale[half].left = param(b, PARAM_LEFT, half);
    scale[half].right = param(b, PARAM_RIGHT, half);
  }
}

/* One output of any kernel. */
static __attribute__((noinline)) void any_block(const ln_dwconv_q8 *args, const ln_dwconv_row *row, int32_t x,
                                                int32_t c, const block_at *b) {
  const ln_dwconv_shape *s = &args->shape;
  int32_t begin, end;
  ln_dwconv_taps(s, x, &begin, &end);
  const ptrdiff_t column = (ptrdiff_t)x * s->stride_w - s->pad_left;
  int32x4_t sum[2] = {param(b, PARAM_BIAS, 0), param(b, PARAM_BIAS, 1)};
  for (int32_t ky = 0; ky < s->kernel_h; ++ky) {
    if (row->rows[ky] == NULL) continue;
    const uint8_t *in = (const uint8_t *)row->rows[ky] + c;
    const int16_t *weights = b->weights + (ptrdiff_t)ky * s->kernel_w * BLOCK;
    for (int32_t kx = begin; kx < end; ++kx) {
      const uint8_t *pixel = in + (column + (ptrdiff_t)kx * s->dilation_w) * s->channels;
      const int16x8_t value =
          args->is_signed ? load_input(pixel, b, 1, b->n < BLOCK) : load_input(pixel, b, 0, b->n < BLOCK);
      add_product(sum, value, vld1q_s16(weights + kx * BLOCK));
    }
  }
  ln_requantize_neon scale[2];
  load_scale(b, scale);
  uint8_t *out = (uint8_t *)row->out + (ptrdiff_t)x * s->channels + c;
  if (args->is_signed) store_output(b, scale, sum, out, 1, 0, b->n < BLOCK);
  else store_output(b, scale, sum, out, 0, 0, b->n < BLOCK);
}

/* One tile: outputs [x, x + tile), all channels. */
typedef struct tile_at {
  const uint8_t *in[5]; /* column 0 of the tile's first window in each row of taps; NULL in the padding */
  uint8_t *out;
  int32_t x;          /* the first output */
  ptrdiff_t step;     /* bytes from a column to the next, and from an output to the next */
  int32_t begin, end; /* the tile's columns that lie inside the row, counted from that column 0 */
} tile_at;

/* Which of a tile's columns lie in the padding: none, the first, the last, or what `begin` and `end` say. */
enum { EDGE_NONE, EDGE_FIRST, EDGE_LAST, EDGE_ANY };

LN_INLINE void tile_block(const tile_at *at, const block_at *b, int32_t c, const int kernel, const int stride,
                          const int tile, const int edge, const int is_signed) {
  const int columns = (tile - 1) * stride + kernel;
  int32x4_t sum[TILE][2];
#pragma GCC unroll 4
  for (int t = 0; t < tile; ++t) {
    sum[t][0] = param(b, PARAM_BIAS, 0);
    sum[t][1] = param(b, PARAM_BIAS, 1);
  }
#pragma GCC unroll 1
  for (int ky = 0; ky < kernel; ++ky) {
    if (at->in[ky] == NULL) continue;
    const uint8_t *in = at->in[ky] + c;
    int16x8_t taps[5];
#pragma GCC unroll 5
    for (int kx = 0; kx < kernel; ++kx) taps[kx] = vld1q_s16(b->weights + (ky * kernel + kx) * BLOCK);
#pragma GCC unroll 16
    for (int j = 0; j < columns; ++j) {
      if (edge == EDGE_ANY && (j < at->begin || j >= at->end)) continue;
      if ((edge == EDGE_FIRST && j == 0) || (edge == EDGE_LAST && j == columns - 1)) continue;
      const int16x8_t value = load_input(in + j * at->step, b, is_signed, 0);
#pragma GCC unroll 4
      for (int t = 0; t < tile; ++t) {
        const int kx = j - t * stride;
        if (kx >= 0 && kx < kernel) add_product(sum[t], value, taps[kx]);
      }
    }
  }
  ln_requantize_neon scale[2];
  load_scale(b, scale);
#pragma GCC unroll 4
  for (int t = 0; t < tile; ++t) {
    uint8_t *out = at->out + t * at->step + c;
    if (b->right) store_output(b, scale, sum[t], out, is_signed, 1, 0);
    else store_output(b, scale, sum[t], out, is_signed, 0, 0);
  }
}

/* A tile's blocks of channels. */
LN_INLINE void blocks(const ln_dwconv_q8 *args, const ln_dwconv_row *row, const tile_at *at, const int kernel,
                      const int stride, const int tile, const int edge, const int is_signed) {
  for (int32_t c = row->first; c < row->last; c += BLOCK) {
    const block_at b = block_of(args, c, row->last);
    if (b.n == BLOCK) tile_block(at, &b, c, kernel, stride, tile, edge, is_signed);
    else
      for (int t = 0; t < tile; ++t) any_block(args, row, at->x + t * args->shape.dilation_w, c, &b);
  }
}

/* The columns of the tile that begins at output `x` stand `dilation` columns apart, and so do its outputs. */
LN_INLINE void tile_row(const ln_dwconv_q8 *args, const ln_dwconv_row *row, int32_t x, const int kernel,
                        const int stride, const int tile, const int is_signed) {
  const ln_dwconv_shape *s = &args->shape;
  const int32_t column = x * stride - s->pad_left;
  tile_at at = {
      .x = x, .out = (uint8_t *)row->out + (ptrdiff_t)x * s->channels, .step = (ptrdiff_t)s->channels * s->dilation_w};
  at.begin = column < 0 ? (-column + s->dilation_w - 1) / s->dilation_w : 0;
  at.end = column < s->in_w ? (s->in_w - column - 1) / s->dilation_w + 1 : 0;
  for (int ky = 0; ky < kernel; ++ky) {
    const uint8_t *in = row->rows[ky];
    at.in[ky] = in == NULL ? NULL : in + (ptrdiff_t)column * s->channels;
  }
  const int columns = (tile - 1) * stride + kernel;
  if (tile > 1 && at.begin == 0 && at.end >= columns)
    blocks(args, row, &at, kernel, stride, tile, EDGE_NONE, is_signed);
  else if (tile > 1 && at.begin == 1 && at.end >= columns)
    blocks(args, row, &at, kernel, stride, tile, EDGE_FIRST, is_signed);
  else if (tile > 1 && at.begin == 0 && at.end == columns - 1)
    blocks(args, row, &at, kernel, stride, tile, EDGE_LAST, is_signed);
  else blocks(args, row, &at, kernel, stride, tile, EDGE_ANY, is_signed);
}

/* The last tile overlaps the one before where that costs less than going
 * output by output. Dilated kernels take every
 * dilation-th output together. */
LN_INLINE void square_row(const ln_dwconv_q8 *args, const ln_dwconv_row *row, const int kernel, const int stride,
                          const int is_signed) {
  const ln_dwconv_shape *s = &args->shape;
  const int32_t d = s->dilation_w;
  for (int32_t from = 0; from < d && from < s->out_w; ++from) {
    const int32_t count = (s->out_w - from - 1) / d + 1; /* outputs from, from + d, ... */
    const int32_t rest = count % TILE, alone = count < TILE || rest < 3 ? rest : 0;
    for (int32_t i = count - alone; i < count; ++i) {
      tile_row(args, row, from + i * d, kernel, stride, 1, is_signed);
    }
    for (int32_t next = 0; next < count - alone; next += TILE) {
      const int32_t x = from + (next + TILE <= count ? next : count - TILE) * d;
      tile_row(args, row, x, kernel, stride, TILE, is_signed);
    }
  }
}

#define SQUARE(name, kernel, stride)                                          \
  static void name##_i8(const ln_dwconv_q8 *args, const ln_dwconv_row *row) { \
    square_row(args, row, kernel, stride, 1);                                 \
  }                                                                           \
  static void name##_u8(const ln_dwconv_q8 *args, const ln_dwconv_row *row) { \
    square_row(args, row, kernel, stride, 0);                                 \
  }
SQUARE(square_3_1, 3, 1)
SQUARE(square_3_2, 3, 2)
SQUARE(square_5_1, 5, 1)
SQUARE(square_5_2, 5, 2)
#undef SQUARE

static void any_row(const ln_dwconv_q8 *args, const ln_dwconv_row *row) {
  for (int32_t c = row->first; c < row->last; c += BLOCK) {
    const block_at b = block_of(args, c, row->last);
    for (int32_t x = 0; x < args->shape.out_w; ++x) any_block(args, row, x, c, &b);
  }
}

static void run(const ln_dwconv_q8 *args, const ln_dwconv_row *row) {
  const ln_dwconv_shape *s = &args->shape;
  const bool square = s->kernel_h == s->kernel_w && (s->kernel_h == 3 || s->kernel_h == 5) && s->stride_w <= 2 &&
                      (s->dilation_w == 1 || (s->stride_w == 1 && s->dilation_w < MAX_DILATION));
  static ln_dwconv_q8_fn *const kernels[8] = {square_3_1_u8, square_3_1_i8, square_3_2_u8, square_3_2_i8,
                                              square_5_1_u8, square_5_1_i8, square_5_2_u8, square_5_2_i8};
  if (!square) any_row(args, row);
  else kernels[(s->kernel_h == 5 ? 4 : 0) + (s->stride_w - 1) * 2 + (args->is_signed ? 1 : 0)](args, row);
}

const ln_dwconv_q8_kernel dwconv_q8_8_neon = {run, BLOCK, weight_bytes, pack, param_bytes, fold, scratch_bytes};
