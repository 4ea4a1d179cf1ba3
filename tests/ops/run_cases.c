/*
 * Runs the operators' cases: run_cases [-v] [--coverage[=types] | --count] DIR [FILTER]. Each DIR/FAMILY/NAME.tflite
 * carries its inputs and expected outputs as metadata (tests/ops/gen/lib.py says how) and is run through the public API
 * alone. A case that must be refused says so (refused=what the message holds); any other passes when one thread gives
 * the expected outputs (integers bit for bit, floats within the case's tolerance), and two threads, and the same
 * session after a reset, give the same bits as that.
 * --coverage compares no values: it names the implemented operators that no case holds. --count prints how many cases
 * hold each; --coverage=types names the element types of the rows that no case holds.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linnet/linnet.h"
#include "type_coverage.h"
#include "runtime/runtime.h"
#include "support/cases.h"

enum { TYPES = 32 };

typedef struct case_info {
  double abs, rel;
  double of_type[TYPES]; /* both, where it is above 0 */
  int invocations;
  char refused[96]; /* what the message holds of a case that must fail; else empty */
} case_info;

typedef struct totals {
  bool verbose, coverage, count, late;
  const char *filter;
  int cases, failed;
  int *held;        /* [ln_op_row_count()] cases that hold each operator */
  seen_types *seen; /* for --coverage=types, else NULL */
} totals;

static char reason[1024];

static bool fail(const char *format, const char *a, long b, long c) {
  snprintf(reason, sizeof reason, format, a, b, c);
  return false;
}

/* NAME=VALUE where NAME is a type's. */
static void read_type_bound(const char *line, double of_type[TYPES]) {
  const size_t length = strcspn(line, "=");
  for (int t = 0; line[length] == '=' && t < TYPES; ++t) {
    const char *name = ln_type_name((ln_type)t);
    if (strlen(name) == length && memcmp(name, line, length) == 0) of_type[t] = atof(line + length + 1);
  }
}

static case_info read_info(const ln_model *model) {
  case_info info = {1e-6, 1e-5, {0}, 1, ""};
  size_t size = 0;
  const char *text = ln_model_metadata(model, "case.info", &size);
  char copy[512];
  if (text == NULL || size >= sizeof copy) return info;
  memcpy(copy, text, size);
  copy[size] = '\0';
  for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    if (strncmp(line, "abs=", 4) == 0) info.abs = atof(line + 4);
    if (strncmp(line, "rel=", 4) == 0) info.rel = atof(line + 4);
    if (strncmp(line, "invocations=", 12) == 0) info.invocations = atoi(line + 12);
    if (strncmp(line, "refused=", 8) == 0) snprintf(info.refused, sizeof info.refused, "%.95s", line + 8);
    read_type_bound(line, info.of_type);
  }
  return info;
}

/* The metadata named by `format` with `index` in it; an empty one is not NULL. */
static const void *blob(const ln_model *model, const char *format, int index, size_t *size) {
  char name[64];
  snprintf(name, sizeof name, format, index);
  *size = 0;
  for (int32_t i = 0; i < ln_model_metadata_count(model); ++i) {
    if (strcmp(ln_model_metadata_name(model, i), name) != 0) continue;
    const void *data = ln_model_metadata(model, name, size);
    return data != NULL ? data : "";
  }
  return NULL;
}

static double half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = bits & 1023;
  const double sign = bits & 0x8000 ? -1.0 : 1.0;
  if (exponent == 31) return fraction != 0 ? NAN : sign * INFINITY;
  return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(fraction + 1024, exponent - 25));
}

static double float_at(ln_type type, const unsigned char *data, size_t i) {
  uint16_t bits;
  uint32_t wide;
  float f;
  double d;
  switch (type) {
    case LN_FLOAT16: memcpy(&bits, data + 2 * i, 2); return half_value(bits);
    case LN_BFLOAT16:
      memcpy(&bits, data + 2 * i, 2);
      wide = (uint32_t)bits << 16;
      memcpy(&f, &wide, 4);
      return f;
    case LN_FLOAT64:
    case LN_COMPLEX128: memcpy(&d, data + 8 * i, 8); return d;
    default: memcpy(&f, data + 4 * i, 4); return f;
  }
}

