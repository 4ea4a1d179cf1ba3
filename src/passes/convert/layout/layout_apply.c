/* Rewrites the graph under the frames found: parameters, shapes of what is stored, and a transpose for each copy. */
#include <string.h>

#include "passes/convert/layout/layout.h"

/* A copy of a base in another order, made once. */
typedef struct copy {
  int32_t base, tensor;
  ln_perm order;
} copy;

typedef struct rewrite {
  ln_layout *l;
  int32_t *held; /* [tensor_count] the tensor that holds a base */
  copy *copies;  /* [copy_count] */
  int32_t copy_count, copy_capacity, first_copy;
  ln_shape *shapes; /* [tensor_count] as they were */
  int32_t transposes;
} rewrite;

/* ---- moving ---- */

static int32_t open_dims(const ln_shape *shape) {
  int32_t count = 0;
  for (int32_t i = 0; i < shape->rank; ++i) count += shape->dims[i] < 0;
  return count;
}

/* Dimensions of 1 go, and come again where they belong: for shapes with several open dimensions. */
static int32_t move_ones(rewrite *w, int32_t from, const ln_shape *shape, const ln_perm *order, int32_t to,
                         const ln_op *origin) {
  ln_rewriter *r = w->l->r;
  const ln_tensor like = r->graph->tensors[from];
  const ln_shape end = ln_perm_shape(order, shape);
  ln_shape dense = {0};
  int32_t axes[LN_MAX_RANK], count = 0, at = from;
  for (int32_t i = 0; i < shape->rank; ++i) {
    if (shape->dims[i] == 1) axes[count++] = i;
    else dense.dims[dense.rank++] = shape->dims[i];
  }
  ln_squeeze_options options = {0};
  options.squeeze_dims.data = ln_arena_copy(r->arena, axes, (size_t)count * sizeof *axes);
  options.squeeze_dims.count = (uint32_t)count;
  const int32_t squeezed = ln_rewriter_tensor(r, like.name, like.type, &dense, like.quant);
  ln_rewriter_op(r, LN_OP_SQUEEZE, &options, 1, &at, 1, &squeezed, origin);
  at = squeezed;
  ln_shape now = {0};
  int32_t left = count;
  for (int32_t i = 0; i < end.rank; ++i) {
    if (end.dims[i] != 1) continue;
    --left;
    now = (ln_shape){0}; /* what stands in front is whole already; behind it the ones that are left are missing */
    int32_t skip = left;
    for (int32_t k = 0; k < end.rank; ++k) {
      if (k > i && end.dims[k] == 1 && skip > 0) {
        --skip;
        continue;
      }
      now.dims[now.rank++] = end.dims[k];
    }
    const int32_t axis = ln_rewriter_ints(r, "axis", 1, &i);
    const int32_t out = left == 0 && to >= 0 ? to : ln_rewriter_tensor(r, like.name, like.type, &now, like.quant);
    ln_rewriter_op(r, LN_OP_EXPAND_DIMS, NULL, 2, (const int32_t[]){at, axis}, 1, &out, origin);
    at = out;
  }
  return at;
}

/* `from`, of `shape`, in another order, in tensor `to` (-1: a new one); a reshape where that is enough. */
static int32_t move(rewrite *w, int32_t from, const ln_shape *shape, const ln_perm *order, int32_t to,
                    const ln_op *origin) {
  ln_rewriter *r = w->l->r;
  const ln_tensor like = r->graph->tensors[from];
  const ln_shape end = ln_perm_shape(order, shape);
  const bool reshapes = ln_layout_is_reshape(shape, NULL, order) && !ln_perm_is_identity(order);
  if (reshapes && open_dims(shape) > 1) return move_ones(w, from, shape, order, to, origin);
  if (to < 0) {
    const char *name = ln_arena_printf(r->arena, "%s/transposed", like.name);
    to = ln_rewriter_tensor(r, name != NULL ? name : "", like.type, &end, like.quant);
  }
  if (reshapes) {
    const int32_t wanted = ln_rewriter_ints(r, "shape", end.rank, end.dims);
    ln_rewriter_op(r, LN_OP_RESHAPE, NULL, 2, (const int32_t[]){from, wanted}, 1, &to, origin);
    return to;
  }
  int32_t axes[LN_MAX_RANK];
  for (int32_t i = 0; i < order->rank; ++i) axes[i] = order->axis[i];
  const int32_t wanted = ln_rewriter_ints(r, "order", order->rank, axes);
  ln_rewriter_op(r, LN_OP_TRANSPOSE, NULL, 2, (const int32_t[]){from, wanted}, 1, &to, origin);
  ++w->transposes;
  return to;
}

