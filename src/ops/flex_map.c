/*
 * Select-TF operators that are functions element by element. What a builtin operator has a fast kernel for uses that in
 * float32; all else goes by way of double, int64 or complex double (kernels/map.h). The row's variant is the function.
 */
#include "kernels/map.h"

#include <math.h>
#include <string.h>

#include "kernels/binary.h"
#include "kernels/unary.h"
#include "ops/elementwise.h"
#include "ops/flex_attr.h"
#include "ops/rows.h"

enum { CHUNK = 256 };

static bool is_complex(ln_type type) { return type == LN_COMPLEX64 || type == LN_COMPLEX128; }
static bool is_float(ln_type type) {
  return type == LN_FLOAT32 || type == LN_FLOAT64 || type == LN_FLOAT16 || type == LN_BFLOAT16;
}

static void load_complex(ln_type type, const void *in, size_t count, double *out) {
  if (type == LN_COMPLEX128) memcpy(out, in, 2 * count * sizeof *out);
  else ln_k_cast(in, LN_NUMBER_F32, out, LN_NUMBER_F64, 2 * count);
}

static void store_complex(ln_type type, const double *in, size_t count, void *out) {
  if (type == LN_COMPLEX128) memcpy(out, in, 2 * count * sizeof *in);
  else ln_k_cast(in, LN_NUMBER_F64, out, LN_NUMBER_F32, 2 * count);
}

/* ---- functions of one tensor ---- */

typedef struct map_args {
  ln_unary_f32_fn *fast;
  float low, high;
  ln_map_fn *real;
  ln_map_int_fn *integer;
  ln_map_complex_fn *complex;
  float a;
} map_args;

static ln_unary_f32_fn *fast_kernel(ln_map_op op, map_args *args) {
  switch (op) {
    case LN_MAP_ABS: return LN_KERNEL_OF(unary, abs_f32);
    case LN_MAP_ELU: return LN_KERNEL_OF(unary, elu_f32);
    case LN_MAP_EXP: return LN_KERNEL_OF(unary, exp_f32);
    case LN_MAP_LEAKY_RELU: args->low = args->a; return LN_KERNEL_OF(unary, leaky_relu_f32);
    case LN_MAP_NEG: return LN_KERNEL_OF(unary, neg_f32);
    case LN_MAP_RELU: args->high = INFINITY; return LN_KERNEL_OF(unary, clamp_f32);
    case LN_MAP_RELU6: args->high = 6.0f; return LN_KERNEL_OF(unary, clamp_f32);
    case LN_MAP_RSQRT: return LN_KERNEL_OF(unary, rsqrt_f32);
    case LN_MAP_SIGMOID: return LN_KERNEL_OF(unary, logistic_f32);
    case LN_MAP_SQRT: return LN_KERNEL_OF(unary, sqrt_f32);
    case LN_MAP_SQUARE: return LN_KERNEL_OF(unary, square_f32);
    case LN_MAP_TANH: return LN_KERNEL_OF(unary, tanh_f32);
    default: return NULL;
  }
}

/* Numbers of 64 bits without a sign, seen as with one. */
static int64_t unsigned_relu(int64_t x) { return x; }
static int64_t unsigned_relu6(int64_t x) { return x < 0 || x > 6 ? 6 : x; }

ln_status ln_map_prepare(ln_node *node, ln_prep *prep) {
  const ln_map_op op = (ln_map_op)node->op->def->variant;
  const ln_type type = node->in[0]->type;
  map_args *args = LN_NODE_ARGS(node, prep, map_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  if (op == LN_MAP_LEAKY_RELU) {
    args->a = 0.2f;
    LN_TRY(ln_attr_float(node, prep->err, "alpha", &args->a));
  }
  if (is_complex(type)) args->complex = ln_k_map_complex(op);
  else if (is_float(type)) args->real = ln_k_map(op);
  else args->integer = ln_k_map_int(op);
  if (type == LN_UINT64 && op == LN_MAP_RELU) args->integer = unsigned_relu;
  if (type == LN_UINT64 && op == LN_MAP_RELU6) args->integer = unsigned_relu6;
  if (type == LN_FLOAT32) args->fast = fast_kernel(op, args);
  if (args->real != NULL || args->integer != NULL || args->complex != NULL) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "no kernel for %s", ln_type_name(type));
}

