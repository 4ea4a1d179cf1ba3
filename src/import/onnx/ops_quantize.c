/* Quantized operators of the standard and of com.microsoft: dequantized, computed, quantized. */
#include <string.h>

#include "import/onnx/onnx_quantize.h"
#include "import/onnx/onnx_window.h"

/* ---- QuantizeLinear, DequantizeLinear ---- */

static ln_onnx_scale own_scale(ln_onnx_node *n) {
  ln_onnx_scale by = ln_onnx_scale_in(n, 1, 2);
  by.axis = ln_onnx_int32(n, "axis", 1);
  by.block = ln_onnx_int32(n, "block_size", 0);
  return by;
}

void ln_onnx_quantize_linear(ln_onnx_node *n) {
  const ln_onnx_scale by = own_scale(n);
  ln_type type = LN_UINT8;
  if (by.zero >= 0) type = ln_emit_type(n->e, by.zero);
  else if (ln_onnx_int(n, "output_dtype", 0) != 0 && !ln_onnx_type(n, "output_dtype", LN_UINT8, &type)) return;
  ln_onnx_out(n, 0, ln_onnx_quantize(n, ln_onnx_in(n, 0), &by, type));
}

void ln_onnx_dequantize_linear(ln_onnx_node *n) {
  const ln_onnx_scale by = own_scale(n);
  ln_type type = ln_emit_type(n->e, by.scale);
  if (ln_onnx_int(n, "output_dtype", 0) != 0 && !ln_onnx_type(n, "output_dtype", type, &type)) return;
  ln_onnx_out(n, 0, ln_emit_cast(n->e, ln_onnx_dequantize(n, ln_onnx_in(n, 0), &by), type));
}

/* To the range of 0..255 that holds all numbers and 0. */
void ln_onnx_dynamic_quantize(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t x = ln_onnx_in(n, 0), zero = ln_emit_f32(e, 0);
  const int32_t low = ln_emit_binary(e, LN_OP_MINIMUM, ln_emit_reduce(e, LN_OP_REDUCE_MIN, x, 0, NULL, false), zero);
  const int32_t high = ln_emit_binary(e, LN_OP_MAXIMUM, ln_emit_reduce(e, LN_OP_REDUCE_MAX, x, 0, NULL, false), zero);
  const int32_t span = ln_emit_div(e, ln_emit_sub(e, high, low), ln_emit_f32(e, 255));
  const int32_t nothing = ln_emit_compare(e, LN_OP_EQUAL, span, zero);
  const int32_t scale = ln_emit_select(e, nothing, ln_emit_f32(e, 1), span);
  const int32_t place = ln_emit_unary(e, LN_OP_ROUND, ln_emit_div(e, ln_emit_sub(e, zero, low), scale));
  const int32_t shift = ln_emit_clip(e, place, 0, 255);
  const int32_t steps = ln_emit_unary(e, LN_OP_ROUND, ln_emit_div(e, x, scale));
  ln_onnx_out(n, 0, ln_emit_cast(e, ln_emit_clip(e, ln_emit_add(e, steps, shift), 0, 255), LN_UINT8));
  ln_onnx_out(n, 1, scale);
  ln_onnx_out(n, 2, ln_emit_cast(e, shift, LN_UINT8));
}

/* ---- products of integers ---- */

void ln_onnx_matmul_integer(ln_onnx_node *n) {
  const int32_t a = ln_onnx_less_zero(n, ln_onnx_in(n, 0), ln_onnx_in(n, 2), -2);
  const int32_t b = ln_onnx_less_zero(n, ln_onnx_in(n, 1), ln_onnx_in(n, 3), -1);
  ln_onnx_out(n, 0, ln_onnx_integer_product(n, a, b));
}

