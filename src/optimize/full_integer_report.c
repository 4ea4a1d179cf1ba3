/* What full-integer quantization did to each layer: its row of the report, with how near its output stays. */
#include <math.h>

#include "optimize/full_integer.h"

enum { COMPARED = 8 };

typedef struct comparison {
  const ln_integer_plan *plan;
  ln_session *before;    /* the model in floats */
  double *error, *power; /* [layer_count] */
} comparison;

static void compare(const ln_tensor *floats, const ln_tensor *made, double *error, double *power) {
  const size_t count = floats == NULL || made == NULL ? 0 : ln_tensor_elements(floats);
  if (count == 0 || ln_tensor_elements(made) != count || ln_tensor_data(floats) == NULL) return;
  float *a = ln_alloc_array(count, sizeof *a), *b = ln_alloc_array(count, sizeof *b);
  if (a != NULL && b != NULL && ln_tensor_copy_to_f32(floats, a, count, NULL) == LN_OK &&
      ln_tensor_copy_to_f32(made, b, count, NULL) == LN_OK) {
    for (size_t i = 0; i < count; ++i) {
      const double gap = (double)a[i] - (double)b[i];
      *error += gap * gap;
      *power += (double)a[i] * (double)a[i];
    }
  }
  ln_free(a);
  ln_free(b);
}

/* Tensors keep their numbers, so a layer's output is found in both models by its own. */
static ln_status compare_sample(void *user, int64_t sample, ln_session *session, ln_error *err) {
  comparison *c = user;
  const ln_samples *samples = c->plan->o->options->calibration;
  LN_TRY(samples->fill(samples->user, sample, c->before, err));
  LN_TRY(ln_session_run(c->before, err));
  for (int32_t i = 0; i < c->plan->layer_count; ++i) {
    const int32_t output = c->plan->rows[i].tensor;
    if (output < 0) continue;
    compare(ln_session_tensor(c->before, output), ln_session_tensor(session, output), &c->error[i], &c->power[i]);
  }
  return LN_OK;
}

static ln_status measure(ln_integer_plan *plan, comparison *c) {
  ln_model *after = NULL;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.keep_all_tensors = true;
  options.threads = plan->o->options->threads;
  options.signature = plan->o->options->signature;
  ln_status status = ln_edit_snapshot(plan->o->model, plan->o->err, &after);
  if (status == LN_OK) status = ln_session_create(plan->before, &options, plan->o->err, &c->before);
  if (status == LN_OK) {
    status = ln_observe(plan->o, after, plan->o->options->calibration, COMPARED, NULL, compare_sample, c);
  }
  ln_session_destroy(c->before);
  ln_model_destroy(after);
  return status;
}

ln_status ln_integer_report(ln_integer_plan *plan) {
  comparison c = {.plan = plan};
  c.error = ln_alloc_array((size_t)plan->layer_count + 1, sizeof *c.error);
  c.power = ln_alloc_array((size_t)plan->layer_count + 1, sizeof *c.power);
  ln_status status = c.error == NULL || c.power == NULL ? ln_optimizer_no_memory(plan->o) : LN_OK;
  if (status == LN_OK && plan->o->options->measure) status = measure(plan, &c);
  for (int32_t i = 0; status == LN_OK && i < plan->layer_count; ++i) {
    ln_report_layer *row = &plan->rows[i].row;
    if (plan->rows[i].tensor < 0) continue;
    if (c.power[i] > 0) row->snr_db = c.error[i] > 0 ? 10 * log10(c.power[i] / c.error[i]) : INFINITY;
    status = ln_report_add_layer(plan->o, row);
  }
  ln_free(c.error);
  ln_free(c.power);
  return status;
}
