/* Walks over functions and regions and finds each operation's row; values, and attributes as lists. */
#include "import/stablehlo/lower.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  const char *name;
  ln_shlo_fn run;
  int32_t argument;
} ln_shlo_row;

#include "import/stablehlo/lower_math.h"

static const ln_shlo_row rows[] = {
#define LN_SHLO(name, function, argument) {name, ln_shlo_##function, argument},
#include "import/stablehlo/stablehlo_ops.def"
};

bool ln_shlo_refuse(ln_shlo_frame *f, const char *why) {
  ln_emit_refuse(f->e, "%s", why);
  return false;
}

/* ---- values ---- */

bool ln_shlo_open(ln_shlo_frame *f, ln_shlo_frame *outer, ln_emit *e, const ln_mlir_function *function, ln_shlo *s) {
  *f = (ln_shlo_frame){.s = s, .e = e, .function = function, .outer = outer};
  s->work -= function->value_count / 16;
  f->values = ln_alloc_array((size_t)function->value_count + 1, sizeof *f->values);
  if (f->values == NULL) ln_import_no_memory(e->import);
  return f->values != NULL;
}

void ln_shlo_close(ln_shlo_frame *f) {
  ln_free(f->values);
  f->values = NULL;
}

ln_shlo_value ln_shlo_of(const ln_shlo_frame *f, int32_t tensor) {
  return (ln_shlo_value){.owner = f->e, .tensor = tensor, .imag = -1, .shape = -1};
}

static ln_shlo_value bring(ln_shlo_frame *f, ln_shlo_value v) {
  if (v.owner == f->e || v.owner == NULL) return v;
  v.tensor = v.tensor < 0 ? -1 : ln_emit_capture(f->e, v.owner, v.tensor);
  v.imag = v.imag < 0 ? -1 : ln_emit_capture(f->e, v.owner, v.imag);
  v.shape = v.shape < 0 ? -1 : ln_emit_capture(f->e, v.owner, v.shape);
  if (v.count > 0) {
    ln_shlo_value *parts = ln_arena_array(&f->s->m->arena, (size_t)v.count, sizeof *parts);
    if (parts == NULL) ln_import_no_memory(f->e->import);
    for (int32_t i = 0; parts != NULL && i < v.count; ++i) parts[i] = bring(f, v.parts[i]);
    v.parts = parts;
    if (parts == NULL) v.count = 0;
  }
  v.owner = f->e;
  return v;
}

ln_shlo_value ln_shlo_get(ln_shlo_frame *f, const ln_mlir_value *value) {
  for (ln_shlo_frame *at = f; at != NULL; at = at->outer) {
    if (at->values[value->id].owner == NULL) continue;
    const ln_shlo_value v = bring(f, at->values[value->id]);
    f->values[value->id] = v;
    return v;
  }
  ln_emit_wrong(f->e, "it uses a value that was not computed");
  return ln_shlo_of(f, -1);
}

void ln_shlo_set(ln_shlo_frame *f, const ln_mlir_value *value, ln_shlo_value given) { f->values[value->id] = given; }

ln_shlo_value ln_shlo_in(ln_shlo_frame *f, const ln_mlir_op *op, int32_t index) {
  if (index >= op->operand_count) {
    ln_emit_wrong(f->e, "operand %d is missing", index);
    return ln_shlo_of(f, -1);
  }
  return ln_shlo_get(f, op->operands[index]);
}

void ln_shlo_dims(const ln_mlir_type *type, ln_dim *dims) {
  for (int32_t i = 0; i < type->rank; ++i) dims[i] = LN_DIM(type->dims[i]);
}

static bool is_open(const ln_mlir_type *type) {
  for (int32_t i = 0; i < type->rank; ++i) {
    if (type->dims[i] < 0) return true;
  }
  return false;
}

static int32_t spread_one(ln_shlo_frame *f, int32_t tensor, int32_t shape, const ln_mlir_type *type) {
  ln_dim dims[LN_MAX_RANK];
  if (tensor < 0) return -1;
  if (shape >= 0) return ln_emit_broadcast_to(f->e, tensor, shape);
  ln_shlo_dims(type, dims);
  return ln_emit_broadcast(f->e, tensor, type->rank, dims);
}

