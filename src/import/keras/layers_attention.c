/* Attention: Vaswani et al., "Attention Is All You Need", 2017; Bahdanau et al., 2014; grouped queries: Ainslie et al.,
 * 2023. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "import/keras/keras.h"

#ifdef LN_HAVE_CJSON

/* ---- masks ---- */

static int32_t both(ln_emit *e, int32_t mask, int32_t other) {
  return mask < 0 ? other : other < 0 ? mask : ln_emit_binary(e, LN_OP_LOGICAL_AND, mask, other);
}

/* int32 [n, 1] or [1, n] of an axis's places. */
static int32_t places(ln_emit *e, int32_t a, int32_t axis, int32_t around) {
  const int32_t range = ln_emit_count_up(e, ln_emit_size_of(e, a, axis));
  return ln_emit_expand(e, range, 1, &around);
}

/* bool [1, targets, sources]: what comes no later; and no further away than a window. */
static int32_t near(ln_emit *e, int32_t query, int32_t value, bool causal, int32_t window) {
  static const int32_t front = 0;
  int32_t mask = -1;
  if (!causal && window < 0) return -1;
  const int32_t rows = places(e, query, 1, 1), columns = places(e, value, 1, 0);
  if (causal) mask = ln_emit_compare(e, LN_OP_GREATER_EQUAL, rows, columns);
  if (window >= 0) {
    const int32_t apart = ln_emit_unary(e, LN_OP_ABS, ln_emit_sub(e, rows, columns));
    mask = both(e, mask, ln_emit_compare(e, LN_OP_LESS, apart, ln_emit_i32(e, window)));
  }
  return ln_emit_expand(e, mask, 1, &front);
}

static bool asks(const ln_keras_call *call, const char *name) {
  return cJSON_IsTrue(ln_keras_argument(call, -1, name));
}

/* ---- Attention and AdditiveAttention ---- */

/* sum(tanh(scale * (query + key))) with a scale before or behind. */
static int32_t summed(ln_keras_call *call, int32_t query, int32_t key, int32_t inside, int32_t outside) {
  static const int32_t rows = 2, columns = 1, last = -1;
  ln_emit *e = call->e;
  int32_t sum = ln_emit_add(e, ln_emit_expand(e, query, 1, &rows), ln_emit_expand(e, key, 1, &columns));
  if (inside >= 0) sum = ln_emit_mul(e, sum, inside);
  sum = ln_emit_activate(e, LN_EMIT_TANH, sum);
  if (outside >= 0) sum = ln_emit_mul(e, sum, outside);
  return ln_emit_reduce(e, LN_OP_SUM, sum, 1, &last, false);
}

static int32_t scores_of(ln_keras_call *call, int32_t query, int32_t key) {
  ln_emit *e = call->e;
  const int32_t scale = ln_keras_weight(call, "scale");
  if (call->row->code == 1) return summed(call, query, key, -1, scale);
  if (ln_keras_is(call->config, "score_mode", "concat")) {
    return ln_emit_mul(e, summed(call, query, key, scale, -1), ln_keras_weight(call, "concat_score_weight"));
  }
  const int32_t scores = ln_emit_matmul(e, query, key, false, true);
  return scale >= 0 ? ln_emit_mul(e, scores, scale) : scores;
}

/* Masks that are given as a list, [query, value, key], or come with the inputs; -1. */
static int32_t list_mask(ln_keras_call *call, int32_t index) {
  const cJSON *given = ln_keras_argument(call, 1, "mask");
  const cJSON *item =
      cJSON_IsArray(given) && !ln_keras_has_tensor(call, given) ? cJSON_GetArrayItem(given, index) : NULL;
  if (item != NULL && ln_keras_has_tensor(call, item)) return ln_keras_operand(call, item, LN_BOOL);
  return index < call->inputs.count ? call->inputs.items[index].mask : -1;
}

