/*
 * Quantization. Scales that are known become QUANTIZE and DEQUANTIZE with operators in floats between them, which
 * passes turn into operators on integers; others are computed. Constants of integers become floats: the passes see from
 * their values what they were.
 */
#include "import/onnx/onnx_quantize.h"

#include <math.h>

/* ---- scales ---- */

ln_onnx_scale ln_onnx_scale_in(ln_onnx_node *n, int32_t scale_input, int32_t zero_input) {
  return (ln_onnx_scale){.scale = ln_onnx_in(n, scale_input), .zero = ln_onnx_in(n, zero_input)};
}

/* One scale that is known, and its zero point. */
static bool is_plain(const ln_emit *e, const ln_onnx_scale *by, double *scale, double *zero) {
  *zero = 0;
  if (by->block > 0 || !ln_emit_number(e, by->scale, scale)) return false;
  if (by->zero >= 0 && !ln_emit_number(e, by->zero, zero)) return false;
  return *scale > 0 && isfinite((float)*scale) && (float)*scale > 0;
}

static bool is_stored_type(ln_type type, double zero) {
  return type == LN_INT8 || type == LN_UINT8 || (type == LN_INT16 && zero == 0);
}

/* A scale or zero point as float32 that broadcasts over `a`. */
static int32_t spread(ln_onnx_node *n, int32_t value, int32_t a, const ln_onnx_scale *by) {
  ln_emit *e = n->e;
  const int32_t rank = ln_emit_rank(e, a);
  value = ln_emit_cast(e, value, LN_FLOAT32);
  if (ln_emit_failed(e)) return -1;
  if (by->block > 0) {
    const int32_t axis = ln_onnx_fix_axis(n, by->axis, rank);
    if (axis < 0 || ln_emit_rank(e, value) != rank) return ln_emit_wrong(e, "blocks along axis %d", by->axis);
    const int32_t each = ln_emit_count_up(e, ln_emit_size_of(e, a, axis));
    return ln_emit_gather(e, value, ln_emit_binary(e, LN_OP_FLOOR_DIV, each, ln_emit_i32(e, by->block)), axis, 0);
  }
  if (ln_emit_rank(e, value) == 0) return value;
  if (ln_emit_elements(e, value) == 1) return ln_emit_reshape(e, value, 0, NULL);
  if (ln_emit_rank(e, value) != 1) return value; /* broadcasts as it is */
  const int32_t axis = ln_onnx_fix_axis(n, by->axis, rank);
  ln_dim dims[LN_MAX_RANK] = {LN_DIM_OF(value, 0)};
  if (axis < 0) return -1;
  for (int32_t i = 1; i < rank - axis; ++i) dims[i] = LN_DIM(1);
  return ln_emit_reshape(e, value, rank - axis, dims);
}

/* ---- quantization of tensors ---- */

/* Says what the integers of `a` stand for, and of what they were moved from; false where something else is said. */
static bool attach(const ln_emit *e, int32_t a, const ln_quant *quant, int32_t depth) {
  ln_tensor *tensor = &ln_emit_graph(e)->tensors[a];
  if (tensor->quant->kind == LN_QUANT_TENSOR) {
    return tensor->quant->scale[0] == quant->scale[0] && tensor->quant->zero_point[0] == quant->zero_point[0];
  }
  tensor->quant = quant;
  const ln_op *op = depth < LN_ONNX_DEEPEST ? ln_onnx_producer(e, a) : NULL;
  if (op == NULL || (op->def->flags & LN_OPF_ONE_SCALE) == 0) return true;
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (op->inputs[i] < 0 || ln_emit_type(e, op->inputs[i]) != tensor->type) continue;
    if (!attach(e, op->inputs[i], quant, depth + 1)) return false;
  }
  return true;
}

static const ln_quant *make_quant(const ln_emit *e, double scale, double zero) {
  const ln_quant *quant = ln_quant_make(ln_emit_arena(e), (float)scale, (int64_t)zero);
  if (quant == NULL) ln_import_no_memory(e->import);
  return quant;
}

/* QUANTIZE or DEQUANTIZE, which stays an operator. */
static int32_t convert(ln_emit *e, int32_t code, int32_t a, ln_type type) {
  const bool folds = e->without_fold;
  e->without_fold = true;
  const int32_t out = ln_emit_op(e, code, NULL, 1, &a, type);
  e->without_fold = folds;
  return out;
}

int32_t ln_onnx_dequantize(ln_onnx_node *n, int32_t a, const ln_onnx_scale *by) {
  ln_emit *e = n->e;
  double scale, zero;
  if (ln_emit_failed(e)) return -1;
  if (!ln_emit_is_const(e, a) && is_plain(e, by, &scale, &zero) && is_stored_type(ln_emit_type(e, a), zero)) {
    const ln_quant *quant = make_quant(e, scale, zero);
    if (quant == NULL) return -1;
    if (attach(e, a, quant, 0)) return convert(e, LN_OP_DEQUANTIZE, a, LN_FLOAT32);
  }
  int32_t x = ln_emit_cast(e, a, LN_FLOAT32);
  if (by->zero >= 0) x = ln_emit_sub(e, x, spread(n, by->zero, a, by));
  return ln_emit_mul(e, x, spread(n, by->scale, a, by));
}

