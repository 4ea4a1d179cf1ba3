/*
 * MLIR's bytecode (mlir.llvm.org/docs/BytecodeFormat): a magic number, a version, sections of strings, dialects,
 * attributes, types and operations. Operators are those of VHLO, whose names become StableHLO's: "vhlo.add_v1" is
 * "stablehlo.add".
 */
#include "import/stablehlo/bytecode.h"

#include <string.h>

#include "import/stablehlo/text.h"

static const uint8_t magic[] = {'M', 'L', 0xEF, 'R'};
enum { NEWEST = 6 };
enum {
  STRINGS,
  DIALECTS,
  ATTRS,
  ATTR_OFFSETS,
  OPERATIONS,
  RESOURCES,
  RESOURCE_OFFSETS,
  DIALECT_VERSIONS,
  PROPERTIES,
  SECTIONS
};

/* ---- numbers ---- */

bool ln_mlir_broken(ln_mlir_file *f, const char *what) {
  ln_import_fail(f->m->import, LN_ERR_MODEL, "the bytecode is damaged: %s", what);
  return false;
}

static bool short_of(ln_mlir_file *f) { return ln_mlir_broken(f, "it ends too early"); }

bool ln_mlir_get_byte(ln_mlir_file *f, ln_mlir_bytes *b, uint8_t *out) {
  if (ln_mlir_left(b) < 1) return short_of(f);
  *out = *b->at++;
  return true;
}

/* The zeros at the low end of the first byte are the bytes that follow. */
bool ln_mlir_get(ln_mlir_file *f, ln_mlir_bytes *b, uint64_t *out) {
  if (ln_mlir_left(b) < 1) return short_of(f);
  size_t more = 0;
  while (more < 8 && (b->at[0] >> more & 1) == 0) ++more;
  if (ln_mlir_left(b) < more + 1) return short_of(f);
  uint64_t value = 0;
  memcpy(&value, b->at + (more == 8), more == 8 ? 8 : more + 1);
  *out = more == 8 ? value : value >> (more + 1);
  b->at += more + 1;
  return true;
}

bool ln_mlir_get_signed(ln_mlir_file *f, ln_mlir_bytes *b, int64_t *out) {
  uint64_t value;
  if (!ln_mlir_get(f, b, &value)) return false;
  *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
  return true;
}

bool ln_mlir_get_count(ln_mlir_file *f, ln_mlir_bytes *b, size_t *out) {
  uint64_t value;
  if (!ln_mlir_get(f, b, &value)) return false;
  if (value > ln_mlir_left(b) || value > INT32_MAX) return short_of(f);
  *out = (size_t)value;
  return true;
}

bool ln_mlir_get_string(ln_mlir_file *f, ln_mlir_bytes *b, const char **out) {
  uint64_t index;
  if (!ln_mlir_get(f, b, &index)) return false;
  if (index >= f->string_count) return ln_mlir_broken(f, "a string does not exist");
  *out = f->strings[index];
  return true;
}

/* ---- sections ---- */

static bool section(ln_mlir_file *f, ln_mlir_bytes *b, uint8_t *id, ln_mlir_bytes *out) {
  uint64_t length, alignment;
  if (!ln_mlir_get_byte(f, b, id) || !ln_mlir_get(f, b, &length)) return false;
  if ((*id & 0x80) != 0) {
    if (!ln_mlir_get(f, b, &alignment)) return false;
    while (b->at < b->end && *b->at == 0xCB) ++b->at; /* no section begins with this byte: codes are small */
  }
  *id &= 0x7F;
  if (length > ln_mlir_left(b)) return short_of(f);
  *out = (ln_mlir_bytes){b->at, b->at + length};
  b->at += length;
  return true;
}

