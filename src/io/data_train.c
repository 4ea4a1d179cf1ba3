/* Samples for training: what outputs are to become, weights, and the part that validates. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"

/* ---- numbers that are classes, values or both ---- */

static ln_status no_memory(ln_error *err) { return ln_fail(err, LN_ERR_MEMORY, "out of memory"); }

static ln_status take_values(ln_data *data, const ln_array *array, size_t own, ln_error *err) {
  const size_t count = (size_t)data->samples.count * own; /* the array's elements */
  data->targets = ln_arena_array(&data->arena, count, sizeof *data->targets);
  data->target_count = (int64_t)own;
  if (!data->targets) return no_memory(err);
  for (size_t i = 0; i < count; i++) {
    data->targets[i] = (float)ln_data_number(array, i);
    if (isfinite(data->targets[i])) continue;
    return ln_fail(err, LN_ERR_DATA, "target %zu of sample %zu is %s", i % own, i / own,
                   isnan(data->targets[i]) ? "NaN" : "infinite");
  }
  return LN_OK;
}

/* Values that are 1 in one place and 0 elsewhere, of every sample, name a class. */
static ln_status take_one_hot(ln_data *data, ln_error *err) {
  const int64_t own = data->target_count;
  if (data->classes > 0 && own != data->classes) return LN_OK; /* of several positions */
  int32_t *labels = ln_arena_array(&data->arena, (size_t)data->samples.count, sizeof *labels);
  if (!labels) return no_memory(err);
  for (int64_t i = 0; i < data->samples.count; i++) {
    const float *values = data->targets + i * own;
    int64_t ones = 0;
    for (int64_t k = 0; k < own; k++) {
      if (values[k] != 0 && values[k] != 1) return LN_OK;
      if (values[k] == 1) labels[i] = (int32_t)k, ones++;
    }
    if (ones != 1) return LN_OK;
  }
  data->labels = labels;
  return LN_OK;
}

static ln_status refuse_label(const ln_data *data, double value, size_t sample, ln_error *err) {
  if (!(value >= 0) || floor(value) != value) {
    return ln_fail(err, LN_ERR_DATA, "the label of sample %zu is %g: classes are whole numbers from 0", sample, value);
  }
  return ln_fail(err, LN_ERR_DATA, "the label of sample %zu is %.0f, but the model has %d classes", sample, value,
                 data->classes);
}

/* `needed`: there are no values, so what is no class is a mistake. A model of one output answers yes or no. */
static ln_status take_classes(ln_data *data, const ln_array *array, size_t own, bool needed, ln_error *err) {
  const size_t count = (size_t)data->samples.count * own, classes = (size_t)data->classes;
  const double most = classes == 1 ? 2 : classes > 0 ? data->classes : (double)INT32_MAX;
  if (needed && data->outputs > 0 && own * classes != data->outputs) {
    return ln_fail(err, LN_ERR_SHAPE, "%zu numbers a sample are neither classes nor values of an output of %zu", own,
                   data->outputs);
  }
  int32_t *labels = ln_arena_array(&data->arena, count, sizeof *labels);
  if (!labels) return no_memory(err);
  for (size_t i = 0; i < count; i++) {
    const double value = ln_data_number(array, i);
    const bool is_class = value >= 0 && value < most && floor(value) == value;
    if (!is_class) return needed ? refuse_label(data, value, i / own, err) : LN_OK;
    labels[i] = (int32_t)value;
  }
  data->labels = labels;
  data->label_count = (int64_t)own;
  return LN_OK;
}

ln_status ln_data_take_targets(ln_data *data, const ln_array *array, ln_error *err) {
  size_t elements;
  const ln_type type = array->type;
  if (ln_type_bits(type) < 8 || type == LN_COMPLEX64 || type == LN_COMPLEX128) {
    return ln_fail(err, LN_ERR_TYPE, "labels are numbers, not %s", ln_type_name(type));
  }
  if (array->rank < 1 || !ln_size_product(array->dims, array->rank, &elements)) {
    return ln_fail(err, LN_ERR_SHAPE, "labels are an array whose first axis counts samples");
  }
  if (array->dims[0] != data->samples.count) {
    return ln_fail(err, LN_ERR_SHAPE, "%d labels for the %lld samples of %s", array->dims[0],
                   (long long)data->samples.count, data->path);
  }
  const size_t own = elements / (size_t)data->samples.count; /* of which there is one at least */
  if (own == 0) return ln_fail(err, LN_ERR_SHAPE, "its labels are empty");
  const bool fits = data->outputs > 0 ? own == data->outputs : ln_data_is_float(type);
  if (fits) LN_TRY(take_values(data, array, own, err));
  return fits && own > 1 ? take_one_hot(data, err) : take_classes(data, array, own, !fits, err);
}

