/* SOFTMAX and LOG_SOFTMAX over the last dimension. */
#include "kernels/softmax.h"

#include <math.h>

#include "kernels/unary.h"
#include "ops/elementwise.h"
#include "ops/rows.h"

/* Of the rows whose functions stand here or call these. */
#define TYPES (LN_OP_TYPES(SOFTMAX) | LN_OP_TYPES(FlexSoftmax))
#define LOG_TYPES (LN_OP_TYPES(LOG_SOFTMAX) | LN_OP_TYPES(FlexLogSoftmax))

typedef struct softmax_args {
  size_t rows, depth;
  float beta;
  ln_softmax_q8 *q8;
  ln_softmax_i16 i16;
  ln_log_softmax_q8 *log_q8; /* NULL for floats */
} softmax_args;

/* TensorFlow's operators want a dimension; TFLite's take a scalar, too. */
ln_status ln_softmax_infer(ln_node *node, ln_error *err) {
  if (node->in[0]->shape.rank < 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input is a scalar");
  return ln_infer_same(node, err);
}

static softmax_args *make_args(ln_node *node, ln_prep *prep) {
  const ln_shape *shape = &node->in[0]->shape;
  softmax_args *args = LN_NODE_ARGS(node, prep, softmax_args);
  if (args == NULL) return NULL;
  args->rows = args->depth = 1; /* of a scalar */
  if (shape->rank > 0) {
    args->rows = ln_shape_span(shape, 0, shape->rank - 1);
    args->depth = (size_t)shape->dims[shape->rank - 1];
  }
  return args;
}

static double reciprocal(double x) { return 1.0 / (1.0 + x); }

/*
 * A table of LN_LUT_I16 points of fn over int16 values of `in_scale` and `in_zero`, its results in 2/65535: as
 * ln_lut_i16_make, in double precision, which the reference uses here and where two points depend on it.
 */
static void make_table(int16_t *lut, double in_scale, int32_t in_zero, double (*fn)(double)) {
  const double least = in_scale * (INT16_MIN - in_zero), most = in_scale * (INT16_MAX - in_zero);
  const double step = (most - least) / 512.0;
  const double inverse = 65536.0 / (2.0 / 65535.0 * (INT16_MAX - INT16_MIN));
  for (int32_t i = 0; i <= 512; ++i) {
    const double here = least + i * step;
    double point = round(fn(i < 512 ? here : most) * inverse);
    if (i < 512) {
      const double middle = round(fn(here + step / 2.0) * inverse);
      const double next = fn(least + (i + 1) * step) * inverse;
      point -= round((round((next + point) / 2.0) - middle) / 2.0);
    }
    lut[i] = (int16_t)fmin(fmax(point, INT16_MIN), INT16_MAX);
  }
}

static ln_status prepare_16bit(const ln_node *node, ln_prep *prep, softmax_args *args, double scale) {
  int16_t *exp_lut = ln_arena_array(prep->arena, LN_LUT_I16, sizeof *exp_lut);
  int16_t *reciprocal_lut = ln_arena_array(prep->arena, LN_LUT_I16, sizeof *reciprocal_lut);
  if (exp_lut == NULL || reciprocal_lut == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  make_table(exp_lut, 10.0 / 65535.0, INT16_MAX, exp);
  make_table(reciprocal_lut, 1.0 / 65535.0, INT16_MIN, reciprocal);
  args->i16.exp_lut = exp_lut;
  args->i16.reciprocal_lut = reciprocal_lut;
  args->i16.rescale = ln_quantize_multiplier(scale * (double)args->beta / (10.0 / 65535.0));
  return LN_OK;
}

static void softmax_span(const void *context, size_t first, size_t count);

static void softmax_elements(const ln_node *node, size_t first, size_t count) {
  const size_t depth = ((const softmax_args *)node->args)->depth;
  softmax_span(node, first / depth, count / depth);
}

ln_status ln_softmax_prepare(ln_node *node, ln_prep *prep) {
  const ln_tensor *in = node->in[0];
  softmax_args *args = make_args(node, prep);
  double scale;
  int32_t zero_point;
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(ln_node_check_built(node, TYPES, prep->err));
  if (LN_HAS_SPANS && args->depth > 0) {
    node->span = softmax_elements;
    node->span_grain = args->depth;
  }
  args->beta = LN_OPTIONS(node, softmax_options)->beta;
  if (LN_MEETS(TYPES, in->type, LN_FLOAT32)) return LN_OK;
  LN_TRY(ln_node_scale(node, in, prep->err, &scale, &zero_point));
  if (!(args->beta >= 0.0f && isfinite(args->beta))) {
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "beta %g of integers", (double)args->beta);
  }
  if (LN_MEETS(TYPES, in->type, LN_INT16)) return prepare_16bit(node, prep, args, scale);
  args->q8 = ln_arena_alloc(prep->arena, sizeof *args->q8);
  if (args->q8 == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  args->q8->in_signed = in->type == LN_INT8;
  args->q8->out_signed = node->out[0]->type != LN_UINT8;
  args->q8->out_bits = ln_type_bits(node->out[0]->type);
  ln_k_softmax_q8_make(args->q8, (double)args->beta, scale);
  return LN_OK;
}

static void softmax_span(const void *context, size_t first, size_t count) {
  const ln_node *node = context;
  const softmax_args *args = node->args;
  const ln_tensor *in = node->in[0];
  const ln_tensor *out = node->out[0];
  const void *from = (const char *)in->data + first * args->depth * ln_type_bytes(in->type);
  void *to = (char *)out->data + first * args->depth * ln_type_bytes(out->type);
  if (LN_MEETS(TYPES, in->type, LN_FLOAT32)) {
    LN_KERNEL_OF(softmax, softmax_f32)(from, to, count, args->depth, args->beta);
  } else if (LN_MEETS(TYPES, in->type, LN_INT16)) {
    ln_k_softmax_i16(&args->i16, from, to, count, args->depth);
  } else {
    ln_k_softmax_q8(args->q8, from, to, count, args->depth);
  }
}

ln_status ln_softmax_run(const ln_node *node, ln_exec *exec) {
  const softmax_args *args = node->args;
  if (args->depth == 0) return LN_OK;
  ln_spans_run(exec->pool, args->rows, LN_ELEMENT_GRAIN / 4 / args->depth, softmax_span, node);
  return LN_OK;
}

/* ---- LOG_SOFTMAX ---- */

ln_status ln_log_softmax_prepare(ln_node *node, ln_prep *prep) {
  softmax_args *args = make_args(node, prep);
  double in_scale, out_scale;
  int32_t in_zero;
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(ln_node_check_built(node, LOG_TYPES, prep->err));
  if (LN_MEETS(LOG_TYPES, node->in[0]->type, LN_FLOAT32)) return LN_OK;
  ln_log_softmax_q8 *q8 = args->log_q8 = ln_arena_alloc(prep->arena, sizeof *args->log_q8);
  if (q8 == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(ln_node_scale(node, node->in[0], prep->err, &in_scale, &in_zero));
  LN_TRY(ln_node_scale(node, node->out[0], prep->err, &out_scale, &q8->out_zero));
  q8->in_scale = (float)in_scale;
  q8->out_scale = (float)out_scale;
  q8->is_signed = node->in[0]->type == LN_INT8;
  ln_k_log_softmax_q8_make(q8);
  return LN_OK;
}

static void log_softmax_span(const void *context, size_t first, size_t count) {
  const ln_node *node = context;
  const softmax_args *args = node->args;
  const size_t at = first * args->depth;
  if (!LN_MEETS(LOG_TYPES, node->in[0]->type, LN_FLOAT32)) {
    ln_k_log_softmax_q8(args->log_q8, (const uint8_t *)node->in[0]->data + at, (uint8_t *)node->out[0]->data + at,
                        count, args->depth);
  } else {
    ln_k_log_softmax_f32((const float *)node->in[0]->data + at, (float *)node->out[0]->data + at, count, args->depth);
  }
}

ln_status ln_log_softmax_run(const ln_node *node, ln_exec *exec) {
  const softmax_args *args = node->args;
  if (args->depth == 0) return LN_OK;
  ln_spans_run(exec->pool, args->rows, LN_ELEMENT_GRAIN / 4 / args->depth, log_softmax_span, node);
  return LN_OK;
}
