/* Types and attributes of MLIR's text. */
#include "import/stablehlo/text.h"

#include <string.h>

/* ---- types ---- */

bool ln_asm_element(ln_mlir_word word, ln_mlir_element *out) {
  for (int32_t i = 0; i < LN_MLIR_ELEMENT_COUNT; ++i) {
    if (ln_asm_word_is(word, ln_mlir_element_at((ln_mlir_element)i)->text)) return *out = (ln_mlir_element)i, true;
  }
  return false;
}

static const ln_mlir_type *other(ln_mlir_reader *r, const char *text, size_t length) {
  ln_mlir_type *type = ln_mlir_new(r->m, 1, sizeof *type);
  if (type == NULL) return NULL;
  type->form = LN_MLIR_OTHER;
  type->text = ln_mlir_text(r->m, text, length);
  return type;
}

bool ln_asm_add_type(ln_mlir_reader *r, ln_mlir_types *types, const ln_mlir_type *type) {
  if (type == NULL || !LN_MLIR_GROW(r->m, types->items, types->count, types->capacity)) return false;
  types->items[types->count++] = type;
  return true;
}

/* Types up to `close`, which is taken. */
static bool type_list(ln_mlir_reader *r, ln_mlir_types *out, const char *close) {
  while (!ln_asm_take(r, close)) {
    if (out->count > 0 && !ln_asm_take(r, ",") && !ln_asm_wrong(r, "',' or '%s' is missing between types", close))
      return false;
    if (!ln_asm_add_type(r, out, ln_asm_type(r))) return false;
  }
  return true;
}

static const ln_mlir_type *grouped(ln_mlir_reader *r, ln_mlir_form form, const ln_mlir_types *parts, int32_t inputs) {
  ln_mlir_type *type = ln_mlir_new(r->m, 1, sizeof *type);
  if (type == NULL) return NULL;
  type->form = form;
  type->parts = parts->items;
  type->count = parts->count;
  type->inputs = inputs;
  return type;
}

static const ln_mlir_type *function_type(ln_mlir_reader *r) {
  ln_mlir_types parts = {0};
  if (!type_list(r, &parts, ")") || !ln_asm_want(r, "->")) return NULL;
  const int32_t inputs = parts.count;
  if (ln_asm_take(r, "(")) {
    ln_mlir_types results = {0};
    if (!type_list(r, &results, ")")) return NULL;
    for (int32_t i = 0; i < results.count; ++i) {
      if (!ln_asm_add_type(r, &parts, results.items[i])) return NULL;
    }
  } else if (!ln_asm_add_type(r, &parts, ln_asm_type(r))) {
    return NULL;
  }
  return grouped(r, LN_MLIR_FUNCTION, &parts, inputs);
}

/* `f32`, `complex<f32>`; anything else of brackets is taken as it stands. */
static bool element_of(ln_mlir_reader *r, ln_mlir_element *out, ln_mlir_word *word) {
  ln_asm_skip(r);
  const char *begin = r->at;
  if (r->at < r->end && (*r->at == '!' || *r->at == '#')) ++r->at;
  if (!ln_asm_word(r, word)) return ln_asm_wrong(r, "an element type is missing");
  if (r->at < r->end && *r->at == '<') {
    ln_mlir_word inside;
    if (!ln_asm_balanced(r, &inside)) return false;
  }
  *word = (ln_mlir_word){begin, (size_t)(r->at - begin)};
  if (!ln_asm_element(*word, out)) *out = LN_MLIR_ELEMENT_COUNT;
  return true;
}

