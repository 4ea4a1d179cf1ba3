/*
 * Weights in integers of 8, 4 and 2 bits, activations in floats: dynamic range, where operators take integers as they
 * are, and weights alone, which a DEQUANTIZE gives to them as floats. What stock LiteRT runs is written wherever a form
 * of it exists.
 */
#include "optimize/weight_forms.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/convert.h"
#include "optimize/learned_rounding.h"
#include "optimize/linear.h"

enum {
  LEAST_WEIGHTS = 1024, /* fewer stay floats, as TFLite's converter has it */
  MOST_COLUMNS = 2048,  /* of moments: the time grows with their third power */
  SHORT_ROW = 64,
  MOST_PASSES = 32,  /* over the samples, for layers to learn one after the other */
  MOST_SAMPLES = 256 /* that rounding learns from, unless the stage says a number */
};

/* How a layer comes by its weights. */
typedef enum way {
  LEFT,      /* as they were */
  DIRECT,    /* the operator reads integers */
  UNPACKED,  /* through DEQUANTIZE */
  IN_BLOCKS, /* the operator reads integers in blocks as floats */
  PICKED     /* GATHER picks integers, a DEQUANTIZE follows it */
} way;

typedef struct weight_form {
  ln_layer layer;
  way way;
  ln_type type;
  int32_t bits;
  bool per_tensor, learned;
  int32_t block;   /* columns that share a scale */
  int32_t lanes;   /* of moments: parts of the rows that see other inputs */
  double *moments; /* [lanes, columns, columns] of inputs as they are now; NULL: none */
  double *cross;   /* the same: sums of what they were by what they are */
  float *was, *is; /* inputs that are not counted in the moments yet, [held, columns] */
  int64_t held;
  ln_report_layer row; /* of the report */
} weight_form;

/* ---- what becomes of a layer ---- */

static ln_type type_of_bits(int32_t bits) { return bits == 8 ? LN_INT8 : bits == 4 ? LN_INT4 : LN_INT2; }

const char *ln_weight_form_shared(const ln_optimizer *o, const ln_stage *stage, int32_t index) {
  const ln_graph *graph = ln_optimizer_graph(o);
  for (int32_t i = 0; i < graph->output_count; ++i) {
    if (graph->outputs[i] == index) return "an output of the graph";
  }
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] == index && !ln_stage_takes(stage, o, op)) return "shared with an operator that is left out";
    }
  }
  return NULL;
}

/* Operators may read integers directly only where all that read them do so in the same way. */
static bool read_alike(const ln_optimizer *o, const ln_layer *layer) {
  const ln_graph *graph = ln_optimizer_graph(o);
  const ln_op_def *def = ln_layer_op(o, layer)->def;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] == layer->weights && op->def != def) return false;
    }
  }
  return true;
}

static bool is_gather(const ln_optimizer *o, const ln_layer *layer) {
  return layer->kind == LN_LAYER_EMBEDDING && ln_layer_op(o, layer)->inputs[0] == layer->weights;
}

/* Dynamic range: what LiteRT's hybrid kernels take; other layers get their weights through DEQUANTIZE. */
static void choose_dynamic(const ln_optimizer *o, weight_form *form) {
  const ln_layer *layer = &form->layer;
  const bool alike = read_alike(o, layer);
  form->way = UNPACKED;
  switch (layer->kind) {
    case LN_LAYER_CONV:
    case LN_LAYER_DEPTHWISE: form->way = alike ? DIRECT : UNPACKED; break;
    case LN_LAYER_FULLY_CONNECTED:
    case LN_LAYER_BATCH_MATMUL:
    case LN_LAYER_RECURRENT:
      form->way = alike ? DIRECT : UNPACKED;
      form->per_tensor |= alike;
      break;
    default: break;
  }
}

static bool blocks_fit(const ln_layer *layer, const ln_tensor *weights, int32_t block) {
  return block > 0 && layer->axis == 0 && layer->kind != LN_LAYER_RECURRENT && layer->kind != LN_LAYER_EMBEDDING &&
         weights->shape.dims[weights->shape.rank - 1] % block == 0;
}

