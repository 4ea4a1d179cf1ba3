/* Attention: products of queries and keys, what may be seen, softmax, products with the values. */
#include "import/onnx/onnx_attention.h"

#include <math.h>

int32_t ln_onnx_split_heads(ln_emit *e, int32_t a, int32_t heads) {
  const int32_t width = ln_emit_dim(e, a, 2);
  if (ln_emit_failed(e)) return -1;
  if (heads < 1 || width < 1 || width % heads != 0) return ln_emit_wrong(e, "%d heads of %d numbers", heads, width);
  const ln_dim dims[4] = {LN_DIM_OF(a, 0), LN_DIM_OF(a, 1), LN_DIM(heads), LN_DIM(width / heads)};
  return ln_emit_swap(e, ln_emit_reshape(e, a, 4, dims), 1, 2);
}

int32_t ln_onnx_join_heads(ln_emit *e, int32_t a) { return ln_emit_flatten(e, ln_emit_swap(e, a, 1, 2), 2, 3); }

/* ---- what may be seen ---- */

static int32_t both(ln_emit *e, int32_t a, int32_t b) { return a < 0 ? b : ln_emit_binary(e, LN_OP_LOGICAL_AND, a, b); }

/* bool [.., time, keys]; -1: everything. */
static int32_t visible(ln_emit *e, const ln_onnx_attention *t) {
  const int32_t last = 1, axes[3] = {1, 2, 3};
  const int32_t keys = ln_emit_count_up(e, ln_emit_size_of(e, t->k, 2));
  int32_t place = ln_emit_expand(e, ln_emit_count_up(e, ln_emit_size_of(e, t->q, 2)), 1, &last), seen = -1;
  if (t->offset >= 0) place = ln_emit_add(e, place, t->offset);
  if (t->causal) seen = ln_emit_compare(e, LN_OP_LESS_EQUAL, keys, place);
  if (t->left >= 0) {
    seen = both(e, seen, ln_emit_compare(e, LN_OP_GREATER_EQUAL, keys, ln_emit_add_number(e, place, -t->left)));
  }
  if (t->right >= 0) {
    seen = both(e, seen, ln_emit_compare(e, LN_OP_LESS_EQUAL, keys, ln_emit_add_number(e, place, t->right)));
  }
  if (t->lengths < 0) return seen;
  return both(e, seen, ln_emit_compare(e, LN_OP_LESS, keys, ln_emit_expand(e, t->lengths, 3, axes)));
}

/* The mask as floats that are added; keys behind its end are not seen. */
static int32_t bias_of(ln_emit *e, const ln_onnx_attention *t) {
  int32_t mask = t->mask, before[LN_MAX_RANK] = {0}, after[LN_MAX_RANK] = {0};
  const int32_t rank = ln_emit_rank(e, mask), keys = ln_emit_dim(e, t->k, 2), there = ln_emit_dim(e, mask, -1);
  if (ln_emit_type(e, mask) == LN_BOOL) mask = ln_emit_select(e, mask, ln_emit_f32(e, 0), ln_emit_f32(e, -INFINITY));
  mask = ln_emit_cast(e, mask, LN_FLOAT32);
  if (rank < 1 || there < 2 || keys <= there) return mask;
  after[rank - 1] = keys - there;
  return ln_emit_pad(e, mask, before, after, -INFINITY);
}

static bool hides_nothing(const ln_emit *e, int32_t mask) {
  const float *values = ln_emit_data(e, mask);
  const int64_t count = ln_emit_elements(e, mask);
  if (values == NULL || ln_emit_type(e, mask) != LN_FLOAT32) return false;
  for (int64_t i = 0; i < count; ++i) {
    if (isinf(values[i])) return false;
  }
  return true;
}

/* ---- products ---- */

/* Queries of heads that share keys stand one behind the other: [batch, heads of k, time, ..]. */
static int32_t by_key_heads(ln_emit *e, int32_t a, int32_t k, int32_t ratio) {
  if (ratio == 1) return a;
  const ln_dim dims[4] = {LN_DIM_OF(a, 0), LN_DIM_OF(k, 1), LN_DIM_REST, LN_DIM_OF(a, 3)};
  return ln_emit_reshape(e, a, 4, dims);
}

static int32_t by_query_heads(ln_emit *e, int32_t a, int32_t q, int32_t ratio) {
  if (ratio == 1) return a;
  const ln_dim dims[4] = {LN_DIM_OF(q, 0), LN_DIM_OF(q, 1), LN_DIM_OF(q, 2), LN_DIM_OF(a, 3)};
  return ln_emit_reshape(e, a, 4, dims);
}

