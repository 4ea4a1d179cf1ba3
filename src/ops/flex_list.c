/*
 * Select-TF operators on lists of tensors (ops/tensor_list.h), and LiteRT's custom operators of the same names, whose
 * options are one byte, the elements' type. Their outputs have a shape that only the run finds.
 */
#include <math.h>
#include <string.h>

#include "ops/flex_attr.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/scatter.h"
#include "ops/strings.h"
#include "ops/tensor_list.h"

ln_status ln_list_infer(ln_node *node, ln_error *err) {
  (void)node;
  (void)err;
  return (ln_status)LN_INFER_IN_RUN;
}

/* ---- inputs ---- */

static ln_status open_list(const ln_node *node, int32_t input, ln_error *err, ln_list **out) {
  *out = ln_tensor_list(node->in[input]);
  if (*out != NULL) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_DATA, "\"%.100s\" holds no list", node->in[input]->name);
}

static ln_status check_type(const ln_node *node, const ln_list *list, ln_type type, ln_error *err) {
  if (list->type == type) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_TYPE, "the list is of %s, not of %s", ln_type_name(list->type),
                      ln_type_name(type));
}

/* The list of input 0, which must be of output `output`'s type. */
static ln_status open_for(const ln_node *node, int32_t output, ln_error *err, ln_list **out) {
  LN_TRY(open_list(node, 0, err, out));
  return check_type(node, *out, node->out[output]->type, err);
}

static ln_status element_type(const ln_node *node, ln_error *err, ln_type *out) {
  if (node->op->custom_options_size == 1) {
    *out = (ln_type)node->op->custom_options[0];
    if (node->op->custom_options[0] < LN_TYPE_COUNT) return LN_OK;
    return ln_node_fail(node, err, LN_ERR_MODEL, "a list of the type %d", (int)node->op->custom_options[0]);
  }
  *out = LN_FLOAT32;
  return ln_attr_type(node, err, "element_dtype", out);
}

static ln_status read_int(const ln_node *node, int32_t input, ln_error *err, int64_t *out) {
  int32_t count = 0;
  LN_TRY(ln_run_ints(node, input, out, 1, &count, err));
  return count == 1 ? LN_OK : ln_node_fail(node, err, LN_ERR_SHAPE, "input %d is not one number", input);
}

/* -1 alone for nothing known, or dimensions with -1 among them. */
static ln_status read_shape(const ln_node *node, int32_t input, ln_error *err, ln_part_shape *out) {
  int64_t dims[LN_MAX_RANK];
  int32_t count = 0;
  LN_TRY(ln_run_ints(node, input, dims, LN_MAX_RANK, &count, err));
  *out = (ln_part_shape){node->in[input]->shape.rank > 0, {0, {0}}};
  if (!out->ranked && dims[0] == -1) return LN_OK;
  bool fits = node->in[input]->shape.rank == 1;
  for (int32_t i = 0; fits && i < count; ++i) {
    fits = dims[i] == -1 || ln_shape_push(&out->shape, dims[i]);
    if (fits && dims[i] == -1) out->shape.dims[out->shape.rank++] = -1;
  }
  return fits ? LN_OK : ln_node_fail(node, err, LN_ERR_SHAPE, "input %d is no shape of elements", input);
}

/* ---- shapes of which not all is known ---- */

static ln_part_shape whole(const ln_shape *shape) { return (ln_part_shape){true, *shape}; }
static bool is_whole(const ln_part_shape *shape) { return shape->ranked && ln_shape_known(&shape->shape); }

/* What `other` knows is added to `shape`; false when they contradict each other. */
static bool merge(ln_part_shape *shape, const ln_part_shape *other) {
  if (!other->ranked) return true;
  if (!shape->ranked) {
    *shape = *other;
    return true;
  }
  if (shape->shape.rank != other->shape.rank) return false;
  for (int32_t i = 0; i < shape->shape.rank; ++i) {
    int32_t *dim = &shape->shape.dims[i];
    const int32_t more = other->shape.dims[i];
    if (*dim >= 0 && more >= 0 && *dim != more) return false;
    if (*dim < 0) *dim = more;
  }
  return true;
}

static bool fits_in(const ln_shape *shape, const ln_part_shape *wanted) {
  ln_part_shape made = whole(shape);
  return merge(&made, wanted);
}

