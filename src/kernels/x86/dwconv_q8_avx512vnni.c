/*
 * 8-bit depthwise convolution with AVX-512 VNNI: sums of four products of unsigned inputs (int8 ones are raised by 128)
 * and signed weights. Zero points are folded into the bias; weights beyond int8 after theirs is taken off (uint8
 * filters) are split into two parts that are summed, three when one of them may be 255.
 *
 * Packed weights: a header, then blocks of 64 channels and a last one of 64, 32 or 16: for each part, for each group of
 * four taps, the weights of vectors 0..3 in the order of dwconv_q8_vnni.inc. Params likewise, PARAM_COUNT vectors each.
 * 3x3 rows of 4, 8 or 16 channels are computed 64 bytes at a time whatever pixels these belong to: their weights and
 * params repeat the channels over a block of 64. Params of so few channels hold both forms, the repeated one last.
 */
#include <immintrin.h>
#include <string.h>

#include "kernels/dwconv.h"
#include "kernels/quant.h"
#include "kernels/x86/dwconv_taps.h"

enum { NR = 32 }; /* channels that fit floats or not together */

#include "kernels/x86/requantize_floats.h"

#define LN_INLINE static inline __attribute__((always_inline))

enum { HEADER = 64, BLOCK = 64, MAX_DILATION = 1 << 20 /* of 3x3 rows: keeps columns within 32 bits */ };
enum {
  PARAM_BIAS,
  PARAM_MULTIPLIER,
  PARAM_MULTIPLIER_ODD, /* of odd lanes, in even ones */
  PARAM_ROUND_EVEN,     /* 64-bit terms */
  PARAM_ROUND_ODD,
  PARAM_RIGHT,
  PARAM_LEFT,
  PARAM_RIGHT_LESS_ONE,
  PARAM_ONE,       /* 1 where PARAM_RIGHT is above zero */
  PARAM_SIGN_MASK, /* -1 there */
  PARAM_FORM,      /* FORM_FLOATS where the block has the next ones in place of those above but for the bias */
  PARAM_COUNT,
  PARAM_HIGH = PARAM_MULTIPLIER, /* parts of the multiplier, over P / 2 */
  PARAM_LOW,
  PARAM_NUDGE,
  PARAM_SIGNED, /* the sign's bit where nudges take it */
  PARAM_HALVES  /* int16, of vectors 0 and 1, and of 2 and 3 */
};
enum { FORM_ANY, FORM_SIMPLE, FORM_FLOATS };

typedef struct header {
  int32_t value; /* weights: how many parts; params: 1 for the simple form */
} header;

/* Twice the result before it is rounded, rounded down. */
LN_INLINE __m512i scale_floats(__m512i x, __m512 high, __m512 low, __m512i nudge, __m512i sign) {
  enum { DOWN = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC };
  const __m512 real = _mm512_cvtepi32_ps(x);
  const __m512i either = _mm512_ternarylogic_epi32(nudge, x, sign, 0xF8); /* nudge | x & sign */
  const __m512 near = _mm512_fmadd_ps(real, low, _mm512_castsi512_ps(either));
  return _mm512_cvt_roundps_epi32(_mm512_fmadd_round_ps(real, high, near, DOWN), DOWN);
}

#define WIDTH 64
#define VI __m512i
#define MASK __mmask64
#define P _mm512_
#define S si512
#define HALF __mmask16
#include "kernels/x86/dwconv_q8_vnni.inc"

#define WIDTH 32
#define VI __m256i
#define MASK __mmask32
#define P _mm256_
#define S si256
#define HALF __mmask8
#include "kernels/x86/dwconv_q8_vnni.inc"

#define WIDTH 16
#define VI __m128i
#define MASK __mmask16
#define P _mm_
#define S si128
#define HALF __mmask8
#include "kernels/x86/dwconv_q8_vnni.inc"

