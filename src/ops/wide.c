/* Tensors as doubles: see ops/wide.h. */
#include "ops/wide.h"

#include <string.h>

#include "ops/elementwise.h"

static bool is_complex(ln_type type) { return type == LN_COMPLEX64 || type == LN_COMPLEX128; }
static bool stands(ln_type type) { return type == LN_FLOAT64 || type == LN_COMPLEX128; }

static bool is_number(const ln_tensor *tensor) {
  return tensor != NULL && tensor->type != LN_STRING && tensor->type != LN_RESOURCE && tensor->type != LN_VARIANT &&
         ln_type_bits(tensor->type) >= 8;
}

size_t ln_wide_count(const ln_tensor *tensor) {
  if (!is_number(tensor) || stands(tensor->type)) return 0;
  return ln_shape_span(&tensor->shape, 0, tensor->shape.rank) * (is_complex(tensor->type) ? 2 : 1);
}

void ln_wide_load(ln_type type, const void *in, size_t count, double *out) {
  const size_t parts = is_complex(type) ? 2 : 1;
  if (stands(type)) memcpy(out, in, parts * count * sizeof *out);
  else ln_k_cast(in, parts == 2 ? LN_NUMBER_F32 : ln_number_of(type), out, LN_NUMBER_F64, parts * count);
}

void ln_wide_store(ln_type type, const double *in, size_t count, void *out) {
  const size_t parts = is_complex(type) ? 2 : 1;
  if (stands(type)) memcpy(out, in, parts * count * sizeof *in);
  else ln_k_cast(in, LN_NUMBER_F64, out, parts == 2 ? LN_NUMBER_F32 : ln_number_of(type), parts * count);
}

bool ln_wide_is_whole(ln_type type) {
  return type == LN_INT8 || type == LN_UINT8 || type == LN_INT16 || type == LN_UINT16 || type == LN_INT32 ||
         type == LN_UINT32;
}

double ln_wide_wrap(ln_type type, uint64_t bits) {
  const int32_t width = ln_type_bits(type);
  const uint64_t mask = (UINT64_C(1) << width) - 1, low = bits & mask;
  const bool is_signed = type == LN_INT8 || type == LN_INT16 || type == LN_INT32;
  return is_signed && low > mask / 2 ? (double)low - (double)mask - 1.0 : (double)low;
}

ln_status ln_wide_reserve(ln_node *node, ln_prep *prep, size_t extra) {
  size_t total = extra;
  bool fits = true;
  for (int32_t i = 0; i < node->in_count && i < LN_WIDE_TENSORS; ++i) {
    fits = fits && ln_size_add(total, ln_wide_count(node->in[i]), &total);
  }
  for (int32_t i = 0; i < node->out_count && i < LN_WIDE_TENSORS; ++i) {
    fits = fits && ln_size_add(total, ln_wide_count(node->out[i]), &total);
  }
  if (fits && ln_size_mul(total, sizeof(double), &node->scratch_bytes)) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

void ln_wide_open(const ln_node *node, const ln_exec *exec, ln_wide *wide) {
  double *at = exec->scratch;
  memset(wide, 0, sizeof *wide);
  for (int32_t i = 0; i < node->in_count && i < LN_WIDE_TENSORS; ++i) {
    const ln_tensor *in = node->in[i];
    if (!is_number(in)) continue;
    wide->in[i] = stands(in->type) ? in->data : at;
    if (stands(in->type)) continue;
    ln_wide_load(in->type, in->data, ln_shape_span(&in->shape, 0, in->shape.rank), at);
    at += ln_wide_count(in);
  }
  for (int32_t i = 0; i < node->out_count && i < LN_WIDE_TENSORS; ++i) {
    const ln_tensor *out = node->out[i];
    if (!is_number(out)) continue;
    wide->out[i] = stands(out->type) ? out->data : at;
    at += ln_wide_count(out);
  }
  wide->extra = at;
}

void ln_wide_close(const ln_node *node, const ln_wide *wide) {
  for (int32_t i = 0; i < node->out_count && i < LN_WIDE_TENSORS; ++i) {
    const ln_tensor *out = node->out[i];
    if (!is_number(out) || stands(out->type)) continue;
    ln_wide_store(out->type, wide->out[i], ln_shape_span(&out->shape, 0, out->shape.rank), out->data);
  }
}
