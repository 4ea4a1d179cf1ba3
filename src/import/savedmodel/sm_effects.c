/* Which graphs change state, and which variables a signature changes: handles are followed through calls. */
#include "import/savedmodel/savedmodel.h"

/* The functions that a node calls: up to `capacity` are stored; how many there are. */
static int32_t callees(ln_sm *sm, const ln_sm_node *node, ln_sm_graph **out, int32_t capacity) {
  static const char *const names[] = {"f", "cond", "body", "then_branch", "else_branch"};
  const char *name;
  size_t length;
  int32_t count = 0;
  for (size_t i = 0; i < LN_COUNT(names); ++i) {
    if (!ln_nodedef_func(&node->def, names[i], &name, &length) || count == capacity) continue;
    ln_sm_graph *graph = ln_sm_function(sm, name, length);
    if (graph != NULL) out[count++] = graph;
  }
  for (int32_t i = 0; count < capacity; ++i) {
    if (!ln_sm_branch(node, i, &name, &length)) break;
    ln_sm_graph *graph = ln_sm_function(sm, name, length);
    if (graph != NULL) out[count++] = graph;
  }
  return count;
}

static bool has_effects(ln_sm *sm, ln_sm_graph *graph, int32_t depth) {
  if (graph->effects == LN_SM_YES || graph->effects == LN_SM_NO) return graph->effects == LN_SM_YES;
  if (graph->effects == LN_SM_ASKED || depth > LN_SM_DEPTH) return false; /* recursion: refused when it is translated */
  graph->effects = LN_SM_ASKED;
  bool any = false;
  for (int32_t i = 0; i < graph->node_count && !any && !ln_sm_failed(sm); ++i) {
    const ln_sm_node *node = &graph->nodes[i];
    const uint32_t flags = node->row != NULL ? node->row->flags : 0;
    any = (flags & LN_SM_EFFECT) != 0;
    if (any || (flags & LN_SM_CALLS) == 0) continue;
    ln_sm_graph *called[32];
    const int32_t count = callees(sm, node, called, (int32_t)LN_COUNT(called));
    for (int32_t k = 0; k < count && !any; ++k) any = has_effects(sm, called[k], depth + 1);
  }
  graph->effects = any ? LN_SM_YES : LN_SM_NO;
  return any;
}

bool ln_sm_has_effects(ln_sm *sm, ln_sm_graph *graph) { return has_effects(sm, graph, 0); }

/* ---- what is changed ---- */

/* Handles by argument: the variable's or table's number + 1, negative for tables; 0: no handle. */
typedef struct walk {
  ln_sm *sm;
  const ln_sm_graph *graph;
  const int32_t *args;
  int32_t depth;
} walk;

/* Whether a handle goes through: Identity, an assignment of TensorFlow 1, Enter and their like. */
static bool hands_on(const ln_sm_node *node) {
  static void (*const functions[])(ln_sm_call * c) = {ln_sm_op_identity, ln_sm_op_assign, ln_sm_op_assign_by,
                                                      ln_sm_op_enter,    ln_sm_op_switch, ln_sm_op_merge,
                                                      ln_sm_op_exit};
  for (size_t i = 0; i < LN_COUNT(functions); ++i) {
    if (node->row->translate == functions[i]) return true;
  }
  return false;
}

static int32_t handle_of(const walk *w, ln_sm_ref ref) {
  for (int32_t steps = 0; steps < 10000; ++steps) {
    if (ref.node < 0) return w->args != NULL ? w->args[-1 - ref.node] : 0;
    const ln_sm_node *node = &w->graph->nodes[ref.node];
    size_t length;
    if (node->row == NULL) return 0;
    if (node->row->translate == ln_sm_op_variable) {
      const char *name = ln_sm_shared_name(node, &length);
      return ln_sm_variable_of(w->sm, name, length) + 1;
    }
    if (node->row->translate == ln_sm_op_table) {
      const char *name = ln_sm_shared_name(node, &length);
      return -1 - ln_sm_table_of(w->sm, name, length);
    }
    if (!hands_on(node) || node->input_count == 0) return 0;
    ref = node->inputs[ref.output < node->input_count ? ref.output : 0];
  }
  return 0;
}

static void mark_handle(const walk *w, ln_sm_ref ref) {
  const int32_t handle = handle_of(w, ref);
  if (handle > 0) w->sm->variables[handle - 1].changes = true;
  if (handle < 0) w->sm->tables[-1 - handle].changes = true;
}

static bool walk_node(const walk *w, const ln_sm_node *node);

static bool walk_call(const walk *w, const ln_sm_node *node) {
  ln_sm_graph *called[32];
  const int32_t count = callees(w->sm, node, called, (int32_t)LN_COUNT(called));
  for (int32_t k = 0; k < count; ++k) {
    if (!has_effects(w->sm, called[k], 0)) continue;
    /* A condition or number before the arguments: If, Case. */
    const int32_t skipped = node->input_count - called[k]->arg_count;
    int32_t *args = ln_alloc_array((size_t)called[k]->arg_count + 1, sizeof *args);
    walk inner = {w->sm, called[k], args, w->depth + 1};
    bool good = args != NULL && inner.depth <= LN_SM_DEPTH && skipped >= 0 && skipped <= 1;
    for (int32_t i = 0; good && i < called[k]->arg_count; ++i) args[i] = handle_of(w, node->inputs[skipped + i]);
    for (int32_t i = 0; good && i < called[k]->node_count; ++i) good = walk_node(&inner, &called[k]->nodes[i]);
    ln_free(args);
    if (good) continue;
    ln_import_fail(w->sm->import, LN_ERR_MODEL,
                   "node \"%.120s\" (%.60s): it calls a function with other inputs, or too deeply", node->name,
                   node->op);
    return false;
  }
  return true;
}

static bool walk_node(const walk *w, const ln_sm_node *node) {
  const uint32_t flags = node->row != NULL ? node->row->flags : 0;
  if (!ln_sm_spend(w->sm, 1)) {
    ln_import_fail(w->sm->import, LN_ERR_LIMIT, "node \"%.120s\": functions call one another too often", node->name);
    return false;
  }
  for (int32_t i = 0; i < node->input_count && (flags & LN_SM_EFFECT) != 0; ++i) mark_handle(w, node->inputs[i]);
  return (flags & LN_SM_CALLS) == 0 || walk_call(w, node);
}

bool ln_sm_mark_changes(ln_sm *sm, const ln_sm_ref *outputs, int32_t count) {
  const walk w = {sm, &sm->top, NULL, 0};
  const int32_t nodes = sm->top.node_count;
  bool *seen = ln_alloc_array((size_t)nodes + 1, sizeof *seen);
  int32_t *stack = ln_alloc_array((size_t)nodes + 1, sizeof *stack);
  int32_t depth = 0;
  bool good = seen != NULL && stack != NULL;
  if (!good) ln_import_no_memory(sm->import);
  for (int32_t i = 0; good && i < count; ++i) {
    if (!seen[outputs[i].node]) stack[depth++] = outputs[i].node;
    seen[outputs[i].node] = true;
  }
  while (good && depth > 0) {
    const ln_sm_node *node = &sm->top.nodes[stack[--depth]];
    good = walk_node(&w, node);
    for (int32_t i = 0; good && i < node->input_count + node->control_count; ++i) {
      const int32_t from = i < node->input_count ? node->inputs[i].node : node->controls[i - node->input_count];
      if (from < 0 || seen[from]) continue;
      seen[from] = true;
      stack[depth++] = from;
    }
  }
  ln_free(seen);
  ln_free(stack);
  return good;
}
