/* Settings for tests, from one text. */
#include "train/chosen.h"

#include <stdio.h>
#include <string.h>

#include "support/unit.h"

ln_settings *chosen(const char *text) {
  char name[64], value[64];
  int length = 0;
  ln_error err;
  ln_settings *s = ln_settings_create();
  assert_non_null(s);
  for (; sscanf(text, " %63[a-z_0-9]=%63s%n", name, value, &length) == 2; text += length) {
    if (ln_settings_set(s, name, value, &err) != LN_OK) fail_msg("%s", err.message);
  }
  assert_int_equal(*text, '\0');
  return s;
}
