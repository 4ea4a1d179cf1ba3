/* Samples for a model: its inputs, where the samples come from, and their classes. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"
#include "linnet/inspect.h"

/* ---- bytes of files ---- */

ln_status ln_data_blob_open(const char *path, ln_error *err, ln_data_blob *out) {
  *out = (ln_data_blob){0};
  LN_TRY(ln_file_map_open(path, err, &out->map));
  out->data = out->map.data;
  out->size = out->map.size;
  ln_status status = LN_OK;
  if (ln_gzip_is(out->data, out->size)) {
    status = ln_gzip_unpack(out->map.data, out->map.size, err, &out->unpacked, &out->size);
    out->data = out->unpacked;
  }
  if (status == LN_OK && out->size == 0) status = ln_fail(err, LN_ERR_FORMAT, "the file is empty");
  if (status != LN_OK) ln_data_blob_close(out);
  return status;
}

void ln_data_blob_close(ln_data_blob *blob) {
  ln_file_map_close(&blob->map);
  ln_free(blob->unpacked);
  *blob = (ln_data_blob){0};
}

/* ---- what the model takes ---- */

/* Where its inputs and outputs are named: a signature, or its first graph. */
typedef struct entry_point {
  const ln_model *model;
  const ln_graph *graph;
  int32_t graph_index, signature; /* signature -1: none */
} entry_point;

static ln_status find_entry_point(const ln_model *model, const char *name, ln_error *err, entry_point *out) {
  const int32_t count = ln_model_signature_count(model);
  *out = (entry_point){.model = model, .signature = count > 0 ? 0 : -1};
  for (int32_t i = 0; name && i < count; i++) {
    if (strcmp(ln_model_signature_name(model, i), name) != 0) continue;
    out->signature = i;
    name = NULL;
  }
  if (name) return ln_fail(err, LN_ERR_NOT_FOUND, "no signature \"%s\"", name);
  if (out->signature >= 0) out->graph_index = ln_model_signature_graph(model, out->signature);
  out->graph = ln_model_graph(model, out->graph_index);
  return out->graph ? LN_OK : ln_fail(err, LN_ERR_MODEL, "the model holds no graph");
}

static int32_t arity(const entry_point *at, bool outputs) {
  if (at->signature >= 0) return ln_model_signature_arity(at->model, at->signature, outputs);
  return outputs ? ln_graph_output_count(at->graph) : ln_graph_input_count(at->graph);
}

static int32_t tensor_index(const entry_point *at, bool outputs, int32_t index) {
  if (at->signature >= 0) return ln_model_signature_tensor(at->model, at->signature, outputs, index);
  return outputs ? ln_graph_output(at->graph, index) : ln_graph_input(at->graph, index);
}

/* What the metadata, which counts inputs as the graph does, says of a tensor. */
static ln_tensor_info info_of(const ln_data *data, const entry_point *at, int32_t tensor) {
  ln_tensor_info info = {.size = sizeof info, .name = "", .description = ""};
  for (int32_t i = 0; data->info && i < ln_graph_input_count(at->graph); i++) {
    if (ln_graph_input(at->graph, i) == tensor) ln_model_info_tensor(data->info, at->graph_index, false, i, &info);
  }
  return info;
}

/* What pictures of a float input are taken as by ln_image_to_tensor where nobody says: said, so that inputs of integers
 * made from it hold the same numbers. */
static const float picture_middle = 127.5f;

static void normalise(ln_data_input *input, const float *normalize) {
  if (normalize) {
    input->info.mean = &normalize[0];
    input->info.std = &normalize[1];
    input->info.mean_count = input->info.std_count = 1;
  }
}

