/* HDF5 through libhdf5, which is given the file's bytes and nothing else. */
#include "import/keras/h5.h"

#include <stdio.h>
#include <string.h>

static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

bool ln_h5_is(const void *data, size_t size) {
  return size >= sizeof signature && memcmp(data, signature, sizeof signature) == 0;
}

#ifdef LN_HAVE_HDF5
#include <hdf5.h>

enum {
  PATH_MOST = 1024,
  TEXT_MOST = 1 << 28,
  TEXTS_MOST = 1 << 20,
  UNPACKED_MOST = 1100 /* times what is stored: more than deflate can */
};

/* What is not read. */
#define NO_TYPE ((ln_type)LN_TYPE_COUNT)

struct ln_h5 {
  hid_t id;
  const void *data;
  size_t size;
};

/* ---- the file's image: libhdf5 reads where the bytes lie, without copies ---- */

static void *image_malloc(size_t size, H5FD_file_image_op_t op, void *user) {
  (void)size, (void)op;
  return (void *)(uintptr_t)((const ln_h5 *)user)->data;
}

static void *image_memcpy(void *to, const void *from, size_t size, H5FD_file_image_op_t op, void *user) {
  (void)from, (void)size, (void)op, (void)user;
  return to;
}

static void *image_realloc(void *old, size_t size, H5FD_file_image_op_t op, void *user) {
  (void)op;
  return size <= ((const ln_h5 *)user)->size ? old : NULL;
}

static herr_t image_free(void *old, H5FD_file_image_op_t op, void *user) {
  (void)old, (void)op, (void)user;
  return 0;
}

static void *user_copy(void *user) { return user; }

static herr_t user_free(void *user) {
  (void)user;
  return 0;
}

ln_status ln_h5_open(const void *data, size_t size, ln_error *err, ln_h5 **out) {
  *out = NULL;
  if (!ln_h5_is(data, size)) return ln_fail(err, LN_ERR_FORMAT, "not an HDF5 file");
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  H5PLset_loading_state(0); /* no filters from elsewhere */
  ln_h5 *file = ln_alloc(sizeof *file);
  if (file == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  *file = (ln_h5){H5I_INVALID_HID, data, size};
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5FD_file_image_callbacks_t calls = {image_malloc, image_memcpy, image_realloc, image_free,
                                       user_copy,    user_free,    file};
  if (H5Pset_fapl_core(access, 1 << 16, false) >= 0 && H5Pset_file_image_callbacks(access, &calls) >= 0 &&
      H5Pset_file_image(access, (void *)(uintptr_t)data, size) >= 0 &&
      H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0) {
    file->id = H5Fopen("model", H5F_ACC_RDONLY, access);
  }
  H5Pclose(access);
  if (file->id < 0) {
    ln_free(file);
    return ln_fail(err, LN_ERR_FORMAT, "the HDF5 file is damaged or cut short");
  }
  *out = file;
  return LN_OK;
}

void ln_h5_close(ln_h5 *file) {
  if (file == NULL) return;
  H5Fclose(file->id);
  ln_free(file);
}

/* ---- links ---- */

/* Whether every part of the path is there and belongs to this file. */
static bool is_inside(const ln_h5 *file, const char *path) {
  char part[PATH_MOST];
  const size_t length = strlen(path);
  if (length == 0 || length >= sizeof part) return false;
  for (size_t i = path[0] == '/'; i <= length; ++i) {
    if (i < length && path[i] != '/') continue;
    if (i == 0 || path[i - 1] == '/') continue;
    H5L_info_t info;
    memcpy(part, path, i);
    part[i] = 0;
    if (H5Lexists(file->id, part, H5P_DEFAULT) <= 0) return false;
    if (H5Lget_info(file->id, part, &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD) return false;
  }
  return true;
}

static hid_t open_object(const ln_h5 *file, const char *path) {
  if (strcmp(path, "/") == 0) return H5Oopen(file->id, "/", H5P_DEFAULT);
  return is_inside(file, path) ? H5Oopen(file->id, path, H5P_DEFAULT) : H5I_INVALID_HID;
}

bool ln_h5_has(const ln_h5 *file, const char *path) { return strcmp(path, "/") == 0 || is_inside(file, path); }

bool ln_h5_is_array(const ln_h5 *file, const char *path) {
  const hid_t object = open_object(file, path);
  const bool is = object >= 0 && H5Iget_type(object) == H5I_DATASET;
  if (object >= 0) H5Oclose(object);
  return is;
}

bool ln_h5_member(const ln_h5 *file, const char *path, int32_t index, char *name, size_t room) {
  const hid_t group = open_object(file, path);
  ssize_t length = -1;
  if (group >= 0 && H5Iget_type(group) == H5I_GROUP) {
    length = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)index, name, room, H5P_DEFAULT);
  }
  if (group >= 0) H5Oclose(group);
  return length > 0 && (size_t)length < room;
}

