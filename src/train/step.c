/*
 * The graph of a step: the model's, at the batch, with what is trained as inputs, a loss behind it, and gradients.
 * Forms and layers that train otherwise than they run change it on the way.
 */
#include <stdio.h>
#include <string.h>

#include "train/trainer.h"

struct ln_step_extra {
  ln_step_extra *next;
  bool is_input;
  int32_t tensor; /* of the graph */
  int32_t index;  /* of the session's inputs or outputs */
  ln_step_fill_fn *fill;
  ln_step_take_fn *take;
  void *user;
};

typedef struct ln_step_making {
  ln_step *step;
  ln_optimizer o; /* an edit of the trainer's model */
  ln_step_extra *last;
  int32_t target, weights; /* tensors */
  int32_t loss, losses;    /* tensors */
  int32_t *gradients;      /* [param_count] */
  int32_t forward_ops;     /* up to the loss */
  ln_status status;        /* of what rewriting added */
} making;

static ln_status no_memory(const ln_trainer *t) {
  return ln_fail(t->err, LN_ERR_MEMORY, "out of memory for a step of training");
}

/* ---- what rewriting adds ---- */

static bool add_extra(ln_trainer *t, const ln_step_extra *extra) {
  making *m = t->making;
  ln_step_extra *e = ln_arena_copy(&t->arena, extra, sizeof *extra);
  if (e == NULL) {
    m->status = no_memory(t);
    return false;
  }
  if (m->last == NULL) m->step->extras = e;
  else m->last->next = e;
  m->last = e;
  return true;
}

static int32_t add_tensor(making *m, const char *name, ln_type type, const ln_shape *shape) {
  const int32_t tensor = ln_edit_add_tensor(&m->o, name, type, shape, &ln_quant_none);
  if (tensor < 0 && m->status == LN_OK) m->status = ln_optimizer_no_memory(&m->o);
  return tensor;
}

int32_t ln_step_add_input(ln_trainer *t, ln_grad *g, const char *name, const ln_shape *shape, ln_step_fill_fn *fill,
                          void *user) {
  if (g->status != LN_OK) return -1;
  const ln_step_extra extra = {
      .is_input = true, .tensor = add_tensor(t->making, name, LN_FLOAT32, shape), .fill = fill, .user = user};
  if (extra.tensor < 0 || !add_extra(t, &extra)) ln_grad_fail_memory(g);
  return extra.tensor;
}

ln_status ln_step_add_output(ln_trainer *t, ln_grad *g, int32_t tensor, ln_step_take_fn *take, void *user) {
  if (g->status != LN_OK) return g->status;
  const ln_step_extra extra = {.tensor = tensor, .take = take, .user = user};
  if (!add_extra(t, &extra)) ln_grad_fail_memory(g);
  return g->status;
}

int32_t ln_step_add_param(ln_trainer *t, ln_grad *g, const char *name, const ln_shape *shape, const float *first,
                          ln_param **out) {
  if (g->status != LN_OK) return -1;
  ln_param *found = NULL;
  for (int32_t i = 0; i < t->param_count && found == NULL; ++i) {
    if (t->params[i]->tensor < 0 && strcmp(t->params[i]->name, name) == 0) found = t->params[i];
  }
  if (found == NULL) {
    ln_param param = {.name = ln_arena_strdup(&t->arena, name), .layer = "", .tensor = -1, .op = -1, .axis = -1};
    param.shape = *shape;
    if (param.name == NULL || !ln_shape_elements(shape, &param.count) ||
        ln_trainer_add_param(t, &param, first) != LN_OK) {
      ln_grad_fail_memory(g);
      return -1;
    }
    found = t->params[t->param_count - 1];
  }
  found->step_tensor = add_tensor(t->making, name, LN_FLOAT32, shape);
  if (found->step_tensor < 0) ln_grad_fail_memory(g);
  if (out != NULL) *out = found;
  return found->step_tensor;
}

/* ---- the graph ---- */

/* What was a constant becomes an input. */
static void open_params(const ln_trainer *t, making *m) {
  ln_graph *graph = ln_optimizer_graph(&m->o);
  for (int32_t i = 0; i < t->param_count; ++i) {
    ln_param *p = t->params[i];
    p->step_tensor = p->tensor;
    if (p->tensor < 0) continue;
    ln_tensor *tensor = &graph->tensors[p->tensor];
    tensor->storage = LN_STORAGE_NONE;
    tensor->data = NULL;
    tensor->bytes = 0;
    tensor->buffer = 0;
    tensor->is_variable = false;
  }
}

static ln_status rewrite(ln_trainer *t, ln_grad *g, bool training) {
  LN_TRY(ln_train_layers_rewrite(t, g, training));
  for (int32_t i = 0; i < t->form_count; ++i) {
    if (t->forms[i].def->rewrite == NULL) continue;
    LN_TRY(t->forms[i].def->rewrite(t, t->forms[i].state, g, training));
    LN_TRY(g->status);
  }
  return t->making->status;
}

