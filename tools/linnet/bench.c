/* linnet bench: how long a model takes to load and to run, and where the time goes. */
#define _DEFAULT_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"

typedef struct bench_figures {
  double load_ms, first_ms, median_ms, min_ms, p95_ms;
  int32_t runs;
  long bare_rss_kb, peak_rss_kb; /* before a model was opened; after the first run */
  ln_session_stats stats;
} bench_figures;

static int parse(const cli_command *self, int argc, char **argv, bench_options *out) {
  *out = (bench_options){.threads = 1, .seconds = -1};
  const cli_option options[] = {
      {"--signature", CLI_TEXT, &out->signature, 0, 0},
      {"--backend", CLI_TEXT, &out->backend, 0, 0},
      {"--threads", CLI_NUMBER, &out->threads, 1, 1024},
      {"--seconds", CLI_REAL, &out->seconds, 0, 86400},
      {"--per-op", CLI_FLAG, &out->per_op, 0, 0},
      {"--json", CLI_FLAG, &out->json, 0, 0},
      {"--precision", CLI_TEXT, &out->precision_name, 0, 0},
      {"--requantize", CLI_TEXT, &out->requantize_name, 0, 0},
      {"--weight-cache", CLI_TEXT, &out->weight_cache, 0, 0},
      {"--tune", CLI_FLAG, &out->tune, 0, 0},
      {"--peak", CLI_FLAG, &out->peak, 0, 0},
      {"--layers", CLI_FLAG, &out->layers, 0, 0},
      {"--verify", CLI_FLAG, &out->verify, 0, 0},
      {"--input", CLI_LIST, &out->inputs, 0, 0},
      {"--reference", CLI_FLAG, &out->reference, 0, 0}, /* the tool's own: bench_verify.c */
  };
  int operand_count;
  int status = cli_parse(self, argc, argv, options, CLI_COUNT(options), &out->path, 1, &operand_count);
  if (status < 0 && operand_count == 0 && !out->peak && !out->layers) status = cli_usage(self, "no model given");
  if (status < 0 && out->inputs.count > 0 && !out->verify && !out->reference)
    status = cli_usage(self, "--input goes with --verify");
  if (status < 0 && operand_count == 1 && out->peak) status = cli_usage(self, "--peak takes no model");
  if (out->seconds < 0) out->seconds = out->layers ? 0.2 : 2;
  if (status < 0) status = cli_requantize(self, out->requantize_name, &out->requantize);
  return status >= 0 ? status : cli_precision(self, out->precision_name, &out->precision);
}

/* ---- inputs: seeded values in the range that models usually see ---- */

static uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static double random_value(ln_type type, uint32_t *state) {
  const uint32_t bits = next_random(state);
  switch (type) {
    case LN_FLOAT32:
    case LN_FLOAT64: return (double)bits / (1 << 23) - 1; /* [-1, 1) */
    case LN_BOOL: return bits & 1;
    case LN_INT8:
    case LN_UINT8:
    case LN_INT16: return bits % 100;
    default: return bits % 5; /* indices mostly */
  }
}

static bool fill_input(ln_session *session, int32_t index, ln_error *err) {
  const ln_tensor *tensor = ln_session_input(session, index);
  const ln_type type = ln_tensor_type(tensor);
  const size_t count = ln_tensor_elements(tensor);
  const size_t bytes = type == LN_STRING ? 4 * (count + 2) : ln_tensor_bytes(tensor);
  void *data = calloc(bytes + 1, 1);
  uint32_t state = 1 + (uint32_t)index;
  if (!data) return false;
  if (type == LN_STRING) { /* empty strings */
    ((int32_t *)data)[0] = (int32_t)count;
    for (size_t i = 0; i <= count; i++) ((int32_t *)data)[1 + i] = (int32_t)bytes;
  }
  for (size_t i = 0; i < count && ln_type_bits(type) >= 8; i++) {
    if (!cli_store_number(type, random_value(type, &state), data, i)) break; /* zeros for other types */
  }
  const bool good = ln_session_set_input(session, index, data, bytes, err) == LN_OK;
  free(data);
  return good;
}

ln_status bench_fill_inputs(ln_session *session, ln_error *err) {
  for (int32_t i = 0; i < ln_session_input_count(session); i++) {
    if (!fill_input(session, i, err)) return LN_ERR_DATA;
  }
  return LN_OK;
}

/* ---- timing ---- */