/* Channels of the block that begins at `c`, rounded up to a width there is. */
static int32_t width_at(int32_t channels, int32_t c) {
  const int32_t left = channels - c;
  return left > 32 ? 64 : left > 16 ? 32 : 16;
}

/* Whether the channels divide a block into a few pixels. */
static bool is_few(int32_t channels) { return channels == 4 || channels == 8 || channels == 16; }

static int32_t padded_channels(int32_t channels) {
  const int32_t whole = channels / BLOCK * BLOCK;
  return whole == channels ? whole : whole + width_at(channels, whole);
}

static bool is_3x3(const ln_dwconv_shape *s) {
  const bool plain = s->dilation_w == 1 && (s->stride_w == 1 || s->stride_w == 2);
  return s->kernel_h == 3 && s->kernel_w == 3 && (plain || (s->stride_w == 1 && s->dilation_w < MAX_DILATION));
}

/* Whether rows are computed by bytes rather than by pixels. */
static bool is_flat(const ln_dwconv_shape *s) { return is_3x3(s) && s->dilation_w == 1 && is_few(s->channels); }

static int32_t group_count(const ln_dwconv_shape *s) { return is_3x3(s) ? 3 : (s->kernel_h * s->kernel_w + 3) / 4; }

static size_t weight_bytes(const ln_dwconv_shape *shape, bool is_signed) {
  const size_t parts = is_signed ? 1 : 3;
  const size_t channels = is_flat(shape) ? BLOCK : (size_t)padded_channels(shape->channels);
  return HEADER + parts * (size_t)group_count(shape) * 4 * channels;
}

/* The tap at place `i` of group `g`; -1 for none. 3x3 kernels group columns, so that a column serves three windows. */
static int32_t tap_at(const ln_dwconv_shape *s, int32_t g, int32_t i) {
  if (is_3x3(s)) return i < 3 ? i * 3 + g : -1;
  const int32_t tap = g * 4 + i;
  return tap < s->kernel_h * s->kernel_w ? tap : -1;
}

/* The channel of byte or lane `lane` of vector `j`, from the block's first. */
static int32_t channel_of(int32_t lane, int32_t j) { return lane / 4 * 16 + 4 * j + lane % 4; }

/* What part `part` of the weights of tap `tap` is for the block's channels, repeated in rows by bytes; zeros past them.
 */
static void weight_row(const ln_dwconv_shape *s, const void *filter, bool is_signed, int32_t zero, int32_t tap,
                       int32_t c, int32_t part, int8_t row[BLOCK]) {
  memset(row, 0, BLOCK);
  if (tap < 0) return;
  const uint8_t *from = (const uint8_t *)filter + (ptrdiff_t)tap * s->channels + c;
  const int32_t count = s->channels - c < BLOCK ? s->channels - c : BLOCK, flip = is_signed ? 128 : 0;
  for (int32_t i = 0; i < count; ++i) {
    int32_t w = (from[i] ^ flip) - flip - zero;
    for (int32_t before = 0; before < part; ++before) w -= ln_clamp_i32(w, -128, 127);
    row[i] = (int8_t)ln_clamp_i32(w, -128, 127);
  }
  for (int32_t i = count; is_flat(s) && i < BLOCK; ++i) row[i] = row[i - count];
}

static void pack(const ln_dwconv_shape *shape, const void *filter, bool is_signed, int32_t zero, void *packed) {
  const int32_t groups = group_count(shape);
  const int32_t extremes[2] = {(is_signed ? -128 : 0) - zero, (is_signed ? 127 : 255) - zero};
  const int32_t parts = extremes[1] > 254 ? 3 : extremes[0] < -128 || extremes[1] > 127 ? 2 : 1;
  const header head = {parts};
  memset(packed, 0, HEADER);
  memcpy(packed, &head, sizeof head);
  int8_t *out = (int8_t *)packed + HEADER;
  for (int32_t c = 0; c < shape->channels; c += BLOCK) {
    const int32_t width = is_flat(shape) ? BLOCK : width_at(shape->channels, c);
    for (int32_t part = 0; part < parts; ++part) {
      for (int32_t g = 0; g < groups; ++g) {
        int8_t rows[4][BLOCK];
        for (int32_t t = 0; t < 4; ++t)
          weight_row(shape, filter, is_signed, zero, tap_at(shape, g, t), c, part, rows[t]);
        for (int32_t i = 0; i < width; ++i, out += 4) { /* lane i % (width / 4) of vector i / (width / 4) */
          const int32_t at = channel_of(i % (width / 4), i / (width / 4));
          for (int32_t t = 0; t < 4; ++t) out[t] = rows[t][at];
        }
      }
    }
  }
}

