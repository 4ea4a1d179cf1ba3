/* Operators of com.microsoft that ONNX Runtime's optimizers write: fused layers, normalizations, packed weights. */
#include <math.h>
#include <string.h>

#include "import/onnx/onnx_attention.h"
#include "import/onnx/onnx_quantize.h"
#include "import/onnx/onnx_window.h"

/* ---- activations ---- */

void ln_onnx_ms_gelu(ln_onnx_node *n) { ln_onnx_out(n, 0, ln_emit_activate(n->e, LN_EMIT_GELU, ln_onnx_in(n, 0))); }

void ln_onnx_ms_bias_gelu(ln_onnx_node *n) {
  int32_t x = ln_onnx_in(n, 0);
  if (ln_onnx_has(n, 1)) x = ln_emit_add(n->e, x, ln_onnx_in(n, 1));
  ln_onnx_out(n, 0, ln_emit_activate(n->e, (ln_emit_activation)n->variant, x));
}

void ln_onnx_ms_quick_gelu(ln_onnx_node *n) {
  const int32_t x = ln_onnx_in(n, 0);
  const int32_t scaled = ln_emit_mul_number(n->e, x, ln_onnx_float(n, "alpha", 1.702));
  ln_onnx_out(n, 0, ln_emit_mul(n->e, x, ln_emit_unary(n->e, LN_OP_LOGISTIC, scaled)));
}

typedef struct fused_activation {
  const char *name;
  ln_emit_activation activation;
} fused_activation;

/* The activation in an attribute, with its numbers in another. */
static int32_t activated(ln_onnx_node *n, int32_t x, const char *numbers) {
  static const fused_activation plain[] = {
      {"", LN_EMIT_LINEAR}, {"Relu", LN_EMIT_RELU}, {"Tanh", LN_EMIT_TANH}, {"Sigmoid", LN_EMIT_SIGMOID}};
  const char *name = ln_onnx_text(n, "activation", "");
  int32_t count;
  const float *p = ln_onnx_floats(n, numbers, &count);
  for (size_t i = 0; i < LN_COUNT(plain); ++i) {
    if (strcmp(name, plain[i].name) == 0) return ln_emit_activate(n->e, plain[i].activation, x);
  }
  if (strcmp(name, "LeakyRelu") == 0) return ln_emit_leaky_relu(n->e, x, p != NULL && count > 0 ? p[0] : 0.01);
  if (strcmp(name, "Clip") == 0 && p != NULL && count == 2) return ln_emit_clip(n->e, x, p[0], p[1]);
  if (strcmp(name, "HardSigmoid") == 0) {
    const double alpha = p != NULL && count > 0 ? p[0] : 0.2, beta = p != NULL && count > 1 ? p[1] : 0.5;
    return ln_emit_clip(n->e, ln_emit_add_number(n->e, ln_emit_mul_number(n->e, x, alpha), beta), 0, 1);
  }
  return ln_emit_refuse(n->e, "the fused activation %.40s; export without ONNX Runtime's optimizations", name);
}

void ln_onnx_ms_fused_conv(ln_onnx_node *n) {
  int32_t y = ln_onnx_emit_conv(n, ln_onnx_in(n, 0), ln_onnx_in(n, 1), ln_onnx_in(n, 2));
  if (ln_onnx_has(n, 3)) y = ln_emit_add(n->e, y, ln_onnx_in(n, 3));
  ln_onnx_out(n, 0, activated(n, y, "activation_params"));
}

/* ---- products ---- */

/* The first of the batch dimensions stands before the last dimension instead. */
static int32_t batch_back(ln_emit *e, int32_t a) {
  const int32_t rank = ln_emit_rank(e, a);
  int32_t order[LN_MAX_RANK];
  if (rank < 3) return a;
  for (int32_t i = 0; i < rank; ++i) order[i] = i < rank - 2 ? i + 1 : i == rank - 2 ? 0 : i;
  return ln_emit_transpose(e, a, order);
}

