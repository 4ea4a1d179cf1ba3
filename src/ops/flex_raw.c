/*
 * Select-TF operators between the bytes of strings and tensors: DecodeRaw, DecodePaddedRaw, ParseTensor and
 * SerializeTensor (TensorProto: tensorflow/core/framework/tensor.proto), Fingerprint, DecodeCSV.
 */
#include "kernels/fingerprint.h"
#include "kernels/number_text.h"
#include "ops/flex_attr.h"
#include "ops/elementwise.h"
#include "ops/rows.h"
#include "ops/strings.h"
#include "ops/text_map.h"

/* ---- elements as they lie in memory ---- */

/* Bytes whose order is turned: of a complex number, each of its two. */
static size_t swapped_bytes(ln_type type) {
  return type == LN_COMPLEX64 || type == LN_COMPLEX128 ? ln_type_bytes(type) / 2 : ln_type_bytes(type);
}

static void swap_bytes(char *data, size_t bytes, size_t unit) {
  for (size_t i = 0; unit > 1 && i + unit <= bytes; i += unit) {
    for (size_t j = 0; j < unit / 2; ++j) {
      const char kept = data[i + j];
      data[i + j] = data[i + unit - 1 - j];
      data[i + unit - 1 - j] = kept;
    }
  }
}

/* Gives output 0, a string's bytes a row, cut to or filled up with zeros to `bytes`. */
static ln_status give_rows(const ln_node *node, const ln_texts *texts, size_t bytes, ln_error *err) {
  const ln_type type = node->out[0]->type;
  const size_t item = ln_type_bytes(type);
  ln_shape shape = node->in[0]->shape;
  size_t total;
  bool little = true;
  LN_TRY(ln_attr_bool(node, err, "little_endian", &little));
  if (shape.rank >= LN_MAX_RANK || bytes / item > INT32_MAX) {
    return ln_node_fail(node, err, LN_ERR_LIMIT, "rows of %zu bytes, in too many dimensions or too long", bytes);
  }
  shape.dims[shape.rank++] = (int32_t)(bytes / item);
  if (!ln_size_mul(texts->count, bytes, &total)) return ln_node_fail(node, err, LN_ERR_LIMIT, "too large");
  LN_TRY(ln_host_output(node, 0, &shape, total, err));
  char *out = node->out[0]->data;
  for (size_t i = 0; i < texts->count && bytes > 0; ++i, out += bytes) {
    const ln_span text = ln_texts_at(texts, i);
    const size_t held = text.size < bytes ? text.size : bytes;
    memcpy(out, text.data, held);
    memset(out + held, 0, bytes - held);
    if (!little) swap_bytes(out, bytes, swapped_bytes(type));
    for (size_t j = 0; j < bytes && type == LN_BOOL; ++j) out[j] = out[j] != 0;
  }
  return LN_OK;
}

ln_status ln_decode_raw_run(const ln_node *node, ln_exec *exec) {
  const size_t item = ln_type_bytes(node->out[0]->type);
  ln_texts texts;
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  const size_t bytes = texts.count > 0 ? ln_texts_at(&texts, 0).size : 0;
  for (size_t i = 0; i < texts.count; ++i) {
    const size_t size = ln_texts_at(&texts, i).size;
    if (size == bytes && size % item == 0) continue;
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "string %zu has %zu bytes: the first has %zu, an element %zu", i,
                        size, bytes, item);
  }
  return give_rows(node, &texts, bytes, exec->err);
}

ln_status ln_decode_padded_raw_run(const ln_node *node, ln_exec *exec) {
  const size_t item = ln_type_bytes(node->out[0]->type);
  int64_t length;
  ln_texts texts;
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  LN_TRY(ln_number_scalar(node, 1, exec->err, &length));
  if (length <= 0 || (uint64_t)length % item != 0) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "%lld bytes, of elements of %zu", (long long)length, item);
  }
  return give_rows(node, &texts, (size_t)length, exec->err);
}

/* ---- TensorProto ---- */

