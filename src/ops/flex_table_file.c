/*
 * InitializeTableFromTextFileV2: a table from the lines of a text file, which the session's file access must allow. A
 * key or a value is the whole line, its number, or what stands in a column.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/number_text.h"
#include "ops/elementwise.h"
#include "ops/flex_resource.h"
#include "ops/rows.h"

enum { WHOLE_LINE = -2, LINE_NUMBER = -1, LONGEST_NUMBER = 63, MOST_LINES = 1 << 28 };

/* Elements as they are read: numbers, or strings and where each ends. */
typedef struct column {
  int64_t index;
  ln_type type;
  ln_bytes data, ends;
} column;

typedef struct source {
  const char *at, *end;
  ln_span delimiter;
  int64_t line;  /* the number of the next one */
  int64_t first; /* what the first one counts as */
} source;

static bool next_line(source *s, ln_span *out) {
  if (s->at == s->end) return false;
  const char *newline = memchr(s->at, '\n', (size_t)(s->end - s->at));
  const char *end = newline != NULL ? newline : s->end;
  *out = (ln_span){s->at, (size_t)(end - s->at)};
  s->at = newline != NULL ? newline + 1 : s->end;
  return true;
}

/* Column `index` of a line; false when it has fewer. */
static bool column_of(ln_span line, ln_span delimiter, int64_t index, ln_span *out) {
  const char *at = line.data, *end = line.data + line.size;
  for (const char *from = at;; ++from) {
    const bool last = (size_t)(end - from) < delimiter.size;
    if (!last && memcmp(from, delimiter.data, delimiter.size) != 0) continue;
    if (index-- == 0) {
      *out = (ln_span){at, (size_t)((last ? end : from) - at)};
      return true;
    }
    if (last) return false;
    at = from + delimiter.size;
    from = at - 1;
  }
}

static bool add_number(column *c, ln_span text) {
  union {
    double f64;
    float f32;
    int64_t i64;
    int32_t i32;
  } number;
  bool good;
  if (c->type == LN_FLOAT64) good = ln_k_parse_f64(text, &number.f64);
  else if (c->type == LN_FLOAT32) good = ln_k_parse_f32(text, &number.f32);
  else good = ln_k_parse_i64(text, &number.i64);
  if (good && c->type == LN_INT32) {
    const int64_t wide = number.i64;
    number.i32 = (int32_t)wide;
    good = number.i32 == wide;
  }
  if (good) ln_bytes_add(&c->data, &number, ln_type_bytes(c->type));
  return good;
}

/* False for a text that is no number of the type. Carriage returns are no part of a line. */
static bool add_text(column *c, ln_span text) {
  char number[LONGEST_NUMBER];
  size_t length = 0;
  for (size_t i = 0; i < text.size; ++i) {
    if (text.data[i] == '\r') continue;
    if (c->type == LN_STRING) ln_bytes_byte(&c->data, (uint8_t)text.data[i]);
    else if (length == LONGEST_NUMBER) return false;
    else number[length++] = text.data[i];
  }
  if (c->type != LN_STRING) return add_number(c, (ln_span){number, length});
  const uint32_t end = (uint32_t)c->data.size; /* bounded: by the file, whose size is checked */
  ln_bytes_add(&c->ends, &end, sizeof end);
  return true;
}

static ln_status add_line(const ln_node *node, column *c, const source *s, ln_span line, ln_error *err) {
  ln_span text = line;
  if (c->index == LINE_NUMBER) {
    const int64_t number = s->first + s->line;
    ln_bytes_add(&c->data, &number, sizeof number);
    return LN_OK;
  }
  if (c->index >= 0 && !column_of(line, s->delimiter, c->index, &text)) {
    return ln_node_fail(node, err, LN_ERR_DATA, "line %lld has no column %lld", (long long)s->line,
                        (long long)c->index);
  }
  if (add_text(c, text)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_DATA, "\"%.*s\" in line %lld is no %s", (int)(text.size < 60 ? text.size : 60),
                      text.data, (long long)s->line, ln_type_name(c->type));
}

/* The tensor of what was read, in memory that `c` keeps. */
static bool make_tensor(column *c, int32_t count, ln_tensor *out) {
  *out = (ln_tensor){.name = "", .type = c->type, .shape = {1, {count}}, .quant = &ln_quant_none};
  if (c->data.failed || c->ends.failed) return false;
  if (c->type == LN_STRING) {
    ln_bytes whole = {0};
    const uint32_t head = (uint32_t)((size_t)count + 2) * sizeof(uint32_t); /* bounded: by MOST_LINES */
    ln_bytes_add(&whole, &count, sizeof count);
    ln_bytes_add(&whole, &head, sizeof head);
    for (int32_t i = 0; i < count; ++i) {
      uint32_t end;
      memcpy(&end, c->ends.data + (size_t)i * sizeof end, sizeof end);
      end += head;
      ln_bytes_add(&whole, &end, sizeof end);
    }
    ln_bytes_add(&whole, c->data.data, c->data.size);
    ln_bytes_free(&c->data);
    c->data = whole;
  }
  out->data = c->data.data;
  out->bytes = c->data.size;
  return !c->data.failed;
}

