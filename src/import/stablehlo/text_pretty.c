/* Operators in the forms of their own that StableHLO's printer gives them. */
#include "import/stablehlo/text.h"

#include <string.h>

typedef struct {
  const char *op, *word, *attribute;
} ln_clause;
static const ln_clause clauses[] = {
#define LN_CLAUSE(op, word, attribute) {op, word, attribute},
#include "import/stablehlo/clauses.def"
};

/* An operator being read. */
typedef struct {
  ln_mlir_op *op;
  ln_mlir_operands operands;
  ln_mlir_attrs attrs;
  ln_mlir_types *types;
  int32_t words; /* that stood alone */
} ln_pretty;

static bool add_int(ln_mlir_reader *r, ln_pretty *p, const char *name, int64_t value) {
  ln_mlir_attr *attr = ln_asm_new_attr(r, LN_MLIR_INT);
  if (attr != NULL) attr->i = value;
  return ln_asm_add_attr(r, &p->attrs, name, attr);
}

static bool add_text(ln_mlir_reader *r, ln_pretty *p, const char *name, ln_mlir_attr_kind kind, const char *text) {
  ln_mlir_attr *attr = ln_asm_new_attr(r, kind);
  if (attr == NULL || text == NULL) return false;
  attr->text = text;
  return ln_asm_add_attr(r, &p->attrs, name, attr);
}

static const char *attribute_of(ln_mlir_reader *r, const char *op, ln_mlir_word word) {
  for (size_t i = 0; i < LN_COUNT(clauses); ++i) {
    if (ln_asm_word_is(word, clauses[i].word) && (clauses[i].op == NULL || strcmp(clauses[i].op, op) == 0)) {
      return clauses[i].attribute;
    }
  }
  return ln_mlir_text(r->m, word.at, word.length);
}

/* `[0] x [1]` behind contracting_dims and batching_dims. */
static bool pair(ln_mlir_reader *r, ln_pretty *p, const char *left, const char *right) {
  return ln_asm_add_attr(r, &p->attrs, left, ln_asm_ints(r)) && ln_asm_want(r, "x") &&
         ln_asm_add_attr(r, &p->attrs, right, ln_asm_ints(r));
}

/* `e5m10` */
static bool float_format(ln_mlir_reader *r, ln_pretty *p) {
  int64_t bits[2] = {0, 0};
  ln_mlir_word word;
  if (!ln_asm_word(r, &word)) return ln_asm_wrong(r, "a format is missing");
  for (size_t i = 0, part = 0; i < word.length; ++i) {
    if (word.at[i] == 'm') part = 1;
    if (word.at[i] >= '0' && word.at[i] <= '9') bits[part] = (bits[part] * 10 + (word.at[i] - '0')) % 1000;
  }
  return add_int(r, p, "exponent_bits", bits[0]) && add_int(r, p, "mantissa_bits", bits[1]);
}

static bool clause(ln_mlir_reader *r, ln_pretty *p, ln_mlir_word word);

static bool window(ln_mlir_reader *r, ln_pretty *p) {
  if (!ln_asm_want(r, "{")) return false;
  for (bool first = true; !ln_asm_take(r, "}"); first = false) {
    ln_mlir_word word;
    if (!first && !ln_asm_want(r, ",")) return false;
    if (!ln_asm_word(r, &word) || !ln_asm_want(r, "=") || !clause(r, p, word))
      return ln_asm_wrong(r, "a window is broken");
  }
  return true;
}

/* Behind `word =`. */
static bool clause(ln_mlir_reader *r, ln_pretty *p, ln_mlir_word word) {
  ln_mlir_word inside;
  if (ln_asm_word_is(word, "contracting_dims")) {
    return pair(r, p, "lhs_contracting_dimensions", "rhs_contracting_dimensions");
  }
  if (ln_asm_word_is(word, "batching_dims")) return pair(r, p, "lhs_batching_dimensions", "rhs_batching_dimensions");
  if (ln_asm_word_is(word, "dim_numbers")) return ln_asm_add_all(r, &p->attrs, ln_asm_conv_numbers(r));
  if (ln_asm_word_is(word, "window")) return window(r, p);
  if (ln_asm_word_is(word, "format")) return float_format(r, p);
  const char *name = attribute_of(r, p->op->name, word);
  if (name == NULL) return false;
  if (strcmp(name, "precision_config") == 0 || ln_asm_is(r, "<")) return ln_asm_balanced(r, &inside);
  if (ln_asm_is(r, "[")) return ln_asm_add_attr(r, &p->attrs, name, ln_asm_ints(r));
  ln_asm_skip(r);
  const char c = r->at < r->end ? *r->at : '\0';
  if ((c >= '0' && c <= '9') || c == '-') { /* not an attribute: the ':' behind it is the operation's */
    int64_t number;
    return ln_asm_integer(r, &number) && add_int(r, p, name, number);
  }
  const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  if (!letter || ln_asm_is(r, "true") || ln_asm_is(r, "false") || ln_asm_is(r, "dense") || ln_asm_is(r, "array")) {
    return ln_asm_add_attr(r, &p->attrs, name, ln_asm_attr(r));
  }
  return ln_asm_word(r, &word) && add_text(r, p, name, LN_MLIR_ENUM, ln_mlir_text(r->m, word.at, word.length));
}

