/* Reading SentencePiece's ModelProto: see ops/sentencepiece.h. */
#include <float.h>
#include <stdlib.h>

#include "ops/sentencepiece.h"

/* ---- the wire format ---- */

typedef struct wire {
  const uint8_t *at, *end;
} wire;

typedef struct wire_field {
  uint32_t number, kind; /* 0 varint, 2 bytes, 5 four bytes */
  uint64_t value;
  ln_span bytes;
} wire_field;

static wire wire_of(ln_span span) {
  const wire w = {(const uint8_t *)span.data, (const uint8_t *)span.data + span.size};
  return w;
}

static bool read_varint(wire *w, uint64_t *out) {
  *out = 0;
  for (int32_t shift = 0; shift < 64 && w->at < w->end; shift += 7) {
    const uint8_t byte = *w->at++;
    *out |= (uint64_t)(byte & 0x7F) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

static bool take(wire *w, uint64_t bytes, ln_span *out) {
  if (bytes > (uint64_t)(w->end - w->at)) return false;
  *out = (ln_span){(const char *)w->at, (size_t)bytes};
  w->at += bytes;
  return true;
}

/* The next field; *more is false at the end, and the result for a broken message. */
static bool next_field(wire *w, wire_field *field, bool *more) {
  uint64_t tag, length;
  *more = w->at < w->end;
  if (!*more) return true;
  if (!read_varint(w, &tag) || tag >> 32 != 0) return false;
  *field = (wire_field){.number = (uint32_t)tag >> 3, .kind = (uint32_t)tag & 7};
  switch (field->kind) {
    case 0: return read_varint(w, &field->value);
    case 1: return take(w, 8, &field->bytes);
    case 2: return read_varint(w, &length) && take(w, length, &field->bytes);
    case 5:
      if (!take(w, 4, &field->bytes)) return false;
      field->value = ln_flat_u32((const uint8_t *)field->bytes.data);
      return true;
    default: return false;
  }
}

static bool read_piece(ln_span message, ln_sp_piece *piece) {
  wire w = wire_of(message);
  wire_field f;
  bool more;
  *piece = (ln_sp_piece){.text = {"", 0}, .kind = LN_SP_NORMAL};
  while (next_field(&w, &f, &more)) {
    if (!more) return piece->text.size > 0 && piece->kind >= LN_SP_NORMAL && piece->kind <= LN_SP_BYTE;
    const uint32_t bits = (uint32_t)f.value;
    if (f.number == 1 && f.kind == 2) piece->text = f.bytes;
    if (f.number == 2 && f.kind == 5) memcpy(&piece->score, &bits, sizeof bits);
    if (f.number == 3 && f.kind == 0) piece->kind = f.value <= LN_SP_BYTE ? (ln_sp_kind)f.value : (ln_sp_kind)0;
  }
  return false;
}

static bool read_trainer(ln_span message, ln_sp_model *m) {
  wire w = wire_of(message);
  wire_field f;
  bool more;
  while (next_field(&w, &f, &more)) {
    if (!more) return m->type >= LN_SP_UNIGRAM && m->type <= LN_SP_CHAR;
    if (f.number == 3 && f.kind == 0) m->type = f.value <= LN_SP_CHAR ? (ln_sp_type)f.value : (ln_sp_type)0;
    if (f.number == 24 && f.kind == 0) m->space_as_suffix = f.value != 0;
    if (f.number == 35 && f.kind == 0) m->byte_fallback = f.value != 0;
    if (f.number == 44 && f.kind == 2) m->unknown_surface = f.bytes;
  }
  return false;
}

/* The map: the trie's bytes, the trie, then the strings. */
static bool read_charsmap(ln_span map, ln_sp_model *m) {
  if (map.size == 0) return true;
  if (map.size < 5) return false;
  const uint32_t bytes = ln_flat_u32((const uint8_t *)map.data);
  if (bytes % 4 != 0 || bytes > map.size - 5 || map.data[map.size - 1] != 0) return false;
  m->charsmap = (ln_flat_vector){(const uint8_t *)map.data + 4, bytes / 4};
  m->replacements = (ln_span){map.data + 4 + bytes, map.size - 4 - bytes};
  return true;
}

static bool read_normalizer(ln_span message, ln_sp_model *m) {
  wire w = wire_of(message);
  wire_field f;
  bool more;
  while (next_field(&w, &f, &more)) {
    if (!more) return true;
    if (f.number == 2 && f.kind == 2 && !read_charsmap(f.bytes, m)) return false;
    if (f.number == 3 && f.kind == 0) m->dummy_prefix = f.value != 0;
    if (f.number == 4 && f.kind == 0) m->remove_spaces = f.value != 0;
    if (f.number == 5 && f.kind == 0) m->escape_spaces = f.value != 0;
  }
  return false;
}

/* ---- pieces ---- */

static int compare(ln_span a, ln_span b) {
  const int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return order != 0 ? order : a.size < b.size ? -1 : a.size > b.size;
}

static void sift(ln_sp_model *m, int32_t root, int32_t count) {
  int32_t *ids = m->sorted;
  for (int32_t child; (child = 2 * root + 1) < count; root = child) {
    if (child + 1 < count && compare(m->pieces[ids[child]].text, m->pieces[ids[child + 1]].text) < 0) ++child;
    if (compare(m->pieces[ids[root]].text, m->pieces[ids[child]].text) >= 0) return;
    const int32_t kept = ids[root];
    ids[root] = ids[child];
    ids[child] = kept;
  }
}

/* By heap: no order of the pieces makes it slow. */
static void sort_pieces(ln_sp_model *m) {
  for (int32_t i = m->sorted_count / 2 - 1; i >= 0; --i) sift(m, i, m->sorted_count);
  for (int32_t end = m->sorted_count - 1; end > 0; --end) {
    const int32_t kept = m->sorted[0];
    m->sorted[0] = m->sorted[end];
    m->sorted[end] = kept;
    sift(m, 0, end);
  }
}

int32_t ln_sp_byte(ln_span text) {
  int32_t value = 0;
  if (text.size != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>') return -1;
  for (int32_t i = 3; i < 5; ++i) {
    const char c = text.data[i];
    if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'))) return -1;
    value = value * 16 + (c <= '9' ? c - '0' : c - 'A' + 10);
  }
  return value;
}

static bool place_piece(ln_sp_model *m, const ln_sp_piece *piece, const char **why) {
  const int32_t id = piece->id;
  switch (piece->kind) {
    case LN_SP_UNKNOWN:
      *why = "it has two unknown pieces";
      if (m->unknown_id >= 0) return false;
      m->unknown_id = id;
      return true;
    case LN_SP_CONTROL:
      if (ln_span_is(piece->text, "<s>")) m->bos_id = id;
      if (ln_span_is(piece->text, "</s>")) m->eos_id = id;
      return true;
    case LN_SP_BYTE: {
      const int32_t byte = ln_sp_byte(piece->text);
      *why = "a piece for a byte has another name";
      if (byte < 0) return false;
      m->byte_ids[byte] = id;
      return true;
    }
    default:
      m->has_user = m->has_user || piece->kind == LN_SP_USER;
      m->has_unused = m->has_unused || piece->kind == LN_SP_UNUSED;
      if (piece->kind == LN_SP_NORMAL && piece->score < m->lowest) m->lowest = piece->score;
      if (piece->kind == LN_SP_NORMAL && piece->score > m->highest) m->highest = piece->score;
      m->sorted[m->sorted_count++] = id;
      return true;
  }
}

static bool read_pieces(ln_sp_model *m, const char **why) {
  wire w = wire_of(m->proto);
  wire_field f;
  bool more;
  int32_t id = 0;
  while (next_field(&w, &f, &more) && more) {
    if (f.number != 1 || f.kind != 2) continue;
    ln_sp_piece *piece = &m->pieces[id];
    *why = "a piece is broken";
    if (!read_piece(f.bytes, piece)) return false;
    piece->id = id++;
    if (!place_piece(m, piece, why)) return false;
  }
  sort_pieces(m);
  *why = "a piece stands there twice";
  for (int32_t i = 1; i < m->sorted_count; ++i) {
    if (compare(m->pieces[m->sorted[i - 1]].text, m->pieces[m->sorted[i]].text) == 0) return false;
  }
  *why = "it has no unknown piece";
  if (m->unknown_id < 0) return false;
  *why = "bytes are missing that it falls back to";
  for (int32_t i = 0; m->byte_fallback && i < 256; ++i) {
    if (m->byte_ids[i] < 0) return false;
  }
  return true;
}

static bool sizes(int32_t count, size_t *pieces, size_t *total) {
  size_t sorted;
  return ln_size_mul((size_t)count, sizeof(ln_sp_piece), pieces) &&
         ln_size_add(*pieces, sizeof(ln_sp_model) + 2 * LN_ALIGNMENT, pieces) &&
         ln_size_mul((size_t)count, sizeof(int32_t), &sorted) && ln_size_add(*pieces, sorted, total);
}

static bool count_pieces(ln_span proto, int32_t *count) {
  wire w = wire_of(proto);
  wire_field f;
  bool more;
  *count = 0;
  while (next_field(&w, &f, &more)) {
    if (!more) return *count > 0;
    *count += f.number == 1 && f.kind == 2;
  }
  return false;
}

bool ln_sp_model_scan(ln_span proto, size_t *bytes, const char **why) {
  int32_t count;
  size_t pieces;
  *why = "it is no ModelProto";
  return proto.size <= INT32_MAX && count_pieces(proto, &count) && sizes(count, &pieces, bytes);
}

bool ln_sp_model_index(ln_span proto, void *memory, const char **why) {
  static const char surface[] = " \xE2\x81\x87 ";
  ln_sp_model *m = memory;
  size_t pieces_end, total;
  *why = "it is no ModelProto";
  *m = (ln_sp_model){.proto = proto,
                     .type = LN_SP_UNIGRAM,
                     .unknown_id = -1,
                     .bos_id = -1,
                     .eos_id = -1,
                     .dummy_prefix = true,
                     .remove_spaces = true,
                     .escape_spaces = true,
                     .lowest = FLT_MAX,
                     .highest = FLT_MIN,
                     .unknown_surface = {surface, sizeof surface - 1}};
  for (int32_t i = 0; i < 256; ++i) m->byte_ids[i] = -1;
  if (!count_pieces(proto, &m->count) || !sizes(m->count, &pieces_end, &total)) return false;
  m->pieces = (ln_sp_piece *)((char *)memory + (sizeof *m + LN_ALIGNMENT - 1) / LN_ALIGNMENT * LN_ALIGNMENT);
  m->sorted = (int32_t *)(m->pieces + m->count);
  wire w = wire_of(proto);
  wire_field f;
  bool more;
  while (next_field(&w, &f, &more) && more) {
    *why = "its trainer's options are broken";
    if (f.number == 2 && f.kind == 2 && !read_trainer(f.bytes, m)) return false;
    *why = "its normalizer is broken";
    if (f.number == 3 && f.kind == 2 && !read_normalizer(f.bytes, m)) return false;
  }
  return read_pieces(m, why);
}

/* ---- search ---- */

/* The first of [low, high) whose byte at `depth` is at least `byte`; those that end there come first. */
static int32_t first_with(const ln_sp_model *m, int32_t low, int32_t high, size_t depth, uint32_t byte) {
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    const ln_span text = m->pieces[m->sorted[middle]].text;
    const bool less = text.size <= depth || (uint8_t)text.data[depth] < byte;
    if (less) low = middle + 1;
    else high = middle;
  }
  return low;
}

bool ln_sp_cursor_step(const ln_sp_model *m, ln_sp_cursor *cursor, uint8_t byte, int32_t *id) {
  const int32_t low = first_with(m, cursor->low, cursor->high, cursor->depth, byte);
  const int32_t high = first_with(m, low, cursor->high, cursor->depth, (uint32_t)byte + 1);
  *id = -1;
  if (low >= high) return false;
  *cursor = (ln_sp_cursor){low, high, cursor->depth + 1};
  if (m->pieces[m->sorted[low]].text.size == cursor->depth) *id = m->sorted[low];
  return true;
}

int32_t ln_sp_find(const ln_sp_model *m, ln_span text) {
  ln_sp_cursor cursor = ln_sp_cursor_make(m);
  int32_t id = -1;
  for (size_t i = 0; i < text.size; ++i) {
    if (!ln_sp_cursor_step(m, &cursor, (uint8_t)text.data[i], &id)) return -1;
  }
  return id;
}
