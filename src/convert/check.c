/* Goes through a model with the eyes of a target. */
#include "convert/check.h"

#include <stdio.h>
#include <string.h>

#include "backends/backend.h"
#include "linnet/session.h"

/* ---- what targets take ---- */

enum {
  F32 = 1 << LN_FLOAT32,
  F16 = 1 << LN_FLOAT16,
  I8 = 1 << LN_INT8,
  U8 = 1 << LN_UINT8,
  I16 = 1 << LN_INT16,
  I32 = 1 << LN_INT32,
  U32 = 1 << LN_UINT32,
  I64 = 1 << LN_INT64,
  TRUTH = 1 << LN_BOOL,
  ANY = F32 | I8 | U8 | I16 | I32 | U32 | I64 | TRUTH | 1 << LN_RESOURCE
};

typedef struct taken {
  int32_t code;
  uint32_t micro, gpu, nnapi;
  int32_t level;
} taken;

static const taken operators[] = {
#define LN_TARGETS_OP(op, micro, gpu, level, nnapi) {LN_OP_##op, micro, gpu, nnapi, level},
#include "convert/targets.def"
};

typedef struct taken_custom {
  const char *name;
  bool micro, gpu;
} taken_custom;

static const taken_custom customs[] = {
#define LN_TARGETS_CUSTOM(name, micro, gpu) {name, micro, gpu},
#include "convert/targets.def"
};

static const taken *find_taken(const ln_op *op) {
  for (size_t i = 0; i < LN_COUNT(operators); ++i) {
    if (operators[i].code == op->def->code) return &operators[i];
  }
  return NULL;
}

static const taken_custom *find_custom(const char *name) {
  for (size_t i = 0; i < LN_COUNT(customs); ++i) {
    if (strcmp(customs[i].name, name) == 0) return &customs[i];
  }
  return NULL;
}

/* The first operand, computed or given, that is none of `types`; -1: all are. */
static int32_t other_type(const ln_graph *graph, const ln_op *op, uint32_t types) {
  for (int32_t k = 0; k < op->input_count + op->output_count; ++k) {
    const int32_t tensor = k < op->input_count ? op->inputs[k] : op->outputs[k - op->input_count];
    if (tensor < 0 || ln_tensor_const_data(&graph->tensors[tensor])) continue;
    const int32_t type = (int32_t)graph->tensors[tensor].type;
    if ((types >> type & 1) == 0) return tensor;
  }
  return -1;
}

/* Weights in integers under activations in floats, which only some runtimes multiply. */
static bool is_hybrid(const ln_graph *graph, const ln_op *op) {
  const uint32_t kind = op->def->flags & LN_OPF_LAYER;
  const int32_t input = kind == LN_OPF_LAYER_TRANSPOSE_CONV ? 2 : 0;
  if (kind == 0 || kind > LN_OPF_LAYER_BATCH_MATMUL || op->input_count <= input || op->input_count < 2) return false;
  if (op->inputs[input] < 0 || op->inputs[1] < 0) return false;
  const ln_tensor *x = &graph->tensors[op->inputs[input]], *w = &graph->tensors[op->inputs[1]];
  return x->type == LN_FLOAT32 && ln_tensor_const_data(w) && w->type != LN_FLOAT32;
}

static bool refuse_types(const ln_graph *graph, const ln_op *op, uint32_t types, char *text, size_t size) {
  const uint32_t results = op->def->code == LN_OP_DEQUANTIZE || op->def->code == LN_OP_QUANTIZE ||
                                   op->def->code == LN_OP_ARG_MAX || op->def->code == LN_OP_ARG_MIN ||
                                   op->def->code == LN_OP_SHAPE
                               ? F32 | I32 | I8
                               : 0;
  const bool compares = op->output_count == 1 && graph->tensors[op->outputs[0]].type == LN_BOOL;
  const int32_t tensor = other_type(graph, op, types | results | (compares ? TRUTH : 0));
  if (tensor < 0) return false;
  snprintf(text, size, "it takes no %s (\"%.80s\")", ln_type_name(graph->tensors[tensor].type),
           graph->tensors[tensor].name);
  return true;
}