ln_status ln_parse_tensor_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *out = node->out[0];
  ln_nodedef_tensor tensor;
  ln_span message;
  size_t bytes;
  LN_TRY(ln_text_scalar(node, 0, exec->err, &message));
  if (!ln_tf_tensor(ln_wire_of(message.data, message.size), &tensor)) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "the string is no tensor");
  }
  if (tensor.type != out->type) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "the tensor is %s, must be %s", ln_type_name(tensor.type),
                        ln_type_name(out->type));
  }
  if (out->type == LN_STRING) {
    ln_text_list list = ln_text_list_make(node);
    size_t count;
    ln_status status = ln_shape_elements(&tensor.shape, &count) ? LN_OK : LN_ERR_LIMIT;
    ln_wire_walker walker = ln_nodedef_tensor_strings(&tensor);
    ln_wire_field field;
    ln_span text = {"", 0}; /* the last one stands for all that are not there */
    for (size_t i = 0; status == LN_OK && i < count && list.status == LN_OK; ++i) {
      if (ln_wire_walk_bytes(&walker, &field)) {
        text = (ln_span){(const char *)field.bytes.at, ln_wire_left(&field.bytes)};
      }
      ln_text_add(&list, text);
    }
    if (status != LN_OK) ln_node_fail(node, exec->err, status, "the tensor is too large");
    else status = ln_text_list_output(&list, 0, &tensor.shape, exec->err);
    ln_text_list_free(&list);
    return status;
  }
  if (!ln_tensor_size(out->type, &tensor.shape, &bytes)) {
    return ln_node_fail(node, exec->err, LN_ERR_LIMIT, "the tensor is too large");
  }
  LN_TRY(ln_host_output(node, 0, &tensor.shape, bytes, exec->err));
  if (bytes == 0 || ln_nodedef_tensor_numbers(&tensor, out->data, bytes)) return LN_OK;
  return ln_node_fail(node, exec->err, LN_ERR_DATA, "the tensor does not hold what its shape says");
}

static void put_proto(const ln_tensor *in, ln_bytes *out) {
  enum { DTYPE = 1, SHAPE = 2, CONTENT = 4, STRING_VAL = 8, DIM = 2, DIM_SIZE = 1 };
  const size_t count = ln_tensor_count(in);
  ln_bytes shape = {0};
  ln_wire_put_number(out, DTYPE, ln_tf_number(in->type));
  for (int32_t i = 0; i < in->shape.rank; ++i) {
    ln_bytes dim = {0};
    ln_wire_put_number(&dim, DIM_SIZE, (uint64_t)in->shape.dims[i]);
    ln_wire_put_bytes(&shape, DIM, dim.data, dim.size);
    shape.failed = shape.failed || dim.failed;
    ln_bytes_free(&dim);
  }
  ln_wire_put_bytes(out, SHAPE, shape.data, shape.size);
  out->failed = out->failed || shape.failed;
  ln_bytes_free(&shape);
  if (in->type != LN_STRING) {
    if (count > 0) ln_wire_put_bytes(out, CONTENT, in->data, count * ln_type_bytes(in->type));
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    const ln_span text = ln_string_at(in, i);
    ln_wire_put_bytes(out, STRING_VAL, text.data, text.size);
  }
}

ln_status ln_serialize_tensor_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *in = node->in[0];
  const ln_shape scalar = {0};
  if (ln_tensor_count(in) > 0) LN_TRY(ln_node_check_strings(node, 0, exec->err));
  LN_TRY(ln_host_check_room(node, 2 * in->bytes, exec->err));
  ln_bytes bytes = {0};
  ln_text_list out = ln_text_list_make(node);
  put_proto(in, &bytes);
  ln_status status = bytes.failed ? ln_node_fail(node, exec->err, LN_ERR_MEMORY, "no memory") : LN_OK;
  if (status == LN_OK) {
    ln_text_add(&out, (ln_span){(const char *)bytes.data, bytes.size});
    status = ln_text_list_output(&out, 0, &scalar, exec->err);
  }
  ln_bytes_free(&bytes);
  ln_text_list_free(&out);
  return status;
}

/* ---- Fingerprint ---- */

ln_status ln_fingerprint_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  if (in->rank < 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "takes a fingerprint of each row, has none");
  const ln_shape shape = {2, {in->dims[0], (int32_t)sizeof(uint64_t)}};
  return ln_node_set_shape(node, 0, &shape, err);
}

/* The hash of a row of strings is that of their hashes. */
static ln_status hash_texts(const ln_node *node, size_t first, size_t count, ln_error *err, uint64_t *out) {
  uint64_t *hashes = ln_alloc_array(count, sizeof *hashes);
  if (hashes == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  for (size_t i = 0; i < count; ++i) {
    const ln_span text = ln_string_at(node->in[0], first + i);
    hashes[i] = ln_k_fingerprint64(text.data, text.size);
  }
  *out = node->in[0]->shape.rank == 1 ? hashes[0] : ln_k_fingerprint64(hashes, count * sizeof *hashes);
  ln_free(hashes);
  return LN_OK;
}

ln_status ln_fingerprint_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *in = node->in[0];
  const size_t rows = (size_t)in->shape.dims[0], inner = ln_shape_span(&in->shape, 1, in->shape.rank);
  ln_span method;
  LN_TRY(ln_text_scalar(node, 1, exec->err, &method));
  if (!ln_span_is(method, "farmhash64"))
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "a method that is not known");
  const bool text = in->type == LN_STRING;
  if (rows > 0 && inner > 0) LN_TRY(ln_node_check_strings(node, 0, exec->err));
  const size_t bytes = text ? 0 : inner * ln_type_bytes(in->type);
  for (size_t i = 0; i < rows; ++i) {
    uint64_t hash = 0;
    if (text) LN_TRY(hash_texts(node, i * inner, inner, exec->err, &hash));
    else hash = ln_k_fingerprint64((const char *)in->data + i * bytes, bytes);
    for (size_t j = 0; j < sizeof hash; ++j)
      ((uint8_t *)node->out[0]->data)[i * sizeof hash + j] = (uint8_t)(hash >> 8 * j);
  }
  return LN_OK;
}

