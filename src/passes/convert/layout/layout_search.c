/*
 * Finds the frames. A proposal floods out from a place where a transpose stands, over all operators that can follow;
 * the cheapest mixture of what is and what is proposed is a cut through them, found exactly where one order stands
 * against another. Proposals go on until none of them helps any more.
 */
#include "passes/convert/layout/layout.h"

enum {
  TRANSPOSE_COST = 4096,
  TURNED_COST = 256,
  RESHAPE_COST = 16,
  FORBIDDEN = 1 << 30,
  MOST_WORK = 20 * 1000 * 1000, /* nodes that floods reach */
  MOST_FAILURES = 16,           /* of floods that reach far */
  NEAR = 400,
  MOST_SHARERS = 64,
  MOST_ORDERS = 12
};

/* ---- costs ---- */

static const ln_perm *frame_of(const ln_layout *l, int32_t node, bool proposed) {
  return proposed && l->nodes[node].has_proposal ? &l->nodes[node].proposed : &l->nodes[node].frame;
}

ln_perm ln_layout_stored(const ln_layout *l, int32_t base, bool proposed) {
  const int32_t node = l->maker[base];
  if (node < 0 || l->nodes[node].kind == LN_LAYOUT_FIXED) return ln_perm_identity(l->view[base].rank);
  return ln_layout_output(l, node, frame_of(l, node, proposed), l->maker_port[base]);
}

ln_perm ln_layout_wanted(const ln_layout *l, const ln_layout_use *use, bool proposed) {
  const ln_perm *view = &l->view[use->tensor];
  if (use->node < 0 || l->nodes[use->node].kind == LN_LAYOUT_FIXED) return *view;
  const ln_perm in = ln_layout_input(l, use->node, frame_of(l, use->node, proposed), use->port);
  return ln_perm_compose(view, &in);
}

static bool is_swapped(const ln_perm *a, const ln_perm *b) {
  const int32_t last = a->rank - 1;
  if (a->rank < 2 || a->axis[last] != b->axis[last - 1] || a->axis[last - 1] != b->axis[last]) return false;
  for (int32_t i = 0; i < last - 1; ++i) {
    if (a->axis[i] != b->axis[i]) return false;
  }
  return true;
}

static bool is_channels_last(const ln_perm *p) {
  for (int32_t i = 0; i < p->rank; ++i) {
    if (p->axis[i] != (i == 0 ? 0 : i == p->rank - 1 ? 1 : i + 1)) return false;
  }
  return true;
}

bool ln_layout_accepts(const ln_layout *l, const ln_layout_use *use, const ln_perm *wanted, const ln_perm *stored) {
  if (ln_perm_equal(wanted, stored)) return true;
  const ln_perm back = ln_perm_inverse(&l->view[use->tensor]);
  const ln_perm own = ln_perm_compose(&back, stored); /* what is stored, in the numbering of the view that is read */
  switch (use->takes) {
    case LN_TAKES_ANY: return true;
    case LN_TAKES_SWAPPED: return is_swapped(wanted, stored);
    case LN_TAKES_FLAT: return own.axis[0] == 0;
    case LN_TAKES_LAST: return is_channels_last(&own);
    default: return false;
  }
}

bool ln_layout_is_reshape(const ln_shape *shape, const ln_perm *from, const ln_perm *to) {
  int32_t at = 0;
  for (int32_t i = 0; i < to->rank; ++i) {
    if (shape->dims[to->axis[i]] == 1) continue;
    while (at < to->rank && shape->dims[from != NULL ? from->axis[at] : at] == 1) ++at;
    if ((from != NULL ? from->axis[at] : at) != to->axis[i]) return false;
    ++at;
  }
  return true;
}

int64_t ln_layout_move_cost(const ln_layout *l, int32_t base, const ln_perm *from, const ln_perm *to) {
  const ln_shape *shape = &l->graph->tensors[base].signature;
  if (ln_perm_equal(from, to)) return 0;
  if (ln_layout_is_reshape(shape, from, to)) return RESHAPE_COST;
  double elements = 1;
  for (int32_t i = 0; i < shape->rank; ++i) elements *= shape->dims[i] < 0 ? 16 : shape->dims[i];
  return TRANSPOSE_COST + (elements < 65536 ? (int64_t)elements / 64 : 1024);
}

