/*
 * Select-TF operators that look at each string by itself - case, white space, Base64, length, hashes, parts - and
 * StringJoin, which puts those of several tensors together.
 */
#include "kernels/fingerprint.h"
#include "kernels/hash.h"
#include "kernels/unicode.h"
#include "ops/flex_attr.h"
#include "ops/rows.h"
#include "ops/strings.h"
#include "ops/text_map.h"

/* ---- the walks ---- */

ln_status ln_text_map(const ln_node *node, ln_text_fn fn, const void *context, ln_error *err) {
  ln_texts texts;
  LN_TRY(ln_texts_open(node, 0, err, &texts));
  ln_text_list out = ln_text_list_make(node);
  ln_status status = LN_OK;
  for (size_t i = 0; i < texts.count && status == LN_OK && out.status == LN_OK; ++i) {
    status = fn(node, context, ln_texts_at(&texts, i), &out, err);
    ln_text_end(&out);
  }
  if (status == LN_OK) status = ln_text_list_output(&out, 0, &node->in[0]->shape, err);
  ln_text_list_free(&out);
  return status;
}

ln_status ln_text_measure(const ln_node *node, ln_text_number_fn fn, const void *context, ln_error *err) {
  ln_texts texts;
  const ln_tensor *out = node->out[0];
  LN_TRY(ln_texts_open(node, 0, err, &texts));
  for (size_t i = 0; i < texts.count; ++i) {
    int64_t number = 0;
    LN_TRY(fn(node, context, ln_texts_at(&texts, i), &number, err));
    if (out->type == LN_INT64) ((int64_t *)out->data)[i] = number;
    else if (out->type == LN_INT32) ((int32_t *)out->data)[i] = (int32_t)number;
    else ((bool *)out->data)[i] = number != 0;
  }
  return LN_OK;
}

void ln_text_excerpt(ln_span text, char *out, size_t size) {
  size_t i = 0;
  for (; i + 1 < size && i < text.size; ++i) out[i] = text.data[i] >= ' ' && text.data[i] < 127 ? text.data[i] : '?';
  out[i] = '\0';
}

/* ---- case ---- */

static bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static ln_status change_ascii(const ln_node *node, const void *context, ln_span text, ln_text_list *out,
                              ln_error *err) {
  const bool upper = *(const bool *)context;
  (void)node;
  (void)err;
  for (size_t i = 0; i < text.size; ++i) {
    const char c = text.data[i];
    const bool changes = upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z';
    ln_text_put_byte(out, changes ? (char)(c ^ 0x20) : c);
  }
  return LN_OK;
}

/* A sigma ends a word when a letter stands before it and none after it, marks and the like passed over. */
static bool is_final_sigma(ln_span text, bool letter_before, size_t next) {
  if (!letter_before) return false;
  while (next < text.size) {
    const int32_t c = ln_utf8_next(text, &next);
    if (c >= 0 && ln_unicode_is_case_ignorable((uint32_t)c)) continue;
    return c < 0 || !ln_unicode_is_cased((uint32_t)c);
  }
  return true;
}

/* Unicode's full mappings, in no language; what is ill-formed becomes U+FFFD. As TensorFlow has it, the text ends at
 * its first NUL. */
static ln_status change_unicode(const ln_node *node, const void *context, ln_span text, ln_text_list *out,
                                ln_error *err) {
  const bool upper = *(const bool *)context;
  bool letter_before = false;
  (void)node;
  (void)err;
  for (size_t at = 0; at < text.size && text.data[at] != '\0';) {
    uint32_t to[3];
    const int32_t decoded = ln_utf8_next(text, &at);
    const uint32_t c = decoded < 0 ? LN_UNICODE_REPLACEMENT : (uint32_t)decoded;
    size_t count = upper ? ln_unicode_upper(c, to) : ln_unicode_lower(c, to);
    if (!upper && c == LN_UNICODE_SIGMA && is_final_sigma(text, letter_before, at)) to[0] = LN_UNICODE_FINAL_SIGMA;
    for (size_t i = 0; i < count; ++i) ln_text_put_code(out, to[i]);
    if (!ln_unicode_is_case_ignorable(c)) letter_before = ln_unicode_is_cased(c);
  }
  return LN_OK;
}

ln_status ln_text_case_run(const ln_node *node, ln_exec *exec) {
  static const char *const encodings[] = {"", "utf-8"};
  const bool upper = node->op->def->variant == LN_TEXT_UPPER;
  int32_t encoding = 0;
  LN_TRY(ln_attr_choice(node, exec->err, "encoding", encodings, LN_COUNT(encodings), &encoding));
  return ln_text_map(node, encoding == 0 ? change_ascii : change_unicode, &upper, exec->err);
}

/* ---- white space ---- */

static ln_status strip(const ln_node *node, const void *context, ln_span text, ln_text_list *out, ln_error *err) {
  (void)node;
  (void)context;
  (void)err;
  while (text.size > 0 && is_ascii_space(text.data[text.size - 1])) --text.size;
  for (; text.size > 0 && is_ascii_space(text.data[0]); --text.size) ++text.data;
  ln_text_put(out, text.data, text.size);
  return LN_OK;
}

