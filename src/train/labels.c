/*
 * Names of classes in a model's file, as TensorFlow Lite's metadata has them: the entry of the output names a file of
 * labels, which stands in a zip archive behind the model. Files that were there stay.
 */
#include <string.h>

#include "format/format.h"
#include "format/write.h"
#include "linnet/metadata.h"
#include "train/describe.h"
#include "train/trainer.h"

static const char file_name[] = "classes.txt";

static ln_status no_memory(ln_error *err) { return ln_fail(err, LN_ERR_MEMORY, "out of memory for names of classes"); }

/* ---- metadata ---- */

/* The description of the outputs: one of classes, named or not. */
static bool describe_output(ln_arena *arena, bool named, ln_md_model *root) {
  ln_md_subgraph graph = {0};
  if (root->subgraph_metadata.count > 0) graph = *(const ln_md_subgraph *)root->subgraph_metadata.data[0];
  const ln_md_content content = {.properties_type = LN_CONTENT_FEATURES,
                                 .properties = ln_arena_alloc(arena, sizeof(ln_md_feature_properties))};
  const ln_md_file file = {.name = file_name, .kind = LN_FILE_AXIS_LABELS};
  ln_md_tensor tensor = {.name = "probability", .content = ln_arena_copy(arena, &content, sizeof content)};
  memset(&graph.output_process_units, 0, sizeof graph.output_process_units);
  memset(&graph.output_tensor_groups, 0, sizeof graph.output_tensor_groups);
  memset(&graph.output_tensor_metadata, 0, sizeof graph.output_tensor_metadata);
  if (named && (!ln_describe_one(arena, &file, sizeof file, &tensor.associated_files) ||
                !ln_describe_one(arena, &tensor, sizeof tensor, &graph.output_tensor_metadata))) {
    return false;
  }
  return ln_describe_one(arena, &graph, sizeof graph, &root->subgraph_metadata);
}

static ln_status set_metadata(ln_model *model, bool named, ln_error *err) {
  ln_md_model root;
  if (!ln_describe_read(model, &root) && !named) return LN_OK;
  root.description = NULL; /* of what it did before */
  if (!describe_output(&model->arena, named, &root)) return no_memory(err);
  return ln_describe_write(model, &root, err);
}

/* ---- the archive ---- */

enum { LOCAL = 30, ENTRY = 46, END = 22 };

static void put(uint8_t *at, int32_t bytes, uint64_t value) {
  for (int32_t i = 0; i < bytes; ++i) at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get(const uint8_t *at, int32_t bytes) {
  uint32_t value = 0;
  for (int32_t i = 0; i < bytes; ++i) value |= (uint32_t)at[i] << (8 * i);
  return value;
}

/* Of zip archives: the polynomial of Ethernet. */
static uint32_t crc32_of(const uint8_t *data, size_t size) {
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < size; ++i) {
    crc ^= data[i];
    for (int32_t k = 0; k < 8; ++k) crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
  }
  return ~crc;
}

/* What a local header and an entry of the directory both say, from the version that is needed on. */
static void put_file(uint8_t *at, const uint8_t *text, size_t size) {
  memset(at, 0, 26);
  put(at, 2, 20);
  put(at + 8, 2, 1 << 5 | 1); /* the first of January 1980 */
  put(at + 10, 4, crc32_of(text, size));
  put(at + 14, 4, size);
  put(at + 18, 4, size);
  put(at + 22, 2, sizeof file_name - 1);
}

/* Entries of the old directory but one of the same name, their offsets counted from the archive's beginning. */
static size_t copy_directory(const uint8_t *file, const ln_zip_tail *tail, uint8_t *out, uint32_t *count) {
  size_t at = tail->directory, size = 0;
  for (uint32_t i = 0; i < tail->entries; ++i) {
    const uint8_t *entry = file + at;
    const size_t name = get(entry + 28, 2), bytes = ENTRY + name + get(entry + 30, 2) + get(entry + 32, 2);
    at += bytes;
    if (name == sizeof file_name - 1 && memcmp(entry + ENTRY, file_name, name) == 0) continue;
    memcpy(out + size, entry, bytes);
    put(out + size + 42, 4, tail->base + get(entry + 42, 4) - tail->begin);
    size += bytes;
    ++*count;
  }
  return size;
}

/* The model's archive with the text as one more file. */
static ln_status set_archive(ln_model *model, const uint8_t *text, size_t size, ln_error *err) {
  const uint8_t *old = model->map.data;
  ln_zip_tail tail = {0};
  if (!ln_zip_tail_find(old, model->map.size, &tail)) tail = (ln_zip_tail){0};
  const size_t files = tail.directory - tail.begin, name = sizeof file_name - 1;
  size_t room;
  if (!ln_size_add(tail.end - tail.begin, size, &room) || !ln_size_add(room, 200, &room) || room > INT32_MAX) {
    return ln_fail(err, LN_ERR_LIMIT, "names of classes: the files of the model take too much");
  }
  uint8_t *all = ln_arena_alloc(&model->arena, room), *at = all + files;
  if (all == NULL) return no_memory(err);
  if (files > 0) memcpy(all, old + tail.begin, files);
  put(at, 4, 0x04034b50);
  put_file(at + 4, text, size);
  memcpy(at + LOCAL, file_name, name);
  memcpy(at + LOCAL + name, text, size);
  uint8_t *const directory = at + LOCAL + name + size;
  uint32_t count = 1;
  at = directory + (tail.entries > 0 ? copy_directory(old, &tail, directory, &count) : 0);
  put(at, 4, 0x02014b50);
  put(at + 4, 2, 20);
  put_file(at + 6, text, size);
  put(at + 42, 4, files);
  memcpy(at + ENTRY, file_name, name);
  uint8_t *const end = at + ENTRY + name;
  put(end, 4, 0x06054b50);
  put(end + 8, 2, count);
  put(end + 10, 2, count);
  put(end + 12, 4, (size_t)(end - directory));
  put(end + 16, 4, (size_t)(directory - all));
  model->map = (ln_file_map){.data = all, .size = (size_t)(end + END - all)};
  return LN_OK;
}

/* ---- both ---- */

ln_status ln_train_name_classes(ln_model *model, const char *const *names, int32_t count, ln_error *err) {
  ln_bytes text = {0};
  LN_TRY(set_metadata(model, count > 0, err));
  for (int32_t i = 0; i < count; ++i) {
    ln_bytes_add(&text, names[i], strlen(names[i]));
    ln_bytes_byte(&text, '\n');
  }
  ln_status status = text.failed ? no_memory(err) : LN_OK;
  if (status == LN_OK && count > 0) status = set_archive(model, text.data, text.size, err);
  ln_bytes_free(&text);
  return status;
}

ln_status ln_model_name_classes(const ln_model *model, const char *const *names, int32_t count, ln_error *err,
                                ln_model **out) {
  ln_model *edited = NULL;
  if (out != NULL) *out = NULL;
  if (model == NULL || out == NULL || count < 0 || (names == NULL && count > 0)) {
    return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  }
  LN_TRY(ln_edit_begin(model, err, &edited));
  ln_status status = ln_train_name_classes(edited, names, count, err);
  if (status == LN_OK) status = ln_edit_compact(edited, err);
  if (status == LN_OK) status = ln_edit_snapshot(edited, err, out);
  ln_model_destroy(edited);
  return status;
}
