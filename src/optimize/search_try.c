/* Tries of the search: a copy of the model quantized in a mix of formats, and what it costs and loses. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optimize/recipe.h"
#include "optimize/report.h"
#include "optimize/search.h"

/* ---- numbers of operators ---- */

/* Operators that earlier stages made have no number; while the search lasts they get one, so that a recipe can name
 * them. */
enum { MADE = 1 << 24 };

static void number_ops(ln_graph *graph) {
  for (int32_t i = 0; i < graph->op_count; ++i) {
    if (graph->ops[i].index < 0) graph->ops[i].index = MADE + i;
  }
}

static void forget_numbers(ln_graph *graph) {
  for (int32_t i = 0; i < graph->op_count; ++i) {
    if (graph->ops[i].index >= MADE) graph->ops[i].index = -1;
  }
}

/* ---- samples to judge by ---- */

static ln_status fill_subset(void *user, int64_t index, ln_session *session, ln_error *err) {
  const ln_search *s = user;
  const ln_samples *all = s->whole.samples;
  const int64_t step = all->count / s->samples.count;
  return all->fill(all->user, index * step, session, err);
}

static ln_status choose_samples(ln_search *s) {
  const ln_labelled *given = s->o->options->evaluation;
  const int64_t limit = (int64_t)ln_stage_number(s->stage, s->o, NULL, "samples");
  s->whole = s->labelled = *given;
  const int64_t all = given->samples->count;
  if (limit <= 0 || limit >= all) return LN_OK;
  s->labels = ln_arena_array(&s->arena, (size_t)limit, sizeof *s->labels);
  if (s->labels == NULL) return ln_optimizer_no_memory(s->o);
  for (int64_t i = 0; i < limit; ++i) s->labels[i] = given->labels[i * (all / limit)];
  s->samples = (ln_samples){sizeof s->samples, limit, fill_subset, s};
  s->labelled.samples = &s->samples;
  s->labelled.labels = s->labels;
  return LN_OK;
}

static ln_status judge(ln_search *s, ln_model *model, const ln_labelled *data, double *out) {
  const ln_optimize_options *options = s->o->options;
  ln_accuracy accuracy = {.size = sizeof accuracy};
  LN_TRY(ln_evaluate(model, data, options->threads, options->progress, options->user, s->o->err, &accuracy));
  *out = accuracy.accuracy;
  return LN_OK;
}

/* ---- the stage that makes a mix ---- */

const char *ln_search_name(const ln_search *s, int32_t format) { return format < 0 ? "float32" : s->formats[format]; }

bool ln_search_is_float(const ln_search *s, int32_t format) {
  return strcmp(ln_search_name(s, format), "float32") == 0;
}

/* "io=int8,method=mse" */
static ln_status set_others(ln_recipe *recipe, const char *list, ln_error *err) {
  while (*list != '\0') {
    char name[64], value[64];
    const size_t length = strcspn(list, ","), equals = strcspn(list, "=");
    if (equals >= length || equals >= sizeof name || length - equals > sizeof value) {
      return ln_fail(err, LN_ERR_ARGUMENT, "search: with: name=value,... is wanted, not \"%.60s\"", list);
    }
    snprintf(name, sizeof name, "%.*s", (int)equals, list);
    snprintf(value, sizeof value, "%.*s", (int)(length - equals - 1), list + equals + 1);
    LN_TRY(ln_recipe_set(recipe, name, value, err));
    list += length + (list[length] == ',');
  }
  return LN_OK;
}

static ln_status make_recipe(ln_search *s, const int8_t *formats, ln_recipe **out) {
  const ln_graph *graph = ln_optimizer_graph(s->o);
  ln_error *err = s->o->err;
  LN_TRY(ln_recipe_create(err, out));
  LN_TRY(ln_recipe_add(*out, "quantize", err));
  LN_TRY(set_others(*out, ln_stage_text(s->stage, s->o, NULL, "with"), err));
  LN_TRY(ln_recipe_set(*out, "format", s->formats[0], err));
  for (int32_t i = 0; i < graph->op_count; ++i) {
    if (formats[i] == 0) continue;
    char selector[24];
    snprintf(selector, sizeof selector, "op:%d", graph->ops[i].index);
    LN_TRY(ln_recipe_set_for(*out, selector, "format", ln_search_name(s, formats[i]), err));
  }
  return LN_OK;
}