void ln_onnx_ms_fused_matmul(ln_onnx_node *n) {
  ln_emit *e = n->e;
  int32_t a = ln_onnx_in(n, 0), b = ln_onnx_in(n, 1);
  if (ln_onnx_int(n, "transBatchA", 0) != 0) a = batch_back(e, a);
  if (ln_onnx_int(n, "transBatchB", 0) != 0) b = batch_back(e, b);
  const double alpha = ln_onnx_float(n, "alpha", 1);
  if (alpha != 1 && ln_emit_is_const(e, b)) b = ln_emit_mul_number(e, b, alpha);
  else if (alpha != 1) a = ln_emit_mul_number(e, a, alpha);
  ln_onnx_out(n, 0, ln_emit_matmul(e, a, b, ln_onnx_int(n, "transA", 0) != 0, ln_onnx_int(n, "transB", 0) != 0));
}

void ln_onnx_ms_fused_gemm(ln_onnx_node *n) {
  ln_onnx_emit_gemm(n);
  if (ln_emit_failed(n->e)) return;
  ln_onnx_out(n, 0, activated(n, n->outputs[0].tensor, "activation_params"));
}

/* MatMulNBits: b [n, blocks, bytes] holds `bits` bits a weight, low ones first; scales [n, blocks], zero points in the
 * same packing (or half of the range), a bias. */
typedef struct packed {
  int32_t rows, columns, bits, block;
  const uint8_t *weights, *zeros; /* zeros NULL: half of the range */
  const float *wide_zeros;        /* in their stead */
  const float *scales;
} packed;

static int32_t bits_at(const uint8_t *data, size_t index, int32_t bits) {
  const size_t at = index * (size_t)bits;
  const uint32_t two = (uint32_t)data[at / 8];
  return (int32_t)(two >> (at % 8) & ((1u << bits) - 1));
}

static void unpack_rows(const packed *p, float *out) {
  const size_t blocks = ((size_t)p->columns + (size_t)p->block - 1) / (size_t)p->block;
  const size_t block_bytes = (size_t)p->block * (size_t)p->bits / 8, zero_bytes = (blocks * (size_t)p->bits + 7) / 8;
  for (size_t r = 0; r < (size_t)p->rows; ++r) {
    for (size_t c = 0; c < (size_t)p->columns; ++c) {
      const size_t block = c / (size_t)p->block, place = r * blocks + block;
      const float zero = p->wide_zeros != NULL ? p->wide_zeros[place]
                         : p->zeros != NULL    ? (float)bits_at(p->zeros + r * zero_bytes, block, p->bits)
                                               : (float)(1 << (p->bits - 1));
      const uint8_t *data = p->weights + place * block_bytes;
      out[r * (size_t)p->columns + c] = ((float)bits_at(data, c % (size_t)p->block, p->bits) - zero) * p->scales[place];
    }
  }
}

static bool holds(const ln_emit *e, int32_t t, size_t count, ln_type type) {
  return ln_emit_is_const(e, t) && ln_emit_type(e, t) == type && ln_emit_elements(e, t) == (int64_t)count;
}

