/*
 * Select-TF operators that keep tensors in files: Save, SaveSlices and Restore, RestoreSlice (V1), SaveV2, RestoreV2
 * and MergeV2Checkpoints (V2), and the names they make of names. The formats stand in checkpoint.h; which files may be
 * touched is the session's word (host.h).
 */
#include <stdio.h>
#include <string.h>

#include "ops/checkpoint.h"
#include "ops/flex_attr.h"
#include "ops/host.h"
#include "ops/rows.h"
#include "ops/strings.h"

/* ---- strings ---- */

/* Numbers and strings alike must be there. */
static ln_status verify(const ln_node *node, int32_t input, ln_error *err) {
  const ln_tensor *tensor = node->in[input];
  if (tensor->data == NULL) return ln_node_fail(node, err, LN_ERR_STATE, "\"%.100s\" holds no data", tensor->name);
  return ln_node_check_strings(node, input, err);
}

static size_t count_of(const ln_tensor *tensor) { return ln_shape_span(&tensor->shape, 0, tensor->shape.rank); }

static ln_status path_of(const ln_node *node, int32_t input, ln_error *err, char path[LN_HOST_PATH_MAX]) {
  LN_TRY(verify(node, input, err));
  if (count_of(node->in[input]) != 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "takes one path");
  const ln_span text = ln_string_at(node->in[input], 0);
  return ln_host_path(node, text.data, text.size, err, path);
}

static ln_status in_file(const ln_node *node, const char *path, ln_status status, const ln_error *why, ln_error *err) {
  (void)path;
  return status == LN_OK ? LN_OK : ln_node_fail(node, err, status, "%s", why->message);
}

/* ---- slices ---- */

/* A number at `*at`; false when there is none. */
static bool read_number(const char **at, const char *end, int64_t *out) {
  int64_t value = 0;
  const char *from = *at;
  for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
    if (value > INT32_MAX) return false;
    value = value * 10 + (**at - '0');
  }
  *out = value;
  return *at > from;
}

/* "4 3 0,2:-": the whole tensor's dimensions, then start,length of each dimension, or - for all of it. */
static bool read_slice(ln_span spec, int32_t rank, ln_shape *whole, ln_slice *out) {
  const char *at = spec.data, *end = spec.data + spec.size;
  *whole = (ln_shape){.rank = rank};
  *out = ln_slice_all(rank);
  for (int32_t i = 0; i < rank; ++i) {
    int64_t dim;
    if (!read_number(&at, end, &dim) || dim > INT32_MAX || at == end || *at++ != ' ') return false;
    whole->dims[i] = (int32_t)dim;
  }
  for (int32_t i = 0; i < rank; ++i) {
    if (i > 0 && (at == end || *at++ != ':')) return false;
    if (at < end && *at == '-') ++at;
    else if (!read_number(&at, end, &out->start[i]) || at == end || *at++ != ',' ||
             !read_number(&at, end, &out->length[i]))
      return false;
  }
  return at == end;
}

static ln_status not_a_slice(const ln_node *node, ln_span spec, ln_error *err) {
  return ln_node_fail(node, err, LN_ERR_DATA, "\"%.*s\" is no slice of it", (int)(spec.size < 60 ? spec.size : 60),
                      spec.data);
}

/* ---- saving ---- */

ln_status ln_flex_no_outputs_infer(ln_node *node, ln_error *err) {
  (void)node;
  (void)err;
  return (ln_status)LN_INFER_IN_RUN; /* what it does takes memory of its own */
}

static ln_status list_items(const ln_node *node, int32_t first, ln_checkpoint_item *items, ln_error *err) {
  size_t bytes = 0;
  for (int32_t i = first; i < node->in_count; ++i) {
    ln_checkpoint_item *item = &items[i - first];
    const ln_span name = ln_string_at(node->in[1], (size_t)(i - first));
    const ln_span spec = first == 3 ? ln_string_at(node->in[2], (size_t)(i - first)) : (ln_span){"", 0};
    LN_TRY(verify(node, i, err));
    if (!ln_size_add(bytes, node->in[i]->bytes, &bytes)) bytes = SIZE_MAX;
    *item = (ln_checkpoint_item){name.data, name.size, node->in[i], .partial = spec.size > 0};
    if (item->partial && !read_slice(spec, node->in[i]->shape.rank, &item->whole, &item->slice))
      return not_a_slice(node, spec, err);
  }
  /* The file stands in memory twice before it is written. */
  return ln_host_check_room(node, bytes > SIZE_MAX / 2 ? SIZE_MAX : 2 * bytes, err);
}

