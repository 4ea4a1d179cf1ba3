/* The TFLITE_METADATA blob, decoded with the tables of ir/metadata.def and copied, as public records. */
#include <string.h>

#include "format/format.h"
#include "linnet/metadata.h"

typedef struct owned_file {
  const ln_md_file *file;
  int32_t graph, tensor;
  bool of_output;
} owned_file;

struct ln_model_info {
  ln_arena arena;
  const ln_md_model *root;
  owned_file *files;
  int32_t file_count;
};

static const char *text(const char *string) { return string ? string : ""; }

static const ln_md_subgraph *subgraph_of(const ln_model_info *info, int32_t graph) {
  const ln_vec_ptr *all = &info->root->subgraph_metadata;
  return graph >= 0 && (uint32_t)graph < all->count ? all->data[graph] : NULL;
}

static const ln_vec_ptr *tensors_of(const ln_md_subgraph *graph, bool outputs) {
  return outputs ? &graph->output_tensor_metadata : &graph->input_tensor_metadata;
}

/* Appends a list's files, or only counts them while `info->files` is NULL. */
static void add_files(ln_model_info *info, const ln_vec_ptr *list, int32_t graph, int32_t tensor, bool of_output) {
  for (uint32_t i = 0; i < list->count; i++) {
    if (info->files) info->files[info->file_count] = (owned_file){list->data[i], graph, tensor, of_output};
    info->file_count++;
  }
}

/* The vocabularies that tokenizers among `units` name. */
static void add_unit_files(ln_model_info *info, const ln_vec_ptr *units, int32_t graph, int32_t tensor,
                           bool of_output) {
  for (uint32_t i = 0; i < units->count; i++) {
    const ln_md_process_unit *unit = units->data[i];
    if (!unit->options) continue;
    const ln_table_id table = ln_schema_union_member(LN_UNION_md_process_unit_options, unit->options_type);
    if (table == LN_TABLE_md_bert_tokenizer_options) {
      add_files(info, &((const ln_md_bert_tokenizer_options *)unit->options)->vocab_file, graph, tensor, of_output);
    } else if (table == LN_TABLE_md_sentence_piece_tokenizer_options) {
      const ln_md_sentence_piece_tokenizer_options *options = unit->options;
      add_files(info, &options->sentence_piece_model, graph, tensor, of_output);
      add_files(info, &options->vocab_file, graph, tensor, of_output);
    } else if (table == LN_TABLE_md_regex_tokenizer_options) {
      add_files(info, &((const ln_md_regex_tokenizer_options *)unit->options)->vocab_file, graph, tensor, of_output);
    }
  }
}

static void list_files(ln_model_info *info) {
  info->file_count = 0;
  add_files(info, &info->root->associated_files, -1, -1, false);
  for (int32_t g = 0; subgraph_of(info, g); g++) {
    const ln_md_subgraph *graph = subgraph_of(info, g);
    add_files(info, &graph->associated_files, g, -1, false);
    add_unit_files(info, &graph->input_process_units, g, -1, false);
    add_unit_files(info, &graph->output_process_units, g, -1, true);
    for (int outputs = 0; outputs < 2; outputs++) {
      const ln_vec_ptr *tensors = tensors_of(graph, outputs);
      for (uint32_t t = 0; t < tensors->count; t++) {
        const ln_md_tensor *tensor = tensors->data[t];
        add_files(info, &tensor->associated_files, g, (int32_t)t, outputs);
        add_unit_files(info, &tensor->process_units, g, (int32_t)t, outputs);
      }
    }
  }
}

ln_status ln_model_info_read(const ln_model *model, ln_error *err, ln_model_info **out) {
  *out = NULL;
  size_t size = 0;
  const void *blob = ln_model_metadata(model, "TFLITE_METADATA", &size);
  if (!blob) return ln_fail(err, LN_ERR_NOT_FOUND, "the model holds no metadata");
  if (size < 8 || memcmp((const uint8_t *)blob + 4, "M001", 4) != 0) {
    return ln_fail(err, LN_ERR_FORMAT, "metadata: not of the form \"M001\"");
  }
  ln_model_info *info = ln_alloc_zero(sizeof *info);
  if (!info) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  ln_status status = LN_OK;
  void *root = NULL;
  const uint8_t *copy = ln_arena_copy(&info->arena, blob, size);
  if (!copy) {
    status = ln_fail(err, LN_ERR_MEMORY, "out of memory");
    goto out;
  }
  status = ln_flatbuffer_decode(copy, size, LN_TABLE_md_model, &info->arena, err, &root);
  if (status != LN_OK) {
    ln_error_prefix(err, "metadata");
    goto out;
  }
  info->root = root;
  list_files(info);
  info->files = ln_arena_array(&info->arena, (size_t)info->file_count + 1, sizeof *info->files);
  if (!info->files) {
    status = ln_fail(err, LN_ERR_MEMORY, "out of memory");
    goto out;
  }
  list_files(info);
  *out = info;
out:
  if (status != LN_OK) ln_model_info_destroy(info);
  return status;
}

