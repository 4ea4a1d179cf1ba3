/* What signatures that train are made of: losses, gradients, and steps of optimizers. */
#include "import/savedmodel/savedmodel.h"

static int32_t one_less(ln_emit *e, int32_t a) { return ln_emit_sub(e, ln_emit_scalar(e, ln_emit_type(e, a), 1), a); }
static int32_t zero_of(ln_emit *e, int32_t a) { return ln_emit_scalar(e, ln_emit_type(e, a), 0); }
static int32_t square(ln_emit *e, int32_t a) { return ln_emit_mul(e, a, a); }

/* ---- losses ---- */

/* SoftmaxCrossEntropyWithLogits, and with numbers of classes (variant 1): logits, labels > loss, gradient */
void ln_sm_op_cross_entropy(ln_sm_call *c) {
  ln_emit *e = c->e;
  const int32_t logits = ln_sm_in(c, 0), last = -1;
  int32_t labels = ln_sm_in(c, 1);
  if (c->variant == 1 && labels >= 0) labels = ln_emit_ones(e, labels, ln_emit_size_of(e, logits, -1), -1, LN_FLOAT32);
  const int32_t each = ln_emit_mul(e, labels, ln_emit_log_softmax(e, logits, -1));
  ln_sm_give(c, 0, ln_emit_unary(e, LN_OP_NEG, ln_emit_reduce(e, LN_OP_SUM, each, 1, &last, false)));
  ln_sm_give(c, 1, ln_emit_sub(e, ln_emit_softmax(e, logits, -1), labels));
}

/* ---- gradients of functions of one value ---- */

/* Of what the function was given: (gradient, input). */
static int32_t relu_grad(ln_emit *e, int32_t g, int32_t x) {
  return ln_emit_select(e, ln_emit_compare(e, LN_OP_GREATER, x, zero_of(e, x)), g, zero_of(e, g));
}

static int32_t relu6_grad(ln_emit *e, int32_t g, int32_t x) {
  return ln_emit_select(e, ln_emit_compare(e, LN_OP_LESS, x, ln_emit_scalar(e, ln_emit_type(e, x), 6)),
                        relu_grad(e, g, x), zero_of(e, g));
}

static int32_t softplus_grad(ln_emit *e, int32_t g, int32_t x) {
  return ln_emit_mul(e, g, ln_emit_unary(e, LN_OP_LOGISTIC, x));
}

static int32_t softsign_grad(ln_emit *e, int32_t g, int32_t x) {
  return ln_emit_div(e, g, square(e, ln_emit_add_number(e, ln_emit_unary(e, LN_OP_ABS, x), 1)));
}

static int32_t elu_grad(ln_emit *e, int32_t g, int32_t y) {
  return ln_emit_select(e, ln_emit_compare(e, LN_OP_LESS, y, zero_of(e, y)),
                        ln_emit_mul(e, g, ln_emit_add_number(e, y, 1)), g);
}

/* Of what the function gave: (output, gradient). */
static int32_t sigmoid_grad(ln_emit *e, int32_t y, int32_t g) {
  return ln_emit_mul(e, g, ln_emit_mul(e, y, one_less(e, y)));
}
static int32_t tanh_grad(ln_emit *e, int32_t y, int32_t g) { return ln_emit_mul(e, g, one_less(e, square(e, y))); }
static int32_t sqrt_grad(ln_emit *e, int32_t y, int32_t g) { return ln_emit_div(e, ln_emit_mul_number(e, g, 0.5), y); }

static int32_t rsqrt_grad(ln_emit *e, int32_t y, int32_t g) {
  return ln_emit_mul(e, ln_emit_mul_number(e, g, -0.5), ln_emit_mul(e, square(e, y), y));
}

static int32_t reciprocal_grad(ln_emit *e, int32_t y, int32_t g) {
  return ln_emit_unary(e, LN_OP_NEG, ln_emit_mul(e, g, square(e, y)));
}

static int32_t (*const gradients[])(ln_emit *e, int32_t a, int32_t b) = {
    [LN_SM_GRAD_RELU] = relu_grad,         [LN_SM_GRAD_RELU6] = relu6_grad,
    [LN_SM_GRAD_SOFTPLUS] = softplus_grad, [LN_SM_GRAD_SOFTSIGN] = softsign_grad,
    [LN_SM_GRAD_ELU] = elu_grad,           [LN_SM_GRAD_SIGMOID] = sigmoid_grad,
    [LN_SM_GRAD_TANH] = tanh_grad,         [LN_SM_GRAD_SQRT] = sqrt_grad,
    [LN_SM_GRAD_RSQRT] = rsqrt_grad,       [LN_SM_GRAD_RECIPROCAL] = reciprocal_grad,
};

void ln_sm_op_gradient(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0), b = ln_sm_in(c, 1);
  if (a >= 0 && b >= 0) ln_sm_result(c, gradients[c->variant](c->e, a, b));
}

