/*
 * The "types" cells of ops.def and custom.def and the check of a node against them. Grammar:
 *   cell        = alternative { ";" alternative }
 *   alternative = { item } ">" { item }                     inputs > outputs
 *   item        = type { "|" type } [ "~" type { "|" type } ] [ "?" | "*" ]
 *                                                           ? may be absent, * any number (last of its side);
 *                                                           types after ~ reach the kernels as others (stand_in.c)
 *   type        = a short name below, "any", or a variable
 *   variable    = "T" | "U" | "V", with ":" and its types where it first stands: "T:f32|i8 T > T"
 */
#include <stdio.h>
#include <string.h>

#include "ops/ops.h"

static const char *const short_names[LN_TYPE_COUNT] = {
    [LN_FLOAT32] = "f32",        [LN_FLOAT16] = "f16",
    [LN_INT32] = "i32",          [LN_UINT8] = "u8",
    [LN_INT64] = "i64",          [LN_STRING] = "str",
    [LN_BOOL] = "bool",          [LN_INT16] = "i16",
    [LN_COMPLEX64] = "c64",      [LN_INT8] = "i8",
    [LN_FLOAT64] = "f64",        [LN_COMPLEX128] = "c128",
    [LN_UINT64] = "u64",         [LN_RESOURCE] = "res",
    [LN_VARIANT] = "var",        [LN_UINT32] = "u32",
    [LN_UINT16] = "u16",         [LN_INT4] = "i4",
    [LN_BFLOAT16] = "bf16",      [LN_INT2] = "i2",
    [LN_UINT4] = "u4",           [LN_FLOAT8_E4M3FN] = "f8e4m3",
    [LN_FLOAT8_E5M2] = "f8e5m2",
};

enum { ANY_TYPE = (1 << LN_TYPE_COUNT) - 1, VARIABLES = 3 };

typedef struct matcher {
  const char *at;                /* the next character of the cell */
  uint32_t variables[VARIABLES]; /* the types that T, U, V may still be; 0 not yet met */
} matcher;

typedef struct item {
  uint32_t types;   /* one bit an ln_type */
  uint32_t stood;   /* those of them after ~, where they are written out */
  int32_t variable; /* -1 none */
  char suffix;      /* '?', '*' or 0 */
} item;

static uint32_t type_bit(const char *name, size_t length) {
  if (length == 3 && memcmp(name, "any", 3) == 0) return ANY_TYPE;
  for (int32_t i = 0; i < LN_TYPE_COUNT; ++i) {
    if (strlen(short_names[i]) == length && memcmp(short_names[i], name, length) == 0) return UINT32_C(1) << i;
  }
  return 0;
}

static size_t word_length(const char *text) { return strcspn(text, " |~?*;>:"); }

static void read_union(matcher *m, item *out) {
  bool stands_in = false;
  for (;;) {
    const size_t length = word_length(m->at);
    const uint32_t bit = type_bit(m->at, length);
    out->types |= bit;
    if (stands_in) out->stood |= bit;
    m->at += length;
    if (*m->at != '|' && *m->at != '~') return;
    stands_in = stands_in || *m->at == '~';
    ++m->at;
  }
}

/* The next item of the side; false at its end. */
static bool next_item(matcher *m, item *out) {
  while (*m->at == ' ') ++m->at;
  if (*m->at == '\0' || *m->at == ';' || *m->at == '>') return false;
  *out = (item){0, 0, -1, 0};
  if (*m->at >= 'T' && *m->at < 'T' + VARIABLES && word_length(m->at) == 1) {
    out->variable = *m->at - 'T';
    ++m->at;
    if (*m->at == ':') {
      ++m->at;
      read_union(m, out);
      m->variables[out->variable] = out->types;
    }
    out->types = m->variables[out->variable];
  } else {
    read_union(m, out);
  }
  if (*m->at == '?' || *m->at == '*') out->suffix = *m->at++;
  return true;
}

typedef struct side {
  const ln_graph *graph;
  const int32_t *indices;
  int32_t count;
  const char *what; /* "input" or "output" */
} side;

/* How far a mismatch got: the message of the alternative that got furthest is shown. */
typedef struct mismatch {
  int32_t depth;
  char text[256];
} mismatch;

