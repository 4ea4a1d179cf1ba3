/* Whole files: mapped for reading, written beside their name and renamed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

enum { NAMES = 1000 }; /* tried for a new file: those of other writers, or left by ones that died */

/* Maps bytes [offset, offset + size) of a file of at least that length; mappings begin at whole pages. */
static ln_status map_range(int fd, uint64_t offset, size_t size, ln_error *err, ln_file_map *out) {
  const uint64_t skipped = offset % (uint64_t)sysconf(_SC_PAGESIZE);
  size_t whole;
  if (!ln_size_add(size, (size_t)skipped, &whole)) return ln_fail(err, LN_ERR_MEMORY, "is too large to be mapped");
  uint8_t *data = mmap(NULL, whole, PROT_READ, MAP_PRIVATE, fd, (off_t)(offset - skipped));
  if (data == MAP_FAILED) return ln_fail(err, LN_ERR_IO, "cannot map: %s", strerror(errno));
  *out = (ln_file_map){.data = data + skipped, .size = size, .mapped = true, .skipped = (size_t)skipped};
  return LN_OK;
}

ln_status ln_file_map_fd(int fd, uint64_t offset, size_t size, ln_error *err, ln_file_map *out) {
  *out = (ln_file_map){0};
  struct stat info;
  if (fstat(fd, &info) != 0) return ln_fail(err, LN_ERR_IO, "cannot read: %s", strerror(errno));
  if (S_ISDIR(info.st_mode)) return ln_fail(err, LN_ERR_IO, "is a directory");
  if (!S_ISREG(info.st_mode)) return ln_fail(err, LN_ERR_IO, "is not a regular file");
  const uint64_t length = (uint64_t)info.st_size;
  if (offset > length || size > length - offset) {
    return ln_fail(err, LN_ERR_ARGUMENT, "has %llu bytes, fewer than asked for", (unsigned long long)length);
  }
  if (size == 0 && length - offset > PTRDIFF_MAX) return ln_fail(err, LN_ERR_MEMORY, "is too large to be mapped");
  if (size == 0) size = (size_t)(length - offset);
  return size == 0 ? LN_OK : map_range(fd, offset, size, err, out);
}

ln_status ln_file_map_open(const char *path, ln_error *err, ln_file_map *out) {
  *out = (ln_file_map){0};
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block before it is refused */
  if (fd < 0) return ln_fail(err, LN_ERR_IO, "cannot open: %s", strerror(errno));
  const ln_status status = ln_file_map_fd(fd, 0, 0, err, out);
  close(fd);
  return status;
}

void ln_file_map_close(ln_file_map *map) {
  if (map->mapped) munmap((void *)(map->data - map->skipped), map->size + map->skipped);
  else ln_free((void *)map->data);
  *map = (ln_file_map){0};
}

void ln_file_map_forget(const ln_file_map *map, const void *data, size_t bytes) {
  const uint8_t *from = data;
  if (!map->mapped || from < map->data || from >= map->data + map->size) return;
  if (bytes > map->size - (size_t)(from - map->data)) return;
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  const uintptr_t first = ((uintptr_t)from + page - 1) / page * page, end = ((uintptr_t)from + bytes) / page * page;
  if (first < end) madvise((void *)first, end - first, MADV_DONTNEED);
}

static bool write_all(int fd, const char *data, size_t size) {
  while (size > 0) {
    const size_t piece = size < (1u << 30) ? size : (1u << 30);
    const ssize_t written = write(fd, data, piece);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data += written;
    size -= (size_t)written;
  }
  return true;
}

/* A file that was not there, and its name. The system gives it its mode: asking for the process's mask would set it. */
static int open_beside(const char *path, char *name, size_t room) {
  for (int32_t i = 0; i < NAMES; ++i) {
    const int length = snprintf(name, room, "%s.%ld-%d", path, (long)getpid(), (int)i);
    if (length < 0 || (size_t)length >= room) {
      errno = ENAMETOOLONG;
      return -1;
    }
    const int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return -1;
}

ln_status ln_file_write_pieces(const char *path, const ln_piece *pieces, size_t count, ln_error *err) {
  char name[4096];
  const int fd = open_beside(path, name, sizeof name);
  if (fd < 0) return ln_fail(err, LN_ERR_IO, "cannot write %s: %s", path, strerror(errno));
  bool good = true;
  for (size_t i = 0; good && i < count; ++i) good = write_all(fd, pieces[i].data, pieces[i].size);
  int reason = errno;
  if (close(fd) != 0 && good) {
    good = false;
    reason = errno;
  }
  if (good && rename(name, path) != 0) {
    good = false;
    reason = errno;
  }
  if (good) return LN_OK;
  unlink(name);
  return ln_fail(err, LN_ERR_IO, "cannot write %s: %s", path, strerror(reason));
}

ln_status ln_file_write(const char *path, const void *data, size_t size, ln_error *err) {
  const ln_piece piece = {data, size};
  return ln_file_write_pieces(path, &piece, 1, err);
}

bool ln_file_is_folder(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool ln_file_exists(const char *path) { return access(path, F_OK) == 0; }

ln_status ln_file_rename(const char *from, const char *to, ln_error *err) {
  if (rename(from, to) == 0) return LN_OK;
  return ln_fail(err, LN_ERR_IO, "cannot rename %s to %s: %s", from, to, strerror(errno));
}

ln_status ln_file_remove(const char *path, ln_error *err) {
  if (remove(path) == 0) return LN_OK;
  return ln_fail(err, LN_ERR_IO, "cannot remove %s: %s", path, strerror(errno));
}
