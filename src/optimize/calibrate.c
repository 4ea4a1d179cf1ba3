/*
 * What values a graph's float tensors take over calibration samples, and whether the samples can be what the model is
 * for: a sample that makes no sense gives ranges that none will notice until the quantized model fails.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "linnet/metadata.h"
#include "optimize/quantize.h"

enum { NAMES_SHOWN = 3, FEWEST_MOVING = 100 };

typedef enum method { METHOD_MINMAX, METHOD_MOVING, METHOD_PERCENTILE, METHOD_ENTROPY, METHOD_MSE } method;

/* What has been seen of one tensor. */
typedef struct watch {
  bool watched;
  int64_t samples;
  float low, high;                /* of all samples */
  double moving_low, moving_high; /* means of the samples' own, older ones fading */
  ln_histogram histogram;         /* bins NULL where the method needs none */
} watch;

typedef struct calibration {
  const ln_optimizer *o;
  const ln_graph *graph;
  method method;
  watch *watches; /* [tensor_count] */
  uint32_t *bins; /* of all histograms */
  int64_t samples;
  uint64_t first_hash; /* of the first sample's inputs */
  bool differ;         /* some sample is not the first again */
} calibration;

static method method_of(const ln_stage *stage, const ln_optimizer *o) {
  static const struct {
    const char *name;
    method method;
  } names[] = {{"moving-average", METHOD_MOVING},
               {"percentile", METHOD_PERCENTILE},
               {"entropy", METHOD_ENTROPY},
               {"mse", METHOD_MSE}};
  for (size_t i = 0; i < LN_COUNT(names); ++i) {
    if (ln_stage_is(stage, o, NULL, "method", names[i].name)) return names[i].method;
  }
  return METHOD_MINMAX;
}

static ln_status watch_tensors(calibration *c) {
  const ln_graph *graph = c->graph;
  c->watches = ln_alloc_array((size_t)graph->tensor_count, sizeof *c->watches);
  if (c->watches == NULL) return ln_optimizer_no_memory(c->o);
  size_t count = 0;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    for (int32_t j = 0; j < graph->ops[i].output_count; ++j) c->watches[graph->ops[i].outputs[j]].watched = true;
  }
  for (int32_t i = 0; i < graph->input_count; ++i) c->watches[graph->inputs[i]].watched = true;
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    watch *w = &c->watches[i];
    const ln_tensor *tensor = &graph->tensors[i];
    w->watched = w->watched && tensor->type == LN_FLOAT32 && tensor->storage != LN_STORAGE_CONST;
    w->low = INFINITY;
    w->high = -INFINITY;
    count += w->watched;
  }
  if (c->method == METHOD_MINMAX || c->method == METHOD_MOVING) return LN_OK;
  c->bins = ln_alloc_array(count, LN_HISTOGRAM_BINS * sizeof *c->bins);
  if (c->bins == NULL) return ln_optimizer_no_memory(c->o);
  uint32_t *next = c->bins;
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    if (!c->watches[i].watched) continue;
    c->watches[i].histogram.bins = next;
    next += LN_HISTOGRAM_BINS;
  }
  return LN_OK;
}

/* ---- a sample ---- */

/* The least and greatest value; false where one is not a finite number. */
static bool span_of(const float *values, size_t count, float *low, float *high) {
  float least = values[0], most = values[0], odd = 0;
  for (size_t i = 0; i < count; ++i) {
    least = values[i] < least ? values[i] : least;
    most = values[i] > most ? values[i] : most;
    odd += values[i] * 0; /* NaN from the first value on that is NaN or infinite */
  }
  *low = least;
  *high = most;
  return odd == 0;
}

static ln_status see_tensor(calibration *c, int32_t index, const ln_tensor *tensor, ln_error *err) {
  watch *w = &c->watches[index];
  const float *values = ln_tensor_data(tensor);
  const size_t count = ln_tensor_elements(tensor);
  if (!w->watched || values == NULL || count == 0) return LN_OK;
  float low, high;
  if (!span_of(values, count, &low, &high)) {
    return ln_fail(err, LN_ERR_DATA, "tensor \"%s\" holds values that are not finite numbers", ln_tensor_name(tensor));
  }
  w->low = fminf(w->low, low);
  w->high = fmaxf(w->high, high);
  ++w->samples;
  const double weight = 1.0 / (double)(w->samples < FEWEST_MOVING ? w->samples : FEWEST_MOVING);
  w->moving_low += weight * (low - w->moving_low);
  w->moving_high += weight * (high - w->moving_high);
  if (w->histogram.bins != NULL) ln_histogram_add(&w->histogram, values, count, fmaxf(fabsf(low), fabsf(high)));
  return LN_OK;
}

static ln_status see_sample(void *user, int64_t sample, ln_session *session, ln_error *err) {
  calibration *c = user;
  uint64_t hash = 0;
  (void)sample;
  for (int32_t i = 0; i < c->graph->input_count; ++i) {
    const ln_tensor *input = ln_session_tensor(session, c->graph->inputs[i]);
    if (input != NULL && ln_tensor_data(input) != NULL) {
      hash = hash * 31 + ln_hash64(ln_tensor_data(input), ln_tensor_bytes(input));
    }
  }
  if (c->samples++ == 0) c->first_hash = hash;
  c->differ = c->differ || hash != c->first_hash;
  for (int32_t i = 0; i < c->graph->tensor_count; ++i) {
    const ln_tensor *tensor = ln_session_tensor(session, i);
    if (tensor != NULL) LN_TRY(see_tensor(c, i, tensor, err));
  }
  return LN_OK;
}

