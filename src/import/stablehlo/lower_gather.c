/*
 * Gathering and scattering. Any gather is one GATHER_ND: the operand's indexed dimensions come first, indices are kept
 * within it, and those of windows are counted on from where they begin.
 */
#include <string.h>

#include "import/stablehlo/lower.h"

/* What a gather or scatter says of its dimensions. */
typedef struct {
  int32_t rank, index_rank;                   /* of the operand and of the indices, the vector's dimension included */
  int32_t vector;                             /* the dimension of index vectors; index_rank - 1 after arranging */
  int32_t offsets[LN_MAX_RANK], offset_count; /* in the output (or updates) */
  int32_t collapsed[LN_MAX_RANK], collapsed_count;
  int32_t map[LN_MAX_RANK], map_count;     /* the operand's dimension for each number of a vector */
  int32_t batch[LN_MAX_RANK], batch_count; /* of the operand */
  int32_t index_batch[LN_MAX_RANK], index_batch_count;
  int32_t size[LN_MAX_RANK]; /* of a window, for each of the operand's dimensions */
} ln_gather;

static bool contains(const int32_t *list, int32_t count, int32_t value) {
  for (int32_t i = 0; i < count; ++i) {
    if (list[i] == value) return true;
  }
  return false;
}

static int32_t index_of(const int32_t *list, int32_t count, int32_t value) {
  for (int32_t i = 0; i < count; ++i) {
    if (list[i] == value) return i;
  }
  return -1;
}

/* The operand's dimension is no dimension of a window that is seen in the output. */
static bool is_hidden(const ln_gather *g, int32_t d) {
  return contains(g->collapsed, g->collapsed_count, d) || contains(g->batch, g->batch_count, d);
}

static bool is_indexed(const ln_gather *g, int32_t d) {
  return contains(g->map, g->map_count, d) || contains(g->batch, g->batch_count, d);
}

/* Indices as int32 [..., numbers of a vector], whatever dimension the vectors had. */
static int32_t index_vectors(ln_shlo_frame *f, const ln_mlir_op *op, int32_t operand, ln_gather *g) {
  const ln_mlir_element_info *info = ln_shlo_element(op, operand);
  int32_t order[LN_MAX_RANK], count = 0;
  int32_t a = ln_emit_cast(f->e, ln_shlo_full(f, op, operand), LN_INT32);
  if (a < 0 || info->kind > LN_MLIR_UNSIGNED) return -1;
  if (g->vector == g->index_rank) { /* numbers alone */
    a = ln_emit_expand(f->e, a, 1, &g->vector);
    ++g->index_rank;
  }
  for (int32_t i = 0; i < g->index_rank; ++i) {
    if (i != g->vector) order[count++] = i;
  }
  order[count] = g->vector;
  g->vector = count;
  return ln_emit_transpose(f->e, a, order);
}

/* 0 ... size - 1 along a dimension of a tensor of `rank`, 1 elsewhere; size of `like` at `from`. */
static int32_t count_along(ln_emit *e, int32_t rank, int32_t at, int32_t size, int32_t like, int32_t from) {
  ln_dim dims[LN_MAX_RANK];
  const int32_t end = size >= 0 ? ln_emit_i32(e, size) : ln_emit_size_of(e, like, from);
  const int32_t range = ln_emit_count_up(e, end);
  for (int32_t i = 0; i < rank; ++i) dims[i] = i == at ? LN_DIM_OF(range, 0) : LN_DIM(1);
  return ln_emit_reshape(e, range, rank, dims);
}

/* The last index at which a window still lies within the operand, as a tensor. */
static int32_t last_start(ln_emit *e, int32_t operand, int32_t d, int32_t size) {
  const int32_t dim = ln_emit_dim(e, operand, d);
  return dim >= 0 ? ln_emit_i32(e, dim - size) : ln_emit_add_number(e, ln_emit_size_of(e, operand, d), -size);
}

