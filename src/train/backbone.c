/*
 * Transfer: any model up to one of its tensors becomes a backbone, and a new head is put behind it. A backbone that is
 * not trained computes the features of each sample once; the head then learns from them alone.
 */
#include <string.h>

#include "train/trainer.h"

/* ---- the graph that is cut ---- */

static void begin_edit(ln_optimizer *o, ln_error *err) {
  *o = (ln_optimizer){.source = o->source, .err = err};
  o->graph = o->source->signature_count > 0 ? o->source->signatures[0].graph : 0;
}

static int32_t find_tensor(const ln_graph *graph, const char *name) {
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    if (strcmp(graph->tensors[i].name, name) == 0 && graph->tensors[i].storage != LN_STORAGE_CONST) return i;
  }
  return -1;
}

/* What the last layer with weights reads. */
static int32_t before_last_layer(const ln_graph *graph) {
  for (int32_t i = graph->op_count - 1; i >= 0; --i) {
    const ln_op *op = &graph->ops[i];
    const uint32_t layer = op->def->flags & LN_OPF_LAYER;
    if (layer == 0 || layer == LN_OPF_LAYER_EMBEDDING || layer == LN_OPF_LAYER_GATHER) continue;
    const int32_t input = op->inputs[layer == LN_OPF_LAYER_TRANSPOSE_CONV ? 2 : 0];
    if (op->input_count > 1 && op->inputs[1] >= 0 && input >= 0) return input;
  }
  return -1;
}

static ln_status find_cut(const ln_optimizer *o, const char *cut, int32_t *out) {
  const ln_graph *graph = ln_optimizer_graph(o);
  ln_layer_notes notes;
  *out = cut == NULL ? before_last_layer(graph) : find_tensor(graph, cut);
  if (*out >= 0) return LN_OK;
  if (cut == NULL) return ln_fail(o->err, LN_ERR_UNSUPPORTED, "the model has no layer to be cut before");
  LN_TRY(ln_layer_notes_read(o->model, ln_optimizer_arena(o), o->err, &notes));
  for (int32_t i = 0; i < notes.count && *out < 0; ++i) {
    const char *output = ln_layer_note_get(&notes.list[i], "output");
    if (output != NULL && strcmp(notes.list[i].name, cut) == 0) *out = find_tensor(graph, output);
  }
  if (*out >= 0) return LN_OK;
  const int32_t last = before_last_layer(graph);
  return ln_fail(o->err, LN_ERR_NOT_FOUND, "the model has no tensor or layer \"%.80s\" to be cut at, as \"%.80s\" is",
                 cut, last < 0 ? "" : graph->tensors[last].name);
}

/* The features in floats. */
static ln_status as_floats(ln_optimizer *o, int32_t *tensor) {
  const ln_tensor t = ln_optimizer_graph(o)->tensors[*tensor];
  if (t.type == LN_FLOAT32) return LN_OK;
  if (t.quant->kind != LN_QUANT_TENSOR && t.type != LN_FLOAT16) {
    return ln_fail(o->err, LN_ERR_TYPE, "tensor \"%s\" holds %s, no features", t.name, ln_type_name(t.type));
  }
  const char *name = ln_arena_printf(ln_optimizer_arena(o), "%.200s/features", t.name);
  const int32_t out = name == NULL ? -1 : ln_edit_add_tensor(o, name, LN_FLOAT32, &t.shape, &ln_quant_none);
  ln_op *op = out < 0 ? NULL : ln_edit_insert_op(o, ln_optimizer_graph(o)->op_count, LN_OP_DEQUANTIZE, 1, 1, NULL);
  if (op == NULL) return ln_optimizer_no_memory(o);
  ln_tensor *made = &ln_optimizer_graph(o)->tensors[out];
  made->signature = t.signature;
  made->has_signature = t.has_signature;
  op->inputs[0] = *tensor;
  op->outputs[0] = *tensor = out;
  return LN_OK;
}

