/* Samples in files of their own: pictures and sounds in folders, decoded when they are asked for and kept while there
 * is room. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/io.h"

/*
 * Samples are mostly gone through from first to last, again and again. A cache that throws out the oldest would then
 * never find anything; this one keeps what came first.
 */
struct ln_data_cache {
  pthread_mutex_t lock; /* of the files' `decoded` and of what is beside it */
  size_t used, room;
};

static const size_t usual_cache = (size_t)256 << 20;

/* ---- folders ---- */

typedef struct names {
  const char **items;
  int64_t count, capacity;
} names;

static bool add_name(names *list, const char *name) {
  if (list->count == list->capacity) {
    const int64_t grown = list->capacity > 0 ? 2 * list->capacity : 64;
    const char **items = ln_realloc_array(list->items, (size_t)list->capacity, (size_t)grown, sizeof *list->items);
    if (!items) return false;
    list->items = items;
    list->capacity = grown;
  }
  list->items[list->count++] = name;
  return name != NULL;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What lies in a folder but for hidden files, in the arena, in the order of names. */
static ln_status list_folder(ln_data *data, const char *path, names *out, ln_error *err) {
  DIR *folder = opendir(path);
  if (!folder) return ln_fail(err, LN_ERR_IO, "cannot open: %s", strerror(errno));
  ln_status status = LN_OK;
  for (const struct dirent *each = readdir(folder); each && status == LN_OK; each = readdir(folder)) {
    if (each->d_name[0] == '.') continue;
    if (!add_name(out, ln_arena_strdup(&data->arena, each->d_name)))
      status = ln_fail(err, LN_ERR_MEMORY, "out of memory");
  }
  closedir(folder);
  if (status == LN_OK && out->count > 0) qsort(out->items, (size_t)out->count, sizeof *out->items, compare_names);
  return status;
}

/* By the name's ending first, so that a broken picture is named as such and not passed over. */
static ln_io_kind kind_of(const char *path) {
  static const struct {
    const char *ending;
    ln_io_kind kind;
  } known[] = {{".jpg", LN_IO_IMAGE}, {".jpeg", LN_IO_IMAGE}, {".png", LN_IO_IMAGE}, {".bmp", LN_IO_IMAGE},
               {".wav", LN_IO_SOUND}, {".flac", LN_IO_SOUND}, {".ogg", LN_IO_SOUND}};
  const char *dot = strrchr(path, '.');
  for (size_t i = 0; dot && i < LN_COUNT(known); i++) {
    if (strcasecmp(dot, known[i].ending) == 0) return known[i].kind;
  }
  ln_io_kind kind = LN_IO_UNKNOWN;
  return ln_io_detect(path, NULL, &kind) == LN_OK ? kind : LN_IO_UNKNOWN;
}

/* Adds the pictures or sounds of one folder; other files are passed over, folders left to the caller. */
static ln_status gather(ln_data *data, const char *path, int32_t folder, names *inside, ln_data_file **files,
                        int64_t *capacity, ln_error *err) {
  names found = {0};
  ln_status status = list_folder(data, path, &found, err);
  for (int64_t i = 0; i < found.count && status == LN_OK; i++) {
    const char *whole = ln_arena_printf(&data->arena, "%s/%s", path, found.items[i]);
    if (!whole) status = ln_fail(err, LN_ERR_MEMORY, "out of memory");
    else if (ln_file_is_folder(whole)) {
      if (inside && !add_name(inside, found.items[i])) status = ln_fail(err, LN_ERR_MEMORY, "out of memory");
    } else {
      const ln_io_kind kind = kind_of(whole);
      if (kind != LN_IO_IMAGE && kind != LN_IO_SOUND) continue;
      if (data->file_count > 0 && kind != data->kind) {
        status = ln_fail(err, LN_ERR_DATA, "pictures and sounds in one folder: %s", found.items[i]);
        break;
      }
      data->kind = kind;
      if (data->file_count == *capacity) {
        const int64_t more = *capacity > 0 ? 2 * *capacity : 64;
        ln_data_file *grown = ln_realloc_array(*files, (size_t)*capacity, (size_t)more, sizeof **files);
        if (!grown) {
          status = ln_fail(err, LN_ERR_MEMORY, "out of memory");
          break;
        }
        *files = grown;
        *capacity = more;
      }
      (*files)[data->file_count++] =
          (ln_data_file){.path = whole, .name = whole + strlen(data->path) + 1, .folder = folder};
    }
  }
  ln_free(found.items);
  return status;
}

static ln_status open_folder(ln_data *data, ln_error *err) {
  names inside = {0};
  int64_t capacity = 0;
  ln_status status = gather(data, data->path, -1, &inside, &data->files, &capacity, err);
  const bool plain = data->file_count > 0;
  if (status == LN_OK && inside.count > INT32_MAX) status = ln_fail(err, LN_ERR_LIMIT, "too many folders");
  for (int64_t i = 0; i < inside.count && status == LN_OK; i++) {
    const char *path = ln_arena_printf(&data->arena, "%s/%s", data->path, inside.items[i]);
    status = path ? gather(data, path, (int32_t)i, NULL, &data->files, &capacity, err)
                  : ln_fail(err, LN_ERR_MEMORY, "out of memory");
  }
  if (status == LN_OK && data->file_count == 0) {
    status = ln_fail(err, LN_ERR_DATA, "no picture (JPEG, PNG, BMP) or sound (WAV) in the folder");
  }
  if (status == LN_OK && plain && data->files[data->file_count - 1].folder >= 0) {
    status = ln_fail(err, LN_ERR_DATA, "it holds both files and folders of files: %s, %s", data->files[0].name,
                     data->files[data->file_count - 1].name);
  }
  data->folder_count = plain ? 0 : (int32_t)inside.count;
  data->folders = ln_arena_copy(&data->arena, inside.items, (size_t)inside.count * sizeof *inside.items);
  if (status == LN_OK && inside.count > 0 && !data->folders) status = ln_fail(err, LN_ERR_MEMORY, "out of memory");
  ln_free(inside.items);
  return status;
}

/* ---- decoding ---- */

static ln_status decode(const ln_data *data, const ln_data_file *file, ln_data_file *out, ln_error *err) {
  const ln_data_input *input = &data->inputs[0];
  *out = *file;
  if (data->kind == LN_IO_SOUND) {
    ln_status status = ln_sound_read(file->path, err, &out->sound);
    if (status == LN_OK) ln_sound_to_mono(&out->sound);
    if (status == LN_OK && input->info.sample_rate > 0) {
      status = ln_sound_resample(&out->sound, (int32_t)input->info.sample_rate, err);
    }
    return status;
  }
  ln_image whole = {0}, sized = {0};
  LN_TRY(ln_image_read(file->path, err, &whole));
  ln_image_layout layout;
  ln_status status = ln_image_layout_of(input->dims, input->rank, err, &layout);
  if (status == LN_OK && (layout.width == 0 || layout.height == 0)) {
    out->image = whole;
    return LN_OK;
  }
  if (status == LN_OK) status = ln_image_resize(&whole, layout.width, layout.height, err, &sized);
  if (status == LN_OK) status = ln_image_convert(&sized, layout.channels, err, &out->image);
  ln_image_free(&sized);
  ln_image_free(&whole);
  return status;
}

static size_t bytes_of(const ln_data_file *file) {
  if (file->sound.samples) return file->sound.frames * sizeof *file->sound.samples;
  return (size_t)file->image.width * (size_t)file->image.height * (size_t)file->image.channels;
}

/* The file decoded into `out`; `*kept`: it stays in the cache and is not to be freed. */
static ln_status fetch(const ln_data *data, ln_data_file *file, ln_data_file *out, bool *kept, ln_error *err) {
  struct ln_data_cache *cache = data->cache;
  pthread_mutex_lock(&cache->lock);
  *kept = file->decoded;
  if (*kept) *out = *file;
  pthread_mutex_unlock(&cache->lock);
  if (*kept) return LN_OK;
  LN_TRY(decode(data, file, out, err));
  const size_t bytes = bytes_of(out);
  pthread_mutex_lock(&cache->lock);
  *kept = !file->decoded && bytes <= cache->room - cache->used;
  if (*kept) {
    cache->used += bytes;
    out->decoded = true;
    *file = *out;
  }
  pthread_mutex_unlock(&cache->lock);
  return LN_OK;
}

static void drop(ln_data_file *file) {
  ln_image_free(&file->image);
  ln_sound_free(&file->sound);
}

/* ---- filling ---- */

static ln_status fill_picture(const ln_data *data, const ln_data_file *file, ln_session *session, ln_error *err) {
  const ln_data_input *input = &data->inputs[0];
  int32_t dims[LN_MAX_RANK];
  memcpy(dims, input->dims, sizeof dims);
  LN_TRY(ln_image_fit(&file->image, &input->info, dims, input->rank, err));
  LN_TRY(ln_data_resize(session, 0, dims, input->rank, err));
  LN_TRY(ln_session_prepare(session, err));
  return ln_image_to_tensor(&file->image, &input->info, ln_session_input(session, 0), err);
}

/* Quantized inputs take sound as real values do. */
static ln_type sound_type(const ln_data_input *input) { return input->scale_count == 1 ? LN_FLOAT32 : input->type; }

static ln_status fill_sound(const ln_data *data, const ln_data_file *file, int64_t window, ln_session *session,
                            ln_error *err) {
  const ln_data_input *input = &data->inputs[0];
  int32_t dims[LN_MAX_RANK];
  memcpy(dims, input->dims, sizeof dims);
  LN_TRY(ln_sound_fit(&file->sound, sound_type(input), dims, input->rank, err));
  LN_TRY(ln_data_resize(session, 0, dims, input->rank, err));
  LN_TRY(ln_session_prepare(session, err));
  ln_tensor *tensor = ln_session_input(session, 0);
  return ln_sound_to_tensor(&file->sound, (size_t)window * ln_tensor_elements(tensor), tensor, err);
}

ln_status ln_data_fill_file(const ln_data *data, int64_t index, ln_session *session, ln_error *err) {
  ln_data_file *file = &data->files[data->windows > 0 ? 0 : index], decoded = {0};
  bool kept = false;
  ln_status status = fetch(data, file, &decoded, &kept, err);
  if (status == LN_OK && data->kind == LN_IO_IMAGE) status = fill_picture(data, &decoded, session, err);
  else if (status == LN_OK) status = fill_sound(data, &decoded, data->windows > 0 ? index : 0, session, err);
  if (!kept) drop(&decoded);
  if (status != LN_OK) ln_error_prefix(err, "%s", file->path);
  return status;
}

/* ---- opening ---- */

/* The sound's windows are the samples. */
static ln_status count_windows(ln_data *data, ln_error *err) {
  const ln_data_input *input = &data->inputs[0];
  ln_data_file decoded = {0};
  bool kept = false;
  int32_t dims[LN_MAX_RANK];
  size_t length = 0;
  memcpy(dims, input->dims, sizeof dims);
  ln_status status = fetch(data, &data->files[0], &decoded, &kept, err);
  if (status == LN_OK) status = ln_sound_fit(&decoded.sound, sound_type(input), dims, input->rank, err);
  if (status == LN_OK && !ln_size_product(dims, input->rank, &length)) status = ln_fail(err, LN_ERR_SHAPE, "its shape");
  if (status == LN_OK) data->samples.count = data->windows = ln_sound_windows(&decoded.sound, length);
  if (!kept) drop(&decoded);
  return status;
}

static ln_status open_one(ln_data *data, ln_error *err) {
  data->files = ln_alloc_zero(sizeof *data->files);
  if (!data->files) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  const char *slash = strrchr(data->path, '/');
  data->files[0] = (ln_data_file){.path = data->path, .name = slash ? slash + 1 : data->path, .folder = -1};
  data->file_count = 1;
  data->kind = kind_of(data->path);
  return LN_OK;
}

ln_status ln_data_open_files(ln_data *data, size_t cache_bytes, ln_error *err) {
  if (data->input_count != 1) {
    return ln_fail(err, LN_ERR_SHAPE, "the model has %d inputs: give an .npz file with an array for each",
                   data->input_count);
  }
  data->cache = ln_alloc_zero(sizeof *data->cache);
  if (!data->cache) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  if (pthread_mutex_init(&data->cache->lock, NULL) != 0) {
    ln_free(data->cache);
    data->cache = NULL;
    return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  }
  data->cache->room = cache_bytes > 0 ? cache_bytes : usual_cache;
  const bool folder = ln_file_is_folder(data->path);
  LN_TRY(folder ? open_folder(data, err) : open_one(data, err));
  data->samples.count = data->file_count;
  const ln_data_input *input = &data->inputs[0];
  ln_image_layout layout;
  ln_status status = LN_OK;
  if (data->kind == LN_IO_IMAGE) status = ln_image_layout_of(input->dims, input->rank, err, &layout);
  else if (!folder) status = count_windows(data, err);
  if (status != LN_OK) ln_error_prefix(err, "input \"%s\"", input->name);
  return status;
}

void ln_data_close_files(ln_data *data) {
  for (int64_t i = 0; i < data->file_count; i++) drop(&data->files[i]);
  ln_free(data->files);
  if (data->cache) pthread_mutex_destroy(&data->cache->lock);
  ln_free(data->cache);
}