static bool read_strings(ln_mlir_file *f, ln_mlir_bytes b) {
  size_t used = 0;
  if (!ln_mlir_get_count(f, &b, &f->string_count)) return false;
  f->strings = ln_mlir_new(f->m, f->string_count, sizeof *f->strings);
  f->string_sizes = ln_mlir_new(f->m, f->string_count, sizeof *f->string_sizes);
  if (f->strings == NULL || f->string_sizes == NULL) return false;
  for (size_t i = f->string_count; i-- > 0;) {
    uint64_t size; /* with the zero at the end */
    if (!ln_mlir_get(f, &b, &size)) return false;
    if (size == 0 || size > ln_mlir_left(&b) || used > ln_mlir_left(&b) - size)
      return ln_mlir_broken(f, "strings are too long");
    f->string_sizes[i] = (size_t)size;
    used += (size_t)size;
  }
  if (used > ln_mlir_left(&b)) return short_of(f);
  const uint8_t *at = b.at;
  for (size_t i = 0; i < f->string_count; ++i) {
    f->strings[i] = (const char *)at;
    at += f->string_sizes[i];
    if (at[-1] != '\0') return ln_mlir_broken(f, "a string has no end");
  }
  return true;
}

/* "vhlo" and "add_v1": "stablehlo.add". */
static const char *full_name(ln_mlir_file *f, const char *dialect, const char *name) {
  const bool vhlo = strcmp(dialect, "vhlo") == 0;
  size_t length = strlen(name);
  if (vhlo) { /* without its version */
    size_t digits = length;
    while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') --digits;
    if (digits > 2 && digits < length && name[digits - 1] == 'v' && name[digits - 2] == '_') length = digits - 2;
  }
  static const char *const functions[] = {"func", "call"};
  for (size_t i = 0; vhlo && i < LN_COUNT(functions); ++i) {
    if (length == strlen(functions[i]) && memcmp(name, functions[i], length) == 0) dialect = "func";
  }
  if (strcmp(dialect, "vhlo") == 0) dialect = "stablehlo";
  char *full = ln_mlir_new(f->m, strlen(dialect) + length + 2, 1);
  if (full == NULL) return NULL;
  strcpy(full, dialect);
  strcat(full, ".");
  strncat(full, name, length);
  return full;
}

typedef struct {
  const char *name, *carries;
} ln_vhlo_row;
static const ln_vhlo_row vhlo_rows[] = {
#define LN_VHLO_OP(name, carries) {name, carries},
#include "import/stablehlo/vhlo_ops.def"
};

static const char *carried_by(const char *name) {
  for (size_t i = 0; i < LN_COUNT(vhlo_rows); ++i) {
    if (strcmp(vhlo_rows[i].name, name) == 0) return vhlo_rows[i].carries;
  }
  return "";
}

static bool read_op_names(ln_mlir_file *f, ln_mlir_bytes *b) {
  uint64_t total;
  if (f->version >= 4 && !ln_mlir_get(f, b, &total)) return false;
  while (ln_mlir_left(b) > 0) {
    uint64_t dialect, word;
    size_t count;
    if (!ln_mlir_get(f, b, &dialect) || !ln_mlir_get_count(f, b, &count)) return false;
    if (dialect >= f->dialect_count) return ln_mlir_broken(f, "a dialect does not exist");
    for (size_t i = 0; i < count; ++i) {
      if (!ln_mlir_get(f, b, &word)) return false;
      if (f->version >= 5) word >>= 1;
      if (word >= f->string_count) return ln_mlir_broken(f, "an operator has no name");
      if (!LN_MLIR_GROW(f->m, f->op_names, f->op_name_count, f->op_name_capacity)) return false;
      const char *name = full_name(f, f->dialects[dialect], f->strings[word]);
      if (name == NULL) return false;
      f->op_names[f->op_name_count++] = (ln_mlir_op_name){name, carried_by(f->strings[word])};
    }
  }
  return true;
}

