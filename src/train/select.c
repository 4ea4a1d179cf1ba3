/*
 * Which constants of a graph are weights that can be trained: by the rows of the operators that read them, and where
 * the file says what its layers are (the metadata entry "linnet.layers", docs/builder.md) only those.
 */
#include <string.h>

#include "ops/regex.h"
#include "train/trainer.h"

/* ---- by operators ---- */

typedef enum role { ROLE_NONE, ROLE_WEIGHT, ROLE_VECTOR } role;

typedef struct place {
  uint32_t layer; /* of LN_OPF_LAYER; 0: the operator `code` */
  int16_t code;
  int8_t weight, last_weight, bias; /* inputs; -1: none. The last weight is INT8_MAX: all constants from `weight` on */
  int8_t axis;                      /* of output channels, negative from the end */
} place;

static const place places[] = {
    {LN_OPF_LAYER_CONV, 0, 1, 1, 2, 0},
    {LN_OPF_LAYER_DEPTHWISE, 0, 1, 1, 2, -1},
    {LN_OPF_LAYER_FULLY_CONNECTED, 0, 1, 1, 2, 0},
    {LN_OPF_LAYER_TRANSPOSE_CONV, 0, 1, 1, 3, 0},
    {LN_OPF_LAYER_BATCH_MATMUL, 0, 1, 1, -1, -1},
    {LN_OPF_LAYER_RECURRENT, 0, 1, INT8_MAX, -1, 0},
    {LN_OPF_LAYER_EMBEDDING, 0, 1, 1, -1, 0},
    {LN_OPF_LAYER_GATHER, 0, 0, 0, -1, 0},
    {0, LN_OP_CONV_3D, 1, 1, 2, -1},
    {0, LN_OP_CONV_3D_TRANSPOSE, 1, 1, 3, -2},
    {0, LN_OP_SVDF, 1, 2, 3, 0},
    {0, LN_OP_BIDIRECTIONAL_SEQUENCE_LSTM, 1, INT8_MAX, -1, 0},
    {0, LN_OP_BIDIRECTIONAL_SEQUENCE_RNN, 1, INT8_MAX, -1, 0},
    {0, LN_OP_PRELU, -1, -1, 1, -1},
};

static const place *place_of(const ln_op *op) {
  const uint32_t layer = op->def->flags & LN_OPF_LAYER;
  for (size_t i = 0; i < LN_COUNT(places); ++i) {
    if (layer != 0 ? places[i].layer == layer : places[i].layer == 0 && places[i].code == op->def->code) {
      return &places[i];
    }
  }
  return NULL;
}

typedef struct list {
  ln_optimizer *o;
  const int32_t *producers; /* [tensor_count] */
  ln_layer_notes layers;
  bool rules;                /* operators tell, too: of layers that the file says nothing of */
  ln_regex_matcher *matcher; /* NULL: all */
  ln_param *params;
  int32_t count;
  bool *seen; /* [tensor_count] */
} list;

static const ln_op *producer(const list *l, int32_t tensor) {
  const int32_t at = tensor < 0 ? -1 : l->producers[tensor];
  return at < 0 ? NULL : &ln_optimizer_graph(l->o)->ops[at];
}

/* The constant behind a tensor, through the operators that unpack one; -1: it is computed. */
static int32_t constant_behind(const list *l, int32_t tensor) {
  for (int32_t i = 0; i < 3 && tensor >= 0; ++i) {
    if (ln_tensor_const_data(&ln_optimizer_graph(l->o)->tensors[tensor])) return tensor;
    const ln_op *op = producer(l, tensor);
    if (op == NULL || (op->def->code != LN_OP_DEQUANTIZE && op->def->code != LN_OP_DENSIFY)) return -1;
    tensor = op->inputs[0];
  }
  return -1;
}

/* Element by element after a layer: where a scale or a shift of channels is one that was learned. */
static bool follows_layer(const list *l, int32_t tensor) {
  for (int32_t i = 0; i < 8; ++i) {
    const ln_op *op = producer(l, tensor);
    if (op == NULL) return false;
    if (place_of(op) != NULL) return true;
    if ((op->def->flags & LN_OPF_IN_PLACE) == 0 || op->input_count == 0) return false;
    tensor = op->inputs[constant_behind(l, op->inputs[0]) >= 0 && op->input_count > 1 ? 1 : 0];
  }
  return false;
}

