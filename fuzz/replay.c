/*
 * Gives a fuzz target kept inputs: PROGRAM FILE_OR_FOLDER... Each is copied to a block of its own, so that a read past
 * its end is seen; the one that ends the program is named.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

enum { HANG_SECONDS = 60 };

static char current[1024];
static int inputs;

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void say_where(void) {
  if (write(STDERR_FILENO, current, strlen(current)) < 0) _exit(3);
}

static void on_signal(int number) {
  say_where();
  _exit(128 + number);
}

static bool replay_file(FILE *file) {
  uint8_t *data = NULL;
  long size = -1;
  if (fseek(file, 0, SEEK_END) == 0) size = ftell(file);
  rewind(file);
  if (size >= 0) data = malloc(size > 0 ? (size_t)size : 1);
  const bool good = data != NULL && fread(data, 1, (size_t)size, file) == (size_t)size;
  if (good) {
    alarm(HANG_SECONDS);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    alarm(0);
    ++inputs;
  }
  free(data);
  return good;
}

static bool replay(const char *path) {
  struct dirent **entries = NULL;
  const int count = scandir(path, &entries, NULL, alphasort);
  bool good = true;
  for (int i = 0; i < count; ++i) {
    char inner[1000];
    if (entries[i]->d_name[0] != '.') {
      snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
      good = replay(inner) && good;
    }
    free(entries[i]);
  }
  free(entries);
  if (count >= 0) return good;
  FILE *file = fopen(path, "rb");
  snprintf(current, sizeof current, "in %.1000s\n", path);
  good = file != NULL && replay_file(file);
  if (!good) fprintf(stderr, "%s cannot be read\n", path);
  if (file != NULL) fclose(file);
  return good;
}

int main(int argc, char **argv) {
  static const int fatal[] = {SIGALRM, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
  bool good = argc > 1;
  for (size_t i = 0; i < sizeof fatal / sizeof *fatal; ++i) {
    /* A sanitizer's own handlers say more. */
    if (__sanitizer_set_death_callback == NULL || i < 2) signal(fatal[i], on_signal);
  }
  if (__sanitizer_set_death_callback != NULL) __sanitizer_set_death_callback(say_where);
  for (int i = 1; i < argc; ++i) good = replay(argv[i]) && good;
  printf("%d inputs\n", inputs);
  return good ? 0 : 1;
}
