/* What is to be learned of samples: classes from files, folders' names and columns of text; values; weights. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"

/* ---- files ---- */

/* Whole numbers, one a line. */
static ln_status parse_label_lines(const char *text, size_t size, int32_t *labels, int64_t *count, int64_t room,
                                   ln_error *err) {
  *count = 0;
  for (const char *at = text, *end = text + size; at < end;) {
    while (at < end && isspace((unsigned char)*at)) at++;
    if (at == end) break;
    char word[24];
    size_t length = 0;
    while (at + length < end && !isspace((unsigned char)at[length])) length++;
    if (length >= sizeof word) return ln_fail(err, LN_ERR_FORMAT, "line %lld is no number", (long long)*count + 1);
    memcpy(word, at, length);
    word[length] = 0;
    char *stop;
    const long value = strtol(word, &stop, 10);
    if (*stop != 0 || value < INT32_MIN || value > INT32_MAX) {
      return ln_fail(err, LN_ERR_FORMAT, "\"%s\" is no label: whole numbers are", word);
    }
    if (*count < room) labels[*count] = (int32_t)value;
    ++*count;
    at += length;
  }
  return LN_OK;
}

static ln_status parse_label_array(const ln_array *array, int32_t *labels, int64_t *count, int64_t room,
                                   ln_error *err) {
  size_t elements = 1;
  if (!ln_size_product(array->dims, array->rank, &elements)) return ln_fail(err, LN_ERR_FORMAT, "too many labels");
  if (array->rank == 0 || (int64_t)elements != array->dims[0]) {
    return ln_fail(err, LN_ERR_SHAPE, "labels are a number a sample, not an array of rank %d with %zu elements",
                   array->rank, elements);
  }
  if (ln_data_is_float(array->type) || array->type == LN_BOOL || isnan(elements > 0 ? ln_data_number(array, 0) : 0)) {
    return ln_fail(err, LN_ERR_TYPE, "labels are whole numbers, not %s", ln_type_name(array->type));
  }
  *count = (int64_t)elements;
  for (int64_t i = 0; i < *count && i < room; i++) {
    const double value = ln_data_number(array, (size_t)i);
    labels[i] = value < INT32_MIN || value > INT32_MAX ? -1 : (int32_t)value;
  }
  return LN_OK;
}

/* A model of one output answers yes or no. */
static ln_status check_labels(const ln_data *data, ln_error *err) {
  const int32_t classes = data->classes == 1 ? 2 : data->classes;
  for (int64_t i = 0; i < data->samples.count; i++) {
    const int32_t label = data->labels[i];
    if (label >= 0 && (classes == 0 || label < classes)) continue;
    if (label < 0) return ln_fail(err, LN_ERR_DATA, "the label of sample %lld is %d", (long long)i, label);
    return ln_fail(err, LN_ERR_DATA, "the label of sample %lld is %d, but the model has %d classes", (long long)i,
                   label, data->classes);
  }
  return LN_OK;
}

/* An array for training may hold what the output is to become, too. */
static ln_status take_file(ln_data *data, const ln_data_blob *blob, bool training, ln_error *err) {
  const int64_t wanted = data->samples.count;
  int64_t count = 0;
  const bool text = isdigit(blob->data[0]) || blob->data[0] == '-' || isspace(blob->data[0]);
  ln_data_array array = {0};
  if (!text) LN_TRY(ln_data_array_open(blob->data, blob->size, err, &array));
  ln_status status = LN_OK;
  if (!text && training) {
    status = ln_data_take_targets(data, &array.array, err);
    ln_data_array_close(&array);
    return status;
  }
  data->labels = ln_arena_array(&data->arena, (size_t)wanted, sizeof *data->labels);
  if (!data->labels) status = ln_fail(err, LN_ERR_MEMORY, "out of memory");
  else if (text) status = parse_label_lines((const char *)blob->data, blob->size, data->labels, &count, wanted, err);
  else status = parse_label_array(&array.array, data->labels, &count, wanted, err);
  ln_data_array_close(&array);
  if (status == LN_OK && count != wanted) {
    status = ln_fail(err, LN_ERR_SHAPE, "%lld labels for the %lld samples of %s", (long long)count, (long long)wanted,
                     data->path);
  }
  return status == LN_OK ? check_labels(data, err) : status;
}

