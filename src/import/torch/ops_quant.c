/*
 * Quantization as PyTorch's exporters write it: pairs that round to integers and come back. One scale for a tensor
 * becomes QUANTIZE and DEQUANTIZE of TFLite; a scale a channel, and integers that these do not have, are computed.
 */
#include <math.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

typedef struct range {
  ln_type type;
  double low, high;
} range;

static const range ranges[] = {{LN_INT8, -128, 127}, {LN_UINT8, 0, 255}, {LN_INT16, -32768, 32767}};

static const range *range_of(ln_type type) {
  for (size_t i = 0; i < LN_COUNT(ranges); ++i) {
    if (ranges[i].type == type) return &ranges[i];
  }
  return NULL;
}

/* An operator of quantized tensors is never computed at once: the integers would lose what they stand for. */
static int32_t keep(torch_node *n, int32_t code, int32_t a, ln_type type) {
  const bool folds = n->e->without_fold;
  n->e->without_fold = true;
  const int32_t made = ln_emit_op(n->e, code, NULL, 1, &a, type);
  n->e->without_fold = folds;
  return made;
}

static void stand_for(torch_node *n, int32_t a, double scale, double zero) {
  const ln_quant *quant = ln_quant_make(ln_emit_arena(n->e), (float)scale, (int64_t)zero);
  if (quant == NULL) ln_import_no_memory(n->e->import);
  else if (a >= 0) ln_emit_graph(n->e)->tensors[a].quant = quant;
}

/* Scale and zero point where there is one of each, known now; -1 tensors stand for themselves. */
/* The tensor is "input", of fake quantization "self". */
typedef struct scaling {
  bool plain;
  double scale, zero;
  int32_t scales, zeros; /* that meet the tensor's dimensions */
} scaling;

/* [channels] as [.., channels, 1, ..] along `axis`. */
static int32_t along(torch_node *n, int32_t vector, int32_t axis, int32_t rank) {
  ln_dim dims[LN_MAX_RANK];
  for (int32_t i = 0; i < rank; ++i) dims[i] = i == axis ? LN_DIM_OF(vector, 0) : LN_DIM(1);
  return ln_emit_reshape(n->e, vector, rank, dims);
}

static bool read_scaling(torch_node *n, int32_t a, bool channels, scaling *out) {
  const int32_t rank = ln_emit_rank(n->e, a);
  const bool many = ln_torch_has(n, "scales");
  *out = (scaling){.scales = ln_torch_tensor(n, many ? "scales" : "scale"),
                   .zeros = ln_torch_tensor_or(n, many ? "zero_points" : "zero_point")};
  if (ln_emit_failed(n->e)) return false;
  if (out->zeros < 0) out->zeros = ln_emit_scalar(n->e, LN_INT64, 0);
  if (channels) {
    const int32_t axis = ln_torch_axis(n, ln_torch_int(n, "axis", 0), rank);
    if (axis < 0) return false;
    out->scales = along(n, out->scales, axis, rank);
    if (ln_emit_rank(n->e, out->zeros) > 0) out->zeros = along(n, out->zeros, axis, rank);
  } else {
    out->plain = ln_emit_number(n->e, out->scales, &out->scale) && ln_emit_number(n->e, out->zeros, &out->zero);
  }
  out->scales = ln_emit_cast(n->e, out->scales, LN_FLOAT32);
  out->zeros = ln_emit_cast(n->e, out->zeros, LN_FLOAT32);
  return !ln_emit_failed(n->e);
}

/* Whether TFLite's operators take integers of this type about this zero point. */
static bool is_stored(ln_type type, const scaling *s) {
  const range *r = range_of(type);
  return s->plain && r != NULL && s->scale > 0 && s->zero >= r->low && s->zero <= r->high &&
         (type != LN_INT16 || s->zero == 0);
}

/* Variants: 1 a scale a channel. */
int32_t ln_torch_quantize(torch_node *n) {
  scaling s;
  int32_t a = ln_torch_tensor(n, "input");
  const ln_type type = ln_torch_dtype(n, "dtype", LN_INT8);
  if (!read_scaling(n, a, n->variant == 1, &s)) return -1;
  const range *r = range_of(type);
  const double low = ln_torch_number(n, "quant_min", r != NULL ? r->low : -INFINITY);
  const double high = ln_torch_number(n, "quant_max", r != NULL ? r->high : INFINITY);
  if (is_stored(type, &s)) {
    if (low > r->low || high < r->high) a = ln_emit_clip(n->e, a, (low - s.zero) * s.scale, (high - s.zero) * s.scale);
    const int32_t made = keep(n, LN_OP_QUANTIZE, a, type);
    stand_for(n, made, s.scale, s.zero);
    return made;
  }
  a = ln_emit_unary(n->e, LN_OP_ROUND, ln_emit_div(n->e, a, s.scales));
  return ln_emit_cast(n->e, ln_emit_clip(n->e, ln_emit_add(n->e, a, s.zeros), low, high), type);
}

int32_t ln_torch_dequantize(torch_node *n) {
  scaling s;
  int32_t a = ln_torch_tensor(n, "input");
  if (!read_scaling(n, a, n->variant == 1, &s)) return -1;
  if (is_stored(ln_emit_type(n->e, a), &s) && !ln_emit_is_const(n->e, a)) {
    const ln_quant *said = ln_emit_graph(n->e)->tensors[a].quant;
    const bool same =
        said->kind == LN_QUANT_TENSOR && said->scale[0] == (float)s.scale && said->zero_point[0] == (int64_t)s.zero;
    if (said->kind == LN_QUANT_NONE) stand_for(n, a, s.scale, s.zero);
    if (same || said->kind == LN_QUANT_NONE) return keep(n, LN_OP_DEQUANTIZE, a, LN_FLOAT32);
  }
  a = ln_emit_sub(n->e, ln_emit_cast(n->e, a, LN_FLOAT32), s.zeros);
  return ln_emit_mul(n->e, a, s.scales);
}

/* There and back, as floats. Variants: 1 a scale a channel. */
int32_t ln_torch_fake_quantize(torch_node *n) {
  scaling s;
  const int32_t a = ln_torch_tensor(n, "self");
  if (!read_scaling(n, a, n->variant == 1, &s)) return -1;
  const double low = ln_torch_number(n, "quant_min", -128), high = ln_torch_number(n, "quant_max", 127);
  for (size_t i = 0; i < LN_COUNT(ranges); ++i) {
    if (ranges[i].low != low || ranges[i].high != high || !is_stored(ranges[i].type, &s)) continue;
    const int32_t made = keep(n, LN_OP_QUANTIZE, a, ranges[i].type);
    stand_for(n, made, s.scale, s.zero);
    return keep(n, LN_OP_DEQUANTIZE, made, LN_FLOAT32);
  }
  const int32_t whole = ln_emit_unary(n->e, LN_OP_ROUND, ln_emit_div(n->e, a, s.scales));
  const int32_t kept = ln_emit_clip(n->e, ln_emit_add(n->e, whole, s.zeros), low, high);
  return ln_emit_mul(n->e, ln_emit_sub(n->e, kept, s.zeros), s.scales);
}

#endif
