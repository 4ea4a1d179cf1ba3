/*
 * 8-bit depthwise convolution with AVX2: inputs widened to int16 with their zero point taken off, so that padding is
 * zero, and pairs of taps multiplied and added at once.
 *
 * Packed weights: blocks of 16 channels: for each pair of taps two vectors of int16, of which 32-bit lane 4 * k + i of
 * vector j holds channel 8 * k + 4 * j + i. Params likewise, two times PARAM_COUNT vectors a block.
 */
#include <immintrin.h>
#include <string.h>

#include "kernels/dwconv.h"
#include "kernels/quant.h"
#include "kernels/x86/dwconv_taps.h"

#define LN_INLINE static inline __attribute__((always_inline))

enum { HEADER = 64, BLOCK = 16, LANES = 8 };
enum {
  PARAM_BIAS,
  PARAM_MULTIPLIER,
  PARAM_MULTIPLIER_ODD, /* of odd lanes, in even ones */
  PARAM_HALF,           /* what the second rounding adds; used by the simple form */
  PARAM_RIGHT,
  PARAM_LEFT,
  PARAM_RIGHT_LESS_ONE,
  PARAM_ONE,       /* 1 where PARAM_RIGHT is above zero */
  PARAM_SIGN_MASK, /* -1 there */
  PARAM_COUNT
};

static int32_t pair_count(const ln_dwconv_shape *s) { return (s->kernel_h * s->kernel_w + 1) / 2; }

static int32_t block_count(int32_t channels) { return (channels + BLOCK - 1) / BLOCK; }

static size_t weight_bytes(const ln_dwconv_shape *shape, bool is_signed) {
  (void)is_signed;
  return (size_t)block_count(shape->channels) * (size_t)pair_count(shape) * 2 * BLOCK * sizeof(int16_t);
}

/* The channel of lane `lane` of vector `j`, from the block's first. */
static int32_t channel_of(int32_t lane, int32_t j) { return lane / 4 * 8 + 4 * j + lane % 4; }

static void pack(const ln_dwconv_shape *shape, const void *filter, bool is_signed, int32_t zero, void *packed) {
  const int32_t taps = shape->kernel_h * shape->kernel_w;
  int16_t *out = packed;
  for (int32_t c = 0; c < shape->channels; c += BLOCK) {
    for (int32_t tap = 0; tap < taps; tap += 2) {
      for (int32_t i = 0; i < 2 * BLOCK; ++i) {
        const int32_t channel = c + channel_of(i % BLOCK / 2, i / BLOCK), t = tap + i % 2;
        const ptrdiff_t at = (ptrdiff_t)t * shape->channels + channel;
        const bool present = t < taps && channel < shape->channels;
        const int32_t stored = !present    ? zero
                               : is_signed ? ((const int8_t *)filter)[at]
                                           : ((const uint8_t *)filter)[at];
        *out++ = (int16_t)(stored - zero);
      }
    }
  }
}

static size_t param_bytes(int32_t channels) {
  return HEADER + (size_t)block_count(channels) * BLOCK * PARAM_COUNT * sizeof(int32_t);
}

/* Whether scale_simple holds for all channels; a multiplier of zero fits any shift. */
static bool simple_form(const ln_dwconv_q8_channels *q) {
  bool simple = q->bound < (INT64_C(1) << 30);
  for (int32_t c = 0; c < q->channels && simple; ++c) {
    simple = q->multipliers[c] == 0 || (q->shifts[c] <= -1 && q->shifts[c] >= -31);
  }
  return simple;
}

static void fold_lane(const ln_dwconv_q8_channels *q, int32_t c, int32_t *out, int32_t lane) {
  const int32_t multiplier = q->multipliers[c];
  const int32_t shift = multiplier == 0 ? -1 : q->shifts[c];
  const int32_t right = shift < 0 ? -shift : 0;
  out[PARAM_BIAS * LANES + lane] = q->bias == NULL ? 0 : q->bias[c];
  out[PARAM_MULTIPLIER * LANES + lane] = multiplier;
  if (lane % 2 == 1) out[PARAM_MULTIPLIER_ODD * LANES + lane - 1] = multiplier;
  out[PARAM_HALF * LANES + lane] = right > 0 ? (int32_t)(UINT32_C(1) << (right - 1)) : 0;
  out[PARAM_RIGHT * LANES + lane] = right;
  out[PARAM_LEFT * LANES + lane] = shift > 0 ? shift : 0;
  out[PARAM_RIGHT_LESS_ONE * LANES + lane] = right - 1;
  out[PARAM_ONE * LANES + lane] = right > 0 ? 1 : 0;
  out[PARAM_SIGN_MASK * LANES + lane] = right > 0 ? -1 : 0;
}

