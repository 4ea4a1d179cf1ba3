/*
 * linnet bench --verify: what a configuration costs in accuracy. One run of it beside one of the graph as the file has
 * it
 * - no passes, one thread, generic kernels, float32 - on the same inputs. The tier of kernels is a process's own, so
 * that the other run is made by a second process of this tool, which hands its outputs through a pipe.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "inputs.h"
#include "report.h"

typedef struct outcome {
  cli_model model;
  ln_session *session;
  cli_inputs inputs;
  cli_results results; /* real values of every output */
} outcome;

static void drop(outcome *o) {
  cli_results_free(&o->results);
  cli_inputs_free(&o->inputs);
  ln_session_destroy(o->session);
  cli_model_close(&o->model);
}

static int run_model(const cli_command *self, const bench_options *options, bool plain, outcome *o) {
  const bench_options exact = {.signature = options->signature, .threads = 1};
  ln_session_options settings = bench_settings(plain ? &exact : options);
  const cli_pixels pixels = {0};
  ln_error err = {.message = "out of memory"};
  settings.keep_all_tensors = plain;
  int status = cli_model_open(options->path, options->signature, &o->model);
  if (status != CLI_OK) return status;
  if (ln_session_create(o->model.model, &settings, &err, &o->session) != LN_OK)
    return cli_fail("%s: %s", options->path, err.message);
  if (options->inputs.count > 0) {
    status = cli_inputs_load(self, &o->model, o->session, &options->inputs, &pixels, &o->inputs);
    if (status == CLI_OK) status = cli_inputs_feed(&o->inputs, &o->model, o->session, 0);
    if (status != CLI_OK) return status;
  } else if (ln_session_prepare(o->session, &err) != LN_OK || bench_fill_inputs(o->session, &err) != LN_OK) {
    return cli_fail("%s: %s", options->path, err.message);
  }
  if (ln_session_run(o->session, &err) != LN_OK) return cli_fail("%s: %s", options->path, err.message);
  return cli_results_add(&o->results, o->session) ? CLI_OK : cli_fail("out of memory");
}

/* ---- the other process ---- */

/* Counts and values of every output, as they lie in memory; an output without numbers counts none. */
int bench_print_reference(const cli_command *self, const bench_options *options) {
  outcome plain = {0};
  const int status = run_model(self, options, true, &plain);
  for (int32_t i = 0; status == CLI_OK && i < plain.results.outputs; i++) {
    const size_t count = plain.results.values[i] ? plain.results.counts[i] : 0;
    fwrite(&count, sizeof count, 1, stdout);
    if (count > 0) fwrite(plain.results.values[i], sizeof(double), count, stdout);
  }
  drop(&plain);
  return status;
}

/* Starts it with the same words and one more; returns what it prints, or NULL. */
static FILE *start_reference(int argc, char **argv, pid_t *child) {
  int ends[2];
  char **words = calloc((size_t)argc + 3, sizeof *words);
  if (!words || pipe(ends) != 0) {
    free(words);
    return NULL;
  }
  words[0] = (char *)"linnet";
  for (int i = 0; i < argc; i++) words[i + 1] = argv[i];
  words[argc + 1] = (char *)"--reference";
  *child = fork();
  if (*child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    setenv("LINNET_CPU", "generic", 1);
    execv("/proc/self/exe", words);
    _exit(127);
  }
  free(words);
  close(ends[1]);
  if (*child > 0) return fdopen(ends[0], "rb");
  close(ends[0]);
  return NULL;
}

/* Its outputs, of the same counts as `like` has; false when it failed. */
static bool read_reference(int argc, char **argv, const cli_results *like, double **values) {
  pid_t child = -1;
  FILE *from = start_reference(argc, argv, &child);
  bool good = from != NULL;
  for (int32_t i = 0; good && i < like->outputs; i++) {
    size_t count = 0;
    good = fread(&count, sizeof count, 1, from) == 1 && count == (like->values[i] ? like->counts[i] : 0);
    if (!good || count == 0) continue;
    values[i] = malloc(count * sizeof(double));
    good = values[i] && fread(values[i], sizeof(double), count, from) == count;
  }
  if (from) fclose(from);
  int status = 1;
  if (child > 0) waitpid(child, &status, 0);
  return good && status == 0;
}

/* ---- how far they are apart ---- */

typedef struct difference {
  size_t count, unequal;
  double max_abs, mean_abs, relative, snr_db, cosine;
  size_t rows, agree; /* of the last dimension, and those whose greatest value stands at the same place */
} difference;

static size_t greatest(const double *row, size_t length) {
  size_t at = 0;
  for (size_t i = 1; i < length; i++) {
    if (row[i] > row[at]) at = i;
  }
  return at;
}

