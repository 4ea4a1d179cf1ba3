/* Select-TF biases, batch normalization and cross-entropies, with their gradients, in double precision (ops/wide.h). */
#include <math.h>
#include <string.h>

#include "ops/elementwise.h"
#include "ops/flex_attr.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/wide.h"

static ln_status channels_last(const ln_node *node, ln_error *err) {
  static const char *const formats[] = {"NHWC", "NDHWC"};
  int32_t format = 0;
  return ln_attr_choice(node, err, "data_format", formats, 2, &format);
}

static size_t last_dim(const ln_shape *shape) { return (size_t)shape->dims[shape->rank - 1]; }
static size_t all_rows(const ln_shape *shape) { return ln_shape_span(shape, 0, shape->rank - 1); }

/* ---- BiasAdd (run as an addition), BiasAddGrad ---- */

ln_status ln_bias_add_infer(ln_node *node, ln_error *err) {
  const ln_shape *value = &node->in[0]->shape, *bias = &node->in[1]->shape;
  LN_TRY(channels_last(node, err));
  if (value->rank < 2 || bias->rank != 1 || bias->dims[0] != value->dims[value->rank - 1]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the bias is no list of one number a channel");
  }
  return ln_node_set_shape(node, 0, value, err);
}

ln_status ln_bias_add_grad_infer(ln_node *node, ln_error *err) {
  const ln_shape *gradient = &node->in[0]->shape;
  LN_TRY(channels_last(node, err));
  if (gradient->rank < 2) return ln_node_fail(node, err, LN_ERR_SHAPE, "the gradient has no channels");
  const ln_shape shape = ln_shape_make(1, &gradient->dims[gradient->rank - 1]);
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_wide_prepare(ln_node *node, ln_prep *prep) { return ln_wide_reserve(node, prep, 0); }

ln_status ln_bias_add_grad_run(const ln_node *node, ln_exec *exec) {
  ln_wide w;
  const size_t channels = last_dim(&node->in[0]->shape), rows = all_rows(&node->in[0]->shape);
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  ln_wide_open(node, exec, &w);
  memset(w.out[0], 0, channels * sizeof(double));
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < channels; ++c) w.out[0][c] += w.in[0][r * channels + c];
  }
  ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- FusedBatchNorm: x, scale, offset, mean, variance ---- */

enum { BN_X, BN_SCALE, BN_OFFSET, BN_MEAN, BN_VARIANCE };

typedef struct norm_args {
  bool training;
  float epsilon, factor;
} norm_args;

static ln_status norm_attrs(const ln_node *node, ln_error *err, norm_args *args) {
  *args = (norm_args){true, 1e-4f, 1.0f};
  LN_TRY(channels_last(node, err));
  LN_TRY(ln_attr_bool(node, err, "is_training", &args->training));
  LN_TRY(ln_attr_float(node, err, "epsilon", &args->epsilon));
  return ln_attr_float(node, err, "exponential_avg_factor", &args->factor);
}

static bool is_list_of(const ln_tensor *tensor, size_t count) {
  return tensor->shape.rank == 1 && (size_t)tensor->shape.dims[0] == count;
}

ln_status ln_batch_norm_infer(ln_node *node, ln_error *err) {
  const ln_shape *x = &node->in[BN_X]->shape;
  norm_args args;
  LN_TRY(norm_attrs(node, err, &args));
  bool fits = x->rank == 4 || x->rank == 5;
  for (int32_t i = BN_SCALE; fits && i <= BN_VARIANCE; ++i) {
    const bool may_be_empty = i >= BN_MEAN && args.training && args.factor == 1.0f;
    fits = is_list_of(node->in[i], last_dim(x)) || (may_be_empty && is_list_of(node->in[i], 0));
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the inputs are no images with one number a channel");
  const ln_shape list = ln_shape_make(1, &x->dims[x->rank - 1]), scalar = {0, {0}};
  LN_TRY(ln_node_set_shape(node, 0, x, err));
  for (int32_t i = 1; i < node->out_count; ++i) LN_TRY(ln_node_set_shape(node, i, i < 5 ? &list : &scalar, err));
  return LN_OK;
}

ln_status ln_batch_norm_prepare(ln_node *node, ln_prep *prep) {
  norm_args *args = LN_NODE_ARGS(node, prep, norm_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(norm_attrs(node, prep->err, args));
  return ln_wide_reserve(node, prep, 4 * last_dim(&node->in[BN_X]->shape));
}

/* Mean and biased variance of each channel. */
static void channel_moments(const double *x, size_t rows, size_t channels, double *mean, double *variance) {
  memset(mean, 0, channels * sizeof *mean);
  memset(variance, 0, channels * sizeof *variance);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < channels; ++c) mean[c] += x[r * channels + c];
  }
  for (size_t c = 0; c < channels; ++c) mean[c] /= (double)rows;
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < channels; ++c) {
      const double d = x[r * channels + c] - mean[c];
      variance[c] += d * d;
    }
  }
  for (size_t c = 0; c < channels; ++c) variance[c] /= (double)rows;
}