/* From one order of a base to another: what stands at i of `to` stands there in `from`. */
static ln_perm between(const ln_perm *from, const ln_perm *to) {
  const ln_perm back = ln_perm_inverse(from);
  return ln_perm_compose(&back, to);
}

/* ---- bases ---- */

/* An output of the graph that is the base in this very order; -1 for none. */
static int32_t output_in_order(const ln_layout *l, int32_t base, const ln_perm *stored) {
  if (stored->rank < 2) return -1;
  for (int32_t i = l->first_use[base]; i < l->first_use[base + 1]; ++i) {
    const ln_layout_use *use = &l->uses[i];
    if (use->node >= 0) continue;
    if (ln_perm_equal(&l->view[use->tensor], stored)) return use->tensor;
  }
  return -1;
}

static bool accepted_last(const ln_layout *l, const ln_layout_use *use, const ln_perm *stored) {
  return use->takes == LN_TAKES_LAST && ln_layout_accepts(l, use, &l->view[use->tensor], stored);
}

/* The first output that is to be stored as the base is, its own layout changing. */
static int32_t output_that_follows(const ln_layout *l, int32_t base, const ln_perm *stored) {
  for (int32_t i = l->first_use[base]; i < l->first_use[base + 1]; ++i) {
    if (l->uses[i].node < 0 && accepted_last(l, &l->uses[i], stored)) return l->uses[i].tensor;
  }
  return -1;
}

/* A better name for what is stored: that of the view which the source's own operator ends with. */
static const char *name_of(const ln_layout *l, int32_t base) {
  const int32_t maker = l->maker[base];
  if (maker < 0 || maker >= l->op_count || l->graph->ops[maker].origin == NULL) return l->graph->tensors[base].name;
  for (int32_t i = 0; i < l->op_count; ++i) {
    const ln_op *op = &l->graph->ops[i];
    if (!ln_op_is(op, LN_OP_TRANSPOSE) || l->base[op->outputs[0]] != base || op->outputs[0] == base) continue;
    if (ln_rewriter_is_output(l->r, op->outputs[0])) continue;
    if (op->origin == l->graph->ops[maker].origin ||
        (op->origin != NULL && strcmp(op->origin, l->graph->ops[maker].origin) == 0)) {
      return l->graph->tensors[op->outputs[0]].name;
    }
  }
  return l->graph->tensors[base].name;
}

static void store_base(rewrite *w, int32_t base) {
  ln_layout *l = w->l;
  const ln_perm stored = ln_layout_stored(l, base, false);
  const int32_t maker = l->maker[base];
  const bool is_input = maker >= l->op_count;
  w->held[base] = base;
  if (is_input) {
    const ln_shape shape = ln_perm_shape(&stored, &w->shapes[base]);
    if (!ln_perm_is_identity(&stored)) ln_rewriter_set_shape(&l->graph->tensors[base], &shape);
    return;
  }
  int32_t held = output_in_order(l, base, &stored);
  if (held < 0) held = output_that_follows(l, base, &stored);
  const ln_shape shape = ln_perm_shape(&stored, &w->shapes[base]);
  const char *name = name_of(l, base);
  if (held < 0 && ln_rewriter_is_output(l->r, base)) {
    const ln_tensor like = l->graph->tensors[base];
    char *text = ln_arena_printf(l->r->arena, "%s/stored", like.name);
    held = ln_rewriter_tensor(l->r, text != NULL ? text : "", like.type, &shape, like.quant);
  }
  if (held < 0) held = base;
  if (held < l->tensor_count && !(held == base && ln_perm_is_identity(&stored)))
    ln_rewriter_set_shape(&l->graph->tensors[held], &shape);
  if (!ln_rewriter_is_output(l->r, held) && held < l->tensor_count) l->graph->tensors[held].name = name;
  w->held[base] = held;
  if (held >= 0 && maker >= 0) l->graph->ops[maker].outputs[l->maker_port[base]] = held;
}

