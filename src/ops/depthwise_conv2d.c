/*
 * DEPTHWISE_CONV_2D: each input channel is filtered by itself. Rows of output go to the kernels of kernels/dwconv.h in
 * bands, one task a band; input channels are repeated row by row when the depth multiplier is above one.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/dwconv.h"
#include "kernels/hybrid.h"
#include "kernels/quant.h"
#include "ops/depthwise_product.h"
#include "ops/rows.h"
#include "ops/weights.h"
#include "ops/window.h"

#define TYPES LN_OP_TYPES(DEPTHWISE_CONV_2D)
#define HAS_HYBRID (LN_IN(TYPES, LN_FLOAT32) && LN_WEIGHTS_IN_BYTES(TYPES))

enum {
  BAND_MACS = 200000, /* of a task, where rows are not shorter */
  MACS_A_NANOSECOND = 16,
  MAX_BANDS = 32,
  MAX_TAPS = 1 << 22, /* sums of weights stay within 32 bits */
  /* Of input lines that are read again and again: what stays in a first-level cache, where that leaves so many blocks
   * of channels that a row's setting up costs little; else a little more than that. */
  CACHED_BYTES = 24 * 1024,
  CACHED_BLOCKS = 6,
  HYBRID_BLOCK = 32, /* channels that the widest kernel takes together */
  SPILLED_BYTES = 64 * 1024
};

typedef struct geometry {
  ln_window h, w;
  int32_t batches, in_channels, out_channels, multiplier;
} geometry;

typedef struct depthwise_args {
  geometry g;
  ln_dwconv_shape shape;
  ln_type type;                     /* of the rows that kernels read: int8 for hybrid */
  size_t in_bytes, out_bytes;       /* of an element of rows and outputs */
  size_t in_row, in_image, out_row; /* elements */
  int32_t chunk;                    /* channels that go through a band together */
  int32_t rows_per_band;            /* at most, of a task */
  bool late;                        /* weights or bias are no constants: packed in the run, into scratch */
  const void *filter;               /* int16 and hybrid: constant weights in plain form, else NULL */
  size_t weight_bytes, param_bytes;
  size_t plain_at; /* in node scratch: weights in plain form that are known in run only and come in another */
  int32_t ring;    /* lines of repeated channels that are kept; 0 without a depth multiplier */
  size_t ring_offset, tags_offset, kernel_offset; /* in a thread's scratch */
  ln_dwconv_f32 f32;
  ln_dwconv_q8 q8;
  ln_dwconv_i16 i16;
  ln_dwconv_hybrid hybrid;
  const int32_t *multipliers, *shifts;
  ln_depthwise_product *product; /* of one input channel; NULL where rows go to the kernels */
} depthwise_args;

/* ---- shapes ---- */

static ln_status resolve(const ln_node *node, geometry *g, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  const ln_shape *filter = &node->in[1]->shape;
  const ln_depthwise_conv2d_options *options = LN_OPTIONS(node, depthwise_conv2d_options);
  const ln_fused *fused = &node->op->fused;
  if (in->rank != 4 || filter->rank != 4 || filter->dims[0] != 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "input and filter must be [n, h, w, c] and [1, h, w, c]");
  }
  g->batches = in->dims[0];
  g->in_channels = in->dims[3];
  g->out_channels = filter->dims[3];
  if (g->in_channels < 1 || g->out_channels < 1 || g->out_channels % g->in_channels != 0) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%d filters do not fit %d input channels", g->out_channels,
                        g->in_channels);
  }
  g->multiplier = g->out_channels / g->in_channels;
  g->h = (ln_window){in->dims[1],
                     filter->dims[1],
                     options->stride_h,
                     options->dilation_h_factor,
                     fused->pad_top,
                     fused->pad_bottom,
                     0};
  g->w = (ln_window){in->dims[2],
                     filter->dims[2],
                     options->stride_w,
                     options->dilation_w_factor,
                     fused->pad_left,
                     fused->pad_right,
                     0};
  if (!ln_window_resolve(&g->h, options->padding, fused->pads) ||
      !ln_window_resolve(&g->w, options->padding, fused->pads)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "a %dx%d filter with strides %dx%d does not fit a %dx%d input",
                        g->h.kernel, g->w.kernel, g->h.stride, g->w.stride, g->h.in, g->w.in);
  }
  if ((int64_t)g->h.kernel * g->w.kernel > MAX_TAPS || (int64_t)g->batches * g->h.out > INT32_MAX) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "a %dx%d filter or %d images are too many", g->h.kernel,
                        g->w.kernel, g->batches);
  }
  return LN_OK;
}