/*
 * For each of the operand's indexed dimensions its indices as [places..., windows..., 1], where `windows` are the
 * indexed dimensions with more than one element in a window. Joined: [places..., windows..., indexed]. `starts` are as
 * they were asked for; with `keep` they are moved to where the window lies within the operand.
 */
static int32_t join_indices(ln_shlo_frame *f, const ln_gather *g, int32_t operand, int32_t vectors,
                            const int32_t *indexed, int32_t count, bool keep) {
  ln_emit *e = f->e;
  int32_t wide[LN_MAX_RANK], wide_count = 0, parts[LN_MAX_RANK];
  const int32_t places = g->index_rank - 1;
  for (int32_t i = 0; i < count; ++i) {
    if (g->size[indexed[i]] > 1) wide[wide_count++] = indexed[i];
  }
  const int32_t rank = places + wide_count;
  if (rank + 1 > LN_MAX_RANK) return ln_emit_refuse(e, "it has too many dimensions");
  ln_dim shape[LN_MAX_RANK], all[LN_MAX_RANK];
  for (int32_t i = 0; i < places; ++i) shape[i] = all[i] = LN_DIM_OF(vectors, i);
  for (int32_t i = places; i < rank + 1; ++i) shape[i] = LN_DIM(1);
  for (int32_t i = 0; i < wide_count; ++i) all[places + i] = LN_DIM(g->size[wide[i]]);
  all[rank] = LN_DIM(1);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t d = indexed[i], number = index_of(g->map, g->map_count, d), window = index_of(wide, wide_count, d);
    if (number >= 0) {
      int32_t start = ln_emit_slice(e, vectors, -1, number, number + 1, 1);
      if (keep) {
        start = ln_emit_binary(e, LN_OP_MAXIMUM, start, ln_emit_i32(e, 0));
        start = ln_emit_binary(e, LN_OP_MINIMUM, start, last_start(e, operand, d, g->size[d]));
      }
      parts[i] = ln_emit_reshape(e, start, rank + 1, shape);
    } else { /* a batch: each place its own */
      const int32_t axis = g->index_batch[index_of(g->batch, g->batch_count, d)];
      const int32_t at = axis; /* the vector's dimension comes last, after all others */
      parts[i] = count_along(e, rank + 1, at, ln_emit_dim(e, vectors, at), vectors, at);
    }
    if (window >= 0) parts[i] = ln_emit_add(e, parts[i], count_along(e, rank + 1, places + window, g->size[d], -1, 0));
    parts[i] = ln_emit_broadcast(e, parts[i], rank + 1, all);
  }
  return ln_emit_concat(e, -1, count, parts);
}

/* Batch dimensions of the indices are counted without the dimension of vectors. */
static void move_batch(ln_gather *g, int32_t vector) {
  for (int32_t i = 0; i < g->index_batch_count; ++i) g->index_batch[i] -= g->index_batch[i] > vector;
}

static bool read_dims(ln_shlo_frame *f, const ln_mlir_op *op, ln_gather *g, int32_t indices, bool scatter) {
  g->rank = ln_shlo_type(op, 0)->rank;
  g->index_rank = ln_shlo_type(op, indices)->rank;
  const int64_t vector = ln_mlir_int(op, "index_vector_dim", 0);
  if (vector < 0 || vector > g->index_rank || g->index_rank == LN_MAX_RANK)
    return ln_shlo_refuse(f, "the dimension of its index vectors does not exist");
  g->vector = (int32_t)vector;
  const bool good = ln_shlo_axes(f, op, scatter ? "inserted_window_dims" : "collapsed_slice_dims", g->rank,
                                 g->collapsed, &g->collapsed_count) &&
                    ln_shlo_axes(f, op, scatter ? "scatter_dims_to_operand_dims" : "start_index_map", g->rank, g->map,
                                 &g->map_count) &&
                    ln_shlo_axes(f, op, scatter ? "input_batching_dims" : "operand_batching_dims", g->rank, g->batch,
                                 &g->batch_count) &&
                    ln_shlo_axes(f, op, scatter ? "scatter_indices_batching_dims" : "start_indices_batching_dims",
                                 g->index_rank, g->index_batch, &g->index_batch_count);
  if (!good) return false;
  const int32_t numbers = vector == g->index_rank ? 1 : ln_shlo_type(op, indices)->dims[vector];
  if (numbers != g->map_count || g->batch_count != g->index_batch_count ||
      contains(g->index_batch, g->index_batch_count, (int32_t)vector)) {
    return ln_shlo_refuse(f, "its dimension numbers do not fit its indices");
  }
  return true;
}

