/* The cursor over MLIR's text: tokens, strings, numbers, names in scope and aliases. */
#include "import/stablehlo/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         c == '.' || c == '-';
}

void ln_asm_skip(ln_mlir_reader *r) {
  while (r->at < r->end) {
    if (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r') {
      ++r->at;
    } else if (r->at + 1 < r->end && r->at[0] == '/' && r->at[1] == '/') {
      while (r->at < r->end && *r->at != '\n') ++r->at;
    } else {
      return;
    }
  }
}

bool ln_asm_wrong(ln_mlir_reader *r, const char *format, ...) {
  char reason[160], near[40];
  va_list list;
  int32_t line = 1;
  if (ln_import_failed(r->m->import)) return false;
  va_start(list, format);
  vsnprintf(reason, sizeof reason, format, list);
  va_end(list);
  for (const char *c = r->begin; c < r->at; ++c) line += *c == '\n';
  const size_t left = (size_t)(r->end - r->at), length = left < sizeof near - 1 ? left : sizeof near - 1;
  memcpy(near, r->at, length);
  near[length] = '\0';
  if (left == 0) {
    ln_import_fail(r->m->import, LN_ERR_MODEL, "line %d: %s, but the text ends there", (int)line, reason);
  } else {
    ln_import_fail(r->m->import, LN_ERR_MODEL, "line %d: %s, at: %s", (int)line, reason, near);
  }
  return false;
}

bool ln_asm_is(ln_mlir_reader *r, const char *token) {
  ln_asm_skip(r);
  const size_t length = strlen(token);
  if ((size_t)(r->end - r->at) < length || memcmp(r->at, token, length) != 0) return false;
  /* A word is not the beginning of a longer one. */
  return !is_word(token[length - 1]) || r->at + length == r->end || !is_word(r->at[length]);
}

bool ln_asm_take(ln_mlir_reader *r, const char *token) {
  if (!ln_asm_is(r, token)) return false;
  r->at += strlen(token);
  return true;
}

bool ln_asm_want(ln_mlir_reader *r, const char *token) {
  return ln_asm_take(r, token) || ln_asm_wrong(r, "'%s' is missing", token);
}

bool ln_asm_word(ln_mlir_reader *r, ln_mlir_word *out) {
  ln_asm_skip(r);
  const char *begin = r->at;
  while (r->at < r->end && is_word(*r->at)) {
    if (*r->at == '-' && r->at + 1 < r->end && r->at[1] == '>') break; /* an arrow */
    ++r->at;
  }
  *out = (ln_mlir_word){begin, (size_t)(r->at - begin)};
  return out->length > 0;
}

static int32_t hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* From an opening quote to behind the closing one. */
static bool skip_string(ln_mlir_reader *r) {
  ++r->at;
  while (r->at < r->end && *r->at != '"') r->at += *r->at == '\\' && r->at + 1 < r->end ? 2 : 1;
  if (r->at >= r->end) {
    r->at = r->end;
    return ln_asm_wrong(r, "a string does not end");
  }
  ++r->at;
  return true;
}

bool ln_asm_string_bytes(ln_mlir_reader *r, const char **out, size_t *length) {
  if (!ln_asm_is(r, "\"")) return ln_asm_wrong(r, "a string is missing");
  const char *begin = r->at + 1;
  if (!skip_string(r)) return false;
  const char *end = r->at - 1;
  char *text = ln_mlir_new(r->m, (size_t)(end - begin) + 1, 1);
  if (text == NULL) return false;
  size_t used = 0;
  for (const char *c = begin; c < end; ++c) {
    if (*c != '\\') {
      text[used++] = *c;
    } else if (c[1] == 'n' || c[1] == 't') {
      text[used++] = c[1] == 'n' ? '\n' : '\t';
      ++c;
    } else if (hex_digit(c[1]) >= 0 && hex_digit(c[2]) >= 0) { /* the closing quote is no digit */
      text[used++] = (char)(hex_digit(c[1]) * 16 + hex_digit(c[2]));
      c += 2;
    } else {
      text[used++] = *++c;
    }
  }
  *out = text;
  *length = used;
  return true;
}