ln_shlo_value ln_shlo_spread(ln_shlo_frame *f, ln_shlo_value v, const ln_mlir_type *type) {
  if (!v.small || ln_emit_failed(f->e)) return v;
  v.tensor = spread_one(f, v.tensor, v.shape, type);
  v.imag = v.imag < 0 ? -1 : spread_one(f, v.imag, v.shape, type);
  v.small = false;
  v.shape = -1;
  return v;
}

int32_t ln_shlo_full(ln_shlo_frame *f, const ln_mlir_op *op, int32_t index) {
  const ln_shlo_value small = ln_shlo_in(f, op, index);
  if (small.imag >= 0) return ln_emit_refuse(f->e, "it is not possible with complex numbers in TensorFlow Lite");
  if (!small.small || index >= op->operand_count) return small.tensor;
  const ln_shlo_value v = ln_shlo_spread(f, small, op->operands[index]->type);
  ln_shlo_set(f, op->operands[index], v);
  return v.tensor;
}

/* ---- results ---- */

bool ln_shlo_give(ln_shlo_frame *f, const ln_mlir_op *op, int32_t index, int32_t tensor) {
  if (ln_emit_failed(f->e)) return false;
  if (index >= op->result_count) return ln_emit_wrong(f->e, "it has %d results", op->result_count), false;
  ln_shlo_set(f, &op->results[index], ln_shlo_of(f, tensor));
  return tensor >= 0;
}

/* Whether a tensor has the shape that a type or another tensor says, whatever open dimensions are. */
static bool is_whole(const ln_emit *e, int32_t tensor, const ln_mlir_type *type, int32_t shape) {
  const ln_fact *fact = &e->facts[tensor];
  if (fact->shape[0].rank != type->rank) return false;
  for (int32_t p = 0; p < 2; ++p) {
    const int32_t *values = shape >= 0 ? e->facts[shape].value[p] : NULL;
    if (shape >= 0 && values == NULL) return false;
    for (int32_t i = 0; i < type->rank; ++i) {
      const int32_t want = values != NULL ? values[i] : type->dims[i];
      if (fact->shape[p].dims[i] != want) return false;
    }
  }
  return true;
}

bool ln_shlo_give_small(ln_shlo_frame *f, const ln_mlir_op *op, int32_t tensor, int32_t shape) {
  if (!ln_shlo_give(f, op, 0, tensor)) return false;
  ln_shlo_value v = ln_shlo_of(f, tensor);
  v.small = !is_whole(f->e, tensor, op->results[0].type, shape);
  v.shape = v.small ? shape : -1;
  ln_shlo_set(f, &op->results[0], v);
  return true;
}

bool ln_shlo_give_like(ln_shlo_frame *f, const ln_mlir_op *op, int32_t tensor, int32_t count,
                       const ln_shlo_value *from) {
  int32_t shape = -1;
  for (int32_t i = 0; i < count; ++i) {
    if (!from[i].small) return ln_shlo_give(f, op, 0, tensor);
    if (from[i].shape >= 0) shape = from[i].shape;
  }
  if (ln_emit_failed(f->e) || op->result_count != 1) return ln_shlo_give(f, op, 0, tensor);
  if (shape < 0 && is_open(op->results[0].type)) return ln_emit_wrong(f->e, "its shape is not known"), false;
  return ln_shlo_give_small(f, op, tensor, shape);
}

/* ---- types and attributes ---- */

const ln_mlir_type *ln_shlo_type(const ln_mlir_op *op, int32_t operand) { return op->operands[operand]->type; }
const ln_mlir_element_info *ln_shlo_element(const ln_mlir_op *op, int32_t operand) {
  return ln_mlir_element_at(op->operands[operand]->type->element);
}
const ln_mlir_element_info *ln_shlo_result_element(const ln_mlir_op *op) {
  return ln_mlir_element_at(op->results[0].type->element);
}
bool ln_shlo_is_complex(const ln_mlir_op *op, int32_t operand) {
  return operand < op->operand_count && ln_shlo_element(op, operand)->kind == LN_MLIR_COMPLEX;
}