/* Dimensions that are indexed, batches first and then in the order of the operand. */
static int32_t list_indexed(const ln_gather *g, int32_t *out) {
  int32_t count = 0;
  for (int32_t d = 0; d < g->rank; ++d) {
    if (is_indexed(g, d)) out[count++] = d;
  }
  return count;
}

/* A single indexed dimension of which one element is taken: GATHER does it. */
static bool is_take(const ln_gather *g) { return g->map_count == 1 && g->batch_count == 0 && g->size[g->map[0]] == 1; }

/* [places..., windows of indexed dimensions..., others...]: dimensions of a window as they come, in `order` of the
 * operand. */
static int32_t taken(ln_shlo_frame *f, const ln_gather *g, int32_t operand, int32_t vectors, int32_t *order,
                     int32_t *order_count) {
  ln_emit *e = f->e;
  int32_t indexed[LN_MAX_RANK], to_front[LN_MAX_RANK], count = list_indexed(g, indexed), front = 0;
  *order_count = 0;
  for (int32_t d = 0; d < g->rank; ++d) { /* what is not indexed begins at 0 */
    if (!is_indexed(g, d) && g->size[d] != ln_emit_dim(e, operand, d) && ln_emit_dim(e, operand, d) >= 0)
      operand = ln_emit_slice(e, operand, d, 0, g->size[d], 1);
  }
  for (int32_t i = 0; i < count; ++i) {
    to_front[front++] = indexed[i];
    if (g->size[indexed[i]] > 1) order[(*order_count)++] = indexed[i];
  }
  for (int32_t d = 0; d < g->rank; ++d) {
    if (is_indexed(g, d)) continue;
    to_front[front++] = d;
    order[(*order_count)++] = d;
  }
  if (is_take(g)) {
    const int32_t last = -1, d = g->map[0];
    int32_t start = ln_emit_squeeze(e, vectors, 1, &last);
    start = ln_emit_binary(e, LN_OP_MAXIMUM, start, ln_emit_i32(e, 0));
    start = ln_emit_binary(e, LN_OP_MINIMUM, start, last_start(e, operand, d, 1));
    return ln_emit_gather(e, ln_emit_transpose(e, operand, to_front), start, 0, 0);
  }
  const int32_t indices = join_indices(f, g, operand, vectors, indexed, count, true);
  const int32_t inputs[] = {ln_emit_transpose(e, operand, to_front), indices};
  return ln_emit_op(e, LN_OP_GATHER_ND, NULL, 2, inputs, ln_emit_type(e, operand));
}

/* From [places..., dimensions in `order`...] to the output's dimensions, with those of one element put back. */
static int32_t arrange_output(ln_shlo_frame *f, const ln_mlir_op *op, const ln_gather *g, int32_t a, int32_t places,
                              const int32_t *order, int32_t count) {
  ln_emit *e = f->e;
  const int32_t rank = op->results[0].type->rank;
  ln_dim dims[LN_MAX_RANK];
  int32_t window[LN_MAX_RANK], window_count = 0, to[LN_MAX_RANK], place = 0;
  for (int32_t d = 0; d < g->rank; ++d) {
    if (!is_hidden(g, d)) window[window_count++] = d;
  }
  if (window_count != g->offset_count || places + window_count != rank)
    return ln_emit_wrong(e, "its windows do not fit its result");
  /* Windows of one element are not there: [places..., order..., 1...] */
  for (int32_t i = 0; i < places + count; ++i) dims[i] = LN_DIM_OF(a, i);
  int32_t total = places + count;
  for (int32_t i = 0; i < window_count; ++i) {
    if (!contains(order, count, window[i])) dims[total++] = LN_DIM(1);
  }
  if (total != rank) return ln_emit_wrong(e, "its windows do not fit its result");
  if (total != places + count) a = ln_emit_reshape(e, a, total, dims);
  int32_t extra = places + count;
  for (int32_t i = 0; i < rank; ++i) {
    const int32_t at = index_of(g->offsets, g->offset_count, i);
    if (at < 0) {
      to[i] = place++;
      continue;
    }
    const int32_t there = index_of(order, count, window[at]);
    to[i] = there >= 0 ? places + there : extra++;
  }
  return ln_emit_transpose(e, a, to);
}