static bool refuse_custom(const ln_op *op, bool gpu, char *text, size_t size) {
  const taken_custom *custom = find_custom(op->custom_name);
  if (custom != NULL && (gpu ? custom->gpu : custom->micro)) return false;
  snprintf(text, size, "custom operator %.60s is not known there; replace it by others in the source", op->custom_name);
  return true;
}

static bool cpu_refuses(const ln_graph *graph, const ln_op *op, char *text, size_t size) {
  const char *reason = ln_backend_find("cpu")->refuses(op);
  ln_error err = {LN_OK, ""};
  if (reason != NULL) {
    snprintf(text, size, "%s", reason);
    return true;
  }
  if (ln_op_check_types(graph, op, &err) == LN_OK) return false;
  snprintf(text, size, "%s", err.message);
  return true;
}

static bool web_refuses(const ln_graph *graph, const ln_op *op, char *text, size_t size) {
  return cpu_refuses(graph, op, text, size);
}

static bool micro_refuses(const ln_graph *graph, const ln_op *op, char *text, size_t size) {
  if (op->custom_name != NULL) return refuse_custom(op, false, text, size);
  const taken *row = find_taken(op);
  if (row == NULL || row->micro == 0) {
    snprintf(text, size, "%s is not registered by TensorFlow Lite Micro", ln_op_name(op));
    return true;
  }
  if (is_hybrid(graph, op)) {
    snprintf(text, size,
             "its weights are integers and its activations floats; quantize both (linnet optimize "
             "--quantize int8 --data ...)");
    return true;
  }
  return refuse_types(graph, op, row->micro, text, size);
}

static bool gpu_refuses(const ln_graph *graph, const ln_op *op, char *text, size_t size) {
  if (op->custom_name != NULL) return refuse_custom(op, true, text, size);
  const taken *row = find_taken(op);
  if (row != NULL && row->gpu != 0) return refuse_types(graph, op, row->gpu, text, size);
  snprintf(text, size, "%s is none of the GPU delegate's operators; it runs on the processor", ln_op_name(op));
  return true;
}

static bool nnapi_refuses(const ln_graph *graph, const ln_op *op, char *text, size_t size) {
  const taken *row = op->custom_name == NULL ? find_taken(op) : NULL;
  if (row == NULL || row->level == 0) {
    snprintf(text, size, "%.60s is handed on by no feature level; it runs on the processor", ln_op_name(op));
    return true;
  }
  if (is_hybrid(graph, op)) {
    snprintf(text, size, "its weights are integers and its activations floats, which NNAPI does not multiply");
    return true;
  }
  return refuse_types(graph, op, row->nnapi, text, size);
}

static const ln_target targets[] = {
#define LN_TARGET(name, what, rank, fixed, bytes) {#name, what, rank, fixed, bytes, name##_refuses},
#include "convert/targets.def"
};

const ln_target *ln_target_find(const char *name) {
  for (size_t i = 0; i < LN_COUNT(targets); ++i) {
    if (strcmp(targets[i].name, name) == 0) return &targets[i];
  }
  return NULL;
}

const char *ln_check_target(int32_t index) {
  return index < 0 || (size_t)index >= LN_COUNT(targets) ? NULL : targets[index].name;
}

const char *ln_check_target_what(int32_t index) {
  return index < 0 || (size_t)index >= LN_COUNT(targets) ? NULL : targets[index].what;
}

/* ---- a model ---- */

bool ln_check_add(ln_check *check, const ln_check_finding *finding) {
  if (check->count == check->capacity) {
    const int32_t capacity = check->capacity * 2 + 16;
    ln_check_finding *moved = ln_arena_array(&check->arena, (size_t)capacity, sizeof *moved);
    if (moved == NULL) return false;
    if (check->count > 0) memcpy(moved, check->findings, (size_t)check->count * sizeof *moved);
    check->findings = moved;
    check->capacity = capacity;
  }
  ln_check_finding copy = *finding;
  const char **texts[] = {&copy.operator_name, &copy.origin, &copy.origin_op, &copy.tensor, &copy.reason};
  for (size_t i = 0; i < LN_COUNT(texts); ++i) {
    if (*texts[i] == NULL) continue;
    *texts[i] = ln_arena_strdup(&check->arena, *texts[i]);
    if (*texts[i] == NULL) return false;
  }
  copy.size = sizeof copy;
  check->findings[check->count++] = copy;
  return true;
}

