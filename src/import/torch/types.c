/* Element types of results: PyTorch's promotion. */
#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

static int32_t width_of(ln_type type) {
  static const ln_type order[] = {LN_BOOL,  LN_UINT8,  LN_INT8,    LN_INT16,    LN_UINT16,  LN_INT32,  LN_UINT32,
                                  LN_INT64, LN_UINT64, LN_FLOAT16, LN_BFLOAT16, LN_FLOAT32, LN_FLOAT64};
  for (size_t i = 0; i < LN_COUNT(order); ++i) {
    if (order[i] == type) return (int32_t)i;
  }
  return -1;
}

ln_type ln_torch_promote(ln_type a, ln_type b) {
  const bool halves = (a == LN_FLOAT16 && b == LN_BFLOAT16) || (a == LN_BFLOAT16 && b == LN_FLOAT16);
  const bool bytes = (a == LN_UINT8 && b == LN_INT8) || (a == LN_INT8 && b == LN_UINT8);
  if (halves) return LN_FLOAT32;
  if (bytes) return LN_INT16;
  return width_of(a) >= width_of(b) ? a : b;
}

/* What weaker operands add to the type of stronger ones: only a higher kind counts. */
static ln_type combine(ln_type strong, ln_type weak) {
  if (ln_emit_is_float(strong)) return strong;
  return strong == LN_BOOL || ln_emit_is_float(weak) ? ln_torch_promote(strong, weak) : strong;
}

/* How strong an argument is: 0 a number, 1 a scalar, 2 a tensor; its type. */
static int32_t strength(const torch_node *n, const char *name, ln_type *type) {
  const cJSON *value = ln_torch_arg(n, name);
  const int32_t tensor = ln_torch_tensor(n, name);
  if (tensor < 0) return -1;
  *type = ln_emit_type(n->e, tensor);
  const bool number = value->string[3] != 't';       /* "as_tensor" */
  if (number && *type == LN_INT32) *type = LN_INT64; /* a size */
  return number ? 0 : ln_emit_rank(n->e, tensor) == 0 ? 1 : 2;
}

ln_type ln_torch_result_type(const torch_node *n, const char *first, const char *second) {
  ln_type a = LN_FLOAT32, b = LN_FLOAT32;
  const int32_t of_a = strength(n, first, &a), of_b = strength(n, second, &b);
  if (of_a == of_b) return ln_torch_promote(a, b);
  return of_a > of_b ? combine(a, b) : combine(b, a);
}

bool ln_torch_operands(const torch_node *n, const char *first, const char *second, int32_t *a, int32_t *b) {
  const ln_type type = ln_torch_result_type(n, first, second);
  *a = ln_emit_cast(n->e, ln_torch_tensor(n, first), type);
  *b = ln_emit_cast(n->e, ln_torch_tensor(n, second), type);
  return !ln_emit_failed(n->e);
}

int32_t ln_torch_as_float(const torch_node *n, int32_t a) {
  return a < 0 || ln_emit_is_float(ln_emit_type(n->e, a)) ? a : ln_emit_cast(n->e, a, LN_FLOAT32);
}

ln_type ln_torch_working_type(ln_type type) {
  return type == LN_INT8 || type == LN_UINT8 || type == LN_INT16 || type == LN_UINT16 || type == LN_BOOL ? LN_INT32
                                                                                                         : type;
}

#endif