ln_status ln_depthwise_conv2d_infer(ln_node *node, ln_error *err) {
  geometry g;
  LN_TRY(resolve(node, &g, err));
  const int32_t dims[4] = {g.batches, g.h.out, g.w.out, g.out_channels};
  const ln_shape shape = ln_shape_make(4, dims);
  return ln_node_set_shape(node, 0, &shape, err);
}

int64_t ln_depthwise_conv2d_macs(const ln_node *node) {
  const int64_t outputs = (int64_t)ln_shape_span(&node->out[0]->shape, 0, 4);
  return outputs * (int64_t)ln_shape_span(&node->in[1]->shape, 1, 3);
}

static const ln_tensor *bias_of(const ln_node *node) { return node->in_count > 2 ? node->in[2] : NULL; }

/* Data read when it is needed: in prepare for constants, else in run. */
static const void *data_of(const ln_tensor *tensor) { return tensor == NULL ? NULL : tensor->data; }

/* ---- the filter in plain form: floats or bytes ---- */

static size_t plain_bytes(const ln_tensor *filter) {
  const size_t count = ln_shape_span(&filter->shape, 0, 4);
  size_t bytes;
  return ln_size_mul(count, ln_weights_plain_type(filter) == LN_FLOAT32 ? sizeof(float) : 1, &bytes) ? bytes : SIZE_MAX;
}

/* Floats, or bytes of which `is_signed` says how they are read. */
typedef struct plain_filter {
  const void *data;
  void *owned;
  bool is_signed;
} plain_filter;

/* A constant one, for as long as it takes to pack it. */
static ln_status open_filter(const ln_node *node, ln_error *err, plain_filter *out) {
  const ln_tensor *filter = node->in[1];
  ln_weights weights;
  LN_TRY(ln_weights_open(node, filter, err, &weights));
  *out = (plain_filter){weights.data, weights.owned, weights.plain == LN_INT8};
  if (ln_weights_is_plain(&weights)) return LN_OK;
  out->data = out->owned = ln_alloc(plain_bytes(filter));
  if (out->owned != NULL) ln_weights_read(&weights, 0, ln_shape_span(&filter->shape, 0, 4), out->owned);
  ln_weights_close(&weights);
  return out->owned != NULL ? LN_OK : ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for the filter");
}

/* One that is known in run only, or packed with what is; the caller frees what it owns. Unpacked into scratch where its
 * form asks for it. */
static ln_status filter_in_run(const ln_node *node, const depthwise_args *a, const ln_exec *exec, plain_filter *out) {
  ln_weights weights;
  LN_TRY(ln_weights_open(node, node->in[1], exec->err, &weights));
  *out = (plain_filter){weights.data, weights.owned, weights.plain == LN_INT8};
  if (ln_weights_is_plain(&weights)) return LN_OK;
  void *block = (char *)exec->scratch + a->plain_at;
  ln_weights_read(&weights, 0, ln_shape_span(&node->in[1]->shape, 0, 4), block);
  out->data = block;
  out->owned = NULL;
  ln_weights_close(&weights);
  return LN_OK;
}

/* Scratch for filter_in_run, behind what is taken already. */
static ln_status take_plain(ln_node *node, ln_prep *prep, depthwise_args *a) {
  if (ln_weights_plain_type(node->in[1]) == node->in[1]->type) return LN_OK;
  const bool fits = ln_size_align(node->scratch_bytes, LN_ALIGNMENT, &a->plain_at) &&
                    ln_size_add(a->plain_at, plain_bytes(node->in[1]), &node->scratch_bytes);
  return fits ? LN_OK : ln_node_fail(node, prep->err, LN_ERR_MEMORY, "the filter is too large");
}

/* Forms that read the plain filter in run: kept unpacked when it is constant. */
static ln_status keep_filter(ln_node *node, ln_prep *prep, depthwise_args *a) {
  const ln_status status = ln_weights_unpack(node, prep, node->in[1], &a->filter);
  if (status == LN_ERR_MEMORY) return ln_node_fail(node, prep->err, status, "no memory for the filter");
  LN_TRY(status);
  return a->filter == NULL ? take_plain(node, prep, a) : LN_OK;
}

/* ---- prepare ---- */