void ln_sm_op_leaky_relu_grad(ln_sm_call *c) {
  const int32_t g = ln_sm_in(c, 0), x = ln_sm_in(c, 1);
  const int32_t positive = ln_emit_compare(c->e, LN_OP_GREATER, x, zero_of(c->e, x));
  ln_sm_result(c, ln_emit_select(c->e, positive, g, ln_emit_mul_number(c->e, g, ln_sm_float(c, "alpha", 0.2))));
}

/* BiasAddGrad: the sum over all but the channels */
void ln_sm_op_bias_add_grad(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0), rank = ln_emit_rank(c->e, a);
  const int32_t channels = ln_sm_is(c, "data_format", "NCHW") ? 1 : rank - 1;
  int32_t axes[LN_MAX_RANK], count = 0;
  for (int32_t i = 0; i < rank; ++i) {
    if (i != channels) axes[count++] = i;
  }
  if (count > 0) ln_sm_result(c, ln_emit_reduce(c->e, LN_OP_SUM, a, count, axes, false));
}

/* ---- gradients of layers ---- */

/* Conv2DBackpropFilter: images, sizes of the filter, gradients: a convolution of the images by the gradients */
void ln_sm_op_filter_grad(ln_sm_call *c) {
  static const int32_t channels_to_batch[4] = {3, 1, 2, 0}, batch_to_input[4] = {1, 2, 0, 3}, back[4] = {1, 2, 0, 3};
  ln_emit *e = c->e;
  const int32_t x = ln_sm_in(c, 0), g = ln_sm_in(c, 2);
  int64_t sizes[4];
  int32_t count = 0, strides[4], before[4] = {0}, after[4] = {0};
  ln_window w = {.rank = 2, .padding = LN_EMIT_VALID};
  if (!ln_sm_const_ints(c, 1, "sizes", sizes, 4, &count)) return;
  bool good = count == 4 && ln_sm_ints(c, "strides", strides, 4) == 4 && !ln_sm_is(c, "data_format", "NCHW") &&
              ln_emit_rank(e, x) == 4 && ln_emit_rank(e, g) == 4;
  for (int32_t i = 0; good && i < 2; ++i) {
    const int32_t in = ln_emit_dim(e, x, 1 + i), out = ln_emit_dim(e, g, 1 + i), size = (int32_t)sizes[i];
    good = in > 0 && out > 0 && sizes[i] > 0 && sizes[i] < 1 << 16 && strides[1 + i] > 0 && strides[1 + i] < 1 << 16;
    if (!good) break;
    const int32_t reach = (out - 1) * strides[1 + i] + size;
    before[1 + i] = ln_sm_is(c, "padding", "SAME") && reach > in ? (reach - in) / 2 : 0;
    after[1 + i] = reach - in - before[1 + i];
    w.size[i] = out;
    w.dilation[i] = strides[1 + i];
  }
  if (!good) {
    ln_emit_refuse(e, "height and width must be known; say --shape");
    return;
  }
  const int32_t images = ln_emit_transpose(e, ln_emit_pad(e, x, before, after, 0), channels_to_batch);
  ln_sm_result(c,
               ln_emit_transpose(e, ln_emit_conv(e, images, ln_emit_transpose(e, g, batch_to_input), -1, 1, &w), back));
}

/* The dimensions of a shape under assignment p; false where they are not known. */
static bool known_dims(const ln_emit *e, int32_t t, int32_t p, ln_shape *out) {
  const ln_fact *fact = t >= 0 ? &e->facts[t] : NULL;
  if (fact == NULL || fact->value[p] == NULL || fact->shape[p].rank != 1 || fact->shape[p].dims[0] > LN_MAX_RANK)
    return false;
  out->rank = fact->shape[p].dims[0];
  for (int32_t i = 0; i < out->rank; ++i) {
    out->dims[i] = ln_emit_type(e, t) == LN_INT64 ? (int32_t)((const int64_t *)fact->value[p])[i]
                                                  : ((const int32_t *)fact->value[p])[i];
  }
  return true;
}

/* Axes of the joint shape along which `own` was repeated. */
static int32_t repeated(const ln_shape *own, const ln_shape *other, int32_t *axes) {
  const int32_t rank = own->rank > other->rank ? own->rank : other->rank;
  int32_t count = 0;
  for (int32_t i = 0; i < rank; ++i) {
    const int32_t k = i - (rank - own->rank);
    if (k < 0 || own->dims[k] == 1) axes[count++] = i;
  }
  return count;
}