static int32_t mask_scores(ln_emit *e, const ln_onnx_attention *t, int32_t scores) {
  const int32_t seen = t->causal || t->left >= 0 || t->right >= 0 || t->lengths >= 0 ? visible(e, t) : -1;
  if (t->mask >= 0) scores = ln_emit_add(e, scores, bias_of(e, t));
  return seen < 0 ? scores : ln_emit_select(e, seen, scores, ln_emit_f32(e, -INFINITY));
}

/* Softmax; a query without keys has zeros. */
static int32_t probabilities(ln_emit *e, const ln_onnx_attention *t, int32_t scores) {
  const int32_t out = ln_emit_softmax(e, scores, -1), last = -1;
  const bool hides = (t->mask >= 0 && !hides_nothing(e, t->mask)) || t->lengths >= 0 || t->left >= 0 || t->right >= 0;
  if (!hides && (!t->causal || t->sees_something)) return out;
  const int32_t most = ln_emit_reduce(e, LN_OP_REDUCE_MAX, scores, 1, &last, true);
  const int32_t blind = ln_emit_compare(e, LN_OP_LESS, most, ln_emit_f32(e, -3e38));
  return ln_emit_select(e, blind, ln_emit_f32(e, 0), out);
}

int32_t ln_onnx_attend(ln_emit *e, ln_onnx_attention *t) {
  const int32_t heads = ln_emit_dim(e, t->q, 1), shared = ln_emit_dim(e, t->k, 1), size = ln_emit_dim(e, t->q, 3);
  if (ln_emit_failed(e)) return -1;
  if (heads < 1 || shared < 1 || heads % shared != 0) return ln_emit_wrong(e, "%d heads and %d of keys", heads, shared);
  if (t->scale == 0 && size < 1) return ln_emit_refuse(e, "the size of a head is open; give it with --shape");
  const double scale = t->scale != 0 ? t->scale : 1 / sqrt(size);
  const int32_t ratio = heads / shared, q = ln_emit_mul_number(e, t->q, scale);
  int32_t scores = ln_emit_matmul(e, by_key_heads(e, q, t->k, ratio), t->k, false, true);
  scores = by_query_heads(e, scores, t->q, ratio);
  if (t->shown == 0) t->steps = scores;
  if (t->softcap != 0) {
    const int32_t part = ln_emit_unary(e, LN_OP_TANH, ln_emit_mul_number(e, scores, 1 / t->softcap));
    scores = ln_emit_mul_number(e, part, t->softcap);
  }
  if (t->shown == 1) t->steps = scores;
  scores = mask_scores(e, t, scores);
  if (t->change != NULL) scores = t->change(e, t->user, scores, 0);
  if (t->shown == 2) t->steps = scores;
  int32_t p = probabilities(e, t, scores);
  if (t->change != NULL) p = t->change(e, t->user, p, 1);
  if (t->shown == 3) t->steps = p;
  return by_query_heads(e, ln_emit_matmul(e, by_key_heads(e, p, t->k, ratio), t->v, false, false), t->q, ratio);
}

/* ---- rotation ---- */

int32_t ln_onnx_rotate(ln_emit *e, int32_t a, int32_t cos, int32_t sin, int32_t width, bool interleaved) {
  const int32_t half = width / 2, size = ln_emit_dim(e, a, 3);
  if (ln_emit_failed(e)) return -1;
  if (width < 2 || width % 2 != 0 || (size >= 0 && width > size))
    return ln_emit_wrong(e, "%d of %d numbers turn", width, size);
  const int32_t turns = ln_emit_slice(e, a, 3, 0, width, 1);
  const int32_t x = interleaved ? ln_emit_slice(e, turns, 3, 0, INT32_MAX, 2) : ln_emit_slice(e, turns, 3, 0, half, 1);
  const int32_t y =
      interleaved ? ln_emit_slice(e, turns, 3, 1, INT32_MAX, 2) : ln_emit_slice(e, turns, 3, half, width, 1);
  const int32_t pair[2] = {ln_emit_sub(e, ln_emit_mul(e, cos, x), ln_emit_mul(e, sin, y)),
                           ln_emit_add(e, ln_emit_mul(e, sin, x), ln_emit_mul(e, cos, y))};
  const int32_t turned =
      interleaved ? ln_emit_reshape_like(e, ln_emit_pack(e, 4, 2, pair), turns) : ln_emit_concat(e, 3, 2, pair);
  if (width == size) return turned;
  return ln_emit_concat(e, 3, 2, (const int32_t[]){turned, ln_emit_slice(e, a, 3, width, INT32_MAX, 1)});
}
