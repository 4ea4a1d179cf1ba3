/* Attention, RotaryEmbedding and RMSNormalization of the standard, LinearAttention and CausalConvWithState. */
#include <math.h>
#include <string.h>

#include "import/onnx/onnx_attention.h"

/* ---- Attention ---- */

/* Past keys or values before the new ones; they come out as well. */
static int32_t with_past(ln_onnx_node *n, int32_t a, int32_t input, int32_t output) {
  const int32_t past = ln_onnx_in(n, input);
  if (past >= 0) a = ln_emit_concat(n->e, 2, 2, (const int32_t[]){ln_emit_cast(n->e, past, LN_FLOAT32), a});
  if (ln_onnx_wants(n, output)) {
    ln_onnx_out(n, output, ln_emit_cast(n->e, a, ln_emit_type(n->e, ln_onnx_in(n, 0))));
  }
  return a;
}

static int32_t heads_in(ln_onnx_node *n, int32_t input, const char *attribute) {
  const int32_t a = ln_emit_cast(n->e, ln_onnx_in(n, input), LN_FLOAT32);
  return ln_emit_rank(n->e, a) == 3 ? ln_onnx_split_heads(n->e, a, ln_onnx_int32(n, attribute, 0)) : a;
}

/* Where the first query stands: behind the past, or at the end of the keys that count. */
static int32_t first_place(ln_onnx_node *n, const ln_onnx_attention *t) {
  const int32_t axes[3] = {1, 2, 3};
  if (ln_onnx_has(n, 4)) return ln_emit_size_of(n->e, ln_onnx_in(n, 4), 2);
  if (t->lengths < 0) return -1;
  const int32_t before = ln_emit_sub(n->e, t->lengths, ln_emit_size_of(n->e, t->q, 2));
  return ln_emit_expand(n->e, before, 3, axes);
}

void ln_onnx_attention_node(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t in = ln_onnx_in(n, 0);
  const bool flat = ln_emit_rank(e, in) == 3;
  ln_onnx_attention t = {.scale = ln_onnx_float(n, "scale", 0),
                         .softcap = ln_onnx_float(n, "softcap", 0),
                         .causal = ln_onnx_int(n, "is_causal", 0) != 0,
                         .left = ln_onnx_int32(n, "left_window_size", -1),
                         .right = ln_onnx_int32(n, "right_window_size", -1),
                         .lengths = ln_emit_cast(e, ln_onnx_in(n, 6), LN_INT32),
                         .mask = ln_onnx_in(n, 3),
                         .shown = ln_onnx_wants(n, 3) ? ln_onnx_int32(n, "qk_matmul_output_mode", 0) : -1,
                         .steps = -1};
  t.q = heads_in(n, 0, "q_num_heads");
  t.k = with_past(n, heads_in(n, 1, "kv_num_heads"), 4, 1);
  t.v = with_past(n, heads_in(n, 2, "kv_num_heads"), 5, 2);
  if (ln_emit_failed(e)) return;
  t.offset = first_place(n, &t);
  t.sees_something = t.lengths < 0;
  int32_t out = ln_onnx_attend(e, &t);
  if (flat) out = ln_onnx_join_heads(e, out);
  ln_onnx_out(n, 0, ln_emit_cast(e, out, ln_emit_type(e, in)));
  if (t.shown >= 0) ln_onnx_out(n, 3, ln_emit_cast(e, t.steps, ln_emit_type(e, in)));
}

/* ---- FlexAttention: graphs change scores and probabilities ---- */

static int32_t change(ln_emit *e, void *user, int32_t a, int32_t which) {
  ln_onnx_node *n = user;
  const struct Onnx__Graph *graph = ln_onnx_graph(n, which == 0 ? "score_mod" : "prob_mod");
  ln_type type = ln_emit_type(e, ln_onnx_in(n, 0)) == LN_FLOAT64 ? LN_FLOAT64 : LN_FLOAT32;
  if (graph == NULL || ln_emit_failed(e)) return a;
  if (ln_onnx_int(n, "softmax_precision", 0) != 0 && !ln_onnx_type(n, "softmax_precision", type, &type)) return -1;
  const ln_onnx_value in = ln_onnx_of(ln_emit_cast(e, a, type));
  ln_onnx_value out;
  if (!ln_onnx_emit_graph(n, graph, e, 1, &in, 1, &out)) return -1;
  return ln_emit_cast(e, out.tensor, LN_FLOAT32);
}

