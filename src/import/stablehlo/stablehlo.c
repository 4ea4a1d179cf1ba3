/*
 * The importer of StableHLO: recognizes text, portable bytecode and files of jax.export, and makes a graph with a
 * signature of each public function.
 */
#include <stdio.h>
#include <string.h>

#include "import/importers.h"
#include "import/stablehlo/lower.h"

enum { MOST_WORK = 1 << 21 };

bool ln_import_is_stablehlo(const ln_import_source *source) {
  const uint8_t *module;
  size_t size;
  if (source->is_folder || source->map.data == NULL) return false;
  return ln_mlir_is_bytecode(source->map.data, source->map.size) ||
         ln_mlir_is_text(source->map.data, source->map.size) ||
         ln_mlir_find_exported(source->map.data, source->map.size, &module, &size);
}

static bool read_module(ln_mlir_module *m, const uint8_t *data, size_t size) {
  const uint8_t *module;
  size_t module_size;
  if (ln_mlir_is_bytecode(data, size)) return ln_mlir_read_bytecode(m, data, size);
  if (ln_mlir_is_text(data, size)) return ln_mlir_read_text(m, data, size);
  if (ln_mlir_find_exported(data, size, &module, &module_size)) return ln_mlir_read_bytecode(m, module, module_size);
  ln_import_fail(m->import, LN_ERR_MODEL, "it is no StableHLO");
  return false;
}

/* ---- names of inputs ---- */

/* What a function that is handed the argument calls it: jax.export wraps the one that was written. */
static const char *name_inside(const ln_mlir_module *m, const ln_mlir_function *f, int32_t arg) {
  for (int32_t i = 0; i < f->body.op_count; ++i) {
    const ln_mlir_op *op = &f->body.ops[i];
    const char *callee = strcmp(op->name, "func.call") == 0 ? ln_mlir_string(op, "callee") : NULL;
    const ln_mlir_function *called = callee == NULL ? NULL : ln_mlir_find_function(m, callee);
    for (int32_t k = 0; called != NULL && k < op->operand_count && k < called->body.arg_count; ++k) {
      if (op->operands[k] == &f->body.args[arg] && called->arg_names[k] != NULL) return called->arg_names[k];
    }
  }
  return NULL;
}

static const char *input_name(ln_shlo_frame *f, int32_t arg) {
  const ln_mlir_function *function = f->function;
  const char *name = function->arg_names[arg];
  if (name == NULL || name[0] == '\0') name = name_inside(f->s->m, function, arg);
  if (name == NULL || name[0] == '\0') name = ln_arena_printf(&f->s->m->arena, "arg%d", (int)arg);
  if (name == NULL) return ln_import_no_memory(f->e->import), "";
  for (int32_t i = 0; i < ln_emit_graph(f->e)->input_count; ++i) { /* names of a signature differ */
    if (strcmp(f->e->input_names[i], name) != 0) continue;
    const char *other = ln_arena_printf(&f->s->m->arena, "%s_%d", name, (int)arg);
    return other != NULL ? other : "";
  }
  return name;
}

/* ---- open dimensions ---- */

/* An argument's dimension, as an operation asks for it; false for another value. */
static bool asks_for(const ln_mlir_function *f, const ln_mlir_value *value, int32_t *arg, int32_t *axis) {
  for (int32_t depth = 0; depth < 8; ++depth) {
    const ln_mlir_op *op = ln_shlo_source(&f->body, value);
    if (op == NULL || op->operand_count < 1) return false;
    if (strcmp(op->name, "stablehlo.convert") == 0 || strcmp(op->name, "stablehlo.reshape") == 0) {
      value = op->operands[0];
      continue;
    }
    if (strcmp(op->name, "stablehlo.get_dimension_size") != 0) return false;
    *arg = ln_shlo_argument(&f->body, op->operands[0]);
    *axis = (int32_t)ln_mlir_int(op, "dimension", -1);
    return *arg >= 0 && *axis >= 0 && *axis < LN_MAX_RANK;
  }
  return false;
}