/* Behind `tensor`: `<2x?x3xf32>`. */
static const ln_mlir_type *tensor_type(ln_mlir_reader *r, const char *begin) {
  ln_mlir_type *type = ln_mlir_new(r->m, 1, sizeof *type);
  ln_mlir_word word = {NULL, 0};
  if (type == NULL || !ln_asm_want(r, "<")) return NULL;
  ln_asm_skip(r);
  const bool unranked = r->at + 1 < r->end && r->at[0] == '*' && r->at[1] == 'x';
  if (unranked) r->at += 2;
  while (r->at < r->end && (*r->at == '?' || (*r->at >= '0' && *r->at <= '9'))) {
    int64_t size = -1;
    if (*r->at == '?') {
      ++r->at;
    } else {
      for (size = 0; r->at < r->end && *r->at >= '0' && *r->at <= '9'; ++r->at) {
        size = size > INT32_MAX ? size : size * 10 + (*r->at - '0');
      }
      if (size > INT32_MAX) return ln_asm_wrong(r, "a dimension has more than 2^31 - 1 elements"), NULL;
    }
    if (r->at >= r->end || *r->at != 'x') return ln_asm_wrong(r, "'x' is missing behind a dimension"), NULL;
    ++r->at;
    if (type->rank == LN_MAX_RANK) {
      return ln_asm_wrong(r, "tensors of more than %d dimensions are not in TensorFlow Lite", LN_MAX_RANK), NULL;
    }
    type->dims[type->rank++] = (int32_t)size;
  }
  if (!element_of(r, &type->element, &word)) return NULL;
  if (ln_asm_take(r, ",") && ln_asm_attr(r) == NULL) return NULL; /* bounds, layouts */
  if (!ln_asm_want(r, ">")) return NULL;
  if (unranked || type->element == LN_MLIR_ELEMENT_COUNT) return other(r, begin, (size_t)(r->at - begin));
  return type;
}

static const void *read_type(ln_mlir_reader *r) { return ln_asm_type(r); }

static const ln_mlir_type *alias_type(ln_mlir_reader *r) {
  ln_mlir_word word;
  const char *begin = r->at++;
  if (!ln_asm_word(r, &word)) return ln_asm_wrong(r, "a type's name is missing"), NULL;
  const void *meaning;
  if (ln_asm_alias(r, (ln_mlir_word){begin, word.length + 1}, read_type, &meaning)) return meaning;
  if (r->at < r->end && *r->at == '<') {
    ln_mlir_word inside;
    if (!ln_asm_balanced(r, &inside)) return NULL;
  }
  ln_mlir_type *type = (ln_mlir_type *)(uintptr_t)other(r, begin, (size_t)(r->at - begin));
  if (type != NULL && ln_asm_word_is(word, "stablehlo.token")) type->form = LN_MLIR_TOKEN;
  return type;
}

const ln_mlir_type *ln_asm_type(ln_mlir_reader *r) {
  const ln_mlir_type *type = NULL;
  ln_mlir_types parts = {0};
  ln_mlir_word word;
  if (!ln_asm_deeper(r)) return NULL;
  ln_asm_skip(r);
  const char *begin = r->at;
  if (ln_asm_take(r, "(")) {
    type = function_type(r);
  } else if (r->at < r->end && *r->at == '!') {
    type = alias_type(r);
  } else if (ln_asm_take(r, "tensor")) {
    type = tensor_type(r, begin);
  } else if (ln_asm_take(r, "tuple")) {
    if (ln_asm_want(r, "<") && type_list(r, &parts, ">")) type = grouped(r, LN_MLIR_TUPLE, &parts, 0);
  } else {
    ln_mlir_element element;
    if (element_of(r, &element, &word)) {
      ln_mlir_type *scalar = (ln_mlir_type *)(uintptr_t)other(r, word.at, word.length);
      if (scalar != NULL && element != LN_MLIR_ELEMENT_COUNT)
        *scalar = (ln_mlir_type){.form = LN_MLIR_SCALAR, .element = element};
      type = scalar;
    }
  }
  --r->depth;
  return ln_import_failed(r->m->import) ? NULL : type;
}

/* ---- attributes ---- */

ln_mlir_attr *ln_asm_new_attr(ln_mlir_reader *r, ln_mlir_attr_kind kind) {
  ln_mlir_attr *attr = ln_mlir_new(r->m, 1, sizeof *attr);
  if (attr != NULL) attr->kind = kind;
  return attr;
}

