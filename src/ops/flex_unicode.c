/* Select-TF operators on code points: UnicodeDecode, UnicodeDecodeWithOffsets, UnicodeEncode, UnicodeTranscode,
 * UnicodeScript. */
#include "kernels/unicode.h"
#include "ops/flex_attr.h"
#include "ops/rows.h"
#include "ops/text_map.h"

/* ---- encodings ---- */

typedef struct encoding {
  const char *name; /* in small letters, without what may stand between its parts */
  uint8_t unit;     /* bytes; 1 with `most` below 128 or 256 for plain bytes */
  bool little, marked;
  uint16_t most; /* 0: UTF-8, UTF-16 or UTF-32 */
} encoding;

static const encoding encodings[] = {
    {"utf8", 1, false, false, 0},     {"utf16be", 2, false, false, 0},    {"utf16le", 2, true, false, 0},
    {"utf16", 2, false, true, 0},     {"utf32be", 4, false, false, 0},    {"utf32le", 4, true, false, 0},
    {"utf32", 4, false, true, 0},     {"ascii", 1, false, false, 127},    {"usascii", 1, false, false, 127},
    {"latin1", 1, false, false, 255}, {"iso88591", 1, false, false, 255},
};

static ln_status find_encoding(const ln_node *node, ln_error *err, const char *key, encoding *out) {
  char plain[16], excerpt[40];
  size_t used = 0;
  ln_span name = {"", 0};
  LN_TRY(ln_text_string(node, err, key, &name));
  for (size_t i = 0; i < name.size && used + 1 < sizeof plain; ++i) {
    const char c = name.data[i];
    if (c != '-' && c != '_' && c != ' ') plain[used++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
  }
  plain[used] = '\0';
  for (size_t i = 0; i < LN_COUNT(encodings); ++i) {
    if (strcmp(encodings[i].name, plain) != 0) continue;
    *out = encodings[i];
    return LN_OK;
  }
  ln_text_excerpt(name, excerpt, sizeof excerpt);
  return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "the encoding \"%s\"", excerpt);
}

static uint32_t unit_at(ln_span text, size_t at, const encoding *e) {
  uint32_t value = 0;
  for (size_t i = 0; i < e->unit; ++i) value = value << 8 | (uint8_t)text.data[at + (e->little ? e->unit - 1 - i : i)];
  return value;
}

/* A byte order mark says the order of its own text, and is none of it. */
static void take_mark(ln_span text, encoding *e, size_t *at) {
  enum { MARK = 0xFEFF };
  if (!e->marked || text.size < e->unit) return;
  for (int32_t little = 0; little < 2; ++little) {
    e->little = little != 0;
    if (unit_at(text, 0, e) != MARK) continue;
    *at = e->unit;
    return;
  }
  e->little = false;
}

/* The code point at *at, which moves behind it; -1 for what is ill-formed. */
static int32_t next_code(ln_span text, const encoding *e, size_t *at) {
  if (e->most > 0) {
    const uint8_t byte = (uint8_t)text.data[(*at)++];
    return byte <= e->most ? byte : -1;
  }
  if (e->unit == 1) return ln_utf8_next(text, at);
  if (text.size - *at < e->unit) {
    *at = text.size;
    return -1;
  }
  const uint32_t unit = unit_at(text, *at, e);
  *at += e->unit;
  if (e->unit == 4) return unit > 0x10FFFF || (unit >= 0xD800 && unit < 0xE000) ? -1 : (int32_t)unit;
  if (unit < 0xD800 || unit >= 0xE000) return (int32_t)unit;
  if (unit >= 0xDC00) return -1;
  if (text.size - *at < 2) { /* what is left of a pair is one error */
    *at = text.size;
    return -1;
  }
  const uint32_t low = unit_at(text, *at, e);
  if (low < 0xDC00 || low >= 0xE000) return -1;
  *at += 2;
  return (int32_t)(0x10000 + ((unit & 0x3FF) << 10) + (low & 0x3FF));
}

static void put_code(uint32_t code, const encoding *e, ln_text_list *out) {
  char bytes[4];
  if (e->unit == 1) {
    ln_text_put_code(out, code);
    return;
  }
  if (e->unit == 2 && code > 0xFFFF) {
    put_code(0xD800 + ((code - 0x10000) >> 10), e, out);
    code = 0xDC00 + (code & 0x3FF);
  }
  for (int32_t i = 0; i < e->unit; ++i) bytes[i] = (char)(code >> 8 * (e->unit - 1 - i));
  ln_text_put(out, bytes, e->unit);
}

/* What put_code writes: the encodings that TensorFlow's operators give. */
static ln_status find_output(const ln_node *node, ln_error *err, encoding *out) {
  LN_TRY(find_encoding(node, err, "output_encoding", out));
  if (out->most == 0 && !out->little && !out->marked) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "output_encoding must be UTF-8, UTF-16-BE or UTF-32-BE");
}

/* ---- what becomes of errors ---- */

typedef enum on_error { ERROR_STRICT, ERROR_REPLACE, ERROR_IGNORE } on_error;

typedef struct reader {
  encoding from, to;
  on_error errors;
  int64_t replacement;
  bool replace_control, strict_control; /* UnicodeTranscode takes control characters for errors, the others do not */
} reader;

