/*
 * Distillation (Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015): the loss is in part
 * how far the predictions are from a teacher's on the same batch, as probabilities softened by a temperature; of a loss
 * that is not of classes, the mean squared distance.
 */
#include <math.h>
#include <string.h>

#include "train/trainer.h"

struct ln_teaching {
  ln_optimizer o;
  ln_model *model; /* of the batch's size */
  ln_session *session;
  bool softmax;       /* classes: what is compared are probabilities */
  bool probabilities; /* what the teacher gives are, else logits */
  float *target;      /* [batch, classes] what is learned of the batch in hand */
  size_t count;
};

static double option(const ln_trainer *t, const char *name) {
  return ln_setting_number(t->settings, ln_train_parameters, name);
}

/* A session's output is what a SOFTMAX of floats reads, where the teacher ends with one: logits say more. */
static void find_logits(struct ln_teaching *x) {
  ln_graph *graph = ln_optimizer_graph(&x->o);
  ln_signature *s = x->o.model->signature_count > 0 ? &x->o.model->signatures[0] : NULL;
  int32_t *output = s != NULL ? &s->outputs[0] : &graph->outputs[0];
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (op->output_count != 1 || op->def->code != LN_OP_SOFTMAX) continue;
    x->probabilities = true; /* behind a DEQUANTIZE, too */
    if (op->outputs[0] != *output || graph->tensors[op->inputs[0]].type != LN_FLOAT32) continue;
    for (int32_t k = 0; k < graph->output_count; ++k) {
      if (graph->outputs[k] == op->outputs[0]) graph->outputs[k] = op->inputs[0];
    }
    *output = op->inputs[0];
    x->probabilities = false;
    return;
  }
}

static ln_status open_teacher(ln_trainer *t, struct ln_teaching *x, int32_t batch) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = (int32_t)ln_setting_int(t->settings, ln_train_parameters, "threads");
  x->o = (ln_optimizer){.source = t->teacher, .options = &t->no_options, .stage = "train", .err = t->err};
  LN_TRY(ln_edit_begin(t->teacher, t->err, &x->o.model));
  if (x->o.model->signature_count > 0) x->o.graph = x->o.model->signatures[0].graph;
  x->softmax = t->loss->absorbs == LN_OP_SOFTMAX;
  if (x->softmax) find_logits(x);
  LN_TRY(ln_train_rebatch(&x->o, batch));
  LN_TRY(ln_edit_snapshot(x->o.model, t->err, &x->model));
  LN_TRY(ln_session_create(x->model, &options, t->err, &x->session));
  if (ln_session_input_count(x->session) != t->input_count) {
    return ln_fail(t->err, LN_ERR_DATA, "it has %d inputs, and the model %d", (int)ln_session_input_count(x->session),
                   (int)t->input_count);
  }
  x->count = ln_tensor_elements(ln_session_output(x->session, 0));
  x->target = ln_alloc_array(x->count, sizeof *x->target);
  return x->target == NULL ? ln_fail(t->err, LN_ERR_MEMORY, "out of memory for a teacher") : LN_OK;
}

ln_status ln_teacher_begin(ln_trainer *t) {
  if (t->teacher == NULL) return LN_OK;
  t->teaching = ln_alloc_zero(sizeof *t->teaching);
  return t->teaching == NULL ? ln_fail(t->err, LN_ERR_MEMORY, "out of memory for a teacher") : LN_OK;
}

void ln_teacher_destroy(ln_trainer *t) {
  struct ln_teaching *x = t->teaching;
  if (x == NULL) return;
  ln_session_destroy(x->session);
  ln_model_destroy(x->model);
  ln_model_destroy(x->o.model);
  ln_free(x->target);
  ln_free(x);
  t->teaching = NULL;
}

/* ---- the loss ---- */

static void fill(ln_trainer *t, void *user, float *values, size_t count) {
  (void)user;
  memcpy(values, t->teaching->target, count * sizeof *values);
}

