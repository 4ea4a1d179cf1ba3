/* Runs a recipe: stage after stage, each followed by checks and by a point of the report. */
#include <math.h>
#include <string.h>

#include "optimize/recipe.h"
#include "optimize/report.h"
#include "format/format.h"
#include "passes/rewrite.h"

/* ---- what techniques call ---- */

ln_status ln_optimizer_no_memory(const ln_optimizer *o) {
  return ln_fail(o->err, LN_ERR_MEMORY, "%s: out of memory", o->stage);
}

ln_status ln_optimizer_progress(const ln_optimizer *o, const char *what, int64_t done, int64_t total) {
  if (o->options->progress == NULL || o->options->progress(o->options->user, what, done, total)) return LN_OK;
  return ln_fail(o->err, LN_ERR_CANCELLED, "cancelled by the caller");
}

ln_status ln_optimizer_needs_samples(const ln_optimizer *o) {
  const ln_samples *samples = o->options->calibration;
  if (samples != NULL && samples->count > 0) return LN_OK;
  return ln_fail(o->err, LN_ERR_DATA, "%s: needs calibration samples, and there are none", o->stage);
}

/* ---- measuring ---- */

enum { COMPARED = 16, TIMED_RUNS = 50, TIMED_MS = 100 };

typedef struct outputs {
  ln_session *reference;
  double max_error, error, power;
  ln_status status;
} outputs;

/* Real values of output `index`; NULL without any. The caller's, to ln_free. */
static float *output_values(const ln_session *session, int32_t index, size_t *count) {
  const ln_tensor *tensor = ln_session_output(session, index);
  *count = tensor == NULL ? 0 : ln_tensor_elements(tensor);
  float *values = *count == 0 ? NULL : ln_alloc_array(*count, sizeof *values);
  if (values != NULL && ln_tensor_copy_to_f32(tensor, values, *count, NULL) == LN_OK) return values;
  ln_free(values);
  return NULL;
}

static void compare_outputs(const ln_session *a, const ln_session *b, outputs *sums) {
  for (int32_t i = 0; i < ln_session_output_count(a) && i < ln_session_output_count(b); ++i) {
    size_t count, other;
    float *x = output_values(a, i, &count);
    float *y = output_values(b, i, &other);
    for (size_t j = 0; x != NULL && y != NULL && count == other && j < count; ++j) {
      const double gap = fabs((double)x[j] - (double)y[j]);
      if (!(gap <= sums->max_error)) sums->max_error = gap; /* a NaN stays */
      sums->error += gap * gap;
      sums->power += (double)x[j] * (double)x[j];
    }
    ln_free(x);
    ln_free(y);
  }
}

static ln_status run_sample(const ln_samples *samples, int64_t index, ln_session *session, ln_error *err) {
  LN_TRY(samples->fill(samples->user, index, session, err));
  return ln_session_run(session, err);
}

/* The outputs' distance from the first model's on some samples. */
static ln_status measure_error(ln_optimizer *o, ln_session *reference, ln_session *session, ln_report_point *point) {
  const ln_samples *samples = o->options->calibration;
  if (samples == NULL || samples->count < 1) return LN_OK;
  const int64_t count = samples->count < COMPARED ? samples->count : COMPARED;
  outputs sums = {0};
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = samples->count / count * i;
    LN_TRY(run_sample(samples, index, reference, o->err));
    LN_TRY(run_sample(samples, index, session, o->err));
    compare_outputs(reference, session, &sums);
  }
  point->max_error = sums.max_error;
  point->snr_db = sums.error > 0 ? 10 * log10(sums.power / sums.error) : INFINITY;
  return LN_OK;
}

static ln_status measure_latency(ln_optimizer *o, ln_session *session, ln_report_point *point) {
  const ln_samples *samples = o->options->calibration;
  int64_t spent = 0, best = INT64_MAX;
  if (samples != NULL && samples->count > 0) LN_TRY(samples->fill(samples->user, 0, session, o->err));
  for (int32_t i = 0; i < TIMED_RUNS && spent < TIMED_MS * (int64_t)1000000; ++i) {
    const int64_t begin = ln_clock_ns();
    if (ln_session_run(session, NULL) != LN_OK) return LN_OK; /* inputs that are zeros may be wrong for it */
    const int64_t took = ln_clock_ns() - begin;
    spent += took;
    if (took < best) best = took;
  }
  point->latency_ms = (double)best / 1e6;
  return LN_OK;
}

