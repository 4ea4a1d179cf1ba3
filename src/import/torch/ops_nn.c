/* Layers: products, convolutions, pools, normalizations, resizing. PyTorch has channels in dimension 1. */
#include <math.h>
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

static int32_t input_of(torch_node *n) { return ln_torch_tensor(n, ln_torch_has(n, "input") ? "input" : "self"); }

/* ---- products ---- */

int32_t ln_torch_linear(torch_node *n) {
  return ln_emit_dense(n->e, input_of(n), ln_torch_tensor(n, "weight"), ln_torch_tensor_or(n, "bias"));
}

/* The second operand's names: other, mat2, vec, tensor. */
static int32_t second_of(torch_node *n) {
  static const char *const names[] = {"other", "mat2", "vec", "tensor", "vec2"};
  for (size_t i = 0; i < LN_COUNT(names); ++i) {
    if (ln_torch_has(n, names[i])) return ln_torch_tensor(n, names[i]);
  }
  return ln_emit_wrong(n->e, "the second operand is missing");
}

int32_t ln_torch_matmul(torch_node *n) {
  const int32_t a = ln_torch_tensor(n, "self");
  return ln_emit_matmul(n->e, a, second_of(n), false, false);
}

int32_t ln_torch_outer(torch_node *n) {
  const int32_t last = -1, a = ln_torch_tensor(n, "self");
  return ln_emit_mul(n->e, ln_emit_expand(n->e, a, 1, &last), second_of(n));
}

/* beta * self + alpha * (first @ second). */
static int32_t added_product(torch_node *n, const char *first, const char *second) {
  const double beta = ln_torch_number(n, "beta", 1), alpha = ln_torch_number(n, "alpha", 1);
  const int32_t a = ln_torch_tensor(n, first), b = ln_torch_tensor(n, second);
  int32_t to = ln_torch_tensor(n, "self");
  if (ln_emit_failed(n->e)) return -1;
  const bool dense = alpha == 1 && beta == 1 && ln_emit_is_const(n->e, b) && ln_emit_rank(n->e, b) == 2 &&
                     ln_emit_rank(n->e, to) == 1 && ln_emit_type(n->e, a) == LN_FLOAT32;
  if (dense) return ln_emit_dense(n->e, a, ln_emit_swap(n->e, b, 0, 1), to);
  int32_t product = ln_emit_matmul(n->e, a, b, false, false);
  if (alpha != 1) product = ln_emit_mul_number(n->e, product, alpha);
  if (beta == 0) return product;
  if (beta != 1) to = ln_emit_mul_number(n->e, to, beta);
  return ln_emit_add(n->e, product, to);
}

int32_t ln_torch_addmm(torch_node *n) { return added_product(n, "mat1", "mat2"); }
int32_t ln_torch_baddbmm(torch_node *n) { return added_product(n, "batch1", "batch2"); }
int32_t ln_torch_addmv(torch_node *n) { return added_product(n, "mat", "vec"); }

int32_t ln_torch_einsum(torch_node *n) {
  int32_t operands[LN_MAX_RANK * 8];
  const char *equation = ln_torch_text(n, "equation");
  const int32_t count = ln_torch_tensors(n, "tensors", LN_MAX_RANK * 8, operands);
  if (equation == NULL || count < 1) return ln_emit_wrong(n->e, "no equation");
  return ln_emit_einsum(n->e, equation, count, operands);
}

int32_t ln_torch_bilinear(torch_node *n) {
  const int32_t operands[] = {ln_torch_tensor(n, "input1"), ln_torch_tensor(n, "weight"), ln_torch_tensor(n, "input2")};
  const int32_t product = ln_emit_einsum(n->e, "...i,oij,...j->...o", 3, operands),
                bias = ln_torch_tensor_or(n, "bias");
  return bias < 0 ? product : ln_emit_add(n->e, product, bias);
}

/* The product of three operands that get dimensions of 1, summed over some. */
int32_t ln_torch_trilinear(torch_node *n) {
  static const char *const names[3][2] = {{"i1", "expand1"}, {"i2", "expand2"}, {"i3", "expand3"}};
  int32_t product = -1, axes[LN_MAX_RANK];
  for (int32_t k = 0; k < 3; ++k) {
    int32_t a = ln_torch_tensor(n, names[k][0]);
    int64_t places[LN_MAX_RANK];
    const int32_t count = ln_torch_ints(n, names[k][1], LN_MAX_RANK, places);
    for (int32_t i = 0; i < count; ++i) axes[i] = (int32_t)places[i];
    if (count > 0) a = ln_emit_expand(n->e, a, count, axes);
    product = k == 0 ? a : ln_emit_mul(n->e, product, a);
  }
  if (ln_emit_failed(n->e)) return -1;
  const int32_t count = ln_torch_axes(n, "sumdim", ln_emit_rank(n->e, product), axes);
  return ln_emit_reduce(n->e, LN_OP_SUM, product, count, axes, false);
}

