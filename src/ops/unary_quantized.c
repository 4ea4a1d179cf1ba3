/*
 * Integer forms of the functions of one tensor, as TFLite's reference kernels have them. Of 8-bit values there are 256,
 * so that each function becomes a table when it is prepared.
 */
#include <math.h>

#include "kernels/fixed_point.h"
#include "ops/unary.h"

/* What a stored value's result depends on. */
typedef struct quantized {
  float in_scale, out_scale;
  int32_t in_zero, out_zero;
  int32_t low, high; /* of the output, after clamping */
  float alpha;
  bool approximate;
  ln_multiplier positive, negative;
} quantized;

typedef int32_t value_fn(const quantized *q, int32_t stored);

static ln_status read_quantized(const ln_node *node, ln_error *err, quantized *q) {
  double in_scale, out_scale;
  LN_TRY(ln_node_scale(node, node->in[0], err, &in_scale, &q->in_zero));
  LN_TRY(ln_node_scale(node, node->out[0], err, &out_scale, &q->out_zero));
  q->in_scale = (float)in_scale;
  q->out_scale = (float)out_scale;
  ln_type_range(node->out[0]->type, &q->low, &q->high);
  if (ln_unary_operation(node) == LN_UNARY_LEAKY_RELU) q->alpha = LN_OPTIONS(node, leaky_relu_options)->alpha;
  if (ln_unary_operation(node) == LN_UNARY_GELU) q->approximate = LN_OPTIONS(node, gelu_options)->approximate;
  return LN_OK;
}

static int32_t clamped(const quantized *q, int64_t value) {
  return value < q->low ? q->low : (value > q->high ? q->high : (int32_t)value);
}

/* ---- through the real function ---- */

static float logistic(const quantized *q, float x) {
  (void)q;
  return 1.0f / (1.0f + expf(-x));
}

static float hyperbolic_tangent(const quantized *q, float x) {
  (void)q;
  return tanhf(x);
}

static float elu(const quantized *q, float x) {
  (void)q;
  return x < 0.0f ? expm1f(x) : x;
}

static float gelu(const quantized *q, float x) {
  if (q->approximate) return 0.5f * x * (1.0f + tanhf(0.797884561f * (x + 0.044715f * x * x * x)));
  return 0.5f * x * (1.0f + erff(x * 0.707106781f));
}

static float exponential(const quantized *q, float x) {
  (void)q;
  return expf(x);
}

/* The least that the output can hold stands for the logarithm of what has none. */
static float logarithm(const quantized *q, float x) {
  return x <= 0.0f ? (float)(q->low - q->out_zero) * q->out_scale : logf(x);
}

/* And the most for the reciprocal of none. */
static float reciprocal_root(const quantized *q, float x) {
  return x <= 0.0f ? (float)(q->high - q->out_zero) * q->out_scale : 1.0f / sqrtf(x);
}

typedef float real_fn(const quantized *q, float x);

static real_fn *real_function(ln_unary_op op) {
  switch (op) {
    case LN_UNARY_LOGISTIC: return logistic;
    case LN_UNARY_TANH: return hyperbolic_tangent;
    case LN_UNARY_ELU: return elu;
    case LN_UNARY_GELU: return gelu;
    case LN_UNARY_EXP: return exponential;
    case LN_UNARY_LOG: return logarithm;
    default: return NULL;
  }
}

static int32_t real_value(const quantized *q, real_fn *fn, int32_t stored) {
  const float x = q->in_scale * (float)(stored - q->in_zero);
  const float y = roundf(fn(q, x) * (1.0f / q->out_scale)) + (float)q->out_zero;
  return y <= (float)q->low ? q->low : (y >= (float)q->high ? q->high : (int32_t)y);
}

/* SQRT drops what is behind the point. */
static int32_t root_value(const quantized *q, int32_t stored) {
  const float y = sqrtf(q->in_scale * (float)(stored - q->in_zero)) / q->out_scale;
  return y < 1e9f ? clamped(q, (int64_t)y + q->out_zero) : q->high;
}