bool ln_shlo_list(ln_shlo_frame *f, const ln_mlir_op *op, const char *name, int32_t count, int32_t otherwise,
                  int32_t *out) {
  const ln_mlir_attr *attr = ln_mlir_attr_of(op, name);
  int64_t values[4 * LN_MAX_RANK];
  int32_t found = 0;
  for (int32_t i = 0; i < count; ++i) out[i] = otherwise;
  if (attr == NULL) return true;
  bool good = ln_mlir_numbers(attr, 4 * LN_MAX_RANK, values, &found) && found == count;
  for (int32_t i = 0; good && i < count; ++i) {
    good = values[i] >= INT32_MIN / 2 && values[i] <= INT32_MAX;
    out[i] = (int32_t)values[i];
  }
  if (!good) ln_emit_wrong(f->e, "its %s are not %d numbers", name, count);
  return good;
}

bool ln_shlo_axes(ln_shlo_frame *f, const ln_mlir_op *op, const char *name, int32_t rank, int32_t *out,
                  int32_t *count) {
  const ln_mlir_attr *attr = ln_mlir_attr_of(op, name);
  int64_t values[LN_MAX_RANK];
  uint32_t seen = 0;
  *count = 0;
  if (attr == NULL) return true;
  bool good = ln_mlir_numbers(attr, LN_MAX_RANK, values, count);
  for (int32_t i = 0; good && i < *count; ++i) {
    good = values[i] >= 0 && values[i] < rank && (seen >> values[i] & 1) == 0;
    if (good) seen |= 1u << values[i];
    out[i] = (int32_t)values[i];
  }
  if (!good) ln_emit_wrong(f->e, "its %s are not dimensions of %d", name, rank);
  return good;
}

const char *ln_shlo_enum(const ln_mlir_op *op, const char *name, int32_t count, const char *const *names) {
  const ln_mlir_attr *attr = ln_mlir_attr_of(op, name);
  if (attr == NULL) return "";
  if (attr->text != NULL) return attr->text;
  return attr->kind == LN_MLIR_ENUM && attr->i >= 0 && attr->i < count ? names[attr->i] : "";
}

/* ---- bodies ---- */

const ln_mlir_op *ln_shlo_return(const ln_mlir_region *body) {
  const ln_mlir_op *last = body->op_count > 0 ? &body->ops[body->op_count - 1] : NULL;
  const bool ends =
      last != NULL && (strcmp(last->name, "stablehlo.return") == 0 || strcmp(last->name, "func.return") == 0);
  return ends ? last : NULL;
}

const ln_mlir_op *ln_shlo_source(const ln_mlir_region *body, const ln_mlir_value *value) {
  for (int32_t i = 0; i < body->op_count; ++i) {
    const ln_mlir_op *op = &body->ops[i];
    if (op->result_count > 0 && value >= op->results && value < op->results + op->result_count) return op;
  }
  return NULL;
}

int32_t ln_shlo_argument(const ln_mlir_region *body, const ln_mlir_value *value) {
  return value >= body->args && value < body->args + body->arg_count ? (int32_t)(value - body->args) : -1;
}

const char *ln_shlo_simple_body(const ln_mlir_region *body, int32_t result) {
  const ln_mlir_op *end = ln_shlo_return(body);
  const int32_t count = body->arg_count / 2;
  if (end == NULL || result >= end->operand_count || result >= count) return NULL;
  const ln_mlir_op *op = ln_shlo_source(body, end->operands[result]);
  if (op == NULL) return ln_shlo_argument(body, end->operands[result]) == count + result ? "update" : NULL;
  if (op->operand_count != 2) return NULL;
  const int32_t a = ln_shlo_argument(body, op->operands[0]), b = ln_shlo_argument(body, op->operands[1]);
  const bool both = (a == result && b == count + result) || (b == result && a == count + result);
  return both ? op->name : NULL;
}

/* ---- operations ---- */

