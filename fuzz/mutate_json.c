/* Values of JSON changed for others, left out or written twice; the text stays well-formed, or nearly. */
#include "mutate_sink.h"
#include "mutate_source.h"

enum { MOST_SPANS = 1 << 13, MOST_DEPTH = 64 };

typedef struct span {
  size_t at, size;
} span;

/* Every name, string, number, word, list and object of the text. */
typedef struct spans {
  span items[MOST_SPANS];
  uint32_t count;
} spans;

static void add_span(spans *found, size_t at, size_t end) {
  if (found->count < MOST_SPANS) found->items[found->count++] = (span){at, end - at};
}

static size_t end_of_string(const uint8_t *text, size_t at, size_t size) {
  for (++at; at < size && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at < size ? at + 1 : size;
}

static bool is_bare(uint8_t c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || strchr("-+.EIN", c); }

/* Where the first list or object ends. */
static size_t find_spans(const uint8_t *text, size_t size, spans *found) {
  size_t open[MOST_DEPTH], at = 0;
  int32_t depth = 0;
  while (at < size) {
    size_t end = at + 1;
    if (text[at] == '"') {
      add_span(found, at, end = end_of_string(text, at, size));
    } else if (text[at] != 0 && is_bare(text[at])) {
      while (end < size && text[end] != 0 && is_bare(text[end])) ++end;
      add_span(found, at, end);
    } else if (text[at] == '{' || text[at] == '[') {
      if (depth < MOST_DEPTH) open[depth] = at;
      ++depth;
    } else if (text[at] == '}' || text[at] == ']') {
      if (--depth < 0) return at;
      if (depth < MOST_DEPTH) add_span(found, open[depth], end);
      if (depth == 0) return end;
    }
    at = end;
  }
  return size;
}

static void put_value(const mutate_chance *chance, const uint8_t *text, const spans *found, mutate_sink *out) {
  static const char *const values[] = {"0",    "1",          "-1",          "2",    "3",
                                       "7",    "2147483647", "-2147483648", "1e30", "1e400",
                                       "0.5",  "[]",         "{}",          "null", "9223372036854775807",
                                       "true", "\"\"",       "false",       "[1]",  "[[0]]"};
  if (chance->random() % 3 == 0) {
    const char *value = values[chance->random() % LN_COUNT(values)];
    mutate_put(out, value, strlen(value));
  } else {
    const span other = found->items[chance->random() % found->count];
    mutate_put(out, text + other.at, other.size);
  }
}

/* The text with one change; `end`: of its value. */
static void rewrite(const mutate_chance *chance, const uint8_t *text, size_t end, const spans *found,
                    mutate_sink *out) {
  span was = found->items[chance->random() % found->count];
  const uint32_t how = chance->random() % 8;
  if (how == 0 && was.at + was.size < end && text[was.at + was.size] == ',') { /* left out */
    mutate_put(out, text, was.at);
    ++was.size;
  } else if (how == 1) { /* twice */
    mutate_put(out, text, was.at + was.size);
    mutate_put(out, ",", 1);
    was = (span){was.at, 0};
  } else {
    mutate_put(out, text, was.at);
    put_value(chance, text, found, out);
  }
  mutate_put(out, text + was.at + was.size, end - was.at - was.size);
}

/* Changes the JSON that begins at `text` and ends at `*end`; the sink gets it. */
static bool change(const mutate_chance *chance, const uint8_t *text, size_t size, mutate_sink *out, size_t *end) {
  spans *found = ln_alloc(sizeof *found);
  if (found == NULL) return false;
  found->count = 0;
  *end = find_spans(text, size, found);
  const bool good = found->count > 0;
  if (good) rewrite(chance, text, *end, found, out);
  ln_free(found);
  return good;
}

size_t mutate_json(const mutate_chance *chance, uint8_t *data, size_t size, size_t max_size) {
  if (size == 0 || (data[0] != '{' && data[0] != '[')) return 0;
  mutate_sink out = mutate_sink_open(max_size);
  size_t end;
  if (change(chance, data, size, &out, &end)) {
    mutate_put(&out, data + end, size - end);
  } else {
    out.failed = true;
  }
  return mutate_sink_close(&out, data);
}

/* The first objects of the file: the model's, its layers', the optimizer's. NULL without any. */
static uint8_t *find_json(const mutate_chance *chance, uint8_t *data, size_t size) {
  uint8_t *at = NULL;
  for (uint32_t left = 1 + chance->random() % 4; left > 0; --left) {
    uint8_t *from = at == NULL ? data : at + 1;
    uint8_t *next = memmem(from, (size_t)(data + size - from), "{\"", 2);
    if (next == NULL) break;
    at = next;
  }
  return at;
}

/* Addresses stay what they are: the JSON fills its old place. */
size_t mutate_hdf5(const mutate_chance *chance, uint8_t *data, size_t size, size_t max_size) {
  uint8_t *at = find_json(chance, data, size);
  if (at == NULL || size > max_size) return 0;
  size_t end;
  mutate_sink out = mutate_sink_open((size_t)(data + size - at));
  const bool good = change(chance, at, out.room, &out, &end) && !out.failed && out.size <= end;
  if (good) {
    memset(at, ' ', end);
    memcpy(at, out.data, out.size);
  }
  ln_free(out.data);
  return good ? size : 0;
}