static ln_status read_errors(const ln_node *node, ln_error *err, reader *r) {
  static const char *const names[] = {"strict", "replace", "ignore"};
  int32_t errors = ERROR_REPLACE;
  *r = (reader){.replacement = LN_UNICODE_REPLACEMENT};
  LN_TRY(ln_attr_choice(node, err, "errors", names, LN_COUNT(names), &errors));
  LN_TRY(ln_attr_int(node, err, "replacement_char", 0, 0x10FFFF, &r->replacement));
  LN_TRY(ln_attr_bool(node, err, "replace_control_characters", &r->replace_control));
  r->errors = (on_error)errors;
  return LN_OK;
}

/* What stands for a code point (-1: ill-formed), -1 for nothing; *bad where it may not be. */
static int64_t settle(const reader *r, int64_t code, bool *bad) {
  const bool control = r->replace_control && code >= 0 && code < 0x20;
  if (code >= 0 && !control) return code;
  *bad = *bad || (r->errors == ERROR_STRICT && (!control || r->strict_control));
  return r->errors == ERROR_IGNORE ? -1 : r->replacement;
}

static ln_status refuse(const ln_node *node, size_t at, ln_error *err) {
  return ln_node_fail(node, err, LN_ERR_DATA, "what stands at %zu is no character", at);
}

/* ---- decoding ---- */

typedef struct decoded {
  ln_number_list splits, codes, starts;
} decoded;

static ln_status decode_text(const ln_node *node, const reader *r, ln_span text, decoded *d, ln_error *err) {
  encoding from = r->from;
  size_t at = 0, start = 0;
  take_mark(text, &from, &at);
  while (at < text.size) {
    bool bad = false;
    const int64_t code = settle(r, next_code(text, &from, &at), &bad);
    if (bad) return refuse(node, start, err);
    if (code >= 0 && !(ln_number_add(&d->codes, code) && ln_number_add(&d->starts, (int64_t)start))) return LN_OK;
    start = at;
  }
  return LN_OK;
}

ln_status ln_unicode_decode_run(const ln_node *node, ln_exec *exec) {
  const ln_number_list none = ln_number_list_make(node);
  decoded d = {none, none, none};
  ln_texts texts;
  reader r;
  LN_TRY(read_errors(node, exec->err, &r));
  LN_TRY(find_encoding(node, exec->err, "input_encoding", &r.from));
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  ln_status status = LN_OK;
  ln_number_add(&d.splits, 0);
  for (size_t i = 0; i < texts.count && status == LN_OK; ++i) {
    status = decode_text(node, &r, ln_texts_at(&texts, i), &d, exec->err);
    ln_number_add(&d.splits, (int64_t)d.codes.count);
  }
  if (status == LN_OK) status = ln_number_vector(&d.splits, 0, exec->err);
  if (status == LN_OK) status = ln_number_vector(&d.codes, 1, exec->err);
  if (status == LN_OK && node->out_count > 2) status = ln_number_vector(&d.starts, 2, exec->err);
  ln_number_list_free(&d.splits);
  ln_number_list_free(&d.codes);
  ln_number_list_free(&d.starts);
  return status;
}

/* ---- encoding ---- */

ln_status ln_unicode_encode_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *codes = node->in[0], *splits = node->in[1];
  reader r;
  size_t rows;
  LN_TRY(read_errors(node, exec->err, &r));
  LN_TRY(find_output(node, exec->err, &r.to));
  LN_TRY(ln_splits_check(node, 1, ln_tensor_count(codes), exec->err, &rows));
  ln_text_list out = ln_text_list_make(node);
  ln_status status = LN_OK;
  for (size_t i = 0; i < rows && status == LN_OK; ++i) {
    const size_t end = (size_t)ln_number_at(splits, i + 1);
    for (size_t j = (size_t)ln_number_at(splits, i); j < end && status == LN_OK; ++j) {
      bool bad = false;
      int64_t code = ln_number_at(codes, j);
      if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) code = -1;
      code = settle(&r, code, &bad);
      if (bad) status = refuse(node, j, exec->err);
      else if (code >= 0) put_code((uint32_t)code, &r.to, &out);
    }
    ln_text_end(&out);
  }
  if (status == LN_OK) status = ln_text_vector(&out, 0, exec->err);
  ln_text_list_free(&out);
  return status;
}

static ln_status transcode(const ln_node *node, const void *context, ln_span text, ln_text_list *out, ln_error *err) {
  const reader *r = context;
  encoding from = r->from;
  size_t at = 0, start = 0;
  take_mark(text, &from, &at);
  while (at < text.size && out->status == LN_OK) {
    bool bad = false;
    const int64_t code = settle(r, next_code(text, &from, &at), &bad);
    if (bad) return refuse(node, start, err);
    if (code >= 0) put_code((uint32_t)code, &r->to, out);
    start = at;
  }
  return LN_OK;
}

ln_status ln_unicode_transcode_run(const ln_node *node, ln_exec *exec) {
  reader r;
  LN_TRY(read_errors(node, exec->err, &r));
  LN_TRY(find_encoding(node, exec->err, "input_encoding", &r.from));
  LN_TRY(find_output(node, exec->err, &r.to));
  r.strict_control = true;
  return ln_text_map(node, transcode, &r, exec->err);
}

/* ---- scripts ---- */

ln_status ln_flex_script_run(const ln_node *node, ln_exec *exec) {
  const size_t count = ln_tensor_count(node->in[0]);
  const int32_t *codes = node->in[0]->data;
  int32_t *scripts = node->out[0]->data;
  (void)exec;
  for (size_t i = 0; i < count; ++i) scripts[i] = ln_unicode_script((uint32_t)codes[i]);
  return LN_OK;
}