void ln_onnx_flex_attention(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t in = ln_onnx_in(n, 0);
  ln_onnx_attention t = {.q = ln_emit_cast(e, in, LN_FLOAT32),
                         .k = ln_emit_cast(e, ln_onnx_in(n, 1), LN_FLOAT32),
                         .v = ln_emit_cast(e, ln_onnx_in(n, 2), LN_FLOAT32),
                         .scale = ln_onnx_float(n, "scale", 0),
                         .left = -1,
                         .right = -1,
                         .offset = -1,
                         .lengths = -1,
                         .mask = -1,
                         .shown = -1,
                         .change = change,
                         .user = n};
  ln_onnx_out(n, 0, ln_emit_cast(e, ln_onnx_attend(e, &t), ln_emit_type(e, in)));
}

/* ---- RotaryEmbedding ---- */

enum { OF_MICROSOFT = 1 };

/* Rows of a table of angles for each place; [batch, time, 1, width]. */
static int32_t angles(ln_onnx_node *n, int32_t table, int32_t places, int32_t x) {
  ln_emit *e = n->e;
  const int32_t heads = 2;
  table = ln_emit_cast(e, table, LN_FLOAT32);
  if (places < 0) return ln_emit_expand(e, table, 1, &heads);
  if (ln_emit_rank(e, places) == 1) { /* the place of the first */
    const int32_t each = ln_emit_count_up(e, ln_emit_size_of(e, x, 1));
    const ln_dim row[2] = {LN_DIM(1), LN_DIM_REST};
    places = ln_emit_reshape(e, ln_emit_add(e, each, ln_emit_cast(e, places, LN_INT32)), 2, row);
  }
  return ln_emit_expand(e, ln_emit_gather(e, table, ln_emit_cast(e, places, LN_INT32), 0, 0), 1, &heads);
}

void ln_onnx_rotary_embedding(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const bool microsoft = n->variant == OF_MICROSOFT;
  const int32_t in = ln_onnx_in(n, 0), places = ln_onnx_in(n, microsoft ? 1 : 3);
  const int32_t cos = ln_onnx_in(n, microsoft ? 2 : 1), sin = ln_onnx_in(n, microsoft ? 3 : 2);
  const bool apart = ln_emit_rank(e, in) == 4;
  int32_t x = ln_emit_cast(e, in, LN_FLOAT32), width = ln_onnx_int32(n, "rotary_embedding_dim", 0);
  if (apart) {
    x = ln_emit_swap(e, x, 1, 2);
  } else {
    int32_t heads = ln_onnx_int32(n, "num_heads", 0);
    const int32_t all = ln_emit_dim(e, x, 2);
    if (heads == 0) heads = all / (2 * ln_emit_dim(e, cos, -1) > 0 ? 2 * ln_emit_dim(e, cos, -1) : 1);
    x = ln_emit_swap(e, ln_onnx_split_heads(e, x, heads), 1, 2);
  }
  if (width == 0) width = ln_emit_dim(e, x, 3);
  const int32_t out = ln_onnx_rotate(e, x, angles(n, cos, places, x), angles(n, sin, places, x), width,
                                     ln_onnx_int(n, "interleaved", 0) != 0);
  ln_onnx_out(
      n, 0,
      ln_emit_cast(e, apart ? ln_emit_swap(e, out, 1, 2) : ln_emit_reshape_like(e, out, in), ln_emit_type(e, in)));
}

/* ---- RMSNormalization ---- */

void ln_onnx_rms_normalization(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t in = ln_onnx_in(n, 0), rank = ln_emit_rank(e, in), axis = ln_onnx_axis(n, "axis", -1, rank);
  int32_t axes[LN_MAX_RANK];
  if (axis < 0) return;
  for (int32_t i = axis; i < rank; ++i) axes[i - axis] = i;
  const double epsilon = ln_onnx_float(n, "epsilon", 1e-5f);
  ln_onnx_out(n, 0, ln_emit_rms_norm(e, in, rank - axis, axes, epsilon, ln_onnx_in(n, 1)));
}

/* ---- CausalConvWithState ---- */