static int compare_times(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

typedef struct times {
  double *items;
  size_t count, capacity;
} times;

static bool push(times *list, double value) {
  if (list->count == list->capacity) {
    const size_t capacity = list->capacity ? 2 * list->capacity : 1024;
    double *grown = realloc(list->items, capacity * sizeof *grown);
    if (!grown) return false;
    list->items = grown;
    list->capacity = capacity;
  }
  list->items[list->count++] = value;
  return true;
}

enum { LEAST_RUNS = 5, MOST_RUNS = 10000000 };

static ln_status time_runs(ln_session *session, double seconds, bench_figures *out, ln_error *err) {
  times list = {0};
  ln_status status = LN_OK;
  const double end = cli_now_ms() + seconds * 1e3;
  while (status == LN_OK && list.count < MOST_RUNS && (list.count < LEAST_RUNS || cli_now_ms() < end)) {
    const double start = cli_now_ms();
    status = ln_session_run(session, err);
    if (status == LN_OK && !push(&list, cli_now_ms() - start)) status = LN_ERR_MEMORY;
  }
  if (status == LN_OK) {
    qsort(list.items, list.count, sizeof *list.items, compare_times);
    out->runs = (int32_t)list.count;
    out->min_ms = list.items[0];
    out->median_ms = list.items[list.count / 2];
    out->p95_ms = list.items[(size_t)((double)(list.count - 1) * 0.95)];
  }
  free(list.items);
  return status;
}

/* ---- the figures ---- */

static int print_json(const bench_options *options, const bench_figures *f, const ln_session *session) {
  json j;
  int status = CLI_OK;
  json_begin(&j, stdout);
  json_object(&j, NULL);
  json_real(&j, "load_ms", f->load_ms);
  json_real(&j, "first_ms", f->first_ms);
  json_real(&j, "median_ms", f->median_ms);
  json_real(&j, "min_ms", f->min_ms);
  json_real(&j, "p95_ms", f->p95_ms);
  json_int(&j, "runs", f->runs);
  json_int(&j, "threads", options->threads);
  json_int(&j, "peak_rss_kb", f->peak_rss_kb);
  json_int(&j, "bare_rss_kb", f->bare_rss_kb);
  json_int(&j, "arena_bytes", (int64_t)f->stats.arena_bytes);
  json_int(&j, "weight_bytes", (int64_t)f->stats.weight_bytes);
  if (options->per_op) status = bench_json_ops(&j, options, session, f->runs);
  json_end(&j, '}');
  return status;
}

static int print_text(const bench_options *options, const bench_figures *f, const ln_session *session) {
  char arena[32], weights[32], least[32];
  printf("%s  %d thread%s, kernels %s\n", cli_base_name(options->path), options->threads,
         options->threads == 1 ? "" : "s", ln_cpu_tier());
  printf("  load       %10.3f ms\n  first run  %10.3f ms\n", f->load_ms, f->first_ms);
  printf("  median     %10.3f ms  of %d runs", f->median_ms, f->runs);
  if (f->stats.macs > 0) printf(", %.2f GMAC/s", (double)f->stats.macs / f->median_ms / 1e6);
  printf("\n  least      %10.3f ms\n  95 %%       %10.3f ms\n", f->min_ms, f->p95_ms);
  printf("  memory     %10.2f MB at most: arena %s (at least %s), weights %s\n", (double)f->peak_rss_kb / 1e3,
         cli_bytes_text((double)f->stats.arena_bytes, arena, sizeof arena),
         cli_bytes_text((double)f->stats.arena_lower_bound, least, sizeof least),
         cli_bytes_text((double)f->stats.weight_bytes, weights, sizeof weights));
  return options->per_op ? bench_print_ops(options, session, f->runs) : CLI_OK;
}

/* The most memory that this process had resident. What getrusage says begins, on Linux, with what the process had that
 * started this one, which may be far more. */
static long peak_rss_kb(void) {
  long kb = 0;
  char line[256];
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status)) {
    if (sscanf(line, "VmHWM: %ld kB", &kb) == 1) break;
  }
  if (status) fclose(status);
  struct rusage usage;
  if (kb > 0 || getrusage(RUSAGE_SELF, &usage) != 0) return kb;
  return usage.ru_maxrss;
}