static int32_t gathered(ln_shlo_frame *f, const ln_mlir_op *op, const ln_gather *g, int32_t operand, int32_t vectors) {
  int32_t order[LN_MAX_RANK], count;
  ln_gather seen = *g;
  /* Hidden dimensions that are not indexed have one element. */
  const int32_t a = taken(f, g, operand, vectors, order, &count);
  int32_t shown[LN_MAX_RANK], shown_count = 0, squeezed[LN_MAX_RANK], squeezed_count = 0;
  const int32_t places = g->index_rank - 1;
  if (a < 0) return -1;
  for (int32_t i = 0; i < count; ++i) {
    if (is_hidden(g, order[i])) squeezed[squeezed_count++] = places + i;
    else shown[shown_count++] = order[i];
  }
  const int32_t kept = squeezed_count > 0 ? ln_emit_squeeze(f->e, a, squeezed_count, squeezed) : a;
  return arrange_output(f, op, &seen, kept, places, shown, shown_count);
}

/* Sizes that are a tensor, -1 where they are open; false where an open one is of an indexed dimension. */
static bool open_sizes(ln_shlo_frame *f, const ln_mlir_op *op, ln_gather *g) {
  const int32_t sizes = ln_emit_cast(f->e, ln_shlo_full(f, op, 2), LN_INT32);
  bool good = true;
  for (int32_t d = 0; d < g->rank; ++d) {
    int64_t size;
    int32_t count;
    g->size[d] = -1;
    if (ln_emit_ints(f->e, ln_emit_pick(f->e, sizes, 0, d), &size, 1, &count) && size >= 0 && size <= INT32_MAX)
      g->size[d] = (int32_t)size;
    good = good && (g->size[d] >= 0 || !is_indexed(g, d));
  }
  return good;
}

/* One window of an open size: a slice from where it begins. */
static bool window_alone(ln_shlo_frame *f, const ln_mlir_op *op, ln_gather *g) {
  ln_emit *e = f->e;
  int32_t starts[LN_MAX_RANK], gone[LN_MAX_RANK], dims[LN_MAX_RANK];
  const int32_t operand = ln_shlo_full(f, op, 0), sizes = ln_emit_cast(e, ln_shlo_full(f, op, 2), LN_INT32);
  const int32_t vectors = index_vectors(f, op, 1, g);
  if (operand < 0 || vectors < 0 || g->batch_count > 0 || ln_emit_elements(e, vectors) != g->map_count) {
    return ln_shlo_refuse(f, "several windows of an open size are not in TensorFlow Lite");
  }
  for (int32_t d = 0; d < g->rank; ++d) {
    const int32_t number = index_of(g->map, g->map_count, d);
    const int32_t last = ln_emit_sub(e, ln_emit_size_of(e, operand, d), ln_emit_pick(e, sizes, 0, d));
    starts[d] = ln_emit_i32(e, 0);
    if (number < 0) continue;
    const int32_t start = ln_emit_reshape(e, ln_emit_slice(e, vectors, -1, number, number + 1, 1), 0, NULL);
    starts[d] = ln_emit_binary(e, LN_OP_MINIMUM, ln_emit_binary(e, LN_OP_MAXIMUM, start, starts[d]), last);
  }
  const int32_t inputs[] = {operand, ln_emit_pack(e, 0, g->rank, starts), sizes};
  const int32_t out = ln_emit_op(e, LN_OP_SLICE, NULL, 3, inputs, ln_emit_type(e, operand));
  for (int32_t d = 0; d < g->rank; ++d) dims[d] = g->size[d];
  if (out >= 0 && e->facts[sizes].value[0] == NULL) ln_emit_declare(e, out, g->rank, dims);
  for (int32_t i = 0; i < g->collapsed_count; ++i) gone[i] = g->collapsed[i];
  return ln_shlo_give(f, op, 0, g->collapsed_count > 0 ? ln_emit_squeeze(e, out, g->collapsed_count, gone) : out);
}