static const ln_shlo_row *find_row(const char *name) {
  for (size_t i = 0; i < LN_COUNT(rows); ++i) {
    if (strcmp(rows[i].name, name) == 0) return &rows[i];
  }
  return NULL;
}

/* Only tensors of known numbers, tokens and tuples of them. */
static bool check_types(ln_shlo_frame *f, const ln_mlir_op *op) {
  for (int32_t i = 0; i < op->operand_count + op->result_count; ++i) {
    const ln_mlir_type *type = i < op->operand_count ? op->operands[i]->type : op->results[i - op->operand_count].type;
    if (type->form == LN_MLIR_OTHER) {
      ln_emit_refuse(f->e, "values of type %.80s are not in TensorFlow Lite", type->text);
      return false;
    }
  }
  return true;
}

static const char *short_name(const char *name) {
  return strncmp(name, "stablehlo.", strlen("stablehlo.")) == 0 ? name + strlen("stablehlo.") : name;
}

bool ln_shlo_operation(ln_shlo_frame *f, const ln_mlir_op *op) {
  char place[24];
  const ln_shlo_row *row = find_row(op->name);
  if (--f->s->work < 0) {
    ln_import_fail(f->e->import, LN_ERR_LIMIT, "too many operations once all calls are put in place");
    return false;
  }
  snprintf(place, sizeof place, "%%%d", op->result_count > 0 ? (int)op->results[0].id : 0);
  ln_emit_at(f->e, op->where != NULL ? op->where : place, short_name(op->name));
  if (row == NULL) {
    ln_emit_refuse(f->e, "the operator %.80s has no counterpart in TensorFlow Lite", op->name);
    return false;
  }
  if (!check_types(f, op)) return false;
  if (!row->run(f, op, row->argument) && !ln_emit_failed(f->e)) ln_emit_wrong(f->e, "it could not be translated");
  return !ln_emit_failed(f->e);
}

bool ln_shlo_region(ln_shlo_frame *f, const ln_mlir_region *region, int32_t count, ln_shlo_value *results) {
  const ln_mlir_op *end = ln_shlo_return(region);
  if (end == NULL || end->operand_count != count) {
    ln_emit_wrong(f->e, "a region does not return %d values", count);
    return false;
  }
  for (int32_t i = 0; i < region->op_count - 1; ++i) {
    if (!ln_shlo_operation(f, &region->ops[i])) return false;
  }
  for (int32_t i = 0; i < count; ++i) results[i] = ln_shlo_get(f, end->operands[i]);
  return !ln_emit_failed(f->e);
}

/* ---- calls ---- */

bool ln_shlo_call(ln_shlo_frame *f, const ln_mlir_op *op, const char *callee) {
  const ln_mlir_function *function = callee == NULL ? NULL : ln_mlir_find_function(f->s->m, callee);
  ln_shlo_frame inside;
  bool good = false;
  if (function == NULL)
    return ln_emit_wrong(f->e, "the function @%.80s is not there", callee == NULL ? "" : callee), false;
  if (function->body.arg_count != op->operand_count)
    return ln_emit_wrong(f->e, "it has %d arguments", op->operand_count), false;
  if (f->s->depth >= 64) return ln_shlo_refuse(f, "functions call one another more than 64 deep");
  ln_shlo_value *results = ln_alloc_array((size_t)op->result_count + 1, sizeof *results);
  if (results == NULL || !ln_shlo_open(&inside, NULL, f->e, function, f->s)) {
    ln_free(results);
    return ln_import_no_memory(f->e->import) > 0;
  }
  ++f->s->depth;
  for (int32_t i = 0; i < op->operand_count; ++i) ln_shlo_set(&inside, &function->body.args[i], ln_shlo_in(f, op, i));
  good = !ln_emit_failed(f->e) && ln_shlo_region(&inside, &function->body, op->result_count, results);
  for (int32_t i = 0; good && i < op->result_count; ++i) ln_shlo_set(f, &op->results[i], results[i]);
  --f->s->depth;
  ln_shlo_close(&inside);
  ln_free(results);
  return good;
}

bool ln_shlo_call_op(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  (void)unused;
  return ln_shlo_call(f, op, ln_mlir_string(op, "callee"));
}