/* ---- readers ---- */

static int32_t find_copy(const rewrite *w, int32_t base, const ln_perm *order) {
  for (int32_t i = w->first_copy; i < w->copy_count; ++i) {
    if (w->copies[i].base == base && ln_perm_equal(&w->copies[i].order, order)) return w->copies[i].tensor;
  }
  return -1;
}

static void keep_copy(rewrite *w, int32_t base, const ln_perm *order, int32_t tensor) {
  if (w->copy_count == w->copy_capacity) {
    const int32_t capacity = w->copy_capacity * 2 + 16;
    copy *moved = ln_realloc_array(w->copies, (size_t)w->copy_capacity, (size_t)capacity, sizeof *moved);
    if (moved == NULL) {
      w->l->r->failed = true;
      return;
    }
    w->copies = moved;
    w->copy_capacity = capacity;
  }
  w->copies[w->copy_count++] = (copy){base, tensor, *order};
}

static int32_t copy_in_order(rewrite *w, int32_t base, const ln_perm *order, int32_t to, const ln_op *origin) {
  const ln_layout *l = w->l;
  const ln_perm stored = ln_layout_stored(l, base, false);
  const ln_perm step = between(&stored, order);
  const ln_shape shape = ln_perm_shape(&stored, &w->shapes[base]);
  const int32_t made = move(w, w->held[base], &shape, &step, to, origin);
  if (made >= 0) keep_copy(w, base, order, made);
  return made;
}

/* Outputs of the graph first: others read them then. */
static void write_outputs(rewrite *w, int32_t base) {
  ln_layout *l = w->l;
  const ln_perm stored = ln_layout_stored(l, base, false);
  for (int32_t i = l->first_use[base]; i < l->first_use[base + 1]; ++i) {
    const ln_layout_use *use = &l->uses[i];
    if (use->node >= 0 || use->tensor == w->held[base]) continue;
    bool written = false;
    for (int32_t k = l->first_use[base]; k < i; ++k)
      written = written || (l->uses[k].node < 0 && l->uses[k].tensor == use->tensor);
    if (written) continue;
    ln_perm order = l->view[use->tensor];
    if (accepted_last(l, use, &stored)) {
      const ln_shape shape = ln_perm_shape(&stored, &w->shapes[base]);
      ln_rewriter_set_shape(&l->graph->tensors[use->tensor], &shape);
      order = stored;
    }
    const int32_t maker = l->maker[base];
    copy_in_order(w, base, &order, use->tensor, maker >= 0 && maker < l->op_count ? &l->graph->ops[maker] : NULL);
  }
}

/* SHAPE of what is stored in another order: its result is put in order. */
static void order_shape(rewrite *w, int32_t node, const ln_perm *own) {
  ln_layout *l = w->l;
  const ln_perm back = ln_perm_inverse(own);
  int32_t axes[LN_MAX_RANK];
  for (int32_t i = 0; i < back.rank; ++i) axes[i] = back.axis[i];
  const int32_t out = l->graph->ops[node].outputs[0];
  const ln_tensor like = l->graph->tensors[out];
  const int32_t raw = ln_rewriter_tensor(l->r, like.name, like.type, &like.signature, &ln_quant_none);
  const int32_t indices = ln_rewriter_ints(l->r, "order", back.rank, axes);
  if (raw < 0 || indices < 0) return;
  l->graph->ops[node].outputs[0] = raw;
  ln_rewriter_op(l->r, LN_OP_GATHER, NULL, 2, (const int32_t[]){raw, indices}, 1, &out, &l->graph->ops[node]);
}