/* Which of the forms the stage's format means for a layer; what is left is said in `row.what`. */
static ln_status choose(ln_optimizer *o, const ln_stage *stage, weight_form *form) {
  const ln_layer *layer = &form->layer;
  const ln_op *op = ln_layer_op(o, layer);
  const ln_tensor *weights = &ln_optimizer_graph(o)->tensors[layer->weights];
  const ln_quantize_format format = ln_quantize_format_of(o, stage, op);
  const int32_t block = (int32_t)ln_stage_number(stage, o, op, "block");
  const char *shared = ln_weight_form_shared(o, stage, layer->weights);
  int32_t axis;
  const bool is_small = (int64_t)layer->rows * layer->columns < LEAST_WEIGHTS;
  if (is_small || shared != NULL || weights->type != LN_FLOAT32) {
    const char *why = is_small ? "fewer than 1024 weights" : shared != NULL ? shared : "not float32";
    const char *what = ln_arena_printf(ln_optimizer_arena(o), "left as it is: %s", why);
    if (what == NULL) return ln_optimizer_no_memory(o);
    form->row.what = what;
    return LN_OK;
  }
  form->bits = format == LN_QUANTIZE_INT4_WEIGHTS ? 4 : format == LN_QUANTIZE_INT2_WEIGHTS ? 2 : 8;
  form->type = type_of_bits(form->bits);
  form->per_tensor = ln_quantize_is_per_tensor(o, stage, layer);
  form->block = layer->columns;
  form->way = UNPACKED;
  form->learned =
      ln_stage_is(stage, o, op, "rounding", "learned") && ln_invariant_clusters(o, layer->weights, &axis) == 0;
  if (format == LN_QUANTIZE_DYNAMIC) choose_dynamic(o, form);
  /* Scales and zero points of short rows would take more than the rows. */
  if (layer->kind == LN_LAYER_EMBEDDING) form->per_tensor |= form->bits == 8 || layer->columns < SHORT_ROW;
  if (layer->kind == LN_LAYER_EMBEDDING && form->bits == 8 && read_alike(o, layer)) {
    form->way = is_gather(o, layer) ? PICKED : DIRECT;
  }
  if (form->way != UNPACKED || form->per_tensor || !blocks_fit(layer, weights, block)) return LN_OK;
  /* Int4 is asked to run everywhere: only FULLY_CONNECTED has a form in blocks that LiteRT runs. */
  if (form->bits == 4 && layer->kind != LN_LAYER_FULLY_CONNECTED) return LN_OK;
  form->way = IN_BLOCKS;
  form->block = block;
  return LN_OK;
}

/* ---- what layers multiply ---- */

typedef struct learning {
  ln_optimizer *o;
  weight_form *forms;
  int32_t from, to;   /* of the forms, those whose moments are collected */
  ln_session *floats; /* of the model before the stage */
  int64_t most;       /* positions of one sample, and those that are counted together */
} learning;

static void drop_moments(weight_form *form) {
  ln_free(form->moments);
  ln_free(form->cross);
  ln_free(form->was);
  ln_free(form->is);
  form->moments = form->cross = NULL;
  form->was = form->is = NULL;
}

static void count_held(weight_form *form, int32_t lane) {
  const int32_t n = form->layer.columns;
  const size_t at = (size_t)lane * (size_t)n * (size_t)n; /* bounded: as allocated */
  ln_linear_add_moments(form->moments + at, n, form->is, form->held);
  ln_linear_add_products(form->cross + at, form->was, n, form->is, n, form->held);
  form->held = 0;
}

static void add_layer(const learning *l, weight_form *form, const ln_tensor *was, const ln_tensor *is, int64_t sample) {
  const ln_layer *layer = &form->layer;
  for (int32_t lane = 0; form->moments != NULL && lane < form->lanes; ++lane) {
    const int32_t row = layer->rows / form->lanes * lane;
    const size_t at = (size_t)form->held * (size_t)layer->columns;
    const int64_t most = l->most - form->held; /* a sample that does not fit gives as many as do */
    const int64_t taken = ln_layer_patches(l->o, layer, is, row, most, (uint64_t)sample, form->is + at);
    if (taken < 0 || ln_layer_patches(l->o, layer, was, row, most, (uint64_t)sample, form->was + at) != taken) {
      drop_moments(form);
      return;
    }
    form->held += taken;
    if (form->lanes > 1 || form->held == l->most) count_held(form, lane);
  }
}

