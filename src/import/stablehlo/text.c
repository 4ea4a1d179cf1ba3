/* Operations, regions, functions and modules of MLIR's text; what stands in an operator's own form is text_pretty.c's.
 */
#include "import/stablehlo/text.h"

#include <string.h>

ln_mlir_value *ln_asm_values(ln_mlir_reader *r, int32_t count, const ln_mlir_type *const *types) {
  ln_mlir_value *values = ln_mlir_new(r->m, (size_t)count, sizeof *values);
  if (values == NULL) return NULL;
  for (int32_t i = 0; i < count; ++i) values[i] = (ln_mlir_value){.type = types[i], .id = r->value_count++};
  return values;
}

/* ---- operands and types ---- */

/* `%name`, with the percent sign. */
static bool value_name(ln_mlir_reader *r, ln_mlir_word *out) {
  ln_mlir_word word;
  ln_asm_skip(r);
  const char *begin = r->at;
  if (begin >= r->end || *begin != '%') return ln_asm_wrong(r, "a value is missing");
  ++r->at;
  if (!ln_asm_word(r, &word)) return ln_asm_wrong(r, "a value's name is missing");
  *out = (ln_mlir_word){begin, (size_t)(r->at - begin)};
  return true;
}

bool ln_asm_operand(ln_mlir_reader *r, ln_mlir_operands *out) {
  ln_mlir_word word;
  int64_t part = 0;
  if (!value_name(r, &word)) return false;
  const ln_mlir_name *name = ln_asm_find(r, word);
  if (name == NULL || name->values == NULL) {
    r->at = word.at;
    return ln_asm_wrong(r, "a value is used and not defined");
  }
  ln_mlir_value *values = name->values;
  const int32_t count = name->count;
  if (r->at < r->end && *r->at == '#') {
    ++r->at;
    if (!ln_asm_integer(r, &part)) return false;
  }
  if (part < 0 || part >= count) return ln_asm_wrong(r, "a value has no part of that number");
  if (!LN_MLIR_GROW(r->m, out->items, out->count, out->capacity)) return false;
  out->items[out->count++] = &values[part];
  return true;
}

bool ln_asm_result_types(ln_mlir_reader *r, ln_mlir_types *out) {
  do {
    if (!ln_asm_add_type(r, out, ln_asm_type(r))) return false;
  } while (ln_asm_take(r, ","));
  const ln_mlir_type *last = out->items[out->count - 1];
  if (out->count == 1 && last->form == LN_MLIR_FUNCTION) {
    out->count = 0;
    for (int32_t i = last->inputs; i < last->count; ++i) {
      if (!ln_asm_add_type(r, out, last->parts[i])) return false;
    }
  }
  if (!ln_asm_take(r, "->")) return true;
  out->count = 0; /* `t -> t`, without brackets: those on the right count */
  if (ln_asm_take(r, "(")) {
    while (!ln_asm_take(r, ")")) {
      if ((out->count > 0 && !ln_asm_want(r, ",")) || !ln_asm_add_type(r, out, ln_asm_type(r))) return false;
    }
    return true;
  }
  return ln_asm_add_type(r, out, ln_asm_type(r));
}

/* ---- operations ---- */

static const char *copy(ln_mlir_reader *r, ln_mlir_word word) { return ln_mlir_text(r->m, word.at, word.length); }

/* Regions `({...}, {...})`. */
static bool regions(ln_mlir_reader *r, ln_mlir_op *op) {
  int32_t capacity = 0;
  if (!ln_asm_take(r, "(")) return true;
  do {
    if (!LN_MLIR_GROW(r->m, op->regions, op->region_count, capacity)) return false;
    if (!ln_asm_region(r, &op->regions[op->region_count], NULL, NULL, 0)) return false;
    ++op->region_count;
  } while (ln_asm_take(r, ","));
  return ln_asm_want(r, ")");
}

