/*
 * Text: a byte says what of, the rest is the material. A pattern, a rewrite and a text, parted by 0xFF 0x00: compiled,
 * searched and replaced; bytes as UTF-8, which is decoded the same way by both readers where it is well formed; bytes
 * as the data of a string tensor; bytes as a number.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "kernels/number_text.h"
#include "kernels/unicode.h"
#include "ops/regex.h"
#include "ops/strings.h"

enum { MOST_PATTERN = 200, MOST_TEXT = 400, MOST_RESULT = 1 << 20 };

static bool count_bytes(void *to, const char *data, size_t size) {
  size_t *total = to;
  for (size_t i = 0; i < size; ++i) *total += 1 + (uint8_t)data[i] / 256;
  return *total < MOST_RESULT;
}

static ln_span take_part(const uint8_t **data, size_t *size, size_t most) {
  ln_span part = {(const char *)*data, *size};
  for (size_t i = 0; i + 1 < *size; ++i) {
    if ((*data)[i] != 0xFF || (*data)[i + 1] != 0) continue;
    part.size = i;
    break;
  }
  const size_t used = part.size + 2 < *size ? part.size + 2 : *size;
  *data += used;
  *size -= used;
  if (part.size > most) part.size = most;
  return part;
}

/* Groups lie in the text and the first match begins no later than a later search's. */
static void check_found(const int64_t *found, int32_t slots, ln_span text, size_t start) {
  for (int32_t i = 0; i < slots; i += 2) {
    if (found[i] < 0 || found[i + 1] < 0) continue;
    if (found[i] > found[i + 1] || (uint64_t)found[i + 1] > text.size) abort();
  }
  if (found[0] < (int64_t)start) abort();
}

static void try_pattern(const uint8_t *data, size_t size) {
  const ln_span pattern = take_part(&data, &size, MOST_PATTERN), rewrite = take_part(&data, &size, MOST_PATTERN);
  const ln_span text = {(const char *)data, size < MOST_TEXT ? size : MOST_TEXT};
  int64_t found[2 * LN_REGEX_MOST_GROUPS];
  ln_error err = {LN_OK, ""};
  ln_regex *regex = NULL;
  const ln_status status = ln_regex_compile(pattern, &err, &regex);
  fuzz_check(status, &err);
  if (status != LN_OK) return;
  const int32_t slots = ln_regex_rewrite_slots(rewrite);
  /* As many threads as steps may run at each byte, and from each match anew. */
  const bool is_short = ln_regex_matcher_bytes(regex, 0) < 1 << 17;
  ln_regex_matcher *matcher = is_short ? ln_regex_matcher_create(regex, slots) : NULL;
  if (matcher != NULL) {
    const bool any = ln_regex_search(matcher, text, 0, found);
    if (any) check_found(found, slots, text, 0);
    if (ln_regex_full_match(matcher, text) && !any) abort();
    size_t total = 0;
    ln_regex_replace(matcher, rewrite, text, false, count_bytes, &total);
    total = 0;
    ln_regex_replace(matcher, rewrite, text, true, count_bytes, &total);
  }
  ln_regex_matcher_destroy(matcher);
  ln_regex_destroy(regex);
}

static void try_utf8(const uint8_t *data, size_t size) {
  const ln_span text = {(const char *)data, size};
  bool valid = true;
  for (size_t at = 0; at < size;) {
    uint32_t code = 0, out[3];
    char bytes[4];
    size_t length = 0;
    const size_t start = at;
    const int32_t c = ln_utf8_next(text, &at);
    if (at <= start || at > size) abort();
    valid = valid && c >= 0;
    if (c < 0) continue;
    if (!ln_regex_decode(text, start, &code, &length) || code != (uint32_t)c || start + length != at) abort();
    if (ln_utf8_put(code, bytes) != length || memcmp(bytes, data + start, length) != 0) abort();
    if (ln_unicode_lower(code, out) > 3 || ln_unicode_upper(code, out) > 3 || ln_unicode_script(code) > 255) abort();
  }
  if (valid != ln_utf8_valid(text)) abort();
}

static void try_strings(const uint8_t *data, size_t size) {
  ln_tensor tensor = {.type = LN_STRING, .bytes = size > 0 ? size - 1 : 0};
  ln_error err = {LN_OK, ""};
  if (size == 0) return;
  tensor.shape = (ln_shape){1, {data[0]}};
  void *copy = malloc(size);
  if (copy == NULL) return;
  memcpy(copy, data + 1, size - 1);
  tensor.data = copy;
  const ln_status status = ln_strings_verify(&tensor, &err);
  fuzz_check(status, &err);
  for (size_t i = 0; status == LN_OK && tensor.bytes > 0 && i < data[0]; ++i)
    try_utf8((const uint8_t *)ln_string_at(&tensor, i).data, ln_string_at(&tensor, i).size);
  free(copy);
}

/* What reads as an integer reads as the same number as a double. */
static void try_number(const uint8_t *data, size_t size) {
  const ln_span text = {(const char *)data, size};
  double real = 0;
  float single = 0;
  int64_t integer = 0;
  uint64_t natural = 0;
  const bool is_real = ln_k_parse_f64(text, &real), is_single = ln_k_parse_f32(text, &single);
  if (is_real != is_single) abort();
  if (ln_k_parse_i64(text, &integer) && (!is_real || real < (double)integer || real > (double)integer)) abort();
  if (ln_k_parse_u64(text, &natural) && (!is_real || real < (double)natural || real > (double)natural)) abort();
  char out[LN_NUMBER_TEXT_MAX];
  double again = 0;
  if (!is_real) return;
  ln_k_format_f64(real, out);
  if (!ln_k_parse_f64((ln_span){out, strlen(out)}, &again) || again < real || again > real) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  switch (data[0] % 4) {
    case 0: try_pattern(data + 1, size - 1); break;
    case 1: try_utf8(data + 1, size - 1); break;
    case 2: try_strings(data + 1, size - 1); break;
    default: try_number(data + 1, size - 1); break;
  }
  return 0;
}
