/* The harness of the kernels' tests: guarded memory, seeded values, comparisons, and one cmocka test a slot and tier.
 */
#include "support/kernel_harness.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GUARD = 256, FILL = 0xA5 };

typedef struct ln_kt_buffer {
  struct ln_kt_buffer *next;
  uint8_t *map;
  size_t map_bytes;
  uint8_t *data;
  size_t bytes;
  bool guarded;
} ln_kt_buffer;

static const char *current_family = "";
static const ln_kt *current;
static uint64_t seed = 1;

/* ---- memory ---- */

static ln_kt_buffer *new_buffer(ln_kt *t, size_t room, size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  ln_kt_buffer *buffer = calloc(1, sizeof *buffer);
  assert_non_null(buffer);
  const size_t body = (room + page - 1) / page * page;
  buffer->map_bytes = body + page;
  buffer->map = mmap(NULL, buffer->map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(buffer->map != MAP_FAILED);
  assert_int_equal(mprotect(buffer->map + body, page, PROT_NONE), 0);
  buffer->bytes = bytes;
  buffer->next = t->buffers;
  t->buffers = buffer;
  return buffer;
}

void *ln_kt_input(ln_kt *t, size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  ln_kt_buffer *buffer = new_buffer(t, bytes + 1, bytes);
  buffer->data = buffer->map + (buffer->map_bytes - page) - bytes;
  return buffer->data;
}

void *ln_kt_input_aligned(ln_kt *t, size_t bytes) {
  return ln_kt_input(t, (bytes + LN_ALIGNMENT - 1) / LN_ALIGNMENT * LN_ALIGNMENT);
}

void *ln_kt_output(ln_kt *t, size_t bytes, size_t offset) {
  ln_kt_buffer *buffer = new_buffer(t, bytes + offset + 2 * GUARD, bytes);
  buffer->data = buffer->map + GUARD + offset;
  buffer->guarded = true;
  memset(buffer->map, FILL, bytes + offset + 2 * GUARD);
  return buffer->data;
}

static bool guards_hold(const ln_kt_buffer *buffer) {
  for (const uint8_t *p = buffer->map; p < buffer->data; ++p) {
    if (*p != FILL) return false;
  }
  for (size_t i = 0; i < GUARD; ++i) {
    if (buffer->data[buffer->bytes + i] != FILL) return false;
  }
  return true;
}

static void free_buffers(ln_kt *t) {
  while (t->buffers != NULL) {
    ln_kt_buffer *next = t->buffers->next;
    munmap(t->buffers->map, t->buffers->map_bytes);
    free(t->buffers);
    t->buffers = next;
  }
}

static void fail_case(const ln_kt *t, const char *why) {
  fail_msg("%s.%s %s, case %s, seed %llu: %s", current_family, t->slot, ln_isa_name(t->isa), t->label,
           (unsigned long long)seed, why);
}

static void end_case(ln_kt *t) {
  for (const ln_kt_buffer *buffer = t->buffers; buffer != NULL; buffer = buffer->next) {
    if (buffer->guarded && !guards_hold(buffer)) fail_case(t, "bytes outside the output were written");
  }
  free_buffers(t);
}

void ln_kt_case(ln_kt *t, const char *format, ...) {
  end_case(t);
  va_list args;
  va_start(args, format);
  vsnprintf(t->label, sizeof t->label, format, args);
  va_end(args);
}

/* ---- values ---- */

uint32_t ln_kt_random(ln_kt *t) {
  t->state += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 (Steele, Lea, Flood 2014) */
  uint64_t z = t->state;
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return (uint32_t)((z ^ (z >> 31)) >> 32);
}

int32_t ln_kt_random_between(ln_kt *t, int32_t low, int32_t high) {
  const uint64_t span = (uint64_t)((int64_t)high - low) + 1;
  return (int32_t)(low + (int64_t)(((uint64_t)ln_kt_random(t) * span) >> 32));
}

float ln_kt_random_f32(ln_kt *t, float low, float high) {
  return low + (high - low) * ((float)(ln_kt_random(t) >> 8) * (1.0f / 16777216.0f));
}

static int32_t pattern_value(ln_kt *t, int pattern, int32_t low, int32_t high) {
  switch (pattern) {
    case LN_KT_LOW: return low;
    case LN_KT_HIGH: return high;
    case LN_KT_ENDS: return ln_kt_random(t) & 1 ? high : low;
    case LN_KT_ZERO: return 0;
    default: return ln_kt_random_between(t, low, high);
  }
}

void ln_kt_fill_i8(ln_kt *t, int8_t *data, size_t count, int pattern) {
  for (size_t i = 0; i < count; ++i) data[i] = (int8_t)pattern_value(t, pattern, INT8_MIN, INT8_MAX);
}

void ln_kt_fill_u8(ln_kt *t, uint8_t *data, size_t count, int pattern) {
  for (size_t i = 0; i < count; ++i) data[i] = (uint8_t)pattern_value(t, pattern, 0, UINT8_MAX);
}

void ln_kt_fill_i16(ln_kt *t, int16_t *data, size_t count, int pattern) {
  for (size_t i = 0; i < count; ++i) {
    const int16_t value = (int16_t)pattern_value(t, pattern, INT16_MIN, INT16_MAX);
    memcpy(&data[i], &value, sizeof value); /* inputs need not be aligned */
  }
}

void ln_kt_fill_i32(ln_kt *t, int32_t *data, size_t count, int pattern, int32_t low, int32_t high) {
  for (size_t i = 0; i < count; ++i) {
    const int32_t value = pattern_value(t, pattern, low, high);
    memcpy(&data[i], &value, sizeof value);
  }
}

void ln_kt_fill_f32(ln_kt *t, float *data, size_t count, int pattern, float range) {
  for (size_t i = 0; i < count; ++i) {
    float value =
        pattern == LN_KT_RANDOM ? ln_kt_random_f32(t, -range, range) : range * (float)pattern_value(t, pattern, -1, 1);
    memcpy(&data[i], &value, sizeof value);
  }
}

/* ---- comparisons ---- */

void ln_kt_equal(ln_kt *t, const void *got, const void *want, size_t bytes) {
  const uint8_t *g = got;
  const uint8_t *w = want;
  char why[160];
  for (size_t i = 0; i < bytes; ++i) {
    if (g[i] == w[i]) continue;
    snprintf(why, sizeof why, "byte %zu of %zu is %u, want %u", i, bytes, g[i], w[i]);
    fail_case(t, why);
  }
}

void ln_kt_equal_f32(ln_kt *t, const float *got, const float *want, size_t count, float abs, float rel) {
  char why[160];
  for (size_t i = 0; i < count; ++i) {
    float g;
    float w;
    memcpy(&g, got + i, sizeof g);
    memcpy(&w, want + i, sizeof w);
    const bool same = isnan(w) ? isnan(g) : (g == w || fabsf(g - w) <= abs + rel * fabsf(w));
    if (same) continue;
    snprintf(why, sizeof why, "element %zu of %zu is %.9g, want %.9g", i, count, (double)g, (double)w);
    fail_case(t, why);
  }
}

void ln_kt_print_times(const ln_kt *t, const char *what, double reference_ns, double candidate_ns) {
  printf("%-12s %-28s %-10s %-24s %12.0f ns %12.0f ns %7.2fx\n", current_family, t->slot, ln_isa_name(t->isa), what,
         reference_ns, candidate_ns, reference_ns / candidate_ns);
}

/* ---- running ---- */

typedef struct slot_test {
  ln_kernels generic, tested;
  const ln_kt_check *check;
  ln_isa isa;
  bool bench;
} slot_test;

static void run_slot(void **state) {
  const slot_test *test = *state;
  ln_kt t = {0};
  t.generic = &test->generic;
  t.tested = &test->tested;
  t.isa = test->isa;
  t.slot = test->check->slot;
  t.bench = test->bench;
  t.state = seed;
  snprintf(t.label, sizeof t.label, "(before the first)");
  current = &t;
  test->check->run(&t);
  end_case(&t);
  current = NULL;
}

/* Says which case touched memory that is not its own. */
static void on_fault(int signal_number) {
  char text[512];
  const int length = snprintf(text, sizeof text, "FAULT in %s.%s %s, case %s, seed %llu: signal %d\n", current_family,
                              current != NULL ? current->slot : "?", current != NULL ? ln_isa_name(current->isa) : "?",
                              current != NULL ? current->label : "?", (unsigned long long)seed, signal_number);
  if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0) _exit(3);
  _exit(2);
}

