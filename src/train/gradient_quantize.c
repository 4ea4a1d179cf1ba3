/*
 * Gradients of changes of type: what is rounded passes as it is (Bengio et al., Estimating or propagating gradients
 * through stochastic neurons, 2013), what is clamped does not. The ends of a range that tensors hold have the gradient
 * of what lies beyond them (Jain et al., Trained quantization thresholds, 2020, for the range moved onto zero).
 */
#include <math.h>
#include <string.h>

#include "ir/nodedef.h"
#include "train/train.h"

static bool is_float(ln_type type) {
  return type == LN_FLOAT32 || type == LN_FLOAT16 || type == LN_BFLOAT16 || type == LN_FLOAT64;
}

void ln_gradient_cast(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_tensor *tensors = ln_optimizer_graph(g->o)->tensors;
  if (is_float(tensors[op->inputs[0]].type) && is_float(tensors[op->outputs[0]].type)) ln_grad_add(g, op, 0, dy[0]);
}

void ln_gradient_fake_quant(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_fake_quant_options *options = op->options;
  const int32_t x = ln_grad_in(g, op, 0);
  const int32_t above = ln_grad_compare(g, LN_OP_GREATER_EQUAL, x, ln_grad_scalar(g, options->min));
  const int32_t below = ln_grad_compare(g, LN_OP_LESS_EQUAL, x, ln_grad_scalar(g, options->max));
  ln_grad_add(g, op, 0, ln_grad_mask(g, ln_grad_compare(g, LN_OP_LOGICAL_AND, above, below), dy[0]));
}

/* What was clamped at the ends of the type's range has none. */
void ln_gradient_quantize(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_tensor *tensors = ln_optimizer_graph(g->o)->tensors;
  const ln_tensor *y = &tensors[op->outputs[0]];
  const int32_t bits = ln_type_bits(y->type);
  if (!is_float(tensors[op->inputs[0]].type) || y->quant->kind != LN_QUANT_TENSOR || bits > 16) {
    ln_grad_add(g, op, 0, dy[0]);
    return;
  }
  const int32_t low = y->type == LN_UINT8 ? 0 : -(1 << (bits - 1)), high = low + (1 << bits) - 1;
  const float scale = ln_scale_of(y), zero = (float)ln_zero_point_of(y);
  const int32_t x = ln_grad_in(g, op, 0);
  ln_grad_add(g, op, 0,
              ln_grad_between(g, x, dy[0], ((float)low - 0.5f - zero) * scale, ((float)high + 0.5f - zero) * scale));
}

/* ---- ranges that tensors hold: FakeQuantWithMinMaxVars ---- */

/* What stands in the operator's options. */
typedef struct fake_quant {
  int64_t bits;
  bool narrow;
  float low, high;
} fake_quant;

static bool read_fake_quant(const ln_op *op, fake_quant *f) {
  const bool is_flex = op->custom_name != NULL && strncmp(op->custom_name, "Flex", 4) == 0;
  ln_nodedef def;
  *f = (fake_quant){.bits = 8, .low = -6, .high = 6};
  if (!(is_flex ? ln_nodedef_open : ln_nodedef_open_map)(op->custom_options, op->custom_options_size, &def))
    return false;
  ln_nodedef_int(&def, "num_bits", &f->bits);
  ln_nodedef_bool(&def, "narrow_range", &f->narrow);
  ln_nodedef_float(&def, "min", &f->low);
  ln_nodedef_float(&def, "max", &f->high);
  return f->bits >= 2 && f->bits <= 16;
}