ln_session_options bench_settings(const bench_options *options) {
  ln_session_options settings = LN_SESSION_OPTIONS_INIT;
  settings.threads = options->threads;
  settings.signature = options->signature;
  settings.backend = options->backend;
  settings.precision = options->precision;
  settings.requantize = options->requantize;
  settings.tune = options->tune;
  settings.weight_cache = options->weight_cache;
  settings.profile = options->per_op;
  return settings;
}

/* Load, first run, then runs for as long as asked. */
static ln_status measure(const bench_options *options, ln_model **model, ln_session **session, bench_figures *f,
                         ln_error *err) {
  const ln_session_options settings = bench_settings(options);
  f->bare_rss_kb = peak_rss_kb();
  const double start = cli_now_ms();
  ln_status status = cli_open(options->path, err, model);
  if (status == LN_OK) status = ln_session_create(*model, &settings, err, session);
  if (status == LN_OK) status = ln_session_prepare(*session, err);
  f->load_ms = cli_now_ms() - start;
  if (status == LN_OK) status = bench_fill_inputs(*session, err);
  if (status != LN_OK) return status;
  const double first = cli_now_ms();
  status = ln_session_run(*session, err);
  f->first_ms = cli_now_ms() - first;
  f->peak_rss_kb = peak_rss_kb(); /* now: a run allocates nothing, but the list of times below grows */
  if (options->per_op) ln_session_profile_reset(*session);
  if (status == LN_OK) status = time_runs(*session, options->seconds, f, err);
  if (status == LN_OK) status = ln_session_get_stats(*session, &f->stats);
  return status;
}

static int bench_times(const bench_options *options) {
  int status = CLI_OK;
  bench_figures figures = {.stats = {.size = sizeof figures.stats}};
  ln_model *model = NULL;
  ln_session *session = NULL;
  ln_error err = {.message = "out of memory"};
  if (measure(options, &model, &session, &figures, &err) != LN_OK)
    status = cli_fail("%s: %s", options->path, err.message);
  else if (options->json) status = print_json(options, &figures, session);
  else status = print_text(options, &figures, session);
  ln_session_destroy(session);
  ln_model_destroy(model);
  return status;
}

static int bench(const cli_command *self, int argc, char **argv) {
  bench_options options;
  int status = parse(self, argc, argv, &options);
  if (status < 0 && options.peak) status = bench_print_peak(&options);
  else if (status < 0 && options.layers) status = bench_layers(self, &options);
  else if (status < 0 && options.reference) status = bench_print_reference(self, &options);
  else if (status < 0 && options.verify) status = bench_verify(self, &options, argc, argv);
  else if (status < 0) status = bench_times(&options);
  free(options.inputs.items);
  return status;
}

const cli_command cli_bench = {
    "bench", bench, "how fast a model loads and runs",
    "usage: linnet bench MODEL [--threads N] [--seconds S] [--per-op] [--signature NAME] [--backend NAME]\n"
    "                          [--precision f32|bf16|fp16] [--requantize exact|float] [--weight-cache PATH] [--tune]\n"
    "                          [--json]\n"
    "       linnet bench MODEL --verify [--input [NAME=]FILE]... [--threads N] [--precision P] [--requantize R] "
    "[--json]\n"
    "       linnet bench --peak [--threads N] [--json]\n"
    "       linnet bench --layers [NAME] [--threads N] [--seconds S] [--precision P] [--requantize R] [--json]\n\n"
    "Loads the model, runs it once, then again and again for S seconds (default 2, at least 5 runs) on seeded random\n"
    "inputs. --per-op also prints the time by operator and by kind of operator: its multiply-adds, 10^9 operations a\n"
    "second (two a multiply-add) and what share of this CPU's measured peak that is, bytes and 10^9 bytes a second.\n\n"
    "--verify says what a configuration costs: how far each output of one run of it is from that of the graph as the "
    "file\n"
    "has it, on one thread of generic kernels in float32, on the same random inputs or those given.\n\n"
    "--weight-cache PATH keeps the packed weights in a file, or in a folder, for later loads to map.\n"
    "--tune times the ways to compute an operator before the first run and keeps the fastest, in that file too.\n\n"
    "--peak, without a model, measures that peak: arithmetic, caches and memory.\n"
    "--layers times single layers made in memory - matrix products, convolutions and depthwise ones, in float32 and "
    "in\n"
    "int8 - for S seconds each (default 0.2), and says what share of that peak the fastest run of each is; with NAME "
    "only\n"
    "those whose name holds it, \"conv 3x3\". Multiply-adds are those of the plain form: Winograd's does with a "
    "quarter.\n"};