/* Shape of what is to be learned; the prediction's last dimension holds classes. */
static ln_shape target_shape(const ln_trainer *t, const ln_shape *prediction) {
  ln_shape shape = *prediction;
  if (t->loss->target == LN_TARGET_CLASS && shape.rank > 1) --shape.rank;
  return shape;
}

static ln_status add_loss(ln_trainer *t, making *m, ln_grad *g, bool training) {
  const ln_shape prediction = *ln_grad_shape(g, t->prediction);
  const ln_shape target = target_shape(t, &prediction), batch = {.rank = 1, .dims = {m->step->batch}};
  if (prediction.rank < 1 || prediction.dims[0] != m->step->batch) {
    return ln_fail(t->err, LN_ERR_SHAPE, "the output '%s' has no dimension of samples",
                   ln_optimizer_graph(&m->o)->tensors[t->prediction].name);
  }
  m->target = add_tensor(m, "training/target", t->loss->target == LN_TARGET_CLASS ? LN_INT32 : LN_FLOAT32, &target);
  m->weights = add_tensor(m, "training/weights", LN_FLOAT32, &batch);
  LN_TRY(m->status);
  m->losses = t->loss->emit(g, t->settings, t->loss->parameters, ln_grad_value(g, t->prediction), m->target);
  LN_TRY(g->status);
  if (training) LN_TRY(ln_teacher_add_loss(t, g, &m->losses));
  m->loss = ln_grad_reshape_dims(g, ln_grad_sum(g, ln_grad_mul(g, m->losses, m->weights), 1), 0, NULL);
  return g->status;
}

/* Each gradient a tensor of its own, that no one else is. */
static ln_status add_gradients(ln_trainer *t, making *m, ln_grad *g) {
  int32_t *tensors = ln_arena_array(&t->arena, (size_t)t->param_count + 1, sizeof *tensors);
  m->gradients = ln_arena_array(&t->arena, (size_t)t->param_count + 1, sizeof *m->gradients);
  if (tensors == NULL || m->gradients == NULL) return no_memory(t);
  for (int32_t i = 0; i < t->param_count; ++i) tensors[i] = t->params[i]->step_tensor;
  m->forward_ops = ln_optimizer_graph(&m->o)->op_count;
  LN_TRY(ln_grad_build_fast(&m->o, m->loss, tensors, t->param_count, m->gradients));
  for (int32_t i = 0; i < t->param_count; ++i) {
    bool shared = m->gradients[i] < 0;
    for (int32_t k = 0; k < i; ++k) shared = shared || m->gradients[k] == m->gradients[i];
    if (m->gradients[i] < 0) m->gradients[i] = ln_grad_zeros(g, &t->params[i]->shape);
    if (shared) m->gradients[i] = ln_grad_binary(g, LN_OP_ADD, m->gradients[i], ln_grad_scalar(g, 0));
  }
  return g->status;
}

/* ---- inputs, outputs and the session ---- */

static int32_t count_extras(const ln_step *step, bool inputs) {
  int32_t count = 0;
  for (const ln_step_extra *e = step->extras; e != NULL; e = e->next) count += e->is_input == inputs;
  return count;
}

static void number_extras(ln_step *step, int32_t *tensors, int32_t *inputs, int32_t *outputs, bool give_inputs) {
  for (ln_step_extra *e = step->extras; e != NULL; e = e->next) {
    if (e->is_input != give_inputs) continue;
    e->index = e->is_input ? (*inputs)++ : (*outputs)++;
    tensors[e->index] = e->tensor;
  }
}

/* The one signature; keys in the order of the tensors. */
static ln_status sign(ln_trainer *t, making *m, int32_t *inputs, int32_t input_count, int32_t *outputs,
                      int32_t output_count) {
  ln_model *model = m->o.model;
  ln_graph *graph = ln_optimizer_graph(&m->o);
  ln_signature *s = ln_arena_alloc(&model->arena, sizeof *s);
  const char **keys = ln_arena_array(&model->arena, (size_t)(input_count + output_count), sizeof *keys);
  if (s == NULL || keys == NULL) return no_memory(t);
  for (int32_t i = 0; i < input_count + output_count; ++i) {
    keys[i] = ln_arena_printf(&model->arena, "%08d", (int)i);
    if (keys[i] == NULL) return no_memory(t);
  }
  *s = (ln_signature){.key = "step", .graph = m->o.graph};
  s->input_keys = keys;
  s->output_keys = keys + input_count;
  s->inputs = graph->inputs = inputs;
  s->outputs = graph->outputs = outputs;
  s->input_count = graph->input_count = input_count;
  s->output_count = graph->output_count = output_count;
  model->signatures = s;
  model->signature_count = 1;
  model->metadata_count = 0;
  return LN_OK;
}

