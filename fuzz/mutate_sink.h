/* Bytes that a mutator writes, as many as there is room for. */
#ifndef LN_FUZZ_MUTATE_SINK_H
#define LN_FUZZ_MUTATE_SINK_H

#include <stdbool.h>
#include <string.h>

#include "base/base.h"

typedef struct mutate_sink {
  uint8_t *data; /* [room] */
  size_t size, room;
  bool failed; /* no room, or no memory */
} mutate_sink;

static inline mutate_sink mutate_sink_open(size_t room) {
  uint8_t *data = ln_alloc(room + 1);
  return (mutate_sink){data, 0, room, data == NULL};
}

static inline void mutate_put(mutate_sink *sink, const void *bytes, size_t size) {
  if (sink->failed || size > sink->room - sink->size) {
    sink->failed = true;
    return;
  }
  if (size > 0) memcpy(sink->data + sink->size, bytes, size);
  sink->size += size;
}

/* Copies what was written over the input, if it succeeded; its size, or 0. */
static inline size_t mutate_sink_close(mutate_sink *sink, uint8_t *data) {
  const size_t size = sink->failed ? 0 : sink->size;
  if (size > 0) memcpy(data, sink->data, size);
  ln_free(sink->data);
  return size;
}

#endif