/* ---- DecodeCSV ---- */

enum { MOST_COLUMNS = 1024 };

typedef struct csv {
  const ln_node *node;
  ln_span missing; /* what stands for nothing */
  char delimiter;
  bool quotes;
  int64_t chosen[MOST_COLUMNS];
  int32_t chosen_count; /* 0: all */
  ln_text_list *texts;  /* [outputs] of those that are strings */
  ln_text_list field;   /* what is being read */
  size_t record;
} csv;

static ln_status bad_record(const csv *c, const char *what, ln_error *err) {
  return ln_node_fail(c->node, err, LN_ERR_DATA, "record %zu: %s", c->record, what);
}

static ln_status read_plain(csv *c, ln_span record, size_t *at, ln_error *err) {
  for (; *at < record.size && record.data[*at] != c->delimiter; ++*at) {
    const char b = record.data[*at];
    if ((c->quotes && b == '"') || b == '\n' || b == '\r')
      return bad_record(c, "a quote or an end of line in a field", err);
    ln_text_put_byte(&c->field, b);
  }
  return LN_OK;
}

/* After the first quote; two of them stand for one. */
static ln_status read_quoted(csv *c, ln_span record, size_t *at, ln_error *err) {
  for (; *at < record.size; ++*at) {
    if (record.data[*at] == '"') {
      const bool last = *at + 1 == record.size;
      if (last || record.data[*at + 1] == c->delimiter) {
        ++*at;
        return LN_OK;
      }
      if (record.data[*at + 1] != '"') return bad_record(c, "a quote in a field that is not doubled", err);
      ++*at;
    }
    ln_text_put_byte(&c->field, record.data[*at]);
  }
  return bad_record(c, "a quote without an end", err);
}

static bool store_number(const ln_tensor *out, size_t record, ln_span field) {
  int64_t integer;
  switch (out->type) {
    case LN_FLOAT32: return ln_k_parse_f32(field, (float *)out->data + record);
    case LN_FLOAT64: return ln_k_parse_f64(field, (double *)out->data + record);
    case LN_INT64: return ln_k_parse_i64(field, (int64_t *)out->data + record);
    default:
      if (!ln_k_parse_i64(field, &integer) || integer < INT32_MIN || integer > INT32_MAX) return false;
      ((int32_t *)out->data)[record] = (int32_t)integer;
      return true;
  }
}

static ln_status store_field(csv *c, int32_t column, ln_span field, ln_error *err) {
  const ln_tensor *out = c->node->out[column], *fallback = c->node->in[column + 1];
  const bool missing =
      field.size == 0 || (field.size == c->missing.size && memcmp(field.data, c->missing.data, field.size) == 0);
  if (missing && ln_tensor_count(fallback) == 0) return bad_record(c, "a field that has no default is missing", err);
  if (out->type == LN_STRING) {
    ln_text_add(&c->texts[column], missing ? ln_string_at(fallback, 0) : field);
  } else if (missing) {
    const size_t item = ln_type_bytes(out->type);
    memcpy((char *)out->data + c->record * item, fallback->data, item);
  } else if (!store_number(out, c->record, field)) {
    char excerpt[40];
    ln_text_excerpt(field, excerpt, sizeof excerpt);
    return ln_node_fail(c->node, err, LN_ERR_DATA, "record %zu: \"%s\" is no %s", c->record, excerpt,
                        ln_type_name(out->type));
  }
  return LN_OK;
}

static ln_status take_field(csv *c, int64_t number, int32_t *column, ln_error *err) {
  if (c->field.status != LN_OK) {
    return ln_node_fail(c->node, err, c->field.status, "record %zu: a field takes too much memory", c->record);
  }
  if (c->chosen_count > 0 && (*column >= c->chosen_count || c->chosen[*column] != number)) return LN_OK;
  if (*column >= c->node->out_count) return bad_record(c, "more fields than defaults", err);
  return store_field(c, (*column)++, ln_text_open_tail(&c->field), err);
}

