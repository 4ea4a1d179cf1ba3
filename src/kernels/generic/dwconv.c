/* Depthwise convolution in plain C: the contract that faster tiers are held to. */
#include "kernels/dwconv.h"

#include <string.h>

#include "kernels/quant.h"

enum { BLOCK = 32 };

void ln_k_dwconv_pack_f32(int32_t block, int32_t taps, int32_t channels, const float *filter, float *packed) {
  for (int32_t first = 0; first < channels; first += block) {
    const int32_t n = channels - first < block ? channels - first : block;
    for (int32_t t = 0; t < taps; ++t, packed += block) {
      memcpy(packed, filter + (ptrdiff_t)t * channels + first, (size_t)n * sizeof(float));
      for (int32_t i = n; i < block; ++i) packed[i] = 0.0f;
    }
  }
}

/* Channels [c, c + n), n <= BLOCK, of output pixel x. */
static void pixel_f32(const ln_dwconv_f32 *args, const ln_dwconv_row *row, int32_t x, int32_t c, int32_t n) {
  const ln_dwconv_shape *s = &args->shape;
  const float *weights = args->weights + (ptrdiff_t)(c / BLOCK) * s->kernel_h * s->kernel_w * BLOCK;
  int32_t begin, end;
  ln_dwconv_taps(s, x, &begin, &end);
  float sum[BLOCK] = {0};
  for (int32_t i = 0; i < n && args->bias != NULL; ++i) sum[i] = args->bias[c + i];
  for (int32_t ky = 0; ky < s->kernel_h; ++ky) {
    if (row->rows[ky] == NULL) continue;
    const float *in = (const float *)row->rows[ky] + c;
    for (int32_t kx = begin; kx < end; ++kx) {
      const ptrdiff_t column = (ptrdiff_t)x * s->stride_w + (ptrdiff_t)kx * s->dilation_w - s->pad_left;
      const float *pixel = in + column * s->channels;
      const float *w = weights + ((ptrdiff_t)ky * s->kernel_w + kx) * BLOCK;
      for (int32_t i = 0; i < n; ++i) sum[i] += pixel[i] * w[i];
    }
  }
  float *out = (float *)row->out + (ptrdiff_t)x * s->channels + c;
  for (int32_t i = 0; i < n; ++i) out[i] = ln_clamp_f32(sum[i], args->low, args->high);
}

static void run_f32(const ln_dwconv_f32 *args, const ln_dwconv_row *row) {
  for (int32_t x = 0; x < args->shape.out_w; ++x) {
    for (int32_t c = row->first; c < row->last; c += BLOCK) {
      pixel_f32(args, row, x, c, row->last - c < BLOCK ? row->last - c : BLOCK);
    }
  }
}

const ln_dwconv_f32_kernel dwconv_f32_32_generic = {run_f32, BLOCK};

/* ---- 8-bit: weights are packed as int16 with their zero point taken off, params are three arrays ---- */

static size_t q8_weight_bytes(const ln_dwconv_shape *shape, bool is_signed) {
  (void)is_signed;
  return (size_t)shape->kernel_h * (size_t)shape->kernel_w * (size_t)shape->channels * sizeof(int16_t);
}

static void q8_pack(const ln_dwconv_shape *shape, const void *filter, bool is_signed, int32_t zero, void *packed) {
  const size_t count = q8_weight_bytes(shape, is_signed) / sizeof(int16_t);
  int16_t *out = packed;
  for (size_t i = 0; i < count; ++i) {
    const int32_t stored = is_signed ? ((const int8_t *)filter)[i] : ((const uint8_t *)filter)[i];
    out[i] = (int16_t)(stored - zero);
  }
}

static size_t q8_param_bytes(int32_t channels) { return (size_t)channels * 3 * sizeof(int32_t); }

static void q8_fold(const ln_dwconv_q8_channels *channels, void *params) {
  int32_t *out = params;
  const int32_t n = channels->channels;
  for (int32_t c = 0; c < n; ++c) {
    out[c] = channels->bias == NULL ? 0 : channels->bias[c];
    out[n + c] = channels->multipliers[c];
    out[2 * n + c] = channels->shifts[c];
  }
}

static size_t q8_scratch_bytes(const ln_dwconv_shape *shape) {
  (void)shape;
  return 0;
}