static void map_chunk(const ln_node *node, const void *in, void *out, size_t count) {
  const map_args *args = node->args;
  const ln_type from = node->in[0]->type, to = node->out[0]->type;
  union {
    double real[2 * CHUNK];
    int64_t integer[CHUNK];
  } x;
  if (args->complex != NULL) {
    load_complex(from, in, count, x.real);
    for (size_t i = 0; i < count; ++i) args->complex(x.real + 2 * i, x.real + 2 * i);
    store_complex(to, x.real, count, out);
  } else if (args->integer != NULL) {
    ln_k_cast(in, ln_number_of(from), x.integer, LN_NUMBER_I64, count);
    for (size_t i = 0; i < count; ++i) x.integer[i] = args->integer(x.integer[i]);
    ln_k_cast(x.integer, LN_NUMBER_I64, out, ln_number_of(to), count);
  } else {
    ln_k_cast(in, ln_number_of(from), x.real, LN_NUMBER_F64, count);
    for (size_t i = 0; i < count; ++i) x.real[i] = args->real(x.real[i], (double)args->a);
    ln_k_cast(x.real, LN_NUMBER_F64, out, ln_number_of(to), count);
  }
}

static void map_span(const void *context, size_t first, size_t count) {
  const ln_node *node = context;
  const map_args *args = node->args;
  const size_t in_bytes = ln_type_bytes(node->in[0]->type), out_bytes = ln_type_bytes(node->out[0]->type);
  const char *in = (const char *)node->in[0]->data + first * in_bytes;
  char *out = (char *)node->out[0]->data + first * out_bytes;
  if (args->fast != NULL) {
    args->fast((const float *)(const void *)in, (float *)(void *)out, count, args->low, args->high);
    return;
  }
  for (size_t at = 0; at < count; at += CHUNK) {
    map_chunk(node, in + at * in_bytes, out + at * out_bytes, count - at < CHUNK ? count - at : CHUNK);
  }
}

ln_status ln_map_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *shape = &node->out[0]->shape;
  ln_spans_run(exec->pool, ln_shape_span(shape, 0, shape->rank), LN_ELEMENT_GRAIN / 4, map_span, node);
  return LN_OK;
}

/* ---- functions of two tensors ---- */

typedef struct map2_args {
  ln_nest nest;
  ln_map2_fn *real;
  ln_map2_complex_fn *complex;
  float a;
  size_t in_bytes, out_bytes;
} map2_args;

static ln_status prepare_map2(ln_node *node, ln_prep *prep, ln_map2_op op) {
  map2_args *args = LN_NODE_ARGS(node, prep, map2_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  const ln_shape *shapes[2] = {&node->in[0]->shape, &node->in[1]->shape};
  ln_nest_make(&args->nest, &node->out[0]->shape, shapes, 2);
  args->in_bytes = ln_type_bytes(node->in[0]->type);
  args->out_bytes = ln_type_bytes(node->out[0]->type);
  if (is_complex(node->in[0]->type)) args->complex = ln_k_map2_complex(op);
  else args->real = ln_k_map2(op);
  if (args->real != NULL || args->complex != NULL) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "no kernel for %s", ln_type_name(node->in[0]->type));
}

ln_status ln_map2_prepare(ln_node *node, ln_prep *prep) {
  const ln_map2_op op = (ln_map2_op)node->op->def->variant;
  LN_TRY(prepare_map2(node, prep, op));
  map2_args *args = node->args;
  if (op == LN_MAP2_LEAKY_RELU_GRAD) {
    args->a = 0.2f;
    return ln_attr_float(node, prep->err, "alpha", &args->a);
  }
  args->a = 1e-5f;
  return op == LN_MAP2_APPROXIMATE_EQUAL ? ln_attr_float(node, prep->err, "tolerance", &args->a) : LN_OK;
}

/* The gradients' two inputs are of one shape. */
ln_status ln_map2_same_infer(ln_node *node, ln_error *err) {
  if (!ln_shape_equal(&node->in[0]->shape, &node->in[1]->shape)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the inputs' shapes differ");
  }
  return ln_infer_same(node, err);
}

/* `count` operands, or one of them as often. */
static void load_operand(const ln_tensor *tensor, const char *in, size_t step, size_t count, double *out) {
  const bool pairs = is_complex(tensor->type);
  const size_t loaded = step == 0 ? 1 : count;
  if (pairs) load_complex(tensor->type, in, loaded, out);
  else ln_k_cast(in, ln_number_of(tensor->type), out, LN_NUMBER_F64, loaded);
  for (size_t i = loaded; i < count; ++i) {
    if (pairs) memcpy(out + 2 * i, out, 2 * sizeof *out);
    else out[i] = out[0];
  }
}

