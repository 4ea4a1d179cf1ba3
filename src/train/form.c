/* Which trained weights a form takes, and techniques of the optimizer run over the result. */
#include "train/form.h"

#include <string.h>

#include "ops/regex.h"
#include "optimize/recipe.h"
#include "optimize/report.h"

enum { ZEROS_BY_CHANCE = 10 }; /* one weight in so many may be zero without a meaning */

bool ln_form_is_sparse(const float *values, size_t count) {
  size_t zeros = 0;
  for (size_t i = 0; i < count; ++i) zeros += values[i] == 0.0f;
  return zeros > 0 && zeros >= count / ZEROS_BY_CHANCE;
}

static bool found_in(ln_regex_matcher *matcher, const char *text) {
  return text != NULL && ln_regex_search(matcher, (ln_span){text, strlen(text)}, 0, NULL);
}

/* The layers' trained weights that the pattern takes; `matcher` NULL: all. */
static int32_t take(ln_trainer *t, ln_regex_matcher *matcher, const ln_layer *layers, int32_t count,
                    ln_form_layer *out) {
  int32_t taken = 0;
  for (int32_t i = 0; i < count; ++i) {
    ln_param *param = ln_trainer_param(t, layers[i].weights);
    if (param == NULL || !param->is_weight || param->count != (size_t)layers[i].rows * (size_t)layers[i].columns) {
      continue;
    }
    if (matcher != NULL && !found_in(matcher, param->name) && !found_in(matcher, param->layer)) continue;
    out[taken++] = (ln_form_layer){param, layers[i]};
  }
  return taken;
}

ln_status ln_form_layers(ln_trainer *t, const char *form, const char *pattern, ln_form_layer **out, int32_t *count) {
  ln_layer *layers = NULL;
  ln_regex *regex = NULL;
  ln_regex_matcher *matcher = NULL;
  int32_t all = 0;
  *out = NULL;
  *count = 0;
  LN_TRY(ln_layers_find(&t->o, NULL, &layers, &all));
  ln_status status = LN_OK;
  if (pattern != NULL) status = ln_regex_compile((ln_span){pattern, strlen(pattern)}, t->err, &regex);
  if (status == LN_OK && pattern != NULL) matcher = ln_regex_matcher_create(regex, 0);
  *out = ln_alloc_array((size_t)all + 1, sizeof **out);
  if (status == LN_OK && (*out == NULL || (pattern != NULL && matcher == NULL))) {
    status = ln_fail(t->err, LN_ERR_MEMORY, "%s: out of memory", form);
  }
  if (status == LN_OK) *count = take(t, matcher, layers, all, *out);
  if (status == LN_OK && *count == 0) {
    status = ln_fail(t->err, LN_ERR_NOT_FOUND, "%s: no weights of the model's layers are trained%s", form,
                     pattern == NULL ? "" : " that the expression fits");
  }
  if (status != LN_OK) {
    ln_free(*out);
    *out = NULL;
  }
  ln_regex_matcher_destroy(matcher);
  ln_regex_destroy(regex);
  ln_free(layers);
  return status;
}

ln_status ln_form_technique(ln_optimizer *o, const ln_stage *stage) {
  ln_optimize_report *given = o->report;
  const char *before = o->stage;
  if (given == NULL) o->report = ln_report_create();
  if (o->report == NULL) return ln_optimizer_no_memory(o);
  o->stage = stage->technique->name;
  ln_status status = stage->technique->run(o, stage);
  if (status == LN_OK) status = ln_invariants_verify(o);
  o->stage = before;
  if (given == NULL) ln_optimize_report_destroy(o->report);
  o->report = given;
  return status;
}
