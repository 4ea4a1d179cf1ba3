/* Walks the levels of a sparse tensor; every index is checked, for the lists come from a file. */
#include "kernels/densify.h"

#include "kernels/gather.h"

typedef struct walk {
  const ln_sparse_level *levels;
  int32_t level_count;
  const char *items;
  size_t left, item_bytes;
} walk;

static int64_t list_at(const ln_sparse_list *list, size_t index) {
  switch (list->width) {
    case 1: return ((const uint8_t *)list->data)[index];
    case 2: return ((const uint16_t *)list->data)[index];
    default: return ((const int32_t *)list->data)[index];
  }
}

static inline bool place_item(walk *w, char *dst) {
  if (w->left == 0) return false;
  ln_k_copy_item(dst, w->items, w->item_bytes);
  w->items += w->item_bytes;
  --w->left;
  return true;
}

/* `position` is the entry of the level before that is being filled. */
static bool fill_level(walk *w, int32_t level, size_t position, char *dst) {
  if (level == w->level_count) return place_item(w, dst);
  const ln_sparse_level *at = &w->levels[level];
  if (at->dense) {
    const size_t extent = (size_t)at->extent;
    if (level == w->level_count - 1 && at->stride == w->item_bytes) { /* a run of stored items */
      if (w->left < extent) return false;
      memcpy(dst, w->items, extent * w->item_bytes);
      w->items += extent * w->item_bytes;
      w->left -= extent;
      return true;
    }
    for (size_t i = 0; i < extent; ++i) {
      if (!fill_level(w, level + 1, position * extent + i, dst + i * at->stride)) return false;
    }
    return true;
  }
  if (position + 1 >= at->segments.count) return false;
  const int64_t begin = list_at(&at->segments, position), end = list_at(&at->segments, position + 1);
  if (begin < 0 || end < begin || end > (int64_t)at->indices.count) return false;
  const bool last = level == w->level_count - 1;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t index = list_at(&at->indices, (size_t)i);
    if (index < 0 || index >= at->extent) return false;
    if (last) {
      if (!place_item(w, dst + (size_t)index * at->stride)) return false;
    } else if (!fill_level(w, level + 1, (size_t)i, dst + (size_t)index * at->stride)) {
      return false;
    }
  }
  return true;
}

bool ln_k_densify(const ln_sparse_level *levels, int32_t level_count, const void *items, size_t count,
                  size_t item_bytes, void *dst) {
  walk w = {levels, level_count, items, count, item_bytes};
  return fill_level(&w, 0, 0, dst) && w.left == 0;
}

/* Stored items in front of what lies under index `position` of the outermost level; false where lists end before. */
static bool items_before(const ln_sparse_level *levels, int32_t level_count, size_t position, size_t *out) {
  for (int32_t level = 1; level < level_count; ++level) {
    if (levels[level].dense) {
      position *= (size_t)levels[level].extent;
      continue;
    }
    if (position >= levels[level].segments.count) return false;
    const int64_t segment = list_at(&levels[level].segments, position);
    if (segment < 0) return false;
    position = (size_t)segment;
  }
  *out = position;
  return true;
}

bool ln_k_densify_band(const ln_sparse_level *levels, int32_t level_count, size_t band, const void *items, size_t count,
                       size_t item_bytes, void *dst) {
  size_t begin = 0, end = 0;
  if (!items_before(levels, level_count, band, &begin) || !items_before(levels, level_count, band + 1, &end))
    return false;
  if (begin > end || end > count) return false;
  walk w = {levels, level_count, (const char *)items + begin * item_bytes, end - begin, item_bytes};
  return fill_level(&w, 1, band, dst) && w.left == 0;
}
