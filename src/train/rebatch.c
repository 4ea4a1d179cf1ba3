/*
 * Gives a model another batch. The shapes of one sample come from a session; the operators are then walked with the
 * batch in the inputs, each output must be what it was for one sample but along one axis, and constants that hold the
 * extent of that axis are mended on the way (the rules below).
 */
#include <string.h>

#include "train/trainer.h"

typedef struct walk {
  ln_optimizer *o;
  int32_t batch;
  int32_t count;     /* tensors that there were */
  ln_shape *one;     /* [count] of one sample */
  bool *known;       /* [count] */
  int8_t *axis;      /* [count] that samples lie along; -1: none */
  bool *interleaved; /* [count] where an index of that axis is no sample's run of them (SPACE_TO_BATCH_ND) */
  const ln_op *op;   /* which is being looked at */
} walk;

static ln_status refuse(const walk *w, const char *why) {
  const ln_op *op = w->op;
  const char *name = op->output_count > 0 ? ln_optimizer_graph(w->o)->tensors[op->outputs[0]].name : "";
  return ln_fail(w->o->err, LN_ERR_UNSUPPORTED, "op %d %s \"%s\": takes no batch of %d: %s", (int)op->index,
                 op->def->name, name, (int)w->batch, why);
}

/* So many for each sample are these many in all; 0 when that is too much for a dimension. */
static int32_t grown(const walk *w, int32_t each) { return each > INT32_MAX / w->batch ? 0 : each * w->batch; }

static int32_t axis_of(const walk *w, int32_t tensor) {
  return tensor < 0 || tensor >= w->count ? -1 : w->axis[tensor];
}
static int32_t input_axis(const walk *w, int32_t index) {
  return index < w->op->input_count ? axis_of(w, w->op->inputs[index]) : -1;
}
static ln_tensor *input_tensor(const walk *w, int32_t index) {
  const int32_t tensor = index < w->op->input_count ? w->op->inputs[index] : -1;
  return tensor < 0 ? NULL : &ln_optimizer_graph(w->o)->tensors[tensor];
}

/* ---- rules ---- */

/* Gives the operator a constant of its own as input `index`; int32. */
static ln_status set_ints(walk *w, int32_t index, int32_t count, const int32_t *values) {
  ln_op *op = (ln_op *)(uintptr_t)w->op;
  ln_arena *arena = ln_optimizer_arena(w->o);
  const size_t bytes = (size_t)count * sizeof *values;
  const int32_t tensor = ln_edit_add_constant(w->o, "batch/shape", LN_INT32, &(ln_shape){1, {count}},
                                              ln_arena_copy(arena, values, bytes), bytes);
  if (tensor < 0) return ln_optimizer_no_memory(w->o);
  if (index >= op->input_count) {
    int32_t *inputs = ln_arena_array(arena, (size_t)index + 1, sizeof *inputs);
    if (inputs == NULL) return ln_optimizer_no_memory(w->o);
    for (int32_t i = 0; i < op->input_count; ++i) inputs[i] = op->inputs[i];
    op->inputs = inputs;
    op->input_count = index + 1;
  }
  op->inputs[index] = tensor;
  return LN_OK;
}

/* What output 0 was for one sample, with the batch along `axis`, as input `index`. */
static ln_status set_shape(walk *w, int32_t index, int32_t axis) {
  ln_shape shape = w->one[w->op->outputs[0]];
  if (axis < 0 || axis >= shape.rank) return refuse(w, "no dimension of its output is the samples'");
  shape.dims[axis] = grown(w, shape.dims[axis]);
  return set_ints(w, index, shape.rank, shape.dims);
}

/* The dimension of the output that as many elements stand before as before the samples' one: rows stay in order. */
static ln_status mend_reshape(walk *w) {
  const int32_t input = w->op->inputs[0], from = axis_of(w, input);
  if (from < 0) return LN_OK;
  const ln_shape *in = &w->one[input], *out = &w->one[w->op->outputs[0]];
  if (w->interleaved[input] && !ln_shape_equal(in, out)) return refuse(w, "samples are not behind one another");
  const size_t before = ln_shape_span(in, 0, from);
  int32_t axis = 0;
  while (axis < out->rank && ln_shape_span(out, 0, axis) != before) ++axis;
  return set_shape(w, 1, axis);
}

