/* linnet bench --layers: how near single layers, by shape, come to what the CPU can do. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "layer_model.h"

static const layer layers[] = {
    {LAYER_PRODUCT, 128, 1024, 1024, 1, 1},  {LAYER_PRODUCT, 512, 512, 512, 1, 1},
    {LAYER_PRODUCT, 1024, 1024, 1024, 1, 1}, {LAYER_PRODUCT, 1024, 4096, 512, 1, 1},
    {LAYER_CONV, 56, 64, 256, 1, 1},         {LAYER_CONV, 14, 1024, 256, 1, 1},
    {LAYER_CONV, 112, 64, 64, 3, 1},         {LAYER_CONV, 56, 128, 128, 3, 1},
    {LAYER_CONV, 28, 256, 256, 3, 1},        {LAYER_CONV, 14, 512, 512, 3, 1},
    {LAYER_CONV, 112, 64, 128, 3, 2},        {LAYER_CONV, 56, 128, 256, 3, 2},
    {LAYER_CONV, 28, 256, 512, 3, 2},        {LAYER_CONV, 224, 3, 32, 3, 2},
    {LAYER_DEPTHWISE, 112, 64, 64, 3, 1},    {LAYER_DEPTHWISE, 56, 128, 128, 3, 1},
    {LAYER_DEPTHWISE, 28, 256, 256, 3, 1},   {LAYER_DEPTHWISE, 56, 128, 128, 3, 2},
    {LAYER_DEPTHWISE, 28, 256, 256, 5, 1},
};

enum { TYPES = 2, ROWS = TYPES * CLI_COUNT(layers), LEAST_RUNS = 3 };

typedef struct figures {
  char name[64];
  ln_profile_entry entry; /* of the layer's step */
  double ms;              /* of the fastest run */
  int64_t macs;
  int32_t runs;
} figures;

/* "product 512x512x512", "conv 3x3 56x56x64 to 28x28x128" */
static void name_layer(const layer *l, char *name, size_t size) {
  int32_t out[4];
  layer_output_dims(l, out);
  if (l->kind == LAYER_PRODUCT) {
    snprintf(name, size, "product %dx%dx%d", l->height, l->in, l->out);
    return;
  }
  snprintf(name, size, "%s %dx%d %dx%dx%d to %dx%dx%d", l->kind == LAYER_CONV ? "conv" : "depthwise", l->kernel,
           l->kernel, l->height, l->height, l->in, out[1], out[2], out[3]);
}

static ln_status run_layer(const bench_options *options, ln_session *session, figures *f, ln_error *err) {
  ln_status status = ln_session_prepare(session, err);
  if (status == LN_OK) status = bench_fill_inputs(session, err);
  if (status == LN_OK) status = ln_session_run(session, err);
  const double end = cli_now_ms() + options->seconds * 1e3;
  for (f->runs = 0; status == LN_OK && (f->runs < LEAST_RUNS || cli_now_ms() < end); f->runs++) {
    const double start = cli_now_ms();
    status = ln_session_run(session, err);
    const double ms = cli_now_ms() - start;
    if (f->runs == 0 || ms < f->ms) f->ms = ms;
  }
  return status;
}

static ln_status time_layer(const bench_options *options, const layer *l, bool bytes, figures *f, ln_error *err) {
  size_t size;
  ln_model *model = NULL;
  ln_session *session = NULL;
  ln_session_options settings = bench_settings(options);
  void *file = layer_model(l, bytes, &size);
  if (!file) return LN_ERR_MEMORY;
  settings.profile = true; /* names the kernel */
  ln_status status = ln_model_from_memory(file, size, err, &model);
  if (status == LN_OK) status = ln_session_create(model, &settings, err, &session);
  if (status == LN_OK) status = run_layer(options, session, f, err);
  f->macs = layer_macs(l);
  f->entry.size = sizeof f->entry;
  if (status == LN_OK) status = ln_session_profile(session, 0, &f->entry);
  ln_session_destroy(session);
  ln_model_destroy(model);
  free(file);
  return status;
}

