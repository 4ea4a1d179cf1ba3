/* What layers see and should give: models run over samples, one beside the other. */
#include <math.h>
#include <string.h>

#include "optimize/linear.h"
#include "optimize/prune.h"

enum { MOST_VALUES = 16 << 20, FEW_POSITIONS = 4096, POSITIONS = 16384, POSITIONS_AN_INPUT = 12 };

typedef struct gathering {
  const ln_optimizer *o;
  const ln_prune_layer *p;
  ln_prune_data *data;
  ln_session *dense; /* NULL: inputs alone */
  float *rows;       /* [most, columns] of the dense model */
  int64_t most;      /* positions of a sample */
} gathering;

static ln_status run_beside(const ln_optimizer *o, int64_t sample, ln_session *session, ln_error *err) {
  const ln_samples *samples = o->options->calibration;
  LN_TRY(samples->fill(samples->user, sample, session, err));
  return ln_session_run(session, err);
}

static ln_status not_seen(const gathering *g) {
  return ln_fail(g->o->err, LN_ERR_SHAPE, "prune: op %d \"%s\": its inputs cannot be seen",
                 ln_layer_op(g->o, &g->p->layer)->index, ln_layer_name(g->o, &g->p->layer));
}

/* y gets what the pruned model's sum lacks: the dense addend less the pruned one. */
static void add_skip(const gathering *g, const ln_session *session, const ln_tensor *input, int64_t taken,
                     uint64_t seed) {
  const ln_prune_data *d = g->data;
  const int32_t rows = g->p->layer.rows;
  const ln_tensor *now = ln_session_tensor((ln_session *)(uintptr_t)session, g->p->skip);
  const ln_tensor *then = ln_session_tensor(g->dense, g->p->skip);
  int64_t start, step;
  if (ln_layer_positions(g->o, &g->p->layer, input, g->most, seed, &start, &step) != taken) return;
  for (int64_t i = 0; i < taken; ++i) {
    const size_t from = (size_t)(start + i * step) * (size_t)rows;
    for (int32_t r = 0; r < rows; ++r) {
      const int64_t at =
          ((int64_t)(r / d->group_rows) * d->capacity + d->count + i) * d->group_rows + r % d->group_rows;
      d->y[at] += ln_tensor_get_f32(then, from + (size_t)r) - ln_tensor_get_f32(now, from + (size_t)r);
    }
  }
}

static ln_status gather(void *user, int64_t sample, ln_session *session, ln_error *err) {
  gathering *g = user;
  ln_prune_data *d = g->data;
  const ln_layer *layer = &g->p->layer;
  const uint64_t seed = (uint64_t)sample;
  if (g->dense != NULL) LN_TRY(run_beside(g->o, sample, g->dense, err));
  int64_t room = d->capacity - d->count < g->most ? d->capacity - d->count : g->most;
  const ln_tensor *input = ln_session_tensor(session, layer->input);
  if (room < g->most) return LN_OK; /* positions would differ */
  int64_t taken = 0;
  for (int32_t i = 0; i < d->groups; ++i) {
    float *x = d->x + ((int64_t)i * d->capacity + d->count) * d->columns;
    taken = ln_layer_patches(g->o, layer, input, i * d->group_rows, g->most, seed, x);
    if (taken < 0) return not_seen(g);
    if (g->dense == NULL) continue;
    const ln_tensor *then = ln_session_tensor(g->dense, layer->input);
    if (ln_layer_patches(g->o, layer, then, i * d->group_rows, g->most, seed, g->rows) != taken) return not_seen(g);
    ln_linear_apply(g->rows, taken, d->columns, g->p->dense + (ptrdiff_t)i * d->group_rows * d->columns,
                    g->p->dense_bias + (ptrdiff_t)i * d->group_rows, d->group_rows,
                    d->y + ((int64_t)i * d->capacity + d->count) * d->group_rows);
  }
  if (g->dense != NULL && g->p->skip >= 0) add_skip(g, session, input, taken, seed);
  d->count += taken;
  return LN_OK;
}

/* How many positions are worth having, and how many of them a sample gives. */
static void plan(const ln_prune_layer *p, int64_t samples, ln_prune_data *d, int64_t *most) {
  int64_t wanted = (int64_t)p->layer.columns * POSITIONS_AN_INPUT;
  if (d->groups > 1 && wanted < FEW_POSITIONS) wanted = FEW_POSITIONS;
  if (d->groups == 1 && wanted < POSITIONS) wanted = POSITIONS;
  const int64_t room = MOST_VALUES / ((int64_t)d->groups * (d->columns + d->group_rows));
  if (wanted > room) wanted = room;
  *most = (wanted + samples - 1) / samples;
  if (*most < 1) *most = 1;
  d->capacity = *most * samples;
  if (d->capacity > room && room >= *most) d->capacity = room; /* some samples then give nothing */
  else if (d->capacity > room) d->capacity = *most;
}

