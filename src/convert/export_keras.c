/*
 * The floats of a Keras file: datasets of the HDF5 file that it is or, in a .keras archive, holds. Values take the
 * place of the old ones in a copy of that file; all else of archive and file stays.
 */
#include <stdio.h>
#include <string.h>

#include "convert/export.h"
#include "import/keras/h5.h"
#include "io/io.h"

#ifdef LN_HAVE_ZIP
#include <zip.h>

enum { PATH_MOST = 1024, DEEPEST = 32, WEIGHTS = 1 /* number of the HDF5 file among an archive's */ };

static const char member[] = "model.weights.h5";

/* The HDF5 file's bytes. */
static const ln_file_map *hdf5_of(const ln_source_weights *weights) {
  return &weights->files[weights->file_count - 1].map;
}

/* ---- reading ---- */

typedef struct reader {
  ln_source_weights *weights;
  ln_h5 *h5;
  ln_error *err;
} reader;

static ln_status read_array(reader *r, const char *path) {
  ln_h5_array array;
  if (ln_h5_describe(r->h5, path, NULL, &array) != LN_OK || array.type != LN_FLOAT32) return LN_OK;
  float *values = ln_arena_alloc(&r->weights->arena, array.bytes + 1);
  if (values == NULL) return ln_fail(r->err, LN_ERR_MEMORY, "out of memory");
  LN_TRY(ln_h5_read(r->h5, path, &array, r->err, values));
  const ln_source_weight weight = {.name = path,
                                   .type = array.stored,
                                   .rank = array.shape.rank,
                                   .count = array.bytes / sizeof(float),
                                   .values = values,
                                   .file = WEIGHTS};
  if (weight.count == 0 || ln_source_weights_add(r->weights, &weight)) return LN_OK;
  return ln_fail(r->err, LN_ERR_MEMORY, "out of memory");
}

static ln_status read_group(reader *r, const char *path, int32_t depth) {
  char name[256], below[PATH_MOST];
  if (depth > DEEPEST) return ln_fail(r->err, LN_ERR_LIMIT, "groups of the HDF5 file are too deep");
  for (int32_t i = 0; ln_h5_member(r->h5, path, i, name, sizeof name); ++i) {
    const int length = snprintf(below, sizeof below, "%s%s%s", path, strcmp(path, "/") == 0 ? "" : "/", name);
    if (length < 0 || (size_t)length >= sizeof below || !ln_h5_has(r->h5, below)) continue;
    if (ln_h5_is_array(r->h5, below)) LN_TRY(read_array(r, below));
    else LN_TRY(read_group(r, below, depth + 1));
  }
  return LN_OK;
}

/* The archive's HDF5 file becomes a file of its own. */
static ln_status unpack(ln_source_weights *weights, ln_error *err) {
  const ln_file_map *archive = &weights->files[0].map;
  void *data = NULL;
  size_t size = 0;
  LN_TRY(ln_zip_read(archive->data, archive->size, member, LN_DATA_MAX_UNPACKED, err, &data, &size));
  weights->files[weights->file_count++] = (ln_source_file){member, {.data = data, .size = size}};
  return LN_OK;
}

static ln_status read(ln_source_weights *weights, ln_error *err) {
  int32_t file;
  reader r = {.weights = weights, .err = err};
  LN_TRY(ln_source_weights_map(weights, NULL, err, &file));
  if (!ln_h5_is(weights->files[0].map.data, weights->files[0].map.size)) LN_TRY(unpack(weights, err));
  LN_TRY(ln_h5_open(hdf5_of(weights)->data, hdf5_of(weights)->size, err, &r.h5));
  const ln_status status = read_group(&r, "/", 0);
  ln_h5_close(r.h5);
  return status;
}

/* ---- writing ---- */

/* The HDF5 file with other values; the caller's, for ln_free. */
static ln_status make_hdf5(const ln_source_weights *weights, const float *const *values, ln_error *err, uint8_t **out,
                           size_t *size) {
  const ln_file_map *map = hdf5_of(weights);
  ln_h5 *h5 = NULL;
  *size = map->size;
  *out = ln_alloc(map->size);
  if (*out == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  memcpy(*out, map->data, map->size);
  ln_status status = ln_h5_open(map->data, map->size, err, &h5);
  for (int32_t i = 0; status == LN_OK && i < weights->count; ++i) {
    if (values[i] != NULL) status = ln_h5_replace(h5, weights->items[i].name, values[i], err, *out);
  }
  ln_h5_close(h5);
  if (status == LN_OK) return LN_OK;
  ln_free(*out);
  *out = NULL;
  return status;
}

/* Every entry of the archive as it is packed, but for the weights. */
static bool fill_archive(zip_t *from, zip_t *to, const uint8_t *hdf5, size_t size) {
  const zip_int64_t count = zip_get_num_entries(from, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char *name = zip_get_name(from, (zip_uint64_t)i, 0);
    if (name == NULL) return false;
    const bool replaced = strcmp(name, member) == 0;
    zip_source_t *source = replaced ? zip_source_buffer(to, hdf5, size, 0)
                                    : zip_source_zip(to, from, (zip_uint64_t)i, ZIP_FL_COMPRESSED, 0, -1);
    const zip_int64_t place = source != NULL ? zip_file_add(to, name, source, 0) : -1;
    if (place < 0) {
      if (source != NULL) zip_source_free(source);
      return false;
    }
    if (replaced && zip_set_file_compression(to, (zip_uint64_t)place, ZIP_CM_STORE, 0) != 0) return false;
  }
  return true;
}

static ln_status write_archive(const ln_source_weights *weights, const uint8_t *hdf5, size_t size, const char *path,
                               ln_error *err) {
  ln_arena arena = {0};
  int code = 0;
  const char *part = ln_arena_printf(&arena, "%s.part", path);
  zip_t *from = zip_open(weights->path, ZIP_RDONLY, &code);
  zip_t *to = part != NULL && from != NULL ? zip_open(part, ZIP_CREATE | ZIP_TRUNCATE, &code) : NULL;
  bool good = to != NULL && fill_archive(from, to, hdf5, size);
  if (good) good = zip_close(to) == 0;
  if (!good && to != NULL) zip_discard(to);
  if (from != NULL) zip_discard(from);
  const ln_status status =
      good ? ln_file_rename(part, path, err) : ln_fail(err, LN_ERR_IO, "cannot write %.200s", path);
  ln_arena_free(&arena);
  return status;
}

static ln_status write(const ln_source_weights *weights, const float *const *values, const char *path, ln_error *err) {
  uint8_t *hdf5;
  size_t size;
  LN_TRY(make_hdf5(weights, values, err, &hdf5, &size));
  const ln_status status = weights->file_count > WEIGHTS ? write_archive(weights, hdf5, size, path, err)
                                                         : ln_file_write(path, hdf5, size, err);
  ln_free(hdf5);
  return status;
}
#else
static ln_status read(ln_source_weights *weights, ln_error *err) {
  (void)weights;
  return ln_fail(err, LN_ERR_FEATURE, "this build reads no Keras files: libzip is missing");
}

static ln_status write(const ln_source_weights *weights, const float *const *values, const char *path, ln_error *err) {
  (void)values, (void)path;
  return read((ln_source_weights *)(uintptr_t)weights, err);
}
#endif

const ln_weights_format ln_weights_keras = {"keras", read, write};