/* `[0:1, 0:8:2]` of a slice, `[1]` of a tuple's element. */
static bool ranges(ln_mlir_reader *r, ln_pretty *p) {
  static const char *const names[] = {"start_indices", "limit_indices", "strides"};
  ln_mlir_attrs lists[3] = {{0}, {0}, {0}};
  int64_t numbers[3];
  int32_t count = 0;
  for (bool first = true; !ln_asm_take(r, "]"); first = false) {
    if (!first && !ln_asm_want(r, ",")) return false;
    numbers[2] = 1;
    count = 0;
    do {
      if (count == 3 || !ln_asm_integer(r, &numbers[count++])) return ln_asm_wrong(r, "a range is broken");
    } while (ln_asm_take(r, ":"));
    for (int32_t i = 0; i < 3; ++i) {
      ln_mlir_attr *item = ln_asm_new_attr(r, LN_MLIR_INT);
      if (item == NULL) return false;
      item->i = i < count || i == 2 ? numbers[i] : 0;
      if (!ln_asm_add_attr(r, &lists[i], NULL, item)) return false;
    }
  }
  if (count == 1) return add_int(r, p, "index", numbers[0]);
  for (int32_t i = 0; i < 3; ++i) {
    ln_mlir_attr *list = ln_asm_new_attr(r, LN_MLIR_ARRAY);
    if (list == NULL) return false;
    list->items = lists[i].items;
    list->count = lists[i].count;
    if (!ln_asm_add_attr(r, &p->attrs, names[i], list)) return false;
  }
  return true;
}

static bool word_alone(ln_mlir_reader *r, ln_pretty *p, ln_mlir_word word) {
  static const char *const names[] = {"comparison_direction", "compare_type"};
  if (p->words < 2 && strstr(p->op->name, "compare") != NULL) {
    return add_text(r, p, names[p->words++], LN_MLIR_ENUM, ln_mlir_text(r->m, word.at, word.length));
  }
  r->at = word.at;
  return ln_asm_wrong(r, "%.60s is written in a way that is not known", p->op->name);
}

static bool name_of_callee(ln_mlir_reader *r, ln_pretty *p) {
  const ln_mlir_attr *symbol = ln_asm_attr(r);
  const bool custom = strcmp(p->op->name, "stablehlo.custom_call") == 0;
  return ln_asm_add_attr(r, &p->attrs, custom ? "call_target_name" : "callee", symbol);
}

/* Everything between the operator's name and ':'. */
static bool items(ln_mlir_reader *r, ln_pretty *p) {
  for (;;) {
    ln_mlir_word word;
    const char *text;
    ln_asm_skip(r);
    if (ln_asm_is(r, ":")) return true;
    if (ln_asm_take(r, ",") || ln_asm_take(r, "(") || ln_asm_take(r, ")")) continue;
    if (ln_asm_is(r, "%")) {
      if (!ln_asm_operand(r, &p->operands)) return false;
    } else if (ln_asm_is(r, "@")) {
      if (!name_of_callee(r, p)) return false;
    } else if (ln_asm_is(r, "\"")) {
      if (!ln_asm_string(r, &text) || !add_text(r, p, "name", LN_MLIR_STRING, text)) return false;
    } else if (ln_asm_is(r, "{")) {
      if (!ln_asm_add_all(r, &p->attrs, ln_asm_dict(r, "{", "}"))) return false;
    } else if (ln_asm_is(r, "<")) {
      if (!ln_asm_balanced(r, &word)) return false;
    } else if (ln_asm_take(r, "[")) {
      if (!ranges(r, p)) return false;
    } else if (!ln_asm_word(r, &word)) {
      return ln_asm_wrong(r, "%.60s is written in a way that is not known", p->op->name);
    } else if (!(ln_asm_take(r, "=") ? clause(r, p, word) : word_alone(r, p, word))) {
      return false;
    }
  }
}

