/* Names of a graph: what each stands for, looked up outward from where it is used. */
#include <string.h>

#include "import/onnx/onnx.h"
#include "onnx.pb-c.h"

struct ln_onnx_name {
  ln_onnx_name *next;
  const char *text;
  bool made;
  ln_onnx_value value;
  /* Initializers become constants when somebody asks for them. */
  const Onnx__Tensor *tensor;
  const Onnx__SparseTensor *sparse;
};

enum { FIRST_SLOTS = 64 };

static size_t slot_of(const ln_onnx_scope *scope, const char *text) {
  return (size_t)ln_hash64(text, strlen(text)) & (size_t)(scope->name_capacity - 1);
}

static ln_onnx_name *find(const ln_onnx_scope *scope, const char *text) {
  if (scope->name_capacity == 0) return NULL;
  for (ln_onnx_name *name = scope->names[slot_of(scope, text)]; name != NULL; name = name->next) {
    if (strcmp(name->text, text) == 0) return name;
  }
  return NULL;
}

static bool grow(ln_onnx_scope *scope) {
  ln_onnx_name **old = scope->names;
  const int32_t count = scope->name_capacity, more = count == 0 ? FIRST_SLOTS : count * 2;
  ln_onnx_name **slots = ln_arena_array(ln_emit_arena(scope->e), (size_t)more, sizeof(ln_onnx_name *));
  if (slots == NULL) return false;
  scope->names = slots;
  scope->name_capacity = more;
  for (int32_t i = 0; i < count; ++i) {
    for (ln_onnx_name *name = old[i], *next; name != NULL; name = next) {
      next = name->next;
      const size_t slot = slot_of(scope, name->text);
      name->next = slots[slot];
      slots[slot] = name;
    }
  }
  return true;
}

/* The name's own entry in this scope; NULL when memory is short. */
static ln_onnx_name *enter(ln_onnx_scope *scope, const char *text) {
  ln_onnx_name *name = find(scope, text);
  if (name != NULL) return name;
  if (scope->name_count >= scope->name_capacity && !grow(scope)) return NULL;
  name = ln_arena_alloc(ln_emit_arena(scope->e), sizeof *name);
  if (name == NULL) return NULL;
  const size_t slot = slot_of(scope, text);
  *name = (ln_onnx_name){.next = scope->names[slot], .text = text};
  scope->names[slot] = name;
  ++scope->name_count;
  return name;
}

void ln_onnx_define(ln_onnx_scope *scope, const char *text, ln_onnx_value value) {
  ln_onnx_name *name = enter(scope, text);
  if (name == NULL) {
    ln_import_no_memory(scope->onnx->import);
    return;
  }
  name->value = value;
  name->made = true;
}

void ln_onnx_define_later(ln_onnx_scope *scope, const char *text, const Onnx__Tensor *tensor,
                          const Onnx__SparseTensor *sparse) {
  ln_onnx_name *name = enter(scope, text);
  if (name == NULL) {
    ln_import_no_memory(scope->onnx->import);
    return;
  }
  name->tensor = tensor;
  name->sparse = sparse;
}

/* ---- what is read ---- */

static bool note(ln_onnx_scope *used, const char *text) {
  if (text == NULL || text[0] == '\0' || enter(used, text) != NULL) return true;
  ln_import_no_memory(used->onnx->import);
  return false;
}

static bool note_nodes(ln_onnx_scope *used, size_t count, Onnx__Node *const *nodes, int32_t depth) {
  if (depth > LN_ONNX_DEEPEST) return true;
  for (size_t i = 0; i < count; ++i) {
    for (size_t k = 0; k < nodes[i]->n_input; ++k) {
      if (!note(used, nodes[i]->input[k])) return false;
    }
    for (size_t k = 0; k < nodes[i]->n_attribute; ++k) {
      const Onnx__Graph *graph = nodes[i]->attribute[k]->g;
      if (graph == NULL) continue;
      if (!note_nodes(used, graph->n_node, graph->node, depth + 1)) return false;
      for (size_t o = 0; o < graph->n_output; ++o) {
        if (!note(used, graph->output[o]->name)) return false;
      }
    }
  }
  return true;
}

void ln_onnx_note_uses(ln_onnx_scope *scope, size_t node_count, Onnx__Node *const *nodes, size_t output_count,
                       char *const *outputs) {
  scope->used = ln_arena_alloc(ln_emit_arena(scope->e), sizeof *scope->used);
  if (scope->used == NULL) {
    ln_import_no_memory(scope->onnx->import);
    return;
  }
  *scope->used = (ln_onnx_scope){.onnx = scope->onnx, .e = scope->e};
  bool good = note_nodes(scope->used, node_count, nodes, 0);
  for (size_t i = 0; good && i < output_count; ++i) good = note(scope->used, outputs[i]);
}

bool ln_onnx_defines(const ln_onnx_scope *scope, const char *text) { return find(scope, text) != NULL; }

static void make(ln_onnx_scope *scope, ln_onnx_name *name) {
  if (name->made) return;
  const int32_t constant = name->sparse != NULL ? ln_onnx_dense(scope->onnx, scope->e, name->sparse)
                                                : ln_onnx_constant(scope->onnx, scope->e, name->tensor);
  if (name->text[0] != '\0') ln_emit_name(scope->e, constant, name->text);
  name->value = ln_onnx_of(constant);
  name->made = true;
}

/* What stands in an outer graph, for use in this one. */
static ln_onnx_value capture(ln_onnx_scope *scope, const ln_onnx_scope *from, ln_onnx_value value, int32_t depth) {
  if (value.kind == LN_ONNX_TENSOR) return ln_onnx_of(ln_emit_capture(scope->e, from->e, value.tensor));
  if (value.kind == LN_ONNX_ABSENT || value.count == 0 || depth > LN_ONNX_DEEPEST) return value;
  ln_onnx_value *items = ln_arena_array(ln_emit_arena(scope->e), (size_t)value.count, sizeof *items);
  if (items == NULL) {
    ln_import_no_memory(scope->onnx->import);
    return value;
  }
  for (int32_t i = 0; i < value.count; ++i) items[i] = capture(scope, from, value.items[i], depth + 1);
  value.items = items;
  return value;
}

bool ln_onnx_find(ln_onnx_scope *scope, const char *text, ln_onnx_value *out) {
  for (ln_onnx_scope *at = scope; at != NULL; at = at->outer) {
    ln_onnx_name *name = find(at, text);
    if (name == NULL) continue;
    make(at, name);
    *out = name->value;
    if (at->e != scope->e) {
      *out = capture(scope, at, name->value, 0);
      ln_onnx_define(scope, text, *out);
    }
    return !ln_emit_failed(scope->e);
  }
  ln_emit_wrong(scope->e, "nothing is called %.80s before it is used", text);
  return false;
}
