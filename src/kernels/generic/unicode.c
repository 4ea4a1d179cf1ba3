/* Unicode's character data: see kernels/unicode.h. */
#include "kernels/unicode.h"

#include <string.h>

/* Characters whose change of case is a number: `where` holds the first << 11 | (step - 1) << 10 | count. */
typedef struct fold_run {
  uint32_t where;
  int32_t delta;
} fold_run;

typedef struct fold_full {
  uint16_t from, to[3];
} fold_full;

static uint32_t run_start(const fold_run *run) { return run->where >> 11; }
static uint32_t run_step(const fold_run *run) { return 1 + (run->where >> 10 & 1); }
static uint32_t run_count(const fold_run *run) { return run->where & 0x3FF; }

#include "unicode_tables.inc"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Runs of one value each; they begin anew at each of the 17 planes, whose first runs `planes` says. */
typedef struct run_table {
  const uint16_t *starts;
  const uint8_t *values;
  const uint16_t *planes; /* [18] */
} run_table;

/* The last of the runs that begins at or before a code point. */
static size_t find_run(const run_table *t, uint32_t code_point) {
  size_t low = t->planes[code_point >> 16], high = t->planes[(code_point >> 16) + 1];
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    if (t->starts[middle] <= (code_point & 0xFFFF)) low = middle;
    else high = middle;
  }
  return low;
}

static uint32_t run_to(const run_table *t, uint32_t code_point, uint32_t *last) {
  const size_t run = find_run(t, code_point);
  const bool ends_plane = run + 1 == t->planes[(code_point >> 16) + 1];
  *last = (code_point & 0x1F0000) + (ends_plane ? 0xFFFF : t->starts[run + 1] - 1);
  return t->values[run];
}

static const run_table categories = {category_starts, category_values, category_planes};
static const run_table classes = {class_starts, class_values, class_planes};

uint32_t ln_unicode_category_run(uint32_t code_point, uint32_t *last) { return run_to(&categories, code_point, last); }

ln_category ln_unicode_category(uint32_t code_point) {
  if (code_point > 0x10FFFF) return LN_CATEGORY_CN;
  return (ln_category)category_values[find_run(&categories, code_point)];
}

uint32_t ln_unicode_category_mask(const char *name, size_t length) {
  static const char names[] = "CcCfCnCoCsLlLmLoLtLuMcMeMnNdNlNoPcPdPePfPiPoPsScSkSmSoZlZpZs";
  uint32_t mask = 0;
  if (length < 1 || length > 2) return 0;
  for (int32_t i = 0; i < LN_CATEGORY_COUNT; ++i) {
    if (memcmp(names + 2 * i, name, length) == 0) mask |= UINT32_C(1) << i;
  }
  return mask;
}

bool ln_unicode_is_punctuation(uint32_t code_point) {
  const ln_category category = ln_unicode_category(code_point);
  return category >= LN_CATEGORY_PC && category <= LN_CATEGORY_PS;
}

bool ln_unicode_is_space(uint32_t c) {
  return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool ln_unicode_is_ignorable(uint32_t c) {
  static const uint32_t ranges[][2] = {
      {0xAD, 0xAD},     {0x34F, 0x34F},   {0x61C, 0x61C},     {0x115F, 0x1160},   {0x17B4, 0x17B5},  {0x180B, 0x180F},
      {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x206F},   {0x3164, 0x3164},   {0xFE00, 0xFE0F},  {0xFEFF, 0xFEFF},
      {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFF8}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}};
  for (size_t i = 0; i < COUNT(ranges); ++i) {
    if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
  }
  return false;
}

uint8_t ln_unicode_class(uint32_t code_point) {
  return code_point < 0x300 || code_point > 0x10FFFF ? 0 : class_values[find_run(&classes, code_point)];
}

/* ---- decomposition ---- */

/* The Hangul syllables are arithmetic (The Unicode Standard, 3.12). */
enum {
  HANGUL_FIRST = 0xAC00,
  HANGUL_COUNT = 11172,
  JAMO_L = 0x1100,
  JAMO_V = 0x1161,
  JAMO_T = 0x11A7,
  JAMO_L_COUNT = 19,
  JAMO_V_COUNT = 21,
  JAMO_T_COUNT = 28
};

/* One level of a table entry's decomposition. */
static size_t entry_text(size_t entry, uint32_t *out) {
  const uint16_t *units = decomposed_pool + (decomposed_to[entry] >> 3);
  size_t length = decomposed_to[entry] & 7, count = 0;
  if (length == 7) length = *units++;
  for (size_t i = 0; i < length; ++i) {
    uint32_t c = units[i];
    if (c >= 0xD800 && c < 0xDC00) c = 0x10000 + ((c & 0x3FF) << 10) + (units[++i] & 0x3FF);
    out[count++] = c;
  }
  return count;
}

