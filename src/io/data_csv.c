/*
 * Samples in tables of text (RFC 4180): a line of names, then a sample a line. Numbers fill the inputs; one column may
 * hold what is to be learned, as numbers or as names.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/io.h"

bool ln_data_is_csv(const char *path) {
  static const char *const endings[] = {".csv", ".tsv", ".csv.gz", ".tsv.gz"};
  const size_t length = strlen(path);
  for (size_t i = 0; i < LN_COUNT(endings); i++) {
    const size_t own = strlen(endings[i]);
    if (length > own && strcasecmp(path + length - own, endings[i]) == 0) return true;
  }
  return false;
}

/* ---- fields ---- */

typedef struct field {
  const char *text;
  size_t length;
  bool quoted; /* quotation marks in it stand twice */
} field;

typedef struct reader {
  const char *at, *end;
  char separator;
  int64_t line; /* of the row read last */
  int64_t next; /* line that `at` is in */
} reader;

/* The header's first separator outside of quotation marks; a comma where it has one column. */
static char find_separator(const char *at, const char *end) {
  for (bool quoted = false; at < end && (quoted || *at != '\n'); at++) {
    if (*at == '"') quoted = !quoted;
    if (!quoted && (*at == ',' || *at == ';' || *at == '\t')) return *at;
  }
  return ',';
}