/* ---- windows ---- */

/* One number, or one for each dimension. */
static void spread(const torch_node *n, const char *name, int32_t rank, int32_t otherwise, int32_t *out) {
  int64_t values[3];
  const int32_t count = ln_torch_ints(n, name, 3, values);
  for (int32_t i = 0; i < rank; ++i) {
    const int64_t value = count <= 0 ? otherwise : values[count == 1 ? 0 : i < count ? i : count - 1];
    out[i] = value >= 0 && value <= INT32_MAX / 4 ? (int32_t)value : -1;
    if (out[i] < 0) ln_emit_wrong(n->e, "\"%s\" is %lld", name, (long long)value);
  }
}

/* Padding of a number a dimension, or "same" and "valid". */
static void read_padding(const torch_node *n, ln_window *w) {
  const char *text = ln_torch_text(n, "padding");
  w->padding = LN_EMIT_EXPLICIT;
  if (text == NULL) spread(n, "padding", w->rank, 0, w->before);
  for (int32_t i = 0; i < w->rank; ++i) {
    const int64_t all = text != NULL && strcmp(text, "same") == 0 ? (int64_t)(w->size[i] - 1) * w->dilation[i] : 0;
    const int32_t whole = all >= 0 && all < INT32_MAX / 4 ? (int32_t)all : -1;
    if (whole < 0) ln_emit_wrong(n->e, "its window is too large");
    if (text != NULL) w->before[i] = whole / 2;
    w->after[i] = text != NULL ? whole - whole / 2 : w->before[i];
  }
}

/* Filters [out, in / groups, k...] become [k..., in / groups, out]. */
static int32_t filter_of(torch_node *n, int32_t weight, int32_t rank) {
  int32_t order[LN_MAX_RANK];
  for (int32_t i = 0; i < rank; ++i) order[i] = 2 + i;
  order[rank] = 1;
  order[rank + 1] = 0;
  return ln_emit_transpose(n->e, weight, order);
}

/* Pictures without a batch get one. */
static int32_t batched(torch_node *n, int32_t a, int32_t rank, bool *alone) {
  const int32_t first = 0;
  *alone = ln_emit_rank(n->e, a) == rank + 1;
  return *alone ? ln_emit_expand(n->e, a, 1, &first) : a;
}

static int32_t unbatched(torch_node *n, int32_t a, bool alone) {
  const int32_t first = 0;
  return alone ? ln_emit_squeeze(n->e, a, 1, &first) : a;
}

static int32_t convolve(torch_node *n, bool transposed) {
  ln_window w = {0};
  int32_t more[3];
  bool alone;
  const int32_t weight = ln_torch_tensor(n, "weight"), bias = ln_torch_tensor_or(n, "bias");
  int32_t a = input_of(n);
  if (ln_emit_failed(n->e)) return -1;
  w.rank = ln_emit_rank(n->e, weight) - 2;
  if (w.rank < 1 || w.rank > 3) return ln_emit_wrong(n->e, "weights of %d dimensions", w.rank + 2);
  for (int32_t i = 0; i < w.rank; ++i) w.size[i] = ln_emit_dim(n->e, weight, 2 + i);
  spread(n, "stride", w.rank, 1, w.stride);
  spread(n, "dilation", w.rank, 1, w.dilation);
  spread(n, "output_padding", w.rank, 0, more);
  read_padding(n, &w);
  const int32_t groups = (int32_t)ln_torch_int(n, "groups", 1);
  a = ln_emit_channels_last(n->e, batched(n, a, w.rank, &alone));
  const int32_t filter = filter_of(n, weight, w.rank);
  if (ln_emit_failed(n->e)) return -1;
  a = transposed ? ln_emit_conv_transpose(n->e, a, filter, bias, groups, &w, more)
                 : ln_emit_conv(n->e, a, filter, bias, groups, &w);
  return unbatched(n, ln_emit_channels_first(n->e, a), alone);
}

int32_t ln_torch_conv(torch_node *n) { return convolve(n, n->variant == 1 || ln_torch_flag(n, "transposed", false)); }

