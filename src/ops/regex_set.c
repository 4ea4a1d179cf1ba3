/* Sets of characters: see ops/regex_set.h. */
#include "ops/regex_set.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/unicode.h"

enum { LAST_CODE = 0x10FFFF };

void ln_regex_set_free(ln_regex_set *set) {
  ln_free(set->ranges);
  set->ranges = NULL;
}

void ln_regex_set_add(ln_regex_set *set, uint32_t first, uint32_t last) {
  if (set->failed || first > last) return;
  set->failed = set->count >= LN_REGEX_MOST_RANGES;
  if (set->failed) return;
  if (set->count == set->capacity) {
    const size_t wanted = set->capacity == 0 ? 16 : 2 * set->capacity;
    void *grown = ln_realloc_array(set->ranges, set->count, wanted, sizeof *set->ranges);
    set->failed = grown == NULL;
    if (set->failed) return;
    set->ranges = grown;
    set->capacity = wanted;
  }
  set->ranges[set->count++] = (ln_regex_range){first, last};
}

void ln_regex_set_add_all(ln_regex_set *set, const ln_regex_set *other) {
  set->failed = set->failed || other->failed;
  for (size_t i = 0; i < other->count; ++i) ln_regex_set_add(set, other->ranges[i].first, other->ranges[i].last);
}

static int compare(const void *a, const void *b) {
  const uint32_t x = ((const ln_regex_range *)a)->first, y = ((const ln_regex_range *)b)->first;
  return (x > y) - (x < y);
}

void ln_regex_set_tidy(ln_regex_set *set) {
  size_t kept = 0;
  if (set->count > 1) qsort(set->ranges, set->count, sizeof *set->ranges, compare);
  for (size_t i = 0; i < set->count; ++i) {
    const ln_regex_range range = set->ranges[i];
    if (kept > 0 && range.first <= set->ranges[kept - 1].last + 1) {
      if (range.last > set->ranges[kept - 1].last) set->ranges[kept - 1].last = range.last;
    } else {
      set->ranges[kept++] = range;
    }
  }
  set->count = kept;
}

void ln_regex_set_negate(ln_regex_set *set) {
  ln_regex_set out = {.failed = set->failed};
  uint32_t next = 0;
  for (size_t i = 0; i < set->count; ++i) {
    if (set->ranges[i].first > next) ln_regex_set_add(&out, next, set->ranges[i].first - 1);
    next = set->ranges[i].last + 1;
  }
  ln_regex_set_add(&out, next, LAST_CODE);
  ln_regex_set_free(set);
  *set = out;
}

bool ln_regex_set_holds(const ln_regex_range *ranges, size_t count, uint32_t code) {
  size_t low = 0, high = count;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (code < ranges[middle].first) high = middle;
    else if (code > ranges[middle].last) low = middle + 1;
    else return true;
  }
  return false;
}

/* What is added grows no larger than the few hundred characters that have a case; until nothing more is. */
void ln_regex_set_fold(ln_regex_set *set) {
  enum { KELVIN = 0x212A, LONG_S = 0x17F };
  const uint32_t code = set->count == 1 ? set->ranges[0].first : 0;
  bool grew = true;
  if (set->count == 1 && set->ranges[0].last == code && code < 0x80) { /* the common one, quickly */
    const uint32_t lower = code | 0x20;
    if (lower < 'a' || lower > 'z') return;
    ln_regex_set_add(set, code ^ 0x20, code ^ 0x20);
    if (lower == 'k') ln_regex_set_add(set, KELVIN, KELVIN);
    if (lower == 's') ln_regex_set_add(set, LONG_S, LONG_S);
    ln_regex_set_tidy(set);
    return;
  }
  while (grew && !set->failed) {
    const size_t before = set->count;
    ln_unicode_pair pair = {0};
    grew = false;
    while (ln_unicode_next_pair(&pair)) {
      const bool one = ln_regex_set_holds(set->ranges, before, pair.from);
      const bool other = ln_regex_set_holds(set->ranges, before, pair.to);
      if (one == other) continue;
      const uint32_t added = one ? pair.to : pair.from;
      ln_regex_set_add(set, added, added);
      grew = true;
    }
    ln_regex_set_tidy(set);
  }
}