/* A product reads its first operand turned, too, but neither as fast nor as part of an attention. */
static int64_t acceptance_cost(const ln_layout *l, const ln_layout_use *use, const ln_perm *wanted,
                               const ln_perm *stored) {
  const bool same = ln_perm_equal(stored, wanted);
  if (use->takes == LN_TAKES_ANY) return same ? 0 : 1;
  if (use->takes != LN_TAKES_SWAPPED || use->port != 0) return 0;
  const ln_batch_mat_mul_options *o = l->graph->ops[use->node].options;
  return o->adj_x == same ? TURNED_COST : 0;
}

static int64_t use_cost(const ln_layout *l, const ln_layout_use *use, int32_t base, const ln_perm *stored,
                        bool proposed) {
  const ln_perm wanted = ln_layout_wanted(l, use, proposed);
  if (ln_layout_accepts(l, use, &wanted, stored)) return acceptance_cost(l, use, &wanted, stored);
  return ln_layout_move_cost(l, base, stored, &wanted);
}

/* Whether an earlier reader of the base wants the same copy. */
static bool is_shared(const ln_layout *l, int32_t base, int32_t use, const ln_perm *stored, const ln_perm *wanted) {
  const int32_t first = l->first_use[base];
  for (int32_t i = use - first > MOST_SHARERS ? use - MOST_SHARERS : first; i < use; ++i) {
    const ln_perm other = ln_layout_wanted(l, &l->uses[i], false);
    if (ln_perm_equal(&other, wanted) && !ln_layout_accepts(l, &l->uses[i], &other, stored)) return true;
  }
  return false;
}

static int64_t base_cost(const ln_layout *l, int32_t base) {
  const ln_perm stored = ln_layout_stored(l, base, false);
  int64_t cost = 0;
  for (int32_t i = l->first_use[base]; i < l->first_use[base + 1]; ++i) {
    const ln_perm wanted = ln_layout_wanted(l, &l->uses[i], false);
    const int64_t own = use_cost(l, &l->uses[i], base, &stored, false);
    if (own > 0 && !is_shared(l, base, i, &stored, &wanted)) cost += own;
  }
  return cost;
}

int64_t ln_layout_cost(const ln_layout *l) {
  int64_t cost = 0;
  for (int32_t i = 0; i < l->tensor_count; ++i) {
    if (l->base[i] == i) cost += base_cost(l, i);
  }
  for (int32_t i = 0; i < l->node_count; ++i) cost += ln_layout_extra(l, i, &l->nodes[i].frame);
  return cost;
}

/* ---- proposals ---- */

typedef struct flood {
  ln_layout *l;
  int32_t *queue; /* [node_count] nodes with a proposal, in the order they were reached */
  int32_t head, tail, most;
  int32_t *stamps; /* [tensor_count] the flood that reached a base last */
  int32_t stamp;
} flood;

static void propose(flood *f, int32_t node, const ln_perm *frame) {
  ln_layout_node *n = &f->l->nodes[node];
  if (n->has_proposal || f->tail >= f->most) return;
  n->has_proposal = true;
  n->proposed = *frame;
  f->queue[f->tail++] = node;
}

/* Readers and the maker of a base follow an order that it is to be stored in. */
static void spread(flood *f, int32_t base, const ln_perm *stored) {
  const ln_layout *l = f->l;
  ln_perm frame;
  if (f->stamps[base] == f->stamp) return;
  f->stamps[base] = f->stamp;
  if (l->maker[base] >= 0 && ln_layout_frame_of_output(l, l->maker[base], l->maker_port[base], stored, &frame))
    propose(f, l->maker[base], &frame);
  for (int32_t i = l->first_use[base]; i < l->first_use[base + 1]; ++i) {
    const ln_layout_use *use = &l->uses[i];
    if (use->node < 0) continue;
    const ln_perm back = ln_perm_inverse(&l->view[use->tensor]);
    const ln_perm own = ln_perm_compose(&back, stored);
    if (ln_layout_frame_of_input(l, use->node, use->port, &own, &frame)) propose(f, use->node, &frame);
  }
}

static void flow(flood *f) {
  const ln_layout *l = f->l;
  while (f->head < f->tail) {
    const int32_t node = f->queue[f->head++];
    const ln_perm *frame = &l->nodes[node].proposed;
    if (node >= l->op_count) {
      spread(f, l->graph->inputs[node - l->op_count], frame);
      continue;
    }
    const ln_op *op = &l->graph->ops[node];
    for (int32_t j = 0; j < op->output_count; ++j) {
      const ln_perm out = ln_layout_output(l, node, frame, j);
      spread(f, op->outputs[j], &out);
    }
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] < 0 || l->base[op->inputs[j]] < 0 || !ln_layout_is_data(l, node, j)) continue;
      const ln_perm in = ln_layout_input(l, node, frame, j);
      const ln_perm wanted = ln_perm_compose(&l->view[op->inputs[j]], &in);
      spread(f, l->base[op->inputs[j]], &wanted);
    }
  }
}