/* `"stablehlo.add"(%0, %1) <{...}> ({...}) {...} : (...) -> ...` */
static bool generic(ln_mlir_reader *r, ln_mlir_op *op, ln_mlir_types *types) {
  ln_mlir_operands operands = {0};
  ln_mlir_attrs attrs = {0};
  if (!ln_asm_string(r, &op->name) || !ln_asm_want(r, "(")) return false;
  while (!ln_asm_take(r, ")")) {
    if ((operands.count > 0 && !ln_asm_want(r, ",")) || !ln_asm_operand(r, &operands)) return false;
  }
  op->operands = operands.items;
  op->operand_count = operands.count;
  if (ln_asm_is(r, "[")) return ln_asm_wrong(r, "jumps between blocks are not read; export a structured program");
  if (ln_asm_take(r, "<")) {
    if (!ln_asm_add_all(r, &attrs, ln_asm_dict(r, "{", "}")) || !ln_asm_want(r, ">")) return false;
  }
  if (!regions(r, op)) return false;
  if (ln_asm_is(r, "{") && !ln_asm_add_all(r, &attrs, ln_asm_dict(r, "{", "}"))) return false;
  op->attrs = ln_asm_attrs_done(r, &attrs);
  return op->attrs != NULL && ln_asm_want(r, ":") && ln_asm_result_types(r, types);
}

typedef struct {
  ln_mlir_word name;
  int64_t count;
} ln_result_name;

typedef struct {
  ln_result_name *items;
  int32_t count, capacity;
} ln_result_names;

static bool result_names(ln_mlir_reader *r, ln_result_names *out, int64_t *total) {
  *total = 0;
  if (!ln_asm_is(r, "%")) return true;
  do {
    if (!LN_MLIR_GROW(r->m, out->items, out->count, out->capacity)) return false;
    ln_result_name *name = &out->items[out->count++];
    name->count = 1;
    if (!value_name(r, &name->name)) return false;
    if (ln_asm_take(r, ":") && !ln_asm_integer(r, &name->count)) return false;
    if (name->count < 1 || name->count > r->end - r->begin) return ln_asm_wrong(r, "a number of results is wrong");
    *total += name->count;
  } while (ln_asm_take(r, ","));
  return ln_asm_want(r, "=");
}

/* Types as listed, or the last one for all. */
static bool give_results(ln_mlir_reader *r, ln_mlir_op *op, const ln_result_names *names, int64_t total,
                         const ln_mlir_types *types) {
  if (total == 0) total = types->count;
  /* Without names a list of types may be that of operands: nothing refers to the results then. */
  if (total > types->count && types->count != 1) return ln_asm_wrong(r, "results and types differ in number");
  const ln_mlir_type **all = ln_mlir_new(r->m, (size_t)total, sizeof(void *));
  if (all == NULL) return false;
  for (int64_t i = 0; i < total; ++i) {
    all[i] = types->items[total == types->count ? i : types->count - 1];
  }
  op->result_count = (int32_t)total;
  op->results = ln_asm_values(r, op->result_count, all);
  if (op->results == NULL) return false;
  ln_mlir_value *next = op->results;
  for (int32_t i = 0; i < names->count; ++i) {
    if (!ln_asm_define(r, names->items[i].name, next, (int32_t)names->items[i].count, NULL)) return false;
    next += names->items[i].count;
  }
  return true;
}

static bool operation(ln_mlir_reader *r, ln_mlir_op *op) {
  ln_result_names names = {0};
  ln_mlir_types types = {0};
  ln_mlir_word word;
  int64_t total;
  const char *where;
  if (!ln_asm_deeper(r) || !result_names(r, &names, &total)) return false;
  if (ln_asm_is(r, "\"")) {
    if (!generic(r, op, &types)) return false;
  } else {
    if (!ln_asm_word(r, &word)) return ln_asm_wrong(r, "an operation is missing");
    op->name = copy(r, word);
    if (op->name == NULL || !ln_asm_pretty(r, op, &types)) return false;
  }
  if (!ln_asm_location(r, &where) || !give_results(r, op, &names, total, &types)) return false;
  op->where = where != NULL || names.count == 0 ? where : copy(r, names.items[0].name);
  --r->depth;
  return true;
}

