/*
 * A plugin for qemu-user that counts the instructions a program executes and writes the number to the file that its
 * argument out=FILE names, for scripts/instructions.py. The few functions of the emulator's plugin interface that it
 * needs are declared here: Debian ships no header of it. They are the same in versions 1 to 5 of the interface, of
 * which the one to claim is given to the compiler as PLUGIN_VERSION.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb; /* a block of translated instructions */
typedef void on_block_made(uint64_t id, struct qemu_plugin_tb *block);
typedef void on_block_run(unsigned cpu, void *context);
typedef void on_exit(uint64_t id, void *context);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, on_block_made *function);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, on_block_run *function, int flags,
                                          void *context);
void qemu_plugin_register_atexit_cb(uint64_t id, on_exit *function, void *context);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

EXPORT int qemu_plugin_version = PLUGIN_VERSION;

static uint64_t executed;
static char out[4096];

static void block_run(unsigned cpu, void *instructions) {
  (void)cpu;
  __atomic_fetch_add(&executed, (uint64_t)(uintptr_t)instructions, __ATOMIC_RELAXED);
}

static void block_made(uint64_t id, struct qemu_plugin_tb *block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_cb(block, block_run, 0, (void *)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

static void at_exit(uint64_t id, void *context) {
  FILE *file = fopen(out, "w");
  (void)id;
  (void)context;
  if (file == NULL) return;
  fprintf(file, "%" PRIu64 "\n", executed);
  fclose(file);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv) {
  (void)info;
  for (int i = 0; i < argc; ++i) {
    if (strncmp(argv[i], "out=", 4) == 0) snprintf(out, sizeof out, "%s", argv[i] + 4);
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, block_made);
  qemu_plugin_register_atexit_cb(id, at_exit, NULL);
  return 0;
}
