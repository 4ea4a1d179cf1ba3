/*
 * Tables. TFLite has them from strings to int64 and back; others give the place of a key, and values are gathered: keys
 * that are numbers are compared with all of the table's.
 */
#include "import/emit_private.h"
#include "import/savedmodel/savedmodel.h"

int32_t ln_sm_table_of(ln_sm *sm, const char *name, size_t length) {
  for (int32_t i = 0; i < sm->table_count; ++i) {
    if (strncmp(sm->tables[i].name, name, length) == 0 && sm->tables[i].name[length] == '\0') return i;
  }
  sm->tables = ln_sm_grow(sm, sm->tables, sm->table_count, &sm->table_capacity, sizeof *sm->tables);
  const char *kept = sm->tables != NULL ? ln_sm_text(sm, ln_wire_of(name, length)) : NULL;
  if (kept == NULL) return -1;
  sm->tables[sm->table_count] = (ln_sm_table){.name = kept, .count = -1, .lookup = -1};
  return sm->table_count++;
}

/* HashTableV2 and its like */
void ln_sm_op_table(ln_sm_call *c) {
  size_t length;
  const char *name = ln_sm_shared_name(c->node, &length);
  const int32_t index = ln_sm_table_of(ln_sm_of(c), name, length);
  if (index < 0) return;
  ln_sm_table *t = &ln_sm_of(c)->tables[index];
  if (t->count < 0) {
    t->key_type = ln_sm_type(c, "key_dtype");
    t->value_type = ln_sm_type(c, "value_dtype");
  }
  ln_sm_give_value(c, 0, (ln_sm_value){.kind = LN_SM_TABLE, .index = index, .tensor = -1});
}

static ln_sm_table *table_in(ln_sm_call *c) {
  if (c->in_count > 0 && c->in[0].kind == LN_SM_TABLE) return &ln_sm_of(c)->tables[c->in[0].index];
  ln_emit_wrong(c->e, "its first input is no table");
  return NULL;
}

/* ---- what tables begin with ---- */

/* LookupTableImportV2, InitializeTableV2: table, keys, values */
void ln_sm_op_table_import(ln_sm_call *c) {
  ln_sm_table *t = table_in(c);
  ln_shape keys = {0}, values = {0};
  size_t count, value_count;
  if (t == NULL) return;
  if (!ln_sm_of(c)->setup) {
    ln_emit_refuse(c->e, "it fills a table while the model runs; TensorFlow Lite's tables are filled before");
    return;
  }
  if (!ln_sm_keep(c, 1, &t->key_type, &keys, &t->keys, &t->key_bytes) ||
      !ln_sm_keep(c, 2, &t->value_type, &values, &t->values, &t->value_bytes))
    return;
  if (!ln_shape_elements(&keys, &count) || !ln_shape_elements(&values, &value_count) || count != value_count ||
      count > INT32_MAX) {
    ln_emit_wrong(c->e, "it has not as many keys as values");
    return;
  }
  t->count = (int32_t)count;
}

/* One file of the folder; names that lead out of it are refused. */
static bool open_asset(ln_sm_call *c, int32_t index, ln_file_map *map) {
  ln_sm *sm = ln_sm_of(c);
  const char *file = sm->assets[index].file;
  char path[LN_CHECKPOINT_PATH_MAX];
  ln_error said = {LN_OK, ""};
  const int length = snprintf(path, sizeof path, "%s/assets/%s", sm->folder, file);
  if (*file == '\0' || strchr(file, '/') != NULL || strchr(file, '\\') != NULL || strcmp(file, "..") == 0 ||
      strcmp(file, ".") == 0 || length < 0 || (size_t)length >= sizeof path) {
    ln_emit_refuse(c->e, "the file \"%.80s\" is none of the model's assets", file);
    return false;
  }
  if (ln_file_map_open(path, &said, map) == LN_OK) return true;
  ln_emit_refuse(c->e, "assets/%.80s: %.120s", file, said.message);
  return false;
}

/* Lines of a file, each cut by a delimiter. */
typedef struct lines {
  const char *at, *end;
} lines;

