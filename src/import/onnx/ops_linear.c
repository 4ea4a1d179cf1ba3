/* Layers of recurrent language models: LinearAttention and CausalConvWithState; SwiGLU. */
#include <math.h>
#include <string.h>

#include "import/onnx/onnx.h"

void ln_onnx_swiglu(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0);
  const double alpha = ln_onnx_float(n, "alpha", 1);
  const int32_t gate = ln_emit_activate(e, LN_EMIT_SIGMOID, alpha == 1 ? a : ln_emit_mul_number(e, a, alpha));
  ln_onnx_out(n, 0, ln_emit_mul(e, ln_emit_mul(e, a, gate), ln_onnx_in(n, 1)));
}

/* ---- CausalConvWithState ---- */

/* The state, or zeros, in front; then a depthwise convolution without pads. */
void ln_onnx_causal_conv(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), weights = ln_onnx_in(n, 1), bias = ln_onnx_in(n, 2), past = ln_onnx_in(n, 3);
  const int32_t order[3] = {2, 1, 0}, size = ln_emit_dim(e, weights, 2), channels = ln_emit_dim(e, a, 1);
  const char *activation = ln_onnx_text(n, "activation", "none");
  if (ln_emit_failed(e)) return;
  if (ln_emit_rank(e, a) != 3 || ln_emit_rank(e, weights) != 3 || size < 1) {
    ln_emit_wrong(e, "its input and weights have three dimensions");
    return;
  }
  const ln_type type = ln_emit_type(e, a);
  const int32_t before[3] = {0, 0, size - 1}, after[3] = {0};
  const int32_t line =
      past < 0 ? ln_emit_pad(e, a, before, after, 0) : ln_emit_concat(e, 2, 2, (const int32_t[]){past, a});
  const ln_window w = {.rank = 1, .size = {size}};
  const int32_t filter = ln_emit_transpose(e, ln_emit_cast(e, weights, LN_FLOAT32), order);
  int32_t out = ln_emit_conv(e, ln_emit_channels_last(e, ln_emit_cast(e, line, LN_FLOAT32)), filter,
                             bias < 0 ? -1 : ln_emit_cast(e, bias, LN_FLOAT32), channels, &w);
  if (strcmp(activation, "none") != 0) out = ln_emit_activate(e, LN_EMIT_SWISH, out);
  ln_onnx_out(n, 0, ln_emit_cast(e, ln_emit_channels_first(e, out), type));
  if (ln_onnx_wants(n, 1))
    ln_onnx_out(n, 1,
                size == 1 ? ln_emit_slice(e, line, 2, 0, 0, 1) : ln_emit_slice(e, line, 2, 1 - size, INT32_MAX, 1));
}

/* ---- LinearAttention ---- */

typedef struct linear_job {
  int32_t heads, shared; /* of keys and values; queries to each */
  bool gated, delta;
  double scale;
  int32_t query, key, value, decay, beta; /* [b, t, heads, ...]; absent: -1 */
} linear_job;

/* [b, t, heads * width] as [b, t, heads, width]. */
static int32_t by_heads(ln_emit *e, int32_t a, int32_t heads) {
  if (a < 0) return -1;
  const ln_dim dims[4] = {LN_DIM_OF(a, 0), LN_DIM_OF(a, 1), LN_DIM(heads), LN_DIM_REST};
  return ln_emit_reshape(e, ln_emit_cast(e, a, LN_FLOAT32), 4, dims);
}