bool ln_asm_string(ln_mlir_reader *r, const char **out) {
  size_t length;
  return ln_asm_string_bytes(r, out, &length);
}

bool ln_asm_number(ln_mlir_reader *r, double *value, int64_t *integer, bool *is_integer, bool *is_hex) {
  char copy[72];
  ln_asm_skip(r);
  size_t length = 0;
  const size_t left = (size_t)(r->end - r->at);
  const size_t limit = left < sizeof copy - 1 ? left : sizeof copy - 1;
  while (length < limit) {
    const char c = r->at[length];
    const bool sign = (c == '-' || c == '+') && (length == 0 || copy[length - 1] == 'e' || copy[length - 1] == 'E');
    if (!sign && hex_digit(c) < 0 && c != '.' && c != 'x') break;
    if (c == 'x' && (length == 0 || copy[length - 1] != '0')) break;
    copy[length++] = c;
  }
  copy[length] = '\0';
  const char *digits = copy + (copy[0] == '-' || copy[0] == '+');
  char *stop = NULL;
  *is_hex = digits[0] == '0' && digits[1] == 'x';
  *is_integer = *is_hex || strpbrk(copy, ".eE") == NULL;
  *integer = (int64_t)strtoull(digits, &stop, *is_hex ? 16 : 10);
  if (copy[0] == '-') *integer = (int64_t)(0 - (uint64_t)*integer);
  *value = *is_integer && !*is_hex ? (double)*integer : strtod(copy, &stop);
  if (stop == NULL || stop == digits || *stop != '\0' || digits[0] < '0' || digits[0] > '9') {
    return ln_asm_wrong(r, "a number is missing");
  }
  if (*is_integer && !*is_hex) *value = strtod(copy, NULL);
  r->at += length;
  return true;
}

bool ln_asm_integer(ln_mlir_reader *r, int64_t *out) {
  double value;
  bool is_integer, is_hex;
  return ln_asm_number(r, &value, out, &is_integer, &is_hex) &&
         (is_integer || ln_asm_wrong(r, "an integer is missing"));
}

bool ln_asm_balanced(ln_mlir_reader *r, ln_mlir_word *out) {
  char open[LN_MLIR_DEPTH];
  int32_t depth = 0;
  ln_asm_skip(r);
  const char *begin = r->at;
  while (r->at < r->end) {
    const char c = *r->at;
    if (c == '"') {
      if (!skip_string(r)) return false;
      continue;
    }
    if (c == '(' || c == '[' || c == '{' || c == '<') {
      if (depth == LN_MLIR_DEPTH) return ln_asm_wrong(r, "brackets are nested too deeply");
      open[depth++] = c == '(' ? ')' : (char)(c + 2);
    } else if (c == ')' || c == ']' || c == '}' || (c == '>' && (r->at == begin || r->at[-1] != '-'))) {
      if (depth == 0 || open[--depth] != c) return ln_asm_wrong(r, "brackets do not match");
    }
    ++r->at;
    if (depth == 0) break;
  }
  *out = (ln_mlir_word){begin, (size_t)(r->at - begin)};
  return depth == 0 || ln_asm_wrong(r, "a bracket is not closed");
}

bool ln_asm_deeper(ln_mlir_reader *r) {
  return ++r->depth <= LN_MLIR_DEPTH || ln_asm_wrong(r, "the text is nested more than %d deep", LN_MLIR_DEPTH);
}

/* ---- names ---- */

static uint32_t hash_of(ln_mlir_word word) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < word.length; ++i) hash = (hash ^ (uint8_t)word.at[i]) * 16777619u;
  return hash;
}

static bool rehash(ln_mlir_reader *r) {
  const int32_t count = r->bucket_count == 0 ? 256 : r->bucket_count * 4;
  int32_t *buckets = ln_mlir_new(r->m, (size_t)count, sizeof *buckets);
  int32_t *chains = ln_mlir_new(r->m, (size_t)count, sizeof *chains);
  if (buckets == NULL || chains == NULL) return false;
  for (int32_t i = 0; i < count; ++i) buckets[i] = -1;
  for (int32_t i = 0; i < r->name_count; ++i) {
    const uint32_t bucket = hash_of(r->names[i].word) & (uint32_t)(count - 1);
    chains[i] = buckets[bucket];
    buckets[bucket] = i;
  }
  r->buckets = buckets;
  r->chains = chains;
  r->bucket_count = r->chain_capacity = count;
  return true;
}