static ln_status read_labels(ln_data *data, const char *path, bool training, ln_error *err) {
  if (training && data->kind == LN_IO_NPY && strcmp(path, data->path) == 0) return ln_data_take_inputs(data, err);
  ln_data_blob blob;
  LN_TRY(ln_data_blob_open(path, err, &blob));
  const ln_status status = take_file(data, &blob, training, err);
  ln_data_blob_close(&blob);
  return status;
}

/* ---- names ---- */

/* A whole number that a class is named by; -1: it is none. */
static int32_t number_of(const char *name) {
  char *end;
  const long value = strtol(name, &end, 10);
  return isdigit((unsigned char)name[0]) && *end == 0 && value <= INT32_MAX ? (int32_t)value : -1;
}

static int32_t find_name(const char *name, const char *(*get)(const void *list, int32_t index), const void *list,
                         int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    const char *known = get(list, i);
    if (known && strcmp(known, name) == 0) return i;
  }
  return -1;
}

static const char *get_class(const void *data, int32_t index) { return ln_data_class(data, index); }
static const char *get_label(const void *labels, int32_t index) { return ln_labels_get(labels, index); }

/* Classes keep their names, but for such as are their numbers. */
static ln_status keep_names(ln_data *data, const char *const *names, const int32_t *classes, int32_t count,
                            ln_error *err) {
  data->class_count = 0;
  for (int32_t i = 0; i < count; i++) {
    if (classes[i] >= data->class_count) data->class_count = classes[i] + 1;
  }
  data->class_names = ln_arena_array(&data->arena, (size_t)data->class_count, sizeof *data->class_names);
  if (!data->class_names) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  for (int32_t i = 0; i < count; i++) data->class_names[classes[i]] = names[i];
  return LN_OK;
}

/* The class of each of `count` names: as other data have it; its place among the model's labels; its number; or its
 * place among the names, which are sorted. */
static ln_status name_classes(ln_data *data, const ln_model *model, const ln_data *like, const char *const *names,
                              int32_t count, int32_t *classes, ln_error *err) {
  bool numbers = true, known = true;
  ln_labels *labels = NULL;
  const bool given = like && like->class_count > 0;
  if (!given) ln_io_model_labels(model, 0, -1, NULL, NULL, &labels); /* without any, names are counted */
  for (int32_t i = 0; i < count; i++) {
    classes[i] = given ? find_name(names[i], get_class, like, like->class_count)
                       : find_name(names[i], get_label, labels, labels ? ln_labels_count(labels) : 0);
    known = known && classes[i] >= 0;
    numbers = numbers && number_of(names[i]) >= 0;
    if (given && classes[i] < 0) {
      return ln_fail(err, LN_ERR_DATA, "class \"%s\" is none of the %d that are trained", names[i], like->class_count);
    }
  }
  ln_labels_destroy(labels);
  for (int32_t i = 0; i < count && !known; i++) classes[i] = numbers ? number_of(names[i]) : i;
  if (known || !numbers) return keep_names(data, names, classes, count, err);
  return LN_OK;
}