static ln_status mend_broadcast_to(walk *w) {
  const int32_t axis = input_axis(w, 0);
  return axis < 0 ? LN_OK : set_shape(w, 1, axis + w->one[w->op->outputs[0]].rank - w->one[w->op->inputs[0]].rank);
}

static ln_status mend_transpose_conv(walk *w) { return set_shape(w, 0, input_axis(w, 2)); }

/* The values of an input that says where it is cut; false when they are not constant. */
static bool read_ints(const walk *w, int32_t index, int64_t values[LN_MAX_RANK], int32_t *count) {
  const ln_tensor *tensor = input_tensor(w, index);
  return tensor != NULL && ln_tensor_const_data(tensor) && ln_tensor_ints(tensor, values, LN_MAX_RANK, count);
}

static ln_status mend_slice(walk *w) {
  const int32_t axis = input_axis(w, 0);
  int64_t begin[LN_MAX_RANK], size[LN_MAX_RANK];
  int32_t values[LN_MAX_RANK], count = 0, rank = 0;
  if (axis < 0) return LN_OK;
  if (!read_ints(w, 1, begin, &count) || !read_ints(w, 2, size, &rank) || rank != count || axis >= rank) {
    return refuse(w, "where it cuts is no constant");
  }
  const int32_t whole = w->one[w->op->inputs[0]].dims[axis];
  if (begin[axis] != 0 || (size[axis] != -1 && size[axis] != whole)) return refuse(w, "it cuts between samples");
  for (int32_t i = 0; i < rank; ++i) values[i] = i == axis ? -1 : (int32_t)size[i];
  return set_ints(w, 2, rank, values);
}

static ln_status mend_strided_slice(walk *w) {
  ln_strided_slice_options *options = (void *)(uintptr_t)w->op->options;
  const int32_t axis = input_axis(w, 0);
  int64_t begin[LN_MAX_RANK], end[LN_MAX_RANK], step[LN_MAX_RANK];
  int32_t counts[3] = {0};
  if (axis < 0) return LN_OK;
  if (options->ellipsis_mask != 0 || options->new_axis_mask != 0) return refuse(w, "it inserts dimensions");
  if (!read_ints(w, 1, begin, &counts[0]) || !read_ints(w, 2, end, &counts[1]) || !read_ints(w, 3, step, &counts[2])) {
    return refuse(w, "where it cuts is no constant");
  }
  if (counts[1] != counts[0] || counts[2] != counts[0]) return refuse(w, "where it cuts is no constant");
  if (axis >= counts[0]) return LN_OK;
  const int32_t bit = 1 << axis, whole = w->one[w->op->inputs[0]].dims[axis];
  const bool from_first = (options->begin_mask & bit) != 0 || begin[axis] == 0 || begin[axis] == -whole;
  const bool to_last = (options->end_mask & bit) != 0 || end[axis] >= whole;
  if ((options->shrink_axis_mask & bit) != 0 || !from_first || !to_last || step[axis] != 1) {
    return refuse(w, "it cuts between samples");
  }
  options->begin_mask |= bit;
  options->end_mask |= bit;
  return LN_OK;
}

/* An input that is the same for all samples, as often as there are some. */
static ln_status repeat_input(walk *w, int32_t at, int32_t index, int32_t axis) {
  const int32_t tensor = w->op->inputs[index];
  ln_shape shape = ln_optimizer_graph(w->o)->tensors[tensor].shape;
  if (axis >= shape.rank || shape.dims[axis] != 1) return refuse(w, "an input has no dimension for samples");
  const ln_type type = ln_optimizer_graph(w->o)->tensors[tensor].type;
  shape.dims[axis] = w->batch;
  const int32_t dims = ln_edit_add_constant(w->o, "batch/shape", LN_INT32, &(ln_shape){1, {shape.rank}},
                                            ln_arena_copy(ln_optimizer_arena(w->o), shape.dims, sizeof shape.dims),
                                            (size_t)shape.rank * sizeof *shape.dims);
  const int32_t out =
      ln_edit_add_tensor(w->o, "batch/repeated", type, &shape, ln_optimizer_graph(w->o)->tensors[tensor].quant);
  ln_op *op = dims < 0 || out < 0 ? NULL : ln_edit_insert_op(w->o, at, LN_OP_BROADCAST_TO, 2, 1, NULL);
  if (op == NULL) return ln_optimizer_no_memory(w->o);
  op->version = 2;
  op->inputs[0] = tensor;
  op->inputs[1] = dims;
  op->outputs[0] = out;
  w->op = &ln_optimizer_graph(w->o)->ops[at + 1];
  w->op->inputs[index] = out;
  return LN_OK;
}