/* ---- the best mixture ---- */

static bool is_variable(const ln_layout *l, int32_t node) {
  return node >= 0 && l->nodes[node].has_proposal && !ln_perm_equal(&l->nodes[node].proposed, &l->nodes[node].frame);
}

typedef struct mixture {
  const ln_layout *l;
  ln_cut *cut;
  const int32_t *vertex; /* [node_count]; LN_CUT_SOURCE where the node keeps its frame */
} mixture;

/* What it costs to hold a reader's wish, or not: by the maker's side, then the reader's. */
typedef struct pair_cost {
  int64_t at[2][2];
} pair_cost;

/*
 * `one` is on the sink's side where a reader takes the proposal, `zero` on the source's where one does not; `held` is
 * the maker's vertex. A vertex of -1 stands for readers that there are not.
 */
static void add_pair(const mixture *m, const pair_cost *c, int32_t held, int32_t zero, int32_t one) {
  const int64_t moved = c->at[0][1] < c->at[1][1] ? c->at[0][1] : c->at[1][1];
  const int64_t kept = c->at[1][0] < c->at[0][0] ? c->at[1][0] : c->at[0][0];
  if (one >= 0) {
    ln_cut_arc(m->cut, LN_CUT_SOURCE, one, moved);
    ln_cut_arc(m->cut, held, one, c->at[0][1] - moved);
    /* What no arc can say, a maker and a reader that go apart by moving together, counts half for the reader. */
    ln_cut_arc(m->cut, LN_CUT_SOURCE, one, (c->at[1][1] - moved) / 2);
  }
  if (zero >= 0) {
    ln_cut_arc(m->cut, zero, LN_CUT_SINK, kept);
    ln_cut_arc(m->cut, zero, held, c->at[1][0] - kept);
    ln_cut_arc(m->cut, zero, LN_CUT_SINK, (c->at[0][0] - kept) / 2);
  }
}

static int32_t vertex_of(const mixture *m, int32_t node) {
  return is_variable(m->l, node) ? m->vertex[node] : LN_CUT_SOURCE;
}

/* A reader that takes more than one order shares no copy. */
static void add_reader(const mixture *m, int32_t base, const ln_layout_use *use, int32_t held) {
  const int32_t reader = vertex_of(m, use->node);
  pair_cost cost;
  for (int32_t maker = 0; maker < 2; ++maker) {
    const ln_perm stored = ln_layout_stored(m->l, base, maker == 1);
    for (int32_t k = 0; k < 2; ++k) cost.at[maker][k] = use_cost(m->l, use, base, &stored, k == 1);
  }
  add_pair(m, &cost, held, reader, reader);
}

/* One copy in order `wanted` for all readers that want it: always, with the proposal, or without it. */
static void add_copy(const mixture *m, int32_t base, const ln_perm *wanted, int32_t held) {
  const ln_layout *l = m->l;
  int32_t zero = -1, one = -1;
  bool always = false;
  for (int32_t i = l->first_use[base]; i < l->first_use[base + 1]; ++i) {
    const ln_layout_use *use = &l->uses[i];
    if (use->takes != LN_TAKES_FRAME) continue;
    const ln_perm kept = ln_layout_wanted(l, use, false), moved = ln_layout_wanted(l, use, true);
    const bool wants_kept = ln_perm_equal(&kept, wanted), wants_moved = ln_perm_equal(&moved, wanted);
    const int32_t reader = vertex_of(m, use->node);
    always = always || (wants_kept && (wants_moved || reader == LN_CUT_SOURCE));
    if (wants_moved && !wants_kept && reader != LN_CUT_SOURCE) {
      if (one < 0) one = ln_cut_vertex(m->cut);
      ln_cut_arc(m->cut, one, reader, FORBIDDEN);
    }
    if (wants_kept && !wants_moved && reader != LN_CUT_SOURCE) {
      if (zero < 0) zero = ln_cut_vertex(m->cut);
      ln_cut_arc(m->cut, reader, zero, FORBIDDEN);
    }
  }
  const ln_perm before = ln_layout_stored(l, base, false), after = ln_layout_stored(l, base, true);
  const int64_t kept = ln_layout_move_cost(l, base, &before, wanted),
                moved = ln_layout_move_cost(l, base, &after, wanted);
  if (always) { /* whatever the readers do, the maker alone decides */
    ln_cut_arc(m->cut, held, LN_CUT_SINK, kept);
    ln_cut_arc(m->cut, LN_CUT_SOURCE, held, moved);
    return;
  }
  const pair_cost cost = {{{kept, kept}, {moved, moved}}};
  add_pair(m, &cost, held, zero, one);
}