ln_status ln_text_strip_run(const ln_node *node, ln_exec *exec) { return ln_text_map(node, strip, NULL, exec->err); }

/* ---- Base64, with - and _ ---- */

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static ln_status encode(const ln_node *node, const void *context, ln_span text, ln_text_list *out, ln_error *err) {
  const bool pad = *(const bool *)context;
  (void)node;
  (void)err;
  for (size_t i = 0; i < text.size; i += 3) {
    const size_t left = text.size - i < 3 ? text.size - i : 3;
    uint32_t bits = 0;
    char four[4];
    for (size_t j = 0; j < 3; ++j) bits = bits << 8 | (j < left ? (uint8_t)text.data[i + j] : 0);
    for (int32_t j = 0; j < 4; ++j) four[j] = (size_t)j <= left ? base64[bits >> (18 - 6 * j) & 63] : '=';
    if (!ln_text_put(out, four, pad ? 4 : left + 1)) break;
  }
  return LN_OK;
}

ln_status ln_base64_encode_run(const ln_node *node, ln_exec *exec) {
  bool pad = false;
  LN_TRY(ln_attr_bool(node, exec->err, "pad", &pad));
  return ln_text_map(node, encode, &pad, exec->err);
}

static ln_status decode(const ln_node *node, const void *context, ln_span text, ln_text_list *out, ln_error *err) {
  (void)context;
  if (text.size > 0 && text.size % 4 == 0 && text.data[text.size - 1] == '=') {
    text.size -= text.data[text.size - 2] == '=' ? 2 : 1;
  }
  if (text.size % 4 == 1) {
    return ln_node_fail(node, err, LN_ERR_DATA, "%zu characters are no whole number of bytes in Base64", text.size);
  }
  uint32_t bits = 0;
  for (size_t i = 0; i < text.size; ++i) {
    const char *found = memchr(base64, text.data[i], sizeof base64 - 1);
    if (found == NULL) {
      return ln_node_fail(node, err, LN_ERR_DATA, "byte %zu, 0x%02X, is none of Base64's", i, (uint8_t)text.data[i]);
    }
    bits = bits << 6 | (uint32_t)(found - base64);
    if (i % 4 == 1) ln_text_put_byte(out, (char)(bits >> 4));
    if (i % 4 == 2) ln_text_put_byte(out, (char)(bits >> 2));
    if (i % 4 == 3) ln_text_put_byte(out, (char)bits);
  }
  return LN_OK;
}

ln_status ln_base64_decode_run(const ln_node *node, ln_exec *exec) {
  return ln_text_map(node, decode, NULL, exec->err);
}

/* ---- lengths and hashes ---- */

static bool is_trail_byte(char c) { return ((uint8_t)c & 0xC0) == 0x80; }

static const char *const units[] = {"BYTE", "UTF8_CHAR"};
enum { UNIT_BYTE, UNIT_UTF8 };

/* Characters are the bytes that begin one. */
static ln_status length(const ln_node *node, const void *context, ln_span text, int64_t *out, ln_error *err) {
  (void)node;
  (void)err;
  *out = (int64_t)text.size;
  for (size_t i = 0; i < text.size && *(const int32_t *)context == UNIT_UTF8; ++i) *out -= is_trail_byte(text.data[i]);
  return LN_OK;
}

ln_status ln_text_length_run(const ln_node *node, ln_exec *exec) {
  int32_t unit = UNIT_BYTE;
  LN_TRY(ln_attr_choice(node, exec->err, "unit", units, LN_COUNT(units), &unit));
  return ln_text_measure(node, length, &unit, exec->err);
}

typedef struct hashing {
  uint64_t buckets, key[2];
} hashing;

static ln_status bucket(const ln_node *node, const void *context, ln_span text, int64_t *out, ln_error *err) {
  enum { SEED_HIGH = 0xDECA, SEED_LOW = 0xFCAFFE };
  const hashing *h = context;
  const int32_t kind = node->op->def->variant;
  (void)err;
  const uint64_t hash = kind == LN_TEXT_HASH_FAST ? ln_k_fingerprint64(text.data, text.size)
                        : kind == LN_TEXT_HASH_STRONG
                            ? ln_k_siphash(h->key, text.data, text.size)
                            : ln_k_murmur64((uint64_t)SEED_HIGH << 24 | SEED_LOW, text.data, text.size);
  *out = (int64_t)(hash % h->buckets);
  return LN_OK;
}