bool ln_shlo_gather(ln_shlo_frame *f, const ln_mlir_op *op, int32_t dynamic) {
  ln_gather g = {0};
  if (op->operand_count < 2 || !read_dims(f, op, &g, 1, false)) return false;
  if (!ln_shlo_axes(f, op, "offset_dims", op->results[0].type->rank, g.offsets, &g.offset_count)) return false;
  if (!dynamic) {
    if (!ln_shlo_list(f, op, "slice_sizes", g.rank, 1, g.size)) return false;
  } else if (!open_sizes(f, op, &g)) {
    return window_alone(f, op, &g);
  }
  for (int32_t d = 0; d < g.rank; ++d) {
    const int32_t dim = ln_shlo_type(op, 0)->dims[d];
    if (dim >= 0 && (g.size[d] < 0 || g.size[d] > dim))
      return ln_emit_wrong(f->e, "its windows are larger than dimension %d", d), false;
  }
  const ln_shlo_value v = ln_shlo_spread(f, ln_shlo_in(f, op, 0), ln_shlo_type(op, 0));
  const int32_t vector = g.vector;
  const int32_t vectors = index_vectors(f, op, 1, &g);
  if (v.tensor < 0 || vectors < 0) return false;
  move_batch(&g, vector);
  ln_shlo_value out = ln_shlo_of(f, gathered(f, op, &g, v.tensor, vectors));
  if (v.imag >= 0) out.imag = gathered(f, op, &g, v.imag, vectors);
  ln_shlo_set(f, &op->results[0], out);
  return out.tensor >= 0;
}

bool ln_shlo_index_select(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  (void)unused;
  const int32_t indices = ln_emit_cast(f->e, ln_shlo_full(f, op, 1), LN_INT32);
  return ln_shlo_give(f, op, 0,
                      ln_emit_gather(f->e, ln_shlo_full(f, op, 0), indices, (int32_t)ln_mlir_int(op, "dim", 0),
                                     (int32_t)ln_mlir_int(op, "batch_dims", 0)));
}

/* ---- scattering ---- */

/* The updates as [places..., windows of indexed dimensions..., others...]. */
static int32_t arrange_updates(ln_shlo_frame *f, const ln_gather *g, int32_t updates, const int32_t *indexed,
                               int32_t indexed_count) {
  ln_emit *e = f->e;
  int32_t window[LN_MAX_RANK], window_count = 0, order[LN_MAX_RANK], count = 0, squeezed[LN_MAX_RANK],
                               squeezed_count = 0;
  for (int32_t d = 0; d < g->rank; ++d) {
    if (!is_hidden(g, d)) window[window_count++] = d;
  }
  if (window_count != g->offset_count) return ln_emit_wrong(e, "its windows do not fit its updates");
  const int32_t rank = ln_emit_rank(e, updates);
  for (int32_t i = 0; i < rank; ++i) {
    if (!contains(g->offsets, g->offset_count, i)) order[count++] = i;
  }
  for (int32_t pass = 0; pass < 3; ++pass) { /* wide indexed ones, others, then those of one element, which go */
    for (int32_t i = 0; i < window_count; ++i) {
      const bool is_index = contains(indexed, indexed_count, window[i]), is_wide = g->size[window[i]] > 1;
      if (pass != (is_index ? (is_wide ? 0 : 2) : 1)) continue;
      if (pass == 2) squeezed[squeezed_count++] = count;
      order[count++] = g->offsets[i];
    }
  }
  if (count != rank) return ln_emit_wrong(e, "its windows do not fit its updates");
  const int32_t a = ln_emit_transpose(e, updates, order);
  return squeezed_count > 0 ? ln_emit_squeeze(e, a, squeezed_count, squeezed) : a;
}