void ln_model_info_destroy(ln_model_info *info) {
  if (!info) return;
  ln_arena_free(&info->arena);
  ln_free(info);
}

const char *ln_model_info_name(const ln_model_info *info) { return text(info->root->name); }
const char *ln_model_info_description(const ln_model_info *info) { return text(info->root->description); }
const char *ln_model_info_version(const ln_model_info *info) { return text(info->root->version); }
const char *ln_model_info_author(const ln_model_info *info) { return text(info->root->author); }
const char *ln_model_info_license(const ln_model_info *info) { return text(info->root->license); }
const char *ln_model_info_min_parser_version(const ln_model_info *info) { return text(info->root->min_parser_version); }

int32_t ln_model_info_tensor_count(const ln_model_info *info, int32_t graph, bool outputs) {
  const ln_md_subgraph *found = subgraph_of(info, graph);
  return found ? (int32_t)tensors_of(found, outputs)->count : 0;
}

static void fill_content(const ln_md_content *content, ln_tensor_info *out) {
  if (!content || !content->properties) return;
  const ln_table_id table = ln_schema_union_member(LN_UNION_md_content_properties, content->properties_type);
  if (table == LN_TABLE_none) return;
  out->content = (ln_content)content->properties_type;
  if (table == LN_TABLE_md_image_properties) {
    const ln_md_image_properties *image = content->properties;
    out->color_space = image->color_space;
    out->default_width = image->default_size ? image->default_size->width : 0;
    out->default_height = image->default_size ? image->default_size->height : 0;
  } else if (table == LN_TABLE_md_audio_properties) {
    const ln_md_audio_properties *audio = content->properties;
    out->sample_rate = audio->sample_rate;
    out->channels = audio->channels;
  }
}

static void fill_units(const ln_vec_ptr *units, ln_tensor_info *out) {
  for (uint32_t i = 0; i < units->count; i++) {
    const ln_md_process_unit *unit = units->data[i];
    if (!unit->options) continue;
    const ln_table_id table = ln_schema_union_member(LN_UNION_md_process_unit_options, unit->options_type);
    if (table == LN_TABLE_md_normalization_options) {
      const ln_md_normalization_options *options = unit->options;
      if (options->mean.count == 0 || options->std.count == 0) continue;
      out->mean = options->mean.data;
      out->mean_count = (int32_t)options->mean.count;
      out->std = options->std.data;
      out->std_count = (int32_t)options->std.count;
    } else if (table == LN_TABLE_md_score_thresholding_options) {
      out->has_threshold = true;
      out->threshold = ((const ln_md_score_thresholding_options *)unit->options)->global_score_threshold;
    }
  }
}

ln_status ln_model_info_tensor(const ln_model_info *info, int32_t graph, bool outputs, int32_t index,
                               ln_tensor_info *out) {
  if (index < 0 || index >= ln_model_info_tensor_count(info, graph, outputs)) return LN_ERR_ARGUMENT;
  const ln_md_tensor *tensor = tensors_of(subgraph_of(info, graph), outputs)->data[index];
  ln_tensor_info record = {0};
  record.name = text(tensor->name);
  record.description = text(tensor->description);
  fill_content(tensor->content, &record);
  fill_units(&tensor->process_units, &record);
  if (tensor->stats) {
    record.min = tensor->stats->min.data;
    record.min_count = (int32_t)tensor->stats->min.count;
    record.max = tensor->stats->max.data;
    record.max_count = (int32_t)tensor->stats->max.count;
  }
  return ln_struct_give(out, &record, sizeof record);
}

const char *ln_file_kind_name(ln_file_kind kind) {
  static const char *const names[] = {"unknown",           "descriptions", "axis labels", "value labels",
                                      "score calibration", "vocabulary",   "scann index"};
  return (unsigned)kind < LN_COUNT(names) ? names[kind] : names[0];
}

int32_t ln_model_info_file_count(const ln_model_info *info) { return info->file_count; }

ln_status ln_model_info_file(const ln_model_info *info, int32_t index, ln_file_info *out) {
  if (index < 0 || index >= info->file_count) return LN_ERR_ARGUMENT;
  const owned_file *owned = &info->files[index];
  ln_file_info record = {0};
  record.name = text(owned->file->name);
  record.description = text(owned->file->description);
  record.locale = text(owned->file->locale);
  record.kind = (ln_file_kind)owned->file->kind;
  record.graph = owned->graph;
  record.tensor = owned->tensor;
  record.of_output = owned->of_output;
  return ln_struct_give(out, &record, sizeof record);
}