static const char *format(const ln_part_shape *shape, char text[96]) {
  return shape->ranked ? ln_shape_format(&shape->shape, text, 96) : "of any rank";
}

static ln_status contradict(const ln_node *node, const ln_part_shape *a, const ln_part_shape *b, ln_error *err) {
  char first[96], second[96];
  return ln_node_fail(node, err, LN_ERR_SHAPE, "elements %s and %s are not of one shape", format(a, first),
                      format(b, second));
}

/* The shape that input `input` (-1: none) and the list agree on. */
static ln_status agreed_shape(const ln_node *node, int32_t input, const ln_list *list, ln_error *err,
                              ln_part_shape *out) {
  *out = (ln_part_shape){false, {0, {0}}};
  if (input >= 0) LN_TRY(read_shape(node, input, err, out));
  return merge(out, &list->shape) ? LN_OK : contradict(node, out, &list->shape, err);
}

static ln_status check_element(const ln_node *node, const ln_list *list, const ln_shape *shape, ln_error *err) {
  const ln_part_shape given = whole(shape);
  return fits_in(shape, &list->shape) ? LN_OK : contradict(node, &list->shape, &given, err);
}

/* ---- making lists: EmptyTensorList, TensorListReserve ---- */

ln_status ln_list_empty_run(const ln_node *node, ln_exec *exec) {
  ln_type type;
  ln_part_shape shape;
  int64_t most = 0;
  ln_list *list = NULL;
  LN_TRY(element_type(node, exec->err, &type));
  LN_TRY(read_shape(node, 0, exec->err, &shape));
  LN_TRY(read_int(node, 1, exec->err, &most));
  LN_TRY(ln_list_make(node, type, &shape, 0, exec->err, &list));
  list->most = most < 0 || most > INT32_MAX ? -1 : (int32_t)most;
  return ln_list_give(node, 0, list, exec->err);
}

ln_status ln_list_reserve_run(const ln_node *node, ln_exec *exec) {
  ln_type type;
  ln_part_shape shape;
  int64_t count = 0;
  ln_list *list = NULL;
  LN_TRY(element_type(node, exec->err, &type));
  LN_TRY(read_shape(node, 0, exec->err, &shape));
  LN_TRY(read_int(node, 1, exec->err, &count));
  if (count < 0) return ln_node_fail(node, exec->err, LN_ERR_DATA, "reserves %lld elements", (long long)count);
  LN_TRY(ln_list_make(node, type, &shape, count, exec->err, &list));
  return ln_list_give(node, 0, list, exec->err);
}

/* ---- one element ---- */

/* Output 0 becomes `like` of `count` elements with input `input` as element `index`. */
static ln_status give_with(const ln_node *node, const ln_list *like, int64_t count, int64_t index, int32_t input,
                           ln_error *err) {
  const ln_tensor *tensor = node->in[input];
  ln_list *list = NULL;
  ln_list_item *item = NULL;
  LN_TRY(check_type(node, like, tensor->type, err));
  LN_TRY(check_element(node, like, &tensor->shape, err));
  LN_TRY(ln_node_check_strings(node, input, err));
  LN_TRY(ln_list_copy(node, like, count, err, &list));
  const size_t elements = ln_shape_span(&tensor->shape, 0, tensor->shape.rank);
  const ln_status status = ln_list_item_make(node, tensor, 0, elements, &tensor->shape, err, &item);
  if (status != LN_OK) {
    ln_list_release(list);
    return status;
  }
  ln_list_set(list, (int32_t)index, item);
  return ln_list_give(node, 0, list, err);
}

ln_status ln_list_set_item_run(const ln_node *node, ln_exec *exec) {
  ln_list *list = NULL;
  int64_t index = 0;
  bool grow = false;
  LN_TRY(open_list(node, 0, exec->err, &list));
  LN_TRY(read_int(node, 1, exec->err, &index));
  if (node->op->custom_options_size > 1) {
    LN_TRY(ln_attr_bool(node, exec->err, "resize_if_index_out_of_bounds", &grow));
  }
  const int64_t count = grow && index >= list->count && index < INT32_MAX ? index + 1 : list->count;
  if (index < 0 || index >= count) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "sets element %lld of %d", (long long)index, list->count);
  }
  return give_with(node, list, count, index, 2, exec->err);
}