/* What is joined along another axis has the batch in every part. */
static ln_status mend_parts(walk *w, int32_t *at) {
  int32_t axis = -1;
  for (int32_t i = 0; i < w->op->input_count; ++i) axis = input_axis(w, i) >= 0 ? input_axis(w, i) : axis;
  for (int32_t i = 0; i < w->op->input_count; ++i) {
    if (input_axis(w, i) >= 0) continue;
    LN_TRY(repeat_input(w, *at, i, axis));
    ++*at;
  }
  return LN_OK;
}

/* ---- operators that work along an axis which must not be the samples' ---- */

typedef enum along { ALONG_OPTION, ALONG_LAST, ALONG_INPUT_0, ALONG_INPUT_1, ALONG_INPUT_2, ALONG_TILES } along;

typedef struct rule {
  int32_t code;
  ln_status (*mend)(walk *w);
} rule;
static const rule rules[] = {
    {LN_OP_RESHAPE, mend_reshape},
    {LN_OP_BROADCAST_TO, mend_broadcast_to},
    {LN_OP_TRANSPOSE_CONV, mend_transpose_conv},
    {LN_OP_SLICE, mend_slice},
    {LN_OP_STRIDED_SLICE, mend_strided_slice},
};

typedef struct along_rule {
  int16_t code;
  uint8_t data; /* the input that it works on */
  uint8_t where;
} along_rule;
static const along_rule alongs[] = {
    {LN_OP_CONCATENATION, 0, ALONG_OPTION},  {LN_OP_SPLIT, 1, ALONG_INPUT_0},
    {LN_OP_SPLIT_V, 0, ALONG_INPUT_2},       {LN_OP_CUMSUM, 0, ALONG_INPUT_1},
    {LN_OP_REVERSE_V2, 0, ALONG_INPUT_1},    {LN_OP_TILE, 0, ALONG_TILES},
    {LN_OP_SOFTMAX, 0, ALONG_LAST},          {LN_OP_LOG_SOFTMAX, 0, ALONG_LAST},
    {LN_OP_L2_NORMALIZATION, 0, ALONG_LAST}, {LN_OP_TOPK_V2, 0, ALONG_LAST},
};

static bool works_along(const walk *w, const along_rule *r, int32_t axis, int32_t rank) {
  int64_t values[LN_MAX_RANK];
  int32_t count = 1;
  bool good = true;
  switch ((along)r->where) {
    case ALONG_OPTION: values[0] = ((const ln_concatenation_options *)w->op->options)->axis; break;
    case ALONG_LAST: values[0] = -1; break;
    case ALONG_TILES: return !read_ints(w, 1, values, &count) || axis >= count || values[axis] != 1;
    default: good = read_ints(w, (int32_t)r->where - ALONG_INPUT_0, values, &count); break;
  }
  for (int32_t i = 0; good && i < count; ++i) good = (values[i] < 0 ? values[i] + rank : values[i]) != axis;
  return !good;
}

static ln_status check_along(const walk *w) {
  for (size_t i = 0; i < LN_COUNT(alongs); ++i) {
    const int32_t axis = alongs[i].code == w->op->def->code ? input_axis(w, alongs[i].data) : -1;
    if (axis >= 0 && works_along(w, &alongs[i], axis, w->one[w->op->inputs[alongs[i].data]].rank)) {
      return refuse(w, "it works along the dimension of samples");
    }
  }
  return LN_OK;
}

static ln_status mend(walk *w, int32_t *at) {
  LN_TRY(check_along(w));
  if (w->op->def->code == LN_OP_CONCATENATION || w->op->def->code == LN_OP_PACK) return mend_parts(w, at);
  for (size_t i = 0; i < LN_COUNT(rules); ++i) {
    if (rules[i].code == w->op->def->code) return rules[i].mend(w);
  }
  return LN_OK;
}