/* Real multipliers of each output channel, as TFLite computes them: through a float product for uint8 tensors. */
static ln_status set_multipliers(const ln_node *node, ln_prep *prep, depthwise_args *a) {
  const ln_tensor *in = node->in[0], *filter = node->in[1], *out = node->out[0];
  const int32_t channels = a->g.out_channels;
  if (in->quant->count != 1 || out->quant->count != 1 || !(ln_scale_of(out) > 0.0f)) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "input and output must be quantized per tensor");
  }
  if (filter->quant->count != 1 && (filter->quant->count != channels || filter->quant->axis != 3)) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "filter \"%s\" is quantized with %d scales for %d channels",
                        filter->name, filter->quant->count, channels);
  }
  for (int32_t c = 1; c < filter->quant->count; ++c) {
    if (filter->type != LN_UINT8 || filter->quant->zero_point[c] == filter->quant->zero_point[0]) continue;
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "filter \"%s\" has zero points that differ by channel",
                        filter->name);
  }
  const size_t padded = (size_t)channels + LN_DWCONV_I16_BLOCK - 1; /* as int16 asks for */
  int32_t *multipliers = ln_arena_array(prep->arena, padded, sizeof *multipliers);
  int32_t *shifts = ln_arena_array(prep->arena, padded, sizeof *shifts);
  if (multipliers == NULL || shifts == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  for (int32_t c = 0; c < channels; ++c) {
    const float scale = filter->quant->scale[filter->quant->count == 1 ? 0 : c];
    const double product =
        in->type == LN_UINT8 ? (double)(ln_scale_of(in) * scale) : (double)ln_scale_of(in) * (double)scale;
    const ln_multiplier m = ln_quantize_multiplier(product / (double)ln_scale_of(out));
    multipliers[c] = m.multiplier;
    shifts[c] = m.shift;
  }
  a->multipliers = multipliers;
  a->shifts = shifts;
  return LN_OK;
}

/* Sums of (weight - zero) over the taps, and the largest sum of absolute values times 255. */
static void sum_weights(const depthwise_args *a, const plain_filter *filter, int32_t zero, int32_t *sums,
                        int64_t *bound) {
  const int32_t channels = a->g.out_channels;
  const int32_t taps = a->g.h.kernel * a->g.w.kernel;
  int64_t largest = 0;
  for (int32_t c = 0; c < channels; ++c) {
    int64_t sum = 0, absolute = 0;
    for (int32_t t = 0; t < taps; ++t) {
      const size_t i = (size_t)t * (size_t)channels + (size_t)c;
      const int32_t stored = filter->is_signed ? ((const int8_t *)filter->data)[i] : ((const uint8_t *)filter->data)[i];
      sum += stored - zero;
      absolute += abs(stored - zero);
    }
    sums[c] = (int32_t)sum;
    if (absolute > largest) largest = absolute;
  }
  *bound = largest * 255;
}

static int32_t filter_zero(const ln_tensor *filter) { return filter->type == LN_UINT8 ? ln_zero_point_of(filter) : 0; }

/* Fills `params` from the bias and the sums of weights. */
static void fold_q8(const depthwise_args *a, const ln_node *node, const int32_t *sums, int64_t bound, void *params) {
  const int32_t *bias = data_of(bias_of(node));
  int64_t largest = 0;
  for (int32_t c = 0; bias != NULL && c < a->g.out_channels; ++c) {
    const int64_t value = bias[c] < 0 ? -(int64_t)bias[c] : bias[c];
    if (value > largest) largest = value;
  }
  const ln_dwconv_q8_channels channels = {.channels = a->g.out_channels,
                                          .bias = bias,
                                          .weight_sums = sums,
                                          .multipliers = a->multipliers,
                                          .shifts = a->shifts,
                                          .in_zero = a->q8.in_zero,
                                          .out_zero = a->q8.out_zero,
                                          .is_signed = a->q8.is_signed,
                                          .bound = bound + largest};
  LN_KERNEL_OF(dwconv, q8)->fold(&channels, params);
}

static ln_status pack_q8(ln_node *node, ln_prep *prep, depthwise_args *a) {
  const ln_dwconv_q8_kernel *kernel = LN_KERNEL_OF(dwconv, q8);
  const ln_tensor *filter = node->in[1];
  const int32_t zero = filter_zero(filter);
  void *params = ln_arena_alloc(prep->arena, a->param_bytes + LN_ALIGNMENT);
  int32_t *sums = ln_arena_array(prep->arena, (size_t)a->g.out_channels, sizeof *sums);
  plain_filter plain;
  if (params == NULL || sums == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(open_filter(node, prep->err, &plain));
  bool fresh = false;
  const int64_t numbers[4] = {zero * INT64_C(32) + (int64_t)filter->type, a->shape.kernel_h, a->shape.kernel_w,
                              a->shape.stride_w};
  void *packed = ln_pack_cache_get(prep->cache, filter->data, "depthwise q8", numbers, a->weight_bytes, &fresh);
  params = (void *)(((uintptr_t)params + LN_ALIGNMENT - 1) & ~(uintptr_t)(LN_ALIGNMENT - 1));
  if (fresh) kernel->pack(&a->shape, plain.data, plain.is_signed, zero, packed);
  int64_t bound;
  sum_weights(a, &plain, zero, sums, &bound);
  ln_free(plain.owned);
  if (packed == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  fold_q8(a, node, sums, bound, params);
  a->q8.weights = packed;
  a->q8.params = params;
  return LN_OK;
}

/* That 8-bit zero points are values of their types, int8 filters' aside, which count as zero. */
static ln_status check_zero_points(const ln_node *node, ln_prep *prep) {
  const int32_t least = node->in[0]->type == LN_INT8 ? INT8_MIN : 0;
  const int32_t in = ln_zero_point_of(node->in[0]), out = ln_zero_point_of(node->out[0]);
  const int32_t filter = filter_zero(node->in[1]);
  if (in < least || in > least + 255 || out < least || out > least + 255) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "the zero points %d and %d must lie in their type", in, out);
  }
  if (filter >= 0 && filter <= 255) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MODEL, "the filter's zero point %d is outside its type", filter);
}

