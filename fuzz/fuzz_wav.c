/* Bytes as a sound file, read through a file in memory: down to one channel, to another rate. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "linnet/io.h"

static void use(ln_sound *sound) {
  ln_error err = {LN_OK, ""};
  ln_sound_to_mono(sound);
  if (sound->frames > 1 << 16 || sound->rate > 1000000) return;
  const ln_status status = ln_sound_resample(sound, 16000, &err);
  fuzz_check(status, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[64];
  ln_error err = {LN_OK, ""};
  ln_sound sound = {0};
  const int file = memfd_create("sound", 0);
  if (file < 0) return 0;
  if (write(file, data, size) == (ssize_t)size) {
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    const ln_status status = ln_sound_read(path, &err, &sound);
    fuzz_check(status, &err);
    if (status == LN_OK) use(&sound);
  }
  ln_sound_free(&sound);
  close(file);
  return 0;
}
