/* TensorFlow's convolutions, pools, normalizations, and quantization that is only pretended. */
#include <math.h>

#include "import/savedmodel/savedmodel.h"

/* ---- windows ---- */

/* Where the spatial dimensions begin, from the data format. */
static int32_t first_spatial(const ln_sm_call *c) {
  return ln_sm_is(c, "data_format", "NCHW") || ln_sm_is(c, "data_format", "NCDHW") ? 2 : 1;
}

/* Sizes of the spatial dimensions from a list with one number for each dimension; others must be 1. */
static bool take_sizes(ln_sm_call *c, const char *what, const int64_t *list, int32_t count, int32_t rank,
                       int32_t *out) {
  const int32_t first = first_spatial(c);
  for (int32_t i = 0; i < count; ++i) {
    const bool spatial = i >= first && i < first + rank;
    if (count != rank + 2 || list[i] < 1 || list[i] > INT32_MAX || (!spatial && list[i] != 1)) {
      ln_emit_refuse(c->e, "its %s reach over batch or channels, or are none", what);
      return false;
    }
    if (spatial) out[i - first] = (int32_t)list[i];
  }
  return true;
}

static bool take_list(ln_sm_call *c, const char *key, int32_t rank, int32_t *out) {
  int64_t list[8];
  int32_t count = 0;
  if (!ln_nodedef_ints(c->def, key, list, (int32_t)LN_COUNT(list), &count) || count > (int32_t)LN_COUNT(list))
    return true;
  return take_sizes(c, key, list, count, rank, out);
}

static bool take_padding(ln_sm_call *c, int32_t rank, ln_window *w) {
  int64_t pads[16];
  int32_t count = 0;
  const int32_t first = first_spatial(c);
  if (ln_sm_is(c, "padding", "SAME")) w->padding = LN_EMIT_SAME;
  else if (ln_sm_is(c, "padding", "VALID")) w->padding = LN_EMIT_VALID;
  else if (ln_sm_is(c, "padding", "EXPLICIT") && ln_nodedef_ints(c->def, "explicit_paddings", pads, 16, &count) &&
           count == 2 * (rank + 2)) {
    w->padding = LN_EMIT_EXPLICIT;
    for (int32_t i = 0; i < rank; ++i) {
      w->before[i] = (int32_t)pads[2 * (first + i)];
      w->after[i] = (int32_t)pads[2 * (first + i) + 1];
    }
  } else {
    ln_emit_wrong(c->e, "its padding is none that there is");
    return false;
  }
  return true;
}

static bool take_window(ln_sm_call *c, int32_t rank, ln_window *w) {
  *w = (ln_window){.rank = rank};
  return take_list(c, "strides", rank, w->stride) && take_list(c, "dilations", rank, w->dilation) &&
         take_padding(c, rank, w);
}

/* The image as TFLite wants it, and back as the node gives it. */
static int32_t image_in(ln_sm_call *c, int32_t i) {
  const int32_t a = ln_sm_in(c, i);
  return first_spatial(c) == 2 ? ln_emit_channels_last(c->e, a) : a;
}

static void image_out(ln_sm_call *c, int32_t i, int32_t a) {
  ln_sm_give(c, i, first_spatial(c) == 2 ? ln_emit_channels_first(c->e, a) : a);
}

static void sizes_of_filter(const ln_sm_call *c, int32_t filter, ln_window *w) {
  for (int32_t i = 0; i < w->rank; ++i) w->size[i] = ln_emit_dim(c->e, filter, i);
}

/* ---- convolutions ---- */

/* Conv2D, Conv3D: variant is the spatial rank */
void ln_sm_op_conv(ln_sm_call *c) {
  const int32_t a = image_in(c, 0), filter = ln_sm_in(c, 1), rank = c->variant;
  ln_window w;
  if (a < 0 || filter < 0 || !take_window(c, rank, &w)) return;
  sizes_of_filter(c, filter, &w);
  const int32_t channels = ln_emit_dim(c->e, a, -1), per_group = ln_emit_dim(c->e, filter, rank);
  if (channels < 1 || per_group < 1 || channels % per_group != 0) {
    ln_emit_refuse(c->e, "its input has %d channels, its filter takes %d", channels, per_group);
    return;
  }
  image_out(c, 0, ln_emit_conv(c->e, a, filter, -1, channels / per_group, &w));
}

