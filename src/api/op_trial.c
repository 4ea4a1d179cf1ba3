/* ln_op_try: a model of one operator, its sessions and the comparison (linnet/op_test.h). */
#include <math.h>
#include <string.h>

#include "linnet/op_test.h"
#include "linnet/session.h"
#include "ops/ops.h"
#include "runtime/runtime.h"

/* ---- the model ---- */

static ln_status no_memory(ln_error *err) { return ln_fail(err, LN_ERR_MEMORY, "no memory for a trial"); }

static ln_status check_tensor(const ln_trial_tensor *tensor, const char *side, int32_t i, int32_t least_rank,
                              ln_error *err) {
  if (tensor->size != sizeof *tensor || tensor->rank < least_rank || tensor->rank > LN_MAX_RANK ||
      (tensor->rank > 0 && tensor->dims == NULL) || (uint32_t)tensor->type >= LN_TYPE_COUNT) {
    return ln_fail(err, LN_ERR_ARGUMENT, "%s %d of the trial is no tensor", side, i);
  }
  for (int32_t d = 0; d < tensor->rank; ++d) {
    if (tensor->dims[d] < 0) return ln_fail(err, LN_ERR_ARGUMENT, "%s %d has a negative dimension", side, i);
  }
  return LN_OK;
}

static ln_status check_trial(const ln_op_trial *trial, ln_error *err) {
  if (trial == NULL || trial->size != sizeof *trial || trial->name == NULL || trial->input_count < 0 ||
      trial->output_count < 0 || (trial->input_count > 0 && trial->inputs == NULL) ||
      (trial->output_count > 0 && trial->outputs == NULL)) {
    return ln_fail(err, LN_ERR_ARGUMENT, "a trial needs a name, inputs and outputs");
  }
  for (int32_t i = 0; i < trial->input_count; ++i) {
    if (!trial->inputs[i].absent) LN_TRY(check_tensor(&trial->inputs[i], "input", i, 0, err));
  }
  for (int32_t i = 0; i < trial->output_count; ++i) LN_TRY(check_tensor(&trial->outputs[i], "output", i, -1, err));
  return LN_OK;
}

/* -1 when memory is short. */
static int32_t add_tensor(ln_model *model, const ln_trial_tensor *like, const char *side, int32_t number) {
  ln_tensor tensor = {.type = like->type, .has_rank = like->rank >= 0, .quant = &ln_quant_none};
  tensor.name = ln_arena_printf(&model->arena, "%s %d", side, number);
  if (tensor.has_rank) tensor.shape = tensor.signature = ln_shape_make(like->rank, like->dims);
  if (like->scale != 0) tensor.quant = ln_quant_make(&model->arena, like->scale, like->zero_point);
  if (like->constant) {
    tensor.data = ln_arena_copy(&model->arena, like->data, like->bytes);
    tensor.bytes = like->bytes;
    tensor.storage = LN_STORAGE_CONST;
    if (tensor.data == NULL) return -1;
  }
  if (tensor.name == NULL || tensor.quant == NULL) return -1;
  return ln_graph_add_tensor(&model->graphs[0], &model->arena, &tensor);
}

static const ln_op_def *row_of(const char *name) {
  for (int32_t i = 0; i < ln_op_def_count(); ++i) {
    const ln_op_def *row = ln_op_def_at(i);
    if ((row->flags & LN_OPF_MARKER) == 0 && strcmp(row->name, name) == 0) return row;
  }
  return ln_op_find_custom(name);
}

static bool set_options(ln_model *model, ln_op *op, const ln_op_trial *trial) {
  if (op->def->code == LN_OP_CUSTOM) {
    op->custom_name = ln_arena_printf(&model->arena, "%s", trial->name);
    op->custom_options = ln_arena_copy(&model->arena, trial->options, trial->options_size);
    op->custom_options_size = trial->options_size;
    return op->custom_name != NULL && (op->custom_options != NULL || trial->options_size == 0);
  }
  op->options_table = op->def->options;
  if (op->options_table == LN_TABLE_none) return true;
  void *options = ln_arena_alloc(&model->arena, ln_schema_table(op->options_table)->struct_size);
  if (options == NULL) return false;
  ln_schema_set_defaults(op->options_table, options);
  op->options = options;
  return true;
}

static bool fill_graph(ln_model *model, const ln_op_trial *trial) {
  ln_arena *arena = &model->arena;
  ln_graph *graph = ln_arena_alloc(arena, sizeof *graph);
  if (graph == NULL) return false;
  model->graphs = graph;
  model->graph_count = 1;
  model->version = 3;
  graph->name = "trial";
  graph->debug_metadata_index = -1;
  graph->ops = ln_arena_alloc(arena, sizeof *graph->ops);
  graph->inputs = ln_arena_array(arena, (size_t)trial->input_count + 1, sizeof *graph->inputs);
  graph->outputs = ln_arena_array(arena, (size_t)trial->output_count + 1, sizeof *graph->outputs);
  int32_t *in = ln_arena_array(arena, (size_t)trial->input_count + 1, sizeof *in);
  if (graph->ops == NULL || graph->inputs == NULL || graph->outputs == NULL || in == NULL) return false;
  for (int32_t i = 0; i < trial->input_count; ++i) {
    in[i] = trial->inputs[i].absent ? -1 : add_tensor(model, &trial->inputs[i], "input", i);
    if (in[i] < 0 && !trial->inputs[i].absent) return false;
    if (in[i] >= 0 && !trial->inputs[i].constant) graph->inputs[graph->input_count++] = in[i];
  }
  for (int32_t i = 0; i < trial->output_count; ++i) {
    const int32_t index = add_tensor(model, &trial->outputs[i], "output", i);
    if (index < 0) return false;
    graph->outputs[graph->output_count++] = index;
  }
  graph->op_count = graph->op_capacity = 1;
  ln_op *op = &graph->ops[0];
  *op = (ln_op){.def = row_of(trial->name),
                .input_count = trial->input_count,
                .output_count = trial->output_count,
                .version = 1,
                .debug_metadata_index = -1};
  op->inputs = in;
  op->outputs = ln_arena_copy(arena, graph->outputs, ((size_t)trial->output_count + 1) * sizeof *graph->outputs);
  return op->outputs != NULL && set_options(model, op, trial);
}

