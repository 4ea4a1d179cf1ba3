/*
 * Two models in a row, as TFLite Micro's speech example feeds them: windows of 30 ms every 20 ms through the audio
 * preprocessor, its 49 times 40 features through the recognizer, on clips of one second. Skipped without shared/.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/base.h"
#include "linnet/linnet.h"
#include "support/unit.h"

enum { WINDOW = 480, STEP = 320, SLICES = 49, FEATURES = 40, CLASSES = 4 };
static const char *const classes[CLASSES] = {"silence", "unknown", "yes", "no"};

static ln_session *open_session(const char *name, ln_model **model) {
  char path[1024];
  ln_error err = {LN_OK, ""};
  ln_session *session = NULL;
  snprintf(path, sizeof path, "%s/models/%s.tflite", LN_SHARED_DIR, name);
  if (ln_model_open(path, &err, model) != LN_OK || ln_session_create(*model, NULL, &err, &session) != LN_OK) {
    fail_msg("%s: %s", path, err.message);
  }
  return session;
}

/* The 16-bit samples of a mono .wav file: what follows its "data" chunk's header. */
static const int16_t *find_samples(const ln_file_map *map, size_t *count) {
  for (size_t at = 12; at + 8 <= map->size;) {
    uint32_t bytes;
    memcpy(&bytes, map->data + at + 4, 4);
    if (memcmp(map->data + at, "data", 4) == 0 && bytes <= map->size - at - 8) {
      *count = bytes / 2;
      return (const int16_t *)(const void *)(map->data + at + 8);
    }
    at += 8 + (size_t)bytes;
  }
  fail_msg("no samples in the sound");
  return NULL;
}

static int recognize(const char *clip) {
  char path[1024];
  ln_error err = {LN_OK, ""};
  ln_file_map map;
  size_t count = 0;
  ln_model *models[2];
  int8_t features[SLICES * FEATURES];
  snprintf(path, sizeof path, "%s/audio/%s_1000ms.wav", LN_SHARED_DIR, clip);
  if (ln_file_map_open(path, &err, &map) != LN_OK) fail_msg("%s: %s", path, err.message);
  const int16_t *samples = find_samples(&map, &count);
  assert_true(count >= (SLICES - 1) * STEP + WINDOW);
  ln_session *front = open_session("tflm_audio_preprocessor_int8", &models[0]);
  ln_session *back = open_session("tflm_micro_speech_quantized", &models[1]);
  for (int i = 0; i < SLICES; ++i) {
    assert_int_equal(ln_session_set_input(front, 0, samples + i * STEP, WINDOW * sizeof *samples, &err), LN_OK);
    if (ln_session_run(front, &err) != LN_OK) fail_msg("%s", err.message);
    assert_int_equal(ln_tensor_bytes(ln_session_output(front, 0)), FEATURES);
    memcpy(features + i * FEATURES, ln_tensor_data(ln_session_output(front, 0)), FEATURES);
  }
  assert_int_equal(ln_session_set_input(back, 0, features, sizeof features, &err), LN_OK);
  if (ln_session_run(back, &err) != LN_OK) fail_msg("%s", err.message);
  const int8_t *scores = ln_tensor_data(ln_session_output(back, 0));
  int best = 0;
  for (int i = 1; i < CLASSES; ++i) {
    if (scores[i] > scores[best]) best = i;
  }
  print_message("%-8s %s (%d, %d, %d, %d)\n", clip, classes[best], scores[0], scores[1], scores[2], scores[3]);
  ln_session_destroy(front);
  ln_session_destroy(back);
  ln_model_destroy(models[0]);
  ln_model_destroy(models[1]);
  ln_file_map_close(&map);
  return best;
}

static void clips_are_recognized(void **state) {
  (void)state;
  const struct {
    const char *clip;
    int want;
  } clips[] = {{"yes", 2}, {"no", 3}, {"silence", 0}, {"noise", 0}};
  for (size_t i = 0; i < LN_COUNT(clips); ++i) {
    const int got = recognize(clips[i].clip);
    if (got != clips[i].want) fail_msg("%s is taken for %s", clips[i].clip, classes[got]);
  }
}

int main(void) {
  if (access(LN_SHARED_DIR "/audio", R_OK) != 0) {
    printf("skipped: no %s/audio\n", LN_SHARED_DIR);
    return 77;
  }
  const struct CMUnitTest tests[] = {cmocka_unit_test(clips_are_recognized)};
  return cmocka_run_group_tests_name("models.micro_speech", tests, NULL, NULL);
}