static ln_status add_sample(void *user, int64_t sample, ln_session *session, ln_error *err) {
  const learning *l = user;
  const ln_samples *samples = l->o->options->calibration;
  LN_TRY(samples->fill(samples->user, sample, l->floats, err));
  LN_TRY(ln_session_run(l->floats, err));
  for (int32_t i = l->from; i < l->to; ++i) {
    const int32_t input = l->forms[i].layer.input;
    if (l->forms[i].moments == NULL) continue;
    add_layer(l, &l->forms[i], ln_session_tensor(l->floats, input), ln_session_tensor(session, input), sample);
  }
  return LN_OK;
}

static bool alloc_moments(const ln_optimizer *o, weight_form *form, int64_t most) {
  const size_t columns = (size_t)form->layer.columns;
  size_t elements, room;
  form->lanes = ln_layer_lanes(o, &form->layer);
  if (!ln_size_mul(columns, columns, &elements) || !ln_size_mul(elements, (size_t)form->lanes, &elements)) return false;
  if (!ln_size_mul(columns, (size_t)most, &room)) return false;
  form->moments = ln_alloc_array(elements, sizeof *form->moments);
  form->cross = ln_alloc_array(elements, sizeof *form->cross);
  form->was = ln_alloc_array(room, sizeof *form->was);
  form->is = ln_alloc_array(room, sizeof *form->is);
  return form->moments != NULL && form->cross != NULL && form->was != NULL && form->is != NULL;
}

static ln_status open_floats(const ln_optimizer *o, ln_model *before, ln_session **out) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.keep_all_tensors = true;
  options.threads = o->options->threads;
  options.signature = o->options->signature;
  return ln_session_create(before, &options, o->err, out);
}

/* Collects the moments of forms [from, to), which share a run of `now` over the samples. */
static ln_status learn_some(ln_optimizer *o, const ln_stage *stage, ln_model *before, ln_model *now, learning *l) {
  enum { POSITIONS = 48 };
  const int64_t asked = (int64_t)ln_stage_number(stage, o, NULL, "samples");
  l->most = POSITIONS;
  for (int32_t i = l->from; i < l->to; ++i) {
    if (l->forms[i].learned && !alloc_moments(o, &l->forms[i], l->most)) return ln_optimizer_no_memory(o);
  }
  ln_status status = open_floats(o, before, &l->floats);
  if (status == LN_OK) {
    status = ln_observe(o, now, o->options->calibration, asked > 0 ? asked : MOST_SAMPLES, "learning to round",
                        add_sample, l);
  }
  for (int32_t i = l->from; i < l->to; ++i) {
    if (l->forms[i].moments != NULL && l->forms[i].held > 0) count_held(&l->forms[i], 0);
  }
  ln_session_destroy(l->floats);
  return status;
}

static bool may_learn(const ln_layer *layer) {
  return layer->columns <= MOST_COLUMNS && layer->input >= 0 && layer->kind != LN_LAYER_RECURRENT &&
         layer->kind != LN_LAYER_EMBEDDING && layer->kind != LN_LAYER_TRANSPOSE_CONV;
}

/* Rounds one layer's weights: `scales` has one for each block. */
static ln_status round_weights(ln_optimizer *o, const weight_form *form, const float *values, const float *scales,
                               int8_t *integers) {
  const ln_layer *layer = &form->layer;
  const size_t columns = (size_t)layer->columns;
  if (form->moments == NULL) {
    ln_round_nearest(values, layer->rows, layer->columns, scales, form->block, form->bits, integers);
    return LN_OK;
  }
  const int32_t rows = layer->rows / form->lanes;
  for (int32_t lane = 0; lane < form->lanes; ++lane) {
    const size_t first = (size_t)lane * (size_t)rows, at = first * columns;
    LN_TRY(ln_round_by_moments(o, values + at, rows, layer->columns, scales + first * (columns / (size_t)form->block),
                               form->block, form->bits, form->moments + (size_t)lane * columns * columns,
                               integers + at));
  }
  return LN_OK;
}

/* ---- scales ---- */

/* The scale for `count` weights that leaves the least squared error, each weighed by the power of its input (diagonal
 * [count], in steps of `stride`; NULL: alike). */