static size_t param_bytes(int32_t channels) {
  const int32_t repeated = is_few(channels) ? BLOCK : 0;
  return HEADER + (size_t)(padded_channels(channels) + repeated) * PARAM_COUNT * sizeof(int32_t);
}

/* Whether scale_simple holds for all channels, with room for its terms in 32 bits; a multiplier of zero fits any shift.
 */
static bool simple_form(const ln_dwconv_q8_channels *q) {
  bool simple = q->bound < (INT64_C(1) << 30);
  for (int32_t c = 0; c < q->channels && simple; ++c) {
    simple = q->multipliers[c] == 0 || (q->shifts[c] <= -1 && q->shifts[c] >= -21);
  }
  return simple;
}

/* Puts the numbers of one channel at lane `lane` of the vectors at `out`, `lanes` lanes each. */
static void fold_lane(const ln_dwconv_q8_channels *q, int32_t c, bool simple, int32_t *out, int32_t lanes,
                      int32_t lane) {
  const int32_t multiplier = q->multipliers[c];
  const int32_t shift = multiplier == 0 ? -1 : q->shifts[c];
  const int32_t right = shift < 0 ? -shift : 0;
  const int32_t zero = q->in_zero + (q->is_signed ? 128 : 0);
  const uint32_t bias = q->bias == NULL ? 0 : (uint32_t)q->bias[c];
  const uint32_t start = bias - (uint32_t)zero * (uint32_t)q->weight_sums[c];
  out[PARAM_BIAS * lanes + lane] = (int32_t)(simple ? start + (UINT32_C(1) << 31) : start);
  const int32_t factor = (int32_t)(simple ? (uint32_t)multiplier * 2 : (uint32_t)multiplier);
  out[PARAM_MULTIPLIER * lanes + lane] = factor;
  if (lane % 2 == 1) out[PARAM_MULTIPLIER_ODD * lanes + lane - 1] = factor;
  const int64_t half = simple ? INT64_C(1) << (right - 1) : 0;
  const int64_t high = simple ? half + q->out_zero * (INT64_C(1) << right) - multiplier - 1 : 0;
  const uint64_t round = (UINT64_C(1) << 31) + ((uint64_t)high << 32);
  const int32_t which = lane % 2 == 0 ? PARAM_ROUND_EVEN : PARAM_ROUND_ODD;
  memcpy(out + which * lanes + lane / 2 * 2, &round, sizeof round);
  out[PARAM_RIGHT * lanes + lane] = right;
  out[PARAM_LEFT * lanes + lane] = shift > 0 ? shift : 0;
  out[PARAM_RIGHT_LESS_ONE * lanes + lane] = right - 1;
  out[PARAM_ONE * lanes + lane] = right > 0 ? 1 : 0;
  out[PARAM_SIGN_MASK * lanes + lane] = right > 0 ? -1 : 0;
}

/* A block of 64 channels from c on, of which there are `count`, in the form of floats; false where they do not
 * fit: then nothing is written. */
