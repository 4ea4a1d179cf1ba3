/* QUANTIZE (floats to integers, integers to integers of another scale) and DEQUANTIZE, per tensor and per axis. */
#include <math.h>

#include "kernels/convert.h"
#include "kernels/unary.h"
#include "ops/elementwise.h"
#include "ops/rows.h"

static ln_number number_of(ln_type type) {
  switch (type) {
    case LN_INT8: return LN_NUMBER_I8;
    case LN_UINT8: return LN_NUMBER_U8;
    case LN_INT16: return LN_NUMBER_I16;
    default: return LN_NUMBER_I32;
  }
}

/* ---- one scale for each index along an axis ---- */

typedef struct axis_view {
  size_t outer, channels, inner; /* [outer, channels, inner] */
} axis_view;

static ln_status view_axis(const ln_node *node, const ln_tensor *tensor, ln_error *err, axis_view *view) {
  const ln_quant *quant = tensor->quant;
  const ln_shape *shape = &tensor->shape;
  *view = (axis_view){1, 1, ln_shape_span(shape, 0, shape->rank)};
  if (quant->count <= 1) return LN_OK;
  if (quant->axis < 0 || quant->axis >= shape->rank || quant->count != shape->dims[quant->axis]) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "\"%s\" has %d scales along axis %d", tensor->name, quant->count,
                        quant->axis);
  }
  view->outer = ln_shape_span(shape, 0, quant->axis);
  view->channels = (size_t)quant->count;
  view->inner = ln_shape_span(shape, quant->axis + 1, shape->rank);
  return LN_OK;
}

static ln_status check_scales(const ln_node *node, const ln_tensor *tensor, ln_error *err) {
  double scale;
  int32_t zero_point, low, high;
  LN_TRY(ln_node_scale(node, tensor, err, &scale, &zero_point));
  ln_type_range(tensor->type, &low, &high);
  for (int32_t i = 1; i < tensor->quant->count; ++i) {
    const float each = tensor->quant->scale[i];
    if (!(each > 0.0f && isfinite(each)) || tensor->quant->zero_point[i] < low || tensor->quant->zero_point[i] > high) {
      return ln_node_fail(node, err, LN_ERR_MODEL, "\"%s\" has an unusable scale or zero point at channel %d",
                          tensor->name, i);
    }
  }
  return LN_OK;
}

/* ---- QUANTIZE ---- */

typedef struct quantize_args {
  axis_view view;
  ln_quantize_fn *fn;    /* from float; NULL for int32 */
  bool packed;           /* to 4 or 2 bits: by way of bytes */
  ln_multiplier rescale; /* from integers */
  int32_t in_zero, out_zero;
  const uint8_t *table; /* from bytes to bytes: the result for each of the 256; else NULL */
} quantize_args;

static bool is_byte(const ln_tensor *tensor) { return tensor->type == LN_INT8 || tensor->type == LN_UINT8; }

