/* Regular expressions against what RE2 does with them in TensorFlow (regex_cases.txt, which regex_cases.py records),
 * and patterns and texts that would keep other engines busy for ever. */
#include "ops/regex.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "support/unit.h"

enum { MOST_FIELDS = 64, LONGEST_LINE = 1 << 16 };

static int32_t hex_of(char c) { return c <= '9' ? c - '0' : c - 'A' + 10; }

/* Bytes that do not print stand as \xHH; in place. */
static ln_span unescape(char *text) {
  char *out = text;
  for (const char *in = text; *in != '\0';) {
    if (*in != '\\') {
      *out++ = *in++;
      continue;
    }
    *out++ = (char)(hex_of(in[2]) * 16 + hex_of(in[3]));
    in += 4;
  }
  return (ln_span){text, (size_t)(out - text)};
}

static int32_t split_line(char *line, ln_span *fields) {
  int32_t count = 0;
  for (char *next = line; next != NULL && count < MOST_FIELDS;) {
    char *field = next, *end = strchr(next, '\t');
    next = end == NULL ? NULL : end + 1;
    if (end != NULL) *end = '\0';
    fields[count++] = unescape(field);
  }
  return count;
}

static int failures;

static void expect(const ln_span *fields, ln_span text, const char *what, ln_span got, ln_span want) {
  if (got.size == want.size && memcmp(got.data, want.data, want.size) == 0) return;
  ++failures;
  print_error("%s of %.*s in \"%.*s\" gives \"%.*s\", want \"%.*s\"\n", what, (int)fields[0].size, fields[0].data,
              (int)text.size, text.data, (int)got.size, got.data, (int)want.size, want.data);
}

static ln_span span_of(const ln_bytes *bytes) {
  return (ln_span){bytes->size > 0 ? (const char *)bytes->data : "", bytes->size};
}

static bool put(void *to, const char *data, size_t size) {
  ln_bytes_add(to, data, size);
  return true;
}

static void check_texts(ln_regex *regex, const ln_span *fields, int32_t count) {
  ln_regex_matcher *matcher = ln_regex_matcher_create(regex, ln_regex_rewrite_slots(fields[1]));
  assert_non_null(matcher);
  for (int32_t i = 2; i + 3 < count; i += 4) {
    ln_bytes every = {0}, first = {0};
    ln_regex_replace(matcher, fields[1], fields[i], true, put, &every);
    ln_regex_replace(matcher, fields[1], fields[i], false, put, &first);
    expect(fields, fields[i], "replacing all", span_of(&every), fields[i + 1]);
    expect(fields, fields[i], "replacing one", span_of(&first), fields[i + 2]);
    const char *whole = ln_regex_full_match(matcher, fields[i]) ? "1" : "0";
    expect(fields, fields[i], "a match of the whole", (ln_span){whole, 1}, fields[i + 3]);
    ln_bytes_free(&every);
    ln_bytes_free(&first);
  }
  ln_regex_matcher_destroy(matcher);
}

static void check_line(char *line) {
  ln_span fields[MOST_FIELDS];
  ln_error err = {LN_OK, ""};
  ln_regex *regex = NULL;
  const int32_t count = split_line(line, fields);
  const ln_status status = ln_regex_compile(fields[0], &err, &regex);
  if ((status == LN_OK) != (count > 1)) {
    ++failures;
    print_error("%.*s: %s\n", (int)fields[0].size, fields[0].data, status == LN_OK ? "is not refused" : err.message);
  }
  if (status == LN_OK && count > 1) check_texts(regex, fields, count);
  ln_regex_destroy(regex);
}

static void does_as_recorded(void **state) {
  static char line[LONGEST_LINE];
  FILE *file = fopen(LN_TESTS_DIR "/ops/regex_cases.txt", "r");
  int32_t lines = 0;
  (void)state;
  assert_non_null(file);
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    check_line(line);
    ++lines;
  }
  fclose(file);
  assert_true(lines > 1000);
  assert_int_equal(failures, 0);
}

/* ---- hostile ones ---- */

static ln_status compile(const char *pattern, ln_regex **out) {
  ln_error err = {LN_OK, ""};
  return ln_regex_compile((ln_span){pattern, strlen(pattern)}, &err, out);
}

/* What backtracking takes exponential time for. */
static void stays_linear(void **state) {
  enum { LENGTH = 20000 };
  static const char *const patterns[] = {"(a*)*b", "(a|a)*b", "(a|aa)+$b", "(.*)(.*)(.*)(.*)(.*)b",
                                         "a{0,1000}a{0,1000}b"};
  (void)state;
  char *text = malloc(LENGTH);
  assert_non_null(text);
  memset(text, 'a', LENGTH);
  for (size_t i = 0; i < LN_COUNT(patterns); ++i) {
    ln_regex *regex;
    assert_int_equal(compile(patterns[i], &regex), LN_OK);
    ln_regex_matcher *matcher = ln_regex_matcher_create(regex, 2);
    assert_non_null(matcher);
    assert_false(ln_regex_search(matcher, (ln_span){text, LENGTH}, 0, NULL));
    ln_regex_matcher_destroy(matcher);
    ln_regex_destroy(regex);
  }
  free(text);
}

static void bounds_programs(void **state) {
  enum { DEEP = 1 << 15 };
  static char deep[2 * DEEP + 2];
  ln_regex *regex;
  (void)state;
  assert_int_equal(compile("((\\pL{10}){10}){10}", &regex), LN_OK);
  ln_regex_destroy(regex);
  assert_int_equal(
      compile("(((a{10}b{10}){10}c?){10}(d|e|f|g){1000}){1}((abcdefghij)(abcdefghij)){1000}((abcdefghij){10}){100}"
              "((abcdefghij){10}){100}((abcdefghij)){1000}(abcdefghij){1000}((abcdefghijabcdefghijabcdefghij)){1000}",
              &regex),
      LN_ERR_DATA);
  memset(deep, '(', DEEP);
  memset(deep + DEEP, ')', DEEP);
  assert_int_equal(compile(deep, &regex), LN_ERR_DATA);
  assert_int_equal(compile("\\C", &regex), LN_ERR_DATA);
}

/* The n-th allocation fails. */
static void survives_short_memory(void **state) {
  (void)state;
  for (long n = 1; n < 1000; ++n) {
    ln_regex *regex = NULL;
    ln_alloc_fail_after(n);
    const ln_status status = compile("(?i)(?P<n>[^\\pL\\d[:upper:]]+|x{2,3}?\\bK)*", &regex);
    ln_regex_matcher *matcher = status == LN_OK ? ln_regex_matcher_create(regex, 4) : NULL;
    const bool failed = ln_alloc_fail_pending() == 0;
    ln_alloc_fail_after(0);
    assert_true(status == LN_OK || status == LN_ERR_MEMORY);
    ln_regex_matcher_destroy(matcher);
    ln_regex_destroy(regex);
    if (!failed) return;
    assert_true(status == LN_ERR_MEMORY || matcher == NULL);
  }
  fail_msg("more than 1000 allocations");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(does_as_recorded),
      cmocka_unit_test(stays_linear),
      cmocka_unit_test(bounds_programs),
      cmocka_unit_test(survives_short_memory),
  };
  return cmocka_run_group_tests_name("ops.regex", tests, NULL, NULL);
}
