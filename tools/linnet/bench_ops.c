/* linnet bench --per-op: each step's time, and how near its arithmetic and its bytes come to what the CPU can do. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

typedef struct row {
  const char *name, *tensor, *kernel;
  double ms; /* of one run */
  int64_t calls, macs;
  int64_t input_bytes, weight_bytes, output_bytes, scratch_bytes;
  ln_type input_type;
  const char *type; /* that products are made in; NULL: no peak was measured of it */
  double peak;      /* 10^9 operations a second of that type; 0 unknown */
} row;

static int compare_rows(const void *a, const void *b) {
  const double x = ((const row *)a)->ms, y = ((const row *)b)->ms;
  return (x < y) - (x > y);
}

const char *bench_product_type(const ln_profile_entry *entry, const bench_peak *peak, double *rate) {
  const ln_type input = entry->input_type, weights = entry->weight_type;
  const bool floats = input == LN_FLOAT32 && (weights == LN_FLOAT32 || weights == LN_FLOAT16 || weights == LN_BFLOAT16);
  *rate = 0;
  if (entry->macs <= 0) return NULL;
  if (entry->kernel && strstr(entry->kernel, "bf16")) {
    *rate = peak->bf16;
    return "bfloat16";
  }
  if (entry->kernel ? strstr(entry->kernel, "f32") || strstr(entry->kernel, "_f16") : floats) {
    *rate = peak->f32;
    return "float32";
  }
  if (input == LN_INT16 || ln_type_bits(weights) > 8 || weights == LN_STRING) return NULL;
  *rate = peak->i8;
  return "int8";
}

/* The profile, sorted by time; NULL when memory is short. */
static row *read_profile(const ln_session *session, int32_t runs, const bench_peak *peak, int32_t *count,
                         double *total) {
  *count = ln_session_profile_count(session);
  *total = 0;
  row *rows = calloc((size_t)*count + 1, sizeof *rows);
  for (int32_t i = 0; rows && i < *count; i++) {
    ln_profile_entry entry = {.size = sizeof entry};
    if (ln_session_profile(session, i, &entry) != LN_OK) continue;
    rows[i] = (row){.name = entry.operator_name,
                    .tensor = entry.tensor_name,
                    .kernel = entry.kernel,
                    .ms = (double)entry.nanoseconds / 1e6 / runs,
                    .calls = entry.calls,
                    .macs = entry.macs,
                    .input_type = entry.input_type,
                    .input_bytes = entry.input_bytes,
                    .weight_bytes = entry.weight_bytes,
                    .output_bytes = entry.output_bytes,
                    .scratch_bytes = entry.scratch_bytes};
    rows[i].type = bench_product_type(&entry, peak, &rows[i].peak);
    *total += rows[i].ms;
  }
  if (rows) qsort(rows, (size_t)*count, sizeof *rows, compare_rows);
  return rows;
}

static double gops_of(const row *r) { return r->ms > 0 ? 2 * (double)r->macs / r->ms / 1e6 : 0; }
static double bytes_of(const row *r) { return (double)(r->input_bytes + r->weight_bytes + r->output_bytes); }
static double bandwidth_of(const row *r) { return r->ms > 0 ? bytes_of(r) / r->ms / 1e6 : 0; }

/* Rows of one operator's kind joined in place; returns their number. */
static int32_t join_kinds(row *rows, int32_t count) {
  int32_t kinds = 0;
  for (int32_t i = 0; i < count; i++) {
    int32_t k = 0;
    while (k < kinds && strcmp(rows[k].name, rows[i].name) != 0) k++;
    if (k == kinds) {
      rows[kinds] = rows[i];
      rows[kinds].calls = 1;
      rows[kinds++].kernel = NULL;
      continue;
    }
    row *kind = &rows[k];
    kind->ms += rows[i].ms;
    kind->calls++;
    kind->macs += rows[i].macs;
    kind->input_bytes += rows[i].input_bytes;
    kind->weight_bytes += rows[i].weight_bytes;
    kind->output_bytes += rows[i].output_bytes;
    if (kind->peak != rows[i].peak) kind->peak = 0; /* several types */
  }
  qsort(rows, (size_t)kinds, sizeof *rows, compare_rows);
  return kinds;
}

