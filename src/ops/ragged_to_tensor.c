/*
 * RaggedTensorToTensor: the rows of a ragged tensor in a box, filled up with a default value. Inputs: the box's shape
 * (-1: as needed), values, default, then the partitions of each ragged dimension, outermost first: row splits, or row
 * ids after the size of the first dimension.
 */
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/text_lists.h"

enum { FIRST_PARTITION = 3 };

typedef struct ragged {
  const ln_node *node;
  int32_t rank;  /* ragged dimensions */
  bool has_size; /* the first partition is the number of rows */
  size_t rows;   /* of the outermost dimension */
  ln_shape box;
  size_t inner; /* elements of a value */
} ragged;

static const ln_tensor *partition(const ragged *r, int32_t level) {
  return r->node->in[FIRST_PARTITION + r->has_size + level];
}

/* Of the partition that gives dimension level + 1: row ids, else row splits. */
static bool has_ids(const ragged *r, int32_t level) {
  ln_span type = {"", 0};
  ln_text_string_at(r->node, "row_partition_types", level + r->has_size, &type);
  return ln_span_is(type, "VALUE_ROWIDS");
}

static ln_status open_partitions(const ln_node *node, ln_error *err, ragged *r) {
  const int32_t count = node->in_count - FIRST_PARTITION;
  ln_span type;
  *r = (ragged){.node = node};
  for (int32_t i = 0; i < count; ++i) {
    if (!ln_text_string_at(node, "row_partition_types", i, &type)) type = (ln_span){"", 0};
    const bool size = i == 0 && ln_span_is(type, "FIRST_DIM_SIZE");
    if (size) r->has_size = true;
    else if (!ln_span_is(type, "ROW_SPLITS") && (i == 0 || !ln_span_is(type, "VALUE_ROWIDS"))) {
      return ln_node_fail(node, err, LN_ERR_MODEL, "partition %d has the type \"%.*s\"", i,
                          type.size < 40 ? (int)type.size : 40, type.data);
    }
  }
  r->rank = count - r->has_size;
  if (r->rank < 1) return ln_node_fail(node, err, LN_ERR_MODEL, "has no ragged dimension");
  if (!r->has_size) {
    r->rows = ln_tensor_count(node->in[FIRST_PARTITION]);
    r->rows -= r->rows > 0;
    return LN_OK;
  }
  int64_t rows;
  LN_TRY(ln_number_scalar(node, FIRST_PARTITION, err, &rows));
  if (rows < 0 || rows > INT32_MAX) return ln_node_fail(node, err, LN_ERR_DATA, "has %lld rows", (long long)rows);
  r->rows = (size_t)rows;
  return LN_OK;
}

/* Row ids name rows that exist; row splits are checked by the shared helper. Gives the widest row and the elements. */
static ln_status measure(const ragged *r, int32_t level, size_t rows, ln_error *err, size_t *widest, size_t *elements) {
  const ln_tensor *part = partition(r, level);
  const size_t count = ln_tensor_count(part);
  *widest = 0;
  *elements = 0;
  if (count > 0 && part->data == NULL) return ln_node_fail(r->node, err, LN_ERR_STATE, "a partition holds no data");
  int64_t last = -1;
  size_t run = 0;
  if (!has_ids(r, level)) {
    const size_t total = count == 0 ? 0 : (size_t)ln_number_at(part, count - 1);
    LN_TRY(ln_splits_check(r->node, FIRST_PARTITION + r->has_size + level, total, err, &run));
    if (run != rows) {
      return ln_node_fail(r->node, err, LN_ERR_DATA, "partition %d splits %zu rows, there are %zu", level, run, rows);
    }
    for (size_t i = 0; i < rows; ++i) {
      const size_t width = (size_t)(ln_number_at(part, i + 1) - ln_number_at(part, i));
      *widest = width > *widest ? width : *widest;
    }
    *elements = total;
    return LN_OK;
  }
  for (size_t i = 0; i < count; ++i) {
    const int64_t row = ln_number_at(part, i);
    if (row < 0 || (uint64_t)row >= rows || row < last) {
      return ln_node_fail(r->node, err, LN_ERR_DATA, "row id %lld of %zu rows", (long long)row, rows);
    }
    run = row == last ? run + 1 : 1;
    last = row;
    *widest = run > *widest ? run : *widest;
  }
  *elements = count;
  return LN_OK;
}

