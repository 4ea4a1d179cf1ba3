/* Makes each method's model and measures all of them on the same samples; times are taken in turns, so that what else
 * the machine does meets all alike. */
#define _POSIX_C_SOURCE 200809L
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"

/* ---- progress ---- */

typedef struct telling {
  const compare *c;
  int32_t row;
} telling;

static bool tell(void *user, const char *what, int64_t done, int64_t total) {
  const telling *t = user;
  char text[120];
  const int64_t unit = total / INT_MAX + 1;
  snprintf(text, sizeof text, "%d of %d, %s: %s", t->row + 1, t->c->count, t->c->rows[t->row].method, what);
  cli_progress(text, (int)(done / unit), (int)(total / unit));
  return true;
}

/* ---- models ---- */

static void fail_row(compare_row *row, const char *reason) {
  if (!row->reason) row->reason = strdup(reason);
}

static void keep_note(compare_row *row, const ln_optimize_report *report) {
  const char *note = report ? ln_optimize_report_note(report, 0) : NULL;
  if (note) row->note = strdup(note);
}

/* The recipe's model, and what its file takes. */
static void make_model(compare *c, int32_t index) {
  compare_row *row = &c->rows[index];
  telling t = {c, index};
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  ln_optimize_report *report = NULL;
  ln_report_point point = {.size = sizeof point};
  ln_error err = {0};
  options.calibration = c->calibrate;
  options.evaluation = NULL;
  options.threads = c->threads;
  options.measure = false;
  options.progress = tell;
  options.user = &t;
  const ln_status status = ln_optimize(c->model->model, row->recipe, &options, &err, &row->model, &report);
  if (status == LN_OK) {
    ln_optimize_report_point(report, ln_optimize_report_points(report) - 1, &point);
    row->bytes = point.bytes;
    row->deflated = ln_io_deflated_bytes(point.file, (size_t)point.bytes);
    keep_note(row, report);
  } else {
    fail_row(row, err.message);
  }
  ln_optimize_report_destroy(report);
}

static void read_original(compare *c) {
  compare_row *row = &c->rows[0];
  size_t size = 0;
  const void *data = ln_model_file(c->model->model, &size);
  row->bytes = c->model_bytes = (int64_t)size;
  row->deflated = ln_io_deflated_bytes(data, size);
  cli_sha256(data, size, c->sha256);
}

static ln_model *model_of(const compare *c, int32_t index) {
  return index == 0 ? c->model->model : c->rows[index].model;
}

/* ---- accuracy ---- */

static void measure_accuracy(compare *c, int32_t index) {
  compare_row *row = &c->rows[index];
  telling t = {c, index};
  ln_error err = {0};
  ln_accuracy found = {.size = sizeof found};
  if (ln_evaluate(model_of(c, index), c->labelled, c->threads, tell, &t, &err, &found) == LN_OK) {
    row->accuracy = found.accuracy;
    c->samples = found.samples;
  } else {
    fail_row(row, err.message);
  }
}

/* ---- outputs' errors ---- */

typedef struct gap {
  double most, error, power;
} gap;

static void add_gap(gap *sums, const double *a, const double *b, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const double d = fabs(a[i] - b[i]);
    if (!(d <= sums->most)) sums->most = d; /* a NaN stays */
    sums->error += d * d;
    sums->power += a[i] * a[i];
  }
}

static ln_status run_sample(const ln_samples *samples, int64_t index, ln_session *session, ln_error *err) {
  const ln_status status = samples->fill(samples->user, index, session, err);
  return status == LN_OK ? ln_session_run(session, err) : status;
}

static ln_status compare_sample(const compare *c, int64_t index, ln_session *a, ln_session *b, gap *sums,
                                ln_error *err) {
  ln_status status = run_sample(c->labelled->samples, index, a, err);
  if (status == LN_OK) status = run_sample(c->labelled->samples, index, b, err);
  for (int32_t i = 0; status == LN_OK && i < ln_session_output_count(a) && i < ln_session_output_count(b); i++) {
    const ln_tensor *x = ln_session_output(a, i), *y = ln_session_output(b, i);
    double *p = cli_values(x), *q = cli_values(y);
    if (p && q && ln_tensor_elements(x) == ln_tensor_elements(y)) add_gap(sums, p, q, ln_tensor_elements(x));
    free(p);
    free(q);
  }
  return status;
}

