/* What readers of StableHLO share: memory, dense data, attributes by name, and what functions say of themselves. */
#include "import/stablehlo/mlir.h"

#include <string.h>

static const ln_mlir_element_info elements[] = {
#define LN_ELEMENT(name, text, code, kind, bits, outside, inside) \
  {text, code, kind, bits, (bits) < 8 ? 1 : (bits) / 8, outside, inside},
#include "import/stablehlo/mlir_elements.def"
};

const ln_mlir_element_info *ln_mlir_element_at(ln_mlir_element element) { return &elements[element]; }

/* ---- memory ---- */

void *ln_mlir_new(ln_mlir_module *m, size_t count, size_t item_bytes) {
  void *memory = ln_arena_array(&m->arena, count == 0 ? 1 : count, item_bytes);
  if (memory == NULL) ln_import_no_memory(m->import);
  return memory;
}

char *ln_mlir_text(ln_mlir_module *m, const char *text, size_t length) {
  char *copy = ln_mlir_new(m, length + 1, 1);
  if (copy != NULL && length > 0) memcpy(copy, text, length);
  return copy;
}

bool ln_mlir_grow(ln_mlir_module *m, void **list, int32_t *capacity, size_t item_bytes) {
  const size_t old = (size_t)*capacity;
  const size_t wanted = old < 4 ? 4 : old * 2;
  if (wanted > INT32_MAX) {
    ln_import_no_memory(m->import);
    return false;
  }
  void *larger = ln_mlir_new(m, wanted, item_bytes);
  if (larger == NULL) return false;
  if (old > 0) memcpy(larger, *list, old * item_bytes);
  *list = larger;
  *capacity = (int32_t)wanted;
  return true;
}

ln_mlir_function *ln_mlir_add_function(ln_mlir_module *m) {
  if (!LN_MLIR_GROW(m, m->functions, m->function_count, m->function_capacity)) return NULL;
  return &m->functions[m->function_count++];
}

void ln_mlir_module_free(ln_mlir_module *m) { ln_arena_free(&m->arena); }

/* ---- functions ---- */

/* "result['loss']" and "result[0]" become "loss" and "output_0", "result" becomes "output". */
static const char *result_name(ln_mlir_module *m, const char *info) {
  static const char all[] = "result", quoted[] = "['";
  const char *rest = strncmp(info, all, strlen(all)) == 0 ? info + strlen(all) : info;
  if (rest == info) return *info == '\0' ? NULL : info;
  if (*rest == '\0') return "output";
  if (strncmp(rest, quoted, strlen(quoted)) == 0) {
    const char *name = rest + strlen(quoted), *end = strstr(name, "']");
    if (end != NULL && end[2] == '\0' && end > name) return ln_mlir_text(m, name, (size_t)(end - name));
  }
  char *name = ln_mlir_new(m, strlen(rest) + sizeof "output_", 1);
  if (name == NULL) return NULL;
  strcpy(name, "output");
  size_t used = strlen(name);
  bool gap = true;
  for (const char *c = rest; *c != '\0'; ++c) {
    const bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
    if (plain && gap) name[used++] = '_';
    if (plain) name[used++] = *c;
    gap = !plain;
  }
  return name;
}

static const char *string_in(const ln_mlir_attr *list, int32_t index, const char *name) {
  if (list == NULL || list->kind != LN_MLIR_ARRAY || index >= list->count) return NULL;
  const ln_mlir_attr *item = ln_mlir_item(list->items[index], name);
  return item == NULL || item->kind != LN_MLIR_STRING ? NULL : item->text;
}