static bool fold_floats(const ln_dwconv_q8_channels *q, int32_t c, int32_t count, int32_t *out) {
  enum { LANES = BLOCK / 4 };
  int32_t multiplier[BLOCK], shift[BLOCK], folded[BLOCK], bias[BLOCK];
  ln_floats_panel panels[BLOCK / NR];
  const int32_t zero = q->in_zero + (q->is_signed ? 128 : 0);
  for (int32_t i = 0; i < BLOCK; ++i) {
    const int32_t from = c + i % count;
    multiplier[i] = q->multipliers[from];
    shift[i] = multiplier[i] == 0 ? -1 : q->shifts[from];
    bias[i] = q->bias == NULL ? 0 : q->bias[from];
    folded[i] = (int32_t)((uint32_t)bias[i] - (uint32_t)zero * (uint32_t)q->weight_sums[from]);
  }
  const ln_gemm_q8_columns columns = {multiplier, shift, folded, bias, q->bound, q->out_zero, !q->is_signed};
  for (int32_t p = 0; p < BLOCK / NR; ++p) {
    floats_fold_panel(&columns, p * NR, NR, &panels[p]);
    if (!panels[p].fits) return false;
  }
  for (int32_t j = 0; j < 4; ++j, out += PARAM_COUNT * LANES) {
    for (int32_t lane = 0; lane < LANES; ++lane) {
      const int32_t at = channel_of(lane, j);
      const ln_floats_panel *panel = &panels[at / NR];
      const uint32_t high = ((uint32_t)multiplier[at] + 64) & ~UINT32_C(127); /* 2^31 at most */
      const float unit = floats_power(shift[at] - 30);
      const float reals[3] = {(float)high * unit, (float)(int32_t)((uint32_t)multiplier[at] - high) * unit,
                              panel->nudge[at % NR]};
      out[PARAM_BIAS * LANES + lane] = panel->bias[at % NR];
      memcpy(&out[PARAM_HIGH * LANES + lane], &reals[0], sizeof(float));
      memcpy(&out[PARAM_LOW * LANES + lane], &reals[1], sizeof(float));
      memcpy(&out[PARAM_NUDGE * LANES + lane], &reals[2], sizeof(float));
      out[PARAM_SIGNED * LANES + lane] = panel->signed_nudges >> (at % NR) & 1 ? INT32_MIN : 0;
      out[PARAM_FORM * LANES + lane] = FORM_FLOATS;
    }
    for (int32_t i = 0; j < 2 && i < 2 * LANES; ++i) { /* as packs_epi32 orders lanes of vectors 2 * j and 2 * j + 1 */
      const int32_t at = channel_of(i / 8 * 4 + i % 4, 2 * j + i / 4 % 2);
      memcpy((int16_t *)(void *)(out + PARAM_HALVES * LANES) + i, &panels[at / NR].halves[at % NR], sizeof(int16_t));
    }
  }
  return true;
}

static void fold(const ln_dwconv_q8_channels *channels, void *params) {
  const bool simple = simple_form(channels);
  const header head = {simple};
  memset(params, 0, param_bytes(channels->channels));
  memcpy(params, &head, sizeof head);
  int32_t *out = (int32_t *)((char *)params + HEADER);
  for (int32_t c = 0; c < channels->channels; c += BLOCK) {
    const int32_t lanes = width_at(channels->channels, c) / 4, left = channels->channels - c;
    if (simple && lanes == BLOCK / 4 && fold_floats(channels, c, left < BLOCK ? left : BLOCK, out)) {
      out += 4 * PARAM_COUNT * lanes;
      continue;
    }
    for (int32_t j = 0; j < 4; ++j, out += PARAM_COUNT * lanes) {
      for (int32_t lane = 0; lane < lanes; ++lane) {
        const int32_t channel = c + channel_of(lane, j);
        if (channel < channels->channels) fold_lane(channels, channel, simple, out, lanes, lane);
      }
    }
  }
  for (int32_t j = 0; is_few(channels->channels) && j < 4; ++j, out += PARAM_COUNT * BLOCK / 4) {
    for (int32_t lane = 0; lane < BLOCK / 4; ++lane)
      fold_lane(channels, channel_of(lane, j) % channels->channels, simple, out, BLOCK / 4, lane);
  }
}