/* Which places lie within the operand, as [places..., windows..., 1...] of `rank` dimensions; -1 where all do. */
static int32_t places_inside(ln_shlo_frame *f, const ln_gather *g, int32_t operand, int32_t vectors, int32_t rank) {
  ln_emit *e = f->e;
  ln_dim dims[LN_MAX_RANK];
  int32_t inside = -1;
  const int32_t places = g->index_rank - 1;
  for (int32_t i = 0; i < rank; ++i) dims[i] = i < places ? LN_DIM_OF(vectors, i) : LN_DIM(1);
  for (int32_t i = 0; i < g->map_count; ++i) {
    const int32_t start = ln_emit_slice(e, vectors, -1, i, i + 1, 1);
    const int32_t last = last_start(e, operand, g->map[i], g->size[g->map[i]]);
    const int32_t fits =
        ln_emit_binary(e, LN_OP_LOGICAL_AND, ln_emit_compare(e, LN_OP_GREATER_EQUAL, start, ln_emit_i32(e, 0)),
                       ln_emit_compare(e, LN_OP_LESS_EQUAL, start, last));
    inside = inside < 0 ? fits : ln_emit_binary(e, LN_OP_LOGICAL_AND, inside, fits);
  }
  if (inside < 0) return -1;
  const bool *known = ln_emit_data(e, inside);
  bool all = known != NULL;
  for (int64_t i = 0; all && i < ln_emit_elements(e, inside); ++i) all = known[i];
  return all ? -1 : ln_emit_reshape(e, inside, rank, dims);
}

/* What LiteRT's scatter takes as bodies: one of these operators, or none. */
static int32_t body_code(const char *name) {
  static const char *const names[] = {"stablehlo.add",     "stablehlo.multiply", "stablehlo.maximum",
                                      "stablehlo.minimum", "stablehlo.and",      "stablehlo.or"};
  static const int32_t codes[] = {LN_OP_STABLEHLO_ADD,     LN_OP_STABLEHLO_MULTIPLY, LN_OP_STABLEHLO_MAXIMUM,
                                  LN_OP_STABLEHLO_MINIMUM, LN_OP_STABLEHLO_AND,      LN_OP_STABLEHLO_OR};
  for (size_t i = 0; i < LN_COUNT(names); ++i) {
    if (strcmp(name, names[i]) == 0) return codes[i];
  }
  return -1;
}

/* A graph of one operation on two scalars: what STABLEHLO_SCATTER combines elements with. */
static int32_t body_graph(ln_shlo_frame *f, const char *name, const ln_mlir_element_info *info) {
  ln_emit *body = ln_emit_begin(f->e->import, "scatter");
  const int32_t code = body_code(name);
  if (body == NULL) return -1;
  const int32_t a = ln_emit_input(body, "a", info->inside, 0, NULL),
                b = ln_emit_input(body, "b", info->inside, 0, NULL);
  if (strcmp(name, "update") != 0) {
    if (code < 0) return ln_emit_refuse(f->e, "it combines by %.60s, which TensorFlow Lite's scatter does not", name);
    ln_emit_output(body, "out", ln_emit_binary(body, code, a, b));
    return ln_emit_failed(body) ? -1 : body->graph;
  }
  ln_graph *graph = ln_emit_graph(body); /* what comes in second goes out, without an operator */
  graph->outputs = ln_arena_array(ln_emit_arena(body), 1, sizeof *graph->outputs);
  if (graph->outputs == NULL || b < 0) return ln_import_no_memory(body->import);
  graph->outputs[0] = b;
  graph->output_count = 1;
  return body->graph;
}

static const int64_t *axes_upto(ln_emit *e, int32_t from, int32_t count) {
  int64_t *list = ln_arena_array(ln_emit_arena(e), (size_t)count + 1, sizeof *list);
  for (int32_t i = 0; list != NULL && i < count; ++i) list[i] = from + i;
  if (list == NULL) ln_import_no_memory(e->import);
  return list;
}