bool ln_asm_add_attr(ln_mlir_reader *r, ln_mlir_attrs *attrs, const char *name, const ln_mlir_attr *value) {
  if (value == NULL || !LN_MLIR_GROW(r->m, attrs->items, attrs->count, attrs->capacity) ||
      !LN_MLIR_GROW(r->m, attrs->names, attrs->count, attrs->name_capacity)) {
    return false;
  }
  attrs->names[attrs->count] = name;
  attrs->items[attrs->count++] = value;
  return true;
}

bool ln_asm_add_all(ln_mlir_reader *r, ln_mlir_attrs *attrs, const ln_mlir_attr *dict) {
  if (dict == NULL) return false;
  for (int32_t i = 0; i < dict->count; ++i) {
    if (!ln_asm_add_attr(r, attrs, dict->names[i], dict->items[i])) return false;
  }
  return true;
}

const ln_mlir_attr *ln_asm_attrs_done(ln_mlir_reader *r, const ln_mlir_attrs *attrs) {
  ln_mlir_attr *dict = ln_asm_new_attr(r, LN_MLIR_DICT);
  if (dict == NULL) return NULL;
  dict->count = attrs->count;
  dict->items = attrs->items;
  dict->names = attrs->names;
  return ln_mlir_flatten(r->m, dict);
}

const ln_mlir_attr *ln_asm_dict(ln_mlir_reader *r, const char *open, const char *close) {
  ln_mlir_attrs attrs = {0};
  if (!ln_asm_want(r, open)) return NULL;
  while (!ln_asm_take(r, close)) {
    ln_mlir_word word;
    const char *name = NULL;
    if (attrs.count > 0 && !ln_asm_want(r, ",")) return NULL;
    if (ln_asm_is(r, "\"")) {
      if (!ln_asm_string(r, &name)) return NULL;
    } else if (!ln_asm_word(r, &word)) {
      return ln_asm_wrong(r, "an attribute's name is missing"), NULL;
    } else {
      name = ln_mlir_text(r->m, word.at, word.length);
    }
    const ln_mlir_attr *value = ln_asm_take(r, "=") ? ln_asm_attr(r) : ln_asm_new_attr(r, LN_MLIR_UNIT);
    if (name == NULL || !ln_asm_add_attr(r, &attrs, name, value)) return NULL;
  }
  return ln_asm_attrs_done(r, &attrs);
}

static const ln_mlir_attr *array(ln_mlir_reader *r) {
  ln_mlir_attrs attrs = {0};
  while (!ln_asm_take(r, "]")) {
    if (attrs.count > 0 && !ln_asm_want(r, ",")) return NULL;
    if (!ln_asm_add_attr(r, &attrs, NULL, ln_asm_attr(r))) return NULL;
  }
  ln_mlir_attr *list = ln_asm_new_attr(r, LN_MLIR_ARRAY);
  if (list == NULL) return NULL;
  list->count = attrs.count;
  list->items = attrs.items;
  return list;
}

static bool add_int(ln_mlir_reader *r, ln_mlir_attrs *attrs, int64_t value) {
  ln_mlir_attr *item = ln_asm_new_attr(r, LN_MLIR_INT);
  if (item != NULL) item->i = value;
  return ln_asm_add_attr(r, attrs, NULL, item);
}

static bool add_ints(ln_mlir_reader *r, ln_mlir_attrs *attrs) {
  if (!ln_asm_deeper(r)) return false;
  for (bool first = true; !ln_asm_take(r, "]"); first = false) {
    int64_t value = 0;
    if (!first && !ln_asm_want(r, ",")) return false;
    if (ln_asm_take(r, "[")) {
      if (!add_ints(r, attrs)) return false;
    } else if (ln_asm_take(r, "true") || ln_asm_take(r, "false")) {
      if (!add_int(r, attrs, r->at[-2] == 'u')) return false;
    } else if (!ln_asm_integer(r, &value) || !add_int(r, attrs, value)) {
      return false;
    }
  }
  --r->depth;
  return true;
}