static bool plain(ln_mlir_reader *r, ln_pretty *p) {
  return items(r, p) && ln_asm_want(r, ":") && ln_asm_result_types(r, p->types);
}

static bool leave(ln_mlir_reader *r, ln_pretty *p) { return !ln_asm_is(r, "%") || plain(r, p); }

static bool constant(ln_mlir_reader *r, ln_pretty *p) {
  if (ln_asm_is(r, "{") && !ln_asm_add_all(r, &p->attrs, ln_asm_dict(r, "{", "}"))) return false;
  const ln_mlir_attr *value = ln_asm_attr(r);
  if (!ln_asm_add_attr(r, &p->attrs, "value", value)) return false;
  if (value->kind != LN_MLIR_DENSE) return ln_asm_wrong(r, "a constant without numbers");
  return ln_asm_add_type(r, p->types, value->type);
}

/* `(%iterArg = %0, ...) : types cond {...} do {...}` */
static bool loop(ln_mlir_reader *r, ln_pretty *p) {
  ln_mlir_word *names = NULL;
  int32_t count = 0, capacity = 0;
  if (!ln_asm_want(r, "(")) return false;
  while (!ln_asm_take(r, ")")) {
    ln_mlir_word word;
    if (count > 0 && !ln_asm_want(r, ",")) return false;
    ln_asm_skip(r);
    const char *begin = r->at;
    if (!ln_asm_want(r, "%") || !ln_asm_word(r, &word) || !ln_asm_want(r, "=") || !ln_asm_operand(r, &p->operands)) {
      return ln_asm_wrong(r, "a loop's variable is broken");
    }
    if (!LN_MLIR_GROW(r->m, names, count, capacity)) return false;
    names[count++] = (ln_mlir_word){begin, (size_t)(word.at + word.length - begin)};
  }
  if (count > 0 && (!ln_asm_want(r, ":") || !ln_asm_result_types(r, p->types))) return false;
  if (count != p->types->count) return ln_asm_wrong(r, "a loop's variables and types differ in number");
  if (ln_asm_take(r, "attributes") && !ln_asm_add_all(r, &p->attrs, ln_asm_dict(r, "{", "}"))) return false;
  p->op->regions = ln_mlir_new(r->m, 2, sizeof *p->op->regions);
  p->op->region_count = 2;
  return p->op->regions != NULL && ln_asm_want(r, "cond") &&
         ln_asm_region(r, &p->op->regions[0], names, p->types->items, count) && ln_asm_want(r, "do") &&
         ln_asm_region(r, &p->op->regions[1], names, p->types->items, count);
}

/* ---- reductions ---- */

static const ln_mlir_type *scalar_of(ln_mlir_reader *r, const ln_mlir_type *type) {
  ln_mlir_type *scalar = ln_mlir_new(r->m, 1, sizeof *scalar);
  if (scalar != NULL) *scalar = (ln_mlir_type){.form = LN_MLIR_TENSOR, .element = type->element};
  return scalar;
}

/* The body that `applies stablehlo.add` stands for. */
static bool body_of(ln_mlir_reader *r, ln_pretty *p, const char *name) {
  ln_mlir_region *region = ln_mlir_new(r->m, 1, sizeof *region);
  ln_mlir_op *ops = ln_mlir_new(r->m, 2, sizeof *ops);
  ln_mlir_value **values = ln_mlir_new(r->m, 3, sizeof *values);
  if (region == NULL || ops == NULL || values == NULL) return false;
  if (p->types->count != 1) return ln_asm_wrong(r, "a reduction of several tensors has no body");
  const ln_mlir_type *scalar = scalar_of(r, p->types->items[0]);
  const ln_mlir_type *const types[] = {scalar, scalar};
  if (scalar == NULL) return false;
  *region = (ln_mlir_region){.arg_count = 2, .op_count = 2, .args = ln_asm_values(r, 2, types), .ops = ops};
  ops[0] = (ln_mlir_op){
      .name = name, .operand_count = 2, .result_count = 1, .operands = values, .results = ln_asm_values(r, 1, types)};
  ops[1] = (ln_mlir_op){.name = "stablehlo.return", .operand_count = 1, .operands = values + 2};
  if (region->args == NULL || ops[0].results == NULL) return false;
  values[0] = &region->args[0];
  values[1] = &region->args[1];
  values[2] = ops[0].results;
  p->op->regions = region;
  p->op->region_count = 1;
  return true;
}

