/* What a comparison found: a table with a plot in characters, or one JSON object that can be published. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "compare.h"
#include "json.h"
#include "optimize.h"

/* ---- text ---- */

enum { COLUMNS = 9, CELL = 32 };

static const char *const headings[COLUMNS] = {"bytes",         "share",    "deflated",  "arena", "latency",
                                              "of original's", "accuracy", "max error", "SNR"};

static void put(char *cell, const char *format, double value) {
  if (isinf(value)) snprintf(cell, CELL, "exact");
  else if (!isnan(value)) snprintf(cell, CELL, format, value);
}

static void fill_cells(const compare *c, const compare_row *row, char cells[COLUMNS][CELL]) {
  memset(cells, 0, COLUMNS * sizeof cells[0]);
  optimize_put_count(row->bytes, cells[0]);
  if (row->bytes >= 0 && c->model_bytes > 0) put(cells[1], "%.3f", (double)row->bytes / (double)c->model_bytes);
  optimize_put_count(row->deflated, cells[2]);
  optimize_put_count(row->arena, cells[3]);
  put(cells[4], "%.3f ms", row->latency_ms);
  put(cells[5], "%.2f", row->ratio);
  put(cells[6], "%.2f %%", 100 * row->accuracy);
  if (row == c->rows) return;
  put(cells[7], "%.4g", row->max_error);
  put(cells[8], "%.1f dB", row->snr_db);
}

static char letter(int32_t row) { return (char)(row < 26 ? 'a' + row : row < 52 ? 'A' + row - 26 : '?'); }

static const char *front(const compare_row *row) {
  if (row->on_size_front) return row->on_latency_front ? "size, speed" : "size";
  return row->on_latency_front ? "speed" : "";
}

static void print_table(const compare *c) {
  char cells[COLUMNS][CELL];
  int widths[COLUMNS], name = 6;
  for (int i = 0; i < COLUMNS; i++) widths[i] = (int)strlen(headings[i]);
  for (int32_t r = 0; r < c->count; r++) {
    fill_cells(c, &c->rows[r], cells);
    for (int i = 0; i < COLUMNS; i++)
      if ((int)strlen(cells[i]) > widths[i]) widths[i] = (int)strlen(cells[i]);
    if ((int)strlen(c->rows[r].method) > name) name = (int)strlen(c->rows[r].method);
  }
  if (name > 48) name = 48;
  printf("  %-*s", name, "method");
  for (int i = 0; i < COLUMNS; i++) printf("  %*s", widths[i], headings[i]);
  printf("  best of its\n");
  for (int32_t r = 0; r < c->count; r++) {
    const compare_row *row = &c->rows[r];
    printf("%c ", letter(r));
    cli_print_cell(stdout, row->method, name);
    if (row->reason) {
      printf("  %s\n", row->reason);
      continue;
    }
    fill_cells(c, row, cells);
    for (int i = 0; i < COLUMNS; i++) printf("  %*s", widths[i], cells[i]);
    printf("%s%s\n", front(row)[0] ? "  " : "", front(row));
  }
}

enum { PLOT_WIDTH = 60, PLOT_HEIGHT = 14 };

/* What the axes span: bytes by their logarithm, and accuracies down to ten points below the best. */
typedef struct span {
  double left, right, bottom, top;
} span;

static bool find_span(const compare *c, span *out) {
  *out = (span){INFINITY, -INFINITY, INFINITY, -INFINITY};
  for (int32_t r = 0; r < c->count; r++) {
    const compare_row *row = &c->rows[r];
    if (row->reason || isnan(row->accuracy)) continue;
    const double x = log((double)row->bytes);
    out->left = fmin(out->left, x);
    out->right = fmax(out->right, x);
    out->bottom = fmin(out->bottom, row->accuracy);
    out->top = fmax(out->top, row->accuracy);
  }
  out->bottom = fmax(out->bottom, out->top - 0.1);
  return out->right > out->left;
}

