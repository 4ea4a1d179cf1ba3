/*
 * Depthwise convolution, one output row at a time. A depth multiplier above one is the caller's: it repeats input
 * channels, so that here output channel c reads input channel c.
 */
#ifndef LN_KERNELS_DWCONV_H
#define LN_KERNELS_DWCONV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What all rows of one convolution share. */
typedef struct ln_dwconv_shape {
  int32_t kernel_h, kernel_w;
  int32_t stride_w, dilation_w;
  int32_t in_w, out_w;
  int32_t pad_left; /* tap kx of output x reads column x * stride_w + kx * dilation_w - pad_left; outside: padding */
  int32_t channels;
} ln_dwconv_shape;

/*
 * A row of outputs for channels [first, last). `first` is a multiple of the kernel's block; `last` is one too, or the
 * number of channels.
 */
typedef struct ln_dwconv_row {
  const void *const *rows; /* [kernel_h] the input row under each row of taps, [in_w, channels]; NULL: all padding */
  void *out;               /* [out_w, channels] */
  int32_t first, last;
  void *scratch; /* the kernel's own, scratch_bytes, LN_ALIGNMENT-aligned; holds nothing between calls */
} ln_dwconv_row;

/* ---- float ---- */

typedef struct ln_dwconv_f32 {
  ln_dwconv_shape shape;
  const float *weights; /* packed: ceil(channels / block) blocks of [kernel_h * kernel_w, block], zeros past the end */
  const float *bias;    /* [channels] or NULL */
  float low, high;      /* range of the fused activation */
} ln_dwconv_f32;

/* Sums start from the bias and run over the taps in row-major order, those in the padding left out; each step may be
 * fused or not. Within kernel_h * kernel_w roundings of the exact result. */
typedef void ln_dwconv_f32_fn(const ln_dwconv_f32 *args, const ln_dwconv_row *row);

typedef struct ln_dwconv_f32_kernel {
  ln_dwconv_f32_fn *run;
  int32_t block;
} ln_dwconv_f32_kernel;

/* filter [taps, channels] into the packed form; `packed` holds ceil(channels / block) * taps * block floats. */
void ln_k_dwconv_pack_f32(int32_t block, int32_t taps, int32_t channels, const float *filter, float *packed);

/* ---- 8-bit, signed or unsigned ---- */

/* The numbers of each output channel, [channels]: what a kernel folds into its own form. */
typedef struct ln_dwconv_q8_channels {
  int32_t channels;
  const int32_t *bias;        /* NULL: zeros */
  const int32_t *weight_sums; /* of (weight - zero point) over all taps */
  const int32_t *multipliers; /* as ln_multiply_quantized takes them */
  const int32_t *shifts;
  int32_t in_zero, out_zero; /* as stored */
  bool is_signed;
  int64_t bound; /* no sum (bias + products) passes it in absolute value */
} ln_dwconv_q8_channels;

typedef struct ln_dwconv_q8 {
  ln_dwconv_shape shape;
  const void *weights;       /* packed by the kernel's pack */
  const void *params;        /* made by the kernel's fold */
  int32_t in_zero, out_zero; /* as stored */
  int32_t low, high;         /* output range in stored values */
  bool is_signed;            /* inputs and outputs are int8, else uint8 */
} ln_dwconv_q8;

/* out = clamp(ln_multiply_quantized(bias + sum of (in - in_zero) * weight, ...) + out_zero, low, high), exactly; sums
 * wrap at 32 bits. Padding adds nothing. */
typedef void ln_dwconv_q8_fn(const ln_dwconv_q8 *args, const ln_dwconv_row *row);

typedef struct ln_dwconv_q8_kernel {
  ln_dwconv_q8_fn *run;
  int32_t block;
  size_t (*weight_bytes)(const ln_dwconv_shape *shape, bool is_signed);
  /* filter: [taps, channels] stored values, of which `zero` is subtracted: results lie in [-255, 255]. */
  void (*pack)(const ln_dwconv_shape *shape, const void *filter, bool is_signed, int32_t zero, void *packed);
  size_t (*param_bytes)(int32_t channels);
  void (*fold)(const ln_dwconv_q8_channels *channels, void *params);
  size_t (*scratch_bytes)(const ln_dwconv_shape *shape);
} ln_dwconv_q8_kernel;

/* ---- 16-bit activations, 8-bit weights ---- */

enum { LN_DWCONV_I16_BLOCK = 32 }; /* channels that are summed together */

typedef struct ln_dwconv_i16 {
  ln_dwconv_shape shape;
  const int8_t *filter;                /* [taps, channels] */
  const int64_t *bias;                 /* [channels] or NULL */
  const int32_t *bias32;               /* the same in 32 bits; one of the two at most */
  const int32_t *multipliers, *shifts; /* [channels] and up to a whole block */
  const bool *fits;                    /* of each block: no sum passes int32, no shift 14; NULL: of none */
  const int32_t *narrow_bias;          /* [channels] of blocks that fit */
  int32_t low, high;
} ln_dwconv_i16;

/* 64-bit sums, ln_multiply_quantized_i64, zero points of 0. row->first begins a block. */
void ln_k_dwconv_i16(const ln_dwconv_i16 *args, const ln_dwconv_row *row);

/* Of a block that fits, n channels from `first` on: sums [pixels, LN_DWCONV_I16_BLOCK] of outputs x, x + 1, ... with
 * their bias; what is behind n may be written. */
typedef void ln_dwconv_i16_fn(const ln_dwconv_i16 *args, const ln_dwconv_row *row, int32_t x, int32_t pixels,
                              int32_t first, int32_t n, int32_t *sums);

/* ---- float activations quantized at run time, 8-bit weights ---- */

typedef struct ln_dwconv_hybrid {
  ln_dwconv_shape shape;
  const int8_t *filter; /* [taps, channels] */
  const float *scales;  /* [channels] of the filter */
  const float *bias;    /* [channels] or NULL */
  float in_scale;       /* of the rows, which are int8 */
  int32_t in_zero;      /* a value of int8 */
  float low, high;
} ln_dwconv_hybrid;

/* out = clamp(sum of (in - in_zero) * weight as float * scale * in_scale + bias), to the bit: sums wrap at 32 bits, and
 * products of floats are rounded one by one. `first` is any channel. */
typedef void ln_dwconv_hybrid_fn(const ln_dwconv_hybrid *args, const ln_dwconv_row *row);

typedef struct ln_dwconv_kernels {
  const ln_dwconv_f32_kernel *f32;
  const ln_dwconv_q8_kernel *q8;
  ln_dwconv_i16_fn *i16;
  ln_dwconv_hybrid_fn *hybrid;
} ln_dwconv_kernels;

/* The taps [begin, end) of output `x` that lie inside the row. */
static inline void ln_dwconv_taps(const ln_dwconv_shape *s, int32_t x, int32_t *begin, int32_t *end) {
  const int64_t column = (int64_t)x * s->stride_w - s->pad_left; /* of tap 0 */
  const int64_t d = s->dilation_w;
  const int64_t from = column < 0 ? (-column + d - 1) / d : 0;
  const int64_t inside = (int64_t)s->in_w - column; /* columns from tap 0 to the row's end */
  const int64_t to = inside <= 0 ? 0 : (inside + d - 1) / d;
  *end = (int32_t)(to < s->kernel_w ? to : s->kernel_w);
  *begin = (int32_t)(from < *end ? from : *end);
}

#endif