static ln_status box_shape(ragged *r, ln_error *err) {
  const ln_node *node = r->node;
  const ln_tensor *wanted = node->in[0], *values = node->in[1];
  const size_t given = wanted->shape.rank == 0 ? 0 : ln_tensor_count(wanted);
  const int32_t rank = r->rank + values->shape.rank;
  size_t rows = r->rows, widest = r->rows;
  bool fits = values->shape.rank >= 1 && (given == 0 || given == (size_t)rank) && rank <= LN_MAX_RANK;
  if (given > 0 && wanted->data == NULL) return ln_node_fail(node, err, LN_ERR_STATE, "the shape holds no data");
  r->box = (ln_shape){0, {0}};
  for (int32_t i = 0; i < rank && fits; ++i) {
    const int64_t asked = given > 0 ? ln_number_at(wanted, (size_t)i) : -1;
    if (i > 0 && i <= r->rank) LN_TRY(measure(r, i - 1, rows, err, &widest, &rows));
    const int64_t need = i <= r->rank ? (int64_t)widest : values->shape.dims[i - r->rank];
    fits = ln_shape_push(&r->box, asked >= 0 ? asked : need) && (i <= r->rank || asked < 0 || asked == need);
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the shape asked for does not fit the values");
  if (rows != (size_t)values->shape.dims[0]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the partitions hold %zu values, there are %d", rows,
                        values->shape.dims[0]);
  }
  r->inner = ln_shape_span(&values->shape, 1, values->shape.rank);
  return LN_OK;
}

/* Where each element of a level begins in the box, counted in values: from where its row does; -1 for what the box
 * cuts off. */
static void place_level(const ragged *r, int32_t level, const int64_t *parents, size_t rows, int64_t step,
                        int64_t *places) {
  const ln_tensor *part = partition(r, level);
  const int64_t width = r->box.dims[level + 1];
  if (!has_ids(r, level)) {
    for (size_t i = 0; i < rows; ++i) {
      const int64_t first = ln_number_at(part, i), end = ln_number_at(part, i + 1);
      for (int64_t j = first; j < end; ++j) {
        places[j] = parents[i] < 0 || j - first >= width ? -1 : parents[i] + (j - first) * step;
      }
    }
    return;
  }
  int64_t last = -1, column = 0;
  for (size_t i = 0; i < ln_tensor_count(part); ++i) {
    const int64_t row = ln_number_at(part, i);
    column = row == last ? column + 1 : 0;
    last = row;
    places[i] = parents[row] < 0 || column >= width ? -1 : parents[row] + column * step;
  }
}

/* sources[place] becomes the value that stands there plus one; `sources` comes zeroed. */
static ln_status find_sources(const ragged *r, int32_t *sources, ln_error *err) {
  ln_status status = LN_OK;
  size_t rows = r->rows, widest = 0, elements = 0;
  int64_t *parents = ln_alloc_array(rows + 1, sizeof *parents), *places = NULL;
  int64_t step = (int64_t)ln_shape_span(&r->box, 1, r->rank + 1);
  if (parents == NULL) return ln_node_fail(r->node, err, LN_ERR_MEMORY, "no memory");
  for (size_t i = 0; i < rows; ++i) parents[i] = i < (size_t)r->box.dims[0] ? (int64_t)i * step : -1;
  for (int32_t level = 0; level < r->rank; ++level) {
    step = (int64_t)ln_shape_span(&r->box, level + 2, r->rank + 1);
    status = measure(r, level, rows, err, &widest, &elements);
    places = status == LN_OK ? ln_alloc_array(elements + 1, sizeof *places) : NULL;
    if (places == NULL) {
      if (status == LN_OK) status = ln_node_fail(r->node, err, LN_ERR_MEMORY, "no memory");
      goto out;
    }
    place_level(r, level, parents, rows, step, places);
    ln_free(parents);
    parents = places;
    rows = elements;
  }
  for (size_t i = 0; i < rows; ++i) {
    if (parents[i] >= 0) sources[parents[i]] = (int32_t)i + 1;
  }
out:
  ln_free(parents);
  return status;
}

