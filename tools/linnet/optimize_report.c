/* What optimizing did: a table of the model before and after each stage, of its layers, and both as JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "optimize.h"

/* A point of the report with what is counted here. */
typedef struct point {
  ln_report_point is;
  int64_t deflated; /* -1: not known */
} point;

/* Deflating the largest models takes long: of those only the first and last forms are. */
enum { DEFLATE_ALL = 8 << 20 };

static point point_at(const ln_optimize_report *report, int32_t index) {
  const int32_t last = ln_optimize_report_points(report) - 1;
  point p = {.is = {.size = sizeof p.is}, .deflated = -1};
  if (ln_optimize_report_point(report, index, &p.is) != LN_OK) return p;
  const bool wanted = index == 0 || index == last || p.is.bytes <= DEFLATE_ALL;
  if (wanted && p.is.file) p.deflated = ln_io_deflated_bytes(p.is.file, (size_t)p.is.bytes);
  return p;
}

/* ---- text ---- */

enum { COLUMNS = 8, CELL = 24 };

static const char *const headings[COLUMNS] = {"",        "bytes",    "deflated",  "arena",
                                              "latency", "accuracy", "max error", "SNR"};

void optimize_put_count(int64_t value, char *out) {
  char digits[24];
  if (value < 0) return;
  const int length = snprintf(digits, sizeof digits, "%lld", (long long)value);
  for (int i = 0; i < length; i++) {
    if (i > 0 && (length - i) % 3 == 0) *out++ = ',';
    *out++ = digits[i];
  }
  *out = 0;
}

static void put_real(const char *format, double value, char *out) {
  if (isinf(value)) snprintf(out, CELL, "exact");
  else if (!isnan(value)) snprintf(out, CELL, format, value);
}

/* Cells of a row; "" where nothing was measured. */
static void fill_row(const point *p, bool first, char cells[COLUMNS][CELL]) {
  memset(cells, 0, COLUMNS * sizeof cells[0]);
  snprintf(cells[0], CELL, "%s", p->is.stage);
  optimize_put_count(p->is.bytes, cells[1]);
  optimize_put_count(p->deflated, cells[2]);
  optimize_put_count(p->is.arena_bytes, cells[3]);
  put_real("%.3f ms", p->is.latency_ms, cells[4]);
  put_real("%.2f %%", 100 * p->is.accuracy, cells[5]);
  if (first) return;
  put_real("%.4g", p->is.max_error, cells[6]);
  put_real("%.1f dB", p->is.snr_db, cells[7]);
}

static void print_points(const ln_optimize_report *report) {
  const int32_t count = ln_optimize_report_points(report);
  char(*cells)[COLUMNS][CELL] = calloc((size_t)count + 1, sizeof *cells);
  int widths[COLUMNS] = {0};
  if (!cells) return;
  for (int32_t i = 0; i < count; i++) {
    const point p = point_at(report, i);
    fill_row(&p, i == 0, cells[i]);
    for (int c = 0; c < COLUMNS; c++) {
      const int length = (int)strlen(cells[i][c]);
      if (length > widths[c]) widths[c] = length;
    }
  }
  for (int32_t i = -1; i < count; i++) {
    int blanks = 0; /* not printed at a line's end */
    for (int c = 0; c < COLUMNS; c++) {
      if (widths[c] == 0) continue;
      const char *text = i < 0 ? headings[c] : cells[i][c];
      const int heading = (int)strlen(headings[c]), length = (int)strlen(text);
      const int width = widths[c] > heading ? widths[c] : heading, left = c > 0 ? 2 + width - length : 0;
      if (length > 0) printf("%*s%s", blanks + left, "", text);
      blanks = length > 0 ? 0 : blanks + left;
      if (c == 0) blanks += width - length;
    }
    putchar('\n');
  }
  free(cells);
}

enum { NAME = 30 };

/* Of names that the converter joins by ';' the first; names begin alike, of a long one its end is shown. */
static void print_name(const char *name) {
  const size_t length = strcspn(name, ";");
  const bool cut = length > NAME;
  char text[NAME + 1];
  snprintf(text, sizeof text, "%s%.*s", cut ? "..." : "", cut ? NAME - 3 : (int)length,
           cut ? name + length - NAME + 3 : name);
  cli_print_cell(stdout, text, NAME);
}

/* So many zeros are no chance, so few values a codebook. */
static const double many_zeros = 0.1;
enum { FEW_VALUES = 64 };

