/*
 * Ends a model: folds batch normalizations and fuses activations where one operator can do both, leaves the batch open,
 * and writes what training must know as the metadata entry "linnet.layers": a line a layer (docs/builder.md).
 */
#include <stdlib.h>
#include <string.h>

#include "maker/builder.h"

typedef struct finish {
  ln_builder *b;
  ln_graph *graph;
  ln_arena *arena;
  int32_t *uses;      /* [tensor_count]: operators and layers that a tensor must stay for */
  int32_t *producers; /* [tensor_count] */
  bool *drop;         /* [op_count] */
} finish;

static bool prepare(finish *f) {
  f->graph->outputs = f->b->outputs;
  f->graph->output_count = f->b->output_count;
  f->uses = ln_graph_count_uses(f->graph, f->arena);
  f->producers = ln_graph_producers(f->graph, f->arena);
  f->drop = ln_arena_array(f->arena, (size_t)f->graph->op_count, sizeof *f->drop);
  if (f->uses == NULL || f->producers == NULL || f->drop == NULL) return false;
  for (const ln_made *m = f->b->first; m != NULL; m = m->next) { /* what is dropped in training stays a tensor */
    if (m->def != NULL && m->notes != NULL && f->producers[m->output] >= 0 && m->shift < 0) ++f->uses[m->output];
  }
  return true;
}

/* ---- batch normalization ---- */

static ln_made *maker_of(const finish *f, int32_t tensor) {
  for (ln_made *m = f->b->first; m != NULL; m = m->next) {
    if (m->def != NULL && m->output == tensor) return m;
  }
  return NULL;
}

static bool is_weight(const ln_made *layer, int32_t tensor) {
  for (int32_t i = 0; i < layer->weight_count; ++i) {
    if (layer->weights[i] == tensor) return true;
  }
  return false;
}

/* The bias that folding gave the layer is one of its weights. */
static bool keep_bias(const ln_op *op, ln_made *layer) {
  if (is_weight(layer, op->inputs[2])) return true;
  if (layer->weight_count == LN_LAYER_WEIGHTS) return false;
  layer->weight_keys[layer->weight_count] = "bias";
  layer->weights[layer->weight_count++] = op->inputs[2];
  return true;
}

static bool fold(finish *f, ln_made *norm) {
  const int32_t at = f->producers[norm->scaled];
  ln_made *layer = maker_of(f, norm->scaled);
  if (at < 0 || f->drop[at] || layer == NULL || layer->weight_count == 0) return true;
  /* MUL and ADD stand behind one another. */
  const int32_t add = f->producers[norm->output];
  const int32_t mul = f->producers[f->graph->ops[add].inputs[0]];
  ln_optimizer o = {.model = f->b->model};
  const char *bias = ln_arena_printf(f->arena, "%s/bias", layer->name);
  bool folded = false;
  if (bias == NULL || ln_edit_fold_scale(&o, f->uses, at, mul, add, bias, &folded) != LN_OK) return false;
  if (!folded) return true;
  if (!keep_bias(&f->graph->ops[at], layer)) return false;
  f->drop[add] = f->drop[mul] = true;
  f->producers[norm->output] = at;
  f->producers[norm->scaled] = -1;
  norm->weight_count = 0;
  norm->folded_into = layer;
  layer->output = norm->output;
  return true;
}

/* ---- activations ---- */

static int8_t fused_form(const ln_op *op) {
  switch (op->def->code) {
    case LN_OP_RELU: return LN_ACT_RELU;
    case LN_OP_RELU6: return LN_ACT_RELU6;
    default: return LN_ACT_NONE;
  }
}

static void fuse(finish *f, int32_t at) {
  ln_op *op = &f->graph->ops[at];
  const int8_t form = fused_form(op);
  if (form == LN_ACT_NONE || f->drop[at]) return;
  const int32_t input = op->inputs[0], before = f->producers[input];
  if (before < 0 || f->uses[input] != 1) return;
  ln_op *head = &f->graph->ops[before];
  int8_t *activation = head->output_count == 1 ? ln_edit_activation(head) : NULL;
  if (activation == NULL || *activation != LN_ACT_NONE) return;
  *activation = form;
  head->outputs[0] = op->outputs[0];
  f->producers[op->outputs[0]] = before;
  f->producers[input] = -1;
  f->drop[at] = true;
}

/* ---- what training must know ---- */

static void add_text(ln_bytes *bytes, const char *text) { ln_bytes_add(bytes, text, strlen(text)); }

static void describe(const finish *f, const ln_made *m, ln_bytes *bytes) {
  add_text(bytes, m->def->name);
  add_text(bytes, " ");
  add_text(bytes, m->name);
  if (f->producers[m->output] >= 0) {
    add_text(bytes, " output=");
    add_text(bytes, f->graph->tensors[m->output].name);
  }
  for (int32_t i = 0; i < m->weight_count; ++i) {
    add_text(bytes, " ");
    add_text(bytes, m->weight_keys[i]);
    add_text(bytes, "=");
    add_text(bytes, f->graph->tensors[m->weights[i]].name);
  }
  if (m->notes != NULL) add_text(bytes, m->notes);
  if (m->folded_into != NULL) {
    add_text(bytes, " folded_into=");
    add_text(bytes, m->folded_into->name);
  }
  add_text(bytes, "\n");
}

