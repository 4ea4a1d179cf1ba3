/* Metadata of a model that is edited: texts about the model, and how pictures become its input. */
#include "train/describe.h"

#include <string.h>

#include "format/format.h"
#include "format/write.h"
#include "linnet/metadata.h"
#include "train/trainer.h"

enum { NORMALIZATION = 1, RGB = 1, GRAY = 2 }; /* of ProcessUnitOptions and ColorSpaceType */

static ln_status no_memory(ln_error *err) { return ln_fail(err, LN_ERR_MEMORY, "out of memory for metadata"); }

/* ---- the blob ---- */

static ln_metadata *find_metadata(const ln_model *model) {
  for (int32_t i = 0; i < model->metadata_count; ++i) {
    if (strcmp(model->metadata[i].name, "TFLITE_METADATA") == 0) return &model->metadata[i];
  }
  return NULL;
}

bool ln_describe_read(ln_model *model, ln_md_model *out) {
  const ln_metadata *entry = find_metadata(model);
  void *old = NULL;
  *out = (ln_md_model){.min_parser_version = "1.0.0"};
  if (entry == NULL ||
      ln_flatbuffer_decode(entry->data, entry->size, LN_TABLE_md_model, &model->arena, NULL, &old) != LN_OK) {
    return false;
  }
  *out = *(const ln_md_model *)old;
  return true;
}

ln_status ln_describe_write(ln_model *model, const ln_md_model *root, ln_error *err) {
  uint8_t *data = NULL;
  size_t size = 0;
  ln_metadata *entry = find_metadata(model);
  LN_TRY(ln_flatbuffer_encode(root, LN_TABLE_md_model, "M001", err, &data, &size));
  void *copy = ln_arena_copy(&model->arena, data, size);
  ln_free(data);
  if (copy == NULL) return no_memory(err);
  if (entry == NULL) {
    ln_metadata *all = ln_arena_array(&model->arena, (size_t)model->metadata_count + 1, sizeof *all);
    if (all == NULL) return no_memory(err);
    if (model->metadata_count > 0) memcpy(all, model->metadata, (size_t)model->metadata_count * sizeof *all);
    model->metadata = all;
    entry = &all[model->metadata_count++];
    entry->name = "TFLITE_METADATA";
  }
  entry->data = copy;
  entry->size = size;
  return LN_OK;
}

bool ln_describe_one(ln_arena *arena, const void *table, size_t size, ln_vec_ptr *out) {
  const void **list = ln_arena_alloc(arena, sizeof *list);
  if (list == NULL || (list[0] = ln_arena_copy(arena, table, size)) == NULL) return false;
  *out = (ln_vec_ptr){list, 1};
  return true;
}

/* ---- inputs ---- */

/* Channels of a picture [batch, height, width, channels]; 0: the input is none. */
static int32_t channels_of(const ln_tensor *input) {
  const int32_t last = input->shape.rank == 4 ? input->shape.dims[3] : 0;
  return last == 1 || last == 3 ? last : 0;
}

/* The first input, all of whose elements are normalized alike. */
static bool describe_input(ln_model *model, const float *normalize, ln_md_model *root) {
  ln_arena *arena = &model->arena;
  const ln_graph *graph = &model->graphs[0];
  const ln_tensor *input = &graph->tensors[graph->inputs[0]];
  const int32_t channels = channels_of(input);
  ln_md_subgraph about = {0};
  if (root->subgraph_metadata.count > 0) about = *(const ln_md_subgraph *)root->subgraph_metadata.data[0];
  const float *numbers = ln_arena_copy(arena, normalize, 2 * sizeof *normalize);
  if (numbers == NULL) return false;
  const ln_md_normalization_options options = {.mean = {numbers, 1}, .std = {numbers + 1, 1}};
  const ln_md_image_properties image = {.color_space = channels == 1 ? GRAY : RGB};
  const ln_md_process_unit unit = {.options_type = NORMALIZATION,
                                   .options = ln_arena_copy(arena, &options, sizeof options)};
  const ln_md_content content = {.properties_type = LN_CONTENT_IMAGE,
                                 .properties = ln_arena_copy(arena, &image, sizeof image)};
  ln_md_tensor tensor = {.name = input->name};
  if (channels > 0) tensor.content = ln_arena_copy(arena, &content, sizeof content);
  if (unit.options == NULL || content.properties == NULL || (channels > 0 && tensor.content == NULL)) return false;
  return ln_describe_one(arena, &unit, sizeof unit, &tensor.process_units) &&
         ln_describe_one(arena, &tensor, sizeof tensor, &about.input_tensor_metadata) &&
         ln_describe_one(arena, &about, sizeof about, &root->subgraph_metadata);
}

/* ---- all of it ---- */

/* A text that is given takes the old one's place. */
static bool take(ln_arena *arena, const char *text, const char **out) {
  if (text != NULL) *out = ln_arena_strdup(arena, text);
  return *out != NULL || text == NULL;
}

static ln_status describe(ln_model *model, const ln_description *d, ln_error *err) {
  ln_md_model root;
  ln_arena *arena = &model->arena;
  if (d->class_count > 0) LN_TRY(ln_train_name_classes(model, d->classes, d->class_count, err));
  (void)ln_describe_read(model, &root);
  if (!take(arena, d->name, &root.name) || !take(arena, d->name, &model->description) ||
      !take(arena, d->description, &root.description) || !take(arena, d->version, &root.version) ||
      !take(arena, d->author, &root.author) || !take(arena, d->license, &root.license)) {
    return no_memory(err);
  }
  if (d->normalize != NULL && model->graphs[0].input_count < 1) {
    return ln_fail(err, LN_ERR_ARGUMENT, "the model has no input that could be normalized");
  }
  if (d->normalize != NULL && !describe_input(model, d->normalize, &root)) return no_memory(err);
  return ln_describe_write(model, &root, err);
}

ln_status ln_model_describe(const ln_model *model, const ln_description *d, ln_error *err, ln_model **out) {
  ln_model *edited = NULL;
  if (out != NULL) *out = NULL;
  if (model == NULL || d == NULL || d->size != sizeof *d || out == NULL || (d->class_count > 0 && d->classes == NULL)) {
    return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  }
  if (d->normalize != NULL && d->normalize[1] == 0) return ln_fail(err, LN_ERR_ARGUMENT, "normalize: divided by 0");
  LN_TRY(ln_edit_begin(model, err, &edited));
  ln_status status = describe(edited, d, err);
  if (status == LN_OK) status = ln_edit_compact(edited, err);
  if (status == LN_OK) status = ln_edit_snapshot(edited, err, out);
  ln_model_destroy(edited);
  return status;
}