static void print_layers(const ln_optimize_report *report) {
  ln_report_layer row = {.size = sizeof row};
  const char *stage = "";
  for (int32_t i = 0; ln_optimize_report_layer(report, i, &row) == LN_OK; i++, row.size = sizeof row) {
    if (strcmp(stage, row.stage) != 0) printf("\n%s\n", row.stage);
    stage = row.stage;
    char index[16] = "new";
    if (row.index >= 0) snprintf(index, sizeof index, "%d", row.index);
    printf("  %4s %-18s ", index, row.operator_name);
    print_name(row.name);
    printf(" %9lld > %-9lld %s", (long long)row.bytes_before, (long long)row.bytes_after, row.what);
    if (row.sparsity > many_zeros) printf(", %.1f %% zeros", 100 * row.sparsity);
    if (row.clusters > 0 && row.clusters <= FEW_VALUES) printf(", %d values", row.clusters);
    if (!isnan(row.weight_error)) printf(", weight error %.3g", row.weight_error);
    if (isfinite(row.snr_db)) printf(", SNR %.1f dB", row.snr_db);
    putchar('\n');
  }
}

static void print_summary(const optimize_result *result) {
  const int32_t count = ln_optimize_report_points(result->report);
  if (count < 2) return;
  const point before = point_at(result->report, 0), after = point_at(result->report, count - 1);
  printf("\n%s: %.3f of the bytes", result->output, (double)after.is.bytes / (double)before.is.bytes);
  if (after.deflated > 0 && before.deflated > 0) {
    printf(" (%.3f deflated)", (double)after.deflated / (double)before.deflated);
  }
  if (after.is.latency_ms > 0) printf(", %.2f times as fast", before.is.latency_ms / after.is.latency_ms);
  if (!isnan(after.is.accuracy)) printf(", accuracy %+.2f points", 100 * (after.is.accuracy - before.is.accuracy));
  putchar('\n');
}

void optimize_report_text(const optimize_result *result, bool verbose) {
  print_points(result->report);
  if (verbose) print_layers(result->report);
  optimize_print_tries(result->report, stdout);
  print_summary(result);
  for (int32_t i = 0; ln_optimize_report_note(result->report, i); i++) {
    printf("note: %s\n", ln_optimize_report_note(result->report, i));
  }
  for (size_t d = 0; d < CLI_COUNT(result->data); d++) {
    const char *note = ln_data_note(result->data[d], 0);
    if (note && (d == 0 || note != ln_data_note(result->data[0], 0))) printf("note: %s\n", note);
  }
}

/* ---- JSON ---- */

static void put_int(json *j, const char *key, int64_t value) {
  if (value < 0) json_real(j, key, NAN);
  else json_int(j, key, value);
}

static void put_point(json *j, const char *key, const point *p) {
  json_object(j, key);
  json_string(j, "stage", p->is.stage);
  json_int(j, "bytes", p->is.bytes);
  put_int(j, "deflated_bytes", p->deflated);
  put_int(j, "arena_bytes", p->is.arena_bytes);
  json_real(j, "latency_ms", p->is.latency_ms);
  json_real(j, "accuracy", p->is.accuracy);
  json_real(j, "max_error", p->is.max_error);
  json_real(j, "snr_db", p->is.snr_db);
  json_end(j, '}');
}

static void put_layer(json *j, const ln_report_layer *row) {
  json_object(j, NULL);
  json_string(j, "stage", row->stage);
  json_string(j, "operator", row->operator_name);
  put_int(j, "index", row->index);
  json_string(j, "name", row->name);
  json_string(j, "what", row->what);
  json_int(j, "bytes_before", row->bytes_before);
  json_int(j, "bytes_after", row->bytes_after);
  json_real(j, "sparsity", row->sparsity);
  json_int(j, "clusters", row->clusters);
  json_real(j, "weight_error", row->weight_error);
  json_real(j, "snr_db", row->snr_db);
  json_end(j, '}');
}

void optimize_report_json(const optimize_result *result) {
  const ln_optimize_report *report = result->report;
  const int32_t count = ln_optimize_report_points(report);
  ln_report_layer row = {.size = sizeof row};
  json j;
  json_begin(&j, stdout);
  json_object(&j, NULL);
  json_string(&j, "model", result->model);
  json_string(&j, "output", result->output);
  if (count > 0) {
    const point before = point_at(report, 0), after = point_at(report, count - 1);
    put_point(&j, "before", &before);
    put_point(&j, "after", &after);
  }
  json_array(&j, "stages");
  for (int32_t i = 1; i < count; i++) {
    const point p = point_at(report, i);
    put_point(&j, NULL, &p);
  }
  json_end(&j, ']');
  json_array(&j, "layers");
  for (int32_t i = 0; ln_optimize_report_layer(report, i, &row) == LN_OK; i++, row.size = sizeof row) {
    put_layer(&j, &row);
  }
  json_end(&j, ']');
  optimize_json_tries(&j, report);
  json_array(&j, "notes");
  for (int32_t i = 0; ln_optimize_report_note(report, i); i++)
    json_string(&j, NULL, ln_optimize_report_note(report, i));
  for (size_t d = 0; d < CLI_COUNT(result->data); d++) {
    const char *note = ln_data_note(result->data[d], 0);
    if (note && (d == 0 || note != ln_data_note(result->data[0], 0))) json_string(&j, NULL, note);
  }
  json_end(&j, ']');
  json_end(&j, '}');
}