void ln_sm_op_depthwise(ln_sm_call *c) {
  const int32_t a = image_in(c, 0), filter = ln_sm_in(c, 1);
  ln_window w;
  if (a < 0 || filter < 0 || !take_window(c, 2, &w)) return;
  sizes_of_filter(c, filter, &w);
  image_out(c, 0, ln_emit_depthwise(c->e, a, filter, -1, &w));
}

/* The size of the result in spatial dimension i under assignment p, from what is known of the node's input 0. */
static int32_t wanted_size(const ln_sm_call *c, int32_t sizes, int32_t i, int32_t p) {
  const ln_fact *fact = &c->e->facts[sizes];
  const int32_t count = fact->shape[p].dims[0], at = (count > c->variant ? first_spatial(c) : 0) + i;
  if (fact->shape[p].rank != 1 || fact->value[p] == NULL || at >= count || at < 0) return -1;
  if (ln_emit_type(c->e, sizes) == LN_INT32) return ((const int32_t *)fact->value[p])[at];
  const int64_t wide = ln_emit_type(c->e, sizes) == LN_INT64 ? ((const int64_t *)fact->value[p])[at] : -1;
  return wide >= 0 && wide <= INT32_MAX ? (int32_t)wide : -1;
}

/*
 * The result has the size that the node says: of the sizes that the forward convolution makes the given input of, one.
 * SAME is TFLite's own where that size is the input's times the stride; else what SAME would cut off is said outright.
 */
static bool fit_size(ln_sm_call *c, int32_t a, int32_t sizes, ln_window *w, int32_t *more) {
  bool plain = true;
  for (int32_t i = 0; i < w->rank; ++i) {
    const int32_t stride = w->stride[i] > 0 ? w->stride[i] : 1;
    int32_t apart[2];
    for (int32_t p = 0; p < 2; ++p) {
      const int32_t size = wanted_size(c, sizes, i, p), given = c->e->facts[a].shape[p].dims[1 + i];
      if (size < 0) return w->padding == LN_EMIT_SAME; /* nothing is known: what the stride says */
      apart[p] = size - (w->padding == LN_EMIT_SAME ? given * stride : (given - 1) * stride + w->size[i]);
    }
    if (apart[0] != apart[1] || apart[0] <= -stride || apart[0] >= stride) return false;
    more[i] = apart[0];
    plain = plain && apart[0] == 0;
  }
  if (plain || w->padding != LN_EMIT_SAME) return true;
  for (int32_t i = 0; i < w->rank; ++i) { /* full: (n - 1) * stride + size; wanted: n * stride + more */
    const int32_t stride = w->stride[i] > 0 ? w->stride[i] : 1;
    const int32_t cut = w->size[i] - stride - more[i];
    w->before[i] = cut > 0 ? cut / 2 : 0;
    w->after[i] = cut > 0 ? cut - cut / 2 : 0;
    more[i] = cut < 0 ? -cut : 0;
  }
  w->padding = LN_EMIT_EXPLICIT;
  return true;
}

/* Conv2DBackpropInput, Conv3DBackpropInputV2: sizes, filter, image: what a transposed convolution is made of */
void ln_sm_op_conv_transpose(ln_sm_call *c) {
  const int32_t sizes = ln_sm_in(c, 0), filter = ln_sm_in(c, 1), a = image_in(c, 2);
  int32_t more[3] = {0};
  ln_window w;
  if (a < 0 || filter < 0 || sizes < 0 || !take_window(c, c->variant, &w)) return;
  sizes_of_filter(c, filter, &w);
  if (w.padding == LN_EMIT_EXPLICIT || ln_emit_rank(c->e, a) != c->variant + 2 || !fit_size(c, a, sizes, &w, more)) {
    ln_emit_refuse(c->e,
                   "the size of its result does not follow from its input's; give it as input size times strides");
    return;
  }
  image_out(c, 0, ln_emit_conv_transpose(c->e, a, filter, -1, 1, &w, more));
}