static ln_status make_table(ln_node *node, ln_prep *prep, quantize_args *args) {
  uint8_t every[256];
  uint8_t *table = ln_arena_alloc(prep->arena, sizeof every);
  if (table == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  for (int32_t i = 0; i < 256; ++i) every[i] = (uint8_t)i;
  ln_k_requantize(every, number_of(node->in[0]->type), args->in_zero, args->rescale, table,
                  number_of(node->out[0]->type), args->out_zero, sizeof every);
  args->table = table;
  return LN_OK;
}

static void quantize_stretch(const ln_node *node, size_t first, size_t count);

ln_status ln_quantize_prepare(ln_node *node, ln_prep *prep) {
  const ln_tensor *in = node->in[0];
  const ln_tensor *out = node->out[0];
  quantize_args *args = LN_NODE_ARGS(node, prep, quantize_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(check_scales(node, out, prep->err));
  LN_TRY(view_axis(node, out, prep->err, &args->view));
  node->span = quantize_stretch;
  if (in->type == LN_FLOAT32) {
    args->packed = ln_type_bits(out->type) < 8;
    if (LN_HAS(LN_UINT8) && (out->type == LN_UINT8 || out->type == LN_UINT4))
      args->fn = LN_KERNEL_OF(convert, quantize_u8);
    else if (LN_HAS(LN_INT8) && (out->type == LN_INT8 || args->packed)) args->fn = LN_KERNEL_OF(convert, quantize_i8);
    else if (LN_HAS(LN_INT16) && out->type == LN_INT16) args->fn = LN_KERNEL_OF(convert, quantize_i16);
    return LN_OK;
  }
  double in_scale, out_scale;
  LN_TRY(ln_node_scale(node, in, prep->err, &in_scale, &args->in_zero));
  LN_TRY(ln_node_scale(node, out, prep->err, &out_scale, &args->out_zero));
  if (in->quant->count > 1 || out->quant->count > 1) {
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "requantizing along an axis");
  }
  args->rescale = ln_quantize_multiplier(in_scale / out_scale);
  return is_byte(in) && is_byte(out) ? make_table(node, prep, args) : LN_OK;
}

static void quantize_run_of(const ln_node *node, size_t first, size_t count, int32_t channel) {
  const quantize_args *args = node->args;
  const ln_tensor *out = node->out[0];
  const float *from = (const float *)node->in[0]->data + first;
  void *to = (char *)out->data + first * ln_type_bytes(out->type);
  const float scale = out->quant->scale[channel];
  const int32_t zero_point = (int32_t)out->quant->zero_point[channel];
  if (args->fn != NULL) args->fn(from, to, count, scale, zero_point);
  else ln_k_quantize_i32(from, to, count, (double)scale, zero_point);
}

/* Calls `run` for each stretch of [first, first + count) that has one channel. */
static void for_channels(const axis_view *view, const ln_node *node, size_t first, size_t count,
                         void (*run)(const ln_node *node, size_t first, size_t count, int32_t channel)) {
  while (count > 0) {
    const size_t left = view->inner - first % view->inner;
    const size_t part = view->channels == 1 || left > count ? count : left;
    run(node, first, part, (int32_t)(first / view->inner % view->channels));
    first += part;
    count -= part;
  }
}

/* A stretch at a time: bytes, kept within the range of fewer bits, then packed. `first` stands at a whole byte. */
static void quantize_packed(const ln_node *node, size_t first, size_t count) {
  const quantize_args *args = node->args;
  const axis_view *view = &args->view;
  const ln_tensor *out = node->out[0];
  const int32_t bits = ln_type_bits(out->type);
  const int32_t low = out->type == LN_UINT4 ? 0 : -(1 << (bits - 1)), high = low + (1 << bits) - 1;
  int8_t values[256];
  while (count > 0) {
    const size_t part = count < sizeof values ? count : sizeof values;
    for (size_t done = 0, n; done < part; done += n) {
      const size_t at = first + done, left = view->inner - at % view->inner;
      const size_t channel = at / view->inner % view->channels;
      n = view->channels == 1 || left > part - done ? part - done : left;
      args->fn((const float *)node->in[0]->data + at, values + done, n, out->quant->scale[channel],
               (int32_t)out->quant->zero_point[channel]);
    }
    for (size_t i = 0; i < part; ++i) {
      const int32_t value = out->type == LN_UINT4 ? (uint8_t)values[i] : values[i];
      values[i] = (int8_t)ln_clamp_i32(value, low, high);
    }
    ln_k_pack_bits((const uint8_t *)values, part, bits,
                   (uint8_t *)out->data + first * (size_t)bits / 8); /* bounded: within out */
    first += part;
    count -= part;
  }
}

static void quantize_stretch(const ln_node *node, size_t first, size_t count) {
  const quantize_args *args = node->args;
  const ln_tensor *in = node->in[0];
  const ln_tensor *out = node->out[0];
  if (args->packed) {
    quantize_packed(node, first, count);
    return;
  }
  if (in->type == LN_FLOAT32) {
    for_channels(&args->view, node, first, count, quantize_run_of);
    return;
  }
  if (args->table != NULL) {
    LN_KERNEL_OF(unary, table_u8)(args->table, (const uint8_t *)in->data + first, (uint8_t *)out->data + first, count);
    return;
  }
  ln_k_requantize((const char *)in->data + first * ln_type_bytes(in->type), number_of(in->type), args->in_zero,
                  args->rescale, (char *)out->data + first * ln_type_bytes(out->type), number_of(out->type),
                  args->out_zero, count);
}

static void quantize_span(const void *context, size_t first, size_t count) { quantize_stretch(context, first, count); }

ln_status ln_quantize_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *shape = &node->out[0]->shape;
  ln_spans_run(exec->pool, ln_shape_span(shape, 0, shape->rank), LN_ELEMENT_GRAIN, quantize_span, node);
  return LN_OK;
}