ln_status ln_list_push_back_run(const ln_node *node, ln_exec *exec) {
  ln_list *list = NULL;
  LN_TRY(open_list(node, 0, exec->err, &list));
  if (list->most >= 0 && list->count >= list->most) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "the list is full: it takes %d elements", list->most);
  }
  return give_with(node, list, (int64_t)list->count + 1, list->count, 1, exec->err);
}

/* Output `output` becomes an element; one that was not set is zeros of the shape that input `shape_input` and the list,
 * or with `siblings` its other elements, tell. */
static ln_status give_element(const ln_node *node, int32_t output, const ln_list *list, int32_t index,
                              int32_t shape_input, bool siblings, ln_error *err) {
  const ln_list_item *item = list->items[index];
  ln_part_shape shape;
  if (item == NULL) {
    LN_TRY(agreed_shape(node, shape_input, list, err, &shape));
    for (int32_t i = 0; siblings && i < list->count && !is_whole(&shape); ++i) {
      if (list->items[i] == NULL) continue;
      const ln_part_shape other = whole(&list->items[i]->shape);
      if (!merge(&shape, &other)) return contradict(node, &shape, &other, err);
    }
    if (!is_whole(&shape)) {
      return ln_node_fail(node, err, LN_ERR_DATA, "reads element %d, which was not set and has no known shape", index);
    }
  } else {
    shape = whole(&item->shape);
  }
  ln_list_part part = {item, 0};
  if (!ln_shape_elements(&shape.shape, &part.end)) return ln_node_fail(node, err, LN_ERR_SHAPE, "is too large");
  return ln_list_join(node, output, &shape.shape, &part, 1, err);
}

ln_status ln_list_get_item_run(const ln_node *node, ln_exec *exec) {
  ln_list *list = NULL;
  int64_t index = 0;
  LN_TRY(open_for(node, 0, exec->err, &list));
  LN_TRY(read_int(node, 1, exec->err, &index));
  if (index < 0 || index >= list->count) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "reads element %lld of %d", (long long)index, list->count);
  }
  return give_element(node, 0, list, (int32_t)index, node->in_count > 2 ? 2 : -1, true, exec->err);
}

ln_status ln_list_pop_back_run(const ln_node *node, ln_exec *exec) {
  ln_list *list = NULL, *rest = NULL;
  LN_TRY(open_for(node, 1, exec->err, &list));
  if (list->count == 0) return ln_node_fail(node, exec->err, LN_ERR_DATA, "takes from an empty list");
  LN_TRY(give_element(node, 1, list, list->count - 1, node->in_count > 1 ? 1 : -1, false, exec->err));
  LN_TRY(ln_list_copy(node, list, (int64_t)list->count - 1, exec->err, &rest));
  return ln_list_give(node, 0, rest, exec->err);
}

/* ---- numbers ---- */

static ln_status give_ints(const ln_node *node, int32_t output, const ln_shape *shape, const int64_t *values,
                           ln_error *err) {
  const size_t count = ln_shape_span(shape, 0, shape->rank);
  const bool wide = node->out[output]->type == LN_INT64;
  LN_TRY(ln_host_output(node, output, shape, count * (wide ? 8 : 4), err)); /* bounded: the values are in memory */
  for (size_t i = 0; i < count; ++i) {
    if (wide) ((int64_t *)node->out[output]->data)[i] = values[i];
    else ((int32_t *)node->out[output]->data)[i] = (int32_t)values[i];
  }
  return LN_OK;
}

ln_status ln_list_length_run(const ln_node *node, ln_exec *exec) {
  const ln_shape scalar = {0, {0}};
  ln_list *list = NULL;
  LN_TRY(open_list(node, 0, exec->err, &list));
  return give_ints(node, 0, &scalar, &(int64_t){list->count}, exec->err);
}

ln_status ln_list_element_shape_run(const ln_node *node, ln_exec *exec) {
  const ln_shape scalar = {0, {0}};
  int64_t dims[LN_MAX_RANK];
  ln_list *list = NULL;
  LN_TRY(open_list(node, 0, exec->err, &list));
  if (!list->shape.ranked) return give_ints(node, 0, &scalar, &(int64_t){-1}, exec->err);
  const ln_shape shape = {1, {list->shape.shape.rank}};
  for (int32_t i = 0; i < shape.dims[0]; ++i) dims[i] = list->shape.shape.dims[i];
  return give_ints(node, 0, &shape, dims, exec->err);
}