/* The running averages that training leaves, and what the gradient needs. */
static void give_statistics(const norm_args *args, const ln_wide *w, size_t rows, size_t channels, const double *mean,
                            const double *variance) {
  const double bessel = rows > 1 ? (double)rows / (double)(rows - 1) : 1.0, factor = (double)args->factor;
  for (size_t c = 0; c < channels; ++c) {
    const bool fresh = !args->training || args->factor == 1.0f;
    const double unbiased = args->training ? variance[c] * bessel : variance[c];
    w->out[1][c] = fresh ? mean[c] : factor * mean[c] + (1.0 - factor) * w->in[BN_MEAN][c];
    w->out[2][c] = fresh ? unbiased : factor * unbiased + (1.0 - factor) * w->in[BN_VARIANCE][c];
    w->out[3][c] = mean[c];
    w->out[4][c] = variance[c];
  }
}

ln_status ln_batch_norm_run(const ln_node *node, ln_exec *exec) {
  const norm_args *args = node->args;
  const size_t channels = last_dim(&node->in[BN_X]->shape), rows = all_rows(&node->in[BN_X]->shape);
  ln_wide w;
  ln_wide_open(node, exec, &w);
  const double *mean = w.in[BN_MEAN], *variance = w.in[BN_VARIANCE];
  double *slope = w.extra, *start = w.extra + channels;
  if (args->training) {
    double *found = w.extra + 2 * channels;
    if (rows > 0) channel_moments(w.in[BN_X], rows, channels, found, found + channels);
    else memset(found, 0, 2 * channels * sizeof *found);
    mean = found;
    variance = found + channels;
  }
  for (size_t c = 0; c < channels; ++c) {
    slope[c] = w.in[BN_SCALE][c] / sqrt(variance[c] + (double)args->epsilon);
    start[c] = w.in[BN_OFFSET][c] - mean[c] * slope[c];
  }
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < channels; ++c)
      w.out[0][r * channels + c] = w.in[BN_X][r * channels + c] * slope[c] + start[c];
  }
  give_statistics(args, &w, rows, channels, mean, variance);
  if (node->out_count > 5) w.out[5][0] = 0.0;
  ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- FusedBatchNormGrad: y_backprop, x, scale, mean, variance (of FusedBatchNorm's outputs 3 and 4) ---- */

enum { BNG_Y, BNG_X, BNG_SCALE, BNG_MEAN, BNG_VARIANCE };

ln_status ln_batch_norm_grad_infer(ln_node *node, ln_error *err) {
  const ln_shape *x = &node->in[BNG_X]->shape;
  LN_TRY(channels_last(node, err));
  bool fits = (x->rank == 4 || x->rank == 5) && ln_shape_equal(&node->in[BNG_Y]->shape, x);
  for (int32_t i = BNG_SCALE; fits && i <= BNG_VARIANCE; ++i) fits = is_list_of(node->in[i], last_dim(x));
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the inputs are no images with one number a channel");
  const int32_t none = 0;
  const ln_shape list = ln_shape_make(1, &x->dims[x->rank - 1]), empty = ln_shape_make(1, &none);
  LN_TRY(ln_node_set_shape(node, 0, x, err));
  for (int32_t i = 1; i < node->out_count; ++i) LN_TRY(ln_node_set_shape(node, i, i < 3 ? &list : &empty, err));
  return LN_OK;
}

ln_status ln_batch_norm_grad_prepare(ln_node *node, ln_prep *prep) { return ln_batch_norm_prepare(node, prep); }

ln_status ln_batch_norm_grad_run(const ln_node *node, ln_exec *exec) {
  const norm_args *args = node->args;
  const size_t channels = last_dim(&node->in[BNG_X]->shape), rows = all_rows(&node->in[BNG_X]->shape);
  ln_wide w;
  ln_wide_open(node, exec, &w);
  double *of_scale = w.out[1], *of_offset = w.out[2];
  memset(of_scale, 0, channels * sizeof *of_scale);
  memset(of_offset, 0, channels * sizeof *of_offset);
  for (size_t i = 0; i < rows * channels; ++i) {
    const size_t c = i % channels;
    of_offset[c] += w.in[BNG_Y][i];
    of_scale[c] += w.in[BNG_Y][i] * (w.in[BNG_X][i] - w.in[BNG_MEAN][c]);
  }
  for (size_t c = 0; c < channels; ++c) {
    w.extra[c] = 1.0 / sqrt(w.in[BNG_VARIANCE][c] + (double)args->epsilon);
    of_scale[c] *= w.extra[c];
  }
  for (size_t i = 0; i < rows * channels; ++i) {
    const size_t c = i % channels;
    double y = w.in[BNG_Y][i];
    if (args->training) {
      const double normal = (w.in[BNG_X][i] - w.in[BNG_MEAN][c]) * w.extra[c];
      y -= (of_offset[c] + normal * of_scale[c]) / (double)rows;
    }
    w.out[0][i] = y * w.in[BNG_SCALE][c] * w.extra[c];
  }
  ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- cross-entropies of softmax: outputs the loss of each row, and the gradient of the features ---- */

/* Labels are a distribution for each row (broadcast with the features), or the index of one class. */
static bool is_sparse(const ln_node *node) { return node->op->def->variant != 0; }

ln_status ln_cross_entropy_infer(ln_node *node, ln_error *err) {
  ln_shape shape = node->in[0]->shape;
  const ln_shape *labels = &node->in[1]->shape;
  bool fits = shape.rank == 2;
  if (is_sparse(node)) fits = fits && labels->rank == 1 && labels->dims[0] == shape.dims[0];
  else fits = fits && labels->rank == 2 && ln_shape_broadcast(&node->in[0]->shape, labels, &shape);
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "features and labels do not fit together");
  const ln_shape loss = ln_shape_make(1, shape.dims);
  LN_TRY(ln_node_set_shape(node, 0, &loss, err));
  return ln_node_set_shape(node, 1, &shape, err);
}

/* Where row `row` of a matrix that is broadcast begins, and the step from column to column. */
static size_t row_start(const ln_shape *matrix, size_t row) {
  return matrix->dims[0] == 1 ? 0 : row * (size_t)matrix->dims[1];
}
static size_t column_step(const ln_shape *matrix) { return matrix->dims[1] == 1 ? 0 : 1; }

/* softmax(x) into `out`; returns log(sum(exp(x - most))) + most. */
static double softmax_row(const double *x, size_t step, size_t classes, double *out) {
  double most = -INFINITY, sum = 0.0;
  for (size_t c = 0; c < classes; ++c) most = x[c * step] > most ? x[c * step] : most;
  for (size_t c = 0; c < classes; ++c) {
    out[c] = exp(x[c * step] - most);
    sum += out[c];
  }
  for (size_t c = 0; c < classes; ++c) out[c] /= sum;
  return log(sum) + most;
}

static ln_status sparse_rows(const ln_node *node, ln_exec *exec, const ln_wide *w) {
  const ln_shape *shape = &node->out[1]->shape;
  const size_t rows = (size_t)shape->dims[0], classes = (size_t)shape->dims[1];
  for (size_t r = 0; r < rows; ++r) {
    const double label = w->in[1][r];
    if (!(label >= 0.0 && label < (double)classes)) {
      return ln_node_fail(node, exec->err, LN_ERR_DATA, "the label %.0f of row %zu is outside %zu classes", label, r,
                          classes);
    }
    const double *x = w->in[0] + r * classes;
    double *out = w->out[1] + r * classes;
    w->out[0][r] = softmax_row(x, 1, classes, out) - x[(size_t)label];
    out[(size_t)label] -= 1.0;
  }
  return LN_OK;
}

ln_status ln_cross_entropy_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *shape = &node->out[1]->shape, *features = &node->in[0]->shape, *labels = &node->in[1]->shape;
  const size_t rows = (size_t)shape->dims[0], classes = (size_t)shape->dims[1];
  ln_wide w;
  ln_wide_open(node, exec, &w);
  if (is_sparse(node)) LN_TRY(sparse_rows(node, exec, &w));
  for (size_t r = 0; r < rows && !is_sparse(node); ++r) {
    const double *x = w.in[0] + row_start(features, r), *label = w.in[1] + row_start(labels, r);
    const size_t x_step = column_step(features), label_step = column_step(labels);
    double *out = w.out[1] + r * classes, loss = 0.0;
    const double total = softmax_row(x, x_step, classes, out);
    for (size_t c = 0; c < classes; ++c) {
      const double p = label[c * label_step];
      if (p != 0.0) loss += p * (total - x[c * x_step]);
      out[c] -= p;
    }
    w.out[0][r] = loss;
  }
  ln_wide_close(node, &w);
  return LN_OK;
}
