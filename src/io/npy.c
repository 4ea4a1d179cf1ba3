/* NumPy's .npy files: a header that is a Python dictionary's text, then the elements. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"

/* What a descr such as "<f4" stands for. */
typedef struct npy_type {
  char kind;
  int32_t item; /* bytes */
  ln_type type;
  const char *name; /* NumPy's */
} npy_type;

static const npy_type npy_types[] = {
    {'f', 4, LN_FLOAT32, "float32"},     {'f', 2, LN_FLOAT16, "float16"},
    {'f', 8, LN_FLOAT64, "float64"},     {'i', 1, LN_INT8, "int8"},
    {'i', 2, LN_INT16, "int16"},         {'i', 4, LN_INT32, "int32"},
    {'i', 8, LN_INT64, "int64"},         {'u', 1, LN_UINT8, "uint8"},
    {'u', 2, LN_UINT16, "uint16"},       {'u', 4, LN_UINT32, "uint32"},
    {'u', 8, LN_UINT64, "uint64"},       {'b', 1, LN_BOOL, "bool"},
    {'c', 8, LN_COMPLEX64, "complex64"}, {'c', 16, LN_COMPLEX128, "complex128"},
    {'V', 2, LN_BFLOAT16, "bfloat16"},
};

/* How each type of ours is written where it has no NumPy type of its own. */
static ln_type written_type(ln_type type) {
  switch (type) {
    case LN_INT4:
    case LN_INT2: return LN_INT8;
    case LN_UINT4:
    case LN_FLOAT8_E4M3FN:
    case LN_FLOAT8_E5M2: return LN_UINT8;
    default: return type;
  }
}

static const npy_type *npy_type_of(ln_type type) {
  for (size_t i = 0; i < LN_COUNT(npy_types); i++) {
    if (npy_types[i].type == written_type(type)) return &npy_types[i];
  }
  return NULL;
}

const char *ln_npy_dtype(ln_type type) {
  if (type == LN_STRING) return "bytes";
  const npy_type *found = npy_type_of(type);
  return found ? found->name : ln_type_name(type);
}

void ln_array_free(ln_array *array) {
  ln_free(array->data);
  *array = (ln_array){0};
}

typedef struct npy_header {
  char kind, order; /* order: '<', '>', '|' or '=' */
  int32_t item;     /* bytes an element takes */
  bool fortran;
  ln_array array; /* type, rank and dims */
  size_t elements;
  const uint8_t *data;
  size_t data_size;
} npy_header;

/* The text behind `'key':` in the header, or NULL. */
static const char *find_key(const char *text, const char *key) {
  char quoted[32];
  for (int i = 0; i < 2; i++) {
    snprintf(quoted, sizeof quoted, i == 0 ? "'%s'" : "\"%s\"", key);
    const char *at = strstr(text, quoted);
    if (!at) continue;
    at += strlen(quoted);
    while (isspace((unsigned char)*at)) at++;
    if (*at != ':') return NULL;
    do at++;
    while (isspace((unsigned char)*at));
    return at;
  }
  return NULL;
}

static bool parse_descr(const char *text, npy_header *out) {
  const char *at = find_key(text, "descr");
  if (!at || (*at != '\'' && *at != '"')) return false;
  at++;
  out->order = '|';
  if (strchr("<>|=", *at) && *at) out->order = *at++;
  out->kind = *at;
  if (*at == 0 || !isdigit((unsigned char)at[1])) return false;
  char *end;
  const long item = strtol(at + 1, &end, 10);
  if (item < 0 || item > (1 << 24) || (*end != '\'' && *end != '"')) return false;
  out->item = (int32_t)item;
  return true;
}

static bool parse_shape(const char *text, npy_header *out) {
  const char *at = find_key(text, "shape");
  if (!at || *at++ != '(') return false;
  out->array.rank = 0;
  for (;;) {
    while (isspace((unsigned char)*at) || *at == ',') at++;
    if (*at == ')') return true;
    if (!isdigit((unsigned char)*at) || out->array.rank == LN_MAX_RANK) return false;
    char *end;
    const long long dim = strtoll(at, &end, 10);
    if (dim > INT32_MAX) return false;
    out->array.dims[out->array.rank++] = (int32_t)dim;
    at = end;
    if (*at == 'L') at++; /* as Python 2 wrote */
  }
}