/* A small whole number that is computed of dimensions that are known already, under one of their two sizes. */
static bool size_under(const ln_mlir_function *f, const ln_mlir_value *value, int32_t (*symbols)[LN_MAX_RANK],
                       const ln_import *import, int32_t probe, int32_t depth, int64_t *out) {
  int32_t arg, axis;
  int64_t a, b;
  if (asks_for(f, value, &arg, &axis)) {
    const int32_t dim = f->body.args[arg].type->dims[axis], symbol = symbols[arg][axis];
    if (dim < 0 && symbol < 0) return false;
    *out = dim >= 0 ? dim : import->symbols[symbol].probe[probe];
    return true;
  }
  const ln_mlir_op *op = ln_shlo_source(&f->body, value);
  if (op == NULL || depth > 16) return false;
  if (strcmp(op->name, "stablehlo.constant") == 0) {
    const ln_mlir_attr *attr = ln_mlir_attr_of(op, "value");
    if (attr == NULL || attr->kind != LN_MLIR_DENSE || ln_mlir_element_at(attr->type->element)->kind > LN_MLIR_UNSIGNED)
      return false;
    *out = ln_mlir_dense_int(attr, 0);
    return true;
  }
  if (op->operand_count < 1 || !size_under(f, op->operands[0], symbols, import, probe, depth + 1, &a)) return false;
  *out = a;
  if (strcmp(op->name, "stablehlo.convert") == 0 || strcmp(op->name, "stablehlo.reshape") == 0) return true;
  if (op->operand_count != 2 || !size_under(f, op->operands[1], symbols, import, probe, depth + 1, &b)) return false;
  if (a < -(1 << 30) || a > 1 << 30 || b < -(1 << 30) || b > 1 << 30) return false;
  if (strcmp(op->name, "stablehlo.add") == 0) *out = a + b;
  else if (strcmp(op->name, "stablehlo.subtract") == 0) *out = a - b;
  else if (strcmp(op->name, "stablehlo.multiply") == 0) *out = a * b;
  else if (strcmp(op->name, "stablehlo.divide") == 0 && b > 0) *out = a / b;
  else if (strcmp(op->name, "stablehlo.maximum") == 0) *out = a > b ? a : b;
  else if (strcmp(op->name, "stablehlo.minimum") == 0) *out = a < b ? a : b;
  else return false;
  return true;
}

/* What jax.export checks of an argument's dimension: that it equals a size that others give, or is a multiple. */
static bool equal_size(ln_shlo_frame *f, int32_t arg, int32_t axis, int32_t (*symbols)[LN_MAX_RANK], int64_t sizes[2],
                       int32_t *multiple) {
  static const char *const names[] = {"EQ"};
  const ln_mlir_function *function = f->function;
  for (int32_t i = 0; i < function->body.op_count; ++i) {
    const ln_mlir_op *op = &function->body.ops[i];
    if (strcmp(op->name, "stablehlo.compare") != 0 || op->operand_count != 2 ||
        strcmp(ln_shlo_enum(op, "comparison_direction", 1, names), "EQ") != 0)
      continue;
    for (int32_t side = 0; side < 2; ++side) {
      int32_t a, d;
      const ln_mlir_op *inner = ln_shlo_source(&function->body, op->operands[side]);
      if (asks_for(function, op->operands[side], &a, &d) && a == arg && d == axis) {
        if (size_under(function, op->operands[1 - side], symbols, f->e->import, 0, 0, &sizes[0]) &&
            size_under(function, op->operands[1 - side], symbols, f->e->import, 1, 0, &sizes[1])) {
          return true;
        }
      } else if (inner != NULL && strcmp(inner->name, "stablehlo.remainder") == 0 &&
                 asks_for(function, inner->operands[0], &a, &d) && a == arg && d == axis) {
        int64_t by;
        if (size_under(function, inner->operands[1], symbols, f->e->import, 0, 0, &by) && by > 0 && by < 1 << 16)
          *multiple = (int32_t)by;
      }
    }
  }
  return false;
}

static void find_symbol(ln_shlo_frame *f, int32_t arg, int32_t axis, int32_t (*symbols)[LN_MAX_RANK]) {
  int64_t sizes[2];
  int32_t multiple = 1;
  ln_import *import = f->e->import;
  const bool equal = equal_size(f, arg, axis, symbols, sizes, &multiple);
  if (equal) {
    for (int32_t i = 0; i < import->symbol_count; ++i) {
      const ln_symbol *s = &import->symbols[i];
      if (s->probe[0] == sizes[0] && s->probe[1] == sizes[1]) {
        symbols[arg][axis] = i;
        return;
      }
    }
  }
  char name[24];
  snprintf(name, sizeof name, arg == 0 && axis == 0 ? "batch" : "dim_%d_%d", (int)arg, (int)axis);
  const int32_t symbol = ln_import_symbol(import, name, multiple);
  symbols[arg][axis] = symbol;
  if (symbol < 0 || !equal) return;
  for (int32_t p = 0; p < 2; ++p) {
    if (sizes[p] >= 0 && sizes[p] <= INT32_MAX) import->symbols[symbol].probe[p] = (int32_t)sizes[p];
  }
}

/* ---- functions ---- */