/* The one output; one signature of the same key and inputs, where there was any. */
static ln_status set_output(ln_optimizer *o, int32_t tensor, const char *key) {
  ln_graph *graph = ln_optimizer_graph(o);
  ln_arena *arena = ln_optimizer_arena(o);
  graph->outputs = ln_arena_copy(arena, &tensor, sizeof tensor);
  graph->output_count = 1;
  if (graph->outputs == NULL) return ln_optimizer_no_memory(o);
  if (o->model->signature_count == 0) return LN_OK;
  ln_signature *s = &o->model->signatures[0];
  const char **keys = ln_arena_alloc(arena, sizeof *keys);
  if (keys == NULL || (keys[0] = ln_arena_strdup(arena, key)) == NULL) return ln_optimizer_no_memory(o);
  s->output_keys = keys;
  s->outputs = ln_arena_copy(arena, &tensor, sizeof tensor);
  s->output_count = 1;
  o->model->signature_count = 1;
  return s->outputs == NULL ? ln_optimizer_no_memory(o) : LN_OK;
}

static ln_status end_edit(ln_optimizer *o, ln_model **out) {
  LN_TRY(ln_edit_compact(o->model, o->err));
  return ln_edit_snapshot(o->model, o->err, out);
}

static ln_status cut_at(ln_optimizer *o, const char *cut, ln_model **out) {
  int32_t tensor;
  LN_TRY(find_cut(o, cut, &tensor));
  LN_TRY(as_floats(o, &tensor));
  LN_TRY(set_output(o, tensor, "features"));
  LN_TRY(ln_train_drop_unused(o));
  LN_TRY(ln_train_name_classes(o->model, NULL, 0, o->err));
  return end_edit(o, out);
}

ln_status ln_backbone_cut(const ln_model *model, const char *cut, ln_error *err, ln_model **out) {
  if (out != NULL) *out = NULL;
  if (model == NULL || out == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  ln_optimizer o = {.source = model};
  begin_edit(&o, err);
  LN_TRY(ln_edit_begin(model, err, &o.model));
  const ln_status status = cut_at(&o, cut, out);
  ln_model_destroy(o.model);
  return status;
}

/* ---- a head behind it ---- */

static const ln_graph *graph_of(const ln_model *model) {
  return &model->graphs[model->signature_count > 0 ? model->signatures[0].graph : 0];
}

/* The head's tensors behind the backbone's; its input is the features. `to` [tensor_count] says where each is. */
static ln_status add_tensors(ln_optimizer *o, const ln_graph *head, int32_t features, int32_t *to) {
  ln_arena *arena = ln_optimizer_arena(o);
  const int32_t before = ln_optimizer_graph(o)->tensor_count;
  for (int32_t i = 0; i < head->tensor_count; ++i) {
    ln_tensor tensor = head->tensors[i];
    const ln_graph *graph = ln_optimizer_graph(o);
    bool taken = false;
    for (int32_t k = 0; k < before; ++k) taken = taken || strcmp(graph->tensors[k].name, tensor.name) == 0;
    tensor.name = taken ? ln_arena_printf(arena, "head/%.400s", tensor.name) : ln_arena_strdup(arena, tensor.name);
    to[i] = i == head->inputs[0] ? features : ln_graph_add_tensor(ln_optimizer_graph(o), arena, &tensor);
    if (tensor.name == NULL || to[i] < 0) return ln_optimizer_no_memory(o);
  }
  return LN_OK;
}

static void renumber(const int32_t *to, int32_t *tensors, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    if (tensors[i] >= 0) tensors[i] = to[tensors[i]];
  }
}

static ln_status add_ops(ln_optimizer *o, const ln_graph *head, const int32_t *to) {
  ln_graph *graph = ln_optimizer_graph(o);
  ln_graph *copy = ln_graph_clone(head, ln_optimizer_arena(o));
  ln_op *ops = ln_arena_array(ln_optimizer_arena(o), (size_t)graph->op_count + (size_t)head->op_count, sizeof *ops);
  if (copy == NULL || ops == NULL) return ln_optimizer_no_memory(o);
  memcpy(ops, graph->ops, (size_t)graph->op_count * sizeof *ops);
  for (int32_t i = 0; i < copy->op_count; ++i) {
    ln_op *op = &ops[graph->op_count + i];
    *op = copy->ops[i];
    renumber(to, op->inputs, op->input_count);
    renumber(to, op->outputs, op->output_count);
    op->index = graph->op_count + i;
    op->debug_metadata_index = -1;
  }
  graph->ops = ops;
  graph->op_count += copy->op_count;
  graph->op_capacity = graph->op_count;
  return LN_OK;
}

