/*
 * Bytes as a checkpoint of training: what a trainer has saved is changed at places that the input names, its checksum
 * put right again, and restored. Whatever was restored, training goes on, and gives a model.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "fuzz.h"
#include "linnet/builder.h"
#include "linnet/train.h"

enum { SAMPLES = 6, WIDTH = 4, CLASSES = 3, MOST_EDITS = 64 };

/* ---- what is trained ---- */

static ln_model *model;
static char path[64];

static void forget(void) {
  unlink(path);
  ln_model_destroy(model);
}

static void prepare(void) {
  static const char *const layers[] = {"Dense units=6 activation=relu", "BatchNormalization", "Dropout rate=0.25",
                                       "Dense units=3 activation=softmax"};
  const int32_t width = WIDTH;
  ln_error err = {LN_OK, ""};
  ln_builder_options options = LN_BUILDER_OPTIONS_INIT;
  ln_builder *b = NULL;
  ln_status status = ln_builder_create(&options, &err, &b);
  if (status == LN_OK) status = ln_builder_input(b, "x", LN_FLOAT32, 1, &width, &err);
  for (size_t i = 0; status == LN_OK && i < LN_COUNT(layers); ++i) status = ln_builder_add(b, layers[i], &err);
  if (status == LN_OK) status = ln_builder_make(b, &err, &model);
  ln_builder_destroy(b);
  snprintf(path, sizeof path, "/tmp/fuzz-train-%ld", (long)getpid());
  if (status != LN_OK) {
    fprintf(stderr, "%s\n", err.message);
    abort();
  }
  atexit(forget);
}

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *err) {
  float values[WIDTH];
  (void)user;
  for (int i = 0; i < WIDTH; ++i) values[i] = (float)((index * 7 + i * 3) % 11) / 11;
  return ln_session_set_input(session, 0, values, sizeof values, err);
}

static const ln_samples samples = {sizeof samples, SAMPLES, fill, NULL};
static const int32_t labels[SAMPLES] = {0, 1, 2, 0, 1, 2};

/* ---- a trainer of what the first bytes choose ---- */

static ln_status choose(ln_trainer *t, const char *kind, uint8_t pick, ln_error *err) {
  int32_t count = 0;
  while (ln_train_choice(kind, count, NULL) != NULL) ++count;
  return ln_trainer_set(t, kind, ln_train_choice(kind, pick % count, NULL), err);
}

static ln_status create(fuzz_bytes head, ln_error *err, ln_trainer **out) {
  static const struct {
    const char *name, *value, *name2, *value2;
  } options[] = {{"ema", "0.5", NULL, NULL},
                 {"prune", "0.5", NULL, NULL},
                 {"cluster", "4", "cluster_smallest", "1"},
                 {"qat", "int8", NULL, NULL},
                 {"patience", "1", "plateau_patience", "1"},
                 {"best", "true", NULL, NULL},
                 {"class_weights", "balanced", NULL, NULL},
                 {"accumulate", "2", NULL, NULL}};
  ln_train_data data = LN_TRAIN_DATA_INIT;
  data.samples = &samples;
  data.labels = labels;
  LN_TRY(ln_trainer_create(model, err, out));
  LN_TRY(choose(*out, "optimizer", fuzz_byte(&head), err));
  LN_TRY(choose(*out, "schedule", fuzz_byte(&head), err));
  LN_TRY(ln_trainer_set(*out, "batch", "2", err));
  LN_TRY(ln_trainer_set(*out, "epochs", "2", err));
  const uint8_t flags = fuzz_byte(&head);
  for (size_t i = 0; i < LN_COUNT(options); ++i) {
    if ((flags >> i & 1) == 0) continue;
    LN_TRY(ln_trainer_set(*out, options[i].name, options[i].value, err));
    if (options[i].name2 != NULL) LN_TRY(ln_trainer_set(*out, options[i].name2, options[i].value2, err));
  }
  return ln_trainer_set_data(*out, &data, &data, err);
}

/* ---- checkpoints ---- */

/* Each edit: where, and how many bytes are put there; now and then the file is cut. */
static void edit(uint8_t *data, size_t *size, fuzz_bytes *edits) {
  for (int i = 0; i < MOST_EDITS && edits->size > 0; ++i) {
    const uint32_t at = fuzz_below(edits, (uint32_t)*size);
    const uint8_t kind = fuzz_byte(edits), length = 1 + kind % 8;
    if (kind == 255) *size = at > 64 ? at : 64;
    for (size_t k = 0; k < length && at + k < *size; ++k) data[at + k] = fuzz_byte(edits);
  }
}

static void put_sum(uint8_t *data, size_t size) {
  const uint32_t sum = ln_crc32c(0, data, size - sizeof sum);
  memcpy(data + size - sizeof sum, &sum, sizeof sum);
}

static ln_status change(fuzz_bytes *edits, ln_error *err) {
  ln_file_map map = {0};
  LN_TRY(ln_file_map_open(path, err, &map));
  size_t size = map.size;
  uint8_t *copy = ln_alloc_array(size, 1);
  if (copy != NULL) memcpy(copy, map.data, size);
  ln_file_map_close(&map);
  if (copy == NULL) return LN_ERR_MEMORY;
  const bool sound = fuzz_byte(edits) % 8 != 0;
  edit(copy, &size, edits);
  if (sound) put_sum(copy, size);
  const ln_status status = ln_file_write(path, copy, size, err);
  ln_free(copy);
  return status;
}

static bool tell(void *user, const ln_train_event *event) {
  (void)user;
  return event->step < 12;
}

static void go_on(ln_trainer *t) {
  static const int64_t some[3] = {5, 0, 3};
  ln_error err = {LN_OK, ""};
  ln_model *made = NULL;
  double loss;
  fuzz_check(ln_trainer_step(t, some, 3, &err, &loss), &err);
  fuzz_check(ln_trainer_run(t, tell, NULL, &err), &err);
  fuzz_check(ln_trainer_make(t, &err, &made), &err);
  ln_model_destroy(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const int64_t some[2] = {0, 1};
  enum { HEAD = 3 };
  ln_error err = {LN_OK, ""};
  ln_trainer *first = NULL, *second = NULL;
  double loss;
  if (size < HEAD) return 0;
  if (model == NULL) prepare();
  const fuzz_bytes head = {data, HEAD};
  fuzz_bytes edits = {data + HEAD, size - HEAD};
  ln_status status = create(head, &err, &first);
  if (status == LN_OK) status = create(head, &err, &second);
  if (status == LN_OK) status = ln_trainer_step(first, some, 2, &err, &loss);
  if (status == LN_OK) status = ln_trainer_save(first, path, &err);
  if (status == LN_OK) status = change(&edits, &err);
  if (status == LN_OK) {
    fuzz_check(ln_trainer_restore(second, path, &err), &err);
    go_on(second);
  }
  fuzz_check(status, &err);
  ln_trainer_destroy(second);
  ln_trainer_destroy(first);
  return 0;
}