/* Floats an element is made of; 0 for a type that is compared byte for byte. */
static size_t float_parts(ln_type type) {
  switch (type) {
    case LN_FLOAT32:
    case LN_FLOAT16:
    case LN_BFLOAT16:
    case LN_FLOAT64: return 1;
    case LN_COMPLEX64:
    case LN_COMPLEX128: return 2;
    default: return 0;
  }
}

static bool compare_floats(ln_type type, const void *got, const void *want, size_t count, const case_info *info) {
  double largest = 0;
  for (size_t i = 0; i < count; ++i) {
    const double w = fabs(float_at(type, want, i));
    if (isfinite(w) && w > largest) largest = w;
  }
  const double own = info->of_type[type];
  const double limit = own > 0 ? own + own * largest : info->abs + info->rel * largest;
  for (size_t i = 0; i < count; ++i) {
    const double g = float_at(type, got, i);
    const double w = float_at(type, want, i);
    const bool same = isnan(w) ? isnan(g) : (isinf(w) ? g == w : fabs(g - w) <= limit);
    if (!same) {
      snprintf(reason, sizeof reason, "element %zu is %.9g, want %.9g (allowed difference %.3g)", i, g, w, limit);
      return false;
    }
  }
  return true;
}

static bool compare_bytes(ln_type type, const unsigned char *got, const unsigned char *want, size_t bytes) {
  const int32_t bits = ln_type_bits(type);
  const size_t width = bits >= 8 ? (size_t)bits / 8 : 1;
  size_t differ = 0;
  size_t first = 0;
  for (size_t i = 0; i + width <= bytes; i += width) {
    if (memcmp(got + i, want + i, width) == 0) continue;
    if (differ++ == 0) first = i;
  }
  if (differ == 0) return true;
  long long g = 0;
  long long w = 0;
  memcpy(&g, got + first, width <= 8 ? width : 8);
  memcpy(&w, want + first, width <= 8 ? width : 8);
  const int shift = 64 - 8 * (int)(width <= 8 ? width : 8);
  snprintf(reason, sizeof reason, "%zu of %zu elements differ, first %zu: is %lld, want %lld", differ, bytes / width,
           first / width, (long long)((unsigned long long)g << shift) >> shift,
           (long long)((unsigned long long)w << shift) >> shift);
  return false;
}

static bool check_output(const ln_model *model, const ln_tensor *tensor, int32_t index, const case_info *info) {
  size_t shape_bytes;
  size_t bytes;
  const int32_t *shape = blob(model, "case.out.%d.shape", index, &shape_bytes);
  const void *want = blob(model, "case.out.%d", index, &bytes);
  if (shape == NULL || want == NULL) return fail("the file holds no expected output", NULL, 0, 0);
  const int32_t rank = (int32_t)(shape_bytes / 4);
  if (ln_tensor_rank(tensor) != rank) return fail("%srank is %ld, want %ld", "", ln_tensor_rank(tensor), rank);
  for (int32_t i = 0; i < rank; ++i) {
    int32_t dim;
    memcpy(&dim, shape + i, 4);
    if (ln_tensor_dim(tensor, i) != dim) return fail("%sdimension is %ld, want %ld", "", ln_tensor_dim(tensor, i), dim);
  }
  if (ln_tensor_bytes(tensor) != bytes) {
    return fail("%sthe output takes %ld bytes, want %ld", "", (long)ln_tensor_bytes(tensor), (long)bytes);
  }
  if (bytes == 0) return true;
  const ln_type type = ln_tensor_type(tensor);
  const void *got = ln_tensor_data(tensor);
  if (got == NULL) return fail("the output has no data", NULL, 0, 0);
  const size_t parts = float_parts(type);
  if (parts == 0) return compare_bytes(type, got, want, bytes);
  return compare_floats(type, got, want, ln_tensor_elements(tensor) * parts, info);
}

static bool set_input(const ln_model *model, ln_session *session, int32_t index, bool resize, ln_error *err) {
  size_t shape_bytes;
  size_t bytes;
  const int32_t *shape = blob(model, "case.in.%d.shape", index, &shape_bytes);
  const void *data = blob(model, "case.in.%d", index, &bytes);
  if (data == NULL) return fail("the file holds no input", NULL, 0, 0);
  if (resize && shape != NULL) {
    int32_t dims[LN_MAX_RANK];
    const int32_t rank = (int32_t)(shape_bytes / 4);
    if (rank > LN_MAX_RANK) return fail("an input's shape is too long", NULL, 0, 0);
    memcpy(dims, shape, shape_bytes);
    if (ln_session_resize_input(session, index, dims, rank, err) != LN_OK)
      return fail("resize: %s", err->message, 0, 0);
    return true;
  }
  if (!resize && ln_session_set_input(session, index, data, bytes, err) != LN_OK) {
    return fail("set_input: %s", err->message, 0, 0);
  }
  return true;
}