/* What the notes of both say; a backbone without any is one whose operators tell what its weights are. */
static ln_status join_notes(ln_optimizer *o, const ln_model *head) {
  ln_arena *arena = ln_optimizer_arena(o);
  ln_layer_notes a, b, all = {0};
  LN_TRY(ln_layer_notes_read(o->model, arena, o->err, &a));
  LN_TRY(ln_layer_notes_read(head, arena, o->err, &b));
  all.list = ln_arena_array(arena, (size_t)a.count + (size_t)b.count + 1, sizeof *all.list);
  if (all.list == NULL) return ln_optimizer_no_memory(o);
  if (a.count == 0) all.list[all.count++] = (ln_layer_note){.kind = "Backbone", .name = "backbone"};
  for (int32_t i = 0; i < a.count; ++i) all.list[all.count++] = a.list[i];
  for (int32_t i = 0; i < b.count; ++i) all.list[all.count++] = b.list[i];
  return ln_layer_notes_write(o->model, &all, o->err);
}

static ln_status check_fit(const ln_optimizer *o, const ln_model *head, int32_t features) {
  const ln_graph *graph = graph_of(head);
  const ln_tensor *from = &ln_optimizer_graph(o)->tensors[features];
  const int32_t outputs = head->signature_count > 0 ? head->signatures[0].output_count : graph->output_count;
  if (graph->input_count != 1 || head->graph_count != 1 || outputs < 1) {
    return ln_fail(o->err, LN_ERR_UNSUPPORTED, "a head has one graph, one input and an output");
  }
  const ln_tensor *to = &graph->tensors[graph->inputs[0]];
  bool good = from->type == to->type && from->shape.rank == to->shape.rank;
  for (int32_t i = 1; good && i < to->shape.rank; ++i) {
    good = from->shape.dims[i] == to->shape.dims[i] || from->shape.dims[i] < 0 || to->shape.dims[i] < 0;
  }
  char a[96], b[96];
  if (good) return LN_OK;
  return ln_fail(o->err, LN_ERR_SHAPE, "the head's input \"%s\" takes %s, the backbone gives %s", to->name,
                 ln_shape_format(&to->shape, a, sizeof a), ln_shape_format(&from->shape, b, sizeof b));
}

static ln_status join(ln_optimizer *o, const ln_model *head, ln_model **out) {
  const ln_graph *graph = graph_of(head);
  const int32_t features = ln_optimizer_graph(o)->outputs[0];
  LN_TRY(check_fit(o, head, features));
  int32_t *to = ln_arena_array(ln_optimizer_arena(o), (size_t)graph->tensor_count + 1, sizeof *to);
  if (to == NULL) return ln_optimizer_no_memory(o);
  const int32_t result = head->signature_count > 0 ? head->signatures[0].outputs[0] : graph->outputs[0];
  const char *key = head->signature_count > 0 ? head->signatures[0].output_keys[0] : "output";
  LN_TRY(add_tensors(o, graph, features, to));
  LN_TRY(add_ops(o, graph, to));
  LN_TRY(join_notes(o, head));
  LN_TRY(set_output(o, to[result], key));
  return end_edit(o, out);
}

