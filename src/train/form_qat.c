/*
 * Quantization-aware training of weights: what the step reads is what integers will stand for, and gradients pass
 * straight through (B. Jacob et al., Quantization and Training of Neural Networks for Efficient
 * Integer-Arithmetic-Only Inference, 2018). At the end the model is quantized by the optimizer's own writer, with the
 * scales and ranges that were trained.
 */
#include "train/form_qat.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/convert.h"
#include "optimize/learned_rounding.h"
#include "optimize/recipe.h"

const ln_parameter ln_form_qat_parameters[] = {
    {"qat", LN_PARAMETER_CHOICE, NULL, "int8|int16x8|int8-weights|int4-weights|float16|bfloat16|bf16-int8", 0, 0,
     "the numbers that the model will be quantized to: formats of `linnet optimize`"},
    {"qat_ranges", LN_PARAMETER_CHOICE, "moving", "moving|learned", 0, 0,
     "of activations: moving averages of what batches have, or learned by their gradients"},
    {"qat_momentum", LN_PARAMETER_NUMBER, "0.99", NULL, 0, 1, "of moving averages"},
    {"qat_samples", LN_PARAMETER_INTEGER, "128", NULL, 1, 1e9, "of the training data, for ranges to begin with"},
    {"qat_io", LN_PARAMETER_CHOICE, "float", "float|int8|uint8|int16", 0, 0,
     "the type of inputs and outputs of a model in integers"},
    {"qat_exclude", LN_PARAMETER_TEXT, NULL, NULL, 0, 0,
     "a regular expression: the layers that stay floats, by the names of their outputs or weights"},
    {0}};

enum { LEAST_WEIGHTS = 1024, SHORT_ROW = 64, REFIT_STEPS = 50, FIT_STEPS = 16 };

static ln_status no_memory(const ln_trainer *t) { return ln_fail(t->err, LN_ERR_MEMORY, "qat: out of memory"); }

/* ---- what is said ---- */

static ln_status make_recipe(ln_trainer *t, ln_qat *q) {
  const char *format = ln_setting_text(t->settings, ln_form_qat_parameters, "qat");
  LN_TRY(ln_recipe_create(t->err, &q->recipe));
  LN_TRY(ln_recipe_add(q->recipe, "quantize", t->err));
  LN_TRY(ln_recipe_set(q->recipe, "format", format, t->err));
  LN_TRY(ln_recipe_set(q->recipe, "bias-correction", "false", t->err));
  LN_TRY(ln_recipe_set(q->recipe, "io", ln_setting_text(t->settings, ln_form_qat_parameters, "qat_io"), t->err));
  LN_TRY(
      ln_recipe_set(q->recipe, "samples", ln_setting_text(t->settings, ln_form_qat_parameters, "qat_samples"), t->err));
  const char *exclude = ln_setting_text(t->settings, ln_form_qat_parameters, "qat_exclude");
  if (exclude != NULL) LN_TRY(ln_recipe_exclude(q->recipe, exclude, t->err));
  LN_TRY(ln_recipe_check(q->recipe, ln_optimizer_graph(&t->o), t->err));
  q->stage = q->recipe->first;
  q->format = ln_quantize_format_of(&t->o, q->stage, NULL);
  return LN_OK;
}

/* ---- which weights ---- */

/* What the writers of weights alone leave as floats stays so here. */
static bool takes(const ln_optimizer *o, const ln_qat *q, const ln_form_layer *layer, ln_qat_weights *w) {
  const bool embedding = layer->layer.kind == LN_LAYER_EMBEDDING;
  *w = (ln_qat_weights){.layer = *layer, .per_tensor = layer->param->clusters > 0};
  if (q->tensor_count > 0) {
    w->per_tensor |= layer->layer.kind == LN_LAYER_BATCH_MATMUL;
    return q->whole[layer->param->tensor];
  }
  w->fitted = q->bits == 4;
  if (embedding) w->per_tensor |= q->bits == 8 || layer->layer.columns < SHORT_ROW;
  return layer->param->count >= LEAST_WEIGHTS && ln_stage_takes(q->stage, o, ln_layer_op(o, &layer->layer));
}

static ln_status open_weights(ln_trainer *t, ln_qat *q) {
  ln_form_layer *found = NULL;
  int32_t count = 0;
  LN_TRY(ln_form_layers(t, "qat", NULL, &found, &count));
  q->weights = ln_alloc_array((size_t)count, sizeof *q->weights);
  ln_status status = q->weights == NULL ? no_memory(t) : LN_OK;
  for (int32_t i = 0; status == LN_OK && i < count; ++i) {
    ln_qat_weights *w = &q->weights[q->weight_count];
    if (!takes(&t->o, q, &found[i], w)) continue;
    const size_t bytes = (size_t)w->layer.layer.rows * sizeof *w->scales; /* bounded: rows of a tensor in memory */
    w->scales = ln_arena_alloc(&t->arena, bytes);
    const char *name = ln_arena_printf(&t->arena, "qat/%s", found[i].param->name);
    status = w->scales == NULL || name == NULL ? no_memory(t) : ln_trainer_keep(t, name, w->scales, bytes);
    ++q->weight_count;
  }
  ln_free(found);
  return status;
}