static bool note_layers(finish *f) {
  ln_bytes bytes = {0};
  ln_model *model = f->b->model;
  for (const ln_made *m = f->b->first; m != NULL; m = m->next) {
    if (m->def != NULL) describe(f, m, &bytes);
  }
  void *data = bytes.failed ? NULL : ln_arena_copy(f->arena, bytes.data, bytes.size);
  model->metadata = ln_arena_array(f->arena, 1, sizeof *model->metadata);
  const size_t size = bytes.size;
  ln_bytes_free(&bytes);
  if (data == NULL || model->metadata == NULL) return false;
  model->metadata[0] = (ln_metadata){.name = "linnet.layers", .data = data, .size = size};
  model->metadata_count = 1;
  return true;
}

/* ---- signature and batch ---- */

static int by_key(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Keys in alphabetical order, with the tensors of the layers that they name. */
static bool list_keys(const finish *f, const char **keys, int32_t count, int32_t **tensors) {
  *tensors = ln_arena_array(f->arena, (size_t)count, sizeof **tensors);
  if (*tensors == NULL) return false;
  qsort(keys, (size_t)count, sizeof *keys, by_key);
  for (int32_t i = 0; i < count; ++i) {
    for (const ln_made *m = f->b->first; m != NULL; m = m->next) {
      if (strcmp(m->name, keys[i]) == 0) (*tensors)[i] = m->output;
    }
  }
  return true;
}

static bool sign(finish *f) {
  ln_signature *s = ln_arena_alloc(f->arena, sizeof *s);
  const char **inputs = ln_arena_array(f->arena, (size_t)f->graph->input_count, sizeof *inputs);
  const char **outputs = ln_arena_copy(f->arena, f->b->output_names, (size_t)f->b->output_count * sizeof *outputs);
  if (s == NULL || inputs == NULL || outputs == NULL) return false;
  int32_t count = 0;
  for (const ln_made *m = f->b->first; m != NULL; m = m->next) {
    if (m->def == NULL) inputs[count++] = m->name;
  }
  *s = (ln_signature){.key = "serving_default", .input_keys = inputs, .input_count = count, .output_keys = outputs};
  s->output_count = f->b->output_count;
  f->b->model->signatures = s;
  f->b->model->signature_count = 1;
  return list_keys(f, inputs, count, &s->inputs) && list_keys(f, outputs, s->output_count, &s->outputs);
}

/* Everything that is computed has the batch as its first dimension. */
static void open_batch(const finish *f) {
  for (int32_t i = 0; i < f->graph->tensor_count; ++i) {
    ln_tensor *tensor = &f->graph->tensors[i];
    tensor->signature = tensor->shape;
    if (f->b->batch > 0 || tensor->storage == LN_STORAGE_CONST || tensor->shape.rank == 0) continue;
    tensor->shape.dims[0] = tensor->signature.dims[0] = -1;
    tensor->has_signature = true;
  }
}

static ln_status end(finish *f, ln_error *err) {
  if (!prepare(f)) return LN_ERR_MEMORY;
  for (ln_made *m = f->b->first; m != NULL; m = m->next) {
    if (m->scaled >= 0 && !fold(f, m)) return LN_ERR_MEMORY;
  }
  for (int32_t i = 0; i < f->graph->op_count; ++i) fuse(f, i);
  if (!note_layers(f) || !sign(f)) return LN_ERR_MEMORY;
  ln_graph_drop_ops(f->graph, f->drop);
  for (int32_t i = 0; i < f->graph->op_count; ++i) f->graph->ops[i].index = i;
  open_batch(f);
  return ln_edit_compact(f->b->model, err);
}

ln_status ln_builder_finish(ln_builder *builder, ln_error *err, ln_model **out) {
  finish f = {.b = builder, .graph = &builder->model->graphs[0], .arena = &builder->model->arena};
  if (builder->last == NULL || f.graph->op_count == 0) {
    return ln_fail(err, LN_ERR_ARGUMENT, "a model has one input and one layer at least");
  }
  if (builder->output_count == 0) {
    builder->status = LN_OK;
    LN_TRY(ln_builder_output(builder, builder->last->name, err));
    builder->status = LN_ERR_STATE;
  }
  for (int32_t i = 0; i < f.graph->input_count; ++i) {
    for (int32_t k = 0; k < builder->output_count; ++k) {
      if (builder->outputs[k] == f.graph->inputs[i]) {
        return ln_fail(err, LN_ERR_ARGUMENT, "the output \"%.60s\" is an input as it came", builder->output_names[k]);
      }
    }
  }
  if (err != NULL) *err = (ln_error){0};
  const ln_status status = end(&f, err);
  if (status == LN_ERR_MEMORY) return ln_fail(err, status, "out of memory while a model is built");
  if (status != LN_OK) return status;
  return ln_edit_snapshot(builder->model, err, out);
}
