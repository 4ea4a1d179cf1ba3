/*
 * Every float model of shared/models is differentiated end to end by all its float weights, those that stand as
 * float16, bytes, sparse or by table among them. Skips (77) without the models.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "linnet/linnet.h"
#include "support/unit.h"
#include "train/train.h"

#define MODELS LN_SHARED_DIR "/models"

/* Not integers through and through, and something to learn. */
static bool is_float(const ln_graph *graph) {
  bool out = false, weights = false;
  for (int32_t i = 0; i < graph->output_count; ++i) out = out || graph->tensors[graph->outputs[i]].type == LN_FLOAT32;
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    const ln_tensor *t = &graph->tensors[i];
    const bool real = t->type == LN_FLOAT32 || t->type == LN_FLOAT16;
    weights = weights || (real && ln_tensor_const_data(t) && t->shape.rank > 0);
  }
  return out && weights;
}

/* Zeros, which are indices too; false where an input takes strings. */
static bool fill(ln_session *session) {
  for (int32_t i = 0; i < ln_session_input_count(session); ++i) {
    ln_tensor *input = ln_session_input(session, i);
    if (ln_tensor_type(input) == LN_STRING) return false;
    void *zeros = calloc(1, ln_tensor_bytes(input) + 1);
    const ln_status status = ln_session_set_input(session, i, zeros, ln_tensor_bytes(input), NULL);
    free(zeros);
    if (status != LN_OK) return false;
  }
  return true;
}

/* Constants with numbers that operators multiply, add or look up. */
static int32_t weights_of(const ln_graph *graph, int32_t **out) {
  int32_t count = 0;
  *out = calloc((size_t)graph->tensor_count + 1, sizeof **out);
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    const ln_tensor *t = &graph->tensors[i];
    const bool numbers = t->type == LN_FLOAT32 || t->type == LN_FLOAT16 || t->quant->kind != LN_QUANT_NONE;
    if (ln_tensor_const_data(t) && numbers && t->shape.rank > 0) (*out)[count++] = i;
  }
  return count;
}

static int32_t loss_of(ln_grad *g) {
  const ln_graph *graph = ln_optimizer_graph(g->o);
  const int32_t count = graph->output_count, *outputs = graph->outputs;
  int32_t total = -1;
  for (int32_t i = 0; i < count; ++i) {
    const ln_tensor *tensor = &ln_optimizer_graph(g->o)->tensors[outputs[i]];
    if (tensor->type != LN_FLOAT32 || !ln_shape_known(&tensor->shape)) continue;
    const ln_shape shape = tensor->shape;
    const int32_t flat = ln_grad_span(g, &shape, 0, shape.rank);
    int32_t y = ln_grad_reshape_dims(g, outputs[i], 1, &flat);
    y = ln_grad_reshape_dims(g, ln_grad_sum(g, ln_grad_mul(g, y, y), 1), 0, NULL);
    total = total < 0 ? y : ln_grad_binary(g, LN_OP_ADD, total, y);
  }
  return total;
}

static void differentiate(ln_model *model, const char *name, int *good, int *bad) {
  ln_error err = {0};
  ln_session *session = NULL;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_optimizer o = {.source = model, .err = &err};
  int32_t *weights = NULL, *gradients = NULL, count = 0, given = 0;
  options.keep_all_tensors = options.first_graph = true;
  ln_status status = ln_session_create(model, &options, &err, &session);
  if (status == LN_OK && !fill(session)) {
    printf("%-48s takes strings\n", name);
    ln_session_destroy(session);
    return;
  }
  if (status == LN_OK) status = ln_session_run(session, &err);
  if (status == LN_OK) status = ln_edit_begin(model, &err, &o.model);
  if (status == LN_OK) status = ln_grad_take_shapes(&o, session);
  if (status == LN_OK) {
    ln_grad g = {.o = &o};
    count = weights_of(ln_optimizer_graph(&o), &weights);
    gradients = calloc((size_t)count + 1, sizeof *gradients);
    const int32_t loss = loss_of(&g);
    status = g.status == LN_OK ? ln_grad_build(&o, loss, weights, count, gradients) : g.status;
  }
  ln_model *snapshot = NULL;
  if (status == LN_OK) status = ln_edit_snapshot(o.model, &err, &snapshot);
  for (int32_t i = 0; status == LN_OK && i < count; ++i) given += gradients[i] >= 0;
  if (status == LN_OK && given == 0) {
    status = LN_ERR_UNSUPPORTED;
    snprintf(err.message, sizeof err.message, "no weight has a gradient");
  }
  printf("%-48s %s%d of %d weights %s\n", name, status == LN_OK ? "" : "FAIL ", (int)given, (int)count, err.message);
  *(status == LN_OK ? good : bad) += 1;
  free(weights);
  free(gradients);
  ln_model_destroy(snapshot);
  ln_model_destroy(o.model);
  ln_session_destroy(session);
}

int main(void) {
  struct dirent **files = NULL;
  int good = 0, bad = 0;
  const int count = scandir(MODELS, &files, NULL, alphasort);
  if (count < 0) {
    printf("skipped: no models in %s\n", MODELS);
    return 77;
  }
  for (int i = 0; i < count; ++i) {
    char path[2048];
    ln_model *model = NULL;
    snprintf(path, sizeof path, "%s/%s", MODELS, files[i]->d_name);
    if (strstr(path, ".tflite") != NULL && ln_model_open(path, NULL, &model) == LN_OK) {
      if (is_float(&model->graphs[0])) differentiate(model, files[i]->d_name, &good, &bad);
      ln_model_destroy(model);
    }
    free(files[i]);
  }
  free(files);
  printf("%d float models are differentiated, %d are not\n", good, bad);
  return bad > 0 || good == 0;
}
