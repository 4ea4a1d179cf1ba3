/* What the search tried, as a table and a plot of size against what is left of the model. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimize.h"

static ln_report_try try_at(const ln_optimize_report *report, int32_t index) {
  ln_report_try t = {.size = sizeof t};
  ln_optimize_report_try(report, index, &t);
  return t;
}

/* ---- the plot ---- */

enum { PLOT_COLUMNS = 56, PLOT_ROWS = 11 };

typedef struct plot {
  double left, right, low, high;
  char cells[PLOT_ROWS][PLOT_COLUMNS + 1];
} plot;

/* Percent of accuracy, or dB; what differs in nothing stands a little above the rest. */
static double height(const ln_report_try *t) {
  if (!isnan(t->accuracy)) return 100 * t->accuracy;
  return isinf(t->snr_db) ? NAN : t->snr_db;
}

static void widen(plot *p, const ln_report_try *t) {
  const double h = height(t), bytes = (double)t->bytes;
  p->left = fmin(p->left, bytes);
  p->right = fmax(p->right, bytes);
  if (isnan(h)) return;
  p->low = fmin(p->low, h);
  p->high = fmax(p->high, h);
}

static void mark(plot *p, const ln_report_try *t) {
  const double h = height(t), tall = p->high - p->low, wide = p->right - p->left;
  const double x = wide > 0 ? ((double)t->bytes - p->left) / wide : 0;
  const double y = isnan(h) || tall <= 0 ? 1 : (h - p->low) / tall;
  char *cell = &p->cells[(int)((1 - y) * (PLOT_ROWS - 1) + 0.5)][(int)(x * (PLOT_COLUMNS - 1) + 0.5)];
  if (t->chosen) *cell = '@';
  else if (t->front && *cell != '@') *cell = 'o';
  else if (*cell == ' ') *cell = '.';
}

static void print_plot(const ln_optimize_report *report, FILE *out) {
  plot p = {INFINITY, -INFINITY, INFINITY, -INFINITY, {{0}}};
  char left[32], right[32];
  const int32_t count = ln_optimize_report_tries(report);
  for (int r = 0; r < PLOT_ROWS; r++) memset(p.cells[r], ' ', PLOT_COLUMNS);
  for (int32_t i = 0; i < count; i++) {
    const ln_report_try t = try_at(report, i);
    widen(&p, &t);
  }
  if (!(p.high >= p.low)) return;
  for (int32_t i = 0; i < count; i++) {
    const ln_report_try t = try_at(report, i);
    mark(&p, &t);
  }
  const bool percent = !isnan(try_at(report, 0).accuracy);
  fprintf(out, "\n%s by size: @ chosen, o on the front, . tried\n", percent ? "accuracy, %" : "SNR of the outputs, dB");
  for (int r = 0; r < PLOT_ROWS; r++) {
    const double value = p.high - (p.high - p.low) * r / (PLOT_ROWS - 1);
    if (r % 5 == 0) fprintf(out, " %8.2f |%s\n", value, p.cells[r]);
    else fprintf(out, " %8s |%s\n", "", p.cells[r]);
  }
  cli_bytes_text(p.left, left, sizeof left);
  cli_bytes_text(p.right, right, sizeof right);
  fprintf(out, " %8s +%.*s\n", "", PLOT_COLUMNS, "--------------------------------------------------------");
  fprintf(out, " %8s  %s%*s\n", "", left, PLOT_COLUMNS - (int)strlen(left), right);
}

/* ---- the table ---- */

void optimize_print_tries(const ln_optimize_report *report, FILE *out) {
  const int32_t count = report ? ln_optimize_report_tries(report) : 0;
  if (count == 0) return;
  fprintf(out, "\n%10s %10s %10s %8s          formats (numbers of operators)\n", "bytes", "ms", "accuracy", "SNR");
  for (int32_t i = 0; i < count; i++) {
    const ln_report_try t = try_at(report, i);
    char accuracy[32] = "", snr[32] = "equal";
    if (!isnan(t.accuracy)) snprintf(accuracy, sizeof accuracy, "%.2f %%", 100 * t.accuracy);
    if (isfinite(t.snr_db)) snprintf(snr, sizeof snr, "%.1f dB", t.snr_db);
    char latency[24] = "";
    if (!isnan(t.latency_ms)) snprintf(latency, sizeof latency, "%.4f", t.latency_ms);
    fprintf(out, "%10lld %10s %10s %8s %s %s %s %s\n", (long long)t.bytes, latency, accuracy, snr,
            t.holds ? "good" : "    ", t.front ? "o" : " ", t.chosen ? "@" : " ", t.what);
  }
  print_plot(report, out);
}

void optimize_json_tries(json *j, const ln_optimize_report *report) {
  if (ln_optimize_report_tries(report) == 0) return;
  json_array(j, "tries");
  for (int32_t i = 0; i < ln_optimize_report_tries(report); i++) {
    const ln_report_try t = try_at(report, i);
    json_flat_object(j, NULL);
    json_string(j, "formats", t.what);
    json_int(j, "bytes", t.bytes);
    json_real(j, "latency_ms", t.latency_ms);
    json_real(j, "accuracy", t.accuracy);
    json_real(j, "snr_db", t.snr_db);
    json_bool(j, "holds", t.holds);
    json_bool(j, "front", t.front);
    json_bool(j, "chosen", t.chosen);
    json_end(j, '}');
  }
  json_end(j, ']');
}
