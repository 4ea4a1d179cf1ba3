/* The rows of the optimizers, and the operators that their written-out forms share. */
#include <math.h>
#include <string.h>

#include "train/update.h"

static const ln_update_def *const rows[] = {
#define LN_UPDATE(stem) &ln_update_##stem,
#include "train/updates.def"
#undef LN_UPDATE
};

const ln_update_def *ln_update_at(int32_t index) {
  return index >= 0 && (size_t)index < LN_COUNT(rows) ? rows[index] : NULL;
}

const ln_update_def *ln_update_find(const char *name) {
  for (size_t i = 0; i < LN_COUNT(rows); ++i) {
    if (strcmp(rows[i]->name, name) == 0) return rows[i];
  }
  return NULL;
}

uint32_t ln_update_used(const ln_update_def *def, const ln_settings *s, float first[LN_UPDATE_SLOTS]) {
  memcpy(first, def->first, sizeof def->first);
  return def->used != NULL ? def->used(s, def->parameters, first) : (1u << def->slots) - 1;
}

void ln_update_common(double rate, double decay, float numbers[LN_UPDATE_NUMBERS]) {
  numbers[LN_NUMBER_KEEP] = (float)(rate * decay);
  numbers[LN_NUMBER_RATE] = (float)rate;
}

/* ---- emitting ---- */

int32_t ln_update_plus(ln_grad *g, int32_t a, double b) {
  return b == 0 ? a : ln_grad_binary(g, LN_OP_ADD, a, ln_grad_scalar(g, (float)b));
}

int32_t ln_update_add(ln_grad *g, int32_t a, int32_t b) { return ln_grad_binary(g, LN_OP_ADD, a, b); }
int32_t ln_update_sub(ln_grad *g, int32_t a, int32_t b) { return ln_grad_binary(g, LN_OP_SUB, a, b); }
int32_t ln_update_div(ln_grad *g, int32_t a, int32_t b) { return ln_grad_binary(g, LN_OP_DIV, a, b); }

int32_t ln_update_toward(ln_grad *g, int32_t a, int32_t b, double by) {
  return ln_update_add(g, a, ln_grad_scale(g, ln_update_sub(g, b, a), (float)by));
}

/* With base^step = exp(-x) it is 2 tanh(x / 2) / (1 + tanh(x / 2)). */
int32_t ln_update_bias(ln_grad *g, double base, int32_t step) {
  if (base <= 0) return ln_grad_scalar(g, 1);
  const int32_t half = ln_grad_unary(g, LN_OP_TANH, ln_grad_scale(g, step, (float)(-0.5 * log(base))));
  return ln_update_div(g, ln_grad_scale(g, half, 2), ln_update_plus(g, half, 1));
}

int32_t ln_update_decayed(ln_grad *g, const ln_update_graph *u) {
  if (u->decay == 0) return u->values;
  const int32_t keep = ln_grad_scale(g, u->rate, (float)u->decay);
  return ln_update_sub(g, u->values, ln_grad_mul(g, u->values, keep));
}

int32_t ln_update_root(ln_grad *g, int32_t a, double plus) {
  return ln_grad_unary(g, LN_OP_SQRT, ln_update_plus(g, a, plus));
}

int32_t ln_update_norm(ln_grad *g, int32_t a) {
  const int32_t square = ln_grad_mul(g, a, a), rank = ln_grad_shape(g, square)->rank;
  int32_t axes[LN_MAX_RANK];
  for (int32_t i = 0; i < rank; ++i) axes[i] = i;
  const ln_reducer_options options = {.keep_dims = false};
  const int32_t inputs[2] = {square, rank == 0 ? -1 : ln_grad_ints(g, rank, axes)};
  const int32_t sum = rank == 0 ? square : ln_grad_emit(g, LN_OP_SUM, LN_FLOAT32, &options, 2, inputs);
  return ln_grad_unary(g, LN_OP_SQRT, sum);
}

int32_t ln_update_ratio(ln_grad *g, int32_t a, int32_t b) {
  const int32_t zero = ln_grad_scalar(g, 0);
  const int32_t both = ln_grad_compare(g, LN_OP_GREATER, ln_grad_binary(g, LN_OP_MINIMUM, a, b), zero);
  return ln_grad_select(g, both, ln_update_div(g, a, b), ln_grad_scalar(g, 1));
}