static const ln_mlir_attr *list_of(ln_mlir_reader *r, const ln_mlir_attrs *attrs) {
  ln_mlir_attr *list = ln_asm_new_attr(r, LN_MLIR_ARRAY);
  if (list == NULL) return NULL;
  list->count = attrs->count;
  list->items = attrs->items;
  return list;
}

const ln_mlir_attr *ln_asm_ints(ln_mlir_reader *r) {
  ln_mlir_attrs attrs = {0};
  return ln_asm_want(r, "[") && add_ints(r, &attrs) ? list_of(r, &attrs) : NULL;
}

/* One of the three lists of `[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]`: where its letters and its spatial numbers are.
 */
static bool conv_part(ln_mlir_reader *r, ln_mlir_attrs *out, const char *letters, const char *const names[3]) {
  int64_t where[2] = {-1, -1}, spatial[LN_MAX_RANK];
  int32_t count = 0, spatial_count = 0;
  if (!ln_asm_want(r, "[")) return false;
  for (int32_t i = 0; i < LN_MAX_RANK; ++i) spatial[i] = -1;
  while (!ln_asm_take(r, "]")) {
    ln_mlir_word word;
    int64_t number = 0;
    if (count > 0 && !ln_asm_want(r, ",")) return false;
    if (count == LN_MAX_RANK) return ln_asm_wrong(r, "too many dimensions");
    if (ln_asm_take(r, "?")) {
      ++count;
      continue;
    }
    ln_asm_skip(r);
    if (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
      if (!ln_asm_integer(r, &number)) return false;
      if (number < 0 || number >= LN_MAX_RANK) return ln_asm_wrong(r, "a spatial dimension does not exist");
      spatial[number] = count;
      ++spatial_count;
    } else if (!ln_asm_word(r, &word) || word.length != 1 || strchr(letters, word.at[0]) == NULL) {
      return ln_asm_wrong(r, "a dimension of a convolution is none of %s", letters);
    } else {
      where[word.at[0] == letters[1]] = count;
    }
    ++count;
  }
  ln_mlir_attrs list = {0};
  for (int32_t i = 0; i < 2; ++i) {
    ln_mlir_attr *item = ln_asm_new_attr(r, LN_MLIR_INT);
    if (item == NULL) return false;
    item->i = where[i];
    if (!ln_asm_add_attr(r, out, names[i], item)) return false;
  }
  for (int32_t i = 0; i < spatial_count; ++i) {
    if (!add_int(r, &list, spatial[i])) return false;
  }
  return ln_asm_add_attr(r, out, names[2], list_of(r, &list));
}

const ln_mlir_attr *ln_asm_conv_numbers(ln_mlir_reader *r) {
  static const char *const input[] = {"input_batch_dimension", "input_feature_dimension", "input_spatial_dimensions"};
  static const char *const kernel[] = {"kernel_input_feature_dimension", "kernel_output_feature_dimension",
                                       "kernel_spatial_dimensions"};
  static const char *const output[] = {"output_batch_dimension", "output_feature_dimension",
                                       "output_spatial_dimensions"};
  ln_mlir_attrs attrs = {0};
  if (!conv_part(r, &attrs, "bf", input) || !ln_asm_want(r, "x") || !conv_part(r, &attrs, "io", kernel) ||
      !ln_asm_want(r, "->") || !conv_part(r, &attrs, "bf", output)) {
    return NULL;
  }
  return ln_asm_attrs_done(r, &attrs);
}

static const void *read_attr(ln_mlir_reader *r) { return ln_asm_attr(r); }