/* Variants: dimensions, and 16 for the mean. */
int32_t ln_torch_pool(torch_node *n) {
  const int32_t rank = n->variant & 3;
  const bool average = (n->variant & 16) != 0;
  ln_window w = {.rank = rank, .padding = LN_EMIT_EXPLICIT};
  bool alone;
  int32_t a = ln_torch_tensor(n, "self");
  spread(n, "kernel_size", rank, 1, w.size);
  const bool strides = ln_torch_has(n, "stride") && cJSON_GetArraySize(ln_torch_arg(n, "stride")) > 0;
  spread(n, strides ? "stride" : "kernel_size", rank, 1, w.stride);
  spread(n, "padding", rank, 0, w.before);
  spread(n, "dilation", rank, 1, w.dilation);
  for (int32_t i = 0; i < rank; ++i) w.after[i] = w.before[i];
  w.ceil = ln_torch_flag(n, "ceil_mode", false);
  w.count_pads = ln_torch_flag(n, "count_include_pad", true);
  if (ln_torch_has(n, "divisor_override")) return ln_emit_refuse(n->e, "another divisor than the window is not built");
  if (ln_emit_failed(n->e)) return -1;
  a = ln_emit_channels_last(n->e, batched(n, a, rank, &alone));
  if (ln_emit_failed(n->e)) return -1;
  a = average ? ln_emit_average_pool(n->e, a, &w) : ln_emit_max_pool(n->e, a, &w);
  return unbatched(n, ln_emit_channels_first(n->e, a), alone);
}

/* ---- pools of a given output ---- */

/* One axis, to `size` results: each of elements [i n / size, (i + 1) n / size), rounded outwards. */
static int32_t adapt_axis(torch_node *n, int32_t a, int32_t axis, int32_t size, bool average) {
  int32_t parts[256];
  const int32_t from = ln_emit_dim(n->e, a, axis);
  const int32_t code = average ? LN_OP_MEAN : LN_OP_REDUCE_MAX;
  if (size == 1) return ln_emit_reduce(n->e, code, a, 1, &axis, true);
  if (from < 0 || size > 256) return ln_emit_refuse(n->e, "an open dimension is pooled to %d elements", size);
  if (from == size) return a;
  for (int32_t i = 0; i < size; ++i) {
    const int32_t begin = (int32_t)((int64_t)i * from / size);
    const int32_t end = (int32_t)(((int64_t)(i + 1) * from + size - 1) / size);
    parts[i] = ln_emit_reduce(n->e, code, ln_emit_slice(n->e, a, axis, begin, end, 1), 1, &axis, true);
  }
  return ln_emit_concat(n->e, axis, size, parts);
}

/* Variants: dimensions, and 16 for the mean. */
int32_t ln_torch_adaptive_pool(torch_node *n) {
  const int32_t rank = n->variant & 3;
  const bool average = (n->variant & 16) != 0;
  int64_t sizes[3] = {-1, -1, -1};
  ln_window w = {.rank = rank, .padding = LN_EMIT_EXPLICIT};
  int32_t a = ln_torch_tensor(n, "self"), axes[3];
  const cJSON *list = ln_torch_arg(n, "output_size");
  int32_t count = 0;
  for (const cJSON *item = cJSON_IsArray(list) ? list->child : list; item != NULL && count < 3; item = item->next) {
    const cJSON *own = cJSON_IsNumber(item) ? item : cJSON_GetObjectItemCaseSensitive(item, "as_int");
    sizes[count++] = cJSON_IsNumber(own) ? own->valueint : -1;
    if (!cJSON_IsArray(list)) break;
  }
  bool all_one = true, even = true;
  if (ln_emit_failed(n->e)) return -1;
  const int32_t lead = ln_emit_rank(n->e, a) - rank;
  for (int32_t i = 0; i < rank; ++i) {
    const int32_t from = ln_emit_dim(n->e, a, lead + i);
    if (count == 1) sizes[i] = sizes[0];
    if (sizes[i] < 0 || sizes[i] > INT32_MAX) sizes[i] = from;
    axes[i] = lead + i;
    all_one = all_one && sizes[i] == 1;
    even = even && from > 0 && sizes[i] > 0 && from % sizes[i] == 0;
    if (even) w.size[i] = w.stride[i] = (int32_t)(from / sizes[i]);
  }
  if (all_one) return ln_emit_reduce(n->e, average ? LN_OP_MEAN : LN_OP_REDUCE_MAX, a, rank, axes, true);
  bool alone;
  if (even) {
    a = ln_emit_channels_last(n->e, batched(n, a, rank, &alone));
    a = average ? ln_emit_average_pool(n->e, a, &w) : ln_emit_max_pool(n->e, a, &w);
    return unbatched(n, ln_emit_channels_first(n->e, a), alone);
  }
  for (int32_t i = 0; i < rank; ++i) a = adapt_axis(n, a, axes[i], (int32_t)sizes[i], average);
  return a;
}