static ln_status prepare_q8(ln_node *node, ln_prep *prep, depthwise_args *a) {
  const ln_dwconv_q8_kernel *kernel = LN_KERNEL_OF(dwconv, q8);
  LN_TRY(set_multipliers(node, prep, a));
  a->q8.shape = a->shape;
  a->q8.in_zero = ln_zero_point_of(node->in[0]);
  a->q8.out_zero = ln_zero_point_of(node->out[0]);
  a->q8.is_signed = a->type == LN_INT8;
  LN_TRY(check_zero_points(node, prep));
  LN_TRY(ln_node_quantized_range(node, LN_OPTIONS(node, depthwise_conv2d_options)->fused_activation_function,
                                 node->out[0], prep->err, &a->q8.low, &a->q8.high));
  a->weight_bytes = kernel->weight_bytes(&a->shape, a->q8.is_signed);
  a->param_bytes = kernel->param_bytes(a->g.out_channels);
  if (!a->late) return pack_q8(node, prep, a);
  size_t sum_bytes;
  if (!ln_size_align(a->weight_bytes, LN_ALIGNMENT, &a->weight_bytes) ||
      !ln_size_align(a->param_bytes, LN_ALIGNMENT, &a->param_bytes) ||
      !ln_size_mul((size_t)a->g.out_channels, sizeof(int32_t), &sum_bytes) ||
      !ln_size_add(a->weight_bytes, a->param_bytes, &node->scratch_bytes) ||
      !ln_size_add(node->scratch_bytes, sum_bytes, &node->scratch_bytes)) {
    return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "the filter is too large");
  }
  return take_plain(node, prep, a);
}

static ln_status prepare_f32(ln_node *node, ln_prep *prep, depthwise_args *a) {
  const ln_dwconv_f32_kernel *kernel = LN_KERNEL_OF(dwconv, f32);
  const ln_tensor *filter = node->in[1];
  const int32_t taps = a->g.h.kernel * a->g.w.kernel;
  size_t padded;
  a->f32.shape = a->shape;
  LN_TRY(ln_node_float_range(node, LN_OPTIONS(node, depthwise_conv2d_options)->fused_activation_function, prep->err,
                             &a->f32.low, &a->f32.high));
  if (!ln_size_align((size_t)a->g.out_channels, (size_t)kernel->block, &padded) ||
      !ln_size_mul(padded, (size_t)taps * sizeof(float), &a->weight_bytes)) {
    return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "the filter is too large");
  }
  if (a->late) {
    node->scratch_bytes = a->weight_bytes;
    return take_plain(node, prep, a);
  }
  bool fresh = false;
  plain_filter plain;
  LN_TRY(open_filter(node, prep->err, &plain));
  const ln_quant *quant = filter->quant;
  const size_t count = quant->count > 0 ? (size_t)quant->count : 0;
  const uint64_t scaled = ln_hash64(quant->scale, count * sizeof *quant->scale) * 3 +
                          ln_hash64(quant->zero_point, count * sizeof *quant->zero_point);
  const int64_t numbers[4] = {kernel->block, taps, (int64_t)filter->type, (int64_t)scaled};
  float *packed =
      ln_pack_cache_get_numbers(prep->cache, filter->data, "depthwise f32", numbers, a->weight_bytes, &fresh);
  if (fresh) ln_k_dwconv_pack_f32(kernel->block, taps, a->g.out_channels, plain.data, packed);
  ln_free(plain.owned);
  if (packed == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  a->f32.weights = packed;
  return LN_OK;
}

/* Whether sums of the channel stay within int32 whatever the inputs; its bias in 32 bits. */
static bool channel_fits_i16(const depthwise_args *a, int32_t c, const ln_tensor *bias, int32_t *narrow) {
  const int64_t add = bias == NULL             ? 0
                      : bias->type == LN_INT64 ? ((const int64_t *)bias->data)[c]
                                               : ((const int32_t *)bias->data)[c];
  if (add > INT32_MAX || add < -INT32_MAX || a->shifts[c] > 14) return false;
  const int8_t *filter = (const int8_t *)a->filter + c;
  int64_t most = add < 0 ? -add : add;
  for (int32_t tap = 0; tap < a->g.h.kernel * a->g.w.kernel; ++tap, filter += a->g.out_channels)
    most += (int64_t)abs(*filter) << 15;
  *narrow = (int32_t)add;
  return most <= INT32_MAX;
}