/* ---- elements as one tensor: TensorListStack, TensorListGather, TensorListConcat ---- */

/* Parts in passing memory, which counts as long as they are made. */
static ln_status make_parts(const ln_node *node, size_t count, ln_error *err, ln_list_part **out) {
  size_t bytes;
  if (!ln_size_mul(count, sizeof **out, &bytes)) bytes = SIZE_MAX;
  LN_TRY(ln_host_check_room(node, bytes, err));
  *out = ln_alloc_array(count, sizeof **out);
  return *out != NULL ? LN_OK : ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
}

/* Parts of one shape, which `shape` may not know yet, become output 0 with their number before it. */
static ln_status give_stacked(const ln_node *node, ln_list_part *parts, size_t count, ln_part_shape *shape,
                              ln_error *err) {
  size_t elements, end = 0;
  for (size_t i = 0; i < count; ++i) {
    if (parts[i].item == NULL) continue;
    const ln_part_shape other = whole(&parts[i].item->shape);
    if (!merge(shape, &other)) return contradict(node, shape, &other, err);
  }
  if (!is_whole(shape)) {
    return ln_node_fail(node, err, LN_ERR_DATA, "stacks elements of which none was set, of a shape that is not known");
  }
  ln_shape result = {0, {0}};
  bool fits =
      count <= INT32_MAX && ln_shape_push(&result, (int64_t)count) && ln_shape_elements(&shape->shape, &elements);
  for (int32_t i = 0; fits && i < shape->shape.rank; ++i) fits = ln_shape_push(&result, shape->shape.dims[i]);
  for (size_t i = 0; fits && i < count; ++i) {
    fits = ln_size_add(end, elements, &end);
    parts[i].end = end;
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the elements stacked are too large");
  return ln_list_join(node, 0, &result, parts, count, err);
}

ln_status ln_list_stack_run(const ln_node *node, ln_exec *exec) {
  ln_list *list = NULL;
  ln_list_part *parts = NULL;
  ln_part_shape shape;
  int64_t wanted = -1;
  LN_TRY(open_for(node, 0, exec->err, &list));
  if (node->op->custom_options_size > 1) {
    LN_TRY(ln_attr_int(node, exec->err, "num_elements", INT64_MIN, INT64_MAX, &wanted));
  }
  if (wanted != -1 && wanted != list->count) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "stacks %lld elements of a list of %d", (long long)wanted,
                        list->count);
  }
  LN_TRY(agreed_shape(node, node->in_count > 1 ? 1 : -1, list, exec->err, &shape));
  LN_TRY(make_parts(node, (size_t)list->count, exec->err, &parts));
  for (int32_t i = 0; i < list->count; ++i) parts[i].item = list->items[i];
  const ln_status status = give_stacked(node, parts, (size_t)list->count, &shape, exec->err);
  ln_free(parts);
  return status;
}

static size_t count_of(const ln_tensor *tensor) { return ln_shape_span(&tensor->shape, 0, tensor->shape.rank); }

ln_status ln_list_gather_run(const ln_node *node, ln_exec *exec) {
  const int32_t *indices = node->in[1]->data;
  const size_t count = count_of(node->in[1]);
  ln_list *list = NULL;
  ln_list_part *parts = NULL;
  ln_part_shape shape;
  ln_status status = LN_OK;
  LN_TRY(open_for(node, 0, exec->err, &list));
  LN_TRY(agreed_shape(node, 2, list, exec->err, &shape));
  LN_TRY(make_parts(node, count, exec->err, &parts));
  for (size_t i = 0; status == LN_OK && i < count; ++i) {
    if (indices[i] >= 0 && indices[i] < list->count) parts[i].item = list->items[indices[i]];
    else status = ln_node_fail(node, exec->err, LN_ERR_DATA, "gathers element %d of %d", indices[i], list->count);
  }
  if (status == LN_OK) status = give_stacked(node, parts, count, &shape, exec->err);
  ln_free(parts);
  return status;
}