static void fold(const ln_dwconv_q8_channels *channels, void *params) {
  const int32_t simple = simple_form(channels);
  memset(params, 0, param_bytes(channels->channels));
  memcpy(params, &simple, sizeof simple);
  int32_t *out = (int32_t *)((char *)params + HEADER);
  for (int32_t c = 0; c < channels->channels; c += BLOCK) {
    for (int32_t j = 0; j < 2; ++j, out += PARAM_COUNT * LANES) {
      for (int32_t lane = 0; lane < LANES; ++lane) {
        const int32_t channel = c + channel_of(lane, j);
        if (channel < channels->channels) fold_lane(channels, channel, out, lane);
      }
    }
  }
}

static size_t scratch_bytes(const ln_dwconv_shape *shape) { return (size_t)pair_count(shape) * 2 * sizeof(void *); }

LN_INLINE __m256i param(const int32_t *params, int which) {
  return _mm256_loadu_si256((const __m256i *)(params + which * LANES));
}

/* The high halves of the doubled 64-bit products of x and the multipliers, rounded: the reference's first rounding. */
LN_INLINE __m256i first_rounding(__m256i x, const int32_t *params) {
  const __m256i round = _mm256_set1_epi64x(INT64_C(1) << 30);
  __m256i even = _mm256_mul_epi32(x, param(params, PARAM_MULTIPLIER));
  __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(x, 32), param(params, PARAM_MULTIPLIER_ODD));
  even = _mm256_srli_epi64(_mm256_add_epi64(even, round), 31);
  odd = _mm256_add_epi64(odd, round);
  return _mm256_blend_epi32(even, _mm256_add_epi64(odd, odd), 0xAA);
}

/* ln_multiply_quantized for right shifts of at least one and |x| < 2^30. */
LN_INLINE __m256i scale_simple(__m256i x, const int32_t *params) {
  const __m256i y = first_rounding(x, params);
  const __m256i raised = _mm256_add_epi32(_mm256_add_epi32(y, param(params, PARAM_HALF)), _mm256_srai_epi32(y, 31));
  return _mm256_srav_epi32(raised, param(params, PARAM_RIGHT));
}

/* The same for all shifts and sums. */
LN_INLINE __m256i scale_any(__m256i x, const int32_t *params) {
  __m256i y = first_rounding(_mm256_sllv_epi32(x, param(params, PARAM_LEFT)), params);
  y = _mm256_add_epi32(y, _mm256_and_si256(_mm256_srai_epi32(y, 31), param(params, PARAM_SIGN_MASK)));
  const __m256i carry =
      _mm256_and_si256(_mm256_srav_epi32(y, param(params, PARAM_RIGHT_LESS_ONE)), param(params, PARAM_ONE));
  return _mm256_add_epi32(_mm256_srav_epi32(y, param(params, PARAM_RIGHT)), carry);
}

/* 16 channels of a tap less the zero point; `n` of them are there to be read. */
LN_INLINE __m256i load_tap(const uint8_t *tap, int32_t n, bool is_signed, __m256i zero) {
  __m128i bytes;
  if (tap == NULL) return _mm256_setzero_si256();
  if (n == BLOCK) {
    bytes = _mm_loadu_si128((const __m128i *)tap);
  } else if (n == BLOCK / 2) {
    bytes = _mm_loadl_epi64((const __m128i *)tap);
  } else {
    uint8_t copy[BLOCK] = {0};
    memcpy(copy, tap, (size_t)n);
    bytes = _mm_loadu_si128((const __m128i *)copy);
  }
  return _mm256_sub_epi16(is_signed ? _mm256_cvtepi8_epi16(bytes) : _mm256_cvtepu8_epi16(bytes), zero);
}

