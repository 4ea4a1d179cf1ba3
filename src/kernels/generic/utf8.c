/* UTF-8: see kernels/utf8.h. */
#include "kernels/utf8.h"

/* How many bytes follow a first byte, and the range of the second one. */
static int32_t sequence(uint8_t lead, uint8_t *low, uint8_t *high) {
  *low = 0x80;
  *high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) return 1;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (lead == 0xE0) *low = 0xA0;
    if (lead == 0xED) *high = 0x9F;
    return 2;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (lead == 0xF0) *low = 0x90;
    if (lead == 0xF4) *high = 0x8F;
    return 3;
  }
  return -1;
}

int32_t ln_utf8_next(ln_span text, size_t *at) {
  const uint8_t *bytes = (const uint8_t *)text.data;
  const uint8_t lead = bytes[(*at)++];
  uint8_t low, high;
  if (lead < 0x80) return lead;
  const int32_t follow = sequence(lead, &low, &high);
  if (follow < 0) return -1;
  int32_t value = lead & (0x3F >> follow);
  for (int32_t i = 0; i < follow; ++i) {
    if (*at >= text.size || bytes[*at] < low || bytes[*at] > high) return -1;
    value = value << 6 | (bytes[(*at)++] & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return value;
}

size_t ln_utf8_put(uint32_t code_point, char out[4]) {
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) code_point = 0xFFFD;
  if (code_point < 0x80) {
    out[0] = (char)code_point;
    return 1;
  }
  const size_t follow = code_point < 0x800 ? 1 : code_point < 0x10000 ? 2 : 3;
  static const uint8_t leads[4] = {0, 0xC0, 0xE0, 0xF0};
  out[0] = (char)(leads[follow] | code_point >> (6 * follow));
  for (size_t i = 1; i <= follow; ++i) out[i] = (char)(0x80 | (code_point >> (6 * (follow - i)) & 0x3F));
  return follow + 1;
}

bool ln_utf8_valid(ln_span text) {
  for (size_t at = 0; at < text.size;) {
    if (ln_utf8_next(text, &at) < 0) return false;
  }
  return true;
}

size_t ln_utf8_skip(ln_span text, size_t at) {
  uint8_t low, high;
  const int32_t follow = sequence((uint8_t)text.data[at++], &low, &high);
  for (int32_t i = 0; i < follow && at < text.size; ++i) {
    const uint8_t byte = (uint8_t)text.data[at];
    if (byte < low || byte > high) break;
    ++at;
    low = 0x80;
    high = 0xBF;
  }
  return at;
}