static bool next_line(lines *l, ln_span *out) {
  if (l->at >= l->end) return false;
  const char *stop = memchr(l->at, '\n', (size_t)(l->end - l->at));
  if (stop == NULL) stop = l->end;
  *out = (ln_span){l->at, (size_t)(stop - l->at)};
  if (out->size > 0 && out->data[out->size - 1] == '\r') --out->size;
  l->at = stop + 1;
  return true;
}

static bool column_of(ln_span line, int64_t column, char delimiter, ln_span *out) {
  const char *at = line.data, *end = line.data + line.size;
  for (int64_t i = 0;; ++i) {
    const char *stop = at < end ? memchr(at, delimiter, (size_t)(end - at)) : NULL;
    if (stop == NULL) stop = end;
    *out = (ln_span){at, (size_t)(stop - at)};
    if (i == column) return true;
    if (stop == end) return false;
    at = stop + 1;
  }
}

enum { WHOLE_LINE = -2, LINE_NUMBER = -1 };

static bool number_of(ln_span text, int64_t *out) {
  char digits[32];
  if (text.size == 0 || text.size >= sizeof digits) return false;
  memcpy(digits, text.data, text.size);
  digits[text.size] = '\0';
  char *end;
  *out = strtoll(digits, &end, 10);
  return *end == '\0';
}

/* Keys or values of all lines as a tensor holds them. */
static bool gather_column(ln_sm_call *c, ln_span text, int64_t index, char delimiter, int64_t offset, int64_t most,
                          ln_type type, const void **data, size_t *bytes, int32_t *count) {
  ln_sm *sm = ln_sm_of(c);
  lines l = {text.data, text.data + text.size};
  ln_span line, cell;
  int32_t lines_in_all = 0;
  size_t room = 0;
  while (next_line(&l, &line) && lines_in_all < INT32_MAX / 16 && (most < 0 || lines_in_all < most)) {
    ++lines_in_all;
    room += line.size;
  }
  *count = lines_in_all;
  const size_t head = ((size_t)lines_in_all + 2) * sizeof(int32_t), wide = (size_t)lines_in_all * sizeof(int64_t);
  *bytes = type == LN_STRING ? head + room : wide;
  char *made = ln_arena_alloc(&sm->import->model->arena, *bytes + 1);
  if (made == NULL || *bytes > INT32_MAX) return ln_import_no_memory(sm->import) > 0;
  l.at = text.data;
  size_t at = head;
  if (type == LN_STRING) ((int32_t *)(void *)made)[0] = lines_in_all;
  for (int32_t i = 0; i < lines_in_all && next_line(&l, &line); ++i) {
    int64_t number = i + offset;
    cell = line;
    if ((index >= 0 && !column_of(line, index, delimiter, &cell)) ||
        (type == LN_INT64 && index != LINE_NUMBER && !number_of(cell, &number))) {
      ln_emit_wrong(c->e, "line %d of its file has no such column", i + 1);
      return false;
    }
    if (type == LN_STRING) {
      ((int32_t *)(void *)made)[1 + i] = (int32_t)at;
      if (cell.size > 0) memcpy(made + at, cell.data, cell.size);
      at += cell.size;
    } else {
      memcpy(made + (size_t)i * sizeof number, &number, sizeof number);
    }
  }
  if (type == LN_STRING) {
    ((int32_t *)(void *)made)[1 + lines_in_all] = (int32_t)at;
    *bytes = at;
  }
  *data = made;
  return true;
}

static bool readable(ln_type type, int64_t index) {
  return type == LN_INT64 ? index >= LINE_NUMBER : type == LN_STRING && index != LINE_NUMBER && index >= WHOLE_LINE;
}

