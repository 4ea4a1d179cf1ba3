/* Activations, with the parameters that their attributes hold. */
#include <math.h>
#include <string.h>

#include "import/onnx/onnx.h"

void ln_onnx_activate(ln_onnx_node *n) {
  ln_onnx_out(n, 0, ln_emit_activate(n->e, (ln_emit_activation)n->variant, ln_onnx_in(n, 0)));
}

/* With a number of its type: what a function of float32 gets. */
static int32_t with(ln_emit *e, int32_t code, int32_t a, double number) {
  if (ln_emit_failed(e) || a < 0) return -1;
  return ln_emit_binary(e, code, a, ln_emit_scalar(e, ln_emit_type(e, a), number));
}

/* Of integers too. */
void ln_onnx_relu(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0);
  const bool plain = ln_emit_type(n->e, a) == LN_FLOAT32;
  ln_onnx_out(n, 0, plain ? ln_emit_activate(n->e, LN_EMIT_RELU, a) : with(n->e, LN_OP_MAXIMUM, a, 0));
}

void ln_onnx_leaky_relu(ln_onnx_node *n) {
  ln_onnx_out(n, 0, ln_emit_leaky_relu(n->e, ln_onnx_in(n, 0), ln_onnx_float(n, "alpha", 0.01f)));
}

/* The slope broadcasts to the input; before version 7 a list was of channels. */
void ln_onnx_prelu(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), rank = ln_emit_rank(e, a);
  int32_t slope = ln_onnx_in(n, 1), axes[LN_MAX_RANK];
  if (n->version < 7 && ln_emit_rank(e, slope) == 1 && rank > 2) {
    for (int32_t i = 0; i < rank - 2; ++i) axes[i] = i + 1;
    slope = ln_emit_expand(e, slope, rank - 2, axes);
  }
  const bool is_signed = ln_emit_type(e, a) == LN_FLOAT32;
  if (is_signed) {
    ln_onnx_out(n, 0, ln_emit_prelu(e, a, slope));
    return;
  }
  const int32_t above = with(e, LN_OP_MAXIMUM, a, 0), below = with(e, LN_OP_MINIMUM, a, 0);
  ln_onnx_out(n, 0, ln_emit_add(e, above, ln_emit_mul(e, below, slope)));
}

void ln_onnx_elu(ln_onnx_node *n) {
  ln_onnx_out(n, 0, ln_emit_elu(n->e, ln_onnx_in(n, 0), ln_onnx_float(n, "alpha", 1)));
}

/* gamma * (x, or alpha * (exp(x) - 1) below 0) */
void ln_onnx_selu(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0);
  const double alpha = ln_onnx_float(n, "alpha", 1.67326319217681884765625);
  const double gamma = ln_onnx_float(n, "gamma", 1.05070102214813232421875);
  ln_onnx_out(n, 0, ln_emit_mul_number(e, ln_emit_elu(e, a, alpha), gamma));
}

/* max(0, x) + min(0, alpha * (exp(x / alpha) - 1)) */
void ln_onnx_celu(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const double alpha = ln_onnx_float(n, "alpha", 1);
  if (alpha == 0) {
    ln_emit_wrong(e, "alpha is 0");
    return;
  }
  const int32_t scaled = ln_emit_mul_number(e, ln_onnx_in(n, 0), 1 / alpha);
  ln_onnx_out(n, 0, ln_emit_mul_number(e, ln_emit_elu(e, scaled, 1), alpha));
}

void ln_onnx_hard_sigmoid(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t scaled = ln_emit_mul_number(e, ln_onnx_in(n, 0), ln_onnx_float(n, "alpha", 0.2f));
  ln_onnx_out(n, 0, ln_emit_clip(e, ln_emit_add_number(e, scaled, ln_onnx_float(n, "beta", 0.5)), 0, 1));
}

void ln_onnx_gelu(ln_onnx_node *n) {
  const bool by_tanh = strcmp(ln_onnx_text(n, "approximate", "none"), "tanh") == 0;
  ln_onnx_out(n, 0, ln_emit_activate(n->e, by_tanh ? LN_EMIT_GELU_TANH : LN_EMIT_GELU, ln_onnx_in(n, 0)));
}

/* x * sigmoid(alpha * x) */
void ln_onnx_swish(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0);
  const double alpha = ln_onnx_float(n, "alpha", 1);
  const int32_t scaled = alpha == 1 ? a : ln_emit_mul_number(e, a, alpha);
  ln_onnx_out(n, 0, ln_emit_mul(e, a, ln_emit_activate(e, LN_EMIT_SIGMOID, scaled)));
}

void ln_onnx_thresholded_relu(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0);
  if (ln_emit_failed(e)) return;
  const int32_t limit = ln_emit_scalar(e, ln_emit_type(e, a), ln_onnx_float(n, "alpha", 1));
  const int32_t zero = ln_emit_scalar(e, ln_emit_type(e, a), 0);
  ln_onnx_out(n, 0, ln_emit_select(e, ln_emit_compare(e, LN_OP_GREATER, a, limit), a, zero));
}

/* Nearer to zero by `bias` outside of +-lambd, zero within. */
void ln_onnx_shrink(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const double bias = ln_onnx_float(n, "bias", 0), lambda = ln_onnx_float(n, "lambd", 0.5);
  const int32_t a = ln_onnx_in(n, 0);
  if (ln_emit_failed(e)) return;
  const ln_type type = ln_emit_type(e, a);
  const ln_type wide = ln_type_bits(type) < 32 || type == LN_INT32 ? LN_FLOAT32 : type;
  const int32_t x = ln_emit_cast(e, a, wide), zero = ln_emit_scalar(e, wide, 0);
  const int32_t below = ln_emit_compare(e, LN_OP_LESS, x, ln_emit_scalar(e, wide, -lambda));
  const int32_t above = ln_emit_compare(e, LN_OP_GREATER, x, ln_emit_scalar(e, wide, lambda));
  const int32_t right = ln_emit_select(e, above, ln_emit_add_number(e, x, -bias), zero);
  ln_onnx_out(n, 0, ln_emit_cast(e, ln_emit_select(e, below, ln_emit_add_number(e, x, bias), right), type));
}

/* In use nothing is dropped. */
void ln_onnx_dropout(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), training = ln_onnx_in(n, 2), ratio = ln_onnx_in(n, 1);
  double on = 0, share = 0.5;
  if (ln_emit_failed(e)) return;
  if (training >= 0 && !ln_emit_number(e, training, &on)) {
    ln_emit_refuse(e, "whether it is training is known only in the run; export the model for inference");
    return;
  }
  if (on != 0 && (ratio < 0 || !ln_emit_number(e, ratio, &share) || share != 0)) {
    ln_emit_refuse(e, "it drops at random, in training; export the model for inference");
    return;
  }
  ln_onnx_out(n, 0, a);
  if (ln_onnx_wants(n, 1)) {
    const int32_t all = ln_emit_compare(e, LN_OP_EQUAL, ln_emit_const(e, LN_BOOL, 0, NULL, &(bool){true}),
                                        ln_emit_const(e, LN_BOOL, 0, NULL, &(bool){true}));
    ln_onnx_out(n, 1, ln_emit_broadcast_to(e, all, ln_emit_shape_of(e, a)));
  }
}
