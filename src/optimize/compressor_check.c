/* Holds compressors to their contract on layers that are made up: what ln_compressor_test does. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimize/factorize.h"
#include "optimize/order.h"

enum { PATCHES = 400 };

typedef struct sample {
  ln_layer_weights layer;
  size_t size, count; /* of a patch, of all weights */
  float *values, *patches, *outputs;
} sample;

static float next_random(uint64_t *state) { /* xorshift64*, in -1 .. 1 */
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return (float)((double)(*state * UINT64_C(2685821657736338717) >> 11) * (2.0 / 9007199254740992.0) - 1);
}

/* Weights whose rows resemble one another, and patches whose channels do. */
static bool make_sample(const int32_t shape[4], int64_t in, int64_t out, bool has_patches, sample *s) {
  uint64_t seed = 88172645463325252u + (uint64_t)shape[0];
  s->layer = (ln_layer_weights){
      sizeof s->layer, "made up", shape[0], shape[1], shape[2], shape[3], NULL, in, in, out, out, 0, NULL, NULL};
  s->size = ln_patch_size(&s->layer);
  s->count = s->size * (size_t)shape[0];
  s->layer.values = s->values = ln_floats(shape[0], (int64_t)s->size);
  s->patches = ln_floats(PATCHES, (int64_t)s->size);
  s->outputs = ln_floats(PATCHES, shape[0]);
  if (s->values == NULL || s->patches == NULL || s->outputs == NULL) return false;
  for (size_t i = 0; i < s->count; ++i) {
    s->values[i] = next_random(&seed) * 0.3f;
    if (i >= s->size) s->values[i] += 0.8f * s->values[i - s->size];
  }
  for (size_t i = 0; i < PATCHES * s->size; ++i)
    s->patches[i] = next_random(&seed) + (i % s->size > 0 ? 0.7f * s->patches[i - 1] : 0.5f);
  if (!has_patches) return true;
  s->layer.patches = s->patches;
  s->layer.outputs = s->outputs;
  s->layer.patch_count = PATCHES;
  return ln_weights_respond(&s->layer, s->outputs);
}

/* ---- what factors do together ---- */

/* The filter of `b` behind `a` (whose values are [.., a->height, ..]): at most one of them reaches along each axis. */
static bool join(ln_factor *a, const ln_factor *b) {
  const int32_t height = a->height + b->height - 1, width = a->width + b->width - 1;
  float *out = ln_floats(b->rows, (int64_t)height * width * a->channels);
  if (out == NULL) return false;
  for (int32_t o = 0; o < b->rows; ++o) {
    for (int32_t place = 0; place < b->height * b->width; ++place) {
      for (int32_t r = 0; r < a->rows; ++r) {
        const float by =
            b->values[((size_t)o * (size_t)(b->height * b->width) + (size_t)place) * (size_t)a->rows + (size_t)r];
        for (int32_t h = 0; h < a->height; ++h) {
          const size_t run = (size_t)a->width * (size_t)a->channels;
          const float *from = a->values + ((size_t)r * (size_t)a->height + (size_t)h) * run;
          const size_t down = (size_t)(h + place / b->width), across = (size_t)(place % b->width);
          float *to = out + (((size_t)o * (size_t)height + down) * (size_t)width + across) * (size_t)a->channels;
          for (size_t i = 0; i < run; ++i) to[i] += by * from[i];
        }
      }
    }
  }
  ln_free(a->values);
  *a = (ln_factor){sizeof *a, b->rows, height, width, a->channels, 0, out};
  return true;
}

static double of_weights(const ln_layer_weights *layer, const float *values) {
  const size_t count = ln_patch_size(layer) * (size_t)layer->rows;
  double lost = 0, all = 0;
  for (size_t i = 0; i < count; ++i) {
    lost += ((double)layer->values[i] - values[i]) * ((double)layer->values[i] - values[i]);
    all += (double)layer->values[i] * layer->values[i];
  }
  return all > 0 ? lost / all : 0;
}