/* sum += (in - zero) * w, in 16-bit factors that compilers find wide multiplications for. */
static void accumulate_q8(uint32_t *restrict sum, const void *pixel, const int16_t *restrict w, int32_t zero, int32_t n,
                          bool is_signed) {
  const int8_t *restrict bytes = pixel;
  const uint8_t *restrict unsigned_bytes = pixel;
  if (is_signed) {
    for (int32_t i = 0; i < n; ++i) sum[i] += (uint32_t)((int16_t)(bytes[i] - zero) * (int32_t)w[i]);
  } else {
    for (int32_t i = 0; i < n; ++i) sum[i] += (uint32_t)((int16_t)(unsigned_bytes[i] - zero) * (int32_t)w[i]);
  }
}

static void pixel_q8(const ln_dwconv_q8 *args, const ln_dwconv_row *row, int32_t x, int32_t c, int32_t n) {
  const ln_dwconv_shape *s = &args->shape;
  const int32_t *params = args->params;
  int32_t begin, end;
  ln_dwconv_taps(s, x, &begin, &end);
  uint32_t sum[BLOCK] = {0}; /* unsigned, so that wrapping is defined */
  for (int32_t i = 0; i < n; ++i) sum[i] = (uint32_t)params[c + i];
  for (int32_t ky = 0; ky < s->kernel_h; ++ky) {
    if (row->rows[ky] == NULL) continue;
    for (int32_t kx = begin; kx < end; ++kx) {
      const ptrdiff_t column = (ptrdiff_t)x * s->stride_w + (ptrdiff_t)kx * s->dilation_w - s->pad_left;
      const int16_t *w = (const int16_t *)args->weights + ((ptrdiff_t)ky * s->kernel_w + kx) * s->channels + c;
      const uint8_t *pixel = (const uint8_t *)row->rows[ky] + column * s->channels + c;
      accumulate_q8(sum, pixel, w, args->in_zero, n, args->is_signed);
    }
  }
  uint8_t *out = (uint8_t *)row->out + (ptrdiff_t)x * s->channels + c;
  for (int32_t i = 0; i < n; ++i) {
    const int32_t scaled =
        ln_multiply_quantized((int32_t)sum[i], params[s->channels + c + i], params[2 * s->channels + c + i]);
    const int32_t shifted = (int32_t)((uint32_t)scaled + (uint32_t)args->out_zero);
    out[i] = (uint8_t)ln_clamp_i32(shifted, args->low, args->high);
  }
}

static void run_q8(const ln_dwconv_q8 *args, const ln_dwconv_row *row) {
  for (int32_t x = 0; x < args->shape.out_w; ++x) {
    for (int32_t c = row->first; c < row->last; c += BLOCK) {
      pixel_q8(args, row, x, c, row->last - c < BLOCK ? row->last - c : BLOCK);
    }
  }
}

const ln_dwconv_q8_kernel dwconv_q8_generic = {run_q8,         BLOCK,   q8_weight_bytes, q8_pack,
                                               q8_param_bytes, q8_fold, q8_scratch_bytes};

/* ---- hybrid ---- */

static int32_t dot_hybrid(const ln_dwconv_hybrid *args, const ln_dwconv_row *row, int32_t x, int32_t c) {
  const ln_dwconv_shape *s = &args->shape;
  int32_t begin, end;
  ln_dwconv_taps(s, x, &begin, &end);
  int32_t sum = 0;
  for (int32_t ky = 0; ky < s->kernel_h; ++ky) {
    const int8_t *in = row->rows[ky];
    if (in == NULL) continue;
    for (int32_t kx = begin; kx < end; ++kx) {
      const ptrdiff_t column = (ptrdiff_t)x * s->stride_w + (ptrdiff_t)kx * s->dilation_w - s->pad_left;
      const int32_t weight = args->filter[((ptrdiff_t)ky * s->kernel_w + kx) * s->channels + c];
      sum = (int32_t)((uint32_t)sum + (uint32_t)((in[column * s->channels + c] - args->in_zero) * weight));
    }
  }
  return sum;
}

ln_dwconv_hybrid_fn dwconv_hybrid_generic;

void dwconv_hybrid_generic(const ln_dwconv_hybrid *args, const ln_dwconv_row *row) {
  for (int32_t x = 0; x < args->shape.out_w; ++x) {
    float *out = (float *)row->out + (ptrdiff_t)x * args->shape.channels;
    for (int32_t c = row->first; c < row->last; ++c) {
      float value = (float)dot_hybrid(args, row, x, c) * args->scales[c] * args->in_scale;
      if (args->bias != NULL) value += args->bias[c];
      out[c] = ln_clamp_f32(value, args->low, args->high);
    }
  }
}