/* ---- the walk ---- */

static void keep_shape(ln_tensor *tensor, const ln_shape *shape) {
  tensor->shape = tensor->signature = *shape;
  tensor->has_signature = false;
  tensor->has_rank = shape->rank > 0;
}

/* States that a layer keeps from run to run: one for each sample. */
static void widen_variables(const walk *w) {
  for (int32_t i = 0; i < w->op->input_count; ++i) {
    ln_tensor *tensor = input_tensor(w, i);
    if (tensor == NULL || !tensor->is_variable || tensor->shape.rank == 0 || tensor->shape.dims[0] != 1) continue;
    ln_shape shape = tensor->shape;
    shape.dims[0] = w->batch;
    keep_shape(tensor, &shape);
  }
}

static ln_status infer(const walk *w) {
  ln_graph *graph = ln_optimizer_graph(w->o);
  const ln_op *op = w->op;
  ln_error inner = {0};
  const size_t inputs = (size_t)op->input_count;
  ln_tensor **tensors =
      ln_arena_array(ln_optimizer_arena(w->o), inputs + (size_t)op->output_count + 1, sizeof *tensors);
  if (tensors == NULL) return ln_optimizer_no_memory(w->o);
  for (int32_t i = 0; i < op->input_count; ++i) tensors[i] = input_tensor(w, i);
  for (int32_t i = 0; i < op->output_count; ++i) tensors[inputs + (size_t)i] = &graph->tensors[op->outputs[i]];
  ln_node node = {.op = op,
                  .in = tensors,
                  .in_count = op->input_count,
                  .out = tensors + inputs,
                  .out_count = op->output_count,
                  .tensors = graph->tensors,
                  .tensor_count = graph->tensor_count};
  const ln_status status = op->def->infer == NULL ? LN_ERR_UNSUPPORTED : op->def->infer(&node, &inner);
  if ((int)status == (int)LN_INFER_LATER || (int)status == (int)LN_INFER_IN_RUN) {
    return refuse(w, "its shape depends on data");
  }
  return status == LN_OK ? LN_OK : refuse(w, inner.message[0] != 0 ? inner.message : "it has no kernel");
}

/* The one dimension of an output that has grown by the batch. */
static ln_status find_axis(walk *w, int32_t tensor, bool interleaved) {
  const ln_shape *one = &w->one[tensor], *shape = &ln_optimizer_graph(w->o)->tensors[tensor].shape;
  int32_t axis = -1;
  if (!w->known[tensor] || !ln_shape_known(shape)) return refuse(w, "its shape depends on data");
  bool good = one->rank == shape->rank;
  for (int32_t i = 0; good && i < one->rank; ++i) {
    if (one->dims[i] == shape->dims[i]) continue;
    good = axis < 0 && shape->dims[i] == grown(w, one->dims[i]);
    axis = i;
  }
  if (!good || axis < 0) return refuse(w, "what it gives is not each sample's own");
  w->axis[tensor] = (int8_t)axis;
  w->interleaved[tensor] = interleaved && one->dims[axis] > 1;
  return LN_OK;
}

static ln_status visit(walk *w, int32_t *at) {
  ln_graph *graph = ln_optimizer_graph(w->o);
  bool any = false, interleaved = graph->ops[*at].def->code == LN_OP_SPACE_TO_BATCH_ND;
  w->op = &graph->ops[*at];
  for (int32_t i = 0; i < w->op->input_count; ++i) {
    any = any || input_axis(w, i) >= 0;
    interleaved = interleaved || (input_axis(w, i) >= 0 && w->interleaved[w->op->inputs[i]]);
  }
  if (!any || w->op->def->code == LN_OP_SHAPE || w->op->def->code == LN_OP_RANK) {
    for (int32_t i = 0; i < w->op->output_count; ++i) {
      const int32_t tensor = w->op->outputs[i];
      if (tensor >= 0 && w->known[tensor]) keep_shape(&graph->tensors[tensor], &w->one[tensor]);
    }
    return LN_OK;
  }
  LN_TRY(mend(w, at));
  widen_variables(w);
  LN_TRY(infer(w));
  for (int32_t i = 0; i < w->op->output_count; ++i) {
    const int32_t tensor = w->op->outputs[i];
    if (tensor < 0) return refuse(w, "an output of it is left out");
    LN_TRY(find_axis(w, tensor, interleaved));
    ln_tensor *out = &ln_optimizer_graph(w->o)->tensors[tensor];
    const ln_shape shape = out->shape;
    keep_shape(out, &shape);
  }
  return LN_OK;
}

