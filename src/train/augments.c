/* Augmentation of a batch: which rows were chosen, the samples as they see them, and what becomes of targets. */
#include <string.h>

#include "train/trainer.h"

const ln_augment_def *ln_augment_at(int32_t index) {
#define LN_AUGMENT(stem) extern const ln_augment_def ln_augment_##stem;
#include "train/augments.def"
#undef LN_AUGMENT
  static const ln_augment_def *const all[] = {
#define LN_AUGMENT(stem) &ln_augment_##stem,
#include "train/augments.def"
#undef LN_AUGMENT
      NULL};
  return index < 0 || (size_t)index >= LN_COUNT(all) ? NULL : all[index];
}

/* The next chosen row from `*index` on; NULL: none is left. */
static const ln_augment_def *next_row(const ln_settings *s, int32_t *index) {
  for (const ln_augment_def *row; (row = ln_augment_at(*index)) != NULL;) {
    ++*index;
    if (ln_setting_given(s, row->name)) return row;
  }
  return NULL;
}

bool ln_augment_any(const ln_settings *s) {
  int32_t at = 0;
  return next_row(s, &at) != NULL;
}

bool ln_augment_mixes(const ln_settings *s) {
  int32_t at = 0;
  for (const ln_augment_def *row; (row = next_row(s, &at)) != NULL;) {
    if (row->mixes) return true;
  }
  return false;
}

/* ---- samples as rows see them ---- */

/* Pictures have their channels last, unless only the first dimension can be a number of channels. */
static bool view_shape(const int32_t *dims, int32_t rank, bool sound, ln_augment_view *v) {
  if (rank != 3 && rank != (sound ? 2 : 4)) return false;
  const bool first = rank == 4 && dims[3] > 4 && (dims[1] == 1 || dims[1] == 3 || dims[1] == 4);
  const int32_t *size = dims + (first ? 2 : 1);
  v->height = sound ? 1 : size[0];
  v->width = size[sound ? 0 : 1];
  v->channels = sound ? (rank == 3 ? dims[2] : 1) : rank == 3 ? 1 : dims[first ? 1 : 3];
  v->x_step = first ? 1 : (size_t)v->channels;
  v->y_step = v->x_step * (size_t)v->width;
  v->c_step = first ? v->y_step * (size_t)v->height : 1;
  return true;
}

/* Input `input` of a sample as rows of a kind take it; false: they do not. `move` stays as it is. */
static bool view_input(const ln_batch *batch, ln_augment_kind kind, int32_t input, int32_t sample, ln_augment_view *v) {
  const ln_shape *shape = &batch->shapes[input];
  float *data = batch->inputs[input];
  if (data == NULL || shape->rank < 1 || !ln_size_product(shape->dims + 1, shape->rank - 1, &v->count)) return false;
  v->data = data + (size_t)sample * v->count;
  if (v->count == 0) return false;
  return view_shape(shape->dims, shape->rank, kind == LN_AUGMENT_SOUND, v) || kind == LN_AUGMENT_ANY;
}

/* A row that no input fits was chosen by mistake. */
static ln_status check_row(const ln_batch *batch, const ln_augment_def *row, ln_error *err) {
  ln_augment_view v;
  for (int32_t i = 0; i < batch->input_count; i++) {
    if (view_input(batch, row->kind, i, 0, &v)) return LN_OK;
  }
  const char *what = row->kind == LN_AUGMENT_ANY     ? "numbers (float32)"
                     : row->kind == LN_AUGMENT_SOUND ? "sound (float32 [batch, frames])"
                                                     : "pictures (float32 [batch, height, width, channels])";
  return ln_fail(err, LN_ERR_ARGUMENT, "%s: the model has no input of %s", row->name, what);
}

double ln_augment_between(ln_random *random, double most) { return (2 * ln_random_unit(random) - 1) * most; }

float ln_augment_mean(const ln_augment_view *v, int32_t channel) {
  double sum = 0;
  for (int32_t y = 0; y < v->height; y++) {
    for (int32_t x = 0; x < v->width; x++) sum += (double)*ln_augment_pixel(v, y, x, channel);
  }
  return (float)(sum / ((double)v->height * v->width));
}

/* ---- rows that change a sample alone ---- */

typedef struct place {
  const ln_settings *settings;
  uint64_t seed, epoch;
} place;

static void begin(const place *at, const char *name, int64_t index, ln_random *out) {
  const uint64_t purpose = LN_RANDOM_AUGMENT | ln_hash64(name, strlen(name)) << 8;
  ln_random_begin(out, at->seed, purpose, at->epoch, (uint64_t)index);
}

static void change_input(const place *at, int64_t index, const ln_batch *batch, int32_t input, int32_t sample,
                         float *scratch) {
  ln_augment_view v = {.move = {1, 0, 0, 0, 1, 0}, .fill = 'r'};
  bool moved = false;
  for (int32_t i = 0; ln_augment_at(i) != NULL; i++) {
    const ln_augment_def *row = ln_augment_at(i);
    ln_random random;
    if (row->kind != LN_AUGMENT_MOVES && moved) ln_augment_warp(&v, scratch), moved = false;
    if (!ln_setting_given(at->settings, row->name) || row->mixes) continue;
    if (!view_input(batch, row->kind, input, sample, &v)) continue;
    moved = row->kind == LN_AUGMENT_MOVES;
    begin(at, row->name, index, &random);
    row->apply(at->settings, row->parameters, &random, &v);
  }
}