/* MatMulIntegerToFloat: a, b, their scales, their zero points, a bias. */
void ln_onnx_matmul_integer_float(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_less_zero(n, ln_onnx_in(n, 0), ln_onnx_in(n, 4), -2);
  const int32_t b = ln_onnx_less_zero(n, ln_onnx_in(n, 1), ln_onnx_in(n, 5), -1);
  const int32_t product = ln_emit_cast(e, ln_onnx_integer_product(n, a, b), LN_FLOAT32);
  const int32_t out = ln_emit_mul(e, product, ln_emit_mul(e, ln_onnx_in(n, 2), ln_onnx_in(n, 3)));
  ln_onnx_out(n, 0, ln_onnx_has(n, 6) ? ln_emit_add(e, out, ln_onnx_in(n, 6)) : out);
}

/* DynamicQuantizeMatMul: floats, integers, their scale, zero point, a bias. */
void ln_onnx_dynamic_quantize_matmul(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const ln_onnx_scale by = {.scale = ln_onnx_in(n, 2), .zero = ln_onnx_in(n, 3), .axis = 1};
  const int32_t b = ln_onnx_dequantize(n, ln_onnx_in(n, 1), &by);
  const int32_t out = ln_emit_matmul(e, ln_onnx_in(n, 0), b, false, false);
  ln_onnx_out(n, 0, ln_onnx_has(n, 4) ? ln_emit_add(e, out, ln_onnx_in(n, 4)) : out);
}

/* [out, in, ..] less a zero point that is one, or one an output. */
static int32_t filter_less_zero(ln_onnx_node *n, int32_t filter, int32_t zero) {
  ln_emit *e = n->e;
  const int32_t rank = ln_emit_rank(e, filter), x = ln_emit_cast(e, filter, LN_FLOAT32);
  if (zero < 0) return x;
  int32_t z = ln_emit_cast(e, zero, LN_FLOAT32);
  ln_dim dims[LN_MAX_RANK] = {LN_DIM_OF(z, 0)};
  for (int32_t i = 1; i < rank; ++i) dims[i] = LN_DIM(1);
  z = ln_emit_elements(e, z) == 1 ? ln_onnx_scalar(e, z) : ln_emit_reshape(e, z, rank, dims);
  return ln_emit_sub(e, x, z);
}

/* Sums over few enough input channels at once to be exact. */
void ln_onnx_conv_integer(ln_onnx_node *n) {
  enum { MOST = 256 };
  ln_emit *e = n->e;
  const int32_t x = ln_onnx_less_zero(n, ln_onnx_in(n, 0), ln_onnx_in(n, 2), -1);
  const int32_t w = filter_less_zero(n, ln_onnx_in(n, 1), ln_onnx_in(n, 3));
  const int32_t channels = ln_emit_dim(e, w, 1), groups = ln_onnx_int32(n, "group", 1);
  int32_t sum = -1;
  int64_t window = 1;
  for (int32_t i = 2; i < ln_emit_rank(e, w) && window <= MOST; ++i) window *= ln_emit_dim(e, w, i);
  if (ln_emit_failed(e)) return;
  if (channels < 1 || window < 1 || window > MOST || (groups > 1 && channels * window > MOST)) {
    ln_emit_refuse(e, "sums over %d channels and %d places are not exact; export it quantized with scales", channels,
                   (int32_t)(window < INT32_MAX ? window : INT32_MAX));
    return;
  }
  const int32_t step = groups > 1 ? channels : MOST / (int32_t)window;
  if (!ln_onnx_may_write(n, channels / step)) return;
  for (int32_t from = 0; from < channels; from += step) {
    const int32_t to = channels - from > step ? from + step : INT32_MAX;
    const int32_t in = groups > 1 ? x : ln_emit_slice(e, x, 1, from, to, 1);
    const int32_t part = ln_emit_cast(e, ln_onnx_emit_conv(n, in, ln_emit_slice(e, w, 1, from, to, 1), -1), LN_INT32);
    sum = sum < 0 ? part : ln_emit_add(e, sum, part);
  }
  ln_onnx_out(n, 0, sum);
}