/* Of elements that are joined along their first dimension: their number of rows, and the shape of a row. */
typedef struct concat_plan {
  ln_list_part *parts;
  int64_t *lengths;
  ln_part_shape row;
  int32_t length; /* of every element; -1 they differ */
} concat_plan;

static bool split_shape(const ln_part_shape *shape, concat_plan *plan) {
  plan->row = *shape;
  plan->length = -1;
  if (!shape->ranked) return true;
  if (shape->shape.rank < 1) return false;
  plan->length = shape->shape.dims[0];
  plan->row.shape = ln_shape_make(shape->shape.rank - 1, shape->shape.dims + 1);
  return true;
}

static ln_status plan_concat(const ln_node *node, const ln_list *list, concat_plan *plan, int64_t *rows,
                             ln_error *err) {
  size_t elements, end = 0;
  *rows = 0;
  for (int32_t i = 0; i < list->count; ++i) {
    if (list->items[i] == NULL) continue;
    concat_plan own;
    const ln_part_shape shape = whole(&list->items[i]->shape);
    const bool fits =
        split_shape(&shape, &own) && merge(&plan->row, &own.row) && (plan->length < 0 || plan->length == own.length);
    if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "element %d has a shape that does not fit the others'", i);
    plan->lengths[i] = own.length;
  }
  if (!is_whole(&plan->row)) return ln_node_fail(node, err, LN_ERR_SHAPE, "the shape of the rows is not known");
  const int64_t *given = node->in_count > 2 ? node->in[2]->data : NULL;
  const size_t given_count = node->in_count > 2 ? count_of(node->in[2]) : 0;
  bool fits = ln_shape_elements(&plan->row.shape, &elements);
  for (int32_t i = 0; fits && i < list->count; ++i) {
    size_t part;
    plan->parts[i].item = list->items[i];
    if (list->items[i] == NULL) plan->lengths[i] = plan->length;
    if (plan->lengths[i] < 0 && (size_t)i < given_count) plan->lengths[i] = given[i];
    if (plan->lengths[i] < 0 || plan->lengths[i] > INT32_MAX) {
      return ln_node_fail(node, err, LN_ERR_DATA, "element %d was not set and has no known length", i);
    }
    *rows += plan->lengths[i];
    fits = ln_size_mul(elements, (size_t)plan->lengths[i], &part) && ln_size_add(end, part, &end);
    plan->parts[i].end = end;
  }
  return fits ? LN_OK : ln_node_fail(node, err, LN_ERR_SHAPE, "the elements joined are too large");
}

static ln_status concat(const ln_node *node, const ln_list *list, concat_plan *plan, ln_error *err) {
  int64_t rows;
  ln_shape shape = {0, {0}};
  LN_TRY(plan_concat(node, list, plan, &rows, err));
  bool fits = ln_shape_push(&shape, rows);
  for (int32_t i = 0; fits && i < plan->row.shape.rank; ++i) fits = ln_shape_push(&shape, plan->row.shape.dims[i]);
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the elements joined are too large");
  LN_TRY(ln_list_join(node, 0, &shape, plan->parts, (size_t)list->count, err));
  const ln_shape numbers = {1, {list->count}};
  return give_ints(node, 1, &numbers, plan->lengths, err);
}

/* TensorListConcat keeps the elements' shape in its options, TensorListConcatV2 as an input, lengths after it. */
ln_status ln_list_concat_run(const ln_node *node, ln_exec *exec) {
  ln_list *list = NULL;
  concat_plan plan = {.parts = NULL};
  ln_part_shape shape;
  LN_TRY(open_for(node, 0, exec->err, &list));
  LN_TRY(agreed_shape(node, node->in_count > 1 ? 1 : -1, list, exec->err, &shape));
  if (node->in_count == 1) {
    ln_nodedef def;
    ln_part_shape own = {false, {0, {0}}};
    LN_TRY(ln_attr_open(node, exec->err, &def));
    ln_nodedef_shape(&def, "element_shape", &own.shape, &own.ranked);
    if (!merge(&shape, &own)) return contradict(node, &shape, &own, exec->err);
  }
  if (!split_shape(&shape, &plan)) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "joins scalars");
  LN_TRY(make_parts(node, (size_t)list->count, exec->err, &plan.parts));
  plan.lengths = ln_alloc_array((size_t)list->count, sizeof *plan.lengths);
  const ln_status status = plan.lengths == NULL ? ln_node_fail(node, exec->err, LN_ERR_MEMORY, "no memory")
                                                : concat(node, list, &plan, exec->err);
  ln_free(plan.lengths);
  ln_free(plan.parts);
  return status;
}