static float fit_scale(const float *values, int32_t count, const double *power, size_t stride, int32_t bits) {
  enum { STEPS = 40 };
  float magnitude = 0, scale = 0;
  double least = INFINITY;
  for (int32_t i = 0; i < count; ++i) magnitude = fmaxf(magnitude, fabsf(values[i]));
  for (int32_t step = 0; step < STEPS; ++step) {
    const float tried = magnitude / (float)ln_weight_high(bits) * (1 - 0.02f * (float)step);
    double error = 0;
    if (!(tried > 0)) break;
    for (int32_t i = 0; i < count; ++i) {
      const float rounded = rintf(values[i] / tried);
      const float clamped = fminf(fmaxf(rounded, (float)ln_weight_low(bits)), (float)ln_weight_high(bits));
      const double gap = (double)values[i] - (double)tried * (double)clamped;
      error += gap * gap * (power == NULL ? 1 : power[(size_t)i * stride]);
    }
    if (error >= least) continue;
    least = error;
    scale = tried;
  }
  return scale > 0 ? scale : 1;
}

/* A scale for each block of each row: [rows, columns / block]. */
static void fit_scales(const ln_optimizer *o, const weight_form *form, const float *values, float *scales) {
  const ln_layer *layer = &form->layer;
  const size_t columns = (size_t)layer->columns;
  const bool whole_rows = form->block == layer->columns;
  if (whole_rows && (form->bits == 8 || (o->trained != NULL && o->trained->scales[layer->weights] != NULL))) {
    ln_weight_scales_of(o, layer, values, form->bits, form->per_tensor, scales);
    return;
  }
  if (form->per_tensor) {
    const float scale = fit_scale(values, layer->rows * layer->columns, NULL, 0, form->bits); /* bounded: a tensor's */
    for (int32_t row = 0; row < layer->rows; ++row) scales[row] = scale;
    return;
  }
  for (int32_t row = 0; row < layer->rows; ++row) {
    for (int32_t c = 0; c < layer->columns; c += form->block) {
      const double *power = NULL;
      if (form->moments != NULL) {
        const int32_t lane = row / (layer->rows / form->lanes);
        power = form->moments + (size_t)lane * columns * columns + (size_t)c * (columns + 1);
      }
      const float scale = fit_scale(values + (size_t)row * columns + c, form->block, power, columns + 1, form->bits);
      /* Scales of blocks are stored in 16 bits. */
      const bool is_half = form->way == IN_BLOCKS;
      *scales++ = is_half ? ln_k_half_to_float(ln_k_float_to_half(scale)) : scale;
    }
  }
}

/* ---- writing ---- */

static const ln_quant *quant_of(ln_optimizer *o, const weight_form *form, const float *scales) {
  if (form->per_tensor) return ln_quant_make(ln_optimizer_arena(o), scales[0], 0);
  return ln_edit_axis_quant(ln_optimizer_arena(o), scales, form->layer.rows, form->layer.axis);
}

/* The integers as they are stored: in the tensor's own order, packed. */
static void *pack(ln_optimizer *o, const weight_form *form, int8_t *integers, size_t *bytes) {
  const ln_layer *layer = &form->layer;
  const size_t rows = (size_t)layer->rows, columns = (size_t)layer->columns, count = rows * columns;
  ln_arena *arena = ln_optimizer_arena(o);
  *bytes = (count * (size_t)form->bits + 7) / 8;
  if (layer->axis != 0) {
    int8_t *turned = ln_alloc_array(count, sizeof *turned);
    if (turned == NULL) return NULL;
    for (size_t r = 0; r < rows; ++r) {
      for (size_t c = 0; c < columns; ++c) turned[c * rows + r] = integers[r * columns + c];
    }
    memcpy(integers, turned, count);
    ln_free(turned);
  }
  if (form->bits == 8) return ln_arena_copy(arena, integers, count);
  uint8_t *packed = ln_arena_array(arena, *bytes, sizeof *packed);
  if (packed != NULL) ln_k_pack_bits((const uint8_t *)integers, count, form->bits, packed);
  return packed;
}

