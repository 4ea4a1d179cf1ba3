/* Folders: temporary ones, copies, and their end. */
#define _XOPEN_SOURCE 700
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "convert/export.h"

enum { PATH_MOST = 4096, DEEPEST = 32 };

static bool join(char *out, const char *folder, const char *name) {
  const int length = snprintf(out, PATH_MOST, "%s/%s", folder, name);
  return length > 0 && length < PATH_MOST;
}

ln_status ln_temp_folder(ln_arena *arena, ln_error *err, const char **out) {
  const char *base = getenv("TMPDIR");
  char *path = ln_arena_printf(arena, "%s/linnet-XXXXXX", base != NULL && *base != '\0' ? base : "/tmp");
  if (path == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  *out = mkdtemp(path);
  return *out != NULL ? LN_OK : ln_fail(err, LN_ERR_IO, "cannot make a temporary folder: %s", strerror(errno));
}

ln_status ln_folder_make(const char *path, ln_error *err) {
  return mkdir(path, 0777) == 0 ? LN_OK : ln_fail(err, LN_ERR_IO, "cannot make %.200s: %s", path, strerror(errno));
}

/* Calls `each` for every entry but . and .. */
typedef ln_status (*each_entry)(void *context, const char *folder, const char *name, ln_error *err);

static ln_status walk(const char *path, each_entry each, void *context, ln_error *err) {
  DIR *folder = opendir(path);
  ln_status status = LN_OK;
  if (folder == NULL) return ln_fail(err, LN_ERR_IO, "cannot read %.200s: %s", path, strerror(errno));
  for (struct dirent *entry; status == LN_OK && (entry = readdir(folder)) != NULL;) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      status = each(context, path, entry->d_name, err);
    }
  }
  closedir(folder);
  return status;
}

static ln_status remove_entry(void *context, const char *folder, const char *name, ln_error *err) {
  char path[PATH_MOST];
  struct stat info;
  int *depth = context;
  if (!join(path, folder, name) || lstat(path, &info) != 0) return LN_OK;
  if (!S_ISDIR(info.st_mode)) {
    unlink(path);
  } else if (*depth < DEEPEST) {
    ++*depth;
    walk(path, remove_entry, context, err);
    --*depth;
    rmdir(path);
  }
  return LN_OK;
}

void ln_folder_remove(const char *path) {
  int depth = 0;
  if (path == NULL) return;
  walk(path, remove_entry, &depth, NULL);
  rmdir(path);
}

typedef struct copying {
  const char *to, *without;
  int depth;
} copying;

static ln_status copy_entry(void *context, const char *folder, const char *name, ln_error *err) {
  const copying *c = context;
  char from[PATH_MOST], to[PATH_MOST];
  struct stat info;
  if (!join(from, folder, name) || !join(to, c->to, name)) return ln_fail(err, LN_ERR_IO, "a path is too long");
  if (lstat(from, &info) != 0) return ln_fail(err, LN_ERR_IO, "cannot read %.200s: %s", from, strerror(errno));
  if (S_ISDIR(info.st_mode)) {
    copying below = {to, NULL, c->depth + 1};
    if (below.depth > DEEPEST) return ln_fail(err, LN_ERR_LIMIT, "folders are too deep");
    LN_TRY(ln_folder_make(to, err));
    return walk(from, copy_entry, &below, err);
  }
  if (!S_ISREG(info.st_mode) || (c->without != NULL && strcmp(name, c->without) == 0)) return LN_OK;
  ln_file_map map;
  LN_TRY(ln_file_map_open(from, err, &map));
  const ln_status status = ln_file_write(to, map.data, map.size, err);
  ln_file_map_close(&map);
  return status;
}

ln_status ln_folder_copy(const char *from, const char *to, const char *without, ln_error *err) {
  copying c = {to, without, 0};
  LN_TRY(ln_folder_make(to, err));
  return walk(from, copy_entry, &c, err);
}