/* ---- a try ---- */

static ln_status quantize(ln_search *s, ln_optimizer *o, const int8_t *formats) {
  ln_recipe *recipe = NULL;
  ln_status status = make_recipe(s, formats, &recipe);
  if (status == LN_OK) status = ln_technique_quantize(o, recipe->first);
  ln_recipe_destroy(recipe);
  return status;
}

/* A model of its own. */
static ln_status quantized_copy(ln_search *s, const int8_t *formats, ln_model **out) {
  ln_optimizer o = *s->o;
  o.model = NULL;
  o.invariants = NULL;
  o.report = ln_report_create();
  ln_status status = o.report == NULL ? ln_optimizer_no_memory(&o) : ln_edit_begin(s->o->model, o.err, &o.model);
  if (status == LN_OK) status = ln_invariants_branch(s->o, &o.invariants);
  if (status == LN_OK) status = quantize(s, &o, formats);
  if (status == LN_OK) status = ln_edit_compact(o.model, o.err);
  if (status == LN_OK) status = ln_edit_snapshot(o.model, o.err, out);
  ln_invariants_destroy(o.invariants);
  ln_optimize_report_destroy(o.report);
  ln_model_destroy(o.model);
  return status;
}

static ln_status measure(ln_search *s, ln_model *model, ln_report_try *result) {
  ln_report_point point = {.size = sizeof point, .arena_bytes = -1, .latency_ms = NAN, .max_error = NAN, .snr_db = NAN};
  size_t size = 0;
  LN_TRY(ln_report_measure(s->o, s->floats, model, &point));
  ln_model_file(model, &size);
  result->bytes = (int64_t)size;
  result->latency_ms = s->o->options->measure ? point.latency_ms : NAN;
  result->snr_db = point.snr_db;
  result->accuracy = NAN;
  return s->by_accuracy ? judge(s, model, &s->labelled, &result->accuracy) : LN_OK;
}

static ln_search_try *find(const ln_search *s, const int8_t *formats) {
  ln_search_try *t = s->tries;
  while (t != NULL && memcmp(t->formats, formats, (size_t)ln_search_ops(s)) != 0) t = t->next;
  return t;
}

static ln_search_try *add(ln_search *s, const int8_t *formats, const char *what, const ln_report_try *result) {
  ln_search_try *t = ln_arena_alloc(&s->arena, sizeof *t);
  if (t == NULL) return NULL;
  t->result = *result;
  t->formats = ln_arena_copy(&s->arena, formats, (size_t)ln_search_ops(s) + 1);
  t->result.what = ln_arena_strdup(&s->arena, what);
  if (t->formats == NULL || t->result.what == NULL) return NULL;
  t->next = s->tries;
  s->tries = t;
  ++s->try_count;
  return t;
}

ln_status ln_search_make(ln_search *s, const int8_t *formats, const char *what, ln_model **model, ln_search_try **out) {
  ln_model *made = NULL;
  *out = find(s, formats);
  if (*out != NULL && model == NULL) return LN_OK;
  LN_TRY(ln_optimizer_progress(s->o, "search", s->try_count, s->try_count + 1));
  LN_TRY(quantized_copy(s, formats, &made));
  ln_status status = LN_OK;
  if (*out == NULL) {
    ln_report_try result = {.size = sizeof result};
    status = measure(s, made, &result);
    if (status == LN_OK) {
      result.holds = (s->by_accuracy ? result.accuracy : result.snr_db) >= s->least;
      *out = add(s, formats, what, &result);
      if (*out == NULL) status = ln_optimizer_no_memory(s->o);
    }
  }
  if (status == LN_OK && model != NULL) *model = made;
  else ln_model_destroy(made);
  return status;
}

/* ---- all in one format ---- */