/* `#stablehlo.dot<...>`, `#stablehlo<precision DEFAULT>`, `#alias`; what is of another dialect is skipped. */
static const ln_mlir_attr *hash_attr(ln_mlir_reader *r) {
  ln_mlir_word word, inside;
  const char *begin = r->at++;
  if (!ln_asm_word(r, &word)) return ln_asm_wrong(r, "an attribute's name is missing"), NULL;
  const void *meaning;
  if (ln_asm_alias(r, (ln_mlir_word){begin, word.length + 1}, read_attr, &meaning)) return meaning;
  if (ln_asm_word_is(word, "stablehlo.conv") && r->at + 1 < r->end && r->at[0] == '<' && r->at[1] == '[') {
    ++r->at;
    const ln_mlir_attr *attr = ln_asm_conv_numbers(r);
    return attr != NULL && ln_asm_want(r, ">") ? attr : NULL;
  }
  if (ln_asm_word_is(word, "stablehlo") || ln_asm_word_is(word, "chlo")) {
    ln_mlir_word what, value;
    ln_mlir_attr *attr = ln_asm_new_attr(r, LN_MLIR_ENUM);
    if (attr == NULL || !ln_asm_want(r, "<") || !ln_asm_word(r, &what)) return NULL;
    ln_asm_word(r, &value);
    attr->text = ln_mlir_text(r->m, value.at, value.length);
    if (r->at < r->end && *r->at == '<' && !ln_asm_balanced(r, &inside)) return NULL;
    return ln_asm_want(r, ">") ? attr : NULL;
  }
  static const char *const structs[] = {"stablehlo.dot", "stablehlo.gather", "stablehlo.scatter"};
  for (size_t i = 0; i < LN_COUNT(structs); ++i) {
    if (ln_asm_word_is(word, structs[i])) return ln_asm_dict(r, "<", ">");
  }
  if (r->at < r->end && *r->at == '<' && !ln_asm_balanced(r, &inside)) return NULL;
  return ln_asm_new_attr(r, LN_MLIR_OPAQUE);
}

static const ln_mlir_attr *number(ln_mlir_reader *r) {
  bool is_integer, is_hex;
  ln_mlir_attr *attr = ln_asm_new_attr(r, LN_MLIR_INT);
  if (attr == NULL || !ln_asm_number(r, &attr->f, &attr->i, &is_integer, &is_hex)) return NULL;
  if (!is_integer) attr->kind = LN_MLIR_FLOAT;
  if (ln_asm_take(r, ":")) {
    const ln_mlir_type *type = ln_asm_type(r);
    if (type == NULL) return NULL;
    const bool real = type->form == LN_MLIR_SCALAR && ln_mlir_element_at(type->element)->kind == LN_MLIR_REAL;
    if (real && is_hex) { /* the bits of it: only infinities and the like are written so */
      const uint32_t bits32 = (uint32_t)attr->i;
      const uint64_t bits64 = (uint64_t)attr->i;
      float value32;
      memcpy(&value32, &bits32, sizeof value32);
      memcpy(&attr->f, &bits64, sizeof attr->f);
      if (type->element != LN_MLIR_F64) attr->f = (double)value32;
    }
    if (real) attr->kind = LN_MLIR_FLOAT;
  }
  return attr;
}

static const ln_mlir_attr *symbol(ln_mlir_reader *r) {
  ln_mlir_attr *attr = ln_asm_new_attr(r, LN_MLIR_SYMBOL);
  ln_mlir_word word;
  if (attr == NULL) return NULL;
  if (r->at < r->end && *r->at == '"') {
    if (!ln_asm_string(r, &attr->text)) return NULL;
  } else {
    if (!ln_asm_word(r, &word)) return ln_asm_wrong(r, "a name is missing behind '@'"), NULL;
    attr->text = ln_mlir_text(r->m, word.at, word.length);
  }
  while (ln_asm_take(r, "::")) {
    if (!ln_asm_want(r, "@") || symbol(r) == NULL) return NULL;
  }
  return attr;
}