/* By STABLEHLO_SCATTER on [indexed..., others...]: every index is of one element, so that windows need no more. */
static int32_t by_operator(ln_shlo_frame *f, const char *name, int32_t operand, int32_t indices, int32_t updates,
                           int32_t indexed_count, const ln_mlir_element_info *info) {
  ln_emit *e = f->e;
  const int32_t places = ln_emit_rank(e, indices) - 1, others = ln_emit_rank(e, operand) - indexed_count;
  const int64_t *window = axes_upto(e, places, others), *first = axes_upto(e, 0, indexed_count);
  const int32_t body = body_graph(f, name, info);
  if (window == NULL || first == NULL || body < 0) return -1;
  const ln_stablehlo_scatter_options options = {.update_window_dims = {window, (uint32_t)others},
                                                .inserted_window_dims = {first, (uint32_t)indexed_count},
                                                .scatter_dims_to_operand_dims = {first, (uint32_t)indexed_count},
                                                .index_vector_dim = places,
                                                .update_computation_subgraph_index = body};
  const int32_t inputs[] = {operand, indices, updates};
  int32_t out = -1;
  ln_fact fact = e->facts[operand];
  const bool good = ln_emit_given(e, LN_OP_STABLEHLO_SCATTER, &options, 3, inputs, 1, &info->inside, &fact, &out);
  return good ? out : -1;
}

/* Sums by SCATTER_ND, which adds what falls on one place. */
static int32_t by_sum(ln_shlo_frame *f, int32_t operand, int32_t indices, int32_t updates,
                      const ln_mlir_element_info *info) {
  const int32_t sums = ln_emit_scatter(f->e, indices, updates, ln_emit_shape_of(f->e, operand));
  return ln_shlo_wrap(f->e, ln_emit_add(f->e, operand, sums), info);
}

/* One window alone: it is put over the operand. */
static int32_t by_update(ln_shlo_frame *f, int32_t operand, int32_t vectors, int32_t updates, const ln_gather *g) {
  ln_emit *e = f->e;
  int32_t starts[LN_MAX_RANK], window[LN_MAX_RANK], count = 0, order[LN_MAX_RANK], to = 0;
  ln_dim dims[LN_MAX_RANK];
  for (int32_t d = 0; d < g->rank; ++d) {
    const int32_t number = index_of(g->map, g->map_count, d);
    starts[d] = number < 0 ? ln_emit_i32(e, 0)
                           : ln_emit_reshape(e, ln_emit_slice(e, vectors, -1, number, number + 1, 1), 0, NULL);
    dims[d] = LN_DIM(1);
    if (!is_hidden(g, d)) window[count++] = d;
  }
  for (int32_t i = 0; i < ln_emit_rank(e, updates); ++i) { /* dimensions of places, of one element, first */
    if (!contains(g->offsets, g->offset_count, i)) order[to++] = i;
  }
  if (count != g->offset_count) return -1;
  for (int32_t i = 0; i < count; ++i) {
    order[to++] = g->offsets[i];
    dims[window[i]] = LN_DIM_OF(updates, g->offsets[i]);
  }
  const int32_t whole = ln_emit_reshape(e, ln_emit_transpose(e, updates, order), g->rank, dims);
  const int32_t inputs[] = {operand, whole, ln_emit_pack(e, 0, g->rank, starts)};
  const int32_t out = ln_emit_op(e, LN_OP_DYNAMIC_UPDATE_SLICE, NULL, 3, inputs, ln_emit_type(e, operand));
  const int32_t inside = places_inside(f, g, operand, vectors, g->index_rank - 1);
  if (inside < 0) return out;
  return ln_emit_select(e, ln_emit_reshape(e, inside, 0, NULL), out, operand);
}