int32_t ln_keras_attention(ln_keras_call *call) {
  static const int32_t row = 1, last = 2;
  ln_emit *e = call->e;
  if (call->inputs.count < 2) return ln_emit_wrong(e, "a query and a value are wanted");
  const int32_t query = ln_keras_floats(call, call->inputs.items[0].tensor);
  const int32_t value = ln_keras_floats(call, call->inputs.items[1].tensor);
  const int32_t key = call->inputs.count > 2 ? ln_keras_floats(call, call->inputs.items[2].tensor) : value;
  const bool causal = asks(call, "use_causal_mask") || ln_keras_flag(call->config, "causal", false);
  int32_t scores = scores_of(call, query, key), query_mask = list_mask(call, 0), mask = list_mask(call, 1);
  if (mask >= 0) mask = ln_emit_expand(e, mask, 1, &row);
  mask = both(e, mask, near(e, query, value, causal, -1));
  if (mask >= 0) scores = ln_emit_select(e, mask, scores, ln_emit_add_number(e, scores, -1e9));
  scores = ln_emit_softmax(e, scores, -1);
  int32_t result = ln_emit_matmul(e, scores, value, false, false);
  if (query_mask >= 0) {
    const int32_t counts = ln_emit_cast(e, ln_emit_expand(e, query_mask, 1, &last), LN_FLOAT32);
    result = ln_emit_mul(e, result, counts);
  }
  const bool shows = asks(call, "return_attention_scores");
  if (result < 0 || !ln_keras_give(call, 1 + shows)) return -1;
  call->outputs.items[0] = (ln_keras_value){result, query_mask};
  if (shows) call->outputs.items[1].tensor = scores;
  return LN_EMIT_NONE;
}

/* ---- several heads ---- */

/* [batch, time..., in] by a kernel [in, heads, size], with its bias: [batch, time..., heads, size]. */
static int32_t heads_of(ln_keras_call *call, int32_t a, const char *place) {
  char kernel_name[64], bias_name[64];
  ln_emit *e = call->e;
  snprintf(kernel_name, sizeof kernel_name, "%s/kernel", place);
  snprintf(bias_name, sizeof bias_name, "%s/bias", place);
  static const int32_t order[2] = {1, 0};
  const int32_t kernel = ln_keras_weight(call, kernel_name), bias = ln_keras_weight(call, bias_name);
  if (ln_emit_failed(e)) return -1;
  if (ln_emit_rank(e, kernel) != 3 || ln_emit_type(e, kernel) != LN_FLOAT32) {
    return ln_emit_refuse(e, "its weights are quantized; save the model before it is quantized");
  }
  const ln_shape shape = ln_emit_shape(e, kernel);
  const int32_t rank = ln_emit_rank(e, a);
  const ln_dim flat[2] = {LN_DIM(shape.dims[0]), LN_DIM_REST}, vector[1] = {LN_DIM_REST};
  const int32_t matrix = ln_emit_transpose(e, ln_emit_reshape(e, kernel, 2, flat), order);
  const int32_t made = ln_emit_dense(e, a, matrix, bias >= 0 ? ln_emit_reshape(e, bias, 1, vector) : -1);
  ln_dim dims[LN_MAX_RANK];
  if (rank + 1 > LN_MAX_RANK) return ln_emit_refuse(e, "it has too many dimensions");
  for (int32_t i = 0; i < rank - 1; ++i) dims[i] = LN_DIM_OF(a, i);
  dims[rank - 1] = LN_DIM(shape.dims[1]);
  dims[rank] = LN_DIM(shape.dims[2]);
  return ln_emit_reshape(e, made, rank + 1, dims);
}