static void destroy(ln_trainer *t, void *state) {
  ln_qat *q = state;
  (void)t;
  if (q == NULL) return;
  ln_qat_plan_free(q);
  ln_free(q->weights);
  ln_recipe_destroy(q->recipe);
  ln_free(q);
}

static ln_status begin(ln_trainer *t, void **state) {
  static const int8_t bits[] = {
      [LN_QUANTIZE_INT8] = 8,         [LN_QUANTIZE_INT16X8] = 8,      [LN_QUANTIZE_FLOAT16] = 16,
      [LN_QUANTIZE_INT8_WEIGHTS] = 8, [LN_QUANTIZE_INT4_WEIGHTS] = 4, [LN_QUANTIZE_BF16_INT8] = 8};
  ln_qat *q = ln_alloc_zero(sizeof *q);
  *state = q;
  if (q == NULL) return no_memory(t);
  LN_TRY(make_recipe(t, q));
  q->bits = (size_t)q->format < LN_COUNT(bits) ? bits[q->format] : 0;
  q->refit = true;
  q->momentum = ln_setting_number(t->settings, ln_form_qat_parameters, "qat_momentum");
  q->learns = strcmp(ln_setting_text(t->settings, ln_form_qat_parameters, "qat_ranges"), "learned") == 0;
  if (ln_quantize_is_full_integer(q->format)) LN_TRY(ln_qat_plan(t, q));
  return open_weights(t, q);
}

/* ---- weights ---- */

static size_t row_of(const ln_layer *layer, size_t element) {
  return layer->axis == 0 ? element / (size_t)layer->columns : element % (size_t)layer->rows;
}

/* The greatest magnitude of each row, or of all, over the greatest integer; rows of zeros take the greatest scale. */
static void find_scales(const ln_qat *q, const ln_qat_weights *w, const float *used) {
  const ln_layer *layer = &w->layer.layer;
  float greatest = 0;
  memset(w->scales, 0, (size_t)layer->rows * sizeof *w->scales);
  for (size_t i = 0; i < w->layer.param->count; ++i) {
    float *scale = &w->scales[row_of(layer, i)];
    if (fabsf(used[i]) > *scale) *scale = fabsf(used[i]);
  }
  for (int32_t r = 0; r < layer->rows; ++r) {
    w->scales[r] /= (float)ln_weight_high(q->bits);
    if (w->scales[r] > greatest) greatest = w->scales[r];
  }
  for (int32_t r = 0; r < layer->rows; ++r) {
    if (w->per_tensor || w->scales[r] < FLT_MIN) w->scales[r] = greatest < FLT_MIN ? 1 : greatest;
  }
}

static float rounded(const ln_qat *q, float value, float scale) {
  const float low = (float)ln_weight_low(q->bits), high = (float)ln_weight_high(q->bits);
  return fminf(fmaxf(rintf(value / scale), low), high) * scale + 0.0f; /* no negative zero */
}

/* Smaller scales where that leaves a smaller squared error, although it clips some. */
static void fit_scales(const ln_qat *q, const ln_qat_weights *w, const float *used, double *errors) {
  const ln_layer *layer = &w->layer.layer;
  const size_t rows = w->per_tensor ? 1 : (size_t)layer->rows;
  double *least = errors + layer->rows;
  float best[FIT_STEPS];
  find_scales(q, w, used);
  for (size_t r = 0; r < rows; ++r) least[r] = INFINITY;
  uint8_t *chosen = (uint8_t *)(least + layer->rows);
  for (int32_t step = 0; step < FIT_STEPS; ++step) {
    best[step] = 1 - 0.04f * (float)step;
    memset(errors, 0, rows * sizeof *errors);
    for (size_t i = 0; i < w->layer.param->count; ++i) {
      const size_t row = row_of(layer, i);
      const double gap = (double)used[i] - (double)rounded(q, used[i], w->scales[row] * best[step]);
      errors[w->per_tensor ? 0 : row] += gap * gap;
    }
    for (size_t r = 0; r < rows; ++r) {
      if (errors[r] >= least[r]) continue;
      least[r] = errors[r];
      chosen[r] = (uint8_t)step;
    }
  }
  for (size_t r = 0; r < (size_t)layer->rows; ++r) w->scales[r] *= best[chosen[w->per_tensor ? 0 : r]];
}