/* ---- regions ---- */

/* `^bb0(%a: tensor<f32> loc(...), %b: ...):` or a function's arguments, up to ')'. */
typedef struct {
  ln_mlir_word *names;
  ln_mlir_types types;
  ln_mlir_attrs attrs;
  const char **places;
  int32_t count, capacity, place_capacity;
} ln_arguments;

static bool arguments(ln_mlir_reader *r, ln_arguments *a) {
  while (!ln_asm_take(r, ")")) {
    const ln_mlir_attr *attrs = NULL;
    if (a->count > 0 && !ln_asm_want(r, ",")) return false;
    if (!LN_MLIR_GROW(r->m, a->names, a->count, a->capacity) ||
        !LN_MLIR_GROW(r->m, a->places, a->count, a->place_capacity) || !value_name(r, &a->names[a->count]) ||
        !ln_asm_want(r, ":") || !ln_asm_add_type(r, &a->types, ln_asm_type(r))) {
      return false;
    }
    attrs = ln_asm_is(r, "{") ? ln_asm_dict(r, "{", "}") : ln_asm_new_attr(r, LN_MLIR_DICT);
    if (!ln_asm_add_attr(r, &a->attrs, NULL, attrs) || !ln_asm_location(r, &a->places[a->count])) return false;
    ++a->count;
  }
  return true;
}

static bool give_arguments(ln_mlir_reader *r, ln_mlir_region *region, const ln_mlir_word *names,
                           const ln_mlir_type *const *types, int32_t count) {
  region->arg_count = count;
  region->args = ln_asm_values(r, count, types);
  if (region->args == NULL) return false;
  for (int32_t i = 0; i < count; ++i) {
    if (!ln_asm_define(r, names[i], &region->args[i], 1, NULL)) return false;
  }
  return true;
}

bool ln_asm_region(ln_mlir_reader *r, ln_mlir_region *region, const ln_mlir_word *arg_names,
                   const ln_mlir_type *const *arg_types, int32_t arg_count) {
  const int32_t names = r->name_count;
  ln_mlir_ops ops = {0};
  ln_mlir_word label;
  if (!ln_asm_deeper(r) || !ln_asm_want(r, "{")) return false;
  if (!give_arguments(r, region, arg_names, arg_types, arg_count)) return false;
  if (ln_asm_take(r, "^")) {
    ln_arguments a = {0};
    if (!ln_asm_word(r, &label)) return ln_asm_wrong(r, "a block's name is missing");
    if (ln_asm_take(r, "(") && !arguments(r, &a)) return false;
    if (!ln_asm_want(r, ":")) return false;
    if (arg_count == 0 && !give_arguments(r, region, a.names, a.types.items, a.count)) return false;
  }
  while (!ln_asm_take(r, "}")) {
    if (ln_asm_is(r, "^"))
      return ln_asm_wrong(r, "regions of several blocks are not read; export a structured program");
    if (!LN_MLIR_GROW(r->m, ops.items, ops.count, ops.capacity)) return false;
    ln_mlir_op op = {0};
    if (!operation(r, &op)) return false;
    ops.items[ops.count++] = op;
  }
  region->ops = ops.items;
  region->op_count = ops.count;
  ln_asm_forget(r, names);
  --r->depth;
  return true;
}

/* ---- functions ---- */

static const ln_mlir_attr *list_attr(ln_mlir_reader *r, const ln_mlir_attrs *attrs) {
  ln_mlir_attr *list = ln_asm_new_attr(r, LN_MLIR_ARRAY);
  if (list == NULL) return NULL;
  list->count = attrs->count;
  list->items = attrs->items;
  return list;
}

