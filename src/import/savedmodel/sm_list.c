/*
 * TensorLists, and TensorArrays of TensorFlow 1 (whose state is what their `flow` stands for): one tensor, the items
 * stacked. The items' shape is often known only from what a loop puts in: its body is then tried once beforehand.
 */
#include "import/emit_private.h"
#include "import/savedmodel/savedmodel.h"

/* ---- lists ---- */

static ln_sm_list *new_list(ln_sm_call *c, ln_type type) {
  ln_sm_list *list = ln_arena_alloc(&ln_sm_of(c)->arena, sizeof *list);
  if (list == NULL) ln_import_no_memory(ln_sm_of(c)->import);
  else *list = (ln_sm_list){.type = type, .count = {.tensor = -1}, .items = {.tensor = -1}};
  return list;
}

static void give_list(ln_sm_call *c, int32_t i, ln_sm_list *list) {
  if (list != NULL) ln_sm_give_value(c, i, (ln_sm_value){.kind = LN_SM_LIST, .list = list, .tensor = -1});
}

/* The same list with these items. */
static ln_sm_list *with_items(ln_sm_call *c, const ln_sm_list *old, int32_t items) {
  ln_sm_list *list = ln_arena_copy(&ln_sm_of(c)->arena, old, sizeof *list);
  if (list == NULL) ln_import_no_memory(ln_sm_of(c)->import);
  else list->items = ln_sm_tensor(c->e, items);
  return list;
}

static const ln_sm_list *list_in(ln_sm_call *c, int32_t i) {
  if (i < c->in_count && c->in[i].kind == LN_SM_LIST) return c->in[i].list;
  ln_emit_refuse(c->e, "its input %d is no list of tensors of one shape", i);
  return NULL;
}

/* Where a list stands among the inputs: a TensorArray's is its flow, the last one. */
static const ln_sm_list *list_of(ln_sm_call *c) { return list_in(c, c->variant == 1 ? c->in_count - 1 : 0); }

static void take_item_shape(ln_sm_call *c, int32_t i, ln_sm_list *list) {
  int64_t dims[LN_MAX_RANK];
  int32_t count = 0;
  const int32_t t = i < c->in_count ? ln_sm_in(c, i) : -1;
  if (t < 0 || !ln_emit_ints(c->e, t, dims, LN_MAX_RANK, &count)) return;
  list->ranked = ln_emit_rank(c->e, t) == 1;
  list->item.rank = count;
  for (int32_t k = 0; k < count; ++k) list->item.dims[k] = dims[k] < 0 || dims[k] > INT32_MAX ? -1 : (int32_t)dims[k];
}

static int32_t zeros(ln_emit *e, ln_type type, int32_t rank, const ln_dim *dims) {
  const int32_t in[2] = {ln_emit_dims(e, rank, dims),
                         type == LN_STRING ? ln_emit_strings(e, 0, NULL, (const char *[]){""}, (size_t[]){0})
                                           : ln_emit_scalar(e, type, 0)};
  return ln_emit_op(e, LN_OP_FILL, NULL, 2, in, type);
}

