/* A small JSON writer. */
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put_text(FILE *out, const char *text);

/* Comma, line and key before a value. */
static void lead(json *j, const char *key) {
  if (j->depth > 0) {
    const bool flat = j->flat[j->depth];
    if (j->filled[j->depth]) fputs(flat ? ", " : ",", j->out);
    if (!flat) fprintf(j->out, "\n%*s", 2 * j->depth, "");
    j->filled[j->depth] = true;
  }
  if (key) {
    put_text(j->out, key);
    fputs(": ", j->out);
  }
}

void json_begin(json *j, FILE *out) { *j = (json){.out = out}; }

static void open_level(json *j, const char *key, char open, bool flat) {
  lead(j, key);
  fputc(open, j->out);
  const bool inside_flat = j->flat[j->depth];
  j->depth++;
  j->filled[j->depth] = false;
  j->flat[j->depth] = flat || inside_flat;
}

void json_object(json *j, const char *key) { open_level(j, key, '{', false); }
void json_array(json *j, const char *key) { open_level(j, key, '[', false); }
void json_flat_object(json *j, const char *key) { open_level(j, key, '{', true); }
void json_flat_array(json *j, const char *key) { open_level(j, key, '[', true); }

void json_end(json *j, char close) {
  const bool lines = j->filled[j->depth] && !j->flat[j->depth];
  j->depth--;
  if (lines) fprintf(j->out, "\n%*s", 2 * j->depth, "");
  fputc(close, j->out);
  if (j->depth == 0) fputc('\n', j->out);
}

/* Bytes of the valid UTF-8 sequence at `text`; 0 when there is none. */
static size_t sequence_length(const unsigned char *text) {
  const unsigned char a = text[0];
  const size_t length = a < 0x80                ? 1
                        : a >= 0xc2 && a < 0xe0 ? 2
                        : a >= 0xe0 && a < 0xf0 ? 3
                        : a >= 0xf0 && a < 0xf5 ? 4
                                                : 0;
  for (size_t i = 1; i < length; i++) {
    if ((text[i] & 0xc0) != 0x80) return 0;
  }
  if ((a == 0xe0 && text[1] < 0xa0) || (a == 0xed && text[1] > 0x9f)) return 0;
  if ((a == 0xf0 && text[1] < 0x90) || (a == 0xf4 && text[1] > 0x8f)) return 0;
  return length;
}

static void put_text(FILE *out, const char *text) {
  fputc('"', out);
  for (const unsigned char *at = (const unsigned char *)text; *at;) {
    const size_t length = sequence_length(at);
    if (length == 0) fputs("\\ufffd", out);
    else if (*at == '"' || *at == '\\') fprintf(out, "\\%c", *at);
    else if (*at == '\n') fputs("\\n", out);
    else if (*at == '\t') fputs("\\t", out);
    else if (*at < 32 || *at == 127) fprintf(out, "\\u%04x", *at);
    else fwrite(at, 1, length, out);
    at += length ? length : 1;
  }
  fputc('"', out);
}

void json_string(json *j, const char *key, const char *value) {
  lead(j, key);
  if (value) put_text(j->out, value);
  else fputs("null", j->out);
}

void json_int(json *j, const char *key, int64_t value) {
  lead(j, key);
  fprintf(j->out, "%lld", (long long)value);
}

void json_real(json *j, const char *key, double value) {
  lead(j, key);
  if (!isfinite(value)) {
    fputs("null", j->out);
    return;
  }
  char text[32];
  int digits = (double)(float)value == value ? 9 : 15;
  do snprintf(text, sizeof text, "%.*g", digits++, value);
  while (digits <= 17 && strtod(text, NULL) != value);
  fputs(text, j->out);
}

void json_bool(json *j, const char *key, bool value) {
  lead(j, key);
  fputs(value ? "true" : "false", j->out);
}