ln_status ln_flex_save_run(const ln_node *node, ln_exec *exec) {
  const int32_t version = node->op->def->variant;
  const int32_t first = version == LN_FLEX_SAVE ? 2 : 3, count = node->in_count - first;
  char path[LN_HOST_PATH_MAX];
  ln_error why = {LN_OK, ""};
  LN_TRY(path_of(node, 0, exec->err, path));
  for (int32_t i = 1; i < first; ++i) {
    LN_TRY(verify(node, i, exec->err));
    if (count >= 0 && count_of(node->in[i]) == (size_t)count) continue;
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "%zu %s for %d tensors", count_of(node->in[i]),
                        i == 1 ? "names" : "slices", count);
  }
  ln_checkpoint_item *items = ln_alloc_array((size_t)count, sizeof *items);
  if (items == NULL) return ln_node_fail(node, exec->err, LN_ERR_MEMORY, "no memory");
  ln_status status = list_items(node, first, items, exec->err);
  if (status == LN_OK) {
    status = version == LN_FLEX_SAVE_V2 ? ln_checkpoint_write_v2(path, items, count, &why)
                                        : ln_checkpoint_write_v1(path, items, count, &why);
    status = in_file(node, path, status, &why, exec->err);
  }
  ln_free(items);
  return status;
}

/* ---- restoring ---- */

ln_status ln_flex_restore_infer(ln_node *node, ln_error *err) {
  (void)node;
  (void)err;
  return (ln_status)LN_INFER_IN_RUN; /* the file says */
}

static ln_span span_at(const void *context, size_t i) { return ((const ln_span *)context)[i]; }

static ln_status restore_strings(const ln_node *node, int32_t output, ln_checkpoint *file,
                                 const ln_checkpoint_entry *entry, const ln_slice *slice, const ln_shape *shape,
                                 ln_error *err) {
  ln_error why = {LN_OK, ""};
  size_t count, bytes;
  if (!ln_shape_elements(shape, &count) || !ln_size_mul(count, sizeof(ln_span), &bytes)) bytes = SIZE_MAX;
  LN_TRY(ln_host_check_room(node, bytes, err));
  ln_span *texts = ln_alloc_array(count, sizeof *texts);
  if (texts == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for strings");
  ln_status status = ln_checkpoint_read(file, entry, slice, texts, &why);
  if (status != LN_OK) ln_node_fail(node, err, status, "%s", why.message);
  else status = ln_node_give_strings(node, output, shape, span_at, texts, err);
  ln_free(texts);
  return status;
}

static ln_status restore_one(const ln_node *node, int32_t output, ln_checkpoint *file, ln_span name, ln_span spec,
                             ln_error *err) {
  ln_checkpoint_entry entry;
  ln_error why = {LN_OK, ""};
  ln_slice slice;
  ln_shape shape, whole;
  size_t bytes;
  const ln_status found = ln_checkpoint_find(file, name.data, name.size, &why, &entry);
  if (found != LN_OK) return ln_node_fail(node, err, found, "%s", why.message);
  if (entry.type != node->out[output]->type) {
    return ln_node_fail(node, err, LN_ERR_TYPE, "output %d is %s, \"%.*s\" in the file is %s", output,
                        ln_type_name(node->out[output]->type), (int)(name.size < 100 ? name.size : 100), name.data,
                        ln_type_name(entry.type));
  }
  slice = ln_slice_all(entry.shape.rank);
  if (spec.size > 0 && (!read_slice(spec, entry.shape.rank, &whole, &slice) || !ln_shape_equal(&whole, &entry.shape)))
    return not_a_slice(node, spec, err);
  if (!ln_slice_shape(&slice, &entry.shape, &shape)) return not_a_slice(node, spec, err);
  if (entry.type == LN_STRING) return restore_strings(node, output, file, &entry, &slice, &shape, err);
  if (!ln_tensor_size(entry.type, &shape, &bytes)) return ln_node_fail(node, err, LN_ERR_SHAPE, "is too large");
  LN_TRY(ln_host_output(node, output, &shape, bytes, err));
  const ln_status status = ln_checkpoint_read(file, &entry, &slice, node->out[output]->data, &why);
  return in_file(node, file->path, status, &why, err);
}

ln_status ln_flex_restore_run(const ln_node *node, ln_exec *exec) {
  char path[LN_HOST_PATH_MAX];
  ln_checkpoint file;
  ln_error why = {LN_OK, ""};
  LN_TRY(path_of(node, 0, exec->err, path));
  for (int32_t i = 1; i < node->in_count; ++i) {
    LN_TRY(verify(node, i, exec->err));
    if (count_of(node->in[i]) == (size_t)node->out_count) continue;
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "input %d has %zu strings for %d outputs", i,
                        count_of(node->in[i]), node->out_count);
  }
  ln_status status = ln_checkpoint_open(path, &why, &file);
  if (status != LN_OK) return ln_node_fail(node, exec->err, status, "%s", why.message);
  for (int32_t i = 0; status == LN_OK && i < node->out_count; ++i) {
    const ln_span spec = node->in_count > 2 ? ln_string_at(node->in[2], (size_t)i) : (ln_span){"", 0};
    status = restore_one(node, i, &file, ln_string_at(node->in[1], (size_t)i), spec, exec->err);
  }
  ln_checkpoint_close(&file);
  return status;
}