/* ---- layers ---- */

/* A bias in units of both scales. */
static int32_t bias_in(ln_onnx_node *n, int32_t index, int32_t scale_a, int32_t scale_b) {
  if (!ln_onnx_has(n, index)) return -1;
  const ln_onnx_scale by = {.scale = ln_emit_mul(n->e, scale_a, scale_b), .zero = -1};
  return ln_onnx_dequantize(n, ln_onnx_in(n, index), &by);
}

void ln_onnx_qlinear_conv(ln_onnx_node *n) {
  const int32_t x = ln_onnx_dequantized_in(n, 0), w = ln_onnx_dequantized_in(n, 3);
  const int32_t bias = bias_in(n, 8, ln_onnx_in(n, 1), ln_onnx_in(n, 4));
  ln_onnx_quantized_out(n, 6, ln_onnx_emit_conv(n, x, w, bias));
}

/* A scale a row of a, a column of b. */
void ln_onnx_qlinear_matmul(ln_onnx_node *n) {
  ln_onnx_scale a = ln_onnx_scale_in(n, 1, 2), b = ln_onnx_scale_in(n, 4, 5);
  a.axis = -2;
  b.axis = -1;
  const int32_t x = ln_onnx_dequantize(n, ln_onnx_in(n, 0), &a), y = ln_onnx_dequantize(n, ln_onnx_in(n, 3), &b);
  ln_onnx_quantized_out(n, 6, ln_emit_matmul(n->e, x, y, false, false));
}

/* QGemm: a, b with their scales, a bias, the output's scale (or floats come out). */
void ln_onnx_qgemm(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const bool turn_a = ln_onnx_int(n, "transA", 0) != 0, turn_b = ln_onnx_int(n, "transB", 0) != 0;
  const double alpha = ln_onnx_float(n, "alpha", 1);
  ln_onnx_scale by = ln_onnx_scale_in(n, 4, 5);
  by.axis = turn_b ? 0 : 1;
  const int32_t a = ln_onnx_dequantized_in(n, 0);
  int32_t b = ln_onnx_dequantize(n, ln_onnx_in(n, 3), &by), bias = bias_in(n, 6, ln_onnx_in(n, 1), by.scale);
  if (alpha != 1) b = ln_emit_mul_number(e, b, alpha);
  if (alpha != 1 && bias >= 0) bias = ln_emit_mul_number(e, bias, alpha);
  int32_t out;
  if (!turn_a && ln_emit_is_const(e, b) && (bias < 0 || ln_emit_rank(e, bias) == 1)) {
    out = ln_emit_dense(e, a, turn_b ? b : ln_emit_swap(e, b, 0, 1), bias);
  } else {
    out = ln_emit_matmul(e, a, b, turn_a, turn_b);
    if (bias >= 0) out = ln_emit_add(e, out, bias);
  }
  if (ln_onnx_has(n, 7)) ln_onnx_quantized_out(n, 7, out);
  else ln_onnx_out(n, 0, out);
}

/* ---- element by element ---- */

void ln_onnx_qlinear_binary(ln_onnx_node *n) {
  const int32_t a = ln_onnx_dequantized_in(n, 0), b = ln_onnx_dequantized_in(n, 3);
  ln_onnx_quantized_out(n, 6, ln_emit_binary(n->e, n->variant, a, b));
}

void ln_onnx_qlinear_sigmoid(ln_onnx_node *n) {
  ln_onnx_quantized_out(n, 3, ln_emit_unary(n->e, LN_OP_LOGISTIC, ln_onnx_dequantized_in(n, 0)));
}

void ln_onnx_qlinear_leaky_relu(ln_onnx_node *n) {
  const double alpha = ln_onnx_float(n, "alpha", 0.01);
  ln_onnx_quantized_out(n, 3, ln_emit_leaky_relu(n->e, ln_onnx_dequantized_in(n, 0), alpha));
}

