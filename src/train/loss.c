/* What losses share. */
#include "train/loss.h"

void ln_loss_fail(ln_grad *g, const char *why) {
  if (g->status == LN_OK) g->status = ln_fail(g->o->err, LN_ERR_ARGUMENT, "loss: %s", why);
}

static size_t elements(const ln_grad *g, int32_t tensor) {
  size_t count = 0;
  return ln_shape_elements(ln_grad_shape(g, tensor), &count) ? count : 0;
}

int32_t ln_loss_rows(ln_grad *g, int32_t prediction) {
  if (g->status != LN_OK) return -1;
  const ln_shape shape = *ln_grad_shape(g, prediction);
  if (shape.rank < 2 || elements(g, prediction) == 0) {
    ln_loss_fail(g, "the prediction has no elements, or no dimension of classes");
    return -1;
  }
  const int32_t last = shape.dims[shape.rank - 1];
  return ln_grad_reshape_dims(g, prediction, 2, (const int32_t[]){ln_grad_span(g, &shape, 0, shape.rank - 1), last});
}

int32_t ln_loss_mean(ln_grad *g, int32_t values, int32_t prediction) {
  if (g->status != LN_OK) return -1;
  const ln_shape *shape = ln_grad_shape(g, prediction);
  const size_t count = elements(g, values);
  const int32_t batch = shape->rank > 0 ? shape->dims[0] : 1;
  if (batch <= 0 || count == 0 || count % (size_t)batch != 0 || count / (size_t)batch > INT32_MAX) {
    ln_loss_fail(g, "the prediction holds no whole samples");
    return -1;
  }
  const int32_t each = (int32_t)(count / (size_t)batch);
  if (each == 1) return ln_grad_reshape_dims(g, values, 1, &batch);
  const int32_t sum = ln_grad_sum(g, ln_grad_reshape_dims(g, values, 2, (const int32_t[]){batch, each}), 2);
  return ln_grad_reshape_dims(g, ln_grad_scale(g, sum, 1 / (float)each), 1, &batch);
}

int32_t ln_loss_one_hot(ln_grad *g, int32_t labels, int32_t prediction, float on, float off) {
  if (g->status != LN_OK) return -1;
  const ln_shape shape = *ln_grad_shape(g, prediction);
  const int32_t classes = shape.rank > 0 ? shape.dims[shape.rank - 1] : 0;
  const size_t count = elements(g, labels);
  if (classes <= 0 || count == 0 || count > INT32_MAX || count * (size_t)classes != elements(g, prediction)) {
    ln_loss_fail(g, "there are not as many labels as rows of the prediction");
    return -1;
  }
  const int32_t rows = ln_grad_reshape_dims(g, labels, 1, (const int32_t[]){(int32_t)count});
  const int32_t inputs[4] = {rows, ln_grad_ints(g, 1, &classes), ln_grad_scalar(g, on), ln_grad_scalar(g, off)};
  return ln_grad_emit(g, LN_OP_ONE_HOT, LN_FLOAT32, &(const ln_one_hot_options){.axis = -1}, 4, inputs);
}

int32_t ln_loss_sum_last(ln_grad *g, int32_t a) {
  return g->status == LN_OK ? ln_grad_sum(g, a, 1u << (ln_grad_shape(g, a)->rank - 1)) : -1;
}

int32_t ln_loss_difference(ln_grad *g, int32_t prediction, int32_t target) {
  if (g->status != LN_OK) return -1;
  if (!ln_shape_equal(ln_grad_shape(g, prediction), ln_grad_shape(g, target))) {
    ln_loss_fail(g, "targets do not have the prediction's shape");
    return -1;
  }
  return ln_grad_binary(g, LN_OP_SUB, prediction, target);
}

int32_t ln_loss_line(ln_grad *g, int32_t a, float by, float plus) {
  if (by != 1) a = ln_grad_scale(g, a, by);
  return plus == 0 ? a : ln_grad_binary(g, LN_OP_ADD, a, ln_grad_scalar(g, plus));
}

int32_t ln_loss_log1p_exp(ln_grad *g, int32_t magnitude) {
  const int32_t small = ln_grad_unary(g, LN_OP_EXP, ln_grad_unary(g, LN_OP_NEG, magnitude));
  return ln_grad_unary(g, LN_OP_LOG, ln_loss_line(g, small, 1, 1));
}

/* max(x, 0) as (x + |x|) / 2: so its slope at 0 is a half, as the whole needs it. */
int32_t ln_loss_binary_entropy(ln_grad *g, int32_t x, int32_t z) {
  const int32_t magnitude = ln_grad_unary(g, LN_OP_ABS, x);
  const int32_t positive = ln_grad_scale(g, ln_grad_binary(g, LN_OP_ADD, x, magnitude), 0.5f);
  const int32_t line = ln_grad_binary(g, LN_OP_SUB, positive, ln_grad_mul(g, x, z));
  return ln_grad_binary(g, LN_OP_ADD, line, ln_loss_log1p_exp(g, magnitude));
}