static ln_status no_memory(ln_error *err) { return ln_fail(err, LN_ERR_MEMORY, "no memory to check the model"); }

/* Operands that say a shape, which targets of fixed shapes want to know beforehand. */
static const struct {
  int32_t code, operand;
} shapes[] = {{LN_OP_RESHAPE, 1},
              {LN_OP_BROADCAST_TO, 1},
              {LN_OP_FILL, 0},
              {LN_OP_SLICE, 2},
              {LN_OP_STRIDED_SLICE, 2},
              {LN_OP_TILE, 1},
              {LN_OP_PAD, 1},
              {LN_OP_PADV2, 1},
              {LN_OP_MIRROR_PAD, 1},
              {LN_OP_EXPAND_DIMS, 1},
              {LN_OP_TRANSPOSE_CONV, 0},
              {LN_OP_RESIZE_BILINEAR, 1},
              {LN_OP_TRANSPOSE, 1},
              {LN_OP_BATCH_TO_SPACE_ND, 1},
              {LN_OP_RESIZE_NEAREST_NEIGHBOR, 1},
              {LN_OP_SPACE_TO_BATCH_ND, 1}};

static bool refuse_computed_shape(const ln_graph *graph, const ln_op *op, char *text, size_t size) {
  for (size_t i = 0; i < LN_COUNT(shapes); ++i) {
    if (shapes[i].code != op->def->code || shapes[i].operand >= op->input_count) continue;
    const int32_t tensor = op->inputs[shapes[i].operand];
    if (tensor < 0 || ln_tensor_const_data(&graph->tensors[tensor])) continue;
    snprintf(text, size, "its shape is computed while it runs (\"%.80s\"); convert with --shape",
             graph->tensors[tensor].name);
    return true;
  }
  return false;
}

/* An open first dimension is a batch, which is one where nothing else is said. */
static bool is_open(const ln_tensor *tensor) {
  for (int32_t i = 1; i < tensor->signature.rank; ++i) {
    if (tensor->signature.dims[i] < 0) return true;
  }
  return false;
}

/* What every operand must fulfil, whatever the operator. */
static bool refuse_operands(const ln_target *target, const ln_graph *graph, const ln_op *op, char *text, size_t size) {
  char shape[96];
  if (target->fixed_shapes && refuse_computed_shape(graph, op, text, size)) return true;
  for (int32_t k = 0; k < op->input_count + op->output_count; ++k) {
    const int32_t index = k < op->input_count ? op->inputs[k] : op->outputs[k - op->input_count];
    if (index < 0) continue;
    const ln_tensor *tensor = &graph->tensors[index];
    if (tensor->shape.rank > target->most_rank) {
      snprintf(text, size, "\"%.80s\" has %d dimensions, of which the target takes %d", tensor->name,
               tensor->shape.rank, target->most_rank);
      return true;
    }
    if (target->fixed_shapes && is_open(tensor)) {
      snprintf(text, size, "\"%.80s\" has the open shape %s; convert with --shape", tensor->name,
               ln_shape_format(&tensor->signature, shape, sizeof shape));
      return true;
    }
  }
  return false;
}

static ln_status check_graph(ln_check *check, const ln_target *target, const ln_model *model, int32_t index,
                             ln_error *err) {
  const ln_graph *graph = &model->graphs[index];
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    char text[400];
    ++check->operators;
    if (!target->refuses(graph, op, text, sizeof text) && !refuse_operands(target, graph, op, text, sizeof text))
      continue;
    ++check->refused;
    const ln_check_finding finding = {.graph = index,
                                      .op = i,
                                      .operator_name = ln_op_name(op),
                                      .origin = op->origin,
                                      .origin_op = op->origin_op,
                                      .tensor = op->output_count > 0 ? graph->tensors[op->outputs[0]].name : "",
                                      .reason = text};
    if (!ln_check_add(check, &finding)) return no_memory(err);
  }
  return LN_OK;
}