static bool read_dialects(ln_mlir_file *f, ln_mlir_bytes b) {
  if (!ln_mlir_get_count(f, &b, &f->dialect_count)) return false;
  f->dialects = ln_mlir_new(f->m, f->dialect_count, sizeof *f->dialects);
  if (f->dialects == NULL) return false;
  for (size_t i = 0; i < f->dialect_count; ++i) {
    uint64_t word;
    uint8_t id;
    ln_mlir_bytes inside;
    if (!ln_mlir_get(f, &b, &word)) return false;
    const bool versioned = f->version >= 1 && (word & 1) != 0;
    if (f->version >= 1) word >>= 1;
    if (word >= f->string_count) return ln_mlir_broken(f, "a dialect has no name");
    f->dialects[i] = f->strings[word];
    if (versioned && !section(f, &b, &id, &inside)) return false;
  }
  return read_op_names(f, &b);
}

static bool read_entries(ln_mlir_file *f, ln_mlir_bytes *offsets, ln_mlir_bytes *data, ln_mlir_entry *entries,
                         size_t count) {
  for (size_t i = 0; i < count;) {
    uint64_t dialect, word;
    size_t group;
    if (!ln_mlir_get(f, offsets, &dialect) || !ln_mlir_get_count(f, offsets, &group)) return false;
    if (dialect >= f->dialect_count || group > count - i || group == 0)
      return ln_mlir_broken(f, "attributes do not add up");
    for (const size_t end = i + group; i < end; ++i) {
      if (!ln_mlir_get(f, offsets, &word)) return false;
      if (word >> 1 > ln_mlir_left(data)) return short_of(f);
      entries[i] = (ln_mlir_entry){
          .bytes = {data->at, data->at + (word >> 1)}, .dialect = (int32_t)dialect, .custom = (word & 1) != 0};
      data->at += word >> 1;
    }
  }
  return true;
}

static bool read_tables(ln_mlir_file *f, ln_mlir_bytes offsets, ln_mlir_bytes data) {
  if (!ln_mlir_get_count(f, &offsets, &f->attr_count) || !ln_mlir_get_count(f, &offsets, &f->type_count)) return false;
  f->attrs = ln_mlir_new(f->m, f->attr_count, sizeof *f->attrs);
  f->types = ln_mlir_new(f->m, f->type_count, sizeof *f->types);
  return f->attrs != NULL && f->types != NULL && read_entries(f, &offsets, &data, f->attrs, f->attr_count) &&
         read_entries(f, &offsets, &data, f->types, f->type_count);
}

static bool read_properties(ln_mlir_file *f, ln_mlir_bytes b) {
  if (b.at == NULL) return true;
  if (!ln_mlir_get_count(f, &b, &f->property_count)) return false;
  f->properties = ln_mlir_new(f->m, f->property_count, sizeof *f->properties);
  for (size_t i = 0; f->properties != NULL && i < f->property_count; ++i) {
    size_t size;
    if (!ln_mlir_get_count(f, &b, &size)) return false;
    f->properties[i] = (ln_mlir_bytes){b.at, b.at + size};
    b.at += size;
  }
  return f->properties != NULL;
}

/* ---- operations ---- */

/* Properties as a dictionary: their names are the operation's row. */
static const ln_mlir_attr *attrs_of(ln_mlir_file *f, uint64_t index, const ln_mlir_op_name *op) {
  ln_mlir_attr *dict = ln_mlir_new(f->m, 1, sizeof *dict);
  int32_t count = op->carries[0] != '\0';
  if (index >= f->property_count) return ln_mlir_broken(f, "properties do not exist"), NULL;
  ln_mlir_bytes b = f->properties[index];
  for (const char *c = op->carries; *c != '\0'; ++c) count += *c == ' ';
  const ln_mlir_attr **all = ln_mlir_new(f->m, (size_t)count, sizeof *all);
  const char **names = ln_mlir_new(f->m, (size_t)count, sizeof *names);
  if (dict == NULL || all == NULL || names == NULL) return NULL;
  *dict = (ln_mlir_attr){.kind = LN_MLIR_DICT, .count = count, .items = all, .names = names};
  const char *word = op->carries;
  for (int32_t i = 0; i < count; ++i) {
    const size_t length = strcspn(word, " ");
    uint64_t attr;
    names[i] = ln_mlir_text(f->m, word, length);
    if (names[i] == NULL || !ln_mlir_get(f, &b, &attr) || (all[i] = ln_mlir_attr_at(f, attr)) == NULL) return NULL;
    word += length + (word[length] == ' ');
  }
  if (ln_mlir_left(&b) == 0) return dict;
  ln_import_fail(f->m->import, LN_ERR_UNSUPPORTED,
                 "%.80s is in a form that is not known; write portable bytecode "
                 "(stablehlo.serialize_portable_artifact) of an older version, or text",
                 op->name);
  return NULL;
}