/* ---- rows of a tensor as elements: TensorListFromTensor, TensorListScatter*, TensorListSplit ---- */

/* Rows [first, first + length) of input `input` become element `index`; under their own shape, or a row's when it is
 * one alone. */
static ln_status take_rows(const ln_node *node, ln_list *list, int32_t index, int32_t input, int64_t first,
                           int64_t length, bool alone, ln_error *err) {
  const ln_tensor *tensor = node->in[input];
  ln_list_item *item = NULL;
  ln_shape shape = tensor->shape;
  shape.dims[0] = (int32_t)length;
  if (alone) shape = ln_shape_make(shape.rank - 1, tensor->shape.dims + 1);
  const size_t row = ln_shape_span(&tensor->shape, 1, tensor->shape.rank);
  LN_TRY(ln_list_item_make(node, tensor, (size_t)first * row, (size_t)length * row, &shape, err, &item));
  ln_list_set(list, index, item);
  return LN_OK;
}

/* The rows of input `input` fit a list of elements of `shape`. */
static ln_status check_rows(const ln_node *node, int32_t input, const ln_part_shape *shape, ln_error *err) {
  const ln_shape *all = &node->in[input]->shape;
  if (all->rank < 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "\"%.100s\" has no rows", node->in[input]->name);
  const ln_part_shape row = {true, ln_shape_make(all->rank - 1, all->dims + 1)};
  if (!fits_in(&row.shape, shape)) return contradict(node, shape, &row, err);
  return ln_node_check_strings(node, input, err);
}

ln_status ln_list_from_tensor_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *tensor = node->in[0];
  ln_part_shape shape;
  ln_list *list = NULL;
  ln_status status = LN_OK;
  LN_TRY(read_shape(node, 1, exec->err, &shape));
  LN_TRY(check_rows(node, 0, &shape, exec->err));
  LN_TRY(ln_list_make(node, tensor->type, &shape, tensor->shape.dims[0], exec->err, &list));
  for (int32_t i = 0; status == LN_OK && i < list->count; ++i) {
    status = take_rows(node, list, i, 0, i, 1, true, exec->err);
  }
  if (status == LN_OK) return ln_list_give(node, 0, list, exec->err);
  ln_list_release(list);
  return status;
}

/* The rows of input `input` go where input `input` + 1 says; *count becomes what a list of them takes at least. */
static ln_status check_places(const ln_node *node, int32_t input, ln_error *err, int64_t *count) {
  const int32_t *indices = node->in[input + 1]->data;
  if (count_of(node->in[input + 1]) != (size_t)node->in[input]->shape.dims[0]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%zu indices for %d rows", count_of(node->in[input + 1]),
                        node->in[input]->shape.dims[0]);
  }
  *count = 0;
  for (int32_t i = 0; i < node->in[input]->shape.dims[0]; ++i) {
    if (indices[i] < 0) return ln_node_fail(node, err, LN_ERR_DATA, "the index %d is negative", indices[i]);
    if (indices[i] >= *count) *count = (int64_t)indices[i] + 1;
  }
  return LN_OK;
}

static ln_status scatter_into(const ln_node *node, ln_list *list, int32_t input, ln_error *err) {
  const int32_t *indices = node->in[input + 1]->data;
  ln_status status = LN_OK;
  for (int32_t i = 0; status == LN_OK && i < node->in[input]->shape.dims[0]; ++i) {
    status = take_rows(node, list, indices[i], input, i, 1, true, err);
  }
  if (status == LN_OK) return ln_list_give(node, 0, list, err);
  ln_list_release(list);
  return status;
}