/* What sums of 32 bits hold, of constants. */
static ln_status find_i16_fits(ln_node *node, ln_prep *prep, depthwise_args *a) {
  const int32_t channels = a->g.out_channels, blocks = (channels + LN_DWCONV_I16_BLOCK - 1) / LN_DWCONV_I16_BLOCK;
  if (a->late || a->filter == NULL) return LN_OK;
  bool *fits = ln_arena_array(prep->arena, (size_t)blocks, sizeof *fits);
  int32_t *narrow = ln_arena_array(prep->arena, (size_t)channels, sizeof *narrow);
  if (fits == NULL || narrow == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  for (int32_t b = 0; b < blocks; ++b) fits[b] = true;
  for (int32_t c = 0; c < channels; ++c) {
    bool *block = &fits[c / LN_DWCONV_I16_BLOCK];
    *block = channel_fits_i16(a, c, bias_of(node), &narrow[c]) && *block;
  }
  a->i16.fits = fits;
  a->i16.narrow_bias = narrow;
  return LN_OK;
}

static ln_status prepare_i16(ln_node *node, ln_prep *prep, depthwise_args *a) {
  LN_TRY(set_multipliers(node, prep, a));
  a->i16.shape = a->shape;
  a->i16.multipliers = a->multipliers;
  a->i16.shifts = a->shifts;
  LN_TRY(keep_filter(node, prep, a));
  LN_TRY(find_i16_fits(node, prep, a));
  return ln_node_quantized_range(node, LN_OPTIONS(node, depthwise_conv2d_options)->fused_activation_function,
                                 node->out[0], prep->err, &a->i16.low, &a->i16.high);
}

/* A block of int8 inputs, quantized image by image in the run. */
static ln_status prepare_hybrid(ln_node *node, ln_prep *prep, depthwise_args *a) {
  const ln_tensor *filter = node->in[1];
  const int32_t channels = a->g.out_channels;
  if (filter->quant->count != 1 && filter->quant->count != channels) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "filter \"%s\" must be quantized", filter->name);
  }
  float *scales = ln_arena_array(prep->arena, (size_t)channels, sizeof *scales);
  if (scales == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  for (int32_t c = 0; c < channels; ++c) scales[c] = filter->quant->scale[filter->quant->count == 1 ? 0 : c];
  a->hybrid.shape = a->shape;
  a->hybrid.scales = scales;
  node->scratch_bytes = a->in_image;
  LN_TRY(keep_filter(node, prep, a));
  return ln_node_float_range(node, LN_OPTIONS(node, depthwise_conv2d_options)->fused_activation_function, prep->err,
                             &a->hybrid.low, &a->hybrid.high);
}

/* Bands and chunks: how the work is cut, from the problem's numbers alone. */
static void cut(depthwise_args *a, int32_t block) {
  const int64_t rows = (int64_t)a->g.batches * a->g.h.out;
  const int64_t row_macs = (int64_t)a->out_row * a->g.h.kernel * a->g.w.kernel + 1;
  int64_t rows_per_band = BAND_MACS / row_macs + 1;
  if (rows_per_band < rows / MAX_BANDS + 1) rows_per_band = rows / MAX_BANDS + 1;
  if (rows_per_band > INT32_MAX) rows_per_band = INT32_MAX;
  a->rows_per_band = (int32_t)rows_per_band;
  a->chunk = a->g.out_channels;
  if (a->g.multiplier > 1) return;
  const int64_t column_bytes = (int64_t)a->g.h.kernel * a->g.w.in * (int64_t)a->in_bytes + 1; /* of one channel */
  int64_t chunk = CACHED_BYTES / column_bytes / block * block;
  if (chunk < CACHED_BLOCKS * (int64_t)block) chunk = SPILLED_BYTES / column_bytes / block * block;
  if (chunk < 2 * (int64_t)block) chunk = 2 * (int64_t)block; /* whole cache lines, with work to spread a call over */
  if (chunk < a->chunk) a->chunk = (int32_t)chunk;
}