/* Values that can be referred to by number: those of a function, of which inner regions add theirs at the end. */
typedef struct {
  ln_mlir_value **values;
  int32_t count, capacity, next;
  int32_t ids; /* of the function */
} ln_scope;

typedef struct {
  uint64_t name;
  uint8_t mask;
  uint64_t place;
} ln_op_head;

enum {
  HAS_ATTRS = 1,
  HAS_RESULTS = 2,
  HAS_OPERANDS = 4,
  HAS_SUCCESSORS = 8,
  HAS_REGIONS = 16,
  HAS_USES = 32,
  HAS_PROPERTIES = 64
};

static bool operations(ln_mlir_file *f, ln_mlir_bytes *b, ln_scope *scope, size_t count, ln_mlir_region *region);

static ln_mlir_value *define(ln_mlir_file *f, ln_mlir_bytes *b, ln_scope *scope, size_t count, bool with_places,
                             const char **places) {
  ln_mlir_value *values = ln_mlir_new(f->m, count, sizeof *values);
  if (values == NULL) return NULL;
  for (size_t i = 0; i < count; ++i) {
    uint64_t word, place;
    if (!ln_mlir_get(f, b, &word)) return NULL;
    bool has_place = with_places;
    if (with_places && f->version >= 4) {
      has_place = (word & 1) != 0;
      word >>= 1;
    }
    values[i] = (ln_mlir_value){.type = ln_mlir_type_at(f, word), .id = scope->ids++};
    if (values[i].type == NULL || (has_place && !ln_mlir_get(f, b, &place))) return NULL;
    if (places != NULL) places[i] = has_place ? ln_mlir_place_at(f, place) : NULL;
    if (scope->next >= scope->count) return ln_mlir_broken(f, "more values than were announced"), NULL;
    scope->values[scope->next++] = &values[i];
  }
  return values;
}

/* The order of uses says nothing about what is computed. */
static bool skip_uses(ln_mlir_file *f, ln_mlir_bytes *b, size_t value_count) {
  uint64_t lists = 1, word;
  if (value_count > 1 && !ln_mlir_get(f, b, &lists)) return false;
  for (uint64_t i = 0; i < lists; ++i) {
    if ((value_count > 1 && !ln_mlir_get(f, b, &word)) || !ln_mlir_get(f, b, &word)) return false;
    for (uint64_t left = word >> 1; left > 0; --left) {
      if (!ln_mlir_get(f, b, &word)) return false;
    }
  }
  return true;
}

static bool operands(ln_mlir_file *f, ln_mlir_bytes *b, const ln_scope *scope, ln_mlir_op *op) {
  size_t count;
  if (!ln_mlir_get_count(f, b, &count)) return false;
  op->operands = ln_mlir_new(f->m, count, sizeof *op->operands);
  op->operand_count = (int32_t)count;
  for (size_t i = 0; op->operands != NULL && i < count; ++i) {
    uint64_t index;
    if (!ln_mlir_get(f, b, &index)) return false;
    if (index >= (uint64_t)scope->count || scope->values[index] == NULL)
      return ln_mlir_broken(f, "a value is used and not defined");
    op->operands[i] = scope->values[index];
  }
  return op->operands != NULL;
}

