/*
 * Values of a graph by name. PyTorch writes values in place, also through views; TFLite's tensors are written once. So
 * a write gives the value a new tensor, puts the part that a view shows back into what it is a view of, and other views
 * are made anew when they are read.
 */
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

enum { MOST_VIEWS = 64 }; /* of views of views */

static uint32_t slot_of(const torch_graph *g, const char *name) {
  const uint32_t mask = (uint32_t)g->slot_count - 1;
  uint32_t at = (uint32_t)ln_hash64(name, strlen(name)) & mask;
  while (g->slots[at] != 0 && strcmp(g->values[g->slots[at] - 1].name, name) != 0) at = (at + 1) & mask;
  return at;
}

static bool make_room(torch_graph *g) {
  ln_arena *arena = ln_emit_arena(g->e);
  if (g->value_count < g->value_capacity) return true;
  if (g->value_capacity > INT32_MAX / 16) return false;
  const int32_t capacity = g->value_capacity * 2 + 64;
  int32_t slots = 1;
  while (slots < capacity * 2) slots *= 2;
  torch_value *values = ln_arena_array(arena, (size_t)capacity, sizeof *values);
  g->slots = ln_arena_array(arena, (size_t)slots, sizeof *g->slots);
  if (values == NULL || g->slots == NULL) return false;
  for (int32_t i = 0; i < g->value_count; ++i) values[i] = g->values[i];
  g->values = values;
  g->value_capacity = capacity;
  g->slot_count = slots;
  for (int32_t i = 0; i < g->value_count; ++i) g->slots[slot_of(g, values[i].name)] = i + 1;
  return true;
}

int32_t ln_torch_find(const torch_graph *g, const char *name) {
  return g->slot_count == 0 ? -1 : g->slots[slot_of(g, name)] - 1;
}

int32_t ln_torch_define(torch_graph *g, const char *name, int32_t tensor) {
  if (ln_emit_failed(g->e)) return -1;
  int32_t found = ln_torch_find(g, name);
  if (found < 0) {
    if (!make_room(g)) return ln_import_no_memory(g->e->import);
    found = g->value_count++;
    g->values[found].name = name;
    g->slots[slot_of(g, name)] = found + 1;
  }
  g->values[found] = (torch_value){.name = name, .tensor = tensor, .parent = -1, .variable = -1};
  return found;
}

/* What the value is a view of in the end; -1 after a failure. */
static int32_t root_of(torch_graph *g, int32_t value) {
  for (int32_t i = 0; i < MOST_VIEWS; ++i) {
    if (g->values[value].parent < 0) return value;
    value = g->values[value].parent;
  }
  return ln_emit_refuse(g->e, "it is a view of a view of more than %d others", MOST_VIEWS);
}

/* The node once more, of its parent as it is now. */
static void make_anew(torch_graph *g, int32_t value) {
  torch_node n;
  int32_t outputs[TORCH_MOST_OUTPUTS];
  const torch_value v = g->values[value];
  if (ln_torch_lower(g, v.node, outputs, &n)) g->values[value].tensor = outputs[v.output];
}

/* A weight becomes a constant when it is first read. */
static void make_constant(torch_graph *g, torch_value *v) {
  v->tensor = ln_torch_constant(g->e, v->payload);
  ln_emit_name(g->e, v->tensor, v->payload_name);
  v->payload = NULL;
}

static int32_t read_value(torch_graph *g, int32_t value) {
  const int32_t root = root_of(g, value);
  if (root < 0 || ln_emit_failed(g->e)) return -1;
  if (g->values[value].payload != NULL) make_constant(g, &g->values[value]);
  if (root != value && g->values[value].seen != g->values[root].version) {
    g->values[value].seen = g->values[root].version;
    if (g->values[value].node != NULL) make_anew(g, value); /* which reads its parent */
    else g->values[value].tensor = read_value(g, g->values[value].parent);
  }
  return g->values[value].tensor;
}

int32_t ln_torch_read(torch_graph *g, const char *name) {
  if (ln_emit_failed(g->e)) return -1;
  for (torch_graph *at = g; at != NULL; at = at->outer) {
    const int32_t found = ln_torch_find(at, name);
    if (found < 0) continue;
    const int32_t tensor = read_value(at, found);
    if (tensor < 0) return ln_emit_refuse(g->e, "it takes \"%.80s\", an output that is not built", name);
    return at == g ? tensor : ln_emit_capture(g->e, at->e, tensor);
  }
  return ln_emit_wrong(g->e, "it takes \"%.80s\", which nothing gives", name);
}

/* The parent with the view's part replaced. */
static int32_t put_back(torch_graph *g, int32_t value, int32_t tensor) {
  torch_node n;
  const torch_value v = g->values[value];
  const int32_t parent = read_value(g, v.parent);
  if (v.node == NULL) return tensor;
  if (!ln_torch_prepare(g, v.node, &n)) return -1;
  n.shown = v.output;
  return n.row->put(&n, parent, tensor);
}

static void write_to(torch_graph *g, int32_t value, int32_t tensor, int32_t depth) {
  if (ln_emit_failed(g->e) || value < 0 || depth > MOST_VIEWS) return;
  torch_value *v = &g->values[value];
  if (v->parent >= 0) {
    write_to(g, v->parent, put_back(g, value, tensor), depth + 1);
    const int32_t root = root_of(g, value);
    if (root < 0) return;
    g->values[value].tensor = tensor;
    g->values[value].seen = g->values[root].version;
  } else {
    v->tensor = tensor;
    ++v->version;
  }
}

void ln_torch_write(torch_graph *g, int32_t value, int32_t tensor) { write_to(g, value, tensor, 0); }

#endif