static difference compare(const double *got, const double *want, size_t count, size_t classes) {
  difference d = {.count = count};
  double error = 0, power = 0, other = 0, both = 0;
  for (size_t i = 0; i < count; i++) {
    if (got[i] == want[i] || (isnan(got[i]) && isnan(want[i]))) {
      if (!isfinite(want[i])) continue;
    } else {
      d.unequal++;
    }
    const double gap = got[i] == want[i] ? 0 : fabs(got[i] - want[i]);
    if (!(gap <= d.max_abs)) d.max_abs = gap; /* a NaN stays */
    d.mean_abs += gap / (double)count;
    error += gap * gap;
    power += want[i] * want[i];
    other += got[i] * got[i];
    both += got[i] * want[i];
  }
  d.relative = power > 0 ? sqrt(error / power) : error > 0 ? INFINITY : 0;
  d.snr_db = error > 0 ? 10 * log10(power / error) : INFINITY;
  d.cosine = power > 0 && other > 0 ? both / sqrt(power * other) : power == other ? 1 : 0;
  d.rows = classes > 1 ? count / classes : 0;
  for (size_t r = 0; r < d.rows; r++) {
    d.agree += greatest(got + r * classes, classes) == greatest(want + r * classes, classes);
  }
  return d;
}

static size_t last_dimension(const ln_tensor *tensor) {
  const int32_t rank = ln_tensor_rank(tensor);
  return rank > 0 ? (size_t)ln_tensor_dim(tensor, rank - 1) : 1;
}

static const char *precision_name(ln_precision precision) {
  return precision == LN_PRECISION_BFLOAT16 ? "bf16" : precision == LN_PRECISION_FLOAT16 ? "fp16" : "f32";
}

static const char *requantize_name(ln_requantize requantize) {
  return requantize == LN_REQUANTIZE_FLOAT ? "float" : "exact";
}

static void print_head(const bench_options *options) {
  printf("%s  %d thread%s, kernels %s, precision %s, requantized %s; beside the plain graph on generic kernels\n",
         cli_base_name(options->path), options->threads, options->threads == 1 ? "" : "s", ln_cpu_tier(),
         precision_name(options->precision), requantize_name(options->requantize));
  printf("%11s %11s %11s %9s %10s %11s  output\n", "max abs", "mean abs", "relative", "SNR, dB", "cosine", "top-1");
}

static void print_line(const char *name, const difference *d) {
  char top[32] = "", snr[16] = "";
  if (d->rows == 1) snprintf(top, sizeof top, "%s", d->agree ? "same" : "differs");
  if (d->rows > 1) snprintf(top, sizeof top, "%.3f %%", 100 * (double)d->agree / (double)d->rows);
  if (isfinite(d->snr_db)) snprintf(snr, sizeof snr, "%.1f", d->snr_db);
  printf("%11.4g %11.4g %11.4g %9s %10.7f %11s  %s%s\n", d->max_abs, d->mean_abs, d->relative, snr, d->cosine, top,
         name, d->unequal == 0 ? " (equal)" : "");
}

static void json_line(json *j, const char *name, const difference *d) {
  json_flat_object(j, NULL);
  json_string(j, "name", name);
  json_int(j, "elements", (int64_t)d->count);
  json_int(j, "unequal", (int64_t)d->unequal);
  json_real(j, "max_abs", d->max_abs);
  json_real(j, "mean_abs", d->mean_abs);
  json_real(j, "relative", d->relative);
  json_real(j, "snr_db", d->snr_db);
  json_real(j, "cosine", d->cosine);
  json_int(j, "rows", (int64_t)d->rows);
  json_int(j, "top1_agree", (int64_t)d->agree);
  json_end(j, '}');
}

static void print_all(const bench_options *options, outcome *o, double *const *values) {
  json j;
  json_begin(&j, stdout);
  if (options->json) {
    json_object(&j, NULL);
    json_int(&j, "threads", options->threads);
    json_string(&j, "tier", ln_cpu_tier());
    json_string(&j, "precision", precision_name(options->precision));
    json_string(&j, "requantize", requantize_name(options->requantize));
    json_array(&j, "verify");
  } else {
    print_head(options);
  }
  for (int32_t i = 0; i < o->results.outputs; i++) {
    const char *name = ln_session_output_name(o->session, i);
    const size_t count = values[i] ? o->results.counts[i] : 0;
    const difference d =
        compare(o->results.values[i], values[i], count, last_dimension(ln_session_output(o->session, i)));
    if (options->json) json_line(&j, name, &d);
    else if (values[i]) print_line(name, &d);
    else printf("%67s  %s (no numbers)\n", "", name);
  }
  if (!options->json) return;
  json_end(&j, ']');
  json_end(&j, '}');
}

int bench_verify(const cli_command *self, const bench_options *options, int argc, char **argv) {
  outcome o = {0};
  int status = run_model(self, options, false, &o);
  double **values = status == CLI_OK ? calloc((size_t)o.results.outputs + 1, sizeof *values) : NULL;
  if (status == CLI_OK && !values) status = cli_fail("out of memory");
  if (status == CLI_OK && !read_reference(argc, argv, &o.results, values))
    status = cli_fail("%s: the run to compare with failed", options->path);
  if (status == CLI_OK) print_all(options, &o, values);
  for (int32_t i = 0; values && i < o.results.outputs; i++) free(values[i]);
  free(values);
  drop(&o);
  return status;
}
