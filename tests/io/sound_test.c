/* Sound: PCM WAV to samples, channels joined, another rate where the build has libsamplerate. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "linnet/io.h"
#include "support/unit.h"

static void put(uint8_t *at, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> (8 * i));
}

/* Writes a WAV of `frames` frames (sample i of channel c: 100 i - c) and returns its path in `path`. */
static void make_wav(int channels, int rate, int frames, char path[64]) {
  const uint32_t bytes = (uint32_t)(frames * channels * 2);
  uint8_t *file = calloc(44 + bytes, 1);
  memcpy(file, "RIFF    WAVEfmt ", 16);
  put(file + 4, 36 + bytes, 4);
  put(file + 16, 16, 4);
  put(file + 20, 1, 2);
  put(file + 22, (uint32_t)channels, 2);
  put(file + 24, (uint32_t)rate, 4);
  put(file + 28, (uint32_t)(rate * channels * 2), 4);
  put(file + 32, (uint32_t)channels * 2, 2);
  put(file + 34, 16, 2);
  memcpy(file + 36, "data", 4);
  put(file + 40, bytes, 4);
  for (int i = 0; i < frames * channels; i++) {
    put(file + 44 + 2 * i, (uint32_t)(100 * (i / channels) - i % channels), 2);
  }
  strcpy(path, "/tmp/linnet-sound-XXXXXX");
  const int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, file, 44 + bytes), 44 + bytes);
  close(fd);
  free(file);
}

static void reads_wav(void **state) {
  (void)state;
  char path[64];
  ln_sound sound;
  ln_io_kind kind;
  make_wav(2, 8000, 10, path);
  assert_int_equal(ln_io_detect(path, NULL, &kind), LN_OK);
  assert_int_equal(kind, LN_IO_SOUND);
  assert_int_equal(ln_sound_read(path, NULL, &sound), LN_OK);
  assert_int_equal(sound.rate, 8000);
  assert_int_equal(sound.channels, 2);
  assert_int_equal(sound.frames, 10);
  assert_true(sound.samples[2] == 100.0f / 32768.0f);
  assert_true(sound.samples[3] == 99.0f / 32768.0f);
  ln_sound_to_mono(&sound);
  assert_int_equal(sound.channels, 1);
  assert_true(sound.samples[9] == 899.5f / 32768.0f);
  ln_sound_free(&sound);
  unlink(path);
}

static void resamples(void **state) {
  (void)state;
  char path[64];
  ln_sound sound;
  make_wav(1, 8000, 200, path);
  assert_int_equal(ln_sound_read(path, NULL, &sound), LN_OK);
  assert_int_equal(ln_sound_resample(&sound, 8000, NULL), LN_OK);
  assert_int_equal(sound.frames, 200);
  const ln_status status = ln_sound_resample(&sound, 16000, NULL);
  if (status != LN_ERR_FEATURE) {
    assert_int_equal(status, LN_OK);
    assert_int_equal(sound.rate, 16000);
    assert_in_range(sound.frames, 395, 401);
    assert_true(fabsf(sound.samples[200] - 10000.0f / 32768.0f) < 0.01f);
  }
  ln_sound_free(&sound);
  unlink(path);
}

static void refuses_what_is_no_sound(void **state) {
  (void)state;
  ln_sound sound;
  ln_error err = {LN_OK, ""};
  assert_int_equal(ln_sound_read("/no/such/file.wav", &err, &sound), LN_ERR_IO);
  assert_int_not_equal(ln_sound_read(LN_TESTS_DIR "/io/sound_test.c", &err, &sound), LN_OK);
  assert_null(sound.samples);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_wav),
      cmocka_unit_test(resamples),
      cmocka_unit_test(refuses_what_is_no_sound),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
