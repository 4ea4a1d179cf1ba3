/*
 * Einstein sums of any number of operands: diagonals are taken, labels that nobody else wants are summed, and operands
 * are multiplied from the left, by a matrix product wherever a label of two goes.
 */
#include <string.h>

#include "import/emit.h"

/* Dimensions under "..." have labels of their own, counted from the last one. A set may hold those and all letters. */
enum { ELLIPSIS = 128, MOST_OPERANDS = 64, MOST_LABELS = 80 };

typedef struct labels {
  uint8_t at[MOST_LABELS];
  int32_t count;
} labels;

typedef struct operand {
  int32_t tensor;
  labels has;
} operand;

static int32_t place_of(const labels *set, uint8_t label) {
  const uint8_t *found = memchr(set->at, label, (size_t)set->count);
  return found == NULL ? -1 : (int32_t)(found - set->at);
}

static bool holds(const labels *set, uint8_t label) { return place_of(set, label) >= 0; }

static void append(labels *set, uint8_t label) {
  if (set->count < MOST_LABELS) set->at[set->count++] = label;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* ---- reading the equation ---- */

/* Labels of one term up to ',', '-' or the end. `dots`: how many dimensions "..." stands for. */
static bool read_term(const char **text, int32_t dots, labels *out) {
  const char *c = *text;
  bool dotted = false;
  *out = (labels){0};
  for (; *c != '\0' && *c != ',' && *c != '-'; ++c) {
    if (*c == ' ') continue;
    if (out->count + dots >= MOST_LABELS) return false;
    if (is_letter(*c)) {
      append(out, (uint8_t)*c);
    } else if (strncmp(c, "...", 3) == 0 && !dotted) {
      for (int32_t i = dots - 1; i >= 0; --i) append(out, (uint8_t)(ELLIPSIS + i));
      dotted = true;
      c += 2;
    } else {
      return false;
    }
  }
  *text = c;
  return true;
}

/* Letters before the term ends. */
static int32_t letters_of(const char *text) {
  int32_t count = 0;
  for (; *text != '\0' && *text != ',' && *text != '-'; ++text) count += is_letter(*text);
  return count;
}

/* Without "->": what occurs once, "..." first, letters in their order. */
static void implied_output(const operand *operands, int32_t count, int32_t dots, labels *out) {
  *out = (labels){0};
  for (int32_t i = dots - 1; i >= 0; --i) append(out, (uint8_t)(ELLIPSIS + i));
  for (int32_t letter = 'A'; letter <= 'z'; ++letter) {
    int32_t times = 0;
    for (int32_t i = 0; i < count; ++i) {
      for (int32_t j = 0; j < operands[i].has.count; ++j) times += operands[i].has.at[j] == letter;
    }
    if (times == 1) append(out, (uint8_t)letter);
  }
}

static bool read_equation(const ln_emit *e, const char *text, int32_t count, operand *operands, labels *out) {
  int32_t most_dots = 0;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t dots = ln_emit_rank(e, operands[i].tensor) - letters_of(text);
    if (dots < 0 || !read_term(&text, dots, &operands[i].has)) return false;
    if (operands[i].has.count != ln_emit_rank(e, operands[i].tensor)) return false;
    if (dots > most_dots) most_dots = dots;
    if (i + 1 < count && *text++ != ',') return false;
  }
  if (*text == '\0') {
    implied_output(operands, count, most_dots, out);
    return true;
  }
  if (text[0] != '-' || text[1] != '>') return false;
  text += 2;
  if (!read_term(&text, most_dots, out) || *text != '\0') return false;
  for (int32_t i = 0; i < out->count; ++i) { /* each once */
    if (place_of(out, out->at[i]) != i) return false;
  }
  return true;
}

/* ---- one operand ---- */

static void reorder(ln_emit *e, operand *o, const labels *order) {
  int32_t places[LN_MAX_RANK];
  bool same = true;
  for (int32_t i = 0; i < order->count; ++i) {
    places[i] = place_of(&o->has, order->at[i]);
    same = same && places[i] == i;
  }
  if (!same) o->tensor = ln_emit_transpose(e, o->tensor, places);
  o->has = *order;
}