static void print_plot(const compare *c) {
  char plot[PLOT_HEIGHT][PLOT_WIDTH + 1];
  span s;
  if (!find_span(c, &s)) return;
  const double height = s.top > s.bottom ? s.top - s.bottom : 1;
  for (int y = 0; y < PLOT_HEIGHT; y++) {
    memset(plot[y], ' ', PLOT_WIDTH);
    plot[y][PLOT_WIDTH] = 0;
  }
  for (int pass = 0; pass < 2; pass++) { /* those of the front last, so that they are seen */
    for (int32_t r = c->count - 1; r >= 0; r--) {
      const compare_row *row = &c->rows[r];
      if (row->reason || isnan(row->accuracy) || row->on_size_front != (pass == 1)) continue;
      const double up = fmax(row->accuracy - s.bottom, 0) / height;
      const int x = (int)((log((double)row->bytes) - s.left) / (s.right - s.left) * (PLOT_WIDTH - 1) + 0.5);
      plot[PLOT_HEIGHT - 1 - (int)(up * (PLOT_HEIGHT - 1) + 0.5)][x] = letter(r);
    }
  }
  printf("\naccuracy by bytes of the file (their logarithm; what lies lower is at the bottom)\n");
  for (int y = 0; y < PLOT_HEIGHT; y++) {
    char label[16] = "";
    if (y == 0 || y == PLOT_HEIGHT - 1) snprintf(label, sizeof label, "%.2f %%", 100 * (y == 0 ? s.top : s.bottom));
    printf("%9s |%s\n", label, plot[y]);
  }
  char left[24], right[24];
  cli_bytes_text(exp(s.left), left, sizeof left);
  cli_bytes_text(exp(s.right), right, sizeof right);
  printf("%9s +", "");
  for (int x = 0; x < PLOT_WIDTH; x++) putchar('-');
  printf("\n%10s%s%*s\n", "", left, PLOT_WIDTH + 1 - (int)strlen(left), right);
}

void compare_print_text(const compare *c) {
  print_table(c);
  print_plot(c);
  printf("\n%lld samples of %s; %d thread%s, times in turns, the least of %d rounds", (long long)c->samples, c->data,
         c->threads, c->threads == 1 ? "" : "s", c->rounds);
  if (c->html) printf("; plots in %s", c->html);
  putchar('\n');
}

/* ---- JSON ---- */

/* The CPU's name where the system tells it, else its kind. */
static void cpu_name(char *out, size_t size) {
  char line[256];
  struct utsname system;
  FILE *file = fopen("/proc/cpuinfo", "r");
  snprintf(out, size, "%s", uname(&system) == 0 ? system.machine : "unknown");
  while (file && fgets(line, sizeof line, file)) {
    char *colon = strchr(line, ':');
    if (!colon || strncmp(line, "model name", 10) != 0) continue;
    line[strcspn(line, "\n")] = 0;
    snprintf(out, size, "%s", colon + 1 + strspn(colon + 1, " "));
    break;
  }
  if (file) fclose(file);
}

static void put_machine(json *j) {
  char cpu[256];
  struct utsname system;
  cpu_name(cpu, sizeof cpu);
  json_object(j, "machine");
  json_string(j, "cpu", cpu);
  json_string(j, "kernels", ln_cpu_tier());
  if (uname(&system) == 0) {
    json_string(j, "system", system.sysname);
    json_string(j, "architecture", system.machine);
  }
  json_end(j, '}');
}

static void put_settings(const compare *c, json *j) {
  json_object(j, "settings");
  json_string(j, "data", cli_base_name(c->data));
  json_int(j, "samples", c->samples);
  json_string(j, "calibration", cli_base_name(c->calibration ? c->calibration : c->data));
  json_int(j, "calibration_samples", c->calibrate ? c->calibrate->count : 0);
  json_int(j, "threads", c->threads);
  json_int(j, "rounds", c->rounds);
  json_end(j, '}');
}

static void put_number(json *j, const char *key, int64_t value) {
  if (value >= 0) json_int(j, key, value);
  else json_real(j, key, (double)NAN);
}

static void put_row(json *j, const compare_row *row) {
  json_object(j, NULL);
  json_string(j, "method", row->method);
  if (row->source) json_string(j, "recipe", row->source);
  if (row->reason) {
    json_string(j, "failed", row->reason);
    json_end(j, '}');
    return;
  }
  put_number(j, "bytes", row->bytes);
  put_number(j, "deflated_bytes", row->deflated);
  put_number(j, "arena_bytes", row->arena);
  json_real(j, "latency_ms", row->latency_ms);
  json_real(j, "latency_ratio", row->ratio);
  json_real(j, "accuracy", row->accuracy);
  json_real(j, "max_error", row->max_error);
  json_real(j, "snr_db", row->snr_db);
  json_bool(j, "size_front", row->on_size_front);
  json_bool(j, "latency_front", row->on_latency_front);
  if (row->note) json_string(j, "note", row->note);
  json_end(j, '}');
}

void compare_print_json(const compare *c, FILE *out) {
  json j;
  json_begin(&j, out);
  json_object(&j, NULL);
  json_object(&j, "model");
  json_string(&j, "name", cli_base_name(c->model->path));
  json_int(&j, "bytes", c->model_bytes);
  json_string(&j, "sha256", c->sha256);
  json_end(&j, '}');
  json_string(&j, "linnet", ln_version());
  put_machine(&j);
  put_settings(c, &j);
  json_array(&j, "results");
  for (int32_t r = 0; r < c->count; r++) put_row(&j, &c->rows[r]);
  json_end(&j, ']');
  json_end(&j, '}');
}
