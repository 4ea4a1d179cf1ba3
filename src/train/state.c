/*
 * What a checkpoint holds: the trainer's memory under its names, for the same training alone. Numbers are
 * little-endian, as in the models. "LNTRAIN1", uint64: hash of settings, hash of the model, samples; uint32 count of
 * pieces; then of each uint32 length of the name, uint64 bytes, name, data; at the end the CRC-32C of all that.
 */
#include <string.h>

#include "train/trainer.h"

enum { HEAD = 8 + 3 * 8 + 4, PIECE = 4 + 8 };

ln_status ln_trainer_keep(ln_trainer *t, const char *name, void *data, size_t bytes) {
  ln_kept *kept = name == NULL ? NULL : ln_arena_alloc(&t->arena, sizeof *kept);
  if (kept == NULL) return ln_fail(t->err, LN_ERR_MEMORY, "out of memory for training");
  *kept = (ln_kept){ln_arena_strdup(&t->arena, name), data, bytes, t->kept};
  if (kept->name == NULL) return ln_fail(t->err, LN_ERR_MEMORY, "out of memory for training");
  t->kept = kept;
  return LN_OK;
}

/* Of the source's graph and its constants. */
static uint64_t hash_model(const ln_trainer *t) {
  const ln_graph *graph = &t->source->graphs[t->o.graph];
  uint64_t hash = (uint64_t)graph->op_count;
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    const ln_tensor *tensor = &graph->tensors[i];
    hash = hash * 0x9e3779b97f4a7c15u + ln_hash64(tensor->name, strlen(tensor->name));
    hash = hash * 0x9e3779b97f4a7c15u + ln_hash64(tensor->shape.dims, (size_t)tensor->shape.rank * sizeof(int32_t));
    if (!ln_tensor_const_data(tensor)) continue;
    hash = hash * 0x9e3779b97f4a7c15u + ln_hash64(tensor->data, tensor->bytes);
  }
  return hash;
}

static void put_head(const ln_trainer *t, uint8_t head[HEAD]) {
  const uint64_t numbers[3] = {ln_settings_hash(t->settings), hash_model(t), (uint64_t)t->data.samples->count};
  uint32_t count = 0;
  for (const ln_kept *k = t->kept; k != NULL; k = k->next) ++count;
  memcpy(head, "LNTRAIN1", 8);
  memcpy(head + 8, numbers, sizeof numbers);
  memcpy(head + 8 + sizeof numbers, &count, sizeof count);
}

/* ---- saving ---- */

