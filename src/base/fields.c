/* Lines of text with tabs between fields: how small tables stand in a file's metadata. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"

void ln_bytes_field(ln_bytes *bytes, const char *text, char end) {
  for (; text != NULL && *text != '\0'; ++text) {
    const bool control = (unsigned char)*text < ' ' || *text == 0x7f;
    ln_bytes_byte(bytes, control ? ' ' : (uint8_t)*text);
  }
  ln_bytes_byte(bytes, (uint8_t)end);
}

void ln_bytes_number(ln_bytes *bytes, int64_t value, char end) {
  char text[32];
  snprintf(text, sizeof text, "%lld", (long long)value);
  ln_bytes_field(bytes, text, end);
}

bool ln_fields_next(char **at, const char **fields, int32_t count) {
  char *line = *at;
  if (*line == '\0') return false;
  char *end = line + strcspn(line, "\n");
  *at = *end == '\0' ? end : end + 1;
  *end = '\0';
  for (int32_t i = 0; i < count; ++i) {
    fields[i] = line;
    line += i + 1 < count ? strcspn(line, "\t") : strlen(line);
    if (*line == '\t') *line++ = '\0';
  }
  return true;
}