static bool read_packed(ln_onnx_node *n, packed *p) {
  ln_emit *e = n->e;
  const int32_t b = ln_onnx_in(n, 1), s = ln_emit_cast(e, ln_onnx_in(n, 2), LN_FLOAT32);
  int32_t z = ln_onnx_in(n, 3);
  *p = (packed){.rows = ln_onnx_int32(n, "N", 0),
                .columns = ln_onnx_int32(n, "K", 0),
                .bits = ln_onnx_int32(n, "bits", 4),
                .block = ln_onnx_int32(n, "block_size", 0)};
  const bool sane = p->rows > 0 && p->columns > 0 && p->block >= 8 && p->block <= (1 << 16) &&
                    (p->bits == 2 || p->bits == 4 || p->bits == 8) && p->rows < (1 << 24) && p->columns < (1 << 24);
  if (!sane)
    return ln_emit_refuse(e, "%d bits in blocks of %d for %d rows of %d", p->bits, p->block, p->rows, p->columns) > 0;
  const size_t blocks = ((size_t)p->columns + (size_t)p->block - 1) / (size_t)p->block, rows = (size_t)p->rows;
  if (ln_onnx_has(n, 4)) return ln_emit_refuse(e, "weights in groups of another order; export without g_idx") > 0;
  if (!holds(e, b, rows * blocks * ((size_t)p->block * (size_t)p->bits / 8), LN_UINT8) ||
      !holds(e, s, rows * blocks, LN_FLOAT32)) {
    return ln_emit_wrong(e, "its packed weights do not fit its shape") > 0;
  }
  p->weights = ln_emit_data(e, b);
  p->scales = ln_emit_data(e, s);
  if (z < 0) return true;
  if (ln_emit_type(e, z) == LN_UINT8) {
    p->zeros = ln_emit_data(e, z);
    return holds(e, z, rows * ((blocks * (size_t)p->bits + 7) / 8), LN_UINT8) ||
           ln_emit_wrong(e, "its zero points do not fit") > 0;
  }
  z = ln_emit_cast(e, z, LN_FLOAT32);
  p->wide_zeros = ln_emit_data(e, z);
  return holds(e, z, rows * blocks, LN_FLOAT32) || ln_emit_wrong(e, "its zero points do not fit") > 0;
}

void ln_onnx_ms_matmul_nbits(ln_onnx_node *n) {
  ln_emit *e = n->e;
  packed p;
  size_t count;
  const int32_t in = ln_onnx_in(n, 0);
  if (!read_packed(n, &p)) return;
  if (!ln_size_mul((size_t)p.rows, (size_t)p.columns, &count) || count > ((size_t)1 << 32)) {
    ln_emit_refuse(e, "its weights are too large");
    return;
  }
  if (!ln_onnx_may_take(n, count * sizeof(float))) return;
  float *weights = ln_arena_array(ln_emit_arena(e), count, sizeof *weights);
  if (weights == NULL) {
    ln_import_no_memory(e->import);
    return;
  }
  unpack_rows(&p, weights);
  const int32_t w = ln_emit_const_view(e, LN_FLOAT32, 2, (const int32_t[]){p.rows, p.columns}, weights);
  ln_onnx_out(n, 0, ln_emit_dense(e, in, w, ln_onnx_in(n, 5)));
}

/* ---- normalization ---- */

/* input, skip, gamma, (beta,) bias; the sum is output 3. */
void ln_onnx_ms_skip_norm(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const bool simplified = n->variant != 0;
  const double epsilon = ln_onnx_float(n, "epsilon", simplified ? 1e-5 : 1e-12);
  const int32_t last = -1, bias = ln_onnx_in(n, simplified ? 3 : 4);
  int32_t sum = ln_emit_add(e, ln_onnx_in(n, 0), ln_onnx_in(n, 1));
  if (bias >= 0) sum = ln_emit_add(e, sum, bias);
  ln_onnx_out(n, 0,
              simplified ? ln_emit_rms_norm(e, sum, 1, &last, epsilon, ln_onnx_in(n, 2))
                         : ln_emit_layer_norm(e, sum, 1, &last, epsilon, ln_onnx_in(n, 2), ln_onnx_in(n, 3)));
  if (ln_onnx_wants(n, 3)) ln_onnx_out(n, 3, sum);
}

/* ids, segments, words, places, segments' rows, gamma, beta, mask, place ids. */
void ln_onnx_ms_embed_norm(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t ids = ln_onnx_in(n, 0), segments = ln_onnx_in(n, 1), places = ln_onnx_in(n, 3), last = -1, second = 1;
  int32_t sum = ln_emit_gather(e, ln_onnx_in(n, 2), ids, 0, 0), at = ln_onnx_in(n, 8);
  if (at < 0) at = ln_emit_count_up(e, ln_emit_size_of(e, ids, 1));
  sum = ln_emit_add(e, sum, ln_emit_gather(e, places, at, 0, 0));
  if (segments >= 0) sum = ln_emit_add(e, sum, ln_emit_gather(e, ln_onnx_in(n, 4), segments, 0, 0));
  const double epsilon = ln_onnx_float(n, "epsilon", 1e-12);
  ln_onnx_out(n, 0, ln_emit_layer_norm(e, sum, 1, &last, epsilon, ln_onnx_in(n, 5), ln_onnx_in(n, 6)));
  if (ln_onnx_wants(n, 1)) { /* how many of the mask are set; zeros without one */
    const int32_t mask = ln_onnx_has(n, 7) ? ln_onnx_in(n, 7) : ln_emit_unary(e, LN_OP_ZEROS_LIKE, ids);
    ln_onnx_out(n, 1, ln_emit_reduce(e, LN_OP_SUM, ln_emit_cast(e, mask, LN_INT32), 1, &second, false));
  }
  if (ln_onnx_wants(n, 2)) ln_onnx_out(n, 2, sum);
}