/* [batch, time..., heads, size] by a kernel [heads, size, out...]. */
static int32_t joined_heads(ln_keras_call *call, int32_t a) {
  ln_emit *e = call->e;
  static const int32_t order[2] = {1, 0};
  const int32_t kernel = ln_keras_weight(call, "output_dense/kernel"),
                bias = ln_keras_weight(call, "output_dense/bias");
  if (ln_emit_failed(e)) return -1;
  const ln_shape shape = ln_emit_shape(e, kernel);
  const int32_t rank = ln_emit_rank(e, a);
  if (shape.rank < 3 || rank - 2 + shape.rank - 2 > LN_MAX_RANK)
    return ln_emit_refuse(e, "its output is of an unusual shape");
  const ln_dim flat[2] = {LN_DIM((int32_t)ln_shape_span(&shape, 0, 2)), LN_DIM_REST}, vector[1] = {LN_DIM_REST};
  const int32_t matrix = ln_emit_transpose(e, ln_emit_reshape(e, kernel, 2, flat), order);
  const int32_t rows = ln_emit_flatten(e, a, rank - 2, rank - 1);
  const int32_t made = ln_emit_dense(e, rows, matrix, bias >= 0 ? ln_emit_reshape(e, bias, 1, vector) : -1);
  if (shape.rank == 3) return made;
  ln_dim dims[LN_MAX_RANK];
  for (int32_t i = 0; i < rank - 2; ++i) dims[i] = LN_DIM_OF(a, i);
  for (int32_t i = 2; i < shape.rank; ++i) dims[rank - 2 + i - 2] = LN_DIM(shape.dims[i]);
  return ln_emit_reshape(e, made, rank - 2 + shape.rank - 2, dims);
}

/* bool [batch, heads or 1, targets, sources], or -1. */
static int32_t heads_mask(ln_keras_call *call, int32_t query, int32_t value, bool given_key) {
  static const int32_t row = 1, column = 2;
  ln_emit *e = call->e;
  const cJSON *query_given = ln_keras_argument(call, 3, "query_mask"),
              *value_given = ln_keras_argument(call, 4, "value_mask");
  int32_t query_mask = query_given != NULL ? ln_keras_tensor(call, 3, "query_mask") : call->mask, mask = -1;
  int32_t value_mask = value_given != NULL ? ln_keras_tensor(call, 4, "value_mask") : call->other_masks[0];
  const int32_t key_mask = ln_keras_argument(call, 5, "key_mask") != NULL ? ln_keras_tensor(call, 5, "key_mask")
                           : given_key                                    ? call->other_masks[1]
                                                                          : -1;
  if (query_mask >= 0) mask = ln_emit_expand(e, query_mask, 1, &column);
  if (value_mask >= 0) mask = both(e, mask, ln_emit_expand(e, value_mask, 1, &row));
  if (key_mask >= 0) mask = both(e, mask, ln_emit_expand(e, key_mask, 1, &row));
  mask = both(e, mask,
              near(e, query, value, asks(call, "use_causal_mask"), ln_keras_int(call->config, "sliding_window", -1)));
  const int32_t given =
      ln_keras_argument(call, 6, "attention_mask") != NULL ? ln_keras_tensor(call, 6, "attention_mask") : -1;
  if (given >= 0) mask = both(e, mask, ln_emit_cast(e, given, LN_BOOL));
  if (mask < 0 || ln_emit_failed(e)) return -1;
  return ln_emit_rank(e, mask) == 3 ? ln_emit_expand(e, mask, 1, &row) : mask;
}

/* Heads of keys and values, each as often as queries share it. */
static int32_t shared_heads(ln_keras_call *call, int32_t a, int32_t times) {
  static const int32_t behind = 3;
  const int32_t tiles[5] = {1, 1, 1, times, 1};
  if (times == 1 || ln_emit_failed(call->e)) return a;
  const int32_t tiled = ln_emit_tile(call->e, ln_emit_expand(call->e, a, 1, &behind), tiles);
  return ln_emit_flatten(call->e, tiled, 2, 3);
}