/* ---- into integers ---- */

typedef struct range {
  ln_type type;
  double low, high;
} range;

static const range ranges[] = {{LN_INT8, -128, 127},
                               {LN_UINT8, 0, 255},
                               {LN_INT16, -32768, 32767},
                               {LN_UINT16, 0, 65535},
                               {LN_INT4, -8, 7},
                               {LN_UINT4, 0, 15},
                               {LN_INT2, -2, 1},
                               {LN_FLOAT8_E4M3FN, -448, 448},
                               {LN_FLOAT8_E5M2, -57344, 57344}};

int32_t ln_onnx_quantize(ln_onnx_node *n, int32_t a, const ln_onnx_scale *by, ln_type type) {
  ln_emit *e = n->e;
  double scale, zero;
  const range *r = NULL;
  if (ln_emit_failed(e)) return -1;
  for (size_t i = 0; i < LN_COUNT(ranges); ++i) {
    if (ranges[i].type == type) r = &ranges[i];
  }
  if (r == NULL)
    return ln_emit_refuse(e, "numbers as %s are not in TensorFlow Lite; quantize to int8", ln_type_name(type));
  a = ln_emit_cast(e, a, LN_FLOAT32);
  if (!ln_emit_is_const(e, a) && is_plain(e, by, &scale, &zero) && is_stored_type(type, zero)) {
    const ln_quant *quant = make_quant(e, scale, zero);
    const int32_t out = convert(e, LN_OP_QUANTIZE, a, type);
    if (out >= 0 && quant != NULL) ln_emit_graph(e)->tensors[out].quant = quant;
    return out;
  }
  int32_t y = ln_emit_div(e, a, spread(n, by->scale, a, by));
  if (type == LN_FLOAT8_E4M3FN || type == LN_FLOAT8_E5M2)
    return ln_emit_cast(e, ln_emit_clip(e, y, r->low, r->high), type);
  y = ln_emit_unary(e, LN_OP_ROUND, y);
  if (by->zero >= 0) y = ln_emit_add(e, y, spread(n, by->zero, a, by));
  return ln_emit_cast(e, ln_emit_clip(e, y, r->low, r->high), type);
}

/* ---- for operators ---- */

int32_t ln_onnx_dequantized_in(ln_onnx_node *n, int32_t index) {
  const ln_onnx_scale by = ln_onnx_scale_in(n, index + 1, index + 2);
  return ln_onnx_dequantize(n, ln_onnx_in(n, index), &by);
}

void ln_onnx_quantized_out(ln_onnx_node *n, int32_t index, int32_t a) {
  const ln_onnx_scale by = ln_onnx_scale_in(n, index, index + 1);
  ln_onnx_out(n, 0, ln_onnx_quantize(n, a, &by, by.zero >= 0 ? ln_emit_type(n->e, by.zero) : LN_UINT8));
}

int32_t ln_onnx_less_zero(ln_onnx_node *n, int32_t a, int32_t zero, int32_t axis) {
  ln_emit *e = n->e;
  const int32_t x = ln_emit_cast(e, a, LN_FLOAT32);
  double value;
  if (zero < 0 || (ln_emit_number(e, zero, &value) && value == 0)) return x;
  int32_t z = ln_emit_cast(e, zero, LN_FLOAT32);
  if (ln_emit_elements(e, z) == 1) z = ln_onnx_scalar(e, z);
  else if (ln_emit_rank(e, z) == 1 && axis == -2)
    z = ln_emit_reshape(e, z, 2, (const ln_dim[]){LN_DIM_OF(z, 0), LN_DIM(1)});
  return ln_emit_sub(e, x, z);
}

/* Sums of 256 products of integers below 256 are exact in float32. */
int32_t ln_onnx_integer_product(ln_onnx_node *n, int32_t a, int32_t b) {
  enum { MOST = 256 };
  ln_emit *e = n->e;
  const int32_t inner = ln_emit_dim(e, a, -1), axis = ln_emit_rank(e, b) > 1 ? -2 : -1;
  int32_t sum = -1;
  if (ln_emit_failed(e)) return -1;
  if (inner < 0) {
    return ln_emit_matmul(e, ln_emit_cast(e, a, LN_INT32), ln_emit_cast(e, b, LN_INT32), false, false);
  }
  if (!ln_onnx_may_write(n, inner / MOST)) return -1;
  for (int32_t from = 0; from < inner; from += MOST) {
    const int32_t to = inner - from > MOST ? from + MOST : INT32_MAX;
    const int32_t x = ln_emit_slice(e, a, -1, from, to, 1), y = ln_emit_slice(e, b, axis, from, to, 1);
    const int32_t part = ln_emit_cast(e, ln_emit_matmul(e, x, y, false, false), LN_INT32);
    sum = sum < 0 ? part : ln_emit_add(e, sum, part);
  }
  return sum;
}
