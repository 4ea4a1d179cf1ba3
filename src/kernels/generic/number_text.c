/* Numbers from text and back: see kernels/number_text.h. */
#include "kernels/number_text.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More digits than any midpoint between doubles has; the ones after that only say whether anything follows. */
enum { MOST_DIGITS = 800, MOST_EXPONENT = 1000000 };

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static ln_span trim(ln_span text) {
  while (text.size > 0 && is_space(text.data[text.size - 1])) --text.size;
  for (; text.size > 0 && is_space(text.data[0]); --text.size) ++text.data;
  return text;
}

static bool take(ln_span *text, char lower) {
  if (text->size == 0 || (text->data[0] | 0x20) != lower) return false;
  ++text->data;
  --text->size;
  return true;
}

static bool take_word(ln_span *text, const char *word) {
  ln_span rest = *text;
  for (; *word != '\0'; ++word) {
    if (!take(&rest, *word)) return false;
  }
  *text = rest;
  return true;
}

static bool take_sign(ln_span *text) {
  const bool minus = text->size > 0 && text->data[0] == '-';
  if (text->size > 0 && (minus || text->data[0] == '+')) {
    ++text->data;
    --text->size;
  }
  return minus;
}

static int32_t digit_of(char c, bool hex) {
  if (c >= '0' && c <= '9') return c - '0';
  const int32_t letter = (c | 0x20) - 'a';
  return hex && letter >= 0 && letter < 6 ? 10 + letter : -1;
}

static bool is_special(ln_span text, double *out) {
  if (take_word(&text, "inf")) {
    take_word(&text, "inity");
    *out = HUGE_VAL;
    return text.size == 0;
  }
  if (!take_word(&text, "nan")) return false;
  *out = NAN;
  if (text.size == 0) return true;
  if (text.data[0] != '(' || text.data[text.size - 1] != ')') return false;
  for (size_t i = 1; i + 1 < text.size; ++i) {
    const char c = text.data[i], lower = (char)(c | 0x20);
    if (c != '_' && digit_of(c, false) < 0 && (lower < 'a' || lower > 'z')) return false;
  }
  return text.size > 1;
}

/* The digits as one whole number and its exponent, which strtod reads in every locale. */
typedef struct plain {
  char text[MOST_DIGITS + 32];
  bool minus;
} plain;

static bool take_exponent(ln_span *text, bool hex, int64_t *exponent) {
  if (!take(text, hex ? 'p' : 'e')) return true;
  const bool minus = take_sign(text);
  int64_t value = 0;
  size_t count = 0;
  for (; text->size > 0 && digit_of(text->data[0], false) >= 0; ++count) {
    if (value < INT32_MAX) value = 10 * value + digit_of(text->data[0], false);
    ++text->data;
    --text->size;
  }
  *exponent += minus ? -value : value;
  return count > 0;
}

static bool read_digits(ln_span text, bool hex, plain *out) {
  size_t count = 0, kept = 0, used = hex ? 2 : 0;
  const size_t most = hex ? 64 : MOST_DIGITS;
  int64_t exponent = 0;
  bool point = false, more = false;
  if (hex) memcpy(out->text, "0x", 2);
  for (; text.size > 0; ++text.data, --text.size) {
    const int32_t digit = digit_of(text.data[0], hex);
    if (digit < 0) {
      if (text.data[0] != '.' || point) break;
      point = true;
      continue;
    }
    ++count;
    if (kept < most && (kept > 0 || digit > 0)) {
      out->text[used++] = text.data[0];
      ++kept;
    } else if (kept == most) {
      more = more || digit > 0;
      exponent += !point;
      continue;
    }
    exponent -= point;
  }
  if (hex) exponent *= 4;
  if (count == 0 || !take_exponent(&text, hex, &exponent) || text.size > 0) return false;
  if (kept == 0) out->text[used++] = '0';
  if (kept == 0) exponent = 0;
  if (more) out->text[used - 1] |= 1; /* sticky: '0' to '9' and letters keep being digits, and no tie stays one */
  if (exponent > MOST_EXPONENT) exponent = MOST_EXPONENT;
  if (exponent < -MOST_EXPONENT) exponent = -MOST_EXPONENT;
  snprintf(out->text + used, sizeof out->text - used, "%c%lld", hex ? 'p' : 'e', (long long)exponent);
  return true;
}

static bool read_plain(ln_span text, plain *out, double *special, bool *is_plain) {
  text = trim(text);
  out->minus = take_sign(&text);
  *is_plain = false;
  if (is_special(text, special)) return true;
  *is_plain = true;
  const bool hex = text.size > 2 && take_word(&text, "0x");
  return read_digits(text, hex, out);
}

bool ln_k_parse_f64(ln_span text, double *out) {
  plain p;
  double value = 0;
  bool is_plain;
  if (!read_plain(text, &p, &value, &is_plain)) return false;
  if (is_plain) value = strtod(p.text, NULL);
  *out = p.minus ? -value : value;
  return true;
}

bool ln_k_parse_f32(ln_span text, float *out) {
  plain p;
  double special = 0;
  bool is_plain;
  if (!read_plain(text, &p, &special, &is_plain)) return false;
  const float value = is_plain ? strtof(p.text, NULL) : (float)special;
  *out = p.minus ? -value : value;
  return true;
}

static bool read_integer(ln_span text, uint64_t most, uint64_t *out) {
  uint64_t value = 0;
  if (text.size == 0) return false;
  for (size_t i = 0; i < text.size; ++i) {
    const int32_t digit = digit_of(text.data[i], false);
    if (digit < 0 || value > (most - (uint64_t)digit) / 10) return false;
    value = 10 * value + (uint64_t)digit;
  }
  *out = value;
  return true;
}

bool ln_k_parse_i64(ln_span text, int64_t *out) {
  uint64_t value;
  text = trim(text);
  const bool minus = take_sign(&text);
  if (!read_integer(text, (uint64_t)INT64_MAX + minus, &value)) return false;
  *out = minus ? (int64_t)(0 - value) : (int64_t)value;
  return true;
}

bool ln_k_parse_u64(ln_span text, uint64_t *out) {
  text = trim(text);
  return !take_sign(&text) && read_integer(text, UINT64_MAX, out);
}

/* ---- writing ---- */

void ln_k_plain_point(char *text) {
  const char *point = localeconv()->decimal_point;
  const size_t size = strlen(point);
  char *found = size == 0 || strcmp(point, ".") == 0 ? NULL : strstr(text, point);
  if (found == NULL) return;
  *found = '.';
  memmove(found + 1, found + size, strlen(found + size) + 1);
}

/* Read back in the locale it was written in. */
size_t ln_k_format_f32(float value, char out[LN_NUMBER_TEXT_MAX]) {
  enum { FEW = 6, MANY = 9 };
  snprintf(out, LN_NUMBER_TEXT_MAX, "%.*g", FEW, (double)value);
  if (strtof(out, NULL) < value || strtof(out, NULL) > value) {
    snprintf(out, LN_NUMBER_TEXT_MAX, "%.*g", MANY, (double)value);
  }
  ln_k_plain_point(out);
  return strlen(out);
}

size_t ln_k_format_f64(double value, char out[LN_NUMBER_TEXT_MAX]) {
  enum { FEW = 15, MANY = 17 };
  snprintf(out, LN_NUMBER_TEXT_MAX, "%.*g", FEW, value);
  if (strtod(out, NULL) < value || strtod(out, NULL) > value) snprintf(out, LN_NUMBER_TEXT_MAX, "%.*g", MANY, value);
  ln_k_plain_point(out);
  return strlen(out);
}