/* Dilation2D: the greatest of input plus filter; as many shifts as the filter has elements */
void ln_sm_op_dilation(ln_sm_call *c) {
  enum { MOST = 64 };
  ln_emit *e = c->e;
  ln_window w = {.rank = 2, .stride = {1, 1}, .dilation = {1, 1}};
  const int32_t a = ln_sm_in(c, 0), filter = ln_sm_in(c, 1);
  if (a < 0 || filter < 0 || !take_list(c, "strides", 2, w.stride) || !take_list(c, "rates", 2, w.dilation) ||
      !take_padding(c, 2, &w))
    return;
  if (ln_emit_rank(e, a) != 4 || ln_emit_rank(e, filter) != 3) {
    ln_emit_wrong(e, "it takes images of four dimensions and a filter of three");
    return;
  }
  sizes_of_filter(c, filter, &w);
  if (w.size[0] < 1 || w.size[1] < 1 || (int64_t)w.size[0] * w.size[1] > MOST || !ln_emit_is_fixed(e, filter)) {
    ln_emit_refuse(e, "its filter has more than %d elements", MOST);
    return;
  }
  int32_t before[4] = {0}, after[4] = {0}, size[2], best = -1;
  for (int32_t i = 0; i < 2; ++i) {
    const int32_t in = ln_emit_dim(e, a, 1 + i);
    if (in < 0 || in > 1 << 24 || w.stride[i] > 1 << 16 || w.dilation[i] > 1 << 16) {
      ln_emit_refuse(e, "height and width must be known (say --shape), and sizes, strides and rates be no huge ones");
      return;
    }
    const int32_t reach = (w.size[i] - 1) * w.dilation[i] + 1;
    size[i] = w.padding == LN_EMIT_SAME ? (in + w.stride[i] - 1) / w.stride[i] : (in - reach) / w.stride[i] + 1;
    const int32_t pad = w.padding == LN_EMIT_SAME ? (size[i] - 1) * w.stride[i] + reach - in : 0;
    before[1 + i] = pad > 0 ? pad / 2 : 0;
    after[1 + i] = pad > 0 ? pad - pad / 2 : 0;
  }
  const int32_t padded = ln_emit_pad(e, a, before, after, -3.4028234663852886e38);
  for (int32_t y = 0; y < w.size[0]; ++y) {
    for (int32_t x = 0; x < w.size[1]; ++x) {
      const int32_t top = y * w.dilation[0], left = x * w.dilation[1];
      int32_t part = ln_emit_slice(e, padded, 1, top, top + (size[0] - 1) * w.stride[0] + 1, w.stride[0]);
      part = ln_emit_slice(e, part, 2, left, left + (size[1] - 1) * w.stride[1] + 1, w.stride[1]);
      part = ln_emit_add(e, part, ln_emit_pick(e, ln_emit_pick(e, filter, 0, y), 0, x));
      best = best < 0 ? part : ln_emit_binary(e, LN_OP_MAXIMUM, best, part);
    }
  }
  ln_sm_result(c, best);
}

/* ---- pools ---- */

/* MaxPool, AvgPool and their 3D forms; MaxPoolV2 has its sizes as inputs */
void ln_sm_op_pool(ln_sm_call *c) {
  const int32_t rank = c->variant & LN_SM_POOL_RANK, a = image_in(c, 0);
  ln_window w = {.rank = rank};
  if (a < 0) return;
  if ((c->variant & LN_SM_POOL_SIZES_ARE_INPUTS) != 0) {
    int64_t sizes[8], strides[8];
    int32_t count = 0, more = 0;
    if (!ln_sm_const_ints(c, 1, "sizes", sizes, 8, &count) || !ln_sm_const_ints(c, 2, "strides", strides, 8, &more))
      return;
    if (!take_sizes(c, "sizes", sizes, count, rank, w.size) || !take_sizes(c, "strides", strides, more, rank, w.stride))
      return;
  } else if (!take_list(c, "ksize", rank, w.size) || !take_list(c, "strides", rank, w.stride)) {
    return;
  }
  if (!take_padding(c, rank, &w)) return;
  image_out(c, 0,
            (c->variant & LN_SM_POOL_AVERAGE) != 0 ? ln_emit_average_pool(c->e, a, &w) : ln_emit_max_pool(c->e, a, &w));
}

/* ---- normalizations ---- */

/* Batch statistics over all but the channels: mean and variance, both [channels]. */
static void moments(ln_emit *e, int32_t a, int32_t *mean, int32_t *variance) {
  int32_t axes[LN_MAX_RANK];
  const int32_t count = ln_emit_rank(e, a) - 1;
  for (int32_t i = 0; i < count; ++i) axes[i] = i;
  *mean = ln_emit_reduce(e, LN_OP_MEAN, a, count, axes, false);
  const int32_t apart = ln_emit_sub(e, a, *mean);
  *variance = ln_emit_reduce(e, LN_OP_MEAN, ln_emit_mul(e, apart, apart), count, axes, false);
}