bool ln_mlir_describe_function(ln_mlir_module *m, ln_mlir_function *f, const ln_mlir_attr *attrs) {
  const ln_mlir_attr *name = ln_mlir_item(attrs, "sym_name"), *seen = ln_mlir_item(attrs, "sym_visibility");
  const ln_mlir_attr *args = ln_mlir_item(attrs, "arg_attrs"), *results = ln_mlir_item(attrs, "res_attrs");
  const ln_mlir_attr *type = ln_mlir_item(attrs, "function_type");
  if (name == NULL || name->kind != LN_MLIR_STRING) {
    ln_import_fail(m->import, LN_ERR_MODEL, "a function has no name");
    return false;
  }
  f->name = name->text;
  f->is_public =
      seen == NULL || seen->kind != LN_MLIR_STRING || seen->text[0] == '\0' || strcmp(seen->text, "public") == 0;
  if (type != NULL && type->kind == LN_MLIR_TYPE && type->type->form == LN_MLIR_FUNCTION) {
    f->result_count = type->type->count - type->type->inputs;
  }
  f->arg_globals = ln_mlir_new(m, (size_t)f->body.arg_count, sizeof *f->arg_globals);
  f->result_names = ln_mlir_new(m, (size_t)f->result_count, sizeof *f->result_names);
  if (f->arg_globals == NULL || f->result_names == NULL) return false;
  for (int32_t i = 0; i < f->body.arg_count; ++i) f->arg_globals[i] = string_in(args, i, "jax.global_constant");
  for (int32_t i = 0; i < f->result_count; ++i) {
    const char *info = string_in(results, i, "jax.result_info");
    f->result_names[i] = info == NULL ? NULL : result_name(m, info);
  }
  return !ln_import_failed(m->import);
}

const ln_mlir_function *ln_mlir_find_function(const ln_mlir_module *m, const char *name) {
  for (int32_t i = 0; i < m->function_count; ++i) {
    if (strcmp(m->functions[i].name, name) == 0) return &m->functions[i];
  }
  return NULL;
}

/* ---- dense data ---- */

bool ln_mlir_elements(const ln_mlir_type *type, size_t *out) {
  *out = 1;
  return type->form == LN_MLIR_SCALAR || (type->form == LN_MLIR_TENSOR && ln_size_product(type->dims, type->rank, out));
}

bool ln_mlir_set_data(ln_mlir_module *m, ln_mlir_attr *attr, const uint8_t *data, size_t size) {
  size_t count, all;
  const size_t bytes = (size_t)elements[attr->type->element].bytes;
  if (!ln_mlir_elements(attr->type, &count) || !ln_size_mul(count, bytes, &all)) return false;
  attr->kind = LN_MLIR_DENSE;
  attr->data = data;
  if (attr->type->element == LN_MLIR_I1 && size == (count + 7) / 8 && count > 0) {
    /* One byte 0xFF stands for all, and so does one of 0 where there are more bits than it holds. */
    const bool splat = size == 1 && (data[0] == 0xFF || (data[0] == 0 && count > 8));
    uint8_t *spread = ln_arena_array(&m->import->model->arena, splat ? 1 : count, 1);
    if (spread == NULL) return ln_import_no_memory(m->import), false;
    for (size_t i = 0; i < (splat ? 1 : count); ++i) spread[i] = data[i / 8] >> (i % 8) & 1;
    attr->data = spread;
    attr->splat = splat;
    return true;
  }
  attr->splat = size == bytes && count > 1;
  return size == all || attr->splat || (attr->type->element == LN_MLIR_I1 && size == 1 && (attr->splat = true));
}

int64_t ln_mlir_dense_int(const ln_mlir_attr *attr, size_t index) {
  const ln_mlir_element_info *info = &elements[attr->type->element];
  const uint8_t *at = attr->data + (attr->splat ? 0 : index * (size_t)info->bytes);
  uint64_t value = 0;
  memcpy(&value, at, (size_t)info->bytes < sizeof value ? (size_t)info->bytes : sizeof value);
  if (info->kind == LN_MLIR_BOOL) return value != 0;
  if (info->kind == LN_MLIR_SIGNED && info->bytes < 8) {
    const int32_t shift = 64 - 8 * info->bytes;
    return (int64_t)(value << shift) >> shift;
  }
  return (int64_t)value;
}

/* ---- attributes ---- */