double ln_weights_loss(const ln_layer_weights *layer, const float *values, const float *bias) {
  const size_t size = ln_patch_size(layer);
  double lost = 0, all = 0;
  if (layer->patch_count == 0) return of_weights(layer, values);
  for (int32_t r = 0; r < layer->rows; ++r) {
    const float *row = values + (size_t)r * size;
    double sum = 0, squares = 0;
    for (int64_t k = 0; k < layer->patch_count; ++k) {
      const float *patch = layer->patches + (size_t)k * size;
      const double y = layer->outputs[(size_t)k * (size_t)layer->rows + (size_t)r];
      double gap = bias == NULL ? y : y - bias[r];
      for (size_t i = 0; i < size; ++i) gap -= (double)row[i] * patch[i];
      lost += gap * gap;
      sum += y;
      squares += y * y;
    }
    all += squares - sum / (double)layer->patch_count * sum;
  }
  return all > 0 ? fmin(lost / all, 1) : lost > 0;
}

/* ---- checks ---- */

static int by_value(const void *a, const void *b) {
  return ln_number_order((double)*(const float *)a, (double)*(const float *)b);
}

static ln_status check_clusters(const ln_factor *f, ln_error *err) {
  const size_t size = (size_t)f->height * (size_t)f->width * (size_t)f->channels;
  float *row = ln_floats(1, (int64_t)size);
  if (row == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  int32_t most = 0;
  for (int32_t r = 0; r < f->rows; ++r) {
    int32_t distinct = 1;
    memcpy(row, f->values + (size_t)r * size, size * sizeof *row);
    qsort(row, size, sizeof *row, by_value);
    for (size_t i = 1; i < size; ++i) distinct += row[i] != row[i - 1];
    if (distinct > most) most = distinct;
  }
  ln_free(row);
  if (f->clusters == 0 || most <= f->clusters) return LN_OK;
  return ln_fail(err, LN_ERR_INTERNAL, "a row of %d values where at most %d were promised", most, f->clusters);
}

static ln_status check_factors(const sample *s, ln_factor *factors, int32_t count, const float *bias, double error,
                               double tolerance, ln_error *err) {
  for (int32_t i = 0; i < count; ++i) {
    const size_t size =
        (size_t)factors[i].rows * (size_t)factors[i].height * (size_t)factors[i].width * (size_t)factors[i].channels;
    for (size_t k = 0; k < size; ++k)
      if (!isfinite(factors[i].values[k])) return ln_fail(err, LN_ERR_INTERNAL, "weights that are not finite");
    LN_TRY(check_clusters(&factors[i], err));
  }
  for (int32_t i = 1; i < count; ++i)
    if (!join(&factors[0], &factors[i])) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  const double lost = ln_weights_loss(&s->layer, factors[0].values, bias);
  if (lost <= error + tolerance) return LN_OK;
  return ln_fail(err, LN_ERR_INTERNAL, "loses %.4f of the output, where its cost says %.4f", lost, error);
}

static ln_status check_level(const ln_compressor *c, const void *state, const sample *s, int32_t level, double error,
                             double tolerance, ln_error *err) {
  ln_factor factors[LN_MOST_FACTORS] = {{0}};
  ln_compressor_cost cost = {.size = sizeof cost};
  int32_t count = 0;
  for (int32_t i = 0; i < LN_MOST_FACTORS; ++i) factors[i].size = sizeof *factors;
  LN_TRY(c->rewrite(state, &s->layer, level, err, factors, &count, NULL));
  LN_TRY(ln_factors_cost(&s->layer, factors, count, err, &cost));
  float *bias = ln_floats(s->layer.rows, 1);
  ln_status status = bias == NULL ? ln_fail(err, LN_ERR_MEMORY, "out of memory") : LN_OK;
  for (int32_t i = 0; status == LN_OK && i < count; ++i) {
    const ln_factor *f = &factors[i];
    factors[i].values = ln_floats((int64_t)f->rows * f->height, (int64_t)f->width * f->channels);
    if (factors[i].values == NULL) status = ln_fail(err, LN_ERR_MEMORY, "out of memory");
  }
  if (status == LN_OK) status = c->rewrite(state, &s->layer, level, err, factors, &count, bias);
  if (status == LN_OK) status = check_factors(s, factors, count, bias, error, tolerance, err);
  for (int32_t i = 0; i < LN_MOST_FACTORS; ++i) ln_free(factors[i].values);
  ln_free(bias);
  return status;
}

static ln_status check_levels(const ln_compressor *c, const void *state, const sample *s, int32_t levels,
                              double tolerance, ln_error *err) {
  int64_t before = 0;
  for (int32_t level = 0; level < levels; ++level) {
    ln_compressor_cost cost = {.size = sizeof cost};
    LN_TRY(c->cost(state, &s->layer, level, err, &cost));
    if (cost.bytes <= 0 || cost.macs < 0 || !(cost.error >= 0 && cost.error <= 1))
      return ln_fail(err, LN_ERR_INTERNAL, "level %d: a cost that cannot be", level);
    if (cost.macs + cost.bytes < before)
      return ln_fail(err, LN_ERR_INTERNAL, "level %d costs less than the one before it", level);
    before = cost.macs + cost.bytes;
    if (level != 0 && level != levels / 2 && level != levels - 1) continue;
    const ln_status status = check_level(c, state, s, level, cost.error, tolerance, err);
    if (status != LN_OK) ln_error_prefix(err, "level %d", level);
    LN_TRY(status);
  }
  return LN_OK;
}

static ln_status check_layer(const ln_compressor *c, const int32_t shape[4], bool has_patches, double tolerance,
                             ln_error *err) {
  const ln_parameter_values values = {.list = c->parameters};
  const bool flat = shape[1] == 1 && shape[2] == 1;
  sample s;
  void *state = NULL;
  int32_t levels = 0;
  ln_status status = make_sample(shape, flat ? 1 : 12, flat ? 1 : 6, has_patches, &s)
                         ? c->decompose(&s.layer, &values, err, &state, &levels)
                         : ln_fail(err, LN_ERR_MEMORY, "out of memory");
  if (status == LN_OK && levels < 0) status = ln_fail(err, LN_ERR_INTERNAL, "a negative number of levels");
  if (status == LN_OK) status = check_levels(c, state, &s, levels, tolerance, err);
  if (status != LN_OK)
    ln_error_prefix(err, "%s: weights [%d, %d, %d, %d]%s", c->name, shape[0], shape[1], shape[2], shape[3],
                    has_patches ? " with samples" : "");
  if (c->destroy != NULL) c->destroy(state);
  ln_free(s.values);
  ln_free(s.patches);
  ln_free(s.outputs);
  return status;
}

ln_status ln_compressor_check(const ln_compressor *compressor, ln_error *err) {
  if (compressor != NULL && compressor->size >= sizeof *compressor && compressor->name != NULL &&
      compressor->what != NULL && compressor->parameters != NULL && compressor->decompose != NULL &&
      compressor->cost != NULL && compressor->rewrite != NULL)
    return LN_OK;
  return ln_fail(err, LN_ERR_ARGUMENT, "a compressor with fields missing");
}

ln_status ln_compressor_test(const ln_compressor *compressor, double tolerance, ln_error *err) {
  static const int32_t shapes[][4] = {{24, 1, 1, 10}, {10, 1, 1, 24}, {1, 1, 1, 7}, {7, 1, 1, 1},
                                      {12, 3, 3, 8},  {8, 5, 3, 2},   {6, 1, 3, 4}};
  ln_error own;
  if (err == NULL) err = &own;
  LN_TRY(ln_compressor_check(compressor, err));
  for (size_t i = 0; i < LN_COUNT(shapes); ++i) {
    LN_TRY(check_layer(compressor, shapes[i], false, tolerance, err));
    LN_TRY(check_layer(compressor, shapes[i], true, tolerance, err));
  }
  return compressor->test == NULL ? LN_OK : compressor->test(err);
}