static ln_status parse_header(const uint8_t *data, size_t size, ln_error *err, npy_header *out) {
  if (size < 10 || memcmp(data, "\x93NUMPY", 6) != 0) return ln_fail(err, LN_ERR_FORMAT, "not a .npy file");
  const int version = data[6];
  if (version < 1 || version > 3) return ln_fail(err, LN_ERR_FORMAT, ".npy version %d is not known", version);
  const size_t start = version == 1 ? 10 : 12;
  const size_t length = version == 1 ? ln_le16(data + 8) : size >= 12 ? ln_le32(data + 8) : SIZE_MAX;
  char text[4096];
  if (size < start || length > size - start) return ln_fail(err, LN_ERR_FORMAT, "the .npy header is cut short");
  if (length >= sizeof text) return ln_fail(err, LN_ERR_FORMAT, "a .npy header of %zu bytes", length);
  memcpy(text, data + start, length);
  text[length] = 0;
  const char *order = find_key(text, "fortran_order");
  if (!order || (*order != 'T' && *order != 'F') || !parse_shape(text, out)) {
    return ln_fail(err, LN_ERR_FORMAT, "the .npy header cannot be read");
  }
  if (!parse_descr(text, out)) return ln_fail(err, LN_ERR_TYPE, "the .npy header names no plain element type");
  out->fortran = *order == 'T' && out->array.rank > 1;
  out->data = data + start + length;
  out->data_size = size - start - length;
  size_t bytes;
  if (!ln_size_product(out->array.dims, out->array.rank, &out->elements) ||
      !ln_size_mul(out->elements, (size_t)out->item, &bytes)) {
    return ln_fail(err, LN_ERR_FORMAT, "the .npy shape is beyond what can be addressed");
  }
  if (bytes > out->data_size) {
    return ln_fail(err, LN_ERR_FORMAT, "the .npy file is cut short: %zu bytes of data, %zu wanted", out->data_size,
                   bytes);
  }
  return LN_OK;
}

/* The file's position of element `index` (in C order). */
static size_t fortran_position(const ln_array *array, size_t index) {
  size_t position = 0, stride = 1, span[LN_MAX_RANK];
  for (int32_t i = array->rank - 1; i >= 0; i--) {
    span[i] = index % (size_t)array->dims[i];
    index /= (size_t)array->dims[i];
  }
  for (int32_t i = 0; i < array->rank; i++) {
    position += span[i] * stride;
    stride *= (size_t)array->dims[i];
  }
  return position;
}

/* UTF-8 of one code point; 0 for none. */
static size_t put_utf8(uint32_t code, char *out) {
  if (code < 0x80) return out[0] = (char)code, 1;
  if (code < 0x800) return out[0] = (char)(0xc0 | code >> 6), out[1] = (char)(0x80 | (code & 63)), 2;
  if (code >= 0xd800 && code < 0xe000) return 0;
  if (code < 0x10000) {
    out[0] = (char)(0xe0 | code >> 12), out[1] = (char)(0x80 | (code >> 6 & 63)), out[2] = (char)(0x80 | (code & 63));
    return 3;
  }
  if (code >= 0x110000) return 0;
  out[0] = (char)(0xf0 | code >> 18), out[1] = (char)(0x80 | (code >> 12 & 63));
  out[2] = (char)(0x80 | (code >> 6 & 63)), out[3] = (char)(0x80 | (code & 63));
  return 4;
}

/* Appends one fixed-size 'S' or 'U' item without its trailing NULs; false for an invalid code point. */
static bool put_string(const uint8_t *item, int32_t bytes, char kind, char *out, size_t *used) {
  if (kind == 'S') {
    while (bytes > 0 && item[bytes - 1] == 0) bytes--;
    memcpy(out + *used, item, (size_t)bytes);
    *used += (size_t)bytes;
    return true;
  }
  while (bytes >= 4 && ln_le32(item + bytes - 4) == 0) bytes -= 4;
  for (int32_t i = 0; i + 4 <= bytes; i += 4) {
    const size_t length = put_utf8(ln_le32(item + i), out + *used);
    if (length == 0) return false;
    *used += length;
  }
  return true;
}

static const size_t most_empty_strings = (size_t)1 << 20;