static bool add_inputs(ln_shlo_frame *f, int32_t (*symbols)[LN_MAX_RANK]) {
  const ln_mlir_function *function = f->function;
  for (int32_t i = 0; i < function->body.arg_count * LN_MAX_RANK; ++i) symbols[i / LN_MAX_RANK][i % LN_MAX_RANK] = -1;
  for (int32_t i = 0; i < function->body.arg_count; ++i) {
    const ln_mlir_value *arg = &function->body.args[i];
    const ln_mlir_type *type = arg->type;
    ln_input_dim dims[LN_MAX_RANK];
    if (function->arg_globals[i] != NULL && strcmp(function->arg_globals[i], "_platform_index") == 0) {
      ln_shlo_set(f, arg, ln_shlo_of(f, ln_emit_i32(f->e, 0)));
      continue;
    }
    if (type->form == LN_MLIR_TOKEN) {
      ln_shlo_set(f, arg, ln_shlo_of(f, -1));
      continue;
    }
    const char *name = input_name(f, i);
    const ln_mlir_element_info *info = type->form == LN_MLIR_TENSOR ? ln_mlir_element_at(type->element) : NULL;
    if (info == NULL || info->kind == LN_MLIR_COMPLEX) {
      ln_import_fail(
          f->e->import, LN_ERR_UNSUPPORTED,
          "input \"%.80s\" is of type %.60s, which TensorFlow Lite has no inputs of; hand it over as other numbers",
          name,
          info != NULL         ? info->text
          : type->text != NULL ? type->text
                               : "tuple");
      return false;
    }
    for (int32_t d = 0; d < type->rank; ++d) {
      if (type->dims[d] < 0) find_symbol(f, i, d, symbols);
      dims[d] = (ln_input_dim){type->dims[d], symbols[i][d]};
    }
    const int32_t input = ln_emit_input(f->e, name, info->outside, type->rank, dims);
    ln_shlo_set(f, arg, ln_shlo_of(f, ln_shlo_enter(f->e, input, info)));
  }
  return !ln_emit_failed(f->e);
}

static bool add_outputs(ln_shlo_frame *f, const ln_shlo_value *results, const ln_mlir_op *end) {
  const ln_mlir_function *function = f->function;
  for (int32_t i = 0; i < end->operand_count; ++i) {
    const ln_mlir_type *type = end->operands[i]->type;
    char fallback[24];
    if (type->form == LN_MLIR_TOKEN) continue;
    snprintf(fallback, sizeof fallback, end->operand_count == 1 ? "output" : "output_%d", (int)i);
    const char *name =
        i < function->result_count && function->result_names[i] != NULL ? function->result_names[i] : fallback;
    const ln_shlo_value v = ln_shlo_spread(f, results[i], type);
    if (type->form != LN_MLIR_TENSOR || v.imag >= 0) {
      ln_import_fail(f->e->import, LN_ERR_UNSUPPORTED,
                     "output \"%.80s\" is complex or a tuple; give its parts one by one", name);
      return false;
    }
    ln_emit_output(f->e, name, ln_shlo_leave(f->e, v.tensor, ln_mlir_element_at(type->element)));
  }
  return !ln_emit_failed(f->e);
}

static bool lower_function(ln_shlo *s, const ln_mlir_function *function, const char *key) {
  ln_emit *e = ln_emit_begin(s->m->import, function->name);
  const ln_mlir_op *end = ln_shlo_return(&function->body);
  ln_shlo_frame f;
  bool good = false;
  if (e == NULL) return false;
  if (end == NULL || end->operand_count < 1) {
    ln_import_fail(s->m->import, LN_ERR_MODEL, "the function @%.80s returns nothing", function->name);
    return false;
  }
  ln_shlo_value *results = ln_alloc_array((size_t)end->operand_count, sizeof *results);
  int32_t(*symbols)[LN_MAX_RANK] = ln_alloc_array((size_t)function->body.arg_count + 1, sizeof *symbols);
  if (results != NULL && symbols != NULL && ln_shlo_open(&f, NULL, e, function, s)) {
    good = add_inputs(&f, symbols) && ln_shlo_region(&f, &function->body, end->operand_count, results) &&
           add_outputs(&f, results, end);
    ln_shlo_close(&f);
  } else {
    ln_import_no_memory(s->m->import);
  }
  ln_free(results);
  ln_free(symbols);
  if (good) ln_emit_sign(e, key);
  return good;
}

static bool lower_module(ln_mlir_module *m) {
  ln_shlo s = {.m = m, .work = MOST_WORK};
  int32_t wanted = 0;
  for (int32_t i = 0; i < m->function_count; ++i) wanted += m->functions[i].is_public;
  for (int32_t i = 0; i < m->function_count; ++i) {
    const ln_mlir_function *f = &m->functions[i];
    if (!f->is_public) continue;
    const char *key = wanted == 1 || strcmp(f->name, "main") == 0 ? "serving_default" : f->name;
    if (ln_import_wants_signature(m->import, key) && !lower_function(&s, f, key)) return false;
  }
  return true;
}

ln_status ln_import_stablehlo(ln_import *import) {
  ln_mlir_module m = {.import = import};
  import->what = "operation";
  if (import->source->is_folder) ln_import_fail(import, LN_ERR_MODEL, "a folder is no StableHLO");
  else if (read_module(&m, import->source->map.data, import->source->map.size)) lower_module(&m);
  ln_mlir_module_free(&m);
  return import->status;
}