static void accept_other(rewrite *w, const ln_layout_use *use, const ln_perm *stored) {
  ln_layout *l = w->l;
  ln_op *op = &l->graph->ops[use->node];
  const ln_perm back = ln_perm_inverse(&l->view[use->tensor]);
  const ln_perm own = ln_perm_compose(&back, stored);
  if (use->takes == LN_TAKES_ANY) {
    order_shape(w, use->node, &own);
  } else if (use->takes == LN_TAKES_SWAPPED) {
    ln_batch_mat_mul_options *o = LN_REWRITE_OPTIONS(op, batch_mat_mul_options);
    if (use->port == 0) o->adj_x = !o->adj_x;
    else o->adj_y = !o->adj_y;
  } else if (use->takes == LN_TAKES_FLAT) {
    int32_t readers[LN_LAYOUT_MOST_FLAT];
    const int32_t count = ln_layout_flat_readers(l, use->node, readers);
    const ln_shape shape = ln_perm_shape(stored, &w->shapes[l->base[use->tensor]]);
    for (int32_t i = 0; i < count; ++i) ln_layout_permute_weights(l, readers[i], &shape, &own);
  }
}

static void read_base(rewrite *w, int32_t base, const ln_layout_use *use) {
  ln_layout *l = w->l;
  if (use->node < 0 || l->graph->ops[use->node].inputs[use->port] != use->tensor) return; /* it was given another one */
  const ln_perm stored = ln_layout_stored(l, base, false), wanted = ln_layout_wanted(l, use, false);
  int32_t tensor = w->held[base];
  if (!ln_layout_accepts(l, use, &wanted, &stored)) {
    tensor = find_copy(w, base, &wanted);
    if (tensor < 0) tensor = copy_in_order(w, base, &wanted, -1, &l->graph->ops[use->node]);
  } else if (!ln_perm_equal(&wanted, &stored)) {
    accept_other(w, use, &stored);
  }
  if (tensor >= 0) l->graph->ops[use->node].inputs[use->port] = tensor;
}

/* An input of fewer dimensions that cannot follow: ones in front, then the frame's order. */
static void widen(rewrite *w, int32_t node, int32_t input, int32_t rank) {
  ln_layout *l = w->l;
  const ln_perm *frame = &l->nodes[node].frame;
  const int32_t tensor = l->graph->ops[node].inputs[input];
  ln_shape shape = l->graph->tensors[tensor].signature;
  const ln_perm plain = ln_layout_input(l, node, frame, input);
  if (!ln_perm_is_identity(&plain)) return;
  int32_t at = tensor;
  for (; shape.rank < rank; ++shape.rank) {
    memmove(shape.dims + 1, shape.dims, (size_t)shape.rank * sizeof shape.dims[0]);
    shape.dims[0] = 1;
    ln_shape wide = shape;
    wide.rank = shape.rank + 1;
    const ln_tensor like = l->graph->tensors[at];
    const int32_t out = ln_rewriter_tensor(l->r, like.name, like.type, &wide, like.quant);
    const int32_t axis = ln_rewriter_ints(l->r, "axis", 1, (const int32_t[]){0});
    ln_rewriter_op(l->r, LN_OP_EXPAND_DIMS, NULL, 2, (const int32_t[]){at, axis}, 1, &out, &l->graph->ops[node]);
    if (out < 0) return;
    at = out;
  }
  at = move(w, at, &shape, frame, -1, &l->graph->ops[node]);
  if (at >= 0) l->graph->ops[node].inputs[input] = at;
}

static bool keeps_front(const ln_perm *frame, int32_t lead) {
  for (int32_t i = 0; i < lead; ++i) {
    if (frame->axis[i] != i) return false;
  }
  return true;
}