ln_status ln_list_scatter_run(const ln_node *node, ln_exec *exec) {
  ln_part_shape shape;
  ln_list *list = NULL;
  int64_t count, wanted = -1;
  LN_TRY(read_shape(node, 2, exec->err, &shape));
  LN_TRY(check_rows(node, 0, &shape, exec->err));
  LN_TRY(check_places(node, 0, exec->err, &count));
  if (node->in_count > 3) LN_TRY(read_int(node, 3, exec->err, &wanted));
  if (wanted < -1 || (wanted >= 0 && wanted < count)) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "scatters to element %lld of %lld", (long long)count - 1,
                        (long long)wanted);
  }
  LN_TRY(ln_list_make(node, node->in[0]->type, &shape, wanted < 0 ? count : wanted, exec->err, &list));
  return scatter_into(node, list, 0, exec->err);
}

ln_status ln_list_scatter_into_run(const ln_node *node, ln_exec *exec) {
  ln_list *old = NULL, *list = NULL;
  int64_t count;
  LN_TRY(open_list(node, 0, exec->err, &old));
  LN_TRY(check_type(node, old, node->in[1]->type, exec->err));
  LN_TRY(check_rows(node, 1, &old->shape, exec->err));
  LN_TRY(check_places(node, 1, exec->err, &count));
  LN_TRY(ln_list_copy(node, old, count > old->count ? count : old->count, exec->err, &list));
  return scatter_into(node, list, 1, exec->err);
}

static ln_status split_into(const ln_node *node, ln_list *list, ln_error *err) {
  const int64_t *lengths = node->in[2]->data;
  const int32_t rows = node->in[0]->shape.dims[0];
  int64_t at = 0;
  for (int32_t i = 0; i < list->count; ++i) {
    if (lengths[i] < 0 || lengths[i] > rows - at) {
      return ln_node_fail(node, err, LN_ERR_DATA, "length %d is %lld, %lld rows are left", i, (long long)lengths[i],
                          (long long)(rows - at));
    }
    ln_shape shape = node->in[0]->shape;
    shape.dims[0] = (int32_t)lengths[i];
    LN_TRY(check_element(node, list, &shape, err));
    LN_TRY(take_rows(node, list, i, 0, at, lengths[i], false, err));
    at += lengths[i];
  }
  return at == rows ? LN_OK : ln_node_fail(node, err, LN_ERR_DATA, "%lld rows are left", (long long)(rows - at));
}

ln_status ln_list_split_run(const ln_node *node, ln_exec *exec) {
  ln_part_shape shape;
  ln_list *list = NULL;
  LN_TRY(read_shape(node, 1, exec->err, &shape));
  if (node->in[0]->shape.rank < 1) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "splits a scalar");
  if (node->in[2]->shape.rank != 1) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the lengths are no list");
  LN_TRY(ln_node_check_strings(node, 0, exec->err));
  LN_TRY(ln_list_make(node, node->in[0]->type, &shape, node->in[2]->shape.dims[0], exec->err, &list));
  const ln_status status = split_into(node, list, exec->err);
  if (status == LN_OK) return ln_list_give(node, 0, list, exec->err);
  ln_list_release(list);
  return status;
}

/* ---- whole lists ---- */

ln_status ln_list_resize_run(const ln_node *node, ln_exec *exec) {
  ln_list *old = NULL, *list = NULL;
  int64_t count = 0;
  LN_TRY(open_list(node, 0, exec->err, &old));
  LN_TRY(read_int(node, 1, exec->err, &count));
  if (count < 0) return ln_node_fail(node, exec->err, LN_ERR_DATA, "resizes to %lld elements", (long long)count);
  LN_TRY(ln_list_copy(node, old, count, exec->err, &list));
  return ln_list_give(node, 0, list, exec->err);
}

ln_status ln_list_concat_lists_run(const ln_node *node, ln_exec *exec) {
  ln_list *a = NULL, *b = NULL, *list = NULL;
  LN_TRY(open_list(node, 0, exec->err, &a));
  LN_TRY(open_list(node, 1, exec->err, &b));
  LN_TRY(check_type(node, b, a->type, exec->err));
  const bool same = a->shape.ranked == b->shape.ranked && ln_shape_equal(&a->shape.shape, &b->shape.shape);
  if (!same) return contradict(node, &a->shape, &b->shape, exec->err);
  LN_TRY(ln_list_copy(node, a, (int64_t)a->count + b->count, exec->err, &list));
  for (int32_t i = 0; i < b->count; ++i) {
    if (b->items[i] == NULL) continue;
    ++b->items[i]->holders;
    ln_list_set(list, a->count + i, b->items[i]);
  }
  return ln_list_give(node, 0, list, exec->err);
}