/* Before operator set 13 everything from the axis on is one dimension. */
void ln_onnx_qlinear_softmax(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_dequantized_in(n, 0), rank = ln_emit_rank(e, a);
  const bool flattens = ln_onnx_int(n, "opset", 13) < 13;
  const int32_t axis = ln_onnx_axis(n, "axis", -1, rank);
  if (axis < 0) return;
  if (!flattens || axis == rank - 1) {
    ln_onnx_quantized_out(n, 3, ln_emit_softmax(e, a, axis));
    return;
  }
  const int32_t flat = ln_emit_softmax(e, ln_emit_flatten(e, a, axis, -1), axis);
  ln_onnx_quantized_out(n, 3, ln_emit_reshape_like(e, flat, a));
}

/* condition, then x and y with their scales. */
void ln_onnx_qlinear_where(ln_onnx_node *n) {
  const int32_t x = ln_onnx_dequantized_in(n, 1), y = ln_onnx_dequantized_in(n, 4);
  ln_onnx_quantized_out(n, 7, ln_emit_select(n->e, ln_onnx_in(n, 0), x, y));
}

/* The result's scale first, then triples. */
void ln_onnx_qlinear_concat(ln_onnx_node *n) {
  const int32_t count = (n->input_count - 2) / 3;
  int32_t *parts = ln_arena_array(ln_emit_arena(n->e), (size_t)n->input_count + 1, sizeof *parts);
  if (parts == NULL) {
    ln_import_no_memory(n->e->import);
    return;
  }
  for (int32_t i = 0; i < count; ++i) parts[i] = ln_onnx_dequantized_in(n, 2 + 3 * i);
  const int32_t axis = ln_onnx_axis(n, "axis", 1, count > 0 ? ln_emit_rank(n->e, parts[0]) : 0);
  if (axis >= 0) ln_onnx_quantized_out(n, 0, ln_emit_concat(n->e, axis, count, parts));
}

/* ---- pools ---- */

void ln_onnx_qlinear_global_average_pool(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const bool last = ln_onnx_int(n, "channels_last", 0) != 0;
  int32_t a = ln_onnx_dequantized_in(n, 0), axes[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(e, a);
  if (!last) a = ln_emit_channels_last(e, a);
  for (int32_t i = 0; i < rank - 2; ++i) axes[i] = i + 1;
  const int32_t mean = ln_emit_reduce(e, LN_OP_MEAN, a, rank - 2, axes, true);
  ln_onnx_quantized_out(n, 3, last ? mean : ln_emit_channels_first(e, mean));
}

void ln_onnx_qlinear_average_pool(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const bool last = ln_onnx_int(n, "channels_last", 0) != 0;
  const int32_t a = ln_onnx_dequantized_in(n, 0), first = last ? ln_emit_channels_first(e, a) : a;
  ln_window w;
  if (!ln_onnx_read_window(n, first, -1, &w)) return;
  w.ceil = ln_onnx_int(n, "ceil_mode", 0) != 0;
  w.count_pads = ln_onnx_int(n, "count_include_pad", 0) != 0;
  const int32_t mean = ln_emit_average_pool(e, ln_emit_channels_last(e, first), &w);
  ln_onnx_quantized_out(n, 3, last ? mean : ln_emit_channels_first(e, mean));
}

void ln_onnx_qlinear_reduce_mean(ln_onnx_node *n) {
  const int32_t a = ln_onnx_dequantized_in(n, 0);
  int32_t axes[LN_MAX_RANK], count;
  if (!ln_onnx_axes(n, "axes", -1, ln_emit_rank(n->e, a), axes, &count)) return;
  const bool keep = ln_onnx_int(n, "keepdims", 1) != 0;
  ln_onnx_quantized_out(n, 3, ln_emit_reduce(n->e, LN_OP_MEAN, a, count < 0 ? 0 : count, axes, keep));
}
