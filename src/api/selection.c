/*
 * What running models takes of the library, for builds that hold no more (base/selection.h): the operators of their
 * graphs, as they are in the file and as the passes leave them, and the element types that each of them meets.
 */
#include <stdio.h>
#include <string.h>

#include "linnet/inspect.h"
#include "runtime/runtime.h"

typedef struct selection {
  uint32_t *types; /* [rows of the table]; 0 for an operator that no graph has */
  uint32_t all;    /* those of any operator */
  bool tables[LN_TABLE_COUNT];
  bool stand_ins, sparse, codebooks, blockwise, one_channel, custom, flex;
} selection;

static const uint32_t PRESENT = UINT32_C(1) << 31; /* an operator without tensors has no type */

/* ---- what graphs hold ---- */

static uint32_t bit(ln_type type) { return UINT32_C(1) << type; }

/* A tensor's type and those that its values are read as (ops/weights.h, ops/stand_in.c). */
static uint32_t types_of(const ln_tensor *tensor) {
  const bool narrow = tensor->type == LN_INT8 || tensor->type == LN_UINT8 || tensor->type == LN_INT16;
  const bool unscaled = narrow && tensor->quant->count == 0 && tensor->quant->kind != LN_QUANT_BLOCKWISE;
  const uint32_t own = bit(tensor->type) | (unscaled ? UINT32_C(1) << LN_UNSCALED : 0);
  if (tensor->quant->kind == LN_QUANT_BLOCKWISE) return own | bit(LN_FLOAT32) | bit(LN_INT8);
  switch (tensor->type) {
    case LN_INT4:
    case LN_INT2: return own | bit(LN_INT8);
    case LN_UINT4: return own | bit(LN_UINT8);
    case LN_FLOAT16:
    case LN_BFLOAT16: return own | bit(LN_FLOAT32);
    case LN_COMPLEX64: return own | bit(LN_FLOAT32);
    case LN_COMPLEX128: return own | bit(LN_FLOAT64);
    default: return own;
  }
}

static uint32_t add_tensors(selection *s, const ln_graph *graph, const int32_t *tensors, int32_t count) {
  uint32_t types = 0;
  for (int32_t i = 0; i < count; ++i) {
    if (tensors[i] < 0) continue;
    const ln_tensor *tensor = &graph->tensors[tensors[i]];
    types |= types_of(tensor);
    s->blockwise = s->blockwise || tensor->quant->kind == LN_QUANT_BLOCKWISE;
  }
  return types;
}

/* Builtin operators whose rows others run in their own run (ln_op_find in src/ops). */
static const struct {
  int32_t user, used;
} inner_rows[] = {
    {LN_OP_STABLEHLO_CONVOLUTION, LN_OP_DEPTHWISE_CONV_2D},
    {LN_OP_STABLEHLO_CONVOLUTION, LN_OP_TRANSPOSE_CONV},
};

/* As floats, which is how they are given to them. */
static void add_inner_rows(selection *s, int32_t code, uint32_t types) {
  for (size_t i = 0; i < LN_COUNT(inner_rows); ++i) {
    if (inner_rows[i].user != code) continue;
    s->types[inner_rows[i].used] |= types | bit(LN_FLOAT32) | PRESENT; /* rows stand by code */
    s->tables[ln_op_find(inner_rows[i].used)->options] = true;
    s->one_channel = true; /* which they read is known in run */
  }
}

/* Whether a depthwise convolution may read one channel. */
static bool reads_one_channel(const ln_graph *graph, const ln_op *op) {
  if (op->def->code != LN_OP_DEPTHWISE_CONV_2D || op->custom_name != NULL || op->input_count < 1) return false;
  if (op->inputs[0] < 0) return false;
  const ln_shape *shape = &graph->tensors[op->inputs[0]].shape;
  return shape->rank != 4 || shape->dims[3] <= 1;
}

static void add_op(selection *s, const ln_graph *graph, const ln_op *op) {
  int32_t row = 0;
  while (row < ln_op_def_count() && ln_op_def_at(row) != op->def) ++row;
  if (row == ln_op_def_count()) return; /* the program's own */
  uint32_t types = add_tensors(s, graph, op->inputs, op->input_count) |
                   add_tensors(s, graph, op->outputs, op->output_count) |
                   add_tensors(s, graph, op->intermediates, op->intermediate_count);
  const uint32_t stood = ln_op_stood_in(op->def) & types;
  s->stand_ins = s->stand_ins || stood != 0;
  for (int32_t t = 0; t < LN_TYPE_COUNT; ++t) {
    if ((stood >> t & 1) != 0) types |= bit(ln_stand_in_type((ln_type)t));
  }
  s->types[row] |= types | PRESENT;
  s->one_channel = s->one_channel || reads_one_channel(graph, op);
  s->custom = s->custom || op->custom_name != NULL;
  s->flex = s->flex || strncmp(op->def->name, "Flex", 4) == 0;
  if (op->custom_name == NULL) add_inner_rows(s, op->def->code, types);
  s->tables[op->def->options] = s->tables[op->options_table] = true;
}

static ln_status add_model(selection *s, const ln_model *model, ln_error *err) {
  for (int32_t g = 0; g < model->graph_count; ++g) {
    const ln_graph *stored = &model->graphs[g], *prepared;
    /* The verifier looks at those that no operator takes, too. */
    for (int32_t i = 0; i < stored->tensor_count; ++i) {
      s->sparse = s->sparse || stored->tensors[i].sparsity != NULL;
      s->codebooks = s->codebooks || stored->tensors[i].codebook != NULL;
    }
    LN_TRY(ln_model_cache_graph((ln_model *)(uintptr_t)model, g, false, err, &prepared));
    for (int32_t i = 0; i < stored->op_count; ++i) add_op(s, stored, &stored->ops[i]);
    for (int32_t i = 0; i < prepared->op_count; ++i) add_op(s, prepared, &prepared->ops[i]);
  }
  return LN_OK;
}

