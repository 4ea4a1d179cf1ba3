/* Settings for tests, from one text. */
#include "train/chosen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ln_settings {
  char text[256];
};

ln_settings *chosen(const char *text) {
  ln_settings *s = calloc(1, sizeof *s);
  snprintf(s->text, sizeof s->text, " %s", text);
  return s;
}

void ln_settings_destroy(ln_settings *s) { free(s); }

double ln_setting_number(const ln_settings *s, const ln_parameter *list, const char *name) {
  char key[64];
  snprintf(key, sizeof key, " %s=", name);
  const char *at = strstr(s->text, key);
  while (list->name != NULL && strcmp(list->name, name) != 0) ++list;
  if (list->name == NULL) abort();
  return atof(at == NULL ? list->fallback : at + strlen(key));
}

int64_t ln_setting_int(const ln_settings *s, const ln_parameter *list, const char *name) {
  return (int64_t)ln_setting_number(s, list, name);
}