static bool is_channel_vector(const list *l, const ln_op *op, int32_t index, const ln_tensor *tensor) {
  const ln_graph *graph = ln_optimizer_graph(l->o);
  const int32_t code = op->def->code;
  if ((code != LN_OP_MUL && code != LN_OP_ADD && code != LN_OP_SUB) || tensor->shape.rank == 0) return false;
  const ln_shape *out = &graph->tensors[op->outputs[0]].shape;
  const int32_t channels = tensor->shape.dims[tensor->shape.rank - 1];
  size_t elements = 0;
  return out->rank > 1 && channels > 1 && channels == out->dims[out->rank - 1] &&
         ln_shape_elements(&tensor->shape, &elements) && elements == (size_t)channels &&
         follows_layer(l, op->inputs[1 - index]);
}

static role role_of(const list *l, const ln_op *op, int32_t index, const ln_tensor *tensor, int32_t *axis) {
  const place *p = place_of(op);
  const int32_t rank = tensor->shape.rank;
  *axis = rank - 1;
  if (p == NULL) return is_channel_vector(l, op, index, tensor) ? ROLE_VECTOR : ROLE_NONE;
  if (index == p->bias) return ROLE_VECTOR;
  if (index < p->weight || p->weight < 0 || index > p->last_weight) return ROLE_NONE;
  if (rank < 2) return p->last_weight == INT8_MAX && rank == 1 ? ROLE_VECTOR : ROLE_NONE;
  *axis = p->axis < 0 ? rank + p->axis : p->axis;
  if (p->layer == LN_OPF_LAYER_BATCH_MATMUL && ((const ln_batch_mat_mul_options *)op->options)->adj_y) *axis = rank - 2;
  if (p->layer == LN_OPF_LAYER_GATHER) {
    const ln_gather_options *options = op->options;
    if (options->axis != 0 || options->batch_dims != 0) return ROLE_NONE;
  }
  return ROLE_WEIGHT;
}

/* ---- by what the file says ---- */

static bool is_fixed(const ln_layer_note *note, const char *key) {
  const char *flag = strcmp(key, "beta") == 0 ? "center" : strcmp(key, "gamma") == 0 ? "scale" : "";
  const char *value = ln_layer_note_get(note, flag);
  return value != NULL && strcmp(value, "false") == 0;
}

/* The layer that lists the weight; NULL: none, or one that keeps it as it is. */
static const char *layer_of(const list *l, const char *name) {
  for (int32_t i = 0; i < l->layers.count; ++i) {
    const ln_layer_note *note = &l->layers.list[i];
    for (int32_t k = 0; k < note->count; ++k) {
      if (strcmp(note->values[k], name) != 0 || strcmp(note->keys[k], "output") == 0) continue;
      return is_fixed(note, note->keys[k]) || strcmp(note->keys[k], "kept") == 0 ? NULL : note->name;
    }
  }
  return NULL;
}

/* ---- choosing ---- */

static bool matches(const list *l, const char *text) {
  return text != NULL && ln_regex_search(l->matcher, (ln_span){text, strlen(text)}, 0, NULL);
}

static bool holds_numbers(const ln_tensor *tensor) {
  switch (tensor->type) {
    case LN_FLOAT32:
    case LN_FLOAT16:
    case LN_BFLOAT16: return true;
    case LN_INT4:
    case LN_INT2:
    case LN_UINT4:
    case LN_INT8:
    case LN_UINT8:
    case LN_INT16:
    case LN_INT32:
    case LN_INT64: return tensor->quant->kind != LN_QUANT_NONE && tensor->quant->kind != LN_QUANT_CUSTOM;
    default: return false;
  }
}

static void consider(list *l, int32_t at, int32_t index) {
  const ln_graph *graph = ln_optimizer_graph(l->o);
  const ln_op *op = &graph->ops[at];
  const int32_t constant = constant_behind(l, op->inputs[index]);
  if (constant < 0 || l->seen[constant] || !holds_numbers(&graph->tensors[constant])) return;
  const ln_tensor *tensor = &graph->tensors[constant];
  ln_param p = {.name = tensor->name, .tensor = constant, .op = at, .shape = tensor->shape};
  if (!ln_shape_elements(&p.shape, &p.count) || p.count == 0) return;
  const role part = role_of(l, op, index, tensor, &p.axis);
  const char *own = op->output_count > 0 ? graph->tensors[op->outputs[0]].name : "";
  p.layer = layer_of(l, tensor->name);
  if (p.layer == NULL && (part == ROLE_NONE || !l->rules)) return;
  if (p.layer == NULL) p.layer = own;
  if (l->matcher != NULL && !matches(l, p.name) && !matches(l, p.layer) && !matches(l, own)) return;
  p.is_weight = part == ROLE_WEIGHT;
  l->seen[constant] = true;
  l->params[l->count++] = p;
}

