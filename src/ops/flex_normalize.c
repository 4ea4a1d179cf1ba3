/* TF Text's NormalizeUTF8 and CaseFoldUTF8 (Unicode Standard Annex #15; NFKC_Casefold: The Unicode Standard, 3.13). */
#include "kernels/unicode.h"
#include "ops/flex_attr.h"
#include "ops/rows.h"
#include "ops/text_map.h"

/* Code points that grow, and as many places to order them with. */
typedef struct codes {
  uint32_t *items, *scratch;
  size_t count, capacity;
} codes;

static bool grow(const ln_node *node, codes *c, size_t needed, ln_status *status) {
  const size_t wanted = needed < 256 ? 256 : 2 * needed;
  if (needed <= c->capacity) return true;
  *status = ln_host_check_room(node, wanted < SIZE_MAX / 8 ? 8 * wanted : SIZE_MAX, NULL);
  if (*status != LN_OK) return false;
  void *items = ln_realloc_array(c->items, c->count, wanted, sizeof *c->items);
  if (items != NULL) c->items = items;
  void *scratch = items == NULL ? NULL : ln_alloc_array(wanted, sizeof *c->scratch);
  *status = scratch == NULL ? LN_ERR_MEMORY : LN_OK;
  if (scratch == NULL) return false;
  ln_free(c->scratch);
  c->scratch = scratch;
  c->capacity = wanted;
  return true;
}

typedef struct normal_form {
  bool compatible, composed, folded;
} normal_form;

/* Adds a character decomposed, its case folded first; characters that are ignored by default fold to nothing. */
static bool add_code(const ln_node *node, codes *c, uint32_t code, const normal_form *form, ln_status *status) {
  uint32_t folded[3] = {code, 0, 0}, parts[LN_DECOMPOSITION_MAX];
  size_t count = 1;
  if (form->folded) count = ln_unicode_is_ignorable(code) ? 0 : ln_unicode_fold(code, folded);
  for (size_t i = 0; i < count; ++i) {
    const size_t length = ln_unicode_decompose(folded[i], form->compatible, parts);
    if (!grow(node, c, c->count + length, status)) return false;
    memcpy(c->items + c->count, parts, length * sizeof *parts);
    c->count += length;
  }
  return true;
}

/* Folding and decomposing once more, until nothing changes: what a decomposition makes may fold again. */
static bool settle(const ln_node *node, codes *c, codes *other, const normal_form *form, ln_status *status) {
  ln_unicode_order(c->items, c->count, c->scratch);
  for (int32_t pass = 0; pass < 3 && form->folded; ++pass) {
    other->count = 0;
    for (size_t i = 0; i < c->count; ++i) {
      if (!add_code(node, other, c->items[i], form, status)) return false;
    }
    ln_unicode_order(other->items, other->count, other->scratch);
    const codes kept = *c;
    *c = *other;
    *other = kept;
  }
  return true;
}

typedef struct normalizer {
  normal_form form;
  codes text, other;
} normalizer;

/* What is ill-formed stays as it is, byte by byte, as numbers from this one on. */
enum { RAW_BYTES = 0x110000 };

static ln_status normalize(const ln_node *node, const void *context, ln_span text, ln_text_list *out, ln_error *err) {
  normalizer *n = *(normalizer *const *)context;
  ln_status status = LN_OK;
  n->text.count = 0;
  for (size_t at = 0; at < text.size;) {
    size_t raw = at;
    const int32_t code = ln_utf8_next(text, &at);
    if (code >= 0) raw = at;
    if (code >= 0 && !add_code(node, &n->text, (uint32_t)code, &n->form, &status)) break;
    for (; raw < at && status == LN_OK; ++raw) {
      add_code(node, &n->text, RAW_BYTES + (uint8_t)text.data[raw], &n->form, &status);
    }
  }
  if (status == LN_OK) settle(node, &n->text, &n->other, &n->form, &status);
  if (status != LN_OK) return ln_node_fail(node, err, status, "a string takes too much memory");
  if (n->form.composed) n->text.count = ln_unicode_compose_text(n->text.items, n->text.count);
  for (size_t i = 0; i < n->text.count && out->status == LN_OK; ++i) {
    const uint32_t code = n->text.items[i];
    if (code < RAW_BYTES) ln_text_put_code(out, code);
    else ln_text_put_byte(out, (char)(code - RAW_BYTES));
  }
  return LN_OK;
}

static ln_status run(const ln_node *node, normal_form form, ln_error *err) {
  normalizer n = {.form = form}, *pointer = &n;
  const ln_status status = ln_text_map(node, normalize, &pointer, err);
  ln_free(n.text.items);
  ln_free(n.text.scratch);
  ln_free(n.other.items);
  ln_free(n.other.scratch);
  return status;
}

ln_status ln_case_fold_run(const ln_node *node, ln_exec *exec) {
  const normal_form form = {true, true, true};
  return run(node, form, exec->err);
}

ln_status ln_normalize_utf8_run(const ln_node *node, ln_exec *exec) {
  static const char *const names[] = {"NFC", "NFKC", "NFD", "NFKD"};
  int32_t index = -1;
  LN_TRY(ln_attr_choice(node, exec->err, "normalization_form", names, LN_COUNT(names), &index));
  if (index < 0) return ln_node_fail(node, exec->err, LN_ERR_MODEL, "the attribute normalization_form is missing");
  const normal_form form = {(index & 1) != 0, index < 2, false};
  return run(node, form, exec->err);
}