ln_status ln_weight_form_unpack(ln_optimizer *o, int32_t index, int32_t at, int32_t code, ln_type type,
                                const ln_quant *quant, void *data, size_t bytes, int32_t *stored) {
  ln_graph *graph = ln_optimizer_graph(o);
  ln_tensor constant = graph->tensors[index];
  void *options = NULL;
  if (quant == NULL || data == NULL) return ln_optimizer_no_memory(o);
  constant.quant = quant;
  ln_edit_set_data(&constant, type, data, bytes);
  *stored = ln_graph_add_tensor(graph, ln_optimizer_arena(o), &constant);
  ln_op *op = *stored < 0 ? NULL : ln_edit_insert_op(o, at, code, 1, 1, &options);
  const char *name =
      ln_arena_printf(ln_optimizer_arena(o), "%s_%s", constant.name, code == LN_OP_CAST ? "cast" : "dequantize");
  if (op == NULL || name == NULL) return ln_optimizer_no_memory(o);
  if (code == LN_OP_CAST) {
    ((ln_cast_options *)options)->in_data_type = (int8_t)type;
    ((ln_cast_options *)options)->out_data_type = LN_FLOAT32;
  }
  op->inputs[0] = *stored;
  op->outputs[0] = index;
  ln_tensor *tensor = &graph->tensors[index];
  tensor->name = name;
  tensor->data = NULL;
  tensor->bytes = 0;
  tensor->buffer = 0;
  tensor->sparsity = NULL;
  tensor->quant = &ln_quant_none;
  tensor->type = LN_FLOAT32;
  tensor->storage = LN_STORAGE_NONE;
  op->version = ln_edit_op_version(graph, op);
  return ln_invariant_move(o, index, *stored);
}

/* The operator's own option that hybrid kernels quantize activations with a zero point; NULL where it has none. */
static bool *asymmetric_option(const ln_op *op) {
  const ln_table_info *table = ln_schema_table(op->options_table);
  for (int32_t i = 0; table != NULL && i < table->field_count; ++i) {
    const ln_field_info *field = &table->fields[i];
    if (strcmp(ln_field_name(field), "asymmetric_quantize_inputs") != 0) continue;
    return (bool *)((char *)(uintptr_t)op->options + field->offset); /* the edited model's own */
  }
  return NULL;
}

/* After weights that operators read directly changed their type. */
static void refresh_readers(ln_optimizer *o, int32_t weights, bool is_hybrid) {
  ln_graph *graph = ln_optimizer_graph(o);
  for (int32_t i = 0; i < graph->op_count; ++i) {
    ln_op *op = &graph->ops[i];
    bool reads = false;
    for (int32_t j = 0; j < op->input_count; ++j) reads |= op->inputs[j] == weights;
    if (!reads) continue;
    bool *asymmetric = asymmetric_option(op);
    if (is_hybrid && asymmetric != NULL) *asymmetric = op->has_options = true;
    op->version = ln_edit_op_version(graph, op);
  }
}

static ln_status write_direct(ln_optimizer *o, const weight_form *form, const float *scales, void *data, size_t bytes) {
  ln_tensor *tensor = &ln_optimizer_graph(o)->tensors[form->layer.weights];
  const ln_quant *quant = quant_of(o, form, scales);
  if (quant == NULL) return ln_optimizer_no_memory(o);
  tensor->quant = quant;
  ln_edit_set_data(tensor, form->type, data, bytes);
  refresh_readers(o, form->layer.weights, true);
  return LN_OK;
}

