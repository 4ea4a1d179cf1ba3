/* Tables of docs/train.md against the rows that they list. */
#include "train/documented.h"

#include <stdio.h>

#include "support/unit.h"

void check_documented(const char *section, const char *(*at)(int32_t index)) {
  char line[1024], heading[64], begin[64];
  FILE *file = fopen(LN_TESTS_DIR "/../docs/train.md", "r");
  assert_non_null(file);
  snprintf(heading, sizeof heading, "## %s\n", section);
  while (fgets(line, sizeof line, file) != NULL && strcmp(line, heading) != 0) continue;
  int32_t index = 0;
  while (fgets(line, sizeof line, file) != NULL && strncmp(line, "## ", 3) != 0) {
    if (strncmp(line, "| `", 3) != 0) continue;
    if (at(index) == NULL) fail_msg("docs/train.md, %s: what is %s", section, line);
    snprintf(begin, sizeof begin, "| `%s` |", at(index++));
    if (strncmp(line, begin, strlen(begin)) != 0) fail_msg("docs/train.md, %s: no %s but %s", section, begin, line);
  }
  fclose(file);
  if (at(index) != NULL) fail_msg("docs/train.md, %s: %s is missing", section, at(index));
}