/* ---- whether it makes sense ---- */

/* Inputs against what the metadata says they hold. */
static ln_status check_inputs(const calibration *c) {
  ln_model_info *info;
  ln_status status = LN_OK;
  if (ln_model_info_read(c->o->source, NULL, &info) != LN_OK) return LN_OK;
  for (int32_t i = 0; status == LN_OK && i < c->graph->input_count; ++i) {
    const watch *w = &c->watches[c->graph->inputs[i]];
    ln_tensor_info about = {.size = sizeof about};
    if (w->samples == 0 || ln_model_info_tensor(info, c->o->graph, false, i, &about) != LN_OK) continue;
    if (about.min_count == 0 || about.max_count == 0) continue;
    float low = about.min[0], high = about.max[0];
    for (int32_t j = 1; j < about.min_count; ++j) low = fminf(low, about.min[j]);
    for (int32_t j = 1; j < about.max_count; ++j) high = fmaxf(high, about.max[j]);
    const float slack = 0.02f * (high - low);
    if (!(high > low) || (w->low >= low - slack && w->high <= high + slack)) continue;
    status = ln_fail(c->o->err, LN_ERR_DATA,
                     "%s: samples of input \"%s\" lie in %g .. %g, but the model's metadata says %g .. %g", c->o->stage,
                     c->graph->tensors[c->graph->inputs[i]].name, (double)w->low, (double)w->high, (double)low,
                     (double)high);
  }
  ln_model_info_destroy(info);
  return status;
}

static ln_status note_constant_tensors(const calibration *c) {
  char names[256] = "";
  size_t used = 0;
  int32_t count = 0;
  for (int32_t i = 0; i < c->graph->tensor_count; ++i) {
    const watch *w = &c->watches[i];
    size_t elements = 0;
    if (w->samples == 0 || w->low != w->high) continue;
    if (!ln_shape_elements(&c->graph->tensors[i].shape, &elements) || elements < 2) continue;
    if (count++ < NAMES_SHOWN && used + strlen(c->graph->tensors[i].name) + 8 < sizeof names) {
      used += (size_t)snprintf(names + used, sizeof names - used, "%s\"%s\"", used > 0 ? ", " : "",
                               c->graph->tensors[i].name);
    }
  }
  if (count == 0) return LN_OK;
  return ln_report_add_note((ln_optimizer *)(uintptr_t)c->o,
                            "%d tensor%s held one value only on all samples, so nothing is known of %s range: %s%s",
                            count, count == 1 ? "" : "s", count == 1 ? "its" : "their", names,
                            count > NAMES_SHOWN ? ", ..." : "");
}

static ln_status check(const calibration *c) {
  const ln_optimizer *o = c->o;
  if (c->samples == 0) return ln_fail(o->err, LN_ERR_DATA, "%s: no calibration sample was run", o->stage);
  if (c->samples > 1 && !c->differ && c->graph->input_count > 0) {
    return ln_fail(o->err, LN_ERR_DATA, "%s: all %lld calibration samples are the same", o->stage,
                   (long long)c->samples);
  }
  int32_t seen = 0, zero = 0; /* a state that begins with zeros is fine beside an input */
  for (int32_t i = 0; i < c->graph->input_count; ++i) {
    const watch *w = &c->watches[c->graph->inputs[i]];
    seen += w->samples > 0;
    zero += w->samples > 0 && w->low == 0 && w->high == 0;
  }
  if (seen > 0 && seen == zero) {
    return ln_fail(o->err, LN_ERR_DATA, "%s: all inputs are 0 in all calibration samples", o->stage);
  }
  LN_TRY(check_inputs(c));
  return note_constant_tensors(c);
}

/* ---- the ranges ---- */

static void choose(const calibration *c, double percentile, watch *w, ln_range *range) {
  *range = (ln_range){w->samples > 0, w->low, w->high, w->low, w->high};
  if (!range->seen || w->low == w->high) return;
  if (c->method == METHOD_MOVING) {
    range->low = (float)w->moving_low;
    range->high = (float)w->moving_high;
  }
  if (w->histogram.reach == 0) return;
  if (c->method == METHOD_PERCENTILE) ln_histogram_percentile(&w->histogram, percentile, range);
  if (c->method == METHOD_ENTROPY) ln_histogram_entropy(&w->histogram, range);
  if (c->method == METHOD_MSE) ln_histogram_least_squares(&w->histogram, range);
}

ln_status ln_calibrate(ln_optimizer *o, const ln_stage *stage, ln_model *model, ln_range **out) {
  LN_TRY(ln_optimizer_needs_samples(o));
  calibration c = {.o = o, .graph = ln_optimizer_graph(o), .method = method_of(stage, o)};
  const double percentile = ln_stage_number(stage, o, NULL, "percentile");
  const int64_t limit = (int64_t)ln_stage_number(stage, o, NULL, "samples");
  ln_range *ranges = ln_alloc_array((size_t)c.graph->tensor_count, sizeof *ranges);
  ln_status status = ranges == NULL ? ln_optimizer_no_memory(o) : watch_tensors(&c);
  if (status == LN_OK) status = ln_observe(o, model, o->options->calibration, limit, "calibrate", see_sample, &c);
  if (status == LN_OK) status = check(&c);
  for (int32_t i = 0; status == LN_OK && i < c.graph->tensor_count; ++i) {
    choose(&c, percentile, &c.watches[i], &ranges[i]);
  }
  ln_free(c.bins);
  ln_free(c.watches);
  *out = status == LN_OK ? ranges : NULL;
  if (status != LN_OK) ln_free(ranges);
  return status;
}