static ln_status read_record(csv *c, ln_span record, ln_error *err) {
  int32_t column = 0;
  int64_t number = 0;
  size_t at = 0;
  const bool open = record.size > 0 && record.data[record.size - 1] == c->delimiter; /* an empty field is last */
  while (at < record.size && (c->chosen_count == 0 || column < c->chosen_count)) {
    if (record.data[at] == '\n' || record.data[at] == '\r') {
      ++at;
      continue;
    }
    ln_text_drop_tail(&c->field, 0);
    const bool quoted = c->quotes && record.data[at] == '"';
    at += quoted;
    LN_TRY(quoted ? read_quoted(c, record, &at, err) : read_plain(c, record, &at, err));
    ++at; /* the delimiter */
    LN_TRY(take_field(c, number++, &column, err));
  }
  ln_text_drop_tail(&c->field, 0);
  if (open && at >= record.size) LN_TRY(take_field(c, number, &column, err));
  return column == c->node->out_count ? LN_OK : bad_record(c, "fewer fields than defaults", err);
}

ln_status ln_decode_csv_infer(ln_node *node, ln_error *err) {
  for (int32_t i = 0; i < node->out_count; ++i) LN_TRY(ln_node_set_shape(node, i, &node->in[0]->shape, err));
  return LN_OK;
}

static ln_status open_csv(const ln_node *node, ln_error *err, csv *c) {
  ln_span delimiter = {",", 1};
  *c = (csv){.node = node, .quotes = true, .missing = {"", 0}, .field = ln_text_list_make(node)};
  LN_TRY(ln_text_string(node, err, "field_delim", &delimiter));
  LN_TRY(ln_text_string(node, err, "na_value", &c->missing));
  LN_TRY(ln_attr_bool(node, err, "use_quote_delim", &c->quotes));
  LN_TRY(ln_attr_ints(node, err, "select_cols", c->chosen, MOST_COLUMNS, &c->chosen_count));
  if (delimiter.size != 1) return ln_node_fail(node, err, LN_ERR_MODEL, "the attribute field_delim is no character");
  c->delimiter = delimiter.data[0];
  if (node->in_count != node->out_count + 1 || (c->chosen_count > 0 && c->chosen_count != node->out_count)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "has %d defaults, %d columns and %d outputs", node->in_count - 1,
                        c->chosen_count, node->out_count);
  }
  for (int32_t i = 0; i < node->out_count; ++i) {
    const ln_tensor *fallback = node->in[i + 1];
    if (fallback->type != node->out[i]->type || fallback->shape.rank > 1 || ln_tensor_count(fallback) > 1) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "default %d is not one value or none, of the type of its column", i);
    }
    if (ln_tensor_count(fallback) > 0) LN_TRY(ln_node_check_strings(node, i + 1, err));
    if (i > 0 && c->chosen_count > 0 && c->chosen[i] <= c->chosen[i - 1]) {
      return ln_node_fail(node, err, LN_ERR_MODEL, "the attribute select_cols does not rise");
    }
  }
  return LN_OK;
}

ln_status ln_decode_csv_run(const ln_node *node, ln_exec *exec) {
  ln_texts texts;
  csv *c = ln_alloc_zero(sizeof *c);
  if (c == NULL) return ln_node_fail(node, exec->err, LN_ERR_MEMORY, "no memory");
  ln_status status = open_csv(node, exec->err, c);
  if (status == LN_OK) status = ln_texts_open(node, 0, exec->err, &texts);
  if (status != LN_OK) goto out;
  c->texts = ln_alloc_array((size_t)node->out_count, sizeof *c->texts);
  if (c->texts == NULL) status = ln_node_fail(node, exec->err, LN_ERR_MEMORY, "no memory");
  for (int32_t i = 0; i < node->out_count && status == LN_OK; ++i) c->texts[i] = ln_text_list_make(node);
  for (; status == LN_OK && c->record < texts.count; ++c->record) {
    status = read_record(c, ln_texts_at(&texts, c->record), exec->err);
  }
  for (int32_t i = 0; i < node->out_count && status == LN_OK; ++i) {
    if (node->out[i]->type == LN_STRING) status = ln_text_list_output(&c->texts[i], i, &node->in[0]->shape, exec->err);
  }
out:
  for (int32_t i = 0; i < node->out_count && c->texts != NULL; ++i) ln_text_list_free(&c->texts[i]);
  ln_free(c->texts);
  ln_text_list_free(&c->field);
  ln_free(c);
  return status;
}