/* ---- DEQUANTIZE ---- */

ln_status ln_dequantize_prepare(ln_node *node, ln_prep *prep) {
  const ln_tensor *in = node->in[0];
  axis_view *view = LN_NODE_ARGS(node, prep, axis_view);
  if (view == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  if (in->type == LN_FLOAT16 || in->type == LN_BFLOAT16) return LN_OK;
  LN_TRY(check_scales(node, in, prep->err));
  return view_axis(node, in, prep->err, view);
}

static void dequantize_packed(const ln_tensor *in, float *out, size_t first, size_t count, float scale,
                              int32_t zero_point) {
  const bool is_signed = in->type != LN_UINT4;
  int8_t values[256];
  while (count > 0) {
    const size_t part = count < sizeof values ? count : sizeof values;
    ln_k_unpack_bits(in->data, first, part, ln_type_bits(in->type), is_signed, values);
    LN_KERNEL_OF(convert, dequantize_i8)(values, out, part, scale, zero_point);
    first += part;
    out += part;
    count -= part;
  }
}

static void dequantize_run_of(const ln_node *node, size_t first, size_t count, int32_t channel) {
  const ln_tensor *in = node->in[0];
  const void *from = (const char *)in->data + first * ln_type_bytes(in->type);
  float *to = (float *)node->out[0]->data + first;
  const float scale = in->quant->scale[channel];
  const int32_t zero_point = (int32_t)in->quant->zero_point[channel];
  if (LN_HAS(LN_INT8) && in->type == LN_INT8) {
    LN_KERNEL_OF(convert, dequantize_i8)(from, to, count, scale, zero_point);
  } else if (LN_HAS(LN_UINT8) && in->type == LN_UINT8) {
    LN_KERNEL_OF(convert, dequantize_u8)(from, to, count, scale, zero_point);
  } else if (LN_HAS(LN_INT16) && in->type == LN_INT16) {
    LN_KERNEL_OF(convert, dequantize_i16)(from, to, count, scale, zero_point);
  } else if (LN_HAS(LN_INT32) && in->type == LN_INT32) {
    ln_k_dequantize_i32(from, to, count, (double)scale, zero_point);
  } else if (LN_HAS(LN_INT4) || LN_HAS(LN_INT2) || LN_HAS(LN_UINT4)) {
    dequantize_packed(in, to, first, count, scale, zero_point);
  }
}

static void dequantize_span(const void *context, size_t first, size_t count) {
  const ln_node *node = context;
  const ln_tensor *in = node->in[0];
  float *to = (float *)node->out[0]->data + first;
  if (LN_HAS(LN_FLOAT16) && in->type == LN_FLOAT16) {
    LN_KERNEL_OF(convert, f16_to_f32)((const uint16_t *)in->data + first, to, count);
  } else if (LN_HAS(LN_BFLOAT16) && in->type == LN_BFLOAT16) {
    ln_k_cast((const uint16_t *)in->data + first, LN_NUMBER_BF16, to, LN_NUMBER_F32, count);
  } else {
    for_channels(node->args, node, first, count, dequantize_run_of);
  }
}

ln_status ln_dequantize_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *shape = &node->out[0]->shape;
  ln_spans_run(exec->pool, ln_shape_span(shape, 0, shape->rank), LN_ELEMENT_GRAIN, dequantize_span, node);
  return LN_OK;
}