/* ---- arithmetic: ZerosLike and AddN of lists; of anything else they are what they are ---- */

ln_status ln_variant_zeros_infer(ln_node *node, ln_error *err) {
  return node->in[0]->type == LN_VARIANT ? (ln_status)LN_INFER_IN_RUN : ln_infer_same(node, err);
}

/* Elements that were not set stay so. */
ln_status ln_variant_zeros_run(const ln_node *node, ln_exec *exec) {
  ln_list *like = NULL, *list = NULL;
  ln_status status = LN_OK;
  if (node->in[0]->type != LN_VARIANT) return ln_zeros_like_run(node, exec);
  LN_TRY(open_list(node, 0, exec->err, &like));
  LN_TRY(ln_list_make(node, like->type, &like->shape, like->count, exec->err, &list));
  for (int32_t i = 0; status == LN_OK && i < like->count; ++i) {
    ln_list_item *item = NULL;
    if (like->items[i] == NULL) continue;
    status = ln_list_item_zeros(node, like->type, &like->items[i]->shape, exec->err, &item);
    if (status == LN_OK) ln_list_set(list, i, item);
  }
  if (status == LN_OK) return ln_list_give(node, 0, list, exec->err);
  ln_list_release(list);
  return status;
}

ln_status ln_variant_add_n_infer(ln_node *node, ln_error *err) {
  return node->in[0]->type == LN_VARIANT ? (ln_status)LN_INFER_IN_RUN : ln_add_n_infer(node, err);
}

/* Element `index` of `sum`, whose elements are its own, grows by that of `list`; where one of them was not set the
 * other stands alone. */
static ln_status add_item(const ln_node *node, ln_list *sum, const ln_list *list, int32_t index, ln_error *err) {
  static const ln_binary_params params = {.low_f = -INFINITY, .high_f = INFINITY, .low = INT32_MIN, .high = INT32_MAX};
  const ln_list_item *more = list->items[index];
  ln_binary_fn *add = ln_scatter_kernel(LN_BINARY_ADD, list->type);
  if (more == NULL) return LN_OK;
  if (add == NULL) return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "adds lists of %s", ln_type_name(list->type));
  if (sum->items[index] == NULL) {
    ln_list_item *item = NULL;
    LN_TRY(ln_list_item_zeros(node, list->type, &more->shape, err, &item));
    if (more->bytes > 0) memcpy(item->data, more->data, more->bytes);
    ln_list_set(sum, index, item);
    return LN_OK;
  }
  ln_list_item *to = sum->items[index];
  if (!ln_shape_equal(&to->shape, &more->shape)) {
    const ln_part_shape a = whole(&to->shape), b = whole(&more->shape);
    return contradict(node, &a, &b, err);
  }
  const ln_block block = {1, ln_shape_span(&to->shape, 0, to->shape.rank), {0}, {1, 1}};
  if (block.columns > 0) add(to->data, more->data, to->data, &block, &params);
  return LN_OK;
}

static ln_status add_list(const ln_node *node, ln_list *sum, int32_t input, ln_error *err) {
  ln_list *list = NULL;
  LN_TRY(open_list(node, input, err, &list));
  LN_TRY(check_type(node, list, sum->type, err));
  if (list->count != sum->count) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "adds lists of %d and %d elements", sum->count, list->count);
  }
  if (!merge(&sum->shape, &list->shape)) return contradict(node, &sum->shape, &list->shape, err);
  for (int32_t i = 0; i < sum->count; ++i) LN_TRY(add_item(node, sum, list, i, err));
  return LN_OK;
}

ln_status ln_variant_add_n_run(const ln_node *node, ln_exec *exec) {
  ln_list *first = NULL, *sum = NULL;
  ln_status status = LN_OK;
  if (node->in[0]->type != LN_VARIANT) return ln_add_n_run(node, exec);
  LN_TRY(open_list(node, 0, exec->err, &first));
  LN_TRY(ln_list_make(node, first->type, &first->shape, first->count, exec->err, &sum));
  for (int32_t i = 0; status == LN_OK && i < node->in_count; ++i) status = add_list(node, sum, i, exec->err);
  if (status == LN_OK) return ln_list_give(node, 0, sum, exec->err);
  ln_list_release(sum);
  return status;
}