static ln_status list_ends(ln_trainer *t, making *m) {
  ln_step *step = m->step;
  const bool training = m->gradients != NULL;
  const int32_t in_count = step->input_count + 2 + t->param_count + count_extras(step, true);
  const int32_t out_count = LN_STEP_OUTPUTS + (training ? t->param_count : 0) + count_extras(step, false);
  int32_t *in = ln_arena_array(&m->o.model->arena, (size_t)in_count, sizeof *in);
  int32_t *out = ln_arena_array(&m->o.model->arena, (size_t)out_count, sizeof *out);
  if (in == NULL || out == NULL) return no_memory(t);
  int32_t ins = 0, outs = 0;
  for (; ins < step->input_count; ++ins) in[ins] = t->inputs[ins];
  in[ins++] = m->target;
  in[ins++] = m->weights;
  for (int32_t i = 0; i < t->param_count; ++i) in[ins++] = t->params[i]->step_tensor;
  out[outs++] = m->loss;
  out[outs++] = m->losses;
  out[outs++] = t->output;
  for (int32_t i = 0; training && i < t->param_count; ++i) out[outs++] = m->gradients[i];
  number_extras(step, in, &ins, &outs, true);
  number_extras(step, out, &ins, &outs, false);
  return sign(t, m, in, in_count, out, out_count);
}

static ln_status bind(ln_trainer *t, ln_step *step, bool training) {
  for (int32_t i = 0; i < t->param_count; ++i) {
    const ln_param *p = t->params[i];
    const int32_t input = step->input_count + 2 + i;
    LN_TRY(ln_session_bind_input(step->session, input, p->used, p->count * sizeof(float), t->err));
    if (!training) continue;
    LN_TRY(ln_session_bind_output(step->session, LN_STEP_OUTPUTS + i, p->gradient, p->count * sizeof(float), t->err));
  }
  return ln_session_prepare(step->session, t->err);
}

static ln_status open_session(ln_trainer *t, making *m) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = (int32_t)ln_setting_int(t->settings, ln_train_parameters, "threads");
  options.prepare_later = true;
  LN_TRY(ln_grad_snapshot(m->o.model, t->err, &m->step->model));
  return ln_session_create(m->step->model, &options, t->err, &m->step->session);
}

/* Values that do not fit the limit are computed again. */
static ln_status limit_memory(ln_trainer *t, making *m) {
  const int64_t limit = ln_setting_int(t->settings, ln_train_parameters, "memory_limit");
  const int32_t threads = (int32_t)ln_setting_int(t->settings, ln_train_parameters, "threads");
  return limit > 0 ? ln_grad_recompute(&m->o, m->forward_ops, threads, (size_t)limit) : LN_OK;
}

static ln_status make(ln_trainer *t, making *m, bool training) {
  LN_TRY(ln_train_rebatch(&m->o, m->step->batch));
  open_params(t, m);
  ln_grad g = {.o = &m->o};
  LN_TRY(rewrite(t, &g, training));
  LN_TRY(add_loss(t, m, &g, training));
  if (training) LN_TRY(add_gradients(t, m, &g));
  LN_TRY(list_ends(t, m));
  if (training) LN_TRY(limit_memory(t, m));
  LN_TRY(open_session(t, m));
  return bind(t, m->step, training);
}

ln_status ln_step_make(ln_trainer *t, int32_t batch, bool training, ln_step *step) {
  making m = {.step = step, .o = t->o};
  *step = (ln_step){.batch = batch, .input_count = t->input_count};
  m.o.err = t->err;
  LN_TRY(ln_edit_begin(t->o.model, t->err, &m.o.model));
  t->making = &m;
  const ln_status status = make(t, &m, training);
  t->making = NULL;
  ln_model_destroy(m.o.model);
  if (status != LN_OK) ln_step_destroy(step);
  return status;
}

void ln_step_destroy(ln_step *step) {
  ln_session_destroy(step->session);
  ln_model_destroy(step->model);
  *step = (ln_step){0};
}

/* ---- running ---- */

void *ln_step_target(const ln_step *step) { return ln_session_input(step->session, step->input_count)->data; }

float *ln_step_weights(const ln_step *step) { return ln_session_input(step->session, step->input_count + 1)->data; }

const float *ln_step_output(const ln_step *step, int32_t output, size_t *count) {
  const ln_tensor *tensor = ln_session_output(step->session, output);
  if (count != NULL) *count = ln_tensor_elements(tensor);
  return ln_tensor_data(tensor);
}

ln_status ln_step_run(ln_trainer *t, ln_step *step) {
  for (const ln_step_extra *e = step->extras; e != NULL; e = e->next) {
    if (!e->is_input) continue;
    ln_tensor *tensor = ln_session_input(step->session, e->index);
    e->fill(t, e->user, tensor->data, ln_tensor_elements(tensor));
  }
  LN_TRY(ln_session_run(step->session, t->err));
  for (const ln_step_extra *e = step->extras; e != NULL; e = e->next) {
    size_t count = 0;
    if (e->is_input) continue;
    const float *values = ln_step_output(step, e->index, &count);
    e->take(t, e->user, values, count);
  }
  return LN_OK;
}