/* Times every layer whose name holds the words asked for, the peak measured again between them: others may have the CPU
 * for a while. Returns the number of rows, or -1 after a message. */
static int time_all(const bench_options *options, figures *rows, bench_peak *peak) {
  ln_error err = {.message = "out of memory"};
  int count = 0;
  if (!bench_measure_peak(options->threads, false, peak)) return cli_fail("out of memory"), -1;
  for (size_t i = 0; i < ROWS; i++) {
    figures *f = &rows[count];
    cli_progress("layers", (int)i, ROWS);
    name_layer(&layers[i / TYPES], f->name, sizeof f->name);
    if (options->path && !strstr(f->name, options->path)) continue;
    if (time_layer(options, &layers[i / TYPES], i % TYPES != 0, f, &err) != LN_OK)
      return cli_fail("%s: %s", f->name, err.message), -1;
    bench_raise_peak(options->threads, peak);
    count++;
  }
  cli_progress("layers", ROWS, ROWS);
  return count;
}

static double gops_of(const figures *f) { return f->ms > 0 ? 2 * (double)f->macs / f->ms / 1e6 : 0; }

static void print_table(const bench_options *options, const figures *rows, int count, const bench_peak *peak) {
  printf("layers by shape  %d thread%s, kernels %s\n", options->threads, options->threads == 1 ? "" : "s",
         ln_cpu_tier());
  printf("measured peak: float32 %.0f GFLOP/s, int8 %.0f GOP/s", peak->f32, peak->i8);
  if (peak->bf16 > 0) printf(", bfloat16 %.0f GFLOP/s", peak->bf16);
  printf("\n\n%9s %9s %8s %7s  %-8s %-42s kernel\n", "ms", "MMAC", "GOP/s", "of peak", "type", "layer");
  for (const figures *f = rows; f < rows + count; f++) {
    double rate;
    const char *type = bench_product_type(&f->entry, peak, &rate);
    printf("%9.4f %9.2f %8.1f ", f->ms, (double)f->macs / 1e6, gops_of(f));
    if (rate > 0) printf("%5.1f %% ", 100 * gops_of(f) / rate);
    else printf("%7s ", "");
    printf(" %-8s %-42s %s\n", type ? type : "", f->name, f->entry.kernel ? f->entry.kernel : "");
  }
}

static void print_json(const bench_options *options, const figures *rows, int count, const bench_peak *peak) {
  json j;
  json_begin(&j, stdout);
  json_object(&j, NULL);
  json_string(&j, "tier", ln_cpu_tier());
  json_int(&j, "threads", options->threads);
  bench_json_peak(&j, "peak", peak);
  json_array(&j, "layers");
  for (const figures *f = rows; f < rows + count; f++) {
    double rate;
    const char *type = bench_product_type(&f->entry, peak, &rate);
    json_flat_object(&j, NULL);
    json_string(&j, "layer", f->name);
    json_string(&j, "type", type);
    json_string(&j, "kernel", f->entry.kernel);
    json_real(&j, "ms", f->ms);
    json_int(&j, "runs", f->runs);
    json_int(&j, "macs", f->macs);
    json_real(&j, "gops", gops_of(f));
    if (rate > 0) json_real(&j, "peak_percent", 100 * gops_of(f) / rate);
    json_end(&j, '}');
  }
  json_end(&j, ']');
  json_end(&j, '}');
}

int bench_layers(const cli_command *self, const bench_options *options) {
  figures rows[ROWS] = {0};
  bench_peak peak;
  const int count = time_all(options, rows, &peak);
  if (count < 0) return CLI_FAILED;
  if (count == 0) return cli_usage(self, "no layer's name holds \"%s\"", options->path);
  if (options->json) print_json(options, rows, count, &peak);
  else print_table(options, rows, count, &peak);
  return CLI_OK;
}