static bool add_order(ln_perm *orders, int32_t *count, const ln_perm *order) {
  for (int32_t i = 0; i < *count; ++i) {
    if (ln_perm_equal(&orders[i], order)) return true;
  }
  if (*count == MOST_ORDERS) return false;
  orders[(*count)++] = *order;
  return true;
}

static void add_base(const mixture *m, int32_t base) {
  const ln_layout *l = m->l;
  const int32_t held = vertex_of(m, l->maker[base]);
  ln_perm orders[MOST_ORDERS];
  int32_t count = 0;
  for (int32_t i = l->first_use[base]; i < l->first_use[base + 1]; ++i) {
    const ln_layout_use *use = &l->uses[i];
    const ln_perm kept = ln_layout_wanted(l, use, false), moved = ln_layout_wanted(l, use, true);
    if (use->takes != LN_TAKES_FRAME) add_reader(m, base, use, held);
    else if (add_order(orders, &count, &kept)) add_order(orders, &count, &moved);
  }
  for (int32_t i = 0; i < count; ++i) add_copy(m, base, &orders[i], held);
}

/* ---- search ---- */

typedef struct search {
  ln_layout *l;
  flood flood;
  int32_t *vertex; /* [node_count] */
  ln_perm *kept;   /* [node_count] of the nodes in the flood's queue */
  int32_t *bases;  /* [base_count] that the nodes in the queue touch */
  int32_t base_count;
  int32_t *marks; /* [tensor_count] the proposal that touched a base last */
  int32_t reach;  /* nodes that a flood may reach: fewer once far ones have not helped */
  int32_t failures;
  int64_t work;
} search;

static void touch(search *s, int32_t tensor) {
  const int32_t base = tensor < 0 ? -1 : s->l->base[tensor];
  if (base < 0 || s->marks[base] == s->flood.stamp) return;
  s->marks[base] = s->flood.stamp;
  s->bases[s->base_count++] = base;
}

/* Bases whose cost the proposals change. */
static void find_bases(search *s) {
  s->base_count = 0;
  for (int32_t k = 0; k < s->flood.tail; ++k) {
    const int32_t node = s->flood.queue[k];
    if (!is_variable(s->l, node)) continue;
    if (node >= s->l->op_count) {
      touch(s, s->l->graph->inputs[node - s->l->op_count]);
      continue;
    }
    const ln_op *op = &s->l->graph->ops[node];
    for (int32_t j = 0; j < op->input_count; ++j) touch(s, op->inputs[j]);
    for (int32_t j = 0; j < op->output_count; ++j) touch(s, op->outputs[j]);
  }
}

static bool find_mixture(search *s, ln_cut **out) {
  const ln_layout *l = s->l;
  int32_t variables = 0;
  for (int32_t k = 0; k < s->flood.tail; ++k) {
    const int32_t node = s->flood.queue[k];
    s->vertex[node] = is_variable(l, node) ? LN_CUT_FIRST + variables++ : LN_CUT_SOURCE;
  }
  *out = ln_cut_create(variables);
  if (*out == NULL) return false;
  const mixture m = {l, *out, s->vertex};
  for (int32_t k = 0; k < s->flood.tail; ++k) {
    const int32_t node = s->flood.queue[k];
    if (!is_variable(l, node)) continue;
    ln_cut_arc(*out, s->vertex[node], LN_CUT_SINK, ln_layout_extra(l, node, &l->nodes[node].frame));
    ln_cut_arc(*out, LN_CUT_SOURCE, s->vertex[node], ln_layout_extra(l, node, &l->nodes[node].proposed));
  }
  for (int32_t i = 0; i < s->base_count; ++i) add_base(&m, s->bases[i]);
  return ln_cut_run(*out);
}

