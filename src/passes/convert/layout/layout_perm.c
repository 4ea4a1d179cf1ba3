/* Orders of dimensions. */
#include "passes/convert/layout/layout.h"

ln_perm ln_perm_identity(int32_t rank) {
  ln_perm p = {.rank = (int8_t)rank};
  for (int32_t i = 0; i < rank; ++i) p.axis[i] = (int8_t)i;
  return p;
}

bool ln_perm_is_identity(const ln_perm *p) {
  for (int32_t i = 0; i < p->rank; ++i) {
    if (p->axis[i] != i) return false;
  }
  return true;
}

bool ln_perm_equal(const ln_perm *a, const ln_perm *b) {
  if (a->rank != b->rank) return false;
  for (int32_t i = 0; i < a->rank; ++i) {
    if (a->axis[i] != b->axis[i]) return false;
  }
  return true;
}

ln_perm ln_perm_inverse(const ln_perm *p) {
  ln_perm out = {.rank = p->rank};
  for (int32_t i = 0; i < p->rank; ++i) out.axis[p->axis[i]] = (int8_t)i;
  return out;
}

ln_perm ln_perm_compose(const ln_perm *first, const ln_perm *then) {
  ln_perm out = {.rank = then->rank};
  for (int32_t i = 0; i < then->rank; ++i) out.axis[i] = first->axis[then->axis[i]];
  return out;
}

int32_t ln_perm_place(const ln_perm *p, int32_t axis) {
  for (int32_t i = 0; i < p->rank; ++i) {
    if (p->axis[i] == axis) return i;
  }
  return -1;
}

ln_perm ln_perm_without(const ln_perm *p, uint32_t removed) {
  int8_t number[LN_MAX_RANK];
  ln_perm out = {0};
  int8_t next = 0;
  for (int32_t i = 0; i < p->rank; ++i) number[i] = (removed >> i & 1) != 0 ? -1 : next++;
  for (int32_t i = 0; i < p->rank; ++i) {
    if (number[p->axis[i]] >= 0) out.axis[out.rank++] = number[p->axis[i]];
  }
  return out;
}

static void insert_at(ln_perm *p, int32_t place, int32_t axis) {
  for (int32_t i = p->rank; i > place; --i) p->axis[i] = p->axis[i - 1];
  p->axis[place] = (int8_t)axis;
  ++p->rank;
}

ln_perm ln_perm_with(const ln_perm *p, uint32_t removed, int32_t rank) {
  int8_t kept[LN_MAX_RANK];
  ln_perm out = {0};
  int32_t count = 0;
  for (int32_t i = 0; i < rank; ++i) {
    if ((removed >> i & 1) == 0) kept[count++] = (int8_t)i;
  }
  for (int32_t i = 0; i < p->rank && i < count; ++i) out.axis[out.rank++] = kept[p->axis[i]];
  for (int32_t i = 0; i < rank; ++i) {
    if ((removed >> i & 1) != 0) insert_at(&out, i == 0 ? 0 : ln_perm_place(&out, i - 1) + 1, i);
  }
  return out;
}

ln_shape ln_perm_shape(const ln_perm *p, const ln_shape *shape) {
  ln_shape out = {.rank = p->rank};
  for (int32_t i = 0; i < p->rank; ++i) out.dims[i] = shape->dims[p->axis[i]];
  return out;
}
