/* Constants: TensorProto and SparseTensorProto of every element type that TensorFlow Lite has. */
#include <string.h>

#include "import/onnx/onnx.h"
#include "onnx.pb-c.h"

/* Which of a message's fields holds elements that stand in no raw bytes. */
typedef enum store { IN_FLOATS, IN_INT32, IN_INT64, IN_UINT64, IN_DOUBLES, IN_TEXTS } store;

typedef struct element_type {
  int32_t number;
  const char *name;
  bool known; /* TensorFlow Lite has it */
  ln_type type;
  store in;
} element_type;

static const element_type types[] = {
#define LN_ONNX_TYPE(number, name, type, in) {number, name, true, type, in},
#define LN_ONNX_NO_TYPE(number, name) {number, name, false, LN_FLOAT32, IN_INT32},
#include "import/onnx/onnx_types.def"
};

static const element_type *find_type(int64_t number) {
  for (size_t i = 0; i < LN_COUNT(types); ++i) {
    if (types[i].number == number) return &types[i];
  }
  return NULL;
}

static const element_type *want_type(ln_emit *e, int64_t number) {
  const element_type *type = find_type(number);
  if (type != NULL && type->known) return type;
  if (type == NULL) ln_emit_wrong(e, "no element type has the number %lld", (long long)number);
  else ln_emit_refuse(e, "TensorFlow Lite has no element type %s; cast to another before exporting", type->name);
  return NULL;
}

bool ln_onnx_stored_type(ln_emit *e, int64_t number, ln_type *out) {
  const element_type *type = want_type(e, number);
  if (type != NULL) *out = type->type;
  return type != NULL;
}

bool ln_onnx_type_of(ln_emit *e, int64_t number, ln_type *out) {
  if (!ln_onnx_stored_type(e, number, out)) return false;
  if (*out == LN_FLOAT16 || *out == LN_BFLOAT16) *out = LN_FLOAT32;
  return true;
}

int32_t ln_onnx_widen(ln_emit *e, int32_t a) {
  if (ln_emit_failed(e) || a < 0) return -1;
  const ln_type type = ln_emit_type(e, a);
  return type == LN_FLOAT16 || type == LN_BFLOAT16 ? ln_emit_cast(e, a, LN_FLOAT32) : a;
}

/* ---- shapes ---- */

static bool read_dims(ln_emit *e, size_t count, const int64_t *dims, ln_shape *out, size_t *elements) {
  if (count > LN_MAX_RANK) {
    ln_emit_refuse(e, "a constant of %zu dimensions; at most %d are possible", count, LN_MAX_RANK);
    return false;
  }
  *out = (ln_shape){.rank = (int32_t)count};
  for (size_t i = 0; i < count; ++i) {
    if (dims[i] < 0 || dims[i] > INT32_MAX) {
      ln_emit_wrong(e, "a constant's dimension is %lld", (long long)dims[i]);
      return false;
    }
    out->dims[i] = (int32_t)dims[i];
  }
  if (ln_size_product(out->dims, out->rank, elements)) return true;
  ln_emit_wrong(e, "a constant's dimensions are too large");
  return false;
}

/* ---- data ---- */

static int32_t no_data(ln_emit *e, const Onnx__Tensor *tensor) {
  return ln_emit_wrong(e, "the constant %.80s holds another number of elements than its shape says",
                       tensor->name != NULL ? tensor->name : "");
}

/* Elements of `size` bytes from wider integers, whose low bits they are. */
#define NARROW(from_type, values)                                       \
  for (size_t i = 0; i < count; ++i) {                                  \
    const from_type wide = (values)[i];                                 \
    memcpy((uint8_t *)out + i * size, &wide, size); /* little-endian */ \
  }

/* From a field of typed values into `out`: `count` values of `size` bytes each. */
static bool narrow(const Onnx__Tensor *tensor, store in, size_t count, size_t size, void *out) {
  const size_t held = in == IN_INT32 ? tensor->n_int32_data : tensor->n_uint64_data;
  if (held != count) return false;
  if (in == IN_INT32) {
    NARROW(int32_t, tensor->int32_data)
  } else {
    NARROW(uint64_t, tensor->uint64_data)
  }
  return true;
}

/* Complex numbers are pairs. */
static const void *typed_view(const Onnx__Tensor *tensor, const element_type *type, size_t elements) {
  const size_t parts = type->type == LN_COMPLEX64 || type->type == LN_COMPLEX128 ? 2 : 1;
  const size_t want = elements * parts; /* bounded: the tensor's bytes were counted */
  switch (type->in) {
    case IN_FLOATS: return tensor->n_float_data == want ? tensor->float_data : NULL;
    case IN_DOUBLES: return tensor->n_double_data == want ? tensor->double_data : NULL;
    case IN_INT64: return tensor->n_int64_data == want ? tensor->int64_data : NULL;
    default: return NULL;
  }
}

static const void *typed_data(ln_emit *e, const Onnx__Tensor *tensor, const element_type *type, size_t elements,
                              size_t bytes) {
  const int32_t bits = ln_type_bits(type->type);
  if (type->in != IN_INT32 && type->in != IN_UINT64) return typed_view(tensor, type, elements);
  if (bits == 64) return tensor->n_uint64_data == elements ? tensor->uint64_data : NULL;
  /* Checked before memory is taken: there is no more than the file holds. */
  const size_t values = bits < 8 ? bytes : elements;
  if ((type->in == IN_INT32 ? tensor->n_int32_data : tensor->n_uint64_data) != values) return NULL;
  void *out = ln_arena_alloc(ln_emit_arena(e), bytes);
  if (out == NULL) {
    ln_import_no_memory(e->import);
    return NULL;
  }
  return narrow(tensor, type->in, values, bits < 8 ? 1 : (size_t)bits / 8, out) ? out : NULL;
}

