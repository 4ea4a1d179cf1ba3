/* The `linnet` tool: finds the subcommand and hands over. */
#include <string.h>

#include "cli.h"

const cli_command *const cli_commands[] = {&cli_run,     &cli_inspect,   &cli_bench,
#ifndef LN_WITHOUT_OPTIMIZER
                                           &cli_build,   &cli_optimize,  &cli_eval,     &cli_compare, &cli_debug_quant,
#endif
#ifndef LN_WITHOUT_TRAINING
                                           &cli_train,   &cli_trainable, &cli_describe,
#endif
#ifndef LN_WITHOUT_CONVERTER
                                           &cli_convert, &cli_check,     &cli_export,
#endif
                                           &cli_ops,     &cli_select,    &cli_version,  &cli_help,    NULL};

int main(int argc, char **argv) {
  const char *tier = ln_cpu_tier_unknown();
  if (tier) {
    fprintf(
        stderr,
        "linnet: LINNET_CPU=%s names no tier of kernels: generic, avx2, avxvnni, avx512, avx512vnni, avx512bf16; neon, "
        "neondot, neoni8mm on an Arm\n",
        tier);
    return CLI_USAGE;
  }
  if (argc < 2) {
    fprintf(stderr, "linnet: no subcommand given (try linnet --help)\n");
    return CLI_USAGE;
  }
  const char *name = argv[1];
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
  if (strcmp(name, "--version") == 0) name = "version";
  for (int i = 0; cli_commands[i]; i++) {
    if (strcmp(name, cli_commands[i]->name) != 0) continue;
    int status = cli_commands[i]->run(cli_commands[i], argc - 1, argv + 1);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == CLI_OK)
      status = cli_fail("cannot write to standard output");
    return status;
  }
  fprintf(stderr, "linnet: no subcommand %s (try linnet --help)\n", name);
  return CLI_USAGE;
}