static ln_status set_thread_scratch(ln_node *node, ln_prep *prep, depthwise_args *a) {
  size_t bytes, line, tags;
  const int64_t span = ((int64_t)a->g.h.kernel - 1) * a->g.h.dilation + 1;
  a->ring = a->g.multiplier == 1 ? 0 : (int32_t)(span < a->g.h.in ? span : a->g.h.in);
  const size_t kernel_bytes =
      a->type == node->in[0]->type && !LN_MEETS(TYPES, a->type, LN_FLOAT32) && !LN_MEETS(TYPES, a->type, LN_INT16)
          ? LN_KERNEL_OF(dwconv, q8)->scratch_bytes(&a->shape)
          : 0;
  bool ok = ln_size_mul((size_t)a->g.h.kernel, sizeof(void *), &bytes) && ln_size_align(bytes, LN_ALIGNMENT, &bytes);
  a->kernel_offset = bytes;
  ok = ok && ln_size_add(bytes, kernel_bytes, &bytes) && ln_size_align(bytes, LN_ALIGNMENT, &bytes);
  a->tags_offset = bytes;
  ok = ok && ln_size_mul((size_t)a->ring, sizeof(int32_t), &tags) && ln_size_add(bytes, tags, &bytes) &&
       ln_size_align(bytes, LN_ALIGNMENT, &bytes);
  a->ring_offset = bytes;
  ok = ok && ln_size_mul((size_t)a->shape.in_w * a->in_bytes, (size_t)a->shape.channels, &line) &&
       ln_size_mul(line, (size_t)a->ring, &line) && ln_size_add(bytes, line, &node->thread_scratch_bytes);
  return ok ? LN_OK : ln_node_fail(node, prep->err, LN_ERR_MEMORY, "the input is too large");
}

static bool is_hybrid(const ln_node *node) {
  return HAS_HYBRID && LN_MEETS(TYPES, node->in[0]->type, LN_FLOAT32) &&
         ln_weights_plain_type(node->in[1]) != LN_FLOAT32;
}

/* The shape of the convolution that a filter of one input channel is; false where rows go to the kernels. */
static bool product_shape(const ln_node *node, const depthwise_args *a, ln_conv_shape *out) {
  const geometry *g = &a->g;
  if (!LN_HAS_ONE_CHANNEL || g->in_channels != 1 || a->late || is_hybrid(node) || LN_MEETS(TYPES, a->type, LN_INT16))
    return false;
  *out = (ln_conv_shape){g->batches, 1, g->out_channels, 1, g->h, g->w};
  return a->out_row > 0 && g->batches > 0 && g->h.out > 0 && ln_conv_is_countable(out);
}

/* One column of an image lies in memory as one row. */
static void turn_columns(geometry *g) {
  if (g->w.in != 1 || g->w.kernel != 1 || g->w.out != 1) return;
  const ln_window row = g->w;
  g->w = g->h;
  g->h = row;
}

