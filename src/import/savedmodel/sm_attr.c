/* Attributes and constant inputs of the node in hand. */
#include "import/savedmodel/savedmodel.h"

int64_t ln_sm_int(const ln_sm_call *c, const char *key, int64_t otherwise) {
  int64_t value = otherwise;
  return ln_nodedef_int(c->def, key, &value) ? value : otherwise;
}

double ln_sm_float(const ln_sm_call *c, const char *key, double otherwise) {
  float value;
  return ln_nodedef_float(c->def, key, &value) ? (double)value : otherwise;
}

bool ln_sm_bool(const ln_sm_call *c, const char *key, bool otherwise) {
  bool value;
  return ln_nodedef_bool(c->def, key, &value) ? value : otherwise;
}

ln_type ln_sm_type(ln_sm_call *c, const char *key) {
  ln_type type;
  if (ln_nodedef_type(c->def, key, &type)) return type;
  ln_emit_wrong(c->e, "it does not say its type \"%s\"", key);
  return LN_FLOAT32;
}

bool ln_sm_is(const ln_sm_call *c, const char *key, const char *text) {
  const char *value;
  size_t length;
  return ln_nodedef_string(c->def, key, &value, &length) && length == strlen(text) && memcmp(value, text, length) == 0;
}

int32_t ln_sm_ints(const ln_sm_call *c, const char *key, int32_t *out, int32_t capacity) {
  int64_t values[64];
  int32_t count = 0;
  const int32_t room = capacity < 64 ? capacity : 64;
  if (!ln_nodedef_ints(c->def, key, values, room, &count)) return 0;
  for (int32_t i = 0; i < count && i < room; ++i) {
    out[i] = values[i] > INT32_MAX ? INT32_MAX : values[i] < INT32_MIN ? INT32_MIN : (int32_t)values[i];
  }
  return count;
}

bool ln_sm_const_ints(ln_sm_call *c, int32_t i, const char *what, int64_t *out, int32_t capacity, int32_t *count) {
  const int32_t t = ln_sm_in(c, i);
  if (t < 0) return false;
  if (ln_emit_ints(c->e, t, out, capacity, count)) return true;
  if (ln_emit_is_const(c->e, t)) ln_emit_refuse(c->e, "its %s are too many, or no numbers", what);
  else ln_emit_refuse(c->e, "its %s must be constant", what);
  return false;
}

bool ln_sm_const_int(ln_sm_call *c, int32_t i, const char *what, int64_t *out) {
  int64_t value;
  int32_t count = 0;
  if (!ln_sm_const_ints(c, i, what, &value, 1, &count)) return false;
  if (count != 1) {
    ln_emit_wrong(c->e, "its %s is empty", what);
    return false;
  }
  *out = value;
  return true;
}

bool ln_sm_axis(ln_sm_call *c, int32_t i, int32_t rank, int32_t *out) {
  int64_t axis;
  if (!ln_sm_const_int(c, i, "axis", &axis)) return false;
  if (ln_axis_normalize(axis, rank, out)) return true;
  ln_emit_wrong(c->e, "axis %d of %d dimensions", (int)axis, rank);
  return false;
}
