/* Walks the decoded tables by their descriptors, gathers every place that can be changed, and changes a few. */
#include "mutate_tables.h"

#include <string.h>

#include "base/base.h"
#include "format/format.h"
#include "ir/schema.h"

enum { MOST_PLACES = 1 << 16, DEEPEST = 16 };

/* A scalar field (vector NULL) or a vector of scalars. */
typedef struct place {
  uint8_t *scalar;
  ln_vec_u8 *vector;
  ln_kind kind;
} place;

typedef struct places {
  place *items;
  int32_t count;
} places;

static void add(places *all, place item) {
  if (all->count < MOST_PLACES) all->items[all->count++] = item;
}

static const ln_field_info *field_of(const ln_table_info *table, int32_t id) {
  for (uint16_t i = 0; i < table->field_count; ++i) {
    if (table->fields[i].id == id) return &table->fields[i];
  }
  return NULL;
}

static void gather(places *all, ln_table_id id, uint8_t *object, int depth);

static void gather_field(places *all, const ln_table_info *table, const ln_field_info *field, uint8_t *object,
                         int depth) {
  uint8_t *slot = object + field->offset;
  const void *child;
  switch ((ln_field_class)field->field_class) {
    case LN_CLASS_SCALAR: {
      /* A union's tag says how its table is encoded: it stays. */
      const ln_field_info *next = field_of(table, field->id + 1);
      if (next == NULL || next->field_class != LN_CLASS_UNION) add(all, (place){slot, NULL, (ln_kind)field->kind});
      break;
    }
    case LN_CLASS_VECTOR: {
      ln_vec_u8 *vector = (ln_vec_u8 *)(void *)slot;
      if (vector->count > 0) add(all, (place){NULL, vector, (ln_kind)field->kind});
      break;
    }
    case LN_CLASS_TABLE:
      memcpy(&child, slot, sizeof child);
      if (child != NULL) gather(all, (ln_table_id)field->of, (uint8_t *)child, depth + 1);
      break;
    case LN_CLASS_TABLES: {
      const ln_vec_ptr *vector = (const ln_vec_ptr *)(const void *)slot;
      for (uint32_t i = 0; i < vector->count; ++i) {
        gather(all, (ln_table_id)field->of, (uint8_t *)vector->data[i], depth + 1);
      }
      break;
    }
    case LN_CLASS_UNION: {
      const ln_field_info *tag = field_of(table, field->id - 1);
      memcpy(&child, slot, sizeof child);
      if (child == NULL || tag == NULL) break;
      gather(all, ln_schema_union_member((ln_union_id)field->of, object[tag->offset]), (uint8_t *)child, depth + 1);
      break;
    }
    default: break;
  }
}

static void gather(places *all, ln_table_id id, uint8_t *object, int depth) {
  const ln_table_info *table = ln_schema_table(id);
  if (table == NULL || depth > DEEPEST) return;
  for (uint16_t i = 0; i < table->field_count; ++i) gather_field(all, table, &table->fields[i], object, depth);
}

static void set_value(uint8_t *at, ln_kind kind, uint32_t (*random)(void)) {
  static const int64_t values[] = {0,   1,   2,     3,  4,  7,    16,        100,       127,
                                   128, 255, 65536, -1, -2, -128, INT32_MAX, INT32_MIN, INT64_MAX};
  static const float reals[] = {0.0f, -0.0f, 1.0f, -1.0f, 1e-30f, 1e30f, 0.5f, -3e38f};
  const size_t bytes = ln_kind_size(kind);
  int64_t value = values[random() % LN_COUNT(values)];
  if (kind == LN_KIND_f32) {
    float real = reals[random() % LN_COUNT(reals)];
    const uint32_t bits = 0x7F800000u | random() % 2; /* an infinity, or a NaN */
    if (random() % 6 == 0) memcpy(&real, &bits, sizeof real);
    memcpy(at, &real, sizeof real);
    return;
  }
  if (random() % 3 == 0) { /* near what it was */
    value = 0;
    memcpy(&value, at, bytes);
    value = (int64_t)((uint64_t)value + random() % 5 - 2);
  }
  if (kind == LN_KIND_bool) value &= 1;
  memcpy(at, &value, bytes);
}

static void change(const place *where, uint32_t (*random)(void)) {
  if (where->vector == NULL) {
    set_value(where->scalar, where->kind, random);
  } else if (where->vector->count > 0) {
    const uint32_t index = random() % where->vector->count;
    if (random() % 8 == 0) where->vector->count = index; /* shorter */
    else set_value((uint8_t *)where->vector->data + index * ln_kind_size(where->kind), where->kind, random);
  }
}

bool mutate_tables(uint8_t *data, size_t size, uint32_t (*random)(void), uint8_t **out, size_t *out_size) {
  ln_arena arena = {0};
  void *model = NULL;
  places all = {ln_alloc_array(MOST_PLACES, sizeof(place)), 0};
  bool good =
      all.items != NULL && ln_flatbuffer_decode(data, size, LN_TABLE_model_table, &arena, NULL, &model) == LN_OK;
  if (good) gather(&all, LN_TABLE_model_table, model, 0);
  good = good && all.count > 0;
  for (uint32_t i = 0, changes = 1 + random() % 3; good && i < changes; ++i) {
    change(&all.items[random() % (uint32_t)all.count], random);
  }
  good = good && ln_flatbuffer_encode(model, LN_TABLE_model_table, "TFL3", NULL, out, out_size) == LN_OK;
  ln_free(all.items);
  ln_arena_free(&arena);
  return good;
}
