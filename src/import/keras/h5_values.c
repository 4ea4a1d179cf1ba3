/* HDF5 files: types, attributes of text, arrays. */
#include <stdio.h>
#include <string.h>

#include "import/keras/h5_private.h"
#include "kernels/convert.h"

enum { WIDTH = 8, TEXTS_MOST = 1 << 20, TEXT_MOST = 1 << 28 };

/* What is not read. */
#define NO_TYPE ((ln_type)LN_TYPE_COUNT)

/* ---- types and shapes ---- */

bool ln_h5_read_type(const uint8_t *data, size_t size, ln_h5_type *out) {
  if (size < 8) return false;
  const int32_t class = data[0] & 15;
  *out = (ln_h5_type){LN_H5_OTHER, (uint32_t)ln_h5_number(data + 4, 4), (data[1] & 8) != 0, (data[1] & 1) != 0};
  if (class == 0) out->kind = LN_H5_INTEGER;
  if (class == 1 && (data[1] & 0x40) == 0) out->kind = LN_H5_FLOAT;
  if (class == 3) out->kind = LN_H5_FIXED_TEXT;
  if (class == 9 && (data[1] & 15) == 1) out->kind = LN_H5_TEXT;
  return out->size > 0;
}

bool ln_h5_read_space(const uint8_t *data, size_t size, int32_t *rank, uint64_t dims[LN_MAX_RANK]) {
  if (size < 4) return false;
  const size_t head = data[0] == 1 ? 8 : 4;
  *rank = data[1];
  if (data[0] < 1 || data[0] > 2 || *rank > LN_MAX_RANK || head + (size_t)*rank * WIDTH > size) return false;
  if (data[0] == 2 && data[3] == 2) return false; /* nothing at all */
  for (int32_t i = 0; i < *rank; ++i) dims[i] = ln_h5_number(data + head + (size_t)i * WIDTH, WIDTH);
  return true;
}

static bool count_elements(int32_t rank, const uint64_t *dims, uint64_t *count) {
  *count = 1;
  for (int32_t i = 0; i < rank; ++i) {
    if (dims[i] > INT32_MAX || __builtin_mul_overflow(*count, dims[i], count)) return false;
  }
  return true;
}

const uint8_t *ln_h5_heap_object(const ln_h5 *file, uint64_t address, uint32_t index, uint64_t *size) {
  const uint8_t *heap = ln_h5_at(file, address, 16);
  if (heap == NULL || memcmp(heap, "GCOL", 4) != 0) return NULL;
  const uint64_t total = ln_h5_number(heap + 8, WIDTH);
  if (ln_h5_at(file, address, total) == NULL) return NULL;
  for (uint64_t at = 16; at + 16 <= total && --*file->steps > 0;) {
    const uint32_t own = (uint32_t)ln_h5_number(heap + at, 2);
    *size = ln_h5_number(heap + at + 8, WIDTH);
    if (own == 0 || *size > total - at - 16) return NULL;
    if (own == index) return heap + at + 16;
    at += 16 + (*size + 7) / 8 * 8;
  }
  return NULL;
}

/* ---- attributes of text ---- */

/* Texts one behind the other. */
typedef struct texts {
  char *all;
  size_t used, room;
} texts;

static bool append(texts *to, const void *text, size_t length) {
  if (length >= TEXT_MOST || to->used > TEXT_MOST) return false;
  if (to->used + length + 1 > to->room) {
    const size_t room = 2 * (to->used + length + 1);
    char *more = ln_alloc(room);
    if (more == NULL) return false;
    if (to->used > 0) memcpy(more, to->all, to->used);
    ln_free(to->all);
    to->all = more;
    to->room = room;
  }
  if (length > 0) memcpy(to->all + to->used, text, length);
  to->all[to->used + length] = 0;
  to->used += length + 1;
  return true;
}

/* Up to the end of a text that may be padded. */
static bool append_until_zero(texts *to, const uint8_t *text, uint64_t most) {
  const uint8_t *end = memchr(text, 0, (size_t)most);
  return append(to, text, end != NULL ? (size_t)(end - text) : (size_t)most);
}

/* An attribute's parts: its name, type, space and data. */
typedef struct attribute {
  const uint8_t *name, *type, *space, *data;
  size_t name_size, type_size, space_size, data_size;
} attribute;

static bool take(const uint8_t **at, size_t *left, size_t size, bool padded, const uint8_t **out) {
  const size_t whole = padded ? (size + 7) / 8 * 8 : size;
  if (whole > *left) return false;
  *out = *at;
  *at += whole;
  *left -= whole;
  return true;
}