/* ---- in integers ---- */

/* rescale(x, by the sign of x): RELU and its kind, LEAKY_RELU, ABS. */
static int32_t piecewise_value(const quantized *q, int32_t stored) {
  const int32_t x = stored - q->in_zero;
  const ln_multiplier by = x >= 0 ? q->positive : q->negative;
  return clamped(q, (int64_t)ln_multiply_quantized(x, by.multiplier, by.shift) + q->out_zero);
}

static ln_multiplier float_multiplier(float real) { return ln_quantize_multiplier((double)real); }

/* False for a function that is not of this kind. */
static bool set_piecewise(ln_unary_op op, quantized *q) {
  float low, high;
  q->positive = float_multiplier(q->in_scale / q->out_scale);
  q->negative = q->positive;
  switch (op) {
    case LN_UNARY_RELU:
    case LN_UNARY_RELU6:
    case LN_UNARY_RELU_N1_TO_1:
    case LN_UNARY_RELU_0_TO_1: {
      ln_unary_relu_range(op, &low, &high);
      const double from = (double)q->out_zero + (double)roundf(low / q->out_scale);
      const double to = (double)q->out_zero + (double)roundf(high / q->out_scale);
      if (from > q->low) q->low = from < q->high ? (int32_t)from : q->high;
      if (to < q->high) q->high = to > q->low ? (int32_t)to : q->low;
      return true;
    }
    case LN_UNARY_LEAKY_RELU: q->negative = float_multiplier(q->in_scale * q->alpha / q->out_scale); return true;
    case LN_UNARY_ABS: q->negative.multiplier = -q->negative.multiplier; return true;
    default: return false;
  }
}

/* 1 / sqrt(x) with 20 bits after the point, then rescaled; 0 gives the greatest output. */
static int32_t rsqrt_value(const quantized *q, int32_t stored) {
  const int32_t x = stored - q->in_zero;
  int32_t root, data;
  if (x <= 0) return q->high;
  const int32_t shift = ln_fx_inverse_sqrt(x, &root);
  data = ln_multiply_quantized(1, root, 20 - shift);
  const int32_t back = q->positive.shift < -11 ? -31 : q->positive.shift - 20; /* shifts of more than 31 bits leave 0 */
  return clamped(q, (int64_t)ln_multiply_quantized(data, q->positive.multiplier, back) + q->out_zero);
}

static int32_t saturate16(int64_t x) { return x < INT16_MIN ? INT16_MIN : (x > INT16_MAX ? INT16_MAX : (int32_t)x); }

/* The high half of 2ab of int16 values, rounded to nearest. */
static int32_t high_mul16(int32_t a, int32_t b) {
  const int32_t product = a * b;
  return saturate16((product + (product >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15));
}

static int32_t to_multiplier16(int32_t multiplier) {
  return multiplier >= INT32_MAX - (1 << 15) ? INT16_MAX : (multiplier + (1 << 15)) >> 16;
}

/* x * relu6(x + 3) / 6: `positive` rescales to the output, `negative` to units of 3 / 2^15 for the relu. */
static int32_t hard_swish_value(const quantized *q, int32_t stored) {
  const int32_t fine = (stored - q->in_zero) * (1 << 7);
  const int32_t scaled = high_mul16(fine, to_multiplier16(q->positive.multiplier));
  const int32_t exponent = q->negative.shift;
  int32_t relu = fine;
  if (exponent > 0) relu = saturate16((int64_t)relu * (INT64_C(1) << (exponent - 1)));
  relu = high_mul16(relu, to_multiplier16(q->negative.multiplier));
  if (exponent > 0) relu = saturate16((int64_t)relu * 2);
  if (exponent < 0) relu = ln_rounding_divide_by_pot(relu, -exponent);
  relu = (relu + (1 << 15)) >> 1;
  const int32_t product = saturate16(relu * scaled / (1 << 15));
  return clamped(q, (int64_t)ln_rounding_divide_by_pot(product, -q->positive.shift) + q->out_zero);
}

static ln_status set_hard_swish(const ln_node *node, ln_error *err, quantized *q) {
  const float fine_scale = q->in_scale * (1.0f / 128.0f);
  q->positive = float_multiplier(fine_scale / q->out_scale);
  q->negative = float_multiplier(fine_scale / (3.0f / 32768.0f));
  if (q->positive.shift > 0) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "the output's scale %g is too small for the input's %g",
                        (double)q->out_scale, (double)q->in_scale);
  }
  return LN_OK;
}

