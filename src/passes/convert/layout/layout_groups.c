/*
 * What a reshape leaves together. Dimensions of 1 are nothing to it; the others fall into groups of equal product, and
 * a frame that keeps each group's dimensions together and in order moves whole groups through the reshape.
 */
#include <string.h>

#include "passes/convert/layout/layout.h"

static bool split_groups(const int64_t *in, const int64_t *out, ln_reshape_groups *g) {
  int32_t i = 0, j = 0;
  for (;;) {
    while (i < g->in_rank && in[i] == 1) ++i;
    while (j < g->out_rank && out[j] == 1) ++j;
    if (i == g->in_rank || j == g->out_rank) return i == g->in_rank && j == g->out_rank;
    double a = (double)in[i], b = (double)out[j];
    g->in[g->count] = (uint8_t)(1u << i++);
    g->out[g->count] = (uint8_t)(1u << j++);
    while (a != b) {
      if (a < b) {
        if (i == g->in_rank) return false;
        a *= (double)in[i];
        if (in[i] != 1) g->in[g->count] |= (uint8_t)(1u << i);
        ++i;
      } else {
        if (j == g->out_rank) return false;
        b *= (double)out[j];
        if (out[j] != 1) g->out[g->count] |= (uint8_t)(1u << j);
        ++j;
      }
    }
    ++g->count;
  }
}

static bool groups_under(const ln_layout *l, const ln_op *op, int32_t probe, ln_reshape_groups *out) {
  const ln_shape *a = ln_sizes_of(l->sizes, probe, op->inputs[0]), *b = ln_sizes_of(l->sizes, probe, op->outputs[0]);
  int64_t in[LN_MAX_RANK], made[LN_MAX_RANK];
  if (a == NULL || b == NULL) return false;
  *out = (ln_reshape_groups){.in_rank = a->rank, .out_rank = b->rank};
  for (int32_t i = 0; i < a->rank; ++i) in[i] = a->dims[i];
  for (int32_t i = 0; i < b->rank; ++i) made[i] = b->dims[i];
  for (int32_t i = 0; i < a->rank; ++i) {
    if (in[i] <= 0) return false;
  }
  for (int32_t i = 0; i < b->rank; ++i) {
    if (made[i] <= 0) return false;
  }
  return split_groups(in, made, out);
}

/* Dimensions of 1 are 1 whatever open ones are, and groups are the same under both assignments. */
bool ln_layout_find_groups(const ln_layout *l, const ln_op *op, ln_reshape_groups *out) {
  ln_reshape_groups other;
  if (op->inputs[0] < 0 || l->base[op->inputs[0]] < 0) return false;
  if (!groups_under(l, op, 0, out) || !groups_under(l, op, 1, &other)) return false;
  if (out->count != other.count || out->in_rank != other.in_rank || out->out_rank != other.out_rank) return false;
  if (l->graph->tensors[op->inputs[0]].signature.rank != out->in_rank ||
      l->graph->tensors[op->outputs[0]].signature.rank != out->out_rank) {
    return false;
  }
  return memcmp(out->in, other.in, sizeof out->in) == 0 && memcmp(out->out, other.out, sizeof out->out) == 0;
}

/* The group that holds a dimension; -1 for one of 1. */
static int32_t group_of(const uint8_t *bits, int32_t count, int32_t axis) {
  for (int32_t i = 0; i < count; ++i) {
    if ((bits[i] >> axis & 1) != 0) return i;
  }
  return -1;
}

/* The order of groups under an order of dimensions; false where it takes one apart. */
static bool group_order(const uint8_t *bits, int32_t count, const ln_perm *p, int32_t *order) {
  int32_t last = -1, next = -1, found = 0;
  uint32_t seen = 0;
  for (int32_t i = 0; i < p->rank; ++i) {
    const int32_t g = group_of(bits, count, p->axis[i]);
    if (g < 0) continue;
    if (g != last) {
      if ((seen >> g & 1) != 0) return false;
      seen |= 1u << g;
      order[found++] = g;
      last = g;
      next = -1;
    }
    if (p->axis[i] < next) return false;
    next = p->axis[i];
  }
  return found == count;
}

/* Dimensions in the order of their groups, those of 1 behind the dimension before them. */
static ln_perm expand(const uint8_t *bits, int32_t count, const int32_t *order, int32_t rank) {
  ln_perm out = {0};
  uint32_t ones = (1u << rank) - 1;
  for (int32_t i = 0; i < count; ++i) {
    for (int32_t axis = 0; axis < rank; ++axis) {
      if ((bits[order[i]] >> axis & 1) == 0) continue;
      out.axis[out.rank++] = (int8_t)axis;
      ones &= ~(1u << axis);
    }
  }
  ln_perm kept = {0}; /* numbered without the ones, as ln_perm_with wants it */
  int8_t number[LN_MAX_RANK];
  int8_t next = 0;
  for (int32_t axis = 0; axis < rank; ++axis) number[axis] = (ones >> axis & 1) != 0 ? -1 : next++;
  for (int32_t i = 0; i < out.rank; ++i) kept.axis[kept.rank++] = number[out.axis[i]];
  return ln_perm_with(&kept, ones, rank);
}

bool ln_groups_allow(const ln_reshape_groups *g, const ln_perm *frame) {
  int32_t order[LN_MAX_RANK];
  return group_order(g->in, g->count, frame, order);
}

ln_perm ln_groups_forward(const ln_reshape_groups *g, const ln_perm *frame) {
  int32_t order[LN_MAX_RANK];
  if (!group_order(g->in, g->count, frame, order)) return ln_perm_identity(g->out_rank);
  return expand(g->out, g->count, order, g->out_rank);
}

bool ln_groups_backward(const ln_reshape_groups *g, const ln_perm *out, ln_perm *frame) {
  int32_t order[LN_MAX_RANK];
  if (!group_order(g->out, g->count, out, order)) return false;
  *frame = expand(g->in, g->count, order, g->in_rank);
  return true;
}