/* ---- rows that mix two ---- */

/* One of the chosen ones, drawn for each pair. */
static const ln_augment_def *draw_mixing(const place *at, int64_t index) {
  const ln_augment_def *rows[8];
  uint64_t count = 0;
  int32_t next = 0;
  for (const ln_augment_def *row; (row = next_row(at->settings, &next)) != NULL;) {
    if (row->mixes && count < LN_COUNT(rows)) rows[count++] = row;
  }
  ln_random random;
  begin(at, "which", index, &random);
  return rows[ln_random_below(&random, count)];
}

static void mix_targets(const ln_batch *batch, int32_t a, int32_t b, float share) {
  float *x = batch->targets + (size_t)a * (size_t)batch->classes;
  float *y = batch->targets + (size_t)b * (size_t)batch->classes;
  for (int32_t i = 0; i < batch->classes; i++) {
    const float kept = x[i];
    x[i] = share * x[i] + (1 - share) * y[i];
    y[i] = share * y[i] + (1 - share) * kept;
  }
}

static void mix_pair(const place *at, const int64_t *indices, const ln_batch *batch, int32_t a, int32_t b) {
  const ln_augment_def *row = draw_mixing(at, indices[a]);
  double share = 1;
  for (int32_t i = 0; i < batch->input_count; i++) {
    ln_random random;
    ln_augment_view v = {0}, other = {0};
    if (!view_input(batch, row->kind, i, a, &v) || !view_input(batch, row->kind, i, b, &other)) continue;
    v.other = other.data;
    begin(at, row->name, indices[a], &random);
    row->apply(at->settings, row->parameters, &random, &v);
    share = v.share;
  }
  mix_targets(batch, a, b, (float)share);
}

static ln_status soften(ln_batch *batch, ln_error *err) {
  if (batch->targets == NULL) {
    return ln_fail(err, LN_ERR_ARGUMENT,
                   "mixed samples have mixed targets: choose a loss that takes values (cross-entropy)");
  }
  if (batch->labels == NULL || batch->soft) return LN_OK;
  memset(batch->targets, 0, (size_t)batch->count * (size_t)batch->classes * sizeof *batch->targets);
  for (int32_t i = 0; i < batch->count; i++) {
    batch->targets[(size_t)i * (size_t)batch->classes + (size_t)batch->labels[i]] = 1; /* checked with the data */
  }
  batch->soft = true;
  return LN_OK;
}

/* ---- a batch ---- */

static size_t largest_sample(const ln_batch *batch) {
  size_t most = 0;
  ln_augment_view v;
  for (int32_t i = 0; i < batch->input_count; i++) {
    if (view_input(batch, LN_AUGMENT_ANY, i, 0, &v) && v.count > most) most = v.count;
  }
  return most;
}

typedef struct changing {
  place at;
  const int64_t *indices;
  const ln_batch *batch;
  int32_t each;   /* samples of a task */
  size_t largest; /* numbers of a sample */
  float *scratch; /* [threads, largest] */
} changing;

static void change_part(void *context, int32_t task, int32_t worker) {
  const changing *c = context;
  for (int32_t k = task * c->each; k < (task + 1) * c->each && k < c->batch->count; k++) {
    for (int32_t i = 0; i < c->batch->input_count; i++) {
      change_input(&c->at, c->indices[k], c->batch, i, k, c->scratch + (size_t)worker * c->largest);
    }
  }
}

static ln_status change_all(const place *at, const int64_t *indices, const ln_batch *batch, ln_pool *pool,
                            ln_error *err) {
  enum { NS_OF_NUMBER = 20 };
  changing c = {*at, indices, batch, 0, largest_sample(batch), NULL};
  c.scratch = ln_alloc_array(c.largest, (size_t)ln_pool_threads(pool) * sizeof *c.scratch);
  if (c.scratch == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory for augmentation");
  c.each = ln_pool_share(pool, batch->count, batch->count, (int64_t)c.largest * batch->count * NS_OF_NUMBER);
  ln_pool_run(pool, (batch->count - 1) / c.each + 1, change_part, &c);
  ln_free(c.scratch);
  return LN_OK;
}

ln_status ln_augment_batch(const ln_settings *s, uint64_t seed, int64_t epoch, const int64_t *indices, ln_batch *batch,
                           ln_pool *pool, ln_error *err) {
  const place at = {s, seed, (uint64_t)epoch};
  int32_t next = 0;
  for (const ln_augment_def *row; (row = next_row(s, &next)) != NULL;) LN_TRY(check_row(batch, row, err));
  if (batch->count < 1 || !ln_augment_any(s)) return LN_OK;
  LN_TRY(change_all(&at, indices, batch, pool, err));
  if (!ln_augment_mixes(s)) return LN_OK;
  LN_TRY(soften(batch, err));
  /* Batches are drawn at random: the first with the last is as good a pair as any. */
  for (int32_t k = 0; k < batch->count / 2; k++) mix_pair(&at, indices, batch, k, batch->count - 1 - k);
  return LN_OK;
}