/* FusedBatchNorm, V2, V3: x, scale, offset, mean, variance > y, batch mean, batch variance, ... */
void ln_sm_op_batch_norm(ln_sm_call *c) {
  ln_emit *e = c->e;
  const int32_t a = image_in(c, 0), scale = ln_sm_in(c, 1), offset = ln_sm_in(c, 2);
  const bool training = ln_sm_bool(c, "is_training", true);
  int32_t mean, variance;
  if (training) {
    moments(e, a, &mean, &variance);
  } else {
    mean = ln_sm_in(c, 3);
    variance = ln_sm_in(c, 4);
  }
  int32_t factor, shift;
  if (!ln_emit_batch_factors(e, mean, variance, scale, offset, ln_sm_float(c, "epsilon", 1e-4), &factor, &shift))
    return;
  image_out(c, 0, ln_emit_add(e, ln_emit_mul(e, a, factor), shift));
  const int64_t elements = ln_emit_elements(e, a), channels = ln_emit_elements(e, scale);
  const int64_t count = channels > 0 && elements > 0 ? elements / channels : 0;
  for (int32_t i = 1; i < c->out_count; ++i) ln_sm_give(c, i, i % 2 == 1 ? mean : variance);
  if (training && c->out_count > 2 && count > 1)
    ln_sm_give(c, 2, ln_emit_mul_number(e, variance, (double)count / (double)(count - 1)));
}

/* BatchNormWithGlobalNormalization: t, mean, variance, beta, gamma */
void ln_sm_op_batch_norm_global(ln_sm_call *c) {
  ln_emit *e = c->e;
  const int32_t scale = ln_sm_bool(c, "scale_after_normalization", false) ? ln_sm_in(c, 4) : -1;
  const double epsilon = ln_sm_float(c, "variance_epsilon", 1e-5);
  int32_t factor, shift;
  if (!ln_emit_batch_factors(e, ln_sm_in(c, 1), ln_sm_in(c, 2), scale, ln_sm_in(c, 3), epsilon, &factor, &shift))
    return;
  ln_sm_result(c, ln_emit_add(e, ln_emit_mul(e, ln_sm_in(c, 0), factor), shift));
}

void ln_sm_op_lrn(ln_sm_call *c) {
  const ln_local_response_normalization_options options = {.radius = (int32_t)ln_sm_int(c, "depth_radius", 5),
                                                           .bias = (float)ln_sm_float(c, "bias", 1),
                                                           .alpha = (float)ln_sm_float(c, "alpha", 1),
                                                           .beta = (float)ln_sm_float(c, "beta", 0.5)};
  const int32_t a = ln_sm_in(c, 0);
  ln_sm_result(c, ln_emit_op(c->e, LN_OP_LOCAL_RESPONSE_NORMALIZATION, &options, 1, &a, LN_FLOAT32));
}

/* ---- quantization that is pretended ---- */

static int32_t fake_quant(ln_sm_call *c, int32_t a, double low, double high) {
  const ln_fake_quant_options options = {.min = (float)low,
                                         .max = (float)high,
                                         .num_bits = (int32_t)ln_sm_int(c, "num_bits", 8),
                                         .narrow_range = ln_sm_bool(c, "narrow_range", false)};
  return ln_emit_op(c->e, LN_OP_FAKE_QUANT, &options, 1, &a, LN_FLOAT32);
}

/* FakeQuantWithMinMaxArgs; FakeQuantWithMinMaxVars (variant 1) */
void ln_sm_op_fake_quant(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  double low = ln_sm_float(c, "min", -6), high = ln_sm_float(c, "max", 6);
  if (c->variant == 1 &&
      (!ln_emit_number(c->e, ln_sm_in(c, 1), &low) || !ln_emit_number(c->e, ln_sm_in(c, 2), &high))) {
    ln_emit_refuse(c->e, "its range must be constant");
    return;
  }
  ln_sm_result(c, fake_quant(c, a, low, high));
}