/* Zeros for a list of items like `item`, a tensor of the graph. */
static int32_t begin_items(ln_sm_call *c, const ln_sm_list *list, int32_t item) {
  ln_dim dims[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(c->e, item);
  if (rank >= LN_MAX_RANK) return ln_emit_refuse(c->e, "the items have too many dimensions");
  dims[0] = LN_DIM_IS(ln_sm_use(c->scope, &list->count));
  for (int32_t i = 0; i < rank; ++i) {
    const int32_t size = ln_emit_dim(c->e, item, i);
    dims[1 + i] = size >= 0 ? LN_DIM(size) : LN_DIM_OF(item, i);
  }
  return zeros(c->e, ln_emit_type(c->e, item), rank + 1, dims);
}

/* The items; zeros where none was set but their shape is known; -1 and a failure else. */
static int32_t items_of(ln_sm_call *c, const ln_sm_list *list) {
  ln_dim dims[LN_MAX_RANK + 1];
  if (list == NULL || ln_sm_failed(ln_sm_of(c))) return -1;
  if (list->items.kind != LN_SM_NOTHING) return ln_sm_use(c->scope, &list->items);
  if (!list->ranked || !ln_shape_known(&list->item) || list->item.rank >= LN_MAX_RANK) {
    return ln_emit_refuse(c->e, "it reads a list before the shape of its items is known");
  }
  dims[0] = LN_DIM_IS(ln_sm_use(c->scope, &list->count));
  for (int32_t i = 0; i < list->item.rank; ++i) dims[1 + i] = LN_DIM(list->item.dims[i]);
  return zeros(c->e, list->type, list->item.rank + 1, dims);
}

static int32_t index_of(ln_sm_call *c, int32_t i) { return ln_emit_cast(c->e, ln_sm_in(c, i), LN_INT32); }

/* What a list that a loop fills holds is only told while its body is tried. */
static bool tell(ln_sm_call *c, const ln_sm_list *list, int32_t item) {
  if (list->probe == NULL || list->items.kind != LN_SM_NOTHING || item < 0) return false;
  list->probe->found = true;
  list->probe->type = ln_emit_type(c->e, item);
  list->probe->item = c->e->facts[item];
  return true;
}

/* Zeros behind the items, so that there is one at `index`. */
static int32_t grown(ln_sm_call *c, int32_t items, int32_t index) {
  ln_emit *e = c->e;
  ln_dim dims[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(e, items);
  const int32_t lack = ln_emit_sub(e, ln_emit_add_number(e, index, 1), ln_emit_size_of(e, items, 0));
  dims[0] = LN_DIM_IS(ln_emit_binary(e, LN_OP_MAXIMUM, lack, ln_emit_i32(e, 0)));
  for (int32_t i = 1; i < rank; ++i) {
    const int32_t size = ln_emit_dim(e, items, i);
    dims[i] = size >= 0 ? LN_DIM(size) : LN_DIM_OF(items, i);
  }
  return ln_emit_concat(e, 0, 2, (const int32_t[]){items, zeros(e, ln_emit_type(e, items), rank, dims)});
}

static int32_t put_item(ln_sm_call *c, const ln_sm_list *list, int32_t index, int32_t item) {
  ln_emit *e = c->e;
  const int32_t first = 0;
  int32_t items = list->items.kind == LN_SM_NOTHING ? begin_items(c, list, item) : ln_sm_use(c->scope, &list->items);
  if (ln_sm_bool(c, "resize_if_index_out_of_bounds", false)) items = grown(c, items, index);
  const int32_t rank = ln_emit_rank(e, items), row = ln_emit_expand(e, item, 1, &first);
  if (rank < 1 || rank > LN_MAX_RANK || ln_emit_rank(e, row) != rank)
    return ln_emit_refuse(e, "the items have different shapes");
  const ln_dim one = LN_DIM(1);
  int32_t place = ln_emit_reshape(e, index, 1, &one);
  if (rank > 1) {
    const int32_t nil[LN_MAX_RANK] = {0};
    place = ln_emit_concat(e, 0, 2, (const int32_t[]){place, ln_emit_vector(e, rank - 1, nil)});
  }
  return ln_emit_op(e, LN_OP_DYNAMIC_UPDATE_SLICE, NULL, 3, (const int32_t[]){items, row, place},
                    ln_emit_type(e, items));
}

/* ---- making ---- */

/* TensorListReserve: element shape, size; EmptyTensorList (variant 1): none of them is there yet */
void ln_sm_op_list_reserve(ln_sm_call *c) {
  ln_sm_list *list = new_list(c, ln_sm_type(c, "element_dtype"));
  if (list == NULL) return;
  take_item_shape(c, 0, list);
  list->count = ln_sm_tensor(c->e, c->variant == 1 ? ln_emit_i32(c->e, 0) : index_of(c, 1));
  give_list(c, 0, list);
}

/* TensorArrayV3: size > handle, flow */
void ln_sm_op_array(ln_sm_call *c) {
  ln_sm_list *list = new_list(c, ln_sm_type(c, "dtype"));
  bool ranked = false;
  if (list == NULL) return;
  if (ln_nodedef_shape(c->def, "element_shape", &list->item, &ranked)) list->ranked = ranked;
  list->count = ln_sm_tensor(c->e, index_of(c, 0));
  give_list(c, 0, list);
  give_list(c, 1, list);
}

/* TensorListFromTensor */
void ln_sm_op_list_from_tensor(ln_sm_call *c) {
  ln_sm_list *list = new_list(c, ln_sm_type(c, "element_dtype"));
  if (list == NULL) return;
  list->items = ln_sm_tensor(c->e, ln_sm_in(c, 0));
  give_list(c, 0, list);
}

/* ---- items ---- */

/* TensorListGetItem: list, index; TensorArrayReadV3 (variant 1): handle, index, flow */
void ln_sm_op_list_get(ln_sm_call *c) {
  const ln_sm_list *list = list_of(c);
  ln_sm_result(c, ln_emit_gather(c->e, items_of(c, list), index_of(c, 1), 0, 0));
}

/* TensorListSetItem: list, index, item; TensorArrayWriteV3 (variant 1): handle, index, item, flow */
void ln_sm_op_list_set(ln_sm_call *c) {
  const ln_sm_list *list = list_of(c);
  const int32_t index = index_of(c, 1), item = ln_sm_in(c, 2);
  if (list == NULL || item < 0) return;
  if (tell(c, list, item)) ln_sm_give_value(c, 0, c->in[c->variant == 1 ? c->in_count - 1 : 0]);
  else give_list(c, 0, with_items(c, list, put_item(c, list, index, item)));
}

void ln_sm_op_list_push(ln_sm_call *c) {
  const ln_sm_list *list = list_of(c);
  const int32_t item = ln_sm_in(c, 1), first = 0;
  if (list == NULL || item < 0) return;
  if (tell(c, list, item)) {
    ln_sm_give_value(c, 0, c->in[0]);
    return;
  }
  const int32_t row = ln_emit_expand(c->e, item, 1, &first);
  const bool is_first = list->items.kind == LN_SM_NOTHING;
  give_list(
      c, 0,
      with_items(
          c, list,
          is_first ? row : ln_emit_concat(c->e, 0, 2, (const int32_t[]){ln_sm_use(c->scope, &list->items), row})));
}

/* TensorListPopBack > list, item */
void ln_sm_op_list_pop(ln_sm_call *c) {
  const ln_sm_list *list = list_of(c);
  const int32_t items = items_of(c, list);
  if (items < 0) return;
  give_list(c, 0, with_items(c, list, ln_emit_slice(c->e, items, 0, 0, -1, 1)));
  ln_sm_give(c, 1, ln_emit_pick(c->e, items, 0, -1));
}

/* TensorListStack */
void ln_sm_op_list_stack(ln_sm_call *c) { ln_sm_result(c, items_of(c, list_of(c))); }

/* Whether the indices are 0, 1, 2, ... under either assignment. */
static bool counts_up(const ln_emit *e, int32_t indices) {
  if (indices < 0) return false;
  const ln_fact *fact = &e->facts[indices];
  for (int32_t p = 0; p < 2; ++p) {
    const int32_t *values = fact->value[p];
    if (fact->shape[p].rank != 1 || values == NULL || ln_emit_type(e, indices) != LN_INT32) return false;
    for (int32_t i = 0; i < fact->shape[p].dims[0]; ++i) {
      if (values[i] != i) return false;
    }
  }
  return true;
}

/* TensorListGather: list, indices; TensorArrayGatherV3 (variant 1) */
void ln_sm_op_list_gather(ln_sm_call *c) {
  const int32_t items = items_of(c, list_of(c)), indices = index_of(c, 1);
  if (items < 0 || indices < 0) return;
  bool all = counts_up(c->e, indices);
  for (int32_t p = 0; p < 2; ++p)
    all = all && c->e->facts[indices].shape[p].dims[0] == c->e->facts[items].shape[p].dims[0];
  ln_sm_result(c, all ? items : ln_emit_gather(c->e, items, indices, 0, 0));
}

static int32_t scattered(ln_sm_call *c, int32_t indices, int32_t items, int32_t count) {
  ln_dim dims[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(c->e, items), last = 1;
  if (counts_up(c->e, indices)) return items;
  if (rank < 1) return -1;
  dims[0] = LN_DIM_IS(count);
  for (int32_t i = 1; i < rank; ++i) dims[i] = LN_DIM_OF(items, i);
  return ln_emit_scatter(c->e, ln_emit_expand(c->e, indices, 1, &last), items, ln_emit_dims(c->e, rank, dims));
}

/* TensorListScatterV2: items, indices, element shape, size; TensorListScatter without a size */
void ln_sm_op_list_scatter(ln_sm_call *c) {
  const int32_t items = ln_sm_in(c, 0), indices = index_of(c, 1);
  ln_sm_list *list = new_list(c, ln_sm_type(c, "element_dtype"));
  int64_t size = -1;
  const int32_t given = c->in_count > 3 ? index_of(c, 3) : -1, first = 0;
  const bool none = given < 0 || (ln_emit_ints(c->e, given, &size, 1, NULL) && size < 0);
  const int32_t count =
      none ? ln_emit_add_number(c->e, ln_emit_reduce(c->e, LN_OP_REDUCE_MAX, indices, 1, &first, false), 1) : given;
  if (list == NULL) return;
  list->items = ln_sm_tensor(c->e, scattered(c, indices, items, count));
  give_list(c, 0, list);
}

/* TensorArrayScatterV3: handle, indices, items, flow */
void ln_sm_op_array_scatter(ln_sm_call *c) {
  const ln_sm_list *list = list_of(c);
  const int32_t indices = index_of(c, 1), items = ln_sm_in(c, 2);
  if (list != NULL && items >= 0)
    give_list(c, 0, with_items(c, list, scattered(c, indices, items, ln_emit_size_of(c->e, items, 0))));
}

/* ---- sizes ---- */

/* TensorListLength, TensorArraySizeV3 */
void ln_sm_op_list_length(ln_sm_call *c) {
  const ln_sm_list *list = list_of(c);
  if (list == NULL) return;
  const bool empty = list->items.kind == LN_SM_NOTHING;
  ln_sm_result(c,
               empty ? ln_sm_use(c->scope, &list->count) : ln_emit_size_of(c->e, ln_sm_use(c->scope, &list->items), 0));
}

void ln_sm_op_list_element_shape(ln_sm_call *c) {
  const int32_t items = items_of(c, list_of(c));
  ln_type type = LN_INT32;
  ln_nodedef_type(c->def, "shape_type", &type);
  if (items >= 0)
    ln_sm_result(c, ln_emit_cast(c->e, ln_emit_slice(c->e, ln_emit_shape_of(c->e, items), 0, 1, INT32_MAX, 1), type));
}

/* TensorListConcatV2, TensorArrayConcatV3: items, all of one length, one behind the other > tensor, lengths */
void ln_sm_op_list_concat(ln_sm_call *c) {
  const int32_t items = items_of(c, list_of(c));
  if (items < 0) return;
  if (ln_emit_rank(c->e, items) < 2) {
    ln_emit_refuse(c->e, "it joins scalars");
    return;
  }
  const ln_dim count = LN_DIM_OF(items, 0);
  ln_sm_give(c, 0, ln_emit_flatten(c->e, items, 0, 1));
  ln_sm_give(c, 1, ln_emit_cast(c->e, ln_emit_broadcast(c->e, ln_emit_size_of(c->e, items, 1), 1, &count), LN_INT64));
}

/* TensorListSplit: tensor, element shape, lengths; TensorArraySplitV3 (variant 1): handle, tensor, lengths, flow */
void ln_sm_op_list_split(ln_sm_call *c) {
  enum { MOST = 4096 };
  const int32_t tensor = ln_sm_in(c, c->variant == 1 ? 1 : 0), rank = ln_emit_rank(c->e, tensor);
  int64_t lengths[MOST];
  int32_t count = 0;
  ln_dim dims[LN_MAX_RANK];
  if (!ln_sm_const_ints(c, 2, "lengths", lengths, MOST, &count) || rank < 1) return;
  for (int32_t i = 0; i < count; ++i) {
    if (lengths[i] == lengths[0] && lengths[i] >= 0 && lengths[i] <= INT32_MAX && rank < LN_MAX_RANK) continue;
    ln_emit_refuse(c->e, "the items have different lengths");
    return;
  }
  ln_sm_list *list = new_list(c, ln_emit_type(c->e, tensor));
  if (list == NULL || count == 0) return;
  dims[0] = LN_DIM(count);
  dims[1] = LN_DIM((int32_t)lengths[0]);
  for (int32_t i = 1; i < rank; ++i) dims[1 + i] = LN_DIM_OF(tensor, i);
  list->items = ln_sm_tensor(c->e, ln_emit_reshape(c->e, tensor, rank + 1, dims));
  give_list(c, 0, list);
}

/* ---- loops ---- */

static bool copy_symbols(const ln_import *from, ln_import *to) {
  to->symbol_count = from->symbol_count;
  to->symbol_capacity = from->symbol_count;
  to->last_prime = from->last_prime;
  to->attempt = from->attempt;
  to->symbols = ln_arena_array(&to->model->arena, (size_t)from->symbol_count + 1, sizeof *to->symbols);
  if (to->symbols == NULL) return false;
  for (int32_t i = 0; i < from->symbol_count; ++i) to->symbols[i] = from->symbols[i];
  return true;
}

int32_t ln_sm_stand_in(ln_emit *e, const ln_emit *from, int32_t tensor, bool changes) {
  const ln_tensor *t = &ln_emit_graph(from)->tensors[tensor];
  ln_fact fact = from->facts[tensor];
  if (fact.constant && !changes) return ln_emit_constant(e, NULL, t->type, &t->shape, t->data, t->bytes);
  fact.constant = false;
  for (int32_t p = 0; p < 2 && changes; ++p) fact.value[p] = NULL;
  return ln_emit_tensor(e, NULL, t->type, &fact);
}

static bool stand_in_args(ln_sm_call *c, ln_emit *e, const ln_sm_value *initial, const bool *carried, ln_sm_value *args,
                          ln_sm_probe *probes) {
  ln_sm *sm = ln_sm_of(c);
  for (int32_t i = 0; i < c->in_count; ++i) {
    ln_sm_list *list = NULL;
    args[i] = initial[i];
    if (initial[i].kind == LN_SM_TENSOR)
      args[i] = ln_sm_tensor(e, ln_sm_stand_in(e, initial[i].e, initial[i].tensor, carried[i]));
    if (initial[i].kind != LN_SM_LIST) continue;
    list = ln_arena_copy(&sm->arena, initial[i].list, sizeof *list);
    if (list == NULL) return false;
    if (list->items.kind != LN_SM_NOTHING)
      list->items = ln_sm_tensor(e, ln_sm_stand_in(e, list->items.e, list->items.tensor, carried[i]));
    if (list->count.kind != LN_SM_NOTHING)
      list->count = ln_sm_tensor(e, ln_sm_stand_in(e, list->count.e, list->count.tensor, false));
    list->probe = &probes[i];
    args[i].list = list;
  }
  return !ln_sm_failed(sm);
}

/* Tries the body in a model of its own. */
static bool try_body(ln_sm_call *c, ln_sm_try body, void *user, const ln_sm_value *initial, const bool *carried,
                     ln_sm_probe *probes) {
  ln_sm *sm = ln_sm_of(c);
  ln_error said = {LN_OK, ""};
  ln_import own = {
      .source = sm->import->source, .options = sm->import->options, .err = &said, .state_graph = -1, .what = "node"};
  ln_import *const before = sm->scratch;
  ln_sm_value *args = ln_arena_array(&sm->arena, (size_t)c->in_count + 1, sizeof *args);
  own.model = ln_model_create();
  if (args == NULL || own.model == NULL || !copy_symbols(c->e->import, &own)) {
    ln_model_destroy(own.model);
    return ln_import_no_memory(sm->import) > 0;
  }
  sm->scratch = &own;
  ++sm->probing;
  ln_emit *e = ln_emit_begin(&own, "tried");
  if (e != NULL && stand_in_args(c, e, initial, carried, args, probes)) body(e, args, user);
  --sm->probing;
  sm->scratch = before;
  if (said.status != LN_OK) ln_import_fail(sm->import, said.status, "%s", said.message);
  ln_model_destroy(own.model);
  for (int32_t i = 0; i < sm->variable_count; ++i) sm->variables[i].last_e = NULL;
  return !ln_sm_failed(sm);
}

/* A tensor of the graph, and its axis, that is as large as an open dimension of the items. */
static bool find_like(ln_sm_call *c, int32_t first, int32_t second, ln_dim *out) {
  for (int32_t i = 0; i < c->in_count; ++i) {
    const ln_sm_value *v = &c->in[i];
    if (v->kind == LN_SM_LIST) v = &v->list->items;
    if (v->kind != LN_SM_TENSOR || v->e != c->e) continue;
    const ln_fact *fact = &c->e->facts[v->tensor];
    for (int32_t axis = 0; axis < fact->shape[0].rank; ++axis) {
      if (fact->shape[0].dims[axis] != first || fact->shape[1].dims[axis] != second) continue;
      *out = LN_DIM_OF(v->tensor, axis);
      return true;
    }
  }
  return false;
}

static bool begin_list(ln_sm_call *c, ln_sm_value *value, const ln_sm_probe *probe) {
  ln_dim dims[LN_MAX_RANK + 1];
  const ln_shape *a = &probe->item.shape[0], *b = &probe->item.shape[1];
  if (!probe->found) return true; /* no item is set: what reads it says so */
  ln_sm_list *list = ln_arena_copy(&ln_sm_of(c)->arena, value->list, sizeof *list);
  if (list == NULL || a->rank >= LN_MAX_RANK) {
    ln_emit_refuse(c->e, "the items of a list have too many dimensions");
    return false;
  }
  dims[0] = LN_DIM_IS(ln_sm_use(c->scope, &list->count));
  for (int32_t i = 0; i < a->rank; ++i) {
    dims[1 + i] = LN_DIM(a->dims[i]);
    if (a->dims[i] == b->dims[i] || find_like(c, a->dims[i], b->dims[i], &dims[1 + i])) continue;
    ln_emit_refuse(c->e, "a loop fills a list with items whose size is open; say --shape");
    return false;
  }
  list->items = ln_sm_tensor(c->e, zeros(c->e, probe->type, a->rank + 1, dims));
  value->list = list;
  return !ln_sm_failed(ln_sm_of(c));
}

bool ln_sm_prepare_lists(ln_sm_call *c, ln_sm_try body, void *user, ln_sm_value *initial, const bool *carried) {
  bool any = false;
  for (int32_t i = 0; i < c->in_count; ++i) {
    any = any || (carried[i] && initial[i].kind == LN_SM_LIST && initial[i].list->items.kind == LN_SM_NOTHING);
  }
  if (!any) return true;
  ln_sm_probe *probes = ln_arena_array(&ln_sm_of(c)->arena, (size_t)c->in_count + 1, sizeof *probes);
  if (probes == NULL || !try_body(c, body, user, initial, carried, probes)) return false;
  for (int32_t i = 0; i < c->in_count; ++i) {
    const bool empty = carried[i] && initial[i].kind == LN_SM_LIST && initial[i].list->items.kind == LN_SM_NOTHING;
    if (empty && !begin_list(c, &initial[i], &probes[i])) return false;
  }
  return true;
}
