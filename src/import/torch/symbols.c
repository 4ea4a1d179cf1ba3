/* Sizes that hang on the caller: expressions of symbols, and arithmetic on them in the graph. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

enum { MOST_DEPTH = 64, LARGEST = 1 << 30 };

/* ---- expressions ---- */

/* Sympy's texts: "2*s0 + 1" as people write it, or "Add(Mul(Integer(2), Symbol('s0', integer=True)), Integer(1))". */
typedef struct parser {
  const ln_import *import;
  const char *at;
  int32_t which, depth;
  bool bad;
} parser;

static double sum(parser *p);

static double fail(parser *p) {
  p->bad = true;
  return 0;
}

static bool take(parser *p, const char *text) {
  while (*p->at == ' ') ++p->at;
  const size_t length = strlen(text);
  if (strncmp(p->at, text, length) != 0) return false;
  p->at += length;
  return true;
}

static double quotient(parser *p, double a, double b) { return b != 0 ? floor(a / b) : fail(p); }
static double add(double a, double b) { return a + b; }
static double multiply(double a, double b) { return a * b; }
static double larger(double a, double b) { return a > b ? a : b; }
static double smaller(double a, double b) { return a < b ? a : b; }
static double ratio(double a, double b) { return a / b; }
static double floor_of_ratio(double a, double b) { return floor(a / b); }
static double ceil_of_ratio(double a, double b) { return ceil(a / b); }
static double rest(double a, double b) { return a - floor(a / b) * b; }
static double first_of(double a, double b) {
  (void)b;
  return a;
}

typedef double (*combine_fn)(double a, double b);

/* What a name in front of parentheses joins its arguments by. */
static combine_fn function_named(const char *name, size_t length) {
  static const struct {
    const char *name;
    combine_fn fn;
  } rows[] = {{"Add", add},
              {"Mul", multiply},
              {"Pow", pow},
              {"PowByNatural", pow},
              {"Max", larger},
              {"Min", smaller},
              {"Mod", rest},
              {"PythonMod", rest},
              {"FloorDiv", floor_of_ratio},
              {"CleanDiv", floor_of_ratio},
              {"CeilDiv", ceil_of_ratio},
              {"IntTrueDiv", ratio},
              {"Rational", ratio},
              {"Integer", first_of},
              {"Float", first_of},
              {"ToFloat", first_of},
              {"Identity", first_of}};
  for (size_t i = 0; i < LN_COUNT(rows); ++i) {
    if (strlen(rows[i].name) == length && strncmp(rows[i].name, name, length) == 0) return rows[i].fn;
  }
  return NULL;
}

static double symbol_named(parser *p, const char *name, size_t length) {
  for (int32_t i = 0; i < p->import->symbol_count; ++i) {
    const ln_symbol *s = &p->import->symbols[i];
    if (s->name != NULL && strlen(s->name) == length && strncmp(s->name, name, length) == 0) return s->probe[p->which];
  }
  return fail(p);
}

/* Behind "Symbol(": a quoted name, and what is assumed of it. */
static double quoted_symbol(parser *p) {
  const char *name = ++p->at, *end = strchr(name, '\'');
  const char *close = end != NULL ? strchr(end, ')') : NULL;
  if (close == NULL) return fail(p);
  p->at = close + 1;
  return symbol_named(p, name, (size_t)(end - name));
}

static double called(parser *p, const char *name, size_t length) {
  if (*p->at == '\'' && length == 6 && strncmp(name, "Symbol", 6) == 0) return quoted_symbol(p);
  const combine_fn combine = function_named(name, length);
  if (combine == NULL) return fail(p);
  double value = sum(p);
  while (!p->bad && take(p, ",")) value = combine(value, sum(p));
  return take(p, ")") ? value : fail(p);
}

static double named(parser *p) {
  const char *name = p->at;
  while (isalnum((unsigned char)*p->at) || *p->at == '_') ++p->at;
  const size_t length = (size_t)(p->at - name);
  return take(p, "(") ? called(p, name, length) : symbol_named(p, name, length);
}

static double atom(parser *p) {
  double value = 0;
  if (++p->depth > MOST_DEPTH) return fail(p);
  if (take(p, "-")) {
    value = -atom(p);
  } else if (take(p, "(")) {
    value = sum(p);
    if (!take(p, ")")) fail(p);
  } else if (isdigit((unsigned char)*p->at)) {
    char *end;
    value = strtod(p->at, &end);
    p->at = end;
  } else if (isalpha((unsigned char)*p->at) || *p->at == '_') {
    value = named(p);
  } else {
    fail(p);
  }
  --p->depth;
  return value;
}