static bool is_unpacking(const ln_op *op) {
  return op->def->code == LN_OP_DEQUANTIZE || op->def->code == LN_OP_DENSIFY;
}

static ln_status collect(list *l) {
  const ln_graph *graph = ln_optimizer_graph(l->o);
  ln_arena *arena = ln_optimizer_arena(l->o);
  l->producers = ln_graph_producers(graph, arena);
  l->seen = ln_arena_array(arena, (size_t)graph->tensor_count + 1, sizeof *l->seen);
  l->params = ln_arena_array(arena, (size_t)graph->tensor_count + 1, sizeof *l->params);
  l->count = 0;
  if (l->producers == NULL || l->seen == NULL || l->params == NULL) return ln_optimizer_no_memory(l->o);
  for (int32_t i = 0; i < graph->op_count; ++i) {
    for (int32_t k = 0; k < graph->ops[i].input_count && !is_unpacking(&graph->ops[i]); ++k) consider(l, i, k);
  }
  return LN_OK;
}

/* ---- floats ---- */

/* Whether what the operator works on is in integers, so that a float weight alone would not do. */
static bool in_integers(const ln_graph *graph, const ln_op *op) {
  if (op->output_count == 0) return false;
  const ln_tensor *out = &graph->tensors[op->outputs[0]];
  return out->quant->kind != LN_QUANT_NONE && out->type != LN_FLOAT32;
}

/* Readers of what unpacks the weight read the weight. */
static void read_directly(list *l, int32_t tensor) {
  ln_graph *graph = ln_optimizer_graph(l->o);
  for (int32_t i = 0; i < graph->op_count; ++i) {
    ln_op *op = &graph->ops[i];
    for (int32_t k = 0; k < op->input_count && !is_unpacking(op); ++k) {
      if (constant_behind(l, op->inputs[k]) == tensor) op->inputs[k] = tensor;
    }
  }
}

static ln_status make_floats(list *l) {
  ln_graph *graph = ln_optimizer_graph(l->o);
  bool any = false;
  for (int32_t i = 0; i < l->count; ++i) {
    const int32_t tensor = l->params[i].tensor;
    const ln_tensor *t = &graph->tensors[tensor];
    if (t->type == LN_FLOAT32 && t->sparsity == NULL && t->codebook == NULL) continue;
    LN_TRY(ln_train_make_float(l->o, tensor));
    read_directly(l, tensor);
    any = true;
  }
  if (!any) return LN_OK;
  LN_TRY(ln_train_drop_unused(l->o));
  ln_edit_refresh_versions(graph);
  return collect(l); /* operators have moved */
}

static ln_status list_all(list *l) {
  const ln_graph *graph = ln_optimizer_graph(l->o);
  LN_TRY(ln_layer_notes_read(l->o->model, ln_optimizer_arena(l->o), l->o->err, &l->layers));
  l->rules = l->layers.count == 0;
  for (int32_t i = 0; i < l->layers.count; ++i) {
    l->rules = l->rules || strcmp(l->layers.list[i].kind, "Backbone") == 0;
  }
  LN_TRY(collect(l));
  bool integers = false;
  for (int32_t i = 0; i < l->count; ++i) integers = integers || in_integers(graph, &graph->ops[l->params[i].op]);
  if (integers) {
    LN_TRY(ln_train_dequantize(l->o));
    LN_TRY(collect(l));
  }
  return make_floats(l);
}

ln_status ln_train_list(ln_optimizer *o, const char *regex, ln_param **out, int32_t *count) {
  list l = {.o = o};
  ln_regex *compiled = NULL;
  const bool all = regex == NULL || regex[0] == 0;
  *out = NULL;
  *count = 0;
  if (!all) {
    LN_TRY(ln_regex_compile((ln_span){regex, strlen(regex)}, o->err, &compiled));
    l.matcher = ln_regex_matcher_create(compiled, 0);
  }
  ln_status status = all || l.matcher != NULL ? list_all(&l) : ln_optimizer_no_memory(o);
  ln_regex_matcher_destroy(l.matcher);
  ln_regex_destroy(compiled);
  if (status == LN_OK && l.count == 0) {
    status = all ? ln_fail(o->err, LN_ERR_UNSUPPORTED, "the model has no weights that can be trained")
                 : ln_fail(o->err, LN_ERR_NOT_FOUND, "no weight that can be trained fits \"%.80s\"", regex);
  }
  if (status != LN_OK) return status;
  *out = l.params;
  *count = l.count;
  return LN_OK;
}
