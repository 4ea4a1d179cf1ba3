/* A model (made by linnet trainable, docs/train.md) that learns where it runs: samples come one at a time, each is
 * trained on together with earlier ones from a replay buffer; what was learned is saved and restored.
 *   cc personalize.c $(pkg-config --cflags --libs linnet) -lm -o personalize && ./personalize MODEL CHECKPOINT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linnet/linnet.h"

enum { KEPT = 64, REPLAYS = 7, SAMPLES = 400, CLASSES = 5, TESTS = 200 };
static float *kept; /* [KEPT + 1, size] the replay buffer */
static int32_t kept_labels[KEPT];
static size_t size; /* elements of a sample */
static ln_error err;

static void try(ln_status status) {
  if (status != LN_OK) exit((fprintf(stderr, "personalize: %s\n", err.message), 1));
}

/* What a sensor would give: a wave whose length tells the class, and noise. */
static int32_t sense(float *sample) {
  const int32_t label = rand() % CLASSES, phase = rand() % 628;
  for (size_t i = 0; i < size; ++i) sample[i] = (float)(sin(phase * 0.01 + 0.1 * i * (label + 1)) + rand() % 9 * 0.1);
  return label;
}

static ln_session *open(ln_model *model, const char *signature, ln_session *share) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session *session = NULL;
  options.signature = signature, options.share = share; /* whose variables it uses */
  try(ln_session_create(model, &options, &err, &session));
  return session;
}

static void step(ln_session *session, const float *sample, int32_t label) {
  const int32_t labels = ln_session_find_input(session, "labels");
  try(ln_session_set_input(session, 1 - labels, sample, size * sizeof *sample, &err));
  try(ln_session_set_input(session, labels, &label, sizeof label, &err));
  try(ln_session_run(session, &err));
}

/* A step on a new sample and some on earlier ones. The buffer holds each sample so far with the same chance (Vitter,
 * Random Sampling with a Reservoir, 1985). */
static void learn(ln_session *session, int32_t seen) {
  const int32_t at = seen < KEPT ? seen : rand() % (seen + 1);
  float *sample = kept + (size_t)(at < KEPT ? at : KEPT) * size; /* the last place is for what is not kept */
  const int32_t label = sense(sample);
  if (at < KEPT) kept_labels[at] = label;
  step(session, sample, label);
  for (int32_t i = 0; i < REPLAYS; ++i) {
    const size_t from = (size_t)(rand() % (seen < KEPT ? seen + 1 : KEPT));
    step(session, kept + from * size, kept_labels[from]);
  }
}

static int32_t count_right(ln_session *infer) {
  int32_t right = 0, best = 0;
  srand(7); /* the same samples each time, not those that are learned */
  for (int32_t i = 0; i < TESTS; ++i, best = 0) {
    const int32_t label = sense(ln_tensor_mutable_data(ln_session_input(infer, 0)));
    try(ln_session_run(infer, &err));
    const float *scores = ln_tensor_data(ln_session_output(infer, 0));
    for (int32_t k = 1; k < CLASSES; ++k) best = scores[k] > scores[best] ? k : best;
    right += best == label;
  }
  return right;
}

static void with_file(ln_model *model, const char *signature, ln_session *share, const char *path) {
  ln_session *session = open(model, signature, share);
  int32_t text[1024] = {1, 12, 12 + (int32_t)strlen(path)}; /* one string: its beginning, its end */
  memcpy(text + 3, path, strlen(path));
  try(ln_session_set_input(session, 0, text, 12 + strlen(path), &err));
  try(ln_session_run(session, &err));
  ln_session_destroy(session);
}

int main(int argc, char **argv) {
  ln_model *model = NULL;
  if (argc != 3 || strlen(argv[2]) > 4000) return fprintf(stderr, "usage: personalize MODEL CHECKPOINT\n"), 2;
  try(ln_model_open(argv[1], &err, &model));
  ln_session *train = open(model, "train", NULL), *infer = open(model, "infer", train);
  ln_session *other = open(model, "infer", NULL); /* with variables of its own */
  size = ln_tensor_elements(ln_session_input(infer, 0));
  if ((kept = calloc(KEPT + 1, size * sizeof *kept)) == NULL) return 1;
  const int32_t before = count_right(infer);
  srand(1);
  for (int32_t i = 0; i < SAMPLES; ++i) learn(train, i);
  with_file(model, "save", train, argv[2]);
  with_file(model, "restore", other, argv[2]);
  const int32_t after = count_right(infer), restored = count_right(other);
  printf("right: %d, after learning %d, restored %d of %d\n", (int)before, (int)after, (int)restored, TESTS);
  ln_session_destroy(other);
  ln_session_destroy(infer);
  ln_session_destroy(train);
  ln_model_destroy(model);
  free(kept);
}