static bool read_attribute(const ln_h5_message *message, attribute *out) {
  const uint8_t *at = message->data;
  if (message->size < 9 || at[0] < 1 || at[0] > 3 || (at[0] > 1 && at[1] != 0)) return false; /* 1: shared parts */
  const bool padded = at[0] == 1;
  out->name_size = (size_t)ln_h5_number(at + 2, 2);
  out->type_size = (size_t)ln_h5_number(at + 4, 2);
  out->space_size = (size_t)ln_h5_number(at + 6, 2);
  const size_t head = at[0] == 3 ? 9 : 8;
  size_t left = message->size - head;
  at += head;
  if (!take(&at, &left, out->name_size, padded, &out->name) || !take(&at, &left, out->type_size, padded, &out->type) ||
      !take(&at, &left, out->space_size, padded, &out->space)) {
    return false;
  }
  out->data = at;
  out->data_size = left;
  return true;
}

static bool find_attribute(const ln_h5 *file, uint64_t object, const char *name, attribute *out) {
  ln_h5_messages messages;
  ln_h5_message message;
  const size_t length = strlen(name) + 1;
  if (!ln_h5_open_object(file, object, &messages)) return false;
  while (ln_h5_next(&messages, &message)) {
    if (message.kind != LN_H5_ATTRIBUTE || !read_attribute(&message, out)) continue;
    if (out->name_size >= length && memcmp(out->name, name, length) == 0) return true;
  }
  return false;
}

/* One text of a global heap: its length, the heap's address, its number there. */
static bool append_from_heap(const ln_h5 *file, const uint8_t *at, texts *to) {
  uint64_t size;
  const uint64_t length = ln_h5_number(at, 4), address = ln_h5_number(at + 4, WIDTH);
  if (length == 0) return append(to, "", 0);
  const uint8_t *text = ln_h5_heap_object(file, address, (uint32_t)ln_h5_number(at + 12, 4), &size);
  return text != NULL && length <= size && append_until_zero(to, text, length);
}

static bool append_attribute(const ln_h5 *file, uint64_t object, const char *name, texts *to, int32_t *count) {
  attribute a;
  ln_h5_type type;
  uint64_t dims[LN_MAX_RANK], elements;
  int32_t rank;
  if (!find_attribute(file, object, name, &a) || !ln_h5_read_type(a.type, a.type_size, &type)) return false;
  if (!ln_h5_read_space(a.space, a.space_size, &rank, dims) || !count_elements(rank, dims, &elements)) return false;
  if (elements == 0) return true; /* of whatever type */
  const uint64_t width = type.kind == LN_H5_TEXT ? 16 : type.kind == LN_H5_FIXED_TEXT ? type.size : 0;
  if (width == 0 || elements > TEXTS_MOST || elements > a.data_size / width) return false;
  for (uint64_t i = 0; i < elements; ++i) {
    const uint8_t *at = a.data + i * width;
    if (!(type.kind == LN_H5_TEXT ? append_from_heap(file, at, to) : append_until_zero(to, at, width))) return false;
  }
  *count += (int32_t)elements;
  return *count <= TEXTS_MOST;
}

char *ln_h5_texts(const ln_h5 *file, const char *path, const char *name, int32_t *count) {
  texts all = {NULL, 0, 0};
  char part[128];
  uint64_t object;
  *count = 0;
  if (!ln_h5_find(file, path, &object)) return NULL;
  bool good = append_attribute(file, object, name, &all, count);
  for (int32_t i = 0; !good || i > 0; ++i) {
    snprintf(part, sizeof part, "%.100s%d", name, (int)i);
    if (!append_attribute(file, object, part, &all, count)) break;
    good = true;
  }
  if (good && all.all == NULL) good = append(&all, "", 0);
  if (good) return all.all;
  ln_free(all.all);
  *count = 0;
  return NULL;
}

char *ln_h5_text(const ln_h5 *file, const char *path, const char *name) {
  int32_t count = 0;
  char *text = ln_h5_texts(file, path, name, &count);
  if (text != NULL && count == 1) return text;
  ln_free(text);
  return NULL;
}

/* ---- arrays ---- */

/* An array's messages, read. */
typedef struct array {
  uint64_t address;
  ln_h5_type type;
  int32_t rank;
  uint64_t dims[LN_MAX_RANK], elements;
  ln_h5_message layout;
  bool is_bfloat; /* Keras keeps bfloat16 as integers, with a note */
} array;