static bool read_linear(ln_onnx_node *n, linear_job *job) {
  ln_emit *e = n->e;
  const char *rule = ln_onnx_text(n, "update_rule", "gated_delta");
  const int32_t queries = ln_onnx_int32(n, "q_num_heads", 0), heads = ln_onnx_int32(n, "kv_num_heads", 0);
  const int32_t query = ln_onnx_in(n, 0), key = ln_onnx_in(n, 1), beta = ln_onnx_in(n, 5);
  const int32_t width = ln_emit_dim(e, query, 2);
  if (ln_emit_failed(e)) return false;
  if (heads < 1 || queries < 1 || queries % heads != 0 || width < 1 || width % queries != 0) {
    ln_emit_wrong(e, "%d heads of queries over %d of keys", queries, heads);
    return false;
  }
  const int32_t betas = beta < 0 ? 1 : ln_emit_dim(e, beta, 2) == 1 ? 1 : heads;
  *job = (linear_job){.heads = heads,
                      .shared = queries / heads,
                      .gated = strncmp(rule, "gated", 5) == 0,
                      .delta = strstr(rule, "delta") != NULL,
                      .scale = ln_onnx_float(n, "scale", 0),
                      .query = by_heads(e, query, queries),
                      .key = by_heads(e, key, heads),
                      .value = by_heads(e, ln_onnx_in(n, 2), heads),
                      .decay = by_heads(e, ln_onnx_in(n, 4), heads),
                      .beta = by_heads(e, beta, betas)};
  if (job->scale == 0) job->scale = 1 / sqrt((double)width / queries);
  if ((job->gated && job->decay < 0) || (job->delta && job->beta < 0)) {
    ln_emit_wrong(e, "the rule %.40s wants inputs that are not there", rule);
  }
  return !ln_emit_failed(e);
}

/* What a step has of a tensor, as a column [b, heads, width, 1] or a row [b, heads, 1, width]. */
static int32_t step_of(ln_emit *e, int32_t a, int32_t t, bool column) {
  const int32_t at = column ? 3 : 2;
  return ln_emit_expand(e, ln_emit_pick(e, a, 1, t), 1, &at);
}

/* [b, heads, d, v] after the step. */
static int32_t next_state(ln_emit *e, const linear_job *job, int32_t t, int32_t state) {
  const int32_t key = step_of(e, job->key, t, true);
  int32_t value = step_of(e, job->value, t, false);
  if (job->gated) state = ln_emit_mul(e, state, ln_emit_unary(e, LN_OP_EXP, step_of(e, job->decay, t, true)));
  if (job->delta) {
    const int32_t known = ln_emit_matmul(e, step_of(e, job->key, t, false), state, false, false);
    value = ln_emit_mul(e, ln_emit_sub(e, value, known), step_of(e, job->beta, t, true));
  }
  return ln_emit_add(e, state, ln_emit_mul(e, key, value));
}

/* [b, 1, heads of queries * v]: every key's head serves as many queries in a row. */
static int32_t answer(ln_emit *e, const linear_job *job, int32_t t, int32_t state) {
  const int32_t query = ln_emit_pick(e, job->query, 1, t);
  const ln_dim groups[4] = {LN_DIM_OF(query, 0), LN_DIM(job->heads), LN_DIM(job->shared), LN_DIM_OF(query, 2)};
  const int32_t out = ln_emit_matmul(e, ln_emit_reshape(e, query, 4, groups), state, false, false);
  const ln_dim flat[3] = {LN_DIM_OF(query, 0), LN_DIM(1), LN_DIM_REST};
  return ln_emit_mul_number(e, ln_emit_reshape(e, out, 3, flat), job->scale);
}

void ln_onnx_linear_attention(ln_onnx_node *n) {
  enum { MOST = 512 };
  ln_emit *e = n->e;
  const int32_t past = ln_onnx_in(n, 3), steps = ln_emit_dim(e, ln_onnx_in(n, 0), 1);
  int32_t parts[MOST];
  linear_job job;
  if (!read_linear(n, &job)) return;
  if (steps < 1 || steps > MOST) {
    ln_emit_refuse(e, "%d steps; 1 to %d that are known are possible: fix them with --shape", steps, MOST);
    return;
  }
  const ln_dim dims[4] = {LN_DIM_OF(job.key, 0), LN_DIM(job.heads), LN_DIM_OF(job.key, 3), LN_DIM_OF(job.value, 3)};
  int32_t state = past >= 0 ? ln_emit_cast(e, past, LN_FLOAT32) : ln_emit_broadcast(e, ln_emit_f32(e, 0), 4, dims);
  for (int32_t t = 0; t < steps && !ln_emit_failed(e); ++t) {
    state = next_state(e, &job, t, state);
    parts[t] = answer(e, &job, t, state);
  }
  if (ln_emit_failed(e)) return;
  const ln_type type = ln_emit_type(e, ln_onnx_in(n, 0));
  ln_onnx_out(n, 0, ln_emit_cast(e, ln_emit_concat(e, 1, steps, parts), type));
  ln_onnx_out(n, 1, ln_emit_cast(e, state, past >= 0 ? ln_emit_type(e, past) : type));
}