/* Of a function's body, arguments carry names. */
static bool region_of(ln_mlir_file *f, ln_mlir_bytes *b, ln_scope *scope, ln_mlir_region *region,
                      const char ***places) {
  uint64_t blocks, head;
  size_t values, args = 0;
  uint8_t uses = 0;
  if (!ln_mlir_get(f, b, &blocks)) return false;
  if (blocks == 0) return true;
  if (blocks != 1) {
    ln_import_fail(f->m->import, LN_ERR_UNSUPPORTED,
                   "regions of several blocks are not read; export a structured program");
    return false;
  }
  if (!ln_mlir_get_count(f, b, &values) || !ln_mlir_get(f, b, &head)) return false;
  const int32_t outer = scope->count, outer_next = scope->next;
  scope->next = outer;
  while (scope->count < outer + (int32_t)values) {
    if (!LN_MLIR_GROW(f->m, scope->values, scope->count, scope->capacity)) return false;
    scope->values[scope->count++] = NULL;
  }
  if ((head & 1) != 0) {
    if (!ln_mlir_get_count(f, b, &args)) return false;
    if (places != NULL && (*places = ln_mlir_new(f->m, args, sizeof **places)) == NULL) return false;
    region->args = define(f, b, scope, args, true, places != NULL ? *places : NULL);
    region->arg_count = (int32_t)args;
    if (region->args == NULL || (f->version >= 3 && !ln_mlir_get_byte(f, b, &uses))) return false;
    if (uses != 0 && !skip_uses(f, b, args)) return false;
  }
  if (head >> 1 > ln_mlir_left(b)) return short_of(f);
  if (!operations(f, b, scope, (size_t)(head >> 1), region)) return false;
  scope->count = outer;
  scope->next = outer_next;
  return true;
}

static bool regions(ln_mlir_file *f, ln_mlir_bytes *b, ln_scope *scope, ln_mlir_op *op, ln_mlir_function *function) {
  uint64_t word;
  if (!ln_mlir_get(f, b, &word)) return false;
  const bool isolated = (word & 1) != 0;
  if (word >> 1 > ln_mlir_left(b)) return short_of(f);
  op->region_count = (int32_t)(word >> 1);
  op->regions = ln_mlir_new(f->m, (size_t)op->region_count, sizeof *op->regions);
  if (op->regions == NULL) return false;
  for (int32_t i = 0; i < op->region_count; ++i) {
    ln_scope own = {.ids = scope->ids};
    ln_mlir_bytes inside = *b;
    uint8_t id;
    const bool apart = isolated && f->version >= 2;
    if (function != NULL) own.ids = 0;
    if (apart && !section(f, b, &id, &inside)) return false;
    if (!region_of(f, apart ? &inside : b, isolated ? &own : scope, &op->regions[i],
                   function != NULL ? &function->arg_names : NULL))
      return false;
    if (function != NULL) function->value_count = own.ids;
    else if (isolated) scope->ids = own.ids;
  }
  return true;
}

static bool is_module(const char *name) { return strcmp(name, "builtin.module") == 0; }

static bool operation(ln_mlir_file *f, ln_mlir_bytes *b, ln_scope *scope, ln_mlir_op *op) {
  ln_op_head head;
  uint64_t word;
  size_t count = 0;
  if (!ln_mlir_get(f, b, &head.name) || !ln_mlir_get_byte(f, b, &head.mask) || !ln_mlir_get(f, b, &head.place))
    return false;
  if (head.name >= (uint64_t)f->op_name_count) return ln_mlir_broken(f, "an operator does not exist");
  op->name = f->op_names[head.name].name;
  const bool is_function = strcmp(op->name, "func.func") == 0;
  if ((head.mask & HAS_ATTRS) != 0) {
    if (!ln_mlir_get(f, b, &word)) return false;
    if (!is_module(op->name) && (op->attrs = ln_mlir_attr_at(f, word)) == NULL) return false;
  }
  if ((head.mask & HAS_PROPERTIES) != 0) {
    if (!ln_mlir_get(f, b, &word)) return false;
    if (!is_module(op->name) && (op->attrs = attrs_of(f, word, &f->op_names[head.name])) == NULL) return false;
  }
  if ((head.mask & HAS_RESULTS) != 0) {
    if (!ln_mlir_get_count(f, b, &count)) return false;
    op->result_count = (int32_t)count;
    /* Operands are read before results can be referred to: numbers are given in any case in this order. */
    if ((op->results = define(f, b, scope, count, false, NULL)) == NULL) return false;
  }
  if ((head.mask & HAS_OPERANDS) != 0 && !operands(f, b, scope, op)) return false;
  if ((head.mask & HAS_SUCCESSORS) != 0) return ln_mlir_broken(f, "jumps between blocks are not read");
  if ((head.mask & HAS_USES) != 0 && !skip_uses(f, b, count)) return false;
  op->where = ln_mlir_place_at(f, head.place);
  if (ln_import_failed(f->m->import)) return false;
  ln_mlir_function function = {0};
  if ((head.mask & HAS_REGIONS) != 0 && !regions(f, b, scope, op, is_function ? &function : NULL)) return false;
  if (!is_function) return true;
  if (op->region_count != 1) return ln_mlir_broken(f, "a function has no body");
  function.body = op->regions[0];
  if (!ln_mlir_describe_function(f->m, &function, op->attrs)) return false;
  ln_mlir_function *slot = ln_mlir_add_function(f->m);
  if (slot != NULL) *slot = function;
  return slot != NULL;
}