/* InitializeTableFromTextFileV2: table, file */
void ln_sm_op_table_file(ln_sm_call *c) {
  ln_sm_table *t = table_in(c);
  ln_file_map map = {0};
  if (t == NULL || !ln_sm_of(c)->setup) return;
  if (c->in_count < 2 || c->in[1].kind != LN_SM_ASSET) {
    ln_emit_refuse(c->e, "its file is none of the model's assets");
    return;
  }
  const int64_t key = ln_sm_int(c, "key_index", 0), value = ln_sm_int(c, "value_index", 0);
  const int64_t most = ln_sm_int(c, "vocab_size", -1), offset = ln_sm_int(c, "offset", 0);
  const char *delimiter = "\t";
  size_t length = 1;
  ln_nodedef_string(c->def, "delimiter", &delimiter, &length);
  if (!readable(t->key_type, key) || !readable(t->value_type, value) || length != 1) {
    ln_emit_refuse(c->e, "tables of files are from strings or int64 to strings or int64");
    return;
  }
  if (!open_asset(c, c->in[1].index, &map)) return;
  const ln_span text = {(const char *)map.data, map.size};
  int32_t keys = 0, values = 0;
  if (gather_column(c, text, key, *delimiter, offset, most, t->key_type, &t->keys, &t->key_bytes, &keys) &&
      gather_column(c, text, value, *delimiter, offset, most, t->value_type, &t->values, &t->value_bytes, &values)) {
    t->count = keys;
  }
  ln_file_map_close(&map);
}

/* ---- looking up ---- */

static bool is_direct(const ln_sm_table *t) {
  return (t->key_type == LN_STRING && t->value_type == LN_INT64) ||
         (t->key_type == LN_INT64 && t->value_type == LN_STRING);
}

static bool is_filled(ln_sm_call *c, const ln_sm_table *t) {
  const ln_sm *sm = ln_sm_of(c);
  if (t->changes) {
    ln_emit_refuse(c->e, "table \"%.60s\" changes while the model runs; TensorFlow Lite's tables do not", t->name);
  } else if (t->count < 0) {
    if (sm->trouble.status != LN_OK) ln_import_fail(sm->import, sm->trouble.status, "%s", sm->trouble.message);
    ln_emit_refuse(c->e, "nothing says what table \"%.60s\" holds", t->name);
  }
  return !ln_sm_failed(sm);
}

/* Places 0, 1, ... of the keys as the values of a table of its own. */
static int32_t places_lookup(ln_sm_call *c, ln_sm_table *t) {
  int64_t *places = ln_arena_array(ln_emit_arena(c->e), (size_t)t->count + 1, sizeof *places);
  if (places == NULL) return ln_import_no_memory(c->e->import);
  for (int32_t i = 0; i < t->count; ++i) places[i] = i;
  return ln_import_lookup(c->e->import, t->name, LN_STRING, LN_INT64, t->count, t->keys, t->key_bytes, places,
                          (size_t)t->count * sizeof *places);
}

/* Where each of the numbers stands among the table's; the table's size where it does not. */
static int32_t places_by_comparison(ln_sm_call *c, const ln_sm_table *t, int32_t keys) {
  ln_emit *e = c->e;
  const int32_t last = ln_emit_rank(e, keys);
  const ln_shape shape = {1, {t->count}};
  const int32_t all = ln_emit_constant(e, NULL, t->key_type, &shape, t->keys, t->key_bytes);
  const int32_t same = ln_emit_compare(e, LN_OP_EQUAL, ln_emit_expand(e, keys, 1, &last), all);
  const int32_t hits = ln_emit_cast(e, same, LN_INT32);
  const int32_t place = ln_emit_arg(e, LN_OP_ARG_MAX, hits, -1, false, LN_INT32), axis = -1;
  const int32_t found = ln_emit_reduce(e, LN_OP_REDUCE_MAX, hits, 1, &axis, false);
  const int32_t is_there = ln_emit_compare(e, LN_OP_EQUAL, found, ln_emit_i32(e, 1));
  return ln_emit_select(e, is_there, place, ln_emit_i32(e, t->count));
}