static void find_or_fit(const ln_qat *q, const ln_qat_weights *w, const float *used) {
  const size_t rows = (size_t)w->layer.layer.rows;
  double *room = w->fitted && q->refit ? ln_alloc_array(rows, 3 * sizeof *room) : NULL;
  if (room != NULL) fit_scales(q, w, used, room);
  else if (!w->fitted) find_scales(q, w, used);
  else if (q->refit) find_scales(q, w, used); /* little memory costs accuracy, not the training */
  ln_free(room);
}

static void to_halves(const ln_qat *q, ln_param *p) {
  for (size_t i = 0; i < p->count; ++i) {
    p->used[i] = q->bits == 16 ? ln_k_half_to_float(ln_k_float_to_half(p->used[i]))
                               : ln_k_bfloat_to_float(ln_k_float_to_bfloat(p->used[i]));
  }
}

static void apply(ln_trainer *t, void *state, ln_param *p) {
  const ln_qat *q = state;
  (void)t;
  for (int32_t k = 0; k < q->weight_count; ++k) {
    const ln_qat_weights *w = &q->weights[k];
    if (w->layer.param != p) continue;
    if (q->bits != 8 && q->bits != 4) {
      to_halves(q, p);
      continue;
    }
    find_or_fit(q, w, p->used);
    for (size_t i = 0; i < p->count; ++i) p->used[i] = rounded(q, p->used[i], w->scales[row_of(&w->layer.layer, i)]);
  }
}

static ln_status before_step(ln_trainer *t, void *state, int64_t step, int64_t steps) {
  ln_qat *q = state;
  (void)t;
  q->refit = step == 0 || (step % REFIT_STEPS == 0 && step + REFIT_STEPS < steps);
  ln_qat_move_ranges(q);
  return LN_OK;
}

/* ---- the result ---- */

/*
 * The scales of the weights as they are in the result: where a normalization has been folded in, a row is what was
 * trained times a factor.
 */
static void give_scales(const ln_optimizer *o, const ln_qat_weights *w, float *scales) {
  const ln_layer *layer = &w->layer.layer;
  const ln_param *param = w->layer.param;
  const float *made = ln_optimizer_graph(o)->tensors[param->tensor].data;
  for (size_t r = 0; r < (size_t)layer->rows; ++r) {
    float trained = 0, given = 0;
    for (size_t c = 0; c < (size_t)layer->columns; ++c) {
      const size_t at = ln_form_place(layer, r, c);
      trained = fmaxf(trained, fabsf(param->used[at]));
      given = fmaxf(given, fabsf(made[at]));
    }
    scales[r] = w->scales[r] * (trained > 0 && given > 0 ? given / trained : 1);
  }
}

static ln_status quantize(const ln_qat *q, ln_optimizer *o, const float **scales, ln_range *ranges) {
  ln_range *scaled = ranges + ln_optimizer_graph(o)->tensor_count;
  for (int32_t i = 0; q->bits > 0 && q->bits <= 8 && i < q->weight_count; ++i) {
    const ln_qat_weights *w = &q->weights[i];
    float *own = ln_arena_array(ln_optimizer_arena(o), (size_t)w->layer.layer.rows, sizeof *own);
    if (own == NULL) return ln_optimizer_no_memory(o);
    give_scales(o, w, own);
    scales[w->layer.param->tensor] = own;
  }
  if (q->tensor_count > 0) ln_qat_give_ranges(q, ranges, scaled);
  const struct ln_quantize_trained trained = {ranges, scaled, scales};
  o->trained = &trained;
  const ln_status status = ln_form_technique(o, q->stage);
  o->trained = NULL;
  return status;
}

static ln_status finish(ln_trainer *t, void *state, ln_optimizer *o) {
  const ln_qat *q = state;
  const size_t tensors = (size_t)ln_optimizer_graph(o)->tensor_count;
  if (q->tensor_count > 0 && (size_t)q->tensor_count > tensors) {
    return ln_fail(t->err, LN_ERR_INTERNAL, "qat: the model has lost tensors");
  }
  const float **scales = ln_alloc_array(tensors + 1, sizeof *scales);
  ln_range *ranges = ln_alloc_array(tensors + 1, 3 * sizeof *ranges);
  ln_status status = scales == NULL || ranges == NULL ? no_memory(t) : LN_OK;
  if (status == LN_OK) status = quantize(q, o, scales, ranges);
  ln_free(scales);
  ln_free(ranges);
  return status;
}

const ln_form_def ln_form_qat = {.name = "qat",
                                 .what = "weights and activations become what integers will stand for",
                                 .parameters = ln_form_qat_parameters,
                                 .begin = begin,
                                 .rewrite = ln_qat_rewrite,
                                 .before_step = before_step,
                                 .apply = apply,
                                 .finish = finish,
                                 .destroy = destroy};
