/* Messages for people, on standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static ln_log_level shown_level(void) {
  static const char *const names[] = {"error", "warning", "info", "debug"};
  const char *request = getenv("LINNET_LOG");
  for (size_t i = 0; request != NULL && i < LN_COUNT(names); ++i) {
    if (strcmp(request, names[i]) == 0) return (ln_log_level)i;
  }
  return LN_LOG_WARNING;
}

void ln_log(ln_log_level level, const char *format, ...) {
  if (level > shown_level()) return;
  char text[1024];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  fprintf(stderr, "linnet: %s\n", text);
}