/* ---- attention ---- */

/* What a padding mask of any of its shapes adds or hides: bool that broadcasts to [batch, heads, time, keys]; -1:
 * nothing.
 */
static int32_t mask_of(ln_onnx_node *n, int32_t mask, const ln_onnx_attention *t, int32_t *lengths) {
  ln_emit *e = n->e;
  const int32_t middle[2] = {1, 2}, one = 1, zero = ln_emit_i32(e, 0);
  if (mask < 0 || ln_emit_failed(e)) return -1;
  const int32_t rank = ln_emit_rank(e, mask);
  if (rank == 1) {
    const int32_t size = ln_emit_dim(e, mask, 0), batch = ln_emit_dim(e, t->q, 0);
    if (size >= 0 && batch >= 0 && size != batch) {
      return ln_emit_refuse(e, "a mask of the beginnings and ends of sequences; export with a mask for each token");
    }
    *lengths = mask;
    return -1;
  }
  const int32_t seen = ln_emit_compare(e, LN_OP_GREATER, mask, zero);
  if (rank == 2) return ln_emit_expand(e, seen, 2, middle);
  return rank == 3 ? ln_emit_expand(e, seen, 1, &one) : seen;
}

/* What both operators share: past keys and values [2, batch, heads, time, size], masks, a bias of the scores. */
static void attend(ln_onnx_node *n, ln_onnx_attention *t, int32_t mask, int32_t bias) {
  ln_emit *e = n->e;
  t->scale = ln_onnx_float(n, "scale", 0);
  t->causal = ln_onnx_int(n, "unidirectional", 0) != 0;
  t->left = t->right = t->shown = -1;
  t->sees_something = true;
  t->mask = mask_of(n, mask, t, &t->lengths);
  if (bias >= 0 && t->mask >= 0) {
    t->mask = ln_emit_select(e, t->mask, bias, ln_emit_f32(e, ln_onnx_float(n, "mask_filter_value", -10000)));
  } else if (bias >= 0) {
    t->mask = bias;
  }
  ln_onnx_out(n, 0, ln_onnx_join_heads(e, ln_onnx_attend(e, t)));
}

/* x [batch, time, in] times weights [in, q + k + v]. */
static void attention_of(ln_onnx_node *n, int32_t x, int32_t weights, int32_t bias, int32_t mask, int32_t past,
                         int32_t extra) {
  ln_emit *e = n->e;
  const int32_t heads = ln_onnx_int32(n, "num_heads", 0), all = ln_emit_dim(e, weights, 1);
  int32_t sizes[3] = {all / 3, all / 3, all / 3}, given, parts[3];
  const int64_t *own = ln_onnx_ints(n, "qkv_hidden_sizes", &given);
  ln_onnx_attention t = {.offset = -1, .lengths = -1};
  for (int32_t i = 0; own != NULL && given == 3 && i < 3; ++i)
    sizes[i] = own[i] > 0 && own[i] <= all ? (int32_t)own[i] : 0;
  if (ln_emit_failed(e)) return;
  if (all < 3 || (int64_t)sizes[0] + sizes[1] + sizes[2] != all || ln_onnx_int(n, "do_rotary", 0) != 0) {
    ln_emit_refuse(e, "its weights of %d columns; export without ONNX Runtime's optimizations", all);
    return;
  }
  int32_t y = ln_onnx_is_weight(e, weights) ? ln_emit_dense(e, x, ln_emit_swap(e, weights, 0, 1), bias)
                                            : ln_emit_matmul(e, x, weights, false, false);
  if (!ln_onnx_is_weight(e, weights) && bias >= 0) y = ln_emit_add(e, y, bias);
  if (!ln_emit_split(e, y, 2, 3, sizes, parts)) return;
  t.q = ln_onnx_split_heads(e, parts[0], heads);
  t.k = ln_onnx_split_heads(e, parts[1], heads);
  t.v = ln_onnx_split_heads(e, parts[2], heads);
  if (past >= 0) {
    t.offset = ln_emit_size_of(e, past, 3);
    t.k = ln_emit_concat(e, 2, 2, (const int32_t[]){ln_emit_pick(e, past, 0, 0), t.k});
    t.v = ln_emit_concat(e, 2, 2, (const int32_t[]){ln_emit_pick(e, past, 0, 1), t.v});
  }
  attend(n, &t, mask, extra);
  if (ln_onnx_wants(n, 1)) ln_onnx_out(n, 1, ln_emit_pack(e, 0, 2, (const int32_t[]){t.k, t.v}));
}