static void map2_chunk(const ln_node *node, const char *x_in, const char *y_in, const ln_block *block, char *out,
                       size_t count) {
  const map2_args *args = node->args;
  double x[2 * CHUNK], y[2 * CHUNK];
  load_operand(node->in[0], x_in, block->column_step[0], count, x);
  load_operand(node->in[1], y_in, block->column_step[1], count, y);
  if (args->complex == NULL) {
    for (size_t i = 0; i < count; ++i) x[i] = args->real(x[i], y[i], (double)args->a);
    ln_k_cast(x, LN_NUMBER_F64, out, ln_number_of(node->out[0]->type), count);
    return;
  }
  for (size_t i = 0; i < count; ++i) args->complex(x + 2 * i, y + 2 * i, x + 2 * i);
  if (node->out[0]->type == LN_BOOL) {
    for (size_t i = 0; i < count; ++i) out[i] = x[2 * i] != 0.0;
  } else {
    store_complex(node->out[0]->type, x, count, out);
  }
}

static void map2_block(const void *context, const size_t *offsets, size_t out_offset, const ln_block *block) {
  const ln_node *node = context;
  const map2_args *args = node->args;
  for (size_t row = 0; row < block->rows; ++row) {
    const size_t x_at = offsets[0] + row * block->row_step[0], y_at = offsets[1] + row * block->row_step[1];
    for (size_t at = 0; at < block->columns; at += CHUNK) {
      const size_t count = block->columns - at < CHUNK ? block->columns - at : CHUNK;
      map2_chunk(node, (const char *)node->in[0]->data + (x_at + at * block->column_step[0]) * args->in_bytes,
                 (const char *)node->in[1]->data + (y_at + at * block->column_step[1]) * args->in_bytes, block,
                 (char *)node->out[0]->data + (out_offset + row * block->columns + at) * args->out_bytes, count);
    }
  }
}

ln_status ln_map2_run(const ln_node *node, ln_exec *exec) {
  const map2_args *args = node->args;
  ln_nest_run(&args->nest, exec->pool, map2_block, node);
  return LN_OK;
}

/* ---- arithmetic: binary.c's kernels, and what they lack by way of double ---- */

static ln_map2_op map_op_of(ln_binary_op op) {
  switch (op) {
    case LN_BINARY_ADD: return LN_MAP2_ADD;
    case LN_BINARY_SUB: return LN_MAP2_SUB;
    case LN_BINARY_MUL: return LN_MAP2_MUL;
    case LN_BINARY_DIV: return LN_MAP2_DIV;
    case LN_BINARY_POW: return LN_MAP2_POW;
    case LN_BINARY_EQUAL: return LN_MAP2_EQUAL;
    case LN_BINARY_NOT_EQUAL: return LN_MAP2_NOT_EQUAL;
    case LN_BINARY_SQUARED_DIFFERENCE: return LN_MAP2_SQUARED_DIFFERENCE;
    case LN_BINARY_FLOOR_DIV: return LN_MAP2_FLOOR_DIV;
    case LN_BINARY_FLOOR_MOD: return LN_MAP2_FLOOR_MOD;
    default: return LN_MAP2_ATAN2;
  }
}

static bool is_mapped(const ln_node *node) {
  const ln_type type = node->in[0]->type;
  if (is_complex(type)) return true;
  if (!is_float(type) || type == LN_FLOAT32) return false;
  const int32_t op = node->op->def->variant;
  return op == LN_BINARY_SQUARED_DIFFERENCE || op == LN_BINARY_FLOOR_DIV || op == LN_BINARY_FLOOR_MOD ||
         op == LN_BINARY_ATAN2;
}

ln_status ln_flex_binary_prepare(ln_node *node, ln_prep *prep) {
  if (node->in[0]->type == LN_STRING) return ln_binary_prepare(node, prep);
  if (!is_mapped(node)) return ln_hlo_binary_prepare(node, prep);
  return prepare_map2(node, prep, map_op_of((ln_binary_op)node->op->def->variant));
}

ln_status ln_flex_binary_run(const ln_node *node, ln_exec *exec) {
  return is_mapped(node) ? ln_map2_run(node, exec) : ln_binary_run(node, exec);
}

/* ---- L2Loss: half the sum of squares ---- */

ln_status ln_flex_scalar_infer(ln_node *node, ln_error *err) {
  const ln_shape scalar = {0, {0}};
  return ln_node_set_shape(node, 0, &scalar, err);
}

ln_status ln_l2_loss_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const ln_tensor *in = node->in[0];
  const size_t count = ln_shape_span(&in->shape, 0, in->shape.rank), bytes = ln_type_bytes(in->type);
  double sum = 0.0, values[CHUNK];
  for (size_t at = 0; at < count; at += CHUNK) {
    const size_t part = count - at < CHUNK ? count - at : CHUNK;
    ln_k_cast((const char *)in->data + at * bytes, ln_number_of(in->type), values, LN_NUMBER_F64, part);
    for (size_t i = 0; i < part; ++i) sum += values[i] * values[i];
  }
  sum *= 0.5;
  ln_k_cast(&sum, LN_NUMBER_F64, node->out[0]->data, ln_number_of(in->type), 1);
  return LN_OK;
}