static void print_row(const row *r, double total) {
  printf("%9.4f %5.1f %%  ", r->ms, total > 0 ? 100 * r->ms / total : 0);
  if (r->macs > 0 && r->ms > 0) printf("%8.3f %8.1f ", (double)r->macs / 1e6, gops_of(r));
  else printf("%8s %8s ", "", "");
  if (r->macs > 0 && r->peak > 0) printf("%5.1f %% ", 100 * gops_of(r) / r->peak);
  else printf("%7s ", "");
  printf("%9.1f %7.2f", bytes_of(r) / 1e3, bandwidth_of(r));
}

static void print_head(const char *rest) {
  printf("\n%9s %7s  %8s %8s %7s %9s %7s%s\n", "ms", "share", "MMAC", "GOP/s", "of peak", "kB", "GB/s", rest);
}

int bench_print_ops(const bench_options *options, const ln_session *session, int32_t runs) {
  int32_t count;
  double total;
  bench_peak peak;
  if (!bench_measure_peak(options->threads, false, &peak)) return cli_fail("out of memory");
  row *rows = read_profile(session, runs, &peak, &count, &total);
  if (!rows) return cli_fail("out of memory");
  print_head("  operator, kernel and first output");
  for (int32_t i = 0; i < count; i++) {
    print_row(&rows[i], total);
    printf("  %-24s %-24s %s\n", rows[i].name, rows[i].kernel ? rows[i].kernel : "", rows[i].tensor);
  }
  const int32_t kinds = join_kinds(rows, count);
  print_head("  steps  kind");
  for (int32_t i = 0; i < kinds; i++) {
    print_row(&rows[i], total);
    printf("  %5lld  %s\n", (long long)rows[i].calls, rows[i].name);
  }
  printf("%9.4f in all; measured peak: float32 %.0f GFLOP/s, int8 %.0f GOP/s", total, peak.f32, peak.i8);
  if (peak.bf16 > 0) printf(", bfloat16 %.0f GFLOP/s", peak.bf16);
  printf("\n");
  free(rows);
  return CLI_OK;
}

static void json_row(json *j, const row *r, double total) {
  json_flat_object(j, NULL);
  json_string(j, "op", r->name);
  json_string(j, "tensor", r->tensor);
  json_string(j, "kernel", r->kernel);
  json_real(j, "ms", r->ms);
  json_real(j, "share", total > 0 ? r->ms / total : 0);
  json_int(j, "calls", r->calls);
  json_int(j, "macs", r->macs);
  json_string(j, "type", r->type);
  json_string(j, "input_type", ln_type_name(r->input_type));
  json_real(j, "gops", gops_of(r));
  if (r->peak > 0) json_real(j, "peak_percent", 100 * gops_of(r) / r->peak);
  json_int(j, "input_bytes", r->input_bytes);
  json_int(j, "weight_bytes", r->weight_bytes);
  json_int(j, "output_bytes", r->output_bytes);
  json_int(j, "scratch_bytes", r->scratch_bytes);
  json_real(j, "gb_s", bandwidth_of(r));
  json_end(j, '}');
}

int bench_json_ops(json *j, const bench_options *options, const ln_session *session, int32_t runs) {
  int32_t count;
  double total;
  bench_peak peak;
  if (!bench_measure_peak(options->threads, false, &peak)) return cli_fail("out of memory");
  row *rows = read_profile(session, runs, &peak, &count, &total);
  if (!rows) return cli_fail("out of memory");
  bench_json_peak(j, "peak", &peak);
  json_array(j, "per_op");
  for (int32_t i = 0; i < count; i++) json_row(j, &rows[i], total);
  json_end(j, ']');
  free(rows);
  return CLI_OK;
}