/* ---- sets with names ---- */

/* Folds and negates a set by itself, then adds it. */
static void add_part(ln_regex_set *set, ln_regex_set *part, bool negate, bool fold) {
  ln_regex_set_tidy(part);
  if (fold) ln_regex_set_fold(part);
  if (negate) ln_regex_set_negate(part);
  ln_regex_set_add_all(set, part);
  ln_regex_set_free(part);
}

typedef struct named_set {
  char name[8], ranges[10]; /* pairs of first and last, two NULs after them */
} named_set;

static const named_set posix_sets[] = {
    {"alnum", "09AZaz"}, {"alpha", "AZaz"}, {"ascii", "\0\177"},  {"blank", "\t\t  "},  {"cntrl", "\0\037\177\177"},
    {"digit", "09"},     {"graph", "!~"},   {"lower", "az"},      {"print", " ~"},      {"punct", "!/:@[`{~"},
    {"space", "\t\r  "}, {"upper", "AZ"},   {"word", "09AZaz__"}, {"xdigit", "09AFaf"},
};

static bool has_name(ln_span name, const char *text) {
  return strlen(text) == name.size && memcmp(text, name.data, name.size) == 0;
}

bool ln_regex_set_add_posix(ln_regex_set *set, ln_span name, bool negate, bool fold) {
  for (size_t i = 0; i < LN_COUNT(posix_sets); ++i) {
    ln_regex_set part = {0};
    const char *pair = posix_sets[i].ranges;
    if (!has_name(name, posix_sets[i].name)) continue;
    for (; pair[0] != '\0' || pair[1] != '\0'; pair += 2) {
      ln_regex_set_add(&part, (uint8_t)pair[0], (uint8_t)pair[1]);
    }
    add_part(set, &part, negate, fold);
    return true;
  }
  return false;
}

bool ln_regex_set_add_perl(ln_regex_set *set, char letter, bool fold) {
  ln_regex_set part = {0};
  switch (letter | 0x20) {
    case 'd': ln_regex_set_add(&part, '0', '9'); break;
    case 's':
      ln_regex_set_add(&part, '\t', '\n');
      ln_regex_set_add(&part, '\f', '\r');
      ln_regex_set_add(&part, ' ', ' ');
      break;
    case 'w':
      ln_regex_set_add(&part, '0', '9');
      ln_regex_set_add(&part, 'A', 'Z');
      ln_regex_set_add(&part, '_', '_');
      ln_regex_set_add(&part, 'a', 'z');
      break;
    default: return false;
  }
  add_part(set, &part, (letter & 0x20) == 0, fold);
  return true;
}

bool ln_regex_set_add_unicode(ln_regex_set *set, ln_span name, bool negate, bool fold) {
  ln_regex_set part = {0};
  const bool any = has_name(name, "Any");
  const uint32_t none = UINT32_C(1) << LN_CATEGORY_CN; /* unassigned characters are of no category here, as in RE2 */
  const uint32_t mask = ln_unicode_category_mask(name.data, name.size) & ~none;
  const int32_t script = mask == 0 ? ln_unicode_script_of(name.data, name.size) : -1;
  if (!any && mask == 0 && script < 0) return false;
  for (uint32_t first = 0, last = LAST_CODE; first <= LAST_CODE; first = last + 1) {
    const uint32_t value = mask != 0 ? ln_unicode_category_run(first, &last) : ln_unicode_script_run(first, &last);
    if (any || (mask != 0 ? (mask >> value & 1) != 0 : value == (uint32_t)script)) ln_regex_set_add(&part, first, last);
  }
  add_part(set, &part, negate, fold);
  return true;
}