static ln_type read_as(const array *a) {
  const ln_h5_type *type = &a->type;
  if (a->is_bfloat) return LN_FLOAT32;
  if (type->kind == LN_H5_FLOAT && (type->size == 2 || type->size == 4 || type->size == 8)) return LN_FLOAT32;
  if (type->kind != LN_H5_INTEGER) return NO_TYPE;
  if (type->size == 1) return type->is_signed ? LN_INT8 : LN_UINT8;
  return type->size == 8 ? LN_INT64 : type->size == 2 || type->size == 4 ? LN_INT32 : NO_TYPE;
}

static ln_status open_array(const ln_h5 *file, const char *path, ln_error *err, array *out) {
  ln_h5_message message;
  *out = (array){0};
  if (!ln_h5_find(file, path, &out->address) || !ln_h5_find_message(file, out->address, LN_H5_LAYOUT, &out->layout)) {
    return ln_fail(err, LN_ERR_NOT_FOUND, "there is no array %.120s", path);
  }
  const bool good = ln_h5_find_message(file, out->address, LN_H5_TYPE, &message) &&
                    ln_h5_read_type(message.data, message.size, &out->type) &&
                    ln_h5_find_message(file, out->address, LN_H5_SPACE, &message) &&
                    ln_h5_read_space(message.data, message.size, &out->rank, out->dims) &&
                    count_elements(out->rank, out->dims, &out->elements);
  if (!good) return ln_fail(err, LN_ERR_FORMAT, "the array %.120s is damaged", path);
  if (ln_h5_find_message(file, out->address, LN_H5_EXTERNAL, &message)) {
    return ln_fail(err, LN_ERR_UNSUPPORTED, "the data of the array %.120s is in another file", path);
  }
  attribute note;
  out->is_bfloat =
      out->type.kind == LN_H5_INTEGER && out->type.size == 2 && find_attribute(file, out->address, "dtype", &note);
  return LN_OK;
}

ln_status ln_h5_describe(const ln_h5 *file, const char *path, ln_error *err, ln_h5_array *out) {
  array a;
  *out = (ln_h5_array){0};
  LN_TRY(open_array(file, path, err, &a));
  out->type = read_as(&a);
  if (out->type == NO_TYPE) {
    return ln_fail(err, LN_ERR_UNSUPPORTED, "the array %.120s holds neither floats nor integers", path);
  }
  out->stored = out->type;
  if (out->type == LN_FLOAT32) {
    out->stored = a.is_bfloat        ? LN_BFLOAT16
                  : a.type.size == 2 ? LN_FLOAT16
                  : a.type.size == 4 ? LN_FLOAT32
                                     : LN_FLOAT64;
  }
  out->shape.rank = a.rank;
  for (int32_t i = 0; i < a.rank; ++i) out->shape.dims[i] = (int32_t)a.dims[i];
  /* No array is much larger than its file, packed as it may be: deflate gives a thousandth at best. */
  if (a.elements / 1100 > file->size ||
      !ln_size_mul((size_t)a.elements, (size_t)ln_type_bits(out->type) / 8, &out->bytes)) {
    return ln_fail(err, LN_ERR_LIMIT, "the array %.120s is larger than its file can hold", path);
  }
  return LN_OK;
}

static uint64_t bits_of(const uint8_t *at, const ln_h5_type *type) {
  uint64_t value = 0;
  if (!type->is_big) return ln_h5_number(at, (int32_t)type->size);
  for (uint32_t i = 0; i < type->size; ++i) value = value << 8 | at[i];
  return value;
}

static float float_of(uint64_t bits, const array *a) {
  float value;
  double wide;
  if (a->is_bfloat) bits <<= 16;
  else if (a->type.size == 2) return ln_k_half_to_float((uint16_t)bits);
  if (a->type.size == 8) {
    memcpy(&wide, &bits, sizeof wide);
    return (float)wide;
  }
  const uint32_t narrow = (uint32_t)bits;
  memcpy(&value, &narrow, sizeof value);
  return value;
}