static ln_status add_whole(ln_check *check, const char *reason, ln_error *err) {
  const ln_check_finding finding = {.graph = -1, .op = -1, .operator_name = "", .tensor = "", .reason = reason};
  return ln_check_add(check, &finding) ? LN_OK : no_memory(err);
}

/* What running a signature takes here; the reason where it cannot be run, though each operator could. */
static ln_status try_signature(ln_check *check, ln_model *model, const char *key, ln_error *err) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session_stats stats = {.size = sizeof stats};
  ln_session *session = NULL;
  ln_error said = {LN_OK, ""};
  options.signature = key;
  options.first_graph = key == NULL;
  ln_status status = ln_session_create(model, &options, &said, &session);
  if (status == LN_OK) status = ln_session_prepare(session, &said);
  if (status == LN_OK) status = ln_session_get_stats(session, &stats);
  ln_session_destroy(session);
  if (status == LN_OK) {
    if ((int64_t)stats.arena_bytes > check->arena_bytes) check->arena_bytes = (int64_t)stats.arena_bytes;
    if ((int64_t)stats.weight_bytes > check->weight_bytes) check->weight_bytes = (int64_t)stats.weight_bytes;
    return LN_OK;
  }
  return check->refused > 0 ? LN_OK : add_whole(check, said.message, err); /* it is named already */
}

static ln_status check_memory(ln_check *check, const ln_target *target, ln_model *model, ln_error *err) {
  char text[160];
  check->arena_bytes = check->weight_bytes = -1;
  for (int32_t i = 0; i < model->signature_count; ++i)
    LN_TRY(try_signature(check, model, model->signatures[i].key, err));
  if (model->signature_count == 0) LN_TRY(try_signature(check, model, NULL, err));
  const int64_t bytes = check->arena_bytes + check->weight_bytes;
  if (target->most_bytes == 0 || bytes <= target->most_bytes) return LN_OK;
  snprintf(text, sizeof text, "weights and activations take %.1f MB, of which there are at most %.0f MB",
           (double)bytes / 1e6, (double)target->most_bytes / 1e6);
  return add_whole(check, text, err);
}

static ln_status run(ln_check *check, const ln_target *target, ln_model *model, ln_error *err) {
  check->target = target->name;
  for (int32_t i = 0; i < model->graph_count; ++i) LN_TRY(check_graph(check, target, model, i, err));
  return check_memory(check, target, model, err);
}

ln_status ln_check_run(ln_model *model, const char *target, ln_error *err, ln_check **out) {
  const ln_target *found = ln_target_find(target);
  *out = NULL;
  if (found == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "no target is called %.40s", target);
  ln_check *check = ln_alloc_zero(sizeof *check);
  if (check == NULL) return no_memory(err);
  const ln_status status = run(check, found, model, err);
  if (status == LN_OK) *out = check;
  else ln_check_destroy(check);
  return status;
}

void ln_check_destroy(ln_check *check) {
  if (check == NULL) return;
  ln_arena_free(&check->arena);
  ln_free(check);
}

const char *ln_check_name(const ln_check *check) { return check->target; }

ln_status ln_check_get_summary(const ln_check *check, ln_check_summary *out) {
  const ln_check_summary all = {.operators = check->operators,
                                .refused = check->refused,
                                .findings = check->count,
                                .weight_bytes = check->weight_bytes,
                                .arena_bytes = check->arena_bytes};
  return ln_struct_give(out, &all, sizeof all);
}

ln_status ln_check_finding_get(const ln_check *check, int32_t index, ln_check_finding *out) {
  if (index < 0 || index >= check->count) return LN_ERR_ARGUMENT;
  return ln_struct_give(out, &check->findings[index], sizeof check->findings[index]);
}
