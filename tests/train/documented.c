/* Tables of docs/train.md against the rows that they list. */
#include "train/documented.h"

#include <stdio.h>

#include "support/unit.h"

static FILE *open_at(const char *section) {
  char line[1024], heading[64];
  FILE *file = fopen(LN_TESTS_DIR "/../docs/train.md", "r");
  assert_non_null(file);
  snprintf(heading, sizeof heading, "## %s\n", section);
  while (fgets(line, sizeof line, file) != NULL && strcmp(line, heading) != 0) continue;
  return file;
}

void check_documented(const char *section, const char *(*at)(int32_t index)) {
  char line[1024], begin[64];
  FILE *file = open_at(section);
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

void check_documented_parameters(const char *section, const ln_parameter *(*at)(int32_t index)) {
  char line[1024], wanted[512];
  FILE *file = open_at(section);
  int32_t index = 0;
  while (fgets(line, sizeof line, file) != NULL && strncmp(line, "## ", 3) != 0) {
    if (strncmp(line, "| `", 3) != 0) continue;
    size_t length = 0;
    wanted[0] = '\0';
    for (const ln_parameter *p = at(index); p->name != NULL; ++p) {
      const char *fallback = p->kind == LN_PARAMETER_FLAG ? "" : p->fallback;
      length += (size_t)snprintf(wanted + length, sizeof wanted - length, "%s`%s`%s%s", length == 0 ? "| " : ", ",
                                 p->name, *fallback == '\0' ? "" : " ", fallback);
      assert_true(length < sizeof wanted);
    }
    if (strstr(line, wanted) == NULL) fail_msg("docs/train.md, %s: line %d lacks %s", section, (int)index, wanted);
    ++index;
  }
  fclose(file);
}