void ln_prune_data_free(ln_prune_data *data) {
  ln_free(data->x);
  ln_free(data->y);
  *data = (ln_prune_data){0};
}

ln_status ln_prune_gather(const ln_optimizer *o, ln_model *model, ln_model *dense, const ln_prune_layer *p,
                          int64_t samples, ln_prune_data *out) {
  gathering g = {.o = o, .p = p, .data = out};
  const int64_t count = o->options->calibration->count;
  size_t all = 0, each = 0;
  *out = (ln_prune_data){.groups = p->groups, .group_rows = p->layer.rows / p->groups, .columns = p->layer.columns};
  if (samples <= 0 || samples > count) samples = count;
  plan(p, samples, out, &g.most);
  bool good = ln_size_mul((size_t)out->groups, (size_t)out->capacity, &all) &&
              ln_size_mul(all, (size_t)out->columns, &each) && (out->x = ln_alloc_array(each, sizeof(float))) != NULL;
  if (good && dense != NULL) {
    good = ln_size_mul(all, (size_t)out->group_rows, &each) && (out->y = ln_alloc_array(each, sizeof(float))) != NULL &&
           ln_size_mul((size_t)g.most, (size_t)out->columns, &each) &&
           (g.rows = ln_alloc_array(each, sizeof(float))) != NULL;
  }
  ln_status status = good ? LN_OK : ln_optimizer_no_memory(o);
  if (status == LN_OK && dense != NULL) {
    ln_session_options options = LN_SESSION_OPTIONS_INIT;
    options.keep_all_tensors = true;
    options.threads = o->options->threads;
    options.signature = o->options->signature;
    status = ln_session_create(dense, &options, o->err, &g.dense);
  }
  if (status == LN_OK) status = ln_observe(o, model, o->options->calibration, samples, NULL, gather, &g);
  ln_session_destroy(g.dense);
  ln_free(g.rows);
  if (status != LN_OK) ln_prune_data_free(out);
  return status;
}

double ln_prune_variance(const ln_prune_data *data) {
  double total = 0;
  for (int64_t r = 0; r < (int64_t)data->groups * data->group_rows; ++r) {
    const float *y = data->y + r / data->group_rows * data->capacity * data->group_rows + r % data->group_rows;
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < data->count; ++i) {
      const double value = (double)y[i * data->group_rows];
      sum += value;
      squares += value * value;
    }
    total += data->count > 0 ? (squares - sum * sum / (double)data->count) / (double)data->count : 0;
  }
  return total > 1e-30 ? total : 1e-30;
}

/* ---- the outputs ---- */

typedef struct comparison {
  const ln_optimizer *o;
  ln_session *dense;
  double error, sum, squares, count;
} comparison;

static ln_status compare(void *user, int64_t sample, ln_session *session, ln_error *err) {
  comparison *c = user;
  LN_TRY(run_beside(c->o, sample, c->dense, err));
  for (int32_t i = 0; i < ln_session_output_count(session); ++i) {
    const ln_tensor *now = ln_session_output(session, i), *then = ln_session_output(c->dense, i);
    const size_t elements = ln_tensor_elements(now);
    if (elements != ln_tensor_elements(then)) continue;
    for (size_t j = 0; j < elements; ++j) {
      const double is = ln_tensor_get_f32(now, j), was = ln_tensor_get_f32(then, j);
      c->error += (is - was) * (is - was);
      c->sum += was;
      c->squares += was * was;
      c->count += 1;
    }
  }
  return LN_OK;
}

ln_status ln_prune_output_error(const ln_optimizer *o, ln_model *model, ln_model *dense, int64_t samples, double *out) {
  comparison c = {.o = o};
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = o->options->threads;
  options.signature = o->options->signature;
  LN_TRY(ln_session_create(dense, &options, o->err, &c.dense));
  const ln_status status = ln_observe(o, model, o->options->calibration, samples, NULL, compare, &c);
  ln_session_destroy(c.dense);
  const double variance = c.count > 0 ? c.squares - c.sum * c.sum / c.count : 0;
  *out = c.error / (variance > 1e-30 ? variance : 1e-30);
  return status;
}
