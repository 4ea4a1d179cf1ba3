/* Words, numbers and lines of a text changed for others of it. */
#include "mutate_sink.h"
#include "mutate_source.h"

enum { MOST_WORDS = 1 << 13 };

typedef enum kind { NUMBER, WORD, MARK, SPACE } kind;

typedef struct word {
  size_t at, size;
  kind kind;
} word;

static kind kind_of(uint8_t c) {
  if (c >= '0' && c <= '9') return NUMBER;
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.') return WORD;
  return c <= ' ' ? SPACE : MARK;
}

static uint32_t find_words(const uint8_t *text, size_t size, word *out) {
  uint32_t count = 0;
  for (size_t at = 0; at < size && count < MOST_WORDS;) {
    const kind found = kind_of(text[at]);
    size_t end = at + 1;
    while (found != MARK && end < size && kind_of(text[end]) == found) ++end;
    if (found != SPACE) out[count++] = (word){at, end - at, found};
    at = end;
  }
  return count;
}

static void put_word(const mutate_chance *chance, const uint8_t *text, const word *words, uint32_t count, kind wanted,
                     mutate_sink *out) {
  static const char *const numbers[] = {"0", "1", "2", "3", "8", "33", "65536", "2147483647", "9223372036854775807"};
  if (wanted == NUMBER && chance->random() % 2 == 0) {
    const char *number = numbers[chance->random() % LN_COUNT(numbers)];
    mutate_put(out, number, strlen(number));
    return;
  }
  const word *other = &words[chance->random() % count];
  for (int32_t i = 0; i < 100 && other->kind != wanted; ++i) other = &words[chance->random() % count];
  mutate_put(out, text + other->at, other->size);
}

/* A line left out, or written again at another place. */
static void change_line(const mutate_chance *chance, const uint8_t *text, size_t size, size_t in, size_t to,
                        mutate_sink *out) {
  size_t at = in, end = in;
  while (at > 0 && text[at - 1] != '\n') --at;
  while (end < size && text[end] != '\n') ++end;
  if (end < size) ++end;
  while (to > 0 && text[to - 1] != '\n') --to;
  if (chance->random() % 2 == 0) {
    mutate_put(out, text, at);
    mutate_put(out, text + end, size - end);
  } else {
    mutate_put(out, text, to);
    mutate_put(out, text + at, end - at);
    mutate_put(out, text + to, size - to);
  }
}

size_t mutate_text(const mutate_chance *chance, uint8_t *data, size_t size, size_t max_size) {
  if (memchr(data, 0, size) != NULL) return 0;
  word *words = ln_alloc(MOST_WORDS * sizeof *words);
  const uint32_t count = words == NULL ? 0 : find_words(data, size, words);
  mutate_sink out = mutate_sink_open(max_size);
  if (count == 0) {
    out.failed = true;
  } else {
    const word was = words[chance->random() % count];
    if (chance->random() % 8 == 0) {
      change_line(chance, data, size, was.at, words[chance->random() % count].at, &out);
    } else {
      mutate_put(&out, data, was.at);
      put_word(chance, data, words, count, chance->random() % 16 == 0 ? MARK : was.kind, &out);
      mutate_put(&out, data + was.at + was.size, size - was.at - was.size);
    }
  }
  ln_free(words);
  return mutate_sink_close(&out, data);
}