static const ln_kt_check *find_check(const ln_kt_check *checks, size_t count, const char *slot) {
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(checks[i].slot, slot) == 0) return &checks[i];
  }
  return NULL;
}

typedef struct test_list {
  slot_test *tests;
  struct CMUnitTest *units;
  size_t count;
} test_list;

static void add_test(test_list *list, const ln_kt_check *check, const ln_kernel_row *row, bool bench) {
  char name[128];
  slot_test *test = &list->tests[list->count];
  test->generic = ln_kernels_for(LN_ISA_GENERIC);
  test->tested = ln_kernels_for(row->isa);
  test->check = check;
  test->isa = row->isa;
  test->bench = bench;
  snprintf(name, sizeof name, "%s.%s %s", row->family, row->slot, ln_isa_name(row->isa));
  struct CMUnitTest *unit = &list->units[list->count++];
  memset(unit, 0, sizeof *unit);
  unit->name = strdup(name);
  unit->test_func = run_slot;
  unit->initial_state = test;
}

int ln_kt_main(int argc, char **argv, const char *family, const ln_kt_check *checks, size_t count) {
  const char *filter = NULL;
  bool bench = false;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--bench") == 0) bench = true;
    else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) seed = strtoull(argv[++i], NULL, 10);
    else filter = argv[i];
  }
  current_family = family;
  const int32_t rows = ln_kernel_row_count();
  test_list list = {calloc((size_t)rows + 1, sizeof(slot_test)), calloc((size_t)rows + 1, sizeof(struct CMUnitTest)),
                    0};
  int failed = list.tests == NULL || list.units == NULL;
  for (int32_t i = 0; i < rows && !failed; ++i) {
    const ln_kernel_row *row = ln_kernel_row_at(i);
    if (strcmp(row->family, family) != 0) continue;
    const ln_kt_check *check = find_check(checks, count, row->slot);
    if (check == NULL) {
      fprintf(stderr, "%s.%s (%s) is registered and has no check\n", family, row->slot, row->name);
      failed = 1;
    } else if (ln_isa_includes(ln_cpu_isa(), row->isa) && (filter == NULL || strstr(row->slot, filter) != NULL)) {
      add_test(&list, check, row, bench);
    }
  }
  if (!failed) {
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
#if !defined(LN_ASAN)
    signal(SIGSEGV, on_fault);
    signal(SIGBUS, on_fault);
#else
    (void)on_fault;
#endif
    failed = _cmocka_run_group_tests(family, list.units, list.count, NULL, NULL);
  }
  for (size_t i = 0; i < list.count; ++i) free((char *)list.units[i].name);
  free(list.tests);
  free(list.units);
  return failed != 0;
}
