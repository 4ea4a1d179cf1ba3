/* linnet version, linnet help. */
#include <string.h>

#include "cli.h"
#ifndef LN_WITHOUT_CONVERTER
#include "linnet/convert.h"
#endif

/* The outside libraries of the input library, then those that only the converters use. */
static const char *library(int32_t index) {
  for (int32_t i = 0; ln_io_library(i); i++) {
    if (index-- == 0) return ln_io_library(i);
  }
#ifndef LN_WITHOUT_CONVERTER
  return ln_convert_library(index);
#else
  return NULL;
#endif
}

static int version(const cli_command *self, int argc, char **argv) {
  int operands;
  const int status = cli_parse(self, argc, argv, NULL, 0, NULL, 0, &operands);
  if (status >= 0) return status;
  printf("linnet %s\nkernels: %s\nlibraries:", ln_version(), ln_cpu_tier());
  for (int32_t i = 0; library(i); i++) {
    const char *name = library(i), *notice = strstr(name, " (c)");
    printf("%s %.*s", i ? "," : "", (int)(notice ? notice - name : (ptrdiff_t)strlen(name)), name);
  }
  printf("%s\n", library(0) ? "" : " none");
  return CLI_OK;
}

const cli_command cli_version = {"version", version, "version, CPU tier in use, libraries built in",
                                 "usage: linnet version\n\n"
                                 "Prints the version, the tier of kernels in use (LINNET_CPU=generic|avx2|avx512|\n"
                                 "avx512vnni lowers it) and the outside libraries of this build.\n"};

static int help(const cli_command *self, int argc, char **argv) {
  (void)self, (void)argc, (void)argv;
  printf("usage: linnet SUBCOMMAND ...\n\nRuns and examines .tflite models.\n\n");
  for (int i = 0; cli_commands[i]; i++) printf("  %-11s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
  printf("\nlinnet SUBCOMMAND --help says more. Exit status: 0, 1 for a bad model or input, 2 for bad usage.\n");
  return CLI_OK;
}

const cli_command cli_help = {"help", help, "this text", ""};