ln_status ln_data_take_inputs(ln_data *data, ln_error *err) {
  const ln_data_input *input = &data->inputs[0];
  const size_t own = input->elements;
  if (data->outputs > 0 && data->outputs != own) {
    return ln_fail(err, LN_ERR_SHAPE, "the output holds %zu numbers, not the %zu of input \"%s\"", data->outputs, own,
                   input->name);
  }
  data->targets = ln_arena_array(&data->arena, (size_t)data->samples.count * own, sizeof *data->targets);
  data->target_count = (int64_t)own;
  if (!data->targets) return no_memory(err);
  for (int64_t i = 0; i < data->samples.count; i++) {
    for (size_t k = 0; k < own; k++) data->targets[(size_t)i * own + k] = ln_data_value(input, i, k);
  }
  return LN_OK;
}

/* ---- weights ---- */

static ln_status read_weights(ln_data *data, const ln_array *array, ln_error *err) {
  size_t elements;
  if (array->rank < 1 || ln_type_bits(array->type) < 8 || array->dims[0] != data->samples.count ||
      !ln_size_product(array->dims, array->rank, &elements) || (int64_t)elements != data->samples.count) {
    return ln_fail(err, LN_ERR_SHAPE, "weights are one number for each of the %lld samples of %s",
                   (long long)data->samples.count, data->path);
  }
  data->weights = ln_arena_array(&data->arena, elements, sizeof *data->weights);
  if (!data->weights) return no_memory(err);
  for (size_t i = 0; i < elements; i++) {
    data->weights[i] = (float)ln_data_number(array, i);
    if (data->weights[i] >= 0 && isfinite(data->weights[i])) continue;
    return ln_fail(err, LN_ERR_DATA, "the weight of sample %zu is %g", i, (double)data->weights[i]);
  }
  return LN_OK;
}

ln_status ln_data_take_weights(ln_data *data, const char *path, ln_error *err) {
  ln_data_blob blob;
  ln_data_array array = {0};
  LN_TRY(ln_data_blob_open(path, err, &blob));
  ln_status status = ln_data_array_open(blob.data, blob.size, err, &array);
  if (status == LN_OK) status = read_weights(data, &array.array, err);
  ln_data_array_close(&array);
  ln_data_blob_close(&blob);
  return status;
}

/* ---- what training takes ---- */

/* Some of the samples, or all. */
typedef struct part {
  ln_samples samples;
  ln_data *data;
  const int64_t *indices; /* [samples.count] of the data's samples; NULL: all */
  char name[300];         /* the last one asked for */
} part;

static int64_t place_of(const part *p, int64_t index) {
  if (index < 0 || index >= p->samples.count) return -1;
  return p->indices ? p->indices[index] : index;
}

static ln_status fill_part(void *user, int64_t index, ln_session *session, ln_error *err) {
  const part *p = user;
  return p->data->samples.fill(p->data, place_of(p, index), session, err);
}

/* "photos/cats/07.jpg", "x.npy: sample 12" */
static const char *name_part(void *user, int64_t index) {
  part *p = user;
  const int64_t place = place_of(p, index);
  const char *own = ln_data_sample_name(p->data, place);
  if (own && own[0]) snprintf(p->name, sizeof p->name, "%s/%s", p->data->path, own);
  else snprintf(p->name, sizeof p->name, "%s: sample %lld", p->data->path, (long long)place);
  return p->name;
}

/* `rows` of `from`, one after the other. */
static void *gather(ln_data *data, const void *from, size_t row, const int64_t *indices, int64_t count) {
  uint8_t *out = ln_arena_array(&data->arena, (size_t)count, row);
  for (int64_t i = 0; out && i < count; i++) {
    memcpy(out + (size_t)i * row, (const uint8_t *)from + (size_t)indices[i] * row, row);
  }
  return out;
}