/* Strings of the table and one more, which joining constants of the runtime does not do. */
static int32_t strings_with_default(ln_sm_call *c, const ln_sm_table *t, const int32_t *otherwise) {
  const int32_t *values = t->values, count = t->count;
  const size_t length = (size_t)(otherwise[2] - otherwise[1]), old = (size_t)(values[1 + count] - values[1]);
  const size_t head = ((size_t)count + 3) * sizeof(int32_t), total = head + old + length;
  const ln_shape shape = {1, {count + 1}};
  int32_t *made = total <= INT32_MAX ? ln_arena_alloc(ln_emit_arena(c->e), total) : NULL;
  if (made == NULL) return ln_import_no_memory(c->e->import);
  made[0] = count + 1;
  for (int32_t i = 0; i <= count; ++i) made[1 + i] = values[1 + i] - values[1] + (int32_t)head;
  made[2 + count] = (int32_t)total;
  memcpy((char *)made + head, (const char *)values + values[1], old);
  memcpy((char *)made + head + old, (const char *)otherwise + otherwise[1], length);
  return ln_emit_constant(c->e, NULL, LN_STRING, &shape, made, total);
}

/* The values, and behind them the default: what is not found is there. */
static int32_t values_with_default(ln_sm_call *c, const ln_sm_table *t, int32_t otherwise) {
  const ln_shape shape = {1, {t->count}};
  const ln_dim one = LN_DIM(1);
  if (t->value_type == LN_STRING && ln_emit_is_const(c->e, otherwise))
    return strings_with_default(c, t, ln_emit_data(c->e, otherwise));
  const int32_t parts[2] = {ln_emit_constant(c->e, NULL, t->value_type, &shape, t->values, t->value_bytes),
                            ln_emit_reshape(c->e, otherwise, 1, &one)};
  return ln_emit_concat(c->e, 0, 2, parts);
}

/* LookupTableFindV2: table, keys, default */
void ln_sm_op_table_find(ln_sm_call *c) {
  ln_sm_table *t = table_in(c);
  if (t == NULL || !is_filled(c, t)) return;
  const int32_t keys = ln_sm_in(c, 1), otherwise = ln_sm_in(c, 2);
  if (keys < 0 || otherwise < 0) return;
  if (ln_emit_elements(c->e, otherwise) != 1 || ln_emit_type(c->e, keys) != t->key_type) {
    ln_emit_refuse(c->e, "its default is more than one value, or its keys are of another type than the table's");
    return;
  }
  if (ln_sm_is_tried(ln_sm_of(c), c->e) && (is_direct(t) || t->key_type == LN_STRING)) {
    ln_sm_result(c, ln_emit_tensor(c->e, NULL, t->value_type, &c->e->facts[keys]));
    return;
  }
  if (is_direct(t)) {
    if (t->lookup < 0) {
      t->lookup = ln_import_lookup(c->e->import, t->name, t->key_type, t->value_type, t->count, t->keys, t->key_bytes,
                                   t->values, t->value_bytes);
    }
    ln_sm_result(c, ln_emit_find(c->e, t->lookup, keys, otherwise));
    return;
  }
  int32_t place;
  if (t->key_type == LN_STRING) {
    if (t->lookup < 0) t->lookup = places_lookup(c, t);
    place = ln_emit_find(c->e, t->lookup, keys, ln_emit_scalar(c->e, LN_INT64, t->count));
  } else {
    place = places_by_comparison(c, t, keys);
  }
  ln_sm_result(c, ln_emit_gather(c->e, values_with_default(c, t, otherwise), place, 0, 0));
}

void ln_sm_op_table_size(ln_sm_call *c) {
  const ln_sm_table *t = table_in(c);
  if (t != NULL && is_filled(c, t)) ln_sm_result(c, ln_emit_scalar(c->e, LN_INT64, t->count));
}

/* LookupTableExportV2: table > keys, values */
void ln_sm_op_table_export(ln_sm_call *c) {
  const ln_sm_table *t = table_in(c);
  if (t == NULL || !is_filled(c, t)) return;
  const ln_shape shape = {1, {t->count}};
  ln_sm_give(c, 0, ln_emit_constant(c->e, NULL, t->key_type, &shape, t->keys, t->key_bytes));
  ln_sm_give(c, 1, ln_emit_constant(c->e, NULL, t->value_type, &shape, t->values, t->value_bytes));
}