/* ---- MergeV2Checkpoints: prefixes, destination ---- */

/* The folder of a path goes when nothing is left in it. */
static void remove_folder(char *path) {
  char *slash = strrchr(path, '/');
  if (slash == NULL || slash == path) return;
  *slash = '\0';
  ln_file_remove(path, NULL);
}

ln_status ln_flex_merge_run(const ln_node *node, ln_exec *exec) {
  char path[LN_HOST_PATH_MAX], part[LN_HOST_PATH_MAX];
  ln_error why = {LN_OK, ""};
  bool delete_folders = true;
  LN_TRY(ln_attr_bool(node, exec->err, "delete_old_dirs", &delete_folders));
  LN_TRY(path_of(node, 1, exec->err, path));
  LN_TRY(verify(node, 0, exec->err));
  const size_t count = count_of(node->in[0]);
  if (count > 99999) return ln_node_fail(node, exec->err, LN_ERR_LIMIT, "merges %zu checkpoints", count);
  ln_span *parts = ln_alloc_array(count, sizeof *parts);
  if (parts == NULL) return ln_node_fail(node, exec->err, LN_ERR_MEMORY, "no memory");
  ln_status status = LN_OK;
  for (size_t i = 0; status == LN_OK && i < count; ++i) {
    parts[i] = ln_string_at(node->in[0], i);
    status = ln_host_path(node, parts[i].data, parts[i].size, exec->err, part);
  }
  if (status == LN_OK) {
    status = in_file(node, path, ln_checkpoint_merge(parts, (int32_t)count, path, &why), &why, exec->err);
  }
  for (size_t i = 0; status == LN_OK && delete_folders && i < count; ++i) {
    memcpy(part, parts[i].data, parts[i].size); /* bounded: ln_host_path took it */
    part[parts[i].size] = '\0';
    remove_folder(part);
  }
  ln_free(parts);
  return status;
}

/* ---- ShardedFilename: name, shard, shards > "name-00001-of-00002"; ShardedFilespec: name, shards ---- */

ln_status ln_flex_sharded_infer(ln_node *node, ln_error *err) {
  return ln_node_set_shape(node, 0, &node->in[0]->shape, err);
}

ln_status ln_flex_sharded_run(const ln_node *node, ln_exec *exec) {
  char tail[64];
  LN_TRY(verify(node, 0, exec->err));
  for (int32_t i = 0; i < node->in_count; ++i) {
    if (count_of(node->in[i]) != 1) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "input %d is not one value", i);
  }
  const ln_span name = ln_string_at(node->in[0], 0);
  const int last = *(const int32_t *)node->in[node->in_count - 1]->data;
  if (node->in_count == 2) snprintf(tail, sizeof tail, "-\?\?\?\?\?-of-%05d", last);
  else snprintf(tail, sizeof tail, "-%05d-of-%05d", (int)*(const int32_t *)node->in[1]->data, last);
  char *joined = ln_alloc(name.size + sizeof tail);
  if (joined == NULL) return ln_node_fail(node, exec->err, LN_ERR_MEMORY, "no memory");
  if (name.size > 0) memcpy(joined, name.data, name.size);
  memcpy(joined + name.size, tail, strlen(tail));
  const ln_span whole = {joined, name.size + strlen(tail)};
  const ln_status status = ln_node_give_strings(node, 0, &node->out[0]->shape, span_at, &whole, exec->err);
  ln_free(joined);
  return status;
}