/* The value's and the key's masks, where these come with tensors. */
static bool take_parts(ln_keras_call *call, int32_t parts[3], bool *given_key) {
  ln_keras_values found;
  call->other_masks[0] = call->other_masks[1] = -1;
  parts[0] = ln_keras_input(call);
  for (int32_t i = 1; i < 3; ++i) {
    const cJSON *item = ln_keras_argument(call, i, i == 1 ? "value" : "key");
    parts[i] = -1;
    if (item == NULL) continue;
    if (!ln_keras_tensors(call, item, &found) || found.count < 1) return false;
    parts[i] = ln_keras_floats(call, found.items[0].tensor);
    call->other_masks[i - 1] = found.items[0].mask;
  }
  *given_key = parts[2] >= 0;
  if (parts[1] < 0) return ln_emit_wrong(call->e, "a value is wanted") > 0;
  if (parts[2] < 0) parts[2] = parts[1];
  return !ln_emit_failed(call->e);
}

/* code 1: grouped queries. */
int32_t ln_keras_multi_head_attention(ln_keras_call *call) {
  static const int32_t order[4] = {0, 2, 1, 3};
  ln_emit *e = call->e;
  int32_t parts[3], heads[3], axes[LN_MAX_RANK] = {1};
  bool given_key;
  if (!take_parts(call, parts, &given_key)) return -1;
  const bool grouped = call->row->code == 1, shows = asks(call, "return_attention_scores");
  if (ln_emit_rank(e, parts[0]) != 3 || ln_keras_ints(call->config, "attention_axes", LN_MAX_RANK, axes) > 1) {
    return ln_emit_refuse(e, "attention over other axes than time is not read; flatten them before");
  }
  static const char *const places_of[3] = {"query_dense", "value_dense", "key_dense"};
  for (int32_t i = 0; i < 3; ++i) heads[i] = heads_of(call, parts[i], places_of[i]);
  if (grouped) {
    const int32_t of_queries = ln_emit_dim(e, heads[0], 2), of_keys = ln_emit_dim(e, heads[2], 2);
    if (ln_emit_failed(e)) return -1;
    if (of_keys < 1 || of_queries % of_keys != 0) return ln_emit_wrong(e, "heads do not come out in groups");
    for (int32_t i = 1; i < 3; ++i) heads[i] = shared_heads(call, heads[i], of_queries / of_keys);
  }
  const int32_t size = ln_emit_dim(e, heads[0], 3);
  for (int32_t i = 0; i < 3; ++i) heads[i] = ln_emit_transpose(e, heads[i], order);
  const int32_t query = ln_emit_mul_number(e, heads[0], 1 / sqrt((double)(size > 0 ? size : 1)));
  int32_t scores = ln_emit_matmul(e, query, heads[2], false, true);
  const int32_t mask = heads_mask(call, parts[0], parts[1], given_key);
  if (mask >= 0) scores = ln_emit_select(e, mask, scores, ln_emit_f32(e, -1e9));
  scores = ln_emit_softmax(e, scores, -1);
  if (mask >= 0 && call->k->keras3 && (shows || ln_keras_number(call->config, "dropout", 0) > 0)) {
    scores = ln_emit_select(e, mask, scores, ln_emit_f32(e, 0));
  }
  int32_t result = ln_emit_transpose(e, ln_emit_matmul(e, scores, heads[1], false, false), order);
  if (ln_keras_flag(call->config, "use_gate", false)) {
    result = ln_emit_mul(e, result, ln_emit_activate(e, LN_EMIT_SIGMOID, heads_of(call, parts[0], "gate_dense")));
  }
  result = joined_heads(call, result);
  if (result < 0 || !ln_keras_give(call, 1 + shows)) return -1;
  call->outputs.items[0] = (ln_keras_value){result, grouped ? -1 : call->mask};
  if (shows) call->outputs.items[1].tensor = scores;
  return LN_EMIT_NONE;
}

#endif