static ln_status write_blocks(ln_optimizer *o, const weight_form *form, const float *scales, void *data, size_t bytes) {
  ln_graph *graph = ln_optimizer_graph(o);
  ln_arena *arena = ln_optimizer_arena(o);
  const ln_layer *layer = &form->layer;
  ln_shape shape = graph->tensors[layer->weights].shape;
  shape.dims[shape.rank - 1] /= form->block;
  size_t count;
  if (!ln_shape_elements(&shape, &count)) return ln_optimizer_no_memory(o);
  uint16_t *halves = ln_arena_array(arena, count, sizeof *halves);
  ln_quant *quant = ln_arena_alloc(arena, sizeof *quant);
  const char *name = ln_arena_printf(arena, "%s_scales", graph->tensors[layer->weights].name);
  if (halves == NULL || quant == NULL || name == NULL) return ln_optimizer_no_memory(o);
  for (size_t i = 0; i < count; ++i) halves[i] = ln_k_float_to_half(scales[i]);
  *quant = ln_quant_none;
  quant->kind = LN_QUANT_BLOCKWISE;
  quant->block_size = form->block;
  quant->scales_tensor = ln_edit_add_constant(o, name, LN_FLOAT16, &shape, halves, count * sizeof *halves);
  if (quant->scales_tensor < 0) return ln_optimizer_no_memory(o);
  ln_tensor *tensor = &graph->tensors[layer->weights];
  tensor->quant = quant;
  ln_edit_set_data(tensor, form->type, data, bytes);
  refresh_readers(o, layer->weights, false);
  if (form->bits == 4) {
    return ln_report_add_note(o,
                              "int4 in blocks: LiteRT runs them through XNNPACK, which it takes by default; its "
                              "reference kernel reads them wrongly");
  }
  return ln_report_add_note(o,
                            "weights of int%d in blocks of %d are a form that Linnet reads, and stock LiteRT does not",
                            form->bits, form->block);
}

/* Of GATHER: what it gives becomes integers, made floats behind it. */
static ln_status write_picked(ln_optimizer *o, const weight_form *form, const float *scales, void *data, size_t bytes) {
  const int32_t weights = form->layer.weights;
  LN_TRY(write_direct(o, form, scales, data, bytes));
  for (int32_t i = 0; i < ln_optimizer_graph(o)->op_count; ++i) {
    ln_graph *graph = ln_optimizer_graph(o);
    if (graph->ops[i].inputs == NULL || graph->ops[i].input_count < 1 || graph->ops[i].inputs[0] != weights) continue;
    const int32_t real = graph->ops[i].outputs[0];
    ln_tensor picked = graph->tensors[real];
    picked.type = form->type;
    picked.quant = graph->tensors[weights].quant;
    picked.name = ln_arena_printf(ln_optimizer_arena(o), "%s_quantized", picked.name);
    const int32_t index = picked.name == NULL ? -1 : ln_graph_add_tensor(graph, ln_optimizer_arena(o), &picked);
    ln_op *op = index < 0 ? NULL : ln_edit_insert_op(o, i + 1, LN_OP_DEQUANTIZE, 1, 1, NULL);
    if (op == NULL) return ln_optimizer_no_memory(o);
    op->inputs[0] = index;
    op->outputs[0] = real;
    op->version = ln_edit_op_version(graph, op);
    graph->ops[i].outputs[0] = index;
    graph->ops[i].version = ln_edit_op_version(graph, &graph->ops[i]);
  }
  return LN_OK;
}

/* The root of the mean squared error over that of the values, and the share of zeros. */
static void measure(const weight_form *form, const float *values, const float *scales, const int8_t *integers,
                    ln_report_layer *row) {
  const ln_layer *layer = &form->layer;
  double error = 0, power = 0;
  int64_t zeros = 0;
  for (int32_t r = 0; r < layer->rows; ++r) {
    for (int32_t c = 0; c < layer->columns; ++c) {
      const size_t at = (size_t)r * (size_t)layer->columns + (size_t)c;
      const size_t block = (size_t)r * (size_t)(layer->columns / form->block) + (size_t)(c / form->block);
      const double value = (double)values[at], gap = value - (double)scales[block] * integers[at];
      error += gap * gap;
      power += value * value;
      zeros += integers[at] == 0;
    }
  }
  row->weight_error = power > 0 ? sqrt(error / power) : 0;
  row->sparsity = (double)zeros / ((double)layer->rows * layer->columns);
}

static const char *describe(ln_optimizer *o, const weight_form *form) {
  char scales[48];
  if (form->way == IN_BLOCKS) snprintf(scales, sizeof scales, "a scale for %d weights", form->block);
  else snprintf(scales, sizeof scales, "a scale a %s", form->per_tensor ? "tensor" : "channel");
  const bool is_dynamic = form->way == DIRECT && form->layer.kind != LN_LAYER_EMBEDDING;
  return ln_arena_printf(ln_optimizer_arena(o), "int%d, %s%s%s", form->bits, scales,
                         is_dynamic ? ", inputs quantized in the run" : "",
                         form->moments != NULL ? ", learned rounding" : "");
}