/* ---- normalization ---- */

/* [channels, 1, ...] so that it meets dimension 1 of `a`. */
static int32_t by_channel(torch_node *n, int32_t vector, int32_t rank) {
  ln_dim dims[LN_MAX_RANK];
  if (vector < 0 || ln_emit_failed(n->e)) return -1;
  for (int32_t i = 0; i < rank - 1; ++i) dims[i] = i == 0 ? LN_DIM_OF(vector, 0) : LN_DIM(1);
  return ln_emit_reshape(n->e, vector, rank - 1, dims);
}

/* By the batch's own mean and variance. */
static int32_t by_batch(torch_node *n, int32_t a, double eps) {
  int32_t axes[LN_MAX_RANK], count = 0;
  const int32_t rank = ln_emit_rank(n->e, a);
  for (int32_t i = 0; i < rank; ++i) {
    if (i != 1) axes[count++] = i;
  }
  return ln_emit_layer_norm(n->e, a, count, axes, eps, by_channel(n, ln_torch_tensor_or(n, "weight"), rank),
                            by_channel(n, ln_torch_tensor_or(n, "bias"), rank));
}

int32_t ln_torch_batch_norm(torch_node *n) {
  const double eps = ln_torch_number(n, "eps", 1e-5);
  const int32_t mean = ln_torch_tensor_or(n, "running_mean"), variance = ln_torch_tensor_or(n, "running_var");
  const int32_t weight = ln_torch_tensor_or(n, "weight"), bias = ln_torch_tensor_or(n, "bias");
  const int32_t a = input_of(n);
  if (ln_emit_failed(n->e)) return -1;
  if (mean < 0 || variance < 0) return by_batch(n, a, eps);
  if (ln_torch_flag(n, "training", false) || ln_torch_flag(n, "train", false))
    return ln_emit_refuse(n->e, "it normalizes by the batch and keeps count; call model.eval() before export");
  int32_t scale, shift;
  if (!ln_emit_batch_factors(n->e, mean, variance, weight, bias, eps, &scale, &shift)) return -1;
  const int32_t last = ln_emit_channels_last(n->e, a);
  return ln_emit_channels_first(n->e, ln_emit_add(n->e, ln_emit_mul(n->e, last, scale), shift));
}

static int32_t last_axes(torch_node *n, int32_t count, int32_t *axes) {
  if (count < 1 || count > LN_MAX_RANK) return ln_emit_wrong(n->e, "nothing is normalized");
  for (int32_t i = 0; i < count; ++i) axes[i] = i - count;
  return count;
}

int32_t ln_torch_layer_norm(torch_node *n) {
  ln_dim shape[LN_MAX_RANK];
  int32_t axes[LN_MAX_RANK];
  const int32_t a = input_of(n), count = last_axes(n, ln_torch_dims(n, "normalized_shape", LN_MAX_RANK, shape), axes);
  if (count < 0) return -1;
  return ln_emit_layer_norm(n->e, a, count, axes, ln_torch_number(n, "eps", 1e-5), ln_torch_tensor_or(n, "weight"),
                            ln_torch_tensor_or(n, "bias"));
}

int32_t ln_torch_rms_norm(torch_node *n) {
  ln_dim shape[LN_MAX_RANK];
  int32_t axes[LN_MAX_RANK];
  const int32_t a = input_of(n), weight = ln_torch_tensor_or(n, "weight");
  const int32_t count = last_axes(n, ln_torch_dims(n, "normalized_shape", LN_MAX_RANK, shape), axes);
  if (count < 0 || ln_emit_failed(n->e)) return -1;
  return ln_emit_rms_norm(n->e, a, count, axes, ln_torch_number(n, "eps", 1.1920928955078125e-07), weight);
}

int32_t ln_torch_group_norm(torch_node *n) {
  const int32_t a = input_of(n), rank = ln_emit_rank(n->e, a), axis = 2;
  const int32_t groups = (int32_t)ln_torch_int(n, ln_torch_has(n, "group") ? "group" : "num_groups", 1);
  if (ln_emit_failed(n->e) || rank < 2 || groups < 1) return ln_emit_wrong(n->e, "no groups");
  const ln_dim apart[] = {LN_DIM_OF(a, 0), LN_DIM(groups), LN_DIM_REST};
  const int32_t flat = ln_emit_reshape(n->e, a, 3, apart);
  const int32_t made = ln_emit_layer_norm(n->e, flat, 1, &axis, ln_torch_number(n, "eps", 1e-5), -1, -1);
  int32_t result = ln_emit_reshape_like(n->e, made, a);
  const int32_t weight = by_channel(n, ln_torch_tensor_or(n, "weight"), rank);
  const int32_t bias = by_channel(n, ln_torch_tensor_or(n, "bias"), rank);
  if (weight >= 0) result = ln_emit_mul(n->e, result, weight);
  return bias >= 0 ? ln_emit_add(n->e, result, bias) : result;
}