static ln_status read_inputs(ln_data *data, const entry_point *at, const float *normalize, ln_error *err) {
  data->input_count = arity(at, false);
  if (data->input_count == 0) return ln_fail(err, LN_ERR_MODEL, "the model has no inputs to fill");
  data->inputs = ln_arena_array(&data->arena, (size_t)data->input_count, sizeof *data->inputs);
  float *kept = normalize ? ln_arena_copy(&data->arena, normalize, 2 * sizeof *normalize) : NULL;
  if (!data->inputs || (normalize && !kept)) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  for (int32_t i = 0; i < data->input_count; i++) {
    ln_data_input *input = &data->inputs[i];
    const int32_t index = tensor_index(at, false, i);
    const ln_tensor *tensor = ln_graph_tensor(at->graph, index);
    input->name =
        ln_arena_strdup(&data->arena, at->signature >= 0 ? ln_model_signature_key(at->model, at->signature, false, i)
                                                         : ln_tensor_name(tensor));
    if (!input->name) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
    input->type = ln_tensor_type(tensor);
    input->rank = ln_tensor_rank(tensor);
    for (int32_t d = 0; d < input->rank; d++) input->dims[d] = ln_tensor_declared_dim(tensor, d);
    input->scale_count = ln_tensor_scale_count(tensor);
    input->scale = ln_tensor_scale(tensor, 0);
    input->zero_point = ln_tensor_zero_point(tensor, 0);
    input->info = info_of(data, at, index);
    normalise(input, kept);
    if (ln_type_bits(input->type) == 0) {
      return ln_fail(err, LN_ERR_TYPE, "input \"%s\" takes %s, for which samples are not read from files", input->name,
                     ln_type_name(input->type));
    }
  }
  const ln_tensor *output = arity(at, true) > 0 ? ln_graph_tensor(at->graph, tensor_index(at, true, 0)) : NULL;
  const int32_t rank = output ? ln_tensor_rank(output) : 0;
  const int32_t classes = rank > 0 ? ln_tensor_declared_dim(output, rank - 1) : 0;
  data->classes = classes > 0 ? classes : 0;
  data->outputs = rank > 1;
  for (int32_t d = 1; d < rank && data->outputs > 0; d++) {
    const int32_t dim = ln_tensor_declared_dim(output, d);
    if (dim < 0 || !ln_size_mul(data->outputs, (size_t)dim, &data->outputs)) data->outputs = 0;
  }
  return LN_OK;
}

ln_status ln_data_resize(ln_session *session, int32_t index, const int32_t *dims, int32_t rank, ln_error *err) {
  const ln_tensor *tensor = ln_session_input(session, index);
  bool same = ln_tensor_rank(tensor) == rank;
  for (int32_t i = 0; i < rank && same; i++) same = ln_tensor_dim(tensor, i) == dims[i];
  return same ? LN_OK : ln_session_resize_input(session, index, dims, rank, err);
}

/* ---- opening ---- */

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *err) {
  const ln_data *data = user;
  if (index < 0 || index >= data->samples.count) {
    return ln_fail(err, LN_ERR_ARGUMENT, "%s: there is no sample %lld", data->path, (long long)index);
  }
  if (ln_session_input_count(session) != data->input_count) {
    return ln_fail(err, LN_ERR_ARGUMENT, "%s: samples for %d inputs do not fill the %d of this session", data->path,
                   data->input_count, ln_session_input_count(session));
  }
  if (data->kind != LN_IO_NPY) return ln_data_fill_file(data, index, session, err);
  const ln_status status = ln_data_fill_arrays(data, index, session, err);
  if (status != LN_OK) ln_error_prefix(err, "%s: sample %lld", data->path, (long long)index);
  return status;
}

static ln_status open_source(ln_data *data, ln_data_options *chosen, ln_error *err) {
  const size_t cache_bytes = chosen->cache_bytes;
  if (ln_file_is_folder(data->path)) return ln_data_open_files(data, cache_bytes, err);
  LN_TRY(ln_data_blob_open(data->path, err, &data->blob));
  if (ln_data_is_csv(data->path)) {
    bool taken;
    LN_TRY(ln_data_open_csv(data, chosen->labels, &taken, err));
    if (taken) chosen->labels = NULL;
    return LN_OK;
  }
  ln_io_kind kind = LN_IO_UNKNOWN;
  if (data->blob.unpacked == NULL) LN_TRY(ln_io_detect(data->path, err, &kind));
  if (kind == LN_IO_IMAGE || kind == LN_IO_SOUND) return ln_data_open_files(data, cache_bytes, err);
  return ln_data_open_arrays(data, err);
}