static size_t find_entry(uint32_t code_point) {
  if (code_point > 0x10FFFF) return COUNT(decomposed);
  size_t low = decomposed_planes[code_point >> 16], high = decomposed_planes[(code_point >> 16) + 1];
  const size_t end = high;
  const uint16_t wanted = code_point & 0xFFFF;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (decomposed[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low < end && decomposed[low] == wanted ? low : COUNT(decomposed);
}

static uint32_t code_of(size_t entry) {
  uint32_t plane = 0;
  while (decomposed_planes[plane + 1] <= entry) ++plane;
  return plane << 16 | decomposed[entry];
}

size_t ln_unicode_decompose(uint32_t code_point, bool compatibility, uint32_t out[LN_DECOMPOSITION_MAX]) {
  if (code_point - HANGUL_FIRST < HANGUL_COUNT) {
    const uint32_t s = code_point - HANGUL_FIRST, t = s % JAMO_T_COUNT;
    out[0] = JAMO_L + s / (JAMO_V_COUNT * JAMO_T_COUNT);
    out[1] = JAMO_V + s % (JAMO_V_COUNT * JAMO_T_COUNT) / JAMO_T_COUNT;
    out[2] = JAMO_T + t;
    return t == 0 ? 2 : 3;
  }
  size_t count = 1;
  out[0] = code_point;
  for (size_t at = 0; at < count;) {
    uint32_t parts[LN_DECOMPOSITION_MAX];
    const size_t entry = out[at] < 0xA0 ? COUNT(decomposed) : find_entry(out[at]);
    if (entry == COUNT(decomposed) || (!compatibility && (decomposed_compatible[entry / 8] >> entry % 8 & 1) != 0)) {
      ++at;
      continue;
    }
    const size_t length = entry_text(entry, parts);
    if (count - 1 + length > LN_DECOMPOSITION_MAX) return count; /* no character of the tables is as long */
    memmove(out + at + length, out + at + 1, (count - at - 1) * sizeof *out);
    memcpy(out + at, parts, length * sizeof *out);
    count += length - 1;
  }
  return count;
}

/* Stable, by merging: a hostile text may be all marks. */
static void order_marks(uint32_t *text, size_t count, uint32_t *scratch) {
  for (size_t width = 1; width < count; width *= 2) {
    for (size_t start = 0; start + width < count; start += 2 * width) {
      const size_t middle = start + width, end = middle + width < count ? middle + width : count;
      size_t a = start, b = middle;
      for (size_t i = start; i < end; ++i) {
        const bool first = b == end || (a < middle && ln_unicode_class(text[a]) <= ln_unicode_class(text[b]));
        scratch[i] = first ? text[a++] : text[b++];
      }
      memcpy(text + start, scratch + start, (end - start) * sizeof *text);
    }
  }
}

void ln_unicode_order(uint32_t *text, size_t count, uint32_t *scratch) {
  for (size_t i = 0; i < count;) {
    size_t end = i;
    while (end < count && ln_unicode_class(text[end]) != 0) ++end;
    order_marks(text + i, end - i, scratch);
    i = end + 1;
  }
}

/* ---- composition ---- */

uint32_t ln_unicode_compose(uint32_t first, uint32_t second) {
  if (first - JAMO_L < JAMO_L_COUNT && second - JAMO_V < JAMO_V_COUNT) {
    return HANGUL_FIRST + ((first - JAMO_L) * JAMO_V_COUNT + (second - JAMO_V)) * JAMO_T_COUNT;
  }
  if (first - HANGUL_FIRST < HANGUL_COUNT && (first - HANGUL_FIRST) % JAMO_T_COUNT == 0 && second > JAMO_T &&
      second - JAMO_T < JAMO_T_COUNT) {
    return first + (second - JAMO_T);
  }
  size_t low = 0, high = COUNT(composed);
  while (low < high) {
    const size_t middle = (low + high) / 2;
    uint32_t pair[LN_DECOMPOSITION_MAX];
    entry_text(composed[middle], pair);
    if (pair[0] == first && pair[1] == second) return code_of(composed[middle]);
    if (pair[0] < first || (pair[0] == first && pair[1] < second)) low = middle + 1;
    else high = middle;
  }
  return 0;
}

size_t ln_unicode_compose_text(uint32_t *text, size_t count) {
  size_t starter = count, kept = 0; /* of the last starter that was kept; none yet */
  uint8_t last = 0;                 /* the class of what was kept after it */
  for (size_t i = 0; i < count; ++i) {
    const uint8_t class = ln_unicode_class(text[i]);
    const bool blocked = starter == count || (kept > starter + 1 && last >= class);
    const uint32_t whole = blocked ? 0 : ln_unicode_compose(text[starter], text[i]);
    if (whole != 0) {
      text[starter] = whole;
      continue;
    }
    if (class == 0) starter = kept;
    last = class;
    text[kept++] = text[i];
  }
  return kept;
}

/* ---- case ---- */

/* By the table of mappings to one character; itself for most. */
static uint32_t map_simple(const fold_run *runs, size_t count, uint32_t c) {
  size_t low = 0, high = count;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    const fold_run *run = &runs[middle];
    if (c < run_start(run)) {
      high = middle;
    } else if (c > run_start(run) + (run_count(run) - 1) * run_step(run)) {
      low = middle + 1;
    } else {
      return (c - run_start(run)) % run_step(run) == 0 ? (uint32_t)((int64_t)c + run->delta) : c;
    }
  }
  return c;
}

static size_t map_full(const fold_full *fulls, size_t count, uint32_t c, uint32_t out[3]) {
  size_t length = 0;
  for (size_t i = 0; c >= 0xDF && i < count; ++i) {
    if (fulls[i].from != c) continue;
    while (length < 3 && fulls[i].to[length] != 0) {
      out[length] = fulls[i].to[length];
      ++length;
    }
  }
  return length;
}

uint32_t ln_unicode_fold_simple(uint32_t c) { return map_simple(fold_runs, COUNT(fold_runs), c); }

size_t ln_unicode_fold(uint32_t c, uint32_t out[3]) {
  const size_t length = map_full(fold_fulls, COUNT(fold_fulls), c, out);
  if (length == 0) out[0] = ln_unicode_fold_simple(c);
  return length == 0 ? 1 : length;
}

size_t ln_unicode_lower(uint32_t c, uint32_t out[3]) {
  const size_t length = map_full(lower_fulls, COUNT(lower_fulls), c, out);
  if (length == 0) out[0] = map_simple(lower_runs, COUNT(lower_runs), c);
  return length == 0 ? 1 : length;
}

size_t ln_unicode_upper(uint32_t c, uint32_t out[3]) {
  const size_t length = map_full(upper_fulls, COUNT(upper_fulls), c, out);
  if (length == 0) out[0] = map_simple(upper_runs, COUNT(upper_runs), c);
  return length == 0 ? 1 : length;
}

/* The foldings, then the lower cases: folding to several characters hides some of those. */
bool ln_unicode_next_pair(ln_unicode_pair *pair) {
  enum { FOLDS = COUNT(fold_runs), ALL = FOLDS + COUNT(lower_runs) };
  if (pair->run >= ALL) return false;
  const fold_run *run = pair->run < FOLDS ? &fold_runs[pair->run] : &lower_runs[pair->run - FOLDS];
  pair->from = run_start(run) + (uint32_t)pair->step * run_step(run);
  pair->to = (uint32_t)((int64_t)pair->from + run->delta);
  if (++pair->step < run_count(run)) return true;
  pair->step = 0;
  ++pair->run;
  return true;
}

bool ln_unicode_is_cased(uint32_t c) {
  const ln_category category = ln_unicode_category(c);
  if (category == LN_CATEGORY_LU || category == LN_CATEGORY_LL || category == LN_CATEGORY_LT) return true;
  /* Of other categories, what has an upper or a lower case (Roman numerals, circled letters), and squared letters. */
  return c == 0xAA || c == 0xBA || (c >= 0x2160 && c <= 0x217F) || (c >= 0x24B6 && c <= 0x24E9) ||
         (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

bool ln_unicode_is_case_ignorable(uint32_t c) {
  static const uint16_t marks[] = {'\'',   '.',    ':',    0xB7,   0x387,  0x55F,  0x5F4,  0x2018, 0x2019,
                                   0x2024, 0x2027, 0xFE13, 0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
  const uint32_t kinds = UINT32_C(1) << LN_CATEGORY_MN | UINT32_C(1) << LN_CATEGORY_ME | UINT32_C(1) << LN_CATEGORY_CF |
                         UINT32_C(1) << LN_CATEGORY_LM | UINT32_C(1) << LN_CATEGORY_SK;
  for (size_t i = 0; i < COUNT(marks); ++i) {
    if (marks[i] == c) return true;
  }
  return (kinds >> ln_unicode_category(c) & 1) != 0;
}

/* ---- scripts ---- */

#include "unicode_scripts.inc"

static const run_table scripts = {script_starts, script_values, script_planes};

int32_t ln_unicode_script(uint32_t code_point) {
  if (code_point > 0x10FFFF) return -1;
  return script_values[find_run(&scripts, code_point)];
}

uint32_t ln_unicode_script_run(uint32_t code_point, uint32_t *last) { return run_to(&scripts, code_point, last); }

int32_t ln_unicode_script_of(const char *name, size_t length) {
  const char *found = script_names;
  for (size_t i = 0; i < COUNT(script_codes); ++i) {
    if (strlen(found) == length && memcmp(found, name, length) == 0) return script_codes[i];
    found += strlen(found) + 1;
  }
  return -1;
}