/* Rows that share functions meet the types of one another. */
static void share_types(selection *s) {
  for (int32_t i = 0; i < ln_op_def_count(); ++i) {
    const ln_op_def *a = ln_op_def_at(i);
    for (int32_t j = 0; s->types[i] != 0 && j < ln_op_def_count(); ++j) {
      const ln_op_def *b = ln_op_def_at(j);
      const bool shared = (a->prepare == b->prepare && a->prepare != ln_no_prepare) || a->run == b->run;
      if (s->types[j] == 0 || !shared || s->types[i] == s->types[j]) continue;
      s->types[i] = s->types[j] = s->types[i] | s->types[j];
      i = -1; /* from the beginning: what they share has grown */
      break;
    }
  }
  for (int32_t i = 0; i < ln_op_def_count(); ++i) s->all |= s->types[i] & ~PRESENT;
}

/* ---- as text ---- */

/* A row's identifier, as ops.def and custom.def have it: its name in letters, digits and _, without TF Text's prefix.
 */
static void add_id(ln_bytes *out, const char *name) {
  static const char prefix[] = "TFText>";
  const char *at = strstr(name, prefix);
  for (const char *c = name; *c != '\0'; ++c) {
    if (c == at) c += sizeof prefix - 1;
    const bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
    ln_bytes_byte(out, letter ? (uint8_t)*c : '_');
  }
}

static void add_text(ln_bytes *out, const char *text) { ln_bytes_add(out, text, strlen(text)); }

static void add_number(ln_bytes *out, const char *name, uint32_t value) {
  char line[96];
  snprintf(line, sizeof line, "#define LN_SELECTED_%s %#xu\n", name, (unsigned)value);
  add_text(out, line);
}

static void add_left_out(ln_bytes *out, ln_table_id table) {
  add_text(out, "#define LN_LEFT_OUT_");
  add_text(out, ln_schema_table(table)->name);
  add_text(out, " ~, LN_DROP\n");
}

static void write_selection(const selection *s, ln_bytes *out) {
  add_text(out,
           "/* Operators and element types of a build, made by `linnet select`: src/base/selection.h says what it "
           "means. */\n");
  add_number(out, "TYPES", s->all);
  add_number(out, "STAND_INS", s->stand_ins);
  add_number(out, "SPARSE", s->sparse);
  add_number(out, "CODEBOOKS", s->codebooks);
  add_number(out, "BLOCKWISE", s->blockwise);
  add_number(out, "ONE_CHANNEL", s->one_channel);
  add_number(out, "CUSTOM", s->custom);
  add_number(out, "FLEX", s->flex);
  for (int32_t i = 0; i < ln_op_def_count(); ++i) {
    char types[48];
    if (s->types[i] == 0) continue;
    snprintf(types, sizeof types, " ~, %#xu, LN_KEEP, LN_DROP\n", (unsigned)(s->types[i] & ~PRESENT));
    add_text(out, "#define LN_SELECTED_OP_");
    add_id(out, ln_op_def_at(i)->name);
    add_text(out, types);
  }
  for (int32_t t = LN_TABLE_none + 1; t < LN_TABLE_COUNT; ++t) {
    const ln_table_id table = (ln_table_id)t;
    const bool options = ln_schema_union_tag(LN_UNION_builtin_options, table) != 0 ||
                         ln_schema_union_tag(LN_UNION_builtin_options_2, table) != 0;
    if (!s->tables[t] && options) add_left_out(out, table);
  }
  add_text(out, "#if !defined(LN_WITH_METADATA)\n");
  for (int32_t t = LN_TABLE_none + 1; t < LN_TABLE_COUNT; ++t) {
    if (t >= LN_TABLE_md_file) add_left_out(out, (ln_table_id)t); /* which ir/metadata.def begins with */
  }
  add_text(out, "#endif\n");
}

ln_status ln_models_selection(const ln_model *const *models, int32_t count, ln_error *err, char *buffer, size_t size,
                              size_t *length) {
  if (count < 1 || models == NULL || length == NULL || (buffer == NULL && size > 0)) {
    return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  }
  for (int32_t i = 0; i < count; ++i) {
    if (models[i] == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "model %d is missing", i);
  }
  ln_bytes text = {0};
  selection s = {.types = ln_alloc_array((size_t)ln_op_def_count(), sizeof *s.types)};
  ln_status status = s.types == NULL ? ln_fail(err, LN_ERR_MEMORY, "no memory for a selection") : LN_OK;
  for (int32_t i = 0; i < count && status == LN_OK; ++i) status = add_model(&s, models[i], err);
  if (status != LN_OK) goto out;
  share_types(&s);
  write_selection(&s, &text);
  if (text.failed) {
    status = ln_fail(err, LN_ERR_MEMORY, "no memory for a selection");
    goto out;
  }
  *length = text.size;
  if (size > 0) {
    const size_t fits = text.size < size ? text.size : size - 1;
    memcpy(buffer, text.data, fits);
    buffer[fits] = '\0';
  }
out:
  ln_bytes_free(&text);
  ln_free(s.types);
  return status;
}