/* The range moved onto zero; from 0 to 0 it is all numbers, as TensorFlow has it. */
static void move_range(ln_grad *g, const fake_quant *f, int32_t *low, int32_t *high) {
  const int32_t first = ln_grad_scalar(g, f->narrow), last = ln_grad_scalar(g, (float)((1 << f->bits) - 1));
  const int32_t span = ln_grad_binary(g, LN_OP_SUB, *high, *low);
  const int32_t scale = ln_grad_binary(g, LN_OP_DIV, span, ln_grad_binary(g, LN_OP_SUB, last, first));
  const int32_t exact = ln_grad_binary(g, LN_OP_SUB, first, ln_grad_binary(g, LN_OP_DIV, *low, scale));
  const int32_t round = ln_grad_unary(g, LN_OP_FLOOR, ln_grad_binary(g, LN_OP_ADD, exact, ln_grad_scalar(g, 0.5f)));
  const int32_t zero = ln_grad_binary(g, LN_OP_MINIMUM, ln_grad_binary(g, LN_OP_MAXIMUM, round, first), last);
  const int32_t some = ln_grad_compare(g, LN_OP_NOT_EQUAL, span, ln_grad_scalar(g, 0));
  const int32_t from = ln_grad_mul(g, ln_grad_binary(g, LN_OP_SUB, first, zero), scale);
  const int32_t to = ln_grad_mul(g, ln_grad_binary(g, LN_OP_SUB, last, zero), scale);
  *low = ln_grad_select(g, some, from, ln_grad_scalar(g, -INFINITY));
  *high = ln_grad_select(g, some, to, ln_grad_scalar(g, INFINITY));
}

/* x within the range, each end what lies beyond it. */
static void through_range(ln_grad *g, const ln_op *op, const fake_quant *f, int32_t low, int32_t high, int32_t dy) {
  const int32_t x = ln_grad_in(g, op, 0);
  move_range(g, f, &low, &high);
  const int32_t below = ln_grad_compare(g, LN_OP_LESS, x, low), above = ln_grad_compare(g, LN_OP_GREATER, x, high);
  if (ln_grad_wants(g, op, 0)) {
    const int32_t out = ln_grad_compare(g, LN_OP_LOGICAL_OR, below, above);
    ln_grad_add(g, op, 0, ln_grad_select(g, out, ln_grad_scalar(g, 0), dy));
  }
  if (ln_grad_wants(g, op, 1)) ln_grad_add(g, op, 1, ln_grad_mask(g, below, dy));
  if (ln_grad_wants(g, op, 2)) ln_grad_add(g, op, 2, ln_grad_mask(g, above, dy));
}

void ln_gradient_fake_quant_args(ln_grad *g, const ln_op *op, const int32_t *dy) {
  fake_quant f;
  if (read_fake_quant(op, &f)) through_range(g, op, &f, ln_grad_scalar(g, f.low), ln_grad_scalar(g, f.high), dy[0]);
  else ln_grad_refuse(g, "its options cannot be read");
}

void ln_gradient_fake_quant_vars(ln_grad *g, const ln_op *op, const int32_t *dy) {
  fake_quant f;
  if (read_fake_quant(op, &f)) through_range(g, op, &f, ln_grad_in(g, op, 1), ln_grad_in(g, op, 2), dy[0]);
  else ln_grad_refuse(g, "its options cannot be read");
}

int32_t ln_grad_fake_quant(ln_grad *g, int32_t x, int32_t low, int32_t high, int32_t bits, bool narrow) {
  /* A FlexBuffers map: two keys, the vector of their places, the values, their types, the root. */
  static const uint8_t map[] = "narrow_range\0num_bits\0\2\27\13\2\1\2\0\0\150\4\4\44\1";
  enum { NARROW = 28, BITS };
  const bool by_channel = ln_grad_shape(g, low)->rank > 0;
  const char *name = by_channel ? "FakeQuantWithMinMaxVarsPerChannel" : "FakeQuantWithMinMaxVars";
  const ln_type type = LN_FLOAT32;
  uint8_t *options = ln_arena_copy(ln_optimizer_arena(g->o), map, sizeof map - 1);
  const ln_op like = {.def = ln_op_find_flex(name),
                      .custom_name = name,
                      .custom_options = options,
                      .custom_options_size = sizeof map - 1,
                      .version = 1};
  if (options == NULL) ln_grad_fail_memory(g);
  else if (like.def == NULL) ln_grad_refuse(g, "this build leaves out FakeQuantWithMinMaxVars");
  if (g->status != LN_OK) return -1;
  options[NARROW] = narrow;
  options[BITS] = (uint8_t)bits;
  return ln_grad_emit_row(g, &like, NULL, 3, (const int32_t[]){x, low, high}, 1, &type, NULL);
}