bool ln_asm_define(ln_mlir_reader *r, ln_mlir_word word, ln_mlir_value *values, int32_t count, const char *target) {
  if (!LN_MLIR_GROW(r->m, r->names, r->name_count, r->name_capacity)) return false;
  if (r->name_count == r->chain_capacity && !rehash(r)) return false;
  const uint32_t bucket = hash_of(word) & (uint32_t)(r->bucket_count - 1);
  const int32_t index = r->name_count++;
  r->names[index] = (ln_mlir_name){.word = word, .values = values, .count = count, .target = target};
  r->chains[index] = r->buckets[bucket];
  r->buckets[bucket] = index;
  return true;
}

const ln_mlir_name *ln_asm_find(const ln_mlir_reader *r, ln_mlir_word word) {
  if (r->bucket_count == 0) return NULL;
  int32_t i = r->buckets[hash_of(word) & (uint32_t)(r->bucket_count - 1)];
  while (i >= 0 && (r->names[i].word.length != word.length || memcmp(r->names[i].word.at, word.at, word.length) != 0)) {
    i = r->chains[i];
  }
  return i < 0 ? NULL : &r->names[i];
}

void ln_asm_forget(ln_mlir_reader *r, int32_t name_count) {
  while (r->name_count > name_count) {
    const int32_t last = --r->name_count;
    r->buckets[hash_of(r->names[last].word) & (uint32_t)(r->bucket_count - 1)] = r->chains[last];
  }
}

/* Resources stand behind the module: `{-# dialect_resources: { builtin: { key: "0x..." } } #-}`. */
static bool find_resources(ln_mlir_reader *r, const char *begin) {
  r->at = begin;
  while (r->at < r->end) {
    ln_mlir_word word;
    if (!ln_asm_word(r, &word)) {
      if (r->at < r->end && *r->at == '"' && !skip_string(r)) return false;
      r->at += r->at < r->end;
    } else if (ln_asm_take(r, ":") && ln_asm_is(r, "\"") && !ln_asm_define(r, word, NULL, 0, r->at)) {
      return false;
    }
  }
  return true;
}

/* Aliases stand at the beginning of a line, those of locations behind what uses them. */
bool ln_asm_find_aliases(ln_mlir_reader *r) {
  const char *const begin = r->at, *resources = NULL;
  for (const char *line = begin; line < r->end;) {
    const char *next = memchr(line, '\n', (size_t)(r->end - line));
    r->at = line;
    if (*line == '#' || *line == '!') {
      ln_mlir_word word;
      ++r->at;
      if (ln_asm_word(r, &word) && ln_asm_take(r, "=")) {
        const ln_mlir_word name = {line, word.length + 1};
        if (!ln_asm_define(r, name, NULL, 0, r->at)) return false;
      }
    }
    if (r->end - line > 3 && memcmp(line, "{-#", 3) == 0) resources = line;
    line = next == NULL ? r->end : next + 1;
  }
  if (resources != NULL && !find_resources(r, resources)) return false;
  if (resources != NULL) r->end = resources;
  r->at = begin;
  return true;
}

bool ln_asm_alias(ln_mlir_reader *r, ln_mlir_word word, const void *(*read)(ln_mlir_reader *r), const void **out) {
  const ln_mlir_name *name = ln_asm_find(r, word);
  if (name == NULL || name->target == NULL) return false;
  const int32_t index = (int32_t)(name - r->names); /* reading may move the table */
  if (name->meaning == NULL) {
    const char *back = r->at;
    r->at = name->target;
    const void *meaning = read(r);
    r->at = back;
    r->names[index].meaning = meaning;
    r->names[index].read = read;
  }
  const bool same = r->names[index].meaning == NULL || r->names[index].read == read;
  if (!same)
    ln_asm_wrong(r, "%.*s stands for two kinds of things", (int)(word.length < 60 ? word.length : 60), word.at);
  *out = same ? r->names[index].meaning : NULL;
  return true;
}