static double power(parser *p) {
  const double base = atom(p);
  return take(p, "**") ? pow(base, atom(p)) : base;
}

static double product(parser *p) {
  double value = power(p);
  while (!p->bad) {
    if (take(p, "//")) value = quotient(p, value, power(p));
    else if (take(p, "/")) value /= power(p);
    else if (take(p, "%")) value = rest(value, power(p));
    else if (take(p, "*")) value *= power(p);
    else break;
  }
  return value;
}

static double sum(parser *p) {
  double value = product(p);
  while (!p->bad) {
    if (take(p, "+")) value += product(p);
    else if (take(p, "-")) value -= product(p);
    else break;
  }
  return value;
}

bool ln_torch_evaluate(const ln_import *import, const char *expression, int32_t which, int64_t *out) {
  parser p = {.import = import, .at = expression, .which = which};
  const double value = sum(&p);
  take(&p, "");
  if (p.bad || *p.at != '\0' || !(value >= -LARGEST && value <= LARGEST)) return false;
  *out = (int64_t)floor(value + 1e-6);
  return true;
}

static const char *expression_of(const cJSON *size) {
  const cJSON *text = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(size, "as_expr"), "expr_str");
  return cJSON_IsString(text) ? text->valuestring : NULL;
}

bool ln_torch_size(const ln_import *import, const cJSON *size, int32_t which, int64_t *out) {
  const cJSON *plain = cJSON_GetObjectItemCaseSensitive(size, "as_int");
  const char *expression = expression_of(size);
  if (expression != NULL) return ln_torch_evaluate(import, expression, which, out);
  if (!cJSON_IsNumber(plain) || !(plain->valuedouble >= 0 && plain->valuedouble < 9e15)) return false;
  *out = (int64_t)plain->valuedouble;
  return true;
}

/* ---- symbols ---- */

/* Sizes that are tried keep to what the source says of the symbol. */
static void keep_to_range(const torch_model *model, ln_symbol *symbol) {
  const cJSON *range = cJSON_GetObjectItemCaseSensitive(model->ranges, symbol->name);
  const cJSON *low = cJSON_GetObjectItemCaseSensitive(range, "min_val");
  const cJSON *high = cJSON_GetObjectItemCaseSensitive(range, "max_val");
  for (int32_t i = 0; i < 2; ++i) {
    if (cJSON_IsNumber(low) && low->valuedouble < LARGEST / 2 && symbol->probe[i] < low->valuedouble)
      symbol->probe[i] += (int32_t)low->valuedouble;
    if (cJSON_IsNumber(high) && high->valuedouble >= 1 + i && symbol->probe[i] > high->valuedouble)
      symbol->probe[i] = (int32_t)high->valuedouble - i;
  }
}

static void make_symbol(torch_model *model, ln_import *import, const char *name) {
  const int32_t before = import->symbol_count;
  const int32_t symbol = ln_import_symbol(import, name, 1);
  if (symbol >= before) keep_to_range(model, &import->symbols[symbol]);
}

/* The next name from `*at` on that is a symbol's: quoted in Symbol('s0', ...), else any that is no function. */
static bool next_symbol(const char **at, bool quoted, char *name, size_t room) {
  for (const char *c = *at; *c != '\0';) {
    size_t length = 0;
    while (isalnum((unsigned char)c[length]) || c[length] == '_') ++length;
    const bool found = quoted ? c > *at && c[-1] == '\'' && c[length] == '\'' : c[length] != '(';
    if (length > 0 && length < room && isalpha((unsigned char)*c) && found) {
      snprintf(name, room, "%.*s", (int)length, c);
      *at = c + length;
      return true;
    }
    c += length > 0 ? length : 1;
  }
  return false;
}

/* The symbol that the expression is; NULL where it is more than a name. */
static const char *sole_symbol(const char *expression, bool quoted, char *name, size_t room) {
  const char *at = expression;
  if (!next_symbol(&at, quoted, name, room)) return NULL;
  if (quoted) return strncmp(expression, "Symbol(", 7) == 0 && strchr(at, ')') == at + strlen(at) - 1 ? name : NULL;
  return *at == '\0' && at == expression + strlen(name) ? name : NULL;
}