/* What the proposals' nodes and bases cost as frames are. */
static int64_t local_cost(const search *s) {
  int64_t cost = 0;
  for (int32_t i = 0; i < s->base_count; ++i) cost += base_cost(s->l, s->bases[i]);
  for (int32_t k = 0; k < s->flood.tail; ++k) {
    const int32_t node = s->flood.queue[k];
    cost += ln_layout_extra(s->l, node, &s->l->nodes[node].frame);
  }
  return cost;
}

static void take(const search *s, const ln_cut *cut) {
  for (int32_t k = 0; k < s->flood.tail; ++k) {
    const int32_t node = s->flood.queue[k];
    ln_layout_node *n = &s->l->nodes[node];
    const bool moves = is_variable(s->l, node) && (cut == NULL || ln_cut_on_sink_side(cut, s->vertex[node]));
    s->kept[k] = n->frame;
    if (moves) n->frame = n->proposed;
  }
}

static void give_back(const search *s) {
  for (int32_t k = 0; k < s->flood.tail; ++k) s->l->nodes[s->flood.queue[k]].frame = s->kept[k];
}

/* Takes the best of what is proposed, if that is cheaper; false when memory is short. */
static bool improve(search *s, bool *improved) {
  ln_cut *cut = NULL;
  find_bases(s);
  const bool good = find_mixture(s, &cut);
  const int64_t before = local_cost(s);
  *improved = false;
  for (int32_t whole = 0; good && whole < 2 && !*improved; ++whole) {
    take(s, whole == 1 ? NULL : cut);
    *improved = local_cost(s) < before;
    if (!*improved) give_back(s);
  }
  ln_cut_destroy(cut);
  return good;
}

/* Tries to have the base stored as a reader wants it, then to have the reader take it as it is stored. */
static bool try_use(search *s, int32_t base, const ln_layout_use *use, bool *improved) {
  ln_layout *l = s->l;
  *improved = false;
  for (int32_t way = 0; way < 2 && !*improved && s->work < MOST_WORK; ++way) {
    const ln_perm stored = ln_layout_stored(l, base, false), wanted = ln_layout_wanted(l, use, false);
    if (ln_layout_accepts(l, use, &wanted, &stored)) return true;
    s->flood.head = s->flood.tail = 0;
    s->flood.most = s->reach;
    ++s->flood.stamp;
    spread(&s->flood, base, way == 0 ? &wanted : &stored);
    flow(&s->flood);
    const bool good = s->flood.tail == 0 || improve(s, improved);
    for (int32_t k = 0; k < s->flood.tail; ++k) l->nodes[s->flood.queue[k]].has_proposal = false;
    s->work += 1 + s->flood.tail;
    if (!good) return false;
    if (!*improved && s->flood.tail > NEAR && ++s->failures == MOST_FAILURES) s->reach = NEAR;
  }
  return true;
}

static bool sweep(search *s, bool *improved) {
  *improved = false;
  for (int32_t base = 0; base < s->l->tensor_count; ++base) {
    if (s->l->base[base] != base) continue;
    for (int32_t i = s->l->first_use[base]; i < s->l->first_use[base + 1]; ++i) {
      bool better;
      if (!try_use(s, base, &s->l->uses[i], &better)) return false;
      *improved = *improved || better;
    }
  }
  return true;
}

bool ln_layout_search(ln_layout *l) {
  search s = {.l = l, .reach = l->node_count};
  const size_t nodes = (size_t)l->node_count + 1, tensors = (size_t)l->tensor_count + 1;
  s.flood.l = l;
  s.flood.queue = ln_alloc_array(nodes, sizeof *s.flood.queue);
  s.flood.stamps = ln_alloc_array(tensors, sizeof *s.flood.stamps);
  s.vertex = ln_alloc_array(nodes, sizeof *s.vertex);
  s.kept = ln_alloc_array(nodes, sizeof *s.kept);
  s.bases = ln_alloc_array(tensors, sizeof *s.bases);
  s.marks = ln_alloc_array(tensors, sizeof *s.marks);
  bool good = s.flood.queue != NULL && s.flood.stamps != NULL && s.vertex != NULL && s.kept != NULL &&
              s.bases != NULL && s.marks != NULL;
  bool improved = good;
  while (good && improved && s.work < MOST_WORK) good = sweep(&s, &improved);
  ln_free(s.flood.queue);
  ln_free(s.flood.stamps);
  ln_free(s.vertex);
  ln_free(s.kept);
  ln_free(s.bases);
  ln_free(s.marks);
  return good;
}