void ln_onnx_causal_conv(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t in = ln_onnx_in(n, 0), x = ln_emit_cast(e, in, LN_FLOAT32);
  const int32_t weight = ln_emit_cast(e, ln_onnx_in(n, 1), LN_FLOAT32), past = ln_onnx_in(n, 3), middle = 1;
  const int32_t bias = ln_emit_cast(e, ln_onnx_in(n, 2), LN_FLOAT32), size = ln_emit_dim(e, weight, 2);
  const char *activation = ln_onnx_text(n, "activation", "none");
  int32_t all = x, before[3] = {0, 0, size - 1}, after[3] = {0};
  if (ln_emit_failed(e)) return;
  if (ln_emit_rank(e, x) != 3 || ln_emit_rank(e, weight) != 3) {
    ln_emit_wrong(e, "its input and weights have three dimensions");
    return;
  }
  if (size < 1 || size > 256) {
    ln_emit_refuse(e, "a kernel of %d places; at most 256 can be written out", size);
    return;
  }
  if (!ln_onnx_may_write(n, size)) return;
  if (past >= 0) all = ln_emit_concat(e, 2, 2, (const int32_t[]){ln_emit_cast(e, past, LN_FLOAT32), x});
  else all = ln_emit_pad(e, x, before, after, 0);
  int32_t sum = -1;
  const int32_t length = ln_emit_dim(e, x, 2), flat = ln_emit_squeeze(e, weight, 1, &middle); /* [channels, places] */
  for (int32_t i = 0; i < size; ++i) {
    const int32_t to = i + 1 == size ? INT32_MAX : length >= 0 ? i + length : i + 1 - size;
    const int32_t part = ln_emit_mul(e, ln_emit_slice(e, all, 2, i, to, 1), ln_emit_slice(e, flat, 1, i, i + 1, 1));
    sum = sum < 0 ? part : ln_emit_add(e, sum, part);
  }
  if (bias >= 0) sum = ln_emit_add(e, sum, ln_emit_reshape(e, bias, 2, (const ln_dim[]){LN_DIM_REST, LN_DIM(1)}));
  if (activation[0] == 's') sum = ln_emit_activate(e, LN_EMIT_SWISH, sum);
  ln_onnx_out(n, 0, ln_emit_cast(e, sum, ln_emit_type(e, in)));
  if (!ln_onnx_wants(n, 1)) return;
  const int32_t kept = size > 1 ? ln_emit_slice(e, all, 2, 1 - size, INT32_MAX, 1) : ln_emit_slice(e, all, 2, 0, 0, 1);
  ln_onnx_out(n, 1, ln_emit_cast(e, kept, ln_emit_type(e, in)));
}

/* ---- LinearAttention: a state that is carried from step to step ---- */

typedef struct linear {
  ln_emit *home;
  int32_t q, k, v;     /* float32 [time, batch, heads of k, (heads of q for each,) size] */
  int32_t decay, beta; /* [time, batch, heads of k, size or 1]; -1 */
  double scale;
  bool delta;
} linear;

static int32_t step_of(ln_emit *e, const linear *l, int32_t a, int32_t step) {
  return a < 0 ? -1 : ln_emit_gather(e, ln_emit_capture(e, l->home, a), step, 0, 0);
}

/* state [batch, heads, size of k, size of v]; gives the new one, and what the step makes. */
static int32_t linear_step(ln_emit *e, const linear *l, int32_t step, int32_t state, int32_t *made) {
  const int32_t last = -1, second = -2;
  const int32_t k = ln_emit_expand(e, step_of(e, l, l->k, step), 1, &last), decay = step_of(e, l, l->decay, step);
  int32_t v = ln_emit_expand(e, step_of(e, l, l->v, step), 1, &second);
  if (decay >= 0) state = ln_emit_mul(e, state, ln_emit_expand(e, ln_emit_unary(e, LN_OP_EXP, decay), 1, &last));
  if (l->delta) v = ln_emit_sub(e, v, ln_emit_reduce(e, LN_OP_SUM, ln_emit_mul(e, state, k), 1, &second, true));
  if (l->beta >= 0) v = ln_emit_mul(e, v, ln_emit_expand(e, step_of(e, l, l->beta, step), 1, &last));
  state = ln_emit_add(e, state, ln_emit_mul(e, k, v));
  *made = ln_emit_mul_number(e, ln_emit_matmul(e, step_of(e, l, l->q, step), state, false, false), l->scale);
  return state;
}