static int32_t string_constant(ln_emit *e, const Onnx__Tensor *tensor, const ln_shape *shape, size_t elements) {
  if (tensor->n_string_data != elements) return no_data(e, tensor);
  const char **texts = ln_arena_array(ln_emit_arena(e), elements, sizeof *texts);
  size_t *lengths = ln_arena_array(ln_emit_arena(e), elements, sizeof *lengths);
  if (texts == NULL || lengths == NULL) return ln_import_no_memory(e->import);
  for (size_t i = 0; i < elements; ++i) {
    texts[i] = (const char *)tensor->string_data[i].data;
    lengths[i] = tensor->string_data[i].len;
  }
  return ln_emit_strings(e, shape->rank, shape->dims, texts, lengths);
}

int32_t ln_onnx_constant(ln_onnx *onnx, ln_emit *e, const Onnx__Tensor *tensor) {
  enum { EXTERNAL = 1 };
  ln_shape shape;
  size_t elements, bytes;
  const element_type *type = want_type(e, tensor->data_type);
  if (type == NULL || !read_dims(e, tensor->n_dims, tensor->dims, &shape, &elements)) return -1;
  if (type->in == IN_TEXTS) return string_constant(e, tensor, &shape, elements);
  if (!ln_tensor_size(type->type, &shape, &bytes)) return ln_emit_wrong(e, "a constant's dimensions are too large");
  const void *data = "";
  if (tensor->data_location == EXTERNAL) data = ln_onnx_external(onnx, e, tensor, bytes);
  else if (tensor->has_raw_data) data = tensor->raw_data.len == bytes ? tensor->raw_data.data : NULL;
  else if (elements > 0) data = typed_data(e, tensor, type, elements, bytes);
  if (ln_emit_failed(e)) return -1;
  if (data == NULL && bytes > 0) return no_data(e, tensor);
  return ln_onnx_widen(e, ln_emit_const_view(e, type->type, shape.rank, shape.dims, bytes > 0 ? data : ""));
}

/* ---- sparse constants ---- */

/* Where value `i` stands: its place in row-major order, or one index a dimension. */
static bool place_of(const Onnx__SparseTensor *sparse, const int64_t *indices, const ln_shape *shape, size_t i,
                     size_t elements, size_t *out) {
  size_t place = 0;
  if (sparse->indices->n_dims == 1) {
    place = (size_t)indices[i];
  } else {
    for (int32_t k = 0; k < shape->rank; ++k) {
      const int64_t index = indices[i * (size_t)shape->rank + (size_t)k];
      if (index < 0 || index >= shape->dims[k]) return false;
      place = place * (size_t)shape->dims[k] + (size_t)index; /* bounded: below the checked product */
    }
  }
  *out = place;
  return place < elements;
}

static bool fits(const Onnx__SparseTensor *sparse, const ln_shape *shape, size_t count) {
  const Onnx__Tensor *at = sparse->indices;
  if (at->n_dims == 1) return (size_t)at->dims[0] == count;
  return at->n_dims == 2 && (size_t)at->dims[0] == count && at->dims[1] == shape->rank;
}

int32_t ln_onnx_dense(ln_onnx *onnx, ln_emit *e, const Onnx__SparseTensor *sparse) {
  enum { LARGEST = 1 << 28 }; /* bytes: a file of a few could ask for any number */
  ln_shape shape;
  size_t elements, bytes, count;
  if (sparse->values == NULL || sparse->indices == NULL) return ln_emit_wrong(e, "a sparse constant is not complete");
  const int32_t values = ln_onnx_constant(onnx, e, sparse->values), at = ln_onnx_constant(onnx, e, sparse->indices);
  if (ln_emit_failed(e) || !read_dims(e, sparse->n_dims, sparse->dims, &shape, &elements)) return -1;
  const ln_type type = ln_emit_type(e, values);
  const size_t size = (size_t)ln_type_bits(type) / 8;
  if (size == 0) return ln_emit_refuse(e, "a sparse constant of %s", ln_type_name(type));
  if (!ln_size_mul(elements, size, &bytes) || bytes > LARGEST)
    return ln_emit_refuse(e, "a sparse constant is too large");
  count = (size_t)ln_emit_elements(e, values);
  if (ln_emit_type(e, at) != LN_INT64 || !fits(sparse, &shape, count)) {
    return ln_emit_wrong(e, "a sparse constant's indices do not fit its values");
  }
  uint8_t *dense = ln_arena_alloc(ln_emit_arena(e), bytes);
  if (dense == NULL) return ln_import_no_memory(e->import);
  for (size_t i = 0; i < count; ++i) {
    size_t place;
    if (!place_of(sparse, ln_emit_data(e, at), &shape, i, elements, &place)) {
      return ln_emit_wrong(e, "a sparse constant's index is outside of it");
    }
    memcpy(dense + place * size, (const uint8_t *)ln_emit_data(e, values) + i * size, size);
  }
  return ln_emit_const_view(e, type, shape.rank, shape.dims, dense);
}