ln_status ln_backbone_join(const ln_model *backbone, const ln_model *head, ln_error *err, ln_model **out) {
  if (out != NULL) *out = NULL;
  if (backbone == NULL || head == NULL || out == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  ln_optimizer o = {.source = backbone};
  begin_edit(&o, err);
  if (backbone->graphs[o.graph].output_count != 1) {
    return ln_fail(err, LN_ERR_UNSUPPORTED, "a backbone has one output (ln_backbone_cut)");
  }
  LN_TRY(ln_edit_begin(backbone, err, &o.model));
  const ln_status status = join(&o, head, out);
  ln_model_destroy(o.model);
  return status;
}

/* ---- features ---- */

typedef struct worker {
  ln_session *session;
  ln_status status;
  ln_error err;
} worker;

struct ln_features {
  float *values; /* [count, size] */
  size_t size;
  int64_t begin, end; /* of the part in hand */
  int32_t tasks;
  const ln_samples *source;
  worker *workers;
  ln_samples samples;
};

static ln_status compute(struct ln_features *f, worker *w, int64_t index) {
  LN_TRY(f->source->fill(f->source->user, index, w->session, &w->err));
  LN_TRY(ln_session_run(w->session, &w->err));
  const ln_tensor *output = ln_session_output(w->session, 0);
  if (output->type != LN_FLOAT32 || ln_tensor_elements(output) != f->size) {
    return ln_fail(&w->err, LN_ERR_SHAPE, "sample %lld gives another number of features", (long long)index);
  }
  memcpy(f->values + (size_t)index * f->size, output->data, f->size * sizeof *f->values);
  return LN_OK;
}

static void compute_part(void *context, int32_t task, int32_t index) {
  struct ln_features *f = context;
  worker *w = &f->workers[index];
  const int64_t span = f->end - f->begin;
  const int64_t to = f->begin + span * (task + 1) / f->tasks;
  for (int64_t i = f->begin + span * task / f->tasks; w->status == LN_OK && i < to; ++i) w->status = compute(f, w, i);
}

static ln_status fill_features(void *user, int64_t index, ln_session *session, ln_error *err) {
  const struct ln_features *f = user;
  return ln_session_set_input(session, 0, f->values + (size_t)index * f->size, f->size * sizeof *f->values, err);
}

static ln_status open_workers(struct ln_features *f, ln_model *backbone, int32_t threads, ln_error *err) {
  f->workers = ln_alloc_array((size_t)threads, sizeof *f->workers);
  if (f->workers == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory for features");
  for (int32_t i = 0; i < threads; ++i) LN_TRY(ln_session_create(backbone, NULL, err, &f->workers[i].session));
  const ln_tensor *output = ln_session_output(f->workers[0].session, 0);
  size_t all;
  f->size = ln_tensor_elements(output);
  if (output->type != LN_FLOAT32 || f->size == 0 || !ln_size_mul(f->size, (size_t)f->source->count, &all)) {
    return ln_fail(err, LN_ERR_TYPE, "the backbone's output holds no features in floats");
  }
  f->values = ln_alloc_array(all, sizeof *f->values);
  return f->values == NULL ? ln_fail(err, LN_ERR_MEMORY, "out of memory for features") : LN_OK;
}

enum { PART = 64 };

static ln_status compute_all(struct ln_features *f, int32_t threads, ln_progress_fn progress, void *user,
                             ln_error *err) {
  const int64_t count = f->source->count;
  ln_pool *pool = ln_pool_create(threads);
  ln_status status = pool == NULL ? ln_fail(err, LN_ERR_MEMORY, "out of memory for threads") : LN_OK;
  f->tasks = threads;
  for (int64_t at = 0; status == LN_OK && at < count; at += PART) {
    f->begin = at;
    f->end = count - at < PART ? count : at + PART;
    ln_pool_run(pool, threads, compute_part, f);
    for (int32_t i = 0; status == LN_OK && i < threads; ++i) {
      status = f->workers[i].status;
      if (status != LN_OK && err != NULL) *err = f->workers[i].err;
    }
    if (status == LN_OK && progress != NULL && !progress(user, "computing features", f->end, count)) {
      status = ln_fail(err, LN_ERR_CANCELLED, "cancelled by the caller");
    }
  }
  ln_pool_destroy(pool);
  return status;
}

ln_status ln_features_compute(ln_model *backbone, const ln_samples *samples, int32_t threads, ln_progress_fn progress,
                              void *user, ln_error *err, ln_features **out) {
  if (out != NULL) *out = NULL;
  if (backbone == NULL || samples == NULL || out == NULL)
    return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  if (samples->count < 1) return ln_fail(err, LN_ERR_DATA, "there are no samples");
  if (threads < 1) threads = 1;
  struct ln_features *f = ln_alloc_zero(sizeof *f);
  if (f == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory for features");
  f->source = samples;
  ln_status status = open_workers(f, backbone, threads, err);
  if (status == LN_OK) status = compute_all(f, threads, progress, user, err);
  for (int32_t i = 0; f->workers != NULL && i < threads; ++i) ln_session_destroy(f->workers[i].session);
  ln_free(f->workers);
  f->workers = NULL;
  if (status != LN_OK) {
    ln_features_destroy(f);
    return status;
  }
  f->samples = (ln_samples){sizeof f->samples, samples->count, fill_features, f};
  *out = f;
  return LN_OK;
}

const ln_samples *ln_features_samples(const ln_features *features) {
  return features == NULL ? NULL : &features->samples;
}

void ln_features_destroy(ln_features *features) {
  if (features == NULL) return;
  ln_free(features->values);
  ln_free(features);
}