static ln_status decode_strings(npy_header *header, ln_error *err) {
  ln_array *array = &header->array;
  const size_t item = (size_t)header->item * (header->kind == 'U' ? 4 : 1);
  size_t needed, offsets;
  if (!ln_size_mul(header->elements, item, &needed) || needed > header->data_size) {
    return ln_fail(err, LN_ERR_FORMAT, "the .npy file is cut short");
  }
  /* Strings without width take no room in the file, which then bounds neither their number nor the work. */
  if (item == 0 && header->elements > most_empty_strings) {
    return ln_fail(err, LN_ERR_LIMIT, "%zu empty strings in a .npy file: at most %zu", header->elements,
                   most_empty_strings);
  }
  if (!ln_size_mul(header->elements, 4, &offsets) || !ln_size_add(offsets, 8, &offsets) ||
      !ln_size_add(needed, offsets, &needed) || needed > INT32_MAX) {
    return ln_fail(err, LN_ERR_LIMIT, "string arrays of more than 2 GB");
  }
  char *data = ln_alloc(needed);
  if (!data) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  int32_t *table = (int32_t *)data;
  size_t used = offsets;
  table[0] = (int32_t)header->elements;
  for (size_t i = 0; i < header->elements; i++) {
    table[i + 1] = (int32_t)used;
    const size_t from = header->fortran ? fortran_position(array, i) : i;
    if (!put_string(header->data + from * item, (int32_t)item, header->kind, data, &used)) {
      ln_free(data);
      return ln_fail(err, LN_ERR_FORMAT, "string %zu of the .npy file is not Unicode", i);
    }
  }
  table[header->elements + 1] = (int32_t)used;
  array->type = LN_STRING;
  array->data = data;
  array->bytes = used;
  return LN_OK;
}

static ln_status decode_numbers(npy_header *header, ln_error *err) {
  ln_array *array = &header->array;
  array->bytes = header->elements * (size_t)header->item; /* checked with the header */
  array->data = ln_alloc(array->bytes > 0 ? array->bytes : 1);
  if (!array->data) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  const size_t item = (size_t)header->item;
  uint8_t *to = array->data;
  if (!header->fortran && array->bytes > 0) memcpy(to, header->data, array->bytes);
  for (size_t i = 0; header->fortran && i < header->elements; i++) {
    memcpy(to + i * item, header->data + fortran_position(array, i) * item, item);
  }
  for (size_t i = 0; array->type == LN_BOOL && i < array->bytes; i++) to[i] = to[i] != 0;
  return LN_OK;
}

ln_status ln_npy_view(const void *data, size_t size, ln_error *err, ln_array *out, bool *owned) {
  *out = (ln_array){0};
  *owned = false;
  npy_header header = {0};
  LN_TRY(parse_header(data, size, err, &header));
  const uint16_t probe = 1;
  const bool big_host = *(const uint8_t *)&probe == 0;
  if ((header.order == '>' || big_host) && header.item > 1 && header.kind != 'S') {
    return ln_fail(err, LN_ERR_TYPE, "a big-endian .npy file: save it little-endian");
  }
  *owned = true;
  ln_status status = LN_ERR_TYPE;
  if (header.kind == 'S' || header.kind == 'U') {
    status = decode_strings(&header, err);
  } else {
    const npy_type *found = NULL;
    for (size_t i = 0; i < LN_COUNT(npy_types); i++) {
      if (npy_types[i].kind == header.kind && npy_types[i].item == header.item) found = &npy_types[i];
    }
    if (!found) return ln_fail(err, LN_ERR_TYPE, "element type '%c%d' of the .npy file", header.kind, header.item);
    header.array.type = found->type;
    *owned = header.fortran || found->type == LN_BOOL; /* whose bytes may be other than 0 and 1 */
    if (*owned) {
      status = decode_numbers(&header, err);
    } else {
      header.array.data = (void *)header.data;
      header.array.bytes = header.elements * (size_t)header.item; /* checked with the header */
      status = LN_OK;
    }
  }
  if (status == LN_OK) *out = header.array;
  return status;
}

ln_status ln_npy_decode(const void *data, size_t size, ln_error *err, ln_array *out) {
  bool owned;
  LN_TRY(ln_npy_view(data, size, err, out, &owned));
  if (owned) return LN_OK;
  void *copy = ln_alloc(out->bytes > 0 ? out->bytes : 1);
  if (copy && out->bytes > 0) memcpy(copy, out->data, out->bytes);
  if (!copy) *out = (ln_array){0};
  else out->data = copy;
  return copy ? LN_OK : ln_fail(err, LN_ERR_MEMORY, "out of memory");
}

ln_status ln_npy_read(const char *path, ln_error *err, ln_array *out) {
  *out = (ln_array){0};
  ln_file_map map;
  LN_TRY(ln_file_map_open(path, err, &map));
  const ln_status status = ln_npy_decode(map.data, map.size, err, out);
  ln_file_map_close(&map);
  return status;
}