void ln_onnx_ms_attention(ln_onnx_node *n) {
  attention_of(n, ln_onnx_in(n, 0), ln_onnx_in(n, 1), ln_onnx_in(n, 2), ln_onnx_in(n, 3), ln_onnx_in(n, 4),
               ln_onnx_in(n, 5));
}

/* input, weights, bias, their scales, mask, their zero points, past. */
void ln_onnx_ms_qattention(ln_onnx_node *n) {
  const ln_onnx_scale x = ln_onnx_scale_in(n, 3, 6);
  ln_onnx_scale w = ln_onnx_scale_in(n, 4, 7);
  w.axis = 1;
  attention_of(n, ln_onnx_dequantize(n, ln_onnx_in(n, 0), &x), ln_onnx_dequantize(n, ln_onnx_in(n, 1), &w),
               ln_onnx_in(n, 2), ln_onnx_in(n, 5), ln_onnx_in(n, 8), -1);
}

/* [batch, time, hidden] with a part of the bias; [batch, heads, time, size] comes as it is. */
static int32_t heads_of(ln_onnx_node *n, int32_t input, int32_t bias, int32_t from) {
  ln_emit *e = n->e;
  int32_t a = ln_onnx_in(n, input);
  if (ln_emit_rank(e, a) == 4) return a;
  const int32_t width = ln_emit_dim(e, a, 2);
  if (bias >= 0) a = ln_emit_add(e, a, ln_emit_slice(e, bias, 0, from, from + width, 1));
  return ln_onnx_split_heads(e, a, ln_onnx_int32(n, "num_heads", 0));
}

/* query, key, value, bias, padding mask, a bias of the scores, past key and value. */
void ln_onnx_ms_multi_head(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t bias = ln_onnx_in(n, 3), past = ln_onnx_in(n, 6), width = ln_emit_dim(e, ln_onnx_in(n, 0), -1);
  ln_onnx_attention t = {.offset = -1, .lengths = -1};
  if (!ln_onnx_has(n, 1) || !ln_onnx_has(n, 2)) {
    ln_emit_refuse(e, "queries, keys and values packed in one; export without ONNX Runtime's optimizations");
    return;
  }
  t.q = heads_of(n, 0, bias, 0);
  t.k = heads_of(n, 1, bias, width);
  t.v = heads_of(n, 2, bias, 2 * width);
  if (past >= 0) {
    t.offset = ln_emit_size_of(e, past, 2);
    t.k = ln_emit_concat(e, 2, 2, (const int32_t[]){past, t.k});
    t.v = ln_emit_concat(e, 2, 2, (const int32_t[]){ln_onnx_in(n, 7), t.v});
  }
  attend(n, &t, ln_onnx_in(n, 4), ln_onnx_in(n, 5));
  if (ln_onnx_wants(n, 1)) ln_onnx_out(n, 1, t.k);
  if (ln_onnx_wants(n, 2)) ln_onnx_out(n, 2, t.v);
}