ln_status ln_report_measure(ln_optimizer *o, ln_model *first, ln_model *model, ln_report_point *point) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session_stats stats = {.size = sizeof stats};
  ln_session *session = NULL, *reference = NULL;
  options.threads = o->options->threads;
  options.signature = o->options->signature;
  ln_status status = ln_session_create(model, &options, o->err, &session);
  if (status == LN_OK) status = ln_session_create(first, &options, o->err, &reference);
  if (status == LN_OK) status = measure_error(o, reference, session, point);
  if (status == LN_OK) status = measure_latency(o, session, point);
  if (status == LN_OK && ln_session_get_stats(session, &stats) == LN_OK)
    point->arena_bytes = (int64_t)stats.arena_bytes;
  ln_session_destroy(reference);
  ln_session_destroy(session);
  return status;
}

static ln_status measure_accuracy(ln_optimizer *o, ln_model *model, ln_report_point *point) {
  ln_accuracy accuracy = {.size = sizeof accuracy};
  if (o->options->evaluation == NULL) return LN_OK;
  LN_TRY(ln_evaluate(model, o->options->evaluation, o->options->threads, o->options->progress, o->options->user, o->err,
                     &accuracy));
  point->accuracy = accuracy.accuracy;
  return LN_OK;
}

/* The model as it would be written now. */
static ln_status finished_file(const ln_optimizer *o, uint8_t **data, size_t *size) {
  ln_model *copy = NULL;
  LN_TRY(ln_edit_begin(o->model, o->err, &copy));
  ln_status status = ln_edit_compact(copy, o->err);
  if (status == LN_OK) status = ln_edit_file(copy, o->err, data, size);
  ln_model_destroy(copy);
  return status;
}

/* A copy of the file that the model was read from; of one without a file, what would be written of it. */
static ln_status given_file(const ln_optimizer *o, uint8_t **data, size_t *size) {
  const ln_file_map *map = &o->source->map;
  if (map->data == NULL || map->size == 0) return finished_file(o, data, size);
  *data = ln_alloc(map->size);
  if (*data == NULL) return ln_optimizer_no_memory(o);
  memcpy(*data, map->data, map->size);
  *size = map->size;
  return LN_OK;
}

/* Adds the point for the model as it is; `first` is the model that the report begins with. */
static ln_status add_point(ln_optimizer *o, ln_model *first, const char *stage) {
  const bool given = strcmp(stage, "before") == 0;
  ln_report_point point = {sizeof point, stage, 0, -1, NAN, NAN, NAN, NAN, NULL};
  uint8_t *data = NULL;
  size_t size = 0;
  ln_model *model = NULL;
  LN_TRY(given ? given_file(o, &data, &size) : finished_file(o, &data, &size));
  point.file = data;
  point.bytes = (int64_t)size;
  ln_status status = ln_model_from_memory(data, size, o->err, &model);
  if (status == LN_OK && o->options->measure) status = ln_report_measure(o, first, model, &point);
  if (status == LN_OK) status = measure_accuracy(o, model, &point);
  ln_model_destroy(model);
  if (status == LN_OK) status = ln_report_add_point(o, &point);
  if (status != LN_OK) ln_free(data);
  return status;
}

/* ---- running ---- */

static ln_status find_graph(const ln_model *model, const char *signature, ln_error *err, int32_t *out) {
  *out = 0;
  if (model->graph_count < 1) return ln_fail(err, LN_ERR_MODEL, "the model has no graph");
  if (signature == NULL) {
    if (model->signature_count > 0) *out = ln_model_default_signature(model)->graph;
    return LN_OK;
  }
  for (int32_t i = 0; i < model->signature_count; ++i) {
    if (strcmp(model->signatures[i].key, signature) != 0) continue;
    *out = model->signatures[i].graph;
    return LN_OK;
  }
  return ln_fail(err, LN_ERR_NOT_FOUND, "the model has no signature \"%.60s\"", signature);
}