/* `-> type` or `-> (type {attributes}, ...)`; makes the attribute of the function's type, too. */
static bool function_results(ln_mlir_reader *r, ln_mlir_attrs *attrs) {
  ln_mlir_types types = {0};
  ln_mlir_attrs about = {0};
  const bool listed = ln_asm_take(r, "->") && ln_asm_take(r, "(");
  if (listed) {
    while (!ln_asm_take(r, ")")) {
      if ((types.count > 0 && !ln_asm_want(r, ",")) || !ln_asm_add_type(r, &types, ln_asm_type(r))) return false;
      if (!ln_asm_add_attr(r, &about, NULL,
                           ln_asm_is(r, "{") ? ln_asm_dict(r, "{", "}") : ln_asm_new_attr(r, LN_MLIR_DICT)))
        return false;
    }
  } else if (!ln_asm_is(r, "{") && !ln_asm_is(r, "attributes")) {
    if (!ln_asm_add_type(r, &types, ln_asm_type(r))) return false;
  }
  ln_mlir_type *type = ln_mlir_new(r->m, 1, sizeof *type);
  ln_mlir_attr *attr = ln_asm_new_attr(r, LN_MLIR_TYPE);
  if (type == NULL || attr == NULL) return false;
  *type = (ln_mlir_type){.form = LN_MLIR_FUNCTION, .count = types.count, .parts = types.items};
  attr->type = type;
  return ln_asm_add_attr(r, attrs, "function_type", attr) &&
         ln_asm_add_attr(r, attrs, "res_attrs", list_attr(r, &about));
}

/* `func.func public @main(%arg0: tensor<3xf32> {...}) -> tensor<3xf32> attributes {...} {...}` behind its first word */
static bool function(ln_mlir_reader *r) {
  ln_mlir_attr *name = ln_asm_new_attr(r, LN_MLIR_STRING), *seen = ln_asm_new_attr(r, LN_MLIR_STRING);
  ln_mlir_attrs attrs = {0};
  ln_arguments a = {0};
  ln_mlir_word word;
  const char *where;
  if (name == NULL || seen == NULL) return false;
  seen->text = ln_asm_take(r, "private") ? "private" : ln_asm_take(r, "nested") ? "nested" : "public";
  ln_asm_take(r, "public");
  if (!ln_asm_want(r, "@")) return false;
  if (ln_asm_is(r, "\"")) {
    if (!ln_asm_string(r, &name->text)) return false;
  } else {
    if (!ln_asm_word(r, &word)) return ln_asm_wrong(r, "a function's name is missing");
    name->text = copy(r, word);
  }
  if (!ln_asm_want(r, "(") || !arguments(r, &a) || !function_results(r, &attrs)) return false;
  if (!ln_asm_add_attr(r, &attrs, "sym_name", name) || !ln_asm_add_attr(r, &attrs, "sym_visibility", seen) ||
      !ln_asm_add_attr(r, &attrs, "arg_attrs", list_attr(r, &a.attrs))) {
    return false;
  }
  if (ln_asm_take(r, "attributes") && ln_asm_dict(r, "{", "}") == NULL) return false;
  ln_mlir_function f = {.arg_names = a.places};
  r->value_count = 0;
  if (!ln_asm_region(r, &f.body, a.names, a.types.items, a.count) || !ln_asm_location(r, &where)) return false;
  f.value_count = r->value_count;
  const ln_mlir_attr *about = ln_asm_attrs_done(r, &attrs);
  if (about == NULL || !ln_mlir_describe_function(r->m, &f, about)) return false;
  ln_mlir_function *slot = ln_mlir_add_function(r->m);
  if (slot != NULL) *slot = f;
  return slot != NULL;
}