/* From the file's numbers to those of memory. */
static void turn(const array *a, ln_type type, const uint8_t *from, void *into) {
  const size_t width = a->type.size;
  if (!a->type.is_big && !a->is_bfloat && width == (size_t)ln_type_bits(type) / 8) {
    memcpy(into, from, (size_t)a->elements * width);
    return;
  }
  for (uint64_t i = 0; i < a->elements; ++i) {
    const uint64_t bits = bits_of(from + i * width, &a->type);
    if (type == LN_FLOAT32) ((float *)into)[i] = float_of(bits, a);
    else if (type == LN_INT64) ((int64_t *)into)[i] = (int64_t)bits;
    else if (type == LN_INT32 && width == 2) ((int32_t *)into)[i] = a->type.is_signed ? (int16_t)bits : (int32_t)bits;
    else if (type == LN_INT32) ((int32_t *)into)[i] = (int32_t)bits;
    else ((uint8_t *)into)[i] = (uint8_t)bits;
  }
}

/* Where the numbers lie in one piece; NULL for those in chunks. */
static const uint8_t *stored_whole(const ln_h5 *file, const array *a, uint64_t bytes) {
  const uint8_t *at = a->layout.data;
  if (a->layout.size < 4 || (at[0] != 3 && at[0] != 4)) return NULL;
  if (at[1] == 0) {
    const uint64_t size = ln_h5_number(at + 2, 2);
    return size == bytes && size <= a->layout.size - 4 ? at + 4 : NULL;
  }
  if (at[1] != 1 || a->layout.size < 2 + 2 * WIDTH || ln_h5_number(at + 2 + WIDTH, WIDTH) < bytes) return NULL;
  return ln_h5_at(file, ln_h5_number(at + 2, WIDTH), bytes);
}

/* The way back of float_of. */
static uint64_t bits_from(float value, const array *a) {
  uint64_t wide;
  uint32_t narrow;
  const double same = (double)value;
  if (a->is_bfloat) return ln_k_float_to_bfloat(value);
  if (a->type.size == 2) return ln_k_float_to_half(value);
  memcpy(&wide, &same, sizeof wide);
  memcpy(&narrow, &value, sizeof narrow);
  return a->type.size == 8 ? wide : narrow;
}

ln_status ln_h5_replace(const ln_h5 *file, const char *path, const float *values, ln_error *err, uint8_t *copy) {
  array a;
  uint64_t bytes;
  LN_TRY(open_array(file, path, err, &a));
  if (read_as(&a) != LN_FLOAT32) return ln_fail(err, LN_ERR_TYPE, "the array %.120s holds no floats", path);
  const uint32_t width = a.type.size;
  const bool counted = !__builtin_mul_overflow(a.elements, (uint64_t)width, &bytes);
  /* What lies in an object's header is under its checksum. */
  const bool apart = a.layout.size > 1 && a.layout.data[1] == 1;
  const uint8_t *stored = counted && apart ? stored_whole(file, &a, bytes) : NULL;
  if (stored == NULL) {
    return ln_fail(
        err, LN_ERR_UNSUPPORTED,
        "the array %.120s is kept in packed pieces, which are not written; save the source without compression", path);
  }
  uint8_t *at = copy + (stored - file->data);
  for (uint64_t i = 0; i < a.elements; ++i, at += width) {
    const uint64_t bits = bits_from(values[i], &a);
    for (uint32_t k = 0; k < width; ++k) at[k] = (uint8_t)(bits >> 8 * (a.type.is_big ? width - 1 - k : k));
  }
  return LN_OK;
}

ln_status ln_h5_read(const ln_h5 *file, const char *path, const ln_h5_array *as, ln_error *err, void *into) {
  array a;
  uint64_t bytes;
  LN_TRY(open_array(file, path, err, &a));
  const bool same = read_as(&a) == as->type && as->bytes == a.elements * (uint64_t)ln_type_bits(as->type) / 8;
  if (!same || __builtin_mul_overflow(a.elements, (uint64_t)a.type.size, &bytes)) {
    return ln_fail(err, LN_ERR_FORMAT, "the array %.120s is damaged", path);
  }
  if (bytes == 0) return LN_OK;
  const uint8_t *stored = stored_whole(file, &a, bytes);
  if (stored != NULL) {
    turn(&a, as->type, stored, into);
    return LN_OK;
  }
  uint8_t *whole = ln_alloc((size_t)bytes);
  if (whole == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  const bool good =
      ln_h5_read_chunks(file, a.address, a.layout.data, a.layout.size, a.rank, a.dims, a.type.size, whole);
  if (good) turn(&a, as->type, whole, into);
  ln_free(whole);
  if (good) return LN_OK;
  return ln_fail(err, LN_ERR_FORMAT,
                 "the data of the array %.120s is not in the file, or kept in a way that is not read", path);
}