/* `reducer(%a: t, %b: t) (%c: t, %d: t) {...}`: the body's arguments are a, c, b, d. */
static bool reducer(ln_mlir_reader *r, ln_pretty *p, int32_t count) {
  ln_mlir_word *names = ln_mlir_new(r->m, (size_t)count * 2, sizeof *names);
  const ln_mlir_type **types = ln_mlir_new(r->m, (size_t)count * 2, sizeof *types);
  p->op->regions = ln_mlir_new(r->m, 1, sizeof *p->op->regions);
  p->op->region_count = 1;
  if (names == NULL || types == NULL || p->op->regions == NULL || !ln_asm_want(r, "reducer")) return false;
  for (int32_t i = 0; i < count; ++i) {
    for (int32_t side = 0; side < 2; ++side) {
      const int32_t index = side * count + i;
      ln_mlir_word word;
      const char *where;
      if (!ln_asm_want(r, side == 0 ? "(" : ",")) return false;
      ln_asm_skip(r);
      const char *begin = r->at;
      if (!ln_asm_want(r, "%") || !ln_asm_word(r, &word) || !ln_asm_want(r, ":")) return false;
      names[index] = (ln_mlir_word){begin, (size_t)(word.at + word.length - begin)};
      types[index] = ln_asm_type(r);
      if (types[index] == NULL || !ln_asm_location(r, &where)) return false;
    }
    if (!ln_asm_want(r, ")")) return false;
  }
  return ln_asm_region(r, p->op->regions, names, types, count * 2);
}

/* `(%0 init: %c), (%1 init: %d) applies stablehlo.add across dimensions = [1] : (...) -> ...` */
static bool reduction(ln_mlir_reader *r, ln_pretty *p) {
  ln_mlir_operands inits = {0};
  ln_mlir_word word;
  const char *name = NULL;
  do {
    if (!ln_asm_want(r, "(") || !ln_asm_operand(r, &p->operands) || !ln_asm_want(r, "init") || !ln_asm_want(r, ":") ||
        !ln_asm_operand(r, &inits) || !ln_asm_want(r, ")")) {
      return false;
    }
  } while (ln_asm_take(r, ","));
  const int32_t count = inits.count;
  for (int32_t i = 0; i < count; ++i) {
    if (!LN_MLIR_GROW(r->m, p->operands.items, p->operands.count, p->operands.capacity)) return false;
    p->operands.items[p->operands.count++] = inits.items[i];
  }
  if (ln_asm_take(r, "applies")) {
    if (!ln_asm_word(r, &word)) return ln_asm_wrong(r, "an operator is missing behind 'applies'");
    name = ln_mlir_text(r->m, word.at, word.length);
  }
  if (!ln_asm_want(r, "across") || !ln_asm_want(r, "dimensions") || !ln_asm_want(r, "=") ||
      !ln_asm_add_attr(r, &p->attrs, "dimensions", ln_asm_ints(r)) || !plain(r, p)) {
    return false;
  }
  return name != NULL ? body_of(r, p, name) : reducer(r, p, count);
}

/* ---- all ---- */

typedef bool (*ln_form)(ln_mlir_reader *r, ln_pretty *p);
typedef struct {
  const char *name, *full; /* what the text may call it */
  ln_form form;
} ln_form_row;
static const ln_form_row forms[] = {
    {"return", "func.return", leave},
    {"func.return", "func.return", leave},
    {"stablehlo.return", "stablehlo.return", leave},
    {"call", "func.call", plain},
    {"stablehlo.constant", "stablehlo.constant", constant},
    {"stablehlo.while", "stablehlo.while", loop},
    {"stablehlo.reduce", "stablehlo.reduce", reduction},
};

bool ln_asm_pretty(ln_mlir_reader *r, ln_mlir_op *op, ln_mlir_types *types) {
  ln_pretty p = {.op = op, .types = types};
  ln_form form = plain;
  for (size_t i = 0; i < LN_COUNT(forms); ++i) {
    if (strcmp(op->name, forms[i].name) == 0) {
      form = forms[i].form;
      op->name = forms[i].full;
      break;
    }
  }
  if (!form(r, &p)) return false;
  op->operands = p.operands.items;
  op->operand_count = p.operands.count;
  op->attrs = ln_asm_attrs_done(r, &p.attrs);
  return op->attrs != NULL;
}
