/* Names of classes, one a line. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"

struct ln_labels {
  ln_arena arena;
  char **names; /* [count]; NULL where a number has no name */
  int32_t count;
};

/* A file whose lines number themselves may leave gaps, but not past this. */
enum { MAX_LABELS = 1 << 22 };

/* One line without its end and surrounding blanks. */
typedef struct line {
  const char *text;
  size_t length;
} line;

static bool next_line(const char **at, const char *end, line *out) {
  if (*at >= end) return false;
  const char *stop = memchr(*at, '\n', (size_t)(end - *at));
  const char *from = *at, *to = stop ? stop : end;
  *at = stop ? stop + 1 : end;
  while (from < to && isspace((unsigned char)*from)) from++;
  while (to > from && isspace((unsigned char)to[-1])) to--;
  *out = (line){from, (size_t)(to - from)};
  return true;
}

/* The number that a line "12 name" or "12: name" begins with, and where its name begins; -1 for another line. */
static int32_t leading_number(line text, line *name) {
  size_t i = 0;
  int32_t value = 0;
  for (; i < text.length && isdigit((unsigned char)text.text[i]); i++) {
    if (value > MAX_LABELS) return -1;
    value = value * 10 + (text.text[i] - '0');
  }
  if (i == 0 || i == text.length) return -1;
  const size_t digits = i;
  if (text.text[i] == ':') i++;
  while (i < text.length && isspace((unsigned char)text.text[i])) i++;
  if (i == digits || i == text.length) return -1;
  *name = (line){text.text + i, text.length - i};
  return value;
}

/* True when every line but empty ones gives its number, in rising order. */
static bool lines_are_numbered(const char *at, const char *end, int32_t *highest) {
  line each, name;
  *highest = -1;
  while (next_line(&at, end, &each)) {
    if (each.length == 0) continue;
    const int32_t number = leading_number(each, &name);
    if (number < 0 || number <= *highest) return false;
    *highest = number;
  }
  return *highest >= 0;
}

static int32_t count_lines(const char *at, const char *end) {
  line each;
  int32_t count = 0, last = 0;
  while (count <= MAX_LABELS && next_line(&at, end, &each)) {
    count++;
    if (each.length > 0) last = count;
  }
  return last; /* empty lines at the end are no labels */
}

ln_status ln_labels_parse(const void *text, size_t size, ln_error *err, ln_labels **out) {
  *out = NULL;
  const char *at = text, *end = at + size;
  int32_t highest;
  const bool numbered = lines_are_numbered(at, end, &highest);
  const int32_t count = numbered ? highest + 1 : count_lines(at, end);
  if (count <= 0) return ln_fail(err, LN_ERR_FORMAT, "no labels in it");
  if (count > MAX_LABELS || memchr(text, 0, size)) return ln_fail(err, LN_ERR_FORMAT, "not a file of labels");
  ln_labels *labels = ln_alloc_zero(sizeof *labels);
  if (!labels) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  labels->names = ln_arena_array(&labels->arena, (size_t)count, sizeof *labels->names);
  labels->count = count;
  line each;
  for (int32_t i = 0; labels->names && next_line(&at, end, &each); i++) {
    int32_t number = i;
    if (numbered && each.length == 0) continue;
    if (numbered) number = leading_number(each, &each);
    if (number >= count) break;
    char *name = ln_arena_alloc(&labels->arena, each.length + 1);
    if (!name) break;
    memcpy(name, each.text, each.length);
    labels->names[number] = name;
  }
  if (!labels->names || !labels->names[count - 1]) {
    ln_labels_destroy(labels);
    return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  }
  *out = labels;
  return LN_OK;
}

ln_status ln_labels_read(const char *path, ln_error *err, ln_labels **out) {
  *out = NULL;
  ln_file_map map;
  LN_TRY(ln_file_map_open(path, err, &map));
  const ln_status status =
      map.size > 0 ? ln_labels_parse(map.data, map.size, err, out) : ln_fail(err, LN_ERR_FORMAT, "the file is empty");
  ln_file_map_close(&map);
  return status;
}

void ln_labels_destroy(ln_labels *labels) {
  if (!labels) return;
  ln_arena_free(&labels->arena);
  ln_free(labels);
}

int32_t ln_labels_count(const ln_labels *labels) { return labels ? labels->count : 0; }

const char *ln_labels_get(const ln_labels *labels, int32_t index) {
  return labels && index >= 0 && index < labels->count ? labels->names[index] : NULL;
}

/* Reads and parses the archive's file of that name. */
static ln_status parse_member(const ln_model *model, const char *name, ln_error *err, ln_labels **out) {
  void *text;
  size_t size;
  LN_TRY(ln_io_model_file(model, name, err, &text, &size));
  const ln_status status = ln_labels_parse(text, size, err, out);
  if (status != LN_OK) ln_error_prefix(err, "labels %s", name);
  ln_io_free(text);
  return status;
}

ln_status ln_io_model_labels(const ln_model *model, int32_t graph, int32_t output, ln_error *err, ln_file_kind *kind,
                             ln_labels **out) {
  *out = NULL;
  ln_model_info *info;
  LN_TRY(ln_model_info_read(model, err, &info));
  ln_status status = ln_fail(err, LN_ERR_NOT_FOUND, "the model brings no labels");
  for (int32_t i = 0; i < ln_model_info_file_count(info); i++) {
    ln_file_info file;
    file.size = sizeof file;
    if (ln_model_info_file(info, i, &file) != LN_OK || !file.of_output) continue;
    if (file.graph != graph || (output >= 0 && file.tensor != output)) continue;
    if (file.kind != LN_FILE_AXIS_LABELS && file.kind != LN_FILE_VALUE_LABELS) continue;
    status = parse_member(model, file.name, err, out);
    if (kind) *kind = file.kind;
    break;
  }
  ln_model_info_destroy(info);
  return status;
}