static ln_status write_form(ln_optimizer *o, weight_form *form, const float *scales, void *data, size_t bytes) {
  int32_t stored;
  switch (form->way) {
    case DIRECT: return write_direct(o, form, scales, data, bytes);
    case IN_BLOCKS: return write_blocks(o, form, scales, data, bytes);
    case PICKED: return write_picked(o, form, scales, data, bytes);
    default:
      return ln_weight_form_unpack(o, form->layer.weights, form->layer.op, LN_OP_DEQUANTIZE, form->type,
                                   quant_of(o, form, scales), data, bytes, &stored);
  }
}

static ln_status quantize_layer(ln_optimizer *o, weight_form *form) {
  const ln_layer *layer = &form->layer;
  const size_t count = (size_t)layer->rows * (size_t)layer->columns; /* bounded: elements of a tensor */
  const size_t blocks = (size_t)layer->rows * (size_t)(layer->columns / form->block);
  float *values = NULL;
  LN_TRY(ln_layer_read(o, layer, &values));
  float *scales = ln_alloc_array(blocks, sizeof *scales);
  int8_t *integers = ln_alloc_array(count, sizeof *integers);
  ln_status status = scales == NULL || integers == NULL ? ln_optimizer_no_memory(o) : LN_OK;
  for (int32_t lane = 0; status == LN_OK && form->moments != NULL && lane < form->lanes; ++lane) {
    const size_t columns = (size_t)layer->columns, at = (size_t)lane * columns * columns;
    const int32_t rows = layer->rows / form->lanes;
    status = ln_catch_up(o, values + (size_t)lane * (size_t)rows * columns, rows, layer->columns, form->moments + at,
                         form->cross + at);
  }
  if (status == LN_OK) {
    fit_scales(o, form, values, scales);
    status = round_weights(o, form, values, scales, integers);
  }
  if (status == LN_OK) {
    size_t bytes;
    measure(form, values, scales, integers, &form->row);
    form->row.what = describe(o, form);
    void *data = pack(o, form, integers, &bytes);
    form->row.bytes_after = (int64_t)bytes;
    status =
        data == NULL || form->row.what == NULL ? ln_optimizer_no_memory(o) : write_form(o, form, scales, data, bytes);
  }
  ln_free(integers);
  ln_free(scales);
  ln_free(values);
  return status;
}

/* ---- recurrent layers: all matrices of a cell in integers, or none ---- */

static void settle_cells(ln_optimizer *o, weight_form *forms, int32_t count) {
  ln_graph *graph = ln_optimizer_graph(o);
  for (int32_t i = 0; i < count; ++i) {
    if (forms[i].layer.kind != LN_LAYER_RECURRENT || forms[i].way != DIRECT) continue;
    int32_t end = i;
    while (end < count && forms[end].layer.op == forms[i].layer.op) ++end;
    for (int32_t j = i; j < end; ++j)
      graph->tensors[forms[j].layer.weights].type = forms[j].way == DIRECT ? LN_INT8 : LN_FLOAT32;
    const bool good = ln_op_check_types(graph, ln_layer_op(o, &forms[i].layer), NULL) == LN_OK;
    for (int32_t j = i; j < end; ++j) {
      graph->tensors[forms[j].layer.weights].type = LN_FLOAT32;
      if (good) continue;
      forms[j].way = LEFT;
      forms[j].row.what = "left as it is: not all matrices of the cell can be int8";
    }
    i = end - 1;
  }
}

/* ---- all layers ---- */

static bool is_of_integers(ln_quantize_format format) {
  return format == LN_QUANTIZE_DYNAMIC || format == LN_QUANTIZE_INT8_WEIGHTS || format == LN_QUANTIZE_INT4_WEIGHTS ||
         format == LN_QUANTIZE_INT2_WEIGHTS || format == LN_QUANTIZE_BF16_INT8;
}