/* Says to pictures of float inputs what ln_image_to_tensor would take, once it is known that there are pictures. */
static void settle_pictures(ln_data *data) {
  for (int32_t i = 0; i < data->input_count && data->kind == LN_IO_IMAGE; i++) {
    ln_data_input *input = &data->inputs[i];
    if (input->info.mean_count > 0 || !ln_data_is_float(input->type)) continue;
    input->info.mean = input->info.std = &picture_middle;
    input->info.mean_count = input->info.std_count = 1;
    data->notes[0] = "pictures go to -1 .. 1: the model does not say how its input is normalised";
  }
}

ln_status ln_data_open(const char *path, const ln_model *model, const ln_data_options *options, ln_error *err,
                       ln_data **out) {
  ln_data_options chosen = LN_DATA_OPTIONS_INIT;
  if (!path || !model || !out) return ln_fail(err, LN_ERR_ARGUMENT, "a path, a model and a place for the data");
  *out = NULL;
  if (options) memcpy(&chosen, options, options->size < sizeof chosen ? options->size : sizeof chosen);
  ln_data *data = ln_alloc_zero(sizeof *data);
  if (!data) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  data->samples = (ln_samples){sizeof data->samples, 0, fill, data};
  data->path = ln_arena_strdup(&data->arena, path);
  ln_status status = data->path ? LN_OK : ln_fail(err, LN_ERR_MEMORY, "out of memory");
  entry_point at;
  if (status == LN_OK) {
    ln_model_info_read(model, NULL, &data->info); /* most models bring none */
    status = find_entry_point(model, chosen.signature, err, &at);
  }
  if (status == LN_OK) status = read_inputs(data, &at, chosen.normalize, err);
  if (status == LN_OK) status = open_source(data, &chosen, err);
  if (status == LN_OK && data->samples.count == 0) status = ln_fail(err, LN_ERR_DATA, "it holds no samples");
  if (status != LN_OK) ln_error_prefix(err, "%s", path);
  if (status == LN_OK) {
    settle_pictures(data);
    status = ln_data_take_labels(data, model, &chosen, err);
  }
  if (status == LN_OK) *out = data;
  else ln_data_close(data);
  return status;
}

void ln_data_close(ln_data *data) {
  if (!data) return;
  ln_data_close_files(data);
  for (int32_t i = 0; data->inputs && i < data->input_count; i++) ln_data_array_close(&data->inputs[i].source);
  ln_data_array_close(&data->label_array);
  ln_data_blob_close(&data->blob);
  ln_model_info_destroy(data->info);
  ln_arena_free(&data->arena);
  ln_free(data);
}

const ln_samples *ln_data_samples(const ln_data *data) { return data ? &data->samples : NULL; }

const ln_labelled *ln_data_labelled(const ln_data *data) {
  return data && data->labels && data->label_count == 1 ? &data->labelled : NULL;
}

const char *ln_data_sample_name(const ln_data *data, int64_t index) {
  if (!data || index < 0 || index >= data->samples.count) return NULL;
  return data->files && data->windows == 0 ? data->files[index].name : "";
}

const char *ln_data_class(const ln_data *data, int32_t index) {
  return data && index >= 0 && index < data->class_count ? data->class_names[index] : NULL;
}

int32_t ln_data_class_count(const ln_data *data) { return data ? data->class_count : 0; }

const char *ln_data_note(const ln_data *data, int32_t index) {
  return data && index >= 0 && index < (int32_t)LN_COUNT(data->notes) ? data->notes[index] : NULL;
}