ln_status ln_text_hash_run(const ln_node *node, ln_exec *exec) {
  int64_t buckets = 0, key[2] = {0, 0};
  int32_t keys = 0;
  LN_TRY(ln_attr_int(node, exec->err, "num_buckets", 1, INT64_MAX, &buckets));
  LN_TRY(ln_attr_ints(node, exec->err, "key", key, 2, &keys));
  if (buckets == 0) return ln_node_fail(node, exec->err, LN_ERR_MODEL, "the attribute num_buckets is missing");
  if (node->op->def->variant == LN_TEXT_HASH_STRONG && keys != 2) {
    return ln_node_fail(node, exec->err, LN_ERR_MODEL, "the attribute key has %d numbers, must have 2", keys);
  }
  const hashing h = {(uint64_t)buckets, {(uint64_t)key[0], (uint64_t)key[1]}};
  return ln_text_measure(node, bucket, &h, exec->err);
}

/* ---- parts ---- */

ln_status ln_substr_infer(ln_node *node, ln_error *err) {
  if (!ln_shape_equal(&node->in[1]->shape, &node->in[2]->shape)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "positions and lengths have different shapes");
  }
  return ln_infer_broadcast(node, err);
}

/* Moves over `count` characters or to the end; false when the text ends before that. */
static bool pass_characters(ln_span text, int64_t count, size_t *at) {
  for (; count > 0; --count) {
    if (*at >= text.size) return false;
    ++*at;
    while (*at < text.size && is_trail_byte(text.data[*at])) ++*at;
  }
  return true;
}

/* A position below 0 counts from the end. TensorFlow takes a length below 0 for the whole rest of bytes, for none of
 * characters, and refuses it with a position below 0 of those. */
static bool find_part(ln_span text, int32_t unit, int64_t position, int64_t size, size_t *from, size_t *to) {
  if (unit == UNIT_BYTE) {
    if (position < 0) position += (int64_t)text.size;
    if (position < 0 || (uint64_t)position > text.size) return false;
    *from = (size_t)position;
    *to = size < 0 || (uint64_t)size > text.size - *from ? text.size : *from + (size_t)size;
    return true;
  }
  if (position < 0) {
    int64_t all = 0;
    for (size_t i = 0; i < text.size; ++i) all += i == 0 || !is_trail_byte(text.data[i]);
    position += all;
    if (position < 0 || size < 0) return false;
  }
  *from = 0;
  if (!pass_characters(text, position, from)) return false;
  *to = *from;
  pass_characters(text, size, to);
  return true;
}

ln_status ln_substr_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *positions = node->in[1], *lengths = node->in[2];
  const ln_shape *shape = &node->out[0]->shape;
  const size_t count = ln_shape_span(shape, 0, shape->rank);
  int32_t unit = UNIT_BYTE;
  ln_texts texts;
  LN_TRY(ln_attr_choice(node, exec->err, "unit", units, LN_COUNT(units), &unit));
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  ln_text_list out = ln_text_list_make(node);
  ln_status status = LN_OK;
  for (size_t i = 0; i < count && status == LN_OK; ++i) {
    const ln_span text = ln_texts_at(&texts, ln_broadcast_source(shape, &node->in[0]->shape, 0, i));
    const size_t place = ln_broadcast_source(shape, &positions->shape, 0, i);
    const int64_t position = ln_number_at(positions, place);
    size_t from = 0, to = 0;
    if (!find_part(text, unit, position, ln_number_at(lengths, place), &from, &to)) {
      status = ln_node_fail(node, exec->err, LN_ERR_DATA, "position %lld of string %zu, which has %zu bytes",
                            (long long)position, i, text.size);
    }
    ln_text_add(&out, (ln_span){text.data + from, to - from});
  }
  if (status == LN_OK) status = ln_text_list_output(&out, 0, shape, exec->err);
  ln_text_list_free(&out);
  return status;
}

/* ---- together ---- */

/* All inputs of one shape, but for scalars. */
ln_status ln_text_join_infer(ln_node *node, ln_error *err) {
  ln_shape shape = {0};
  for (int32_t i = 0; i < node->in_count; ++i) {
    const ln_shape *other = &node->in[i]->shape;
    if (other->rank == 0) continue;
    if (shape.rank == 0) shape = *other;
    if (!ln_shape_equal(&shape, other)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "\"%.100s\" has another shape than the inputs before it",
                          node->in[i]->name);
    }
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_text_join_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *shape = &node->out[0]->shape;
  const size_t count = ln_shape_span(shape, 0, shape->rank);
  ln_span separator = {"", 0};
  LN_TRY(ln_text_string(node, exec->err, "separator", &separator));
  for (int32_t k = 0; k < node->in_count && count > 0; ++k) LN_TRY(ln_node_check_strings(node, k, exec->err));
  ln_text_list out = ln_text_list_make(node);
  for (size_t i = 0; i < count && out.status == LN_OK; ++i) {
    for (int32_t k = 0; k < node->in_count; ++k) {
      const ln_span text = ln_string_at(node->in[k], node->in[k]->shape.rank == 0 ? 0 : i);
      if (k > 0) ln_text_put(&out, separator.data, separator.size);
      ln_text_put(&out, text.data, text.size);
    }
    ln_text_end(&out);
  }
  const ln_status status = ln_text_list_output(&out, 0, shape, exec->err);
  ln_text_list_free(&out);
  return status;
}
