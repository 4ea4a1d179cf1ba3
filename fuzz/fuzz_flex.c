/* Bytes as the FlexBuffers map of a custom operator's options: every accessor, and the printed form. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "ir/ir.h"

static void read_key(ln_flex flex, const char *key) {
  int64_t integer, integers[4];
  int32_t count;
  double real;
  bool truth;
  const char *text;
  size_t length;
  ln_flex_int(flex, key, &integer);
  ln_flex_float(flex, key, &real);
  ln_flex_bool(flex, key, &truth);
  if (ln_flex_ints(flex, key, integers, 4, &count) && count < 0) abort();
  if (ln_flex_string(flex, key, &text, &length) || ln_flex_string_at(flex, key, 1, &text, &length)) {
    const uint8_t *start = (const uint8_t *)text;
    if (start < flex.data || length > flex.size - (size_t)(start - flex.data)) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const keys[] = {"", "a", "b", "fft_length", "window", "max_detections", "num_channels"};
  const ln_flex flex = {data, size};
  char small[16], large[1024];
  for (size_t i = 0; i < LN_COUNT(keys); ++i) read_key(flex, keys[i]);
  const size_t length = ln_flex_format(flex, small, sizeof small);
  if (memchr(small, 0, sizeof small) == NULL || ln_flex_format(flex, large, sizeof large) != length) abort();
  return 0;
}