bool ln_torch_symbol(torch_model *model, ln_import *import, const char *expression, ln_input_dim *out) {
  char name[64];
  int64_t sizes[2];
  const bool quoted = strstr(expression, "Symbol(") != NULL;
  for (const char *at = expression; next_symbol(&at, quoted, name, sizeof name);) make_symbol(model, import, name);
  if (sole_symbol(expression, quoted, name, sizeof name) != NULL) {
    *out = (ln_input_dim){-1, ln_import_symbol(import, name, 1)};
    return out->symbol >= 0;
  }
  if (!ln_torch_evaluate(import, expression, 0, &sizes[0]) || !ln_torch_evaluate(import, expression, 1, &sizes[1]) ||
      sizes[0] < 0 || sizes[1] < 0) {
    ln_import_fail(import, LN_ERR_UNSUPPORTED, "the size \"%.80s\" is not understood", expression);
    return false;
  }
  *out = (ln_input_dim){-1, ln_import_symbol(import, expression, 1)};
  if (sizes[0] == sizes[1]) *out = (ln_input_dim){(int32_t)sizes[0], -1};
  else if (out->symbol >= 0) {
    import->symbols[out->symbol].probe[0] = (int32_t)sizes[0];
    import->symbols[out->symbol].probe[1] = (int32_t)sizes[1];
  }
  return !ln_import_failed(import);
}

/* ---- arithmetic of the graph ---- */

/* Scalars a and b (or x alone), both int32 or both float32. */
static void symbolic_operands(torch_node *n, bool floats, int32_t *a, int32_t *b) {
  *a = ln_torch_tensor(n, ln_torch_has(n, "x") ? "x" : "a");
  *b = ln_torch_tensor_or(n, "b");
  if (ln_emit_failed(n->e)) return;
  floats = floats || ln_emit_is_float(ln_emit_type(n->e, *a)) || (*b >= 0 && ln_emit_is_float(ln_emit_type(n->e, *b)));
  *a = ln_emit_cast(n->e, *a, floats ? LN_FLOAT32 : LN_INT32);
  if (*b >= 0) *b = ln_emit_cast(n->e, *b, floats ? LN_FLOAT32 : LN_INT32);
}

int32_t ln_torch_sym_binary(torch_node *n) {
  int32_t a, b;
  symbolic_operands(n, n->variant == LN_OP_DIV, &a, &b);
  return ln_emit_binary(n->e, n->variant, a, b);
}

int32_t ln_torch_sym_compare(torch_node *n) {
  int32_t a, b;
  symbolic_operands(n, false, &a, &b);
  return ln_emit_compare(n->e, n->variant, a, b);
}

int32_t ln_torch_sym_unary(torch_node *n) {
  int32_t a, b;
  symbolic_operands(n, n->variant == LN_OP_SQRT, &a, &b);
  return ln_emit_unary(n->e, n->variant, a);
}

/* floor, ceil, trunc, round to an integer. */
int32_t ln_torch_sym_round(torch_node *n) {
  int32_t a, b;
  symbolic_operands(n, true, &a, &b);
  if (n->variant >= 0) a = ln_emit_unary(n->e, n->variant, a);
  return ln_emit_cast(n->e, a, LN_INT32); /* which cuts */
}

int32_t ln_torch_sym_float(torch_node *n) {
  int32_t a, b;
  symbolic_operands(n, true, &a, &b);
  return a;
}

int32_t ln_torch_sym_not(torch_node *n) { return ln_emit_unary(n->e, LN_OP_LOGICAL_NOT, ln_torch_tensor(n, "a")); }

int32_t ln_torch_sym_logic(torch_node *n) {
  return ln_emit_binary(n->e, n->variant, ln_torch_tensor(n, "a"), ln_torch_tensor(n, "b"));
}

int32_t ln_torch_sym_size(torch_node *n) {
  const int32_t a = ln_torch_tensor(n, "self");
  return ln_emit_failed(n->e) ? -1 : ln_emit_size_of(n->e, a, (int32_t)ln_torch_int(n, "dim", 0));
}

int32_t ln_torch_sym_numel(torch_node *n) { return ln_emit_count_of(n->e, ln_torch_tensor(n, "self")); }

/* One element of a tensor, as a number. */
int32_t ln_torch_item(torch_node *n) { return ln_emit_reshape(n->e, ln_torch_tensor(n, "self"), 0, NULL); }

/* Checks that hold in the source, and nothing else. */
int32_t ln_torch_nothing(torch_node *n) {
  n->output_count = 1;
  n->outputs[0] = -1;
  return -1;
}

#endif