/* `indices` lives as long as the data; NULL: all. */
static ln_status make_part(ln_data *data, const int64_t *indices, int64_t count, ln_error *err, ln_train_data *out) {
  part *p = ln_arena_alloc(&data->arena, sizeof *p);
  if (!p) return no_memory(err);
  *p = (part){.samples = {sizeof p->samples, count, fill_part, p}, .data = data, .indices = indices};
  *out = (ln_train_data){.size = sizeof *out,
                         .samples = &p->samples,
                         .labels = data->labels,
                         .label_count = data->labels ? data->label_count : 0,
                         .targets = data->targets,
                         .target_count = data->target_count,
                         .weights = data->weights,
                         .name = name_part,
                         .user = p};
  if (!indices) return LN_OK;
  if (data->labels) {
    out->labels = gather(data, data->labels, (size_t)data->label_count * sizeof *data->labels, indices, count);
  }
  if (data->targets) {
    out->targets = gather(data, data->targets, (size_t)data->target_count * sizeof *data->targets, indices, count);
  }
  if (data->weights) out->weights = gather(data, data->weights, sizeof *data->weights, indices, count);
  const bool short_of =
      (data->labels && !out->labels) || (data->targets && !out->targets) || (data->weights && !out->weights);
  return short_of ? no_memory(err) : LN_OK;
}

static ln_status check_train(const ln_data *data, ln_error *err) {
  if (!data) return ln_fail(err, LN_ERR_ARGUMENT, "there are no data");
  if (data->labels || data->targets) return LN_OK;
  return ln_fail(err, LN_ERR_DATA, "%s: nothing says what is to be learned of its samples: give labels", data->path);
}

ln_status ln_data_train(ln_data *data, ln_error *err, ln_train_data *out) {
  if (!out) return ln_fail(err, LN_ERR_ARGUMENT, "no place for the data");
  LN_TRY(check_train(data, err));
  return make_part(data, NULL, data->samples.count, err, out);
}

/* ---- a part that validates ---- */

typedef struct ticket {
  int32_t class;
  uint64_t number; /* drawn */
  int64_t index;
} ticket;

static int compare_tickets(const void *a, const void *b) {
  const ticket *x = a, *y = b;
  if (x->class != y->class) return x->class < y->class ? -1 : 1;
  if (x->number != y->number) return x->number < y->number ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

static int compare_indices(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

/* Sorted by class, and as drawn within it. */
static void draw_tickets(const ln_data *data, uint64_t seed, ticket *tickets) {
  const bool classes = data->labels && data->label_count == 1;
  for (int64_t i = 0; i < data->samples.count; i++) {
    const uint64_t key[2] = {seed, (uint64_t)i};
    tickets[i] = (ticket){classes ? data->labels[i] : 0, ln_hash64(key, sizeof key), i};
  }
  qsort(tickets, (size_t)data->samples.count, sizeof *tickets, compare_tickets);
}

/* Validation's samples go to the end of `indices`, both in their old order; returns how many train. Counting goes on
 * from class to class, so that the whole keeps to the share where classes are small. */
static int64_t share_out(const ticket *tickets, int64_t count, double share, int64_t *indices) {
  int64_t train = 0, rest = count;
  for (int64_t first = 0, end; first < count; first = end) {
    for (end = first; end < count && tickets[end].class == tickets[first].class;) end++;
    const int64_t wanted = (int64_t)(share * (double)end + 0.5) - (count - rest);
    const int64_t taken = wanted < 0 ? 0 : wanted < end - first ? wanted : end - first - 1;
    for (int64_t i = first; i < end; i++) indices[i < first + taken ? --rest : train++] = tickets[i].index;
  }
  qsort(indices, (size_t)train, sizeof *indices, compare_indices);
  qsort(indices + train, (size_t)(count - train), sizeof *indices, compare_indices);
  return train;
}

ln_status ln_data_split(ln_data *data, double share, uint64_t seed, ln_error *err, ln_train_data *train,
                        ln_train_data *validation) {
  if (!train || !validation) return ln_fail(err, LN_ERR_ARGUMENT, "no place for the data");
  LN_TRY(check_train(data, err));
  if (!(share > 0 && share < 1)) return ln_fail(err, LN_ERR_ARGUMENT, "a share of %g: between 0 and 1 it is", share);
  const int64_t count = data->samples.count;
  ticket *tickets = ln_alloc_array((size_t)count, sizeof *tickets);
  int64_t *indices = ln_arena_array(&data->arena, (size_t)count, sizeof *indices);
  int64_t own = 0;
  if (tickets && indices) {
    draw_tickets(data, seed, tickets);
    own = share_out(tickets, count, share, indices);
  }
  ln_free(tickets);
  if (own == 0) return no_memory(err);
  if (own == count) {
    return ln_fail(err, LN_ERR_DATA, "%s: %g of its %lld samples are too few to validate with", data->path, share,
                   (long long)count);
  }
  LN_TRY(make_part(data, indices, own, err, train));
  return make_part(data, indices + own, count - own, err, validation);
}