/* [batch, time, heads * size] as [time, batch, heads, size]. */
static int32_t by_time(ln_emit *e, int32_t a, int32_t heads) {
  const int32_t width = ln_emit_dim(e, a, 2);
  if (ln_emit_failed(e) || a < 0) return -1;
  if (width < 1 || heads < 1 || width % heads != 0) return ln_emit_wrong(e, "%d heads of %d numbers", heads, width);
  const ln_dim dims[4] = {LN_DIM_OF(a, 0), LN_DIM_OF(a, 1), LN_DIM(heads), LN_DIM(width / heads)};
  return ln_emit_swap(e, ln_emit_reshape(e, ln_emit_cast(e, a, LN_FLOAT32), 4, dims), 0, 1);
}

static bool set_rule(ln_onnx_node *n, int32_t heads, linear *l) {
  const char *rule = ln_onnx_text(n, "update_rule", "gated_delta");
  const bool gated = strncmp(rule, "gated", 5) == 0;
  const int32_t beta = ln_onnx_in(n, 5);
  l->delta = strstr(rule, "delta") != NULL;
  l->decay = gated ? by_time(n->e, ln_onnx_in(n, 4), heads) : -1;
  l->beta = -1;
  if (l->delta && beta >= 0) l->beta = by_time(n->e, beta, ln_emit_dim(n->e, beta, 2) == 1 ? 1 : heads);
  if ((gated && l->decay < 0) || (l->delta && l->beta < 0))
    ln_emit_wrong(n->e, "the rule %.20s wants another input", rule);
  return !ln_emit_failed(n->e);
}

void ln_onnx_linear_attention(ln_onnx_node *n) {
  enum { MOST = 256 };
  ln_emit *e = n->e;
  const int32_t in = ln_onnx_in(n, 0), heads = ln_onnx_int32(n, "kv_num_heads", 0),
                queries = ln_onnx_int32(n, "q_num_heads", 0);
  linear l = {.home = e, .scale = ln_onnx_float(n, "scale", 0)};
  l.q = by_time(e, in, queries);
  l.k = by_time(e, ln_onnx_in(n, 1), heads);
  l.v = by_time(e, ln_onnx_in(n, 2), heads);
  const int32_t steps = ln_emit_dim(e, in, 1), size = ln_emit_dim(e, l.k, 3), width = ln_emit_dim(e, l.v, 3);
  if (!set_rule(n, heads, &l)) return;
  if (steps < 1 || steps > MOST || queries % heads != 0) {
    ln_emit_refuse(e, "%d steps; up to %d can be written out, a number that is given with --shape", steps, MOST);
    return;
  }
  if (!ln_onnx_may_write(n, steps)) return;
  if (l.scale == 0) l.scale = 1 / sqrt(size);
  const ln_dim group[5] = {LN_DIM_OF(l.q, 0), LN_DIM_OF(l.q, 1), LN_DIM(heads), LN_DIM(queries / heads),
                           LN_DIM_OF(l.q, 3)};
  l.q = ln_emit_reshape(e, l.q, 5, group);
  int32_t made[MOST], state = ln_emit_cast(e, ln_onnx_in(n, 3), LN_FLOAT32);
  if (state < 0) {
    const int32_t ones[4] = {1, heads, size, width};
    const ln_dim dims[4] = {LN_DIM_OF(l.k, 1), LN_DIM(heads), LN_DIM(size), LN_DIM(width)};
    state = ln_emit_broadcast(e, ln_emit_filled(e, LN_FLOAT32, 4, ones, 0), 4, dims);
  }
  for (int32_t i = 0; i < steps; ++i) state = linear_step(e, &l, ln_emit_i32(e, i), state, &made[i]);
  /* [batch, time, heads of k, of q for each, width] */
  const int32_t all = ln_emit_pack(e, 1, steps, made);
  ln_onnx_out(n, 0, ln_emit_cast(e, ln_emit_flatten(e, all, 2, 4), ln_emit_type(e, in)));
  if (ln_onnx_wants(n, 1))
    ln_onnx_out(n, 1,
                ln_emit_cast(e, state, ln_onnx_has(n, 3) ? ln_emit_type(e, ln_onnx_in(n, 3)) : ln_emit_type(e, in)));
}

/* ---- SwiGLU ---- */

void ln_onnx_swiglu(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), b = ln_onnx_in(n, 1);
  const double alpha = ln_onnx_float(n, "alpha", 1);
  const int32_t scaled = alpha == 1 ? a : ln_emit_mul_number(e, a, alpha);
  ln_onnx_out(n, 0, ln_emit_mul(e, ln_emit_mul(e, a, ln_emit_unary(e, LN_OP_LOGISTIC, scaled)), b));
}