/* ---- attributes of text ---- */

/* Texts one behind the other. */
typedef struct texts {
  char *all;
  size_t used, room;
} texts;

static bool append(texts *to, const char *text, size_t length) {
  if (length >= TEXT_MOST || to->used > TEXT_MOST) return false;
  if (to->used + length + 1 > to->room) {
    const size_t room = 2 * (to->used + length + 1);
    char *more = ln_alloc(room);
    if (more == NULL) return false;
    if (to->used > 0) memcpy(more, to->all, to->used);
    ln_free(to->all);
    to->all = more;
    to->room = room;
  }
  memcpy(to->all + to->used, text, length);
  to->all[to->used + length] = 0;
  to->used += length + 1;
  return true;
}

static bool read_pointers(hid_t attribute, hid_t space, hsize_t count, texts *to) {
  hid_t memory = H5Tcopy(H5T_C_S1);
  char **found = ln_alloc_array((size_t)count, sizeof *found);
  bool good = found != NULL;
  const hid_t type = H5Aget_type(attribute);
  H5Tset_size(memory, H5T_VARIABLE);
  H5Tset_cset(memory, H5Tget_cset(type));
  H5Tclose(type);
  good = good && H5Aread(attribute, memory, found) >= 0;
  for (hsize_t i = 0; i < count && good; ++i) {
    good = append(to, found[i] != NULL ? found[i] : "", found[i] != NULL ? strlen(found[i]) : 0);
  }
  if (found != NULL) H5Dvlen_reclaim(memory, space, H5P_DEFAULT, found);
  ln_free(found);
  H5Tclose(memory);
  return good;
}

static bool read_fixed(hid_t attribute, hid_t type, hsize_t count, texts *to) {
  const size_t width = H5Tget_size(type);
  if (width == 0 || width > TEXT_MOST / count) return false;
  char *found = ln_alloc((size_t)count * width);
  bool good = found != NULL && H5Aread(attribute, type, found) >= 0;
  for (hsize_t i = 0; i < count && good; ++i) {
    const char *text = found + i * width;
    const char *end = memchr(text, 0, width);
    good = append(to, text, end != NULL ? (size_t)(end - text) : width);
  }
  ln_free(found);
  return good;
}

static bool read_attribute(hid_t object, const char *name, texts *to, int32_t *count) {
  if (H5Aexists(object, name) <= 0) return false;
  const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  if (attribute < 0) return false;
  const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  const hssize_t elements = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
  bool good = type >= 0 && elements >= 0 && elements < TEXTS_MOST;
  if (good && elements > 0) {
    good = H5Tget_class(type) == H5T_STRING;
    if (good && H5Tis_variable_str(type) > 0) {
      good = read_pointers(attribute, space, (hsize_t)elements, to);
    } else if (good) {
      good = read_fixed(attribute, type, (hsize_t)elements, to);
    }
  }
  if (good) *count += (int32_t)elements;
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  H5Aclose(attribute);
  return good;
}