static size_t scratch_bytes(const ln_dwconv_shape *shape) {
  return is_3x3(shape) ? 0 : (size_t)group_count(shape) * 4 * sizeof(void *);
}

/* Of a block of 64 channels. */
static int form_of(const char *params, int simple) {
  int32_t form;
  memcpy(&form, params + PARAM_FORM * BLOCK, sizeof form);
  return form == FORM_FLOATS ? form : simple;
}

static const header *header_of(const void *packed) { return packed; }

static uint64_t mask_of(int32_t n) { return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1; }

static void run_3x3(const ln_dwconv_q8 *args, const ln_dwconv_row *row) {
  const int32_t channels = args->shape.channels;
  const int32_t parts = header_of(args->weights)->value;
  const bool simple = header_of(args->params)->value != 0;
  for (int32_t c = row->first; c < row->last; c += BLOCK) {
    const char *weights = (const char *)args->weights + HEADER + (ptrdiff_t)c * 12 * parts;
    const char *params = (const char *)args->params + HEADER + (ptrdiff_t)c * PARAM_COUNT * 4;
    const uint64_t mask = mask_of(row->last - c);
    const int32_t width = width_at(channels, c);
    if (width == 64) block_3x3_64(args, row, c, weights, params, mask, form_of(params, simple), parts);
    else if (width == 32) block_3x3_32(args, row, c, weights, params, (__mmask32)mask, simple, parts);
    else block_3x3_16(args, row, c, weights, params, (__mmask16)mask, simple, parts);
  }
}

/* ---- rows by bytes ---- */

typedef struct flat_row {
  const uint8_t *rows[3];
  int64_t bytes;                 /* of a row of inputs */
  __m512i flip, padding, stored; /* what int8 is raised by; padding so raised, and as stored */
} flat_row;

/* The 64 bytes of a row from byte `at` on, which may lie outside. */
LN_INLINE __m512i flat_load(const flat_row *f, int ky, int64_t at) {
  const uint8_t *in = f->rows[ky];
  if (in == NULL) return f->padding;
  if (at >= 0 && at + 64 <= f->bytes) return _mm512_xor_si512(_mm512_loadu_si512(in + at), f->flip);
  if (at <= -64 || at >= f->bytes) return f->padding;
  uint64_t mask = mask_of((int32_t)(f->bytes - at < 64 ? f->bytes - at : 64));
  if (at < 0) mask &= ~UINT64_C(0) << -at;
  return _mm512_xor_si512(_mm512_mask_loadu_epi8(f->stored, mask, in + at), f->flip);
}

/* Inputs at byte `at` under 64 bytes of outputs: neighbours, or every second pixel. */
LN_INLINE __m512i flat_taps(const flat_row *f, int ky, int64_t at, __m512i order, const int stride) {
  if (stride == 1) return flat_load(f, ky, at);
  return _mm512_permutex2var_epi32(flat_load(f, ky, at), order, flat_load(f, ky, at + 64));
}

LN_INLINE void flat_block(common_64 *k, const flat_row *f, int64_t at, __m512i order, const char *weights,
                          const char *params, uint8_t *out, uint64_t mask, const int stride, const int simple,
                          const int32_t parts) {
  quad_64 sum = biases_64(params);
#pragma GCC unroll 3
  for (int kx = 0; kx < 3; ++kx, at += k->channels, weights += 4 * BLOCK) {
    const __m512i last = flat_taps(f, 2, at, order, stride);
    const quad_64 q = interleave_64(flat_taps(f, 0, at, order, stride), flat_taps(f, 1, at, order, stride), last, last);
    for (int32_t part = 0; part < parts; ++part) accumulate_64(&sum, &q, weights + (ptrdiff_t)part * 12 * BLOCK);
  }
  k->mask = mask;
  finish_64(k, params, &sum, 1, out, simple);
}