static bool run_session(const ln_model *model, ln_session *session, const case_info *info) {
  ln_error err = {LN_OK, ""};
  for (int n = 0; n < info->invocations; ++n) {
    for (int32_t i = 0; i < ln_session_input_count(session); ++i) {
      if (!set_input(model, session, i, false, &err)) return false;
    }
    if (ln_session_run(session, &err) != LN_OK) return fail("run: %s", err.message, 0, 0);
  }
  return true;
}

static bool same_outputs(const ln_session *a, const ln_session *b) {
  for (int32_t i = 0; i < ln_session_output_count(a); ++i) {
    const ln_tensor *x = ln_session_output(a, i);
    const ln_tensor *y = ln_session_output(b, i);
    const size_t bytes = ln_tensor_bytes(x);
    if (bytes != ln_tensor_bytes(y)) return false;
    if (bytes != 0 && memcmp(ln_tensor_data(x), ln_tensor_data(y), bytes) != 0) return false;
  }
  return true;
}

static ln_session *open_session(ln_model *model, int32_t threads, bool late) {
  ln_error err = {LN_OK, ""};
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session *session = NULL;
  options.threads = threads;
  if (ln_session_create(model, &options, &err, &session) != LN_OK) {
    fail("session: %s", err.message, 0, 0);
    return NULL;
  }
  session->all_late = late;
  session->prepared = session->prepared && !late;
  for (int32_t i = 0; i < ln_session_input_count(session); ++i) {
    if (!set_input(model, session, i, true, &err)) goto failed;
  }
  if (ln_session_prepare(session, &err) != LN_OK) {
    fail("prepare: %s", err.message, 0, 0);
    goto failed;
  }
  return session;
failed:
  ln_session_destroy(session);
  return NULL;
}

/* Fails where it is made, prepared or run, twice alike, and says what is wrong. */
static bool run_refused(ln_model *model, bool late, const case_info *info) {
  for (int32_t threads = 1; threads <= 2; ++threads) {
    ln_session *session = open_session(model, threads, late);
    const bool ran = session != NULL && run_session(model, session, info);
    ln_session_destroy(session);
    if (ran) return fail("runs where it should say \"%s\"", info->refused, 0, 0);
    if (strstr(reason, info->refused) == NULL) return false;
  }
  return true;
}

static bool run_case(ln_model *model, bool late) {
  const case_info info = read_info(model);
  if (info.refused[0] != '\0') return run_refused(model, late, &info);
  bool ok = false;
  ln_session *two = NULL;
  ln_session *one = open_session(model, 1, late);
  if (one == NULL || !run_session(model, one, &info)) goto out;
  for (int32_t i = 0; i < ln_session_output_count(one); ++i) {
    if (check_output(model, ln_session_output(one, i), i, &info)) continue;
    char what[sizeof reason];
    memcpy(what, reason, sizeof what);
    snprintf(reason, sizeof reason, "output %d: %.900s", (int)i, what);
    goto out;
  }
  two = open_session(model, 2, late);
  if (two == NULL || !run_session(model, two, &info)) goto out;
  if (!same_outputs(one, two)) {
    fail("two threads give other bits than one", NULL, 0, 0);
    goto out;
  }
  ln_session_reset(two);
  if (!run_session(model, two, &info)) goto out;
  ok = same_outputs(one, two);
  if (!ok) fail("a run after a reset gives other bits", NULL, 0, 0);
out:
  ln_session_destroy(one);
  ln_session_destroy(two);
  return ok;
}

static bool holds(const ln_model *model, const char *name) {
  for (int32_t g = 0; g < ln_model_graph_count(model); ++g) {
    const ln_graph *graph = ln_model_graph(model, g);
    for (int32_t i = 0; i < ln_graph_op_count(graph); ++i) {
      if (strcmp(name, ln_op_name(ln_graph_op(graph, i))) == 0) return true;
    }
  }
  return false;
}