/* Constants that only another form stands for (halves behind DEQUANTIZE, sparse ones behind DENSIFY, numbers into a
 * table) become plain: techniques look at their elements. */
static ln_status make_plain(ln_optimizer *o) {
  size_t grown = 0;
  ln_pass_context context = {.model = o->source,
                             .graph = ln_optimizer_graph(o),
                             .arena = ln_optimizer_arena(o),
                             .grown = &grown,
                             .err = o->err};
  LN_TRY(ln_pass_densify_constants(&context));
  context.changes = 0;
  LN_TRY(ln_expand_all_codebooks(&context));
  if (context.changes > 0) {
    LN_TRY(ln_report_add_note(o, "constants that were stored by table are plain now: encode stores them so again"));
  }
  return ln_pass_fold_constants(&context);
}

static ln_status run_stage(ln_optimizer *o, ln_model *first, const ln_stage *stage) {
  o->stage = stage->technique->name;
  LN_TRY(ln_optimizer_progress(o, o->stage, 0, 1));
  LN_TRY(stage->technique->run(o, stage));
  LN_TRY(ln_model_verify(o->model, o->err));
  LN_TRY(ln_invariants_verify(o));
  return add_point(o, first, o->stage);
}

static bool has_stage(const ln_recipe *recipe, const char *technique) {
  for (const ln_stage *s = recipe->first; s != NULL; s = s->next) {
    if (strcmp(s->technique->name, technique) == 0) return true;
  }
  return false;
}

/* What a session would refuse at once: techniques count on operands that a row says are there, and are tensors. */
static ln_status check_operators(const ln_optimizer *o) {
  const ln_graph *graph = ln_optimizer_graph(o);
  for (int32_t i = 0; i < graph->op_count; ++i) LN_TRY(ln_op_check_types(graph, &graph->ops[i], o->err));
  return LN_OK;
}

static ln_status run_recipe(ln_optimizer *o, ln_model *first, const ln_recipe *recipe) {
  LN_TRY(check_operators(o));
  LN_TRY(ln_recipe_check(recipe, ln_optimizer_graph(o), o->err));
  LN_TRY(add_point(o, first, "before"));
  LN_TRY(make_plain(o));
  for (const ln_stage *s = recipe->first; s != NULL; s = s->next) LN_TRY(run_stage(o, first, s));
  if (has_stage(recipe, "encode") || o->invariants == NULL) return LN_OK;
  const ln_technique *encode = ln_technique_find("encode");
  const ln_stage last = {.technique = encode};
  return encode == NULL ? LN_OK : run_stage(o, first, &last);
}

static ln_status finish(const ln_optimizer *o, ln_model **out) {
  uint8_t *data = NULL;
  size_t size = 0;
  LN_TRY(finished_file(o, &data, &size));
  ln_file_map map = {.data = data, .size = size};
  const ln_status status = ln_format_read(data, size, &map, o->err, out);
  if (status != LN_OK) ln_file_map_close(&map);
  return status;
}

ln_status ln_optimize(const ln_model *in, const ln_recipe *recipe, const ln_optimize_options *options, ln_error *err,
                      ln_model **out, ln_optimize_report **report) {
  ln_optimize_options own = LN_OPTIMIZE_OPTIONS_INIT;
  if (report != NULL) *report = NULL;
  if (in == NULL || recipe == NULL || out == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  *out = NULL;
  if (options != NULL) memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
  ln_optimizer o = {.source = in, .options = &own, .stage = "reading", .err = err, .report = ln_report_create()};
  ln_model *first = NULL;
  ln_status status = o.report == NULL ? ln_optimizer_no_memory(&o) : LN_OK;
  if (status == LN_OK) status = find_graph(in, own.signature, err, &o.graph);
  if (status == LN_OK) status = ln_edit_begin(in, err, &o.model);
  if (status == LN_OK) status = ln_edit_snapshot(in, err, &first);
  if (status == LN_OK) status = run_recipe(&o, first, recipe);
  if (status == LN_OK) status = finish(&o, out);
  ln_model_destroy(first);
  ln_model_destroy(o.model);
  ln_invariants_destroy(o.invariants);
  if (report != NULL) {
    *report = o.report;
  } else {
    ln_optimize_report_destroy(o.report);
  }
  return status;
}