static reader begin(const ln_data *data) {
  const char *text = (const char *)data->blob.data, *end = text + data->blob.size;
  if (data->blob.size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3; /* as spreadsheets begin UTF-8 */
  return (reader){text, end, find_separator(text, end), 0, 1};
}

/* Behind the closing quotation mark; NULL: there is none. */
static const char *read_quoted(reader *r, field *out) {
  const char *at = r->at + 1;
  for (;; at++) {
    if (at == r->end) return NULL;
    if (*at == '\n') r->next++;
    if (*at != '"') continue;
    if (at + 1 < r->end && at[1] == '"') at++;
    else break;
  }
  *out = (field){r->at + 1, (size_t)(at - r->at) - 1, true};
  return at + 1;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* One field; `*last`: it ends the row. */
static ln_status read_field(reader *r, field *out, bool *last, ln_error *err) {
  while (r->at < r->end && is_blank(*r->at) && *r->at != r->separator) r->at++;
  const char *at = r->at;
  if (at < r->end && *at == '"') {
    at = read_quoted(r, out);
    if (!at) return ln_fail(err, LN_ERR_FORMAT, "line %lld: a quotation mark is not closed", (long long)r->line);
    while (at < r->end && is_blank(*at) && *at != r->separator) at++;
  } else {
    while (at < r->end && *at != r->separator && *at != '\n') at++;
    *out = (field){r->at, (size_t)(at - r->at), false};
    while (out->length > 0 && is_blank(out->text[out->length - 1])) out->length--;
  }
  *last = at == r->end || *at == '\n';
  if (!*last && *at != r->separator) {
    return ln_fail(err, LN_ERR_FORMAT, "line %lld: text behind a quotation mark", (long long)r->line);
  }
  if (at < r->end && *at == '\n') r->next++;
  r->at = at < r->end ? at + 1 : at;
  return LN_OK;
}

/* The next row that is not blank, into `fields` as far as there is room; `*count` 0: there is none. */
static ln_status read_row(reader *r, field *fields, int32_t room, int32_t *count, ln_error *err) {
  *count = 0;
  for (;;) {
    const char *at = r->at;
    while (at < r->end && (is_blank(*at) && *at != r->separator)) at++;
    if (at == r->end) return LN_OK;
    if (*at != '\n') break;
    r->at = at + 1;
    r->next++;
  }
  r->line = r->next;
  for (bool last = false; !last; ++*count) {
    field each;
    if (*count == INT32_MAX) return ln_fail(err, LN_ERR_LIMIT, "line %lld: too many fields", (long long)r->line);
    LN_TRY(read_field(r, &each, &last, err));
    if (*count < room) fields[*count] = each;
  }
  return LN_OK;
}

/* A field's text, the caller's arena's. */
static char *text_of(ln_arena *arena, const field *f) {
  char *out = ln_arena_alloc(arena, f->length + 1);
  size_t used = 0;
  for (size_t i = 0; out && i < f->length; i++) {
    out[used++] = f->text[i];
    if (f->quoted && f->text[i] == '"') i++;
  }
  return out;
}

/* [sign] digits [. digits] [e [sign] digits], in no locale; false: no such number, or one that is too large. */
static bool parse_number(const field *f, double *out) {
  const char *at = f->text, *end = f->text + f->length;
  const bool minus = at < end && *at == '-';
  if (at < end && (*at == '-' || *at == '+')) at++;
  double value = 0;
  int32_t digits = 0, scale = 0, power = 0;
  for (bool point = false; at < end && (isdigit((unsigned char)*at) || (*at == '.' && !point)); at++) {
    if (*at == '.') {
      point = true;
      continue;
    }
    if (value < 1e17) value = value * 10 + (*at - '0'), scale -= point; /* what floats can tell apart */
    else scale += !point;
    digits = 1;
  }
  if (digits > 0 && at < end && (*at == 'e' || *at == 'E')) {
    const bool down = ++at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    if (at == end) return false;
    for (; at < end && isdigit((unsigned char)*at); at++) power = power < 10000 ? power * 10 + (*at - '0') : power;
    if (down) power = -power;
  }
  if (digits == 0 || at != end) return false;
  scale += power;
  /* One division or product by an exact power of ten rounds once. */
  value = scale < 0 ? value / pow(10, -scale) : value * pow(10, scale);
  *out = minus ? -value : value;
  return isfinite(value);
}

/* ---- columns ---- */

typedef struct table {
  ln_data *data;
  field *fields; /* [columns] of the row read last */
  const char **names;
  int32_t columns, label; /* label -1: none */
  int64_t rows;
  int32_t *input;  /* [columns] that each fills, */
  size_t *element; /* at which element of a sample */
  float **values;  /* [inputs] samples */
} table;

static ln_status row_of(table *t, reader *r, bool *more, ln_error *err) {
  int32_t count;
  LN_TRY(read_row(r, t->fields, t->columns, &count, err));
  *more = count > 0;
  if (count == 0 || count == t->columns) return LN_OK;
  return ln_fail(err, LN_ERR_FORMAT, "line %lld has %d fields, the first line %d", (long long)r->line, count,
                 t->columns);
}

static ln_status read_names(table *t, reader *r, ln_error *err) {
  reader ahead = *r;
  ln_arena *arena = &t->data->arena;
  LN_TRY(read_row(&ahead, NULL, 0, &t->columns, err));
  if (t->columns == 0) return ln_fail(err, LN_ERR_FORMAT, "it holds no line of names");
  const size_t columns = (size_t)t->columns;
  t->fields = ln_arena_array(arena, columns, sizeof *t->fields);
  t->names = ln_arena_array(arena, columns, sizeof *t->names);
  t->input = ln_arena_array(arena, columns, sizeof *t->input);
  t->element = ln_arena_array(arena, columns, sizeof *t->element);
  t->values = ln_arena_array(arena, (size_t)t->data->input_count, sizeof *t->values);
  if (!t->fields || !t->names || !t->input || !t->element || !t->values) goto no_memory;
  bool more;
  LN_TRY(row_of(t, r, &more, err));
  bool numbers = true;
  for (int32_t i = 0; i < t->columns; i++) {
    double number;
    numbers = numbers && parse_number(&t->fields[i], &number);
    t->names[i] = text_of(arena, &t->fields[i]);
    if (!t->names[i]) goto no_memory;
  }
  return numbers ? ln_fail(err, LN_ERR_FORMAT, "its first line holds numbers, where the columns' names belong") : LN_OK;
no_memory:
  return ln_fail(err, LN_ERR_MEMORY, "out of memory");
}

static int32_t find_column(const table *t, const char *name) {
  for (int32_t i = 0; i < t->columns; i++) {
    if (strcmp(t->names[i], name) == 0) return i;
  }
  return -1;
}

/* Elements of a sample; one open dimension of a sole input takes all that there are. */
static ln_status size_inputs(table *t, int32_t features, size_t *total, ln_error *err) {
  *total = 0;
  for (int32_t i = 0; i < t->data->input_count; i++) {
    ln_data_input *input = &t->data->inputs[i];
    int32_t open = -1;
    input->elements = 1;
    for (int32_t d = 1; d < input->rank; d++) {
      if (input->dims[d] < 0 && open < 0) open = d;
      else if (!ln_size_mul(input->elements, input->dims[d] < 0 ? 1 : (size_t)input->dims[d], &input->elements))
        return ln_fail(err, LN_ERR_SHAPE, "input \"%s\" is too large", input->name);
    }
    if (input->elements == 0) return ln_fail(err, LN_ERR_SHAPE, "input \"%s\" holds nothing", input->name);
    memcpy(input->sample_dims, input->dims, sizeof input->dims);
    if (open > 0) {
      const bool whole = t->data->input_count == 1 && (size_t)features % input->elements == 0;
      input->sample_dims[open] = whole ? (int32_t)((size_t)features / input->elements) : 1;
      input->elements *= (size_t)input->sample_dims[open];
    }
    if (!ln_size_add(*total, input->elements, total)) return ln_fail(err, LN_ERR_SHAPE, "the inputs are too large");
  }
  return LN_OK;
}

/* Which column is to be learned: the one named, or the last where the inputs take the others. */
static ln_status choose_label(table *t, const char *labels, bool *taken, ln_error *err) {
  size_t total;
  t->label = labels ? find_column(t, labels) : -1;
  *taken = t->label >= 0;
  LN_TRY(size_inputs(t, t->columns - *taken, &total, err));
  if (!labels && total + 1 == (size_t)t->columns) t->label = t->columns - 1;
  const size_t features = (size_t)t->columns - (t->label >= 0);
  if (total == features) return LN_OK;
  if (labels && !*taken && !ln_file_exists(labels)) {
    return ln_fail(err, LN_ERR_NOT_FOUND, "there is no column \"%s\"", labels);
  }
  return ln_fail(err, LN_ERR_SHAPE, "the model's inputs take %zu numbers a sample, the table has %d columns%s%s", total,
                 t->columns, t->label >= 0 ? ", among them the label " : "", t->label >= 0 ? t->names[t->label] : "");
}

/* By names where every input is one number that a column is named after, else in order. */
static void place_columns(table *t) {
  bool named = true;
  for (int32_t i = 0; i < t->data->input_count && named; i++) {
    const ln_data_input *input = &t->data->inputs[i];
    const int32_t column = find_column(t, input->name);
    named = input->elements == 1 && column >= 0 && column != t->label;
    if (named) t->input[column] = i;
  }
  int32_t input = 0;
  size_t element = 0;
  for (int32_t c = 0; c < t->columns && !named; c++) {
    if (c == t->label) continue;
    t->input[c] = input;
    t->element[c] = element;
    if (++element == t->data->inputs[input].elements) input++, element = 0;
  }
}

/* ---- rows ---- */

static ln_status count_rows(table *t, reader r, ln_error *err) {
  bool more = true;
  for (t->rows = -1; more; t->rows++) LN_TRY(row_of(t, &r, &more, err));
  if (t->rows == 0) return ln_fail(err, LN_ERR_DATA, "it holds no samples");
  return t->rows > INT32_MAX ? ln_fail(err, LN_ERR_LIMIT, "too many lines") : LN_OK;
}

/* Each input's samples, as an array that it owns: rows and columns are bounded by the file. */
static ln_status make_arrays(table *t, ln_error *err) {
  for (int32_t i = 0; i < t->data->input_count; i++) {
    ln_data_input *input = &t->data->inputs[i];
    ln_array *array = &input->source.array;
    size_t count;
    if (!ln_size_mul((size_t)t->rows, input->elements, &count)) return ln_fail(err, LN_ERR_LIMIT, "too many numbers");
    t->values[i] = ln_alloc_array(count, sizeof *t->values[i]);
    if (!t->values[i]) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
    *array = (ln_array){.type = LN_FLOAT32, .rank = input->rank > 0 ? input->rank : 1, .data = t->values[i]};
    memcpy(array->dims, input->sample_dims, sizeof array->dims);
    array->dims[0] = (int32_t)t->rows;
    array->bytes = count * sizeof *t->values[i];
    input->source.owned = true;
  }
  return LN_OK;
}

static ln_status refuse_field(const table *t, const reader *r, int32_t column, ln_error *err) {
  const field *f = &t->fields[column];
  const int shown = f->length < 40 ? (int)f->length : 40;
  if (f->length == 0) {
    return ln_fail(err, LN_ERR_DATA, "line %lld: column \"%s\" is empty", (long long)r->line, t->names[column]);
  }
  return ln_fail(err, LN_ERR_DATA, "line %lld: column \"%s\" is \"%.*s\", which is no number", (long long)r->line,
                 t->names[column], shown, f->text);
}

/* `*words`: the label column is of texts. */
static ln_status read_numbers(table *t, reader r, bool *words, ln_error *err) {
  *words = false;
  for (int64_t row = 0; row < t->rows; row++) {
    bool more;
    LN_TRY(row_of(t, &r, &more, err));
    for (int32_t c = 0; c < t->columns; c++) {
      double number = 0;
      const bool is_number = parse_number(&t->fields[c], &number);
      if (!is_number && (c != t->label || t->fields[c].length == 0)) return refuse_field(t, &r, c, err);
      if (c == t->label) {
        *words = *words || !is_number;
        t->data->column.numbers[row] = number;
        continue;
      }
      const size_t elements = t->data->inputs[t->input[c]].elements;
      t->values[t->input[c]][(size_t)row * elements + t->element[c]] = (float)number;
    }
  }
  return LN_OK;
}

/* ---- a column of names ---- */

/* More different texts than this are no classes. */
enum { MOST_TEXTS = 1 << 16 };

/* Where a text is, or belongs, among the sorted ones; `order` are their numbers. */
static int32_t search(const ln_data_column *column, const int32_t *order, const char *text, bool *found) {
  int32_t low = 0, high = column->text_count;
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    const int compared = strcmp(text, column->texts[order[middle]]);
    *found = compared == 0;
    if (*found) return middle;
    if (compared < 0) high = middle;
    else low = middle + 1;
  }
  *found = false;
  return low;
}

static ln_status add_text(table *t, int32_t *order, int32_t at, const field *f, ln_error *err) {
  ln_data_column *column = &t->data->column;
  if (column->text_count == MOST_TEXTS) {
    return ln_fail(err, LN_ERR_LIMIT, "column \"%s\" holds more than %d different texts", column->name, MOST_TEXTS);
  }
  const char *text = text_of(&t->data->arena, f);
  if (!text) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  memmove(order + at + 1, order + at, (size_t)(column->text_count - at) * sizeof *order);
  order[at] = column->text_count;
  column->texts[column->text_count++] = text;
  return LN_OK;
}

/* Numbers them in their sorted order. */
static void sort_texts(ln_data_column *column, const int32_t *order, int64_t rows, const char **sorted,
                       int32_t *place) {
  for (int32_t i = 0; i < column->text_count; i++) sorted[i] = column->texts[order[i]], place[order[i]] = i;
  for (int64_t i = 0; i < rows; i++) column->ids[i] = place[column->ids[i]];
  column->texts = sorted;
}

static ln_status read_words(table *t, reader r, ln_error *err) {
  ln_data_column *column = &t->data->column;
  ln_arena *arena = &t->data->arena;
  const size_t most = t->rows < MOST_TEXTS ? (size_t)t->rows : MOST_TEXTS;
  int32_t *order = ln_arena_array(arena, most + 1, sizeof *order), *place = ln_arena_array(arena, most, sizeof *place);
  const char **sorted = ln_arena_array(arena, most, sizeof *sorted);
  column->numbers = NULL;
  column->texts = ln_arena_array(arena, most, sizeof *column->texts);
  column->ids = ln_arena_array(arena, (size_t)t->rows, sizeof *column->ids);
  if (!order || !place || !sorted || !column->texts || !column->ids)
    return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  for (int64_t row = 0; row < t->rows; row++) {
    bool more, found;
    LN_TRY(row_of(t, &r, &more, err));
    ln_arena own = {0};
    const char *text = text_of(&own, &t->fields[t->label]);
    ln_status status = text ? LN_OK : ln_fail(err, LN_ERR_MEMORY, "out of memory");
    const int32_t at = text ? search(column, order, text, &found) : 0;
    if (text && !found) status = add_text(t, order, at, &t->fields[t->label], err);
    if (status == LN_OK) column->ids[row] = order[at];
    ln_arena_free(&own);
    if (status != LN_OK) return status;
  }
  sort_texts(column, order, t->rows, sorted, place);
  return LN_OK;
}

/* ---- the table ---- */

/* Pictures in tables are bytes: taken as bytes of any other file are. */
static void take_bytes(ln_data_input *input, float *values) {
  const size_t count = input->source.array.bytes / sizeof *values;
  ln_image_layout layout;
  bool bytes = ln_image_layout_of(input->dims, input->rank, NULL, &layout) == LN_OK && input->elements > 1;
  float most = 0;
  for (size_t i = 0; i < count && bytes; i++) {
    bytes = values[i] >= 0 && values[i] <= 255 && floorf(values[i]) == values[i];
    most = values[i] > most ? values[i] : most;
  }
  if (!bytes || most <= 1) return;
  uint8_t *to = (uint8_t *)values; /* which never passes what is still to be read */
  for (size_t i = 0; i < count; i++) to[i] = (uint8_t)values[i];
  input->source.array.type = LN_UINT8;
  input->source.array.bytes = count;
}

ln_status ln_data_open_csv(ln_data *data, const char *labels, bool *taken, ln_error *err) {
  table t = {.data = data};
  reader r = begin(data);
  bool words = false;
  data->kind = LN_IO_NPY;
  LN_TRY(read_names(&t, &r, err));
  LN_TRY(choose_label(&t, labels, taken, err));
  place_columns(&t);
  LN_TRY(count_rows(&t, r, err));
  if (t.label >= 0) {
    data->column.name = t.names[t.label];
    data->column.numbers = ln_arena_array(&data->arena, (size_t)t.rows, sizeof *data->column.numbers);
    if (!data->column.numbers) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  }
  LN_TRY(make_arrays(&t, err));
  LN_TRY(read_numbers(&t, r, &words, err));
  if (words) LN_TRY(read_words(&t, r, err));
  for (int32_t i = 0; i < data->input_count; i++) {
    take_bytes(&data->inputs[i], t.values[i]);
    LN_TRY(ln_data_take_array(data, &data->inputs[i], err));
  }
  return LN_OK;
}
