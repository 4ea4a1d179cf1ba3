/* Whole files: mapped for reading, written beside their name and renamed. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

ln_status ln_file_map_open(const char *path, ln_error *err, ln_file_map *out) {
  *out = (ln_file_map){0};
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block before it is refused */
  if (fd < 0) return ln_fail(err, LN_ERR_IO, "cannot open: %s", strerror(errno));
  ln_status status = LN_OK;
  struct stat info;
  if (fstat(fd, &info) != 0) {
    status = ln_fail(err, LN_ERR_IO, "cannot read: %s", strerror(errno));
  } else if (S_ISDIR(info.st_mode)) {
    status = ln_fail(err, LN_ERR_IO, "is a directory");
  } else if (!S_ISREG(info.st_mode)) {
    status = ln_fail(err, LN_ERR_IO, "is not a regular file");
  } else if (info.st_size > 0) {
    void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) status = ln_fail(err, LN_ERR_IO, "cannot map: %s", strerror(errno));
    else *out = (ln_file_map){data, (size_t)info.st_size, true};
  }
  close(fd);
  return status;
}

void ln_file_map_close(ln_file_map *map) {
  if (map->mapped) munmap((void *)map->data, map->size);
  else ln_free((void *)map->data);
  *map = (ln_file_map){0};
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

ln_status ln_file_write(const char *path, const void *data, size_t size, ln_error *err) {
  char name[4096];
  const int length = snprintf(name, sizeof name, "%s.XXXXXX", path);
  if (length < 0 || (size_t)length >= sizeof name) return ln_fail(err, LN_ERR_IO, "%s: the name is too long", path);
  const int fd = mkstemp(name);
  if (fd < 0) return ln_fail(err, LN_ERR_IO, "cannot write %s: %s", path, strerror(errno));
  const mode_t mask = umask(0);
  umask(mask);
  bool good = write_all(fd, data, size) && fchmod(fd, 0666 & ~mask) == 0;
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