LN_INLINE void flat_rows(const ln_dwconv_q8 *args, const ln_dwconv_row *row, const int stride, const int simple,
                         const int32_t parts) {
  const ln_dwconv_shape *s = &args->shape;
  const char *weights = (const char *)args->weights + HEADER;
  const char *params = (const char *)args->params + HEADER + padded_channels(s->channels) * PARAM_COUNT * 4;
  common_64 k = common_of_64(args, 0);
  flat_row f = {.bytes = (int64_t)s->in_w * s->channels};
  for (int ky = 0; ky < 3; ++ky) f.rows[ky] = row->rows[ky];
  f.flip = _mm512_set1_epi8(args->is_signed ? (char)0x80 : 0);
  f.stored = _mm512_set1_epi8((char)args->in_zero);
  f.padding = _mm512_xor_si512(f.stored, f.flip);
  int32_t lanes[16];
  const int32_t pixel = s->channels / 4;
  for (int32_t i = 0; i < 16; ++i) lanes[i] = i / pixel * pixel * stride + i % pixel;
  const __m512i order = _mm512_loadu_si512(lanes);
  const int64_t out_bytes = (int64_t)s->out_w * s->channels;
  for (int64_t i = 0; i < out_bytes; i += 64) {
    const uint64_t mask = mask_of((int32_t)(out_bytes - i < 64 ? out_bytes - i : 64));
    flat_block(&k, &f, i * stride - (int64_t)s->pad_left * s->channels, order, weights, params, (uint8_t *)row->out + i,
               mask, stride, simple, parts);
  }
}

static void run_flat(const ln_dwconv_q8 *args, const ln_dwconv_row *row) {
  const int32_t parts = header_of(args->weights)->value;
  const bool simple = header_of(args->params)->value != 0, two = args->shape.stride_w == 2;
  if (simple && parts == 1 && !two) flat_rows(args, row, 1, 1, 1);
  else if (simple && parts == 1) flat_rows(args, row, 2, 1, 1);
  else if (!two) flat_rows(args, row, 1, simple, parts);
  else flat_rows(args, row, 2, simple, parts);
}

static void run_any(const ln_dwconv_q8 *args, const ln_dwconv_row *row) {
  const ln_dwconv_shape *s = &args->shape;
  const int32_t groups = group_count(s);
  const int32_t parts = header_of(args->weights)->value;
  const bool simple = header_of(args->params)->value != 0;
  const uint8_t **taps = row->scratch;
  for (int32_t i = s->kernel_h * s->kernel_w; i < groups * 4; ++i) taps[i] = NULL;
  bool whole = false;
  for (int32_t x = 0; x < s->out_w; ++x) {
    uint8_t *out = (uint8_t *)row->out + (ptrdiff_t)x * s->channels;
    dwconv_taps_next(s, row, x, &whole, taps);
    for (int32_t c = row->first; c < row->last; c += BLOCK) {
      const char *weights = (const char *)args->weights + HEADER + (ptrdiff_t)c * groups * 4 * parts;
      const char *params = (const char *)args->params + HEADER + (ptrdiff_t)c * PARAM_COUNT * 4;
      const uint64_t mask = mask_of(row->last - c);
      const int32_t width = width_at(s->channels, c);
      if (width == 64)
        block_pixel_64(args, taps, groups, c, weights, params, out, mask, form_of(params, simple), parts);
      else if (width == 32) block_pixel_32(args, taps, groups, c, weights, params, out, (__mmask32)mask, simple, parts);
      else block_pixel_16(args, taps, groups, c, weights, params, out, (__mmask16)mask, simple, parts);
    }
  }
}

static void run(const ln_dwconv_q8 *args, const ln_dwconv_row *row) {
  if (is_flat(&args->shape)) run_flat(args, row);
  else if (is_3x3(&args->shape)) run_3x3(args, row);
  else run_any(args, row);
}

const ln_dwconv_q8_kernel dwconv_q8_64_avx512vnni = {run, BLOCK, weight_bytes, pack, param_bytes, fold, scratch_bytes};