static void widen_all(rewrite *w, int32_t node) {
  ln_layout *l = w->l;
  const ln_layout_node *n = &l->nodes[node];
  if (n->kind != LN_LAYOUT_EACH && n->kind != LN_LAYOUT_BROADCAST) return;
  if (ln_perm_is_identity(&n->frame)) return;
  for (int32_t i = 0; i < l->graph->ops[node].input_count; ++i) {
    const int32_t tensor = l->graph->ops[node].inputs[i];
    if (tensor < 0 || !ln_layout_is_data(l, node, i) || ln_tensor_const_data(&l->graph->tensors[tensor])) continue;
    const int32_t rank = l->graph->tensors[tensor].signature.rank;
    if (rank > 0 && rank < n->rank && !keeps_front(&n->frame, n->rank - rank)) widen(w, node, i, n->rank);
  }
}

/* ---- all ---- */

static void drop_views(const ln_layout *l) {
  for (int32_t i = 0; i < l->op_count; ++i) {
    const ln_op *op = &l->graph->ops[i];
    if (ln_op_is(op, LN_OP_TRANSPOSE) && l->base[op->outputs[0]] >= 0 && l->base[op->outputs[0]] != op->outputs[0])
      l->r->drop[i] = true;
  }
}

static bool open_rewrite(rewrite *w) {
  const int32_t count = w->l->tensor_count;
  w->held = ln_alloc_array((size_t)count + 1, sizeof *w->held);
  w->shapes = ln_alloc_array((size_t)count + 1, sizeof *w->shapes);
  if (w->held == NULL || w->shapes == NULL) return false;
  for (int32_t i = 0; i < count; ++i) w->shapes[i] = w->l->graph->tensors[i].signature;
  return true;
}

/* Readers are moved while tensors still have the shapes they had: parameters are read from these. */
static void rewrite_all(rewrite *w) {
  ln_layout *l = w->l;
  const int32_t count = l->tensor_count;
  for (int32_t i = 0; i < l->op_count; ++i) ln_layout_adapt(l, i);
  for (int32_t i = 0; i < count; ++i) {
    if (l->base[i] == i) store_base(w, i);
  }
  for (int32_t i = 0; i < count && !l->r->failed; ++i) {
    if (l->base[i] != i) continue;
    w->first_copy = w->copy_count;
    write_outputs(w, i);
    for (int32_t k = l->first_use[i]; k < l->first_use[i + 1]; ++k) read_base(w, i, &l->uses[k]);
  }
  for (int32_t i = 0; i < l->op_count && !l->r->failed; ++i) widen_all(w, i);
  drop_views(l);
}

int32_t ln_layout_apply(ln_layout *l) {
  rewrite w = {.l = l};
  if (!open_rewrite(&w)) l->r->failed = true;
  else rewrite_all(&w);
  ln_free(w.held);
  ln_free(w.shapes);
  ln_free(w.copies);
  return l->r->failed ? -1 : w.transposes;
}

bool ln_layout_is_wasteful(const ln_layout *l) {
  int32_t wanted = 0;
  for (int32_t base = 0; base < l->tensor_count; ++base) {
    if (l->base[base] != base) continue;
    const ln_perm stored = ln_layout_stored(l, base, false);
    ln_perm seen[8];
    int32_t count = 0;
    for (int32_t i = l->first_use[base]; i < l->first_use[base + 1]; ++i) {
      const ln_perm order = ln_layout_wanted(l, &l->uses[i], false);
      if (ln_layout_accepts(l, &l->uses[i], &order, &stored)) continue;
      if (ln_layout_is_reshape(&l->graph->tensors[base].signature, &stored, &order)) continue;
      bool known = false;
      for (int32_t k = 0; k < count; ++k) known = known || ln_perm_equal(&seen[k], &order);
      if (known) continue;
      ++wanted;
      if (count < (int32_t)LN_COUNT(seen)) seen[count++] = order;
    }
  }
  return wanted < l->transposes;
}