static ln_status make_model(const ln_op_trial *trial, ln_error *err, ln_model **out) {
  ln_model *model = ln_model_create();
  if (model == NULL) return no_memory(err);
  const ln_status status = fill_graph(model, trial) ? ln_model_verify(model, err) : no_memory(err);
  if (status == LN_OK) *out = model;
  else ln_model_destroy(model);
  return status;
}

/* ---- comparison ---- */

static bool is_float(ln_type type) {
  return type == LN_FLOAT32 || type == LN_FLOAT16 || type == LN_BFLOAT16 || type == LN_FLOAT64;
}

static bool close_to(double got, double want, double limit) {
  if (isnan(want)) return isnan(got);
  return isinf(want) ? got == want : fabs(got - want) <= limit;
}

static ln_status compare_floats(const ln_op_trial *trial, int32_t i, const ln_tensor *got, ln_error *err) {
  ln_tensor want = *got;
  want.data = (void *)(uintptr_t)trial->outputs[i].data; /* only read */
  const size_t count = ln_tensor_elements(got);
  double largest = 0;
  for (size_t k = 0; k < count; ++k) {
    const double magnitude = fabs((double)ln_tensor_get_f32(&want, k));
    if (isfinite(magnitude) && magnitude > largest) largest = magnitude;
  }
  const double limit = trial->absolute + trial->relative * largest;
  for (size_t k = 0; k < count; ++k) {
    const double is = (double)ln_tensor_get_f32(got, k), should = (double)ln_tensor_get_f32(&want, k);
    if (close_to(is, should, limit)) continue;
    return ln_fail(err, LN_ERR_DATA, "output %d: element %zu is %.9g, want %.9g (allowed difference %.3g)", i, k, is,
                   should, limit);
  }
  return LN_OK;
}

static ln_status compare_output(const ln_op_trial *trial, int32_t i, const ln_tensor *got, ln_error *err) {
  const ln_trial_tensor *want = &trial->outputs[i];
  if (trial->on_output != NULL) LN_TRY(trial->on_output(trial->user, i, got, err));
  if (want->rank < 0) return LN_OK;
  const ln_shape shape = ln_shape_make(want->rank, want->dims);
  if (!ln_shape_equal(&shape, &got->shape)) {
    char is[128], should[128];
    (void)ln_shape_format(&got->shape, is, sizeof is);
    (void)ln_shape_format(&shape, should, sizeof should);
    return ln_fail(err, LN_ERR_DATA, "output %d has the shape %s, want %s", i, is, should);
  }
  if (want->data == NULL) return LN_OK;
  if (got->bytes != want->bytes) {
    return ln_fail(err, LN_ERR_DATA, "output %d takes %zu bytes, want %zu", i, got->bytes, want->bytes);
  }
  if (is_float(got->type)) return compare_floats(trial, i, got, err);
  for (size_t k = 0; k < want->bytes; ++k) {
    const unsigned is = ((const uint8_t *)got->data)[k], should = ((const uint8_t *)want->data)[k];
    if (is != should) return ln_fail(err, LN_ERR_DATA, "output %d: byte %zu is %u, want %u", i, k, is, should);
  }
  return LN_OK;
}

/* ---- runs ---- */

static ln_status run_once(const ln_op_trial *trial, ln_session *session, ln_error *err) {
  for (int32_t i = 0, fed = 0; i < trial->input_count; ++i) {
    const ln_trial_tensor *input = &trial->inputs[i];
    if (!input->absent && !input->constant)
      LN_TRY(ln_session_set_input(session, fed++, input->data, input->bytes, err));
  }
  LN_TRY(ln_session_run(session, err));
  for (int32_t i = 0; i < trial->output_count; ++i) {
    LN_TRY(compare_output(trial, i, ln_session_output(session, i), err));
  }
  return LN_OK;
}

static ln_status run_on(const ln_op_trial *trial, ln_model *model, int32_t threads, bool late, ln_error *err) {
  ln_session *session = NULL;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = threads;
  options.operators = &trial->op;
  options.operator_count = trial->op != NULL;
  options.prepare_later = late;
  ln_status status = ln_session_create(model, &options, err, &session);
  if (status == LN_OK) {
    session->all_late = late;
    status = run_once(trial, session, err);
  }
  if (status == LN_OK) {
    ln_session_reset(session);
    status = run_once(trial, session, err);
    if (status != LN_OK) ln_error_prefix(err, "after a reset");
  }
  ln_session_destroy(session);
  if (status != LN_OK && late) ln_error_prefix(err, "with shapes known only in the run");
  else if (status != LN_OK) ln_error_prefix(err, "on %d thread%s", threads, threads == 1 ? "" : "s");
  return status;
}

ln_status ln_op_try(const ln_op_trial *trial, ln_error *err) {
  ln_model *model = NULL;
  LN_TRY(check_trial(trial, err));
  LN_TRY(make_model(trial, err, &model));
  ln_status status = run_on(trial, model, 1, false, err);
  if (status == LN_OK) status = run_on(trial, model, 2, false, err);
  if (status == LN_OK) status = run_on(trial, model, 1, true, err);
  ln_model_destroy(model);
  return status;
}
