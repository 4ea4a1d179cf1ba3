/*
 * Findings in a file's metadata, entry "linnet.target", as lines of text with tabs between fields:
 *   linnet.target 1, the target, operators of the model, of them refused, bytes of weights, bytes of the arena
 *   graph, operator (-1: the whole model), operator's name, the source's operator, part of the source, tensor, reason
 */
#include <stdlib.h>
#include <string.h>

#include "convert/check.h"
#include "format/format.h"

static const char entry_name[] = "linnet.target", head[] = "linnet.target 1";

/* ---- writing ---- */

static void write_notes(const ln_check *check, ln_bytes *out) {
  ln_bytes_field(out, head, '\t');
  ln_bytes_field(out, check->target, '\t');
  ln_bytes_number(out, check->operators, '\t');
  ln_bytes_number(out, check->refused, '\t');
  ln_bytes_number(out, check->weight_bytes, '\t');
  ln_bytes_number(out, check->arena_bytes, '\n');
  for (int32_t i = 0; i < check->count; ++i) {
    const ln_check_finding *f = &check->findings[i];
    ln_bytes_number(out, f->graph, '\t');
    ln_bytes_number(out, f->op, '\t');
    ln_bytes_field(out, f->operator_name, '\t');
    ln_bytes_field(out, f->origin_op, '\t');
    ln_bytes_field(out, f->origin, '\t');
    ln_bytes_field(out, f->tensor, '\t');
    ln_bytes_field(out, f->reason, '\n');
  }
}

ln_status ln_check_annotate(const ln_check *check, ln_model *model, ln_error *err) {
  ln_bytes text = {0};
  write_notes(check, &text);
  const void *data = text.failed ? NULL : ln_arena_copy(&model->arena, text.data, text.size);
  const ln_metadata entry = {.name = entry_name, .data = data, .size = text.size};
  ln_metadata *list = ln_arena_array(&model->arena, (size_t)model->metadata_count + 1, sizeof *list);
  int32_t count = 0;
  ln_bytes_free(&text);
  if (data == NULL || list == NULL) return ln_fail(err, LN_ERR_MEMORY, "no memory to annotate the model");
  for (int32_t i = 0; i < model->metadata_count; ++i) {
    if (strcmp(model->metadata[i].name, entry_name) != 0) list[count++] = model->metadata[i];
  }
  list[count++] = entry;
  model->metadata = list;
  model->metadata_count = count;
  return LN_OK;
}

/* ---- reading ---- */

enum { FIELDS = 7 };

static ln_status read_notes(ln_check *check, char *text, ln_error *err) {
  const char *fields[FIELDS];
  if (!ln_fields_next(&text, fields, FIELDS) || strcmp(fields[0], head) != 0) {
    return ln_fail(err, LN_ERR_FORMAT, "what the file says of targets is of another version");
  }
  check->target = fields[1];
  check->operators = (int32_t)strtol(fields[2], NULL, 10);
  check->refused = (int32_t)strtol(fields[3], NULL, 10);
  check->weight_bytes = strtoll(fields[4], NULL, 10);
  check->arena_bytes = strtoll(fields[5], NULL, 10);
  while (ln_fields_next(&text, fields, FIELDS)) {
    const ln_check_finding finding = {.graph = (int32_t)strtol(fields[0], NULL, 10),
                                      .op = (int32_t)strtol(fields[1], NULL, 10),
                                      .operator_name = fields[2],
                                      .origin_op = *fields[3] != '\0' ? fields[3] : NULL,
                                      .origin = *fields[4] != '\0' ? fields[4] : NULL,
                                      .tensor = fields[5],
                                      .reason = fields[6]};
    if (!ln_check_add(check, &finding)) return ln_fail(err, LN_ERR_MEMORY, "no memory to check the model");
  }
  return LN_OK;
}

ln_status ln_check_read(const ln_model *model, ln_error *err, ln_check **out) {
  size_t size;
  const void *data = ln_model_metadata(model, entry_name, &size);
  *out = NULL;
  if (data == NULL) return ln_fail(err, LN_ERR_NOT_FOUND, "the file says nothing of targets; give one by --target");
  ln_check *check = ln_alloc_zero(sizeof *check);
  char *text = check != NULL ? ln_arena_alloc(&check->arena, size + 1) : NULL; /* ends with a zero */
  ln_status status = LN_OK;
  if (text == NULL) status = ln_fail(err, LN_ERR_MEMORY, "no memory to check the model");
  if (text != NULL && size > 0) memcpy(text, data, size);
  if (status == LN_OK) status = read_notes(check, text, err);
  if (status == LN_OK) *out = check;
  else ln_check_destroy(check);
  return status;
}