/* Forms [from, to), and what is learned for them from the model with those before them in integers. */
static ln_status quantize_some(ln_optimizer *o, const ln_stage *stage, ln_model *before, weight_form *forms,
                               int32_t from, int32_t to, int32_t count) {
  learning l = {.o = o, .forms = forms, .from = from, .to = to};
  ln_model *now = NULL;
  bool any = false;
  for (int32_t i = from; i < to; ++i) any |= forms[i].learned;
  ln_status status = any ? ln_edit_snapshot(o->model, o->err, &now) : LN_OK;
  if (status == LN_OK && any) status = learn_some(o, stage, before, now, &l);
  ln_model_destroy(now);
  for (int32_t i = from; status == LN_OK && i < to; ++i) {
    const int32_t ops = ln_optimizer_graph(o)->op_count;
    if (forms[i].way != LEFT) status = quantize_layer(o, &forms[i]);
    drop_moments(&forms[i]);
    /* Operators that were put before it moved those behind. */
    for (int32_t j = i + 1; j < count; ++j) forms[j].layer.op += ln_optimizer_graph(o)->op_count - ops;
  }
  return status;
}

/* A few at a time: a layer learns from inputs as layers before it leave them, and the moments of all do not stand in
 * memory together. */
static ln_status learn_and_quantize(ln_optimizer *o, const ln_stage *stage, weight_form *forms, int32_t count) {
  static const int64_t together = 1 << 24; /* elements of moments */
  ln_model *before = NULL;
  int32_t learned = 0;
  for (int32_t i = 0; i < count; ++i) {
    forms[i].learned = forms[i].learned && forms[i].way != LEFT && may_learn(&forms[i].layer);
    learned += forms[i].learned;
  }
  if (learned > 0) {
    LN_TRY(ln_optimizer_needs_samples(o));
    LN_TRY(ln_edit_snapshot(o->model, o->err, &before));
  }
  const int32_t at_once = learned / MOST_PASSES + 1;
  ln_status status = LN_OK;
  for (int32_t from = 0, to; status == LN_OK && from < count; from = to) {
    int64_t elements = 0;
    int32_t taken = 0;
    for (to = from; to < count; ++to) {
      const weight_form *form = &forms[to];
      if (!form->learned) continue;
      elements += (int64_t)form->layer.columns * form->layer.columns * ln_layer_lanes(o, &form->layer);
      if (taken == at_once || (taken > 0 && elements > together)) break;
      ++taken;
    }
    status = quantize_some(o, stage, before, forms, from, to, count);
  }
  for (int32_t i = 0; i < count; ++i) drop_moments(&forms[i]);
  ln_model_destroy(before);
  return status;
}

static ln_status quantize_layers(ln_optimizer *o, const ln_stage *stage, const ln_layer *layers, int32_t count) {
  weight_form *forms = ln_alloc_array((size_t)count + 1, sizeof *forms);
  int32_t kept = 0;
  ln_status status = forms == NULL ? ln_optimizer_no_memory(o) : LN_OK;
  for (int32_t i = 0; status == LN_OK && i < count; ++i) {
    if (!is_of_integers(ln_quantize_format_of(o, stage, ln_layer_op(o, &layers[i])))) continue;
    forms[kept] = (weight_form){.layer = layers[i], .row = ln_report_layer_of(o, &layers[i], "")};
    status = choose(o, stage, &forms[kept++]);
  }
  if (status == LN_OK) {
    settle_cells(o, forms, kept);
    status = learn_and_quantize(o, stage, forms, kept);
  }
  for (int32_t i = 0; status == LN_OK && i < kept; ++i) status = ln_report_add_layer(o, &forms[i].row);
  ln_free(forms);
  return status;
}

ln_status ln_quantize_weight_forms(ln_optimizer *o, const ln_stage *stage, ln_quantize_format format) {
  ln_layer *layers = NULL;
  int32_t count = 0;
  ln_model *before = NULL;
  (void)format; /* each operator's own holds */
  LN_TRY(ln_layers_find(o, stage, &layers, &count));
  const bool corrects = ln_stage_flag(stage, o, NULL, "bias-correction");
  ln_status status = LN_OK;
  if (corrects) status = ln_optimizer_needs_samples(o);
  if (corrects && status == LN_OK) status = ln_edit_snapshot(o->model, o->err, &before);
  if (status == LN_OK) status = quantize_layers(o, stage, layers, count);
  if (status == LN_OK) status = ln_weight_halves(o, stage);
  if (status == LN_OK && corrects) status = ln_bias_correct(o, stage, before);
  if (status == LN_OK) status = ln_bf16_activations(o, stage);
  ln_model_destroy(before);
  ln_free(layers);
  return status;
}