/* BroadcastGradientArgs: two shapes > the axes over which each one's gradient is to be summed */
void ln_sm_op_broadcast_gradient(ln_sm_call *c) {
  const int32_t in[2] = {ln_sm_in(c, 0), ln_sm_in(c, 1)};
  for (int32_t i = 0; i < 2; ++i) {
    int32_t axes[2][LN_MAX_RANK], counts[2] = {0, 0};
    for (int32_t p = 0; p < 2; ++p) {
      ln_shape own = {0}, other = {0};
      if (!known_dims(c->e, in[i], p, &own) || !known_dims(c->e, in[1 - i], p, &other)) {
        ln_emit_refuse(c->e, "shapes of gradients are not known before the run");
        return;
      }
      counts[p] = repeated(&own, &other, axes[p]);
    }
    if (counts[0] != counts[1] || memcmp(axes[0], axes[1], (size_t)counts[0] * sizeof axes[0][0]) != 0) {
      ln_emit_refuse(c->e, "shapes of gradients are not known before the run");
      return;
    }
    ln_sm_give(c, i, ln_emit_cast(c->e, ln_emit_vector(c->e, counts[0], axes[0]), ln_emit_type(c->e, in[0])));
  }
}

/* ---- optimizers: the variable is input 0, states follow ---- */

static bool is_variable(ln_sm_call *c, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    if (i < c->in_count && c->in[i].kind == LN_SM_VARIABLE) continue;
    ln_emit_wrong(c->e, "its input %d is no variable", i);
    return false;
  }
  return true;
}

static void set(ln_sm_call *c, int32_t i, int32_t tensor) {
  const ln_sm_value value = ln_sm_tensor(c->e, tensor);
  ln_sm_assign_variable(c, &c->in[i], &value);
}

static int32_t get(ln_sm_call *c, int32_t i) { return ln_sm_read_variable(c->scope, &c->in[i]); }

/* ResourceApplyGradientDescent: variable, rate, gradient */
void ln_sm_op_descend(ln_sm_call *c) {
  if (!is_variable(c, 1)) return;
  set(c, 0, ln_emit_sub(c->e, get(c, 0), ln_emit_mul(c->e, ln_sm_in(c, 1), ln_sm_in(c, 2))));
  ln_sm_give_value(c, 0, c->in[0]);
}

/* ResourceApplyMomentum; ResourceApplyKerasMomentum (variant 1), whose steps hold the rate: variable, steps, rate,
 * gradient, momentum */
void ln_sm_op_momentum(ln_sm_call *c) {
  ln_emit *e = c->e;
  if (!is_variable(c, 2)) return;
  const int32_t rate = ln_sm_in(c, 2), gradient = ln_sm_in(c, 3), momentum = ln_sm_in(c, 4);
  const bool nesterov = ln_sm_bool(c, "use_nesterov", false);
  const int32_t old = ln_emit_mul(e, get(c, 1), momentum), scaled = ln_emit_mul(e, gradient, rate);
  const int32_t step = c->variant == 1 ? ln_emit_sub(e, old, scaled) : ln_emit_add(e, old, gradient);
  int32_t by;
  if (c->variant == 1) by = nesterov ? ln_emit_sub(e, ln_emit_mul(e, step, momentum), scaled) : step;
  else
    by = ln_emit_unary(e, LN_OP_NEG,
                       nesterov ? ln_emit_add(e, scaled, ln_emit_mul(e, ln_emit_mul(e, step, momentum), rate))
                                : ln_emit_mul(e, step, rate));
  const int32_t made = ln_emit_add(e, get(c, 0), by);
  set(c, 1, step);
  set(c, 0, made);
  ln_sm_give_value(c, 0, c->in[0]);
}

/* ResourceApplyAdam: variable, m, v, beta1 power, beta2 power, rate, beta1, beta2, epsilon, gradient */
void ln_sm_op_adam(ln_sm_call *c) {
  ln_emit *e = c->e;
  int32_t in[10];
  if (!is_variable(c, 3)) return;
  for (int32_t i = 3; i < 10; ++i) in[i] = ln_sm_in(c, i);
  const int32_t g = in[9];
  const int32_t m = ln_emit_add(e, ln_emit_mul(e, get(c, 1), in[6]), ln_emit_mul(e, g, one_less(e, in[6])));
  const int32_t v = ln_emit_add(e, ln_emit_mul(e, get(c, 2), in[7]), ln_emit_mul(e, square(e, g), one_less(e, in[7])));
  const int32_t rate =
      ln_emit_div(e, ln_emit_mul(e, in[5], ln_emit_unary(e, LN_OP_SQRT, one_less(e, in[4]))), one_less(e, in[3]));
  const bool nesterov = ln_sm_bool(c, "use_nesterov", false);
  const int32_t way = nesterov ? ln_emit_add(e, ln_emit_mul(e, m, in[6]), ln_emit_mul(e, g, one_less(e, in[6]))) : m;
  const int32_t by = ln_emit_div(e, ln_emit_mul(e, way, rate), ln_emit_add(e, ln_emit_unary(e, LN_OP_SQRT, v), in[8]));
  const int32_t made = ln_emit_sub(e, get(c, 0), by);
  set(c, 1, m);
  set(c, 2, v);
  set(c, 0, made);
  ln_sm_give_value(c, 0, c->in[0]);
}