static int32_t scattered(ln_shlo_frame *f, const char *name, const ln_gather *g, int32_t operand, int32_t vectors,
                         int32_t updates, const ln_mlir_element_info *info) {
  ln_emit *e = f->e;
  int32_t indexed[LN_MAX_RANK], order[LN_MAX_RANK], back[LN_MAX_RANK], to = 0;
  const int32_t count = list_indexed(g, indexed), numbers = g->map_count;
  if (count == 0) return strcmp(name, "update") == 0 ? updates : ln_shlo_combine(f, name, operand, updates, info);
  if (strcmp(name, "update") == 0 && g->batch_count == 0 && ln_emit_elements(e, vectors) == numbers)
    return by_update(f, operand, vectors, updates, g);
  for (int32_t i = 0; i < count; ++i) order[to++] = indexed[i];
  for (int32_t d = 0; d < g->rank; ++d) {
    if (!is_indexed(g, d)) order[to++] = d;
  }
  for (int32_t i = 0; i < to; ++i) back[order[i]] = i;
  const bool sums = strcmp(name, "stablehlo.add") == 0 && info->kind != LN_MLIR_BOOL;
  int32_t changes = arrange_updates(f, g, updates, indexed, count);
  int32_t indices = join_indices(f, g, operand, vectors, indexed, count, sums);
  if (changes < 0 || indices < 0) return -1;
  const int32_t inside = places_inside(f, g, operand, vectors, ln_emit_rank(e, changes));
  if (sums && inside >= 0) changes = ln_emit_select(e, inside, changes, ln_emit_scalar(e, info->inside, 0));
  if (!sums && inside >= 0) { /* a window that reaches over an edge is left out as a whole: no place is at -1 */
    const int32_t same = places_inside(f, g, operand, vectors, ln_emit_rank(e, indices));
    indices = ln_emit_select(e, same, indices, ln_emit_i32(e, -1));
  }
  const int32_t front = ln_emit_transpose(e, operand, order);
  if (sums) return ln_emit_transpose(e, by_sum(f, front, indices, changes, info), back);
  const bool compares = strcmp(name, "stablehlo.maximum") == 0 || strcmp(name, "stablehlo.minimum") == 0;
  const int32_t onto = compares ? ln_shlo_ordered(e, front, info) : front;
  const int32_t what = compares ? ln_shlo_ordered(e, changes, info) : changes;
  int32_t out = by_operator(f, name, onto, indices, what, count, info);
  out = compares ? ln_shlo_ordered(e, out, info) : ln_shlo_wrap(e, out, info);
  return ln_emit_transpose(e, out, back);
}

bool ln_shlo_scatter(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const int32_t count = (op->operand_count - 1) / 2;
  ln_gather g = {0};
  (void)unused;
  if (count < 1 || op->operand_count != 2 * count + 1 || op->region_count != 1 || op->result_count != count)
    return ln_shlo_refuse(f, "its operands do not fit its body");
  if (!read_dims(f, op, &g, count, true)) return false;
  const ln_mlir_type *updates = ln_shlo_type(op, count + 1);
  if (!ln_shlo_axes(f, op, "update_window_dims", updates->rank, g.offsets, &g.offset_count)) return false;
  for (int32_t d = 0, i = 0; d < g.rank; ++d) {
    g.size[d] = 1;
    if (!is_hidden(&g, d)) g.size[d] = i < g.offset_count ? updates->dims[g.offsets[i]] : 1;
    if (!is_hidden(&g, d)) ++i;
  }
  const int32_t vector = g.vector;
  const int32_t vectors = index_vectors(f, op, count, &g);
  if (vectors < 0) return false;
  move_batch(&g, vector);
  for (int32_t i = 0; i < count; ++i) {
    const char *name = ln_shlo_simple_body(op->regions, i);
    if (name == NULL) return ln_shlo_refuse(f, "its body is none that is recognized");
    const ln_mlir_element_info *info = ln_shlo_element(op, i);
    if (!ln_shlo_give(
            f, op, i,
            scattered(f, name, &g, ln_shlo_full(f, op, i), vectors, ln_shlo_full(f, op, count + 1 + i), info)))
      return false;
  }
  return true;
}