/* ---- beginning and ending ---- */

static ln_status open_session(const ln_optimizer *o, ln_model **model, ln_session **session) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.keep_all_tensors = true;
  options.first_graph = o->graph == 0;
  for (int32_t i = 0; i < o->model->signature_count && o->graph != 0; ++i) {
    if (o->model->signatures[i].graph == o->graph) options.signature = o->model->signatures[i].key;
  }
  LN_TRY(ln_edit_snapshot(o->model, o->err, model));
  return ln_session_create(*model, &options, o->err, session);
}

static bool begin(walk *w) {
  ln_arena *arena = ln_optimizer_arena(w->o);
  const size_t count = (size_t)ln_optimizer_graph(w->o)->tensor_count;
  w->count = (int32_t)count;
  w->one = ln_arena_array(arena, count + 1, sizeof *w->one);
  w->known = ln_arena_array(arena, count + 1, sizeof *w->known);
  w->axis = ln_arena_array(arena, count + 1, sizeof *w->axis);
  w->interleaved = ln_arena_array(arena, count + 1, sizeof *w->interleaved);
  return w->one != NULL && w->known != NULL && w->axis != NULL && w->interleaved != NULL;
}

static void take_one(walk *w, ln_session *session) {
  for (int32_t i = 0; i < w->count; ++i) {
    const ln_tensor *tensor = ln_session_tensor(session, i);
    w->axis[i] = -1;
    w->known[i] = tensor != NULL && ln_shape_known(&tensor->shape);
    if (tensor != NULL) w->one[i] = tensor->shape;
  }
}

static ln_status widen_inputs(walk *w) {
  ln_graph *graph = ln_optimizer_graph(w->o);
  for (int32_t i = 0; i < graph->input_count; ++i) {
    const int32_t index = graph->inputs[i];
    ln_tensor *tensor = &graph->tensors[index];
    ln_shape shape = w->one[index];
    if (shape.rank == 0) continue;
    if (shape.dims[0] != 1) {
      return ln_fail(w->o->err, LN_ERR_UNSUPPORTED, "input \"%s\": its first dimension is %d, no batch of one sample",
                     tensor->name, (int)shape.dims[0]);
    }
    shape.dims[0] = w->batch;
    keep_shape(tensor, &shape);
    w->axis[index] = 0;
  }
  return LN_OK;
}

static bool has_batch(const ln_optimizer *o, int32_t batch) {
  const ln_graph *graph = ln_optimizer_graph(o);
  for (int32_t i = 0; i < graph->input_count; ++i) {
    const ln_shape *shape = &graph->tensors[graph->inputs[i]].signature;
    if (shape->rank > 0 && shape->dims[0] != batch && (batch != 1 || shape->dims[0] >= 0)) return false;
  }
  return true;
}

static ln_status carry_through(walk *w) {
  LN_TRY(widen_inputs(w));
  for (int32_t i = 0; i < ln_optimizer_graph(w->o)->op_count; ++i) LN_TRY(visit(w, &i));
  return LN_OK;
}

ln_status ln_train_rebatch(ln_optimizer *o, int32_t batch) {
  walk w = {.o = o, .batch = batch};
  ln_model *model = NULL;
  ln_session *session = NULL;
  if (batch < 1) return ln_fail(o->err, LN_ERR_ARGUMENT, "a batch of %d samples", (int)batch);
  if (!begin(&w)) return ln_optimizer_no_memory(o);
  ln_status status = open_session(o, &model, &session);
  if (status == LN_OK) take_one(&w, session);
  if (status == LN_OK && !has_batch(o, batch)) {
    status = carry_through(&w);
    ln_session_destroy(session);
    ln_model_destroy(model);
    session = NULL;
    model = NULL;
    if (status == LN_OK) status = open_session(o, &model, &session);
  }
  if (status == LN_OK) status = ln_grad_take_shapes(o, session);
  ln_session_destroy(session);
  ln_model_destroy(model);
  return status;
}