int32_t ln_torch_instance_norm(torch_node *n) {
  int32_t axes[LN_MAX_RANK];
  const int32_t a = input_of(n), rank = ln_emit_rank(n->e, a);
  if (ln_emit_failed(n->e) || rank < 3) return ln_emit_wrong(n->e, "nothing is normalized");
  if (!ln_torch_flag(n, "use_input_stats", true)) {
    return ln_torch_batch_norm(n);
  }
  for (int32_t i = 2; i < rank; ++i) axes[i - 2] = i;
  return ln_emit_layer_norm(n->e, a, rank - 2, axes, ln_torch_number(n, "eps", 1e-5),
                            by_channel(n, ln_torch_tensor_or(n, "weight"), rank),
                            by_channel(n, ln_torch_tensor_or(n, "bias"), rank));
}

/* ---- attention ---- */

/* Keys and values of fewer heads are repeated. */
static int32_t repeated_heads(torch_node *n, int32_t a, int32_t query) {
  const int32_t heads = ln_emit_dim(n->e, query, -3), own = ln_emit_dim(n->e, a, -3), rank = ln_emit_rank(n->e, a);
  int32_t times[LN_MAX_RANK + 1];
  if (heads < 0 || own < 1 || heads == own || heads % own != 0 || rank == LN_MAX_RANK) return a;
  const int32_t after = rank - 2;
  for (int32_t i = 0; i <= rank; ++i) times[i] = i == after ? heads / own : 1;
  return ln_emit_flatten(n->e, ln_emit_tile(n->e, ln_emit_expand(n->e, a, 1, &after), times), rank - 3, after);
}

static int32_t masked_scores(torch_node *n, int32_t scores) {
  const int32_t mask = ln_torch_tensor_or(n, "attn_mask");
  if (ln_torch_flag(n, "is_causal", false)) {
    const int32_t seen = ln_torch_causal_mask(n, scores);
    scores = ln_emit_select(n->e, seen, scores, ln_emit_f32(n->e, -INFINITY));
  }
  if (mask < 0 || ln_emit_failed(n->e)) return scores;
  if (ln_emit_type(n->e, mask) != LN_BOOL) return ln_emit_add(n->e, scores, ln_emit_cast(n->e, mask, LN_FLOAT32));
  return ln_emit_select(n->e, mask, scores, ln_emit_f32(n->e, -INFINITY));
}

int32_t ln_torch_attention(torch_node *n) {
  const int32_t query = ln_torch_tensor(n, "query");
  int32_t key = ln_torch_tensor(n, "key"), value = ln_torch_tensor(n, "value");
  if (ln_emit_failed(n->e)) return -1;
  if (ln_torch_number(n, "dropout_p", 0) > 0) return ln_emit_refuse(n->e, "its dropout is random; set it to 0");
  if (ln_torch_flag(n, "enable_gqa", false)) {
    key = repeated_heads(n, key, query);
    value = repeated_heads(n, value, query);
  }
  const int32_t width = ln_emit_dim(n->e, query, -1);
  if (width < 1) return ln_emit_refuse(n->e, "an open width of heads is not built");
  const double scale = ln_torch_number(n, "scale", 1 / sqrt(width));
  int32_t scores = ln_emit_matmul(n->e, query, key, false, true);
  if (scale != 1) scores = ln_emit_mul_number(n->e, scores, scale);
  return ln_emit_matmul(n->e, ln_emit_softmax(n->e, masked_scores(n, scores), -1), value, false, false);
}

/* ---- losses ---- */

/* Variants: 0 squares, 1 sizes. "reduction": 0 none, 1 mean, 2 sum. */
int32_t ln_torch_difference_loss(torch_node *n) {
  int32_t a, b;
  if (!ln_torch_operands(n, "self", "target", &a, &b)) return -1;
  const int32_t apart = ln_emit_sub(n->e, a, b);
  const int32_t each = n->variant == 1 ? ln_emit_unary(n->e, LN_OP_ABS, apart) : ln_emit_mul(n->e, apart, apart);
  const int64_t reduction = ln_torch_int(n, "reduction", 1);
  return reduction == 0 ? each : ln_emit_reduce(n->e, reduction == 1 ? LN_OP_MEAN : LN_OP_SUM, each, 0, NULL, false);
}

#endif