static bool complain(mismatch *worst, int32_t depth, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool complain(mismatch *worst, int32_t depth, const char *format, ...) {
  if (depth < worst->depth) return false;
  worst->depth = depth;
  va_list list;
  va_start(list, format);
  vsnprintf(worst->text, sizeof worst->text, format, list);
  va_end(list);
  return false;
}

static bool match_one(matcher *m, const item *want, const side *s, int32_t i, int32_t depth, mismatch *worst) {
  if (i >= s->count || s->indices[i] < 0) {
    if (want->suffix != 0) return true;
    return complain(worst, depth, "%s %d is missing", s->what, i);
  }
  const ln_tensor *tensor = &s->graph->tensors[s->indices[i]];
  const uint32_t bit = UINT32_C(1) << tensor->type;
  if ((want->types & bit) == 0) {
    return complain(worst, depth, "%s %d \"%.100s\" is %s, which is not among the types taken", s->what, i,
                    tensor->name, ln_type_name(tensor->type));
  }
  if (want->variable >= 0) m->variables[want->variable] = bit;
  return true;
}

static bool match_side(matcher *m, const side *s, int32_t base, mismatch *worst) {
  int32_t i = 0;
  item want;
  while (next_item(m, &want)) {
    if (want.suffix == '*') {
      for (; i < s->count; ++i) {
        if (s->indices[i] < 0) return complain(worst, base + i, "%s %d is missing", s->what, i);
        if (want.variable >= 0) want.types = m->variables[want.variable];
        if (!match_one(m, &want, s, i, base + i, worst)) return false;
      }
      continue;
    }
    if (!match_one(m, &want, s, i, base + i, worst)) return false;
    ++i;
  }
  if (i < s->count) return complain(worst, base + i, "has %d %ss, takes %d", s->count, s->what, i);
  return true;
}

static ln_status fail(const ln_graph *graph, const ln_op *op, const char *text, ln_error *err) {
  const char *name = op->custom_name != NULL ? op->custom_name : op->def->name;
  const char *tensor = op->output_count > 0 && op->outputs[0] >= 0 ? graph->tensors[op->outputs[0]].name : "";
  return ln_fail(err, LN_ERR_TYPE, "op %d %.60s \"%.120s\": %s", op->index, name, tensor, text);
}

/* Of what the row takes, this build may hold less. */
static ln_status check_built(const side *s, const ln_op *op, ln_error *err) {
  for (int32_t i = 0; op->def->built != UINT32_MAX && i < s->count; ++i) {
    const ln_tensor *tensor = s->indices[i] < 0 ? NULL : &s->graph->tensors[s->indices[i]];
    char text[192];
    if (tensor == NULL || (op->def->built >> tensor->type & 1) != 0) continue;
    snprintf(text, sizeof text, "%s %d \"%.100s\" is %s, which is left out of this build", s->what, i, tensor->name,
             ln_type_name(tensor->type));
    return fail(s->graph, op, text, err);
  }
  return LN_OK;
}

ln_status ln_op_check_types(const ln_graph *graph, const ln_op *op, ln_error *err) {
  const char *cell = op->def->types;
  if (cell == NULL) return LN_OK; /* no kernel: said when a session is made */
  const side inputs = {graph, op->inputs, op->input_count, "input"};
  const side outputs = {graph, op->outputs, op->output_count, "output"};
  mismatch worst = {-1, ""};
  for (const char *alternative = cell; alternative != NULL;) {
    matcher m = {alternative, {0}};
    if (match_side(&m, &inputs, 0, &worst)) {
      if (*m.at == '>') ++m.at;
      if (match_side(&m, &outputs, inputs.count, &worst)) {
        LN_TRY(check_built(&inputs, op, err));
        return check_built(&outputs, op, err);
      }
    }
    alternative = strchr(alternative, ';');
    if (alternative != NULL) ++alternative;
  }
  return fail(graph, op, worst.text, err);
}

/* ---- the cell for others to read ---- */

int32_t ln_op_alternatives(const ln_op_def *def) {
  int32_t count = def->types != NULL;
  for (const char *c = def->types; c != NULL && *c != '\0'; ++c) count += *c == ';';
  return count;
}

bool ln_op_operand_at(const ln_op_def *def, int32_t alternative, int32_t index, ln_op_operand *out) {
  const char *cell = def->types;
  if (alternative < 0 || index < 0 || alternative >= ln_op_alternatives(def)) return false;
  for (; alternative > 0; --alternative) cell = strchr(cell, ';') + 1;
  matcher m = {cell, {0}};
  item found;
  bool output = false;
  for (;;) {
    while (next_item(&m, &found)) {
      if (index-- > 0) continue;
      *out =
          (ln_op_operand){sizeof *out, output, found.suffix == '?', found.suffix == '*', found.types, found.variable};
      return true;
    }
    if (output || *m.at != '>') return false;
    ++m.at;
    output = true;
  }
}

uint32_t ln_op_stood_in(const ln_op_def *def) {
  uint32_t types = 0;
  if (def->types == NULL || strchr(def->types, '~') == NULL) return 0;
  item found;
  matcher m = {def->types, {0}};
  for (;;) {
    while (next_item(&m, &found)) types |= found.stood;
    if (*m.at == '\0') return types;
    ++m.at;
  }
}
