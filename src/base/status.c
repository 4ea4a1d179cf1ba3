/* Status names and the filling of error records. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"

const char *ln_status_name(ln_status status) {
  switch (status) {
    case LN_OK: return "LN_OK";
    case LN_ERR_ARGUMENT: return "LN_ERR_ARGUMENT";
    case LN_ERR_MEMORY: return "LN_ERR_MEMORY";
    case LN_ERR_INTERNAL: return "LN_ERR_INTERNAL";
    case LN_ERR_STATE: return "LN_ERR_STATE";
    case LN_ERR_LIMIT: return "LN_ERR_LIMIT";
    case LN_ERR_IO: return "LN_ERR_IO";
    case LN_ERR_FORMAT: return "LN_ERR_FORMAT";
    case LN_ERR_FEATURE: return "LN_ERR_FEATURE";
    case LN_ERR_MODEL: return "LN_ERR_MODEL";
    case LN_ERR_SHAPE: return "LN_ERR_SHAPE";
    case LN_ERR_TYPE: return "LN_ERR_TYPE";
    case LN_ERR_UNSUPPORTED: return "LN_ERR_UNSUPPORTED";
    case LN_ERR_NOT_FOUND: return "LN_ERR_NOT_FOUND";
    case LN_ERR_DATA: return "LN_ERR_DATA";
    case LN_ERR_CANCELLED: return "LN_ERR_CANCELLED";
  }
  return "unknown status";
}

ln_status ln_struct_give(void *out, const void *value, size_t value_bytes) {
  size_t known;
  if (out == NULL) return LN_ERR_ARGUMENT;
  memcpy(&known, out, sizeof known);
  if (known < sizeof known) return LN_ERR_ARGUMENT;
  const size_t bytes = known < value_bytes ? known : value_bytes;
  memcpy((char *)out + sizeof known, (const char *)value + sizeof known, bytes - sizeof known);
  return LN_OK;
}

/* Names in a file may hold anything: a message stays one line. */
static void one_line(char *text) {
  for (; *text != '\0'; ++text) {
    const unsigned char c = (unsigned char)*text;
    if (c < 0x20 || c == 0x7f) *text = '?';
  }
}

ln_status ln_fail(ln_error *err, ln_status status, const char *format, ...) {
  if (err != NULL) {
    va_list list;
    va_start(list, format);
    vsnprintf(err->message, sizeof err->message, format, list);
    va_end(list);
    one_line(err->message);
    err->status = status;
  }
  return status;
}

void ln_error_prefix(ln_error *err, const char *format, ...) {
  if (err == NULL) return;
  char text[2 * sizeof err->message];
  va_list list;
  va_start(list, format);
  const int length = vsnprintf(text, sizeof err->message, format, list);
  va_end(list);
  if (length < 0) return;
  const size_t used = strlen(text);
  snprintf(text + used, sizeof text - used, ": %s", err->message);
  text[sizeof err->message - 1] = '\0';
  one_line(text);
  memcpy(err->message, text, sizeof err->message);
}