/* Samples get the classes of their names. */
static ln_status take_names(ln_data *data, const ln_model *model, const ln_data *like, ln_error *err) {
  const ln_data_column *column = data->column.name ? &data->column : NULL;
  const int32_t count = column ? column->text_count : data->folder_count;
  data->labels = ln_arena_array(&data->arena, (size_t)data->samples.count, sizeof *data->labels);
  int32_t *classes = ln_arena_array(&data->arena, (size_t)count + 1, sizeof *classes);
  if (!data->labels || !classes) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  LN_TRY(name_classes(data, model, like, column ? column->texts : data->folders, count, classes, err));
  for (int64_t i = 0; i < data->samples.count; i++) {
    data->labels[i] = classes[column ? column->ids[i] : data->files[i].folder];
  }
  if (column && data->classes > 0 && count > (data->classes == 1 ? 2 : data->classes)) {
    return ln_fail(err, LN_ERR_DATA, "column \"%s\" holds %d names, but the model has %d classes", column->name, count,
                   data->classes);
  }
  return check_labels(data, err);
}

/* ---- all of it ---- */

static ln_status take_column(ln_data *data, ln_error *err) {
  const ln_data_column *column = &data->column;
  ln_array array = {.type = LN_FLOAT64, .rank = 1, .data = column->numbers};
  array.dims[0] = (int32_t)data->samples.count; /* a table's */
  array.bytes = (size_t)data->samples.count * sizeof *column->numbers;
  const ln_status status = ln_data_take_targets(data, &array, err);
  if (status != LN_OK) ln_error_prefix(err, "column \"%s\"", column->name);
  return status;
}

/* A class without a sample is a mistake, which training would not notice. */
static ln_status check_folders(const ln_data *data, ln_error *err) {
  int64_t next = 0;
  for (int32_t i = 0; i < data->folder_count; i++) {
    const int64_t first = next;
    while (next < data->file_count && data->files[next].folder == i) next++; /* they stand in the folders' order */
    if (next > first) continue;
    return ln_fail(err, LN_ERR_DATA, "folder \"%s\" holds no picture or sound: a class without samples",
                   data->folders[i]);
  }
  return LN_OK;
}

/* Says which class of the model no sample is of: it may be meant so, where a model learns a few classes anew. */
static ln_status note_empty_class(ln_data *data, ln_error *err) {
  const int32_t classes = data->classes;
  bool *seen = ln_alloc_zero((size_t)classes);
  if (!seen) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  int32_t empty = classes, first = -1;
  for (int64_t i = 0; i < data->samples.count * data->label_count; i++) {
    empty -= !seen[data->labels[i]];
    seen[data->labels[i]] = true;
  }
  for (int32_t i = classes - 1; i >= 0; i--) first = seen[i] ? first : i;
  ln_free(seen);
  if (empty == 0) return LN_OK;
  const char **note = &data->notes[data->notes[0] != NULL];
  *note = ln_arena_printf(&data->arena, "no sample is of class %d: %d of the model's %d classes have none", first,
                          empty, classes);
  return *note ? LN_OK : ln_fail(err, LN_ERR_MEMORY, "out of memory");
}

ln_status ln_data_take_labels(ln_data *data, const ln_model *model, const ln_data_options *options, ln_error *err) {
  const char *path = options->labels, *at = path ? path : data->path;
  ln_status status = LN_OK;
  data->label_count = 1;
  if (path) status = read_labels(data, path, options->training, err);
  else if (data->column.numbers) status = take_column(data, err);
  else if (data->column.name) status = take_names(data, model, options->classes, err);
  else if (data->label_array.array.rank > 0) status = ln_data_take_targets(data, &data->label_array.array, err);
  else if (data->folder_count > 0) {
    if (options->training) status = check_folders(data, err);
    if (status == LN_OK) status = take_names(data, model, options->classes, err);
  }
  if (status == LN_OK && options->training && data->labels && data->classes > 1) status = note_empty_class(data, err);
  if (status == LN_OK && options->weights) status = ln_data_take_weights(data, at = options->weights, err);
  if (status != LN_OK) ln_error_prefix(err, "%s", at);
  ln_data_array_close(&data->label_array);
  data->labelled = (ln_labelled){sizeof data->labelled, &data->samples, data->labels, 0};
  return status;
}
