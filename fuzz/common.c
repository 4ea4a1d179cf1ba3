/* What the fuzz targets share: choices, the check of messages, small sessions and their inputs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "fuzz.h"

static const int64_t most_macs = 10000000;
static const size_t most_memory = (size_t)16 << 20;

/* A huge allocation is a NULL, as it is without sanitizers. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1:max_allocation_size_mb=1024"; }

uint8_t fuzz_byte(fuzz_bytes *bytes) {
  if (bytes->size == 0) return 0;
  --bytes->size;
  return *bytes->data++;
}

uint32_t fuzz_below(fuzz_bytes *bytes, uint32_t limit) {
  uint32_t value = fuzz_byte(bytes);
  for (uint32_t rest = limit >> 8; rest > 0; rest >>= 8) value = value << 8 | fuzz_byte(bytes);
  return limit == 0 ? 0 : value % limit;
}

void fuzz_check(ln_status status, const ln_error *err) {
  if (status == LN_OK) return;
  const bool named = strcmp(ln_status_name(status), "unknown status") != 0;
  if (named && err->status == status && err->message[0] != '\0' && strchr(err->message, '\n') == NULL) return;
  fprintf(stderr, "status %d without a proper message: %d \"%s\"\n", (int)status, (int)err->status, err->message);
  abort();
}

ln_status fuzz_session(ln_model *model, ln_error *err, ln_session **out) { return fuzz_session_on(model, 1, err, out); }

ln_status fuzz_session_on(ln_model *model, int32_t threads, ln_error *err, ln_session **out) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = threads;
  options.memory_limit = most_memory;
  options.files = LN_FILES_NONE;
  const ln_status status = ln_session_create(model, &options, err, out);
  fuzz_check(status, err);
  return status;
}

bool fuzz_is_short(const ln_session *session) {
  ln_session_stats stats = {.size = sizeof stats};
  return ln_session_get_stats(session, &stats) == LN_OK && stats.macs >= 0 && stats.macs <= most_macs;
}

static uint32_t next_random(uint32_t *state) { /* xorshift32 */
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

static void fill_tensor(ln_tensor *tensor, uint32_t *state) {
  uint8_t *data = ln_tensor_mutable_data(tensor);
  const size_t bytes = ln_tensor_bytes(tensor);
  const ln_type type = ln_tensor_type(tensor);
  if (data == NULL) return;
  if (type == LN_FLOAT32 || type == LN_COMPLEX64) {
    for (size_t i = 0; i + 4 <= bytes; i += 4) {
      const float value = (float)(int32_t)(next_random(state) % 8193) / 1024.0f - 4.0f;
      memcpy(data + i, &value, 4);
    }
    return;
  }
  /* Indices, axes and lengths come in wide integers: small ones, some negative, reach further than huge ones. */
  const size_t width = (size_t)ln_type_bits(type) / 8;
  const bool small = type == LN_INT32 || type == LN_INT64 || type == LN_UINT32;
  for (size_t i = 0; i < bytes; ++i) {
    if (!small) data[i] = (uint8_t)(type == LN_BOOL ? next_random(state) & 1 : next_random(state) >> 8);
  }
  for (size_t i = 0; small && i + width <= bytes; i += width) {
    const int64_t value = (int64_t)(next_random(state) % 12) - 3;
    memcpy(data + i, &value, width);
  }
}

void fuzz_fill(ln_session *session, uint32_t seed) {
  uint32_t state = seed | 1;
  for (int32_t i = 0; i < ln_session_input_count(session); ++i) fill_tensor(ln_session_input(session, i), &state);
}