/* The diagonal of dimensions `i` and `j`, at the end: every (n + 1)-th of n * n. */
static void take_diagonal(ln_emit *e, operand *o, int32_t i, int32_t j) {
  int32_t order[LN_MAX_RANK], count = 0;
  labels left = {0};
  const int32_t size = ln_emit_dim(e, o->tensor, i), rank = o->has.count;
  if (size < 0 || size != ln_emit_dim(e, o->tensor, j)) {
    ln_emit_refuse(e, "a diagonal of dimensions that are open or differ is not built");
    return;
  }
  const uint8_t label = o->has.at[i];
  for (int32_t k = 0; k < rank; ++k) {
    if (k == i || k == j) continue;
    order[count++] = k;
    append(&left, o->has.at[k]);
  }
  order[count++] = i;
  order[count] = j;
  append(&left, label);
  const int32_t flat = ln_emit_flatten(e, ln_emit_transpose(e, o->tensor, order), rank - 2, rank - 1);
  o->tensor = ln_emit_slice(e, flat, rank - 2, 0, INT32_MAX, size + 1);
  o->has = left;
}

static void take_diagonals(ln_emit *e, operand *o) {
  for (int32_t i = 0; i < o->has.count && !ln_emit_failed(e); ++i) {
    for (int32_t j = i + 1; j < o->has.count; ++j) {
      if (o->has.at[i] != o->has.at[j]) continue;
      take_diagonal(e, o, i, j);
      i = -1; /* labels have moved */
      break;
    }
  }
}

/* Sums what neither `other` nor `kept` has. */
static void sum_unwanted(ln_emit *e, operand *o, const labels *other, const labels *kept) {
  int32_t axes[LN_MAX_RANK], count = 0;
  labels left = {0};
  for (int32_t i = 0; i < o->has.count; ++i) {
    const uint8_t label = o->has.at[i];
    if (holds(kept, label) || (other != NULL && holds(other, label))) {
      append(&left, label);
    } else {
      axes[count++] = i;
    }
  }
  if (count > 0) o->tensor = ln_emit_reduce(e, LN_OP_SUM, o->tensor, count, axes, false);
  o->has = left;
}

/* ---- two operands ---- */

/* Dimensions of size 1 for labels that the operand lacks. */
static int32_t spread(ln_emit *e, operand *o, const labels *all) {
  labels own = {0};
  int32_t places[MOST_LABELS], count = 0;
  for (int32_t i = 0; i < all->count; ++i) {
    if (holds(&o->has, all->at[i])) append(&own, all->at[i]);
    else places[count++] = i;
  }
  reorder(e, o, &own);
  return count == 0 ? o->tensor : ln_emit_expand(e, o->tensor, count, places);
}

static operand multiply(ln_emit *e, operand a, operand b) {
  labels all = a.has;
  for (int32_t i = 0; i < b.has.count; ++i) {
    if (!holds(&a.has, b.has.at[i])) append(&all, b.has.at[i]);
  }
  if (all.count > LN_MAX_RANK) {
    ln_emit_refuse(e, "the product has more than %d dimensions", LN_MAX_RANK);
    return a;
  }
  return (operand){ln_emit_mul(e, spread(e, &a, &all), spread(e, &b, &all)), all};
}

typedef struct groups {
  labels batch, free_a, free_b, gone;
} groups;

static groups group(const operand *a, const operand *b, const labels *kept) {
  groups g = {0};
  for (int32_t i = 0; i < a->has.count; ++i) {
    const uint8_t label = a->has.at[i];
    append(!holds(&b->has, label) ? &g.free_a : holds(kept, label) ? &g.batch : &g.gone, label);
  }
  for (int32_t i = 0; i < b->has.count; ++i) {
    if (!holds(&a->has, b->has.at[i])) append(&g.free_b, b->has.at[i]);
  }
  return g;
}

static labels joined(const labels *first, const labels *second, const labels *third) {
  labels all = *first;
  for (int32_t i = 0; i < second->count; ++i) append(&all, second->at[i]);
  for (int32_t i = 0; i < third->count; ++i) append(&all, third->at[i]);
  return all;
}

static bool same_labels(const labels *a, const labels *b) {
  return a->count == b->count && memcmp(a->at, b->at, (size_t)a->count) == 0;
}

/* Lays the operand out as [batch..., rows, columns], each of the two one dimension; they stay apart where `apart`. */
static int32_t as_matrices(ln_emit *e, operand *o, const groups *g, const labels *rows, const labels *columns,
                           bool apart) {
  const labels order = joined(&g->batch, rows, columns);
  reorder(e, o, &order);
  int32_t t = o->tensor;
  const int32_t lead = g->batch.count, none = lead + rows->count;
  if (columns->count == 0) t = ln_emit_expand(e, t, 1, &none);
  if (columns->count > 1) t = ln_emit_flatten(e, t, none, none + columns->count - 1);
  if (rows->count == 0) t = ln_emit_expand(e, t, 1, &lead);
  if (rows->count > 1 && !apart) t = ln_emit_flatten(e, t, lead, lead + rows->count - 1);
  return t;
}