/* -T^2 sum(teacher * log softmax(prediction / T)): the gradient's size does not hang on T. */
static int32_t soft_loss(ln_grad *g, int32_t prediction, int32_t target, float temperature) {
  const ln_shape shape = *ln_grad_shape(g, prediction);
  const int32_t logs = ln_grad_unary(g, LN_OP_LOG_SOFTMAX, ln_grad_scale(g, prediction, 1 / temperature));
  const int32_t dims[2] = {shape.dims[0], ln_grad_span(g, &shape, 1, shape.rank)};
  const int32_t products = ln_grad_reshape_dims(g, ln_grad_mul(g, logs, target), 2, dims);
  const int32_t sums = ln_grad_reshape_dims(g, ln_grad_sum(g, products, 2), 1, dims);
  return ln_grad_scale(g, sums, -temperature * temperature);
}

static int32_t square_loss(ln_grad *g, int32_t prediction, int32_t target) {
  const ln_shape shape = *ln_grad_shape(g, prediction);
  const int32_t dims[2] = {shape.dims[0], ln_grad_span(g, &shape, 1, shape.rank)};
  const int32_t apart = ln_grad_binary(g, LN_OP_SQUARED_DIFFERENCE, prediction, target);
  const int32_t sums = ln_grad_sum(g, ln_grad_reshape_dims(g, apart, 2, dims), 2);
  return ln_grad_scale(g, ln_grad_reshape_dims(g, sums, 1, dims), 1 / (float)(dims[1] > 0 ? dims[1] : 1));
}

ln_status ln_teacher_add_loss(ln_trainer *t, ln_grad *g, int32_t *losses) {
  struct ln_teaching *x = t->teaching;
  if (x == NULL) return LN_OK;
  const int32_t prediction = ln_grad_value(g, t->prediction);
  const ln_shape shape = *ln_grad_shape(g, prediction);
  size_t count = 0;
  ln_status status = open_teacher(t, x, shape.dims[0]);
  if (status == LN_OK && (!ln_shape_elements(&shape, &count) || count != x->count)) {
    status = ln_fail(t->err, LN_ERR_SHAPE, "it gives %zu values for a batch, and the model %zu", x->count, count);
  }
  if (status != LN_OK) {
    ln_error_prefix(t->err, "the teacher");
    return status;
  }
  const int32_t target = ln_step_add_input(t, g, "training/teacher", &shape, fill, NULL);
  const int32_t learned = x->softmax ? soft_loss(g, prediction, target, (float)option(t, "teacher_temperature"))
                                     : square_loss(g, prediction, target);
  const float share = (float)option(t, "teacher_weight");
  *losses = ln_grad_binary(g, LN_OP_ADD, ln_grad_scale(g, *losses, 1 - share), ln_grad_scale(g, learned, share));
  return g->status;
}

/* ---- a batch ---- */

/* Softmax of a row at a temperature; of probabilities by their logarithms. */
static void soften(float *row, size_t count, double temperature, bool probabilities) {
  double most = -INFINITY, sum = 0;
  for (size_t i = 0; i < count; ++i) {
    const double value = probabilities ? log(fmax((double)row[i], 1e-7)) : (double)row[i];
    row[i] = (float)(value / temperature);
    most = fmax(most, (double)row[i]);
  }
  for (size_t i = 0; i < count; ++i) sum += exp((double)row[i] - most);
  for (size_t i = 0; i < count; ++i) row[i] = (float)(exp((double)row[i] - most) / sum);
}

ln_status ln_teacher_run(ln_trainer *t, const ln_step *step) {
  struct ln_teaching *x = t->teaching;
  if (x == NULL) return LN_OK;
  for (int32_t i = 0; i < t->input_count; ++i) {
    const ln_tensor *input = ln_session_input(step->session, i);
    const ln_status status = ln_session_set_input(x->session, i, ln_tensor_data(input), ln_tensor_bytes(input), t->err);
    if (status != LN_OK) {
      ln_error_prefix(t->err, "the teacher");
      return status;
    }
  }
  LN_TRY(ln_session_run(x->session, t->err));
  const ln_tensor *output = ln_session_output(x->session, 0);
  LN_TRY(ln_tensor_copy_to_f32(output, x->target, x->count, t->err));
  const size_t classes = output->shape.rank > 0 ? (size_t)output->shape.dims[output->shape.rank - 1] : 1;
  for (size_t at = 0; x->softmax && classes > 0 && at < x->count; at += classes) {
    soften(x->target + at, classes, option(t, "teacher_temperature"), x->probabilities);
  }
  return LN_OK;
}
