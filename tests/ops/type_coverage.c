#include "type_coverage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VARIABLES = 3, CHOICES = VARIABLES + 1, ANY_TYPE = (1 << 23) - 1 };

/* For one alternative: the types that stood for input 0, then for each variable. */
typedef struct alternative_seen {
  bool held;
  uint32_t types[CHOICES];
} alternative_seen;

struct seen_types {
  int32_t rows;
  const char **names; /* [rows] */
  int32_t *first;     /* [rows + 1] of `alternatives` */
  alternative_seen *alternatives;
};

seen_types *seen_types_make(void) {
  seen_types *seen = calloc(1, sizeof *seen);
  if (seen == NULL) return NULL;
  seen->rows = ln_op_row_count();
  seen->names = calloc((size_t)seen->rows + 1, sizeof *seen->names);
  seen->first = calloc((size_t)seen->rows + 1, sizeof *seen->first);
  for (int32_t r = 0; seen->names != NULL && seen->first != NULL && r < seen->rows; ++r) {
    ln_op_row row = {.size = sizeof row};
    if (ln_op_row_get(r, &row) != LN_OK) continue;
    seen->names[r] = row.name;
    seen->first[r + 1] = seen->first[r] + row.alternatives;
  }
  if (seen->first != NULL) seen->alternatives = calloc((size_t)seen->first[seen->rows] + 1, sizeof *seen->alternatives);
  if (seen->names != NULL && seen->alternatives != NULL) return seen;
  seen_types_free(seen);
  return NULL;
}

void seen_types_free(seen_types *seen) {
  if (seen == NULL) return;
  free(seen->names);
  free(seen->first);
  free(seen->alternatives);
  free(seen);
}

/* ---- an operator against an alternative ---- */

typedef struct side {
  const ln_graph *graph;
  const ln_op *op;
  int32_t at; /* the next tensor */
} side;

static int32_t side_count(const side *s, bool output) {
  return output ? ln_op_output_count(s->op) : ln_op_input_count(s->op);
}

/* The type of tensor `index` of a side as a bit; 0 where it is absent. */
static uint32_t type_at(const side *s, bool output, int32_t index) {
  if (index >= side_count(s, output)) return 0;
  const int32_t tensor = output ? ln_op_output(s->op, index) : ln_op_input(s->op, index);
  return tensor < 0 ? 0 : UINT32_C(1) << ln_tensor_type(ln_graph_tensor(s->graph, tensor));
}

/* One tensor for an operand; false when it does not fit. */
static bool take(const ln_op_operand *operand, uint32_t bit, uint32_t bound[VARIABLES]) {
  if (bit == 0) return operand->optional || operand->repeated;
  if ((operand->types & bit) == 0) return false;
  if (operand->variable < 0) return true;
  if (bound[operand->variable] != 0 && bound[operand->variable] != bit) return false;
  bound[operand->variable] = bit;
  return true;
}

static bool matches(const ln_graph *graph, const ln_op *op, int32_t row, int32_t alternative,
                    uint32_t bound[VARIABLES]) {
  side s = {graph, op, 0};
  bool output = false;
  ln_op_operand operand = {.size = sizeof operand};
  for (int32_t i = 0; ln_op_row_operand(row, alternative, i, &operand) == LN_OK; ++i) {
    if (operand.output && !output) {
      if (s.at < side_count(&s, false)) return false;
      output = true;
      s.at = 0;
    }
    const int32_t end = operand.repeated ? side_count(&s, output) : s.at + 1;
    for (; s.at < end; ++s.at) {
      if (!take(&operand, type_at(&s, output, s.at), bound)) return false;
    }
  }
  return s.at >= side_count(&s, output) && (output || side_count(&s, true) == 0);
}

static void note_op(seen_types *seen, const ln_graph *graph, const ln_op *op) {
  const char *name = ln_op_name(op);
  int32_t row = 0;
  while (row < seen->rows && (seen->names[row] == NULL || strcmp(seen->names[row], name) != 0)) ++row;
  if (row == seen->rows) return;
  for (int32_t a = 0; a < seen->first[row + 1] - seen->first[row]; ++a) {
    alternative_seen *alternative = &seen->alternatives[seen->first[row] + a];
    uint32_t bound[VARIABLES] = {0};
    const side s = {graph, op, 0};
    if (!matches(graph, op, row, a, bound)) continue;
    alternative->held = true;
    alternative->types[0] |= type_at(&s, false, 0);
    for (int32_t v = 0; v < VARIABLES; ++v) alternative->types[v + 1] |= bound[v];
  }
}

void seen_types_note(seen_types *seen, const ln_model *model) {
  for (int32_t g = 0; g < ln_model_graph_count(model); ++g) {
    const ln_graph *graph = ln_model_graph(model, g);
    for (int32_t i = 0; i < ln_graph_op_count(graph); ++i) note_op(seen, graph, ln_graph_op(graph, i));
  }
}

/* ---- the report ---- */

static int report_types(const char *name, const char *what, uint32_t missing) {
  int count = 0;
  for (int32_t t = 0; t < 32; ++t) {
    if ((missing >> t & 1) == 0) continue;
    ++count;
    printf("no case for %s with %s %s\n", name, what, ln_type_name((ln_type)t));
  }
  return count;
}

static int report_alternative(const seen_types *seen, int32_t row, int32_t index) {
  static const char *const variables[VARIABLES] = {"T of", "U of", "V of"};
  const alternative_seen *alternative = &seen->alternatives[seen->first[row] + index];
  uint32_t done[VARIABLES] = {0};
  int missing = 0;
  ln_op_operand operand = {.size = sizeof operand};
  if (!alternative->held) {
    printf("no case for %s with alternative %d of its types\n", seen->names[row], index + 1);
    return 1;
  }
  for (int32_t i = 0; ln_op_row_operand(row, index, i, &operand) == LN_OK; ++i) {
    if (operand.types == ANY_TYPE) continue; /* takes whatever comes */
    if (i == 0 && !operand.output) {
      missing += report_types(seen->names[row], "an input 0 of", operand.types & ~alternative->types[0]);
    } else if (operand.variable >= 0 && done[operand.variable] == 0) {
      missing += report_types(seen->names[row], variables[operand.variable],
                              operand.types & ~alternative->types[operand.variable + 1]);
    }
    if (operand.variable >= 0) done[operand.variable] = 1;
  }
  return missing;
}

int seen_types_report(const seen_types *seen) {
  int missing = 0;
  for (int32_t r = 0; r < seen->rows; ++r) {
    for (int32_t a = 0; a < seen->first[r + 1] - seen->first[r]; ++a) missing += report_alternative(seen, r, a);
  }
  printf("%d element types without a case\n", missing);
  return missing;
}