static const ln_mlir_attr *string(ln_mlir_reader *r) {
  ln_mlir_attr *attr = ln_asm_new_attr(r, LN_MLIR_STRING);
  if (attr == NULL || !ln_asm_string(r, &attr->text)) return NULL;
  return !ln_asm_take(r, ":") || ln_asm_type(r) != NULL ? attr : NULL;
}

static const ln_mlir_attr *truth(ln_mlir_reader *r, bool value) {
  ln_mlir_attr *attr = ln_asm_new_attr(r, LN_MLIR_INT);
  if (attr != NULL) attr->i = value;
  return attr;
}

static const ln_mlir_attr *type_attr(ln_mlir_reader *r) {
  ln_mlir_attr *attr = ln_asm_new_attr(r, LN_MLIR_TYPE);
  if (attr == NULL) return NULL;
  attr->type = ln_asm_type(r);
  return attr->type == NULL ? NULL : attr;
}

static const ln_mlir_attr *any_attr(ln_mlir_reader *r) {
  const char *name;
  ln_asm_skip(r);
  const char c = r->at < r->end ? *r->at : '\0';
  if (c == '#') return hash_attr(r);
  if (c == '"') return string(r);
  if (c == '{') return ln_asm_dict(r, "{", "}");
  if (ln_asm_take(r, "[")) return array(r);
  if (ln_asm_take(r, "@")) return symbol(r);
  if ((c >= '0' && c <= '9') || c == '-') return number(r);
  if (ln_asm_take(r, "true")) return truth(r, true);
  if (ln_asm_take(r, "false")) return truth(r, false);
  if (ln_asm_take(r, "unit")) return ln_asm_new_attr(r, LN_MLIR_UNIT);
  if (ln_asm_take(r, "dense")) return ln_asm_dense(r);
  if (ln_asm_take(r, "dense_resource")) return ln_asm_dense_resource(r);
  if (ln_asm_take(r, "array")) return ln_asm_dense_array(r);
  if (ln_asm_is(r, "loc")) return ln_asm_location(r, &name) ? ln_asm_new_attr(r, LN_MLIR_OPAQUE) : NULL;
  return type_attr(r);
}

const ln_mlir_attr *ln_asm_attr(ln_mlir_reader *r) {
  if (!ln_asm_deeper(r)) return NULL;
  const ln_mlir_attr *attr = any_attr(r);
  --r->depth;
  return ln_import_failed(r->m->import) ? NULL : attr;
}

/* ---- locations ---- */

/* "" for a place without a name. */
static const void *read_name(ln_mlir_reader *r) {
  const char *name = "";
  if (ln_asm_take(r, "loc")) ln_asm_take(r, "(");
  if (!ln_asm_is(r, "\"")) return name;
  if (!ln_asm_string(r, &name)) return NULL;
  return ln_asm_is(r, ":") ? "" : name; /* a file and a line */
}

/* What stands inside loc(...). */
static bool location_inside(ln_mlir_reader *r, const char **name) {
  ln_mlir_word word;
  const void *meaning = "";
  ln_asm_skip(r);
  if (r->at < r->end && *r->at == '"') {
    meaning = read_name(r);
  } else if (r->at < r->end && *r->at == '#') {
    const char *begin = r->at++;
    if (!ln_asm_word(r, &word)) return ln_asm_wrong(r, "a location's name is missing");
    ln_asm_alias(r, (ln_mlir_word){begin, word.length + 1}, read_name, &meaning);
  }
  *name = meaning;
  if (*name != NULL && **name == '\0') *name = NULL;
  return !ln_import_failed(r->m->import);
}

bool ln_asm_location(ln_mlir_reader *r, const char **name) {
  ln_mlir_word all;
  *name = NULL;
  if (!ln_asm_take(r, "loc")) return true;
  ln_asm_skip(r);
  const char *begin = r->at;
  if (!ln_asm_take(r, "(") || !location_inside(r, name)) return ln_asm_wrong(r, "a location is broken");
  r->at = begin;
  return ln_asm_balanced(r, &all);
}