ln_status ln_trainer_save(ln_trainer *t, const char *path, ln_error *err) {
  if (t == NULL || path == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  t->err = t->o.err = err;
  LN_TRY(ln_trainer_begin(t));
  uint8_t head[HEAD];
  ln_bytes bytes = {0};
  put_head(t, head);
  ln_bytes_add(&bytes, head, sizeof head);
  for (const ln_kept *k = t->kept; k != NULL; k = k->next) {
    const uint32_t length = (uint32_t)strlen(k->name);
    const uint64_t size = k->bytes;
    ln_bytes_add(&bytes, &length, sizeof length);
    ln_bytes_add(&bytes, &size, sizeof size);
    ln_bytes_add(&bytes, k->name, length);
    ln_bytes_add(&bytes, k->data, k->bytes);
  }
  const uint32_t sum = ln_crc32c(0, bytes.data, bytes.size);
  ln_bytes_add(&bytes, &sum, sizeof sum);
  const ln_status status = bytes.failed ? ln_fail(err, LN_ERR_MEMORY, "out of memory for a checkpoint")
                                        : ln_file_write(path, bytes.data, bytes.size, err);
  ln_bytes_free(&bytes);
  return status;
}

/* ---- restoring ---- */

static ln_status damaged(const ln_trainer *t) {
  return ln_fail(t->err, LN_ERR_DATA, "the checkpoint is damaged: training would not go on as it was");
}

static ln_kept *find(const ln_trainer *t, const uint8_t *name, size_t length) {
  for (ln_kept *k = t->kept; k != NULL; k = k->next) {
    if (strlen(k->name) == length && memcmp(k->name, name, length) == 0) return k;
  }
  return NULL;
}

static ln_status check_head(ln_trainer *t, const uint8_t *data, size_t size) {
  uint8_t head[HEAD];
  uint32_t sum;
  put_head(t, head);
  if (size < HEAD + sizeof sum || memcmp(data, head, 8) != 0) {
    return ln_fail(t->err, LN_ERR_DATA, "this is no checkpoint of training");
  }
  memcpy(&sum, data + size - sizeof sum, sizeof sum);
  if (sum != ln_crc32c(0, data, size - sizeof sum)) return damaged(t);
  static const char *const what[] = {"other options", "another model", "other data"};
  for (size_t i = 0; i < LN_COUNT(what); ++i) {
    if (memcmp(head + 8 + 8 * i, data + 8 + 8 * i, 8) != 0) {
      return ln_fail(t->err, LN_ERR_DATA, "the checkpoint belongs to a training with %s", what[i]);
    }
  }
  return memcmp(head, data, HEAD) == 0 ? LN_OK : damaged(t);
}

/* Goes over the pieces; `put`: copies them, which is done once all have been seen to fit. */
static ln_status walk(ln_trainer *t, const uint8_t *data, size_t size, bool put) {
  size_t at = HEAD;
  for (const ln_kept *expected = t->kept; expected != NULL; expected = expected->next) {
    uint32_t length;
    uint64_t bytes;
    if (size - at < PIECE) return damaged(t);
    memcpy(&length, data + at, sizeof length);
    memcpy(&bytes, data + at + sizeof length, sizeof bytes);
    at += PIECE;
    if (length > size - at || bytes > size - at - length) return damaged(t);
    const ln_kept *kept = find(t, data + at, length);
    if (kept != expected || kept->bytes != bytes) return damaged(t);
    if (put) memcpy(kept->data, data + at + length, kept->bytes);
    at += length + (size_t)bytes;
  }
  return at == size ? LN_OK : damaged(t);
}

static bool limit(int64_t *count) {
  const bool good = *count >= 0 && *count <= (int64_t)1 << 53;
  if (!good) *count = 0;
  return good;
}

/* Nothing that was restored may do harm, whoever wrote it: false where something could have. */
static bool make_safe(ln_trainer *t) {
  int64_t *const counts[] = {&t->step,         &t->stopping.seen, &t->stopping.wait,   &t->stopping.cooldown,
                             &t->plateau.seen, &t->plateau.wait,  &t->plateau.cooldown};
  bool good = true;
  for (size_t i = 0; i < LN_COUNT(counts); ++i) good = limit(counts[i]) && good;
  for (int32_t i = 0; i < t->form_count; ++i) {
    const ln_form_def *def = t->forms[i].def;
    if (def->restored != NULL) good = def->restored(t, t->forms[i].state) && good;
  }
  return good;
}

ln_status ln_trainer_restore(ln_trainer *t, const char *path, ln_error *err) {
  if (t == NULL || path == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  t->err = t->o.err = err;
  LN_TRY(ln_trainer_begin(t));
  ln_file_map map = {0};
  LN_TRY(ln_file_map_open(path, err, &map));
  ln_status status = check_head(t, map.data, map.size);
  const size_t size = map.size - (status == LN_OK ? sizeof(uint32_t) : 0);
  if (status == LN_OK) status = walk(t, map.data, size, false);
  if (status == LN_OK) status = walk(t, map.data, size, true);
  t->order_epoch = -1;
  if (status == LN_OK && !make_safe(t)) status = damaged(t);
  if (status != LN_OK) ln_error_prefix(err, "%s", path);
  ln_file_map_close(&map);
  return status;
}