static bool is_struct(const char *name) {
  static const char *const names[] = {"dot_dimension_numbers", "dimension_numbers", "scatter_dimension_numbers"};
  for (size_t i = 0; i < LN_COUNT(names); ++i) {
    if (strcmp(name, names[i]) == 0) return true;
  }
  return false;
}

const ln_mlir_attr *ln_mlir_flatten(ln_mlir_module *m, const ln_mlir_attr *attrs) {
  int32_t count = 0;
  if (attrs == NULL || attrs->kind != LN_MLIR_DICT) return attrs;
  for (int32_t i = 0; i < attrs->count; ++i) {
    count += is_struct(attrs->names[i]) && attrs->items[i]->kind == LN_MLIR_DICT ? attrs->items[i]->count : 1;
  }
  if (count == attrs->count) return attrs;
  ln_mlir_attr *flat = ln_mlir_new(m, 1, sizeof *flat);
  const ln_mlir_attr **items = ln_mlir_new(m, (size_t)count, sizeof(void *));
  const char **names = ln_mlir_new(m, (size_t)count, sizeof(void *));
  if (flat == NULL || items == NULL || names == NULL) return NULL;
  *flat = (ln_mlir_attr){.kind = LN_MLIR_DICT, .items = items, .names = names};
  for (int32_t i = 0; i < attrs->count; ++i) {
    const ln_mlir_attr *item = attrs->items[i];
    const bool nested = is_struct(attrs->names[i]) && item->kind == LN_MLIR_DICT;
    for (int32_t j = 0; j < (nested ? item->count : 1); ++j) {
      items[flat->count] = nested ? item->items[j] : item;
      names[flat->count++] = nested ? item->names[j] : attrs->names[i];
    }
  }
  return flat;
}

const ln_mlir_attr *ln_mlir_item(const ln_mlir_attr *dict, const char *name) {
  if (dict == NULL || dict->kind != LN_MLIR_DICT) return NULL;
  for (int32_t i = 0; i < dict->count; ++i) {
    if (strcmp(dict->names[i], name) == 0) return dict->items[i];
  }
  return NULL;
}

const ln_mlir_attr *ln_mlir_attr_of(const ln_mlir_op *op, const char *name) { return ln_mlir_item(op->attrs, name); }

const char *ln_mlir_string(const ln_mlir_op *op, const char *name) {
  const ln_mlir_attr *attr = ln_mlir_attr_of(op, name);
  return attr == NULL ? NULL : attr->text;
}

int64_t ln_mlir_int(const ln_mlir_op *op, const char *name, int64_t otherwise) {
  const ln_mlir_attr *attr = ln_mlir_attr_of(op, name);
  int64_t value;
  int32_t count;
  if (attr == NULL) return otherwise;
  if (attr->kind == LN_MLIR_INT) return attr->i;
  return ln_mlir_numbers(attr, 1, &value, &count) && count == 1 ? value : otherwise;
}

double ln_mlir_float(const ln_mlir_op *op, const char *name, double otherwise) {
  const ln_mlir_attr *attr = ln_mlir_attr_of(op, name);
  if (attr == NULL || (attr->kind != LN_MLIR_FLOAT && attr->kind != LN_MLIR_INT)) return otherwise;
  return attr->kind == LN_MLIR_FLOAT ? attr->f : (double)attr->i;
}

bool ln_mlir_numbers(const ln_mlir_attr *attr, int32_t capacity, int64_t *out, int32_t *count) {
  size_t size;
  *count = 0;
  if (attr == NULL) return false;
  if (attr->kind == LN_MLIR_ARRAY) {
    for (int32_t i = 0; i < attr->count; ++i) {
      if (i >= capacity || attr->items[i]->kind != LN_MLIR_INT) return false;
      out[(*count)++] = attr->items[i]->i;
    }
    return true;
  }
  if (attr->kind != LN_MLIR_DENSE || !ln_mlir_elements(attr->type, &size) || size > (size_t)capacity) return false;
  if (elements[attr->type->element].kind >= LN_MLIR_REAL) return false;
  for (size_t i = 0; i < size; ++i) out[(*count)++] = ln_mlir_dense_int(attr, i);
  return true;
}