/* The longest string of a tensor; false when the offsets do not hold together. */
static bool longest_string(const uint8_t *data, size_t bytes, size_t count, size_t *out) {
  if (bytes < 4 || count > (bytes - 4) / 4 || bytes < 8 + 4 * count) return false;
  *out = 1; /* NumPy has no empty 'S' items in files */
  for (size_t i = 0; i < count; i++) {
    const size_t from = ln_le32(data + 4 + 4 * i), to = ln_le32(data + 8 + 4 * i);
    if (from > to || to > bytes) return false;
    if (to - from > *out) *out = to - from;
  }
  return true;
}

/* Fills `to` with one item an element: strings padded with NULs, small integers a byte each. */
static void write_items(const ln_tensor *tensor, size_t count, size_t item, uint8_t *to) {
  const uint8_t *from = ln_tensor_data(tensor);
  const ln_type type = ln_tensor_type(tensor);
  const int32_t bits = ln_type_bits(type);
  if (type == LN_STRING) {
    for (size_t i = 0; i < count; i++) {
      const size_t at = ln_le32(from + 4 + 4 * i);
      memcpy(to + i * item, from + at, ln_le32(from + 8 + 4 * i) - at);
    }
  } else if (bits < 8) {
    const size_t per_byte = 8 / (size_t)bits;
    const int32_t sign = type == LN_UINT4 ? 0 : 1 << (bits - 1);
    for (size_t i = 0; i < count; i++) {
      const int32_t raw = from[i / per_byte] >> ((int32_t)(i % per_byte) * bits) & ((1 << bits) - 1);
      to[i] = (uint8_t)((raw ^ sign) - sign);
    }
  } else if (count > 0) {
    memcpy(to, from, count * item);
  }
}

static ln_status write_header(const ln_tensor *tensor, const npy_type *type, size_t item, ln_error *err, char *text,
                              size_t *length) {
  char descr[32], shape[16 * LN_MAX_RANK + 4];
  size_t used = 0;
  const char order = type && type->item > 1 ? '<' : '|';
  snprintf(descr, sizeof descr, "%c%c%zu", order, type ? type->kind : 'S', item);
  shape[0] = 0;
  for (int32_t i = 0; i < ln_tensor_rank(tensor); i++) {
    used += (size_t)snprintf(shape + used, sizeof shape - used, "%s%d", i ? ", " : "", ln_tensor_dim(tensor, i));
  }
  if (ln_tensor_rank(tensor) == 1) snprintf(shape + used, sizeof shape - used, ",");
  const int written =
      snprintf(text + 10, 502, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape);
  if (written < 0 || written > 500) return ln_fail(err, LN_ERR_INTERNAL, "a .npy header too long");
  size_t total = 10 + (size_t)written;
  while ((total + 1) % 64 != 0) text[total++] = ' ';
  text[total++] = '\n';
  memcpy(text, "\x93NUMPY\x01\x00", 8);
  text[8] = (char)((total - 10) & 255);
  text[9] = (char)((total - 10) >> 8);
  *length = total;
  return LN_OK;
}

ln_status ln_npy_encode(const ln_tensor *tensor, ln_error *err, void **out, size_t *size) {
  const ln_type type = ln_tensor_type(tensor);
  const npy_type *npy = npy_type_of(type);
  const size_t count = ln_tensor_elements(tensor);
  size_t item = npy ? (size_t)npy->item : 0, bytes, length = 0;
  if (!npy && type != LN_STRING) return ln_fail(err, LN_ERR_TYPE, "%s has no form in .npy", ln_type_name(type));
  if (count > 0 && !ln_tensor_data(tensor)) return ln_fail(err, LN_ERR_STATE, "the tensor holds no data");
  if (type == LN_STRING && count == 0) item = 1;
  else if (type == LN_STRING && !longest_string(ln_tensor_data(tensor), ln_tensor_bytes(tensor), count, &item)) {
    return ln_fail(err, LN_ERR_DATA, "a string tensor whose offsets do not hold together");
  }
  char header[640];
  LN_TRY(write_header(tensor, npy, item, err, header, &length));
  if (!ln_size_mul(count, item, &bytes) || !ln_size_add(bytes, length, &bytes)) {
    return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  }
  uint8_t *file = ln_alloc_zero(bytes);
  if (!file) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  memcpy(file, header, length);
  write_items(tensor, count, item, file + length);
  *out = file;
  *size = bytes;
  return LN_OK;
}