static ln_status measure_noise(ln_search *s, ln_model *model, ln_noise *noise) {
  ln_quant_debug_options options = LN_QUANT_DEBUG_OPTIONS_INIT;
  ln_quant_debug *debug = NULL;
  options.samples = s->o->options->calibration;
  options.limit = options.share_limit;
  options.signature = s->o->options->signature;
  options.threads = s->o->options->threads;
  options.progress = s->o->options->progress;
  options.user = s->o->options->user;
  LN_TRY(ln_quant_debug_run(s->floats, model, &options, s->o->err, &debug));
  bool good = s->net.graph != NULL || ln_debug_net(debug, &s->arena, &s->net); /* as the cheapest format has it */
  s->net.graph = &s->floats->graphs[s->o->graph];
  if (good) ln_debug_noise(debug, &s->net, noise);
  ln_quant_debug_destroy(debug);
  return good ? LN_OK : ln_optimizer_no_memory(s->o);
}

ln_status ln_search_uniform(ln_search *s, int32_t format, ln_search_try **out) {
  const ln_graph *graph = ln_optimizer_graph(s->o);
  int8_t *formats = ln_arena_alloc(&s->arena, (size_t)graph->op_count + 1);
  ln_model *model = NULL;
  if (formats == NULL) return ln_optimizer_no_memory(s->o);
  for (int32_t i = 0; i < graph->op_count; ++i) {
    formats[i] = ln_stage_takes(s->stage, s->o, &graph->ops[i]) ? (int8_t)format : -1;
  }
  LN_TRY(ln_search_make(s, formats, ln_search_name(s, format), &model, out));
  const ln_status status = ln_search_is_float(s, format) ? LN_OK : measure_noise(s, model, &s->noise[format]);
  ln_model_destroy(model);
  return status;
}

ln_status ln_search_judge_whole(ln_search *s, ln_search_try *t) {
  ln_model *model = NULL;
  t->whole = t->result.accuracy;
  if (!s->by_accuracy || s->labels == NULL) return LN_OK;
  LN_TRY(quantized_copy(s, t->formats, &model));
  const ln_status status = judge(s, model, &s->whole, &t->whole);
  ln_model_destroy(model);
  return status;
}

ln_status ln_search_apply(ln_search *s, const int8_t *formats) { return quantize(s, s->o, formats); }

/* ---- beginning and end ---- */

static ln_status count_macs(ln_search *s) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session *session = NULL;
  options.signature = s->o->options->signature;
  options.keep_all_tensors = true; /* a step an operator */
  options.profile = true;
  LN_TRY(ln_session_create(s->floats, &options, s->o->err, &session));
  for (int32_t i = 0; i < ln_search_ops(s); ++i) {
    ln_profile_entry entry = {.size = sizeof entry};
    if (ln_session_profile(session, i, &entry) == LN_OK) s->macs[i] = entry.macs;
  }
  ln_session_destroy(session);
  return LN_OK;
}

static ln_status read_formats(ln_search *s) {
  const char *at = ln_stage_text(s->stage, s->o, NULL, "formats");
  while (*at != '\0') {
    const size_t length = strcspn(at, ",");
    if (s->format_count == LN_SEARCH_FORMATS || length == 0) break;
    s->formats[s->format_count++] = ln_arena_printf(&s->arena, "%.*s", (int)length, at);
    if (s->formats[s->format_count - 1] == NULL) return ln_optimizer_no_memory(s->o);
    at += length + (at[length] == ',');
  }
  if (*at == '\0' && s->format_count > 0) return LN_OK;
  return ln_fail(s->o->err, LN_ERR_ARGUMENT, "search: formats: from 1 to %d names with commas between them are wanted",
                 LN_SEARCH_FORMATS);
}

ln_status ln_search_open(ln_search *s) {
  ln_graph *graph = ln_optimizer_graph(s->o);
  number_ops(graph);
  LN_TRY(read_formats(s));
  LN_TRY(ln_edit_snapshot(s->o->model, s->o->err, &s->floats));
  const size_t ops = (size_t)graph->op_count + 1;
  s->macs = ln_arena_array(&s->arena, ops, sizeof *s->macs);
  if (s->macs == NULL) return ln_optimizer_no_memory(s->o);
  for (int32_t i = 0; i < s->format_count; ++i) {
    if (!ln_noise_make(graph, &s->arena, &s->noise[i])) return ln_optimizer_no_memory(s->o);
  }
  if (s->by_accuracy) LN_TRY(choose_samples(s));
  return count_macs(s);
}

void ln_search_close(ln_search *s) {
  forget_numbers(ln_optimizer_graph(s->o));
  ln_model_destroy(s->floats);
  ln_arena_free(&s->arena);
}