/* ---- 8 bits ---- */

static void table_span(const ln_node *node, size_t first, size_t count) {
  LN_KERNEL_OF(unary, table_u8)
  (((const ln_unary_args *)node->args)->table, (const uint8_t *)node->in[0]->data + first,
   (uint8_t *)node->out[0]->data + first, count);
}

static ln_status integer_function(const ln_node *node, ln_error *err, quantized *q, value_fn **out) {
  const ln_unary_op op = ln_unary_operation(node);
  *out = NULL;
  if (op == LN_UNARY_HARD_SWISH) {
    LN_TRY(set_hard_swish(node, err, q));
    *out = hard_swish_value;
  } else if (op == LN_UNARY_RSQRT) {
    q->positive = ln_quantize_multiplier(1.0 / (double)(sqrtf(q->in_scale) * q->out_scale));
    *out = rsqrt_value;
  } else if (op == LN_UNARY_SQRT) {
    *out = root_value;
  } else if (set_piecewise(op, q)) {
    *out = piecewise_value;
  }
  return LN_OK;
}

ln_status ln_unary_prepare_8bit(const ln_node *node, ln_prep *prep, ln_unary_args *args) {
  const ln_unary_op op = ln_unary_operation(node);
  real_fn *real = real_function(op);
  value_fn *integer;
  quantized q = {0};
  int32_t low, high;
  LN_TRY(read_quantized(node, prep->err, &q));
  LN_TRY(integer_function(node, prep->err, &q, &integer));
  if (real == NULL && integer == NULL) return LN_OK;
  args->table = ln_arena_alloc(prep->arena, 256);
  if (args->table == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  ln_type_range(node->in[0]->type, &low, &high);
  for (int32_t stored = low; stored <= high; ++stored) {
    args->table[(uint8_t)stored] = (uint8_t)(real != NULL ? real_value(&q, real, stored) : integer(&q, stored));
  }
  args->refuse_below = op == LN_UNARY_RSQRT || op == LN_UNARY_SQRT;
  args->span = table_span;
  return LN_OK;
}

/* ---- 16 bits ---- */

static void sigmoid_span(const ln_node *node, size_t first, size_t count) {
  const ln_unary_args *args = node->args;
  const int16_t *in = (const int16_t *)node->in[0]->data + first;
  int16_t *out = (int16_t *)node->out[0]->data + first;
  if (ln_unary_operation(node) == LN_UNARY_TANH)
    ln_k_tanh_i16(args->sigmoid, in, out, count, args->multiplier, args->shift);
  else ln_k_logistic_i16(args->sigmoid, in, out, count, args->multiplier, args->shift);
}

static void piecewise_span(const ln_node *node, size_t first, size_t count) {
  ln_k_piecewise_i16((const int16_t *)node->in[0]->data + first, (int16_t *)node->out[0]->data + first, count,
                     &((const ln_unary_args *)node->args)->piecewise);
}

static void lut_span(const ln_node *node, size_t first, size_t count) {
  const int16_t *lut = ((const ln_unary_args *)node->args)->lut;
  const int16_t *in = (const int16_t *)node->in[0]->data + first;
  int16_t *out = (int16_t *)node->out[0]->data + first;
  for (size_t i = 0; i < count; ++i) out[i] = ln_lut_i16(lut, in[i]);
}

static void root_span(const ln_node *node, size_t first, size_t count) {
  const ln_unary_args *args = node->args;
  const ln_piecewise_i16 *p = &args->piecewise;
  const quantized q = {.in_scale = args->a,
                       .out_scale = args->b,
                       .in_zero = p->in_zero,
                       .out_zero = p->out_zero,
                       .low = p->low,
                       .high = p->high};
  const int16_t *in = (const int16_t *)node->in[0]->data + first;
  int16_t *out = (int16_t *)node->out[0]->data + first;
  for (size_t i = 0; i < count; ++i) out[i] = (int16_t)root_value(&q, in[i]);
}

/* The input in units of 1/12288: three times 2^12, as the table has 24 points a unit. */
static ln_status prepare_sigmoid16(const ln_node *node, ln_prep *prep, const quantized *q, ln_unary_args *args) {
  const double exponent = log2((double)q->in_scale);
  const double places = round(exponent) + 12.0;
  const double most = ln_unary_operation(node) == LN_UNARY_TANH ? 1.0 : 0.0;
  if (q->in_zero != 0 || q->out_zero != 0)
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "int16 with a zero point other than 0");
  args->sigmoid = ln_arena_array(prep->arena, LN_SIGMOID_TABLE, sizeof *args->sigmoid);
  if (args->sigmoid == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  ln_k_make_sigmoid_table(args->sigmoid);
  args->span = sigmoid_span;
  if (fabs(exponent - round(exponent)) < 1e-3 && places >= 0.0 && places <= most) {
    args->multiplier = 3 << (int32_t)places;
    return LN_OK;
  }
  double multiplier = (double)q->in_scale * 4096.0 * 3.0;
  while (multiplier <= 32767.0 / 2.0 && args->shift <= 30) {
    ++args->shift;
    multiplier *= 2.0;
  }
  args->multiplier = multiplier < 2147483647.0 ? (int32_t)multiplier : INT32_MAX;
  return LN_OK;
}

typedef struct lut_context {
  const quantized *q;
  real_fn *fn;
} lut_context;

static float lut_value(const void *context, float x) {
  const lut_context *c = context;
  return c->fn(c->q, x);
}

ln_status ln_unary_prepare_16bit(const ln_node *node, ln_prep *prep, ln_unary_args *args) {
  const ln_unary_op op = ln_unary_operation(node);
  quantized q = {0};
  LN_TRY(read_quantized(node, prep->err, &q));
  if (op == LN_UNARY_LOGISTIC || op == LN_UNARY_TANH) return prepare_sigmoid16(node, prep, &q, args);
  if (set_piecewise(op, &q)) {
    args->piecewise = (ln_piecewise_i16){q.in_zero, q.out_zero, q.low, q.high, q.positive, q.negative};
    args->span = piecewise_span;
    return LN_OK;
  }
  args->refuse_below = op == LN_UNARY_RSQRT || op == LN_UNARY_SQRT;
  if (op == LN_UNARY_SQRT) {
    args->piecewise = (ln_piecewise_i16){q.in_zero, q.out_zero, q.low, q.high, {0, 0}, {0, 0}};
    args->a = q.in_scale;
    args->b = q.out_scale;
    args->span = root_span;
    return LN_OK;
  }
  const lut_context context = {&q, op == LN_UNARY_RSQRT ? reciprocal_root : real_function(op)};
  if (context.fn == NULL) return LN_OK;
  args->lut = ln_arena_array(prep->arena, LN_LUT_I16, sizeof *args->lut);
  if (args->lut == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  ln_lut_i16_make(args->lut, q.in_scale, q.in_zero, q.out_scale, q.out_zero, lut_value, &context);
  args->span = lut_span;
  return LN_OK;
}