LN_INLINE void finish(const ln_dwconv_q8 *args, const int32_t *params, const __m256i sum[2], uint8_t *out, int32_t n,
                      bool simple) {
  __m256i z[2];
  for (int j = 0; j < 2; ++j) {
    const int32_t *p = params + j * PARAM_COUNT * LANES;
    z[j] = simple ? scale_simple(sum[j], p) : scale_any(sum[j], p);
  }
  __m256i words = _mm256_adds_epi16(_mm256_packs_epi32(z[0], z[1]), _mm256_set1_epi16((short)args->out_zero));
  words = _mm256_min_epi16(_mm256_max_epi16(words, _mm256_set1_epi16((short)args->low)),
                           _mm256_set1_epi16((short)args->high));
  words = args->is_signed ? _mm256_packs_epi16(words, words) : _mm256_packus_epi16(words, words);
  const __m128i bytes = _mm256_castsi256_si128(_mm256_permute4x64_epi64(words, 0xD8));
  if (n == BLOCK) {
    _mm_storeu_si128((__m128i *)out, bytes);
  } else if (n == BLOCK / 2) {
    _mm_storel_epi64((__m128i *)out, bytes);
  } else {
    uint8_t copy[BLOCK];
    _mm_storeu_si128((__m128i *)copy, bytes);
    memcpy(out, copy, (size_t)n);
  }
}

LN_INLINE void block(const ln_dwconv_q8 *args, const uint8_t *const *taps, int32_t pairs, int32_t c, int32_t n,
                     const int16_t *weights, const int32_t *params, uint8_t *out, bool is_signed, bool simple) {
  const __m256i zero = _mm256_set1_epi16((short)args->in_zero);
  __m256i sum[2] = {param(params, PARAM_BIAS), param(params + PARAM_COUNT * LANES, PARAM_BIAS)};
  for (int32_t p = 0; p < pairs; ++p, taps += 2, weights += 2 * BLOCK) {
    const __m256i a = load_tap(taps[0] == NULL ? NULL : taps[0] + c, n, is_signed, zero);
    const __m256i b = load_tap(taps[1] == NULL ? NULL : taps[1] + c, n, is_signed, zero);
    const __m256i *w = (const __m256i *)weights;
    sum[0] = _mm256_add_epi32(sum[0], _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), _mm256_loadu_si256(w)));
    sum[1] = _mm256_add_epi32(sum[1], _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), _mm256_loadu_si256(w + 1)));
  }
  finish(args, params, sum, out + c, n, simple);
}

LN_INLINE void pixel(const ln_dwconv_q8 *args, const ln_dwconv_row *row, const uint8_t *const *taps, uint8_t *out,
                     bool is_signed, bool simple) {
  const int32_t pairs = pair_count(&args->shape);
  for (int32_t c = row->first; c < row->last; c += BLOCK) {
    const int16_t *weights = (const int16_t *)args->weights + (ptrdiff_t)c * pairs * 2;
    const int32_t *params = (const int32_t *)((const char *)args->params + HEADER) + (ptrdiff_t)c * PARAM_COUNT;
    if (row->last - c >= BLOCK) block(args, taps, pairs, c, BLOCK, weights, params, out, is_signed, simple);
    else if (row->last - c == BLOCK / 2)
      block(args, taps, pairs, c, BLOCK / 2, weights, params, out, is_signed, simple);
    else block(args, taps, pairs, c, row->last - c, weights, params, out, is_signed, simple);
  }
}

static void run(const ln_dwconv_q8 *args, const ln_dwconv_row *row) {
  const ln_dwconv_shape *s = &args->shape;
  const uint8_t **taps = row->scratch;
  const bool simple = *(const int32_t *)args->params != 0;
  bool whole = false;
  taps[pair_count(s) * 2 - 1] = NULL;
  for (int32_t x = 0; x < s->out_w; ++x) {
    uint8_t *out = (uint8_t *)row->out + (ptrdiff_t)x * s->channels;
    dwconv_taps_next(s, row, x, &whole, taps);
    if (simple && args->is_signed) pixel(args, row, taps, out, true, true);
    else if (simple) pixel(args, row, taps, out, false, true);
    else pixel(args, row, taps, out, args->is_signed, false);
  }
}

const ln_dwconv_q8_kernel dwconv_q8_16_avx2 = {run, BLOCK, weight_bytes, pack, param_bytes, fold, scratch_bytes};