static ln_status read_column(const ln_node *node, const char *attribute, ln_type type, column *out, ln_error *err) {
  *out = (column){.index = WHOLE_LINE, .type = type};
  LN_TRY(ln_attr_int(node, err, attribute, WHOLE_LINE, INT32_MAX, &out->index));
  const bool number = type == LN_FLOAT32 || type == LN_FLOAT64 || type == LN_INT32 || type == LN_INT64;
  const bool fits = out->index == WHOLE_LINE    ? type == LN_STRING
                    : out->index == LINE_NUMBER ? type == LN_INT64
                                                : number || type == LN_STRING;
  return fits ? LN_OK
              : ln_node_fail(node, err, LN_ERR_TYPE, "%s %lld gives no %s", attribute, (long long)out->index,
                             ln_type_name(type));
}

static ln_status read_lines(const ln_node *node, source *s, column columns[2], ln_error *err) {
  int64_t wanted = -1;
  ln_span line;
  LN_TRY(ln_attr_int(node, err, "vocab_size", -1, INT64_MAX, &wanted));
  while (s->line != wanted && next_line(s, &line)) {
    if (s->line == MOST_LINES) return ln_node_fail(node, err, LN_ERR_LIMIT, "the file has too many lines");
    size_t returns = 0;
    while (returns < line.size && line.data[returns] == '\r') ++returns;
    if (returns == line.size) return ln_node_fail(node, err, LN_ERR_DATA, "line %lld is empty", (long long)s->line);
    for (int32_t i = 0; i < 2; ++i) LN_TRY(add_line(node, &columns[i], s, line, err));
    ++s->line;
  }
  if (wanted < 0 || s->line == wanted) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_DATA, "the file has %lld lines, %lld are wanted", (long long)s->line,
                      (long long)wanted);
}

static ln_status fill(const ln_node *node, ln_hash_table *table, const ln_file_map *file, ln_error *err) {
  column columns[2];
  ln_tensor tensors[2];
  source s = {.delimiter = {"\t", 1}};
  LN_TRY(read_column(node, "key_index", table->said.key, &columns[0], err));
  LN_TRY(read_column(node, "value_index", table->said.value, &columns[1], err));
  LN_TRY(ln_attr_int(node, err, "offset", -INT32_MAX, INT32_MAX, &s.first));
  LN_TRY(ln_attr_string(node, err, "delimiter", &s.delimiter.data, &s.delimiter.size));
  if (s.delimiter.size == 0) return ln_node_fail(node, err, LN_ERR_MODEL, "its delimiter is empty");
  LN_TRY(ln_host_check_room(node, file->size > INT32_MAX / 4 ? SIZE_MAX : 4 * file->size, err));
  s.at = (const char *)file->data;
  s.end = file->size == 0 ? s.at : s.at + file->size;
  ln_status status = read_lines(node, &s, columns, err);
  for (int32_t i = 0; status == LN_OK && i < 2; ++i) {
    if (!make_tensor(&columns[i], (int32_t)s.line, &tensors[i])) {
      status = ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for the file's lines");
    }
  }
  if (status == LN_OK) status = ln_flex_table_fill(node, table, &tensors[0], &tensors[1], err);
  for (int32_t i = 0; i < 2; ++i) {
    ln_bytes_free(&columns[i].data);
    ln_bytes_free(&columns[i].ends);
  }
  return status;
}

ln_status ln_flex_table_file_run(const ln_node *node, ln_exec *exec) {
  char path[LN_HOST_PATH_MAX];
  ln_hash_table *table = NULL;
  ln_file_map file;
  ln_error why = {LN_OK, ""};
  LN_TRY(ln_flex_table(node, exec->err, &table));
  if (table->said.kind != LN_TABLE_FIXED) {
    return ln_node_fail(node, exec->err, LN_ERR_UNSUPPORTED, "the table is not one that is filled once");
  }
  LN_TRY(ln_node_check_strings(node, 1, exec->err));
  if (ln_shape_span(&node->in[1]->shape, 0, node->in[1]->shape.rank) != 1) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "takes one path");
  }
  const ln_span name = ln_string_at(node->in[1], 0);
  LN_TRY(ln_host_path(node, name.data, name.size, exec->err, path));
  const ln_status status = ln_file_map_open(path, &why, &file);
  if (status != LN_OK) return ln_node_fail(node, exec->err, status, "%s", why.message);
  const ln_status filled = fill(node, table, &file, exec->err);
  ln_file_map_close(&file);
  return filled;
}