static void note_operators(const ln_model *model, int *held) {
  for (int32_t r = 0; r < ln_op_row_count(); ++r) {
    ln_op_row row = {.size = sizeof row};
    if (ln_op_row_get(r, &row) == LN_OK && holds(model, row.name)) ++held[r];
  }
}

static void visit_file(const char *path, totals *all) {
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL;
  if (all->filter != NULL && strstr(path, all->filter) == NULL) return;
  ++all->cases;
  bool ok = ln_model_open(path, &err, &model) == LN_OK;
  if (!ok) fail("open: %s", err.message, 0, 0);
  const bool refused = ok && read_info(model).refused[0] != '\0';
  if (ok && !refused) note_operators(model, all->held);
  if (ok && !refused && all->seen != NULL) seen_types_note(all->seen, model);
  if (ok && !all->coverage && !all->count) ok = run_case(model, all->late);
  ln_model_destroy(model);
  if (!ok) {
    ++all->failed;
    printf("FAIL %s: %s\n", path, reason);
  } else if (all->verbose) {
    printf("ok   %s\n", path);
  }
}

static void visit(const char *path, totals *all) {
  struct dirent **entries = NULL;
  const int count = scandir(path, &entries, NULL, alphasort);
  for (int i = 0; i < count; ++i) {
    char child[4096];
    struct stat status;
    const char *name = entries[i]->d_name;
    const size_t length = strlen(name);
    snprintf(child, sizeof child, "%s/%s", path, name);
    if (name[0] != '.' && stat(child, &status) == 0) {
      if (S_ISDIR(status.st_mode)) visit(child, all);
      else if (length > 7 && strcmp(name + length - 7, ".tflite") == 0) visit_file(child, all);
    }
    free(entries[i]);
  }
  free(entries);
}

/* Implemented rows without a case. */
static void print_counts(const totals *all) {
  for (int32_t r = 0; r < ln_op_row_count(); ++r) {
    ln_op_row row = {.size = sizeof row};
    if (ln_op_row_get(r, &row) == LN_OK) printf("%s %d\n", row.name, all->held[r]);
  }
}

static int report_coverage(const totals *all) {
  int missing = 0;
  int implemented = 0;
  for (int32_t r = 0; r < ln_op_row_count(); ++r) {
    ln_op_row row = {.size = sizeof row};
    if (ln_op_row_get(r, &row) != LN_OK || row.kernel_not_yet != NULL) continue;
    ++implemented;
    if (all->held[r] > 0) continue;
    ++missing;
    printf("no case for %s\n", row.name);
  }
  printf("%d of %d implemented operators have cases\n", implemented - missing, implemented);
  return missing;
}

int main(int argc, char **argv) {
  totals all = {0};
  const char *folder = NULL;
  bool types = false;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "-v") == 0) all.verbose = true;
    else if (strcmp(argv[i], "--late") == 0) all.late = true;
    else if (strcmp(argv[i], "--coverage") == 0) all.coverage = true;
    else if (strcmp(argv[i], "--coverage=types") == 0) all.coverage = types = true;
    else if (strcmp(argv[i], "--count") == 0) all.count = true;
    else if (folder == NULL) folder = argv[i];
    else all.filter = argv[i];
  }
  if (folder == NULL) {
    fprintf(stderr, "usage: run_cases [-v] [--late | --coverage | --coverage=types | --count] DIR [FILTER]\n");
    return 2;
  }
  all.held = calloc((size_t)ln_op_row_count() + 1, sizeof *all.held);
  if (types) all.seen = seen_types_make();
  if (all.held == NULL || (types && all.seen == NULL)) return 1;
  char absolute[4096];
  if (realpath(folder, absolute) == NULL || !ln_test_enter_scratch()) return 1;
  visit(absolute, &all);
  ln_test_leave_scratch();
  int covered = 0;
  for (int32_t r = 0; r < ln_op_row_count(); ++r) covered += all.held[r] > 0;
  int missing = all.coverage ? report_coverage(&all) : 0;
  if (types) missing += seen_types_report(all.seen);
  if (all.count) print_counts(&all);
  printf("%s: %d cases, %d failed, %d operators\n", ln_cpu_tier(), all.cases, all.failed, covered);
  free(all.held);
  seen_types_free(all.seen);
  return all.failed != 0 || missing != 0 || all.cases == 0 ? 1 : 0;
}