/* The matrices' product in the dimensions of its labels; sizes are the operands'. */
static operand unfolded(ln_emit *e, int32_t product, const operand *a, const operand *b, const groups *g) {
  ln_dim dims[MOST_LABELS];
  operand result = {product, joined(&g->batch, &g->free_a, &g->free_b)};
  if (g->free_a.count == 1 && g->free_b.count == 1) return result;
  if (result.has.count > LN_MAX_RANK) {
    ln_emit_refuse(e, "the product has more than %d dimensions", LN_MAX_RANK);
    return result;
  }
  for (int32_t i = 0; i < result.has.count; ++i) {
    const int32_t in_a = place_of(&a->has, result.has.at[i]), in_b = place_of(&b->has, result.has.at[i]);
    const bool from_a = in_a >= 0 && (in_b < 0 || ln_emit_dim(e, a->tensor, in_a) != 1);
    dims[i] = from_a ? LN_DIM_OF(a->tensor, in_a) : LN_DIM_OF(b->tensor, in_b);
  }
  result.tensor = ln_emit_reshape(e, product, result.has.count, dims);
  return result;
}

static operand contract(ln_emit *e, operand a, operand b, const labels *kept) {
  sum_unwanted(e, &a, &b.has, kept);
  sum_unwanted(e, &b, &a.has, kept);
  const groups g = group(&a, &b, kept);
  if (g.gone.count == 0) return multiply(e, a, b);
  const labels turned_a = joined(&g.batch, &g.gone, &g.free_a), turned_b = joined(&g.batch, &g.free_b, &g.gone);
  const bool weights = g.batch.count == 0 && ln_emit_is_const(e, b.tensor);
  const bool adj_a = !weights && same_labels(&turned_a, &a.has) && g.free_a.count > 0;
  const bool adj_b = !weights && same_labels(&turned_b, &b.has);
  const int32_t left = as_matrices(e, &a, &g, adj_a ? &g.gone : &g.free_a, adj_a ? &g.free_a : &g.gone, weights);
  const int32_t right = as_matrices(e, &b, &g, adj_b ? &g.free_b : &g.gone, adj_b ? &g.gone : &g.free_b, false);
  return unfolded(e, ln_emit_matmul(e, left, right, adj_a, adj_b), &a, &b, &g);
}

/* ---- all ---- */

/* Labels of the output and of operands from `from` on. */
static labels still_wanted(const operand *operands, int32_t count, int32_t from, const labels *out) {
  labels kept = *out;
  for (int32_t i = from; i < count; ++i) {
    for (int32_t j = 0; j < operands[i].has.count; ++j) {
      if (!holds(&kept, operands[i].has.at[j])) append(&kept, operands[i].has.at[j]);
    }
  }
  return kept;
}

static int32_t finish(ln_emit *e, operand *o, const labels *out) {
  sum_unwanted(e, o, NULL, out);
  if (o->has.count != out->count) return ln_emit_wrong(e, "the output of the equation has labels that no operand has");
  reorder(e, o, out);
  return o->tensor;
}

int32_t ln_emit_einsum(ln_emit *e, const char *equation, int32_t count, const int32_t *tensors) {
  operand operands[MOST_OPERANDS];
  labels out;
  if (ln_emit_failed(e)) return -1;
  if (count < 1 || count > MOST_OPERANDS) return ln_emit_refuse(e, "%d operands of an einsum", (int)count);
  for (int32_t i = 0; i < count; ++i) operands[i] = (operand){.tensor = tensors[i]};
  if (!read_equation(e, equation, count, operands, &out)) {
    return ln_emit_wrong(e, "the equation \"%.80s\" does not fit its operands", equation);
  }
  for (int32_t i = 0; i < count; ++i) take_diagonals(e, &operands[i]);
  for (int32_t i = 1; i < count && !ln_emit_failed(e); ++i) {
    const labels kept = still_wanted(operands, count, i + 1, &out);
    operands[i] = contract(e, operands[i - 1], operands[i], &kept);
  }
  return ln_emit_failed(e) ? -1 : finish(e, &operands[count - 1], &out);
}