ln_status ln_depthwise_conv2d_prepare(ln_node *node, ln_prep *prep) {
  depthwise_args *a = LN_NODE_ARGS(node, prep, depthwise_args);
  if (a == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  geometry *g = &a->g;
  LN_TRY(ln_node_check_built(node, TYPES, prep->err));
  LN_TRY(resolve(node, g, prep->err));
  const ln_tensor *in = node->in[0], *filter = node->in[1], *bias = bias_of(node);
  if (bias != NULL && ln_shape_span(&bias->shape, 0, bias->shape.rank) != (size_t)g->out_channels) {
    return ln_node_fail(node, prep->err, LN_ERR_SHAPE, "the bias must hold %d values", g->out_channels);
  }
  const bool hybrid = is_hybrid(node);
  a->type = hybrid ? LN_INT8 : in->type;
  a->in_bytes = (size_t)ln_type_bits(a->type) / 8;
  a->out_bytes = (size_t)ln_type_bits(node->out[0]->type) / 8;
  turn_columns(g);
  a->in_row = (size_t)g->w.in * (size_t)g->in_channels;
  a->in_image = ln_shape_span(&in->shape, 1, 4);
  a->out_row = (size_t)g->w.out * (size_t)g->out_channels;
  a->shape = (ln_dwconv_shape){g->h.kernel, g->w.kernel, g->w.stride, g->w.dilation,
                               g->w.in,     g->w.out,    g->w.before, g->out_channels};
  a->late = !ln_tensor_const_data(filter) || (bias != NULL && !ln_tensor_const_data(bias));
  ln_conv_shape shape;
  if (product_shape(node, a, &shape)) {
    if (!LN_MEETS(TYPES, a->type, LN_FLOAT32)) LN_TRY(check_zero_points(node, prep));
    return ln_depthwise_product_prepare(node, prep, &shape, &a->product);
  }
  int32_t block = 1;
  if (hybrid) {
    node->kernel = "dwconv_hybrid";
    block = HYBRID_BLOCK;
    LN_TRY(prepare_hybrid(node, prep, a));
  } else if (LN_MEETS(TYPES, a->type, LN_FLOAT32)) {
    node->kernel = "dwconv_f32";
    block = LN_KERNEL_OF(dwconv, f32)->block;
    LN_TRY(prepare_f32(node, prep, a));
  } else if (LN_MEETS(TYPES, a->type, LN_INT16)) {
    node->kernel = "dwconv_i16";
    block = LN_DWCONV_I16_BLOCK;
    LN_TRY(prepare_i16(node, prep, a));
  } else {
    node->kernel = "dwconv_q8";
    block = LN_KERNEL_OF(dwconv, q8)->block;
    LN_TRY(prepare_q8(node, prep, a));
  }
  cut(a, block);
  if (!hybrid) node->finish_grain = a->out_row;
  return set_thread_scratch(node, prep, a);
}

/* ---- run ---- */

typedef struct band_context {
  const depthwise_args *a;
  const ln_exec *exec;
  const uint8_t *in;
  uint8_t *out;
  int32_t rows, rows_per_band; /* of all outputs, and of a task */
  ln_dwconv_f32 f32;
  ln_dwconv_q8 q8;
  ln_dwconv_i16 i16;
  ln_dwconv_hybrid hybrid;
  bool is_hybrid;
} band_context;

/* Repeats each of `channels` elements of `bytes` bytes `multiplier` times, for `pixels` pixels. */
static void repeat_channels(const uint8_t *in, size_t count, int32_t multiplier, size_t bytes, uint8_t *out) {
  for (size_t i = 0; i < count; ++i, in += bytes) {
    if (bytes == 1) {
      memset(out, *in, (size_t)multiplier);
      out += multiplier;
      continue;
    }
    for (int32_t m = 0; m < multiplier; ++m, out += bytes) memcpy(out, in, bytes);
  }
}

/* Input row `y` of an image as kernels read it; through the ring of repeated lines when there is one. */
static const void *input_row(const depthwise_args *a, const uint8_t *image, int32_t y, uint8_t *scratch) {
  const uint8_t *row = image + (size_t)y * a->in_row * a->in_bytes;
  if (a->ring == 0) return row;
  int32_t *tags = (int32_t *)(scratch + a->tags_offset);
  const int32_t slot = y % a->ring;
  uint8_t *line = scratch + a->ring_offset + (size_t)slot * (a->in_row * a->in_bytes * (size_t)a->g.multiplier);
  if (tags[slot] != y) {
    repeat_channels(row, a->in_row, a->g.multiplier, a->in_bytes, line);
    tags[slot] = y;
  }
  return line;
}

static void call_kernel(const band_context *b, const ln_dwconv_row *row) {
  const depthwise_args *a = b->a;
  if (HAS_HYBRID && b->is_hybrid) {
    LN_KERNEL_OF(dwconv, hybrid)(&b->hybrid, row);
  } else if (LN_MEETS(TYPES, a->type, LN_FLOAT32)) {
    LN_KERNEL_OF(dwconv, f32)->run(&b->f32, row);
  } else if (LN_MEETS(TYPES, a->type, LN_INT16)) {
    ln_k_dwconv_i16(&b->i16, row);
  } else {
    LN_KERNEL_OF(dwconv, q8)->run(&b->q8, row);
  }
}

/* Output rows [from, to), counted over all images, for channels [first, last). */
static void run_rows(const band_context *b, int32_t from, int32_t to, int32_t first, int32_t last, uint8_t *scratch) {
  const depthwise_args *a = b->a;
  const void **rows = (const void **)scratch;
  int32_t *tags = (int32_t *)(scratch + a->tags_offset);
  int32_t image = -1;
  for (int32_t index = from; index < to; ++index) {
    const int32_t y = index % a->g.h.out;
    const int32_t batch = index / a->g.h.out;
    if (batch != image) {
      for (int32_t i = 0; i < a->ring; ++i) tags[i] = -1;
      image = batch;
    }
    for (int32_t ky = 0; ky < a->g.h.kernel; ++ky) {
      const int64_t in_y = (int64_t)y * a->g.h.stride + (int64_t)ky * a->g.h.dilation - a->g.h.before;
      const bool inside = in_y >= 0 && in_y < a->g.h.in;
      rows[ky] =
          inside ? input_row(a, b->in + (size_t)batch * a->in_image * a->in_bytes, (int32_t)in_y, scratch) : NULL;
    }
    const ln_dwconv_row row = {.rows = rows,
                               .out = b->out + (size_t)index * a->out_row * a->out_bytes,
                               .first = first,
                               .last = last,
                               .scratch = scratch + a->kernel_offset};
    call_kernel(b, &row);
  }
}

static void run_band(void *context, int32_t task, int32_t worker) {
  const band_context *b = context;
  const depthwise_args *a = b->a;
  uint8_t *scratch = ln_exec_thread_scratch(b->exec, worker);
  const int32_t from = task * b->rows_per_band;
  const int32_t to = b->rows - from > b->rows_per_band ? from + b->rows_per_band : b->rows;
  for (int32_t first = 0; first < a->g.out_channels; first += a->chunk) {
    const int32_t last = first + a->chunk < a->g.out_channels ? first + a->chunk : a->g.out_channels;
    run_rows(b, from, to, first, last, scratch);
  }
  ln_exec_finish(b->exec, (size_t)from * a->out_row, (size_t)(to - from) * a->out_row);
}

static void run_bands(const ln_exec *exec, band_context *b) {
  const depthwise_args *a = b->a;
  const double macs = (double)b->rows * (double)a->out_row * a->g.h.kernel * a->g.w.kernel;
  const int64_t work = macs < 1e10 ? (int64_t)macs / MACS_A_NANOSECOND : 1000000000;
  b->rows_per_band = ln_pool_share(exec->pool, b->rows, a->rows_per_band, work);
  ln_pool_run(exec->pool, (b->rows - 1) / b->rows_per_band + 1, run_band, b);
}

/* Image by image: quantize it into scratch, then run its rows. */
static void run_hybrid(const ln_node *node, ln_exec *exec, band_context *b) {
  const depthwise_args *a = b->a;
  const float *images = node->in[0]->data;
  float *out = node->out[0]->data;
  b->is_hybrid = true;
  b->hybrid.bias = data_of(bias_of(node));
  b->in = exec->scratch;
  b->rows = a->g.h.out;
  for (int32_t batch = 0; batch < a->g.batches; ++batch) {
    ln_k_quantize_asymmetric(images + (size_t)batch * a->in_image, a->in_image, exec->scratch, &b->hybrid.in_scale,
                             &b->hybrid.in_zero);
    b->out = (uint8_t *)(out + (size_t)batch * a->out_row * (size_t)a->g.h.out);
    run_bands(exec, b);
  }
}

/* Packs what prepare could not, into scratch. */
static void pack_late(const ln_node *node, const ln_exec *exec, const plain_filter *filter, band_context *b) {
  const depthwise_args *a = b->a;
  uint8_t *scratch = exec->scratch;
  if (LN_MEETS(TYPES, a->type, LN_FLOAT32)) {
    ln_k_dwconv_pack_f32(LN_KERNEL_OF(dwconv, f32)->block, a->g.h.kernel * a->g.w.kernel, a->g.out_channels,
                         filter->data, (float *)scratch);
    b->f32.weights = (const float *)scratch;
    return;
  }
  int32_t *sums = (int32_t *)(scratch + a->weight_bytes + a->param_bytes);
  const int32_t zero = filter_zero(node->in[1]);
  int64_t bound;
  LN_KERNEL_OF(dwconv, q8)->pack(&a->shape, filter->data, filter->is_signed, zero, scratch);
  sum_weights(a, filter, zero, sums, &bound);
  fold_q8(a, node, sums, bound, scratch + a->weight_bytes);
  b->q8.weights = scratch;
  b->q8.params = scratch + a->weight_bytes;
}

ln_status ln_depthwise_conv2d_run(const ln_node *node, ln_exec *exec) {
  const depthwise_args *a = node->args;
  if (LN_HAS_ONE_CHANNEL && a->product != NULL) {
    ln_depthwise_product_run(a->product, node, exec);
    return LN_OK;
  }
  const ln_tensor *bias = bias_of(node);
  const bool hybrid = is_hybrid(node);
  band_context b = {.a = a,
                    .exec = exec,
                    .in = node->in[0]->data,
                    .out = node->out[0]->data,
                    .rows = a->g.batches * a->g.h.out,
                    .f32 = a->f32,
                    .q8 = a->q8,
                    .i16 = a->i16,
                    .hybrid = a->hybrid};
  plain_filter filter = {.data = a->filter};
  if (a->late && filter.data == NULL) LN_TRY(filter_in_run(node, a, exec, &filter));
  b.f32.bias = data_of(bias);
  b.i16.filter = filter.data;
  if (LN_MEETS(TYPES, a->type, LN_INT16)) {
    if (bias != NULL && bias->type == LN_INT64) b.i16.bias = bias->data;
    if (bias != NULL && bias->type == LN_INT32) b.i16.bias32 = bias->data;
  }
  if (hybrid) {
    b.hybrid.filter = filter.data;
    run_hybrid(node, exec, &b);
    ln_free(filter.owned);
    return LN_OK;
  }
  if (a->late && !LN_MEETS(TYPES, a->type, LN_INT16)) pack_late(node, exec, &filter, &b);
  run_bands(exec, &b);
  ln_free(filter.owned);
  return LN_OK;
}