/* TensorFlow moves a range so that zero is one of its steps. */
static void nudge(float *low, float *high, float steps, float first, float *scale) {
  *scale = (*high - *low) / steps;
  const float zero = first - *low / *scale;
  const float nudged = zero < first ? first : zero > first + steps ? first + steps : floorf(zero + 0.5f);
  *low = (first - nudged) * *scale;
  *high = (first + steps - nudged) * *scale;
}

/* FakeQuantWithMinMaxVarsPerChannel: a range for each index of the last dimension */
void ln_sm_op_fake_quant_channels(ln_sm_call *c) {
  ln_emit *e = c->e;
  const int32_t a = ln_sm_in(c, 0), lows = ln_sm_in(c, 1), highs = ln_sm_in(c, 2);
  const float *low = ln_emit_data(e, lows), *high = ln_emit_data(e, highs);
  const int64_t count = ln_emit_elements(e, lows), bits = ln_sm_int(c, "num_bits", 8);
  if (low == NULL || high == NULL || count != ln_emit_elements(e, highs) || bits < 2 || bits > 16 ||
      ln_emit_type(e, lows) != LN_FLOAT32) {
    ln_emit_refuse(e, "its ranges must be constant");
    return;
  }
  float *made = ln_arena_array(ln_emit_arena(e), 4 * (size_t)count + 1, sizeof *made);
  if (made == NULL) return;
  const float first = ln_sm_bool(c, "narrow_range", false) ? 1 : 0, steps = (float)(1 << bits) - 1 - first;
  for (int64_t i = 0; i < count; ++i) {
    made[i] = low[i];
    made[count + i] = high[i];
    nudge(&made[i], &made[count + i], steps, first, &made[2 * count + i]);
    made[3 * count + i] = 1 / made[2 * count + i];
  }
  const int32_t dim = (int32_t)count;
  int32_t parts[4];
  for (int32_t i = 0; i < 4; ++i) parts[i] = ln_emit_const_view(e, LN_FLOAT32, 1, &dim, made + i * count);
  const int32_t inside = ln_emit_binary(e, LN_OP_MINIMUM, ln_emit_binary(e, LN_OP_MAXIMUM, a, parts[0]), parts[1]);
  const int32_t at = ln_emit_mul(e, ln_emit_sub(e, inside, parts[0]), parts[3]);
  const int32_t step = ln_emit_unary(e, LN_OP_FLOOR, ln_emit_add_number(e, at, 0.5));
  ln_sm_result(c, ln_emit_add(e, ln_emit_mul(e, step, parts[2]), parts[0]));
}

/* QuantizeAndDequantizeV2 to V4 with a given range: to steps of it and back */
void ln_sm_op_quantize_dequantize(ln_sm_call *c) {
  ln_emit *e = c->e;
  const int32_t a = ln_sm_in(c, 0);
  const bool sign = ln_sm_bool(c, "signed_input", true), narrow = ln_sm_bool(c, "narrow_range", false);
  double low, high, bits = (double)ln_sm_int(c, "num_bits", 8);
  if (c->variant == 1 && (c->in_count < 4 || !ln_emit_number(e, ln_sm_in(c, 3), &bits))) bits = 0;
  if (!ln_sm_bool(c, "range_given", false) || ln_sm_int(c, "axis", -1) != -1 || bits < 2 || bits > 16 ||
      !ln_emit_number(e, ln_sm_in(c, 1), &low) || !ln_emit_number(e, ln_sm_in(c, 2), &high)) {
    ln_emit_refuse(e, "it needs one constant range (range_given=True)");
    return;
  }
  const double least = sign ? -exp2(bits - 1) + (narrow ? 1 : 0) : 0, most = sign ? exp2(bits - 1) - 1 : exp2(bits) - 1;
  const double by_low = least * low > 0 ? least / low : (double)INFINITY;
  const double by_high = most * high > 0 ? most / high : (double)INFINITY;
  const double scale = by_low < by_high ? by_low : by_high;
  if (!isfinite(scale)) {
    ln_emit_refuse(e, "its range is empty");
    return;
  }
  const int32_t inside = ln_emit_clip(e, a, least / scale, most / scale);
  int32_t step = ln_emit_mul_number(e, inside, scale);
  step = ln_sm_is(c, "round_mode", "HALF_UP") ? ln_emit_unary(e, LN_OP_FLOOR, ln_emit_add_number(e, step, 0.5))
                                              : ln_emit_unary(e, LN_OP_ROUND, step);
  ln_sm_result(c, ln_emit_mul_number(e, step, 1 / scale));
}
