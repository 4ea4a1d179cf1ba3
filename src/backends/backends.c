/* The list of backends. */
#include <string.h>

#include "backends/backend.h"

static const ln_backend *const backends[] = {
#define LN_BACKEND(name) &ln_backend_##name,
#include "backends/backends.def"
};

int32_t ln_backend_count(void) { return (int32_t)LN_COUNT(backends); }

const ln_backend *ln_backend_at(int32_t index) {
  return index < 0 || index >= ln_backend_count() ? NULL : backends[index];
}

const ln_backend *ln_backend_find(const char *name) {
  for (size_t i = 0; i < LN_COUNT(backends); ++i) {
    if (strcmp(backends[i]->name, name) == 0) return backends[i];
  }
  return NULL;
}