char *ln_h5_texts(const ln_h5 *file, const char *path, const char *attribute, int32_t *count) {
  texts all = {NULL, 0, 0};
  char part[128];
  *count = 0;
  const hid_t object = open_object(file, path);
  if (object < 0) return NULL;
  bool good = read_attribute(object, attribute, &all, count);
  for (int32_t i = 0; !good || i > 0; ++i) {
    snprintf(part, sizeof part, "%s%d", attribute, (int)i);
    if (!read_attribute(object, part, &all, count)) break;
    good = true;
  }
  H5Oclose(object);
  if (good && all.all == NULL) append(&all, "", 0);
  if (good) return all.all;
  ln_free(all.all);
  return NULL;
}

char *ln_h5_text(const ln_h5 *file, const char *path, const char *attribute) {
  int32_t count = 0;
  char *text = ln_h5_texts(file, path, attribute, &count);
  if (text != NULL && count == 1) return text;
  ln_free(text);
  return NULL;
}

/* ---- arrays ---- */

/* What numbers are read as; the memory type is libhdf5's own. */
static ln_type type_of(hid_t type, hid_t *memory) {
  const size_t size = H5Tget_size(type);
  const H5T_class_t kind = H5Tget_class(type);
  *memory = H5T_NATIVE_FLOAT;
  if (kind == H5T_FLOAT && size <= 8) return LN_FLOAT32;
  if (kind != H5T_INTEGER) return NO_TYPE;
  const bool is_signed = H5Tget_sign(type) == H5T_SGN_2;
  *memory = size == 1   ? (is_signed ? H5T_NATIVE_INT8 : H5T_NATIVE_UINT8)
            : size == 8 ? H5T_NATIVE_INT64
                        : H5T_NATIVE_INT32;
  if (size == 1) return is_signed ? LN_INT8 : LN_UINT8;
  return size == 8 ? LN_INT64 : size <= 4 ? LN_INT32 : NO_TYPE;
}

/* Whether the data lies in the file, behind filters that are known. */
static bool is_stored_here(const ln_h5 *file, hid_t set, size_t bytes) {
  const hid_t plist = H5Dget_create_plist(set);
  if (plist < 0) return false;
  const H5D_layout_t layout = H5Pget_layout(plist);
  const int filters = layout == H5D_CHUNKED ? H5Pget_nfilters(plist) : 0;
  bool good = (layout == H5D_COMPACT || layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED) && filters >= 0;
  if (good && layout == H5D_CONTIGUOUS) good = H5Pget_external_count(plist) == 0;
  for (int i = 0; i < filters && good; ++i) {
    unsigned int flags = 0;
    size_t values = 0;
    const H5Z_filter_t filter = H5Pget_filter2(plist, (unsigned)i, &flags, &values, NULL, 0, NULL, NULL);
    good = filter == H5Z_FILTER_DEFLATE || filter == H5Z_FILTER_SHUFFLE || filter == H5Z_FILTER_FLETCHER32;
  }
  H5Pclose(plist);
  const hsize_t stored = H5Dget_storage_size(set);
  const size_t most = filters > 0 ? UNPACKED_MOST : 1;
  return good && stored <= file->size && (bytes == 0 || bytes / most <= (stored < 8 ? 8 : stored) * 8);
}