/* `"func.func"() <{...}> ({...}) : () -> ()` */
static bool generic_function(ln_mlir_reader *r) {
  ln_mlir_op op = {0};
  ln_mlir_types types = {0};
  const char *where;
  r->value_count = 0;
  if (!generic(r, &op, &types) || !ln_asm_location(r, &where)) return false;
  if (strcmp(op.name, "func.func") != 0) return true; /* meshes and the like */
  if (op.region_count != 1) return ln_asm_wrong(r, "a function has no body");
  ln_mlir_function f = {.body = op.regions[0], .value_count = r->value_count};
  f.arg_names = ln_mlir_new(r->m, (size_t)f.body.arg_count, sizeof *f.arg_names);
  if (f.arg_names == NULL || !ln_mlir_describe_function(r->m, &f, op.attrs)) return false;
  ln_mlir_function *slot = ln_mlir_add_function(r->m);
  if (slot != NULL) *slot = f;
  return slot != NULL;
}

static bool functions(ln_mlir_reader *r, const char *close) {
  while (close != NULL ? !ln_asm_take(r, close) : (ln_asm_skip(r), r->at < r->end && *r->at != '#')) {
    if (ln_asm_is(r, "\"")) {
      if (!generic_function(r)) return false;
    } else if (ln_asm_take(r, "func.func")) {
      if (!function(r)) return false;
    } else if (close == NULL || !ln_asm_is(r, "^")) {
      return ln_asm_wrong(r, "a function is missing");
    } else {
      r->at = memchr(r->at, '\n', (size_t)(r->end - r->at));
      if (r->at == NULL) return r->at = r->end, ln_asm_wrong(r, "a function is missing");
    }
  }
  return true;
}

static bool pretty_module(ln_mlir_reader *r) {
  ln_mlir_word word;
  const char *name;
  if (ln_asm_take(r, "@")) {
    if (ln_asm_is(r, "\"") ? !ln_asm_string(r, &name) : !ln_asm_word(r, &word))
      return ln_asm_wrong(r, "the module's name is missing");
  }
  if (ln_asm_take(r, "attributes") && ln_asm_dict(r, "{", "}") == NULL) return false;
  return ln_asm_want(r, "{") && functions(r, "}");
}

/* `"builtin.module"() <{...}> ({...}) {...} : () -> ()`: its region is read as the functions that it holds. */
static bool generic_module(ln_mlir_reader *r) {
  ln_mlir_word skipped;
  const char *name;
  if (!ln_asm_string(r, &name) || !ln_asm_want(r, "(") || !ln_asm_want(r, ")")) return false;
  if (ln_asm_is(r, "<") && !ln_asm_balanced(r, &skipped)) return false;
  return ln_asm_want(r, "(") && ln_asm_want(r, "{") && functions(r, "}");
}

bool ln_mlir_is_text(const uint8_t *data, size_t size) {
  ln_mlir_reader r = {.begin = (const char *)data, .at = (const char *)data, .end = (const char *)data + size};
  const size_t head = size < 4096 ? size : 4096;
  if (size == 0 || memchr(data, '\0', head) != NULL) return false;
  for (;;) {
    if (ln_asm_is(&r, "module") || ln_asm_is(&r, "func.func") || ln_asm_is(&r, "\"builtin.module")) return true;
    ln_asm_skip(&r);
    if (r.at >= r.end || (*r.at != '#' && *r.at != '!')) return false;
    const char *next = memchr(r.at, '\n', (size_t)(r.end - r.at)); /* aliases */
    if (next == NULL) return false;
    r.at = next;
  }
}

bool ln_mlir_read_text(ln_mlir_module *m, const uint8_t *data, size_t size) {
  ln_mlir_reader r = {.m = m, .begin = (const char *)data, .at = (const char *)data, .end = (const char *)data + size};
  r.file_end = r.end;
  if (!ln_asm_find_aliases(&r)) return false;
  for (ln_asm_skip(&r); r.at < r.end && (*r.at == '#' || *r.at == '!'); ln_asm_skip(&r)) {
    const char *next = memchr(r.at, '\n', (size_t)(r.end - r.at));
    r.at = next == NULL ? r.end : next;
  }
  if (ln_asm_take(&r, "module")) return pretty_module(&r);
  return ln_asm_is(&r, "\"builtin.module\"") ? generic_module(&r) : functions(&r, NULL);
}