static bool operations(ln_mlir_file *f, ln_mlir_bytes *b, ln_scope *scope, size_t count, ln_mlir_region *region) {
  if (++f->depth > LN_MLIR_DEPTH) return ln_mlir_broken(f, "operations are nested too deeply");
  region->ops = ln_mlir_new(f->m, count, sizeof *region->ops);
  region->op_count = (int32_t)count;
  if (region->ops == NULL) return false;
  for (size_t i = 0; i < count; ++i) {
    if (!operation(f, b, scope, &region->ops[i])) return false;
  }
  --f->depth;
  return true;
}

/* ---- the file ---- */

bool ln_mlir_is_bytecode(const uint8_t *data, size_t size) {
  return size > sizeof magic && memcmp(data, magic, sizeof magic) == 0;
}

bool ln_mlir_read_bytecode(ln_mlir_module *m, const uint8_t *data, size_t size) {
  ln_mlir_file f = {.m = m};
  ln_mlir_bytes b = {data + sizeof magic, data + size}, sections[SECTIONS] = {{NULL, NULL}};
  ln_mlir_region top = {0};
  ln_scope scope = {0};
  uint64_t head;
  uint8_t id;
  if (!ln_mlir_get(&f, &b, &f.version)) return false;
  if (f.version > NEWEST) {
    ln_import_fail(m->import, LN_ERR_UNSUPPORTED,
                   "version %llu of MLIR's bytecode is newer than those that are read (%d)",
                   (unsigned long long)f.version, NEWEST);
    return false;
  }
  const uint8_t *end = memchr(b.at, '\0', ln_mlir_left(&b)); /* of the producer's name */
  if (end == NULL) return short_of(&f);
  for (b.at = end + 1; ln_mlir_left(&b) > 0;) {
    ln_mlir_bytes inside;
    if (!section(&f, &b, &id, &inside)) return false;
    if (id < SECTIONS) sections[id] = inside;
  }
  if (sections[STRINGS].at == NULL || sections[DIALECTS].at == NULL || sections[ATTRS].at == NULL ||
      sections[ATTR_OFFSETS].at == NULL || sections[OPERATIONS].at == NULL) {
    return ln_mlir_broken(&f, "a section is missing");
  }
  if (!read_strings(&f, sections[STRINGS]) || !read_dialects(&f, sections[DIALECTS]) ||
      !read_tables(&f, sections[ATTR_OFFSETS], sections[ATTRS]) || !read_properties(&f, sections[PROPERTIES])) {
    return false;
  }
  b = sections[OPERATIONS];
  if (!ln_mlir_get(&f, &b, &head)) return false;
  if (head >> 1 > ln_mlir_left(&b)) return short_of(&f);
  return operations(&f, &b, &scope, (size_t)(head >> 1), &top);
}