static ln_status describe(const ln_h5 *file, hid_t set, const char *path, ln_error *err, ln_h5_array *out) {
  hsize_t dims[H5S_MAX_RANK];
  hid_t memory;
  const hid_t type = H5Dget_type(set), space = H5Dget_space(set);
  const int rank = space >= 0 ? H5Sget_simple_extent_ndims(space) : -1;
  ln_status status = LN_OK;
  *out = (ln_h5_array){.type = type >= 0 ? type_of(type, &memory) : NO_TYPE};
  if (rank < 0 || rank > LN_MAX_RANK || H5Sget_simple_extent_dims(space, dims, NULL) < 0) {
    status = ln_fail(err, LN_ERR_UNSUPPORTED, "the array %.120s has a shape that cannot be read", path);
  } else if (out->type == NO_TYPE) {
    status = ln_fail(err, LN_ERR_UNSUPPORTED, "the array %.120s holds neither floats nor integers", path);
  } else {
    out->shape.rank = rank;
    out->bytes = (size_t)ln_type_bits(out->type) / 8;
    for (int i = 0; i < rank && status == LN_OK; ++i) {
      if (dims[i] > INT32_MAX || !ln_size_mul(out->bytes, (size_t)dims[i], &out->bytes)) {
        status = ln_fail(err, LN_ERR_LIMIT, "the array %.120s is too large", path);
      } else {
        out->shape.dims[i] = (int32_t)dims[i];
      }
    }
    if (status == LN_OK && !is_stored_here(file, set, out->bytes)) {
      status = ln_fail(err, LN_ERR_FORMAT, "the data of the array %.120s is not in the file", path);
    }
  }
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  return status;
}

static hid_t open_array(const ln_h5 *file, const char *path) {
  const hid_t object = open_object(file, path);
  if (object < 0 || H5Iget_type(object) == H5I_DATASET) return object;
  H5Oclose(object);
  return H5I_INVALID_HID;
}

ln_status ln_h5_describe(const ln_h5 *file, const char *path, ln_error *err, ln_h5_array *out) {
  const hid_t set = open_array(file, path);
  if (set < 0) return ln_fail(err, LN_ERR_NOT_FOUND, "there is no array %.120s", path);
  const ln_status status = describe(file, set, path, err, out);
  H5Oclose(set);
  return status;
}

ln_status ln_h5_read(const ln_h5 *file, const char *path, const ln_h5_array *array, ln_error *err, void *into) {
  ln_h5_array again;
  hid_t memory = H5I_INVALID_HID;
  const hid_t set = open_array(file, path);
  if (set < 0) return ln_fail(err, LN_ERR_NOT_FOUND, "there is no array %.120s", path);
  ln_status status = describe(file, set, path, err, &again);
  if (status == LN_OK) {
    const hid_t type = H5Dget_type(set);
    type_of(type, &memory);
    const bool good = again.bytes == array->bytes && again.type == array->type &&
                      (again.bytes == 0 || H5Dread(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, into) >= 0);
    if (!good) status = ln_fail(err, LN_ERR_FORMAT, "the array %.120s cannot be read: the file is damaged", path);
    H5Tclose(type);
  }
  H5Oclose(set);
  return status;
}

#else

static ln_status none(ln_error *err) {
  return ln_fail(err, LN_ERR_FEATURE, "this build reads no HDF5: built without libhdf5");
}

ln_status ln_h5_open(const void *data, size_t size, ln_error *err, ln_h5 **out) {
  (void)data, (void)size;
  *out = NULL;
  return none(err);
}

void ln_h5_close(ln_h5 *file) { (void)file; }

bool ln_h5_has(const ln_h5 *file, const char *path) {
  (void)file, (void)path;
  return false;
}

bool ln_h5_is_array(const ln_h5 *file, const char *path) { return ln_h5_has(file, path); }

bool ln_h5_member(const ln_h5 *file, const char *path, int32_t index, char *name, size_t room) {
  (void)index, (void)name, (void)room;
  return ln_h5_has(file, path);
}

char *ln_h5_text(const ln_h5 *file, const char *path, const char *attribute) {
  (void)file, (void)path, (void)attribute;
  return NULL;
}

char *ln_h5_texts(const ln_h5 *file, const char *path, const char *attribute, int32_t *count) {
  *count = 0;
  return ln_h5_text(file, path, attribute);
}

ln_status ln_h5_describe(const ln_h5 *file, const char *path, ln_error *err, ln_h5_array *out) {
  (void)file, (void)path, (void)out;
  return none(err);
}

ln_status ln_h5_read(const ln_h5 *file, const char *path, const ln_h5_array *array, ln_error *err, void *into) {
  (void)file, (void)path, (void)array, (void)into;
  return none(err);
}

#endif