static ln_status check_default(const ragged *r, ln_error *err) {
  const ln_shape *values = &r->node->in[1]->shape, *fill = &r->node->in[2]->shape;
  bool fits = fill->rank < values->rank;
  for (int32_t i = 1; i <= fill->rank && fits; ++i) {
    fits = fill->dims[fill->rank - i] == 1 || fill->dims[fill->rank - i] == values->dims[values->rank - i];
  }
  return fits ? LN_OK : ln_node_fail(r->node, err, LN_ERR_SHAPE, "the default does not broadcast to a value");
}

static ln_status fill_strings(const ragged *r, const int32_t *sources, size_t cells, ln_error *err) {
  ln_texts values, fill;
  ln_text_list out = ln_text_list_make(r->node);
  LN_TRY(ln_texts_open(r->node, 1, err, &values));
  LN_TRY(ln_texts_open(r->node, 2, err, &fill));
  for (size_t i = 0; i < cells && out.status == LN_OK; ++i) {
    for (size_t j = 0; j < r->inner; ++j) {
      const size_t from = ln_broadcast_source(&r->node->in[1]->shape, &r->node->in[2]->shape, 0, j);
      ln_text_add(&out, sources[i] > 0 ? ln_texts_at(&values, (size_t)(sources[i] - 1) * r->inner + j)
                                       : ln_texts_at(&fill, from));
    }
  }
  const ln_status status = ln_text_list_output(&out, 0, &r->box, err);
  ln_text_list_free(&out);
  return status;
}

static ln_status fill_numbers(const ragged *r, const int32_t *sources, size_t cells, ln_error *err) {
  const ln_tensor *values = r->node->in[1], *fill = r->node->in[2];
  const size_t item = ln_item_bytes(values), row = r->inner * item;
  size_t bytes;
  if (item == 0 || !ln_tensor_size(values->type, &r->box, &bytes)) {
    return ln_node_fail(r->node, err, LN_ERR_TYPE, "cannot fill %s", ln_type_name(values->type));
  }
  if (fill->data == NULL) return ln_node_fail(r->node, err, LN_ERR_STATE, "the default holds no data");
  LN_TRY(ln_host_output(r->node, 0, &r->box, bytes, err));
  char *out = r->node->out[0]->data;
  for (size_t i = 0; i < cells; ++i, out += row) {
    if (sources[i] > 0) {
      memcpy(out, (const char *)values->data + (size_t)(sources[i] - 1) * row, row);
      continue;
    }
    for (size_t j = 0; j < r->inner; ++j) {
      memcpy(out + j * item, (const char *)fill->data + ln_broadcast_source(&values->shape, &fill->shape, 0, j) * item,
             item);
    }
  }
  return LN_OK;
}

ln_status ln_ragged_to_tensor_run(const ln_node *node, ln_exec *exec) {
  ragged r;
  size_t cells = 1, bytes, elements;
  LN_TRY(open_partitions(node, exec->err, &r));
  LN_TRY(box_shape(&r, exec->err));
  LN_TRY(check_default(&r, exec->err));
  if (!ln_shape_elements(&r.box, &elements) || !ln_size_product(r.box.dims, r.rank + 1, &cells) || cells > INT32_MAX ||
      !ln_size_mul(cells, sizeof(int32_t), &bytes) || ln_host_check_room(node, bytes, NULL) != LN_OK) {
    return ln_node_fail(node, exec->err, LN_ERR_LIMIT, "the tensor would be too large");
  }
  int32_t *sources = ln_alloc_array(cells + 1, sizeof *sources);
  if (sources == NULL) return ln_node_fail(node, exec->err, LN_ERR_MEMORY, "no memory");
  ln_status status = find_sources(&r, sources, exec->err);
  if (status == LN_OK) {
    status = node->in[1]->type == LN_STRING ? fill_strings(&r, sources, cells, exec->err)
                                            : fill_numbers(&r, sources, cells, exec->err);
  }
  ln_free(sources);
  return status;
}
