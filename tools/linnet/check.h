/* What linnet check and linnet convert --target share. */
#ifndef LINNET_CLI_CHECK_H
#define LINNET_CLI_CHECK_H

#include "cli.h"
#include "json.h"
#include "linnet/check.h"

/* -1 for a target's name, or none; CLI_USAGE, with a message, for another one. */
int check_target(const cli_command *self, const char *target);
void check_print_text(const ln_check *check);
void check_print_json(json *j, const char *key, const ln_check *check);

#endif