static void measure_errors(compare *c, int32_t index, ln_session *original, ln_session *session) {
  compare_row *row = &c->rows[index];
  const int64_t all = c->labelled->samples->count;
  const int64_t count = all < c->error_samples ? all : c->error_samples;
  gap sums = {0};
  ln_error err = {0};
  for (int64_t i = 0; i < count; i++) {
    if (compare_sample(c, all / count * i, original, session, &sums, &err) == LN_OK) continue;
    fail_row(row, err.message);
    return;
  }
  row->max_error = sums.most;
  row->snr_db = sums.error > 0 ? 10 * log10(sums.power / sums.error) : INFINITY;
}

/* ---- times ---- */

/* Milliseconds of a run, of as many as take about 2 ms; NaN when one fails. */
static double time_runs(ln_session *session) {
  enum { MOST = 200 };
  const double begin = cli_now_ms();
  double now = begin;
  int runs = 0;
  while (runs < MOST && now - begin < 2) {
    if (ln_session_run(session, NULL) != LN_OK) return (double)NAN;
    now = cli_now_ms();
    runs++;
  }
  return (now - begin) / runs;
}

/* The least of each row: what else the machine does only adds to times. */
static void take_times(compare *c, const double *times, int32_t rounds) {
  for (int32_t r = 0; r < c->count; r++) {
    for (int32_t i = 0; i < rounds; i++) {
      const double took = times[i * c->count + r];
      if (!(c->rows[r].latency_ms <= took) && !isnan(took)) c->rows[r].latency_ms = took;
    }
    c->rows[r].ratio = c->rows[r].latency_ms / c->rows[0].latency_ms;
  }
}

static void measure_times(compare *c, ln_session **sessions) {
  enum { ENOUGH_MS = 20000, LEAST = 5 };
  double *times = calloc((size_t)c->rounds * (size_t)c->count, sizeof *times);
  const double begin = cli_now_ms();
  int32_t done = 0;
  cli_progress("measuring times", 0, c->rounds);
  for (; times && done < c->rounds && (done < LEAST || cli_now_ms() - begin < ENOUGH_MS); done++) {
    for (int32_t r = 0; r < c->count; r++)
      times[done * c->count + r] = sessions[r] ? time_runs(sessions[r]) : (double)NAN;
    cli_progress("measuring times", done + 1, c->rounds);
  }
  cli_progress("measuring times", c->rounds, c->rounds);
  if (times) take_times(c, times, done);
  c->rounds = done;
  free(times);
}

/* ---- all of it ---- */

static ln_session *open_session(compare *c, int32_t index) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session_stats stats = {.size = sizeof stats};
  ln_session *session = NULL;
  ln_error err = {0};
  options.threads = c->threads;
  if (ln_session_create(model_of(c, index), &options, &err, &session) != LN_OK) {
    fail_row(&c->rows[index], err.message);
    return NULL;
  }
  if (ln_session_get_stats(session, &stats) == LN_OK) c->rows[index].arena = (int64_t)stats.arena_bytes;
  return session;
}

static void mark_fronts(compare *c) {
  for (int32_t i = 0; i < c->count; i++) {
    compare_row *row = &c->rows[i];
    row->on_size_front = row->on_latency_front = !row->reason && !isnan(row->accuracy);
    for (int32_t k = 0; k < c->count; k++) {
      const compare_row *other = &c->rows[k];
      if (k == i || other->reason || !(other->accuracy >= row->accuracy)) continue;
      const bool better = other->accuracy > row->accuracy;
      if (other->bytes < row->bytes || (better && other->bytes == row->bytes)) row->on_size_front = false;
      if (other->ratio < row->ratio || (better && other->ratio == row->ratio)) row->on_latency_front = false;
    }
  }
}

int compare_run(compare *c) {
  ln_session **sessions = calloc((size_t)c->count, sizeof *sessions);
  if (!sessions) return cli_fail("out of memory");
  int status = CLI_OK;
  read_original(c);
  if (!(sessions[0] = open_session(c, 0))) status = cli_fail("%s: %s", c->model->path, c->rows[0].reason);
  for (int32_t i = 0; status == CLI_OK && i < c->count; i++) {
    if (i > 0) make_model(c, i);
    if (!c->rows[i].reason) measure_accuracy(c, i);
    if (c->rows[i].reason && i == 0) status = cli_fail("%s: %s", c->model->path, c->rows[0].reason);
    if (i > 0 && !c->rows[i].reason) sessions[i] = open_session(c, i);
    if (i > 0 && sessions[i]) measure_errors(c, i, sessions[0], sessions[i]);
    if (i > 0 && c->rows[i].reason && sessions[i]) {
      ln_session_destroy(sessions[i]);
      sessions[i] = NULL;
    }
  }
  if (status == CLI_OK) {
    measure_times(c, sessions);
    mark_fronts(c);
  }
  for (int32_t i = 0; i < c->count; i++) ln_session_destroy(sessions[i]);
  free(sessions);
  return status;
}
